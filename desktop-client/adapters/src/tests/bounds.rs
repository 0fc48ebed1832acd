//! What must hold of anything that is read: bounded, named, never a panic.

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn a_path_keeps_its_name_and_what_tells_its_kind() {
    for (path, name) in [
        (
            "/home/ada/shop/.github/workflows/ci.yml",
            ".github/workflows/ci.yml",
        ),
        ("/home/ada/secret-project/src/a.rs", "a.rs"),
        (
            "C:\\Users\\ada\\app\\node_modules\\x\\index.js",
            "node_modules/index.js",
        ),
        ("a.py", "a.py"),
        ("", ""),
    ] {
        assert_eq!(file_name(path), name);
    }
    assert_eq!(file_name(&"ä".repeat(1000)).len(), NAME_BYTES);
}

#[test]
fn what_a_shell_was_given_is_taken_out() {
    for (line, command) in [
        ("/bin/bash -lc 'cargo test'", "cargo test"),
        (
            "/bin/bash -lc \"python3 -c 'import x' && echo ok\"",
            "python3 -c 'import x' && echo ok",
        ),
        ("bash -c 'a' b c", "bash -c 'a' b c"),
        ("bash script.sh", "bash script.sh"),
        ("cargo test", "cargo test"),
        ("zsh -lc 'unfinished", "zsh -lc 'unfinished"),
    ] {
        assert_eq!(unwrapped_line(line), command);
    }
    assert_eq!(
        unwrapped(&["git", "commit", "-m", "two words"]),
        "git commit -m 'two words'"
    );
}

/// Feeds a payload to each adapter, whole and as if it were cut, and checks what must always hold.
fn survives(payload: &[u8]) {
    for harness in [Harness::ClaudeCode, Harness::Codex] {
        let mut transcript = Transcript::new(harness, "s").expect("it writes one");
        for _ in 0..2 {
            let _ = transcript.line(payload, 0);
        }
    }
    let mut reader = Reader::default();
    for harness in Harness::ALL {
        for cut in [false, true] {
            match reader.read(harness, payload, cut) {
                Read::Event(event) => {
                    if let Act::Changed(changes) = &event.act {
                        assert!(changes.len() <= kernel::event::MAX_FILES);
                    }
                    if let Act::Planned(steps) = &event.act {
                        let bytes: usize = steps.iter().map(String::len).sum();
                        assert!(bytes <= kernel::event::MAX_PLAN_BYTES);
                    }
                    let _ = identity(&event);
                    assert!(event.origin.session.len() <= ID_BYTES);
                }
                Read::Unknown(name) => assert!(name.len() <= NAME_CHARS + 24, "{name}"),
                Read::Ignored | Read::Unreadable => {}
            }
        }
    }
}

#[test]
fn a_change_of_ten_thousand_files_is_bounded() {
    let patch: String = (0..10_000)
        .map(|n| format!("*** Add File: d/{n}.py\n+x = {n}\n"))
        .collect();
    let hook = json!({"hook_event_name": "PostToolUse", "session_id": "s", "tool_use_id": "c", "tool_name": "apply_patch",
        "tool_input": {"command": format!("*** Begin Patch\n{patch}*** End Patch\n")}, "tool_response": "Success."});
    let changes: Vec<Value> = (0..10_000)
        .map(|n| json!({"path": format!("/d/{n}.py"), "kind": {"type": "add"}, "diff": "x = 1\n"}))
        .collect();
    let row = json!({"event_type": "thread.activity-appended", "stream_id": "t", "payload_json": {"threadId": "t",
        "activity": {"kind": "tool.completed", "payload": {"data": {"threadId": "s", "turnId": "u",
            "item": {"type": "fileChange", "id": "c", "status": "completed", "changes": changes}}}}}});
    for (harness, payload) in [(Harness::Codex, hook), (Harness::T3Code, row)] {
        let Read::Event(event) = read(harness, payload.to_string().as_bytes(), false) else {
            panic!("no event")
        };
        assert!(
            matches!(&event.act, Act::Changed(changes) if changes.len() == kernel::event::MAX_FILES)
        );
        assert_eq!(event.files_left_out, 10_000 - kernel::event::MAX_FILES);
    }
}

