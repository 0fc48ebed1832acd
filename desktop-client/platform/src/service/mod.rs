//! A program that is kept running while its person is logged in, by the system's own manager: a user unit of
//! systemd, an agent of launchd, a task of the Windows scheduler.
//!
//! No administrator is needed and nothing of the system's is touched: it is one file of the person's and a
//! word to their own manager. Where there is no such manager (a container, an SSH host without a login
//! session), that is an answer and no error.

#[cfg(test)]
mod tests;
mod texts;

pub use texts::text;

use crate::files;
use crate::run::{self, Said};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the unit is called, without its ending.
pub const NAME: &str = "aiworklab";
/// How launchd calls it.
const LABEL: &str = "aiworklab.agent";
/// How the Windows scheduler calls it.
const TASK: &str = "aiworklab agent";
/// How long one word to a manager may take.
const WAIT: Duration = Duration::from_secs(20);

/// What is kept running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The program, by an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables that it needs beside those of the session. Never a secret: everyone who may read the unit
    /// may read them.
    pub environment: Vec<(String, String)>,
    /// Above this much memory, in MiB, the kernel slows it down and takes memory back (Linux alone).
    pub memory_mib: u32,
    /// The exit status after which it is not started again (systemd alone; launchd and Windows wait between
    /// starts instead).
    pub stays_down: Option<u8>,
}

/// Where files of the person lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The person's home folder.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME`, or `~/.config`; `%LOCALAPPDATA%` on Windows.
    pub config: PathBuf,
}

/// Who keeps programs running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// systemd, for one person.
    Systemd,
    /// launchd, for one login.
    Launchd,
    /// The task scheduler of Windows.
    Tasks,
}

impl Manager {
    /// The one of the system that this program was built for.
    #[must_use]
    pub const fn here() -> Self {
        if cfg!(windows) {
            Self::Tasks
        } else if cfg!(target_os = "macos") {
            Self::Launchd
        } else {
            Self::Systemd
        }
    }

    /// The file that tells it of us.
    #[must_use]
    pub fn file(self, places: &Places) -> PathBuf {
        match self {
            Self::Systemd => places
                .config
                .join("systemd/user")
                .join(format!("{NAME}.service")),
            Self::Launchd => places
                .home
                .join("Library/LaunchAgents")
                .join(format!("{LABEL}.plist")),
            Self::Tasks => places.config.join(NAME).join("agent-task.xml"),
        }
    }
}

/// How the program stands with its manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Running,
    /// It is known and does not run; what the manager says of it.
    Stopped(String),
    /// It is not installed.
    Absent,
    /// There is no manager that could be asked, and why.
    Unmanaged(String),
}

/// What became of installing or removing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// Done; the file.
    Done(PathBuf),
    /// It was so already; the file.
    Already(PathBuf),
    /// There is no manager, and why. Nothing was changed, but for a file of ours that was removed.
    Unmanaged(String),
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file.
    #[error("could not {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The manager refused.
    #[error("`{command}` failed: {why}")]
    Manager {
        /// What it was told.
        command: String,
        /// What it said.
        why: String,
    },
    /// A task of Windows takes no variables.
    #[error("a task of the Windows scheduler cannot be given the variable {name}")]
    Environment {
        /// Its name.
        name: String,
    },
    /// A path or a variable that no unit can hold.
    #[error("{what} cannot stand in a unit: it is not absolute, or holds a quote or a line break")]
    Unfit {
        /// What it is.
        what: String,
    },
}

/// What would be done to install, for the person to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The file that is written.
    pub file: PathBuf,
    /// What it will hold.
    pub text: String,
    /// The commands that are run then.
    pub commands: Vec<String>,
}

/// Says what [`install`] would do, and does nothing.
///
/// # Errors
/// [`Error::Unfit`] or [`Error::Environment`] if it could not be done.
pub fn plan(unit: &Unit, places: &Places) -> Result<Plan, Error> {
    let manager = Manager::here();
    let file = manager.file(places);
    fit(manager, unit)?;
    Ok(Plan {
        text: text(manager, unit),
        commands: starting(manager, &file, "UID")
            .iter()
            .map(|words| words.join(" "))
            .collect(),
        file,
    })
}

/// Installs the program and starts it. Installing again with another unit replaces it and starts it anew.
///
/// # Errors
/// [`Error`]; installing again, or removing, works from wherever it stopped.
pub fn install(unit: &Unit, places: &Places) -> Result<Done, Error> {
    installed(Manager::here(), &System, unit, places)
}

