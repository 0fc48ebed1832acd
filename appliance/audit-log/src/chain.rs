//! The chain: `h_n = SHA-256(h_(n-1) ‖ canonical(row_n))`.
//!
//! It begins at a hash of the store's id, so that one appliance's rows never
//! pass for another's.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::row::canonical;
use crate::{Error, Hash, NodeRow};

/// What the first hash is taken over, before the store's id.
const GENESIS: &[u8] = b"aiworklab audit chain v1\0";

/// Where a chain stands: its last row's number (0 before the first), the hash up to it,
/// and the last number chained of each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of the last chained row.
    pub seq: u64,
    /// The chain's hash up to and with that row.
    pub hash: Hash,
    /// Last chained number of each node.
    pub nodes: BTreeMap<u16, u64>,
}

/// The head of the empty chain of a store.
pub fn genesis(store: &[u8; 16]) -> Head {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(GENESIS);
    context.update(store);
    Head {
        seq: 0,
        hash: finish(context),
        nodes: BTreeMap::new(),
    }
}

/// A row with its place in the one chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainedRow {
    /// Its number: 1, 2, 3 … without holes.
    pub seq: u64,
    /// The chain's hash up to and with this row.
    #[serde(with = "hex::serde")]
    pub hash: Hash,
    /// The row.
    pub entry: NodeRow,
}

impl ChainedRow {
    /// This row as a line of an export, without its line end.
    ///
    /// # Errors
    /// Those of [`NodeRow::canonical`].
    pub fn line(&self) -> Result<String, Error> {
        self.entry.row.check()?;
        canonical("a chained row", &Line { row: self })
    }
}

#[derive(Serialize)]
struct Line<'a> {
    row: &'a ChainedRow,
}

/// Chains one row behind `head` and moves the head.
///
/// # Errors
/// [`Error::NodeOrder`] if the row does not follow its node's last one; the head
/// stays as it was. Those of [`NodeRow::canonical`].
pub fn chain_one(head: &mut Head, entry: NodeRow) -> Result<ChainedRow, Error> {
    let last = head.nodes.get(&entry.node).copied().unwrap_or(0);
    if last.checked_add(1) != Some(entry.n) {
        return Err(Error::NodeOrder {
            node: entry.node,
            last,
            found: entry.n,
        });
    }
    let seq = head
        .seq
        .checked_add(1)
        .ok_or(Error::Number { what: "seq" })?;
    let hash = next(&head.hash, &entry.canonical()?);
    head.seq = seq;
    head.hash = hash;
    head.nodes.insert(entry.node, entry.n);
    Ok(ChainedRow { seq, hash, entry })
}

/// Chains the waiting rows behind `head`: the leader's half of a write. Rows of one node
/// must come in their order; how nodes interleave is the caller's choice.
///
/// # Errors
/// Those of [`chain_one`]. All or nothing: on an error `head` is as it was.
pub fn chain(
    head: &mut Head,
    waiting: impl IntoIterator<Item = NodeRow>,
) -> Result<Vec<ChainedRow>, Error> {
    let mut ahead = head.clone();
    let rows = waiting
        .into_iter()
        .map(|entry| chain_one(&mut ahead, entry))
        .collect::<Result<Vec<_>, _>>()?;
    *head = ahead;
    Ok(rows)
}

/// The hash after `previous` and a row's canonical text.
pub(crate) fn next(previous: &Hash, row: &str) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous);
    context.update(row.as_bytes());
    finish(context)
}

fn finish(context: digest::Context) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, AuditRow};

    fn entry(node: u16, n: u64) -> NodeRow {
        NodeRow {
            node,
            n,
            row: AuditRow::new(1, Actor::System, "job.run"),
        }
    }

    #[test]
    fn the_chain_is_plain_sha256_that_anyone_can_recompute() {
        let mut head = genesis(&[5; 16]);
        let start = head.hash;
        let row = chain_one(&mut head, entry(0, 1)).unwrap();
        let mut by_hand = start.to_vec();
        by_hand.extend_from_slice(row.entry.canonical().unwrap().as_bytes());
        assert_eq!(row.hash, digest::digest(&digest::SHA256, &by_hand).as_ref());
        assert_eq!((head.seq, head.hash), (1, row.hash));
        assert_ne!(start, genesis(&[6; 16]).hash);
    }

    #[test]
    fn two_nodes_make_one_chain_and_a_lost_row_of_either_stops_it() {
        let mut head = genesis(&[0; 16]);
        let rows = chain(&mut head, [entry(1, 1), entry(2, 1), entry(1, 2)]).unwrap();
        assert_eq!(
            rows.iter().map(|row| row.seq).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        let before = head.clone();
        let lost = chain(&mut head, [entry(2, 2), entry(1, 4)]);
        assert!(matches!(
            lost,
            Err(Error::NodeOrder {
                node: 1,
                last: 2,
                found: 4
            })
        ));
        assert_eq!(head, before, "nothing is half chained");
    }
}
