//! Keys of configuration files: where a key stands and what it says.
//!
//! A path is keys joined by dots; a part `*` is any key, or any item of a
//! list. Text that does not read gives no finds: a change may show a piece of
//! a file, which is then read by its indentation (YAML) or its headers (INI).

use ast_grep_language::SupportLang;

use super::syntax::{At, Syntax};
use crate::catalogue::ConfigFormat;

/// Most places of one key in a file of TOML, whose rows are searched for.
const MOST: usize = 100;

/// A file's text, parsed once for all keys that are looked for.
pub(crate) struct Parsed<'a> {
    text: &'a str,
    json: Option<Option<Syntax>>,
    yaml: Option<Option<Syntax>>,
    toml: Option<Option<toml::Value>>,
}

impl<'a> Parsed<'a> {
    pub fn of(text: &'a str) -> Self {
        Self {
            text,
            json: None,
            yaml: None,
            toml: None,
        }
    }

    /// The rows (from 0) at which the key stands, each with its value.
    pub fn find(&mut self, format: ConfigFormat, path: &str) -> Vec<(usize, String)> {
        let text = self.text;
        let parse = |language| move || Syntax::of(text, language).ok();
        match format {
            ConfigFormat::Ini => ini(text, path),
            ConfigFormat::Json => {
                tree(self.json.get_or_insert_with(parse(SupportLang::Json)), path)
            }
            ConfigFormat::Yaml => {
                tree(self.yaml.get_or_insert_with(parse(SupportLang::Yaml)), path)
            }
            ConfigFormat::Toml => {
                let table = || text.parse().ok().map(toml::Value::Table);
                let value = self.toml.get_or_insert_with(table);
                value
                    .as_ref()
                    .map_or_else(Vec::new, |value| toml(text, value, path))
            }
        }
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
            here = section == "*" || name.trim() == section;
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
        if key == "*" || name.eq_ignore_ascii_case(key) {
            found.push((
                row,
                if value.is_empty() { "true" } else { value }.to_owned(),
            ));
        }
    }
    found
}

/// Finds in JSON and YAML, by their syntax trees.
fn tree(syntax: &Option<Syntax>, path: &str) -> Vec<(usize, String)> {
    let parts: Vec<&str> = path.split('.').collect();
    let mut found = Vec::new();
    if let Some(root) = syntax.as_ref().and_then(|syntax| syntax.nodes().next()) {
        descend(root, 0, &parts, &mut found);
    }
    found
}

/// Looks for the rest of the path in the values below a node.
fn descend(node: At<'_>, row: usize, parts: &[&str], found: &mut Vec<(usize, String)>) {
    let Some((part, rest)) = parts.split_first() else {
        found.push((row, unquoted(node.source())));
        return;
    };
    let is_list = matches!(node.kind_name(), "array" | "flow_sequence");
    for child in node.child_nodes() {
        match child.kind_name() {
            "pair" | "block_mapping_pair" | "flow_pair" => {
                let named = child
                    .field_node("key")
                    .is_some_and(|key| *part == "*" || unquoted(key.source()) == *part);
                if named {
                    let (first, _) = child.rows();
                    match child.field_node("value") {
                        Some(value) => descend(value, first, rest, found),
                        None if rest.is_empty() => found.push((first, String::new())),
                        None => {}
                    }
                }
            }
            "block_sequence_item" if *part == "*" => {
                let (first, _) = child.rows();
                for item in child.child_nodes().filter(|item| item.kind_name() != "-") {
                    descend(item, first, rest, found);
                }
            }
            // Wrappers of a value: documents, blocks, objects, lists, and what did not parse.
            "document" | "block_node" | "block_mapping" | "flow_mapping" | "block_sequence"
            | "ERROR" => descend(child, row, parts, found),
            "flow_node" | "object" if !is_list => descend(child, row, parts, found),
            // A list in brackets within a wrapper.
            "array" | "flow_sequence" if !is_list => descend(child, row, parts, found),
            "[" | "]" | "," => {}
            _ if *part == "*" && is_list => {
                descend(child, child.rows().0, rest, found);
            }
            _ => {}
        }
    }
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"')
        .or_else(|| inner('\''))
        .unwrap_or(text)
        .to_owned()
}

