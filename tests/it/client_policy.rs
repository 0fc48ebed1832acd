//! What an organisation lays down for a client, seen from outside: it takes away, and adds nothing.

use harness::{Laptop, capture, repository};
use serde_json::Value;
use std::fs;

const ROOT: &str = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

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
        let with = laptop
            .run_under(&policy, &["what-leaves", "--json"])
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
    let output = laptop.run_under(&policy, &["enrol", "--json"]);
    let error: Value = serde_json::from_str(&output.stderr).expect("an error is JSON, too");
    assert_eq!(error["error"]["code"], "C013", "{error}");
    assert!(
        error["error"]["what"]
            .as_str()
            .is_some_and(|what| what.contains("127.0.0.1:1"))
    );
    let elsewhere = ["enrol", "https://127.0.0.1:2", "--ca-fingerprint", ROOT];
    let refused = laptop.run_under(&policy, &elsewhere).refused();
    assert!(
        refused.contains("C110") && refused.contains("line 1"),
        "{refused}"
    );
    let other = ROOT.replace("0011", "ff11");
    let elsewhere = ["enrol", "--ca-fingerprint", other.as_str()];
    let refused = laptop.run_under(&policy, &elsewhere).refused();
    assert!(
        refused.contains("C110") && refused.contains("line 2"),
        "{refused}"
    );
}

#[test]
fn the_doctor_tells_a_program_and_a_person_the_same() {
    let laptop = Laptop::new();
    let slip = "harnesses = \"vim\"\nscreens = 2\n";
    let told = laptop.run_under(slip, &["doctor", "--json"]);
    assert_eq!(told.status, 1, "something failed: {}", told.stdout);
    assert_eq!(told.stderr, "");
    let json: Value = serde_json::from_str(&told.stdout).expect("it is JSON");
    assert_eq!(json["well"], false);
    let person = laptop.run_under(slip, &["doctor"]);
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
    let shown = laptop.run_under(
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
