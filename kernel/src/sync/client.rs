//! The laptop's side: recording, and a session that pulls, mends, pushes and compares.
//!
//! A [`Session`] says which request comes next and takes the reply; whoever drives it sends the
//! request and gives each call its own transaction. A session that is lost at any point loses
//! nothing: what it has to do is read off the rows, and a new one begins where it stood.

use super::{Book, Head, Rows, moved};
use crate::delta::{Delta, Evidence, Observation, Place, Reject, Retract, Scope, State};
use crate::ids::{Hour, Index, Slug, StreamId};
use crate::wire::v1::{self, MAX_PULL, Pull, PullReply, Push, PushReply, Refusal, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Deltas in one push: below the protocol's most, so that a body stays well within its size.
const PUSH_DELTAS: usize = 200;
/// Rounds of pull, push and compare after which a session gives up until next time.
const MAX_ROUNDS: u32 = 12;

/// A delta that the server did not take. Its place is gone on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// Where it stood.
    pub stream: StreamId,
    /// Where it stood.
    pub index: Index,
    /// The delta.
    pub delta: Delta,
    /// Why.
    pub why: Why,
}

/// Why a delta was set aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The server's catalogue was older than this one, the client's: it is given again later, and
    /// folded locally until then.
    Deferred {
        /// The catalogue that knows the slug.
        catalogue: u32,
    },
    /// Permanent; out of the fold.
    Rejected(Option<Reject>),
}

/// What a laptop notes beside its rows.
pub trait Local: Rows {
    /// The stream that the next own delta goes to; none if a new one is to be opened.
    ///
    /// # Errors
    /// The store's own.
    fn current(&mut self) -> Result<Option<StreamId>, Self::Error>;

    /// Sets it.
    ///
    /// # Errors
    /// The store's own.
    fn set_current(&mut self, stream: Option<StreamId>) -> Result<(), Self::Error>;

    /// Latest hour of a present delta in the stream.
    ///
    /// # Errors
    /// The store's own.
    fn last_hour(&mut self, stream: StreamId) -> Result<Option<Hour>, Self::Error>;

    /// Server's time less the laptop's at the last contact, in seconds; 0 before the first.
    ///
    /// # Errors
    /// The store's own.
    fn offset(&mut self) -> Result<i64, Self::Error>;

    /// Sets it.
    ///
    /// # Errors
    /// The store's own.
    fn set_offset(&mut self, offset: i64) -> Result<(), Self::Error>;

    /// What was set aside.
    ///
    /// # Errors
    /// The store's own.
    fn aside(&mut self) -> Result<Vec<Aside>, Self::Error>;

    /// Sets a delta aside; twice is once.
    ///
    /// # Errors
    /// The store's own.
    fn set_aside(&mut self, aside: &Aside) -> Result<(), Self::Error>;

    /// Removes what was set aside.
    ///
    /// # Errors
    /// The store's own.
    fn take_back(&mut self, aside: &Aside) -> Result<(), Self::Error>;
}

/// Records an observation: its hour is the laptop's clock plus the learnt offset, floored, and
/// never before its predecessor in the stream.
///
/// `clock` is the laptop's time in seconds; `fresh` draws a new stream's id.
///
/// # Errors
/// The store's own.
pub fn record<L: Local>(
    rows: &mut L,
    clock: i64,
    fresh: impl FnOnce() -> StreamId,
    (concept, observed): (Slug, Observation),
    (from, to): (State, State),
) -> Result<(), L::Error> {
    append(rows, clock, fresh, |at| {
        Delta::Evidence(Evidence {
            concept,
            observed,
            from,
            to,
            at,
        })
    })
}

