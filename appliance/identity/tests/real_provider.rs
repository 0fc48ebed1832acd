//! Sign-ins at a certified provider that nobody here wrote, driven as a browser would.

use identity::{
    ClientAuth, ClientSecret, Error, Intent, MemoryPending, Provider, ProviderConfig, Role,
    VerifiedLogin,
};
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::op::Op;
use crate::support::{PrivateCa, config, now, random};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const STEP_UP: Intent = Intent::StepUp { subject: None };

/// One appliance with one provider.
struct App {
    provider: Provider,
    store: MemoryPending,
    browser: Browser,
}

impl App {
    fn new(op: &Op, change: impl FnOnce(&mut ProviderConfig)) -> Self {
        let mut config = config(&op.issuer, &op.ca.root_pem);
        change(&mut config);
        Self {
            provider: Provider::new(config).expect("configuration"),
            store: MemoryPending::default(),
            browser: Browser::new(&op.ca.root_pem),
        }
    }

    async fn as_user(
        &mut self,
        intent: Intent,
        user: &str,
    ) -> Result<(VerifiedLogin, bool), Error> {
        self.with_form(intent, &[("sub", user)], now()).await
    }

    async fn with_form(
        &mut self,
        intent: Intent,
        form: &[(&str, &str)],
        now: i64,
    ) -> Result<(VerifiedLogin, bool), Error> {
        let begun = self
            .provider
            .begin(&self.store, intent, "/me", now, &random)
            .await?;
        let arrived = self.browser.fill_in(&begun.url, form).await;
        let login = self
            .provider
            .complete(&self.store, Some(&begun.cookie), &arrived.query, now)
            .await?;
        Ok((login, arrived.prompted))
    }

    /// Another person at another machine.
    async fn somebody(&mut self, op: &Op, user: &str) -> Result<VerifiedLogin, Error> {
        self.browser = Browser::new(&op.ca.root_pem);
        self.as_user(Intent::SignIn, user)
            .await
            .map(|(login, _)| login)
    }
}

fn code(result: Result<impl std::fmt::Debug, Error>) -> &'static str {
    result.expect_err("accepted").code()
}

#[tokio::test]
async fn people_sign_in_and_a_claim_makes_them_what_they_are() {
    let op = Op::start("plain").await;
    let mut app = App::new(&op, |_| {});
    let alice = app.somebody(&op, "alice").await.expect("signed in");
    assert_eq!(
        (alice.issuer.as_str(), alice.subject.as_str()),
        (op.issuer.as_str(), "alice")
    );
    assert_eq!(alice.role, Role::Admin);
    assert_eq!(alice.role_values, ["app-admins", "engineering"]);
    assert_eq!(alice.linkable_email(), Some("alice@corp.example"));
    assert_eq!(alice.name.as_deref(), Some("Alice Admin"));
    assert_eq!(alice.amr, ["pwd"]);
    assert!(alice.auth_time.is_some_and(|at| (now() - at).abs() < 30));
    assert_eq!(alice.return_to, "/me");
    assert!(!alice.stepped_up());
    assert!(
        !format!("{alice:?}").contains("Alice"),
        "a log names nobody"
    );

    assert_eq!(
        app.somebody(&op, "bob").await.expect("signed in").role,
        Role::Lead
    );
    let plain = app.somebody(&op, "unverified").await.expect("signed in");
    assert_eq!(plain.role, Role::Member);
    assert_eq!(
        (plain.email.as_deref(), plain.linkable_email()),
        (Some("ceo@corp.example"), None)
    );
    let without = app.somebody(&op, "noemail").await.expect("signed in");
    assert_eq!(
        (without.email, without.name.as_deref()),
        (None, Some("No Mail"))
    );
}

#[tokio::test]
async fn a_step_up_asks_anew_and_its_age_is_checked() {
    let op = Op::start("plain").await;
    let mut app = App::new(&op, |_| {});
    app.somebody(&op, "alice").await.expect("signed in");
    let (_, prompted) = app
        .as_user(Intent::SignIn, "alice")
        .await
        .expect("signed in");
    assert!(!prompted, "the provider's own session is enough to sign in");
    let (login, prompted) = app.as_user(STEP_UP, "alice").await.expect("confirmed");
    assert!(prompted && login.stepped_up());
    assert!(login.auth_time.is_some_and(|at| (now() - at).abs() < 30));

    let alice = Intent::StepUp {
        subject: Some("alice".into()),
    };
    assert!(app.as_user(alice.clone(), "alice").await.is_ok());
    app.browser = Browser::new(&op.ca.root_pem);
    assert_eq!(
        code(app.as_user(alice, "bob").await),
        "I027",
        "somebody else's confirmation"
    );

    // A provider that says "ten minutes ago" although a new authentication was asked for. It does not
    // hold its own clock against it when it answers, so only this side can notice.
    op.control("set", json!({"authTimeSkew": -600})).await;
    app.browser = Browser::new(&op.ca.root_pem);
    let skewed = app.with_form(STEP_UP, &[("sub", "alice")], now()).await;
    assert_eq!(code(skewed), "I020");
}

