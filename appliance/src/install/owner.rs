//! Commands that root runs on data which belong to the service's user.
//!
//! A file that root makes there would not be the service's, and the keys' files are refused to
//! anybody but their owner. So the command becomes the owner of the data directory, by starting
//! itself anew as that user; nothing else of it changes.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The owner that root should become for this data directory; `None` if nothing is to be done.
fn owner(data_dir: &Path, root: bool) -> Option<(u32, u32)> {
    let meta = std::fs::metadata(data_dir).ok()?;
    (root && meta.uid() != 0).then(|| (meta.uid(), meta.gid()))
}

/// Becomes the owner of the data directory, if root runs this and somebody else owns it. Returns
/// only if nothing was to be done, or if it did not work.
///
/// # Errors
/// The system's, if the program could not be started anew.
pub fn become_owner(data_dir: &Path) -> io::Result<()> {
    let Some((uid, gid)) = owner(data_dir, rustix::process::geteuid().is_root()) else {
        return Ok(());
    };
    // Groups of root are given up by the library.
    Err(Command::new("/proc/self/exe")
        .args(std::env::args_os().skip(1))
        .uid(uid)
        .gid(gid)
        .exec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_becomes_somebody_and_only_where_somebody_else_owns() {
        let scratch = tempfile::tempdir().unwrap();
        let mine = std::fs::metadata(scratch.path()).unwrap().uid();
        assert_eq!(owner(scratch.path(), false), None);
        assert_eq!(owner(scratch.path(), true).is_some(), mine != 0);
        assert_eq!(owner(Path::new("/nowhere"), true), None);
        if mine == 0 {
            std::os::unix::fs::chown(scratch.path(), Some(65_534), Some(65_533)).unwrap();
            assert_eq!(owner(scratch.path(), true), Some((65_534, 65_533)));
        }
    }
}
