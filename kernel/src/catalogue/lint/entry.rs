//! What holds for an entry as a whole.

use std::collections::BTreeSet;

use super::text;
use super::{Report, Rule};
use crate::catalogue::{Concept, Depth, ItemKind};

pub(super) fn check(concept: &Concept, report: &mut Report<'_>) {
    if concept.title.trim().is_empty() {
        report.add(Rule::Key, "title is empty");
    }
    report.sentence("summary", &concept.summary, 4, 30);
    if !(1..=3).contains(&concept.risk) || text::count(&concept.risk_reason) < 8 {
        let text = "risk is 1, 2 or 3 with a reason of at least 8 words";
        report.add(Rule::Key, text);
    }
    report.prose(&concept.risk_reason, 40);
    if concept.is_own() {
        report.add(Rule::Id, "the x- namespace belongs to organisations");
    }
    ids(concept, report);
    numbers(concept, report);
    match &concept.source {
        Some(source) => report.source(source),
        None if concept.depth == Depth::Listed => {
            report.add(Rule::Source, "an entry of depth listed names its source");
        }
        None => {}
    }
}

impl Concept {
    fn is_own(&self) -> bool {
        self.slug
            .as_str()
            .starts_with(crate::catalogue::ORGANISATION_PREFIX)
    }
}

fn ids(concept: &Concept, report: &mut Report<'_>) {
    let lists: [(&str, Vec<&str>); 4] = [
        (
            "aspect",
            concept.aspects.iter().map(|x| x.id.as_str()).collect(),
        ),
        (
            "item",
            concept.items.iter().map(|x| x.id.as_str()).collect(),
        ),
        (
            "template",
            concept.templates.iter().map(|x| x.id.as_str()).collect(),
        ),
        (
            "detector",
            concept.detectors.iter().map(|x| x.id.as_str()).collect(),
        ),
    ];
    for (what, list) in lists {
        let mut seen = BTreeSet::new();
        for id in list {
            if !seen.insert(id) {
                report.add(Rule::Id, format!("two {what}s have the id `{id}`"));
            }
            // Ids are parts of an address, whose separators they may not hold.
            let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if id.is_empty() || !id.bytes().all(sound) {
                report.add(
                    Rule::Id,
                    format!("{what} `{id}`: an id is of a-z, 0-9 and -"),
                );
            }
        }
    }
}

fn numbers(concept: &Concept, report: &mut Report<'_>) {
    let aspects = concept.aspects.iter().filter(|a| !a.retired).count();
    let items: Vec<_> = concept.items.iter().filter(|i| !i.retired).collect();
    let detectors: Vec<_> = concept.detectors.iter().filter(|d| !d.retired).collect();
    let (least_aspects, least_items, least_detectors) = match concept.depth {
        Depth::Full => (7, 4, 3),
        Depth::Standard => (5, 2, 3),
        Depth::Listed => (0, 0, 1),
    };
    let mut least = |what: &str, is: usize, least: usize| {
        if is < least {
            let depth = concept.depth;
            report.add(
                Rule::Numbers,
                format!("{is} {what}, depth {depth:?} needs {least}"),
            );
        }
    };
    least("aspects", aspects, least_aspects);
    least("curated items", items.len(), least_items);
    least("detectors", detectors.len(), least_detectors);
    let runs = concept.aspects.iter().any(|a| a.probe.is_some());
    if concept.depth == Depth::Full && runs {
        least(
            "templates",
            concept.templates.iter().filter(|t| !t.retired).count(),
            1,
        );
    }
    if concept.depth == Depth::Full {
        let all = [
            ItemKind::Predict,
            ItemKind::Bug,
            ItemKind::Fix,
            ItemKind::Concept,
        ];
        for kind in all.iter().filter(|k| !items.iter().any(|i| i.kind == **k)) {
            report.add(Rule::Numbers, format!("no curated item of kind {kind:?}"));
        }
    }
    for detector in detectors {
        let (p, n) = (detector.positive.len(), detector.negative.len());
        if p < 3 || n < 3 {
            let id = &detector.id;
            let text = format!("detector {id}: {p} positive and {n} negative examples, needs 3");
            report.add(Rule::Numbers, text);
        }
    }
}
