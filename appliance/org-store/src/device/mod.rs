//! Devices: enrolled machines, on the person's side.
//!
//! A device leads to its subject by its route, HMAC(k_link, device), which only the holder of
//! `k_link` can make. Its dates (month of enrolment, days last seen and revoked, end of the
//! certificate) are sealed: laid beside the hours of a subject's first and last evidence they would
//! name it. Even that it was revoked is inside the seal, and opened at every sync: a few are, and a
//! few subjects have a stream that ended.
//!
//! Invariant: no row here changes in a sync's transaction (see `tally`).

mod machines;

pub use machines::{Shared, keep_shared, shared};
pub(crate) use machines::{days as machine_days, fill as fill_machines, heard};

use crate::days::{Day, day_of, month_of};
use crate::engine::{self, Queries, Row, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::link_key::{LinkKey, Sealing};
use crate::page::Page;
use crate::policy::{Action, Caller, Role};
use crate::txn::{Party, Reader, WriteTxn};
use crate::words::read_word;
use crate::{params, person, sql};
use kernel::ids::{DeviceId, PersonId, SubjectId};

/// An enrolled machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id, which its certificate has, too.
    pub device: DeviceId,
    /// Whose it is.
    pub person: PersonId,
    /// Their name.
    pub owner: String,
    /// What its owner calls it. Anybody's text.
    pub name: String,
    /// What it runs on, if it said so.
    pub platform: Option<String>,
    /// Its latest certificate's serial number.
    pub serial: Vec<u8>,
    /// The first day of the month of its enrolment.
    pub enrolled_month: Day,
    /// The day of its last sync.
    pub last_seen: Option<Day>,
    /// The last day of its certificate.
    pub not_after: Day,
    /// The day on which it was revoked.
    pub revoked: Option<Day>,
}

/// Whether a device may sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Good,
    /// It was revoked, or its person may not sign in.
    Revoked,
    /// Its subject was erased at its person's word.
    Erased,
    /// There is no such device.
    Unknown,
}

/// The dates inside the seal.
#[derive(Clone, Copy)]
struct Dates {
    enrolled_month: Day,
    last_seen: Option<Day>,
    not_after: Day,
    revoked: Option<Day>,
}

impl From<&Device> for Dates {
    fn from(device: &Device) -> Self {
        Self {
            enrolled_month: device.enrolled_month,
            last_seen: device.last_seen,
            not_after: device.not_after,
            revoked: device.revoked,
        }
    }
}

impl Dates {
    /// Always as long: a length that differs would tell whether a device ever synced.
    fn seal(self, key: &dyn LinkKey, device: DeviceId) -> Result<Vec<u8>> {
        let mut plain = [0; 32];
        let days = [
            self.enrolled_month,
            self.last_seen.unwrap_or(Day::MIN),
            self.not_after,
            self.revoked.unwrap_or(Day::MIN),
        ];
        for (to, day) in plain.chunks_exact_mut(8).zip(days) {
            to.copy_from_slice(&day.to_be_bytes());
        }
        let sealed = key.seal(Sealing::DeviceDates, device.as_bytes(), &plain);
        sealed.doing("seal a device's dates")
    }

    fn open(key: &dyn LinkKey, device: DeviceId, sealed: &[u8]) -> Result<Self> {
        let plain = key.open(Sealing::DeviceDates, device.as_bytes(), sealed);
        let plain = plain.doing("open a device's dates")?;
        let day = |at: usize| {
            plain
                .get(at..at + 8)
                .and_then(|b| b.try_into().ok())
                .map(Day::from_be_bytes)
        };
        let some = |day: Day| (day != Day::MIN).then_some(day);
        match (day(0), day(8), day(16), day(24)) {
            (Some(enrolled_month), Some(seen), Some(not_after), Some(revoked)) => Ok(Self {
                enrolled_month,
                last_seen: some(seen),
                not_after,
                revoked: some(revoked),
            }),
            _ => Err(Error::Malformed {
                what: "device's dates",
            }),
        }
    }
}

