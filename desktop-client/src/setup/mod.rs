//! `aiworklab setup`: shows what it will change in a harness's settings, changes it, and can take it
//! back.
//!
//! | module | what |
//! |---|---|
//! | [`found`] | which harnesses this machine has |
//! | [`files`] | one file of somebody's settings: planned, shown, kept as it was, changed, put back |
//! | [`hooks`], `json` | hooks as JSON, edited as the text that a person wrote |
//! | [`claude_code`], [`codex`], [`codex_toml`], [`opencode`], [`t3code`] | each harness |
//! | [`said`] | how one line is shown inside each harness |
//! | [`checks`] | how the hooks stand, for `doctor` and `status` |
//!
//! Invariant: nothing is changed that was not shown before, and only our own parts are ever taken
//! out. What a harness asks its person (to trust a hook) is never answered by us.

pub mod checks;
pub mod claude_code;
pub mod codex;
mod codex_toml;
mod error;
pub mod files;
pub mod found;
pub mod hooks;
mod json;
pub mod opencode;
pub mod said;
pub mod t3code;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::home::Home;
use crate::world::World;
use files::Edit;
use found::Found;
use kernel::event::Harness;
use serde_json::{Value, json};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

/// What to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// Take out instead of put in.
    pub remove: bool,
    /// Show, and change nothing.
    pub dry_run: bool,
    /// Ask before writing; for a person at a terminal.
    pub ask: bool,
    /// T3 Code's folder, where the person names it.
    pub base_dir: Option<&'a Path>,
    /// Where the person stands: a repository's own settings may shut hooks off.
    pub here: Option<&'a Path>,
}

/// Something that keeps our hooks from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silencer {
    /// Where it stands.
    pub path: PathBuf,
    /// What it is, in words.
    pub why: String,
}

/// What is to be done for one harness.
#[derive(Debug, Default)]
struct Plan {
    edits: Vec<Edit>,
    /// What is true when there is nothing to change.
    already: String,
    /// What is true when it is done.
    done: String,
    /// What the person should know besides.
    notes: Vec<String>,
}

/// What was done for one harness.
#[derive(Debug)]
pub struct Report {
    /// For `--json`.
    pub json: Value,
    /// Whether something was written.
    pub changed: bool,
}

/// Sets one harness up, or takes our parts out.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be edited; [`Error::File`] for the disk.
pub fn one(
    world: &dyn World,
    home: &Home,
    program: &Path,
    harness: Harness,
    wish: Wish<'_>,
    out: &mut dyn Write,
    answers: &mut dyn BufRead,
) -> Result<Report> {
    let told = |source| Error::Output { source };
    let plan = plan(world, home, program, harness, wish)?;
    let changing: Vec<_> = plan.edits.iter().filter(|edit| edit.changes()).collect();
    let mut changed = false;
    let mut state = "unchanged";
    if changing.is_empty() {
        writeln!(out, "{}; nothing to change.", plan.already).map_err(told)?;
    } else {
        for edit in &changing {
            write!(out, "{}", edit.diff()).map_err(told)?;
        }
        if wish.dry_run {
            state = "shown";
            writeln!(out, "\nNothing was changed (--dry-run).").map_err(told)?;
        } else if wish.ask && !agreed(out, "Write this?", answers)? {
            state = "declined";
            writeln!(out, "Nothing was changed.").map_err(told)?;
        } else {
            for edit in &changing {
                edit.apply(home)?;
            }
            changed = true;
            state = if wish.remove { "removed" } else { "written" };
            writeln!(out, "\n{}", plan.done).map_err(told)?;
        }
    }
    for note in &plan.notes {
        writeln!(out, "Note: {note}.").map_err(told)?;
    }
    let files: Vec<_> = plan
        .edits
        .iter()
        .map(|edit| {
            let diff = if edit.changes() {
                edit.diff()
            } else {
                String::new()
            };
            json!({"path": edit.path, "changes": edit.changes(), "diff": diff})
        })
        .collect();
    Ok(Report {
        json: json!({
            "harness": harness.name(),
            "what": state,
            "files": files,
            "notes": plan.notes,
        }),
        changed,
    })
}

