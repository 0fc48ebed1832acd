//! Items: the checks that an engineer is given, made from the catalogue.
//!
//! An aspect's answers are written so that any true one with any three false
//! ones is sound; so an item is drawn, not written, and the same catalogue
//! version, concept and seed give the same bytes for ever. The key's *rank*
//! by length is drawn before the options, so that length tells nothing.
//!
//! Invariant: what leaves this module has passed [`check`]: one key, four
//! distinct options, each true or false as the catalogue says, readable
//! within a minute.
//! Elsewhere: which concept is asked about, and when, is [`crate::asking`].

mod address;
#[cfg(test)]
mod ahead_tests;
mod build;
mod check;
mod draw;
mod made;
mod next;
mod own;
#[cfg(test)]
mod own_tests;
mod pack;
mod parts;
#[cfg(test)]
mod tests;
mod variants;

use serde::{Deserialize, Serialize};

pub use address::{AddressError, ItemAddress};
pub use build::{MIX, assemble};
pub use check::{Flaw, check};
pub use next::{
    CLAIM_DAYS, Picked, Pool, REPEAT_DAYS, Seen, SeenOutcome, hardest_from, is_open, next_from,
    next_item, open_sentences, pool,
};
pub use own::{
    OWN_CHARS, OWN_COLUMNS, OWN_LINES, OWN_WORDS, OwnFlaw, OwnPart, check_own, plain, set_in,
};
pub use pack::{Opened, PACK_FORMAT, PACK_MAX_BYTES, Pack, PackError};
pub use parts::{Maker, Part, Parts, Role, parts};
pub use variants::{Wish, forms, rebuilt, variants};

pub use crate::catalogue::ItemKind;
pub use crate::delta::AnswerKind;
use crate::ids::Slug;

/// How an item is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Written as a whole by an author.
    Curated,
    /// A program with parameters; the key is what it really prints.
    Template,
    /// Scene, question, one true and three false answers.
    Ask,
    /// Four claims of an agent, one of them wrong.
    Spot,
    /// A note that ends rightly or wrongly.
    Reply,
    /// A sentence to be ended.
    Complete,
}

impl Form {
    /// Name within an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Curated => "curated",
            Self::Template => "template",
            Self::Ask => "ask",
            Self::Spot => "spot",
            Self::Reply => "reply",
            Self::Complete => "complete",
        }
    }
}

/// Code shown with an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// Language, for highlighting.
    pub lang: String,
    /// The code, without empty lines around it.
    pub text: String,
}

/// One option, in the order in which it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionText {
    /// What is shown.
    pub text: String,
    /// Whether it is the one to choose.
    pub key: bool,
    /// Said of it after the answer.
    pub why: String,
}

/// Where an item comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Written as a whole, and its key shown by a program where it has code.
    Curated,
    /// The key and the tempting options are outputs of real programs.
    Executed,
    /// Put together from an aspect's answers.
    Assembled,
}

/// What a model earned by being measured on the machine that it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// It is at chance, or there is none: items are drawn at random.
    None,
    /// It chooses among sound items better than a random draw does.
    Ranker,
    /// It writes items, which then pass the gates.
    Author,
}

/// A model's part in an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPart {
    /// Its name, from its own file: `SmolLM2-135M-Instruct Q4_1`. At most 80 characters.
    pub name: String,
    /// SHA-256 of its file, 64 lower-case hex digits.
    pub sha256: String,
    /// What it earned on the machine where the item was made.
    pub tier: Tier,
    /// Which place it gave this item among how many sound ones, the first being 1. `None` where it
    /// did not rank: its tier is [`Tier::None`], or the form leaves nothing to choose.
    pub place: Option<(u32, u32)>,
}

/// Said to the engineer beside the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// How it was made.
    pub how: How,
    /// The catalogue's version.
    pub catalogue: u32,
    /// The seed.
    pub seed: u64,
    /// The model's part; `None` where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelPart>,
    /// Who wrote what stands above the question, in an item about the engineer's own lines. Never
    /// in what an appliance made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnPart>,
}

/// One check, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is made of; the same for the same question and options.
    pub address: ItemAddress,
    /// The concept.
    pub concept: Slug,
    /// The aspect that it tests.
    pub aspect: String,
    /// How it is put.
    pub form: Form,
    /// What it asks for, where its author or template says so.
    pub task: Option<ItemKind>,
    /// The kind of answer, as the wire names it.
    pub kind: AnswerKind,
    /// The question.
    pub stem: String,
    /// A sentence that the question is about, shown below it.
    pub quote: Option<String>,
    /// Code that the question is about.
    pub code: Option<Code>,
    /// Four options in the order in which they are shown.
    pub options: Vec<OptionText>,
    /// What proves the key.
    pub explanation: String,
    /// What breaks for whoever believes the false answers. It speaks of the
    /// aspect's own scenes, so it is empty for curated items and templates.
    pub stakes: String,
    /// Who defines the behaviour, and where.
    pub source: String,
    /// 1 to 5.
    pub difficulty: u8,
    /// Time to read and decide, in seconds.
    pub seconds: u32,
    /// Where it comes from.
    pub provenance: Provenance,
}

impl Item {
    /// Position of the key among the options.
    pub fn key(&self) -> Option<usize> {
        self.options.iter().position(|o| o.key)
    }
}

/// Why no item was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The catalogue does not have the concept.
    #[error("the catalogue has no concept {0}")]
    Unknown(Slug),
    /// The concept is tagged, but never asked.
    #[error("no checks are given on {0}")]
    NotAskable(Slug),
    /// Every aspect was asked recently.
    #[error("every aspect of {concept} was asked in the last {REPEAT_DAYS} days")]
    Exhausted {
        /// The concept.
        concept: Slug,
        /// When the first of them may be asked again, as far as time decides.
        free_at: Option<i64>,
    },
    /// An address names parts that are not there, or not asked any more.
    #[error("the catalogue makes no item {0}")]
    NoSuchItem(String),
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "K120",
            Self::NotAskable(_) => "K121",
            Self::Exhausted { .. } => "K122",
            Self::NoSuchItem(_) => "K123",
        }
    }
}
