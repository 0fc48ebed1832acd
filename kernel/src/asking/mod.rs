//! When to ask, and about what: pure policy, no clock and no store.
//!
//! A check is an interruption, so the policy begins with the reasons to stay
//! silent and only then chooses. Nothing here can hold up a commit or a merge:
//! the answer is [`Decision::Ask`] or [`Decision::Wait`], never “not yet
//! allowed to go on”.
//!
//! Invariant: at most [`HARD_CAP_PER_DAY`] asks a local day and one an hour,
//! whatever the settings say; what the engineer requested counts like the
//! rest.
//! Elsewhere: the chances `p` and `r30_*` are computed by the memory model;
//! the item is made in [`crate::items`].

mod choice;
mod history;
mod situation;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use choice::{Candidate, Choice, Reason, choose_requested};
pub use history::{AskOutcome, Load, PastAsk};
pub use situation::{Breakpoint, Event, Situation};

use crate::ids::{DAY, HOUR};

/// Most asks of one local day, whatever the settings say.
pub const HARD_CAP_PER_DAY: u32 = 3;
/// Least time between two asks, in seconds.
pub const MIN_GAP_S: i64 = HOUR;
/// How long nothing is asked unasked at first, in seconds.
pub const SILENT_START_S: i64 = 7 * DAY;
/// How long two dismissals in a row halve the budget, in seconds.
pub const HALVED_S: i64 = 7 * DAY;
/// Dismissals in a row that halve the budget.
pub const DISMISSALS_HALVE: u32 = 2;
/// Dismissals in a row that switch asking off.
pub const DISMISSALS_OFF: u32 = 4;
/// An answer within this time of the concept's last one would not count
/// (`protocol.md`, “States”), so it is not asked for.
pub const SAME_CONCEPT_S: i64 = 20 * HOUR;

/// A span of the local day in which nothing is asked; it may cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// First quiet minute of the day, 0 to 1439.
    pub from_minute: u16,
    /// First minute that is not quiet any more.
    pub to_minute: u16,
}

impl QuietHours {
    /// Whether this minute of the day is quiet. Equal ends mean the whole day.
    pub fn contains(&self, minute: u16) -> bool {
        if self.from_minute < self.to_minute {
            (self.from_minute..self.to_minute).contains(&minute)
        } else {
            minute >= self.from_minute || minute < self.to_minute
        }
    }
}

/// What the engineer set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether anything is asked unasked.
    pub enabled: bool,
    /// When the engineer last turned asking on, in seconds since 1970 UTC;
    /// dismissals before it are forgotten.
    pub turned_on_at: Option<i64>,
    /// When the product was installed, in seconds since 1970 UTC.
    pub started_at: i64,
    /// Asks a local day; more than [`HARD_CAP_PER_DAY`] has no effect.
    pub per_day: u32,
    /// Asks within seven days.
    pub per_week: u32,
    /// Spans in which nothing is asked.
    pub quiet: Vec<QuietHours>,
}

impl Settings {
    /// The defaults: two a day, eight a week, quiet from 19:00 to 8:00.
    pub fn new(started_at: i64) -> Self {
        Self {
            enabled: true,
            turned_on_at: None,
            started_at,
            per_day: 2,
            per_week: 8,
            quiet: vec![QuietHours {
                from_minute: 19 * 60,
                to_minute: 8 * 60,
            }],
        }
    }
}

/// Why nothing is asked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wait {
    /// The engineer switched asking off.
    SwitchedOff,
    /// Four dismissals in a row did.
    DismissedOff,
    /// The first week is silent.
    FirstWeek,
    /// Somebody is in the middle of an edit.
    MidEdit,
    /// The agent waits for an approval.
    ApprovalPending,
    /// Tests fail again and again.
    FailingLoop,
    /// Nothing came to an end.
    NoBreakpoint,
    /// A quiet hour.
    QuietHours,
    /// A check is open.
    OneIsOpen,
    /// The last ask was less than an hour ago.
    TooSoon,
    /// The day's budget is spent.
    DayIsFull,
    /// The week's budget is spent.
    WeekIsFull,
    /// No concept would gain by a check.
    NothingToGain,
}

impl Wait {
    /// Sentence for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::SwitchedOff => "Asking is switched off.",
            Self::DismissedOff => {
                "Asking is off after four dismissals in a row, until you turn it on."
            }
            Self::FirstWeek => "Nothing is asked unasked in the first week.",
            Self::MidEdit => "An edit is under way.",
            Self::ApprovalPending => "The agent waits for an approval.",
            Self::FailingLoop => "Tests are failing.",
            Self::NoBreakpoint => "Nothing has come to an end.",
            Self::QuietHours => "These are quiet hours.",
            Self::OneIsOpen => "A check is waiting already.",
            Self::TooSoon => "The last check is less than an hour ago.",
            Self::DayIsFull => "Today's checks are used up.",
            Self::WeekIsFull => "This week's checks are used up.",
            Self::NothingToGain => "No concept would gain by a check now.",
        }
    }
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Offer a check.
    Ask(Choice),
    /// Stay silent.
    Wait(Wait),
}

/// Decides whether to offer a check now, and about what.
///
/// `history` may be in any order; what lies more than a week back matters only
/// for dismissals in a row.
pub fn decide(
    situation: &Situation,
    settings: &Settings,
    history: &[PastAsk],
    candidates: &[Candidate],
) -> Decision {
    match silence(situation, settings, history) {
        Some(wait) => Decision::Wait(wait),
        None => match choice::choose(situation.now, history, candidates) {
            Some(choice) => Decision::Ask(choice),
            None => Decision::Wait(Wait::NothingToGain),
        },
    }
}

/// The first reason to stay silent, if there is one.
fn silence(situation: &Situation, settings: &Settings, history: &[PastAsk]) -> Option<Wait> {
    let load = Load::of(situation.now, situation.utc_offset_s, settings, history);
    let rules = [
        (!settings.enabled, Wait::SwitchedOff),
        (load.dismissed_off, Wait::DismissedOff),
        (
            situation.now < settings.started_at.saturating_add(SILENT_START_S),
            Wait::FirstWeek,
        ),
        (situation.mid_edit, Wait::MidEdit),
        (situation.approval_pending, Wait::ApprovalPending),
        (situation.failing_loop, Wait::FailingLoop),
        (situation.breakpoint.is_none(), Wait::NoBreakpoint),
        (
            settings
                .quiet
                .iter()
                .any(|q| q.contains(situation.local_minute())),
            Wait::QuietHours,
        ),
        (load.open, Wait::OneIsOpen),
        (
            load.last_at
                .is_some_and(|at| situation.now < at.saturating_add(MIN_GAP_S)),
            Wait::TooSoon,
        ),
        (load.today >= load.day_budget, Wait::DayIsFull),
        (load.week >= load.week_budget, Wait::WeekIsFull),
    ];
    rules
        .into_iter()
        .find(|(holds, _)| *holds)
        .map(|(_, wait)| wait)
}
