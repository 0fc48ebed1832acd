//! The best assignment of subjects to persons, and how much of it is right.

use super::guess::{Id, real};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Scores of each person with each subject.
pub struct Scores {
    /// A row for each person, a column for each subject.
    pub scores: Vec<Vec<f64>>,
    /// The rows' persons.
    pub persons: Vec<Id>,
    /// The columns' subjects.
    pub subjects: Vec<Id>,
}

/// How often each person was named rightly, from 0.0 to 1.0.
pub type Named = BTreeMap<Id, f64>;

impl Scores {
    /// Whom the best assignment names rightly. Among assignments that are equally good one is
    /// drawn, `draws` times.
    pub fn named(&self, truth: &BTreeMap<Id, Id>, draws: u32, dice: &mut ChaCha8Rng) -> Named {
        let size = self.persons.len().max(self.subjects.len());
        let mut named: Named = truth.keys().map(|person| (*person, 0.0)).collect();
        for _ in 0..draws {
            let mut costs = vec![vec![0.0; size]; size];
            for (row, scores) in costs.iter_mut().zip(&self.scores) {
                for (cost, score) in row.iter_mut().zip(scores) {
                    *cost = -score + dice.random_range(0.0..1e-6);
                }
            }
            for (person, subject) in assign(&costs).into_iter().enumerate() {
                let pair = (self.persons.get(person), self.subjects.get(subject));
                if let (Some(person), Some(subject)) = pair
                    && truth.get(person) == Some(subject)
                {
                    *named.entry(*person).or_default() += 1.0 / f64::from(draws);
                }
            }
        }
        named
    }
}

/// The share that is named rightly.
pub fn share(named: &Named) -> f64 {
    named.values().sum::<f64>() / real(named.len())
}

/// For each row its column, so that the costs add up to the least (the Hungarian method with
/// potentials, cubic in the size).
fn assign(costs: &[Vec<f64>]) -> Vec<usize> {
    let size = costs.len();
    let (mut rows, mut columns) = (vec![0.0; size + 1], vec![0.0; size + 1]);
    // Column → row, both counted from 1; 0 is none.
    let mut taken = vec![0; size + 1];
    for row in 1..=size {
        taken[0] = row;
        let mut at = 0;
        let mut least = vec![f64::INFINITY; size + 1];
        let mut used = vec![false; size + 1];
        let mut way = vec![0; size + 1];
        while taken[at] != 0 {
            used[at] = true;
            let (mut step, mut next) = (f64::INFINITY, 0);
            for column in (1..=size).filter(|column| !used[*column]) {
                let cost = costs[taken[at] - 1][column - 1] - rows[taken[at]] - columns[column];
                if cost < least[column] {
                    (least[column], way[column]) = (cost, at);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=size {
                if used[column] {
                    rows[taken[column]] += step;
                    columns[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            taken[at] = taken[way[at]];
            at = way[at];
        }
    }
    let mut assigned = vec![0; size];
    for column in 1..=size {
        assigned[taken[column] - 1] = column - 1;
    }
    assigned
}

#[test]
fn the_assignment_is_the_cheapest() {
    let costs = [
        [4.0, 1.0, 3.0, 9.0],
        [2.0, 0.0, 5.0, 8.0],
        [3.0, 2.0, 2.0, 7.0],
        [1.0, 9.0, 9.0, 3.0],
    ];
    let costs: Vec<Vec<f64>> = costs.iter().map(|row| row.to_vec()).collect();
    let sum = |columns: &[usize]| -> f64 {
        columns
            .iter()
            .enumerate()
            .map(|(row, column)| costs[row][*column])
            .sum()
    };
    let mut least = f64::INFINITY;
    for number in 0..256_usize {
        let columns: Vec<usize> = (0..4).map(|at| number / 4_usize.pow(at) % 4).collect();
        if columns
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            == 4
        {
            least = least.min(sum(&columns));
        }
    }
    assert!((sum(&assign(&costs)) - least).abs() < 1e-9);
}
