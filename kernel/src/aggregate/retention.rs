//! `retention_30d`: the chance that somebody who demonstrated a concept still knows it a month on.
//!
//! The model's chances are off by an amount that only probes tell: it takes lucky guesses for
//! knowledge, and people are no flash cards. So a concept's figure is the model's chances of those
//! who demonstrated it, recalibrated: in logits, an offset of the concept's own, and a slope that
//! is much the same for all concepts, since a model that is too sure of itself is so everywhere. What is thought
//! of a concept's offset comes from its own probes and, since concepts of one organisation are off
//! alike, from the probes of the others ([`Calibration`]): a hierarchical model, summed up on
//! grids, with no sampling, so that equal counts give equal figures.
//!
//! Each probe is compared with what the model said of *that* pair on *that* day. Comparing the
//! plain pass rate would mix up two crowds: a probe follows any pass, early ones too, and who
//! fails it has not demonstrated the concept any more.
//!
//! Units: chances from 0.0 to 1.0, offsets in logits. Sources: `protocol.md`, "`retention_30d`";
//! recalibration by intercept and slope, Cox 1958, "Two further applications of a model for binary
//! regression", Biometrika 45; partial pooling, Gelman et al., *Bayesian Data Analysis*, 3rd ed.,
//! chapter 5.

use super::Basis;
use crate::delta::AnswerKind;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Offsets on the grid: from −5 to 5 logits.
const GRID: usize = 201;
const REACH: f64 = 5.0;
/// Means of the organisation's offsets that are weighed: −3 to 3 logits.
const MEANS: usize = 31;
const MEANS_REACH: f64 = 3.0;
/// Steps of the grid from one mean to the next.
const STRIDE: usize = 4;
/// Standard deviations of its concepts' offsets around the mean that are weighed, in logits.
const SPREADS: [f64; 7] = [0.1, 0.2, 0.35, 0.5, 0.7, 0.95, 1.25];
/// Slopes that are weighed. 1: what the model tells apart is so far apart; 0: it tells nothing.
const SLOPES: [f64; 7] = [0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3];
/// Chance that a concept's own slope is the next lower one, and as much for the next higher one:
/// slopes differ between concepts, by 0.11 as one standard deviation.
const NEIGHBOUR: f64 = 0.15;
/// Before any probe: the mean is 0 give or take this, in logits.
const MEAN_SD: f64 = 0.8;
/// Before any probe: a spread's weight falls to 0.6 at this many logits.
const SPREAD_SCALE: f64 = 0.5;
/// Before any probe: the slope is 1 give or take this.
const SLOPE_SD: f64 = 0.4;
/// Chances above this, in per cent, are not told apart. What is so behind the model's 96 and its 99
/// hardly differs, by any law of forgetting that was tried, while a straight line in logits would
/// go on rising steeply.
const SUREST: u8 = 95;
/// Odds of four to one, in logits: a slope turns around this chance of 0.8.
const PIVOT: f64 = 1.386_294_361_119_890_6;

/// A chance of the model, in whole per cent, 1 to [`SUREST`]: fine enough, and countable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Percent(u8);

impl Percent {
    fn of(chance: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to 95; what is no number becomes 0 and then 1"
        )]
        let percent = (chance * 100.0).round() as u8;
        Self(percent.clamp(1, SUREST))
    }

    /// The odds, recalibrated by a slope.
    fn odds(self, slope: f64) -> f64 {
        let logit = (f64::from(self.0) / f64::from(100 - self.0)).ln();
        (PIVOT + slope * (logit - PIVOT)).exp()
    }
}

/// How many people have which modelled chance. Adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chances(BTreeMap<Percent, u32>);

impl Chances {
    /// Adds one person's chance, 0.0 to 1.0; it is kept in 0.01 to 0.95.
    pub fn add(&mut self, chance: f64) {
        *self.0.entry(Percent::of(chance)).or_default() += 1;
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: &Self) {
        for (percent, count) in &other.0 {
            *self.0.entry(*percent).or_default() += count;
        }
    }

    /// The mean chance at each offset of the grid; 0.5 of nobody.
    fn means(&self, slope: f64) -> Vec<f64> {
        let all: Vec<_> = self
            .0
            .iter()
            .map(|(percent, count)| (percent.odds(slope), f64::from(*count)))
            .collect();
        let count: f64 = all.iter().map(|(_, count)| count).sum();
        let mean = |factor: f64| match all.is_empty() {
            true => 0.5,
            false => {
                all.iter()
                    .map(|(odds, n)| moved(*odds, factor) * n)
                    .sum::<f64>()
                    / count
            }
        };
        factors().map(mean).collect()
    }
}

/// Passed and failed probes, by answer kind and by what the model said before. Adds up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes(BTreeMap<(AnswerKind, Percent), (u32, u32)>);

