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
//! Elsewhere: the chances `p` and `r30_*` are computed by [`crate::memory`];
//! the item is made in [`crate::items`], which also keeps it within 60 s.

mod candidates;
#[cfg(test)]
mod candidates_tests;
mod choice;
#[cfg(test)]
mod choice_tests;
mod claim;
mod decision;
mod doubt;
mod history;
mod muted;
mod quiet;
mod situation;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod windows_tests;
#[cfg(test)]
mod words_tests;

use serde::{Deserialize, Serialize};

pub use candidates::{Desk, PROBE_LATE_S, Reach, candidates};
pub use choice::{Candidate, Choice, Reason, Standing, choose_requested};
pub use claim::{CLAIM_LASTS_S, CLAIM_QUIET_S, Claim};
pub use decision::{Decision, Wait};
pub use doubt::{Clicks, DOUBTFUL};
pub use history::{AskOutcome, Load, PastAsk};
pub use muted::{Mute, Muted};
pub use quiet::{QuietHours, Weekday};
pub use situation::{
    AHEAD_S, Breakpoint, Event, FAILURES_MAKE_A_LOOP, LEFT_AFTER_S, LOOP_LASTS_S, MOMENT_LASTS_S,
    Moment, Situation,
};

use crate::ids::{DAY, HOUR};

/// Most asks of one local day, whatever the settings say.
pub const HARD_CAP_PER_DAY: u32 = 3;
/// Least time between two asks, in seconds.
pub const MIN_GAP_S: i64 = HOUR;
/// How long nothing is asked unasked at first, in seconds.
pub const SILENT_START_S: i64 = 7 * DAY;
/// How long two dismissals in a row halve the budget, in seconds.
pub const HALVED_S: i64 = 7 * DAY;
/// How long a concept whose check was dismissed is not offered again, in seconds.
pub const DISMISSED_RESTS_S: i64 = 7 * DAY;
/// Dismissals in a row that halve the budget.
pub const DISMISSALS_HALVE: u32 = 2;
/// Dismissals in a row that switch asking off.
pub const DISMISSALS_OFF: u32 = 4;
/// How long an offered check that nobody answers stays open, in seconds. Left
/// longer it neither holds up the next one nor counts as dismissed.
pub const OPEN_LASTS_S: i64 = DAY;
/// An ask that is dated further ahead than this, in seconds, was dated by a
/// clock that was wrong, and holds nothing up.
pub const TRUST_S: i64 = 7 * DAY;
/// An answer within this time of the concept's last one would not count
/// (`protocol.md`, “States”), so it is not asked for.
pub const SAME_CONCEPT_S: i64 = 20 * HOUR;

/// What the engineer set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whether anything is asked unasked.
    pub enabled: bool,
    /// When the engineer last turned asking on, in seconds since 1970 UTC;
    /// dismissals before it are forgotten.
    pub turned_on_at: Option<i64>,
    /// Until when the engineer paused asking, in seconds since 1970 UTC.
    #[serde(default)]
    pub paused_until: Option<i64>,
    /// When the product was installed, in seconds since 1970 UTC.
    pub started_at: i64,
    /// Asks a local day; more than [`HARD_CAP_PER_DAY`] has no effect.
    pub per_day: u32,
    /// Asks within seven days.
    pub per_week: u32,
    /// Spans in which nothing is asked.
    pub quiet: Vec<QuietHours>,
    /// Days on which nothing is asked.
    #[serde(default)]
    pub days_off: Vec<Weekday>,
}

impl Settings {
    /// The defaults: two a day, eight a week, quiet from 19:00 to 8:00, no day off.
    pub fn new(started_at: i64) -> Self {
        Self {
            enabled: true,
            turned_on_at: None,
            paused_until: None,
            started_at,
            per_day: 2,
            per_week: 8,
            quiet: vec![QuietHours {
                from_minute: 19 * 60,
                to_minute: 8 * 60,
            }],
            days_off: Vec::new(),
        }
    }
}

