//! Acknowledged means durable, shown by the order of system calls: nothing of a reply to a push
//! leaves before the log of the database that holds it is flushed.
//!
//! A `kill -9` proves nothing here, since the page cache survives it. So the running server is
//! traced under load, and a checker reads the trace. Two traces that are wrong on purpose, made of
//! the right one, show that it would see it: one without flushes, as `synchronous=NORMAL` gives,
//! and one in which each flush comes after its replies.

use harness::{Appliance, Laptop, Wire};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Connections that push at the same time, and how often each does.
const CONNECTIONS: usize = 6;
const PUSHES: usize = 15;
/// Pushes that come one at a time.
const ALONE: usize = 20;
/// Fewest bytes of a reply to a push; what TLS says at the end of a connection is shorter.
const REPLY_BYTES: i64 = 150;

const PULL: &str = r#"{"have":{},"limit":1}"#;

const CALLS: &str = "trace=read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,fdatasync,fsync";

/// What the server did, each at its place in the trace: when it began, and when it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Bytes came from a device, over the connection with this port.
    Took { port: u16, done: usize },
    /// Bytes went to it.
    Gave { port: u16, began: usize },
    /// The log was written to.
    Wrote { began: usize },
    /// The log was flushed.
    Flushed { began: usize, done: usize },
}

/// A system call of a trace: where it began and ended, its name, its first argument's file, result.
struct Call<'a> {
    began: usize,
    done: usize,
    name: &'a str,
    file: &'a str,
    result: i64,
}

/// Reads a trace of `strace -f -yy`.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut open: BTreeMap<(&str, &str), (usize, &str)> = BTreeMap::new();
    let mut calls = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((pid, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let result = |text: &str| {
            let (_, after) = text.rsplit_once(" = ")?;
            after.split_whitespace().next()?.parse::<i64>().ok()
        };
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((name, rest)) = resumed.split_once(' ') else {
                continue;
            };
            let Some((began, file)) = open.remove(&(pid, name)) else {
                continue;
            };
            calls.push(Call {
                began,
                done: at,
                name,
                file,
                result: result(rest).unwrap_or(-1),
            });
            continue;
        }
        let Some((name, rest)) = rest.split_once('(') else {
            continue;
        };
        let file = rest.split_once('<').map_or("", |(_, file)| file);
        if rest.contains("<unfinished ...>") {
            open.insert((pid, name), (at, file));
        } else {
            calls.push(Call {
                began: at,
                done: at,
                name,
                file,
                result: result(rest).unwrap_or(-1),
            });
        }
    }
    calls
}

/// The other side's port, if the file is a connection of this port of ours.
fn connection(file: &str, ours: u16) -> Option<u16> {
    let ends = file.strip_prefix("TCP:[")?.split(']').next()?;
    let (here, there) = ends.split_once("->")?;
    here.ends_with(&format!(":{ours}"))
        .then(|| there.rsplit_once(':')?.1.parse().ok())?
}

/// What of a trace matters, in order of when it shows.
fn acts(trace: &str, devices: u16) -> Vec<Act> {
    let mut acts = Vec::new();
    for call in calls(trace) {
        let Call {
            began,
            done,
            name,
            file,
            result,
        } = call;
        let is_log = file.contains("store.db-wal>");
        let port = connection(file, devices);
        match (name, port) {
            ("write" | "pwrite64" | "pwritev" | "writev", None) if is_log => {
                acts.push((began, Act::Wrote { began }));
            }
            ("fdatasync" | "fsync", None) if is_log && result == 0 => {
                acts.push((done, Act::Flushed { began, done }));
            }
            ("read" | "readv" | "recvfrom" | "recvmsg", Some(port)) if result > 0 => {
                acts.push((done, Act::Took { port, done }));
            }
            ("write" | "writev" | "sendto" | "sendmsg", Some(port)) if result >= REPLY_BYTES => {
                acts.push((began, Act::Gave { port, began }));
            }
            _ => {}
        }
    }
    acts.sort_by_key(|(at, _)| *at);
    acts.into_iter().map(|(_, act)| act).collect()
}

/// A request and its reply: when the last byte of it was in, when the first of the other left.
fn exchanges(acts: &[Act], of: u16) -> Vec<(usize, usize)> {
    let mut last = None;
    let mut found = Vec::new();
    for act in acts {
        match *act {
            Act::Took { port, done } if port == of => last = Some(done),
            Act::Gave { port, began } if port == of => {
                found.extend(last.take().map(|at| (at, began)))
            }
            _ => {}
        }
    }
    found
}

