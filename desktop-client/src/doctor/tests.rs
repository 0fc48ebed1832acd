use super::*;
use crate::store::Store;
use crate::world::still::Still;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;

fn world(folder: &Path) -> Still {
    let mut world = Still::at(NOW);
    world.env.insert("HOME", folder.into());
    world.env.insert("AIWORKLAB_KEYS", "file".into());
    world
}

fn findings<'a>(told: &'a Told, part: &str) -> &'a [Finding] {
    let found = told.parts.iter().find(|one| one.part == part);
    found.map_or(&[], |part| part.findings.as_slice())
}

#[test]
fn it_works_where_nothing_else_does() {
    // No home, no harness, no store.
    let told = look(&Still::at(NOW), Path::new("/nowhere/aiworklab"));
    assert!(!told.well());
    let text = told.text();
    assert!(
        text.contains("FAIL") && text.contains("C001") && text.contains("fix: "),
        "{text}"
    );
}

#[test]
fn a_fresh_machine_is_well_and_sent_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path());
    let told = look(&world, &std::env::current_exe().unwrap());
    assert!(
        findings(&told, "folder")[0]
            .what
            .contains("is not there yet")
    );
    // It looked, and made nothing.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_store_that_is_no_store_is_found_and_the_rest_is_still_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path());
    let home = Home::find(&world).unwrap();
    home.ensure().unwrap();
    fs::write(
        home.database(),
        b"not a database at all, but long enough to be read as one",
    )
    .unwrap();
    fs::write(home.settings(), "days_off = 7\nshade = 1\n").unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let told = look(&world, Path::new("/nowhere/aiworklab"));
    assert!(!told.well());
    assert_eq!(findings(&told, "folder")[0].level, Level::Warn);
    let settings: Vec<_> = findings(&told, "settings")
        .iter()
        .map(|one| one.level)
        .collect();
    assert_eq!(settings, [Level::Fail, Level::Warn]);
}

#[test]
fn what_is_printed_names_no_person_and_obeys_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path());
    let home = Home::find(&world).unwrap();
    home.ensure().unwrap();
    drop(Store::open(&world, &home).unwrap());
    fs::write(home.settings(), "\"\\u001b[31mred\" = 1\n").unwrap();
    let told = look(&world, &folder.path().join("bin/aiworklab"));
    let person = folder.path().to_str().unwrap();
    for text in [told.text(), told.json().to_string()] {
        assert!(!text.contains(person), "{text}");
        assert!(text.contains("~/.local/share/aiworklab"), "{text}");
        assert!(
            !text.contains('\u{1b}') && !text.contains("\\u001b"),
            "{text}"
        );
    }
}

#[test]
fn a_policy_that_is_not_obeyed_is_said_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    fs::write(
        &path,
        "asking = false\nscreens = 2\nchecks_per_day = \"many\"\n",
    )
    .unwrap();
    let mut world = world(folder.path());
    world
        .env
        .insert(crate::policy::VARIABLE, path.clone().into());
    let told = look(&world, Path::new("/nowhere/aiworklab"));
    let levels: Vec<_> = findings(&told, "policy")
        .iter()
        .map(|one| one.level)
        .collect();
    assert_eq!(levels, [Level::Ok, Level::Fail, Level::Warn]);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let told = look(&world, Path::new("/nowhere/aiworklab"));
    let [only] = findings(&told, "policy") else {
        panic!("one finding");
    };
    assert_eq!(only.level, Level::Warn);
    assert!(
        only.why.contains("can be written by others"),
        "{}",
        only.why
    );
}
