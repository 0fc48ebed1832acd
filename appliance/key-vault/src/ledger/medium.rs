//! What a ledger asks of its file, so that tests can watch the order of it and fail it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::Error;

/// A file that only grows, but for what a failed write left.
pub(crate) trait Medium {
    /// Waits until nobody else writes.
    fn lock(&mut self) -> io::Result<()>;
    /// Lets others write.
    fn unlock(&mut self) -> io::Result<()>;
    /// The bytes from `offset` on; `None` if the file is shorter.
    fn read_from(&mut self, offset: u64) -> io::Result<Option<Vec<u8>>>;
    /// Writes all of `bytes` at the end, or fails with some of them written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all that was written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `len` bytes.
    fn truncate(&mut self, len: u64) -> io::Result<()>;
}

/// The real one.
pub(crate) struct FileMedium {
    file: File,
}

impl FileMedium {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| Error::io("open", path, error))?;
        let meta = file
            .metadata()
            .map_err(|error| Error::io("look at", path, error))?;
        if !meta.is_file() {
            return Err(Error::NotOurs {
                path: path.to_owned(),
            });
        }
        let mode = meta.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::TooOpen {
                path: path.to_owned(),
                mode,
                wanted: 0o600,
            });
        }
        Ok(Self { file })
    }
}

impl Medium for FileMedium {
    fn lock(&mut self) -> io::Result<()> {
        self.file.lock()
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.file.unlock()
    }

    fn read_from(&mut self, offset: u64) -> io::Result<Option<Vec<u8>>> {
        if self.file.metadata()?.len() < offset {
            return Ok(None);
        }
        self.file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}
