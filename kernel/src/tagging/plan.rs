//! The steps of a plan, which are prose: by the names in them, and by their
//! likeness to sentences where a sentence model is at hand.
//!
//! A plan tells what an agent will do before there is code. What it names is a
//! weak sign: it is shown and compared with what comes.
//!
//! - Names are the `aliases` of a catalogue entry, and its title if that has
//!   several words. In an alias, `…` stands for up to five other words of the
//!   same clause, so that an everyday word counts only in a context that
//!   decides (“merge … branch”); a leading `!` marks the name of a fault, which
//!   a step means also where it removes it (“fix the SQL injection”). A name
//!   behind “without”, “instead of” or “remove the” does not count.
//! - Likeness compares with the entry's `plan_examples` ([`Likeness`]).
//!
//! Invariant: any text gives a result in bounded time; of a plan at most
//! [`MAX_STEPS`] steps and [`MAX_PLAN_BYTES`] bytes are read, of a step
//! [`MAX_STEP_BYTES`], and the result says what was not.

mod likeness;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use likeness::{Examples, Likeness};

use super::confidence::confidence;
use super::{Mention, Percent, Strength, Tagged, Tagger};
use crate::catalogue::{Catalogue, Judged};
use crate::event::MAX_PLAN_BYTES;
use crate::ids::Slug;
use words::Name;

/// Detector's name of a mention that goes by a concept's name.
pub const BY_NAME: &str = "plan-name";
/// Detector's name of a mention that goes by likeness.
pub const BY_LIKENESS: &str = "plan-likeness";

/// Most steps of one plan that are read.
pub const MAX_STEPS: usize = 200;
/// Most bytes of one step that are read; a sentence model sees less.
pub const MAX_STEP_BYTES: usize = 2048;

/// Why a step means a concept.
#[derive(Clone, Debug, PartialEq)]
pub enum Because {
    /// It has the name, given as the catalogue writes it.
    Name(String),
    /// It is like an example.
    Like {
        /// The example.
        example: String,
        /// Cosine of both directions, −1 to 1.
        likeness: f32,
    },
}

impl Because {
    /// The detector's name.
    #[must_use]
    pub const fn detector(&self) -> &'static str {
        match self {
            Self::Name(_) => BY_NAME,
            Self::Like { .. } => BY_LIKENESS,
        }
    }
}

/// For people.
impl std::fmt::Display for Because {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) if name.contains(' ') => write!(f, "by the words “{name}”"),
            Self::Name(name) => write!(f, "by the word “{name}”"),
            Self::Like { example, likeness } => write!(f, "like “{example}”, {likeness:.2}"),
        }
    }
}

/// A concept that a step means.
#[derive(Clone, Debug, PartialEq)]
pub struct Meant {
    /// Number (from 0) of the step.
    pub step: usize,
    /// Number (from 1) of the line within the step.
    pub line: u32,
    /// The concept.
    pub concept: Slug,
    /// Why.
    pub because: Because,
    /// How sure it is; see [`super::confidence`]. A name with a gap is one
    /// doubt, likeness alone another; both together take one away.
    pub confidence: Percent,
}

impl Meant {
    /// As the tagger says it of code.
    #[must_use]
    pub fn mention(&self) -> Mention {
        Mention {
            concept: self.concept.clone(),
            detector: self.because.detector().to_owned(),
            line: self.line,
            row: None,
            strength: Strength::Weak,
            confidence: self.confidence,
            within: None,
        }
    }
}

/// What a plan means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanRead {
    /// Concepts by step, then by slug.
    pub meant: Vec<Meant>,
    /// Steps that were not read.
    pub left_out: usize,
    /// Steps that were read in part.
    pub cut: usize,
    /// The model failed, so that names alone decided.
    pub model_failed: bool,
}

/// A sentence model and the examples that it embedded.
#[derive(Clone, Copy)]
pub struct Model<'m> {
    /// What turns a step into a direction.
    pub likeness: &'m dyn Likeness,
    /// What it is compared with.
    pub examples: &'m Examples,
}

/// Names of the concepts of a catalogue.
#[derive(Default)]
pub(super) struct Names {
    names: Vec<(Slug, Name)>,
    /// Word that a name begins with → names.
    by_word: BTreeMap<String, Vec<usize>>,
    /// Concept → what was measured of it, and what it is part of.
    concepts: BTreeMap<Slug, (Judged, Vec<Slug>)>,
}

