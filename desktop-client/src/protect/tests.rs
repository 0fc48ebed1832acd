//! What is wanted of the store, by what was said and found.

use super::*;
use crate::world::still::Still;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    home.ensure().unwrap();
    (folder, home)
}

fn looked(home: &Home, verdict: &str, at: i64) -> Looked {
    Looked {
        verdict: verdict.to_owned(),
        found: vec!["/dev/vda1 is a partition".to_owned()],
        device: device(home.path()),
        at,
    }
}

fn known(home: &Home, mode: Mode, disk: Looked) {
    let disk = Some(disk);
    write(home, &State { mode, disk }).unwrap();
}

#[test]
fn unsure_counts_as_no_and_a_word_of_the_engineer_counts_more() {
    let (_folder, home) = home();
    let world = Still::at(100 * DAY);
    for (verdict, mode, form, firm) in [
        ("encrypted", Mode::Auto, Form::Plain, false),
        ("plain", Mode::Auto, Form::Encrypted, true),
        ("unsure", Mode::Auto, Form::Encrypted, true),
        ("a later word", Mode::Auto, Form::Encrypted, true),
        ("encrypted", Mode::On, Form::Encrypted, true),
        ("plain", Mode::Off, Form::Plain, true),
    ] {
        known(&home, mode, looked(&home, verdict, 100 * DAY));
        let wish = wish(&world, &home).unwrap();
        assert_eq!((wish.form, wish.firm), (form, firm), "{verdict} {mode:?}");
    }
}

#[test]
fn a_look_is_good_for_a_month_on_the_same_device() {
    let (_folder, home) = home();
    let words = |looked: &Looked| looked.found.join(" ");
    let seen = |world: &Still| wish(world, &home).unwrap().disk.unwrap();
    let ours = looked(&home, "encrypted", 100 * DAY);
    known(&home, Mode::Auto, ours.clone());
    assert_eq!(words(&seen(&Still::at(130 * DAY))), words(&ours));
    // A month later, under a clock of before, and on another device it is looked at anew.
    for (at, device) in [(131 * DAY, 0), (99 * DAY, 0), (101 * DAY, 1)] {
        let mut old = ours.clone();
        old.device += device;
        known(&home, Mode::Auto, old);
        let anew = seen(&Still::at(at));
        assert_eq!(anew.at, at);
        assert_ne!(words(&anew), words(&ours));
        assert_eq!(read(&home).unwrap().disk, Some(anew), "and it is kept");
    }
}

#[test]
fn a_wish_that_cannot_be_read_is_named_and_can_be_said_anew() {
    let (_folder, home) = home();
    let world = Still::at(0);
    fs::write(path(&home), "mode = \"maybe\"").unwrap();
    let error = wish(&world, &home).unwrap_err();
    assert_eq!(error.code(), "C098");
    assert!(error.told().contains("protect.toml"), "{}", error.told());
    set(&home, Mode::Off).unwrap();
    assert_eq!(mode(&home).unwrap(), Mode::Off);
    assert_eq!(wish(&world, &home).unwrap().form, Form::Plain);
}
