//! The area under the curve within groups, controlled for length, and how sure it is.
//!
//! Pairs are compared within a group only (two answers of one question, two wordings of one question):
//! scores of different questions have no common scale. A pair counts as won if the positive one scored
//! higher, half if equal. Pairs in which the positive text is the longer one, and pairs in which it is the
//! shorter one, are counted apart, and the area is the mean of the two shares: whoever only knows the
//! length wins all of one kind and none of the other, and gets exactly 0.5.
//!
//! The interval comes from drawing whole groups anew (pairs of a group are not independent), 2,000 times.

use serde::{Deserialize, Serialize};

use crate::rank::Chance;

/// How often groups are drawn anew.
const RESAMPLES: usize = 2_000;

/// A text that was scored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored {
    /// It is of the kind that should score higher.
    pub positive: bool,
    /// Its length in characters.
    pub length: usize,
    /// Its score.
    pub score: f64,
}

/// Shares won in one group: of pairs whose positive text is the longer one, and of the others. Pairs of
/// equal length count half in each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    longer: (f64, f64),
    shorter: (f64, f64),
    pairs: usize,
}

impl Tally {
    /// Compares each positive with each negative.
    pub fn of(group: &[Scored]) -> Self {
        let mut tally = Self::default();
        for positive in group.iter().filter(|s| s.positive) {
            for negative in group.iter().filter(|s| !s.positive) {
                let won = match positive.score.total_cmp(&negative.score) {
                    _ if positive.score == negative.score => 0.5,
                    std::cmp::Ordering::Greater => 1.0,
                    _ => 0.0,
                };
                let longer = match positive.length.cmp(&negative.length) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
                tally.longer.0 += won * longer;
                tally.longer.1 += longer;
                tally.shorter.0 += won * (1.0 - longer);
                tally.shorter.1 += 1.0 - longer;
                tally.pairs += 1;
            }
        }
        tally
    }

    fn plus(&mut self, other: &Self) {
        self.longer.0 += other.longer.0;
        self.longer.1 += other.longer.1;
        self.shorter.0 += other.shorter.0;
        self.shorter.1 += other.shorter.1;
        self.pairs += other.pairs;
    }

    /// `None` where length cannot be controlled for: one kind of pair is missing.
    fn area(&self) -> Option<f64> {
        let share = |(won, of): (f64, f64)| (of > 0.0).then(|| won / of);
        Some(f64::midpoint(share(self.longer)?, share(self.shorter)?))
    }
}

/// An area and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Chance that a positive text scores higher than a negative one of its group; 0.5 is a random draw.
    pub auc: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Groups that had a pair.
    pub groups: usize,
    /// Pairs in them.
    pub pairs: usize,
}

impl Area {
    /// The area alone; 0.5 if there is nothing to compare.
    pub(crate) fn point(groups: &[Tally]) -> f64 {
        let mut sum = Tally::default();
        groups.iter().for_each(|t| sum.plus(t));
        sum.area().unwrap_or(0.5)
    }

