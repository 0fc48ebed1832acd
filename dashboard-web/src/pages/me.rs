//! The reader's own graph: what they know, what happened, and what is held.
//!
//! Only the reader's session opens this page. Nothing is answered here: checks
//! come on the laptop. What is held is shown as it is stored, row by row, and in
//! words beside it.

use askama::Template;
use jiff::civil::Date;

use crate::charts::mark::Mark;
use crate::error::Error;
use crate::figures::ConceptRef;
use crate::pages::me_words;
use crate::paths;
use crate::shell::{Frame, Link, Room, Shell};
use crate::states::State;
use crate::words;

/// The page at `/me`.
#[derive(Debug, Clone, PartialEq)]
pub struct MePage {
    /// The frame.
    pub shell: Shell,
    /// The graph, or how to begin.
    pub content: Me,
}

/// What the page can show.
#[derive(Debug, Clone, PartialEq)]
pub enum Me {
    /// No device of this person was ever enrolled.
    NotEnrolled {
        /// The line by which this person enrols a laptop.
        enrol_command: Option<String>,
        /// What is held all the same: name, e-mail, … as term and value, as stored.
        identity: Vec<(String, String)>,
    },
    /// Their graph.
    Graph(Box<MyGraph>),
}

/// What is known about the reader, and what is held.
#[derive(Debug, Clone, PartialEq)]
pub struct MyGraph {
    /// Every concept with evidence, in any order.
    pub concepts: Vec<MyConcept>,
    /// The newest stored rows, newest first: the timeline is told from them.
    pub rows: Vec<StoredRow>,
    /// How many rows are stored in all.
    pub rows_total: u64,
    /// The page with all of them, if these are not all.
    pub all_rows: Option<Link>,
    /// The day of the last sync, the only one that is kept.
    pub last_synced: Option<Date>,
    /// What else is held: name, e-mail, … as term and value, as stored.
    pub identity: Vec<(String, String)>,
    /// Whether they count in the figures.
    pub counted: Counted,
    /// Their devices.
    pub devices: Vec<MyDevice>,
}

/// One concept of the reader.
#[derive(Debug, Clone, PartialEq)]
pub struct MyConcept {
    /// Which.
    pub concept: ConceptRef,
    /// The area it belongs to.
    pub domain: String,
    /// Where they stand.
    pub state: State,
    /// The day of the last counted answer, if there was one.
    pub last_counted: Option<Date>,
}

/// One delta as it is stored, or an emptied place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// The stream's id, 32 hex digits.
    pub stream: String,
    /// The place in it, from 1.
    pub index: u64,
    /// What stands there; `None` for an emptied place (`gone`).
    pub delta: Option<StoredDelta>,
}

/// What a delta says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDelta {
    /// The slug, or `*` for a retract of everything.
    pub concept: String,
    /// Its title, if the catalogue has one.
    pub title: Option<String>,
    /// What happened.
    pub kind: Kind,
    /// The transition as the laptop saw it; `None` for a retract.
    pub transition: Option<(State, State)>,
    /// The hour, unix seconds UTC, a multiple of 3600.
    pub at: i64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An agent wrote it.
    Seen,
    /// A check was answered.
    Check(Answer),
    /// A check that was held back, to measure.
    Probe(Answer),
    /// The reader had it forgotten.
    Retract,
    /// Another word of the wire, as stored.
    Other(String),
}

/// How a check was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Passed, or missed.
    pub pass: bool,
    /// The answer kind as on the wire: `choice4`.
    pub form: String,
}

/// Whether the reader counts in the organisation's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Yes, in every snapshot since this one.
    Since(Date),
    /// Not yet: 14 days after the first sync, and five days with evidence after that.
    NotYet {
        /// The day from which evidence begins to count.
        ripens: Date,
    },
    /// No, at their word.
    LeftOut,
}

