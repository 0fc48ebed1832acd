//! What you now know: the last seven days against the day before them.
//!
//! Where nothing moved there is nothing to say, and nothing is said.

use super::{WIDTH, listed, state_before, title};
use crate::error::Result;
use crate::graph::{self, Now};
use crate::pause;
use crate::store::Txn;
use crate::words;
use crate::world::World;
use kernel::catalogue::Catalogue;
use kernel::delta::{Outcome, State};
use kernel::evidence::{Counted, Pair};
use kernel::ids::{DAY, Slug};
use kernel::memory::Memory;
use serde_json::{Value, json};
use std::fmt::Write;

/// What is looked back on, in seconds.
const LOOKS_BACK_S: i64 = 7 * DAY;
/// A pass so long after the last counted answer shows that it was kept, in seconds.
const MONTH_S: i64 = 28 * DAY;
/// Below this chance something that was known is likely to be gone soon.
const FADES_BELOW: f64 = 0.7;
/// The chance at which a concept is due again.
const DUE_AT: f64 = 0.9;
/// So many of those that come next are named.
const NEXT: usize = 3;

/// A concept that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The concept.
    pub concept: Slug,
    /// State a week ago.
    pub from: State,
    /// State now.
    pub to: State,
}

/// A week.
#[derive(Clone, Debug, PartialEq)]
pub struct Week {
    /// From when on, in seconds by this machine's clock.
    pub since: i64,
    /// What is known better than a week ago.
    pub up: Vec<Moved>,
    /// What was passed again after so many days.
    pub kept: Vec<(Slug, i64)>,
    /// What was missed.
    pub missed: Vec<Moved>,
    /// What was known and is likely to be gone soon; the chance in percent.
    pub fading: Vec<(Slug, f64)>,
    /// What comes next, and when, in seconds of shared time.
    pub next: Vec<(Slug, i64)>,
    now: i64,
    offset_s: i32,
    from_day: String,
}

/// Reads the last seven days.
///
/// # Errors
/// The store's own.
pub fn week(world: &dyn World, txn: &mut Txn<'_>) -> Result<Week> {
    let now = Now::at(txn, world.now())?;
    let since = now.shared - LOOKS_BACK_S;
    let muted = txn.muted()?;
    let probes = txn.probes()?;
    let mut week = Week {
        since: now.machine - LOOKS_BACK_S,
        up: Vec::new(),
        kept: Vec::new(),
        missed: Vec::new(),
        fading: Vec::new(),
        next: Vec::new(),
        now: now.shared,
        offset_s: world.utc_offset_s(now.machine),
        from_day: pause::moment(world, now.machine - LOOKS_BACK_S),
    };
    for (concept, pair) in graph::pairs(txn)? {
        if muted.covers(Catalogue::builtin(), &concept) {
            continue;
        }
        let moved = Moved {
            from: state_before(&pair, since),
            to: pair.state,
            concept: concept.clone(),
        };
        let kept = kept(&pair, since);
        if let Some(days) = kept {
            week.kept.push((concept.clone(), days));
        } else if moved.to == State::Lapsed && moved.from != State::Lapsed {
            week.missed.push(moved);
        } else if rank(moved.to) > rank(moved.from) && rank(moved.to) > rank(State::Seen) {
            week.up.push(moved);
        }
        let Some(memory) = Memory::after(&pair.answers) else {
            continue;
        };
        let chance = memory.retrievability(now.shared);
        let known = matches!(pair.state, State::Demonstrated | State::Retained);
        if known && chance < FADES_BELOW && memory.retrievability(since) >= FADES_BELOW {
            week.fading.push((concept.clone(), chance));
        }
        let due = probes.get(&concept).copied();
        week.next
            .push((concept, due.unwrap_or_else(|| memory.due(DUE_AT))));
    }
    week.next
        .sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    week.next.truncate(NEXT);
    Ok(week)
}