/// Decides whether to offer a check now, and about what.
///
/// `history` is in the order in which it happened; what lies more than a week
/// back matters only for dismissals in a row.
pub fn decide(
    situation: &Situation,
    settings: &Settings,
    history: &[PastAsk],
    candidates: &[Candidate],
) -> Decision {
    if let Some(wait) = silence(situation, settings, history) {
        return Decision::Wait(wait);
    }
    let now = situation.now;
    match choice::choose(now, history, candidates) {
        Some(candidate) => Decision::Ask(Choice::of(candidate, now, situation.breakpoint)),
        None => {
            let free = |c: &&Candidate| choice::may_be_offered(c, now, history);
            let free = candidates.iter().filter(free).count();
            Decision::Wait(Wait::NothingToGain {
                met: count(candidates.len()),
                held: count(candidates.len() - free),
            })
        }
    }
}

/// The first reason to stay silent, if there is one.
fn silence(situation: &Situation, settings: &Settings, history: &[PastAsk]) -> Option<Wait> {
    let now = situation.now;
    let load = Load::of(now, situation.utc_offset_s, settings, history);
    let silent = settings.started_at.saturating_add(SILENT_START_S);
    let soon = load.last_at.map_or(now, |at| at.saturating_add(MIN_GAP_S));
    let minute = situation.local_minute();
    let quiet = settings.quiet.iter().find(|q| q.contains(minute));
    let day = situation.local_day();
    let halved = load.halved;
    let rules = [
        (!settings.enabled, Wait::SwitchedOff),
        (load.dismissed_off, Wait::DismissedOff),
        (
            settings.paused_until.is_some_and(|until| now < until),
            paused(situation, settings.paused_until.unwrap_or(now)),
        ),
        (
            now < silent,
            Wait::FirstWeek {
                days: up(silent.saturating_sub(now), DAY),
            },
        ),
        (situation.approval_pending, Wait::ApprovalPending),
        (
            situation.failing_loop,
            Wait::FailingLoop {
                runs: situation.failures,
            },
        ),
        (situation.mid_edit, Wait::MidEdit),
        (situation.breakpoint.is_none(), Wait::NoBreakpoint),
        (settings.days_off.contains(&day), Wait::DayOff { day }),
        (
            quiet.is_some(),
            Wait::QuietHours {
                from_minute: quiet.map_or(0, |q| q.from_minute),
                until_minute: quiet.map_or(0, |q| q.to_minute),
            },
        ),
        (load.open, Wait::OneIsOpen),
        (
            now < soon,
            Wait::TooSoon {
                minutes: up(soon.saturating_sub(now), 60),
            },
        ),
        (
            load.today >= load.day_budget,
            Wait::DayIsFull {
                of: load.day_budget,
                halved,
            },
        ),
        (
            load.week >= load.week_budget,
            Wait::WeekIsFull {
                of: load.week_budget,
                halved,
            },
        ),
    ];
    let first = rules.into_iter().find(|(holds, _)| *holds);
    first.map(|(_, wait)| wait)
}

/// Until when, by the engineer's own clock.
fn paused(situation: &Situation, until: i64) -> Wait {
    let local = |at: i64| at.saturating_add(i64::from(situation.utc_offset_s));
    let day = |at| local(at).div_euclid(DAY);
    let minute = local(until).rem_euclid(DAY) / 60;
    Wait::Paused {
        days: u32::try_from(day(until).saturating_sub(day(situation.now)).max(0))
            .unwrap_or(u32::MAX),
        until_minute: u16::try_from(minute).unwrap_or(0),
    }
}

/// How many begun units these seconds are.
fn up(seconds: i64, unit: i64) -> u32 {
    u32::try_from(seconds.max(0).saturating_add(unit - 1) / unit).unwrap_or(u32::MAX)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
