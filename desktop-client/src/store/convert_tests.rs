//! The store changes its form, and the program is killed in the middle of it, at every step.

use super::convert::{self, Contents};
use super::file::{self, Beside};
use super::*;
use crate::edges::{self, Machine};
use crate::protect::{self, Mode};
use crate::world::still::Still;
use kernel::delta::{Observation, State};
use kernel::ids::{DAY, HOUR, Slug, StreamId};
use kernel::sync::Rows;
use kernel::sync::client;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// In the child: the step at which it is to stop and wait for its end.
const STOP_AT: &str = "AIWORKLAB_TEST_STOP_AT";
const HOME: &str = "AIWORKLAB_TEST_HOME";
const FORM: &str = "AIWORKLAB_TEST_FORM";
/// In the child: the step at which it fills the disk below its folder, and goes on.
const FILL_AT: &str = "AIWORKLAB_TEST_FILL_AT";
const STEPS: [&str; 9] = [
    "key",
    "made",
    "exported",
    "compared",
    "copied",
    "named",
    "renamed",
    "overwritten",
    "wiped",
];

/// Stops where the test says, for the parent to kill the process there.
pub(super) fn step(name: &str) {
    if let Some(home) = Machine.env(HOME)
        && Machine.env(FILL_AT).is_some_and(|at| at == name)
    {
        let mut file = std::fs::File::create(PathBuf::from(home).join("balloon")).unwrap();
        let mut piece = 1 << 20;
        while piece > 0 {
            if file.write_all(&vec![1; piece]).is_err() {
                piece /= 2;
            }
        }
    }
    if Machine.env(STOP_AT).is_some_and(|at| at == name) {
        println!("\nstopped at {name}");
        let _ = std::io::stdout().flush();
        // Until it is killed: nobody writes to it.
        let _ = std::io::stdin().read(&mut [0]);
        panic!("it was to be killed");
    }
}

fn form_of(home: &Home) -> Found {
    file::look(&home.database()).unwrap()
}

fn filled(mode: Mode) -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    home.ensure().unwrap();
    protect::set(&home, mode).unwrap();
    let mut store = Store::open(&Still::at(100 * DAY), &home).unwrap();
    record(&mut store, 0..120);
    (folder, home)
}

fn record(store: &mut Store, which: std::ops::Range<i64>) {
    for n in which {
        let concept = Slug::new(format!("concept-{}", n % 7)).unwrap();
        store
            .write(|txn| {
                client::record(
                    txn,
                    90 * DAY + n * HOUR,
                    || StreamId::new([3; 16]),
                    (concept.clone(), Observation::Seen),
                    (State::Unknown, State::Seen),
                )?;
                txn.add_mention(&NewMention {
                    at: 99 * DAY + n,
                    concept: &concept,
                    detector: "d",
                    strong: true,
                    diff: &[1; 32],
                    file: "a.py",
                    line: "the engineer's own line",
                    row: Some(4),
                    confidence: 80,
                    within: None,
                })
            })
            .unwrap();
    }
}

/// Everything in it, whatever its form.
fn contents(home: &Home) -> Contents {
    let keys = Keys::of(&Still::at(0), home).unwrap();
    let connection = connected(&home.database(), Some(&keys)).unwrap();
    Contents::of(&connection).unwrap()
}

fn holds_line(home: &Home) -> Vec<PathBuf> {
    let needle = b"the engineer's own line";
    let mut found = Vec::new();
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        if bytes.windows(needle.len()).any(|window| window == needle) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_store_goes_to_and_fro_with_every_row() {
    let (_folder, home) = filled(Mode::Off);
    let world = Still::at(100 * DAY);
    let before = contents(&home);
    assert_eq!(holds_line(&home), [home.database()]);
    protect::set(&home, Mode::On).unwrap();
    let done = convert(&world, &home, Form::Encrypted).unwrap().unwrap();
    assert_eq!((done.to, done.rows), (Form::Encrypted, before.rows));
    assert!(before.rows > 240);
    assert_eq!(form_of(&home), Found::Encrypted);
    assert!(holds_line(&home).is_empty(), "{:?}", holds_line(&home));
    assert_eq!(contents(&home), before);
    assert_eq!(convert(&world, &home, Form::Encrypted).unwrap(), None);
    // Commands work on it as before.
    let mut store = Store::open(&world, &home).unwrap();
    assert_eq!(store.read(|txn| txn.all()).unwrap().len(), 120);
    drop(store);
    protect::set(&home, Mode::Off).unwrap();
    assert!(convert(&world, &home, Form::Plain).unwrap().is_some());
    assert_eq!(contents(&home), before);
    let names: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("graph.db") && name != "graph.db")
        .filter(|name| std::fs::metadata(home.path().join(name)).unwrap().len() > 0)
        .collect();
    assert!(names.is_empty(), "nothing is left beside it: {names:?}");
}

