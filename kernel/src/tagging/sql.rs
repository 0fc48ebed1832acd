//! Function calls in SQL text.

use std::sync::LazyLock;

use regex::Regex;

static START: LazyLock<Regex> = LazyLock::new(|| {
    let verbs =
        "select|insert|update|delete|with|create|alter|drop|begin|commit|lock|do|call|set|merge";
    compiled(&format!(
        r"(?i)^(\s|--[^\n]*\n|/\*[^*]*\*/|\?|\()*({verbs})\b"
    ))
});

fn compiled(pattern: &str) -> Regex {
    match Regex::new(pattern) {
        Ok(regex) => regex,
        Err(error) => panic!("a fixed pattern does not compile: {error}"),
    }
}

/// Whether a string literal's text begins as a statement does.
pub(crate) fn is_statement(text: &str) -> bool {
    START.is_match(text)
}

/// The text with comments and quoted text blanked out, of the same length and
/// with the same line breaks.
pub(crate) fn bare(text: &str) -> String {
    enum In {
        Code,
        Line,
        Block,
        Quote,
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut state = In::Code;
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at], bytes.get(at + 1).copied());
        let (keep, step) = match (&state, pair) {
            // A line of psql's own, `\set` and the like.
            (In::Code, (b'\\', _)) if at == 0 || bytes[at - 1] == b'\n' => {
                state = In::Line;
                (false, 1)
            }
            (In::Code, (b'-', Some(b'-'))) => {
                state = In::Line;
                (false, 2)
            }
            (In::Code, (b'/', Some(b'*'))) => {
                state = In::Block;
                (false, 2)
            }
            (In::Code, (b'\'', _)) => {
                state = In::Quote;
                (true, 1)
            }
            (In::Code, _) => (true, 1),
            (In::Line, (b'\n', _)) => {
                state = In::Code;
                (true, 1)
            }
            (In::Block, (b'*', Some(b'/'))) => {
                state = In::Code;
                (false, 2)
            }
            (In::Quote, (b'\'', Some(b'\''))) => (false, 2),
            (In::Quote, (b'\'', _)) => {
                state = In::Code;
                (true, 1)
            }
            (In::Line | In::Block | In::Quote, _) => (false, 1),
        };
        for byte in &bytes[at..at + step] {
            out.push(if keep || *byte == b'\n' { *byte } else { b' ' });
        }
        at += step;
    }
    // Blanking whole sequences of bytes inside quotes leaves valid UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// Offsets at which one of these functions is called in bare SQL; both in
/// lower case.
pub(crate) fn calls(lower: &str, functions: &[String]) -> Vec<usize> {
    let mut found = Vec::new();
    for function in functions {
        for (at, _) in lower.match_indices(function.as_str()) {
            let before = lower[..at].chars().next_back();
            let after = lower[at + function.len()..].trim_start();
            let inside = before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
            if !inside && after.starts_with('(') {
                found.push(at);
            }
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quoted_text_are_no_code() {
        let text = "SELECT f(1) -- f(2)\n, 'f(3) ''f(4)''', /* f(5)\n*/ F (6), é, my_f(7), a.f(8)";
        let bare = bare(text);
        assert_eq!(bare.len(), text.len());
        assert_eq!(bare.lines().count(), text.lines().count());
        let f = ["f".to_owned()];
        let rows: Vec<usize> = calls(&bare.to_ascii_lowercase(), &f)
            .iter()
            .map(|at| bare[..*at].matches('\n').count())
            .collect();
        assert_eq!(rows, [0, 2]);
    }

    #[test]
    fn a_statement_begins_with_a_verb() {
        assert!(is_statement("\n  select 1"));
        assert!(!is_statement("selected rows"));
        assert!(!is_statement("please select"));
    }
}
