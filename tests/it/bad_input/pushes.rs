//! What a device can send that is no push.

use super::{Enrolled, enrolled, head, json_of, push, seen, text};
use serde_json::{Value, json};
use std::fs;
use std::io::Read;

#[test]
fn a_bad_delta_is_refused_alone_and_its_neighbours_are_kept() {
    let Enrolled {
        device,
        hour,
        appliance: _appliance,
        ..
    } = enrolled();
    let deltas = [
        seen(1, "pg-advisory-locks", hour),
        seen(2, "no-such-concept", hour),
        seen(3, "http-idempotency", hour + 1),
        json!({ "i": 4, "c": "http-idempotency", "k": "seen", "o": "pass", "f": "unknown", "t": "seen", "at": hour }),
        seen(5, "http-idempotency", hour),
        json!({ "i": 6, "c": "http-idempotency", "k": "applied", "f": "seen", "t": "seen", "at": hour }),
        seen(7, "Not A Slug", hour),
    ];
    let page = device
        .json("POST", "/v1/sync/push", push(1, &deltas).to_string())
        .expect(200);
    let results = json_of(&page)["results"].clone();
    let became = |at: usize| (text(&results[at]["r"]), text(&results[at]["code"]));
    assert_eq!(became(0).0, "ok", "{results}");
    assert_eq!(became(1), ("reject".into(), "slug".into()), "{results}");
    assert_eq!(became(2), ("reject".into(), "at".into()), "{results}");
    assert_eq!(
        became(3).0,
        "reject",
        "an answer where there is none: {results}"
    );
    assert_eq!(became(4).0, "ok", "{results}");
    assert_eq!(
        became(5).0,
        "reject",
        "reserved, and sent by no client: {results}"
    );
    assert_eq!(became(6), ("reject".into(), "slug".into()), "{results}");
    assert_eq!(head(&device), 7, "no hole is left");
    let again = device
        .json("POST", "/v1/sync/push", push(1, &deltas[..1]).to_string())
        .expect(200);
    assert_eq!(json_of(&again)["results"][0]["r"], "dup", "{}", again.body);
}

#[test]
fn a_body_that_is_wrong_is_refused_whole_with_what_and_the_fix() {
    let Enrolled {
        device,
        hour,
        appliance,
        ..
    } = enrolled();
    let good = seen(1, "pg-advisory-locks", hour);
    let mut with_field = good.clone();
    with_field["path"] = json!("/home/ada/secret.py");
    let mut beside = push(1, std::slice::from_ref(&good));
    beside["host"] = json!("ada-laptop");
    let with_version = |v: u16| {
        let mut body = push(1, std::slice::from_ref(&good));
        body["v"] = json!(v);
        body.to_string()
    };
    let many: Vec<Value> = (1..=501)
        .map(|i| seen(i, "pg-advisory-locks", hour))
        .collect();
    let cases: Vec<(&str, String, u16, Vec<&str>)> = vec![
        (
            "a field of a delta",
            push(1, &[with_field]).to_string(),
            400,
            vec!["`path`", "does not exist"],
        ),
        (
            "a field of a push",
            beside.to_string(),
            400,
            vec!["`host`", "does not exist"],
        ),
        (
            "half a body",
            push(1, std::slice::from_ref(&good)).to_string()[..60].to_owned(),
            400,
            vec!["not JSON", "line 1", "column"],
        ),
        ("no JSON", "deltas=1".to_owned(), 400, vec!["not JSON"]),
        ("nothing", String::new(), 400, vec!["not JSON"]),
        (
            "a text for a number",
            push(1, std::slice::from_ref(&good))
                .to_string()
                .replace("\"base\":1", "\"base\":\"1\""),
            400,
            vec!["wrong kind"],
        ),
        (
            "another kind",
            push(1, std::slice::from_ref(&good))
                .to_string()
                .replace("\"seen\",\"f\"", "\"guessed\",\"f\""),
            400,
            vec!["expected"],
        ),
        (
            "a mebibyte",
            format!(
                "{}{}",
                " ".repeat(1 << 20),
                push(1, std::slice::from_ref(&good))
            ),
            413,
            vec!["262144", "Send less"],
        ),
        ("too many", push(1, &many).to_string(), 400, vec!["500"]),
        ("none", push(1, &[]).to_string(), 400, vec!["delta"]),
        ("a newer wire", with_version(2), 426, vec!["Version 2", "1"]),
        (
            "a gap",
            push(9, &[seen(9, "pg-advisory-locks", hour)]).to_string(),
            409,
            vec!["beyond"],
        ),
        (
            "the future",
            push(1, &[seen(1, "pg-advisory-locks", hour + 3 * 3600)]).to_string(),
            409,
            vec!["future"],
        ),
    ];
    for (what, body, status, parts) in cases {
        let page = device.json("POST", "/v1/sync/push", body);
        assert_eq!(page.status, status, "{what}: {}", page.body);
        let said = json_of(&page);
        let detail = text(&said["detail"]);
        assert!(text(&said["code"]).len() == 4, "{what} has a code: {said}");
        for part in parts {
            assert!(
                detail.contains(part),
                "{what} does not say {part}: {detail}"
            );
        }
        assert!(
            !detail.contains("secret.py") && !detail.contains("ada-laptop"),
            "{what} repeats what was sent: {detail}"
        );
        assert_eq!(head(&device), 0, "{what} left something behind");
    }
    let kinds = [("text/plain", None), ("application/json", Some("gzip"))];
    for (kind, coding) in kinds {
        let mut headers = vec![("content-type", kind)];
        headers.extend(coding.map(|coding| ("content-encoding", coding)));
        let body = push(1, std::slice::from_ref(&good)).to_string();
        let page = device.send("POST", "/v1/sync/push", &headers, body);
        assert_eq!(page.status, 415, "{}", page.body);
    }
    let log = appliance.log();
    assert!(
        !log.contains("secret.py"),
        "what was sent stands in the log"
    );
}

/// How much memory a process has had at most, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("it is counted");
    line.trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number")
}

#[test]
fn a_bomb_of_zstd_is_refused_without_being_inflated() {
    let Enrolled {
        device, appliance, ..
    } = enrolled();
    let packed = zstd::encode_all(std::io::repeat(b' ').take(256 << 20), 3).expect("it packs");
    assert!(packed.len() < 256 * 1024, "{} bytes", packed.len());
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "zstd"),
    ];
    let before = peak_kib(appliance.pid());
    for _ in 0..4 {
        let page = device.send("POST", "/v1/sync/push", &headers, packed.clone());
        assert_eq!(page.status, 413, "{}", page.body);
        assert!(
            text(&json_of(&page)["detail"]).contains("1048576"),
            "{}",
            page.body
        );
    }
    let grown = peak_kib(appliance.pid()) - before;
    assert!(grown < 48 * 1024, "the server grew by {grown} KiB");
    let broken = device.send("POST", "/v1/sync/push", &headers, "no zstd");
    assert_eq!(broken.status, 400, "{}", broken.body);
    assert!(broken.body.contains("zstd"), "{}", broken.body);
}
