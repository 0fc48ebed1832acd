//! Background work, each safe to run twice: the audit chain, dates and counts kept in memory, rows
//! whose time is over, the weekly snapshot, the server's certificate, packs of items.

use crate::app::App;
use crate::http::error::chain;
use crate::http::tls;
use crate::watch::Audit;
use kernel::catalogue::Catalogue;
use kernel::ids::DAY;
use org_store::{Act, Action, Actor, audit};
use rustls::ServerConfig;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// The longest audit log that is verified while serving; a longer one is verified offline.
const VERIFIED_ROWS: u64 = 200_000;

/// Where a new certificate goes.
#[derive(Clone)]
pub struct Tls {
    /// The people's listener.
    pub people: watch::Sender<Arc<ServerConfig>>,
    /// The devices' listener.
    pub devices: watch::Sender<Arc<ServerConfig>>,
}

/// A job failed; the next run may do better.
#[derive(Debug)]
struct Failed {
    code: &'static str,
    cause: String,
}

impl From<org_store::Error> for Failed {
    fn from(error: org_store::Error) -> Self {
        Self {
            code: error.code(),
            cause: chain(&error),
        }
    }
}

impl From<crate::authority::Error> for Failed {
    fn from(error: crate::authority::Error) -> Self {
        Self {
            code: error.code(),
            cause: chain(&error),
        }
    }
}

impl From<tls::Error> for Failed {
    fn from(error: tls::Error) -> Self {
        Self {
            code: error.code(),
            cause: chain(&error),
        }
    }
}

/// Starts them all; they end when `stop` becomes true.
#[must_use]
pub fn start(app: &App, tls: &Tls, stop: &watch::Receiver<bool>) -> JoinSet<()> {
    let mut jobs = JoinSet::new();
    let run = |name, period| Every {
        name,
        period,
        app: app.clone(),
        stop: stop.clone(),
    };
    jobs.spawn(run("audit chain", SECOND).run(chain_audit));
    jobs.spawn(run("tally", 60 * MINUTE).run(flush_tally));
    jobs.spawn(run("expiry", 5 * MINUTE).run(expire));
    jobs.spawn(run("fold", 5 * MINUTE).run(fold));
    jobs.spawn(run("snapshot", 10 * MINUTE).run(make_snapshot));
    jobs.spawn(run("audit verification", 24 * 60 * MINUTE).run(verify_audit));
    jobs.spawn(crate::model::maker::run(app.clone(), stop.clone()));
    jobs.spawn(crate::model::standing::keep(app.clone(), stop.clone()));
    let tls = tls.clone();
    jobs.spawn(run("certificate", 60 * MINUTE).run(move |app| renew(app, tls.clone())));
    jobs
}

struct Every {
    name: &'static str,
    period: Duration,
    app: App,
    stop: watch::Receiver<bool>,
}

impl Every {
    /// Runs at once, then every period.
    async fn run<W: Future<Output = Result<(), Failed>>>(mut self, work: impl Fn(App) -> W) {
        let mut ticks = tokio::time::interval(self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
            }
            let result = work(self.app.clone()).await;
            match (&result, failing) {
                // Once, not at every run: a full disk must not fill the log as well.
                (Err(failed), false) => {
                    let Failed { code, cause } = failed;
                    tracing::error!(
                        job = self.name,
                        code,
                        cause,
                        "a job failed and will try again"
                    );
                    self.app.note(|watch| watch.failing_jobs += 1);
                }
                (Ok(()), true) => {
                    tracing::info!(job = self.name, "the job works again");
                    self.app.note(|watch| watch.failing_jobs -= 1);
                }
                _ => {}
            }
            failing = result.is_err();
        }
    }
}

async fn chain_audit(app: App) -> Result<(), Failed> {
    app.store()
        .chain_audit(Some(app.audit_signer()), app.now())
        .await?;
    if app.watch().audit == Audit::NotYet {
        verify_audit(app).await?;
    }
    Ok(())
}

async fn flush_tally(app: App) -> Result<(), Failed> {
    app.store().flush_tally(app.now()).await?;
    Ok(())
}

