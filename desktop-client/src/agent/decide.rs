//! Whether a check is to wait, and what is said of it.
//!
//! What is decided is kept with its sentence where something had come to an end since the agent's
//! last run, and nowhere else: what happens in the middle of a turn decides nothing.

use crate::error::{Error, Result};
use crate::graph::{self, Now, Table};
use crate::pack;
use crate::pause;
use crate::settings;
use crate::store::{Decided, MomentRow, NewAsk, Outcome, Txn};
use crate::world::World;
use kernel::asking::{
    self, Candidate, Decision, Event, Moment, OPEN_LASTS_S, Reach, Settings, Situation, Wait,
};
use kernel::ids::DAY;

/// Decides, and keeps the check and the decision; whether a check waits now.
pub(super) fn decide(
    world: &dyn World,
    txn: &mut Txn<'_>,
    machine: i64,
) -> Result<(bool, Option<Decided>)> {
    let now = Now::at(txn, machine)?;
    // What nobody answered in a day is put off: it would keep everything else waiting.
    while let Some(ask) = txn.waiting()?
        && ask.at.saturating_add(OPEN_LASTS_S) <= now.shared
    {
        txn.settle(ask.id, Outcome::Later, ask.at + OPEN_LASTS_S)?;
    }
    let moments = txn.moments(machine - DAY)?;
    let ended = txn.newly_ended(&moments)?;
    let decision = asked(world, txn, now, &moments)?;
    let decided = ended.map(|end| Decided {
        at: machine,
        session: end.session.clone(),
        breakpoint: end.what.clone(),
        what: what(&decision),
        sentence: sentence(&decision, &end.what),
    });
    if let Some(decided) = &decided {
        txn.add_decision(decided)?;
    }
    Ok((txn.waiting()?.is_some(), decided))
}

fn what(decision: &Decision) -> String {
    match decision {
        Decision::Ask(_) => Decided::ASKED.to_owned(),
        Decision::Wait(wait) => wait.name().to_owned(),
    }
}

/// The decision in a sentence: where something ended that is no moment to ask in, what it was.
fn sentence(decision: &Decision, end: &str) -> String {
    match (decision, end) {
        (Decision::Wait(Wait::NoBreakpoint), "turn-ended") => {
            "not now: the turn ended with neither passing tests nor a commit".to_owned()
        }
        (Decision::Wait(Wait::NoBreakpoint), "turn-interrupted") => {
            "not now: the turn was broken off".to_owned()
        }
        _ => decision.sentence(),
    }
}

/// Decides; a check that is to be asked is kept.
fn asked(
    world: &dyn World,
    txn: &mut Txn<'_>,
    now: Now,
    moments: &[MomentRow],
) -> Result<Decision> {
    let situation = situation(world, now, moments);
    let settings = settings(world, txn, now)?;
    let past = graph::past(txn, now.shared)?;
    let asks: Vec<_> = past.iter().map(graph::past_ask).collect();
    let seen: Vec<_> = past.iter().map(graph::seen).collect();
    let mut candidates = Table::read(world, txn, now)?.candidates(Reach::Met);
    loop {
        let decision = asking::decide(&situation, &settings, &asks, &candidates);
        let Decision::Ask(choice) = &decision else {
            return Ok(decision);
        };
        match pack::next(txn, choice, &seen, now.shared, seed(world)?)? {
            Ok(next) => {
                txn.add_ask(&NewAsk {
                    at: now.shared,
                    item: &next.item,
                    pack: next.pack.as_deref(),
                    reason: graph::because(choice.reason),
                    sentence: &choice.sentence(),
                    new: choice.new,
                    probe: choice.probe,
                    requested: false,
                    harder: choice.harder,
                })?;
                return Ok(decision);
            }
            // All of it was asked lately.
            Err(_) => candidates.retain(|candidate| candidate.concept != choice.concept),
        }
    }
}

/// What would be decided at this moment, in a sentence; nothing is kept.
///
/// # Errors
/// The store's own.
pub fn sentence_now(world: &dyn World, txn: &mut Txn<'_>, machine: i64) -> Result<String> {
    let now = Now::at(txn, machine)?;
    let candidates = Table::read(world, txn, now)?.candidates(Reach::Met);
    sentence_of(world, txn, now, &candidates)
}

/// The same, were these the only candidates.
///
/// # Errors
/// The store's own.
pub fn sentence_of(
    world: &dyn World,
    txn: &mut Txn<'_>,
    now: Now,
    candidates: &[Candidate],
) -> Result<String> {
    let moments = txn.moments(now.machine - DAY)?;
    let situation = situation(world, now, &moments);
    let settings = settings(world, txn, now)?;
    let past = graph::past(txn, now.shared)?;
    let asks: Vec<_> = past.iter().map(graph::past_ask).collect();
    Ok(asking::decide(&situation, &settings, &asks, candidates).sentence())
}

fn settings(world: &dyn World, txn: &Txn<'_>, now: Now) -> Result<Settings> {
    let ahead = now.shared - now.machine;
    let began = txn.began(now.machine)? + ahead;
    let (enabled, turned_on) = txn.asking()?;
    let turned_on = turned_on.map(|at| at + ahead);
    let mut settings = settings::Settings::here(world).asking(began, enabled, turned_on);
    settings.paused_until = pause::holds(txn, now.machine)?.map(|until| until + ahead);
    Ok(settings)
}

fn situation(world: &dyn World, now: Now, moments: &[MomentRow]) -> Situation {
    let ahead = now.shared - now.machine;
    let moments: Vec<Moment> = moments
        .iter()
        .filter_map(|row| {
            Some(Moment {
                at: row.at.saturating_add(ahead),
                session: number(&row.session),
                event: event(&row.what)?,
            })
        })
        .collect();
    Situation::of(&moments, now.shared, world.utc_offset_s(now.machine))
}

/// A session's number: the beginning of its hash.
pub(super) fn number(session: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (byte, from) in bytes.iter_mut().zip(session) {
        *byte = *from;
    }
    u64::from_le_bytes(bytes)
}

/// A number to draw an item with.
///
/// # Errors
/// [`Error::NoRandomness`] if the system gives none.
pub fn seed(world: &dyn World) -> Result<u64> {
    let mut bytes = [0; 8];
    if world.fill(&mut bytes) {
        Ok(u64::from_le_bytes(bytes))
    } else {
        Err(Error::NoRandomness)
    }
}

fn event(what: &str) -> Option<Event> {
    Some(match what {
        "day-start" => Event::DayStart,
        "edit" => Event::Edit,
        "commit" => Event::Commit,
        "tests-passed" => Event::TestRun { passed: true },
        "tests-failed" => Event::TestRun { passed: false },
        "approval-asked" => Event::ApprovalAsked,
        "approval-answered" => Event::ApprovalAnswered,
        "turn-began" => Event::TurnBegan,
        "turn-ended" => Event::TurnEnded,
        "turn-interrupted" => Event::TurnInterrupted,
        "stopped" => Event::Stopped,
        "session-ended" => Event::SessionEnded,
        _ => return None,
    })
}

/// A moment in which something ended, in words for people.
pub fn moment(what: &str) -> &str {
    match what {
        "day-start" => "the day's first session",
        "commit" => "a commit",
        "turn-ended" => "the end of a turn",
        "turn-interrupted" => "a turn broken off",
        other => other,
    }
}
