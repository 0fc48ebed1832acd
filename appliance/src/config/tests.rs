//! Whole files, as an administrator writes them.

use super::*;

fn config(text: &str) -> Result<Config, Error> {
    let dir = Path::new("/d");
    Config::from_text(
        dir,
        &dir.join(FILE),
        text,
        &Environment::default(),
        Overrides::default(),
    )
}

fn said() -> Said {
    Said {
        organisation: "X".to_owned(),
        ..Said::default()
    }
}

#[test]
fn an_empty_file_is_a_whole_configuration() {
    let config = config("").unwrap();
    assert_eq!(config.people.to_string(), "127.0.0.1:8443");
    assert_eq!(config.store, Path::new("/d/store.db"));
    assert_eq!(
        config.certificate_names(),
        ["localhost", "127.0.0.1", "::1"]
    );
    let addresses = config.addresses(8443, 8444);
    assert_eq!(addresses.people, "https://localhost:8443");
    assert_eq!(addresses.devices, "https://localhost:8444");
}

#[test]
fn the_written_file_reads_as_what_was_said() {
    let text = template(&Said {
        organisation: "Larkfield \"Instruments\"".to_owned(),
        names: vec!["skills.example".to_owned()],
        people: Some(([0, 0, 0, 0], 443).into()),
        ..Said::default()
    });
    let config = config(&text).unwrap();
    assert_eq!(config.organisation, "Larkfield \"Instruments\"");
    assert_eq!(config.certificate_names()[0], "skills.example");
    assert_eq!(config.people.to_string(), "0.0.0.0:443");
    assert_eq!(config.addresses(443, 8444).people, "https://skills.example");
}

#[test]
fn every_comment_of_the_written_file_is_a_valid_line() {
    let text = template(&said());
    let open: String = text
        .lines()
        .filter(|line| !line.ends_with(" = \"\""))
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
            Some(" [oidc.entra]") => {
                "[oidc.entra]\nissuer = 'https://i'\nclient_id = 'c'\n".to_owned()
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let config = config(&open).unwrap();
    assert_eq!(config.providers[0].scopes, ["openid", "profile", "email"]);
}

#[test]
fn without_a_word_about_it_there_is_no_model() {
    let model = config("").unwrap().model;
    assert_eq!((model.file, model.sentences), (None, None));
    assert!(!model.allow_degraded);
}

#[test]
fn a_model_is_named_with_its_digest_or_not_at_all() {
    let digest = "a".repeat(64);
    let text = format!("[model]\nfile = \"models/m.gguf\"\nsha256 = \"{digest}\"\n");
    let model = config(&text).unwrap().model;
    assert_eq!(model.file, Some(("/d/models/m.gguf".into(), digest)));
    for (text, missing) in [
        ("[model]\nfile = \"m.gguf\"\n".to_owned(), "model.sha256"),
        (
            format!("[model]\nsha256 = \"{}\"\n", "0".repeat(64)),
            "model.file",
        ),
    ] {
        let said = config(&text).unwrap_err().to_string();
        assert!(said.contains(missing), "{said}");
    }
    for digest in ["A".repeat(64), "a".repeat(63), "sha256:aa".to_owned()] {
        let text = format!("[model]\nfile = \"m\"\nsha256 = \"{digest}\"\n");
        assert!(config(&text).is_err(), "{digest}");
    }
}

#[test]
fn the_written_file_names_the_model_that_was_chosen() {
    let chosen = Said {
        model: Some(("/models/m.gguf".into(), "b".repeat(64))),
        sentences: Some("/models/s".into()),
        ..said()
    };
    let model = config(&template(&chosen)).unwrap().model;
    assert_eq!(model.file, chosen.model);
    assert_eq!(model.sentences, chosen.sentences);
}

#[test]
fn a_provider_without_issuer_is_refused() {
    let error = config("[oidc.entra]\nname = \"Entra ID\"\n").unwrap_err();
    assert_eq!(error.code(), "G002");
    let text = error.to_string();
    assert!(
        text.contains("oidc.entra.issuer: this key is missing"),
        "{text}"
    );
    assert!(text.contains("oidc.entra.client_id"), "{text}");
}

#[test]
fn one_address_for_both_is_refused() {
    let text = "[listen]\npeople = \"127.0.0.1:9\"\ndevices = \"127.0.0.1:9\"\n";
    assert!(
        config(text)
            .unwrap_err()
            .to_string()
            .contains("need a port each")
    );
}

#[test]
fn k_may_be_raised_and_never_lowered() {
    assert_eq!(config("[figures]\nk = 8\n").unwrap().k, 8);
    assert!(config("[figures]\nk = 4\n").is_err());
}
