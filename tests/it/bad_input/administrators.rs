//! What an administrator can get wrong: configuration, data directory, addresses.

use super::{failure, of_appliance, text};
use harness::{Appliance, run};
use serde_json::json;
use std::fs;
use std::process::Command;

/// `serve`, on whatever ports are free.
const SERVE: &[&str] = &[
    "serve",
    "--json",
    "--people",
    "127.0.0.1:0",
    "--devices",
    "127.0.0.1:0",
];

#[test]
fn an_unknown_configuration_key_is_named_with_its_line_and_the_nearest_one() {
    let appliance = Appliance::start();
    let path = appliance.data().join("config.toml");
    fs::write(
        &path,
        "[listen]\npeple = \"127.0.0.1:8443\"\n\n[limit]\nconnections = 9\n",
    )
    .expect("written");
    for command in [["config", "check"], ["snapshot", "now"], ["admin", "link"]] {
        let refused = appliance.command(&command).refused();
        for part in [
            "config.toml",
            "listen.peple",
            "listen.people",
            "line 2",
            "[limits]",
            "line 4",
        ] {
            assert!(
                refused.contains(part),
                "{command:?} does not say {part}: {refused}"
            );
        }
    }
    let refused = run(
        &mut of_appliance(&["config", "check"], &appliance.data()),
        b"",
    );
    assert_eq!(refused.status, 3, "{refused:?}");
    fs::write(&path, "").expect("written");
    let mut command = of_appliance(&["config", "check"], &appliance.data());
    let refused = run(command.env("AIWORKLAB_LISTEN_PEPLE", "127.0.0.1:1"), b"");
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(
        refused.stderr.contains("AIWORKLAB_LISTEN_PEPLE"),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("listen.people"), "{refused:?}");
}

#[test]
fn a_configuration_that_is_no_toml_or_has_a_value_of_the_wrong_kind_is_named_with_its_place() {
    let appliance = Appliance::start();
    let path = appliance.data().join("config.toml");
    for (content, parts) in [
        ("[listen\npeople = 1\n", vec!["config.toml", "1"]),
        (
            "[figures]\nk = 3\n",
            vec!["config.toml", "line 2", "figures.k", "from 5"],
        ),
        (
            "[listen]\npeople = \"localhost\"\n",
            vec!["line 2", "listen.people", "127.0.0.1:8443"],
        ),
        (
            "[log]\nlevel = \"loud\"\n",
            vec!["line 2", "log.level", "warn"],
        ),
    ] {
        fs::write(&path, content).expect("written");
        let refused = appliance.command(&["config", "check"]);
        assert_eq!(refused.status, 3, "{refused:?}");
        for part in parts {
            assert!(
                refused.stderr.contains(part),
                "does not say {part}: {}",
                refused.stderr
            );
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
        for args in [
            &["serve", "--json"][..],
            &["status", "--json"],
            &["admin", "link", "--json"],
        ] {
            let said = failure(&mut of_appliance(args, dir));
            let all = said.to_string();
            assert!(
                all.contains(&dir.display().to_string()),
                "{args:?} does not name it: {said}"
            );
            assert!(
                !text(&said["fix"]).is_empty() && !text(&said["code"]).is_empty(),
                "{said}"
            );
            assert_eq!(said["exit"], 4, "{args:?} {}: {said}", dir.display());
        }
        assert!(!missing.exists(), "nothing was made");
    }
    // Of a whole one, a part that is gone or is not what it should be.
    let mut appliance = Appliance::start();
    appliance.stop();
    let data = appliance.data();
    let none = "no database ".repeat(1000);
    let damage = [
        ("keys/kek", None),
        ("store.json", Some("{")),
        ("store.db", Some(none.as_str())),
    ];
    for (number, (name, content)) in damage.into_iter().enumerate() {
        let copy = scratch.path().join(number.to_string());
        let copied = run(Command::new("cp").arg("-a").arg(&data).arg(&copy), b"");
        assert_eq!(copied.status, 0, "{copied:?}");
        match content {
            None => fs::remove_file(copy.join(name)).expect("removed"),
            Some(content) => fs::write(copy.join(name), content).expect("written"),
        }
        let said = failure(&mut of_appliance(SERVE, &copy));
        assert!(
            said.to_string().contains(name),
            "{name} is not named: {said}"
        );
        assert!(
            !text(&said["fix"]).is_empty() && !text(&said["code"]).is_empty(),
            "{said}"
        );
    }
}

#[test]
fn a_data_directory_newer_than_the_build_is_left_alone() {
    let mut appliance = Appliance::start();
    appliance.stop();
    let database = appliance.database();
    database
        .execute(
            "UPDATE migration SET version = 9000 WHERE version = (SELECT max(version) FROM migration)",
            [],
        )
        .expect("a version can be raised");
    drop(database);
    let before = fs::read(appliance.data().join("store.db")).expect("the file");
    let said = failure(&mut of_appliance(SERVE, &appliance.data()));
    assert_eq!(said["code"], "S004", "{said}");
    assert!(
        said.to_string().contains("9000"),
        "the version is named: {said}"
    );
    assert!(
        text(&said["fix"]).contains("newer build"),
        "the fix: {said}"
    );
    let after = fs::read(appliance.data().join("store.db")).expect("the file");
    assert_eq!(before, after, "it was not touched");
}

#[test]
fn a_taken_address_and_a_second_server_are_named() {
    let appliance = Appliance::start();
    let said = failure(&mut of_appliance(SERVE, &appliance.data()));
    assert_eq!(
        (&said["exit"], &said["code"]),
        (&json!(5), &json!("D003")),
        "{said}"
    );
    let other = tempfile::TempDir::new().expect("a folder");
    let data = other.path().join("data");
    assert_eq!(run(&mut of_appliance(&["init"], &data), b"").status, 0);
    let taken = appliance.people().trim_start_matches("https://").to_owned();
    let args = [
        "serve",
        "--json",
        "--people",
        &taken,
        "--devices",
        "127.0.0.1:0",
    ];
    let said = failure(&mut of_appliance(&args, &data));
    assert_eq!(said["exit"], 6, "{said}");
    assert!(said.to_string().contains(&taken), "{said}");
    let again = failure(&mut of_appliance(&["init", "--json"], &data));
    assert_eq!(
        (&again["exit"], &again["code"]),
        (&json!(5), &json!("D001")),
        "{again}"
    );
    let clock = failure(&mut of_appliance(
        &["serve", "--json", "--clock=+7d"],
        &data,
    ));
    assert_eq!(
        (&clock["exit"], &clock["code"]),
        (&json!(5), &json!("S011")),
        "{clock}"
    );
}
