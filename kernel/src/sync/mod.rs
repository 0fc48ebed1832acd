//! The sync protocol, for both ends, over any store of rows.
//!
//! A replica is a set of rows at places `(stream, index)`; syncing gives each side what it lacks.
//! The server's part is [`server`], the laptop's is [`client`]; both write through [`Book`], which
//! keeps three promises whatever order rows arrive in:
//!
//! - what a retract covers is gone, in every stream, and stays gone;
//! - a delta that was moved to its derived stream is gone from its old place;
//! - heads and sums are those of the rows.
//!
//! Each is a function of the *set* of rows, so replicas with equal rows are equal in everything.
//! `tests/protocol.rs` runs laptops and a server of these very functions through crashes, clones,
//! restores, broken clocks and deletions.

pub mod client;
pub mod memory;
pub mod server;

use crate::delta::{Delta, Place, Retract};
use crate::ids::{Index, StreamId};
use crate::wire::v1::Sum;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// How far a stream goes, and the sum over its present deltas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// Highest index; 0 for an empty stream.
    pub head: Index,
    /// Σ of [`hash`] over the present deltas, modulo 2⁶⁴.
    pub sum: Sum,
}

/// One delta and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its stream.
    pub stream: StreamId,
    /// Its index there.
    pub index: Index,
    /// The delta.
    pub delta: Delta,
}

/// Storage of one subject's rows; each end implements it over its own database.
///
/// A place up to its stream's head that holds no delta is *gone*; nothing needs to be stored for
/// it. All calls of one protocol step belong in one transaction.
pub trait Rows {
    /// What the store fails with.
    type Error;

    /// Every stream that has a place.
    ///
    /// # Errors
    /// The store's own.
    fn streams(&mut self) -> Result<BTreeMap<StreamId, Head>, Self::Error>;

    /// The delta at a place, if it holds one.
    ///
    /// # Errors
    /// The store's own.
    fn held(&mut self, stream: StreamId, index: Index) -> Result<Option<Delta>, Self::Error>;

    /// Up to `limit` present deltas of a stream with `index >= from`, in order.
    ///
    /// # Errors
    /// The store's own.
    fn range(
        &mut self,
        stream: StreamId,
        from: Index,
        limit: usize,
    ) -> Result<Vec<(Index, Delta)>, Self::Error>;

    /// Every present retract.
    ///
    /// # Errors
    /// The store's own.
    fn retracts(&mut self) -> Result<Vec<Retract>, Self::Error>;

    /// Every present delta that `retract` covers ([`Delta::is_covered_by`]).
    ///
    /// # Errors
    /// The store's own.
    fn covered(&mut self, retract: &Retract) -> Result<Vec<Row>, Self::Error>;

    /// Every present delta, in any order. Called only when a moved delta arrives.
    ///
    /// # Errors
    /// The store's own.
    fn all(&mut self) -> Result<Vec<Row>, Self::Error>;

    /// Puts a delta at a place, over what is there.
    ///
    /// # Errors
    /// The store's own.
    fn insert(&mut self, stream: StreamId, index: Index, delta: &Delta) -> Result<(), Self::Error>;

    /// Physically removes the delta at a place.
    ///
    /// # Errors
    /// The store's own.
    fn remove(&mut self, stream: StreamId, index: Index) -> Result<(), Self::Error>;

    /// Notes a stream's head and sum; a head of 0 removes the stream.
    ///
    /// # Errors
    /// The store's own.
    fn set_head(&mut self, stream: StreamId, head: Head) -> Result<(), Self::Error>;
}

/// First 8 bytes, big-endian, of SHA-256(stream ‖ index ‖ canonical delta): a row's part of the sum.
#[must_use]
pub fn hash(stream: StreamId, index: Index, delta: &Delta) -> u64 {
    let digest = Sha256::new()
        .chain_update(stream.as_bytes())
        .chain_update(index.to_be_bytes())
        .chain_update(delta.canonical())
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first)
}

/// Where a delta at this place moves to when the place is not its own.
#[must_use]
pub fn moved(stream: StreamId, index: Index, delta: &Delta) -> StreamId {
    StreamId::derived(stream, index, &delta.canonical())
}

/// A store of rows, together with the rules of every write.
///
/// Call [`Book::settle`] last.
pub struct Book<'a, R: Rows> {
    rows: &'a mut R,
    streams: BTreeMap<StreamId, Head>,
    retracts: Vec<Retract>,
    arrived: BTreeSet<StreamId>,
}

impl<'a, R: Rows> Book<'a, R> {
    /// Reads what the rules need.
    ///
    /// # Errors
    /// The store's own.
    pub fn open(rows: &'a mut R) -> Result<Self, R::Error> {
        let (streams, retracts) = (rows.streams()?, rows.retracts()?);
        Ok(Self {
            rows,
            streams,
            retracts,
            arrived: BTreeSet::new(),
        })
    }

    /// The store itself.
    pub fn rows(&mut self) -> &mut R {
        self.rows
    }

    /// Every stream that has a place.
    #[must_use]
    pub const fn streams(&self) -> &BTreeMap<StreamId, Head> {
        &self.streams
    }

