//! The outbox: effects of a write that are not rows, such as mail.
//!
//! A closure may run twice, so it only notes what is to be sent, in the transaction of the change;
//! a job sends it afterwards, at least once.

use crate::engine::{Queries, Statements};
use crate::error::{Doing, Result};
use crate::txn::WriteTxn;
use crate::{params, sql};

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its id, random.
    pub id: [u8; 16],
    /// Which of the appliance's senders it is for.
    pub topic: String,
    /// What to send, as the sender understands it.
    pub body: String,
    /// How often it was tried in vain.
    pub tries: u32,
}

/// Notes what is to be sent from `due` on, unix seconds. Twice is once.
///
/// # Errors
/// The engine's.
pub fn put(
    txn: &mut WriteTxn<'_>,
    id: [u8; 16],
    topic: &'static str,
    body: &str,
    due: i64,
) -> Result<()> {
    let values = params![id, topic, body, due];
    txn.execute(sql!("insert"), values)
        .doing("note what is to be sent")
        .map(drop)
}

/// What is to be sent now, the longest due first.
///
/// # Errors
/// The engine's.
pub fn due(txn: &mut impl Queries, now: i64, limit: u64) -> Result<Vec<Letter>> {
    const DOING: &str = "find what is to be sent";
    let rows = txn.query(sql!("due"), params![now, limit]).doing(DOING)?;
    rows.into_iter()
        .map(|mut row| {
            Ok(Letter {
                id: row.next().doing(DOING)?,
                topic: row.next().doing(DOING)?,
                body: row.next().doing(DOING)?,
                tries: row.next().doing(DOING)?,
            })
        })
        .collect()
}

/// It was sent. A [`Chore::Outbox`](crate::Chore::Outbox).
///
/// # Errors
/// The engine's.
pub fn done(txn: &mut WriteTxn<'_>, id: [u8; 16]) -> Result<()> {
    txn.wipes = true;
    txn.execute(sql!("done"), params![id])
        .doing("note what was sent")
        .map(drop)
}

/// It could not be sent; it is due again then. A [`Chore::Outbox`](crate::Chore::Outbox).
///
/// # Errors
/// The engine's.
pub fn later(txn: &mut WriteTxn<'_>, id: [u8; 16], due: i64) -> Result<()> {
    txn.execute(sql!("later"), params![id, due])
        .doing("note what was not sent")
        .map(drop)
}
