//! The check on the engineer's own machine: the real client serves it, Debian's Chromium reads and answers it by
//! keyboard. What no page may do is looked for as on the appliance's pages (`browser.rs`), at both sizes and schemes.

use crate::browser::drive;
use harness::Laptop;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

const CONCEPT: &str = "pg-advisory-locks";
const FILE: &str = "locking.py";

/// `aiworklab quiz --page` at work.
struct Page {
    child: Child,
    out: BufReader<ChildStdout>,
    link: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        // Ended already, where it was answered.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Page {
    fn of(laptop: &Laptop) -> Self {
        let args = ["quiz", "--page", "--no-open", "--concept", CONCEPT];
        let mut child = laptop
            .command(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client can be started");
        let mut out = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut said = String::new();
        let link = loop {
            let from = said.len();
            let read = out.read_line(&mut said).expect("the client prints text");
            assert_ne!(read, 0, "no address was shown: {said}");
            let line = said[from..].trim();
            if line.starts_with("http://127.0.0.1:") {
                break line.to_owned();
            }
        };
        Self { child, out, link }
    }

    fn base(&self) -> &str {
        self.link.split_once("/#").expect("a key").0
    }
}

/// A machine on which an agent wrote an advisory lock.
fn met() -> Laptop {
    let laptop = Laptop::new();
    let event = json!({
        "hook_event_name": "PostToolUse", "session_id": "s", "prompt_id": "p", "tool_name": "Write",
        "tool_use_id": "c1", "cwd": "/srv/app",
        "tool_input": {
            "file_path": format!("/srv/app/{FILE}"),
            "content": "import psycopg\n\n\ndef claim(cur, key):\n    cur.execute(\"SELECT pg_try_advisory_lock(%s)\", (key,))\n",
        },
        "tool_response": { "type": "create" },
    });
    laptop.hook(event.to_string().as_bytes());
    laptop
}

fn visit(page: &Page, story: &str, more: Value) {
    let (_, findings) = drive(story, page.base(), &[], &more);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn an_engineer_reads_and_answers_the_check_by_keyboard() {
    let laptop = met();
    let mut page = Page::of(&laptop);
    let more = json!({ "link": page.link, "file": FILE, "choose": "2" });
    visit(&page, "check", more);
    // The program ends by itself: its check is answered.
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut page.out, &mut rest).expect("text");
    assert!(rest.contains("Answered."), "{rest}");
    assert!(page.child.wait().expect("it ends").success());
    let recap = laptop.json(&["recap"]);
    let asked = recap["asked"][0]["outcome"].as_str().unwrap_or_default();
    assert!(["right", "not this time"].contains(&asked), "{recap}");
}

#[test]
fn what_is_said_without_a_key_a_script_or_a_check() {
    let laptop = met();
    let page = Page::of(&laptop);
    let answered = laptop.run(&["quiz", "--concept", CONCEPT, "--answer", "n"]);
    let _ = answered.ok();
    let more = json!({ "link": page.link, "says": "Nothing waits here." });
    visit(&page, "nocheck", more);
}

#[test]
fn a_pause_and_a_recap_are_told_in_words_and_as_json() {
    let laptop = met();
    assert_eq!(laptop.json(&["pause", "2h"])["paused"], true);
    let said = laptop.run(&["recap", "--today"]).ok().stdout.clone();
    assert!(
        said.contains("PostgreSQL advisory locks: seen, 1 line") && said.contains("paused until"),
        "{said}"
    );
    assert_eq!(laptop.json(&["pause", "--off"])["paused"], false);
    let refused = laptop.run(&["pause", "soon"]).refused();
    assert!(refused.contains("C072"), "{refused}");
    let week = laptop.run(&["recap", "--week"]).ok().stdout.clone();
    assert!(week.contains("Nothing moved"), "{week}");
}
