//! Guessing whose evidence is whose, by everything but `k_link`.
//!
//! A guesser scores each person with each subject by what times, counts and the order of rows say,
//! then takes the assignment whose scores add up best. Each [`Clue`] can be left out, to see which
//! of them tells how much.

use super::assign::Scores;
use super::order::{known, order, together};
use super::pages::{Columns, Loot};
use kernel::ids::{DAY, DeviceId, HOUR};
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet};

/// 16 random bytes: a person, a subject, a device, a stream.
pub type Id = [u8; 16];

/// What a guess goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clue {
    /// As many devices as routes, where those tell, and about as many as streams.
    Counts,
    /// A device's end beside a stream's. Where the day of its own end is sealed it is one of those
    /// on which some device ended.
    Ends,
    /// What a person did at a known time, on a day (and hour) with evidence.
    Acts,
    /// An account's end beside the end of the evidence; which day it was as with devices.
    Leaving,
    /// Rows of both sides that came with one commit, while the log still has it.
    Commits,
    /// The order in which rows came to the pages of both sides.
    Order,
}

/// All of them.
pub const CLUES: [Clue; 6] = [
    Clue::Counts,
    Clue::Ends,
    Clue::Acts,
    Clue::Leaving,
    Clue::Commits,
    Clue::Order,
];

/// Whether and when a device or an account ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing tells whether it did.
    Sealed,
    /// It did not.
    Not,
    /// On a day that nothing tells.
    Hidden,
    /// On this day.
    On(i64),
}

impl End {
    /// The days on which it may have been, if it was on one of `all` where it is hidden.
    fn days(self, all: &BTreeSet<i64>) -> Vec<i64> {
        match self {
            Self::Sealed | Self::Not => Vec::new(),
            Self::Hidden => all.iter().copied().collect(),
            Self::On(day) => vec![day],
        }
    }
}

#[derive(Debug)]
struct Person {
    devices: BTreeMap<Id, End>,
    /// Times of acts that a row tells of without a seal.
    acts: BTreeSet<i64>,
    disabled: End,
}

/// Days on which something ended of which nothing tells whose it was.
#[derive(Debug, Default)]
struct Endings {
    devices: BTreeSet<i64>,
    accounts: BTreeSet<i64>,
}

#[derive(Debug, Default)]
struct Subject {
    routes: Vec<Vec<u8>>,
    /// First and last day with evidence.
    streams: BTreeMap<Id, (i64, i64)>,
    hours: BTreeSet<i64>,
    days: BTreeSet<i64>,
}

/// What is known of both sides.
pub struct Case {
    persons: BTreeMap<Id, Person>,
    subjects: BTreeMap<Id, Subject>,
    endings: Endings,
    commits: BTreeMap<(Id, Id), f64>,
    order: BTreeMap<(Id, Id), f64>,
    today: i64,
}

fn bytes(row: &Columns, column: &str) -> Vec<u8> {
    match row.get(column) {
        Some(Value::Blob(bytes)) => bytes.clone(),
        other => panic!("{column} is {other:?}"),
    }
}

fn id(row: &Columns, column: &str) -> Id {
    bytes(row, column).try_into().expect("an id has 16 bytes")
}

fn number(row: &Columns, column: &str) -> Option<i64> {
    match row.get(column) {
        Some(Value::Integer(value)) => Some(*value),
        _ => None,
    }
}

fn hex_id(value: &serde_json::Value) -> Option<Id> {
    hex::decode(value.as_str()?).ok()?.try_into().ok()
}