/// One device of the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyDevice {
    /// Its id, for the address of its form.
    pub id: String,
    /// The name its owner gave it.
    pub name: String,
    /// "Linux", if it said so.
    pub platform: Option<String>,
    /// The day of its last sync; only the latest is kept.
    pub last_synced: Option<Date>,
    /// Its certificate.
    pub certificate: DeviceState,
    /// That two machines use it, until its owner decides.
    pub shared: Option<SharedCertificate>,
}

/// More than one machine uses a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCertificate {
    /// The day on which it was noticed.
    pub since: Date,
    /// The days on which each machine was heard last.
    pub last: Vec<Date>,
}

/// How a device's certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceState {
    /// Valid until this day.
    Valid(Date),
    /// Ran out on this day.
    Expired(Date),
    /// Revoked on this day, if it is kept.
    Revoked(Option<Date>),
}

impl DeviceState {
    pub(crate) fn words(self, shell: &Shell) -> String {
        match self {
            Self::Valid(day) => format!("valid until {}", shell.date(day)),
            Self::Expired(day) => format!("ran out on {}", shell.date(day)),
            Self::Revoked(Some(day)) => format!("revoked on {}", shell.date(day)),
            Self::Revoked(None) => "revoked".to_owned(),
        }
    }

    pub(crate) fn revoked(self) -> bool {
        matches!(self, Self::Revoked(_))
    }
}

#[derive(Template)]
#[template(path = "me_start.html")]
struct StartTemplate<'a> {
    frame: Frame<'a>,
    enrol_command: &'a Option<String>,
    identity: &'a [(String, String)],
}

struct DomainRow {
    domain: String,
    marks: Vec<Mark>,
    counts: Vec<(State, usize)>,
    known: usize,
    concepts: Vec<(ConceptRef, Mark, String)>,
}

struct Event {
    iso: String,
    when: String,
    mark: Mark,
    slug: String,
    href: Option<String>,
    text: String,
}

struct HeldRow {
    stored: String,
    stream: String,
    words: String,
}

struct SharedRow {
    id: String,
    name: String,
    machines: String,
    since: String,
    heard: String,
    decide: String,
    revoke: String,
}

struct DeviceRow {
    name: String,
    synced: String,
    certificate: String,
    revoke: Option<String>,
}

#[derive(Template)]
#[template(path = "me.html")]
struct MeTemplate<'a> {
    frame: Frame<'a>,
    graph: &'a MyGraph,
    finding: String,
    met: String,
    domains: Vec<DomainRow>,
    legend: Vec<(Mark, &'static str)>,
    slipped: Vec<(ConceptRef, String)>,
    events: Vec<Event>,
    held_sum: String,
    held_caption: String,
    held: Vec<HeldRow>,
    older: Vec<HeldRow>,
    older_sum: String,
    counted: String,
    left_out: bool,
    devices: Vec<DeviceRow>,
    shared: Vec<SharedRow>,
}

/// How many rows the timeline tells.
const LATELY: usize = 12;
/// How many stored rows are in sight; the older ones are folded away.
const NEWEST: usize = 10;

impl MePage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`Error::Template`] if a template could not be filled.
    pub fn render(&self) -> Result<String, Error> {
        match &self.content {
            Me::NotEnrolled {
                enrol_command,
                identity,
            } => {
                let frame = Frame::new(&self.shell, Room::Me, paths::ME, "My graph", None);
                Ok(StartTemplate {
                    // Nothing happened yet, so there is no timeline to lead to.
                    frame: frame.without("/me#timeline"),
                    enrol_command,
                    identity,
                }
                .render()?)
            }
            Me::Graph(graph) => graph.render(&self.shell),
        }
    }
}

