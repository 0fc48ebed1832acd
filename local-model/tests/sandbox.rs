//! What the worker cannot do: tried from inside, and looked at from outside.

use crate::common::{Place, in_time, pid, tell};
use local_model::{Down, Host, Landlock, Reason, SandboxPart, SandboxPolicy, State};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn from_inside_everything_forbidden_is_refused() {
    let place = Place::new("");
    let victim = place.path("victim");
    std::fs::write(&victim, "whole").expect("written");
    let (victim, new) = (victim.display(), place.path("new"));
    let (new, database) = (new.display(), place.path("org.db"));
    let (database, model) = (database.display(), place.path("model"));
    let model = model.display();
    let host = place.ready().await;
    for act in [
        "socket-inet".to_owned(),
        "socket-inet6".to_owned(),
        "socket-unix".to_owned(),
        "socket-netlink".to_owned(),
        "socket-packet".to_owned(),
        "socket-vsock".to_owned(),
        "connect".to_owned(),
        format!("read {database}"),
        format!("read {model}"),
        format!("read-on-an-older-thread {model}"),
        "read /etc/passwd".to_owned(),
        "read /proc/self/mem".to_owned(),
        "read /proc/self/environ".to_owned(),
        "list /".to_owned(),
        format!("look {database}"),
        format!("write {database}"),
        format!("cut {victim}"),
        format!("create {new}"),
        format!("folder {new}"),
        format!("link {new}"),
        format!("remove {victim}"),
        format!("move {victim}"),
        format!("mode {victim}"),
        "fork".to_owned(),
        "exec".to_owned(),
        "signal".to_owned(),
        "pidfd".to_owned(),
        "namespace".to_owned(),
        "executable-memory".to_owned(),
        "memory-file".to_owned(),
        "more-memory".to_owned(),
        "dumpable".to_owned(),
        "folder-change".to_owned(),
    ] {
        let told = tell(&host, &act).await;
        let Err(Down::Refused(words)) = &told else {
            panic!("{act}: {told:?}");
        };
        assert!(words.contains("not permitted (os error 1)"), "{words}");
    }
    // The same way of asking finds what is allowed.
    for act in ["thread", "speak", "fine"] {
        assert!(tell(&host, act).await.is_ok(), "{act}");
    }
    let untouched = std::fs::read_to_string(place.path("victim")).expect("still there");
    assert_eq!(untouched, "whole");
    assert!(!place.path("new").exists());
    host.stop().await;
}

fn status(pid: u32) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

#[tokio::test]
async fn from_outside_it_has_no_privileges_and_no_environment() {
    let place = Place::new("");
    let host = place.ready().await;
    let pid = pid(&host);
    let status = status(pid);
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Seccomp"], "2");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).expect("it lives");
    assert!(command.ends_with(b"\0model-worker\0"));
    // As another user than root nobody may look, which is as good.
    if let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) {
        assert_eq!(environment, b"");
    }
    if let Ok(limits) = std::fs::read_to_string(format!("/proc/{pid}/limits")) {
        for (name, value) in [
            ("Max data size", "200000000"),
            ("Max core file size", "0"),
            ("Max file size", "0"),
            ("Max open files", "64"),
        ] {
            let line = limits.lines().find(|line| line.starts_with(name));
            let line = line.expect("a limit").trim_start_matches(name).trim();
            assert!(line.starts_with(value), "{name}: {line}");
        }
    }
    host.stop().await;
}

#[tokio::test]
async fn no_descriptor_of_the_server_is_open_in_it() {
    // Close-on-exec is what a careless supervisor's descriptors have not.
    let careless = std::fs::File::open("/").expect("opened");
    rustix::io::fcntl_setfd(&careless, rustix::io::FdFlags::empty()).expect("set");
    let place = Place::new("");
    let host = place.ready().await;
    let State::Ready { sandbox, pid, .. } = host.state() else {
        panic!("it is ready");
    };
    assert!(sandbox.closed_descriptors >= 1, "{sandbox:?}");
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else {
        eprintln!("NOT CHECKED: only root may look at the descriptors of a process like this");
        return host.stop().await;
    };
    let open: BTreeMap<String, String> = open
        .map(|entry| {
            let entry = entry.expect("listed");
            let target = std::fs::read_link(entry.path()).expect("read");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, target.display().to_string())
        })
        .collect();
    let kinds: Vec<_> = open
        .iter()
        .map(|(fd, target)| (fd.as_str(), target.split(':').next().unwrap_or_default()))
        .collect();
    assert_eq!(
        kinds,
        [("0", "socket"), ("1", "/dev/null"), ("2", "pipe")],
        "{open:?}"
    );
    host.stop().await;
}

#[tokio::test]
async fn the_report_names_what_was_tried() {
    let place = Place::new("");
    let host = place.ready().await;
    let State::Ready { sandbox, .. } = host.state() else {
        panic!("it is ready");
    };
    assert!(!sandbox.degraded);
    assert!(matches!(sandbox.landlock, Landlock::Enforced { abi: 1.. }));
    let database = place.path("org.db").display().to_string();
    for tried in [
        "open an internet socket (TCP)".to_owned(),
        "start a process".to_owned(),
        "become another program".to_owned(),
        "make memory executable".to_owned(),
        "remove a file".to_owned(),
        format!("read {database}"),
        format!("write {database}"),
        format!("read {database} after loading"),
    ] {
        assert!(
            sandbox.refused.iter().any(|a| a.tried == tried),
            "{tried} is not in {:?}",
            sandbox.refused
        );
    }
    host.stop().await;
}

