//! The order in which rows came: what commits and pages tell of it, beside what rows say.

use super::guess::{Id, real};
use super::pages::{Loot, Page};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Who a page's cell or a frame speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    Person(Id),
    Subject(Id),
}

/// Keys, and whose they are.
pub type Known = BTreeMap<Vec<u8>, Of>;

/// The first 16 bytes of keys, and whose they are: of persons and devices, of subjects and routes.
pub fn known(owners: &BTreeMap<Id, Id>, subjects: &BTreeMap<Id, Vec<Vec<u8>>>) -> [Known; 4] {
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
/// written in the order of their keys. A person's first device makes the link's row, a route and,
/// soon after, a subject; each device makes a row, a route and a stream.
pub fn order(loot: &Loot, known: &[Known; 4]) -> BTreeMap<(Id, Id), f64> {
    let [persons, devices, subjects, routes] = known;
    let mut scores = BTreeMap::new();
    let evidence = [
        ("route", routes),
        ("subject", subjects),
        ("stream", subjects),
    ];
    for (table, keys) in [("link", persons), ("device", devices)] {
        for came in late(loot, table, keys) {
            for went in evidence
                .iter()
                .flat_map(|(table, keys)| late(loot, table, keys))
            {
                alike(&came, &went, &mut scores);
            }
        }
    }
    scores
}

fn alike(came: &[Of], went: &[Of], scores: &mut BTreeMap<(Id, Id), f64>) {
    let (last, other_last) = (came.len().max(2) - 1, went.len().max(2) - 1);
    let weight = if came.len() == went.len() { 1.0 } else { 0.5 };
    for (rank, person) in came.iter().enumerate() {
        for (other, subject) in went.iter().enumerate() {
            let apart = real(rank) / real(last) - real(other) / real(other_last);
            let apart = apart.abs() * real(last.max(other_last));
            if let (Of::Person(person), Of::Subject(subject)) = (person, subject) {
                let score = weight * (4.0 - 2.0 * apart).max(-4.0);
                *scores.entry((*person, *subject)).or_insert(0.0) += score;
            }
        }
    }
}

/// Rows of both sides that came into the log with one commit.
pub fn together(loot: &Loot, known: &[Known; 4]) -> BTreeMap<(Id, Id), f64> {
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
    let mut numbers: Vec<u32> = loot.roots.get(table).copied().into_iter().collect();
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
    let subjects = [(0xb1, 0x51), (0xb2, 0x52), (0xb3, 0x53), (0xb4, 0x54)]
        .map(|(subject, route)| ([subject; 16], vec![vec![route; 32]]));
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
