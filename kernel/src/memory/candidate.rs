//! A concept as the ask policy weighs it: the memory model's outlook, and what holds it back.
//!
//! Here and not in the client, so that what is simulated is what runs.

use super::{Memory, outlook_of};
use crate::asking::{Candidate, Standing};
use crate::delta::AnswerKind;
use crate::evidence::{COUNT_AFTER_S, Pair};
use crate::ids::Slug;

/// What whoever holds the evidence knows of one concept and one engineer.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The concept.
    pub concept: &'a Slug,
    /// The catalogue's risk, 1 to 3.
    pub risk: u8,
    /// The folded evidence, if there is any.
    pub pair: Option<&'a Pair>,
    /// Whether it was met today.
    pub touched_today: bool,
    /// Whether something met today builds on it, and it is not demonstrated.
    pub open_prerequisite: bool,
    /// The day to which its probe is held back, in seconds since 1970 UTC.
    pub probe_due: Option<i64>,
}

/// The concept as a candidate of [`crate::asking::decide`] at `now`, seconds since 1970 UTC, in a
/// form of this kind.
///
/// Not asked before its probe's day, nor within [`COUNT_AFTER_S`] of its last counted answer, when
/// an answer would not count. A probe asks whether an answer lasted: without one there is none.
#[must_use]
pub fn candidate(known: &Known<'_>, kind: AnswerKind, now: i64) -> Candidate {
    let memory = known.pair.and_then(|pair| Memory::after(&pair.answers));
    candidate_of(known, memory.as_ref(), kind, now)
}

/// The same, of a memory that was replayed already: it changes with an answer, and with nothing
/// else. `None` is a concept that was never answered.
#[must_use]
pub fn candidate_of(
    known: &Known<'_>,
    memory: Option<&Memory>,
    kind: AnswerKind,
    now: i64,
) -> Candidate {
    let last = known.pair.and_then(Pair::last_answer);
    let probe = known.probe_due.filter(|_| last.is_some());
    let counts = last.map(|last| last.at.unix() + COUNT_AFTER_S);
    let outlook = outlook_of(memory, kind, now);
    Candidate {
        concept: known.concept.clone(),
        p: outlook.p,
        r30_pass: outlook.r30_pass,
        r30_fail: outlook.r30_fail,
        r30_none: outlook.r30_none,
        risk: known.risk,
        touched_today: known.touched_today,
        open_prerequisite: known.open_prerequisite,
        new: last.is_none(),
        not_before: probe.into_iter().chain(counts).max(),
        probe: probe.is_some(),
        standing: Standing::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::{Answer, Evidence, Observation, Outcome, State};
    use crate::ids::{DAY, Hour};

    fn answered(concept: &Slug, day: i64) -> Pair {
        let mut pair = Pair::default();
        pair.observe(&Evidence {
            concept: concept.clone(),
            observed: Observation::Answer(Answer {
                outcome: Outcome::Pass,
                kind: AnswerKind::Typed,
                probe: false,
            }),
            from: State::Unknown,
            to: State::Demonstrated,
            at: Hour::floor(day * DAY),
        });
        pair
    }

    fn known<'a>(concept: &'a Slug, pair: Option<&'a Pair>) -> Known<'a> {
        Known {
            concept,
            risk: 2,
            pair,
            touched_today: false,
            open_prerequisite: false,
            probe_due: None,
        }
    }

    #[test]
    fn a_concept_is_held_back_while_an_answer_would_not_count() {
        let concept = Slug::new("sql-injection").unwrap();
        let pair = answered(&concept, 10);
        let found = candidate(&known(&concept, Some(&pair)), AnswerKind::Choice4, 10 * DAY);
        assert_eq!(found.not_before, Some(10 * DAY + COUNT_AFTER_S));
        assert!(!found.new && !found.probe);
    }

    #[test]
    fn a_probe_holds_its_concept_back_to_its_day() {
        let concept = Slug::new("sql-injection").unwrap();
        let pair = answered(&concept, 10);
        let mut due = known(&concept, Some(&pair));
        due.probe_due = Some(40 * DAY);
        let found = candidate(&due, AnswerKind::Choice4, 12 * DAY);
        assert_eq!((found.probe, found.not_before), (true, Some(40 * DAY)));
    }

    #[test]
    fn without_an_answer_there_is_nothing_to_probe() {
        let concept = Slug::new("sql-injection").unwrap();
        let mut due = known(&concept, None);
        due.probe_due = Some(40 * DAY);
        let found = candidate(&due, AnswerKind::Choice4, 12 * DAY);
        assert_eq!(
            (found.probe, found.not_before, found.new),
            (false, None, true)
        );
        assert!(found.gain() > 0.0, "a first check always brings something");
    }
}
