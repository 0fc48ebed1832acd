//! Claude Code's hooks (recorded: 2.1). One payload is one JSON object; `hook_event_name` says what.

use super::{Read, file_name, mend::mend, shown};
use kernel::event::{Act, Event, Harness, Origin, Ran};
use kernel::tagging::SourceChange;
use serde_json::Value;
use std::time::Duration;

/// Tools that change nothing and run nothing.
const QUIET_TOOLS: [&str; 22] = [
    "Read",
    "Glob",
    "Grep",
    "LS",
    "ToolSearch",
    "TaskCreate",
    "TaskUpdate",
    "TaskGet",
    "TaskList",
    "TaskOutput",
    "TaskStop",
    "TodoWrite",
    "TodoRead",
    "WebFetch",
    "WebSearch",
    "Task",
    "Agent",
    "Skill",
    "BashOutput",
    "KillShell",
    "ExitPlanMode",
    "AskUserQuestion",
];
/// Events that say nothing which is not said elsewhere.
const QUIET_EVENTS: [&str; 15] = [
    "PreToolUse",
    "PostToolBatch",
    "MessageDisplay",
    "Notification",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "TaskCreated",
    "TaskCompleted",
    "FileChanged",
    "InstructionsLoaded",
    "ConfigChange",
    "CwdChanged",
    "StopFailure",
];
/// How long the lines of one change may be compared.
const COMPARE: Duration = Duration::from_millis(200);

