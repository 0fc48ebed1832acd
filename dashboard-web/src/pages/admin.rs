//! Administration: what needs you, accounts, devices, and who did what.
//!
//! These pages know accounts, devices and acts. They know nothing of what a
//! person knows; no page of an administrator does.

use askama::Template;
use jiff::civil::Date;

use crate::charts::life::Life;
use crate::error::Error;
use crate::pages::me::DeviceState;
use crate::paths;
use crate::shell::{Frame, Link, Role, Room, Shell};
use crate::words;

/// The page at `/admin`.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthPage {
    /// The frame.
    pub shell: Shell,
    /// Until when the reader's last confirmation is good, unix seconds UTC.
    pub step_up_until: Option<i64>,
    /// What an administrator has to do, most urgent first.
    pub needs: Vec<Need>,
    /// One line an area.
    pub areas: Vec<Area>,
    /// The server's own certificates.
    pub certificates: Vec<Certificate>,
    /// The local model, and the checks that are made ahead with it.
    pub model: Vec<Fact>,
    /// The newest acts.
    pub acts: Vec<Act>,
    /// What this appliance is: version, store id, generation, … as term and value.
    pub facts: Vec<(String, String)>,
}

/// A term, and what is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// "Sandbox".
    pub term: String,
    /// How that stands, where it can be well or not.
    pub state: Option<AreaState>,
    /// The word behind the mark; left out: the state's own.
    pub word: Option<&'static str>,
    /// What is so, a line each.
    pub lines: Vec<String>,
}

/// Something an administrator has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// "Renew the server certificate".
    pub title: String,
    /// What happens if nobody does, whole sentences.
    pub text: String,
    /// Where it is done.
    pub link: Option<Link>,
    /// The command that does it.
    pub command: Option<String>,
}

/// One area of the appliance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// "Audit".
    pub name: String,
    /// How it stands.
    pub state: AreaState,
    /// What we know, one sentence without full stop.
    pub text: String,
    /// When that was seen, unix seconds UTC.
    pub seen_at: Option<i64>,
}

/// How an area stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AreaState {
    /// As it should be.
    Good,
    /// Works, and needs care.
    Care,
    /// Does not work.
    Broken,
    /// Not configured.
    Off,
}

impl AreaState {
    /// Class, icon and word.
    fn mark(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Good => ("ok", "ok", "Good"),
            Self::Care => ("warn", "warn", "Needs care"),
            Self::Broken => ("fail", "fail", "Broken"),
            Self::Off => ("off", "", "Not set up"),
        }
    }
}

/// One certificate of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// "Issuing CA".
    pub name: String,
    /// From when, unix seconds UTC.
    pub not_before: i64,
    /// Until when, unix seconds UTC.
    pub not_after: i64,
    /// "by itself", "by you, with the offline key".
    pub renewal: String,
}

/// One row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Its number in the chain.
    pub entry: u64,
    /// When, unix seconds UTC.
    pub at: i64,
    /// Whether `at` is only the hour in which it was: of a sealed act no more is kept.
    pub hour_only: bool,
    /// Who: a name, "the appliance", or an erased person's random id.
    pub actor: String,
    /// What, after the name: "revoked the device build-box".
    pub text: String,
    /// The action as logged: `device.revoke`.
    pub action: String,
    /// How the actor had confirmed: "Larkfield Entra ID", "a one-time link", "the command line".
    pub confirmed_by: String,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Done,
    /// A rule said no.
    Refused,
    /// It was allowed and failed.
    Failed,
}

