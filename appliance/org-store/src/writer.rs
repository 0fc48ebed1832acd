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
    Committed {
        wipes: bool,
    },
    /// The transaction ended under a job; with an error, or with the job's own.
    Lost {
        culprit: usize,
        error: Option<engine::Error>,
    },
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
            let error =
                keep.then(|| engine::Error::new(engine::Fault::Other, "write", Error::Closed));
            return Attempt::Lost { culprit, error };
        }
        if let Err(error) = connection.end_part(keep) {
            return Attempt::Lost {
                culprit,
                error: Some(error),
            };
        }
        wipes |= keep && job.wipes();
    }
    match connection.commit() {
        Ok(()) => Attempt::Committed { wipes },
        Err(error) => Attempt::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Fault, Queries, Row, Statement, Statements, Value};
    use std::sync::{Arc, Mutex};

    /// Fails where it is told to, and writes down what happens.
    #[derive(Default)]
    struct Scripted {
        log: Vec<&'static str>,
        open: bool,
        /// Errors of the next commits.
        commits: Vec<Fault>,
        /// The engine gives the transaction up under the job of this number.
        gives_up_under: Option<usize>,
        parts: usize,
    }

    fn error(fault: Fault) -> engine::Error {
        engine::Error::new(fault, "test", Error::Closed)
    }

    impl Queries for Scripted {
        fn query(
            &mut self,
            _: &'static Statement,
            _: &[Value],
        ) -> std::result::Result<Vec<Row>, engine::Error> {
            Ok(Vec::new())
        }
    }

    impl Statements for Scripted {
        fn execute(
            &mut self,
            _: &'static Statement,
            _: &[Value],
        ) -> std::result::Result<u64, engine::Error> {
            Ok(0)
        }
    }

    impl Connection for Scripted {
        fn begin(&mut self, _: Access) -> std::result::Result<(), engine::Error> {
            self.log.push("begin");
            self.open = true;
            self.parts = 0;
            Ok(())
        }
        fn commit(&mut self) -> std::result::Result<(), engine::Error> {
            if let Some(fault) = self.commits.pop() {
                self.log.push("commit fails");
                return Err(error(fault));
            }
            self.log.push("commit");
            self.open = false;
            Ok(())
        }
        fn roll_back(&mut self) {
            self.open = false;
        }
        fn in_transaction(&self) -> bool {
            self.open
        }
        fn begin_part(&mut self) -> std::result::Result<(), engine::Error> {
            self.parts += 1;
            if self.gives_up_under == Some(self.parts) {
                self.gives_up_under = None;
                self.log.push("gives up");
                self.open = false;
            }
            Ok(())
        }
        fn end_part(&mut self, keep: bool) -> std::result::Result<(), engine::Error> {
            self.log.push(if keep { "keep" } else { "undo" });
            Ok(())
        }
        fn wipe(&mut self) -> std::result::Result<bool, engine::Error> {
            Ok(true)
        }
        fn compact(&mut self) -> std::result::Result<(), engine::Error> {
            Ok(())
        }
        fn findings(&mut self, _: bool) -> std::result::Result<Vec<String>, engine::Error> {
            Ok(Vec::new())
        }
        fn migrate(&mut self, _: &str) -> std::result::Result<(), engine::Error> {
            Ok(())
        }
        fn version(&mut self) -> std::result::Result<u32, engine::Error> {
            Ok(1)
        }
    }

    type Answer = (usize, std::result::Result<(), &'static str>);
    type Answers = Arc<Mutex<Vec<Answer>>>;

    struct Numbered {
        number: usize,
        keep: bool,
        answers: Answers,
    }

    impl Job for Numbered {
        fn run(&mut self, _: &mut dyn Connection) -> bool {
            self.keep
        }
        fn wipes(&self) -> bool {
            self.number == 3
        }
        fn settle(self: Box<Self>, commit: Result<()>) {
            let answer = commit.map_err(|error| error.code());
            self.answers.lock().unwrap().push((self.number, answer));
        }
    }

    fn run_three(scripted: &mut Scripted) -> (bool, Vec<Answer>) {
        let answers = Answers::default();
        let job = |number| -> Box<dyn Job> {
            Box::new(Numbered {
                number,
                keep: number != 2,
                answers: answers.clone(),
            })
        };
        let wipes = commit(scripted, vec![job(1), job(2), job(3)]);
        let answers = answers.lock().unwrap().clone();
        (wipes, answers)
    }

    #[test]
    fn a_group_is_one_transaction_with_a_part_for_each() {
        let mut scripted = Scripted::default();
        let (wipes, answers) = run_three(&mut scripted);
        assert_eq!(scripted.log, ["begin", "keep", "undo", "keep", "commit"]);
        assert_eq!(answers, [(1, Ok(())), (2, Ok(())), (3, Ok(()))]);
        assert!(wipes);
    }

    #[test]
    fn a_group_that_lost_is_run_again_a_few_times() {
        let mut scripted = Scripted {
            commits: vec![Fault::Conflict; 2],
            ..Scripted::default()
        };
        let (_, answers) = run_three(&mut scripted);
        assert_eq!(
            scripted.log.iter().filter(|what| **what == "begin").count(),
            3
        );
        assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
        let mut scripted = Scripted {
            commits: vec![Fault::Conflict; 99],
            ..Scripted::default()
        };
        let (wipes, answers) = run_three(&mut scripted);
        assert_eq!(
            scripted.log.iter().filter(|what| **what == "begin").count(),
            RERUNS + 1
        );
        assert!(answers.iter().all(|(_, answer)| *answer == Err("S005")) && !wipes);
    }

    #[test]
    fn a_commit_that_finds_the_disk_full_is_told_to_everybody() {
        let mut scripted = Scripted {
            commits: vec![Fault::Full],
            ..Scripted::default()
        };
        let (_, answers) = run_three(&mut scripted);
        assert_eq!(
            answers,
            [(1, Err("S021")), (2, Err("S021")), (3, Err("S021"))]
        );
        assert!(!scripted.open);
    }

    #[test]
    fn a_transaction_that_the_engine_gave_up_is_run_again_without_its_culprit() {
        let mut scripted = Scripted {
            gives_up_under: Some(3),
            ..Scripted::default()
        };
        let (_, answers) = run_three(&mut scripted);
        let log = [
            "begin", "keep", "undo", "gives up", "begin", "keep", "undo", "commit",
        ];
        assert_eq!(scripted.log, log);
        assert_eq!(answers, [(3, Err("S005")), (1, Ok(())), (2, Ok(()))]);
    }
}
