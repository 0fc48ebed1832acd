//! Numbers, dates and ranges as the pages say them.
//!
//! English, UTC, no decimals in percent, never a relative date alone.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::figures::{Precision, Retention};

const SMALL: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// Names that keep their capital inside a sentence although they look like plain words.
const NAMES: [&str; 17] = [
    "Python",
    "Rust",
    "Go",
    "Git",
    "Java",
    "Redis",
    "React",
    "Node",
    "Docker",
    "Kubernetes",
    "Unicode",
    "Linux",
    "Unix",
    "Bash",
    "Postgres",
    "Promise",
    "Kafka",
];

/// "seven" up to twenty, "1,204" above.
pub(crate) fn number(n: u64) -> String {
    match usize::try_from(n).ok().and_then(|i| SMALL.get(i)) {
        Some(word) => (*word).to_owned(),
        None => thousands(n),
    }
}

/// "48,214".
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "one concept", "61 concepts".
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}

/// "one concept was", "61 concepts were".
pub(crate) fn count_were(n: u64, noun: &str) -> String {
    format!("{} {}", count(n, noun), if n == 1 { "was" } else { "were" })
}

/// "one engineer is", "138 engineers are".
pub(crate) fn count_are(n: u64, noun: &str) -> String {
    format!("{} {}", count(n, noun), if n == 1 { "is" } else { "are" })
}

