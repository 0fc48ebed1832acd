//! Catching up on recorded sessions that have hooks and transcript both.

use super::*;
use crate::agent;
use crate::spool;
use crate::store::fresh_stream;
use crate::world::still::Still;
use kernel::delta::Scope;
use kernel::ids::Slug;
use kernel::sync::{Rows, client};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};

/// A while after each of the recordings, of the same day.
const NOW: i64 = 1_795_514_400;

/// Harness, hooks, transcript.
const BOTH: [(Harness, &str, &str); 3] = [
    (
        Harness::ClaudeCode,
        "claude-code/hooks.jsonl",
        "claude-code/transcript.jsonl",
    ),
    (
        Harness::ClaudeCode,
        "claude-code-payments/hooks.jsonl",
        "claude-code-payments/transcript.jsonl",
    ),
    (Harness::Codex, "codex/hooks.jsonl", "codex/rollout.jsonl"),
];

fn recording(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/captures/");
    fs::read_to_string(Path::new(folder).join(name)).unwrap()
}

struct Desk {
    folder: tempfile::TempDir,
    home: Home,
    world: Still,
    store: Store,
    ears: Ears,
    harness: Harness,
}

/// What is known: concepts met, and mentions without their time.
type Known = (BTreeSet<String>, Vec<String>);

impl Desk {
    fn new(harness: Harness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let world = Still::at(NOW);
        let store = Store::open(&world, &home).unwrap();
        let ears = Ears::catching_up(&home);
        Self {
            folder,
            home,
            world,
            store,
            ears,
            harness,
        }
    }

    fn transcript(&self) -> PathBuf {
        self.folder.path().join("transcript.jsonl")
    }

    /// The payloads of a recording, with a transcript that is there.
    fn payloads(&self, name: &str) -> Vec<Value> {
        let text = recording(name);
        let payloads = text.lines().map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            let mut payload = value.get("payload").unwrap_or(&value).clone();
            if payload.get("transcript_path").is_some() {
                payload["transcript_path"] = json!(self.transcript());
            }
            payload
        });
        payloads.collect()
    }

    fn tell(&self, payload: &Value) {
        let bytes = payload.to_string();
        let at = self.world.now();
        spool::append(
            &self.home.spool(),
            self.harness,
            at,
            bytes.as_bytes(),
            false,
        )
        .unwrap();
    }

    /// Tells all but what tools did.
    fn tell_but_acts(&self, name: &str) {
        for payload in self.payloads(name) {
            let kind = payload["hook_event_name"].as_str().unwrap_or_default();
            if !kind.starts_with("PostToolUse") && !kind.starts_with("Task") {
                self.tell(&payload);
            }
        }
    }

    fn pass(&mut self) -> Report {
        let Self {
            world,
            home,
            store,
            ears,
            ..
        } = self;
        agent::watched(world, home, store, ears, &mut |_| {}).unwrap()
    }

    fn restart(&mut self) {
        self.ears = Ears::catching_up(&self.home);
    }

    fn known(&mut self) -> Known {
        let concepts = self.store.read(|txn| txn.all()).unwrap();
        let concepts = concepts
            .iter()
            .filter_map(|row| row.delta.concept())
            .map(|concept| concept.to_string());
        let mentions = self.store.read(|txn| {
            let concepts = txn.met_since(0)?;
            concepts
                .iter()
                .map(|concept| Ok((concept.clone(), txn.met_all(concept)?)))
                .collect::<Result<Vec<_>>>()
        });
        let mut mentions: Vec<_> = mentions
            .unwrap()
            .iter()
            .flat_map(|(concept, all)| all.iter().map(move |met| (concept, met)))
            .map(|(concept, met)| format!("{concept} {} {:?} {}", met.file, met.row, met.rule))
            .collect();
        mentions.sort();
        (concepts.collect(), mentions)
    }

    fn tally(&mut self, name: &str) -> u64 {
        let tallies = self.store.read(|txn| txn.tallies()).unwrap();
        tallies.get(name).copied().unwrap_or(0)
    }

    fn listed(&self) -> String {
        fs::read_to_string(self.home.path().join(NAME)).unwrap_or_default()
    }
}

