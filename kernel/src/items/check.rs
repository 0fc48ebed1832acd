//! The validator: an item is sound, and true to the catalogue.
//!
//! It looks the parts up by their text, not by what the assembler meant, so a
//! slip of the assembler cannot vouch for itself. Then it compares the whole
//! item with the one that its address names: a pack comes from elsewhere, and
//! what an engineer reads after the answer has to be the catalogue's too.

use super::build::{askable, seconds};
use super::made::{
    AGREE, COMPLETE_STEM, Made, REPLY_STEM, SPOT_STEM, case_id, claim, live, shown_code,
};
use super::{Form, Item, ModelPart, OptionText, Tier};
use crate::catalogue::lint::text::{
    self, ANSWER_WORDS, CLAIM_WORDS, CODE_COLUMNS, CODE_LINES, CODE_OPTION_WORDS, OPTION_CHARS,
    SECONDS, STEM_WORDS,
};
use crate::catalogue::load::fill;
use crate::catalogue::{Aspect, Catalogue, Concept, CuratedItem};
use crate::delta::AnswerKind;
use crate::ids::is_hex;

/// Most words of a stem that an author wrote as a whole.
const WRITTEN_STEM_WORDS: usize = 60;

/// Longest name of a model, in characters.
const MODEL_NAME_CHARS: usize = 80;