fn plan(
    world: &dyn World,
    home: &Home,
    program: &Path,
    harness: Harness,
    wish: Wish<'_>,
) -> Result<Plan> {
    let mut plan = match harness {
        Harness::ClaudeCode => plan_claude_code(world, home, program, wish)?,
        Harness::Codex => plan_codex(world, home, program, wish)?,
        Harness::OpenCode => plan_opencode(world, program, wish)?,
        Harness::T3Code => plan_t3code(world, home, wish)?,
    };
    if !wish.remove {
        let shut = silencers(world, harness, wish.here);
        plan.notes.extend(
            shut.iter()
                .map(|s| format!("{}: {}", s.path.display(), s.why)),
        );
    }
    Ok(plan)
}

/// What keeps our hooks of a harness from running.
pub fn silencers(world: &dyn World, harness: Harness, here: Option<&Path>) -> Vec<Silencer> {
    match harness {
        Harness::ClaudeCode => claude_code::folder(world)
            .map(|folder| claude_code::silencers(&folder.join("settings.json"), here))
            .unwrap_or_default(),
        Harness::Codex => codex::folder(world)
            .map(|folder| codex::silencers(&folder, here))
            .unwrap_or_default(),
        Harness::OpenCode => opencode::silencers(world),
        Harness::T3Code => Vec::new(),
    }
}

fn plan_claude_code(
    world: &dyn World,
    home: &Home,
    program: &Path,
    wish: Wish<'_>,
) -> Result<Plan> {
    let shape = claude_code::SHAPE;
    let command = hooks::command(shape.harness, program);
    let edit = Edit::plan(
        home,
        "claude-code",
        &claude_code::folder(world)?.join("settings.json"),
        wish.remove,
        &|text| shape.with(text, &command),
        &|text| shape.without(text),
    )?;
    let path = edit.path.display();
    Ok(Plan {
        already: stands(&edit, wish),
        done: if wish.remove {
            format!("Our hooks are out of {path}.")
        } else {
            format!(
                "Our hooks are in {path}. A session that runs now takes them at its next start.\n\
                 Take them out with: aiworklab setup claude-code --remove"
            )
        },
        edits: vec![edit],
        notes: Vec::new(),
    })
}

