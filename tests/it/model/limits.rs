//! A worker that hangs, or wants more than it may have.

use super::inside::{Arg, Inside};
use super::{default_model, serve, standing, until_state, worker};
use harness::until;
use nix::errno::Errno;
use nix::libc;
use rustix::process::{Pid, Signal, geteuid, kill_process};

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), signal).expect("a signal can be sent to our own");
}

fn with(more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut settings = default_model();
    settings.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    settings
}

#[test]
fn a_worker_that_hangs_is_ended_at_the_deadline_of_its_job_and_started_anew() {
    // It is measured or makes items as soon as it runs, so it is stopped at work or before some.
    let appliance = serve(with(&[("job_s", "2")]));
    let pid = worker(&appliance);
    signal(pid, Signal::STOP);
    let standing = until("a worker after the one that hung", || {
        let standing = standing(&appliance);
        let next = standing["pid"].as_u64()?;
        (next != u64::from(pid)).then_some(standing)
    });
    assert!(
        standing["counts"]["restarts"].as_u64() >= Some(1),
        "{standing}"
    );
    let late = until("the late job is counted", || {
        let standing = super::standing(&appliance);
        (standing["counts"]["late"].as_u64() >= Some(1)).then_some(standing)
    });
    assert!(late["state"] != "off", "{late}");
    // Meanwhile, and after, it serves.
    let _ = appliance.command(&["healthcheck"]).ok();
}

/// The processes that this one started and that live.
fn children(of: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").expect("processes are listed");
    let pids = all
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        line.trim().parse::<u32>().ok()
    };
    pids.filter(|pid| parent(pid) == Some(of)).collect()
}

#[test]
fn a_worker_that_is_not_ready_in_time_is_ended_and_the_reason_is_the_deadline() {
    let appliance = serve(with(&[("start_s", "5")]));
    signal(worker(&appliance), Signal::KILL);
    // Each that is started is stopped before it can be ready.
    let down = until("a model whose start took too long", || {
        let standing = standing(&appliance);
        if standing["state"] != "ready" {
            children(appliance.pid())
                .iter()
                .for_each(|pid| signal(*pid, Signal::STOP));
        }
        (standing["reason"]["code"] == "L008").then_some(standing)
    });
    assert!(
        down["reason"]["text"]
            .as_str()
            .is_some_and(|text| text.contains("5 s")),
        "{down}"
    );
    let _ = appliance.command(&["healthcheck"]).ok();
    // Left alone it gets there.
    let _ = until_state(&appliance, "ready");
}

#[test]
fn a_model_that_needs_more_memory_than_it_may_have_is_refused_with_both_figures() {
    let appliance = serve(with(&[("memory_mb", "64")]));
    let standing = until("a model that was refused, or runs", || {
        let standing = standing(&appliance);
        (standing["state"] != "starting").then_some(standing)
    });
    assert_eq!(standing["reason"]["code"], "L006", "{standing}");
    let why = standing["reason"]["text"].as_str().unwrap_or_default();
    assert!(why.contains("64 MB"), "{standing}");
    let page = appliance.signed_in(None).get("/admin").expect(200);
    assert!(page.says("L006"), "{}", page.text());
}

#[test]
fn the_running_worker_gets_no_more_memory_than_its_limit() {
    if !geteuid().is_root() {
        eprintln!("NOT CHECKED, for want of root: memory asked for inside the worker");
        return;
    }
    let appliance = serve(default_model());
    let pid = worker(&appliance);
    let inside = Inside::of(pid);
    let ask = |bytes: i64| {
        let (read_write, own) = (
            i64::from(libc::PROT_READ | libc::PROT_WRITE),
            i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
        );
        let args = [0, bytes, read_write, own, -1, 0].map(Arg::Number);
        inside.call(libc::SYS_mmap, &args)
    };
    assert!(ask(1 << 20).is_ok(), "a megabyte is given");
    assert_eq!(ask(8 << 30), Err(Errno::ENOMEM), "eight gigabytes are not");
    // Nor piece by piece.
    let pieces = (0..512).take_while(|_| ask(64 << 20).is_ok()).count();
    assert!(pieces < 64, "{pieces} pieces of 64 MiB were given");
    drop(inside);
    // Whatever the engine makes of it, the appliance serves, and has a model again.
    let _ = appliance.command(&["healthcheck"]).ok();
    signal(pid, Signal::KILL);
    let ready = until("another worker", || {
        let standing = standing(&appliance);
        let next = standing["pid"].as_u64()?;
        (next != u64::from(pid)).then_some(standing)
    });
    assert_eq!(ready["state"], "ready", "{ready}");
    let _ = until_state(&appliance, "ready");
}
