//! `aiworklab why`: what was decided lately and why; and of one concept where it was met, when it was
//! asked, and what keeps it from being asked now.

use crate::agent;
use crate::error::Result;
use crate::graph::{self, Now, Table};
use crate::store::{Ask, DECISIONS_KEPT_S, Decided, MENTIONS_KEPT_S, Met, Outcome, Txn};
use crate::tag::place;
use crate::wishes::{rules_of, standing, titled};
use crate::words::{self, begun, count, plain};
use crate::world::World;
use kernel::asking::{Claim, Reach};
use kernel::catalogue::Catalogue;
use kernel::delta::Outcome as Counted;
use kernel::evidence::Pair;
use kernel::ids::{DAY, Slug};
use kernel::memory::Memory;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: usize = 100;

/// What was decided lately.
#[derive(Debug)]
pub struct Lately {
    now: String,
    asking: bool,
    decisions: Vec<Decided>,
    offset_s: i32,
}

/// Reads what was decided lately, and what would be decided now.
///
/// # Errors
/// The store's own.
pub fn lately(world: &dyn World, txn: &mut Txn<'_>) -> Result<Lately> {
    let machine = world.now();
    Ok(Lately {
        now: agent::sentence_now(world, txn, machine)?,
        asking: txn.waiting()?.is_some(),
        decisions: txn.decisions(machine - DECISIONS_KEPT_S)?,
        offset_s: world.utc_offset_s(machine),
    })
}

impl Lately {
    fn when(&self, at: i64) -> String {
        format!(
            "{}, {}",
            words::local_day(at, self.offset_s),
            words::time(at, self.offset_s)
        )
    }

    /// In words.
    pub fn text(&self) -> String {
        let mut out = words::wrapped(&format!("At this moment: {}.", plain(&self.now)), WIDTH, "");
        if self.asking {
            out.push_str("A check waits: aiworklab quiz\n");
        }
        let Some(last) = self.decisions.last() else {
            out.push_str(
                "Nothing was decided in the last 7 days: no commit and no end of a turn was told.\n",
            );
            return out;
        };
        let said = format!(
            "Decided last, {}, after {}: {}.",
            self.when(last.at),
            agent::moment(&last.breakpoint),
            plain(&last.sentence)
        );
        out.push_str(&words::wrapped(&said, WIDTH, ""));
        let _ = writeln!(
            out,
            "\nThe last 7 days, {}; older ones are forgotten:",
            count(self.decisions.len() as u64, "decision")
        );
        let mut days = BTreeMap::<i64, Vec<&Decided>>::new();
        for decided in &self.decisions {
            let day = (decided.at + i64::from(self.offset_s)).div_euclid(DAY);
            days.entry(day).or_default().push(decided);
        }
        for (day, decided) in days.iter().rev() {
            let _ = writeln!(out, "  {}", words::day(day * DAY));
            for (n, sentence) in grouped(decided) {
                let line = match n {
                    1 => format!("{}.", plain(sentence)),
                    n => format!("{n} times {}.", plain(sentence)),
                };
                let line = words::wrapped(&line, WIDTH - 6, "      ");
                let _ = writeln!(out, "    - {}", line.trim());
            }
        }
        out
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let decisions: Vec<_> = self
            .decisions
            .iter()
            .map(|decided| {
                json!({
                    "at": decided.at,
                    "when": self.when(decided.at),
                    "after": decided.breakpoint,
                    "what": decided.what,
                    "sentence": decided.sentence,
                })
            })
            .collect();
        json!({
            "now": self.now,
            "check_waits": self.asking,
            "decisions": decisions,
            "kept_days": DECISIONS_KEPT_S / DAY,
        })
    }
}

/// Decisions of a day: each question by itself, silences of one kind together, with the last sentence.
fn grouped<'a>(decided: &[&'a Decided]) -> Vec<(usize, &'a str)> {
    let mut groups: Vec<(&str, usize, &str)> = Vec::new();
    for decided in decided {
        let known = groups
            .iter_mut()
            .find(|(what, ..)| *what == decided.what && *what != Decided::ASKED);
        match known {
            Some((_, n, sentence)) => {
                *n += 1;
                *sentence = &decided.sentence;
            }
            None => groups.push((&decided.what, 1, &decided.sentence)),
        }
    }
    groups
        .into_iter()
        .map(|(_, n, sentence)| (n, sentence))
        .collect()
}

