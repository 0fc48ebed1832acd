//! How sure a mention is, and how that number comes about.
//!
//! It begins with what was measured: readers judged tags of the concept in
//! real commits, and `(right + 4) / (judged + 5)` is the mean of what their
//! verdicts leave open, begun at the level below which a concept is switched
//! off ([`FLOOR`], 4 of 5) and weighing as much as the fewest verdicts that
//! may switch it off ([`ENOUGH`]). A concept that nobody judged has 80 %.
//! Each doubt that the text itself gives then halves the odds:
//!
//! - the detector is weak: it counts only beside another mention;
//! - it goes by an import that may stand where the change does not show it;
//! - the syntax around it did not parse.
//!
//! Source of the mean: Beta–binomial, with the prior Beta(4, 1).

use super::Percent;
use crate::catalogue::Judged;
use crate::catalogue::precision::{ENOUGH, FLOOR};

fn mean(judged: Judged) -> f64 {
    let weight = f64::from(ENOUGH);
    let right = f64::from(judged.right.min(judged.judged));
    (right + FLOOR * weight) / (f64::from(judged.judged) + weight)
}

/// The confidence of a mention with this many doubts.
#[must_use]
pub fn confidence(judged: Judged, doubts: u32) -> Percent {
    let mean = mean(judged);
    let odds = mean / (1.0 - mean) * 0.5_f64.powi(i32::try_from(doubts).unwrap_or(i32::MAX));
    Percent::of(odds / (1.0 + odds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_judged_stands_at_the_floor_and_each_doubt_halves_its_odds() {
        let none = Judged::default();
        let at = |doubts| confidence(none, doubts).get();
        assert_eq!([at(0), at(1), at(2), at(3)], [80, 67, 50, 33]);
    }

    #[test]
    fn verdicts_move_it_and_few_bad_ones_do_not_switch_off() {
        let of = |right, judged| Judged { judged, right };
        assert_eq!(confidence(of(14, 14), 0).get(), 95);
        assert_eq!(confidence(of(10, 14), 0).get(), 74);
        assert!(of(10, 14).is_off());
        assert!(!of(8, 10).is_off());
        assert!(!of(0, 4).is_off());
        assert!(confidence(of(u32::MAX, u32::MAX), u32::MAX).get() <= 100);
    }
}
