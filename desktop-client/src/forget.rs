//! `aiworklab forget`: a retract is recorded, and obeyed by what never leaves the machine, too.

use crate::agent;
use crate::cli::say;
use crate::error::{Error, Result};
use crate::graph;
use crate::home::Home;
use crate::store::{Store, fresh_stream};
use crate::words;
use crate::world::World;
use kernel::delta::{Retract, Scope};
use kernel::ids::{HOUR, Slug};
use kernel::sync::client;
use std::io::{self, BufRead, IsTerminal, Write};

/// Forgets a concept, or all of them, up to and with this hour; until when, in seconds of shared
/// time, what is done with it is forgotten, too.
///
/// # Errors
/// The store's own.
pub fn forget(world: &dyn World, store: &mut Store, scope: &Scope) -> Result<i64> {
    let fresh = fresh_stream(world)?;
    let clock = world.now();
    let until = store.write(|txn| {
        let hour = txn.hour_at(clock)?;
        client::retract(txn, clock, || fresh, scope.clone())?;
        txn.obey(&Retract {
            scope: scope.clone(),
            at: hour,
        })?;
        Ok(hour.unix() + HOUR)
    })?;
    store.clear_log()?;
    Ok(until)
}

/// Asks, forgets, and says what that means.
///
/// # Errors
/// [`Error::Concept`], the store's own.
pub fn command(
    world: &dyn World,
    home: &Home,
    what: &str,
    yes: bool,
    out: &mut dyn Write,
) -> Result<()> {
    let mut store = Store::open(world, home)?;
    // What the spool still holds is of this hour or before, and goes with the rest.
    agent::run(world, home, &mut store)?;
    let concept = match what {
        "all" => None,
        text => Some(store.read(|txn| graph::named(text, &graph::pairs(txn)?))?),
    };
    let stdin = io::stdin();
    if !yes && stdin.is_terminal() {
        let named = concept.as_ref().map_or("all concepts", Slug::as_str);
        say(
            out,
            &format!(
                "Forget what you did with {named}, here and, at the next sync, everywhere? [y/N] "
            ),
        )?;
        let mut line = String::new();
        stdin
            .lock()
            .read_line(&mut line)
            .map_err(|source| Error::Terminal { source })?;
        if !matches!(line.trim(), "y" | "Y" | "yes") {
            return say(out, "Nothing was forgotten.\n");
        }
    }
    let scope = concept.clone().map_or(Scope::All, Scope::Concept);
    let until = forget(world, &mut store, &scope)?;
    let clock = world.now();
    let enrolled = store.read(|txn| txn.enrolment())?.is_some();
    let named = concept.as_ref().map_or("Everything", Slug::as_str);
    let rest = if enrolled {
        " The appliance and your other machines forget it at their next sync."
    } else {
        ""
    };
    let minutes = (until - clock).clamp(0, HOUR) / 60 + 1;
    say(
        out,
        &format!(
            "{named} up to this hour is forgotten on this machine.{rest} \
             What you do with it in the next {} is forgotten too, so nothing of it is asked until then.\n",
            words::count(u64::try_from(minutes).unwrap_or(60), "minute")
        ),
    )
}
