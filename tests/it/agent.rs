//! The agent that runs by itself, as a process among hooks that are processes: killed, doubled, cut off.

use harness::{Agent, Laptop, Recorded, capture, recorded_payloads, until};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

/// Hands a payload to the hook, wherever its socket and its folder are.
fn hook(command: &mut Command, harness: &str, payload: &[u8]) {
    let mut child = command
        .args(["hook", harness])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the client can be started");
    let mut input = child.stdin.take().expect("stdin is piped");
    let _ = input.write_all(payload);
    drop(input);
    assert!(child.wait().expect("ours").success());
}

/// A record as a hook hands it over.
fn frame(n: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xff, b'A', b'W', 2, 0, 1];
    frame.extend_from_slice(&u32::try_from(payload.len()).expect("short").to_le_bytes());
    frame.extend_from_slice(&1_i64.to_le_bytes());
    frame.extend_from_slice(&[7; 8]);
    frame.extend_from_slice(&n.to_le_bytes());
    let sum = Sha256::digest([&frame[4..], payload].concat());
    frame.extend_from_slice(&sum[..8]);
    frame.extend_from_slice(payload);
    frame
}

/// A number that the environment may set, so that `make prove client` goes further than a test does.
#[expect(
    clippy::disallowed_methods,
    reason = "how long a proof is, is said by who starts it"
)]
fn size(name: &str, at_test_size: usize) -> usize {
    let wished = std::env::var(name).ok();
    wished.map_or(at_test_size, |n| n.parse().expect("a number"))
}

fn read_by(laptop: &Laptop) -> u64 {
    let status = laptop.json(&["agent", "status"]);
    status["figures"]["read"].as_u64().unwrap_or(0)
}

#[test]
fn ten_thousand_events_in_a_burst_are_all_read() {
    const SENDERS: u64 = 8;
    let laptop = Laptop::new();
    let agent = Agent::start(&laptop);
    let each = size("AGENT_BURST", 10_000) as u64 / SENDERS;
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let socket = laptop.home().join("agent.sock");
            scope.spawn(move || {
                let mut line = UnixStream::connect(socket).expect("the agent listens");
                for n in 0..each {
                    let payload = format!(r#"{{"hook_event_name":"Notification","n":{n}}}"#);
                    line.write_all(&frame(sender << 32 | n, payload.as_bytes()))
                        .expect("it hears");
                    let mut answer = [0; 8];
                    line.read_exact(&mut answer).expect("it answers");
                    assert_eq!(answer, *b"\xfeAW\0\0\0\0\0", "taken, with nothing to say");
                }
            });
        }
        // Hooks beside them, each a process.
        for _ in 0..20 {
            hook(&mut laptop.command(&[]), "claude-code", b"{}");
        }
    });
    let all = SENDERS * each + 20;
    until("all of it read", || (read_by(&laptop) >= all).then_some(()));
    assert_eq!(read_by(&laptop), all);
    let status = laptop.json(&["agent", "status"]);
    assert_eq!(status["spool"]["bytes"], 0, "{status}");
    assert_eq!(status["spool"]["dropped"], 0, "{status}");
    assert_eq!(agent.end("-TERM"), Some(0));
}

/// Every payload that hooks told, in order, without what tells the same session by another way.
fn session() -> Vec<Recorded> {
    let hooks = |one: &Recorded| {
        let name = one.file.file_name().unwrap_or_default();
        name == "session.jsonl" || name == "hooks.jsonl"
    };
    recorded_payloads().into_iter().filter(hooks).collect()
}

/// What is known, without when.
fn known(laptop: &Laptop) -> Value {
    fn without_times(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.retain(|key, _| !key.ends_with("at") && !key.contains("hour"));
                map.values_mut().for_each(without_times);
            }
            Value::Array(list) => list.iter_mut().for_each(without_times),
            _ => {}
        }
    }
    let mut graph = laptop.json(&["graph"]);
    without_times(&mut graph);
    graph
}

