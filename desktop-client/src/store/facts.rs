//! Small facts by name: keys, the enrolment, the last contact, and counts of what could not be used.

use super::Txn;
use crate::error::{Doing, Error, Result};
use crate::world::World;
use kernel::ids::{StoreId, StreamId};
use rusqlite::types::{FromSql, ToSql};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

const DOING: &str = "read or write a fact of the personal store";

/// Which appliance this graph is shared with. The device's id stands in its certificate alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// Base URL for people.
    pub people: String,
    /// Base URL for devices.
    pub devices: String,
    /// The appliance's store.
    pub store: StoreId,
    /// What this machine is called there.
    pub name: String,
    /// SHA-256 of the root certificate, 64 hexadecimal digits.
    pub root: String,
    /// When the device certificate ends, in seconds.
    pub not_after: i64,
}

/// The last time that the appliance answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// When, in seconds by this machine's clock.
    pub at: i64,
    /// The store that answered.
    pub store: StoreId,
    /// Its generation.
    pub generation: u64,
    /// Its catalogue version.
    pub catalogue: u32,
    /// Whether the sync came to its end.
    pub complete: bool,
}

impl Txn<'_> {
    pub(super) fn fact<T: FromSql>(&self, name: &str) -> Result<Option<T>> {
        self.inner
            .prepare_cached("SELECT value FROM fact WHERE name = ?1")
            .and_then(|mut s| s.query_row([name], |row| row.get(0)).optional())
            .doing(DOING)
    }

    pub(super) fn set_fact(&self, name: &str, value: impl ToSql) -> Result<()> {
        self.inner
            .prepare_cached(
                "INSERT INTO fact (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .and_then(|mut s| s.execute(params![name, value]))
            .doing(DOING)?;
        Ok(())
    }

    pub(super) fn drop_fact(&self, name: &str) -> Result<()> {
        self.inner
            .execute("DELETE FROM fact WHERE name = ?1", [name])
            .doing(DOING)?;
        Ok(())
    }

    pub(super) fn shape<T: for<'de> Deserialize<'de>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>> {
        let text: Option<String> = self.fact(name)?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| Error::StoreDamaged { what: name })
    }

    pub(super) fn set_shape(&self, name: &'static str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(value).map_err(|_| Error::StoreDamaged { what: name })?;
        self.set_fact(name, text)
    }

    /// When this graph began, in seconds by this machine's clock; now, if it begins now, or if the
    /// clock was ahead when it did: else the silent first week could last for years.
    pub fn began(&self, now: i64) -> Result<i64> {
        if let Some(at) = self.fact::<i64>("began")?.filter(|at| *at <= now) {
            return Ok(at);
        }
        self.set_fact("began", now)?;
        Ok(now)
    }

    /// When this graph began, if that was noted.
    pub fn began_at(&self) -> Result<Option<i64>> {
        self.fact("began")
    }

    /// Whether anything is asked unasked, and when the engineer last turned that on, in seconds.
    pub fn asking(&self) -> Result<(bool, Option<i64>)> {
        Ok((
            self.fact::<bool>("asking_off")? != Some(true),
            self.fact("asking_on_at")?,
        ))
    }

    /// Turns asking on or off.
    pub fn set_asking(&self, on: bool, now: i64) -> Result<()> {
        self.set_fact("asking_off", !on)?;
        if on {
            self.set_fact("asking_on_at", now)?;
        }
        Ok(())
    }

    /// The key under which this device hashes what must not be guessed back.
    ///
    /// # Errors
    /// Those of the place where keys lie.
    pub fn hash_key(&self, world: &dyn World) -> Result<Zeroizing<Vec<u8>>> {
        match self.fact::<Vec<u8>>(super::HASH_KEY)? {
            Some(key) => Ok(Zeroizing::new(key)),
            None => self.secret.get(world),
        }
    }

    /// The enrolment, if there is one.
    pub fn enrolment(&self) -> Result<Option<Enrolment>> {
        self.shape("enrolment")
    }

    /// Sets it.
    pub fn set_enrolment(&self, enrolment: &Enrolment) -> Result<()> {
        self.set_shape("enrolment", enrolment)
    }

    /// The last contact, if there was one.
    pub fn contact(&self) -> Result<Option<Contact>> {
        self.shape("contact")
    }

    /// Sets it.
    pub fn set_contact(&self, contact: &Contact) -> Result<()> {
        self.set_shape("contact", contact)
    }

    /// Forgets it: another appliance will be met.
    pub fn drop_contact(&self) -> Result<()> {
        self.drop_fact("contact")
    }

    /// Counts something that could not be used.
    pub fn count(&self, name: &str, n: u64) -> Result<()> {
        if n == 0 {
            return Ok(());
        }
        self.inner
            .prepare_cached(
                "INSERT INTO tally (name, n) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
            )
            .and_then(|mut s| s.execute(params![name, i64::try_from(n).unwrap_or(i64::MAX)]))
            .doing(DOING)?;
        Ok(())
    }

    /// What could not be used, by name.
    pub fn tallies(&self) -> Result<BTreeMap<String, u64>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT name, n FROM tally")
            .doing(DOING)?;
        let rows = statement
            .query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })
            .doing(DOING)?;
        rows.map(|row| row.map(|(name, n)| (name, u64::try_from(n).unwrap_or(0))))
            .collect::<rusqlite::Result<_>>()
            .doing(DOING)
    }
}

/// A new stream's id.
///
/// # Errors
/// [`Error::NoRandomness`] if the system gives none.
pub fn fresh_stream(world: &dyn World) -> Result<StreamId> {
    let mut bytes = [0; 16];
    if world.fill(&mut bytes) {
        Ok(StreamId::new(bytes))
    } else {
        Err(Error::NoRandomness)
    }
}
