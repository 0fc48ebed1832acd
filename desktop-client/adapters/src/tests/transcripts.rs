//! Transcripts tell the acts that hooks tell, by the same identity, and no others.

use super::*;
use serde_json::json;

/// Identity and kind of each act that a transcript told.
fn told(harness: Harness, session: &str, text: &str) -> Vec<(String, String)> {
    let mut transcript = Transcript::new(harness, session).unwrap();
    let mut from = 0;
    let mut acts = Vec::new();
    for line in text.lines() {
        for told in transcript.line(line.as_bytes(), from).unwrap() {
            assert!(told.at.starts_with("2026-11-24T"), "{}", told.at);
            acts.push(of(told.event));
        }
        from += line.len() as u64 + 1;
    }
    acts
}

fn of(event: Event) -> (String, String) {
    let identity = identity(&event).map(|parts| parts.join(" ")).unwrap();
    (identity, brief(&Read::Event(event)))
}

/// The same of what the hooks told, in the order of the recording.
fn hooks(harness: Harness, name: &str) -> (String, Vec<(String, String)>) {
    let mut reader = Reader::default();
    let mut session = String::new();
    let mut acts = Vec::new();
    for line in recording(name).lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let payload = value.get("payload").unwrap_or(&value).to_string();
        if let Read::Event(event) = reader.read(harness, payload.as_bytes(), false) {
            session.clone_from(&event.origin.session);
            if matches!(event.act, Act::Changed(_) | Act::Ran(_) | Act::Planned(_)) {
                acts.push(of(event));
            }
        }
    }
    (session, acts)
}

#[test]
fn a_transcript_tells_the_acts_of_the_hooks_of_its_session() {
    for (harness, by_hooks, by_transcript) in [
        (
            Harness::ClaudeCode,
            "claude-code/hooks.jsonl",
            "claude-code/transcript.jsonl",
        ),
        (
            Harness::ClaudeCode,
            "claude-code-payments/hooks.jsonl",
            "claude-code-payments/transcript.jsonl",
        ),
        (Harness::Codex, "codex/hooks.jsonl", "codex/rollout.jsonl"),
    ] {
        let (session, mut by_hooks) = hooks(harness, by_hooks);
        let mut found = told(harness, &session, &recording(by_transcript));
        assert!(found.len() >= 4, "{by_transcript}: {found:?}");
        // Which of two tasks was done first is told in another order; each plan's steps count once.
        let plans = |acts: &mut Vec<(String, String)>| {
            let all = acts.len();
            acts.retain(|(_, act)| !act.starts_with("planned"));
            all - acts.len()
        };
        assert_eq!(plans(&mut found), plans(&mut by_hooks), "{by_transcript}");
        // A rollout has the exit code that a hook's payload lacks.
        let known = |(id, act): (String, String)| (id, act.replace(", end not told", ""));
        let by_hooks: Vec<_> = by_hooks.into_iter().map(known).collect();
        assert_eq!(found, by_hooks, "{by_transcript}");
    }
}

#[test]
fn lines_of_another_session_and_copies_of_one_tell_nothing() {
    let text = recording("claude-code/transcript.jsonl");
    assert_eq!(told(Harness::ClaudeCode, "another", &text), []);
    let (session, _) = hooks(Harness::ClaudeCode, "claude-code/hooks.jsonl");
    let copied = text.replace("{\"parentUuid\"", "{\"forkedFrom\": {}, \"parentUuid\"");
    assert_eq!(told(Harness::ClaudeCode, &session, &copied), []);
    let text = recording("codex/rollout.jsonl");
    assert_eq!(told(Harness::Codex, "another", &text), []);
    let (session, _) = hooks(Harness::Codex, "codex/hooks.jsonl");
    let forked = text.replace(
        "\"account_scoped\"",
        "\"forked_from_id\": \"x\", \"account_scoped\"",
    );
    assert_eq!(told(Harness::Codex, &session, &forked), []);
}

