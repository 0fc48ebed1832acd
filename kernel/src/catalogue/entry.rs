//! What one catalogue file says, as types.
//!
//! The file's keys are these fields (`catalogue/format.md` of the manual is
//! the standard); an unknown key is an error, so that a misspelt one cannot
//! silently switch a rule off. Addresses (ids, and the position of an answer
//! in its list) never change once released, which is why nothing is removed
//! from a list: a mistake is marked `retired`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Slug;

/// How far an entry is worked out, and with it what the product does with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Tagged and counted as seen, on the map, never asked.
    Listed,
    /// Asked: at least five aspects and two curated items.
    Standard,
    /// Asked: at least seven aspects, four curated items, and a template.
    #[default]
    Full,
}

/// One concept: a whole catalogue file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concept {
    /// The concept's name on the wire; never reused.
    pub slug: Slug,
    /// How far the entry is worked out.
    #[serde(default)]
    pub depth: Depth,
    /// Short name for people.
    pub title: String,
    /// One sentence of at most 30 words: what it is for.
    pub summary: String,
    /// What the concept is part of; a root alone has none.
    #[serde(default)]
    pub parent: Option<Slug>,
    /// What one must know to understand a question about this.
    #[serde(default)]
    pub prerequisites: Vec<Prerequisite>,
    /// 1 annoys; 2 costs a day or shows late; 3 loses data, money or secrets.
    pub risk: u8,
    /// Why the risk is what it is.
    pub risk_reason: String,
    /// Versions for which the answers hold.
    #[serde(default)]
    pub applies: String,
    /// Where the concept is defined; entries of depth `listed` need it, the
    /// others name a source with each aspect.
    #[serde(default)]
    pub source: Option<String>,
    /// Words that are names here, exempt from the lint of absolute words.
    #[serde(default)]
    pub terms: Vec<String>,
    /// The concept that took over this one's evidence, if it was merged.
    #[serde(default)]
    pub replaced_by: Option<Slug>,
    /// Further names, by which the text of a plan means it; the title is one
    /// already.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Steps of plans that mean it, in other words than the aliases: what a
    /// sentence model compares a step with.
    #[serde(default)]
    pub plan_examples: Vec<String>,
    /// Questions about the concept.
    #[serde(default, rename = "aspect")]
    pub aspects: Vec<Aspect>,
    /// Items written as a whole.
    #[serde(default, rename = "item")]
    pub items: Vec<CuratedItem>,
    /// Programs with parameters, whose real output is the key.
    #[serde(default, rename = "template")]
    pub templates: Vec<Template>,
    /// How the concept is recognised in a change.
    #[serde(default, rename = "detector")]
    pub detectors: Vec<Detector>,
}

impl Concept {
    /// Whether checks are given on this concept.
    pub fn is_askable(&self) -> bool {
        self.depth > Depth::Listed && self.replaced_by.is_none()
    }

    /// The aspect of this id.
    pub fn aspect(&self, id: &str) -> Option<&Aspect> {
        self.aspects.iter().find(|a| a.id == id)
    }
}

/// What has to be understood first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prerequisite {
    /// The concept to understand first.
    pub slug: Slug,
    /// Why.
    pub why: String,
}

/// One question with true and false answers: any true one with any three
/// false ones is a sound item.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aspect {
    /// Name within the concept; never reused.
    pub id: String,
    /// Beginning of a sentence that every answer ends.
    #[serde(default)]
    pub lead: Option<String>,
    /// The question, shared by all scenes.
    pub question: String,
    /// Situations that lead to the question.
    pub scenes: Vec<String>,
    /// What breaks for whoever believes a false answer.
    pub stakes: String,
    /// Who defines the behaviour, and where in it.
    pub source: String,
    /// 1 (nearly everybody answers right) to 5.
    pub difficulty: u8,
    /// True answers.
    pub right: Vec<Answer>,
    /// False answers.
    pub wrong: Vec<Answer>,
    /// Code shown with the question.
    #[serde(default)]
    pub code: Option<String>,
    /// Language of `code`.
    #[serde(default)]
    pub lang: Option<String>,
    /// Programs that show the true answer on the real tool.
    #[serde(default)]
    pub probe: Option<Probes>,
    /// The question is negated on purpose.
    #[serde(default)]
    pub negated: bool,
    /// Kept for its address, no longer asked.
    #[serde(default)]
    pub retired: bool,
}

