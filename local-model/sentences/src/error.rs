//! Why a text got no direction.

/// What failed at a text. The texts themselves are in no message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// candle failed.
    #[error("candle could not {doing}")]
    Tensors {
        /// What it was about to do.
        doing: &'static str,
        /// What it said.
        source: candle_core::Error,
    },
    /// The tokenizer failed.
    #[error("a text could not be split into tokens")]
    Tokens(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Tensors { .. } => "L035",
            Self::Tokens(_) => "L036",
        }
    }

    /// Code, message and causes on one line.
    #[must_use]
    pub fn words(&self) -> String {
        local_model::wire::words(self.code(), self)
    }
}
