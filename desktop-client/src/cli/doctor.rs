//! `aiworklab doctor` as it is typed.

use super::{lines, program, say};
use crate::doctor;
use crate::error::Result;
use crate::world::World;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// As JSON, with how each thing was found.
    #[arg(long)]
    json: bool,
}

/// Looks at every part and tells; `true` if no check failed. Sends nothing and changes nothing.
pub(super) fn look(world: &dyn World, wish: &Doctor, out: &mut dyn Write) -> Result<bool> {
    // A doctor that cannot find itself still looks at the rest.
    let program = program().unwrap_or_else(|_| PathBuf::from("aiworklab"));
    let told = doctor::look(world, &program);
    let text = if wish.json {
        lines(&told.json())
    } else {
        told.text()
    };
    say(out, &text)?;
    Ok(told.well())
}
