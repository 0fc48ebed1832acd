//! A local model: a GGUF file, checked in Rust, run in a sandboxed process of its own.
//!
//! The process is the program `aiworklab-model` beside this one. It has no network and no file but the
//! model's, and it lives as long as it works: for one question. This program holds no part of the
//! engine, so its hook stays as small as it was.

use super::ask::{self, Question, Said};
use super::config::Config;
use super::error::Error;
use crate::edges;
use crate::home::Home;
use local_model::{
    Host, Limits, ModelFile, Reason, SandboxPolicy, Spec, Writing, digest_of, inspect,
};
use std::path::{Path, PathBuf};

/// The worker's program, in the folder of this one.
const PROGRAM: &str = "aiworklab-model";
/// Tokens that the model sees at once.
const CONTEXT: u32 = 2_048;
/// Memory beside the file that it may take at most, in MB.
const MEMORY_MB: u64 = 4_000;
/// Most tokens that it writes.
const TOKENS: u32 = 120;

fn limits() -> Limits {
    // The engineer is at work: half of the cores at most, and not more than four.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Limits {
        threads: u32::try_from((cores / 2).clamp(1, 4)).unwrap_or(1),
        memory_mb: MEMORY_MB,
        context: CONTEXT,
        start_s: 120,
        job_s: 180,
        queue: 1,
    }
}

/// A file that can be used: its digest, and the name that it gives itself.
///
/// # Errors
/// [`Error::Local`], with what is wrong.
pub fn judged(path: &Path) -> Result<(String, String), Error> {
    let failed = |reason: Reason| local(path, reason);
    let (sha256, _) = digest_of(path).map_err(failed)?;
    let file = ModelFile {
        path: path.to_owned(),
        sha256: sha256.clone(),
    };
    let inspected = inspect(&file, &limits()).map_err(failed)?;
    Ok((sha256, inspected.description.name))
}

fn local(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Local {
        path: path.to_owned(),
        source: Box::new(source),
    }
}

/// The worker's program.
///
/// # Errors
/// The system's, if it is not there.
pub fn program() -> std::io::Result<PathBuf> {
    let path = edges::program()?.with_file_name(PROGRAM);
    std::fs::metadata(&path).map(|_| path)
}

/// Asks the model in the file; its process is gone when this returns.
///
/// # Errors
/// [`Error::Local`], [`Error::Words`].
pub async fn ask(home: &Home, config: &Config, question: &Question) -> Result<Said, Error> {
    let (Some(path), Some(sha256)) = (config.file(), &config.sha256) else {
        return Err(Error::Off);
    };
    let spec = Spec {
        program: program().map_err(|source| local(path, source))?,
        generator: Some(ModelFile {
            path: path.to_owned(),
            sha256: sha256.clone(),
        }),
        embedder: None,
        limits: limits(),
        sandbox: SandboxPolicy::Required,
        run_as: None,
        forbidden: vec![home.database(), home.device_key()],
    };
    let host = Host::start(spec);
    let answer = match host.ready().await {
        Err(reason) => Err(local(path, reason)),
        Ok(_) => {
            let writing = Writing {
                system: question.system.clone(),
                user: question.user.clone(),
                grammar: question.grammar(),
                tokens: TOKENS,
            };
            host.write(writing).await.map_err(|down| local(path, down))
        }
    };
    host.stop().await;
    ask::read(&answer?).map_err(|why| Error::Words {
        host: "this machine".to_owned(),
        why: why.to_owned(),
    })
}
