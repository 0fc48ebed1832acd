//! `serve`: both listeners and the jobs, until SIGTERM or SIGINT.

use super::failure::{Exit, Failure};
use super::{Context, ServeArgs, log};
use crate::app::{App, Parts, Setting};
use crate::authority;
use crate::config::{Config, Overrides};
use crate::data_dir::{self, Serving};
use crate::edges::{Clock, ShiftedClock};
use crate::http::error::chain;
use crate::http::router::{Port, router};
use crate::http::tls::{self, Listener};
use crate::jobs::{self, Tls};
use org_store::{Act, Action, Actor, Options};
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Printed once, when both listeners answer.
#[derive(Serialize)]
struct Ready<'a> {
    people: SocketAddr,
    devices: SocketAddr,
    people_url: &'a str,
    devices_url: &'a str,
    ca_fingerprint: String,
    sample: bool,
    pid: u32,
}

pub(super) fn run(context: &Context, args: &ServeArgs) -> Result<(), Failure> {
    let overrides = Overrides {
        people: args.people,
        devices: args.devices,
    };
    let identity = data_dir::identity(&context.data_dir).map_err(crate::app::Error::from)?;
    let config = Config::load(&context.data_dir, &context.edges.environment, overrides)?;
    if args.clock.is_some() && !identity.sample {
        return Err(not_sample("--clock"));
    }
    log::start(&config, &context.edges.environment);
    let runtime = super::runtime()?;
    runtime.block_on(serve(context, args, config))
}

/// What only a sample store may do.
pub(super) fn not_sample(what: &str) -> Failure {
    Failure::new(
        Exit::Refused,
        "S011",
        format!("{what} is for sample stores alone, and this is a real one"),
        "make a sample beside it with `aiworklab-appliance init --sample --data-dir DIR`",
    )
}

async fn serve(context: &Context, args: &ServeArgs, config: Config) -> Result<(), Failure> {
    // First of all: whoever reads that we serve may stop us at once, and that has to be an orderly end.
    let mut signals = Signals::listen()?;
    let held = data_dir::hold(&config.data_dir).map_err(crate::app::Error::from)?;
    // Before the database is opened: a taken port is told at once.
    let people = tls::bind(config.people).await?;
    let devices = tls::bind(config.devices).await?;
    let (people_at, devices_at) = (
        address(&people, config.people),
        address(&devices, config.devices),
    );
    let addresses = config.addresses(people_at.port(), devices_at.port());
    let clock = context.edges.clock.clone();
    let sync_clock: Arc<dyn Clock> = match args.clock {
        Some(seconds) => Arc::new(ShiftedClock::new(clock.clone(), seconds)),
        None => clock.clone(),
    };
    let parts = Parts::open(&config, Options::default())?;
    // At once, and nothing waits for it: it is ready when it is.
    let model = match crate::model::spec::of(&config) {
        Ok(spec) => local_model::Host::start(spec),
        Err(reason) => local_model::Host::off(reason),
    };
    let setting = Setting {
        config,
        edges: context.edges.clone(),
        sync_clock,
        addresses,
        model,
    };
    let app = App::new(setting, parts)?;
    app.enrolling().reconcile(&app).await.map_err(|error| {
        Failure::new(
            Exit::Failed,
            "D012",
            "the ledger could not be brought up to the database",
            "look at the disk of the data directory and at the ledger's path in [store]",
        )
        .because(&error)
    })?;

    let (server, _) = app.server().map_err(crate::app::Error::from)?;
    app.note(|watch| watch.server = Some(server.validity));
    let people_tls = tls::people(server.chain.clone(), server.key.clone_key())?;
    let devices_tls = tls::devices(server.chain, server.key, app.authority().trusted())?;
    let tls = Tls {
        people: watch::channel(people_tls).0,
        devices: watch::channel(devices_tls).0,
    };
    let (stop, stopped) = watch::channel(false);
    note(&app, Action::StartServer).await?;

    let listen = |name, tcp, tls: &watch::Sender<_>, port| Listener {
        name,
        tcp,
        tls: tls.subscribe(),
        app: router(&app, port),
        device_of: authority::shown,
        clock: app.edges().clock.clone(),
        limits: app.config().limits,
        stop: stopped.clone(),
    };
    let people_serving = tokio::spawn(listen("people", people, &tls.people, Port::People).serve());
    let devices_serving =
        tokio::spawn(listen("devices", devices, &tls.devices, Port::Devices).serve());
    crate::model::standing::begin(&app);
    let mut jobs = jobs::start(&app, &tls, &stopped);

    let serving = Serving {
        pid: std::process::id(),
        people: people_at,
        devices: devices_at,
        addresses: app.addresses().clone(),
        since: app.now(),
    };
    held.announce(&serving).map_err(crate::app::Error::from)?;
    say(context, &app, &serving);
    crate::install::notify::ready(&context.edges.environment);

    signals.wait(&app, &tls).await;
    crate::install::notify::stopping(&context.edges.environment);
    tracing::info!("stopping: requests in flight may end, new ones are refused");
    stop.send_replace(true);
    let _ = people_serving.await;
    let _ = devices_serving.await;
    while jobs.join_next().await.is_some() {}
    app.model().host().stop().await;
    let ended = finish(&app).await;
    // The last clone of the store empties its log and closes the file: not on a thread of tasks.
    let _ = tokio::task::spawn_blocking(move || drop(app)).await;
    drop(held);
    ended
}

fn address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

fn say(context: &Context, app: &App, serving: &Serving) {
    let ready = Ready {
        people: serving.people,
        devices: serving.devices,
        people_url: &serving.addresses.people,
        devices_url: &serving.addresses.devices,
        ca_fingerprint: app.authority().fingerprint(),
        sample: app.identity().sample,
        pid: serving.pid,
    };
    context.say(&ready, || {
        let sample = match ready.sample {
            true => " This store is a sample: its people are invented.",
            false => "",
        };
        format!(
            "Serving people at {} ({}) and devices at {} ({}).{sample}\nCA fingerprint: {}",
            ready.people_url, ready.people, ready.devices_url, ready.devices, ready.ca_fingerprint
        )
    });
}

/// What may be said to us while we serve.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| {
                let what = "signals cannot be waited for";
                Failure::new(Exit::Failed, "D013", what, "").because(&error)
            })
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// Until one says stop. SIGHUP looks at the certificate anew.
    async fn wait(&mut self, app: &App, tls: &Tls) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => reload(app, tls),
            }
        }
    }
}

fn reload(app: &App, tls: &Tls) {
    let reloaded = match app.server() {
        Ok((server, _)) => jobs::reload(app, server, tls).map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    match reloaded {
        Ok(()) => tracing::info!("read the server's certificate anew"),
        Err(cause) => tracing::error!(cause, "the server's certificate was kept"),
    }
}

async fn note(app: &App, action: Action) -> Result<(), Failure> {
    let act = Act::new(Actor::System, action, app.now());
    app.store()
        .write(act, |_| Ok(()))
        .await
        .map_err(crate::app::Error::from)?;
    Ok(())
}

/// What is only in memory goes to the disk.
async fn finish(app: &App) -> Result<(), Failure> {
    app.store()
        .flush_tally(app.now())
        .await
        .map_err(crate::app::Error::from)?;
    note(app, Action::StopServer).await?;
    let signer = Some(app.audit_signer());
    app.store()
        .chain_audit(signer, app.now())
        .await
        .map_err(crate::app::Error::from)?;
    tracing::info!("stopped");
    Ok(())
}
