//! Guessing whose evidence is whose, by everything but `k_link`.
//!
//! A guesser scores each person with each subject by what times, counts and the order of rows say,
//! then takes the assignment whose scores add up best. Each [`Clue`] can be left out, to see which
//! of them tells how much.

use super::pages::{Columns, Loot, Page};
use kernel::ids::{DAY, DeviceId, HOUR};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
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
    /// Rows of both sides that came with one commit, in the log or by their place in a page.
    Order,
}

/// All of them.
pub const CLUES: [Clue; 5] = [Clue::Counts, Clue::Ends, Clue::Acts, Clue::Leaving, Clue::Order];

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
                let Some(Value::Blob(person)) = row.get("person") else { continue };
                let person = Id::try_from(person.as_slice()).expect("an id");
                let times = columns.iter().filter_map(|column| number(row, column));
                if let Some(person) = persons.get_mut(&person) {
                    person.acts.extend(times);
                }
            }
        }
        let actors: BTreeMap<Id, Id> =
            loot.table("actor").iter().map(|row| (id(row, "actor"), id(row, "person"))).collect();
        for row in loot.table("audit").iter().chain(loot.table("audit_pending")) {
            let Some(Value::Text(body)) = row.get("body") else { panic!("an audit row has a body") };
            let body: serde_json::Value = serde_json::from_str(body).expect("a body is JSON");
            audited(&body["row"], &actors, &owners, &mut persons);
        }
        let subjects = subjects(loot);
        let order = order(loot, &owners, &subjects);
        Self { persons, subjects, order, today: now.div_euclid(DAY) }
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
                    assert!(before.is_none_or(|before| before == *subject), "a person is one subject");
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
                let own = syncs.keys().filter(|(_, device)| person.devices.contains_key(device.as_bytes()));
                own.map(|(day, _)| *day).collect::<BTreeSet<i64>>()
            });
            let one = |(subject_id, subject): (&Id, &Subject)| {
                let mut score = 0.0;
                for clue in clues {
                    score += match clue {
                        Clue::Counts => counts(person, subject),
                        Clue::Ends => ends(person, subject, self.today),
                        Clue::Acts => acts(person, subject),
                        Clue::Leaving => leaving(person, subject, self.today),
                        Clue::Order => {
                            self.order.get(&(*person_id, *subject_id)).copied().unwrap_or(0.0)
                        }
                    };
                }
                score + days.as_ref().map_or(0.0, |days| same_days(days, &subject.days))
            };
            self.subjects.iter().map(one).collect()
        };
        Scores { scores: self.persons.iter().map(row).collect(), persons, subjects }
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
    let Some(target) = hex_id(&row["target"]["of"]["id"]) else { return };
    let target = owners.get(&target).copied().unwrap_or(target);
    let Some(person) = persons.get_mut(&target) else { return };
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
                subjects.entry(subject).or_default().routes.push(bytes(row, "route"));
            }
        }
    }
    for row in loot.table("delta") {
        let subject = subjects.entry(id(row, "subject")).or_default();
        let at = number(row, "at").expect("a delta has an hour");
        let day = at.div_euclid(DAY);
        subject.hours.insert(at.div_euclid(HOUR));
        subject.days.insert(day);
        let (first, last) = subject.streams.entry(id(row, "stream")).or_insert((day, day));
        (*first, *last) = ((*first).min(day), (*last).max(day));
    }
    subjects
}

#[expect(clippy::cast_precision_loss, reason = "counts and days are small")]
fn real(count: impl TryInto<i64>) -> f64 {
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
        let ended = subject.streams.values().map(|(_, last)| day - last).filter(|late| *late >= 0);
        score += ended.min().map_or(-6.0, |late| 4.0 - 0.4 * real(late));
    }
    let live = person.devices.values().filter(|revoked| revoked.is_none()).count();
    let fresh = subject.streams.values().filter(|(_, last)| today - last <= 21).count();
    score - 0.7 * real(live.abs_diff(fresh))
}

/// People act on days, and in hours, on which they work.
fn acts(person: &Person, subject: &Subject) -> f64 {
    let Some(first) = subject.days.first() else { return 0.0 };
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

// ---- the order of rows

/// Who a page's cell or a frame speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Person(Id),
    Subject(Id),
}

