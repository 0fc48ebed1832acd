//! What was decided and why: local alone, and kept for seven days like the engineer's own lines.

use super::Txn;
use crate::error::{Doing, Result};
use rusqlite::params;

const DOING: &str = "read or write what was decided";

/// A decision, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// When, in seconds by this machine's clock.
    pub at: i64,
    /// The session that brought it up, hashed under the device's key.
    pub session: Vec<u8>,
    /// What had come to an end.
    pub breakpoint: String,
    /// `asked`, or the name of the reason to stay silent.
    pub what: String,
    /// The decision in one sentence.
    pub sentence: String,
}

impl Decided {
    /// The word for a decision to ask.
    pub const ASKED: &'static str = "asked";
}

impl Txn<'_> {
    /// Keeps a decision.
    pub fn add_decision(&self, decided: &Decided) -> Result<()> {
        self.inner
            .prepare_cached(
                "INSERT INTO decision (at, session, breakpoint, what, sentence)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    decided.at,
                    decided.session,
                    decided.breakpoint,
                    decided.what,
                    decided.sentence
                ])
            })
            .doing(DOING)?;
        Ok(())
    }

    /// Decisions at or after `since`, the oldest first.
    pub fn decisions(&self, since: i64) -> Result<Vec<Decided>> {
        let mut statement = self
            .inner
            .prepare_cached(
                "SELECT at, session, breakpoint, what, sentence FROM decision WHERE at >= ?1 ORDER BY id",
            )
            .doing(DOING)?;
        let rows = statement
            .query_map([since], |row| {
                Ok(Decided {
                    at: row.get(0)?,
                    session: row.get(1)?,
                    breakpoint: row.get(2)?,
                    what: row.get(3)?,
                    sentence: row.get(4)?,
                })
            })
            .doing(DOING)?;
        rows.collect::<rusqlite::Result<_>>().doing(DOING)
    }
}
