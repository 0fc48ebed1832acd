//! An organisation that lives a while in front of the real appliance: its routers, store, ledger,
//! vault and log, with a clock that the test moves.
//!
//! The engineers and what they do are the sample organisation's (`appliance::sample::plan`). Here
//! they sign in, enrol, sync and look at their pages as real ones do, on the days on which the plan
//! has them at work; a few lose or replace a laptop, leave, or go out of the figures. The jobs of
//! `serve` run each night. What is kept aside as the truth is who made which stream, and what the
//! appliance must not keep: how often each device synced on each day.

use super::clock::{Log, Stands};
use appliance::app::{App, Parts, Setting};
use appliance::config::{Config, Overrides};
use appliance::edges::{Clock, Edges, Environment, SystemEntropy};
use appliance::http::router::{Port, router};
use appliance::http::tls::Peer;
use appliance::jobs::last_monday;
use appliance::sample::plan;
use appliance::{authority, rules};
use axum::Router;
use axum::body::Body;
use harness::{Output, Program, program, run};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use identity::{SecretToken, TokenKind};
use kernel::catalogue::Catalogue;
use kernel::delta::{Delta, Evidence, Fields, Observation, Place, State};
use kernel::ids::{DAY, DeviceId, HOUR, Hour, PersonId, Slug, StreamId};
use kernel::wire::v1::{self, EnrolPoll, EnrolStart, EnrolStarted, EnrolState, Push};
use org_store::{Act, Action, Actor, Options, Role, person, session};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tower::ServiceExt;

/// Whose evidence is whose, and what is not kept.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Streams by the person who made them.
    pub streams: BTreeMap<PersonId, BTreeSet<StreamId>>,
    /// Who lost or exchanged a laptop, left, or administers.
    pub incidents: BTreeSet<PersonId>,
    /// Syncs by day and device.
    pub syncs: BTreeMap<(i64, DeviceId), u32>,
}

/// An organisation after its days.
pub struct Organisation {
    _home: tempfile::TempDir,
    /// The data directory, as it lies when the appliance still runs.
    pub data: PathBuf,
    /// What was logged.
    pub log: String,
    /// The truth.
    pub truth: Truth,
    /// The last moment, unix seconds.
    pub now: i64,
    /// Keeps the store open, so that its log lies there.
    _app: App,
}

/// What kind of a time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Nothing happens but work.
    Ordinary,
    /// A little of all that can happen to laptops and people.
    Incidents,
}

/// Lives `days` days.
pub fn live(seed: u64, days: i64, times: Times) -> Organisation {
    let home = tempfile::tempdir().expect("a folder can be made");
    let data = home.path().join("data");
    let data_text = data.to_str().expect("a path is text");
    let mut init = Command::new(program(Program::Appliance));
    init.args([
        "init",
        "--organisation",
        "Test organisation",
        "--data-dir",
        data_text,
    ]);
    let _: Output = run(&mut init, b"").ok();
    // A midnight soon after the authority was made, so that the last evening is a Friday's.
    let monday = last_monday(super::about_now(&data)) + 7;
    let begin = (monday + (5 - days).rem_euclid(7)) * DAY;
    let log = Log::new(Stands::at(begin));
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_timer(log.clone())
        .with_writer(log.clone())
        .with_ansi(false)
        .finish();
    let dispatch = tracing_subscriber::util::SubscriberInitExt::set_default(subscriber);
    let mut life = Life::begin(&data, log.clock.clone(), seed);
    harness::wait(life.live(seed, begin, days, times));
    drop(dispatch);
    Organisation {
        _home: home,
        data,
        log: log.text(),
        truth: life.truth,
        now: life.clock.now(),
        _app: life.app,
    }
}

/// Somebody's signed-in browser.
#[derive(Clone)]
struct Browser {
    cookie: String,
    csrf: String,
    person: PersonId,
}

struct Laptop {
    device: DeviceId,
    stream: StreamId,
    head: u64,
}

/// An engineer, and how far they are in the plan.
struct Worker {
    plan: plan::Engineer,
    /// What each laptop records, by day.
    evidence: Vec<BTreeMap<i64, Vec<Delta>>>,
    role: Role,
    person: Option<PersonId>,
    laptops: BTreeMap<usize, Laptop>,
    /// No evidence from this day on; an administrator disables the account.
    leaves: Option<i64>,
    /// On this day the first laptop is exchanged for another. It was lost if it is an
    /// administrator who revokes it.
    exchanges: Option<(i64, bool)>,
    /// On this day they go out of the figures.
    opts_out: Option<i64>,
}

