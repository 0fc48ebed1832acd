//! `aiworklab setup HARNESS`: shows what it will change in the harness's settings, changes it, and
//! can take it back.
//!
//! The settings as they were are kept in our folder. If nobody changed the file since, taking back
//! puts these very bytes there; else it takes out our parts alone.

pub mod claude_code;
mod json;

use crate::error::{Error, Result};
use crate::home::{Home, private_dir, write_whole};
use crate::world::World;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io::BufRead};

const HARNESS: &str = "claude-code";
/// Where an organisation's own settings of Claude Code stand on Linux.
const MANAGED: &str = "/etc/claude-code/managed-settings.json";

/// What we did to the file last.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    path: PathBuf,
    existed: bool,
    /// SHA-256 of what we wrote, hexadecimal.
    after: String,
}

/// What to do.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Take out instead of put in.
    pub remove: bool,
    /// Show, and change nothing.
    pub dry_run: bool,
    /// Ask before writing; for a person at a terminal.
    pub ask: bool,
}

/// Where Claude Code keeps the person's settings.
///
/// # Errors
/// [`Error::NoHome`] if the environment does not say.
pub fn settings_path(world: &dyn World) -> Result<PathBuf> {
    let folder = world
        .env("CLAUDE_CONFIG_DIR")
        .map(PathBuf::from)
        .or_else(|| {
            world
                .env("HOME")
                .map(|home| PathBuf::from(home).join(".claude"))
        })
        .ok_or(Error::NoHome)?;
    Ok(folder.join("settings.json"))
}

/// Puts our hooks into Claude Code's settings, or takes them out.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be edited; [`Error::File`] for the disk.
pub fn claude(
    world: &dyn World,
    home: &Home,
    program: &Path,
    wish: Wish,
    out: &mut dyn Write,
    answers: &mut dyn BufRead,
) -> Result<()> {
    let named = settings_path(world)?;
    // A person's settings may be a link into a folder of their own: the link stays.
    let path = fs::canonicalize(&named).unwrap_or(named);
    let before = read(&path)?;
    let text = match &before {
        Some(bytes) => std::str::from_utf8(bytes).map_err(|_| Error::Settings {
            path: path.clone(),
            why: "it is no UTF-8 text".into(),
        })?,
        None => "",
    };
    let refuse = |why| Error::Settings {
        path: path.clone(),
        why,
    };
    let done = Done::read(home)?.filter(|done| done.path == path);
    let untouched = done
        .as_ref()
        .is_some_and(|done| Some(&done.after) == before.as_deref().map(hash).as_ref());
    let after = if !wish.remove {
        let command = claude_code::command(program);
        Some(
            claude_code::with_hooks(text, &command)
                .map_err(refuse)?
                .into_bytes(),
        )
    } else if untouched {
        kept(home, done.as_ref())?
    } else {
        before
            .as_ref()
            .map(|_| claude_code::without_hooks(text))
            .transpose()
            .map_err(refuse)?
            .map(String::into_bytes)
    };
    let told = |source| Error::Output { source };
    if after == before {
        let what = if wish.remove {
            "holds nothing of ours"
        } else {
            "calls our hook already"
        };
        writeln!(out, "{} {what}; nothing to change.", path.display()).map_err(told)?;
    } else {
        show(out, &path, before.as_deref(), after.as_deref()).map_err(told)?;
        if wish.dry_run {
            writeln!(out, "Nothing was changed (--dry-run).").map_err(told)?;
            return Ok(());
        }
        if wish.ask && !agreed(out, answers).map_err(told)? {
            writeln!(out, "Nothing was changed.").map_err(told)?;
            return Ok(());
        }
        if !wish.remove {
            // What counts as "before" is the file without us, also where an older setup stands in it.
            let original = match (&done, untouched) {
                (Some(done), true) => kept(home, Some(done))?,
                _ if claude_code::without_hooks(text).is_ok_and(|bare| bare == text) => {
                    before.clone()
                }
                _ => claude_code::without_hooks(text)
                    .ok()
                    .map(String::into_bytes),
            };
            Done::keep(
                home,
                &path,
                original.as_deref(),
                after.as_deref().unwrap_or_default(),
            )?;
        }
        change(&path, after.as_deref())?;
        if wish.remove {
            Done::forget(home)?;
            writeln!(out, "Our hooks are out of {}.", path.display()).map_err(told)?;
        } else {
            writeln!(
                out,
                "Our hooks are in {}. A session that runs now takes them at its next start.\n\
                 Take them out with: aiworklab setup claude-code --remove",
                path.display()
            )
            .map_err(told)?;
        }
    }
    for (file, text) in silencers(&path) {
        writeln!(out, "Note: {}: {text}.", file.display()).map_err(told)?;
    }
    Ok(())
}

