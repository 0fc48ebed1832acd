//! Policies that were broken on purpose, one rule each: a referee that lets one pass is none.

use super::world::{Policy, Sight};
use kernel::asking::{AskOutcome, Breakpoint, Candidate, Event, Situation};
use kernel::ids::DAY;

/// One broken rule.
pub struct Fault {
    pub rule: &'static str,
    see: fn(&mut Sight),
    read: fn(&mut Situation),
    weigh: fn(&mut Vec<Candidate>),
}

impl Policy for Fault {
    fn see(&self, sight: &mut Sight) {
        (self.see)(sight);
    }
    fn read(&self, situation: &mut Situation) {
        (self.read)(situation);
    }
    fn weigh(&self, candidates: &mut Vec<Candidate>) {
        (self.weigh)(candidates);
    }
}

const NONE: Fault = Fault {
    rule: "",
    see: |_| {},
    read: |_| {},
    weigh: |_| {},
};

fn see(rule: &'static str, see: fn(&mut Sight)) -> Fault {
    Fault { rule, see, ..NONE }
}
fn read(rule: &'static str, read: fn(&mut Situation)) -> Fault {
    Fault { rule, read, ..NONE }
}
fn weigh(rule: &'static str, weigh: fn(&mut Vec<Candidate>)) -> Fault {
    Fault {
        rule,
        weigh,
        ..NONE
    }
}

/// All that were tried.
pub fn all() -> Vec<Fault> {
    vec![
        read("only at breakpoints", |s| {
            s.breakpoint = Some(Breakpoint::Commit)
        }),
        see("a moment ends after a quarter of an hour", |s| {
            for moment in &mut s.moments {
                moment.at = s.now;
            }
        }),
        read("never mid-edit", |s| s.mid_edit = false),
        read("never while an approval is pending", |s| {
            s.approval_pending = false
        }),
        read("never in a failing loop", |s| s.failing_loop = false),
        see("other windows count", |s| {
            let last = s.moments.last().map(|m| m.session);
            s.moments.retain(|m| Some(m.session) == last);
        }),
        see("a turn that was broken off is not accepted", |s| {
            for moment in &mut s.moments {
                if moment.event == Event::TurnInterrupted {
                    moment.event = Event::Stopped;
                }
            }
        }),
        see("tests of the turn before say nothing of this one", |s| {
            s.moments.retain(|m| m.event != Event::TurnBegan);
        }),
        see("no quiet hours", |s| s.settings.quiet.clear()),
        see("quiet hours are those of the local day", |s| {
            s.utc_offset_s = 0
        }),
        see("the first week is silent", |s| {
            s.settings.started_at -= 7 * DAY
        }),
        see("switched off is off", |s| s.settings.enabled = true),
        see("so many a day", |s| s.settings.per_day += 1),
        see("never more than three a day", |s| {
            // Nothing is above the cap but a history that forgets the day's first check.
            let recent = |a: &kernel::asking::PastAsk| a.at > s.now - DAY / 2;
            if s.settings.per_day > 3
                && let Some(first) = s.history.iter().position(recent)
            {
                s.history.remove(first);
            }
        }),
        see("so many a week", |s| s.settings.per_week += 1),
        see("an hour apart", |s| {
            for ask in &mut s.history {
                ask.at -= 1800;
            }
        }),
        see("a requested check counts", |s| {
            s.history.retain(|a| !a.requested)
        }),
        see("a check that is put off counts", |s| {
            s.history.retain(|a| a.outcome != AskOutcome::Snoozed);
        }),
        see("dismissals halve and switch off", |s| {
            for ask in &mut s.history {
                if ask.outcome == AskOutcome::Dismissed {
                    ask.outcome = AskOutcome::Answered;
                }
            }
        }),
        see("dismissals before it was turned on are forgotten", |s| {
            s.settings.turned_on_at = None;
        }),
        see("what was waved away rests for a week", |s| {
            for ask in &mut s.history {
                if ask.outcome == AskOutcome::Dismissed {
                    ask.concept = kernel::ids::Slug::new("forgotten").expect("a slug");
                }
            }
        }),
        see("one open check at a time", |s| {
            for ask in &mut s.history {
                if ask.outcome == AskOutcome::Pending {
                    ask.outcome = AskOutcome::Snoozed;
                }
            }
        }),
        see("a clock that is set back hands out nothing twice", |s| {
            let now = s.now;
            s.history.retain(|a| a.at <= now);
        }),
        see("what is muted is not asked", |s| {
            s.muted = kernel::asking::Muted::default()
        }),
        see("what is claimed is asked harder", |s| s.claims.clear()),
        see("six months of quiet", |s| {
            let now = s.now;
            s.claims.retain(|_, claim| !claim.is_quiet(now));
        }),
        see("a probe waits for its day", |s| s.probes.clear()),
        see("what was just forgotten rests", |s| s.retracts.clear()),
        weigh("an answer has to count", |all| {
            for candidate in all {
                candidate.not_before = None;
            }
        }),
        weigh("one new concept in two checks", |all| {
            for candidate in all {
                candidate.new = false;
            }
        }),
        weigh("harder checks for who claims to know it", |all| {
            for candidate in all {
                candidate.standing.claim = None;
            }
        }),
        weigh("it asks where it may", Vec::clear),
        read("it asks at the start of a day", |s| {
            if s.breakpoint == Some(Breakpoint::DayStart) {
                s.breakpoint = None;
            }
        }),
    ]
}
