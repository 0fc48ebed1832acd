//! Which grammar reads a file. The name is looked at here and goes no further.

use ast_grep_language::SupportLang;

/// A language that detectors are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Language {
    Bash,
    CSharp,
    Go,
    Java,
    JavaScript,
    Json,
    Php,
    Python,
    Ruby,
    Rust,
    Sql,
    Tsx,
    TypeScript,
    Yaml,
}

/// Languages that an entry may name although this build has no grammar of
/// theirs: their detectors rest.
const WITHOUT_GRAMMAR: [&str; 9] = [
    "c", "cpp", "css", "elixir", "hcl", "html", "kotlin", "scala", "swift",
];

impl Language {
    pub(crate) const WITH_GRAMMAR: [Self; 13] = [
        Self::Bash,
        Self::CSharp,
        Self::Go,
        Self::Java,
        Self::JavaScript,
        Self::Json,
        Self::Php,
        Self::Python,
        Self::Ruby,
        Self::Rust,
        Self::Tsx,
        Self::TypeScript,
        Self::Yaml,
    ];

    /// The language of this name in a catalogue file; `Ok(None)` for one that
    /// is known but has no grammar here.
    pub(crate) fn named(name: &str) -> Result<Option<Self>, ()> {
        Ok(Some(match name {
            "bash" => Self::Bash,
            "csharp" => Self::CSharp,
            "go" => Self::Go,
            "java" => Self::Java,
            "javascript" => Self::JavaScript,
            "json" => Self::Json,
            "php" => Self::Php,
            "python" => Self::Python,
            "ruby" => Self::Ruby,
            "rust" => Self::Rust,
            "sql" => Self::Sql,
            "tsx" => Self::Tsx,
            "typescript" => Self::TypeScript,
            "yaml" => Self::Yaml,
            other if WITHOUT_GRAMMAR.contains(&other) => return Ok(None),
            _ => return Err(()),
        }))
    }

    /// Guesses by the file's extension, else by its first line.
    pub(crate) fn of_file(name: &str, first: &str) -> Option<Self> {
        let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let extension = base.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
        match extension.as_deref() {
            Some("sh" | "bash" | "bats") => return Some(Self::Bash),
            Some("cs") => return Some(Self::CSharp),
            Some("go") => return Some(Self::Go),
            Some("java") => return Some(Self::Java),
            Some("js" | "mjs" | "cjs" | "jsx") => return Some(Self::JavaScript),
            Some("json" | "jsonc" | "json5") => return Some(Self::Json),
            Some("php" | "phtml") => return Some(Self::Php),
            Some("py" | "pyi" | "pyw") => return Some(Self::Python),
            Some("rb" | "rake" | "gemspec") => return Some(Self::Ruby),
            Some("rs") => return Some(Self::Rust),
            Some("sql" | "psql" | "pgsql") => return Some(Self::Sql),
            Some("tsx") => return Some(Self::Tsx),
            Some("ts" | "mts" | "cts") => return Some(Self::TypeScript),
            Some("yaml" | "yml") => return Some(Self::Yaml),
            _ => {}
        }
        if matches!(base, "Rakefile" | "Gemfile" | "Vagrantfile") {
            return Some(Self::Ruby);
        }
        let first = Some(first).filter(|line| line.starts_with("#!"))?;
        let program = first
            .split(['/', ' '])
            .rfind(|part| !part.is_empty() && !part.starts_with('-'))?;
        Self::of_program(program)
    }