/// A true or a false answer; its position in its list is its address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// End of the sentence that the aspect's `lead` begins; no full stop.
    pub text: String,
    /// The sentence that proves or corrects it.
    pub why: String,
    /// Of a false answer: how many believe it, 1 to 3.
    #[serde(default)]
    pub pull: Option<u8>,
    /// Of a false answer: the excluded condition under which it would be true.
    #[serde(default)]
    pub true_when: Option<String>,
    /// Kept for its position, no longer shown.
    #[serde(default)]
    pub retired: bool,
}

impl Answer {
    /// How many believe it: 2 where the file does not say.
    pub fn pull(&self) -> u8 {
        self.pull.unwrap_or(2)
    }
}

/// One probe, or several. They are run by the catalogue's own checker, never
/// by the product.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Probes {
    /// A single program.
    One(Probe),
    /// Several.
    Many(Vec<Probe>),
}

impl Probes {
    /// All of them.
    pub fn as_slice(&self) -> &[Probe] {
        match self {
            Self::One(probe) => std::slice::from_ref(probe),
            Self::Many(probes) => probes,
        }
    }
}

/// A program and what the real tool prints for it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Which tool runs it.
    pub run: String,
    /// The program.
    #[serde(default)]
    pub code: Option<String>,
    /// What it prints, flattened to one line.
    #[serde(default)]
    pub expect: Option<String>,
}

/// What a curated item asks the engineer to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemKind {
    /// Say what the code prints or does.
    Predict,
    /// Find the cause of a failure.
    Bug,
    /// Choose the repair.
    Fix,
    /// Judge a situation.
    Concept,
}

/// An item written as a whole.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CuratedItem {
    /// Name within the concept; never reused.
    pub id: String,
    /// What it asks the engineer to do.
    pub kind: ItemKind,
    /// The aspect that it tests.
    pub aspect: String,
    /// 1 to 5.
    pub difficulty: u8,
    /// The question.
    pub stem: String,
    /// Language of `code`.
    #[serde(default)]
    pub lang: Option<String>,
    /// Code shown with it.
    #[serde(default)]
    pub code: Option<String>,
    /// Four options, one of them the key.
    #[serde(rename = "option")]
    pub options: Vec<CuratedOption>,
    /// A program that proves the key.
    #[serde(default)]
    pub check: Option<Probe>,
    /// The question is negated on purpose.
    #[serde(default)]
    pub negated: bool,
    /// Kept for its address, no longer asked.
    #[serde(default)]
    pub retired: bool,
}

/// One option of a curated item.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CuratedOption {
    /// What is shown.
    pub text: String,
    /// Why it is right or wrong.
    pub why: String,
    /// Whether it is the right one.
    #[serde(default)]
    pub key: bool,
    /// What the checker puts in the place of the text to run it.
    #[serde(default)]
    pub patch: Option<String>,
}

/// A value of a template's parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(i64),
    /// Text.
    Text(String),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Values of a template's parameters in one case.
pub type Values = BTreeMap<String, Value>;

/// A program with parameters; the key is what it really prints.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Name within the concept; never reused.
    pub id: String,
    /// The aspect that it tests.
    pub aspect: String,
    /// 1 to 5.
    pub difficulty: u8,
    /// The question; `{{name}}` stands for a parameter's value.
    pub question: String,
    /// Language in which the code is shown.
    pub lang: String,
    /// Which tool runs it.
    pub run: String,
    /// What proves the key.
    pub why: String,
    /// Parameters and their values; the cases are the product of them.
    pub params: BTreeMap<String, Vec<Value>>,
    /// Cases that are too dull to ask.
    #[serde(default)]
    pub skip: Vec<Values>,
    /// The code shown.
    pub code: String,
    /// What is wrapped around the code to run it.
    #[serde(default)]
    pub harness: Option<String>,
    /// All outputs that are possible.
    #[serde(default)]
    pub domain: Vec<String>,
    /// Misconceptions as programs.
    #[serde(default, rename = "belief")]
    pub beliefs: Vec<Belief>,
    /// Kept for its address, no longer asked.
    #[serde(default)]
    pub retired: bool,
    /// Cases with real outputs, from `expected/<slug>.json`.
    #[serde(skip)]
    pub cases: Vec<ExpectedCase>,
}

