//! Transcripts: what a harness writes into a file of its own about a session (recorded: Claude Code
//! 2.1, Codex 0.169). One line is one JSON object.
//!
//! A transcript tells acts that no hook told: the harness was started before its hooks were set up, or
//! a hook could not write. Each tool's call and its result stand in two lines; both together are
//! what the harness's hook is given, so they are read as a hook's payload is. The act has the
//! identity ([`super::identity`]) that the hook gives it.
//!
//! Only acts are told: changes, commands that ran, plans. Turns, approvals and sessions that are over
//! are no moment to ask in, and prompts and answers are not looked at. Where it is not sure that a
//! call was carried out (refused, broken off, a result of another shape), nothing is told.
//!
//! Invariant: any bytes give acts or none; nothing here is fatal, and what is remembered is bounded.

use super::{Read, claude_code, codex, id, text, verdict};
use kernel::event::{Act, Event, Harness};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Most calls without a result that are remembered; the oldest goes.
const CALLS: usize = 64;
/// Longest time of a line that is handed on, in bytes.
const TIME_BYTES: usize = 64;
/// Claude Code's tools of which a transcript can tell an act.
const CLAUDE_TOOLS: [&str; 9] = [
    "Write",
    "Edit",
    "MultiEdit",
    "NotebookEdit",
    "Bash",
    "TodoWrite",
    "ExitPlanMode",
    "TaskCreate",
    "TaskUpdate",
];

/// An act that a transcript told.
#[derive(Debug)]
pub struct Told {
    /// When, as the line says it (RFC 3339).
    pub at: String,
    /// What.
    pub event: Event,
}

/// A tool's call whose result was not read yet.
struct Call {
    id: String,
    turn: Option<String>,
    tool: String,
    input: Value,
    /// Where its line begins in the file, in bytes.
    from: u64,
}

/// Reads the lines of one session's transcript, in their order. One that begins in the middle misses
/// the calls whose first half it did not see.
pub struct Transcript {
    codex: bool,
    session: String,
    calls: VecDeque<Call>,
    tasks: claude_code::Sessions,
    /// The turn that goes on, where lines do not tell their own.
    turn: Option<String>,
    of_another: bool,
}

/// The session alone: what a call holds may not end up in a log.
impl std::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcript")
            .field("session", &self.session)
            .field("calls", &self.calls.len())
            .finish_non_exhaustive()
    }
}

impl Transcript {
    /// The transcript of a session; `None` if the harness writes none that is read.
    #[must_use]
    pub fn new(harness: Harness, session: &str) -> Option<Self> {
        let codex = match harness {
            Harness::ClaudeCode => false,
            Harness::Codex => true,
            Harness::OpenCode | Harness::T3Code => return None,
        };
        Some(Self {
            codex,
            session: session.to_owned(),
            calls: VecDeque::new(),
            tasks: claude_code::Sessions::default(),
            turn: None,
            of_another: false,
        })
    }

    /// Whether the file turned out to be another session's, or to begin with a copy of one: the same
    /// acts would count for both.
    #[must_use]
    pub const fn is_of_another(&self) -> bool {
        self.of_another
    }

    /// Where the line of the oldest call begins whose result was not read yet: who reads on another
    /// time begins there.
    #[must_use]
    pub fn open_from(&self) -> Option<u64> {
        self.calls.iter().map(|call| call.from).min()
    }

