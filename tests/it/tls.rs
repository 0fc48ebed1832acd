//! The two listeners from outside: which TLS is spoken, who is asked for a certificate, and what
//! becomes of whoever shows none, another's or a revoked one. OpenSSL is the judge where it can be.

use harness::{Appliance, Browser, Device, Laptop, Page, Wire, run};
use serde_json::Value;
use std::process::Command;

const PULL: &str = r#"{"have":{},"limit":1000}"#;

/// What `openssl s_client` says of a connection, and how it ends.
fn s_client(url: &str, options: &[&str]) -> (i32, String) {
    let mut command = Command::new("openssl");
    let address = url.trim_start_matches("https://");
    command
        .args(["s_client", "-connect", address])
        .args(options);
    let output = run(&mut command, b"");
    (output.status, output.stdout + &output.stderr)
}

fn refusal(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap_or_else(|error| panic!("{error}: {}", page.body))
}

/// The page's address under which this device is revoked by an administrator.
fn revocation(admin: &mut Browser, name: &str) -> String {
    let devices = admin.get("/admin/devices").expect(200);
    let row = devices
        .body
        .find(name)
        .map(|at| &devices.body[at..])
        .expect("the device is listed");
    let from = row.find("/admin/devices/").expect("it can be revoked");
    row[from..].split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn tls_1_2_is_refused_on_both_ports_and_1_3_verifies_under_our_root() {
    let appliance = Appliance::start();
    let root = appliance.root();
    let root = root.to_str().expect("a path in UTF-8");
    for url in [appliance.people(), appliance.devices()] {
        for older in ["-tls1_2", "-tls1_1", "-tls1"] {
            let options = [older, "-CAfile", root, "-cipher", "ALL:@SECLEVEL=0"];
            let (status, said) = s_client(&url, &options);
            assert_ne!(status, 0, "{url} {older}: {said}");
            assert!(
                said.contains("no peer certificate available"),
                "{url} {older}: {said}"
            );
            let refused = [
                "alert protocol version",
                "alert handshake failure",
                "no protocols available",
            ];
            assert!(
                refused.iter().any(|why| said.contains(why)),
                "{url} {older}: {said}"
            );
        }
        let good = [
            "-tls1_3",
            "-CAfile",
            root,
            "-verify_return_error",
            "-verify_ip",
            "127.0.0.1",
        ];
        let (status, said) = s_client(&url, &good);
        assert_eq!(status, 0, "{url}: {said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{url}: {said}");
        assert!(said.contains("TLSv1.3"), "{url}: {said}");
        let stranger = ["-tls1_3", "-CAfile", "/dev/null", "-verify_return_error"];
        let (status, said) = s_client(&url, &stranger);
        assert_ne!(status, 0, "without our root nobody can verify it: {said}");
    }
}

#[test]
fn hybrid_key_exchange_is_agreed_on_and_older_groups_still_work() {
    let appliance = Appliance::start();
    for url in [appliance.people(), appliance.devices()] {
        let mut wire = Wire::open(&appliance.root(), &url, None).expect("somebody answers");
        assert_eq!(wire.json("GET", "/healthz", "").expect("an answer").0, 200);
        assert_eq!(wire.key_exchange(), "X25519MLKEM768", "{url}");
        let root = appliance.root();
        let classic = [
            "-tls1_3",
            "-groups",
            "P-256",
            "-CAfile",
            root.to_str().unwrap_or_default(),
        ];
        let (status, said) = s_client(&url, &classic);
        assert_eq!(status, 0, "{url}: {said}");
    }
}

#[test]
fn only_the_devices_port_asks_for_a_certificate() {
    let appliance = Appliance::start();
    let (_, people) = s_client(&appliance.people(), &["-tls1_3", "-msg"]);
    let (_, devices) = s_client(&appliance.devices(), &["-tls1_3", "-msg"]);
    assert!(
        people.contains("EncryptedExtensions"),
        "the trace shows handshakes: {people}"
    );
    assert!(
        !people.contains("CertificateRequest"),
        "people are asked: {people}"
    );
    assert!(
        people.contains("No client certificate CA names sent"),
        "{people}"
    );
    assert!(
        devices.contains("CertificateRequest"),
        "the control: {devices}"
    );

    // And one that is offered all the same is no way in.
    let mut admin = appliance.signed_in(None);
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut admin, "asked-for-nothing");
    let offered = Device::new(&appliance.root(), &appliance.people(), Some(&laptop.keys()));
    assert_eq!(offered.json("GET", "/me", "").status, 303, "to the sign-in");
    assert_eq!(offered.json("POST", "/v1/sync/pull", PULL).status, 404);
}