impl Case {
    /// From the database and the ledger at a time.
    pub fn of(loot: &Loot, ledger: &str, now: i64) -> Self {
        let mut persons = BTreeMap::<Id, Person>::new();
        // Who has no link has no subject, which anybody sees.
        for row in loot.table("link") {
            let person = Person {
                devices: BTreeMap::new(),
                acts: BTreeSet::new(),
                disabled: End::Sealed,
            };
            persons.insert(id(row, "person"), person);
        }
        for row in loot.table("person") {
            if let Some(person) = persons.get_mut(&id(row, "person")) {
                person.disabled = match number(row, "active") {
                    None => End::Sealed,
                    Some(0) => End::Hidden,
                    Some(_) => End::Not,
                };
            }
        }
        let (mut owners, mut names) = (BTreeMap::new(), BTreeSet::new());
        for row in loot.table("device") {
            let (device, person) = (id(row, "device"), id(row, "person"));
            owners.insert(device, person);
            // Nobody has two laptops of one name: one of them ended.
            let again = !names.insert((person, format!("{:?}", row.get("name"))));
            if let Some(person) = persons.get_mut(&person) {
                let end = match (row.get("revoked"), number(row, "revoked")) {
                    (None, _) if again => End::Hidden,
                    (None, _) => End::Sealed,
                    (_, None | Some(0)) => End::Not,
                    (_, Some(1)) => End::Hidden,
                    (_, Some(day)) => End::On(day),
                };
                person.devices.insert(device, end);
            }
        }
        for line in ledger.lines() {
            noted(line, &owners, &mut persons);
        }
        let mut endings = Endings::default();
        for (table, columns) in [
            ("session", &["created", "seen", "confirmed_at"][..]),
            ("link_token", &["created", "used"][..]),
        ] {
            for row in loot.table(table) {
                let Some(Value::Blob(person)) = row.get("person") else {
                    continue;
                };
                let person = Id::try_from(person.as_slice()).expect("an id");
                let times = columns.iter().filter_map(|column| number(row, column));
                if let Some(person) = persons.get_mut(&person) {
                    person.acts.extend(times);
                }
            }
        }
        let actors: BTreeMap<Id, Id> = loot
            .table("actor")
            .iter()
            .map(|row| (id(row, "actor"), id(row, "person")))
            .collect();
        for row in loot
            .table("audit")
            .iter()
            .chain(loot.table("audit_pending"))
        {
            let Some(Value::Text(body)) = row.get("body") else {
                panic!("an audit row has a body")
            };
            let body: serde_json::Value = serde_json::from_str(body).expect("a body is JSON");
            audited(&body["row"], &actors, &owners, &mut persons, &mut endings);
        }
        let subjects = subjects(loot);
        let routes = subjects
            .iter()
            .map(|(id, subject)| (*id, subject.routes.clone()))
            .collect();
        let known = known(&owners, &routes);
        let (commits, order) = (together(loot, &known), order(loot, &known));
        Self {
            persons,
            subjects,
            endings,
            commits,
            order,
            today: now.div_euclid(DAY),
        }
    }

    /// How many people have evidence.
    pub fn people(&self) -> usize {
        self.persons.len()
    }

    /// Who made which stream leads to who is which subject.
    pub fn truth(&self, streams: &BTreeMap<Id, BTreeSet<Id>>) -> BTreeMap<Id, Id> {
        let mut truth = BTreeMap::new();
        for (subject, facts) in &self.subjects {
            for (person, theirs) in streams {
                if facts.streams.keys().any(|stream| theirs.contains(stream)) {
                    let before = truth.insert(*person, *subject);
                    assert!(
                        before.is_none_or(|before| before == *subject),
                        "a person is one subject"
                    );
                }
            }
        }
        truth
    }

    /// Scores by these clues and, if it is put back, by how often each device synced on each day.
    pub fn scores(&self, clues: &[Clue], syncs: Option<&BTreeMap<(i64, DeviceId), u32>>) -> Scores {
        let (mut persons, mut subjects) = (Vec::new(), Vec::new());
        persons.extend(self.persons.keys().copied());
        subjects.extend(self.subjects.keys().copied());
        let row = |(person_id, person): (&Id, &Person)| {
            let days = syncs.map(|syncs| {
                let own = syncs
                    .keys()
                    .filter(|(_, device)| person.devices.contains_key(device.as_bytes()));
                own.map(|(day, _)| *day).collect::<BTreeSet<i64>>()
            });
            let one = |(subject_id, subject): (&Id, &Subject)| {
                let mut score = 0.0;
                let pair = |scores: &BTreeMap<(Id, Id), f64>| {
                    scores
                        .get(&(*person_id, *subject_id))
                        .copied()
                        .unwrap_or(0.0)
                };
                for clue in clues {
                    score += match clue {
                        Clue::Counts => counts(person, subject),
                        Clue::Ends => ends(person, subject, &self.endings, self.today),
                        Clue::Acts => acts(person, subject),
                        Clue::Leaving => leaving(person, subject, &self.endings, self.today),
                        Clue::Commits => pair(&self.commits),
                        Clue::Order => pair(&self.order),
                    };
                }
                score
                    + days
                        .as_ref()
                        .map_or(0.0, |days| same_days(days, &subject.days))
            };
            self.subjects.iter().map(one).collect()
        };
        Scores {
            scores: self.persons.iter().map(row).collect(),
            persons,
            subjects,
        }
    }
}