#[test]
fn what_was_refused_or_broken_off_is_no_act() {
    let mut transcript = Transcript::new(Harness::ClaudeCode, "s").unwrap();
    let mut n = 0;
    let mut result = |tool: &str, more: Value| {
        n += 1;
        let id = format!("call{n}");
        let call = json!({"type": "assistant", "sessionId": "s", "message": {"content": [
            {"type": "tool_use", "id": id, "name": tool,
             "input": {"command": "rm -rf build", "file_path": "/a/b.py", "content": "x = 1\n"}}]}});
        let mut line = json!({"type": "user", "sessionId": "s", "timestamp": "2026-11-24T00:00:00Z",
            "message": {"content": [{"type": "tool_result", "tool_use_id": id,
                "content": more["content"], "is_error": more["is_error"]}]}});
        line["toolUseResult"] = more["result"].clone();
        line["permissionDecision"] = more["decided"].clone();
        let mut told = Vec::new();
        for line in [call, line] {
            told.extend(transcript.line(line.to_string().as_bytes(), 0).unwrap());
        }
        told.into_iter()
            .map(|told| of(told.event).1)
            .collect::<Vec<_>>()
    };
    let refused = "The user doesn't want to proceed with this tool use.";
    for (tool, more, acts) in [
        (
            "Bash",
            json!({"content": refused, "is_error": true}),
            &[][..],
        ),
        ("Write", json!({"content": refused, "is_error": true}), &[]),
        (
            "Bash",
            json!({"content": "Exit code 2\nno", "is_error": true}),
            &["ran and failed"],
        ),
        (
            "Bash",
            json!({"content": "ok", "result": {"stdout": "ok", "interrupted": true}}),
            &[],
        ),
        (
            "Bash",
            json!({"content": "ok", "result": {"stdout": "ok"}, "decided": {"decision": "reject"}}),
            &[],
        ),
        (
            "Bash",
            json!({"content": "ok", "result": {"stdout": "ok"}}),
            &["ran"],
        ),
        ("Write", json!({"content": "written"}), &[]),
        ("Read", json!({"content": "x", "result": {}}), &[]),
    ] {
        assert_eq!(result(tool, more.clone()), acts, "{tool} {more}");
    }
}

#[test]
fn codex_tells_a_command_only_where_its_own_head_says_that_it_ran() {
    for (output, acts) in [
        (
            "Exit code: 0\nWall time: 0.1 seconds\nOutput:\nok",
            &["ran"][..],
        ),
        (
            "Chunk ID: 1\nWall time: 1.0 seconds\nProcess running with session ID 7\nOutput:\n",
            &["ran, end not told"],
        ),
        (
            r#"{"output":"ok","metadata":{"exit_code":1,"duration_seconds":0.1}}"#,
            &["ran and failed"],
        ),
        ("exec command rejected by user", &[]),
        ("aborted by user after 3.1s", &[]),
    ] {
        let mut transcript = Transcript::new(Harness::Codex, "s").unwrap();
        let mut told = Vec::new();
        for said in [
            json!({"type": "function_call", "name": "shell", "call_id": "c",
                "arguments": r#"{"command":["bash","-lc","ls src"]}"#}),
            json!({"type": "function_call_output", "call_id": "c", "output": output}),
        ] {
            let line = json!({"type": "response_item", "timestamp": "2026-11-24T00:00:00Z",
                "payload": said});
            told.extend(transcript.line(line.to_string().as_bytes(), 0).unwrap());
        }
        let told: Vec<_> = told.into_iter().map(|told| of(told.event).1).collect();
        assert_eq!(told, acts, "{output}");
    }
}

#[test]
fn a_reader_knows_from_where_its_open_calls_can_be_read_again() {
    let text = recording("claude-code-payments/transcript.jsonl");
    let (session, _) = hooks(Harness::ClaudeCode, "claude-code-payments/hooks.jsonl");
    let whole = told(Harness::ClaudeCode, &session, &text);
    let mut calls = 0;
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for stop in 0..lines.len() {
        let mut first = Transcript::new(Harness::ClaudeCode, &session).unwrap();
        let mut found = Vec::new();
        let mut from = 0;
        for line in &lines[..stop] {
            found.extend(first.line(line.as_bytes(), from).unwrap());
            from += line.len() as u64;
        }
        let open = first.open_from().unwrap_or(from);
        calls += u64::from(open < from);
        let rest = &text[usize::try_from(open).unwrap()..];
        let mut found: Vec<_> = found.into_iter().map(|told| of(told.event)).collect();
        found.extend(told(Harness::ClaudeCode, &session, rest));
        for act in whole.iter().filter(|(_, act)| !act.starts_with("planned")) {
            assert!(found.contains(act), "stopped after {stop} lines: {act:?}");
        }
    }
    assert!(calls > 0, "calls are open in the middle of it");
}
