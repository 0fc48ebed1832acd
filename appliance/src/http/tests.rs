//! The routes as a whole: who is refused, what is said, and what is left in the audit log.

use super::layers::CSP;
use super::router::{Auth, Port, ROUTES, Route};
use super::tls::Peer;
use crate::testing::{Browser, NOW, Reply, Scratch};
use axum::body::Body;
use http::{Request, StatusCode, header};
use kernel::ids::{DAY, DeviceId, StreamId};
use org_store::{Act, Action, Actor, Role, link_token, session};

fn path(route: &Route) -> String {
    route
        .path
        .replace("{slug}", "pg-advisory-locks")
        .replace("{id}", &"0".repeat(32))
        .replace("{token}", &"A".repeat(43))
        .replace("{provider}", "corp")
        .replace("{file}", "style.css")
}

async fn ask(scratch: &Scratch, route: &Route, browser: Option<&Browser>, peer: Peer) -> Reply {
    let mut request = Request::builder()
        .method(route.method)
        .uri(path(route))
        .header(header::HOST, "localhost:8443")
        .header(header::ORIGIN, "https://localhost:8443")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .extension(peer);
    let mut form = String::new();
    if let Some(browser) = browser {
        request = request.header(header::COOKIE, &browser.cookie);
        form = format!("csrf={}", browser.csrf);
    }
    let port = if route.port == Port::Devices {
        Port::Devices
    } else {
        Port::People
    };
    let body = if route.method == "POST" {
        Body::from(form)
    } else {
        Body::empty()
    };
    scratch.send(port, request.body(body).unwrap()).await
}

fn is_refused(reply: &Reply) -> bool {
    let to_sign_in = reply.status == StatusCode::SEE_OTHER
        && reply.headers[header::LOCATION]
            .to_str()
            .is_ok_and(|to| to.starts_with("/signin?"));
    to_sign_in || matches!(reply.status.as_u16(), 401 | 403)
}

#[tokio::test]
async fn every_route_refuses_whoever_is_less() {
    let scratch = Scratch::new(false);
    let member = scratch.browser(Role::Member).await;
    let lead = scratch.browser(Role::Lead).await;
    let admin = scratch.browser(Role::Admin).await;
    // Everybody's sign-in is older than a change allows.
    scratch.clock.pass(301);
    let stranger = Peer::Device(DeviceId::from_bytes([9; 16]));
    let device = scratch.device(&member).await;
    let late = Peer::Ended(device, scratch.app.now() - 1);
    let forgotten = Peer::Ended(device, scratch.app.now() - 401 * DAY);
    for route in ROUTES {
        let (people, peers): (Vec<Option<&Browser>>, Vec<Peer>) = match route.auth {
            Auth::Open | Auth::Program => continue,
            Auth::Member => (vec![None], vec![Peer::Nobody]),
            Auth::MemberFresh => (vec![None, Some(&member), Some(&admin)], vec![Peer::Nobody]),
            Auth::Admin => (vec![None, Some(&member), Some(&lead)], vec![Peer::Nobody]),
            Auth::AdminFresh => (
                vec![None, Some(&member), Some(&lead), Some(&admin)],
                vec![Peer::Nobody],
            ),
            Auth::Device => (
                vec![None, Some(&admin)],
                vec![Peer::Nobody, Peer::Other, stranger, late, forgotten],
            ),
            Auth::DeviceLate => (
                vec![None, Some(&admin)],
                vec![Peer::Nobody, Peer::Other, stranger, forgotten],
            ),
        };
        for (number, browser) in people.iter().enumerate() {
            for peer in &peers {
                let reply = ask(&scratch, route, *browser, *peer).await;
                let who = format!("{} {} by {number} with {peer:?}", route.method, route.path);
                assert!(is_refused(&reply), "{who}: {} {}", reply.status, reply.body);
            }
        }
    }
}

#[test]
fn every_word_of_the_audit_log_in_the_list_is_an_action() {
    for route in ROUTES {
        for word in route.audit {
            assert!(
                Action::ALL.iter().any(|action| action.as_str() == *word),
                "{word}"
            );
        }
        let changes = route.method != "GET" && !matches!(route.auth, Auth::Program);
        let synced = route.path.starts_with("/v1/sync/") || route.path == "/v1/devices/here";
        assert!(
            !changes || synced || !route.audit.is_empty(),
            "{} changes unaudited",
            route.path
        );
    }
}

