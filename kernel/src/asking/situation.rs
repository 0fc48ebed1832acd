//! What is going on at the engineer's desk, read from the session's events.

use serde::{Deserialize, Serialize};

use crate::ids::DAY;

/// Test runs that failed in a row which make a debug loop.
const FAILURES_MAKE_A_LOOP: u32 = 2;

/// A moment at which a question interrupts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// The agent's turn was broken off.
    TurnInterrupted,
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
    /// Whether an edit is under way.
    pub mid_edit: bool,
    /// Whether the agent waits for an approval.
    pub approval_pending: bool,
    /// Whether tests fail again and again.
    pub failing_loop: bool,
}

impl Situation {
    /// Reads the events of one session, oldest first.
    pub fn read(events: &[Event], now: i64, utc_offset_s: i32) -> Self {
        let mut read = Self {
            now,
            utc_offset_s,
            breakpoint: None,
            mid_edit: false,
            approval_pending: false,
            failing_loop: false,
        };
        let mut failures = 0_u32;
        // The last test run of this turn.
        let mut tested: Option<bool> = None;
        // A commit of this turn with no edit after it.
        let mut committed = false;
        for event in events {
            read.breakpoint = None;
            match event {
                Event::DayStart => read.breakpoint = Some(Breakpoint::DayStart),
                Event::TurnBegan => {
                    tested = None;
                    committed = false;
                    // A turn under way is not a moment to ask in.
                    read.mid_edit = true;
                    read.approval_pending = false;
                }
                Event::Edit => {
                    read.mid_edit = true;
                    committed = false;
                }
                Event::TestRun { passed } => {
                    tested = Some(*passed);
                    failures = if *passed { 0 } else { failures + 1 };
                }
                Event::ApprovalAsked => read.approval_pending = true,
                Event::ApprovalAnswered => read.approval_pending = false,
                Event::Commit => {
                    read.mid_edit = false;
                    committed = true;
                    read.breakpoint = Some(Breakpoint::Commit);
                }
                Event::TurnEnded => {
                    read.mid_edit = false;
                    read.approval_pending = false;
                    if tested == Some(true) {
                        read.breakpoint = Some(Breakpoint::TurnAccepted);
                    } else if committed {
                        read.breakpoint = Some(Breakpoint::Commit);
                    }
                }
                Event::TurnInterrupted => {
                    read.mid_edit = false;
                    read.approval_pending = false;
                }
            }
        }
        read.failing_loop = failures >= FAILURES_MAKE_A_LOOP;
        read
    }

    /// Minute of the local day, 0 to 1439.
    pub fn local_minute(&self) -> u16 {
        let local = self.now.saturating_add(i64::from(self.utc_offset_s));
        u16::try_from(local.rem_euclid(DAY) / 60).unwrap_or(0)
    }
}

/// Number of the local day since 1970.
pub(super) fn local_day(at: i64, utc_offset_s: i32) -> i64 {
    at.saturating_add(i64::from(utc_offset_s)).div_euclid(DAY)
}
