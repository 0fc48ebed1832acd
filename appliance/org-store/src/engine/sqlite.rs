//! The embedded engine: SQLite with SQLCipher. The only file that names rusqlite.
//!
//! Settings and why: WAL, so that readers do not wait for the writer; `synchronous=FULL`, so
//! that a commit returns after the `-wal` file was flushed and "acknowledged" means durable;
//! `secure_delete`, so that removed rows are overwritten and not just unlinked; a raw 32-byte key,
//! so that no passphrase is stretched at each connect.
//!
//! Threads: SQLCipher computes with OpenSSL, whose locks work because `.cargo/openssl-perl` keeps
//! its build from switching them off.
//!
//! Invariant: every table is stored by its primary key (`WITHOUT ROWID`). A hidden row number
//! would keep the order in which people and subjects came, and join them.

use super::{Access, Connection, Engine, Error, Fault, Queries, Row, Statement, Statements, Value};
use crate::open::Key;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, params_from_iter};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// How many prepared statements a connection keeps.
const PREPARED: usize = 128;

/// What `PRAGMA synchronous` is set to. `normal` loses acknowledged writes at a loss of power; it
/// exists so that the test which proves the order of system calls can be seen to fail.
#[cfg(not(feature = "synchronous-normal"))]
pub(crate) const SYNCHRONOUS: &str = "full";
/// See above.
#[cfg(feature = "synchronous-normal")]
pub(crate) const SYNCHRONOUS: &str = "normal";

/// A database file and what is needed to open it.
pub(crate) struct Sqlite {
    /// The file.
    pub(crate) path: PathBuf,
    /// Its key.
    pub(crate) key: Key,
    /// How long a connection waits for another one's lock.
    pub(crate) busy: Duration,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Engine for Sqlite {
    fn connect(&self, access: Access) -> Result<Box<dyn Connection>, Error> {
        let wrap = |error| wrapped("connect", error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = rusqlite::Connection::open_with_flags(&self.path, flags).map_err(wrap)?;
        // Its own lines on the standard error say less than the error that we return.
        connection
            .pragma_update_and_check(None, "cipher_log_level", "NONE", |_| Ok(()))
            .or_else(none)
            .map_err(wrap)?;
        let spelled = Zeroizing::new(format!("x'{}'", self.key.hex().as_str()));
        connection
            .pragma_update(None, "key", spelled.as_str())
            .map_err(wrap)?;
        connection.busy_timeout(self.busy).map_err(wrap)?;
        // The first statement that reads the file: a wrong key shows here.
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(wrap)?;
        if mode != "wal" {
            return Err(Error::new(Fault::Io, "connect", NoWal(mode)));
        }
        for (name, value) in [
            ("synchronous", SYNCHRONOUS),
            ("secure_delete", "on"),
            ("foreign_keys", "on"),
            ("trusted_schema", "off"),
            ("temp_store", "memory"),
            (
                "query_only",
                if access == Access::Read { "on" } else { "off" },
            ),
        ] {
            // Some of these answer with a row, some do not.
            connection
                .pragma_update_and_check(None, name, value, |_| Ok(()))
                .or_else(none)
                .map_err(wrap)?;
        }
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(Box::new(Open {
            connection: Some(connection),
            busy: self.busy,
        }))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the journal is `{0}`; the file system must allow a write-ahead log (not a network share)")]
struct NoWal(String);

fn none(error: rusqlite::Error) -> Result<(), rusqlite::Error> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        other => Err(other),
    }
}

struct Open {
    /// There until it is dropped.
    connection: Option<rusqlite::Connection>,
    busy: Duration,
}

impl Drop for Open {
    fn drop(&mut self) {
        // Closing computes, too.
        drop(self.connection.take());
    }
}

impl Open {
    fn driver(&self) -> &rusqlite::Connection {
        self.connection
            .as_ref()
            .expect("a connection is there until it is dropped")
    }

    fn batch(&mut self, name: &'static str, text: &str) -> Result<(), Error> {
        self.driver()
            .execute_batch(text)
            .map_err(|error| wrapped(name, error))
    }
}

impl Queries for Open {
    fn query(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
    ) -> Result<Vec<Row>, Error> {
        let name = statement.name();
        let wrap = |error| wrapped(name, error);
        let mut prepared = self
            .driver()
            .prepare_cached(statement.sqlite(numbered))
            .map_err(wrap)?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(params)).map_err(wrap)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(wrap)? {
            let values = (0..columns)
                .map(|at| row.get_ref(at).and_then(owned))
                .collect::<Result<_, _>>();
            found.push(Row::new(name, values.map_err(wrap)?));
        }
        Ok(found)
    }
}

impl Statements for Open {
    fn execute(&mut self, statement: &'static Statement, params: &[Value]) -> Result<u64, Error> {
        let wrap = |error| wrapped(statement.name(), error);
        let mut prepared = self
            .driver()
            .prepare_cached(statement.sqlite(numbered))
            .map_err(wrap)?;
        let changed = prepared.execute(params_from_iter(params)).map_err(wrap)?;
        Ok(changed as u64)
    }
}

impl Connection for Open {
    fn begin(&mut self, access: Access) -> Result<(), Error> {
        match access {
            Access::Read => self.batch("begin", "BEGIN"),
            // The lock is taken here, so that nothing is read that another writer then changes.
            Access::Write => self.batch("begin", "BEGIN IMMEDIATE"),
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.batch("commit", "COMMIT")
    }

    fn roll_back(&mut self) {
        if self.in_transaction()
            && let Err(error) = self.batch("roll_back", "ROLLBACK")
        {
            tracing::warn!(code = "S005", error = %error.source, "a roll-back failed");
        }
    }

    fn in_transaction(&self) -> bool {
        !self.driver().is_autocommit()
    }

    fn begin_part(&mut self) -> Result<(), Error> {
        self.batch("begin_part", "SAVEPOINT part")
    }

    fn end_part(&mut self, keep: bool) -> Result<(), Error> {
        if keep {
            self.batch("end_part", "RELEASE part")
        } else {
            self.batch("end_part", "ROLLBACK TO part; RELEASE part")
        }
    }

    fn wipe(&mut self) -> Result<bool, Error> {
        let wrap = |error| wrapped("wipe", error);
        // Who waits here for a reader would wait for one that waits for its turn.
        self.driver().busy_timeout(Duration::ZERO).map_err(wrap)?;
        let busy = self
            .driver()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, i64>(0)
            });
        self.driver().busy_timeout(self.busy).map_err(wrap)?;
        match busy {
            Ok(busy) => Ok(busy == 0),
            Err(error) => match wrap(error) {
                Error {
                    fault: Fault::Busy, ..
                } => Ok(false),
                error => Err(error),
            },
        }
    }

