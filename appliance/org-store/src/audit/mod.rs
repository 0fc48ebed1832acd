//! The audit log's rows: written in the transaction of their act, chained by one leader.
//!
//! A row is stored in its one canonical spelling. [`append`] gives it the next number of its
//! node's own log; within a second [`Store::chain_audit`] puts waiting rows into the one chain and
//! signs where it stands. A verifier sees a row that was lost in between, by its number.
//!
//! Elsewhere: rows, chain and verifier are `audit_log`.

use crate::engine::{Queries, Row, Statements};
use crate::error::{Doing, Error, Result};
use crate::link_key::Sealing;
use crate::policy::{Action, Chore};
use crate::store::Store;
use crate::txn::{Reader, WriteTxn};
use crate::{meta, params, sql};
use audit_log::{Actor, AuditRow, ChainedRow, Checkpoint, Head, NodeRow, Signer, TargetId, Word};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most rows that are chained in one transaction.
const AT_A_TIME: u64 = 500;

/// Acts on somebody else's account or device, whose audit row hides on which: it says when, and
/// that is when their evidence ends.
const OPENED: [Action; 3] = [
    Action::RevokeDevice,
    Action::DisablePerson,
    Action::EnablePerson,
];

/// Writes a row, in the transaction of its act.
pub(crate) fn append(txn: &mut WriteTxn<'_>, node: u16, row: AuditRow) -> Result<()> {
    const DOING: &str = "write an audit row";
    let last = txn.query(sql!("last_n"), params![node]).doing(DOING)?;
    let last = match last.into_iter().next() {
        Some(mut row) => row.next::<u64>().doing(DOING)?,
        None => 0,
    };
    let row = NodeRow {
        node,
        n: last + 1,
        row,
    };
    let body = row.canonical().map_err(Error::Audit)?;
    txn.execute(sql!("append"), params![node, row.n, body])
        .doing(DOING)?;
    txn.execute(sql!("set_n"), params![node, row.n])
        .doing(DOING)
        .map(drop)
}

/// How many rows wait to be chained.
///
/// # Errors
/// The engine's.
pub fn pending(txn: &mut impl Queries) -> Result<u64> {
    crate::one(txn, sql!("pending"), params![], "count waiting audit rows")
}

/// Where the chain stands.
///
/// # Errors
/// The engine's.
pub fn head(txn: &mut impl Queries) -> Result<Head> {
    const DOING: &str = "read where the audit chain stands";
    let mut head = audit_log::genesis(meta::read(txn)?.store.as_bytes());
    let last = txn.query(sql!("last"), params![]).doing(DOING)?;
    if let Some(mut row) = last.into_iter().next() {
        head.seq = row.next().doing(DOING)?;
        head.hash = row.next().doing(DOING)?;
        let nodes = txn.query(sql!("nodes"), params![]).doing(DOING)?;
        let nodes = nodes
            .into_iter()
            .map(|mut row| Ok((row.next().doing(DOING)?, row.next().doing(DOING)?)));
        head.nodes = nodes.collect::<Result<BTreeMap<u16, u64>>>()?;
    }
    Ok(head)
}

fn read(mut row: Row) -> Result<ChainedRow> {
    const DOING: &str = "read an audit row";
    let (seq, hash) = (row.next().doing(DOING)?, row.next().doing(DOING)?);
    let entry = NodeRow::parse(&row.next::<String>().doing(DOING)?).map_err(Error::Audit)?;
    Ok(ChainedRow { seq, hash, entry })
}

/// Chained rows before `seq` (all, if `None`), newest first.
///
/// # Errors
/// The engine's; [`Error::Audit`] for a row that is in no canonical form.
pub fn list(txn: &mut impl Queries, before: Option<u64>, limit: u64) -> Result<Vec<ChainedRow>> {
    let before = before.unwrap_or(i64::MAX.unsigned_abs());
    let rows = txn
        .query(sql!("before"), params![before, limit])
        .doing("list audit rows")?;
    rows.into_iter().map(read).collect()
}

