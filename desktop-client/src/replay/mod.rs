//! `aiworklab replay`: recorded sessions through the very same code, before one switches it on.
//!
//! Each payload goes into a spool, the agent reads it into a store, and decides: on a clock that the
//! replay moves, in a folder that is gone afterwards. Nothing of the engineer's own folder is read,
//! and nothing is sent: the replay has no network.
//!
//! Invariant: the same sessions, zone and arguments give the same bytes.

mod recorded;
#[cfg(test)]
mod tests;
mod told;
mod world;

use crate::agent::{self, Ears, Happened};
use crate::error::{Error, Result};
use crate::home::Home;
use crate::quiz::{self, Answer, Check};
use crate::spool;
use crate::store::{Decided, Store};
use crate::world::World;
use clap::ValueEnum;
use jiff::civil::{Date, Weekday};
use kernel::event::Harness;
use kernel::ids::DAY;
use recorded::Session;
use std::io::Write;
use std::path::PathBuf;
use world::Simulated;

/// The first session's day if none is named: a Monday.
const FIRST_DAY: (i16, i8, i8) = (2026, 1, 12);
/// Local time at which a session begins, in seconds after midnight: 9:30.
const BEGINS_S: i64 = 9 * 3600 + 1800;

/// How checks are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Answers {
    /// By the key.
    Right,
    /// By an option that is not the key.
    Wrong,
    /// By the key or another one, as a coin falls.
    Coin,
}

/// What is wished.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Files or folders of sessions.
    pub sessions: &'a [PathBuf],
    /// Whose they are.
    pub harness: Option<&'a str>,
    /// The first session's day, on which the program is new.
    pub began: Option<&'a str>,
    /// How checks are answered, if they are.
    pub answers: Option<Answers>,
    /// Which random numbers are drawn.
    pub seed: u64,
    /// Whether every payload is shown.
    pub all: bool,
    /// As JSON.
    pub json: bool,
}

/// One thing on the timeline.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Something happened.
    Happened(Happened),
    /// Something was decided.
    Decided(Decided),
    /// A check was given.
    Check {
        at: i64,
        check: Box<Check>,
        answer: Option<bool>,
    },
}

/// One session as it went.
#[derive(Debug)]
pub(crate) struct Played {
    pub session: Session,
    /// When its first line was said.
    pub at: i64,
    pub entries: Vec<Entry>,
    pub not_understood: u64,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Told {
    pub began: i64,
    pub sessions: Vec<Played>,
    pub offset_s: i32,
    pub wish_answers: Option<Answers>,
    pub tallies: std::collections::BTreeMap<String, u64>,
}

/// Replays sessions and prints what came of them.
///
/// # Errors
/// [`Error::Session`] and its neighbours for what is no session; the disk's and the store's own.
pub fn replay(machine: &dyn World, wish: &Wish<'_>, out: &mut dyn Write) -> Result<()> {
    let harness = match wish.harness {
        None => None,
        Some(name) => Some(Harness::named(name).ok_or_else(|| Error::WhoseSession {
            path: wish.sessions.first().cloned().unwrap_or_default(),
        })?),
    };
    let days = Days::of(wish.began)?;
    let sessions = wish
        .sessions
        .iter()
        .map(|path| recorded::read(path, harness))
        .collect::<Result<Vec<_>>>()?;
    let told = play(machine, wish, &days, sessions)?;
    let text = if wish.json {
        format!("{:#}\n", told.json())
    } else {
        told.text(wish.all)
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| Error::Output { source })
}

/// On which days things happen.
struct Days {
    began: Date,
    first: Date,
}

impl Days {
    fn of(began: Option<&str>) -> Result<Self> {
        if let Some(text) = began {
            let day: Date = text.parse().map_err(|_| Error::Date {
                text: text.to_owned(),
            })?;
            return Ok(Self {
                began: day,
                first: day,
            });
        }
        let (year, month, day) = FIRST_DAY;
        let first = Date::new(year, month, day).map_err(|_| Error::Date {
            text: format!("{year}-{month}-{day}"),
        })?;
        // Eight days earlier: the silent first week is over when the first session begins.
        let began = std::iter::successors(Some(first), |day| day.yesterday().ok());
        Ok(Self {
            began: began.take(9).last().unwrap_or(first),
            first,
        })
    }