fn order(
    loot: &Loot,
    owners: &BTreeMap<Id, Id>,
    subjects: &BTreeMap<Id, Subject>,
) -> BTreeMap<(Id, Id), f64> {
    let mut devices = BTreeMap::<Vec<u8>, Of>::new();
    let mut routes = BTreeMap::<Vec<u8>, Of>::new();
    for (device, person) in owners {
        devices.insert(device.to_vec(), Of::Person(*person));
    }
    for (subject, facts) in subjects {
        for route in &facts.routes {
            routes.insert(route[..16].to_vec(), Of::Subject(*subject));
        }
    }
    let mut scores = BTreeMap::new();
    together(loot, &devices, &routes, &mut scores);
    // The newest version of each page.
    let mut newest: BTreeMap<u32, &Page> = loot.pages.iter().map(|page| (page.number, page)).collect();
    newest.extend(loot.frames.iter().map(|frame| (frame.page.number, &frame.page)));
    let late_devices = late(newest.values().copied(), &devices);
    let late_routes = late(newest.values().copied(), &routes);
    for (person, rank) in &late_devices {
        for (subject, other) in &late_routes {
            if let (Of::Person(person), Of::Subject(subject)) = (person, subject) {
                let score = 5.0 - 15.0 * (rank - other).abs();
                let best = scores.entry((*person, *subject)).or_insert(f64::MIN);
                *best = best.max(score);
            }
        }
    }
    scores
}

/// Rows of both sides that came into the log with one commit.
fn together(
    loot: &Loot,
    devices: &BTreeMap<Vec<u8>, Of>,
    routes: &BTreeMap<Vec<u8>, Of>,
    scores: &mut BTreeMap<(Id, Id), f64>,
) {
    let known: BTreeMap<&Vec<u8>, Of> = devices.iter().chain(routes).map(|(k, v)| (k, *v)).collect();
    let of = |page: &Page| {
        let windows = page.bytes.windows(16);
        windows.filter_map(|window| known.get(&window.to_vec()).map(|of| (window.to_vec(), *of))).collect()
    };
    let mut before = BTreeMap::<u32, BTreeMap<Vec<u8>, Of>>::new();
    let pages: BTreeMap<u32, &Page> = loot.pages.iter().map(|page| (page.number, page)).collect();
    let mut fresh = BTreeSet::new();
    for frame in &loot.frames {
        let now: BTreeMap<Vec<u8>, Of> = of(&frame.page);
        let number = frame.page.number;
        let then = before.remove(&number).or_else(|| pages.get(&number).map(|page| of(page)));
        let then = then.unwrap_or_default();
        fresh.extend(now.iter().filter(|(key, _)| !then.contains_key(*key)).map(|(_, of)| *of));
        before.insert(number, now);
        if frame.commits {
            for person in &fresh {
                for subject in &fresh {
                    if let (Of::Person(person), Of::Subject(subject)) = (person, subject) {
                        *scores.entry((*person, *subject)).or_insert(0.0) += 20.0 / real(fresh.len());
                    }
                }
            }
            fresh.clear();
        }
    }
}

/// Rows that came after their page was last written in the order of its keys, each with its place
/// among them from 0 (first) to 1. SQLite fills a page from its end, so what lies lower came later.
fn late<'a>(
    pages: impl Iterator<Item = &'a Page>,
    known: &BTreeMap<Vec<u8>, Of>,
) -> Vec<(Of, f64)> {
    let mut found = Vec::new();
    for page in pages {
        let cells = cells(page);
        let mut late = Vec::new();
        for (at, offset) in cells.iter().enumerate() {
            let key = page.bytes[*offset..].windows(16).take(24).find_map(|window| known.get(window));
            let is_late = cells[at..].iter().any(|later| later > offset);
            if let (Some(of), true) = (key, is_late) {
                late.push((*offset, *of));
            }
        }
        late.sort_by_key(|(offset, _)| std::cmp::Reverse(*offset));
        let last = real(late.len().max(2) - 1);
        found.extend(late.iter().enumerate().map(|(rank, (_, of))| (*of, real(rank) / last)));
    }
    found
}

