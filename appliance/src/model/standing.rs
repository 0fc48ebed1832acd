//! How model and items stand, in words: for the health page, for `model status`, and what helps.
//!
//! The running server writes it to `model-state.json` whenever it changes, so that a command beside
//! it can tell. The file is the server's word and nothing reads it back to decide anything.

use super::shelf::About;
use super::{Trouble, Work};
use crate::app::App;
use crate::data_dir;
use crate::http::error::chain;
use kernel::items::Tier;
use local_model::{Reason, SandboxPart, State};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::watch;

/// How often what the worker counts is written down, if it changed.
const PERIOD: Duration = Duration::from_secs(1);

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The server's process.
    pub server: u32,
    /// `off`, `starting`, `ready` or `down`.
    pub state: String,
    /// Why it does not run.
    #[serde(rename = "reason")]
    pub why: Option<Why>,
    /// Seconds until it is tried again.
    pub retry_in_s: Option<u64>,
    /// The worker's process.
    #[serde(rename = "pid")]
    pub worker: Option<u32>,
    /// What runs it: `llama.cpp …`.
    pub engine: Option<String>,
    /// The model, as its own file names it.
    pub name: Option<String>,
    /// Digest of its file.
    pub sha256: Option<String>,
    /// What it earned on this machine; absent until it was measured.
    pub tier: Option<Tier>,
    /// The measurement in a sentence.
    pub measured: Option<String>,
    /// The sandbox.
    pub sandbox: Option<Sandbox>,
    /// How often the worker was started again since the server's start.
    pub restarts: u64,
    /// What was counted since then.
    pub counts: Counts,
    /// What the job that makes items is at.
    #[serde(flatten)]
    pub work: Work,
    /// What is wrong with that job.
    pub trouble: Option<Trouble>,
    /// The newest pack.
    pub pack: Option<Pack>,
}

/// Why a model does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// Code of the manual.
    pub code: String,
    /// In words.
    pub text: String,
    /// What helps.
    pub fix: String,
}

impl Why {
    /// Of this reason.
    #[must_use]
    pub fn of(reason: &Reason) -> Self {
        Self {
            code: reason.code().to_owned(),
            text: reason.to_string(),
            fix: fix(reason),
        }
    }
}

/// The sandbox of the running worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Whether it runs without Landlock, as an administrator allowed.
    pub degraded: bool,
    /// What holds, for people.
    pub lines: Vec<String>,
    /// What its self-test tried, and was refused.
    pub refused: Vec<local_model::Attempt>,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Starts of the worker.
    pub starts: u64,
    /// Of them, those after an end that nobody wanted.
    pub restarts: u64,
    /// Jobs done.
    pub done: u64,
    /// Jobs refused: too large, too many, model down.
    pub refused: u64,
    /// Jobs that took too long.
    pub late: u64,
    /// Jobs at which the worker ended.
    pub died: u64,
    /// Times that it ended with nothing to do.
    pub died_idle: u64,
}

/// A pack, from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// Its version.
    pub version: String,
    /// What is known of it.
    #[serde(flatten)]
    pub about: About,
}

impl Standing {
    /// Of this running server.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let model = app.model();
        let (state, counts) = (model.host().state(), model.host().counts());
        let qualified = model.qualified();
        let mut standing = Self {
            server: std::process::id(),
            state: state.word().to_owned(),
            why: state.reason().map(Why::of),
            retry_in_s: None,
            worker: None,
            engine: None,
            name: qualified.as_ref().map(|it| it.identity.name.clone()),
            sha256: app.config().model.file.as_ref().map(|it| it.1.clone()),
            tier: qualified.as_ref().map(|it| it.tier),
            measured: qualified.as_ref().map(|it| it.summary()),
            sandbox: None,
            restarts: counts.restarts,
            counts: Counts {
                starts: counts.starts,
                restarts: counts.restarts,
                done: counts.done,
                refused: counts.refused,
                late: counts.late,
                died: counts.died,
                died_idle: counts.died_idle,
            },
            work: model.work(),
            trouble: model.trouble(),
            pack: model.shelf.newest().map(|kept| Pack {
                version: kept.version.clone(),
                about: kept.about.clone(),
            }),
        };
        match state {
            State::Ready {
                about,
                sandbox,
                pid,
                ..
            } => {
                standing.worker = Some(pid);
                standing.engine = Some(about.engine);
                if let Some(generator) = about.generator {
                    standing.name = Some(generator.name);
                    standing.sha256 = Some(generator.sha256);
                }
                standing.sandbox = Some(Sandbox {
                    degraded: sandbox.degraded,
                    lines: sandbox.lines(),
                    refused: sandbox.refused,
                });
            }
            State::Down { retry_in_s, .. } => standing.retry_in_s = Some(retry_in_s),
            _ => {}
        }
        standing
    }

    /// Whether a model is configured.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        let none = Reason::NotConfigured.code();
        self.why.as_ref().is_none_or(|why| why.code != none)
    }

    /// Why the model that is configured does not run, if it does not.
    #[must_use]
    pub fn failure(&self) -> Option<&Why> {
        self.why.as_ref().filter(|_| self.is_set_up())
    }
}

/// A tier in words, to stand behind a model's name.
#[must_use]
pub fn tier_words(tier: Option<Tier>) -> &'static str {
    match tier {
        Some(Tier::Author) => "writes checks, which then pass the gates",
        Some(Tier::Ranker) => "chooses among sound checks, better than a random draw",
        Some(Tier::None) => "is at chance here: checks are drawn at random",
        None => "was not measured here yet: checks are drawn at random",
    }
}

