//! The whole main job against the built programs, over real TLS: what a harness reports becomes a
//! concept, a question, an answer, a synced delta, a line on the engineer's own page, and, with ten
//! others and three Mondays, a figure of the organisation.

use harness::{Appliance, Browser, Laptop, Provider, Serve, capture};
use kernel::catalogue::Catalogue;
use kernel::ids::{DAY, Slug};
use kernel::items::{ItemAddress, Seen, SeenOutcome, next_item, parts};
use serde_json::{Value, json};
use std::sync::Mutex;

/// What the recorded session shows, and everybody is asked about.
const CONCEPT: &str = "pg-advisory-locks";
/// Further engineers beside the first.
const FURTHER: usize = 10;
/// Laptops that are at work at the same time.
const AT_ONCE: usize = 4;

fn title(slug: &str) -> String {
    let slug = Slug::new(slug.to_owned()).expect("a slug");
    Catalogue::builtin()
        .get(&slug)
        .expect("it is in the catalogue")
        .title
        .clone()
}

/// Gets a check and answers it right or wrong, as somebody does who knows; what became of it.
///
/// Its address says what it is made of, and so the right answer. A check that was drawn on the laptop
/// is made of catalogue, concept, what was seen before and a seed, and nothing else: it is made
/// again here.
fn answer(
    laptop: &Laptop,
    concept: Option<&str>,
    seen: &mut Vec<Seen>,
    at: i64,
    right: bool,
) -> Value {
    let mut show = vec!["quiz", "--show"];
    if let Some(concept) = concept {
        show.extend(["--concept", concept]);
    }
    let shown = laptop.json(&show);
    let slug = shown["concept"].as_str().expect("a concept").to_owned();
    let address: ItemAddress = shown["address"]
        .as_str()
        .expect("text")
        .parse()
        .expect("one");
    let options = shown["options"].as_array().expect("options");
    if shown["pack"].is_null() {
        let seed = shown["seed"].as_str().expect("a seed");
        let seed = u64::from_str_radix(seed, 16).expect("a number");
        let about = Slug::new(slug.clone()).expect("a slug");
        let item = next_item(Catalogue::builtin(), &about, seen, at, seed).expect("an item");
        let again: Vec<_> = item.options.iter().map(|option| &option.text).collect();
        assert_eq!(
            json!(again),
            shown["options"],
            "the same seed makes the same check"
        );
    }
    let made_of = parts(Catalogue::builtin(), &address).expect("its parts");
    let right_one = &made_of.key().expect("one option is right").option;
    let key = options.iter().position(|option| option == right_one);
    let key = key.expect("it is shown");
    let chosen = if right {
        key
    } else {
        (key + 1) % options.len()
    };
    let number = (chosen + 1).to_string();
    let settled = laptop.json(&["quiz", "--answer", &number, "--concept", &slug]);
    assert_eq!(settled["right"], right, "{settled}");
    let outcome = if right {
        SeenOutcome::Right
    } else {
        SeenOutcome::Wrong
    };
    seen.push(Seen {
        address,
        at,
        outcome,
    });
    settled
}

/// The concepts of a graph, each with its state.
fn states(graph: &str) -> Vec<(String, String)> {
    let graph: Value = serde_json::from_str(graph).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let concepts = graph["concepts"].as_array().expect("concepts");
    concepts
        .iter()
        .map(|line| (text(&line["concept"]), text(&line["state"])))
        .collect()
}

fn state(graph: &str, concept: &str) -> Option<String> {
    states(graph)
        .into_iter()
        .find(|(name, _)| name == concept)
        .map(|(_, state)| state)
}

fn graph(laptop: &Laptop) -> String {
    laptop.run(&["graph", "--json"]).ok().stdout
}

fn sync(laptop: &Laptop) {
    let said = laptop.run(&["sync"]).ok().stdout;
    assert!(said.starts_with("In step: "), "{said}");
}

/// The time by the appliance, to which a laptop keeps.
fn server_time(appliance: &Appliance, laptop: &Laptop) -> i64 {
    let reply = laptop
        .device(appliance)
        .json("POST", "/v1/sync/pull", r#"{"have":{},"limit":1}"#);
    let reply: Value = serde_json::from_str(&reply.expect(200).body).expect("JSON");
    reply["now"].as_i64().expect("a time")
}

/// What the appliance holds about somebody, as their own export says.
fn held(browser: &mut Browser) -> Value {
    serde_json::from_str(&browser.get("/me/export").expect(200).body).expect("JSON")
}

/// Every object in it that names this concept.
fn naming<'a>(value: &'a Value, concept: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            if fields.values().any(|field| field == concept) {
                found.push(value);
            }
            fields
                .values()
                .for_each(|field| naming(field, concept, found));
        }
        Value::Array(items) => items.iter().for_each(|item| naming(item, concept, found)),
        _ => {}
    }
}

