//! OpenCode: one plugin file of ours, known by the mark in its first line, and nothing else.

use super::Silencer;
use super::files;
use crate::error::{Error, Result};
use crate::world::World;
use std::fs;
use std::path::{Path, PathBuf};

const PLUGIN: &str = include_str!("opencode_plugin.js");
/// What the first line of a file of ours begins with.
const MARK: &str = "// aiworklab: written by `aiworklab setup opencode`";
const NAME: &str = "aiworklab.js";

/// What OpenCode does as soon as any plugin file is there.
pub const SIDE_EFFECT: &str = "As soon as any plugin file is there, OpenCode looks for its package @opencode-ai/plugin in the npm registry \
at each start. Where the registry cannot be reached, its first request waits for about 70 s; \
npm_config_fetch_retries=0 in its environment makes that 1 s";

/// OpenCode's folder of the person's settings.
///
/// # Errors
/// [`Error::NoHome`] if the environment does not say.
pub fn folder(world: &dyn World) -> Result<PathBuf> {
    let absolute = |name| {
        world
            .env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let config =
        absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    Ok(config.ok_or(Error::NoHome)?.join("opencode"))
}

/// Where our file may stand: OpenCode reads both folders.
pub fn files(folder: &Path) -> [PathBuf; 2] {
    ["plugin", "plugins"].map(|name| folder.join(name).join(NAME))
}

/// Whether the file at `path` is ours.
///
/// # Errors
/// [`Error::File`] for the disk.
pub fn is_ours(path: &Path) -> Result<bool> {
    let bytes = files::read(path)?.unwrap_or_default();
    Ok(bytes.starts_with(MARK.as_bytes()))
}

/// The plugin that calls `program`.
pub fn plugin(program: &Path) -> String {
    let quoted = serde_json::Value::from(program.display().to_string()).to_string();
    PLUGIN
        .replace("\"@PROGRAM@\"", &quoted)
        .replace("@QUIET@", &adapters::quiet_events_of_opencode().join(" "))
}

/// What keeps our plugin from running.
pub fn silencers(world: &dyn World) -> Vec<Silencer> {
    let off = world
        .env("OPENCODE_PURE")
        .is_some_and(|value| value == "1" || value == "true");
    let why = "OPENCODE_PURE is set: no plugin runs".to_owned();
    off.then(|| Silencer {
        path: PathBuf::from("the environment"),
        why,
    })
    .into_iter()
    .collect()
}

/// Whether our file stands there, calling `program`, or another one.
pub fn installed(folder: &Path, program: &Path) -> Option<bool> {
    let wanted = plugin(program);
    let ours = files(folder)
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    let ours: Vec<_> = ours.filter(|text| text.starts_with(MARK)).collect();
    (!ours.is_empty()).then(|| ours.contains(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_bears_its_mark_and_a_program_of_any_name() {
        let text = plugin(Path::new("/a b/it's \"x\"\\/aiworklab"));
        assert!(text.starts_with(MARK));
        assert!(
            text.contains(r#"const PROGRAM = "/a b/it's \"x\"\\/aiworklab""#),
            "{text}"
        );
        assert!(!text.contains('@') || !text.contains("@QUIET@"));
        assert!(text.contains("session"));
    }
}
