//! Why a secret could not be read, kept or moved.

use crate::error::Told;
use platform::secrets;
use std::io;
use std::path::PathBuf;

/// Codes C080 to C089.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No keychain, and nobody chose a file.
    #[error("there is no keychain to keep secrets in: {why}")]
    Absent { why: String, chosen: bool },
    /// Locked.
    #[error("the keychain is locked")]
    Locked { chosen: bool },
    /// Not let in.
    #[error("the keychain did not let this program in: {why}")]
    Denied { why: String },
    /// No answer.
    #[error("the keychain did not answer within {seconds} s")]
    Slow { seconds: u64 },
    /// Anything else of the keychain's.
    #[error("the keychain failed")]
    Keychain { source: secrets::Error },
    /// A secret file that others can read.
    #[error("others can read {}, so what it holds is no secret", path.display())]
    Open { path: PathBuf },
    /// A file of ours.
    #[error("could not {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Environment and folder disagree, or one of them says nonsense.
    #[error("where secrets are kept is not clear: {why}")]
    Choice { why: String, fix: String },
    /// What was written does not come back.
    #[error("the {name} that was written does not come back the same")]
    NotSame { name: String },
    /// A key of another length.
    #[error("the {name} has {found} bytes in place of {expected}")]
    Length {
        name: String,
        found: usize,
        expected: usize,
    },
}

impl Error {
    /// Of the keychain's error; `chosen` says whether the person, or a setting, chose the keychain.
    pub(super) fn of(error: secrets::Error, chosen: bool) -> Self {
        match error {
            secrets::Error::Absent { why } => Self::Absent { why, chosen },
            secrets::Error::Locked => Self::Locked { chosen },
            secrets::Error::Denied { why } => Self::Denied { why },
            secrets::Error::Slow { after } => Self::Slow {
                seconds: after.as_secs(),
            },
            source => Self::Keychain { source },
        }
    }
}

impl Told for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "C080",
            Self::Locked { .. } => "C081",
            Self::Denied { .. } => "C082",
            Self::Slow { .. } => "C083",
            Self::Keychain { .. } => "C084",
            Self::Open { .. } => "C085",
            Self::File { .. } => "C086",
            Self::Choice { .. } => "C087",
            Self::NotSame { .. } => "C088",
            Self::Length { .. } => "C089",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Absent { chosen: false, .. } => {
                "On a machine without a desktop, `aiworklab keys file` keeps secrets in files that only you can \
                 read. That is your choice to make; nothing was written."
                    .into()
            }
            Self::Absent { .. } => {
                "Your secrets lie in the keychain: log in to your desktop, or start its keyring, then run this again."
                    .into()
            }
            Self::Locked { chosen: false } => {
                "Unlock it (log in to your desktop, or open its keyring program), then run this again. On a machine \
                 without a desktop, `aiworklab keys file` keeps secrets in files that only you can read."
                    .into()
            }
            Self::Locked { .. } => {
                "Unlock it (log in to your desktop, or open its keyring program), then run this again. \
                 What is heard meanwhile is kept."
                    .into()
            }
            Self::Denied { .. } => "Run this again and allow it, or ask whoever manages this machine.".into(),
            Self::Slow { .. } => {
                "Look whether a window asks for a password; then run this again. Nothing was changed.".into()
            }
            Self::Keychain { .. } => "Look at the cause above; `aiworklab doctor` says how the keychain stands.".into(),
            Self::Open { path } => format!(
                "Look who may have read it. Then close it: chmod go= {}",
                path.display()
            ),
            Self::File { .. } => "Look at the cause above; nothing was half-written.".into(),
            Self::Choice { fix, .. } => fix.clone(),
            Self::NotSame { .. } => {
                "Nothing was moved: the secrets are where they were. `aiworklab doctor` says how the keychain stands."
                    .into()
            }
            Self::Length { .. } => {
                "It was changed by something else. Restore it from where you keep copies; `aiworklab keys status` \
                 says where it lies."
                    .into()
            }
        }
    }
}
