//! Why a key, a sealed value or the ledger was refused, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why the vault or the ledger refused or failed. No message holds key material.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There are keys already.
    #[error("{} exists already: this data directory has its keys", path.display())]
    Exists {
        /// The file in the way.
        path: PathBuf,
    },
    /// There are none.
    #[error("{} is missing: run `init`, or restore the keys from their backup", path.display())]
    NotThere {
        /// The file that is missing.
        path: PathBuf,
    },
    /// Others may read or change it.
    #[error(
        "{} has mode {mode:04o}, so that others can reach the keys: run `chmod {wanted:o} {}`",
        path.display(), path.display()
    )]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they must be.
        wanted: u32,
    },
    /// Somebody else's file, a link, a folder.
    #[error("{} is not a plain file of the user that this runs as", path.display())]
    NotOurs {
        /// The path.
        path: PathBuf,
    },
    /// The key-encrypting key has a wrong length.
    #[error("{} holds {found} bytes, a key-encrypting key has 32: restore it from its backup", path.display())]
    KekLength {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
    },
    /// The wrapped keys belong to another key-encrypting key.
    #[error(
        "the wrapped keys belong to another key-encrypting key: restore keys/kek and keys/wrapped.json together"
    )]
    OtherKek,
    /// The wrapped keys cannot be read.
    #[error("{} is damaged: restore it from its backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser said, if it was the parser.
        source: Option<serde_json::Error>,
    },
    /// A name that no key may have.
    #[error("a key's name is 1 to 32 of a-z, 0-9 and -")]
    Name,
    /// There is no key of this name.
    #[error("there is no key named {name}")]
    NoKey {
        /// The name.
        name: String,
    },
    /// A key of an impossible length.
    #[error("{what} has {found} bytes, which it cannot have")]
    Length {
        /// What was given.
        what: &'static str,
        /// Its length in bytes.
        found: usize,
    },
    /// Wrong key, wrong context, or changed bytes: which one cannot be told.
    #[error("a sealed value does not open: another key, another context, or changed bytes")]
    Sealed,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// No room; what was there is as it was.
    #[error("the disk or its quota is full at {}: nothing was changed; free some space", path.display())]
    DiskFull {
        /// The file that could not be written.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// Another failure of the file system.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A line of the ledger is wrong.
    #[error("line {line} of the ledger is wrong: {why}")]
    LedgerLine {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The ledger ends before, or differs from, what the database saw of it.
    #[error("the ledger does not hold entry {n} as it was seen before: it was cut or exchanged")]
    LedgerShort {
        /// The entry that was seen.
        n: u64,
    },
    /// A number that must rise did not.
    #[error("{what} must rise: it is {last}, {given} was given")]
    NotRising {
        /// Which number.
        what: &'static str,
        /// What it is.
        last: u64,
        /// What was to come.
        given: u64,
    },
    /// A number, a date, a list or a blob of an entry is out of bounds.
    #[error("an entry of the ledger is out of bounds")]
    Entry,
    /// An earlier write failed in a way that leaves the end of the ledger unknown.
    #[error("the ledger's end is unknown after a failed write: restart, which reads it anew")]
    Unsure,
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "V001",
            Self::NotThere { .. } => "V002",
            Self::TooOpen { .. } => "V003",
            Self::NotOurs { .. } => "V004",
            Self::KekLength { .. } => "V005",
            Self::OtherKek => "V006",
            Self::Damaged { .. } => "V007",
            Self::Name => "V008",
            Self::NoKey { .. } => "V009",
            Self::Length { .. } => "V010",
            Self::Sealed => "V011",
            Self::Random => "V012",
            Self::DiskFull { .. } => "V013",
            Self::Io { .. } => "V014",
            Self::LedgerLine { .. } => "V015",
            Self::LedgerShort { .. } => "V016",
            Self::NotRising { .. } => "V017",
            Self::Unsure => "V018",
            Self::Entry => "V019",
        }
    }

    /// An error of the file system, told apart where the remedy differs.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull { path, source },
            io::ErrorKind::NotFound => Self::NotThere { path },
            _ => Self::Io {
                doing,
                path,
                source,
            },
        }
    }
}
