//! The process itself: descriptors, privileges, limits, namespaces. All through safe wrappers of the
//! system's calls (`rustix`, `nix`).

use super::failed;
use crate::{Reason, SandboxPart, Spec};
use nix::sched::CloneFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// Address space beside what memory and files need: stacks, and what allocators reserve and do not use.
const ADDRESS_SLACK_BYTES: u64 = 4 << 30;
/// Descriptors that it may have at once.
const DESCRIPTORS: u64 = 64;
/// Threads of its user. Engines start one a core; the limit is against ever more of them, each of which
/// takes the kernel's memory. Counted by user, so it is wide where that is the server's.
const THREADS: u64 = 8192;
/// The same for a user of its own.
const THREADS_OF_OWN_USER: u64 = 2048;
/// Where `/proc` is not mounted, descriptors up to this one are closed unseen.
const DESCRIPTORS_LOOKED_AT: i32 = 4096;

/// Closes all but 0, 1 and 2. The server opens everything close-on-exec; what it was itself started
/// with (by a shell, `make`, a supervisor) may not be.
pub(super) fn close_inherited() -> u32 {
    let listed = std::fs::read_dir("/proc/self/fd").map(|entries| {
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .collect::<Vec<_>>()
    });
    let open = listed.unwrap_or_else(|_| (3..DESCRIPTORS_LOOKED_AT).collect());
    let closed = open
        .into_iter()
        .filter(|fd| *fd > 2 && nix::unistd::close(*fd).is_ok());
    u32::try_from(closed.count()).unwrap_or(u32::MAX)
}

/// The kernel takes this process first when memory runs out. Needs no privilege; may fail where `/proc`
/// is not mounted or cannot be written.
pub(super) fn first_to_go() -> bool {
    std::fs::write("/proc/self/oom_score_adj", "1000").is_ok()
}

/// Nothing that it could execute gives it more than it has.
pub(super) fn no_privileges() -> Result<(), Reason> {
    rustix::thread::set_no_new_privs(true).map_err(|e| failed(SandboxPart::Seccomp, e))
}

/// No core file, and nobody of the same user reads its memory, or it theirs.
pub(super) fn not_dumpable() -> Result<(), Reason> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| failed(SandboxPart::Limits, e))
}

/// A network with nothing in it, where the system gives one: to root directly, to others through a user
/// namespace. Whether it did.
pub(super) fn own_network() -> bool {
    let alone = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    nix::sched::unshare(alone)
        .or_else(|_| nix::sched::unshare(alone | CloneFlags::CLONE_NEWUSER))
        .is_ok()
}

/// Even where the server is root. Where there are none it calls nothing: a hardened unit may refuse the
/// very call.
pub(super) fn drop_capabilities() -> Result<(), Reason> {
    let none = CapabilitySet::empty();
    let had = rustix::thread::capabilities(None);
    if had.is_ok_and(|had| had.permitted == none && had.inheritable == none) {
        return Ok(());
    }
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    rustix::thread::set_capabilities(None, sets).map_err(|e| failed(SandboxPart::Limits, e))
}

/// Private memory: what the specification says, and once more the files, which an engine may copy.
/// Gives the limit in bytes.
///
/// `RLIMIT_DATA` counts every private mapping that can be written (Linux 4.7); shared ones the filter
/// refuses. `RLIMIT_AS` bounds what is mapped only to be read, page tables with it.
pub(super) fn limits(spec: &Spec, file_bytes: u64) -> Result<u64, Reason> {
    let memory = spec
        .limits
        .memory_mb
        .saturating_mul(1_000_000)
        .saturating_add(file_bytes);
    let address = memory
        .saturating_add(file_bytes)
        .saturating_add(ADDRESS_SLACK_BYTES);
    let threads = match spec.run_as {
        Some(_) => THREADS_OF_OWN_USER,
        None => THREADS,
    };
    let limits = [
        (Resource::Data, memory),
        (Resource::As, address),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, DESCRIPTORS),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Nproc, threads),
    ];
    for (resource, wanted) in limits {
        limit(resource, wanted)
            .map_err(|e| failed(SandboxPart::Limits, format!("{resource:?}: {e}")))?;
    }
    Ok(memory)
}

fn limit(resource: Resource, wanted: u64) -> rustix::io::Result<()> {
    // A hard limit that is lower already stays.
    let had = rustix::process::getrlimit(resource);
    let wanted = had.maximum.map_or(wanted, |most| wanted.min(most));
    let new = Rlimit {
        current: Some(wanted),
        maximum: Some(wanted),
    };
    rustix::process::setrlimit(resource, new)
}

/// Ends this process at once, whatever its threads compute: the server is gone, and nobody waits for an
/// answer. Nothing here has to be put in order.
pub(crate) fn die() {
    let own = rustix::process::getpid();
    let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
}
