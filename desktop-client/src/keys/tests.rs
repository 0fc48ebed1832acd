use super::*;
use crate::error::Error as Top;
use crate::world::still::Still;
use std::os::unix::fs::PermissionsExt;

fn home() -> (tempfile::TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("aiworklab"));
    (folder, home)
}

fn code(error: impl Into<Top>) -> &'static str {
    error.into().code()
}

#[test]
fn a_secret_is_kept_in_a_file_of_the_persons_alone() {
    let (_folder, home) = home();
    let keys = Keys::of(&Still::at(0), &home).unwrap();
    assert_eq!(
        (keys.place(), keys.chosen()),
        (Place::File, Chosen::Environment)
    );
    assert!(!home.path().exists(), "looking makes nothing");
    assert_eq!(keys.get(&Name::StoreKey).unwrap(), None);
    let made = keys
        .get_or_make(&Still::at(0), &Name::StoreKey, 32)
        .unwrap();
    assert_eq!(made.len(), 32);
    assert_eq!(
        keys.get_or_make(&Still::at(0), &Name::StoreKey, 32)
            .unwrap(),
        made
    );
    keys.set(&Name::Provider("Open AI".into()), b"sk-1")
        .unwrap();
    let mode = |path: &str| {
        fs::metadata(home.path().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("keys"), 0o700);
    assert_eq!(mode("keys/store-key"), 0o600);
    assert_eq!(mode("keys/provider-_4fpen_20_41_49"), 0o600);
    // The choice stays without the variable.
    let mut world = Still::at(0);
    world.env.insert("AIWORKLAB_KEYS", "".into());
    let later = Keys::of(&world, &home).unwrap();
    assert_eq!((later.place(), later.chosen()), (Place::File, Chosen::Here));
    assert_eq!(later.get(&Name::StoreKey).unwrap(), Some(made));
    later.delete(&Name::Provider("Open AI".into())).unwrap();
    later.delete(&Name::Provider("Open AI".into())).unwrap();
    assert_eq!(later.get(&Name::Provider("Open AI".into())).unwrap(), None);
    let said = fs::read_to_string(home.path().join("keys.toml")).unwrap();
    assert!(!said.contains("Open AI"), "{said}");
}

#[test]
fn what_others_can_read_is_refused_and_never_closed_in_silence() {
    let (_folder, home) = home();
    let keys = Keys::of(&Still::at(0), &home).unwrap();
    keys.set(&Name::HashKey, &[7; 32]).unwrap();
    let file = home.path().join("keys/hash-key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(code(keys.get(&Name::HashKey).unwrap_err()), "C085");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(home.path().join("keys"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(code(keys.get(&Name::HashKey).unwrap_err()), "C085");
    assert_eq!(
        code(keys.set(&Name::HashKey, &[8; 32]).unwrap_err()),
        "C085"
    );
    let found = checks(&Still::at(0), &home);
    assert!(
        found
            .iter()
            .any(|finding| finding.what.contains("others can read")),
        "{found:?}"
    );
}

#[test]
fn a_variable_that_says_nonsense_or_another_place_is_refused() {
    let (_folder, home) = home();
    let mut world = Still::at(0);
    world.env.insert("AIWORKLAB_KEYS", "cloud".into());
    assert_eq!(code(Keys::of(&world, &home).unwrap_err()), "C087");
    Keys::of(&Still::at(0), &home)
        .unwrap()
        .set(&Name::HashKey, &[7; 32])
        .unwrap();
    world.env.insert("AIWORKLAB_KEYS", "keychain".into());
    assert_eq!(code(Keys::of(&world, &home).unwrap_err()), "C087");
    fs::write(home.path().join("keys.toml"), "place = \"cloud\"").unwrap();
    assert_eq!(code(Keys::of(&Still::at(0), &home).unwrap_err()), "C087");
}

#[test]
fn a_key_of_another_length_is_not_used() {
    let (_folder, home) = home();
    let keys = Keys::of(&Still::at(0), &home).unwrap();
    keys.set(&Name::StoreKey, &[7; 31]).unwrap();
    let error = keys
        .get_or_make(&Still::at(0), &Name::StoreKey, 32)
        .unwrap_err();
    assert_eq!(error.code(), "C089");
    assert_eq!(
        keys.get(&Name::StoreKey).unwrap().unwrap().len(),
        31,
        "it is left as it is"
    );
}

#[test]
fn the_device_key_of_an_earlier_version_moves_in_and_its_file_goes() {
    let (_folder, home) = home();
    home.ensure().unwrap();
    crate::home::write_whole(&home.device_key(), 0o600, b"PEM").unwrap();
    let keys = Keys::of(&Still::at(0), &home).unwrap();
    assert_eq!(
        keys.get(&Name::DeviceKey).unwrap().unwrap().as_slice(),
        b"PEM"
    );
    assert!(!home.device_key().exists());
    assert_eq!(
        keys.get(&Name::DeviceKey).unwrap().unwrap().as_slice(),
        b"PEM"
    );
    // One that others could read is not taken over as if nothing had been.
    keys.delete(&Name::DeviceKey).unwrap();
    crate::home::write_whole(&home.device_key(), 0o644, b"PEM").unwrap();
    assert_eq!(code(keys.get(&Name::DeviceKey).unwrap_err()), "C085");
    assert!(home.device_key().exists());
}

#[test]
fn what_a_killed_write_left_is_taken_away() {
    let (_folder, home) = home();
    let keys = Keys::of(&Still::at(0), &home).unwrap();
    keys.set(&Name::HashKey, &[7; 32]).unwrap();
    let left = home.path().join("keys/hash-key.aiworklab-12");
    fs::write(&left, b"half").unwrap();
    file::tidy(&home).unwrap();
    assert!(!left.exists());
    assert_eq!(
        keys.get(&Name::HashKey).unwrap().unwrap().as_slice(),
        [7; 32]
    );
}

#[test]
fn names_never_meet() {
    let names = ["a_b", "a b", "a__b", "A", "a", "_61", "provider", ""];
    let texts: std::collections::BTreeSet<_> = names
        .iter()
        .map(|name| Name::Provider((*name).to_owned()).text())
        .collect();
    assert_eq!(texts.len(), names.len(), "{texts:?}");
    for text in texts {
        assert!(
            text.bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')),
            "{text}"
        );
    }
}
