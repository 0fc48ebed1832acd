//! Why a row, a line or a key was refused. Breaks in a chain are not here: they
//! are findings, see [`crate::Broken`].

/// Why the audit log refused a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name is not lower-case segments of at most 64 characters.
    #[error("{what} is not a word of an audit row")]
    Word {
        /// Which field, never its content.
        what: &'static str,
    },
    /// A number is outside ±(2⁵³ − 1), which RFC 8785 can write exactly.
    #[error("{what} is outside the range of an exact JSON number")]
    Number {
        /// Which field.
        what: &'static str,
    },
    /// More details than [`crate::MAX_DETAILS`].
    #[error("an audit row holds at most {max} details")]
    TooManyDetails {
        /// The limit.
        max: usize,
    },
    /// A sealed actor beside a time finer than an hour.
    #[error("a row with a sealed actor must tell its time in whole hours")]
    TooFine,
    /// A record's text could not be read.
    #[error("{what} could not be read")]
    Parse {
        /// What was being read.
        what: &'static str,
        /// The parser's own words.
        source: serde_json::Error,
    },
    /// The text is readable but is not the one canonical spelling of its value.
    #[error("{what} is not in canonical form (RFC 8785)")]
    NotCanonical {
        /// What was being read.
        what: &'static str,
    },
    /// Key bytes that Ed25519 does not take.
    #[error("the audit signing key is not a 32-byte Ed25519 seed")]
    Key,
    /// The chain's number would overflow, or rows of a node do not follow each other.
    #[error("row {found} of node {node} does not follow row {last}")]
    NodeOrder {
        /// The node.
        node: u16,
        /// The last number that was chained.
        last: u64,
        /// The number that came.
        found: u64,
    },
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Word { .. } => "A001",
            Self::Number { .. } => "A002",
            Self::TooManyDetails { .. } => "A003",
            Self::TooFine => "A004",
            Self::Parse { .. } => "A005",
            Self::NotCanonical { .. } => "A006",
            Self::Key => "A007",
            Self::NodeOrder { .. } => "A008",
        }
    }
}
