//! Parents and prerequisites: known, acyclic, direct.

use std::collections::BTreeSet;

use super::{Finding, Rule};
use crate::catalogue::{Catalogue, Concept};
use crate::ids::Slug;

/// Most prerequisites of one concept.
const PREREQUISITES: usize = 4;

pub(super) fn check(catalogue: &Catalogue, findings: &mut Vec<Finding>) {
    for concept in catalogue.iter() {
        let mut add = |text: String| {
            findings.push(Finding {
                place: concept.slug.to_string(),
                rule: Rule::Graph,
                text,
            });
        };
        let links = [
            ("parent", &concept.parent),
            ("replaced_by", &concept.replaced_by),
        ];
        for (key, slug) in links {
            if let Some(slug) = slug.as_ref().filter(|s| catalogue.get(s).is_none()) {
                add(format!("{key} `{slug}` is unknown"));
            }
        }
        let parent = |c: &Concept| c.parent.iter().cloned().collect::<Vec<_>>();
        if closure(catalogue, concept, parent).contains(&concept.slug) {
            add("is its own ancestor".to_owned());
        }
        let replaced = |c: &Concept| c.replaced_by.iter().cloned().collect::<Vec<_>>();
        if closure(catalogue, concept, replaced).contains(&concept.slug) {
            add("is replaced by itself".to_owned());
        }
        prerequisites(catalogue, concept, &mut add);
    }
}

fn prerequisites(catalogue: &Catalogue, concept: &Concept, add: &mut impl FnMut(String)) {
    let wanted = |c: &Concept| {
        c.prerequisites
            .iter()
            .map(|p| p.slug.clone())
            .collect::<Vec<_>>()
    };
    let n = concept.prerequisites.len();
    if n > PREREQUISITES {
        add(format!("{n} prerequisites, limit {PREREQUISITES}"));
    }
    if closure(catalogue, concept, wanted).contains(&concept.slug) {
        add("is its own prerequisite".to_owned());
        return;
    }
    for p in &concept.prerequisites {
        let slug = &p.slug;
        if !p.why.trim_end().ends_with('.') {
            add(format!("prerequisite `{slug}`: why is no sentence"));
        }
        if catalogue.get(slug).is_none() {
            add(format!("prerequisite `{slug}` is unknown"));
        }
        let through = concept.prerequisites.iter().find(|other| {
            other.slug != *slug
                && catalogue
                    .get(&other.slug)
                    .is_some_and(|o| closure(catalogue, o, wanted).contains(slug))
        });
        if let Some(other) = through {
            add(format!(
                "prerequisite `{slug}` is implied through `{}`",
                other.slug
            ));
        }
        let twice = concept
            .prerequisites
            .iter()
            .filter(|other| other.slug == *slug)
            .count();
        if twice > 1 {
            add(format!("prerequisite `{slug}` is named twice"));
        }
    }
}

/// Everything that is reached by following links from a concept.
fn closure(
    catalogue: &Catalogue,
    from: &Concept,
    links: impl Fn(&Concept) -> Vec<Slug>,
) -> BTreeSet<Slug> {
    let mut found = BTreeSet::new();
    let mut open = links(from);
    while let Some(slug) = open.pop() {
        if let Some(concept) = catalogue.get(&slug)
            && found.insert(slug)
        {
            open.extend(links(concept));
        }
    }
    found
}
