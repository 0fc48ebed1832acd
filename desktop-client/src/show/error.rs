//! Why a check could not be shown.

use crate::error::Told;
use std::io;

/// Why a check could not be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No listener.
    #[error("the page of the check cannot be served on this machine's own address, 127.0.0.1")]
    Listen { source: io::Error },
    /// No page.
    #[error("the page of the check could not be made")]
    Render { source: dashboard_web::Error },
    /// The organisation wants no page.
    #[error("your organisation's policy switches the page off: {at}")]
    Policy { at: String },
    /// Nobody came.
    #[error("nobody answered on the page within {minutes} minutes")]
    Nobody { minutes: u64 },
}

impl Told for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "C070",
            Self::Render { .. } => "C071",
            Self::Nobody { .. } => "C074",
            Self::Policy { .. } => "C075",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Policy { .. } => "Use `aiworklab quiz` in a terminal.".into(),
            Self::Listen { .. } => {
                "Use `aiworklab quiz` in a terminal; it needs no network at all.".into()
            }
            Self::Render { .. } => {
                "Use `aiworklab quiz` in a terminal, and report this: it is a fault of this program.".into()
            }
            Self::Nobody { .. } => "The check waits. `aiworklab quiz` gives it.".into(),
        }
    }
}
