//! The lint: rules of the catalogue's format that need no program to be run.
//!
//! An item is sound because its parts are; so the parts are checked, not the
//! items. What this cannot see (that a false answer is false) is shown by the
//! probes and templates, which the catalogue's checker runs on real tools.
//!
//! Invariant: the built-in catalogue gives no finding; a test says so.

mod answers;
mod aspect;
mod entry;
mod graph;
mod item;
mod template;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use std::fmt;

use super::{Catalogue, Concept};

/// Which part of the format a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// Too few or too many of something for the entry's depth.
    Numbers,
    /// A missing or malformed key.
    Key,
    /// An id that is used twice, malformed, or names nothing.
    Id,
    /// Parents and prerequisites.
    Graph,
    /// Lengths that give the key away.
    Length,
    /// Absolute or hedging words on one side alone.
    Words,
    /// Too many words, markup, or a catch-all option.
    Prose,
    /// A question that is none, or negated, or that echoes its key.
    Stem,
    /// A trait of wording that finds the key.
    Giveaway,
    /// A false answer that many believe and that nothing refutes.
    Condition,
    /// Longer than an engineer's minute.
    Time,
    /// Code too long or too wide.
    Code,
    /// A source that names no place.
    Source,
    /// A template's stored cases.
    Template,
    /// A detector's examples.
    Detector,
}

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Concept, and the part of it.
    pub place: String,
    /// The rule.
    pub rule: Rule,
    /// What is wrong, with the numbers.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}: {}", self.place, self.rule, self.text)
    }
}

/// Collects findings about one place.
struct Report<'a> {
    findings: &'a mut Vec<Finding>,
    place: String,
}

impl Report<'_> {
    fn add(&mut self, rule: Rule, text: impl Into<String>) {
        let (place, text) = (self.place.clone(), text.into());
        self.findings.push(Finding { place, rule, text });
    }

    fn at(&mut self, part: &str) -> Report<'_> {
        Report {
            place: format!("{}/{part}", self.place),
            findings: self.findings,
        }
    }
}

/// Checks every entry, and how they hang together.
pub fn lint(catalogue: &Catalogue) -> Vec<Finding> {
    let mut findings = Vec::new();
    for concept in catalogue.iter() {
        let place = concept.slug.to_string();
        check(
            concept,
            &mut Report {
                findings: &mut findings,
                place,
            },
        );
    }
    graph::check(catalogue, &mut findings);
    detectors(catalogue, &mut findings);
    findings
}

fn check(concept: &Concept, report: &mut Report<'_>) {
    entry::check(concept, report);
    for aspect in concept.aspects.iter().filter(|a| !a.retired) {
        aspect::check(concept, aspect, &mut report.at(&aspect.id));
    }
    for item in concept.items.iter().filter(|i| !i.retired) {
        item::check(concept, item, &mut report.at(&format!("item {}", item.id)));
    }
    for template in concept.templates.iter().filter(|t| !t.retired) {
        template::check(
            concept,
            template,
            &mut report.at(&format!("template {}", template.id)),
        );
    }
}

fn detectors(catalogue: &Catalogue, findings: &mut Vec<Finding>) {
    let tagger = match crate::tagging::Tagger::unjudged(catalogue) {
        Ok(tagger) => tagger,
        Err(error) => {
            let place = format!("{}/detector {}", error.concept, error.detector);
            findings.push(Finding {
                place,
                rule: Rule::Detector,
                text: error.reason,
            });
            return;
        }
    };
    for concept in catalogue.iter() {
        for detector in concept.detectors.iter().filter(|d| !d.retired) {
            let place = format!("{}/detector {}", concept.slug, detector.id);
            for text in tagger.misses(&concept.slug, detector) {
                findings.push(Finding {
                    place: place.clone(),
                    rule: Rule::Detector,
                    text,
                });
            }
        }
    }
}
