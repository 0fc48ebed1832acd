//! `aiworklab pause`: for a while nothing is asked and nothing shown. Evidence is counted all the same.
//!
//! The end is a moment by this machine's clock. A clock that is set back by more than a day takes the
//! pause away: it would last for as long as the clock is wrong.

use crate::error::{Result, Told};
use crate::store::{Pause, Txn};
use crate::words;
use crate::world::World;
use kernel::ids::{DAY, HOUR};

/// The longest pause, in seconds. Who wants a longer one switches asking off.
pub const LONGEST_S: i64 = 366 * DAY;

const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Why there is no pause.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Not understood.
    #[error("{text:?} is no time to pause until")]
    When { text: String },
    /// It would be over already, or last too long.
    #[error("a pause until {until} cannot be made: {why}")]
    Span { until: String, why: &'static str },
}

impl Told for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::When { .. } => "C072",
            Self::Span { .. } => "C073",
        }
    }

    fn fix(&self) -> String {
        match self {
            Self::When { .. } => {
                "Say how long, as in 45m, 2h or 3d, or until when: tomorrow, monday, --until 14:30, \
                 --until 2026-12-01 or --until \"2026-12-01 9:00\"."
                    .into()
            }
            Self::Span { .. } => {
                "Nothing was changed. `aiworklab asking off` ends asking without a date.".into()
            }
        }
    }
}

/// When a pause ends that is written as `text`: `2h`, `tomorrow`, `monday`.
///
/// # Errors
/// [`Error::When`], [`Error::Span`].
pub fn after(world: &dyn World, text: &str) -> Result<i64, Error> {
    let now = world.now();
    let word = text.trim().to_lowercase();
    if word == "tomorrow" {
        return Ok(day_begins(world, now, 1));
    }
    if let Some(day) = weekday(&word) {
        let ahead = (day - today(world, now)).rem_euclid(7);
        return Ok(day_begins(world, now, if ahead == 0 { 7 } else { ahead }));
    }
    let bad = || Error::When {
        text: text.trim().chars().take(40).collect(),
    };
    let at = word
        .find(|c: char| !c.is_ascii_digit())
        .filter(|at| *at > 0)
        .ok_or_else(bad)?;
    let (number, unit) = word.split_at(at);
    let unit = match unit.trim() {
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7 * DAY,
        _ => return Err(bad()),
    };
    let span = number
        .parse::<i64>()
        .ok()
        .and_then(|n| n.checked_mul(unit))
        .ok_or_else(bad)?;
    within(world, now, now.saturating_add(span))
}

/// When a pause ends that is written as a moment: `14:30`, `2026-12-01`, `2026-12-01 9:00`, `monday`.
///
/// # Errors
/// [`Error::When`], [`Error::Span`].
pub fn until(world: &dyn World, text: &str) -> Result<i64, Error> {
    let now = world.now();
    let text = text.trim();
    let bad = || Error::When {
        text: text.chars().take(40).collect(),
    };
    if text.eq_ignore_ascii_case("tomorrow") || weekday(&text.to_lowercase()).is_some() {
        return after(world, text);
    }
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (Some(date), Some(time.trim())),
        None if text.contains(':') => (None, Some(text)),
        None => (Some(text), None),
    };
    let minutes = time.map(|time| clock(time).ok_or_else(bad)).transpose()?;
    let seconds = minutes.unwrap_or(0) * 60;
    let at = match date {
        Some(date) => {
            let date: jiff::civil::Date = date.parse().map_err(|_| bad())?;
            let day = date
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map_err(|_| bad())?
                .timestamp()
                .as_second();
            by_the_wall(world, day + seconds)
        }
        None => {
            let here = day_begins(world, now, 0) + seconds;
            // A time that has passed today is tomorrow's.
            if here > now {
                here
            } else {
                day_begins(world, now, 1) + seconds
            }
        }
    };
    within(world, now, at)
}

/// The pause that holds at `machine`, this machine's clock.
///
/// # Errors
/// The store's own.
pub fn holds(txn: &Txn<'_>, machine: i64) -> Result<Option<i64>> {
    let pause = txn.pause()?;
    Ok(pause
        .filter(|pause| machine < pause.until && pause.at.saturating_sub(DAY) <= machine)
        .map(|pause| pause.until))
}

/// Pauses, or with `None` ends the pause; what is said of it.
///
/// # Errors
/// The store's own.
pub fn set(world: &dyn World, txn: &Txn<'_>, until: Option<i64>) -> Result<String> {
    let at = world.now();
    let before = holds(txn, at)?;
    txn.set_pause(until.map(|until| Pause { at, until }))?;
    Ok(match (until, before) {
        (Some(until), _) => format!(
            "Paused until {}. Nothing is asked or shown until then; what you meet is counted as ever. \
             `aiworklab quiz` still gives a check, `aiworklab pause --off` ends the pause.",
            moment(world, until)
        ),
        (None, Some(_)) => "The pause is over: checks are offered again.".to_owned(),
        (None, None) => "There was no pause.".to_owned(),
    })
}

/// The pause in words, if there is one now: "paused until Monday, 30 November 2026, 0:00".
///
/// # Errors
/// The store's own.
pub fn told(world: &dyn World, txn: &Txn<'_>) -> Result<Option<String>> {
    Ok(holds(txn, world.now())?.map(|until| format!("paused until {}", moment(world, until))))
}