#[test]
fn recorded_work_becomes_an_answer_on_my_page_on_every_laptop_and_is_forgotten_everywhere() {
    let appliance = Appliance::start();
    let mut ada = appliance.signed_in(None);
    let (work, home) = (Laptop::new(), Laptop::new());
    work.enrol(&appliance, &mut ada, "ada-work");
    assert_eq!(work.replay(&capture("claude-code-payments")), 68);
    assert_eq!(work.replay(&capture("claude-code")), 32);

    let read = work.run(&["agent", "--once"]).ok().stdout;
    assert!(read.starts_with("100 events read"), "{read}");
    let met = [
        "py-context-managers",
        CONCEPT,
        "web-sql-injection",
        "http-idempotency",
    ];
    for concept in met {
        assert!(read.contains(concept), "{concept} was met: {read}");
    }
    let now = server_time(&appliance, &work);
    let mut seen = Vec::new();
    // What waits comes first; then by name what the session was about.
    let first = answer(&work, None, &mut seen, now, true);
    let first = first["check"]["concept"]
        .as_str()
        .expect("a concept")
        .to_owned();
    let mut answered = vec![first.clone()];
    for concept in met.into_iter().filter(|concept| *concept != first) {
        let right = concept != "http-idempotency";
        let settled = answer(&work, Some(concept), &mut seen, now, right);
        assert_eq!(settled["counts"], true, "{settled}");
        assert!(
            settled["check"]["your_line"]["line"].is_string(),
            "the line that caused it: {settled}"
        );
        answered.push(concept.to_owned());
    }
    sync(&work);

    let page = ada.get("/me").expect(200);
    for concept in &answered {
        assert!(
            page.says(&title(concept)),
            "{concept} is on /me:\n{}",
            page.text()
        );
    }
    let export = held(&mut ada);
    for concept in &answered {
        let mut rows = Vec::new();
        naming(&export, concept, &mut rows);
        let checks = rows.iter().filter(|row| row["k"] == "check").count();
        assert_eq!(checks, 1, "one answer about {concept} is held: {export}");
    }

    home.enrol(&appliance, &mut ada, "ada-home");
    sync(&home);
    assert_eq!(graph(&home), graph(&work), "byte for byte");
    assert_eq!(state(&graph(&home), CONCEPT).as_deref(), Some("learning"));
    // Work on the second one reaches the first.
    let other = ["http-retries", "py-clocks"]
        .into_iter()
        .find(|slug| !answered.contains(&(*slug).to_owned()));
    let other = other.expect("one is left");
    let _ = answer(&home, Some(other), &mut Vec::new(), now, true);
    sync(&home);
    sync(&work);
    assert_eq!(graph(&home), graph(&work), "byte for byte");
    assert_eq!(state(&graph(&work), other).as_deref(), Some("learning"));

    let _ = home.run(&["forget", CONCEPT, "--yes"]).ok();
    sync(&home);
    sync(&work);
    for laptop in [&home, &work] {
        let left = state(&graph(laptop), CONCEPT);
        assert!(
            left.is_none_or(|state| state == "unknown"),
            "{}",
            graph(laptop)
        );
    }
    assert_eq!(graph(&home), graph(&work), "byte for byte");
    let export = held(&mut ada);
    let mut rows = Vec::new();
    naming(&export, CONCEPT, &mut rows);
    assert!(
        rows.iter().all(|row| row["k"] == "retract"),
        "evidence is left: {rows:?}"
    );
    let page = ada.get("/me").expect(200);
    let graph_part = page
        .body
        .split("id=\"timeline\"")
        .next()
        .unwrap_or_default()
        .to_owned();
    assert!(
        !graph_part.contains(CONCEPT),
        "it is still among what is known: {graph_part}"
    );
}

#[test]
fn an_appliance_that_is_away_stops_nothing_on_the_laptop() {
    let mut appliance = Appliance::start();
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut appliance.signed_in(None), "offline");
    let now = server_time(&appliance, &laptop);
    appliance.stop();
    laptop.hook(edit_of_the_day(0).as_bytes());
    let settled = answer(&laptop, Some(CONCEPT), &mut Vec::new(), now, true);
    assert_eq!(settled["counts"], true, "{settled}");
    let told = laptop.run(&["sync"]).refused();
    assert!(
        told.contains("C013") && told.contains("stays here"),
        "{told}"
    );
    assert_eq!(state(&graph(&laptop), CONCEPT).as_deref(), Some("learning"));
    appliance.serve();
    sync(&laptop);
    assert_eq!(laptop.json(&["status"])["not_sent"], 0);
}

/// Runs this for each laptop, a few at a time.
fn each<T: Send>(of: &mut [T], work: impl Fn(&mut T) + Sync) {
    let queue = Mutex::new(of.iter_mut());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no other failed").next();
                    match next {
                        Some(one) => work(one),
                        None => return,
                    }
                }
            });
        }
    });
}

struct Engineer {
    laptop: Laptop,
    browser: Browser,
    seen: Vec<Seen>,
}