impl Probes {
    /// Adds one. `modelled` is the model's chance, 0.0 to 1.0, to know it at the probe, from the
    /// answers before.
    pub fn add(&mut self, kind: AnswerKind, modelled: f64, passed: bool) {
        let (passes, fails) = self.0.entry((kind, Percent::of(modelled))).or_default();
        if passed {
            *passes += 1;
        } else {
            *fails += 1;
        }
    }

    /// Adds another part's.
    pub fn merge(&mut self, other: &Self) {
        for (key, (passes, fails)) in &other.0 {
            let mine = self.0.entry(*key).or_default();
            mine.0 += passes;
            mine.1 += fails;
        }
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.values().map(|(passes, fails)| passes + fails).sum()
    }

    /// How many were passed.
    #[must_use]
    pub fn passed(&self) -> u32 {
        self.0.values().map(|(passes, _)| passes).sum()
    }

    /// Logarithm of the likelihood of each offset of the grid, up to a constant that is the same
    /// for every slope: a probe passes with chance g + (1 − g)·R, and fails with (1 − g)·(1 − R).
    fn log_likelihood(&self, slope: f64) -> Vec<f64> {
        let all: Vec<_> = self
            .0
            .iter()
            .map(|((kind, percent), (passes, fails))| {
                let counts = (f64::from(*passes), f64::from(*fails));
                (kind.guess(), percent.odds(slope), counts)
            })
            .collect();
        let of = |factor: f64| {
            let term = |(guess, odds, (passes, fails)): &(f64, f64, (f64, f64))| {
                let known = moved(*odds, factor);
                passes * (guess + (1.0 - guess) * known).ln() + fails * (1.0 - known).ln()
            };
            all.iter().map(term).sum()
        };
        factors().map(of).collect()
    }
}

/// What an organisation's probes say about how far the model is off.
///
/// A weight for each slope, spread of the concepts' own offsets and mean of these. Without probes
/// it is what is thought of any organisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// By slope, then by spread, then by mean.
    log_weights: Vec<f64>,
}

impl Calibration {
    /// Weighs the probes of an organisation's concepts, one item a concept.
    #[must_use]
    pub fn fit<'a>(concepts: impl IntoIterator<Item = &'a Probes>) -> Self {
        let mut log_weights = before_any_probe();
        for probes in concepts {
            for (weight, one) in log_weights.iter_mut().zip(marginal(probes)) {
                *weight += one;
            }
        }
        Self { log_weights }
    }

    /// The mean offset, in logits: below 0 if the model thinks too much of memories.
    #[must_use]
    pub fn offset(&self) -> f64 {
        self.average(|(_, _, mean)| mean)
    }

    /// The spread of the concepts' own offsets around the mean, in logits.
    #[must_use]
    pub fn spread(&self) -> f64 {
        self.average(|(_, spread, _)| spread)
    }

    /// The slope: below 1 if the model is too sure of itself.
    #[must_use]
    pub fn slope(&self) -> f64 {
        self.average(|(slope, _, _)| slope)
    }

    fn average(&self, of: impl Fn((f64, f64, f64)) -> f64) -> f64 {
        let weights = normalised(&self.log_weights);
        let each = lattice().zip(weights);
        each.map(|(place, weight)| of(place) * weight).sum()
    }

    /// `retention_30d` of one of the concepts that this was fitted to.
    ///
    /// `known` are the modelled chances, of those who demonstrated it, to know it 30 days after
    /// their last counted pass. Its own probes are taken out of what the others say, so that they
    /// count once.
    #[must_use]
    pub fn estimate(&self, known: &Chances, probes: &Probes) -> Estimate {
        let others: Vec<_> = self
            .log_weights
            .iter()
            .zip(marginal(probes))
            .map(|(weight, own)| weight - own)
            .collect();
        let weights = around(&normalised(&others));
        let (mut chances, mut log) = (Vec::new(), Vec::new());
        for (slope, weights) in SLOPES
            .into_iter()
            .zip(weights.chunks(SPREADS.len() * MEANS))
        {
            let likelihood = probes.log_likelihood(slope);
            for (prior, likelihood) in mixture(weights).into_iter().zip(likelihood) {
                log.push(prior.max(f64::MIN_POSITIVE).ln() + likelihood);
            }
            chances.extend(known.means(slope));
        }
        let mut found: Vec<_> = chances.into_iter().zip(normalised(&log)).collect();
        found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        Estimate {
            value: found.iter().map(|(chance, weight)| chance * weight).sum(),
            lo: quantile(&found, 0.1),
            hi: quantile(&found, 0.9),
            basis: Basis::of(probes.count()),
        }
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self::fit([])
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

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn step(at: usize, count: usize, reach: f64) -> f64 {
    reach * (2.0 * at as f64 / (count - 1) as f64 - 1.0)
}

fn offset(at: usize) -> f64 {
    step(at, GRID, REACH)
}

fn mean(at: usize) -> f64 {
    step(at, MEANS, MEANS_REACH)
}

/// The exponentials of the grid's offsets.
fn factors() -> impl Iterator<Item = f64> {
    (0..GRID).map(|at| offset(at).exp())
}

/// The chance of odds that are moved by an offset's exponential.
fn moved(odds: f64, factor: f64) -> f64 {
    let odds = odds * factor;
    odds / (1.0 + odds)
}

/// Slopes, spreads and means, in the order of [`Calibration::log_weights`].
fn lattice() -> impl Iterator<Item = (f64, f64, f64)> {
    SLOPES.into_iter().flat_map(|slope| {
        let of = move |spread| (0..MEANS).map(move |at| (slope, spread, mean(at)));
        SPREADS.into_iter().flat_map(of)
    })
}

/// For each spread, the density of the normal distribution without its constant factor, at the
/// grid's distances between an offset and a mean; a window of it belongs to each mean.
static DENSITIES: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let reach = REACH + MEANS_REACH;
    let distances = GRID + (MEANS - 1) * STRIDE;
    let density = |sd: f64| {
        let at = move |at| (-0.5 * (step(at, distances, reach) / sd).powi(2)).exp() / sd;
        (0..distances).map(at).collect()
    };
    SPREADS.into_iter().map(density).collect()
});

