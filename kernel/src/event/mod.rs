//! What a coding agent did, the same whichever harness told it.
//!
//! An adapter reads a harness's payload into an [`Event`]; from there on nothing knows the harness.
//! Code, commands and plan text live in an event only until the tagger has read them: nothing here
//! is serialised, and `Debug` shows sizes, never text.
//!
//! Invariant: one act has one [`Origin::identity`], however many adapters report it. A harness that
//! drives another one reports the driven one's ids.

mod command;

pub use command::Ran;

use crate::tagging::SourceChange;

/// Most files of one event that are looked at; the rest is counted in [`Event::files_left_out`].
pub const MAX_FILES: usize = 500;
/// Most bytes of plan text of one event that are looked at.
pub const MAX_PLAN_BYTES: usize = 32 * 1024;

/// A coding agent's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harness {
    /// Claude Code.
    ClaudeCode,
    /// Codex.
    Codex,
    /// OpenCode.
    OpenCode,
    /// T3 Code, for what it does itself: what it has another harness do carries that one's name.
    T3Code,
}

impl Harness {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ClaudeCode, Self::Codex, Self::OpenCode, Self::T3Code];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::OpenCode => "opencode",
            Self::T3Code => "t3code",
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::Codex => "Codex",
            Self::OpenCode => "OpenCode",
            Self::T3Code => "T3 Code",
        }
    }

    /// The harness of this name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|harness| harness.name() == name)
    }
}

/// Where an act comes from: who acted, in which session, turn and tool call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The program that acted, also where another one drives it and tells.
    pub harness: Harness,
    /// Its id of the session.
    pub session: String,
    /// Its id of the turn, where it tells one.
    pub turn: Option<String>,
    /// Its id of the tool call, where the act is one.
    pub call: Option<String>,
}

impl Origin {
    /// What makes two reports of one act the same: harness, session and call. `None` for what is no
    /// tool call, or has no id: then the payload itself has to do.
    #[must_use]
    pub fn identity(&self) -> Option<[&str; 3]> {
        let call = self.call.as_deref()?;
        Some([self.harness.name(), &self.session, call])
    }
}

/// Something that happened in a session.
#[derive(Debug)]
pub struct Event {
    /// Where it comes from.
    pub origin: Origin,
    /// What happened.
    pub act: Act,
    /// Whether the payload was cut, so that the act may be less than what happened.
    pub cut: bool,
    /// Files of a change beyond [`MAX_FILES`], which were not looked at.
    pub files_left_out: usize,
}

impl Event {
    /// An event of which nothing was cut. Files beyond [`MAX_FILES`] are dropped and counted.
    #[must_use]
    pub fn new(origin: Origin, mut act: Act) -> Self {
        let mut files_left_out = 0;
        if let Act::Changed(changes) = &mut act {
            files_left_out = changes.len().saturating_sub(MAX_FILES);
            changes.truncate(MAX_FILES);
        }
        Self {
            origin,
            act,
            cut: false,
            files_left_out,
        }
    }
}

/// What happened.
pub enum Act {
    /// A session began, or was taken up again.
    SessionBegan,
    /// A session ended.
    SessionEnded,
    /// The engineer said something; what, is not kept.
    TurnBegan,
    /// The agent is done with what was asked.
    TurnEnded,
    /// The engineer broke the turn off.
    TurnInterrupted,
    /// The harness asks whether a tool may run.
    ApprovalAsked,
    /// The approval was given or refused, where a harness tells; else the next act does.
    ApprovalAnswered,
    /// The agent told its plan: the steps not yet done, one text each.
    Planned(Vec<String>),
    /// Files were changed.
    Changed(Vec<SourceChange>),
    /// A command ran.
    Ran(Ran),
    /// Another tool failed or was stopped.
    Stopped,
}

/// Names and sizes alone: text may not end up in a log.
impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SessionBegan => f.write_str("SessionBegan"),
            Self::SessionEnded => f.write_str("SessionEnded"),
            Self::TurnBegan => f.write_str("TurnBegan"),
            Self::TurnEnded => f.write_str("TurnEnded"),
            Self::TurnInterrupted => f.write_str("TurnInterrupted"),
            Self::ApprovalAsked => f.write_str("ApprovalAsked"),
            Self::ApprovalAnswered => f.write_str("ApprovalAnswered"),
            Self::Planned(steps) => write!(f, "Planned({} steps)", steps.len()),
            Self::Changed(changes) => write!(f, "Changed({} files)", changes.len()),
            Self::Ran(ran) => write!(f, "{ran:?}"),
            Self::Stopped => f.write_str("Stopped"),
        }
    }
}