#[test]
fn a_store_that_somebody_holds_open_is_exchanged_under_them() {
    let (_folder, home) = filled(Mode::Off);
    let world = Still::at(100 * DAY);
    let mut agent = Store::open(&world, &home).unwrap();
    let mut other = Store::open(&world, &home).unwrap();
    for (turn, (mode, form)) in [
        (Mode::On, Form::Encrypted),
        (Mode::Off, Form::Plain),
        (Mode::On, Form::Encrypted),
    ]
    .into_iter()
    .enumerate()
    {
        let turn = turn as i64;
        protect::set(&home, mode).unwrap();
        assert!(convert(&world, &home, form).unwrap().is_some());
        record(&mut agent, 120 + 2 * turn..121 + 2 * turn);
        record(&mut other, 121 + 2 * turn..122 + 2 * turn);
    }
    drop(agent);
    let mut fresh = Store::open(&world, &home).unwrap();
    for store in [&mut other, &mut fresh] {
        let (rows, heads) = store.read(|txn| Ok((txn.all()?, txn.streams()?))).unwrap();
        assert_eq!((rows.len(), heads.len()), (126, 1), "one stream, all rows");
    }
}

/// What the parent runs as a process of its own.
#[test]
fn child() {
    let (Some(home), Some(form)) = (Machine.env(HOME), Machine.env(FORM)) else {
        return;
    };
    let home = Home::at(home);
    let form = if form == "plain" {
        Form::Plain
    } else {
        Form::Encrypted
    };
    match convert(&Machine, &home, form) {
        Ok(_) => println!("\nran through"),
        Err(error) => println!("\n{}", error.told()),
    }
    // What lies there now, on a disk that only this process sees, is laid out for the parent.
    if let Some(out) = Machine.env(OUT) {
        for name in ["graph.db", "graph.db.new", "graph.db.before"] {
            let file = home.path().join(name);
            if file.exists() {
                std::fs::copy(file, PathBuf::from(&out).join(name)).unwrap();
            }
        }
    }
}

/// In the child: where it lays out the files that it leaves.
const OUT: &str = "AIWORKLAB_TEST_OUT";

/// What gives a program mounts of its own here: root may, others by a user namespace.
fn own_mounts() -> Option<Vec<&'static str>> {
    let ways = [
        vec!["unshare", "--mount"],
        vec!["unshare", "--user", "--map-root-user", "--mount"],
    ];
    ways.into_iter().find(|way| {
        let mut mount = Command::new(way[0]);
        mount
            .args(&way[1..])
            .args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
        mount.output().is_ok_and(|output| output.status.success())
    })
}

