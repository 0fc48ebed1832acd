//! A power function with individual differences that multiply.
//!
//! R(t) = λ·(1 + β·t)^(−ψ), t in days. Source: Wickelgren 1974, "Single-trace fragility theory of
//! memory dynamics", Memory & Cognition 2(4); Wixted & Carpenter 2007, "The Wickelgren power law
//! and the Ebbinghaus savings function", Psychological Science 18(2). That the exponent is a
//! product of what person and item are: Lindsey, Shroyer, Pashler & Mozer 2014, "Improving
//! students' long-term knowledge retention through personalized review", Psychological Science
//! 25(3). Chosen: λ = 0.97, β = 1 a day, ψ = 0.25 at the median, by a factor of exp(±0.35) between
//! people, exp(±0.35) between concepts and exp(±0.2) between pairs; a retrieval takes the more off
//! ψ the less sure it was (ψ·R, but never below 0.6 of it), an explanation after forgetting leaves
//! 0.9 of it.

use super::{Dice, Talent};

const ENCODED: f64 = 0.97;
const PER_DAY: f64 = 1.0;
const EXPONENT: f64 = 0.25;

/// A memory by this law.
pub struct Mind {
    /// The exponent; `None` before the first exposure.
    exponent: Option<f64>,
    fresh: f64,
    last: f64,
}

impl Mind {
    pub fn new(talent: Talent, knows: bool, day: f64, dice: &mut Dice) -> Self {
        let log = 0.35 * talent.person + 0.35 * talent.concept + 0.2 * talent.pair;
        let fresh = EXPONENT * (-log).exp();
        Self {
            // Practised before: a third of the exponent is left.
            exponent: knows.then_some(fresh / 3.0),
            fresh,
            last: day - 60.0 * dice.even(),
        }
    }

    pub fn chance(&self, day: f64) -> f64 {
        let days = (day - self.last).max(0.0);
        let known = |exponent: f64| ENCODED * (1.0 + PER_DAY * days).powf(-exponent);
        self.exponent.map_or(0.0, known)
    }

    pub fn checked(&mut self, day: f64, knew: bool) {
        let chance = self.chance(day);
        let next = match self.exponent {
            None => self.fresh,
            Some(exponent) if knew => exponent * chance.max(0.6),
            Some(exponent) => exponent * 0.9,
        };
        (self.exponent, self.last) = (Some(next), day);
    }
}