fn plan_codex(world: &dyn World, home: &Home, program: &Path, wish: Wish<'_>) -> Result<Plan> {
    let shape = codex::SHAPE;
    let command = hooks::command(shape.harness, program);
    let folder = codex::folder(world)?;
    let (hooks_file, config_file) = (folder.join("hooks.json"), folder.join("config.toml"));
    let text = |path: &Path| files::text(path, files::read(path)?.as_deref());
    let (hooks_text, config_text) = (text(&hooks_file)?, text(&config_file)?);
    let config = codex_toml::read(&config_text).map_err(|why| Error::Settings {
        path: config_file.clone(),
        why,
    })?;
    let in_toml = codex::in_toml(&hooks_text, &config);
    // Codex keeps the trust of a hook by its place: what it keeps of ours goes with ours.
    let mut states: Vec<String> = Vec::new();
    if wish.remove || in_toml {
        let places = shape.places(&hooks_text);
        states.extend(
            places
                .iter()
                .flat_map(|place| codex::keys(&hooks_file, place)),
        );
    }
    if wish.remove || !in_toml {
        let places = codex_toml::places(&config);
        states.extend(
            places
                .iter()
                .flat_map(|place| codex::keys(&config_file, place)),
        );
    }
    let in_hooks = Edit::plan(
        home,
        "codex",
        &hooks_file,
        wish.remove || in_toml,
        &|text| shape.with(text, &command),
        &|text| shape.without(text),
    )?;
    let in_config = Edit::plan(
        home,
        "codex-config",
        &config_file,
        wish.remove || !in_toml,
        &|text| {
            codex_toml::without(text, &states).and_then(|text| codex_toml::with(&text, &command))
        },
        &|text| codex_toml::without(text, &states),
    )?;
    let mut notes = Vec::new();
    let target = if in_toml { &in_config } else { &in_hooks };
    let path = target.path.display().to_string();
    if wish.remove {
        let left = |edit: &Edit| {
            let after = edit.after.as_deref().unwrap_or_default();
            let text = String::from_utf8_lossy(after).into_owned();
            edit.changes() && (text.contains("\"hooks\": []") || text.contains("hooks = []"))
        };
        if left(&in_hooks) || left(&in_config) {
            notes.push(
                "an empty group stays where ours was, so that the hooks behind it keep their places and \
                 your trust"
                    .to_owned(),
            );
        }
    } else {
        let after = target.after.as_deref().unwrap_or_default();
        let after = files::text(&target.path, Some(after))?;
        let file = if in_toml { &config_file } else { &hooks_file };
        let places = if in_toml {
            codex_toml::read(&after)
                .map(|config| codex_toml::places(&config))
                .unwrap_or_default()
        } else {
            shape.places(&after)
        };
        let trust = codex::trust(&config, file, &places, &command);
        if let Some(note) = trust_note(&trust) {
            notes.push(note.to_owned());
        }
        if !in_toml && codex_toml::has_others(&config) {
            notes.push(format!(
                "hooks stand in {} and in {}; Codex reads both, and says so at each start",
                hooks_file.display(),
                config_file.display()
            ));
        }
    }
    Ok(Plan {
        already: stands(target, wish),
        done: if wish.remove {
            format!("Our hooks are out of {path}.")
        } else {
            format!(
                "Our hooks are in {path}. A session that runs now takes them at its next start.\n\
                 Take them out with: aiworklab setup codex --remove"
            )
        },
        edits: vec![in_hooks, in_config],
        notes,
    })
}

/// What the person has to do so that Codex runs our hooks.
fn trust_note(trust: &[codex::Trust]) -> Option<&'static str> {
    use codex::Trust::{Given, Missing, Off, Stale};
    match trust.iter().max()? {
        Given => None,
        Off => Some(
            "you switched hooks of ours off in Codex; switch them on in a session of codex with /hooks",
        ),
        Stale => Some(
            "the hooks have changed, and Codex runs them only when you trust them again: start codex, \
             type /hooks, look at them and trust them",
        ),
        Missing => Some(
            "Codex runs a new hook only when you trust it, and only you can do that: start codex, type /hooks, \
             look at the ones of aiworklab and trust them",
        ),
    }
}

fn plan_opencode(world: &dyn World, program: &Path, wish: Wish<'_>) -> Result<Plan> {
    let folder = opencode::folder(world)?;
    let [usual, other] = opencode::files(&folder);
    let (in_usual, in_other) = (opencode::is_ours(&usual)?, opencode::is_ours(&other)?);
    let target = if in_other && !in_usual {
        &other
    } else {
        &usual
    };
    let mut plan = Plan {
        already: if wish.remove {
            format!("{} holds no file of ours", folder.display())
        } else {
            format!("{} is our plugin already", target.display())
        },
        done: if wish.remove {
            "Our plugin is gone.".to_owned()
        } else {
            format!(
                "Our plugin is {}. A session that runs now takes it at its next start.\n\
                 Take it out with: aiworklab setup opencode --remove",
                target.display()
            )
        },
        ..Plan::default()
    };
    let ours = [(&usual, in_usual), (&other, in_other)];
    if wish.remove {
        for (path, _) in ours.into_iter().filter(|(_, ours)| *ours) {
            plan.edits.push(Edit::own(Some("opencode"), path, None)?);
        }
        return Ok(plan);
    }
    if files::read(target)?.is_some() && !opencode::is_ours(target)? {
        return Err(error::Problem::Foreign {
            path: target.clone(),
        }
        .into());
    }
    let text = opencode::plugin(program).into_bytes();
    plan.edits
        .push(Edit::own(Some("opencode"), target, Some(text))?);
    if in_usual && in_other {
        // Both would be loaded, and each event would be told twice.
        plan.edits.push(Edit::own(None, &other, None)?);
    }
    plan.notes.push(opencode::SIDE_EFFECT.to_owned());
    Ok(plan)
}

