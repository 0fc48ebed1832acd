//! How the hooks of each harness stand, for `doctor` and `status`.
//!
//! Read off files alone: no program of a harness is started, nothing is changed.

use super::codex::{self, Trust};
use super::found::{self, Found};
use super::{Silencer, claude_code, codex_toml, files, hooks, opencode, silencers, t3code};
use crate::doctor::Finding;
use crate::error::Result;
use crate::home::Home;
use crate::words::count;
use crate::world::World;
use kernel::event::Harness;
use std::collections::BTreeMap;
use std::path::Path;

/// What the personal store knows of what was heard.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// When each harness was heard last, in seconds by this machine's clock.
    pub last: BTreeMap<Harness, i64>,
    /// What could not be used, by name (`codex: unknown …`), and how often.
    pub tallies: BTreeMap<String, u64>,
}

/// The newest version of each harness that this release was tried with.
const fn tried(harness: Harness) -> &'static str {
    match harness {
        Harness::ClaudeCode => "2.1.330",
        Harness::Codex => "0.169.0",
        Harness::OpenCode => "1.18.33",
        Harness::T3Code => "0.0.21",
    }
}

/// How our hooks stand in a harness's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hooks {
    /// None of ours.
    Missing,
    /// All of them, calling this program.
    Here,
    /// Some, or calling another one.
    Partly(String),
}

fn hooks_of(world: &dyn World, program: &Path, harness: Harness) -> Result<Hooks> {
    let text = |path: &Path| files::text(path, files::read(path)?.as_deref());
    let of = |installed: usize, places: usize, wanted: usize| match (installed, places) {
        (_, 0) => Hooks::Missing,
        (n, places) if n == wanted && places == wanted => Hooks::Here,
        (0, _) => Hooks::Partly("another copy of this program is called".to_owned()),
        (n, places) if places > n => Hooks::Partly(format!(
            "{n} of {wanted} events call this program, and older lines of ours stand beside them"
        )),
        (n, _) => Hooks::Partly(format!("{n} of {wanted} events call it")),
    };
    Ok(match harness {
        Harness::ClaudeCode => {
            let shape = claude_code::SHAPE;
            let text = text(&claude_code::folder(world)?.join("settings.json"))?;
            let command = hooks::command(shape.harness, program);
            of(
                shape.installed(&text, &command),
                shape.places(&text).len(),
                shape.events.len(),
            )
        }
        Harness::Codex => {
            let shape = codex::SHAPE;
            let folder = codex::folder(world)?;
            let command = hooks::command(shape.harness, program);
            let hooks_text = text(&folder.join("hooks.json"))?;
            let config = codex_toml::read(&text(&folder.join("config.toml"))?).unwrap_or_default();
            of(
                shape.installed(&hooks_text, &command) + codex_toml::installed(&config, &command),
                shape.places(&hooks_text).len() + codex_toml::places(&config).len(),
                shape.events.len(),
            )
        }
        Harness::OpenCode => match opencode::installed(&opencode::folder(world)?, program) {
            None => Hooks::Missing,
            Some(true) => Hooks::Here,
            Some(false) => {
                Hooks::Partly("our plugin is of another release or calls another copy".to_owned())
            }
        },
        Harness::T3Code => Hooks::Missing,
    })
}

/// How far the person trusts our hooks in Codex.
fn trust(world: &dyn World, program: &Path) -> Result<Vec<Trust>> {
    let folder = codex::folder(world)?;
    let (hooks_file, config_file) = (folder.join("hooks.json"), folder.join("config.toml"));
    let text = |path: &Path| files::text(path, files::read(path)?.as_deref());
    let config = codex_toml::read(&text(&config_file)?).unwrap_or_default();
    let command = hooks::command(codex::SHAPE.harness, program);
    let places = codex::SHAPE.places(&text(&hooks_file)?);
    let mut found = codex::trust(&config, &hooks_file, &places, &command);
    found.extend(codex::trust(
        &config,
        &config_file,
        &codex_toml::places(&config),
        &command,
    ));
    Ok(found)
}

/// Whether a harness calls our hook, in words, for `status`.
pub fn state(world: &dyn World, program: &Path, harness: Harness) -> String {
    let mut state = match hooks_of(world, program, harness) {
        Ok(Hooks::Missing) => "not set up".to_owned(),
        Ok(Hooks::Here) => "set up".to_owned(),
        Ok(Hooks::Partly(how)) => format!("{how}; run `aiworklab setup {}`", harness.name()),
        Err(error) => return error.to_string(),
    };
    if harness == Harness::Codex
        && trust(world, program).is_ok_and(|trust| trust.iter().any(|t| *t != Trust::Given))
    {
        state.push_str("; not trusted in Codex yet (/hooks)");
    }
    if let Some(Silencer { path, why }) = silencers(world, harness, None).first() {
        state.push_str(&format!("; {}: {why}", path.display()));
    }
    state
}

