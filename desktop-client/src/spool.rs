//! The spool: what hooks said and the agent has not read yet.
//!
//! One file, `queue`, to which every hook appends one record by one `write` to a descriptor
//! opened with `O_APPEND`: records of hooks that run at the same time follow one another. The agent
//! renames the file, reads it and deletes it. A hook holds a shared lock while it writes and the
//! agent an exclusive one from before it reads until it has deleted, so that nothing is written
//! to a file that was read already.
//!
//! Invariant: a record torn by a full disk or a power cut costs that record alone. Each one begins
//! with bytes that UTF-8 cannot hold, and carries a sum.

mod frame;

pub use frame::{HEADER_BYTES, Header, Id, MAGIC, MAX_PAYLOAD_BYTES, NO_ID, frame};

use kernel::event::Harness;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Beyond this many bytes the spool takes nothing more until the agent has read it.
pub const MAX_SPOOL_BYTES: u64 = 64 * 1024 * 1024;

const QUEUE: &str = "queue";
const DROPPED: &str = "dropped";
const WORK: &str = ".work";

/// One payload, as it was taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Who spoke.
    pub harness: Harness,
    /// When, in seconds by this machine's clock.
    pub at: i64,
    /// Whether the payload was longer than what is kept.
    pub cut: bool,
    /// What sets it apart from all others, where the hook gave it something.
    pub id: Option<Id>,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Record {
    /// As bytes again, under this id if it has none.
    pub fn framed(&self, id: Id) -> Vec<u8> {
        let id = self.id.unwrap_or(id);
        frame(self.harness, self.at, &self.payload, self.cut, id)
    }
}

/// Appends one record without an id.
///
/// # Errors
/// As [`append_frame`].
pub fn append(
    folder: &Path,
    harness: Harness,
    at: i64,
    payload: &[u8],
    cut: bool,
) -> io::Result<()> {
    append_frame(folder, &frame(harness, at, payload, cut, NO_ID))
}

/// Appends one record that is bytes already; makes the folder if need be.
///
/// # Errors
/// Whatever the disk says, and [`io::ErrorKind::StorageFull`] if the spool is full, which is counted.
pub fn append_frame(folder: &Path, frame: &[u8]) -> io::Result<()> {
    for _ in 0..8 {
        let mut file = open_to_append(&folder.join(QUEUE)).or_else(|_| {
            crate::home::private_dir(folder)?;
            open_to_append(&folder.join(QUEUE))
        })?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => {}
            // The agent has this file by now; the name leads to a new one.
            Err(rustix::io::Errno::WOULDBLOCK) => continue,
            // A file system without locks: the worst that can happen is one lost event.
            Err(_) => return file.write_all(frame),
        }
        let stat = rustix::fs::fstat(&file)?;
        if stat.st_nlink == 0 {
            continue;
        }
        if u64::try_from(stat.st_size).unwrap_or(0) + frame.len() as u64 > MAX_SPOOL_BYTES {
            note_dropped(folder)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        return match file.write(frame) {
            Ok(written) if written == frame.len() => Ok(()),
            // What was written of it is passed over and counted by whoever reads it.
            Ok(_) => Err(io::ErrorKind::WriteZero.into()),
            Err(error) => {
                note_dropped(folder)?;
                Err(error)
            }
        };
    }
    note_dropped(folder)?;
    Err(io::ErrorKind::ResourceBusy.into())
}

fn open_to_append(path: &Path) -> io::Result<File> {
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

/// One byte more in a file is one event more that was not kept; the file stays small by its cap.
fn note_dropped(folder: &Path) -> io::Result<()> {
    let mut file = open_to_append(&folder.join(DROPPED))?;
    if file.metadata()?.len() < 1024 * 1024 {
        file.write_all(b".")
    } else {
        Ok(())
    }
}

/// What waits, and what could not be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Bytes that the agent has not read.
    pub bytes: u64,
    /// Events dropped because the spool was full.
    pub dropped: u64,
}

