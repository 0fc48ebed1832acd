//! OpenCode's bus (recorded: 1.18), as a plugin's `event` hook, the server's `/event` stream or
//! `opencode run --format json` gives it. One payload is one event `{id, type, properties}`.
//!
//! A tool's part is told again at each step; only its end counts. A user's message is told again
//! each time that its summary grows, and `session.idle` twice after an error, so the reader keeps for
//! each session which turn goes on. What a sub-agent does is its parent's: only the parent has turns.

use super::remember::Remembered;
use super::{Read, file_name, id, json, patch, plan, shown, text, tool_unknown, unified};
use kernel::event::{Act, Event, Harness, Origin, Ran};
use kernel::tagging::SourceChange;
use serde_json::Value;

/// Tools that change nothing and run nothing.
const QUIET_TOOLS: [&str; 19] = [
    "read",
    "list",
    "ls",
    "glob",
    "grep",
    "webfetch",
    "websearch",
    "codesearch",
    "todowrite",
    "todoread",
    "task",
    "skill",
    "question",
    "lsp",
    "batch",
    "invalid",
    "plan_enter",
    "plan_exit",
    "lsp_hover",
];
/// Tools that change files.
const CHANGING_TOOLS: [&str; 5] = ["write", "edit", "multiedit", "patch", "apply_patch"];
/// First words of events that say nothing which is not said elsewhere, or nothing of use.
pub const QUIET_EVENTS: [&str; 30] = [
    "server",
    "file",
    "plugin",
    "catalog",
    "reference",
    "integration",
    "project",
    "installation",
    "lsp",
    "mcp",
    "vcs",
    "worktree",
    "workspace",
    "pty",
    "tui",
    "ide",
    "command",
    "question",
    "account",
    "models-dev",
    "global",
    "storage",
    "skill",
    "agent",
    "sync",
    "todo",
    "session",
    "message",
    "permission",
    "shell",
];

/// What is known of a session.
#[derive(Debug, Default)]
struct Session {
    /// The session whose sub-agent this one is.
    parent: Option<String>,
    /// The user's message that the turn answers.
    turn: Option<String>,
    /// Whether the turn is over.
    over: bool,
}

/// What is known of the sessions that were heard of.
#[derive(Debug, Default)]
pub struct Sessions(Remembered<Session>);

impl Sessions {
    /// Reads a payload; `cut` if more was said than was kept.
    pub fn read(&mut self, payload: &[u8], cut: bool) -> Read {
        let Some((value, cut)) = json(payload, cut) else {
            return Read::Unreadable;
        };
        // `/global/event` puts each event into an envelope.
        let value = value.get("payload").unwrap_or(&value);
        let Some(kind) = text(value, "type") else {
            return if cut {
                Read::Unreadable
            } else {
                Read::Unknown("no event type".to_owned())
            };
        };
        match kind {
            // `opencode run --format json` has no properties.
            "tool_use" => return self.part(value, cut),
            "text" | "step_start" | "step_finish" | "reasoning" | "error" => return Read::Ignored,
            _ => {}
        }
        let Some(said) = value.get("properties") else {
            return if cut {
                Read::Unreadable
            } else if kind == "sync" {
                Read::Ignored
            } else {
                Read::Unknown(format!("{} without properties", shown(kind)))
            };
        };
        if kind == "message.part.updated" {
            return self.part(said, cut);
        }
        let info = said.get("info").unwrap_or(&Value::Null);
        let Some(session) = id(said, "sessionID").or_else(|| {
            let key = if kind.starts_with("session.") {
                "id"
            } else {
                "sessionID"
            };
            id(info, key)
        }) else {
            return quiet(kind);
        };
        let act = match kind {
            "session.created" | "session.updated" => {
                let parent = id(info, "parentID");
                let sub = parent.is_some();
                if sub {
                    self.0.of(&session).parent = parent;
                }
                if sub || kind == "session.updated" {
                    return Read::Ignored;
                }
                Act::SessionBegan
            }
            "session.deleted" => {
                let sub = self.is_sub(&session);
                self.0.forget(&session);
                if sub {
                    return Read::Ignored;
                }
                Act::SessionEnded
            }
            "message.updated" => match self.message(&session, info) {
                Some(act) => act,
                None => return Read::Ignored,
            },
            "session.idle" => {
                let known = self.0.of(&session);
                if std::mem::replace(&mut known.over, true) || known.parent.is_some() {
                    return Read::Ignored;
                }
                Act::TurnEnded
            }
            // The engineer broke it off, or the model failed: no end that a question may follow.
            "session.error" => {
                let known = self.0.of(&session);
                if std::mem::replace(&mut known.over, true) || known.parent.is_some() {
                    return Read::Ignored;
                }
                Act::TurnInterrupted
            }
            "permission.asked" | "permission.updated" => Act::ApprovalAsked,
            "permission.replied" => Act::ApprovalAnswered,
            "todo.updated" => {
                let todos = said.get("todos");
                match todos.and_then(|todos| plan::open_steps(todos, "content")) {
                    Some(steps) => Act::Planned(steps),
                    None if cut => return Read::Unreadable,
                    None => return Read::Unknown("todo.updated without todos".to_owned()),
                }
            }
            other => return quiet(other),
        };
        self.event(&session, None, act, cut)
    }

    fn is_sub(&self, session: &str) -> bool {
        let known = self.0.get(session);
        known.is_some_and(|known| known.parent.is_some())
    }

