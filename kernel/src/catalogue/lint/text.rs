//! Measures of text that the lint and the assembler share.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::{Report, Rule};

/// Longest option, in characters: a translation 40 % longer still fits a
/// terminal.
pub(crate) const OPTION_CHARS: usize = 90;
/// Most words of a stem assembled from an aspect.
pub(crate) const STEM_WORDS: usize = 45;
/// Most words of a claim (`lead` and answer).
pub(crate) const CLAIM_WORDS: usize = 30;
/// Most words of an answer.
pub(crate) const ANSWER_WORDS: usize = 16;
/// Most words of an option that shows code.
pub(crate) const CODE_OPTION_WORDS: usize = 20;
/// Most lines of code shown.
pub(crate) const CODE_LINES: usize = 16;
/// Most characters of a line of code.
pub(crate) const CODE_COLUMNS: usize = 72;
/// An engineer's minute.
pub(crate) const SECONDS: u32 = 60;

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

/// A pattern known to compile: a broken one is a bug of this file.
pub(super) fn fixed(pattern: &str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => panic!("a fixed pattern does not compile: {error}"),
    }
}

static WORD: LazyLock<Regex> = LazyLock::new(|| fixed(r"[A-Za-z_][\w'-]*"));
static NAME: LazyLock<Regex> = LazyLock::new(|| fixed(r"[A-Za-z_]\w*|\d+"));
static CATCH_ALL: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"(?i)\b(all|none|both) of the (above|other)"));
static MARKUP: LazyLock<Regex> = LazyLock::new(|| fixed(r"https?://|<script|\*\*|`"));
static NEGATION: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?i)\b(not|never|except|incorrect|wrong|false|isn't|doesn't|won't|can't)\b")
});
static DENIAL: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?i)\b(no|not|nor|none|nobody|nothing|never|neither|without|cannot)\b|n't\b")
});

/// Number of characters.
pub(crate) fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Number of words, as a reader counts them.
pub(crate) fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Names and numbers of a text or of code, in lower case.
pub(crate) fn names(text: &str) -> BTreeSet<String> {
    NAME.find_iter(text)
        .map(|m| m.as_str().to_lowercase())
        .collect()
}

/// What looks like code's within a sentence: a name with an underscore, a digit, a capital in its
/// middle or a bracket behind it, and every number.
pub(crate) fn code_names(text: &str) -> Vec<String> {
    let looks = |m: &regex::Match<'_>| {
        let name = m.as_str();
        let inner = name.chars().skip(1).any(char::is_uppercase);
        name.contains('_')
            || name.chars().any(|c| c.is_ascii_digit())
            || inner
            || text[m.end()..].starts_with('(')
    };
    NAME.find_iter(text)
        .filter(looks)
        .map(|m| m.as_str().to_owned())
        .collect()
}

/// The first word that denies, or makes absolute or doubtful.
pub(crate) fn weighted(text: &str) -> Option<String> {
    let heavy = |word: &str| ABSOLUTE.contains(&word) || HEDGE.contains(&word);
    let found = [&DENIAL, &NEGATION].into_iter().find_map(|r| r.find(text));
    found
        .map(|m| m.as_str().to_owned())
        .or_else(|| words(text).into_iter().find(|word| heavy(word)))
}

/// Why this is not one or two plain sentences.
pub(crate) fn not_plain(text: &str) -> Option<&'static str> {
    let sentences = pieces(text, &['.', '?', '!']);
    if text.chars().any(char::is_control) {
        Some("it holds control characters")
    } else if MARKUP.is_match(text) || CATCH_ALL.is_match(text) {
        Some("it holds markup or an address")
    } else if text.contains('?') {
        Some("it asks")
    } else if !(1..=2).contains(&sentences.len()) || !text.ends_with('.') {
        Some("it does not end as one or two sentences do")
    } else {
        None
    }
}

/// Words in lower case.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    WORD.find_iter(text)
        .map(|m| m.as_str().to_lowercase())
        .collect()
}

/// Words that carry meaning, in lower case.
pub(crate) fn content(text: &str) -> BTreeSet<String> {
    words(text)
        .into_iter()
        .filter(|w| !STOP.contains(&w.as_str()))
        .collect()
}

/// Pieces that end after one of these characters and before white space.
fn pieces<'a>(text: &'a str, ends: &[char]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() && last.is_some_and(|l| ends.contains(&l)) {
            found.push(text[start..at].trim());
            start = at;
        }
        last = Some(c);
    }
    found.push(text[start..].trim());
    found.retain(|piece| !piece.is_empty());
    found
}

/// Whether the question itself (the last sentence) is negated; the situation
/// before it may say what is not there.
pub(super) fn is_negated(stem: &str) -> bool {
    let pieces = pieces(stem.trim(), &['.', '!', '?', '”']);
    pieces
        .last()
        .is_some_and(|question| NEGATION.is_match(question))
}