impl Worker {
    fn deltas(&self, laptop: usize, day: i64) -> Vec<Delta> {
        self.evidence[laptop].get(&day).cloned().unwrap_or_default()
    }
}

/// What happens on a day.
enum Event {
    Work(usize),
    Look(usize),
    Exchange(usize, bool),
    OptOut(usize),
    Disable(usize),
    Administer,
}

struct Life {
    app: App,
    clock: Arc<Stands>,
    people: Router,
    devices: Router,
    dice: ChaCha8Rng,
    workers: Vec<Worker>,
    truth: Truth,
}

/// Midnight to the moment of the attack: a Friday evening, as far from the weekly compaction as
/// people work.
const EVENING: i64 = 19 * HOUR;

impl Life {
    fn begin(data: &Path, clock: Arc<Stands>, seed: u64) -> Self {
        let edges = Edges {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            environment: Arc::new(Environment::default()),
        };
        let config = Config::load(data, &edges.environment, Overrides::default());
        let config = config.expect("a configuration");
        let parts = Parts::open(&config, Options::default()).expect("the parts open");
        let addresses = config.addresses(8443, 8444);
        let sync_clock: Arc<dyn Clock> = clock.clone();
        let app = App::new(
            Setting {
                config,
                edges,
                sync_clock,
                addresses,
                model: local_model::Host::off(local_model::Reason::NotConfigured),
            },
            parts,
        );
        let app = app.expect("the parts fit together");
        Self {
            people: router(&app, Port::People),
            devices: router(&app, Port::Devices),
            app,
            clock,
            dice: ChaCha8Rng::seed_from_u64(seed),
            workers: Vec::new(),
            truth: Truth::default(),
        }
    }

    async fn live(&mut self, seed: u64, begin: i64, days: i64, times: Times) {
        let first = begin.div_euclid(DAY);
        let engineers = plan::draw(Catalogue::builtin(), seed, begin + plan::DAYS * DAY);
        self.workers = engineers
            .into_iter()
            .map(|plan| worker(plan, begin, &mut self.dice))
            .collect();
        if times == Times::Incidents {
            // One administrator works as an engineer, too.
            self.workers[5].role = Role::Admin;
            self.workers[9].leaves = Some(first + days * 2 / 3);
            self.workers[12].exchanges = Some((first + days / 2, false));
            self.workers[13].exchanges = Some((first + days * 3 / 5, false));
            self.workers[20].exchanges = Some((first + days * 2 / 5, true));
            self.workers[25].opts_out = Some(first + days / 4);
            self.workers[26].opts_out = Some(first + days / 2);
        }
        for day in first..first + days {
            let mut events = self.events(day);
            events.sort_by_key(|(second, _)| *second);
            for (second, event) in events {
                self.clock.to(day * DAY + second);
                self.happens(day, event).await;
            }
            self.clock.to(day * DAY + EVENING);
            self.rest().await;
            let befell = |worker: &&Worker| {
                let dated = worker.leaves.or(worker.exchanges.map(|(day, _)| day));
                worker.role == Role::Admin || dated.is_some_and(|then| then <= day)
            };
            self.truth.incidents = self
                .workers
                .iter()
                .filter(befell)
                .filter_map(|w| w.person)
                .collect();
            if day + 1 < first + days {
                self.clock.to((day + 1) * DAY + 300);
                self.rest().await;
                self.week(day + 1).await;
            }
        }
    }