/// What keeps our hooks from running, by file.
fn silencers(settings: &Path) -> Vec<(PathBuf, &'static str)> {
    [settings.to_owned(), PathBuf::from(MANAGED)]
        .into_iter()
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            claude_code::silenced_by(&text).map(|why| (path, why))
        })
        .collect()
}

/// Whether Claude Code calls our hook, in words, for `status`.
pub fn state(world: &dyn World, program: &Path) -> String {
    let Ok(path) = settings_path(world) else {
        return "not set up".into();
    };
    let text = fs::read_to_string(&path).unwrap_or_default();
    let found = claude_code::installed(&text, &claude_code::command(program));
    let silent = silencers(&path)
        .first()
        .map(|(file, why)| format!("; {}: {why}", file.display()));
    let state = match found {
        0 => "not set up".to_owned(),
        n if n == claude_code::wanted() => "set up".to_owned(),
        n => format!(
            "{n} of {} events; run `aiworklab setup claude-code`",
            claude_code::wanted()
        ),
    };
    state + &silent.unwrap_or_default()
}

impl Done {
    fn read(home: &Home) -> Result<Option<Self>> {
        let path = home.setup(HARNESS).join("done.json");
        Ok(read(&path)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    fn keep(home: &Home, path: &Path, before: Option<&[u8]>, after: &[u8]) -> Result<()> {
        let folder = home.setup(HARNESS);
        home.ensure()?;
        private_dir(&folder).map_err(|source| Error::Folder {
            path: folder.clone(),
            source,
        })?;
        let done = Self {
            path: path.to_owned(),
            existed: before.is_some(),
            after: hash(after),
        };
        let text = serde_json::to_vec_pretty(&done).unwrap_or_default();
        for (name, bytes) in [
            ("before.json", before.unwrap_or_default()),
            ("done.json", &text),
        ] {
            let path = folder.join(name);
            write_whole(&path, 0o600, bytes).map_err(|source| Error::File {
                doing: "write",
                path,
                source,
            })?;
        }
        Ok(())
    }

    fn forget(home: &Home) -> Result<()> {
        let folder = home.setup(HARNESS);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::File {
                doing: "remove",
                path: folder,
                source: error,
            }),
            _ => Ok(()),
        }
    }
}

