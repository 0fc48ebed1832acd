//! A change of one file, as far as it can be seen.
//!
//! Either the whole file as it is now, or pieces of it: each piece is parsed
//! by itself, so that the end of one never meets the beginning of the next.

use super::language::Language;

/// A text in which some or all lines were added. Lives in memory alone.
#[derive(Clone)]
pub struct SourceChange {
    pub(super) file_name: String,
    pub(super) segments: Vec<Segment>,
    /// Whether the segments are the whole file.
    pub(super) whole: bool,
}

/// A piece of a file after a change, without gaps.
#[derive(Clone)]
pub(super) struct Segment {
    pub text: String,
    /// Number (from 1) of its first line in the file, where it is known.
    pub first_row: Option<u32>,
    /// Rows (from 0, within the segment) that were added, sorted; `None`: all.
    pub added: Option<Vec<usize>>,
    /// What encloses the piece, where somebody told.
    pub within: Option<String>,
}

/// A piece of a file that a diff shows: its lines after the change.
#[derive(Clone)]
pub struct Hunk {
    first_row: u32,
    text: String,
    lines: u32,
    /// Rows (from 0) that were added.
    added: Vec<u32>,
    within: Option<String>,
}

impl Hunk {
    /// A piece that begins at this line (from 1; 0: not known) of the file after
    /// the change, inside of what the diff names.
    #[must_use]
    pub fn new(first_row: u32, within: Option<String>) -> Self {
        Self {
            first_row,
            text: String::new(),
            lines: 0,
            added: Vec::new(),
            within,
        }
    }

    /// Appends a line, given without its line end.
    pub fn push(&mut self, added: bool, line: &str) {
        if added {
            self.added.push(self.lines);
        }
        self.lines = self.lines.saturating_add(1);
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(crate) fn adds(&self) -> bool {
        !self.added.is_empty()
    }

    pub(crate) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }
}

/// Shows sizes alone.
impl std::fmt::Debug for Hunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hunk")
            .field("first_row", &self.first_row)
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

impl SourceChange {
    /// A file that did not exist before: every line was added.
    pub fn new_file(file_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(file_name.into(), text.into(), Some(1), None, true)
    }

    /// Added lines without the rest of their file; indentation that all of
    /// them share is ignored.
    pub fn fragment(file_name: impl Into<String>, added: &str) -> Self {
        Self::of(file_name.into(), dedent(added), None, None, false)
    }

    /// A file as it is after the change, and the numbers (from 1) of the lines
    /// that the change added. Numbers beyond the text are ignored.
    pub fn in_file(
        file_name: impl Into<String>,
        whole: impl Into<String>,
        added_lines: &[u32],
    ) -> Self {
        let text = whole.into();
        let end = text.lines().count();
        let mut rows: Vec<usize> = added_lines
            .iter()
            .filter_map(|n| (*n as usize).checked_sub(1))
            .filter(|row| *row < end)
            .collect();
        rows.sort_unstable();
        rows.dedup();
        Self::of(file_name.into(), text, Some(1), Some(rows), true)
    }

    /// What a diff shows of a file, in the order of its hunks.
    pub fn hunks(file_name: impl Into<String>, hunks: Vec<Hunk>) -> Self {
        let segments = hunks
            .into_iter()
            .map(|hunk| Segment {
                text: dedent(&hunk.text),
                first_row: Some(hunk.first_row).filter(|row| *row > 0),
                added: Some(hunk.added.iter().map(|row| *row as usize).collect()),
                within: hunk.within,
            })
            .collect();
        Self {
            file_name: file_name.into(),
            segments,
            whole: false,
        }
    }

    fn of(
        file_name: String,
        text: String,
        first_row: Option<u32>,
        added: Option<Vec<usize>>,
        whole: bool,
    ) -> Self {
        let segment = Segment {
            text,
            first_row,
            added,
            within: None,
        };
        Self {
            file_name,
            segments: vec![segment],
            whole,
        }
    }

    /// The file's name or path, as it was given.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The last part of the file's name.
    #[must_use]
    pub fn short_name(&self) -> &str {
        let name = self.file_name.trim_end_matches(['/', '\\']);
        name.rsplit(['/', '\\']).next().unwrap_or(name)
    }

    /// The added lines, in the order that [`super::Mention::line`] counts.
    pub fn added_lines(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(Segment::added_lines)
    }

    /// The `n`-th added line, counted from 1 as [`super::Mention::line`] is.
    /// Of many lines, take [`SourceChange::added_lines`].
    pub fn added_line(&self, n: u32) -> Option<&str> {
        self.added_lines().nth((n as usize).checked_sub(1)?)
    }

