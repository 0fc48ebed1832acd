//! The fold: from the set of a subject's deltas to what the subject knows of each concept.
//!
//! State is a pure function of the set, so it is never merged and never synced: every replica
//! folds what it holds. Rules: `protocol.md`, "States"; the table there is [`step`] here.
//!
//! Invariant: the fold sees deltas ordered by `(at, stream, i)`.

use crate::delta::{Answer, AnswerKind, Delta, Evidence, Observation, Outcome, State};
use crate::ids::{DAY, HOUR, Hour, Slug};
use crate::sync::Row;
use serde::Serialize;
use std::collections::BTreeMap;

/// Rises when a rule of the fold changes, so that replicas compare only like with like.
pub const FOLD_VERSION: u32 = 1;

/// An answer counts if the last counted one of its concept lies this many seconds before it.
pub const COUNT_AFTER_S: i64 = 20 * HOUR;
/// A pass this many seconds after the one that made a pair demonstrated makes it retained.
pub const RETAINED_AFTER_S: i64 = 21 * DAY;

/// A counted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// When.
    pub at: Hour,
    /// What was answered.
    pub answer: Answer,
    /// State after it.
    pub state: State,
}

/// What one subject knows of one concept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The state.
    pub state: State,
    /// First evidence of any kind.
    pub first: Option<Hour>,
    /// Latest evidence of any kind, counted or not.
    pub last: Option<Hour>,
    /// Days on which the concept was met in code.
    pub seen: u32,
    /// Counted answers, oldest first.
    pub answers: Vec<Counted>,
    /// The pass that made the pair demonstrated, while it is demonstrated or retained.
    pub demonstrated_at: Option<Hour>,
    /// Deltas whose recorded transition is not the one that the fold makes.
    pub mismatches: u32,
}

impl Pair {
    /// The last counted answer.
    #[must_use]
    pub fn last_answer(&self) -> Option<&Counted> {
        self.answers.last()
    }

    /// The last counted pass.
    #[must_use]
    pub fn last_pass(&self) -> Option<&Counted> {
        self.answers
            .iter()
            .rev()
            .find(|counted| counted.answer.outcome == Outcome::Pass)
    }

    /// Whether an answer at `at` would count.
    #[must_use]
    pub fn counts(&self, at: Hour) -> bool {
        self.last_answer()
            .is_none_or(|last| at.unix() - last.at.unix() >= COUNT_AFTER_S)
    }

    /// Takes the next piece of evidence, in fold order.
    pub fn observe(&mut self, evidence: &Evidence) {
        let before = self.state;
        self.first = self.first.or(Some(evidence.at));
        self.last = Some(evidence.at);
        match evidence.observed {
            Observation::Seen => {
                self.seen += 1;
                if self.state == State::Unknown {
                    self.state = State::Seen;
                }
            }
            Observation::Answer(answer) if self.counts(evidence.at) => {
                let passed_before = self
                    .last_answer()
                    .is_some_and(|last| last.answer.outcome == Outcome::Pass);
                let long_ago = self
                    .demonstrated_at
                    .is_some_and(|since| evidence.at.unix() - since.unix() >= RETAINED_AFTER_S);
                self.state = step(self.state, answer, passed_before, long_ago);
                self.demonstrated_at = match self.state {
                    State::Demonstrated | State::Retained => {
                        self.demonstrated_at.or(Some(evidence.at))
                    }
                    _ => None,
                };
                self.answers.push(Counted {
                    at: evidence.at,
                    answer,
                    state: self.state,
                });
            }
            Observation::Answer(_) => {}
        }
        if (evidence.from, evidence.to) != (before, self.state) {
            self.mismatches += 1;
        }
    }
}

