//! Every route used as it should be, once around the house, and what that left in the audit log.

use super::{House, PULL, id_behind, token};
use appliance::http::router::{ROUTES, Route};
use harness::{Device, Laptop};
use serde_json::Value;
use std::collections::BTreeSet;

/// What was used, and what it has to have left.
#[derive(Default)]
struct Walk {
    used: BTreeSet<(&'static str, &'static str)>,
    expected: Vec<String>,
}

impl Walk {
    /// This route was used and left nothing.
    fn read(&mut self, method: &str, path: &str) {
        let route = self.of(method, path);
        assert!(
            route.audit.is_empty(),
            "{method} {path} leaves {:?}",
            route.audit
        );
    }

    /// This route was used and left this row, which its line names.
    fn left(&mut self, method: &str, path: &str, word: &str) {
        let route = self.of(method, path);
        assert!(
            route.audit.contains(&word),
            "{method} {path} leaves {:?}, not {word}",
            route.audit
        );
        self.expected.push(format!("{word} ok"));
    }

    fn of(&mut self, method: &str, path: &str) -> &'static Route {
        let found = ROUTES
            .iter()
            .find(|route| (route.method, route.path) == (method, path));
        let found = found.unwrap_or_else(|| panic!("{method} {path} is not in the list"));
        self.used.insert((found.method, found.path));
        found
    }
}

#[test]
fn every_route_used_as_it_should_be_leaves_exactly_the_rows_of_its_line() {
    let mut house = House::build();
    let before = house.appliance.audit().len();
    let mut walk = Walk::default();
    open_doors(&mut house, &mut walk);
    pages(&mut house, &mut walk);
    devices(&mut house, &mut walk);
    own_data(&mut house, &mut walk);
    administration(&mut house, &mut walk);
    ending(&mut house, &mut walk);

    let missing: Vec<_> = ROUTES
        .iter()
        .filter(|route| !walk.used.contains(&(route.method, route.path)))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "routes that are not used here"
    );
    assert_eq!(house.appliance.audit()[before..], walk.expected);
}

fn open_doors(house: &mut House, walk: &mut Walk) {
    let device = house.laptop.device(&house.appliance);
    for path in ["/.well-known/aiworklab", "/healthz", "/readyz"] {
        let _ = house.member.get(path).expect(200);
        let _ = device.json("GET", path, "").expect(200);
        walk.read("GET", path);
    }
    let mut nobody = house.appliance.browser();
    let page = nobody.get("/signin").expect(200);
    walk.read("GET", "/signin");
    let asset = page
        .body
        .split('"')
        .find(|part| part.starts_with("/assets/"))
        .expect("a style sheet");
    let _ = nobody.get(asset).expect(200);
    walk.read("GET", "/assets/{file}");
    assert!(
        nobody
            .get("/root.pem")
            .expect(200)
            .body
            .contains("BEGIN CERTIFICATE")
    );
    walk.read("GET", "/root.pem");

    for (route, path) in [
        ("/docs", "/docs"),
        ("/docs/{page}", "/docs/errors"),
        ("/docs/search", "/docs/search?q=S003"),
    ] {
        let page = nobody.get(path).expect(200);
        assert!(page.says("Manual"), "{path}: {}", page.text());
        walk.read("GET", route);
    }

    let link = house.appliance.link(None);
    walk.expected.push("link.issue ok".to_owned());
    let shown = nobody.get(&link).expect(200);
    walk.read("GET", "/link/{token}");
    let _ = nobody.submit(&shown, &link, &[]).expect(303);
    walk.left("POST", "/link/{token}", "session.begin");

    let mut browser = house.appliance.browser();
    let back = house
        .provider
        .way_back(&mut browser, "/oidc/corp/start?to=/admin", "alice");
    walk.read("GET", "/oidc/{provider}/start");
    let welcome = browser.get(&back).expect(303);
    assert_eq!(welcome.location(), Some("/admin"));
    walk.left("GET", "/oidc/{provider}/callback", "session.begin");
    // Confirming who one is, from a session that is an hour old.
    let stale = &mut house.stale_admin;
    let back = house
        .provider
        .way_back(stale, "/oidc/corp/start?confirm=1&to=/admin", "alice");
    let _ = stale.get(&back).expect(303);
    walk.left("GET", "/oidc/{provider}/callback", "session.confirm");
    house.admin = browser;
}