#[tokio::test]
async fn a_form_of_another_site_or_without_its_token_changes_nothing() {
    let scratch = Scratch::new(false);
    let admin = scratch.browser(Role::Admin).await;
    for route in ROUTES
        .iter()
        .filter(|r| r.method == "POST" && r.port == Port::People)
    {
        if route.auth == Auth::Program {
            continue;
        }
        let send = |origin: &'static str, form: String| {
            let request = Request::post(path(route))
                .header(header::HOST, "localhost:8443")
                .header(header::ORIGIN, origin)
                .header(header::COOKIE, &admin.cookie)
                .body(Body::from(form));
            scratch.send(Port::People, request.unwrap())
        };
        let foreign = send("https://evil.example", format!("csrf={}", admin.csrf)).await;
        assert_eq!(foreign.status, 403, "{}", route.path);
        if route.auth == Auth::Open {
            continue;
        }
        let bare = send("https://localhost:8443", String::new()).await;
        assert_eq!(bare.status, 403, "{}", route.path);
        assert!(bare.body.contains("Nothing was changed"), "{}", bare.body);
    }
}

#[tokio::test]
async fn a_page_has_its_headers_and_an_error_its_form() {
    let scratch = Scratch::new(false);
    let page = scratch.people("/signin", None, None).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers[header::CONTENT_SECURITY_POLICY], CSP);
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    assert!(
        page.headers
            .get(header::STRICT_TRANSPORT_SECURITY)
            .is_none(),
        "this is localhost"
    );
    let missing = scratch.people("/nothing", None, None).await;
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("<html"), "{}", missing.body);
    let missing = scratch.people("/v1/nothing", None, None).await;
    assert!(missing.body.starts_with('{'), "{}", missing.body);
    let wrong = scratch
        .devices("GET", "/v1/sync/push", Peer::Nobody, Body::empty())
        .await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.body.contains("H405"), "{}", wrong.body);
}

#[tokio::test]
async fn a_page_that_refuses_knows_who_reads_it() {
    let scratch = Scratch::new(false);
    let member = scratch.browser(Role::Member).await;
    let page = scratch.people("/admin", Some(&member), None).await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("Ada Example"), "{}", page.body);
    assert!(page.body.contains("Sign out"), "{}", page.body);
}

#[tokio::test]
async fn what_lives_and_who_we_are_is_said_on_both_ports() {
    let scratch = Scratch::new(false);
    for path in ["/healthz", "/readyz", "/.well-known/aiworklab"] {
        assert_eq!(scratch.people(path, None, None).await.status, 200, "{path}");
        let reply = scratch
            .devices("GET", path, Peer::Nobody, Body::empty())
            .await;
        assert_eq!(reply.status, 200, "{path}");
    }
}

async fn link(scratch: &Scratch) -> String {
    let purpose = identity::LinkPurpose::FirstAdmin;
    link_of(scratch, purpose, link_token::Purpose::FirstAdmin).await
}

async fn link_of(
    scratch: &Scratch,
    purpose: identity::LinkPurpose,
    stored: link_token::Purpose,
) -> String {
    let (random, now) = (scratch.app.random().unwrap(), scratch.app.now());
    let (token, record) = identity::new_link(purpose, now, random);
    let act = Act::new(Actor::Console, Action::IssueLink, now);
    let put =
        move |txn: &mut org_store::WriteTxn<'_>| link_token::put(txn, &record.hash, stored, now);
    scratch.app.store().write(act, put).await.unwrap();
    format!("/link/{token}")
}

#[tokio::test]
async fn a_link_is_used_up_by_its_button_alone_and_once() {
    let scratch = Scratch::new(false);
    let link = link(&scratch).await;
    for _ in 0..2 {
        assert_eq!(scratch.people(&link, None, None).await.status, 200);
    }
    let opened = scratch.people(&link, None, Some("")).await;
    assert_eq!(opened.status, 303);
    assert_eq!(opened.headers[header::LOCATION], "/admin");
    let cookie = opened.headers[header::SET_COOKIE]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(cookie.starts_with("__Host-aiworklab="), "{cookie}");

    let request = Request::get("/admin")
        .header(header::HOST, "localhost:8443")
        .header(header::COOKIE, cookie.split(';').next().unwrap());
    let admin = scratch
        .send(Port::People, request.body(Body::empty()).unwrap())
        .await;
    assert_eq!(admin.status, 200, "{}", admin.body);

    let again = scratch.people(&link, None, Some("")).await;
    assert_eq!(again.status, 410);
    assert!(again.body.contains("used already"), "{}", again.body);
}