#[test]
fn an_act_that_hook_and_transcript_tell_counts_once() {
    for (harness, hooks, transcript) in BOTH {
        let mut alone = Desk::new(harness);
        for payload in alone.payloads(hooks) {
            alone.tell(&payload);
        }
        alone.pass();
        let known = alone.known();
        assert!(
            !known.0.is_empty() && !known.1.is_empty(),
            "{hooks}: {known:?}"
        );

        let mut both = Desk::new(harness);
        fs::write(both.transcript(), recording(transcript)).unwrap();
        for payload in both.payloads(hooks) {
            both.tell(&payload);
        }
        let report = both.pass();
        assert_eq!(report.recalled, 0, "{transcript}");
        assert_eq!(both.known(), known, "{transcript}");

        // The other way round: the transcript alone, then the hooks that come late.
        let mut late = Desk::new(harness);
        fs::write(late.transcript(), recording(transcript)).unwrap();
        late.tell_but_acts(hooks);
        let report = late.pass();
        assert!(report.recalled >= 3, "{transcript}: {report:?}");
        let mut caught_up = late.known();
        for payload in late.payloads(hooks) {
            late.tell(&payload);
        }
        assert_eq!(late.pass().recalled, 0);
        assert_eq!(late.known(), known, "{transcript}");
        // A plan that no hook told brings up the same.
        caught_up.1.sort();
        assert_eq!(caught_up, known, "{transcript}");
    }
}

#[test]
fn a_transcript_is_read_at_the_end_of_a_turn_and_as_far_as_its_lines_are_whole() {
    let (harness, hooks, transcript) = BOTH[1];
    let mut desk = Desk::new(harness);
    let text = recording(transcript);
    let half = text.len() * 2 / 3;
    fs::write(desk.transcript(), &text.as_bytes()[..half]).unwrap();
    let payloads = desk.payloads(hooks);
    let named = |name: &str| payloads.iter().find(|it| it["hook_event_name"] == name);
    desk.tell(named("UserPromptSubmit").unwrap());
    assert_eq!(desk.pass().recalled, 0, "in the middle of a turn");
    let stop = named("Stop").unwrap();
    desk.tell(stop);
    let first = desk.pass().recalled;
    assert!(first > 0);
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(desk.transcript())
        .unwrap();
    file.write_all(&text.as_bytes()[half..]).unwrap();
    assert_eq!(desk.pass().recalled, 0, "nothing ended");
    desk.tell(stop);
    let second = desk.pass().recalled;
    assert!(second > 0);
    assert_eq!(desk.tally(NO_JSON), 0);
    let mut whole = Desk::new(harness);
    fs::write(whole.transcript(), &text).unwrap();
    whole.tell(&{
        let mut stop = stop.clone();
        stop["transcript_path"] = json!(whole.transcript());
        stop
    });
    assert_eq!(whole.pass().recalled, first + second);
    assert_eq!(whole.known().0, desk.known().0);
}

#[test]
fn an_agent_that_starts_reads_on_and_one_that_was_broken_off_counts_nothing_twice() {
    let (harness, hooks, transcript) = BOTH[1];
    let mut desk = Desk::new(harness);
    let text = recording(transcript);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let payloads = desk.payloads(hooks);
    let stop = payloads.iter().find(|it| it["hook_event_name"] == "Stop");
    fs::write(desk.transcript(), "").unwrap();
    desk.tell(stop.unwrap());
    desk.pass();
    let mut found = 0;
    for line in &lines {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .open(desk.transcript())
            .unwrap();
        file.write_all(line.as_bytes()).unwrap();
        // A new life between any two lines.
        desk.restart();
        found += desk.pass().recalled;
    }
    let mut whole = Desk::new(harness);
    fs::write(whole.transcript(), &text).unwrap();
    let mut stop = stop.unwrap().clone();
    stop["transcript_path"] = json!(whole.transcript());
    whole.tell(&stop);
    assert_eq!(found, whole.pass().recalled);
    // As if it had died before it wrote down how far it was.
    let listed = desk.listed();
    let mut before: Value = serde_json::from_str(&listed).unwrap();
    before[0]["position"] = json!(0);
    fs::write(desk.home.path().join(NAME), before.to_string()).unwrap();
    desk.restart();
    let known = desk.known();
    assert_eq!(desk.pass().recalled, 0);
    assert_eq!(desk.known(), known);
}

