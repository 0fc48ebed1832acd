//! Snapshots: a week's figures, made on Mondays, immutable once made.
//!
//! A snapshot is counted bucket by bucket, from deltas of before its date, over one state of the
//! data; what few met is counted with its parent, and the count made again until nothing is too
//! few. What it may say is `kernel::aggregate`; here is only where the rows come from and go to.
//! Excluded subjects are left out here, and nowhere else.
//!
//! Invariant: a snapshot holds no row of a person, and no statement changes one that was made.

use crate::days::{Day, monday_from};
use crate::engine::{Queries, Row, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::job::{self, Job};
use crate::pair::Resolve;
use crate::policy::{Act, Action, Chore};
use crate::store::Store;
use crate::txn::WriteTxn;
use crate::words::{json, read_json};
use crate::{params, sql, sync};
use kernel::aggregate::{
    self, COUNTED_FLOOR, Cell, Person, Plan, RIPE_AFTER_DAYS, Rules, Snapshot, evidence_days,
    publish, ripe_from,
};
use kernel::evidence;
use kernel::ids::{DAY, Hour, Slug, SubjectId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long one process may take for a snapshot before another may try, in seconds.
const LEASE_S: i64 = 1_800;

/// A catalogue's answer to what a concept is part of.
pub type Parent = Arc<dyn Fn(&Slug) -> Option<Slug> + Send + Sync>;

/// What a snapshot has to know of the catalogue.
#[derive(Clone)]
pub struct Figures {
    /// The concept that replaces a merged one, else the same.
    pub resolve: Resolve,
    /// A concept's parent.
    pub parent: Parent,
    /// A concept's risk, 1 to 3.
    pub risk: Arc<dyn Fn(&Slug) -> u8 + Send + Sync>,
    /// The floors of this site.
    pub rules: Rules,
}

/// Snapshots, newest first.
///
/// # Errors
/// The engine's.
pub fn newest(txn: &mut impl Queries, limit: usize) -> Result<Vec<Snapshot>> {
    const DOING: &str = "read snapshots";
    let found = txn
        .query(sql!("newest"), params![limit as u64])
        .doing(DOING)?;
    let mut snapshots = Vec::with_capacity(found.len());
    for mut row in found {
        let day: Day = row.next().doing(DOING)?;
        let counted = row.next().doing(DOING)?;
        let met = read_json(&row.next::<String>().doing(DOING)?, "snapshot")?;
        let rows = txn.query(sql!("rows"), params![day]).doing(DOING)?;
        let rows = rows.into_iter().map(read_row).collect::<Result<_>>()?;
        snapshots.push(Snapshot {
            as_of: hour(day),
            counted,
            rows,
            met,
        });
    }
    Ok(snapshots)
}

fn read_row(mut row: Row) -> Result<aggregate::Row> {
    read_json(
        &row.next::<String>().doing("read a snapshot's row")?,
        "snapshot's row",
    )
}

const fn hour(day: Day) -> Hour {
    Hour::floor(day * DAY)
}

/// The first Monday on which figures can come, as far as can be told: 14 days after the tenth
/// included subject's first push. `None` while there are fewer.
///
/// # Errors
/// The engine's.
pub fn first_figures(txn: &mut impl Queries) -> Result<Option<Day>> {
    const DOING: &str = "tell when figures can come";
    let tenth = COUNTED_FLOOR - 1;
    let rows = txn
        .query(sql!("first_syncs"), params![tenth])
        .doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let ripe = monday_from(row.next::<Day>().doing(DOING)? + RIPE_AFTER_DAYS);
    Ok(Some(
        latest(txn)?.map_or(ripe, |latest| ripe.max(latest + 7)),
    ))
}

/// The date of the latest snapshot.
///
/// # Errors
/// The engine's.
pub fn latest(txn: &mut impl Queries) -> Result<Option<Day>> {
    crate::one(
        txn,
        sql!("latest"),
        params![],
        "read the latest snapshot's date",
    )
}

/// What a snapshot of this date would say, without making it.
///
/// # Errors
/// The engine's.
pub fn preview(txn: &mut impl Queries, as_of: Day, figures: &Figures) -> Result<Snapshot> {
    const DOING: &str = "read what was published before";
    let rows = txn.query(sql!("last_rows"), params![]).doing(DOING)?;
    let mut before = BTreeMap::new();
    for row in rows {
        let row = read_row(row)?;
        before.insert(row.concept.clone(), row);
    }
    let last_set = before
        .iter()
        .map(|(slug, row)| (slug.clone(), row.set_at))
        .collect();
    let mut plan = Plan::new(hour(as_of), last_set);
    let floor = figures.rules.floor.max(aggregate::FLOOR);
    let (cells, counted) = loop {
        let (cells, counted) = count(txn, &plan, figures)?;
        if !plan.roll_up(&cells, |slug| (figures.parent)(slug), floor) {
            break (cells, counted);
        }
    };
    Ok(publish(
        &plan,
        &cells,
        counted,
        &before,
        figures.rules,
        |slug| (figures.risk)(slug),
    ))
}

fn count(
    txn: &mut impl Queries,
    plan: &Plan,
    figures: &Figures,
) -> Result<(BTreeMap<Slug, Cell>, u32)> {
    const DOING: &str = "count a snapshot";
    let (mut cells, mut counted) = (BTreeMap::new(), 0);
    let buckets = txn.query(sql!("buckets"), params![]).doing(DOING)?;
    for mut bucket in buckets {
        let bucket: u16 = bucket.next().doing(DOING)?;
        for (slug, cell) in count_bucket(txn, bucket, plan, figures, &mut counted)? {
            cells.entry(slug).or_insert_with(Cell::default).merge(&cell);
        }
    }
    Ok((cells, counted))
}

/// One bucket's part. Parts add up.
fn count_bucket(
    txn: &mut impl Queries,
    bucket: u16,
    plan: &Plan,
    figures: &Figures,
    counted: &mut u32,
) -> Result<BTreeMap<Slug, Cell>> {
    const DOING: &str = "count a snapshot's bucket";
    let mut cells = BTreeMap::new();
    let subjects = txn.query(sql!("subjects"), params![bucket]).doing(DOING)?;
    for mut row in subjects {
        let subject: SubjectId = row.next().doing(DOING)?;
        let first_sync: Day = row.next().doing(DOING)?;
        let rows = sync::before(txn, subject, plan.as_of)?;
        let Some(ripe_from) = ripe_from(first_sync, evidence_days(&rows)) else {
            continue;
        };
        if ripe_from > plan.as_of.day() {
            continue;
        }
        *counted += 1;
        let pairs = evidence::fold(rows, |slug| (figures.resolve)(slug));
        plan.count(
            &Person {
                pairs: &pairs,
                ripe_from,
            },
            &mut cells,
        );
    }
    Ok(cells)
}

impl Store {
    /// Makes the snapshot of a Monday. The counting reads beside the writer; only its rows are
    /// written in a transaction. [`Act::action`] is [`Action::MakeSnapshot`].
    ///
    /// # Errors
    /// [`Error::SnapshotDate`] if the date is no Monday or not after the latest one;
    /// [`Error::Exists`] if it was made, or is being made by another process.
    pub async fn make_snapshot(&self, act: Act, as_of: Day, figures: Figures) -> Result<Snapshot> {
        if act.action != Action::MakeSnapshot || monday_from(as_of) != as_of {
            return Err(Error::SnapshotDate);
        }
        let job = Job {
            job: "snapshot",
            bucket: 0,
            as_of,
        };
        let fence = self.chore(Chore::Snapshot, move |txn| {
            if latest(txn)?.is_some_and(|latest| latest > as_of) {
                return Err(Error::SnapshotDate);
            }
            let fence = job::claim(txn, job, act.at, LEASE_S)?;
            fence.ok_or(Error::Exists {
                kind: Kind::Snapshot,
            })
        });
        let fence = fence.await?;
        let made = self.count_and_store(act, job, fence, figures).await;
        if made.is_err() {
            self.chore(Chore::Snapshot, move |txn| job::release(txn, job, fence))
                .await?;
        }
        made
    }

    async fn count_and_store(
        &self,
        act: Act,
        job: Job,
        fence: i64,
        figures: Figures,
    ) -> Result<Snapshot> {
        let snapshot = self
            .read(move |txn| preview(txn, job.as_of, &figures))
            .await?;
        let stored = snapshot.clone();
        self.write(act, move |txn| {
            if !job::finish(txn, job, fence)? {
                return Err(Error::Exists {
                    kind: Kind::Snapshot,
                });
            }
            store(txn, job.as_of, &stored)
        })
        .await?;
        Ok(snapshot)
    }
}

fn store(txn: &mut WriteTxn<'_>, as_of: Day, snapshot: &Snapshot) -> Result<()> {
    const DOING: &str = "store a snapshot";
    let values = params![as_of, snapshot.counted, json(&snapshot.met, "snapshot")?];
    txn.execute(sql!("insert"), values).doing(DOING)?;
    for row in &snapshot.rows {
        let values = params![as_of, &row.concept, json(row, "snapshot's row")?];
        txn.execute(sql!("insert_row"), values).doing(DOING)?;
    }
    txn.audit_with("day", as_of);
    txn.audit_with("counted", snapshot.counted);
    txn.audit_with(
        "rows",
        i64::try_from(snapshot.rows.len()).unwrap_or(i64::MAX),
    );
    Ok(())
}