/// Stops the program and takes it out again. What is not there is no error.
///
/// # Errors
/// [`Error`].
pub fn remove(places: &Places) -> Result<Done, Error> {
    removed(Manager::here(), &System, places)
}

/// How the program stands.
#[must_use]
pub fn state(places: &Places) -> State {
    stands(Manager::here(), &System, places)
}

/// Runs a program of the system; a test answers by itself.
trait Tools {
    fn run(&self, words: &[&str]) -> io::Result<Said>;
}

struct System;

impl Tools for System {
    fn run(&self, words: &[&str]) -> io::Result<Said> {
        let (program, args) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        run::output(program, args, WAIT)
    }
}

fn fit(manager: Manager, unit: &Unit) -> Result<(), Error> {
    let unfit = |what: &str| Error::Unfit {
        what: what.to_owned(),
    };
    let line = |text: &str| !text.chars().any(char::is_control);
    // systemd runs no program whose path holds a quote or a backslash, however it is written.
    let odd = |path: &str| manager == Manager::Systemd && path.contains(['"', '\'', '\\']);
    let program = unit
        .program
        .to_str()
        .filter(|path| line(path) && !odd(path));
    if program.is_none() || !unit.program.is_absolute() {
        return Err(unfit(&format!("the program {}", unit.program.display())));
    }
    if let Some(argument) = unit.args.iter().find(|argument| !line(argument)) {
        return Err(unfit(&format!("the argument {argument:?}")));
    }
    for (name, value) in &unit.environment {
        if manager == Manager::Tasks {
            return Err(Error::Environment { name: name.clone() });
        }
        if !line(name) || !line(value) || name.contains('=') {
            return Err(unfit(&format!("the variable {name:?}")));
        }
    }
    Ok(())
}

/// What is said to the manager once the file is there.
fn starting(manager: Manager, file: &Path, uid: &str) -> Vec<Vec<String>> {
    let words = |text: &[&str]| text.iter().map(|word| (*word).to_owned()).collect();
    let file = file.to_string_lossy();
    let service = format!("{NAME}.service");
    match manager {
        Manager::Systemd => vec![
            words(&["systemctl", "--user", "daemon-reload"]),
            words(&["systemctl", "--user", "enable", &service]),
            words(&["systemctl", "--user", "restart", &service]),
        ],
        Manager::Launchd => vec![words(&[
            "launchctl",
            "bootstrap",
            &format!("gui/{uid}"),
            &file,
        ])],
        Manager::Tasks => vec![
            words(&["schtasks", "/Create", "/F", "/TN", TASK, "/XML", &file]),
            words(&["schtasks", "/Run", "/TN", TASK]),
        ],
    }
}

/// Why there is no manager to speak to, if there is none.
fn unmanaged(manager: Manager, tools: &dyn Tools) -> Option<String> {
    let (words, name): (&[&str], _) = match manager {
        Manager::Systemd => (&["systemctl", "--user", "is-system-running"], "systemctl"),
        Manager::Launchd => (&["launchctl", "managername"], "launchctl"),
        Manager::Tasks => (&["schtasks", "/Query", "/TN", "\\"], "schtasks"),
    };
    match tools.run(words) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(format!(
            "this system has no {name}, so nothing keeps programs running for one person"
        )),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Some(format!("{name} did not answer within {} s", WAIT.as_secs()))
        }
        Err(error) => Some(format!("{name} could not be started: {error}")),
        Ok(said) => match manager {
            // It exits with 1 for "degraded", "starting" and the like, which will do.
            Manager::Systemd => match said.out.trim() {
                "running" | "degraded" | "starting" | "initializing" | "maintenance" => None,
                _ => Some(format!(
                    "no systemd runs for this person (as in a container, or without a login): {}",
                    said.why()
                )),
            },
            Manager::Launchd => (said.out.trim() != "Aqua").then(|| {
                "this is no session with a desktop, and launchd keeps agents there alone".to_owned()
            }),
            Manager::Tasks => None,
        },
    }
}

fn told(tools: &dyn Tools, words: &[String]) -> Result<(), Error> {
    let refs: Vec<_> = words.iter().map(String::as_str).collect();
    let why = match tools.run(&refs) {
        Ok(said) if said.ok => return Ok(()),
        Ok(said) => said.why(),
        Err(error) => error.to_string(),
    };
    Err(Error::Manager {
        command: words.join(" "),
        why,
    })
}

fn uid(manager: Manager, tools: &dyn Tools) -> Result<String, Error> {
    if manager != Manager::Launchd {
        return Ok(String::new());
    }
    let why = match tools.run(&["id", "-u"]) {
        Ok(said) if said.ok => return Ok(said.out.trim().to_owned()),
        Ok(said) => said.why(),
        Err(error) => error.to_string(),
    };
    Err(Error::Manager {
        command: "id -u".to_owned(),
        why,
    })
}

