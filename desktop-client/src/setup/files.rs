//! One file of somebody's settings, as it is, as it is to be, and as it was before us.
//!
//! What we write is written whole or not at all, and the file as it was is kept in our folder first.
//! If nobody changed the file since, taking back puts these very bytes there; else our parts alone
//! are taken out. Links stay links, and a file keeps its mode.

use crate::error::{Error, Result};
use crate::home::{Home, private_dir, write_whole};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What we did to a file last.
#[derive(Debug, Serialize, Deserialize)]
struct Done {
    path: PathBuf,
    existed: bool,
    /// SHA-256 of what we wrote, hexadecimal.
    after: String,
    /// Folders that were made for it, the outermost first.
    #[serde(default)]
    folders: Vec<PathBuf>,
}

/// One file, and what it is to become.
#[derive(Debug)]
pub struct Edit {
    /// The folder of ours in which the file is kept as it was; none for a file that is ours alone.
    slot: Option<&'static str>,
    /// Where it lies.
    pub path: PathBuf,
    /// Its bytes now; none if it is not there.
    pub before: Option<Vec<u8>>,
    /// Its bytes then; none if it is not to be there.
    pub after: Option<Vec<u8>>,
    /// Its bytes without us.
    original: Option<Vec<u8>>,
    remove: bool,
}

impl Edit {
    /// Reads the file at `named` and computes what it becomes: `with` puts our parts into a text,
    /// `without` takes them out. With `remove` they are taken out.
    ///
    /// # Errors
    /// [`Error::Settings`] for a file that cannot be edited, [`Error::File`] for the disk.
    pub fn plan(
        home: &Home,
        slot: &'static str,
        named: &Path,
        remove: bool,
        with: &dyn Fn(&str) -> Result<String, String>,
        without: &dyn Fn(&str) -> Result<String, String>,
    ) -> Result<Self> {
        // A person's settings may be a link into a folder of their own: the link stays.
        let path = fs::canonicalize(named).unwrap_or_else(|_| named.to_owned());
        let before = read(&path)?;
        let refuse = |why| Error::Settings {
            path: path.clone(),
            why,
        };
        let text = text(&path, before.as_deref())?;
        let done = Done::read(home, slot)?.filter(|done| done.path == path);
        let now = before.as_deref().map(hash);
        let untouched = done
            .as_ref()
            .filter(|done| Some(&done.after) == now.as_ref());
        let bare = || -> Result<Option<Vec<u8>>> {
            if before.is_none() {
                return Ok(None);
            }
            let bare = without(&text).map_err(refuse)?;
            let ours_alone = done.as_ref().is_some_and(|done| !done.existed);
            let empty = matches!(bare.trim(), "" | "{}") && bare != text;
            Ok((!(ours_alone && empty)).then(|| bare.into_bytes()))
        };
        let original = match untouched {
            Some(done) if done.existed => read(&kept(home, slot))?,
            Some(_) => None,
            None => bare()?,
        };
        let after = if remove {
            original.clone()
        } else {
            Some(with(&text).map_err(refuse)?.into_bytes())
        };
        Ok(Self {
            slot: Some(slot),
            path,
            before,
            after,
            original,
            remove,
        })
    }

    /// A file that is ours alone.
    ///
    /// # Errors
    /// [`Error::File`] for the disk.
    pub fn own(slot: Option<&'static str>, path: &Path, after: Option<Vec<u8>>) -> Result<Self> {
        Ok(Self {
            slot,
            path: path.to_owned(),
            before: read(path)?,
            remove: after.is_none(),
            after,
            original: None,
        })
    }

    /// Whether anything is to be done.
    pub fn changes(&self) -> bool {
        self.before != self.after
    }

    /// The change as a unified diff.
    pub fn diff(&self) -> String {
        let text = |bytes: &Option<Vec<u8>>| {
            String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned()
        };
        let (before, after) = (text(&self.before), text(&self.after));
        let name = self.path.display().to_string();
        let old = if self.before.is_some() {
            &name
        } else {
            "/dev/null"
        };
        let new = if self.after.is_some() {
            &name
        } else {
            "/dev/null"
        };
        let diff = similar::TextDiff::from_lines(before.as_str(), after.as_str());
        diff.unified_diff()
            .context_radius(3)
            .header(old, new)
            .to_string()
    }

