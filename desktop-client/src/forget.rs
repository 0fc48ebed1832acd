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
        txn.keep_time(clock)?;
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

/// What was typed.
#[derive(Debug)]
pub struct Wish {
    /// A concept's slug, or `all`.
    pub what: String,
    /// Do not ask before.
    pub yes: bool,
    /// Say it as JSON.
    pub json: bool,
}

/// Asks, forgets, and says what that means.
///
/// # Errors
/// [`Error::Concept`], the store's own.
pub fn command(world: &dyn World, home: &Home, wish: &Wish, out: &mut dyn Write) -> Result<()> {
    let mut store = Store::open(world, home)?;
    // What the spool still holds is of this hour or before, and goes with the rest.
    agent::run(world, home, &mut store)?;
    let concept = match wish.what.as_str() {
        "all" => None,
        text => Some(store.read(|txn| graph::named(text, &graph::pairs(txn)?))?),
    };
    let stdin = io::stdin();
    if !wish.yes && stdin.is_terminal() {
        let named = concept.as_ref().map_or("all concepts", Slug::as_str);
        // What is printed as JSON is JSON alone.
        let mut beside = io::stderr();
        let asked: &mut dyn Write = if wish.json { &mut beside } else { out };
        say(
            asked,
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
            let nothing = serde_json::json!({ "forgotten": null });
            return match wish.json {
                true => say(out, &format!("{nothing:#}\n")),
                false => say(out, "Nothing was forgotten.\n"),
            };
        }
    }
    let scope = concept.clone().map_or(Scope::All, Scope::Concept);
    let until = forget(world, &mut store, &scope)?;
    if concept.is_none() {
        let _alone = agent::lock(home)?;
        agent::forget_transcripts(home).map_err(|source| Error::File {
            doing: "delete the list of transcripts in",
            path: home.path().to_owned(),
            source,
        })?;
    }
    let clock = world.now();
    let enrolled = store.read(|txn| txn.enrolment())?.is_some();
    if wish.json {
        let told = serde_json::json!({ "forgotten": {
            "concept": concept, "all": concept.is_none(), "until": until, "enrolled": enrolled,
        } });
        return say(out, &format!("{told:#}\n"));
    }
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
