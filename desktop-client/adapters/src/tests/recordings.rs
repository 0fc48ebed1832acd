//! Each recording is understood whole: its acts, in order.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn tells(harness: Harness, name: &str, acts: &str) {
    assert_eq!(super::acts(harness, name).join(", "), acts, "{name}");
}

/// An interruption is not told: a turn that began and did not end is followed by the next.
#[test]
fn all_that_claude_code_told_is_understood() {
    tells(
        Harness::ClaudeCode,
        "claude-code/hooks.jsonl",
        "SessionBegan, TurnBegan, planned 1, planned 2, changed limiter.py, changed \
         limiter.py, ran, planned 1, TurnEnded, SessionEnded",
    );
    tells(
        Harness::ClaudeCode,
        "claude-code-payments/hooks.jsonl",
        "SessionBegan, TurnBegan, planned 1, planned 2, planned 3, changed locking.py, \
         changed gateway.py, changed store.py, changed importer.py, changed test_importer.py, \
         tests failed, changed gateway.py, changed store.py, tests passed, planned 2, planned \
         1, committed, planned 0, TurnEnded, SessionEnded",
    );
    tells(
        Harness::ClaudeCode,
        "claude-code-crawler/session.jsonl",
        "SessionBegan, TurnBegan, planned 1, planned 2, planned 3, changed crawler.go, \
         changed crawler_test.go, tests failed, changed crawler.go, changed crawler.go, \
         changed crawler.go, tests passed, planned 2, planned 1, planned 0, committed, \
         TurnEnded, TurnBegan, TurnBegan, changed crawler.go, changed crawler.go, changed \
         crawler.go, tests failed, ApprovalAsked, ran, tests passed, committed, TurnEnded, \
         SessionEnded",
    );
    tells(
        Harness::ClaudeCode,
        "claude-code-parallel/session.jsonl",
        "SessionBegan, TurnBegan, SessionBegan, planned 1, planned 2, TurnBegan, planned 1, \
         planned 2, changed migrations/002_unique_number.sql, tests failed, changed lib.rs, \
         ran, ran, tests failed, changed migrations/003_post_invoice.sql, changed lib.rs, \
         changed checks.sql, tests passed, tests passed, planned 1, planned 0, committed, \
         planned 1, planned 0, committed, TurnEnded, TurnEnded, TurnBegan, ApprovalAsked, \
         TurnBegan, ran, tests passed, changed close-month, TurnEnded, SessionEnded, \
         ApprovalAsked, ran, committed, TurnEnded, SessionEnded",
    );
    tells(
        Harness::ClaudeCode,
        "claude-code-reports/session.jsonl",
        "SessionBegan, TurnBegan, planned 1, planned 2, planned 3, planned 4, planned 5, \
         changed test_reports.py, tests failed, changed store.py, tests passed, changed \
         store.py, changed store.py, tests passed, planned 4, planned 3, planned 2, \
         committed, TurnEnded, TurnBegan, changed service.py, tests failed, changed store.py, \
         tests passed, changed service.py, changed service.py, changed service.py, tests \
         passed, planned 1, planned 0, committed, TurnEnded, TurnBegan, changed store.py, \
         changed service.py, tests failed, changed service.py, tests passed, committed, \
         TurnEnded, TurnBegan, changed store.py, changed store.py, tests passed, committed, \
         TurnEnded, SessionEnded",
    );
    tells(
        Harness::ClaudeCode,
        "claude-code-webhooks/session.jsonl",
        "SessionBegan, TurnBegan, planned 1, planned 2, planned 3, changed send.ts, changed \
         send.test.ts, tests failed, changed send.ts, tests passed, planned 2, planned 1, \
         planned 0, committed, TurnEnded, TurnBegan, changed send.ts, tests passed, \
         committed, ApprovalAsked, ran, ApprovalAsked, TurnEnded, SessionEnded",
    );
}

