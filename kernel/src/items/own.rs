//! Items about the engineer's own lines: a model of theirs writes one or two sentences above a
//! question of the catalogue.
//!
//! A `complete` item is a sentence of the catalogue and four ways to end it. Its beginning, the
//! aspect's lead, stands alone and carries every condition on which truth depends; so what is true
//! of it stays true whatever is said before it. That is what makes room for a model that nobody can
//! vouch for: it chooses which aspect fits the lines, and says in its own words where in them the
//! concept is at work. It never writes what is scored.
//!
//! Invariant: take away the model's words and the engineer's lines, and what is left is, byte for
//! byte, the item of the same address and seed. [`check_own`] compares them.
//! Elsewhere: whose model, what it is sent, and when: the client.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::made::COMPLETE_STEM;
use super::{Code, Error, Form, Item, rebuilt};
use crate::catalogue::Catalogue;
use crate::catalogue::lint::text::{self, SECONDS, STEM_WORDS};

/// Most lines of the engineer's that are shown.
pub const OWN_LINES: usize = 8;
/// Most characters of one of them.
pub const OWN_COLUMNS: usize = 160;
/// Words of what the model writes: at least, at most.
pub const OWN_WORDS: (usize, usize) = (5, 34);
/// Most characters of it.
pub const OWN_CHARS: usize = 280;
/// Longest name of a model or of where it runs, in characters.
const NAME_CHARS: usize = 80;
/// Two words are one, for a hint, if they begin alike for so many letters.
const ALIKE: usize = 5;

/// Who wrote the sentences above the question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPart {
    /// The model's name, as the engineer or its provider calls it. At most 80 characters.
    pub model: String,
    /// Where it runs, in words: `api.anthropic.com`, `this machine`. At most 80 characters.
    pub at: String,
}

impl OwnPart {
    /// What the model did, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!(
            "What stands above the question was written by {} at {}, on your order, about your own lines; \
             question, endings and key are the catalogue's.",
            self.model, self.at
        )
    }
}

/// Why what a model wrote is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnFlaw {
    /// What is scored is not the catalogue's, word for word.
    #[error("question or endings are not the catalogue's")]
    NotTheCatalogues,
    /// Its concept, aspect or parts are not asked.
    #[error("the catalogue asks no such question")]
    NotAsked,
    /// The lines shown are none, or too many, or too long.
    #[error("the lines shown are none, too many or too long")]
    Lines,
    /// A name that cannot be shown.
    #[error("the model's name cannot be shown")]
    Name,
    /// Too short or too long.
    #[error("{is} words, wanted {} to {}", OWN_WORDS.0, OWN_WORDS.1)]
    Length {
        /// Its words.
        is: usize,
    },
    /// More than a minute to read and decide.
    #[error("about {0} s to read and decide")]
    Minute(u32),
    /// Not one or two plain sentences.
    #[error("it is not one or two plain sentences: {0}")]
    Prose(&'static str),
    /// It speaks of none of the lines' names.
    #[error("it names nothing of the lines")]
    NotAboutThem,
    /// It speaks of a name or number that neither the lines nor the question have.
    #[error("{0:?} stands neither in the lines nor in the question")]
    Invented(String),
    /// A word of it stands in an ending, or in a condition under which one would be another.
    #[error("{0:?} hints at an answer")]
    Hint(String),
    /// A word that denies, or makes absolute or doubtful.
    #[error("{0:?} could change what the question means")]
    Weighted(String),
}

impl OwnFlaw {
    /// The reason in a few words, the same for all of its kind: what is counted.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotTheCatalogues => "question or endings not the catalogue's",
            Self::NotAsked => "the catalogue asks no such question",
            Self::Lines => "lines that cannot be shown",
            Self::Name => "a name that cannot be shown",
            Self::Length { .. } => "too short or too long",
            Self::Minute(_) => "more than a minute to read",
            Self::Prose(_) => "not one or two plain sentences",
            Self::NotAboutThem => "names nothing of your lines",
            Self::Invented(_) => "names what is not in your lines",
            Self::Hint(_) => "hints at an answer",
            Self::Weighted(_) => "denies, or makes absolute or doubtful",
        }
    }
}

/// Sets a `complete` item into the engineer's lines.
///
/// # Errors
/// Every [`OwnFlaw`] that [`check_own`] finds in the outcome.
pub fn set_in(
    catalogue: &Catalogue,
    base: &Item,
    said: &str,
    lines: Code,
    own: OwnPart,
) -> Result<Item, Vec<OwnFlaw>> {
    let mut item = base.clone();
    item.stem = format!("{} {COMPLETE_STEM}", said.trim());
    item.code = Some(lines);
    item.provenance.own = Some(own);
    item.seconds = super::build::seconds(&item);
    check_own(catalogue, &item)?;
    Ok(item)
}

