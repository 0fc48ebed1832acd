//! Which concept: the one that gains most by a check, not the one that is
//! forgotten most.

use serde::{Deserialize, Serialize};

use super::{PastAsk, SAME_CONCEPT_S};
use crate::ids::Slug;

/// A concept that could be asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The concept.
    pub concept: Slug,
    /// Chance, 0.0 to 1.0, that a check now is passed.
    pub p: f64,
    /// Chance that it is known 30 days on, after a pass now.
    pub r30_pass: f64,
    /// The same after a fail now.
    pub r30_fail: f64,
    /// The same without a check.
    pub r30_none: f64,
    /// The concept's risk, 1 to 3.
    pub risk: u8,
    /// Whether it was met today.
    pub touched_today: bool,
    /// Whether it is a prerequisite, not yet demonstrated, of something met
    /// today.
    pub open_prerequisite: bool,
    /// Whether it was never asked.
    pub new: bool,
    /// Not to be asked before this, in seconds since 1970 UTC: a probe's day,
    /// or the hour after a deletion.
    pub not_before: Option<i64>,
    /// Whether the next ask is a probe. Due, it goes first: were it to wait
    /// for its gain, only the well remembered would be probed.
    pub probe: bool,
}

impl Candidate {
    /// Expected gain in the chance that it is known 30 days on.
    pub fn gain(&self) -> f64 {
        self.p * self.r30_pass + (1.0 - self.p) * self.r30_fail - self.r30_none
    }

    /// How much it matters now.
    pub fn relevance(&self) -> f64 {
        let touched = if self.touched_today { 2.0 } else { 1.0 };
        let prerequisite = if self.open_prerequisite { 1.5 } else { 1.0 };
        touched * f64::from(self.risk.clamp(1, 3)) * prerequisite
    }

    /// Gain times relevance; not a number counts as no gain.
    pub fn score(&self) -> f64 {
        let score = self.gain() * self.relevance();
        if score.is_finite() { score } else { 0.0 }
    }
}

/// Why this concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its probe is due.
    Probe,
    /// It was met today.
    MetToday,
    /// Something met today builds on it.
    Prerequisite,
    /// It would be forgotten otherwise.
    Fading,
}

/// What to ask about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The concept.
    pub concept: Slug,
    /// Why.
    pub reason: Reason,
    /// Whether it was never asked before.
    pub new: bool,
    /// Whether the answer is recorded as a probe.
    pub probe: bool,
    /// Gain times relevance.
    pub score: f64,
}

impl Choice {
    fn of(candidate: &Candidate) -> Self {
        let reason = if candidate.probe {
            Reason::Probe
        } else if candidate.touched_today {
            Reason::MetToday
        } else if candidate.open_prerequisite {
            Reason::Prerequisite
        } else {
            Reason::Fading
        };
        Self {
            concept: candidate.concept.clone(),
            reason,
            new: candidate.new,
            probe: candidate.probe,
            score: candidate.score(),
        }
    }
}

/// Chooses for a check that the engineer requests: no budget and no quiet hour
/// holds it back, and something is asked even where little is gained.
pub fn choose_requested(now: i64, history: &[PastAsk], candidates: &[Candidate]) -> Option<Choice> {
    let fresh = |c: &&Candidate| may_be_asked(c, now, history);
    let rested = candidates.iter().filter(|c| fresh(c) && admits(c, history));
    best(rested)
        .or_else(|| best(candidates.iter().filter(fresh)))
        .map(Choice::of)
}

/// Chooses for a check that is offered.
pub(super) fn choose(now: i64, history: &[PastAsk], candidates: &[Candidate]) -> Option<Choice> {
    let fit = candidates
        .iter()
        .filter(|c| may_be_asked(c, now, history) && admits(c, history))
        .filter(|c| c.probe || c.score() > 0.0);
    best(fit).map(Choice::of)
}

fn may_be_asked(candidate: &Candidate, now: i64, history: &[PastAsk]) -> bool {
    let recent =
        |a: &PastAsk| a.concept == candidate.concept && now < a.at.saturating_add(SAME_CONCEPT_S);
    candidate.not_before.is_none_or(|at| now >= at) && !history.iter().any(recent)
}

/// A new concept comes at most once per two asks.
fn admits(candidate: &Candidate, history: &[PastAsk]) -> bool {
    let last = history.iter().max_by_key(|a| a.at);
    !candidate.new || last.is_none_or(|a| !a.new)
}

/// Due probes first, then the greatest score; the slug settles what is equal.
fn best<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Option<&'a Candidate> {
    candidates.max_by(|a, b| {
        a.probe
            .cmp(&b.probe)
            .then(a.score().total_cmp(&b.score()))
            .then_with(|| b.concept.cmp(&a.concept))
    })
}
