//! What pages promise of the routes behind them.

use crate::http::router::{Auth, ROUTES};
use crate::http::tls::Peer;
use crate::testing::{Browser, NOW, Scratch};
use dashboard_web::paths;
use org_store::{Role, person};

/// Whether the router knows this path under this method.
fn is_served(method: &str, path: &str) -> bool {
    ROUTES.iter().any(|route| {
        let (mine, theirs) = (path.split('/'), route.path.split('/'));
        route.method == method
            && mine.clone().count() == theirs.clone().count()
            && mine
                .zip(theirs)
                .all(|(mine, theirs)| theirs.starts_with('{') || mine == theirs)
    })
}

#[test]
fn every_address_that_pages_use_is_a_route() {
    let asset = dashboard_web::asset_href("style.css");
    for (method, path) in [
        ("GET", paths::OVERVIEW.to_owned()),
        ("GET", paths::CONCEPTS.to_owned()),
        ("GET", paths::concept("pg-advisory-locks")),
        ("GET", paths::ME.to_owned()),
        ("GET", paths::ME_EXPORT.to_owned()),
        ("POST", paths::ME_AGGREGATE.to_owned()),
        ("GET", paths::ME_ERASE.to_owned()),
        ("POST", paths::ME_ERASE.to_owned()),
        ("GET", paths::my_device_revoke("d1")),
        ("POST", paths::my_device_revoke("d1")),
        ("GET", paths::my_device_shared("d1")),
        ("POST", paths::my_device_shared("d1")),
        ("GET", paths::ENROL.to_owned()),
        ("POST", paths::ENROL.to_owned()),
        ("GET", paths::ADMIN.to_owned()),
        ("GET", paths::ADMIN_PEOPLE.to_owned()),
        ("GET", paths::person_state("p1", true)),
        ("POST", paths::person_state("p1", true)),
        ("GET", paths::person_state("p1", false)),
        ("POST", paths::person_state("p1", false)),
        ("GET", paths::ADMIN_DEVICES.to_owned()),
        ("GET", paths::device_revoke("d1")),
        ("POST", paths::device_revoke("d1")),
        ("GET", paths::ADMIN_AUDIT.to_owned()),
        ("GET", paths::SIGN_IN.to_owned()),
        ("POST", paths::SIGN_OUT.to_owned()),
        ("GET", paths::sign_in_with("corp")),
        ("GET", paths::link("token")),
        ("POST", paths::link("token")),
        ("GET", asset),
    ] {
        assert!(is_served(method, &path), "{method} {path}");
    }
    assert!(!is_served("GET", "/signin/corp"));
}

