//! Three laws of forgetting. A mind is one engineer's memory of one concept; it knows its own truth.
//!
//! A check that finds the concept known is a retrieval; one that does not is followed by the
//! explanation, which is read: a new exposure. A lucky guess is such an exposure, too. Meeting a
//! concept in code that an agent wrote teaches nothing by itself.

mod actr;
mod fsrs6;
mod power;

use super::Dice;

/// A law of forgetting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// FSRS-6 with parameters of the person and the concept.
    Fsrs6,
    /// ACT-R's base-level activation with decay that depends on activation.
    Actr,
    /// A power function with individual differences.
    Power,
}

impl Law {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fsrs6, Self::Actr, Self::Power];

    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fsrs6 => "FSRS-6",
            Self::Actr => "ACT-R",
            Self::Power => "power law",
        }
    }
}

/// How much better than the median this pair of person and concept is, in standard deviations.
#[derive(Clone, Copy, Debug)]
pub struct Talent {
    /// The person.
    pub person: f64,
    /// The concept: how easy it is.
    pub concept: f64,
    /// The two together.
    pub pair: f64,
}

/// One engineer's memory of one concept.
pub enum Mind {
    Fsrs6(fsrs6::Mind),
    Actr(actr::Mind),
    Power(power::Mind),
}

impl Mind {
    /// The mind of somebody who meets the concept on this day. Three or four in ten know it
    /// already, more of the gifted ones and of the easy concepts.
    pub fn meets(law: Law, talent: Talent, day: f64, dice: &mut Dice) -> Self {
        let lean = -0.6 + 0.5 * talent.person + 0.5 * talent.concept + 0.3 * talent.pair;
        let knows = dice.chance(1.0 / (1.0 + (-lean).exp()));
        match law {
            Law::Fsrs6 => Self::Fsrs6(fsrs6::Mind::new(talent, knows, day, dice)),
            Law::Actr => Self::Actr(actr::Mind::new(talent, knows, day, dice)),
            Law::Power => Self::Power(power::Mind::new(talent, knows, day, dice)),
        }
    }

    /// Chance, from 0.0 to 1.0, to know it on a day, not before the last check.
    pub fn chance(&self, day: f64) -> f64 {
        match self {
            Self::Fsrs6(mind) => mind.chance(day),
            Self::Actr(mind) => mind.chance(day),
            Self::Power(mind) => mind.chance(day),
        }
    }

    /// A check on this day, that found it known or not, and the explanation after it.
    pub fn checked(&mut self, day: f64, knew: bool) {
        match self {
            Self::Fsrs6(mind) => mind.checked(day, knew),
            Self::Actr(mind) => mind.checked(day),
            Self::Power(mind) => mind.checked(day, knew),
        }
    }
}