#[test]
fn an_agent_that_is_killed_again_and_again_knows_what_one_that_lives_knows() {
    let kills = size("AGENT_KILLS", 8);
    let payloads = session();
    let (calm, killed) = (Laptop::new(), Laptop::new());
    let every = payloads.len() / (kills + 1);
    let alive = Agent::start(&calm);
    let mut agent = Agent::start(&killed);
    for (n, one) in payloads.iter().enumerate() {
        let payload = one.payload.to_string();
        for laptop in [&calm, &killed] {
            hook(
                &mut laptop.command(&[]),
                one.harness.name(),
                payload.as_bytes(),
            );
        }
        if n % every == every - 1 && n / every < kills {
            // In the middle of whatever it does; the next hooks meet it coming up, or nobody.
            agent.kill();
            agent = Agent::launch(&killed);
        }
    }
    for laptop in [&calm, &killed] {
        until("all of it read", || {
            let status = laptop.json(&["agent", "status"]);
            (status["spool"]["bytes"] == 0 && status["listens"] == true).then_some(())
        });
    }
    let (lived, died) = (known(&calm), known(&killed));
    let met = lived["concepts"].as_array().map_or(0, Vec::len);
    assert!(met > 20, "{met} concepts met: {lived}");
    assert_eq!(lived, died);
    assert_eq!(alive.end("-TERM"), Some(0));
    assert_eq!(agent.end("-INT"), Some(0));
    assert!(!killed.home().join("agent.sock").exists());
}

#[test]
fn a_second_agent_names_the_first_and_a_stopped_one_leaves_no_socket() {
    let laptop = Laptop::new();
    let agent = Agent::start(&laptop);
    for args in [&["agent"][..], &["agent", "--background"]] {
        let output = laptop.run(args);
        assert_eq!(output.status, 1, "{args:?}");
        let said = output.refused();
        let pid = agent.pid().to_string();
        assert!(said.contains("C050") && said.contains(&pid), "{said}");
    }
    assert_eq!(agent.end("-TERM"), Some(0));
    assert!(!laptop.home().join("agent.sock").exists());
    let said = laptop.run(&["agent", "stop"]).refused();
    assert!(said.contains("C054"), "{said}");
    // In the background: a process of its own, which `stop` ends.
    let status = laptop.json(&["agent", "--background"]);
    assert_eq!(status["running"], true);
    let told = laptop.run(&["agent", "status"]).ok().stdout;
    assert!(told.contains(&status["pid"].to_string()), "{told}");
    let _ = laptop.run(&["agent", "stop"]).ok();
    assert_eq!(laptop.json(&["agent", "status"])["running"], false);
    let log = std::fs::read_to_string(laptop.home().join("agent.log")).expect("it told");
    assert!(log.contains("ended"), "{log}");
}

#[test]
fn a_socket_that_somebody_deletes_costs_nothing_and_comes_back() {
    let laptop = Laptop::new();
    let _agent = Agent::start(&laptop);
    let socket = laptop.home().join("agent.sock");
    std::fs::remove_file(&socket).expect("there");
    hook(&mut laptop.command(&[]), "claude-code", b"{}");
    until("a new socket", || socket.exists().then_some(()));
    hook(&mut laptop.command(&[]), "claude-code", b"{}");
    until("both read", || (read_by(&laptop) == 2).then_some(()));
}

#[test]
fn a_container_hands_over_through_a_forwarded_socket_and_keeps_nothing_but_a_spool() {
    let (laptop, container) = (Laptop::new(), Laptop::new());
    let socket = laptop.home().join("agent.sock");
    let inside = |socket: &Path| {
        let mut command = container.command(&[]);
        command.env("AIWORKLAB_SOCKET", socket);
        command
    };
    // Out of reach: it waits inside.
    for _ in 0..3 {
        hook(&mut inside(&socket), "claude-code", b"{}");
    }
    let _agent = Agent::start(&laptop);
    hook(&mut inside(&socket), "codex", b"{}");
    until("all four at the agent", || {
        (read_by(&laptop) == 4).then_some(())
    });
    until("nothing left inside", || {
        let left = std::fs::read_dir(container.home().join("spool"));
        let waits = |name: &str| name == "queue" || name.ends_with(".work");
        let mut left = left.expect("there").flatten();
        (!left.any(|entry| waits(&entry.file_name().to_string_lossy()))).then_some(())
    });
    let kept: Vec<_> = std::fs::read_dir(container.home())
        .expect("there")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(kept, ["spool"], "no store, no key, no enrolment");
    assert_eq!(read_by(&laptop), 4, "once each");
}

