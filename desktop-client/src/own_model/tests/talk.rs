//! What goes over the wire, and what is made of what comes back.

use super::*;
use crate::error::Told;
use crate::keys::{Keys, Name};
use kernel::ids::HOUR;

fn code(error: &crate::error::Error) -> &'static str {
    error.code()
}

#[test]
fn each_provider_is_sent_its_own_form_and_what_was_shown_before() {
    for (provider, path) in [
        (Provider::Anthropic, "POST /v1/messages HTTP/1.1"),
        (Provider::Openai, "POST /chat/completions HTTP/1.1"),
        (Provider::Ollama, "POST /api/chat HTTP/1.1"),
    ] {
        let mut desk = Desk::new();
        let server = Double::new(vec![good(provider)]);
        let config = config(provider, &server.url);
        let question = desk.question(&config);
        let shown = Request::new(&config, &question).unwrap();
        let made = desk.one(&config).unwrap();
        assert!(matches!(made, Made::Item(_)), "{provider:?}: {made:?}");
        let sent = server.sent();
        assert_eq!(sent.len(), 1);
        assert!(sent[0].head.starts_with(path), "{}", sent[0].head);
        assert_eq!(sent[0].body, shown.body, "{provider:?}");
        let text = String::from_utf8(sent[0].body.clone()).unwrap();
        assert!(text.contains("pg_advisory_lock"));
        // Neither a name nor a secret of the engineer's, nor who they are.
        for not in [
            "secret-project",
            "locking",
            "hunter2",
            "def claim",
            "laptop",
        ] {
            assert!(!text.contains(not), "{provider:?}: {not}");
            assert!(!sent[0].head.contains(not));
        }
        let head = sent[0].head.to_lowercase();
        for not in [
            "user-agent",
            "cookie",
            "authorization",
            "x-api-key",
            "referer",
        ] {
            assert!(!head.contains(not), "{not}: {head}");
        }
    }
}

#[test]
fn a_key_goes_in_its_header_and_to_its_own_host_alone() {
    for (provider, header) in [
        (Provider::Anthropic, "x-api-key: k-123"),
        (Provider::Openai, "authorization: Bearer k-123"),
    ] {
        let mut desk = Desk::new();
        let server = Double::new(vec![good(provider)]);
        let mut config = config(provider, &server.url);
        config.keyed = true;
        // Not there yet: nothing goes.
        assert_eq!(code(&desk.one(&config).unwrap_err()), "C103");
        assert!(server.sent().is_empty());
        let home = desk.home();
        home.ensure().unwrap();
        let keys = Keys::of(&desk.world, &home).unwrap();
        // One for another host is none for this one.
        let other = Name::Provider(format!("{}@api.example.com", provider.name()));
        keys.set(&other, b"wrong").unwrap();
        assert_eq!(code(&desk.one(&config).unwrap_err()), "C103");
        keys.set(&Name::Provider(config.key_name().unwrap()), b"k-123")
            .unwrap();
        assert!(matches!(desk.one(&config).unwrap(), Made::Item(_)));
        let sent = server.sent();
        assert!(sent[0].head.contains(header), "{}", sent[0].head);
        assert!(!String::from_utf8_lossy(&sent[0].body).contains("k-123"));
        let request = Request::new(&config, &desk_question()).unwrap();
        assert!(!format!("{request:?}").contains("k-123"));
    }
}

fn desk_question() -> Question {
    Question::sample(1).unwrap()
}

