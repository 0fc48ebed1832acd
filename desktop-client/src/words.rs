//! Small matters of wording: dates, states, lines that fit a terminal.

use kernel::delta::State;
use std::fmt::Write;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A date in UTC, such as "26 November 2026".
pub fn day(at: i64) -> String {
    let Ok(at) = jiff::Timestamp::from_second(at) else {
        return "an unknown day".into();
    };
    let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let month = usize::try_from(date.month())
        .ok()
        .and_then(|month| MONTHS.get(month - 1));
    format!("{} {} {}", date.day(), month.unwrap_or(&""), date.year())
}

/// A state as its word.
pub const fn state(state: State) -> &'static str {
    match state {
        State::Unknown => "unknown",
        State::Seen => "seen",
        State::Learning => "learning",
        State::Demonstrated => "demonstrated",
        State::Retained => "retained",
        State::Lapsed => "lapsed",
    }
}

/// A time of the day, by a clock that is `offset_s` ahead of UTC, such as "9:30".
pub fn time(at: i64, offset_s: i32) -> String {
    let local = at.saturating_add(i64::from(offset_s)).rem_euclid(86_400);
    format!("{}:{:02}", local / 3600, local % 3600 / 60)
}

/// A day by a clock that is `offset_s` ahead of UTC, such as "26 November 2026".
pub fn local_day(at: i64, offset_s: i32) -> String {
    day(at.saturating_add(i64::from(offset_s)))
}

/// A sentence's beginning with a great letter.
pub fn begun(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// Text without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// "1 event", "2 events".
pub fn count(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// An exact number of bytes, such as "1,893 bytes".
pub fn exactly(n: usize) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} byte{}", if n == 1 { "" } else { "s" })
}

/// Sizes for people, rounded.
pub fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} bytes"),
        1024..1_048_576 => format!("{} KiB", n / 1024),
        _ => format!("{} MiB", n / 1_048_576),
    }
}

/// Text in lines of at most `width` characters, each after `indent`.
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut out = String::new();
    for paragraph in text.lines() {
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let length = word.chars().count();
            if used > 0 && used + 1 + length > width {
                out.push('\n');
                used = 0;
            }
            if used > 0 {
                out.push(' ');
                used += 1;
            } else {
                out.push_str(indent);
            }
            out.push_str(word);
            used += length;
        }
        out.push('\n');
    }
    out
}

/// Code, as it stands, after `indent`.
pub fn indented(code: &str, indent: &str) -> String {
    let mut out = String::new();
    for line in code.lines() {
        let _ = writeln!(out, "{indent}{}", plain(&line.replace('\t', "    ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_and_never_a_time() {
        assert_eq!(day(1_795_651_200), "26 November 2026");
        assert_eq!(day(i64::MAX), "an unknown day");
    }

    #[test]
    fn an_exact_size_is_readable() {
        assert_eq!(exactly(1), "1 byte");
        assert_eq!(exactly(999), "999 bytes");
        assert_eq!(exactly(1_234_567), "1,234,567 bytes");
    }

    #[test]
    fn lines_fit_and_keep_their_words() {
        assert_eq!(wrapped("one two three", 7, "  "), "  one two\n  three\n");
        assert_eq!(wrapped("a\n\nb", 10, ""), "a\n\nb\n");
    }
}
