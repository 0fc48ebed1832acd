//! A provider that lies: twenty-two known faults and some more, every one refused, each with the code that says which.
//!
//! Without the checks of this crate its library accepts eight of the
//! twenty-two (marked below). The sound answer is accepted before and after each.

use identity::{
    Error, Intent, MemoryPending, Provider, ProviderConfig, Role, TlsFloor, VerifiedLogin,
};
use serde_json::{Value, json};
use url::Url;

use crate::support::fake_provider::{Answer, FakeProvider, Sign, at_hash};
use crate::support::{config, random};

/// The clock of these tests; no real one is needed.
const NOW: i64 = 1_790_000_000;

struct App {
    provider: Provider,
    store: MemoryPending,
}

/// The query with which the browser comes back.
type Query = fn(state: &str, code: &str, issuer: &str) -> String;

fn right(state: &str, code: &str, issuer: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("code", code), ("state", state), ("iss", issuer)])
        .finish()
}

impl App {
    fn new(fake: &FakeProvider, change: impl FnOnce(&mut ProviderConfig)) -> Self {
        let mut config = config(&fake.issuer, &fake.ca.root_pem);
        config.step_up.acr_values = vec!["phr".into()];
        change(&mut config);
        Self {
            provider: Provider::new(config).expect("configuration"),
            store: MemoryPending::default(),
        }
    }

    async fn step_up(&self, query: Query) -> Result<VerifiedLogin, Error> {
        self.with(Intent::StepUp { subject: None }, query, NOW)
            .await
    }

    /// Begins at `NOW`, comes back at `later`.
    async fn with(&self, intent: Intent, query: Query, later: i64) -> Result<VerifiedLogin, Error> {
        let begun = self
            .provider
            .begin(&self.store, intent, "/", NOW, &random)
            .await?;
        let (state, nonce) = (
            parameter(&begun.url, "state"),
            parameter(&begun.url, "nonce"),
        );
        let issuer = self.provider.config().issuer.clone();
        // The fake provider's codes are nonces, so that its token endpoint knows which to put in.
        let query = query(&state, &nonce, &issuer);
        self.provider
            .complete(&self.store, Some(&begun.cookie), &query, later)
            .await
    }
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs()
        .find(|(n, _)| n == name)
        .unwrap_or_else(|| panic!("no {name} in {url}"))
        .1
        .into_owned()
}

fn set(answer: &mut Answer, claim: &str, value: impl Into<Value>) {
    answer.claims.insert(claim.into(), value.into());
}

/// A fault: its name, the code that refuses it, and what the provider does.
type Fault = (&'static str, &'static str, fn(&mut Answer));

