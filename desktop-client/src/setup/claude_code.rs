//! Claude Code's `settings.json`: our hooks in, our hooks out.
//!
//! One matcher group of our own is appended for each event that is used, and nothing else is
//! touched. Taking out deletes handlers whose command is this program's hook, then what became
//! empty by that.

use super::json::{self, Inner, Node, Style};
use serde_json::{Value, json};
use std::path::Path;

/// Events that are used, the tools they are wanted for, and how many seconds the harness waits.
const EVENTS: [(&str, Option<&str>, u32); 7] = [
    ("SessionStart", None, 5),
    ("UserPromptSubmit", None, 5),
    ("PostToolUse", Some(TOOLS), 5),
    ("PostToolUseFailure", Some(TOOLS), 5),
    ("PermissionRequest", None, 5),
    ("Stop", None, 5),
    ("SessionEnd", None, 1),
];
const TOOLS: &str = "Write|Edit|MultiEdit|NotebookEdit|Bash";
const TAIL: &str = " hook claude-code";

/// The command that the harness is to run.
pub fn command(program: &Path) -> String {
    let program = program.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if program.chars().all(plain) {
        format!("{program}{TAIL}")
    } else {
        format!("'{}'{TAIL}", program.replace('\'', r"'\''"))
    }
}

/// Whether a command is this program's hook, wherever the program lies or lay.
fn is_ours(command: &str) -> bool {
    let Some(program) = command.strip_suffix(TAIL) else {
        return false;
    };
    let bare = program
        .strip_prefix('\'')
        .and_then(|p| p.strip_suffix('\''))
        .unwrap_or(program);
    bare.rsplit('/').next() == Some("aiworklab")
}

/// The settings with our hooks, and only this program's.
///
/// # Errors
/// Why the text cannot be edited, in words.
pub fn with_hooks(text: &str, command: &str) -> Result<String, String> {
    if is_complete(text, command) {
        return Ok(text.to_owned());
    }
    let mut text = without_hooks(text)?;
    if text.trim().is_empty() {
        text = "{}\n".to_owned();
    }
    for (event, matcher, timeout) in EVENTS {
        let root = checked(&text)?;
        let style = Style::of(&text, &root);
        let group = group(matcher, timeout, command);
        text = match root.get("hooks") {
            None => json::append(
                &text,
                &root,
                Some("hooks"),
                &json!({event: [group]}),
                &style,
            ),
            Some(hooks) => match hooks.get(event) {
                None => json::append(&text, hooks, Some(event), &json!([group]), &style),
                Some(groups) => json::append(&text, groups, None, &group, &style),
            },
        };
    }
    Ok(text)
}

/// Our matcher group for one event.
fn group(matcher: Option<&str>, timeout: u32, command: &str) -> Value {
    let mut group = serde_json::Map::new();
    if let Some(matcher) = matcher {
        group.insert("matcher".into(), matcher.into());
    }
    let handler = json!({"type": "command", "command": command, "timeout": timeout});
    group.insert("hooks".into(), json!([handler]));
    Value::Object(group)
}

/// Whether every event calls this program's hook just as it would be written now, and nothing else
/// of ours stands there.
fn is_complete(text: &str, command: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return false;
    };
    let groups = |event: &str| {
        value
            .pointer(&format!("/hooks/{event}"))
            .and_then(Value::as_array)
    };
    let written = EVENTS.iter().all(|(event, matcher, timeout)| {
        groups(event).is_some_and(|groups| groups.contains(&group(*matcher, *timeout, command)))
    });
    let events = value
        .get("hooks")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let handlers = events
        .filter_map(|(_, groups)| groups.as_array())
        .flatten()
        .filter_map(|group| group.get("hooks").and_then(Value::as_array))
        .flatten();
    let ours = handlers
        .filter_map(|handler| handler.get("command").and_then(Value::as_str))
        .filter(|command| is_ours(command))
        .count();
    written && ours == EVENTS.len()
}

