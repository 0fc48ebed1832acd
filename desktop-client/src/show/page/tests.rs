//! The page as a program sees it that is no browser: what it is told, and what it is not.

use super::*;
use crate::quiz::Check;
use crate::store::NewMention;
use crate::world::still::Still;
use axum::http::StatusCode as Status;
use kernel::ids::Slug;
use std::collections::BTreeMap;
use std::io::{Read, Write};

/// 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;
const CONCEPT: &str = "pg-advisory-locks";
const LINE: &str = "cur.execute(\"SELECT pg_try_advisory_lock(%s)\", (key,))";

/// A page that is served until this value goes.
struct Served {
    _folder: tempfile::TempDir,
    home: Home,
    check: Check,
    base: String,
    key: String,
    stop: watch::Sender<bool>,
    serving: Option<std::thread::JoinHandle<()>>,
}

/// An answer, as it came over the wire.
struct Answered {
    status: Status,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answered {
    fn status(&self) -> Status {
        self.status
    }

    fn text(&self) -> &str {
        &self.body
    }
}

/// Sends a request byte by byte as a test wants it: no library adds or mends a header.
fn request(base: &str, head: &str, headers: &[(&str, &str)], body: &str) -> Answered {
    let at = base.strip_prefix("http://").unwrap();
    let mut text = format!("{head} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        text.push_str(&format!("host: {at}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut stream = std::net::TcpStream::connect(at).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    // A body that is too long may be refused while it is sent.
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap();
    let status = first.split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    Answered {
        status,
        headers: rest.split("\r\n").map(header).collect(),
        body: body.to_owned(),
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            let ended = serving.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "it ends when it is told to"
            );
        }
    }
}

fn served() -> Served {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let world = Still::at(NOW);
    let mut store = Store::open(&world, &home).unwrap();
    let check = store
        .write(|txn| {
            txn.add_mention(&NewMention {
                at: NOW,
                concept: &Slug::new(CONCEPT).unwrap(),
                detector: "d",
                strong: true,
                diff: &[0; 32],
                file: "locking.py",
                line: LINE,
                row: Some(7),
                confidence: 95,
                within: None,
            })?;
            quiz::check(&world, txn, Some(CONCEPT))
        })
        .unwrap();
    drop(store);
    let (stop, stopped) = watch::channel(false);
    let (tell, told) = std::sync::mpsc::channel();
    let door = Door::new();
    let at = home.clone();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let worlds: Worlds = Arc::new(|| Box::new(Still::at(NOW)));
            let watched = door.clone();
            let opened = async {
                watched.opened().await;
                tell.send(watched).unwrap();
            };
            let (served, ()) = tokio::join!(serve(worlds, at, door, stopped), opened);
            served.unwrap();
        });
    });
    let door = told.recv().unwrap();
    let link = door.link(&world, check.ask.id).unwrap();
    let (base, key) = link.split_once("/#").unwrap();
    Served {
        _folder: folder,
        home,
        check,
        base: base.to_owned(),
        key: key.to_owned(),
        stop,
        serving: Some(serving),
    }
}

impl Served {
    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answered {
        request(&self.base, &format!("GET {path}"), headers, "")
    }

    fn post(&self, body: &str, headers: &[(&str, &str)]) -> Answered {
        request(&self.base, "POST /answer", headers, body)
    }

    fn answer(&self, answer: &str) -> Answered {
        let body = format!("{{\"ask\":{},\"answer\":\"{answer}\"}}", self.check.ask.id);
        self.post(&body, &self.own())
    }

    fn own(&self) -> [(&str, &str); 3] {
        [
            ("aiworklab-key", &self.key),
            ("origin", &self.base),
            ("content-type", "application/json"),
        ]
    }

    fn waits(&self) -> bool {
        let world = Still::at(NOW);
        let mut store = Store::open(&world, &self.home).unwrap();
        let ask = store
            .read(|txn| txn.ask(self.check.ask.id))
            .unwrap()
            .unwrap();
        ask.outcome == Outcome::Waiting
    }
}

#[test]
fn a_check_is_read_and_answered_with_its_key() {
    let page = served();
    let shown = page.get("/check", &[("aiworklab-key", &page.key)]);
    assert_eq!(shown.status(), Status::OK);
    let html = shown.text().to_owned();
    assert!(html.contains("locking.py") && html.contains("pg_try_advisory_lock"));
    let why = &page.check.ask.item.options[0].why;
    assert!(
        !html.contains(why.as_str()),
        "nothing of the answer is in it"
    );
    let key = page.check.ask.item.key().unwrap();
    let answered = page.answer(&(key + 1).to_string());
    assert_eq!(answered.status(), Status::OK);
    let html = answered.text().to_owned();
    assert!(html.contains("Yes.") && html.contains("becomes"), "{html}");
    assert!(html.contains("forgotten after 7 days"), "{html}");
    assert!(!page.waits());
    // The key ended with the check.
    assert_eq!(page.answer("1").status(), Status::FORBIDDEN);
    let again = page.get("/check", &[("aiworklab-key", &page.key)]);
    assert_eq!(again.status(), Status::FORBIDDEN);
}