/// Kind and id of the one thing on which an act was, for a reader of the log: also where it is
/// sealed and somebody acted on another's account or device. `None` for what a person did with
/// their own, and where there is no such thing.
///
/// # Errors
/// The link key's.
pub fn target(txn: &mut impl Reader, row: &AuditRow) -> Result<Option<(Word, [u8; 16])>> {
    const DOING: &str = "open an audit row's target";
    if matches!(row.actor(), Actor::Sealed(_)) {
        return Ok(None);
    }
    let opened = OPENED
        .iter()
        .any(|action| action.as_str() == row.action().as_str());
    match row.acted_on() {
        Some((kind, TargetId::Id(id))) => Ok(Some((kind.clone(), *id))),
        Some((kind, TargetId::Sealed(sealed))) if opened => {
            let plain = txn
                .link_key()
                .open(Sealing::Actor, &[0; 16], sealed)
                .doing(DOING)?;
            let id = <[u8; 16]>::try_from(plain).map_err(|_| Error::Malformed {
                what: "audit row's target",
            })?;
            Ok(Some((kind.clone(), id)))
        }
        _ => Ok(None),
    }
}

/// Chained rows from `seq` on, in order: for an export and for a verifier.
///
/// # Errors
/// As [`list`].
pub fn page(txn: &mut impl Queries, from: u64, limit: u64) -> Result<Vec<ChainedRow>> {
    let rows = txn
        .query(sql!("from"), params![from, limit])
        .doing("list audit rows")?;
    rows.into_iter().map(read).collect()
}

/// Checkpoints from `seq` on, in order.
///
/// # Errors
/// As [`list`].
pub fn checkpoints(txn: &mut impl Queries, from: u64, limit: u64) -> Result<Vec<Checkpoint>> {
    const DOING: &str = "list checkpoints";
    let rows = txn
        .query(sql!("checkpoints"), params![from, limit])
        .doing(DOING)?;
    let parse =
        |mut row: Row| Checkpoint::parse(&row.next::<String>().doing(DOING)?).map_err(Error::Audit);
    rows.into_iter().map(parse).collect()
}

impl Store {
    /// The leader's job: chains what waits, and signs where the chain stands then. Gives how many
    /// rows were chained.
    ///
    /// # Errors
    /// The engine's; [`Error::Audit`] if a row does not follow its node's last one.
    pub async fn chain_audit(&self, signer: Option<Arc<Signer>>, at: i64) -> Result<usize> {
        let mut chained = 0;
        loop {
            let signer = signer.clone();
            let done = self.chore(Chore::Chain, move |txn| {
                chain_some(txn, signer.as_deref(), at)
            });
            match done.await? {
                0 => return Ok(chained),
                some => chained += some,
            }
        }
    }
}

fn chain_some(txn: &mut WriteTxn<'_>, signer: Option<&Signer>, at: i64) -> Result<usize> {
    const DOING: &str = "chain audit rows";
    let waiting = txn
        .query(sql!("waiting"), params![AT_A_TIME])
        .doing(DOING)?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let mut rows = Vec::with_capacity(waiting.len());
    for mut row in waiting {
        let (node, n) = (
            row.next::<u16>().doing(DOING)?,
            row.next::<u64>().doing(DOING)?,
        );
        rows.push(NodeRow::parse(&row.next::<String>().doing(DOING)?).map_err(Error::Audit)?);
        txn.execute(sql!("chained"), params![node, n])
            .doing(DOING)?;
    }
    let mut head = head(txn)?;
    let chained = audit_log::chain(&mut head, rows).map_err(Error::Audit)?;
    for ChainedRow { seq, hash, entry } in &chained {
        let body = entry.canonical().map_err(Error::Audit)?;
        let values = params![*seq, entry.node, entry.n, hash, body];
        txn.execute(sql!("insert"), values).doing(DOING)?;
    }
    if let Some(signer) = signer {
        let store = meta::read(txn)?.store;
        let checkpoint = signer
            .checkpoint(store.as_bytes(), &head, at)
            .map_err(Error::Audit)?;
        let body = checkpoint.canonical().map_err(Error::Audit)?;
        txn.execute(sql!("insert_checkpoint"), params![head.seq, body])
            .doing(DOING)?;
    }
    Ok(chained.len())
}
