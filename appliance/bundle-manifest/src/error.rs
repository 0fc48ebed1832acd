//! Why a bundle is refused: always with the name of the part that is wrong.

use crate::{BundlePath, KeyId, PathFlaw, Version};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// What is wrong with one part of a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The manifest names it, and it is not there.
    #[error("it is missing")]
    Missing,
    /// It is there, and the manifest does not name it.
    #[error("it does not belong to the bundle")]
    Extra,
    /// A link, a folder, a device or a pipe.
    #[error("it is {0}, not a plain file")]
    NotAFile(&'static str),
    /// Fewer bytes than it should have.
    #[error("it is cut off: {found} of {expected} bytes")]
    CutOff {
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// More bytes than it should have.
    #[error("it is too long: {found} bytes instead of {expected}")]
    TooLong {
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// Other bytes than those that were signed for.
    #[error("its content is not what was signed: sha256 {found} instead of {expected}")]
    Swapped {
        /// The manifest's digest.
        expected: String,
        /// The file's.
        found: String,
    },
    /// Other permissions.
    #[error("its mode is {found:04o} instead of {expected:04o}")]
    Mode {
        /// The manifest's mode.
        expected: u32,
        /// The file's.
        found: u32,
    },
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
}

impl Problem {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "B002",
            Self::Extra => "B003",
            Self::NotAFile(_) => "B004",
            Self::CutOff { .. } => "B005",
            Self::TooLong { .. } => "B006",
            Self::Swapped { .. } => "B007",
            Self::Mode { .. } => "B008",
            Self::Unreadable(_) => "B009",
        }
    }
}

/// One part of a bundle, and what is wrong with it.
#[derive(Debug)]
pub struct Fault {
    /// The part, relative to the bundle.
    pub part: String,
    /// What is wrong.
    pub problem: Problem,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.problem.code(), self.part, self.problem)?;
        match &self.problem {
            Problem::Unreadable(error) => write!(f, " ({error})"),
            _ => Ok(()),
        }
    }
}

/// Why a bundle is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder or a file in it failed.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Files of the bundle are not what the manifest says: all of them, up to a limit.
    #[error("{}", list(faults, *more))]
    Parts {
        /// What is wrong with which part. Never empty.
        faults: Vec<Fault>,
        /// So many more.
        more: usize,
    },
    /// The manifest or its signature is larger than one can be.
    #[error("{part} is larger than {limit} bytes")]
    TooLarge {
        /// Which.
        part: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// The signature's file is not one.
    #[error("manifest.json.minisig is not a signature: {why}")]
    Signature {
        /// What is wrong.
        why: &'static str,
    },
    /// Another key made it.
    #[error("manifest.json is signed with the key {found}, and the trusted key is {trusted}")]
    OtherKey {
        /// The key that the signature names.
        found: KeyId,
        /// The key that is trusted.
        trusted: KeyId,
    },
    /// The signature does not fit.
    #[error(
        "manifest.json is not what was signed with the key {trusted}: the manifest, its signature or \
         the signature's comment was changed"
    )]
    Forged {
        /// The key that is trusted.
        trusted: KeyId,
    },
    /// The signature is for something else.
    #[error("manifest.json says {wanted}, and its signature is for {found}")]
    Comment {
        /// What the trusted comment says.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// The manifest is no manifest.
    #[error("manifest.json cannot be understood")]
    Malformed(#[source] serde_json::Error),
    /// A newer kind of manifest.
    #[error("manifest.json has format {found}, and this program knows formats up to {known}")]
    Format {
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A bundle of something else.
    #[error("manifest.json is for {what} {found}, not {wanted}")]
    NotForUs {
        /// Product or target.
        what: &'static str,
        /// What it says.
        found: String,
        /// What it should say.
        wanted: &'static str,
    },
    /// A path that may not be.
    #[error("manifest.json names the path {path:?}: {flaw}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong.
        flaw: PathFlaw,
    },
    /// One path twice, or a file where a folder is.
    #[error("manifest.json names {path} twice, or as both file and folder")]
    Duplicate {
        /// The path.
        path: BundlePath,
    },
    /// The manifest contradicts itself or a limit.
    #[error("manifest.json is not valid: {what}")]
    Invalid {
        /// What is wrong.
        what: String,
    },
    /// What is installed is newer.
    #[error("version {installed} is installed, and this bundle is the older {offered}")]
    Older {
        /// What is installed.
        installed: Version,
        /// What was offered.
        offered: Version,
    },
    /// A text that is no key.
    #[error("this is not a public key in minisign's format")]
    Key,
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "B001",
            Self::Parts { faults, .. } => {
                faults.first().map_or("B001", |fault| fault.problem.code())
            }
            Self::TooLarge { .. } => "B010",
            Self::Signature { .. } => "B011",
            Self::OtherKey { .. } => "B012",
            Self::Forged { .. } => "B013",
            Self::Comment { .. } => "B014",
            Self::Malformed(_) => "B015",
            Self::Format { .. } => "B016",
            Self::NotForUs { .. } => "B017",
            Self::Path { .. } => "B018",
            Self::Duplicate { .. } => "B019",
            Self::Invalid { .. } => "B020",
            Self::Older { .. } => "B021",
            Self::Key => "B022",
        }
    }

    /// What helps, as a sentence without its full stop.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Io { .. } => "look whether the folder is a bundle and can be read by this user",
            Self::Parts { faults, .. }
                if faults
                    .iter()
                    .all(|fault| matches!(fault.problem, Problem::Mode { .. })) =>
            {
                "unpack the bundle again, with `tar -xpf`, on a file system that keeps permissions"
            }
            Self::Parts { .. } | Self::TooLarge { .. } | Self::Signature { .. } => {
                "unpack the bundle again, into an empty folder, from a file whose sha256 you compared; \
                 if that does not help, get it anew from where you trust it"
            }
            Self::OtherKey { .. } => {
                "compare the key with the one that was given to you by another way than the bundle; \
                 install nothing that another key signed"
            }
            Self::Forged { .. } | Self::Comment { .. } => {
                "do not install it; get the bundle anew, and tell who sent it that it was changed"
            }
            Self::Malformed(_)
            | Self::Path { .. }
            | Self::Duplicate { .. }
            | Self::Invalid { .. } => {
                "it is signed and yet not sound: do not install it, and tell who made it"
            }
            Self::Format { .. } => "install the releases between yours and this one first",
            Self::NotForUs { .. } => "get the bundle for this product and machine",
            Self::Older { .. } => {
                "use a newer bundle; to go back all the same, name the older version with \
                 --allow-older VERSION, after a backup: an older program may not open a newer store"
            }
            Self::Key => {
                "give the line that begins with RW, or a file with it, as the vendor published it"
            }
        }
    }
}

fn list(faults: &[Fault], more: usize) -> String {
    let mut text = match faults.len() + more {
        1 => "a part of the bundle is not what was signed:".to_owned(),
        n => format!("{n} parts of the bundle are not what was signed:"),
    };
    for fault in faults {
        text.push_str(&format!("\n  {fault}"));
    }
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}
