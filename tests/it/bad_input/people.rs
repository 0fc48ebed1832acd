//! What people and whoever enrols can get wrong: links, fingerprints, addresses.

use appliance::edges::Edges;
use harness::{Appliance, Laptop};
use org_store::{Act, Action, Actor, link_token};

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
    assert!(!laptop.home().join("device.key").exists(), "no key is left");
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
