//! The store: two doors for writes, one for reads.
//!
//! [`Store::write`] is an act: policy, change, audit row and commit in one transaction.
//! [`Store::chore`] is the closed list of writes without an audit row. Both go to the one writer
//! thread (`writer`). [`Store::read`] takes a connection of a small pool.
//!
//! Invariant: if the audit row cannot be written, the change does not happen.

use crate::engine::{Access, Connection, Engine};
use crate::error::{Doing, Error, Result};
use crate::link_key::LinkKey;
use crate::meta::{self, Counts, Meta};
use crate::open::{self, Key, Opened, Options};
use crate::policy::{Act, Action, Actor, Caller, Chore};
use crate::tally::Tally;
use crate::txn::{Acting, Party, ReadTxn, WriteTxn};
use crate::writer::{self, Job, Message};
use crate::{audit, device, person};
use audit_log::Outcome;
use kernel::ids::StoreId;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How many writes may wait before a caller does.
const WAITING: usize = 1024;

/// What a new store is.
#[derive(Clone, Copy, Debug)]
pub struct NewStore {
    /// Its id: 16 random bytes.
    pub store: StoreId,
    /// Whether it is a sample, for good.
    pub sample: bool,
    /// Now, unix seconds UTC.
    pub now: i64,
}

/// The organisation's data. Clones share one writer; it ends with the last of them.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    engine: Arc<dyn Engine>,
    link_key: Arc<dyn LinkKey>,
    node: u16,
    messages: Option<mpsc::Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    idle: Mutex<Vec<Box<dyn Connection>>>,
    readers: Arc<Semaphore>,
    kept: usize,
    pub(crate) tally: Mutex<Tally>,
    meta: Mutex<Meta>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Readers first, so that the writer can empty the log; then the last sender.
        lock(&self.idle).clear();
        drop(self.messages.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(code = "S020", "the writer panicked");
        }
    }
}

