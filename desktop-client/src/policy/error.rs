//! Why a policy or a setting stands in the way.

use crate::error::Told;

/// What the organisation's policy refuses, and what is wrong with settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another appliance, or another root, than the policy names.
    #[error("your organisation's policy names another {what} ({at}): {policy}, not {given}")]
    Differs {
        what: &'static str,
        at: String,
        policy: String,
        given: String,
    },
    /// A policy that cannot be read restricts all that it could.
    #[error("{what}, because your organisation's policy cannot be read ({at}: {why})")]
    Unreadable {
        what: &'static str,
        at: String,
        why: String,
    },
    /// Neither the command line nor a policy names an appliance.
    #[error("no {what} was given, and no policy of your organisation names one")]
    NothingNamed { what: &'static str },
    /// A harness that the policy leaves out.
    #[error("{harness} is not among the harnesses that your organisation allows ({at})")]
    Harness { harness: &'static str, at: String },
    /// The engineer's own model.
    #[error("your organisation's policy {why} ({at})")]
    OwnModel { why: String, at: String },
    /// A file for secrets.
    #[error("your organisation's policy keeps secrets in the system's keychain alone ({at})")]
    KeyFile { at: String },
    /// This program is too old or too new.
    #[error("your organisation's policy allows no version {bound} ({at}); this is {version}")]
    Version {
        bound: String,
        version: &'static str,
        at: String,
    },
    /// No such setting.
    #[error("there is no setting {name:?}")]
    NoSetting {
        name: String,
        known: Vec<&'static str>,
    },
    /// A value that a setting does not take.
    #[error("{key} does not take {value:?}")]
    Setting {
        key: &'static str,
        value: String,
        takes: String,
    },
    /// The person's settings cannot be read.
    #[error("your settings in {path} cannot be read ({at}: {why})")]
    Settings {
        path: String,
        at: String,
        why: String,
    },
}

impl Told for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Differs { .. } => "C110",
            Self::Unreadable { .. } => "C111",
            Self::NothingNamed { .. } => "C112",
            Self::Harness { .. } => "C113",
            Self::OwnModel { .. } => "C114",
            Self::KeyFile { .. } => "C115",
            Self::Version { .. } => "C116",
            Self::NoSetting { .. } => "C117",
            Self::Setting { .. } => "C118",
            Self::Settings { .. } => "C119",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Differs { .. } => {
                "Run `aiworklab enrol` with no address and no fingerprint, or ask whoever manages this machine. \
                 Nothing was sent."
                    .into()
            }
            Self::Unreadable { .. } => {
                "Ask whoever manages this machine to mend it; `aiworklab policy show` says what it says. \
                 Recording goes on."
                    .into()
            }
            Self::NothingNamed { .. } => {
                "Run `aiworklab enrol https://HOST:PORT --ca-fingerprint sha256:…`, as your organisation gave it."
                    .into()
            }
            Self::Harness { .. } | Self::OwnModel { .. } => {
                "`aiworklab policy show` says what is allowed; whoever manages this machine can change it.".into()
            }
            Self::KeyFile { .. } => {
                "Unlock or start the system's keychain, then run this again; `aiworklab doctor` says how it stands."
                    .into()
            }
            Self::Version { .. } => {
                "Ask whoever manages this machine for another version. Recording goes on, and nothing is lost.".into()
            }
            Self::NoSetting { known, .. } => format!("The settings are {}.", known.join(", ")),
            Self::Setting { takes, .. } => format!("Give {takes}. Nothing was changed."),
            Self::Settings { path, .. } => {
                format!("Mend {path} by hand, or delete it to go back to the defaults. Nothing was changed.")
            }
        }
    }
}
