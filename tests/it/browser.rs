//! People at a real browser: Debian's Chromium, without script, with the appliance's own root trusted and nothing else.
//!
//! `tests/peers/browser/stories.mjs` is what they do and have to see; `look.mjs` is what no page may do: a line in the
//! console, an issue that Chromium files, a request to another origin, a sideways scroll at 360 px or 320 px, anything
//! that axe-core objects to in either scheme. The pictures of every page lie in `$CARGO_TARGET_TMPDIR/screens`.

use harness::{Appliance, Laptop, Provider, Serve, repository, run};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Sends people through a story; what was seen, and what was found wrong.
pub(crate) fn drive(
    story: &str,
    base: &str,
    roots: &[PathBuf],
    more: &Value,
) -> (Value, Vec<String>) {
    let folder = repository().join("tests/peers/browser");
    assert!(
        folder.join("node_modules/playwright-core").is_dir(),
        "what drives the browser is not installed; run: npm ci --prefix tests/peers/browser"
    );
    let mut job = json!({
        "story": story,
        "base": base,
        "roots": roots,
        "screens": Path::new(env!("CARGO_TARGET_TMPDIR")).join("screens"),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        job[key] = value.clone();
    }
    // What the driver asks for beside the browser trusts the same.
    let scratch = TempDir::new().expect("a folder can be made");
    let all = scratch.path().join("roots.pem");
    let pems = roots
        .iter()
        .map(|root| std::fs::read_to_string(root).expect("a root can be read"));
    std::fs::write(&all, pems.collect::<String>()).expect("roots can be written");
    let mut node = Command::new("node");
    let _ = node
        .arg("drive.mjs")
        .current_dir(folder)
        .env("NODE_EXTRA_CA_CERTS", all);
    let seen = run(&mut node, job.to_string().as_bytes()).json();
    let findings = seen["findings"].as_array().into_iter().flatten();
    let findings = findings
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    (seen, findings)
}

/// The same at an appliance, whose pages have nothing wrong.
fn visit(appliance: &Appliance, story: &str, roots: &[PathBuf], more: &Value) -> Value {
    let (seen, findings) = drive(story, &appliance.people_url(), roots, more);
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
    seen
}

/// A one-time link's path: the browser goes to the host that the certificate names.
fn link(appliance: &Appliance, email: Option<&str>) -> String {
    let url = appliance.link(email);
    url.find("/link/")
        .map(|at| url[at..].to_owned())
        .expect("a link has a path")
}

#[test]
fn people_sign_in_by_link_and_through_a_provider_and_let_a_device_in() {
    let mut provider = Provider::new();
    let appliance = Appliance::start_with(Serve {
        config: provider.config(),
        ..Serve::default()
    });
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
    let seen = visit(
        &appliance,
        "doors",
        &[appliance.root(), provider.file("ca.pem")],
        &more,
    );
    assert_eq!(
        seen["seen"]["cookies"],
        json!([]),
        "signing out takes the cookie away"
    );
    // The client waited all the while, got its certificate, and has been revoked since.
    let _ = enrolling.end().ok();
    let refused = laptop.run(&["sync"]).refused();
    assert!(
        refused.contains("revoked"),
        "the client says why: {refused}"
    );
}

#[test]
fn every_page_of_a_filled_appliance_holds_to_the_rules() {
    let appliance = Appliance::start_with(Serve {
        filled: true,
        ..Serve::default()
    });
    let more = json!({
        "admin": link(&appliance, None),
        "engineer": link(&appliance, Some("amara.obi@larkfield.example")),
        "visitor": link(&appliance, Some("robin.sample@larkfield.example")),
    });
    let seen = visit(&appliance, "tour", &[appliance.root()], &more);
    let pages = seen["pages"].as_array().map_or(0, Vec::len);
    assert!(pages >= 18, "{pages} pages were looked at");
}

#[test]
fn every_page_of_the_manual_holds_to_the_rules() {
    let appliance = Appliance::start();
    let pages = dashboard_web::manual::pages().iter();
    let pages: Vec<_> = pages
        .map(|page| dashboard_web::paths::manual(&page.slug))
        .collect();
    let more = json!({ "pages": pages });
    let seen = visit(&appliance, "manual", &[appliance.root()], &more);
    let looked = seen["pages"].as_array().map_or(0, Vec::len);
    assert!(looked >= pages.len() + 4, "{looked} pages were looked at");
}

#[test]
fn what_a_page_may_not_do_is_seen() {
    let (_, findings) = drive("slips", "https://localhost:9", &[], &json!({}));
    for slip in [
        "slip-pale 1280-light: axe color-contrast",
        "slip-pale 360-dark: axe image-alt",
        "slip-wide 360-dark: scrolls sideways: 5",
        "slip-wide 320: scrolls sideways: 5",
        "/policy: the console says: ",
        "/policy: Chromium files ContentSecurityPolicyIssue",
        "/policy: 404 for https://localhost:9/missing.png",
        "/elsewhere: asks another origin for https://127.0.0.1:9/pixel.png",
        "/elsewhere: could not load https://127.0.0.1:9/pixel.png",
        "slip-elsewhere: links to #nowhere, which is not there",
        "slip-elsewhere: links to another origin: https://elsewhere.example/",
        "/gone: 410 instead of 200",
        "/gone: does not say \"Welcome\"",
    ] {
        let seen = findings.iter().any(|finding| finding.contains(slip));
        assert!(seen, "not seen: {slip}\n{}", findings.join("\n"));
    }
}
