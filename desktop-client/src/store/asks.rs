//! Checks: which waits, which was answered how. What was asked stays here; only that a check was
//! passed or failed becomes a delta.

use super::Txn;
use crate::error::{Doing, Error, Result};
use kernel::ids::Slug;
use kernel::items::Item;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Row, params};
use std::collections::BTreeMap;

const DOING: &str = "read or write a check";

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody has answered it.
    Waiting,
    /// The key was chosen.
    Right,
    /// Another option was chosen.
    Wrong,
    /// "I am not sure": stays here.
    Unsure,
    /// "Later": stays here.
    Later,
    /// "Not now, and not this": stays here, and makes the product quieter.
    Dismissed,
}

impl Outcome {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Waiting, "waiting"),
        (Self::Right, "right"),
        (Self::Wrong, "wrong"),
        (Self::Unsure, "unsure"),
        (Self::Later, "later"),
        (Self::Dismissed, "dismissed"),
    ];
}

impl ToSql for Outcome {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let name = Self::ALL
            .iter()
            .find(|(outcome, _)| outcome == self)
            .map_or("", |(_, n)| n);
        Ok(ToSqlOutput::from(name))
    }
}

impl FromSql for Outcome {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known
            .map(|(outcome, _)| *outcome)
            .ok_or(FromSqlError::InvalidType)
    }
}

/// A check that is to be asked.
#[derive(Clone, Debug)]
pub struct NewAsk<'a> {
    /// When it was decided, in seconds.
    pub at: i64,
    /// The question, whole, as it will be shown.
    pub item: &'a Item,
    /// The pack that it was taken from; `None` if it was drawn here.
    pub pack: Option<&'a str>,
    /// Why this concept, in words.
    pub reason: &'a str,
    /// The decision in one sentence.
    pub sentence: &'a str,
    /// Whether the concept was never asked before.
    pub new: bool,
    /// Whether its date was drawn to measure retention.
    pub probe: bool,
    /// Whether the engineer asked for it.
    pub requested: bool,
    /// Whether it is one of the two that an "I know this" takes.
    pub harder: bool,
}

/// A check, as it is kept.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its number here.
    pub id: i64,
    /// When it was decided, in seconds.
    pub at: i64,
    /// The question.
    pub item: Item,
    /// The seed that it was made with.
    pub seed: u64,
    /// Version of the pack that it was taken from; `None` if it was drawn here.
    pub pack: Option<String>,
    /// Why this concept.
    pub reason: String,
    /// The decision in one sentence; checks of an older program have none.
    pub sentence: Option<String>,
    /// Whether the concept was never asked before.
    pub new: bool,
    /// Whether its date was drawn to measure retention.
    pub probe: bool,
    /// Whether the engineer asked for it.
    pub requested: bool,
    /// Whether it is one of the two that an "I know this" takes.
    pub harder: bool,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was answered or put off, in seconds.
    pub answered: Option<i64>,
}

const COLUMNS: &str =
    "id, at, item, seed, reason, new, probe, requested, outcome, answered, pack, sentence, harder";

/// A row, its item still as text.
struct Raw {
    id: i64,
    at: i64,
    item: String,
    seed: i64,
    reason: String,
    new: bool,
    probe: bool,
    requested: bool,
    outcome: Outcome,
    answered: Option<i64>,
    pack: Option<String>,
    sentence: Option<String>,
    harder: bool,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        id: row.get(0)?,
        at: row.get(1)?,
        item: row.get(2)?,
        seed: row.get(3)?,
        reason: row.get(4)?,
        new: row.get(5)?,
        probe: row.get(6)?,
        requested: row.get(7)?,
        outcome: row.get(8)?,
        answered: row.get(9)?,
        pack: row.get(10)?,
        sentence: row.get(11)?,
        harder: row.get(12)?,
    })
}

impl Raw {
    fn whole(self) -> Result<Ask> {
        let item =
            serde_json::from_str(&self.item).map_err(|_| Error::StoreDamaged { what: "check" })?;
        Ok(Ask {
            id: self.id,
            at: self.at,
            item,
            seed: self.seed.cast_unsigned(),
            pack: self.pack,
            reason: self.reason,
            sentence: self.sentence,
            new: self.new,
            probe: self.probe,
            requested: self.requested,
            harder: self.harder,
            outcome: self.outcome,
            answered: self.answered,
        })
    }
}

