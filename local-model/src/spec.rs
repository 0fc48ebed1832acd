//! What a worker is started with.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A file and its digest, without which it is not opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFile {
    /// Where it lies.
    pub path: PathBuf,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
}

/// The small sentence model (all-MiniLM-L6-v2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedder {
    /// `model.safetensors`.
    pub weights: ModelFile,
    /// `tokenizer.json`.
    pub tokenizer: ModelFile,
}

/// What the worker may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Threads of the engine. Not all cores: its threads spin, and wait for each other.
    pub threads: u32,
    /// Private memory beside the files' size, in MB of 1,000,000 bytes.
    pub memory_mb: u64,
    /// Tokens that it sees at once.
    pub context: u32,
    /// Seconds until it has to be ready.
    pub start_s: u64,
    /// Seconds for one job.
    pub job_s: u64,
    /// Jobs that may wait.
    pub queue: usize,
}

/// What happens where a part of the sandbox cannot be had. Seccomp and the absence of a network are
/// never waived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxPolicy {
    /// It is not started.
    #[default]
    Required,
    /// An administrator said that it may run without Landlock; shown everywhere.
    AllowDegraded,
}

/// Everything about a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The program that has `model-worker`: the running one.
    pub program: PathBuf,
    /// The language model (GGUF), if there is one.
    pub generator: Option<ModelFile>,
    /// The sentence model, if there is one.
    pub embedder: Option<Embedder>,
    /// What it may take.
    pub limits: Limits,
    /// What happens where the sandbox is incomplete.
    pub sandbox: SandboxPolicy,
    /// A user and group of its own, where we are root.
    pub run_as: Option<(u32, u32)>,
    /// Files that the self-test tries to open and must not: the database, the keys.
    pub forbidden: Vec<PathBuf>,
}