/// Seconds to read and decide: 200 words a minute, 2 s a line of code, 12 s.
pub(crate) fn seconds<'a>(
    stem: &str,
    options: impl IntoIterator<Item = &'a str>,
    code: Option<&str>,
) -> u32 {
    let words = count(stem) + options.into_iter().map(count).sum::<usize>();
    let lines = code.map_or(0, |c| c.trim().lines().count());
    let tenths = words * 3 + lines * 20 + 120;
    u32::try_from(tenths.div_ceil(10)).unwrap_or(u32::MAX)
}

impl Report<'_> {
    /// Length, catch-all options, markup, and long sentences.
    pub(super) fn prose(&mut self, text: &str, limit: usize) {
        let n = count(text);
        if n > limit {
            self.add(Rule::Prose, format!("{n} words, limit {limit}: {text}"));
        }
        if CATCH_ALL.is_match(text) {
            self.add(Rule::Prose, format!("all or none of the above: {text}"));
        }
        if MARKUP.is_match(text) {
            self.add(Rule::Prose, format!("markup or an address: {text}"));
        }
        for sentence in pieces(text, &['.', '?', '!']) {
            let n = count(sentence);
            if n > 30 {
                self.add(Rule::Prose, format!("a sentence of {n} words: {sentence}"));
            }
        }
    }

    /// Absolute or hedging words on one side alone.
    pub(super) fn one_sided(&mut self, right: &[&str], wrong: &[&str], terms: &[String]) {
        for (bag, name) in [(ABSOLUTE, "absolute"), (HEDGE, "hedging")] {
            let found = |texts: &[&str]| -> BTreeSet<String> {
                let counts = |w: &String| bag.contains(&w.as_str()) && !terms.contains(w);
                texts.iter().flat_map(|t| words(t)).filter(counts).collect()
            };
            let (r, w) = (found(right), found(wrong));
            if r.is_empty() != w.is_empty() {
                let side = if r.is_empty() { "false" } else { "true" };
                let list = r.union(&w).cloned().collect::<Vec<_>>().join(", ");
                let text = format!("{name} words ({list}) stand on the {side} side alone");
                self.add(Rule::Words, text);
            }
        }
    }

    /// The reader's minute.
    pub(super) fn minute<'a>(
        &mut self,
        stem: &str,
        options: impl IntoIterator<Item = &'a str>,
        code: Option<&str>,
    ) {
        let s = seconds(stem, options, code);
        if s > SECONDS {
            self.add(
                Rule::Time,
                format!("about {s} s to read and decide, limit {SECONDS}"),
            );
        }
    }

    /// Size of code.
    pub(super) fn code(&mut self, code: &str) {
        let lines: Vec<&str> = code.trim_matches('\n').lines().collect();
        if lines.len() > CODE_LINES {
            let n = lines.len();
            self.add(Rule::Code, format!("{n} lines of code, limit {CODE_LINES}"));
        }
        for line in lines.iter().filter(|l| chars(l) > CODE_COLUMNS) {
            let n = chars(line);
            self.add(
                Rule::Code,
                format!("a line of {n} characters, limit {CODE_COLUMNS}: {line}"),
            );
        }
    }

    /// One sentence with a full stop, of at least `least` words.
    pub(super) fn sentence(&mut self, key: &str, text: &str, least: usize, most: usize) {
        if !text.trim_end().ends_with('.') || count(text) < least {
            self.add(Rule::Key, format!("{key} is no sentence: {text:?}"));
        }
        self.prose(text, most);
    }

    /// A source names a place, not just a title.
    pub(super) fn source(&mut self, source: &str) {
        static PLACE: LazyLock<Regex> = LazyLock::new(|| fixed(r"\d|§|“|--\w|, \w"));
        if !PLACE.is_match(source) {
            self.add(Rule::Source, format!("source names no section: {source:?}"));
        }
        if MARKUP.is_match(source) {
            self.add(
                Rule::Source,
                format!("source holds markup or an address: {source:?}"),
            );
        }
    }

    /// A number from 1 to 5.
    pub(super) fn difficulty(&mut self, difficulty: u8) {
        if !(1..=5).contains(&difficulty) {
            self.add(Rule::Key, format!("difficulty is 1 to 5, not {difficulty}"));
        }
    }
}

/// Whether the key alone starts with another word than the others, which
/// start alike.
pub(super) fn odd_first_word(key: &str, others: &[&str]) -> bool {
    let first = |text: &str| text.split_whitespace().next().unwrap_or("").to_lowercase();
    let set: BTreeSet<String> = others.iter().map(|o| first(o)).collect();
    set.len() == 1 && !set.contains(&first(key))
}

/// Whether the key alone denies something, or alone does not.
pub(super) fn odd_negation(key: &str, others: &[&str]) -> bool {
    let set: BTreeSet<bool> = others.iter().map(|o| DENIAL.is_match(o)).collect();
    set.len() == 1 && !set.contains(&DENIAL.is_match(key))
}