    /// Makes the change.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Folder`] for the disk; nothing is half-written.
    pub fn apply(&self, home: &Home) -> Result<()> {
        let folders = match (&self.after, self.slot) {
            (Some(_), Some(slot)) => {
                let before = Done::read(home, slot)?.filter(|done| done.path == self.path);
                before.map_or_else(|| missing(&self.path), |done| done.folders)
            }
            (None, Some(slot)) => Done::read(home, slot)?
                .map(|d| d.folders)
                .unwrap_or_default(),
            (_, None) => Vec::new(),
        };
        match self.slot {
            Some(slot) if !self.remove => self.keep(home, slot, &folders)?,
            _ => {}
        }
        // Somebody else may have written in the meantime, while the person read the diff.
        if read(&self.path)? != self.before {
            return Err(Error::Settings {
                path: self.path.clone(),
                why: "it was changed by somebody else just now".into(),
            });
        }
        self.write()?;
        if let (true, Some(slot)) = (self.remove, self.slot) {
            if self.after.is_none() {
                // Only where they are empty; the innermost first.
                for folder in folders.iter().rev() {
                    let _ = fs::remove_dir(folder);
                }
            }
            forget(home, slot)?;
        }
        Ok(())
    }

    fn write(&self) -> Result<()> {
        let failed = |doing| {
            move |source| Error::File {
                doing,
                path: self.path.clone(),
                source,
            }
        };
        let Some(bytes) = &self.after else {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(failed("remove")(error))
                }
                _ => Ok(()),
            };
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
        }
        let mode =
            fs::metadata(&self.path).map_or(0o600, |data| data.permissions().mode() & 0o7777);
        write_whole(&self.path, mode, bytes).map_err(failed("write"))
    }

    fn keep(&self, home: &Home, slot: &str, folders: &[PathBuf]) -> Result<()> {
        let folder = home.setup(slot);
        home.ensure()?;
        private_dir(&folder).map_err(|source| Error::Folder {
            path: folder.clone(),
            source,
        })?;
        let done = Done {
            path: self.path.clone(),
            existed: self.original.is_some(),
            after: hash(self.after.as_deref().unwrap_or_default()),
            folders: folders.to_vec(),
        };
        let done = serde_json::to_vec_pretty(&done).unwrap_or_default();
        for (path, bytes) in [
            (
                kept(home, slot),
                self.original.as_deref().unwrap_or_default(),
            ),
            (folder.join("done.json"), &done),
        ] {
            write_whole(&path, 0o600, bytes).map_err(|source| Error::File {
                doing: "write",
                path,
                source,
            })?;
        }
        Ok(())
    }
}

impl Done {
    fn read(home: &Home, slot: &str) -> Result<Option<Self>> {
        let path = home.setup(slot).join("done.json");
        Ok(read(&path)?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}

/// Where the file is kept as it was.
fn kept(home: &Home, slot: &str) -> PathBuf {
    home.setup(slot).join("before.json")
}

fn forget(home: &Home, slot: &str) -> Result<()> {
    let folder = home.setup(slot);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::File {
            doing: "remove",
            path: folder,
            source: error,
        }),
        _ => Ok(()),
    }
}

/// The folders above `path` that are not there, the outermost first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1);
    let mut folders: Vec<_> = above
        .take_while(|folder| !folder.exists())
        .map(Path::to_owned)
        .collect();
    folders.reverse();
    folders
}

/// A file's bytes; none if it is not there.
///
/// # Errors
/// [`Error::File`] for the disk.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::File {
            doing: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

/// The bytes as text; an absent file is an empty one.
///
/// # Errors
/// [`Error::Settings`] if they are none.
pub fn text(path: &Path, bytes: Option<&[u8]>) -> Result<String> {
    let text = std::str::from_utf8(bytes.unwrap_or_default());
    text.map(str::to_owned).map_err(|error| {
        let before = bytes.unwrap_or_default().get(..error.valid_up_to());
        let line = 1 + before
            .unwrap_or_default()
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        Error::Settings {
            path: path.to_owned(),
            why: format!("it is no UTF-8 text at line {line}"),
        }
    })
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