/// What was under a lock, also after a panic: each of ours is whole at any time.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Makes a store in a new file, and writes its first audit row.
    ///
    /// # Errors
    /// [`Error::Exists`] if the file is there; [`Error::File`], [`Error::DiskFull`].
    pub fn create(
        path: &Path,
        key: Key,
        new: NewStore,
        options: Options,
        link_key: Arc<dyn LinkKey>,
    ) -> Result<Self> {
        let opened = open::create(path, key, options)?;
        let meta = Meta {
            store: new.store,
            generation: 1,
            sample: new.sample,
        };
        let store = Self::start(opened, meta, options, link_key)?;
        store.write_blocking(
            Act::new(Actor::Console, Action::InitStore, new.now),
            move |txn| {
                meta::begin(txn, new.store, new.sample)?;
                txn.audit_on("store", *new.store.as_bytes());
                txn.audit_with("sample", new.sample);
                Ok(())
            },
        )?;
        Ok(store)
    }

    /// Opens a store.
    ///
    /// # Errors
    /// [`Error::File`] if there is none, [`Error::Unreadable`] for another key or a file of
    /// somebody else, [`Error::SchemaTooNew`], [`Error::Damaged`].
    pub fn open(
        path: &Path,
        key: Key,
        options: Options,
        link_key: Arc<dyn LinkKey>,
    ) -> Result<Self> {
        let mut opened = open::open(path, key, options)?;
        let meta = meta::read(opened.writer.as_mut())?;
        Self::start(opened, meta, options, link_key)
    }

    fn start(
        opened: Opened,
        meta: Meta,
        options: Options,
        link_key: Arc<dyn LinkKey>,
    ) -> Result<Self> {
        let Opened { engine, writer } = opened;
        let (messages, waiting) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(writer, waiting))
            .map_err(|source| Error::File {
                path: "the writer's thread".into(),
                source,
            })?;
        let readers = options.readers.max(1);
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                link_key,
                node: options.node,
                messages: Some(messages),
                thread: Some(thread),
                idle: Mutex::default(),
                readers: Arc::new(Semaphore::new(readers)),
                kept: readers,
                tally: Mutex::default(),
                meta: Mutex::new(meta),
            }),
        })
    }

    /// What `PRAGMA synchronous` is: `full`, or `normal` in the build of the counter-test.
    #[must_use]
    pub const fn durability(&self) -> &'static str {
        crate::engine::sqlite::SYNCHRONOUS
    }

    /// What the store is.
    #[must_use]
    pub fn meta(&self) -> Meta {
        *lock(&self.inner.meta)
    }

    /// Begins a generation, after a restore: clients then give back what the store lacks. `false`
    /// if the store's is not lower. `act` is an [`Action::RaiseGeneration`].
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn raise_generation(&self, act: Act, generation: u64) -> Result<bool> {
        let raised = self
            .write(act, move |txn| {
                txn.audit_with("generation", i64::try_from(generation).unwrap_or(i64::MAX));
                meta::raise_generation(txn, generation)
            })
            .await?;
        if raised {
            lock(&self.inner.meta).generation = generation;
        }
        Ok(raised)
    }

    /// How much the store holds; `now` in unix seconds.
    ///
    /// # Errors
    /// The engine's.
    pub async fn counts(&self, now: i64) -> Result<Counts> {
        self.read(move |txn| meta::counts(txn, crate::days::day_of(now)))
            .await
    }

    /// An act: policy check, change, audit row and commit in one transaction.
    ///
    /// The closure may run more than once, and has no effects but rows.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::StepUp`], [`Error::Disabled`], [`Error::Revoked`] from the
    /// policy, whatever the closure fails with, and what the commit fails with. Nothing is changed
    /// then; a refusal of somebody who is known leaves an audit row of its own.
    pub async fn write<T, F>(&self, act: Act, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTxn<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(self.act(act, closure, |made| drop(reply.send(made))))
            .await?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// [`Store::write`] for a thread that may wait.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_blocking<T, F>(&self, act: Act, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTxn<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = std::sync::mpsc::channel();
        self.send_blocking(self.act(act, closure, move |made| drop(reply.send(made))))?;
        answer.recv().map_err(|_| Error::Closed)?
    }

    /// A write of the closed list that leaves no audit row.
    ///
    /// # Errors
    /// What the closure or the commit fails with.
    pub async fn chore<T, F>(&self, chore: Chore, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTxn<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.send(self.plain(chore, closure, |made| drop(reply.send(made))))
            .await?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// [`Store::chore`] for a thread that may wait.
    ///
    /// # Errors
    /// As [`Store::chore`].
    pub fn chore_blocking<T, F>(&self, chore: Chore, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTxn<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = std::sync::mpsc::channel();
        self.send_blocking(self.plain(chore, closure, move |made| drop(reply.send(made))))?;
        answer.recv().map_err(|_| Error::Closed)?
    }

    /// Reads one state of the data.
    ///
    /// # Errors
    /// What the closure or the engine fails with.
    pub async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTxn<'_>) -> Result<T> + Send + 'static,
    {
        let permit = self.inner.readers.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Error::Closed)?;
        let store = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let read = store.read_blocking(closure);
            drop(permit);
            read
        });
        task.await.map_err(|_| Error::Panicked)?
    }

    /// [`Store::read`] for a thread that may wait.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read_blocking<T>(
        &self,
        closure: impl FnOnce(&mut ReadTxn<'_>) -> Result<T>,
    ) -> Result<T> {
        let idle = lock(&self.inner.idle).pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self
                .inner
                .engine
                .connect(Access::Read)
                .doing("open a reader")?,
        };
        connection.begin(Access::Read).doing("begin to read")?;
        let mut txn = ReadTxn {
            connection: connection.as_mut(),
            link_key: self.inner.link_key.as_ref(),
        };
        let read = closure(&mut txn);
        connection.roll_back();
        let mut idle = lock(&self.inner.idle);
        if idle.len() < self.inner.kept && !connection.in_transaction() {
            idle.push(connection);
        }
        read
    }

    /// Writes the file anew in the order of its keys, and empties the log: what is left of
    /// removed rows goes, and so does the order in which rows came. Weekly, after the snapshot.
    ///
    /// # Errors
    /// The engine's; [`Error::DiskFull`] if there is no room for a second copy.
    pub async fn compact(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let task = move |connection: &mut dyn Connection| {
            let done = connection.compact().doing("compact the database");
            // Nobody waits any more: nothing to tell.
            drop(reply.send(done));
        };
        self.send(Message::Alone(Box::new(task))).await?;
        answer.await.map_err(|_| Error::Closed)?
    }

    async fn send(&self, message: Message) -> Result<()> {
        let sender = self.inner.messages.as_ref().ok_or(Error::Closed)?;
        sender.send(message).await.map_err(|_| Error::Closed)
    }

    fn send_blocking(&self, message: Message) -> Result<()> {
        let sender = self.inner.messages.as_ref().ok_or(Error::Closed)?;
        match sender.try_send(message) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Error::Closed),
            Err(mpsc::error::TrySendError::Full(message)) => {
                sender.blocking_send(message).map_err(|_| Error::Closed)
            }
        }
    }

    fn act<T, F, R>(&self, act: Act, closure: F, reply: R) -> Message
    where
        T: Send + 'static,
        F: Fn(&mut WriteTxn<'_>) -> Result<T> + Send + 'static,
        R: FnOnce(Result<T>) + Send + 'static,
    {
        let (link_key, node) = (self.inner.link_key.clone(), self.inner.node);
        let run: Run<T> = Box::new(move |connection| {
            perform(
                WriteTxn::new(connection, link_key.as_ref()),
                node,
                act,
                &closure,
            )
        });
        Message::Job(Box::new(Work {
            run,
            ran: None,
            reply,
        }))
    }

    fn plain<T, F, R>(&self, chore: Chore, closure: F, reply: R) -> Message
    where
        T: Send + 'static,
        F: Fn(&mut WriteTxn<'_>) -> Result<T> + Send + 'static,
        R: FnOnce(Result<T>) + Send + 'static,
    {
        tracing::trace!(?chore, "a write without an audit row");
        let link_key = self.inner.link_key.clone();
        let run: Run<T> = Box::new(move |connection| {
            let mut txn = WriteTxn::new(connection, link_key.as_ref());
            let result = closure(&mut txn);
            Ran {
                keep: result.is_ok(),
                wipes: txn.wipes,
                result,
            }
        });
        Message::Job(Box::new(Work {
            run,
            ran: None,
            reply,
        }))
    }
}

/// One act, in its part of the transaction.
fn perform<T>(
    mut txn: WriteTxn<'_>,
    node: u16,
    act: Act,
    closure: &dyn Fn(&mut WriteTxn<'_>) -> Result<T>,
) -> Ran<T> {
    let refusal = match admit(&mut txn, act) {
        Ok(()) => {
            let result = closure(&mut txn).and_then(|value| {
                note(&mut txn, node, Outcome::Ok)?;
                Ok(value)
            });
            return Ran {
                keep: result.is_ok(),
                wipes: txn.wipes,
                result,
            };
        }
        Err(refusal) => refusal,
    };
    // Only the policy's own "no" to somebody who is known is worth a row.
    let known = txn
        .acting
        .as_ref()
        .is_some_and(|acting| acting.party.actor.is_some());
    let mut keep = false;
    if known && matches!(refusal, Error::Forbidden { .. }) {
        match note(&mut txn, node, Outcome::Denied) {
            Ok(()) => keep = true,
            Err(error) => tracing::error!(code = error.code(), %error, "a refusal was not noted"),
        }
    }
    Ran {
        result: Err(refusal),
        keep,
        wipes: false,
    }
}

/// Checks the policy, with what the database says of the caller.
fn admit(txn: &mut WriteTxn<'_>, act: Act) -> Result<()> {
    let Act { actor, action, at } = act;
    let party = match actor {
        Actor::Nobody => Party::of(Caller::Nobody),
        Actor::Console => Party::of(Caller::Console),
        Actor::System => Party::of(Caller::System),
        Actor::Person { person, .. } => person::party(txn, person)?,
        Actor::Device(device) => device::party(txn, device)?,
    };
    txn.acting = Some(Acting {
        action,
        at,
        party,
        target: None,
        details: Vec::new(),
    });
    if !action.allowed_to(party.caller) {
        return Err(Error::Forbidden {
            action,
            caller: party.caller,
        });
    }
    if let Actor::Person { confirmed_at, .. } = actor
        && action.needs_step_up()
        && !confirmed_at.is_some_and(|then| is_fresh(then, at))
    {
        return Err(Error::StepUp { action });
    }
    Ok(())
}

/// Whether a confirmation is good; one from the future is not.
const fn is_fresh(confirmed_at: i64, now: i64) -> bool {
    confirmed_at <= now && now - confirmed_at <= crate::policy::STEP_UP_S
}

/// Writes the audit row.
fn note(txn: &mut WriteTxn<'_>, node: u16, outcome: Outcome) -> Result<()> {
    let row = txn.audit_row(outcome)?;
    audit::append(txn, node, row)
}

/// What a closure made of its part of the transaction.
struct Ran<T> {
    result: Result<T>,
    keep: bool,
    wipes: bool,
}

type Run<T> = Box<dyn Fn(&mut dyn Connection) -> Ran<T> + Send>;

struct Work<T, R> {
    run: Run<T>,
    ran: Option<Ran<T>>,
    /// Whoever asked may be gone when it is called; what was committed stays.
    reply: R,
}

impl<T: Send, R: FnOnce(Result<T>) + Send> Job for Work<T, R> {
    fn run(&mut self, connection: &mut dyn Connection) -> bool {
        let ran = catch_unwind(AssertUnwindSafe(|| (self.run)(connection)));
        let ran = ran.unwrap_or(Ran {
            result: Err(Error::Panicked),
            keep: false,
            wipes: false,
        });
        self.ran.insert(ran).keep
    }

    fn wipes(&self) -> bool {
        self.ran.as_ref().is_some_and(|ran| ran.wipes)
    }

    fn settle(self: Box<Self>, commit: Result<()>) {
        let result = match (commit, self.ran) {
            (Ok(()), Some(ran)) => ran.result,
            (Ok(()), None) => Err(Error::Closed),
            (Err(error), _) => Err(error),
        };
        (self.reply)(result);
    }
}