/// One line of the ledger: what it says of a device's or an account's end without a seal.
fn noted(line: &str, owners: &BTreeMap<Id, Id>, persons: &mut BTreeMap<Id, Person>) {
    let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
    let (entry, on) = (&line["body"]["entry"], &line["body"]["on"]);
    let on: jiff::civil::Date = on
        .as_str()
        .and_then(|on| on.parse().ok())
        .expect("a line has a date");
    let since = on - jiff::civil::date(1970, 1, 1);
    let on = i64::from(since.get_days());
    if let Some(device) = hex_id(&entry["revoke"]["device"])
        && let Some(person) = owners.get(&device).and_then(|it| persons.get_mut(it))
    {
        person.devices.insert(device, End::On(on));
    }
    if let Some(person) = hex_id(&entry["leaver"]["person"])
        && let Some(person) = persons.get_mut(&person)
    {
        person.disabled = End::On(on);
    }
}

/// One audit row: what it says of a person without a seal, or of nobody with a time.
fn audited(
    row: &serde_json::Value,
    actors: &BTreeMap<Id, Id>,
    owners: &BTreeMap<Id, Id>,
    persons: &mut BTreeMap<Id, Person>,
    endings: &mut Endings,
) {
    let at = row["at"].as_i64().expect("an audit row has a time");
    let actor = hex_id(&row["actor"]["id"]).and_then(|actor| actors.get(&actor).copied());
    if let Some(person) = actor.and_then(|person| persons.get_mut(&person)) {
        person.acts.insert(at);
    }
    let (action, day) = (row["action"].as_str(), at.div_euclid(DAY));
    match action {
        Some("device.revoke" | "device.revoke-own") => endings.devices.insert(day),
        Some("person.disable") => endings.accounts.insert(day),
        _ => false,
    };
    let Some(id) = hex_id(&row["target"]["of"]["id"]) else {
        return;
    };
    let whose = owners.get(&id).copied().unwrap_or(id);
    let Some(person) = persons.get_mut(&whose) else {
        return;
    };
    match action {
        Some("person.disable") => person.disabled = End::On(day),
        Some("device.revoke" | "device.revoke-own") => {
            person.devices.insert(id, End::On(day));
        }
        // Somebody else acts on them: a link that was asked for.
        _ => {
            person.acts.insert(at);
        }
    }
}

fn subjects(loot: &Loot) -> BTreeMap<Id, Subject> {
    let mut subjects = BTreeMap::<Id, Subject>::new();
    for row in loot.table("route") {
        if let Some(Value::Blob(subject)) = row.get("subject") {
            // Whatever it is: if it is no subject's id, it says nothing.
            if let Ok(subject) = Id::try_from(subject.as_slice()) {
                subjects
                    .entry(subject)
                    .or_default()
                    .routes
                    .push(bytes(row, "route"));
            }
        }
    }
    for row in loot.table("delta") {
        let subject = subjects.entry(id(row, "subject")).or_default();
        let at = number(row, "at").expect("a delta has an hour");
        let day = at.div_euclid(DAY);
        subject.hours.insert(at.div_euclid(HOUR));
        subject.days.insert(day);
        let (first, last) = subject
            .streams
            .entry(id(row, "stream"))
            .or_insert((day, day));
        (*first, *last) = ((*first).min(day), (*last).max(day));
    }
    subjects
}

#[expect(clippy::cast_precision_loss, reason = "counts and days are small")]
pub fn real(count: impl TryInto<i64>) -> f64 {
    count.try_into().unwrap_or(i64::MAX) as f64
}

fn counts(person: &Person, subject: &Subject) -> f64 {
    let devices = person.devices.len();
    let routes = match subject.routes.len() {
        // Nobody knows.
        0 => 0.0,
        routes if routes == devices => 3.0,
        _ => -6.0,
    };
    routes - 1.5 * real(devices.abs_diff(subject.streams.len()))
}

fn ends(person: &Person, subject: &Subject, endings: &Endings, today: i64) -> f64 {
    let mut score = 0.0;
    for end in person.devices.values() {
        let days = end.days(&endings.devices);
        let fits = days.iter().map(|day| ended(subject, *day));
        score += fits.reduce(f64::max).unwrap_or(0.0);
    }
    let count = |of: End| person.devices.values().filter(|end| **end == of).count();
    let (live, perhaps) = (count(End::Not), count(End::Sealed));
    let fresh = subject
        .streams
        .values()
        .filter(|(_, last)| today - last <= 21)
        .count();
    score - 0.7 * real(fresh.abs_diff(fresh.clamp(live, live + perhaps)))
}

/// How well a stream of a subject's ended on this day, and another began then.
fn ended(subject: &Subject, day: i64) -> f64 {
    let late = subject.streams.values().map(|(_, last)| day - last);
    let end = late
        .filter(|late| *late >= 0)
        .min()
        .map_or(-6.0, |late| 4.0 - 0.4 * real(late));
    let next = subject.streams.values().map(|(first, _)| first - day);
    end + match next.filter(|later| *later >= 0).min() {
        Some(later) if later <= 14 => 2.0 - 0.2 * real(later),
        _ => 0.0,
    }
}

