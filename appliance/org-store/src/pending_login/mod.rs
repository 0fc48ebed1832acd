//! Sign-ins that went to an identity provider and did not come back yet.
//!
//! What is kept (nonce, PKCE verifier, where to go on) is the caller's; here it is a text that can
//! be taken once.

use crate::engine::{Queries, Statements};
use crate::error::{Doing, Result};
use crate::txn::WriteTxn;
use crate::{params, sql};

/// Keeps a sign-in until `expires`, unix seconds. A [`Chore::StartLogin`](crate::Chore::StartLogin).
///
/// # Errors
/// The engine's.
pub fn put(txn: &mut WriteTxn<'_>, hash: &[u8; 32], body: &str, expires: i64) -> Result<()> {
    let values = params![hash, body, expires];
    txn.execute(sql!("insert"), values)
        .doing("keep a sign-in that began")
        .map(drop)
}

/// Takes a sign-in out; nothing the second time, or when it is over.
///
/// # Errors
/// The engine's.
pub fn take(txn: &mut WriteTxn<'_>, hash: &[u8; 32], now: i64) -> Result<Option<String>> {
    const DOING: &str = "take a sign-in that began";
    let rows = txn.query(sql!("find"), params![hash, now]).doing(DOING)?;
    txn.execute(sql!("delete"), params![hash]).doing(DOING)?;
    rows.into_iter()
        .next()
        .map(|mut row| row.next().doing(DOING))
        .transpose()
}

pub(crate) fn expire(txn: &mut WriteTxn<'_>, now: i64) -> Result<u64> {
    txn.execute(sql!("expire"), params![now])
        .doing("remove sign-ins that never came back")
}
