//! Where concepts were met, and what happened lately. Local alone, and short-lived.

use super::Txn;
use crate::error::{Doing, Result};
use kernel::catalogue::Catalogue;
use kernel::delta::{Retract, Scope};
use kernel::ids::{DAY, HOUR, Slug};
use kernel::sync::client::Local;
use rusqlite::{OptionalExtension, Row, params};
use std::collections::BTreeSet;

const DOING: &str = "read or write where concepts were met";

/// The engineer's own lines are kept this long, in seconds.
pub const MENTIONS_KEPT_S: i64 = 7 * DAY;
/// An act is recognised when it is told again within this time, in seconds.
const ACTS_KEPT_S: i64 = 90 * DAY;
/// Decisions are kept as long as the lines that they speak of, in seconds.
pub const DECISIONS_KEPT_S: i64 = MENTIONS_KEPT_S;
/// The ask policy looks back no further than this, in seconds.
const MOMENTS_KEPT_S: i64 = 2 * DAY;

/// Moments in which something ended: what is decided then is kept.
const ENDS: [&str; 4] = ["day-start", "commit", "turn-ended", "turn-interrupted"];
/// The fact that tells how far this machine's clock was when it was looked at last.
const CLOCK: &str = "clock";
/// By how many seconds a clock may be set back, or a row be ahead of it, without being followed.
const STEP_S: i64 = 120;
/// The fact that tells up to which moment decisions were kept.
const DECIDED: &str = "decided_until";

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
    /// The line's number in the file, from 1, where it is known.
    pub row: Option<u32>,
    /// How sure the rule is, in percent.
    pub confidence: u8,
    /// What the line stands in.
    pub within: Option<&'a str>,
}

/// A line in which a concept was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// When, in seconds.
    pub at: i64,
    /// The file's last name.
    pub file: String,
    /// The line.
    pub line: String,
    /// The rule that found it.
    pub rule: String,
    /// The line's number in the file, from 1, where it is known.
    pub row: Option<u32>,
    /// How sure the rule is, in percent; unknown of lines that an older program kept.
    pub confidence: Option<u8>,
    /// What the line stands in.
    pub within: Option<String>,
    /// The change's hash: equal for all lines of one file in one change.
    pub diff: Vec<u8>,
}

const MET: &str = "SELECT at, file, line, detector, row, confidence, within, diff FROM mention WHERE concept = ?1";

fn met(row: &Row<'_>) -> rusqlite::Result<Met> {
    Ok(Met {
        at: row.get(0)?,
        file: row.get(1)?,
        line: row.get(2)?,
        rule: row.get(3)?,
        row: row.get(4)?,
        confidence: row.get(5)?,
        within: row.get(6)?,
        diff: row.get(7)?,
    })
}

