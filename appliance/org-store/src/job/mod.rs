//! Jobs: work that one process at a time does, by a lease in the database.
//!
//! A lease that ran out may be taken by another; the fencing number rises then, and whoever comes
//! back late finds that [`finish`] no longer takes its own.

use crate::days::Day;
use crate::engine::{Queries, Statements};
use crate::error::{Doing, Result};
use crate::txn::WriteTxn;
use crate::{params, sql};

/// Which piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// What is done.
    pub(crate) job: &'static str,
    /// For which part of the subjects; 0 for all.
    pub(crate) bucket: u16,
    /// For which date.
    pub(crate) as_of: Day,
}

/// Takes a piece of work for `lease_s` seconds; its fencing number, or nothing if somebody has it
/// or did it.
pub(crate) fn claim(
    txn: &mut WriteTxn<'_>,
    job: Job,
    now: i64,
    lease_s: i64,
) -> Result<Option<i64>> {
    const DOING: &str = "take a job";
    let values = params![job.job, job.bucket, job.as_of, now + lease_s, now];
    let rows = txn.query(sql!("claim"), values).doing(DOING)?;
    rows.into_iter()
        .next()
        .map(|mut row| row.next().doing(DOING))
        .transpose()
}

/// Notes that it is done; `false` if another one took it over.
pub(crate) fn finish(txn: &mut WriteTxn<'_>, job: Job, fence: i64) -> Result<bool> {
    let values = params![job.job, job.bucket, job.as_of, fence];
    Ok(txn.execute(sql!("finish"), values).doing("finish a job")? == 1)
}

/// Gives it back undone.
pub(crate) fn release(txn: &mut WriteTxn<'_>, job: Job, fence: i64) -> Result<()> {
    let values = params![job.job, job.bucket, job.as_of, fence];
    txn.execute(sql!("release"), values)
        .doing("give a job back")
        .map(drop)
}
