//! From a folder to a bundle that may be used: signature first, then every file.

use crate::{
    BundlePath, Error, Fault, File, KeyId, MANIFEST, MAX_FILES, MAX_MANIFEST_BYTES,
    MAX_SIGNATURE_BYTES, Manifest, Mode, Problem, ReleaseKey, SIGNATURE, Version, trusted_comment,
};
use rustix::fs::{CWD, FileType, Mode as Bits, OFlags, fstat, openat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// So many faults are told by name.
const MAX_FAULTS: usize = 50;
/// Read at a time.
const CHUNK: usize = 128 * 1024;

/// A folder whose manifest somebody with the key vouches for. Its files were not looked at yet.
#[derive(Debug)]
pub struct Signed {
    dir: PathBuf,
    root: OwnedFd,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    signature_bytes: Vec<u8>,
}

/// A folder that is exactly what its signed manifest says.
#[derive(Debug)]
pub struct Verified(Signed);

impl Signed {
    /// Reads manifest and signature, and checks the one with the other.
    ///
    /// # Errors
    /// All of [`Error`] but [`Error::Older`] and [`Error::Key`].
    pub fn open(dir: &Path, key: &ReleaseKey) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, dir, flags, Bits::empty()).map_err(|error| Error::Io {
            doing: "open the folder",
            path: dir.to_owned(),
            source: error.into(),
        })?;
        let manifest_bytes = read_small(&root, dir, MANIFEST, MAX_MANIFEST_BYTES)?;
        let signature_bytes = read_small(&root, dir, SIGNATURE, MAX_SIGNATURE_BYTES)?;
        let comment = check_signature(&manifest_bytes, &signature_bytes, key)?;
        // From here on somebody with the key has written what is read.
        let manifest = Manifest::parse(&manifest_bytes)?;
        let wanted = trusted_comment(&manifest.version);
        if comment != wanted {
            return Err(Error::Comment {
                found: comment.chars().take(200).collect(),
                wanted,
            });
        }
        Ok(Self {
            dir: dir.to_owned(),
            root,
            manifest,
            manifest_bytes,
            signature_bytes,
        })
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Looks at every file, and for files that do not belong. `seen` is told of each file's bytes.
    ///
    /// # Errors
    /// [`Error::Parts`] with everything that is wrong, [`Error::Io`] if the folder cannot be listed.
    pub fn check_files(self, mut seen: impl FnMut(&File)) -> Result<Verified, Error> {
        let mut faults = Faults::default();
        for file in &self.manifest.files {
            match self.check(file, &mut io::sink()) {
                Ok(()) => seen(file),
                Err(problem) => faults.add(file.path.as_str().to_owned(), problem),
            }
        }
        self.find_extra(&mut faults)?;
        match faults.list.is_empty() {
            true => Ok(Verified(self)),
            false => Err(Error::Parts {
                faults: faults.list,
                more: faults.more,
            }),
        }
    }

    /// Reads a file that should be this one, and passes its bytes on while it does.
    fn check(&self, file: &File, to: &mut dyn Write) -> Result<(), Problem> {
        let mut from = open_plain(&self.root, &file.path)?;
        let stat = fstat(&from).map_err(|error| Problem::Unreadable(error.into()))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        check_size(file.bytes, size)?;
        check_mode(file.mode, stat.st_mode)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        let mut read = 0_u64;
        // One byte more than it may have: a file that grows is noticed, one without end too.
        let mut limited = io::Read::take(&mut from, file.bytes.saturating_add(1));
        loop {
            let n = match limited.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Problem::Unreadable(error)),
            };
            let bytes = buffer.get(..n).unwrap_or_default();
            hasher.update(bytes);
            to.write_all(bytes).map_err(Problem::Unreadable)?;
            read = read.saturating_add(n as u64);
        }
        check_size(file.bytes, read)?;
        let found = hex::encode(hasher.finalize());
        match found == file.sha256 {
            true => Ok(()),
            false => Err(Problem::Swapped {
                expected: file.sha256.clone(),
                found,
            }),
        }
    }

    /// What lies in the folder and is neither a file of the manifest nor a folder above one.
    fn find_extra(&self, faults: &mut Faults) -> Result<(), Error> {
        let files: BTreeSet<&str> = self
            .manifest
            .files
            .iter()
            .map(|f| f.path.as_str())
            .collect();
        let folders: BTreeSet<&str> = self
            .manifest
            .files
            .iter()
            .flat_map(|file| file.path.folders())
            .collect();
        let mut looked_at = 0_usize;
        let mut open = vec![String::new()];
        while let Some(folder) = open.pop() {
            let path = self.dir.join(&folder);
            let list = |source| Error::Io {
                doing: "list",
                path: path.clone(),
                source,
            };
            let mut entries: Vec<_> = fs::read_dir(&path)
                .and_then(Iterator::collect::<io::Result<_>>)
                .map_err(list)?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let relative = match folder.is_empty() {
                    true => name.into_owned(),
                    false => format!("{folder}/{name}"),
                };
                let kind = entry.file_type().map_err(list)?;
                // A folder that is not entered counts as one thing too many, with all that is in it.
                if kind.is_dir() && folders.contains(relative.as_str()) {
                    open.push(relative);
                } else if !(files.contains(relative.as_str())
                    || relative == MANIFEST
                    || relative == SIGNATURE)
                {
                    faults.add(relative.escape_debug().to_string(), Problem::Extra);
                }
                looked_at += 1;
                if looked_at > MAX_FILES * 4 {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Verified {
    /// Opens a bundle and checks all of it.
    ///
    /// # Errors
    /// Those of [`Signed::open`] and [`Signed::check_files`].
    pub fn open(dir: &Path, key: &ReleaseKey) -> Result<Self, Error> {
        Signed::open(dir, key)?.check_files(|_| ())
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The manifest's exact bytes, and its signature's.
    #[must_use]
    pub fn manifest_and_signature(&self) -> (&[u8], &[u8]) {
        (&self.0.manifest_bytes, &self.0.signature_bytes)
    }

    /// Copies a file out, and checks it once more on the way.
    ///
    /// # Errors
    /// [`Error::Parts`] if it changed since, [`Error::Io`] if `to` could not be written.
    pub fn copy(&self, file: &File, to: &mut impl Write) -> Result<(), Error> {
        let mut sink = Told { to, failed: None };
        match (self.0.check(file, &mut sink), sink.failed) {
            (_, Some(source)) => Err(Error::Io {
                doing: "copy",
                path: file.path.under(&self.0.dir),
                source,
            }),
            (Err(problem), None) => Err(Error::Parts {
                faults: vec![Fault {
                    part: file.path.as_str().to_owned(),
                    problem,
                }],
                more: 0,
            }),
            (Ok(()), None) => Ok(()),
        }
    }

    /// The content of a small file, checked once more.
    ///
    /// # Errors
    /// As [`Verified::copy`].
    pub fn read(&self, file: &File) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.copy(file, &mut bytes)?;
        Ok(bytes)
    }
}

/// Whether a bundle may go over what is installed: the same or newer, or the very version that was
/// named as allowed though older.
///
/// # Errors
/// [`Error::Older`].
pub fn allow_over(
    offered: &Version,
    installed: Option<&Version>,
    allow_older: Option<&Version>,
) -> Result<(), Error> {
    match installed {
        Some(installed) if offered < installed && allow_older != Some(offered) => {
            Err(Error::Older {
                installed: installed.clone(),
                offered: offered.clone(),
            })
        }
        _ => Ok(()),
    }
}

/// A writer that keeps its own error, so that it is not taken for one of the file that is read.
struct Told<'a, W> {
    to: &'a mut W,
    failed: Option<io::Error>,
}

impl<W: Write> Write for Told<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.to.write_all(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[derive(Default)]
struct Faults {
    list: Vec<Fault>,
    more: usize,
}

impl Faults {
    fn add(&mut self, part: String, problem: Problem) {
        if self.list.len() < MAX_FAULTS {
            self.list.push(Fault { part, problem });
        } else {
            self.more += 1;
        }
    }
}

fn check_size(expected: u64, found: u64) -> Result<(), Problem> {
    match found.cmp(&expected) {
        std::cmp::Ordering::Less => Err(Problem::CutOff { expected, found }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(Problem::TooLong { expected, found }),
    }
}

fn check_mode(expected: Mode, found: u32) -> Result<(), Problem> {
    let found = found & 0o7777;
    match found == expected.bits() {
        true => Ok(()),
        false => Err(Problem::Mode {
            expected: expected.bits(),
            found,
        }),
    }
}

/// Opens a plain file without following a link, neither at its end nor on the way.
fn open_plain(root: &OwnedFd, path: &BundlePath) -> Result<fs::File, Problem> {
    let refused = |error: Errno| match error {
        Errno::NOENT => Problem::Missing,
        // What `O_NOFOLLOW` says of a link, with and without `O_DIRECTORY`.
        Errno::LOOP => Problem::NotAFile("a link, or below one"),
        Errno::NOTDIR => Problem::NotAFile("below something that is no folder"),
        Errno::NXIO => Problem::NotAFile("a socket or a device"),
        error => Problem::Unreadable(error.into()),
    };
    let base = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut parts: Vec<&str> = path.parts().collect();
    let Some(last) = parts.pop() else {
        return Err(Problem::Missing);
    };
    let mut folder: Option<OwnedFd> = None;
    for part in parts {
        let at = folder.as_ref().unwrap_or(root);
        let next = openat(at, part, base | OFlags::DIRECTORY, Bits::empty()).map_err(refused)?;
        folder = Some(next);
    }
    let at = folder.as_ref().unwrap_or(root);
    // Not blocking: a pipe would wait for whoever writes to it.
    let opened = openat(at, last, base | OFlags::NONBLOCK, Bits::empty()).map_err(refused)?;
    let stat = fstat(&opened).map_err(|error| Problem::Unreadable(error.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(fs::File::from(opened)),
        FileType::Directory => Err(Problem::NotAFile("a folder")),
        FileType::Fifo => Err(Problem::NotAFile("a pipe")),
        _ => Err(Problem::NotAFile("a device")),
    }
}

/// A small plain file in the folder itself.
fn read_small(
    root: &OwnedFd,
    dir: &Path,
    name: &'static str,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    let fault = |problem| Error::Parts {
        faults: vec![Fault {
            part: name.to_owned(),
            problem,
        }],
        more: 0,
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = openat(root, name, flags, Bits::empty()).map_err(|error| match error {
        Errno::NOENT => fault(Problem::Missing),
        Errno::LOOP => fault(Problem::NotAFile("a link")),
        error => fault(Problem::Unreadable(error.into())),
    })?;
    let stat = fstat(&opened).map_err(|error| fault(Problem::Unreadable(error.into())))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(fault(Problem::NotAFile("a folder, a pipe or a device")));
    }
    let mut bytes = Vec::new();
    fs::File::from(opened)
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Io {
            doing: "read",
            path: dir.join(name),
            source,
        })?;
    match bytes.len() as u64 > limit {
        true => Err(Error::TooLarge { part: name, limit }),
        false => Ok(bytes),
    }
}

/// Whether the key signed these bytes; returns the comment that it signed with them.
fn check_signature(manifest: &[u8], signature: &[u8], key: &ReleaseKey) -> Result<String, Error> {
    let refused = |why| Error::Signature { why };
    let text = std::str::from_utf8(signature).map_err(|_| refused("it is no text"))?;
    // The decoder stops after four lines; nothing may hide behind them.
    if text.lines().count() != 4 {
        return Err(refused("it has not four lines"));
    }
    let decoded = minisign_verify::Signature::decode(text)
        .map_err(|_| refused("a line of it cannot be decoded"))?;
    let found = KeyId::of_signature(text).ok_or(refused("it names no key"))?;
    key.verify(manifest, &decoded).map_err(|error| {
        use minisign_verify::Error as E;
        match error {
            E::UnexpectedKeyId => Error::OtherKey {
                found,
                trusted: key.id(),
            },
            E::UnexpectedAlgorithm | E::UnsupportedAlgorithm | E::UnsupportedLegacyMode => {
                refused("it is of the old kind, without a hash")
            }
            _ => Error::Forged { trusted: key.id() },
        }
    })?;
    Ok(decoded.trusted_comment().to_owned())
}

#[cfg(test)]
mod tests;
