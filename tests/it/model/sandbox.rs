//! How the worker is held: as its own report says, as `/proc` shows it, and as calls made from inside
//! of it are answered. And what becomes of it where the kernel has no Landlock.

use super::inside::{Arg, Inside};
use super::{default_model, proc, serve, standing, status, until_state, worker};
use harness::{Appliance, Program, Serve, models, program, until};
use local_model::DEFAULT_MODEL;
use nix::errno::Errno;
use nix::libc;
use rustix::process::geteuid;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// `landlock_create_ruleset`.
const LANDLOCK: i64 = 444;

/// Where this file, or the name of this socket, is open in a process.
fn descriptors(pid: u32) -> Vec<String> {
    let folder = format!("/proc/{pid}/fd");
    let entries = fs::read_dir(&folder).expect("the worker's descriptors are listed to root");
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .map(|path| path.display().to_string())
        .collect();
    found.sort();
    found
}

/// Runs it where the kernel answers that it has no Landlock: to this thread and whatever it starts.
fn without_landlock(test: impl FnOnce() + Send) {
    let rules = BTreeMap::from([(LANDLOCK, Vec::new())]);
    let answer = SeccompAction::Errno(Errno::ENOSYS as u32);
    let target = std::env::consts::ARCH
        .try_into()
        .expect("a known processor");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, target);
    let filter: BpfProgram = filter
        .expect("a filter")
        .try_into()
        .expect("it can be compiled");
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            apply_filter(&filter).expect("a thread may restrict itself");
            test();
        });
        thread
            .join()
            .unwrap_or_else(|cause| std::panic::resume_unwind(cause));
    });
}

fn needs_root(what: &str) -> bool {
    let root = geteuid().is_root();
    if !root {
        eprintln!("NOT CHECKED, for want of root: {what}");
    }
    root
}

#[test]
fn the_worker_is_held_as_it_reports_seen_from_outside() {
    let appliance = serve(default_model());
    let pid = worker(&appliance);
    let reported = standing(&appliance);
    let sandbox = &reported["sandbox"];
    assert_eq!(sandbox["degraded"], false, "{reported}");
    let lines = sandbox["lines"].to_string();
    assert!(
        lines.contains("Landlock") && lines.contains("no sockets"),
        "{lines}"
    );

    assert_eq!(status(pid, "Seccomp"), "2", "filtered");
    let filters: u32 = status(pid, "Seccomp_filters").parse().expect("a number");
    let own: u32 = status(std::process::id(), "Seccomp_filters")
        .parse()
        .expect("a number");
    assert!(
        filters >= own + 2,
        "one before loading and one after: {filters}"
    );
    assert_eq!(status(pid, "NoNewPrivs"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(pid, set), "0000000000000000", "{set}");
    }
    let command = proc(pid, "cmdline").replace('\0', " ");
    assert!(command.trim_end().ends_with(" model-worker"), "{command}");
    let limits = proc(pid, "limits");
    let limit = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{name}: {limits}"));
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max file size"), "0");
    assert_ne!(limit("Max data size"), "unlimited");
    assert_ne!(limit("Max address space"), "unlimited");
    assert_eq!(proc(pid, "oom_score_adj").trim(), "1000", "first to go");

    if !needs_root("descriptors, network, environment and memory of the worker") {
        return;
    }
    assert_eq!(proc(pid, "environ"), "");
    assert_eq!(
        fs::read_link(format!("/proc/{pid}/cwd")).expect("a folder"),
        Path::new("/")
    );
    let open = descriptors(pid);
    let foreign = |path: &&String| {
        let fine = ["/dev/null", "socket:", "pipe:"];
        !fine.iter().any(|start| path.starts_with(start)) && !path.ends_with(".gguf")
    };
    assert_eq!(open.iter().find(foreign), None, "{open:?}");
    let sockets = open.iter().filter(|path| path.starts_with("socket:"));
    assert_eq!(sockets.count(), 1, "the one to the server: {open:?}");
    let maps = proc(pid, "maps");
    assert!(
        !maps.contains("store.db") && !maps.contains("/keys/"),
        "{maps}"
    );
    let both = maps.lines().filter(|line| {
        let modes = line.split_whitespace().nth(1).unwrap_or_default();
        modes.contains('w') && modes.contains('x')
    });
    assert_eq!(
        both.count(),
        0,
        "nothing is writable and executable: {maps}"
    );
    let network = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).expect("a network");
    assert_ne!(
        network(pid),
        network(appliance.pid()),
        "a network of its own"
    );
    let interfaces = proc(pid, "net/dev");
    let other = interfaces
        .lines()
        .filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()))
        .find(|name| *name != "lo");
    assert_eq!(other, None, "{interfaces}");
    let routes = proc(pid, "net/route");
    assert!(
        routes.lines().count() <= 1,
        "a heading at most, and no route: {routes}"
    );
}