/// How much stands in the spool.
pub fn waiting(folder: &Path) -> Waiting {
    let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    let mut waiting = Waiting {
        bytes: size(&folder.join(QUEUE)),
        dropped: size(&folder.join(DROPPED)),
    };
    for path in leftovers(folder).unwrap_or_default() {
        waiting.bytes += size(&path);
    }
    waiting
}

fn leftovers(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == &WORK[1..])
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Takes the count of events that were dropped; it begins anew.
///
/// # Errors
/// Whatever the disk says.
pub fn take_dropped(folder: &Path) -> io::Result<u64> {
    let path = folder.join(DROPPED);
    match fs::metadata(&path) {
        Ok(data) => fs::remove_file(&path).map(|()| data.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Takes the queue away from the hooks, under a name that no other taking has, and gives every
/// batch that is to be read, the oldest first: also what an agent that died left behind.
///
/// # Errors
/// Whatever the disk says.
pub fn take(folder: &Path, at: i64, unique: u64) -> io::Result<Vec<Batch>> {
    let work = folder.join(format!("{:012}-{unique:016x}{WORK}", at.max(0)));
    match fs::rename(folder.join(QUEUE), work) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut batches = Vec::new();
    for path in leftovers(folder)? {
        let file = File::open(&path)?;
        // Waits for hooks that are writing this very moment; each holds it for one `write`.
        match flock(&file, FlockOperation::LockExclusive) {
            Ok(()) | Err(rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        batches.push(Batch {
            path,
            name,
            file,
            position: 0,
            torn: 0,
        });
    }
    Ok(batches)
}

/// One taken file, held under its lock until it is dropped.
#[derive(Debug)]
pub struct Batch {
    path: PathBuf,
    name: String,
    file: File,
    position: u64,
    torn: u64,
}

impl Batch {
    /// The file's name: no two takings share one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes were read so far.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Goes on after `position` bytes that were read in another life.
    pub const fn skip_to(&mut self, position: u64) {
        self.position = position;
    }

    /// How many torn records were passed over.
    pub const fn torn(&self) -> u64 {
        self.torn
    }

    /// The next record, or `None` at the end. What is torn is passed over and counted.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn read_next(&mut self) -> io::Result<Option<Record>> {
        loop {
            self.file.seek(SeekFrom::Start(self.position))?;
            let mut head = [0; HEADER_BYTES];
            let got = read_up_to(&mut self.file, &mut head)?;
            if got == 0 {
                return Ok(None);
            }
            if let Some((record, bytes)) = self.whole(&head[..got])? {
                self.position += bytes;
                return Ok(Some(record));
            }
            self.torn += 1;
            self.position = self.next_magic(self.position + 1)?;
        }
    }

    /// The record that begins here, and how many bytes it takes.
    fn whole(&mut self, head: &[u8]) -> io::Result<Option<(Record, u64)>> {
        let Some(header) = Header::read(head) else {
            return Ok(None);
        };
        let mut payload = vec![0; header.payload_bytes];
        let bytes = header.bytes as u64;
        self.file.seek(SeekFrom::Start(self.position + bytes))?;
        if read_up_to(&mut self.file, &mut payload)? < payload.len() {
            return Ok(None);
        }
        let bytes = bytes + payload.len() as u64;
        Ok(header.record(head, payload).map(|record| (record, bytes)))
    }

    /// Where the next record may begin, from `from` on; the end if none does.
    fn next_magic(&mut self, from: u64) -> io::Result<u64> {
        let mut chunk = vec![0; 64 * 1024];
        let mut start = from;
        loop {
            self.file.seek(SeekFrom::Start(start))?;
            let got = read_up_to(&mut self.file, &mut chunk)?;
            if let Some(found) = chunk[..got].windows(MAGIC.len()).position(|w| w == MAGIC) {
                return Ok(start + found as u64);
            }
            if got < chunk.len() {
                return Ok(start + got as u64);
            }
            start += (got - (MAGIC.len() - 1)) as u64;
        }
    }

    /// Deletes the file: all of it stands in the store.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn delete(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn read_up_to(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match from.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests;
