//! What people and whoever enrols can get wrong: links, fingerprints, addresses.

use super::{json_of, text};
use appliance::edges::Edges;
use harness::{Appliance, Device, Laptop};
use org_store::{Act, Action, Actor, link_token};
use serde_json::json;

#[test]
fn a_link_that_was_used_has_run_out_or_never_was_says_so() {
    let appliance = Appliance::start();
    let link = appliance.link(None);
    appliance.browser().open_link(&link);
    let mut browser = appliance.browser();
    let used = browser.get(&link).expect(410);
    assert!(used.says("used already"), "{}", used.text());
    assert!(used.says("admin link"), "the fix is there: {}", used.text());
    let pressed = browser.post(&link, &[]).expect(410);
    assert!(
        pressed.headers.get("set-cookie").is_none(),
        "nobody is signed in"
    );

    // One that was made 31 minutes ago.
    let edges = Edges::system();
    let made = edges.clock.now() - identity::LINK_LIFE_S - 60;
    let purpose = identity::LinkPurpose::FirstAdmin;
    let (token, record) = identity::new_link(purpose, made, [7; 32]);
    let act = Act::new(Actor::Console, Action::IssueLink, made);
    let put = move |txn: &mut org_store::WriteTxn<'_>| {
        link_token::put(txn, &record.hash, link_token::Purpose::FirstAdmin, made)
    };
    appliance
        .parts()
        .store
        .write_blocking(act, put)
        .expect("a link is kept");
    let late = browser.get(&format!("/link/{token}")).expect(410);
    assert!(
        late.says("run out") || late.says("expired"),
        "{}",
        late.text()
    );
    let _ = browser.post(&format!("/link/{token}"), &[]).expect(410);

    for unknown in ["A".repeat(43), "short".to_owned()] {
        let unknown = browser.get(&format!("/link/{unknown}")).expect(404);
        assert!(
            unknown.says("link") && unknown.says("admin link"),
            "{}",
            unknown.text()
        );
    }
    let begun = appliance
        .audit()
        .iter()
        .filter(|act| act.starts_with("session.begin"))
        .count();
    assert_eq!(begun, 1, "{:?}", appliance.audit());
}

#[test]
fn a_wrong_fingerprint_at_enrolment_sends_nothing_and_shows_both() {
    let appliance = Appliance::start();
    let laptop = Laptop::new();
    let wrong = format!("sha256:{}", "00".repeat(32));
    let args = ["enrol", &appliance.people(), "--ca-fingerprint", &wrong];
    let told = laptop.run(&args).refused();
    for part in ["C011", &wrong, &appliance.fingerprint(), "Nothing was sent"] {
        assert!(told.contains(part), "does not say {part}: {told}");
    }
    assert!(
        !laptop.home().join("keys/device-key").exists(),
        "no key is left"
    );
    assert!(
        !appliance.log().contains("/v1/enrol/start"),
        "it was asked all the same"
    );
    for (fingerprint, code) in [("sha256:12", "C009"), ("nonsense", "C009")] {
        let args = [
            "enrol",
            &appliance.people(),
            "--ca-fingerprint",
            fingerprint,
        ];
        let told = laptop.run(&args).refused();
        assert!(told.contains(code) && told.contains("fix:"), "{told}");
    }
    let good = appliance.fingerprint();
    for address in ["http://127.0.0.1:1", "127.0.0.1", "https://127.0.0.1:1"] {
        let told = laptop
            .run(&["enrol", address, "--ca-fingerprint", &good])
            .refused();
        assert!(told.contains("error C0") && told.contains("fix:"), "{told}");
    }
    let told = laptop.run(&["sync"]).refused();
    assert!(
        told.contains("C016") && told.contains("aiworklab enrol"),
        "{told}"
    );
}

#[test]
fn a_code_that_nobody_waits_with_is_told_on_the_form_and_not_for_ever() {
    let appliance = Appliance::start();
    let mut browser = appliance.signed_in(None);
    let wrong = browser.get("/enrol?code=ZZZZ-ZZZZ").expect(404);
    assert!(
        wrong.says("No device waits with the code"),
        "{}",
        wrong.text()
    );
    assert!(
        wrong.field("code").is_some(),
        "it can be typed again: {}",
        wrong.body
    );
    let decision = [("code", "ZZZZ-ZZZZ"), ("decision", "approve")];
    let refused = browser.submit(&wrong, "/enrol", &decision).expect(404);
    assert!(
        refused.says("no device waits") || refused.says("No device waits"),
        "{}",
        refused.text()
    );
    let ends = (0..50).find_map(|_| {
        let page = browser.get("/enrol?code=ZZZZ-ZZZY");
        page.says("Too many wrong codes").then_some(page.status)
    });
    assert_eq!(
        ends.map(|status| status.as_u16()),
        Some(404),
        "codes can be guessed without end"
    );
    // A code that is right is of no use in this session any more, and of use in another.
    let laptop = Laptop::new();
    let asking = laptop.begin_enrolment(&appliance, "late");
    let path = format!("/enrol?code={}", asking.code);
    assert!(browser.get(&path).says("Too many wrong codes"));
    let mut other = appliance.signed_in(None);
    let page = other.get(&path).expect(200);
    let decision = [("code", asking.code.as_str()), ("decision", "refuse")];
    let _ = other.submit(&page, "/enrol", &decision).expect(200);
    let told = asking.end().refused();
    assert!(told.contains("C018") && told.contains("refused"), "{told}");
}

#[test]
fn an_enrolment_that_is_none_is_refused_with_what_is_wrong() {
    let appliance = Appliance::start();
    let people = Device::new(&appliance.root(), &appliance.people(), None);
    let start = |name: &str, csr: &str| json!({ "v": 1, "name": name, "csr": csr });
    let mut with_field = start("laptop", "x");
    with_field["serial"] = json!("C02XL0");
    let mut newer = start("laptop", "x");
    newer["v"] = json!(2);
    let pem = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    for (what, body, status, says) in [
        (
            "no request",
            start("laptop", "nonsense"),
            400,
            "certificate request",
        ),
        (
            "a broken one",
            start("laptop", pem),
            400,
            "certificate request",
        ),
        ("no name", start("", pem), 400, "name"),
        ("a long name", start(&"x".repeat(65), pem), 400, "64"),
        (
            "a name that moves the cursor",
            start("a\u{1b}[2J", pem),
            400,
            "control character",
        ),
        ("a field", with_field, 400, "`serial`"),
        ("a newer wire", newer, 426, "Version 2"),
        (
            "a large one",
            start("laptop", &"x".repeat(64 << 10)),
            413,
            "16384",
        ),
    ] {
        let page = people.json("POST", "/v1/enrol/start", body.to_string());
        assert_eq!(page.status, status, "{what}: {}", page.body);
        let detail = text(&json_of(&page)["detail"]);
        assert!(
            detail.contains(says),
            "{what} does not say {says}: {detail}"
        );
    }
    for (body, status) in [
        (json!({ "v": 1, "poll": "00".repeat(32) }), 404),
        (json!({ "v": 1, "poll": "short" }), 404),
        (json!({ "v": 1 }), 400),
    ] {
        let page = people.json("POST", "/v1/enrol/poll", body.to_string());
        assert_eq!(page.status, status, "{body}: {}", page.body);
        assert!(!text(&json_of(&page)["detail"]).is_empty(), "{}", page.body);
    }
    assert_eq!(people.json("GET", "/v1/enrol/start", "").status, 405);
}
