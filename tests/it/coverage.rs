//! Every route of the list, over real TLS: who is less than its line says is refused, the other port
//! does not know it, and whoever may leaves exactly the audit rows that the line names.
//!
//! A route that is new has to be used here (`walk`
//! fails until it is), and one that writes has to be audited or to stand in [`UNAUDITED`] with a reason.

mod walk;

use appliance::http::router::{Auth, Port, ROUTES, Route};
use harness::{Appliance, Browser, Device, Laptop, Page, Provider, Serve};
use serde_json::Value;

/// Writes that leave no audit row, and why. There are no others.
const UNAUDITED: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/v1/sync/push",
        "a row for each sync would name who works when; one count a day for the whole site",
    ),
    (
        "POST",
        "/v1/sync/pull",
        "reads; what the caller has does not fit into an address",
    ),
    (
        "POST",
        "/v1/devices/here",
        "kept in memory and written hourly with the days on which devices were seen; a row for each would name who works when",
    ),
    (
        "POST",
        "/v1/enrol/start",
        "a stranger's wish: a row that waits, and what comes of it is audited",
    ),
    (
        "POST",
        "/v1/enrol/poll",
        "reads; its secret does not belong into an address",
    ),
];

const PULL: &str = r#"{"have":{},"limit":1000}"#;

/// Routes that write and are neither audited nor excused, and excuses that nothing needs.
fn unaudited(routes: &[Route]) -> Vec<String> {
    let excuse = |route: &Route| {
        UNAUDITED
            .iter()
            .any(|(method, path, _)| (*method, *path) == (route.method, route.path))
    };
    let silent = routes
        .iter()
        .filter(|route| route.method != "GET" && route.audit.is_empty() && !excuse(route))
        .map(|route| {
            format!(
                "{} {} changes something and leaves no audit row",
                route.method, route.path
            )
        });
    let idle = UNAUDITED
        .iter()
        .filter(|(method, path, _)| {
            !routes
                .iter()
                .any(|r| (r.method, r.path) == (*method, *path) && r.audit.is_empty())
        })
        .map(|(method, path, _)| format!("{method} {path} needs no excuse"));
    silent.chain(idle).collect()
}

/// An appliance with somebody of each kind.
struct House {
    appliance: Appliance,
    provider: Provider,
    /// An administrator and a member who signed in just now.
    admin: Browser,
    member: Browser,
    /// The same, an hour ago by what the provider says.
    stale_admin: Browser,
    stale_member: Browser,
    laptop: Laptop,
    revoked: Laptop,
    /// The member, and the member's device.
    person: String,
    device: String,
}

/// The first address of this kind behind this name on a page.
fn id_behind(page: &Page, name: &str, before: &str) -> String {
    let row = page.body.find(name).map(|at| &page.body[at..]);
    let row = row.unwrap_or_else(|| panic!("{name} is not on the page: {}", page.text()));
    let from = row.find(before).expect("an address") + before.len();
    row[from..].split('/').next().unwrap_or_default().to_owned()
}

impl House {
    fn build() -> Self {
        let mut provider = Provider::new();
        let config = provider.config();
        let appliance = Appliance::start_with(Serve {
            config,
            ..Serve::default()
        });
        provider.start(&appliance);
        let sign_in = |user: &str| {
            let mut browser = appliance.browser();
            provider.sign_in(&mut browser, "/oidc/corp/start?to=/", user);
            browser
        };
        let (mut admin, mut member) = (sign_in("alice"), sign_in("bob"));
        provider.backdate(3600);
        let (stale_admin, stale_member) = (sign_in("alice"), sign_in("bob"));
        provider.backdate(0);
        let (laptop, revoked) = (Laptop::new(), Laptop::new());
        let asking = [(&laptop, "bobs-laptop"), (&revoked, "bobs-lost-one")]
            .map(|(laptop, name)| (laptop.begin_enrolment(&appliance, name), name));
        for (asking, name) in &asking {
            let page = member
                .get(&format!("/enrol?code={}", asking.code))
                .expect(200);
            assert!(page.says(name), "{}", page.text());
            let decision = [("code", asking.code.as_str()), ("decision", "approve")];
            let _ = member.submit(&page, "/enrol", &decision).expect(200);
        }
        for (asking, _) in asking {
            let _ = asking.end().ok();
        }
        let devices = admin.get("/admin/devices").expect(200);
        let people = admin.get("/admin/people").expect(200);
        let lost = id_behind(&devices, "bobs-lost-one", "/admin/devices/");
        let path = format!("/admin/devices/{lost}/revoke");
        let asked = admin.get(&path).expect(200);
        let _ = admin.submit(&asked, &path, &[]).expect(200);
        let device = id_behind(&devices, "bobs-laptop", "/admin/devices/");
        let person = id_behind(&people, "Bob Builder", "/admin/people/");
        Self {
            appliance,
            provider,
            admin,
            member,
            stale_admin,
            stale_member,
            laptop,
            revoked,
            person,
            device,
        }
    }

