//! Draws that stay the same for ever: the stream of ChaCha8 is specified, and what is made of it is
//! written out here.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// A stream of draws.
pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of this purpose and seed.
    pub fn new(purpose: &str, seed: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"aiworklab model 1\0");
        hash.update(seed.to_be_bytes());
        hash.update(purpose.as_bytes());
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// A number below 2^53, which every reader of JSON keeps.
    pub fn seed(&mut self) -> u64 {
        self.0.next_u64() >> 11
    }

    /// A number below `n`, each as likely; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        if n == 0 {
            return 0;
        }
        // Numbers from here on would favour the small remainders.
        let fair = u64::MAX - u64::MAX % n;
        loop {
            let x = self.0.next_u64();
            if x < fair {
                return (x % n) as usize;
            }
        }
    }

    /// A position, as likely as its weight says; `None` if all are 0.
    pub fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let total: u64 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        let mut left = self.below(usize::try_from(total).ok()?) as u64;
        weights.iter().position(|weight| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        })
    }

    /// The first `most` of a random order in which a greater weight comes earlier.
    pub fn sample<T>(&mut self, mut from: Vec<(u64, T)>, most: usize) -> Vec<T> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let weights: Vec<u64> = from.iter().map(|(weight, _)| *weight).collect();
            let Some(at) = self.weighted(&weights) else {
                break;
            };
            taken.push(from.remove(at).1);
        }
        taken
    }
}
