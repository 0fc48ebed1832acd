//! What the engineer does not want to be asked about.
//!
//! A mute is obeyed without exception by what is asked unasked: no probe, no
//! gain and no claim breaks it. `quiz --concept` on an explicit wish still
//! works.
//!
//! Elsewhere: muting is the engineer's own and stays on the laptop. While a
//! concept is muted the client does not record it as met either; what was
//! recorded before stays, and is folded and synced as before.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::ids::Slug;

/// One thing that is muted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mute {
    /// A concept, and all that is part of it.
    Concept(Slug),
    /// A domain: the slugs that begin with this word, such as `pg`.
    Domain(String),
}

impl Mute {
    /// What a typed word names: a concept of the catalogue or one of the
    /// organisation's, or a domain that has concepts.
    pub fn named(text: &str, catalogue: &Catalogue) -> Option<Self> {
        if let Some(concept) = catalogue.find(text) {
            return catalogue
                .resolve(&concept.slug)
                .map(|concept| Self::Concept(concept.slug.clone()));
        }
        if let Some(slug) = Slug::new(text).ok().filter(Slug::is_own) {
            return Some(Self::Concept(slug));
        }
        let inside = |slug: &Slug| domain(slug) == text;
        catalogue
            .iter()
            .any(|concept| inside(&concept.slug))
            .then(|| Self::Domain(text.to_owned()))
    }

    fn covers(&self, catalogue: &Catalogue, slug: &Slug) -> bool {
        match self {
            Self::Concept(muted) => {
                muted == slug || catalogue.ancestors(slug).iter().any(|a| a.slug == *muted)
            }
            Self::Domain(muted) => domain(slug) == muted,
        }
    }
}

impl fmt::Display for Mute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concept(slug) => slug.fmt(f),
            Self::Domain(word) => f.write_str(word),
        }
    }
}

/// The first word of a slug.
fn domain(slug: &Slug) -> &str {
    let text = slug.as_str();
    text.split_once('-').map_or(text, |(first, _)| first)
}

/// All that is muted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Muted(BTreeSet<Mute>);

impl Muted {
    /// Whether this concept is muted, by itself, by what it is part of, or by
    /// its domain.
    pub fn covers(&self, catalogue: &Catalogue, slug: &Slug) -> bool {
        self.0.iter().any(|mute| mute.covers(catalogue, slug))
    }

    /// Mutes; `false` if it was muted already.
    pub fn insert(&mut self, mute: Mute) -> bool {
        self.0.insert(mute)
    }

    /// Takes a mute back; `false` if it was not muted.
    pub fn remove(&mut self, mute: &Mute) -> bool {
        self.0.remove(mute)
    }

    /// What is muted, concepts first, each by name.
    pub fn iter(&self) -> impl Iterator<Item = &Mute> {
        self.0.iter()
    }

    /// Whether nothing is muted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Mute> for Muted {
    fn from_iter<I: IntoIterator<Item = Mute>>(mutes: I) -> Self {
        Self(mutes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(mute: &str) -> Vec<&'static str> {
        let catalogue = Catalogue::builtin();
        let mute = Mute::named(mute, catalogue).expect("it names something");
        let muted: Muted = [mute].into_iter().collect();
        catalogue
            .iter()
            .map(|concept| &concept.slug)
            .filter(|slug| muted.covers(catalogue, slug))
            .map(Slug::as_str)
            .collect()
    }

    #[test]
    fn a_concept_is_muted_with_all_that_is_part_of_it() {
        assert_eq!(covered("pg-advisory-locks"), ["pg-advisory-locks"]);
        let below = covered("db-relational");
        assert!(below.contains(&"pg-advisory-locks") && below.contains(&"sql-select"));
        assert!(!below.contains(&"git-rebase"));
    }

    #[test]
    fn a_domain_is_the_first_word_of_a_slug() {
        let domain = covered("pg");
        assert!(domain.len() > 2 && domain.iter().all(|slug| slug.starts_with("pg-")));
        for nothing in ["p", "nothing", "", "Pg"] {
            assert_eq!(
                Mute::named(nothing, Catalogue::builtin()),
                None,
                "{nothing}"
            );
        }
        let own = Mute::named("x-billing-ledger", Catalogue::builtin());
        assert!(matches!(own, Some(Mute::Concept(_))));
    }

    #[test]
    fn a_mute_is_taken_back_and_survives_the_store() {
        let catalogue = Catalogue::builtin();
        let mute = Mute::named("pg", catalogue).expect("a domain");
        let mut muted = Muted::default();
        assert!(muted.insert(mute.clone()) && !muted.insert(mute.clone()));
        let text = serde_json::to_string(&muted).expect("json");
        assert_eq!(serde_json::from_str::<Muted>(&text).expect("json"), muted);
        assert!(muted.remove(&mute) && muted.is_empty() && !muted.remove(&mute));
        assert_eq!(mute.to_string(), "pg");
    }
}
