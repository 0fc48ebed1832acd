//! What this engineer knows, folded from what this machine holds, and what could be asked next.

use crate::error::Result;
use crate::store::{Ask, Outcome, Txn};
use kernel::asking::{AskOutcome, Candidate, PastAsk, Reason};
use kernel::catalogue::Catalogue;
use kernel::delta::{Retract, State};
use kernel::evidence::{self, COUNT_AFTER_S, Pair};
use kernel::ids::{DAY, HOUR, Hour, Slug};
use kernel::items::{AnswerKind, Seen, SeenOutcome};
use kernel::memory;
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
    Ok(evidence::fold(rows, resolved))
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
    txn.asks(shared - ASKS_MATTER_S)
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
            Outcome::Waiting | Outcome::Later => SeenOutcome::Skipped,
        },
    }
}

/// Every concept that could be asked, with what asking it would bring.
///
/// Concepts that were never met are left out, unless they are prerequisites of something met today
/// or `all` is set.
///
/// # Errors
/// The store's own.
pub fn candidates(txn: &mut Txn<'_>, pairs: &Pairs, now: Now, all: bool) -> Result<Vec<Candidate>> {
    let catalogue = Catalogue::builtin();
    let mut today = txn.met_since(now.machine - DAY)?;
    let this_day = Hour::floor(now.shared).day();
    today.extend(
        pairs
            .iter()
            .filter(|(_, pair)| pair.last.is_some_and(|last| last.day() == this_day))
            .map(|(concept, _)| concept.clone()),
    );
    let open: BTreeSet<Slug> = today
        .iter()
        .flat_map(|concept| catalogue.prerequisites(concept))
        .map(|concept| concept.slug.clone())
        .filter(|slug| {
            !matches!(
                pairs.get(slug).map(|pair| pair.state),
                Some(State::Demonstrated | State::Retained)
            )
        })
        .collect();
    let probes = txn.probes()?;
    let retracts = txn.retracts()?;
    // What was just forgotten would be forgotten again: until its hour is over nothing is asked.
    let forgotten = |slug: &Slug| {
        let over = |retract: &Retract| now.shared >= retract.at.unix() + HOUR;
        retracts
            .iter()
            .any(|retract| retract.scope.names(slug) && !over(retract))
    };
    let wanted =
        |slug: &Slug| (all || pairs.contains_key(slug) || open.contains(slug)) && !forgotten(slug);
    let mut candidates = Vec::new();
    for concept in catalogue.askable().filter(|concept| wanted(&concept.slug)) {
        let slug = &concept.slug;
        let pair = pairs.get(slug);
        let answered = pair.is_some_and(|pair| !pair.answers.is_empty());
        // A probe asks whether an answer lasted; with the answer forgotten there is none.
        let probe = probes.get(slug).copied().filter(|_| answered);
        let counts = pair
            .and_then(Pair::last_answer)
            .map(|last| last.at.unix() + COUNT_AFTER_S);
        let not_before = [probe, counts];
        let outlook = memory::outlook(pair, AnswerKind::Choice4, now.shared);
        candidates.push(Candidate {
            concept: slug.clone(),
            p: outlook.p,
            r30_pass: outlook.r30_pass,
            r30_fail: outlook.r30_fail,
            r30_none: outlook.r30_none,
            risk: concept.risk,
            touched_today: today.contains(slug),
            open_prerequisite: open.contains(slug),
            new: !answered,
            not_before: not_before.into_iter().flatten().max(),
            probe: probe.is_some(),
        });
    }
    Ok(candidates)
}
