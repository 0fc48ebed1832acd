//! Where a store lies: noticed when it is a copy, or an older state of itself.
//!
//! Two copies of one store that go on in one stream would write different deltas to one place, or, worse,
//! the same delta for two different acts. So whoever finds itself to be a copy, or to lag behind what the
//! folder says was written, records into a stream of its own from then on. Nothing is asked and nothing is
//! lost; a mistake costs one more stream.
//!
//! Two things are looked at. `instance` in the folder holds a random id, which the store knows, and how far
//! the current stream was written; it is never made anew, so that its inode and the time of its making tell
//! a copied folder from a used one. And the machine's own identity, hashed under a salt of the store's.
//!
//! Invariant: the mark in `instance` is written after the transaction that it speaks of, so it is never
//! ahead of a store that nobody turned back.

use super::Txn;
use super::fault::Fault;
use crate::error::{Doing, Error, Result};
use crate::home::{Home, write_whole};
use crate::world::World;
use kernel::ids::{DAY, Index, StreamId};
use kernel::sync::Rows;
use kernel::sync::client::Local;
use rusqlite::{OptionalExtension, params};
use sha2::{Digest, Sha256};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const DOING: &str = "read or write where the personal store lies";
/// How many bytes an id and a salt have.
const ID: usize = 16;
/// What the file begins with.
const HEAD: &str = "aiworklab 1";

/// Why a store goes on in a new stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The folder is another one: copied, restored as a whole, or moved to another disk.
    Folder,
    /// The machine is another one.
    Machine,
    /// The store is an older state of itself.
    Older,
    /// The stream was written while this machine's clock ran ahead.
    Clock,
}

/// Why a new stream was begun, if it is that which is counted under this name.
pub fn new_stream(name: &str) -> Option<&str> {
    name.strip_prefix("new stream: ")
}

impl Moved {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Folder, Self::Machine, Self::Older, Self::Clock];

    /// Under which name it is counted.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folder => "new stream: the folder was copied or restored",
            Self::Machine => "new stream: the machine is another one",
            Self::Older => "new stream: the store was an older one",
            Self::Clock => "new stream: the clock was set back",
        }
    }
}

/// How far a stream was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    stream: StreamId,
    head: Index,
}

/// What `instance` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Instance {
    id: [u8; ID],
    mark: Option<Mark>,
}

impl Instance {
    /// Of one length always: it is written over in its place.
    fn text(&self) -> String {
        let (stream, head) = self.mark.map_or_else(
            || ("0".repeat(2 * ID), 0),
            |mark| (hex::encode(mark.stream.as_bytes()), mark.head),
        );
        format!("{HEAD} {} {stream} {head:020}\n", hex::encode(self.id))
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text
            .strip_suffix('\n')?
            .strip_prefix(HEAD)?
            .split(' ')
            .skip(1);
        let mut bytes = || <[u8; ID]>::try_from(hex::decode(words.next()?).ok()?).ok();
        let (id, stream) = (bytes()?, bytes()?);
        let head: Index = words.next()?.parse().ok()?;
        Some(Self {
            id,
            mark: (head > 0).then(|| Mark {
                stream: StreamId::from_bytes(stream),
                head,
            }),
        })
    }
}

fn path(home: &Home) -> PathBuf {
    home.path().join("instance")
}

fn present(path: &Path) -> Result<Option<Instance>> {
    match fs::read(path) {
        Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(Instance::read)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Fault::Disk {
            doing: "read",
            path: path.to_owned(),
            source,
        }
        .into()),
    }
}

/// A hash that says nothing without its salt.
fn salted(salt: &[u8], what: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = Sha256::new()
        .chain_update(salt)
        .chain_update(what.as_bytes());
    for part in parts {
        hash = hash
            .chain_update((part.len() as u64).to_le_bytes())
            .chain_update(part);
    }
    hash.finalize().to_vec()
}

/// Which file lies at the path: its inode and when it was made. None where the file system cannot tell
/// the latter, for some of those number their files anew at each mount.
fn file(salt: &[u8], path: &Path) -> Option<Vec<u8>> {
    let about = fs::metadata(path).ok()?;
    let made = about.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(salted(
        salt,
        "file",
        &[&about.ino().to_le_bytes(), &made.as_nanos().to_le_bytes()],
    ))
}

struct Seat {
    salt: Vec<u8>,
    instance: Vec<u8>,
    file: Option<Vec<u8>>,
    machine: Option<Vec<u8>>,
}

/// Whether both are known and differ.
fn differ(before: Option<&Vec<u8>>, now: Option<&Vec<u8>>) -> bool {
    before.zip(now).is_some_and(|(before, now)| before != now)
}