/// The table of states: what a counted answer makes of a state.
///
/// `passed_before`: the previous counted answer was a pass. `long_ago`: at least
/// [`RETAINED_AFTER_S`] have gone by since the pass that made the pair demonstrated.
#[must_use]
pub const fn step(state: State, answer: Answer, passed_before: bool, long_ago: bool) -> State {
    use State::{Demonstrated, Lapsed, Learning, Retained, Seen, Unknown};
    match (answer.outcome, state) {
        (Outcome::Fail, Unknown | Seen | Learning) => Learning,
        (Outcome::Fail, Demonstrated | Retained | Lapsed) => Lapsed,
        (Outcome::Pass, Demonstrated) => {
            if long_ago {
                Retained
            } else {
                Demonstrated
            }
        }
        (Outcome::Pass, Retained) => Retained,
        (Outcome::Pass, Learning) => {
            if passed_before || !matches!(answer.kind, AnswerKind::Choice4) {
                Demonstrated
            } else {
                Learning
            }
        }
        (Outcome::Pass, Unknown | Seen | Lapsed) => {
            if matches!(answer.kind, AnswerKind::Choice4) {
                Learning
            } else {
                Demonstrated
            }
        }
    }
}

/// Folds a subject's rows. `resolve` gives the concept that replaces a merged one, else the same.
#[must_use]
pub fn fold(
    rows: impl IntoIterator<Item = Row>,
    resolve: impl Fn(Slug) -> Slug,
) -> BTreeMap<Slug, Pair> {
    let mut evidence: Vec<_> = rows
        .into_iter()
        .filter_map(|row| match row.delta {
            Delta::Evidence(evidence) => Some((evidence.at, row.stream, row.index, evidence)),
            Delta::Retract(_) | Delta::Unknown(_) => None,
        })
        .collect();
    evidence.sort_by_key(|(at, stream, index, _)| (*at, *stream, *index));
    // A set: a row that is given twice is one.
    evidence.dedup_by_key(|(at, stream, index, _)| (*at, *stream, *index));
    let mut pairs = BTreeMap::<Slug, Pair>::new();
    for (_, _, _, evidence) in evidence {
        pairs
            .entry(resolve(evidence.concept.clone()))
            .or_default()
            .observe(&evidence);
    }
    pairs
}

/// A pair as replicas compare and show it: no floats, so that equal sets give equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The concept.
    pub concept: Slug,
    /// The state.
    pub state: State,
    /// UTC day of the last counted answer, in days since 1970.
    pub last_answer_day: Option<i64>,
    /// Days on which it was met.
    pub seen: u32,
    /// Counted answers.
    pub answers: u32,
    /// Of these, passed.
    pub passes: u32,
}

