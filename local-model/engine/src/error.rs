//! Why an engine did not answer a job. What the sentence model fails at is `sentences::Error`.

/// The worker goes on after each of these; the server is told the words.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// This part is not loaded.
    #[error("no {0} is loaded")]
    Absent(&'static str),
    /// Nothing is cut off silently.
    #[error("{what}: {is} tokens, limit {limit}")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// How many.
        is: usize,
        /// The limit.
        limit: usize,
    },
    /// There is nothing to score.
    #[error("continuation {0} has no tokens")]
    NoTokens(usize),
    /// The prefix has no tokens, and the model none to begin with.
    #[error("the prefix has no tokens, and the model none that begins a text")]
    NoBeginning,
    /// The model computes something that is no number: its weights are broken.
    #[error("the model gives token {0} a chance that is no number")]
    NotANumber(i32),
    /// llama.cpp failed.
    #[error("llama.cpp could not {doing}")]
    Native {
        /// What it was about to do.
        doing: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl EngineError {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Absent(_) => "L030",
            Self::TooLarge { .. } => "L031",
            Self::NoTokens(_) => "L032",
            Self::NotANumber(_) => "L033",
            Self::Native { .. } => "L034",
            Self::NoBeginning => "L037",
        }
    }

    /// Code, message and causes on one line: what goes over the socket.
    #[must_use]
    pub fn words(&self) -> String {
        local_model::wire::words(self.code(), self)
    }
}
