//! Packs: items made ahead by the appliance, for every concept at once.
//!
//! A client fetches the whole pack and asks from it offline, so no request says which concept an
//! engineer is at. The bytes of a pack are signed (`wire::v1::SignedPack`); its version is their
//! digest.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Flaw, Item, ItemAddress, ModelPart, check};
use crate::catalogue::Catalogue;

/// The shape of [`Pack`]; a client refuses another.
pub const PACK_FORMAT: u16 = 1;
/// Largest pack as JSON, in bytes.
pub const PACK_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Items for every concept that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// [`PACK_FORMAT`].
    pub format: u16,
    /// The catalogue that the items were made from.
    pub catalogue: u32,
    /// The model that had a part, if one was there.
    pub model: Option<ModelPart>,
    /// By concept, the best first within each.
    pub items: Vec<Item>,
}

/// A pack as far as it can be asked from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The catalogue that the items were made from.
    pub catalogue: u32,
    /// The model that had a part, if one was there.
    pub model: Option<ModelPart>,
    /// Sound by the reader's own catalogue; in the pack's order.
    pub items: Vec<Item>,
    /// Items of a shape that this program does not know.
    pub unreadable: usize,
    /// Items of concepts that the reader's catalogue does not ask about.
    pub unknown: usize,
    /// Items that are not sound by the reader's catalogue, and why.
    pub flawed: Vec<(ItemAddress, Vec<Flaw>)>,
}

#[derive(Deserialize)]
struct Format {
    format: u16,
}

#[derive(Deserialize)]
struct Lenient {
    catalogue: u32,
    model: Option<ModelPart>,
    items: Vec<MaybeItem>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MaybeItem {
    Item(Box<Item>),
    Other(serde::de::IgnoredAny),
}

/// A pack that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Not the JSON of a pack.
    #[error("not the JSON of a pack: {0}")]
    Shape(String),
    /// Longer than [`PACK_MAX_BYTES`].
    #[error("{0} bytes, more than the {PACK_MAX_BYTES} of a pack")]
    TooLarge(usize),
    /// Made by a later release, or an earlier one.
    #[error("format {0} of a pack; this program reads {PACK_FORMAT}")]
    Format(u16),
}

impl Pack {
    /// The bytes that are signed and stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a pack has only strings and numbers")
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PackError> {
        if bytes.len() > PACK_MAX_BYTES {
            return Err(PackError::TooLarge(bytes.len()));
        }
        let pack: Self =
            serde_json::from_slice(bytes).map_err(|error| PackError::Shape(error.to_string()))?;
        match pack.format {
            PACK_FORMAT => Ok(pack),
            other => Err(PackError::Format(other)),
        }
    }

    /// Name of these bytes: 32 lower-case hex digits of their SHA-256.
    #[must_use]
    pub fn version_of(bytes: &[u8]) -> String {
        hex::encode(&Sha256::digest(bytes)[..16])
    }

    /// Reads them as a client of this catalogue has to: a later appliance may know concepts, forms
    /// and texts that this program does not. What cannot be asked is counted and left out.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn open(bytes: &[u8], catalogue: &Catalogue) -> Result<Opened, PackError> {
        if bytes.len() > PACK_MAX_BYTES {
            return Err(PackError::TooLarge(bytes.len()));
        }
        let shape = |error: serde_json::Error| PackError::Shape(error.to_string());
        let Format { format } = serde_json::from_slice(bytes).map_err(shape)?;
        if format != PACK_FORMAT {
            return Err(PackError::Format(format));
        }
        let pack: Lenient = serde_json::from_slice(bytes).map_err(shape)?;
        let mut opened = Opened {
            catalogue: pack.catalogue,
            model: pack.model,
            items: Vec::new(),
            unreadable: 0,
            unknown: 0,
            flawed: Vec::new(),
        };
        for item in pack.items {
            let MaybeItem::Item(item) = item else {
                opened.unreadable += 1;
                continue;
            };
            let asked = catalogue.get(&item.concept).is_some_and(|c| c.is_askable());
            match check(catalogue, &item) {
                Ok(()) => opened.items.push(*item),
                Err(_) if !asked => opened.unknown += 1,
                Err(flaws) => opened.flawed.push((item.address, flaws)),
            }
        }
        Ok(opened)
    }

    /// Items that do not pass the validator, with what is wrong with them. Items of concepts that
    /// this catalogue does not have are among them.
    #[must_use]
    pub fn flawed(&self, catalogue: &Catalogue) -> Vec<(usize, Vec<Flaw>)> {
        let checked = self.items.iter().enumerate();
        checked
            .filter_map(|(at, item)| Some((at, check(catalogue, item).err()?)))
            .collect()
    }
}
