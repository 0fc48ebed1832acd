//! The offline verifier: rows, checkpoints and a public key in, a verdict out.
//!
//! It trusts nothing that it is given but `Trust`. What it cannot see is a clean
//! cut at the end, behind the last checkpoint that anybody outside holds: give it
//! such a one as [`Trust::seen`], and it can.

use std::collections::BTreeMap;
use std::fmt;

use crate::chain::next;
use crate::{ChainedRow, Checkpoint, Hash, VerifyKey, genesis};

/// What the auditor holds from elsewhere.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The store whose log this is to be.
    pub store: [u8; 16],
    /// Every key that ever signed its checkpoints.
    pub keys: Vec<VerifyKey>,
    /// A row number and hash noted earlier (from a checkpoint, a SIEM, a printout): the
    /// log must still contain it.
    pub seen: Option<(u64, Hash)>,
}

/// What was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// First row of the log (1, unless older rows were exported and pruned; then a signed
    /// checkpoint vouches for what went before). 0 where there are no rows.
    pub first: u64,
    /// Last row of the log; 0 where there are none.
    pub last: u64,
    /// The chain's hash at the end.
    pub hash: Hash,
    /// Checkpoints whose signature and place hold.
    pub checkpoints: u64,
    /// Last row that a checkpoint vouches for.
    pub signed_through: u64,
    /// When the last checkpoint was signed, seconds UTC.
    pub signed_at: Option<i64>,
}

impl Report {
    /// Rows behind the last checkpoint: chained, but not yet signed.
    pub fn unsigned(&self) -> u64 {
        self.last.saturating_sub(self.signed_through)
    }
}

/// Where a log is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At the row of this number.
    Row(u64),
    /// At the checkpoint that speaks of this row.
    Checkpoint(u64),
    /// At this line of an export, counted from 1.
    Line(u64),
    /// Behind the last row.
    End,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(seq) => write!(f, "row {seq}"),
            Self::Checkpoint(seq) => write!(f, "the checkpoint at row {seq}"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// How a log is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// The row's number is not the next one.
    #[error("row {expected} was expected: rows are missing, doubled or out of order")]
    Order {
        /// The number that should stand here.
        expected: u64,
    },
    /// The row's content and its hash disagree.
    #[error("the row's hash does not follow from the row before it and its content")]
    Changed,
    /// A node's rows have a hole.
    #[error("node {node} wrote row {expected} of its own log, which is missing")]
    NodeGap {
        /// The node.
        node: u16,
        /// The number that should stand here.
        expected: u64,
    },
    /// The signature is not one of a trusted key.
    #[error("the checkpoint's signature does not hold under any given key")]
    Signature,
    /// A checkpoint of another store.
    #[error("it belongs to another store")]
    Store,
    /// The signed hash is not the chain's.
    #[error("what was signed is not the hash of the chain at that row")]
    Mismatch,
    /// A checkpoint speaks of a row that is not there.
    #[error("the log ends at row {last}, before what was signed or seen")]
    Short {
        /// The last row present.
        last: u64,
    },
    /// The first rows are gone and no checkpoint vouches for them.
    #[error("rows before it are missing and no checkpoint vouches for them")]
    NoStart,
    /// A line that is no record in its one spelling.
    #[error("it is not a record of an audit log: {what}")]
    Line {
        /// What is wrong with it.
        what: String,
    },
}

/// The first break found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the audit log is broken at {at}: {why}")]
pub struct Broken {
    /// Where.
    pub at: Place,
    /// How.
    pub why: Why,
}

pub(crate) fn broken(at: Place, why: Why) -> Broken {
    Broken { at, why }
}

