//! `aiworklab hook HARNESS`: takes what the harness says on stdin, and leaves.
//!
//! The harness waits for this program at every tool call, so it does as little as can be done:
//! no argument parser, no runtime, no database, no parsing of the payload. One read, one append.
//!
//! Invariant: it prints nothing and exits 0 whatever happens. Another exit code would show an
//! error in the engineer's session, or (2) stop the tool.

use crate::edges::Machine;
use crate::home::Home;
use crate::spool::{self, Harness, MAX_PAYLOAD_BYTES};
use crate::world::World;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::time::Duration;

/// However long the input or the disk takes, the harness is let go after this.
const PATIENCE: Duration = Duration::from_secs(2);

/// The whole life of the hook.
pub fn run(harness: Option<OsString>) {
    std::panic::set_hook(Box::new(|_| {}));
    // A stdin that never ends or a dead network folder must not hold the tool.
    let watchdog = std::thread::Builder::new().stack_size(64 * 1024).spawn(|| {
        std::thread::sleep(PATIENCE);
        crate::edges::leave();
    });
    let _ = watchdog;
    let _ = std::panic::catch_unwind(|| {
        let _ = take(&Machine, harness, io::stdin());
    });
}

fn take<R: Read + IsTerminal>(
    world: &dyn World,
    harness: Option<OsString>,
    mut input: R,
) -> io::Result<()> {
    let known = harness.as_ref().and_then(|name| name.to_str()).and_then(Harness::named);
    let (Some(harness), false) = (known, input.is_terminal()) else { return Ok(()) };
    let mut payload = Vec::with_capacity(64 * 1024);
    let kept = (&mut input).take(MAX_PAYLOAD_BYTES as u64 + 1).read_to_end(&mut payload);
    let cut = payload.len() > MAX_PAYLOAD_BYTES || kept.is_err();
    payload.truncate(MAX_PAYLOAD_BYTES);
    if !payload.is_empty() {
        // Nobody is to be told: `status` counts what was not kept.
        let _ = Home::find(world)
            .map_err(io::Error::other)
            .and_then(|home| spool::append(&home.spool(), harness, world.now(), &payload, cut));
    }
    if cut {
        // The rest is read and dropped: a closed pipe would be an error of the harness's write.
        io::copy(&mut input, &mut io::sink())?;
    }
    Ok(())
}
