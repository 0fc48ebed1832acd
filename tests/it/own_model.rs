//! The engineer's own model, with the built programs: made ahead by the agent, shown with whose it is,
//! answered and synced as any check is; forbidden by a policy; and a file, run in its sandbox.
//!
//! Canaries stand in the engineer's line, in its path and in what the model writes: the provider gets
//! the line and never the path, the appliance none of them.

use crate::privacy::proxy::Proxy;
use harness::{Agent, Appliance, Laptop, Program, Serve, models, program, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

const CONCEPT: &str = "pg-advisory-locks";
/// A variable in the engineer's line.
const VARIABLE: &str = "qzjb_kfm";
/// In the path of the file that it stands in.
const PATH: &str = "qzphwtk";
/// The model's name.
const MODEL: &str = "qzgwmdl-1";

/// What the model writes.
fn words() -> String {
    format!("In this piece {VARIABLE} is given to pg_advisory_lock by the call of execute.")
}

type Kept = Arc<Mutex<Vec<String>>>;

/// A provider on loopback that speaks OpenAI's form, chooses a sentence whose endings share no word
/// with what it writes, and keeps what it was sent.
struct Provider {
    address: SocketAddr,
    heads: Kept,
    bodies: Kept,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let (heads, bodies) = (Kept::default(), Kept::default());
        let closed = Arc::new(AtomicBool::new(false));
        let (keep_head, keep_body, ended) = (heads.clone(), bodies.clone(), closed.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.expect("a connection");
                let (head, body) = asked(&mut stream);
                let reply = json!({ "choices": [{ "index": 0, "finish_reason": "stop", "message": {
                    "role": "assistant", "content": answer(&body).to_string(),
                } }] })
                .to_string();
                keep_head.lock().expect("whole").push(head);
                keep_body.lock().expect("whole").push(body);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    reply.len()
                );
                let sent = stream.write_all(format!("{head}{reply}").as_bytes());
                sent.expect("the client waits for it");
            }
        });
        Self {
            address,
            heads,
            bodies,
            closed,
            thread: Some(thread),
        }
    }

    fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().expect("whole").clone()
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("whole").clone()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn asked(stream: &mut TcpStream) -> (String, String) {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut chunk).expect("a request comes whole");
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lower = head.to_lowercase();
            let length = lower
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if read == 0 || length.is_some_and(|length| body.len() >= length) {
                return (head.to_owned(), body.to_owned());
            }
        }
        assert!(read > 0, "a request has a head");
    }
}

/// What the model replies to a question: any sentence that its words cannot hint at.
fn answer(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).expect("JSON");
    let user = body["messages"][1]["content"].as_str().expect("a question");
    let said = words();
    let long = said.split(' ').filter(|word| word.len() > 3);
    let long: Vec<String> = long
        .map(|word| word.trim_matches('.').to_lowercase())
        .collect();
    let offered = user
        .split("\n\nUnfinished sentences:\n")
        .nth(1)
        .expect("offers");
    let (mut number, mut fits) = (0, Vec::new());
    for line in offered.lines() {
        match line.strip_prefix("   - ") {
            None => {
                number += 1;
                fits.push(number);
            }
            Some(ending) => {
                let ending = ending.to_lowercase();
                if long.iter().any(|word| ending.contains(word)) {
                    fits.retain(|fit| *fit != number);
                }
            }
        }
    }
    json!({ "choice": fits.first().expect("one fits"), "said": said })
}

/// A harness wrote a file with this line in it.
fn wrote(line: &str) -> String {
    let path = format!("/home/dev/{PATH}/{PATH}_jobs.py");
    let content = format!("def claim(cur, {VARIABLE}):\n    {line}\n");
    json!({
        "session_id": "6d2b1c0e-1111-4222-8333-444455556666",
        "transcript_path": format!("/home/dev/.claude/projects/{PATH}/1.jsonl"),
        "cwd": format!("/home/dev/{PATH}"), "permission_mode": "acceptEdits",
        "hook_event_name": "PostToolUse", "tool_name": "Write",
        "tool_input": { "file_path": path, "content": content },
        "tool_response": { "type": "create", "filePath": path, "content": content,
            "structuredPatch": [], "originalFile": null },
        "tool_use_id": "toolu_01",
    })
    .to_string()
}