impl MyGraph {
    fn render(&self, shell: &Shell) -> Result<String, Error> {
        // The day is noted within the hour: facts may be here before it.
        let fact = match self.last_synced {
            Some(day) => Some(format!("Last synced on {}", shell.date(day))),
            None if self.rows_total == 0 => Some("Nothing was synced yet".to_owned()),
            None => None,
        };
        let domains = self.domains();
        let (newest, older) = self.rows.split_at(self.rows.len().min(NEWEST));
        Ok(MeTemplate {
            frame: Frame::new(shell, Room::Me, paths::ME, "My graph", fact),
            finding: self.finding(),
            met: format!(
                "One square for each of the {} you met, in {}",
                words::count(self.concepts.len() as u64, "concept"),
                words::count(domains.len() as u64, "domain")
            ),
            domains,
            legend: State::ALL[..5]
                .iter()
                .map(|&s| (Mark::new(s), s.meaning()))
                .collect(),
            slipped: self.slipped(shell),
            events: self
                .rows
                .iter()
                .filter_map(|r| event(r, shell))
                .take(LATELY)
                .collect(),
            held_sum: held_sum(self.rows_total),
            held_caption: held_caption(self.rows_total),
            held: newest.iter().map(|r| held(r, shell)).collect(),
            older: older.iter().map(|r| held(r, shell)).collect(),
            older_sum: older_sum(older.len() as u64, self.rows_total),
            counted: self.counted.words(shell),
            left_out: self.counted == Counted::LeftOut,
            devices: self.devices.iter().map(|d| device(d, shell)).collect(),
            shared: self
                .devices
                .iter()
                .filter_map(|d| shared(d, shell))
                .collect(),
            graph: self,
        }
        .render()?)
    }

    fn finding(&self) -> String {
        let count =
            |f: fn(State) -> bool| self.concepts.iter().filter(|c| f(c.state)).count() as u64;
        let known = count(State::known);
        let lapsed = count(|s| s == State::Lapsed);
        let met = self.concepts.len() as u64;
        let slipped = match lapsed {
            0 => "none has slipped".to_owned(),
            1 => "one has slipped".to_owned(),
            n => format!("{} have slipped", words::number(n)),
        };
        match (met, known) {
            (0, _) => "Nothing is known about you yet.".to_owned(),
            (_, 0) if lapsed == 0 => format!(
                "You met {}. You have not shown any of them yet.",
                words::count(met, "concept")
            ),
            (_, 0) => format!("You met {}, and {slipped}.", words::count(met, "concept")),
            _ => format!(
                "You know {}, and {slipped}.",
                words::count(known, "concept")
            ),
        }
    }