    fn events(&mut self, day: i64) -> Vec<(i64, Event)> {
        let dice = &mut self.dice;
        let mut events = Vec::new();
        let mut at = |from: i64, to: i64, event| {
            events.push((dice.random_range(from * HOUR..to * HOUR), event));
        };
        // Day 0, 1 January 1970, was a Thursday.
        if (day + 3).rem_euclid(7) == 1 {
            at(8, 10, Event::Administer);
        }
        let mut looks = Vec::new();
        for (number, worker) in self.workers.iter().enumerate() {
            if worker.leaves == Some(day) {
                at(9, 12, Event::Disable(number));
            }
            let works = worker.leaves.is_none_or(|leaves| day < leaves)
                && (0..worker.plan.laptops.len()).any(|at| !worker.deltas(at, day).is_empty());
            if works {
                at(16, 18, Event::Work(number));
                looks.push(number);
            }
            if let Some((_, lost)) = worker.exchanges.filter(|(then, _)| *then == day) {
                at(12, 13, Event::Exchange(number, lost));
            }
            if worker.opts_out == Some(day) {
                at(10, 12, Event::OptOut(number));
            }
        }
        for number in looks {
            let often = if self.workers[number].role == Role::Admin {
                0.2
            } else {
                0.07
            };
            let known = self.workers[number].person.is_some();
            if known && self.dice.random_bool(often) {
                events.push((
                    self.dice.random_range(9 * HOUR..18 * HOUR),
                    Event::Look(number),
                ));
            }
        }
        events
    }