#[tokio::test]
async fn two_machines_with_one_certificate_are_told_to_their_person_alone_who_decides() {
    let scratch = Scratch::new(false);
    let ada = scratch.browser(Role::Member).await;
    let admin = scratch.browser(Role::Admin).await;
    let device = scratch.device(&ada).await;
    let told = |text: &str| text.contains("machines use the certificate of ada-laptop");
    for (instance, shared) in [("a", false), ("b", false), ("a", false), ("b", true)] {
        let here = format!(r#"{{"v":1,"instance":"{}"}}"#, instance.repeat(32));
        let peer = Peer::Device(device);
        let reply = scratch
            .devices("POST", "/v1/devices/here", peer, here)
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(reply.body, format!(r#"{{"shared":{shared}}}"#));
        scratch.app.store().flush_tally(NOW).await.unwrap();
    }
    let page = scratch.people("/me", Some(&ada), None).await;
    assert!(told(&page.body), "{}", page.body);
    let path = paths::my_device_shared(&device.to_string());
    assert!(page.body.contains(&path));
    let seen = scratch
        .people(paths::ADMIN_DEVICES, Some(&admin), None)
        .await;
    assert!(seen.body.contains("ada-laptop") && !told(&seen.body));
    let form = |who: &Browser| format!("csrf={}", who.csrf);
    let foreign = scratch
        .people(&path, Some(&admin), Some(&form(&admin)))
        .await;
    assert_eq!(foreign.status, 404, "{}", foreign.body);
    let asked = scratch.people(&path, Some(&ada), None).await;
    assert!(asked.body.contains("device.keep-shared"), "{}", asked.body);
    let kept = scratch.people(&path, Some(&ada), Some(&form(&ada))).await;
    assert_eq!(kept.status, 303, "{}", kept.body);
    let page = scratch.people("/me", Some(&ada), None).await;
    assert!(!told(&page.body));
    let export = scratch.people("/me/export", Some(&ada), None).await;
    assert!(
        export.body.contains("machines_last_seen_days"),
        "{}",
        export.body
    );
}

#[tokio::test]
async fn a_confirmation_names_the_action_that_its_form_will_leave_in_the_log() {
    let scratch = Scratch::new(false);
    let admin = scratch.browser(Role::Admin).await;
    let ada = scratch.browser(Role::Member).await;
    let device = scratch.device(&ada).await;
    let mut asked = 0;
    for route in ROUTES.iter().filter(|route| {
        route.method == "GET"
            && matches!(route.auth, Auth::Member | Auth::Admin)
            && ["/revoke", "/erase", "/disable", "/enable"]
                .iter()
                .any(|end| route.path.ends_with(end))
    }) {
        let id = match route.path.contains("/people/") {
            true => ada.person.to_string(),
            false => device.to_string(),
        };
        let by = match route.auth {
            Auth::Admin => &admin,
            _ => &ada,
        };
        let page = scratch
            .people(&route.path.replace("{id}", &id), Some(by), None)
            .await;
        let form = ROUTES
            .iter()
            .find(|form| form.method == "POST" && form.path == route.path);
        for word in form.map_or(&[][..], |form| form.audit) {
            let says = format!("will be logged as <code>{word}</code>");
            assert!(page.body.contains(&says), "{}: {}", route.path, page.body);
        }
        asked += 1;
    }
    assert_eq!(asked, 5, "every confirmation was looked at");
}

async fn is_known(scratch: &Scratch, browser: &Browser) -> bool {
    let person = browser.person;
    let found = scratch
        .app
        .store()
        .read(move |txn| person::get(txn, person))
        .await;
    found.unwrap().is_some()
}

#[tokio::test]
async fn without_a_device_a_person_exports_and_deletes_their_account() {
    let scratch = Scratch::new(false);
    let _admin = scratch.browser(Role::Admin).await;
    let ada = scratch.browser(Role::Member).await;
    let page = scratch.people("/me", Some(&ada), None).await;
    assert!(page.body.contains("@example.org"), "{}", page.body);
    let export = scratch.people("/me/export", Some(&ada), None).await;
    assert_eq!(export.status, 200, "{}", export.body);
    assert!(export.body.contains("Ada Example"), "{}", export.body);
    let asked = scratch.people("/me/erase", Some(&ada), None).await;
    assert!(asked.body.contains("Your account is removed"));
    let form = format!("csrf={}&word=delete", ada.csrf);
    let done = scratch.people("/me/erase", Some(&ada), Some(&form)).await;
    assert_eq!(done.status, 200, "{}", done.body);
    assert!(done.body.contains("Your account is deleted."));
    assert!(!is_known(&scratch, &ada).await);
    assert_eq!(scratch.people("/me", Some(&ada), None).await.status, 303);
    // The row tells neither who it was nor whose account.
    scratch.app.store().chain_audit(None, NOW).await.unwrap();
    let rows = scratch.app.store();
    let rows = rows.read(|txn| org_store::audit::list(txn, None, 50)).await;
    let rows = rows.unwrap();
    let row = rows
        .iter()
        .find(|row| row.entry.row.action().as_str() == "graph.erase")
        .expect("is logged");
    let text = row.entry.canonical().unwrap();
    assert!(!text.contains(&ada.person.to_string()), "{text}");
}

#[tokio::test]
async fn the_last_administrator_cannot_delete_their_account() {
    let scratch = Scratch::new(false);
    let admin = scratch.browser(Role::Admin).await;
    let form = format!("csrf={}&word=delete", admin.csrf);
    let done = scratch.people("/me/erase", Some(&admin), Some(&form)).await;
    assert_eq!(done.status, 409, "{}", done.body);
    assert!(is_known(&scratch, &admin).await);
}

#[tokio::test]
async fn after_the_graph_is_erased_the_account_can_be() {
    let scratch = Scratch::new(false);
    let _admin = scratch.browser(Role::Admin).await;
    let ada = scratch.browser(Role::Member).await;
    scratch.device(&ada).await;
    let form = format!("csrf={}&word=delete", ada.csrf);
    let done = scratch.people("/me/erase", Some(&ada), Some(&form)).await;
    assert!(
        done.body.contains("Everything known about you is deleted."),
        "{}",
        done.body
    );
    assert!(is_known(&scratch, &ada).await);
    let done = scratch.people("/me/erase", Some(&ada), Some(&form)).await;
    assert!(
        done.body.contains("Your account is deleted."),
        "{}",
        done.body
    );
    assert!(!is_known(&scratch, &ada).await);
}

#[tokio::test]
async fn a_change_says_under_which_number_it_is_in_the_log() {
    let scratch = Scratch::new(false);
    let admin = scratch.browser(Role::Admin).await;
    let ada = scratch.browser(Role::Member).await;
    let path = paths::person_state(&ada.person.to_string(), false);
    let form = format!("csrf={}", admin.csrf);
    let done = scratch.people(&path, Some(&admin), Some(&form)).await;
    let rows = scratch.app.store();
    let rows = rows.read(|txn| org_store::audit::list(txn, None, 50)).await;
    let rows = rows.unwrap();
    let row = rows
        .iter()
        .find(|row| row.entry.row.action().as_str() == "person.disable")
        .expect("is in the chain");
    let says = format!("This is entry {} of the audit log.", row.seq);
    assert!(done.body.contains(&says), "{}", done.body);
}
