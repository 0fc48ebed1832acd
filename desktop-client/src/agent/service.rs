//! The agent as a service of the person's own: installed with the system's manager, and taken out again.
//!
//! No administrator is needed. Where there is no such manager (a container, a host over SSH without a
//! login session), that is said, with the other way: `aiworklab agent --background`.

use super::error::Error as Refused;
use crate::error::{Error, Result};
use crate::home::Home;
use crate::words::plain;
use crate::world::World;
use platform::service::{self, Done, Places, Plan, State, Unit};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Beyond this much memory, in MiB, the system takes some back: the agent with the sentence model has half of it.
const MEMORY_MIB: u32 = 400;
/// What the service is to know of the environment; none of it is a secret.
const VARIABLES: [&str; 3] = ["AIWORKLAB_HOME", "AIWORKLAB_KEYS", "XDG_DATA_HOME"];
/// Where there is no manager.
const OTHERWISE: &str =
    "Start the agent with `aiworklab agent --background`, for example from your shell's profile.";

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// In words.
    pub text: String,
    /// As JSON.
    pub json: Value,
    /// Whether the agent is, or would be, kept running by a manager after this.
    pub managed: bool,
}

fn places(world: &dyn World) -> Result<Places> {
    let absolute = |name| {
        world
            .env(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = absolute("HOME").ok_or(Error::NoHome)?;
    let config = absolute("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config"));
    Ok(Places { home, config })
}

fn unit(world: &dyn World, program: &Path) -> Unit {
    let variable = |name: &&str| Some(((*name).to_owned(), world.env(name)?.into_string().ok()?));
    Unit {
        program: program.to_owned(),
        args: vec!["agent".to_owned()],
        environment: VARIABLES.iter().filter_map(variable).collect(),
        memory_mib: MEMORY_MIB,
        // An agent that refuses (another one runs, the disk is full) is tried again.
        stays_down: None,
    }
}

/// Has the agent started at each login, and now.
///
/// # Errors
/// [`Refused::Service`] if the manager refuses; [`Error::NoHome`].
pub fn install(world: &dyn World, home: &Home, program: &Path, dry_run: bool) -> Result<Told> {
    let (unit, places) = (unit(world, program), places(world)?);
    let plan = service::plan(&unit, &places).map_err(Refused::from)?;
    if let State::Unmanaged(why) = service::state(&places) {
        return Ok(unmanaged(&why));
    }
    if dry_run {
        return Ok(planned(&plan));
    }
    home.ensure()?;
    if let Some(running) = super::daemon::alone::running(home)
        && !matches!(service::state(&places), State::Running)
    {
        // One that was started by hand would keep the service's from starting.
        return Err(Refused::Running { pid: running.pid }.into());
    }
    Ok(
        match service::install(&unit, &places).map_err(Refused::from)? {
            Done::Done(file) => done(
                "installed",
                &file,
                "The agent runs, and starts with each login.",
            ),
            Done::Already(file) => done(
                "installed already",
                &file,
                "The agent runs, and starts with each login.",
            ),
            Done::Unmanaged(why) => unmanaged(&why),
        },
    )
}

/// Stops the service and takes it out again.
///
/// # Errors
/// As [`install`].
pub fn remove(world: &dyn World, dry_run: bool) -> Result<Told> {
    let places = places(world)?;
    if dry_run {
        let file = service::Manager::here().file(&places);
        let (what, text) = if file.exists() {
            (
                "would be removed",
                "The agent would be stopped and this file deleted:",
            )
        } else {
            ("not there", "Nothing to remove: there is no such file:")
        };
        let shown = plain(&file.display().to_string());
        return Ok(Told {
            text: format!("{text}\n  {shown}\n"),
            json: json!({ "service": what, "file": file }),
            managed: false,
        });
    }
    Ok(match service::remove(&places).map_err(Refused::from)? {
        Done::Done(file) => Told {
            managed: false,
            ..done(
                "removed",
                &file,
                "The agent has ended and does not start by itself any more.",
            )
        },
        Done::Already(file) => Told {
            managed: false,
            ..done("not there", &file, "It was not installed.")
        },
        Done::Unmanaged(why) => unmanaged(&why),
    })
}

/// Whether the agent is kept running, in words and as the state's name.
pub fn state(world: &dyn World) -> (String, &'static str) {
    match places(world).map(|places| service::state(&places)) {
        Ok(State::Running) => ("It is installed as a service and starts with each login.".to_owned(), "running"),
        Ok(State::Stopped(said)) => (
            format!("It is installed as a service that does not run: {}", plain(&said)),
            "stopped",
        ),
        Ok(State::Absent) => (
            "It is not installed as a service: `aiworklab agent install` has it start with each login.".to_owned(),
            "absent",
        ),
        Ok(State::Unmanaged(why)) => (
            format!("There is no service manager here ({}). {OTHERWISE}", plain(&why)),
            "unmanaged",
        ),
        Err(_) => ("There is no home folder in which a service could be installed.".to_owned(), "unmanaged"),
    }
}

fn done(what: &str, file: &Path, text: &str) -> Told {
    Told {
        text: format!("{text}\n  {}\n", plain(&file.display().to_string())),
        json: json!({ "service": what, "file": file }),
        managed: true,
    }
}

fn planned(plan: &Plan) -> Told {
    let mut text = format!(
        "This would be written to {}:\n\n",
        plain(&plan.file.display().to_string())
    );
    for line in plan.text.lines() {
        text.push_str(&format!("  {}\n", plain(line)));
    }
    text.push_str("\nand then run:\n\n");
    for command in &plan.commands {
        text.push_str(&format!("  {}\n", plain(command)));
    }
    Told {
        text,
        json: json!({ "service": "would be installed", "file": plan.file, "text": plan.text, "commands": plan.commands }),
        managed: true,
    }
}

fn unmanaged(why: &str) -> Told {
    Told {
        text: format!(
            "There is no service manager here that could keep the agent running: {}\n{OTHERWISE}\n",
            plain(why)
        ),
        json: json!({ "service": "unmanaged", "why": why }),
        managed: false,
    }
}