    async fn happens(&mut self, day: i64, event: Event) {
        match event {
            Event::Work(number) => self.work(number, day).await,
            Event::Look(number) => {
                let browser = self.sign_in(number).await;
                self.ask(&browser, "/me", None).await;
                self.ask(&browser, "/", None).await;
            }
            Event::Exchange(number, lost) => self.exchange(number, lost).await,
            Event::OptOut(number) => {
                if let Some(device) = self.workers[number].laptops.values().next() {
                    let device = device.device;
                    self.device("PUT", "/v1/me/aggregate", device, r#"{"choice":"out"}"#)
                        .await;
                }
            }
            Event::Disable(number) => {
                if let Some(person) = self.workers[number].person {
                    let admin = self.administrator().await;
                    let path = format!("/admin/people/{person}/disable");
                    self.ask(&admin, &path, Some(&[])).await;
                }
            }
            Event::Administer => {
                let admin = self.administrator().await;
                for page in ["/admin", "/admin/people", "/admin/devices", "/admin/audit"] {
                    self.ask(&admin, page, None).await;
                }
            }
        }
    }

    /// The jobs of every few minutes.
    async fn rest(&self) {
        let (store, now) = (self.app.store(), self.clock.now());
        store.flush_tally(now).await.expect("the tally is written");
        store.expire(now).await.expect("what is over goes");
        let version = Catalogue::builtin().version();
        store
            .fold(version, rules::resolver())
            .await
            .expect("pairs are folded");
        let signer = Some(self.app.audit_signer());
        store
            .chain_audit(signer, now)
            .await
            .expect("audit rows are chained");
    }

    /// The job of every week.
    async fn week(&self, day: i64) {
        if last_monday(day * DAY) == day {
            let act = Act::new(Actor::System, Action::MakeSnapshot, self.clock.now());
            let figures = rules::figures(self.app.config().k);
            let store = self.app.store();
            store
                .make_snapshot(act, day, figures)
                .await
                .expect("a snapshot is made");
            store.compact().await.expect("the store is compacted");
        }
    }

    async fn sign_in(&mut self, number: usize) -> Browser {
        let worker = &self.workers[number];
        let (name, email, role) = (
            worker.plan.name.clone(),
            worker.plan.email.clone(),
            worker.role,
        );
        let browser = self.sign_in_as(&name, &email, role).await;
        self.workers[number].person = Some(browser.person);
        browser
    }

    async fn administrator(&mut self) -> Browser {
        self.sign_in_as("Ops Person", "ops@larkfield.example", Role::Admin)
            .await
    }

    /// What the way back from an identity provider ends with.
    async fn sign_in_as(&mut self, name: &str, email: &str, role: Role) -> Browser {
        let now = self.clock.now();
        let token = SecretToken::from_bytes(self.app.random().expect("random bytes"));
        let csrf: [u8; 32] = self.app.random().expect("random bytes");
        let fresh = person::Fresh {
            person: PersonId::from_bytes(self.app.random().expect("random bytes")),
            actor: self.app.random().expect("random bytes"),
        };
        let who = person::SignIn {
            issuer: "https://id.larkfield.example".to_owned(),
            sub: email.to_owned(),
            name: name.to_owned(),
            email: Some(email.to_owned()),
            role,
            fresh,
        };
        let hash = token.hash(TokenKind::Session);
        let life = i64::try_from(self.app.config().session.as_secs()).expect("a session ends");
        let act = Act::new(Actor::Nobody, Action::SignIn, now);
        let signed = self.app.store().write(act, move |txn| {
            let person = person::sign_in(txn, &who)?.person;
            let new = session::NewSession {
                hash,
                person,
                csrf,
                through: "Larkfield".to_owned(),
                confirmed_at: Some(now),
                created: now,
                expires: now + life,
            };
            session::create(txn, &new)?;
            Ok(person)
        });
        let person = signed.await.expect("they may sign in");
        let cookie = format!("{}={}", appliance::http::auth::SESSION, token.to_text());
        Browser {
            cookie,
            csrf: hex::encode(csrf),
            person,
        }
    }

    /// The evidence of a day goes to the appliance; a laptop that is new is enrolled before.
    async fn work(&mut self, number: usize, day: i64) {
        for at in 0..self.workers[number].plan.laptops.len() {
            let deltas = self.workers[number].deltas(at, day);
            if deltas.is_empty() {
                continue;
            }
            if !self.workers[number].laptops.contains_key(&at) {
                self.enrol(number, at).await;
                self.clock.pass(60);
            }
            self.push(number, at, day, &deltas).await;
        }
    }

    async fn push(&mut self, number: usize, at: usize, day: i64, deltas: &[Delta]) {
        let syncs = self.dice.random_range(2..9);
        let laptop = self.workers[number]
            .laptops
            .get_mut(&at)
            .expect("it is enrolled");
        let (device, base) = (laptop.device, laptop.head + 1);
        laptop.head += deltas.len() as u64;
        let fields = |delta: &Delta| Fields::of_place(&Place::Held(delta.clone()));
        let push = Push {
            v: v1::VERSION,
            stream: laptop.stream,
            base,
            catalogue: Catalogue::builtin().version(),
            deltas: deltas
                .iter()
                .zip(base..)
                .map(|(d, i)| v1::Delta::new(i, fields(d)))
                .collect(),
        };
        let body = serde_json::to_string(&push).expect("a push is JSON");
        let reply = self.device("POST", "/v1/sync/push", device, &body).await;
        let reply: v1::PushReply = serde_json::from_str(&reply).expect("a reply");
        assert!(
            reply
                .results
                .iter()
                .all(|result| result.r == v1::Verdict::Ok),
            "{reply:?}"
        );
        *self.truth.syncs.entry((day, device)).or_default() += syncs;
    }

    async fn exchange(&mut self, number: usize, lost: bool) {
        let Some(old) = self.workers[number]
            .laptops
            .get(&0)
            .map(|laptop| laptop.device)
        else {
            return;
        };
        let browser = if lost {
            self.administrator().await
        } else {
            self.sign_in(number).await
        };
        let room = if lost { "/admin" } else { "/me" };
        self.ask(&browser, &format!("{room}/devices/{old}/revoke"), Some(&[]))
            .await;
        self.clock.pass(600);
        self.enrol(number, 0).await;
    }

    /// As a laptop and its person do it together.
    async fn enrol(&mut self, number: usize, at: usize) {
        let browser = self.sign_in(number).await;
        let key = rcgen::KeyPair::generate().expect("a key");
        let csr = rcgen::CertificateParams::default().serialize_request(&key);
        let csr = csr.and_then(|csr| csr.pem()).expect("a request");
        // As its host is called, which is not what the one was whose place it takes.
        let before = self.truth.streams.get(&browser.person);
        let name = format!(
            "{}-{}",
            self.workers[number].plan.name.to_lowercase(),
            before.map_or(0, BTreeSet::len) + 1
        );
        let start = EnrolStart {
            v: v1::VERSION,
            name,
            csr,
        };
        let started = self.program("/v1/enrol/start", &start).await;
        let EnrolStarted { code, poll, .. } = serde_json::from_str(&started).expect("a reply");
        self.clock.pass(40);
        self.ask(&browser, &format!("/enrol?code={code}"), None)
            .await;
        self.clock.pass(10);
        let fields = [("code", code.as_str()), ("decision", "approve")];
        self.ask(&browser, "/enrol", Some(&fields)).await;
        let polled = self
            .program(
                "/v1/enrol/poll",
                &EnrolPoll {
                    v: v1::VERSION,
                    poll,
                },
            )
            .await;
        let EnrolState::Approved { certificate, .. } =
            serde_json::from_str(&polled).expect("a reply")
        else {
            panic!("not approved: {polled}")
        };
        let leaf = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
        let device = authority::device_of(&leaf).expect("it names its device");
        let stream = StreamId::new(self.dice.random());
        self.truth
            .streams
            .entry(browser.person)
            .or_default()
            .insert(stream);
        self.workers[number].laptops.insert(
            at,
            Laptop {
                device,
                stream,
                head: 0,
            },
        );
    }

    /// A browser's request; `form` makes it a `POST`.
    async fn ask(&self, browser: &Browser, path: &str, form: Option<&[(&str, &str)]>) -> String {
        let request = Request::builder()
            .uri(path)
            .header(header::HOST, "localhost:8443")
            .header(header::COOKIE, &browser.cookie);
        let request = match form {
            None => request.body(Body::empty()),
            Some(fields) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("csrf", &browser.csrf).extend_pairs(fields);
                request
                    .method("POST")
                    .header(header::ORIGIN, "https://localhost:8443")
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(Body::from(form.finish()))
            }
        };
        send(&self.people, request.expect("a request")).await
    }

