//! Items that the appliance made: fetched ahead for every concept at once, asked from offline.
//!
//! The request is the same whatever the engineer does: it says which pack is here and nothing
//! else. A pack is taken as a whole, in one transaction, after its signature was verified and each
//! item checked against this program's own catalogue; on any failure the one before stays.
//!
//! Invariant: what is asked has passed [`kernel::items::check`] on this machine.

mod signed;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::net::Http;
use crate::store::{Kept, Store, Trouble, Txn};
use crate::words::count;
use crate::world::World;
use kernel::asking::Choice;
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use kernel::items::{self, Item, Maker, Opened, Pack, PackError, Seen, Tier};
use kernel::wire::v1::{MAX_PACK_BODY_BYTES, SignedPack};
use rustls_pki_types::CertificateDer;
use std::collections::BTreeSet;

/// What a fetch came to.
#[derive(Debug)]
pub enum Fetched {
    /// A new pack is in use.
    Taken(Kept),
    /// The newest one was here.
    Same,
    /// The appliance has none yet, or is busy.
    NoneYet,
    /// The appliance makes none: it is of an earlier release.
    NotMade,
}

/// The program that looks through a pack.
fn reader() -> String {
    let catalogue = Catalogue::builtin().version();
    format!("{} with catalogue {catalogue}", env!("CARGO_PKG_VERSION"))
}

/// Path and query of the request: of the pack that is here, and of nothing else.
pub fn request(kept: Option<&Kept>) -> String {
    // Another program may take more of the same pack, so it asks as if it had none.
    let held = kept.filter(|kept| kept.reader == reader());
    match held {
        Some(kept) => format!("/v1/items?have={}", kept.version),
        None => "/v1/items".to_owned(),
    }
}

/// Where packs come from and go to.
#[derive(Debug)]
pub struct Source<'a> {
    /// The connection.
    pub http: &'a Http,
    /// Base URL of the devices' port.
    pub devices: &'a str,
    /// The appliance's root, as it was named at enrolment.
    pub root: &'a CertificateDer<'a>,
}

/// Fetches a newer pack if there is one. What goes wrong is noted for `status`, and the pack before stays.
///
/// # Errors
/// What went wrong: the connection's, [`Error::Refused`], or one of the `Pack` errors.
pub async fn fetch(world: &dyn World, store: &mut Store, source: &Source<'_>) -> Result<Fetched> {
    let fetched = tried(world, store, source).await;
    let trouble = fetched.as_ref().err().map(|error| Trouble {
        at: world.now(),
        code: error.code().to_owned(),
        text: error.to_string(),
    });
    store.write(|txn| txn.set_pack_trouble(trouble.as_ref()))?;
    fetched
}

async fn tried(world: &dyn World, store: &mut Store, source: &Source<'_>) -> Result<Fetched> {
    let kept = store.read(|txn| txn.pack())?;
    let url = format!("{}{}", source.devices, request(kept.as_ref()));
    let reply = source.http.get_up_to(&url, MAX_PACK_BODY_BYTES).await;
    let reply = reply.map_err(|error| match error {
        Error::Reply { .. } => Error::PackTooLarge {
            limit: MAX_PACK_BODY_BYTES,
        },
        other => other,
    })?;
    match reply.status {
        200 => {}
        204 => return Ok(Fetched::Same),
        404 => return Ok(Fetched::NotMade),
        429 | 503 => return Ok(Fetched::NoneYet),
        _ => return Err(reply.refusal()),
    }
    let signed: SignedPack = reply.shape()?;
    let now = world.now();
    let shared = store.read(|txn| Ok(crate::graph::Now::at(txn, now)?.shared))?;
    let bytes = signed::verified(&signed, source.root, shared)?;
    let opened = Pack::open(&bytes, Catalogue::builtin()).map_err(|error| match error {
        PackError::Format(found) => Error::PackFormat { found },
        PackError::TooLarge(_) => Error::PackTooLarge {
            limit: items::PACK_MAX_BYTES,
        },
        other => signed::broken(&other.to_string()),
    })?;
    let kept = kept_of(&opened, signed.version, now);
    if kept.items == 0 {
        return Err(Error::PackForeign {
            items: kept.left_out,
            catalogue: opened.catalogue,
        });
    }
    store.write(|txn| txn.set_pack(&kept, &opened.items))?;
    Ok(Fetched::Taken(kept))
}

fn kept_of(opened: &Opened, version: String, at: i64) -> Kept {
    let concepts: BTreeSet<&Slug> = opened.items.iter().map(|item| &item.concept).collect();
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    // A name that cannot be shown is none; those of items have been checked.
    let named = |name: &str| (1..=80).contains(&name.chars().count());
    let model = opened.model.clone();
    Kept {
        version,
        catalogue: opened.catalogue,
        model: model.filter(|m| named(&m.name) && !m.name.chars().any(char::is_control)),
        at,
        items: number(opened.items.len()),
        concepts: number(concepts.len()),
        left_out: number(opened.unreadable + opened.unknown + opened.flawed.len()),
        reader: reader(),
    }
}

/// A check to be kept: the item, and the version of the pack that it is from.
#[derive(Clone, Debug)]
pub struct Next {
    /// The item.
    pub item: Item,
    /// The pack's version; `None` for an item that was drawn here.
    pub pack: Option<String>,
}

/// The next item of a concept: from the pack in its order, else drawn here, by the same rules; the
/// hardest that is left where the choice wants that.
///
/// # Errors
/// The store's own; within it, why there is none.
pub fn next(
    txn: &Txn<'_>,
    choice: &Choice,
    seen: &[Seen],
    shared: i64,
    seed: u64,
) -> Result<Result<Next, items::Error>> {
    let concept = &choice.concept;
    if let Some(item) = crate::own_model::ready(txn, choice, seen, shared)? {
        return Ok(Ok(Next { item, pack: None }));
    }
    let made = txn.pack_items(concept)?;
    let version = txn.pack()?.map(|kept| kept.version);
    let pick = if choice.harder {
        items::hardest_from
    } else {
        items::next_from
    };
    let picked = pick(&made, Catalogue::builtin(), concept, seen, shared, seed);
    Ok(picked.map(|picked| Next {
        item: picked.item,
        pack: version.filter(|_| picked.made),
    }))
}

/// Where an item is from: model, tier and facts.
pub fn provenance(item: &Item, pack: Option<&str>) -> String {
    let maker = match pack {
        Some(_) => Maker::Appliance,
        None => Maker::Here,
    };
    item.provenance_sentence(Catalogue::builtin(), maker)
}

/// Who chose a pack's items, after a comma.
fn chosen(kept: &Kept) -> String {
    match &kept.model {
        Some(model) => match model.tier {
            Tier::None => format!("drawn at random ({} has tier none)", model.name),
            Tier::Ranker => format!("chosen by {} (tier ranker)", model.name),
            Tier::Author => format!("chosen by {} (tier author)", model.name),
        },
        None => "drawn at random, without a model".to_owned(),
    }
}

/// A pack in a line.
pub fn told(kept: &Kept) -> String {
    let mut text = format!(
        "{} for {}, {}",
        count(kept.items, "item"),
        count(kept.concepts, "concept"),
        chosen(kept)
    );
    if kept.left_out > 0 {
        text.push_str(&format!(
            "; {} left out, which this program's catalogue does not vouch for",
            kept.left_out
        ));
    }
    text
}
