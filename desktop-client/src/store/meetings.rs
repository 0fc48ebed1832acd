//! Where concepts were met, and what happened lately. Local alone, and short-lived.

use super::Txn;
use crate::error::{Doing, Result};
use kernel::delta::{Retract, Scope};
use kernel::ids::{DAY, HOUR, Slug};
use kernel::sync::client::Local;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeSet;

const DOING: &str = "read or write where concepts were met";

/// The engineer's own lines are kept this long, in seconds.
pub const MENTIONS_KEPT_S: i64 = 7 * DAY;
/// An act is recognised when it is told again within this time, in seconds.
const ACTS_KEPT_S: i64 = 90 * DAY;
/// The ask policy looks back no further than this, in seconds.
const MOMENTS_KEPT_S: i64 = 2 * DAY;

/// A concept met in a line.
#[derive(Clone, Debug)]
pub struct NewMention<'a> {
    /// When, in seconds.
    pub at: i64,
    /// The concept.
    pub concept: &'a Slug,
    /// What found it.
    pub detector: &'a str,
    /// Whether it counts by itself.
    pub strong: bool,
    /// HMAC-SHA-256 of the change, under the device's key.
    pub diff: &'a [u8],
    /// The file's last name.
    pub file: &'a str,
    /// The line.
    pub line: &'a str,
}

/// The line that a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// When, in seconds.
    pub at: i64,
    /// The file's last name.
    pub file: String,
    /// The line.
    pub line: String,
}

impl Txn<'_> {
    /// Notes that an act happened; `false` if it was noted before.
    pub fn is_first(&self, act: &[u8], at: i64) -> Result<bool> {
        let rows = self
            .inner
            .prepare_cached("INSERT INTO act (id, at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
            .and_then(|mut s| s.execute(params![act, at]))
            .doing(DOING)?;
        Ok(rows == 1)
    }

    /// Keeps where a concept was met.
    pub fn add_mention(&self, mention: &NewMention<'_>) -> Result<()> {
        self.inner
            .prepare_cached(
                "INSERT INTO mention (at, concept, detector, strong, diff, file, line)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    mention.at,
                    mention.concept.as_str(),
                    mention.detector,
                    mention.strong,
                    mention.diff,
                    mention.file,
                    mention.line
                ])
            })
            .doing(DOING)?;
        Ok(())
    }

    /// The latest line in which a concept was met, a strong mention before a weak one.
    pub fn met(&self, concept: &Slug) -> Result<Option<Met>> {
        self.inner
            .prepare_cached(
                "SELECT at, file, line FROM mention WHERE concept = ?1
                 ORDER BY strong DESC, at DESC, id DESC LIMIT 1",
            )
            .and_then(|mut s| {
                s.query_row([concept.as_str()], |row| {
                    Ok(Met {
                        at: row.get(0)?,
                        file: row.get(1)?,
                        line: row.get(2)?,
                    })
                })
                .optional()
            })
            .doing(DOING)
    }

    /// The concepts met at or after `since`.
    pub fn met_since(&self, since: i64) -> Result<BTreeSet<Slug>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT DISTINCT concept FROM mention WHERE at >= ?1")
            .doing(DOING)?;
        let rows = statement
            .query_map([since], |row| row.get::<_, String>(0))
            .doing(DOING)?;
        let mut met = BTreeSet::new();
        for row in rows {
            met.extend(Slug::new(row.doing(DOING)?));
        }
        Ok(met)
    }

    /// Notes what happened in a session.
    pub fn add_moment(&self, at: i64, session: &[u8], what: &str) -> Result<()> {
        self.inner
            .prepare_cached("INSERT INTO moment (at, session, what) VALUES (?1, ?2, ?3)")
            .and_then(|mut s| s.execute(params![at, session, what]))
            .doing(DOING)?;
        Ok(())
    }

    /// What happened in the session that last said something, in order, at or after `since`.
    pub fn moments(&self, since: i64) -> Result<Vec<String>> {
        let mut statement = self
            .inner
            .prepare_cached(
                "SELECT what FROM moment WHERE at >= ?1 AND session =
                 (SELECT session FROM moment ORDER BY id DESC LIMIT 1) ORDER BY id",
            )
            .doing(DOING)?;
        let rows = statement
            .query_map([since], |row| row.get(0))
            .doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
    }

    /// Whether anything happened at or after `since`.
    pub fn any_moment(&self, since: i64) -> Result<bool> {
        self.inner
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM moment WHERE at >= ?1)",
                [since],
                |r| r.get(0),
            )
            .doing(DOING)
    }

    /// Deletes what is kept for a time only.
    pub fn forget_old(&self, now: i64) -> Result<()> {
        for (sql, kept) in [
            ("DELETE FROM mention WHERE at < ?1", MENTIONS_KEPT_S),
            ("DELETE FROM act WHERE at < ?1", ACTS_KEPT_S),
            ("DELETE FROM moment WHERE at < ?1", MOMENTS_KEPT_S),
        ] {
            self.inner.execute(sql, [now - kept]).doing(DOING)?;
        }
        Ok(())
    }

    /// Deletes the lines and checks that a retract covers: it is obeyed by what never leaves the
    /// machine, too. Lines are dated by this machine's clock, checks by the shared one.
    pub fn obey(&mut self, retract: &Retract) -> Result<()> {
        let until = retract.at.unix() + HOUR;
        let offset = self.offset()?;
        let one = match &retract.scope {
            Scope::All => None,
            Scope::Concept(slug) => Some(slug.as_str()),
        };
        for (sql, until) in [
            (
                "DELETE FROM mention WHERE at < ?2 AND (?1 IS NULL OR concept = ?1)",
                until - offset,
            ),
            (
                "DELETE FROM ask WHERE at < ?2 AND (?1 IS NULL OR concept = ?1)",
                until,
            ),
        ] {
            self.inner.execute(sql, params![one, until]).doing(DOING)?;
        }
        if one.is_none() {
            self.inner
                .execute("DELETE FROM moment WHERE at < ?1", [until - offset])
                .doing(DOING)?;
        }
        Ok(())
    }

    /// How many bytes of a taken spool file were read.
    pub fn batch_read(&self, name: &str) -> Result<u64> {
        let bytes: Option<i64> = self
            .inner
            .query_row("SELECT bytes FROM batch WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()
            .doing(DOING)?;
        Ok(bytes
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(0))
    }

    /// Notes it.
    pub fn set_batch_read(&self, name: &str, bytes: u64) -> Result<()> {
        self.inner
            .execute(
                "INSERT INTO batch (name, bytes) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes",
                params![name, i64::try_from(bytes).unwrap_or(i64::MAX)],
            )
            .doing(DOING)?;
        Ok(())
    }

    /// Forgets a spool file that was deleted.
    pub fn drop_batch(&self, name: &str) -> Result<()> {
        self.inner
            .execute("DELETE FROM batch WHERE name = ?1", [name])
            .doing(DOING)?;
        Ok(())
    }
}
