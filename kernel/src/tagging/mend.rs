//! Pieces of files, mended so that they parse.
//!
//! A hunk begins and ends where the change does, in the middle of functions
//! and calls. tree-sitter recovers from that, but takes several times as long
//! and guesses. Most of it needs no guess: a bracket that closes without
//! having been opened was opened before, one that stays open is closed
//! behind. What is put before stands in the first line, so that rows stay.
//!
//! Only brackets are counted, past strings and comments as far as they can be
//! told without a grammar: a wrong count costs a recovery, as before.

use super::language::Language;

/// Name of the class that is put around methods.
pub(super) const PIECE: &str = "__piece__";

/// What has to stand before and behind a piece.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mend {
    pub before: String,
    pub behind: String,
}

/// Most brackets that are put before or behind.
const MOST: usize = 24;

/// What a piece lacks; `None` if nothing, or too much to tell.
pub(super) fn mend(text: &str, language: Language) -> Option<Mend> {
    let (closed, open) = match language {
        Language::Bash | Language::Json | Language::Ruby | Language::Sql | Language::Yaml => {
            return None;
        }
        _ => brackets(text, language),
    };
    if closed.len() > MOST || open.len() > MOST {
        return None;
    }
    if let Some(mend) = documentation(text, language) {
        return Some(mend);
    }
    let mut mend = Mend::default();
    let has_methods = language.has_classes() && text.lines().any(is_method);
    let outermost = closed.iter().rposition(|bracket| *bracket == '}');
    for (n, bracket) in closed.iter().enumerate().rev() {
        match bracket {
            ')' => mend.before.push('('),
            ']' => mend.before.push('['),
            _ if has_methods && outermost == Some(n) => {
                mend.before.push_str(&format!("class {PIECE} {{ "));
            }
            _ if n == 0 => mend.before.push_str(block(text, language)),
            _ => mend.before.push_str("{ "),
        }
    }
    if has_methods && outermost.is_none() {
        mend.before.insert_str(0, &format!("class {PIECE} {{ "));
    }
    if language == Language::Python && text.trim_end().ends_with(':') {
        let last = text.trim_end().lines().next_back().unwrap_or_default();
        let indent = &last[..last.len() - last.trim_start().len()];
        mend.behind.push_str(&format!("{indent}    pass"));
    }
    mend.behind.extend(open.iter().rev());
    if has_methods && outermost.is_none() {
        mend.behind.push('}');
    }
    (mend != Mend::default()).then_some(mend)
}

/// Of a piece that begins inside of documentation, what opens it.
fn documentation(text: &str, language: Language) -> Option<Mend> {
    let first = text.lines().map(str::trim_start).find(|l| !l.is_empty())?;
    if language != Language::Python {
        let closes = text.find("*/")?;
        let opens = text.find("/*").is_some_and(|at| at < closes);
        let starred = first.starts_with('*') && !text[..closes].contains("/*");
        return (starred || !opens).then(|| Mend {
            before: "/* ".to_owned(),
            behind: String::new(),
        });
    }
    let quotes = "\"\"\"";
    if text.matches(quotes).count().is_multiple_of(2) {
        return None;
    }
    let at = text.find(quotes)?;
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let before = text[line..at].trim();
    let above = text[..line].trim_end();
    let word = before.trim_start_matches(['r', 'R', 'f', 'F', 'b', 'B', 'u', 'U']);
    let behind = text[at + 3..].lines().next().unwrap_or_default();
    let opens = if word.is_empty() {
        !behind.trim().is_empty() || above.is_empty() || above.ends_with([':', '(', '=', ',', '['])
    } else {
        word.ends_with(['=', '(', ',', '[', '{', ':', '+', '%']) || word.ends_with("return")
    };
    (!opens).then(|| Mend {
        before: quotes.to_owned(),
        behind: String::new(),
    })
}

/// What opened the innermost block, by what stands in it.
fn block(text: &str, language: Language) -> &'static str {
    let first = text
        .lines()
        .map(str::trim_start)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let cases = || {
        text.lines()
            .any(|line| line.trim_start().starts_with("case "))
    };
    match language {
        Language::Rust if first.contains("=>") => "match x { ",
        Language::Go if cases() && text.contains("<-") => "select { ",
        Language::Go if cases() => "switch x { ",
        Language::Rust | Language::Python => "{ ",
        _ if cases() => "switch (x) { ",
        _ => "{ ",
    }
}

