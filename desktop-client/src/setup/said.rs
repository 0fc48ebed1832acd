//! How one line of ours is shown to the person inside each harness, and not to the model.
//!
//! | harness | what the hook prints | what the person sees (seen with) |
//! |---|---|---|
//! | Claude Code | `{"systemMessage": …}` | `Stop says: …` under the answer (2.1.330) |
//! | Codex | `{"systemMessage": …}` | `↳ Hook · …` under the answer (0.169.0) |
//! | OpenCode | `{"toast": …}`, read by our plugin | a toast for 12 s (1.18.33) |
//! | T3 Code | nothing: it has no hook of its own | |
//!
//! Invariant: only fields that a harness shows to people are used. Plain text on stdout, or
//! `additionalContext`, would reach the model at some events; `decision` and `continue` would steer
//! the turn. None of these is ever printed.

use kernel::event::Harness;
use serde_json::json;

/// The longest line that is shown, in characters: two lines of a terminal.
const LONGEST: usize = 160;

/// All that the hook prints to stdout so that the person sees `line`; `None` at an event at which
/// this harness cannot show it. `event_name` is the payload's `hook_event_name`, or OpenCode's `type`.
#[must_use]
pub fn said(harness: Harness, event_name: &str, line: &str) -> Option<String> {
    let shows = match harness {
        Harness::ClaudeCode | Harness::Codex => matches!(
            event_name,
            "SessionStart" | "UserPromptSubmit" | "PostToolUse" | "Stop"
        ),
        Harness::OpenCode => matches!(event_name, "session.idle" | "message.updated"),
        Harness::T3Code => false,
    };
    // A line that was given a line break or an escape by mistake stays one plain line.
    let line: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    let line = line.trim();
    if !shows || line.is_empty() {
        return None;
    }
    let key = match harness {
        Harness::OpenCode => "toast",
        _ => "systemMessage",
    };
    Some(json!({ key: line }).to_string())
}

/// The name of the event that a payload tells, found without reading the whole of it; `None` where
/// it does not stand where each harness (or our plugin) puts it.
#[must_use]
pub fn event_name(harness: Harness, payload: &[u8]) -> Option<&str> {
    let after = match harness {
        Harness::ClaudeCode | Harness::Codex => {
            // In a text, its quotes would be escaped: this is a key.
            let key = b"\"hook_event_name\"";
            let at = payload
                .windows(key.len())
                .position(|window| window == key)?;
            payload
                .get(at + key.len()..)?
                .trim_ascii_start()
                .strip_prefix(b":")?
        }
        Harness::OpenCode => payload.strip_prefix(b"{\"type\":")?,
        Harness::T3Code => return None,
    };
    let name = after.trim_ascii_start().strip_prefix(b"\"")?;
    let name = name.get(..name.iter().take(64).position(|byte| *byte == b'"')?)?;
    std::str::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_name_of_an_event_is_found_where_it_stands() {
        let hook = br#"{"prompt": "say \"hook_event_name\": \"Fake\"", "hook_event_name" : "Stop", "cwd": "/"}"#;
        assert_eq!(event_name(Harness::Codex, hook), Some("Stop"));
        let bus = br#"{"type":"session.idle","properties":{}}"#;
        assert_eq!(event_name(Harness::OpenCode, bus), Some("session.idle"));
        for broken in [
            &b"{\"hook_event_name\""[..],
            b"{\"hook_event_name\":\"St",
            b"",
        ] {
            assert_eq!(event_name(Harness::ClaudeCode, broken), None);
        }
        assert_eq!(event_name(Harness::T3Code, bus), None);
    }

    #[test]
    fn a_line_is_for_the_person_alone_and_steers_nothing() {
        for harness in Harness::ALL {
            for event in ["SessionStart", "PostToolUse", "Stop", "session.idle"] {
                let Some(text) = said(harness, event, "a check waits") else {
                    continue;
                };
                assert!(!text.contains('\n'));
                let value: Value = serde_json::from_str(&text).unwrap();
                let keys: Vec<_> = value.as_object().unwrap().keys().collect();
                assert!(keys == ["systemMessage"] || keys == ["toast"], "{text}");
            }
        }
        assert!(said(Harness::T3Code, "Stop", "a check waits").is_none());
    }

    #[test]
    fn nothing_is_said_where_it_would_not_be_shown() {
        for event in ["SessionEnd", "PermissionRequest", "Interrupt", ""] {
            assert!(said(Harness::ClaudeCode, event, "a check waits").is_none());
            assert!(said(Harness::Codex, event, "a check waits").is_none());
        }
        assert!(said(Harness::OpenCode, "todo.updated", "a check waits").is_none());
        assert!(said(Harness::Codex, "Stop", " \n ").is_none());
    }

    #[test]
    fn breaks_escapes_and_length_are_taken_out() {
        let text = said(
            Harness::Codex,
            "Stop",
            &format!("a\nb\u{1b}[31m{}", "x".repeat(900)),
        );
        let value: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let line = value["systemMessage"].as_str().unwrap();
        assert!(line.starts_with("a b [31m") && line.chars().count() == LONGEST);
    }
}