    /// The first day, and the working days after it.
    fn working(&self) -> impl Iterator<Item = Date> {
        let first = self.first;
        std::iter::successors(Some(first), |day| day.tomorrow().ok()).filter(move |day| {
            *day == first || !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
        })
    }
}

/// When a session begins on this day, in seconds since 1970 UTC.
fn begins(machine: &dyn World, day: Date) -> i64 {
    let epoch = Date::constant(1970, 1, 1);
    let days = day
        .since(epoch)
        .map_or(0, |span| i64::from(span.get_days()));
    let local = days * DAY + BEGINS_S;
    local - i64::from(machine.utc_offset_s(local))
}

fn play(machine: &dyn World, wish: &Wish<'_>, days: &Days, sessions: Vec<Session>) -> Result<Told> {
    let temporary = machine
        .env("TMPDIR")
        .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    let folder = tempfile::Builder::new()
        .prefix("aiworklab-replay-")
        .tempdir_in(&temporary)
        .map_err(|source| Error::Folder {
            path: temporary,
            source,
        })?;
    let home = Home::at(folder.path().join("home"));
    let world = Simulated::new(machine, wish.seed);
    let mut store = Store::thrown_away(&home)?;
    let began = begins(machine, days.began);
    world.set(began);
    agent::run(&world, &home, &mut store)?;
    let mut ears = Ears::new(&home);
    let desk = (&world, &home);
    let mut told = Told {
        began,
        sessions: Vec::new(),
        offset_s: machine.utc_offset_s(began),
        wish_answers: wish.answers,
        tallies: std::collections::BTreeMap::new(),
    };
    for (session, day) in sessions.into_iter().zip(days.working()) {
        let at = begins(machine, day);
        told.sessions
            .push(one(&desk, (&mut store, &mut ears), wish, session, at)?);
    }
    told.tallies = store.read(|txn| txn.tallies())?;
    Ok(told)
}

fn one(
    &(world, home): &(&Simulated<'_>, &Home),
    (store, ears): (&mut Store, &mut Ears),
    wish: &Wish<'_>,
    session: Session,
    at: i64,
) -> Result<Played> {
    let mut entries = Vec::new();
    let mut not_understood = 0;
    let mut asked = store.read(|txn| Ok(txn.waiting()?.map(|ask| ask.id)))?;
    for line in &session.lines {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a saturating cast is right here: sessions last hours"
        )]
        let now = at.saturating_add(line.after_s as i64);
        world.set(now);
        spool::append(&home.spool(), session.harness, now, &line.payload, line.cut).map_err(
            |source| Error::File {
                doing: "write the spool in",
                path: home.spool(),
                source,
            },
        )?;
        let mut happened = Vec::new();
        let report = agent::watched(world, home, store, ears, &mut |act| happened.push(act))?;
        entries.extend(happened.into_iter().map(Entry::Happened));
        not_understood += report.not_understood;
        entries.extend(report.decided.map(Entry::Decided));
        let waiting = store.read(|txn| Ok(txn.waiting()?.map(|ask| ask.id)))?;
        if waiting.is_some() && waiting != asked {
            entries.push(given(world, store, wish.answers, now)?);
        }
        asked = waiting;
    }
    Ok(Played {
        session,
        at,
        entries,
        not_understood,
    })
}

/// The check that waits, and its answer.
fn given(
    world: &Simulated<'_>,
    store: &mut Store,
    answers: Option<Answers>,
    at: i64,
) -> Result<Entry> {
    let check = store.write(|txn| quiz::check(world, txn, None))?;
    let right = answers.map(|answers| match answers {
        Answers::Right => true,
        Answers::Wrong => false,
        Answers::Coin => world.coin(),
    });
    if let Some(right) = right {
        let options = &check.ask.item.options;
        let chosen = options.iter().position(|option| option.key == right);
        let answer = chosen.map_or(Answer::Unsure, Answer::Option);
        store.write(|txn| quiz::settle(world, txn, &check.ask, answer))?;
    }
    Ok(Entry::Check {
        at,
        check: Box::new(check),
        answer: right,
    })
}
