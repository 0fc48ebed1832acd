//! A replay is a dry run of the product: exact, repeatable, and without a trace.

use super::*;
use crate::world::still::Still;
use std::path::Path;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/captures");

fn captured(name: &str) -> PathBuf {
    Path::new(CAPTURES).join(name)
}

fn replayed(
    sessions: &[PathBuf],
    answers: Option<Answers>,
    began: Option<&str>,
    json: bool,
) -> String {
    let wish = Wish {
        sessions,
        harness: None,
        began,
        answers,
        seed: 1,
        all: false,
        json,
    };
    let mut out = Vec::new();
    replay(&Still::at(0), &wish, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_same_sessions_give_the_same_bytes() {
    let sessions = [captured("claude-code-payments"), captured("claude-code")];
    for json in [false, true] {
        let first = replayed(&sessions, Some(Answers::Coin), None, json);
        assert_eq!(first, replayed(&sessions, Some(Answers::Coin), None, json));
        assert!(first.contains("pg-advisory-locks"), "{first}");
    }
}

#[test]
fn every_decision_and_every_check_says_why() {
    let text = replayed(
        &[captured("claude-code-payments")],
        Some(Answers::Right),
        None,
        true,
    );
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let timeline = told["sessions"][0]["timeline"].as_array().unwrap();
    let decided: Vec<_> = timeline
        .iter()
        .filter_map(|entry| entry["sentence"].as_str())
        .collect();
    assert!(!decided.is_empty(), "{text}");
    for sentence in decided {
        let says = sentence.starts_with("not now: ") || sentence.starts_with("asked ");
        assert!(says, "{sentence}");
    }
    assert!(told["summary"]["asked"].as_u64().unwrap() <= 3);
    assert_eq!(told["summary"]["not_understood"], 0);
}

#[test]
fn on_its_first_day_the_program_asks_nothing() {
    let sessions = [captured("claude-code-payments")];
    let text = replayed(&sessions, Some(Answers::Right), Some("2026-03-02"), true);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["summary"]["asked"], 0);
    assert_eq!(told["sessions"][0]["day"], "2 March 2026");
    let held = told["summary"]["held_back"].as_object().unwrap();
    assert!(held.contains_key("first_week"), "{held:?}");
}

#[test]
fn sessions_lie_on_working_days() {
    let days = Days::of(None).unwrap();
    let week: Vec<_> = days.working().take(6).map(|day| day.weekday()).collect();
    assert_eq!(
        week.first(),
        week.last(),
        "after five days it is Monday again"
    );
    assert_eq!(week[0], Weekday::Monday);
    assert!(matches!(
        Days::of(Some("tomorrow")),
        Err(Error::Date { .. })
    ));
    // A first day at a weekend is taken at its word.
    let days = Days::of(Some("2026-03-01")).unwrap();
    let two: Vec<_> = days.working().take(2).map(|day| day.weekday()).collect();
    assert_eq!(two, [Weekday::Sunday, Weekday::Monday]);
}

#[test]
fn a_harness_that_nobody_knows_is_refused_before_anything_is_read() {
    let wish = Wish {
        sessions: &[PathBuf::from("/nowhere")],
        harness: Some("emacs"),
        began: None,
        answers: None,
        seed: 1,
        all: false,
        json: false,
    };
    let error = replay(&Still::at(0), &wish, &mut Vec::new()).unwrap_err();
    assert_eq!(error.code(), "C043");
}
