//! Draws that stay the same for ever.
//!
//! The stream of ChaCha8 is specified; how a library turns it into a number
//! below `n` is not, and has changed between versions of `rand`. So the few
//! draws that items need are written out here.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

/// A stream of draws.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream of one catalogue version, concept and seed.
    pub fn new(version: u32, concept: &str, seed: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"aiworklab item 1\0");
        hash.update(version.to_be_bytes());
        hash.update(seed.to_be_bytes());
        hash.update(concept.as_bytes());
        Self(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// A number below `n`, each as likely; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        let Some(n) = u32::try_from(n).ok().filter(|n| *n > 0) else {
            return 0;
        };
        // Numbers from here on would favour the small remainders.
        let fair = u32::MAX - u32::MAX % n;
        loop {
            let x = self.0.next_u32();
            if x < fair {
                return (x % n) as usize;
            }
        }
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        if list.is_empty() {
            None
        } else {
            list.get(self.below(list.len()))
        }
    }

    /// A position, as likely as its weight says; `None` if all are 0.
    pub fn weighted(&mut self, weights: &[u32]) -> Option<usize> {
        let total: usize = weights.iter().map(|w| *w as usize).sum();
        if total == 0 {
            return None;
        }
        let mut left = self.below(total);
        weights.iter().position(|w| {
            let here = left < *w as usize;
            left = left.saturating_sub(*w as usize);
            here
        })
    }

    /// Puts them in a random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }

    /// `k` different positions below `n`, or all of them.
    pub fn sample(&mut self, n: usize, k: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..n).collect();
        self.shuffle(&mut all);
        all.truncate(k);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_draws_for_ever() {
        let mut draw = Draw::new(1, "git-rebase", 7);
        let drawn: Vec<usize> = (0..12).map(|_| draw.below(100)).collect();
        // Written down once; a change here changes every item that was made.
        assert_eq!(drawn, PINNED);
    }

    const PINNED: [usize; 12] = [37, 11, 88, 37, 48, 95, 73, 77, 3, 26, 40, 87];

    #[test]
    fn draws_are_even_and_weights_hold() {
        let mut draw = Draw::new(1, "a", 1);
        let mut seen = [0; 3];
        for _ in 0..3_000 {
            seen[draw.below(3)] += 1;
        }
        assert!(seen.iter().all(|n| (900..1_100).contains(n)), "{seen:?}");
        let mut seen = [0; 3];
        for _ in 0..4_000 {
            seen[draw.weighted(&[1, 0, 3]).expect("a weight")] += 1;
        }
        assert!(seen[1] == 0 && (900..1_100).contains(&seen[0]), "{seen:?}");
        assert_eq!(draw.weighted(&[0, 0]), None);
        assert_eq!(draw.pick::<u8>(&[]), None);
        let mut sample = draw.sample(5, 9);
        sample.sort_unstable();
        assert_eq!(sample, [0, 1, 2, 3, 4]);
    }
}
