//! Why the agent that runs by itself did not start, or was not found.

use crate::error::Told;
use crate::socket::MAX_PATH_BYTES;
use std::io;
use std::path::PathBuf;

/// What may go wrong around the agent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is one already.
    #[error("an agent runs already, as process {pid}")]
    Running { pid: u32 },
    /// Nobody can listen there.
    #[error("the agent cannot listen on {}", path.display())]
    Listen { path: PathBuf, source: io::Error },
    /// Something else lies there.
    #[error("{} is there already, and is no socket", path.display())]
    Occupied { path: PathBuf },
    /// A path beyond what the system takes, on a system without a way around it.
    #[error("{} is longer than the {MAX_PATH_BYTES} bytes that a socket's path may have", path.display())]
    TooLong { path: PathBuf },
    /// There is none.
    #[error("no agent runs")]
    NotRunning,
    /// It did not come up.
    #[error("the agent was started in the background and did not come up")]
    NotUp,
    /// It goes on although it was told to stop.
    #[error("the agent, process {pid}, was told to stop and has not stopped yet")]
    NotStopped { pid: u32 },
    /// The system's service manager, or its file.
    #[error("the agent could not be made a service, or none any more")]
    Service {
        #[from]
        source: platform::service::Error,
    },
    /// A part of the process could not be started.
    #[error("the agent could not start {what}")]
    Start {
        what: &'static str,
        source: io::Error,
    },
}

impl Told for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Running { .. } => "C050",
            Self::Listen { .. } => "C051",
            Self::Occupied { .. } => "C052",
            Self::TooLong { .. } => "C053",
            Self::NotRunning => "C054",
            Self::NotUp => "C055",
            Self::NotStopped { .. } => "C056",
            Self::Start { .. } => "C057",
            Self::Service { .. } => "C058",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Running { .. } => {
                "One is enough: `aiworklab agent status` shows it, `aiworklab agent stop` ends it.".into()
            }
            Self::Listen { path, .. } => format!(
                "Look at the cause above; {} has to lie on a disk that takes sockets. Until then nothing is lost: \
                 hooks keep what they hear, and `aiworklab agent --once` reads it.",
                path.display()
            ),
            Self::Occupied { path } => format!("Move {} away, then start the agent again.", path.display()),
            Self::TooLong { .. } => "Set AIWORKLAB_HOME to a folder with a shorter path.".into(),
            Self::NotRunning => {
                "Start it with `aiworklab agent --background`, or `aiworklab agent install` for every login.".into()
            }
            Self::NotUp => "Read agent.log in the client's folder, or run `aiworklab agent` to see why.".into(),
            Self::NotStopped { .. } => "It ends with what it reads just now; look again in a minute.".into(),
            Self::Service { .. } => {
                "Look at the cause above; the same command works from wherever it stopped. `aiworklab agent \
                 --background` needs no manager."
                    .into()
            }
            Self::Start { .. } => "Look at the cause above; nothing is lost meanwhile.".into(),
        }
    }
}
