//! `aiworklab pause` as it is typed.

use super::{lines, say};
use crate::error::Result;
use crate::home::Home;
use crate::pause;
use crate::store::Store;
use crate::world::World;
use clap::Args;
use serde_json::json;
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct Pause {
    /// How long: 45m, 2h, 3d; or until when: tomorrow, monday. Until tomorrow, if left out.
    #[arg(value_name = "FOR")]
    span: Option<String>,
    /// Until when: 14:30, 2026-12-01, "2026-12-01 9:00", monday.
    #[arg(long, value_name = "WHEN", conflicts_with = "span")]
    until: Option<String>,
    /// End the pause.
    #[arg(long, conflicts_with_all = ["span", "until"])]
    off: bool,
    /// Say whether there is a pause, and change nothing.
    #[arg(long, conflicts_with_all = ["span", "until", "off"])]
    show: bool,
    #[arg(long)]
    json: bool,
}

/// Pauses, or ends a pause.
pub(super) fn run(world: &dyn World, home: &Home, wish: &Pause, out: &mut dyn Write) -> Result<()> {
    let until = match (&wish.until, wish.off || wish.show) {
        (_, true) => None,
        (Some(text), false) => Some(pause::until(world, text)?),
        (None, false) => Some(pause::after(
            world,
            wish.span.as_deref().unwrap_or("tomorrow"),
        )?),
    };
    let mut store = Store::open(world, home)?;
    let (said, until) = store.write(|txn| {
        let said = if wish.show {
            match pause::told(world, txn)? {
                Some(told) => format!("Checks are {told}."),
                None => "There is no pause.".to_owned(),
            }
        } else {
            pause::set(world, txn, until)?
        };
        Ok((said, pause::holds(txn, world.now())?))
    })?;
    let json = json!({
        "paused": until.is_some(),
        "until": until,
        "until_local": until.map(|at| pause::moment(world, at)),
        "said": said,
    });
    say(
        out,
        &if wish.json {
            lines(&json)
        } else {
            format!("{said}\n")
        },
    )
}