/// Codex tells no exit codes, so only test runs are known to have passed or failed.
#[test]
fn all_that_codex_told_is_understood() {
    tells(
        Harness::Codex,
        "codex/hooks.jsonl",
        "SessionBegan, TurnBegan, planned 2, changed limiter.py, changed limiter.py, ran, end \
         not told, TurnEnded, SessionEnded",
    );
    tells(
        Harness::Codex,
        "codex/appserver-hooks.jsonl",
        "SessionBegan, TurnBegan, planned 2, changed limiter.py, changed limiter.py, ran, end \
         not told, TurnEnded, SessionEnded",
    );
    tells(
        Harness::Codex,
        "codex-deploy/session.jsonl",
        "SessionBegan, TurnBegan, tests failed, ran, end not told, ran, end not told, changed \
         deploy.sh, tests failed, changed notify.py, tests failed, tests passed, committed, \
         TurnEnded, TurnBegan, TurnInterrupted, TurnBegan, changed switch.sh, changed \
         releases.sql, ran, end not told, tests passed, TurnEnded, SessionEnded",
    );
    tells(
        Harness::Codex,
        "codex-scheduler/session.jsonl",
        "SessionBegan, TurnBegan, ran, end not told, changed lib.rs, changed queue.rs, tests \
         failed, changed lib.rs, tests failed, changed lib.rs, tests passed, committed, \
         TurnEnded, TurnBegan, ApprovalAsked, changed workers.rs, ApprovalAsked, changed \
         lib.rs, ApprovalAsked, changed workers.rs, ApprovalAsked, tests passed, \
         ApprovalAsked, committed, TurnEnded, TurnBegan, ApprovalAsked, TurnEnded, \
         SessionEnded",
    );
    tells(
        Harness::Codex,
        "t3code/codex-hooks.jsonl",
        "SessionBegan, TurnBegan, ran, end not told, changed lock.sql, changed ledger.py, \
         tests passed, committed, TurnEnded, SessionBegan, TurnBegan, TurnEnded, \
         SessionBegan, TurnBegan, ran, end not told, TurnEnded, SessionBegan, TurnBegan, \
         ApprovalAsked, TurnEnded, SessionBegan, TurnBegan, TurnInterrupted",
    );
}

/// Sub-agents and refusals included. `run` tells no sessions and turns.
#[test]
fn all_that_opencode_told_is_understood() {
    // The stream and the plugin tell the same acts.
    let told = "SessionBegan, TurnBegan, planned 2, changed lock.sql, changed ledger.py, tests \
         passed, committed, planned 0, TurnEnded, SessionBegan, TurnBegan, ran and failed, \
         Stopped, TurnEnded, SessionBegan, TurnBegan, ApprovalAsked, ApprovalAnswered, ran, \
         TurnEnded, SessionBegan, TurnBegan, ApprovalAsked, ApprovalAnswered, Stopped, \
         TurnEnded, SessionBegan, TurnBegan, ApprovalAsked, ApprovalAnswered, Stopped, \
         TurnEnded, SessionBegan, TurnBegan, Stopped, TurnEnded, SessionBegan, TurnBegan, \
         TurnInterrupted, Stopped, SessionBegan, TurnBegan, TurnInterrupted";
    tells(Harness::OpenCode, "opencode/event-stream.jsonl", told);
    tells(Harness::OpenCode, "opencode/plugin-hooks.jsonl", told);
    tells(
        Harness::OpenCode,
        "opencode/global-event-samples.jsonl",
        "SessionBegan, TurnBegan, planned 2, TurnEnded, ApprovalAsked, ApprovalAnswered, \
         TurnInterrupted",
    );
    tells(
        Harness::OpenCode,
        "opencode/run.jsonl",
        "changed lock.sql, changed ledger.py, tests passed, committed",
    );
    tells(
        Harness::OpenCode,
        "opencode/run-permission-asked.jsonl",
        "Stopped",
    );
    tells(
        Harness::OpenCode,
        "opencode-catalog/session.jsonl",
        "SessionBegan, TurnBegan, planned 3, changed import.test.ts, tests failed, changed \
         import.ts, changed schema.sql, tests passed, ApprovalAsked, ApprovalAnswered, ran, \
         planned 0, committed, TurnEnded, TurnBegan, TurnInterrupted, Stopped, TurnBegan, \
         changed NOTES.md, changed fetch.ts, tests passed, committed, ApprovalAsked, \
         ApprovalAnswered, Stopped, TurnEnded, TurnBegan, changed NOTES.md, TurnEnded",
    );
}