/// The first letter large.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// A title as it reads inside a sentence: "Lock order" becomes "lock order"; names stay.
pub(crate) fn mid_sentence(title: &str) -> String {
    let first = title
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let plain = first.chars().skip(1).all(char::is_lowercase) && first.chars().count() > 1;
    if !plain || NAMES.contains(&first) {
        return title.to_owned();
    }
    let mut chars = title.chars();
    match chars.next() {
        Some(c) => c.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// "Larkfield’s", "Larkfield Instruments’".
pub(crate) fn possessive(name: &str) -> String {
    format!(
        "{name}{}",
        if name.ends_with(['s', 'S']) {
            "’"
        } else {
            "’s"
        }
    )
}

/// "a", "a and b", "a, b and c".
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Whole percent, 0 to 100, of a chance from 0.0 to 1.0.
pub(crate) fn percent(chance: f64) -> u8 {
    let clamped = if chance.is_nan() {
        0.0
    } else {
        chance.clamp(0.0, 1.0)
    };
    // In range by the clamp.
    (clamped * 100.0).round() as u8
}

/// "83%", or "90% or more" where the exact value would say something about everyone.
pub(crate) fn retention(r: Retention) -> String {
    match r.precision() {
        Precision::Exact => format!("{}%", percent(r.value())),
        Precision::AtLeast90 => "90% or more".to_owned(),
        Precision::AtMost10 => "10% or less".to_owned(),
    }
}

/// "66–93": where the true value lies in eight of ten cases; empty beside a mere bound.
pub(crate) fn interval(r: Retention) -> String {
    match r.exact() {
        Some(_) => format!("{}–{}", percent(r.lo()), percent(r.hi())),
        None => String::new(),
    }
}

/// "about three quarters", "about half": a share in words.
pub(crate) fn share(value: f64) -> &'static str {
    match value {
        v if v >= 0.90 => "nearly all",
        v if v >= 0.80 => "about four fifths",
        v if v >= 0.70 => "about three quarters",
        v if v >= 0.60 => "about two thirds",
        v if v >= 0.45 => "about half",
        v if v >= 0.37 => "about two fifths",
        v if v >= 0.29 => "about a third",
        v if v >= 0.22 => "about a quarter",
        v if v >= 0.15 => "about a fifth",
        _ => "very little",
    }
}

/// "24 November", with the year if it is not that of `now`.
pub(crate) fn date(date: Date, now: i64) -> String {
    let this_year = zoned(now).is_some_and(|z| z.year() == date.year());
    date.strftime(if this_year { "%-d %B" } else { "%-d %B %Y" })
        .to_string()
}

/// "October 2026".
pub(crate) fn month(date: Date) -> String {
    date.strftime("%B %Y").to_string()
}

/// "24 November, 09:41 UTC", with the year if it is not that of `now`.
pub(crate) fn time(at: i64, now: i64) -> String {
    match zoned(at) {
        Some(z) => format!("{}, {} UTC", date(z.date(), now), z.strftime("%H:%M")),
        None => format!("second {at}"),
    }
}

/// "24 November, between 8 and 9 UTC": an hour, as fine as it is stored.
pub(crate) fn hour(at: i64, now: i64) -> String {
    match zoned(at) {
        Some(z) => format!(
            "{}, between {} and {} UTC",
            date(z.date(), now),
            z.hour(),
            u8::try_from(z.hour()).unwrap_or(0) + 1
        ),
        None => format!("second {at}"),
    }
}

/// "24 November, 08–09 UTC": an hour, as short as a column needs it.
pub(crate) fn hour_span(at: i64, now: i64) -> String {
    match zoned(at) {
        Some(z) => format!(
            "{}, {:02}–{:02} UTC",
            date(z.date(), now),
            z.hour(),
            u8::try_from(z.hour()).unwrap_or(0) + 1
        ),
        None => format!("second {at}"),
    }
}

/// `2026-11-24T08:00:00Z`, for `datetime`.
pub(crate) fn iso(at: i64) -> String {
    Timestamp::from_second(at).map_or_else(|_| String::new(), |t| t.to_string())
}

/// The UTC day of a time.
pub(crate) fn day(at: i64) -> Option<Date> {
    zoned(at).map(|z| z.date())
}

fn zoned(at: i64) -> Option<jiff::Zoned> {
    Timestamp::from_second(at)
        .ok()
        .map(|t| t.to_zoned(TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as ymd;

    use super::*;

    /// 2026-11-24 09:41:00 UTC.
    const NOW: i64 = 1_795_513_260;

    #[test]
    fn small_numbers_are_words_and_large_ones_have_commas() {
        assert_eq!(number(7), "seven");
        assert_eq!(number(20), "twenty");
        assert_eq!(number(21), "21");
        assert_eq!(number(48_214), "48,214");
        assert_eq!(thousands(1_000_000), "1,000,000");
        assert_eq!(count(1, "concept"), "one concept");
        assert_eq!(count(0, "concept"), "zero concepts");
    }

    #[test]
    fn a_date_has_its_year_only_if_it_is_another_one() {
        assert_eq!(date(ymd(2026, 11, 23), NOW), "23 November");
        assert_eq!(date(ymd(2027, 3, 4), NOW), "4 March 2027");
        assert_eq!(time(NOW, NOW), "24 November, 09:41 UTC");
        assert_eq!(hour(1_795_507_200, NOW), "24 November, between 8 and 9 UTC");
        assert_eq!(
            hour(1_795_474_800, NOW),
            "23 November, between 23 and 24 UTC"
        );
        assert_eq!(hour_span(1_795_507_200, NOW), "24 November, 08–09 UTC");
    }

    #[test]
    fn a_time_that_no_calendar_has_is_still_printed() {
        assert_eq!(time(i64::MAX, NOW), "second 9223372036854775807");
        assert_eq!(iso(i64::MIN), "");
    }

    #[test]
    fn a_title_keeps_its_names_inside_a_sentence() {
        assert_eq!(
            mid_sentence("Lock order and deadlocks"),
            "lock order and deadlocks"
        );
        assert_eq!(
            mid_sentence("PostgreSQL advisory locks"),
            "PostgreSQL advisory locks"
        );
        assert_eq!(
            mid_sentence("Rust’s borrow checker"),
            "Rust’s borrow checker"
        );
        assert_eq!(mid_sentence("HTTP idempotency"), "HTTP idempotency");
        assert_eq!(mid_sentence(""), "");
    }

    #[test]
    fn percent_is_whole_and_never_out_of_range() {
        assert_eq!(percent(0.826), 83);
        assert_eq!(percent(f64::NAN), 0);
        assert_eq!(percent(7.0), 100);
        assert_eq!(percent(-1.0), 0);
    }

    #[test]
    fn whose_it_is_has_no_second_s() {
        assert_eq!(possessive("Larkfield"), "Larkfield’s");
        assert_eq!(
            possessive("Larkfield Instruments"),
            "Larkfield Instruments’"
        );
    }

    #[test]
    fn lists_read_as_sentences_do() {
        let items: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        assert_eq!(list(&items), "a, b and c");
        assert_eq!(list(&items[..2]), "a and b");
        assert_eq!(list(&items[..1]), "a");
        assert_eq!(list(&[]), "");
    }
}
