//! Enrolments: a machine asks, its person says yes in the browser, the machine fetches its answer.
//!
//! A row is kept by the hash of its code (what the person types) and of its poll (what the machine
//! asks with), and goes ten minutes after its end. The yes makes device, route and, for a person's
//! first device, the link to a new subject, in one transaction.
//!
//! Invariant: nothing that is kept longer says who enrolled when.

use crate::device::{self, NewDevice};
use crate::engine::{Queries, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::txn::WriteTxn;
use crate::words::check_text;
use crate::{link, params, sql};
use kernel::ids::{DeviceId, PersonId, SubjectId};

/// Most enrolments that wait at a time; anybody may ask, so the number is bounded.
const WAITING: u64 = 200;
/// How long a row is kept after its end, so that its machine hears of it, in seconds.
const REMEMBERED_S: i64 = 600;

/// A machine that asks to come in.
#[derive(Clone, Debug)]
pub struct NewEnrolment {
    /// Hash of what it asks with.
    pub poll_hash: [u8; 32],
    /// Hash of the code that it shows.
    pub code_hash: [u8; 32],
    /// What it is called, 1 to 64 characters.
    pub name: String,
    /// What it runs on.
    pub platform: Option<String>,
    /// Its certificate request, PEM.
    pub csr: String,
    /// Where it asks from, for the approval page.
    pub address: String,
    /// Unix seconds.
    pub now: i64,
    /// Until when it may be approved, unix seconds.
    pub expires: i64,
}

/// How an enrolment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrolmentState {
    /// It waits.
    Pending,
    /// Somebody said yes.
    Approved,
    /// Somebody said no.
    Refused,
}

/// An enrolment, as the approval page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// How it stands.
    pub state: EnrolmentState,
    /// What the machine is called.
    pub name: String,
    /// What it runs on.
    pub platform: Option<String>,
    /// Its certificate request; empty once it was decided.
    pub csr: String,
    /// Where it asks from; empty once it was decided.
    pub address: String,
    /// When it asked, unix seconds.
    pub started: i64,
    /// Until when it may be approved, unix seconds.
    pub expires: i64,
}

/// A person's yes.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Hash of the code.
    pub code_hash: [u8; 32],
    /// The device's id, random.
    pub device: DeviceId,
    /// Its certificate's serial number.
    pub serial: Vec<u8>,
    /// Its certificate's end, unix seconds.
    pub not_after: i64,
    /// 16 random bytes, for a person without a subject.
    pub fresh_subject: SubjectId,
    /// What the machine is to hear, as JSON.
    pub reply: String,
    /// Until when it can be fetched, unix seconds.
    pub collect_until: i64,
}

/// What the yes made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// Whose device it is.
    pub person: PersonId,
    /// Its id.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// The person's sealed link, as stored, for the ledger.
    pub link: Vec<u8>,
}

/// What the machine hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// Nothing waits by that name.
    Unknown,
    /// Nobody decided yet.
    Pending,
    /// Yes, with the reply.
    Approved(String),
    /// No.
    Refused,
    /// Too late.
    Expired,
}

fn state(word: &str) -> Result<EnrolmentState> {
    match word {
        "pending" => Ok(EnrolmentState::Pending),
        "approved" => Ok(EnrolmentState::Approved),
        "refused" => Ok(EnrolmentState::Refused),
        _ => Err(Error::Malformed { what: "enrolment" }),
    }
}

/// A machine asks. A [`Chore::StartEnrolment`](crate::Chore::StartEnrolment).
///
/// # Errors
/// [`Error::TooMany`] while 200 wait, [`Error::Text`], [`Error::Exists`] if the code is taken.
pub fn start(txn: &mut WriteTxn<'_>, new: &NewEnrolment) -> Result<()> {
    check_text(&new.name, "a device's name", 64)?;
    if let Some(platform) = &new.platform {
        check_text(platform, "a platform", 64)?;
    }
    expire(txn, new.now)?;
    let waiting: u64 = crate::one(
        txn,
        sql!("waiting"),
        params![new.now],
        "count waiting enrolments",
    )?;
    if waiting >= WAITING {
        return Err(Error::TooMany {
            kind: Kind::Enrolment,
        });
    }
    let values = params![
        new.poll_hash,
        new.code_hash,
        &new.name,
        new.platform.as_deref(),
        &new.csr,
        &new.address,
        new.now,
        new.expires
    ];
    match txn.execute(sql!("insert"), values) {
        Err(error) if error.fault == crate::engine::Fault::Constraint => Err(Error::Exists {
            kind: Kind::Enrolment,
        }),
        done => done.doing("store an enrolment").map(drop),
    }
}

