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

use kernel::event::Harness;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Most bytes of one payload that are kept.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;
/// Beyond this many bytes the spool takes nothing more until the agent has read it.
pub const MAX_SPOOL_BYTES: u64 = 64 * 1024 * 1024;

const QUEUE: &str = "queue";
const DROPPED: &str = "dropped";
const WORK: &str = ".work";
const MAGIC: [u8; 4] = [0xff, b'A', b'W', 1];
const HEADER_BYTES: usize = 26;
const CUT: u8 = 1;

/// The byte that stands for a harness in a frame; never reused.
const fn byte(harness: Harness) -> u8 {
    match harness {
        Harness::ClaudeCode => 1,
        Harness::Codex => 2,
        Harness::OpenCode => 3,
        Harness::T3Code => 4,
    }
}

fn of_byte(wanted: u8) -> Option<Harness> {
    Harness::ALL
        .into_iter()
        .find(|harness| byte(*harness) == wanted)
}

/// One payload, as it was taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Who spoke.
    pub harness: Harness,
    /// When, in seconds by this machine's clock.
    pub at: i64,
    /// Whether the payload was longer than what is kept.
    pub cut: bool,
    /// The payload.
    pub payload: Vec<u8>,
}

/// Appends one record; makes the folder if need be.
///
/// # Errors
/// Whatever the disk says, and [`io::ErrorKind::StorageFull`] if the spool is full, which is counted.
pub fn append(
    folder: &Path,
    harness: Harness,
    at: i64,
    payload: &[u8],
    cut: bool,
) -> io::Result<()> {
    let frame = frame(harness, at, payload, cut);
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
            Err(_) => return file.write_all(&frame),
        }
        let stat = rustix::fs::fstat(&file)?;
        if stat.st_nlink == 0 {
            continue;
        }
        if u64::try_from(stat.st_size).unwrap_or(0) + frame.len() as u64 > MAX_SPOOL_BYTES {
            note_dropped(folder)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        return match file.write(&frame) {
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

fn frame(harness: Harness, at: i64, payload: &[u8], cut: bool) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.push(if cut { CUT } else { 0 });
    frame.push(byte(harness));
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&at.to_le_bytes());
    let sum = sum(&frame[4..], payload);
    frame.extend_from_slice(&sum);
    frame.extend_from_slice(payload);
    frame
}

