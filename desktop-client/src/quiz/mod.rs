//! `aiworklab quiz`: one check, its answer, and what the answer changes.
//!
//! A right or wrong answer becomes a delta: concept, form, outcome, hour. "Not sure" and "later"
//! stay on this machine. The question, the options and the engineer's line never leave it.

pub mod plain;
mod screen;
#[cfg(test)]
mod tests;
pub mod tui;

pub use screen::{Key, Screen, Step};

use crate::agent;
use crate::error::{Error, Result};
use crate::graph::{self, Now, Table};
use crate::pack;
use crate::store::{Ask, Met, NewAsk, Outcome, Txn, fresh_stream};
use crate::world::World;
use kernel::asking::{self, Reach, Reason};
use kernel::catalogue::Catalogue;
use kernel::delta::{Answer as Counted, Evidence, Observation, State};
use kernel::ids::{DAY, Slug};
use kernel::items::{self, SeenOutcome};
use kernel::memory::{self, Memory};
use kernel::sync::client;

/// The chance at which a concept is due again.
const DUE_AT: f64 = 0.9;

/// One check, with what a person needs to see beside it.
#[derive(Clone, Debug)]
pub struct Check {
    /// The check.
    pub ask: Ask,
    /// The concept's title.
    pub title: String,
    /// The line that brought it up.
    pub met: Option<Met>,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This option, counted from 0.
    Option(usize),
    /// "I am not sure."
    Unsure,
    /// "Later."
    Later,
    /// "Not interested": asks less.
    Dismiss,
}

/// What an answer changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What was answered.
    pub answer: Answer,
    /// State before and after; the same where the answer does not count.
    pub states: (State, State),
    /// Whether the answer counts: one does if the last one lies 20 h back.
    pub counts: bool,
    /// When it comes again, in seconds of shared time.
    pub next: i64,
}

/// The check to give now: the one that waits, else one that is chosen for the engineer who asks for it.
///
/// # Errors
/// [`Error::NothingToAsk`] if no item is left; [`Error::Concept`] for a concept that is never asked.
pub fn check(world: &dyn World, txn: &mut Txn<'_>, wanted: Option<&str>) -> Result<Check> {
    let wanted = wanted.map(askable).transpose()?;
    let waiting = match &wanted {
        Some(concept) => txn.waiting_of(concept)?,
        None => txn.waiting()?,
    };
    let ask = match waiting {
        Some(ask) => ask,
        None => requested(world, txn, wanted)?,
    };
    shown(txn, ask)
}

/// A check with what a person needs to see beside it.
///
/// # Errors
/// The store's own.
pub fn shown(txn: &Txn<'_>, ask: Ask) -> Result<Check> {
    let title = Catalogue::builtin().get(&ask.item.concept).map_or_else(
        || ask.item.concept.to_string(),
        |concept| concept.title.clone(),
    );
    let met = txn.met(&ask.item.concept)?;
    Ok(Check { ask, title, met })
}

/// A concept, as it was typed, that checks are given on.
///
/// # Errors
/// [`Error::Concept`], with the slugs that it may have been meant for.
pub fn askable(text: &str) -> Result<Slug> {
    let known = Slug::new(text).ok().map(graph::resolved);
    known
        .filter(|slug| {
            Catalogue::builtin()
                .get(slug)
                .is_some_and(|concept| concept.is_askable())
        })
        .ok_or_else(|| Error::Concept {
            text: text.to_owned(),
            near: graph::near(text),
        })
}

fn requested(world: &dyn World, txn: &mut Txn<'_>, wanted: Option<Slug>) -> Result<Ask> {
    let now = Now::at(txn, world.now())?;
    let table = Table::read(world, txn, now)?;
    let past = graph::past(txn, now.shared)?;
    let asks: Vec<_> = past.iter().map(graph::past_ask).collect();
    let seen: Vec<_> = past.iter().map(graph::seen).collect();
    let seed = agent::seed(world)?;
    let mut free_at: Option<i64> = None;
    // First what was met and what that builds on, then, so that there always is one, anything.
    let reaches = match &wanted {
        Some(wanted) => vec![Reach::Named(wanted)],
        None => vec![Reach::Met, Reach::All],
    };
    // Asked for by name: held back by nothing but the items themselves.
    let history = if wanted.is_some() { &[][..] } else { &asks[..] };
    for reach in reaches {
        let mut candidates = table.candidates(reach);
        while let Some(choice) = asking::choose_requested(now.shared, history, &candidates) {
            match pack::next(txn, &choice, &seen, now.shared, seed)? {
                Ok(next) => {
                    let reason = match choice.reason {
                        Reason::Fading if choice.new => "you asked for a check",
                        other => graph::because(other),
                    };
                    txn.add_ask(&NewAsk {
                        at: now.shared,
                        item: &next.item,
                        pack: next.pack.as_deref(),
                        reason,
                        sentence: &choice.sentence(),
                        new: choice.new,
                        probe: choice.probe,
                        requested: true,
                        harder: choice.harder,
                    })?;
                    let added = txn.waiting_of(&choice.concept)?;
                    return added.ok_or(Error::StoreDamaged { what: "check" });
                }
                Err(items::Error::Exhausted { free_at: at, .. }) => {
                    free_at = match (free_at, at) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                }
                Err(_) => {}
            }
            candidates.retain(|candidate| candidate.concept != choice.concept);
        }
    }
    let why = match (wanted, free_at) {
        (Some(concept), Some(at)) => {
            format!(
                "all of {concept} was asked lately; the next is free on {}",
                crate::words::day(at)
            )
        }
        (Some(concept), None) => {
            format!("you had {concept} forgotten in this hour, or all of it was asked lately")
        }
        (None, Some(at)) => {
            format!(
                "everything was asked lately; the next is free on {}",
                crate::words::day(at)
            )
        }
        (None, None) => "everything was asked within the last 20 hours".to_owned(),
    };
    Err(Error::NothingToAsk { why })
}

