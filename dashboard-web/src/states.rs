//! The states of a concept for one person, and the square that stands for each.

/// What a person knows of one concept, as folded from their evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Shown again three weeks or more after it was demonstrated.
    Retained,
    /// Shown unaided.
    Demonstrated,
    /// Known once, then missed.
    Lapsed,
    /// Not shown twice yet.
    Learning,
    /// An agent wrote it for them.
    Seen,
    /// Nothing, or forgotten at their word.
    Unknown,
}

impl State {
    /// The order of the squares in a row: known, lapsed, learning, seen.
    pub const ALL: [Self; 6] = [
        Self::Retained,
        Self::Demonstrated,
        Self::Lapsed,
        Self::Learning,
        Self::Seen,
        Self::Unknown,
    ];

    /// The word, as on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retained => "retained",
            Self::Demonstrated => "demonstrated",
            Self::Lapsed => "lapsed",
            Self::Learning => "learning",
            Self::Seen => "seen",
            Self::Unknown => "unknown",
        }
    }

    /// The state of this word on the wire, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// Whether the person has shown it and not missed it since.
    pub fn known(self) -> bool {
        matches!(self, Self::Retained | Self::Demonstrated)
    }

    /// What the key beside the squares says.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Retained => "retained: passed again after three weeks",
            Self::Demonstrated => "demonstrated: shown unaided",
            Self::Lapsed => "lapsed: knew it, then missed it",
            Self::Learning => "learning: not shown twice yet",
            Self::Seen => "seen: an agent wrote it for you",
            Self::Unknown => "unknown: nothing is held",
        }
    }
}
