//! Deltas: the rows that the protocol reads and writes, over SQLite.

use super::Txn;
use crate::error::{Doing, Error, Result};
use kernel::delta::{Delta, Retract, Scope};
use kernel::ids::{Hour, Index, Slug, StreamId};
use kernel::sync::client::{Aside, Local, Why};
use kernel::sync::{Head, Row, Rows};
use kernel::wire::v1::Sum;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

const DOING: &str = "read or write your evidence";

fn signed(index: Index) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn unsigned(index: i64) -> Index {
    Index::try_from(index).unwrap_or(0)
}

fn stream_id(bytes: &[u8]) -> Result<StreamId> {
    let bytes = bytes
        .try_into()
        .map_err(|_| Error::StoreDamaged { what: "stream" })?;
    Ok(StreamId::from_bytes(bytes))
}

fn delta(body: &str) -> Result<Delta> {
    serde_json::from_str(body)
        .map(Delta::from_object)
        .map_err(|_| Error::StoreDamaged { what: "delta" })
}

fn body(delta: &Delta) -> Result<String> {
    String::from_utf8(delta.canonical()).map_err(|_| Error::StoreDamaged { what: "delta" })
}

fn kind(delta: &Delta) -> &'static str {
    use kernel::delta::Observation;
    match delta {
        Delta::Evidence(evidence) => match evidence.observed {
            Observation::Seen => "seen",
            Observation::Answer(answer) if answer.probe => "probe",
            Observation::Answer(_) => "check",
        },
        Delta::Retract(_) => "retract",
        Delta::Unknown(_) => "unknown",
    }
}

impl Txn<'_> {
    fn heads_of(&self, sql: &str) -> Result<BTreeMap<StreamId, Head>> {
        let mut statement = self.inner.prepare_cached(sql).doing(DOING)?;
        let mut rows = statement.query([]).doing(DOING)?;
        let mut heads = BTreeMap::new();
        while let Some(row) = rows.next().doing(DOING)? {
            let stream: Vec<u8> = row.get(0).doing(DOING)?;
            let (head, sum): (i64, i64) = (row.get(1).doing(DOING)?, row.get(2).doing(DOING)?);
            let head = Head {
                head: unsigned(head),
                sum: Sum(sum.cast_unsigned()),
            };
            heads.insert(stream_id(&stream)?, head);
        }
        Ok(heads)
    }

    fn rows_of(&self, sql: &str, bound: impl rusqlite::Params) -> Result<Vec<Row>> {
        let mut statement = self.inner.prepare_cached(sql).doing(DOING)?;
        let mut rows = statement.query(bound).doing(DOING)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().doing(DOING)? {
            let stream: Vec<u8> = row.get(0).doing(DOING)?;
            let text: String = row.get(2).doing(DOING)?;
            found.push(Row {
                stream: stream_id(&stream)?,
                index: unsigned(row.get(1).doing(DOING)?),
                delta: delta(&text)?,
            });
        }
        Ok(found)
    }

    /// The heads that the server told at the last contact.
    pub fn server_heads(&self) -> Result<BTreeMap<StreamId, Head>> {
        self.heads_of("SELECT stream, head, sum FROM server_head")
    }

    /// Notes one of them.
    pub fn set_server_head(&self, stream: StreamId, head: Head) -> Result<()> {
        self.inner
            .execute(
                "INSERT INTO server_head (stream, head, sum) VALUES (?1, ?2, ?3)
                 ON CONFLICT (stream) DO UPDATE SET head = excluded.head, sum = excluded.sum",
                params![
                    &stream.as_bytes()[..],
                    signed(head.head),
                    head.sum.0.cast_signed()
                ],
            )
            .doing(DOING)?;
        Ok(())
    }

    /// Forgets them all: a pull tells them anew.
    pub fn clear_server_heads(&self) -> Result<()> {
        self.inner
            .execute("DELETE FROM server_head", [])
            .doing(DOING)?;
        Ok(())
    }

    /// Whether `concept` was noted as seen on this UTC day.
    pub fn is_seen_on(&self, concept: &Slug, day: i64) -> Result<bool> {
        let from = day * kernel::ids::DAY;
        self.inner
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM delta WHERE concept = ?1 AND kind = 'seen' AND at >= ?2 AND at < ?3)",
            )
            .and_then(|mut s| {
                s.query_row(params![concept.as_str(), from, from + kernel::ids::DAY], |r| r.get(0))
            })
            .doing(DOING)
    }

    /// The hour that a delta recorded at `clock` gets in the stream that is current now.
    pub fn hour_at(&mut self, clock: i64) -> Result<Hour> {
        let at = Hour::floor(clock.saturating_add(self.offset()?));
        let Some(stream) = self.current()? else {
            return Ok(at);
        };
        Ok(self.last_hour(stream)?.map_or(at, |last| last.max(at)))
    }

    /// How many deltas of each kind are held.
    pub fn kinds(&self) -> Result<BTreeMap<String, u64>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT kind, count(*) FROM delta GROUP BY kind")
            .doing(DOING)?;
        let rows = statement
            .query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })
            .doing(DOING)?;
        rows.map(|row| row.map(|(kind, n)| (kind, unsigned(n))))
            .collect::<Result<_, _>>()
            .doing(DOING)
    }
}

