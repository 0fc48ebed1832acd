//! The personal store: one SQLite file of the engineer's, and the only place with SQL.
//!
//! WAL and `synchronous=FULL`: what a command said is done, is on disk. `secure_delete`: what was
//! forgotten is overwritten. The file is plain SQLite, mode 0600; keeping it under a key of the
//! system's key store is not part of this build, and `status` says so.
//!
//! Invariant: a store of a newer version is refused before anything is written.

mod asks;
mod decisions;
mod facts;
mod meetings;
mod packs;
mod rows;
#[cfg(test)]
mod tests;
mod wishes;

pub use asks::{Ask, NewAsk, Outcome};
pub use decisions::Decided;
pub use facts::{Contact, Enrolment, fresh_stream};
pub use meetings::{DECISIONS_KEPT_S, MENTIONS_KEPT_S, Met, MomentRow, NewMention};
pub use packs::{Kept, Trouble};
pub use wishes::RuleOf;

use crate::error::{Doing, Error, Result};
use crate::home::Home;
use crate::world::World;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// Each brings the store one version further.
const MIGRATIONS: [&str; 3] = [
    include_str!("0001_first.sql"),
    include_str!("0002_pack.sql"),
    include_str!("0003_why.sql"),
];
/// Marks the file as ours (`PRAGMA application_id`): "aiwl".
const APPLICATION: i64 = 0x6169_776c;
/// How long a command waits for another one's write.
const BUSY: Duration = Duration::from_secs(10);

/// The personal store, open.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

/// One transaction: all of it or nothing. Every statement of this crate runs in one.
#[derive(Debug)]
pub struct Txn<'a> {
    inner: rusqlite::Transaction<'a>,
}

impl Store {
    /// Opens the store of this folder, makes it if it is not there, and brings it up to date.
    ///
    /// # Errors
    /// [`Error::StoreTooNew`] for a file of a newer program; [`Error::Store`] for the engine's.
    pub fn open(_world: &dyn World, home: &Home) -> Result<Self> {
        home.ensure()?;
        let path = home.database();
        // Made here, so that it never has another mode; SQLite gives its side files the same one.
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| Error::File {
                doing: "open",
                path: path.clone(),
                source,
            })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&path, flags).doing("open the personal store")?;
        Self::prepared(connection)
    }

    /// Opens the store to look at it: nothing is made and nothing is brought up to date. `None` if
    /// there is none, or none that this program reads as it is.
    pub fn peek(_world: &dyn World, home: &Home) -> Option<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(home.database(), flags).ok()?;
        connection.busy_timeout(BUSY).ok()?;
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .ok()?;
        (found == Self::version()).then_some(Self { connection })
    }

    /// Gives up what protects against a power cut, for a store that is thrown away: it is as exact
    /// as another one, and some ten times as fast.
    ///
    /// # Errors
    /// The engine's.
    pub fn hurry(&mut self) -> Result<()> {
        self.connection
            .pragma_update(None, "synchronous", "OFF")
            .doing("prepare the personal store")
    }

    /// A store that lives as long as this value.
    #[cfg(test)]
    pub fn in_memory() -> Self {
        Self::prepared(Connection::open_in_memory().unwrap()).unwrap()
    }

    fn prepared(mut connection: Connection) -> Result<Self> {
        let doing = "prepare the personal store";
        connection.busy_timeout(BUSY).doing(doing)?;
        let found: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .doing("read the personal store")?;
        let known = MIGRATIONS.len() as i64;
        if found > known {
            return Err(Error::StoreTooNew { found, known });
        }
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
                 PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
            )
            .doing(doing)?;
        if found < known {
            let txn = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .doing(doing)?;
            // Another process may have been here between the two looks.
            let found: i64 = txn
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .doing(doing)?;
            for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
                txn.execute_batch(step)
                    .doing("bring the personal store up to date")?;
            }
            txn.pragma_update(None, "application_id", APPLICATION)
                .doing(doing)?;
            txn.pragma_update(None, "user_version", known)
                .doing(doing)?;
            txn.commit().doing(doing)?;
        }
        Ok(Self { connection })
    }

    /// Runs `work` in one transaction: written if it succeeds, as it was if it fails.
    ///
    /// # Errors
    /// What `work` fails with, or the engine.
    pub fn write<T>(&mut self, work: impl FnOnce(&mut Txn<'_>) -> Result<T>) -> Result<T> {
        let inner = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("begin a change of the personal store")?;
        let mut txn = Txn { inner };
        let result = work(&mut txn)?;
        txn.inner.commit().doing("write to the personal store")?;
        Ok(result)
    }

    /// Runs `work` on one unchanging view of the store.
    ///
    /// # Errors
    /// What `work` fails with, or the engine.
    pub fn read<T>(&mut self, work: impl FnOnce(&mut Txn<'_>) -> Result<T>) -> Result<T> {
        let inner = self
            .connection
            .transaction()
            .doing("read the personal store")?;
        work(&mut Txn { inner })
    }

    /// Moves what was overwritten out of the write-ahead log too, so that nothing forgotten is left in it.
    ///
    /// # Errors
    /// The engine's.
    pub fn clear_log(&mut self) -> Result<()> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .doing("clear the store's log")
    }

    /// The store's version.
    pub const fn version() -> i64 {
        MIGRATIONS.len() as i64
    }
}
