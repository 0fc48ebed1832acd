//! The engineer's word: what it changes, what it takes back, and that it lasts.

use super::*;
use crate::agent;
use crate::error::Error;
use crate::home::Home;
use crate::quiz::{self, Answer};
use crate::spool;
use crate::store::Store;
use crate::world::World;
use crate::world::still::Still;
use kernel::delta::{Delta, State};
use kernel::event::Harness;
use kernel::ids::{DAY, HOUR};
use kernel::sync::Rows;

/// 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;
const CONCEPT: &str = "pg-advisory-locks";

struct Desk {
    _folder: tempfile::TempDir,
    home: Home,
    store: Store,
    world: Still,
}

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

/// One `Write` of Claude Code.
fn wrote(call: &str, file: &str, text: &str) -> String {
    serde_json::json!({
        "hook_event_name": "PostToolUse", "session_id": "s", "prompt_id": "p", "tool_name": "Write",
        "tool_use_id": call, "tool_input": { "file_path": format!("/srv/{file}"), "content": text },
        "tool_response": { "type": "create" },
    })
    .to_string()
}

const LOCK: &str = "import psycopg\n\n\ndef claim(cur, key):\n    \
    cur.execute(\"SELECT pg_try_advisory_lock(%s)\", (key,))\n    return cur.fetchone()[0]\n";

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

    fn tell(&mut self, payload: &str) {
        let at = self.world.now();
        let spool = self.home.spool();
        spool::append(&spool, Harness::ClaudeCode, at, payload.as_bytes(), false).unwrap();
        agent::run(&self.world, &self.home, &mut self.store).unwrap();
    }

    /// What a crash or a new start of the machine leaves.
    fn again(&mut self) {
        self.store = Store::open(&self.world, &self.home).unwrap();
    }

    fn wrong(
        &mut self,
        concept: &str,
        rule: Option<&str>,
        undo: bool,
    ) -> crate::error::Result<Said> {
        let wish = Wrong {
            concept: concept.to_owned(),
            rule: rule.map(str::to_owned),
            undo,
        };
        wrong(&self.world, &mut self.store, &wish)
    }

    fn deltas(&mut self) -> Vec<Delta> {
        let mut rows = self.store.read(|txn| txn.all()).unwrap();
        rows.sort_by_key(|row| row.index);
        rows.into_iter().map(|row| row.delta).collect()
    }

    fn is_met(&mut self, concept: &str) -> bool {
        let concept = slug(concept);
        self.deltas()
            .iter()
            .any(|delta| matches!(delta, Delta::Evidence(e) if e.concept == concept))
    }
}

#[test]
fn a_wrong_tag_takes_its_evidence_back_and_the_taking_back_travels() {
    let mut desk = Desk::new();
    desk.tell(&wrote("1", "locking.py", LOCK));
    assert!(desk.is_met(CONCEPT));
    let said = desk.wrong(CONCEPT, None, false).unwrap();
    assert_eq!(said.json["retracted"], true, "{}", said.text);
    assert!(!desk.is_met(CONCEPT));
    let retract = desk
        .deltas()
        .into_iter()
        .find(|delta| matches!(delta, Delta::Retract(_)))
        .expect("a retract stands in the stream");
    let object = serde_json::Value::Object(retract.to_object());
    assert_eq!(
        (&object["k"], &object["c"]),
        (&"retract".into(), &CONCEPT.into())
    );
    let push = desk.store.read(crate::sync::next_push).unwrap().unwrap();
    assert!(String::from_utf8(push).unwrap().contains("\"retract\""));
    assert!(
        desk.store
            .read(|txn| txn.met_all(&slug(CONCEPT)))
            .unwrap()
            .is_empty()
    );
    // It rests from now on, also for whoever opens the store next.
    desk.again();
    desk.world.now.set(NOW + 2 * DAY);
    desk.tell(&wrote("2", "other.py", LOCK));
    assert!(!desk.is_met(CONCEPT));
    let undone = desk.wrong(CONCEPT, None, true).unwrap();
    assert_eq!(undone.json["undone"], true);
    desk.tell(&wrote("3", "third.py", LOCK));
    assert!(desk.is_met(CONCEPT));
}

