//! Pairs: what one subject knows of one concept, folded from its deltas.
//!
//! Deltas are only ever added; a pair is computed from them, so merging two laptops is a set
//! union, and a lost pair is rebuilt, not restored. Folding is lazy, and twice is harmless: a
//! subject whose `changed` is not its `folded_upto` is folded by the next [`Store::fold`].
//!
//! Invariant: the fold sees the deltas of a pair ordered by `(at, stream, i)`.
//! Elsewhere: the rules of the fold are `kernel::evidence`.

use crate::engine::{Queries, Statements};
use crate::error::{Doing, Result};
use crate::policy::Chore;
use crate::store::Store;
use crate::txn::WriteTxn;
use crate::words::{read_word, word};
use crate::{params, sql, subject};
use kernel::delta::{Outcome, State};
use kernel::evidence::{FOLD_VERSION, Pair};
use kernel::ids::{Hour, Slug, SubjectId};
use serde::Serialize;
use std::sync::Arc;

/// Most subjects that one transaction folds, so that pushes do not wait for it.
const AT_A_TIME: u64 = 50;

/// A pair as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredPair {
    /// The concept.
    pub concept: Slug,
    /// The state.
    pub state: State,
    /// First evidence.
    pub first: Option<Hour>,
    /// Latest evidence.
    pub last: Option<Hour>,
    /// Days on which it was met.
    pub seen: u32,
    /// Counted answers.
    pub answers: u32,
    /// Of these, passed.
    pub passes: u32,
    /// The last counted answer.
    pub last_answer: Option<Hour>,
    /// Deltas whose recorded transition is not the fold's.
    pub mismatches: u32,
}

/// A catalogue's answer to which concept replaces a merged one.
pub type Resolve = Arc<dyn Fn(Slug) -> Slug + Send + Sync>;

impl Store {
    /// Folds the subjects that changed, or were folded by another catalogue or build. Gives how
    /// many. Safe to run twice.
    ///
    /// # Errors
    /// The engine's.
    pub async fn fold(&self, catalogue: u32, resolve: Resolve) -> Result<u64> {
        let mut folded = 0;
        loop {
            let resolve = resolve.clone();
            let done = self.chore(Chore::Fold, move |txn| {
                fold_some(txn, catalogue, resolve.as_ref())
            });
            match done.await? {
                0 => return Ok(folded),
                some => folded += some,
            }
        }
    }
}

fn fold_some(
    txn: &mut WriteTxn<'_>,
    catalogue: u32,
    resolve: &dyn Fn(Slug) -> Slug,
) -> Result<u64> {
    const DOING: &str = "fold a subject";
    let by = format!("catalogue {catalogue}, fold {FOLD_VERSION}");
    let stale = txn
        .query(sql!("stale"), params![&by, AT_A_TIME])
        .doing(DOING)?;
    let mut folded = 0;
    for mut row in stale {
        let (subject, changed) = (
            row.next::<SubjectId>().doing(DOING)?,
            row.next::<i64>().doing(DOING)?,
        );
        let pairs = subject::graph(txn, subject, resolve)?;
        txn.execute(sql!("delete_of"), params![subject])
            .doing(DOING)?;
        for (concept, pair) in &pairs {
            insert(txn, subject, concept, pair)?;
        }
        txn.execute(sql!("folded"), params![subject, changed, &by])
            .doing(DOING)?;
        folded += 1;
    }
    Ok(folded)
}

fn insert(txn: &mut WriteTxn<'_>, subject: SubjectId, concept: &Slug, pair: &Pair) -> Result<()> {
    let passed = pair
        .answers
        .iter()
        .filter(|answer| answer.answer.outcome == Outcome::Pass);
    let values = params![
        subject,
        concept,
        word(&pair.state, "pair")?,
        pair.first,
        pair.last,
        pair.seen,
        pair.answers.len() as u64,
        passed.count() as u64,
        pair.last_answer().map(|answer| answer.at),
        pair.mismatches
    ];
    txn.execute(sql!("insert"), values)
        .doing("store a pair")
        .map(drop)
}

/// A subject's pairs, as far as they were folded.
pub(crate) fn of_subject(txn: &mut impl Queries, subject: SubjectId) -> Result<Vec<StoredPair>> {
    const DOING: &str = "read pairs";
    let rows = txn
        .query(sql!("of_subject"), params![subject])
        .doing(DOING)?;
    rows.into_iter()
        .map(|mut row| {
            Ok(StoredPair {
                concept: row.next().doing(DOING)?,
                state: read_word(row.next().doing(DOING)?, "pair")?,
                first: row.next().doing(DOING)?,
                last: row.next().doing(DOING)?,
                seen: row.next().doing(DOING)?,
                answers: row.next().doing(DOING)?,
                passes: row.next().doing(DOING)?,
                last_answer: row.next().doing(DOING)?,
                mismatches: row.next().doing(DOING)?,
            })
        })
        .collect()
}

/// How many deltas recorded another transition than the fold makes, over all pairs: a number for
/// health, which rises when clients and server fold differently.
///
/// # Errors
/// The engine's.
pub fn mismatches(txn: &mut impl Queries) -> Result<u64> {
    crate::one(txn, sql!("mismatches"), params![], "count mismatches")
}

pub(crate) fn delete_of(txn: &mut WriteTxn<'_>, subject: SubjectId) -> Result<()> {
    txn.execute(sql!("delete_of"), params![subject])
        .doing("remove pairs")
        .map(drop)
}
