//! The catalogue: what concepts there are, how they are recognised in a
//! change, and what may be asked about them.
//!
//! Entries are files, compiled in, so that the appliance and every laptop of
//! one release mean the same by a slug. An organisation's own concepts live
//! in the `x-` namespace and never in this catalogue.
//!
//! Invariant: a slug is never reused; of two catalogues the one with the
//! greater version knows every slug of the other.
//! Elsewhere: what is asked is made in [`crate::items`], what is found in
//! [`crate::tagging`].

mod detector;
mod entry;
pub mod lint;
pub(crate) mod load;
pub mod precision;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

pub use entry::{
    Answer, Aspect, Belief, Concept, ConfigFormat, CuratedItem, CuratedOption, Depth, Detector,
    Example, ExpectedCase, ExpectedWrong, ItemKind, Prerequisite, Probe, Probes, Seek, Strength,
    Template, Value, Values,
};
pub use lint::{Finding, Rule, lint};
pub use load::Error;
pub use precision::Judged;

use crate::ids::Slug;

/// Version of the entries that this build carries; it rises with every
/// release that changes what an entry means.
pub const VERSION: u32 = 1;

/// Prefix of the slugs that belong to an organisation.
pub const ORGANISATION_PREFIX: &str = "x-";

static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| match Catalogue::embedded() {
    Ok(catalogue) => catalogue,
    Err(errors) => {
        let list: Vec<String> = errors.iter().map(|e| format!("\n  {e}")).collect();
        panic!("this build carries a broken catalogue:{}", list.concat())
    }
});

/// All concepts of one version.
#[derive(Clone, Debug)]
pub struct Catalogue {
    version: u32,
    concepts: BTreeMap<Slug, Concept>,
    judged: BTreeMap<Slug, Judged>,
}

impl Catalogue {
    /// The catalogue that this build carries.
    ///
    /// # Panics
    /// If an embedded file does not read, which a test of this crate excludes.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Number that the wire carries as `catalogue`.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// How many concepts there are.
    pub fn len(&self) -> usize {
        self.concepts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.concepts.is_empty()
    }

    /// The concept of this slug.
    pub fn get(&self, slug: &Slug) -> Option<&Concept> {
        self.concepts.get(slug)
    }

    /// The concept of this slug, given as text.
    pub fn find(&self, slug: &str) -> Option<&Concept> {
        self.concepts.get(&slug.parse::<Slug>().ok()?)
    }

    /// All concepts, by slug.
    pub fn iter(&self) -> impl Iterator<Item = &Concept> {
        self.concepts.values()
    }

    /// The concepts on which checks are given, by slug.
    pub fn askable(&self) -> impl Iterator<Item = &Concept> {
        self.iter().filter(|c| c.is_askable())
    }

    /// What readers said of the concept's tags in real commits.
    pub fn judged(&self, slug: &Slug) -> Judged {
        self.judged.get(slug).copied().unwrap_or_default()
    }

    /// What the concept is part of.
    pub fn parent(&self, slug: &Slug) -> Option<&Concept> {
        self.get(self.get(slug)?.parent.as_ref()?)
    }

    /// What the concept is part of, nearest first, up to the root.
    pub fn ancestors(&self, slug: &Slug) -> Vec<&Concept> {
        let mut found: Vec<&Concept> = Vec::new();
        let mut at = slug;
        // The bound holds also in a catalogue that lint would refuse for a cycle.
        while found.len() < self.len() {
            let Some(parent) = self.parent(at) else { break };
            found.push(parent);
            at = &parent.slug;
        }
        found
    }

    /// The concepts that name this one as their parent, by slug.
    pub fn children(&self, slug: &Slug) -> Vec<&Concept> {
        self.iter()
            .filter(|c| c.parent.as_ref() == Some(slug))
            .collect()
    }

    /// What has to be understood directly before this concept.
    pub fn prerequisites(&self, slug: &Slug) -> Vec<&Concept> {
        let Some(concept) = self.get(slug) else {
            return Vec::new();
        };
        concept
            .prerequisites
            .iter()
            .filter_map(|p| self.get(&p.slug))
            .collect()
    }

    /// The concept under which this slug's evidence is folded today.
    pub fn resolve(&self, slug: &Slug) -> Option<&Concept> {
        let mut concept = self.get(slug)?;
        for _ in 0..self.len() {
            match &concept.replaced_by {
                Some(next) => concept = self.get(next)?,
                None => break,
            }
        }
        Some(concept)
    }

    /// Whether a delta may name this slug: it is in the catalogue, or it is
    /// one of the organisation's own (`extra`) and in the `x-` namespace.
    pub fn accepts(&self, slug: &Slug, extra: &BTreeSet<Slug>) -> bool {
        self.concepts.contains_key(slug)
            || (slug.as_str().starts_with(ORGANISATION_PREFIX) && extra.contains(slug))
    }
}
