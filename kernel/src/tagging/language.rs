//! Which grammar reads a file. The name is looked at here and goes no further.

use ast_grep_language::SupportLang;

/// A language that detectors are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Language {
    Bash,
    Go,
    JavaScript,
    Json,
    Python,
    Rust,
    Sql,
    Tsx,
    TypeScript,
}

/// Languages that an entry may name although this build has no grammar of
/// theirs: their detectors rest.
const WITHOUT_GRAMMAR: [&str; 14] = [
    "c", "cpp", "csharp", "css", "elixir", "hcl", "html", "java", "kotlin", "php", "ruby", "scala",
    "swift", "yaml",
];

impl Language {
    pub(crate) const WITH_GRAMMAR: [Self; 8] = [
        Self::Bash,
        Self::Go,
        Self::JavaScript,
        Self::Json,
        Self::Python,
        Self::Rust,
        Self::Tsx,
        Self::TypeScript,
    ];

    /// The language of this name in a catalogue file; `Ok(None)` for one that
    /// is known but has no grammar here.
    pub(crate) fn named(name: &str) -> Result<Option<Self>, ()> {
        Ok(Some(match name {
            "bash" => Self::Bash,
            "go" => Self::Go,
            "javascript" => Self::JavaScript,
            "json" => Self::Json,
            "python" => Self::Python,
            "rust" => Self::Rust,
            "sql" => Self::Sql,
            "tsx" => Self::Tsx,
            "typescript" => Self::TypeScript,
            other if WITHOUT_GRAMMAR.contains(&other) => return Ok(None),
            _ => return Err(()),
        }))
    }

    /// Guesses by the file's extension, else by its first line.
    pub(crate) fn of_file(name: &str, text: &str) -> Option<Self> {
        let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let extension = base.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
        match extension.as_deref() {
            Some("sh" | "bash" | "bats") => return Some(Self::Bash),
            Some("go") => return Some(Self::Go),
            Some("js" | "mjs" | "cjs" | "jsx") => return Some(Self::JavaScript),
            Some("json" | "jsonc" | "json5") => return Some(Self::Json),
            Some("py" | "pyi" | "pyw") => return Some(Self::Python),
            Some("rs") => return Some(Self::Rust),
            Some("sql" | "psql" | "pgsql") => return Some(Self::Sql),
            Some("tsx") => return Some(Self::Tsx),
            Some("ts" | "mts" | "cts") => return Some(Self::TypeScript),
            _ => {}
        }
        let first = text.lines().next().filter(|line| line.starts_with("#!"))?;
        let program = first
            .split(['/', ' '])
            .rfind(|part| !part.is_empty() && !part.starts_with('-'))?;
        match program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "sh" | "bash" | "dash" | "zsh" | "ksh" => Some(Self::Bash),
            "python" => Some(Self::Python),
            "node" => Some(Self::JavaScript),
            _ => None,
        }
    }

    /// The grammars in which a rule written for this language is tried: the
    /// dialects of JavaScript share most of their syntax tree.
    pub(crate) fn family(self) -> &'static [Self] {
        match self {
            Self::Bash => &[Self::Bash],
            Self::Go => &[Self::Go],
            Self::JavaScript => &[Self::JavaScript, Self::TypeScript, Self::Tsx],
            Self::Json => &[Self::Json],
            Self::Python => &[Self::Python],
            Self::Rust => &[Self::Rust],
            Self::Sql => &[],
            Self::Tsx => &[Self::Tsx],
            Self::TypeScript => &[Self::TypeScript, Self::Tsx, Self::JavaScript],
        }
    }

    pub(crate) fn grammar(self) -> Option<SupportLang> {
        Some(match self {
            Self::Bash => SupportLang::Bash,
            Self::Go => SupportLang::Go,
            Self::JavaScript => SupportLang::JavaScript,
            Self::Json => SupportLang::Json,
            Self::Python => SupportLang::Python,
            Self::Rust => SupportLang::Rust,
            Self::Sql => return None,
            Self::Tsx => SupportLang::Tsx,
            Self::TypeScript => SupportLang::TypeScript,
        })
    }

    /// Kinds of the nodes that import.
    pub(crate) fn import_kinds(self) -> &'static [&'static str] {
        match self {
            Self::Go => &["import_spec"],
            Self::JavaScript | Self::Tsx | Self::TypeScript => &["import_statement"],
            Self::Python => &["import_statement", "import_from_statement"],
            Self::Rust => &["use_declaration"],
            Self::Bash | Self::Json | Self::Sql => &[],
        }
    }

    /// Kinds of the nodes that are string literals.
    pub(crate) fn string_kinds(self) -> &'static [&'static str] {
        match self {
            Self::Go => &["interpreted_string_literal", "raw_string_literal"],
            Self::JavaScript | Self::Tsx | Self::TypeScript => &["string", "template_string"],
            Self::Python => &["string"],
            Self::Rust => &["string_literal", "raw_string_literal"],
            Self::Bash | Self::Json | Self::Sql => &[],
        }
    }
}
