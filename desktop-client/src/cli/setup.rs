//! `aiworklab setup` as it is typed.

use super::{lines, program, say};
use crate::agent::service;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::keys;
use crate::policy::Policy;
use crate::setup::{self, Report, Wish, found};
use crate::world::World;
use clap::{Args, ValueEnum};
use kernel::event;
use serde_json::{Value, json};
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Setup {
    /// Which one.
    #[arg(required_unless_present = "all")]
    harness: Option<Harness>,
    /// Every one that is found on this machine.
    #[arg(long, conflicts_with = "harness")]
    all: bool,
    /// Take out exactly what was put in.
    #[arg(long)]
    remove: bool,
    /// Show the change and make none.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before writing.
    #[arg(long)]
    yes: bool,
    /// T3 Code's folder, if it is neither $T3CODE_HOME nor ~/.t3.
    #[arg(long, value_name = "FOLDER")]
    base_dir: Option<PathBuf>,
    /// Do not offer to keep the agent running.
    #[arg(long)]
    no_agent: bool,
    /// As JSON; asks nothing.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Harness {
    /// Claude Code.
    ClaudeCode,
    /// Codex.
    Codex,
    /// OpenCode.
    #[value(name = "opencode")]
    OpenCode,
    /// T3 Code.
    #[value(name = "t3code")]
    T3Code,
}

impl From<Harness> for event::Harness {
    fn from(harness: Harness) -> Self {
        match harness {
            Harness::ClaudeCode => Self::ClaudeCode,
            Harness::Codex => Self::Codex,
            Harness::OpenCode => Self::OpenCode,
            Harness::T3Code => Self::T3Code,
        }
    }
}

/// Runs it.
pub(super) fn run(
    world: &dyn World,
    home: &Home,
    setup: &Setup,
    out: &mut dyn Write,
) -> Result<()> {
    let stdin = io::stdin();
    let terminal = stdin.is_terminal() && io::stdout().is_terminal();
    let mut answers = stdin.lock();
    // For JSON, everything that is told on the way stays untold.
    let mut silence = io::sink();
    let mut told: &mut dyn Write = if setup.json { &mut silence } else { &mut *out };
    let asking = Asking {
        before_writing: stdin.is_terminal() && !setup.yes && !setup.json,
        of_the_machine: terminal && !setup.json,
    };
    let done = all_of(world, home, setup, asking, &mut told, &mut answers)?;
    if setup.json {
        say(out, &lines(&done.json))?;
    }
    done.failed.map_or(Ok(()), Err)
}

/// What may be asked.
#[derive(Debug, Clone, Copy)]
struct Asking {
    before_writing: bool,
    of_the_machine: bool,
}

struct Done {
    json: Value,
    failed: Option<Error>,
}

fn all_of(
    world: &dyn World,
    home: &Home,
    setup: &Setup,
    asking: Asking,
    out: &mut dyn Write,
    answers: &mut dyn BufRead,
) -> Result<Done> {
    let policy = Policy::load(world);
    let program = program()?;
    let here = std::env::current_dir().ok();
    let wish = Wish {
        remove: setup.remove,
        dry_run: setup.dry_run,
        ask: asking.before_writing,
        base_dir: setup.base_dir.as_deref(),
        here: here.as_deref(),
    };
    let mut failed = None;
    let mut reports = Vec::new();
    let mut found_json = Vec::new();
    for harness in chosen(world, setup, out, &mut found_json)? {
        // What was put in may always be taken out.
        let allowed = if wish.remove {
            Ok(())
        } else {
            policy.permits_harness(harness)
        };
        let done =
            allowed.and_then(|()| setup::one(world, home, &program, harness, wish, out, answers));
        match done {
            Ok(report) => reports.push(report),
            // One harness's broken file is no reason to leave the others out.
            Err(error) if setup.all && !matches!(error, Error::Output { .. }) => {
                say(out, &error.told())?;
                reports.push(Report {
                    json: json!({"harness": harness.name(), "what": "failed", "error": {
                        "code": error.code(), "what": error.to_string(), "fix": error.fix()}}),
                    changed: false,
                });
                failed.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        if setup.all {
            say(out, "\n")?;
        }
    }
    let mut service = Value::Null;
    if setup.remove {
        if setup.all && !setup.json && service::state(world).1 != "unmanaged" {
            say(out, &format!("{}\n", service::state(world).0))?;
        }
    } else if reports.iter().any(|report| report.changed || setup.dry_run) {
        if asking.of_the_machine && !setup.dry_run {
            keys::choose(world, home, out, answers)?;
        }
        if !setup.no_agent {
            service = kept_running(world, home, setup, asking, out, answers)?;
        }
    }
    let harnesses: Vec<_> = reports.iter().map(|report| report.json.clone()).collect();
    let mut json = json!({"harnesses": harnesses, "agent": service});
    if setup.all {
        json["found"] = found_json.into();
    }
    Ok(Done { json, failed })
}

/// Offers to keep the agent running. Installs it only for a person at a terminal; says how, else.
fn kept_running(
    world: &dyn World,
    home: &Home,
    setup: &Setup,
    asking: Asking,
    out: &mut dyn Write,
    answers: &mut dyn BufRead,
) -> Result<Value> {
    if service::state(world).1 == "running" {
        return Ok(json!({"service": "running"}));
    }
    let program = program()?;
    let plan = service::install(world, home, &program, true)?;
    say(out, &format!("\n{}", plan.text))?;
    if setup.dry_run || !plan.managed {
        return Ok(plan.json);
    }
    if !asking.of_the_machine {
        say(
            out,
            "Nothing was installed. To keep the agent running: aiworklab agent install\n",
        )?;
        return Ok(plan.json);
    }
    if asking.before_writing && !setup::agreed(out, "Keep the agent running like this?", answers)? {
        say(
            out,
            "It was not installed. Later: aiworklab agent install\n",
        )?;
        return Ok(json!({"service": "declined"}));
    }
    let done = service::install(world, home, &program, false)?;
    say(out, &done.text)?;
    Ok(done.json)
}

/// The harnesses that are meant; for `--all`, those that are found, and what was found is told.
fn chosen(
    world: &dyn World,
    setup: &Setup,
    out: &mut dyn Write,
    json: &mut Vec<Value>,
) -> Result<Vec<event::Harness>> {
    if let Some(harness) = setup.harness {
        return Ok(vec![harness.into()]);
    }
    let mut chosen = Vec::new();
    for harness in event::Harness::ALL {
        let found = found::find(world, harness);
        say(out, &format!("{}\n", setup::found_line(harness, &found)))?;
        json.push(json!({
            "harness": harness.name(),
            "program": found.program,
            "version": found.version,
            "folder": found.folder,
        }));
        // Of one that is gone, what we put in is taken out all the same.
        if found.any() || setup.remove {
            chosen.push(harness);
        }
    }
    if chosen.is_empty() {
        say(
            out,
            "None of the four is on this machine; nothing to set up.\n",
        )?;
    }
    say(out, "\n")?;
    Ok(chosen)
}