fn locks() -> String {
    wrote(&format!(
        "cur.execute(\"SELECT pg_advisory_lock(%s)\", ({VARIABLE},))"
    ))
}

/// Every key and every word that a record is made of, but not what differs from one to the next.
fn shape(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                shape(value, &format!("{at}.{key}"), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shape(item, at, found)),
        other => {
            let kind = match other {
                Value::String(_) => "text",
                Value::Number(_) => "number",
                Value::Bool(_) => "truth",
                _ => "nothing",
            };
            found.insert(format!("{at}: {kind}"));
        }
    }
}

/// Answers the check that waits; what leaves then.
fn answered(laptop: &Laptop) -> Value {
    let settled = laptop.json(&["quiz", "--answer", "1", "--concept", CONCEPT]);
    assert!(settled["right"].is_boolean(), "{settled}");
    laptop.run(&["what-leaves", "--json"]).ok().json()
}

#[test]
fn an_item_is_made_ahead_in_idle_time_and_its_answer_is_a_delta_like_any_other() {
    let provider = Provider::start();
    let (mut people, mut devices) = (Proxy::bind(), Proxy::bind());
    let appliance = Appliance::start_with(Serve {
        settings: vec![("devices_url", format!("{:?}", devices.url()))],
        ..Serve::default()
    });
    people.before_people(&appliance.data(), &appliance.people());
    let mut browser = appliance.signed_in(None);
    let laptop = Laptop::new();
    laptop.enrol_at(&people.url(), &appliance, &mut browser, "laptop");
    devices.before_devices(&appliance.data(), &appliance.devices(), &laptop.home());

    let url = provider.url();
    let wish = ["model", "use", "openai", "--model", MODEL, "--url", &url];
    assert_eq!(laptop.json(&wish)["set"], true);
    let agent = Agent::start(&laptop);
    laptop.hook(locks().as_bytes());
    // Nobody asks for anything: the agent makes it by itself.
    let shown = until("an item made ahead", || {
        let shown = laptop.json(&["model", "show"]);
        (shown["calls_today"] == 1
            && shown["days_30"]["calls"] == 1
            && (shown["items"]["waiting"] == 1 || shown["days_30"]["refused"] != json!({})))
        .then_some(shown)
    });
    assert_eq!(shown["days_30"]["refused"], json!({}), "{shown}");
    drop(agent);

    // The provider was asked once; it saw the line and no path.
    let (bodies, heads) = (provider.bodies(), provider.heads());
    assert_eq!(bodies.len(), 1);
    assert!(
        heads[0].starts_with("POST /v1/chat/completions "),
        "{heads:?}"
    );
    assert!(bodies[0].contains(VARIABLE) && !bodies[0].contains(PATH));
    assert!(!heads[0].contains(PATH) && !heads[0].to_lowercase().contains("user-agent"));

    // It is the check, and says whose it is.
    let check = laptop.json(&["quiz", "--show", "--concept", CONCEPT]);
    let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
    assert!(text("stem").starts_with(&words()), "{check}");
    assert!(text("code").contains(VARIABLE), "{check}");
    let whose = format!("written by {MODEL} at {}", provider.address);
    assert!(text("provenance").contains(&whose), "{check}");
    let left = answered(&laptop);

    // The same without a model: what leaves has the same form, to the last key.
    let plain = Laptop::new();
    plain.hook(locks().as_bytes());
    let without = plain.json(&["quiz", "--show", "--concept", CONCEPT]);
    assert!(!without.to_string().contains(MODEL));
    let (mut with_it, mut without_it) = (BTreeSet::new(), BTreeSet::new());
    shape(&left, "", &mut with_it);
    shape(&answered(&plain), "", &mut without_it);
    assert_eq!(with_it, without_it);

    let _ = laptop.run(&["sync"]).ok();
    let me = browser.get("/me").expect(200);
    assert!(me.body.contains(CONCEPT), "{}", me.text());
    assert_eq!(provider.bodies().len(), 1, "answer and sync ask it nothing");
    let requests = [people.requests(), devices.requests()].concat();
    let pushes = requests
        .iter()
        .filter(|request| request.head.starts_with("POST /v1/sync/push"));
    let pushed: String = pushes
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    assert!(
        pushed.contains(CONCEPT) && pushed.contains("choice4"),
        "{pushed}"
    );
    for request in &requests {
        let body = String::from_utf8_lossy(&request.body);
        for secret in [
            VARIABLE,
            PATH,
            MODEL,
            "In this piece",
            "pg_advisory_lock",
            "own_model",
        ] {
            assert!(!body.contains(secret), "{secret} in {}", request.head);
            assert!(!request.head.contains(secret), "{}", request.head);
        }
    }
}

