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
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
        let known = known(&owners, &subjects);
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

// ---- the order of rows

/// Who a page's cell or a frame speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Person(Id),
    Subject(Id),
}

type Known = BTreeMap<Vec<u8>, Of>;

/// The first 16 bytes of keys, and whose they are: of persons and devices, of subjects and routes.
fn known(owners: &BTreeMap<Id, Id>, subjects: &BTreeMap<Id, Subject>) -> [Known; 4] {
    let persons = owners
        .values()
        .map(|person| (person.to_vec(), Of::Person(*person)));
    let devices = owners
        .iter()
        .map(|(device, person)| (device.to_vec(), Of::Person(*person)));
    let ids = subjects
        .keys()
        .map(|subject| (subject.to_vec(), Of::Subject(*subject)));
    let routes = subjects.iter().flat_map(|(subject, facts)| {
        facts
            .routes
            .iter()
            .map(|route| (route[..16].to_vec(), Of::Subject(*subject)))
    });
    [
        persons.collect(),
        devices.collect(),
        ids.collect(),
        routes.collect(),
    ]
}

/// How alike the places are that both have among the rows that came since their pages were last
/// written in the order of their keys. A person's first device makes the link's row and a route;
/// each device makes a row and a route.
fn order(loot: &Loot, known: &[Known; 4]) -> BTreeMap<(Id, Id), f64> {
    let [persons, devices, _, routes] = known;
    let mut scores = BTreeMap::new();
    for (table, keys) in [("link", persons), ("device", devices)] {
        for came in late(loot, table, keys) {
            for went in late(loot, "route", routes) {
                let ranks = (came.len().max(2) - 1, went.len().max(2) - 1);
                for (rank, person) in came.iter().enumerate() {
                    for (other, subject) in went.iter().enumerate() {
                        let apart = real(rank) / real(ranks.0) - real(other) / real(ranks.1);
                        let apart = apart.abs() * real(ranks.0.max(ranks.1));
                        if let (Of::Person(person), Of::Subject(subject)) = (person, subject) {
                            let score = (4.0 - 2.0 * apart).max(-4.0);
                            *scores.entry((*person, *subject)).or_insert(0.0) += score;
                        }
                    }
                }
            }
        }
    }
    scores
}

/// Rows of both sides that came into the log with one commit.
fn together(loot: &Loot, known: &[Known; 4]) -> BTreeMap<(Id, Id), f64> {
    let known: HashMap<&[u8], Of> = known
        .iter()
        .flatten()
        .map(|(key, of)| (key.as_slice(), *of))
        .collect();
    let of = |page: &Page| -> Known {
        let windows = page.bytes.windows(16);
        windows
            .filter_map(|key| known.get(key).map(|of| (key.to_vec(), *of)))
            .collect()
    };
    let mut scores = BTreeMap::new();
    let mut before: BTreeMap<u32, Known> = loot
        .pages
        .iter()
        .map(|page| (page.number, of(page)))
        .collect();
    let mut fresh = BTreeSet::new();
    for frame in &loot.frames {
        let now = of(&frame.page);
        let then = before.entry(frame.page.number).or_default();
        fresh.extend(
            now.iter()
                .filter(|(key, _)| !then.contains_key(*key))
                .map(|(_, of)| *of),
        );
        *then = now;
        if frame.commits {
            for person in &fresh {
                for subject in &fresh {
                    if let (Of::Person(person), Of::Subject(subject)) = (person, subject) {
                        *scores.entry((*person, *subject)).or_insert(0.0) +=
                            20.0 / real(fresh.len());
                    }
                }
            }
            fresh.clear();
        }
    }
    scores
}

/// Whose rows came to a leaf of a table after it was last written in the order of its keys, in the
/// order in which they came, each once. SQLite fills a page from its end: what lies lower came
/// later.
fn late(loot: &Loot, table: &str, known: &Known) -> Vec<Vec<Of>> {
    // The newest version of each page.
    let mut newest: BTreeMap<u32, &Page> =
        loot.pages.iter().map(|page| (page.number, page)).collect();
    newest.extend(
        loot.frames
            .iter()
            .map(|frame| (frame.page.number, &frame.page)),
    );
    let mut found = Vec::new();
    let mut numbers = vec![loot.roots[table]];
    while let Some(page) = numbers.pop().and_then(|number| newest.get(&number)) {
        let (children, cells) = cells(page);
        numbers.extend(children);
        let is_late = |at: usize| cells[at..].iter().any(|later| *later > cells[at]);
        let mut late: Vec<usize> = (0..cells.len()).filter(|at| is_late(*at)).collect();
        if late.len() * 2 > cells.len() {
            // Never written so: the order is that of all of them.
            late = (0..cells.len()).collect();
        }
        late.sort_by_key(|at| std::cmp::Reverse(cells[*at]));
        let mut seen = BTreeSet::new();
        let whose = late.into_iter().filter_map(|at| {
            page.bytes[cells[at]..]
                .windows(16)
                .take(24)
                .find_map(|key| known.get(key))
                .copied()
        });
        found.push(whose.filter(|of| seen.insert(*of)).collect());
    }
    found.retain(|came: &Vec<Of>| !came.is_empty());
    found
}

/// The pages below a page, and where the cells of a leaf begin, in the order of their keys. Tables
/// stored by their keys are trees of the kind of indices (SQLite's file format, section 1.6).
fn cells(page: &Page) -> (Vec<u32>, Vec<usize>) {
    let bytes = &page.bytes;
    let word = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
    let long = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    match bytes[0] {
        0x0a => (
            Vec::new(),
            (0..word(3)).map(|cell| word(8 + 2 * cell)).collect(),
        ),
        0x02 => {
            let left = (0..word(3)).map(|cell| long(word(12 + 2 * cell)));
            (left.chain([long(8)]).collect(), Vec::new())
        }
        other => panic!("page {} is of kind {other}", page.number),
    }
}