impl Txn<'_> {
    fn seat(&self) -> Result<Option<Seat>> {
        self.inner
            .query_row(
                "SELECT salt, instance, file, machine FROM seat",
                [],
                |row| {
                    Ok(Seat {
                        salt: row.get(0)?,
                        instance: row.get(1)?,
                        file: row.get(2)?,
                        machine: row.get(3)?,
                    })
                },
            )
            .optional()
            .doing(DOING)
    }

    fn is_behind(&mut self, mark: Option<Mark>) -> Result<bool> {
        let Some(mark) = mark else { return Ok(false) };
        let held = self
            .streams()?
            .get(&mark.stream)
            .map_or(0, |head| head.head);
        Ok(held < mark.head)
    }

    /// Whether this store is where it was; `Some(None)` if it has to be noted without a new stream.
    pub(super) fn moved(
        &mut self,
        home: &Home,
        machine: Option<&[u8]>,
    ) -> Result<Option<Option<Moved>>> {
        let path = path(home);
        let instance = present(&path)?;
        let Some(seat) = self.seat()? else {
            // A new store, or one of an older program. Where a folder knows a store that this is not,
            // this one came from elsewhere or from before.
            return Ok(Some(instance.and(Some(Moved::Older))));
        };
        let Some(instance) = instance.filter(|found| found.id[..] == seat.instance[..]) else {
            return Ok(Some(Some(Moved::Folder)));
        };
        if differ(seat.file.as_ref(), file(&seat.salt, &path).as_ref()) {
            return Ok(Some(Some(Moved::Folder)));
        }
        let machine = machine.map(|id| salted(&seat.salt, "machine", &[id]));
        if differ(seat.machine.as_ref(), machine.as_ref()) {
            return Ok(Some(Some(Moved::Machine)));
        }
        if self.is_behind(instance.mark)? {
            return Ok(Some(Some(Moved::Older)));
        }
        // What could not be told before and can now is noted.
        Ok((seat.machine.is_none() && machine.is_some()).then_some(None))
    }

    /// Notes where this store lies now; what is recorded from here on goes to a new stream where it moved.
    pub(super) fn take_seat(
        &mut self,
        world: &dyn World,
        home: &Home,
        machine: Option<&[u8]>,
    ) -> Result<()> {
        // Another process may have been here between the two looks.
        let Some(moved) = self.moved(home, machine)? else {
            return Ok(());
        };
        if let Some(moved) = moved {
            self.leave_stream(moved)?;
        }
        let mut drawn = [0; 2 * ID];
        if !world.fill(&mut drawn) {
            return Err(Error::NoRandomness);
        }
        let (salt, id) = drawn.split_at(ID);
        let instance = Instance {
            id: id.try_into().map_err(|_| Error::NoRandomness)?,
            mark: self.mark()?,
        };
        let path = path(home);
        write_whole(&path, 0o600, instance.text().as_bytes()).map_err(|source| Fault::Disk {
            doing: "write",
            path: path.clone(),
            source,
        })?;
        self.inner
            .execute(
                "INSERT OR REPLACE INTO seat (one, salt, instance, file, machine) VALUES (1, ?1, ?2, ?3, ?4)",
                params![
                    salt,
                    id,
                    file(salt, &path),
                    machine.map(|id| salted(salt, "machine", &[id]))
                ],
            )
            .doing(DOING)?;
        Ok(())
    }

    /// What is recorded from here on goes to a new stream.
    pub(super) fn leave_stream(&mut self, moved: Moved) -> Result<()> {
        if self.current()?.is_some() {
            self.set_current(None)?;
            self.count(moved.name(), 1)?;
        }
        Ok(())
    }

    /// Leaves a stream whose last delta lies more than a day ahead of this machine's `clock`: within one
    /// stream no delta is dated before its predecessor, so all that comes would be dated ahead too.
    pub fn keep_time(&mut self, clock: i64) -> Result<()> {
        let Some(stream) = self.current()? else {
            return Ok(());
        };
        let shared = clock.saturating_add(self.offset()?);
        let last = self.last_hour(stream)?;
        if last.is_some_and(|last| last.unix() > shared.saturating_add(DAY)) {
            self.leave_stream(Moved::Clock)?;
        }
        Ok(())
    }

    /// How far the current stream is written.
    pub(super) fn mark(&mut self) -> Result<Option<Mark>> {
        let Some(stream) = self.current()? else {
            return Ok(None);
        };
        let head: Option<i64> = self
            .inner
            .prepare_cached("SELECT head FROM head WHERE stream = ?1")
            .and_then(|mut s| {
                s.query_row([&stream.as_bytes()[..]], |r| r.get(0))
                    .optional()
            })
            .doing(DOING)?;
        let head = head.and_then(|head| Index::try_from(head).ok());
        Ok(head.map(|head| Mark { stream, head }))
    }
}

/// The id that the folder has now.
pub(super) fn instance(home: &Home) -> Result<[u8; ID]> {
    let found = present(&path(home))?;
    found
        .map(|found| found.id)
        .ok_or(Error::StoreDamaged { what: "seat" })
}

/// Notes outside the store how far it was written. A failure costs one chance to notice an older store.
pub(super) fn note(home: &Home, mark: Mark) {
    let path = path(home);
    let Ok(Some(before)) = present(&path) else {
        return;
    };
    // Another process may be further.
    if before
        .mark
        .is_some_and(|known| known.stream == mark.stream && known.head >= mark.head)
    {
        return;
    }
    let text = Instance {
        mark: Some(mark),
        ..before
    }
    .text();
    let file = OpenOptions::new().write(true).open(path);
    let _ = file.and_then(|file| file.write_all_at(text.as_bytes(), 0));
}
