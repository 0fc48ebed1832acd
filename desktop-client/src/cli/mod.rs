//! The command line, for everything but the hook.

mod agent;
mod doctor;
mod export;
mod keys;
mod model;
mod pause;
mod protect;
mod quiz;
mod recap;
mod set;
mod setup;
mod shell;
#[cfg(test)]
mod tests;

use crate::edges::{self, Machine};
use crate::enrol;
use crate::error::{Error, Result};
use crate::forget;
use crate::home::Home;
use crate::likeness;
use crate::policy::Policy;
use crate::replay;
use crate::report;
use crate::store::Store;
use crate::sync;
use crate::tag;
use crate::why;
use crate::wishes;
use crate::words::count;
use crate::world::World;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::io::{self, Write};
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
    /// Take one event from a harness on stdin. Harnesses call this; it never fails.
    Hook {
        /// Whose event it is.
        #[arg(required_unless_present = "drain")]
        harness: Option<String>,
        /// Hand over what waited while AIWORKLAB_SOCKET led nowhere.
        #[arg(long)]
        drain: bool,
    },
    /// Hear what the hooks tell until stopped, and decide whether a check waits.
    Agent(agent::Agent),
    /// Write everything that is held here about you as JSON.
    Export(export::Export),
    /// Show whether your graph is encrypted and why, or say what you want.
    Protect(protect::Protect),
    /// Give one check.
    Quiz(quiz::Quiz),
    /// Say what your agents did lately in concepts, or with --week what you now know.
    Recap(recap::Recap),
    /// Ask and show nothing for a while; what you meet is counted all the same.
    Pause(pause::Pause),
    /// Give the appliance what it lacks, and take what this machine lacks.
    Sync {
        /// Print every request and what became of each delta.
        #[arg(long, conflicts_with = "json")]
        explain: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
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
    /// Show which concepts a change meets, line by line and by which rule. Changes nothing.
    Tag {
        /// A file with a diff, a commit, A..B for what lies between two, or - for standard input.
        #[arg(value_name = "FILE|COMMIT", required_unless_present = "plan")]
        what: Option<String>,
        /// The steps of a plan instead, one a line; - for standard input.
        #[arg(long, value_name = "TEXT|-", conflicts_with = "what")]
        plan: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Say why something was asked lately, or was not; or all that is known here of one concept.
    Why {
        /// A concept's slug.
        concept: Option<String>,
        #[arg(long)]
        json: bool,
    },
    /// Say that a tag was wrong: the rule that made it rests on this machine.
    Wrong {
        /// The concept's slug.
        #[arg(required_unless_present = "list")]
        concept: Option<String>,
        /// The rule; the ones that tagged last, if left out.
        #[arg(long, value_name = "ID")]
        rule: Option<String>,
        /// Let the rules work again.
        #[arg(long)]
        undo: bool,
        /// Show which rules rest.
        #[arg(long, conflicts_with_all = ["concept", "rule", "undo"])]
        list: bool,
        #[arg(long)]
        json: bool,
    },
    /// Neither note nor ask a concept, with all below it, or a domain such as pg.
    Mute {
        /// A concept's slug, or a domain.
        #[arg(required_unless_present = "list", value_name = "CONCEPT|DOMAIN")]
        what: Option<String>,
        /// Show what is muted.
        #[arg(long, conflicts_with = "what")]
        list: bool,
        #[arg(long)]
        json: bool,
    },
    /// Take a mute back.
    Unmute {
        /// What was muted.
        #[arg(value_name = "CONCEPT|DOMAIN")]
        what: String,
        #[arg(long)]
        json: bool,
    },
    /// Say that you know a concept: two harder checks, then quiet for six months.
    Know {
        /// The concept's slug.
        #[arg(required_unless_present = "list")]
        concept: Option<String>,
        /// Take it back.
        #[arg(long)]
        undo: bool,
        /// Show what you said to know.
        #[arg(long, conflicts_with_all = ["concept", "undo"])]
        list: bool,
        #[arg(long)]
        json: bool,
    },
    /// Turn asking unasked on or off; `quiz` works either way.
    Asking {
        /// On or off.
        turn: Turn,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what this program would make of recorded sessions: what it would tag, ask, and when.
    Replay(Replay),
    /// Put this program's hook into a harness's settings, or take it out.
    Setup(setup::Setup),
    /// Enrol this machine at your organisation's appliance.
    Enrol {
        /// The people's address, such as https://skills.corp.example:8443; that of your organisation's
        /// policy, if left out.
        url: Option<String>,
        /// SHA-256 of the appliance's root certificate: sha256:… as its administrator gives it; that of
        /// your organisation's policy, if left out.
        #[arg(long, value_name = "SHA256")]
        ca_fingerprint: Option<String>,
        /// What this machine is to be called there; its host name if left out.
        #[arg(long)]
        name: Option<String>,
        /// The appliance that this graph was enrolled at is no more, and this one takes its place: all
        /// that you recorded goes to this one.
        #[arg(long)]
        take_graph_along: bool,
        /// What came of it as JSON; what to do meanwhile is told on stderr.
        #[arg(long)]
        json: bool,
    },
    /// Forget what you did with a concept, or with all of them, up to this hour, everywhere.
    Forget {
        /// A concept's slug, or `all`.
        what: String,
        /// Do not ask before forgetting.
        #[arg(long)]
        yes: bool,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show or change your settings: quiet hours, days off, and the ways in which a check is offered.
    Set(set::Set),
    /// Show what your organisation laid down for this machine, and what comes of it.
    Policy(set::PolicyOf),
    /// Look at every part of this client: what is well, what is not, and what to do about it.
    Doctor(doctor::Doctor),
    /// Show where this client's secrets lie, or move them all into the keychain or into files.
    Keys(keys::Keys),
    /// Your own model: checks about your own lines. Off unless you set one.
    Model(model::Model),
    /// Print what a shell sources to complete commands, options and concepts.
    Completions(shell::Completions),
    /// Print the main man page, or write one page a command into a folder.
    Man(shell::Man),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Turn {
    On,
    Off,
}

#[derive(Debug, Args)]
struct Replay {
    /// Files of recorded sessions, one JSON object a line, in the order in which they happened.
    #[arg(required = true, value_name = "SESSION")]
    sessions: Vec<PathBuf>,
    /// Whose sessions they are: claude-code, codex, opencode, t3code; by the folder's name if left out.
    #[arg(long)]
    harness: Option<String>,
    /// The day of the first session, on which the program is new. If left out, it is a Monday whose
    /// silent first week has passed.
    #[arg(long, value_name = "YYYY-MM-DD")]
    began: Option<String>,
    /// How checks are answered; if left out they are not, and one that waits holds back the next.
    #[arg(long)]
    answers: Option<replay::Answers>,
    /// Which random numbers are drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Show every payload, not those alone that meet a concept or decide something.
    #[arg(long)]
    all: bool,
    #[arg(long)]
    json: bool,
}

/// Runs what the command line says.
pub fn run() -> ExitCode {
    // Looked for by itself, so that a line that cannot be parsed is told in the same way.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(wrong) if json && wrong.use_stderr() => {
            let _ = io::stderr().write_all(lines(&usage(&wrong)).as_bytes());
            return ExitCode::from(2);
        }
        Err(other) => other.exit(),
    };
    let mut out = io::stdout().lock();
    let done = match cli.command {
        Command::Doctor(wish) => doctor::look(&Machine, &wish, &mut out),
        other => command(&Machine, other, &mut out).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // A reader that left early (`| head`) has what it wanted.
        Err(Error::Output { source }) if source.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = out.flush();
            let told = if json {
                lines(&error.json())
            } else {
                error.told()
            };
            let _ = io::stderr().write_all(told.as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// What is wrong with the command line, in the shape of every other error.
fn usage(wrong: &clap::Error) -> serde_json::Value {
    let text = wrong.to_string();
    let mut said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let what = said
        .next()
        .unwrap_or_default()
        .trim_start_matches("error: ");
    serde_json::json!({ "error": {
        "code": "usage", "what": what, "why": said.collect::<Vec<_>>(),
        "fix": "Run the same command with --help.",
    } })
}

fn command(world: &dyn World, command: Command, out: &mut dyn Write) -> Result<()> {
    // These need no folder, and touch none.
    let command = match command {
        Command::Tag { what, plan, json } => {
            let told = match plan {
                Some(plan) => likeness::told(world, &plan, json)?,
                None => tagged(world, &what.unwrap_or_default(), json)?,
            };
            return say(out, &told);
        }
        Command::Replay(wish) => return replayed(world, &wish, out),
        Command::Policy(wish) => return set::policy(world, &wish, out),
        Command::Completions(wish) => return shell::completions(&wish, out),
        Command::Man(wish) => return shell::man(&wish, out),
        command => command,
    };
    let home = Home::find(world)?;
    match command {
        Command::Tag { .. }
        | Command::Replay(_)
        | Command::Policy(_)
        | Command::Doctor(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(()),
        Command::Set(wish) => set::set(world, &home, &wish, out),
        Command::Keys(wish) => keys::run(world, &home, &wish, out),
        Command::Model(wish) => model::run(world, &home, wish, out),
        // `main` took it before; here it is for the help text alone.
        Command::Hook { .. } => Ok(()),
        Command::Agent(wish) => agent::run(world, &home, &wish, out),
        Command::Export(wish) => export::run(world, &home, &wish, out),
        Command::Protect(wish) => protect::run(world, &home, &wish, out),
        Command::Quiz(wish) => quiz::ask(world, &home, &wish, out),
        Command::Recap(wish) => recap::run(world, &home, &wish, out),
        Command::Pause(wish) => pause::run(world, &home, &wish, out),
        Command::Sync { explain, json } => {
            Policy::load(world).version_allowed()?;
            let mut store = Store::open(world, &home)?;
            crate::agent::run(world, &home, &mut store)?;
            let moved = sync::sync(world, &home, &mut store, explain.then_some(&mut *out))?;
            if json {
                return say(out, &lines(&report::sync_json(&moved)));
            }
            let items = store.read(|txn| report::items_after_sync(txn, moved.items.as_ref()))?;
            say(
                out,
                &format!(
                    "In step: {} given, {} taken, in {}.\n{}{items}",
                    moved.given,
                    moved.taken,
                    count(moved.requests, "request"),
                    sync::told(&moved)
                ),
            )
        }
        Command::Graph { json } => {
            let mut store = Store::open(world, &home)?;
            crate::agent::run(world, &home, &mut store)?;
            let text = store.read(|txn| {
                if json {
                    Ok(lines(&report::graph_json(txn)?))
                } else {
                    report::graph_text(txn, world.now())
                }
            })?;
            say(out, &text)
        }
        Command::Status { json } => {
            let mut store = Store::open(world, &home)?;
            let program = program()?;
            let text = if json {
                lines(&report::status_json(world, &home, &program, &mut store)?)
            } else {
                report::status_text(world, &home, &program, &mut store)?
            };
            say(out, &text)
        }
        Command::WhatLeaves { json } => {
            let mut store = Store::open(world, &home)?;
            crate::agent::run(world, &home, &mut store)?;
            if json {
                let bytes = store.read(sync::next_push)?.unwrap_or_default();
                return out
                    .write_all(&bytes)
                    .map_err(|source| Error::Output { source });
            }
            let text = store.read(report::leaves_text)?;
            say(out, &text)
        }
        Command::Why { concept, json } => {
            let mut store = Store::open(world, &home)?;
            crate::agent::run(world, &home, &mut store)?;
            let (text, value) = store.write(|txn| match &concept {
                None => why::lately(world, txn).map(|lately| (lately.text(), lately.json())),
                Some(concept) => why::of(world, txn, concept).map(|of| (of.text(), of.json())),
            })?;
            say(out, &if json { lines(&value) } else { text })
        }
        Command::Wrong {
            concept,
            rule,
            undo,
            list: _,
            json,
        } => wished(world, &home, json, out, |store| match concept {
            None => store.read(|txn| wishes::resting(txn)),
            Some(concept) => {
                let wish = wishes::Wrong {
                    concept,
                    rule,
                    undo,
                };
                wishes::wrong(world, store, &wish)
            }
        }),
        Command::Mute {
            what,
            list: _,
            json,
        } => wished(world, &home, json, out, |store| match what {
            None => store.read(|txn| wishes::mutes(txn)),
            Some(what) => wishes::mute(world, store, &wishes::Muting { what }),
        }),
        Command::Unmute { what, json } => wished(world, &home, json, out, |store| {
            wishes::unmute(store, &wishes::Muting { what })
        }),
        Command::Know {
            concept,
            undo,
            list: _,
            json,
        } => wished(world, &home, json, out, |store| match concept {
            None => store.read(|txn| wishes::claims(txn, world.now())),
            Some(concept) => wishes::know(world, store, &wishes::Know { concept, undo }),
        }),
        Command::Asking { turn, json } => {
            let mut store = Store::open(world, &home)?;
            store.write(|txn| txn.set_asking(turn == Turn::On, world.now()))?;
            if json {
                let asking = serde_json::json!({ "asking": turn == Turn::On });
                return say(out, &lines(&asking));
            }
            say(
                out,
                match turn {
                    Turn::On => {
                        "Checks are offered again; those that you waved away before are forgotten.\n"
                    }
                    Turn::Off => {
                        "Nothing is asked unasked any more. `aiworklab quiz` still gives a check.\n"
                    }
                },
            )
        }
        Command::Setup(wish) => setup::run(world, &home, &wish, out),
        Command::Enrol {
            url,
            ca_fingerprint,
            name,
            take_graph_along,
            json,
        } => {
            let policy = Policy::load(world);
            let (url, ca_fingerprint) =
                policy.enrol_target(url.as_deref(), ca_fingerprint.as_deref())?;
            let mut store = Store::open(world, &home)?;
            let wish = enrol::Wish {
                address: &url,
                fingerprint: &ca_fingerprint,
                name: name.as_deref(),
                take_graph_along,
            };
            if !json {
                return enrol::enrol(world, &home, &mut store, &wish, out);
            }
            enrol::enrol(world, &home, &mut store, &wish, &mut io::stderr())?;
            let enrolment = store.read(|txn| report::enrolment_json(txn))?;
            say(out, &lines(&serde_json::json!({ "enrolment": enrolment })))
        }
        Command::Forget { what, yes, json } => {
            let wish = forget::Wish { what, yes, json };
            forget::command(world, &home, &wish, out)
        }
    }
}

/// Reads the spool, so that the engineer's word covers what was met up to now, and takes it.
fn wished(
    world: &dyn World,
    home: &Home,
    json: bool,
    out: &mut dyn Write,
    wish: impl FnOnce(&mut Store) -> Result<wishes::Said>,
) -> Result<()> {
    let mut store = Store::open(world, home)?;
    crate::agent::run(world, home, &mut store)?;
    let said = wish(&mut store)?;
    say(out, &if json { lines(&said.json) } else { said.text })
}

fn tagged(world: &dyn World, what: &str, json: bool) -> Result<String> {
    let store = Home::find(world)
        .ok()
        .and_then(|home| Store::peek(world, &home));
    let wishes = match store {
        Some(mut store) => tag::Wishes::of(&mut store)?,
        None => tag::Wishes::default(),
    };
    let told = tag::run(what, &mut io::stdin().lock(), &wishes)?;
    Ok(if json {
        lines(&told.json())
    } else {
        told.text()
    })
}

fn replayed(world: &dyn World, wish: &Replay, out: &mut dyn Write) -> Result<()> {
    let wish = replay::Wish {
        sessions: &wish.sessions,
        harness: wish.harness.as_deref(),
        began: wish.began.as_deref(),
        answers: wish.answers,
        seed: wish.seed,
        all: wish.all,
        json: wish.json,
    };
    replay::replay(world, &wish, out)
}

/// Prints, and says so if it cannot.
pub fn say(out: &mut dyn Write, text: &str) -> Result<()> {
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
