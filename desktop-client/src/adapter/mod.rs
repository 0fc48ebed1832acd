//! Adapters: from what a harness says to events that all harnesses share.
//!
//! An event keeps no path and no prompt: a change carries the file's last name, and its text only
//! until the tagger has read it.

pub mod claude_code;
mod command;
mod mend;

pub use command::Ran;
use kernel::tagging::SourceChange;

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

/// Something that happened in a session.
#[derive(Debug)]
pub struct Event {
    /// The harness's id of the session.
    pub session: String,
    /// The harness's id of the tool call, which makes one act count once.
    pub call: Option<String>,
    /// What happened.
    pub act: Act,
    /// Whether the payload was cut, so that the act may be less than what happened.
    pub cut: bool,
}

/// What happened.
#[derive(Debug)]
pub enum Act {
    /// A session began.
    SessionBegan,
    /// A session ended.
    SessionEnded,
    /// The engineer said something; what, is not kept.
    TurnBegan,
    /// The agent is done with what was asked.
    TurnEnded,
    /// The harness asks whether a tool may run.
    ApprovalAsked,
    /// Files were changed.
    Changed(Vec<Change>),
    /// A command ran.
    Ran(Ran),
    /// Another tool failed or was stopped.
    Stopped,
}

/// One file's change.
#[derive(Debug)]
pub struct Change {
    /// The file's last name, without its folders.
    pub file: String,
    /// What was added to what.
    pub source: SourceChange,
}

/// The last part of a path, whichever slash it uses.
fn file_name(path: &str) -> String {
    path.rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_owned()
}