impl Rows for Txn<'_> {
    type Error = Error;

    fn streams(&mut self) -> Result<BTreeMap<StreamId, Head>> {
        self.heads_of("SELECT stream, head, sum FROM head")
    }

    fn held(&mut self, stream: StreamId, index: Index) -> Result<Option<Delta>> {
        let text: Option<String> = self
            .inner
            .prepare_cached("SELECT body FROM delta WHERE stream = ?1 AND i = ?2")
            .and_then(|mut s| {
                s.query_row(params![&stream.as_bytes()[..], signed(index)], |r| r.get(0))
                    .optional()
            })
            .doing(DOING)?;
        text.as_deref().map(delta).transpose()
    }

    fn range(
        &mut self,
        stream: StreamId,
        from: Index,
        limit: usize,
    ) -> Result<Vec<(Index, Delta)>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows_of(
            "SELECT stream, i, body FROM delta WHERE stream = ?1 AND i >= ?2 ORDER BY i LIMIT ?3",
            params![&stream.as_bytes()[..], signed(from), limit],
        )?;
        Ok(rows.into_iter().map(|row| (row.index, row.delta)).collect())
    }

    fn retracts(&mut self) -> Result<Vec<Retract>> {
        let rows = self.rows_of(
            "SELECT stream, i, body FROM delta WHERE kind = 'retract'",
            [],
        )?;
        let retract = |row: Row| match row.delta {
            Delta::Retract(retract) => Some(retract),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(retract).collect())
    }

    fn covered(&mut self, retract: &Retract) -> Result<Vec<Row>> {
        let mut rows = match &retract.scope {
            Scope::All => self.rows_of(
                "SELECT stream, i, body FROM delta WHERE at <= ?1 AND kind <> 'retract'",
                [retract.at.unix()],
            ),
            Scope::Concept(slug) => self.rows_of(
                "SELECT stream, i, body FROM delta WHERE concept = ?2 AND at <= ?1",
                params![retract.at.unix(), slug.as_str()],
            ),
        }?;
        rows.retain(|row| row.delta.is_covered_by(retract));
        Ok(rows)
    }

    fn all(&mut self) -> Result<Vec<Row>> {
        self.rows_of("SELECT stream, i, body FROM delta", [])
    }

    fn insert(&mut self, stream: StreamId, index: Index, delta: &Delta) -> Result<()> {
        let concept = delta.concept();
        let text = body(delta)?;
        self.inner
            .prepare_cached(
                "INSERT INTO delta (stream, i, concept, kind, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (stream, i) DO UPDATE SET concept = excluded.concept,
                 kind = excluded.kind, at = excluded.at, body = excluded.body",
            )
            .and_then(|mut s| {
                s.execute(params![
                    &stream.as_bytes()[..],
                    signed(index),
                    concept.as_ref().map(Slug::as_str),
                    kind(delta),
                    delta.at().map(Hour::unix),
                    text
                ])
            })
            .doing(DOING)?;
        Ok(())
    }

    fn remove(&mut self, stream: StreamId, index: Index) -> Result<()> {
        self.inner
            .prepare_cached("DELETE FROM delta WHERE stream = ?1 AND i = ?2")
            .and_then(|mut s| s.execute(params![&stream.as_bytes()[..], signed(index)]))
            .doing(DOING)?;
        Ok(())
    }

    fn set_head(&mut self, stream: StreamId, head: Head) -> Result<()> {
        let id = &stream.as_bytes()[..];
        if head.head == 0 {
            self.inner
                .execute("DELETE FROM head WHERE stream = ?1", [id])
                .doing(DOING)?;
            return Ok(());
        }
        self.inner
            .prepare_cached(
                "INSERT INTO head (stream, head, sum) VALUES (?1, ?2, ?3)
                 ON CONFLICT (stream) DO UPDATE SET head = excluded.head, sum = excluded.sum",
            )
            .and_then(|mut s| s.execute(params![id, signed(head.head), head.sum.0.cast_signed()]))
            .doing(DOING)?;
        Ok(())
    }
}