/// A misconception as a program: its output is the distractor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Belief {
    /// The correction.
    pub why: String,
    /// Replacements in the template's code.
    #[serde(default)]
    pub edit: Vec<[String; 2]>,
    /// A program of its own instead.
    #[serde(default)]
    pub code: Option<String>,
    /// The output itself instead.
    #[serde(default)]
    pub says: Option<String>,
    /// The parameters' values to which the belief is limited.
    #[serde(default)]
    pub when: BTreeMap<String, Vec<String>>,
}

/// One case of a template, as the real tool answered it.
#[derive(Clone, Debug)]
pub struct ExpectedCase {
    /// `name=value,…`: its address within the template.
    pub name: String,
    /// The parameters' values.
    pub values: Values,
    /// What the program printed.
    pub key: String,
    /// What believers expect, then other possible outputs.
    pub wrong: Vec<ExpectedWrong>,
}

/// A false output of a case; its position in its list is its address.
#[derive(Clone, Debug)]
pub struct ExpectedWrong {
    /// Which belief printed it; `None` if it only filled up from the domain.
    pub belief: Option<usize>,
    /// The output.
    pub text: String,
}

/// How much one mention says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Counts only beside a second mention in the same file.
    Weak,
    /// Counts alone.
    Strong,
}

/// What a configuration file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigFormat {
    /// Sections and keys, as Git's and Python's.
    Ini,
    /// TOML.
    Toml,
    /// JSON; comments are tolerated.
    Json,
    /// YAML, all documents of a file.
    Yaml,
}

/// What a detector looks for.
#[derive(Clone, Debug)]
pub enum Seek {
    /// An ast-grep rule in one language.
    Code {
        /// The language's name.
        language: String,
        /// The rule with its constraints, as ast-grep reads it.
        rule: serde_json::Value,
        /// Further conditions on the rule's variables.
        constraints: Option<serde_json::Value>,
    },
    /// A module named by an import of one language.
    Import {
        /// The language's name.
        language: String,
        /// Module paths, matched as whole path parts.
        modules: Vec<String>,
    },
    /// Something in SQL, in `.sql` files and in string literals; comments and
    /// quoted text do not count.
    Sql {
        /// Names of functions that are called.
        calls: Vec<String>,
        /// Regular expression that one statement matches.
        matches: Option<String>,
    },
    /// A whole string literal.
    Text {
        /// The language's name, if it is limited to one.
        language: Option<String>,
        /// Regular expression.
        matches: String,
    },
    /// A command of a shell script.
    Shell {
        /// The command's first words.
        command: Vec<String>,
        /// One of these has to be among the rest; empty: no condition.
        flags: Vec<String>,
        /// Whether a command counts also where code hands it to a program
        /// that runs it.
        in_strings: bool,
    },
    /// A key of a configuration file.
    Config {
        /// Globs of file names.
        files: Vec<String>,
        /// What the file is written in.
        format: ConfigFormat,
        /// The key, with dots; a part `*` is any key or item of a list.
        path: String,
        /// Regular expression of its value; absent: any.
        value: Option<String>,
    },
}

/// How a concept is recognised: says “was met here”, not “was done wrongly”.
#[derive(Clone, Debug)]
pub struct Detector {
    /// Name within the concept; never reused.
    pub id: String,
    /// What it looks for.
    pub seek: Seek,
    /// How much one hit says.
    pub strength: Strength,
    /// Modules of which one has to be imported, where the text shows imports
    /// at all; empty: no condition.
    pub needs_import: Vec<String>,
    /// Modules of which none may be seen imported.
    pub unless_import: Vec<String>,
    /// Texts that it has to find.
    pub positive: Vec<Example>,
    /// Texts that it must not find.
    pub negative: Vec<Example>,
    /// Kept for its address, no longer used.
    pub retired: bool,
}

/// A text that a detector is tried on.
#[derive(Clone, Debug)]
pub struct Example {
    /// The language's name, if the example or its detector names one.
    pub language: Option<String>,
    /// The file's name, for configuration files.
    pub file: Option<String>,
    /// The text.
    pub code: String,
}
