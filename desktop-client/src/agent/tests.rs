//! The agent on recorded sessions.

use super::*;
use crate::store::Store;
use crate::world::still::Still;
use kernel::catalogue::Catalogue;
use kernel::delta::Place;
use kernel::event::Harness;
use kernel::ids::HOUR;
use kernel::sync::Row;
use std::path::PathBuf;

const PAYMENTS: &str = include_str!("../../../tests/captures/claude-code-payments/hooks.jsonl");
/// 2026-11-24T10:00:00Z, within no quiet hours.
const NOW: i64 = 1_795_514_400;

struct Desk {
    _folder: tempfile::TempDir,
    home: Home,
    store: Store,
    world: Still,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let store = Store::open(&home).unwrap();
        Self {
            _folder: folder,
            home,
            store,
            world: Still::at(NOW),
        }
    }

    fn tell(&self, payloads: &str) {
        for line in payloads.lines() {
            let at = self.world.now.get();
            spool::append(
                &self.home.spool(),
                Harness::ClaudeCode,
                at,
                line.as_bytes(),
                false,
            )
            .unwrap();
        }
    }

    fn agent(&mut self) -> Report {
        run(&self.world, &self.home, &mut self.store).unwrap()
    }

    fn rows(&mut self) -> Vec<Row> {
        self.store.read(|txn| txn.all()).unwrap()
    }
}

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

#[test]
fn a_recorded_session_becomes_concepts_met_once_a_day() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    let report = desk.agent();
    assert_eq!(report.read, PAYMENTS.lines().count() as u64);
    assert_eq!(report.not_understood, 0);
    for concept in [
        "pg-advisory-locks",
        "py-context-managers",
        "web-sql-injection",
    ] {
        assert!(
            report.met.contains(&slug(concept)),
            "{concept} in {:?}",
            report.met
        );
    }
    let rows = desk.rows();
    assert_eq!(rows.len(), report.met.len(), "one delta a concept");
    // The same day again: nothing new. The next day: once more.
    desk.world.now.set(NOW + HOUR);
    desk.tell(&PAYMENTS.replace("toolu_", "again_"));
    desk.agent();
    assert_eq!(desk.rows().len(), rows.len());
    desk.world.now.set(NOW + DAY);
    desk.tell(&PAYMENTS.replace("toolu_", "tomorrow_"));
    desk.agent();
    assert_eq!(desk.rows().len(), 2 * rows.len());
}

#[test]
fn an_act_that_is_told_twice_counts_once() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    desk.tell(PAYMENTS);
    desk.agent();
    let mentions = |desk: &mut Desk| desk.store.read(|txn| txn.met_since(0)).unwrap().len();
    let (rows, met) = (desk.rows(), mentions(&mut desk));
    desk.world.now.set(NOW + 2 * DAY);
    desk.tell(PAYMENTS);
    assert!(desk.agent().met.is_empty());
    assert_eq!((desk.rows(), mentions(&mut desk)), (rows, met));
}

#[test]
fn the_line_that_brought_a_concept_up_is_kept_here() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    desk.agent();
    let met = desk
        .store
        .read(|txn| txn.met(&slug("pg-advisory-locks")))
        .unwrap()
        .unwrap();
    assert_eq!(met.file, "locking.py");
    assert!(met.line.contains("advisory"), "{}", met.line);
}

#[test]
fn nothing_of_the_payloads_is_in_a_delta_or_left_in_the_spool() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    desk.agent();
    let deltas: Vec<_> = desk
        .rows()
        .iter()
        .map(|row| serde_json::Value::Object(row.delta.to_object()))
        .collect();
    let text = serde_json::to_string(&deltas).unwrap();
    for secret in ["payments", "merchant", "dev", "toolu", "importer"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(std::fs::read_dir(desk.home.spool()).unwrap().count(), 0);
    let prompt = b"Write the importer that settles";
    for entry in std::fs::read_dir(desk.home.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() {
            std::fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        assert!(
            !bytes.windows(prompt.len()).any(|w| w == prompt),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_crash_after_the_commit_reads_nothing_twice() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    let copy = |folder: &PathBuf| -> Vec<(PathBuf, Vec<u8>)> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect()
    };
    // Died before reading: the taken file stands there.
    drop(spool::take(&desk.home.spool(), NOW, 77).unwrap());
    let left = copy(&desk.home.spool());
    let first = desk.agent();
    let rows = desk.rows();
    // Died between commit and deletion: the file is back, and the store knows how far it was read.
    for (path, bytes) in &left {
        std::fs::write(path, bytes).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        desk.store
            .write(|txn| txn.set_batch_read(name, bytes.len() as u64))
            .unwrap();
    }
    let second = desk.agent();
    assert!(first.read > 0);
    assert_eq!((second.read, desk.rows()), (0, rows));
    assert_eq!(std::fs::read_dir(desk.home.spool()).unwrap().count(), 0);
}

#[test]
fn what_is_not_understood_is_counted_and_stops_nothing() {
    let mut desk = Desk::new();
    desk.tell("{\"hook_event_name\":\"Dreamt\"}\nnot json\n{\"hook_event_name\":\"Dreamt\"}");
    desk.tell(PAYMENTS);
    let report = desk.agent();
    assert_eq!(report.not_understood, 3);
    assert!(!report.met.is_empty());
    let tallies = desk.store.read(|txn| txn.tallies()).unwrap();
    assert_eq!(tallies.get("claude-code: unknown Dreamt"), Some(&2));
    assert_eq!(tallies.get("claude-code: no JSON"), Some(&1));
}

#[test]
fn the_first_week_is_silent_and_then_a_check_waits_after_the_turn() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    assert!(!desk.agent().waiting);
    desk.world.now.set(NOW + 8 * DAY);
    desk.tell(&PAYMENTS.replace("toolu_", "later_"));
    assert!(desk.agent().waiting);
    let ask = desk.store.read(|txn| txn.waiting()).unwrap().unwrap();
    assert!(!ask.requested);
    let again = kernel::items::assemble(Catalogue::builtin(), &ask.item.concept, ask.seed);
    assert!(again.is_ok(), "the seed is stored");
    // One that waits is enough.
    assert!(desk.agent().waiting);
    assert_eq!(desk.store.read(|txn| txn.asks(0)).unwrap().len(), 1);
}

#[test]
fn what_was_forgotten_is_not_recorded_from_an_older_event() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    desk.world.now.set(NOW + 3 * HOUR);
    let scope = kernel::delta::Scope::All;
    let fresh = fresh_stream(&desk.world).unwrap();
    desk.store
        .write(|txn| client::retract(txn, NOW + 3 * HOUR, || fresh, scope))
        .unwrap();
    assert!(desk.agent().met.is_empty());
    let places: Vec<_> = desk
        .rows()
        .into_iter()
        .map(|row| Place::Held(row.delta))
        .collect();
    assert_eq!(places.len(), 1, "the retract alone: {places:?}");
}