    /// Reads a whole line, which begins at byte `from` of the file. `None` if it is no JSON.
    #[must_use]
    pub fn line(&mut self, line: &[u8], from: u64) -> Option<Vec<Told>> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Some(Vec::new());
        }
        let value: Value = serde_json::from_slice(line).ok()?;
        let acts = match self.codex {
            true => self.codex(&value, from),
            false => self.claude_code(&value, from),
        };
        let at = text(&value, "timestamp").filter(|at| at.len() <= TIME_BYTES);
        let Some(at) = at.filter(|_| !self.of_another) else {
            return Some(Vec::new());
        };
        let does = |event: &Event| {
            matches!(event.act, Act::Changed(_) | Act::Ran(_) | Act::Planned(_))
                && event.origin.session == self.session
        };
        let told = acts.into_iter().filter_map(|read| match read {
            Read::Event(event) if does(&event) => Some(Told {
                at: at.to_owned(),
                event,
            }),
            _ => None,
        });
        Some(told.collect())
    }

    fn called(&mut self, call: Call) {
        if self.calls.len() >= CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    fn answered(&mut self, call: &str) -> Option<Call> {
        let at = self.calls.iter().position(|open| open.id == call)?;
        self.calls.remove(at)
    }

    fn claude_code(&mut self, value: &Value, from: u64) -> Vec<Read> {
        let copied = value.get("forkedFrom").is_some_and(|of| !of.is_null());
        if copied || text(value, "sessionId") != Some(&self.session) {
            return Vec::new();
        }
        let blocks = value.get("message").and_then(|said| said.get("content"));
        let Some(blocks) = blocks.and_then(Value::as_array) else {
            // The engineer's prompt: calls of before have no result any more.
            if text(value, "type") == Some("user") {
                self.calls.clear();
            }
            return Vec::new();
        };
        let of = |kind: &'static str| {
            let is = move |block: &&Value| text(block, "type") == Some(kind);
            blocks.iter().filter(is)
        };
        match text(value, "type") {
            Some("assistant") => {
                for block in of("tool_use") {
                    let tool = text(block, "name").filter(|name| CLAUDE_TOOLS.contains(name));
                    if let (Some(id), Some(tool), Some(input)) =
                        (id(block, "id"), tool, block.get("input"))
                    {
                        self.called(Call {
                            id,
                            turn: None,
                            tool: tool.to_owned(),
                            input: input.clone(),
                            from,
                        });
                    }
                }
                Vec::new()
            }
            Some("user") => {
                // There is one result a line; of several it is not known whose the structured one is.
                let one = of("tool_result").count() == 1;
                let result = value.get("toolUseResult").filter(|_| one);
                let results: Vec<&Value> = of("tool_result").collect();
                results
                    .into_iter()
                    .filter_map(|block| {
                        let call = self.answered(&id(block, "tool_use_id")?)?;
                        let turn = id(value, "promptId");
                        let payload =
                            claude_code_payload(call, turn, value, block, result, &self.session)?;
                        Some(self.tasks.said(&payload, false))
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn codex(&mut self, value: &Value, from: u64) -> Vec<Read> {
        let said = value.get("payload").unwrap_or(&Value::Null);
        match (text(value, "type"), text(said, "type")) {
            (Some("session_meta"), _) => {
                let ours = |key| text(said, key) == Some(&self.session);
                let forked = said.get("forked_from_id").is_some_and(|of| !of.is_null());
                self.of_another |= forked || !(ours("id") || ours("session_id"));
            }
            (Some("turn_context"), _) | (Some("event_msg"), Some("task_started")) => {
                self.turn = id(said, "turn_id").or_else(|| self.turn.take());
            }
            (Some("event_msg"), Some("item_completed")) => {
                let item = said.get("item").unwrap_or(&Value::Null);
                if let (Some("declined"), Some(call)) = (text(item, "status"), id(item, "id")) {
                    let _ = self.answered(&call);
                }
            }
            (Some("response_item"), Some("function_call")) => {
                let input = text(said, "arguments").and_then(|it| serde_json::from_str(it).ok());
                self.codex_called(said, text(said, "name"), input, from);
            }
            (Some("response_item"), Some("custom_tool_call")) => {
                let input = text(said, "input").map(|input| json!({ "input": input }));
                self.codex_called(said, text(said, "name"), input, from);
            }
            (Some("response_item"), Some("local_shell_call")) => {
                self.codex_called(said, Some("local_shell"), said.get("action").cloned(), from);
            }
            (Some("response_item"), Some("function_call_output" | "custom_tool_call_output")) => {
                let call = id(said, "call_id").and_then(|call| self.answered(&call));
                let payload = call.and_then(|call| codex_payload(call, said, &self.session));
                return payload
                    .map(|it| codex::said(&it, false))
                    .into_iter()
                    .collect();
            }
            _ => {}
        }
        Vec::new()
    }

    fn codex_called(&mut self, said: &Value, tool: Option<&str>, input: Option<Value>, from: u64) {
        let does = |tool: &&str| {
            codex::SHELLS.contains(tool) || ["apply_patch", "update_plan"].contains(tool)
        };
        let (Some(id), Some(tool), Some(input)) = (id(said, "call_id"), tool.filter(does), input)
        else {
            return;
        };
        let turn = said
            .get("internal_chat_message_metadata_passthrough")
            .and_then(|more| self::id(more, "turn_id"))
            .or_else(|| self.turn.clone());
        self.called(Call {
            id,
            turn,
            tool: tool.to_owned(),
            input,
            from,
        });
    }
}

/// What Claude Code's hook would have been given of a call; `None` if it is not sure that it was
/// carried out.
fn claude_code_payload(
    call: Call,
    turn: Option<String>,
    line: &Value,
    block: &Value,
    result: Option<&Value>,
    session: &str,
) -> Option<Value> {
    let decided = line
        .get("permissionDecision")
        .and_then(|it| text(it, "decision"));
    if decided.is_some_and(|decided| decided != "accept") {
        return None;
    }
    let payload = |name: &str, more: Value| {
        let mut payload =
            json!({ "hook_event_name": name, "session_id": session, "prompt_id": turn });
        if let (Some(payload), Value::Object(more)) = (payload.as_object_mut(), more) {
            payload.extend(more);
        }
        payload
    };
    let failed = block.get("is_error") == Some(&Value::Bool(true));
    let structured = result.filter(|result| result.is_object());
    match (call.tool.as_str(), failed) {
        ("Bash", true) => {
            // A command that was refused or broken off has other words here.
            said(block)?.starts_with("Exit code ").then(|| {
                payload(
                    "PostToolUseFailure",
                    json!({ "tool_name": call.tool, "tool_input": call.input,
                        "tool_use_id": call.id }),
                )
            })
        }
        (_, true) => None,
        ("TaskCreate", _) => {
            let task = structured?.get("task")?;
            let told = json!({ "task_id": task.get("id"), "task_subject": task.get("subject"),
                "task_description": task.get("description") });
            Some(payload("TaskCreated", told))
        }
        ("TaskUpdate", _) => {
            let change = structured?.get("statusChange")?;
            let told = json!({ "task_id": structured?.get("taskId") });
            (text(change, "to") == Some("completed")).then(|| payload("TaskCompleted", told))
        }
        // Without it, what stood there before is not known: all of the file would count as new.
        ("Write", _) if structured.is_none() => None,
        _ => Some(payload(
            "PostToolUse",
            json!({ "tool_name": call.tool, "tool_input": call.input, "tool_use_id": call.id,
                "tool_response": result }),
        )),
    }
}

/// The text of a result, whether it is one or in pieces.
fn said(block: &Value) -> Option<&str> {
    let content = block.get("content").or_else(|| block.get("output"))?;
    content.as_str().or_else(|| {
        let pieces = content.as_array()?;
        pieces.iter().find_map(|piece| text(piece, "text"))
    })
}

/// What Codex's hook would have been given of a call; `None` if it is not sure that it was carried
/// out. A call that was refused or broken off has a result in words of no fixed shape, so what is
/// asked for is the head that Codex itself puts above the output of what ran.
fn codex_payload(call: Call, result: &Value, session: &str) -> Option<Value> {
    let raw = said(result)?;
    // Older versions: JSON in the text.
    let older = serde_json::from_str::<Value>(raw).ok().and_then(|older| {
        let code = older.get("metadata")?.get("exit_code")?.as_i64()?;
        let output = text(&older, "output")?;
        Some(format!(
            "Exit code: {code}\nWall time: 0 seconds\nOutput:\n{output}"
        ))
    });
    let output = older.as_deref().unwrap_or(raw);
    let code = verdict::exit_code(output);
    let ran = match call.tool.as_str() {
        "update_plan" => true,
        "apply_patch" => code.map_or_else(|| output.starts_with("Success."), |code| code == 0),
        // One that still runs has no code yet.
        _ => {
            code.is_some()
                || output
                    .lines()
                    .take(4)
                    .any(|line| line.starts_with("Wall time: "))
        }
    };
    ran.then(|| {
        json!({ "hook_event_name": "PostToolUse", "session_id": session, "turn_id": call.turn,
            "tool_name": call.tool, "tool_input": call.input, "tool_response": output,
            "tool_use_id": call.id })
    })
}
