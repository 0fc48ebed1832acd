//! Every payload that was recorded of the four harnesses, as a hook, a plugin or a reader got it.

use crate::program::repository;
use kernel::event::Harness;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One recorded payload.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Whose it is.
    pub harness: Harness,
    /// The file that it stands in.
    pub file: PathBuf,
    /// What was told.
    pub payload: Value,
}

/// All of them, in the order of their files and lines.
///
/// # Panics
/// If a recording cannot be read.
#[must_use]
pub fn recorded_payloads() -> Vec<Recorded> {
    let captures = repository().join("tests/captures");
    let mut folders: Vec<_> = std::fs::read_dir(&captures)
        .unwrap_or_else(|error| panic!("{}: {error}", captures.display()))
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let mut all = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let harness = Harness::ALL
            .into_iter()
            .find(|harness| name.starts_with(harness.name()))
            .unwrap_or_else(|| panic!("whose session {name} is cannot be told"));
        for (file, harness) in [
            ("session.jsonl", harness),
            ("hooks.jsonl", harness),
            ("appserver-hooks.jsonl", Harness::Codex),
            ("codex-hooks.jsonl", Harness::Codex),
            ("event-stream.jsonl", Harness::OpenCode),
            ("plugin-hooks.jsonl", Harness::OpenCode),
            ("run.jsonl", Harness::OpenCode),
            ("orchestration_events.jsonl", Harness::T3Code),
        ] {
            let path = folder.join(file);
            if path.is_file() {
                read(&path, harness, &mut all);
            }
        }
    }
    all
}

fn read(path: &Path, harness: Harness, all: &mut Vec<Recorded>) {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{}: {error} in {line}", path.display()));
        if let Some(payload) = payload(value) {
            all.push(Recorded {
                harness,
                file: path.to_owned(),
                payload,
            });
        }
    }
}

/// What was told, out of what the recorder wrote around it.
fn payload(mut line: Value) -> Option<Value> {
    let has = |name: &str| line.get(name).is_some();
    if has("after_s") {
        return Some(line["payload"].take());
    }
    if has("via") {
        // `notify` is called with an argument: no hook of ours.
        let key = if has("json") { "json" } else { "payload" };
        return (line["via"] == "stdin").then(|| line[key].take());
    }
    if has("hook") {
        return (line["hook"] == "event").then(|| line["input"].take());
    }
    if has("data") && has("t") {
        return Some(line["data"].take());
    }
    Some(line)
}