/// Something that happened in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MomentRow {
    /// Its number here: they rise in the order in which things were told.
    pub id: i64,
    /// When, in seconds by this machine's clock.
    pub at: i64,
    /// The session, hashed under the device's key.
    pub session: Vec<u8>,
    /// What.
    pub what: String,
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
                "INSERT INTO mention (at, concept, detector, strong, diff, file, line, row, confidence,
                                      within)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    mention.at,
                    mention.concept.as_str(),
                    mention.detector,
                    mention.strong,
                    mention.diff,
                    mention.file,
                    mention.line,
                    mention.row,
                    mention.confidence,
                    mention.within
                ])
            })
            .doing(DOING)?;
        Ok(())
    }

    /// The line that shows a concept best: a strong mention before a weak one, then the surest, then the
    /// latest.
    pub fn met(&self, concept: &Slug) -> Result<Option<Met>> {
        self.inner
            .prepare_cached(&format!(
                "{MET} ORDER BY strong DESC, confidence DESC, at DESC, id DESC LIMIT 1"
            ))
            .and_then(|mut s| s.query_row([concept.as_str()], met).optional())
            .doing(DOING)
    }

    /// Every line in which a concept was met, the latest first.
    pub fn met_all(&self, concept: &Slug) -> Result<Vec<Met>> {
        let mut statement = self
            .inner
            .prepare_cached(&format!("{MET} ORDER BY at DESC, id DESC"))
            .doing(DOING)?;
        let rows = statement.query_map([concept.as_str()], met).doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
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

    /// What happened at or after `since` in all sessions, in the order in which it was told.
    pub fn moments(&self, since: i64) -> Result<Vec<MomentRow>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT id, at, session, what FROM moment WHERE at >= ?1 ORDER BY id")
            .doing(DOING)?;
        let rows = statement
            .query_map([since], |row| {
                Ok(MomentRow {
                    id: row.get(0)?,
                    at: row.get(1)?,
                    session: row.get(2)?,
                    what: row.get(3)?,
                })
            })
            .doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
    }

    /// Of these moments the last one in which something ended, if there is one since this was asked
    /// last; the next time it is not new any more.
    pub fn newly_ended<'m>(&self, moments: &'m [MomentRow]) -> Result<Option<&'m MomentRow>> {
        let until: i64 = self.fact(DECIDED)?.unwrap_or(0);
        let new = moments
            .iter()
            .rev()
            .find(|row| row.id > until && ENDS.contains(&row.what.as_str()));
        if let Some(new) = new {
            self.set_fact(DECIDED, new.id)?;
        }
        Ok(new)
    }

    /// Sessions in which an approval was asked at or after `since`, and nothing has happened since then.
    pub fn approvals_asked(&self, since: i64) -> Result<BTreeSet<Vec<u8>>> {
        let mut waiting = BTreeSet::new();
        for row in self.moments(since)? {
            if row.what == "approval-asked" {
                waiting.insert(row.session);
            } else {
                waiting.remove(&row.session);
            }
        }
        Ok(waiting)
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

    /// Lets what is dated by this machine's clock keep its age when that clock is set back: else a line
    /// written while it was a year ahead would stay for a year, and a pause would not end.
    fn follow_clock(&self, now: i64) -> Result<()> {
        let last: Option<i64> = self.fact(CLOCK)?;
        let back = last.map_or(0, |last| last.saturating_sub(now));
        for table in ["mention", "act", "moment", "decision"] {
            if back > STEP_S {
                self.inner
                    .execute(&format!("UPDATE {table} SET at = at - ?1"), [back])
                    .doing(DOING)?;
            }
            self.inner
                .execute(
                    &format!("UPDATE {table} SET at = ?1 WHERE at > ?2"),
                    [now, now.saturating_add(STEP_S)],
                )
                .doing(DOING)?;
        }
        if back > STEP_S {
            self.inner
                .execute(
                    "UPDATE fact SET value = value - ?1 WHERE name IN ('began', 'asking_on_at', 'paused_until')
                     AND typeof(value) = 'integer'",
                    [back],
                )
                .doing(DOING)?;
        }
        // Small steps are not followed; they add up to nothing, for the mark does not go back with them.
        if back > STEP_S || last.is_none_or(|last| last < now) {
            self.set_fact(CLOCK, now)?;
        }
        Ok(())
    }

    /// Deletes what is kept for a time only.
    pub fn forget_old(&self, now: i64) -> Result<()> {
        self.follow_clock(now)?;
        for (sql, kept) in [
            ("DELETE FROM mention WHERE at < ?1", MENTIONS_KEPT_S),
            ("DELETE FROM act WHERE at < ?1", ACTS_KEPT_S),
            ("DELETE FROM moment WHERE at < ?1", MOMENTS_KEPT_S),
            ("DELETE FROM decision WHERE at < ?1", DECISIONS_KEPT_S),
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
        self.inner
            .execute(
                "DELETE FROM met_by WHERE hour <= ?2 AND (?1 IS NULL OR concept = ?1)",
                params![one, retract.at.unix()],
            )
            .doing(DOING)?;
        self.inner
            .execute(
                "DELETE FROM claim WHERE at < ?2 AND (?1 IS NULL OR concept = ?1)",
                params![one, until],
            )
            .doing(DOING)?;
        // A decision's sentence may name the concept, by its title.
        let named = match &retract.scope {
            Scope::All => None,
            Scope::Concept(slug) => Some(
                Catalogue::builtin()
                    .get(slug)
                    .map_or(slug.as_str(), |c| &c.title),
            ),
        };
        self.inner
            .execute(
                "DELETE FROM decision WHERE at < ?2 AND (?1 IS NULL OR instr(sentence, ?1) > 0)",
                params![named, until - offset],
            )
            .doing(DOING)?;
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
