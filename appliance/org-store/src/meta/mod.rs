//! What a store is: its id, its generation, whether it is a sample; and how much it holds.

use crate::engine::{Queries, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::txn::{Reader, WriteTxn};
use crate::{device, params, sql};
use kernel::ids::StoreId;

/// What a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its id, for good.
    pub store: StoreId,
    /// Rises at each restore.
    pub generation: u64,
    /// Made by `init --sample`.
    pub sample: bool,
}

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Accounts.
    pub people: u64,
    /// Devices that may sync.
    pub devices: u64,
    /// Devices that were revoked.
    pub revoked_devices: u64,
    /// Subjects that sent something.
    pub subjects: u64,
    /// Of these, left out of the figures at their word.
    pub excluded: u64,
    /// Streams.
    pub streams: u64,
    /// Deltas.
    pub deltas: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Chained audit rows.
    pub audit_rows: u64,
    /// Audit rows that wait to be chained.
    pub audit_waiting: u64,
    /// Syncs today, as far as they were noted.
    pub syncs_today: u64,
}

/// Says what a new store is.
pub(crate) fn begin(txn: &mut WriteTxn<'_>, store: StoreId, sample: bool) -> Result<()> {
    txn.execute(sql!("begin"), params![store, sample])
        .doing("begin a store")
        .map(drop)
}

/// Reads what the store is.
pub(crate) fn read<Q: Queries + ?Sized>(txn: &mut Q) -> Result<Meta> {
    let rows = txn
        .query(sql!("read"), params![])
        .doing("read what the store is")?;
    let mut row = rows
        .into_iter()
        .next()
        .ok_or_else(|| Error::not_found(Kind::Store, "here"))?;
    let mut read = || -> std::result::Result<Meta, crate::engine::Error> {
        Ok(Meta {
            store: row.next()?,
            generation: row.next()?,
            sample: row.next()?,
        })
    };
    read().doing("read what the store is")
}

/// Begins a generation, after a restore. `false` if the store's is not lower.
pub(crate) fn raise_generation(txn: &mut WriteTxn<'_>, generation: u64) -> Result<bool> {
    let changed = txn.execute(sql!("raise_generation"), params![generation]);
    Ok(changed.doing("raise the store's generation")? == 1)
}

/// Where the ledger stood when it was last noted: its last line's number and hash.
///
/// # Errors
/// The engine's.
pub fn ledger(txn: &mut impl Queries) -> Result<Option<(u64, [u8; 32])>> {
    let rows = txn
        .query(sql!("ledger"), params![])
        .doing("read where the ledger stands")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let mut read = || -> std::result::Result<_, crate::engine::Error> {
        Ok((row.next::<u64>()?, row.next::<Option<[u8; 32]>>()?))
    };
    let (n, hash) = read().doing("read where the ledger stands")?;
    Ok(hash.map(|hash| (n, hash)))
}

/// Notes where the ledger stands, so that one that was cut off is found. Never goes back.
/// A [`Chore::Ledger`](crate::Chore).
///
/// # Errors
/// The engine's.
pub fn set_ledger(txn: &mut WriteTxn<'_>, n: u64, hash: &[u8; 32]) -> Result<()> {
    txn.execute(sql!("set_ledger"), params![n, hash])
        .doing("note where the ledger stands")
        .map(drop)
}

/// Counts, for status and health.
///
/// # Errors
/// The engine's, the link key's.
pub fn counts(txn: &mut impl Reader, today: crate::Day) -> Result<Counts> {
    const DOING: &str = "count what the store holds";
    let devices = device::count(txn)?;
    // Whether a device was revoked is in its seal alone.
    let revoked_devices = device::revoked_serials(txn)?.len() as u64;
    let rows = txn.query(sql!("counts"), params![today]).doing(DOING)?;
    let mut row = rows
        .into_iter()
        .next()
        .ok_or(Error::Malformed { what: "count" })?;
    let mut next = || row.next::<u64>().doing(DOING);
    Ok(Counts {
        people: next()?,
        devices: devices.saturating_sub(revoked_devices),
        revoked_devices,
        subjects: next()?,
        excluded: next()?,
        streams: next()?,
        deltas: next()?,
        snapshots: next()?,
        audit_rows: next()?,
        audit_waiting: next()?,
        syncs_today: next()?,
    })
}
