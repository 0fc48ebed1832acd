//! Code in one language inside of another: an agent writes a file with a
//! heredoc, hands a program to `python -c`, a step of a pipeline holds a
//! script.
//!
//! What is found counts where it stands; its imports are its own.

use ast_grep_core::Language as _;
use ast_grep_language::SupportLang;

use super::language::Language;
use super::shell;
use super::syntax::At;

/// How many texts deep is looked: a pipeline's script that writes a file.
pub(super) const DEEPEST: u32 = 2;

/// A text in another language.
pub(super) struct Inner {
    pub language: Language,
    pub text: String,
    /// Row (from 0) of the outer text at which it begins.
    pub row: usize,
}

/// The languages that may stand inside of one.
pub(super) fn languages(outer: Language) -> &'static [Language] {
    match outer {
        Language::Bash => &[
            Language::Bash,
            Language::CSharp,
            Language::Go,
            Language::Java,
            Language::JavaScript,
            Language::Json,
            Language::Php,
            Language::Python,
            Language::Ruby,
            Language::Rust,
            Language::Sql,
            Language::Tsx,
            Language::TypeScript,
            Language::Yaml,
        ],
        Language::Yaml => &[Language::Bash],
        _ => &[],
    }
}

/// Where a grammar holds other languages.
#[derive(Default)]
pub(super) struct Kinds {
    pub kinds: Vec<u16>,
    heredoc: Option<u16>,
    command: Option<u16>,
}

/// Keys of pipelines whose values are scripts.
const SCRIPTS: [&str; 6] = [
    "run",
    "script",
    "before_script",
    "after_script",
    "command",
    "entrypoint",
];

impl Kinds {
    pub fn of(language: Language, grammar: SupportLang) -> Self {
        match language {
            Language::Bash => {
                let (heredoc, command) = (
                    grammar.kind_to_id("heredoc_body"),
                    grammar.kind_to_id("command"),
                );
                Self {
                    kinds: vec![heredoc, command],
                    heredoc: Some(heredoc),
                    command: Some(command),
                }
            }
            Language::Yaml => Self {
                kinds: vec![grammar.kind_to_id("block_mapping_pair")],
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// What stands at this node in another language.
    pub fn read(&self, at: At<'_>) -> Vec<Inner> {
        let kind = Some(at.kind_number());
        if kind == self.heredoc {
            heredoc(at).into_iter().collect()
        } else if kind == self.command {
            argument(at).into_iter().collect()
        } else {
            let mut found = Vec::new();
            scripts(at, &mut found);
            found
        }
    }
}

/// A heredoc, by the line that it is handed to.
fn heredoc(at: At<'_>) -> Option<Inner> {
    let mut statement = at.parent_node()?;
    while statement.kind_name() != "redirected_statement" {
        statement = statement.parent_node()?;
    }
    let line = statement.source().lines().next()?;
    let language = receiver(line)?;
    let (row, _) = at.rows();
    Some(Inner {
        language,
        text: at.source().to_owned(),
        row,
    })
}

/// The language of what a line with `<<` is given: that of the file it
/// writes, or of the program it runs.
fn receiver(line: &str) -> Option<Language> {
    let marks = ['<', '>', '|', '&', ';', ' ', '\t'];
    let words: Vec<&str> = line
        .split(marks)
        .map(|word| word.trim_matches(['\'', '"']))
        .filter(|word| !word.is_empty())
        .collect();
    let written = words
        .iter()
        .filter(|word| word.contains('.') && !word.starts_with('-'))
        .find_map(|word| Language::of_file(word, ""));
    written.or_else(|| words.iter().find_map(|word| Language::of_program(word)))
}

/// A program handed over in an argument: `python -c '…'`.
fn argument(at: At<'_>) -> Option<Inner> {
    let name = at.field_node("name")?;
    let mut words = at.child_nodes().skip_while(|n| n.bytes() != name.bytes());
    let mut program = words.next()?.source();
    if matches!(program, "sudo" | "env" | "exec" | "time" | "uv" | "poetry") {
        program = words
            .find(|word| Language::of_program(word.source()).is_some())?
            .source();
    }
    let (language, code) = if program == "ssh" {
        // What another machine's shell is given.
        let quoted = |word: &At<'_>| matches!(word.kind_name(), "raw_string" | "string");
        (Language::Bash, words.filter(quoted).last()?)
    } else {
        let language = Language::of_program(program).filter(|l| *l != Language::Sql)?;
        words.find(|word| {
            let flag = word.source();
            matches!(
                flag,
                "-c" | "-e" | "--eval" | "eval" | "-r" | "-lc" | "-ec" | "-euc" | "-xc"
            )
        })?;
        (language, words.next()?)
    };
    let text = match code.kind_name() {
        "raw_string" => code.source().trim_matches('\'').to_owned(),
        "string" => shell::unescaped(code.source().trim_matches('"')),
        _ => return None,
    };
    Some(Inner {
        language,
        text,
        row: code.rows().0,
    })
}

/// The scripts under a key of a pipeline.
fn scripts(pair: At<'_>, found: &mut Vec<Inner>) {
    let key = pair.field_node("key").map(At::source).unwrap_or_default();
    let Some(value) = pair.field_node("value").filter(|_| SCRIPTS.contains(&key)) else {
        return;
    };
    add_scalars(value, 0, found);
}

fn add_scalars(node: At<'_>, depth: u32, found: &mut Vec<Inner>) {
    let source = node.source();
    let (row, _) = node.rows();
    let script = |text: String, row| Inner {
        language: Language::Bash,
        text,
        row,
    };
    match node.kind_name() {
        // The first line says how the block is folded.
        "block_scalar" => {
            let body = source.split_once('\n').map_or("", |(_, body)| body);
            found.push(script(body.to_owned(), row + 1));
        }
        "plain_scalar" => found.push(script(source.to_owned(), row)),
        "double_quote_scalar" | "single_quote_scalar" => {
            found.push(script(source.trim_matches(['"', '\'']).to_owned(), row));
        }
        "block_mapping" | "flow_mapping" | "flow_sequence" => {}
        _ if depth < 6 => {
            for child in node.child_nodes() {
                add_scalars(child, depth + 1, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heredoc_is_of_the_file_or_the_program_that_takes_it() {
        for (line, language) in [
            ("cat > src/a.py <<'EOF'", Some(Language::Python)),
            ("cat <<EOF >a.rs", Some(Language::Rust)),
            ("sudo tee /etc/x/app.sql << EOF", Some(Language::Sql)),
            ("python3 - <<'PY'", Some(Language::Python)),
            ("psql -d shop <<SQL", Some(Language::Sql)),
            ("cat <<EOF | node", Some(Language::JavaScript)),
            ("cat <<EOF", None),
            ("cat > notes.txt <<EOF", None),
        ] {
            assert_eq!(receiver(line), language, "{line}");
        }
    }
}
