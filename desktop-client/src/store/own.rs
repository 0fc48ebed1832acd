//! Items about the engineer's own lines, and what the engineer's own model was asked.
//!
//! Invariant: an item goes when its line goes, by whatever statement (a trigger of `0006_model.sql`).

use super::Txn;
use crate::error::{Doing, Error, Result};
use kernel::ids::{DAY, Slug};
use kernel::items::Item;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const DOING: &str = "read or write what your own model made";
const SEED: &str = "own_model_seed";
const TROUBLE: &str = "own_model_trouble";
/// Counts are kept this long, in days.
const COUNTS_KEPT: i64 = 30;

/// A kept line of the engineer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLine {
    /// Its number here.
    pub mention: i64,
    /// When it was written, in seconds by this machine's clock.
    pub at: i64,
    /// The file's last name.
    pub file: String,
    /// The line.
    pub line: String,
    /// Its number in the file, where it is known.
    pub row: Option<u32>,
    /// The change's hash.
    pub diff: Vec<u8>,
}

/// Why the model could not be used the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnTrouble {
    /// When, in seconds by this machine's clock.
    pub at: i64,
    /// Code of the manual.
    pub code: String,
    /// What was wrong, in a sentence.
    pub text: String,
    /// Not tried again before this.
    pub until: i64,
}

const LINE: &str = "SELECT id, at, file, line, row, diff FROM mention";

impl Txn<'_> {
    /// The lines in which a concept was met at or after `since` and that the model was not asked
    /// about, the one that shows it best first.
    pub fn own_lines(&self, concept: &Slug, since: i64) -> Result<Vec<OwnLine>> {
        self.own_lines_by(
            &format!(
                "{LINE} WHERE concept = ?1 AND at >= ?2 AND line != ''
                 AND id NOT IN (SELECT mention FROM own_tried)
                 ORDER BY strong DESC, confidence DESC, at DESC, id DESC LIMIT 20"
            ),
            params![concept.as_str(), since],
        )
    }

    /// All kept lines of the same change of the same file, in the file's order.
    pub fn own_lines_beside(&self, line: &OwnLine) -> Result<Vec<OwnLine>> {
        self.own_lines_by(
            &format!(
                "{LINE} WHERE diff = ?1 AND file = ?2 AND line != '' ORDER BY row, id LIMIT 100"
            ),
            params![line.diff, line.file],
        )
    }

    fn own_lines_by(&self, sql: &str, by: impl rusqlite::Params) -> Result<Vec<OwnLine>> {
        let mut statement = self.inner.prepare_cached(sql).doing(DOING)?;
        let rows = statement
            .query_map(by, |row| {
                Ok(OwnLine {
                    mention: row.get(0)?,
                    at: row.get(1)?,
                    file: row.get(2)?,
                    line: row.get(3)?,
                    row: row.get(4)?,
                    diff: row.get(5)?,
                })
            })
            .doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
    }

    /// Notes that the model is asked about this line.
    pub fn own_tried(&self, mention: i64) -> Result<()> {
        self.inner
            .execute(
                "INSERT INTO own_tried (mention) VALUES (?1) ON CONFLICT DO NOTHING",
                [mention],
            )
            .doing(DOING)?;
        Ok(())
    }

    /// Keeps an item about a line; `false` if the line is gone.
    pub fn add_own(&self, mention: i64, made: i64, item: &Item, plain: &Item) -> Result<bool> {
        let text = |item: &Item| {
            serde_json::to_string(item).map_err(|_| Error::StoreDamaged { what: "check" })
        };
        let rows = self
            .inner
            .execute(
                "INSERT INTO own_item (mention, made, concept, item, plain)
                 SELECT id, ?2, ?3, ?4, ?5 FROM mention WHERE id = ?1",
                params![
                    mention,
                    made,
                    item.concept.as_str(),
                    text(item)?,
                    text(plain)?
                ],
            )
            .doing(DOING)?;
        Ok(rows == 1)
    }

    /// Items about the engineer's own lines that became no check yet, the newest first.
    pub fn own_items(&self, concept: &Slug) -> Result<Vec<Item>> {
        self.items(
            "SELECT item FROM own_item WHERE concept = ?1 AND ask IS NULL ORDER BY id DESC",
            concept,
        )
    }

    /// How many items wait, and how many became a check.
    pub fn own_items_held(&self) -> Result<(u64, u64)> {
        let held: (i64, i64) = self
            .inner
            .query_row(
                "SELECT count(*) - count(ask), count(ask) FROM own_item",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .doing(DOING)?;
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok((number(held.0), number(held.1)))
    }

    /// Notes which check an item became.
    pub(super) fn own_asked(&self, ask: i64, item: &str) -> Result<()> {
        self.inner
            .execute(
                "UPDATE own_item SET ask = ?1 WHERE id =
                 (SELECT max(id) FROM own_item WHERE item = ?2 AND ask IS NULL)",
                params![ask, item],
            )
            .doing(DOING)?;
        Ok(())
    }

    /// Deletes everything that the model made; checks get the catalogue's own items back.
    pub fn drop_own(&self) -> Result<()> {
        self.inner
            .execute_batch(
                "UPDATE ask SET item = (SELECT plain FROM own_item WHERE own_item.ask = ask.id)
                     WHERE id IN (SELECT ask FROM own_item WHERE ask IS NOT NULL);
                 DELETE FROM own_item;
                 DELETE FROM own_tried;",
            )
            .doing(DOING)?;
        self.drop_fact(TROUBLE)
    }

    /// Adds to a count of the day that `at` lies in.
    pub fn own_count(&self, at: i64, what: &str, n: i64) -> Result<()> {
        let day = at.div_euclid(DAY);
        self.inner
            .execute(
                "INSERT INTO own_count (day, what, n) VALUES (?1, ?2, ?3)
                 ON CONFLICT (day, what) DO UPDATE SET n = n + excluded.n",
                params![day, what, n],
            )
            .doing(DOING)?;
        self.inner
            .execute("DELETE FROM own_count WHERE day < ?1", [day - COUNTS_KEPT])
            .doing(DOING)?;
        Ok(())
    }

    /// Counts of the days from that of `since` on, added up.
    pub fn own_counts(&self, since: i64) -> Result<BTreeMap<String, u64>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT what, sum(n) FROM own_count WHERE day >= ?1 GROUP BY what")
            .doing(DOING)?;
        let rows = statement
            .query_map([since.div_euclid(DAY)], |row| {
                let n: i64 = row.get(1)?;
                Ok((row.get(0)?, u64::try_from(n).unwrap_or(0)))
            })
            .doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
    }

    /// The seed that the next request is made with; the same until [`Txn::set_own_seed`].
    pub fn own_seed(&self) -> Result<Option<u64>> {
        Ok(self.fact::<i64>(SEED)?.map(i64::cast_unsigned))
    }

    /// Sets it.
    pub fn set_own_seed(&self, seed: u64) -> Result<()> {
        self.set_fact(SEED, seed.cast_signed())
    }

    /// Why the model could not be used the last time, if it could not.
    pub fn own_trouble(&self) -> Result<Option<OwnTrouble>> {
        self.shape(TROUBLE)
    }

    /// Notes it; `None`: nothing is wrong.
    pub fn set_own_trouble(&self, trouble: Option<&OwnTrouble>) -> Result<()> {
        match trouble {
            Some(trouble) => self.set_shape(TROUBLE, trouble),
            None => self.drop_fact(TROUBLE),
        }
    }
}
