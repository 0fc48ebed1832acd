//! What a harness can give to the hook, which says nothing and succeeds.

use harness::{Laptop, Program, capture, program, run, until};
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

#[test]
fn a_hook_is_silent_and_succeeds_whatever_it_is_given() {
    let laptop = Laptop::new();
    let recorded = fs::read_to_string(capture("claude-code").join("hooks.jsonl")).expect("there");
    let long = recorded
        .lines()
        .max_by_key(|line| line.len())
        .expect("a line");
    let deep = "[".repeat(100_000);
    let payloads: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\n".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{}".to_vec(),
        br#"{"hook_event_name":"NobodyKnowsThis","session_id":"s"}"#.to_vec(),
        br#"{"hook_event_name":"PostToolUse","session_id":7,"tool_name":[],"tool_input":"x"}"#.to_vec(),
        br#"{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Write","tool_input":{"file_path":3}}"#.to_vec(),
        vec![0xff, 0xfe, 0x00, 0x80],
        deep.into_bytes(),
        long.as_bytes()[..long.len() / 2].to_vec(),
    ];
    for payload in &payloads {
        laptop.hook(payload);
    }
    for args in [
        &["hook"][..],
        &["hook", "no-such-harness"],
        &["hook", "claude-code", "--more"],
    ] {
        let output = laptop.run_with(args, b"{}");
        assert_eq!(
            (output.status, output.stdout, output.stderr),
            (0, String::new(), String::new()),
            "{args:?}"
        );
    }
    let read = laptop.run(&["agent", "--once"]).ok();
    assert!(read.stdout.contains("not understood"), "{}", read.stdout);
    let status = laptop.json(&["status"]);
    assert_eq!(status["spool_bytes"], 0, "{status}");
    assert!(
        status["not_used"]
            .as_object()
            .is_some_and(|why| !why.is_empty()),
        "{status}"
    );
    // A whole one still works.
    laptop.hook(long.as_bytes());
    let read = laptop.run(&["agent", "--once"]).ok();
    assert!(read.stdout.starts_with("1 event read"), "{}", read.stdout);
}

#[test]
fn a_hook_without_a_home_or_a_disk_is_silent_and_succeeds() {
    let scratch = tempfile::TempDir::new().expect("a folder");
    let file = scratch.path().join("file");
    fs::write(&file, "x").expect("written");
    let payload = br#"{"hook_event_name":"Stop","session_id":"s"}"#;
    for home in [
        file.join("below"),
        "/proc/nowhere".into(),
        "relative".into(),
    ] {
        let mut command = Command::new(program(Program::Client));
        command
            .args(["hook", "claude-code"])
            .env_clear()
            .env("AIWORKLAB_HOME", &home)
            .env("AIWORKLAB_KEYS", "file");
        let output = run(&mut command, payload);
        assert_eq!(
            (output.status, output.stdout, output.stderr),
            (0, String::new(), String::new()),
            "{home:?}"
        );
    }
    // No file may grow: as on a full disk, a write fails in the middle.
    let home = scratch.path().join("home");
    let mut command = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" hook claude-code";
    command
        .args(["-c", script])
        .arg(program(Program::Client))
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    command
        .env("AIWORKLAB_HOME", &home)
        .env("AIWORKLAB_KEYS", "file");
    let large = format!(
        r#"{{"hook_event_name":"Stop","session_id":"{}"}}"#,
        "s".repeat(100_000)
    );
    let output = run(&mut command, large.as_bytes());
    assert_eq!(
        (output.status, output.stdout, output.stderr),
        (0, String::new(), String::new())
    );
    let mut agent = Command::new(program(Program::Client));
    agent
        .args(["agent", "--once"])
        .env_clear()
        .env("AIWORKLAB_HOME", &home)
        .env("AIWORKLAB_KEYS", "file");
    let read = run(&mut agent, b"");
    assert_eq!(read.status, 0, "what was torn is passed over: {read:?}");
}

#[test]
fn a_hook_whose_input_never_ends_lets_the_harness_go() {
    let laptop = Laptop::new();
    let mut command = Command::new(program(Program::Client));
    command
        .args(["hook", "claude-code"])
        .env_clear()
        .env("AIWORKLAB_HOME", laptop.home())
        .env("AIWORKLAB_KEYS", "file");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the client can be started");
    let mut input = child.stdin.take().expect("stdin is piped");
    input
        .write_all(br#"{"hook_event_name":"Stop","#)
        .expect("it reads");
    // It leaves by itself while the pipe stands open.
    let status = until("a hook that ends", || {
        child.try_wait().expect("it can be waited for")
    });
    assert!(status.success(), "{status}");
    drop(input);
    let mut said = String::new();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    for pipe in [
        out.map(|p| Box::new(p) as Box<dyn Read>),
        err.map(|p| Box::new(p) as Box<dyn Read>),
    ] {
        let _ = pipe
            .expect("a pipe")
            .read_to_string(&mut said)
            .expect("text");
    }
    assert_eq!(said, "");
}

#[test]
fn a_hook_takes_a_hundred_megabytes_in_little_memory_and_keeps_one() {
    let laptop = Laptop::new();
    let mut payload = br#"{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Bash","tool_input":{"command":"cat log"},"tool_use_id":"t","tool_response":{"stdout":""#.to_vec();
    payload.resize(100 << 20, b'a');
    payload.extend_from_slice(br#""}}"#);
    let mut command = Command::new("bash");
    let script = "ulimit -v 131072; exec \"$0\" hook claude-code";
    command
        .args(["-c", script])
        .arg(program(Program::Client))
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    command
        .env("AIWORKLAB_HOME", laptop.home())
        .env("AIWORKLAB_KEYS", "file");
    let output = run(&mut command, &payload);
    assert_eq!(
        (output.status, output.stdout, output.stderr),
        (0, String::new(), String::new())
    );
    let spooled: u64 = fs::read_dir(laptop.home().join("spool"))
        .expect("a spool")
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|file| file.len())
        .sum();
    assert!(
        (1..=(1 << 20) + 4096).contains(&spooled),
        "{spooled} bytes are kept"
    );
    let read = laptop.run(&["agent", "--once"]).ok();
    assert!(read.stdout.starts_with("1 event read"), "{}", read.stdout);
}
