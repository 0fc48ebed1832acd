//! The link from a person to their subject, sealed under `k_link`.
//!
//! Invariant: this module is the crate's own. From outside a link is opened by
//! [`WriteTxn::subject`], for the caller alone and audited, and by an erasure.

use crate::engine::{Queries, Statements};
use crate::error::{Doing, Error, Result};
use crate::link_key::Sealing;
use crate::txn::{Reader, WriteTxn};
use crate::{params, sql};
use kernel::ids::{PersonId, SubjectId};

/// The link as it is stored.
pub(crate) fn sealed(txn: &mut impl Queries, person: PersonId) -> Result<Option<Vec<u8>>> {
    let rows = txn
        .query(sql!("find"), params![person])
        .doing("find a link")?;
    rows.into_iter()
        .next()
        .map(|mut row| row.next().doing("read a link"))
        .transpose()
}

/// Opens a person's link.
pub(crate) fn open(txn: &mut WriteTxn<'_>, person: PersonId) -> Result<Option<SubjectId>> {
    let Some(sealed) = sealed(txn, person)? else {
        return Ok(None);
    };
    let opened = txn
        .link_key()
        .open(Sealing::Link, person.as_bytes(), &sealed);
    let subject = <[u8; 16]>::try_from(opened.doing("open a link")?);
    let subject = subject.map_err(|_| Error::Malformed { what: "link" })?;
    Ok(Some(SubjectId::from_bytes(subject)))
}

/// Seals and stores a person's link; gives what was stored.
pub(crate) fn put(txn: &mut WriteTxn<'_>, person: PersonId, subject: SubjectId) -> Result<Vec<u8>> {
    let sealed = txn
        .link_key()
        .seal(Sealing::Link, person.as_bytes(), subject.as_bytes());
    let sealed = sealed.doing("seal a link")?;
    txn.execute(sql!("put"), params![person, &sealed])
        .doing("store a link")?;
    Ok(sealed)
}

/// Removes a person's link.
pub(crate) fn delete(txn: &mut WriteTxn<'_>, person: PersonId) -> Result<()> {
    txn.execute(sql!("delete"), params![person])
        .doing("remove a link")?;
    txn.wipes = true;
    Ok(())
}
