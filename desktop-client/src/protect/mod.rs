//! Whether the personal store is to be encrypted: what the engineer said, what the organisation's policy
//! says, and what was found about the disk.
//!
//! `protect.toml` in the client's folder keeps the wish and the last look at the disk. A look is good for
//! a month, as long as the folder lies on the same device.
//!
//! Invariant: a store is plain only where the disk is surely encrypted, or where the engineer said so and
//! no policy says otherwise. Unsure counts as no.

#[cfg(test)]
mod tests;

use crate::error::Result;
use crate::home::{Home, write_whole};
use crate::policy::Policy;
use crate::store::{Fault, Form};
use crate::world::World;
use kernel::ids::DAY;
use platform::disk::{self, Verdict};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How long a look at the disk is good for, in seconds.
const LOOK_LASTS_S: i64 = 30 * DAY;

/// What the engineer said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Encrypted, unless the disk is.
    #[default]
    Auto,
    /// Encrypted in any case.
    On,
    /// Plain in any case.
    Off,
}

impl Mode {
    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// What was found about the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Whether it is encrypted: `encrypted`, `plain` or `unsure`.
    pub verdict: String,
    /// From the folder up to the disk, in sentences.
    pub found: Vec<String>,
    /// The device that the folder lies on, by its number.
    pub device: u64,
    /// When, in seconds by this machine's clock.
    pub at: i64,
}

impl Looked {
    const ENCRYPTED: &str = "encrypted";

    /// Whether the disk is surely encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.verdict == Self::ENCRYPTED
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    mode: Mode,
    disk: Option<Looked>,
}

/// What form the store is to have, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What the engineer said.
    pub mode: Mode,
    /// The form that a new store gets.
    pub form: Form,
    /// Whether a store that has another form is to be changed by itself. One that is encrypted on an
    /// encrypted disk is left alone.
    pub firm: bool,
    /// Whether the policy decided.
    pub by_policy: bool,
    /// The disk, where it decided.
    pub disk: Option<Looked>,
}

impl Wish {
    /// Why, in a sentence without its end.
    pub fn why(&self) -> String {
        match (self.by_policy, self.mode, &self.disk) {
            (true, ..) => "the organisation's policy says so".to_owned(),
            (_, Mode::On, _) => "you said so (`aiworklab protect on`)".to_owned(),
            (_, Mode::Off, _) => "you said so (`aiworklab protect off`)".to_owned(),
            (_, Mode::Auto, Some(disk)) if disk.is_encrypted() => {
                "the disk below it is encrypted".to_owned()
            }
            (_, Mode::Auto, Some(disk)) if disk.verdict == "plain" => {
                "the disk below it is not encrypted".to_owned()
            }
            (_, Mode::Auto, _) => {
                "it is not sure that the disk below it is encrypted, and unsure counts as no"
                    .to_owned()
            }
        }
    }
}

fn path(home: &Home) -> PathBuf {
    home.path().join("protect.toml")
}

fn read(home: &Home) -> Result<State, Fault> {
    let path = path(home);
    match fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text).map_err(|error| Fault::Wish {
            path,
            why: error.message().to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
        Err(source) => Err(Fault::Disk {
            doing: "read",
            path,
            source,
        }),
    }
}

fn write(home: &Home, state: &State) -> Result<(), Fault> {
    let path = path(home);
    let text = toml::to_string(state).map_err(|error| Fault::Wish {
        path: path.clone(),
        why: error.to_string(),
    })?;
    write_whole(&path, 0o600, text.as_bytes()).map_err(|source| Fault::Disk {
        doing: "write",
        path,
        source,
    })
}

/// What the engineer said.
///
/// # Errors
/// [`Fault::Wish`] if the file cannot be read.
pub fn mode(home: &Home) -> Result<Mode> {
    Ok(read(home)?.mode)
}

/// Keeps what the engineer says; a file that cannot be read is replaced.
///
/// # Errors
/// The disk's.
pub fn set(home: &Home, mode: Mode) -> Result<()> {
    home.ensure()?;
    let disk = read(home).ok().and_then(|state| state.disk);
    Ok(write(home, &State { mode, disk })?)
}

/// Looks at the disk now; notes nothing.
pub fn look(world: &dyn World, home: &Home) -> Looked {
    let found = disk::encryption(home.path());
    Looked {
        verdict: match found.verdict {
            Verdict::Encrypted => Looked::ENCRYPTED,
            Verdict::Plain => "plain",
            Verdict::Unsure => "unsure",
        }
        .to_owned(),
        found: found.found,
        device: device(home.path()),
        at: world.now(),
    }
}

fn device(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.dev())
}

/// Looks at the disk, and keeps what was found for the next commands.
///
/// # Errors
/// The disk's.
pub fn look_and_keep(world: &dyn World, home: &Home) -> Result<Looked> {
    let looked = look(world, home);
    let mode = read(home)?.mode;
    write(
        home,
        &State {
            mode,
            disk: Some(looked.clone()),
        },
    )?;
    Ok(looked)
}

/// What form the store is to have. Looks at the disk where that decides and was not done lately.
///
/// # Errors
/// [`Fault::Wish`] if the file cannot be read; the disk's.
pub fn wish(world: &dyn World, home: &Home) -> Result<Wish> {
    let State { mode, disk } = read(home)?;
    let now = world.now();
    let known = disk.filter(|known| {
        (now - LOOK_LASTS_S..=now).contains(&known.at) && known.device == device(home.path())
    });
    decided(world, mode, || match known {
        Some(known) => Ok(known),
        None => look_and_keep(world, home),
    })
}

/// The same, had the engineer said `mode`, with a look at the disk now that is not kept.
pub fn wish_now(world: &dyn World, home: &Home, mode: Mode) -> Result<Wish> {
    decided(world, mode, || Ok(look(world, home)))
}

fn decided(world: &dyn World, mode: Mode, disk: impl FnOnce() -> Result<Looked>) -> Result<Wish> {
    let firmly = |form, by_policy| Wish {
        mode,
        form,
        firm: true,
        by_policy,
        disk: None,
    };
    if Policy::load(world).store_encrypted() == Some(true) {
        return Ok(firmly(Form::Encrypted, true));
    }
    match mode {
        Mode::On => return Ok(firmly(Form::Encrypted, false)),
        Mode::Off => return Ok(firmly(Form::Plain, false)),
        Mode::Auto => {}
    }
    let disk = disk()?;
    let encrypted = disk.is_encrypted();
    Ok(Wish {
        mode,
        form: if encrypted {
            Form::Plain
        } else {
            Form::Encrypted
        },
        firm: !encrypted,
        by_policy: false,
        disk: Some(disk),
    })
}