/// The page at `/admin/people`.
#[derive(Debug, Clone, PartialEq)]
pub struct PeoplePage {
    /// The frame.
    pub shell: Shell,
    /// Until when the reader's last confirmation is good, unix seconds UTC.
    pub step_up_until: Option<i64>,
    /// Accounts, in the order to be shown.
    pub people: Vec<Person>,
    /// How many there are in all.
    pub total: u64,
    /// Other parts of the list.
    pub pages: Pages,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Its random id, for the address of its form.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// E-mail, if the provider gave one.
    pub email: Option<String>,
    /// What they may open.
    pub role: Role,
    /// Where the account comes from: "Larkfield Entra ID", "a one-time link".
    pub source: String,
    /// The day of the last sign-in; only the latest is kept.
    pub last_signed_in: Option<Date>,
    /// Whether it may sign in.
    pub active: bool,
    /// Whether the page offers to disable or enable it.
    pub changeable: bool,
}

/// The page at `/admin/devices`.
#[derive(Debug, Clone, PartialEq)]
pub struct DevicesPage {
    /// The frame.
    pub shell: Shell,
    /// Until when the reader's last confirmation is good, unix seconds UTC.
    pub step_up_until: Option<i64>,
    /// Devices, in the order to be shown.
    pub devices: Vec<Device>,
    /// How many there are in all.
    pub total: u64,
    /// Other parts of the list.
    pub pages: Pages,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id, for the address of its form.
    pub id: String,
    /// The name its owner gave it. Anybody's text.
    pub name: String,
    /// "Linux", if it said so.
    pub platform: Option<String>,
    /// Whose it is, if it may be shown.
    pub owner: Option<String>,
    /// The first day of the month of its enrolment: the month is kept, not the day.
    pub enrolled: Option<Date>,
    /// The day it was last seen; only the latest is kept.
    pub last_seen: Option<Date>,
    /// Its certificate.
    pub certificate: DeviceState,
}

/// The page at `/admin/audit`.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditPage {
    /// The frame.
    pub shell: Shell,
    /// Until when the reader's last confirmation is good, unix seconds UTC.
    pub step_up_until: Option<i64>,
    /// How the chain stands.
    pub chain: Chain,
    /// Entries, newest first.
    pub acts: Vec<Act>,
    /// Other parts of the list.
    pub pages: Pages,
}

/// How the audit log's chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// How many entries there are.
    pub entries: u64,
    /// What the last verification found.
    pub verified: Verified,
    /// The newest entry's hash, hex.
    pub head: String,
    /// The command that verifies it offline.
    pub command: Option<String>,
}

/// What the last verification of the chain found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Unbroken through this entry, seen at this time, unix seconds UTC.
    Through(u64, i64),
    /// It does not fit at this entry, seen at this time, unix seconds UTC.
    BrokenAt(u64, i64),
    /// Nobody looked since the start.
    NotYet,
}

/// Links to the other parts of a long list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages {
    /// The part before, if there is one.
    pub newer: Option<String>,
    /// The part after, if there is one.
    pub older: Option<String>,
}

#[derive(Template)]
#[template(path = "admin_health.html")]
struct HealthTemplate<'a> {
    frame: Frame<'a>,
    page: &'a HealthPage,
    finding: String,
    lede: String,
    needs_sum: String,
    areas: Vec<AreaRow<'a>>,
    certificates: Vec<CertificateRow<'a>>,
    model: Vec<FactRow<'a>>,
    acts: Vec<ActRow<'a>>,
}

#[derive(Template)]
#[template(path = "admin_people.html")]
struct PeopleTemplate<'a> {
    frame: Frame<'a>,
    page: &'a PeoplePage,
    finding: String,
    rows: Vec<PersonRow<'a>>,
}

#[derive(Template)]
#[template(path = "admin_devices.html")]
struct DevicesTemplate<'a> {
    frame: Frame<'a>,
    page: &'a DevicesPage,
    finding: String,
    rows: Vec<DeviceRow<'a>>,
}

#[derive(Template)]
#[template(path = "admin_audit.html")]
struct AuditTemplate<'a> {
    frame: Frame<'a>,
    page: &'a AuditPage,
    finding: String,
    broken: bool,
    acts: Vec<ActRow<'a>>,
}

struct AreaRow<'a> {
    area: &'a Area,
    class: &'static str,
    icon: &'static str,
    word: &'static str,
    seen: String,
}

