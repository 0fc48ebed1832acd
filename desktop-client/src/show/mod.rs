//! Where a check appears: a line in the harness, a desktop notification, a page of this machine's own.
//!
//! After each of its passes the agent asks what is to be shown. A check that waits is put before the
//! engineer once by each way that the settings leave on, restarts of the agent included: what was shown
//! is noted before it is shown, so that a crash in between shows it never, not twice. Once a week the
//! same ways say what is known now.
//!
//! Invariant: nothing is shown while asking is off or paused, in a quiet hour, of a muted concept, or of a
//! check that does not wait any more. A notification holds the concept's title and no line of code,
//! for what shows notifications keeps them.

mod checks;
mod error;
pub mod page;
#[cfg(test)]
mod tests;

pub use checks::checks;
pub use error::Error;

use crate::error::Result;
use crate::graph::Now;
use crate::home::Home;
use crate::pause;
use crate::recap;
use crate::settings::Settings;
use crate::store::{Ask, Store, Txn, Way};
use crate::words::plain;
use crate::world::World;
use kernel::asking::{OPEN_LASTS_S, SILENT_START_S};
use kernel::catalogue::Catalogue;
use page::Door;
use std::time::Duration;

/// How long the desktop may take to take a notification.
const NOTIFY_WITHIN: Duration = Duration::from_secs(2);
/// What is counted where the desktop did not take one.
const NOT_TAKEN: &str = "not shown by the desktop: a notification";

/// By which ways something may be shown now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// A line in the harness.
    pub line: bool,
    /// A desktop notification.
    pub notification: bool,
    /// The page of this machine's own.
    pub page: bool,
    /// Once a week, what is known now.
    pub week: bool,
    /// Whether it is a quiet hour or a day off, or the policy wants nothing asked.
    pub quiet: bool,
}

impl Ways {
    /// What the settings leave on, as the policy narrows them.
    pub fn now(world: &dyn World, home: &Home) -> Self {
        let settings = Settings::load(world, home);
        let now = world.now();
        Self {
            line: settings.harness_line(),
            notification: settings.notifications(),
            page: settings.page(),
            week: settings.weekly_recap(),
            // The policy, or a version that it does not allow, silences what the engineer does not ask for.
            quiet: settings.is_quiet(now, world.utc_offset_s(now))
                || !settings.asking(now, true, None).enabled,
        }
    }
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A check, by its number.
    Check(i64),
    /// The recap of the week that began then.
    Week(i64),
}

/// A line for the harness to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is about.
    pub about: About,
    /// The line.
    pub text: String,
}

/// What the agent is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// A line for the next hook that can show one. It holds until the next offer.
    pub line: Option<Line>,
}

/// Puts what waits before the engineer, as far as it was not yet.
///
/// # Errors
/// The store's own. A desktop that takes no notification is none: it is counted.
pub fn offer(
    world: &dyn World,
    store: &mut Store,
    ways: Ways,
    door: Option<&Door>,
) -> Result<Offered> {
    offer_by(world, store, ways, door, &mut |title, body| {
        let (title, body) = (title.to_owned(), body.to_owned());
        platform::notify::show(&platform::notify::Message { title, body }, NOTIFY_WITHIN).is_ok()
    })
}

/// The same, where `notify` shows a title and a text and says whether it did.
fn offer_by(
    world: &dyn World,
    store: &mut Store,
    ways: Ways,
    door: Option<&Door>,
    notify: &mut dyn FnMut(&str, &str) -> bool,
) -> Result<Offered> {
    let now = world.now();
    let found = store.write(|txn| found(world, txn, ways))?;
    let Some((about, what)) = found else {
        return Ok(Offered::default());
    };
    if ways.notification && store.write(|txn| first(txn, about, Way::Notification, now))? {
        let body = match &what {
            What::Check(title) => {
                format!("A check of a minute waits: {title}. Type: aiworklab quiz")
            }
            What::Week(said) => format!("{said}. Type: aiworklab recap --week"),
        };
        if !notify("aiworklab", &body) {
            store.write(|txn| txn.count(NOT_TAKEN, 1))?;
        }
    }
    if !ways.line || store.read(|txn| was(txn, about, Way::Line))? {
        return Ok(Offered::default());
    }
    let text = match (&what, about) {
        (What::Check(title), About::Check(ask)) => {
            let link = door
                .filter(|_| ways.page)
                .and_then(|door| door.link(world, ask));
            line(title, link.as_deref())
        }
        (What::Check(title), About::Week(_)) => line(title, None),
        (What::Week(said), _) => format!("aiworklab: {said} (aiworklab recap --week)"),
    };
    Ok(Offered {
        line: Some(Line { about, text }),
    })
}

/// Notes that a line was shown by a harness: it is never shown again.
///
/// # Errors
/// The store's own.
pub fn line_said(store: &mut Store, about: About, at: i64) -> Result<()> {
    store.write(|txn| first(txn, about, Way::Line, at).map(drop))
}

/// The line in which a harness says that a check waits.
pub fn line(title: &str, link: Option<&str>) -> String {
    let title = plain(title);
    match link {
        Some(link) => {
            format!("aiworklab: a check of a minute waits, on {title}: aiworklab quiz, or {link}")
        }
        None => format!("aiworklab: a check of a minute waits, on {title}: aiworklab quiz"),
    }
}

enum What {
    Check(String),
    Week(String),
}

/// What is to be shown, if anything may be.
fn found(world: &dyn World, txn: &mut Txn<'_>, ways: Ways) -> Result<Option<(About, What)>> {
    let now = world.now();
    if ways.quiet || !txn.asking()?.0 || pause::holds(txn, now)?.is_some() {
        return Ok(None);
    }
    if let Some(ask) = waiting(txn, now)? {
        return Ok(Some((
            About::Check(ask.id),
            What::Check(recap::title(&ask.item.concept)),
        )));
    }
    if !ways.week || now < txn.began(now)?.saturating_add(SILENT_START_S) {
        return Ok(None);
    }
    let week = pause::week_begins(world, now);
    let about = About::Week(week);
    let told = was(txn, about, Way::Line)? && was(txn, about, Way::Notification)?;
    // The first session of a week: something happened in it.
    if told || txn.moments(week)?.is_empty() {
        return Ok(None);
    }
    let said = recap::week(world, txn)?.line();
    Ok(said.map(|said| (about, What::Week(said))))
}

/// The check that waits and was not asked for, unless it is muted or nobody answered it for a day.
fn waiting(txn: &mut Txn<'_>, machine: i64) -> Result<Option<Ask>> {
    let shared = Now::at(txn, machine)?.shared;
    let muted = txn.muted()?;
    Ok(txn.waiting()?.filter(|ask| {
        !ask.requested
            && shared < ask.at.saturating_add(OPEN_LASTS_S)
            && !muted.covers(Catalogue::builtin(), &ask.item.concept)
    }))
}

/// Notes that it is shown in this way; whether it was not before.
fn first(txn: &Txn<'_>, about: About, way: Way, at: i64) -> Result<bool> {
    match about {
        About::Check(ask) => txn.show(ask, way, at),
        About::Week(week) => {
            let first = !was(txn, about, way)?;
            if first {
                txn.set_week_told(way, week)?;
            }
            Ok(first)
        }
    }
}

fn was(txn: &Txn<'_>, about: About, way: Way) -> Result<bool> {
    Ok(match about {
        About::Check(ask) => txn.was_shown(ask, way)?,
        About::Week(week) => txn.week_told(way)?.is_some_and(|told| told >= week),
    })
}
