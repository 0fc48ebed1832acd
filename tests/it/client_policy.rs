//! What an organisation lays down for a client, seen from outside: it takes away, and adds nothing.

use harness::{Laptop, Output, Program, capture, program, repository, run};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const ROOT: &str = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Runs the client under a policy.
fn under(laptop: &Laptop, policy: &str, args: &[&str]) -> Output {
    let file: PathBuf = laptop.folder().join("policy.toml");
    fs::write(&file, policy).expect("a policy can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("and closed");
    let mut command = Command::new(program(Program::Client));
    command
        .args(args)
        .env("AIWORKLAB_HOME", laptop.home())
        .env("HOME", laptop.folder())
        .env("AIWORKLAB_KEYS", "file")
        .env("AIWORKLAB_POLICY", file);
    run(&mut command, b"")
}

/// Every key with the example of the template that is handed out.
fn keys() -> Vec<String> {
    let template = repository().join("installer/client/policy.toml");
    let text = fs::read_to_string(template).expect("the template is there");
    let lines = text.lines().filter_map(|line| line.strip_prefix("# "));
    lines
        .filter(|line| {
            line.split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_key_of_a_policy_changes_a_byte_of_the_next_push() {
    let laptop = Laptop::new();
    laptop.replay(&capture("claude-code"));
    let without = laptop.run(&["what-leaves", "--json"]).ok().stdout;
    assert!(
        without.contains("\"deltas\":[{"),
        "something is to be sent: {without}"
    );
    let keys = keys();
    assert_eq!(keys.len(), 19);
    let mut policies = keys.clone();
    policies.push(keys.join("\n"));
    policies.push("this is no policy".to_owned());
    policies.push("send_everything = true\nprompts = \"all\"\n".to_owned());
    for policy in policies {
        let with = under(&laptop, &policy, &["what-leaves", "--json"])
            .ok()
            .stdout;
        assert_eq!(with, without, "under {policy}");
    }
    // Nor did any of them enrol this machine.
    assert!(laptop.json(&["status"])["enrolment"].is_null());
}

#[test]
fn who_is_managed_enrols_with_one_word_and_nowhere_else() {
    let laptop = Laptop::new();
    // Nothing listens there: the address that it fails to reach is the policy's.
    let policy = format!("appliance = \"https://127.0.0.1:1\"\nca_fingerprint = \"{ROOT}\"\n");
    let output = under(&laptop, &policy, &["enrol", "--json"]);
    let error: Value = serde_json::from_str(&output.stderr).expect("an error is JSON, too");
    assert_eq!(error["error"]["code"], "C013", "{error}");
    assert!(
        error["error"]["what"]
            .as_str()
            .is_some_and(|what| what.contains("127.0.0.1:1"))
    );
    let elsewhere = ["enrol", "https://127.0.0.1:2", "--ca-fingerprint", ROOT];
    let refused = under(&laptop, &policy, &elsewhere).refused();
    assert!(
        refused.contains("C110") && refused.contains("line 1"),
        "{refused}"
    );
    let other = ROOT.replace("0011", "ff11");
    let elsewhere = ["enrol", "--ca-fingerprint", other.as_str()];
    let refused = under(&laptop, &policy, &elsewhere).refused();
    assert!(
        refused.contains("C110") && refused.contains("line 2"),
        "{refused}"
    );
}

#[test]
fn the_doctor_tells_a_program_and_a_person_the_same() {
    let laptop = Laptop::new();
    let slip = "harnesses = \"vim\"\nscreens = 2\n";
    let told = under(&laptop, slip, &["doctor", "--json"]);
    assert_eq!(told.status, 1, "something failed: {}", told.stdout);
    assert_eq!(told.stderr, "");
    let json: Value = serde_json::from_str(&told.stdout).expect("it is JSON");
    assert_eq!(json["well"], false);
    let person = under(&laptop, slip, &["doctor"]);
    assert_eq!(person.status, 1);
    for part in json["parts"].as_array().expect("parts") {
        for finding in part["findings"].as_array().expect("findings") {
            let first = finding["what"]
                .as_str()
                .and_then(|what| what.split_whitespace().next());
            assert!(
                person.stdout.contains(first.expect("a sentence")),
                "{finding}"
            );
        }
    }
    assert!(person.stdout.contains("Safe to paste"));
    assert!(
        !person
            .stdout
            .contains(&laptop.folder().display().to_string())
    );
}

#[test]
fn an_engineer_sets_quiet_hours_and_is_told_what_holds() {
    let laptop = Laptop::new();
    let said = laptop
        .run(&["set", "quiet-hours", "20:00-07:30"])
        .ok()
        .stdout;
    assert!(said.contains("20:00-07:30"), "{said}");
    let refused = laptop.run(&["set", "quiet-hours", "late"]).refused();
    assert!(refused.contains("C118"), "{refused}");
    let shown = under(
        &laptop,
        "quiet_hours = \"12:00-13:00\"\n",
        &["policy", "show", "--json"],
    );
    let json = shown.ok().json();
    let values = json["values"].as_array().expect("values").clone();
    let hours = values
        .iter()
        .find(|value| value["key"] == "quiet_hours")
        .expect("the key");
    assert_eq!(hours["value"], "20:00-07:30 and 12:00-13:00");
    assert_eq!(hours["source"], "both");
}
