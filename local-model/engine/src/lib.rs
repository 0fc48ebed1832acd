//! The engines: llama.cpp for language models, candle (crate `sentences`) for sentences; and the
//! worker's main.
//!
//! Only the binary links this crate, and only as `model-worker` runs it: native code is never called
//! in the process that serves. Files are judged by `local_model` before llama.cpp sees them, and
//! [`load`] runs inside the sandbox already.
//!
//! Invariant: what a job answers depends on the job alone, not on the jobs before it.
//! Elsewhere: frames, sandbox and loop are `local_model::worker`.

mod error;
mod llama;
mod logs;
mod write;

pub use error::EngineError;
pub use llama::Llama;
pub use sentences::{MOST_TOKENS, Sentences};

use local_model::worker::Engine;
use local_model::{
    About, Continuations, Embedding, Likelihood, Reason, Spec, Writing, check_processor,
    inspect_files,
};
use std::process::ExitCode;

/// What computes, and in which version.
pub const ENGINES: &str = "llama.cpp through llama-cpp-2 0.1.160, candle 0.11.1";

/// The program `model-worker`: to be called first thing in `main`, before any thread.
#[must_use]
pub fn worker_main() -> ExitCode {
    local_model::worker::run(|spec| {
        logs::to_stderr();
        load(spec).map(|engines| Box::new(engines) as Box<dyn Engine>)
    })
}

/// Both models, or one of them.
pub struct Engines {
    llama: Option<Llama>,
    sentences: Option<Sentences>,
}

/// Judges the files, the memory and the processor, and loads.
///
/// # Errors
/// The [`Reason`] why it will not run.
pub fn load(spec: &Spec) -> Result<Engines, Reason> {
    // The language model is checked first: it is the part that says more.
    if spec.generator.is_some() {
        check_processor()?;
    }
    let (generator, embedder) = inspect_files(spec)?;
    let llama = generator
        .map(|file| Llama::load(&file, &spec.limits))
        .transpose()?;
    let weights = spec.embedder.as_ref().map(|e| e.weights.sha256.as_str());
    let sentences = embedder
        .map(|files| Sentences::load(files, weights.unwrap_or_default(), spec.limits.threads))
        .transpose()?;
    Ok(Engines { llama, sentences })
}

impl Engine for Engines {
    fn score(&mut self, jobs: &[Continuations]) -> Result<Vec<Vec<Likelihood>>, String> {
        let Some(llama) = &mut self.llama else {
            return Err(EngineError::Absent("language model").words());
        };
        let scored = jobs.iter().map(|job| llama.score(job));
        scored.collect::<Result<_, _>>().map_err(|e| e.words())
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Embedding>, String> {
        let Some(sentences) = &self.sentences else {
            return Err(EngineError::Absent("sentence model").words());
        };
        sentences.embed(texts).map_err(|e| e.words())
    }

    fn write(&mut self, writing: &Writing) -> Result<String, String> {
        let Some(llama) = &mut self.llama else {
            return Err(EngineError::Absent("language model").words());
        };
        llama.write(writing).map_err(|e| e.words())
    }

    fn about(&self) -> About {
        About {
            engine: ENGINES.to_owned(),
            generator: self.llama.as_ref().map(Llama::about),
            embedder: self.sentences.as_ref().map(Sentences::about),
        }
    }
}

/// For both engines.
pub(crate) fn refused(cause: impl std::fmt::Display) -> Reason {
    Reason::Engine {
        cause: cause.to_string(),
    }
}
