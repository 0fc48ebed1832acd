//! Subjects: one person's evidence, under a name that says nothing of the person.
//!
//! The day of a subject's first push is kept because nobody counts until 14 days after it, by the
//! server's clock; figures are made on Mondays, so the Monday on or after it decides the same and
//! says less. It is the only thing here that a clock of ours made.
//!
//! Invariant: no row has a device, a person, or a time finer than an hour.

use crate::days::{Day, monday_from};
use crate::engine::{Queries, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::policy::Action;
use crate::txn::WriteTxn;
use crate::{device, link, meta, pair, params, sql, sync};
use kernel::evidence::{self, Pair};
use kernel::ids::{DeviceId, Slug, SubjectId};
use kernel::sync::Row;
use kernel::wire::v1::{AggregateChoice, Sum};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How a subject stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectState {
    /// Whether it counts in the figures.
    pub choice: AggregateChoice,
    /// The Monday on or after its first push; `None` before it.
    pub first_sync: Option<Day>,
    /// Days of its evidence, in order.
    pub evidence_days: Vec<Day>,
    /// How many streams it has.
    pub streams: u64,
    /// How many deltas are stored.
    pub deltas: u64,
}

/// What an erasure took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The person's devices. They hear that their evidence was erased.
    pub devices: Vec<DeviceId>,
}

/// Notes that a subject's rows changed; the first time it is born.
pub(crate) fn changed(
    txn: &mut WriteTxn<'_>,
    subject: SubjectId,
    today: Day,
    removed: bool,
) -> Result<()> {
    let values = params![subject, subject.bucket(), monday_from(today)];
    txn.execute(sql!("changed"), values)
        .doing("note a subject's change")?;
    if removed {
        // What was forgotten must not stand in a pair until the next fold.
        pair::delete_of(txn, subject)?;
    }
    Ok(())
}

/// In or out of the organisation's figures; `false` means it was so already.
///
/// # Errors
/// The engine's.
pub fn set_aggregate(
    txn: &mut WriteTxn<'_>,
    subject: SubjectId,
    choice: AggregateChoice,
) -> Result<bool> {
    // Somebody may leave the figures before the first push, which then sets its own Monday.
    let today = crate::days::day_of(txn.at().unwrap_or_default());
    let values = params![subject, subject.bucket(), monday_from(today)];
    txn.execute(sql!("ensure"), values)
        .doing("note a subject")?;
    let out = choice == AggregateChoice::Out;
    txn.audit_with("choice", if out { "out" } else { "in" });
    let rows = txn.execute(sql!("set_aggregate"), params![subject, out]);
    Ok(rows.doing("set a subject's aggregate flag")? == 1)
}

/// How a subject stands.
///
/// # Errors
/// The engine's.
pub fn state(txn: &mut impl Queries, subject: SubjectId) -> Result<SubjectState> {
    const DOING: &str = "read how a subject stands";
    let days = txn
        .query(sql!("evidence_days"), params![subject])
        .doing(DOING)?;
    let days = days.into_iter().map(|mut row| row.next().doing(DOING));
    let evidence_days = days.collect::<Result<Vec<Day>>>()?;
    let rows = txn.query(sql!("state"), params![subject]).doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        let choice = AggregateChoice::In;
        return Ok(SubjectState {
            choice,
            first_sync: None,
            evidence_days,
            streams: 0,
            deltas: 0,
        });
    };
    let out: bool = row.next().doing(DOING)?;
    let first_sync: Day = row.next().doing(DOING)?;
    let changed: u64 = row.next().doing(DOING)?;
    Ok(SubjectState {
        choice: if out {
            AggregateChoice::Out
        } else {
            AggregateChoice::In
        },
        first_sync: (changed > 0).then_some(first_sync),
        evidence_days,
        streams: row.next().doing(DOING)?,
        deltas: row.next().doing(DOING)?,
    })
}

/// What the subject knows, folded from its deltas. `resolve` gives the concept that replaces a
/// merged one, else the same.
///
/// # Errors
/// The engine's.
pub fn graph(
    txn: &mut impl Queries,
    subject: SubjectId,
    resolve: impl Fn(Slug) -> Slug,
) -> Result<BTreeMap<Slug, Pair>> {
    Ok(evidence::fold(sync::all(txn, subject)?, resolve))
}