    /// Of these groups. Nothing to compare is an area of 0.5 that is sure of nothing.
    pub(crate) fn of(groups: &[Tally], purpose: &str) -> Self {
        let groups: Vec<Tally> = groups.iter().filter(|t| t.pairs > 0).copied().collect();
        let mut sum = Tally::default();
        groups.iter().for_each(|t| sum.plus(t));
        let nothing = Self {
            auc: 0.5,
            low: 0.0,
            high: 1.0,
            groups: groups.len(),
            pairs: sum.pairs,
        };
        let Some(auc) = sum.area() else {
            return nothing;
        };
        let mut chance = Chance::new(purpose, 0);
        let mut areas: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| {
                let mut drawn = Tally::default();
                for _ in 0..groups.len() {
                    drawn.plus(&groups[chance.below(groups.len())]);
                }
                drawn.area()
            })
            .collect();
        areas.sort_by(f64::total_cmp);
        if areas.len() < RESAMPLES / 2 {
            return nothing;
        }
        let quantile = |share: f64| {
            let at = (share * (areas.len() - 1) as f64).round() as usize;
            areas[at]
        };
        Self {
            auc,
            // A model that wins each pair leaves the draws nothing to differ in.
            low: quantile(0.025).min(auc),
            high: quantile(0.975).max(auc),
            ..nothing
        }
    }
}

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.3} (95 %: {:.3} to {:.3}; {} pairs in {} groups)",
            self.auc, self.low, self.high, self.pairs, self.groups
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(positive: bool, length: usize, score: f64) -> Scored {
        Scored {
            positive,
            length,
            score,
        }
    }

    #[test]
    fn areas_known_from_counting_by_hand_come_out() {
        // Positives 0.8 and 0.4 against negatives 0.6 and 0.2: three of four pairs are won.
        let group = [
            scored(true, 5, 0.8),
            scored(true, 5, 0.4),
            scored(false, 5, 0.6),
            scored(false, 5, 0.2),
        ];
        let area = Area::of(&[Tally::of(&group)], "test");
        assert_eq!((area.auc, area.pairs, area.groups), (0.75, 4, 1));
        // A tie counts half; a group with one kind alone has no pair.
        let tie = [scored(true, 5, 1.0), scored(false, 5, 1.0)];
        let alone = [scored(true, 5, 1.0), scored(true, 5, 2.0)];
        let area = Area::of(&[Tally::of(&tie), Tally::of(&alone)], "test");
        assert_eq!((area.auc, area.pairs, area.groups), (0.5, 1, 1));
        // Scores of different groups are never compared.
        let low = [scored(true, 5, -9.0), scored(false, 5, -10.0)];
        let high = [scored(true, 5, 2.0), scored(false, 5, 1.0)];
        let area = Area::of(&[Tally::of(&low), Tally::of(&high)], "test");
        assert_eq!(area.auc, 1.0);
    }

    #[test]
    fn whoever_knows_the_length_alone_gets_a_half() {
        // Three positives are longer, one is shorter; the score is the length, or its opposite.
        for sign in [1.0, -1.0] {
            let groups: Vec<Tally> = [(9, 5), (8, 5), (7, 5), (3, 5)]
                .into_iter()
                .map(|(positive, negative)| {
                    Tally::of(&[
                        scored(true, positive, sign * positive as f64),
                        scored(false, negative, sign * negative as f64),
                    ])
                })
                .collect();
            assert_eq!(Area::of(&groups, "test").auc, 0.5);
        }
    }

    #[test]
    fn where_length_cannot_be_told_apart_nothing_is_known() {
        let group = [scored(true, 9, 1.0), scored(false, 5, 0.0)];
        let area = Area::of(&[Tally::of(&group); 30], "test");
        assert_eq!((area.auc, area.low, area.high), (0.5, 0.0, 1.0));
        let area = Area::of(&[], "test");
        assert_eq!((area.auc, area.pairs), (0.5, 0));
    }

    #[test]
    fn the_interval_narrows_with_more_groups_and_holds_the_area() {
        let groups = |n: usize| -> Vec<Tally> {
            let won = |at: usize| {
                let score = if at % 10 < 7 { 1.0 } else { -1.0 };
                Tally::of(&[scored(true, 5, score), scored(false, 5, 0.0)])
            };
            (0..n).map(won).collect()
        };
        let (few, many) = (
            Area::of(&groups(30), "test"),
            Area::of(&groups(300), "test"),
        );
        assert!((few.auc - 0.7).abs() < 1e-9 && (many.auc - 0.7).abs() < 1e-9);
        // The standard deviation of a share of 0.7 is 0.084 of 30 and 0.026 of 300.
        let half = |area: &Area| (area.high - area.low) / 2.0;
        assert!((half(&few) - 1.96 * 0.0837).abs() < 0.03, "{few}");
        assert!((half(&many) - 1.96 * 0.0265).abs() < 0.01, "{many}");
        assert!(few.low < few.auc && few.auc < few.high);
    }
}