/// Checks rows (in their order) and checkpoints (in any).
///
/// # Errors
/// The first [`Broken`] place: any changed, removed, swapped or inserted row up to the
/// last signed one is found, and behind it any that breaks the chain of hashes.
pub fn verify(
    rows: &[ChainedRow],
    checkpoints: &[Checkpoint],
    trust: &Trust,
) -> Result<Report, Broken> {
    let mut signed: BTreeMap<u64, Vec<&Checkpoint>> = BTreeMap::new();
    for point in checkpoints {
        let at = Place::Checkpoint(point.seq());
        if *point.store() != trust.store {
            return Err(broken(at, Why::Store));
        }
        if !trust.keys.iter().any(|key| point.is_signed_by(key)) {
            return Err(broken(at, Why::Signature));
        }
        signed.entry(point.seq()).or_default().push(point);
    }

    let mut walk = Walk::start(rows.first(), &signed, trust)?;
    for row in rows {
        walk.step(row, &signed, trust)?;
    }
    let last = walk.seq;
    if let Some((&seq, _)) = signed.range(last + 1..).next() {
        return Err(broken(Place::Checkpoint(seq), Why::Short { last }));
    }
    if let Some((seq, _)) = trust.seen
        && seq > last
    {
        return Err(broken(Place::End, Why::Short { last }));
    }
    Ok(Report {
        first: rows.first().map_or(0, |row| row.seq),
        last: rows.last().map_or(0, |row| row.seq),
        hash: walk.hash,
        checkpoints: checkpoints.len() as u64,
        signed_through: signed.last_key_value().map_or(0, |(&seq, _)| seq),
        signed_at: checkpoints.iter().map(Checkpoint::at).max(),
    })
}

/// The verifier's own head, which follows from what it has read and nothing else.
struct Walk {
    seq: u64,
    hash: Hash,
    nodes: BTreeMap<u16, u64>,
    whole: bool,
}

impl Walk {
    fn start(
        first: Option<&ChainedRow>,
        signed: &BTreeMap<u64, Vec<&Checkpoint>>,
        trust: &Trust,
    ) -> Result<Self, Broken> {
        let before = first.map_or(0, |row| row.seq.saturating_sub(1));
        let walk = if before == 0 {
            let head = genesis(&trust.store);
            Self {
                seq: 0,
                hash: head.hash,
                nodes: head.nodes,
                whole: true,
            }
        } else {
            let Some(point) = signed.get(&before).and_then(|points| points.first()) else {
                return Err(broken(Place::Row(before + 1), Why::NoStart));
            };
            Self {
                seq: before,
                hash: *point.hash(),
                nodes: BTreeMap::new(),
                whole: false,
            }
        };
        if let Some((&seq, _)) = signed.range(..before).next() {
            // Its row was pruned with the others: nothing is left to compare it with.
            return Err(broken(Place::Checkpoint(seq), Why::NoStart));
        }
        walk.agrees(signed, trust)?;
        Ok(walk)
    }

    fn step(
        &mut self,
        row: &ChainedRow,
        signed: &BTreeMap<u64, Vec<&Checkpoint>>,
        trust: &Trust,
    ) -> Result<(), Broken> {
        let at = Place::Row(row.seq);
        if row.seq != self.seq + 1 {
            return Err(broken(
                at,
                Why::Order {
                    expected: self.seq + 1,
                },
            ));
        }
        let text = row.entry.canonical().map_err(|error| {
            broken(
                at,
                Why::Line {
                    what: error.to_string(),
                },
            )
        })?;
        let hash = next(&self.hash, &text);
        if hash != row.hash {
            return Err(broken(at, Why::Changed));
        }
        let (node, n) = (row.entry.node, row.entry.n);
        // In a pruned log a node's first row seen may have any number.
        let expected = match self.nodes.get(&node) {
            Some(last) => last + 1,
            None if self.whole => 1,
            None => n,
        };
        if n != expected {
            return Err(broken(at, Why::NodeGap { node, expected }));
        }
        self.nodes.insert(node, n);
        self.seq = row.seq;
        self.hash = hash;
        self.agrees(signed, trust)
    }

    /// Whether what was signed, or seen, of this very row is its hash.
    fn agrees(
        &self,
        signed: &BTreeMap<u64, Vec<&Checkpoint>>,
        trust: &Trust,
    ) -> Result<(), Broken> {
        for point in signed.get(&self.seq).into_iter().flatten() {
            if *point.hash() != self.hash {
                return Err(broken(Place::Checkpoint(self.seq), Why::Mismatch));
            }
        }
        match trust.seen {
            Some((seq, hash)) if seq == self.seq && hash != self.hash => {
                Err(broken(Place::Row(seq), Why::Mismatch))
            }
            _ => Ok(()),
        }
    }
}
