//! Muting: a concept with all below it, or a whole domain, is neither noted nor asked on this machine.

use super::Said;
use crate::error::{Error, Result};
use crate::graph;
use crate::store::{Outcome, Store, Txn};
use crate::words::{self, count};
use crate::world::World;
use kernel::asking::{Mute, Muted};
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use serde_json::json;
use std::fmt::Write;

/// What is wished.
#[derive(Clone, Debug)]
pub struct Muting {
    /// A concept or a domain, as it was typed.
    pub what: String,
}

/// Most concepts that are named one by one.
const NAMED: usize = 8;

fn covered(muted: &Muted) -> Vec<&'static Slug> {
    let catalogue = Catalogue::builtin();
    catalogue
        .iter()
        .map(|concept| &concept.slug)
        .filter(|slug| muted.covers(catalogue, slug))
        .collect()
}

fn meant(what: &str) -> Result<Mute> {
    Mute::named(what, Catalogue::builtin()).ok_or_else(|| Error::NothingToMute {
        text: what.to_owned(),
        near: graph::near(what),
    })
}

fn named(slugs: &[&Slug]) -> String {
    let mut text: Vec<_> = slugs.iter().take(NAMED).map(|slug| slug.as_str()).collect();
    let more = slugs.len().saturating_sub(NAMED);
    let rest = format!("{more} more");
    if more > 0 {
        text.push(&rest);
    }
    text.join(", ")
}

/// Mutes.
///
/// # Errors
/// [`Error::NothingToMute`], the store's own.
pub fn mute(world: &dyn World, store: &mut Store, wish: &Muting) -> Result<Said> {
    let mute = meant(&wish.what)?;
    let name = mute.to_string();
    let now = world.now();
    let (fresh, put_off) = store.write(|txn| {
        let fresh = txn.mute(&name, now)?;
        Ok((fresh, put_off(txn, now)?))
    })?;
    let concepts = covered(&Muted::from_iter([mute]));
    let already = if fresh { "" } else { " already" };
    let what = match concepts.as_slice() {
        [] => String::new(),
        [one] if one.as_str() == name => String::new(),
        many => format!(", {}: {}", count(many.len() as u64, "concept"), named(many)),
    };
    let mut text = format!("{name} is muted{already}{what}.\n");
    text.push_str(
        "On this machine it is neither noted as met nor asked any more, and nothing is asked because of it. \
         What was noted\nbefore stays, and is synced as before; `aiworklab forget` removes it. A check that \
         you ask for by name is still given.\n",
    );
    if put_off {
        text.push_str("The check that waited was on it, and is put off.\n");
    }
    let _ = writeln!(text, "Undo: aiworklab unmute {name}");
    Ok(Said {
        text,
        json: json!({ "muted": name, "already": !fresh, "concepts": concepts, "check_put_off": put_off }),
    })
}

/// Puts off a check that waits and that nobody asked for, if what it is on is muted.
fn put_off(txn: &mut Txn<'_>, machine: i64) -> Result<bool> {
    let now = graph::Now::at(txn, machine)?;
    let muted = txn.muted()?;
    match txn.waiting()? {
        Some(ask) if !ask.requested && muted.covers(Catalogue::builtin(), &ask.item.concept) => {
            txn.settle(ask.id, Outcome::Later, now.shared)
        }
        _ => Ok(false),
    }
}

/// Takes a mute back.
///
/// # Errors
/// [`Error::NothingToMute`], the store's own.
pub fn unmute(store: &mut Store, wish: &Muting) -> Result<Said> {
    let (name, was, still) = store.write(|txn| {
        // What is on the list is taken off it, whatever this release calls it.
        let listed = txn.mutes()?.contains_key(&wish.what);
        let name = if listed {
            wish.what.clone()
        } else {
            meant(&wish.what)?.to_string()
        };
        let was = txn.unmute(&name)?;
        let catalogue = Catalogue::builtin();
        let muted = txn.muted()?;
        let still: Vec<String> = match Mute::named(&name, catalogue) {
            Some(Mute::Concept(slug)) => muted
                .iter()
                .filter(|mute| Muted::from_iter([(*mute).clone()]).covers(catalogue, &slug))
                .map(ToString::to_string)
                .collect(),
            _ => Vec::new(),
        };
        Ok((name, was, still))
    })?;
    let mut text = if was {
        format!("{name} is not muted any more: it is noted and asked from now on.\n")
    } else {
        format!("{name} was not muted.\n")
    };
    if !still.is_empty() {
        let _ = writeln!(
            text,
            "It stays muted by {}: aiworklab unmute {}",
            still.join(", "),
            still[0]
        );
    }
    Ok(Said {
        text,
        json: json!({ "unmuted": name, "was_muted": was, "still_muted_by": still }),
    })
}

/// What is muted here.
///
/// # Errors
/// The store's own.
pub fn list(txn: &Txn<'_>) -> Result<Said> {
    let mutes = txn.mutes()?;
    let mut text = String::new();
    if mutes.is_empty() {
        text.push_str("Nothing is muted on this machine.\n");
    }
    let mut json = Vec::new();
    for (name, at) in &mutes {
        let since = words::day(*at);
        let mute = Mute::named(name, Catalogue::builtin());
        let known = mute.is_some();
        let concepts = covered(&mute.into_iter().collect());
        let what = if known {
            count(concepts.len() as u64, "concept")
        } else {
            "this release has nothing of this name".to_owned()
        };
        let _ = writeln!(text, "{name}  since {since}, {what}");
        json.push(json!({ "name": name, "since": since, "concepts": concepts }));
    }
    Ok(Said {
        text,
        json: json!(json),
    })
}