impl Local for Txn<'_> {
    fn current(&mut self) -> Result<Option<StreamId>> {
        let bytes: Option<Vec<u8>> = self.fact("stream")?;
        bytes.as_deref().map(stream_id).transpose()
    }

    fn set_current(&mut self, stream: Option<StreamId>) -> Result<()> {
        match stream {
            Some(stream) => self.set_fact("stream", &stream.as_bytes()[..]),
            None => self.drop_fact("stream"),
        }
    }

    fn last_hour(&mut self, stream: StreamId) -> Result<Option<Hour>> {
        let at: Option<i64> = self
            .inner
            .prepare_cached("SELECT max(at) FROM delta WHERE stream = ?1")
            .and_then(|mut s| s.query_row([&stream.as_bytes()[..]], |r| r.get(0)))
            .doing(DOING)?;
        Ok(at.map(Hour::floor))
    }

    fn offset(&mut self) -> Result<i64> {
        Ok(self.fact("clock_offset_s")?.unwrap_or(0))
    }

    fn set_offset(&mut self, offset: i64) -> Result<()> {
        self.set_fact("clock_offset_s", offset)
    }

    fn aside(&mut self) -> Result<Vec<Aside>> {
        let mut statement = self
            .inner
            .prepare_cached("SELECT stream, i, body, catalogue, code FROM aside ORDER BY stream, i")
            .doing(DOING)?;
        let mut rows = statement.query([]).doing(DOING)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().doing(DOING)? {
            let stream: Vec<u8> = row.get(0).doing(DOING)?;
            let text: String = row.get(2).doing(DOING)?;
            let catalogue: Option<u32> = row.get(3).doing(DOING)?;
            let code: Option<String> = row.get(4).doing(DOING)?;
            let code = code.and_then(|code| serde_json::from_value(code.into()).ok());
            found.push(Aside {
                stream: stream_id(&stream)?,
                index: unsigned(row.get(1).doing(DOING)?),
                delta: delta(&text)?,
                why: catalogue.map_or(Why::Rejected(code), |catalogue| Why::Deferred { catalogue }),
            });
        }
        Ok(found)
    }

    fn set_aside(&mut self, aside: &Aside) -> Result<()> {
        let (catalogue, code) = match aside.why {
            Why::Deferred { catalogue } => (Some(catalogue), None),
            Why::Rejected(code) => (None, code),
        };
        let code = code
            .and_then(|code| serde_json::to_value(code).ok())
            .and_then(|value| value.as_str().map(str::to_owned));
        let stream = &aside.stream.as_bytes()[..];
        self.inner
            .execute(
                "INSERT INTO aside (stream, i, body, catalogue, code) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (stream, i) DO UPDATE SET body = excluded.body,
                 catalogue = excluded.catalogue, code = excluded.code",
                params![
                    stream,
                    signed(aside.index),
                    body(&aside.delta)?,
                    catalogue,
                    code
                ],
            )
            .doing(DOING)?;
        Ok(())
    }

    fn take_back(&mut self, aside: &Aside) -> Result<()> {
        self.inner
            .execute(
                "DELETE FROM aside WHERE stream = ?1 AND i = ?2",
                params![&aside.stream.as_bytes()[..], signed(aside.index)],
            )
            .doing(DOING)?;
        Ok(())
    }
}
