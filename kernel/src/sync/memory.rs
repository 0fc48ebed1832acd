//! Rows in memory: the store of the protocol's model, and of whoever needs a replica for a moment.

use super::client::{Aside, Local};
use super::{Head, Row, Rows};
use crate::delta::{Delta, Retract};
use crate::ids::{Hour, Index, StreamId};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// One subject's rows, and what a laptop notes beside them.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Present deltas.
    pub deltas: BTreeMap<(StreamId, Index), Delta>,
    /// Heads and sums.
    pub heads: BTreeMap<StreamId, Head>,
    /// Deltas that the server did not take.
    pub aside: Vec<Aside>,
    /// The stream that the next own delta goes to.
    pub current: Option<StreamId>,
    /// Server's time less the laptop's, in seconds.
    pub offset: i64,
}

impl Rows for Memory {
    type Error = Infallible;

    fn streams(&mut self) -> Result<BTreeMap<StreamId, Head>, Infallible> {
        Ok(self.heads.clone())
    }

    fn held(&mut self, stream: StreamId, index: Index) -> Result<Option<Delta>, Infallible> {
        Ok(self.deltas.get(&(stream, index)).cloned())
    }

    fn range(
        &mut self,
        stream: StreamId,
        from: Index,
        limit: usize,
    ) -> Result<Vec<(Index, Delta)>, Infallible> {
        let found = self
            .deltas
            .range((stream, from)..=(stream, Index::MAX))
            .take(limit);
        Ok(found
            .map(|((_, index), delta)| (*index, delta.clone()))
            .collect())
    }

    fn retracts(&mut self) -> Result<Vec<Retract>, Infallible> {
        let retract = |delta: &Delta| match delta {
            Delta::Retract(retract) => Some(retract.clone()),
            _ => None,
        };
        Ok(self.deltas.values().filter_map(retract).collect())
    }

    fn covered(&mut self, retract: &Retract) -> Result<Vec<Row>, Infallible> {
        let mut rows = self.all()?;
        rows.retain(|row| row.delta.is_covered_by(retract));
        Ok(rows)
    }

    fn all(&mut self) -> Result<Vec<Row>, Infallible> {
        let row = |(&(stream, index), delta): (&(StreamId, Index), &Delta)| Row {
            stream,
            index,
            delta: delta.clone(),
        };
        Ok(self.deltas.iter().map(row).collect())
    }

    fn insert(&mut self, stream: StreamId, index: Index, delta: &Delta) -> Result<(), Infallible> {
        self.deltas.insert((stream, index), delta.clone());
        Ok(())
    }

    fn remove(&mut self, stream: StreamId, index: Index) -> Result<(), Infallible> {
        self.deltas.remove(&(stream, index));
        Ok(())
    }

    fn set_head(&mut self, stream: StreamId, head: Head) -> Result<(), Infallible> {
        if head.head == 0 {
            self.heads.remove(&stream);
        } else {
            self.heads.insert(stream, head);
        }
        Ok(())
    }
}

impl Local for Memory {
    fn current(&mut self) -> Result<Option<StreamId>, Infallible> {
        Ok(self.current)
    }

    fn set_current(&mut self, stream: Option<StreamId>) -> Result<(), Infallible> {
        self.current = stream;
        Ok(())
    }

    fn last_hour(&mut self, stream: StreamId) -> Result<Option<Hour>, Infallible> {
        let rows = self.deltas.range((stream, 0)..=(stream, Index::MAX));
        Ok(rows.filter_map(|(_, delta)| delta.at()).max())
    }

    fn offset(&mut self) -> Result<i64, Infallible> {
        Ok(self.offset)
    }

    fn set_offset(&mut self, offset: i64) -> Result<(), Infallible> {
        self.offset = offset;
        Ok(())
    }

    fn aside(&mut self) -> Result<Vec<Aside>, Infallible> {
        Ok(self.aside.clone())
    }

    fn set_aside(&mut self, aside: &Aside) -> Result<(), Infallible> {
        if !self.aside.contains(aside) {
            self.aside.push(aside.clone());
        }
        Ok(())
    }

    fn take_back(&mut self, aside: &Aside) -> Result<(), Infallible> {
        self.aside.retain(|other| other != aside);
        Ok(())
    }
}