/// What stays unknown is the later event log, which is named and not read: its ids do not lead to the
/// driven harness (seven hand-written samples, no recording).
#[test]
fn all_that_t3code_told_is_understood() {
    tells(
        Harness::T3Code,
        "t3code/orchestration_events.jsonl",
        "TurnBegan, ran, changed lock.sql, changed ledger.py, tests passed, committed, \
         TurnEnded, TurnBegan, planned 2, TurnEnded, TurnBegan, ran and failed, TurnEnded, \
         TurnBegan, ApprovalAsked, ApprovalAnswered, Stopped, TurnEnded, TurnBegan, \
         TurnInterrupted",
    );
    tells(
        Harness::T3Code,
        "t3code/ws.jsonl",
        "TurnBegan, ran, changed lock.sql, changed ledger.py, tests passed, committed, \
         TurnEnded, TurnBegan, planned 2, TurnEnded, TurnBegan, ran and failed, TurnEnded, \
         TurnBegan, ApprovalAsked, Stopped, TurnEnded, TurnBegan, TurnEnded",
    );
    tells(
        Harness::T3Code,
        "t3code/constructed-samples.jsonl",
        "planned 2, ?event log v2, ?event log v2, ?event log v2, ?event log v2, ?event log \
         v2, ?event log v2, ?event log v2",
    );
}

/// What the recordings promise to those who replay them.
#[test]
fn a_recorded_session_can_be_replayed() {
    let (mut sessions, mut seconds) = (BTreeSet::new(), 0.0);
    for (harness, name) in ALL
        .iter()
        .filter(|(_, name)| name.ends_with("/session.jsonl"))
    {
        let named = Harness::ALL
            .into_iter()
            .filter(|h| name.starts_with(h.name()));
        assert_eq!(named.max_by_key(|h| h.name().len()), Some(*harness));
        let text = recording(name);
        assert!(text.len() <= 300_000, "{name}");
        for folder in ["root", "work", "tmp", "var", "mnt"] {
            assert!(!text.contains(&format!("/{folder}/")), "{name}: {folder}");
        }
        assert!(!text.contains("registry"), "{name}");
        let mut last = 0.0;
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("a recording is JSON");
            let at = line["after_s"].as_f64().expect("a time");
            assert!(at >= last, "{name}");
            last = at;
        }
        seconds += last;
    }
    for (harness, name) in ALL {
        for (_, read) in read_all(harness, name) {
            if let Read::Event(event) = read
                && matches!(event.act, Act::TurnBegan)
            {
                sessions.insert((event.origin.harness.name(), event.origin.session));
            }
        }
    }
    assert!(sessions.len() >= 10, "{}", sessions.len());
    assert!(seconds > 1200.0, "{seconds}");
}

