//! The data directory: what lies where, how it is made whole or not at all, and who holds it.
//!
//! `init` builds everything in a folder inside and moves it up, the configuration last: a data
//! directory with a configuration is complete, one without is none. While `serve` runs it holds a
//! lock and leaves its addresses in `serving.json`, which other commands read.

use crate::config::Addresses;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The root certificate, for people to import.
pub const ROOT: &str = "root.pem";
/// The issuing authority's certificate.
pub const ISSUING: &str = "issuing.pem";
/// The server's certificate.
pub const SERVER: &str = "server.pem";
/// The certificate of what signs packs of items.
pub const ITEMS_SIGNER: &str = "items.pem";
/// The newest pack of items, signed.
pub const ITEMS: &str = "items.pack";
/// What the model earned on this machine.
pub const QUALIFIED: &str = "model.json";
/// How the running server's model stands.
pub const MODEL_STATE: &str = "model-state.json";
/// Where models lie by convention.
pub const MODELS: &str = "models";
/// Which store this is; read before its key is.
pub const IDENTITY: &str = "store.json";
/// Addresses of the running server.
pub const SERVING: &str = "serving.json";
/// Held by the running server.
pub const LOCK: &str = "serve.lock";
/// Where `init` builds.
const BUILD: &str = ".init";

/// Why the data directory is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// `init` where something is.
    #[error("{} is not empty: {found} lies there", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// Nothing is there.
    #[error("there is no appliance in {}", path.display())]
    NoAppliance {
        /// The directory.
        path: PathBuf,
    },
    /// Another `serve` runs.
    #[error("another `serve` already runs on {}", path.display())]
    Held {
        /// The directory.
        path: PathBuf,
    },
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
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotEmpty { .. } => "D001",
            Self::NoAppliance { .. } => "D002",
            Self::Held { .. } => "D003",
            Self::Io { .. } => "D004",
        }
    }
}

trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io {
            doing,
            path: path.to_owned(),
            source,
        })
    }
}

/// Which store a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The store's id.
    pub store: kernel::ids::StoreId,
    /// Whether its people are invented, for good.
    pub sample: bool,
}

/// What the running server leaves for other commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// The server's process.
    pub pid: u32,
    /// Where people arrive.
    pub people: SocketAddr,
    /// Where devices arrive.
    pub devices: SocketAddr,
    /// How they are told to reach us.
    pub addresses: Addresses,
    /// Since when, unix seconds.
    pub since: i64,
}

/// A new directory while it is being made; dropped without [`Build::finish`] it leaves nothing.
pub struct Build {
    dir: PathBuf,
    made_dir: bool,
    finished: bool,
}

impl Build {
    /// Begins. The directory is made (mode 0700) if it is not there.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] if anything lies there; what an `init` left that was cut off does not
    /// count.
    pub fn begin(dir: &Path) -> Result<Self, Error> {
        require_empty(dir)?;
        let made_dir = !dir.exists();
        let private = |path: &Path| {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .doing("make", path)
        };
        private(dir)?;
        // One that was there (a volume, an administrator's `mkdir`) may stand open to others.
        if !made_dir {
            let closed = fs::Permissions::from_mode(0o700);
            fs::set_permissions(dir, closed).doing("close to others", dir)?;
        }
        let build = Self {
            dir: dir.to_owned(),
            made_dir,
            finished: false,
        };
        clear(&build.dir)?;
        private(&build.path())?;
        Ok(build)
    }

    /// Where to put things.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join(BUILD)
    }

    /// Moves all of it up, the configuration last.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finish(mut self) -> Result<(), Error> {
        let from = self.path();
        let mut names = entries(&from)?;
        names.sort_by_key(|name| name == crate::config::FILE);
        for name in names {
            sync(&from.join(&name))?;
            fs::rename(from.join(&name), self.dir.join(&name)).doing("move", &from.join(&name))?;
            sync(&self.dir)?;
        }
        fs::remove_dir(&from).doing("remove", &from)?;
        sync(&self.dir)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let _ = clear(&self.dir);
        let _ = fs::remove_dir_all(self.path());
        if self.made_dir {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

fn sync(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .doing("flush", path)
}

fn entries(dir: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).doing("list", dir)? {
        names.push(entry.doing("list", dir)?.file_name());
    }
    Ok(names)
}

/// Whether `init` may begin here.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::Io`].
pub fn require_empty(dir: &Path) -> Result<(), Error> {
    if !dir.exists() {
        return Ok(());
    }
    let names = entries(dir)?;
    let cut_off = names.iter().any(|name| name == BUILD);
    if cut_off && !names.iter().any(|name| name == crate::config::FILE) {
        return Ok(());
    }
    match names.first() {
        None => Ok(()),
        Some(found) => Err(Error::NotEmpty {
            path: dir.to_owned(),
            found: found.to_string_lossy().into_owned(),
        }),
    }
}

