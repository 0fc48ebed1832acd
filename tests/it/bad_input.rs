//! Whatever is wrong gets an error that names what and the fix, and leaves nothing half-written; and
//! the harness is never stopped by us, whatever breaks.

use appliance::edges::Edges;
use harness::{Appliance, Device, Laptop, Page, Program, program, run, until};
use org_store::{Act, Action, Actor, link_token};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

fn json_of(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap_or_else(|error| panic!("{error}: {}", page.body))
}

/// A refused command's error as `--json` gives it.
fn failure(command: &mut Command) -> Value {
    let output = run(command, b"");
    assert_ne!(output.status, 0, "{output:?}");
    let line = output.stderr.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn of_appliance(args: &[&str], data: &Path) -> Command {
    let mut command = Command::new(program(Program::Appliance));
    command.args(args).arg("--data-dir").arg(data).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

// --- the administrator's side

#[test]
fn an_unknown_configuration_key_is_named_with_its_line_and_the_nearest_one() {
    let appliance = Appliance::start();
    let path = appliance.data().join("config.toml");
    fs::write(&path, "[listen]\npeple = \"127.0.0.1:8443\"\n\n[limit]\nconnections = 9\n").expect("written");
    for command in [["config", "check"], ["snapshot", "now"], ["admin", "link"]] {
        let refused = appliance.command(&command).refused();
        for part in ["config.toml", "peple", "people", ":2", "limit", "limits", ":4"] {
            assert!(refused.contains(part), "{command:?} does not say {part}: {refused}");
        }
    }
    let refused = run(&mut of_appliance(&["config", "check"], &appliance.data()), b"");
    assert_eq!(refused.status, 3, "{refused:?}");
    fs::write(&path, "").expect("written");
    let mut command = of_appliance(&["config", "check"], &appliance.data());
    let refused = run(command.env("AIWORKLAB_LISTEN_PEPLE", "127.0.0.1:1"), b"");
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(refused.stderr.contains("AIWORKLAB_LISTEN_PEPLE"), "{refused:?}");
    assert!(refused.stderr.contains("AIWORKLAB_LISTEN_PEOPLE"), "{refused:?}");
}

#[test]
fn a_configuration_that_is_no_toml_or_has_a_value_of_the_wrong_kind_is_named_with_its_place() {
    let appliance = Appliance::start();
    let path = appliance.data().join("config.toml");
    for (content, parts) in [
        ("[listen\npeople = 1\n", vec!["config.toml", "1"]),
        ("[figures]\nk = 3\n", vec!["config.toml", ":2", "k", "5"]),
        ("[listen]\npeople = \"localhost\"\n", vec![":2", "people", "127.0.0.1:8443"]),
        ("[log]\nlevel = \"loud\"\n", vec![":2", "level", "warn"]),
    ] {
        fs::write(&path, content).expect("written");
        let refused = appliance.command(&["config", "check"]);
        assert_eq!(refused.status, 3, "{refused:?}");
        for part in parts {
            assert!(refused.stderr.contains(part), "does not say {part}: {}", refused.stderr);
        }
    }
}

#[test]
fn a_data_directory_that_cannot_be_read_is_named_with_the_fix() {
    let scratch = tempfile::TempDir::new().expect("a folder");
    let missing = scratch.path().join("nowhere");
    let file = scratch.path().join("file");
    fs::write(&file, "not a folder").expect("written");
    let below = file.join("data");
    for dir in [&missing, &file, &below] {
        for args in [&["serve", "--json"][..], &["status", "--json"], &["admin", "link", "--json"]] {
            let said = failure(&mut of_appliance(args, dir));
            let all = said.to_string();
            assert!(all.contains(&dir.display().to_string()), "{args:?} does not name it: {said}");
            assert!(!text(&said["fix"]).is_empty() && !text(&said["code"]).is_empty(), "{said}");
            assert_eq!(said["exit"], 4, "{args:?} {}: {said}", dir.display());
        }
        assert!(!missing.exists(), "nothing was made");
    }
    // Of a whole one, a part that is gone or is not what it should be.
    let mut appliance = Appliance::start();
    appliance.stop();
    let data = appliance.data();
    let damage: [(&str, &dyn Fn(&Path)); 3] = [
        ("kek", &|data| fs::remove_file(data.join("keys/kek")).expect("removed")),
        ("store.json", &|data| fs::write(data.join("store.json"), "{").expect("written")),
        ("store.db", &|data| {
            let _ = fs::remove_file(data.join("store.db-wal"));
            fs::write(data.join("store.db"), "no database ".repeat(1000)).expect("written");
        }),
    ];
    for (name, break_it) in damage {
        let copy = scratch.path().join(name);
        let copied = run(Command::new("cp").arg("-a").arg(&data).arg(&copy), b"");
        assert_eq!(copied.status, 0, "{copied:?}");
        break_it(&copy);
        let said = failure(&mut of_appliance(&["serve", "--json", "--people", "127.0.0.1:0", "--devices", "127.0.0.1:0"], &copy));
        assert!(said.to_string().contains(name), "{name} is not named: {said}");
        assert!(!text(&said["fix"]).is_empty() && !text(&said["code"]).is_empty(), "{said}");
    }
}

#[test]
fn a_data_directory_newer_than_the_build_is_left_alone() {
    let mut appliance = Appliance::start();
    appliance.stop();
    let database = appliance.database();
    let columns: String = database
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'migration'", [], |row| row.get(0))
        .expect("there are versions");
    let newer = database.execute(
        "INSERT INTO migration SELECT * FROM migration WHERE version = (SELECT MAX(version) FROM migration) ON CONFLICT DO NOTHING",
        [],
    );
    assert!(newer.is_ok(), "{columns}");
    database.execute("UPDATE migration SET version = 9000 WHERE version = (SELECT MAX(version) FROM migration)", [])
        .expect("a version can be raised");
    drop(database);
    let before = fs::read(appliance.data().join("store.db")).expect("the file");
    let args = ["serve", "--json", "--people", "127.0.0.1:0", "--devices", "127.0.0.1:0"];
    let said = failure(&mut of_appliance(&args, &appliance.data()));
    assert_eq!(said["code"], "S004", "{said}");
    assert!(said.to_string().contains("9000"), "the version is named: {said}");
    assert!(text(&said["fix"]).contains("newer") || text(&said["fix"]).contains("release"), "{said}");
    let after = fs::read(appliance.data().join("store.db")).expect("the file");
    assert_eq!(before, after, "it was not touched");
}

#[test]
fn a_taken_address_and_a_second_server_are_named() {
    let appliance = Appliance::start();
    let args = ["serve", "--json", "--people", "127.0.0.1:0", "--devices", "127.0.0.1:0"];
    let said = failure(&mut of_appliance(&args, &appliance.data()));
    assert_eq!((&said["exit"], &said["code"]), (&json!(5), &json!("D003")), "{said}");
    let other = tempfile::TempDir::new().expect("a folder");
    let data = other.path().join("data");
    assert_eq!(run(&mut of_appliance(&["init"], &data), b"").status, 0);
    let taken = appliance.people().trim_start_matches("https://").to_owned();
    let args = ["serve", "--json", "--people", &taken, "--devices", "127.0.0.1:0"];
    let said = failure(&mut of_appliance(&args, &data));
    assert_eq!(said["exit"], 6, "{said}");
    assert!(said.to_string().contains(&taken), "{said}");
    let again = failure(&mut of_appliance(&["init", "--json"], &data));
    assert_eq!((&again["exit"], &again["code"]), (&json!(5), &json!("D001")), "{again}");
    let clock = failure(&mut of_appliance(&["serve", "--json", "--clock=+7d"], &data));
    assert_eq!((&clock["exit"], &clock["code"]), (&json!(5), &json!("S011")), "{clock}");
}

// --- people

#[test]
fn a_link_that_was_used_has_run_out_or_never_was_says_so() {
    let appliance = Appliance::start();
    let link = appliance.link(None);
    appliance.browser().open_link(&link);
    let mut browser = appliance.browser();
    let used = browser.get(&link).expect(410);
    assert!(used.says("used already"), "{}", used.text());
    assert!(used.says("admin link"), "the fix is there: {}", used.text());
    let pressed = browser.post(&link, &[]).expect(410);
    assert!(pressed.headers.get("set-cookie").is_none(), "nobody is signed in");

    // One that was made 31 minutes ago.
    let edges = Edges::system();
    let made = edges.clock.now() - identity::LINK_LIFE_S - 60;
    let purpose = identity::LinkPurpose::FirstAdmin;
    let (token, record) = identity::new_link(purpose, made, [7; 32]);
    let act = Act::new(Actor::Console, Action::IssueLink, made);
    let put = move |txn: &mut org_store::WriteTxn<'_>| {
        link_token::put(txn, &record.hash, link_token::Purpose::FirstAdmin, made)
    };
    appliance.parts().store.write_blocking(act, put).expect("a link is kept");
    let late = browser.get(&format!("/link/{token}")).expect(410);
    assert!(late.says("run out") || late.says("expired"), "{}", late.text());
    let _ = browser.post(&format!("/link/{token}"), &[]).expect(410);

    let unknown = browser.get(&format!("/link/{}", "A".repeat(43))).expect(404);
    assert!(unknown.says("link"), "{}", unknown.text());
    let _ = browser.get("/link/short").expect(404);
    let begun = appliance.audit().iter().filter(|act| act.starts_with("session.begin")).count();
    assert_eq!(begun, 1, "{:?}", appliance.audit());
}

#[test]
fn a_wrong_fingerprint_at_enrolment_sends_nothing_and_shows_both() {
    let appliance = Appliance::start();
    let laptop = Laptop::new();
    let wrong = format!("sha256:{}", "00".repeat(32));
    let args = ["enrol", &appliance.people(), "--ca-fingerprint", &wrong];
    let told = laptop.run(&args).refused();
    for part in ["C011", &wrong, &appliance.fingerprint(), "Nothing was sent"] {
        assert!(told.contains(part), "does not say {part}: {told}");
    }
    assert!(!laptop.home().join("device.key").exists(), "no key is left");
    assert!(!appliance.log().contains("/v1/enrol/start"), "it was asked all the same");
    for (fingerprint, code) in [("sha256:12", "C009"), ("nonsense", "C009")] {
        let args = ["enrol", &appliance.people(), "--ca-fingerprint", fingerprint];
        let told = laptop.run(&args).refused();
        assert!(told.contains(code) && told.contains("fix:"), "{told}");
    }
    let good = appliance.fingerprint();
    for address in ["http://127.0.0.1:1", "127.0.0.1", "https://127.0.0.1:1"] {
        let told = laptop.run(&["enrol", address, "--ca-fingerprint", &good]).refused();
        assert!(told.contains("error C0") && told.contains("fix:"), "{told}");
    }
    let told = laptop.run(&["sync"]).refused();
    assert!(told.contains("C016") && told.contains("aiworklab enrol"), "{told}");
}

// --- pushes

struct Enrolled {
    appliance: Appliance,
    laptop: Laptop,
    device: Device,
    hour: i64,
}

fn enrolled() -> Enrolled {
    let appliance = Appliance::start();
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut appliance.signed_in(None), "a-laptop");
    let device = laptop.device(&appliance);
    let pulled = json_of(&device.json("POST", "/v1/sync/pull", r#"{"have":{},"limit":1}"#));
    let hour = pulled["now"].as_i64().expect("a time").div_euclid(3600) * 3600;
    Enrolled { appliance, laptop, device, hour }
}

const STREAM: &str = "00112233445566778899aabbccddeeff";

fn seen(i: u64, concept: &str, at: i64) -> Value {
    json!({ "i": i, "c": concept, "k": "seen", "f": "unknown", "t": "seen", "at": at })
}

fn push(base: u64, deltas: &[Value]) -> Value {
    json!({ "v": 1, "stream": STREAM, "base": base, "catalogue": 1, "deltas": deltas })
}

/// The stream's head, as the appliance has it.
fn head(device: &Device) -> u64 {
    let reply = json_of(&device.json("POST", "/v1/sync/pull", r#"{"have":{},"limit":1000}"#));
    reply["streams"][STREAM]["head"].as_u64().unwrap_or(0)
}

#[test]
fn a_bad_delta_is_refused_alone_and_its_neighbours_are_kept() {
    let Enrolled { device, hour, appliance: _appliance, .. } = enrolled();
    let deltas = [
        seen(1, "pg-advisory-locks", hour),
        seen(2, "no-such-concept", hour),
        seen(3, "http-idempotency", hour + 1),
        json!({ "i": 4, "c": "http-idempotency", "k": "seen", "o": "pass", "f": "unknown", "t": "seen", "at": hour }),
        seen(5, "http-idempotency", hour),
        json!({ "i": 6, "c": "http-idempotency", "k": "applied", "f": "seen", "t": "seen", "at": hour }),
        seen(7, "Not A Slug", hour),
    ];
    let page = device.json("POST", "/v1/sync/push", push(1, &deltas).to_string()).expect(200);
    let results = json_of(&page)["results"].clone();
    let became = |at: usize| (text(&results[at]["r"]), text(&results[at]["code"]));
    assert_eq!(became(0).0, "ok", "{results}");
    assert_eq!(became(1), ("reject".into(), "slug".into()), "{results}");
    assert_eq!(became(2), ("reject".into(), "at".into()), "{results}");
    assert_eq!(became(3).0, "reject", "an answer where there is none: {results}");
    assert_eq!(became(4).0, "ok", "{results}");
    assert_eq!(became(5).0, "reject", "reserved, and sent by no client: {results}");
    assert_eq!(became(6), ("reject".into(), "slug".into()), "{results}");
    assert_eq!(head(&device), 7, "no hole is left");
    let again = device.json("POST", "/v1/sync/push", push(1, &deltas[..1]).to_string()).expect(200);
    assert_eq!(json_of(&again)["results"][0]["r"], "dup", "{}", again.body);
}

#[test]
fn a_body_that_is_wrong_is_refused_whole_with_what_and_the_fix() {
    let Enrolled { device, hour, appliance, .. } = enrolled();
    let good = seen(1, "pg-advisory-locks", hour);
    let mut with_field = good.clone();
    with_field["path"] = json!("/home/ada/secret.py");
    let mut beside = push(1, std::slice::from_ref(&good));
    beside["host"] = json!("ada-laptop");
    let with_version = |v: u16| {
        let mut body = push(1, std::slice::from_ref(&good));
        body["v"] = json!(v);
        body.to_string()
    };
    let many: Vec<Value> = (1..=501).map(|i| seen(i, "pg-advisory-locks", hour)).collect();
    let cases: Vec<(&str, String, u16, Vec<&str>)> = vec![
        ("a field of a delta", push(1, &[with_field]).to_string(), 400, vec!["`path`", "does not exist"]),
        ("a field of a push", beside.to_string(), 400, vec!["`host`", "does not exist"]),
        ("half a body", push(1, std::slice::from_ref(&good)).to_string()[..60].to_owned(), 400, vec!["not JSON", "line 1", "column"]),
        ("no JSON", "deltas=1".to_owned(), 400, vec!["not JSON"]),
        ("nothing", String::new(), 400, vec!["not JSON"]),
        ("a text for a number", push(1, std::slice::from_ref(&good)).to_string().replace("\"base\":1", "\"base\":\"1\""), 400, vec!["wrong kind"]),
        ("another kind", push(1, std::slice::from_ref(&good)).to_string().replace("\"seen\",\"f\"", "\"guessed\",\"f\""), 400, vec!["expected"]),
        ("a mebibyte", format!("{}{}", " ".repeat(1 << 20), push(1, std::slice::from_ref(&good))), 413, vec!["262144", "Send less"]),
        ("too many", push(1, &many).to_string(), 400, vec!["500"]),
        ("none", push(1, &[]).to_string(), 400, vec!["delta"]),
        ("a newer wire", with_version(2), 426, vec!["Version 2", "1"]),
        ("a gap", push(9, &[seen(9, "pg-advisory-locks", hour)]).to_string(), 409, vec!["beyond"]),
        ("the future", push(1, &[seen(1, "pg-advisory-locks", hour + 3 * 3600)]).to_string(), 409, vec!["future"]),
    ];
    for (what, body, status, parts) in cases {
        let page = device.json("POST", "/v1/sync/push", body);
        assert_eq!(page.status, status, "{what}: {}", page.body);
        let said = json_of(&page);
        let detail = text(&said["detail"]);
        assert!(text(&said["code"]).len() == 4, "{what} has a code: {said}");
        for part in parts {
            assert!(detail.contains(part), "{what} does not say {part}: {detail}");
        }
        assert!(!detail.contains("secret.py") && !detail.contains("ada-laptop"), "{what} repeats what was sent: {detail}");
        assert_eq!(head(&device), 0, "{what} left something behind");
    }
    let kinds = [("text/plain", None), ("application/json", Some("gzip"))];
    for (kind, coding) in kinds {
        let mut headers = vec![("content-type", kind)];
        headers.extend(coding.map(|coding| ("content-encoding", coding)));
        let body = push(1, std::slice::from_ref(&good)).to_string();
        let page = device.send("POST", "/v1/sync/push", &headers, body);
        assert_eq!(page.status, 415, "{}", page.body);
    }
    let log = appliance.log();
    assert!(!log.contains("secret.py"), "what was sent stands in the log");
}

/// How much memory a process has had at most, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is counted");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_bomb_of_zstd_is_refused_without_being_inflated() {
    let Enrolled { device, appliance, .. } = enrolled();
    let packed = zstd::encode_all(std::io::repeat(b' ').take_all(256 << 20), 3).expect("it packs");
    assert!(packed.len() < 256 * 1024, "{} bytes", packed.len());
    let headers = [("content-type", "application/json"), ("content-encoding", "zstd")];
    let before = peak_kib(appliance.pid());
    for _ in 0..4 {
        let page = device.send("POST", "/v1/sync/push", &headers, packed.clone());
        assert_eq!(page.status, 413, "{}", page.body);
        assert!(text(&json_of(&page)["detail"]).contains("1048576"), "{}", page.body);
    }
    let grown = peak_kib(appliance.pid()) - before;
    assert!(grown < 48 * 1024, "the server grew by {grown} KiB");
    let broken = device.send("POST", "/v1/sync/push", &headers, "no zstd");
    assert_eq!(broken.status, 400, "{}", broken.body);
    assert!(broken.body.contains("zstd"), "{}", broken.body);
}

trait TakeAll: std::io::Read + Sized {
    fn take_all(self, bytes: u64) -> std::io::Take<Self> {
        self.take(bytes)
    }
}
impl<R: std::io::Read> TakeAll for R {}

// --- hooks

#[test]
fn a_hook_is_silent_and_succeeds_whatever_it_is_given() {
    let laptop = Laptop::new();
    let recorded = fs::read_to_string(harness::capture("claude-code").join("hooks.jsonl")).expect("there");
    let long = recorded.lines().max_by_key(|line| line.len()).expect("a line");
    let deep = "[".repeat(100_000);
    let payloads: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\n".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"{}".to_vec(),
        br#"{"hook_event_name":"NobodyKnowsThis","session_id":"s"}"#.to_vec(),
        br#"{"hook_event_name":"PostToolUse","session_id":7,"tool_name":[],"tool_input":"x"}"#.to_vec(),
        br#"{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Write","tool_input":{"file_path":3}}"#.to_vec(),
        vec![0xff, 0xfe, 0x00, 0x80],
        deep.into_bytes(),
        long.as_bytes()[..long.len() / 2].to_vec(),
    ];
    for payload in &payloads {
        laptop.hook(payload);
    }
    for args in [&["hook"][..], &["hook", "no-such-harness"], &["hook", "claude-code", "--more"]] {
        let output = laptop.run_with(args, b"{}");
        assert_eq!((output.status, output.stdout, output.stderr), (0, String::new(), String::new()), "{args:?}");
    }
    let read = laptop.run(&["agent", "--once"]).ok();
    assert!(read.stdout.contains("not understood"), "{}", read.stdout);
    let status = laptop.json(&["status"]);
    assert_eq!(status["spool_bytes"], 0, "{status}");
    assert!(status["not_used"].as_object().is_some_and(|why| !why.is_empty()), "{status}");
    // A whole one still works.
    laptop.hook(long.as_bytes());
    let read = laptop.run(&["agent", "--once"]).ok();
    assert!(read.stdout.starts_with("1 event read"), "{}", read.stdout);
}

#[test]
fn a_hook_without_a_home_or_a_disk_is_silent_and_succeeds() {
    let scratch = tempfile::TempDir::new().expect("a folder");
    let file = scratch.path().join("file");
    fs::write(&file, "x").expect("written");
    let payload = br#"{"hook_event_name":"Stop","session_id":"s"}"#;
    for home in [file.join("below"), "/proc/nowhere".into(), "relative".into()] {
        let mut command = Command::new(program(Program::Client));
        command.args(["hook", "claude-code"]).env_clear().env("AIWORKLAB_HOME", &home);
        let output = run(&mut command, payload);
        assert_eq!((output.status, output.stdout, output.stderr), (0, String::new(), String::new()), "{home:?}");
    }
    // No file may grow: as on a full disk, a write fails in the middle.
    let home = scratch.path().join("home");
    let mut command = Command::new("bash");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" hook claude-code";
    command.args(["-c", script]).arg(program(Program::Client)).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("AIWORKLAB_HOME", &home);
    let large = format!(r#"{{"hook_event_name":"Stop","session_id":"{}"}}"#, "s".repeat(100_000));
    let output = run(&mut command, large.as_bytes());
    assert_eq!((output.status, output.stdout, output.stderr), (0, String::new(), String::new()));
    let mut agent = Command::new(program(Program::Client));
    agent.args(["agent", "--once"]).env_clear().env("AIWORKLAB_HOME", &home);
    let read = run(&mut agent, b"");
    assert_eq!(read.status, 0, "what was torn is passed over: {read:?}");
}

#[test]
fn a_hook_takes_a_hundred_megabytes_in_little_memory_and_keeps_one() {
    let laptop = Laptop::new();
    let mut payload = br#"{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Bash","tool_input":{"command":"cat log"},"tool_use_id":"t","tool_response":{"stdout":""#.to_vec();
    payload.resize(100 << 20, b'a');
    payload.extend_from_slice(br#""}}"#);
    let mut command = Command::new("bash");
    let script = "ulimit -v 131072; exec \"$0\" hook claude-code";
    command.args(["-c", script]).arg(program(Program::Client)).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("AIWORKLAB_HOME", laptop.home());
    let output = run(&mut command, &payload);
    assert_eq!((output.status, output.stdout, output.stderr), (0, String::new(), String::new()));
    let spooled: u64 = fs::read_dir(laptop.home().join("spool"))
        .expect("a spool")
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|file| file.len())
        .sum();
    assert!((1..=(1 << 20) + 4096).contains(&spooled), "{spooled} bytes are kept");
    let read = laptop.run(&["agent", "--once"]).ok();
    assert!(read.stdout.starts_with("1 event read"), "{}", read.stdout);
}

// --- the disk

/// Free space on the disk of a process's own, filled and freed through the process's eyes.
struct SmallDisk {
    balloon: std::path::PathBuf,
}

impl SmallDisk {
    fn of(appliance: &Appliance) -> Self {
        let seen = format!("/proc/{}/root{}", appliance.pid(), appliance.data().display());
        Self { balloon: Path::new(&seen).join("balloon") }
    }

    /// Until nothing fits any more.
    fn fill(&self) {
        let mut file = fs::File::create(&self.balloon).expect("it can be begun");
        let mut piece = 1 << 20;
        while piece > 0 {
            if std::io::Write::write_all(&mut file, &vec![1; piece]).is_err() {
                piece /= 2;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(&self.balloon).expect("it can be freed");
    }
}

#[test]
fn a_full_disk_is_answered_507_with_nothing_half_written_and_passes() {
    let Enrolled { mut appliance, laptop, hour, .. } = enrolled();
    // The data directory again, on a disk of 24 MiB that only the server sees.
    let data = appliance.data();
    let copy = appliance.scratch().join("copy");
    appliance.stop();
    let copied = run(Command::new("cp").arg("-a").arg(&data).arg(&copy), b"");
    assert_eq!(copied.status, 0, "{copied:?}");
    let script = format!(
        "mount -t tmpfs -o size=24m,mode=700 tmpfs '{data}' && cp -a '{copy}/.' '{data}/' && exec \"$@\"",
        data = data.display(),
        copy = copy.display()
    );
    appliance.restart_under(&["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", &script, "bash"]);
    let disk = SmallDisk::of(&appliance);
    let device = laptop.device(&appliance);

    let one = push(1, &[seen(1, "pg-advisory-locks", hour)]).to_string();
    let _ = device.json("POST", "/v1/sync/push", one).expect(200);
    disk.fill();
    let concepts: Vec<&str> = vec!["http-idempotency", "http-retries", "py-clocks", "web-sql-injection"];
    let deltas: Vec<Value> =
        (2..=400).map(|i| seen(i, concepts[i as usize % concepts.len()], hour - 3600 * i as i64)).collect();
    let body = push(2, &deltas).to_string();
    // The log may have room left from before; a few hundred deltas have none.
    let page = until("a disk that is full", || {
        let page = device.json("POST", "/v1/sync/push", body.clone());
        (page.status != 200).then_some(page)
    });
    assert!([503, 507].contains(&page.status.as_u16()), "{} {}", page.status, page.body);
    let said = json_of(&page);
    let detail = text(&said["detail"]);
    assert!(detail.contains("disk is full") && detail.contains("Free space"), "{said}");
    assert!(page.headers.get("retry-after").is_some(), "{:?}", page.headers);
    assert_eq!(head(&device), 1, "all or nothing");
    let told = laptop.run(&["sync"]);
    assert_eq!(told.status, 0, "a pull needs no disk: {told:?}");
    assert!(appliance.log().contains("disk"), "the administrator reads it in the log");

    disk.free();
    let page = device.json("POST", "/v1/sync/push", body).expect(200);
    let results = json_of(&page)["results"].clone();
    let ok = results.as_array().map(|all| all.iter().filter(|one| one["r"] == "ok").count());
    assert_eq!(ok, Some(deltas.len()), "{results}");
    assert_eq!(head(&device), 400);
    appliance.stop();
}
