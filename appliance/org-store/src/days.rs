//! Days since 1970 UTC, and the weaker dates that stand for them.

use kernel::ids::DAY;

/// Days since 1970-01-01 UTC.
pub type Day = i64;

/// The day of a time in unix seconds.
pub(crate) const fn day_of(unix_s: i64) -> Day {
    unix_s.div_euclid(DAY)
}

/// The Monday on or after a day; 1 January 1970 was a Thursday.
pub(crate) const fn monday_from(day: Day) -> Day {
    day + (4 - day).rem_euclid(7)
}

/// The first day of a day's month (proleptic Gregorian calendar).
pub(crate) const fn month_of(day: Day) -> Day {
    // The calendar is laid out from 1 March 0000, so that a leap day is a year's last.
    let from_march = day + 719_468;
    let era = from_march.div_euclid(146_097);
    let of_era = from_march.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let first = (153 * month + 2) / 5;
    era * 146_097 + of_era - (of_year - first) - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_on_its_first_day() {
        for (day, first) in [
            (0, 0),           // 1970-01-01
            (31, 31),         // 1970-02-01
            (58, 31),         // 1970-02-28
            (59, 59),         // 1970-03-01
            (11_016, 10_988), // 2000-02-29
            (20_781, 20_758), // 2026-11-24
            (-1, -31),        // 1969-12-31
        ] {
            assert_eq!(month_of(day), first, "{day}");
        }
    }

    #[test]
    fn the_monday_on_or_after_a_monday_is_itself() {
        assert_eq!(monday_from(4), 4);
        assert_eq!(monday_from(5), 11);
        assert_eq!(monday_from(0), 4);
        assert_eq!(monday_from(20_780), 20_780, "2026-11-23");
    }
}
