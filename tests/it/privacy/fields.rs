//! A canary in every text of every event of every adapter: none leaves the machine, and none is
//! left in a log.
//!
//! Each field of each harness has a canary of its own, by its name and place, so a hit tells which
//! field it came from. The events are those of all recorded sessions, once with the words left
//! alone by which an adapter tells what an event is, and once with these changed, too: then they are
//! events that nobody knows.

use super::forms::Search;
use super::pages::Loot;
use super::proxy::Proxy;
use super::{EMAIL, files, known_person};
use harness::{Appliance, Laptop, Serve, capture};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Harness and file of each recording of what a hook or a plugin was given.
const RECORDINGS: [(&str, &str); 17] = [
    ("claude-code", "claude-code/hooks.jsonl"),
    ("claude-code", "claude-code-payments/hooks.jsonl"),
    ("claude-code", "claude-code-crawler/session.jsonl"),
    ("claude-code", "claude-code-parallel/session.jsonl"),
    ("claude-code", "claude-code-reports/session.jsonl"),
    ("claude-code", "claude-code-webhooks/session.jsonl"),
    ("codex", "codex/hooks.jsonl"),
    ("codex", "codex/appserver-hooks.jsonl"),
    ("codex", "codex-deploy/session.jsonl"),
    ("codex", "codex-scheduler/session.jsonl"),
    ("codex", "t3code/codex-hooks.jsonl"),
    ("opencode", "opencode-catalog/session.jsonl"),
    ("opencode", "opencode/event-stream.jsonl"),
    ("opencode", "opencode/plugin-hooks.jsonl"),
    ("opencode", "opencode/global-event-samples.jsonl"),
    ("t3code", "t3code/orchestration_events.jsonl"),
    ("t3code", "t3code/constructed-samples.jsonl"),
];
/// Harness and file of each recording of what a harness itself wrote.
const TRANSCRIPTS: [(&str, &str); 3] = [
    ("claude-code", "claude-code/transcript.jsonl"),
    ("claude-code", "claude-code-payments/transcript.jsonl"),
    ("codex", "codex/rollout.jsonl"),
];
/// Names under which a recording keeps the payload.
const PAYLOADS: [&str; 5] = ["payload", "json", "data", "input", "event"];
/// By these an adapter tells what an event is.
const SHAPE: [&str; 15] = [
    "hook_event_name",
    "tool_name",
    "type",
    "tool",
    "status",
    "kind",
    "event_type",
    "eventType",
    "itemType",
    "source",
    "via",
    "occurred_at",
    "occurredAt",
    "timestamp",
    "actor_kind",
];

/// What is planted: canary → field.
#[derive(Default)]
struct Field {
    canaries: BTreeMap<String, String>,
}

impl Field {
    /// The canary of one field: letters only, so that it stays a word wherever it stands.
    fn canary(&mut self, name: String) -> &str {
        let hash = Sha256::digest(name.as_bytes());
        let letters = hash
            .iter()
            .take(16)
            .map(|byte| char::from(b'a' + byte % 26));
        let canary: String = "qz".chars().chain(letters).collect();
        self.canaries.entry(canary.clone()).or_insert(name);
        self.canaries
            .get_key_value(&canary)
            .map_or("", |(canary, _)| canary)
    }