#[tokio::test]
async fn the_kind_of_authentication_is_checked() {
    let op = Op::start("okta").await;
    let mut app = App::new(&op, |c| c.step_up.acr_values = vec!["phr".into()]);
    let (login, _) = app.as_user(STEP_UP, "alice").await.expect("confirmed");
    assert_eq!(
        (login.acr.as_deref(), login.amr.as_slice()),
        (Some("phr"), ["pwd".to_owned(), "mfa".to_owned()].as_slice())
    );
    let weaker = [("sub", "alice"), ("acr", "urn:okta:loa:2fa:any")];
    assert_eq!(code(app.with_form(STEP_UP, &weaker, now()).await), "I021");
    // Entra's contexts come in `acrs`; this provider does not know them and says nothing of them.
    let mut app = App::new(&op, |c| c.step_up.auth_context = Some("c1".into()));
    assert_eq!(code(app.as_user(STEP_UP, "alice").await), "I021");
}

#[tokio::test]
async fn new_keys_are_fetched_once_and_not_at_every_token() {
    let op = Op::start("plain").await;
    let mut app = App::new(&op, |_| {});
    app.somebody(&op, "alice").await.expect("signed in");
    op.control("rotate", json!({"keepOld": false})).await;
    app.somebody(&op, "alice")
        .await
        .expect("the new key was fetched");
    op.control("rotate", json!({"keepOld": false})).await;
    let refused = app
        .somebody(&op, "alice")
        .await
        .expect_err("fetched again at once");
    assert_eq!(refused.code(), "I017");
    assert!(
        refused.explain().contains("less than five minutes ago"),
        "{}",
        refused.explain()
    );
    app.browser = Browser::new(&op.ca.root_pem);
    let later = app
        .with_form(Intent::SignIn, &[("sub", "alice")], now() + 301)
        .await;
    assert!(later.is_ok(), "after five minutes: {later:?}");
}

#[tokio::test]
async fn an_answer_belongs_to_one_browser_and_is_used_once() {
    let op = Op::start("plain").await;
    let mut app = App::new(&op, |_| {});
    let begin = async |app: &App| {
        app.provider
            .begin(&app.store, Intent::SignIn, "/", now(), &random)
            .await
            .expect("begun")
    };
    let (mine, other) = (begin(&app).await, begin(&app).await);
    let arrived = app.browser.sign_in(&mine.url, "alice").await;
    let complete = async |cookie: Option<&str>| {
        app.provider
            .complete(&app.store, cookie, &arrived.query, now())
            .await
    };
    assert_eq!(code(complete(None).await), "I008", "no cookie");
    assert_eq!(
        code(complete(Some("x")).await),
        "I008",
        "not a cookie of ours"
    );
    assert_eq!(
        code(complete(Some(&other.cookie)).await),
        "I010",
        "another sign-in's answer"
    );
    assert!(complete(Some(&mine.cookie)).await.is_ok());
    assert_eq!(
        code(complete(Some(&mine.cookie)).await),
        "I008",
        "used already"
    );
    assert_eq!(
        code(complete(Some(&other.cookie)).await),
        "I008",
        "a wrong answer uses a sign-in up as well"
    );
}

#[tokio::test]
async fn who_cancels_reads_why() {
    let op = Op::start("plain").await;
    let mut app = App::new(&op, |_| {});
    let error = app
        .with_form(Intent::SignIn, &[("cancel", "1")], now())
        .await
        .expect_err("signed in");
    assert_eq!(error.code(), "I013");
    assert_eq!(
        error.to_string(),
        "the identity provider answered `access_denied` (user cancelled)"
    );
}

#[tokio::test]
async fn a_wrong_client_secret_is_named() {
    let op = Op::start("plain").await;
    let mut app = App::new(&op, |c| {
        c.client_secret = Some(ClientSecret::new("old".into()))
    });
    let error = app.somebody(&op, "alice").await.expect_err("signed in");
    assert_eq!(error.code(), "I014");
    assert!(
        error.explain().contains("invalid_client"),
        "{}",
        error.explain()
    );
    assert!(error.fix().contains("secret"));

    let op = Op::start_with("plain", &[("AUTH_METHOD", "client_secret_post")]).await;
    let mut app = App::new(&op, |c| c.client_auth = ClientAuth::Post);
    assert!(app.somebody(&op, "alice").await.is_ok());
}

