//! What `aiworklab doctor` asks of the agent: whether one runs and listens, what waits for it, and T3 Code's database.

use super::daemon::alone;
use super::t3code::{self, Shape};
use crate::doctor::Finding;
use crate::home::Home;
use crate::socket::{HOW_ARE_YOU, Line};
use crate::spool::{self, MAX_SPOOL_BYTES};
use crate::words::count;
use crate::world::World;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

/// How long the agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The agent's checks; nothing is changed by them.
pub fn checks(world: &dyn World, home: &Home) -> Vec<Finding> {
    let mut findings = vec![runs(world, home)];
    findings.extend(listens(home));
    findings.extend(waits(home));
    findings.extend(reads_along(home));
    findings
}

fn runs(world: &dyn World, home: &Home) -> Finding {
    let (service, state) = super::service::state(world);
    match alone::running(home) {
        Some(running) => Finding::ok_because(
            format!("the agent runs, as process {}", running.pid),
            service,
        ),
        None if state == "unmanaged" => Finding::warn(
            "no agent runs",
            service,
            "`aiworklab agent --background`; hooks keep what they hear until then.",
        ),
        None => Finding::warn(
            "no agent runs",
            service,
            "`aiworklab agent install`; hooks keep what they hear until then.",
        ),
    }
}

fn listens(home: &Home) -> Option<Finding> {
    alone::running(home)?;
    let socket = home.socket();
    let mode = std::fs::metadata(&socket).map(|data| data.permissions().mode() & 0o777);
    if let Ok(mode) = mode
        && mode & 0o077 != 0
    {
        return Some(Finding::fail(
            "the agent's socket stands open to others",
            format!("its mode is {mode:o}, and should be 600"),
            "Stop the agent and start it again.",
        ));
    }
    let answered = Line::open(&socket).and_then(|mut line| line.exchange(&HOW_ARE_YOU, PATIENCE));
    Some(match answered {
        Ok(answer) => {
            let figures: Option<super::daemon::Figures> = serde_json::from_slice(&answer.text).ok();
            match figures.and_then(|figures| figures.failed) {
                None => Finding::ok("the agent answers on its socket"),
                Some(code) => Finding::fail(
                    "the agent's last pass failed",
                    format!("error {code}; it is tried again by itself"),
                    "`aiworklab agent --once` shows the error with its fix.",
                ),
            }
        }
        Err(error) => Finding::warn(
            "the agent does not answer on its socket",
            error.to_string(),
            "Nothing is lost: hooks keep what they hear. Stop the agent and start it again.",
        ),
    })
}

fn waits(home: &Home) -> Option<Finding> {
    let waiting = spool::waiting(&home.spool());
    if waiting.dropped > 0 {
        return Some(Finding::warn(
            format!("{} could not be kept", count(waiting.dropped, "event")),
            format!(
                "the disk was full, or the spool held its {} MiB",
                MAX_SPOOL_BYTES >> 20
            ),
            "Free space on the disk, and let the agent run.",
        ));
    }
    (waiting.bytes > MAX_SPOOL_BYTES / 2).then(|| {
        Finding::warn(
            "the spool is more than half full",
            "nobody has read it for long",
            "`aiworklab agent --once`, or `aiworklab agent install`.",
        )
    })
}

fn reads_along(home: &Home) -> Option<Finding> {
    let database = t3code::database(home)?;
    if !database.exists() {
        return Some(Finding::warn(
            "T3 Code's database is not there",
            "its folder was named, and it has not written there yet",
            "Start T3 Code once, or name its folder with `aiworklab setup t3code`.",
        ));
    }
    let otherwise = "Hooks of the harness that T3 Code drives (Codex, Claude Code) tell of the same work; nothing needs to be done.";
    Some(match t3code::shape(&database) {
        Ok(Shape::Known) => Finding::ok("T3 Code's database can be read along"),
        Ok(Shape::Later) => Finding::warn(
            "T3 Code's database is of a later version than this program reads",
            "it has the table orchestration_v2_events alone",
            otherwise,
        ),
        Ok(Shape::Other) => Finding::warn(
            "T3 Code's event table has other columns than this program reads",
            "another version, or a fork",
            otherwise,
        ),
        Ok(Shape::None) => Finding::warn(
            "T3 Code's database has no event table",
            "another version, or a fork",
            otherwise,
        ),
        Err(error) => Finding::warn(
            "T3 Code's database cannot be read now",
            error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            otherwise,
        ),
    })
}