    /// Plants into every text below `value`.
    fn plant(&mut self, harness: &str, place: &str, value: &mut Value, shape_too: bool) {
        match value {
            Value::String(text) => {
                let key = place.rsplit('.').next().unwrap_or(place);
                if let Ok(mut inside @ (Value::Object(_) | Value::Array(_))) =
                    serde_json::from_str(text)
                {
                    self.plant(harness, place, &mut inside, shape_too);
                    *text = inside.to_string();
                } else if key.to_lowercase().ends_with("id") {
                    // One session stays one.
                    text.push_str(self.canary(format!("{harness}: an id")));
                } else if shape_too || !SHAPE.contains(&key) {
                    let canary = self.canary(format!("{harness}: {place}"));
                    let between = if text.contains('\n') { "\n" } else { " " };
                    text.push_str(&format!("{between}{canary}"));
                }
            }
            Value::Array(items) => items
                .iter_mut()
                .for_each(|item| self.plant(harness, place, item, shape_too)),
            Value::Object(fields) => {
                for (key, item) in fields.iter_mut() {
                    self.plant(harness, &format!("{place}.{key}"), item, shape_too);
                }
                if shape_too {
                    let canary = self
                        .canary(format!("{harness}: the name of a field"))
                        .to_owned();
                    fields.insert(canary.clone(), Value::from(canary));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

fn payload(line: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line).expect("a recording is JSON");
    let wrapped = ["after_s", "t", "via", "hook", "_label"]
        .iter()
        .any(|key| value.get(key).is_some());
    let inside = PAYLOADS
        .iter()
        .find_map(|key| value.get(key).filter(|inside| inside.is_object()).cloned());
    if wrapped { inside } else { Some(value) }
}

fn searched(search: &Search, field: &Field, place: &str, bytes: &[u8]) {
    let found: BTreeSet<_> = search
        .find(bytes)
        .into_iter()
        .map(|(canary, form)| (field.canaries[&canary].clone(), form))
        .collect();
    assert!(found.is_empty(), "{place} holds {found:?}");
}

/// Puts the words back by which a transcript's reader tells what a call is.
fn restored(planted: &mut Value, recorded: &Value) {
    match (planted, recorded) {
        (Value::Object(planted), Value::Object(recorded)) => {
            for (key, value) in recorded {
                if let Some(planted) = planted.get_mut(key) {
                    match key.as_str() {
                        "name" | "decision" => planted.clone_from(value),
                        _ => restored(planted, value),
                    }
                }
            }
        }
        (Value::Array(planted), Value::Array(recorded)) => {
            for (planted, recorded) in planted.iter_mut().zip(recorded) {
                restored(planted, recorded);
            }
        }
        _ => {}
    }
}

/// Writes each transcript into `folder`, planted and of today, and gives the events by which its session's hook
/// names it and says that it is over.
fn transcripts(field: &mut Field, folder: &Path) -> Vec<(&'static str, String)> {
    let now = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])
        .output();
    let now = String::from_utf8(now.expect("date is there").stdout).expect("a date");
    let mut events = Vec::new();
    for (harness, file) in TRANSCRIPTS {
        let recorded = std::fs::read_to_string(capture(file)).expect("the recording is there");
        for shape_too in [false, true] {
            let (mut session, mut text) = (Value::Null, String::new());
            for line in recorded.lines() {
                let mut recorded: Value = serde_json::from_str(line).expect("a recording is JSON");
                recorded["timestamp"] = Value::from(now.trim());
                let mut line = recorded.clone();
                // Its ids are others than those of the hooks: else each act was told before.
                let whose = format!("{harness}, transcript");
                field.plant(&whose, "", &mut line, shape_too);
                if !shape_too {
                    restored(&mut line, &recorded);
                }
                for named in [&line["sessionId"], &line["payload"]["session_id"]] {
                    if named.is_string() {
                        session = named.clone();
                    }
                }
                text.push_str(&format!("{line}\n"));
            }
            let path = folder.join(format!("{}.jsonl", events.len()));
            std::fs::write(&path, text).expect("there is room");
            let event = serde_json::json!({ "hook_event_name": "SessionEnd", "session_id": session,
                "transcript_path": path });
            events.push((harness, event.to_string()));
        }
    }
    events
}

#[test]
fn no_field_of_any_event_of_any_harness_leaves_the_machine() {
    let mut field = Field::default();
    let mut events: Vec<(&str, String)> = Vec::new();
    for (harness, file) in RECORDINGS {
        let recorded = std::fs::read_to_string(capture(file)).expect("the recording is there");
        for shape_too in [false, true] {
            for mut event in recorded.lines().filter_map(payload) {
                field.plant(harness, "", &mut event, shape_too);
                events.push((harness, event.to_string()));
            }
        }
    }
    let written = tempfile::tempdir().expect("a folder can be made");
    let ended = transcripts(&mut field, written.path());
    let mut search = Search::default();
    for canary in field.canaries.keys() {
        search.text(canary, canary);
    }

    let (mut people, mut devices) = (Proxy::bind(), Proxy::bind());
    let mut appliance = Appliance::start_with(Serve {
        settings: vec![("devices_url", format!("{:?}", devices.url()))],
        ..Serve::default()
    });
    let data = appliance.data();
    known_person(&data);
    people.before_people(&data, &appliance.people());
    let mut browser = appliance.signed_in(Some(EMAIL));
    let laptop = Laptop::new();
    laptop.enrol_at(&people.url(), &appliance, &mut browser, "laptop");
    devices.before_devices(&data, &appliance.devices(), &laptop.home());

    // What a command says is pasted into tickets.
    let mut said = Vec::new();
    for chunk in events.chunks(400) {
        for (harness, event) in chunk {
            let _ = laptop.run_with(&["hook", harness], event.as_bytes()).ok();
        }
        said.push(laptop.run(&["agent", "--once"]).ok().stdout);
    }
    // Each by itself: the same session is there twice.
    let mut from_transcripts = 0;
    for (harness, event) in &ended {
        let _ = laptop.run_with(&["hook", harness], event.as_bytes()).ok();
        let read = laptop.run(&["agent", "--once", "--json"]).ok().stdout;
        let report: Value = serde_json::from_str(&read).expect("JSON");
        from_transcripts += report["from_transcripts"].as_u64().unwrap_or(0);
        said.push(read);
    }
    assert!(
        from_transcripts >= 6,
        "{from_transcripts} acts out of transcripts"
    );
    let graph = laptop.run(&["graph", "--json"]).ok().stdout;
    let met = graph.matches("\"concept\"").count();
    assert!(met >= 15, "the planted sessions meet concepts: {graph}");
    said.push(graph);
    let check = laptop.run(&["quiz", "--answer", "1"]).ok();
    drop(check);
    for args in [
        &["sync", "--explain"][..],
        &["what-leaves"],
        &["status"],
        &["doctor"],
    ] {
        let output = laptop.run(args);
        said.push(output.stdout);
        said.push(output.stderr);
    }
    let requests = [people.requests(), devices.requests()].concat();
    let pushed = |request: &&super::proxy::Request| request.head.starts_with("POST /v1/sync/push");
    assert!(
        requests.iter().any(|request| pushed(&request)),
        "the recorder stood in between"
    );
    for request in &requests {
        searched(&search, &field, &request.head, request.head.as_bytes());
        searched(&search, &field, &request.head, &request.body);
    }
    for proxy in [&people, &devices] {
        searched(&search, &field, "what was sent", &proxy.asked());
        searched(&search, &field, "what was answered", &proxy.answered());
    }
    // Commands tell which kinds of events were not known, so the kind's own name may stand there.
    let mut but_kinds = Search::default();
    for (canary, name) in &field.canaries {
        if !name.ends_with(".hook_event_name") && !name.ends_with(".type") {
            but_kinds.text(canary, canary);
        }
    }
    for text in &said {
        searched(&but_kinds, &field, "what a command said", text.as_bytes());
    }
    searched(
        &search,
        &field,
        "the appliance's log",
        appliance.log().as_bytes(),
    );
    let raw = Loot::of(&data).raw();
    searched(&search, &field, "the appliance's store", &raw);
    appliance.stop();
    for path in files(&data) {
        let bytes = std::fs::read(&path).expect("a file can be read");
        searched(&search, &field, &path.display().to_string(), &bytes);
    }
    // The person's own lines lie in the person's own store, for seven days, and nowhere else.
    for path in files(laptop.folder()) {
        let place = path.display().to_string();
        if !place.contains("graph.db") {
            let bytes = std::fs::read(&path).expect("a file can be read");
            searched(&search, &field, &place, &bytes);
        }
    }
    println!(
        "canaries in {} fields, {} events of {} recordings: none found",
        field.canaries.len(),
        events.len(),
        RECORDINGS.len()
    );
}
