//! `aiworklab keys` as it is typed.

use super::{lines, say};
use crate::error::Result;
use crate::home::Home;
use crate::keys::{self, Moved, Place};
use crate::words::count;
use crate::world::World;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct Keys {
    /// Where secrets are to be kept; how they stand, if left out.
    #[arg(value_enum, default_value_t = What::Status)]
    what: What,
    /// Say what would be moved, and move nothing.
    #[arg(long)]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Show where secrets lie and which there are; shows none of them.
    Status,
    /// Move them all into the system's keychain.
    Keychain,
    /// Move them all into files that only you can read: for machines without a keychain.
    File,
}

/// Shows how secrets stand, or moves them.
pub(super) fn run(world: &dyn World, home: &Home, wish: &Keys, out: &mut dyn Write) -> Result<()> {
    let to = match wish.what {
        What::Status => {
            let report = keys::report(world, home)?;
            return say(
                out,
                &if wish.json {
                    lines(&report.json())
                } else {
                    report.text()
                },
            );
        }
        What::Keychain => Place::Keychain,
        What::File => Place::File,
    };
    let moved = keys::move_to(world, home, to, wish.dry_run)?;
    let text = if wish.json {
        lines(&json!({
            "from": moved.from,
            "to": moved.to,
            "secrets": moved.secrets,
            "tidied": moved.tidied,
            "done": !wish.dry_run,
        }))
    } else {
        told(&moved, wish.dry_run)
    };
    say(out, &text)
}

fn told(moved: &Moved, dry_run: bool) -> String {
    let to = moved.to.word();
    let would = if dry_run { "would be " } else { "" };
    let mut text = if moved.from == moved.to {
        format!("Secrets are kept in the {to} already.\n")
    } else if moved.secrets.is_empty() {
        let is = if dry_run { "would be" } else { "is" };
        format!("There is no secret yet; the {to} {is} chosen.\n")
    } else {
        format!(
            "{} {would}moved to the {to}: {}.\n",
            count(moved.secrets.len() as u64, "secret"),
            moved.secrets.join(", ")
        )
    };
    if moved.tidied {
        text.push_str(&format!("Copies of an earlier move {would}deleted.\n"));
    }
    if moved.to == Place::File {
        text.push_str(
            "Whoever can read your files, such as a backup or an administrator, can read secrets that lie in files.\n",
        );
    }
    text
}
