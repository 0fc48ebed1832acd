//! T3 Code's event table (recorded: 0.0.21): a row of `orchestration_events`, or the same event as
//! its WebSocket tells it.
//!
//! T3 Code does nothing itself; it drives other harnesses, whose own hooks fire as well. So an act
//! carries the driven harness's ids, and whoever tells it second tells nothing new:
//!
//! - Codex: a tool's row has Codex's session (`data.threadId`), turn and call (`data.item.id`), as
//!   Codex's hook has. The row that begins or ends a turn has Codex's turn but not yet its session.
//! - Claude Code and OpenCode: a row's data has the tool's own input and output, and neither the
//!   harness's session nor its call (read in T3 Code's source, not recorded). Nothing would show
//!   that two reports are one, so these rows are left to the harness's own hooks.
//!
//! The later event log (`orchestration_v2_events`) is named and not read.

use super::remember::Remembered;
use super::{Read, file_name, id, json, plan, shown, text, unified, unwrapped_line};
use kernel::event::{Act, Event, Harness, Origin, Ran};
use kernel::tagging::SourceChange;
use serde_json::Value;

/// Events that say nothing which is not said elsewhere, without their `thread.`.
const QUIET_EVENTS: [&str; 16] = [
    "message-sent",
    "turn-start-requested",
    // Only names and counts; the tools' rows have the text.
    "turn-diff-completed",
    "archived",
    "unarchived",
    "settled",
    "unsettled",
    "snoozed",
    "unsnoozed",
    "pinned",
    "unpinned",
    "meta-updated",
    "runtime-mode-set",
    "interaction-mode-set",
    "reverted",
    "checkpoint-revert-requested",
];
/// Kinds of activity that say nothing which is not said elsewhere, by their first word.
const QUIET_KINDS: [&str; 11] = [
    "tool",
    "approval",
    "checkpoint",
    "context-window",
    "context-compaction",
    "runtime",
    "user-input",
    "task",
    "provider",
    "setup-script",
    "turn",
];
/// Kinds of items of Codex that change nothing and run nothing.
const QUIET_ITEMS: [&str; 16] = [
    "agentMessage",
    "userMessage",
    "hookPrompt",
    "plan",
    "reasoning",
    "mcpToolCall",
    "dynamicToolCall",
    "collabAgentToolCall",
    "collabToolCall",
    "subAgentActivity",
    "webSearch",
    "imageView",
    "imageGeneration",
    "enteredReviewMode",
    "exitedReviewMode",
    "contextCompaction",
];

/// What is known of a thread of T3 Code.
#[derive(Debug, Default)]
struct Thread {
    /// Whether it drives Codex; `None` if that was not said yet.
    codex: Option<bool>,
    /// Codex's own session, once a tool's row has told.
    session: Option<String>,
    /// The turn that goes on.
    turn: Option<String>,
    /// The session in whose name an approval was asked for: it is answered in the same.
    asked: Option<String>,
}

/// What is known of the threads that were heard of.
#[derive(Debug, Default)]
pub struct Threads(Remembered<Thread>);

impl Threads {
    /// Reads a payload; `cut` if more was said than was kept.
    pub fn read(&mut self, payload: &[u8], cut: bool) -> Read {
        let Some((mut value, cut)) = json(payload, cut) else {
            return Read::Unreadable;
        };
        // Of the WebSocket: `{kind: "event", event}`; other kinds are pictures of what was told.
        match text(&value, "kind") {
            Some("event") => value = value["event"].take(),
            Some(_) if value.get("event").is_none() => return Read::Ignored,
            _ => {}
        }
        let kind = text(&value, "event_type").or_else(|| text(&value, "type"));
        let Some(kind) = kind.map(str::to_owned) else {
            let later = value.get("commandId").is_some() && value.get("event").is_some();
            return match () {
                () if cut => Read::Unreadable,
                () if later => Read::Unknown("event log v2".to_owned()),
                () => Read::Unknown("no event type".to_owned()),
            };
        };
        let row = value
            .get("payload_json")
            .or_else(|| value.get("payload"))
            .unwrap_or(&Value::Null);
        // SQLite gives the column as text.
        let parsed;
        let said = match row.as_str() {
            Some(text) => match json(text.as_bytes(), cut) {
                Some((value, _)) => {
                    parsed = value;
                    &parsed
                }
                None => return Read::Unreadable,
            },
            None => row,
        };
        let Some(what) = kind.strip_prefix("thread.") else {
            return if kind.starts_with("project.") {
                Read::Ignored
            } else {
                Read::Unknown(shown(&kind))
            };
        };
        let thread = id(said, "threadId")
            .or_else(|| id(&value, "stream_id"))
            .or_else(|| id(&value, "aggregateId"));
        let Some(thread) = thread else {
            return if cut {
                Read::Unreadable
            } else {
                Read::Unknown("no thread".to_owned())
            };
        };
        match self.happened(&thread, what, said) {
            Happened::Act(act, turn, call) => self.event(&thread, turn, call, act, cut),
            Happened::Nothing => Read::Ignored,
            Happened::Unknown(_) if cut => Read::Unreadable,
            Happened::Unknown(name) => Read::Unknown(name),
        }
    }