    pub(super) fn language(&self) -> Option<Language> {
        let top = self.segments.first().filter(|s| s.first_row == Some(1));
        let line = top.and_then(|s| s.text.lines().next()).unwrap_or_default();
        Language::of_file(&self.file_name, line).or_else(|| {
            let out_of_sight = top.is_none();
            let text = || self.segments.iter().map(|s| s.text.as_str());
            (out_of_sight && Language::is_script(&self.file_name, text())).then_some(Language::Bash)
        })
    }
}

impl Segment {
    pub fn added_lines(&self) -> impl Iterator<Item = &str> {
        let mut rows = self.added.as_deref().map(|rows| rows.iter().peekable());
        self.text
            .lines()
            .enumerate()
            .filter_map(move |(row, line)| match &mut rows {
                None => Some(line),
                Some(rows) => rows.next_if(|next| **next == row).map(|_| line),
            })
    }

    /// How many lines were added.
    pub fn added_count(&self) -> usize {
        self.added
            .as_ref()
            .map_or_else(|| self.text.lines().count(), Vec::len)
    }

    /// The text without its added lines: what stood there before, as far as
    /// it matters. What a change took away is not put back: an argument that
    /// it replaced makes the call around it a new one.
    pub fn before(&self) -> String {
        let rows = self.added.as_deref().unwrap_or_default();
        let mut out = String::with_capacity(self.text.len());
        let kept = |row: &usize| rows.binary_search(row).is_err();
        for (_, line) in self.text.lines().enumerate().filter(|(row, _)| kept(row)) {
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

/// Shows sizes alone: the text and the file's name may not end up in a log.
impl std::fmt::Debug for SourceChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: usize = self.segments.iter().map(|s| s.text.len()).sum();
        let added: usize = self.segments.iter().map(Segment::added_count).sum();
        f.debug_struct("SourceChange")
            .field("segments", &self.segments.len())
            .field("bytes", &bytes)
            .field("added_lines", &added)
            .finish_non_exhaustive()
    }
}

/// Takes away the indentation that lines share with those after them, so that
/// a piece cut out of a block reads as if it stood at the top. Where the piece
/// leaves a block, what follows stands at the top again:
///
/// ```text
///         a()              a()
///         b()        →     b()
///     def c():             def c():
///         d()                  d()
/// ```
fn dedent(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let counts = |line: &&str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    };
    let Some(first) = text.lines().find(counts).map(indent) else {
        return text.to_owned();
    };
    // A piece may begin in the middle of its first line.
    let rest = text.lines().filter(counts).skip(1).map(indent).min();
    let opens = text.lines().find(counts).is_some_and(|line| {
        line.trim_end()
            .ends_with([':', '{', '(', '[', ',', '\\', '"', '\'', '`'])
    });
    let begins_inside = first == 0 && !opens && rest.is_some_and(|rest| rest > 0);
    let mut base = if begins_inside {
        rest.unwrap_or(0)
    } else {
        first
    };
    if base == 0 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut is_first = true;
    for line in text.lines() {
        let own = indent(line);
        if counts(&line) {
            if !(is_first && begins_inside) {
                base = base.min(own);
            }
            is_first = false;
        }
        out.push_str(&line[base.min(own)..]);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_leaves_its_block_stands_at_the_top_again() {
        let piece = "        a()\n\n        b()\n    def c():\n        d()\n";
        assert_eq!(dedent(piece), "a()\n\nb()\ndef c():\n    d()\n");
    }

    #[test]
    fn a_piece_that_begins_inside_a_line_keeps_its_lines_together() {
        assert_eq!(dedent("a()\n        b()\n"), "a()\nb()\n");
        assert_eq!(dedent("def f():\n    b()\n"), "def f():\n    b()\n");
        assert_eq!(dedent("if x {\n\tb();\n}\n"), "if x {\n\tb();\n}\n");
    }

    #[test]
    fn a_comment_at_the_margin_does_not_end_a_block() {
        assert_eq!(dedent("    a()\n# why\n    b()\n"), "a()\n# why\nb()\n");
    }

    #[test]
    fn added_lines_are_counted_over_all_pieces() {
        let hunk = |first_row, lines: &[(bool, &str)]| {
            let mut hunk = Hunk::new(first_row, None);
            lines
                .iter()
                .for_each(|(added, line)| hunk.push(*added, line));
            hunk
        };
        let change = SourceChange::hunks(
            "a/b.py",
            vec![
                hunk(3, &[(false, "  x"), (true, "  y")]),
                hunk(90, &[(true, "z"), (false, "w"), (true, "v")]),
            ],
        );
        assert_eq!(change.added_lines().collect::<Vec<_>>(), ["y", "z", "v"]);
        assert_eq!(change.added_line(3), Some("v"));
        assert_eq!((change.added_line(0), change.added_line(4)), (None, None));
        assert_eq!(change.short_name(), "b.py");
    }
}
