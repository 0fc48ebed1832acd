//! What was put before the engineer already, until when nothing is to be, and the spans that a recap is
//! made of. Local alone.

use super::Txn;
use crate::error::{Doing, Result};
use kernel::delta::{Delta, Evidence};
use kernel::ids::Slug;
use kernel::sync::Rows;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const DOING: &str = "read or write what was shown";

/// A way in which a check is put before the engineer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A line in the harness.
    Line,
    /// A desktop notification.
    Notification,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Notification => "notification",
        }
    }
}

/// A pause, in seconds by this machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it was made.
    pub at: i64,
    /// When it ends.
    pub until: i64,
}

impl Txn<'_> {
    /// Notes that a check was shown in this way; `false` if it was before.
    pub fn show(&self, ask: i64, way: Way, at: i64) -> Result<bool> {
        let rows = self
            .inner
            .execute(
                // A check may have been forgotten meanwhile.
                "INSERT INTO shown (ask, way, at) SELECT id, ?2, ?3 FROM ask WHERE id = ?1
                 ON CONFLICT DO NOTHING",
                params![ask, way.name(), at],
            )
            .doing(DOING)?;
        Ok(rows == 1)
    }

    /// Whether a check was shown in this way.
    pub fn was_shown(&self, ask: i64, way: Way) -> Result<bool> {
        self.inner
            .query_row(
                "SELECT count(*) FROM shown WHERE ask = ?1 AND way = ?2",
                params![ask, way.name()],
                |row| row.get::<_, i64>(0),
            )
            .map(|n| n > 0)
            .doing(DOING)
    }

    /// The beginning of the week whose recap was shown last in this way.
    pub fn week_told(&self, way: Way) -> Result<Option<i64>> {
        self.fact(&format!("week_told_{}", way.name()))
    }

    /// Notes it.
    pub fn set_week_told(&self, way: Way, week: i64) -> Result<()> {
        self.set_fact(&format!("week_told_{}", way.name()), week)
    }

    /// The pause, over or not.
    pub fn pause(&self) -> Result<Option<Pause>> {
        self.shape("pause")
    }

    /// Sets it; `None` takes it away.
    pub fn set_pause(&self, pause: Option<Pause>) -> Result<()> {
        match pause {
            Some(pause) => self.set_shape("pause", &pause),
            None => self.drop_fact("pause"),
        }
    }

    /// How many lines met each concept at or after `since`, by this machine's clock.
    pub fn lines_since(&self, since: i64) -> Result<BTreeMap<Slug, u64>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT concept, count(*) FROM mention WHERE at >= ?1 GROUP BY concept")
            .doing(DOING)?;
        let rows = statement
            .query_map([since], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })
            .doing(DOING)?;
        let mut lines = BTreeMap::new();
        for row in rows {
            let (concept, n) = row.doing(DOING)?;
            let n = u64::try_from(n).unwrap_or(0);
            lines.extend(Slug::new(concept).ok().map(|slug| (slug, n)));
        }
        Ok(lines)
    }

    /// Evidence at or after `since`, shared time.
    pub fn evidence_since(&mut self, since: i64) -> Result<Vec<Evidence>> {
        let rows = self.all()?.into_iter();
        Ok(rows
            .filter_map(|row| match row.delta {
                Delta::Evidence(evidence) if evidence.at.unix() >= since => Some(evidence),
                _ => None,
            })
            .collect())
    }
}
