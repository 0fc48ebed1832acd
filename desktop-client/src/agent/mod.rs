//! `aiworklab agent --once`: reads what the hooks left, notes which concepts were met, decides
//! whether a check waits, and deletes what it read.
//!
//! One transaction for each spool file; the file goes after it is written. An agent that dies in
//! between finds out how far it came.
//!
//! Invariant: one act counts once, whoever tells it how often. Prompts and outputs are never kept.

#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::graph::{self, Now, Pairs};
use crate::home::Home;
use crate::pack;
use crate::spool::{self, Record};
use crate::store::{NewAsk, NewMention, Store, Txn, fresh_stream};
use crate::words;
use crate::world::World;
use adapters::Read;
use aws_lc_rs::hmac;
use kernel::asking::{self, Decision, Settings, Situation};
use kernel::delta::{Delta, Evidence, Observation, Retract, State};
use kernel::event::{Act, Event};
use kernel::ids::{DAY, Slug};
use kernel::sync::Rows;
use kernel::sync::client;
use kernel::tagging::{self, Skipped, SourceChange, Strength, Tagged};
use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest line of the engineer's that is kept, in characters.
const LINE_CHARS: usize = 240;
/// Most different names of unknown shapes that are counted apart.
const NAMES: usize = 100;

/// What one run of the agent did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Payloads read.
    pub read: u64,
    /// Of these, not understood.
    pub not_understood: u64,
    /// Concepts met, each with how many lines.
    pub met: BTreeSet<Slug>,
    /// Whether a check waits.
    pub waiting: bool,
}

/// Empties the spool.
///
/// # Errors
/// The store's and the disk's own. What was not read stays for the next run.
pub fn run(world: &dyn World, home: &Home, store: &mut Store) -> Result<Report> {
    home.ensure()?;
    let _alone = lock(home)?;
    let folder = home.spool();
    let disk = |source| Error::File {
        doing: "read the spool in",
        path: folder.clone(),
        source,
    };
    let mut unique = [0; 8];
    if !world.fill(&mut unique) {
        return Err(Error::NoRandomness);
    }
    let now = world.now();
    let mut report = Report::default();
    for mut batch in spool::take(&folder, now, u64::from_le_bytes(unique)).map_err(disk)? {
        let read = store.write(|txn| {
            batch.skip_to(txn.batch_read(batch.name())?);
            let mut reader = Reader::new(world, txn, now)?;
            while let Some(record) = batch.read_next().map_err(disk)? {
                reader.take(txn, &record)?;
            }
            txn.count("torn by a crash or a full disk", batch.torn())?;
            txn.set_batch_read(batch.name(), batch.position())?;
            Ok(reader.report)
        })?;
        let name = batch.name().to_owned();
        batch.delete().map_err(disk)?;
        store.write(|txn| txn.drop_batch(&name))?;
        report.read += read.read;
        report.not_understood += read.not_understood;
        report.met.extend(read.met);
    }
    let dropped = spool::take_dropped(&folder).map_err(disk)?;
    report.waiting = store.write(|txn| {
        txn.count("not kept by the hook: spool or disk was full", dropped)?;
        txn.forget_old(now)?;
        decide(world, txn, now)
    })?;
    if report.read > 0 {
        store.clear_log()?;
    }
    Ok(report)
}

/// One agent at a time; another one is waited for.
fn lock(home: &Home) -> Result<File> {
    let path = home.path().join("agent.lock");
    let failed = |source| Error::File {
        doing: "lock",
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::LockExclusive) {
        Ok(()) | Err(rustix::io::Errno::NOLCK | rustix::io::Errno::OPNOTSUPP) => Ok(file),
        Err(error) => Err(failed(error.into())),
    }
}

/// Reads records into one transaction.
struct Reader<'w> {
    world: &'w dyn World,
    key: hmac::Key,
    now: i64,
    pairs: Pairs,
    retracts: Vec<Retract>,
    /// Sessions in which the harness waits for an approval.
    waiting: BTreeSet<Vec<u8>>,
    report: Report,
}

impl<'w> Reader<'w> {
    fn new(world: &'w dyn World, txn: &mut Txn<'_>, now: i64) -> Result<Self> {
        txn.began(now)?;
        Ok(Self {
            world,
            key: hmac::Key::new(hmac::HMAC_SHA256, &txn.hash_key(world)?),
            now,
            pairs: graph::pairs(txn)?,
            retracts: txn.retracts()?,
            waiting: BTreeSet::new(),
            report: Report::default(),
        })
    }