/// What is wrong with a trace: for each push (the last `of[port]` exchanges of its connection, since
/// the handshake comes first), whether between its last byte and its reply the log was written to
/// and then flushed; and, where pushes came one at a time, whether nothing of what was written
/// since was still unflushed when the reply left. Also how many pushes it looked at.
fn check(trace: &str, devices: u16, of: &[(u16, usize)], alone: u16) -> (usize, Vec<String>) {
    let acts = acts(trace, devices);
    let mut wrong = Vec::new();
    let mut seen = 0;
    for &(port, pushes) in of {
        let exchanges = exchanges(&acts, port);
        if exchanges.len() < pushes {
            wrong.push(format!(
                "{pushes} pushes over {port}, but {} in the trace",
                exchanges.len()
            ));
            continue;
        }
        for &(took, gave) in &exchanges[exchanges.len() - pushes..] {
            seen += 1;
            let writes: Vec<usize> = acts
                .iter()
                .filter_map(|act| match act {
                    Act::Wrote { began } if (took..gave).contains(began) => Some(*began),
                    _ => None,
                })
                .collect();
            let flushed_after = |write: usize| {
                acts.iter().any(|act| {
                    matches!(act, Act::Flushed { began, done } if *began > write && *done < gave)
                })
            };
            if !writes.iter().any(|write| flushed_after(*write)) {
                wrong.push(format!(
                    "line {gave}: a reply left, and nothing that was written since line {took} was flushed"
                ));
            } else if port == alone && !writes.iter().all(|write| flushed_after(*write)) {
                wrong.push(format!(
                    "line {gave}: a reply left while the log was not flushed"
                ));
            }
        }
    }
    (seen, wrong)
}

/// The trace as it would be without flushes of the log: what `synchronous=NORMAL` leaves.
fn without_flushes(trace: &str) -> String {
    let is_flush = |line: &&str| {
        let is_sync = line.contains("fdatasync") || line.contains("fsync");
        is_sync && (line.contains("store.db-wal") || line.contains("resumed"))
    };
    trace
        .lines()
        .filter(|line| !is_flush(line))
        .map(|line| line.to_owned() + "\n")
        .collect()
}

/// The trace as it would be if each flush came after the reply that follows it.
fn with_late_flushes(trace: &str, devices: u16) -> String {
    let mut held = Vec::new();
    let mut text = String::new();
    for line in trace.lines() {
        let is_sync = line.contains("fdatasync") || line.contains("fsync");
        if is_sync && (line.contains("store.db-wal") || line.contains("resumed")) {
            held.push(line);
            continue;
        }
        text += &format!("{line}\n");
        let is_reply = ["sendto(", "writev(", "write(", "sendmsg("]
            .iter()
            .any(|call| line.contains(call))
            && line.contains(&format!("127.0.0.1:{devices}->"));
        if is_reply {
            held.drain(..).for_each(|line| text += &format!("{line}\n"));
        }
    }
    text
}

/// One push of one answer; each connection has a stream of its own.
fn push(stream: usize, i: usize, hour: i64) -> String {
    let outcome = if i.is_multiple_of(3) { "fail" } else { "pass" };
    format!(
        r#"{{"v":1,"stream":"{:032x}","base":{i},"catalogue":1,"deltas":[{{"i":{i},"c":"pg-advisory-locks","k":"check","o":"{outcome}","m":"choice4","f":"unknown","t":"learning","at":{hour}}}]}}"#,
        stream + 1
    )
}

/// Whether a push was answered.
fn push_at(wire: &mut Wire, stream: usize, i: usize, hour: i64) -> bool {
    let reply = wire.json("POST", "/v1/sync/push", &push(stream, i, hour));
    reply.is_ok_and(|(status, body)| {
        assert_eq!(status, 200, "{body}");
        true
    })
}

fn push_over(wire: &mut Wire, stream: usize, i: usize, hour: i64) {
    let (status, body) = wire
        .json("POST", "/v1/sync/push", &push(stream, i, hour))
        .expect("a reply");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""r":"ok""#), "{body}");
}

