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
    /// As many devices as routes, and about as many as streams.
    Counts,
    /// A device's end beside a stream's.
    Ends,
    /// What a person did at a known time, on a day (and hour) with evidence.
    Acts,
    /// An account's end beside the end of the evidence.
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

#[derive(Debug, Default)]
struct Person {
    devices: BTreeMap<Id, Option<i64>>,
    /// Times of acts that a row tells of without a seal.
    acts: BTreeSet<i64>,
    disabled: Option<i64>,
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
    /// From the database at a time.
    pub fn of(loot: &Loot, now: i64) -> Self {
        let mut persons = BTreeMap::<Id, Person>::new();
        // Who has no link has no subject, which anybody sees.
        for row in loot.table("link") {
            persons.entry(id(row, "person")).or_default();
        }
        let mut owners = BTreeMap::new();
        for row in loot.table("device") {
            let (device, person) = (id(row, "device"), id(row, "person"));
            owners.insert(device, person);
            if let Some(person) = persons.get_mut(&person) {
                person.devices.insert(device, number(row, "revoked"));
            }
        }
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
            audited(&body["row"], &actors, &owners, &mut persons);
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
                        Clue::Ends => ends(person, subject, self.today),
                        Clue::Acts => acts(person, subject),
                        Clue::Leaving => leaving(person, subject, self.today),
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

/// One audit row: what it says of a person without a seal.
fn audited(
    row: &serde_json::Value,
    actors: &BTreeMap<Id, Id>,
    owners: &BTreeMap<Id, Id>,
    persons: &mut BTreeMap<Id, Person>,
) {
    let at = row["at"].as_i64().expect("an audit row has a time");
    let actor = hex_id(&row["actor"]["id"]).and_then(|actor| actors.get(&actor).copied());
    if let Some(person) = actor.and_then(|person| persons.get_mut(&person)) {
        person.acts.insert(at);
    }
    let Some(target) = hex_id(&row["target"]["of"]["id"]) else {
        return;
    };
    let target = owners.get(&target).copied().unwrap_or(target);
    let Some(person) = persons.get_mut(&target) else {
        return;
    };
    match row["action"].as_str() {
        Some("person.disable") => person.disabled = Some(at.div_euclid(DAY)),
        // Somebody else acts on them: a link that was asked for, a laptop that was lost.
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

fn ends(person: &Person, subject: &Subject, today: i64) -> f64 {
    let mut score = 0.0;
    for day in person.devices.values().flatten() {
        let ended = subject
            .streams
            .values()
            .map(|(_, last)| day - last)
            .filter(|late| *late >= 0);
        score += ended.min().map_or(-6.0, |late| 4.0 - 0.4 * real(late));
    }
    let live = person
        .devices
        .values()
        .filter(|revoked| revoked.is_none())
        .count();
    let fresh = subject
        .streams
        .values()
        .filter(|(_, last)| today - last <= 21)
        .count();
    score - 0.7 * real(live.abs_diff(fresh))
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

fn leaving(person: &Person, subject: &Subject, today: i64) -> f64 {
    let last = subject.days.last().copied().unwrap_or(0);
    match person.disabled {
        Some(day) if last > day => -8.0,
        Some(day) => 6.0 - 0.5 * real(day - last),
        None if today - last > 21 => -2.0,
        None => 0.0,
    }
}

/// A device that syncs does so on the days with evidence.
fn same_days(synced: &BTreeSet<i64>, evidence: &BTreeSet<i64>) -> f64 {
    real(synced.intersection(evidence).count()) * 2.0
        - real(synced.symmetric_difference(evidence).count()) * 2.0
}
