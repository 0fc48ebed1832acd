//! ACT-R: base-level activation, with a decay of each trace that depends on the activation which
//! it is laid down at.
//!
//! m(t) = β + ln Σ b·t_k^(−d_k), d_k = c·e^(m(t_k)) + a, P = 1/(1 + e^((τ − m)/s)), t in seconds.
//! Source: Pavlik & Anderson 2005, "Practice and forgetting effects on vocabulary memory: an
//! activation-based model of the spacing effect", Cognitive Science 29(4): c = 0.217, a = 0.177,
//! τ = −0.704, s = 0.255, and time between sessions counts 0.025 of what it lasts. β is the sum of
//! the person's, the concept's and the pair's; the salience b of a trace as in Pavlik 2007.
//! Chosen: b = 3 for a check with its explanation, about a minute, against a trial of seconds
//! there; β by ±0.25 between people, ±0.25 between concepts, ±0.15 between pairs.

use super::{Dice, Talent};

const DECAY_SCALE: f64 = 0.217;
const DECAY: f64 = 0.177;
const THRESHOLD: f64 = -0.704;
const NOISE: f64 = 0.255;
/// Seconds that count, of a day between sessions.
const DAY: f64 = 86_400.0 * 0.025;
const SALIENCE: f64 = 3.0;

/// A memory by this law: its traces, each with day and decay.
pub struct Mind {
    strength: f64,
    traces: Vec<(f64, f64)>,
}

impl Mind {
    pub fn new(talent: Talent, knows: bool, day: f64, dice: &mut Dice) -> Self {
        let log = 0.25 * talent.person + 0.25 * talent.concept + 0.15 * talent.pair;
        let mut mind = Self {
            strength: SALIENCE * log.exp(),
            traces: Vec::new(),
        };
        if knows {
            // Learnt and used at some times of the last two years.
            let count = 3 + dice.below(6);
            let mut days: Vec<_> = (0..count).map(|_| day - 720.0 * dice.even()).collect();
            days.sort_by(f64::total_cmp);
            days.into_iter().for_each(|used| mind.checked(used));
        }
        mind
    }

    /// e^m: the activation before the logarithm.
    fn strength(&self, day: f64) -> f64 {
        let part = |(laid, decay): &(f64, f64)| ((day - laid) * DAY).max(1.0).powf(-decay);
        self.strength * self.traces.iter().map(part).sum::<f64>()
    }

    pub fn chance(&self, day: f64) -> f64 {
        let strength = self.strength(day);
        if strength > 0.0 {
            1.0 / (1.0 + ((THRESHOLD - strength.ln()) / NOISE).exp())
        } else {
            0.0
        }
    }

    pub fn checked(&mut self, day: f64) {
        let decay = DECAY_SCALE * self.strength(day) + DECAY;
        self.traces.push((day, decay));
    }
}
