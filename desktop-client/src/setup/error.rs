//! Why a harness was not set up.

use crate::error::Told;
use std::path::PathBuf;

/// Why a harness was not set up.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file of somebody else's where ours belongs.
    #[error("{} is left as it is: it is no file of ours", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

impl Told for Problem {
    fn code(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "C060",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::Foreign { .. } => "Give that file another name, then run this again.".into(),
        }
    }
}