    fn hash(&self, what: &str, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(what.as_bytes());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }

    fn take(&mut self, txn: &mut Txn<'_>, record: &Record) -> Result<()> {
        self.report.read += 1;
        let event = match adapters::read(record.harness, &record.payload, record.cut) {
            Read::Event(event) => event,
            Read::Ignored => return Ok(()),
            Read::Unknown(name) => {
                self.report.not_understood += 1;
                let known = txn.tallies()?;
                let name = format!("{}: unknown {name}", record.harness.name());
                let room = known.len() < NAMES || known.contains_key(&name);
                return txn.count(if room { &name } else { "unknown, others" }, 1);
            }
            Read::Unreadable => {
                self.report.not_understood += 1;
                return txn.count(&format!("{}: no JSON", record.harness.name()), 1);
            }
        };
        if event.cut {
            txn.count("longer than what is kept of a payload, read in part", 1)?;
        }
        self.happened(txn, record, &event)
    }

    fn happened(&mut self, txn: &mut Txn<'_>, record: &Record, event: &Event) -> Result<()> {
        // A clock that was set back must not make something happen tomorrow.
        let at = record.at.min(self.now);
        let harness = event.origin.harness.name().as_bytes();
        let name = event.origin.session.as_bytes();
        let session = self.hash("session", &[harness, name]);
        let session = &session.as_ref()[..16];
        if matches!(event.act, Act::Changed(_) | Act::Ran(_) | Act::Stopped) {
            let call = event.origin.call.as_deref();
            let call = call.map_or(record.payload.as_slice(), str::as_bytes);
            let act = self.hash("act", &[harness, name, call]);
            if !txn.is_first(act.as_ref(), at)? {
                return Ok(());
            }
        }
        if !matches!(event.act, Act::ApprovalAsked) && self.waiting.remove(session) {
            txn.add_moment(at, session, "approval-answered")?;
        }
        match &event.act {
            Act::SessionEnded => {}
            Act::SessionBegan => {
                // The day's first session is a moment to ask in.
                let offset = i64::from(self.world.utc_offset_s(at));
                let midnight = (at + offset).div_euclid(DAY) * DAY - offset;
                if !txn.any_moment(midnight)? {
                    txn.add_moment(at, session, "day-start")?;
                }
            }
            Act::TurnBegan => txn.add_moment(at, session, "turn-began")?,
            Act::TurnEnded => txn.add_moment(at, session, "turn-ended")?,
            Act::Stopped | Act::TurnInterrupted => {
                txn.add_moment(at, session, "turn-interrupted")?;
            }
            // Any act answers an approval, and was noted above.
            Act::ApprovalAnswered | Act::Planned(_) => {}
            Act::ApprovalAsked => {
                self.waiting.insert(session.to_vec());
                txn.add_moment(at, session, "approval-asked")?;
            }
            Act::Changed(changes) => {
                txn.add_moment(at, session, "edit")?;
                for change in changes {
                    let tagged = guarded(|| tagging::tag(change));
                    let diff = self.diff(change);
                    let line = |n| change.added_line(n).map(str::to_owned);
                    self.met(txn, at, change.file_name(), diff.as_ref(), tagged, line)?;
                }
            }
            Act::Ran(ran) => {
                if let Some(passed) = ran.tests() {
                    let what = if passed {
                        "tests-passed"
                    } else {
                        "tests-failed"
                    };
                    txn.add_moment(at, session, what)?;
                }
                if ran.commits() {
                    txn.add_moment(at, session, "commit")?;
                }
                let tagged = guarded(|| tagging::tag_command(&ran.command));
                let diff = self.hash("diff", &[ran.command.as_bytes()]);
                let line = |n: u32| {
                    ran.command
                        .lines()
                        .nth((n as usize).saturating_sub(1))
                        .map(str::to_owned)
                };
                self.met(txn, at, "a command", diff.as_ref(), tagged, line)?;
            }
        }
        Ok(())
    }

    /// A hash of the added lines, which nobody without this device's key can guess back.
    fn diff(&self, source: &SourceChange) -> hmac::Tag {
        let lines: Vec<&[u8]> = (1..)
            .map_while(|n| source.added_line(n))
            .map(str::as_bytes)
            .take(10_000)
            .collect();
        self.hash("diff", &lines)
    }