    fn compact(&mut self) -> Result<(), Error> {
        self.batch("compact", "VACUUM")?;
        self.wipe().map(|_| ())
    }

    fn findings(&mut self, thorough: bool) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let texts: &[&str] = if thorough {
            // The first compares each page with its authentication code.
            &[
                "PRAGMA cipher_integrity_check",
                "PRAGMA integrity_check(20)",
            ]
        } else {
            &["PRAGMA quick_check(20)"]
        };
        for text in texts {
            let wrap = |error| wrapped("findings", error);
            let mut prepared = self.driver().prepare(text).map_err(wrap)?;
            let lines = prepared
                .query_map([], |row| row.get::<_, String>(0))
                .map_err(wrap)?;
            for line in lines {
                let line = line.map_err(wrap)?;
                if line != "ok" {
                    found.push(line);
                }
            }
        }
        Ok(found)
    }

    fn migrate(&mut self, text: &str) -> Result<(), Error> {
        self.batch("migrate", &by_key(text))
    }

    fn version(&mut self) -> Result<u32, Error> {
        let wrap = |error| wrapped("version", error);
        let known: bool = self
            .driver()
            .query_row(
                "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration')",
                [],
                |row| row.get(0),
            )
            .map_err(wrap)?;
        if !known {
            return Ok(0);
        }
        self.driver()
            .query_row(
                "SELECT COALESCE(MAX(version), 0) FROM migration",
                [],
                |row| row.get(0),
            )
            .map_err(wrap)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

fn owned(value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(value) => Value::Text(
            std::str::from_utf8(value)
                .map_err(|error| rusqlite::Error::Utf8Error(0, error))?
                .to_owned(),
        ),
        ValueRef::Blob(value) => Value::Bytes(value.to_vec()),
    })
}

fn wrapped(statement: &'static str, error: rusqlite::Error) -> Error {
    let fault = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::Busy,
        Some(ErrorCode::DiskFull) => Fault::Full,
        Some(ErrorCode::NotADatabase) => Fault::Unreadable,
        Some(ErrorCode::DatabaseCorrupt) => Fault::Corrupt,
        Some(ErrorCode::ConstraintViolation) => Fault::Constraint,
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => Fault::Io,
        _ => Fault::Other,
    };
    Error::new(fault, statement, error)
}

/// `$1` as SQLite numbers it: `?1`. (It takes `$1` for a name, and numbers names by first use.)
/// What stands in quotes or comments is left alone.
fn numbered(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '\'' | '"' => quoted(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '$' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                made.push('?');
                rest = &rest[1..];
                continue;
            }
            other => other.len_utf8(),
        };
        made.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    made
}

/// Length of the quoted text that `text` begins with; a doubled quote does not end it.
fn quoted(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, found)) = chars.next() {
        if found == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

/// A migration with its tables stored by their keys.
fn by_key(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut in_table = false;
    for line in text.lines() {
        if line.starts_with("CREATE TABLE ") {
            in_table = true;
        }
        if in_table && line == ");" {
            made.push_str(") WITHOUT ROWID;");
            in_table = false;
        } else {
            made.push_str(line);
        }
        made.push('\n');
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_outside_quotes_and_comments() {
        assert_eq!(
            numbered("SELECT $2, '$1 it''s $3', \"$4\" -- $5\n/* $6 */ WHERE a = $10 AND b = $1"),
            "SELECT ?2, '$1 it''s $3', \"$4\" -- $5\n/* $6 */ WHERE a = ?10 AND b = ?1"
        );
        assert_eq!(numbered("'open"), "'open");
        assert_eq!(numbered("a $ b"), "a $ b");
    }

    #[test]
    fn the_second_parameter_may_stand_before_the_first() {
        static BACKWARDS: Statement = Statement::common("backwards", "SELECT $2, $1");
        let connection = Some(rusqlite::Connection::open_in_memory().unwrap());
        let mut open = Open {
            connection,
            busy: Duration::ZERO,
        };
        let mut rows = open
            .query(&BACKWARDS, &[Value::Int(1), Value::Int(2)])
            .unwrap();
        let row = &mut rows[0];
        assert_eq!(
            (row.next::<i64>().unwrap(), row.next::<i64>().unwrap()),
            (2, 1)
        );
    }

    #[test]
    fn every_table_of_a_migration_is_stored_by_its_key() {
        assert_eq!(
            by_key(
                "CREATE TABLE a (\n    b BIGINT NOT NULL PRIMARY KEY\n);\nCREATE INDEX c ON a (b);\n"
            ),
            "CREATE TABLE a (\n    b BIGINT NOT NULL PRIMARY KEY\n) WITHOUT ROWID;\nCREATE INDEX c ON a (b);\n"
        );
    }
}
