//! What a worker loaded, in its own words.

use serde::{Deserialize, Serialize};

/// What runs in the worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The engines and their versions.
    pub engine: String,
    /// The language model.
    pub generator: Option<Loaded>,
    /// The sentence model.
    pub embedder: Option<Loaded>,
}

/// One model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// As people call it.
    pub name: String,
    /// SHA-256 of its weights.
    pub sha256: String,
    /// As the file says.
    pub architecture: String,
    /// How its weights are stored.
    pub quantisation: String,
    /// Its weights, counted.
    pub parameters: u64,
    /// Tokens that it sees at once here.
    pub context: u32,
    /// Size of its weights' file.
    pub bytes: u64,
    /// Numbers of an embedding; 0 for a language model.
    pub dimensions: u32,
}
