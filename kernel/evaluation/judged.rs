//! Judgements of tags in real changes, and the precision that they give each concept.
//!
//! A reader saw a piece of a diff and a concept, nothing of the rules, and said whether the line that
//! was pointed at meets the concept. Judgements are committed; the code they speak of is not. A
//! judgement is found again by package, versions, file, concept and the digest of the line, so it
//! outlives a change of the rules: a tag that is no longer made drops out, a new one is not judged yet.

use std::collections::BTreeMap;
use std::path::Path;

use kernel::ids::Slug;
use serde::{Deserialize, Serialize};

/// Below this precision a concept is switched off.
pub const SWITCHED_OFF_BELOW: f64 = 0.8;
/// So many tags have to be judged before a concept can be switched off.
pub const JUDGED_AT_LEAST: u32 = 5;

/// What tells one tag from all others. In the order in which it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The package.
    pub package: String,
    /// Its version before.
    pub from: String,
    /// Its version after.
    pub to: String,
    /// The path in it.
    pub file: String,
    /// The concept that is said to be met.
    pub concept: Slug,
    /// SHA-256 of the line without the blanks around it, in hex.
    pub line_sha256: String,
}

/// What the reader said of one tag.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judgement {
    /// The tag.
    #[serde(flatten)]
    pub key: Key,
    /// Where the line stands in the file after the change, from 1.
    pub row: u32,
    /// Whether the line meets the concept.
    pub right: bool,
    /// Why, in one sentence.
    pub why: String,
}

/// How many tags of a concept were judged, and how many of them are right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Judged.
    pub judged: u32,
    /// Right among them.
    pub right: u32,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, right: bool) {
        self.judged += 1;
        self.right += u32::from(right);
    }

    /// Share that is right, 0.0 to 1.0; 1.0 where nothing was judged.
    pub fn precision(self) -> f64 {
        if self.judged == 0 {
            1.0
        } else {
            f64::from(self.right) / f64::from(self.judged)
        }
    }

    /// Whether enough was judged, and too little of it is right.
    pub fn is_switched_off(self) -> bool {
        self.judged >= JUDGED_AT_LEAST && self.precision() < SWITCHED_OFF_BELOW
    }

    /// 95 % interval of the share (E. B. Wilson, 1927: the score interval).
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        if self.judged == 0 {
            return (0.0, 1.0);
        }
        let n = f64::from(self.judged);
        let p = self.precision();
        let middle = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let whole = 1.0 + Z * Z / n;
        ((middle - half) / whole, (middle + half) / whole)
    }
}

/// Reads a file of JSON objects, one a line. A file that is not there is an error.
pub fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty());
    lines
        .map(|(row, line)| {
            serde_json::from_str(line).map_err(|e| format!("{shown}:{}: {e}", row + 1))
        })
        .collect()
}

/// Reads judgements; of two of one tag there may be only one.
pub fn read(path: &Path) -> Result<BTreeMap<Key, Judgement>, String> {
    let mut found = BTreeMap::new();
    for judgement in read_lines::<Judgement>(path)? {
        if let Some(twice) = found.insert(judgement.key.clone(), judgement) {
            return Err(format!("{}: judged twice: {:?}", path.display(), twice.key));
        }
    }
    Ok(found)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    concept: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    slug: Slug,
    judged: u32,
    right: u32,
}

/// Reads the table of precision that the kernel carries.
pub fn read_precision(path: &Path) -> Result<BTreeMap<Slug, Tally>, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("{shown}: {e}"))?;
    let table: Table = toml::from_str(&text).map_err(|e| format!("{shown}: {e}"))?;
    let tally = |row: Row| {
        let Row {
            slug,
            judged,
            right,
        } = row;
        (slug, Tally { judged, right })
    };
    Ok(table.concept.into_iter().map(tally).collect())
}

/// The table of precision as text, by slug.
pub fn precision_text(tallies: &BTreeMap<Slug, Tally>) -> String {
    let mut text = String::from(
        "# How many tags of a concept were judged in real changes, and how many were right. Written by\n\
         # `make prove tagging`; what is below 0.8 with at least 5 judged is switched off.\n",
    );
    for (slug, tally) in tallies {
        let Tally { judged, right } = tally;
        text.push_str(&format!(
            "\n[[concept]]\nslug = \"{slug}\"\njudged = {judged}\nright = {right}\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concept_is_off_below_four_fifths_of_at_least_five() {
        let off = |judged, right| Tally { judged, right }.is_switched_off();
        assert!(off(5, 3) && off(100, 79));
        assert!(!off(4, 0) && !off(5, 4) && !off(0, 0));
    }

    #[test]
    fn the_interval_is_the_one_of_the_books() {
        // Agresti and Coull 1998, table of score intervals: 9 of 10.
        let (judged, right) = (10, 9);
        let (low, high) = Tally { judged, right }.interval();
        assert!(
            (low - 0.596).abs() < 0.001 && (high - 0.982).abs() < 0.001,
            "{low} {high}"
        );
    }

    #[test]
    fn the_table_of_precision_reads_as_it_was_written() {
        let slug: Slug = "py-clocks".parse().expect("a slug");
        let tally = Tally {
            judged: 7,
            right: 6,
        };
        let tallies = BTreeMap::from([(slug, tally)]);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("precision.toml");
        std::fs::write(&path, precision_text(&tallies)).expect("written");
        assert_eq!(read_precision(&path), Ok(tallies));
    }
}
