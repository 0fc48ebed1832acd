//! The server's side: pushes and pulls of one subject.

use super::{Book, Rows};
use crate::delta::{Place, Reject};
use crate::ids::{HOUR, Index, MAX_INDEX, Slug, StoreId};
use crate::wire::v1::{
    self, MAX_DELTAS, MAX_PULL, Pull, PullReply, PulledDelta, Push, PushReply, PushResult, Refusal,
    StreamStatus, Verdict,
};
use std::collections::BTreeMap;

/// What the server is and knows at the time of a request.
pub struct Contact<'a> {
    /// Its store.
    pub store: StoreId,
    /// Rises at each restore.
    pub generation: u64,
    /// Its time, in seconds.
    pub now: i64,
    /// Its catalogue's version.
    pub catalogue: u32,
    /// When clients are to come again, in seconds.
    pub poll_s: u32,
    /// Whether a concept is in the catalogue, or the organisation's own.
    pub knows: &'a dyn Fn(&Slug) -> bool,
}

/// Why a push is not even judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPush {
    /// Another version of the protocol.
    #[error("this server speaks wire version {}, not {found}", v1::VERSION)]
    Version {
        /// What the request says.
        found: u16,
    },
    /// None, or more than fit.
    #[error("`deltas` holds 1 to {MAX_DELTAS} deltas, not {found}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// A hole, or an index out of range.
    #[error("`i` of delta number {number} is {found}, expected {expected}")]
    Index {
        /// Which delta, from 1.
        number: usize,
        /// What stands there.
        found: Index,
        /// What belongs there.
        expected: Index,
    },
    /// Indexes start at 1 and JSON carries them exactly.
    #[error("`base` is from 1 to {MAX_INDEX}")]
    Base,
    /// A derived stream has one place.
    #[error("`stream` is a derived one: it has a single delta, at index 1")]
    Derived,
}

/// Checks what can be said of a push without knowing the subject.
///
/// # Errors
/// The first [`BadPush`] found.
pub fn check(push: &Push) -> Result<(), BadPush> {
    if push.v != v1::VERSION {
        return Err(BadPush::Version { found: push.v });
    }
    let found = push.deltas.len();
    if !(1..=MAX_DELTAS).contains(&found) {
        return Err(BadPush::Count { found });
    }
    if push.base == 0 || push.base > MAX_INDEX - MAX_DELTAS as Index {
        return Err(BadPush::Base);
    }
    if push.stream.is_derived() && (push.base, found) != (1, 1) {
        return Err(BadPush::Derived);
    }
    for (number, (delta, expected)) in push.deltas.iter().zip(push.base..).enumerate() {
        if delta.i != expected {
            return Err(BadPush::Index {
                number: number + 1,
                found: delta.i,
                expected,
            });
        }
    }
    Ok(())
}

/// A push of which nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Fork, gap or clock.
    pub why: Refusal,
    /// The stream's head.
    pub head: Index,
    /// The server's time.
    pub now: i64,
}

/// Takes a push that [`check`] let pass. Twice is harmless.
///
/// # Errors
/// The store's own. What the client has to mend is a [`Refused`] inside, with nothing written.
pub fn push<R: Rows>(
    rows: &mut R,
    contact: &Contact<'_>,
    push: &Push,
) -> Result<Result<PushReply, Refused>, R::Error> {
    let mut book = Book::open(rows)?;
    let stream = push.stream;
    let head = book.head(stream).head;
    let refused = |why| {
        Ok(Err(Refused {
            why,
            head,
            now: contact.now,
        }))
    };
    if push.base > head + 1 {
        return refused(Refusal::Gap);
    }
    let places: Vec<_> = push
        .deltas
        .iter()
        .map(|delta| (delta.i, delta.fields().place()))
        .collect();
    let in_future = |place: &Place| match place {
        Place::Held(delta) => delta.at().is_some_and(|at| at.unix() > contact.now + HOUR),
        Place::Gone => false,
    };
    if places
        .iter()
        .any(|(_, place)| place.as_ref().is_ok_and(in_future))
    {
        return refused(Refusal::Clock);
    }

    let mut judged = Vec::with_capacity(places.len());
    for (index, place) in places {
        let standing = book.place(stream, index)?;
        let verdict = judge(&book, contact, push, index, &place, standing.as_ref());
        let Some((verdict, code)) = verdict else {
            return refused(Refusal::Fork);
        };
        judged.push((index, place, standing.is_none(), verdict, code));
    }

    let mut results = Vec::with_capacity(judged.len());
    for (i, place, is_new, mut r, code) in judged {
        match (r, place) {
            (Verdict::Ok, Ok(place)) if is_new => {
                book.put(stream, i, &place)?;
                if place != Place::Gone && book.place(stream, i)? == Some(Place::Gone) {
                    r = Verdict::Forgotten;
                }
            }
            // A derived stream has no neighbours to leave a hole for, and may be given again.
            (Verdict::Defer | Verdict::Reject, _) if stream.is_derived() => {}
            _ if is_new => book.empty(stream, i)?,
            _ => {}
        }
        results.push(PushResult { i, r, code });
    }
    book.settle()?;
    let head = rows.streams()?.get(&stream).copied().unwrap_or_default();
    Ok(Ok(PushReply {
        store: contact.store,
        generation: contact.generation,
        catalogue: contact.catalogue,
        head: head.head,
        sum: head.sum,
        results,
        now: contact.now,
        poll_s: contact.poll_s,
    }))
}

