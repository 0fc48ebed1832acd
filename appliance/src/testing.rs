//! An appliance in a scratch directory, for this crate's tests: its routers are driven without
//! sockets, with the extensions that the TLS layer would set.

use crate::app::{App, Parts, Setting};
use crate::cli::make_for_tests;
use crate::config::{Config, Overrides};
use crate::edges::{Clock, Edges, Environment, SystemClock, SystemEntropy, TestClock};
use crate::http::router::{Port, router};
use crate::http::tls::Peer;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use identity::{SecretToken, TokenKind};
use kernel::ids::{DAY, DeviceId, PersonId, SubjectId};
use org_store::{Act, Action, Actor, Chore, Options, Role, enrolment, person, session};
use std::sync::Arc;
use tower::ServiceExt;

/// Tuesday, 24 November 2026, 10:00 UTC.
pub(crate) const NOW: i64 = 1_795_514_400;

/// A running appliance without sockets.
pub(crate) struct Scratch {
    pub(crate) app: App,
    pub(crate) clock: Arc<TestClock>,
    people: Router,
    devices: Router,
    _dir: tempfile::TempDir,
}

/// A browser that is signed in.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
    pub(crate) person: PersonId,
}

/// A reply, read whole.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Scratch {
    /// A new one; `sample` as `init --sample`.
    pub(crate) fn new(sample: bool) -> Self {
        Self::at(NOW, sample)
    }

    /// One whose clock stands at the machine's time, for real handshakes: TLS libraries read it.
    pub(crate) fn live() -> Self {
        Self::at(SystemClock::new().now(), false)
    }

    /// One whose clock stands so many days before the machine's time, to be moved up to it.
    pub(crate) fn days_ago(days: i64) -> Self {
        Self::at(SystemClock::new().now() - days * DAY, false)
    }

    fn at(now: i64, sample: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::at(now);
        let edges = Edges {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            environment: Arc::new(Environment::default()),
        };
        let data = dir.path().join("data");
        make_for_tests(&edges, &data, sample).unwrap();
        let config = Config::load(&data, &edges.environment, Overrides::default()).unwrap();
        let parts = Parts::open(&config, Options::default()).unwrap();
        let sync_clock: Arc<dyn Clock> = clock.clone();
        let addresses = config.addresses(8443, 8444);
        let app = App::new(
            Setting {
                config,
                edges,
                sync_clock,
                addresses,
                model: local_model::Host::off(local_model::Reason::NotConfigured),
            },
            parts,
        )
        .unwrap();
        let (people, devices) = (router(&app, Port::People), router(&app, Port::Devices));
        Self {
            app,
            clock,
            people,
            devices,
            _dir: dir,
        }
    }

    /// Somebody of this role, signed in now.
    pub(crate) async fn browser(&self, role: Role) -> Browser {
        let token = SecretToken::from_bytes(self.app.random().unwrap());
        let csrf: [u8; 32] = self.app.random().unwrap();
        let id: [u8; 16] = self.app.random().unwrap();
        let fresh = person::Fresh {
            person: PersonId::from_bytes(id),
            actor: self.app.random().unwrap(),
        };
        let who = person::SignIn {
            issuer: "https://idp.example".to_owned(),
            sub: hex::encode(id),
            name: "Ada Example".to_owned(),
            email: Some(format!("{}@example.org", hex::encode(&id[..4]))),
            role,
            fresh,
        };
        let now = self.app.now();
        let hash = token.hash(TokenKind::Session);
        let act = Act::new(Actor::Nobody, Action::SignIn, now);
        let person = self
            .app
            .store()
            .write(act, move |txn| {
                let person = person::sign_in(txn, &who)?;
                let new = session::NewSession {
                    hash,
                    person: person.person,
                    csrf,
                    through: "a test".to_owned(),
                    confirmed_at: Some(now),
                    created: now,
                    expires: now + DAY,
                };
                session::create(txn, &new)?;
                Ok(person.person)
            })
            .await
            .unwrap();
        Browser {
            cookie: format!("{}={}", crate::http::auth::SESSION, token.to_text()),
            csrf: hex::encode(csrf),
            person,
        }
    }

    /// An enrolled device of this person.
    pub(crate) async fn device(&self, browser: &Browser) -> DeviceId {
        let now = self.app.now();
        let code_hash: [u8; 32] = self.app.random().unwrap();
        let new = enrolment::NewEnrolment {
            poll_hash: self.app.random().unwrap(),
            code_hash,
            name: "ada-laptop".to_owned(),
            platform: None,
            csr: "none".to_owned(),
            address: "10.0.0.7".to_owned(),
            now,
            expires: now + 600,
        };
        let start = move |txn: &mut org_store::WriteTxn<'_>| enrolment::start(txn, &new);
        self.app
            .store()
            .chore(Chore::StartEnrolment, start)
            .await
            .unwrap();
        let device = DeviceId::from_bytes(self.app.random().unwrap());
        let approval = enrolment::Approval {
            code_hash,
            device,
            serial: vec![1; 16],
            not_after: now + 90 * DAY,
            fresh_subject: SubjectId::from_bytes(self.app.random().unwrap()),
            reply: "{}".to_owned(),
            collect_until: now,
        };
        let actor = Actor::Person {
            person: browser.person,
            confirmed_at: Some(now),
        };
        let act = Act::new(actor, Action::ApproveDevice, now);
        let approve = move |txn: &mut org_store::WriteTxn<'_>| enrolment::approve(txn, &approval);
        self.app.store().write(act, approve).await.unwrap();
        device
    }

    /// A request to the people's port, as a browser sends it; `form` makes it a `POST`.
    pub(crate) async fn people(
        &self,
        path: &str,
        browser: Option<&Browser>,
        form: Option<&str>,
    ) -> Reply {
        let mut request = Request::builder()
            .uri(path)
            .header(header::HOST, "localhost:8443");
        if let Some(browser) = browser {
            request = request.header(header::COOKIE, &browser.cookie);
        }
        let request = match form {
            None => request.body(Body::empty()),
            Some(form) => request
                .method("POST")
                .header(header::ORIGIN, "https://localhost:8443")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::from(form.to_owned())),
        };
        self.send(Port::People, request.unwrap()).await
    }

    /// A JSON request to the devices' port.
    pub(crate) async fn devices(
        &self,
        method: &str,
        path: &str,
        peer: Peer,
        body: impl Into<Body>,
    ) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .extension(peer)
            .body(body.into());
        self.send(Port::Devices, request.unwrap()).await
    }

    /// Any request.
    pub(crate) async fn send(&self, port: Port, request: Request<Body>) -> Reply {
        let router = if port == Port::Devices {
            &self.devices
        } else {
            &self.people
        };
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}