/// The density around each spread's and mean's place, over the grid, in the lattice's order.
fn densities() -> impl Iterator<Item = &'static [f64]> {
    let of = |table: &'static Vec<f64>| {
        (0..MEANS).map(move |mean| &table[(MEANS - 1 - mean) * STRIDE..][..GRID])
    };
    DENSITIES.iter().flat_map(of)
}

fn before_any_probe() -> Vec<f64> {
    let of = |(slope, spread, mean): (f64, f64, f64)| {
        let parts = [
            (slope - 1.0) / SLOPE_SD,
            spread / SPREAD_SCALE,
            mean / MEAN_SD,
        ];
        -0.5 * parts.into_iter().map(|part| part * part).sum::<f64>()
    };
    lattice().map(of).collect()
}

/// Logarithm of how likely a concept's probes are, over the lattice; its own offset and slope are
/// summed over.
fn marginal(probes: &Probes) -> Vec<f64> {
    if probes.count() == 0 {
        return vec![0.0; SLOPES.len() * SPREADS.len() * MEANS];
    }
    let logs = SLOPES.map(|slope| probes.log_likelihood(slope));
    let all = logs.iter().flatten().copied();
    let top = all.fold(f64::NEG_INFINITY, f64::max);
    let mut own = Vec::new();
    for log in &logs {
        let likelihood: Vec<_> = log.iter().map(|log| (log - top).exp()).collect();
        let of = |density: &[f64]| {
            likelihood
                .iter()
                .zip(density)
                .map(|(l, d)| l * d)
                .sum::<f64>()
        };
        own.extend(densities().map(of));
    }
    let of_all = around(&own).into_iter();
    of_all.map(|sum| sum.max(f64::MIN_POSITIVE).ln()).collect()
}

/// Sums over a concept's own slope, which is the shared one or one of its neighbours.
fn around(by_slope: &[f64]) -> Vec<f64> {
    let part = SPREADS.len() * MEANS;
    let last = SLOPES.len() - 1;
    let sum = |at: usize| {
        let slope = at / part;
        let beside = |slope: usize| by_slope[slope * part + at % part];
        let (below, above) = (slope.saturating_sub(1), (slope + 1).min(last));
        (1.0 - 2.0 * NEIGHBOUR) * by_slope[at] + NEIGHBOUR * (beside(below) + beside(above))
    };
    (0..by_slope.len()).map(sum).collect()
}

/// How likely each offset of the grid is for a concept without probes, by the weights of spreads
/// and means.
fn mixture(weights: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; GRID];
    for (density, weight) in densities().zip(weights) {
        for (sum, density) in sum.iter_mut().zip(density) {
            *sum += weight * density;
        }
    }
    sum
}

