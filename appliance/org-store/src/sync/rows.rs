//! One subject's deltas and streams, as the protocol's rules see them.
//!
//! The rules are `kernel::sync`; what is here only reads and writes rows. A place that holds no
//! delta has no row.

use crate::engine::{self, Connection, Queries, Statement, Value};
use crate::error::{Doing, Error, Result};
use crate::words::{read_word, word};
use crate::{params, sql};
use kernel::delta::{Delta, Fields, Place, Retract, Scope};
use kernel::ids::{Hour, Index, StreamId, SubjectId};
use kernel::sync::{Head, Row, Rows};
use kernel::wire::v1::Sum;
use std::collections::BTreeMap;

/// One subject's rows, in a transaction.
pub(crate) struct SubjectRows<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) subject: SubjectId,
    /// Something was written.
    pub(crate) changed: bool,
    /// A delta that stood here is gone.
    pub(crate) removed: bool,
}

impl<'a> SubjectRows<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, subject: SubjectId) -> Self {
        Self {
            connection,
            subject,
            changed: false,
            removed: false,
        }
    }

    fn find(&mut self, statement: &'static Statement, params: &[Value]) -> Result<Vec<Row>> {
        rows(self.connection, statement, params)
    }

    fn run(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
        doing: &'static str,
    ) -> Result<u64> {
        self.changed = true;
        self.connection.execute(statement, params).doing(doing)
    }
}

/// Deltas that a statement finds; its columns are stream, i and what a delta has.
pub(crate) fn rows<Q: Queries + ?Sized>(
    txn: &mut Q,
    statement: &'static Statement,
    params: &[Value],
) -> Result<Vec<Row>> {
    let found = txn.query(statement, params).doing("find deltas")?;
    found.into_iter().map(read).collect()
}

fn read(mut row: engine::Row) -> Result<Row> {
    const DOING: &str = "read a delta";
    const WHAT: &str = "delta";
    fn read_some<T: serde::de::DeserializeOwned>(word: Option<String>) -> Result<Option<T>> {
        word.map(|word| read_word(word, WHAT)).transpose()
    }
    let (stream, index) = (row.next().doing(DOING)?, row.next().doing(DOING)?);
    let fields = Fields {
        c: Some(row.next().doing(DOING)?),
        k: read_word(row.next().doing(DOING)?, WHAT)?,
        o: read_some(row.next().doing(DOING)?)?,
        m: read_some(row.next().doing(DOING)?)?,
        f: read_some(row.next().doing(DOING)?)?,
        t: read_some(row.next().doing(DOING)?)?,
        at: Some(row.next::<Hour>().doing(DOING)?.unix()),
    };
    match fields.place() {
        Ok(Place::Held(delta)) => Ok(Row {
            stream,
            index,
            delta,
        }),
        _ => Err(Error::Malformed { what: WHAT }),
    }
}

impl Rows for SubjectRows<'_> {
    type Error = Error;

    fn streams(&mut self) -> Result<BTreeMap<StreamId, Head>> {
        const DOING: &str = "find streams";
        let found = self
            .connection
            .query(sql!("streams"), params![self.subject])
            .doing(DOING)?;
        let read = |mut row: engine::Row| {
            let stream = row.next().doing(DOING)?;
            let head = row.next().doing(DOING)?;
            Ok((
                stream,
                Head {
                    head,
                    sum: Sum(row.next().doing(DOING)?),
                },
            ))
        };
        found.into_iter().map(read).collect()
    }

    fn held(&mut self, stream: StreamId, index: Index) -> Result<Option<Delta>> {
        let found = self.find(sql!("held"), params![self.subject, stream, index])?;
        Ok(found.into_iter().next().map(|row| row.delta))
    }

    fn range(
        &mut self,
        stream: StreamId,
        from: Index,
        limit: usize,
    ) -> Result<Vec<(Index, Delta)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = self.find(sql!("range"), params![self.subject, stream, from, limit])?;
        Ok(found
            .into_iter()
            .map(|row| (row.index, row.delta))
            .collect())
    }

    fn retracts(&mut self) -> Result<Vec<Retract>> {
        let found = self.find(sql!("retracts"), params![self.subject])?;
        let retract = |row: Row| match row.delta {
            Delta::Retract(retract) => Some(retract),
            _ => None,
        };
        Ok(found.into_iter().filter_map(retract).collect())
    }

    fn covered(&mut self, retract: &Retract) -> Result<Vec<Row>> {
        match &retract.scope {
            Scope::All => self.find(sql!("covered_all"), params![self.subject, retract.at]),
            Scope::Concept(concept) => self.find(
                sql!("covered_one"),
                params![self.subject, retract.at, concept],
            ),
        }
    }

    fn all(&mut self) -> Result<Vec<Row>> {
        self.find(sql!("all"), params![self.subject])
    }

    fn insert(&mut self, stream: StreamId, index: Index, delta: &Delta) -> Result<()> {
        const WHAT: &str = "delta";
        let fields = Fields::of_place(&Place::Held(delta.clone()));
        // A kind that this build does not know has no fields; a push never holds one.
        let (Some(c), Some(at)) = (fields.c, fields.at) else {
            return Err(Error::Malformed { what: WHAT });
        };
        let o = fields.o.map(|o| word(&o, WHAT)).transpose()?;
        let m = fields.m.map(|m| word(&m, WHAT)).transpose()?;
        let f = fields.f.map(|f| word(&f, WHAT)).transpose()?;
        let t = fields.t.map(|t| word(&t, WHAT)).transpose()?;
        let k = word(&fields.k, WHAT)?;
        let values = params![self.subject, stream, index, c, k, o, m, f, t, at];
        self.run(sql!("insert"), values, "store a delta").map(drop)
    }

    fn remove(&mut self, stream: StreamId, index: Index) -> Result<()> {
        let values = params![self.subject, stream, index];
        let gone = self.run(sql!("remove"), values, "remove a delta")?;
        self.removed |= gone > 0;
        Ok(())
    }

    fn set_head(&mut self, stream: StreamId, head: Head) -> Result<()> {
        if head.head == 0 {
            let values = params![self.subject, stream];
            return self
                .run(sql!("remove_stream"), values, "remove a stream")
                .map(drop);
        }
        let values = params![self.subject, stream, head.head, head.sum.0];
        self.run(sql!("set_head"), values, "note a stream's head")
            .map(drop)
    }
}
