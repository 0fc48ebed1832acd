//! What the agent saw, for whoever watches it: `replay` prints it. Never stored, never sent.

use crate::words;
use kernel::event::{Act, Event, Harness};
use kernel::ids::Slug;
use kernel::tagging::Strength;

/// One payload, as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// When, in seconds by the machine's clock.
    pub at: i64,
    /// Who told it.
    pub told_by: Harness,
    /// Who did it; the same, but for a harness that drives another one.
    pub done_by: Harness,
    /// The session, hashed.
    pub session: u64,
    /// What it was, in a word or two.
    pub act: String,
    /// Whether it was told before, and so did not count.
    pub again: bool,
    /// Lines that were added.
    pub added_lines: u64,
    /// What was found in it.
    pub tags: Vec<Tag>,
    /// What was passed over, and why.
    pub passed_over: Vec<(String, String)>,
    /// Files beyond the limit of one change.
    pub files_left_out: usize,
    /// Whether the payload was longer than what is kept of one.
    pub cut: bool,
}

impl Happened {
    /// An event of this session, told for the first time and before anything was looked for in it.
    pub(super) fn new(at: i64, told_by: Harness, session: &[u8], event: &Event) -> Self {
        Self {
            at,
            told_by,
            done_by: event.origin.harness,
            session: super::decide::number(session),
            act: word(&event.act),
            again: false,
            added_lines: 0,
            tags: Vec::new(),
            passed_over: Vec::new(),
            files_left_out: event.files_left_out,
            cut: event.cut,
        }
    }
}

/// An act in a word or two.
fn word(act: &Act) -> String {
    match act {
        Act::SessionBegan => "session began".to_owned(),
        Act::SessionEnded => "session ended".to_owned(),
        Act::TurnBegan => "prompt".to_owned(),
        Act::TurnEnded => "turn ended".to_owned(),
        Act::TurnInterrupted => "turn broken off".to_owned(),
        Act::ApprovalAsked => "approval asked".to_owned(),
        Act::ApprovalAnswered => "approval answered".to_owned(),
        Act::Stopped => "tool failed or stopped".to_owned(),
        Act::Planned(steps) => format!("plan of {}", words::count(steps.len() as u64, "step")),
        Act::Changed(changes) => {
            format!("{} changed", words::count(changes.len() as u64, "file"))
        }
        Act::Ran(ran) => {
            let what = match (ran.tests(), ran.commits()) {
                (_, true) => "commit",
                (Some(true), _) => "tests passed",
                (Some(false), _) => "tests failed",
                (None, _) => "command",
            };
            what.to_owned()
        }
    }
}

/// One mention, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The concept.
    pub concept: Slug,
    /// The rule.
    pub rule: String,
    /// The file's last name, "a command" or "a plan".
    pub place: String,
    /// The line's number in the file, from 1, where it is known.
    pub row: Option<u32>,
    /// How sure the rule is, in percent.
    pub confidence: u8,
    /// How much it says by itself.
    pub strength: Strength,
    /// The line.
    pub line: String,
    /// What the line stands in.
    pub within: Option<String>,
    /// Whether it counts.
    pub counted: Counted,
}

/// Whether a mention counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It does.
    Yes,
    /// The engineer called the rule wrong.
    Resting,
    /// The engineer muted the concept.
    Muted,
    /// The engineer had the concept forgotten since.
    Forgotten,
}

impl Counted {
    /// Why it does not count; nothing if it does.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Yes => "",
            Self::Resting => "not counted: you called this rule wrong",
            Self::Muted => "not counted: you muted it",
            Self::Forgotten => "not counted: you had it forgotten since",
        }
    }
}
