//! Sync: pushes and pulls of one device, each touching one subject in one transaction.
//!
//! Whether a device may sync is read in the same transaction, so a revocation that was answered
//! is never overtaken. A push leaves no audit row and changes no row on the person's side.
//!
//! Invariant: a reply to a push is given after its commit.

mod rows;

pub(crate) use rows::{SubjectRows, rows};

use crate::days::day_of;
use crate::engine::Queries;
use crate::error::{Error, Result};
use crate::policy::Chore;
use crate::store::{Store, lock};
use crate::txn::{ReadTxn, WriteTxn};
use crate::{device, meta, params, sql, subject};
use kernel::ids::{DeviceId, Hour, Slug, SubjectId};
use kernel::sync::Row;
use kernel::sync::server::{self, Contact, Refused};
use kernel::wire::v1::{Pull, PullReply, Push, PushReply};
use std::sync::Arc;

/// A device's request, and what the server knows at that time.
#[derive(Clone)]
pub struct SyncCall {
    /// Which device, by its certificate.
    pub device: DeviceId,
    /// Now, unix seconds; in a sample store it may be shifted.
    pub now: i64,
    /// The server's catalogue version.
    pub catalogue: u32,
    /// When the device is to come again, in seconds.
    pub poll_s: u32,
    /// Whether a concept is in the catalogue, or the organisation's own.
    pub knows: Arc<dyn Fn(&Slug) -> bool + Send + Sync>,
}

impl SyncCall {
    fn contact(&self, meta: meta::Meta) -> Contact<'_> {
        Contact {
            store: meta.store,
            generation: meta.generation,
            now: self.now,
            catalogue: self.catalogue,
            poll_s: self.poll_s,
            knows: self.knows.as_ref(),
        }
    }
}

impl Store {
    /// Takes a push. What the device has to mend is a [`Refused`] inside, with nothing stored.
    ///
    /// # Errors
    /// [`Error::BadPush`], [`Error::Revoked`], [`Error::Erased`], [`Error::NotFound`] for a device
    /// that was never enrolled, [`Error::DiskFull`].
    pub async fn push(
        &self,
        call: SyncCall,
        push: Push,
    ) -> Result<std::result::Result<PushReply, Refused>> {
        server::check(&push).map_err(Error::BadPush)?;
        let (device, now) = (call.device, call.now);
        let reply = self
            .chore(Chore::Sync, move |txn| take(txn, &call, &push))
            .await?;
        lock(&self.inner.tally).synced(device, day_of(now));
        Ok(reply)
    }

    /// Gives a device what it lacks.
    ///
    /// # Errors
    /// As [`Store::push`], without [`Error::BadPush`].
    pub async fn pull(&self, call: SyncCall, pull: Pull) -> Result<PullReply> {
        let (device, now) = (call.device, call.now);
        let reply = self.read(move |txn| give(txn, &call, &pull)).await?;
        lock(&self.inner.tally).seen(device, day_of(now));
        Ok(reply)
    }
}

fn take(
    txn: &mut WriteTxn<'_>,
    call: &SyncCall,
    push: &Push,
) -> Result<std::result::Result<PushReply, Refused>> {
    let subject = device::admitted_subject(txn, call.device)?;
    let meta = meta::read(txn)?;
    let mut rows = SubjectRows::new(txn.connection, subject);
    let reply = server::push(&mut rows, &call.contact(meta), push)?;
    let (changed, removed) = (rows.changed, rows.removed);
    if changed {
        subject::changed(txn, subject, day_of(call.now), removed)?;
    }
    txn.wipes |= removed;
    Ok(reply)
}

fn give(txn: &mut ReadTxn<'_>, call: &SyncCall, pull: &Pull) -> Result<PullReply> {
    let subject = device::admitted_subject(txn, call.device)?;
    let meta = meta::read(txn)?;
    let mut rows = SubjectRows::new(txn.connection, subject);
    server::pull(&mut rows, &call.contact(meta), pull)
}

/// Every delta of a subject.
pub(crate) fn all(txn: &mut impl Queries, subject: SubjectId) -> Result<Vec<Row>> {
    rows(txn, sql!("all"), params![subject])
}

/// A subject's newest deltas, newest first.
pub(crate) fn newest(txn: &mut impl Queries, subject: SubjectId, limit: u64) -> Result<Vec<Row>> {
    rows(txn, sql!("newest"), params![subject, limit])
}

/// A subject's deltas of before an hour.
pub(crate) fn before(txn: &mut impl Queries, subject: SubjectId, hour: Hour) -> Result<Vec<Row>> {
    rows(txn, sql!("before"), params![subject, hour])
}
