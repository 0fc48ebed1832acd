use super::*;
use crate::error::Error as ClientError;
use crate::home::Home;
use crate::settings::Settings;
use crate::world::still::Still;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const ROOT: &str = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A policy that this text makes.
pub(crate) fn policy(text: &str) -> Policy {
    match raw::entries(text) {
        Ok(entries) => Policy::of(PathBuf::from(FILE), entries),
        Err(why) => Policy::broken(PathBuf::from(FILE), why),
    }
}

/// Every key with the example that the schema gives.
fn everything() -> String {
    let keys = KEYS.iter().filter(|key| key.policy);
    keys.map(|key| format!("{} = {}\n", key.name, key.example))
        .collect()
}

fn code(error: &ClientError) -> &'static str {
    error.code()
}

#[test]
fn every_key_takes_the_example_that_is_given_of_it() {
    let policy = policy(&everything());
    assert_eq!(policy.troubles().collect::<Vec<_>>(), []);
    assert_eq!(policy.unknown(), []);
    assert_eq!(
        policy.rules.len(),
        KEYS.iter().filter(|key| key.policy).count()
    );
}

#[test]
fn who_enrols_without_arguments_gets_what_the_policy_names() {
    let laid_down = policy(&format!(
        "appliance = \"https://skills.corp.example:8443\"\nca_fingerprint = \"{ROOT}\"\n"
    ));
    let (url, root) = laid_down.enrol_target(None, None).unwrap();
    assert_eq!(
        (url.as_str(), root.as_str()),
        ("https://skills.corp.example:8443", ROOT)
    );
    // The same, typed another way.
    let same = laid_down.enrol_target(Some("https://SKILLS.corp.example:8443/"), None);
    assert!(same.is_ok());
    assert_eq!(
        code(
            &Policy::default()
                .enrol_target(None, Some(ROOT))
                .unwrap_err()
        ),
        "C112"
    );
}

#[test]
fn another_root_than_the_policys_is_refused_with_its_line() {
    let laid_down = policy(&format!("# ours\nca_fingerprint = \"{ROOT}\"\n"));
    let other = ROOT.replace("0011", "ff11");
    let refused = laid_down
        .enrol_target(Some("https://skills.corp.example:8443"), Some(&other))
        .unwrap_err();
    assert_eq!(code(&refused), "C110");
    assert!(
        refused.to_string().contains("policy.toml, line 2"),
        "{refused}"
    );
    let laid_down = policy("appliance = \"https://skills.corp.example:8443\"\n");
    let refused = laid_down
        .enrol_target(Some("https://elsewhere.example:8443"), Some(ROOT))
        .unwrap_err();
    assert_eq!(code(&refused), "C110");
}

#[test]
fn a_value_that_cannot_be_read_takes_the_strictest_meaning_and_the_others_stand() {
    let slip = policy(
        "appliance = 5\nharnesses = \"vim\"\nown_model = \"maybe\"\nasking = []\nchecks_per_day = 7\n\
         quiet_hours = \"late\"\ndays_off = [\"caturday\"]\nrequire_keychain = \"perhaps\"\n\
         minimum_version = \"new\"\nnotifications = false\n",
    );
    assert_eq!(slip.troubles().count(), 9);
    assert!(!slip.harness_allowed(Harness::ClaudeCode));
    assert!(!slip.own_model_allowed());
    assert!(slip.keychain_required());
    assert_eq!(slip.most("checks_per_day"), Some(0));
    assert_eq!(slip.days_off(), Weekday::ALL);
    assert!(slip.quiet().is_some_and(|span| span.contains(700)));
    for refused in [
        slip.enrol_target(Some("https://a.example"), Some(ROOT))
            .unwrap_err(),
        slip.version_allowed().unwrap_err(),
        slip.permits_own_model(None).unwrap_err(),
        slip.permits_harness(Harness::Codex).unwrap_err(),
    ] {
        assert_eq!(code(&refused), "C111", "{refused}");
    }
    // What was not misspelt is not stricter than it says.
    assert!(slip.off("notifications") && !slip.off("page"));
    assert_eq!(slip.store_encrypted(), None);
}

#[test]
fn a_file_that_is_no_toml_is_as_strict_as_can_be() {
    let broken = policy("harnesses = [\n");
    assert!(matches!(broken.place(), Place::Broken { .. }));
    assert!(
        Harness::ALL
            .into_iter()
            .all(|one| !broken.harness_allowed(one))
    );
    assert!(!broken.own_model_allowed() && broken.off("page"));
    assert_eq!(broken.store_encrypted(), Some(true));
    let settings = Settings::of(&Home::at("/nowhere/at/all"), &broken);
    assert!(!settings.asking(0, true, None).enabled);
}

#[test]
fn a_key_of_a_newer_release_is_named_and_passed_over() {
    let newer = policy("asking = false\nscreens = 2\n[future]\nkey = true\n");
    let names: Vec<_> = newer
        .unknown()
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    assert_eq!(names, ["screens", "future.key"]);
    assert!(newer.off("asking"));
    // A person's own setting is none of a policy's.
    assert_eq!(newer.troubles().count(), 0);
}

