//! Files that are on the disk when they say so, and folders that are removed with care.

use super::Error;
use super::error::Doing as _;
use bundle_manifest::Verified;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What is mounted where.
const MOUNTS: &str = "/proc/self/mountinfo";

/// Puts a folder's names on the disk.
///
/// # Errors
/// [`Error::Io`].
pub fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir)
        .and_then(|file| file.sync_all())
        .doing("flush", dir)
}

/// Writes a file whole or not at all, and puts it on the disk.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            // The mode of a new file is narrowed by the umask, and an old one keeps its own.
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.sync_all()
        })
        .doing("write", &new)
        .and_then(|()| fs::rename(&new, path).doing("write", path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&new);
    }
    written?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes a link, or turns it elsewhere, in one step.
///
/// # Errors
/// [`Error::Io`].
pub fn link(path: &Path, target: &Path) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    remove_file(&new)?;
    std::os::unix::fs::symlink(target, &new).doing("make the link", &new)?;
    fs::rename(&new, path).doing("turn the link", path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes a folder with this mode, whatever the umask; `false` if it was there.
///
/// # Errors
/// [`Error::Io`].
pub fn make_dir(path: &Path, mode: u32) -> Result<bool, Error> {
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            return Ok(false);
        }
        Err(error) => return Err(error).doing("make the folder", path),
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing("set the mode of", path)?;
    path.parent().map_or(Ok(()), sync_dir)?;
    Ok(true)
}

/// Removes a file or a link; one that is not there is no error.
///
/// # Errors
/// [`Error::Io`].
pub fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("remove", path),
        _ => Ok(()),
    }
}

