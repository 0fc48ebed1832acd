//! When nothing is asked, whatever has just come to an end: hours of the day
//! and days of the week, by the engineer's own clock on the wall.

use serde::{Deserialize, Serialize};

use crate::ids::DAY;

/// A span of the local day in which nothing is asked; it may cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// First quiet minute of the day, 0 to 1439.
    pub from_minute: u16,
    /// First minute that is not quiet any more.
    pub to_minute: u16,
}

impl QuietHours {
    /// Whether this minute of the day is quiet. Equal ends mean the whole day.
    pub fn contains(&self, minute: u16) -> bool {
        if self.from_minute < self.to_minute {
            (self.from_minute..self.to_minute).contains(&minute)
        } else {
            minute >= self.from_minute || minute < self.to_minute
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// All of them, from Monday on.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// Its name in settings: `monday`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }

    /// Its name for people: `Monday`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        }
    }

    /// The day that `local` lies in: seconds since 1970-01-01 00:00 by the clock
    /// on the wall, which was a Thursday.
    pub fn of(local: i64) -> Self {
        let days = local.div_euclid(DAY).rem_euclid(7);
        match days {
            0 => Self::Thursday,
            1 => Self::Friday,
            2 => Self::Saturday,
            3 => Self::Sunday,
            4 => Self::Monday,
            5 => Self::Tuesday,
            _ => Self::Wednesday,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_the_week_is_that_of_the_calendar() {
        // 2026-11-24 was a Tuesday; the epoch a Thursday, the day before it a Wednesday.
        assert_eq!(Weekday::of(1_795_478_400), Weekday::Tuesday);
        assert_eq!(Weekday::of(0), Weekday::Thursday);
        assert_eq!(Weekday::of(-1), Weekday::Wednesday);
        let week: Vec<_> = (0..7)
            .map(|n| Weekday::of(1_795_392_000 + n * DAY))
            .collect();
        assert_eq!(week, Weekday::ALL);
    }
}