/// The session's edit that brings the concept up, as it comes on another day.
fn edit_of_the_day(day: i64) -> String {
    let recorded = std::fs::read_to_string(capture("claude-code-payments").join("hooks.jsonl"));
    let recorded = recorded.expect("the recording is there");
    let edit = recorded
        .lines()
        .find(|line| {
            line.contains("\"hook_event_name\": \"PostToolUse\"")
                && line.contains("pg_try_advisory_lock")
        })
        .expect("the recording shows it");
    let mut edit: Value = serde_json::from_str(edit).expect("JSON");
    edit["session_id"] = json!(format!("day-{day}"));
    edit["tool_use_id"] = json!(format!("toolu_day_{day}"));
    edit.to_string()
}

#[test]
fn eleven_engineers_and_three_mondays_make_a_figure_of_a_concept() {
    let mut provider = Provider::new();
    let config = provider.config();
    let mut appliance = Appliance::start_with(Serve {
        sample: true,
        config,
        ..Serve::default()
    });
    provider.start(&appliance);

    // The first administrator comes by link and is an engineer too; the others by the provider.
    let mut engineers = vec![Engineer {
        laptop: Laptop::new(),
        browser: appliance.signed_in(None),
        seen: Vec::new(),
    }];
    for number in 1..=FURTHER {
        let sub = format!("engineer{number}");
        let claims = json!({ "name": format!("Engineer {number}"), "groups": ["engineering"],
            "email": format!("{sub}@corp.example"), "preferred_username": sub });
        provider.user(&sub, &claims);
        let mut browser = appliance.browser();
        provider.sign_in(&mut browser, "/oidc/corp/start?to=/me", &sub);
        engineers.push(Engineer {
            laptop: Laptop::new(),
            browser,
            seen: Vec::new(),
        });
    }
    provider.stop();
    each(&mut engineers, |engineer| {
        engineer
            .laptop
            .enrol(&appliance, &mut engineer.browser, "work-laptop");
        let edit = edit_of_the_day(0);
        engineer.laptop.hook(edit.as_bytes());
        sync(&engineer.laptop);
    });

    // Who counts: 14 days after the Monday on or after the first sync, with evidence on five days
    // after it. So the clock goes to five days of two weeks, and then to the third Monday.
    let began = server_time(&appliance, &engineers[0].laptop);
    let today = began.div_euclid(DAY);
    let first_monday = today + (4 - today).rem_euclid(7);
    let at_noon = |day: i64| (first_monday + day) * DAY + DAY / 2 - began;
    let overview = |engineers: &mut [Engineer]| engineers[0].browser.get("/").expect(200);
    for day in [1, 2, 3, 8, 9] {
        appliance.restart_ahead(at_noon(day));
        let asked = day == 1 || day == 8;
        each(&mut engineers, |engineer| {
            // A sync gives what the day before brought, and tells the laptop what day it is.
            sync(&engineer.laptop);
            engineer.laptop.hook(edit_of_the_day(day).as_bytes());
            if asked {
                let at = began + at_noon(day);
                let settled = answer(
                    &engineer.laptop,
                    Some(CONCEPT),
                    &mut engineer.seen,
                    at,
                    true,
                );
                assert_eq!(settled["counts"], true, "{settled}");
            }
        });
        if day == 8 {
            let clock = format!("--clock={}", at_noon(day));
            let early = appliance.json(&["snapshot", "now", &clock]);
            assert_eq!(
                (&early["counted"], &early["rows"]),
                (&json!(0), &json!(0)),
                "{early}"
            );
            let page = overview(&mut engineers);
            assert!(!page.says(CONCEPT), "nobody counts yet:\n{}", page.text());
        }
    }
    // What Monday's snapshot is to hold is given before it: the appliance itself makes it, once.
    each(&mut engineers, |engineer| sync(&engineer.laptop));
    appliance.restart_ahead(at_noon(14));
    let clock = format!("--clock={}", at_noon(14));
    let made = appliance.json(&["snapshot", "now", &clock]);
    assert_eq!(made["counted"], json!(FURTHER + 1), "{made}");
    assert_eq!(made["sample"], true, "{made}");

    let page = overview(&mut engineers);
    assert!(
        page.says(CONCEPT) && page.says(&title(CONCEPT)),
        "{}",
        page.text()
    );
    assert!(page.says("Eleven engineers are counted"), "{}", page.text());
    assert!(
        page.text().to_lowercase().contains("sample"),
        "it is a sample: {}",
        page.text()
    );
    let concept = engineers[1]
        .browser
        .get(&format!("/concepts/{CONCEPT}"))
        .expect(200);
    assert!(
        concept.says("Known by 11 people"),
        "all eleven met and know it:\n{}",
        concept.text()
    );
    // A member sees the same overview, and a graph of their own with both answers.
    let page = engineers[1].browser.get("/").expect(200);
    assert!(page.says(CONCEPT), "{}", page.text());
    let mine = engineers[1].browser.get("/me").expect(200);
    assert!(mine.says("demonstrated"), "{}", mine.text());
}