/// What a hostile file would have native code do, and with which arguments.
fn attempts<'a>(
    database: &'a str,
    model: &'a str,
    victim: &'a str,
    server: i64,
) -> Vec<(&'static str, i64, Vec<Arg<'a>>)> {
    use Arg::{Bytes, Number as N, Text as T};
    let (inet, unix) = (i64::from(libc::AF_INET), i64::from(libc::AF_UNIX));
    let stream = i64::from(libc::SOCK_STREAM);
    let cwd = i64::from(libc::AT_FDCWD);
    let create = i64::from(libc::O_CREAT | libc::O_WRONLY);
    let chld = i64::from(libc::SIGCHLD);
    let empty = i64::from(libc::AT_EMPTY_PATH);
    let (rwx, anonymous) = (
        i64::from(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC),
        i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
    );
    // Room for what a call writes.
    let out = || Bytes(&[0; 256]);
    vec![
        (
            "a socket to the network",
            libc::SYS_socket,
            vec![N(inet), N(stream), N(0)],
        ),
        (
            "a local socket",
            libc::SYS_socket,
            vec![N(unix), N(stream), N(0)],
        ),
        (
            "a pair of sockets",
            libc::SYS_socketpair,
            vec![N(unix), N(stream), N(0), out()],
        ),
        (
            "a raw packet socket",
            libc::SYS_socket,
            vec![N(17), N(3), N(0)],
        ),
        (
            "connecting its own socket",
            libc::SYS_connect,
            vec![N(0), out(), N(16)],
        ),
        (
            "a descriptor through its socket",
            libc::SYS_recvmsg,
            vec![N(0), out(), N(0)],
        ),
        (
            "reading the database",
            libc::SYS_openat,
            vec![N(cwd), T(database), N(0), N(0)],
        ),
        (
            "reading the database by open",
            libc::SYS_open,
            vec![T(database), N(0), N(0)],
        ),
        (
            "reading by openat2",
            libc::SYS_openat2,
            vec![N(cwd), T(database), out(), N(24)],
        ),
        (
            "the model once more",
            libc::SYS_openat,
            vec![N(cwd), T(model), N(0), N(0)],
        ),
        (
            "the list of users",
            libc::SYS_openat,
            vec![N(cwd), T("/etc/passwd"), N(0), N(0)],
        ),
        (
            "itself",
            libc::SYS_openat,
            vec![N(cwd), T("/proc/self/mem"), N(2), N(0)],
        ),
        (
            "writing a file",
            libc::SYS_openat,
            vec![N(cwd), T("/tmp/x"), N(create), N(0o600)],
        ),
        (
            "making a file",
            libc::SYS_creat,
            vec![T("/tmp/x"), N(0o600)],
        ),
        (
            "making a folder",
            libc::SYS_mkdir,
            vec![T("/tmp/x"), N(0o700)],
        ),
        (
            "making a device",
            libc::SYS_mknod,
            vec![T("/tmp/x"), N(0o020_600), N(257)],
        ),
        ("removing a file", libc::SYS_unlink, vec![T(victim)]),
        (
            "renaming a file",
            libc::SYS_rename,
            vec![T(victim), T("/tmp/x")],
        ),
        ("a link", libc::SYS_symlink, vec![T(victim), T("/tmp/x")]),
        ("cutting a file", libc::SYS_truncate, vec![T(victim), N(0)]),
        (
            "opening a file to all",
            libc::SYS_chmod,
            vec![T(victim), N(0o777)],
        ),
        (
            "looking at a file",
            libc::SYS_stat,
            vec![T("/etc/passwd"), out()],
        ),
        (
            "looking at a file past the filter",
            libc::SYS_newfstatat,
            vec![N(cwd), T("/etc/passwd"), out(), N(empty)],
        ),
        (
            "looking at it by statx",
            libc::SYS_statx,
            vec![N(cwd), T("/etc/passwd"), N(empty), N(0x7ff), out()],
        ),
        // The x32 numbers of socket and openat.
        (
            "a socket by the other numbers",
            0x4000_0029,
            vec![N(inet), N(stream), N(0)],
        ),
        (
            "a file by the other numbers",
            0x4000_0101,
            vec![N(cwd), T("/etc/passwd"), N(0), N(0)],
        ),
        (
            "looking where a link leads",
            libc::SYS_readlink,
            vec![T("/proc/1/exe"), out(), N(99)],
        ),
        ("a new root", libc::SYS_chroot, vec![T("/")]),
        ("fork", libc::SYS_fork, vec![]),
        (
            "a process by clone",
            libc::SYS_clone,
            vec![N(chld), N(0), N(0), N(0), N(0)],
        ),
        ("a process by clone3", libc::SYS_clone3, vec![out(), N(88)]),
        (
            "a program",
            libc::SYS_execve,
            vec![T("/bin/true"), N(0), N(0)],
        ),
        (
            "a program by descriptor",
            libc::SYS_execveat,
            vec![N(cwd), T("/bin/true"), N(0), N(0), N(0)],
        ),
        (
            "a program in memory",
            libc::SYS_memfd_create,
            vec![T("x"), N(0)],
        ),
        (
            "memory to write and execute",
            libc::SYS_mmap,
            vec![N(0), N(4096), N(rwx), N(anonymous), N(-1), N(0)],
        ),
        (
            "memory shared with others",
            libc::SYS_shmget,
            vec![N(0), N(4096), N(0o1600)],
        ),
        (
            "a signal to the server",
            libc::SYS_kill,
            vec![N(server), N(0)],
        ),
        (
            "a signal to a thread of it",
            libc::SYS_tgkill,
            vec![N(server), N(server), N(0)],
        ),
        (
            "a handle of the server",
            libc::SYS_pidfd_open,
            vec![N(server), N(0)],
        ),
        (
            "tracing the server",
            libc::SYS_ptrace,
            vec![N(16), N(server), N(0), N(0)],
        ),
        (
            "reading the server's memory",
            libc::SYS_process_vm_readv,
            vec![N(server), out(), N(1), out(), N(1), N(0)],
        ),
        (
            "writing the server's memory",
            libc::SYS_process_vm_writev,
            vec![N(server), out(), N(1), out(), N(1), N(0)],
        ),
        (
            "the server's limits",
            libc::SYS_prlimit64,
            vec![N(server), N(7), N(0), out()],
        ),
        ("higher limits", libc::SYS_setrlimit, vec![N(1), out()]),
        ("another user", libc::SYS_setuid, vec![N(0)]),
        ("another group", libc::SYS_setgid, vec![N(0)]),
        ("privileges", libc::SYS_capset, vec![out(), out()]),
        (
            "new namespaces",
            libc::SYS_unshare,
            vec![N(i64::from(libc::CLONE_NEWUSER))],
        ),
        ("another's namespace", libc::SYS_setns, vec![N(0), N(0)]),
        (
            "a mount",
            libc::SYS_mount,
            vec![T("none"), T("/tmp"), T("tmpfs"), N(0), N(0)],
        ),
        (
            "being looked into again",
            libc::SYS_prctl,
            vec![N(4), N(1), N(0), N(0), N(0)],
        ),
        (
            "rings of calls past the filter",
            libc::SYS_io_uring_setup,
            vec![N(4), out()],
        ),
        (
            "a program in the kernel",
            libc::SYS_bpf,
            vec![N(5), out(), N(120)],
        ),
        (
            "counters of the processor",
            libc::SYS_perf_event_open,
            vec![out(), N(0), N(-1), N(-1), N(0)],
        ),
        (
            "page faults in its hands",
            libc::SYS_userfaultfd,
            vec![N(0)],
        ),
        (
            "keys of the kernel",
            libc::SYS_keyctl,
            vec![N(0), N(-3), N(0)],
        ),
        (
            "adding a key",
            libc::SYS_add_key,
            vec![T("user"), T("x"), out(), N(1), N(-3)],
        ),
        (
            "files by handle",
            libc::SYS_open_by_handle_at,
            vec![N(cwd), out(), N(0)],
        ),
        ("watching files", libc::SYS_inotify_init1, vec![N(0)]),
        (
            "typing into a terminal",
            libc::SYS_ioctl,
            vec![N(0), N(0x5412), out()],
        ),
        (
            "the kernel's log",
            libc::SYS_syslog,
            vec![N(3), out(), N(100)],
        ),
        ("the clock", libc::SYS_settimeofday, vec![out(), N(0)]),
        (
            "the machine's name",
            libc::SYS_sethostname,
            vec![T("x"), N(1)],
        ),
        (
            "stopping the machine",
            libc::SYS_reboot,
            vec![N(0), N(0), N(0), N(0)],
        ),
    ]
}