fn sum(head: &[u8], payload: &[u8]) -> [u8; 8] {
    let digest = Sha256::new()
        .chain_update(head)
        .chain_update(payload)
        .finalize();
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest[..8]);
    sum
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
            let mut header = [0; HEADER_BYTES];
            let got = read_up_to(&mut self.file, &mut header)?;
            if got == 0 {
                return Ok(None);
            }
            if let Some(record) = self.whole(&header[..got])? {
                self.position += (HEADER_BYTES + record.payload.len()) as u64;
                return Ok(Some(record));
            }
            self.torn += 1;
            self.position = self.next_magic(self.position + 1)?;
        }
    }

    fn whole(&mut self, header: &[u8]) -> io::Result<Option<Record>> {
        if header.len() < HEADER_BYTES || header[..4] != MAGIC {
            return Ok(None);
        }
        let (Ok(length), Ok(at)) = (header[6..10].try_into(), header[10..18].try_into()) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(length) as usize;
        let Some(harness) = of_byte(header[5]) else {
            return Ok(None);
        };
        if length > MAX_PAYLOAD_BYTES {
            return Ok(None);
        }
        let mut payload = vec![0; length];
        if read_up_to(&mut self.file, &mut payload)? < length
            || sum(&header[4..18], &payload) != header[18..26]
        {
            return Ok(None);
        }
        Ok(Some(Record {
            harness,
            at: i64::from_le_bytes(at),
            cut: header[4] & CUT != 0,
            payload,
        }))
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
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn all(batches: Vec<Batch>) -> Vec<Record> {
        let mut records = Vec::new();
        for mut batch in batches {
            while let Some(record) = batch.read_next().unwrap() {
                records.push(record);
            }
            batch.delete().unwrap();
        }
        records
    }

    fn say(folder: &Path, text: &str) {
        append(folder, Harness::ClaudeCode, 7, text.as_bytes(), false).unwrap();
    }

    #[test]
    fn what_is_appended_is_taken_in_order_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        say(&spool, "one");
        append(&spool, Harness::ClaudeCode, 9, b"tw", true).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&spool), mode(&spool.join(QUEUE))), (0o700, 0o600));
        let records = all(take(&spool, 10, 1).unwrap());
        assert_eq!(records.len(), 2);
        assert_eq!(
            (records[0].payload.as_slice(), records[0].cut),
            (&b"one"[..], false)
        );
        assert_eq!(
            (records[1].payload.as_slice(), records[1].cut, records[1].at),
            (&b"tw"[..], true, 9)
        );
        assert!(take(&spool, 10, 2).unwrap().is_empty());
        assert_eq!(fs::read_dir(&spool).unwrap().count(), 0);
    }

    #[test]
    fn hooks_that_run_at_the_same_time_and_an_agent_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let hooks: Vec<_> = (0..8)
            .map(|hook| {
                let spool = spool.clone();
                std::thread::spawn(move || {
                    for n in 0..50 {
                        say(&spool, &format!("{hook}-{n}-{}", "x".repeat(5000)));
                    }
                })
            })
            .collect();
        let mut got = Vec::new();
        let mut unique = 0;
        while hooks.iter().any(|hook| !hook.is_finished()) {
            unique += 1;
            got.extend(all(take(&spool, 1, unique).unwrap()));
        }
        for hook in hooks {
            hook.join().unwrap();
        }
        got.extend(all(take(&spool, 1, unique + 1).unwrap()));
        let mut texts: Vec<_> = got.into_iter().map(|record| record.payload).collect();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 400);
    }

    #[test]
    fn a_torn_record_costs_that_record_alone() {
        let folder = tempfile::tempdir().unwrap();
        say(folder.path(), "first");
        let torn = frame(Harness::ClaudeCode, 1, &[b'y'; 500], false);
        let mut queue = fs::OpenOptions::new()
            .append(true)
            .open(folder.path().join(QUEUE))
            .unwrap();
        queue.write_all(&torn[..100]).unwrap();
        say(folder.path(), "second");
        queue.write_all(&torn[..10]).unwrap();
        drop(queue);
        let mut batches = take(folder.path(), 1, 1).unwrap();
        let batch = &mut batches[0];
        let mut texts = Vec::new();
        while let Some(record) = batch.read_next().unwrap() {
            texts.push(record.payload);
        }
        assert_eq!(texts, [b"first".to_vec(), b"second".to_vec()]);
        assert_eq!(batch.torn(), 2);
    }

    #[test]
    fn what_a_dead_agent_left_is_read_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        say(folder.path(), "before");
        drop(take(folder.path(), 1, 1).unwrap());
        say(folder.path(), "after");
        let records = all(take(folder.path(), 2, 2).unwrap());
        let texts: Vec<_> = records
            .iter()
            .map(|record| record.payload.as_slice())
            .collect();
        assert_eq!(texts, [&b"before"[..], b"after"]);
    }

    #[test]
    fn a_full_spool_takes_nothing_more_and_counts() {
        let folder = tempfile::tempdir().unwrap();
        say(folder.path(), "x");
        File::options()
            .write(true)
            .open(folder.path().join(QUEUE))
            .unwrap()
            .set_len(MAX_SPOOL_BYTES)
            .unwrap();
        let refused = append(folder.path(), Harness::ClaudeCode, 1, b"y", false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert_eq!(
            waiting(folder.path()),
            Waiting {
                bytes: MAX_SPOOL_BYTES,
                dropped: 1
            }
        );
        assert_eq!(take_dropped(folder.path()).unwrap(), 1);
        assert_eq!(take_dropped(folder.path()).unwrap(), 0);
    }
}