/// What is no fault: its name, and what the provider does.
type Fine = (&'static str, fn(&mut Answer));

/// Faults of tokens. `*` marks those that the library alone accepts.
const FAULTS: &[Fault] = &[
    ("wrong_aud", "I016", |a| set(a, "aud", "another")),
    ("extra_aud", "I016", |a| {
        set(a, "aud", json!(["app", "another"]))
    }),
    ("wrong_iss", "I016", |a| {
        set(a, "iss", "https://evil.example")
    }),
    ("expired", "I019", |a| set(a, "exp", NOW - 121)),
    ("no_nonce", "I016", |a| {
        a.claims.remove("nonce");
    }),
    ("wrong_nonce", "I016", |a| set(a, "nonce", "another")),
    ("alg_none", "I016", |a| a.sign = Sign::Nothing),
    ("hs256_with_public_key", "I016", |a| {
        a.sign = Sign::PublicKeyAsSecret
    }),
    ("unknown_kid", "I017", |a| {
        a.header.insert("kid".into(), "never-published".into());
    }),
    ("tampered", "I016", |a| a.sign = Sign::Tampered),
    ("no_sub", "I005", |a| {
        a.claims.remove("sub");
    }),
    ("token_endpoint_error", "I014", |a| {
        a.instead = Some((
            400,
            "application/json",
            r#"{"error":"invalid_grant","error_description":"code was used"}"#.into(),
        ));
    }),
    ("token_endpoint_500", "I005", |a| {
        a.instead = Some((500, "text/html", "<h1>Oops</h1>".into()))
    }),
    ("userinfo_of_other_sub", "I026", |a| {
        a.claims.remove("email");
        a.user_info = json!({"sub": "eve", "email": "ada@corp.example", "email_verified": true});
    }),
    ("no_auth_time *", "I020", |a| {
        a.claims.remove("auth_time");
    }),
    ("old_auth_time *", "I020", |a| {
        set(a, "auth_time", NOW - 121)
    }),
    ("wrong_acr *", "I021", |a| set(a, "acr", "pwd")),
    ("iat_future *", "I018", |a| set(a, "iat", NOW + 121)),
    ("nbf_future *", "I018", |a| set(a, "nbf", NOW + 121)),
    ("at_hash_wrong *", "I022", |a| {
        set(a, "at_hash", at_hash("another-access-token"))
    }),
];

/// Beyond the twenty-two.
const FURTHER: &[Fault] = &[
    (
        "signed with a key that was never published, under the name of one that was",
        "I016",
        |a| a.sign = Sign::OtherKey,
    ),
    (
        "HS256 with the client secret, which others in the organisation may know",
        "I016",
        |a| a.sign = Sign::ClientSecret,
    ),
    ("no acr at all", "I021", |a| {
        a.claims.remove("acr");
    }),
    ("auth_time zero", "I020", |a| set(a, "auth_time", 0)),
    ("auth_time in the future", "I018", |a| {
        set(a, "auth_time", NOW + 121)
    }),
    ("made for another application", "I016", |a| {
        set(a, "azp", "another")
    }),
    ("an empty subject", "I016", |a| set(a, "sub", "")),
    ("a subject of a thousand characters", "I016", |a| {
        set(a, "sub", "x".repeat(1_000))
    }),
    ("no end", "I005", |a| {
        a.claims.remove("exp");
    }),
    ("a critical header that we do not understand", "I016", |a| {
        a.header.insert("crit".into(), json!(["b64"]));
    }),
    ("an access token where an ID token should be", "I016", |a| {
        a.header.insert("typ".into(), "at+jwt".into());
    }),
    ("an unknown algorithm", "I005", |a| {
        a.header.insert("alg".into(), "RS1".into());
    }),
    ("nbf that is no number", "I016", |a| set(a, "nbf", "soon")),
    ("no ID token", "I015", |a| a.with_id_token = false),
    ("too many groups", "I023", |a| {
        a.claims.remove("groups");
        set(a, "_claim_names", json!({"groups": "src1"}));
    }),
    ("too many groups, said by userinfo", "I023", |a| {
        a.claims.remove("groups");
        a.user_info = json!({"sub": "ada", "_claim_names": {"groups": "src1"}});
    }),
    ("a redirect at the token endpoint", "I004", |a| {
        a.instead = Some((302, "text/plain", String::new()))
    }),
    ("a redirect that would carry the code along", "I004", |a| {
        a.instead = Some((307, "text/plain", String::new()))
    }),
    ("an answer without end", "I004", |a| {
        a.instead = Some((200, "application/json", " ".repeat(1_200_000)))
    }),
    ("an answer that is no JSON", "I005", |a| {
        a.instead = Some((200, "application/json", "{".into()))
    }),
    ("an answer of another kind", "I014", |a| {
        a.instead = Some((200, "text/html", "<p>".into()))
    }),
    ("no answer", "I004", |a| a.never = true),
    ("an access token that no header can carry", "I026", |a| {
        a.claims.remove("email");
        a.access_token = "a\r\nb".into();
        set(a, "at_hash", at_hash("a\r\nb"));
    }),
];

async fn refuses_all(faults: &[Fault]) {
    let fake = FakeProvider::start().await;
    for (name, code, fault) in faults {
        // Each with a fresh relying party: the rule of one request for unknown keys in five minutes is another test's.
        let app = App::new(&fake, |c| c.timeout_s = 1);
        fake.answers(NOW, |_| {});
        let sound = app.step_up(right).await;
        assert!(sound.is_ok(), "before {name}: {sound:?}");
        fake.answers(NOW, *fault);
        match app.step_up(right).await {
            Ok(_) => panic!("accepted: {name}"),
            Err(error) => {
                assert_eq!(error.code(), *code, "{name}: {}", error.explain());
                assert!(!error.fix().is_empty());
                let text = format!("{} {error:?}", error.explain());
                for secret in ["access-token-1", "app-secret", "ada@corp.example", "eyJ"] {
                    assert!(!text.contains(secret), "{name} shows {secret}: {text}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_known_fault_of_a_token_is_refused() {
    refuses_all(FAULTS).await;
}

#[tokio::test]
async fn further_faults_are_refused_and_none_panics() {
    refuses_all(FURTHER).await;
}

#[tokio::test]
async fn a_callback_that_is_not_ours_is_refused_before_the_provider_is_asked() {
    let fake = FakeProvider::start().await;
    let app = App::new(&fake, |_| {});
    let queries: &[(&str, &str, Query)] = &[
        ("state_swap *", "I010", |_, code, iss| {
            right("somebody-elses-state", code, iss)
        }),
        ("iss_param_mixup *", "I012", |state, code, _| {
            right(state, code, "https://evil.example")
        }),
        ("iss missing although promised", "I012", |state, code, _| {
            format!("code={code}&state={state}")
        }),
        ("no state", "I010", |_, code, iss| {
            format!("code={code}&iss={iss}")
        }),
        ("an empty state", "I010", |_, code, iss| {
            right("", code, iss)
        }),
        (
            "a state that only begins rightly",
            "I010",
            |state, code, iss| right(&state[..42], code, iss),
        ),
        ("state twice", "I011", |state, code, iss| {
            format!("{}&state={state}", right(state, code, iss))
        }),
        ("no code", "I011", |state, _, iss| {
            format!("state={state}&iss={iss}")
        }),
        ("an error of another provider", "I012", |state, _, _| {
            format!("error=access_denied&state={state}&iss=https://evil.example")
        }),
        ("an error", "I013", |state, _, iss| {
            format!("error=access_denied&state={state}&iss={iss}")
        }),
        ("nothing", "I010", |_, _, _| String::new()),
    ];
    for (name, code, query) in queries {
        assert_eq!(
            app.step_up(*query).await.expect_err(name).code(),
            *code,
            "{name}"
        );
    }
    assert_eq!(fake.requests().1, 0, "the token endpoint was asked");
    // An answer that comes too late, or before it was asked for.
    for later in [NOW + 601, NOW - 121] {
        let error = app
            .with(Intent::SignIn, right, later)
            .await
            .expect_err("accepted");
        assert_eq!(error.code(), "I009");
    }
}

#[tokio::test]
async fn what_lies_within_the_leeway_is_accepted() {
    let fake = FakeProvider::start().await;
    let app = App::new(&fake, |c| c.extra_audiences = vec!["project".into()]);
    let fine: &[Fine] = &[
        ("iat ahead", |a| set(a, "iat", NOW + 120)),
        ("nbf ahead", |a| set(a, "nbf", NOW + 120)),
        ("ended a moment ago", |a| set(a, "exp", NOW - 119)),
        ("authenticated a moment before it was asked for", |a| {
            set(a, "auth_time", NOW - 120)
        }),
        ("no at_hash", |a| {
            a.claims.remove("at_hash");
        }),
        ("an audience that the configuration names", |a| {
            set(a, "aud", json!(["app", "project"]))
        }),
        ("made for us", |a| set(a, "azp", "app")),
        ("no kid and one key", |a| {
            a.header.remove("kid");
        }),
    ];
    for (name, change) in fine {
        fake.answers(NOW, *change);
        let login = app.step_up(right).await;
        assert!(
            login.is_ok(),
            "{name}: {}",
            login.expect_err("refused").explain()
        );
    }
}

#[tokio::test]
async fn a_sign_in_needs_no_fresh_authentication_and_a_step_up_does() {
    let fake = FakeProvider::start().await;
    let app = App::new(&fake, |_| {});
    fake.answers(NOW, |a| {
        set(a, "auth_time", NOW - 40_000);
        set(a, "acr", "pwd");
    });
    let login = app
        .with(Intent::SignIn, right, NOW)
        .await
        .expect("signed in");
    assert_eq!(
        (login.auth_time, login.role),
        (Some(NOW - 40_000), Role::Lead)
    );
    assert!(!login.stepped_up());
    assert_eq!(
        app.step_up(right).await.expect_err("confirmed").code(),
        "I020"
    );
}

#[tokio::test]
async fn a_step_up_asks_for_what_it_will_check() {
    let fake = FakeProvider::start().await;
    let app = App::new(&fake, |c| c.step_up.auth_context = Some("c1".into()));
    let begin = async |intent| {
        app.provider
            .begin(&app.store, intent, "/", NOW, &random)
            .await
            .expect("begun")
            .url
    };
    let url = begin(Intent::StepUp { subject: None }).await;
    assert_eq!(
        (parameter(&url, "max_age"), parameter(&url, "acr_values")),
        ("0".into(), "phr".into())
    );
    assert_eq!(
        parameter(&url, "claims"),
        r#"{"id_token":{"acrs":{"essential":true,"value":"c1"}}}"#
    );
    let url = begin(Intent::SignIn).await;
    assert!(!url.as_str().contains("max_age"));
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    assert_eq!(
        (
            parameter(&url, "response_type"),
            parameter(&url, "response_mode")
        ),
        ("code".into(), "query".into())
    );
    assert_eq!(parameter(&url, "scope"), "openid profile email groups");
    fake.answers(NOW, |a| set(a, "acrs", json!(["c1"])));
    assert!(app.step_up(right).await.is_ok());
    fake.answers(NOW, |_| {});
    assert_eq!(
        app.step_up(right).await.expect_err("confirmed").code(),
        "I021"
    );
}

#[tokio::test]
async fn claims_that_the_token_lacks_are_read_from_userinfo() {
    let fake = FakeProvider::start().await;
    let thin = |a: &mut Answer| {
        a.claims.remove("email");
        a.claims.remove("groups");
        a.user_info = json!({"sub": "ada", "email": "ada@corp.example", "email_verified": false, "groups": ["app-admins"]});
    };
    fake.answers(NOW, thin);
    let login = App::new(&fake, |_| {})
        .step_up(right)
        .await
        .expect("signed in");
    assert_eq!(
        (login.role, login.email.as_deref()),
        (Role::Admin, Some("ada@corp.example"))
    );
    assert_eq!(
        login.linkable_email(),
        None,
        "the token's email_verified is not said of userinfo's address"
    );
    let login = App::new(&fake, |c| c.userinfo = false)
        .step_up(right)
        .await
        .expect("signed in");
    assert_eq!(
        (login.role, login.role_claim_present, login.email),
        (Role::Member, false, None)
    );
    // At a host that the configuration does not name, as Entra's is: it is not asked.
    fake.metadata(|m| {
        drop(m.insert(
            "userinfo_endpoint".into(),
            "https://graph.example/oidc/userinfo".into(),
        ))
    });
    assert_eq!(
        App::new(&fake, |_| {})
            .step_up(right)
            .await
            .expect("signed in")
            .email,
        None
    );
}

#[tokio::test]
async fn unknown_keys_cause_one_request_in_five_minutes_however_many_tokens_come() {
    let fake = FakeProvider::start().await;
    let app = App::new(&fake, |_| {});
    fake.answers(NOW, |a| {
        a.header.insert("kid".into(), "new".into());
        a.sign = Sign::OtherKey;
    });
    for _ in 0..5 {
        assert_eq!(
            app.step_up(right).await.expect_err("accepted").code(),
            "I017"
        );
    }
    assert_eq!(
        fake.requests().0,
        2,
        "once at discovery, once for the unknown key"
    );
    fake.publish_other_key("new");
    assert_eq!(
        app.step_up(right)
            .await
            .expect_err("asked again at once")
            .code(),
        "I017"
    );
    let login = app.with(Intent::SignIn, right, NOW + 300).await;
    assert!(login.is_ok(), "{login:?}");
    assert_eq!(fake.requests().0, 3);
}

#[tokio::test]
async fn metadata_that_cannot_be_right_is_refused() {
    type Change = fn(&mut serde_json::Map<String, Value>);
    let cases: &[(&str, &str, Change)] = &[
        ("another issuer", "I006", |m| {
            drop(m.insert("issuer".into(), "https://evil.example".into()))
        }),
        ("a final slash", "I006", |m| {
            let issuer = format!("{}/", m["issuer"].as_str().unwrap_or_default());
            m.insert("issuer".into(), issuer.into());
        }),
        ("every tenant", "I002", |m| {
            drop(m.insert(
                "issuer".into(),
                "https://login.microsoftonline.com/{tenantid}/v2.0".into(),
            ))
        }),
        ("tokens from elsewhere", "I007", |m| {
            drop(m.insert("token_endpoint".into(), "https://evil.example/token".into()))
        }),
        ("tokens without TLS", "I007", |m| {
            drop(m.insert("token_endpoint".into(), "http://localhost/token".into()))
        }),
        ("tokens from a cloud's metadata service", "I007", |m| {
            drop(m.insert("token_endpoint".into(), "https://169.254.169.254/".into()))
        }),
        ("a sign-in page without TLS", "I007", |m| {
            drop(m.insert("authorization_endpoint".into(), "http://localhost/".into()))
        }),
        ("no token endpoint", "I005", |m| {
            drop(m.remove("token_endpoint"))
        }),
        ("keys from elsewhere", "I004", |m| {
            drop(m.insert("jwks_uri".into(), "https://evil.example/keys".into()))
        }),
        ("no keys", "I005", |m| drop(m.remove("jwks_uri"))),
    ];
    for (name, code, change) in cases {
        let fake = FakeProvider::start().await;
        fake.metadata(*change);
        let error = App::new(&fake, |_| {})
            .provider
            .probe(NOW)
            .await
            .expect_err(name);
        assert_eq!(error.code(), *code, "{name}: {}", error.explain());
    }
}

#[tokio::test]
async fn old_tls_is_spoken_only_where_the_configuration_names_it() {
    let fake = FakeProvider::start_with(&[&rustls::version::TLS12]).await;
    fake.answers(NOW, |_| {});
    let error = App::new(&fake, |_| {})
        .provider
        .probe(NOW)
        .await
        .expect_err("spoken");
    assert_eq!(error.code(), "I004");
    assert!(
        error.fix().contains("tls_floor"),
        "{} / {}",
        error.explain(),
        error.fix()
    );
    let app = App::new(&fake, |c| c.tls_floor = TlsFloor::Tls12Aead);
    assert!(app.step_up(right).await.is_ok());
}

#[tokio::test]
async fn metadata_is_read_anew_every_day_and_kept_while_that_fails() {
    let fake = FakeProvider::start().await;
    let app = App::new(&fake, |_| {});
    app.provider.probe(NOW).await.expect("read");
    fake.metadata(|m| drop(m.remove("jwks_uri")));
    app.provider
        .probe(NOW + 24 * 3_600)
        .await
        .expect("yesterday's is used on");
    assert_eq!(fake.requests().0, 1);
    // Changed for good: seen the next day.
    fake.metadata(|m| {
        let keys = format!("{}/keys", m["issuer"].as_str().unwrap_or_default());
        m.insert("jwks_uri".into(), keys.into());
    });
    app.provider
        .probe(NOW + 24 * 3_600 + 599)
        .await
        .expect("not asked again so soon");
    assert_eq!(fake.requests().0, 1);
    app.provider
        .probe(NOW + 24 * 3_600 + 600)
        .await
        .expect("read");
    assert_eq!(fake.requests().0, 2);
}
