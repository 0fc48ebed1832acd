//! Which tags a reader judges: by lot among all, which says how often a tag is right; and some of
//! every concept, spread over packages, which says it of each concept.
//!
//! A tag's lot is a digest of what it is and of the seed, so a draw of tomorrow's tags keeps most of
//! today's, and the judgements with them.

use std::collections::{BTreeMap, BTreeSet};

use kernel::ids::Slug;
use serde::{Deserialize, Serialize};

use crate::judged::Key;
use crate::releases::Tag;

/// Drawn of every concept that has so many.
pub const OF_EACH: usize = 5;
/// Drawn of a concept at most.
pub const OF_ONE: usize = 20;

/// A tag that was drawn, without its detector.
#[derive(Serialize, Deserialize)]
pub struct Drawn {
    /// Its short name.
    pub id: String,
    /// The tag.
    #[serde(flatten)]
    pub key: Key,
    /// Where the line stands in the file after the change, from 1.
    pub row: u32,
}

impl Drawn {
    /// What a reader's verdict is joined to.
    pub fn of(tag: &Tag) -> Self {
        Self {
            id: tag.id(),
            key: tag.key.clone(),
            row: tag.row,
        }
    }
}

/// Draws `number` tags: [`OF_EACH`] of every concept, then one more of each in turn up to [`OF_ONE`].
pub fn draw<'a>(tags: &'a [Tag], number: usize, seed: &str) -> Vec<&'a Tag> {
    let mut by_concept: BTreeMap<&Slug, Vec<&Tag>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for tag in tags.iter().filter(|tag| seen.insert(&tag.key)) {
        by_concept.entry(&tag.key.concept).or_default().push(tag);
    }
    let queues: Vec<Vec<&Tag>> = by_concept
        .into_values()
        .map(|tags| spread(tags, seed))
        .collect();
    let mut drawn = Vec::new();
    for round in 0..OF_ONE {
        let mut of_round: Vec<&Tag> = queues
            .iter()
            .filter_map(|q| q.get(round).copied())
            .collect();
        if round >= OF_EACH {
            of_round.sort_by_cached_key(|tag| tag.lot(seed));
            of_round.truncate(number.saturating_sub(drawn.len()));
        }
        drawn.extend(of_round);
    }
    drawn
}

/// Draws `number` tags by lot, each with the same chance.
pub fn plain<'a>(tags: &'a [Tag], number: usize, seed: &str) -> Vec<&'a Tag> {
    let mut seen = BTreeSet::new();
    let mut drawn: Vec<&Tag> = tags.iter().filter(|tag| seen.insert(&tag.key)).collect();
    drawn.sort_by_cached_key(|tag| tag.lot(seed));
    drawn.truncate(number);
    drawn
}

/// By lot, but the first tag of every package comes before the second of any.
fn spread<'a>(mut tags: Vec<&'a Tag>, seed: &str) -> Vec<&'a Tag> {
    tags.sort_by_cached_key(|tag| tag.lot(seed));
    let mut of_package: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, &Tag)> = tags
        .into_iter()
        .map(|tag| {
            let nth = of_package.entry(&tag.key.package).or_default();
            *nth += 1;
            (*nth, tag)
        })
        .collect();
    ranked.sort_by_key(|(nth, _)| *nth);
    ranked.into_iter().map(|(_, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(concept: &str, package: &str, count: usize) -> Vec<Tag> {
        let tag = |n: usize| Tag {
            key: Key {
                package: package.to_owned(),
                from: "1".to_owned(),
                to: "2".to_owned(),
                file: format!("{n}.py"),
                concept: concept.parse().expect("a slug"),
                line_sha256: String::new(),
            },
            diff: String::new(),
            detector: String::new(),
            confidence: 90,
            row: 1,
        };
        (0..count).map(tag).collect()
    }

    fn of(drawn: &[&Tag], concept: &str) -> usize {
        let slug = concept.parse().expect("a slug");
        drawn.iter().filter(|tag| tag.key.concept == slug).count()
    }

    #[test]
    fn every_concept_is_drawn_and_none_more_than_its_share() {
        let mut all = tags("py-clocks", "big", 500);
        all.extend(tags("go-select", "small", 3));
        all.extend(tags("git-merge", "small", 9));
        let drawn = draw(&all, 16, "1");
        assert_eq!(of(&drawn, "go-select"), 3);
        assert_eq!(drawn.len(), 16);
        assert!(of(&drawn, "git-merge") >= OF_EACH && of(&drawn, "py-clocks") >= OF_EACH);
        assert_eq!(of(&draw(&all, 500, "1"), "py-clocks"), OF_ONE);
    }

    #[test]
    fn a_package_with_few_tags_comes_before_the_second_tag_of_a_large_one() {
        let mut all = tags("py-clocks", "big", 500);
        all.extend(tags("py-clocks", "small", 1));
        let packages: Vec<&str> = draw(&all, 5, "1")
            .iter()
            .map(|tag| tag.key.package.as_str())
            .collect();
        assert!(packages[..2].contains(&"small"), "{packages:?}");
    }

    #[test]
    fn a_tag_that_comes_later_leaves_the_others_drawn() {
        let mut all = tags("py-clocks", "big", 50);
        let before: Vec<String> = draw(&all, 20, "1").iter().map(|tag| tag.id()).collect();
        all.extend(tags("py-clocks", "late", 1));
        let after: Vec<String> = draw(&all, 20, "1").iter().map(|tag| tag.id()).collect();
        let kept = before.iter().filter(|id| after.contains(id)).count();
        assert!(kept >= 19, "{kept}");
    }
}