struct FactRow<'a> {
    fact: &'a Fact,
    mark: Option<(&'static str, &'static str, &'static str)>,
}

struct CertificateRow<'a> {
    certificate: &'a Certificate,
    life: Life,
    expires: String,
    care: bool,
}

struct ActRow<'a> {
    act: &'a Act,
    entry: String,
    when: String,
    iso: String,
    failed: Option<&'static str>,
}

struct PersonRow<'a> {
    person: &'a Person,
    role: &'static str,
    signed_in: String,
    change: Option<String>,
}

struct DeviceRow<'a> {
    device: &'a Device,
    enrolled: String,
    seen: String,
    certificate: String,
    revoke: Option<String>,
}

/// A certificate that ends in so many seconds or less needs care: 30 days.
const SOON_S: i64 = 30 * 86_400;

fn frame<'a>(shell: &'a Shell, path: &'static str, title: &str, step_up: Option<i64>) -> Frame<'a> {
    let fact = match step_up {
        Some(until) if until > shell.now => format!("Confirmed until {}", shell.time(until)),
        _ => "Confirmation needed for changes".to_owned(),
    };
    Frame::new(shell, Room::Admin, path, title, Some(fact))
}

fn act_rows<'a>(acts: &'a [Act], shell: &Shell) -> Vec<ActRow<'a>> {
    acts.iter()
        .map(|act| ActRow {
            act,
            entry: words::thousands(act.entry),
            when: if act.hour_only {
                words::hour_span(act.at, shell.now)
            } else {
                shell.time(act.at)
            },
            iso: words::iso(act.at),
            failed: match act.outcome {
                Outcome::Done => None,
                Outcome::Refused => Some("refused"),
                Outcome::Failed => Some("failed"),
            },
        })
        .collect()
}

impl HealthPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let shell = &self.shell;
        let areas = self
            .areas
            .iter()
            .map(|area| {
                let (class, icon, word) = area.state.mark();
                AreaRow {
                    area,
                    class,
                    icon,
                    word,
                    seen: area.seen_at.map(|at| shell.time(at)).unwrap_or_default(),
                }
            })
            .collect();
        let certificates = self
            .certificates
            .iter()
            .map(|certificate| CertificateRow {
                certificate,
                life: Life::new(certificate.not_before, certificate.not_after, shell.now),
                expires: words::day(certificate.not_after)
                    .map(|d| d.strftime("%-d %B %Y").to_string())
                    .unwrap_or_default(),
                care: certificate.not_after.saturating_sub(shell.now) <= SOON_S,
            })
            .collect();
        Ok(HealthTemplate {
            frame: frame(shell, paths::ADMIN, "Health", self.step_up_until),
            finding: self.finding(),
            lede: self.lede(),
            needs_sum: match self.needs.len() {
                1 => "One thing.".to_owned(),
                n => format!(
                    "{} things, the most urgent first.",
                    words::capital(&words::number(n as u64))
                ),
            },
            areas,
            certificates,
            model: self
                .model
                .iter()
                .map(|fact| FactRow {
                    fact,
                    mark: fact.state.map(|state| {
                        let (class, icon, word) = state.mark();
                        (class, icon, fact.word.unwrap_or(word))
                    }),
                })
                .collect(),
            acts: act_rows(&self.acts, shell),
            page: self,
        }
        .render()?)
    }

    fn named(&self, state: AreaState) -> Vec<String> {
        self.areas
            .iter()
            .filter(|a| a.state == state)
            .map(|a| words::mid_sentence(&a.name))
            .collect()
    }

    fn finding(&self) -> String {
        let broken = self.named(AreaState::Broken);
        let care = self.named(AreaState::Care);
        let wants = match self.needs.len() {
            0 => String::new(),
            1 => " One thing needs you.".to_owned(),
            n => format!(
                " {} things need you.",
                words::capital(&words::number(n as u64))
            ),
        };
        match (broken.as_slice(), care.as_slice()) {
            ([], []) => format!("The appliance is healthy.{wants}"),
            ([], care) => format!(
                "The appliance works. Care is needed at: {}.{wants}",
                words::list(care)
            ),
            (broken, _) => format!(
                "Not everything works. Broken: {}.{wants}",
                words::list(broken)
            ),
        }
    }

    fn lede(&self) -> String {
        let told: Vec<String> = [
            (AreaState::Good, "good"),
            (AreaState::Care, "to care for"),
            (AreaState::Broken, "broken"),
            (AreaState::Off, "not set up"),
        ]
        .into_iter()
        .map(|(state, word)| (self.areas.iter().filter(|a| a.state == state).count(), word))
        .filter(|&(n, _)| n > 0)
        .map(|(n, word)| format!("{} {word}", words::number(n as u64)))
        .collect();
        let looked = words::capital(&words::count_were(self.areas.len() as u64, "area"));
        format!("{looked} looked at: {}.", words::list(&told))
    }
}

