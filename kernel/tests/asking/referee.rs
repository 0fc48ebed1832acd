//! The referee: `protocol.md`, “When to ask”, read sentence by sentence against a log of what
//! happened. It shares no code with the policy: it keeps no state of windows, it looks back over
//! the log each time.
//!
//! It objects both ways: to an ask at a moment that is none, and to silence that no rule explains.

use super::world::{Given, Told, World};
use kernel::asking::{AskOutcome, Choice, Decision, Event, Wait};
use kernel::delta::Scope;
use kernel::ids::Slug;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Which sentence was broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Foul(pub String);

/// Judges what was decided in this world, before anything else happens in it.
pub fn judge(world: &World, decision: &Decision) -> Result<(), Foul> {
    match decision {
        Decision::Ask(choice) => {
            // The check itself is the last that was given.
            let (_, before) = world
                .given
                .split_last()
                .ok_or(Foul("no check was given".into()))?;
            if let Some(why) = hindrance(world, before) {
                return Err(Foul(format!("asked although {why}")));
            }
            concept(world, before, choice)
        }
        Decision::Wait(Wait::NothingToGain { .. }) => match hindrance(world, &world.given) {
            None => match surely_gains(world) {
                None => Ok(()),
                Some(slug) => Err(Foul(format!("silent though {slug} was never answered on"))),
            },
            Some(why) => Err(Foul(format!("nothing to gain, yet {why}"))),
        },
        Decision::Wait(wait) => match hindrance(world, &world.given) {
            Some(_) => Ok(()),
            None => Err(Foul(format!("silent for no reason: {}", wait.name()))),
        },
    }
}

/// Why nothing may be asked now.
fn hindrance(world: &World, given: &[Given]) -> Option<&'static str> {
    let now = world.shown;
    if !world.settings.enabled {
        return Some("it is switched off");
    }
    if now - world.settings.started_at < 7 * DAY {
        return Some("it is the first week");
    }
    let minute = (now + i64::from(world.utc_offset_s)).rem_euclid(DAY) / MINUTE;
    for quiet in &world.settings.quiet {
        let (from, to) = (i64::from(quiet.from_minute), i64::from(quiet.to_minute));
        let inside = if from < to {
            minute >= from && minute < to
        } else {
            minute >= from || minute < to
        };
        if inside {
            return Some("these are quiet hours");
        }
    }
    moment(world).or_else(|| budget(world, given))
}

/// What a moment may not be in the middle of, and that it is one.
fn moment(world: &World) -> Option<&'static str> {
    let now = world.shown;
    // A day back is as far as anybody looks; what lies more than a day ahead is a wrong clock's.
    let told: Vec<&Told> = world
        .log
        .iter()
        .filter(|t| t.shown >= now - DAY && t.shown <= now + DAY)
        .collect();
    let mut sessions: Vec<u64> = told.iter().map(|t| t.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    let mut has_moment = false;
    for session in sessions {
        let mine: Vec<&Told> = told
            .iter()
            .filter(|t| t.session == session)
            .copied()
            .collect();
        let events: Vec<Event> = mine.iter().map(|t| t.event).collect();
        let is_live = mine.last().is_some_and(|t| now - t.shown <= 30 * MINUTE);
        if is_live && in_turn(&events) {
            return Some("an agent's turn is under way");
        }
        if is_live && after_edit(&events) {
            return Some("it is in the middle of an edit");
        }
        if is_live && waits_for_approval(&events) {
            return Some("an approval is pending");
        }
        let runs: Vec<(&Told, bool)> = mine
            .iter()
            .filter_map(|t| match t.event {
                Event::TestRun { passed } => Some((*t, passed)),
                _ => None,
            })
            .collect();
        if let [.., (_, false), (last, false)] = runs[..]
            && now - last.shown <= 2 * HOUR
        {
            return Some("tests are failing");
        }
        has_moment |= is_moment(&mine, now);
    }
    if has_moment {
        None
    } else {
        Some("nothing has come to an end")
    }
}

fn ends_all(event: &Event) -> bool {
    matches!(
        event,
        Event::TurnEnded | Event::TurnInterrupted | Event::SessionEnded | Event::DayStart
    )
}

fn in_turn(events: &[Event]) -> bool {
    let last = events
        .iter()
        .rev()
        .find(|e| ends_all(e) || matches!(e, Event::TurnBegan));
    matches!(last, Some(Event::TurnBegan))
}

fn after_edit(events: &[Event]) -> bool {
    let last = events
        .iter()
        .rev()
        .find(|e| ends_all(e) || matches!(e, Event::TurnBegan | Event::Commit | Event::Edit));
    matches!(last, Some(Event::Edit))
}

