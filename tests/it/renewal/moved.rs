//! An appliance of this process whose clock the test moves, answering on real sockets, so that the
//! real client meets certificates as old as they would be after a long leave.
//!
//! Its authority is made anew in its past: a certificate is not issued before its issuer.

use crate::privacy::clock::Stands;
use appliance::app::{App, Parts, Setting};
use appliance::authority::{self, Authority};
use appliance::config::{Config, Overrides};
use appliance::data_dir;
use appliance::edges::{Clock, Edges, Environment, SystemEntropy};
use appliance::http::router::{Port, router};
use appliance::http::tls::{self, Listener};
use harness::{Laptop, Output, Program, program, run};
use kernel::ids::{DAY, PersonId};
use key_vault::Vault;
use org_store::{Act, Action, Actor, Options, Role, person};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The appliance, until it is dropped.
pub struct Moved {
    home: TempDir,
    pub app: App,
    pub clock: Arc<Stands>,
    pub person: PersonId,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    people: SocketAddr,
    devices: SocketAddr,
}

/// The moved clock, for TLS.
struct By(Arc<Stands>);

impl std::fmt::Debug for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "by {}", self.0.now())
    }
}

impl rustls::time_provider::TimeProvider for By {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let since = std::time::Duration::from_secs(self.0.now().unsigned_abs());
        Some(rustls_pki_types::UnixTime::since_unix_epoch(since))
    }
}

/// This machine's time, by a file's.
pub fn real_now() -> i64 {
    let file = tempfile::NamedTempFile::new().expect("a file can be made");
    let made = file.as_file().metadata().and_then(|about| about.modified());
    let since = made
        .expect("it has a time")
        .duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("seconds")
}

impl Moved {
    /// One whose clock stands so many days before this machine's.
    pub fn days_ago(days: i64) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::at(days, any, any)
    }

    /// The same, where another one was.
    pub fn in_place_of(before: Self, days: i64) -> Self {
        let (people, devices) = (before.people, before.devices);
        drop(before);
        Self::at(days, people, devices)
    }

    fn at(days: i64, people: SocketAddr, devices: SocketAddr) -> Self {
        let home = tempfile::tempdir().expect("a folder can be made");
        let data = home.path().join("data");
        let mut init = Command::new(program(Program::Appliance));
        init.args(["init", "--organisation", "Test organisation", "--data-dir"]);
        let _: Output = run(init.arg(&data), b"").ok();
        let now = real_now();
        let begin = now - days * DAY;
        let mut vault = Vault::open(&data).expect("the vault opens");
        for file in [
            data_dir::ROOT,
            data_dir::ISSUING,
            data_dir::SERVER,
            data_dir::ITEMS_SIGNER,
        ] {
            // One that is not there yet need not go.
            let _ = std::fs::remove_file(data.join(file));
        }
        let _ = Authority::create(&data, &mut vault, begin).expect("an authority is made");
        drop(vault);
        // The server's own certificate is of today, as one that was renewed in time would be.
        let clock = Stands::at(begin);
        let edges = Edges {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            environment: Arc::new(Environment::default()),
        };
        let config = Config::load(&data, &edges.environment, Overrides::default());
        let config = config.expect("a configuration");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let bind = |at| runtime.block_on(tls::bind(at)).expect("the port is free");
        let (people, devices) = (bind(people), bind(devices));
        let at = |tcp: &tokio::net::TcpListener| tcp.local_addr().expect("an address");
        let (people_at, devices_at) = (at(&people), at(&devices));
        let parts = Parts::open(&config, Options::default()).expect("the parts open");
        let setting = Setting {
            addresses: config.addresses(people_at.port(), devices_at.port()),
            config,
            edges,
            sync_clock: clock.clone(),
            model: local_model::Host::off(local_model::Reason::NotConfigured),
        };
        let app = App::new(setting, parts).expect("the parts fit together");
        clock.to(now);
        let (server, _) = app.server().expect("a certificate");
        clock.pass(begin - now);
        let (stop, stopped) = watch::channel(false);
        let people_tls = tls::people(server.chain.clone(), server.key.clone_key());
        let devices_tls = tls::devices(server.chain, server.key, app.authority().trusted());
        // TLS, too, goes by the moved clock.
        let devices_tls = devices_tls.map(|config| {
            let mut config = rustls::ServerConfig::clone(&config);
            config.time_provider = Arc::new(By(clock.clone()));
            Arc::new(config)
        });
        for (name, tcp, config, port) in [
            ("people", people, people_tls, Port::People),
            ("devices", devices, devices_tls, Port::Devices),
        ] {
            let listener = Listener {
                name,
                tcp,
                tls: watch::channel(config.expect("a configuration")).1,
                app: router(&app, port),
                device_of: authority::shown,
                clock: clock.clone(),
                limits: app.config().limits,
                stop: stopped.clone(),
            };
            drop(runtime.spawn(listener.serve()));
        }
        let person = runtime.block_on(sign_in(&app));
        Self {
            home,
            app,
            clock,
            person,
            runtime,
            stop,
            people: people_at,
            devices: devices_at,
        }
    }

    /// Its clock goes to this machine's time.
    pub fn come_back(&self) {
        self.clock.to(real_now());
    }

    /// The people's address.
    pub fn url(&self) -> String {
        format!("https://{}", self.people)
    }

    pub fn fingerprint(&self) -> String {
        self.app.authority().fingerprint()
    }

    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The person, acting.
    pub fn actor(&self) -> Actor {
        Actor::Person {
            person: self.person,
            confirmed_at: Some(self.clock.now()),
        }
    }

    /// Enrols this laptop as the person's; `more` stands behind the line that they type.
    pub fn enrol(&self, laptop: &Laptop, more: &[&str]) -> Output {
        let (url, fingerprint) = (self.url(), self.fingerprint());
        let enrolling = laptop.begin_enrolment_with(&url, &fingerprint, "laptop", more);
        let approved = self
            .app
            .enrolling()
            .approve(&self.app, self.actor(), &enrolling.code);
        let name = self.wait(approved).expect("the person may");
        assert_eq!(name, "laptop");
        enrolling.end().ok()
    }

    /// How many deltas are held.
    pub fn deltas(&self) -> u64 {
        let counted = self.app.store().counts(self.clock.now());
        self.wait(counted).expect("it can be counted").deltas
    }

    /// The actions of the audit log, in their order.
    pub fn audit(&self) -> Vec<String> {
        let signer = Some(self.app.audit_signer());
        let store = self.app.store();
        self.wait(async {
            let chained = store.chain_audit(signer, self.clock.now()).await;
            chained.expect("the log is chained");
            let rows = store
                .read(|txn| org_store::audit::page(txn, 1, 10_000))
                .await;
            let rows = rows.expect("the log can be read");
            rows.iter()
                .map(|row| row.entry.row.action().to_string())
                .collect()
        })
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn sign_in(app: &App) -> PersonId {
    let fresh = person::Fresh {
        person: PersonId::from_bytes([7; 16]),
        actor: [8; 16],
    };
    let who = person::SignIn {
        issuer: "https://idp.example".to_owned(),
        sub: "ada".to_owned(),
        name: "Ada Example".to_owned(),
        email: None,
        role: Role::Member,
        fresh,
    };
    let act = Act::new(Actor::Nobody, Action::SignIn, app.now());
    let signed = app
        .store()
        .write(act, move |txn| person::sign_in(txn, &who))
        .await;
    signed.expect("somebody signs in").person
}