/// The settings without our hooks, and without what is empty for their going.
///
/// # Errors
/// Why the text cannot be edited, in words.
pub fn without_hooks(text: &str) -> Result<String, String> {
    let mut text = text.to_owned();
    if text.trim().is_empty() {
        return Ok(text);
    }
    loop {
        let root = checked(&text)?;
        match taken_out(&text, &root) {
            Some(less) => text = less,
            None => return Ok(text),
        }
    }
}

/// The text without the largest part that is ours alone; `None` if none is.
fn taken_out(text: &str, root: &Node) -> Option<String> {
    let hooks = root.get("hooks")?;
    let Inner::Object(events) = &hooks.inner else {
        return None;
    };
    let handler_is_ours = |handler: &Node| {
        let command = handler.get("command").map(|node| &text[node.span.clone()]);
        command
            .and_then(|command| serde_json::from_str::<String>(command).ok())
            .is_some_and(|command| is_ours(&command))
    };
    let handlers = |group: &Node| {
        group
            .get("hooks")
            .map(|h| h.items().to_vec())
            .unwrap_or_default()
    };
    let group_is_ours = |group: &Node| {
        let handlers = handlers(group);
        !handlers.is_empty() && handlers.iter().all(handler_is_ours)
    };
    let event_is_ours =
        |event: &Node| !event.items().is_empty() && event.items().iter().all(group_is_ours);
    if !events.is_empty() && events.iter().all(|(_, _, event)| event_is_ours(event)) {
        let Inner::Object(members) = &root.inner else {
            return None;
        };
        let nth = members.iter().position(|(key, _, _)| key == "hooks")?;
        return Some(json::remove(text, root, nth));
    }
    if let Some(nth) = events.iter().position(|(_, _, event)| event_is_ours(event)) {
        return Some(json::remove(text, hooks, nth));
    }
    for (_, _, event) in events {
        if let Some(nth) = event.items().iter().position(group_is_ours) {
            return Some(json::remove(text, event, nth));
        }
        for group in event.items() {
            let list = group.get("hooks");
            if let Some((list, nth)) =
                list.and_then(|l| l.items().iter().position(handler_is_ours).map(|n| (l, n)))
            {
                return Some(json::remove(text, list, nth));
            }
        }
    }
    None
}

/// The parts of settings that can be edited.
fn checked(text: &str) -> Result<Node, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let comment = text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("//") || line.starts_with("/*")
        });
        let hint = if comment {
            " (comments are no JSON)"
        } else {
            ""
        };
        format!("it is no JSON{hint}: {error}")
    })?;
    if !value.is_object() {
        return Err("it is no JSON object".to_owned());
    }
    let root = json::parse(text).ok_or("it is no JSON")?;
    if let Inner::Object(members) = &root.inner
        && members.iter().filter(|(key, _, _)| key == "hooks").count() > 1
    {
        return Err("\"hooks\" stands in it twice".to_owned());
    }
    let hooks = value.get("hooks");
    if hooks.is_some_and(|hooks| !hooks.is_object()) {
        return Err("\"hooks\" is no object".to_owned());
    }
    let events = hooks.and_then(Value::as_object).into_iter().flatten();
    for (event, groups) in events {
        if !groups.is_array() {
            return Err(format!("\"hooks.{event}\" is no list"));
        }
    }
    Ok(root)
}

/// What in these settings keeps our hooks from running, in words.
pub fn silenced_by(text: &str) -> Option<&'static str> {
    let value: Value = serde_json::from_str(text).ok()?;
    let on = |key: &str| value.get(key).and_then(Value::as_bool) == Some(true);
    if on("disableAllHooks") {
        return Some("disableAllHooks is on: no hook runs");
    }
    on("allowManagedHooksOnly")
        .then_some("allowManagedHooksOnly is on: only your organisation's hooks run")
}

