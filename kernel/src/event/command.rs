//! What a shell command that ran says: whether tests passed, whether something was committed.
//!
//! Harnesses tell how the whole line ended, so a part of it is believed only where its own end
//! decides that of the line: parts joined by `&&` alone.

/// A command that ran.
#[derive(Clone, PartialEq, Eq)]
pub struct Ran {
    /// The line, for the tagger.
    pub command: String,
    /// Whether it ended well; `None` where the harness does not tell.
    pub passed: Option<bool>,
}

/// Sizes alone: a command may not end up in a log.
impl std::fmt::Debug for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ran")
            .field("bytes", &self.command.len())
            .field("passed", &self.passed)
            .finish()
    }
}

impl Ran {
    /// Whether tests were run, and with what result; `None` if none were, or if the line's end does
    /// not tell.
    #[must_use]
    pub fn tests(&self) -> Option<bool> {
        let parts = parts(&self.command)?;
        parts
            .iter()
            .any(|words| runs_tests(words))
            .then_some(self.passed)
            .flatten()
    }

    /// Whether the line committed something, as far as is known.
    #[must_use]
    pub fn commits(&self) -> bool {
        let commit = |words: &Vec<String>| {
            words.first().is_some_and(|word| word == "git")
                && git_verb(words) == Some("commit")
                && !words.iter().any(|word| word == "--dry-run")
        };
        self.passed != Some(false)
            && parts(&self.command).is_some_and(|parts| parts.iter().any(commit))
    }
}

/// The first word after `git` and its own options.
fn git_verb(words: &[String]) -> Option<&str> {
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-C" | "-c" | "--git-dir" | "--work-tree" => {
                rest.next();
            }
            option if option.starts_with('-') => {}
            verb => return Some(verb),
        }
    }
    None
}

fn runs_tests(words: &[String]) -> bool {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    while let Some(first) = words.first() {
        let wrapper = matches!(
            *first,
            "env" | "time" | "nice" | "npx" | "pnpx" | "bunx" | "sudo"
        ) || (first.contains('=') && !first.starts_with('='));
        if wrapper {
            words.remove(0);
        } else if matches!(*first, "uv" | "poetry" | "pipenv" | "hatch" | "bundle")
            && matches!(words.get(1), Some(&"run" | &"exec"))
        {
            words.drain(..2);
        } else {
            break;
        }
    }
    let Some(program) = words
        .first()
        .map(|word| word.rsplit('/').next().unwrap_or(word))
    else {
        return false;
    };
    let has = |wanted: &[&str]| words.iter().skip(1).any(|word| wanted.contains(word));
    let python = program.starts_with("python") || program == "py";
    match program {
        "pytest" | "py.test" | "tox" | "nox" | "jest" | "vitest" | "mocha" | "ava" | "rspec"
        | "phpunit" | "ctest" | "bats" | "nosetests" | "playwright" => {
            !has(&["--version", "--help"])
        }
        "cargo" => has(&["test", "nextest", "t"]) && !has(&["--no-run"]),
        "go" | "dotnet" | "swift" | "deno" | "bun" | "mix" | "zig" => has(&["test"]),
        "npm" | "pnpm" | "yarn" => {
            has(&["test", "t"]) || words.iter().any(|w| w.starts_with("test:"))
        }
        "mvn" | "mvnw" | "gradle" | "gradlew" | "make" | "just" | "rake" | "bazel" | "sbt" => {
            has(&["test", "check", "verify"])
        }
        "node" => has(&["--test"]),
        _ if python => {
            has(&["unittest", "pytest", "nose2"]) || has(&["manage.py"]) && has(&["test"])
        }
        _ => false,
    }
}

/// The simple commands of a line whose parts are joined by `&&` alone, each as its words; `None` if
/// the line's end does not tell how each of them ended.
fn parts(line: &str) -> Option<Vec<Vec<String>>> {
    let mut parts = vec![Vec::new()];
    let mut word = String::new();
    let mut chars = line.trim().chars().peekable();
    let end_word = |word: &mut String, parts: &mut Vec<Vec<String>>| {
        if !word.is_empty()
            && let Some(last) = parts.last_mut()
        {
            last.push(std::mem::take(word));
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                for quoted in chars.by_ref().take_while(|c| *c != '\'') {
                    word.push(quoted);
                }
            }
            '"' => {
                while let Some(quoted) = chars.next() {
                    match quoted {
                        '"' => break,
                        '\\' => word.extend(chars.next()),
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.extend(chars.next().filter(|c| *c != '\n')),
            '&' if chars.peek() == Some(&'&') => {
                chars.next();
                end_word(&mut word, &mut parts);
                parts.push(Vec::new());
            }
            // `2>&1` and the like are no background.
            '&' if word.ends_with('>') => word.push(c),
            '&' | '|' | ';' => return None,
            // A newline within `&&` is a space; a line of its own is a `;`.
            '\n' if parts.last().is_some_and(|part| !part.is_empty()) || !word.is_empty() => {
                return None;
            }
            c if c.is_whitespace() => end_word(&mut word, &mut parts),
            c => word.push(c),
        }
    }
    end_word(&mut word, &mut parts);
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(command: &str, passed: bool) -> Ran {
        Ran {
            command: command.to_owned(),
            passed: Some(passed),
        }
    }

    #[test]
    fn tests_are_known_by_their_runner() {
        for line in [
            "python3 -m unittest -v",
            "cd /srv/app && pytest -q 2>&1",
            "cargo nextest run",
            "RUST_LOG=debug cargo test --workspace",
            "npm test",
            "pnpm run test:unit",
            "go test ./...",
            "uv run pytest",
            "./gradlew test",
        ] {
            assert_eq!(ran(line, true).tests(), Some(true), "{line}");
            assert_eq!(ran(line, false).tests(), Some(false), "{line}");
        }
        for line in [
            "ls test",
            "cat pytest.ini",
            "echo 'cargo test'",
            "git commit -m 'test'",
        ] {
            assert_eq!(ran(line, true).tests(), None, "{line}");
        }
    }

    #[test]
    fn an_end_that_does_not_tell_is_not_believed() {
        for line in [
            "pytest || true",
            "pytest | tail -5",
            "pytest; echo done",
            "pytest &",
        ] {
            assert_eq!(ran(line, true).tests(), None, "{line}");
        }
    }

    #[test]
    fn a_commit_is_a_commit_that_went_through() {
        assert!(
            ran(
                "git add -A && git commit -q -m 'one; two' && git log -1",
                true
            )
            .commits()
        );
        assert!(ran("git -C /srv/app commit -m x", true).commits());
        assert!(!ran("git commit -m x", false).commits());
        assert!(!ran("git log --grep commit", true).commits());
        assert!(!ran("git commit --dry-run", true).commits());
    }
}