fn plan_t3code(world: &dyn World, home: &Home, wish: Wish<'_>) -> Result<Plan> {
    let folder = t3code::folder(world, wish.base_dir)?;
    let edit = t3code::edit(home, &folder, wish.remove)?;
    let mut notes = Vec::new();
    if !wish.remove {
        notes.push(
            "T3 Code starts your own Claude Code, Codex and OpenCode: set up those that you use with it, too".to_owned(),
        );
        if !t3code::databases(&folder).iter().any(|path| path.is_file()) {
            notes.push(format!(
                "there is no database of T3 Code in {} yet; the agent looks again by itself. If T3 Code keeps it \
                 elsewhere: aiworklab setup t3code --base-dir FOLDER",
                folder.display()
            ));
        }
    }
    Ok(Plan {
        already: if wish.remove {
            "T3 Code's folder was not written down".to_owned()
        } else {
            format!("{} is read along with already", folder.display())
        },
        done: if wish.remove {
            "T3 Code's folder is forgotten.".to_owned()
        } else {
            format!(
                "The agent reads along with T3 Code's database in {}; no file of T3 Code was changed.\n\
                 Forget it with: aiworklab setup t3code --remove",
                folder.display()
            )
        },
        edits: vec![edit],
        notes,
    })
}

fn stands(edit: &Edit, wish: Wish<'_>) -> String {
    let what = if wish.remove {
        "holds nothing of ours"
    } else {
        "calls our hook already"
    };
    format!("{} {what}", edit.path.display())
}

/// What was found on this machine, in one line.
pub fn found_line(harness: Harness, found: &Found) -> String {
    let name = harness.title();
    let version = found
        .version
        .as_ref()
        .map(|v| format!(" {v}"))
        .unwrap_or_default();
    match (&found.program, &found.folder) {
        (Some(program), _) => format!("{name}{version}: {}", program.display()),
        (None, Some(folder)) => format!(
            "{name}: settings in {}, no program on the PATH",
            folder.display()
        ),
        (None, None) => format!("{name}: not found"),
    }
}

/// A harness's folder: as the environment says, else under the person's home.
fn folder(world: &dyn World, variable: &str, under_home: &str) -> Option<PathBuf> {
    let home = || {
        world
            .env("HOME")
            .map(|home| PathBuf::from(home).join(under_home))
    };
    world.env(variable).map(PathBuf::from).or_else(home)
}

/// `here` and the folders above it, up to where a repository begins.
fn up_from(here: Option<&Path>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for folder in here.into_iter().flat_map(Path::ancestors).take(32) {
        folders.push(folder.to_owned());
        if folder.join(".git").exists() {
            break;
        }
    }
    folders
}

/// Asks a question that is answered with yes or no; anything but a yes is a no.
///
/// # Errors
/// [`Error::Output`] and [`Error::Terminal`].
pub fn agreed(out: &mut dyn Write, question: &str, answers: &mut dyn BufRead) -> Result<bool> {
    write!(out, "\n{question} [y/N] ")
        .and_then(|()| out.flush())
        .map_err(|source| Error::Output { source })?;
    let mut line = String::new();
    answers
        .read_line(&mut line)
        .map_err(|source| Error::Terminal { source })?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
