//! "I know this": two harder checks, then quiet for six months.

use super::{Said, titled};
use crate::error::{Error, Result};
use crate::graph::{self, Now};
use crate::store::{Store, Txn};
use crate::words;
use crate::world::World;
use kernel::asking::Claim;
use kernel::catalogue::Catalogue;
use serde_json::{Value, json};
use std::fmt::Write;

/// What is wished.
#[derive(Clone, Debug)]
pub struct Know {
    /// The concept, as it was typed.
    pub concept: String,
    /// Take it back.
    pub undo: bool,
}

/// Begins a claim, or takes it back.
///
/// # Errors
/// [`Error::Concept`], [`Error::NothingToAsk`] for a concept that is never asked, the store's own.
pub fn know(world: &dyn World, store: &mut Store, wish: &Know) -> Result<Said> {
    let machine = world.now();
    let concept = store.read(|txn| graph::named(&wish.concept, &graph::pairs(txn)?))?;
    if wish.undo {
        let was = store.write(|txn| txn.drop_claim(&concept))?;
        let text = if was {
            format!(
                "{} is asked like any other concept again.\n",
                titled(&concept)
            )
        } else {
            format!("You have not said that you know {}.\n", titled(&concept))
        };
        return Ok(Said {
            text,
            json: json!({ "concept": concept, "claimed": false, "undone": was }),
        });
    }
    let askable = Catalogue::builtin()
        .get(&concept)
        .is_some_and(|entry| entry.is_askable());
    if !askable {
        return Err(Error::NothingToAsk {
            why: format!(
                "{concept} is on the map alone and never asked, so there is nothing to show"
            ),
        });
    }
    let (claim, now, begun) = store.write(|txn| {
        let now = Now::at(txn, machine)?.shared;
        let held = txn
            .claims()?
            .remove(&concept)
            .filter(|claim| claim.is_open(now) || claim.is_quiet(now));
        if let Some(held) = held {
            return Ok((held, now, false));
        }
        let claim = Claim::new(now);
        // The date of a claim that is over is not this one's.
        txn.drop_claim(&concept)?;
        txn.set_claim(&concept, now, &claim)?;
        Ok((claim, now, true))
    })?;
    let mut text = if begun {
        format!(
            "You say that you know {}. Two harder checks follow at the usual moments, the second at least 20 hours \
             after\nthe first; there are no more checks than usual for it. Both right: it is quiet for six \
             months. A wrong answer or\n\"not sure\" ends it, and so do 30 days without an answer.\n",
            titled(&concept)
        )
    } else {
        format!("{}: {}.\n", titled(&concept), standing(&claim, now))
    };
    if claim.is_open(now) {
        let _ = writeln!(text, "The next one now: aiworklab quiz --concept {concept}");
    }
    let _ = writeln!(text, "Undo: aiworklab know {concept} --undo");
    Ok(Said {
        text,
        json: as_json(&concept, &claim, now, begun),
    })
}

fn as_json(concept: &kernel::ids::Slug, claim: &Claim, now: i64, begun: bool) -> Value {
    json!({
        "concept": concept, "claimed": true, "begun": begun, "passed": claim.passed(),
        "open": claim.is_open(now), "quiet": claim.is_quiet(now),
        "quiet_until": claim.quiet_until().map(words::day),
        "due": claim.due_at().map(|at| words::day(at.max(now))),
    })
}

/// How a claim stands, in words.
pub fn standing(claim: &Claim, now: i64) -> String {
    if let Some(until) = claim.quiet_until().filter(|until| now < *until) {
        format!("you know it; quiet until {}", words::day(until))
    } else if claim.is_open(now) {
        format!(
            "you say that you know it; {} of 2 harder checks passed",
            claim.passed()
        )
    } else if claim.quiet_until().is_some() {
        "you said that you know it; the six months are over".to_owned()
    } else {
        "you said that you know it; the checks did not bear it out".to_owned()
    }
}

/// What the engineer says to know.
///
/// # Errors
/// The store's own.
pub fn list(txn: &mut Txn<'_>, machine: i64) -> Result<Said> {
    let now = Now::at(txn, machine)?.shared;
    let claims = txn.claims()?;
    let mut text = String::new();
    if claims.is_empty() {
        text.push_str("You have not said of any concept that you know it.\n");
    }
    let mut json = Vec::new();
    for (concept, claim) in &claims {
        let _ = writeln!(text, "{concept}  {}", standing(claim, now));
        json.push(as_json(concept, claim, now, false));
    }
    Ok(Said {
        text,
        json: json!(json),
    })
}