#[test]
fn what_was_answered_stays_when_a_rule_is_called_wrong() {
    let mut desk = Desk::new();
    desk.tell(&wrote("1", "locking.py", LOCK));
    let world = &desk.world;
    let check = desk
        .store
        .write(|txn| quiz::check(world, txn, Some(CONCEPT)))
        .unwrap();
    desk.store
        .write(|txn| quiz::settle(world, txn, &check.ask, Answer::Option(0)))
        .unwrap();
    let before = desk.deltas().len();
    let said = desk.wrong(CONCEPT, None, false).unwrap();
    assert_eq!(said.json["kept_because_of"], "answers", "{}", said.text);
    assert_eq!(desk.deltas().len(), before);
}

#[test]
fn what_another_rule_or_another_machine_met_stays() {
    let mut desk = Desk::new();
    desk.tell(&wrote("1", "locking.py", LOCK));
    let concept = slug(CONCEPT);
    let hour = desk.store.read(|txn| txn.hour_at(NOW)).unwrap();
    desk.store
        .write(|txn| txn.add_met_by(&concept, hour, "another-rule"))
        .unwrap();
    let said = desk.wrong(CONCEPT, None, false).unwrap();
    assert_eq!(said.json["kept_because_of"], "other rules", "{}", said.text);
    assert!(desk.is_met(CONCEPT));
    // A day of which this machine does not know what found it.
    let mut desk = Desk::new();
    desk.tell(&wrote("1", "locking.py", LOCK));
    let fresh = crate::store::fresh_stream(&desk.world).unwrap();
    desk.store
        .write(|txn| {
            let what = (slug(CONCEPT), kernel::delta::Observation::Seen);
            let states = (State::Seen, State::Seen);
            kernel::sync::client::record(txn, NOW + 3 * DAY, || fresh, what, states)
        })
        .unwrap();
    let said = desk.wrong(CONCEPT, None, false).unwrap();
    assert_eq!(said.json["kept_because_of"], "not known", "{}", said.text);
    assert!(desk.is_met(CONCEPT));
}

#[test]
fn a_rule_is_named_or_known_by_what_tagged_last() {
    let mut desk = Desk::new();
    let error = desk.wrong(CONCEPT, None, false).unwrap_err();
    assert!(matches!(error, Error::NotTagged { .. }), "{error}");
    let error = desk.wrong(CONCEPT, Some("dreamt"), false).unwrap_err();
    let told = error.told();
    assert!(
        told.contains("C039") && told.contains("Its rules are"),
        "{told}"
    );
    let rule = rules_of(&slug(CONCEPT)).remove(0);
    desk.wrong(CONCEPT, Some(&rule), false).unwrap();
    let listed = desk.store.read(|txn| resting(txn)).unwrap();
    assert_eq!(listed.json[0]["rule"], rule);
    let error = desk.wrong("pg-advisory-lock", None, false).unwrap_err();
    assert!(
        error.told().contains("Did you mean pg-advisory-locks"),
        "{}",
        error.told()
    );
    // The lines are forgotten after a week; which rule it was is not.
    desk.tell(&wrote("1", "locking.py", LOCK));
    desk.wrong(CONCEPT, None, true).unwrap();
    desk.tell(&wrote("2", "locking.py", LOCK));
    desk.world.now.set(NOW + 30 * DAY);
    agent::run(&desk.world, &desk.home, &mut desk.store).unwrap();
    assert!(desk.wrong(CONCEPT, None, false).is_ok());
}

#[test]
fn what_is_muted_is_neither_noted_nor_asked_until_it_is_taken_back() {
    let mut desk = Desk::new();
    let pg = Muting {
        what: "pg".to_owned(),
    };
    let said = mute(&desk.world, &mut desk.store, &pg).unwrap();
    assert!(said.text.contains("pg-advisory-locks"), "{}", said.text);
    desk.again();
    desk.tell(&wrote("1", "locking.py", LOCK));
    assert!(!desk.is_met(CONCEPT));
    let listed = desk.store.read(|txn| mutes(txn)).unwrap();
    assert_eq!(listed.json[0]["name"], "pg");
    let one = Muting {
        what: CONCEPT.to_owned(),
    };
    mute(&desk.world, &mut desk.store, &one).unwrap();
    unmute(&mut desk.store, &pg).unwrap();
    let said = unmute(&mut desk.store, &one).unwrap();
    assert_eq!(said.json["still_muted_by"], serde_json::json!([]));
    desk.tell(&wrote("2", "locking.py", LOCK));
    assert!(desk.is_met(CONCEPT));
    let error = mute(
        &desk.world,
        &mut desk.store,
        &Muting {
            what: "nothing".into(),
        },
    )
    .unwrap_err();
    assert!(matches!(error, Error::NothingToMute { .. }));
}