/// What becomes of one delta; `None` if it is a fork.
fn judge<R: Rows>(
    book: &Book<'_, R>,
    contact: &Contact<'_>,
    push: &Push,
    index: Index,
    place: &Result<Place, Reject>,
    standing: Option<&Place>,
) -> Option<(Verdict, Option<Reject>)> {
    let plain = |verdict| Some((verdict, None));
    let delta = match place {
        Err(code) => return Some((Verdict::Reject, Some(*code))),
        Ok(Place::Gone) => {
            return plain(if standing.is_some() {
                Verdict::Dup
            } else {
                Verdict::Ok
            });
        }
        Ok(Place::Held(delta)) => delta,
    };
    if let Some(Place::Held(other)) = standing
        && other == delta
    {
        return plain(Verdict::Dup);
    }
    if book.is_forgotten(delta) || book.was_moved(push.stream, index, delta) {
        return plain(Verdict::Forgotten);
    }
    if let Some(concept) = delta.concept().or_else(|| named(delta))
        && !(contact.knows)(&concept)
    {
        return if push.catalogue > contact.catalogue {
            plain(Verdict::Defer)
        } else {
            Some((Verdict::Reject, Some(Reject::Slug)))
        };
    }
    match standing {
        None => plain(Verdict::Ok),
        // The one moved delta is here already, at the hour that somebody else mended it to, or forgotten.
        Some(_) if push.stream.is_derived() => plain(Verdict::Forgotten),
        Some(_) => None,
    }
}

/// The one concept that a retract names.
fn named(delta: &crate::delta::Delta) -> Option<Slug> {
    use crate::delta::{Delta, Retract, Scope};
    match delta {
        Delta::Retract(Retract {
            scope: Scope::Concept(slug),
            ..
        }) => Some(slug.clone()),
        _ => None,
    }
}

/// Gives the caller what it lacks, up to its limit.
///
/// # Errors
/// The store's own.
pub fn pull<R: Rows>(
    rows: &mut R,
    contact: &Contact<'_>,
    pull: &Pull,
) -> Result<PullReply, R::Error> {
    let mut room = pull.limit.clamp(1, MAX_PULL) as usize;
    let (mut streams, mut deltas, mut more) = (BTreeMap::new(), Vec::new(), false);
    for (stream, head) in rows.streams()? {
        let have = pull.have.get(&stream).copied().unwrap_or(0).min(head.head);
        let mut through = head.head;
        if have < head.head {
            let found = rows.range(stream, have + 1, room + 1)?;
            let is_cut = found.len() > room;
            for (i, delta) in found.into_iter().take(room) {
                through = i;
                deltas.push(PulledDelta {
                    stream,
                    i,
                    delta: delta.to_object(),
                });
                room -= 1;
            }
            if is_cut {
                more = true;
                through = if deltas.last().is_some_and(|d| d.stream == stream) {
                    through
                } else {
                    have
                };
            } else {
                through = head.head;
            }
        }
        streams.insert(
            stream,
            StreamStatus {
                head: head.head,
                sum: head.sum,
                through,
            },
        );
    }
    Ok(PullReply {
        store: contact.store,
        generation: contact.generation,
        now: contact.now,
        catalogue: contact.catalogue,
        poll_s: contact.poll_s,
        streams,
        deltas,
        more,
    })
}