#[test]
fn the_engineers_own_model_stays_within_the_hosts_that_are_allowed() {
    let hosts = policy("own_model_hosts = [\"localhost\", \"Models.corp.example\", \"[::1]\"]\n");
    assert!(hosts.permits_own_model(None).is_ok());
    for host in ["localhost", "models.corp.example", "[::1]", "::1"] {
        assert!(hosts.permits_own_model(Some(host)).is_ok(), "{host}");
    }
    let refused = hosts
        .permits_own_model(Some("api.elsewhere.example"))
        .unwrap_err();
    assert_eq!(code(&refused), "C114");
    let off = policy("own_model = false\n");
    assert_eq!(code(&off.permits_own_model(None).unwrap_err()), "C114");
    assert!(
        policy("own_model = true\n")
            .permits_own_model(Some("any.example"))
            .is_ok()
    );
}

#[test]
fn a_program_outside_the_allowed_versions_says_which_line_says_so() {
    assert!(Policy::default().version_allowed().is_ok());
    assert!(
        policy("minimum_version = \"0.0.1\"\nmaximum_version = \"99.0.0\"\n")
            .version_allowed()
            .is_ok()
    );
    for text in [
        "minimum_version = \"99.0.0\"\n",
        "maximum_version = \"0.0.1\"\n",
    ] {
        let refused = policy(text).version_allowed().unwrap_err();
        assert_eq!(code(&refused), "C116");
        assert!(refused.to_string().contains("line 1"), "{refused}");
        let quiet = Settings::of(&Home::at("/nowhere/at/all"), &policy(text));
        assert!(!quiet.asking(0, true, None).enabled);
    }
}

#[test]
fn a_file_that_others_could_have_written_is_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    fs::write(&path, "asking = false\n").unwrap();
    let mut world = Still::default();
    let laid_down = folder.path().join("absent.toml");
    assert_eq!(
        *Policy::load_from(&laid_down, &world).place(),
        Place::Nowhere
    );
    world.env.insert(VARIABLE, path.clone().into());

    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&path, 0o644);
    assert!(Policy::load_from(&laid_down, &world).off("asking"));
    for (place, open) in [(path.as_path(), 0o664), (folder.path(), 0o777)] {
        let before = fs::metadata(place).unwrap().permissions().mode();
        mode(place, open);
        let open = Policy::load_from(&laid_down, &world);
        assert!(
            matches!(open.place(), Place::NotObeyed { .. }),
            "{:?}",
            open.place()
        );
        assert!(!open.off("asking"));
        mode(place, before);
    }
    // Not root's, where it has to be root's.
    let stranger = Policy::read(&path, &[u32::MAX]);
    assert!(
        matches!(stranger.place(), Place::NotObeyed { why, .. } if why.contains("belongs to user"))
    );
}

#[test]
fn a_variable_does_not_step_around_the_policy_that_is_laid_down() {
    let folder = tempfile::tempdir().unwrap();
    let laid_down = folder.path().join("policy.toml");
    fs::write(&laid_down, "asking = false\n").unwrap();
    let own = folder.path().join("own.toml");
    fs::write(&own, "asking = true\n").unwrap();
    let mut world = Still::default();
    world.env.insert(VARIABLE, own.into());
    let found = Policy::load_from(&laid_down, &world);
    let named = match found.place() {
        Place::Obeyed(path) | Place::NotObeyed { path, .. } | Place::Broken { path, .. } => path,
        Place::Nowhere => panic!("it was not looked at"),
    };
    assert_eq!(*named, laid_down);
    // One that is there and cannot be read is no reason to look elsewhere.
    fs::remove_file(&laid_down).unwrap();
    std::os::unix::fs::symlink("nowhere", &laid_down).unwrap();
    assert!(matches!(
        Policy::load_from(&laid_down, &world).place(),
        Place::Broken { .. }
    ));
}

#[test]
fn every_value_that_holds_is_explained_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    fs::write(
        home.settings(),
        "quiet_hours = \"20:00-07:00\"\nchecks_per_day = 3\nchecks_per_week = 2\ndays_off = [\"friday\"]\npage = false\n",
    )
    .unwrap();
    let policy = policy(
        "quiet_hours = \"12:00-13:00\"\nchecks_per_day = 1\nchecks_per_week = 5\ndays_off = [\"sat\"]\nnotifications = false\n",
    );
    let settings = Settings::of(&home, &policy);
    let lines = policy.explained(&settings);
    assert_eq!(lines.len(), KEYS.len());
    let line = |key: &str| {
        let line = lines.iter().find(|line| line.key == key).unwrap();
        let from = line
            .from
            .replace(&home.settings().display().to_string(), "settings");
        (line.value.clone(), from.replace(FILE, "policy"))
    };
    let told = |value: &str, from: &str| (value.to_owned(), from.to_owned());
    assert_eq!(
        line("quiet_hours"),
        told(
            "20:00-07:00 and 12:00-13:00",
            "policy, line 1; settings, line 1"
        )
    );
    assert_eq!(line("checks_per_day"), told("1", "policy, line 2"));
    assert_eq!(line("checks_per_week"), told("2", "settings, line 3"));
    assert_eq!(
        line("days_off"),
        told("friday, saturday", "policy, line 4; settings, line 4")
    );
    assert_eq!(line("notifications"), told("off", "policy, line 5"));
    assert_eq!(line("page"), told("off", "settings, line 5"));
    assert_eq!(line("harness_line"), told("on", ""));
    assert!(lines.iter().all(|line| !line.why.is_empty()));
    let text = policy.shown_text(&settings);
    assert!(KEYS.iter().all(|key| text.contains(key.name)), "{text}");
    let json = policy.shown_json(&settings);
    assert_eq!(json["values"].as_array().map(Vec::len), Some(KEYS.len()));
}
