//! `sample load`: invented people, for a store that says so on every page.

use super::Context;
use super::failure::Failure;
use super::serve::not_sample;
use crate::app::{App, Parts, Setting};
use crate::config::{Config, Overrides};
use crate::{data_dir, sample};
use org_store::{Check, Options};
use serde::Serialize;

/// Whom a visitor can be.
#[derive(Serialize)]
struct Visitor {
    visitor: String,
}

pub(super) fn load(context: &Context, seed: u64, show: bool) -> Result<(), Failure> {
    let dir = &context.data_dir;
    let identity = data_dir::identity(dir).map_err(crate::app::Error::from)?;
    if !identity.sample {
        return Err(not_sample("`sample load`"));
    }
    if show {
        let visitor = Visitor {
            visitor: sample::visitor(),
        };
        context.say(&visitor, || visitor.visitor.clone());
        return Ok(());
    }
    let config = Config::load(dir, &context.edges.environment, Overrides::default())?;
    let options = Options {
        check: Check::Skip,
        ..Options::default()
    };
    let parts = Parts::open(&config, options)?;
    let addresses = config.addresses(config.people.port(), config.devices.port());
    let setting = Setting {
        config,
        sync_clock: context.edges.clock.clone(),
        edges: context.edges.clone(),
        addresses,
        model: local_model::Host::off(local_model::Reason::NotConfigured),
    };
    let app = App::new(setting, parts)?;
    let loaded = super::runtime()?.block_on(async {
        let loaded = sample::load(&app, seed).await?;
        let signer = Some(app.audit_signer());
        app.store().chain_audit(signer, app.now()).await?;
        Ok::<_, sample::Error>(loaded)
    })?;
    context.say(&loaded, || {
        format!(
            "Put in {} invented engineers with {} laptops and {} deltas, and {} weekly snapshots.\n\
             Sign in as the visitor: aiworklab-appliance admin link --data-dir {} --for {}",
            loaded.engineers,
            loaded.devices,
            loaded.deltas,
            loaded.snapshots,
            dir.display(),
            loaded.visitor
        )
    });
    Ok(())
}
