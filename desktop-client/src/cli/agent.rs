//! `aiworklab agent`: by itself until it is stopped, once, in the background, or as a service; and how it is.

use super::{lines, program, say};
use crate::agent::daemon::{self, Log, alone};
use crate::agent::error::Error as Refused;
use crate::agent::{self, Ears, Report, service};
use crate::edges::Machine;
use crate::error::Result;
use crate::home::Home;
use crate::socket::{HOW_ARE_YOU, Line};
use crate::spool;
use crate::store::Store;
use crate::words::count;
use crate::world::World;
use clap::{Args, Subcommand};
use kernel::ids::Slug;
use rustix::process::{Pid, Signal, kill_process, setsid};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How often it is looked whether the agent came up, or ended.
const LOOK: Duration = Duration::from_millis(50);
/// How many times: ten seconds in all.
const LOOKS: u32 = 200;
/// How long the agent may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Agent {
    /// Read what the hooks left, decide whether a check waits, and leave.
    #[arg(long)]
    once: bool,
    /// Go on in the background, for machines without a service manager.
    #[arg(long, conflicts_with = "once")]
    background: bool,
    /// The one in the background: no terminal, and a file to tell what happens.
    #[arg(long, hide = true, conflicts_with_all = ["once", "background"])]
    logged: bool,
    /// As JSON; with --once or --background.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show whether the agent runs, and how it is.
    Status {
        #[arg(long)]
        json: bool,
    },
    /// Have the agent start with each login, and now, by the system's own service manager.
    Install {
        /// Show what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
        #[arg(long)]
        json: bool,
    },
    /// Take the service out again.
    Remove {
        /// Show what would be done, and do nothing.
        #[arg(long)]
        dry_run: bool,
        #[arg(long)]
        json: bool,
    },
    /// Stop the agent that runs; it starts again with the next login if it is installed.
    Stop {
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
pub(super) fn run(world: &dyn World, home: &Home, wish: &Agent, out: &mut dyn Write) -> Result<()> {
    match &wish.what {
        Some(What::Status { json }) => return say(out, &status(world, home).said(*json)),
        Some(What::Stop { json }) => return stop(home, *json, out),
        Some(What::Install { dry_run, json }) => {
            let told = service::install(world, home, &program()?, *dry_run)?;
            return say(out, &if *json { lines(&told.json) } else { told.text });
        }
        Some(What::Remove { dry_run, json }) => {
            let told = service::remove(world, *dry_run)?;
            return say(out, &if *json { lines(&told.json) } else { told.text });
        }
        None => {}
    }
    if wish.once {
        let mut store = Store::open(world, home)?;
        let mut ears = Ears::catching_up(home);
        let report = agent::watched(world, home, &mut store, &mut ears, &mut |_| {})?;
        let text = if wish.json {
            lines(&report_json(&report))
        } else {
            told(&report)
        };
        return say(out, &text);
    }
    if wish.background {
        return background(home, wish.json, out);
    }
    let log = if wish.logged {
        // Away from the terminal that started it: its signals are not for us.
        let _ = setsid();
        Log::File(home.path().join("agent.log"))
    } else {
        Log::Stderr
    };
    daemon::run(&Machine, home, &log)
}

/// Starts it in the background and waits until it listens.
fn background(home: &Home, json: bool, out: &mut dyn Write) -> Result<()> {
    if let Some(running) = alone::running(home) {
        return Err(Refused::Running { pid: running.pid }.into());
    }
    home.ensure()?;
    let mut child = Command::new(program()?)
        .args(["agent", "--logged"])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| Refused::Start {
            what: "in the background",
            source,
        })?;
    for _ in 0..LOOKS {
        if matches!(child.try_wait(), Ok(Some(_))) {
            break;
        }
        if Line::open(&home.socket()).is_ok()
            && let Some(running) = alone::running(home)
        {
            let pid = running.pid;
            return say(
                out,
                &if json {
                    lines(&json!({ "running": true, "pid": pid }))
                } else {
                    format!("The agent runs in the background, as process {pid}.\n")
                },
            );
        }
        std::thread::sleep(LOOK);
    }
    match alone::running(home) {
        Some(running) if running.pid != child.id() => {
            Err(Refused::Running { pid: running.pid }.into())
        }
        _ => Err(Refused::NotUp.into()),
    }
}

