//! People: accounts, and who an audit row's random id is.
//!
//! An account is known by `(issuer, sub)`, never by its e-mail address. Name and address stand
//! here alone, so that they can be erased while the audit log, which holds only random ids,
//! stands. The day of the last sign-in is sealed: many sign in once, to enrol, and a plain date
//! would be that of their subject's first evidence.
//!
//! Invariant: one account at least can administer the appliance, once one could.

use crate::days::{Day, day_of};
use crate::engine::{self, Queries, Row, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::link_key::{LinkKey, Sealing};
use crate::page::Page;
use crate::policy::{Action, Caller, Role};
use crate::txn::{Party, Reader, WriteTxn};
use crate::words::{check_text, read_word};
use crate::{device, link, params, session, sql, subject};
use kernel::ids::{DeviceId, PersonId, SubjectId};
use serde_json::{Value, json};

/// The issuer of accounts that no identity provider knows.
const LOCAL: &str = "link";
/// The local administrator's `sub`.
const FIRST_ADMIN: &str = "admin";

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its id.
    pub person: PersonId,
    /// Its random id in the audit log.
    pub actor: [u8; 16],
    /// Who vouches for it; `link` for an account of the appliance's own.
    pub issuer: String,
    /// Its name there.
    pub sub: String,
    /// Its name for people.
    pub name: String,
    /// Its address.
    pub email: Option<String>,
    /// What it may open.
    pub role: Role,
    /// Whether it may sign in.
    pub active: bool,
    /// The day of its last sign-in.
    pub last_sign_in: Option<Day>,
}

/// Random ids for an account that may have to be made.
#[derive(Clone, Copy, Debug)]
pub struct Fresh {
    /// 16 random bytes.
    pub person: PersonId,
    /// 16 other random bytes.
    pub actor: [u8; 16],
}

/// What an identity provider says of who signs in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The provider.
    pub issuer: String,
    /// Its name for the person.
    pub sub: String,
    /// The person's name.
    pub name: String,
    /// The person's address.
    pub email: Option<String>,
    /// What the claims let the person open.
    pub role: Role,
    /// For a person who comes for the first time.
    pub fresh: Fresh,
}

/// As whom a one-time link signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalAs {
    /// The appliance's own administrator, made at the first time.
    FirstAdmin,
    /// An account that is there.
    Person(PersonId),
}

/// A sign-in by a one-time link.
#[derive(Clone, Debug)]
pub struct LocalSignIn {
    /// As whom.
    pub as_: LocalAs,
    /// The administrator's name, if it has to be made.
    pub name: String,
    /// Its ids.
    pub fresh: Fresh,
}

/// What an erasure took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedPerson {
    /// The person's subject, for the ledger, if there was one.
    pub subject: Option<SubjectId>,
    /// The person's devices.
    pub devices: Vec<DeviceId>,
}

fn read(key: &dyn LinkKey, mut row: Row) -> Result<Person> {
    const DOING: &str = "read an account";
    let person: PersonId = row.next().doing(DOING)?;
    let actor = row.next().doing(DOING)?;
    let issuer = row.next().doing(DOING)?;
    let sub = row.next().doing(DOING)?;
    let name = row.next().doing(DOING)?;
    let email = row.next().doing(DOING)?;
    let role = read_word(row.next().doing(DOING)?, "role")?;
    let sealed: Vec<u8> = row.next().doing(DOING)?;
    let Dates {
        last_sign_in,
        active,
    } = Dates::open(key, person, &sealed)?;
    Ok(Person {
        person,
        actor,
        issuer,
        sub,
        name,
        email,
        role,
        active,
        last_sign_in,
    })
}

/// What is inside an account's seal. That it is switched off is there, too: a few are, and a few
/// subjects have no evidence any more.
#[derive(Clone, Copy)]
pub(crate) struct Dates {
    last_sign_in: Option<Day>,
    pub(crate) active: bool,
}

impl Dates {
    /// Always as long.
    fn seal(self, key: &dyn LinkKey, person: PersonId) -> Result<Vec<u8>> {
        let mut plain = [0; 9];
        plain[0] = self.active.into();
        plain[1..].copy_from_slice(&self.last_sign_in.unwrap_or(Day::MIN).to_be_bytes());
        key.seal(Sealing::PersonDates, person.as_bytes(), &plain)
            .doing("seal an account's dates")
    }

