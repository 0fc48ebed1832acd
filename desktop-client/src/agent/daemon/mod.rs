//! `aiworklab agent`: the agent that runs by itself until it is told to stop.
//!
//! Two threads. One listens: it takes hooks' records into the spool and answers at once. The other
//! reads the spool in passes, at the lowest priority that the system has for programs that are to
//! get on at all: after a burst it waits for a pause, and it wakes by itself for what time alone
//! changes. After each pass it asks [`crate::show`] what is to be put before the engineer. Whatever fails in a pass is tried again later, and the hooks never notice.
//!
//! Invariant: killed at any point, it loses nothing that a hook was told to be taken.

pub mod alone;
mod desk;
mod listen;
mod log;
#[cfg(test)]
mod tests;

pub use desk::Figures;
pub use log::Log;

use super::error::Error as Refused;
use super::t3code::Watch;
use super::{Ears, Report};
use crate::edges::Machine;
use crate::edges::Stopwatch;
use crate::error::Result;
use crate::home::Home;
use crate::own_model;
use crate::show::{self, Ways, page::Door};
use crate::spool;
use crate::store::Store;
use crate::world::World;
use alone::Alone;
use desk::{Desk, Woken};
use kernel::asking::MOMENT_LASTS_S;
use kernel::ids::HOUR;
use listen::Bound;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Niceness of the reading thread. Linux derives the priority of its disk accesses from it: from 15 on the
/// lowest of the best-effort class (ioprio_set(2)).
const NICENESS: i32 = 15;
/// How often the reading thread looks by itself whether there is something to do.
const TICK: Duration = Duration::from_secs(5);
/// The same while T3 Code works.
const SHORT_TICK: Duration = Duration::from_secs(1);
/// Short ticks without a new row after which T3 Code is taken to rest.
const T3CODE_RESTS_AFTER: u32 = 60;
/// A pause of this length ends a burst.
const PAUSE: Duration = Duration::from_millis(200);
/// Most such pauses that are waited for: two seconds in all.
const PAUSES: u32 = 10;
/// While a moment to ask in lasts, something else may end that stood in the way; looked at this often, in seconds.
const MOMENT_EVERY_S: i64 = 60;
/// Ticks without anything to do after which what takes memory is let go: a minute.
const RESTS_AFTER_TICKS: u32 = 12;
/// Longest pause after passes that failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Runs until SIGTERM, SIGINT or SIGHUP.
///
/// # Errors
/// [`Refused`] if another agent runs in this folder or the socket cannot be had.
pub fn run(world: &'static (dyn World + Sync), home: &Home, log: &Log) -> Result<()> {
    // A panic's message may quote what was being read.
    std::panic::set_hook(Box::new(|_| {}));
    home.ensure()?;
    let _alone = Alone::take(home, world.now())?;
    listen::close_to_others();
    let bound = Bound::new(home)?;
    let desk = Arc::new(Desk::new(world, home.clone()));
    let start = |what| move |source| Refused::Start { what, source };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(start("its runtime"))?;
    let door = Door::new();
    let listening = {
        let desk = Arc::clone(&desk);
        let door = door.clone();
        let log = log.clone();
        std::thread::Builder::new()
            .name("socket".to_owned())
            .spawn(move || {
                if let Err(error) = runtime.block_on(listen(bound, &desk, door, &log)) {
                    log.say(
                        desk.world.now(),
                        &format!("does not listen any more: {}", error.kind()),
                    );
                }
                desk.stop();
                runtime.shutdown_timeout(Duration::from_millis(500));
            })
            .map_err(start("its second thread"))?
    };
    log.say(
        world.now(),
        &format!("runs as process {}", std::process::id()),
    );
    // This thread alone: a hook waits for the other one.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    Passes::new(&desk, log, door).run();
    // It ends by itself: it heard the signal before we did.
    let _ = listening.join();
    log.say(world.now(), "ended");
    Ok(())
}

/// The listening thread: hooks, signals, and the page on which a check is answered.
async fn listen(bound: Bound, desk: &Arc<Desk>, door: Door, log: &Log) -> std::io::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let mut hup = signal(SignalKind::hangup())?;
    let (ending, ended) = watch::channel(false);
    let page = async {
        let worlds: show::page::Worlds = Arc::new(|| Box::new(Machine));
        let served = show::page::serve(worlds, desk.home.clone(), door, ended).await;
        if let Err(error) = served {
            let text = format!(
                "has no page: {}; checks are answered by `aiworklab quiz`",
                error.code()
            );
            log.say(desk.world.now(), &text);
        }
        // Without the page everything else goes on.
        std::future::pending::<()>().await;
    };
    let result = tokio::select! {
        result = listen::hear(bound, desk) => result,
        () = page => Ok(()),
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
        _ = hup.recv() => Ok(()),
    };
    ending.send_replace(true);
    result
}