/// Takes an answer: what counts becomes a delta, the rest stays here.
///
/// # Errors
/// The store's own.
pub fn settle(world: &dyn World, txn: &mut Txn<'_>, ask: &Ask, answer: Answer) -> Result<Settled> {
    let clock = world.now();
    let now = Now::at(txn, clock)?;
    let concept = &ask.item.concept;
    let mut pair = graph::pairs_by(txn, now)?
        .remove(concept)
        .unwrap_or_default();
    let from = pair.state;
    let outcome = match answer {
        Answer::Option(n) if ask.item.options.get(n).is_some_and(|option| option.key) => {
            Outcome::Right
        }
        Answer::Option(_) => Outcome::Wrong,
        Answer::Unsure => Outcome::Unsure,
        Answer::Later => Outcome::Later,
        Answer::Dismiss => Outcome::Dismissed,
    };
    if !txn.settle(ask.id, outcome, now.shared)? {
        // Answered in another window: that answer stands.
        return Ok(Settled {
            answer,
            states: (from, from),
            counts: false,
            next: now.shared + DAY,
        });
    }
    txn.keep_time(clock)?;
    let hour = txn.hour_at(clock)?;
    let counts = pair.counts(hour);
    let left_alone = claimed(txn, ask, outcome, counts, now.shared)?;
    let local = matches!(answer, Answer::Unsure | Answer::Later | Answer::Dismiss);
    if local {
        return Ok(Settled {
            answer,
            states: (from, from),
            counts: false,
            next: now.shared + DAY,
        });
    }
    let passed = outcome == Outcome::Right;
    let observed = Observation::Answer(Counted {
        outcome: if passed {
            kernel::delta::Outcome::Pass
        } else {
            kernel::delta::Outcome::Fail
        },
        kind: ask.item.kind,
        probe: ask.probe,
    });
    let mut evidence = Evidence {
        concept: concept.clone(),
        observed,
        from,
        to: from,
        at: hour,
    };
    pair.observe(&evidence);
    evidence.to = pair.state;
    let fresh = fresh_stream(world)?;
    client::record(
        txn,
        clock,
        || fresh,
        (concept.clone(), observed),
        (from, evidence.to),
    )?;
    let mut next =
        Memory::after(&pair.answers).map_or(now.shared + DAY, |memory| memory.due(DUE_AT));
    if counts {
        // What the engineer's word holds open or quiet is not to be measured.
        let drawn = if passed && !left_alone {
            memory::probe_after(pair.state, agent::seed(world)?)
        } else {
            None
        };
        let due = drawn.map(|days| now.shared + i64::from(days) * DAY);
        txn.set_probe(concept, due)?;
        next = due.unwrap_or(next);
    }
    Ok(Settled {
        answer,
        states: (from, evidence.to),
        counts,
        next: next.max(now.shared + DAY),
    })
}

/// Takes an answer into what the engineer claims to know; whether the claim is open or holds.
fn claimed(txn: &Txn<'_>, ask: &Ask, outcome: Outcome, counts: bool, shared: i64) -> Result<bool> {
    let concept = &ask.item.concept;
    let Some(claim) = txn.claims()?.remove(concept) else {
        return Ok(false);
    };
    let said = match outcome {
        Outcome::Right => SeenOutcome::Right,
        Outcome::Wrong => SeenOutcome::Wrong,
        Outcome::Unsure => SeenOutcome::Unsure,
        Outcome::Waiting | Outcome::Later | Outcome::Dismissed => SeenOutcome::Skipped,
    };
    let claim = claim.answered(shared, said, ask.harder && counts);
    txn.set_claim(concept, claim.at(), &claim)?;
    Ok(claim.is_open(shared) || claim.is_quiet(shared))
}