    pub(crate) fn open(key: &dyn LinkKey, person: PersonId, sealed: &[u8]) -> Result<Self> {
        let plain = key.open(Sealing::PersonDates, person.as_bytes(), sealed);
        let plain = plain.doing("open an account's dates")?;
        match plain.split_first() {
            Some((active @ (0 | 1), day)) if day.len() == 8 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(day);
                let day = Day::from_be_bytes(bytes);
                Ok(Self {
                    last_sign_in: (day != Day::MIN).then_some(day),
                    active: *active == 1,
                })
            }
            _ => Err(Error::Malformed {
                what: "account's dates",
            }),
        }
    }
}

fn set_dates(txn: &mut WriteTxn<'_>, person: PersonId, dates: Dates) -> Result<()> {
    let sealed = dates.seal(txn.link_key(), person)?;
    txn.execute(sql!("set_dates"), params![person, sealed])
        .doing("note an account's dates")
        .map(drop)
}

fn found(
    txn: &mut impl Reader,
    rows: std::result::Result<Vec<Row>, engine::Error>,
) -> Result<Vec<Person>> {
    let key = txn.link_key();
    rows.doing("find accounts")?
        .into_iter()
        .map(|row| read(key, row))
        .collect()
}

/// One account.
///
/// # Errors
/// The engine's, the link key's.
pub fn get(txn: &mut impl Reader, person: PersonId) -> Result<Option<Person>> {
    let rows = txn.query(sql!("get"), params![person]);
    Ok(found(txn, rows)?.pop())
}

fn must(txn: &mut impl Reader, person: PersonId) -> Result<Person> {
    get(txn, person)?.ok_or_else(|| Error::not_found(Kind::Person, person))
}

/// The account with an address, whatever its case; an active one before others.
///
/// # Errors
/// The engine's, the link key's.
pub fn by_email(txn: &mut impl Reader, email: &str) -> Result<Option<Person>> {
    let rows = txn.query(sql!("by_email"), params![email]);
    let found = found(txn, rows)?.into_iter();
    Ok(found.min_by_key(|person| !person.active))
}

/// An account with this very name.
///
/// # Errors
/// The engine's, the link key's.
pub fn by_name(txn: &mut impl Reader, name: &str) -> Result<Option<Person>> {
    let rows = txn.query(sql!("by_name"), params![name]);
    Ok(found(txn, rows)?.pop())
}

/// An active administrator, if there is one.
///
/// # Errors
/// The engine's, the link key's.
pub fn any_admin(txn: &mut impl Reader) -> Result<Option<Person>> {
    Ok(admins(txn)?.into_iter().next())
}

/// Administrators whose accounts are switched on.
fn admins(txn: &mut impl Reader) -> Result<Vec<Person>> {
    let rows = txn.query(sql!("admins"), params![]);
    let mut admins = found(txn, rows)?;
    admins.retain(|admin| admin.active);
    Ok(admins)
}

/// A part of all accounts, by name.
///
/// # Errors
/// The engine's, the link key's.
pub fn list(txn: &mut impl Reader, page: Page) -> Result<Vec<Person>> {
    let rows = txn.query(sql!("list"), params![page.limit, page.offset]);
    found(txn, rows)
}

/// How many accounts there are.
///
/// # Errors
/// The engine's.
pub fn count(txn: &mut impl Queries) -> Result<u64> {
    crate::one(txn, sql!("count"), params![], "count accounts")
}

/// Whose random id it is in the audit log; nobody's, once they were erased.
///
/// # Errors
/// The engine's.
pub fn actor_name(txn: &mut impl Queries, actor: [u8; 16]) -> Result<Option<String>> {
    const DOING: &str = "find an actor's name";
    let rows = txn.query(sql!("actor_name"), params![actor]).doing(DOING)?;
    rows.into_iter()
        .next()
        .map(|mut row| row.next().doing(DOING))
        .transpose()
}

