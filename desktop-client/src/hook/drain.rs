//! `aiworklab hook --drain`: what hooks kept while the agent's socket was out of reach is handed over.
//!
//! Where `AIWORKLAB_SOCKET` leads elsewhere (a dev container, a host over SSH) no agent reads the spool, so
//! the first hook that reaches the agent again begins a drain, in a process of its own: the harness
//! waits for none of it.
//!
//! Invariant: a file of the spool is deleted only after the agent took all of it. What is handed over twice
//! has the same id both times.

use crate::edges;
use crate::home::Home;
use crate::socket::{Line, Place};
use crate::spool::{self, Id};
use crate::world::World;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long an agent may take for one record when nobody waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts a drain beside us.
pub fn begin() -> io::Result<()> {
    // A group of its own: a harness that ends its hooks' group leaves it alone. No stream is kept
    // open: a harness may wait until its pipe is closed.
    Command::new(edges::program()?)
        .args(["hook", "--drain"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(drop)
}

/// Hands over what waits; one at a time, and nothing where the agent reads this spool itself.
pub fn drain(world: &dyn World) -> io::Result<()> {
    let home = Home::find(world).map_err(io::Error::other)?;
    let Some(place) = Place::find(world, Some(&home)).filter(|place| place.named) else {
        return Ok(());
    };
    let folder = home.spool();
    let alone = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join("drain.lock"))?;
    flock(&alone, FlockOperation::NonBlockingLockExclusive)?;
    let mut line = Line::open(&place.path)?;
    let mut unique = [0; 8];
    if !world.fill(&mut unique) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    for mut batch in spool::take(&folder, world.now(), u64::from_le_bytes(unique))? {
        loop {
            let from = batch.position();
            let Some(record) = batch.read_next()? else {
                break;
            };
            let frame = record.framed(id(batch.name(), from));
            if !line.exchange(&frame, PATIENCE)?.taken {
                // The agent's spool is full; the next drain goes on.
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        batch.delete()?;
    }
    Ok(())
}

/// The id of a record that has none: its place in the spool, which is the same next time.
fn id(batch: &str, position: u64) -> Id {
    let digest = Sha256::new()
        .chain_update(batch)
        .chain_update(position.to_le_bytes())
        .finalize();
    let mut id = spool::NO_ID;
    id.copy_from_slice(&digest[..16]);
    id
}
