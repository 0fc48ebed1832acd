//! The order of sound variants: by what their parts scored, ties by address.

use std::collections::BTreeMap;

use kernel::catalogue::{Aspect, Catalogue, Concept};
use kernel::items::{self, Item, Parts};
use serde::{Deserialize, Serialize};

use super::{Asked, Book, RankError, Role, Scoring, reading, tempting};
use crate::Model;

/// What the parts of a concept's aspects scored.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    /// Of false answers, by their address.
    answers: BTreeMap<String, f64>,
    /// Of stems, by aspect and position of the scene.
    scenes: BTreeMap<(String, usize), f64>,
}

impl Scores {
    /// Asks the model about every false answer and scene of `aspects`, as far as a role was earned.
    pub async fn of<M: Model + Sync>(
        model: &M,
        concept: &Concept,
        aspects: &[&Aspect],
        earned: &[(Role, Scoring)],
    ) -> Result<Self, RankError> {
        let mut book = Book::default();
        // What it needs is noted in the first round, and read in the second.
        Self::read(&mut book, concept, aspects, earned);
        let doing = format!("ranking {}", concept.slug);
        book.fetch(model, &doing, |_, _| ()).await?;
        Ok(Self::read(&mut book, concept, aspects, earned))
    }

    fn read(
        book: &mut Book,
        concept: &Concept,
        aspects: &[&Aspect],
        earned: &[(Role, Scoring)],
    ) -> Self {
        let mut scores = Self::default();
        let mut look = |prefix: &str, continuation: &str| book.look(prefix, continuation);
        for aspect in aspects {
            let stems = stems(aspect);
            for (role, scoring) in earned {
                match role {
                    Role::Stem => {
                        for (at, stem) in stems.iter().enumerate() {
                            let score = reading(stem, *scoring, &mut look);
                            scores.scenes.insert((aspect.id.clone(), at), score);
                        }
                    }
                    Role::Tempting => {
                        let asked = Asked {
                            stems: stems.clone(),
                            lead: aspect.lead.clone(),
                        };
                        for (at, wrong) in aspect.wrong.iter().enumerate() {
                            if wrong.retired {
                                continue;
                            }
                            let score = tempting(&asked, &wrong.text, *scoring, &mut look);
                            let address = format!("{}/{}/w{at}", concept.slug, aspect.id);
                            scores.answers.insert(address, score);
                        }
                    }
                }
            }
        }
        scores
    }

    /// How many parts were scored.
    pub fn len(&self) -> usize {
        self.answers.len() + self.scenes.len()
    }

    /// Score of a false answer, and its place among those of its aspect.
    pub fn answer(&self, address: &str) -> Option<Scored> {
        let score = *self.answers.get(address)?;
        let (aspect, _) = address.rsplit_once('/')?;
        let of: Vec<f64> = self
            .answers
            .iter()
            .filter(|(a, _)| a.rsplit_once('/').is_some_and(|(a, _)| a == aspect))
            .map(|(_, score)| *score)
            .collect();
        Some(Scored::among(score, &of))
    }

    /// Score of a scene, and its place among those of its aspect.
    pub fn scene(&self, aspect: &str, scene: usize) -> Option<Scored> {
        let score = *self.scenes.get(&(aspect.to_owned(), scene))?;
        let of: Vec<f64> = self
            .scenes
            .iter()
            .filter(|((a, _), _)| a == aspect)
            .map(|(_, score)| *score)
            .collect();
        Some(Scored::among(score, &of))
    }

    /// Mean score of the false answers that an item shows.
    fn tempts(&self, parts: &Parts) -> Option<f64> {
        let scored: Vec<f64> = parts
            .of(items::Role::Misconception)
            .filter_map(|part| self.answers.get(&part.address).copied())
            .collect();
        (!scored.is_empty()).then(|| scored.iter().sum::<f64>() / scored.len() as f64)
    }

    fn reads(&self, parts: &Parts) -> Option<f64> {
        let key = (parts.aspect.clone(), parts.scene?);
        self.scenes.get(&key).copied()
    }
}

/// The aspect's question under each of its scenes, as `ask` shows it.
pub(crate) fn stems(aspect: &Aspect) -> Vec<String> {
    let scenes = aspect.scenes.iter();
    scenes
        .map(|scene| format!("{scene} {}", aspect.question))
        .collect()
}

/// A part's score, and its place among its like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Logarithm a token or a character, as the scoring says; greater is more tempting, or reads better.
    pub score: f64,
    /// The first is 1.
    pub place: u32,
    /// Among how many.
    pub of: u32,
}

impl Scored {
    fn among(score: f64, all: &[f64]) -> Self {
        let before = all.iter().filter(|other| rounded(**other) > rounded(score));
        Self {
            score,
            place: before.count() as u32 + 1,
            of: all.len() as u32,
        }
    }
}

/// What ranking said of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its place; the first is 1.
    pub place: u32,
    /// Among how many sound variants.
    pub of: u32,
    /// Of its stem.
    pub stem: Option<Scored>,
    /// Of its false answers, by address.
    pub answers: BTreeMap<String, Scored>,
}

impl Ranked {
    /// What `scores` say of an item at this place.
    pub(crate) fn of(
        catalogue: &Catalogue,
        item: &Item,
        scores: &Scores,
        place: (u32, u32),
    ) -> Result<Self, RankError> {
        let parts = items::parts(catalogue, &item.address)?;
        let answers = parts.of(items::Role::Misconception).filter_map(|part| {
            let scored = scores.answer(&part.address)?;
            Some((part.address.clone(), scored))
        });
        Ok(Self {
            place: place.0,
            of: place.1,
            stem: parts
                .scene
                .and_then(|scene| scores.scene(&parts.aspect, scene)),
            answers: answers.collect(),
        })
    }
}

/// Sorts variants, the best first; `false` if the scores say nothing of them, and their order stays.
///
/// Each of the two views (false answers that tempt, stem that reads well) gives an item a place among
/// the variants; the sum of the places decides, then the address. Places, not scores, are added: the two
/// scores have no common unit.
pub(crate) fn order(
    catalogue: &Catalogue,
    variants: &mut Vec<Item>,
    scores: &Scores,
) -> Result<bool, RankError> {
    if variants.len() < 2 {
        return Ok(false);
    }
    let mut views: [Vec<Option<i64>>; 2] = [Vec::new(), Vec::new()];
    for item in variants.iter() {
        let parts = items::parts(catalogue, &item.address)?;
        views[0].push(scores.tempts(&parts).map(rounded));
        views[1].push(scores.reads(&parts).map(rounded));
    }
    let mut said = false;
    let mut sums = vec![0_usize; variants.len()];
    for view in &views {
        let mut distinct: Vec<i64> = view.iter().flatten().copied().collect();
        distinct.sort_unstable_by(|a, b| b.cmp(a));
        distinct.dedup();
        said |= distinct.len() > 1;
        for (sum, score) in sums.iter_mut().zip(view) {
            *sum += match score {
                Some(score) => distinct.partition_point(|other| other > score),
                None => distinct.len(),
            };
        }
    }
    if said {
        let mut keyed: Vec<(usize, Item)> = sums.into_iter().zip(variants.drain(..)).collect();
        keyed.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.address.cmp(&y.address)));
        variants.extend(keyed.into_iter().map(|(_, item)| item));
    }
    Ok(said)
}

/// To six digits, so that the last bits of a sum decide nothing.
fn rounded(score: f64) -> i64 {
    (score * 1e6).round() as i64
}
