//! `status`: what this appliance is, and how it stands.

use super::Context;
use super::failure::Failure;
use crate::app::Parts;
use crate::config::{Config, Overrides};
use crate::data_dir;
use kernel::ids::StoreId;
use org_store::{Check, Options};
use serde::Serialize;
use std::net::SocketAddr;

#[derive(Serialize)]
struct Status {
    version: &'static str,
    organisation: String,
    data_dir: String,
    sample: bool,
    running: bool,
    pid: Option<u32>,
    people: SocketAddr,
    devices: SocketAddr,
    people_url: String,
    devices_url: String,
    ca_fingerprint: String,
    store: StoreId,
    generation: u64,
    counts: Counts,
}

#[derive(Serialize)]
struct Counts {
    people: u64,
    devices: u64,
    subjects: u64,
    streams: u64,
    deltas: u64,
    snapshots: u64,
    audit_rows: u64,
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    // First, so that a wrong directory is told before its configuration is.
    data_dir::identity(&context.data_dir).map_err(crate::app::Error::from)?;
    let config = Config::load(
        &context.data_dir,
        &context.edges.environment,
        Overrides::default(),
    )?;
    // The running server has looked at the file; a command beside it need not.
    let options = Options {
        check: Check::Skip,
        readers: 1,
        ..Options::default()
    };
    let parts = Parts::open(&config, options)?;
    let today = context.edges.clock.now().div_euclid(kernel::ids::DAY);
    let counts = parts
        .store
        .read_blocking(|txn| org_store::meta::counts(txn, today))
        .map_err(crate::app::Error::from)?;
    let serving = data_dir::serving(&context.data_dir);
    let addresses = match &serving {
        Some(serving) => serving.addresses.clone(),
        None => config.addresses(config.people.port(), config.devices.port()),
    };
    let status = Status {
        version: super::VERSION,
        organisation: config.organisation.clone(),
        data_dir: context.data_dir.display().to_string(),
        sample: parts.identity.sample,
        running: serving.is_some(),
        pid: serving.as_ref().map(|serving| serving.pid),
        people: serving
            .as_ref()
            .map_or(config.people, |serving| serving.people),
        devices: serving
            .as_ref()
            .map_or(config.devices, |serving| serving.devices),
        people_url: addresses.people,
        devices_url: addresses.devices,
        ca_fingerprint: parts.authority.fingerprint(),
        store: parts.identity.store,
        generation: parts.ledger.generation(),
        counts: Counts {
            people: counts.people,
            devices: counts.devices,
            subjects: counts.subjects,
            streams: counts.streams,
            deltas: counts.deltas,
            snapshots: counts.snapshots,
            audit_rows: counts.audit_rows,
        },
    };
    context.say(&status, || text(&status));
    Ok(())
}

fn text(status: &Status) -> String {
    let running = match status.pid {
        Some(pid) => format!("running (process {pid})"),
        None => "not running".to_owned(),
    };
    let sample = match status.sample {
        true => "\nsample        yes: its people are invented",
        false => "",
    };
    let counts = &status.counts;
    format!(
        "organisation  {}{sample}\nserver        {running}\npeople        {} ({})\ndevices       {} \
         ({})\nfingerprint   {}\nstore         {}, generation {}\nholds         {} people, {} \
         devices, {} graphs, {} deltas, {} snapshots, {} audit rows\nversion       {}",
        status.organisation,
        status.people_url,
        status.people,
        status.devices_url,
        status.devices,
        status.ca_fingerprint,
        status.store,
        status.generation,
        counts.people,
        counts.devices,
        counts.subjects,
        counts.deltas,
        counts.snapshots,
        counts.audit_rows,
        status.version
    )
}
