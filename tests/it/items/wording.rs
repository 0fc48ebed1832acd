//! The rules of wording: nothing but knowledge tells the key, and a minute is enough.

use super::raw::{Entry, answers, is_set};
use super::rules::{Faults, Item};
use std::collections::BTreeSet;
use toml::Table;

const ABSOLUTE: &[&str] = &[
    "always",
    "never",
    "only",
    "all",
    "any",
    "none",
    "every",
    "must",
    "impossible",
    "nothing",
    "guarantees",
    "guaranteed",
    "completely",
    "entirely",
    "anything",
    "everything",
];
const HEDGE: &[&str] = &[
    "may",
    "might",
    "usually",
    "often",
    "typically",
    "sometimes",
    "generally",
    "possibly",
    "normally",
];
const STOP: &[&str] = &[
    "a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "with", "and", "or", "is", "are",
    "be", "it", "its", "that", "this", "which", "what", "who", "when", "does", "do", "did", "from",
    "as", "into", "one", "if", "then", "so", "how", "was", "were", "has", "have", "had", "after",
    "before", "between", "under", "over", "up",
];
const NEGATIONS: &[&str] = &[
    "not",
    "never",
    "except",
    "incorrect",
    "wrong",
    "false",
    "isn't",
    "doesn't",
    "won't",
    "can't",
];

/// Lower-case words: letters, digits, `_`, `'` and `-`.
fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '\'' | '-')))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Words that carry meaning.
fn content(text: &str) -> BTreeSet<String> {
    let mut words: BTreeSet<String> = words(text).into_iter().collect();
    words.retain(|word| !STOP.contains(&word.as_str()));
    words
}

fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Whether two options say the same. Outputs of programs may differ by a sign or the case alone.
pub fn alike(one: &str, other: &str, prose: bool) -> bool {
    let spaced = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !prose {
        return spaced(one) == spaced(other);
    }
    let articles = ["a", "an", "the"];
    let bare = |text: &str| {
        let mut words = words(text);
        words.retain(|word| !articles.contains(&word.as_str()));
        words
    };
    bare(one) == bare(other)
}

/// All rules of wording.
pub fn check(entry: &Entry, aspect: &Table, item: &Item<'_>, found: &mut Faults) {
    limits(item, found);
    lengths(item, found);
    sides(entry, aspect, item, found);
    stem(aspect, item, found);
}

fn limits(item: &Item<'_>, found: &mut Faults) {
    let mut limit = |what: &'static str, is: usize, most: usize| {
        found.unless(is <= most, what, format!("{is}, at most {most}"));
    };
    let stem = if item.is_assembled() { 45 } else { 60 };
    limit("words of the stem", count(item.stem), stem);
    // A claim, or a lead and an ellipsis.
    limit("words of the quote", count(item.quote.unwrap_or("")), 31);
    let (words, characters) = match item.form {
        "spot" => (30, usize::MAX),
        // An ellipsis stands before the answer.
        "reply" => (17, 92),
        "template" | "curated" => (20, 90),
        _ => (16, 90),
    };
    for option in &item.options {
        limit("words of an option", count(&option.text), words);
        limit("characters of an option", chars(&option.text), characters);
    }
    let code = item.code.unwrap_or("");
    limit("lines of code", code.lines().count(), 16);
    let widest = code.lines().map(chars).max().unwrap_or(0);
    limit("columns of code", widest, 72);
    // 200 words a minute, 2 s a line of code, 12 s to decide.
    let read = [item.stem, item.quote.unwrap_or("")]
        .iter()
        .map(|t| count(t))
        .sum::<usize>()
        + item.options.iter().map(|o| count(&o.text)).sum::<usize>();
    let tenths = read * 3 + code.trim().lines().count() * 20 + 120;
    limit("seconds", tenths.div_ceil(10), 60);
    let told = item.seconds();
    let right = told == Some(tenths.div_ceil(10) as u64);
    found.unless(
        right,
        "seconds told",
        format!("{told:?}, it takes {}", tenths.div_ceil(10)),
    );
}