/// Asks for all of it inside the running worker; what was not refused.
fn not_refused(appliance: &Appliance, pid: u32) -> Vec<String> {
    let database = appliance.data().join("store.db").display().to_string();
    let model = models().join(DEFAULT_MODEL.file).display().to_string();
    let victim = appliance.scratch().join("victim");
    fs::write(&victim, "whole").expect("a file can be written");
    let victim = victim.display().to_string();
    let inside = Inside::of(pid);
    let attempts = attempts(&database, &model, &victim, appliance.pid().into());
    assert!(attempts.len() > 50);
    println!("calls refused inside the worker: {}", attempts.len());
    let mut found = Vec::new();
    for (what, number, args) in attempts {
        match inside.call(number, &args) {
            Err(Errno::EPERM | Errno::EACCES | Errno::ENOSYS) => {}
            other => found.push(format!("{what}: {other:?}")),
        }
    }
    assert_eq!(fs::read_to_string(&victim).ok().as_deref(), Some("whole"));
    found
}

#[test]
fn what_hostile_native_code_would_try_is_refused_inside_the_running_worker() {
    if !needs_root("calls from inside the worker") {
        return;
    }
    let appliance = serve(default_model());
    let pid = worker(&appliance);
    assert_eq!(not_refused(&appliance, pid), Vec::<String>::new());
    // The calls were really made: the same stepping gets an answer where one is due.
    let inside = Inside::of(pid);
    let number = inside.call(libc::SYS_getpid, &[]);
    assert_eq!(number, Ok(pid.into()));
    drop(inside);
    // It survived being asked, and still answers.
    let _ = appliance.command(&["healthcheck"]).ok();
    assert_eq!(worker(&appliance), pid, "it is the same process");
}

