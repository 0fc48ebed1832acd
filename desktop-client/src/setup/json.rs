//! JSON as text that a person wrote: where its parts stand, and how to put one in or take one out
//! without touching a byte beside it.
//!
//! Only for text that `serde_json` accepted before; that also bounds the depth.

use serde_json::Value;
use std::ops::Range;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// From its first byte to behind its last.
    pub span: Range<usize>,
    /// What is in it.
    pub inner: Inner,
}

/// What is in a value.
#[derive(Debug, Clone)]
pub enum Inner {
    /// Members, in order: key, where the key begins, value.
    Object(Vec<(String, usize, Node)>),
    /// Items, in order.
    Array(Vec<Node>),
    /// A string, number, or word.
    Plain,
}

impl Node {
    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.inner {
            Inner::Object(members) => members
                .iter()
                .find(|(key, _, _)| key == name)
                .map(|(_, _, node)| node),
            _ => None,
        }
    }

    /// The items of an array; none for anything else.
    pub fn items(&self) -> &[Self] {
        match &self.inner {
            Inner::Array(items) => items,
            _ => &[],
        }
    }

    /// From where to where each child stands, with its key.
    fn children(&self) -> Vec<Range<usize>> {
        match &self.inner {
            Inner::Object(members) => members
                .iter()
                .map(|(_, start, node)| *start..node.span.end)
                .collect(),
            Inner::Array(items) => items.iter().map(|item| item.span.clone()).collect(),
            Inner::Plain => Vec::new(),
        }
    }
}

/// Finds the parts; `None` if the text is no JSON.
pub fn parse(text: &str) -> Option<Node> {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
    };
    let node = reader.value()?;
    reader.space();
    (reader.at == text.len()).then_some(node)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.text.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_slice(self.text.get(start..self.at)?).ok()
    }

    fn value(&mut self) -> Option<Node> {
        self.space();
        let start = self.at;
        let inner = match self.text.get(self.at)? {
            b'{' => {
                self.at += 1;
                let mut members = Vec::new();
                loop {
                    self.space();
                    match self.text.get(self.at)? {
                        b'}' => break,
                        b',' => self.at += 1,
                        _ => {
                            let key_at = self.at;
                            let key = self.string()?;
                            self.space();
                            self.at += 1;
                            members.push((key, key_at, self.value()?));
                        }
                    }
                }
                self.at += 1;
                Inner::Object(members)
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.space();
                    match self.text.get(self.at)? {
                        b']' => break,
                        b',' => self.at += 1,
                        _ => items.push(self.value()?),
                    }
                }
                self.at += 1;
                Inner::Array(items)
            }
            b'"' => {
                self.string()?;
                Inner::Plain
            }
            _ => {
                let end = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                while self.text.get(self.at).is_some_and(|b| !end(b)) {
                    self.at += 1;
                }
                Inner::Plain
            }
        };
        (self.at > start).then_some(Node {
            span: start..self.at,
            inner,
        })
    }
}

/// How the person lays out the file.
#[derive(Debug, Clone)]
pub struct Style {
    unit: String,
    line_end: &'static str,
}

impl Style {
    /// Reads it off the text; two spaces where there is nothing to read.
    pub fn of(text: &str, root: &Node) -> Self {
        let first = root
            .children()
            .first()
            .map(|child| indent_at(text, child.start));
        let unit = first
            .filter(|unit| !unit.is_empty())
            .unwrap_or("  ")
            .to_owned();
        Self {
            unit,
            line_end: if text.contains("\r\n") { "\r\n" } else { "\n" },
        }
    }

    fn written(&self, value: &Value, indent: &str) -> String {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(self.unit.as_bytes());
        let mut writer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        // Writing a `Value` to memory cannot fail.
        let _ = serde::Serialize::serialize(value, &mut writer);
        String::from_utf8_lossy(&bytes).replace('\n', &format!("{}{indent}", self.line_end))
    }
}

