//! `snapshot now`: the figures of the last Monday, if they are not there yet.

use super::Context;
use super::failure::Failure;
use super::serve::not_sample;
use crate::app::Parts;
use crate::config::{Config, Overrides};
use crate::http::pages::date;
use crate::{data_dir, jobs};
use org_store::{Act, Action, Actor, Check, Options, snapshot};
use serde::Serialize;

#[derive(Serialize)]
struct Made {
    as_of: String,
    made: bool,
    preview: bool,
    counted: u32,
    rows: usize,
    sample: bool,
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
    let newest = parts
        .store
        .read_blocking(|txn| snapshot::newest(txn, 1))
        .map_err(crate::app::Error::from)?;
    let there = newest
        .into_iter()
        .next()
        .filter(|newest| newest.as_of.day() >= monday);
    let (made, snapshot) = match there {
        Some(there) if !preview => (false, there),
        _ => {
            let work = async {
                let figures = crate::rules::figures(config.k);
                match preview {
                    true => {
                        parts
                            .store
                            .read(move |txn| snapshot::preview(txn, monday, &figures))
                            .await
                    }
                    false => {
                        let act = Act::new(Actor::Console, Action::MakeSnapshot, now);
                        parts.store.make_snapshot(act, monday, figures).await
                    }
                }
            };
            let made = super::runtime()?
                .block_on(work)
                .map_err(crate::app::Error::from)?;
            (!preview, made)
        }
    };
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
