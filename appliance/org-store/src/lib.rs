//! The organisation's data: streams, deltas, pairs, snapshots, people, devices, sessions, audit
//! rows. All SQL of the appliance, and one write door.
//!
//! | module | holds |
//! |---|---|
//! | `store`, `writer`, `txn` | the doors: policy check, change, audit row and commit in one transaction |
//! | [`policy`] | who may do what, as a table |
//! | [`engine`] | the seam to the database; `engine/sqlite.rs` is the only file that names a driver |
//! | `sync`, [`subject`], [`pair`], [`snapshot`] | evidence, under names that say nothing of a person |
//! | [`person`], [`device`], [`session`], [`enrolment`], [`link_token`], [`pending_login`] | people and what they sign in with |
//! | [`audit`], [`outbox`], `tally`, `job`, `expire` | operation |
//!
//! Two halves that no column joins: evidence by subject, people by person. What joins them is the
//! `link` table and the routes, closed under `k_link`, which is the caller's ([`LinkKey`]); dates
//! on the person's side, which would join them by time, are sealed, too.
//!
//! Invariant: no file but those beside their entity holds SQL, and no caller names an engine.

mod days;
mod error;
mod expire;
mod job;
mod link;
mod link_key;
mod migrate;
mod open;
mod page;
mod store;
mod sync;
mod tally;
mod txn;
mod words;
mod writer;

pub mod audit;
pub mod device;
pub mod engine;
pub mod enrolment;
pub mod link_token;
pub mod meta;
pub mod outbox;
pub mod pair;
pub mod pending_login;
pub mod person;
pub mod policy;
pub mod session;
pub mod snapshot;
pub mod subject;

pub use days::Day;
pub use error::{Error, Kind, Result};
pub use link_key::{LinkKey, LinkKeyError, Sealing};
pub use meta::{Counts, Meta};
pub use open::{Check, Key, Options};
pub use page::Page;
pub use policy::{Act, Action, Actor, Caller, Chore, Role};
pub use store::{NewStore, Store};
pub use sync::SyncCall;
pub use txn::{ReadTxn, Reader, WriteTxn};

use engine::{FromValue, Queries, Statement, Value, params, sql};
use error::Doing;

/// The one value of a statement that gives one row of one column.
fn one<T: FromValue>(
    txn: &mut impl Queries,
    statement: &'static Statement,
    params: &[Value],
    doing: &'static str,
) -> Result<T> {
    let rows = txn.query(statement, params).doing(doing)?;
    let mut row = rows
        .into_iter()
        .next()
        .ok_or(Error::Malformed { what: "count" })?;
    row.next().doing(doing)
}

#[cfg(test)]
mod tests;