/// The settings as they were before us; none if there were none.
fn kept(home: &Home, done: Option<&Done>) -> Result<Option<Vec<u8>>> {
    match done {
        Some(done) if done.existed => read(&home.setup(HARNESS).join("before.json")),
        _ => Ok(None),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            doing: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

fn change(path: &Path, after: Option<&[u8]>) -> Result<()> {
    let failed = |doing| {
        move |source| Error::File {
            doing,
            path: path.to_owned(),
            source,
        }
    };
    let Some(bytes) = after else {
        return fs::remove_file(path).map_err(failed("remove"));
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    }
    let mode = fs::metadata(path).map_or(0o600, |data| data.permissions().mode() & 0o7777);
    write_whole(path, mode, bytes).map_err(failed("write"))
}

fn show(
    out: &mut dyn Write,
    path: &Path,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
) -> io::Result<()> {
    let text =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let (before, after) = (text(before), text(after));
    let name = path.display().to_string();
    let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
    writeln!(
        out,
        "{}",
        diff.unified_diff().context_radius(3).header(&name, &name)
    )
}

fn agreed(out: &mut dyn Write, answers: &mut dyn BufRead) -> io::Result<bool> {
    write!(out, "Write this? [y/N] ")?;
    out.flush()?;
    let mut line = String::new();
    answers.read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::still::Still;

    struct Desk {
        folder: tempfile::TempDir,
        world: Still,
    }

    impl Desk {
        fn new(settings: Option<&str>) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut world = Still::default();
            world
                .env
                .insert("CLAUDE_CONFIG_DIR", folder.path().join("claude").into());
            let desk = Self { folder, world };
            if let Some(text) = settings {
                fs::create_dir(desk.folder.path().join("claude")).unwrap();
                fs::write(desk.settings(), text).unwrap();
            }
            desk
        }

        fn settings(&self) -> PathBuf {
            self.folder.path().join("claude/settings.json")
        }

        fn run(&self, remove: bool, dry_run: bool) -> Result<String> {
            let home = Home::at(self.folder.path().join("home"));
            let mut out = Vec::new();
            let wish = Wish {
                remove,
                dry_run,
                ask: false,
            };
            let program = Path::new("/opt/aiworklab");
            claude(
                &self.world,
                &home,
                program,
                wish,
                &mut out,
                &mut io::empty(),
            )?;
            Ok(String::from_utf8(out).unwrap())
        }

        fn text(&self) -> Option<String> {
            fs::read_to_string(self.settings()).ok()
        }
    }

    #[test]
    fn setting_up_and_removing_restores_every_byte() {
        for text in [
            "{ }",
            "{\n  \"hooks\": {\n    \"Stop\": [ ]\n  }\n}\n",
            "{\"a\":1}\n\n",
        ] {
            let desk = Desk::new(Some(text));
            let shown = desk.run(false, false).unwrap();
            assert!(
                shown.contains("+") && shown.contains("aiworklab hook claude-code"),
                "{shown}"
            );
            assert!(
                desk.run(false, false)
                    .unwrap()
                    .contains("nothing to change")
            );
            desk.run(true, false).unwrap();
            assert_eq!(desk.text().as_deref(), Some(text));
        }
    }

    #[test]
    fn a_file_that_was_not_there_is_gone_again() {
        let desk = Desk::new(None);
        desk.run(false, false).unwrap();
        assert!(desk.text().is_some());
        desk.run(true, false).unwrap();
        assert_eq!(desk.text(), None);
    }

    #[test]
    fn what_was_changed_since_is_kept() {
        let desk = Desk::new(Some("{\n  \"a\": 1\n}\n"));
        desk.run(false, false).unwrap();
        let changed = desk.text().unwrap().replace("\"a\": 1", "\"a\": 2");
        fs::write(desk.settings(), changed).unwrap();
        desk.run(true, false).unwrap();
        assert_eq!(desk.text().as_deref(), Some("{\n  \"a\": 2\n}\n"));
    }

    #[test]
    fn a_dry_run_shows_and_changes_nothing() {
        let desk = Desk::new(Some("{}"));
        assert!(desk.run(false, true).unwrap().contains("+  \"hooks\": {"));
        assert_eq!(desk.text().as_deref(), Some("{}"));
    }

    #[test]
    fn a_link_stays_a_link() {
        let desk = Desk::new(Some("{}"));
        let real = desk.folder.path().join("dotfiles.json");
        fs::rename(desk.settings(), &real).unwrap();
        std::os::unix::fs::symlink(&real, desk.settings()).unwrap();
        desk.run(false, false).unwrap();
        assert!(fs::symlink_metadata(desk.settings()).unwrap().is_symlink());
        assert!(fs::read_to_string(real).unwrap().contains("aiworklab"));
    }

    #[test]
    fn a_file_with_comments_is_left_as_it_is() {
        let desk = Desk::new(Some("{\n  // mine\n}"));
        let error = desk.run(false, false).unwrap_err();
        assert!(
            error.told().contains("comments are no JSON"),
            "{}",
            error.told()
        );
        assert_eq!(desk.text().as_deref(), Some("{\n  // mine\n}"));
    }
}
