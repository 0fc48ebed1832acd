//! What was asked before, and what it leaves of the budget.

use serde::{Deserialize, Serialize};

use super::situation::local_day;
use super::{
    DISMISSALS_HALVE, DISMISSALS_OFF, HALVED_S, HARD_CAP_PER_DAY, OPEN_LASTS_S, Settings, TRUST_S,
};
use crate::ids::{DAY, Slug};

/// How an earlier ask ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskOutcome {
    /// It is still open.
    Pending,
    /// It was answered, rightly, wrongly or with “not sure”.
    Answered,
    /// It was waved away.
    Dismissed,
    /// It was put off: “later”.
    Snoozed,
}

/// An earlier ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAsk {
    /// When, in seconds since 1970 UTC.
    pub at: i64,
    /// About what. Where the engineer had it forgotten, any other slug: that
    /// there was a check, and when, still counts.
    pub concept: Slug,
    /// How it ended.
    pub outcome: AskOutcome,
    /// Whether the concept had never been asked before.
    pub new: bool,
    /// Whether the engineer requested it.
    pub requested: bool,
}

/// What the history leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Asks of this local day.
    pub today: u32,
    /// Asks of the last seven days.
    pub week: u32,
    /// How many are allowed today.
    pub day_budget: u32,
    /// How many are allowed in seven days.
    pub week_budget: u32,
    /// Whether dismissals halve the budget now.
    pub halved: bool,
    /// Whether dismissals switched asking off.
    pub dismissed_off: bool,
    /// Whether one is open.
    pub open: bool,
    /// The last ask, in seconds since 1970 UTC.
    pub last_at: Option<i64>,
}

impl Load {
    /// Reads the history, in the order in which it happened.
    ///
    /// A clock that is set back must not hand out the day's budget twice: an
    /// ask that lies ahead counts as one of today, unless it lies so far ahead
    /// ([`TRUST_S`]) that it would silence the product for long.
    pub fn of(now: i64, utc_offset_s: i32, settings: &Settings, history: &[PastAsk]) -> Self {
        let trusted = |a: &&PastAsk| a.at <= now.saturating_add(TRUST_S);
        let day = local_day(now, utc_offset_s);
        let count = |fits: &dyn Fn(&PastAsk) -> bool| {
            let fitting = history.iter().filter(trusted).filter(|a| fits(a));
            u32::try_from(fitting.count()).unwrap_or(u32::MAX)
        };
        let dismissals = Dismissals::of(history, settings.turned_on_at);
        let halved = dismissals.halved_at.is_some_and(|at| {
            now < at.saturating_add(HALVED_S) && at <= now.saturating_add(TRUST_S)
        });
        // Half of one is one: a halved budget is small, not none.
        let budget = |full: u32| {
            if halved && full > 0 {
                (full / 2).max(1)
            } else {
                full
            }
        };
        let open = |a: &PastAsk| {
            a.outcome == AskOutcome::Pending && now < a.at.saturating_add(OPEN_LASTS_S)
        };
        Self {
            today: count(&|a| local_day(a.at, utc_offset_s) >= day),
            week: count(&|a| a.at > now.saturating_sub(7 * DAY)),
            day_budget: budget(settings.per_day.min(HARD_CAP_PER_DAY)),
            week_budget: budget(settings.per_week),
            halved,
            dismissed_off: dismissals.off,
            open: history.iter().filter(trusted).any(open),
            last_at: history.iter().filter(trusted).map(|a| a.at).max(),
        }
    }
}

#[derive(Default)]
struct Dismissals {
    /// When the last one fell that halves the budget.
    halved_at: Option<i64>,
    off: bool,
}

impl Dismissals {
    /// Counts dismissals in a row. What was put off or is open neither adds to
    /// the row nor ends it, nor does a requested check that was left.
    fn of(past: &[PastAsk], turned_on_at: Option<i64>) -> Self {
        let mut read = Self::default();
        let mut row = 0;
        for ask in past
            .iter()
            .filter(|a| turned_on_at.is_none_or(|on| a.at > on))
        {
            match ask.outcome {
                AskOutcome::Answered => row = 0,
                AskOutcome::Dismissed if !ask.requested => {
                    row += 1;
                    if row >= DISMISSALS_HALVE {
                        read.halved_at = Some(ask.at);
                    }
                    read.off |= row >= DISMISSALS_OFF;
                }
                AskOutcome::Dismissed | AskOutcome::Pending | AskOutcome::Snoozed => {}
            }
        }
        read
    }
}