    fn met(
        &mut self,
        txn: &mut Txn<'_>,
        at: i64,
        file: &str,
        diff: &[u8],
        tagged: Option<Tagged>,
        line: impl Fn(u32) -> Option<String>,
    ) -> Result<()> {
        let Some(tagged) = tagged else {
            return txn.count("a text that the tagger failed on", 1);
        };
        match tagged.skipped {
            Some(Skipped::TooLarge { .. }) => txn.count("a text too large for the tagger", 1)?,
            Some(Skipped::TooDeep { .. }) => txn.count("a text too deep for the tagger", 1)?,
            None => {}
        }
        for mention in &tagged.mentions {
            let concept = graph::resolved(mention.concept.clone());
            if !self.seen(txn, at, &concept)? {
                continue;
            }
            let text = line(mention.line).unwrap_or_default();
            let line: String = words::plain(text.trim()).chars().take(LINE_CHARS).collect();
            let file: String = words::plain(file).chars().take(LINE_CHARS).collect();
            txn.add_mention(&NewMention {
                at,
                concept: &concept,
                detector: &mention.detector,
                strong: mention.strength == Strength::Strong,
                diff,
                file: &file,
                line: &line,
            })?;
            self.report.met.insert(concept);
        }
        Ok(())
    }

    /// Notes that a concept was met, once a day; `false` if the engineer had it forgotten since.
    fn seen(&mut self, txn: &mut Txn<'_>, at: i64, concept: &Slug) -> Result<bool> {
        let hour = txn.hour_at(at)?;
        let pair = self.pairs.entry(concept.clone()).or_default();
        let from = pair.state;
        let to = if from == State::Unknown {
            State::Seen
        } else {
            from
        };
        let evidence = Evidence {
            concept: concept.clone(),
            observed: Observation::Seen,
            from,
            to,
            at: hour,
        };
        let delta = Delta::Evidence(evidence.clone());
        if self
            .retracts
            .iter()
            .any(|retract| delta.is_covered_by(retract))
        {
            return Ok(false);
        }
        if !txn.is_seen_on(concept, hour.day())? {
            let fresh = fresh_stream(self.world)?;
            let what = (concept.clone(), Observation::Seen);
            client::record(txn, at, || fresh, what, (from, to))?;
            pair.observe(&evidence);
        }
        Ok(true)
    }
}

/// What the tagger says; `None` if it failed on this text, which must not keep the rest waiting.
fn guarded(tag: impl FnOnce() -> Tagged) -> Option<Tagged> {
    catch_unwind(AssertUnwindSafe(tag)).ok()
}

/// Decides whether a check is to wait, and keeps it; whether one waits now.
fn decide(world: &dyn World, txn: &mut Txn<'_>, now: i64) -> Result<bool> {
    if txn.waiting()?.is_some() {
        return Ok(true);
    }
    let now = Now::at(txn, now)?;
    let moments = txn.moments(now.machine - DAY)?;
    let events: Vec<_> = moments.iter().filter_map(|what| event(what)).collect();
    let situation = Situation::read(&events, now.shared, world.utc_offset_s(now.machine));
    let settings = Settings::new(txn.began(now.machine)? + (now.shared - now.machine));
    let past = graph::past(txn, now.shared)?;
    let asks: Vec<_> = past.iter().map(graph::past_ask).collect();
    let seen: Vec<_> = past.iter().map(graph::seen).collect();
    let pairs = graph::pairs(txn)?;
    let mut candidates = graph::candidates(txn, &pairs, now, false)?;
    while let Decision::Ask(choice) = asking::decide(&situation, &settings, &asks, &candidates) {
        match pack::next(txn, &choice.concept, &seen, now.shared, seed(world)?)? {
            Ok(next) => {
                txn.add_ask(&NewAsk {
                    at: now.shared,
                    item: &next.item,
                    pack: next.pack.as_deref(),
                    reason: graph::because(choice.reason),
                    new: choice.new,
                    probe: choice.probe,
                    requested: false,
                })?;
                return Ok(true);
            }
            Err(_) => candidates.retain(|candidate| candidate.concept != choice.concept),
        }
    }
    Ok(false)
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

fn event(what: &str) -> Option<asking::Event> {
    use asking::Event;
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
        _ => return None,
    })
}
