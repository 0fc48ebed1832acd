//! Recorded sessions: files of JSON objects, one a line, each what a hook was given.
//!
//! A line is the payload itself, or `{"after_s": seconds since the first line, "payload": …}`. Of the
//! recordings that other tools make, those are read that wrap the payload in an object with a time.

use crate::error::{Error, Result};
use crate::spool::MAX_PAYLOAD_BYTES;
use kernel::event::Harness;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Most bytes of one recorded session.
const MAX_SESSION_BYTES: u64 = 64 * 1024 * 1024;
/// How far lines that tell no time are apart, in seconds.
const APART_S: f64 = 20.0;
/// Names under which a recording keeps the payload.
const PAYLOADS: [&str; 4] = ["payload", "json", "data", "input"];
/// Names of the files that a recorded session's folder may hold, the first one found is taken.
const FILES: [&str; 2] = ["session.jsonl", "hooks.jsonl"];

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Seconds since the session's first line.
    pub after_s: f64,
    /// The payload, as the hook would keep it.
    pub payload: Vec<u8>,
    /// Whether it was longer than what the hook keeps.
    pub cut: bool,
}

/// One session.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The file, as it was named.
    pub path: PathBuf,
    /// Whose it is.
    pub harness: Harness,
    /// What was said, in order.
    pub lines: Vec<Line>,
}

/// Reads a session from a file, or from the folder that it lies in.
///
/// # Errors
/// [`Error::File`], [`Error::Session`], [`Error::WhoseSession`], [`Error::DiffTooLarge`].
pub fn read(path: &Path, harness: Option<Harness>) -> Result<Session> {
    let inside = || FILES.iter().map(|name| path.join(name));
    let file = if path.is_dir() {
        inside().find(|file| file.is_file())
    } else {
        None
    };
    let file = file.unwrap_or_else(|| path.to_owned());
    let failed = |source| Error::File {
        doing: "read",
        path: file.clone(),
        source,
    };
    let size = fs::metadata(&file).map_err(failed)?.len();
    if size > MAX_SESSION_BYTES {
        return Err(Error::DiffTooLarge {
            name: file.display().to_string(),
            limit: MAX_SESSION_BYTES,
        });
    }
    let bytes = fs::read(&file).map_err(failed)?;
    let harness = harness
        .or_else(|| of_folder(&file))
        .ok_or_else(|| Error::WhoseSession { path: file.clone() })?;
    let mut lines = Vec::new();
    for (n, line) in (1_u64..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let broken = |why: &str| Error::Session {
            path: file.clone(),
            line: n,
            why: why.to_owned(),
        };
        let value: Value = serde_json::from_slice(line).map_err(|_| broken("no JSON"))?;
        if !value.is_object() {
            return Err(broken("no JSON object"));
        }
        lines.extend(unwrapped(line, &value));
    }
    let mut told: Vec<Line> = Vec::with_capacity(lines.len());
    let first = lines.iter().find_map(|(after, _)| *after).unwrap_or(0.0);
    for (after, mut payload) in lines {
        let last = told.last().map(|line| line.after_s);
        let next = last.map_or(0.0, |last| last + APART_S);
        let cut = payload.len() > MAX_PAYLOAD_BYTES;
        payload.truncate(MAX_PAYLOAD_BYTES);
        told.push(Line {
            // A recording's clock may go back; the replay's does not.
            after_s: after.map_or(next, |at| (at - first).max(last.unwrap_or(0.0))),
            payload,
            cut,
        });
    }
    Ok(Session {
        path: path.to_owned(),
        harness,
        lines: told,
    })
}

/// The harness with whose name the folder's name begins, the longest first.
fn of_folder(file: &Path) -> Option<Harness> {
    let whole = fs::canonicalize(file).ok()?;
    let folder = whole.parent()?.file_name()?.to_str()?;
    Harness::ALL
        .into_iter()
        .filter(|harness| folder.starts_with(harness.name()))
        .max_by_key(|harness| harness.name().len())
}

/// The payload of a line and its time, if it tells one; `None` for what no hook was given on stdin.
fn unwrapped(line: &[u8], value: &Value) -> Option<(Option<f64>, Vec<u8>)> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let wraps = ["after_s", "t", "via", "hook"]
        .iter()
        .any(|key| value.get(key).is_some());
    let payload = PAYLOADS.iter().find_map(|key| value.get(key));
    let Some(payload) = payload.filter(|_| wraps) else {
        return Some((None, line.to_vec()));
    };
    if text("via").is_some_and(|via| via != "stdin" && via != "hook")
        || text("hook").is_some_and(|hook| hook != "event")
    {
        return None;
    }
    let time = ["after_s", "t"]
        .iter()
        .find_map(|key| value.get(key)?.as_f64())
        .filter(|at| at.is_finite());
    let bytes = match payload {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    };
    Some((time, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, text: &str) -> Result<Session> {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join(name);
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("session.jsonl"), text).unwrap();
        read(&inside, None)
    }

    #[test]
    fn a_line_is_a_payload_or_one_with_its_time() {
        let text = "{\"a\":1}\n\n{\"after_s\":7.5,\"payload\":{\"b\":2}}\n{\"after_s\":3,\"payload\":\"x\"}\n";
        let session = said("claude-code-x", text).unwrap();
        assert_eq!(session.harness, Harness::ClaudeCode);
        let lines: Vec<_> = session.lines.iter().map(|l| l.payload.as_slice()).collect();
        assert_eq!(lines, [&b"{\"a\":1}"[..], b"{\"b\":2}", b"x"]);
        let times: Vec<_> = session.lines.iter().map(|l| l.after_s).collect();
        assert!(times.is_sorted(), "{times:?}");
    }

    #[test]
    fn what_is_no_session_is_named_by_its_line() {
        let told = said("codex-1", "{}\nnot json\n").unwrap_err().to_string();
        assert!(told.contains("line 2"), "{told}");
        assert!(matches!(
            said("codex", "[1]\n"),
            Err(Error::Session { line: 1, .. })
        ));
        assert!(matches!(
            said("mine", "{}\n"),
            Err(Error::WhoseSession { .. })
        ));
        let missing = read(Path::new("/nowhere/at/all"), Some(Harness::Codex));
        assert!(matches!(missing, Err(Error::File { .. })));
    }

    #[test]
    fn the_longest_name_of_a_harness_wins() {
        let session = said("opencode-late-night", "{}\n").unwrap();
        assert_eq!(session.harness, Harness::OpenCode);
    }
}