fn toml(text: &str, root: &toml::Value, path: &str) -> Vec<(usize, String)> {
    let parts: Vec<&str> = path.split('.').collect();
    let mut found = Vec::new();
    toml_values(root, &parts, &mut Vec::new(), &mut found);
    found
        .into_iter()
        .take(MOST)
        .map(|(keys, shown)| (toml_row(text, &keys.join(".")), shown))
        .collect()
}

fn toml_values(
    value: &toml::Value,
    parts: &[&str],
    keys: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, String)>,
) {
    let Some((part, rest)) = parts.split_first() else {
        let shown = match value {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        found.push((keys.clone(), shown));
        return;
    };
    match value {
        toml::Value::Table(table) => {
            for (key, inner) in table.iter().filter(|(key, _)| *part == "*" || key == part) {
                keys.push(key.clone());
                toml_values(inner, rest, keys, found);
                keys.pop();
            }
        }
        toml::Value::Array(items) if *part == "*" => {
            for item in items {
                toml_values(item, rest, keys, found);
            }
        }
        _ => {}
    }
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

    fn find(format: ConfigFormat, text: &str, path: &str) -> Vec<(usize, String)> {
        Parsed::of(text).find(format, path)
    }

    #[test]
    fn a_json_key_is_found_in_its_own_object_with_its_line() {
        let json = |text, path| find(ConfigFormat::Json, text, path);
        let text =
            "{\n  // strict\n  \"a\": {\"strict\": 1},\n  \"b\": {\n    \"strict\": true\n  }\n}";
        assert_eq!(json(text, "b.strict"), [(4, "true".to_owned())]);
        assert_eq!(json(text, "c.strict"), []);
        assert_eq!(
            json(text, "*.strict"),
            [(2, "1".to_owned()), (4, "true".to_owned())]
        );
        assert_eq!(json("{", "a"), []);
        let list = "{\"jobs\": [\n{\"run\": \"a\"},\n{\"run\": \"b\"}]}";
        assert_eq!(
            json(list, "jobs.*.run"),
            [(1, "a".to_owned()), (2, "b".to_owned())]
        );
    }

    #[test]
    fn a_yaml_key_is_found_in_maps_and_lists() {
        let yaml = |text, path| find(ConfigFormat::Yaml, text, path);
        let text = "services:\n  db:\n    image: postgres\n    healthcheck:\n      test: ['CMD']\n  web: {image: x}\n";
        assert_eq!(
            yaml(text, "services.*.image"),
            [(2, "postgres".to_owned()), (5, "x".to_owned())]
        );
        assert_eq!(yaml(text, "services.db.healthcheck.test")[0].0, 4);
        let steps = "jobs:\n  build:\n    steps:\n      - uses: actions/cache@v4\n        with: {key: x}\n      - run: make\n";
        assert_eq!(
            yaml(steps, "jobs.*.steps.*.uses"),
            [(3, "actions/cache@v4".to_owned())]
        );
        assert_eq!(yaml("a: 1\n---\nb: 2\n", "b"), [(2, "2".to_owned())]);
        assert_eq!(yaml("a:\n", "a"), [(0, String::new())]);
    }

    #[test]
    fn a_toml_key_is_found_however_it_is_written() {
        let table = "[tool.x]\na = 1\n\n[tool.ruff]\nline-length = 100\n";
        assert_eq!(
            find(ConfigFormat::Toml, table, "tool.ruff.line-length"),
            [(4, "100".to_owned())]
        );
        assert_eq!(
            find(ConfigFormat::Toml, table, "tool.*.line-length"),
            [(4, "100".to_owned())]
        );
        let inline = "x = 1\ntool.ruff = { line-length = 80 }\n";
        assert_eq!(
            find(ConfigFormat::Toml, inline, "tool.ruff.line-length"),
            [(1, "80".to_owned())]
        );
        assert_eq!(find(ConfigFormat::Toml, "[tool\n", "tool.ruff"), []);
    }

    #[test]
    fn an_ini_key_belongs_to_its_section() {
        let text = "[pull]\n\trebase\n[push]\nrebase = no\n";
        assert_eq!(ini(text, "pull.rebase"), [(1, "true".to_owned())]);
        assert_eq!(ini(text, "push.rebase"), [(3, "no".to_owned())]);
        assert_eq!(ini(text, "*.rebase").len(), 2);
    }
}
