//! `aiworklab recap` as it is typed.

use super::{lines, say};
use crate::agent;
use crate::error::Result;
use crate::home::Home;
use crate::recap::{self, Span};
use crate::store::Store;
use crate::world::World;
use clap::Args;
use std::io::Write;

#[derive(Debug, Args)]
pub(super) struct Recap {
    /// Since midnight, in place of since the last session began.
    #[arg(long)]
    today: bool,
    /// Since the beginning of this day.
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "today")]
    since: Option<String>,
    /// What you now know: what moved in the last seven days, and what comes next.
    #[arg(long, conflicts_with_all = ["today", "since"])]
    week: bool,
    #[arg(long)]
    json: bool,
}

/// Says what happened lately.
pub(super) fn run(world: &dyn World, home: &Home, wish: &Recap, out: &mut dyn Write) -> Result<()> {
    let mut store = Store::open(world, home)?;
    agent::run(world, home, &mut store)?;
    let (text, json) = store.write(|txn| {
        if wish.week {
            return recap::week(world, txn).map(|week| (week.text(), week.json()));
        }
        let span = match (&wish.since, wish.today) {
            (Some(since), _) => Span::Since(since.clone()),
            (None, true) => Span::Today,
            (None, false) => Span::Session,
        };
        recap::lately(world, txn, &span).map(|lately| (lately.text(), lately.json()))
    })?;
    say(out, &if wish.json { lines(&json) } else { text })
}
