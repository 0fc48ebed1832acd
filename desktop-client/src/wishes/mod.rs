//! `aiworklab wrong`, `mute`, `unmute`, `know`: the engineer's own word on rules and concepts.
//!
//! It stays on this machine and goes before everything that the product computes. What each one
//! means is said when it is given, and each one can be taken back.

mod know;
mod mute;
#[cfg(test)]
mod tests;
mod wrong;

pub use know::{Know, know, list as claims, standing};
pub use mute::{Muting, list as mutes, mute, unmute};
pub use wrong::{Wrong, list as resting, wrong};

use crate::graph;
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use kernel::tagging::plan;
use serde_json::Value;

/// What a command says: in words, and as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// In words.
    pub text: String,
    /// As JSON.
    pub json: Value,
}

/// Ids of the rules that find a concept in this release, those of concepts that it replaced and those
/// that read plans included.
pub fn rules_of(concept: &Slug) -> Vec<String> {
    let stands_for = |slug: &Slug| graph::resolved(slug.clone()) == *concept;
    let mut rules: Vec<String> = Catalogue::builtin()
        .iter()
        .filter(|entry| stands_for(&entry.slug))
        .flat_map(|entry| entry.detectors.iter().map(|detector| detector.id.clone()))
        .chain([plan::BY_NAME, plan::BY_LIKENESS].map(str::to_owned))
        .collect();
    rules.sort();
    rules.dedup();
    rules
}

/// A concept's title and its slug.
pub fn titled(concept: &Slug) -> String {
    match Catalogue::builtin().get(concept) {
        Some(entry) => format!("{} ({concept})", entry.title),
        None => concept.to_string(),
    }
}
