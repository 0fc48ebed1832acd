//! What a model is asked, whoever runs it.

use crate::Reason;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// One text, and several ways to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuations {
    /// What stands before; not scored. At most 8 KiB.
    pub prefix: String,
    /// At most 16, each at most 2 KiB and not empty. Scored as they stand: a leading space counts.
    pub continuations: Vec<String>,
}

/// Something to be written: only for an engineer's own model, on the engineer's order. What comes back
/// is never trusted; it passes the gates of `kernel::items`, or nobody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writing {
    /// What it is to do. At most 8 KiB.
    pub system: String,
    /// What it is to do it with. At most 8 KiB.
    pub user: String,
    /// Grammar of what it may write, in GBNF, from `root` on. At most 4 KiB.
    pub grammar: String,
    /// Most tokens that it writes, at most 512.
    pub tokens: u32,
}

/// How well a continuation follows its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// Sum of natural logarithms of its tokens' chances; at most 0.
    pub log: f64,
    /// Its tokens.
    pub tokens: u32,
}

impl Likelihood {
    /// Mean logarithm a token; comparable between texts of different lengths.
    #[must_use]
    pub fn per_token(self) -> f64 {
        self.log / f64::from(self.tokens.max(1))
    }
}

/// A text's direction, of length 1: the dot product of two is their likeness, -1 to 1.
pub type Embedding = Vec<f32>;

/// The model cannot answer now. Nothing else is affected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Down {
    /// It does not run.
    #[error("the model does not run: {0}")]
    Worker(Reason),
    /// This part of it is not configured: a sentence model, or a language model.
    #[error("no {0} is configured")]
    Absent(&'static str),
    /// As many jobs wait as may.
    #[error("{0} jobs wait for the model already")]
    Busy(usize),
    /// This job took longer than its limit; the worker was started anew.
    #[error("the model did not answer within {0} s")]
    Late(u64),
    /// It died at this job.
    #[error("the model's process ended while it worked: {0}")]
    Died(Reason),
    /// The job is larger than may be asked.
    #[error("{what} is {is}, limit {limit}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// Its size.
        is: usize,
        /// The limit.
        limit: usize,
    },
    /// The engine would not do it; it is ready for another.
    #[error("the model refused the job: {0}")]
    Refused(String),
}

impl Down {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Worker(reason) | Self::Died(reason) => reason.code(),
            Self::Absent(_) => "L014",
            Self::Busy(_) => "L015",
            Self::Late(_) => "L016",
            Self::TooLarge { .. } => "L017",
            Self::Refused(_) => "L018",
        }
    }
}

/// Scores and embeds.
pub trait Model {
    /// How well each continuation of each job follows, in the order asked.
    fn score(
        &self,
        jobs: Vec<Continuations>,
    ) -> impl Future<Output = Result<Vec<Vec<Likelihood>>, Down>> + Send;

    /// The direction of each text (at most 64 texts of 4 KiB), in the order asked.
    fn embed(
        &self,
        texts: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Embedding>, Down>> + Send;
}
