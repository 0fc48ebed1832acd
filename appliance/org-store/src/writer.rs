//! The one writer: a thread that puts waiting writes into one commit and answers after it.
//!
//! A flush costs milliseconds, a write microseconds, so those that wait share a flush. Each runs
//! in a part of the transaction of its own: one that fails is undone alone. Closures are `Fn` and
//! have no effect but rows, so a group that lost against another process is run again.
//!
//! Invariant: nobody gets an answer, good or bad, before the commit that it rests on returned.

use crate::engine::{self, Access, Connection};
use crate::error::{Doing, Error, Result};
use std::time::Duration;
use tokio::sync::mpsc;

/// Most writes in one commit.
const GROUP: usize = 64;
/// How often a group is run again after it lost against another process.
const RERUNS: usize = 5;

/// A write that waits.
pub(crate) trait Job: Send {
    /// Runs it; whether its rows are to be kept.
    fn run(&mut self, connection: &mut dyn Connection) -> bool;
    /// Whether it removed rows that nobody may find again.
    fn wipes(&self) -> bool;
    /// Answers: with its own result, or with why it was not committed.
    fn settle(self: Box<Self>, commit: Result<()>);
}

/// Something that needs the connection outside a transaction.
pub(crate) type Alone = Box<dyn FnOnce(&mut dyn Connection) + Send>;

/// What the thread is asked to do.
pub(crate) enum Message {
    /// A write.
    Job(Box<dyn Job>),
    /// Something else.
    Alone(Alone),
}

/// Runs until every sender is gone.
pub(crate) fn run(mut connection: Box<dyn Connection>, mut messages: mpsc::Receiver<Message>) {
    let mut to_wipe = false;
    while let Some(first) = messages.blocking_recv() {
        let mut group = Vec::new();
        let mut alone = None;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Job(job) => group.push(job),
                Message::Alone(task) => alone = Some(task),
            }
            next = match alone {
                None if group.len() < GROUP => messages.try_recv().ok(),
                _ => None,
            };
        }
        to_wipe |= commit(connection.as_mut(), group);
        if let Some(task) = alone {
            task(connection.as_mut());
        }
        // A reader in the way is gone in a moment; a write that waits goes first.
        let mut pause = Duration::from_millis(5);
        while to_wipe {
            match connection.wipe() {
                Ok(done) => to_wipe = !done,
                Err(error) => {
                    tracing::warn!(code = "S005", error = %error.source, "removed rows wait in the log");
                    break;
                }
            }
            if !to_wipe || !messages.is_empty() || messages.is_closed() {
                break;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
    // Readers are gone: what the log holds goes into the file, and the log is emptied.
    if let Err(error) = connection.wipe() {
        tracing::warn!(code = "S005", error = %error.source, "the log was not emptied at the end");
    }
}

/// Commits a group; whether removed rows are to be wiped.
fn commit(connection: &mut dyn Connection, mut group: Vec<Box<dyn Job>>) -> bool {
    let mut reruns = 0;
    while !group.is_empty() {
        match attempt(connection, &mut group) {
            Attempt::Committed { wipes } => {
                for job in group {
                    job.settle(Ok(()));
                }
                return wipes;
            }
            Attempt::Lost { culprit, error } => {
                // The engine gave up the whole transaction: its neighbours run again without it.
                connection.roll_back();
                let job = group.remove(culprit);
                job.settle(error.map_or(Ok(()), |error| Err(error).doing("write")));
            }
            Attempt::Failed(error) => {
                connection.roll_back();
                reruns += 1;
                if error.is_worth_a_rerun() && reruns <= RERUNS {
                    continue;
                }
                for job in group {
                    job.settle(Err(error.clone()).doing("commit"));
                }
                return false;
            }
        }
    }
    false
}

enum Attempt {
    Committed { wipes: bool },
    /// The transaction ended under a job; with an error, or with the job's own.
    Lost { culprit: usize, error: Option<engine::Error> },
    Failed(engine::Error),
}

fn attempt(connection: &mut dyn Connection, group: &mut [Box<dyn Job>]) -> Attempt {
    if let Err(error) = connection.begin(Access::Write) {
        return Attempt::Failed(error);
    }
    let mut wipes = false;
    for (culprit, job) in group.iter_mut().enumerate() {
        if let Err(error) = connection.begin_part() {
            return Attempt::Failed(error);
        }
        let keep = job.run(connection);
        if !connection.in_transaction() {
            // The job reports its own error, unless it believes that it succeeded.
            let error = keep.then(|| {
                engine::Error::new(engine::Fault::Other, "write", Error::Closed)
            });
            return Attempt::Lost { culprit, error };
        }
        if let Err(error) = connection.end_part(keep) {
            return Attempt::Lost { culprit, error: Some(error) };
        }
        wipes |= keep && job.wipes();
    }
    match connection.commit() {
        Ok(()) => Attempt::Committed { wipes },
        Err(error) => Attempt::Failed(error),
    }
}