/// What two reports of the same work add up to: each act that has an identity once.
#[test]
fn one_act_counts_once_over_codex_and_t3code() {
    let hooks = read_all(Harness::Codex, "t3code/codex-hooks.jsonl");
    let rows = read_all(Harness::T3Code, "t3code/orchestration_events.jsonl");
    let known = |read: &[(Value, Read)]| -> BTreeMap<[String; 3], String> {
        let events = read.iter().filter_map(|(_, read)| match read {
            Read::Event(event) => Some((identity(event)?.map(Cow::into_owned), brief(read))),
            _ => None,
        });
        events.collect()
    };
    let (of_hooks, of_rows) = (known(&hooks), known(&rows));
    // All that Codex's hooks tell and that has an identity, T3 Code's rows tell under the same.
    for (identity, what) in &of_hooks {
        let again = of_rows.get(identity);
        // The rows know exit codes, which the hooks do not.
        let same = again.is_some_and(|again| again == what || what == "ran, end not told");
        assert!(same, "{identity:?} {what} {again:?}");
    }
    // What only the rows tell: a command that was declined, and the plan of plan mode.
    let more = of_rows.iter().filter(|(id, _)| !of_hooks.contains_key(*id));
    let more: Vec<&str> = more.map(|(_, what)| what.as_str()).collect();
    let mut more = more.clone();
    more.sort_unstable();
    assert_eq!(more, ["Stopped", "planned 2"]);
    let counted = |what: &str| of_rows.values().filter(|v| v.as_str() == what).count();
    assert_eq!(counted("TurnBegan"), 5);
    assert_eq!(counted("TurnEnded"), 4);
    assert_eq!(counted("TurnInterrupted"), 1);
    // No identity: approvals, which Codex tells without a call, and sessions.
    for (_, read) in hooks.iter().chain(&rows) {
        if let Read::Event(event) = read
            && identity(event).is_none()
        {
            let without = ["ApprovalAsked", "ApprovalAnswered", "SessionBegan"];
            assert!(without.contains(&brief(read).as_str()), "{read:?}");
        }
    }
}

#[test]
fn the_socket_and_the_table_tell_the_same() {
    let known = |name| -> BTreeSet<[String; 3]> {
        let read = read_all(Harness::T3Code, name);
        let events = read.iter().filter_map(|(_, read)| match read {
            Read::Event(event) => Some(identity(event)?.map(Cow::into_owned)),
            _ => None,
        });
        events.collect()
    };
    let table = known("t3code/orchestration_events.jsonl");
    // The socket does not tell that a turn was broken off: there it just ends.
    let socket = known("t3code/ws.jsonl").into_iter().map(|mut id| {
        let broken_off = id[2] == "turn ended" && {
            let [harness, turn, _] = &id;
            table.contains(&[harness.clone(), turn.clone(), "turn interrupted".into()])
        };
        if broken_off {
            id[2] = "turn interrupted".into();
        }
        id
    });
    assert_eq!(socket.collect::<BTreeSet<_>>(), table);
    // The column is text in the table.
    let mut reader = Reader::default();
    let mut as_text = BTreeSet::new();
    for mut row in payloads(&recording("t3code/orchestration_events.jsonl")) {
        row["payload_json"] = row["payload_json"].to_string().into();
        let read = reader.read(Harness::T3Code, row.to_string().as_bytes(), false);
        if let Read::Event(event) = &read {
            as_text.extend(identity(event).map(|id| id.map(Cow::into_owned)));
        }
    }
    assert_eq!(as_text, table);
}

/// A tool that ends while an approval is asked for tells which session of Codex it is.
#[test]
fn an_approval_is_answered_in_the_name_it_was_asked_in() {
    let row = |event: &str, payload: Value| serde_json::json!({"event_type": format!("thread.{event}"), "stream_id": "t3", "payload_json": payload});
    let asked = serde_json::json!({"activity": {"kind": "approval.requested", "payload": {}, "turnId": "u"}});
    let ended = serde_json::json!({"activity": {"kind": "tool.completed", "payload": {"data": {"threadId": "cx", "turnId": "u",
        "item": {"type": "commandExecution", "id": "c", "command": "ls", "exitCode": 0}}}}});
    let mut reader = Reader::default();
    let mut session =
        |row: Value| match reader.read(Harness::T3Code, row.to_string().as_bytes(), false) {
            Read::Event(event) => event.origin.session,
            other => format!("{other:?}"),
        };
    assert_eq!(session(row("activity-appended", asked.clone())), "t3");
    assert_eq!(session(row("activity-appended", ended)), "cx");
    assert_eq!(
        session(row("approval-response-requested", serde_json::json!({}))),
        "t3"
    );
    assert_eq!(session(row("activity-appended", asked)), "cx");
    assert_eq!(
        session(row("approval-response-requested", serde_json::json!({}))),
        "cx"
    );
}