#[test]
fn a_push_without_a_device_certificate_is_answered_401() {
    let appliance = Appliance::start();
    let nobody = Device::new(&appliance.root(), &appliance.devices(), None);
    let push =
        r#"{"v":1,"stream":"00112233445566778899aabbccddeeff","base":1,"catalogue":1,"deltas":[]}"#;
    for (method, path, body) in [
        ("POST", "/v1/sync/push", push),
        ("POST", "/v1/sync/pull", PULL),
        ("GET", "/v1/me/export", ""),
        ("DELETE", "/v1/me", ""),
    ] {
        let page = nobody.json(method, path, body);
        assert_eq!(page.status, 401, "{path}: {}", page.body);
        let said = refusal(&page);
        assert_eq!(
            (&said["error"], &said["code"]),
            (&"other".into(), &"H401".into()),
            "{path}"
        );
        let detail = said["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains("certificate") && detail.contains("aiworklab enrol"),
            "{detail}"
        );
    }
}

#[test]
fn a_revoked_device_is_refused_at_once_on_its_open_connection_and_at_a_new_one() {
    let appliance = Appliance::start();
    let mut admin = appliance.signed_in(None);
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut admin, "lost-laptop");
    let mut open = laptop.wire(&appliance).expect("a connection");
    assert_eq!(
        open.json("POST", "/v1/sync/pull", PULL)
            .expect("an answer")
            .0,
        200
    );

    let path = revocation(&mut admin, "lost-laptop");
    let asked = admin.get(&path).expect(200);
    assert!(asked.says("lost-laptop"), "{}", asked.text());
    let _ = admin.submit(&asked, &path, &[]).expect(200);

    let (status, body) = open.json("POST", "/v1/sync/pull", PULL).expect("an answer");
    assert_eq!(status, 403, "{body}");
    assert!(body.contains(r#""error":"revoked""#), "{body}");
    let again = laptop
        .device(&appliance)
        .json("POST", "/v1/sync/pull", PULL);
    assert_eq!(
        (again.status.as_u16(), &refusal(&again)["error"]),
        (403, &"revoked".into())
    );
    let told = laptop.run(&["sync"]).refused();
    assert!(told.contains("revoked") && told.contains("fix:"), "{told}");
}

#[test]
fn a_device_of_another_authority_is_not_talked_to() {
    let (appliance, other) = (Appliance::start(), Appliance::start());
    let laptop = Laptop::new();
    laptop.enrol(&other, &mut other.signed_in(None), "stranger");
    assert_eq!(
        laptop
            .device(&other)
            .json("POST", "/v1/sync/pull", PULL)
            .status,
        200
    );

    let foreign = Device::new(
        &appliance.root(),
        &appliance.devices(),
        Some(&laptop.keys()),
    );
    let refused = foreign.try_send("POST", "/v1/sync/pull", &[], PULL);
    let error = refused.expect_err("a certificate of another authority ends the handshake");
    let why = format!("{error:?}");
    assert!(
        why.contains("UnknownCA") || why.contains("DecryptError"),
        "{why}"
    );
    // Whoever is told to trust the wrong root does not talk to the server either.
    let misled = Device::new(&other.root(), &appliance.devices(), Some(&laptop.keys()));
    let refused = misled.try_send("POST", "/v1/sync/pull", &[], PULL);
    assert!(format!("{:?}", refused.expect_err("another root")).contains("UnknownIssuer"));
}
