//! The shape in which Claude Code and Codex keep hooks as JSON:
//! `hooks.<Event>[] = {matcher?, hooks: [{type, command, timeout}]}`. Our hooks in, our hooks out.
//!
//! One matcher group of our own is appended for each event that is used, and nothing else is
//! touched. A group of ours that stands there is mended where it stands: Codex knows a hook by its
//! position. Taking out deletes handlers whose command is this program's hook, then what became
//! empty by that.

use super::json::{self, Inner, Node, Style};
use serde_json::{Value, json};
use std::path::Path;

/// An event that is used.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// Its name in the settings.
    pub name: &'static str,
    /// The tools that it is wanted for; all of them if left out.
    pub matcher: Option<&'static str>,
    /// How many seconds the harness waits at most.
    pub timeout: u32,
}

/// What one harness is to be told to call.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The harness, as on our command line.
    pub harness: &'static str,
    /// The events.
    pub events: &'static [Event],
    /// Whether a hook is known by its position, so that others must not move.
    pub keeps_places: bool,
}

/// Where a handler of ours stands: the event's name, the group, the handler in it.
pub type Place = (String, usize, usize);

/// The command that a harness is to run, as one line for a POSIX shell (fish reads it alike).
pub fn command(harness: &str, program: &Path) -> String {
    let program = program.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if !program.is_empty() && program.chars().all(plain) {
        format!("{program} hook {harness}")
    } else {
        format!("'{}' hook {harness}", program.replace('\'', r"'\''"))
    }
}

/// Whether a command is this program's hook, wherever the program lies or lay.
pub fn is_ours(harness: &str, command: &str) -> bool {
    let words = shlex::split(command).unwrap_or_default();
    let [program, hook, name] = words.as_slice() else {
        return false;
    };
    let program = program.rsplit('/').next().unwrap_or_default();
    program == "aiworklab" && hook == "hook" && name == harness
}

impl Shape {
    /// The settings with our hooks, and only this program's.
    ///
    /// # Errors
    /// Why the text cannot be edited, in words.
    pub fn with(&self, text: &str, command: &str) -> Result<String, String> {
        let mut text = if text.trim().is_empty() {
            "{}\n".to_owned()
        } else {
            text.to_owned()
        };
        for event in self.events {
            let (root, value) = checked(&text)?;
            let style = Style::of(&text, &root);
            let wanted = group(event, command);
            let place = value
                .pointer(&format!("/hooks/{}", event.name))
                .and_then(Value::as_array)
                .and_then(|groups| groups.iter().position(|group| self.group_is_ours(group)));
            let groups = root.get("hooks").and_then(|hooks| hooks.get(event.name));
            if let Some((groups, nth)) = groups.zip(place)
                && let Some(node) = groups.items().get(nth)
                && serde_json::from_str::<Value>(&text[node.span.clone()]).ok()
                    != Some(wanted.clone())
            {
                text = json::replace(&text, node, &wanted, &style);
            }
        }
        while let Some(less) = self.taken_out(&text, true)? {
            text = less;
        }
        for event in self.events {
            let (root, value) = checked(&text)?;
            let style = Style::of(&text, &root);
            let wanted = group(event, command);
            let there = value
                .pointer(&format!("/hooks/{}", event.name))
                .and_then(Value::as_array);
            if there.is_some_and(|groups| groups.contains(&wanted)) {
                continue;
            }
            text = match root.get("hooks") {
                None => {
                    let hooks = json!({event.name: [wanted]});
                    json::append(&text, &root, Some("hooks"), &hooks, &style)
                }
                Some(hooks) => match hooks.get(event.name) {
                    None => json::append(&text, hooks, Some(event.name), &json!([wanted]), &style),
                    Some(groups) => json::append(&text, groups, None, &wanted, &style),
                },
            };
        }
        Ok(text)
    }

    /// The settings without our hooks, and without what is empty for their going.
    ///
    /// # Errors
    /// Why the text cannot be edited, in words.
    pub fn without(&self, text: &str) -> Result<String, String> {
        let mut text = text.to_owned();
        if text.trim().is_empty() {
            return Ok(text);
        }
        while let Some(less) = self.taken_out(&text, false)? {
            text = less;
        }
        Ok(text)
    }

