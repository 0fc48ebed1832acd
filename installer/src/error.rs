//! Why no bundle was made.

use std::io;
use std::path::PathBuf;

/// Why no bundle was made. Nothing half-made is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file failed.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that is needed could not be run, or failed.
    #[error("`{command}` failed: {why}")]
    Tool {
        /// What was run.
        command: String,
        /// What it said.
        why: String,
    },
    /// A program's answer, or a file of a crate, is not as expected.
    #[error("{what} is not as expected: {why}")]
    Unexpected {
        /// What was read.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A part of the bundle is not there.
    #[error("{} is missing: {fix}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// How it is made.
        fix: &'static str,
    },
    /// The manifest would not be accepted.
    #[error("the bundle would not be accepted")]
    Manifest(#[from] bundle_manifest::Error),
    /// The signing key cannot be used.
    #[error("the signing key {} cannot be used: {why}", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The programs trust another key than the one that would sign.
    #[error(
        "the programs were built to trust the key {built_in} alone, and the signing key is {signing}"
    )]
    OtherKey {
        /// What is compiled in.
        built_in: String,
        /// What would sign.
        signing: String,
    },
}

/// An error of a file, with what was being done.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &std::path::Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &std::path::Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}