/// Forgets what was done with a concept, or with all, up to and with this hour.
///
/// # Errors
/// The store's own.
pub fn retract<L: Local>(
    rows: &mut L,
    clock: i64,
    fresh: impl FnOnce() -> StreamId,
    scope: Scope,
) -> Result<(), L::Error> {
    for aside in rows.aside()? {
        if aside
            .delta
            .concept()
            .is_some_and(|concept| scope.names(&concept))
        {
            rows.take_back(&aside)?;
        }
    }
    append(rows, clock, fresh, |at| {
        Delta::Retract(Retract { scope, at })
    })
}

fn append<L: Local>(
    rows: &mut L,
    clock: i64,
    fresh: impl FnOnce() -> StreamId,
    delta: impl FnOnce(Hour) -> Delta,
) -> Result<(), L::Error> {
    let at = Hour::floor(clock + rows.offset()?);
    let stream = match rows.current()? {
        Some(stream) => stream,
        None => {
            let stream = fresh();
            rows.set_current(Some(stream))?;
            stream
        }
    };
    let at = rows.last_hour(stream)?.map_or(at, |last| last.max(at));
    let mut book = Book::open(rows)?;
    let index = book.head(stream).head + 1;
    book.put(stream, index, &Place::Held(delta(at)))?;
    book.settle()
}

/// What a session wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this, and give the reply to [`Session::pulled`].
    Pull(Pull),
    /// Send this, and give the reply to [`Session::pushed`], or a 409 to [`Session::refused`].
    Push(Push),
    /// Both sides hold the same.
    Done,
    /// They do not, after many rounds: say so, and come again at the next sync.
    GaveUp,
}

/// One sync, from the first pull until both sides hold the same.
#[derive(Debug)]
pub struct Session {
    catalogue: u32,
    rounds: u32,
    phase: Phase,
    /// How far each stream was read, where that is less than what is held here.
    reading: BTreeMap<StreamId, Index>,
    asked: BTreeMap<StreamId, Index>,
    server: BTreeMap<StreamId, Head>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Pull,
    Push,
    Done,
    GaveUp,
}

impl Session {
    /// A session of a client with this catalogue.
    #[must_use]
    pub const fn new(catalogue: u32) -> Self {
        Self {
            catalogue,
            rounds: 0,
            phase: Phase::Pull,
            reading: BTreeMap::new(),
            asked: BTreeMap::new(),
            server: BTreeMap::new(),
        }
    }

    /// What comes next; changes nothing.
    ///
    /// # Errors
    /// The store's own.
    pub fn next<L: Local>(&mut self, rows: &mut L) -> Result<Step, L::Error> {
        match self.phase {
            Phase::Done => Ok(Step::Done),
            Phase::GaveUp => Ok(Step::GaveUp),
            Phase::Pull => {
                let mut have: BTreeMap<_, _> = rows
                    .streams()?
                    .into_iter()
                    .map(|(stream, head)| (stream, head.head))
                    .collect();
                for (stream, through) in &self.reading {
                    have.entry(*stream)
                        .and_modify(|held| *held = (*held).min(*through));
                }
                self.asked.clone_from(&have);
                Ok(Step::Pull(Pull {
                    have,
                    limit: MAX_PULL,
                }))
            }
            Phase::Push => match next_push(rows, &self.server, self.catalogue)? {
                Some(push) => Ok(Step::Push(push)),
                None => {
                    self.again();
                    self.next(rows)
                }
            },
        }
    }

