//! Adapters: from what a harness says to events that all harnesses share ([`kernel::event`]).
//!
//! Pure functions over payloads: no disk, no clock, no network. An event keeps no path and no
//! prompt: a change carries the file's last name, and its text only until the tagger has read it.
//!
//! Invariant: any bytes give a [`Read`]; a shape that is not known is named, never fatal.

pub mod claude_code;
mod mend;

use kernel::event::{Event, Harness};

/// What a payload was found to be.
#[derive(Debug)]
pub enum Read {
    /// Something that happened.
    Event(Event),
    /// Well known, and of no use here.
    Ignored,
    /// A shape that this build does not know; its name, for `status`.
    Unknown(String),
    /// No JSON, or cut before it said anything.
    Unreadable,
}

/// Reads a payload of a harness; `cut` if more was said than was kept.
#[must_use]
pub fn read(harness: Harness, payload: &[u8], cut: bool) -> Read {
    match harness {
        Harness::ClaudeCode => claude_code::read(payload, cut),
        other => Read::Unknown(format!("{} is not read yet", other.title())),
    }
}

/// Longest name of an unknown shape that is kept.
const NAME_CHARS: usize = 40;

/// A name that can be shown: a harness's word, not somebody's text.
fn shown(name: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().filter(kept).take(NAME_CHARS).collect()
}

/// The last part of a path, whichever slash it uses.
fn file_name(path: &str) -> String {
    path.rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_owned()
}
