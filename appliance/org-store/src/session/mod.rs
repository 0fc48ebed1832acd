//! Sessions: who is signed in, by the hash of a secret that only the browser has.
//!
//! A row is removed when its session ends, so no history of sign-ins is kept here.

use crate::engine::{Queries, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::policy::Role;
use crate::txn::{Reader, WriteTxn};
use crate::words::read_word;
use crate::{params, person, sql};
use kernel::ids::PersonId;

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Hash of the browser's secret.
    pub hash: [u8; 32],
    /// Whose it is.
    pub person: PersonId,
    /// What its forms send back.
    pub csrf: [u8; 32],
    /// How the person signed in, for people.
    pub through: String,
    /// When the person proved who they are, unix seconds.
    pub confirmed_at: Option<i64>,
    /// When it begins, unix seconds.
    pub created: i64,
    /// When it ends, unix seconds.
    pub expires: i64,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: Option<String>,
    /// What they may open.
    pub role: Role,
    /// What its forms send back.
    pub csrf: [u8; 32],
    /// How they signed in.
    pub through: String,
    /// When it began, unix seconds.
    pub created: i64,
    /// When it was used, to a few minutes, unix seconds.
    pub seen: i64,
    /// When they last proved who they are, unix seconds.
    pub confirmed_at: Option<i64>,
    /// And how.
    pub confirmed_by: String,
    /// When it ends, unix seconds.
    pub expires: i64,
}

/// Begins a session, in the transaction of an [`Action::SignIn`](crate::Action::SignIn).
///
/// # Errors
/// The engine's.
pub fn create(txn: &mut WriteTxn<'_>, new: &NewSession) -> Result<()> {
    let values = params![
        new.hash,
        new.person,
        new.csrf,
        &new.through,
        new.created,
        new.confirmed_at,
        new.expires
    ];
    txn.execute(sql!("insert"), values)
        .doing("begin a session")
        .map(drop)
}

/// The session with a hash, unless it is over or its account is switched off.
///
/// # Errors
/// The engine's, the link key's.
pub fn find(txn: &mut impl Reader, hash: &[u8; 32], now: i64) -> Result<Option<Session>> {
    const DOING: &str = "find a session";
    let rows = txn.query(sql!("find"), params![hash, now]).doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let session = Session {
        person: row.next().doing(DOING)?,
        name: row.next().doing(DOING)?,
        email: row.next().doing(DOING)?,
        role: read_word(row.next().doing(DOING)?, "role")?,
        csrf: row.next().doing(DOING)?,
        through: row.next().doing(DOING)?,
        created: row.next().doing(DOING)?,
        seen: row.next().doing(DOING)?,
        confirmed_at: row.next().doing(DOING)?,
        confirmed_by: row.next().doing(DOING)?,
        expires: row.next().doing(DOING)?,
    };
    let sealed: Vec<u8> = row.next().doing(DOING)?;
    let dates = person::Dates::open(txn.link_key(), session.person, &sealed)?;
    Ok(dates.active.then_some(session))
}

/// Notes that it was used. A [`Chore::TouchSession`](crate::Chore::TouchSession).
///
/// # Errors
/// The engine's.
pub fn touch(txn: &mut WriteTxn<'_>, hash: &[u8; 32], now: i64) -> Result<()> {
    txn.execute(sql!("touch"), params![hash, now])
        .doing("note a session")
        .map(drop)
}

/// Notes that the acting person proved who they are, and gives the session another secret.
///
/// # Errors
/// [`Error::NotFound`] if it is over, or somebody else's.
pub fn confirm(
    txn: &mut WriteTxn<'_>,
    old: &[u8; 32],
    new: &[u8; 32],
    at: i64,
    by: &str,
) -> Result<()> {
    let person = txn.person()?;
    let changed = txn.execute(sql!("confirm"), params![old, new, at, by, person]);
    match changed.doing("confirm a session")? {
        1 => Ok(()),
        _ => Err(Error::not_found(Kind::Session, "of this browser")),
    }
}

/// Ends a session; `false` if there is none.
///
/// # Errors
/// The engine's.
pub fn delete(txn: &mut WriteTxn<'_>, hash: &[u8; 32]) -> Result<bool> {
    Ok(txn
        .execute(sql!("delete"), params![hash])
        .doing("end a session")?
        == 1)
}

/// Ends all of a person's; how many.
///
/// # Errors
/// The engine's.
pub fn delete_of(txn: &mut WriteTxn<'_>, person: PersonId) -> Result<u64> {
    txn.execute(sql!("delete_of"), params![person])
        .doing("end a person's sessions")
}

/// How many there are.
///
/// # Errors
/// The engine's.
pub fn count(txn: &mut impl Queries, now: i64) -> Result<u64> {
    crate::one(txn, sql!("count"), params![now], "count sessions")
}

pub(crate) fn expire(txn: &mut WriteTxn<'_>, now: i64) -> Result<u64> {
    txn.execute(sql!("expire"), params![now])
        .doing("end old sessions")
}
