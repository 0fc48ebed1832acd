//! Private files: a folder closed to others, a file that is there whole or not at all, a lock that ends
//! with its process.
//!
//! On Windows the folder of a person is closed to others by its own list of rights, which new files take
//! over: modes are for Unix and are ignored there.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;

/// Makes `path` with mode 0700, parents too, and takes rights of others away from it.
///
/// # Errors
/// Whatever the system says.
pub fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    if others_can_read(path)? {
        set_mode(path, 0o700)?;
    }
    Ok(())
}

/// Whether group or others have any right on `path`.
///
/// # Errors
/// Whatever the system says.
pub fn others_can_read(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Ok(metadata.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        Ok(false)
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

fn opened(path: &Path, mode: u32, truncate: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(truncate);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)
}

/// Writes what the folder itself says to the disk, where folders can be opened.
///
/// # Errors
/// Whatever the system says.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return File::open(folder)?.sync_all();
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(())
    }
}

/// What stands before the process id in the name of a temporary of [`write_whole`].
pub const TEMPORARY: &str = ".aiworklab-";

/// Writes a file of mode `mode` whole or not at all: a temporary beside it, flushed, then renamed.
///
/// # Errors
/// Whatever the system says; the file is as it was then.
pub fn write_whole(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(format!("{TEMPORARY}{}", std::process::id()));
    let temporary = folder.join(name);
    let written = (|| {
        let mut file = opened(&temporary, mode, true)?;
        set_mode(&temporary, mode)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, path)?;
        sync_folder(folder)
    })();
    if written.is_err() {
        // What is left of a failed write is of no use; its own failure changes nothing.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Deletes a file and makes the deletion last; no file is no error.
///
/// # Errors
/// Whatever the system says.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A lock on a file of its own: freed when it is dropped, or when its process ends, however it ends.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Waits for the lock.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn take(path: &Path) -> io::Result<Self> {
        let file = opened(path, 0o600, false)?;
        file.lock()?;
        Ok(Self(file))
    }

    /// Takes the lock, if nobody has it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = opened(path, 0o600, false)?;
        tried(file.try_lock()).map(|free| free.then_some(Self(file)))
    }

    /// Waits until nobody has it alone, and shares it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn take_shared(path: &Path) -> io::Result<Self> {
        let file = opened(path, 0o600, false)?;
        file.lock_shared()?;
        Ok(Self(file))
    }

    /// Shares the lock, if nobody has it alone.
    ///
    /// # Errors
    /// Whatever the system says.
    pub fn try_take_shared(path: &Path) -> io::Result<Option<Self>> {
        let file = opened(path, 0o600, false)?;
        tried(file.try_lock_shared()).map(|free| free.then_some(Self(file)))
    }

    /// The file that is locked, for a note in it.
    pub fn file(&self) -> &File {
        &self.0
    }
}

fn tried(lock: Result<(), TryLockError>) -> io::Result<bool> {
    match lock {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write_whole(&path, 0o600, b"old and longer").unwrap();
        write_whole(&path, 0o600, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(!others_can_read(&path).unwrap());
        assert!(write_whole(&path.join("below a file"), 0o600, b"x").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_stood_open_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        fs::create_dir_all(&path).unwrap();
        set_mode(&path, 0o755).unwrap();
        assert!(others_can_read(&path).unwrap());
        private_dir(&path).unwrap();
        assert!(!others_can_read(&path).unwrap());
    }

    #[test]
    fn a_lock_is_one_persons_or_shared_and_ends_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(Lock::try_take(&path).unwrap().is_none());
        assert!(Lock::try_take_shared(&path).unwrap().is_none());
        drop(held);
        let one = Lock::take_shared(&path).unwrap();
        let two = Lock::try_take_shared(&path).unwrap();
        assert!(two.is_some());
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop((one, two));
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