impl PeoplePage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let shell = &self.shell;
        let rows = self
            .people
            .iter()
            .map(|person| PersonRow {
                person,
                role: person.role.word(),
                signed_in: person
                    .last_signed_in
                    .map_or_else(|| "never".to_owned(), |d| shell.date(d)),
                change: person
                    .changeable
                    .then(|| paths::person_state(&person.id, !person.active)),
            })
            .collect();
        let finding = match self.total {
            0 => "Nobody has an account yet.".to_owned(),
            1 => "One person has an account.".to_owned(),
            n => format!(
                "{} people have an account.",
                words::capital(&words::number(n))
            ),
        };
        Ok(PeopleTemplate {
            frame: frame(shell, paths::ADMIN_PEOPLE, "People", self.step_up_until),
            finding,
            rows,
            page: self,
        }
        .render()?)
    }
}

impl DevicesPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let shell = &self.shell;
        let rows = self
            .devices
            .iter()
            .map(|device| DeviceRow {
                device,
                enrolled: device
                    .enrolled
                    .map_or_else(|| "not kept".to_owned(), words::month),
                seen: device
                    .last_seen
                    .map_or_else(|| "not noted yet".to_owned(), |d| shell.date(d)),
                certificate: device.certificate.words(shell),
                revoke: (!device.certificate.revoked()).then(|| paths::device_revoke(&device.id)),
            })
            .collect();
        let finding = match self.total {
            0 => "No device is enrolled yet.".to_owned(),
            1 => "One device was enrolled.".to_owned(),
            n => format!(
                "{} devices were enrolled.",
                words::capital(&words::number(n))
            ),
        };
        Ok(DevicesTemplate {
            frame: frame(shell, paths::ADMIN_DEVICES, "Devices", self.step_up_until),
            finding,
            rows,
            page: self,
        }
        .render()?)
    }
}

impl AuditPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        let shell = &self.shell;
        let entries = match self.chain.entries {
            1 => "one entry".to_owned(),
            n => format!("{} entries", words::number(n)),
        };
        let (finding, broken) = match self.chain.verified {
            Verified::Through(entry, at) => (
                format!(
                    "The audit log is unbroken through entry {}, as seen on {}.",
                    words::thousands(entry),
                    shell.time(at)
                ),
                false,
            ),
            Verified::BrokenAt(entry, at) => (
                format!(
                    "The audit log does not fit at entry {}, as seen on {}.",
                    words::thousands(entry),
                    shell.time(at)
                ),
                true,
            ),
            Verified::NotYet => (
                format!("The audit log has {entries}. It was not verified since the start."),
                false,
            ),
        };
        Ok(AuditTemplate {
            frame: frame(shell, paths::ADMIN_AUDIT, "Audit", self.step_up_until),
            finding,
            broken,
            acts: act_rows(&self.acts, shell),
            page: self,
        }
        .render()?)
    }
}