#[test]
fn a_policy_that_forbids_it_is_named_with_its_line_and_nothing_is_sent() {
    let provider = Provider::start();
    let url = provider.url();
    let wish = ["model", "use", "openai", "--model", MODEL, "--url", &url];
    let off = "# Larkfield\nown_model = \"off\"\n";
    let elsewhere = "own_model_hosts = [\"models.larkfield.example\"]\n";
    let laptop = Laptop::new();
    for (policy, line) in [(off, "line 2"), (elsewhere, "line 1")] {
        let refused = laptop.run_under(policy, &wish).refused();
        assert!(
            refused.contains("policy.toml") && refused.contains(line),
            "{refused}"
        );
        assert_eq!(
            laptop.json(&["model", "show"])["set"],
            false,
            "nothing was set"
        );
    }
    // Set before the policy came: off from then on, whoever asks.
    let _ = laptop.run(&wish).ok();
    laptop.hook(locks().as_bytes());
    for (policy, line) in [
        (off, "line 2"),
        (elsewhere, "line 1"),
        ("own_model = 7\n", "line 1"),
    ] {
        for args in [&["model", "make", CONCEPT][..], &["model", "test"]] {
            let refused = laptop.run_under(policy, args).refused();
            assert!(refused.contains(line), "{args:?}: {refused}");
        }
        let shown = laptop.run_under(policy, &["model", "show"]).ok().stdout;
        assert!(
            shown.contains("policy    OFF") && shown.contains(line),
            "{shown}"
        );
        let doctor = laptop.run_under(policy, &["doctor"]).stdout;
        assert!(doctor.contains("does not allow it"), "{doctor}");
        let check = laptop.run_under(policy, &["quiz", "--show", "--concept", CONCEPT]);
        assert!(!check.ok().stdout.contains(MODEL));
    }
    assert!(provider.bodies().is_empty(), "nothing was sent");
    // It was the policy alone.
    let said = laptop.run(&["model", "test", "--json"]).ok().json();
    assert_eq!(said["model"], MODEL);
    assert_eq!(provider.bodies().len(), 1);
}

#[test]
fn a_file_is_a_model_too_and_runs_in_a_process_that_is_gone_afterwards() {
    assert!(program(Program::ClientModel).exists());
    let laptop = Laptop::new();
    let file = models().join("SmolLM2-135M-Instruct.Q4_1.gguf");
    let path = file.to_str().expect("a path is text");
    let set = laptop.json(&["model", "use", "gguf", "--file", path]);
    assert_eq!(
        (&set["set"], &set["leaves_this_machine"]),
        (&json!(true), &json!(false))
    );
    let said = laptop.json(&["model", "test"]);
    // A model of this size may write whatever it likes: within the grammar.
    let choice = said["choice"].as_u64().expect("a number");
    let text = said["said"].as_str().expect("a text");
    assert!(
        choice <= 5 && text.ends_with('.') && text.len() >= 20,
        "{said}"
    );
    let doctor = laptop.run(&["doctor", "--json"]).stdout;
    assert!(
        doctor.contains("no line of your code leaves this machine"),
        "{doctor}"
    );
    // A file that is another by now is refused before anything runs.
    let copy = laptop.folder().join("changed.gguf");
    fs::copy(&file, &copy).expect("it can be copied");
    let path = copy.to_str().expect("a path is text");
    let _ = laptop.run(&["model", "use", "gguf", "--file", path]).ok();
    let mut bytes = fs::read(&copy).expect("it can be read");
    *bytes.last_mut().expect("it is not empty") ^= 1;
    fs::write(&copy, bytes).expect("it can be written");
    let refused = laptop.run(&["model", "test"]).refused();
    assert!(refused.contains("C108"), "{refused}");
}
