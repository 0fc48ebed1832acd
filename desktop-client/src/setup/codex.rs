//! Codex: `hooks.json`, or `[hooks]` in `config.toml` where the person keeps theirs there; which of
//! our hooks the person has trusted; and what may shut hooks off.
//!
//! A new or changed hook does not run until the person trusts it in Codex (`/hooks`). That is the
//! person's own word: we never write it. It is kept by file, event and position, with a hash of the
//! definition.

use super::Silencer;
use super::codex_toml;
use super::hooks::{Event, Place, Shape};
use crate::error::{Error, Result};
use crate::world::World;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use toml_edit::DocumentMut;

/// Where an organisation's own settings stand.
const MANAGED: [&str; 3] = [
    "/etc/codex/requirements.toml",
    "/etc/codex/managed_config.toml",
    "/etc/codex/config.toml",
];

const fn at(name: &'static str, timeout: u32) -> Event {
    Event {
        name,
        matcher: None,
        timeout,
    }
}

/// The events that are used.
pub const SHAPE: Shape = Shape {
    harness: "codex",
    events: &[
        at("SessionStart", 5),
        at("UserPromptSubmit", 5),
        at("PostToolUse", 5),
        at("PermissionRequest", 5),
        at("Stop", 5),
        // Cut to 3 s by Codex, with a warning in every session if more is written.
        at("Interrupt", 3),
        at("SessionEnd", 3),
    ],
    keeps_places: true,
};

/// Codex's home.
///
/// # Errors
/// [`Error::NoHome`] if the environment does not say.
pub fn folder(world: &dyn World) -> Result<PathBuf> {
    super::folder(world, "CODEX_HOME", ".codex").ok_or(Error::NoHome)
}

/// Whether the hooks are to stand in `config.toml`: only where the person keeps theirs there alone.
pub fn in_toml(hooks: &str, config: &DocumentMut) -> bool {
    codex_toml::has_others(config) && !SHAPE.has_others(hooks)
}

/// How far the person trusts a hook of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// As it is written now.
    Given,
    /// It was trusted, and has changed since.
    Stale,
    /// Never.
    Missing,
    /// The person switched it off.
    Off,
}

/// How far the person trusts our hooks, one for each place: `file` is the one that they stand in.
pub fn trust(config: &DocumentMut, file: &Path, places: &[Place], command: &str) -> Vec<Trust> {
    let event = |name: &str| SHAPE.events.iter().find(|event| event.name == name);
    let known = places
        .iter()
        .filter_map(|place| Some((place, event(&place.0)?)));
    known
        .map(|(place, event)| {
            let entries = keys(file, place)
                .into_iter()
                .filter_map(|key| codex_toml::state(config, &key))
                .collect::<Vec<_>>();
            if entries.iter().any(|entry| entry.enabled == Some(false)) {
                return Trust::Off;
            }
            let hashes: Vec<_> = entries
                .iter()
                .filter_map(|entry| entry.hash.as_ref())
                .collect();
            if hashes.is_empty() {
                Trust::Missing
            } else if hashes
                .iter()
                .any(|hash| **hash == definition(event, command))
            {
                Trust::Given
            } else {
                Trust::Stale
            }
        })
        .collect()
}

/// The keys under which Codex may keep the trust of the hook at a place.
pub fn keys(file: &Path, (event, group, handler): &Place) -> Vec<String> {
    let mut files = vec![file.to_owned()];
    files.extend(fs::canonicalize(file));
    // A file that is gone by now: its folder may be named through a link all the same.
    if let (Some(folder), Some(name)) = (file.parent(), file.file_name()) {
        files.extend(fs::canonicalize(folder).map(|folder| folder.join(name)));
    }
    files.sort();
    files.dedup();
    files
        .iter()
        .map(|file| format!("{}:{}:{group}:{handler}", file.display(), snake(event)))
        .collect()
}

/// The hash that Codex takes of one hook's definition (0.169.0: SHA-256 over its JSON with sorted keys).
fn definition(event: &Event, command: &str) -> String {
    let identity = json!({
        "event_name": snake(event.name),
        "hooks": [{"async": false, "command": command, "timeout": event.timeout, "type": "command"}],
    });
    format!(
        "sha256:{}",
        hex::encode(Sha256::digest(identity.to_string()))
    )
}