    /// Takes a reply to a pull; `clock` is the laptop's time at the reply, in seconds.
    ///
    /// # Errors
    /// The store's own.
    pub fn pulled<L: Local>(
        &mut self,
        rows: &mut L,
        clock: i64,
        reply: PullReply,
    ) -> Result<(), L::Error> {
        rows.set_offset(reply.now - clock)?;
        let mut theirs: BTreeMap<(StreamId, Index), Delta> = reply
            .deltas
            .into_iter()
            .map(|pulled| ((pulled.stream, pulled.i), Delta::from_object(pulled.delta)))
            .collect();
        let current = rows.current()?;
        let mut forked = false;
        let mut book = Book::open(rows)?;
        for (&stream, status) in &reply.streams {
            let have = self.asked.get(&stream).copied().unwrap_or(0);
            for index in have + 1..=status.through {
                let theirs = theirs
                    .remove(&(stream, index))
                    .map_or(Place::Gone, Place::Held);
                forked |= take(&mut book, stream, index, &theirs)? && current == Some(stream);
            }
            if let Some(reading) = self.reading.get_mut(&stream) {
                *reading = status.through.max(have);
                if *reading >= status.head {
                    self.reading.remove(&stream);
                }
            }
        }
        self.server = reply
            .streams
            .iter()
            .map(|(stream, status)| {
                (
                    *stream,
                    Head {
                        head: status.head,
                        sum: status.sum,
                    },
                )
            })
            .collect();
        if !reply.more {
            mend(&mut book, &self.server, reply.now)?;
        }
        book.settle()?;
        if forked {
            rows.set_current(None)?;
        }
        if reply.more {
            return Ok(());
        }
        self.give_again(rows, reply.catalogue)?;
        if next_push(rows, &self.server, self.catalogue)?.is_some() {
            self.phase = Phase::Push;
            return Ok(());
        }
        let mut book = Book::open(rows)?;
        let mut unequal = BTreeSet::new();
        for (&stream, head) in &self.server {
            if book.sum_through(stream, head.head)? != head.sum {
                unequal.insert(stream);
            }
        }
        if unequal.is_empty() {
            self.phase = Phase::Done;
        } else {
            self.reading
                .extend(unequal.into_iter().map(|stream| (stream, 0)));
            self.again();
        }
        Ok(())
    }

    /// Takes the reply to `push`.
    ///
    /// # Errors
    /// The store's own.
    pub fn pushed<L: Local>(
        &mut self,
        rows: &mut L,
        push: &Push,
        reply: &PushReply,
    ) -> Result<(), L::Error> {
        let stream = push.stream;
        let mut aside = Vec::new();
        let mut book = Book::open(rows)?;
        for result in &reply.results {
            let why = match result.r {
                Verdict::Ok | Verdict::Dup => continue,
                Verdict::Forgotten => None,
                Verdict::Defer => Some(Why::Deferred {
                    catalogue: push.catalogue,
                }),
                Verdict::Reject | Verdict::Other => Some(Why::Rejected(result.code)),
            };
            if let (Some(why), Some(Place::Held(delta))) = (why, book.place(stream, result.i)?) {
                aside.push(Aside {
                    stream,
                    index: result.i,
                    delta,
                    why,
                });
            }
            if why.is_some() && stream.is_derived() {
                book.withdraw(stream)?;
            } else if book.place(stream, result.i)?.is_some() {
                book.empty(stream, result.i)?;
            }
        }
        book.settle()?;
        for aside in aside {
            rows.set_aside(&aside)?;
        }
        self.server.insert(
            stream,
            Head {
                head: reply.head,
                sum: reply.sum,
            },
        );
        Ok(())
    }

    /// Takes a 409: reads what the server has, anew where streams fork.
    pub fn refused(&mut self, push: &Push, why: Refusal) {
        if why == Refusal::Fork {
            self.reading.insert(push.stream, 0);
        }
        self.again();
    }

    fn again(&mut self) {
        self.rounds += 1;
        self.phase = if self.rounds > MAX_ROUNDS {
            Phase::GaveUp
        } else {
            Phase::Pull
        };
    }

    /// Gives deferred deltas again, where the server's catalogue has caught up.
    fn give_again<L: Local>(&self, rows: &mut L, server_catalogue: u32) -> Result<(), L::Error> {
        for aside in rows.aside()? {
            let Why::Deferred { catalogue } = aside.why else {
                continue;
            };
            if catalogue > server_catalogue {
                continue;
            }
            let target = if aside.stream.is_derived() {
                aside.stream
            } else {
                moved(aside.stream, aside.index, &aside.delta)
            };
            let mut book = Book::open(rows)?;
            if book.head(target).head == 0 && !book.is_forgotten(&aside.delta) {
                book.put(target, 1, &Place::Held(aside.delta.clone()))?;
            }
            book.settle()?;
            rows.take_back(&aside)?;
        }
        Ok(())
    }
}

