//! What was written down about an install, for upgrades and the end of it.

use super::Error;
use super::layout::Layout;
use bundle_manifest::Version;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::PathBuf;

/// `/etc/aiworklab/install.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The release that is used.
    pub version: Version,
    /// Its commit.
    pub commit: String,
    /// The release before it, whose files are kept.
    pub previous: Option<Version>,
    /// Where the data are.
    pub data_dir: PathBuf,
    /// Whether the installer made the service's user.
    pub made_user: bool,
}

impl Record {
    /// Reads it; `None` if nothing is installed.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Record`].
    pub fn read(layout: &Layout) -> Result<Option<Self>, Error> {
        let path = layout.record();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|source| Error::Record { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io {
                doing: "read",
                path,
                source,
            }),
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// [`Error::Record`].
    pub fn bytes(&self, layout: &Layout) -> Result<Vec<u8>, Error> {
        serde_json::to_vec_pretty(self).map_err(|source| Error::Record {
            path: layout.record(),
            source,
        })
    }
}
