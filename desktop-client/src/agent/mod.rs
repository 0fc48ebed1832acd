//! The agent: reads what the hooks left, notes which concepts were met, decides whether a check waits,
//! and deletes what it read. `aiworklab agent` does so as long as it runs ([`daemon`]), `agent --once` and
//! most other commands do it once.
//!
//! A few records are read in one transaction, which also notes how far the spool's file was read; the
//! file goes after all of it is written. An agent that dies in between finds out how far it came.
//!
//! What hooks did not tell is caught up on from the harness's own transcript ([`transcripts`]).
//!
//! Invariant: one act counts once, whoever tells it how often. Prompts and outputs are never kept.

mod checks;
pub mod daemon;
mod decide;
pub mod error;
mod happened;
mod reader;
pub mod service;
pub mod t3code;
#[cfg(test)]
mod tests;
mod transcripts;

pub use checks::checks;
pub use decide::{moment, seed, sentence_now, sentence_of};
pub use happened::{Counted, Happened, Tag};
pub use transcripts::forget as forget_transcripts;

use crate::error::{Error, Result};
use crate::home::Home;
use crate::likeness::Plans;
use crate::policy::Policy;
use crate::spool::{self, Batch, Record};
use crate::store::{Decided, Store};
use crate::world::World;
use kernel::event::Act;
use kernel::ids::Slug;
use reader::Reader;
use rustix::fs::{FlockOperation, flock};
use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use transcripts::Transcripts;

/// Most records that are read in one transaction: other commands wait for it to end.
const RECORDS: usize = 128;
/// Most bytes of payloads that are read in one transaction, but for a single longer one.
const BYTES: usize = 2 * 1024 * 1024;

/// What one run of the agent did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Payloads read.
    pub read: u64,
    /// Of these, not understood.
    pub not_understood: u64,
    /// Concepts met.
    pub met: BTreeSet<Slug>,
    /// What was decided, if something had come to an end.
    pub decided: Option<Decided>,
    /// Whether a check waits.
    pub waiting: bool,
    /// Whether it left off before all was read, because it was told to.
    pub left: bool,
    /// Changes and commands that a harness's transcript told, and no hook.
    pub recalled: u64,
    /// Whether transcripts hold more than one pass reads.
    pub more: bool,
}

/// Empties the spool.
///
/// # Errors
/// The store's and the disk's own. What was not read stays for the next run.
pub fn run(world: &dyn World, home: &Home, store: &mut Store) -> Result<Report> {
    watched(world, home, store, &mut Ears::new(home), &mut |_| {})
}

/// The next records of a file, no more than one transaction is to hold.
fn next_few(batch: &mut Batch) -> std::io::Result<Vec<Record>> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    while records.len() < RECORDS && bytes < BYTES {
        let Some(record) = batch.read_next()? else {
            break;
        };
        bytes += record.payload.len();
        records.push(record);
    }
    Ok(records)
}

/// Words of which a harness's plan has one, however it is told.
const PLAN_WORDS: [&str; 5] = ["plan", "Plan", "todo", "Todo", "Task"];

/// Whether a record may tell a plan, read by itself.
fn may_plan(record: &Record) -> bool {
    let text = String::from_utf8_lossy(&record.payload);
    PLAN_WORDS.iter().any(|word| text.contains(word))
        && matches!(
            adapters::read(record.harness, &record.payload, record.cut),
            adapters::Read::Event(event) if matches!(event.act, Act::Planned(_))
        )
}

/// What is remembered from one payload to the next, so that what is told twice is heard once.
pub struct Ears {
    adapters: adapters::Reader,
    plans: Plans,
    /// The turns begun last, each with the session that it was last told of.
    turns: VecDeque<(String, Vec<u8>)>,
    transcripts: Transcripts,
}

impl Ears {
    /// Ears that have heard nothing yet.
    pub fn new(home: &Home) -> Self {
        Self {
            adapters: adapters::Reader::default(),
            plans: Plans::new(home),
            turns: VecDeque::new(),
            transcripts: Transcripts::new(home, false),
        }
    }

    /// Ears that have heard nothing yet, and catch up from transcripts: the agent's own.
    pub fn catching_up(home: &Home) -> Self {
        Self {
            transcripts: Transcripts::new(home, true),
            ..Self::new(home)
        }
    }

    /// Lets go what takes much memory and can be had again.
    pub fn rest(&mut self) {
        self.plans.rest();
    }
}

/// The same with ears that were there before, and tells of each act to whoever watches.
///
/// # Errors
/// As [`run`].
pub fn watched(
    world: &dyn World,
    home: &Home,
    store: &mut Store,
    ears: &mut Ears,
    watch: &mut dyn FnMut(Happened),
) -> Result<Report> {
    until(world, home, store, ears, watch, &|| false)
}

/// The same, and leaves off between two transactions once `stop` says so.
///
/// # Errors
/// As [`run`].
pub fn until(
    world: &dyn World,
    home: &Home,
    store: &mut Store,
    ears: &mut Ears,
    watch: &mut dyn FnMut(Happened),
    stop: &dyn Fn() -> bool,
) -> Result<Report> {
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
    let policy = Policy::load(world);
    ears.transcripts.begin(now);
    for mut batch in spool::take(&folder, now, u64::from_le_bytes(unique)).map_err(disk)? {
        batch.skip_to(store.read(|txn| txn.batch_read(batch.name()))?);
        loop {
            let (torn, before) = (batch.torn(), batch.position());
            let records = next_few(&mut batch).map_err(disk)?;
            if batch.position() == before {
                break;
            }
            if records.iter().any(may_plan) {
                // Before the transaction: nobody is to wait until a model is read in.
                ears.plans.prepare();
            }
            let read = store.write(|txn| {
                let mut reader = Reader::new(world, txn, now, ears, watch)?;
                for record in &records {
                    reader.take(txn, record, &policy)?;
                }
                txn.count("torn by a crash or a full disk", batch.torn() - torn)?;
                txn.set_batch_read(batch.name(), batch.position())?;
                Ok(reader.report)
            })?;
            report.read += read.read;
            report.not_understood += read.not_understood;
            report.met.extend(read.met);
            for record in &records {
                ears.transcripts.hear(record, &policy, now);
            }
            if stop() {
                report.left = true;
                ears.transcripts.keep();
                return Ok(report);
            }
        }
        let name = batch.name().to_owned();
        batch.delete().map_err(disk)?;
        store.write(|txn| txn.drop_batch(&name))?;
    }
    // After the hooks: what they told is not told anew.
    let told = transcripts::catch_up(world, store, ears, watch, (&policy, now), stop);
    ears.transcripts.keep();
    let told = told?;
    (report.recalled, report.more) = (told.recalled, told.more);
    report.met.extend(told.met);
    let dropped = spool::take_dropped(&folder).map_err(disk)?;
    (report.waiting, report.decided) = store.write(|txn| {
        txn.count("not kept by the hook: spool or disk was full", dropped)?;
        txn.forget_old(now)?;
        decide::decide(world, txn, now)
    })?;
    if report.read > 0 || report.recalled > 0 {
        store.clear_log()?;
    }
    Ok(report)
}

/// One reader of the spool at a time; another one is waited for.
pub fn lock(home: &Home) -> Result<File> {
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