#[tokio::test]
async fn what_the_self_test_can_do_stops_the_start_for_good() {
    // The rules open the model's file; a specification that forbids the same file cannot hold.
    let place = Place::new("").with(|spec| {
        let model = spec.generator.as_ref().expect("set").path.clone();
        spec.forbidden.push(model);
    });
    let host = place.start();
    let reason = in_time(host.ready()).await.expect_err("it does not start");
    let Reason::Sandbox { part, cause } = &reason else {
        panic!("{reason}");
    };
    assert_eq!(*part, SandboxPart::SelfTest);
    assert!(cause.contains("it succeeded"), "{cause}");
    assert_eq!(host.state().word(), "off");
    assert_eq!(host.counts().restarts, 0);
    host.stop().await;
}

/// Runs this on a thread without capabilities, under a filter that answers these calls with this error;
/// what it starts inherits both.
fn refusing(
    calls: &[i64],
    error: i32,
    work: impl FnOnce(&tokio::runtime::Runtime) + Send + 'static,
) {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
    use seccompiler::{SeccompAction, SeccompFilter, apply_filter};
    let filter: seccompiler::BpfProgram = SeccompFilter::new(
        calls.iter().map(|call| (*call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(error.cast_unsigned()),
        std::env::consts::ARCH.try_into().expect("known"),
    )
    .and_then(TryInto::try_into)
    .expect("compiles");
    let under = std::thread::spawn(move || {
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, none).expect("dropped");
        apply_filter(&filter).expect("installed");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        work(&runtime);
    });
    if let Err(panic) = under.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A kernel without Landlock, as far as one can see from there.
fn without_landlock(work: impl FnOnce(&tokio::runtime::Runtime) + Send + 'static) {
    refusing(&[libc::SYS_landlock_create_ruleset], libc::ENOSYS, work);
}

#[test]
fn under_a_hardened_unit_it_does_without_a_network_of_its_own() {
    // What a unit's RestrictNamespaces and SystemCallFilter refuse, to a user without capabilities.
    let refused = [libc::SYS_unshare, libc::SYS_setns, libc::SYS_capset];
    refusing(&refused, libc::EPERM, |runtime| {
        runtime.block_on(async {
            let place = Place::new("");
            let host = place.ready().await;
            let State::Ready { sandbox, .. } = host.state() else {
                panic!("it is ready");
            };
            assert!(!sandbox.network_namespace && !sandbox.degraded);
            let told = tell(&host, "socket-inet").await;
            assert!(matches!(told, Err(Down::Refused(_))), "{told:?}");
            host.stop().await;
        });
    });
}

#[test]
fn without_seccomp_it_does_not_start_whatever_an_administrator_says() {
    // The filter is the test's own, so that only further ones are refused.
    refusing(&[libc::SYS_seccomp], libc::EINVAL, |runtime| {
        runtime.block_on(async {
            let place = Place::new("").with(|spec| spec.sandbox = SandboxPolicy::AllowDegraded);
            let host = place.start();
            let reason = in_time(host.ready()).await.expect_err("it must not start");
            let Reason::Sandbox { part, .. } = &reason else {
                panic!("{reason}");
            };
            assert_eq!(*part, SandboxPart::Seccomp);
            assert_eq!(host.state().word(), "off");
            host.stop().await;
        });
    });
}

#[test]
fn without_landlock_it_does_not_start() {
    without_landlock(|runtime| {
        runtime.block_on(async {
            let place = Place::new("");
            let host = place.start();
            let reason = in_time(host.ready()).await.expect_err("it must not start");
            let Reason::Sandbox { part, cause } = &reason else {
                panic!("{reason}");
            };
            assert_eq!(*part, SandboxPart::Landlock);
            assert!(cause.contains("allow-degraded"), "{cause}");
            assert!(matches!(host.state(), State::Off { .. }));
            assert_eq!(tell(&host, "fine").await, Err(Down::Worker(reason.clone())));
            host.stop().await;
        });
    });
}

#[test]
fn without_landlock_it_starts_where_an_administrator_said_so_and_opens_nothing_later() {
    without_landlock(|runtime| {
        runtime.block_on(async {
            let place = Place::new("").with(|spec| spec.sandbox = SandboxPolicy::AllowDegraded);
            let host = place.ready().await;
            let State::Ready { sandbox, .. } = host.state() else {
                panic!("it is ready");
            };
            assert!(sandbox.degraded);
            assert_eq!(sandbox.landlock, Landlock::Missing);
            for act in ["read /etc/passwd", "socket-inet", "fork", "create /tmp/x"] {
                let told = tell(&host, act).await;
                assert!(matches!(told, Err(Down::Refused(_))), "{act}: {told:?}");
            }
            host.stop().await;
        });
    });
}

#[tokio::test]
async fn as_root_it_runs_as_a_user_of_its_own() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT CHECKED: only root can start a process as another user");
        return;
    }
    let place = Place::new("");
    let program = place.path("worker");
    std::fs::copy(&place.spec.program, &program).expect("copied");
    for (path, mode) in [
        (place.folder.path().to_owned(), 0o755),
        (program.clone(), 0o755),
        (place.path("model"), 0o644),
        // Only the sandbox keeps it from this one.
        (place.path("org.db"), 0o644),
    ] {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
    }
    let place = place.with(|spec| {
        spec.program = program;
        spec.run_as = Some((61_234, 61_235));
    });
    let host: Host = place.ready().await;
    let State::Ready { sandbox, pid, .. } = host.state() else {
        panic!("it is ready");
    };
    assert_eq!(sandbox.own_user, Some(61_234));
    let status = status(pid);
    let four = |id: &str| [id; 4].join("\t");
    assert_eq!(status["Uid"], four("61234"));
    assert_eq!(status["Gid"], four("61235"));
    assert_eq!(status["Groups"], "");
    host.stop().await;
}
