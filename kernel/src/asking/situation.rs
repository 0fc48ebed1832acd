//! What is going on at the engineer's desk, read from the sessions' events.
//!
//! An engineer has one head and often several windows: a moment is one only if
//! none of them is in the middle of something. Windows are left behind
//! (a crash, a closed lid), so what a silent one was in the middle of ends.
//!
//! Invariant: the order of events is the order in which they were told, never
//! that of their dates: clocks are set back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Weekday;
use crate::ids::{DAY, HOUR};

/// Test runs that failed in a row which make a debug loop.
pub const FAILURES_MAKE_A_LOOP: u32 = 2;
/// How long a breakpoint is a moment to ask in, in seconds: read out of a
/// spool hours later it is none any more.
pub const MOMENT_LASTS_S: i64 = 15 * 60;
/// A session that said nothing for this long, in seconds, was left: its turn,
/// its edit and its approval hold nobody up.
pub const LEFT_AFTER_S: i64 = 30 * 60;
/// A failing loop is over this long, in seconds, after its last failing run.
pub const LOOP_LASTS_S: i64 = 2 * HOUR;
/// What is dated further ahead than this, in seconds, says nothing: the clock
/// was set back since. What lies ahead by less counts as going on now.
pub const AHEAD_S: i64 = DAY;

/// A moment at which a question interrupts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breakpoint {
    /// After a commit.
    Commit,
    /// After an accepted agent turn whose tests passed.
    TurnAccepted,
    /// At the start of a day.
    DayStart,
}

/// What a harness tells, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A day's first session begins.
    DayStart,
    /// The engineer sent a prompt.
    TurnBegan,
    /// A file was changed.
    Edit,
    /// Tests (or a build) ran.
    TestRun {
        /// Whether they passed.
        passed: bool,
    },
    /// The agent waits for an approval.
    ApprovalAsked,
    /// The approval was given or refused. Where a harness does not tell, the
    /// result of the tool that waited does.
    ApprovalAnswered,
    /// A commit was made.
    Commit,
    /// The agent's turn ended.
    TurnEnded,
    /// The engineer broke the agent's turn off.
    TurnInterrupted,
    /// A tool failed or was stopped; the turn goes on.
    Stopped,
    /// The session ended.
    SessionEnded,
}

/// An event, when it happened, and in which session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// When, in seconds since 1970 UTC, by the clock that [`Situation::now`]
    /// is told by.
    pub at: i64,
    /// Any number that the events of one session share.
    pub session: u64,
    /// What happened.
    pub event: Event,
}

/// Everything that the policy asks of the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Situation {
    /// Seconds since 1970 UTC.
    pub now: i64,
    /// What to add to `now` to get local time, in seconds.
    pub utc_offset_s: i32,
    /// What has just come to an end, if anything.
    pub breakpoint: Option<Breakpoint>,
    /// Whether an edit or an agent's turn is under way.
    pub mid_edit: bool,
    /// Whether an agent waits for an approval.
    pub approval_pending: bool,
    /// Whether tests fail again and again.
    pub failing_loop: bool,
    /// How many test runs failed in a row, in the session where most did.
    #[serde(default)]
    pub failures: u32,
}

impl Situation {
    /// Reads the events of all sessions, in the order in which they were told;
    /// those of the last day are enough.
    ///
    /// What goes on in any session counts: an agent that waits for an approval
    /// in one window makes the commit in another one no moment to ask in.
    pub fn of(moments: &[Moment], now: i64, utc_offset_s: i32) -> Self {
        let mut windows: BTreeMap<u64, Window> = BTreeMap::new();
        for (order, moment) in moments.iter().enumerate() {
            if moment.at <= now.saturating_add(AHEAD_S) {
                let window = windows.entry(moment.session).or_default();
                window.take(moment, order);
            }
        }
        let live = |w: &&Window| now <= w.last.saturating_add(LEFT_AFTER_S);
        let looping = |w: &&Window| {
            w.failures >= FAILURES_MAKE_A_LOOP && now <= w.failed_at.saturating_add(LOOP_LASTS_S)
        };
        let fresh = |w: &Window| {
            w.breakpoint
                .filter(|b| b.at <= now && now <= b.at.saturating_add(MOMENT_LASTS_S))
        };
        let latest = windows.values().filter_map(fresh).max_by_key(|b| b.order);
        let failures = windows.values().filter(looping).map(|w| w.failures).max();
        Self {
            now,
            utc_offset_s,
            breakpoint: latest.map(|b| b.what),
            mid_edit: windows.values().filter(live).any(|w| w.turn || w.edit),
            approval_pending: windows.values().filter(live).any(|w| w.pending),
            failing_loop: failures.is_some(),
            failures: failures.unwrap_or(0),
        }
    }