/// Answers of one aspect: of about one length, and the key not the longest.
fn lengths(item: &Item<'_>, found: &mut Faults) {
    if !matches!(item.form, "ask" | "complete" | "reply") {
        return;
    }
    let endings = item
        .options
        .iter()
        .filter(|o| o.text != "It is right as it stands");
    let all: Vec<(bool, usize)> = endings.map(|o| (o.key, chars(&o.text))).collect();
    let of = |key: bool| all.iter().filter(move |(k, _)| *k == key).map(|(_, n)| *n);
    let (Some(long), Some(short)) = (
        all.iter().map(|(_, n)| *n).max(),
        all.iter().map(|(_, n)| *n).min(),
    ) else {
        return;
    };
    let near = long * 10 <= short * 17 || long - short <= 16;
    found.unless(near, "length leak", format!("{short} to {long} characters"));
    if let (Some(key), Some(other)) = (of(true).max(), of(false).max()) {
        found.unless(
            key * 94 <= other * 100,
            "length leak",
            "the key is the longest",
        );
    }
}

/// Absolutes or hedges on one side alone, by the answers that the item could have shown: three false
/// ones out of more may leave the others' word out.
fn sides(entry: &Entry, aspect: &Table, item: &Item<'_>, found: &mut Faults) {
    if item.form == "template" {
        return;
    }
    let terms = entry.terms();
    for (bag, name) in [
        (ABSOLUTE, "absolutes on one side"),
        (HEDGE, "hedges on one side"),
    ] {
        let has = |text: &str| {
            let mut all = words(text).into_iter();
            all.any(|w| bag.contains(&w.as_str()) && !terms.contains(&w))
        };
        let side = |key: bool| {
            let mut own = item.options.iter().filter(|o| o.key == key);
            own.any(|o| has(&o.text))
        };
        let (key, others) = (side(true), side(false));
        if key == others {
            continue;
        }
        let all = |side| answers(aspect, side).into_iter().filter(|a| !a.retired);
        let both = all("right").any(|a| has(a.text)) && all("wrong").any(|a| has(a.text));
        // Claims of a `spot` come from four aspects, each balanced in itself.
        let balanced = both || item.form == "spot";
        found.unless(balanced, name, format!("key {key}, others {others}"));
    }
}

fn stem(aspect: &Table, item: &Item<'_>, found: &mut Faults) {
    let shown = [item.stem, item.quote.unwrap_or("")]
        .into_iter()
        .chain(item.options.iter().map(|o| o.text.as_str()));
    for text in shown {
        let lower = text.to_lowercase();
        let markup = ["http://", "https://", "<script", "**", "`"];
        let clean = !markup.iter().any(|m| lower.contains(m));
        found.unless(clean || !item.is_assembled(), "markup", text);
        let catch_all = ["all", "none", "both"].iter().any(|w| {
            lower.contains(&format!("{w} of the above"))
                || lower.contains(&format!("{w} of the other"))
        });
        found.unless(!catch_all, "all or none of the above", text);
        for sentence in text.split_inclusive(['.', '?', '!']) {
            found.unless(count(sentence) <= 31, "a sentence too long", sentence);
        }
        found.unless(!text.trim().is_empty() || text.is_empty(), "empty", text);
    }
    found.unless(!item.stem.trim().is_empty(), "stem", "there is none");
    if item.form != "ask" {
        return;
    }
    let question = item
        .stem
        .rsplit(['.', '!', '”'])
        .find(|s| !s.trim().is_empty())
        .unwrap_or("");
    let negated = words(question)
        .iter()
        .any(|w| NEGATIONS.contains(&w.as_str()));
    found.unless(!negated || is_set(aspect, "negated"), "negated", question);
    let asked = content(item.stem);
    let share = |text: &str| content(text).intersection(&asked).count();
    let of = |key: bool| {
        item.options
            .iter()
            .filter(move |o| o.key == key)
            .map(|o| share(&o.text))
    };
    let (key, other) = (of(true).min().unwrap_or(0), of(false).max().unwrap_or(0));
    // As the format has it, over all false answers of the aspect: those drawn may share less.
    let every = answers(aspect, "wrong")
        .into_iter()
        .map(|a| share(a.text))
        .max()
        .unwrap_or(0);
    found.unless(
        key <= other.max(every) + 1,
        "the key echoes the stem",
        item.stem,
    );
}