#[test]
fn no_reply_to_a_push_leaves_before_the_log_that_holds_it_is_flushed() {
    let mut appliance = Appliance::start();
    let mut admin = appliance.signed_in(None);
    let laptops = [Laptop::new(), Laptop::new(), Laptop::new()];
    for laptop in &laptops {
        laptop.enrol(&appliance, &mut admin, "under-load");
    }
    let trace = appliance.scratch().join("trace");
    let path = trace.to_str().expect("a path in UTF-8");
    let under = [
        "strace",
        "-f",
        "-yy",
        "-s",
        "0",
        "-e",
        "signal=none",
        "-e",
        CALLS,
        "-o",
        path,
    ];
    appliance.restart_under(&under);
    let devices: u16 = appliance
        .devices()
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .expect("a port");

    let mut first = laptops[0].wire(&appliance).expect("a connection");
    let (_, pulled) = first.json("POST", "/v1/sync/pull", PULL).expect("a reply");
    let now = serde_json::from_str::<Value>(&pulled).expect("JSON")["now"]
        .as_i64()
        .expect("a time");
    let hour = now.div_euclid(3600) * 3600;

    let mut of: Vec<(u16, usize)> = std::thread::scope(|scope| {
        let pushing: Vec<_> = (0..CONNECTIONS)
            .map(|stream| {
                let (laptop, appliance) = (&laptops[stream % laptops.len()], &appliance);
                scope.spawn(move || {
                    let mut wire = laptop.wire(appliance).expect("a connection");
                    // What ends the handshake is out of the way after this.
                    let _ = wire.json("POST", "/v1/sync/pull", PULL).expect("a reply");
                    (1..=PUSHES).for_each(|i| push_over(&mut wire, stream, i, hour));
                    (wire.port, PUSHES)
                })
            })
            .collect();
        pushing
            .into_iter()
            .map(|pushing| pushing.join().expect("it pushed"))
            .collect()
    });
    (1..=ALONE).for_each(|i| push_over(&mut first, CONNECTIONS, i, hour));
    let alone = first.port;
    of.push((alone, ALONE));
    drop(first);
    appliance.stop();

    let trace = fs::read_to_string(trace).expect("strace wrote a trace");
    let (seen, wrong) = check(&trace, devices, &of, alone);
    assert_eq!(seen, CONNECTIONS * PUSHES + ALONE);
    assert!(
        wrong.is_empty(),
        "{} of {seen}:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(20)].join("\n")
    );

    // The same eyes on what is wrong.
    let (_, wrong) = check(&without_flushes(&trace), devices, &of, alone);
    assert_eq!(wrong.len(), seen, "without flushes no push is durable");
    let (_, wrong) = check(&with_late_flushes(&trace, devices), devices, &of, alone);
    assert!(
        wrong.len() >= ALONE,
        "a flush after the reply is too late: {}",
        wrong.len()
    );
}

#[test]
fn what_was_acknowledged_is_there_after_the_server_was_killed() {
    let mut appliance = Appliance::start();
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut appliance.signed_in(None), "survivor");
    let mut wire = laptop.wire(&appliance).expect("a connection");
    let (_, pulled) = wire.json("POST", "/v1/sync/pull", PULL).expect("a reply");
    let before: Value = serde_json::from_str(&pulled).expect("JSON");
    let hour = before["now"].as_i64().expect("a time").div_euclid(3600) * 3600;
    let (mut i, mut killed) = (0, false);
    // It is killed while it answers: the push that got no answer may be there or not.
    while push_at(&mut wire, 0, i + 1, hour) {
        i += 1;
        if i == 20 {
            appliance.kill();
            killed = true;
        }
    }
    assert!(killed && i >= 20, "{i} pushes were answered");
    appliance.serve();
    let mut wire = laptop.wire(&appliance).expect("a connection");
    let all = r#"{"have":{},"limit":1000}"#;
    let (_, pulled) = wire.json("POST", "/v1/sync/pull", all).expect("a reply");
    let after: Value = serde_json::from_str(&pulled).expect("JSON");
    let held = after["deltas"].as_array().map_or(0, Vec::len);
    assert!(
        (i..=i + 1).contains(&held),
        "{i} were acknowledged, {held} are there"
    );
    assert_eq!(
        after["generation"], before["generation"],
        "a crash is no restore"
    );
    push_over(&mut wire, 0, held + 1, hour);
}

#[test]
fn the_checker_reads_calls_that_others_interrupt() {
    let log = "9</d/store.db-wal>";
    let socket = "12<TCP:[127.0.0.1:8444->127.0.0.1:50000]>";
    let good = format!(
        "1 recvfrom({socket}, \"\"..., 8192, 0, NULL, NULL) = 400\n\
         2 write({log}, \"\"..., 4120) = 4120\n\
         2 fdatasync({log} <unfinished ...>\n\
         1 recvfrom({socket}, 0x1, 8192, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)\n\
         2 <... fdatasync resumed>)          = 0\n\
         1 sendto({socket}, \"\"..., 300, MSG_NOSIGNAL, NULL, 0) = 300\n"
    );
    assert_eq!(check(&good, 8444, &[(50000, 1)], 50000), (1, Vec::new()));
    let early = good.replace("sendto", "x").replacen(
        "2 <... fdatasync",
        &format!("1 sendto({socket}, \"\"..., 300, MSG_NOSIGNAL, NULL, 0) = 300\n2 <... fdatasync"),
        1,
    );
    assert_eq!(
        check(&early, 8444, &[(50000, 1)], 50000).1.len(),
        1,
        "the flush was not done yet"
    );
    let failed = good.replace(
        "resumed>)          = 0",
        "resumed>)          = -1 EIO (Input/output error)",
    );
    assert_eq!(
        check(&failed, 8444, &[(50000, 1)], 50000).1.len(),
        1,
        "a flush that failed is none"
    );
}