impl Txn<'_> {
    /// Keeps a check; it waits.
    pub fn add_ask(&self, ask: &NewAsk<'_>) -> Result<i64> {
        let item =
            serde_json::to_string(ask.item).map_err(|_| Error::StoreDamaged { what: "check" })?;
        self.inner
            .execute(
                "INSERT INTO ask (at, concept, address, seed, catalogue, item, reason, new, probe, requested,
                                  pack, sentence, harder)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                params![
                    ask.at,
                    ask.item.concept.as_str(),
                    ask.item.address.to_string(),
                    ask.item.provenance.seed.cast_signed(),
                    ask.item.provenance.catalogue,
                    item,
                    ask.reason,
                    ask.new,
                    ask.probe,
                    ask.requested,
                    ask.pack,
                    ask.sentence,
                    ask.harder
                ],
            )
            .doing(DOING)?;
        let id = self.inner.last_insert_rowid();
        if ask.item.provenance.own.is_some() {
            self.own_asked(id, &item)?;
        }
        Ok(id)
    }

    /// The check of this number.
    pub fn ask(&self, id: i64) -> Result<Option<Ask>> {
        self.inner
            .prepare_cached(&format!("SELECT {COLUMNS} FROM ask WHERE id = ?1"))
            .and_then(|mut s| s.query_row([id], raw).optional())
            .doing(DOING)?
            .map(Raw::whole)
            .transpose()
    }

    /// The check that waits, the oldest first.
    pub fn waiting(&self) -> Result<Option<Ask>> {
        self.inner
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM ask WHERE outcome = 'waiting' ORDER BY id LIMIT 1"
            ))
            .and_then(|mut s| s.query_row([], raw).optional())
            .doing(DOING)?
            .map(Raw::whole)
            .transpose()
    }

    /// The check that waits of this concept.
    pub fn waiting_of(&self, concept: &Slug) -> Result<Option<Ask>> {
        self.inner
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM ask WHERE outcome = 'waiting' AND concept = ?1 ORDER BY id LIMIT 1"
            ))
            .and_then(|mut s| s.query_row([concept.as_str()], raw).optional())
            .doing(DOING)?
            .map(Raw::whole)
            .transpose()
    }

    /// Checks decided at or after `since`, the oldest first.
    pub fn asks(&self, since: i64) -> Result<Vec<Ask>> {
        let mut statement = self
            .inner
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM ask WHERE at >= ?1 ORDER BY id"
            ))
            .doing(DOING)?;
        let rows = statement.query_map([since], raw).doing(DOING)?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>().doing(DOING)?;
        rows.into_iter().map(Raw::whole).collect()
    }

    /// Checks of a concept, the latest first.
    pub fn asks_of(&self, concept: &Slug) -> Result<Vec<Ask>> {
        let mut statement = self
            .inner
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM ask WHERE concept = ?1 ORDER BY id DESC"
            ))
            .doing(DOING)?;
        let rows = statement.query_map([concept.as_str()], raw).doing(DOING)?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>().doing(DOING)?;
        rows.into_iter().map(Raw::whole).collect()
    }

    /// Says what became of a waiting check; `false` if it does not wait any more.
    pub fn settle(&self, id: i64, outcome: Outcome, at: i64) -> Result<bool> {
        let rows = self
            .inner
            .execute(
                "UPDATE ask SET outcome = ?2, answered = ?3 WHERE id = ?1 AND outcome = 'waiting'",
                params![id, outcome, at],
            )
            .doing(DOING)?;
        Ok(rows == 1)
    }

    /// The dates to which probes are held back, by concept, in seconds.
    pub fn probes(&self) -> Result<BTreeMap<Slug, i64>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT concept, due FROM probe")
            .doing(DOING)?;
        let rows = statement
            .query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })
            .doing(DOING)?;
        let mut probes = BTreeMap::new();
        for row in rows {
            let (concept, due) = row.doing(DOING)?;
            probes.extend(Slug::new(concept).ok().map(|concept| (concept, due)));
        }
        Ok(probes)
    }

    /// Holds the next check of a concept back to a date, as a probe; `None` lets it go.
    pub fn set_probe(&self, concept: &Slug, due: Option<i64>) -> Result<()> {
        match due {
            Some(due) => self.inner.execute(
                "INSERT INTO probe (concept, due) VALUES (?1, ?2)
                 ON CONFLICT (concept) DO UPDATE SET due = excluded.due",
                params![concept.as_str(), due],
            ),
            None => self
                .inner
                .execute("DELETE FROM probe WHERE concept = ?1", [concept.as_str()]),
        }
        .doing(DOING)?;
        Ok(())
    }
}
