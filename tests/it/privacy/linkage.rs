//! Database, logs, audit rows and ledger, but not `k_link`: what joins a person to a subject?

use super::assign::{Named, share};
use super::guess::{CLUES, Case, Clue, Id};
use super::organisation::{self, Organisation, Times};
use super::pages::{Columns, Loot};
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::process::Command;

const PERSONAL: [&str; 10] = [
    "person",
    "actor",
    "device",
    "session",
    "link_token",
    "pending_login",
    "enrolment",
    "link",
    "audit",
    "audit_pending",
];
const PSEUDONYMOUS: [&str; 5] = ["subject", "stream", "delta", "pair", "route"];
const NEITHER: [&str; 9] = [
    "migration",
    "store",
    "snapshot",
    "snapshot_row",
    "job",
    "outbox",
    "sync_count",
    "audit_node",
    "audit_checkpoint",
];
/// Draws among assignments that are equally good.
const DRAWS: u32 = 200;

#[test]
fn the_database_is_nothing_without_its_key() {
    let lived = organisation::live(3, 1, Times::Ordinary);
    let path = lived.data.join("store.db");
    let file = std::fs::read(&path).unwrap();
    assert!(file.len() > 8 * 4096 && file.len().is_multiple_of(4096));
    assert!(
        !file.starts_with(b"SQLite format 3"),
        "the header is SQLite's"
    );
    for page in file.chunks_exact(4096) {
        assert!(looks_random(page), "a page that is not enciphered");
    }
    // SQLCipher without a key is SQLite itself.
    let plain = rusqlite::Connection::open(&path).unwrap();
    let said = plain.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    });
    assert!(said.unwrap_err().to_string().contains("not a database"));
    match Command::new("sqlite3").arg(&path).arg(".tables").output() {
        Ok(said) => {
            let complaint = String::from_utf8_lossy(&said.stderr).into_owned();
            assert!(complaint.contains("not a database"), "{complaint}");
            assert!(!said.status.success());
        }
        Err(error) => println!("sqlite3 is not installed ({error}); its library refused"),
    }
    assert!(
        !Loot::of(&lived.data).table("person").is_empty(),
        "with the key it opens"
    );
}

/// 4 KiB of cipher text have each byte 16 times, give or take; anything of ours has mostly zeros.
fn looks_random(page: &[u8]) -> bool {
    let mut counts = [0_usize; 256];
    for byte in page {
        counts[usize::from(*byte)] += 1;
    }
    counts.iter().all(|count| *count < 48)
}

#[test]
fn nothing_but_the_link_key_tells_whose_evidence_is_whose() {
    let lived = organisation::live(1, 120, Times::Ordinary);
    let found = look("120 ordinary days", &lived);
    assert!(found.people >= 40, "{}", found.people);
    assert!(
        found.counted >= 0.9,
        "the guesser is blind: with a daily count it names {found:?}"
    );
    assert!(found.guessed <= 0.1, "{found:?}");
}

#[test]
fn nor_does_it_where_laptops_are_lost_and_people_leave() {
    let found = look(
        "120 days with incidents",
        &organisation::live(1, 120, Times::Incidents),
    );
    assert!(found.ordinary <= 0.1, "{found:?}");
    assert!(found.guessed <= 0.1, "{found:?}");
    assert!(found.counted >= 0.9, "{found:?}");
}

#[test]
fn nor_in_the_week_in_which_everybody_comes() {
    let found = look("the first week", &organisation::live(2, 5, Times::Ordinary));
    assert!(found.guessed <= 0.1, "{found:?}");
}

/// What the guesser made of it; shares of people whose evidence it named rightly.
#[derive(Debug)]
struct Found {
    people: usize,
    /// By everything there is.
    guessed: f64,
    /// The same, of those whom no incident befell.
    ordinary: f64,
    /// With a count per device and day put back.
    counted: f64,
}

fn look(title: &str, lived: &Organisation) -> Found {
    let loot = Loot::of(&lived.data);
    no_key_joins(lived, &loot);
    let ledger = std::fs::read_to_string(lived.data.join("ledger.jsonl")).unwrap();
    let case = Case::of(&loot, &ledger, lived.now);
    let streams = lived.truth.streams.iter().map(|(person, streams)| {
        (
            *person.as_bytes(),
            streams.iter().map(|stream| *stream.as_bytes()).collect(),
        )
    });
    let truth = case.truth(&streams.collect::<BTreeMap<Id, BTreeSet<Id>>>());
    assert_eq!(
        case.people(),
        truth.len(),
        "whoever has a link has evidence"
    );
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    let mut named =
        |clues: &[Clue], syncs| case.scores(clues, syncs).named(&truth, DRAWS, &mut dice);
    println!(
        "{title}, {} engineers: share whose evidence is named rightly",
        truth.len()
    );
    println!(
        "  by chance                          {:.3}",
        share(&named(&[], None))
    );
    for clue in CLUES {
        println!(
            "  by {:<32}{:.3}",
            format!("{clue:?} alone"),
            share(&named(&[clue], None))
        );
    }
    let all = named(&CLUES, None);
    let befell = |person: &Id| {
        lived
            .truth
            .incidents
            .iter()
            .any(|one| one.as_bytes() == person)
    };
    let of = |hit: bool| {
        all.iter()
            .filter(|(p, _)| befell(p) == hit)
            .map(|(p, n)| (*p, *n))
            .collect()
    };
    let (hit, ordinary): (Named, Named) = (of(true), of(false));
    let counted = share(&named(&CLUES, Some(&lived.truth.syncs)));
    println!("  by all of it                       {:.3}", share(&all));
    println!(
        "  the same, of {:>2} without an incident {:.3}",
        ordinary.len(),
        share(&ordinary)
    );
    if !hit.is_empty() {
        println!(
            "  the same, of {:>2} with an incident    {:.3}",
            hit.len(),
            share(&hit)
        );
    }
    println!("  with a count per device and day    {counted:.3}");
    Found {
        people: truth.len(),
        guessed: share(&all),
        ordinary: share(&ordinary),
        counted,
    }
}