fn read(key: &dyn LinkKey, mut row: Row) -> Result<Device> {
    const DOING: &str = "read a device";
    let device = row.next().doing(DOING)?;
    let person = row.next().doing(DOING)?;
    let owner = row.next().doing(DOING)?;
    let name = row.next().doing(DOING)?;
    let platform = row.next().doing(DOING)?;
    let serial = row.next().doing(DOING)?;
    let sealed: Vec<u8> = row.next().doing(DOING)?;
    let Dates {
        enrolled_month,
        last_seen,
        not_after,
        revoked,
    } = Dates::open(key, device, &sealed)?;
    Ok(Device {
        device,
        person,
        owner,
        name,
        platform,
        serial,
        enrolled_month,
        last_seen,
        not_after,
        revoked,
    })
}

fn found(
    txn: &mut impl Reader,
    rows: std::result::Result<Vec<Row>, engine::Error>,
) -> Result<Vec<Device>> {
    let key = txn.link_key();
    rows.doing("find devices")?
        .into_iter()
        .map(|row| read(key, row))
        .collect()
}

/// One device.
///
/// # Errors
/// The engine's, the link key's.
pub fn get(txn: &mut impl Reader, device: DeviceId) -> Result<Option<Device>> {
    let rows = txn.query(sql!("find"), params![device]);
    Ok(found(txn, rows)?.pop())
}

/// A person's devices, by name.
///
/// # Errors
/// The engine's, the link key's.
pub fn of_person(txn: &mut impl Reader, person: PersonId) -> Result<Vec<Device>> {
    let rows = txn.query(sql!("of_person"), params![person]);
    found(txn, rows)
}

/// A part of all devices, by owner and name.
///
/// # Errors
/// The engine's, the link key's.
pub fn list(txn: &mut impl Reader, page: Page) -> Result<Vec<Device>> {
    let rows = txn.query(sql!("list"), params![page.limit, page.offset]);
    found(txn, rows)
}

/// How many devices there are, revoked ones too.
///
/// # Errors
/// The engine's.
pub fn count(txn: &mut impl Queries) -> Result<u64> {
    crate::one(txn, sql!("count"), params![], "count devices")
}

struct Known {
    person: PersonId,
    revoked: bool,
    role: Role,
    active: bool,
    actor: [u8; 16],
}

fn known(txn: &mut impl Reader, device: DeviceId) -> Result<Option<Known>> {
    const DOING: &str = "find a device";
    let rows = txn.query(sql!("party"), params![device]).doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let person = row.next().doing(DOING)?;
    let sealed: Vec<u8> = row.next().doing(DOING)?;
    Ok(Some(Known {
        person,
        revoked: Dates::open(txn.link_key(), device, &sealed)?
            .revoked
            .is_some(),
        role: read_word(row.next().doing(DOING)?, "role")?,
        active: {
            let sealed: Vec<u8> = row.next().doing(DOING)?;
            person::Dates::open(txn.link_key(), person, &sealed)?.active
        },
        actor: row.next().doing(DOING)?,
    }))
}

/// Where a device's route leads: nowhere, to what was erased, or to a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    None,
    Erased,
    To(SubjectId),
}

fn route(txn: &mut impl Reader, device: DeviceId) -> Result<Route> {
    let route = txn
        .link_key()
        .route(device)
        .doing("make a device's route")?;
    let rows = txn
        .query(sql!("route"), params![route])
        .doing("follow a route")?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(Route::None);
    };
    let Some(sealed) = row.next::<Option<Vec<u8>>>().doing("follow a route")? else {
        return Ok(Route::Erased);
    };
    let opened = txn
        .link_key()
        .open(Sealing::Route, device.as_bytes(), &sealed)
        .doing("open a route")?;
    let subject = <[u8; 16]>::try_from(opened).map_err(|_| Error::Malformed { what: "route" })?;
    Ok(Route::To(SubjectId::from_bytes(subject)))
}

