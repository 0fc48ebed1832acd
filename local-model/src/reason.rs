//! Why a model does not run, in closed words: shown on the dashboard and by `model doctor`.

use serde::{Deserialize, Serialize};

/// A part of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxPart {
    /// The filter of system calls. Mandatory.
    Seccomp,
    /// No network. Mandatory.
    Network,
    /// The rules on files.
    Landlock,
    /// The limits of memory and processes.
    Limits,
    /// The self-test: something forbidden succeeded.
    SelfTest,
}

/// Why it does not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Reason {
    /// No model is configured.
    #[error("no model is configured")]
    NotConfigured,
    /// The file is not there or cannot be read.
    #[error("{path} cannot be read: {cause}")]
    File {
        /// Which.
        path: String,
        /// What the system said.
        cause: String,
    },
    /// The file is not the one that the configuration names.
    #[error("{path} has the digest {found}, and the configuration says {wanted}")]
    Digest {
        /// Which.
        path: String,
        /// SHA-256 of the file.
        found: String,
        /// SHA-256 of the configuration.
        wanted: String,
    },
    /// The file is broken or hostile; native code has not seen it.
    #[error("{path} is not a sound model file: {flaw}")]
    Unsound {
        /// Which.
        path: String,
        /// What is wrong, and where in the file.
        flaw: String,
    },
    /// An architecture that is not known to work.
    #[error("the architecture {found} is not supported; there are: {known}")]
    Architecture {
        /// As the file says.
        found: String,
        /// What works.
        known: String,
    },
    /// More memory is needed than the limit allows.
    #[error("it needs about {needed_mb} MB, and the limit is {limit_mb} MB")]
    Memory {
        /// What it needs, in MB of 1,000,000 bytes.
        needed_mb: u64,
        /// What it may have.
        limit_mb: u64,
    },
    /// The processor lacks instructions that the engine was built with.
    #[error("this processor lacks {missing}")]
    Instructions {
        /// Which, separated by commas.
        missing: String,
    },
    /// It was not ready in time.
    #[error("it was not ready within {seconds} s")]
    Deadline {
        /// The limit.
        seconds: u64,
    },
    /// A part of the sandbox cannot be had, or does not hold.
    #[error("the sandbox does not hold ({part:?}): {cause}")]
    Sandbox {
        /// Which part.
        part: SandboxPart,
        /// What was seen.
        cause: String,
    },
    /// The engine refused the file.
    #[error("the engine refused the model: {cause}")]
    Engine {
        /// What it said.
        cause: String,
    },
    /// The process ended by itself.
    #[error("its process ended: {how}")]
    Died {
        /// Exit status or signal, in words.
        how: String,
    },
    /// The process could not be started, or spoke another language.
    #[error("its process could not be started: {cause}")]
    Spawn {
        /// What the system said.
        cause: String,
    },
    /// It was told to.
    #[error("it was stopped")]
    Stopped,
}

impl Reason {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotConfigured => "L001",
            Self::File { .. } => "L002",
            Self::Digest { .. } => "L003",
            Self::Unsound { .. } => "L004",
            Self::Architecture { .. } => "L005",
            Self::Memory { .. } => "L006",
            Self::Instructions { .. } => "L007",
            Self::Deadline { .. } => "L008",
            Self::Sandbox { .. } => "L009",
            Self::Engine { .. } => "L010",
            Self::Died { .. } => "L011",
            Self::Spawn { .. } => "L012",
            Self::Stopped => "L013",
        }
    }

    /// Whether trying again without a change may help: a process that died may live next time, a
    /// wrong file stays wrong.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Deadline { .. } | Self::Died { .. } | Self::Spawn { .. }
        )
    }
}