#[test]
fn a_check_that_waits_is_put_off_when_its_concept_is_muted() {
    let mut desk = Desk::new();
    desk.tell(&wrote("1", "locking.py", LOCK));
    desk.world.now.set(NOW + 8 * DAY);
    desk.tell(&wrote("2", "locking.py", LOCK));
    for payload in [
        r#"{"hook_event_name":"PostToolUse","session_id":"s","prompt_id":"p","tool_name":"Bash","tool_use_id":"3","tool_input":{"command":"pytest"},"tool_response":{"stdout":"","stderr":"","interrupted":false}}"#,
        r#"{"hook_event_name":"Stop","session_id":"s","prompt_id":"p"}"#,
    ] {
        desk.tell(payload);
    }
    let waiting = desk.store.read(|txn| txn.waiting()).unwrap().unwrap();
    let what = waiting.item.concept.to_string();
    let said = mute(&desk.world, &mut desk.store, &Muting { what }).unwrap();
    assert_eq!(said.json["check_put_off"], true);
    assert!(desk.store.read(|txn| txn.waiting()).unwrap().is_none());
}

#[test]
fn who_says_to_know_is_checked_twice_and_then_left_alone() {
    let mut desk = Desk::new();
    desk.tell(&wrote("1", "locking.py", LOCK));
    let wish = |undo| Know {
        concept: CONCEPT.to_owned(),
        undo,
    };
    let said = know(&desk.world, &mut desk.store, &wish(false)).unwrap();
    assert!(said.text.contains("Two harder checks"), "{}", said.text);
    for n in 1..=2 {
        desk.again();
        desk.world.now.set(NOW + n * DAY);
        let world = &desk.world;
        let check = desk
            .store
            .write(|txn| quiz::check(world, txn, Some(CONCEPT)))
            .unwrap();
        assert!(check.ask.harder, "the hardest that is left");
        let key = check.ask.item.key().unwrap();
        desk.store
            .write(|txn| quiz::settle(world, txn, &check.ask, Answer::Option(key)))
            .unwrap();
    }
    let claim = desk.store.read(|txn| txn.claims()).unwrap()[&slug(CONCEPT)];
    assert_eq!(claim.passed(), 2);
    assert!(claim.is_quiet(NOW + 100 * DAY) && !claim.is_quiet(NOW + 200 * DAY));
    let probes = desk.store.read(|txn| txn.probes()).unwrap();
    assert!(probes.is_empty(), "what is left alone is not measured");
    let why = desk
        .store
        .write(|txn| crate::why::of(&desk.world, txn, CONCEPT));
    let text = why.unwrap().text();
    assert!(text.contains("quiet until"), "{text}");
    assert_eq!(
        know(&desk.world, &mut desk.store, &wish(true))
            .unwrap()
            .json["undone"],
        true
    );
    assert!(desk.store.read(|txn| txn.claims()).unwrap().is_empty());
}

#[test]
fn a_wrong_answer_ends_what_was_said_to_be_known() {
    let mut desk = Desk::new();
    let wish = Know {
        concept: CONCEPT.to_owned(),
        undo: false,
    };
    know(&desk.world, &mut desk.store, &wish).unwrap();
    let world = &desk.world;
    let check = desk
        .store
        .write(|txn| quiz::check(world, txn, Some(CONCEPT)))
        .unwrap();
    let wrong = (check.ask.item.key().unwrap() + 1) % 4;
    desk.store
        .write(|txn| quiz::settle(world, txn, &check.ask, Answer::Option(wrong)))
        .unwrap();
    let claim = desk.store.read(|txn| txn.claims()).unwrap()[&slug(CONCEPT)];
    assert!(!claim.is_open(NOW + HOUR) && !claim.is_quiet(NOW + HOUR));
    // Said anew, it begins anew.
    desk.world.now.set(NOW + DAY);
    assert_eq!(
        know(&desk.world, &mut desk.store, &wish).unwrap().json["begun"],
        true
    );
}

#[test]
fn what_is_on_the_map_alone_cannot_be_claimed() {
    let mut desk = Desk::new();
    let listed = Catalogue::builtin()
        .iter()
        .find(|concept| !concept.is_askable());
    let Some(listed) = listed else { return };
    let wish = Know {
        concept: listed.slug.to_string(),
        undo: false,
    };
    let error = know(&desk.world, &mut desk.store, &wish).unwrap_err();
    assert!(matches!(error, Error::NothingToAsk { .. }));
}