    /// A path of this route that is really there, so that a refusal is no 404.
    fn path(&self, route: &Route) -> String {
        let id = if route.path.starts_with("/admin/people") {
            &self.person
        } else {
            &self.device
        };
        route
            .path
            .replace("{slug}", "pg-advisory-locks")
            .replace("{id}", id)
            .replace("{token}", &"A".repeat(43))
            .replace("{provider}", "corp")
            .replace("{file}", "style.css")
            .replace("{page}", "install")
    }
}

/// The token of this person's forms.
fn token(browser: &mut Browser) -> String {
    browser
        .get("/concepts")
        .expect(200)
        .field("csrf")
        .expect("each page can sign out")
}

/// Fields with which the form would do something.
fn fields(csrf: &str) -> Vec<(&str, &str)> {
    vec![
        ("csrf", csrf),
        ("choice", "in"),
        ("word", "delete"),
        ("code", "AAAA-AAAA"),
        ("decision", "refuse"),
    ]
}

/// What a browser gets that asks for this route as its pages would.
fn ask(browser: &mut Browser, method: &str, path: &str, csrf: &str) -> Page {
    match method {
        "GET" => browser.get(path),
        "POST" => browser.post(path, &fields(csrf)),
        other => browser.request(other, path, None),
    }
}

fn is_refused(page: &Page) -> bool {
    let to_sign_in = page.location().is_some_and(|to| to.starts_with("/signin?"));
    match page.status.as_u16() {
        303 => to_sign_in,
        status => matches!(status, 401 | 403),
    }
}

/// Whoever of the people is less than the line says and gets through all the same.
fn trespassers(house: &mut House, route: &Route) -> Vec<String> {
    let path = house.path(route);
    let mut lesser: Vec<(&str, Option<&mut Browser>)> = match route.auth {
        Auth::Open | Auth::Program | Auth::Device | Auth::DeviceLate => Vec::new(),
        Auth::Member => vec![("nobody", None)],
        Auth::MemberFresh => vec![
            ("nobody", None),
            ("a stale member", Some(&mut house.stale_member)),
        ],
        Auth::Admin => vec![
            ("nobody", None),
            ("a member", Some(&mut house.member)),
            ("a stale member", Some(&mut house.stale_member)),
        ],
        Auth::AdminFresh => vec![
            ("nobody", None),
            ("a member", Some(&mut house.member)),
            ("a stale member", Some(&mut house.stale_member)),
            ("a stale administrator", Some(&mut house.stale_admin)),
        ],
    };
    let mut through = Vec::new();
    let mut nobody = house.appliance.browser();
    for (who, browser) in &mut lesser {
        let (browser, csrf) = match browser {
            None => (&mut nobody, String::new()),
            Some(browser) => {
                let csrf = token(browser);
                (&mut **browser, csrf)
            }
        };
        let page = ask(browser, route.method, &path, &csrf);
        if !is_refused(&page) {
            through.push(format!(
                "{} {} let {who} in: {}",
                route.method, route.path, page.status
            ));
        }
    }
    through
}

/// Forms that came from another site, or without the session's token, and were taken.
fn forgeries(house: &mut House, route: &Route) -> Vec<String> {
    if route.method == "GET"
        || matches!(route.auth, Auth::Program | Auth::Device | Auth::DeviceLate)
    {
        return Vec::new();
    }
    let path = house.path(route);
    let csrf = token(&mut house.admin);
    let elsewhere = house.admin.post_from_elsewhere(&path, &fields(&csrf));
    let tokenless = house.admin.post(&path, &fields("")[1..]);
    let wrong = house.admin.post(&path, &fields(&"0".repeat(64)));
    let mut forged = vec![("another site's form", elsewhere)];
    // A link is a secret of its own, and nobody need be signed in who opens it.
    if route.auth != Auth::Open {
        forged.extend([
            ("a form without token", tokenless),
            ("a wrong token", wrong),
        ]);
    }
    forged
        .into_iter()
        .filter(|(_, page)| page.status != 403 || !page.says("Nothing was changed"))
        .map(|(what, page)| {
            format!(
                "{} {} took {what}: {}",
                route.method, route.path, page.status
            )
        })
        .collect()
}

