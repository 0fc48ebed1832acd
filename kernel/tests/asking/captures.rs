//! Recorded sessions of real coding agents, laid out over an engineer's weeks.
//!
//! What a payload means is read here, as far as the ask policy cares, by a reader of its own: the
//! product's adapters live above the kernel and are tested on the same files.

use super::referee::{self, Foul};
use super::traces::{START, Tally};
use super::world::{End, Own, World};
use kernel::asking::{Breakpoint, Decision, Event, Settings};
use kernel::catalogue::Catalogue;
use kernel::event::Ran;
use kernel::ids::{DAY, HOUR, Slug};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// One recorded session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The folder, and which session of its file.
    pub name: String,
    /// Seconds since its first event, and what happened.
    pub events: Vec<(i64, Event)>,
}

/// Every session recorded in `tests/captures`, with something in it.
pub fn sessions() -> Vec<Session> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/captures");
    let mut found = Vec::new();
    let Ok(folders) = std::fs::read_dir(&root) else {
        return found;
    };
    let mut files: Vec<PathBuf> = folders
        .flatten()
        .flat_map(|folder| {
            std::fs::read_dir(folder.path())
                .into_iter()
                .flatten()
                .flatten()
        })
        .map(|file| file.path())
        .filter(|path| {
            let names = [
                "session",
                "hooks",
                "appserver-hooks",
                "codex-hooks",
                "event-stream",
            ];
            path.extension().is_some_and(|e| e == "jsonl")
                && path
                    .file_stem()
                    .and_then(|n| n.to_str())
                    .is_some_and(|n| names.contains(&n))
        })
        .collect();
    files.sort();
    for file in &files {
        found.extend(read(file));
    }
    found
}

fn read(file: &Path) -> Vec<Session> {
    let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut sessions: BTreeMap<String, Vec<(i64, Event)>> = BTreeMap::new();
    for (n, line) in (0i64..).zip(text.lines()) {
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if value.get("via").is_some_and(|via| via != "stdin") {
            continue;
        }
        let seconds = |key: &str| value.get(key).and_then(Value::as_f64);
        #[expect(clippy::cast_possible_truncation, reason = "seconds of this century")]
        let at = seconds("after_s").map_or(n * 20, |s| s as i64);
        let inner = ["payload", "json", "data"]
            .iter()
            .find_map(|key| value.get(key));
        let payload = inner.unwrap_or(&value);
        if let Some((session, events)) = hook(payload).or_else(|| stream(payload)) {
            let told = sessions.entry(session).or_default();
            told.extend(events.into_iter().map(|event| (at, event)));
        }
    }
    let named = |(n, (_, mut events)): (usize, (String, Vec<(i64, Event)>))| {
        let first = events.first().map_or(0, |(at, _)| *at);
        for (at, _) in &mut events {
            *at -= first;
        }
        Session {
            name: format!("{}/{}", folder.to_string_lossy(), n + 1),
            events,
        }
    };
    let all = sessions.into_iter().filter(|(_, events)| events.len() > 1);
    all.enumerate().map(named).collect()
}

/// A hook's payload: Claude Code, Codex.
fn hook(payload: &Value) -> Option<(String, Vec<Event>)> {
    let text = |key: &str| payload.get(key).and_then(Value::as_str);
    let session = text("session_id")?.to_owned();
    let tool = text("tool_name").unwrap_or_default();
    let events = match text("hook_event_name")? {
        "SessionStart" => vec![Event::DayStart],
        "SessionEnd" => vec![Event::SessionEnded],
        "UserPromptSubmit" => vec![Event::TurnBegan],
        "Stop" => vec![Event::TurnEnded],
        "Interrupt" => vec![Event::TurnInterrupted],
        "PermissionRequest" => vec![Event::ApprovalAsked],
        name @ ("PostToolUse" | "PostToolUseFailure") => {
            let passed = match name {
                _ if payload.get("tool_response").is_some_and(Value::is_string) => None,
                "PostToolUse" => Some(true),
                _ => Some(false),
            };
            let input = payload
                .pointer("/tool_input/command")
                .and_then(Value::as_str);
            let act = match (tool, input) {
                ("Bash", Some(command)) => ran(command, passed),
                ("Write" | "Edit" | "MultiEdit" | "apply_patch", _) => vec![Event::Edit],
                _ => vec![],
            };
            [vec![Event::ApprovalAnswered], act].concat()
        }
        _ => return None,
    };
    Some((session, events))
}

