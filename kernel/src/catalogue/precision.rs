//! What was measured of a concept's tags: `catalogue/precision.toml`.
//!
//! Readers judge tags in real commits, seeing the change and the concept
//! alone; the proof that counts their verdicts writes the file. It switches
//! off what is wrong too often: by data, not by opinion.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ids::Slug;

/// Path of the file within the catalogue.
pub const FILE: &str = "precision.toml";

/// Measured precision below which a concept is switched off.
pub const FLOOR: f64 = 0.8;

/// Fewest verdicts that say something about a concept.
pub const ENOUGH: u32 = 5;

/// Verdicts on a concept's tags in real commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Judged {
    /// How many tags were judged.
    pub judged: u32,
    /// How many of them a reader called right.
    pub right: u32,
}

impl Judged {
    /// Share of right tags, 0.0 to 1.0; `None` if none was judged.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        let right = self.right.min(self.judged);
        (self.judged > 0).then(|| f64::from(right) / f64::from(self.judged))
    }

    /// Whether the verdicts switch the concept off.
    #[must_use]
    pub fn is_off(self) -> bool {
        self.judged >= ENOUGH && self.precision().is_some_and(|p| p < FLOOR)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    concept: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    slug: Slug,
    judged: u32,
    right: u32,
}

pub(super) fn read(text: &str) -> Result<BTreeMap<Slug, Judged>, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    let verdicts = |row: Row| {
        let Row {
            slug,
            judged,
            right,
        } = row;
        (slug, Judged { judged, right })
    };
    Ok(file.concept.into_iter().map(verdicts).collect())
}