fn installed(
    manager: Manager,
    tools: &dyn Tools,
    unit: &Unit,
    places: &Places,
) -> Result<Done, Error> {
    fit(manager, unit)?;
    if let Some(why) = unmanaged(manager, tools) {
        return Ok(Done::Unmanaged(why));
    }
    let path = manager.file(places);
    let bytes = texts::bytes(manager, unit);
    let same = std::fs::read(&path).is_ok_and(|there| there == bytes);
    if same && stands(manager, tools, places) == State::Running {
        return Ok(Done::Already(path));
    }
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File {
            doing,
            path,
            source,
        }
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
    }
    files::write_whole(&path, 0o644, &bytes).map_err(failed("write", &path))?;
    let uid = uid(manager, tools)?;
    if manager == Manager::Launchd {
        // Bootstrapping twice is refused: what was there goes first, and may not have been there.
        let _ = tools.run(&["launchctl", "bootout", &format!("gui/{uid}/{LABEL}")]);
    }
    for words in starting(manager, &path, &uid) {
        told(tools, &words)?;
    }
    Ok(Done::Done(path))
}

fn removed(manager: Manager, tools: &dyn Tools, places: &Places) -> Result<Done, Error> {
    let path = manager.file(places);
    let was = path.exists();
    let deleted = || {
        files::remove(&path).map_err(|source| Error::File {
            doing: "delete",
            path: path.clone(),
            source,
        })
    };
    if let Some(why) = unmanaged(manager, tools) {
        deleted()?;
        return Ok(Done::Unmanaged(why));
    }
    if stands(manager, tools, places) == State::Absent {
        return Ok(Done::Already(path));
    }
    let service = format!("{NAME}.service");
    match manager {
        Manager::Systemd => {
            if was {
                told(
                    tools,
                    &["systemctl", "--user", "disable", "--now", &service].map(str::to_owned),
                )?;
            } else {
                // The file went before us: what still runs is stopped by its name.
                let _ = tools.run(&["systemctl", "--user", "stop", &service]);
            }
            deleted()?;
            told(
                tools,
                &["systemctl", "--user", "daemon-reload"].map(str::to_owned),
            )?;
            // A unit that failed stays in the list till somebody says it may be forgotten.
            let _ = tools.run(&["systemctl", "--user", "reset-failed", &service]);
        }
        Manager::Launchd => {
            // It says so too if it does not run, which is as good.
            let _ = tools.run(&[
                "launchctl",
                "bootout",
                &format!("gui/{}/{LABEL}", uid(manager, tools)?),
            ]);
            deleted()?;
        }
        Manager::Tasks => {
            let _ = tools.run(&["schtasks", "/End", "/TN", TASK]);
            told(
                tools,
                &["schtasks", "/Delete", "/F", "/TN", TASK].map(str::to_owned),
            )?;
            deleted()?;
        }
    }
    Ok(Done::Done(path))
}

fn stands(manager: Manager, tools: &dyn Tools, places: &Places) -> State {
    if let Some(why) = unmanaged(manager, tools) {
        return State::Unmanaged(why);
    }
    let there = manager.file(places).exists();
    let service = format!("{NAME}.service");
    let said = match manager {
        Manager::Systemd => tools.run(&["systemctl", "--user", "is-active", &service]),
        Manager::Launchd => match uid(manager, tools) {
            Ok(uid) => tools.run(&["launchctl", "print", &format!("gui/{uid}/{LABEL}")]),
            Err(error) => return State::Unmanaged(error.to_string()),
        },
        Manager::Tasks => tools.run(&["schtasks", "/Query", "/TN", TASK, "/FO", "LIST"]),
    };
    let said = match said {
        Ok(said) => said,
        Err(error) => return State::Unmanaged(error.to_string()),
    };
    let runs = match manager {
        Manager::Systemd => matches!(said.out.trim(), "active" | "activating" | "reloading"),
        Manager::Launchd => said.ok && said.out.contains("state = running"),
        // The words are in the system's language; 0x41301 is "currently running" (SCHED_S_TASK_RUNNING).
        Manager::Tasks => said.ok && (said.out.contains("Running") || said.out.contains("267009")),
    };
    if runs {
        return State::Running;
    }
    let known = match manager {
        Manager::Systemd => there,
        Manager::Launchd | Manager::Tasks => there || said.ok,
    };
    if known {
        State::Stopped(said.why())
    } else {
        State::Absent
    }
}
