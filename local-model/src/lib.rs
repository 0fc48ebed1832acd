//! The local model: files checked in Rust, a sandboxed worker, ranking, qualification.
//!
//! Native code (llama.cpp) is never called in the process that serves: it runs in the same binary,
//! re-executed as `model-worker` (crate `model_engine`), behind a socketpair. What the worker can do
//! to the rest of the machine is little, and it is tried at each of its starts. Everything here
//! works with the worker down; what needs it says [`Down`].
//!
//! Elsewhere: what makes an item sound is `kernel::items`; the model only chooses among sound ones.

mod about;
mod check;
mod cpu;
mod files;
pub mod gguf;
mod host;
mod make;
mod model;
mod qualify;
mod rank;
mod reason;
mod sandbox;
mod spec;
pub mod wire;
pub mod worker;

pub use about::{About, Loaded};
pub use check::{
    MAX_CONTINUATION_BYTES, MAX_CONTINUATIONS, MAX_GRAMMAR_BYTES, MAX_JOBS, MAX_PREFIX_BYTES,
    MAX_TEXT_BYTES, MAX_TEXTS, MAX_WRITTEN_BYTES, MAX_WRITTEN_TOKENS,
};
pub use cpu::{INSTRUCTIONS, check_processor};
pub use files::{
    DEFAULT_MODEL, Description, Inspected, InspectedEmbedder, KnownFile, SENTENCE_TOKENIZER,
    SENTENCE_WEIGHTS, SENTENCES_NEED_MB, TOKENS_AT_ONCE, digest_of, inspect, inspect_embedder,
    inspect_files,
};
pub use host::{Counts, Host, Pace, State};
pub use make::{
    Balance, ConceptReport, Explained, ExplainedPart, Made, Progress, Recipe, Refused, Report,
    Tried, explain, make_pack, try_concept,
};
pub use model::{Continuations, Down, Embedding, Likelihood, Model, Writing};
pub use qualify::{
    Area, EARNED_AUC, Identity, LabelledSet, LikenessResult, NEAR_DUPLICATE, Qualified, RoleResult,
    SourceArea, qualify,
};
pub use rank::{NoModel, RankError, Ranked, Role, Scored, Scoring};
pub use reason::{Reason, SandboxPart};
pub use sandbox::{Attempt, Landlock, SandboxReport};
pub use spec::{Embedder, Limits, ModelFile, SandboxPolicy, Spec};
