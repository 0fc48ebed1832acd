//! File systems that one program alone sees: a small disk, a folder that cannot be written to.

use crate::program::run;
use std::process::Command;

/// What gives a program mounts of its own here: root may, others by a user namespace; none where
/// neither is allowed.
#[must_use]
pub fn own_mounts() -> Option<Vec<&'static str>> {
    let ways = [
        vec!["unshare", "--mount"],
        vec!["unshare", "--user", "--map-root-user", "--mount"],
    ];
    ways.into_iter().find(|way| {
        let mut mount = Command::new(way[0]);
        mount
            .args(&way[1..])
            .args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
        run(&mut mount, b"").status == 0
    })
}
