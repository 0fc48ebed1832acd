//! Items made ahead: a line is chosen, the model is asked, what it said passes the gates or is dropped.
//!
//! Steps: look (one short transaction) → count the call (another) → ask, holding nothing → keep (a
//! third). Killed at any point, nothing is half-made, and no call is uncounted.

use super::ask::Question;
use super::config::Config;
use super::error::Error;
use super::http::{self, Patience};
use super::provider::{self, Request};
use super::{ask, gguf};
use crate::agent;
use crate::error::Result;
use crate::graph::{self, Now, Table};
use crate::home::Home;
use crate::keys::{Keys, Name};
use crate::net;
use crate::store::{MENTIONS_KEPT_S, OwnTrouble, Store, Txn};
use crate::world::World;
use kernel::asking::{self, Choice, Reach};
use kernel::catalogue::Catalogue;
use kernel::ids::{HOUR, Slug};
use kernel::items::{self, Item, OwnFlaw, OwnPart, Seen};

/// What is counted, beside the reasons for refusing.
pub const CALLS: &str = "calls";
/// Items that passed.
pub const MADE: &str = "made";
/// Before a reason.
pub const REFUSED: &str = "refused: ";
/// Concepts that are looked at for a line, the most wanted first.
const CONCEPTS: usize = 12;

/// What one try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// An item about a line of this concept waits.
    Item(Box<Item>),
    /// The model was asked, and what it wrote is not shown, for this reason.
    Refused(String),
    /// The model was not asked, for this reason.
    Nothing(&'static str),
}

/// An item about the engineer's own lines to be asked now, if one waits that is sound and open.
///
/// Never for a probe, which measures what everybody is measured by, and never for the two harder
/// checks of "I know this".
///
/// # Errors
/// The store's own.
pub fn ready(txn: &Txn<'_>, choice: &Choice, seen: &[Seen], shared: i64) -> Result<Option<Item>> {
    if choice.probe || choice.harder {
        return Ok(None);
    }
    let catalogue = Catalogue::builtin();
    let fits = |item: &Item| {
        items::check_own(catalogue, item).is_ok()
            && items::plain(catalogue, item)
                .is_ok_and(|plain| items::is_open(catalogue, &plain, seen, shared))
    };
    Ok(txn.own_items(&choice.concept)?.into_iter().find(fits))
}

/// Makes one item if there is something to make; the agent calls it when nothing else happens.
///
/// # Errors
/// What went wrong; it is noted for `aiworklab model show`, too.
pub fn make_ahead(world: &dyn World, home: &Home) -> Result<Made> {
    let Some(config) = super::in_force(world, home)? else {
        return Ok(Made::Nothing("off"));
    };
    let mut store = Store::open(world, home)?;
    let now = world.now();
    let waits = store.read(|txn| {
        let trouble = txn.own_trouble()?;
        Ok(trouble.is_some_and(|trouble| trouble.at <= now && now < trouble.until))
    })?;
    if waits {
        return Ok(Made::Nothing("it failed lately, and is tried again later"));
    }
    one(world, home, &mut store, &config, None, Patience::default())
}

/// The next question: the concept that would be asked next, and a line of it. Changes nothing but the
/// seed, so that what is shown is what is asked.
///
/// # Errors
/// The store's own; [`Error::Nothing`] within it says why there is none.
pub fn next_question(
    world: &dyn World,
    txn: &mut Txn<'_>,
    config: &Config,
    wanted: Option<&Slug>,
) -> Result<Result<Question, Error>> {
    let seed = match txn.own_seed()? {
        Some(seed) => seed,
        None => {
            let seed = agent::seed(world)?;
            txn.set_own_seed(seed)?;
            seed
        }
    };
    let now = Now::at(txn, world.now())?;
    let past = graph::past(txn, now.shared)?;
    let seen: Vec<_> = past.iter().map(graph::seen).collect();
    let small = config.url.is_none();
    let since = now.machine - MENTIONS_KEPT_S;
    for concept in concepts(world, txn, now, wanted)? {
        if wanted.is_none() && !txn.own_items(&concept)?.is_empty() {
            continue;
        }
        let offers = items::open_sentences(Catalogue::builtin(), &concept, &seen, now.shared, seed);
        let Ok(mut offers) = offers else { continue };
        // Which are offered where not all can be is the seed's to say.
        let turn = usize::try_from(seed % 64).unwrap_or(0) % offers.len().max(1);
        offers.rotate_left(turn);
        for line in txn.own_lines(&concept, since)? {
            let beside = txn.own_lines_beside(&line)?;
            let question = Question::new(&concept, &line, &beside, offers.clone(), small);
            if let Some(question) = question {
                return Ok(Ok(question));
            }
        }
    }
    let why = match wanted {
        Some(concept) => format!(
            "no line of the last 7 days met {concept}, or it looks like a secret, or the model was asked about it, or all of it was asked"
        ),
        None => {
            "no line of the last 7 days waits: none met a concept that is asked, or the model was asked about them"
                .to_owned()
        }
    };
    Ok(Err(Error::Nothing { why }))
}

/// Concepts in the order in which they would be asked.
fn concepts(
    world: &dyn World,
    txn: &mut Txn<'_>,
    now: Now,
    wanted: Option<&Slug>,
) -> Result<Vec<Slug>> {
    if let Some(wanted) = wanted {
        return Ok(vec![wanted.clone()]);
    }
    let mut candidates = Table::read(world, txn, now)?.candidates(Reach::Met);
    let mut concepts = Vec::new();
    while let Some(choice) = asking::choose_requested(now.shared, &[], &candidates) {
        if !choice.probe && !choice.harder {
            concepts.push(choice.concept.clone());
        }
        candidates.retain(|candidate| candidate.concept != choice.concept);
        if concepts.len() == CONCEPTS {
            break;
        }
    }
    Ok(concepts)
}