/// What is wrong with an item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// Its concept or aspect is unknown, or not asked any more.
    #[error("concept or aspect {0} is not asked")]
    Unknown(String),
    /// Its address names another concept, aspect or form, or parts that do
    /// not exist.
    #[error("address {0} does not fit the item")]
    Address(String),
    /// It does not have four distinct options with one key.
    #[error("{options} options, {distinct} of them distinct, {keys} keys")]
    Options {
        /// Number of options.
        options: usize,
        /// Number of different texts.
        distinct: usize,
        /// Number of keys.
        keys: usize,
    },
    /// The key is no true answer.
    #[error("the key is not true by the catalogue: {0}")]
    KeyNotTrue(String),
    /// Another option is no false answer.
    #[error("an option is not false by the catalogue: {0}")]
    NotFalse(String),
    /// The shown question, quote or code is not the catalogue's.
    #[error("the question differs from the catalogue's")]
    Question,
    /// A text is longer than the format allows.
    #[error("{what} is {is}, limit {limit}")]
    Limit {
        /// What was measured.
        what: &'static str,
        /// Its size.
        is: usize,
        /// The limit.
        limit: usize,
    },
    /// The key is more than 6 % longer than every other option.
    #[error("the key is the longest option")]
    KeyLongest,
    /// The answer kind is not the one of four options.
    #[error("the answer kind is not choice4")]
    Kind,
    /// Something that is said with it is not what the catalogue says.
    #[error("{0} differs from the catalogue's")]
    Differs(&'static str),
    /// What it says of a model cannot be.
    #[error("what it says of a model cannot be: {0}")]
    Model(&'static str),
}

/// Checks an item against the catalogue.
///
/// # Errors
/// Every [`Flaw`] that was found.
pub fn check(catalogue: &Catalogue, item: &Item) -> Result<(), Vec<Flaw>> {
    match askable(catalogue, &item.concept) {
        Ok(concept) => check_in(concept, item),
        Err(_) => Err(vec![Flaw::Unknown(item.concept.to_string())]),
    }
}

pub(super) fn check_in(concept: &Concept, item: &Item) -> Result<(), Vec<Flaw>> {
    let Some(aspect) = concept.aspect(&item.aspect).filter(|a| !a.retired) else {
        return Err(vec![Flaw::Unknown(item.aspect.clone())]);
    };
    let mut flaws = Vec::new();
    let address = &item.address;
    if *address.concept() != item.concept
        || address.aspect() != item.aspect
        || address.form() != item.form
    {
        flaws.push(Flaw::Address(address.to_string()));
    }
    if item.kind != AnswerKind::Choice4 {
        flaws.push(Flaw::Kind);
    }
    options(item, &mut flaws);
    limits(item, &mut flaws);
    match item.form {
        Form::Ask => ask(aspect, item, &mut flaws),
        Form::Complete => complete(aspect, item, &mut flaws),
        Form::Reply => reply(aspect, item, &mut flaws),
        Form::Spot => spot(concept, aspect, item, &mut flaws),
        Form::Template => template(concept, item, &mut flaws),
        Form::Curated => curated(concept, item, &mut flaws),
    }
    as_addressed(concept, item, &mut flaws);
    if let Some(model) = &item.provenance.model {
        flaws.extend(of_model(model).map(Flaw::Model));
    }
    if flaws.is_empty() { Ok(()) } else { Err(flaws) }
}

/// The whole item as its address has it, the options in any order.
fn as_addressed(concept: &Concept, item: &Item, flaws: &mut Vec<Flaw>) {
    let Some(made) = Made::resolve(concept, &item.address) else {
        let flaw = Flaw::Address(item.address.to_string());
        if !flaws.contains(&flaw) {
            flaws.push(flaw);
        }
        return;
    };
    let due = made.item(concept, item.provenance.catalogue, item.provenance.seed);
    let sorted = |item: &Item| {
        let options = item.options.iter();
        let mut all: Vec<_> = options
            .map(|o| (o.text.clone(), o.key, o.why.clone()))
            .collect();
        all.sort_unstable();
        all
    };
    let why = item.options.iter().find(|o| o.key).map(|o| &o.why);
    let same = [
        ("the stem", item.stem == due.stem),
        ("the quote", item.quote == due.quote),
        ("the code", item.code == due.code),
        (
            "an option or what is said of it",
            sorted(item) == sorted(&due),
        ),
        ("the explanation", why == Some(&item.explanation)),
        ("what is at stake", item.stakes == due.stakes),
        ("the source", item.source == due.source),
        ("the difficulty", item.difficulty == due.difficulty),
        ("what it asks for", item.task == due.task),
        ("the time to read", item.seconds == seconds(item)),
        ("how it was made", item.provenance.how == due.provenance.how),
        // Such an item has a check of its own, and comes from nowhere but the engineer's machine.
        ("who wrote it", item.provenance.own.is_none()),
    ];
    let differs = same.into_iter().filter(|(_, same)| !same);
    flaws.extend(differs.map(|(what, _)| Flaw::Differs(what)));
}

/// What cannot be said of a model.
fn of_model(model: &ModelPart) -> Option<&'static str> {
    let digest = is_hex(&model.sha256, 64);
    let named = (1..=MODEL_NAME_CHARS).contains(&text::chars(&model.name))
        && !model.name.chars().any(char::is_control);
    let placed = match model.place {
        None => true,
        Some((place, of)) => model.tier != Tier::None && 1 <= place && place <= of,
    };
    if !named {
        Some("its name is empty, too long, or not printable")
    } else if !digest {
        Some("its digest is not one")
    } else if !placed {
        Some("a place that there is not")
    } else {
        None
    }
}

fn options(item: &Item, flaws: &mut Vec<Flaw>) {
    // Outputs of programs may differ by case or punctuation alone.
    let written = matches!(item.form, Form::Template | Form::Curated);
    let bare = |text: &str| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if written {
            return text;
        }
        let ends = |c: char| c.is_ascii_punctuation() || c == '…' || c == ' ';
        text.to_lowercase().trim_matches(ends).to_owned()
    };
    let mut texts: Vec<String> = item.options.iter().map(|o| bare(&o.text)).collect();
    texts.sort_unstable();
    texts.dedup();
    texts.retain(|t| !t.is_empty());
    let keys = item.options.iter().filter(|o| o.key).count();
    let (all, distinct) = (item.options.len(), texts.len());
    if all != 4 || distinct != 4 || keys != 1 {
        flaws.push(Flaw::Options {
            options: all,
            distinct,
            keys,
        });
    }
}