#[test]
fn a_transcript_that_is_cut_or_replaced_is_read_anew() {
    let (harness, hooks, transcript) = BOTH[0];
    let mut desk = Desk::new(harness);
    let text = recording(transcript);
    fs::write(desk.transcript(), &text).unwrap();
    let payloads = desk.payloads(hooks);
    let stop = payloads.iter().find(|it| it["hook_event_name"] == "Stop");
    desk.tell(stop.unwrap());
    let first = desk.pass().recalled;
    let known = desk.known();
    let renamed = text.replace("toolu_", "again_");
    type Way = fn(&Path, &str);
    let ways: [Way; 3] = [
        // Cut.
        |path, text| fs::write(path, &text[..text.len() / 2]).unwrap(),
        // Replaced by another file.
        |path, text| {
            let beside = path.with_extension("new");
            fs::write(&beside, text).unwrap();
            fs::rename(beside, path).unwrap();
        },
        // Written anew, longer, in the same file.
        |path, text| fs::write(path, format!("{{}}\n{text}{text}")).unwrap(),
    ];
    for (n, way) in (1..).zip(ways) {
        way(&desk.transcript(), &text);
        desk.tell(stop.unwrap());
        assert_eq!(desk.pass().recalled, 0, "way {n}");
        assert_eq!(desk.tally(ANEW), n);
    }
    assert_eq!(desk.known(), known);
    fs::write(desk.transcript(), &renamed).unwrap();
    desk.tell(stop.unwrap());
    assert_eq!(desk.pass().recalled, first, "other acts are other acts");
}

#[test]
fn only_a_plain_file_of_this_account_is_read() {
    let (harness, hooks, transcript) = BOTH[0];
    type Way = fn(&Path, &Path);
    let ways: [(Way, u64); 5] = [
        (|path, real| symlink(real, path).unwrap(), 1),
        (
            |path, _| {
                let mode = Mode::RUSR | Mode::WUSR;
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
            },
            1,
        ),
        (
            |path, _| drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
            1,
        ),
        (|path, _| fs::create_dir(path).unwrap(), 1),
        // Not there: another machine's, behind a forwarded socket.
        (|_, _| {}, 0),
    ];
    for (n, (way, refused)) in ways.into_iter().enumerate() {
        let mut desk = Desk::new(harness);
        let real = desk.folder.path().join("real.jsonl");
        fs::write(&real, recording(transcript)).unwrap();
        way(&desk.transcript(), &real);
        for payload in desk.payloads(hooks) {
            if payload["hook_event_name"] == "Stop" {
                desk.tell(&payload);
            }
        }
        assert_eq!(desk.pass().recalled, 0, "way {n}");
        assert_eq!(desk.tally(REFUSED), refused, "way {n}");
        desk.restart();
        desk.pass();
        assert_eq!(desk.tally(REFUSED), refused, "way {n}");
    }
    if rustix::process::geteuid().is_root() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anothers.jsonl");
        fs::write(&path, "{}\n").unwrap();
        assert!(opened(&path).is_ok());
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        let refused = opened(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn what_a_pass_reads_is_bounded_and_a_long_line_costs_itself_alone() {
    let (harness, hooks, transcript) = BOTH[0];
    let mut desk = Desk::new(harness);
    let text = recording(transcript);
    let (head, rest) = text.split_at(text.find('\n').unwrap() + 1);
    let mut file = File::create(desk.transcript()).unwrap();
    file.write_all(head.as_bytes()).unwrap();
    // A picture of 9 MiB, then 16 MiB of talk.
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(9 << 20));
    file.write_all(long.as_bytes()).unwrap();
    let talk = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1 << 20));
    for _ in 0..16 {
        file.write_all(talk.as_bytes()).unwrap();
    }
    file.write_all(rest.as_bytes()).unwrap();
    for payload in desk.payloads(hooks) {
        if payload["hook_event_name"] == "SessionEnd" {
            desk.tell(&payload);
        }
    }
    let mut passes = 0;
    let recalled = loop {
        passes += 1;
        let report = desk.pass();
        if !report.more {
            break report.recalled;
        }
        assert_eq!(report.recalled, 0);
        assert!(desk.listed().contains("\"wanted\":true"));
        // In another life.
        desk.restart();
    };
    assert!((2..=4).contains(&passes), "{passes} passes");
    assert!(recalled >= 3, "{recalled}");
    assert_eq!(desk.tally(TOO_LONG), 1);
    assert_eq!(desk.tally(NO_JSON), 0);
    assert_eq!(
        desk.listed(),
        "",
        "the session ended: nothing is remembered of it"
    );
}