#[tokio::test]
async fn entra_groups_that_were_left_out_are_not_taken_for_none() {
    let op = Op::start("entra").await;
    assert!(op.issuer.ends_with(&format!("/{TENANT}/v2.0")));
    let mut app = App::new(&op, |c| {
        c.roles.admin = vec!["0a0a0a0a-0000-4000-8000-000000000101".into()]
    });
    let alice = app.somebody(&op, "alice").await.expect("signed in");
    assert_eq!(alice.role, Role::Admin);
    assert_eq!(alice.tenant.as_deref(), Some(TENANT));
    assert_eq!(
        alice.object_id.as_deref(),
        Some("0a0a0a0a-0000-4000-8000-000000000001")
    );
    assert_eq!(
        (alice.email_verified, alice.linkable_email()),
        (None, None),
        "Entra vouches for no address"
    );

    let refused = app.somebody(&op, "overage").await.expect_err("signed in");
    assert_eq!(refused.code(), "I023");
    assert!(
        refused.explain().contains("too many groups"),
        "{}",
        refused.explain()
    );
    assert!(refused.fix().contains("app roles"), "{}", refused.fix());
    // With app roles the groups do not matter.
    let mut by_roles = App::new(&op, |c| c.roles.claim = "roles".into());
    let many = by_roles.somebody(&op, "overage").await.expect("signed in");
    assert_eq!((many.role, many.role_claim_present), (Role::Member, false));

    assert_eq!(
        code(app.somebody(&op, "guest").await),
        "I024",
        "of another tenant"
    );
}

#[tokio::test]
async fn an_address_for_every_tenant_is_refused_before_anybody_is_asked() {
    let op = Op::start("entra").await;
    let mut config = config(&op.issuer.replace(TENANT, "common"), &op.ca.root_pem);
    let error = Provider::new(config.clone()).expect_err("accepted");
    assert_eq!(error.code(), "I002");
    assert!(error.fix().contains("YOUR-TENANT-ID"), "{}", error.fix());
    // Also where only its metadata shows it: this one's literally says {tenantid}.
    config.issuer = op.issuer.replace(TENANT, "organizations");
    assert!(Provider::new(config).is_err());
}

#[tokio::test]
async fn okta_sends_its_booleans_as_it_likes() {
    let op = Op::start("okta").await;
    assert!(op.issuer.ends_with("/oauth2/default"));
    let mut app = App::new(&op, |_| {});
    let login = app.somebody(&op, "stringbool").await.expect("signed in");
    assert_eq!(
        login.linkable_email(),
        Some("sb@corp.example"),
        "\"true\" is true"
    );
    assert_eq!(
        app.somebody(&op, "alice").await.expect("signed in").role,
        Role::Admin
    );
}

#[tokio::test]
async fn google_accounts_of_other_domains_are_refused() {
    let op = Op::start("google").await;
    let mut app = App::new(&op, |c| c.hosted_domain = Some("corp.example".into()));
    let alice = app.somebody(&op, "alice").await.expect("signed in");
    assert_eq!(
        (alice.role, alice.role_claim_present),
        (Role::Member, false),
        "Google sends no groups"
    );
    let error = app.somebody(&op, "outsider").await.expect_err("signed in");
    assert_eq!(error.code(), "I025");
    assert!(error.to_string().contains("corp.example"));
}

#[tokio::test]
async fn a_provider_with_another_authority_is_not_spoken_to() {
    let op = Op::start("plain").await;
    let error = Provider::new(config(&op.issuer, &PrivateCa::new().root_pem))
        .expect("configuration")
        .probe(now())
        .await;
    let error = error.expect_err("trusted");
    assert_eq!(error.code(), "I004");
    assert!(
        error.explain().contains("UnknownIssuer"),
        "the cause is named: {}",
        error.explain()
    );
    assert!(error.fix().contains("root_ca_pem"), "{}", error.fix());
    // By a name that its certificate does not have.
    let elsewhere = op.issuer.replace("localhost", "127.0.0.2");
    let error = Provider::new(config(&elsewhere, &op.ca.root_pem))
        .expect("configuration")
        .probe(now())
        .await;
    assert_eq!(error.expect_err("trusted").code(), "I004");
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_again_after_five_seconds() {
    let op = Op::start("plain").await;
    let (issuer, root) = (op.issuer.clone(), op.ca.root_pem.clone());
    op.stop().await;
    let provider = Provider::new(config(&issuer, &root)).expect("the appliance starts without it");
    let error = provider.probe(1_000).await.expect_err("reached");
    assert_eq!(error.code(), "I004");
    assert_eq!(
        provider.probe(1_004).await.expect_err("reached").code(),
        "I034"
    );
    assert_eq!(
        provider.probe(1_005).await.expect_err("reached").code(),
        "I004"
    );
}

#[tokio::test]
async fn a_sign_in_can_be_driven_from_any_thread() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let op = Op::start("plain").await;
    let app = App::new(&op, |_| {});
    let begun = send(
        app.provider
            .begin(&app.store, Intent::SignIn, "/", now(), &random),
    )
    .await
    .expect("begun");
    let end = send(
        app.provider
            .complete(&app.store, Some(&begun.cookie), "state=x", now()),
    )
    .await;
    assert_eq!(code(end), "I010");
}