    fn happened(&mut self, thread: &str, what: &str, said: &Value) -> Happened {
        let known = self.0.of(thread);
        match what {
            "created" => {
                let model = said.get("modelSelection").unwrap_or(&Value::Null);
                known.drives(text(model, "provider").or_else(|| text(model, "instanceId")));
                Happened::Nothing
            }
            "deleted" => {
                self.0.forget(thread);
                Happened::Nothing
            }
            "session-set" => {
                let session = said.get("session").unwrap_or(&Value::Null);
                known.drives(text(session, "providerName"));
                known.session_set(session)
            }
            // Other harnesses' own hooks tell.
            _ if known.codex == Some(false) => Happened::Nothing,
            "turn-interrupt-requested" | "session-stop-requested" => match known.turn.take() {
                Some(turn) => Happened::Act(Act::TurnInterrupted, Some(turn), None),
                None => Happened::Nothing,
            },
            "approval-response-requested" | "user-input-response-requested" => {
                Happened::Act(Act::ApprovalAnswered, known.turn.clone(), None)
            }
            "proposed-plan-upserted" => {
                let plan = said.get("proposedPlan").unwrap_or(&Value::Null);
                let done = plan.get("implementedAt").is_some_and(|at| !at.is_null());
                match text(plan, "planMarkdown") {
                    Some(text) if !done => {
                        let steps = plan::steps_of_text(text);
                        Happened::Act(Act::Planned(steps), id(plan, "turnId"), None)
                    }
                    Some(_) => Happened::Nothing,
                    None => Happened::Unknown("plan without text".to_owned()),
                }
            }
            "activity-appended" => match said.get("activity") {
                Some(activity) => known.activity(activity),
                None => Happened::Unknown("no activity".to_owned()),
            },
            quiet if QUIET_EVENTS.contains(&quiet) => Happened::Nothing,
            other => Happened::Unknown(shown(other)),
        }
    }

    fn event(
        &mut self,
        thread: &str,
        turn: Option<String>,
        call: Option<String>,
        act: Act,
        cut: bool,
    ) -> Read {
        let known = self.0.of(thread);
        let now = known.session.as_deref().unwrap_or(thread);
        let session = match &act {
            Act::ApprovalAsked => known.asked.insert(now.to_owned()).clone(),
            Act::ApprovalAnswered => known.asked.take().unwrap_or_else(|| now.to_owned()),
            _ => now.to_owned(),
        };
        let origin = Origin {
            harness: if known.codex == Some(true) {
                Harness::Codex
            } else {
                Harness::T3Code
            },
            session,
            turn,
            call,
        };
        Read::Event(Event {
            cut,
            ..Event::new(origin, act)
        })
    }
}

/// What a row says.
enum Happened {
    /// An act, in which turn and by which call.
    Act(Act, Option<String>, Option<String>),
    Nothing,
    Unknown(String),
}

impl Thread {
    fn drives(&mut self, provider: Option<&str>) {
        if let Some(provider) = provider {
            self.codex = Some(provider == "codex");
        }
    }

