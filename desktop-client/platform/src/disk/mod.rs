//! Whether what is written at a path is encrypted before it reaches a disk.
//!
//! The answer is a verdict and the sentences that lead to it, from the file up to the disk. Whatever
//! cannot be found out is [`Verdict::Unsure`], and unsure counts as no: then the personal store encrypts
//! itself. What nobody can see from inside the system (a drive that encrypts by itself, a host that
//! encrypts the disk of a virtual machine) does not count.

mod block;
mod linux;
mod mounts;
mod others;
#[cfg(all(test, unix))]
mod tests;

pub use linux::{Asked, encryption_under};
pub use others::{bitlocker_property, fdesetup, manage_bde};

use std::path::Path;

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Everything that is written there is encrypted below the file.
    Encrypted,
    /// It could not be found out, or only a part is encrypted.
    Unsure,
    /// It reaches a disk as it is.
    Plain,
}

/// A verdict and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// Sentences, from the file up to the disk.
    pub found: Vec<String>,
}

impl Finding {
    /// Whether the encryption can be relied on: unsure counts as no.
    #[must_use]
    pub fn encrypted(&self) -> bool {
        self.verdict == Verdict::Encrypted
    }

    /// All that was found, as one text.
    #[must_use]
    pub fn text(&self) -> String {
        self.found.join(" ")
    }

    fn of(verdict: Verdict, sentence: impl Into<String>) -> Self {
        Self {
            verdict,
            found: vec![sentence.into()],
        }
    }

    fn unsure(sentence: impl Into<String>) -> Self {
        Self::of(Verdict::Unsure, sentence)
    }

    /// This sentence first, then what `above` found.
    fn under(sentence: impl Into<String>, above: Self) -> Self {
        let mut found = vec![sentence.into()];
        found.extend(above.found);
        Self {
            verdict: above.verdict,
            found,
        }
    }
}

/// Asks this machine about the file system that `path` lies on, or would lie on.
///
/// Reads `/proc` and `/sys` on Linux; asks `fdesetup` on macOS, the shell and `manage-bde` on Windows.
/// A program that does not answer within five seconds is left alone: unsure.
#[must_use]
pub fn encryption(path: &Path) -> Finding {
    let Some(there) = path.ancestors().find_map(|path| path.canonicalize().ok()) else {
        return Finding::unsure(format!("{} cannot be reached.", path.display()));
    };
    #[cfg(target_os = "linux")]
    return linux::here(&there);
    #[cfg(target_os = "macos")]
    return others::macos(&there);
    #[cfg(windows)]
    return others::windows(&there);
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    Finding::unsure(format!(
        "{} lies on a system whose disk encryption this program cannot find out.",
        there.display()
    ))
}
