//! Why the store's file could not be used, beside what the engine says itself.

use crate::error::Told;
use std::io;
use std::path::PathBuf;

/// Why the store's file could not be opened, made or given another form.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Encrypted, and no key.
    #[error("your graph is encrypted, and no key for it lies {place}")]
    NoKey {
        /// Where the key would lie, in words.
        place: &'static str,
    },
    /// Encrypted with another key, or damaged at its beginning.
    #[error("your graph does not open with the key that lies {place}")]
    OtherKey {
        /// Where the key lies, in words.
        place: &'static str,
    },
    /// Not made by this program.
    #[error("{} is no personal store: {why}", path.display())]
    NoStore {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// Taken away while it was open.
    #[error("{} was taken away while this program ran", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// Too little room for a second copy.
    #[error(
        "{} needs {needed} more bytes on its disk for a second copy, and {free} are free",
        path.display()
    )]
    NoRoom {
        /// The store's file.
        path: PathBuf,
        /// In bytes.
        needed: u64,
        /// In bytes.
        free: u64,
    },
    /// The copy is not what was copied.
    #[error("the copy of your graph is not equal to it ({what}); the graph is as it was")]
    Unequal {
        /// What differs.
        what: &'static str,
    },
    /// Another process keeps the file in a way that forbids to exchange it.
    #[error("another program keeps your graph open in a way that forbids to exchange its file")]
    InUse {
        /// What the engine says.
        source: Option<rusqlite::Error>,
    },
    /// A file beside the store.
    #[error("could not {doing} {}", path.display())]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The wish for protection cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Wish {
        /// The file.
        path: PathBuf,
        /// Where and why, in one line.
        why: String,
    },
    /// The organisation wants the graph encrypted.
    #[error("your organisation's policy wants your graph encrypted")]
    Policy,
}

impl Told for Fault {
    fn code(&self) -> &'static str {
        match self {
            Self::NoKey { .. } => "C090",
            Self::OtherKey { .. } => "C091",
            Self::NoStore { .. } => "C092",
            Self::Gone { .. } => "C093",
            Self::NoRoom { .. } => "C094",
            Self::Unequal { .. } => "C095",
            Self::InUse { .. } => "C096",
            Self::Disk { .. } => "C097",
            Self::Wish { .. } => "C098",
            Self::Policy => "C099",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::NoKey { .. } | Self::OtherKey { .. } => {
                "Restore the keychain (or keys file) that belongs to this graph. If it is lost, so is what was not \
                 synced: move graph.db away, enrol anew and run `aiworklab sync`; the appliance gives back what it \
                 holds. The file was not touched."
                    .into()
            }
            Self::NoStore { .. } => {
                "Move graph.db away, enrol anew and run `aiworklab sync`: the appliance gives back what it holds. \
                 The file was not touched."
                    .into()
            }
            Self::Gone { .. } => "Put it back, or start this program anew to begin a new one.".into(),
            Self::NoRoom { .. } => "Free some space and run this again; nothing was changed.".into(),
            Self::Unequal { .. } => {
                "Nothing was changed. Run `aiworklab doctor`; if the graph is sound, run this again.".into()
            }
            Self::InUse { .. } => {
                "End other aiworklab programs (an older agent?) and run this again; nothing was changed.".into()
            }
            Self::Disk { .. } => "Look at the cause above; your graph is whole, as it was before.".into(),
            Self::Wish { .. } => "Run `aiworklab protect auto`, which writes it anew.".into(),
            Self::Policy => "Ask your administrator; `aiworklab policy show` says where it stands.".into(),
        }
    }
}
