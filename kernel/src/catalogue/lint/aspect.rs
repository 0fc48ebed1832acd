//! One aspect: question, scenes, answers.

use std::sync::LazyLock;

use regex::Regex;

use super::text::{self, ANSWER_WORDS, CLAIM_WORDS, OPTION_CHARS, STEM_WORDS};
use super::{Report, Rule, answers};
use crate::catalogue::{Answer, Aspect, Concept};

static NAMES: LazyLock<Regex> =
    LazyLock::new(|| text::fixed(r"\b[b-hj-zA-HJ-Z]\b|\w*_\w+|\w+\(\)|\b\w+\.\w+\b"));

pub(super) fn check(concept: &Concept, aspect: &Aspect, report: &mut Report<'_>) {
    let live = |list: &'_ [Answer]| -> Vec<Answer> {
        list.iter().filter(|a| !a.retired).cloned().collect()
    };
    let (right, wrong) = (live(&aspect.right), live(&aspect.wrong));
    if !(1..=3).contains(&right.len()) || wrong.len() < 4 {
        let (r, w) = (right.len(), wrong.len());
        report.add(
            Rule::Numbers,
            format!("{r} true and {w} false answers; needs 1 to 3 and 4"),
        );
        return;
    }
    keys(aspect, report);
    for answer in right.iter().chain(&wrong) {
        one_answer(answer, report);
    }
    for answer in &right {
        if answer.pull.is_some() || answer.true_when.is_some() {
            report.add(
                Rule::Key,
                format!("a true answer has no pull: {:?}", answer.text),
            );
        }
    }
    false_answers(aspect, &wrong, report);
    let texts =
        |list: &'_ [Answer]| -> Vec<String> { list.iter().map(|a| a.text.clone()).collect() };
    let (r, w) = (texts(&right), texts(&wrong));
    let r: Vec<&str> = r.iter().map(String::as_str).collect();
    let w: Vec<&str> = w.iter().map(String::as_str).collect();
    answers::lengths(&r, &w, report);
    answers::giveaways(&r, &w, report);
    report.one_sided(&r, &w, &concept.terms);
    let all: Vec<&str> = r.iter().chain(&w).copied().collect();
    for (at, a) in all.iter().enumerate() {
        if all[at + 1..]
            .iter()
            .any(|b| a.to_lowercase() == b.to_lowercase())
        {
            report.add(Rule::Id, format!("two answers say the same: {a:?}"));
        }
    }
    for scene in &aspect.scenes {
        stem(aspect, scene, &r, &w, report);
    }
    if let Some(lead) = &aspect.lead {
        report.prose(lead, 20);
        for answer in &all {
            if text::count(lead) + text::count(answer) > CLAIM_WORDS {
                report.add(
                    Rule::Prose,
                    format!("a claim over {CLAIM_WORDS} words: {answer}"),
                );
            }
        }
    }
}

fn keys(aspect: &Aspect, report: &mut Report<'_>) {
    report.difficulty(aspect.difficulty);
    if aspect.lead.is_none() && aspect.code.is_none() {
        report.add(Rule::Key, "needs a lead unless its question shows code");
    }
    if aspect.code.is_some() != aspect.lang.is_some() {
        report.add(Rule::Key, "`code` and `lang` go together");
    }
    if aspect.scenes.len() < 2 {
        report.add(
            Rule::Numbers,
            format!("{} scenes, needs 2", aspect.scenes.len()),
        );
    }
    let question = aspect.question.trim();
    if question.matches('?').count() != 1 || !question.ends_with('?') {
        report.add(Rule::Stem, format!("no single question: {question:?}"));
    }
    report.sentence("stakes", &aspect.stakes, 4, 35);
    report.source(&aspect.source);
    if let Some(code) = &aspect.code {
        report.code(code);
    }
    for probe in aspect.probe.iter().flat_map(|p| p.as_slice()) {
        if probe.code.is_none() || probe.expect.is_none() {
            report.add(Rule::Key, "a probe needs code and expect");
        }
    }
}

fn one_answer(answer: &Answer, report: &mut Report<'_>) {
    report.sentence("why", &answer.why, 4, 40);
    let text = answer.text.as_str();
    report.prose(text, ANSWER_WORDS);
    if text::chars(text) > OPTION_CHARS {
        report.add(
            Rule::Length,
            format!("an answer over {OPTION_CHARS} characters: {text}"),
        );
    }
    if text.ends_with('.') || text.trim() != text || text.is_empty() {
        report.add(
            Rule::Key,
            format!("an answer ends with a full stop or in white space: {text:?}"),
        );
    }
}

/// A false answer that many believe is false on a real tool, or the entry says
/// when it would be true.
fn false_answers(aspect: &Aspect, wrong: &[Answer], report: &mut Report<'_>) {
    if wrong.iter().any(|w| !(1..=3).contains(&w.pull())) {
        report.add(Rule::Key, "pull is 1, 2 or 3");
    }
    if wrong.iter().filter(|w| w.pull() >= 2).count() < 2 {
        report.add(
            Rule::Numbers,
            "fewer than 2 false answers with a pull of 2 or more",
        );
    }
    for answer in wrong {
        match &answer.true_when {
            Some(clause) if text::count(clause) < 3 || clause.ends_with('.') => {
                let text = format!("true_when is a clause without a full stop: {clause:?}");
                report.add(Rule::Condition, text);
            }
            None if answer.pull() == 3 && aspect.probe.is_none() => {
                let text = format!(
                    "pull 3 with neither a probe nor true_when: {:?}",
                    answer.text
                );
                report.add(Rule::Condition, text);
            }
            _ => {}
        }
    }
}

fn stem(aspect: &Aspect, scene: &str, right: &[&str], wrong: &[&str], report: &mut Report<'_>) {
    let ask = format!("{scene} {}", aspect.question);
    report.prose(&ask, STEM_WORDS);
    if text::is_negated(&ask) && !aspect.negated {
        report.add(Rule::Stem, format!("negated without negated = true: {ask}"));
    }
    let mut longest: Vec<&str> = right.iter().chain(wrong).copied().collect();
    longest.sort_by_key(|t| std::cmp::Reverse(text::chars(t)));
    longest.truncate(4);
    report.minute(&ask, longest, aspect.code.as_deref());
    let stem = text::content(&ask);
    let share = |t: &&str| text::content(t).intersection(&stem).count();
    let key = right.iter().map(share).min().unwrap_or(0);
    let other = wrong.iter().map(share).max().unwrap_or(0);
    if key > other + 1 {
        report.add(
            Rule::Stem,
            format!("the key echoes the stem more than the others: {ask}"),
        );
    }
    let shown = format!("{ask}{}", aspect.code.as_deref().unwrap_or(""));
    let lead = aspect.lead.as_deref().unwrap_or("");
    let spoken = right
        .iter()
        .chain(wrong)
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    for name in NAMES.find_iter(&spoken).map(|m| m.as_str()) {
        if lead.contains(name) && !shown.contains(name) {
            let text = format!("answers speak of {name:?}, which this scene does not name: {ask}");
            report.add(Rule::Stem, text);
        }
    }
}