/// The white space at the beginning of the line in which `at` stands, if nothing else precedes `at`
/// there or if `at` opens something in it.
fn indent_at(text: &str, at: usize) -> &str {
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let rest = &text[line..];
    &rest[..rest.len() - rest.trim_start_matches([' ', '\t']).len()]
}

/// The text with one more child at the end of `container`; `key` for an object's member.
pub fn append(
    text: &str,
    container: &Node,
    key: Option<&str>,
    value: &Value,
    style: &Style,
) -> String {
    let outer = indent_at(text, container.span.start);
    let children = container.children();
    let own_line = |child: &Range<usize>| {
        let line = text[..child.start].rfind('\n').map(|newline| newline + 1);
        line.is_some_and(|line| text[line..child.start].trim().is_empty())
    };
    let indent = match children.last() {
        Some(last) if own_line(last) => indent_at(text, last.start).to_owned(),
        _ => format!("{outer}{}", style.unit),
    };
    let key = key
        .map(|key| format!("{}: ", Value::from(key)))
        .unwrap_or_default();
    let child = format!(
        "{}{indent}{key}{}",
        style.line_end,
        style.written(value, &indent)
    );
    match children.last() {
        Some(last) => format!("{},{child}{}", &text[..last.end], &text[last.end..]),
        None => {
            let (open, close) = (container.span.start + 1, container.span.end - 1);
            format!(
                "{}{child}{}{outer}{}",
                &text[..open],
                style.line_end,
                &text[close..]
            )
        }
    }
}

/// The text with another value where `node` stands.
pub fn replace(text: &str, node: &Node, value: &Value, style: &Style) -> String {
    let indent = indent_at(text, node.span.start);
    format!(
        "{}{}{}",
        &text[..node.span.start],
        style.written(value, indent),
        &text[node.span.end..]
    )
}

/// The text without the `nth` child of `container`.
pub fn remove(text: &str, container: &Node, nth: usize) -> String {
    let children = container.children();
    let Some(child) = children.get(nth) else {
        return text.to_owned();
    };
    let gap = match (
        nth.checked_sub(1).and_then(|n| children.get(n)),
        children.get(nth + 1),
    ) {
        (Some(before), _) => before.end..child.end,
        (None, Some(after)) => child.start..after.start,
        (None, None) => container.span.start + 1..container.span.end - 1,
    };
    format!("{}{}", &text[..gap.start], &text[gap.end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_put_in_and_taken_out_leaves_every_other_byte() {
        for text in [
            "{\n  \"a\": 1,\n  \"b\": [ 1,2 ]\n}\n",
            "{\n\t\"b\":\t{ }\r\n}",
            "{\"a\":{\"x\":\"}\\\"\"}}",
            "{\n    \"z\": null ,\n    \"a\" : \"\\u00e9\"\n  }",
        ] {
            let root = parse(text).unwrap();
            let style = Style::of(text, &root);
            let with = append(
                text,
                &root,
                Some("new"),
                &json!({"k": [1, {"n": 2}]}),
                &style,
            );
            let value: Value = serde_json::from_str(&with).unwrap();
            assert_eq!(value["new"], json!({"k": [1, {"n": 2}]}));
            let root = parse(&with).unwrap();
            assert_eq!(remove(&with, &root, root.children().len() - 1), text);
        }
    }

    #[test]
    fn indentation_is_the_persons_own() {
        let text = "{\n\t\"a\": 1\n}\n";
        let root = parse(text).unwrap();
        let with = append(
            text,
            &root,
            Some("b"),
            &json!([{"c": 1}]),
            &Style::of(text, &root),
        );
        assert_eq!(
            with,
            "{\n\t\"a\": 1,\n\t\"b\": [\n\t\t{\n\t\t\t\"c\": 1\n\t\t}\n\t]\n}\n"
        );
    }

    #[test]
    fn the_first_of_several_can_go() {
        let text = "[1, [2], 3]";
        let root = parse(text).unwrap();
        assert_eq!(remove(text, &root, 0), "[[2], 3]");
        assert_eq!(remove(text, &root, 1), "[1, 3]");
        assert_eq!(remove(text, &root, 2), "[1, [2]]");
    }
}