/// How a step names a concept: by which name, in which line.
type Found<'n> = BTreeMap<&'n Slug, (&'n Name, u32)>;

impl Names {
    pub fn new(catalogue: &Catalogue) -> Result<Self, String> {
        let mut all = Self::default();
        for concept in catalogue.iter() {
            let slug = &concept.slug;
            // One word is as likely to be plain English.
            let title = Some(&concept.title).filter(|title| title.contains(' '));
            for text in concept.aliases.iter().chain(title) {
                let name = Name::read(text)
                    .ok_or_else(|| format!("{slug}: the alias “{text}” has no words"))?;
                for word in name.first_words() {
                    let names = all.by_word.entry(word.to_owned()).or_default();
                    names.push(all.names.len());
                }
                all.names.push((slug.clone(), name));
            }
            let above = catalogue.ancestors(slug).into_iter();
            let above = above.map(|concept| concept.slug.clone()).collect();
            all.concepts
                .insert(slug.clone(), (catalogue.judged(slug), above));
        }
        Ok(all)
    }

    /// The concepts that one step names.
    pub fn find(&self, step: &str) -> Tagged {
        let read = self.read(std::slice::from_ref(&step), None);
        Tagged {
            mentions: read.meant.iter().map(Meant::mention).collect(),
            skipped: None,
        }
    }

    fn read(&self, steps: &[impl AsRef<str>], model: Option<Model<'_>>) -> PlanRead {
        let mut read = PlanRead::default();
        let mut left = MAX_PLAN_BYTES;
        let mut kept = Vec::new();
        for step in steps.iter().take(MAX_STEPS) {
            let whole = step.as_ref();
            let text = beginning(whole, MAX_STEP_BYTES.min(left));
            if text.is_empty() && !whole.is_empty() {
                break;
            }
            read.cut += usize::from(text.len() < whole.len());
            left -= text.len();
            kept.push(text);
        }
        read.left_out = steps.len() - kept.len();
        let words: Vec<_> = kept.iter().map(|text| words::words(text)).collect();
        // A step about texts and people is not asked about.
        let asked: Vec<usize> = (0..kept.len())
            .filter(|at| !words[*at].is_empty() && !words::is_talk(kept[*at], &words[*at]))
            .collect();
        let directions = model.and_then(|model| {
            let texts: Vec<String> = asked.iter().map(|at| kept[*at].to_owned()).collect();
            let found = model.likeness.embed(&texts);
            found.filter(|found| found.len() == texts.len())
        });
        read.model_failed = model.is_some() && directions.is_none();
        for (i, at) in asked.into_iter().enumerate() {
            let named = self.named(&words[at]);
            let direction = directions.as_ref().and_then(|all| all.get(i));
            let like = model
                .zip(direction)
                .and_then(|(model, direction)| model.examples.nearest(direction));
            self.decide(at, &named, like, &mut read.meant);
        }
        read
    }

    fn named(&self, words: &[words::Word]) -> Found<'_> {
        let mut found = Found::new();
        for (at, word) in words.iter().enumerate() {
            for name in self.by_word.get(word.stem()).into_iter().flatten() {
                let Some((concept, name)) = self.names.get(*name) else {
                    continue;
                };
                // Of several names the one without a gap says more.
                let better = found.get(concept).is_none_or(|(n, _)| n.gap && !name.gap);
                if better && name.stands(words, at) {
                    found.insert(concept, (name, word.line()));
                }
            }
        }
        found
    }

    /// Puts both kinds of evidence together. Of a concept and what it is part
    /// of, the concept is meant.
    fn decide(
        &self,
        step: usize,
        named: &Found<'_>,
        like: Option<likeness::Nearest>,
        into: &mut Vec<Meant>,
    ) {
        let also = |concept: &Slug| like.as_ref().is_some_and(|like| like.concept == *concept);
        let sure = |concept: &Slug, doubts| {
            let judged = self.concepts.get(concept).map(|(judged, _)| *judged);
            confidence(judged.unwrap_or_default(), doubts)
        };
        let mut meant: Vec<Meant> = named
            .iter()
            .map(|(concept, (name, line))| {
                let doubts = u32::from(name.gap).saturating_sub(u32::from(also(concept)));
                Meant {
                    step,
                    line: *line,
                    concept: (*concept).clone(),
                    because: Because::Name(name.shown.clone()),
                    confidence: sure(concept, doubts),
                }
            })
            .collect();
        if let Some(like) = &like
            && !named.contains_key(&like.concept)
        {
            meant.push(Meant {
                step,
                line: 1,
                concept: like.concept.clone(),
                because: Because::Like {
                    example: like.example.clone(),
                    likeness: like.likeness,
                },
                confidence: sure(&like.concept, 1),
            });
        }
        let umbrellas: BTreeSet<Slug> = meant
            .iter()
            .filter_map(|meant| self.concepts.get(&meant.concept))
            .flat_map(|(_, above)| above.iter().cloned())
            .collect();
        meant.retain(|meant| !umbrellas.contains(&meant.concept));
        meant.sort_by(|a, b| a.concept.cmp(&b.concept));
        into.extend(meant);
    }
}

impl Tagger {
    /// Reads the steps of a plan: by names, and by likeness where there is a
    /// model. [`Tagger::tag_event`] goes by names alone.
    pub fn read_plan(&self, steps: &[impl AsRef<str>], model: Option<Model<'_>>) -> PlanRead {
        self.names.read(steps, model)
    }
}

/// At most `bytes` of a text, whole characters.
fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