    /// A message of the user's begins a turn when it is told first. Told again, it has a summary of
    /// what changed; that may come late, when the next turn has begun.
    fn message(&mut self, session: &str, info: &Value) -> Option<Act> {
        if text(info, "role")? != "user" {
            return None;
        }
        let message = id(info, "id")?;
        let known = self.0.of(session);
        if info.get("summary").is_some() {
            known.turn.get_or_insert(message);
            return None;
        }
        if known.turn.as_ref() == Some(&message) {
            return None;
        }
        known.turn = Some(message);
        known.over = false;
        known.parent.is_none().then_some(Act::TurnBegan)
    }

    fn part(&mut self, said: &Value, cut: bool) -> Read {
        let part = said.get("part").unwrap_or(&Value::Null);
        if text(part, "type") != Some("tool") {
            // Text, reasoning, steps, and `patch`, which names the files of tools that were told.
            return Read::Ignored;
        }
        let state = part.get("state").unwrap_or(&Value::Null);
        let ended = text(state, "status");
        let Some(ended) = ended.filter(|status| matches!(*status, "completed" | "error")) else {
            return Read::Ignored;
        };
        let Some(tool) = text(part, "tool") else {
            return if cut {
                Read::Unreadable
            } else {
                Read::Unknown("no tool name".to_owned())
            };
        };
        let act = if ended == "error" {
            (tool == "bash" || CHANGING_TOOLS.contains(&tool)).then_some(Act::Stopped)
        } else {
            used(tool, state)
        };
        let Some(act) = act else {
            // A tool of an MCP server is called by the server's name, a line and its own.
            let quiet = QUIET_TOOLS.contains(&tool) || tool.contains('_') || ended == "error";
            return if quiet {
                Read::Ignored
            } else {
                tool_unknown(tool)
            };
        };
        let session = id(said, "sessionID").or_else(|| id(part, "sessionID"));
        self.event(&session.unwrap_or_default(), id(part, "callID"), act, cut)
    }

    fn event(&self, session: &str, call: Option<String>, act: Act, cut: bool) -> Read {
        let mut root = session;
        // A sub-agent's sub-agent; a ring of parents ends, too.
        for _ in 0..8 {
            match self.0.get(root).and_then(|known| known.parent.as_deref()) {
                Some(parent) => root = parent,
                None => break,
            }
        }
        let turn = self.0.get(root).and_then(|known| known.turn.clone());
        let origin = Origin {
            harness: Harness::OpenCode,
            session: root.to_owned(),
            turn,
            call,
        };
        Read::Event(Event {
            cut,
            ..Event::new(origin, act)
        })
    }
}

/// An event that is not read: one of the many that say nothing, or a new one.
fn quiet(kind: &str) -> Read {
    let first = kind.split('.').next().unwrap_or_default();
    if QUIET_EVENTS.contains(&first) {
        Read::Ignored
    } else {
        Read::Unknown(shown(kind))
    }
}

/// What a tool that ended did, if it is one that does something.
fn used(tool: &str, state: &Value) -> Option<Act> {
    let input = state.get("input")?;
    let metadata = state.get("metadata").unwrap_or(&Value::Null);
    match tool {
        "bash" => {
            let command = text(input, "command")?.to_owned();
            let passed = match metadata.get("exit") {
                // Broken off by the engineer, or by its time limit.
                Some(Value::Null) => return Some(Act::Stopped),
                Some(exit) => exit.as_i64().map(|exit| exit == 0),
                None => None,
            };
            Some(Act::Ran(Ran { command, passed }))
        }
        "write" => {
            let path = text(input, "filePath")?;
            // A file that was there before may come with a diff; without one, all of it is new.
            let change = diff_of(metadata)
                .filter(|_| metadata.get("exists") == Some(&Value::Bool(true)))
                .and_then(|diff| unified::change(path, diff));
            let change = match change {
                Some(change) => change,
                None => SourceChange::new_file(file_name(path), text(input, "content")?),
            };
            Some(Act::Changed(vec![change]))
        }
        "edit" | "multiedit" => {
            let path = text(input, "filePath")?;
            let change = diff_of(metadata)
                .and_then(|diff| unified::change(path, diff))
                .or_else(|| replaced(path, input));
            Some(Act::Changed(change.into_iter().collect()))
        }
        "patch" | "apply_patch" => {
            let patch = text(input, "patchText").or_else(|| text(input, "patch"))?;
            Some(Act::Changed(patch::changes(patch)))
        }
        _ => None,
    }
}

fn diff_of(metadata: &Value) -> Option<&str> {
    let file = metadata.get("filediff").unwrap_or(&Value::Null);
    text(metadata, "diff")
        .filter(|diff| !diff.is_empty())
        .or_else(|| text(file, "patch"))
}

/// The new text without the lines of the old one, where no diff was told.
fn replaced(path: &str, input: &Value) -> Option<SourceChange> {
    let one = std::slice::from_ref(input);
    let edits = input.get("edits").and_then(Value::as_array);
    let edits: Vec<(&str, &str)> = edits
        .map_or(one, Vec::as_slice)
        .iter()
        .filter_map(|edit| {
            let old = text(edit, "oldString").unwrap_or_default();
            Some((old, text(edit, "newString")?))
        })
        .collect();
    (!edits.is_empty()).then(|| super::fresh_lines(file_name(path), &edits))
}
