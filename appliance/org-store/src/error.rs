//! Why the store refused or failed. It has never heard of HTTP.

use crate::engine::{self, Fault};
use crate::link_key::LinkKeyError;
use crate::policy::{Action, Caller};
use std::fmt;
use std::path::PathBuf;

/// What the store's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// What was not found, or is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A person.
    Person,
    /// A device.
    Device,
    /// A subject, or the link to it.
    Subject,
    /// A session.
    Session,
    /// An enrolment that waits for its approval.
    Enrolment,
    /// A snapshot.
    Snapshot,
    /// A store.
    Store,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Person => "person",
            Self::Device => "device",
            Self::Subject => "subject",
            Self::Session => "session",
            Self::Enrolment => "enrolment",
            Self::Snapshot => "snapshot",
            Self::Store => "store",
        })
    }
}

/// Why the store refused or failed.
/// A message tells its own layer's part; the cause stays in `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not there, or not for this caller's eyes.
    #[error("{kind} {id} was not found")]
    NotFound {
        /// What.
        kind: Kind,
        /// Its id, or nothing where naming it would tell something.
        id: String,
    },
    /// The policy says no.
    #[error("{action} is not allowed for {caller}")]
    Forbidden {
        /// What was asked for.
        action: Action,
        /// By whom.
        caller: Caller,
    },
    /// A push that is not even judged.
    #[error("the push is malformed")]
    BadPush(#[source] kernel::sync::server::BadPush),
    /// The file was written by a newer build.
    #[error(
        "database version {found} is newer than {known}, which this build knows: start the newer build again, or restore a backup of the older one"
    )]
    SchemaTooNew {
        /// The file's.
        found: u32,
        /// This build's.
        known: u32,
    },
    /// The engine failed.
    #[error("could not {doing}")]
    Engine {
        /// What was being done.
        doing: &'static str,
        /// The engine's error.
        source: engine::Error,
    },
    /// The action asks for a fresh confirmation.
    #[error("{action} asks for a sign-in that is not older than five minutes")]
    StepUp {
        /// What was asked for.
        action: Action,
    },
    /// The device was revoked, or its person may not sign in any more.
    #[error("the device was revoked")]
    Revoked,
    /// The subject was erased at its person's word.
    #[error("what this device had sent was erased; it may be enrolled anew")]
    Erased,
    /// The account is switched off.
    #[error("the account is disabled")]
    Disabled,
    /// Nobody could administer the appliance any more.
    #[error("this is the last administrator: make another one first")]
    LastAdmin,
    /// What only a store marked as a sample may do.
    #[error("only a store made by `init --sample` takes this")]
    NotSample,
    /// A bound that keeps strangers from filling the disk.
    #[error("too many of kind {kind} are waiting: try again in ten minutes")]
    TooMany {
        /// Of what.
        kind: Kind,
    },
    /// Another key, or not a database of ours.
    #[error("{} cannot be read with this key: it belongs to another key, or is no database of ours", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The engine's error.
        source: engine::Error,
    },
    /// Damaged pages.
    #[error("{} is damaged ({finding}): stop, keep a copy of the file, and restore the latest backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first finding.
        finding: String,
    },
    /// It is there already, or decided already.
    #[error("the {kind} exists already")]
    Exists {
        /// What.
        kind: Kind,
    },
    /// The audit row could not be written, so nothing was.
    #[error("an audit row is not as it must be; nothing was changed")]
    Audit(#[source] audit_log::Error),
    /// The holder of `k_link` failed.
    #[error("could not {doing}")]
    LinkKey {
        /// What was being done.
        doing: &'static str,
        /// Its error.
        source: LinkKeyError,
    },
    /// A stored row that no build of ours wrote.
    #[error("a stored {what} cannot be understood")]
    Malformed {
        /// What.
        what: &'static str,
    },
    /// The store was closed, or its writer died.
    #[error("the store is closed")]
    Closed,
    /// A closure panicked; nothing of it was kept.
    #[error("a change panicked: nothing of it was kept")]
    Panicked,
    /// No room; nothing was changed.
    #[error(
        "could not {doing}: the disk that holds the data is full. Nothing was changed; free some space and try again"
    )]
    DiskFull {
        /// What was being done.
        doing: &'static str,
        /// The engine's error.
        source: engine::Error,
    },
    /// A file of the store could not be made or opened.
    #[error("could not open {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The database is locked by another process for too long.
    #[error("could not {doing}: another process holds the database. Try again when it is done")]
    Busy {
        /// What was being done.
        doing: &'static str,
        /// The engine's error.
        source: engine::Error,
    },
    /// A snapshot's date that is no Monday, or not after the latest.
    #[error("a snapshot is dated to a Monday, after the one before")]
    SnapshotDate,
    /// A text that is too long, empty, or holds control characters.
    #[error("{what} must be 1 to {max} characters without control characters")]
    Text {
        /// Which.
        what: &'static str,
        /// Most characters.
        max: usize,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "S001",
            Self::Forbidden { .. } => "S002",
            Self::BadPush(_) => "S003",
            Self::SchemaTooNew { .. } => "S004",
            Self::Engine { .. } => "S005",
            Self::StepUp { .. } => "S006",
            Self::Revoked => "S007",
            Self::Erased => "S008",
            Self::Disabled => "S009",
            Self::LastAdmin => "S010",
            Self::NotSample => "S011",
            Self::TooMany { .. } => "S012",
            Self::Unreadable { .. } => "S013",
            Self::Damaged { .. } => "S014",
            Self::Exists { .. } => "S015",
            Self::Audit(_) => "S016",
            Self::LinkKey { .. } => "S017",
            Self::Malformed { .. } => "S018",
            Self::Closed => "S019",
            Self::Panicked => "S020",
            Self::DiskFull { .. } => "S021",
            Self::File { .. } => "S022",
            Self::Busy { .. } => "S023",
            Self::SnapshotDate => "S024",
            Self::Text { .. } => "S025",
        }
    }

    pub(crate) fn not_found(kind: Kind, id: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            id: id.to_string(),
        }
    }
}

/// Turns an engine's error into the store's.
pub(crate) trait Doing<T> {
    /// Says what was being done.
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for std::result::Result<T, engine::Error> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| match source.fault {
            Fault::Full => Error::DiskFull { doing, source },
            Fault::Busy => Error::Busy { doing, source },
            _ => Error::Engine { doing, source },
        })
    }
}

impl<T> Doing<T> for std::result::Result<T, LinkKeyError> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| Error::LinkKey { doing, source })
    }
}
