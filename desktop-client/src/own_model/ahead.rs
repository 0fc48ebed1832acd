//! The agent's part: making one item after the other, in a thread of its own, when nothing else happens.
//!
//! The thread holds nothing that the agent waits for, and is not waited for at the agent's end: killed
//! at any point, nothing is half-made (`super::make`).

use super::config::Config;
use super::make::{Made, make_ahead};
use crate::edges::Stopwatch;
use crate::home::Home;
use crate::world::World;
use std::thread::JoinHandle;
use std::time::Duration;

/// After an item, or one that was refused.
const SOON: Duration = Duration::from_secs(60);
/// After there was nothing to make, or a failure.
const LATER: Duration = Duration::from_secs(600);

/// At most one maker.
#[derive(Debug, Default)]
pub struct Ahead {
    thread: Option<JoinHandle<Duration>>,
    rests: Option<(Stopwatch, Duration)>,
}

impl Ahead {
    /// Called when nothing happens; returns at once.
    pub fn idle(&mut self, world: &'static (dyn World + Sync), home: &Home) {
        if self
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
        {
            return;
        }
        if let Some(thread) = self.thread.take() {
            // A maker that panicked rests, too.
            self.rests = Some((Stopwatch::start(), thread.join().unwrap_or(LATER)));
        }
        if self
            .rests
            .as_ref()
            .is_some_and(|(since, pause)| since.elapsed() < *pause)
        {
            return;
        }
        // Where nothing is set, this is all that is done: one look at a file that is not there.
        if !matches!(Config::read(home), Ok(Some(_))) {
            return;
        }
        let home = home.clone();
        let make = move || match make_ahead(world, &home) {
            Ok(Made::Item(_) | Made::Refused(_)) => SOON,
            // What went wrong stands in `aiworklab model show`.
            Ok(Made::Nothing(_)) | Err(_) => LATER,
        };
        let named = std::thread::Builder::new().name("own model".to_owned());
        match named.spawn(make) {
            Ok(thread) => self.thread = Some(thread),
            Err(_) => self.rests = Some((Stopwatch::start(), LATER)),
        }
    }
}
