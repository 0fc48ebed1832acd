//! The store's file from outside: what it is, who works on it, and how it is opened.
//!
//! Every transaction holds a shared lock on `store.lock`; who exchanges the file holds it alone. After
//! each exchange the other processes see another file at the path, and open that one. For this to be
//! safe the store keeps a rollback journal and no write-ahead log: a process that closes the file of
//! before would delete the log of the new one.
//!
//! Invariant: a file with anything in it is never made anew, and a key is in no message.

use super::fault::Fault;
use crate::error::{Doing, Result};
use crate::home::Home;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How every plain SQLite file begins.
const PLAIN: &[u8; 16] = b"SQLite format 3\0";
/// SQLCipher's pages, of which an encrypted file is a whole number.
const PAGE: u64 = 4096;
/// What the engine puts behind the name of a file for those that it keeps beside it.
const SIDES: [&str; 3] = ["-journal", "-wal", "-shm"];
/// Bytes of a key.
pub(super) const KEY: usize = 32;

/// What lies at the store's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or an empty file.
    Nothing,
    /// A file that begins as a plain SQLite file does.
    Plain,
    /// A file that may be an encrypted one.
    Encrypted,
}

/// Looks at what lies at `path`, by its first bytes alone.
pub(super) fn look(path: &Path) -> Result<Found> {
    let disk = |source| Fault::Disk {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(disk(error).into()),
    };
    let about = file.metadata().map_err(disk)?;
    let no_store = |why| Fault::NoStore {
        path: path.to_owned(),
        why,
    };
    if !about.is_file() {
        return Err(no_store("it is no file").into());
    }
    if about.len() == 0 {
        return Ok(Found::Nothing);
    }
    let mut head = [0; PLAIN.len()];
    match file.read_exact(&mut head) {
        Ok(()) if &head == PLAIN => Ok(Found::Plain),
        Ok(()) if about.len().is_multiple_of(PAGE) => Ok(Found::Encrypted),
        Ok(()) => Err(no_store("its size is none that a store has").into()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(no_store("it is too short").into())
        }
        Err(error) => Err(disk(error).into()),
    }
}

/// Which file lies at a path, whatever it is called: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot(u64, u64);

impl Spot {
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|at| Self(at.dev(), at.ino()))
    }
}

/// The lock beside the store.
#[derive(Clone, Debug)]
pub(super) struct Lock(Arc<File>);

/// Held until dropped.
#[derive(Debug)]
pub(super) struct Held(Arc<File>);

impl Lock {
    /// Opens it; takes nothing.
    pub(super) fn of(home: &Home) -> Result<Self> {
        let path = home.path().join("store.lock");
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        match opened {
            Ok(file) => Ok(Self(Arc::new(file))),
            Err(source) => Err(Fault::Disk {
                doing: "write to",
                path,
                source,
            }
            .into()),
        }
    }

    /// Beside others that do not exchange the file. A file system without locks has no exchange either.
    pub(super) fn shared(&self) -> Held {
        // The one failure that is left, an interruption, is one that a blocking call does not come to.
        let _ = flock(&*self.0, FlockOperation::LockShared);
        Held(Arc::clone(&self.0))
    }

    /// Alone; waits until the others' transactions have ended.
    pub(super) fn alone(&self) -> io::Result<Held> {
        flock(&*self.0, FlockOperation::LockExclusive)?;
        Ok(Held(Arc::clone(&self.0)))
    }

    /// Alone, if that is so at once.
    pub(super) fn alone_now(&self) -> Option<Held> {
        flock(&*self.0, FlockOperation::NonBlockingLockExclusive)
            .ok()
            .map(|()| Held(Arc::clone(&self.0)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = flock(&*self.0, FlockOperation::Unlock);
    }
}

/// The files beside the store that may be there for a while.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    /// The store.
    pub(super) store: PathBuf,
    /// A store in the making.
    pub(super) fresh: PathBuf,
    /// The store of before, after it was exchanged.
    pub(super) before: PathBuf,
}

impl Beside {
    /// Where the store's name is a link, the file that it leads to is the store.
    pub(super) fn of(home: &Home) -> Self {
        let store = home.database();
        let store = fs::canonicalize(&store).unwrap_or(store);
        Self {
            fresh: side(&store, ".new"),
            before: side(&store, ".before"),
            store,
        }
    }
}

/// The file with `suffix` behind its name, as the engine names what it keeps beside it.
pub(super) fn side(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Deletes a file, and what the engine keeps beside it; none is no failure.
pub(super) fn remove(path: &Path) -> Result<(), Fault> {
    remove_sides(path);
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Fault::Disk {
            doing: "delete",
            path: path.to_owned(),
            source,
        }),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Deletes what the engine keeps beside a file, while nobody has it open.
pub(super) fn remove_sides(path: &Path) {
    for suffix in SIDES {
        let _ = fs::remove_file(side(path, suffix));
    }
}

/// Makes an empty file of the engineer's alone, in the place of nothing.
pub(super) fn make(path: &Path) -> Result<(), Fault> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|source| Fault::Disk {
            doing: "make",
            path: path.to_owned(),
            source,
        })
}

/// What a file or a folder holds is on the disk when this returns.
pub(super) fn flush(path: &Path) -> Result<(), Fault> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| Fault::Disk {
            doing: "write out",
            path: path.to_owned(),
            source,
        })
}

/// A raw key as SQLCipher takes it: no passphrase, so nothing is derived from it.
pub(super) fn raw_key(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len() + 3));
    text.push_str("x'");
    let digits = Zeroizing::new(hex::encode(bytes));
    text.push_str(&digits);
    text.push('\'');
    text
}

/// Opens the file that is there, with its key if it has one.
pub(super) fn connect(path: &Path, key: Option<&str>, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .doing("open the personal store")?;
    if let Some(key) = key {
        // It would write to standard error by itself.
        connection
            .pragma_update(None, "cipher_log_level", "NONE")
            .doing("open the personal store")?;
        connection
            .pragma_update(None, "key", key)
            .doing("open the personal store with its key")?;
    }
    Ok(connection)
}