/// Everything that this machine knows of one concept.
#[derive(Debug)]
pub struct Of {
    concept: Slug,
    pair: Pair,
    met: Vec<Met>,
    asks: Vec<Ask>,
    next: String,
    not_before: Option<i64>,
    claim: Option<Claim>,
    muted: bool,
    resting: Vec<(String, i64)>,
    now: Now,
    offset_s: i32,
}

/// Reads everything that this machine knows of a concept.
///
/// # Errors
/// [`crate::error::Error::Concept`], the store's own.
pub fn of(world: &dyn World, txn: &mut Txn<'_>, text: &str) -> Result<Of> {
    let machine = world.now();
    let now = Now::at(txn, machine)?;
    let table = Table::read(world, txn, now)?;
    let concept = graph::named(text, &table.pairs)?;
    let resting = txn.resting()?.into_iter();
    let resting = resting
        .filter(|((slug, _), _)| *slug == concept)
        .map(|((_, rule), at)| (rule, at))
        .collect();
    let muted = table.muted.covers(Catalogue::builtin(), &concept);
    let claim = table.claims.get(&concept).copied();
    let (next, not_before) = next(world, txn, now, &table, &concept)?;
    Ok(Of {
        pair: table.pairs.get(&concept).cloned().unwrap_or_default(),
        met: txn.met_all(&concept)?,
        asks: txn.asks_of(&concept)?,
        next,
        not_before,
        claim,
        muted,
        resting,
        now,
        offset_s: world.utc_offset_s(machine),
        concept,
    })
}

/// What keeps a concept from being asked now, as a sentence without a full stop, and the day that it
/// is held back to.
fn next(
    world: &dyn World,
    txn: &mut Txn<'_>,
    now: Now,
    table: &Table,
    concept: &Slug,
) -> Result<(String, Option<i64>)> {
    let askable = Catalogue::builtin()
        .get(concept)
        .is_some_and(|entry| entry.is_askable());
    if !askable {
        return Ok(("it is on the map alone and never asked".to_owned(), None));
    }
    if table.muted.covers(Catalogue::builtin(), concept) {
        return Ok(("you muted it".to_owned(), None));
    }
    if let Some(claim) = table.claims.get(concept).filter(|c| c.is_quiet(now.shared)) {
        return Ok((standing(claim, now.shared), claim.quiet_until()));
    }
    if txn.waiting_of(concept)?.is_some() {
        return Ok(("a check on it waits: aiworklab quiz".to_owned(), None));
    }
    let mut candidates = table.candidates(Reach::Met);
    candidates.retain(|candidate| candidate.concept == *concept);
    let Some(candidate) = candidates.first() else {
        return Ok((
            "you have not met it, nor anything today that builds on it".to_owned(),
            None,
        ));
    };
    let held = candidate.not_before.filter(|at| now.shared < *at);
    if let Some(at) = held {
        let why = if candidate.probe {
            "its day was drawn, to see whether it lasts"
        } else {
            "an answer counts if the last one lies 20 hours back"
        };
        return Ok((why.to_owned(), Some(at)));
    }
    let sentence = agent::sentence_of(world, txn, now, &candidates)?;
    Ok((sentence, None))
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Waiting => "waits",
        Outcome::Right => "right",
        Outcome::Wrong => "wrong",
        Outcome::Unsure => "not sure",
        Outcome::Later => "put off",
        Outcome::Dismissed => "waved away",
    }
}

impl Of {
    fn when(&self, at: i64) -> String {
        format!(
            "{}, {}",
            words::local_day(at, self.offset_s),
            words::time(at, self.offset_s)
        )
    }

    fn known(&self) -> String {
        let pair = &self.pair;
        let passed = pair.answers.iter();
        let passed = passed.filter(|a| a.answer.outcome == Counted::Pass).count();
        let mut text = words::state(pair.state).to_owned();
        let _ = write!(text, "; met on {}", count(pair.seen.into(), "day"));
        match pair.answers.len() {
            0 => text.push_str(", never asked"),
            n => {
                let _ = write!(text, ", {passed} of {n} answers passed");
            }
        }
        if let Some(memory) = Memory::after(&pair.answers) {
            let chance = memory.retrievability(self.now.shared) * 100.0;
            let _ = write!(text, "; chance to know it today {chance:.0} %");
        }
        text
    }