#[test]
fn who_does_not_read_notes_it_for_who_does_and_a_day_later_nothing_is_known() {
    let (harness, hooks, transcript) = BOTH[0];
    let mut desk = Desk::new(harness);
    fs::write(desk.transcript(), recording(transcript)).unwrap();
    desk.tell_but_acts(hooks);
    let stops = desk.payloads(hooks);
    let stop = stops
        .iter()
        .find(|it| it["hook_event_name"] == "Stop")
        .unwrap();
    desk.tell(stop);
    let report = agent::run(&desk.world, &desk.home, &mut desk.store).unwrap();
    assert_eq!(report.recalled, 0, "another command");
    let path = desk.home.path().join(NAME);
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert!(desk.pass().recalled >= 3);
    let bytes = fs::read(desk.home.database()).unwrap();
    let place = desk.transcript();
    let place = place.as_os_str().as_encoded_bytes();
    assert!(
        !bytes.windows(place.len()).any(|it| it == place),
        "a path in the store"
    );
    assert!(!desk.listed().contains("token bucket"), "a prompt");
    desk.world.now.set(NOW + DAY + HOUR);
    desk.pass();
    assert!(!path.exists(), "a day later");
}

#[test]
fn what_was_forgotten_is_not_caught_up_on_and_forgetting_all_forgets_the_files() {
    let (harness, hooks, transcript) = BOTH[1];
    let mut desk = Desk::new(harness);
    desk.tell_but_acts(hooks);
    let payloads = desk.payloads(hooks);
    let stop = payloads
        .iter()
        .find(|it| it["hook_event_name"] == "Stop")
        .unwrap();
    desk.tell(stop);
    desk.pass();
    assert_ne!(desk.listed(), "");
    let fresh = fresh_stream(&desk.world).unwrap();
    desk.store
        .write(|txn| client::retract(txn, NOW, || fresh, Scope::All))
        .unwrap();
    forget(&desk.home).unwrap();
    forget(&desk.home).unwrap();
    // Two hours later something else is met, so the stream's hour has moved on.
    desk.world.now.set(NOW + 2 * HOUR);
    desk.tell(&json!({"hook_event_name": "PostToolUse", "session_id": "x", "tool_use_id": "y",
        "tool_name": "Write", "tool_response": {"type": "create"}, "tool_input": {
            "file_path": "/a/b.py", "content": "import threading\nlock = threading.Lock()\nwith lock:\n    pass\n"}}));
    assert!(!desk.pass().met.is_empty());
    let known = desk.known();
    fs::write(desk.transcript(), recording(transcript)).unwrap();
    desk.tell(stop);
    let report = desk.pass();
    assert!(report.recalled > 0);
    assert_eq!(report.met, BTreeSet::<Slug>::new());
    assert_eq!(desk.known(), known);
}

#[test]
fn acts_older_than_a_day_and_of_a_harness_that_is_not_allowed_are_left_alone() {
    let (harness, hooks, transcript) = BOTH[0];
    let mut desk = Desk::new(harness);
    fs::write(desk.transcript(), recording(transcript)).unwrap();
    desk.world.now.set(NOW + 2 * DAY);
    let payloads = desk.payloads(hooks);
    let stop = payloads
        .iter()
        .find(|it| it["hook_event_name"] == "Stop")
        .unwrap();
    desk.tell(stop);
    assert_eq!(desk.pass().recalled, 0);

    let mut desk = Desk::new(harness);
    fs::write(desk.transcript(), recording(transcript)).unwrap();
    let policy = desk.folder.path().join("policy.toml");
    fs::write(&policy, "harnesses = [\"codex\"]\n").unwrap();
    desk.world.env.insert("AIWORKLAB_POLICY", policy.into());
    let mut stop = stop.clone();
    stop["transcript_path"] = json!(desk.transcript());
    desk.tell(&stop);
    assert_eq!(desk.pass().recalled, 0);
    assert_eq!(desk.listed(), "");
}

#[test]
fn a_session_whose_hooks_tell_no_calls_is_left_to_its_hooks() {
    let (harness, hooks, transcript) = BOTH[0];
    let mut desk = Desk::new(harness);
    fs::write(desk.transcript(), recording(transcript)).unwrap();
    for mut payload in desk.payloads(hooks) {
        if let Some(payload) = payload.as_object_mut() {
            payload.remove("tool_use_id");
        }
        desk.tell(&payload);
    }
    assert_eq!(desk.pass().recalled, 0);
}
