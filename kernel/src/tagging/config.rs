//! Keys of configuration files: where a key stands and what it says.

use ast_grep_core::{Doc, Node};
use ast_grep_language::SupportLang;

use crate::catalogue::ConfigFormat;

/// The rows (from 0) at which the key stands, each with its value.
pub(crate) fn find(format: ConfigFormat, text: &str, path: &str) -> Vec<(usize, String)> {
    match format {
        ConfigFormat::Ini => ini(text, path),
        ConfigFormat::Json => json(text, path).into_iter().collect(),
        ConfigFormat::Toml => toml(text, path).into_iter().collect(),
    }
}

fn ini(text: &str, path: &str) -> Vec<(usize, String)> {
    let Some((section, key)) = path.rsplit_once('.') else {
        return Vec::new();
    };
    let mut here = false;
    let mut found = Vec::new();
    for (row, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
            here = name.trim() == section;
            continue;
        }
        if !here {
            continue;
        }
        let (name, value) = match line.split_once(['=', ':']) {
            Some((name, value)) => (name.trim(), value.trim()),
            // A key without a value is true, as in Git's own files.
            None => (line, ""),
        };
        if name.eq_ignore_ascii_case(key) {
            found.push((
                row,
                if value.is_empty() { "true" } else { value }.to_owned(),
            ));
        }
    }
    found
}

fn json(text: &str, path: &str) -> Option<(usize, String)> {
    let root = ast_grep_core::AstGrep::try_new(text, SupportLang::Json).ok()?;
    let mut node = root
        .root()
        .named_children()
        .find(|n| n.kind() == "object")?;
    let mut row = 0;
    for part in path.split('.') {
        let pair = node
            .named_children()
            .filter(|n| n.kind() == "pair")
            .find(|n| n.field("key").is_some_and(|k| unquoted(&k) == part))?;
        row = pair.start_pos().line();
        node = pair.field("value")?;
    }
    Some((row, unquoted(&node)))
}

fn unquoted<D: Doc>(node: &Node<'_, D>) -> String {
    let text = node.text();
    text.strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(&text)
        .to_owned()
}

fn toml(text: &str, path: &str) -> Option<(usize, String)> {
    let table: toml::Table = text.parse().ok()?;
    let mut parts = path.split('.');
    let mut value = table.get(parts.next()?)?;
    for part in parts {
        value = value.as_table()?.get(part)?;
    }
    let shown = match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some((toml_row(text, path), shown))
}

/// The row that names the key: its own line, or the one of the inline table
/// or the header that brings it.
fn toml_row(text: &str, path: &str) -> usize {
    let bare = |key: &str| -> String {
        key.split('.')
            .map(|part| part.trim().trim_matches(['"', '\'']))
            .collect::<Vec<_>>()
            .join(".")
    };
    let leads_to = |key: &str| {
        path == key
            || path
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    let mut header = String::new();
    let mut best = (0, 0);
    for (row, line) in text.lines().enumerate() {
        let line = line.trim();
        let named = if let Some(name) = line.strip_prefix('[') {
            header = bare(name.trim_matches(['[', ']', ' ']));
            header.clone()
        } else if let Some((key, _)) = line.split_once('=') {
            if header.is_empty() {
                bare(key)
            } else {
                format!("{header}.{}", bare(key))
            }
        } else {
            continue;
        };
        // The longest prefix of the path is the line closest to the key.
        if leads_to(&named) && named.len() > best.1 {
            best = (row, named.len());
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_key_is_found_in_its_own_object_with_its_line() {
        let text =
            "{\n  // strict\n  \"a\": {\"strict\": 1},\n  \"b\": {\n    \"strict\": true\n  }\n}";
        assert_eq!(json(text, "b.strict"), Some((4, "true".to_owned())));
        assert_eq!(json(text, "c.strict"), None);
        assert_eq!(json("{", "a"), None);
    }

    #[test]
    fn a_toml_key_is_found_however_it_is_written() {
        let table = "[tool.x]\na = 1\n\n[tool.ruff]\nline-length = 100\n";
        assert_eq!(
            toml(table, "tool.ruff.line-length"),
            Some((4, "100".to_owned()))
        );
        let inline = "x = 1\ntool.ruff = { line-length = 80 }\n";
        assert_eq!(
            toml(inline, "tool.ruff.line-length"),
            Some((1, "80".to_owned()))
        );
        assert_eq!(toml("[tool\n", "tool.ruff"), None);
    }

    #[test]
    fn an_ini_key_belongs_to_its_section() {
        let text = "[pull]\n\trebase\n[push]\nrebase = no\n";
        assert_eq!(ini(text, "pull.rebase"), [(1, "true".to_owned())]);
        assert_eq!(ini(text, "push.rebase"), [(3, "no".to_owned())]);
    }
}
