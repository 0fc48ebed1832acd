//! The one file: a tar archive whose bytes depend on nothing but what is in it.

use crate::Error;
use crate::error::Doing;
use crate::parts::{Part, Source};
use bundle_manifest::{File, MANIFEST, Mode, SIGNATURE};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use tar::{EntryType, Header};

/// Writes the archive: one folder, in it manifest, signature and all parts in the order of their
/// paths; every date is `mtime` (unix seconds), every owner is root.
///
/// # Errors
/// [`Error::Io`]; [`Error::Unexpected`] if a part is not what its line says.
pub fn write(
    to: &Path,
    folder: &str,
    mtime: u64,
    manifest: &[u8],
    signature: &[u8],
    parts: &[(Part, File)],
) -> Result<(), Error> {
    let file = fs::File::create(to).doing("create", to)?;
    let mut out = Archive {
        tar: tar::Builder::new(io::BufWriter::with_capacity(1 << 20, file)),
        to,
        folder,
        mtime,
    };
    out.directory("")?;
    out.small(MANIFEST, manifest)?;
    out.small(SIGNATURE, signature)?;
    let mut made = BTreeSet::new();
    for (part, line) in parts {
        for above in line.path.folders() {
            if made.insert(above) {
                out.directory(above)?;
            }
        }
        out.part(part, line)?;
    }
    let mut buffered = out.tar.into_inner().doing("write", to)?;
    buffered.flush().doing("write", to)?;
    buffered.get_ref().sync_all().doing("flush", to)
}

struct Archive<'a> {
    tar: tar::Builder<io::BufWriter<fs::File>>,
    to: &'a Path,
    folder: &'a str,
    mtime: u64,
}

impl Archive<'_> {
    fn header(&self, kind: EntryType, mode: u32, size: u64) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size);
        header.set_mtime(self.mtime);
        header.set_uid(0);
        header.set_gid(0);
        header
    }

    fn append(&mut self, mut header: Header, path: &str, from: impl Read) -> Result<(), Error> {
        let path = match path.is_empty() {
            true => format!("{}/", self.folder),
            false => format!("{}/{path}", self.folder),
        };
        self.tar
            .append_data(&mut header, path, from)
            .doing("write", self.to)
    }

    fn directory(&mut self, path: &str) -> Result<(), Error> {
        let header = self.header(EntryType::Directory, 0o755, 0);
        self.append(header, path, io::empty())
    }

    fn small(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let header = self.header(EntryType::Regular, Mode::READ.bits(), bytes.len() as u64);
        self.append(header, path, bytes)
    }

    fn part(&mut self, part: &Part, line: &File) -> Result<(), Error> {
        let header = self.header(EntryType::Regular, line.mode.bits(), line.bytes);
        match &part.source {
            Source::Bytes(bytes) => self.append(header, line.path.as_str(), bytes.as_slice()),
            Source::File(path) => {
                let file = fs::File::open(path).doing("open", path)?;
                let mut hashed = Hashed {
                    from: file,
                    hasher: Sha256::new(),
                };
                self.append(header, line.path.as_str(), &mut hashed)?;
                // The manifest is signed already: what is packed has to be what it says.
                match hex::encode(hashed.hasher.finalize()) == line.sha256 {
                    true => Ok(()),
                    false => Err(Error::Unexpected {
                        what: path.display().to_string(),
                        why: "it changed while the bundle was made".to_owned(),
                    }),
                }
            }
        }
    }
}

/// A reader that takes the digest of what it reads.
struct Hashed<R> {
    from: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buffer)?;
        self.hasher.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bundle_manifest::Kind;

    #[test]
    fn a_part_that_changes_while_it_is_packed_is_noticed() {
        let scratch = tempfile::tempdir().unwrap();
        let [page, out] = ["page.md", "out.tar"].map(|name| scratch.path().join(name));
        fs::write(&page, "before").unwrap();
        let part = Part::new("manual/page.md", Kind::Manual, Source::File(page.clone())).unwrap();
        let line = part.line().unwrap();
        let parts = [(part, line)];
        assert!(write(&out, "folder", 0, b"m", b"s", &parts).is_ok());
        for text in ["behind", "longer than before", "short"] {
            fs::write(&page, text).unwrap();
            let error = write(&out, "folder", 0, b"m", b"s", &parts).unwrap_err();
            assert!(error.to_string().contains("page.md"), "{error}");
        }
    }
}
