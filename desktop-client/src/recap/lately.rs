//! What your agents did lately, in concepts: met, asked, answered, and what held checks back.

use super::{WIDTH, title};
use crate::error::{Error, Result};
use crate::graph::{self, Now};
use crate::pause;
use crate::store::{Ask, DECISIONS_KEPT_S, Decided, Outcome, Txn};
use crate::words::{self, count, plain};
use crate::world::World;
use kernel::delta::{Observation, State};
use kernel::ids::{DAY, HOUR, Slug};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is looked back on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// The last session that a harness told of.
    Session,
    /// This day, by the clock on the wall.
    Today,
    /// From the beginning of this day on, as it was typed.
    Since(String),
}

/// A concept that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The concept.
    pub concept: Slug,
    /// Lines that are still kept; none after seven days.
    pub lines: u64,
    /// What you know of it now.
    pub state: State,
}

/// What happened in the span.
#[derive(Debug)]
pub struct Lately {
    what: String,
    since: i64,
    /// What was met.
    pub met: Vec<Seen>,
    /// What was asked.
    pub asks: Vec<Ask>,
    /// Sentences of what held checks back, and how often.
    pub held: Vec<(String, u64)>,
    /// Whether decisions of the span's beginning are forgotten already.
    cut: bool,
    paused: Option<String>,
}

/// Reads it.
///
/// # Errors
/// [`Error::Date`]; the store's own.
pub fn lately(world: &dyn World, txn: &mut Txn<'_>, span: &Span) -> Result<Lately> {
    let now = Now::at(txn, world.now())?;
    let (what, since) = match span {
        Span::Today => ("Today".to_owned(), world.midnight(now.machine)),
        Span::Since(text) => {
            let since = day(world, text)?;
            (format!("Since {}", pause::moment(world, since)), since)
        }
        Span::Session => match session(txn, now.machine)? {
            Some(since) => (
                format!(
                    "Since the last session began, {}",
                    pause::moment(world, since)
                ),
                since,
            ),
            None => (
                "Today, for no session was told of in the last two days".to_owned(),
                world.midnight(now.machine),
            ),
        },
    };
    let shared = since + (now.shared - now.machine);
    let mut lines = txn.lines_since(since)?;
    // Evidence is dated by the hour: the one in which the span begins belongs to it.
    for evidence in txn.evidence_since(shared.div_euclid(HOUR) * HOUR)? {
        // What began in the middle of an hour has its lines; without them the whole hour counts.
        if evidence.observed == Observation::Seen
            && (evidence.at.unix() >= shared || span_is_days(span))
        {
            lines.entry(graph::resolved(evidence.concept)).or_insert(0);
        }
    }
    let pairs = graph::pairs(txn)?;
    let met = lines
        .into_iter()
        .map(|(concept, lines)| Seen {
            state: pairs
                .get(&concept)
                .map_or(State::Unknown, |pair| pair.state),
            concept,
            lines,
        })
        .collect();
    let mut held = BTreeMap::<String, u64>::new();
    for decided in txn.decisions(since)? {
        if decided.what != Decided::ASKED {
            *held.entry(plain(&decided.sentence)).or_default() += 1;
        }
    }
    let mut held: Vec<_> = held.into_iter().collect();
    held.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(Lately {
        what,
        since,
        met,
        asks: txn.asks(shared)?,
        held,
        cut: since < now.machine - DECISIONS_KEPT_S,
        paused: pause::told(world, txn)?,
    })
}

const fn span_is_days(span: &Span) -> bool {
    !matches!(span, Span::Session)
}

/// When the session began that something was told of last.
fn session(txn: &Txn<'_>, machine: i64) -> Result<Option<i64>> {
    let moments = txn.moments(machine - 2 * DAY)?;
    let Some(last) = moments.last() else {
        return Ok(None);
    };
    let mine = moments.iter().filter(|m| m.session == last.session);
    Ok(mine.map(|m| m.at).min())
}

fn day(world: &dyn World, text: &str) -> Result<i64> {
    let bad = || Error::Date {
        text: text.chars().take(40).collect(),
    };
    let date: jiff::civil::Date = text.trim().parse().map_err(|_| bad())?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?;
    // Noon lies in that day whatever the zone does at midnight.
    let noon = zoned.timestamp().as_second() + DAY / 2;
    Ok(world.midnight(noon - i64::from(world.utc_offset_s(noon))))
}

const fn became(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Waiting => "waits",
        Outcome::Right => "right",
        Outcome::Wrong => "not this time",
        Outcome::Unsure => "you were not sure",
        Outcome::Later => "put off",
        Outcome::Dismissed => "waved away",
    }
}

impl Lately {
    /// In words.
    pub fn text(&self) -> String {
        let mut out = words::wrapped(&format!("{}.", self.what), WIDTH, "");
        if let Some(paused) = &self.paused {
            let _ = writeln!(out, "Checks are {paused}.");
        }
        match self.met.len() as u64 {
            0 => out.push_str("\nNo concept was met.\n"),
            n => {
                let _ = writeln!(out, "\nMet: {}", count(n, "concept"));
                for seen in &self.met {
                    let lines = match seen.lines {
                        0 => String::new(),
                        n => format!(", {}", count(n, "line")),
                    };
                    let _ = writeln!(
                        out,
                        "  - {}: {}{lines}",
                        title(&seen.concept),
                        words::state(seen.state)
                    );
                }
            }
        }
        if self.asks.is_empty() {
            out.push_str("\nNothing was asked.\n");
        } else {
            let _ = writeln!(out, "\nAsked: {}", count(self.asks.len() as u64, "check"));
            for ask in &self.asks {
                let wish = if ask.requested { ", at your wish" } else { "" };
                let _ = writeln!(
                    out,
                    "  - {}: {}{wish}",
                    title(&ask.item.concept),
                    became(ask.outcome)
                );
            }
        }
        if !self.held.is_empty() {
            out.push_str("\nWhat held checks back\n");
            for (sentence, n) in &self.held {
                let times = if *n == 1 {
                    String::new()
                } else {
                    format!("{n} times ")
                };
                let line = words::wrapped(&format!("{times}{sentence}."), WIDTH - 4, "    ");
                let _ = writeln!(out, "  - {}", line.trim());
            }
        }
        if self.cut {
            out.push_str("\nLines and what held checks back are forgotten after 7 days.\n");
        }
        out
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "what": self.what,
            "since": self.since,
            "paused": self.paused,
            "met": self.met.iter().map(|seen| json!({
                "concept": seen.concept, "title": title(&seen.concept), "lines": seen.lines, "state": seen.state,
            })).collect::<Vec<_>>(),
            "asked": self.asks.iter().map(|ask| json!({
                "concept": ask.item.concept, "title": title(&ask.item.concept), "at": ask.at,
                "requested": ask.requested, "sentence": ask.sentence, "outcome": became(ask.outcome),
            })).collect::<Vec<_>>(),
            "held_back": self.held.iter().map(|(sentence, n)| json!({"sentence": sentence, "times": n}))
                .collect::<Vec<_>>(),
            "decisions_kept_days": DECISIONS_KEPT_S / DAY,
        })
    }
}
