//! Which concept: the one that gains most by a check, not the one that is
//! forgotten most.
//!
//! Three kinds go before the gain, in this order: a due probe (were it to wait
//! for its gain, only the well remembered would be probed), a concept that the
//! engineer claims to know, and one that the record shows as demonstrated
//! though it was likely luck.

use serde::{Deserialize, Serialize};

use super::doubt::DOUBTFUL;
use super::{AskOutcome, Breakpoint, DISMISSED_RESTS_S, PastAsk, SAME_CONCEPT_S};
use crate::ids::Slug;

// Weights of relevance. With 2, 1 to 3 and 1.5 half of what asking by gain brings over asking at random
// was lost under three laws of forgetting (`make prove memory`): the same few concepts came again and
// again. So they settle what is nearly equal, and the gain does the rest.
/// Met today.
const TOUCHED: f64 = 1.2;
/// A concept of risk 2, against one of risk 1.
const RISK_2: f64 = 1.15;
/// A concept of risk 3, against one of risk 1.
const RISK_3: f64 = 1.3;
/// Something met today builds on it, and it is not demonstrated.
const OPEN_PREREQUISITE: f64 = 1.15;

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
    /// What else bears on it.
    #[serde(default)]
    pub standing: Standing,
}

/// What bears on a candidate beside the memory model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// Its last counted answer, in seconds since 1970 UTC.
    pub answered_at: Option<i64>,
    /// What was met today and builds on it.
    pub basis_of: Option<Slug>,
    /// “I know this” is open, and so many of the two harder items are passed.
    pub claim: Option<u8>,
    /// Chance, 0.0 to 1.0, that the record shows it as demonstrated by luck
    /// ([`super::Clicks`]).
    pub doubt: f64,
}

impl Candidate {
    /// Expected gain in the chance that it is known 30 days on.
    pub fn gain(&self) -> f64 {
        self.r30_with() - self.r30_none
    }

    /// How much it matters now.
    pub fn relevance(&self) -> f64 {
        let touched = if self.touched_today { TOUCHED } else { 1.0 };
        let prerequisite = if self.open_prerequisite {
            OPEN_PREREQUISITE
        } else {
            1.0
        };
        let risk = match self.risk {
            0 | 1 => 1.0,
            2 => RISK_2,
            _ => RISK_3,
        };
        touched * risk * prerequisite
    }

    /// Gain times relevance; not a number counts as no gain.
    pub fn score(&self) -> f64 {
        let score = self.gain() * self.relevance();
        if score.is_finite() { score } else { 0.0 }
    }

    /// Chance that it is known 30 days on, if it is asked now.
    fn r30_with(&self) -> f64 {
        self.p * self.r30_pass + (1.0 - self.p) * self.r30_fail
    }

    /// What goes before the gain, greatest first.
    fn rank(&self) -> u8 {
        if self.probe {
            3
        } else if self.standing.claim.is_some() {
            2
        } else {
            u8::from(self.standing.doubt > DOUBTFUL)
        }
    }
}

/// Why this concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its probe is due.
    Probe,
    /// The engineer claims to know it.
    Claim,
    /// It is shown as demonstrated, and that was likely luck.
    Doubt,
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
    /// What has just come to an end; `None` if the engineer requested it.
    pub moment: Option<Breakpoint>,
    /// Whether it was never asked before.
    pub new: bool,
    /// Whether the answer is recorded as a probe.
    pub probe: bool,
    /// Whether the hardest item that is left is to be taken.
    pub harder: bool,
    /// Gain times relevance.
    pub score: f64,
    /// Chance, 0.0 to 1.0, that it is known 30 days on if it is not asked.
    pub r30_without: f64,
    /// The same if it is asked now.
    pub r30_with: f64,
    /// Whole days since the last counted answer.
    pub days_since: Option<i64>,
    /// What else bears on it.
    pub standing: Standing,
}

impl Choice {
    pub(super) fn of(candidate: &Candidate, now: i64, moment: Option<Breakpoint>) -> Self {
        let reason = match candidate.rank() {
            3 => Reason::Probe,
            2 => Reason::Claim,
            1 => Reason::Doubt,
            _ if candidate.touched_today => Reason::MetToday,
            _ if candidate.open_prerequisite => Reason::Prerequisite,
            _ => Reason::Fading,
        };
        let since = |at: i64| (now.saturating_sub(at) / crate::ids::DAY).max(0);
        Self {
            concept: candidate.concept.clone(),
            reason,
            moment,
            new: candidate.new,
            probe: candidate.probe,
            harder: reason == Reason::Claim,
            score: candidate.score(),
            r30_without: candidate.r30_none,
            r30_with: candidate.r30_with(),
            days_since: candidate.standing.answered_at.map(since),
            standing: candidate.standing.clone(),
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
        .map(|candidate| Choice::of(candidate, now, None))
}

/// Chooses for a check that is offered.
pub(super) fn choose<'a>(
    now: i64,
    history: &[PastAsk],
    candidates: &'a [Candidate],
) -> Option<&'a Candidate> {
    let fit = candidates
        .iter()
        .filter(|c| may_be_offered(c, now, history))
        .filter(|c| c.rank() > 0 || c.score() > 0.0);
    best(fit)
}

/// Whether nothing but a lack of gain keeps it from being offered.
pub(super) fn may_be_offered(candidate: &Candidate, now: i64, history: &[PastAsk]) -> bool {
    // Who waved it away yesterday is not to see it again today.
    let waved_away = |a: &PastAsk| {
        a.concept == candidate.concept
            && a.outcome == AskOutcome::Dismissed
            && !a.requested
            && now < a.at.saturating_add(DISMISSED_RESTS_S)
            && a.at <= now.saturating_add(super::TRUST_S)
    };
    may_be_asked(candidate, now, history)
        && admits(candidate, history)
        && !history.iter().any(waved_away)
}

/// Whether its day has come, and its last ask is long enough ago.
fn may_be_asked(candidate: &Candidate, now: i64, history: &[PastAsk]) -> bool {
    // An ask that lies far ahead was dated by a clock that was wrong.
    let recent = |a: &PastAsk| {
        a.concept == candidate.concept
            && now < a.at.saturating_add(SAME_CONCEPT_S)
            && a.at <= now.saturating_add(super::TRUST_S)
    };
    candidate.not_before.is_none_or(|at| now >= at) && !history.iter().any(recent)
}

/// A new concept comes at most once per two asks. One that was put off or waved
/// away was not taken in, and keeps no other out; one that was answered “not
/// sure” was, and is new no more: else a first check that brings no counted
/// answer would leave nothing to ask for ever.
fn admits(candidate: &Candidate, history: &[PastAsk]) -> bool {
    let answered = |asks: &[PastAsk], concept: &Slug| {
        let of_it = |a: &PastAsk| a.concept == *concept && a.outcome == AskOutcome::Answered;
        asks.iter().any(of_it)
    };
    if !candidate.new || answered(history, &candidate.concept) {
        return true;
    }
    history.split_last().is_none_or(|(last, before)| {
        let taken = matches!(last.outcome, AskOutcome::Answered | AskOutcome::Pending);
        !(last.new && taken && !answered(before, &last.concept))
    })
}

/// The highest rank first, then the greatest score; the slug settles what is
/// equal.
fn best<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Option<&'a Candidate> {
    candidates.max_by(|a, b| {
        a.rank()
            .cmp(&b.rank())
            .then(a.score().total_cmp(&b.score()))
            .then_with(|| b.concept.cmp(&a.concept))
    })
}