/// After how many days a pass of this week showed that it was kept.
fn kept(pair: &Pair, since: i64) -> Option<i64> {
    let passed = |a: &Counted| a.answer.outcome == Outcome::Pass;
    let pairs = pair.answers.windows(2).rev();
    pairs
        .filter_map(|two| match two {
            [before, after] => Some((before, after)),
            _ => None,
        })
        .filter(|(before, after)| passed(before) && passed(after) && after.at.unix() >= since)
        .map(|(before, after)| after.at.unix() - before.at.unix())
        .find(|span| *span >= MONTH_S)
        .map(|span| span / DAY)
}

const fn rank(state: State) -> u8 {
    match state {
        State::Unknown => 0,
        State::Seen => 1,
        State::Lapsed => 2,
        State::Learning => 3,
        State::Demonstrated => 4,
        State::Retained => 5,
    }
}

impl Week {
    /// Whether there is nothing to say.
    pub fn is_silent(&self) -> bool {
        self.up.is_empty()
            && self.kept.is_empty()
            && self.missed.is_empty()
            && self.fading.is_empty()
    }

    /// The week in one line, if there is something to say.
    pub fn line(&self) -> Option<String> {
        let said: Vec<String> = [
            (self.up.len(), "moved up"),
            (self.kept.len(), "kept after a month"),
            (self.missed.len(), "missed"),
            (self.fading.len(), "fading"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
        (!self.is_silent()).then(|| format!("what you now know, this week: {}", listed(&said)))
    }

    /// In words.
    pub fn text(&self) -> String {
        if self.is_silent() {
            return "Nothing moved in the last seven days.\n".to_owned();
        }
        let mut out = format!("What you now know. Since {}:\n", self.from_day);
        let mut part = |head: &str, lines: Vec<String>| {
            if lines.is_empty() {
                return;
            }
            let _ = writeln!(out, "\n{head}");
            for line in lines {
                let line = words::wrapped(&line, WIDTH - 4, "    ");
                let _ = writeln!(out, "  - {}", line.trim());
            }
        };
        let moved = |moved: &Moved| {
            format!(
                "{}: {}, was {}",
                title(&moved.concept),
                words::state(moved.to),
                words::state(moved.from)
            )
        };
        part("Moved up", self.up.iter().map(moved).collect());
        part(
            "Kept",
            self.kept
                .iter()
                .map(|(concept, days)| format!("{}: known again after {days} days", title(concept)))
                .collect(),
        );
        part("Missed", self.missed.iter().map(moved).collect());
        part(
            "Fading",
            self.fading
                .iter()
                .map(|(concept, chance)| {
                    format!(
                        "{}: you would likely know it today in {:.0} of 100 cases",
                        title(concept),
                        chance * 100.0
                    )
                })
                .collect(),
        );
        part(
            "Next",
            self.next
                .iter()
                .map(|(concept, at)| format!("{}: {}", title(concept), self.when(*at)))
                .collect(),
        );
        out.push_str("\nOnly you see this. `aiworklab set weekly_recap false` keeps it from being shown by itself.\n");
        out
    }

    fn when(&self, at: i64) -> String {
        if at <= self.now {
            "due now".to_owned()
        } else {
            words::local_day(at, self.offset_s)
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let moved = |moved: &Moved| json!({"concept": moved.concept, "title": title(&moved.concept), "from": moved.from, "to": moved.to});
        json!({
            "since": self.since,
            "moved_up": self.up.iter().map(moved).collect::<Vec<_>>(),
            "kept": self.kept.iter().map(|(concept, days)| {
                json!({"concept": concept, "title": title(concept), "after_days": days})
            }).collect::<Vec<_>>(),
            "missed": self.missed.iter().map(moved).collect::<Vec<_>>(),
            "fading": self.fading.iter().map(|(concept, chance)| {
                json!({"concept": concept, "title": title(concept), "chance_percent": (chance * 100.0).round()})
            }).collect::<Vec<_>>(),
            "next": self.next.iter().map(|(concept, at)| {
                json!({"concept": concept, "title": title(concept), "day": words::local_day(*at, self.offset_s),
                       "due": *at <= self.now})
            }).collect::<Vec<_>>(),
        })
    }
}
