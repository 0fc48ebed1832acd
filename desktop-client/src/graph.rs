//! What this engineer knows, folded from what this machine holds, and what could be asked next.

mod ahead;

use crate::error::{Error, Result};
use crate::store::{Ask, Outcome, Txn};
use crate::world::World;
use kernel::asking::{self, AskOutcome, Candidate, Claim, Desk, Muted, PastAsk, Reach, Reason};
use kernel::catalogue::Catalogue;
use kernel::delta::Retract;
use kernel::evidence::{self, Pair};
use kernel::ids::{DAY, Slug};
use kernel::items::{Seen, SeenOutcome};
use kernel::sync::client::{Local, Why};
use kernel::sync::{Row, Rows};
use std::collections::{BTreeMap, BTreeSet};

/// Checks older than this, in seconds, decide nothing any more.
const ASKS_MATTER_S: i64 = 400 * DAY;

/// What is known of every concept that was met.
pub type Pairs = BTreeMap<Slug, Pair>;

/// Folds what this machine holds; what the server will take later is in it, what it refused is not.
///
/// # Errors
/// The store's own.
pub fn pairs(txn: &mut Txn<'_>) -> Result<Pairs> {
    Ok(evidence::fold(rows(txn)?, resolved))
}

/// The same for who decides at `now`: what a clock that ran ahead dated years to come holds nothing back.
///
/// # Errors
/// The store's own.
pub fn pairs_by(txn: &mut Txn<'_>, now: Now) -> Result<Pairs> {
    let began = txn.began_at()?.unwrap_or(now.machine);
    let began = began.saturating_add(now.shared - now.machine);
    let rows = ahead::rows(rows(txn)?, now.shared, began);
    Ok(evidence::fold(rows, resolved))
}

fn rows(txn: &mut Txn<'_>) -> Result<Vec<Row>> {
    let mut rows = txn.all()?;
    let deferred = txn
        .aside()?
        .into_iter()
        .filter(|a| matches!(a.why, Why::Deferred { .. }));
    rows.extend(deferred.map(|a| Row {
        stream: a.stream,
        index: a.index,
        delta: a.delta,
    }));
    Ok(rows)
}

/// A concept of the catalogue, or one that was met here, as somebody typed it.
///
/// # Errors
/// [`Error::Concept`], with the slugs that it may have been meant for.
pub fn named(text: &str, pairs: &Pairs) -> Result<Slug> {
    let known = Slug::new(text).ok().map(resolved);
    known
        .filter(|slug| Catalogue::builtin().get(slug).is_some() || pairs.contains_key(slug))
        .ok_or_else(|| Error::Concept {
            text: text.to_owned(),
            near: near(text),
        })
}

/// At most three slugs that a typed word may have been meant for, the likeliest first.
pub fn near(text: &str) -> Vec<String> {
    let text = text.trim().to_lowercase().replace([' ', '_'], "-");
    let mut likely: Vec<(f64, String)> = Catalogue::builtin()
        .iter()
        .filter(|concept| concept.replaced_by.is_none())
        .filter_map(|concept| {
            let slug = concept.slug.as_str();
            let title = concept.title.to_lowercase().replace(' ', "-");
            // What was typed in part is as near as what was typed wrongly.
            let part = text.len() >= 3 && (slug.contains(&text) || title.contains(&text));
            let likeness = [slug, title.as_str()]
                .map(|name| strsim::jaro_winkler(&text, name))
                .into_iter()
                .fold(if part { 0.95 } else { 0.0 }, f64::max);
            (likeness > 0.84).then(|| (likeness, slug.to_owned()))
        })
        .collect();
    likely.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    likely.into_iter().take(3).map(|(_, slug)| slug).collect()
}

/// The concept that stands for this one.
pub fn resolved(slug: Slug) -> Slug {
    Catalogue::builtin()
        .resolve(&slug)
        .map_or(slug, |concept| concept.slug.clone())
}