fn waits_for_approval(events: &[Event]) -> bool {
    let answered = |e: &Event| {
        ends_all(e)
            || matches!(
                e,
                Event::ApprovalAnswered | Event::Stopped | Event::TurnBegan | Event::ApprovalAsked
            )
    };
    matches!(
        events.iter().rev().find(|e| answered(e)),
        Some(Event::ApprovalAsked)
    )
}

/// Whether this session has just come to an end that may be asked after.
fn is_moment(mine: &[&Told], now: i64) -> bool {
    // Closing the window is no news.
    let Some(at) = mine.iter().rposition(|t| t.event != Event::SessionEnded) else {
        return false;
    };
    let (before, last) = (&mine[..at], mine[at]);
    if last.shown > now || now - last.shown > 15 * MINUTE {
        return false;
    }
    let before: Vec<Event> = before.iter().map(|t| t.event).collect();
    match last.event {
        Event::DayStart => true,
        Event::Commit => !in_turn(&before),
        Event::TurnEnded => {
            // This turn: what lies behind its prompt, and behind the last time it was broken off.
            let begin = before
                .iter()
                .rposition(|e| matches!(e, Event::TurnBegan | Event::TurnInterrupted));
            let turn = &before[begin.map_or(0, |at| at + 1)..];
            let tested = turn.iter().rev().find_map(|e| match e {
                Event::TestRun { passed } => Some(*passed),
                _ => None,
            });
            let kept = turn
                .iter()
                .rev()
                .find(|e| matches!(e, Event::Edit | Event::Commit));
            tested == Some(true) || kept == Some(&Event::Commit)
        }
        _ => false,
    }
}

/// What the dismissals leave.
#[derive(PartialEq, Eq)]
enum Left {
    All,
    Half,
    Nothing,
}

fn budget(world: &World, given: &[Given]) -> Option<&'static str> {
    let now = world.shown;
    let day = |at: i64| (at + i64::from(world.utc_offset_s)).div_euclid(DAY);
    // Dated by a clock that was wrong by more than a week: nobody knows when it was.
    let dated: Vec<&Given> = given.iter().filter(|g| g.shown <= now + 7 * DAY).collect();
    let left = dismissals(world, given);
    if left == Left::Nothing {
        return Some("four checks in a row were dismissed");
    }
    let half = |full: u32| match (&left, full) {
        (Left::Half, 2..) => full / 2,
        _ => full,
    };
    let allowed = |full: u32| usize::try_from(half(full)).unwrap_or(usize::MAX);
    let today = dated.iter().filter(|g| day(g.shown) >= day(now)).count();
    if today >= allowed(world.settings.per_day.min(3)) {
        return Some("the day's checks are used up");
    }
    let week = dated.iter().filter(|g| g.shown > now - 7 * DAY).count();
    if week >= allowed(world.settings.per_week) {
        return Some("the week's checks are used up");
    }
    if dated.iter().any(|g| now - g.shown < 60 * MINUTE) {
        return Some("less than an hour has gone by");
    }
    let is_open = |g: &Given| g.outcome == AskOutcome::Pending && now - g.shown < DAY;
    if dated.iter().any(|g| is_open(g)) {
        return Some("a check is open");
    }
    // A clock that was set back does not bring two checks into one true hour. Put forward, it
    // looks like a laptop that slept, and set back by more than a week it is not believed.
    let in_true_hour = |g: &&Given| world.real - g.real < 60 * MINUTE;
    let knows = |g: &&Given| world.jumped.is_none_or(|at| at < g.real) && g.shown <= now + 7 * DAY;
    if given.last().filter(in_true_hour).filter(knows).is_some() {
        return Some("less than a true hour has gone by");
    }
    None
}

fn dismissals(world: &World, given: &[Given]) -> Left {
    let since = world.settings.turned_on_at.unwrap_or(i64::MIN);
    let told: Vec<&Given> = given
        .iter()
        .filter(|g| g.shown > since)
        .filter(|g| match g.outcome {
            AskOutcome::Answered => true,
            AskOutcome::Dismissed => !g.requested,
            AskOutcome::Pending | AskOutcome::Snoozed => false,
        })
        .collect();
    let rows = || told.split(|g| g.outcome == AskOutcome::Answered);
    if rows().any(|row| row.len() >= 4) {
        return Left::Nothing;
    }
    // The last dismissal that had one before it in its row.
    let mut halves = rows().filter(|row| row.len() >= 2).filter_map(<[_]>::last);
    match halves.next_back() {
        Some(g) if world.shown - g.shown < 7 * DAY && g.shown <= world.shown + 7 * DAY => {
            Left::Half
        }
        _ => Left::All,
    }
}

