//! What the engineer said about concepts and rules: wrong, muted, known. Local alone.

use super::Txn;
use crate::error::{Doing, Error, Result};
use kernel::asking::{Claim, Mute, Muted};
use kernel::catalogue::Catalogue;
use kernel::delta::{Delta, Observation};
use kernel::ids::{DAY, Hour, Slug};
use kernel::sync::Rows;
use rusqlite::params;
use std::collections::{BTreeMap, BTreeSet};

const DOING: &str = "read or write what you said about a concept";

/// A rule of a concept: its detector's id.
pub type RuleOf = (Slug, String);

impl Txn<'_> {
    /// Notes that a rule brought a concept up in this hour.
    pub fn add_met_by(&self, concept: &Slug, hour: Hour, rule: &str) -> Result<()> {
        self.inner
            .prepare_cached(
                "INSERT INTO met_by (concept, hour, rule) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )
            .and_then(|mut s| s.execute(params![concept.as_str(), hour.unix(), rule]))
            .doing(DOING)?;
        Ok(())
    }

    /// The rules through which a concept was met, by UTC day, numbered from 1970.
    pub fn met_by(&self, concept: &Slug) -> Result<BTreeMap<i64, BTreeSet<String>>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT hour, rule FROM met_by WHERE concept = ?1")
            .doing(DOING)?;
        let rows = statement
            .query_map([concept.as_str()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })
            .doing(DOING)?;
        let mut days = BTreeMap::<i64, BTreeSet<String>>::new();
        for row in rows {
            let (hour, rule) = row.doing(DOING)?;
            days.entry(hour.div_euclid(DAY)).or_default().insert(rule);
        }
        Ok(days)
    }

    /// The rules that rest on this machine, and since when.
    pub fn resting(&self) -> Result<BTreeMap<RuleOf, i64>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT concept, rule, at FROM resting")
            .doing(DOING)?;
        let rows = statement
            .query_map([], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                ))
            })
            .doing(DOING)?;
        let mut resting = BTreeMap::new();
        for row in rows {
            let (concept, rule, at) = row.doing(DOING)?;
            resting.extend(Slug::new(concept).ok().map(|slug| ((slug, rule), at)));
        }
        Ok(resting)
    }

    /// Lets a rule rest; the lines that it found go.
    pub fn let_rest(&self, concept: &Slug, rule: &str, at: i64) -> Result<()> {
        self.inner
            .execute(
                "INSERT INTO resting (concept, rule, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![concept.as_str(), rule, at],
            )
            .doing(DOING)?;
        self.inner
            .execute(
                "DELETE FROM mention WHERE concept = ?1 AND detector = ?2",
                params![concept.as_str(), rule],
            )
            .doing(DOING)?;
        Ok(())
    }

    /// Lets a rule work again; `false` if it did not rest.
    pub fn let_work(&self, concept: &Slug, rule: &str) -> Result<bool> {
        let rows = self
            .inner
            .execute(
                "DELETE FROM resting WHERE concept = ?1 AND rule = ?2",
                params![concept.as_str(), rule],
            )
            .doing(DOING)?;
        Ok(rows > 0)
    }

    /// What is muted, by its name, and since when.
    pub fn mutes(&self) -> Result<BTreeMap<String, i64>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT name, at FROM muted")
            .doing(DOING)?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
    }

    /// What is muted, for the policy.
    pub fn muted(&self) -> Result<Muted> {
        let mut muted = Muted::default();
        for name in self.mutes()?.keys() {
            // What a newer catalogue named and this one does not know mutes nothing here.
            if let Some(mute) = Mute::named(name, Catalogue::builtin()) {
                muted.insert(mute);
            }
        }
        Ok(muted)
    }

    /// Mutes; `false` if it was muted already.
    pub fn mute(&self, name: &str, at: i64) -> Result<bool> {
        let rows = self
            .inner
            .execute(
                "INSERT INTO muted (name, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                params![name, at],
            )
            .doing(DOING)?;
        Ok(rows > 0)
    }

    /// Takes a mute away; `false` if there was none.
    pub fn unmute(&self, name: &str) -> Result<bool> {
        let rows = self
            .inner
            .execute("DELETE FROM muted WHERE name = ?1", [name])
            .doing(DOING)?;
        Ok(rows > 0)
    }

    /// What the engineer says to know.
    pub fn claims(&self) -> Result<BTreeMap<Slug, Claim>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT concept, body FROM claim")
            .doing(DOING)?;
        let rows = statement
            .query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })
            .doing(DOING)?;
        let mut claims = BTreeMap::new();
        for row in rows {
            let (concept, body) = row.doing(DOING)?;
            let claim =
                serde_json::from_str(&body).map_err(|_| Error::StoreDamaged { what: "claim" })?;
            claims.extend(Slug::new(concept).ok().map(|slug| (slug, claim)));
        }
        Ok(claims)
    }

    /// Keeps a claim as it stands; the time is that of its beginning.
    pub fn set_claim(&self, concept: &Slug, at: i64, claim: &Claim) -> Result<()> {
        let body =
            serde_json::to_string(claim).map_err(|_| Error::StoreDamaged { what: "claim" })?;
        self.inner
            .execute(
                "INSERT INTO claim (concept, at, body) VALUES (?1, ?2, ?3)
                 ON CONFLICT (concept) DO UPDATE SET body = excluded.body",
                params![concept.as_str(), at, body],
            )
            .doing(DOING)?;
        Ok(())
    }

    /// Takes a claim back; `false` if there was none.
    pub fn drop_claim(&self, concept: &Slug) -> Result<bool> {
        let rows = self
            .inner
            .execute("DELETE FROM claim WHERE concept = ?1", [concept.as_str()])
            .doing(DOING)?;
        Ok(rows > 0)
    }

    /// UTC days of every present `seen` of the concepts that `stands_for` names, one for each delta;
    /// and whether there is other evidence of them.
    pub fn seen_days(&mut self, stands_for: impl Fn(&Slug) -> bool) -> Result<(Vec<i64>, bool)> {
        let (mut days, mut more) = (Vec::new(), false);
        for row in self.all()? {
            match row.delta {
                Delta::Evidence(evidence) if stands_for(&evidence.concept) => {
                    match evidence.observed {
                        Observation::Seen => days.push(evidence.at.day()),
                        Observation::Answer(_) => more = true,
                    }
                }
                _ => {}
            }
        }
        Ok((days, more))
    }
}