/// One finding and more for each harness.
pub fn checks(
    world: &dyn World,
    home: &Home,
    program: &Path,
    here: Option<&Path>,
    heard: &Heard,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut any = false;
    for harness in Harness::ALL {
        let found = found::find(world, harness);
        let hooks = match harness {
            Harness::T3Code => Ok(match t3code::watched(home) {
                Some(_) => Hooks::Here,
                None => Hooks::Missing,
            }),
            _ => hooks_of(world, program, harness),
        };
        if !found.any() && matches!(hooks, Ok(Hooks::Missing)) {
            continue;
        }
        any |= matches!(hooks, Ok(Hooks::Here));
        findings.push(standing(harness, &found, hooks));
        findings.extend(version(harness, &found));
        if harness == Harness::Codex {
            findings.extend(trusted(world, program));
        }
        if harness == Harness::T3Code {
            findings.extend(database(home));
        }
        for Silencer { path, why } in silencers(world, harness, here) {
            findings.push(Finding::fail(
                format!("{}'s hooks are shut off", harness.title()),
                format!("{}: {why}.", path.display()),
                "If your organisation decides it, nothing can be done here; else change it in that file.",
            ));
        }
        findings.extend(ears(world, harness, heard));
    }
    if !any {
        findings.push(Finding::warn(
            "No harness is set up",
            "Nothing is heard of what a coding agent does.",
            "Run `aiworklab setup --all`.",
        ));
    }
    findings
}

fn standing(harness: Harness, found: &Found, hooks: Result<Hooks>) -> Finding {
    let name = harness.title();
    let again = format!("Run `aiworklab setup {}`.", harness.name());
    match hooks {
        Ok(Hooks::Here) if harness == Harness::T3Code => {
            Finding::ok(format!("{name}: its database is read along with"))
        }
        Ok(Hooks::Here) => Finding::ok(format!("{name}: our hook is in its settings")),
        Ok(Hooks::Missing) => Finding::warn(
            format!("{name}: on this machine, and not set up"),
            super::found_line(harness, found),
            again,
        ),
        Ok(Hooks::Partly(how)) => Finding::fail(
            format!("{name}: our hook is not as it should be"),
            format!("{how}."),
            again,
        ),
        Err(error) => Finding::fail(
            format!("{name}: its settings cannot be read"),
            error.to_string(),
            error.fix(),
        ),
    }
}

fn version(harness: Harness, found: &Found) -> Option<Finding> {
    let version = found.version.as_deref()?;
    let tried = tried(harness);
    let newer = found::numbers(version)? > found::numbers(tried)?;
    let what = format!("{} {version}", harness.title());
    Some(if newer {
        Finding::ok_because(
            what,
            format!(
                "Newer than {tried}, with which this release was tried. What it does not know of a newer one it counts \
                 and leaves alone."
            ),
        )
    } else {
        Finding::ok_because(
            what,
            format!("This release was tried with versions up to {tried}."),
        )
    })
}

fn trusted(world: &dyn World, program: &Path) -> Option<Finding> {
    let trust = trust(world, program).ok()?;
    let without = trust.iter().filter(|trust| **trust != Trust::Given).count();
    let note = super::trust_note(&trust);
    (!trust.is_empty()).then(|| match note {
        None => Finding::ok("Codex: you trust our hooks there"),
        Some(note) => Finding::fail(
            format!(
                "Codex: {} of ours {} not run",
                count(without as u64, "hook"),
                if without == 1 { "does" } else { "do" }
            ),
            format!("{}.", upper(note)),
            "Start codex, type /hooks, look at the hooks of aiworklab, and trust them.",
        ),
    })
}

fn database(home: &Home) -> Option<Finding> {
    let folder = t3code::watched(home)?;
    let there = t3code::databases(&folder).iter().any(|path| path.is_file());
    (!there).then(|| {
        Finding::warn(
            "T3 Code: there is no database to read",
            format!("None in {}.", folder.display()),
            "Start T3 Code once; if it keeps its folder elsewhere: aiworklab setup t3code --base-dir FOLDER.",
        )
    })
}

/// When the harness was heard last, and what of it was not understood.
fn ears(world: &dyn World, harness: Harness, heard: &Heard) -> Vec<Finding> {
    let name = harness.title();
    let mut findings = Vec::new();
    if let Some(at) = heard.last.get(&harness) {
        let ago = (world.now() - at).max(0);
        let ago = match ago {
            0..3_600 => count(ago.unsigned_abs() / 60, "minute"),
            3_600..86_400 => count(ago.unsigned_abs() / 3_600, "hour"),
            _ => count(ago.unsigned_abs() / 86_400, "day"),
        };
        findings.push(Finding::ok(format!("{name}: heard last {ago} ago")));
    }
    let prefix = format!("{}: ", harness.name());
    let unknown: Vec<String> = heard
        .tallies
        .iter()
        .filter_map(|(what, n)| Some(format!("{} ({n})", what.strip_prefix(&prefix)?)))
        .collect();
    if !unknown.is_empty() {
        findings.push(Finding::warn(
            format!("{name}: some of what it says is not understood"),
            format!("{}.", unknown.join(", ")),
            "Nothing is lost but these. A newer release of this program may know them.",
        ));
    }
    findings
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().collect::<String>() + chars.as_str())
        .unwrap_or_default()
}