/// The graph as lines, ordered by concept.
#[must_use]
pub fn lines(pairs: &BTreeMap<Slug, Pair>) -> Vec<Line> {
    pairs
        .iter()
        .map(|(concept, pair)| {
            let passed = pair
                .answers
                .iter()
                .filter(|a| a.answer.outcome == Outcome::Pass)
                .count();
            Line {
                concept: concept.clone(),
                state: pair.state,
                last_answer_day: pair.last_answer().map(|last| last.at.day()),
                seen: pair.seen,
                answers: u32::try_from(pair.answers.len()).unwrap_or(u32::MAX),
                passes: u32::try_from(passed).unwrap_or(u32::MAX),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Demonstrated, Lapsed, Learning, Retained, Seen, Unknown};

    fn answer(outcome: Outcome, kind: AnswerKind) -> Observation {
        Observation::Answer(Answer {
            outcome,
            kind,
            probe: false,
        })
    }
    const PASS: (Outcome, AnswerKind) = (Outcome::Pass, AnswerKind::Choice4);
    const TYPED: (Outcome, AnswerKind) = (Outcome::Pass, AnswerKind::Typed);
    const FAIL: (Outcome, AnswerKind) = (Outcome::Fail, AnswerKind::Choice4);

    /// Answers on these days, from unknown: the states after each.
    fn states(answers: &[(i64, (Outcome, AnswerKind))]) -> Vec<State> {
        let mut pair = Pair::default();
        answers
            .iter()
            .map(|&(day, (outcome, kind))| {
                pair.observe(&Evidence {
                    concept: Slug::new("abc").unwrap(),
                    observed: answer(outcome, kind),
                    from: Unknown,
                    to: Unknown,
                    at: Hour::floor(day * DAY),
                });
                pair.state
            })
            .collect()
    }

    #[test]
    fn one_click_in_four_is_luck_so_choice_needs_two() {
        assert_eq!(states(&[(1, PASS), (2, PASS)]), [Learning, Demonstrated]);
        assert_eq!(states(&[(1, TYPED)]), [Demonstrated]);
        assert_eq!(
            states(&[(1, FAIL), (2, PASS), (3, PASS)]),
            [Learning, Learning, Demonstrated]
        );
        assert_eq!(states(&[(1, FAIL), (2, TYPED)]), [Learning, Demonstrated]);
    }

    #[test]
    fn retained_is_three_weeks_after_the_demonstrating_pass() {
        let days = [(1, PASS), (2, PASS), (22, PASS), (23, PASS)];
        assert_eq!(
            states(&days),
            [Learning, Demonstrated, Demonstrated, Retained]
        );
    }

    #[test]
    fn a_failure_after_demonstration_is_a_lapse_and_starts_the_count_anew() {
        assert_eq!(
            states(&[
                (1, TYPED),
                (2, FAIL),
                (3, PASS),
                (4, PASS),
                (24, PASS),
                (25, PASS)
            ]),
            [
                Demonstrated,
                Lapsed,
                Learning,
                Demonstrated,
                Demonstrated,
                Retained
            ]
        );
        assert_eq!(
            states(&[(1, TYPED), (2, FAIL), (3, TYPED)]),
            [Demonstrated, Lapsed, Demonstrated]
        );
        // Accepted: a pass and a fail after a lapse leave learning.
        assert_eq!(
            states(&[(1, TYPED), (2, FAIL), (3, PASS), (4, FAIL)]),
            [Demonstrated, Lapsed, Learning, Learning]
        );
    }

    #[test]
    fn two_clicks_around_midnight_are_one() {
        let mut pair = Pair::default();
        for (hour, counted) in [(23, 1), (24, 1), (42, 1), (43, 2)] {
            pair.observe(&Evidence {
                concept: Slug::new("abc").unwrap(),
                observed: answer(Outcome::Pass, AnswerKind::Choice4),
                from: Unknown,
                to: Unknown,
                at: Hour::floor(hour * HOUR),
            });
            assert_eq!(pair.answers.len(), counted, "after hour {hour}");
        }
    }

    #[test]
    fn meeting_a_concept_changes_only_unknown() {
        let mut pair = Pair::default();
        let seen = |at| Evidence {
            concept: Slug::new("abc").unwrap(),
            observed: Observation::Seen,
            from: Unknown,
            to: Seen,
            at: Hour::floor(at),
        };
        pair.observe(&seen(0));
        assert_eq!((pair.state, pair.mismatches), (Seen, 0));
        pair.state = Lapsed;
        pair.observe(&seen(DAY));
        assert_eq!((pair.state, pair.seen, pair.mismatches), (Lapsed, 2, 1));
    }

    #[test]
    fn every_cell_of_the_table_is_as_the_protocol_prints_it() {
        let all = [Unknown, Seen, Learning, Demonstrated, Retained, Lapsed];
        let row = |(outcome, kind), before, long| {
            all.map(|state| {
                step(
                    state,
                    Answer {
                        outcome,
                        kind,
                        probe: false,
                    },
                    before,
                    long,
                )
            })
        };
        assert_eq!(
            row(FAIL, true, true),
            [Learning, Learning, Learning, Lapsed, Lapsed, Lapsed]
        );
        assert_eq!(
            row(PASS, false, false),
            [
                Learning,
                Learning,
                Learning,
                Demonstrated,
                Retained,
                Learning
            ]
        );
        assert_eq!(
            row(PASS, true, true),
            [
                Learning,
                Learning,
                Demonstrated,
                Retained,
                Retained,
                Learning
            ]
        );
        assert_eq!(
            row(TYPED, false, true),
            [
                Demonstrated,
                Demonstrated,
                Demonstrated,
                Retained,
                Retained,
                Demonstrated
            ]
        );
    }
}
