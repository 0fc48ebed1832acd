//! The supervisor: keeps one worker running, hands it one job at a time, and says what is the matter.
//!
//! A job has one of three ends, all within its limit: an answer, a refusal in closed words, or the
//! worker's end, after which it is started anew. Nothing that a worker does stops the server, and
//! nobody waits for a worker that is not there: while it is down, jobs are told so at once. Only before
//! its first start do they wait, at most as long as that may take.
//!
//! Started anew, after a fifth of a second, then twice that, up to a minute; from the beginning again
//! once a worker did a job, or lived a minute. Where trying again cannot help (a wrong file, a missing instruction, a
//! sandbox that does not hold), it stays off until the server is started with another configuration.
//!
//! Invariant: at most one process, waited for before the next is started; when all handles are gone,
//! so is the process.

mod process;
mod queue;
mod supervise;
mod words;

use crate::wire::{Answer, Ask};
use crate::{
    About, Continuations, Down, Embedding, Likelihood, Model, Reason, SandboxReport, Spec, Writing,
    check,
};
use queue::{Line, Queue, Waiting};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use supervise::Shared;
use tokio::sync::{oneshot, watch};

/// How it is with the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is ready nearly always"
)]
pub enum State {
    /// It stays off until the server is started anew.
    Off {
        /// Why.
        reason: Reason,
    },
    /// Its process checks its files and loads.
    Starting {
        /// How often it was started anew.
        restarts: u64,
    },
    /// It takes jobs.
    Ready {
        /// What it loaded.
        about: About,
        /// How it is held.
        sandbox: SandboxReport,
        /// Its process.
        pid: u32,
        /// How often it was started anew.
        restarts: u64,
    },
    /// It will be tried again.
    Down {
        /// Why it ended.
        reason: Reason,
        /// How often it was started anew.
        restarts: u64,
        /// Seconds from this state's beginning to the next try.
        retry_in_s: u64,
    },
}

impl State {
    /// In one word: `off`, `starting`, `ready`, `down`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Off { .. } => "off",
            Self::Starting { .. } => "starting",
            Self::Ready { .. } => "ready",
            Self::Down { .. } => "down",
        }
    }

    /// Why it takes no jobs, where there is a reason.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Off { reason } | Self::Down { reason, .. } => Some(reason),
            Self::Starting { .. } | Self::Ready { .. } => None,
        }
    }

    /// Whether it takes jobs.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

/// What happened since the server's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Processes started, or tried to.
    pub starts: u64,
    /// Those that followed another.
    pub restarts: u64,
    /// Jobs answered.
    pub done: u64,
    /// Jobs that the engine would not do.
    pub refused: u64,
    /// Jobs that took too long; each ended the process.
    pub late: u64,
    /// Jobs at which the process ended.
    pub died: u64,
    /// Times that it ended with nothing to do.
    pub died_idle: u64,
    /// Jobs that wait now.
    pub waiting: u64,
    /// Jobs that the worker does now: none, or one.
    pub working: u64,
}

#[derive(Default)]
struct Counters {
    starts: AtomicU64,
    restarts: AtomicU64,
    done: AtomicU64,
    refused: AtomicU64,
    late: AtomicU64,
    died: AtomicU64,
    died_idle: AtomicU64,
    working: AtomicU64,
}

/// How fast a worker that ended is started anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Before the first time; doubled each time.
    pub first: Duration,
    /// At most.
    pub most: Duration,
    /// After living as long, or doing a job, the next wait is the first again.
    pub good: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(200),
            most: Duration::from_secs(60),
            good: Duration::from_secs(60),
        }
    }
}

/// Held by handles alone; with the last one the worker ends.
struct Life {
    stop: watch::Sender<bool>,
    /// Closed when the task has ended.
    ended: watch::Receiver<()>,
}

/// A handle to the worker. All of them mean the same one.
#[derive(Clone)]
pub struct Host {
    shared: Arc<Shared>,
    life: Arc<Life>,
    line: Line,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("state", &*self.shared.state.borrow())
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Starts a worker and looks after it. Returns at once; what goes wrong stands in [`Host::state`].
    /// To be called on a tokio runtime with I/O and time, which the worker does not outlive.
    #[must_use]
    pub fn start(spec: Spec) -> Self {
        Self::start_paced(spec, Pace::default())
    }

