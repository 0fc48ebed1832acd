//! Simulated engineers: who forgets by which law, what they meet, and what the product asks them.
//!
//! The product's own policy, fold, memory model and aggregates run here, over people whose minds
//! follow laws that the product does not know. A year is simulated day by day and engineer by
//! engineer; all randomness comes from seeds.
//!
//! Invariant: nothing in here is fitted to a result. The laws' numbers come from their papers, or
//! are said to be chosen, and each law's people differ by person, by concept and by both.

pub mod charts;
pub mod engineer;
pub mod laws;
pub mod organisation;
pub mod report;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seeded dice.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice of a seed and a stream: streams of one seed know nothing of each other.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        dice.set_stream(stream);
        Self(dice)
    }

    /// Even on 0.0 to 1.0.
    pub fn even(&mut self) -> f64 {
        self.0.random()
    }

    /// True with this chance.
    pub fn chance(&mut self, chance: f64) -> bool {
        self.even() < chance
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// One of so many, from 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.even()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.even()).cos()
    }
}
