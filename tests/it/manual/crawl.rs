//! Every link of every page, over TLS, as somebody follows it who is not signed in; and the search.

use appliance::config::keys::KEYS;
use dashboard_web::manual;
use harness::{Appliance, Browser, Page};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Every value of this attribute.
fn attributes(page: &Page, name: &str) -> Vec<String> {
    let needle = format!(" {name}=\"");
    page.body
        .split(needle.as_str())
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(|value| value.replace("&amp;", "&"))
        .collect()
}

/// What is wrong with where a page's links lead, and every page of the manual that was seen.
fn walk(browser: &mut Browser, from: &[&str]) -> (Vec<String>, BTreeSet<String>) {
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, Page> = BTreeMap::new();
    let mut waiting: VecDeque<String> = from.iter().map(|&path| path.to_owned()).collect();
    // Place, and the page that leads there.
    let mut places: BTreeSet<(String, String, String)> = BTreeSet::new();
    while let Some(path) = waiting.pop_front() {
        if seen.contains_key(&path) {
            continue;
        }
        let page = browser.get(&path);
        let to_sign_in = page.location().is_some_and(|to| to.starts_with("/signin?"));
        if page.status != 200 && !to_sign_in {
            wrong.push(format!("{path} is answered {}", page.status));
        }
        let is_manual = path.starts_with("/docs") || path == "/signin";
        for href in attributes(&page, "href")
            .into_iter()
            .chain(attributes(&page, "src"))
            .filter(|_| is_manual)
        {
            let (to, place) = href.split_once('#').unwrap_or((&href, ""));
            let to = if to.is_empty() { path.as_str() } else { to };
            if !to.starts_with('/') {
                wrong.push(format!("{path} leads elsewhere: {href}"));
                continue;
            }
            waiting.push_back(to.to_owned());
            if !place.is_empty() {
                places.insert((to.to_owned(), place.to_owned(), path.clone()));
            }
        }
        let _ = seen.insert(path, page);
    }
    for (to, place, from) in places {
        let there = seen
            .get(&to)
            .is_some_and(|page| page.body.contains(&format!(" id=\"{place}\"")));
        if !there {
            wrong.push(format!("{from} leads to {to}#{place}, which is not there"));
        }
    }
    let pages = seen.into_keys().filter(|path| path.starts_with("/docs"));
    (wrong, pages.collect())
}

#[test]
fn no_page_has_a_link_a_place_or_an_image_that_is_not_there() {
    let appliance = Appliance::start();
    let mut nobody = appliance.browser();
    let (wrong, seen) = walk(&mut nobody, &["/signin"]);
    assert_eq!(wrong, Vec::<String>::new());
    let all: BTreeSet<String> = manual::pages()
        .iter()
        .map(|page| dashboard_web::paths::manual(&page.slug))
        .collect();
    assert_eq!(
        all.difference(&seen).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "pages that no link leads to from the sign-in page"
    );
    // The walk sees what it is for.
    let (wrong, _) = walk(&mut nobody, &["/docs/no-such-page"]);
    assert_eq!(wrong, ["/docs/no-such-page is answered 404 Not Found"]);
}

#[test]
fn every_page_comes_under_the_policy_of_all_pages_and_with_its_own_words() {
    let appliance = Appliance::start();
    let mut nobody = appliance.browser();
    for page in manual::pages() {
        let path = dashboard_web::paths::manual(&page.slug);
        let served = nobody.get(&path).expect(200);
        assert_eq!(
            served.headers["content-security-policy"],
            appliance::http::layers::CSP
        );
        assert_eq!(served.headers["content-type"], "text/html; charset=utf-8");
        assert!(!served.body.contains("<script"), "{path}");
        assert!(
            served.body.contains(&format!(
                "<h1 class=\"finding\">{}</h1>",
                page.title.replace('\'', "&#39;")
            )),
            "{path}: {}",
            page.title
        );
    }
    for (image, _) in images(&mut nobody) {
        let served = nobody.get(&image).expect(200);
        let kind = if image.ends_with(".svg") {
            "image/svg+xml"
        } else {
            "image/png"
        };
        assert_eq!(served.headers["content-type"], kind, "{image}");
    }
    let one_address = nobody.get("/docs/index").expect(308);
    assert_eq!(one_address.location(), Some("/docs"));
}

