//! FSRS-6 with parameters of its own for each person and concept.
//!
//! R(t) = (1 + f·t/S)^(−w20), f = 0.9^(−1/w20) − 1; S and D move by the equations of FSRS-6.
//! Source: the crate `fsrs` 6.6.2, whose default parameters are the median person's here. Spread
//! around them, chosen: initial stabilities by a factor of exp(±0.8) between people, exp(±0.6)
//! between concepts, exp(±0.4) between pairs; w8, the growth of stability, by ±0.2; w20, the
//! decay, by a factor of exp(±0.3), all as one standard deviation.

use super::{Dice, Talent};
use fsrs::{DEFAULT_PARAMETERS, FSRS, MemoryState, current_retrievability};

/// A memory by this law.
pub struct Mind {
    model: FSRS,
    decay: f32,
    state: Option<MemoryState>,
    last: f64,
}

impl Mind {
    pub fn new(talent: Talent, knows: bool, day: f64, dice: &mut Dice) -> Self {
        let mut parameters = DEFAULT_PARAMETERS;
        let log = 0.8 * talent.person + 0.6 * talent.concept + 0.4 * talent.pair;
        for stability in &mut parameters[..4] {
            *stability *= log.exp() as f32;
        }
        parameters[8] += 0.2 * talent.person as f32;
        parameters[20] *= (-0.3 * talent.person).exp() as f32;
        let model = FSRS::new(&parameters).expect("parameters of a plausible person");
        let known = |dice: &mut Dice| MemoryState {
            // Used at work for long, and last at some time of the last two months.
            stability: (60.0_f64.ln() + log * 0.5 + 0.5 * dice.normal()).exp() as f32,
            difficulty: 5.0,
        };
        let state = knows.then(|| known(dice));
        Self {
            model,
            // Kept within the crate's own bounds.
            decay: parameters[20].clamp(0.1, 0.8),
            state,
            last: day - 60.0 * dice.even(),
        }
    }

    pub fn chance(&self, day: f64) -> f64 {
        let days = (day - self.last).max(0.0) as f32;
        let known = |state| f64::from(current_retrievability(state, days, self.decay));
        self.state.map_or(0.0, known)
    }

    pub fn checked(&mut self, day: f64, knew: bool) {
        let days = (day - self.last).round().max(0.0) as u32;
        let next = self.model.next_states(self.state, 0.9, days);
        let next = next.expect("a state of this model");
        let next = if knew { next.good } else { next.again };
        (self.state, self.last) = (Some(next.memory), day);
    }
}
