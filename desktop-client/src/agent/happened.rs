//! What the agent saw, for whoever watches it: `replay` prints it. Never stored, never sent.

use kernel::event::Harness;
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