/// No value of eight bytes or more stands on both sides, as it is, spelled or hashed.
fn no_key_joins(lived: &Organisation, loot: &Loot) {
    let known: BTreeSet<&str> = PERSONAL
        .into_iter()
        .chain(PSEUDONYMOUS)
        .chain(NEITHER)
        .collect();
    let tables: BTreeSet<&str> = loot.tables.keys().map(String::as_str).collect();
    assert_eq!(tables, known, "each table is on one side, or on neither");

    let ledger = std::fs::read_to_string(lived.data.join("ledger.jsonl")).unwrap();
    let of_subjects = |line: &&str| line.contains("\"erase\"") || line.contains("\"exclude\"");
    let (subject_lines, person_lines): (Vec<&str>, Vec<&str>) =
        ledger.lines().partition(of_subjects);

    let mut personal = Side::default();
    for table in PERSONAL {
        loot.table(table)
            .iter()
            .for_each(|row| personal.row(table, row));
    }
    person_lines
        .iter()
        .for_each(|line| personal.text("ledger", line));
    lived
        .log
        .lines()
        .for_each(|line| personal.text("log", line));
    let mut pseudonymous = Side::default();
    for table in PSEUDONYMOUS {
        loot.table(table)
            .iter()
            .for_each(|row| pseudonymous.row(table, row));
    }
    for line in subject_lines {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        ids(&entry)
            .iter()
            .for_each(|id| pseudonymous.bytes("ledger", id));
    }
    let sizes = (personal.values.len(), pseudonymous.values.len());
    assert!(
        sizes.0 > 100 && sizes.1 > 100,
        "there is something: {sizes:?}"
    );

    let theirs: HashSet<&[u8]> = pseudonymous
        .values
        .iter()
        .flat_map(|(_, bytes)| bytes.windows(8))
        .collect();
    for (place, value) in &personal.values {
        for window in value.windows(8) {
            assert!(
                !theirs.contains(window),
                "{place} shares {} with evidence",
                hex::encode(window)
            );
        }
        for algorithm in [
            &digest::SHA256,
            &digest::SHA512,
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
        ] {
            for spelled in [value.clone(), hex::encode(value).into_bytes()] {
                let hash = digest::digest(algorithm, &spelled);
                let cut = &hash.as_ref()[..8];
                assert!(
                    !theirs.contains(cut),
                    "evidence has a hash of what stands in {place}"
                );
            }
        }
    }
}

/// The 32 hexadecimal digits of a line of the ledger that are ids.
fn ids(value: &serde_json::Value) -> Vec<Vec<u8>> {
    match value {
        serde_json::Value::Object(fields) => fields.values().flat_map(ids).collect(),
        serde_json::Value::String(text) if text.len() == 32 => {
            hex::decode(text).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What one side holds, by where it stands.
#[derive(Default)]
struct Side {
    values: Vec<(String, Vec<u8>)>,
}

impl Side {
    fn row(&mut self, table: &str, row: &Columns) {
        for (column, value) in row {
            let place = format!("{table}.{column}");
            match value {
                Value::Blob(bytes) => self.bytes(&place, bytes),
                Value::Text(text) => self.text(&place, text),
                // A sum is a key as good as any; a time or a count is not.
                Value::Integer(number) if number.unsigned_abs() > 1 << 40 => {
                    self.bytes(&place, &number.to_be_bytes());
                }
                _ => {}
            }
        }
    }

    fn bytes(&mut self, place: &str, bytes: &[u8]) {
        if bytes.len() >= 8 {
            self.values.push((place.to_owned(), bytes.to_vec()));
        }
    }

    /// A text, and the bytes that a part of it may spell.
    fn text(&mut self, place: &str, text: &str) {
        self.bytes(place, text.as_bytes());
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '/') {
            if let Ok(bytes) = hex::decode(word) {
                self.bytes(&format!("{place}, hex"), &bytes);
            } else if let Ok(bytes) = STANDARD_NO_PAD.decode(word) {
                self.bytes(&format!("{place}, base64"), &bytes);
            }
        }
    }
}
