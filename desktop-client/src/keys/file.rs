//! The explicit fallback: one file a secret, mode 0600, in a folder of mode 0700.

use super::Error;
use crate::home::Home;
use platform::files;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(super) fn folder(home: &Home) -> PathBuf {
    home.path().join("keys")
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        doing,
        path: path.clone(),
        source,
    }
}

/// Refuses what others can read. What is not there is closed.
pub(super) fn closed(path: &Path) -> Result<(), Error> {
    match files::others_can_read(path) {
        Ok(false) => Ok(()),
        Ok(true) => Err(Error::Open {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

pub(super) fn get(home: &Home, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let path = folder(home).join(name);
    closed(&folder(home))?;
    closed(&path)?;
    match fs::read(&path) {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path)(error)),
    }
}

pub(super) fn set(home: &Home, name: &str, secret: &[u8]) -> Result<(), Error> {
    let folder = folder(home);
    closed(&folder)?;
    files::private_dir(&folder).map_err(failed("make the folder", &folder))?;
    let path = folder.join(name);
    files::write_whole(&path, 0o600, secret).map_err(failed("write", &path))
}

pub(super) fn delete(home: &Home, name: &str) -> Result<(), Error> {
    let path = folder(home).join(name);
    files::remove(&path).map_err(failed("delete", &path))
}

/// Takes away what a write that was killed left beside the secrets, and the folder once it is empty.
/// Only under the lock: else it could be a write that is still going on.
pub(super) fn tidy(home: &Home) -> Result<(), Error> {
    let folder = folder(home);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().contains(".aiworklab-") {
            files::remove(&entry.path()).map_err(failed("delete", &entry.path()))?;
        }
    }
    // One that holds something is kept.
    let _ = fs::remove_dir(&folder);
    Ok(())
}