    /// How many of the events call this very command.
    pub fn installed(&self, text: &str, command: &str) -> usize {
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return 0;
        };
        let called = |event: &&Event| {
            let groups = value
                .pointer(&format!("/hooks/{}", event.name))
                .and_then(Value::as_array);
            let mut handlers = groups.into_iter().flatten().flat_map(handlers);
            handlers.any(|handler| command_of(handler) == Some(command))
        };
        self.events.iter().filter(called).count()
    }

    /// Where our handlers stand; none in a text that cannot be read.
    pub fn places(&self, text: &str) -> Vec<Place> {
        self.each(text)
            .into_iter()
            .filter(|(_, command)| is_ours(self.harness, command))
            .map(|(place, _)| place)
            .collect()
    }

    /// Whether hooks of others stand in the text.
    pub fn has_others(&self, text: &str) -> bool {
        self.each(text)
            .iter()
            .any(|(_, command)| !is_ours(self.harness, command))
    }

    /// Every handler with its command.
    fn each(&self, text: &str) -> Vec<(Place, String)> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let events = value.get("hooks").and_then(Value::as_object);
        let mut found = Vec::new();
        for (event, groups) in events.into_iter().flatten() {
            for (i, group) in groups.as_array().into_iter().flatten().enumerate() {
                for (j, handler) in handlers(group).enumerate() {
                    let command = command_of(handler).unwrap_or_default().to_owned();
                    found.push(((event.clone(), i, j), command));
                }
            }
        }
        found
    }

    fn group_is_ours(&self, group: &Value) -> bool {
        let ours = |handler| command_of(handler).is_some_and(|c| is_ours(self.harness, c));
        handlers(group).next().is_some() && handlers(group).all(ours)
    }

    /// The text without the largest part that is ours alone; `None` if none is. With `keep`, the
    /// first group of ours at each event that is used stays.
    fn taken_out(&self, text: &str, keep: bool) -> Result<Option<String>, String> {
        let (root, _) = checked(text)?;
        let Some(hooks) = root.get("hooks") else {
            return Ok(None);
        };
        let Inner::Object(events) = &hooks.inner else {
            return Ok(None);
        };
        let read = |node: &Node| {
            serde_json::from_str::<Value>(&text[node.span.clone()]).unwrap_or_default()
        };
        // For each event, which of its groups go.
        let going: Vec<Vec<bool>> = events
            .iter()
            .map(|(name, _, groups)| {
                let mut spare = keep && self.events.iter().any(|event| event.name == name);
                let goes = |group| {
                    let ours = self.group_is_ours(&read(group));
                    ours && !std::mem::take(&mut spare)
                };
                groups.items().iter().map(goes).collect()
            })
            .collect();
        let all = |groups: &Vec<bool>| !groups.is_empty() && groups.iter().all(|goes| *goes);
        if !events.is_empty() && going.iter().all(all) {
            let Inner::Object(members) = &root.inner else {
                return Ok(None);
            };
            let nth = members.iter().position(|(key, _, _)| key == "hooks");
            return Ok(nth.map(|nth| json::remove(text, &root, nth)));
        }
        if let Some(nth) = going.iter().position(all) {
            return Ok(Some(json::remove(text, hooks, nth)));
        }
        for ((_, _, event), going) in events.iter().zip(&going) {
            if let Some(nth) = going.iter().position(|goes| *goes) {
                let others_follow = going.iter().skip(nth).any(|goes| !goes);
                if self.keeps_places && others_follow {
                    let style = Style::of(text, &root);
                    let empty = json!({"hooks": []});
                    let node = &event.items()[nth];
                    return Ok(Some(json::replace(text, node, &empty, &style)));
                }
                return Ok(Some(json::remove(text, event, nth)));
            }
            // A handler of ours among others'.
            for group in event
                .items()
                .iter()
                .filter(|group| !self.group_is_ours(&read(group)))
            {
                let Some(list) = group.get("hooks") else {
                    continue;
                };
                let ours = |handler: &Node| {
                    command_of(&read(handler)).is_some_and(|c| is_ours(self.harness, c))
                };
                if let Some(nth) = list.items().iter().position(ours) {
                    return Ok(Some(json::remove(text, list, nth)));
                }
            }
        }
        Ok(None)
    }
}

fn handlers(group: &Value) -> impl Iterator<Item = &Value> {
    let list = group.get("hooks").and_then(Value::as_array);
    list.into_iter().flatten()
}

fn command_of(handler: &Value) -> Option<&str> {
    handler.get("command").and_then(Value::as_str)
}

/// Our matcher group for one event.
pub fn group(event: &Event, command: &str) -> Value {
    let mut group = serde_json::Map::new();
    if let Some(matcher) = event.matcher {
        group.insert("matcher".into(), matcher.into());
    }
    let handler = json!({"type": "command", "command": command, "timeout": event.timeout});
    group.insert("hooks".into(), json!([handler]));
    Value::Object(group)
}

