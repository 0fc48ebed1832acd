//! The tagger: which concepts a change or a command meets.
//!
//! By syntax, never by words: a name in a comment or in a string is no
//! mention. What is tagged stays concept, detector and line; code and file
//! name end here. Only what the *added* lines bring counts: a construct that
//! was there before is not met again because a line beside it changed.
//!
//! Invariant: any text gives a result, broken syntax included; text above
//! [`MAX_BYTES`], or nested deeper than [`MAX_DEPTH`], is passed over and the
//! result says so.
//! Elsewhere: the rules are the `[[detector]]` tables of [`crate::catalogue`].

mod config;
mod language;
mod rules;
mod scan;
mod shell;
mod sql;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

pub use crate::catalogue::Strength;
pub use rules::{Error, Tagger};

use crate::catalogue::Catalogue;
use crate::ids::Slug;
use language::Language;

/// Largest text, in bytes, that is looked at.
pub const MAX_BYTES: usize = 512 * 1024;

/// Deepest nesting of syntax that is looked at; code written by people stays
/// below a hundred.
pub const MAX_DEPTH: u32 = 512;

static BUILTIN: LazyLock<Tagger> = LazyLock::new(|| match Tagger::new(Catalogue::builtin()) {
    Ok(tagger) => tagger,
    Err(error) => panic!("this build carries a broken detector: {error}"),
});

impl Tagger {
    /// The detectors of the built-in catalogue, compiled once.
    ///
    /// # Panics
    /// If an embedded rule does not compile, which a test of this crate
    /// excludes.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }
}

/// Tags a change with the built-in catalogue.
pub fn tag(change: &SourceChange) -> Tagged {
    Tagger::builtin().tag(change)
}

/// Tags a shell command with the built-in catalogue.
pub fn tag_command(command: &str) -> Tagged {
    Tagger::builtin().tag_command(command)
}

/// A text in which some or all lines were added. Lives in memory alone.
#[derive(Clone)]
pub struct SourceChange {
    file_name: String,
    text: String,
    /// Rows (from 0) that were added, sorted; `None`: all.
    added: Option<Vec<usize>>,
}

impl SourceChange {
    /// A file that did not exist before: every line was added.
    pub fn new_file(file_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            file_name: file_name.into(),
            text: text.into(),
            added: None,
        }
    }

    /// Added lines without the rest of their file; indentation that all of
    /// them share is ignored.
    pub fn fragment(file_name: impl Into<String>, added: &str) -> Self {
        Self {
            file_name: file_name.into(),
            text: dedent(added),
            added: None,
        }
    }

    /// A file as it is after the change, and the numbers (from 1) of the lines
    /// that the change added. Numbers beyond the text are ignored.
    pub fn in_file(
        file_name: impl Into<String>,
        whole: impl Into<String>,
        added_lines: &[u32],
    ) -> Self {
        let mut rows: Vec<usize> = added_lines
            .iter()
            .filter_map(|n| (*n as usize).checked_sub(1))
            .collect();
        rows.sort_unstable();
        rows.dedup();
        Self {
            file_name: file_name.into(),
            text: whole.into(),
            added: Some(rows),
        }
    }

    /// The file's name, as it was given.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The `n`-th added line, counted from 1 as [`Mention::line`] is.
    pub fn added_line(&self, n: u32) -> Option<&str> {
        let nth = (n as usize).checked_sub(1)?;
        let row = match &self.added {
            None => nth,
            Some(rows) => *rows.get(nth)?,
        };
        self.text.lines().nth(row)
    }

    pub(crate) fn language(&self) -> Option<Language> {
        Language::of_file(&self.file_name, &self.text)
    }

    /// The text without its added lines: what stood there before, as far as
    /// it can be known.
    fn before(&self) -> String {
        let rows = self.added.as_deref().unwrap_or_default();
        let mut out = String::with_capacity(self.text.len());
        let kept = |row: &usize| rows.binary_search(row).is_err();
        for (_, line) in self.text.lines().enumerate().filter(|(row, _)| kept(row)) {
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

/// Shows sizes alone: the text and the file's name may not end up in a log.
impl std::fmt::Debug for SourceChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceChange")
            .field("bytes", &self.text.len())
            .field("added_lines", &self.added.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// A concept met in an added line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mention {
    /// The concept.
    pub concept: Slug,
    /// The detector that found it.
    pub detector: String,
    /// Number (from 1) among the added lines.
    pub line: u32,
    /// How much the mention says by itself.
    pub strength: Strength,
}

/// Why a text was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// It is longer than [`MAX_BYTES`].
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Its syntax is nested deeper than [`MAX_DEPTH`].
    TooDeep {
        /// The limit.
        limit: u32,
    },
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
    /// The concepts that were met.
    pub fn concepts(&self) -> BTreeSet<Slug> {
        self.mentions.iter().map(|m| m.concept.clone()).collect()
    }
}

/// Takes away the indentation that all lines share, so that a piece cut out
/// of a block reads as if it stood at the top.
fn dedent(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let shared = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.as_bytes()[..indent(line)].to_vec())
        .reduce(|a, b| {
            a.iter()
                .zip(&b)
                .take_while(|(x, y)| x == y)
                .map(|(x, _)| *x)
                .collect()
        })
        .map_or(0, |prefix| prefix.len());
    if shared == 0 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(line.get(shared..).unwrap_or(""));
        out.push('\n');
    }
    out
}
