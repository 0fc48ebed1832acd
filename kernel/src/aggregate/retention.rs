//! `retention_30d`: the chance that somebody who demonstrated a concept still knows it a month on.
//!
//! Observed (probes) and modelled (FSRS) meet on a grid: a Beta prior around the model's mean,
//! and the likelihood of each probe with guessing taken out. A plain pass rate would only show
//! the scheduler its own target. Source: `protocol.md`, "retention_30d".

use super::Basis;
use crate::delta::AnswerKind;

const GRID: usize = 1_001;
/// Weight of the model, in observations.
const PRIOR: f64 = 8.0;
const KINDS: [AnswerKind; 4] = [
    AnswerKind::Choice4,
    AnswerKind::Multi,
    AnswerKind::Order,
    AnswerKind::Typed,
];

/// Passed and failed probes by answer kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probes([(u32, u32); 4]);

impl Probes {
    /// Adds one.
    pub fn add(&mut self, kind: AnswerKind, passed: bool) {
        let at = KINDS.iter().position(|known| *known == kind).unwrap_or(0);
        let (passes, fails) = &mut self.0[at];
        if passed {
            *passes += 1;
        } else {
            *fails += 1;
        }
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.iter().map(|(passes, fails)| passes + fails).sum()
    }

    /// How many were passed.
    #[must_use]
    pub fn passed(&self) -> u32 {
        self.0.iter().map(|(passes, _)| passes).sum()
    }
}

/// A posterior: its mean and its 10 % and 90 % quantiles, each from 0.0 to 1.0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Mean.
    pub value: f64,
    /// 10 % quantile.
    pub lo: f64,
    /// 90 % quantile.
    pub hi: f64,
    /// What it rests on.
    pub basis: Basis,
}

/// The posterior given the model's mean chance (0.0 to 1.0) and the probes.
#[must_use]
pub fn estimate(modelled: f64, probes: &Probes) -> Estimate {
    let mean = modelled.clamp(0.02, 0.98);
    let (a, b) = (PRIOR * mean, PRIOR * (1.0 - mean));
    let mut log = [0.0; GRID];
    for (at, log) in log.iter_mut().enumerate() {
        // Open ends: a Beta with a or b below 1 has poles at 0 and 1.
        let r = chance(at).clamp(0.5 / 1_000.0, 1.0 - 0.5 / 1_000.0);
        *log = (a - 1.0) * r.ln() + (b - 1.0) * (1.0 - r).ln();
        for (kind, (passes, fails)) in KINDS.iter().zip(probes.0) {
            let guess = kind.guess();
            *log += f64::from(passes) * (guess + (1.0 - guess) * r).ln()
                + f64::from(fails) * ((1.0 - guess) * (1.0 - r)).ln();
        }
    }
    let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = log.map(|log| (log - top).exp());
    let total: f64 = weights.iter().sum();
    let value = weights
        .iter()
        .enumerate()
        .map(|(at, w)| chance(at) * w)
        .sum::<f64>()
        / total;
    let quantile = |share: f64| {
        let mut sum = 0.0;
        let found = weights.iter().position(|weight| {
            sum += weight / total;
            sum >= share
        });
        chance(found.unwrap_or(GRID - 1))
    };
    let basis = match probes.count() {
        0..=4 => Basis::Modelled,
        5..=19 => Basis::Blended,
        _ => Basis::Observed,
    };
    Estimate {
        value,
        lo: quantile(0.1),
        hi: quantile(0.9),
        basis,
    }
}

fn chance(at: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most 1,000")]
    let at = at as f64;
    at / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(passes: u32, fails: u32, kind: AnswerKind) -> Probes {
        let mut probes = Probes::default();
        (0..passes).for_each(|_| probes.add(kind, true));
        (0..fails).for_each(|_| probes.add(kind, false));
        probes
    }

    #[test]
    fn without_probes_it_is_the_model_and_says_so() {
        let estimate = estimate(0.8, &Probes::default());
        assert!((estimate.value - 0.8).abs() < 0.005, "{estimate:?}");
        assert_eq!(estimate.basis, Basis::Modelled);
        assert!(estimate.lo < 0.65 && estimate.hi > 0.92, "{estimate:?}");
    }

    #[test]
    fn guessing_is_taken_out() {
        // Half of 400 four-option probes passed: a third knew it, since a guess passes in a quarter.
        let estimate = estimate(0.5, &probes(200, 200, AnswerKind::Choice4));
        assert!((estimate.value - 1.0 / 3.0).abs() < 0.01, "{estimate:?}");
        assert_eq!(estimate.basis, Basis::Observed);
    }

    #[test]
    fn many_probes_outweigh_the_model_and_few_do_not() {
        let many = estimate(0.9, &probes(30, 70, AnswerKind::Typed));
        let few = estimate(0.9, &probes(2, 3, AnswerKind::Typed));
        assert!(many.value < 0.40, "{many:?}");
        assert!(few.value > 0.55 && few.basis == Basis::Blended, "{few:?}");
        assert!(few.lo <= few.value && few.value <= few.hi);
    }
}
