//! One template and the real outputs stored for it.

use std::collections::BTreeSet;

use super::text::{self, OPTION_CHARS};
use super::{Report, Rule};
use crate::catalogue::load::fill;
use crate::catalogue::{Concept, ExpectedCase, Template, Values};

/// Most cases that the parameters may span.
const CASES: usize = 64;
/// Fewest cases worth a template.
const SOUND_CASES: usize = 6;

pub(super) fn check(concept: &Concept, template: &Template, report: &mut Report<'_>) {
    report.difficulty(template.difficulty);
    if concept.aspect(&template.aspect).is_none() {
        report.add(
            Rule::Id,
            format!("there is no aspect `{}`", template.aspect),
        );
    }
    report.code(&template.code);
    report.sentence("why", &template.why, 4, 45);
    if template.beliefs.is_empty() && template.domain.is_empty() {
        report.add(Rule::Template, "needs beliefs or a domain");
    }
    for (at, belief) in template.beliefs.iter().enumerate() {
        report.sentence("why", &belief.why, 4, 45);
        let ways = [
            !belief.edit.is_empty(),
            belief.code.is_some(),
            belief.says.is_some(),
        ];
        if ways.iter().filter(|w| **w).count() != 1 {
            report.add(
                Rule::Key,
                format!("belief {at} needs one of edit, code and says"),
            );
        }
        if let Some(name) = belief
            .when
            .keys()
            .find(|k| !template.params.contains_key(*k))
        {
            report.add(
                Rule::Id,
                format!("belief {at} names the parameter {name}, which is none"),
            );
        }
    }
    let spanned: usize = template
        .params
        .values()
        .map(Vec::len)
        .try_fold(1, usize::checked_mul)
        .unwrap_or(usize::MAX);
    if spanned > CASES {
        report.add(Rule::Numbers, format!("{spanned} cases, limit {CASES}"));
    }
    let sound = template.cases.len();
    if sound < SOUND_CASES {
        report.add(
            Rule::Numbers,
            format!("{sound} sound cases stored, needs {SOUND_CASES}"),
        );
    }
    for case in &template.cases {
        one_case(template, case, report);
    }
    for at in 0..template.beliefs.len() {
        let used = |c: &ExpectedCase| c.wrong.iter().any(|w| w.belief == Some(at));
        if !template.cases.iter().any(used) {
            report.add(
                Rule::Template,
                format!("belief {at} never differs from the real output"),
            );
        }
    }
    extremes(template, report);
}

fn is_spanned(template: &Template, values: &Values) -> bool {
    let known = |(name, value)| {
        template
            .params
            .get::<String>(name)
            .is_some_and(|values| values.contains(value))
    };
    let skipped = template.skip.iter().any(|skip| {
        skip.iter()
            .all(|(name, value)| values.get(name) == Some(value))
    });
    values.len() == template.params.len() && values.iter().all(known) && !skipped
}

fn one_case(template: &Template, case: &ExpectedCase, report: &mut Report<'_>) {
    let name = &case.name;
    if !is_spanned(template, &case.values) {
        report.add(
            Rule::Template,
            format!("{name} is no case of the parameters"),
        );
    }
    let outputs: BTreeSet<&str> = case.wrong.iter().map(|w| w.text.as_str()).collect();
    if case.wrong.len() < 3 || outputs.len() < case.wrong.len() || case.key.is_empty() {
        report.add(
            Rule::Template,
            format!("{name} lacks a key and three distinct false outputs"),
        );
    }
    if outputs.contains(case.key.as_str()) {
        report.add(
            Rule::Template,
            format!("{name} has its key among the false outputs"),
        );
    }
    if !template.domain.is_empty() && !template.domain.contains(&case.key) {
        report.add(
            Rule::Template,
            format!("{name} prints what the domain lacks: {}", case.key),
        );
    }
    let texts =
        || std::iter::once(case.key.as_str()).chain(case.wrong.iter().map(|w| w.text.as_str()));
    if let Some(text) = texts().find(|t| text::chars(t) > OPTION_CHARS) {
        report.add(
            Rule::Length,
            format!("{name}: an output over {OPTION_CHARS} characters: {text}"),
        );
    }
    let mut longest: Vec<&str> = texts().collect();
    longest.sort_by_key(|t| std::cmp::Reverse(text::count(t)));
    longest.truncate(4);
    let code = fill(&template.code, &case.values);
    report.minute(
        &fill(&template.question, &case.values),
        longest,
        Some(&code),
    );
}

fn extremes(template: &Template, report: &mut Report<'_>) {
    let lengths =
        |c: &ExpectedCase| -> Vec<usize> { c.wrong.iter().map(|w| text::chars(&w.text)).collect() };
    let longest = |c: &&ExpectedCase| lengths(c).iter().all(|n| text::chars(&c.key) > *n);
    let shortest = |c: &&ExpectedCase| lengths(c).iter().all(|n| text::chars(&c.key) < *n);
    let all = template.cases.len();
    let (l, s) = (
        template.cases.iter().filter(longest).count(),
        template.cases.iter().filter(shortest).count(),
    );
    if l * 2 > all || s * 2 > all {
        let text = format!("the key is the longest in {l} and the shortest in {s} of {all} cases");
        report.add(Rule::Length, text);
    }
}