/// Takes what the server says of a place; whether a row of ours had to move for it.
fn take<R: Rows>(
    book: &mut Book<'_, R>,
    stream: StreamId,
    index: Index,
    theirs: &Place,
) -> Result<bool, R::Error> {
    let mine = book.place(stream, index)?;
    if mine.as_ref() == Some(theirs) {
        return Ok(false);
    }
    let Some(Place::Held(mine)) = mine else {
        book.put(stream, index, theirs)?;
        return Ok(false);
    };
    let moves = !stream.is_derived() && !book.is_forgotten(&mine);
    if moves {
        move_out(book, stream, index, &mine, None)?;
    }
    book.put(stream, index, theirs)?;
    Ok(moves)
}

/// Moves a delta to its derived stream, unless it stands there already.
fn move_out<R: Rows>(
    book: &mut Book<'_, R>,
    stream: StreamId,
    index: Index,
    delta: &Delta,
    hour: Option<Hour>,
) -> Result<(), R::Error> {
    let target = moved(stream, index, delta);
    book.empty(stream, index)?;
    if book.head(target).head == 0 {
        let delta = delta.clone();
        let delta = hour.map_or_else(|| delta.clone(), |hour| delta.clone().moved_to(hour));
        book.put(target, 1, &Place::Held(delta))?;
    }
    Ok(())
}

/// Mends a clock that was wrong while offline: rows that the server lacks and that lie in its
/// future move to its `now`, in their derived streams, so that clones of this laptop mend the same
/// delta to one place whenever they come.
fn mend<R: Rows>(
    book: &mut Book<'_, R>,
    server: &BTreeMap<StreamId, Head>,
    now: i64,
) -> Result<(), R::Error> {
    let now = Hour::floor(now);
    for (stream, head) in book.streams().clone() {
        let theirs = server.get(&stream).map_or(0, |head| head.head);
        if head.head <= theirs {
            continue;
        }
        for (index, delta) in book.rows().range(stream, theirs + 1, usize::MAX)? {
            if delta.at().is_none_or(|at| at <= now) {
                continue;
            }
            if stream.is_derived() {
                book.put(stream, index, &Place::Held(delta.moved_to(now)))?;
            } else {
                move_out(book, stream, index, &delta, Some(now))?;
            }
        }
    }
    Ok(())
}

/// The next push of what the server lacks, if it lacks anything.
fn next_push<R: Rows>(
    rows: &mut R,
    server: &BTreeMap<StreamId, Head>,
    catalogue: u32,
) -> Result<Option<Push>, R::Error> {
    for (stream, head) in rows.streams()? {
        let theirs = server.get(&stream).map_or(0, |head| head.head);
        if head.head <= theirs {
            continue;
        }
        let base = theirs + 1;
        let last = head.head.min(theirs + PUSH_DELTAS as Index);
        let mut held: BTreeMap<_, _> = rows.range(stream, base, PUSH_DELTAS)?.into_iter().collect();
        let deltas = (base..=last)
            .map(|i| {
                let place = held.remove(&i).map_or(Place::Gone, Place::Held);
                v1::Delta::new(i, crate::delta::Fields::of_place(&place))
            })
            .collect();
        return Ok(Some(Push {
            v: v1::VERSION,
            stream,
            base,
            catalogue,
            deltas,
        }));
    }
    Ok(None)
}

/// The next push as it would be sent now to a server whose heads are these; for showing what leaves.
///
/// # Errors
/// The store's own.
pub fn preview<R: Rows>(
    rows: &mut R,
    server: &BTreeMap<StreamId, Head>,
    catalogue: u32,
) -> Result<Option<Push>, R::Error> {
    next_push(rows, server, catalogue)
}