/// A concept that was met, never answered on, and held back by nothing: a first check on it always
/// brings something.
fn surely_gains(world: &World) -> Option<String> {
    if took_a_new_one(&world.given) {
        return None;
    }
    let is_held = |concept: &Slug| {
        let asked = |g: &&Given| &g.concept == concept;
        world.given.iter().filter(asked).any(|g| {
            (world.shown - g.shown < 20 * HOUR && g.shown <= world.shown + 7 * DAY)
                || rests(world, g)
        }) || world.claims.contains_key(concept)
            || is_muted(world, concept.as_str())
            || in_forgotten_hour(world, concept.as_str())
    };
    let open = world
        .pairs
        .iter()
        .find(|(concept, pair)| pair.answers.is_empty() && !is_held(concept));
    open.map(|(concept, _)| concept.to_string())
}

/// Whether the last check brought a concept that was answered on for the first time, or still may be.
fn took_a_new_one(given: &[Given]) -> bool {
    let Some((last, before)) = given.split_last() else {
        return false;
    };
    let answered = |g: &Given| g.concept == last.concept && g.outcome == AskOutcome::Answered;
    last.new
        && !before.iter().any(answered)
        && !matches!(last.outcome, AskOutcome::Dismissed | AskOutcome::Snoozed)
}

/// Waved away, unasked for, within the last week.
fn rests(world: &World, given: &Given) -> bool {
    given.outcome == AskOutcome::Dismissed
        && !given.requested
        && (world.shown - 7 * DAY + 1..=world.shown + 7 * DAY).contains(&given.shown)
}

fn in_forgotten_hour(world: &World, slug: &str) -> bool {
    world.retracts.iter().any(|retract| match &retract.scope {
        Scope::Concept(concept) => {
            concept.as_str() == slug && world.shown < retract.at.unix() + HOUR
        }
        Scope::All => world.shown < retract.at.unix() + HOUR,
    })
}

fn is_muted(world: &World, slug: &str) -> bool {
    let mut muted = world.muted.iter().map(ToString::to_string);
    muted.any(|mute| slug == mute || slug.split('-').next() == Some(&mute))
}

/// What may be asked about, and how.
fn concept(world: &World, before: &[Given], choice: &Choice) -> Result<(), Foul> {
    let now = world.shown;
    let slug = choice.concept.as_str();
    let foul = |what: &str| Err(Foul(format!("{what} ({slug})")));
    if is_muted(world, slug) {
        return foul("asked about what is muted");
    }
    if in_forgotten_hour(world, slug) {
        return foul("asked in the hour in which it was forgotten");
    }
    let mine = before.iter().filter(|g| g.concept == choice.concept);
    for earlier in mine {
        if now - earlier.shown < 20 * HOUR && earlier.shown <= now + 7 * DAY {
            return foul("asked twice within twenty hours");
        }
        if rests(world, earlier) {
            return foul("asked again though it was waved away this week");
        }
    }
    let pair = world.pairs.get(&choice.concept);
    if let Some(last) = pair.and_then(|pair| pair.answers.last())
        && now - last.at.unix() < 20 * HOUR
    {
        return foul("asked although the answer would not count");
    }
    let was_answered = pair.is_some_and(|pair| !pair.answers.is_empty());
    let unsure = |g: &Given| g.concept == choice.concept && g.outcome == AskOutcome::Answered;
    if !was_answered && !before.iter().any(unsure) && took_a_new_one(before) {
        return foul("two new concepts in two checks");
    }
    if choice.new == was_answered {
        return foul("called new what is not, or the other way round");
    }
    let due = world.probes.get(&choice.concept);
    if due.is_some_and(|due| now < *due) {
        return foul("asked before its probe's day");
    }
    if choice.probe != due.is_some_and(|due| now <= due + 7 * DAY) {
        return foul("a probe that is none, or the other way round");
    }
    if let Some(claim) = world.claims.get(&choice.concept) {
        if claim.is_quiet(now) {
            return foul("asked within six months of quiet");
        }
        if claim.is_open(now) && !choice.probe && !choice.harder {
            return foul("an easy check for who claims to know it");
        }
    }
    let is_met = pair.is_some()
        || choice.standing.basis_of.is_some()
        || world.claims.contains_key(&choice.concept);
    if is_met {
        Ok(())
    } else {
        foul("asked about what was never met")
    }
}
