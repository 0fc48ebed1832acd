//! “I know this”: two harder items, then quiet for six months.
//!
//! The engineer's word is taken, and checked once: the two hardest items that
//! the concept has left, the second one no sooner than its answer counts.
//!
//! Invariant: a claim never adds to the budget; it only says what is asked
//! first, how hard, and what is left alone.

use serde::{Deserialize, Serialize};

use super::SAME_CONCEPT_S;
use crate::ids::DAY;
use crate::items::SeenOutcome;

/// How long a claim that held is quiet, in seconds: six months.
pub const CLAIM_QUIET_S: i64 = 183 * DAY;
/// A claim whose items are not answered within this time, in seconds, lapses.
pub const CLAIM_LASTS_S: i64 = 30 * DAY;

/// One engineer's claim to know one concept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    at: i64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    /// Harder items are due; when the first of them was passed.
    Open { first: Option<i64> },
    /// Both were passed, the second at this time.
    Quiet { from: i64 },
    /// It did not hold.
    Over,
}

impl Claim {
    /// A claim made at `at`, seconds since 1970 UTC.
    pub fn new(at: i64) -> Self {
        Self {
            at,
            stage: Stage::Open { first: None },
        }
    }

    /// When it was made, in seconds since 1970 UTC.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// The claim after an answer on its concept at `at`.
    ///
    /// `harder`: the item was one of the claim's own and its answer counts; a
    /// right answer to any other item changes nothing. A wrong one and “not
    /// sure” end the claim, whatever item it was. “Later” changes nothing.
    #[must_use]
    pub fn answered(self, at: i64, outcome: SeenOutcome, harder: bool) -> Self {
        let stage = match (outcome, self.stage) {
            (SeenOutcome::Wrong | SeenOutcome::Unsure, _) => Stage::Over,
            (SeenOutcome::Right, Stage::Open { first: None }) if harder => {
                Stage::Open { first: Some(at) }
            }
            (SeenOutcome::Right, Stage::Open { first: Some(first) })
                if harder && at >= first.saturating_add(SAME_CONCEPT_S) =>
            {
                Stage::Quiet { from: at }
            }
            (_, stage) => stage,
        };
        Self { stage, ..self }
    }

    /// Whether harder items are due.
    pub fn is_open(&self, now: i64) -> bool {
        match self.stage {
            Stage::Open { first } => {
                now < first
                    .unwrap_or(self.at)
                    .max(self.at)
                    .saturating_add(CLAIM_LASTS_S)
            }
            Stage::Quiet { .. } | Stage::Over => false,
        }
    }

    /// Whether the concept is left alone.
    pub fn is_quiet(&self, now: i64) -> bool {
        self.quiet_until().is_some_and(|until| now < until)
    }

    /// Until when it is, or was, left alone, in seconds since 1970 UTC.
    pub fn quiet_until(&self) -> Option<i64> {
        match self.stage {
            Stage::Quiet { from } => Some(from.saturating_add(CLAIM_QUIET_S)),
            Stage::Open { .. } | Stage::Over => None,
        }
    }

    /// How many of the two harder items were passed.
    pub fn passed(&self) -> u8 {
        match self.stage {
            Stage::Open { first } => u8::from(first.is_some()),
            Stage::Quiet { .. } => 2,
            Stage::Over => 0,
        }
    }

    /// From when on the next harder item may come, in seconds since 1970 UTC.
    pub fn due_at(&self) -> Option<i64> {
        match self.stage {
            Stage::Open { first } => {
                Some(first.map_or(self.at, |first| first.saturating_add(SAME_CONCEPT_S)))
            }
            Stage::Quiet { .. } | Stage::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::HOUR;
    use SeenOutcome::{Right, Skipped, Unsure, Wrong};

    #[test]
    fn two_harder_items_passed_twenty_hours_apart_bring_six_months_of_quiet() {
        let claim = Claim::new(0);
        assert!(claim.is_open(DAY) && !claim.is_quiet(DAY));
        assert_eq!((claim.passed(), claim.due_at()), (0, Some(0)));
        let once = claim.answered(HOUR, Right, true);
        assert_eq!((once.passed(), once.due_at()), (1, Some(21 * HOUR)));
        assert!(once.is_open(DAY));
        // Too soon to count.
        assert_eq!(once.answered(20 * HOUR, Right, true), once);
        let twice = once.answered(21 * HOUR, Right, true);
        assert_eq!((twice.passed(), twice.due_at()), (2, None));
        assert!(!twice.is_open(22 * HOUR) && twice.is_quiet(22 * HOUR));
        assert!(twice.is_quiet(21 * HOUR + CLAIM_QUIET_S - 1));
        assert!(!twice.is_quiet(21 * HOUR + CLAIM_QUIET_S));
    }

    #[test]
    fn a_wrong_or_unsure_answer_ends_it_and_later_does_not() {
        for ends in [Wrong, Unsure] {
            for claim in [Claim::new(0), Claim::new(0).answered(HOUR, Right, true)] {
                let over = claim.answered(2 * DAY, ends, true);
                assert!(!over.is_open(2 * DAY) && !over.is_quiet(2 * DAY));
            }
        }
        let claim = Claim::new(0);
        assert_eq!(claim.answered(HOUR, Skipped, true), claim);
        // In the quiet somebody asks for a check and does not know it any more.
        let quiet = claim.answered(HOUR, Right, true).answered(DAY, Right, true);
        assert!(quiet.is_quiet(2 * DAY));
        assert!(!quiet.answered(2 * DAY, Wrong, false).is_quiet(2 * DAY));
    }

    #[test]
    fn an_ordinary_item_neither_proves_it_nor_prolongs_the_quiet() {
        let claim = Claim::new(0);
        assert_eq!(claim.answered(HOUR, Right, false), claim);
        let quiet = claim.answered(HOUR, Right, true).answered(DAY, Right, true);
        assert_eq!(quiet.answered(9 * DAY, Right, true), quiet);
    }

    #[test]
    fn a_claim_that_nobody_answers_lapses_after_a_month() {
        let claim = Claim::new(0);
        assert!(claim.is_open(CLAIM_LASTS_S - 1) && !claim.is_open(CLAIM_LASTS_S));
        let once = claim.answered(29 * DAY, Right, true);
        assert!(once.is_open(58 * DAY) && !once.is_open(59 * DAY));
    }
}
