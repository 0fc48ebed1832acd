//! The pack of items that checks are taken from, and what went wrong when a newer one was fetched.

use super::Txn;
use crate::error::{Doing, Error, Result};
use kernel::ids::Slug;
use kernel::items::{Item, ModelPart};
use rusqlite::params;
use serde::{Deserialize, Serialize};

const DOING: &str = "read or write the appliance's items";
const PACK: &str = "pack";
const TROUBLE: &str = "pack_trouble";

/// The pack in use, without its items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its version, 32 hexadecimal digits.
    pub version: String,
    /// The catalogue that it was made from.
    pub catalogue: u32,
    /// The model that had a part in it.
    pub model: Option<ModelPart>,
    /// When it was taken, in seconds by this machine's clock.
    pub at: i64,
    /// Items that are kept.
    pub items: u64,
    /// Concepts that they are about.
    pub concepts: u64,
    /// Items that this program could not vouch for, and left out.
    pub left_out: u64,
    /// The program that looked through it: another one may be able to take more.
    pub reader: String,
}

/// Why the last pack was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When, in seconds by this machine's clock.
    pub at: i64,
    /// Code of the manual.
    pub code: String,
    /// What was wrong, in a sentence.
    pub text: String,
}

impl Txn<'_> {
    /// The pack in use.
    pub fn pack(&self) -> Result<Option<Kept>> {
        self.shape(PACK)
    }

    /// Puts a pack in the place of the one before; what was wrong with an earlier one is over.
    pub fn set_pack(&self, kept: &Kept, items: &[Item]) -> Result<()> {
        self.inner
            .execute("DELETE FROM pack_item", [])
            .doing(DOING)?;
        let mut insert = self
            .inner
            .prepare_cached("INSERT INTO pack_item (concept, place, item) VALUES (?1, ?2, ?3)")
            .doing(DOING)?;
        for (place, item) in (0_i64..).zip(items) {
            let text =
                serde_json::to_string(item).map_err(|_| Error::StoreDamaged { what: "check" })?;
            insert
                .execute(params![item.concept.as_str(), place, text])
                .doing(DOING)?;
        }
        self.set_shape(PACK, kept)?;
        self.drop_fact(TROUBLE)
    }

    /// The pack's items of a concept, in its order. Those that cannot be read any more are left out.
    pub fn pack_items(&self, concept: &Slug) -> Result<Vec<Item>> {
        self.items(
            "SELECT item FROM pack_item WHERE concept = ?1 ORDER BY place",
            concept,
        )
    }

    /// The items of a concept that `select` finds. Those that cannot be read any more are left out.
    pub(super) fn items(&self, select: &str, concept: &Slug) -> Result<Vec<Item>> {
        let mut statement = self.inner.prepare_cached(select).doing(DOING)?;
        let rows = statement
            .query_map([concept.as_str()], |row| row.get::<_, String>(0))
            .doing(DOING)?;
        let texts = rows.collect::<rusqlite::Result<Vec<_>>>().doing(DOING)?;
        let items = texts.iter();
        Ok(items
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect())
    }

    /// Why the last pack was not taken, if it was not.
    pub fn pack_trouble(&self) -> Result<Option<Trouble>> {
        self.shape(TROUBLE)
    }

    /// Notes why a pack was not taken; `None`: nothing is wrong.
    pub fn set_pack_trouble(&self, trouble: Option<&Trouble>) -> Result<()> {
        match trouble {
            Some(trouble) => self.set_shape(TROUBLE, trouble),
            None => self.drop_fact(TROUBLE),
        }
    }
}