#[test]
fn a_route_that_writes_is_audited_or_excused() {
    assert_eq!(unaudited(ROUTES), Vec::<String>::new());
    for (_, path, why) in UNAUDITED {
        assert!(why.len() > 20, "{path} has no reason");
    }
    // The check sees what it is for.
    let silent = Route {
        audit: &[],
        ..*ROUTES
            .iter()
            .find(|r| r.path == "/me/erase" && r.method == "POST")
            .expect("there")
    };
    let found = unaudited(&[ROUTES, &[silent]].concat());
    assert_eq!(
        found,
        ["POST /me/erase changes something and leaves no audit row"]
    );
}

#[test]
fn whoever_is_less_than_a_routes_line_says_is_refused() {
    let mut house = House::build();
    let mut wrong = Vec::new();
    for route in ROUTES.iter().filter(|route| route.port != Port::Devices) {
        wrong.extend(trespassers(&mut house, route));
        wrong.extend(forgeries(&mut house, route));
    }
    assert_eq!(wrong, Vec::<String>::new());
    // Nothing happened to the member and the device, and each denied change left its row.
    assert_eq!(
        house
            .laptop
            .device(&house.appliance)
            .json("POST", "/v1/sync/pull", PULL)
            .status,
        200
    );
    let audit = house.appliance.audit();
    for route in ROUTES.iter().filter(|route| route.auth == Auth::AdminFresh) {
        let denied = format!("{} denied", route.audit[0]);
        let rows = audit.iter().filter(|act| **act == denied).count();
        // Who may, and is only asked to confirm who they are, was not denied anything.
        assert_eq!(
            rows, 2,
            "{denied}: the member, and the stale member: {audit:?}"
        );
        let done = format!("{} ok", route.audit[0]);
        let before = usize::from(route.audit[0] == "device.revoke");
        assert_eq!(
            audit.iter().filter(|act| **act == done).count(),
            before,
            "{audit:?}"
        );
    }
    // The check sees what it is for: a line that says more than the guard does.
    let page = ROUTES
        .iter()
        .find(|route| route.path == "/concepts")
        .expect("there");
    let found = trespassers(
        &mut house,
        &Route {
            auth: Auth::AdminFresh,
            ..*page
        },
    );
    assert_eq!(
        found.len(),
        3,
        "a page for members, passed off as one for administrators: {found:?}"
    );
    let open = ROUTES
        .iter()
        .find(|route| route.path == "/root.pem")
        .expect("there");
    let found = trespassers(
        &mut house,
        &Route {
            auth: Auth::Member,
            ..*open
        },
    );
    assert_eq!(found, ["GET /root.pem let nobody in: 200 OK"]);
}

#[test]
fn devices_routes_are_for_devices_that_were_not_revoked() {
    let house = House::build();
    let nobody = Device::new(&house.appliance.root(), &house.appliance.devices(), None);
    let revoked = house.revoked.device(&house.appliance);
    let cookie = house.admin.cookies();
    let devices = |route: &&Route| matches!(route.auth, Auth::Device | Auth::DeviceLate);
    for route in ROUTES.iter().filter(devices) {
        let (method, path) = (route.method, house.path(route));
        let body = if method == "POST" { PULL } else { "" };
        assert_eq!(
            nobody.json(method, &path, body).status,
            401,
            "{method} {path}"
        );
        let headers = [
            ("content-type", "application/json"),
            ("cookie", cookie.as_str()),
        ];
        let page = nobody.send(method, &path, &headers, body);
        assert_eq!(
            page.status, 401,
            "{method} {path} with an administrator's cookie"
        );
        let page = revoked.json(method, &path, body);
        assert_eq!(page.status, 403, "{method} {path}: {}", page.body);
        let said: Value = serde_json::from_str(&page.body).expect("JSON");
        assert_eq!(said["error"], "revoked", "{method} {path}: {said}");
    }
}

#[test]
fn the_other_port_does_not_know_a_route() {
    let mut house = House::build();
    let device = house.laptop.device(&house.appliance);
    let csrf = token(&mut house.admin);
    let cookie = house.admin.cookies();
    for route in ROUTES {
        let (method, path) = (route.method, house.path(route));
        let status = match route.port {
            Port::Both => continue,
            Port::People => {
                let headers = [("cookie", cookie.as_str())];
                device
                    .send(method, &path, &headers, format!("csrf={csrf}"))
                    .status
            }
            Port::Devices => ask(&mut house.admin, method, &path, &csrf).status,
        };
        assert!(
            [404, 405].contains(&status.as_u16()),
            "{method} {path} on the other port: {status}"
        );
    }
    // A method that the list does not have is none.
    for (method, path) in [("DELETE", "/me"), ("PUT", "/admin"), ("POST", "/root.pem")] {
        assert_eq!(
            house.admin.request(method, path, None).status,
            405,
            "{method} {path}"
        );
    }
    assert_eq!(device.json("GET", "/v1/sync/push", "").status, 405);
}