    async fn program(&self, path: &str, body: &impl serde::Serialize) -> String {
        let request = Request::post(path)
            .header(header::HOST, "localhost:8443")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(
                serde_json::to_string(body).expect("a body is JSON"),
            ));
        send(&self.people, request.expect("a request")).await
    }

    async fn device(&self, method: &str, path: &str, device: DeviceId, body: &str) -> String {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .extension(Peer::Device(device))
            .body(Body::from(body.to_owned()));
        send(&self.devices, request.expect("a request")).await
    }
}

/// The plan has what is asked of a few concepts. Around it lies a working life: each engineer comes
/// on most weekdays, is away for a fortnight, and meets something on each day at work.
/// Most are there from the first week on; who comes later comes within a hundred days.
fn worker(mut plan: plan::Engineer, begin: i64, dice: &mut ChaCha8Rng) -> Worker {
    let first = begin.div_euclid(DAY);
    if plan.first_day - first > 7 {
        plan.first_day = first + dice.random_range(8..100);
    }
    let mut evidence: Vec<BTreeMap<i64, Vec<Delta>>> = vec![BTreeMap::new(); plan.laptops.len()];
    for (laptop, deltas) in evidence.iter_mut().zip(&plan.laptops) {
        for delta in deltas {
            let day = delta.at().expect("evidence has an hour").day();
            laptop.entry(day).or_default().push(delta.clone());
        }
    }
    let concepts: Vec<Slug> = Catalogue::builtin()
        .iter()
        .map(|c| c.slug.clone())
        .collect();
    let comes = dice.random_range(0.75..0.97);
    let away = plan.first_day + dice.random_range(10..100);
    for day in plan.first_day..plan.first_day + plan::DAYS {
        // Day 0, 1 January 1970, was a Thursday.
        let weekend = (day + 3).rem_euclid(7) >= 5;
        let first = day == plan.first_day;
        if !first && (weekend || (away..away + 14).contains(&day) || !dice.random_bool(comes)) {
            continue;
        }
        for concept in concepts.choose_multiple(dice, 3) {
            let laptop = usize::from(!first && evidence.len() > 1 && dice.random_bool(0.3));
            let deltas = evidence[laptop].entry(day).or_default();
            if deltas
                .iter()
                .all(|delta| delta.concept().as_ref() != Some(concept))
            {
                deltas.push(Delta::Evidence(Evidence {
                    concept: concept.clone(),
                    observed: Observation::Seen,
                    from: State::Unknown,
                    to: State::Seen,
                    at: Hour::floor(day * DAY + dice.random_range(8..16) * HOUR),
                }));
            }
        }
    }
    for deltas in evidence.iter_mut().flat_map(BTreeMap::values_mut) {
        deltas.sort_by_key(Delta::at);
    }
    Worker {
        plan,
        evidence,
        role: Role::Member,
        person: None,
        laptops: BTreeMap::new(),
        leaves: None,
        exchanges: None,
        opts_out: None,
    }
}

async fn send(router: &Router, request: Request<Body>) -> String {
    let what = format!("{} {}", request.method(), request.uri());
    let response = router
        .clone()
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(
        status == StatusCode::OK || status.is_redirection(),
        "{what}: {status}\n{body}"
    );
    body
}
