//! One curated item.

use super::text::{self, CODE_OPTION_WORDS, OPTION_CHARS};
use super::{Report, Rule};
use crate::catalogue::{Concept, CuratedItem, ItemKind};

pub(super) fn check(concept: &Concept, item: &CuratedItem, report: &mut Report<'_>) {
    report.difficulty(item.difficulty);
    if concept.aspect(&item.aspect).is_none() {
        report.add(Rule::Id, format!("there is no aspect `{}`", item.aspect));
    }
    let keys: Vec<&str> = item
        .options
        .iter()
        .filter(|o| o.key)
        .map(|o| o.text.as_str())
        .collect();
    let wrong: Vec<&str> = item
        .options
        .iter()
        .filter(|o| !o.key)
        .map(|o| o.text.as_str())
        .collect();
    let ([key], 3) = (&keys[..], wrong.len()) else {
        let (k, n) = (keys.len(), item.options.len());
        report.add(
            Rule::Numbers,
            format!("{n} options with {k} keys; needs 4 with 1"),
        );
        return;
    };
    if wrong
        .iter()
        .enumerate()
        .any(|(at, w)| w == key || wrong[at + 1..].contains(w))
    {
        report.add(Rule::Id, "two options say the same");
    }
    report.prose(&item.stem, 60);
    report.one_sided(&[key], &wrong, &concept.terms);
    report.minute(
        &item.stem,
        item.options.iter().map(|o| o.text.as_str()),
        item.code.as_deref(),
    );
    if text::is_negated(&item.stem) && !item.negated {
        report.add(
            Rule::Stem,
            format!("negated without negated = true: {}", item.stem),
        );
    }
    if item.kind != ItemKind::Predict {
        lengths(key, &wrong, report);
    }
    for option in &item.options {
        report.sentence("why", &option.why, 3, 45);
        let text = &option.text;
        if text.contains('`') || text::count(text) > CODE_OPTION_WORDS {
            report.add(Rule::Prose, format!("an option too long: {text}"));
        }
        if text::chars(text) > OPTION_CHARS {
            report.add(
                Rule::Length,
                format!("an option over {OPTION_CHARS} characters: {text}"),
            );
        }
    }
    match (&item.code, item.kind) {
        (Some(code), _) => report.code(code),
        (None, ItemKind::Concept) => {}
        (None, _) => report.add(Rule::Key, "an item about code shows code"),
    }
    if item.kind != ItemKind::Concept && item.check.is_none() {
        report.add(Rule::Key, "an item about code needs a check");
    }
}

fn lengths(key: &str, wrong: &[&str], report: &mut Report<'_>) {
    let lengths: Vec<usize> = wrong.iter().map(|w| text::chars(w)).collect();
    let n = text::chars(key);
    let longest = lengths.iter().max().copied().unwrap_or(0);
    let shortest = lengths.iter().min().copied().unwrap_or(0);
    if n * 94 > longest * 100 {
        report.add(Rule::Length, "the key is the longest option");
    }
    let (long, short) = (longest.max(n), shortest.min(n));
    if long * 10 > short * 19 && long - short > 20 {
        report.add(
            Rule::Length,
            format!("option lengths {short} to {long} differ too much"),
        );
    }
}