fn stop(home: &Home, json: bool, out: &mut dyn Write) -> Result<()> {
    let running = alone::running(home).ok_or(Refused::NotRunning)?;
    let number = running.pid;
    let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(Refused::NotRunning)?;
    kill_process(pid, Signal::TERM).map_err(|error| Refused::Start {
        what: "its end",
        source: error.into(),
    })?;
    for _ in 0..LOOKS {
        if alone::running(home).is_none_or(|now| now.pid != number) {
            return say(
                out,
                &if json {
                    lines(&json!({ "stopped": number }))
                } else {
                    format!("The agent, process {number}, has ended.\n")
                },
            );
        }
        std::thread::sleep(LOOK);
    }
    Err(Refused::NotStopped { pid: number }.into())
}

/// How the agent is, looked at from outside.
struct Status {
    running: Option<alone::Running>,
    listens: bool,
    figures: Option<daemon::Figures>,
    spool: spool::Waiting,
    service: (String, &'static str),
    now: i64,
}

fn status(world: &dyn World, home: &Home) -> Status {
    let mut line = Line::open(&home.socket()).ok();
    let figures = line
        .as_mut()
        .and_then(|line| line.exchange(&HOW_ARE_YOU, PATIENCE).ok())
        .and_then(|answer| serde_json::from_slice(&answer.text).ok());
    Status {
        running: alone::running(home),
        listens: line.is_some(),
        figures,
        spool: spool::waiting(&home.spool()),
        service: service::state(world),
        now: world.now(),
    }
}

impl Status {
    fn said(&self, json: bool) -> String {
        if json {
            lines(&self.json())
        } else {
            self.text()
        }
    }

    fn json(&self) -> Value {
        json!({
            "running": self.running.is_some(),
            "pid": self.running.as_ref().map(|running| running.pid),
            "since": self.running.as_ref().map(|running| running.since),
            "listens": self.listens,
            "service": self.service.1,
            "figures": self.figures,
            "spool": { "bytes": self.spool.bytes, "dropped": self.spool.dropped },
        })
    }

    fn text(&self) -> String {
        let mut text = match &self.running {
            Some(running) => format!(
                "The agent runs as process {}, for {}.\n",
                running.pid,
                lasted(self.now.saturating_sub(running.since))
            ),
            None => "No agent runs; `aiworklab agent --background` starts one. Nothing is lost meanwhile: hooks \
                     keep what they hear.\n"
                .to_owned(),
        };
        if self.running.is_some() && !self.listens {
            text.push_str("It does not listen; hooks keep what they hear, and it reads that every few seconds.\n");
        }
        if let Some(figures) = &self.figures {
            text.push_str(&format!(
                "{} handed over by hooks, {} read in {}.\n",
                count(figures.handed_over, "event"),
                figures.read,
                if figures.passes == 1 {
                    "1 pass".to_owned()
                } else {
                    format!("{} passes", figures.passes)
                }
            ));
            if figures.not_taken > 0 {
                text.push_str(&format!(
                    "{} not taken: the disk was full.\n",
                    figures.not_taken
                ));
            }
            if let Some(at) = figures.last_pass {
                let ago = lasted(self.now.saturating_sub(at));
                text.push_str(&format!("The last pass was {ago} ago"));
                match &figures.failed {
                    Some(code) => text.push_str(&format!(
                        " and failed ({code}); it is tried again. `aiworklab doctor` says more.\n"
                    )),
                    None => text.push_str(".\n"),
                }
            }
            if figures.waiting {
                text.push_str("A check waits: aiworklab quiz.\n");
            }
        }
        text.push_str(&format!(
            "The spool holds {} to be read",
            count(self.spool.bytes, "byte")
        ));
        match self.spool.dropped {
            0 => text.push_str(".\n"),
            n => text.push_str(&format!("; {} could not be kept.\n", count(n, "event"))),
        }
        text
    }
}

/// A length of time in words for people.
fn lasted(seconds: i64) -> String {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    match seconds {
        0..120 => count(seconds, "second"),
        120..7200 => count(seconds / 60, "minute"),
        7200..172_800 => count(seconds / 3600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

fn report_json(report: &Report) -> Value {
    json!({
        "read": report.read,
        "not_understood": report.not_understood,
        "met": report.met.iter().map(Slug::as_str).collect::<Vec<_>>(),
        "waiting": report.waiting,
        "from_transcripts": report.recalled,
    })
}

fn told(report: &Report) -> String {
    let mut text = format!("{} read", count(report.read, "event"));
    if report.not_understood > 0 {
        text.push_str(&format!(", {} not understood", report.not_understood));
    }
    if report.recalled > 0 {
        let acts = count(report.recalled, "act");
        text.push_str(&format!(
            ", and {acts} out of transcripts that no hook told"
        ));
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