/// Whether a line is the head of a method: it stands at the top of its piece,
/// has parameters and opens a block, and is no statement.
fn is_method(line: &str) -> bool {
    let statement = [
        "if",
        "for",
        "while",
        "switch",
        "catch",
        "function",
        "async function",
        "export",
        "return",
        "try",
        "else",
        "do",
        "with",
        "using",
        "lock",
        "foreach",
        "}",
        "describe",
        "it",
        "test",
        "const",
        "let",
        "var",
        "await",
        "new",
        ".",
        "class",
        "interface",
        "namespace",
        "elseif",
    ];
    let end = line.trim_end();
    let name: String = line
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '$' | '#'))
        .collect();
    let modifier = [
        "public ",
        "private ",
        "protected ",
        "static ",
        "internal ",
        "override ",
    ];
    line.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '#' | '$'))
        && end.ends_with('{')
        && (modifier.iter().any(|word| line.starts_with(word))
            || line.contains('(') && !line.contains("=>") && line[name.len()..].starts_with('('))
        && !statement.iter().any(|word| {
            line.strip_prefix(word)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
}

/// Brackets that close what was not opened, in order, and the closing halves
/// of those that stay open.
fn brackets(text: &str, language: Language) -> (Vec<char>, Vec<char>) {
    let bytes = text.as_bytes();
    let hash_comments = matches!(language, Language::Python | Language::Php);
    let slash_comments = language != Language::Python;
    let (mut closed, mut open) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'#' if hash_comments => at = end_of_line(bytes, at),
            b'/' if slash_comments && bytes.get(at + 1) == Some(&b'/') => {
                at = end_of_line(bytes, at);
            }
            b'/' if slash_comments && bytes.get(at + 1) == Some(&b'*') => {
                at = find(bytes, at + 2, b"*/").map_or(bytes.len(), |end| end + 1);
            }
            // A lifetime or a label is no character.
            b'\'' if language == Language::Rust => {
                let escaped = bytes.get(at + 1) == Some(&b'\\');
                let end = if escaped { 3 } else { 2 };
                if bytes.get(at + end) == Some(&b'\'') {
                    at += end;
                }
            }
            quote @ (b'"' | b'\'' | b'`') => at = end_of_string(bytes, at, quote, language),
            b'(' => open.push(')'),
            b'[' => open.push(']'),
            b'{' => open.push('}'),
            bracket @ (b')' | b']' | b'}') => {
                let bracket = char::from(bracket);
                match open.iter().rposition(|other| *other == bracket) {
                    Some(place) => open.truncate(place),
                    None => closed.push(bracket),
                }
            }
            _ => {}
        }
        at += 1;
    }
    (closed, open)
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, b"\n").unwrap_or(bytes.len())
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(what.len())
        .position(|window| window == what)
        .map(|at| from + at)
}

/// The place of the quote that ends a string, or of its line's end.
fn end_of_string(bytes: &[u8], at: usize, quote: u8, language: Language) -> usize {
    let triple = [quote; 3];
    let is_triple = bytes[at..].starts_with(&triple);
    if is_triple
        && matches!(
            language,
            Language::Python | Language::Java | Language::CSharp
        )
    {
        return find(bytes, at + 3, &triple).map_or(bytes.len(), |end| end + 2);
    }
    let goes_on = quote == b'`' || matches!(language, Language::Rust | Language::Php);
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' if !(quote == b'`' && language == Language::Go) => end += 1,
            b'\n' if !goes_on => return end,
            byte if byte == quote => return end,
            _ => {}
        }
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str, language: Language) -> (String, String) {
        let mend = mend(text, language).unwrap_or_default();
        (mend.before, mend.behind)
    }

    #[test]
    fn brackets_are_opened_before_and_closed_behind() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(mended("a();\n}\n", Language::Go), pair("{ ", ""));
        assert_eq!(
            mended("if (x) {\n  f([\n", Language::JavaScript),
            pair("", "])}")
        );
        assert_eq!(
            mended("a: 1,\n});\n", Language::JavaScript),
            pair("({ ", "")
        );
        assert_eq!(
            mended("Some(x) => 1,\n}\n", Language::Rust),
            pair("match x { ", "")
        );
        assert_eq!(
            mended("case x := <-c:\n}\n", Language::Go),
            pair("select { ", "")
        );
        assert_eq!(mended("if x:\n", Language::Python), pair("", "    pass"));
        assert_eq!(mended("f(a)\n", Language::Python), pair("", ""));
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        for (text, language) in [
            ("x = '}'  # )\n", Language::Python),
            ("let x: &'a str = \"{\"; // }\n", Language::Rust),
            ("let c = '{'; let d = '\\'';\n", Language::Rust),
            ("const s = `a\n{`; /* ( */\n", Language::TypeScript),
            ("s = \"\"\"\n}\n\"\"\"\n", Language::Python),
            ("s := `\\`\n", Language::Go),
        ] {
            assert_eq!(mend(text, language), None, "{text}");
        }
    }

    #[test]
    fn methods_get_a_class_around_them() {
        let method = "async load(ids) {\n  return 1;\n}\n";
        let (before, behind) = mended(method, Language::TypeScript);
        assert_eq!(
            (before.as_str(), behind.as_str()),
            ("class __piece__ { ", "}")
        );
        let end = "public void f() {\n}\n}\n";
        assert_eq!(mended(end, Language::Java).0, "class __piece__ { ");
        assert_eq!(
            mended("if (x) {\n}\n", Language::JavaScript),
            Default::default()
        );
        assert_eq!(
            mended("function f() {\n}\n", Language::JavaScript),
            Default::default()
        );
    }
}
