//! `aiworklab protect` as it is typed: whether the personal store is encrypted, and why.

use super::{lines, say};
use crate::error::Result;
use crate::home::Home;
use crate::protect::{self, Mode};
use crate::store::{self, About, Fault, Form};
use crate::words::count;
use crate::world::World;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct Protect {
    /// What you want; left out, this shows how it stands.
    mode: Option<Wanted>,
    /// Show what would be done and do nothing.
    #[arg(long, requires = "mode")]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    /// Encrypt the personal store in any case.
    On,
    /// Keep it plain in any case.
    Off,
    /// Encrypt it unless the disk below it is surely encrypted.
    Auto,
}

impl Wanted {
    const fn mode(self) -> Mode {
        match self {
            Self::On => Mode::On,
            Self::Off => Mode::Off,
            Self::Auto => Mode::Auto,
        }
    }
}

/// Says how it stands, or makes it so.
pub(super) fn run(
    world: &dyn World,
    home: &Home,
    wish: &Protect,
    out: &mut dyn Write,
) -> Result<()> {
    let Some(wanted) = wish.mode.map(Wanted::mode) else {
        let about = store::about(world, home)?;
        let text = if wish.json {
            lines(&as_json(&about))
        } else {
            standing(&about)
        };
        return say(out, &text);
    };
    let to = protect::wish_now(world, home, wanted)?;
    if to.by_policy && wanted == Mode::Off {
        return Err(Fault::Policy.into());
    }
    // A wish that cannot be read is no hindrance to a new one.
    let form = store::form(home)?;
    let changes = form.is_some_and(|form| form != to.form);
    if wish.dry_run {
        let text = if wish.json {
            lines(&json!({
                "mode": wanted.name(), "form": form.map(Form::name), "to": to.form.name(),
                "why": to.why(), "would_change": changes,
            }))
        } else if changes {
            format!(
                "Would make your graph {}, because {}. Nothing was done.\n",
                to.form.name(),
                to.why()
            )
        } else {
            format!("Would change no file: {}.\n", to.why())
        };
        return say(out, &text);
    }
    protect::set(home, wanted)?;
    let done = store::convert(world, home, to.form)?;
    let about = store::about(world, home)?;
    if wish.json {
        let mut value = as_json(&about);
        value["changed"] = json!(done.is_some());
        value["rows"] = json!(done.map(|done| done.rows));
        return say(out, &lines(&value));
    }
    let mut text = String::new();
    if let Some(done) = done {
        text.push_str(&format!(
            "Your graph is {} now: {} copied and compared, then put in its place.\n",
            done.to.name(),
            count(done.rows, "row")
        ));
        text.push_str(match done.to {
            Form::Encrypted => {
                "The plain file was written over and deleted. A solid-state disk, a snapshot or a backup may keep\n\
                 what it held for longer; only the encryption of the whole disk is a remedy for that.\n"
            }
            Form::Plain => {
                "Who reads this disk without your login can read it. The key is kept, for backups of the file of before.\n"
            }
        });
    }
    text.push_str(&standing(&about));
    say(out, &text)
}

fn standing(about: &About) -> String {
    let why = about.wish.why();
    let mut text = match about.form {
        None => format!(
            "There is no graph yet; a new one will be {}: {why}.\n",
            about.wish.form.name()
        ),
        Some(form) if form == about.wish.form => format!("Your graph is {}: {why}.\n", form.name()),
        Some(form) if about.is_as_wished() => format!(
            "Your graph is {}. It could be {}: {why}.\n",
            form.name(),
            about.wish.form.name()
        ),
        Some(form) => format!(
            "Your graph is {}, and is to be {}: {why}.\n",
            form.name(),
            about.wish.form.name()
        ),
    };
    text.push_str(&format!("Your wish: {}.\n", about.wish.mode.name()));
    for sentence in about.wish.disk.iter().flat_map(|disk| &disk.found) {
        text.push_str(&format!("  {sentence}\n"));
    }
    text
}

fn as_json(about: &About) -> Value {
    json!({
        "form": about.form.map(Form::name),
        "mode": about.wish.mode.name(),
        "wanted": about.wish.form.name(),
        "as_wanted": about.is_as_wished(),
        "why": about.wish.why(),
        "by_policy": about.wish.by_policy,
        "disk": about.wish.disk,
        "bytes": about.bytes,
    })
}