    /// Reads the events of one session that have all just happened, oldest
    /// first.
    pub fn read(events: &[Event], now: i64, utc_offset_s: i32) -> Self {
        let moment = |event: &Event| Moment {
            at: now,
            session: 0,
            event: *event,
        };
        let moments: Vec<Moment> = events.iter().map(moment).collect();
        Self::of(&moments, now, utc_offset_s)
    }

    /// Minute of the local day, 0 to 1439.
    pub fn local_minute(&self) -> u16 {
        let local = self.now.saturating_add(i64::from(self.utc_offset_s));
        u16::try_from(local.rem_euclid(DAY) / 60).unwrap_or(0)
    }

    /// The day of the week, by the clock on the wall.
    pub fn local_day(&self) -> Weekday {
        Weekday::of(self.now.saturating_add(i64::from(self.utc_offset_s)))
    }
}

#[derive(Clone, Copy)]
struct Ended {
    what: Breakpoint,
    at: i64,
    order: usize,
}

/// One session, as far as its events tell.
#[derive(Default)]
struct Window {
    /// An agent's turn is under way.
    turn: bool,
    /// A file was changed since the last commit or turn's end.
    edit: bool,
    pending: bool,
    /// The last test run of this turn.
    tested: Option<bool>,
    /// A commit of this turn with no edit after it.
    committed: bool,
    failures: u32,
    failed_at: i64,
    /// What has come to an end, until something else happens.
    breakpoint: Option<Ended>,
    last: i64,
}

impl Window {
    fn take(&mut self, moment: &Moment, order: usize) {
        self.last = moment.at;
        let ended = |what| {
            Some(Ended {
                what,
                at: moment.at,
                order,
            })
        };
        let mut breakpoint = None;
        match moment.event {
            Event::DayStart => {
                self.rest();
                breakpoint = ended(Breakpoint::DayStart);
            }
            Event::TurnBegan => {
                self.rest();
                self.tested = None;
                self.committed = false;
                self.turn = true;
            }
            Event::Edit => {
                self.edit = true;
                self.committed = false;
            }
            Event::TestRun { passed } => {
                self.tested = Some(passed);
                self.failures = if passed { 0 } else { self.failures + 1 };
                self.failed_at = moment.at;
            }
            Event::ApprovalAsked => self.pending = true,
            Event::ApprovalAnswered | Event::Stopped => self.pending = false,
            Event::Commit => {
                self.edit = false;
                self.committed = true;
                // Within a turn its end is the moment: the agent works on.
                if !self.turn {
                    breakpoint = ended(Breakpoint::Commit);
                }
            }
            Event::TurnEnded => {
                self.rest();
                if self.tested == Some(true) {
                    breakpoint = ended(Breakpoint::TurnAccepted);
                } else if self.committed {
                    breakpoint = ended(Breakpoint::Commit);
                }
            }
            Event::TurnInterrupted => {
                self.rest();
                // Some harnesses tell a turn's end as well: it was not accepted.
                self.tested = None;
                self.committed = false;
            }
            Event::SessionEnded => {
                self.rest();
                // What came to an end before the window was closed still did.
                breakpoint = self.breakpoint;
            }
        }
        self.breakpoint = breakpoint;
    }

    /// Nothing is under way any more.
    fn rest(&mut self) {
        self.turn = false;
        self.edit = false;
        self.pending = false;
    }
}

/// Number of the local day since 1970.
pub(super) fn local_day(at: i64, utc_offset_s: i32) -> i64 {
    at.saturating_add(i64::from(utc_offset_s)).div_euclid(DAY)
}