// ---- the assignment

/// Scores of each person with each subject.
pub struct Scores {
    scores: Vec<Vec<f64>>,
    persons: Vec<Id>,
    subjects: Vec<Id>,
}

/// How often each person was named rightly, from 0.0 to 1.0.
pub type Named = BTreeMap<Id, f64>;

impl Scores {
    /// Whom the best assignment names rightly. Among assignments that are equally good one is
    /// drawn, `draws` times.
    pub fn named(&self, truth: &BTreeMap<Id, Id>, draws: u32, dice: &mut ChaCha8Rng) -> Named {
        let size = self.persons.len().max(self.subjects.len());
        let mut named: Named = truth.keys().map(|person| (*person, 0.0)).collect();
        for _ in 0..draws {
            let mut costs = vec![vec![0.0; size]; size];
            for (row, scores) in costs.iter_mut().zip(&self.scores) {
                for (cost, score) in row.iter_mut().zip(scores) {
                    *cost = -score + dice.random_range(0.0..1e-6);
                }
            }
            for (person, subject) in assign(&costs).into_iter().enumerate() {
                let pair = (self.persons.get(person), self.subjects.get(subject));
                if let (Some(person), Some(subject)) = pair
                    && truth.get(person) == Some(subject)
                {
                    *named.entry(*person).or_default() += 1.0 / f64::from(draws);
                }
            }
        }
        named
    }
}

/// The share that is named rightly.
pub fn share(named: &Named) -> f64 {
    named.values().sum::<f64>() / real(named.len())
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
fn the_order_of_late_rows_and_common_commits_are_seen() {
    // A leaf as SQLite writes it: its cells' places in the order of keys, cells from the end on.
    let leaf = |number: u32, written: &[u8]| {
        let mut bytes = vec![0; 4016];
        bytes[0] = 0x0a;
        bytes[4] = u8::try_from(written.len()).unwrap();
        let mut sorted = written.to_vec();
        sorted.sort_unstable();
        for (key, nth) in written.iter().zip(1..) {
            let (offset, slot) = (
                4016 - 40 * nth,
                sorted.iter().position(|k| k == key).unwrap(),
            );
            bytes[offset + 4..offset + 20].fill(*key);
            bytes[8 + 2 * slot..10 + 2 * slot]
                .copy_from_slice(&u16::try_from(offset).unwrap().to_be_bytes());
        }
        Page { number, bytes }
    };
    let owners: BTreeMap<Id, Id> = [(0x11, 0xa1), (0x12, 0xa2), (0x13, 0xa3), (0x14, 0xa4)]
        .map(|(d, p)| ([d; 16], [p; 16]))
        .into();
    let subjects =
        [(0xb1, 0x51), (0xb2, 0x52), (0xb3, 0x53), (0xb4, 0x54)].map(|(subject, route)| {
            (
                [subject; 16],
                Subject {
                    routes: vec![vec![route; 32]],
                    ..Subject::default()
                },
            )
        });
    let known = known(&owners, &subjects.into());
    let roots = BTreeMap::from([("link", 4), ("device", 2), ("route", 3)]);
    let roots: BTreeMap<String, u32> = roots.into_iter().map(|(n, r)| (n.to_owned(), r)).collect();
    let loot = |pages, frames| Loot {
        pages,
        frames,
        tables: BTreeMap::new(),
        roots: roots.clone(),
    };
    // 12 came after the rest was there; so did 51.
    let pages = vec![
        leaf(2, &[0x11, 0x13, 0x14, 0x12]),
        leaf(3, &[0x52, 0x53, 0x54, 0x51]),
        leaf(4, &[0xa1, 0xa2]),
    ];
    let scores = order(&loot(pages, Vec::new()), &known);
    assert_eq!(
        scores.into_iter().collect::<Vec<_>>(),
        [(([0xa2; 16], [0xb1; 16]), 4.0)]
    );
    // Nobody ever wrote them in the order of their keys.
    let pages = vec![
        leaf(2, &[0x14, 0x12, 0x13, 0x11]),
        leaf(3, &[0x54, 0x53, 0x52, 0x51]),
        leaf(4, &[0xa1, 0xa2]),
    ];
    let scores = order(&loot(pages, Vec::new()), &known);
    let best: BTreeSet<_> = scores
        .into_iter()
        .filter(|(_, s)| *s >= 4.0)
        .map(|(pair, _)| pair)
        .collect();
    let pairs = [(0xa4, 0xb4), (0xa2, 0xb3), (0xa3, 0xb2), (0xa1, 0xb1)];
    assert_eq!(best, pairs.map(|(p, s)| ([p; 16], [s; 16])).into());

    let frame = |page, commits| super::pages::Frame { page, commits };
    let pages = vec![leaf(2, &[0x11, 0x12]), leaf(3, &[0x51, 0x52])];
    let frames = vec![
        frame(leaf(2, &[0x11, 0x12, 0x14]), false),
        frame(leaf(3, &[0x51, 0x52, 0x53]), true),
        frame(leaf(2, &[0x11, 0x12, 0x14]), true),
    ];
    let together = together(&loot(pages, frames), &known);
    assert_eq!(
        together.into_keys().collect::<Vec<_>>(),
        [([0xa4; 16], [0xb3; 16])]
    );
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
        columns
            .iter()
            .enumerate()
            .map(|(row, column)| costs[row][*column])
            .sum()
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
