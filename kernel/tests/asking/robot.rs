//! Somebody at a desk for a year who knows a fixed share of the concepts and clicks at random on the
//! rest; a robot knows none.
//!
//! Decided by the product's own policy, on what the product's own function offers it. Nothing is
//! learnt and nothing forgotten here: whatever is shown beyond what is known is luck.

use super::world::{End, World};
use kernel::asking::{Candidate, Decision, Event, Reason, Settings};
use kernel::catalogue::Catalogue;
use kernel::delta::State;
use kernel::ids::{DAY, HOUR, Slug};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::BTreeSet;

use super::traces::START;
use super::world::Policy;

/// The product without the rule for doubtful records, to see what it does.
pub struct WithoutDoubt;
impl Policy for WithoutDoubt {
    fn weigh(&self, candidates: &mut Vec<Candidate>) {
        for candidate in candidates {
            candidate.standing.doubt = 0.0;
        }
    }
}

/// How often a check is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Twice a week.
    TwiceAWeek,
    /// Whatever is offered: two a day, eight a week.
    All,
}

/// A catalogue in which this many concepts are asked; 14 is the product's own.
pub fn catalogue_of(askable: usize) -> Catalogue {
    let text = |n: usize| {
        format!(
            "slug = \"made-{n:03}\"\ndepth = \"standard\"\ntitle = \"Made {n}\"\nsummary = \"One of many.\"\n\
             risk = {}\nrisk_reason = \"Drawn.\"\n",
            n % 3 + 1
        )
    };
    let files: Vec<(String, String)> = (0..askable)
        .map(|n| (format!("made-{n:03}.toml"), text(n)))
        .collect();
    let files = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    Catalogue::load(files).expect("made entries read")
}

/// What one year left.
#[derive(Clone, Copy, Debug, Default)]
pub struct Year {
    /// Concepts with a counted answer, and of these shown as demonstrated or retained.
    pub asked: u32,
    pub shown: u32,
    /// The same of those with three counted answers or more.
    pub asked_thrice: u32,
    pub shown_thrice: u32,
    /// Shown though not known.
    pub luck: u32,
    /// Checks, and of these because of a doubt.
    pub checks: u32,
    pub doubts: u32,
    /// Sums over the ends of all weeks of `asked` and `shown`.
    pub asked_weeks: u32,
    pub shown_weeks: u32,
}

/// Plays one year.
pub fn year(catalogue: &Catalogue, policy: &dyn Policy, pace: Pace, knows: f64, seed: u64) -> Year {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut unit = move || {
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        let bits = (rng.next_u64() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    };
    let mut concepts: Vec<Slug> = catalogue.askable().map(|c| c.slug.clone()).collect();
    for at in (1..concepts.len()).rev() {
        concepts.swap(at, pick(unit(), at + 1));
    }
    let known: BTreeSet<Slug> = concepts
        .iter()
        .filter(|_| unit() < knows)
        .cloned()
        .collect();
    // Met as words are used: the k-th most usual one k times less often than the first.
    let weights: Vec<f64> = (1..=concepts.len()).map(|k| 1.0 / k as f64).collect();
    let total: f64 = weights.iter().sum();
    let midnight = START.div_euclid(DAY) * DAY;
    let mut world = World::new(midnight, Settings::new(midnight));
    world.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut year = Year::default();
    for day in 0..365i64 {
        // 2025-06-18 is a Wednesday.
        let weekday = (day + 2) % 7;
        if weekday < 5 {
            let nine = midnight + day * DAY + 9 * HOUR;
            world.pass(nine - world.shown);
            for _ in 0..5 {
                let mut left = unit() * total;
                let met = weights.iter().position(|w| {
                    left -= w;
                    left <= 0.0
                });
                world.meet(&concepts[met.unwrap_or(0)].clone());
            }
            let moments: &[i64] = match pace {
                Pace::All => &[0, 3, 6],
                Pace::TwiceAWeek if matches!(weekday, 1 | 3) => &[0],
                Pace::TwiceAWeek => &[],
            };
            for hours in moments {
                world.pass(nine + HOUR + hours * HOUR - world.shown);
                world.tell(1, Event::Commit);
                if let Decision::Ask(choice) = world.decide(policy, catalogue) {
                    year.checks += 1;
                    year.doubts += u32::from(choice.reason == Reason::Doubt);
                    let right = known.contains(&choice.concept) || unit() < 0.25;
                    world.end(if right { End::Right } else { End::Wrong });
                }
            }
            // What lies further back than the policy looks.
            world.log.retain(|told| told.shown >= nine - 2 * DAY);
            world.met.retain(|(at, _)| *at >= nine - 2 * DAY);
        }
        if weekday == 6 {
            let (asked, shown) = count(&world, 1);
            year.asked_weeks += asked;
            year.shown_weeks += shown;
        }
    }
    (year.asked, year.shown) = count(&world, 1);
    (year.asked_thrice, year.shown_thrice) = count(&world, 3);
    let lucky = |(slug, pair): (&Slug, &kernel::evidence::Pair)| {
        is_shown(pair.state) && !known.contains(slug)
    };
    year.luck = u32::try_from(world.pairs.iter().filter(|p| lucky(*p)).count()).unwrap_or(0);
    year
}

fn pick(unit: f64, n: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a position in a short list"
    )]
    let at = (unit * n as f64) as usize;
    at.min(n - 1)
}

fn is_shown(state: State) -> bool {
    matches!(state, State::Demonstrated | State::Retained)
}

/// Concepts with at least so many counted answers, and how many of them are shown.
fn count(world: &World, least: usize) -> (u32, u32) {
    let asked = world
        .pairs
        .values()
        .filter(|pair| pair.answers.len() >= least);
    let mut counts = (0, 0);
    for pair in asked {
        counts.0 += 1;
        counts.1 += u32::from(is_shown(pair.state));
    }
    counts
}

/// A share over many years, with its standard error: each year is one cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    pub value: f64,
    pub error: f64,
}

/// The share of `part` in `whole`.
pub fn share(years: &[Year], part: fn(&Year) -> u32, whole: fn(&Year) -> u32) -> Share {
    let sum = |of: fn(&Year) -> u32| years.iter().map(|y| f64::from(of(y))).sum::<f64>();
    let of = sum(whole).max(1.0);
    let value = sum(part) / of;
    let residual = |y: &Year| (f64::from(part(y)) - value * f64::from(whole(y))).powi(2);
    let error = years.iter().map(residual).sum::<f64>().sqrt() / of;
    Share { value, error }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} % ± {:.2}", self.value * 100.0, self.error * 100.0)
    }
}
