//! Claude Code's hooks (recorded: 2.1). One payload is one JSON object; `hook_event_name` says what.
//!
//! A plan comes as tasks, one event for each that is made or done; the reader keeps the open ones of
//! each session. Older versions write a whole list (`TodoWrite`), plan mode a text (`ExitPlanMode`).

use super::remember::Remembered;
use super::{Read, file_name, id, json, plan, shown, text, tool_unknown};
use kernel::event::{Act, Event, Harness, Origin, Ran};
use kernel::tagging::SourceChange;
use serde_json::Value;
use std::time::Duration;

/// Tools that change nothing and run nothing.
const QUIET_TOOLS: [&str; 21] = [
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
    "TodoRead",
    "WebFetch",
    "WebSearch",
    "Task",
    "Agent",
    "Skill",
    "BashOutput",
    "KillShell",
    "EnterPlanMode",
    "AskUserQuestion",
];
/// Events that say nothing which is not said elsewhere.
const QUIET_EVENTS: [&str; 13] = [
    "PreToolUse",
    "PostToolBatch",
    "MessageDisplay",
    "Notification",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "FileChanged",
    "InstructionsLoaded",
    "ConfigChange",
    "CwdChanged",
    "StopFailure",
];
/// How long the lines of one change may be compared.
const COMPARE: Duration = Duration::from_millis(200);

/// Most open tasks of a session that are kept.
const TASKS: usize = 200;

/// The open tasks of the sessions that were heard of, each with its id, in the order made.
#[derive(Debug, Default)]
pub struct Sessions(Remembered<Vec<Task>>);

/// A task that was made and is not done.
struct Task {
    id: String,
    text: String,
}

/// The id alone: a plan may not end up in a log.
impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    /// Reads a payload; `cut` if more was said than was kept.
    pub fn read(&mut self, payload: &[u8], cut: bool) -> Read {
        match json(payload, cut) {
            Some((value, cut)) => self.said(&value, cut),
            None => Read::Unreadable,
        }
    }

    /// Reads a payload that is JSON already.
    pub fn said(&mut self, value: &Value, cut: bool) -> Read {
        let Some(name) = text(value, "hook_event_name") else {
            return if cut {
                Read::Unreadable
            } else {
                Read::Unknown("no event name".to_owned())
            };
        };
        let session = id(value, "session_id").unwrap_or_default();
        let act = match name {
            "SessionStart" => Act::SessionBegan,
            "SessionEnd" => {
                self.0.forget(&session);
                Act::SessionEnded
            }
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
            "TaskCreated" | "TaskCompleted" => {
                let Some(task) = id(value, "task_id") else {
                    return match () {
                        () if cut => Read::Unreadable,
                        () => Read::Unknown("task without id".to_owned()),
                    };
                };
                let open = self.0.of(&session);
                let known = open.iter().position(|known| known.id == task);
                if let Some(known) = known {
                    open.remove(known);
                } else if name == "TaskCompleted" {
                    // Made before this reader began: what else is open is not known either.
                    return Read::Ignored;
                }
                if name == "TaskCreated" && open.len() < TASKS {
                    let subject = text(value, "task_subject").unwrap_or_default();
                    let about = text(value, "task_description").unwrap_or_default();
                    let text = format!("{subject}\n{about}");
                    open.push(Task { id: task, text });
                }
                Act::Planned(plan::bounded(open.iter().map(|task| task.text.as_str())))
            }
            "PostToolUse" => match used(value) {
                Some(act) => act,
                None => return unused(value, cut),
            },
            "PostToolUseFailure" => match failed(value) {
                Some(act) => act,
                None => return unused(value, cut),
            },
            quiet if QUIET_EVENTS.contains(&quiet) => return Read::Ignored,
            other => return Read::Unknown(shown(other)),
        };
        let origin = Origin {
            harness: Harness::ClaudeCode,
            session,
            turn: id(value, "prompt_id"),
            call: id(value, "tool_use_id"),
        };
        Read::Event(Event {
            cut,
            ..Event::new(origin, act)
        })
    }
}

fn unused(value: &Value, cut: bool) -> Read {
    match text(value, "tool_name") {
        Some(tool) if QUIET_TOOLS.contains(&tool) || tool.starts_with("mcp__") => Read::Ignored,
        // Cut before what it did.
        Some("Write" | "Edit" | "MultiEdit" | "NotebookEdit" | "Bash") | None if cut => {
            Read::Unreadable
        }
        Some(tool) => tool_unknown(tool),
        None => Read::Unknown("no tool name".to_owned()),
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
        "TodoWrite" => plan::open_steps(input.get("todos")?, "content").map(Act::Planned),
        "ExitPlanMode" => {
            // What the engineer changed at the approval stands in the response alone.
            let plan = text(response, "plan").or_else(|| text(input, "plan"))?;
            Some(Act::Planned(plan::steps_of_text(plan)))
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
            let edits: Vec<(&str, &str)> = edits.iter().map(|(old, new, _)| (*old, *new)).collect();
            super::fresh_lines(file, &edits)
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
    use crate::tests::brief;
    use serde_json::json;

    const FIRST: &str = include_str!("../../../tests/captures/claude-code/hooks.jsonl");
    const PAYMENTS: &str = include_str!("../../../tests/captures/claude-code-payments/hooks.jsonl");

    fn read(payload: &[u8], cut: bool) -> Read {
        Sessions::default().read(payload, cut)
    }

    fn said(value: &Value) -> Read {
        read(value.to_string().as_bytes(), false)
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

    #[test]
    fn tasks_are_a_plan_until_they_are_done() {
        let mut sessions = Sessions::default();
        let mut task = |event: &str, id: &str| {
            let value = json!({"hook_event_name": event, "session_id": "s", "task_id": id,
                "task_subject": format!("Subject {id}"), "task_description": "with a lock"});
            match sessions.read(value.to_string().as_bytes(), false) {
                Read::Event(event) => match event.act {
                    Act::Planned(steps) => steps,
                    other => panic!("{other:?}"),
                },
                other => vec![format!("{other:?}")],
            }
        };
        assert_eq!(task("TaskCreated", "1"), ["Subject 1\nwith a lock"]);
        assert_eq!(task("TaskCreated", "2").len(), 2);
        assert_eq!(task("TaskCompleted", "1"), ["Subject 2\nwith a lock"]);
        assert_eq!(task("TaskCompleted", "2"), [""; 0]);
        assert_eq!(task("TaskCompleted", "9"), ["Ignored"]);
    }

    #[test]
    fn a_list_and_a_written_plan_are_plans() {
        let used = |tool: &str, input: Value| json!({"hook_event_name": "PostToolUse", "session_id": "s", "tool_name": tool, "tool_input": input});
        let list = used(
            "TodoWrite",
            json!({"todos": [{"content": "a", "status": "completed", "activeForm": "A"},
            {"content": "b", "status": "pending", "activeForm": "B"}]}),
        );
        assert_eq!(brief(&said(&list)), "planned 1");
        let plan = used(
            "ExitPlanMode",
            json!({"plan": "# Lock\n\n1. Take a lock\n2. Test it"}),
        );
        assert_eq!(brief(&said(&plan)), "planned 2");
    }
}