/// The reading thread.
struct Passes<'a> {
    desk: &'a Arc<Desk>,
    log: &'a Log,
    ears: Ears,
    store: Option<Store>,
    door: Door,
    /// The store's file after the last pass: another command may have changed it since.
    stamp: Option<(i64, i64, u64)>,
    /// When the next pass is due if nothing comes, in seconds since 1970.
    due: i64,
    /// When something was read last.
    heard: i64,
    failures: u32,
    failed: Option<Stopwatch>,
    idle: u32,
    t3code: Watch,
    /// How many ticks in a row T3 Code wrote nothing new.
    t3code_rests: u32,
    /// The engineer's own model, at work when nothing else happens.
    ahead: own_model::Ahead,
}

impl<'a> Passes<'a> {
    fn new(desk: &'a Arc<Desk>, log: &'a Log, door: Door) -> Self {
        Self {
            desk,
            log,
            ears: Ears::catching_up(&desk.home),
            store: None,
            door,
            stamp: None,
            due: i64::MIN,
            heard: i64::MIN,
            failures: 0,
            failed: None,
            idle: 0,
            t3code: Watch::default(),
            t3code_rests: T3CODE_RESTS_AFTER,
            ahead: own_model::Ahead::default(),
        }
    }

    fn run(&mut self) {
        // What waits from before is read at once.
        let mut first = Some(Duration::ZERO);
        loop {
            let works = self.t3code_rests < T3CODE_RESTS_AFTER;
            let tick = if works { SHORT_TICK } else { TICK };
            match self.desk.wait(first.take().unwrap_or(tick)) {
                Woken::Stop => break,
                Woken::Poked => self.desk.settle(PAUSE, PAUSES),
                Woken::Time => {}
            }
            if self.desk.stopping() {
                break;
            }
            let looked = self.t3code.look(self.desk.world, &self.desk.home);
            self.t3code_rests = match (looked.watching, looked.taken) {
                (true, 0) => self.t3code_rests.saturating_add(1),
                (true, _) => 0,
                (false, _) => T3CODE_RESTS_AFTER,
            };
            if self.is_due() {
                self.idle = 0;
                self.pass();
            } else {
                self.idle = self.idle.saturating_add(1);
                self.ahead.idle(self.desk.world, &self.desk.home);
                if self.idle == RESTS_AFTER_TICKS {
                    self.ears.rest();
                }
            }
        }
    }

    fn is_due(&self) -> bool {
        let pause = TICK
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_PAUSE);
        if self.failed.is_some_and(|since| since.elapsed() < pause) {
            return false;
        }
        let now = self.desk.world.now();
        let waiting = spool::waiting(&self.desk.home.spool());
        // Another command may have answered what waits, or read in our place what is to be offered and
        // caught up on.
        let other = self.stamp != stamp(&self.desk.home);
        waiting.bytes > 0
            || waiting.dropped > 0
            || other
            || now >= self.due
            // A clock that was set back must not make us wait for the day that was.
            || self.due > now + HOUR
    }

    fn pass(&mut self) {
        let (desk, before) = (self.desk, self.desk.world.now());
        let done = catch_unwind(AssertUnwindSafe(|| self.try_pass()));
        let now = desk.world.now();
        let code = match done {
            Ok(Ok(report)) => {
                if report.read > 0 {
                    self.heard = before;
                }
                let fresh = now.saturating_sub(self.heard) <= MOMENT_LASTS_S + MOMENT_EVERY_S;
                self.due = match (report.more, fresh) {
                    (true, _) => now,
                    (false, true) => now + MOMENT_EVERY_S,
                    (false, false) => now + HOUR,
                };
                (self.failures, self.failed) = (0, None);
                desk.note(|figures| {
                    figures.read += report.read;
                    figures.waiting = report.waiting;
                });
                None
            }
            Ok(Err(error)) => Some(error.code().to_owned()),
            Err(_) => Some("a panic".to_owned()),
        };
        if let Some(code) = &code {
            if self.failures == 0 {
                self.log
                    .say(now, &format!("a pass failed: {code}; it is tried again"));
            }
            self.failures += 1;
            self.failed = Some(Stopwatch::start());
            self.store = None;
        }
        desk.note(|figures| {
            figures.passes += 1;
            figures.last_pass = Some(now);
            figures.failed = code;
        });
    }

    fn try_pass(&mut self) -> Result<Report> {
        let desk = self.desk;
        let store = match &mut self.store {
            Some(store) => store,
            none => none.insert(Store::open(desk.world, &desk.home)?),
        };
        let stop = || desk.stopping();
        let (world, home) = (desk.world, &desk.home);
        let report = super::until(world, home, store, &mut self.ears, &mut |_| {}, &stop)?;
        for (about, at) in desk.take_said() {
            show::line_said(store, about, at)?;
        }
        let offered = show::offer(world, store, Ways::now(world, home), Some(&self.door))?;
        desk.put_line(offered.line);
        self.stamp = stamp(home);
        Ok(report)
    }
}

/// What changes whenever the store is written.
fn stamp(home: &Home) -> Option<(i64, i64, u64)> {
    let data = std::fs::metadata(home.database()).ok()?;
    Some((data.mtime(), data.mtime_nsec(), data.ino()))
}
