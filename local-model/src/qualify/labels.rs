//! The labelled set: texts of which people said how they are, before a model saw them.
//!
//! Two sources. The catalogue's own pulls: within an aspect, false answers that many believe (pull 2 or 3)
//! against those that few do (pull 1). And sentences written for this purpose, in `local-model/qualify`,
//! with the reason of each label; the format stands at the head of each file.
//!
//! Invariant: which half a group is in, tuning or held out, follows from the groups' names alone.

use kernel::catalogue::Catalogue;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::rank::{Asked, RankError, stems};

const TEMPTING: (&str, &str) = ("tempting.toml", include_str!("../../qualify/tempting.toml"));
const STEMS: (&str, &str) = ("stems.toml", include_str!("../../qualify/stems.toml"));
const LIKENESS: (&str, &str) = ("likeness.toml", include_str!("../../qualify/likeness.toml"));

/// Where a group comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The pulls of the catalogue.
    Catalogue,
    /// Written for qualification.
    Written,
}

/// False answers to one question, and which of them tempt.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub id: String,
    pub source: Source,
    pub asked: Asked,
    pub answers: Vec<(String, bool)>,
}

/// One question in two wordings.
#[derive(Clone, Debug)]
pub(crate) struct Wordings {
    pub id: String,
    pub clear: String,
    pub clumsy: String,
}

/// A question, the same in other words, and another of the same topic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Likes {
    pub text: String,
    pub same: String,
    pub other: String,
}

/// What a model is measured on.
#[derive(Clone, Debug)]
pub struct LabelledSet {
    pub(crate) answers: Vec<Answers>,
    pub(crate) wordings: Vec<Wordings>,
    pub(crate) likes: Vec<Likes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<T> {
    group: Vec<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemptingGroup {
    id: String,
    stem: String,
    lead: String,
    tempting: Vec<Labelled>,
    silly: Vec<Labelled>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    text: String,
    #[serde(rename = "why")]
    _why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StemGroup {
    id: String,
    #[serde(rename = "kind")]
    _kind: Kind,
    clear: String,
    clumsy: String,
    #[serde(rename = "why")]
    _why: String,
}

/// What is wrong with a clumsy wording.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Order,
    Reference,
    Nouns,
    Telegraphic,
    Nested,
    Negation,
    Vague,
    Grammar,
    Wordy,
}

impl LabelledSet {
    /// The set of this build and catalogue.
    ///
    /// # Errors
    /// [`RankError::Labels`] for a file that does not read, which a test of this crate excludes.
    pub fn builtin(catalogue: &Catalogue) -> Result<Self, RankError> {
        let mut answers = pulls(catalogue);
        for group in read::<TemptingGroup>(TEMPTING)? {
            let labelled = |list: Vec<Labelled>, positive| {
                list.into_iter().map(move |answer| (answer.text, positive))
            };
            answers.push(Answers {
                id: group.id,
                source: Source::Written,
                asked: Asked {
                    stems: vec![group.stem],
                    lead: Some(group.lead),
                },
                answers: labelled(group.tempting, true)
                    .chain(labelled(group.silly, false))
                    .collect(),
            });
        }
        let wordings = read::<StemGroup>(STEMS)?.into_iter().map(|g| Wordings {
            id: g.id,
            clear: g.clear,
            clumsy: g.clumsy,
        });
        Ok(Self {
            answers,
            wordings: wordings.collect(),
            likes: read::<Likes>(LIKENESS)?,
        })
    }
}

/// SHA-256 of the written files: another set, another result.
pub(crate) fn written_digest() -> String {
    let mut hash = Sha256::new();
    for (name, text) in [TEMPTING, STEMS, LIKENESS] {
        hash.update(name.as_bytes());
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    hex::encode(hash.finalize())
}

fn read<T: serde::de::DeserializeOwned>(
    (file, text): (&'static str, &'static str),
) -> Result<Vec<T>, RankError> {
    let read: Result<File<T>, _> = toml::from_str(text);
    match read {
        Ok(file) => Ok(file.group),
        Err(error) => Err(RankError::Labels {
            file,
            cause: error.to_string(),
        }),
    }
}

/// Within each aspect: pull 2 or 3 against pull 1.
fn pulls(catalogue: &Catalogue) -> Vec<Answers> {
    let mut groups = Vec::new();
    for concept in catalogue.askable() {
        for aspect in concept.aspects.iter().filter(|a| !a.retired) {
            let wrong = aspect.wrong.iter().filter(|w| !w.retired);
            groups.push(Answers {
                id: format!("{}/{}", concept.slug, aspect.id),
                source: Source::Catalogue,
                asked: Asked {
                    stems: stems(aspect),
                    lead: aspect.lead.clone(),
                },
                answers: wrong.map(|w| (w.text.clone(), w.pull() >= 2)).collect(),
            });
        }
    }
    groups
}

/// Halves of groups by name: in the order of the names' digests, every second one is held out.
/// Gives `true` for those held out, in the order of `names`.
pub(crate) fn held_out<'a>(names: impl Iterator<Item = &'a str>) -> Vec<bool> {
    let mut by_digest: Vec<(Vec<u8>, usize)> = names
        .enumerate()
        .map(|(at, name)| (Sha256::digest(name.as_bytes()).to_vec(), at))
        .collect();
    by_digest.sort();
    let mut held = vec![false; by_digest.len()];
    for (place, (_, at)) in by_digest.iter().enumerate() {
        held[*at] = place % 2 == 1;
    }
    held
}