fn limits(item: &Item, flaws: &mut Vec<Flaw>) {
    let mut limit = |what, is: usize, limit: usize| {
        if is > limit {
            flaws.push(Flaw::Limit { what, is, limit });
        }
    };
    let written = matches!(item.form, Form::Template | Form::Curated);
    let stem = if written {
        WRITTEN_STEM_WORDS
    } else {
        STEM_WORDS
    };
    limit("words of the stem", text::count(&item.stem), stem);
    // A lead followed by an ellipsis, or a claim.
    let quote = item.quote.as_deref().unwrap_or("");
    limit("words of the quote", text::count(quote), CLAIM_WORDS + 1);
    let words = match item.form {
        Form::Spot => CLAIM_WORDS,
        Form::Template | Form::Curated => CODE_OPTION_WORDS,
        Form::Reply => ANSWER_WORDS + 1,
        Form::Ask | Form::Complete => ANSWER_WORDS,
    };
    for option in &item.options {
        limit("words of an option", text::count(&option.text), words);
        if item.form != Form::Spot {
            let ellipsis = if item.form == Form::Reply { 2 } else { 0 };
            limit(
                "characters of an option",
                text::chars(&option.text),
                OPTION_CHARS + ellipsis,
            );
        }
    }
    if let Some(code) = &item.code {
        limit("lines of code", code.text.lines().count(), CODE_LINES);
        let widest = code.text.lines().map(text::chars).max().unwrap_or(0);
        limit("characters of a line of code", widest, CODE_COLUMNS);
    }
    limit("seconds to read", seconds(item) as usize, SECONDS as usize);
}

/// Key and others by their texts, each to be found where it belongs.
fn sides(
    item: &Item,
    is_true: impl Fn(&OptionText) -> bool,
    is_false: impl Fn(&OptionText) -> bool,
    flaws: &mut Vec<Flaw>,
) {
    for option in &item.options {
        if option.key && !is_true(option) {
            flaws.push(Flaw::KeyNotTrue(option.text.clone()));
        }
        if !option.key && !is_false(option) {
            flaws.push(Flaw::NotFalse(option.text.clone()));
        }
    }
}

fn in_right(aspect: &Aspect, text: &str) -> bool {
    live(&aspect.right).iter().any(|(_, a)| a.text == text)
        && !live(&aspect.wrong).iter().any(|(_, a)| a.text == text)
}

fn in_wrong(aspect: &Aspect, text: &str) -> bool {
    live(&aspect.wrong).iter().any(|(_, a)| a.text == text)
        && !live(&aspect.right).iter().any(|(_, a)| a.text == text)
}

fn plain_sides(aspect: &Aspect, item: &Item, flaws: &mut Vec<Flaw>) {
    sides(
        item,
        |o| in_right(aspect, &o.text),
        |o| in_wrong(aspect, &o.text),
        flaws,
    );
    let key = item
        .options
        .iter()
        .filter(|o| o.key)
        .map(|o| text::chars(&o.text))
        .max();
    let other = item
        .options
        .iter()
        .filter(|o| !o.key)
        .map(|o| text::chars(&o.text))
        .max();
    if let (Some(key), Some(other)) = (key, other)
        && key * 94 > other * 100
    {
        flaws.push(Flaw::KeyLongest);
    }
}

fn ask(aspect: &Aspect, item: &Item, flaws: &mut Vec<Flaw>) {
    plain_sides(aspect, item, flaws);
    let asked = aspect
        .scenes
        .iter()
        .any(|s| item.stem == format!("{s} {}", aspect.question));
    let code = aspect.code.as_deref().map(shown_code);
    let shown = item.code.as_ref().map(|c| c.text.clone());
    if !asked || item.quote.is_some() || code != shown {
        flaws.push(Flaw::Question);
    }
}

fn complete(aspect: &Aspect, item: &Item, flaws: &mut Vec<Flaw>) {
    plain_sides(aspect, item, flaws);
    let quote = aspect.lead.as_ref().map(|lead| format!("{lead} …"));
    if item.stem != COMPLETE_STEM || quote.is_none() || item.quote != quote {
        flaws.push(Flaw::Question);
    }
}

