//! The local model as the appliance uses it: what it is started with, what it earned, and the items
//! that are made ahead of time.
//!
//! Nothing of the server waits for it. With the model down, or none configured, items are made
//! without it; what was made last stays.
//!
//! | module | holds |
//! |---|---|
//! | [`spec`] | from `[model]` to what the worker is started with |
//! | [`shelf`] | the newest pack of items, signed, in memory and on the disk |
//! | [`patient`] | asking a model that is slow or ends in between |
//! | [`maker`] | the job that measures the model and makes packs |
//! | [`standing`] | how all of it stands, in words: health page, `model status` |

pub mod maker;
pub mod patient;
pub mod shelf;
pub mod spec;
pub mod standing;

use local_model::{About, Host, Identity, Qualified, Reason, State};
use std::sync::{Arc, Mutex, PoisonError};

/// What the job is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "work")]
pub enum Work {
    /// Nothing is to be done.
    #[default]
    Idle,
    /// The model is measured: so many questions of so many.
    Measuring {
        /// Done.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// A pack is made: so many concepts of so many.
    Making {
        /// Done.
        done: usize,
        /// Of so many.
        of: usize,
    },
}

/// Why the job's last round failed; the next may do better.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trouble {
    /// Code of the manual.
    pub code: String,
    /// What was so, with its causes.
    pub cause: String,
}

/// The model, and what is known of it. Part of [`crate::app::App`].
pub struct LocalModel {
    host: Host,
    qualified: Mutex<Option<Arc<Qualified>>>,
    work: Mutex<Work>,
    trouble: Mutex<Option<Trouble>>,
    /// The newest pack.
    pub shelf: shelf::Shelf,
}

impl LocalModel {
    /// With this host, nothing measured and nothing made yet.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self {
            host,
            qualified: Mutex::default(),
            work: Mutex::default(),
            trouble: Mutex::default(),
            shelf: shelf::Shelf::default(),
        }
    }

    /// What runs the worker.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What the model earned on this machine, once it was measured.
    #[must_use]
    pub fn qualified(&self) -> Option<Arc<Qualified>> {
        lock(&self.qualified).clone()
    }

    /// What the job is at.
    #[must_use]
    pub fn work(&self) -> Work {
        *lock(&self.work)
    }

    /// What is wrong with the job, if anything.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        lock(&self.trouble).clone()
    }

    /// Whether a language model is configured at all.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        let configured = |state: &State| state.reason() != Some(&Reason::NotConfigured);
        self.host.look(configured)
    }

    /// Whether it runs now without a part of its sandbox, as an administrator allowed.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        let degraded =
            |state: &State| matches!(state, State::Ready { sandbox, .. } if sandbox.degraded);
        self.host.look(degraded)
    }

    fn set_qualified(&self, qualified: Option<Arc<Qualified>>) {
        *lock(&self.qualified) = qualified;
    }

    fn set_work(&self, work: Work) {
        *lock(&self.work) = work;
    }

    fn set_trouble(&self, trouble: Option<Trouble>) {
        *lock(&self.trouble) = trouble;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a measurement of this running model would be for; `None` if no language model is loaded.
#[must_use]
pub fn identity(about: &About, catalogue: u32) -> Option<Identity> {
    let generator = about.generator.as_ref()?;
    Some(Identity {
        name: generator.name.clone(),
        sha256: generator.sha256.clone(),
        sentences: about.embedder.as_ref().map(|it| it.sha256.clone()),
        catalogue,
    })
}