    /// A turn goes on while the session is `running`; whatever follows ends it. Before the first
    /// one, the session is `ready` several times.
    fn session_set(&mut self, session: &Value) -> Happened {
        let Some(status) = text(session, "status") else {
            return Happened::Unknown("session without status".to_owned());
        };
        let (act, turn) = if status == "running" {
            let turn = id(session, "activeTurnId");
            if turn.is_none() || turn == self.turn {
                return Happened::Nothing;
            }
            self.turn.clone_from(&turn);
            (Act::TurnBegan, turn)
        } else {
            let Some(turn) = self.turn.take() else {
                return Happened::Nothing;
            };
            let act = match status {
                "interrupted" | "error" => Act::TurnInterrupted,
                _ => Act::TurnEnded,
            };
            (act, Some(turn))
        };
        if self.codex == Some(false) {
            return Happened::Nothing;
        }
        Happened::Act(act, turn, None)
    }

    fn activity(&mut self, activity: &Value) -> Happened {
        let Some(kind) = text(activity, "kind") else {
            return Happened::Unknown("activity without kind".to_owned());
        };
        let said = activity.get("payload").unwrap_or(&Value::Null);
        let turn = id(activity, "turnId");
        match kind {
            "tool.completed" => self.tool(said, turn),
            "turn.plan.updated" => {
                match said
                    .get("plan")
                    .and_then(|plan| plan::open_steps(plan, "step"))
                {
                    Some(steps) => Happened::Act(Act::Planned(steps), turn, None),
                    None => Happened::Unknown("plan without steps".to_owned()),
                }
            }
            "approval.requested" | "user-input.requested" => {
                Happened::Act(Act::ApprovalAsked, turn, None)
            }
            other => {
                let first = other.split('.').next().unwrap_or_default();
                if QUIET_KINDS.contains(&first) || other.ends_with(".failed") {
                    Happened::Nothing
                } else {
                    Happened::Unknown(format!("activity {}", shown(other)))
                }
            }
        }
    }

    fn tool(&mut self, said: &Value, turn: Option<String>) -> Happened {
        let data = said.get("data").unwrap_or(&Value::Null);
        let Some(item) = data.get("item") else {
            // Quiet kinds have no data; another harness's shape is left to that one's hooks.
            return Happened::Nothing;
        };
        if let Some(session) = id(data, "threadId") {
            self.session = Some(session);
            self.codex = Some(true);
        }
        let turn = id(data, "turnId").or(turn);
        let call = id(item, "id");
        let act = match text(item, "type") {
            Some("commandExecution") => ran(item),
            Some("fileChange") => changed(item),
            Some(quiet) if QUIET_ITEMS.contains(&quiet) => return Happened::Nothing,
            Some(other) => return Happened::Unknown(format!("item {}", shown(other))),
            None => None,
        };
        match act {
            Some(act) => Happened::Act(act, turn, call),
            None => Happened::Unknown("item without its fields".to_owned()),
        }
    }
}

/// A command of Codex; `None` if it has no command.
fn ran(item: &Value) -> Option<Act> {
    let command = unwrapped_line(text(item, "command")?);
    let exit = item.get("exitCode").and_then(Value::as_i64);
    if exit.is_none() && matches!(text(item, "status"), Some("declined" | "failed")) {
        return Some(Act::Stopped);
    }
    let passed = exit.map(|exit| exit == 0);
    Some(Act::Ran(Ran { command, passed }))
}

/// A change of Codex; `None` if it has no changes.
fn changed(item: &Value) -> Option<Act> {
    let changes = item.get("changes")?.as_array()?;
    if matches!(text(item, "status"), Some("declined" | "failed")) {
        return Some(Act::Stopped);
    }
    let changes = changes.iter().filter_map(|change| {
        let path = text(change, "path")?;
        let diff = text(change, "diff")?;
        let kind = change.get("kind")?;
        // Older ones tell the kind as a word.
        match text(kind, "type").or_else(|| kind.as_str())? {
            "add" => Some(SourceChange::new_file(file_name(path), diff)),
            "update" => unified::change(text(kind, "move_path").unwrap_or(path), diff),
            _ => None,
        }
    });
    Some(Act::Changed(changes.collect()))
}
