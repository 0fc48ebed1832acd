//! `aiworklab agent --once`: reads what the hooks left, notes which concepts were met, decides
//! whether a check waits, and deletes what it read.
//!
//! One transaction for each spool file; the file goes after it is written. An agent that dies in
//! between finds out how far it came.
//!
//! Invariant: one act counts once, whoever tells it how often. Prompts and outputs are never kept.

mod decide;
mod happened;
mod reader;
#[cfg(test)]
mod tests;

pub use decide::{moment, seed, sentence_now, sentence_of};
pub use happened::{Counted, Happened, Tag};

use crate::error::{Error, Result};
use crate::home::Home;
use crate::likeness::Plans;
use crate::spool;
use crate::store::{Decided, Store};
use crate::world::World;
use kernel::ids::Slug;
use reader::Reader;
use rustix::fs::{FlockOperation, flock};
use std::collections::{BTreeSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

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
}

/// Empties the spool.
///
/// # Errors
/// The store's and the disk's own. What was not read stays for the next run.
pub fn run(world: &dyn World, home: &Home, store: &mut Store) -> Result<Report> {
    watched(world, home, store, &mut Ears::new(home), &mut |_| {})
}

/// What is remembered from one payload to the next, so that what is told twice is heard once.
pub struct Ears {
    adapters: adapters::Reader,
    plans: Plans,
    /// The turns begun last, each with the session that it was last told of.
    turns: VecDeque<(String, Vec<u8>)>,
}

impl Ears {
    /// Ears that have heard nothing yet.
    pub fn new(home: &Home) -> Self {
        Self {
            adapters: adapters::Reader::default(),
            plans: Plans::new(home),
            turns: VecDeque::new(),
        }
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
            let mut reader = Reader::new(world, txn, now, ears, watch)?;
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
    (report.waiting, report.decided) = store.write(|txn| {
        txn.count("not kept by the hook: spool or disk was full", dropped)?;
        txn.forget_old(now)?;
        decide::decide(world, txn, now)
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
