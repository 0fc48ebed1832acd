//! `aiworklab set` and `aiworklab policy` as they are typed.

use super::{lines, say};
use crate::error::Result;
use crate::home::Home;
use crate::policy::Policy;
use crate::settings::{self, Settings};
use crate::world::World;
use clap::{Args, Subcommand};
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct Set {
    /// The setting, such as quiet-hours; all of them are shown if it is left out.
    key: Option<String>,
    /// Its new value; the one that holds is shown if it is left out. Lists are written with commas.
    #[arg(requires = "key")]
    value: Option<String>,
    /// Go back to the default.
    #[arg(long, requires = "key", conflicts_with = "value")]
    default: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct PolicyOf {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Explain every value that holds: what it is, who says so, in which line, and what it does.
    Show {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Shows or changes a person's settings.
pub(super) fn set(world: &dyn World, home: &Home, wish: &Set, out: &mut dyn Write) -> Result<()> {
    let policy = Policy::load(world);
    let said = match (&wish.key, &wish.value) {
        (Some(key), Some(value)) => settings::set(home, &policy, key, Some(value))?,
        (Some(key), None) if wish.default => settings::set(home, &policy, key, None)?,
        (key, _) => settings::show(&Settings::of(home, &policy), key.as_deref())?,
    };
    say(
        out,
        &if wish.json {
            lines(&said.json)
        } else {
            said.text
        },
    )
}

/// Explains the policy. It works without a folder of ours.
pub(super) fn policy(world: &dyn World, wish: &PolicyOf, out: &mut dyn Write) -> Result<()> {
    let Act::Show { json } = wish.act;
    let settings = Settings::here(world);
    let policy = settings.policy();
    let text = if json {
        lines(&policy.shown_json(&settings))
    } else {
        policy.shown_text(&settings)
    };
    say(out, &text)
}
