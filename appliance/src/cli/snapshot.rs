//! `snapshot now`: the figures of the last Monday, if they are not there yet.

use super::Context;
use super::failure::Failure;
use super::serve::not_sample;
use crate::app::Parts;
use crate::config::{Config, Overrides};
use crate::http::pages::date;
use crate::{data_dir, jobs};
use kernel::aggregate::Snapshot;
use org_store::{Act, Action, Actor, Check, Options, snapshot};
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
struct Made {
    as_of: String,
    made: bool,
    preview: bool,
    counted: u32,
    rows: usize,
    sample: bool,
}

/// How often, and after which pause, to look whether another process has finished it.
const PATIENCE: u32 = 120;
const PAUSE: Duration = Duration::from_millis(250);

/// The newest snapshot, if it is this Monday's or a later one's.
async fn newest(parts: &Parts, monday: i64) -> org_store::Result<Option<Snapshot>> {
    let newest = parts.store.read(|txn| snapshot::newest(txn, 1)).await?;
    Ok(newest
        .into_iter()
        .next()
        .filter(|newest| newest.as_of.day() >= monday))
}

pub(super) fn now(context: &Context, preview: bool, clock: Option<i64>) -> Result<(), Failure> {
    let dir = &context.data_dir;
    let identity = data_dir::identity(dir).map_err(crate::app::Error::from)?;
    if clock.is_some() && !identity.sample {
        return Err(not_sample("--clock"));
    }
    let config = Config::load(dir, &context.edges.environment, Overrides::default())?;
    let options = Options {
        check: Check::Skip,
        readers: 1,
        ..Options::default()
    };
    let parts = Parts::open(&config, options)?;
    let now = context.edges.clock.now();
    let monday = jobs::last_monday(now + clock.unwrap_or(0));
    let (made, snapshot) = super::runtime()?
        .block_on(async {
            let figures = crate::rules::figures(config.k);
            if preview {
                let would = parts
                    .store
                    .read(move |txn| snapshot::preview(txn, monday, &figures))
                    .await;
                return would.map(|would| (false, would));
            }
            if let Some(there) = newest(&parts, monday).await? {
                return Ok((false, there));
            }
            let act = Act::new(Actor::Console, Action::MakeSnapshot, now);
            match parts.store.make_snapshot(act, monday, figures).await {
                Ok(made) => Ok((true, made)),
                // The running server makes it at this very moment.
                Err(error @ org_store::Error::Exists { .. }) => {
                    for _ in 0..PATIENCE {
                        if let Some(there) = newest(&parts, monday).await? {
                            return Ok((false, there));
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                    Err(error)
                }
                Err(error) => Err(error),
            }
        })
        .map_err(crate::app::Error::from)?;
    let result = Made {
        as_of: date(snapshot.as_of.day()).to_string(),
        made,
        preview,
        counted: snapshot.counted,
        rows: snapshot.rows.len(),
        sample: identity.sample,
    };
    context.say(&result, || {
        let what = match (result.preview, result.made) {
            (true, _) => "Would hold",
            (false, true) => "Made: it holds",
            (false, false) => "Was there already: it holds",
        };
        format!(
            "Snapshot of {}. {what} {} counted people and {} rows.",
            result.as_of, result.counted, result.rows
        )
    });
    Ok(())
}
