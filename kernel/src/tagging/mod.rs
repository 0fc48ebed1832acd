//! The tagger: which concepts a change or a command meets.
//!
//! By syntax, never by words: a name in a comment or in a string is no
//! mention. What is tagged stays concept, detector and line; code and file
//! name end here. Only what the *added* lines bring counts: a construct that
//! was there before is not met again because a line beside it changed.
//!
//! | module | does |
//! |---|---|
//! | `change`, `skip` | what a change shows; what is not looked at, and why |
//! | `needles` | one search that tells which detectors can match at all |
//! | `rules`, `lazy` | the detectors, compiled where they are needed |
//! | `mend`, `syntax` | pieces made to parse; the tree, with every step counted |
//! | `scan`, `strings`, `sql`, `shell`, `config`, `embedded` | the finds |
//! | `weigh`, [`confidence`](mod@confidence) | which of them count, and how sure they are |
//! | [`plan`] | the steps of a plan, by names |
//!
//! Invariant: any text gives a result, broken syntax included, and takes a
//! bounded number of steps: text above [`MAX_BYTES`] or [`MAX_LINES`], nested
//! deeper than [`MAX_DEPTH`], or built to be slow ([`MAX_STEPS`]) is passed
//! over and the result says so.
//! Elsewhere: the rules are the `[[detector]]` tables of [`crate::catalogue`].

mod change;
pub mod confidence;
mod config;
#[cfg(test)]
mod context_tests;
mod embedded;
mod language;
mod lazy;
mod mend;
mod mention;
mod needles;
mod parts;
pub mod plan;
mod rules;
mod scan;
mod shell;
mod skip;
mod sql;
mod strings;
mod syntax;
#[cfg(test)]
mod tests;
mod weigh;

use std::sync::LazyLock;

pub use crate::catalogue::Strength;
pub use change::{Hunk, SourceChange};
pub use mention::{Mention, Percent, Tagged};
pub use parts::{Part, Place};
pub use rules::{Error, Rest, Resting, Tagger};
pub use skip::Skipped;
pub use weigh::Silenced;

use crate::catalogue::Catalogue;
use crate::event::Event;

/// Largest text, in bytes, that is looked at.
pub const MAX_BYTES: usize = 512 * 1024;

/// Most lines of one text that are looked at.
pub const MAX_LINES: usize = 20_000;

/// Deepest nesting of syntax that is looked at; code written by people stays
/// below a hundred.
pub const MAX_DEPTH: u32 = 512;

/// Most steps from node to node that one text may take. Code written by
/// people takes a twentieth of it at [`MAX_BYTES`].
pub const MAX_STEPS: u64 = 20_000_000;

static BUILTIN: LazyLock<Tagger> = LazyLock::new(|| match Tagger::proven(Catalogue::builtin()) {
    Ok(tagger) => tagger,
    Err(error) => panic!("this build carries a broken detector: {error}"),
});

impl Tagger {
    /// The detectors of the built-in catalogue, each compiled once, where a
    /// text first needs it.
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

/// Tags what an event brings with the built-in catalogue: file by file, the
/// command, the steps of a plan.
pub fn tag_event(event: &Event) -> Vec<Part<'_>> {
    Tagger::builtin().tag_event(event)
}
