//! The worker's own program: greets, shuts itself in, loads, answers one job at a time.
//!
//! It is started with nothing: descriptor 0 is the socket to the server, 1 goes nowhere, 2 is read line
//! by line; no environment, no arguments but its name. What it is to do comes over the socket.
//!
//! Order: greeting, sandbox, self-test, loader (which checks files in Rust before native code sees
//! them), tighter sandbox, jobs. A thread does nothing but read the socket, so that the process ends
//! with its server even while an engine computes.
//!
//! Elsewhere: engines are `model_engine`'s; who starts and stops workers is [`crate::Host`].

use crate::wire::{self, Answer, Ask, FromWorker, MAX_FRAME, PROTOCOL, ToWorker, WireError};
use crate::{About, Continuations, Embedding, Likelihood, Reason, Spec, Writing, check, sandbox};
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::mpsc;

/// What computes. Lives on one thread, the first.
pub trait Engine {
    /// How well each continuation of each job follows, in the order asked.
    ///
    /// # Errors
    /// In words, if it will not do this one; it takes the next all the same.
    fn score(&mut self, jobs: &[Continuations]) -> Result<Vec<Vec<Likelihood>>, String>;

    /// The direction of each text, in the order asked.
    ///
    /// # Errors
    /// As [`Engine::score`].
    fn embed(&mut self, texts: &[String]) -> Result<Vec<Embedding>, String>;

    /// What it writes when it is asked this.
    ///
    /// # Errors
    /// As [`Engine::score`].
    fn write(&mut self, writing: &Writing) -> Result<String, String> {
        let _ = writing;
        Err("this engine does not write".to_owned())
    }

    /// What it loaded.
    fn about(&self) -> About;
}

/// It did not start; the server was told why.
const NOT_STARTED: u8 = 3;
/// The server did not speak this protocol.
const NOT_UNDERSTOOD: u8 = 4;

/// Descriptor 0, without a buffer.
struct Socket;

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdin(), bytes)?)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs a worker until its server is gone. To be called first of all, before any thread exists.
///
/// The loader is called inside the sandbox: of all files, it can read those of the specification.
pub fn run(loader: impl FnOnce(&Spec) -> Result<Box<dyn Engine>, Reason>) -> ExitCode {
    match served(loader) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Ended::NotStarted(reason)) => {
            let _ = wire::write(&mut Socket, &FromWorker::Failed { reason });
            ExitCode::from(NOT_STARTED)
        }
        // The server is gone, and nobody is to be told.
        Err(Ended::Wire(WireError::Closed)) => ExitCode::SUCCESS,
        Err(Ended::Wire(e)) => {
            let cause = e.words();
            eprintln!("the server's message: {cause}");
            let reason = Reason::Spawn { cause };
            let _ = wire::write(&mut Socket, &FromWorker::Failed { reason });
            ExitCode::from(NOT_UNDERSTOOD)
        }
    }
}

enum Ended {
    NotStarted(Reason),
    Wire(WireError),
}

impl From<Reason> for Ended {
    fn from(reason: Reason) -> Self {
        Self::NotStarted(reason)
    }
}

impl From<WireError> for Ended {
    fn from(e: WireError) -> Self {
        Self::Wire(e)
    }
}

fn served(loader: impl FnOnce(&Spec) -> Result<Box<dyn Engine>, Reason>) -> Result<(), Ended> {
    let closed = sandbox::close_inherited();
    let hello = FromWorker::Hello {
        protocol: PROTOCOL,
        build: env!("CARGO_PKG_VERSION").to_owned(),
    };
    wire::write(&mut Socket, &hello)?;
    let spec = started()?;
    let mut report = sandbox::enter(&spec, closed)?;
    let jobs = listening()?;
    let mut engine = loader(&spec)?;
    sandbox::tighten(&spec, &mut report)?;
    let about = engine.about();
    wire::write(
        &mut Socket,
        &FromWorker::Ready {
            about,
            sandbox: report,
        },
    )?;
    // The channel ends when the server's bytes made no sense; when it closes, the process is gone.
    for message in jobs {
        let ToWorker::Job { id, ask } = message? else {
            let cause = "a second start".to_owned();
            return Err(Reason::Spawn { cause }.into());
        };
        wire::write(&mut Socket, &answered(engine.as_mut(), id, &ask))?;
    }
    Ok(())
}

fn started() -> Result<Box<Spec>, Ended> {
    let body = wire::read(&mut Socket, MAX_FRAME)?;
    let cause = match wire::decode(&body)? {
        ToWorker::Start { protocol, spec } if protocol == PROTOCOL => return Ok(spec),
        ToWorker::Start { protocol, .. } => {
            format!("the server speaks protocol {protocol}, this program {PROTOCOL}")
        }
        ToWorker::Job { .. } => "a job before the start".to_owned(),
    };
    Err(Reason::Spawn { cause }.into())
}

/// Reads on a thread of its own. When the server's end closes, whatever happens here ends with it.
fn listening() -> Result<mpsc::Receiver<Result<ToWorker, WireError>>, Ended> {
    let (tell, jobs) = mpsc::channel();
    let listener = move || {
        loop {
            let message = wire::read(&mut Socket, MAX_FRAME).and_then(|body| wire::decode(&body));
            if matches!(
                message,
                Err(WireError::Closed | WireError::Truncated { .. } | WireError::Io { .. })
            ) {
                sandbox::die();
            }
            let last = message.is_err();
            if tell.send(message).is_err() || last {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("listener".to_owned())
        .stack_size(256 << 10)
        .spawn(listener)
        .map_err(|e| Reason::Spawn {
            cause: format!("no thread: {e}"),
        })?;
    Ok(jobs)
}

fn answered(engine: &mut dyn Engine, id: u64, ask: &Ask) -> FromWorker {
    let answer = match (check::ask(ask), ask) {
        (Err(down), _) => Err(down.to_string()),
        (Ok(()), Ask::Score(jobs)) => engine.score(jobs).map(Answer::Score),
        (Ok(()), Ask::Embed(texts)) => engine.embed(texts).map(Answer::Embed),
        (Ok(()), Ask::Write(writing)) => engine.write(writing).map(Answer::Written),
    };
    match answer {
        Ok(answer) => FromWorker::Done { id, answer },
        Err(cause) => FromWorker::Refused { id, cause },
    }
}
