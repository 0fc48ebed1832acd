//! Which harnesses this machine has: a program on the PATH, or a folder of settings.

use super::{claude_code, codex, opencode, t3code};
use crate::world::World;
use kernel::event::Harness;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What was found of a harness.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its program, first on the PATH.
    pub program: Option<PathBuf>,
    /// The folder of the person's settings, if it is there.
    pub folder: Option<PathBuf>,
    /// Its version, where its package says so.
    pub version: Option<String>,
}

impl Found {
    /// Whether the harness is on this machine at all.
    pub fn any(&self) -> bool {
        self.program.is_some() || self.folder.is_some()
    }
}

/// The name of a harness's program.
const fn program(harness: Harness) -> &'static str {
    match harness {
        Harness::ClaudeCode => "claude",
        Harness::Codex => "codex",
        Harness::OpenCode => "opencode",
        Harness::T3Code => "t3",
    }
}

/// The name of the package that a harness comes in.
const fn package(harness: Harness) -> &'static str {
    match harness {
        Harness::ClaudeCode => "@anthropic-ai/claude-code",
        Harness::Codex => "@openai/codex",
        Harness::OpenCode => "opencode-ai",
        Harness::T3Code => "t3",
    }
}

/// Looks for a harness. Starts none of its programs.
pub fn find(world: &dyn World, harness: Harness) -> Found {
    let folder = match harness {
        Harness::ClaudeCode => claude_code::folder(world),
        Harness::Codex => codex::folder(world),
        Harness::OpenCode => opencode::folder(world),
        Harness::T3Code => t3code::folder(world, None),
    };
    let program = on_path(world, program(harness));
    Found {
        version: program
            .as_deref()
            .and_then(|path| version(path, package(harness))),
        program,
        folder: folder.ok().filter(|folder| folder.is_dir()),
    }
}

fn on_path(world: &dyn World, name: &str) -> Option<PathBuf> {
    let path = world.env("PATH")?;
    let runs = |file: &PathBuf| {
        fs::metadata(file)
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(runs)
}

/// The version that stands in the package around a program, or in the program's path.
fn version(program: &Path, package: &str) -> Option<String> {
    let real = fs::canonicalize(program).ok()?;
    for folder in real.ancestors().skip(1).take(6) {
        // A package that brings its program in another one beside it.
        for folder in [folder.to_owned(), folder.join(package)] {
            let Ok(text) = fs::read_to_string(folder.join("package.json")) else {
                continue;
            };
            let Ok(value) = serde_json::from_str::<Value>(&text) else {
                continue;
            };
            let name = value
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if name == package
                && let Some(version) = value.get("version").and_then(Value::as_str)
            {
                return Some(version.to_owned());
            }
        }
    }
    // The installers that bring no package put each version into a file or folder of its own name.
    let mut names = real.iter().rev().filter_map(|name| name.to_str());
    names.find(|name| is_version(name)).map(str::to_owned)
}

/// `1.2.3`, and what may follow it.
fn is_version(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.splitn(3, '.');
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    first.is_some_and(digits)
        && second.is_some_and(digits)
        && third.is_some_and(|third| digits(third.split(['-', '+']).next().unwrap_or_default()))
}

/// The first three numbers of a version, for comparing.
pub fn numbers(version: &str) -> Option<[u64; 3]> {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::still::Still;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_program_is_found_with_the_version_of_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("lib/node_modules/@openai/codex");
        fs::create_dir_all(package.join("bin")).unwrap();
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        fs::write(
            package.join("package.json"),
            "{\"name\": \"@openai/codex\", \"version\": \"0.169.0\"}",
        )
        .unwrap();
        let real = package.join("bin/codex.js");
        fs::write(&real, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&real, folder.path().join("bin/codex")).unwrap();
        let mut world = Still::default();
        world.env.insert("PATH", folder.path().join("bin").into());
        world.env.insert("HOME", folder.path().into());
        let found = find(&world, Harness::Codex);
        assert_eq!(found.version.as_deref(), Some("0.169.0"));
        assert!(found.program.is_some() && found.folder.is_none() && found.any());
        assert!(!find(&world, Harness::OpenCode).any());
        fs::create_dir(folder.path().join(".claude")).unwrap();
        assert!(find(&world, Harness::ClaudeCode).any());
    }

    #[test]
    fn versions_are_told_from_other_names() {
        assert!(is_version("2.1.330") && is_version("0.169.0-alpha.1"));
        assert!(!is_version("python3.11") && !is_version("1.2") && !is_version("claude"));
        assert_eq!(numbers("1.18.33"), Some([1, 18, 33]));
        assert_eq!(numbers("0.169.0-alpha.1"), Some([0, 169, 0]));
        assert_eq!(numbers("next"), None);
    }
}
