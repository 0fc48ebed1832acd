//! Claude Code: `settings.json` of the person, and what may shut hooks off.

use super::Silencer;
use super::hooks::{Event, Shape};
use crate::error::{Error, Result};
use crate::world::World;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const TOOLS: &str = "Write|Edit|MultiEdit|NotebookEdit|Bash|TodoWrite|ExitPlanMode";
/// Where an organisation's own settings stand.
const MANAGED: [&str; 2] = [
    "/etc/claude-code",
    "/Library/Application Support/ClaudeCode",
];

const fn at(name: &'static str, matcher: Option<&'static str>, timeout: u32) -> Event {
    Event {
        name,
        matcher,
        timeout,
    }
}

/// The events that are used.
pub const SHAPE: Shape = Shape {
    harness: "claude-code",
    events: &[
        at("SessionStart", None, 5),
        at("UserPromptSubmit", None, 5),
        at("PostToolUse", Some(TOOLS), 5),
        at("PostToolUseFailure", Some(TOOLS), 5),
        at("TaskCreated", None, 5),
        at("TaskCompleted", None, 5),
        at("PermissionRequest", None, 5),
        at("Stop", None, 5),
        // The harness waits 1.5 s at most when it leaves.
        at("SessionEnd", None, 1),
    ],
    keeps_places: false,
};

/// The folder of the person's settings.
///
/// # Errors
/// [`Error::NoHome`] if the environment does not say.
pub fn folder(world: &dyn World) -> Result<PathBuf> {
    super::folder(world, "CLAUDE_CONFIG_DIR", ".claude").ok_or(Error::NoHome)
}

/// What keeps our hooks from running: in the person's settings, the organisation's, and those of the
/// repository `here` lies in.
pub fn silencers(settings: &Path, here: Option<&Path>) -> Vec<Silencer> {
    let mut files = vec![settings.to_owned()];
    for folder in MANAGED.map(Path::new) {
        files.push(folder.join("managed-settings.json"));
        let parts = fs::read_dir(folder.join("managed-settings.d"));
        let mut parts: Vec<_> = parts
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .collect();
        parts.sort();
        files.extend(parts);
    }
    for folder in super::up_from(here) {
        files.push(folder.join(".claude/settings.json"));
        files.push(folder.join(".claude/settings.local.json"));
    }
    let mut found: Vec<Silencer> = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        if let Some(why) = silenced_by(&text)
            && !found.iter().any(|other| other.path == path)
        {
            found.push(Silencer {
                path,
                why: why.to_owned(),
            });
        }
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_silences_hooks_is_told_with_its_file() {
        assert!(silenced_by("{\"allowManagedHooksOnly\": true}").is_some());
        assert!(silenced_by("{\"disableAllHooks\": false}").is_none());
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("settings.json");
        fs::write(&settings, "{\"disableAllHooks\": true}").unwrap();
        let inside = folder.path().join("project/deep");
        fs::create_dir_all(&inside).unwrap();
        let local = folder.path().join("project/.claude");
        fs::create_dir_all(&local).unwrap();
        let local = local.join("settings.local.json");
        fs::write(&local, "{\"disableAllHooks\": true}").unwrap();
        let found = silencers(&settings, Some(&inside));
        let paths: Vec<_> = found.iter().map(|silencer| &silencer.path).collect();
        assert_eq!(paths, [&settings, &local]);
    }
}
