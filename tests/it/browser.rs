//! People at a real browser: Debian's Chromium, without script, with the appliance's own root trusted and nothing else.
//!
//! `tests/peers/browser/stories.mjs` is what they do and have to see; `look.mjs` is what no page may do: a line in the
//! console, an issue that Chromium files, a request to another origin, a sideways scroll at 360 px or 320 px, anything
//! that axe-core objects to in either scheme. The pictures of every page lie in `$CARGO_TARGET_TMPDIR/screens`.

use harness::{Appliance, Laptop, Provider, Serve, repository, run};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Sends somebody through a story; what was seen. Fails on whatever a page does that it may not.
fn drive(appliance: &Appliance, story: &str, roots: &[PathBuf], more: Value) -> Value {
    let folder = repository().join("tests/peers/browser");
    assert!(
        folder.join("node_modules/playwright-core").is_dir(),
        "what drives the browser is not installed; run: npm ci --prefix tests/peers/browser"
    );
    let mut job = json!({
        "story": story,
        "base": appliance.people_url(),
        "roots": roots,
        "screens": Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens"),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        job[key] = value.clone();
    }
    // What the driver asks for beside the browser trusts the same.
    let all = appliance.scratch().join("roots.pem");
    let pems = roots.iter().map(|root| std::fs::read_to_string(root).expect("a root can be read"));
    std::fs::write(&all, pems.collect::<String>()).expect("roots can be written");
    let mut node = Command::new("node");
    let _ = node.arg("drive.mjs").current_dir(folder).env("NODE_EXTRA_CA_CERTS", all);
    let output = run(&mut node, job.to_string().as_bytes());
    assert_eq!(output.status, 0, "{}\nthe appliance's log:\n{}", output.stderr, appliance.log());
    let seen = output.json();
    let findings: Vec<&str> =
        seen["findings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
    seen
}

/// A one-time link's path: the browser goes to the host that the certificate names.
fn link(appliance: &Appliance, email: Option<&str>) -> String {
    let url = appliance.link(email);
    url.find("/link/").map(|at| url[at..].to_owned()).expect("a link has a path")
}

#[test]
fn people_sign_in_by_link_and_through_a_provider_and_let_a_device_in() {
    let mut provider = Provider::new();
    let appliance = Appliance::start_with(Serve { config: provider.config(), ..Serve::default() });
    provider.start(&appliance);
    let (laptop, device) = (Laptop::new(), "bobs-build-box");
    let enrolling = laptop.begin_enrolment(&appliance, device);
    let more = json!({
        "link": link(&appliance, None),
        "provider": "Corp",
        "elsewhere": [provider.issuer()],
        "code": enrolling.code,
        "device": device,
    });
    let seen = drive(&appliance, "doors", &[appliance.root(), provider.file("ca.pem")], more);
    assert_eq!(seen["seen"]["cookies"], json!([]), "signing out takes the cookie away");
    // The client waited all the while, got its certificate, and has been revoked since.
    let _ = enrolling.end().ok();
    let refused = laptop.run(&["sync"]).refused();
    assert!(refused.contains("revoked"), "the client says why: {refused}");
}

#[test]
fn every_page_of_a_filled_appliance_holds_to_the_rules() {
    let appliance = Appliance::start_with(Serve { filled: true, ..Serve::default() });
    let more = json!({
        "admin": link(&appliance, None),
        "engineer": link(&appliance, Some("amara.obi@larkfield.example")),
        "visitor": link(&appliance, Some("robin.sample@larkfield.example")),
    });
    let seen = drive(&appliance, "tour", &[appliance.root()], more);
    let pages = seen["pages"].as_array().map_or(0, Vec::len);
    assert!(pages >= 18, "{pages} pages were looked at");
}