/// Removes a folder if nothing is in it.
///
/// # Errors
/// [`Error::Io`].
pub fn remove_empty(path: &Path) -> Result<(), Error> {
    match fs::remove_dir(path) {
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(error).doing("remove", path)
        }
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; refuses if anything is mounted there.
///
/// # Errors
/// [`Error::Mounted`], [`Error::Io`].
pub fn remove_tree(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).doing("look at", path),
        Ok(meta) if !meta.is_dir() => return remove_file(path),
        Ok(_) => {}
    }
    refuse_mounts(path, true)?;
    fs::remove_dir_all(path).doing("remove", path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Removes what is in a folder, and keeps the folder.
///
/// # Errors
/// [`Error::Mounted`] for something mounted further in, [`Error::Io`].
pub fn empty_tree(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    refuse_mounts(path, false)?;
    for entry in fs::read_dir(path).doing("list", path)? {
        let entry = entry.doing("list", path)?;
        let kind = entry.file_type().doing("look at", &entry.path())?;
        match kind.is_dir() {
            true => fs::remove_dir_all(entry.path()).doing("remove", &entry.path())?,
            false => remove_file(&entry.path())?,
        }
    }
    sync_dir(path)
}

/// Whether something is mounted in this folder, or (`itself`) at it.
fn refuse_mounts(path: &Path, itself: bool) -> Result<(), Error> {
    let real = fs::canonicalize(path).doing("find", path)?;
    let text = fs::read(MOUNTS).doing("read", Path::new(MOUNTS))?;
    let found = mounts(&text)
        .into_iter()
        .find(|mount| mount.starts_with(&real) && (itself || *mount != real));
    match found {
        Some(mount) => Err(Error::Mounted {
            path: path.to_owned(),
            mount,
        }),
        None => Ok(()),
    }
}

/// The mount points of a `mountinfo`: its fifth field, in which a space is `\040`.
fn mounts(text: &[u8]) -> Vec<PathBuf> {
    text.split(|&b| b == b'\n')
        .filter_map(|line| line.split(|&b| b == b' ').nth(4))
        .map(|field| PathBuf::from(std::ffi::OsStr::from_bytes(&unescaped(field))))
        .collect()
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, tail)) = rest.split_first() {
        let octal = tail
            .get(..3)
            .filter(|_| first == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                rest = tail.get(3..).unwrap_or_default();
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

/// Copies a verified bundle into a new folder: every file is checked once more while it is copied,
/// and is on the disk when this returns.
///
/// # Errors
/// [`Error::Bundle`] if a file changed since, [`Error::Io`].
pub fn stage(bundle: &Verified, to: &Path) -> Result<(), Error> {
    make_dir(to, 0o755)?;
    for file in &bundle.manifest().files {
        for folder in file.path.folders() {
            make_dir(&to.join(folder), 0o755)?;
        }
        let path = file.path.under(to);
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(file.mode.bits())
            .open(&path)
            .doing("create", &path)?;
        match bundle.copy(file, &mut out) {
            // What failed is the writing of ours, not the reading of theirs.
            Err(bundle_manifest::Error::Io { source, .. }) => Err(source).doing("write", &path)?,
            copied => copied?,
        }
        out.set_permissions(fs::Permissions::from_mode(file.mode.bits()))
            .and_then(|()| out.sync_all())
            .doing("flush", &path)?;
    }
    let (manifest, signature) = bundle.manifest_and_signature();
    write(&to.join(bundle_manifest::MANIFEST), manifest, 0o644)?;
    write(&to.join(bundle_manifest::SIGNATURE), signature, 0o644)?;
    let folders = bundle
        .manifest()
        .files
        .iter()
        .flat_map(|f| f.path.folders());
    for folder in folders.collect::<std::collections::BTreeSet<_>>() {
        sync_dir(&to.join(folder))?;
    }
    sync_dir(to)
}

/// Bytes of all plain files below a folder, but for those that `skip` names at its top.
///
/// # Errors
/// [`Error::Io`].
pub fn size(path: &Path, skip: &[&str]) -> Result<u64, Error> {
    let mut sum = 0_u64;
    for entry in fs::read_dir(path).doing("list", path)? {
        let entry = entry.doing("list", path)?;
        if skip.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let meta = entry.metadata().doing("look at", &entry.path())?;
        if meta.is_dir() {
            sum = sum.saturating_add(size(&entry.path(), &[])?);
        } else if meta.is_file() {
            sum = sum.saturating_add(meta.len());
        }
    }
    Ok(sum)
}

/// Copies plain files and folders, with owner and mode, but for those that `skip` names at the top.
///
/// # Errors
/// [`Error::Io`].
pub fn copy_tree(from: &Path, to: &Path, skip: &[&str]) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = |path: &Path, meta: &fs::Metadata| {
        std::os::unix::fs::lchown(path, Some(meta.uid()), Some(meta.gid())).doing("give away", path)
    };
    let meta = fs::metadata(from).doing("look at", from)?;
    make_dir(to, meta.mode() & 0o7777)?;
    owner(to, &meta)?;
    for entry in fs::read_dir(from).doing("list", from)? {
        let entry = entry.doing("list", from)?;
        if skip.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let meta = entry.metadata().doing("look at", &path)?;
        if meta.is_dir() {
            copy_tree(&path, &copy, &[])?;
        } else if meta.is_file() {
            fs::copy(&path, &copy).doing("copy", &path)?;
            owner(&copy, &meta)?;
            File::open(&copy)
                .and_then(|file| file.sync_all())
                .doing("flush", &copy)?;
        }
    }
    sync_dir(to)
}

/// Gives a folder and all in it to a user, without following links.
///
/// # Errors
/// [`Error::Io`].
pub fn give_tree(path: &Path, uid: u32, gid: u32) -> Result<(), Error> {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).doing("give away", path)?;
    if fs::symlink_metadata(path).doing("look at", path)?.is_dir() {
        for entry in fs::read_dir(path).doing("list", path)? {
            give_tree(&entry.doing("list", path)?.path(), uid, gid)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_mode_whatever_was_there() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("f");
        for mode in [0o600, 0o644, 0o755] {
            write(&path, b"x", mode).unwrap();
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
                mode
            );
        }
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_turned_in_one_step() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("current");
        for target in ["1.0.0", "1.1.0"] {
            link(&path, Path::new(target)).unwrap();
            assert_eq!(fs::read_link(&path).unwrap(), Path::new(target));
        }
    }

    #[test]
    fn mount_points_are_read_with_their_spaces() {
        let text = b"22 1 0:1 / /proc rw - proc proc rw\n23 1 0:2 / /srv/a\\040b rw - ext4 x rw\n";
        assert_eq!(mounts(text), [Path::new("/proc"), Path::new("/srv/a b")]);
        assert!(mounts(b"garbage").is_empty());
    }

    #[test]
    fn what_is_mounted_is_never_removed() {
        // `/proc` is mounted on every Linux; nothing in it is touched.
        let error = remove_tree(Path::new("/proc")).unwrap_err();
        assert_eq!(error.code(), "B044");
        let error = empty_tree(Path::new("/")).unwrap_err();
        assert_eq!(error.code(), "B044");
    }

    #[test]
    fn a_tree_is_copied_without_what_is_skipped_and_removed_whole() {
        let scratch = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| scratch.path().join(name));
        fs::create_dir_all(from.join("keys")).unwrap();
        fs::create_dir_all(from.join("models")).unwrap();
        fs::write(from.join("keys/kek"), "k").unwrap();
        fs::write(from.join("models/big"), "b").unwrap();
        write(&from.join("private"), b"four", 0o600).unwrap();
        copy_tree(&from, &to, &["models"]).unwrap();
        assert_eq!(fs::read(to.join("keys/kek")).unwrap(), b"k");
        assert!(!to.join("models").exists());
        let mode = fs::metadata(to.join("private"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(size(&from, &["models"]).unwrap(), 5);
        empty_tree(&to).unwrap();
        assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
        remove_empty(&to).unwrap();
        remove_tree(&from).unwrap();
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