/// Leaves a device's route, and takes the subject from it.
fn close_route(txn: &mut WriteTxn<'_>, device: DeviceId) -> Result<()> {
    let route = txn
        .link_key()
        .route(device)
        .doing("make a device's route")?;
    txn.execute(sql!("close_route"), params![route])
        .doing("close a route")?;
    Ok(())
}

/// Whether a device may sync.
///
/// # Errors
/// The engine's, the link key's.
pub fn standing(txn: &mut impl Reader, device: DeviceId) -> Result<Standing> {
    Ok(match known(txn, device)? {
        Some(known) if known.revoked || !known.active => Standing::Revoked,
        Some(_) => Standing::Good,
        None if route(txn, device)? == Route::Erased => Standing::Erased,
        None => Standing::Unknown,
    })
}

/// Refuses what may not sync; gives the device's person otherwise.
fn admit(txn: &mut impl Reader, device: DeviceId) -> Result<Known> {
    match known(txn, device)? {
        Some(known) if known.revoked || !known.active => Err(Error::Revoked),
        Some(known) => Ok(known),
        None if route(txn, device)? == Route::Erased => Err(Error::Erased),
        None => Err(Error::not_found(Kind::Device, device)),
    }
}

pub(crate) fn party(txn: &mut impl Reader, device: DeviceId) -> Result<Party> {
    let Known {
        person,
        role,
        actor,
        ..
    } = admit(txn, device)?;
    Ok(Party {
        caller: Caller::Device,
        person: Some(person),
        actor: Some(actor),
        role: Some(role),
        device: Some(device),
    })
}

/// The subject that an admitted device writes to.
pub(crate) fn admitted_subject(txn: &mut impl Reader, device: DeviceId) -> Result<SubjectId> {
    admit(txn, device)?;
    subject(txn, device)
}

pub(crate) fn subject(txn: &mut impl Reader, device: DeviceId) -> Result<SubjectId> {
    match route(txn, device)? {
        Route::To(subject) => Ok(subject),
        Route::Erased => Err(Error::Erased),
        Route::None => Err(Error::not_found(Kind::Subject, "of this device")),
    }
}

/// A machine that is let in.
pub(crate) struct NewDevice {
    pub(crate) device: DeviceId,
    pub(crate) person: PersonId,
    pub(crate) name: String,
    pub(crate) platform: Option<String>,
    pub(crate) serial: Vec<u8>,
    /// Unix seconds.
    pub(crate) not_after: i64,
    /// Unix seconds.
    pub(crate) now: i64,
}

pub(crate) fn insert(txn: &mut WriteTxn<'_>, new: &NewDevice, subject: SubjectId) -> Result<()> {
    let dates = Dates {
        enrolled_month: month_of(day_of(new.now)),
        last_seen: None,
        not_after: day_of(new.not_after),
        revoked: None,
    };
    let sealed = dates.seal(txn.link_key(), new.device)?;
    let values = params![
        new.device,
        new.person,
        &new.name,
        new.platform.as_deref(),
        &new.serial,
        sealed,
        machines::none(txn.link_key(), new.device)?
    ];
    txn.execute(sql!("insert"), values)
        .doing("store a device")?;
    let route = txn
        .link_key()
        .route(new.device)
        .doing("make a device's route")?;
    // Sealed, so that not even the number of a subject's devices is told beside the evidence.
    let sealed = txn
        .link_key()
        .seal(Sealing::Route, new.device.as_bytes(), subject.as_bytes())
        .doing("seal a route")?;
    txn.execute(sql!("insert_route"), params![route, sealed])
        .doing("store a route")?;
    // The commit's pages show device and route side by side, until the log is emptied.
    txn.wipes = true;
    Ok(())
}