/// A moment by the clock on the wall.
pub fn moment(world: &dyn World, at: i64) -> String {
    let offset = world.utc_offset_s(at);
    let day = (at + i64::from(offset)).div_euclid(DAY);
    let name = usize::try_from((day + 3).rem_euclid(7))
        .ok()
        .and_then(|n| WEEKDAYS.get(n))
        .map(|name| words::begun(name))
        .unwrap_or_default();
    format!(
        "{name}, {}, {}",
        words::local_day(at, offset),
        words::time(at, offset)
    )
}

/// When the local week began that `at` lies in: its Monday, 0:00.
pub fn week_begins(world: &dyn World, at: i64) -> i64 {
    day_begins(world, at, -today(world, at))
}

/// When the local day begins that is `days` after the one of `at`.
fn day_begins(world: &dyn World, at: i64, days: i64) -> i64 {
    let local = at + i64::from(world.utc_offset_s(at));
    by_the_wall(world, (local.div_euclid(DAY) + days) * DAY)
}

/// The moment at which the clock on the wall shows `local`, in seconds as if it were UTC.
fn by_the_wall(world: &dyn World, local: i64) -> i64 {
    // The zone may have another offset then than now.
    let near = local - i64::from(world.utc_offset_s(local));
    local - i64::from(world.utc_offset_s(near))
}

/// The day of the local week, Monday being 0.
fn today(world: &dyn World, at: i64) -> i64 {
    let local = at + i64::from(world.utc_offset_s(at));
    (local.div_euclid(DAY) + 3).rem_euclid(7)
}

fn weekday(word: &str) -> Option<i64> {
    let named = |name: &&str| *name == word || (word.len() == 3 && name.starts_with(word));
    let at = WEEKDAYS.iter().position(named)?;
    i64::try_from(at).ok()
}

fn clock(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn within(world: &dyn World, now: i64, at: i64) -> Result<i64, Error> {
    let why = if at <= now {
        "that is over already"
    } else if at - now > LONGEST_S {
        "that is more than a year"
    } else {
        return Ok(at);
    };
    Err(Error::Span {
        until: moment(world, at),
        why,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::world::still::Still;

    /// Thursday, 26 November 2026, 10:00 UTC.
    const NOW: i64 = 1_795_687_200;

    #[test]
    fn a_pause_is_written_as_people_say_it() {
        let world = Still::at(NOW);
        for (text, until) in [
            ("45m", NOW + 45 * 60),
            ("2h", NOW + 2 * HOUR),
            ("3 days", NOW + 3 * DAY),
            ("1w", NOW + 7 * DAY),
            ("tomorrow", NOW + 14 * HOUR),
            ("Monday", NOW + 14 * HOUR + 3 * DAY),
            ("mon", NOW + 14 * HOUR + 3 * DAY),
            // Today's name is next week's day.
            ("thursday", NOW + 14 * HOUR + 6 * DAY),
        ] {
            assert_eq!(after(&world, text), Ok(until), "{text}");
        }
        for (text, at) in [
            ("14:30", NOW + 4 * HOUR + 1800),
            ("9:00", NOW + 23 * HOUR),
            ("2026-12-01", NOW + 14 * HOUR + 4 * DAY),
            ("2026-12-01 9:00", NOW + 23 * HOUR + 4 * DAY),
            ("friday", NOW + 14 * HOUR),
        ] {
            assert_eq!(until(&world, text), Ok(at), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_or_too_long_is_refused_with_words() {
        let world = Still::at(NOW);
        for text in ["", "h", "2", "2x", "-2h", "99999999999999999999h", "25:00"] {
            assert!(
                matches!(after(&world, text), Err(Error::When { .. })),
                "{text}"
            );
        }
        for text in ["", "24:00", "14:3x", "2026-13-01", "soon"] {
            assert!(
                matches!(until(&world, text), Err(Error::When { .. })),
                "{text}"
            );
        }
        for result in [
            after(&world, "0h"),
            after(&world, "400d"),
            until(&world, "2020-01-01"),
        ] {
            assert!(matches!(result, Err(Error::Span { .. })));
        }
        assert!(!after(&world, "0h").unwrap_err().fix().is_empty());
    }

    #[test]
    fn a_pause_ends_by_itself_by_hand_and_with_a_clock_that_was_wrong() {
        let world = Still::at(NOW);
        let mut store = Store::in_memory();
        let said = store
            .write(|txn| set(&world, txn, Some(NOW + 2 * HOUR)))
            .unwrap();
        assert!(
            said.contains("until Thursday, 26 November 2026, 12:00"),
            "{said}"
        );
        let mut at = |now| store.read(|txn| holds(txn, now)).unwrap();
        assert_eq!(at(NOW + HOUR), Some(NOW + 2 * HOUR));
        assert_eq!(at(NOW + 2 * HOUR), None);
        assert_eq!(at(NOW - 300 * DAY), None, "the clock was ahead by months");
        let off = store.write(|txn| set(&world, txn, None)).unwrap();
        assert!(off.contains("is over"));
        assert!(
            store
                .write(|txn| set(&world, txn, None))
                .unwrap()
                .contains("no pause")
        );
    }

    #[test]
    fn the_week_begins_on_monday_by_the_clock_on_the_wall() {
        assert_eq!(
            moment(&Still::at(NOW), NOW),
            "Thursday, 26 November 2026, 10:00"
        );
        assert_eq!(week_begins(&Still::at(NOW), NOW), NOW - 3 * DAY - 10 * HOUR);
    }
}
