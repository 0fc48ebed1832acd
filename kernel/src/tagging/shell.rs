//! Words of a shell command, as a POSIX shell would split them.

/// Programs that run what stands behind them.
const WRAPPERS: [&str; 4] = ["sudo", "command", "exec", "time"];

/// Splits a command into words: quotes and backslashes are resolved, nothing
/// is expanded. An unfinished quote gives none.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let into = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(inner) => into.push(inner),
                        None => return Vec::new(),
                    }
                }
            }
            '"' => {
                let into = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some(escaped @ ('"' | '\\')) => into.push(escaped),
                            Some(other) => into.extend(['\\', other]),
                            None => return Vec::new(),
                        },
                        Some(inner) => into.push(inner),
                        None => return Vec::new(),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Vec::new(),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// The text of a word in double quotes: what a backslash protects there.
pub(crate) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some('"' | '\\' | '$' | '`') if c == '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}

/// The words that decide: without assignments and wrappers in front, and
/// without Git's global options.
pub(crate) fn words(command: &str) -> Vec<String> {
    decisive(split(command))
}

/// The same of words that are split already.
pub(crate) fn words_of(words: &[String]) -> Vec<String> {
    decisive(words.to_vec())
}

fn decisive(mut words: Vec<String>) -> Vec<String> {
    let start = words
        .iter()
        .position(|w| !is_assignment(w) && !WRAPPERS.contains(&w.as_str()))
        .unwrap_or(words.len());
    words.drain(..start);
    if words.first().is_some_and(|w| w == "git") {
        let mut end = 1;
        while words.get(end).is_some_and(|w| w.starts_with('-')) {
            end += if matches!(words[end].as_str(), "-C" | "-c") {
                2
            } else {
                1
            };
        }
        words.drain(1..end.min(words.len()));
    }
    words
}

/// Whether the words are this command with one of these flags (any, if none
/// is named).
pub(crate) fn is_command(words: &[String], command: &[String], flags: &[String]) -> bool {
    let Some(rest) = words.strip_prefix(command) else {
        return false;
    };
    flags.is_empty()
        || rest.iter().any(|w| {
            let name = w.split('=').next().unwrap_or(w);
            flags.iter().any(|f| f == name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_resolved() {
        assert_eq!(
            split(r#"git commit -m "a 'b' \"c\"" x\ y"#),
            ["git", "commit", "-m", "a 'b' \"c\"", "x y"]
        );
        assert_eq!(split("echo 'a"), Vec::<String>::new());
        assert_eq!(split("a '' b"), ["a", "", "b"]);
    }

    #[test]
    fn what_stands_before_the_command_is_passed_over() {
        assert_eq!(
            words("A=1 sudo git -C repo -c a.b=c --no-pager rebase -i"),
            ["git", "rebase", "-i"]
        );
        assert_eq!(words("git -C"), ["git"]);
        assert_eq!(words("A=1"), Vec::<String>::new());
    }
}