/// Takes away what an `init` left that was cut off: only where its folder still is, and never where
/// a configuration says that the directory is complete.
fn clear(dir: &Path) -> Result<(), Error> {
    let build = dir.join(BUILD);
    if !build.exists() || dir.join(crate::config::FILE).exists() {
        return Ok(());
    }
    for name in entries(dir)? {
        let path = dir.join(name);
        let gone = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        gone.doing("remove", &path)?;
    }
    Ok(())
}

/// Reads which store lies here.
///
/// # Errors
/// [`Error::NoAppliance`] if none does, [`Error::Io`] if it cannot be read.
pub fn identity(dir: &Path) -> Result<Identity, Error> {
    let path = dir.join(IDENTITY);
    match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
            .doing("read", &path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoAppliance {
            path: dir.to_owned(),
        }),
        Err(error) => Err(error).doing("read", &path),
    }
}

/// Writes a file that others may read, whole or not at all.
///
/// # Errors
/// [`Error::Io`].
pub fn write_public(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes, 0o644)
}

/// Writes a file for us alone, whole or not at all.
///
/// # Errors
/// [`Error::Io`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes, 0o600)
}

/// The same for what is worth nothing after a crash: readers see it whole, and no disk is waited for.
///
/// # Errors
/// [`Error::Io`].
pub fn write_passing(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (new, _file) = write_beside(path, bytes, 0o600)?;
    fs::rename(&new, path).doing("write", path)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let (new, file) = write_beside(path, bytes, mode)?;
    file.sync_all().doing("write", &new)?;
    fs::rename(&new, path).doing("write", path)?;
    match path.parent() {
        Some(dir) => sync(dir),
        None => Ok(()),
    }
}

/// Writes it under a name beside its own.
fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<(PathBuf, File), Error> {
    use io::Write;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&new)
        .doing("write", &new)?;
    file.write_all(bytes).doing("write", &new)?;
    Ok((new, file))
}

/// The lock of the running server; given back when it is dropped, or when the process ends however.
pub struct Held {
    _file: File,
    serving: PathBuf,
}

/// Takes the lock.
///
/// # Errors
/// [`Error::Held`] if another process has it.
pub fn hold(dir: &Path) -> Result<Held, Error> {
    let path = dir.join(LOCK);
    let file = lock_file(&path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Held {
            _file: file,
            serving: dir.join(SERVING),
        }),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Held {
            path: dir.to_owned(),
        }),
        Err(error) => Err(io::Error::from(error)).doing("lock", &path),
    }
}

fn lock_file(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .doing("open", path)
}

impl Held {
    /// Says where the server is.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn announce(&self, serving: &Serving) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(serving).map_err(io::Error::other);
        write_private(&self.serving, &bytes.doing("write", &self.serving)?)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.serving);
    }
}

/// Where the running server is; `None` if none runs, whatever an ended one left behind.
#[must_use]
pub fn serving(dir: &Path) -> Option<Serving> {
    let file = File::open(dir.join(LOCK)).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => {}
        _ => return None,
    }
    serde_json::from_slice(&fs::read(dir.join(SERVING)).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let root = scratch();
        let dir = root.path().join("data");
        let build = Build::begin(&dir).unwrap();
        fs::write(build.path().join("store.db"), "x").unwrap();
        drop(build);
        assert!(!dir.exists());
    }

    #[test]
    fn a_finished_directory_is_whole_and_private() {
        let root = scratch();
        let dir = root.path().join("data");
        // An administrator's own, open to others.
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let build = Build::begin(&dir).unwrap();
        for name in ["store.db", crate::config::FILE] {
            fs::write(build.path().join(name), "x").unwrap();
        }
        build.finish().unwrap();
        let mut names = entries(&dir).unwrap();
        names.sort();
        assert_eq!(names, [crate::config::FILE, "store.db"]);
        assert_eq!(
            fs::metadata(&dir).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert!(matches!(Build::begin(&dir), Err(Error::NotEmpty { .. })));
    }

    #[test]
    fn an_init_that_was_cut_off_is_begun_anew_and_a_complete_one_never() {
        let root = scratch();
        let dir = root.path();
        fs::create_dir(dir.join(BUILD)).unwrap();
        fs::write(dir.join("store.db"), "half").unwrap();
        drop(Build::begin(dir).unwrap());
        assert!(entries(dir).unwrap().is_empty());

        fs::create_dir(dir.join(BUILD)).unwrap();
        fs::write(dir.join(crate::config::FILE), "").unwrap();
        assert!(matches!(Build::begin(dir), Err(Error::NotEmpty { .. })));
        assert!(dir.join(crate::config::FILE).exists());
    }

    #[test]
    fn one_server_holds_a_directory_and_says_where_it_is() {
        let root = scratch();
        let held = hold(root.path()).unwrap();
        assert!(matches!(hold(root.path()), Err(Error::Held { .. })));
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let serving_now = Serving {
            pid: 1,
            people: address,
            devices: address,
            addresses: Addresses {
                people: "p".into(),
                devices: "d".into(),
            },
            since: 0,
        };
        held.announce(&serving_now).unwrap();
        assert_eq!(serving(root.path()), Some(serving_now));
        drop(held);
        assert_eq!(serving(root.path()), None);
        assert!(hold(root.path()).is_ok());
    }
}