    /// The language that an interpreter reads.
    pub(crate) fn of_program(program: &str) -> Option<Self> {
        let name = program.rsplit('/').next().unwrap_or(program);
        match name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
            "sh" | "bash" | "dash" | "zsh" | "ksh" => Some(Self::Bash),
            "python" => Some(Self::Python),
            "node" | "deno" | "bun" => Some(Self::JavaScript),
            "tsx" | "ts-node" => Some(Self::TypeScript),
            "ruby" => Some(Self::Ruby),
            "php" => Some(Self::Php),
            "psql" | "sqlite" | "mysql" | "mariadb" => Some(Self::Sql),
            _ => None,
        }
    }

    /// Whether pieces of a file without an extension, whose first line is out of sight, are a shell's:
    /// by the folder it lies in, and by words that no other language ends a block with.
    pub(crate) fn is_script<'t>(name: &str, pieces: impl Iterator<Item = &'t str>) -> bool {
        const FOLDERS: [&str; 7] = [
            "bin",
            "scripts",
            "script",
            "hooks",
            ".husky",
            ".githooks",
            "ci",
        ];
        let mut parts = name.rsplit(['/', '\\']);
        let base = parts.next().unwrap_or_default();
        let told = |piece: &str| {
            let ends = piece.lines().map(str::trim).any(|line| {
                let last = line.split_whitespace().next_back();
                matches!(line, "fi" | "done" | "esac") || matches!(last, Some("then" | "do" | "in"))
            });
            ends || piece.contains("\"$") || piece.contains("$(")
        };
        !base.contains('.')
            && parts.any(|folder| FOLDERS.contains(&folder))
            && pieces.into_iter().any(told)
    }

    /// The grammars in which a rule written for this language is tried: the
    /// dialects of JavaScript share most of their syntax tree.
    pub(crate) fn family(self) -> &'static [Self] {
        match self {
            Self::Bash => &[Self::Bash],
            Self::CSharp => &[Self::CSharp],
            Self::Go => &[Self::Go],
            Self::Java => &[Self::Java],
            Self::JavaScript => &[Self::JavaScript, Self::TypeScript, Self::Tsx],
            Self::Json => &[Self::Json],
            Self::Php => &[Self::Php],
            Self::Python => &[Self::Python],
            Self::Ruby => &[Self::Ruby],
            Self::Rust => &[Self::Rust],
            Self::Sql => &[],
            Self::Tsx => &[Self::Tsx],
            Self::TypeScript => &[Self::TypeScript, Self::Tsx, Self::JavaScript],
            Self::Yaml => &[Self::Yaml],
        }
    }

    pub(crate) fn grammar(self) -> Option<SupportLang> {
        Some(match self {
            Self::Bash => SupportLang::Bash,
            Self::CSharp => SupportLang::CSharp,
            Self::Go => SupportLang::Go,
            Self::Java => SupportLang::Java,
            Self::JavaScript => SupportLang::JavaScript,
            Self::Json => SupportLang::Json,
            Self::Php => SupportLang::Php,
            Self::Python => SupportLang::Python,
            Self::Ruby => SupportLang::Ruby,
            Self::Rust => SupportLang::Rust,
            Self::Sql => return None,
            Self::Tsx => SupportLang::Tsx,
            Self::TypeScript => SupportLang::TypeScript,
            Self::Yaml => SupportLang::Yaml,
        })
    }

    /// Whether methods parse only inside of a class.
    pub(crate) fn has_classes(self) -> bool {
        matches!(
            self,
            Self::CSharp | Self::Java | Self::JavaScript | Self::Php | Self::Tsx | Self::TypeScript
        )
    }

    /// Kinds of the nodes that import.
    pub(crate) fn import_kinds(self) -> &'static [&'static str] {
        match self {
            Self::CSharp => &["using_directive"],
            Self::Go => &["import_spec"],
            Self::Java => &["import_declaration"],
            Self::JavaScript | Self::Tsx | Self::TypeScript => &["import_statement"],
            Self::Php => &["namespace_use_declaration"],
            Self::Python => &["import_statement", "import_from_statement"],
            Self::Rust => &["use_declaration", "extern_crate_declaration"],
            Self::Bash | Self::Json | Self::Ruby | Self::Sql | Self::Yaml => &[],
        }
    }

    /// Kind of the nodes that call, and the field with the function's name.
    pub(crate) fn call(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Go | Self::JavaScript | Self::Rust | Self::Tsx | Self::TypeScript => {
                Some(("call_expression", "function"))
            }
            Self::CSharp => Some(("invocation_expression", "function")),
            Self::Java => Some(("method_invocation", "name")),
            Self::Php => Some(("function_call_expression", "function")),
            Self::Python => Some(("call", "function")),
            Self::Ruby => Some(("call", "method")),
            Self::Bash | Self::Json | Self::Sql | Self::Yaml => None,
        }
    }

    /// Functions that import what their argument names.
    pub(crate) fn import_calls(self) -> &'static [&'static str] {
        match self {
            Self::JavaScript | Self::Tsx | Self::TypeScript => &["require", "import"],
            Self::Python => &["importlib.import_module", "import_module"],
            Self::Ruby => &["require", "require_relative"],
            _ => &[],
        }
    }

    /// Functions, by the end of their names, that run the command which their
    /// arguments spell.
    pub(crate) fn runners(self) -> &'static [&'static str] {
        match self {
            Self::CSharp => &["Process.Start"],
            Self::Go => &["exec.Command", "exec.CommandContext"],
            Self::Java => &["exec"],
            Self::JavaScript | Self::Tsx | Self::TypeScript => &[
                "exec",
                "execSync",
                "execFile",
                "execFileSync",
                "spawn",
                "spawnSync",
                "execa",
                "execaSync",
            ],
            Self::Php => &["exec", "shell_exec", "system", "passthru", "proc_open"],
            Self::Python => &[
                "subprocess.run",
                "subprocess.call",
                "subprocess.check_call",
                "subprocess.check_output",
                "subprocess.Popen",
                "os.system",
                "os.popen",
                "check_call",
                "check_output",
                "Popen",
                "create_subprocess_exec",
                "create_subprocess_shell",
            ],
            Self::Ruby => &[
                "system",
                "exec",
                "spawn",
                "capture2",
                "capture2e",
                "capture3",
            ],
            Self::Rust => &["Command::new"],
            Self::Bash | Self::Json | Self::Sql | Self::Yaml => &[],
        }
    }

    /// Kinds of the nodes that enclose code and have a name, each with the
    /// field that holds it.
    pub(crate) fn scopes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Bash => &[("function_definition", "name")],
            Self::CSharp | Self::Java => &[
                ("method_declaration", "name"),
                ("constructor_declaration", "name"),
                ("class_declaration", "name"),
                ("interface_declaration", "name"),
                ("record_declaration", "name"),
            ],
            Self::Go => &[
                ("function_declaration", "name"),
                ("method_declaration", "name"),
                ("type_spec", "name"),
            ],
            Self::JavaScript | Self::Tsx | Self::TypeScript => &[
                ("function_declaration", "name"),
                ("generator_function_declaration", "name"),
                ("method_definition", "name"),
                ("class_declaration", "name"),
                ("interface_declaration", "name"),
                ("variable_declarator", "name"),
            ],
            Self::Php => &[
                ("function_definition", "name"),
                ("method_declaration", "name"),
                ("class_declaration", "name"),
                ("trait_declaration", "name"),
            ],
            Self::Python => &[
                ("function_definition", "name"),
                ("class_definition", "name"),
            ],
            Self::Ruby => &[
                ("method", "name"),
                ("singleton_method", "name"),
                ("class", "name"),
                ("module", "name"),
            ],
            Self::Rust => &[
                ("function_item", "name"),
                ("struct_item", "name"),
                ("enum_item", "name"),
                ("trait_item", "name"),
                ("mod_item", "name"),
                ("impl_item", "type"),
            ],
            Self::Yaml => &[("block_mapping_pair", "key")],
            Self::Json => &[("pair", "key")],
            Self::Sql => &[],
        }
    }
}