fn pages(house: &mut House, walk: &mut Walk) {
    for path in ["/", "/concepts", "/me/erase", "/enrol"] {
        let _ = house.member.get(path).expect(200);
        walk.read("GET", path);
    }
    let concept = house.member.get("/concepts/pg-advisory-locks");
    assert!(
        [200, 404].contains(&concept.status.as_u16()),
        "{}",
        concept.body
    );
    walk.read("GET", "/concepts/{slug}");
    for path in ["/admin", "/admin/people", "/admin/devices", "/admin/audit"] {
        let _ = house.admin.get(path).expect(200);
        walk.read("GET", path);
    }
    let _ = house.member.get("/me").expect(200);
    walk.left("GET", "/me", "graph.view");
}

fn devices(house: &mut House, walk: &mut Walk) {
    let laptop = Laptop::new();
    laptop.enrol(&house.appliance, &mut house.member, "bobs-second");
    for path in ["/v1/enrol/start", "/v1/enrol/poll"] {
        walk.read("POST", path);
    }
    walk.left("POST", "/enrol", "device.approve");

    let unwanted = Laptop::new();
    let asking = unwanted.begin_enrolment(&house.appliance, "not-mine");
    let page = house
        .member
        .get(&format!("/enrol?code={}", asking.code))
        .expect(200);
    let decision = [("code", asking.code.as_str()), ("decision", "refuse")];
    let _ = house.member.submit(&page, "/enrol", &decision).expect(200);
    assert!(asking.end().refused().contains("refused"));
    walk.left("POST", "/enrol", "device.refuse");

    let device = laptop.device(&house.appliance);
    let pulled = device.json("POST", "/v1/sync/pull", PULL).expect(200);
    walk.read("POST", "/v1/sync/pull");
    let pulled: Value = serde_json::from_str(&pulled.body).expect("JSON");
    let hour = pulled["now"].as_i64().expect("a time").div_euclid(3600) * 3600;
    let push = format!(
        r#"{{"v":1,"stream":"{}","base":1,"catalogue":1,"deltas":[{{"i":1,"c":"pg-advisory-locks","k":"seen","f":"unknown","t":"seen","at":{hour}}}]}}"#,
        "7".repeat(32)
    );
    let _ = device.json("POST", "/v1/sync/push", push).expect(200);
    walk.read("POST", "/v1/sync/push");
    let _ = device.json("GET", "/v1/catalogue", "").expect(200);
    walk.read("GET", "/v1/catalogue");
    items(&device);
    walk.read("GET", "/v1/items");
    let _ = device
        .json("PUT", "/v1/me/aggregate", r#"{"choice":"out"}"#)
        .expect(200);
    walk.left("PUT", "/v1/me/aggregate", "graph.aggregate");
    let here = format!(r#"{{"v":1,"instance":"{}"}}"#, "5".repeat(32));
    let heard = device.json("POST", "/v1/devices/here", here).expect(200);
    assert!(heard.body.contains(r#""shared":false"#), "{}", heard.body);
    walk.read("POST", "/v1/devices/here");
    let key = rcgen::KeyPair::generate().expect("a key");
    let csr = rcgen::CertificateParams::default()
        .serialize_request(&key)
        .and_then(|request| request.pem())
        .expect("a request");
    let wish = serde_json::json!({ "v": 1, "csr": csr }).to_string();
    let renewed = device.json("POST", "/v1/devices/renew", wish).expect(200);
    assert!(
        renewed.body.contains("BEGIN CERTIFICATE"),
        "{}",
        renewed.body
    );
    walk.left("POST", "/v1/devices/renew", "device.renew");
    let export = device.json("GET", "/v1/me/export", "").expect(200);
    assert!(export.body.contains("pg-advisory-locks"), "{}", export.body);
    walk.left("GET", "/v1/me/export", "graph.export");

    let listed = house.admin.get("/admin/devices").expect(200);
    let id = id_behind(&listed, "bobs-second", "/admin/devices/");
    let path = format!("/me/devices/{id}/shared");
    let asked = house.member.get(&path).expect(200);
    walk.read("GET", "/me/devices/{id}/shared");
    assert_eq!(house.admin.get(&path).status, 404);
    let _ = house.member.submit(&asked, &path, &[]).expect(303);
    walk.left("POST", "/me/devices/{id}/shared", "device.keep-shared");
    let path = format!("/me/devices/{id}/revoke");
    let asked = house.member.get(&path).expect(200);
    walk.read("GET", "/me/devices/{id}/revoke");
    // Somebody else's is not there, and an attempt on it changes nothing.
    assert_eq!(house.admin.get(&path).status, 404);
    let _ = house.member.submit(&asked, &path, &[]).expect(303);
    walk.left("POST", "/me/devices/{id}/revoke", "device.revoke-own");
    assert_eq!(device.json("POST", "/v1/sync/pull", PULL).status, 403);
}

/// All items at once: whoever asks names no concept, and holds what is there or gets it whole.
fn items(device: &Device) {
    let reply = harness::until("a pack of items", || {
        let page = device.json("GET", "/v1/items", "");
        (page.status == 200).then_some(page)
    });
    let pack: Value = serde_json::from_str(&reply.body).expect("JSON");
    let version = pack["version"].as_str().expect("a version");
    let same = device.json("GET", &format!("/v1/items?have={version}"), "");
    assert_eq!((same.status.as_u16(), same.body.as_str()), (204, ""));
    let other = device.json("GET", &format!("/v1/items?have={}", "0".repeat(32)), "");
    assert_eq!(other.expect(200).body, reply.body);
    for wrong in ["have=1", "concept=git-rebase", "have=&have=", "have"] {
        let page = device.json("GET", &format!("/v1/items?{wrong}"), "");
        assert_eq!(page.status, 400, "{wrong}");
    }
}

fn own_data(house: &mut House, walk: &mut Walk) {
    let export = house.member.get("/me/export").expect(200);
    assert!(export.body.contains("pg-advisory-locks"), "{}", export.body);
    walk.left("GET", "/me/export", "graph.export");
    let csrf = token(&mut house.member);
    let _ = house
        .member
        .post("/me/aggregate", &[("csrf", &csrf), ("choice", "in")])
        .expect(303);
    walk.left("POST", "/me/aggregate", "graph.aggregate");
}

fn administration(house: &mut House, walk: &mut Walk) {
    let device = house.laptop.device(&house.appliance);
    let states = [
        ("disable", "person.disable", 403),
        ("enable", "person.enable", 200),
    ];
    for (what, word, synced) in states {
        let route = format!("/admin/people/{{id}}/{what}");
        let path = format!("/admin/people/{}/{what}", house.person);
        let asked = house.admin.get(&path).expect(200);
        walk.read("GET", &route);
        let _ = house.admin.submit(&asked, &path, &[]).expect(200);
        walk.left("POST", &route, word);
        let page = house.member.get("/me");
        assert_eq!(page.status, 303, "who was disabled is signed out");
        let page = device.json("POST", "/v1/sync/pull", PULL);
        assert_eq!(page.status, synced, "{what}: {}", page.body);
    }
    let path = format!("/admin/devices/{}/revoke", house.device);
    let asked = house.admin.get(&path).expect(200);
    walk.read("GET", "/admin/devices/{id}/revoke");
    let _ = house.admin.submit(&asked, &path, &[]).expect(200);
    walk.left("POST", "/admin/devices/{id}/revoke", "device.revoke");
    assert_eq!(device.json("POST", "/v1/sync/pull", PULL).status, 403);
}

fn ending(house: &mut House, walk: &mut Walk) {
    house
        .provider
        .sign_in(&mut house.member, "/oidc/corp/start?to=/me", "bob");
    walk.left("GET", "/oidc/{provider}/callback", "session.begin");
    // Through a device, everything goes, with the devices.
    let laptop = Laptop::new();
    laptop.enrol(&house.appliance, &mut house.member, "bobs-third");
    walk.left("POST", "/enrol", "device.approve");
    let device = laptop.device(&house.appliance);
    let _ = device.json("DELETE", "/v1/me", "").expect(200);
    walk.left("DELETE", "/v1/me", "graph.erase");
    assert_eq!(device.json("POST", "/v1/sync/pull", PULL).status, 410);
    // And begins anew, and goes again by the page.
    let laptop = Laptop::new();
    laptop.enrol(&house.appliance, &mut house.member, "bobs-fourth");
    walk.left("POST", "/enrol", "device.approve");
    let asked = house.member.get("/me/erase").expect(200);
    let _ = house
        .member
        .submit(&asked, "/me/erase", &[("word", "delete")])
        .expect(200);
    walk.left("POST", "/me/erase", "graph.erase");
    assert_eq!(
        laptop
            .device(&house.appliance)
            .json("POST", "/v1/sync/pull", PULL)
            .status,
        410
    );

    let csrf = token(&mut house.member);
    let _ = house
        .member
        .post("/signout", &[("csrf", &csrf)])
        .expect(200);
    walk.left("POST", "/signout", "session.end");
    assert_eq!(
        house.member.get("/me").status,
        303,
        "nobody is signed in any more"
    );
}