    /// [`Host::start`] at another pace.
    #[must_use]
    pub fn start_paced(spec: Spec, pace: Pace) -> Self {
        let spec = absolute(spec);
        let (state, _) = watch::channel(State::Starting { restarts: 0 });
        let shared = Arc::new(Shared {
            queue: Queue::new(spec.limits.queue, None),
            spec: Some(spec.clone()),
            state,
            counts: Counters::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let (ending, ended) = watch::channel(());
        let task = supervise::supervise(spec, pace, Arc::clone(&shared), stopped, ending);
        tokio::spawn(task);
        Self {
            shared,
            life: Arc::new(Life { stop, ended }),
            line: Line::Interactive,
        }
    }

    /// No worker, for this reason. No task and no process.
    #[must_use]
    pub fn off(reason: Reason) -> Self {
        let down = Down::Worker(reason.clone());
        let (state, _) = watch::channel(State::Off { reason });
        let shared = Arc::new(Shared {
            queue: Queue::new(1, Some(down)),
            spec: None,
            state,
            counts: Counters::default(),
        });
        let (stop, _) = watch::channel(false);
        let (_, ended) = watch::channel(());
        Self {
            shared,
            life: Arc::new(Life { stop, ended }),
            line: Line::Interactive,
        }
    }

    /// The same worker, for work that nobody waits for: its jobs come after those of people.
    #[must_use]
    pub fn background(&self) -> Self {
        Self {
            line: Line::Background,
            ..self.clone()
        }
    }

    /// How it is now.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state.borrow().clone()
    }

    /// What this says of how it is now, without copying that: for what looks at every request.
    pub fn look<T>(&self, at: impl FnOnce(&State) -> T) -> T {
        at(&self.shared.state.borrow())
    }

    /// How it is, and each change of it.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = &self.shared.counts;
        Counts {
            starts: counts.starts.load(Relaxed),
            restarts: counts.restarts.load(Relaxed),
            done: counts.done.load(Relaxed),
            refused: counts.refused.load(Relaxed),
            late: counts.late.load(Relaxed),
            died: counts.died.load(Relaxed),
            died_idle: counts.died_idle.load(Relaxed),
            waiting: self.shared.queue.len() as u64,
            working: counts.working.load(Relaxed),
        }
    }

    /// What it was started with; nothing where it is off from the beginning.
    #[must_use]
    pub fn spec(&self) -> Option<&Spec> {
        self.shared.spec.as_ref()
    }

    /// Waits while it starts.
    ///
    /// # Errors
    /// The reason why it is off or down.
    pub async fn ready(&self) -> Result<About, Reason> {
        let mut states = self.subscribe();
        let state = states
            .wait_for(|state| !matches!(state, State::Starting { .. }))
            .await;
        match state.as_deref() {
            Ok(State::Ready { about, .. }) => Ok(about.clone()),
            Ok(State::Off { reason } | State::Down { reason, .. }) => Err(reason.clone()),
            Ok(State::Starting { .. }) | Err(_) => Err(Reason::Stopped),
        }
    }

    /// Ends the worker and waits until it is gone. Jobs that wait are told so. Twice is as once.
    pub async fn stop(&self) {
        self.life.stop.send_replace(true);
        let mut ended = self.life.ended.clone();
        while ended.changed().await.is_ok() {}
    }

    /// What the model writes when it is asked this. The appliance never asks it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn write(&self, writing: Writing) -> Result<String, Down> {
        self.has("language model", |spec| spec.generator.is_some())?;
        match self.ask(Ask::Write(writing)).await? {
            Answer::Written(text) => Ok(text),
            _ => Err(another_answer()),
        }
    }

    async fn ask(&self, ask: Ask) -> Result<Answer, Down> {
        check::ask(&ask)?;
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(self.line, Waiting { ask, reply })?;
        // Dropped unanswered only with the runtime.
        answer.await.unwrap_or(Err(Down::Worker(Reason::Stopped)))
    }

    /// Whether a part is configured, where there is a worker at all.
    fn has(&self, what: &'static str, part: impl Fn(&Spec) -> bool) -> Result<(), Down> {
        match &self.shared.spec {
            Some(spec) if !part(spec) => Err(Down::Absent(what)),
            _ => Ok(()),
        }
    }
}

impl Model for Host {
    async fn score(&self, jobs: Vec<Continuations>) -> Result<Vec<Vec<Likelihood>>, Down> {
        self.has("language model", |spec| spec.generator.is_some())?;
        match self.ask(Ask::Score(jobs)).await? {
            Answer::Score(scores) => Ok(scores),
            _ => Err(another_answer()),
        }
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Embedding>, Down> {
        self.has("sentence model", |spec| spec.embedder.is_some())?;
        match self.ask(Ask::Embed(texts)).await? {
            Answer::Embed(embeddings) => Ok(embeddings),
            _ => Err(another_answer()),
        }
    }
}

/// The supervisor compares answers with questions, so nobody sees this.
fn another_answer() -> Down {
    Down::Refused("the answer is to another question".to_owned())
}

/// The worker's working directory is another one than ours.
fn absolute(mut spec: Spec) -> Spec {
    let paths = [&mut spec.program]
        .into_iter()
        .chain(spec.generator.iter_mut().map(|file| &mut file.path))
        .chain(
            spec.embedder
                .iter_mut()
                .flat_map(|sentences| [&mut sentences.weights.path, &mut sentences.tokenizer.path]),
        )
        .chain(spec.forbidden.iter_mut());
    for path in paths {
        if let Ok(found) = std::path::absolute(&*path) {
            *path = found;
        }
    }
    spec
}