/// People act on days, and in hours, on which they work.
fn acts(person: &Person, subject: &Subject) -> f64 {
    let Some(first) = subject.days.first() else {
        return 0.0;
    };
    let span = real(subject.days.last().map_or(1, |last| last - first + 1));
    let by_day = (real(subject.days.len()) / span).clamp(0.02, 0.98);
    let days: BTreeSet<i64> = person.acts.iter().map(|at| at.div_euclid(DAY)).collect();
    let on_a_day = |day: &i64| match subject.days.contains(day) {
        true => (0.9 / by_day).ln(),
        false => (0.1 / (1.0 - by_day)).ln(),
    };
    let in_an_hour = |at: &i64| match subject.hours.contains(&at.div_euclid(HOUR)) {
        true => 0.3,
        false => 0.0,
    };
    days.iter().map(on_a_day).sum::<f64>() + person.acts.iter().map(in_an_hour).sum::<f64>()
}

fn leaving(person: &Person, subject: &Subject, endings: &Endings, today: i64) -> f64 {
    let last = subject.days.last().copied().unwrap_or(0);
    let gone = if today - last > 21 { 2.0 } else { -2.0 };
    match person.disabled {
        End::Sealed => return 0.0,
        End::Not => return f64::min(-gone, 0.0),
        End::Hidden | End::On(_) => {}
    }
    let on = |day: &i64| match day - last {
        ..0 => -8.0,
        late => 6.0 - 0.5 * real(late),
    };
    let days = person.disabled.days(&endings.accounts);
    // Whoever is gone makes no evidence now, whenever they went.
    days.iter().map(on).reduce(f64::max).unwrap_or(gone)
}

/// A device that syncs does so on the days with evidence.
fn same_days(synced: &BTreeSet<i64>, evidence: &BTreeSet<i64>) -> f64 {
    real(synced.intersection(evidence).count()) * 2.0
        - real(synced.symmetric_difference(evidence).count()) * 2.0
}

#[test]
fn an_end_that_a_row_tells_is_laid_beside_the_evidence_that_ends_then() {
    let person = |device: u8, end: End, disabled: End| Person {
        devices: BTreeMap::from([([device; 16], end), ([device + 1; 16], End::Not)]),
        acts: BTreeSet::new(),
        disabled,
    };
    let subject = |stream: u8, ended: i64, last: i64| Subject {
        routes: Vec::new(),
        streams: BTreeMap::from([
            ([stream; 16], (0, ended)),
            ([stream + 1; 16], (ended + 1, last)),
        ]),
        hours: BTreeSet::new(),
        days: (0..=last).collect(),
    };
    let right = |persons: [Person; 2], subjects: [Subject; 2], endings: Endings| {
        let ids = |of: [u8; 2]| of.map(|id| [id; 16]);
        let case = Case {
            persons: ids([1, 2]).into_iter().zip(persons).collect(),
            subjects: ids([3, 4]).into_iter().zip(subjects).collect(),
            endings,
            commits: BTreeMap::new(),
            order: BTreeMap::new(),
            today: 100,
        };
        let scores = case.scores(&CLUES, None).scores;
        (scores[0][0] + scores[1][1]) - (scores[0][1] + scores[1][0])
    };
    let all = || Endings {
        devices: [30, 60].into(),
        accounts: [70].into(),
    };
    let subjects = || [subject(10, 29, 100), subject(20, 59, 100)];
    let with = |first, second| [person(30, first, End::Not), person(40, second, End::Not)];
    assert!(right(with(End::On(30), End::On(60)), subjects(), all()) > 5.0);
    let hidden = right(with(End::Hidden, End::Hidden), subjects(), all());
    assert!(hidden.abs() < 1e-9, "either may be either: {hidden}");
    // Who still has both, and whose device ended.
    let stays = || [subject(10, 29, 100), subject(20, 100, 100)];
    assert!(right(with(End::Hidden, End::Not), stays(), all()) > 0.5);
    // Whose account ended, and who is not there any more.
    let gone = || [subject(10, 29, 69), subject(20, 29, 100)];
    let leaves = |end| [person(30, End::Not, end), person(40, End::Not, End::Not)];
    assert!(right(leaves(End::On(70)), gone(), all()) > 5.0);
    assert!(right(leaves(End::Hidden), gone(), all()) > 5.0);
    let sealed = || person(30, End::Sealed, End::Sealed);
    assert!(right([sealed(), sealed()], gone(), all()).abs() < 1e-9);
}
