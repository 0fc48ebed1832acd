//! Answers of an aspect beside each other: nothing but knowledge may tell the
//! true one.

use super::text::{chars, odd_first_word, odd_negation};
use super::{Report, Rule};

/// Lengths: the true answer may be neither the longest nor the shortest of
/// what can be drawn with it.
pub(super) fn lengths(right: &[&str], wrong: &[&str], report: &mut Report<'_>) {
    let mut all: Vec<usize> = right.iter().chain(wrong).map(|t| chars(t)).collect();
    all.sort_unstable();
    let (Some(short), Some(long)) = (all.first(), all.last()) else {
        return;
    };
    if long * 10 > short * 17 && long - short > 16 {
        let text = format!("answer lengths {all:?} differ too much (1.7 times or 16 characters)");
        report.add(Rule::Length, text);
    }
    for key in right {
        let n = chars(key);
        let as_long = wrong.iter().filter(|w| chars(w) * 100 >= n * 94).count();
        let longest = wrong.iter().map(|w| chars(w)).max().unwrap_or(0);
        let shortest = wrong.iter().map(|w| chars(w)).min().unwrap_or(0);
        if as_long < 2 || longest < n {
            report.add(
                Rule::Length,
                format!("too few false answers are as long as {key:?}"),
            );
        }
        if shortest > n {
            report.add(
                Rule::Length,
                format!("no false answer is as short as {key:?}"),
            );
        }
    }
}

/// A trait of the wording that finds the key in most draws, whatever the
/// reader knows.
pub(super) fn giveaways(right: &[&str], wrong: &[&str], report: &mut Report<'_>) {
    type Odd = fn(&str, &[&str]) -> bool;
    let traits: [(Odd, &str); 2] = [
        (odd_negation, "a negation"),
        (odd_first_word, "the first word"),
    ];
    for (odd, name) in traits {
        let (mut found, mut draws) = (0, 0);
        for key in right {
            for a in 0..wrong.len() {
                for b in a + 1..wrong.len() {
                    for c in b + 1..wrong.len() {
                        draws += 1;
                        found += usize::from(odd(key, &[wrong[a], wrong[b], wrong[c]]));
                    }
                }
            }
        }
        if found * 2 > draws {
            let text = format!("{name} singles out the true answer in {found} of {draws} draws");
            report.add(Rule::Giveaway, text);
        }
    }
}
