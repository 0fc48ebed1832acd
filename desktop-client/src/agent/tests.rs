//! The agent on recorded sessions.

use super::*;
use crate::store::{Store, fresh_stream};
use crate::world::still::Still;
use kernel::catalogue::Catalogue;
use kernel::delta::Place;
use kernel::event::Harness;
use kernel::ids::{DAY, HOUR};
use kernel::sync::{Row, Rows, client};
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
        let world = Still::at(NOW);
        let store = Store::open(&world, &home).unwrap();
        Self {
            _folder: folder,
            home,
            store,
            world,
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
    assert!(["locking.py", "importer.py"].contains(&met.file.as_str()));
    assert!(met.row.is_some() && !met.rule.is_empty());
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

/// Payloads of a recording in `t3code`, and the harness that told them.
fn of_t3(file: &str) -> Vec<(Harness, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/captures/t3code/");
    let text = std::fs::read_to_string(PathBuf::from(folder).join(file)).unwrap();
    let lines = text.lines().map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        match value.get("json") {
            Some(payload) => (Harness::Codex, payload.to_string()),
            None => (Harness::T3Code, line.to_owned()),
        }
    });
    lines.collect()
}

#[test]
fn an_act_that_two_harnesses_tell_counts_once() {
    let codex = of_t3("codex-hooks.jsonl");
    let t3 = of_t3("orchestration_events.jsonl");
    let heard = |told: &[&[(Harness, String)]]| {
        let mut desk = Desk::new();
        for (harness, payload) in told.iter().copied().flatten() {
            let spool = desk.home.spool();
            spool::append(&spool, *harness, NOW, payload.as_bytes(), false).unwrap();
        }
        let mut acts = Vec::new();
        let mut ears = Ears::new(&desk.home);
        let world = &desk.world;
        watched(world, &desk.home, &mut desk.store, &mut ears, &mut |act| {
            acts.push(act);
        })
        .unwrap();
        acts
    };
    let does = |act: &&Happened| act.act.contains("changed") || act.act.contains("command");
    let by_codex: Vec<_> = heard(&[&codex]);
    let both = heard(&[&codex, &t3]);
    let again = both.iter().filter(does).filter(|act| act.again).count();
    assert!(again > 0, "T3 Code tells what Codex told: {both:?}");
    for act in both.iter().filter(|act| act.again) {
        assert_eq!(
            (act.told_by, act.done_by),
            (Harness::T3Code, Harness::Codex)
        );
    }
    // Whoever tells first: what counts is the same.
    let counted = |acts: &[Happened]| acts.iter().filter(does).filter(|act| !act.again).count();
    assert_eq!(counted(&heard(&[&t3, &codex])), counted(&both));
    assert!(counted(&both) >= counted(&by_codex));
}

#[test]
fn what_is_decided_is_kept_where_something_ended_and_nowhere_else() {
    let mut desk = Desk::new();
    desk.world.now.set(NOW);
    let payload = |text: &str| {
        format!("{{\"session_id\":\"s\",\"prompt_id\":\"p\",\"hook_event_name\":{text}}}")
    };
    let told = [
        (payload("\"SessionStart\""), Some("first_week")),
        (payload("\"UserPromptSubmit\""), None),
        (payload("\"PermissionRequest\""), None),
        (payload("\"Stop\""), Some("first_week")),
        (payload("\"SessionEnd\""), None),
    ];
    for (payload, what) in &told {
        desk.tell(payload);
        let decided = desk.agent().decided;
        assert_eq!(
            decided.as_ref().map(|decided| decided.what.as_str()),
            *what,
            "{payload}"
        );
        // A command that is run in between decides nothing anew.
        assert_eq!(desk.agent().decided, None);
    }
    let kept = desk.store.read(|txn| txn.decisions(0)).unwrap();
    assert_eq!(kept.len(), 2);
    assert!(
        kept[0].sentence.contains("first week is silent"),
        "{kept:?}"
    );
}

#[test]
fn a_check_that_nobody_answers_for_a_day_does_not_silence_the_product() {
    let mut desk = Desk::new();
    desk.tell(PAYMENTS);
    desk.agent();
    desk.world.now.set(NOW + 8 * DAY);
    desk.tell(&PAYMENTS.replace("toolu_", "later_"));
    assert!(desk.agent().waiting);
    desk.world.now.set(NOW + 9 * DAY - 1);
    assert!(desk.agent().waiting);
    desk.world.now.set(NOW + 9 * DAY);
    desk.agent();
    let asks = desk.store.read(|txn| txn.asks(0)).unwrap();
    assert_eq!(asks[0].outcome, crate::store::Outcome::Later);
}

#[test]
fn what_was_passed_over_is_counted_by_its_name() {
    let mut desk = Desk::new();
    let minified = format!("var a=1;{}", "a=a+1;".repeat(20_000));
    let payload = serde_json::json!({
        "hook_event_name": "PostToolUse", "session_id": "s", "tool_name": "Write", "tool_use_id": "1",
        "tool_input": { "file_path": "/srv/bundle.min.js", "content": minified },
        "tool_response": { "type": "create" },
    });
    desk.tell(&payload.to_string());
    desk.agent();
    let tallies = desk.store.read(|txn| txn.tallies()).unwrap();
    let passed_over = tallies.keys().any(|name| name.starts_with("passed over: "));
    assert!(passed_over, "{tallies:?}");
}

#[test]
fn a_turn_whose_session_is_told_late_comes_to_its_end() {
    let mut desk = Desk::new();
    desk.store.hurry().unwrap();
    let mut ears = Ears::new(&desk.home);
    let mut ended = Vec::new();
    for (n, (harness, payload)) in (0..).zip(of_t3("orchestration_events.jsonl")) {
        desk.world.now.set(NOW + 8 * DAY + n);
        let spool = desk.home.spool();
        let at = desk.world.now.get();
        spool::append(&spool, harness, at, payload.as_bytes(), false).unwrap();
        let world = &desk.world;
        let heard = watched(world, &desk.home, &mut desk.store, &mut ears, &mut |_| {});
        ended.extend(heard.unwrap().decided);
    }
    let last = ended.last().unwrap();
    assert_ne!(last.what, "mid_edit", "{ended:#?}");
    assert!(
        ended
            .iter()
            .any(|decided| decided.breakpoint == "turn-ended")
    );
}
