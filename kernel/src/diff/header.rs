//! The lines of a diff that are not content: names, ranges, marks.

use super::MAX_PATH;

/// What the headers of one file say.
#[derive(Default)]
pub(super) struct Header {
    /// From `diff --git`, `diff --cc` or `diff -r`: used if nothing clearer comes.
    line: Vec<u8>,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
    renamed_from: Option<Vec<u8>>,
    renamed_to: Option<Vec<u8>>,
    /// Whether `---` and `+++` were read.
    pub has_names: bool,
    /// A merge against several parents.
    pub is_merge: bool,
    /// `diff -ru old new`: the line names no path by itself.
    pub is_plain: bool,
    /// Whether Git or hg wrote it: names begin with `a/` and `b/`.
    is_git: bool,
}

/// Whether a line begins a file's part of a diff.
pub(super) fn begins_file(line: &[u8]) -> bool {
    line.starts_with(b"diff --git ")
        || line.starts_with(b"diff --cc ")
        || line.starts_with(b"diff --combined ")
        || line.starts_with(b"diff -r ")
        || line.starts_with(b"+++ ")
}

/// The header that a line begins.
pub(super) fn begin(text: &[u8]) -> Option<Header> {
    let header = |rest: &[u8]| Header {
        line: rest.to_vec(),
        ..Header::default()
    };
    if let Some(rest) = text.strip_prefix(b"diff --git ") {
        return Some(Header {
            is_git: true,
            ..header(rest)
        });
    }
    let merge = text
        .strip_prefix(b"diff --cc ")
        .or_else(|| text.strip_prefix(b"diff --combined "));
    if let Some(rest) = merge {
        let path = unquoted(rest);
        return Some(Header {
            is_merge: true,
            new: Some(path),
            ..header(b"")
        });
    }
    // hg: `diff -r 0123456789ab -r 0123456789ab path`.
    let rest = text.strip_prefix(b"diff -r ")?;
    let revision = |word: &[u8]| word.len() >= 12 && word.iter().all(u8::is_ascii_hexdigit);
    let mut rest = rest;
    loop {
        let end = rest.iter().position(|b| *b == b' ')?;
        if !revision(&rest[..end]) {
            // `diff -r old new` of a shell: two folders or files.
            return Some(Header {
                is_plain: true,
                ..header(b"")
            });
        }
        rest = &rest[end + 1..];
        match rest.strip_prefix(b"-r ") {
            Some(more) => rest = more,
            None => break,
        }
    }
    Some(Header {
        new: Some(rest.to_vec()),
        ..header(b"")
    })
}

/// The old and the new name.
pub(super) type Names<'a> = (&'a [u8], &'a [u8]);

/// `Binary files a/x and b/x differ`, `GIT binary patch`; with the names
/// where they stand.
pub(super) fn binary(text: &[u8]) -> Option<Option<Names<'_>>> {
    if text == b"GIT binary patch" {
        return Some(None);
    }
    let rest = text
        .strip_prefix(b"Binary files ")
        .or_else(|| text.strip_prefix(b"Binary file "))
        .or_else(|| text.strip_prefix(b"Files "))?;
    if text.starts_with(b"Binary file ") {
        // hg: `Binary file x has changed`.
        let name = rest.strip_suffix(b" has changed")?;
        return Some(Some((name, name)));
    }
    let rest = rest.strip_suffix(b" differ")?;
    let at = rest.windows(5).position(|w| w == b" and ")?;
    Some(Some((&rest[..at], &rest[at + 5..])))
}

impl Header {
    /// Takes one of Git's extended lines; others are ignored.
    pub fn extend(&mut self, text: &[u8]) {
        let from = text
            .strip_prefix(b"rename from ")
            .or_else(|| text.strip_prefix(b"copy from "));
        let to = text
            .strip_prefix(b"rename to ")
            .or_else(|| text.strip_prefix(b"copy to "));
        if let Some(path) = from {
            self.renamed_from = Some(unquoted(path));
        } else if let Some(path) = to {
            self.renamed_to = Some(unquoted(path));
        }
    }

    /// Takes `--- old` and `+++ new`.
    pub fn name(&mut self, old: &[u8], new: &[u8]) {
        self.has_names = true;
        self.old = Some(unquoted(dateless(old)));
        self.new = Some(unquoted(dateless(new)));
    }

    /// Whether the file did not exist before.
    pub fn is_new(&self) -> bool {
        self.old.as_deref() == Some(b"/dev/null")
    }

    /// The path after the change, and the one before if it differs.
    pub fn paths(&self) -> Option<(String, Option<String>)> {
        let is_none = |path: &Vec<u8>| path == b"/dev/null";
        if let (Some(from), Some(to)) = (&self.renamed_from, &self.renamed_to) {
            return Some((shown(to), Some(shown(from))));
        }
        let line = || halves(&self.line);
        let path = match (&self.new, &self.old) {
            (Some(new), _) if !is_none(new) => Some(self.bare(new)),
            (_, Some(old)) if !is_none(old) => Some(self.bare(old)),
            _ => line().map(|(_, new)| without_prefix(&new).to_vec()),
        };
        Some((shown(&path?), None))
    }

