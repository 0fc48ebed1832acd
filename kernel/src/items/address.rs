//! Addresses: what an item is made of, as text that stays valid for ever.
//!
//! `concept/aspect/form/…`, then the form's parts by their positions in the
//! catalogue's lists, which are only appended to. Flags of engineers and item
//! statistics hang on them; the order of the options is not part of one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Form;
use crate::ids::Slug;

/// Longest address, in bytes.
const MAX_LEN: usize = 512;

/// Name of an item: `git-rebase/onto/ask/s0/r0/w0.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemAddress {
    text: String,
    concept: Slug,
    form: Form,
}

/// A text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an item's address: {reason}")]
pub struct AddressError {
    reason: &'static str,
}

impl ItemAddress {
    pub(super) fn new(concept: &Slug, aspect: &str, form: Form, parts: &str) -> Self {
        let text = format!("{concept}/{aspect}/{}/{parts}", form.as_str());
        Self {
            text,
            concept: concept.clone(),
            form,
        }
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The concept.
    pub fn concept(&self) -> &Slug {
        &self.concept
    }

    /// The aspect that the item tests.
    pub fn aspect(&self) -> &str {
        self.part(1)
    }

    /// How the item is put.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The aspects whose true answers a `spot` item shows as claims: seen by
    /// the engineer, so not to be asked for a week. Empty for other forms.
    pub fn claims(&self) -> Vec<&str> {
        if self.form != Form::Spot {
            return Vec::new();
        }
        let last = self.text.rsplit('/').next().unwrap_or("");
        last.split('+')
            .filter_map(|claim| claim.split('.').next())
            .collect()
    }

    fn part(&self, at: usize) -> &str {
        self.text.split('/').nth(at).unwrap_or("")
    }
}

impl fmt::Display for ItemAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ItemAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refuse = |reason| Err(AddressError { reason });
        let sound = |b: u8| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'+' | b'/')
        };
        if text.len() > MAX_LEN || !text.bytes().all(sound) {
            return refuse("it is too long or has a character that none has");
        }
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() < 4 || parts.iter().any(|p| p.is_empty()) {
            return refuse("it has fewer than four parts");
        }
        let Ok(concept) = parts[0].parse::<Slug>() else {
            return refuse("its first part is no concept");
        };
        let all = [
            Form::Curated,
            Form::Template,
            Form::Ask,
            Form::Spot,
            Form::Reply,
            Form::Complete,
        ];
        match all.into_iter().find(|f| f.as_str() == parts[2]) {
            Some(form) => Ok(Self {
                text: text.to_owned(),
                concept,
                form,
            }),
            None => refuse("its third part is no form"),
        }
    }
}

impl Serialize for ItemAddress {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ItemAddress {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}