    fn domains(&self) -> Vec<DomainRow> {
        let mut names: Vec<&str> = self.concepts.iter().map(|c| c.domain.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut rows: Vec<DomainRow> = names
            .into_iter()
            .map(|domain| {
                let mut own: Vec<&MyConcept> = self
                    .concepts
                    .iter()
                    .filter(|c| c.domain == domain)
                    .collect();
                own.sort_by(|a, b| (a.state, &a.concept.title).cmp(&(b.state, &b.concept.title)));
                let counts = [State::Lapsed, State::Learning, State::Seen]
                    .into_iter()
                    .map(|s| (s, own.iter().filter(|c| c.state == s).count()))
                    .filter(|&(_, n)| n > 0)
                    .collect();
                DomainRow {
                    domain: domain.to_owned(),
                    marks: own.iter().map(|c| Mark::new(c.state)).collect(),
                    counts,
                    known: own.iter().filter(|c| c.state.known()).count(),
                    concepts: own
                        .iter()
                        .map(|c| {
                            (
                                c.concept.clone(),
                                Mark::new(c.state),
                                c.state.word().to_owned(),
                            )
                        })
                        .collect(),
                }
            })
            .collect();
        rows.sort_by_key(|r| std::cmp::Reverse((r.known, r.marks.len())));
        rows
    }

    fn slipped(&self, shell: &Shell) -> Vec<(ConceptRef, String)> {
        let mut lapsed: Vec<&MyConcept> = self
            .concepts
            .iter()
            .filter(|c| c.state == State::Lapsed)
            .collect();
        lapsed.sort_by_key(|c| std::cmp::Reverse(c.last_counted));
        lapsed
            .into_iter()
            .map(|c| {
                let day = c.last_counted.map(|d| format!(", {}", shell.date(d)));
                (c.concept.clone(), day.unwrap_or_default())
            })
            .collect()
    }
}

impl Counted {
    fn words(self, shell: &Shell) -> String {
        match self {
            Self::Since(day) => format!("Yes, since {}.", shell.date(day)),
            Self::NotYet { ripens } => format!(
                "Not yet. Evidence counts from {} on, and you count after five days with evidence.",
                shell.date(ripens)
            ),
            Self::LeftOut => {
                "No, you left them. Sync, export and deletion go on as before.".to_owned()
            }
        }
    }
}

fn held_sum(total: u64) -> String {
    match total {
        0 => "No fact about what you know.".to_owned(),
        1 => "One fact. It is a concept, a change of state, and an hour.".to_owned(),
        n => format!(
            "{} facts. Each is a concept, a change of state, and an hour.",
            words::capital(&words::number(n))
        ),
    }
}

fn held_caption(total: u64) -> String {
    if total <= NEWEST as u64 {
        "All of them, newest first, as stored and in words.".to_owned()
    } else {
        format!(
            "The newest {} of {}, as stored and in words.",
            words::number(NEWEST as u64),
            words::thousands(total)
        )
    }
}

/// "All the 138 before these", "190 of the 1,194 before these".
fn older_sum(shown: u64, total: u64) -> String {
    let before = total.saturating_sub(NEWEST as u64);
    if shown < before {
        format!(
            "{} of the {} before these",
            words::thousands(shown),
            words::thousands(before)
        )
    } else {
        format!("All the {} before these", words::thousands(shown))
    }
}

fn event(row: &StoredRow, shell: &Shell) -> Option<Event> {
    let delta = row.delta.as_ref()?;
    let state = delta.transition.map_or(State::Unknown, |(_, to)| to);
    Some(Event {
        iso: words::iso(delta.at),
        when: shell.time(delta.at),
        mark: Mark::new(state),
        href: (delta.concept != "*").then(|| paths::concept(&delta.concept)),
        slug: if delta.concept == "*" {
            "everything".to_owned()
        } else {
            delta.concept.clone()
        },
        text: me_words::told(delta),
    })
}

fn held(row: &StoredRow, shell: &Shell) -> HeldRow {
    HeldRow {
        stored: me_words::stored(row),
        stream: row.stream.clone(),
        words: me_words::in_words(row, shell),
    }
}

/// What is to be decided about a device that several machines share; nothing, once it was revoked.
fn shared(device: &MyDevice, shell: &Shell) -> Option<SharedRow> {
    let found = device.shared.as_ref()?;
    if device.certificate.revoked() {
        return None;
    }
    let days: Vec<_> = found.last.iter().map(|day| shell.date(*day)).collect();
    Some(SharedRow {
        id: format!("shared-{}", device.id),
        name: device.name.clone(),
        machines: words::capital(&words::number(found.last.len() as u64)),
        since: shell.date(found.since),
        heard: days.join(", "),
        decide: paths::my_device_shared(&device.id),
        revoke: paths::my_device_revoke(&device.id),
    })
}

fn device(device: &MyDevice, shell: &Shell) -> DeviceRow {
    DeviceRow {
        name: match &device.platform {
            Some(platform) => format!("{}, {platform}", device.name),
            None => device.name.clone(),
        },
        synced: device
            .last_synced
            .map_or_else(|| "not noted yet".to_owned(), |d| shell.date(d)),
        certificate: device.certificate.words(shell),
        revoke: (!device.certificate.revoked()).then(|| paths::my_device_revoke(&device.id)),
    }
}