#[test]
fn a_busy_provider_is_asked_again_and_a_refusing_one_is_not() {
    for provider in NETWORKED {
        for status in [429, 500, 503, 529] {
            let mut desk = Desk::new();
            let busy = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "busy" } });
            let server = Double::new(vec![
                Reply::json(status, &busy),
                Reply::Whole(status, vec![("retry-after", "0".into())], b"x".to_vec()),
                good(provider),
            ]);
            let made = desk.one(&config(provider, &server.url)).unwrap();
            assert!(matches!(made, Made::Item(_)));
            assert_eq!(server.sent().len(), 3);
        }
    }
    let mut desk = Desk::new();
    let refusal = json!({ "error": { "message": "invalid x-api-key \u{1b}[2J" } });
    let server = Double::new(vec![Reply::json(401, &refusal)]);
    let error = desk
        .one(&config(Provider::Anthropic, &server.url))
        .unwrap_err();
    assert_eq!((code(&error), server.sent().len()), ("C106", 1));
    let told = error.to_string();
    assert!(told.contains("refused (401): invalid x-api-key"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
}

#[test]
fn three_times_busy_is_enough_and_a_long_wait_is_not_waited_for() {
    let mut desk = Desk::new();
    let busy = || Reply::Whole(429, Vec::new(), Vec::new());
    let server = Double::new(vec![busy(), busy(), busy(), busy()]);
    let error = desk
        .one(&config(Provider::Openai, &server.url))
        .unwrap_err();
    assert_eq!((code(&error), server.sent().len()), ("C106", 3));
    let long = Reply::Whole(429, vec![("retry-after", "7200".into())], Vec::new());
    let server = Double::new(vec![long]);
    let error = desk
        .one(&config(Provider::Openai, &server.url))
        .unwrap_err();
    assert_eq!((code(&error), server.sent().len()), ("C106", 1));
    // As long as it asked for, nothing is tried.
    let trouble = desk.store.read(|txn| txn.own_trouble()).unwrap().unwrap();
    assert_eq!((trouble.code.as_str(), trouble.until), ("C106", NOW + 7200));
}

#[test]
fn what_does_not_speak_as_the_provider_is_left_alone_and_uses_up_no_line() {
    let elsewhere = vec![("location", "https://elsewhere.example/".to_owned())];
    for provider in NETWORKED {
        for (name, reply) in [
            (
                "no JSON",
                Reply::Whole(200, Vec::new(), b"<html>hunter2</html>".to_vec()),
            ),
            (
                "cut JSON",
                Reply::Whole(200, Vec::new(), b"{\"content\": [{\"type".to_vec()),
            ),
            ("another shape", Reply::json(200, &json!({ "hunter2": [] }))),
            (
                "elsewhere",
                Reply::Whole(302, elsewhere.clone(), Vec::new()),
            ),
            ("a flood", Reply::Flood(100 * 1024 * 1024)),
        ] {
            let mut desk = Desk::new();
            let server = Double::new(vec![reply]);
            let config = config(provider, &server.url);
            let before = desk.question(&config);
            let error = desk.one(&config).unwrap_err();
            assert_eq!(code(&error), "C107", "{provider:?}, {name}");
            let trouble = desk.store.read(|txn| txn.own_trouble()).unwrap().unwrap();
            assert_eq!((&*trouble.code, trouble.until), ("C107", NOW + HOUR));
            assert!(!trouble.text.contains("hunter2"), "{name}: {trouble:?}");
            assert_eq!(trouble.text.contains("elsewhere"), name == "elsewhere");
            assert_eq!(trouble.text.contains("bytes"), name == "a flood");
            assert_eq!(server.sent().len(), 1, "{name}");
            // The same line, and the same words, are asked about once it speaks.
            assert_eq!(desk.question(&config), before, "{name}");
        }
    }
}

#[test]
fn words_that_were_not_asked_for_use_up_the_line_and_are_quoted_nowhere() {
    let more = json!({ "choice": 1, "said": GOOD, "more": true });
    for provider in NETWORKED {
        let nothing = match provider {
            Provider::Anthropic => json!({ "content": [], "stop_reason": "max_tokens" }),
            Provider::Openai => json!({ "choices": [{ "message": { "content": null } }] }),
            _ => json!({ "message": { "role": "assistant" } }),
        };
        for reply in [
            around(provider, &more),
            around(provider, &json!("hunter2")),
            nothing,
        ] {
            let mut desk = Desk::new();
            let server = Double::new(vec![Reply::json(200, &reply)]);
            let config = config(provider, &server.url);
            let before = desk.question(&config);
            let made = desk.one(&config).unwrap();
            assert!(matches!(made, Made::Refused(_)), "{reply}: {made:?}");
            let trouble = desk.store.read(|txn| txn.own_trouble()).unwrap().unwrap();
            assert_eq!((&*trouble.code, trouble.until), ("C130", NOW), "{reply}");
            assert!(!trouble.text.contains("hunter2"), "{trouble:?}");
            assert_ne!(desk.question(&config).mention, before.mention);
        }
    }
}

#[test]
fn a_server_that_does_not_know_the_form_is_asked_once_more_without_it() {
    let refusal = json!({ "error": { "message": "This response_format type is unavailable now" } });
    let mut desk = Desk::new();
    let refuses = || Reply::json(400, &refusal);
    let server = Double::new(vec![refuses(), good(Provider::Openai)]);
    let made = desk.one(&config(Provider::Openai, &server.url)).unwrap();
    assert!(matches!(made, Made::Item(_)), "{made:?}");
    let sent: Vec<Value> = server
        .sent()
        .iter()
        .map(|sent| serde_json::from_slice(&sent.body).unwrap())
        .collect();
    assert!(sent[0]["response_format"].is_object());
    // All else is what it was.
    let mut without = sent[0].clone();
    without
        .as_object_mut()
        .unwrap()
        .shift_remove("response_format");
    assert_eq!(sent[1], without);
    // Once: a server that goes on refusing is let be, and so is one that refuses something else.
    for (provider, status, refusal, calls) in [
        (Provider::Openai, 422, refusal.clone(), 2),
        (
            Provider::Openai,
            400,
            json!({ "error": { "message": "unknown model" } }),
            1,
        ),
        (Provider::Openai, 401, refusal.clone(), 1),
        (Provider::Anthropic, 400, refusal.clone(), 1),
        (Provider::Ollama, 400, refusal.clone(), 1),
    ] {
        let mut desk = Desk::new();
        let again = || Reply::json(status, &refusal);
        let server = Double::new(vec![again(), again(), again()]);
        let error = desk.one(&config(provider, &server.url)).unwrap_err();
        assert_eq!((code(&error), server.sent().len()), ("C106", calls));
    }
}

#[test]
fn a_date_to_wait_for_counts_from_the_servers_own_date() {
    let said = |date: &str, until: &str| {
        let headers = vec![("date", date.to_owned()), ("retry-after", until.to_owned())];
        Reply::Whole(503, headers, Vec::new())
    };
    // This machine's clock is years away from the server's.
    let at = "Sun, 06 Nov 1994 08:49:37 GMT";
    let mut desk = Desk::new();
    let server = Double::new(vec![said(at, at), good(Provider::Openai)]);
    let made = desk.one(&config(Provider::Openai, &server.url)).unwrap();
    assert!(matches!(made, Made::Item(_)), "{made:?}");
    let mut desk = Desk::new();
    let server = Double::new(vec![said(at, "Sun, 06 Nov 1994 10:49:37 GMT")]);
    let error = desk
        .one(&config(Provider::Openai, &server.url))
        .unwrap_err();
    assert_eq!((code(&error), server.sent().len()), ("C106", 1));
    let trouble = desk.store.read(|txn| txn.own_trouble()).unwrap().unwrap();
    assert_eq!(trouble.until, NOW + 7200);
    // What is no date is no wish; one without the server's date counts from this clock.
    for (until, expected) in [
        ("soon", NOW + HOUR),
        ("Tue, 24 Nov 2026 13:00:00 GMT", NOW + 3 * HOUR),
    ] {
        let mut desk = Desk::new();
        let busy = || Reply::Whole(503, vec![("retry-after", until.to_owned())], Vec::new());
        let server = Double::new(vec![busy(), busy(), busy()]);
        let _ = desk
            .one(&config(Provider::Openai, &server.url))
            .unwrap_err();
        let trouble = desk.store.read(|txn| txn.own_trouble()).unwrap().unwrap();
        assert_eq!(trouble.until, expected, "{until}");
    }
}

#[test]
fn a_server_that_hangs_cuts_off_or_is_not_there_is_unreachable() {
    for reply in [
        Some(Reply::Hang),
        Some(Reply::Cut(b"{\"message\"".to_vec())),
        None,
    ] {
        let mut desk = Desk::new();
        let server = Double::new(reply.clone().into_iter().collect());
        let url = server.url.clone();
        // Of one that is gone, the port answers nobody.
        let server = reply.is_some().then_some(server);
        let error = desk.one(&config(Provider::Ollama, &url)).unwrap_err();
        assert_eq!(code(&error), "C105", "{reply:?}");
        drop(server);
    }
}

#[test]
fn the_proxy_is_the_environments_and_never_for_this_machine() {
    let mut world = Still::default();
    let url = |text: &str| Url::parse(text).unwrap();
    assert_eq!(proxy(&world, &url("https://api.anthropic.com")), None);
    world
        .env
        .insert("HTTPS_PROXY", "http://ada:pw@proxy.corp:3128".into());
    let found = proxy(&world, &url("https://api.anthropic.com")).unwrap();
    assert_eq!(proxy_told(&found), "proxy.corp:3128");
    for own in [
        "http://127.0.0.1:11434",
        "https://localhost:8080",
        "https://[::1]:1",
    ] {
        assert_eq!(proxy(&world, &url(own)), None, "{own}");
    }
}

#[test]
fn an_address_without_tls_is_this_machines_or_was_allowed() {
    for (url, allowed, sound) in [
        ("https://api.openai.com/v1", false, true),
        ("http://127.0.0.1:8080/v1", false, true),
        ("http://localhost:8080", false, true),
        ("http://[::1]:8080", false, true),
        ("http://gpu.corp:8000/v1", false, false),
        ("http://gpu.corp:8000/v1", true, true),
        ("http://127.0.0.1.evil.example/", false, false),
        ("https://ada:key@api.openai.com/v1", false, false),
        ("https://api.openai.com/v1?key=x", false, false),
        ("ftp://api.openai.com", true, false),
    ] {
        let mut config = config(Provider::Openai, url);
        config.allow_http = allowed;
        assert_eq!(config.sound().is_ok(), sound, "{url}");
    }
}

#[test]
fn settings_hold_no_key_and_broken_ones_are_off() {
    let desk = Desk::new();
    let home = desk.home();
    let mut set = config(Provider::Anthropic, "https://api.anthropic.com");
    set.keyed = true;
    set.write(&home).unwrap();
    assert_eq!(Config::read(&home).unwrap(), Some(set));
    let path = home.path().join("own-model.toml");
    std::fs::write(&path, "provider = \"anthropic\"\nkey = \"k\"\n").unwrap();
    assert_eq!(code(&Config::read(&home).unwrap_err()), "C101");
    assert_eq!(code(&make_ahead(&desk.world, &home).unwrap_err()), "C101");
    assert!(Config::remove(&home).unwrap());
    assert_eq!(
        make_ahead(&desk.world, &home).unwrap(),
        Made::Nothing("off")
    );
    let failed = Error::Off;
    assert_eq!(failed.code(), "C100");
}