/// The subject's newest deltas, newest first.
///
/// # Errors
/// The engine's.
pub fn rows(txn: &mut impl Queries, subject: SubjectId, limit: usize) -> Result<Vec<Row>> {
    sync::newest(txn, subject, limit as u64)
}

/// Everything that is stored of a subject.
///
/// # Errors
/// The engine's.
pub fn export(txn: &mut impl Queries, subject: SubjectId) -> Result<Value> {
    const DOING: &str = "export a subject";
    let state = state(txn, subject)?;
    let mut deltas = sync::all(txn, subject)?;
    deltas.sort_by_key(|row| (row.stream, row.index));
    let deltas = deltas.into_iter().map(|row| {
        let mut object = serde_json::Map::new();
        object.insert("stream".into(), row.stream.to_string().into());
        object.insert("i".into(), row.index.into());
        object.extend(row.delta.to_object());
        Value::Object(object)
    });
    let deltas: Vec<_> = deltas.collect();
    let mut streams = Vec::new();
    for mut row in txn.query(sql!("streams"), params![subject]).doing(DOING)? {
        let stream: kernel::ids::StreamId = row.next().doing(DOING)?;
        let head: u64 = row.next().doing(DOING)?;
        streams
            .push(json!({ "stream": stream, "head": head, "sum": Sum(row.next().doing(DOING)?) }));
    }
    Ok(json!({
        "subject": subject,
        "aggregate": state.choice,
        "first_sync_monday": state.first_sync,
        "streams": streams,
        "deltas": deltas,
        "pairs": pair::of_subject(txn, subject)?,
    }))
}

/// Removes all that the acting person's devices ever sent, with link and devices. Their routes
/// stay, and tell a device that returns. An [`Action::EraseOwn`].
///
/// # Errors
/// [`Error::NotFound`] if the person has no subject; [`Error::Forbidden`] never: the policy was
/// asked before.
pub fn erase(txn: &mut WriteTxn<'_>) -> Result<Erased> {
    if txn.action() != Some(Action::EraseOwn) {
        return Err(Error::not_found(Kind::Subject, "of this act"));
    }
    let subject = txn.subject()?;
    let person = txn.person()?;
    erase_rows(txn, subject)?;
    link::delete(txn, person)?;
    let devices = device::delete_of(txn, person)?;
    Ok(Erased { devices })
}

pub(crate) fn erase_rows(txn: &mut WriteTxn<'_>, subject: SubjectId) -> Result<()> {
    const DOING: &str = "erase a subject";
    pair::delete_of(txn, subject)?;
    for statement in [
        sql!("delete_deltas"),
        sql!("delete_streams"),
        sql!("delete"),
    ] {
        txn.execute(statement, params![subject]).doing(DOING)?;
    }
    txn.wipes = true;
    Ok(())
}

/// Refuses in a store that is no sample.
pub(crate) fn must_be_sample(txn: &mut WriteTxn<'_>) -> Result<()> {
    let is_sample = meta::read(txn)?.sample && txn.action() == Some(Action::LoadSample);
    if is_sample {
        Ok(())
    } else {
        Err(Error::NotSample)
    }
}

/// The subject that an invented engineer's device writes to. An [`Action::LoadSample`].
///
/// # Errors
/// [`Error::NotSample`] in a real store; [`Error::NotFound`], [`Error::Erased`].
pub fn of_device(txn: &mut WriteTxn<'_>, device: DeviceId) -> Result<SubjectId> {
    must_be_sample(txn)?;
    device::subject(txn, device)
}

/// Sets the day of an invented engineer's first push. An [`Action::LoadSample`].
///
/// # Errors
/// [`Error::NotSample`] in a real store; [`Error::NotFound`] before the first push.
pub fn set_first_sync(txn: &mut WriteTxn<'_>, subject: SubjectId, day: Day) -> Result<()> {
    must_be_sample(txn)?;
    let changed = txn.execute(sql!("set_first_sync"), params![subject, monday_from(day)]);
    match changed.doing("set a sample's date")? {
        1 => Ok(()),
        _ => Err(Error::not_found(Kind::Subject, "of this device")),
    }
}
