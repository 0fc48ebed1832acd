//! What the agent's two threads share: the one that listens and the one that reads.

use crate::home::Home;
use crate::setup::said;
use crate::show::{About, Line};
use crate::spool::Record;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the agent is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Records that hooks handed over.
    pub handed_over: u64,
    /// Of these, not taken: the spool or the disk was full.
    pub not_taken: u64,
    /// Records read.
    pub read: u64,
    /// Passes through the spool.
    pub passes: u64,
    /// When the last pass ended, in seconds since 1970.
    pub last_pass: Option<i64>,
    /// The code of the error that the last pass failed with, if it did.
    pub failed: Option<String>,
    /// Whether a check waits.
    pub waiting: bool,
}

#[derive(Debug, Default)]
struct Inner {
    pokes: u64,
    stopping: bool,
    line: Option<Line>,
    said: Vec<(About, i64)>,
    figures: Figures,
}

/// Why the reading thread woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Something was handed over.
    Poked,
    /// Time passed.
    Time,
    /// It is to stop.
    Stop,
}

/// What both threads share.
pub struct Desk {
    /// Clock, randomness, environment.
    pub world: &'static (dyn World + Sync),
    /// The client's folder.
    pub home: Home,
    inner: Mutex<Inner>,
    woken: Condvar,
}

impl Desk {
    /// A desk on which nothing lies.
    pub fn new(world: &'static (dyn World + Sync), home: Home) -> Self {
        Self {
            world,
            home,
            inner: Mutex::default(),
            woken: Condvar::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // No invariant spans two of its fields.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record was handed over, and taken or not.
    pub fn poke(&self, taken: bool) {
        let mut inner = self.inner();
        inner.figures.handed_over += 1;
        inner.figures.not_taken += u64::from(!taken);
        inner.pokes += 1;
        self.woken.notify_all();
    }

    /// Both threads are to come to an end.
    pub fn stop(&self) {
        self.inner().stopping = true;
        self.woken.notify_all();
    }

    /// Whether they are.
    pub fn stopping(&self) -> bool {
        self.inner().stopping
    }

    /// Waits until something is handed over, at most this long.
    pub fn wait(&self, at_most: Duration) -> Woken {
        let idle = |inner: &mut Inner| inner.pokes == 0 && !inner.stopping;
        let (inner, _) = self
            .woken
            .wait_timeout_while(self.inner(), at_most, idle)
            .unwrap_or_else(PoisonError::into_inner);
        match (inner.stopping, inner.pokes) {
            (true, _) => Woken::Stop,
            (false, 0) => Woken::Time,
            (false, _) => Woken::Poked,
        }
    }

    /// Lets what comes in a row come: waits until nothing came for `pause`, at most `rounds` times.
    pub fn settle(&self, pause: Duration, rounds: u32) {
        for _ in 0..rounds {
            let before = self.inner().pokes;
            std::thread::sleep(pause);
            let inner = self.inner();
            if inner.pokes == before || inner.stopping {
                break;
            }
        }
        self.inner().pokes = 0;
    }

    /// Changes the figures.
    pub fn note(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.inner().figures);
    }

    /// The figures.
    pub fn figures(&self) -> Figures {
        self.inner().figures.clone()
    }

    /// This line is to be said in a harness, or none.
    pub fn put_line(&self, line: Option<Line>) {
        let mut inner = self.inner();
        // One that was given away since it was asked for is not given again.
        let given = |line: &Line| inner.said.iter().any(|(about, _)| *about == line.about);
        inner.line = line.filter(|line| !given(line));
    }

    /// Whether a line waits for an event at which it can be shown.
    #[cfg(test)]
    pub fn has_line(&self) -> bool {
        self.inner().line.is_some()
    }

    /// What the harness that told this is given to show, with the line itself. Each line is given
    /// once; `give_back` takes it back.
    pub fn line_for(&self, record: &Record) -> Option<(String, Line)> {
        let mut inner = self.inner();
        let line = inner.line.as_ref()?;
        let event = said::event_name(record.harness, &record.payload)?;
        let said = said::said(record.harness, event, &line.text)?;
        let line = inner.line.take()?;
        inner.said.push((line.about, self.world.now()));
        Some((said, line))
    }

    /// Nobody heard the line.
    pub fn give_back(&self, line: Line) {
        let mut inner = self.inner();
        inner.said.retain(|(about, _)| *about != line.about);
        inner.line.get_or_insert(line);
    }

    /// What was said in a harness, and when, since this was asked last.
    pub fn take_said(&self) -> Vec<(About, i64)> {
        std::mem::take(&mut self.inner().said)
    }
}