#[test]
fn the_plugin_and_the_stream_tell_the_same() {
    let known = |name| -> BTreeSet<[String; 3]> {
        let read = read_all(Harness::OpenCode, name);
        let events = read.iter().filter_map(|(_, read)| match read {
            Read::Event(event) => Some(identity(event)?.map(Cow::into_owned)),
            _ => None,
        });
        events.collect()
    };
    assert_eq!(
        known("opencode/plugin-hooks.jsonl"),
        known("opencode/event-stream.jsonl")
    );
}

/// Keys whose values are ids, which an event keeps.
const IDS: [&str; 24] = [
    "session_id",
    "sessionID",
    "turn_id",
    "tool_use_id",
    "callID",
    "prompt_id",
    "id",
    "threadId",
    "turnId",
    "activeTurnId",
    "parentID",
    "stream_id",
    "aggregateId",
    "messageID",
    "thread-id",
    "turn-id",
    "task_id",
    "hook_event_name",
    "type",
    "event_type",
    "kind",
    "tool_name",
    "tool",
    "agentId",
];

fn strings<'v>(value: &'v Value, key: &str, out: &mut Vec<(bool, &'v str)>) {
    match value {
        Value::String(text) => out.push((IDS.contains(&key), text)),
        Value::Array(list) => list.iter().for_each(|value| strings(value, key, out)),
        Value::Object(map) => map.iter().for_each(|(key, value)| strings(value, key, out)),
        _ => {}
    }
}

/// Words that are printed of any event.
const OURS: [&str; 12] = [
    "SessionBegan",
    "SessionEnded",
    "TurnBegan",
    "TurnEnded",
    "TurnInterrupted",
    "ApprovalAsked",
    "ApprovalAnswered",
    "files_left_out",
    "harness: ClaudeCode, session: ",
    "harness: OpenCode, session: ",
    "Unreadable",
    "passed: Some(false)",
];

/// Every prompt, output, path, command and line of code in every recording is a canary: none is in
/// what can be printed of a read.
#[test]
fn nothing_that_somebody_wrote_can_be_printed() {
    let mut canaries = 0;
    for (harness, name) in ALL {
        for (payload, read) in read_all(harness, name) {
            let printed = format!("{read:?}");
            let mut found = Vec::new();
            strings(&payload, "", &mut found);
            let ids: BTreeSet<&str> = found.iter().filter(|(id, _)| *id).map(|f| f.1).collect();
            for (_, text) in found.iter().filter(|(id, text)| !id && !ids.contains(text)) {
                for line in text.lines().map(str::trim).filter(|line| line.len() >= 6) {
                    if OURS.iter().any(|word| word.contains(line)) {
                        continue;
                    }
                    canaries += 1;
                    // A line that is a piece of an id, such as a thread's in a ref, is no canary.
                    let of_id = ids.iter().any(|id| id.contains(line));
                    assert!(
                        of_id || !printed.contains(line),
                        "{name}: {line:?} in {printed}"
                    );
                }
            }
            if let Read::Event(event) = &read
                && let Act::Changed(changes) = &event.act
            {
                for change in changes {
                    let mut parts = change.file_name().split('/').rev();
                    assert!(parts.next().is_some_and(|last| !last.is_empty()));
                    assert!(parts.all(|part| TELLING_FOLDERS.contains(&part)), "{name}");
                }
            }
        }
    }
    assert!(canaries > 10_000, "{canaries}");
}
