//! The two filters of system calls.
//!
//! The first is a list of what may be called; all else answers EPERM, which an engine survives where
//! killing it would not tell us what it wanted. A small one beside it answers ENOSYS to `clone3`, whose
//! flags stand in memory that a filter cannot read: the C library then uses `clone`, whose flags it can.
//! The second takes back what only loading needs: opening files, looking at paths, filters themselves.
//! Filters add up: the kernel takes the strictest answer.
//!
//! The list was made by watching both engines load and answer (`strace -f`), and holds what allocator,
//! threads and clock may need beside. What an engine asks for and does without (its `/proc/cpuinfo`)
//! is not on it.

use super::failed;
use crate::{Reason, SandboxPart};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter_all_threads,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// `__O_TMPFILE` of asm-generic/fcntl.h, without the O_DIRECTORY that libc's constant adds.
const O_TMPFILE_BIT: u64 = 0o20_000_000;
/// `PR_SET_VMA`: allocators name their mappings with it.
const PR_SET_VMA: u64 = 0x5356_4d41;

/// May be called with any arguments: nothing outside the process changes by them.
const FREELY: &[i64] = &[
    // its descriptors: the socket, stderr, the model's files
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_fadvise64,
    // memory
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // threads; clone3 is answered by the filter beside
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // signals to itself
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // time and chance
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_time,
    libc::SYS_getrandom,
    // who and where it is
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_sysinfo,
    libc::SYS_getrusage,
    // for the second filter, which takes it back
    libc::SYS_seccomp,
];

/// What only loading needs.
const TAKEN_BACK: &[i64] = &[
    libc::SYS_open,
    libc::SYS_openat,
    // Whole, though the C library writes fstat with the first of them: an empty path cannot be told
    // from another one by a filter.
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_seccomp,
];

fn broken(cause: impl std::fmt::Display) -> Reason {
    failed(SandboxPart::Seccomp, cause)
}

/// Bits of an argument under a mask have this value.
fn bits(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, Reason> {
    let masked = SeccompCmpOp::MaskedEq(mask);
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, masked, value).map_err(broken)
}

/// An argument of 32 bits has this value.
fn is(argument: u8, value: u64) -> Result<SeccompCondition, Reason> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
        .map_err(broken)
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, Reason> {
    SeccompRule::new(conditions).map_err(broken)
}

/// A constant of the C library as a filter sees it.
fn word(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

fn compiled(
    rules: Rules,
    otherwise: SeccompAction,
    then: SeccompAction,
) -> Result<BpfProgram, Reason> {
    let architecture = std::env::consts::ARCH.try_into().map_err(broken)?;
    SeccompFilter::new(rules, otherwise, then, architecture)
        .and_then(TryInto::try_into)
        .map_err(broken)
}

fn refusal() -> SeccompAction {
    SeccompAction::Errno(libc::EPERM.cast_unsigned())
}

fn allowed() -> Result<Rules, Reason> {
    let mut rules: Rules = FREELY.iter().map(|call| (*call, Vec::new())).collect();

    // Read only, nothing made, nothing cut, no handle that merely names.
    let opening =
        word(libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_APPEND | libc::O_PATH)
            | O_TMPFILE_BIT;
    rules.insert(libc::SYS_open, vec![rule(vec![bits(1, opening, 0)?])?]);
    rules.insert(libc::SYS_openat, vec![rule(vec![bits(2, opening, 0)?])?]);

    // Never executable. Private, or a file's and not to be written: shared memory would count as nobody's.
    let (write, exec) = (word(libc::PROT_WRITE), word(libc::PROT_EXEC));
    let (shared, anonymous) = (word(libc::MAP_SHARED), word(libc::MAP_ANONYMOUS));
    rules.insert(
        libc::SYS_mmap,
        vec![
            rule(vec![bits(2, exec, 0)?, bits(3, shared, 0)?])?,
            rule(vec![bits(2, exec | write, 0)?, bits(3, anonymous, 0)?])?,
        ],
    );
    rules.insert(libc::SYS_mprotect, vec![rule(vec![bits(2, exec, 0)?])?]);

    // Threads of this process, not processes, and no namespaces.
    let thread = word(libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD);
    let spaces = word(
        libc::CLONE_NEWNS
            | libc::CLONE_NEWUSER
            | libc::CLONE_NEWNET
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWCGROUP
            | libc::CLONE_VFORK,
    );
    rules.insert(
        libc::SYS_clone,
        vec![rule(vec![bits(0, thread | spaces, thread)?])?],
    );

    // Signals to this very process: abort() and the end when the server is gone.
    let own = u64::try_from(rustix::process::getpid().as_raw_nonzero().get()).map_err(broken)?;
    rules.insert(libc::SYS_kill, vec![rule(vec![is(0, own)?])?]);
    rules.insert(libc::SYS_tgkill, vec![rule(vec![is(0, own)?])?]);

    // Names of threads and of mappings; no-new-privileges once more, with the second filter.
    let prctl = [
        word(libc::PR_SET_NAME),
        word(libc::PR_GET_NAME),
        word(libc::PR_SET_NO_NEW_PRIVS),
        PR_SET_VMA,
    ];
    let prctl: Result<_, _> = prctl
        .iter()
        .map(|option| rule(vec![is(0, *option)?]))
        .collect();
    rules.insert(libc::SYS_prctl, prctl?);

    // Its own limits, to look at.
    rules.insert(
        libc::SYS_prlimit64,
        vec![rule(vec![is(0, 0)?, bits(2, u64::MAX, 0)?])?],
    );
    // Flags of a descriptor, to look at.
    let flags = [word(libc::F_GETFL), word(libc::F_GETFD)];
    let flags: Result<_, _> = flags
        .iter()
        .map(|command| rule(vec![is(1, *command)?]))
        .collect();
    rules.insert(libc::SYS_fcntl, flags?);
    Ok(rules)
}

/// Before loading. Also for threads, should any exist.
pub(super) fn first() -> Result<(), Reason> {
    let list = compiled(allowed()?, refusal(), SeccompAction::Allow)?;
    let no_clone3 = compiled(
        Rules::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.cast_unsigned()),
    )?;
    apply_filter_all_threads(&list).map_err(broken)?;
    apply_filter_all_threads(&no_clone3).map_err(broken)
}