#[test]
fn without_landlock_it_refuses_to_start_unless_an_administrator_allowed_less() {
    without_landlock(|| {
        let appliance = serve(default_model());
        let refused = until("a model that was refused", || {
            let standing = standing(&appliance);
            (standing["reason"]["code"] == "L009").then_some(standing)
        });
        assert_eq!(refused["pid"], serde_json::Value::Null, "{refused}");
        let why = refused["reason"].to_string();
        assert!(
            why.contains("Landlock") && why.contains("allow-degraded"),
            "{why}"
        );
        // The appliance serves as if nothing were, and its page says what is so.
        let mut admin = appliance.signed_in(None);
        let page = admin.get("/admin").expect(200);
        assert!(
            page.says("L009") && page.says("Landlock"),
            "{}",
            page.text()
        );
        drop(appliance);

        let mut settings = default_model();
        settings.push(("sandbox", "\"allow-degraded\"".to_owned()));
        let appliance = serve(settings);
        let ready = until_state(&appliance, "ready");
        assert_eq!(ready["sandbox"]["degraded"], true, "{ready}");
        let mut admin = appliance.signed_in(None);
        let page = admin.get("/admin").expect(200);
        assert!(
            page.text().to_lowercase().contains("degraded"),
            "{}",
            page.text()
        );
        let devices = admin.get("/admin/devices").expect(200);
        assert!(
            devices.says("runs without Landlock"),
            "every page says so to an administrator: {}",
            devices.text()
        );
        // What is never waived still holds.
        let pid = worker(&appliance);
        assert_eq!(status(pid, "Seccomp"), "2");
        if needs_root("calls from inside the degraded worker") {
            assert_eq!(not_refused(&appliance, pid), Vec::<String>::new());
        }
    });
}

#[test]
fn started_by_root_the_worker_has_a_user_of_its_own_that_can_read_its_files() {
    if !needs_root("a user of the worker's own") {
        return;
    }
    // Program and model where everybody may read them, as the bundle installs them.
    let open = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir()
        .expect("a folder");
    let placed = |from: &Path| {
        let to = open.path().join(from.file_name().expect("a name"));
        fs::hard_link(from, &to)
            .or_else(|_| fs::copy(from, &to).map(drop))
            .expect("it can be placed there");
        to
    };
    let binary = placed(&program(Program::Appliance));
    let file = placed(&models().join(DEFAULT_MODEL.file));
    let appliance = Appliance::start_with(Serve {
        settings: super::model(&file, DEFAULT_MODEL.sha256),
        program: Some(binary),
        ..Serve::default()
    });
    let pid = worker(&appliance);
    let ids = |field| {
        status(pid, field)
            .split('\t')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(ids("Uid").iter().all(|id| id != "0"), "{:?}", ids("Uid"));
    assert!(ids("Gid").iter().all(|id| id != "0"), "{:?}", ids("Gid"));
    assert_eq!(status(pid, "Groups"), "", "no group beside it");
    assert_eq!(not_refused(&appliance, pid), Vec::<String>::new());
}
