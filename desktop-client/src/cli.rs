//! The command line, for everything but the hook.

use crate::agent;
use crate::edges::{self, Machine};
use crate::enrol;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::quiz::{self, Answer, Screen, plain, tui};
use crate::report;
use crate::setup;
use crate::store::{Store, fresh_stream};
use crate::sync;
use crate::words::{self, count};
use crate::world::World;
use clap::{Args, Parser, Subcommand, ValueEnum};
use kernel::catalogue::Catalogue;
use kernel::delta::{Retract, Scope};
use kernel::ids::Slug;
use kernel::sync::client;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Learns from your coding agent's work which concepts you meet, and checks now and then which of
/// them you know. Your code, prompts and paths stay on this machine.
#[derive(Debug, Parser)]
#[command(name = "aiworklab", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take one event from a harness on stdin. Harnesses call this; it never fails and prints nothing.
    Hook { harness: String },
    /// Read what the hooks left, and decide whether a check waits.
    Agent {
        /// Do it once and leave; there is no other way yet.
        #[arg(long, required = true)]
        once: bool,
    },
    /// Give one check.
    Quiz(Quiz),
    /// Give the appliance what it lacks, and take what this machine lacks.
    Sync {
        /// Print every request and what became of each delta.
        #[arg(long)]
        explain: bool,
    },
    /// Show what you know, folded from the evidence on this machine.
    Graph {
        #[arg(long)]
        json: bool,
    },
    /// Show how this client stands.
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Print the exact bytes of the next push, and send nothing.
    WhatLeaves {
        /// The bytes alone.
        #[arg(long)]
        json: bool,
    },
    /// Put this program's hook into a harness's settings, or take it out.
    Setup {
        harness: Harness,
        /// Take out exactly what was put in.
        #[arg(long)]
        remove: bool,
        /// Show the change and make none.
        #[arg(long)]
        dry_run: bool,
        /// Do not ask before writing.
        #[arg(long)]
        yes: bool,
    },
    /// Enrol this machine at your organisation's appliance.
    Enrol {
        /// The people's address, such as https://skills.corp.example:8443.
        url: String,
        /// SHA-256 of the appliance's root certificate: sha256:… as its administrator gives it.
        #[arg(long)]
        ca_fingerprint: String,
        /// What this machine is to be called there; its host name if left out.
        #[arg(long)]
        name: Option<String>,
    },
    /// Forget what you did with a concept, or with all of them, up to this hour, everywhere.
    Forget {
        /// A concept's slug, or `all`.
        what: String,
        /// Do not ask before forgetting.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
struct Quiz {
    /// In plain lines, for screen readers and scripts; the answer is read from stdin.
    #[arg(long)]
    plain: bool,
    /// Show the check and take no answer; it waits.
    #[arg(long, conflicts_with = "answer")]
    show: bool,
    /// Answer with 1-4, n for "not sure" or l for "later".
    #[arg(long, value_name = "N")]
    answer: Option<String>,
    /// A check on this concept.
    #[arg(long, value_name = "SLUG")]
    concept: Option<String>,
    /// As JSON; with --show or --answer.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Harness {
    /// Claude Code.
    ClaudeCode,
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    match command(&Machine, cli.command, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that left early (`| head`) has what it wanted.
        Err(Error::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = out.flush();
            let _ = io::stderr().write_all(error.told().as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn command(world: &dyn World, command: Command, out: &mut dyn Write) -> Result<()> {
    let home = Home::find(world)?;
    match command {
        // `main` took it before; here it is for the help text alone.
        Command::Hook { .. } => Ok(()),
        Command::Agent { .. } => {
            let mut store = Store::open(&home)?;
            let report = agent::run(world, &home, &mut store)?;
            say(out, &told(&report))
        }
        Command::Quiz(wish) => ask(world, &home, &wish, out),
        Command::Sync { explain } => {
            let mut store = Store::open(&home)?;
            agent::run(world, &home, &mut store)?;
            let moved = sync::sync(world, &home, &mut store, explain.then_some(&mut *out))?;
            let items = store.read(|txn| report::items_after_sync(txn, moved.items.as_ref()))?;
            say(
                out,
                &format!(
                    "In step: {} given, {} taken, in {}.\n{items}",
                    moved.given,
                    moved.taken,
                    count(moved.requests, "request")
                ),
            )
        }
        Command::Graph { json } => {
            let mut store = Store::open(&home)?;
            agent::run(world, &home, &mut store)?;
            let text = store.read(|txn| {
                if json {
                    Ok(lines(&report::graph_json(txn)?))
                } else {
                    report::graph_text(txn)
                }
            })?;
            say(out, &text)
        }
        Command::Status { json } => {
            let mut store = Store::open(&home)?;
            let program = program()?;
            let text = if json {
                lines(&report::status_json(world, &home, &program, &mut store)?)
            } else {
                report::status_text(world, &home, &program, &mut store)?
            };
            say(out, &text)
        }
        Command::WhatLeaves { json } => {
            let mut store = Store::open(&home)?;
            agent::run(world, &home, &mut store)?;
            if json {
                let bytes = store.read(sync::next_push)?.unwrap_or_default();
                return out
                    .write_all(&bytes)
                    .map_err(|source| Error::Output { source });
            }
            let text = store.read(report::leaves_text)?;
            say(out, &text)
        }
        Command::Setup {
            harness: Harness::ClaudeCode,
            remove,
            dry_run,
            yes,
        } => {
            let stdin = io::stdin();
            let ask = !yes && stdin.is_terminal();
            let wish = setup::Wish {
                remove,
                dry_run,
                ask,
            };
            setup::claude(world, &home, &program()?, wish, out, &mut stdin.lock())
        }
        Command::Enrol {
            url,
            ca_fingerprint,
            name,
        } => {
            let mut store = Store::open(&home)?;
            let wish = enrol::Wish {
                address: &url,
                fingerprint: &ca_fingerprint,
                name: name.as_deref(),
            };
            enrol::enrol(world, &home, &mut store, &wish, out)
        }
        Command::Forget { what, yes } => forget(world, &home, &what, yes, out),
    }
}

fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| Error::Output { source })
}

fn lines(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn program() -> Result<PathBuf> {
    edges::program().map_err(|source| Error::File {
        doing: "find this program's own path at",
        path: PathBuf::from("aiworklab"),
        source,
    })
}

fn told(report: &agent::Report) -> String {
    let mut text = format!("{} read", count(report.read, "event"));
    if report.not_understood > 0 {
        text.push_str(&format!(", {} not understood", report.not_understood));
    }
    let met: Vec<_> = report.met.iter().map(Slug::as_str).collect();
    match met.len() {
        0 => text.push_str("; no concept met."),
        n => text.push_str(&format!(
            "; {} met: {}.",
            count(n as u64, "concept"),
            met.join(", ")
        )),
    }
    if report.waiting {
        text.push_str(" A check waits: aiworklab quiz.");
    }
    text.push('\n');
    text
}

fn ask(world: &dyn World, home: &Home, wish: &Quiz, out: &mut dyn Write) -> Result<()> {
    let mut store = Store::open(home)?;
    agent::run(world, home, &mut store)?;
    let check = store.write(|txn| quiz::check(world, txn, wish.concept.as_deref()))?;
    let options = check.ask.item.options.len();
    let stdin = io::stdin();
    if wish.show {
        let text = if wish.json {
            lines(&plain::as_json(&check))
        } else {
            plain::asked(&check)
        };
        return say(out, &text);
    }
    let mut settle =
        |answer: Answer| store.write(|txn| quiz::settle(world, txn, &check.ask, answer));
    if let Some(text) = &wish.answer {
        let settled = settle(plain::answer(text, options)?)?;
        let text = if wish.json {
            lines(&plain::settled_json(&check, &settled))
        } else {
            format!(
                "{}\n{}",
                plain::asked(&check),
                plain::answered(&check, &settled)
            )
        };
        return say(out, &text);
    }
    let dumb = world.env("TERM").is_none_or(|term| term == "dumb");
    let screen = io::stdout().is_terminal() && stdin.is_terminal() && !dumb;
    if screen && !wish.plain {
        let look = tui::Look {
            colour: world.env("NO_COLOR").is_none(),
        };
        let settled = tui::run(Screen::new(check.clone()), look, settle)?;
        let left = match settled {
            None => "The check waits. `aiworklab quiz` shows it again.\n".to_owned(),
            Some(settled) if settled.answer == Answer::Later => plain::answered(&check, &settled),
            Some(_) => String::new(),
        };
        return say(out, &left);
    }
    say(out, &plain::asked(&check))?;
    let answer = loop {
        say(out, "\nAnswer: ")?;
        match plain::read_answer(&mut stdin.lock(), options) {
            Ok(answer) => break answer,
            Err(error) if stdin.is_terminal() => say(out, &error.told())?,
            Err(error) => return Err(error),
        }
    };
    match answer {
        Some(answer) => {
            let settled = settle(answer)?;
            say(out, &format!("\n{}", plain::answered(&check, &settled)))
        }
        None => say(out, "none. The check waits.\n"),
    }
}

fn forget(
    world: &dyn World,
    home: &Home,
    what: &str,
    yes: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let concept = match what {
        "all" => None,
        text => Some(Slug::new(text).map_err(|_| Error::Concept {
            text: text.to_owned(),
        })?),
    };
    let mut store = Store::open(home)?;
    // What the spool still holds is of this hour or before, and goes with the rest.
    agent::run(world, home, &mut store)?;
    if let Some(slug) = &concept {
        let met = store.read(|txn| Ok(crate::graph::pairs(txn)?.contains_key(slug)))?;
        if !met && Catalogue::builtin().get(slug).is_none() {
            return Err(Error::Concept {
                text: what.to_owned(),
            });
        }
    }
    let stdin = io::stdin();
    if !yes && stdin.is_terminal() {
        let named = concept.as_ref().map_or("all concepts", Slug::as_str);
        say(
            out,
            &format!(
                "Forget what you did with {named}, here and, at the next sync, everywhere? [y/N] "
            ),
        )?;
        let mut line = String::new();
        stdin
            .lock()
            .read_line(&mut line)
            .map_err(|source| Error::Terminal { source })?;
        if !matches!(line.trim(), "y" | "Y" | "yes") {
            return say(out, "Nothing was forgotten.\n");
        }
    }
    let scope = concept.clone().map_or(Scope::All, Scope::Concept);
    let fresh = fresh_stream(world)?;
    let clock = world.now();
    let until = store.write(|txn| {
        let hour = txn.hour_at(clock)?;
        client::retract(txn, clock, || fresh, scope.clone())?;
        txn.obey(&Retract { scope, at: hour })?;
        Ok(hour.unix() + kernel::ids::HOUR)
    })?;
    store.clear_log()?;
    let enrolled = store.read(|txn| txn.enrolment())?.is_some();
    let named = concept.as_ref().map_or("Everything", Slug::as_str);
    let rest = if enrolled {
        " The appliance and your other machines forget it at their next sync."
    } else {
        ""
    };
    let minutes = (until - clock).clamp(0, kernel::ids::HOUR) / 60 + 1;
    say(
        out,
        &format!(
            "{named} up to this hour is forgotten on this machine.{rest} \
             What you do with it in the next {} is forgotten too, so nothing of it is asked until then.\n",
            words::count(u64::try_from(minutes).unwrap_or(60), "minute")
        ),
    )
}