    /// Head and sum of a stream.
    #[must_use]
    pub fn head(&self, stream: StreamId) -> Head {
        self.streams.get(&stream).copied().unwrap_or_default()
    }

    /// What stands at a place; nothing beyond the head.
    ///
    /// # Errors
    /// The store's own.
    pub fn place(&mut self, stream: StreamId, index: Index) -> Result<Option<Place>, R::Error> {
        if index > self.head(stream).head {
            return Ok(None);
        }
        Ok(Some(
            self.rows
                .held(stream, index)?
                .map_or(Place::Gone, Place::Held),
        ))
    }

    /// Whether a retract that is here covers the delta.
    #[must_use]
    pub fn is_forgotten(&self, delta: &Delta) -> bool {
        self.retracts
            .iter()
            .any(|retract| delta.is_covered_by(retract))
    }

    /// Whether the delta, at this place, was moved to its derived stream by somebody.
    #[must_use]
    pub fn was_moved(&self, stream: StreamId, index: Index, delta: &Delta) -> bool {
        // Derived ids sort last: where there are none, nothing needs to be hashed.
        let any = self
            .streams
            .last_key_value()
            .is_some_and(|(last, _)| last.is_derived());
        any && !stream.is_derived() && self.streams.contains_key(&moved(stream, index, delta))
    }

    /// The sum over the present deltas up to `through`.
    ///
    /// # Errors
    /// The store's own.
    pub fn sum_through(&mut self, stream: StreamId, through: Index) -> Result<Sum, R::Error> {
        let Head { head, sum } = self.head(stream);
        let mut sum = sum.0;
        if head > through {
            for (index, delta) in self.rows.range(stream, through + 1, usize::MAX)? {
                sum = sum.wrapping_sub(hash(stream, index, &delta));
            }
        }
        Ok(Sum(sum))
    }

    /// Writes a place, unless a rule says that it is gone; `index` is at most head + 1.
    ///
    /// # Errors
    /// The store's own.
    pub fn put(&mut self, stream: StreamId, index: Index, place: &Place) -> Result<(), R::Error> {
        let Place::Held(delta) = place else {
            return self.empty(stream, index);
        };
        if self.is_forgotten(delta) || self.was_moved(stream, index, delta) {
            return self.empty(stream, index);
        }
        self.write(stream, index, Some(delta))?;
        if stream.is_derived() {
            self.arrived.insert(stream);
        }
        if let Delta::Retract(retract) = delta {
            self.retracts.push(retract.clone());
            for row in self.rows.covered(retract)? {
                self.empty(row.stream, row.index)?;
            }
        }
        Ok(())
    }

    /// Makes a place gone.
    ///
    /// # Errors
    /// The store's own.
    pub fn empty(&mut self, stream: StreamId, index: Index) -> Result<(), R::Error> {
        self.write(stream, index, None)?;
        if stream.is_derived() {
            self.arrived.insert(stream);
        }
        Ok(())
    }

    /// Takes a stream out as if it had never been; for a derived one that the server did not take.
    ///
    /// # Errors
    /// The store's own.
    pub fn withdraw(&mut self, stream: StreamId) -> Result<(), R::Error> {
        for (index, _) in self.rows.range(stream, 1, usize::MAX)? {
            self.rows.remove(stream, index)?;
        }
        self.streams.remove(&stream);
        self.arrived.remove(&stream);
        self.rows.set_head(stream, Head::default())
    }

    /// Empties the old places of what arrived in derived streams.
    ///
    /// # Errors
    /// The store's own.
    pub fn settle(mut self) -> Result<(), R::Error> {
        let arrived = std::mem::take(&mut self.arrived);
        if arrived.is_empty() {
            return Ok(());
        }
        for row in self.rows.all()? {
            if !row.stream.is_derived()
                && arrived.contains(&moved(row.stream, row.index, &row.delta))
            {
                self.write(row.stream, row.index, None)?;
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        stream: StreamId,
        index: Index,
        delta: Option<&Delta>,
    ) -> Result<(), R::Error> {
        let Head {
            head,
            sum: Sum(mut sum),
        } = self.head(stream);
        debug_assert!((1..=head + 1).contains(&index), "streams have no holes");
        if index <= head
            && let Some(old) = self.rows.held(stream, index)?
        {
            if delta == Some(&old) {
                return Ok(());
            }
            sum = sum.wrapping_sub(hash(stream, index, &old));
            if let Delta::Retract(retract) = &old {
                // A retract that leaves its place stands elsewhere, or is not the subject's any more.
                if let Some(at) = self.retracts.iter().position(|known| known == retract) {
                    self.retracts.swap_remove(at);
                }
            }
            self.rows.remove(stream, index)?;
        }
        if let Some(delta) = delta {
            sum = sum.wrapping_add(hash(stream, index, delta));
            self.rows.insert(stream, index, delta)?;
        }
        let head = Head {
            head: head.max(index),
            sum: Sum(sum),
        };
        self.streams.insert(stream, head);
        self.rows.set_head(stream, head)
    }
}