#[test]
fn a_disk_that_fills_up_during_the_copy_leaves_the_old_store_whole_and_says_so() {
    let Some(way) = own_mounts() else {
        println!("not run: this machine gives a program no mounts of its own (unshare)");
        return;
    };
    for (mode, to) in [(Mode::Off, Form::Encrypted), (Mode::On, Form::Plain)] {
        for step in ["key", "made"] {
            let (folder, home) = filled(mode);
            let out = folder.path().join("out");
            let disk = folder.path().join("disk");
            for path in [&out, &disk] {
                std::fs::create_dir(path).unwrap();
            }
            let script = "mount -t tmpfs -o size=4m,mode=700 tmpfs \"$1\" && cp -a \"$2/.\" \"$1/\" && \
                          shift 2 && exec \"$@\"";
            let output = Command::new(way[0])
                .args(&way[1..])
                .args(["bash", "-c", script, "bash"])
                .args([&disk, home.path()])
                .arg(edges::program().unwrap())
                .args(["--exact", "store::convert_tests::child", "--nocapture"])
                .args(["--test-threads", "1"])
                .env(FILL_AT, step)
                .env(HOME, &disk)
                .env(OUT, &out)
                .env(FORM, to.name())
                .env("AIWORKLAB_KEYS", "file")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{step}: {output:?}");
            assert!(!said.contains("ran through"), "{step}: {said}");
            assert!(
                said.contains("disk is full") || said.contains("more bytes on its disk"),
                "{step}: {said}"
            );
            let left: Vec<_> = std::fs::read_dir(&out)
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(left, ["graph.db"], "{step}: the half copy is gone");
            assert_eq!(
                std::fs::read(out.join("graph.db")).unwrap(),
                std::fs::read(home.database()).unwrap(),
                "{step}: byte for byte"
            );
        }
    }
}

/// Runs the exchange in a child that is killed when it comes to `step`; whether it came there.
fn killed_at(step: &str, home: &Home, form: Form) -> bool {
    let mut child = Command::new(edges::program().unwrap())
        .args(["--exact", "store::convert_tests::child", "--nocapture"])
        .args(["--test-threads", "1"])
        .env(STOP_AT, step)
        .env(HOME, home.path())
        .env(FORM, form.name())
        .env("AIWORKLAB_KEYS", "file")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut came = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.starts_with("stopped at ") {
            came = true;
            break;
        }
        assert!(!line.contains("FAILED"), "{line}");
    }
    // SIGKILL: nothing of it runs any more.
    let _ = child.kill();
    child.wait().unwrap();
    came
}

#[test]
fn killed_at_any_step_it_leaves_one_whole_store() {
    let world = Still::at(100 * DAY);
    for (from, to, mode) in [
        (Mode::Off, Form::Encrypted, Mode::On),
        (Mode::On, Form::Plain, Mode::Off),
    ] {
        let mut came = Vec::new();
        for step in STEPS {
            let (_folder, home) = filled(from);
            let before = contents(&home);
            if killed_at(step, &home, to) {
                came.push(step);
            }
            // The wish is still the old one: what lies there now opens, whichever form it has.
            assert_eq!(contents(&home), before, "{step}");
            let beside = Beside::of(&home);
            drop(Store::open(&world, &home).unwrap());
            assert!(!convert::is_untidy(&beside), "cleared away after {step}");
            assert_eq!(contents(&home), before, "{step}, then opened");
            // And the exchange can be done again to its end.
            protect::set(&home, mode).unwrap();
            drop(Store::open(&world, &home).unwrap());
            assert_eq!(contents(&home), before, "{step}, then done again");
            if to == Form::Encrypted {
                assert!(
                    holds_line(&home).is_empty(),
                    "{step}: {:?}",
                    holds_line(&home)
                );
            }
        }
        let all = if to == Form::Encrypted {
            STEPS.to_vec()
        } else {
            // Nothing is written over where what was there is encrypted.
            STEPS
                .iter()
                .copied()
                .filter(|s| *s != "overwritten")
                .collect()
        };
        assert_eq!(came, all, "every step was come to");
    }
}