#[tokio::test]
async fn a_link_confirms_who_is_signed_in_already() {
    let scratch = Scratch::new(false);
    let admin = scratch.browser(Role::Admin).await;
    scratch.clock.pass(301);
    let now = scratch.app.now();
    let purpose = link_token::Purpose::SignIn(admin.person);
    let link = link_of(&scratch, identity::LinkPurpose::SignIn, purpose).await;
    let page = scratch.people(&link, Some(&admin), None).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let opened = scratch.people(&link, Some(&admin), Some("")).await;
    assert_eq!(opened.status, 303, "{}", opened.body);
    let rest = scratch
        .app
        .store()
        .read(move |txn| session::count(txn, now))
        .await
        .unwrap();
    assert_eq!(rest, 1, "the session before it has ended");
}

#[tokio::test]
async fn wrong_codes_end_a_sessions_guessing_by_either_way() {
    let scratch = Scratch::new(false);
    let ada = scratch.browser(Role::Member).await;
    let form = format!("csrf={}&code=BBBB-BBBB&decision=approve", ada.csrf);
    for _ in 0..identity::MAX_WRONG_CODES {
        let reply = scratch.people("/enrol", Some(&ada), Some(&form)).await;
        assert_eq!(reply.status, 404);
    }
    let reply = scratch
        .people("/enrol?code=CCCC-CCCC", Some(&ada), None)
        .await;
    assert!(
        reply.body.contains("Too many wrong codes"),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn a_link_that_was_cut_off_says_so() {
    let scratch = Scratch::new(false);
    for path in [
        format!("/link/{}", "A".repeat(43)),
        "/link/short".to_owned(),
    ] {
        let page = scratch.people(&path, None, None).await;
        assert_eq!(page.status, 404);
        assert!(page.body.contains("not known here"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_link_runs_out() {
    let scratch = Scratch::new(false);
    let link = link(&scratch).await;
    scratch.clock.pass(identity::LINK_LIFE_S + 1);
    assert_eq!(scratch.people(&link, None, Some("")).await.status, 410);
}

fn push(delta: &str) -> String {
    let stream = StreamId::new([1; 16]);
    format!(r#"{{"v":1,"stream":"{stream}","base":1,"catalogue":1,"deltas":[{delta}]}}"#)
}

const SEEN: &str =
    r#"{"i":1,"c":"pg-advisory-locks","k":"seen","f":"unknown","t":"seen","at":1795510800}"#;

#[tokio::test]
async fn a_device_pushes_and_pulls_what_it_pushed() {
    let scratch = Scratch::new(false);
    let ada = scratch.browser(Role::Member).await;
    let device = Peer::Device(scratch.device(&ada).await);
    let reply = scratch
        .devices("POST", "/v1/sync/push", device, push(SEEN))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.body.contains(r#""r":"ok""#), "{}", reply.body);
    let pull = r#"{"have":{},"limit":1000}"#;
    let reply = scratch.devices("POST", "/v1/sync/pull", device, pull).await;
    assert!(reply.body.contains("pg-advisory-locks"), "{}", reply.body);
    let page = scratch.people("/me", Some(&ada), None).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("pg-advisory-locks"), "{}", page.body);
}

#[tokio::test]
async fn bad_pushes_are_refused_whole_or_one_by_one_and_say_why() {
    let scratch = Scratch::new(false);
    let ada = scratch.browser(Role::Member).await;
    let device = Peer::Device(scratch.device(&ada).await);
    let unknown = SEEN.replace("pg-advisory-locks", "no-such-concept");
    let finer = SEEN.replace("1795510800", "1795510801");
    for (delta, code) in [(unknown, "slug"), (finer, "at")] {
        let reply = scratch
            .devices("POST", "/v1/sync/push", device, push(&delta))
            .await;
        let body = &reply.body;
        assert!(
            body.contains("reject") && body.contains(code),
            "{} {body}",
            reply.status
        );
    }
    let field = SEEN.replace("\"i\":1", "\"i\":1,\"path\":\"secret\"");
    let future = SEEN.replace("1795510800", "1795521600");
    for (body, status, says) in [
        (push(&field), 400, "path"),
        ("{".to_owned(), 400, "not JSON"),
        (" ".repeat(1 << 20), 413, "larger"),
        (push(SEEN).replace("\"v\":1", "\"v\":2"), 426, "Version 2"),
        (push(&future), 409, "clock"),
        (
            push(SEEN)
                .replace("\"base\":1", "\"base\":7")
                .replace("\"i\":1", "\"i\":7"),
            409,
            "gap",
        ),
    ] {
        let reply = scratch.devices("POST", "/v1/sync/push", device, body).await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.body);
        assert!(reply.body.contains(says), "{}", reply.body);
    }
}

#[tokio::test]
async fn a_revoked_device_is_told_so_at_its_next_request() {
    let scratch = Scratch::new(false);
    let ada = scratch.browser(Role::Member).await;
    let device = scratch.device(&ada).await;
    let form = format!("csrf={}", ada.csrf);
    let path = format!("/me/devices/{device}/revoke");
    assert_eq!(
        scratch.people(&path, Some(&ada), Some(&form)).await.status,
        303
    );
    let reply = scratch
        .devices("POST", "/v1/sync/push", Peer::Device(device), push(SEEN))
        .await;
    assert_eq!(reply.status, 403);
    assert!(
        reply.body.contains(r#""error":"revoked""#),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn an_administrator_revokes_a_device_and_the_audit_log_says_so() {
    let scratch = Scratch::new(false);
    let (ada, admin) = (
        scratch.browser(Role::Member).await,
        scratch.browser(Role::Admin).await,
    );
    let device = scratch.device(&ada).await;
    let path = format!("/admin/devices/{device}/revoke");
    let asked = scratch.people(&path, Some(&admin), None).await;
    assert!(asked.body.contains("ada-laptop"), "{}", asked.body);
    let form = format!("csrf={}", admin.csrf);
    let done = scratch.people(&path, Some(&admin), Some(&form)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    scratch.app.store().chain_audit(None, NOW).await.unwrap();
    let log = scratch.people("/admin/audit", Some(&admin), None).await;
    assert!(log.body.contains("device.revoke"), "{}", log.body);
    let told = "revoked a device: ada-laptop, of Ada Example";
    assert!(log.body.contains(told), "{}", log.body);
}

#[tokio::test]
async fn a_refused_change_of_a_member_leaves_a_row() {
    let scratch = Scratch::new(false);
    let member = scratch.browser(Role::Member).await;
    let admin = scratch.browser(Role::Admin).await;
    let path = format!("/admin/people/{}/disable", admin.person);
    let form = format!("csrf={}", member.csrf);
    assert_eq!(
        scratch
            .people(&path, Some(&member), Some(&form))
            .await
            .status,
        403
    );
    scratch.app.store().chain_audit(None, NOW).await.unwrap();
    let rows = scratch
        .app
        .store()
        .read(|txn| org_store::audit::list(txn, None, 50))
        .await
        .unwrap();
    let denied = rows.iter().any(|row| {
        let row = &row.entry.row;
        row.action().as_str() == "person.disable" && row.ended() == audit_log::Outcome::Denied
    });
    assert!(denied);
}

#[tokio::test]
async fn every_page_opens_for_an_administrator() {
    let scratch = Scratch::new(true);
    let admin = scratch.browser(Role::Admin).await;
    for route in ROUTES
        .iter()
        .filter(|route| route.method == "GET" && matches!(route.auth, Auth::Member | Auth::Admin))
    {
        if route.path.contains("{id}") || route.path == "/me/export" {
            continue;
        }
        let page = ask(&scratch, route, Some(&admin), Peer::Nobody).await;
        assert_eq!(page.status, 200, "{}: {}", route.path, page.body);
        assert!(page.body.contains("</html>"), "{}", route.path);
        let sample = page.body.to_lowercase().contains("sample");
        assert!(sample, "{} does not say that it is a sample", route.path);
    }
}

#[tokio::test]
async fn erasing_everything_takes_the_word_and_ends_the_device() {
    let scratch = Scratch::new(false);
    let ada = scratch.browser(Role::Member).await;
    let device = Peer::Device(scratch.device(&ada).await);
    scratch
        .devices("POST", "/v1/sync/push", device, push(SEEN))
        .await;
    let form = format!("csrf={}&word=yes", ada.csrf);
    let asked = scratch.people("/me/erase", Some(&ada), Some(&form)).await;
    assert!(asked.body.contains("delete"), "{}", asked.body);
    let form = format!("csrf={}&word=delete", ada.csrf);
    assert_eq!(
        scratch
            .people("/me/erase", Some(&ada), Some(&form))
            .await
            .status,
        200
    );
    let reply = scratch
        .devices("POST", "/v1/sync/push", device, push(SEEN))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.body.contains("erased")),
        (410, true)
    );
}