fn taken_back() -> Result<Rules, Reason> {
    let mut rules: Rules = TAKEN_BACK.iter().map(|call| (*call, Vec::new())).collect();
    let privileges = is(0, word(libc::PR_SET_NO_NEW_PRIVS))?;
    rules.insert(libc::SYS_prctl, vec![rule(vec![privileges])?]);
    Ok(rules)
}

/// After loading, for all threads.
pub(super) fn second() -> Result<(), Reason> {
    let filter = compiled(taken_back()?, SeccompAction::Allow, refusal())?;
    apply_filter_all_threads(&filter).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_filters_compile_and_the_second_takes_only_what_the_first_gave() {
        let given = allowed().expect("the list");
        let taken = taken_back().expect("the second list");
        compiled(given.clone(), refusal(), SeccompAction::Allow).expect("the first compiles");
        compiled(taken.clone(), SeccompAction::Allow, refusal()).expect("the second compiles");
        for call in taken.keys() {
            assert!(given.contains_key(call), "{call} was never given");
        }
    }

    #[test]
    fn nothing_that_starts_connects_or_changes_is_on_the_list() {
        let given = allowed().expect("the list");
        for call in [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_sendto,
            libc::SYS_sendmsg,
            libc::SYS_recvmsg,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_fork,
            libc::SYS_vfork,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_open,
            libc::SYS_pidfd_getfd,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_bpf,
            libc::SYS_io_uring_setup,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_creat,
            libc::SYS_openat2,
            libc::SYS_open_by_handle_at,
            libc::SYS_unlink,
            libc::SYS_unlinkat,
            libc::SYS_rename,
            libc::SYS_renameat2,
            libc::SYS_mkdir,
            libc::SYS_mkdirat,
            libc::SYS_chmod,
            libc::SYS_fchmod,
            libc::SYS_fchmodat,
            libc::SYS_truncate,
            libc::SYS_ftruncate,
            libc::SYS_link,
            libc::SYS_symlink,
            libc::SYS_mknod,
            libc::SYS_userfaultfd,
            libc::SYS_perf_event_open,
            libc::SYS_memfd_create,
            libc::SYS_pkey_mprotect,
            libc::SYS_shmget,
            libc::SYS_personality,
            libc::SYS_ioctl,
            libc::SYS_setuid,
            libc::SYS_capset,
            libc::SYS_init_module,
            libc::SYS_kexec_load,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_tkill,
        ] {
            assert!(!given.contains_key(&call), "{call} is on the list");
        }
    }
}
