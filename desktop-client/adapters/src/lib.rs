//! Adapters: from what a harness says to events that all harnesses share ([`kernel::event`]).
//!
//! Pure functions over payloads: no disk, no clock, no network. An event keeps no path and no
//! prompt: a change carries the file's last name, and its text only until the tagger has read it.
//!
//! [`read`] looks at one payload by itself. A [`Reader`] reads them one after the other and
//! remembers a little about each session: some harnesses say a thing several times, and some say
//! only by the order of what they say that a turn is over.
//!
//! Invariant: any bytes give a [`Read`]; a shape that is not known is named, never fatal.

mod claude_code;
mod codex;
mod mend;
mod opencode;
mod patch;
mod plan;
mod remember;
mod t3code;
mod transcript;
mod unified;
mod verdict;

pub use transcript::{Told, Transcript};

use kernel::event::{Act, Event, Harness};
use kernel::tagging::SourceChange;
use serde_json::Value;
use std::borrow::Cow;

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

/// First words of OpenCode's events that say nothing of use, or that are read; another one is new.
#[must_use]
pub const fn quiet_events_of_opencode() -> &'static [&'static str] {
    &opencode::QUIET_EVENTS
}

/// Reads payloads one after the other, in the order in which they were told.
///
/// What it remembers is bounded, and a reader that starts in the middle of a session is no harm: at
/// worst the end of a turn is told twice, or the end of a turn under T3 Code is missed.
#[derive(Debug, Default)]
pub struct Reader {
    claude_code: claude_code::Sessions,
    opencode: opencode::Sessions,
    t3code: t3code::Threads,
}

impl Reader {
    /// Reads the next payload of a harness; `cut` if more was said than was kept.
    #[must_use]
    pub fn read(&mut self, harness: Harness, payload: &[u8], cut: bool) -> Read {
        match harness {
            Harness::ClaudeCode => self.claude_code.read(payload, cut),
            Harness::Codex => codex::read(payload, cut),
            Harness::OpenCode => self.opencode.read(payload, cut),
            Harness::T3Code => self.t3code.read(payload, cut),
        }
    }
}

/// Reads one payload of a harness by itself; `cut` if more was said than was kept.
#[must_use]
pub fn read(harness: Harness, payload: &[u8], cut: bool) -> Read {
    Reader::default().read(harness, payload, cut)
}

/// What makes two reports of one act the same, whoever tells it; `None` where nothing in the event
/// does: then a change, a command or a stop is told apart by its payload, and any other act counts
/// each time.
///
/// A tool call is known by its harness, session and call. The beginning of a turn is known by its
/// turn alone, as are both ends of a turn of Codex: T3 Code tells them before it has told which
/// session of Codex they belong to, and Codex's turn ids are unique among all sessions. A plan is
/// known by its turn and its open steps: T3 Code tells it without the call.
#[must_use]
pub fn identity(event: &Event) -> Option<[Cow<'_, str>; 3]> {
    let origin = &event.origin;
    let of_turn = |what: &'static str| {
        let turn = origin.turn.as_deref()?;
        Some([origin.harness.name().into(), turn.into(), what.into()])
    };
    let codex = origin.harness == Harness::Codex;
    match &event.act {
        Act::Changed(_) | Act::Ran(_) | Act::Stopped => Some(origin.identity()?.map(Cow::Borrowed)),
        Act::TurnBegan => of_turn("turn began"),
        Act::TurnEnded if codex => of_turn("turn ended"),
        Act::TurnInterrupted if codex => of_turn("turn interrupted"),
        Act::Planned(steps) => {
            let turn = origin.turn.as_deref()?;
            let steps = format!("planned\n{}", steps.join("\n"));
            Some([origin.harness.name().into(), turn.into(), steps.into()])
        }
        _ => None,
    }
}

/// Longest name of an unknown shape that is kept.
const NAME_CHARS: usize = 40;
/// Longest id that is kept, in bytes; harnesses' own have some 40.
const ID_BYTES: usize = 128;

/// A name that can be shown: a harness's word, not somebody's text.
fn shown(name: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    name.chars().filter(kept).take(NAME_CHARS).collect()
}

fn tool_unknown(tool: &str) -> Read {
    Read::Unknown(format!("tool {}", shown(tool)))
}

/// A payload as JSON, mended if it was cut; and whether anything is missing.
fn json(payload: &[u8], cut: bool) -> Option<(Value, bool)> {
    if let Ok(value) = serde_json::from_slice(payload) {
        return Some((value, cut));
    }
    let mended = mend::mend(payload)?;
    Some((serde_json::from_slice(&mended).ok()?, true))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// An id; one that is too long to be one is cut.
fn id(value: &Value, key: &str) -> Option<String> {
    let id = text(value, key).filter(|id| !id.is_empty())?;
    let mut end = id.len().min(ID_BYTES);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    Some(id[..end].to_owned())
}

/// Folders that say what kind of file lies in them; a name of these is nobody's secret.
const TELLING_FOLDERS: [&str; 12] = [
    ".github",
    "workflows",
    ".git",
    "node_modules",
    "site-packages",
    "vendor",
    "third_party",
    "dist",
    "build",
    "target",
    "generated",
    "migrations",
];
/// Most such folders that are kept in front of a name.
const FOLDERS: usize = 3;

/// Longest file name that is kept, in bytes; of a longer one, its end.
const NAME_BYTES: usize = 120;

/// The last part of a path, whichever slash it uses, behind those of its folders that say what kind
/// of file it is: `.github/workflows/ci.yml`, `node_modules/index.js`. Everything else is left out.
fn file_name(path: &str) -> String {
    let mut parts = path.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or_default();
    let mut from = name.len().saturating_sub(NAME_BYTES);
    while !name.is_char_boundary(from) {
        from += 1;
    }
    let name = &name[from..];
    let mut kept: Vec<&str> = parts
        .filter(|part| TELLING_FOLDERS.contains(part))
        .take(FOLDERS)
        .collect();
    kept.reverse();
    kept.push(name);
    kept.join("/")
}

/// What edits add, where neither the file nor a diff is known: their new lines without those that
/// stood in the old text.
fn fresh_lines(file: String, edits: &[(&str, &str)]) -> SourceChange {
    let mut fresh = String::new();
    for (old, new) in edits {
        let stood: std::collections::HashSet<&str> = old.lines().collect();
        for line in new.lines().filter(|line| !stood.contains(line)) {
            fresh.push_str(line);
            fresh.push('\n');
        }
    }
    SourceChange::fragment(file, &fresh)
}

/// A command line out of a program and its words; what a shell was given to run is taken out.
fn unwrapped(words: &[&str]) -> String {
    if let [shell, flag, script, ..] = words
        && SHELLS.contains(&shell.rsplit(['/', '\\']).next().unwrap_or_default())
        && flag.starts_with('-')
        && flag.ends_with('c')
    {
        return (*script).to_owned();
    }
    match shlex::try_join(words.iter().copied()) {
        Ok(line) => line,
        Err(_) => words.join(" "),
    }
}

/// Shells whose `-c` is taken out.
const SHELLS: [&str; 6] = ["sh", "bash", "zsh", "dash", "ksh", "fish"];

/// What a shell was given to run, if a line is a shell with a script: `/bin/bash -lc 'cargo test'`.
fn unwrapped_line(line: &str) -> String {
    let shell = line.split_whitespace().next().unwrap_or_default();
    if !SHELLS.contains(&shell.rsplit('/').next().unwrap_or_default()) {
        return line.to_owned();
    }
    match shlex::split(line) {
        Some(words) if words.len() == 3 => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            unwrapped(&words)
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests;