fn reply(aspect: &Aspect, item: &Item, flaws: &mut Vec<Flaw>) {
    let ending = |o: &OptionText| o.text.strip_prefix("… ").map(str::to_owned);
    let lead = aspect.lead.as_deref().unwrap_or("");
    let quote = item.quote.as_deref().unwrap_or("");
    let said = |list| live(list).iter().any(|(_, a)| claim(lead, a) == quote);
    let (said_right, said_wrong) = (said(&aspect.right), said(&aspect.wrong));
    if item.stem != REPLY_STEM || lead.is_empty() || said_right == said_wrong {
        flaws.push(Flaw::Question);
    }
    sides(
        item,
        |o| match ending(o) {
            Some(text) => said_wrong && in_right(aspect, &text),
            None => said_right && o.text == AGREE,
        },
        |o| match ending(o) {
            // The ending that the note already has cannot be chosen anew.
            Some(text) => in_wrong(aspect, &text) && !quote.ends_with(&format!(" {text}.")),
            None => said_wrong && o.text == AGREE,
        },
        flaws,
    );
    if !item.options.iter().any(|o| o.text == AGREE) {
        flaws.push(Flaw::Question);
    }
}

fn spot(concept: &Concept, aspect: &Aspect, item: &Item, flaws: &mut Vec<Flaw>) {
    let of = |a: &Aspect, wrong: bool, text: &str| {
        let lead = a.lead.as_deref().unwrap_or("");
        let list = if wrong { &a.wrong } else { &a.right };
        live(list)
            .iter()
            .any(|(_, answer)| claim(lead, answer) == text)
    };
    let claims = item.address.claims();
    let true_elsewhere = |text: &str| {
        let others = concept
            .aspects
            .iter()
            .filter(|a| a.id != aspect.id && !a.retired);
        others
            .filter(|a| claims.contains(&a.id.as_str()))
            .any(|a| of(a, false, text))
    };
    // The key of a `spot` is the claim that is wrong.
    sides(
        item,
        |o| of(aspect, true, &o.text),
        |o| true_elsewhere(&o.text),
        flaws,
    );
    let mut distinct = claims.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != 3 {
        flaws.push(Flaw::Address(item.address.to_string()));
    }
    if item.stem != SPOT_STEM || item.quote.is_some() || item.code.is_some() {
        flaws.push(Flaw::Question);
    }
}

fn template(concept: &Concept, item: &Item, flaws: &mut Vec<Flaw>) {
    let mut parts = item.address.as_str().split('/').skip(3);
    let (id, number) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let found = concept
        .templates
        .iter()
        .filter(|t| !t.retired && t.aspect == item.aspect);
    let found = found
        .filter(|t| t.id == id)
        .find_map(|t| Some((t, t.cases.iter().find(|c| case_id(c) == number)?)));
    let Some((template, case)) = found else {
        flaws.push(Flaw::Address(item.address.to_string()));
        return;
    };
    let known = |text: &str| case.wrong.iter().any(|w| w.text == text) && text != case.key;
    sides(item, |o| o.text == case.key, |o| known(&o.text), flaws);
    let code = shown_code(&fill(&template.code, &case.values));
    let shown = item.code.as_ref().is_some_and(|c| c.text == code);
    if !shown || item.stem != fill(&template.question, &case.values) {
        flaws.push(Flaw::Question);
    }
}

fn curated(concept: &Concept, item: &Item, flaws: &mut Vec<Flaw>) {
    let id = item.address.as_str().split('/').nth(3).unwrap_or("");
    let named = |i: &&CuratedItem| !i.retired && i.aspect == item.aspect && i.id == id;
    let Some(written) = concept.items.iter().find(named) else {
        flaws.push(Flaw::Address(item.address.to_string()));
        return;
    };
    let of = |key: bool, text: &str| {
        written
            .options
            .iter()
            .any(|o| o.key == key && o.text == text)
    };
    sides(item, |o| of(true, &o.text), |o| of(false, &o.text), flaws);
    let code = written.code.as_deref().map(shown_code);
    let shown = item.code.as_ref().map(|c| c.text.clone());
    if item.stem != written.stem || code != shown {
        flaws.push(Flaw::Question);
    }
}
