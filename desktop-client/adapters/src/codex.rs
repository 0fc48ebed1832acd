//! Codex's hooks (recorded: 0.169), the same under `codex exec`, `codex app-server` and T3 Code. One
//! payload is one JSON object; `hook_event_name` says what.
//!
//! `PostToolUse` of a command has its output and no exit code, so a test run is told by the runner's
//! own last words, and any other command is not told to have passed or failed. A command that was
//! declined or broken off has no `PostToolUse`.

use super::{Read, id, json, patch, shown, text, tool_unknown, verdict};
use kernel::event::{Act, Event, Harness, Origin, Ran};
use serde_json::Value;

/// Tools that run a command; `Bash` is what hooks call all of them today.
pub const SHELLS: [&str; 6] = [
    "Bash",
    "shell",
    "local_shell",
    "shell_command",
    "exec_command",
    "unified_exec",
];
/// Tools that change nothing and run nothing.
const QUIET_TOOLS: [&str; 22] = [
    "write_stdin",
    "read_file",
    "list_dir",
    "grep_files",
    "view_image",
    "web_search",
    "tool_search",
    "image_generation",
    "request_user_input",
    "request_permissions",
    "spawn_agent",
    "send_input",
    "send_message",
    "wait",
    "wait_agent",
    "list_agents",
    "close_agent",
    "resume_agent",
    "get_goal",
    "create_goal",
    "update_goal",
    "list_mcp_resources",
];
/// Events that say nothing which is not said elsewhere.
const QUIET_EVENTS: [&str; 6] = [
    "PreToolUse",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "Notification",
];

/// Reads a payload; `cut` if more was said than was kept.
pub fn read(payload: &[u8], cut: bool) -> Read {
    match json(payload, cut) {
        Some((value, cut)) => said(&value, cut),
        None => Read::Unreadable,
    }
}

/// Reads a payload that is JSON already.
pub fn said(value: &Value, cut: bool) -> Read {
    let Some(name) = text(value, "hook_event_name") else {
        return match text(value, "type") {
            // What `notify` is called with; `Stop` says the same.
            Some("agent-turn-complete") => Read::Ignored,
            _ if cut => Read::Unreadable,
            _ => Read::Unknown("no event name".to_owned()),
        };
    };
    let act = match name {
        "SessionStart" => Act::SessionBegan,
        "SessionEnd" => Act::SessionEnded,
        "UserPromptSubmit" => Act::TurnBegan,
        // A hook made the agent go on.
        "Stop" if value.get("stop_hook_active") == Some(&Value::Bool(true)) => {
            return Read::Ignored;
        }
        "Stop" => Act::TurnEnded,
        "Interrupt" => Act::TurnInterrupted,
        "PermissionRequest" => Act::ApprovalAsked,
        "PostToolUse" => match used(value) {
            Some(act) => act,
            None => return unused(value, cut),
        },
        quiet if QUIET_EVENTS.contains(&quiet) => return Read::Ignored,
        other => return Read::Unknown(shown(other)),
    };
    let origin = Origin {
        harness: Harness::Codex,
        session: id(value, "session_id").unwrap_or_default(),
        turn: id(value, "turn_id"),
        call: id(value, "tool_use_id"),
    };
    Read::Event(Event {
        cut,
        ..Event::new(origin, act)
    })
}

fn unused(value: &Value, cut: bool) -> Read {
    match text(value, "tool_name") {
        Some(tool) if QUIET_TOOLS.contains(&tool) || tool.starts_with("mcp__") => Read::Ignored,
        Some(tool) => tool_unknown(tool),
        None if cut => Read::Unreadable,
        None => Read::Unknown("no tool name".to_owned()),
    }
}

/// What a tool did, if it is one that does something.
fn used(value: &Value) -> Option<Act> {
    let input = value.get("tool_input")?;
    let said = text(value, "tool_response").unwrap_or_default();
    match text(value, "tool_name")? {
        "apply_patch" => {
            let patch = ["command", "input", "patch"]
                .iter()
                .find_map(|key| text(input, key))
                .or_else(|| input.as_str())?;
            Some(patched(patch, said))
        }
        "update_plan" => super::plan::open_steps(input.get("plan")?, "step").map(Act::Planned),
        shell if SHELLS.contains(&shell) => {
            let command = command(input)?;
            // Codex takes a patch out of a command line, too, and applies it itself.
            if command.trim_start().starts_with("apply_patch") && patch::is_patch(&command) {
                return Some(patched(&command, said));
            }
            Some(Act::Ran(ran(command, said)))
        }
        _ => None,
    }
}

fn patched(patch: &str, said: &str) -> Act {
    match verdict::of_output(said) {
        Some(false) => Act::Stopped,
        _ => Act::Changed(patch::changes(patch)),
    }
}

/// The command that ran, whether it is one line or words.
fn command(input: &Value) -> Option<String> {
    let command = input.get("command").or_else(|| input.get("cmd"))?;
    if let Some(line) = command.as_str() {
        return Some(line.to_owned());
    }
    let words: Option<Vec<&str>> = command.as_array()?.iter().map(Value::as_str).collect();
    Some(super::unwrapped(words?.as_slice()))
}

/// A command, and how it ended where its output tells.
fn ran(command: String, said: &str) -> Ran {
    let mut ran = Ran {
        command,
        passed: Some(true),
    };
    // The runner's last words are believed of a line that runs tests, of no other.
    let tests = ran.tests().is_some();
    ran.passed = match verdict::exit_code(said) {
        Some(code) => Some(code == 0),
        None => verdict::of_output(said).filter(|_| tests),
    };
    ran
}