    /// In words.
    pub fn text(&self) -> String {
        let mut out = plain(&titled(&self.concept));
        if let Some(entry) = Catalogue::builtin().get(&self.concept) {
            let _ = writeln!(out, ", risk {}", entry.risk);
            out.push_str(&words::wrapped(&entry.summary, WIDTH, ""));
            out.push_str(&words::wrapped(&entry.risk_reason, WIDTH, ""));
        } else {
            out.push('\n');
        }
        let mut row = |name: &str, text: &str| {
            let text = words::wrapped(text, WIDTH - 10, "          ");
            let _ = writeln!(out, "{name:<8}  {}", text.trim());
        };
        row("Known", &format!("{}.", self.known()));
        let next = match self.not_before {
            Some(at) => format!("Not before {}: {}.", words::day(at), self.next),
            None => format!("{}.", begun(&self.next)),
        };
        row("Next", &next);
        if self.muted {
            row(
                "Muted",
                "By you: neither noted nor asked. `aiworklab mute --list` says by what.",
            );
        }
        if let Some(claim) = &self.claim {
            row(
                "Claimed",
                &format!("{}.", begun(&standing(claim, self.now.shared))),
            );
        }
        for (rule, at) in &self.resting {
            row(
                "Wrong",
                &format!(
                    "You called rule {rule} wrong on {}; it rests.",
                    words::day(*at)
                ),
            );
        }
        self.lines(&mut out);
        if !self.asks.is_empty() {
            out.push_str("\nAsked:\n");
        }
        for ask in &self.asks {
            let why = match &ask.sentence {
                Some(sentence) => plain(sentence),
                None => format!("asked because {}", plain(&ask.reason)),
            };
            let line = format!("{}: {}; {why}.", self.when(ask.at), outcome(ask.outcome));
            let line = words::wrapped(&line, WIDTH - 4, "    ");
            let _ = writeln!(out, "  {}", line.trim());
        }
        out
    }

    fn lines(&self, out: &mut String) {
        if self.met.is_empty() {
            let rules = rules_of(&self.concept);
            let found = match rules.as_slice() {
                [] => "no rule of this release finds it".to_owned(),
                rules => format!("its rules: {}", rules.join(", ")),
            };
            let _ = writeln!(
                out,
                "\nNo line of the last 7 days had it; older ones are forgotten. {}.",
                begun(&found)
            );
            return;
        }
        out.push_str("\nMet; each line is forgotten after 7 days:\n");
        for met in &self.met {
            let sure = met
                .confidence
                .map_or_else(String::new, |percent| format!(", {percent} % sure"));
            let within = met
                .within
                .as_ref()
                .map_or_else(String::new, |within| format!(", in {}", plain(within)));
            let _ = writeln!(
                out,
                "  {}  {}, rule {}{sure}{within}",
                self.when(met.at),
                place(&met.file, met.row),
                plain(&met.rule),
            );
            if !met.line.is_empty() {
                out.push_str(&words::indented(&met.line, "      "));
            }
        }
        let _ = writeln!(out, "Is it wrong? aiworklab wrong {}", self.concept);
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let met: Vec<_> = self
            .met
            .iter()
            .map(|met| {
                json!({
                    "at": met.at, "file": met.file, "row": met.row, "rule": met.rule,
                    "confidence_percent": met.confidence, "within": met.within, "line": met.line,
                    "forgotten_after": words::day(met.at + MENTIONS_KEPT_S),
                })
            })
            .collect();
        let asks: Vec<_> = self
            .asks
            .iter()
            .map(|ask| {
                json!({
                    "at": ask.at, "outcome": outcome(ask.outcome), "sentence": ask.sentence,
                    "reason": ask.reason, "requested": ask.requested, "probe": ask.probe,
                })
            })
            .collect();
        json!({
            "concept": self.concept,
            "state": self.pair.state,
            "days_met": self.pair.seen,
            "answers": self.pair.answers.len(),
            "known": self.known(),
            "next": self.next,
            "not_before": self.not_before.map(words::day),
            "muted": self.muted,
            "claim": self.claim.as_ref().map(|claim| standing(claim, self.now.shared)),
            "resting_rules": self.resting.iter().map(|(rule, _)| rule).collect::<Vec<_>>(),
            "met": met,
            "asked": asks,
        })
    }
}
