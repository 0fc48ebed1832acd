//! Opening a store: its key, the version gate, and a look for damage before anything is served.
//!
//! Order matters: first whether the file can be read with the key, then whether this build knows
//! its version, then whether it is whole, and only then is anything written to it.
//!
//! Invariant: a file that is newer than the build, damaged, or of another key is not touched.

use crate::engine::sqlite::Sqlite;
use crate::engine::{self, Access, Connection, Engine, Fault};
use crate::error::{Doing, Error, Kind, Result};
use crate::migrate;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The database's key: 32 random bytes. Forgotten when dropped; never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; 32]);

impl Key {
    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(32 bytes)")
    }
}

/// How thoroughly a file is looked at when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Its structure.
    Quick,
    /// Each page's authentication code and each index, too. Reads the whole file.
    Full,
    /// Not at all: for a command beside a running server, which looked.
    Skip,
}

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections that read at the same time.
    pub readers: usize,
    /// How long to wait for another process's lock.
    pub busy: Duration,
    /// How thoroughly the file is looked at.
    pub check: Check,
    /// This node's number in the audit log; 0 where there is one node.
    pub node: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            readers: 4,
            busy: Duration::from_secs(5),
            check: Check::Quick,
            node: 0,
        }
    }
}

/// Makes an empty file that only its owner can read, and the schema in it.
pub(crate) fn create(path: &Path, key: Key, options: Options) -> Result<Opened> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::Exists { kind: Kind::Store });
        }
        Err(source) => {
            return Err(Error::File {
                path: path.to_owned(),
                source,
            });
        }
    }
    connect(path, key, options)
}

/// Opens a file that is there.
pub(crate) fn open(path: &Path, key: Key, options: Options) -> Result<Opened> {
    // Asked first: a driver says only "unable to open database file".
    std::fs::File::open(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    connect(path, key, options)
}

/// An engine, and its first connection, which may write.
pub(crate) struct Opened {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) writer: Box<dyn Connection>,
}

fn connect(path: &Path, key: Key, options: Options) -> Result<Opened> {
    let engine = Sqlite {
        path: path.to_owned(),
        key,
        busy: options.busy,
    };
    let explain = |source: engine::Error| match source.fault {
        Fault::Unreadable => Error::Unreadable {
            path: path.to_owned(),
            source,
        },
        Fault::Corrupt => Error::Damaged {
            path: path.to_owned(),
            finding: source.source.to_string(),
        },
        Fault::Full => Error::DiskFull {
            doing: "open the database",
            source,
        },
        Fault::Busy => Error::Busy {
            doing: "open the database",
            source,
        },
        _ => Error::Engine {
            doing: "open the database",
            source,
        },
    };
    let mut writer = engine.connect(Access::Write).map_err(explain)?;
    let found = writer.version().map_err(explain)?;
    if found > migrate::KNOWN {
        return Err(Error::SchemaTooNew {
            found,
            known: migrate::KNOWN,
        });
    }
    if options.check != Check::Skip && found > 0 {
        let findings = writer
            .findings(options.check == Check::Full)
            .map_err(explain)?;
        if let Some(finding) = findings.into_iter().next() {
            return Err(Error::Damaged {
                path: path.to_owned(),
                finding,
            });
        }
    }
    migrate::bring_up(writer.as_mut()).doing("bring the database up to this version")?;
    Ok(Opened {
        engine: Arc::new(engine),
        writer,
    })
}