/// One question, asked and judged.
///
/// # Errors
/// What went wrong; noted, too.
pub fn one(
    world: &dyn World,
    home: &Home,
    store: &mut Store,
    config: &Config,
    wanted: Option<&Slug>,
    patience: Patience,
) -> Result<Made> {
    let now = world.now();
    let midnight = world.midnight(now);
    let question = store.write(|txn| {
        let calls = txn.own_counts(midnight)?.get(CALLS).copied().unwrap_or(0);
        if calls >= u64::from(config.calls_a_day) {
            return Ok(Err(Made::Nothing("the day's budget of calls is spent")));
        }
        let question = match next_question(world, txn, config, wanted)? {
            Ok(question) => question,
            Err(error) if wanted.is_some() => return Err(error.into()),
            Err(_) => return Ok(Err(Made::Nothing("no line waits"))),
        };
        // Counted before it is made: a call that dies is a call.
        txn.own_count(now, CALLS, 1)?;
        Ok(Ok(question))
    })?;
    let question = match question {
        Ok(question) => question,
        Err(nothing) => return Ok(nothing),
    };
    let said = asked(world, home, config, &question, patience);
    let judged = match said {
        Ok(said) => judged(config, &question, &said),
        // As bad as what the gates refuse, and no reason to wait: the line was asked about.
        Err(error @ Error::Words { .. }) => {
            note(world, store, Some(&error), 0)?;
            Err("not the JSON that was asked for".to_owned())
        }
        Err(error) => {
            note(world, store, Some(&error), pause_s(&error))?;
            return Err(error.into());
        }
    };
    let seed = agent::seed(world)?;
    store.write(|txn| {
        txn.own_tried(question.mention)?;
        txn.set_own_seed(seed)?;
        match &judged {
            Ok((item, plain)) => {
                txn.set_own_trouble(None)?;
                if !txn.add_own(question.mention, world.now(), item, plain)? {
                    return Ok(Made::Refused("the line is gone".to_owned()));
                }
                txn.own_count(now, MADE, 1)?;
                Ok(Made::Item(Box::new(item.clone())))
            }
            Err(why) => {
                txn.own_count(now, &format!("{REFUSED}{why}"), 1)?;
                Ok(Made::Refused(why.clone()))
            }
        }
    })
}

/// Asks the model. Holds no transaction.
///
/// # Errors
/// Why there is no reply.
pub fn asked(
    world: &dyn World,
    home: &Home,
    config: &Config,
    question: &Question,
    patience: Patience,
) -> Result<ask::Said, Error> {
    let Some(request) = Request::new(config, question) else {
        return converse(gguf::ask(home, config, question));
    };
    let host = config.host().unwrap_or_default();
    let no_key = || Error::NoKey { host: host.clone() };
    let key = match config.key_name() {
        Some(name) => {
            let keys = Keys::of(world, home).map_err(|_| no_key())?;
            let key = keys
                .get(&Name::Provider(name))
                .map_err(|error| Error::Unreachable {
                    host: "the keychain".to_owned(),
                    source: error.to_string().into(),
                })?;
            Some(key.ok_or_else(no_key)?)
        }
        None => None,
    };
    let body = converse(http::send(world, config, &request, key.as_ref(), patience))?;
    provider::read(config, &host, &body)
}

/// Runs a conversation to its end.
fn converse<T>(conversation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let outcome = net::converse(async { Ok(conversation.await) });
    outcome.map_err(|error| Error::Unreachable {
        host: "the network".to_owned(),
        source: error.to_string().into(),
    })?
}

/// The item that a reply makes, and the catalogue's own; or why it is refused.
pub fn judged(
    config: &Config,
    question: &Question,
    said: &ask::Said,
) -> Result<(Item, Item), String> {
    if said.choice == 0 {
        return Err("the model finds that nothing fits".to_owned());
    }
    let base = question.offers.get(said.choice - 1);
    let base = base.ok_or_else(|| "a sentence that was not offered".to_owned())?;
    if super::secrets::looks_secret(&said.said) {
        return Err("its words look like a secret".to_owned());
    }
    let own = OwnPart {
        model: config.model.clone(),
        at: config.place(),
    };
    let item = items::set_in(
        Catalogue::builtin(),
        base,
        &said.said,
        question.lines.clone(),
        own,
    );
    match item {
        Ok(item) => Ok((item, base.clone())),
        Err(flaws) => Err(flaws.first().map_or("", OwnFlaw::kind).to_owned()),
    }
}

/// How long it is left alone after a failure, in seconds.
fn pause_s(error: &Error) -> i64 {
    match error {
        // Only the engineer can mend these; a day is soon enough to see whether they did.
        Error::Refused {
            status: 400..=404, ..
        }
        | Error::NoKey { .. }
        | Error::Local { .. } => 24 * HOUR,
        Error::Refused {
            retry_after_s: Some(s),
            ..
        } => i64::try_from(*s).unwrap_or(HOUR).clamp(HOUR, 24 * HOUR),
        _ => HOUR,
    }
}

fn note(world: &dyn World, store: &mut Store, error: Option<&Error>, pause: i64) -> Result<()> {
    use crate::error::Told;
    let now = world.now();
    let trouble = error.map(|error| OwnTrouble {
        at: now,
        code: error.code().to_owned(),
        text: error.to_string(),
        until: now + pause,
    });
    store.write(|txn| txn.set_own_trouble(trouble.as_ref()))
}