/// Reads a payload; `cut` if more was said than was kept.
pub fn read(payload: &[u8], cut: bool) -> Read {
    let whole = serde_json::from_slice::<Value>(payload);
    let (value, cut) = match whole {
        Ok(value) => (value, cut),
        Err(_) => {
            let mended = mend(payload).and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let Some(value) = mended else {
                return Read::Unreadable;
            };
            (value, true)
        }
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let Some(name) = text("hook_event_name") else {
        return if cut {
            Read::Unreadable
        } else {
            Read::Unknown("no event name".to_owned())
        };
    };
    let act = match name {
        "SessionStart" => Act::SessionBegan,
        "SessionEnd" => Act::SessionEnded,
        "UserPromptSubmit" => Act::TurnBegan,
        "Stop" => {
            let goes_on = value
                .get("stop_hook_active")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            let tasks = value.get("background_tasks").and_then(Value::as_array);
            if goes_on || tasks.is_some_and(|tasks| !tasks.is_empty()) {
                return Read::Ignored;
            }
            Act::TurnEnded
        }
        "PermissionRequest" => Act::ApprovalAsked,
        "PostToolUse" => match used(&value) {
            Some(act) => act,
            None => return unused(&value),
        },
        "PostToolUseFailure" => match failed(&value) {
            Some(act) => act,
            None => return unused(&value),
        },
        quiet if QUIET_EVENTS.contains(&quiet) => return Read::Ignored,
        other => return Read::Unknown(shown(other)),
    };
    let origin = Origin {
        harness: Harness::ClaudeCode,
        session: text("session_id").unwrap_or_default().to_owned(),
        turn: text("prompt_id").map(str::to_owned),
        call: text("tool_use_id").map(str::to_owned),
    };
    Read::Event(Event {
        cut,
        ..Event::new(origin, act)
    })
}

fn unused(value: &Value) -> Read {
    match value.get("tool_name").and_then(Value::as_str) {
        Some(tool) if QUIET_TOOLS.contains(&tool) || tool.starts_with("mcp__") => Read::Ignored,
        Some(tool) => Read::Unknown(format!("tool {}", shown(tool))),
        None => Read::Unreadable,
    }
}

/// What a tool that ended well did, if it is one that does something.
fn used(value: &Value) -> Option<Act> {
    let input = value.get("tool_input")?;
    let response = value.get("tool_response").unwrap_or(&Value::Null);
    match value.get("tool_name")?.as_str()? {
        "Write" => written(input, response).map(|change| Act::Changed(vec![change])),
        "Edit" | "MultiEdit" => edited(input, response).map(|change| Act::Changed(vec![change])),
        "NotebookEdit" => {
            let cell = input.get("new_source")?.as_str()?;
            if input.get("cell_type").and_then(Value::as_str) == Some("markdown") {
                return Some(Act::Changed(Vec::new()));
            }
            let mut file = file_name(input.get("notebook_path")?.as_str()?);
            // A cell is code, whatever the notebook's file is called.
            file.push_str(".py");
            let source = SourceChange::fragment(file, cell);
            Some(Act::Changed(vec![source]))
        }
        "Bash" => {
            if response.get("interrupted").and_then(Value::as_bool) == Some(true) {
                return Some(Act::Stopped);
            }
            let command = input.get("command")?.as_str()?.to_owned();
            Some(Act::Ran(Ran {
                command,
                passed: Some(true),
            }))
        }
        _ => None,
    }
}

fn failed(value: &Value) -> Option<Act> {
    let tool = value.get("tool_name")?.as_str()?;
    if value.get("is_interrupt").and_then(Value::as_bool) == Some(true) {
        return Some(Act::Stopped);
    }
    match tool {
        "Bash" => {
            let command = value
                .get("tool_input")?
                .get("command")?
                .as_str()?
                .to_owned();
            Some(Act::Ran(Ran {
                command,
                passed: Some(false),
            }))
        }
        "Write" | "Edit" | "MultiEdit" | "NotebookEdit" => Some(Act::Stopped),
        _ => None,
    }
}

fn written(input: &Value, response: &Value) -> Option<SourceChange> {
    let file = file_name(input.get("file_path")?.as_str()?);
    // What the engineer changed at the approval stands in the response alone.
    let content = response
        .get("content")
        .or_else(|| input.get("content"))?
        .as_str()?
        .to_owned();
    let source = match response.get("originalFile").and_then(Value::as_str) {
        Some(before) => added(&file, before, content),
        None => SourceChange::new_file(file.clone(), content),
    };
    Some(source)
}

fn edited(input: &Value, response: &Value) -> Option<SourceChange> {
    let file = file_name(input.get("file_path")?.as_str()?);
    let one = std::slice::from_ref(input);
    let edits = input
        .get("edits")
        .and_then(Value::as_array)
        .map_or(one, Vec::as_slice);
    let edits: Vec<(&str, &str, bool)> = edits
        .iter()
        .filter_map(|edit| {
            let new = edit.get("new_string")?.as_str()?;
            let old = edit
                .get("old_string")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let all = edit
                .get("replace_all")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            Some((old, new, all))
        })
        .collect();
    let after = response
        .get("originalFile")
        .and_then(Value::as_str)
        .and_then(|before| {
            let mut after = before.to_owned();
            for (old, new, all) in &edits {
                if old.is_empty() || !after.contains(old) {
                    return None;
                }
                after = if *all {
                    after.replace(old, new)
                } else {
                    after.replacen(old, new, 1)
                };
            }
            Some((before, after))
        });
    let source = match after {
        Some((before, after)) => added(&file, before, after),
        // The file is not known: the new text without the lines that stood in the old one.
        None => {
            let mut fresh = String::new();
            for (old, new, _) in &edits {
                let stood: std::collections::HashSet<&str> = old.lines().collect();
                for line in new.lines().filter(|line| !stood.contains(line)) {
                    fresh.push_str(line);
                    fresh.push('\n');
                }
            }
            SourceChange::fragment(file.clone(), &fresh)
        }
    };
    (!edits.is_empty()).then_some(source)
}

/// The file after the change, with the numbers of its new lines.
fn added(file: &str, before: &str, after: String) -> SourceChange {
    let diff = similar::TextDiff::configure()
        .timeout(COMPARE)
        .diff_lines(before, after.as_str());
    let lines: Vec<u32> = diff
        .iter_all_changes()
        .filter(|change| change.tag() == similar::ChangeTag::Insert)
        .filter_map(|change| {
            change
                .new_index()
                .and_then(|row| u32::try_from(row + 1).ok())
        })
        .collect();
    SourceChange::in_file(file, after, &lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIRST: &str = include_str!("../../../tests/captures/claude-code/hooks.jsonl");
    const PAYMENTS: &str = include_str!("../../../tests/captures/claude-code-payments/hooks.jsonl");

    fn said(value: &Value) -> Read {
        read(value.to_string().as_bytes(), false)
    }

    fn brief(read: &Read) -> String {
        match read {
            Read::Ignored => "-".into(),
            Read::Unknown(name) => format!("?{name}"),
            Read::Unreadable => "!".into(),
            Read::Event(event) => match &event.act {
                Act::Changed(changes) => {
                    let files: Vec<_> = changes.iter().map(SourceChange::file_name).collect();
                    format!("changed {}", files.join(" "))
                }
                Act::Ran(ran) => format!("ran {:?} {}", ran.tests(), ran.commits()),
                other => format!("{other:?}"),
            },
        }
    }

    fn session(lines: &str) -> Vec<String> {
        let all = lines
            .lines()
            .map(|line| brief(&read(line.as_bytes(), false)));
        all.filter(|brief| brief != "-").collect()
    }

    #[test]
    fn the_recorded_sessions_are_understood_whole() {
        assert_eq!(
            session(FIRST),
            [
                "SessionBegan",
                "TurnBegan",
                "changed limiter.py",
                "changed limiter.py",
                "ran None false",
                "TurnEnded",
                "SessionEnded"
            ]
        );
        let payments = session(PAYMENTS);
        assert!(
            payments.iter().all(|brief| !brief.starts_with(['?', '!'])),
            "{payments:?}"
        );
        assert!(payments.contains(&"ran Some(false) false".to_owned()));
        assert!(payments.contains(&"ran Some(true) false".to_owned()));
        assert!(payments.contains(&"ran None true".to_owned()));
    }

    #[test]
    fn an_edit_adds_only_its_new_lines() {
        let line = FIRST
            .lines()
            .find(|l| l.contains("PostToolUse\"") && l.contains("\"Edit\""));
        let Read::Event(event) = read(line.unwrap().as_bytes(), false) else {
            panic!("no event")
        };
        let Act::Changed(changes) = event.act else {
            panic!("no change")
        };
        let text = changes[0].added_line(1).unwrap();
        assert!(text.contains("self.last"), "{text}");
        assert_eq!(changes[0].added_line(2), None);
        assert_eq!(
            event.origin.call.as_deref(),
            Some("toolu_8cb30424fd264d599a8a8dda")
        );
    }

    #[test]
    fn an_edit_of_a_file_that_is_not_known_leaves_out_the_old_lines() {
        let value = json!({"hook_event_name": "PostToolUse", "session_id": "s", "tool_name": "MultiEdit",
            "tool_input": {"file_path": "/x/y/a.py", "edits": [
                {"old_string": "a = 1\nb = 2", "new_string": "a = 1\nwith x as y:\n    pass"}]}});
        let Read::Event(event) = said(&value) else {
            panic!("no event")
        };
        let Act::Changed(changes) = event.act else {
            panic!("no change")
        };
        assert_eq!(changes[0].file_name(), "a.py");
        assert_eq!(changes[0].added_line(1), Some("with x as y:"));
    }

    #[test]
    fn a_payload_cut_anywhere_is_no_failure() {
        for line in PAYMENTS.lines() {
            for cut in (0..line.len()).step_by(97) {
                let _ = read(&line.as_bytes()[..cut], true);
            }
        }
        let whole = json!({"session_id": "s", "hook_event_name": "PostToolUse", "tool_name": "Bash",
            "tool_input": {"command": "cargo test"}, "tool_response": {"stdout": "x".repeat(500)}});
        let text = whole.to_string();
        let Read::Event(event) = read(&text.as_bytes()[..300], true) else {
            panic!("no event")
        };
        assert!(event.cut);
        assert!(matches!(event.act, Act::Ran(ran) if ran.tests() == Some(true)));
    }

    #[test]
    fn what_is_not_known_is_named_and_never_quoted() {
        assert_eq!(
            brief(&said(&json!({"hook_event_name": "Dreamt"}))),
            "?Dreamt"
        );
        assert_eq!(
            brief(&said(&json!({"hook_event_name": "A secret\npath/of mine"}))),
            "?Asecretpathofmine"
        );
        assert_eq!(brief(&said(&json!({"a": 1}))), "?no event name");
        assert_eq!(brief(&said(&json!([1, 2]))), "?no event name");
        assert_eq!(brief(&read(b"not json", false)), "!");
        assert_eq!(brief(&read(b"\xff\xfe", false)), "!");
        let tool =
            json!({"hook_event_name": "PostToolUse", "tool_name": "Teleport", "tool_input": {}});
        assert_eq!(brief(&said(&tool)), "?tool Teleport");
    }
}
