//! What the agent says of itself: to the terminal or the service's journal, else into a file that stays small.
//!
//! Invariant: never a payload, a prompt or a path; errors are named by their codes.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Beyond this many bytes a new file is begun; the one before it is kept.
const MOST_BYTES: u64 = 128 * 1024;

/// Where it is said.
#[derive(Clone, Debug)]
pub enum Log {
    /// On standard error.
    Stderr,
    /// In this file.
    File(PathBuf),
}

impl Log {
    /// Says a line. One that cannot be said is not: the agent has more to do.
    pub fn say(&self, now: i64, text: &str) {
        let when =
            jiff::Timestamp::from_second(now).map_or_else(|_| now.to_string(), |at| at.to_string());
        let line = format!("{when} {text}\n");
        let _ = match self {
            Self::Stderr => std::io::stderr().write_all(line.as_bytes()),
            Self::File(path) => append(path, line.as_bytes()),
        };
    }
}

fn append(path: &Path, line: &[u8]) -> std::io::Result<()> {
    if std::fs::symlink_metadata(path).is_ok_and(|data| data.len() > MOST_BYTES) {
        let mut before = path.as_os_str().to_owned();
        before.push(".1");
        std::fs::rename(path, PathBuf::from(before))?;
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?
        .write_all(line)
}