/// An event of OpenCode's stream.
fn stream(payload: &Value) -> Option<(String, Vec<Event>)> {
    let at = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    let session = at("/properties/sessionID").or_else(|| at("/properties/part/sessionID"))?;
    let events = match payload.get("type")?.as_str()? {
        "session.created" => vec![Event::DayStart],
        "session.idle" => vec![Event::TurnEnded],
        "session.error" => vec![Event::TurnInterrupted],
        "permission.asked" => vec![Event::ApprovalAsked],
        "permission.replied" => vec![Event::ApprovalAnswered],
        "message.updated" if at("/properties/info/role") == Some("user") => vec![Event::TurnBegan],
        "message.part.updated" if at("/properties/part/state/status") == Some("completed") => {
            let state = payload.pointer("/properties/part/state")?;
            let exit = state.pointer("/metadata/exit").and_then(Value::as_i64);
            match at("/properties/part/tool")? {
                "bash" => ran(
                    state.pointer("/input/command")?.as_str()?,
                    exit.map(|e| e == 0),
                ),
                "write" | "edit" | "patch" => vec![Event::Edit],
                _ => vec![],
            }
        }
        _ => return None,
    };
    Some((session.to_owned(), events))
}

fn ran(command: &str, passed: Option<bool>) -> Vec<Event> {
    let ran = Ran {
        command: command.to_owned(),
        passed,
    };
    let tests = ran.tests().map(|passed| Event::TestRun { passed });
    let commit = ran.commits().then_some(Event::Commit);
    tests.into_iter().chain(commit).collect()
}

/// What came of one engineer's weeks.
#[derive(Clone, Debug, Default)]
pub struct Weeks {
    pub tally: Tally,
    /// Asks of each week.
    pub asks: Vec<u32>,
    /// How many sessions were played, and which recorded ones.
    pub sessions: u64,
    pub names: BTreeSet<String>,
    /// Asks by what had come to an end.
    pub moments: BTreeMap<Breakpoint, u64>,
    /// Sentences, each with the local hour and minute.
    pub said: Vec<String>,
}

/// An engineer's weeks made of recorded sessions: on each working day some, at any time of the day,
/// also side by side. The default settings; checks are answered, put off, dismissed or left.
pub fn weeks(recorded: &[Session], weeks: i64, seed: u64) -> Result<Weeks, Foul> {
    let catalogue = Catalogue::builtin();
    let concepts: Vec<Slug> = catalogue.askable().map(|c| c.slug.clone()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |n: usize| usize::try_from(rng.next_u64() % n.max(1) as u64).unwrap_or(0);
    let midnight = START.div_euclid(DAY) * DAY;
    let mut world = World::new(midnight, Settings::new(midnight));
    let mut out = Weeks::default();
    let mut number = 0u64;
    for day in 0..weeks * 7 {
        // 2025-06-18 is a Wednesday.
        if (day + 2) % 7 >= 5 {
            continue;
        }
        let week = usize::try_from(day / 7).unwrap_or(0);
        if out.asks.len() <= week {
            out.asks.resize(week + 1, 0);
        }
        let mut told: Vec<(i64, u64, Event)> = Vec::new();
        for _ in 0..2 + below(5) {
            let session = &recorded[below(recorded.len())];
            out.names.insert(session.name.clone());
            let began = midnight + day * DAY + 8 * HOUR + i64::try_from(below(36_000)).unwrap_or(0);
            number += 1;
            out.sessions += 1;
            // Only the day's first session begins the day; each begins with a concept that is met.
            let events = session.events.iter();
            told.extend(events.map(|(after, event)| (began + after, number, *event)));
        }
        told.sort_by_key(|(at, session, _)| (*at, *session));
        let mut is_first = true;
        for (at, session, event) in told {
            world.pass((at - world.shown).max(0));
            if event == Event::DayStart && !std::mem::take(&mut is_first) {
                continue;
            }
            if event == Event::Edit && below(2) == 0 {
                world.meet(&concepts[below(concepts.len())].clone());
            }
            world.tell(session, event);
            let decision = world.decide(&Own, catalogue);
            referee::judge(&world, &decision)?;
            out.tally.count(&decision);
            if let Decision::Ask(choice) = &decision {
                out.asks[week] += 1;
                *out.moments
                    .entry(choice.moment.unwrap_or(Breakpoint::DayStart))
                    .or_default() += 1;
                let minute = world.shown.rem_euclid(DAY) / 60;
                let when = format!("day {day}, {}:{:02}", minute / 60, minute % 60);
                out.said.push(format!("{when}: {}", choice.sentence()));
                world.end(match below(20) {
                    0..12 => End::Right,
                    12..16 => End::Wrong,
                    16 => End::Unsure,
                    17 => End::Later,
                    18 => End::Dismiss,
                    _ => continue,
                });
            } else {
                let minute = world.shown.rem_euclid(DAY) / 60;
                let when = format!("day {day}, {}:{:02}", minute / 60, minute % 60);
                out.said.push(format!("{when}: {}", decision.sentence()));
            }
        }
    }
    Ok(out)
}