fn images(browser: &mut Browser) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for page in manual::pages() {
        let path = dashboard_web::paths::manual(&page.slug);
        let served = browser.get(&path).expect(200);
        found.extend(
            attributes(&served, "src")
                .into_iter()
                .map(|src| (src, path.clone())),
        );
    }
    assert!(!found.is_empty(), "the manual has pictures");
    found
}

/// Where the first thing that is found leads.
fn first_hit(page: &Page) -> Option<&str> {
    let hits = &page.body[page.body.find("<ol class=\"hits\">")?..];
    hits.split("href=\"").nth(1)?.split('"').next()
}

#[test]
fn every_error_code_and_every_key_is_the_first_thing_that_a_search_for_it_finds() {
    let appliance = Appliance::start();
    let mut nobody = appliance.browser();
    let (_, errors) = manual::page("errors").expect("there is a page of errors");
    let (_, keys) = manual::page("configuration").expect("there is a page of keys");
    let codes: Vec<&String> = errors
        .anchors
        .iter()
        .filter(|anchor| anchor.len() == 4 && anchor[1..].bytes().all(|b| b.is_ascii_digit()))
        .collect();
    assert!(codes.len() > 150, "{} codes have a row", codes.len());
    let mut wrong = Vec::new();
    for code in codes {
        let page = nobody.get(&format!("/docs/search?q={code}")).expect(200);
        let wanted = format!("/docs/errors#{code}");
        if first_hit(&page) != Some(&wanted) {
            wrong.push(format!("{code}: {:?}", first_hit(&page)));
        }
    }
    for key in KEYS {
        let name = format!("{}.{}", key.section.replace('*', "ID"), key.name);
        assert!(keys.anchors.contains(&name), "{name} has no row");
        let page = nobody.get(&format!("/docs/search?q={name}")).expect(200);
        let wanted = format!("/docs/configuration#{name}");
        if first_hit(&page) != Some(&wanted) {
            wrong.push(format!("{name}: {:?}", first_hit(&page)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_search_says_what_it_cannot_find_and_obeys_nothing_that_it_is_given() {
    let appliance = Appliance::start();
    let mut nobody = appliance.browser();
    let page = nobody
        .get("/docs/search?q=%3Cscript%3Ealert(1)%3C/script%3E+zzzz")
        .expect(200);
    assert!(!page.body.contains("<script"), "{}", page.text());
    let page = nobody.get("/docs/search?q=zzzzqqqq").expect(200);
    assert!(
        page.says("Nothing in the manual has “zzzzqqqq”."),
        "{}",
        page.text()
    );
    let page = nobody.get("/docs/search").expect(200);
    assert!(page.says("What are you looking for?"), "{}", page.text());
    let page = nobody
        .get(&format!("/docs/search?q={}", "certificate+".repeat(400)))
        .expect(200);
    assert!(
        page.says("Only its first 100 characters"),
        "{}",
        page.text()
    );
    for odd in ["%00%FF", "q=%F0%9F", "q=a&q=b", "q=..%2F..%2Fetc%2Fpasswd"] {
        let page = nobody.get(&format!("/docs/search?{odd}"));
        assert!(
            [200, 400].contains(&page.status.as_u16()),
            "{odd}: {}",
            page.status
        );
    }
    for odd in ["..%2Ferrors", "errors.md", "SUMMARY", "%00"] {
        assert_eq!(nobody.get(&format!("/docs/{odd}")).status, 404, "{odd}");
    }
    // What was looked up stands in no log.
    assert!(appliance.log().contains("/docs/search"));
    assert!(!appliance.log().contains("zzzzqqqq"));
}
