//! One worker process: started with nothing, asked, ended, waited for.

use super::words::{self, Words};
use crate::wire::{
    self, Answer, Ask, FromWorker, MAX_FRAME, MAX_GREETING, PROTOCOL, ToWorker, WireError,
};
use crate::{About, Limits, Reason, SandboxReport, Spec, check};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// How long a process whose socket closed may take to end, until it is ended.
const LEAVING: Duration = Duration::from_secs(2);
/// How long the system may take to end a killed process; one that hangs in the kernel is left to it.
const ENDING: Duration = Duration::from_secs(10);

pub(super) struct Running {
    child: Child,
    stream: UnixStream,
    words: Words,
    limits: Limits,
    pub pid: u32,
}

/// How a job ended.
pub(super) enum Exchange {
    Answered(Answer),
    /// The engine would not.
    Refused(String),
    /// It cannot be sent.
    TooLarge(u64),
    /// The process is of no more use.
    Broken(Broken),
}

/// Why a process is of no more use.
pub(super) enum Broken {
    /// It ended, or is about to.
    Ended,
    /// It says what it must not.
    Said(String),
}

impl From<WireError> for Broken {
    fn from(e: WireError) -> Self {
        match e {
            WireError::Closed | WireError::Truncated { .. } | WireError::Io { .. } => Self::Ended,
            _ => Self::Said(e.words()),
        }
    }
}

fn not_started(cause: impl std::fmt::Display) -> Reason {
    Reason::Spawn {
        cause: cause.to_string(),
    }
}

impl Running {
    /// Starts the process; it has said nothing yet.
    pub fn spawn(spec: &Spec) -> Result<Self, Reason> {
        let (ours, theirs) = StdStream::pair().map_err(not_started)?;
        ours.set_nonblocking(true).map_err(not_started)?;
        let stream = UnixStream::from_std(ours).map_err(not_started)?;
        let mut command = Command::new(&spec.program);
        command
            .arg("model-worker")
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // A terminal's Ctrl-C is the server's; it ends the worker itself.
            .process_group(0)
            .kill_on_drop(true);
        if let Some((uid, gid)) = spec.run_as {
            // The standard library drops supplementary groups with it.
            command.uid(uid).gid(gid);
        }
        let mut child = command
            .spawn()
            .map_err(|e| not_started(format!("{}: {e}", spec.program.display())))?;
        let stderr = child.stderr.take();
        let (Some(stderr), Some(pid)) = (stderr, child.id()) else {
            return Err(not_started("the process ended while it was started"));
        };
        Ok(Self {
            child,
            stream,
            words: Words::of(stderr),
            limits: spec.limits,
            pid,
        })
    }

    /// Greets it, and waits until it is ready. The caller keeps the time.
    pub async fn greet(&mut self, spec: &Spec) -> Result<(About, SandboxReport), Greeting> {
        match self.hear().await? {
            FromWorker::Hello { protocol, .. } if protocol == PROTOCOL => {}
            FromWorker::Hello { protocol, build } => {
                return Err(Greeting::Told(not_started(format!(
                    "{} is another program: it speaks protocol {protocol} (version {build}), this server {PROTOCOL}",
                    spec.program.display()
                ))));
            }
            FromWorker::Failed { reason } => return Err(Greeting::Told(reason)),
            _ => return Err(Broken::Said("it did not say hello".to_owned()).into()),
        }
        let start = ToWorker::Start {
            protocol: PROTOCOL,
            spec: Box::new(spec.clone()),
        };
        let frame = wire::encode(&start).map_err(|e| Greeting::Told(not_started(e.words())))?;
        if self.stream.write_all(&frame).await.is_err() {
            return Err(Broken::Ended.into());
        }
        match self.hear().await? {
            FromWorker::Ready { about, sandbox } => Ok((about, sandbox)),
            FromWorker::Failed { reason } => Err(Greeting::Told(reason)),
            _ => Err(Broken::Said("it was to say whether it is ready".to_owned()).into()),
        }
    }

    async fn hear(&mut self) -> Result<FromWorker, Broken> {
        let body = wire::receive(&mut self.stream, MAX_GREETING).await?;
        Ok(wire::decode_tidied(&body)?)
    }

    /// One job, to its end. The caller keeps the time; if it drops this, the process has to be ended.
    pub async fn exchange(&mut self, id: u64, ask: &Ask) -> Exchange {
        let message = ToWorker::Job {
            id,
            ask: ask.clone(),
        };
        let frame = match wire::encode(&message) {
            Ok(frame) => frame,
            Err(WireError::TooLarge { size, .. }) => return Exchange::TooLarge(size),
            Err(e) => return Exchange::Refused(e.words()),
        };
        match self.answer(&frame).await {
            Ok(FromWorker::Done { id: of, answer }) if of == id && check::fits(ask, &answer) => {
                Exchange::Answered(answer)
            }
            Ok(FromWorker::Refused { id: of, cause }) if of == id => {
                Exchange::Refused(wire::tidy(&cause, wire::MAX_WORDS))
            }
            Ok(FromWorker::Failed { reason }) => Exchange::Broken(Broken::Said(wire::tidy(
                &reason.to_string(),
                wire::MAX_WORDS,
            ))),
            Ok(_) => Exchange::Broken(Broken::Said(
                "its answer does not fit the question".to_owned(),
            )),
            Err(broken) => Exchange::Broken(broken),
        }
    }

    async fn answer(&mut self, frame: &[u8]) -> Result<FromWorker, Broken> {
        if self.stream.write_all(frame).await.is_err() {
            return Err(Broken::Ended);
        }
        let body = wire::receive(&mut self.stream, MAX_FRAME).await?;
        Ok(wire::decode(&body)?)
    }

    /// Waits, while it has nothing to do, until it ends or says something unasked.
    pub async fn broken_while_idle(&mut self) -> Broken {
        loop {
            if self.stream.readable().await.is_err() {
                return Broken::Ended;
            }
            match self.stream.try_read(&mut [0; 1]) {
                Ok(0) => return Broken::Ended,
                Ok(_) => return Broken::Said("it spoke unasked".to_owned()),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return Broken::Ended,
            }
        }
    }

    /// Ends it, and says why it did where it did so by itself.
    pub async fn end(mut self, broken: Broken) -> Reason {
        let by_itself = match broken {
            Broken::Ended => tokio::time::timeout(LEAVING, self.child.wait()).await.ok(),
            Broken::Said(_) => None,
        };
        let status: Option<ExitStatus> = match by_itself {
            Some(status) => status.ok(),
            None => {
                self.kill().await;
                None
            }
        };
        let words = self.words.last().await;
        match (broken, status) {
            (Broken::Said(how), _) => Reason::Died {
                how: format!("it was ended: {how}"),
            },
            (Broken::Ended, Some(status)) => words::meaning(status, &words, &self.limits),
            (Broken::Ended, None) => Reason::Died {
                how: "it closed its socket and was ended".to_owned(),
            },
        }
    }

    /// Kills it and waits for it, so that nothing of it is left.
    pub async fn kill(&mut self) {
        if let Err(e) = self.child.start_kill() {
            tracing::debug!(pid = self.pid, "could not be killed: {e}");
        }
        if tokio::time::timeout(ENDING, self.child.wait())
            .await
            .is_err()
        {
            tracing::error!(pid = self.pid, "the model's killed process has not ended");
        }
    }
}

/// Why it did not become ready.
pub(super) enum Greeting {
    /// It, or its version, says so.
    Told(Reason),
    /// It is of no use.
    Broken(Broken),
}

impl From<Broken> for Greeting {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}