/// The concepts that are known of.
fn concepts(laptop: &Laptop) -> Vec<String> {
    let graph = laptop.json(&["graph"]);
    let all = graph["concepts"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<_> = all.iter().map(|one| one["concept"].to_string()).collect();
    names.sort();
    names
}

#[test]
fn what_no_hook_told_is_caught_up_on_at_the_end_of_a_turn_and_when_an_agent_starts() {
    let recorded = |name: &str| {
        std::fs::read_to_string(capture("claude-code-payments").join(name)).expect("recorded")
    };
    let told = Laptop::new();
    for payload in recorded("hooks.jsonl").lines() {
        hook(&mut told.command(&[]), "claude-code", payload.as_bytes());
    }
    let _ = told.run(&["agent", "--once"]).ok();
    let by_hooks = concepts(&told);
    assert!(by_hooks.len() > 5, "{by_hooks:?}");

    // The same session of which the hooks tell nothing but that a turn ended, as if it were today.
    let now = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])
        .output();
    let now = String::from_utf8(now.expect("date is there").stdout).expect("a date");
    let mut session = Value::Null;
    let lines: Vec<String> = recorded("transcript.jsonl")
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).expect("JSON");
            session = line["sessionId"].clone();
            line["timestamp"] = Value::from(now.trim());
            format!("{line}\n")
        })
        .collect();
    let laptop = Laptop::new();
    let transcript = laptop.folder().join("transcript.jsonl");
    let (first, rest) = lines.split_at(lines.len() / 2);
    std::fs::write(&transcript, first.concat()).expect("there is room");
    let agent = Agent::start(&laptop);
    let stop = serde_json::json!({ "hook_event_name": "Stop", "session_id": session,
        "transcript_path": transcript });
    hook(
        &mut laptop.command(&[]),
        "claude-code",
        stop.to_string().as_bytes(),
    );
    until("the first half", || {
        (!concepts(&laptop).is_empty()).then_some(())
    });
    agent.kill();
    std::fs::write(&transcript, [first, rest].concat().concat()).expect("there is room");
    let agent = Agent::start(&laptop);
    until("all of it", || {
        (concepts(&laptop).len() >= by_hooks.len()).then_some(())
    });
    assert_eq!(concepts(&laptop), by_hooks);
    assert_eq!(agent.end("-TERM"), Some(0));
    let list = laptop.home().join("transcripts.json");
    assert!(list.exists());
    let _ = laptop.run(&["forget", "all", "--yes"]).ok();
    assert!(!list.exists(), "forgotten with all");
}

/// How much memory a process has had at most, in KiB.
fn peak_kib(agent: &Agent) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.expect("it is counted").trim().trim_end_matches(" kB");
    kib.parse().expect("a number")
}

#[test]
fn all_recorded_sessions_take_an_agent_no_more_than_ninety_mebibytes() {
    let laptop = Laptop::new();
    let agent = Agent::start(&laptop);
    for one in session() {
        let payload = one.payload.to_string();
        hook(
            &mut laptop.command(&[]),
            one.harness.name(),
            payload.as_bytes(),
        );
    }
    until("all of it read", || {
        let status = laptop.json(&["agent", "status"]);
        (status["spool"]["bytes"] == 0).then_some(())
    });
    let met = known(&laptop)["concepts"].as_array().map_or(0, Vec::len);
    assert!(met > 20, "{met} concepts met: it tagged");
    let peak = peak_kib(&agent);
    assert!(peak <= 90 * 1024, "{peak} KiB at most");
}
