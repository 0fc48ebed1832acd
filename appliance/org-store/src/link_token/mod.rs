//! One-time links: half an hour, one use, kept as hashes.
//!
//! Invariant: of two who spend a link at the same time one gets it: the row is changed by a
//! statement that names its unused state, in the transaction of the sign-in.

use crate::engine::{Queries, Statements};
use crate::error::{Doing, Error, Result};
use crate::policy::Role;
use crate::txn::WriteTxn;
use crate::{params, person, sql};
use kernel::ids::PersonId;

/// How long a link is good, in seconds.
pub const LIFE_S: i64 = 1_800;
/// How long a link that is over is still told from one that never was, in seconds.
const REMEMBERED_S: i64 = 86_400;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in as the appliance's own administrator.
    FirstAdmin,
    /// To sign in as this person.
    SignIn(PersonId),
}

/// How a link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It can be used; or it just was, by this call.
    Good {
        /// What it is for.
        purpose: Purpose,
        /// When it ends, unix seconds.
        expires: i64,
    },
    /// Somebody used it.
    Used,
    /// It is older than half an hour.
    Expired,
    /// There is no such link.
    Unknown,
}

/// Stores a link. An [`Action::IssueLink`](crate::Action::IssueLink).
///
/// # Errors
/// The engine's.
pub fn put(txn: &mut WriteTxn<'_>, hash: &[u8; 32], purpose: Purpose, now: i64) -> Result<()> {
    let (word, person) = match purpose {
        Purpose::FirstAdmin => ("first-admin", None),
        Purpose::SignIn(person) => ("sign-in", Some(person)),
    };
    txn.audit_with("purpose", word);
    if let Some(person) = person {
        // A member who gets a link enrols in the same hour; who administers is no secret.
        match person::get(txn, person)?.map(|found| found.role) {
            Some(Role::Admin) => txn.audit_on("person", *person.as_bytes()),
            _ => txn.audit_on_sealed("person", *person.as_bytes()),
        }
    }
    let values = params![hash, word, person, now, now + LIFE_S];
    txn.execute(sql!("insert"), values)
        .doing("store a one-time link")
        .map(drop)
}

/// How a link stands, without using it.
///
/// # Errors
/// The engine's.
pub fn peek(txn: &mut impl Queries, hash: &[u8; 32], now: i64) -> Result<LinkState> {
    const DOING: &str = "find a one-time link";
    let rows = txn.query(sql!("find"), params![hash]).doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(LinkState::Unknown);
    };
    let word: String = row.next().doing(DOING)?;
    let person: Option<PersonId> = row.next().doing(DOING)?;
    let expires: i64 = row.next().doing(DOING)?;
    let used: Option<i64> = row.next().doing(DOING)?;
    let purpose = match (word.as_str(), person) {
        ("first-admin", None) => Purpose::FirstAdmin,
        ("sign-in", Some(person)) => Purpose::SignIn(person),
        _ => {
            return Err(Error::Malformed {
                what: "one-time link",
            });
        }
    };
    Ok(match used {
        Some(_) => LinkState::Used,
        None if expires <= now => LinkState::Expired,
        None => LinkState::Good { purpose, expires },
    })
}

/// Uses a link up. [`LinkState::Good`] says that it was good and is used now.
///
/// # Errors
/// The engine's.
pub fn spend(txn: &mut WriteTxn<'_>, hash: &[u8; 32], now: i64) -> Result<LinkState> {
    let state = peek(txn, hash, now)?;
    if let LinkState::Good { .. } = state {
        let changed = txn.execute(sql!("spend"), params![hash, now]);
        if changed.doing("use a one-time link up")? != 1 {
            return Ok(LinkState::Used);
        }
    }
    Ok(state)
}

pub(crate) fn expire(txn: &mut WriteTxn<'_>, now: i64) -> Result<u64> {
    let before = now - REMEMBERED_S;
    txn.execute(sql!("expire"), params![before])
        .doing("remove old one-time links")
}
