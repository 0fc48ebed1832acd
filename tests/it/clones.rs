//! A laptop's folder that is copied, or an older state of which is put back: each machine goes on in a
//! stream of its own, nothing is lost and nothing counts twice. And a folder that cannot be written to.

use harness::{Appliance, Browser, Laptop, Output, Program, capture, own_mounts, program, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Copies everything in it that a backup would, modes too.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    fs::set_permissions(to, fs::metadata(from).expect("a folder").permissions()).expect("ours");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().expect("a kind") {
            kind if kind.is_dir() => copied(&path, &name),
            kind if kind.is_file() => drop(fs::copy(&path, &name).expect("copied")),
            _ => {}
        }
    }
}

/// An act of the engineer's: a check on this concept is asked for and answered.
fn answers(laptop: &Laptop, concept: &str) {
    let shown = laptop.json(&["quiz", "--show", "--concept", concept]);
    assert_eq!(shown["concept"], concept, "{shown}");
    let settled = laptop.json(&["quiz", "--answer", "1", "--concept", concept]);
    assert_eq!(settled["counts"], true, "{settled}");
}

/// Work with an agent that the hook tells of; how many events there were.
fn works(laptop: &Laptop, session: &str) {
    assert!(laptop.replay(&capture(session)) > 0);
    let _ = laptop.run(&["agent", "--once"]).ok();
}

fn sync(laptop: &Laptop) {
    let said = laptop.run(&["sync"]).ok().stdout;
    assert!(said.starts_with("In step: "), "{said}");
}

fn graph(laptop: &Laptop) -> String {
    laptop.run(&["graph", "--json"]).ok().stdout
}

/// By concept, how many answers count.
fn answered(laptop: &Laptop) -> BTreeMap<String, u64> {
    let graph: Value = serde_json::from_str(&graph(laptop)).expect("JSON");
    let lines = graph["concepts"].as_array().expect("concepts").iter();
    lines
        .filter_map(|line| {
            let n = line["answers"].as_u64().filter(|n| *n > 0)?;
            Some((line["concept"].as_str()?.to_owned(), n))
        })
        .collect()
}

/// What this machine holds, of every kind.
fn held(laptop: &Laptop) -> u64 {
    let evidence = laptop.json(&["status"])["evidence"].clone();
    let kinds = evidence.as_object().expect("kinds").values();
    kinds.filter_map(Value::as_u64).sum()
}