    /// Without Git's `a/` and `b/`, if both sides have them.
    fn bare(&self, path: &[u8]) -> Vec<u8> {
        let prefixed = |path: &Option<Vec<u8>>| {
            path.as_ref().is_some_and(|path| {
                path == b"/dev/null" || path.starts_with(b"a/") || path.starts_with(b"b/")
            })
        };
        let both = prefixed(&self.old) && prefixed(&self.new);
        let mnemonic = self.is_git && path.get(1) == Some(&b'/');
        if both || mnemonic {
            without_prefix(path).to_vec()
        } else {
            path.to_vec()
        }
    }
}

/// Git's prefixes: `a/` and `b/`, or with `diff.mnemonicPrefix` `i/ w/ c/ o/`.
fn without_prefix(path: &[u8]) -> &[u8] {
    match path {
        [b'a' | b'b' | b'i' | b'w' | b'c' | b'o', b'/', rest @ ..] => rest,
        other => other,
    }
}

/// The two names of `diff --git a/x b/x`; without quotes they may hold
/// blanks, and then both halves are the same but for the prefix.
fn halves(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if line.starts_with(b"\"") {
        let end = closing(line)?;
        let rest = line.get(end + 1..)?.strip_prefix(b" ")?;
        return Some((unquoted(&line[..=end]), unquoted(rest)));
    }
    let same = line.len().checked_sub(1).map(|len| len / 2)?;
    if line.len() % 2 == 1
        && line[same] == b' '
        && without_prefix(&line[..same]) == without_prefix(&line[same + 1..])
    {
        return Some((line[..same].to_vec(), line[same + 1..].to_vec()));
    }
    let at = line.iter().position(|b| *b == b' ')?;
    Some((line[..at].to_vec(), unquoted(&line[at + 1..])))
}

/// The position of the quote that ends the quoted name at the beginning.
fn closing(line: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < line.len() {
        match line[at] {
            b'\\' => at += 2,
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// A name without the time behind it, which `diff` and hg set off by a tab.
fn dateless(name: &[u8]) -> &[u8] {
    if name.starts_with(b"\"") {
        return name;
    }
    let end = name.iter().position(|b| *b == b'\t');
    &name[..end.unwrap_or(name.len())]
}

/// A name as Git quotes it: C's escapes, bytes in octal.
fn unquoted(name: &[u8]) -> Vec<u8> {
    let Some(inner) = name
        .strip_prefix(b"\"")
        .filter(|_| closing(name).is_some())
        .map(|inner| &inner[..closing(name).unwrap_or(1) - 1])
    else {
        return name.to_vec();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = bytes.next_if(|b| (b'0'..=b'7').contains(b)) else {
                        break;
                    };
                    value = value * 8 + u32::from(digit - b'0');
                }
                out.push(u8::try_from(value & 0xff).unwrap_or_default());
            }
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'v') => out.push(11),
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// A path for people and for rules: what is not UTF-8 is replaced, control
/// characters and marks that turn the direction of writing, too.
fn shown(path: &[u8]) -> String {
    let path = &path[..path.len().min(MAX_PATH)];
    let plain = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            '\u{fffd}'
        } else {
            c
        }
    };
    String::from_utf8_lossy(path).chars().map(plain).collect()
}

/// A line without its line end.
pub(super) fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What stands behind `@@`.
pub(super) struct Range {
    /// Lines of the old side.
    pub old: u64,
    /// Lines of the new side.
    pub new: u64,
    /// First line of the new side.
    pub first_row: u32,
    /// The function that `diff -p` and Git name.
    pub within: Option<String>,
}

impl Range {
    /// Reads ` -1,2 +3,4 @@ name`.
    pub fn read(rest: &[u8]) -> Option<Self> {
        let rest = rest.get(..rest.len().min(512))?;
        // A name that is no UTF-8, or cut within a character, ends before it.
        let rest = rest.utf8_chunks().next()?.valid();
        let rest = rest.strip_prefix(" -")?;
        let (old, rest) = rest.split_once(" +")?;
        let (new, name) = rest.split_once(" @@")?;
        let (_, old) = pair(old)?;
        let (first, new) = pair(new)?;
        let name = name.trim();
        Some(Self {
            old,
            new,
            first_row: u32::try_from(first).unwrap_or(u32::MAX),
            within: (!name.is_empty()).then(|| name.to_owned()),
        })
    }
}

fn pair(text: &str) -> Option<(u64, u64)> {
    match text.split_once(',') {
        Some((first, count)) => Some((first.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}