/// Ends a device's enrolment; `false` if it had ended before. In
/// [`Action::RevokeOwnDevice`] it has to be the actor's.
///
/// The audit row does not say which device without `k_link`: its time, laid beside the end of a
/// stream, would name the subject.
///
/// # Errors
/// [`Error::NotFound`] if there is none, or it is somebody else's.
pub fn revoke(txn: &mut WriteTxn<'_>, device: DeviceId) -> Result<bool> {
    let missing = || Error::not_found(Kind::Device, device);
    let now = get(txn, device)?.ok_or_else(missing)?;
    if txn.action() == Some(Action::RevokeOwnDevice) && txn.person()? != now.person {
        return Err(missing());
    }
    txn.audit_on_sealed("device", *device.as_bytes());
    if now.revoked.is_some() {
        return Ok(false);
    }
    let dates = Dates {
        revoked: Some(day_of(txn.at().unwrap_or_default())),
        ..Dates::from(&now)
    };
    let sealed = dates.seal(txn.link_key(), device)?;
    txn.execute(sql!("set_dates"), params![device, sealed])
        .doing("revoke a device")?;
    // The commit's pages show the device beside the act's time, until the log is emptied.
    txn.wipes = true;
    Ok(true)
}

/// Notes a device's next certificate; the one before ends by its date, so that a reply that is lost
/// locks nobody out. The device keeps its id, and so its route. An [`Action::RenewDevice`].
///
/// # Errors
/// [`Error::NotFound`] if there is none, or it is not the acting one.
pub fn renewed(
    txn: &mut WriteTxn<'_>,
    device: DeviceId,
    serial: &[u8],
    not_after: i64,
) -> Result<()> {
    let acting = txn.acting.as_ref().and_then(|acting| acting.party.device);
    let now = get(txn, device)?.filter(|_| acting == Some(device));
    let now = now.ok_or_else(|| Error::not_found(Kind::Device, device))?;
    let dates = Dates {
        not_after: day_of(not_after),
        ..Dates::from(&now)
    };
    let sealed = dates.seal(txn.link_key(), device)?;
    txn.audit_on("device", *device.as_bytes());
    txn.execute(sql!("renew"), params![device, serial, sealed])
        .doing("renew a device")?;
    txn.wipes = true;
    Ok(())
}

/// Notes the day on which a device was last seen.
pub(crate) fn seen(txn: &mut WriteTxn<'_>, device: DeviceId, day: Day) -> Result<()> {
    let Some(now) = get(txn, device)? else {
        return Ok(());
    };
    if now.last_seen.is_some_and(|last| last >= day) {
        return Ok(());
    }
    let dates = Dates {
        last_seen: Some(day),
        ..Dates::from(&now)
    };
    let sealed = dates.seal(txn.link_key(), device)?;
    txn.execute(sql!("set_dates"), params![device, sealed])
        .doing("note a device")
        .map(drop)
}

/// Serial numbers, and the first days of the months of revocation, for the revocation list: anybody
/// may read that, and a day in it would name a subject as well as one in the store.
///
/// # Errors
/// The engine's, the link key's.
pub fn revoked_serials(txn: &mut impl Reader) -> Result<Vec<(Vec<u8>, Day)>> {
    const DOING: &str = "list revoked certificates";
    let rows = txn.query(sql!("all_dates"), params![]).doing(DOING)?;
    let key = txn.link_key();
    let mut revoked = Vec::new();
    for mut row in rows {
        let device = row.next().doing(DOING)?;
        let serial = row.next().doing(DOING)?;
        let sealed: Vec<u8> = row.next().doing(DOING)?;
        if let Some(day) = Dates::open(key, device, &sealed)?.revoked {
            revoked.push((serial, month_of(day)));
        }
    }
    Ok(revoked)
}

/// Removes a person's devices; their routes stay, and say that the subject was erased.
pub(crate) fn delete_of(txn: &mut WriteTxn<'_>, person: PersonId) -> Result<Vec<DeviceId>> {
    let devices: Vec<_> = of_person(txn, person)?
        .into_iter()
        .map(|device| device.device)
        .collect();
    for device in &devices {
        close_route(txn, *device)?;
    }
    txn.execute(sql!("delete_of"), params![person])
        .doing("remove a person's devices")?;
    txn.wipes = true;
    Ok(devices)
}
