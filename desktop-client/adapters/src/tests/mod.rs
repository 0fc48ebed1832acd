//! The recorded sessions, read whole; and what must hold of anything that is read.

mod bounds;
mod recordings;
mod transcripts;

use super::*;

/// An act in a word.
pub(crate) fn brief(read: &Read) -> String {
    match read {
        Read::Ignored => "-".into(),
        Read::Unknown(name) => format!("?{name}"),
        Read::Unreadable => "!".into(),
        Read::Event(event) => match &event.act {
            Act::Changed(changes) => {
                let files: Vec<_> = changes.iter().map(SourceChange::file_name).collect();
                format!("changed {}", files.join(" "))
            }
            Act::Ran(ran) => match (ran.tests(), ran.commits(), ran.passed) {
                (Some(true), ..) => "tests passed".into(),
                (Some(false), ..) => "tests failed".into(),
                (None, true, _) => "committed".into(),
                (None, false, Some(true)) => "ran".into(),
                (None, false, Some(false)) => "ran and failed".into(),
                (None, false, None) => "ran, end not told".into(),
            },
            Act::Planned(steps) => format!("planned {}", steps.len()),
            other => format!("{other:?}"),
        },
    }
}

/// A recording of `tests/captures`.
fn recording(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/captures/");
    std::fs::read_to_string(format!("{folder}{name}")).expect("a recording is there")
}

/// All recordings, each with the harness that told it.
const ALL: [(Harness, &str); 20] = [
    (Harness::ClaudeCode, "claude-code/hooks.jsonl"),
    (Harness::ClaudeCode, "claude-code-payments/hooks.jsonl"),
    (Harness::ClaudeCode, "claude-code-crawler/session.jsonl"),
    (Harness::ClaudeCode, "claude-code-parallel/session.jsonl"),
    (Harness::ClaudeCode, "claude-code-reports/session.jsonl"),
    (Harness::ClaudeCode, "claude-code-webhooks/session.jsonl"),
    (Harness::Codex, "codex/hooks.jsonl"),
    (Harness::Codex, "codex/appserver-hooks.jsonl"),
    (Harness::Codex, "codex-deploy/session.jsonl"),
    (Harness::Codex, "codex-scheduler/session.jsonl"),
    (Harness::Codex, "t3code/codex-hooks.jsonl"),
    (Harness::OpenCode, "opencode/event-stream.jsonl"),
    (Harness::OpenCode, "opencode/plugin-hooks.jsonl"),
    (Harness::OpenCode, "opencode/global-event-samples.jsonl"),
    (Harness::OpenCode, "opencode/run.jsonl"),
    (Harness::OpenCode, "opencode/run-permission-asked.jsonl"),
    (Harness::OpenCode, "opencode-catalog/session.jsonl"),
    (Harness::T3Code, "t3code/orchestration_events.jsonl"),
    (Harness::T3Code, "t3code/ws.jsonl"),
    (Harness::T3Code, "t3code/constructed-samples.jsonl"),
];

/// The payloads of a recording, taken out of what the recorder wrote around them.
fn payloads(recording: &str) -> Vec<Value> {
    let lines = recording.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str::<Value>(line).expect("a recording is JSON"))
        .flat_map(|mut line| {
            if line.get("msg").is_some() {
                // Of the socket, only what came in frames of values.
                let values = line.pointer_mut("/msg/values").map(Value::take);
                return values
                    .and_then(|v| v.as_array().cloned())
                    .unwrap_or_default();
            }
            if line.get("hook").is_some() && line["hook"] != "event" {
                return Vec::new();
            }
            // `payload` is also a word of OpenCode's own, there within `data`.
            let around = ["after_s", "via", "t"];
            if !around.iter().any(|key| line.get(key).is_some()) {
                return vec![line];
            }
            for key in ["payload", "json", "data", "input"] {
                if line.get(key).is_some() {
                    return vec![line[key].take()];
                }
            }
            vec![line]
        })
        .collect()
}

/// The payloads of a recording, read in order.
fn read_all(harness: Harness, name: &str) -> Vec<(Value, Read)> {
    let mut reader = Reader::default();
    let payloads = payloads(&recording(name)).into_iter();
    payloads
        .map(|payload| {
            let read = reader.read(harness, payload.to_string().as_bytes(), false);
            (payload, read)
        })
        .collect()
}

/// The acts of a recording in a word each, in order, without what is well known and of no use.
fn acts(harness: Harness, name: &str) -> Vec<String> {
    let read = read_all(harness, name).into_iter();
    let briefs = read.map(|(_, read)| brief(&read));
    briefs.filter(|brief| brief != "-").collect()
}
