//! Which item of a concept comes next, given what was seen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::build::{Maker, askable};
use super::draw::Draw;
use super::{Error, Item, ItemAddress};
use crate::catalogue::{Aspect, Catalogue};
use crate::ids::{DAY, Slug};

/// Days within which neither an item nor an aspect comes again.
pub const REPEAT_DAYS: i64 = 60;

/// Days within which an aspect is not asked whose true answer was shown as a
/// claim.
pub const CLAIM_DAYS: i64 = 7;

/// How an earlier item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeenOutcome {
    /// Answered right.
    Right,
    /// Answered wrong.
    Wrong,
    /// “Not sure”.
    Unsure,
    /// Put off or dismissed: seen, but no answer.
    Skipped,
}

/// An item that was shown before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Which.
    pub address: ItemAddress,
    /// When, in seconds since 1970 UTC.
    pub at: i64,
    /// How it ended.
    pub outcome: SeenOutcome,
}

/// Makes the next item of a concept.
///
/// An aspect does not come twice within [`REPEAT_DAYS`] unless its last answer
/// was wrong or unsure; an item never does. Items that have the engineer
/// predict or debug come first. The same catalogue version, concept, seen
/// items, time and seed give the same item.
///
/// # Errors
/// [`Error::Exhausted`] if nothing may be asked at `now`; [`Error::Unknown`]
/// and [`Error::NotAskable`].
pub fn next_item(
    catalogue: &Catalogue,
    concept: &Slug,
    seen: &[Seen],
    now: i64,
    seed: u64,
) -> Result<Item, Error> {
    let entry = askable(catalogue, concept)?;
    let seen: Vec<&Seen> = seen
        .iter()
        .filter(|s| s.address.concept() == concept)
        .collect();
    let open = |aspect: &str| free_at(aspect, &seen) <= now;
    let maker = Maker::new(catalogue, entry, seed, open);
    let recent = seen.iter().filter(|s| s.at + REPEAT_DAYS * DAY > now);
    let used: BTreeSet<&ItemAddress> = recent.map(|s| &s.address).collect();
    let mut draw = Draw::new(catalogue.version(), concept.as_str(), seed);
    let made = if maker.is_empty() {
        None
    } else {
        maker
            .first_choice(&mut draw, &used)
            .or_else(|| maker.any(&mut draw, &used))
    };
    made.ok_or_else(|| {
        let asked = entry.aspects.iter().filter(|a| !a.retired);
        let free_at = asked
            .map(|a| free_at(&a.id, &seen))
            .min()
            .filter(|at| *at > now);
        Error::Exhausted {
            concept: concept.clone(),
            free_at,
        }
    })
}

/// From when on an aspect may be tested.
fn free_at(aspect: &str, seen: &[&Seen]) -> i64 {
    let answered = |s: &&&Seen| s.address.aspect() == aspect && s.outcome != SeenOutcome::Skipped;
    let last = seen.iter().filter(answered).max_by_key(|s| s.at);
    let tested = match last {
        Some(s) if s.outcome == SeenOutcome::Right => s.at + REPEAT_DAYS * DAY,
        _ => i64::MIN,
    };
    let claimed = seen.iter().filter(|s| s.address.claims().contains(&aspect));
    claimed
        .map(|s| s.at + CLAIM_DAYS * DAY)
        .fold(tested, i64::max)
}

/// How much there is to ask about a concept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Aspects: questions that differ in what they test.
    pub aspects: usize,
    /// Curated items.
    pub curated: usize,
    /// Cases of templates.
    pub cases: usize,
    /// Combinations of scenes and answers in the assembled forms.
    pub combinations: u64,
}

/// Counts what can be asked about a concept; all zero for one that is not
/// asked.
pub fn pool(catalogue: &Catalogue, concept: &Slug) -> Pool {
    let Ok(entry) = askable(catalogue, concept) else {
        return Pool::default();
    };
    let aspects: Vec<&Aspect> = entry.aspects.iter().filter(|a| !a.retired).collect();
    let led = aspects.iter().filter(|a| a.lead.is_some()).count() as u64;
    let count =
        |list: &[crate::catalogue::Answer]| list.iter().filter(|a| !a.retired).count() as u64;
    let combinations = aspects.iter().map(|a| {
        let (right, wrong) = (count(&a.right), count(&a.wrong));
        let plain = right * choose(wrong, 3);
        let ask = a.scenes.len() as u64 * plain;
        if a.lead.is_none() {
            return ask;
        }
        let reply = plain + wrong * right * choose(wrong.saturating_sub(1), 2);
        let spot = wrong * choose(led.saturating_sub(1), 3);
        ask + plain + reply + spot
    });
    Pool {
        aspects: aspects.len(),
        curated: entry.items.iter().filter(|i| !i.retired).count(),
        cases: entry
            .templates
            .iter()
            .filter(|t| !t.retired)
            .map(|t| t.cases.len())
            .sum(),
        combinations: combinations.sum(),
    }
}

fn choose(n: u64, k: u64) -> u64 {
    if n < k {
        0
    } else {
        (0..k).fold(1, |acc, i| acc * (n - i) / (i + 1))
    }
}