#[test]
fn a_key_that_is_gone_or_wrong_is_named_and_the_file_is_left_alone() {
    let (_folder, home) = filled(Mode::On);
    let world = Still::at(100 * DAY);
    let before = std::fs::read(home.database()).unwrap();
    let keys = Keys::of(&world, &home).unwrap();
    let key = keys.get(&Name::StoreKey).unwrap().unwrap();
    for (wrong, code) in [
        (None, "C090"),
        (Some(vec![7; 32]), "C091"),
        (Some(vec![7; 5]), "C091"),
    ] {
        match wrong {
            None => keys.delete(&Name::StoreKey).unwrap(),
            Some(bytes) => keys.set(&Name::StoreKey, &bytes).unwrap(),
        }
        let error = Store::open(&world, &home).unwrap_err();
        assert_eq!(error.code(), code);
        let told = error.told();
        assert!(
            told.contains("enrol anew") && told.contains("was not touched"),
            "{told}"
        );
        assert!(!told.contains(&hex::encode(&key)), "{told}");
        assert!(Store::peek(&world, &home).is_none());
        let error = convert(&world, &home, Form::Plain).unwrap_err();
        assert_eq!(error.code(), code);
        let checks = checks(&world, &home);
        assert!(
            checks.iter().any(|check| check.what.contains(code)),
            "{checks:?}"
        );
        assert_eq!(std::fs::read(home.database()).unwrap(), before);
        assert!(
            keys.get(&Name::StoreKey)
                .unwrap()
                .is_none_or(|key| key[..1] == [7])
        );
    }
    keys.set(&Name::StoreKey, &key).unwrap();
    assert!(Store::open(&world, &home).is_ok());
}

#[test]
fn what_is_no_store_is_never_opened_over() {
    let made = |sql: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        std::fs::read(path).unwrap()
    };
    let other = made("CREATE TABLE x (y); PRAGMA application_id = 7;");
    let unmarked = made("CREATE TABLE x (y);");
    let mut damaged = b"SQLite format 3\0".to_vec();
    damaged.extend(vec![9; 8192 - 16]);
    for (bytes, code) in [
        (vec![b'x'; 5000], "C092"),
        (vec![b'x'; 10], "C092"),
        (vec![b'x'; 8192], "C090"),
        (damaged, "C092"),
        (other, "C092"),
        (unmarked, "C092"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        std::fs::write(home.database(), &bytes).unwrap();
        let error = Store::open(&Still::at(0), &home).unwrap_err();
        assert_eq!(error.code(), code, "{}", error.told());
        assert_eq!(std::fs::read(home.database()).unwrap(), bytes);
    }
}

#[test]
fn the_key_is_in_no_debug_text_and_the_file_shows_nothing() {
    let (_folder, home) = filled(Mode::On);
    let store = Store::open(&Still::at(0), &home).unwrap();
    let key = Keys::of(&Still::at(0), &home)
        .unwrap()
        .get(&Name::StoreKey)
        .unwrap()
        .unwrap();
    assert!(!format!("{store:?}").contains(&hex::encode(&key)));
    let bytes = std::fs::read(home.database()).unwrap();
    for word in [&b"SQLite"[..], b"concept-", b"CREATE TABLE"] {
        assert!(!bytes.windows(word.len()).any(|window| window == word));
    }
}

#[test]
fn the_hash_key_of_an_older_store_moves_to_where_keys_lie_and_stays_the_same() {
    let (_folder, home) = filled(Mode::Off);
    let world = Still::at(100 * DAY);
    let old = vec![0xa7; 32];
    let mut store = Store::open(&world, &home).unwrap();
    store
        .write(|txn| txn.set_fact(HASH_KEY, old.as_slice()))
        .unwrap();
    drop(store);
    let mut store = Store::open(&world, &home).unwrap();
    assert_eq!(
        store.read(|txn| txn.fact::<Vec<u8>>(HASH_KEY)).unwrap(),
        None
    );
    assert_eq!(*store.read(|txn| txn.hash_key(&world)).unwrap(), old);
    let kept = Keys::of(&world, &home)
        .unwrap()
        .get(&Name::HashKey)
        .unwrap();
    assert_eq!(*kept.unwrap(), old);
    drop(store);
    let bytes = std::fs::read(home.database()).unwrap();
    assert!(
        !bytes.windows(old.len()).any(|window| window == old),
        "nor is it left in the file"
    );
}

#[test]
fn two_commands_that_begin_at_once_make_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let begin = || {
        let home = home.clone();
        std::thread::spawn(move || {
            let mut store = Store::open(&Still::at(0), &home).unwrap();
            store.write(|txn| txn.count("opened", 1)).unwrap();
        })
    };
    let threads: Vec<_> = (0..4).map(|_| begin()).collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut store = Store::open(&Still::at(0), &home).unwrap();
    assert_eq!(store.read(|txn| txn.tallies()).unwrap()["opened"], 4);
}
