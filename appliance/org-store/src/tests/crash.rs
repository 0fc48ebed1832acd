//! A process that is killed in the middle of its writes.
//!
//! This shows that what was answered is whole afterwards, and that nothing is half there; that it
//! also survives a loss of power is shown by the order of system calls, in the end-to-end suite.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Not a test: what the killed process does. Its folder comes by standard input.
#[test]
#[ignore = "started by the test below"]
fn a_process_that_writes_until_it_is_killed() {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).unwrap();
    let path = std::path::Path::new(folder.trim()).join("store.db");
    let store = Store::open(&path, Key::new(KEY), Options::default(), link_key()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let store = store.clone();
            scope.spawn(move || {
                for number in (thread..).step_by(4) {
                    let mut hash = [0; 32];
                    hash[..4].copy_from_slice(&number.to_be_bytes());
                    let act = Act::new(Actor::Console, Action::IssueLink, MONDAY);
                    let put = move |txn: &mut WriteTxn<'_>| {
                        link_token::put(txn, &hash, link_token::Purpose::FirstAdmin, MONDAY)
                    };
                    store.write_blocking(act, put).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {number}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[test]
fn what_was_answered_before_a_kill_is_there_and_nothing_is_half_there() {
    let Site { dir, store, .. } = Site::new();
    drop(store);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "tests::crash::a_process_that_writes_until_it_is_killed",
        ])
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", dir.path().display()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<u32> = Vec::new();
    for line in lines {
        let line = line.unwrap();
        if let Some((_, number)) = line.split_once("acknowledged ") {
            acknowledged.push(number.parse().unwrap());
        }
        if acknowledged.len() == 150 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= 150, "{}", acknowledged.len());

    let path = dir.path().join("store.db");
    let options = Options {
        check: Check::Full,
        ..Options::default()
    };
    let store = Store::open(&path, Key::new(KEY), options, link_key()).unwrap();
    for number in acknowledged {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_be_bytes());
        let state = store
            .read_blocking(|txn| link_token::peek(txn, &hash, MONDAY))
            .unwrap();
        assert!(
            matches!(state, link_token::LinkState::Good { .. }),
            "{number}"
        );
    }
    drop(store);
    let (text, _) = dump(&path);
    let count = |start: &str, holds: &str| {
        text.lines()
            .filter(|line| line.starts_with(start) && line.contains(holds))
            .count()
    };
    assert_eq!(
        count("link_token|", ""),
        count("audit_pending|", "link.issue")
    );
}
