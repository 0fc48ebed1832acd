//! `aiworklab hook HARNESS`: takes what the harness says on stdin, hands it to the agent, and leaves.
//!
//! The harness waits for this program at every tool call, so it does as little as can be done:
//! no argument parser, no runtime, no database, no parsing of the payload. One read; then the agent's
//! socket or, if it is not there or does not answer within milliseconds, one append to the spool.
//!
//! Invariant: it exits 0 whatever happens, and prints nothing but what the agent gave it to show. Another
//! exit code would show an error in the engineer's session, or (2) stop the tool.

mod drain;
#[cfg(test)]
mod tests;

use crate::edges::{self, Machine};
use crate::home::Home;
use crate::socket::{Line, Place};
use crate::spool::{self, Id, MAX_PAYLOAD_BYTES, NO_ID};
use crate::world::World;
use kernel::event::Harness;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

/// A harness that says nothing for this long is let go.
const PATIENCE: Timespec = Timespec {
    tv_sec: 2,
    tv_nsec: 0,
};
/// How long the agent of this machine may take to take a record.
const AGENT_PATIENCE: Duration = Duration::from_millis(5);
/// The same, for each MiB of the record.
const AGENT_PATIENCE_A_MIB: Duration = Duration::from_millis(10);
/// How long an agent may take whose socket was forwarded to here: it may be on another machine.
const FAR_PATIENCE: Duration = Duration::from_millis(40);

/// The whole life of the hook.
pub fn run(mut arguments: impl Iterator<Item = OsString>) {
    std::panic::set_hook(Box::new(|_| {}));
    let first = arguments.next();
    let _ = std::panic::catch_unwind(|| {
        if first.as_ref().is_some_and(|first| first == "--drain") {
            let _ = drain::drain(&Machine);
        } else {
            let id = edges::sixteen_bytes().unwrap_or(NO_ID);
            let _ = take(&Machine, id, first, io::stdin(), &mut io::stdout());
        }
    });
}

fn take<R: Read + IsTerminal + AsFd>(
    world: &dyn World,
    id: Id,
    harness: Option<OsString>,
    input: R,
    out: &mut dyn Write,
) -> io::Result<()> {
    let known = harness
        .as_ref()
        .and_then(|name| name.to_str())
        .and_then(Harness::named);
    let (Some(harness), false) = (known, input.is_terminal()) else {
        return Ok(());
    };
    let mut input = Patient(input);
    let mut payload = Vec::with_capacity(64 * 1024);
    let read = (&mut input)
        .take(MAX_PAYLOAD_BYTES as u64 + 1)
        .read_to_end(&mut payload);
    let longer = payload.len() > MAX_PAYLOAD_BYTES;
    payload.truncate(MAX_PAYLOAD_BYTES);
    if !payload.is_empty() {
        let cut = longer || read.is_err();
        let frame = spool::frame(harness, world.now(), &payload, cut, id);
        // Nobody is to be told: `status` counts what was not kept.
        let _ = keep(world, &frame, out);
    }
    if longer {
        // The rest is read and dropped: a closed pipe would be an error of the harness's write.
        io::copy(&mut input, &mut io::sink())?;
    }
    Ok(())
}

/// Hands a record to the agent, or keeps it for it; prints what the agent has to show.
fn keep(world: &dyn World, frame: &[u8], out: &mut dyn Write) -> io::Result<()> {
    let home = Home::find(world);
    let Some(place) = Place::find(world, home.as_ref().ok()) else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let answer = Line::open(&place.path).and_then(|mut line| {
        let patience = if place.named {
            FAR_PATIENCE
        } else {
            AGENT_PATIENCE + AGENT_PATIENCE_A_MIB.mul_f64(frame.len() as f64 / 1_048_576.0)
        };
        line.exchange(frame, patience)
    });
    match answer {
        Ok(answer) if answer.taken => {
            if place.named
                && let Ok(home) = &home
                && spool::waiting(&home.spool()).bytes > 0
            {
                // What waited while the agent was out of reach; nobody waits for this.
                let _ = drain::begin();
            }
            out.write_all(&answer.text)?;
            out.flush()
        }
        // It may have taken it all the same: then the record's id tells that both are one.
        _ => spool::append_frame(&home.map_err(io::Error::other)?.spool(), frame),
    }
}

/// An input that is not waited for without end: the tool would wait with us.
struct Patient<R>(R);

impl<R: Read + AsFd> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut ready, Some(&PATIENCE)) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => self.0.read(buffer),
            Err(error) => Err(error.into()),
        }
    }
}