/// What helps.
#[must_use]
pub fn fix(reason: &Reason) -> String {
    match reason {
        Reason::NotConfigured => {
            "name a file and its digest in [model], or leave it: everything else works without".into()
        }
        Reason::File { .. } => {
            "put the file there, readable for the user that runs the appliance, or correct its path \
             in [model]; then restart the appliance"
                .into()
        }
        Reason::Digest { .. } => {
            "put back the file that the digest belongs to; write another digest into [model] only if \
             you know where the file is from; then restart the appliance"
                .into()
        }
        Reason::Unsound { .. } => {
            "copy the file again from its source: this one is cut off, damaged or made to harm".into()
        }
        Reason::Architecture { .. } => "choose a model of a supported architecture".into(),
        Reason::Memory { needed_mb, .. } => format!(
            "raise model.memory_mb to {needed_mb} or more, if the machine has it, or choose a smaller \
             model"
        ),
        Reason::Instructions { .. } => {
            "move the appliance to a newer processor, or let the hypervisor pass its instructions on \
             (CPU type `host`); without them it works with no model"
                .into()
        }
        Reason::Deadline { .. } => {
            "look at the machine's load and at the disk; raise model.start_s if it is only slow".into()
        }
        Reason::Sandbox {
            part: SandboxPart::Landlock,
            ..
        } => "start a kernel with Landlock (5.13 or newer, `lsm=…,landlock`), or accept less with \
              model.sandbox = \"allow-degraded\""
            .into(),
        Reason::Sandbox { .. } => {
            "let the service manager or container grant the system calls seccomp, prctl and \
             setrlimit to this program; this part is never waived"
                .into()
        }
        Reason::Engine { .. } => "choose another file: the engine cannot use this one".into(),
        Reason::Died { .. } => {
            "look at the log around that moment, and whether the system ran out of memory (`dmesg`); \
             it is tried again by itself"
                .into()
        }
        Reason::Spawn { .. } => {
            "look whether the user may start more processes (`ulimit -u`), and whether the program's \
             file is still whole; it is tried again by itself"
                .into()
        }
        _ => "run `aiworklab-appliance model doctor`".into(),
    }
}

/// Writes it down.
fn write(app: &App, standing: &Standing) -> Result<(), data_dir::Error> {
    let path = app.config().data_dir.join(data_dir::MODEL_STATE);
    let bytes = serde_json::to_vec_pretty(standing).unwrap_or_default();
    data_dir::write_passing(&path, &bytes)
}

/// Writes it down once, before [`keep`] begins and before anybody is told that the server serves:
/// whoever finds the server finds this, too. What fails here, [`keep`] tries again and tells.
pub fn begin(app: &App) {
    let _ = write(app, &Standing::of(app));
}

/// Writes it down whenever it changed, until `stop` becomes true.
pub async fn keep(app: App, mut stop: watch::Receiver<bool>) {
    let mut states = app.model().host().subscribe();
    let mut supervised = true;
    let mut written = None;
    let mut failing = false;
    loop {
        let standing = Standing::of(&app);
        if written.as_ref() != Some(&standing) {
            let (of, now) = (app.clone(), standing.clone());
            let done = tokio::task::spawn_blocking(move || write(&of, &now)).await;
            match done {
                Ok(Ok(())) => (written, failing) = (Some(standing), false),
                Ok(Err(error)) if !failing => {
                    failing = true;
                    let (code, cause) = (error.code(), chain(&error));
                    tracing::warn!(
                        code,
                        cause,
                        "how the model stands could not be written down"
                    );
                }
                _ => {}
            }
        }
        tokio::select! {
            changed = states.changed(), if supervised => supervised = changed.is_ok(),
            () = tokio::time::sleep(PERIOD) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    let _ = std::fs::remove_file(app.config().data_dir.join(data_dir::MODEL_STATE));
}

/// What the server of this process wrote last; `None` if it wrote nothing.
#[must_use]
pub fn of_server(dir: &std::path::Path, server: u32) -> Option<Standing> {
    let bytes = std::fs::read(dir.join(data_dir::MODEL_STATE)).ok()?;
    let standing: Standing = serde_json::from_slice(&bytes).ok()?;
    (standing.server == server).then_some(standing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn every_reason_says_what_helps() {
        let reasons = [
            Reason::NotConfigured,
            Reason::Memory {
                needed_mb: 900,
                limit_mb: 100,
            },
            Reason::Sandbox {
                part: SandboxPart::Landlock,
                cause: "x".to_owned(),
            },
        ];
        for reason in reasons {
            assert!(fix(&reason).len() > 20, "{reason}");
        }
        assert!(
            fix(&Reason::Memory {
                needed_mb: 900,
                limit_mb: 1
            })
            .contains("900")
        );
    }

    #[tokio::test]
    async fn what_the_server_wrote_is_read_by_its_number_alone() {
        let scratch = Scratch::new(false);
        let dir = scratch.app.config().data_dir.clone();
        let (stop, stopped) = watch::channel(false);
        let job = tokio::spawn(keep(scratch.app.clone(), stopped));
        let own = std::process::id();
        let standing = loop {
            if let Some(standing) = of_server(&dir, own) {
                break standing;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(standing.state, "off");
        assert_eq!(standing.why.unwrap().code, "L001");
        assert_eq!(of_server(&dir, own + 1), None);
        stop.send_replace(true);
        job.await.unwrap();
        assert_eq!(of_server(&dir, own), None, "an ended server says nothing");
    }
}
