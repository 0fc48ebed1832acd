//! Why the engineer's own model could not be set up, asked or understood.

use crate::error::Told;
use std::io;
use std::path::PathBuf;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// C100 to C109, and C130. What a provider says is cut, and loses its control characters, before it gets here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is none.
    #[error("no model of your own is set")]
    Off,
    /// The file of its settings.
    #[error("the settings of your own model, {}, cannot be read: {why}", path.display())]
    Settings { path: PathBuf, why: String },
    /// An address or an option that cannot be.
    #[error("{text:?} cannot be used: {why}")]
    Wish { text: String, why: String },
    /// No key.
    #[error("there is no key for {host}")]
    NoKey { host: String },
    /// The key could not be read.
    #[error("the key could not be read")]
    KeyInput { source: io::Error },
    /// Nothing answers, or not in time.
    #[error("your own model at {host} cannot be reached")]
    Unreachable { host: String, source: Cause },
    /// It refused.
    #[error("your own model at {host} refused ({status}): {said}")]
    Refused {
        host: String,
        status: u16,
        said: String,
        retry_after_s: Option<u64>,
    },
    /// What answered does not speak as the provider does.
    #[error("your own model at {host} answered what this program does not take: {why}")]
    Reply { host: String, why: String },
    /// The provider answered as it should, and what the model wrote is not what was asked for.
    #[error("your own model at {host} wrote what was not asked for: {why}")]
    Words { host: String, why: String },
    /// The local one.
    #[error("the model in {} does not work", path.display())]
    Local { path: PathBuf, source: Cause },
    /// No line that it could be asked about.
    #[error("there is nothing to ask your own model: {why}")]
    Nothing { why: String },
}

impl Told for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Off => "C100",
            Self::Settings { .. } => "C101",
            Self::Wish { .. } => "C102",
            Self::NoKey { .. } => "C103",
            Self::KeyInput { .. } => "C104",
            Self::Unreachable { .. } => "C105",
            Self::Refused { .. } => "C106",
            Self::Reply { .. } => "C107",
            Self::Words { .. } => "C130",
            Self::Local { .. } => "C108",
            Self::Nothing { .. } => "C109",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Off => {
                "Nothing has to be done: checks come from the catalogue. To have one: `aiworklab model use --help`."
                    .into()
            }
            Self::Settings { .. } => {
                "Run `aiworklab model use …` again; it writes the file anew. Until then it is off.".into()
            }
            Self::Wish { .. } => "`aiworklab model use --help` says what can be given.".into(),
            Self::NoKey { .. } => "Run `aiworklab model use …` again, and type the key when asked.".into(),
            Self::KeyInput { .. } => {
                "Type the key at a terminal, or give it as the first line of standard input.".into()
            }
            Self::Unreachable { .. } => {
                "Look at the address, the network and HTTPS_PROXY. Checks go on from the catalogue.".into()
            }
            Self::Refused { status, .. } => match status {
                401 | 403 => "Look at the key: `aiworklab model use … --new-key`. Checks go on from the catalogue.",
                404 => "Look at --model and --url. Checks go on from the catalogue.",
                429 => "It has enough for now; it is asked again later. Checks go on from the catalogue.",
                _ => "It is asked again later. Checks go on from the catalogue.",
            }
            .into(),
            Self::Reply { .. } => {
                "Look at --url: it has to be the provider's own interface. Checks go on from the catalogue.".into()
            }
            Self::Words { .. } => {
                "Nothing has to be done; if it goes on so, another --model may do better. Checks go on from the catalogue."
                    .into()
            }
            Self::Local { .. } => {
                "Look at the cause above; `aiworklab model use gguf --file …` takes another. Checks go on from the \
                 catalogue."
                    .into()
            }
            Self::Nothing { .. } => {
                "Work goes on: it is asked once a concept was met in a line of yours.".into()
            }
        }
    }
}
