//! How far an engineer's record may be luck.
//!
//! Two right picks among four show a concept as demonstrated (`protocol.md`,
//! “States”), and one guesser in sixteen makes them. Whether a pair of picks is
//! luck depends on who picked: of somebody who is right half of the time over
//! all, few are; of somebody who is right one time in four, all are. So the
//! share of concepts that the engineer knows is estimated from all counted
//! answers, guessing taken out, and each record is weighed by it.
//!
//! Elsewhere: what is *shown* is the fold's alone and is not changed by a
//! doubt; a doubtful record is asked again before others ([`super::decide`]).

use crate::delta::{Outcome, State};
use crate::evidence::Pair;

/// A record that is luck with a greater chance than this is asked again first.
pub const DOUBTFUL: f64 = 0.2;
/// What is believed of a new engineer: the share of met concepts that is known.
const PRIOR_SHARE: f64 = 0.4;
/// How many answers that belief weighs.
const PRIOR_ANSWERS: f64 = 4.0;
/// The share is never believed to be less.
const LEAST_SHARE: f64 = 0.01;

/// What an engineer's counted answers say of the engineer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clicks {
    share: f64,
}

impl Clicks {
    /// Reads all counted answers.
    ///
    /// A pass has the chance `g + (1 − g)·s` where `s` is the share of asked
    /// concepts that is known and `g` the form's chance to be guessed; `s` is
    /// the moments' estimate of it, drawn towards 0.4 by four answers' weight.
    pub fn of<'a>(pairs: impl IntoIterator<Item = &'a Pair>) -> Self {
        let mut above = PRIOR_SHARE * PRIOR_ANSWERS;
        let mut most = PRIOR_ANSWERS;
        for answer in pairs.into_iter().flat_map(|pair| &pair.answers) {
            let guess = answer.answer.kind.guess();
            let passed = f64::from(u8::from(answer.answer.outcome == Outcome::Pass));
            above += passed - guess;
            most += 1.0 - guess;
        }
        Self {
            share: (above / most).clamp(LEAST_SHARE, 1.0),
        }
    }

    /// Share, 0.01 to 1.0, of the asked concepts that the engineer knows.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Chance, 0.0 to 1.0, that a record that stands as demonstrated or
    /// retained is luck; 0 for any other.
    ///
    /// Bayes over “knows it” (passes always) and “guesses” (passes `g` of the
    /// time), on the passes since the last fail.
    pub fn doubt(&self, pair: &Pair) -> f64 {
        if !matches!(pair.state, State::Demonstrated | State::Retained) {
            return 0.0;
        }
        let passes = pair
            .answers
            .iter()
            .rev()
            .take_while(|a| a.answer.outcome == Outcome::Pass);
        let luck: f64 = passes.map(|a| a.answer.kind.guess()).product();
        let guessed = (1.0 - self.share) * luck;
        guessed / (self.share + guessed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::{Answer, AnswerKind, Evidence, Observation};
    use crate::ids::{DAY, Hour, Slug};

    fn pair(answers: &[(Outcome, AnswerKind)]) -> Pair {
        let mut pair = Pair::default();
        for (day, (outcome, kind)) in (1i64..).zip(answers) {
            pair.observe(&Evidence {
                concept: Slug::new("git-rebase").expect("a slug"),
                observed: Observation::Answer(Answer {
                    outcome: *outcome,
                    kind: *kind,
                    probe: false,
                }),
                from: State::Unknown,
                to: State::Unknown,
                at: Hour::floor(day * DAY),
            });
        }
        pair
    }

    const PASS: (Outcome, AnswerKind) = (Outcome::Pass, AnswerKind::Choice4);
    const FAIL: (Outcome, AnswerKind) = (Outcome::Fail, AnswerKind::Choice4);
    const TYPED: (Outcome, AnswerKind) = (Outcome::Pass, AnswerKind::Typed);

    #[test]
    fn two_picks_of_a_guesser_are_doubted_and_those_of_others_are_not() {
        let twice = pair(&[PASS, PASS]);
        // One right in four over all: chance.
        let guesses: Vec<Pair> = (0..6).map(|_| pair(&[FAIL, FAIL, FAIL, PASS])).collect();
        let guesser = Clicks::of(guesses.iter().chain([&twice]));
        assert!(guesser.share() < 0.15, "{guesser:?}");
        assert!(guesser.doubt(&twice) > DOUBTFUL);
        // Right six times in ten, as somebody who knows under half of it is.
        let some: Vec<Pair> = (0..6).map(|_| pair(&[FAIL, PASS, PASS])).collect();
        let knows = Clicks::of(some.iter().chain([&twice]));
        assert!(knows.doubt(&twice) < 0.1, "{:?}", knows.doubt(&twice));
        // Nobody is doubted for being new.
        assert!(Clicks::of([&twice]).doubt(&twice) < 0.1);
    }

    #[test]
    fn more_passes_and_forms_that_cannot_be_guessed_end_the_doubt() {
        let guesses: Vec<Pair> = (0..6).map(|_| pair(&[FAIL, FAIL, FAIL, PASS])).collect();
        let clicks = Clicks::of(&guesses);
        let doubts: Vec<f64> = [
            pair(&[PASS, PASS]),
            pair(&[PASS, PASS, PASS]),
            pair(&[PASS, PASS, PASS, PASS]),
        ]
        .iter()
        .map(|p| clicks.doubt(p))
        .collect();
        assert!(doubts[0] > 2.0 * doubts[1] && doubts[1] > 2.0 * doubts[2]);
        assert!(clicks.doubt(&pair(&[TYPED])) < doubts[0] / 2.0);
        assert!(
            clicks.doubt(&pair(&[PASS])).abs() < f64::EPSILON,
            "learning"
        );
        assert!(clicks.doubt(&pair(&[PASS, PASS, FAIL])).abs() < f64::EPSILON);
    }
}
