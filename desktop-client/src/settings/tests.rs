use super::*;
use crate::policy::raw;
use kernel::ids::HOUR;
use std::fs;

/// 2026-11-24T10:00:00Z, a Tuesday.
const TUESDAY_10: i64 = 1_795_514_400;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    home.ensure().unwrap();
    (folder, home)
}

fn of(home: &Home) -> Settings {
    Settings::of(home, &Policy::default())
}

fn set_to(home: &Home, key: &str, value: &str) -> Result<Said> {
    set(home, &Policy::default(), key, Some(value))
}

#[test]
fn without_a_file_everything_is_as_the_program_comes() {
    let (_folder, home) = home();
    let settings = of(&home);
    assert!(settings.notifications() && settings.page());
    assert!(settings.harness_line() && settings.weekly_recap());
    assert_eq!(
        settings.asking(5, true, None),
        kernel::asking::Settings::new(5)
    );
    assert!(settings.is_quiet(TUESDAY_10 + 10 * HOUR, 0));
    assert!(!settings.is_quiet(TUESDAY_10, 0));
    // The wall clock counts: it is 20:00 there.
    assert!(settings.is_quiet(TUESDAY_10, 10 * 3600));
}

#[test]
fn who_works_at_night_sets_the_night_free() {
    let (_folder, home) = home();
    set_to(&home, "quiet-hours", "9:00-17:00").unwrap();
    set_to(&home, "days-off", "tuesday, sun").unwrap();
    let settings = of(&home);
    assert!(
        !settings.is_quiet(TUESDAY_10 + 34 * HOUR, 0),
        "Wednesday, 20:00"
    );
    assert!(
        settings.is_quiet(TUESDAY_10 + 24 * HOUR, 0),
        "Wednesday, 10:00"
    );
    assert!(
        settings.is_quiet(TUESDAY_10 + 10 * HOUR, 0),
        "Tuesday, 20:00"
    );
    set_to(&home, "quiet-hours", "none").unwrap();
    assert!(!of(&home).is_quiet(TUESDAY_10 + 24 * HOUR, 0));
    let said = set(&home, &Policy::default(), "days-off", None).unwrap();
    assert!(said.text.contains("by default"), "{}", said.text);
    assert!(!of(&home).is_quiet(TUESDAY_10, 0));
}

#[test]
fn a_value_that_makes_no_sense_is_refused_with_those_that_do() {
    let (_folder, home) = home();
    for (key, value, hint) in [
        ("quiet-hours", "evening", "19:00-08:00"),
        ("quiet-hours", "25:00-08:00", "19:00-08:00"),
        ("quiet-hours", "19:60-08:00", "19:00-08:00"),
        ("days-off", "someday", "saturday"),
        ("notifications", "loud", "on or off"),
        ("checks-per-day", "4", "from 0 to 3"),
        ("checks-per-week", "-1", "from 0 to 21"),
    ] {
        let refused = set_to(&home, key, value).unwrap_err();
        assert_eq!(refused.code(), "C118", "{key} {value}");
        assert!(refused.fix().contains(hint), "{}", refused.fix());
    }
    // The organisation's keys are no settings.
    for key in ["volume", "appliance", "own_model"] {
        let refused = set_to(&home, key, "on").unwrap_err();
        assert_eq!(refused.code(), "C117");
        assert!(refused.fix().contains("quiet_hours"));
    }
    assert!(!home.settings().exists());
}

#[test]
fn a_file_that_cannot_be_read_is_not_written_over_and_makes_it_quieter() {
    let (_folder, home) = home();
    fs::write(home.settings(), "page = false\nquiet_hours = \n").unwrap();
    let refused = set_to(&home, "page", "on").unwrap_err();
    assert_eq!(refused.code(), "C119");
    assert!(refused.to_string().contains("line 2"), "{refused}");
    let settings = of(&home);
    assert!(!settings.notifications() && settings.is_quiet(TUESDAY_10, 0));
    assert_eq!(settings.asking(0, true, None).per_day, 0);
    assert_eq!(settings.troubles().len(), 1);
}

#[test]
fn one_bad_value_by_hand_costs_only_its_own_key() {
    let (_folder, home) = home();
    fs::write(
        home.settings(),
        "days_off = 7\nchecks_per_day = 1\nshade = \"dark\"\n",
    )
    .unwrap();
    let settings = of(&home);
    assert_eq!(settings.asking(0, true, None).per_day, 1);
    assert!(settings.is_quiet(TUESDAY_10, 0), "every day is off");
    assert!(settings.notifications());
    assert_eq!(settings.unknown().len(), 1);
    // Setting another leaves what is not ours to understand.
    set_to(&home, "page", "off").unwrap();
    let text = fs::read_to_string(home.settings()).unwrap();
    assert!(
        text.contains("shade = \"dark\"") && text.contains("page = false"),
        "{text}"
    );
}

#[test]
fn a_policy_makes_it_quieter_and_never_louder() {
    let (_folder, home) = home();
    set_to(&home, "quiet-hours", "none").unwrap();
    set_to(&home, "checks-per-day", "1").unwrap();
    set_to(&home, "page", "off").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    fs::write(
        &path,
        "quiet_hours = \"09:00-11:00\"\nchecks_per_day = 3\nchecks_per_week = 0\npage = true\nasking = true\nnotifications = false\n",
    )
    .unwrap();
    let mut world = crate::world::still::Still::default();
    world.env.insert(crate::policy::VARIABLE, path.into());
    let settings = Settings::load(&world, &home);
    let asking = settings.asking(0, true, None);
    assert!(settings.is_quiet(TUESDAY_10, 0) && !settings.is_quiet(TUESDAY_10 + 10 * HOUR, 0));
    assert_eq!((asking.per_day, asking.per_week), (1, 0));
    assert!(!settings.page() && !settings.notifications());
    // What the person turned off stays off.
    assert!(!settings.asking(0, false, None).enabled && asking.enabled);
}

#[test]
fn what_is_written_is_what_is_read() {
    let (_folder, home) = home();
    for (key, value) in [
        ("quiet_hours", "22:30-06:15"),
        ("days_off", "saturday,sunday"),
        ("checks_per_week", "5"),
        ("weekly_recap", "off"),
    ] {
        set_to(&home, key, value).unwrap();
    }
    let text = fs::read_to_string(home.settings()).unwrap();
    assert!(raw::entries(&text).is_ok(), "{text}");
    let shown = show(&of(&home), None).unwrap();
    for value in ["22:30-06:15", "saturday, sunday", "5", "off"] {
        assert!(shown.text.contains(value), "{}", shown.text);
    }
    let personal = KEYS.iter().filter(|key| key.personal).count();
    assert_eq!(
        shown.json["settings"].as_array().map(Vec::len),
        Some(personal)
    );
}