async fn expire(app: App) -> Result<(), Failed> {
    app.store().expire(app.now()).await?;
    Ok(())
}

async fn fold(app: App) -> Result<(), Failed> {
    app.store()
        .fold(Catalogue::builtin().version(), crate::rules::resolver())
        .await?;
    Ok(())
}

/// The day of the last Monday at or before this moment. Day 4, 5 January 1970, was one.
#[must_use]
pub const fn last_monday(unix: i64) -> i64 {
    let day = unix.div_euclid(DAY);
    day - (day - 4).rem_euclid(7)
}

async fn make_snapshot(app: App) -> Result<(), Failed> {
    let monday = last_monday(app.sync_now());
    let newest = app
        .store()
        .read(|txn| org_store::snapshot::newest(txn, 1))
        .await?;
    if newest
        .first()
        .is_some_and(|newest| newest.as_of.day() >= monday)
    {
        return Ok(());
    }
    let act = Act::new(Actor::System, Action::MakeSnapshot, app.now());
    let figures = crate::rules::figures(app.config().k);
    let made = match app.store().make_snapshot(act, monday, figures).await {
        // Another process makes it.
        Err(org_store::Error::Exists { .. }) => return Ok(()),
        made => made?,
    };
    tracing::info!(
        counted = made.counted,
        rows = made.rows.len(),
        "made the weekly snapshot"
    );
    app.store().compact().await?;
    Ok(())
}

async fn verify_audit(app: App) -> Result<(), Failed> {
    // All in one reading: the chain grows every second, and a newer checkpoint would speak of rows
    // that an earlier reading lacks.
    let found = app
        .store()
        .read(|txn| {
            let head = audit::head(txn)?;
            if head.seq == 0 || head.seq > VERIFIED_ROWS {
                return Ok(None);
            }
            let rows = audit::page(txn, 1, head.seq)?;
            let checkpoints = audit::checkpoints(txn, 1, VERIFIED_ROWS)?;
            Ok(Some((head, rows, checkpoints)))
        })
        .await?;
    let Some((head, rows, checkpoints)) = found else {
        return Ok(());
    };
    let trust = audit_log::Trust {
        store: *app.identity().store.as_bytes(),
        keys: vec![app.audit_signer().verify_key()],
        seen: Some((head.seq, head.hash)),
    };
    let now = app.now();
    let found = match audit_log::verify(&rows, &checkpoints, &trust) {
        Ok(_) => Audit::Good(head.seq, now),
        Err(broken) => {
            tracing::error!(code = "A900", cause = %broken, "the audit log does not fit together");
            Audit::Broken(place(&broken))
        }
    };
    app.note(|watch| watch.audit = found);
    Ok(())
}

/// The entry at which a chain breaks; 0 where it is not an entry.
fn place(broken: &audit_log::Broken) -> u64 {
    match broken.at {
        audit_log::Place::Row(seq) => seq,
        _ => 0,
    }
}

async fn renew(app: App, tls: Tls) -> Result<(), Failed> {
    let (server, is_new) = app.server()?;
    let validity = server.validity;
    app.note(|watch| watch.server = Some(validity));
    if is_new {
        reload(&app, server, &tls)?;
        tracing::info!("the server's certificate was renewed; new connections use it");
    }
    Ok(())
}

/// Gives both listeners a certificate.
///
/// # Errors
/// If it does not make a configuration.
pub fn reload(app: &App, server: crate::authority::Server, tls: &Tls) -> Result<(), tls::Error> {
    let people = tls::people(server.chain.clone(), server.key.clone_key())?;
    let devices = tls::devices(server.chain, server.key, app.authority().trusted())?;
    tls.people.send_replace(people);
    tls.devices.send_replace(devices);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_monday_is_today_on_a_monday() {
        assert_eq!(last_monday(0), -3, "29 December 1969");
        assert_eq!(last_monday(4 * DAY), 4);
        assert_eq!(last_monday(10 * DAY + DAY - 1), 4);
        assert_eq!(last_monday(11 * DAY), 11);
    }
}