#[test]
fn without_a_key_the_page_holds_nothing_and_says_nothing() {
    let page = served();
    let shell = page.get("/", &[]);
    assert_eq!(shell.status(), Status::OK);
    let policy = &shell.headers["content-security-policy"];
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(shell.headers[name], value, "{name}");
    }
    assert!(!shell.headers.contains_key("access-control-allow-origin"));
    let html = shell.text().to_owned();
    for secret in ["dvisory", "locking.py", page.key.as_str()] {
        assert!(!html.contains(secret), "{secret}");
    }
    let mut wrong = page.key.clone();
    wrong.replace_range(..1, if wrong.starts_with('A') { "B" } else { "A" });
    for headers in [
        vec![],
        vec![("aiworklab-key", "")],
        vec![("aiworklab-key", wrong.as_str())],
        vec![("aiworklab-key", page.key.as_str()), ("aiworklab-key", "x")],
        vec![("cookie", page.key.as_str())],
    ] {
        let refused = page.get("/check", &headers);
        assert_eq!(refused.status(), Status::FORBIDDEN, "{headers:?}");
        assert!(!refused.text().to_owned().contains("dvisory"));
    }
    let query = page.get(&format!("/check?key={}", page.key), &[]);
    assert_eq!(query.status(), Status::FORBIDDEN);
}

#[test]
fn nobody_else_reads_or_answers_and_no_get_changes_anything() {
    let page = served();
    let key = ("aiworklab-key", page.key.as_str());
    for host in ["attacker.example", "localhost", "[::1]", "127.0.0.1"] {
        let refused = page.get("/check", &[key, ("host", host)]);
        assert_eq!(refused.status(), Status::MISDIRECTED_REQUEST, "{host}");
        assert_eq!(
            page.get("/", &[("host", host)]).status(),
            Status::MISDIRECTED_REQUEST
        );
    }
    let body = format!("{{\"ask\":{},\"answer\":\"1\"}}", page.check.ask.id);
    let json = ("content-type", "application/json");
    let own = ("origin", page.base.as_str());
    for (headers, status) in [
        (vec![key, json], Status::FORBIDDEN),
        (
            vec![key, json, ("origin", "https://attacker.example")],
            Status::FORBIDDEN,
        ),
        (vec![key, json, ("origin", "null")], Status::FORBIDDEN),
        (
            vec![key, json, own, ("sec-fetch-site", "cross-site")],
            Status::FORBIDDEN,
        ),
        (
            vec![key, own, ("content-type", "text/plain")],
            Status::FORBIDDEN,
        ),
        (vec![json, own], Status::FORBIDDEN),
    ] {
        assert_eq!(page.post(&body, &headers).status(), status, "{headers:?}");
    }
    for path in ["/answer", "/answer?ask=1&answer=1"] {
        let got = page.get(path, &[key, own]);
        assert_eq!(got.status(), Status::METHOD_NOT_ALLOWED, "{path}");
    }
    for body in [
        "",
        "{}",
        "1",
        "{\"ask\":1}",
        "{\"ask\":999,\"answer\":\"1\"}",
        "{\"ask\":1,\"answer\":\"9\"}",
    ] {
        assert_eq!(
            page.post(body, &page.own()).status(),
            Status::BAD_REQUEST,
            "{body}"
        );
    }
    let long = format!("{{\"ask\":1,\"answer\":\"{}\"}}", "1".repeat(10_000));
    assert_eq!(
        page.post(&long, &page.own()).status(),
        Status::PAYLOAD_TOO_LARGE
    );
    assert!(page.waits(), "nothing of that was an answer");
}

#[test]
fn a_check_that_was_answered_in_a_terminal_is_gone_from_the_page() {
    let page = served();
    let world = Still::at(NOW);
    let mut store = Store::open(&world, &page.home).unwrap();
    store
        .write(|txn| quiz::settle(&world, txn, &page.check.ask, quiz::Answer::Unsure))
        .unwrap();
    drop(store);
    let gone = page.answer("1");
    assert_eq!(gone.status(), Status::GONE);
    assert!(gone.text().contains("The answer that came first stands"));
}

#[test]
fn put_off_gives_nothing_of_the_answer_away() {
    let page = served();
    let html = page.answer("l").text().to_owned();
    let item = &page.check.ask.item;
    assert!(
        !html.contains(item.explanation.as_str()) && !html.contains("Right"),
        "{html}"
    );
    assert!(!html.contains("Source"), "{html}");
    assert!(html.contains("it stays"), "{html}");
}

#[test]
fn a_page_that_is_switched_off_listens_on_no_port() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    home.ensure().unwrap();
    std::fs::write(home.settings(), "page = false\n").unwrap();
    let door = Door::new();
    let (stop, stopped) = watch::channel(false);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let worlds: Worlds = Arc::new(|| Box::new(Still::at(NOW)));
        let other = async {
            tokio::task::yield_now().await;
            assert_eq!(door.link(&Still::at(NOW), 1), None);
            stop.send_replace(true);
        };
        let (served, ()) = tokio::join!(serve(worlds, home, door.clone(), stopped), other);
        served.unwrap();
    });
}
