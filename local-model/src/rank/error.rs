//! Why nothing was ranked, qualified or made.

use crate::Down;

/// Why ranking, qualification or the making of a pack stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RankError {
    /// The model went down, or was never there. What was made before is untouched.
    #[error("the model stopped while {doing}")]
    Down {
        /// What was being done.
        doing: String,
        /// Why.
        source: Down,
    },
    /// The model answered something that is no answer.
    #[error("the model's answer makes no sense: {what}")]
    Answer {
        /// What was wrong with it.
        what: String,
    },
    /// A labelled set of this build cannot be read.
    #[error("the labelled set {file} cannot be read: {cause}")]
    Labels {
        /// Which.
        file: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// The qualification belongs to another catalogue or another way to measure.
    #[error("the qualification was made for other versions; qualify again")]
    Stale,
    /// No item can be made.
    #[error(transparent)]
    Item(#[from] kernel::items::Error),
}

impl RankError {
    /// Code printed in the manual. Never reused. What comes from the catalogue keeps its own.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Down { .. } => "L020",
            Self::Answer { .. } => "L021",
            Self::Labels { .. } => "L022",
            Self::Stale => "L023",
            Self::Item(error) => error.code(),
        }
    }
}
