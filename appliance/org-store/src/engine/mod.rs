//! The seam between the store and the database that it runs on.
//!
//! Everything above this module speaks of [`Statement`]s with `$1` parameters, [`Value`]s and
//! [`Row`]s, and never of a driver. A statement is written once, in the subset that SQLite and
//! PostgreSQL share; where they differ two files stand side by side (`x.sqlite.sql`,
//! `x.pg.sql`), and `sql!` is told so.
//!
//! Invariant: only `sqlite.rs` names rusqlite. A second engine is a second file here and one
//! more arm in `open.rs`.

pub(crate) mod sqlite;
mod statement;
mod value;

pub use statement::Statement;
pub use value::{FromValue, Row, Value};

use std::fmt;
use std::sync::Arc;

/// What kind of failure an engine reports; decides what the store does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Another connection holds the lock for longer than the busy timeout.
    Busy,
    /// The transaction lost against another one: run it again.
    Conflict,
    /// No room on the disk.
    Full,
    /// Not a database, or not with this key.
    Unreadable,
    /// A database with damaged pages.
    Corrupt,
    /// A constraint of the schema says no.
    Constraint,
    /// A file could not be read or written.
    Io,
    /// A column holds another type than the code expects.
    Type,
    /// Anything else.
    Other,
}

/// What an engine failed with. The driver's own words are the `source`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the database could not run `{statement}`")]
pub struct Error {
    /// What kind of failure it is.
    pub fault: Fault,
    /// The statement's name, never its parameters.
    pub statement: &'static str,
    /// The driver's error.
    pub source: Arc<dyn std::error::Error + Send + Sync>,
}

impl Error {
    pub(crate) fn new(
        fault: Fault,
        statement: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            fault,
            statement,
            source: Arc::new(source),
        }
    }

    /// Whether the same transaction may succeed if it is run again.
    #[must_use]
    pub const fn is_worth_a_rerun(&self) -> bool {
        matches!(self.fault, Fault::Conflict)
    }
}

/// What a column held instead of what was expected.
#[derive(Debug, thiserror::Error)]
#[error("column {column} of {statement} is not {expected}")]
pub struct WrongType {
    /// The column, from 0.
    pub column: usize,
    /// The statement.
    pub statement: &'static str,
    /// What was expected.
    pub expected: &'static str,
}

/// Reading statements.
pub trait Queries {
    /// Runs a statement and gives its rows.
    ///
    /// # Errors
    /// The engine's.
    fn query(&mut self, statement: &'static Statement, params: &[Value])
    -> Result<Vec<Row>, Error>;
}

/// Reading and writing statements.
pub trait Statements: Queries {
    /// Runs a statement and gives the number of rows that it changed.
    ///
    /// # Errors
    /// The engine's.
    fn execute(&mut self, statement: &'static Statement, params: &[Value]) -> Result<u64, Error>;
}

/// One connection, used by one thread at a time.
pub trait Connection: Statements + Send {
    /// Begins a transaction that sees one state of the data.
    ///
    /// # Errors
    /// The engine's.
    fn begin(&mut self, access: Access) -> Result<(), Error>;
    /// Commits. When this returns, what was changed survives a loss of power.
    ///
    /// # Errors
    /// The engine's; the transaction may be open still.
    fn commit(&mut self) -> Result<(), Error>;
    /// Ends the transaction without a change, if one is open.
    fn roll_back(&mut self);
    /// Whether a transaction is open. An engine may end one by itself, after an error.
    fn in_transaction(&self) -> bool;
    /// Begins a part of the transaction that can be undone alone.
    ///
    /// # Errors
    /// The engine's.
    fn begin_part(&mut self) -> Result<(), Error>;
    /// Ends the part: keeps what it changed, or undoes it.
    ///
    /// # Errors
    /// The engine's.
    fn end_part(&mut self, keep: bool) -> Result<(), Error>;
    /// Makes sure that no copy of removed rows stays behind in a log; `false`: not now, a
    /// reader is in the way.
    ///
    /// # Errors
    /// The engine's.
    fn wipe(&mut self) -> Result<bool, Error>;
    /// Writes the data anew in the order of its keys, outside a transaction.
    ///
    /// # Errors
    /// The engine's.
    fn compact(&mut self) -> Result<(), Error>;
    /// Looks for damage: all of the file, or its structure only. Each finding is a line.
    ///
    /// # Errors
    /// The engine's.
    fn findings(&mut self, thorough: bool) -> Result<Vec<String>, Error>;
    /// Runs a migration's text.
    ///
    /// # Errors
    /// The engine's.
    fn migrate(&mut self, text: &str) -> Result<(), Error>;
    /// The last migration that was run, or 0 for an empty database.
    ///
    /// # Errors
    /// The engine's.
    fn version(&mut self) -> Result<u32, Error>;
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    Read,
    /// Writes, too.
    Write,
}

/// A database that connections can be made to.
pub trait Engine: Send + Sync + fmt::Debug {
    /// Makes a connection.
    ///
    /// # Errors
    /// The engine's.
    fn connect(&self, access: Access) -> Result<Box<dyn Connection>, Error>;
}

/// Parameters of a statement: `params![subject, index, None::<i64>]`.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::engine::Value::from($value)),*] };
}

/// The statement in `NAME.sql` beside the file; with `per_engine`, in `NAME.sqlite.sql` and
/// (once there is one) `NAME.pg.sql`.
macro_rules! sql {
    ($name:literal) => {{
        static STATEMENT: $crate::engine::Statement =
            $crate::engine::Statement::common($name, include_str!(concat!($name, ".sql")));
        &STATEMENT
    }};
    ($name:literal, per_engine) => {{
        static STATEMENT: $crate::engine::Statement = $crate::engine::Statement::for_sqlite(
            $name,
            include_str!(concat!($name, ".sqlite.sql")),
        );
        &STATEMENT
    }};
}

pub(crate) use {params, sql};