/// Checks of the past that still decide something at `shared`, shared time.
///
/// # Errors
/// The store's own.
pub fn past(txn: &Txn<'_>, shared: i64) -> Result<Vec<Ask>> {
    let since = shared - ASKS_MATTER_S;
    let mut asks = txn.asks(since)?;
    ahead::asks(&mut asks, shared, since);
    Ok(asks)
}

/// The two clocks: evidence and checks are dated by the shared one, the engineer's own lines by the
/// machine's.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// This machine's, in seconds.
    pub machine: i64,
    /// The machine's, corrected by what the last contact with the appliance taught.
    pub shared: i64,
}

impl Now {
    /// Both clocks, when the machine's says `machine`.
    ///
    /// # Errors
    /// The store's own.
    pub fn at(txn: &mut Txn<'_>, machine: i64) -> Result<Self> {
        Ok(Self {
            machine,
            shared: machine.saturating_add(txn.offset()?),
        })
    }
}

/// Why a concept is asked about, after "Asked because".
pub const fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Probe => "it is time to see whether it lasted",
        Reason::Claim => "you said that you know it",
        Reason::Doubt => "your right answers on it may have been luck",
        Reason::MetToday => "you met it today",
        Reason::Prerequisite => "something that you met today builds on it",
        Reason::Fading => "it would fade otherwise",
    }
}

/// One check of the past for the ask policy.
pub fn past_ask(ask: &Ask) -> PastAsk {
    PastAsk {
        at: ask.at,
        concept: ask.item.concept.clone(),
        outcome: match ask.outcome {
            Outcome::Waiting => AskOutcome::Pending,
            Outcome::Right | Outcome::Wrong | Outcome::Unsure => AskOutcome::Answered,
            Outcome::Later => AskOutcome::Snoozed,
            Outcome::Dismissed => AskOutcome::Dismissed,
        },
        new: ask.new,
        requested: ask.requested,
    }
}

/// One check of the past for the choice of the next item.
pub fn seen(ask: &Ask) -> Seen {
    Seen {
        address: ask.item.address.clone(),
        at: ask.answered.unwrap_or(ask.at),
        outcome: match ask.outcome {
            Outcome::Right => SeenOutcome::Right,
            Outcome::Wrong => SeenOutcome::Wrong,
            Outcome::Unsure => SeenOutcome::Unsure,
            Outcome::Waiting | Outcome::Later | Outcome::Dismissed => SeenOutcome::Skipped,
        },
    }
}

/// What a check is chosen from: read once, asked as often as need be.
#[derive(Debug)]
pub struct Table {
    /// The folded evidence.
    pub pairs: Pairs,
    /// What the engineer muted.
    pub muted: Muted,
    /// What the engineer claims to know.
    pub claims: BTreeMap<Slug, Claim>,
    touched: BTreeSet<Slug>,
    probes: BTreeMap<Slug, i64>,
    retracts: Vec<Retract>,
    now: i64,
}

impl Table {
    /// Reads it.
    ///
    /// # Errors
    /// The store's own.
    pub fn read(world: &dyn World, txn: &mut Txn<'_>, now: Now) -> Result<Self> {
        let (mut claims, mut probes) = (txn.claims()?, txn.probes()?);
        claims.retain(|_, claim| ahead::is_claim(claim, now.shared));
        probes.retain(|_, due| ahead::is_probe(*due, now.shared));
        // Today is the engineer's own day, not the last 24 hours.
        Ok(Self {
            pairs: pairs_by(txn, now)?,
            muted: txn.muted()?,
            claims,
            touched: txn.met_since(world.midnight(now.machine))?,
            probes,
            retracts: txn.retracts()?,
            now: now.shared,
        })
    }

    /// Every concept that could be asked, with what asking it would bring.
    pub fn candidates(&self, reach: Reach<'_>) -> Vec<Candidate> {
        let desk = Desk {
            pairs: &self.pairs,
            catalogue: Catalogue::builtin(),
            touched: &self.touched,
            probes: &self.probes,
            retracts: &self.retracts,
            muted: &self.muted,
            claims: &self.claims,
            now: self.now,
        };
        asking::candidates(&desk, reach)
    }
}
