//! What the tagger says: mentions, and how sure it is of each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Skipped;
use crate::catalogue::Strength;
use crate::ids::Slug;

/// A share in whole percent, 0 to 100.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Percent(u8);

impl Percent {
    /// The nearest whole percent of a share from 0.0 to 1.0; what lies beyond
    /// is brought inside.
    #[must_use]
    pub fn of(share: f64) -> Self {
        // Within 0 to 100, so nothing is lost.
        Self((share.clamp(0.0, 1.0) * 100.0).round() as u8)
    }

    /// The number, 0 to 100.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// A concept met in an added line. Stays on the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mention {
    /// The concept.
    pub concept: Slug,
    /// The detector that found it: the rule's id within its concept.
    pub detector: String,
    /// Number (from 1) among the added lines.
    pub line: u32,
    /// Number (from 1) in the file after the change, where it is known.
    pub row: Option<u32>,
    /// How much the mention says by itself.
    pub strength: Strength,
    /// Chance that a reader of the change would agree; see
    /// [`super::confidence`].
    pub confidence: Percent,
    /// The function, class or section around it.
    pub within: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagged {
    /// Mentions that count, by line.
    pub mentions: Vec<Mention>,
    /// Set if the text was not looked at.
    pub skipped: Option<Skipped>,
}

impl Tagged {
    /// Whether the find of `mention`, of the same text, is among these: concept, detector and line.
    #[must_use]
    pub fn holds(&self, mention: &Mention) -> bool {
        let same = |m: &&Mention| (m.line, &m.detector) == (mention.line, &mention.detector);
        self.mentions
            .iter()
            .filter(same)
            .any(|m| m.concept == mention.concept)
    }

    /// The concepts that were met.
    pub fn concepts(&self) -> BTreeSet<Slug> {
        self.mentions.iter().map(|m| m.concept.clone()).collect()
    }

    pub(super) fn passed_over(skipped: Skipped) -> Self {
        Self {
            mentions: Vec::new(),
            skipped: Some(skipped),
        }
    }
}
