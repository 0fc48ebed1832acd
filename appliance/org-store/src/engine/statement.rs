//! A statement as it stands in its file.

use std::sync::OnceLock;

/// A statement, by name. Made by `sql!` alone, so its text is the program's own.
pub struct Statement {
    name: &'static str,
    text: &'static str,
    /// The text as the SQLite engine runs it, once it was loaded.
    sqlite: OnceLock<String>,
}

impl Statement {
    /// A statement that every engine takes as it stands.
    #[must_use]
    pub const fn common(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text,
            sqlite: OnceLock::new(),
        }
    }

    /// A statement with a text for each engine. There is one engine so far.
    #[must_use]
    pub const fn for_sqlite(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text,
            sqlite: OnceLock::new(),
        }
    }

    /// Its name: the file's, without ending.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its text, as it stands in the file.
    #[must_use]
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// Its text for SQLite, made on the first call.
    pub(super) fn sqlite(&self, make: impl FnOnce(&str) -> String) -> &str {
        self.sqlite.get_or_init(|| make(self.text))
    }
}
