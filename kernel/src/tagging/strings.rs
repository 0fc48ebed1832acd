//! String expressions: literals, and what is put together of them.
//!
//! A statement in SQL is often written in pieces: `"SELECT …" + table + "…"`,
//! two literals side by side, a template with places in it. Joined, with
//! blanks for what is filled in, it reads as one.

use super::language::Language;
use super::syntax::At;

/// The text of a string expression; each piece knows its row.
pub(super) struct Joined {
    pub text: String,
    /// Offset in the text and row (from 0) from which on it holds.
    starts: Vec<(usize, usize)>,
}

impl Joined {
    /// The row in the file of an offset of the text.
    pub fn row(&self, at: usize) -> usize {
        let piece = self.starts.partition_point(|(start, _)| *start <= at);
        let Some((start, row)) = piece.checked_sub(1).and_then(|i| self.starts.get(i)) else {
            return 0;
        };
        row + self.text[*start..at].matches('\n').count()
    }
}

/// Kinds of a language that make strings.
pub(super) struct Kinds {
    /// A literal.
    pub literals: &'static [&'static str],
    /// Literals side by side, or joined by an operator.
    pub joins: &'static [&'static str],
    /// What is filled in inside a literal.
    pub places: &'static [&'static str],
}

impl Kinds {
    pub fn of(language: Language) -> Self {
        let (literals, joins, places): (&[_], &[_], &[_]) = match language {
            Language::Bash => (
                &["string", "raw_string", "heredoc_body"],
                &["concatenation"],
                &["expansion", "simple_expansion", "command_substitution"],
            ),
            Language::CSharp => (
                &[
                    "string_literal",
                    "verbatim_string_literal",
                    "raw_string_literal",
                    "interpolated_string_expression",
                ],
                &["binary_expression"],
                &["interpolation"],
            ),
            Language::Java => (&["string_literal"], &["binary_expression"], &[]),
            Language::Php => (
                &["string", "encapsed_string", "heredoc_body", "nowdoc_body"],
                &["binary_expression"],
                &[
                    "variable_name",
                    "dynamic_variable_name",
                    "member_access_expression",
                    "subscript_expression",
                ],
            ),
            Language::Ruby => (
                &["string", "heredoc_body"],
                &["chained_string", "binary"],
                &["interpolation"],
            ),
            Language::Go => (
                &["interpreted_string_literal", "raw_string_literal"],
                &["binary_expression"],
                &[],
            ),
            Language::JavaScript | Language::Tsx | Language::TypeScript => (
                &["string", "template_string"],
                &["binary_expression"],
                &["template_substitution"],
            ),
            Language::Python => (
                &["string"],
                &["concatenated_string", "binary_operator"],
                &["interpolation"],
            ),
            Language::Rust => (
                &["string_literal", "raw_string_literal"],
                &["binary_expression"],
                &[],
            ),
            Language::Json | Language::Sql | Language::Yaml => (&[], &[], &[]),
        };
        Self {
            literals,
            joins,
            places,
        }
    }
}

/// Numbers of those kinds in a grammar.
#[derive(Default)]
pub(super) struct Numbers {
    pub literals: Vec<u16>,
    pub joins: Vec<u16>,
    pub places: Vec<u16>,
}

/// Deepest chain of `+` that is joined: beyond, the pieces stay pieces.
const DEEPEST: usize = 64;

impl Numbers {
    fn is_join(&self, node: At<'_>) -> bool {
        self.joins.contains(&node.kind_number())
    }

    /// The whole string that begins with this node; `None` if it is a part of
    /// another, or holds no literal.
    pub fn whole(&self, node: At<'_>) -> Option<Joined> {
        let is_part = node
            .parent_node()
            .is_some_and(|parent| self.is_join(parent));
        if is_part || !self.is_plus(node) {
            return None;
        }
        let mut joined = Joined {
            text: String::new(),
            starts: Vec::new(),
        };
        let mut literals = 0;
        self.add(node, 0, &mut joined, &mut literals);
        (literals > 0).then_some(joined)
    }

    /// A literal, literals side by side, or a `+` (PHP: `.`); `%` joins nothing.
    fn is_plus(&self, node: At<'_>) -> bool {
        if !self.is_join(node) {
            return self.literals.contains(&node.kind_number());
        }
        let operator = node.field_node("operator");
        operator.is_none_or(|operator| matches!(operator.source(), "+" | "."))
    }

    fn add(&self, node: At<'_>, depth: usize, joined: &mut Joined, literals: &mut usize) {
        if self.literals.contains(&node.kind_number()) {
            *literals += 1;
            self.add_literal(node, joined);
        } else if self.is_join(node) && self.is_plus(node) && depth < DEEPEST {
            for child in node.child_nodes() {
                self.add(child, depth + 1, joined, literals);
            }
        } else if !matches!(node.source(), "+" | "." | "\\" | "\\\n") {
            joined.text.push_str(" ? ");
        }
    }

    fn add_literal(&self, node: At<'_>, joined: &mut Joined) {
        let (first, _) = node.rows();
        let range = node.bytes();
        let mut text = node.source().to_owned();
        // Blanks of the same length in the place of what is filled in.
        for place in node.child_nodes() {
            if self.places.contains(&place.kind_number()) {
                let inner = place.bytes();
                let inner = inner.start - range.start..inner.end - range.start;
                let blank: String = text
                    .get(inner.clone())
                    .unwrap_or_default()
                    .bytes()
                    .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
                    .collect();
                if inner.end <= text.len() {
                    text.replace_range(inner, &blank);
                }
            }
        }
        let (start, end) = delimiters(&text);
        joined.starts.push((joined.text.len(), first));
        let inner = text.get(start..end).unwrap_or_default();
        joined
            .text
            .push_str(&inner.replace("\\n", "  ").replace("\\t", "  "));
    }
}

/// Where the text of a literal begins and ends, without prefix and quotes.
pub(super) fn delimiters(text: &str) -> (usize, usize) {
    let prefix = text
        .find(|c: char| !c.is_ascii_alphabetic() && !matches!(c, '$' | '@'))
        .filter(|at| *at <= 3)
        .filter(|at| text[*at..].starts_with(['"', '\'', '`', '#']));
    let Some(prefix) = prefix else {
        return (0, text.len());
    };
    let rest = &text[prefix..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let rest = &rest[hashes..];
    let quote = ["\"\"\"", "'''", "\"", "'", "`"]
        .into_iter()
        .find(|quote| rest.starts_with(quote))
        .map_or(0, str::len);
    let start = prefix + hashes + quote;
    let end = text.len().saturating_sub(hashes + quote);
    if start <= end && text.is_char_boundary(end) {
        (start, end)
    } else {
        (start.min(text.len()), text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_and_quotes_are_no_text() {
        for (literal, inner) in [
            ("\"a\"", "a"),
            ("'a'", "a"),
            ("rb'''a\nb'''", "a\nb"),
            ("f\"a{x}\"", "a{x}"),
            ("r##\"a\"b\"##", "a\"b"),
            ("`a`", "a"),
            ("\"\"", ""),
            ("\"", ""),
            ("plain", "plain"),
            ("for", "for"),
            ("$@\"a{x}\"", "a{x}"),
            ("@x", "@x"),
        ] {
            let (start, end) = delimiters(literal);
            assert_eq!(&literal[start..end], inner, "{literal}");
        }
    }
}
