//! The agent's end of the socket: takes records, answers, and tells the reading thread.
//!
//! Invariant: a record stands in the spool before its hook hears that it was taken. What lies at the
//! socket's path is replaced only if it is a socket, and only by who holds [`super::alone`]'s lock.

use super::desk::Desk;
use crate::agent::error::Error as Refused;
use crate::error::Result;
use crate::home::Home;
use crate::socket::{self, Answer, HOW_ARE_YOU};
use crate::spool::{self, HEADER_BYTES, Header};
use rustix::fs::Mode;
use serde_json::json;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Most hooks that are heard at the same time; others wait, or keep their records themselves.
const AT_ONCE: usize = 32;
/// Who is silent for this long in the middle of a record is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether the socket is still there.
const LOOK: Duration = Duration::from_secs(5);
/// A pause after a failure that the next try would meet as well.
const PAUSE: Duration = Duration::from_millis(200);

/// The socket, bound.
#[derive(Debug)]
pub struct Bound {
    listener: UnixListener,
    path: PathBuf,
    file: (u64, u64),
}

fn file(path: &Path) -> Option<(u64, u64)> {
    let data = fs::symlink_metadata(path).ok()?;
    data.file_type()
        .is_socket()
        .then_some((data.dev(), data.ino()))
}

impl Bound {
    /// Listens at the folder's socket, in place of what an agent that died left there.
    ///
    /// # Errors
    /// [`Refused::Occupied`], [`Refused::TooLong`], [`Refused::Listen`].
    pub fn new(home: &Home) -> Result<Self> {
        let path = home.socket();
        if fs::symlink_metadata(&path).is_ok() && file(&path).is_none() {
            return Err(Refused::Occupied { path }.into());
        }
        // Bound beside it, closed to others, then put in its place: there is never a socket that stands
        // open, and never none.
        let fresh = home.path().join("agent.sock.new");
        let bound = (|| {
            match fs::remove_file(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let (short, _folder) = socket::short(&fresh)?;
            let listener = UnixListener::bind(short)?;
            fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
            listener.set_nonblocking(true)?;
            fs::rename(&fresh, &path)?;
            Ok(listener)
        })();
        match bound {
            Ok(listener) => Ok(Self {
                file: file(&path).unwrap_or_default(),
                listener,
                path,
            }),
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
                Err(Refused::TooLong { path }.into())
            }
            Err(source) => Err(Refused::Listen { path, source }.into()),
        }
    }

    /// Whether the path still leads here.
    fn is_there(&self) -> bool {
        file(&self.path) == Some(self.file)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if self.is_there() {
            // What is left of it is replaced by the next agent.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Hears hooks until the desk is told to stop. Runs in a runtime of one thread.
///
/// # Errors
/// If the system does not let the runtime watch the socket.
pub async fn hear(mut bound: Bound, desk: &Arc<Desk>) -> io::Result<()> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let listener = tokio::net::UnixListener::from_std(bound.listener.try_clone()?)?;
        loop {
            let Ok(one) = Arc::clone(&room).acquire_owned().await else {
                return Ok(());
            };
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let desk = Arc::clone(desk);
                        tokio::spawn(async move {
                            // A hook that left early has its record in the spool, one way or the other.
                            let _ = one_hook(stream, &desk).await;
                            drop(one);
                        });
                    }
                    // No descriptor is left: the next try would fail as well.
                    Err(_) => tokio::time::sleep(PAUSE).await,
                },
                _ = look.tick() => if !bound.is_there() {
                    break;
                },
            }
        }
        // Somebody deleted the socket. If it cannot be made anew, hooks keep what they hear, and the
        // reading thread looks there.
        loop {
            match Bound::new(&desk.home) {
                Ok(again) => {
                    bound = again;
                    break;
                }
                Err(_) => {
                    look.tick().await;
                }
            }
        }
    }
}

async fn one_hook(mut stream: UnixStream, desk: &Desk) -> io::Result<()> {
    loop {
        let mut head = [0; HEADER_BYTES];
        let (first, rest) = head.split_at_mut(HOW_ARE_YOU.len());
        patiently(stream.read_exact(first)).await?;
        if *first == HOW_ARE_YOU {
            let text = json!(desk.figures()).to_string().into_bytes();
            let answer = Answer { taken: true, text };
            patiently(stream.write_all(&answer.bytes())).await?;
            continue;
        }
        patiently(stream.read_exact(rest)).await?;
        let header = Header::read(&head)
            .filter(|header| header.bytes == HEADER_BYTES)
            .ok_or(io::ErrorKind::InvalidData)?;
        let mut payload = vec![0; header.payload_bytes];
        patiently(stream.read_exact(&mut payload)).await?;
        let record = header
            .record(&head, payload)
            .ok_or(io::ErrorKind::InvalidData)?;
        let frame = record.framed(spool::NO_ID);
        let taken = spool::append_frame(&desk.home.spool(), &frame).is_ok();
        let line = if taken { desk.line_for(&record) } else { None };
        let (text, line) = line.map_or((Vec::new(), None), |(text, line)| {
            (format!("{}\n", text.trim_end()).into_bytes(), Some(line))
        });
        let answered = patiently(stream.write_all(&Answer { taken, text }.bytes())).await;
        if let (Err(_), Some(line)) = (&answered, line) {
            desk.give_back(line);
        }
        desk.poke(taken);
        answered?;
    }
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Takes the rights of others from whatever this process makes.
pub fn close_to_others() {
    let _ = rustix::process::umask(Mode::RWXG | Mode::RWXO);
}