/// Where the cells of a leaf begin, in the order of their keys. Tables stored by their keys are
/// trees of the kind of indices (file format, section 1.6).
fn cells(page: &Page) -> Vec<usize> {
    let bytes = &page.bytes;
    if page.number == 1 || bytes[0] != 0x0a {
        return Vec::new();
    }
    let word = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let offsets: Vec<usize> = (0..word(3)).map(|cell| word(8 + 2 * cell)).collect();
    if offsets.iter().any(|offset| *offset + 24 > bytes.len()) { Vec::new() } else { offsets }
}

// ---- the assignment

/// Scores of each person with each subject.
pub struct Scores {
    scores: Vec<Vec<f64>>,
    persons: Vec<Id>,
    subjects: Vec<Id>,
}

impl Scores {
    /// The share that the best assignment names rightly. Among assignments that are equally good
    /// one is drawn; the mean of `draws`.
    pub fn right(&self, truth: &BTreeMap<Id, Id>, draws: u32, dice: &mut ChaCha8Rng) -> f64 {
        let size = self.persons.len().max(self.subjects.len());
        let mut right = 0;
        for _ in 0..draws {
            let mut costs = vec![vec![0.0; size]; size];
            for (row, scores) in costs.iter_mut().zip(&self.scores) {
                for (cost, score) in row.iter_mut().zip(scores) {
                    *cost = -score + dice.random_range(0.0..1e-6);
                }
            }
            for (person, subject) in assign(&costs).into_iter().enumerate() {
                let pair = (self.persons.get(person), self.subjects.get(subject));
                if let (Some(person), Some(subject)) = pair {
                    right += u32::from(truth.get(person) == Some(subject));
                }
            }
        }
        f64::from(right) / f64::from(draws) / real(truth.len())
    }
}

/// For each row its column, so that the costs add up to the least (the Hungarian method with
/// potentials, cubic in the size).
fn assign(costs: &[Vec<f64>]) -> Vec<usize> {
    let size = costs.len();
    let (mut rows, mut columns) = (vec![0.0; size + 1], vec![0.0; size + 1]);
    // Column → row, both counted from 1; 0 is none.
    let mut taken = vec![0; size + 1];
    for row in 1..=size {
        taken[0] = row;
        let mut at = 0;
        let mut least = vec![f64::INFINITY; size + 1];
        let mut used = vec![false; size + 1];
        let mut way = vec![0; size + 1];
        while taken[at] != 0 {
            used[at] = true;
            let (mut step, mut next) = (f64::INFINITY, 0);
            for column in (1..=size).filter(|column| !used[*column]) {
                let cost = costs[taken[at] - 1][column - 1] - rows[taken[at]] - columns[column];
                if cost < least[column] {
                    (least[column], way[column]) = (cost, at);
                }
                if least[column] < step {
                    (step, next) = (least[column], column);
                }
            }
            for column in 0..=size {
                if used[column] {
                    rows[taken[column]] += step;
                    columns[column] -= step;
                } else {
                    least[column] -= step;
                }
            }
            at = next;
        }
        while at != 0 {
            taken[at] = taken[way[at]];
            at = way[at];
        }
    }
    let mut assigned = vec![0; size];
    for column in 1..=size {
        assigned[taken[column] - 1] = column - 1;
    }
    assigned
}

#[test]
fn the_assignment_is_the_cheapest() {
    let costs = [
        [4.0, 1.0, 3.0, 9.0],
        [2.0, 0.0, 5.0, 8.0],
        [3.0, 2.0, 2.0, 7.0],
        [1.0, 9.0, 9.0, 3.0],
    ];
    let costs: Vec<Vec<f64>> = costs.iter().map(|row| row.to_vec()).collect();
    let sum = |columns: &[usize]| -> f64 {
        columns.iter().enumerate().map(|(row, column)| costs[row][*column]).sum()
    };
    let mut least = f64::INFINITY;
    for number in 0..256_usize {
        let columns: Vec<usize> = (0..4).map(|at| number / 4_usize.pow(at) % 4).collect();
        if columns.iter().collect::<BTreeSet<_>>().len() == 4 {
            least = least.min(sum(&columns));
        }
    }
    assert!((sum(&assign(&costs)) - least).abs() < 1e-9);
}