#[test]
fn an_output_of_a_hundred_megabytes_that_was_cut_keeps_its_command() {
    let head = r#"{"session_id":"s","turn_id":"t","hook_event_name":"PostToolUse","tool_name":"Bash","tool_input":{"command":"cargo test"},"tool_response":""#;
    let mut payload = head.as_bytes().to_vec();
    payload.resize(100 << 20, b'x');
    let Read::Event(event) = read(Harness::Codex, &payload, true) else {
        panic!("no event")
    };
    assert!(event.cut);
    assert!(
        matches!(&event.act, Act::Ran(ran) if ran.command == "cargo test" && ran.passed.is_none())
    );
}

#[test]
fn what_is_nested_too_deep_is_unreadable() {
    for deep in ["[", "{\"a\":", "[{\"type\":"] {
        let text = deep.repeat(100_000);
        for harness in Harness::ALL {
            assert!(matches!(
                read(harness, text.as_bytes(), false),
                Read::Unreadable
            ));
        }
        let within = format!("{{\"hook_event_name\":\"PostToolUse\",\"tool_input\":{text}");
        survives(within.as_bytes());
    }
}

#[test]
fn what_is_not_known_is_named_and_never_quoted() {
    for (harness, payload, name) in [
        (
            Harness::Codex,
            json!({"hook_event_name": "Dreamt of\n/home/me"}),
            "?Dreamtofhomeme",
        ),
        (Harness::Codex, json!({"a": 1}), "?no event name"),
        (
            Harness::Codex,
            json!({"hook_event_name": "PostToolUse", "tool_name": "teleport"}),
            "?tool teleport",
        ),
        (
            Harness::OpenCode,
            json!({"type": "dream.began", "properties": {}}),
            "?dream.began",
        ),
        (Harness::OpenCode, json!([]), "?no event type"),
        (
            Harness::T3Code,
            json!({"event_type": "thread.dreamt", "stream_id": "t", "payload_json": {}}),
            "?dreamt",
        ),
        (
            Harness::T3Code,
            json!({"type": "thread.dreamt", "payload": {}}),
            "?no thread",
        ),
        (Harness::T3Code, json!("x"), "?no event type"),
    ] {
        assert_eq!(
            brief(&read(harness, payload.to_string().as_bytes(), false)),
            name
        );
    }
    for harness in Harness::ALL {
        assert_eq!(brief(&read(harness, b"not json", false)), "!");
        assert_eq!(brief(&read(harness, b"", false)), "!");
        assert_eq!(brief(&read(harness, b"\xff{", true)), "!");
    }
}

/// A value of another type, for the one at the `n`-th place.
fn swapped(value: &mut Value, n: &mut usize, with: &Value) {
    if *n == 0 {
        *value = with.clone();
        return;
    }
    match value {
        Value::Array(list) => {
            for one in list {
                *n = n.saturating_sub(1);
                swapped(one, n, with);
            }
        }
        Value::Object(map) => {
            for one in map.values_mut() {
                *n = n.saturating_sub(1);
                swapped(one, n, with);
            }
        }
        _ => {}
    }
}

fn any_payload() -> impl Strategy<Value = Value> {
    let all: Vec<Value> = ALL
        .iter()
        .flat_map(|(_, name)| payloads(&recording(name)))
        .filter(|payload| payload.to_string().len() < 20_000)
        .collect();
    proptest::sample::select(all)
}

proptest! {
    #[test]
    fn a_payload_cut_anywhere_is_read(payload in any_payload(), at in 0.0..1.0_f64) {
        let text = payload.to_string();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let at = (text.len() as f64 * at) as usize;
        survives(&text.as_bytes()[..at]);
    }

    #[test]
    fn a_payload_with_flipped_bytes_is_read(
        payload in any_payload(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = payload.to_string().into_bytes();
        for (at, with) in flips {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        survives(&bytes);
    }

    #[test]
    fn a_payload_with_wrong_types_is_read(
        payload in any_payload(),
        swaps in proptest::collection::vec((0..60_usize, 0..9_usize), 1..4),
    ) {
        let others = [json!(null), json!(true), json!(-1.5e300), json!(""), json!("x\u{0}y"), json!([]), json!({}),
            json!([{"step": 1, "content": []}]), json!({"type": {}, "status": [], "command": 7})];
        let mut payload = payload;
        for (place, with) in swaps {
            let mut n = place;
            swapped(&mut payload, &mut n, &others[with]);
        }
        survives(payload.to_string().as_bytes());
    }
}