/// The enrolment with a code, unless it is over.
///
/// # Errors
/// The engine's.
pub fn by_code(
    txn: &mut impl Queries,
    code_hash: &[u8; 32],
    now: i64,
) -> Result<Option<Enrolment>> {
    const DOING: &str = "find an enrolment";
    let rows = txn
        .query(sql!("by_code"), params![code_hash, now])
        .doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(Enrolment {
        state: state(&row.next::<String>().doing(DOING)?)?,
        name: row.next().doing(DOING)?,
        platform: row.next().doing(DOING)?,
        csr: row.next().doing(DOING)?,
        address: row.next().doing(DOING)?,
        started: row.next().doing(DOING)?,
        expires: row.next().doing(DOING)?,
    }))
}

/// The acting person's yes. An [`Action::ApproveDevice`](crate::Action::ApproveDevice).
///
/// # Errors
/// [`Error::NotFound`] if nothing waits with this code (any more).
pub fn approve(txn: &mut WriteTxn<'_>, yes: &Approval) -> Result<Approved> {
    let missing = || Error::not_found(Kind::Enrolment, "with this code");
    let (person, now) = (txn.person()?, txn.at().unwrap_or_default());
    let waiting = by_code(txn, &yes.code_hash, now)?.ok_or_else(missing)?;
    let values = params![yes.code_hash, &yes.reply, yes.collect_until, now];
    if txn
        .execute(sql!("approve"), values)
        .doing("approve an enrolment")?
        != 1
    {
        return Err(missing());
    }
    let (subject, link) = match link::open(txn, person)? {
        Some(subject) => (subject, link::sealed(txn, person)?.unwrap_or_default()),
        None => (
            yes.fresh_subject,
            link::put(txn, person, yes.fresh_subject)?,
        ),
    };
    let new = NewDevice {
        device: yes.device,
        person,
        name: waiting.name,
        platform: waiting.platform,
        serial: yes.serial.clone(),
        not_after: yes.not_after,
        now,
    };
    device::insert(txn, &new, subject)?;
    txn.audit_on("device", *yes.device.as_bytes());
    Ok(Approved {
        person,
        device: yes.device,
        name: new.name,
        link,
    })
}

/// The acting person's no. An [`Action::RefuseDevice`](crate::Action::RefuseDevice).
///
/// # Errors
/// [`Error::NotFound`] if nothing waits with this code (any more).
pub fn refuse(txn: &mut WriteTxn<'_>, code_hash: &[u8; 32]) -> Result<()> {
    let now = txn.at().unwrap_or_default();
    match txn
        .execute(sql!("refuse"), params![code_hash, now])
        .doing("refuse an enrolment")?
    {
        1 => Ok(()),
        _ => Err(Error::not_found(Kind::Enrolment, "with this code")),
    }
}

/// What a machine that asks is to hear.
///
/// # Errors
/// The engine's.
pub fn poll(txn: &mut impl Queries, poll_hash: &[u8; 32], now: i64) -> Result<Poll> {
    const DOING: &str = "find an enrolment";
    let rows = txn
        .query(sql!("by_poll"), params![poll_hash])
        .doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(Poll::Unknown);
    };
    let state = state(&row.next::<String>().doing(DOING)?)?;
    let reply: Option<String> = row.next().doing(DOING)?;
    let expires: i64 = row.next().doing(DOING)?;
    Ok(match (state, reply) {
        (EnrolmentState::Refused, _) => Poll::Refused,
        _ if expires <= now => Poll::Expired,
        (EnrolmentState::Approved, Some(reply)) => Poll::Approved(reply),
        (EnrolmentState::Approved, None) => return Err(Error::Malformed { what: "enrolment" }),
        (EnrolmentState::Pending, _) => Poll::Pending,
    })
}

pub(crate) fn expire(txn: &mut WriteTxn<'_>, now: i64) -> Result<u64> {
    let before = now - REMEMBERED_S;
    txn.execute(sql!("expire"), params![before])
        .doing("remove old enrolments")
}
