//! What is removed when its time is over.

use crate::error::Result;
use crate::policy::Chore;
use crate::store::Store;
use crate::{enrolment, link_token, pending_login, session};

impl Store {
    /// Removes sessions, one-time links, enrolments and sign-ins that are over. Every few minutes.
    /// Gives how many rows went.
    ///
    /// # Errors
    /// The engine's.
    pub async fn expire(&self, now: i64) -> Result<u64> {
        self.chore(Chore::Expire, move |txn| {
            let gone = session::expire(txn, now)?
                + link_token::expire(txn, now)?
                + enrolment::expire(txn, now)?
                + pending_login::expire(txn, now)?;
            txn.wipes |= gone > 0;
            Ok(gone)
        })
        .await
    }
}
