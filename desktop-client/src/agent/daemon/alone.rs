//! One agent a folder: a lock that is held as long as the agent lives.
//!
//! `agent.pid` is locked, not merely there: a dead agent's lock is gone with it, whatever the file says.
//!
//! Invariant: who holds it may take the socket's place, for nobody else listens there.

use crate::agent::error::Error as Refused;
use crate::error::{Error, Result};
use crate::home::Home;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// Who looks whether an agent runs holds the lock for a moment; that is waited for.
const LOOKS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(20);

/// The lock, held.
#[derive(Debug)]
pub struct Alone(File);

/// The agent that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// Since when it runs, in seconds since 1970 by this machine's clock.
    pub since: i64,
}

fn path(home: &Home) -> PathBuf {
    home.path().join("agent.pid")
}

impl Alone {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`Refused::Running`] if another agent has it; the disk's own.
    pub fn take(home: &Home, now: i64) -> Result<Self> {
        let path = path(home);
        let failed = |source| Error::File {
            doing: "lock",
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let mut looks = 0;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                // A file system without locks: the socket tells whether somebody listens.
                Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP) => break,
                Err(Errno::WOULDBLOCK) if looks < LOOKS => {
                    looks += 1;
                    std::thread::sleep(BETWEEN);
                }
                Err(Errno::WOULDBLOCK) => {
                    let pid = told(&mut file).map_or(0, |running| running.pid);
                    return Err(Refused::Running { pid }.into());
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
        let running = Running {
            pid: std::process::id(),
            since: now,
        };
        let text = serde_json::to_string(&running).unwrap_or_default();
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(failed)?;
        Ok(Self(file))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // The lock goes with the file's descriptor; what the file says is of no more use.
        let _ = self.0.set_len(0);
    }
}

/// What the file says.
fn told(file: &mut File) -> Option<Running> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The agent that runs in this folder, if one does.
pub fn running(home: &Home) -> Option<Running> {
    let mut file = File::open(path(home)).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => told(&mut file),
        Ok(()) => None,
        // Without locks: the file is emptied by an agent that ends, and a dead one does not listen.
        Err(_) => told(&mut file).filter(|_| crate::socket::Line::open(&home.socket()).is_ok()),
    }
}