/// How many of the events call this program's hook.
pub fn installed(text: &str, command: &str) -> usize {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return 0;
    };
    let called = |event: &&(&str, Option<&str>, u32)| {
        let groups = value
            .pointer(&format!("/hooks/{}", event.0))
            .and_then(Value::as_array);
        groups.into_iter().flatten().any(|group| {
            let handlers = group
                .get("hooks")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            handlers
                .into_iter()
                .any(|h| h.get("command").and_then(Value::as_str) == Some(command))
        })
    };
    EVENTS.iter().filter(called).count()
}

/// How many events there are to call it.
pub const fn wanted() -> usize {
    EVENTS.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: &str = "/opt/aiworklab/bin/aiworklab hook claude-code";
    const THEIRS: &str = include_str!("../../../tests/captures/claude-code/settings.json");

    #[test]
    fn settings_come_back_byte_for_byte() {
        let own_order = "{\n    \"z\": true,\n    \"hooks\": {\n        \"Stop\": [\n            {\n                \"hooks\": [ {\"type\":\"command\", \"command\":\"say done\"} ]\n            }\n        ]\n    },\n    \"a\": 1\n}";
        let tabs = "{\n\t\"model\": \"x\",\r\n\t\"hooks\": {\n\t\t\"Stop\": []\n\t}\n}\n";
        for text in [
            THEIRS,
            own_order,
            tabs,
            "{\"model\":\"x\"}",
            "{\n  \"model\": \"x\"\n}\n",
        ] {
            let with = with_hooks(text, COMMAND).unwrap();
            assert_eq!(installed(&with, COMMAND), wanted());
            assert_eq!(with_hooks(&with, COMMAND).unwrap(), with, "twice is once");
            let back = without_hooks(&with).unwrap();
            if text == tabs {
                // A list that was empty before us is told apart only by the kept copy.
                assert!(!back.contains("aiworklab"));
            } else {
                assert_eq!(back, text);
            }
        }
    }

    #[test]
    fn what_others_changed_since_stays() {
        let with = with_hooks("{\n  \"model\": \"x\"\n}\n", COMMAND).unwrap();
        let mut value: Value = serde_json::from_str(&with).unwrap();
        value["hooks"]["Stop"][0]["hooks"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": "command", "command": "say done"}));
        let changed = serde_json::to_string_pretty(&value).unwrap();
        let back: Value = serde_json::from_str(&without_hooks(&changed).unwrap()).unwrap();
        assert_eq!(
            back,
            json!({"model": "x", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}]}})
        );
    }

    #[test]
    fn a_program_that_moved_is_called_where_it_is() {
        let old = with_hooks("{}", "/old/aiworklab hook claude-code").unwrap();
        let new = with_hooks(&old, COMMAND).unwrap();
        assert!(!new.contains("/old/"));
        assert_eq!(installed(&new, COMMAND), wanted());
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_reason() {
        let why = with_hooks("{\n  // mine\n  \"a\": 1\n}", COMMAND).unwrap_err();
        assert!(
            why.contains("comments are no JSON") && why.contains("line 2"),
            "{why}"
        );
        assert!(with_hooks("[]", COMMAND).is_err());
        assert!(with_hooks("{\"hooks\": []}", COMMAND).is_err());
        assert!(with_hooks("{\"hooks\": {\"Stop\": 1}}", COMMAND).is_err());
        assert!(with_hooks("{\"hooks\": {}, \"hooks\": {}}", COMMAND).is_err());
    }

    #[test]
    fn a_path_with_spaces_is_one_word_for_the_shell() {
        let command = command(Path::new("/home/ada l/it's/aiworklab"));
        assert_eq!(command, r"'/home/ada l/it'\''s/aiworklab' hook claude-code");
        assert!(is_ours(&command));
        assert!(!is_ours("/usr/bin/other hook claude-code"));
    }

    #[test]
    fn what_silences_hooks_is_told() {
        assert!(silenced_by("{\"disableAllHooks\": true}").is_some());
        assert!(silenced_by("{\"allowManagedHooksOnly\": true}").is_some());
        assert!(silenced_by("{\"disableAllHooks\": false}").is_none());
    }
}