/// `SessionStart` as `session_start`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (n, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && n > 0 {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

/// What keeps our hooks from running: in the person's settings, the organisation's, and those of the
/// repository `here` lies in.
pub fn silencers(folder: &Path, here: Option<&Path>) -> Vec<Silencer> {
    let config = folder.join("config.toml");
    let mut files = vec![config];
    files.extend(MANAGED.map(PathBuf::from));
    files.extend(
        super::up_from(here)
            .into_iter()
            .map(|folder| folder.join(".codex/config.toml")),
    );
    let mut found: Vec<Silencer> = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap_or_default();
        if let Some(why) = silenced_by(&text)
            && !found.iter().any(|other| other.path == path)
        {
            found.push(Silencer {
                path,
                why: why.to_owned(),
            });
        }
    }
    let hooks = folder.join("hooks.json");
    let text = fs::read_to_string(&hooks).unwrap_or_default();
    if let Ok(Value::Object(root)) = serde_json::from_str(&text)
        && let Some(key) = root
            .keys()
            .find(|key| *key != "hooks" && *key != "description")
    {
        found.push(Silencer {
            path: hooks,
            why: format!("the key {key:?} is not Codex's; it may refuse the whole file"),
        });
    }
    found
}

/// What in these settings keeps our hooks from running, in words.
fn silenced_by(text: &str) -> Option<&'static str> {
    let document: DocumentMut = text.parse().ok()?;
    let set = |table: Option<&str>, key: &str| {
        let item = match table {
            Some(table) => document.get(table)?.get(key)?,
            None => document.get(key)?,
        };
        item.as_bool()
    };
    for key in ["hooks", "codex_hooks"] {
        if set(Some("features"), key) == Some(false) {
            return Some("[features] hooks = false: no hook runs");
        }
    }
    (set(None, "allow_managed_hooks_only") == Some(true))
        .then_some("allow_managed_hooks_only is on: only your organisation's hooks run")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMAND: &str = "/opt/aiworklab hook codex";

    #[test]
    fn the_hash_of_a_definition_is_codexs_own() {
        // As `hooks/list` of Codex 0.169.0 told it.
        assert_eq!(
            definition(&at("Stop", 5), "/tmp/hx/x/said.sh one"),
            "sha256:9d6673c3a54f94afabb281930b31ffaa048d1cd258114bd17edf63d2faa072f1"
        );
    }

    #[test]
    fn trust_is_read_and_told_apart_by_the_definition() {
        let file = Path::new("/home/ada/.codex/hooks.json");
        let places: Vec<Place> = [
            ("Stop", 0),
            ("SessionEnd", 1),
            ("Interrupt", 0),
            ("SessionStart", 2),
        ]
        .map(|(event, group)| (event.to_owned(), group, 0))
        .into();
        let key = |event: &str| format!("[hooks.state.\"{}:{event}:", file.display());
        let text = format!(
            "{}0:0\"]\ntrusted_hash = \"{}\"\n{}1:0\"]\ntrusted_hash = \"sha256:00\"\n{}0:0\"]\nenabled = false\n",
            key("stop"),
            definition(&at("Stop", 5), COMMAND),
            key("session_end"),
            key("interrupt"),
        );
        let found = trust(&text.parse().unwrap(), file, &places, COMMAND);
        assert_eq!(
            found,
            [Trust::Given, Trust::Stale, Trust::Off, Trust::Missing]
        );
    }

    #[test]
    fn what_silences_hooks_is_told() {
        assert!(silenced_by("[features]\nhooks = false\n").is_some());
        assert!(silenced_by("features.codex_hooks = false\n").is_some());
        assert!(silenced_by("allow_managed_hooks_only = true\n").is_some());
        assert!(silenced_by("[features]\nhooks = true\n").is_none());
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("hooks.json"),
            "{\"hooks\": {}, \"mine\": 1}",
        )
        .unwrap();
        let found = silencers(folder.path(), None);
        assert!(found.iter().any(|silencer| silencer.why.contains("mine")));
    }
}