/// The same item without the model's words and the engineer's lines: the catalogue's own.
///
/// # Errors
/// Those of [`rebuilt`].
pub fn plain(catalogue: &Catalogue, item: &Item) -> Result<Item, Error> {
    rebuilt(catalogue, &item.address, item.provenance.seed)
}

/// Checks an item about the engineer's own lines.
///
/// # Errors
/// Every [`OwnFlaw`] that was found.
pub fn check_own(catalogue: &Catalogue, item: &Item) -> Result<(), Vec<OwnFlaw>> {
    let base = plain(catalogue, item).map_err(|_| vec![OwnFlaw::NotAsked])?;
    let (Form::Complete, Some(own), Some(said), Some(lines)) = (
        item.form,
        &item.provenance.own,
        item.stem.strip_suffix(COMPLETE_STEM),
        &item.code,
    ) else {
        return Err(vec![OwnFlaw::NotTheCatalogues]);
    };
    let mut flaws = Vec::new();
    if without(item, &base) != base || item.seconds != super::build::seconds(item) {
        flaws.push(OwnFlaw::NotTheCatalogues);
    }
    let shown = |name: &str| {
        (1..=NAME_CHARS).contains(&text::chars(name)) && !name.chars().any(char::is_control)
    };
    if !shown(&own.model) || !shown(&own.at) {
        flaws.push(OwnFlaw::Name);
    }
    let fits = |line: &str| {
        text::chars(line) <= OWN_COLUMNS && !line.chars().any(|c| c.is_control() && c != '\t')
    };
    let count = lines.text.lines().count();
    if !(1..=OWN_LINES).contains(&count) || !lines.text.lines().all(fits) {
        flaws.push(OwnFlaw::Lines);
    }
    if item.seconds > SECONDS {
        flaws.push(OwnFlaw::Minute(item.seconds));
    }
    if text::count(&item.stem) > STEM_WORDS {
        let is = text::count(said);
        flaws.push(OwnFlaw::Length { is });
    }
    words(catalogue, item, &base, said.trim(), &mut flaws);
    if flaws.is_empty() { Ok(()) } else { Err(flaws) }
}

/// The item with what may differ put back.
fn without(item: &Item, base: &Item) -> Item {
    let mut item = item.clone();
    item.stem.clone_from(&base.stem);
    item.code.clone_from(&base.code);
    item.seconds = base.seconds;
    item.provenance.own = None;
    item
}

/// What the model wrote.
fn words(catalogue: &Catalogue, item: &Item, base: &Item, said: &str, flaws: &mut Vec<OwnFlaw>) {
    let is = text::count(said);
    if !(OWN_WORDS.0..=OWN_WORDS.1).contains(&is) || text::chars(said) > OWN_CHARS {
        flaws.push(OwnFlaw::Length { is });
    }
    if let Some(what) = text::not_plain(said) {
        flaws.push(OwnFlaw::Prose(what));
    }
    let lines = item.code.as_ref().map_or("", |code| code.text.as_str());
    let concept = catalogue.get(&item.concept);
    let aspect = concept.and_then(|concept| concept.aspect(&item.aspect));
    // Words that the question itself has cannot tell its answer.
    let quote = base.quote.as_deref().unwrap_or_default();
    let title = concept.map_or("", |concept| concept.title.as_str());
    let asked = [quote, title];
    let known = |word: &str| {
        let has = |text: &&str| text::names(text).contains(word);
        asked.iter().any(has) || text::names(lines).contains(word)
    };
    // A name of the lines, not a keyword alone: long enough to be one.
    let own = text::names(lines);
    let about = |word: &String| word.len() >= 3 && own.contains(word);
    if !text::names(said).iter().any(about) {
        flaws.push(OwnFlaw::NotAboutThem);
    }
    let invented = text::code_names(said)
        .into_iter()
        .find(|name| !known(&name.to_lowercase()));
    flaws.extend(invented.map(OwnFlaw::Invented));
    if let Some(word) = text::weighted(said) {
        flaws.push(OwnFlaw::Weighted(word));
    }
    let mut tell: BTreeSet<String> = BTreeSet::new();
    for option in &base.options {
        tell.extend(text::content(&option.text));
    }
    for answer in aspect.iter().flat_map(|aspect| &aspect.wrong) {
        tell.extend(text::content(answer.true_when.as_deref().unwrap_or("")));
    }
    let asked: BTreeSet<String> = asked.iter().flat_map(|text| text::content(text)).collect();
    tell.retain(|word| !alike_any(&asked, word));
    let hint = text::content(said)
        .into_iter()
        .find(|word| !own.contains(word) && alike_any(&tell, word));
    flaws.extend(hint.map(OwnFlaw::Hint));
}

fn alike_any(set: &BTreeSet<String>, word: &str) -> bool {
    set.iter().any(|other| alike(other, word))
}

/// The same word, or another form of it.
fn alike(a: &str, b: &str) -> bool {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    a == b || same >= ALIKE
}