/// The parts of settings that can be edited.
fn checked(text: &str) -> Result<(Node, Value), String> {
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
    if let Some(Inner::Object(events)) = root.get("hooks").map(|hooks| &hooks.inner) {
        let mut names: Vec<_> = events.iter().map(|(name, _, _)| name).collect();
        names.sort();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("\"hooks.{}\" stands in it twice", pair[0]));
        }
    }
    Ok((root, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::{claude_code, codex};

    const COMMAND: &str = "/opt/aiworklab/bin/aiworklab hook claude-code";
    const CODEX: &str = "/opt/aiworklab/bin/aiworklab hook codex";
    const THEIRS: &str = include_str!("../../../tests/captures/claude-code/settings.json");
    const CLAUDE: Shape = claude_code::SHAPE;

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
            let with = CLAUDE.with(text, COMMAND).unwrap();
            assert_eq!(CLAUDE.installed(&with, COMMAND), CLAUDE.events.len());
            assert_eq!(CLAUDE.with(&with, COMMAND).unwrap(), with, "twice is once");
            let back = CLAUDE.without(&with).unwrap();
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
        let with = CLAUDE.with("{\n  \"model\": \"x\"\n}\n", COMMAND).unwrap();
        let mut value: Value = serde_json::from_str(&with).unwrap();
        value["hooks"]["Stop"][0]["hooks"]
            .as_array_mut()
            .unwrap()
            .push(json!({"type": "command", "command": "say done"}));
        let changed = serde_json::to_string_pretty(&value).unwrap();
        let back: Value = serde_json::from_str(&CLAUDE.without(&changed).unwrap()).unwrap();
        assert_eq!(
            back,
            json!({"model": "x", "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}]}})
        );
    }

    #[test]
    fn a_program_that_moved_is_called_where_it_is_and_in_its_old_place() {
        let old = CLAUDE
            .with("{}", "/old/aiworklab hook claude-code")
            .unwrap();
        let theirs = old.replacen(
            "\"Stop\": [",
            "\"Stop\": [{\"hooks\": [{\"command\": \"a\"}]},",
            1,
        );
        let theirs = CLAUDE
            .with(&theirs, "/older/aiworklab hook claude-code")
            .unwrap();
        let new = CLAUDE.with(&theirs, COMMAND).unwrap();
        assert!(!new.contains("/old"), "{new}");
        assert_eq!(CLAUDE.installed(&new, COMMAND), CLAUDE.events.len());
        assert_eq!(CLAUDE.places(&new).len(), CLAUDE.events.len());
        assert!(CLAUDE.places(&new).contains(&("Stop".into(), 1, 0)));
    }

    #[test]
    fn lines_of_ours_that_are_no_longer_wanted_go() {
        let old = json!({"hooks": {
            "PreToolUse": [{"hooks": [{"type": "command", "command": COMMAND}]}],
            "Stop": [{"hooks": [{"type": "command", "command": "'/a b/aiworklab' hook claude-code"}]},
                     {"hooks": [{"type": "command", "command": "/c/aiworklab hook claude-code"}]}],
        }});
        let new = CLAUDE.with(&old.to_string(), COMMAND).unwrap();
        let value: Value = serde_json::from_str(&new).unwrap();
        assert_eq!(value["hooks"]["PreToolUse"], Value::Null);
        assert_eq!(value["hooks"]["Stop"].as_array().unwrap().len(), 1);
        assert_eq!(CLAUDE.places(&new).len(), CLAUDE.events.len());
    }

    #[test]
    fn where_places_count_an_empty_group_holds_the_place_of_ours() {
        let shape = codex::SHAPE;
        let with = shape.with("{}", CODEX).unwrap();
        let mut value: Value = serde_json::from_str(&with).unwrap();
        value["hooks"]["Stop"]
            .as_array_mut()
            .unwrap()
            .push(json!({"hooks": [{"type": "command", "command": "say done"}]}));
        let back = shape.without(&value.to_string()).unwrap();
        let back: Value = serde_json::from_str(&back).unwrap();
        assert_eq!(
            back,
            json!({"hooks": {"Stop": [{"hooks": []}, {"hooks": [{"type": "command", "command": "say done"}]}]}})
        );
    }

    #[test]
    fn what_is_no_json_is_refused_with_the_reason() {
        let why = CLAUDE
            .with("{\n  // mine\n  \"a\": 1\n}", COMMAND)
            .unwrap_err();
        assert!(
            why.contains("comments are no JSON") && why.contains("line 2"),
            "{why}"
        );
        for text in [
            "[]",
            "{\"hooks\": []}",
            "{\"hooks\": {\"Stop\": 1}}",
            "{\"hooks\": {}, \"hooks\": {}}",
            "{\"hooks\": {\"Stop\": [], \"Stop\": []}}",
        ] {
            assert!(CLAUDE.with(text, COMMAND).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_with_spaces_or_quotes_is_one_word_for_the_shell() {
        for path in ["/home/ada l/it's/aiworklab", "/a\"b/$x/`y`/aiworklab"] {
            let command = command("claude-code", Path::new(path));
            let said = std::process::Command::new("sh")
                .args(["-c", &format!("printf '%s|' {command}")])
                .output()
                .unwrap();
            let said = String::from_utf8(said.stdout).unwrap();
            assert_eq!(said, format!("{path}|hook|claude-code|"));
            assert!(is_ours("claude-code", &command));
        }
        assert!(!is_ours("claude-code", "/usr/bin/other hook claude-code"));
        assert!(!is_ours("codex", COMMAND));
        assert!(!is_ours("claude-code", &format!("{COMMAND}; rm -r x")));
    }
}