/// Everything that is stored of a person on this side: account, devices and sessions. Days are
/// counted from 1970-01-01.
///
/// # Errors
/// The engine's, the link key's; [`Error::NotFound`].
pub fn export(txn: &mut impl Reader, person: PersonId) -> Result<Value> {
    const DOING: &str = "export an account";
    let account = must(txn, person)?;
    let devices = device::of_person(txn, person)?
        .into_iter()
        .map(|device| {
            Ok(json!({
                "device": device.device,
                "name": device.name,
                "platform": device.platform,
                "serial": hex::encode(device.serial),
                "enrolled_month_day": device.enrolled_month,
                "last_seen_day": device.last_seen,
                "not_after_day": device.not_after,
                "revoked_day": device.revoked,
                "machines_last_seen_days": device::machine_days(txn, device.device)?,
            }))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut sessions = Vec::new();
    for mut row in txn.query(sql!("sessions"), params![person]).doing(DOING)? {
        let through: String = row.next().doing(DOING)?;
        let created: i64 = row.next().doing(DOING)?;
        let expires: i64 = row.next().doing(DOING)?;
        sessions.push(json!({ "through": through, "created": created, "expires": expires }));
    }
    Ok(json!({
        "person": account.person,
        "audit_id": hex::encode(account.actor),
        "issuer": account.issuer,
        "sub": account.sub,
        "name": account.name,
        "email": account.email,
        "role": account.role,
        "active": account.active,
        "last_sign_in_day": account.last_sign_in,
        "devices": devices,
        "sessions": sessions,
    }))
}

/// What the policy has to know of a signed-in person.
pub(crate) fn party(txn: &mut impl Reader, person: PersonId) -> Result<Party> {
    let found = get(txn, person)?
        .filter(|found| found.active)
        .ok_or(Error::Disabled)?;
    Ok(Party {
        caller: Caller::Person(found.role),
        person: Some(person),
        actor: Some(found.actor),
        role: Some(found.role),
        device: None,
    })
}

fn insert(
    txn: &mut WriteTxn<'_>,
    fresh: Fresh,
    (issuer, sub): (&str, &str),
    (name, email): (&str, Option<&str>),
    role: Role,
) -> Result<Person> {
    check_text(name, "a name", 200)?;
    let dates = Dates {
        last_sign_in: None,
        active: true,
    };
    let sealed = dates.seal(txn.link_key(), fresh.person)?;
    let values = params![
        fresh.person,
        issuer,
        sub,
        name,
        email,
        role.as_str(),
        sealed
    ];
    txn.execute(sql!("insert"), values)
        .doing("store an account")?;
    let values = params![fresh.actor, fresh.person];
    txn.execute(sql!("insert_actor"), values)
        .doing("store an account")?;
    must(txn, fresh.person)
}

/// Makes the acting person the one who signs in, and notes the day.
fn begin(txn: &mut WriteTxn<'_>, person: &Person) -> Result<()> {
    if !person.active {
        return Err(Error::Disabled);
    }
    txn.act_as(person.person, person.actor, person.role);
    let dates = Dates {
        last_sign_in: Some(day_of(txn.at().unwrap_or_default())),
        active: true,
    };
    set_dates(txn, person.person, dates)
}

/// Signs in whom an identity provider vouches for; makes the account at the first time, and keeps
/// name, address and role as the provider says. An [`Action::SignIn`].
///
/// # Errors
/// [`Error::Disabled`], [`Error::Text`].
pub fn sign_in(txn: &mut WriteTxn<'_>, who: &SignIn) -> Result<Person> {
    let email = who.email.as_deref();
    let rows = txn.query(sql!("by_subject"), params![&who.issuer, &who.sub]);
    let person = match found(txn, rows)?.pop() {
        None => insert(
            txn,
            who.fresh,
            (&who.issuer, &who.sub),
            (&who.name, email),
            who.role,
        )?,
        Some(person) => {
            check_text(&who.name, "a name", 200)?;
            if person.role != who.role {
                txn.audit_with("role", who.role.as_str());
            }
            let values = params![person.person, &who.name, email, who.role.as_str()];
            txn.execute(sql!("update"), values)
                .doing("store an account")?;
            must(txn, person.person)?
        }
    };
    begin(txn, &person)?;
    Ok(person)
}

/// Signs in by a one-time link. An [`Action::SignIn`].
///
/// # Errors
/// [`Error::Disabled`]; [`Error::NotFound`] for an account that is gone.
pub fn sign_in_local(txn: &mut WriteTxn<'_>, who: &LocalSignIn) -> Result<Person> {
    let person = match who.as_ {
        LocalAs::Person(person) => must(txn, person)?,
        LocalAs::FirstAdmin => {
            let rows = txn.query(sql!("by_subject"), params![LOCAL, FIRST_ADMIN]);
            match found(txn, rows)?.pop() {
                Some(person) => person,
                None => {
                    let names = (LOCAL, FIRST_ADMIN);
                    insert(txn, who.fresh, names, (&who.name, None), Role::Admin)?
                }
            }
        }
    };
    begin(txn, &person)?;
    Ok(person)
}

/// Makes an account that no identity provider knows, for a sample's people: an
/// [`Action::LoadSample`] in a store that is a sample.
///
/// # Errors
/// [`Error::NotSample`], [`Error::Text`].
pub fn create_local(
    txn: &mut WriteTxn<'_>,
    name: &str,
    email: Option<&str>,
    role: Role,
    fresh: Fresh,
) -> Result<Person> {
    subject::must_be_sample(txn)?;
    insert(
        txn,
        fresh,
        (LOCAL, &fresh.person.to_string()),
        (name, email),
        role,
    )
}

fn keep_an_admin(txn: &mut WriteTxn<'_>, person: &Person) -> Result<()> {
    let is_one = person.active && person.role == Role::Admin;
    let others = admins(txn)?;
    if is_one && others.iter().all(|other| other.person == person.person) {
        Err(Error::LastAdmin)
    } else {
        Ok(())
    }
}

/// Gives another role; `false` if it is the same. An [`Action::SetRole`].
///
/// # Errors
/// [`Error::NotFound`], [`Error::LastAdmin`].
pub fn set_role(txn: &mut WriteTxn<'_>, person: PersonId, role: Role) -> Result<bool> {
    let now = must(txn, person)?;
    if role != Role::Admin {
        keep_an_admin(txn, &now)?;
    }
    txn.audit_on("person", *person.as_bytes());
    txn.audit_with("role", role.as_str());
    let changed = txn.execute(sql!("set_role"), params![person, role.as_str()]);
    Ok(changed.doing("set a role")? == 1)
}

/// Switches an account on or off, which ends its sessions; `false` if it was so. Its devices do
/// not sync while it is off. The audit row does not say whose it was without `k_link`: its time,
/// laid beside the end of a subject's evidence, would name the subject.
///
/// # Errors
/// [`Error::NotFound`], [`Error::LastAdmin`].
pub fn set_active(txn: &mut WriteTxn<'_>, person: PersonId, active: bool) -> Result<bool> {
    let now = must(txn, person)?;
    if !active {
        keep_an_admin(txn, &now)?;
        session::delete_of(txn, person)?;
    }
    txn.audit_on_sealed("person", *person.as_bytes());
    if now.active == active {
        return Ok(false);
    }
    let dates = Dates {
        last_sign_in: now.last_sign_in,
        active,
    };
    set_dates(txn, person, dates)?;
    // The commit's pages show the account beside the act's time, until the log is emptied.
    txn.wipes = true;
    Ok(true)
}

/// Removes an account with everything that its person left: sessions, devices, link and evidence.
/// What the audit log says of its random id stays. An [`Action::ErasePerson`], or the person's own
/// [`Action::EraseOwn`], whose row does not say whose account it was.
///
/// # Errors
/// [`Error::NotFound`], [`Error::LastAdmin`].
pub fn erase(txn: &mut WriteTxn<'_>, person: PersonId) -> Result<ErasedPerson> {
    let own = txn.action() == Some(Action::EraseOwn) && txn.person()? == person;
    if !own && txn.action() != Some(Action::ErasePerson) {
        return Err(Error::not_found(Kind::Person, person));
    }
    let now = must(txn, person)?;
    keep_an_admin(txn, &now)?;
    let subject = link::open(txn, person)?;
    if let Some(subject) = subject {
        subject::erase_rows(txn, subject)?;
    }
    link::delete(txn, person)?;
    let devices = device::delete_of(txn, person)?;
    session::delete_of(txn, person)?;
    txn.execute(sql!("delete_actor"), params![person])
        .doing("erase an account")?;
    txn.execute(sql!("delete"), params![person])
        .doing("erase an account")?;
    if !own {
        txn.audit_on("person", *person.as_bytes());
    }
    txn.wipes = true;
    Ok(ErasedPerson { subject, devices })
}
