//! Files of keys: private, whole or not there, and on the disk when it says so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::Error;

/// Makes a folder of mode 0700 and puts its name on the disk. One that is there already
/// is checked.
pub(crate) fn private_dir(path: &Path) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::io("make the folder", path, error)),
    }
    check_dir(path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Refuses a folder that others may enter.
pub(crate) fn check_dir(path: &Path) -> Result<(), Error> {
    let meta = fs::symlink_metadata(path).map_err(|error| Error::io("look at", path, error))?;
    if !meta.is_dir() || !is_ours(&meta) {
        return Err(Error::NotOurs {
            path: path.to_owned(),
        });
    }
    check_mode(path, &meta, 0o700)
}

fn check_mode(path: &Path, meta: &fs::Metadata, wanted: u32) -> Result<(), Error> {
    let mode = meta.mode() & 0o7777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(Error::TooOpen {
            path: path.to_owned(),
            mode,
            wanted,
        })
    }
}

/// Ours, or root's (who can read everything anyhow).
fn is_ours(meta: &fs::Metadata) -> bool {
    meta.uid() == 0 || meta.uid() == rustix::process::geteuid().as_raw()
}

/// Reads a private file of at most `max` bytes. Returns its true length too, since a
/// longer one is cut.
pub(crate) fn read_private(path: &Path, max: u64) -> Result<(Zeroizing<Vec<u8>>, u64), Error> {
    let linked = fs::symlink_metadata(path).map_err(|error| Error::io("look at", path, error))?;
    if !linked.is_file() {
        return Err(Error::NotOurs {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let meta = file
        .metadata()
        .map_err(|error| Error::io("look at", path, error))?;
    // The same file as the one that was seen not to be a link.
    if (meta.dev(), meta.ino()) != (linked.dev(), linked.ino()) || !is_ours(&meta) {
        return Err(Error::NotOurs {
            path: path.to_owned(),
        });
    }
    check_mode(path, &meta, 0o600)?;
    // Room for all of it, so that no half-filled copy is left behind by growing.
    let room = usize::try_from(meta.len().min(max)).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
    file.take(max)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("read", path, error))?;
    Ok((bytes, meta.len()))
}

/// Puts a file's bytes in its place in one step: whoever looks sees the old or the new,
/// also after a power cut. On an error the old one stands.
pub(crate) fn replace(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = dir.join(name);
    let waiting = write_waiting(dir, name, bytes)?;
    let moved = fs::rename(&waiting, &path).map_err(|error| Error::io("replace", &path, error));
    clean_up(&waiting, moved)?;
    sync_dir(dir)
}

/// As [`replace`], for a file that must not be there yet.
pub(crate) fn create(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = dir.join(name);
    let waiting = write_waiting(dir, name, bytes)?;
    let placed = place(&waiting, &path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
        _ => Error::io("create", &path, error),
    });
    clean_up(&waiting, placed)?;
    sync_dir(dir)
}

/// Renames, unless the name is taken.
fn place(waiting: &Path, path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;

    match renameat_with(CWD, waiting, CWD, path, RenameFlags::NOREPLACE) {
        // Some file systems (NFS) cannot. A link, too, fails if the name is taken.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(waiting, path)?;
            fs::remove_file(waiting)
        }
        done => Ok(done?),
    }
}

fn write_waiting(dir: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Error> {
    let waiting = dir.join(format!(".{name}.new"));
    // One that a crash left is of no use, and may have another mode.
    match fs::remove_file(&waiting) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &waiting, error));
        }
        _ => {}
    }
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&waiting)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(|error| Error::io("write", &waiting, error));
    clean_up(&waiting, written)?;
    Ok(waiting)
}

/// Takes the waiting file away if what came before failed.
fn clean_up(waiting: &Path, result: Result<(), Error>) -> Result<(), Error> {
    result.inspect_err(|_| {
        // The first error is the one to tell; a left-over is removed by the next write.
        let _ = fs::remove_file(waiting);
    })
}

/// Puts the names in a folder on the disk.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    File::open(dir)
        .and_then(|open| open.sync_all())
        .map_err(|error| Error::io("flush", dir, error))
}

/// Holds a folder against other processes of ours until dropped.
pub(crate) fn lock_dir(dir: &Path) -> Result<File, Error> {
    let held = File::open(dir).map_err(|error| Error::io("open", dir, error))?;
    held.lock().map_err(|error| Error::io("lock", dir, error))?;
    Ok(held)
}