fn normalised(log: &[f64]) -> Vec<f64> {
    let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<_> = log.iter().map(|log| (log - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// Where the summed weight of rising values reaches a share; straight between the values.
fn quantile(rising: &[(f64, f64)], share: f64) -> f64 {
    let (mut sum, mut before) = (0.0, rising.first().map_or(0.5, |(value, _)| *value));
    for (value, weight) in rising {
        if sum + weight >= share {
            let part = if *weight > 0.0 {
                (share - sum) / weight
            } else {
                1.0
            };
            return before + (value - before) * part;
        }
        sum += weight;
        before = *value;
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes(passes: u32, fails: u32, kind: AnswerKind, modelled: f64) -> Probes {
        let mut probes = Probes::default();
        (0..passes).for_each(|_| probes.add(kind, modelled, true));
        (0..fails).for_each(|_| probes.add(kind, modelled, false));
        probes
    }

    /// Twenty people of whom the model thinks this much.
    fn people(chance: f64) -> Chances {
        let mut people = Chances::default();
        (0..20).for_each(|_| people.add(chance));
        people
    }

    fn alone(modelled: f64, probes: &Probes) -> Estimate {
        Calibration::fit([probes]).estimate(&people(modelled), probes)
    }

    #[test]
    fn without_probes_it_is_the_model_and_says_how_little_that_is() {
        let estimate = alone(0.8, &Probes::default());
        assert!((estimate.value - 0.78).abs() < 0.03, "{estimate:?}");
        assert_eq!(estimate.basis, Basis::Modelled);
        assert!(estimate.lo < 0.65 && estimate.hi > 0.9, "{estimate:?}");
    }

    #[test]
    fn guessing_is_taken_out() {
        // Half of 400 four-option probes passed: a third knew it, since a guess passes in a quarter.
        let estimate = alone(0.5, &probes(200, 200, AnswerKind::Choice4, 0.5));
        assert!((estimate.value - 1.0 / 3.0).abs() < 0.01, "{estimate:?}");
        assert_eq!(estimate.basis, Basis::Observed);
    }

    #[test]
    fn many_probes_outweigh_the_model_and_few_do_not() {
        let many = alone(0.9, &probes(30, 70, AnswerKind::Typed, 0.9));
        let few = alone(0.9, &probes(2, 3, AnswerKind::Typed, 0.9));
        assert!(many.value < 0.40, "{many:?}");
        assert!(few.value > 0.5 && few.basis == Basis::Blended, "{few:?}");
        assert!(few.lo <= few.value && few.value <= few.hi);
    }

    #[test]
    fn a_probe_speaks_of_the_pair_it_was_made_on() {
        // Those probed were weak in the model's eyes and did just as it said; who stands in the
        // cell now is stronger, and is believed to be.
        let probes = probes(50, 50, AnswerKind::Typed, 0.5);
        let estimate = alone(0.9, &probes);
        assert!(estimate.value > 0.85, "{estimate:?}");
    }

    #[test]
    fn a_concept_without_probes_learns_from_the_others() {
        let others: Vec<_> = (0..20)
            .map(|_| probes(12, 8, AnswerKind::Typed, 0.8))
            .collect();
        let none = Probes::default();
        let calibration = Calibration::fit(others.iter().chain([&none]));
        let estimate = calibration.estimate(&people(0.8), &none);
        assert!((estimate.value - 0.6).abs() < 0.03, "{estimate:?}");
        assert!(estimate.lo > 0.45, "narrower than without others");
        assert_eq!(estimate.basis, Basis::Modelled, "its own probes are none");
        assert!(calibration.offset() < -0.8 && calibration.spread() < 0.3);
    }

    #[test]
    fn concepts_that_differ_learn_less_from_each_other() {
        let concept = |good: bool| {
            let (passes, fails) = if good { (38, 2) } else { (12, 28) };
            probes(passes, fails, AnswerKind::Typed, 0.7)
        };
        let mixed: Vec<_> = (0..10).map(|at| concept(at % 2 == 0)).collect();
        let alike: Vec<_> = (0..10)
            .map(|_| probes(28, 12, AnswerKind::Typed, 0.7))
            .collect();
        let width = |concepts: &[Probes]| {
            let none = Probes::default();
            let fitted = Calibration::fit(concepts);
            let estimate = fitted.estimate(&people(0.7), &none);
            estimate.hi - estimate.lo
        };
        assert!(width(&mixed) > 2.0 * width(&alike));
    }

    #[test]
    fn parts_of_probes_and_chances_add_up() {
        let (mut sum, mut all) = (Probes::default(), people(0.3));
        sum.merge(&probes(3, 1, AnswerKind::Choice4, 0.8));
        sum.merge(&probes(1, 2, AnswerKind::Choice4, 0.8));
        assert_eq!(sum, probes(4, 3, AnswerKind::Choice4, 0.8));
        assert_eq!((sum.count(), sum.passed()), (7, 4));
        all.merge(&people(0.5));
        assert!((all.means(1.0)[GRID / 2] - 0.4).abs() < 1e-9);
    }

    #[test]
    fn nothing_that_a_model_says_breaks_the_figures() {
        for chance in [0.0, 1.0, f64::NAN, -3.0, 7.0] {
            let estimate = alone(chance, &probes(300, 0, AnswerKind::Choice4, chance));
            for figure in [estimate.value, estimate.lo, estimate.hi] {
                assert!((0.0..=1.0).contains(&figure), "{chance}: {estimate:?}");
            }
        }
    }
}
