//! Blocks of code in the manual, and what is promised of each.
//!
//! A block of commands says in its first line how it is kept true: `sh run` is executed by a test
//! in the order of the page, `sh shown:REASON` is not, for one of a few reasons. Settings are `toml
//! check`: a test gives them to the program. Everything else is shown, and holds no command.

/// A block of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// What stands behind the opening backticks: `sh run`.
    pub info: String,
    /// Its lines.
    pub text: String,
}

/// What a block promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// Commands that a test executes.
    Run,
    /// The same, left running until the page ends.
    Serve,
    /// The same, and a person approves the device that then waits.
    Approve,
    /// Commands that no test of the manual executes, and why.
    Shown(String),
    /// A piece of `config.toml` that the program has to accept.
    Check,
    /// No command: output, a drawing, code, a form.
    Plain,
    /// The block says nothing of itself, or something unknown.
    Unmarked,
}

/// Languages that are read and not typed into a shell.
const PLAIN: [&str; 5] = ["text", "json", "rust", "toml", "sql"];

impl Fence {
    /// The language: `sh`.
    pub fn language(&self) -> &str {
        self.info.split_whitespace().next().unwrap_or_default()
    }

    /// What it promises.
    pub fn mark(&self) -> Mark {
        let words: Vec<&str> = self.info.split_whitespace().collect();
        match words.as_slice() {
            ["sh", "run"] => Mark::Run,
            ["sh", "run:serve"] => Mark::Serve,
            ["sh", "run:approve"] => Mark::Approve,
            ["sh", mark] => match mark.strip_prefix("shown:") {
                Some(reason) if !reason.is_empty() => Mark::Shown(reason.to_owned()),
                _ => Mark::Unmarked,
            },
            ["toml", "check"] => Mark::Check,
            [plain] if PLAIN.contains(plain) => Mark::Plain,
            _ => Mark::Unmarked,
        }
    }

    /// Whether a reader types it: commands and settings, not what a program printed.
    pub(crate) fn is_typed(&self) -> bool {
        !matches!(self.mark(), Mark::Plain | Mark::Unmarked)
    }

    /// What a reader who cannot see it hears of it first.
    pub(crate) fn label(&self) -> &'static str {
        match self.mark() {
            Mark::Run | Mark::Serve | Mark::Approve | Mark::Shown(_) => "Commands",
            Mark::Check => "Settings",
            _ => "Code or output",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(info: &str) -> Mark {
        Fence {
            info: info.to_owned(),
            text: String::new(),
        }
        .mark()
    }

    #[test]
    fn a_block_says_how_it_is_kept_true() {
        assert_eq!(mark("sh run"), Mark::Run);
        assert_eq!(
            mark("sh shown:needs-root"),
            Mark::Shown("needs-root".to_owned())
        );
        assert_eq!(mark("toml check"), Mark::Check);
        assert_eq!(mark("text"), Mark::Plain);
        for silent in ["", "sh", "sh shown:", "bash", "sh ran", "text run"] {
            assert_eq!(mark(silent), Mark::Unmarked, "{silent}");
        }
    }
}
