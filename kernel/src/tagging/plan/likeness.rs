//! Likeness of a step and of sentences that the catalogue gives as examples.
//!
//! A step that names nothing may still mean a concept: “hand out a few open
//! connections in turn” is a pool. Whoever holds a sentence model turns texts
//! into directions ([`Likeness`]); here they are compared. How much a step is
//! like a concept is the mean of its two most similar examples, so that one
//! accidental likeness does not decide; and there are sentences that mean no
//! concept, which have to be beaten as well.
//!
//! The thresholds were chosen on `evaluation/plans-tune.jsonl` for a precision
//! of 0.9 at least, then for recall; they hold for all-MiniLM-L6-v2.

use std::collections::BTreeMap;

use crate::catalogue::Catalogue;
use crate::ids::Slug;

/// Least likeness (cosine, −1 to 1) that says something.
const LEAST: f32 = 0.40;
/// By how much the next concept must be less like it.
const AHEAD: f32 = 0.04;
/// By how much the sentences that mean nothing must be less like it.
const AHEAD_OF_NOTHING: f32 = 0.05;
/// How close behind an umbrella one of its own concepts may be to be meant.
const CLOSE: f32 = 0.02;
/// Examples whose mean is the likeness of a concept.
const NEAREST: usize = 2;

/// Most that the length of a direction may be off 1.
const OFF_LENGTH: f32 = 0.01;

/// Sentences of plans that mean no concept, one a line.
const NOTHING: &str = include_str!("nothing.txt");

/// A sentence model, whoever holds it.
pub trait Likeness {
    /// A direction of length 1 for each text, in their order; `None` if the
    /// model failed.
    fn embed(&self, texts: &[String]) -> Option<Vec<Vec<f32>>>;
}

/// The catalogue's examples with their directions.
#[derive(Clone, Debug)]
pub struct Examples {
    /// Text, and the concept that it means, if any.
    texts: Vec<(String, Option<Slug>)>,
    directions: Vec<Vec<f32>>,
    ancestors: BTreeMap<Slug, Vec<Slug>>,
}

/// The concept that a step is like.
pub(super) struct Nearest {
    pub concept: Slug,
    pub example: String,
    pub likeness: f32,
}

pub(super) fn examples(catalogue: &Catalogue) -> impl Iterator<Item = (String, Option<Slug>)> {
    let of_concepts = catalogue.iter().flat_map(|concept| {
        let texts = concept.plan_examples.iter();
        texts.map(|text| (text.clone(), Some(concept.slug.clone())))
    });
    of_concepts.chain(NOTHING.lines().map(|text| (text.to_owned(), None)))
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Examples {
    /// The sentences to embed, in the order in which [`Examples::new`] takes
    /// their directions. A kept set of directions holds for these texts and
    /// this model alone.
    #[must_use]
    pub fn texts(catalogue: &Catalogue) -> Vec<String> {
        examples(catalogue).map(|(text, _)| text).collect()
    }

    /// Puts directions to the sentences; `None` if they are not as many, not
    /// of one dimension, or not of length 1: a damaged copy, to be made anew.
    #[must_use]
    pub fn new(catalogue: &Catalogue, directions: Vec<Vec<f32>>) -> Option<Self> {
        let texts: Vec<_> = examples(catalogue).collect();
        let width = directions.first()?.len();
        let sound = |direction: &Vec<f32>| {
            direction.len() == width && (dot(direction, direction) - 1.0).abs() <= OFF_LENGTH
        };
        if directions.len() != texts.len() || !directions.iter().all(sound) {
            return None;
        }
        let above = |slug: &Slug| {
            let above = catalogue.ancestors(slug).into_iter();
            above.map(|concept| concept.slug.clone()).collect()
        };
        let ancestors = catalogue
            .iter()
            .map(|concept| (concept.slug.clone(), above(&concept.slug)))
            .collect();
        Some(Self {
            texts,
            directions,
            ancestors,
        })
    }

    /// Embeds the sentences; `None` if the model failed.
    #[must_use]
    pub fn embed(catalogue: &Catalogue, model: &dyn Likeness) -> Option<Self> {
        Self::new(catalogue, model.embed(&Self::texts(catalogue))?)
    }

    /// Their directions, to be kept.
    #[must_use]
    pub fn directions(&self) -> &[Vec<f32>] {
        &self.directions
    }

    fn is_above(&self, above: &Slug, below: &Slug) -> bool {
        let ancestors = self.ancestors.get(below);
        ancestors.is_some_and(|ancestors| ancestors.contains(above))
    }

    /// The concept that a step means by its direction, if it means one.
    pub(super) fn nearest(&self, step: &[f32]) -> Option<Nearest> {
        let mut by_concept: BTreeMap<Option<&Slug>, Vec<(f32, usize)>> = BTreeMap::new();
        for (i, direction) in self.directions.iter().enumerate() {
            let likeness = dot(step, direction);
            if direction.len() != step.len() || !likeness.is_finite() {
                return None;
            }
            let (_, concept) = self.texts.get(i)?;
            let of = by_concept.entry(concept.as_ref()).or_default();
            of.push((likeness, i));
        }
        let mut nothing = f32::MIN;
        // Likeness, concept, its most similar example.
        let mut all: Vec<(f32, &Slug, usize)> = Vec::new();
        for (concept, mut of) in by_concept {
            of.sort_by(|a, b| b.0.total_cmp(&a.0));
            let best = of.first()?.1;
            of.truncate(NEAREST);
            let mean = of.iter().map(|(likeness, _)| likeness).sum::<f32>() / of.len() as f32;
            match concept {
                Some(concept) => all.push((mean, concept, best)),
                None => nothing = mean,
            }
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut chosen = *all.first()?;
        let own = all.iter().find(|(likeness, concept, _)| {
            *likeness >= LEAST.max(chosen.0 - CLOSE) && self.is_above(chosen.1, concept)
        });
        if let Some(own) = own {
            chosen = *own;
        }
        let (likeness, concept, example) = chosen;
        let rival = all.iter().find(|(_, other, _)| {
            *other != concept && !self.is_above(other, concept) && !self.is_above(concept, other)
        });
        let ahead = rival.is_none_or(|rival| likeness - rival.0 >= AHEAD);
        if likeness < LEAST || !ahead || likeness - nothing < AHEAD_OF_NOTHING {
            return None;
        }
        Some(Nearest {
            concept: concept.clone(),
            example: self.texts.get(example)?.0.clone(),
            likeness: dot(step, self.directions.get(example)?),
        })
    }
}