/// How many answers about each concept the appliance holds, as the person's own export says.
fn kept(browser: &mut Browser) -> BTreeMap<String, u64> {
    fn walk(value: &Value, found: &mut BTreeMap<String, u64>) {
        match value {
            Value::Object(fields) => {
                if fields.get("k").is_some_and(|kind| kind == "check")
                    && let Some(concept) = fields.get("c").and_then(Value::as_str)
                {
                    *found.entry(concept.to_owned()).or_default() += 1;
                }
                fields.values().for_each(|field| walk(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let export = browser.get("/me/export").expect(200).body;
    let mut found = BTreeMap::new();
    walk(&serde_json::from_str(&export).expect("JSON"), &mut found);
    found
}

fn once(concepts: &[&str]) -> BTreeMap<String, u64> {
    concepts
        .iter()
        .map(|name| ((*name).to_owned(), 1))
        .collect()
}

/// What `doctor` and `status` say of a new stream, both.
fn told(laptop: &Laptop) -> (String, String) {
    let about = |text: String| {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines = flat
            .to_lowercase()
            .find("new stream")
            .map(|at| flat[at..].to_owned());
        lines.unwrap_or_default()
    };
    // `doctor` looks only: it is a command that opens the store which notices.
    let status = about(laptop.run(&["status"]).ok().stdout);
    (about(laptop.run(&["doctor"]).stdout), status)
}

#[test]
fn two_copies_of_one_home_go_on_apart_and_end_equal_with_every_act_once() {
    let mut appliance = Appliance::start();
    let mut ada = appliance.signed_in(None);
    let (first, second) = (Laptop::new(), Laptop::new());
    first.enrol(&appliance, &mut ada, "ada-work");
    answers(&first, "pg-advisory-locks");
    sync(&first);
    // And something that the appliance does not have yet: both copies will give it.
    works(&first, "claude-code");
    answers(&first, "http-idempotency");
    copied(&first.home(), &second.home());

    answers(&second, "py-clocks");
    answers(&first, "http-retries");
    works(&first, "claude-code-payments");
    let alone = (held(&first), held(&second));
    let (doctor, status) = told(&second);
    assert!(doctor.contains("the folder was copied"), "{doctor}");
    assert!(status.contains("the folder was copied"), "{status}");
    let (doctor, status) = told(&first);
    assert_eq!((doctor.as_str(), status.as_str()), ("", ""));

    for laptop in [&first, &second, &first, &second] {
        sync(laptop);
    }
    assert_eq!(graph(&first), graph(&second), "byte for byte");
    assert_eq!(held(&first), held(&second));
    assert!(held(&first) > alone.0.max(alone.1), "{alone:?}");
    let acts = once(&[
        "pg-advisory-locks",
        "http-idempotency",
        "py-clocks",
        "http-retries",
    ]);
    assert_eq!(answered(&first), acts);
    assert_eq!(kept(&mut ada), acts, "the appliance holds each once");
    assert_eq!(
        appliance.json(&["status"])["counts"]["deltas"],
        held(&first)
    );

    // Once more, each on its own: nobody's stream is anybody else's.
    answers(&second, "web-sql-injection");
    answers(&first, "git-rebase");
    for laptop in [&second, &first, &second] {
        sync(laptop);
    }
    assert_eq!(graph(&first), graph(&second), "byte for byte");
    assert_eq!(kept(&mut ada).values().sum::<u64>(), 6);
    assert_eq!(
        appliance.json(&["status"])["counts"]["deltas"],
        held(&first)
    );

    // Their person reads that two machines use one certificate, and decides.
    appliance.stop();
    appliance.serve();
    let page = ada.get("/me").expect(200);
    assert!(
        page.says("Two machines use the certificate of ada-work"),
        "{}",
        page.text()
    );
}

#[test]
fn an_older_state_of_the_store_that_is_put_back_goes_on_and_nothing_is_lost_or_twice() {
    let appliance = Appliance::start();
    let mut ada = appliance.signed_in(None);
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut ada, "ada-work");
    works(&laptop, "claude-code-payments");
    answers(&laptop, "pg-advisory-locks");
    sync(&laptop);
    let store = laptop.home().join("graph.db");
    let backup = fs::read(&store).expect("a store");
    // After the backup: one act that was synced, and one that was not.
    answers(&laptop, "http-idempotency");
    sync(&laptop);
    answers(&laptop, "py-clocks");
    let newer = fs::read(&store).expect("a store");

    fs::write(&store, &backup).expect("put back");
    let (doctor, status) = told(&laptop);
    assert!(doctor.contains("the store was an older one"), "{doctor}");
    assert!(status.contains("the store was an older one"), "{status}");
    answers(&laptop, "http-retries");
    sync(&laptop);
    let acts = once(&["pg-advisory-locks", "http-idempotency", "http-retries"]);
    assert_eq!(answered(&laptop), acts);
    assert_eq!(kept(&mut ada), acts);
    assert_eq!(
        appliance.json(&["status"])["counts"]["deltas"],
        held(&laptop)
    );

    // The engineer changes their mind: the act that lay in the newer state alone is there again.
    fs::write(&store, &newer).expect("put back");
    answers(&laptop, "web-sql-injection");
    sync(&laptop);
    let acts = once(&[
        "pg-advisory-locks",
        "http-idempotency",
        "http-retries",
        "py-clocks",
        "web-sql-injection",
    ]);
    assert_eq!(answered(&laptop), acts);
    assert_eq!(kept(&mut ada), acts);
    assert_eq!(
        appliance.json(&["status"])["counts"]["deltas"],
        held(&laptop)
    );
    let other = Laptop::new();
    other.enrol(&appliance, &mut ada, "ada-home");
    sync(&other);
    assert_eq!(graph(&other), graph(&laptop), "byte for byte");
}

/// Runs the client with the folder `home` read-only for it alone.
fn read_only(way: &[&str], laptop: &Laptop, args: &[&str], stdin: &[u8]) -> Output {
    let home = laptop.home();
    let script =
        "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new(way[0]);
    command
        .args(&way[1..])
        .args(["bash", "-c", script, "bash"])
        .arg(&home)
        .arg(program(Program::Client))
        .args(args)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TZ", "UTC")
        .env("AIWORKLAB_KEYS", "file")
        .env("AIWORKLAB_HOME", &home)
        .env("HOME", laptop.folder());
    run(&mut command, stdin)
}

#[test]
fn a_home_that_is_read_only_is_named_in_words_and_left_as_it_was() {
    let Some(way) = own_mounts() else {
        eprintln!("not run: this machine gives a program no mounts of its own (unshare)");
        return;
    };
    let laptop = Laptop::new();
    works(&laptop, "claude-code-payments");
    let before = (graph(&laptop), held(&laptop));
    let store = fs::read(laptop.home().join("graph.db")).expect("a store");
    for args in [
        &["graph"][..],
        &["status"],
        &["quiz", "--show"],
        &["agent", "--once"],
        &["protect", "on"],
        &["forget", "pg-advisory-locks", "--yes"],
    ] {
        let said = read_only(&way, &laptop, args, b"").refused();
        assert!(
            said.contains("Read-only file system") && said.contains("fix:"),
            "{args:?}: {said}"
        );
        assert!(
            said.contains(&*laptop.home().to_string_lossy()),
            "{args:?}: {said}"
        );
    }
    let doctor = read_only(&way, &laptop, &["doctor"], b"");
    assert!(
        doctor.stdout.contains("Read-only file system"),
        "{doctor:?}"
    );
    // The harness is not held up and not told: its hook is none of its business.
    let hooks = fs::read_to_string(capture("claude-code").join("hooks.jsonl")).expect("recorded");
    let event = hooks.lines().next().expect("an event").as_bytes();
    let hook = read_only(&way, &laptop, &["hook", "claude-code"], event);
    assert_eq!((hook.status, hook.stdout.as_str()), (0, ""), "{hook:?}");
    assert_eq!(
        fs::read(laptop.home().join("graph.db")).expect("a store"),
        store
    );
    assert_eq!((graph(&laptop), held(&laptop)), before);
}
