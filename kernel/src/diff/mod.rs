//! Unified diffs: what `git diff`, `git show`, `git format-patch`, `hg diff`
//! and `diff -ru` print, read into changes that the tagger takes.
//!
//! Read leniently, as people hand it in: with commit messages around it, with
//! counts that are wrong, cut at its end, in several encodings. What cannot
//! be read of one file never loses the others.
//!
//! Written here and not taken: `diffy` (0.5) reads Git's headers and bytes,
//! but by one of two formats chosen beforehand, refuses a file for a wrong
//! count, and does not see merges (`@@@`); `unidiff` and `patch` take UTF-8
//! text of one format; none of them is bounded.
//!
//! Invariant: any bytes give an answer, in time and memory that grow with
//! the input up to [`MAX_BYTES`] and no further; each file that a header
//! names is a [`FileDiff`], tagged or skipped with its reason, or is counted.

mod header;
#[cfg(test)]
mod tests;

use crate::event::MAX_FILES;
use crate::tagging::{Hunk, MAX_LINES, Skipped, SourceChange};
use header::{Header, Range};

/// Largest diff, in bytes, that is read; of the rest the files are counted.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Longest path, in bytes, that is kept.
pub const MAX_PATH: usize = 4096;

/// Why a diff was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No line of it is the header of a file or of a hunk.
    #[error("this is no unified diff: no line begins a file (`diff --git`, `---` and `+++`)")]
    NoDiff,
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDiff => "K130",
        }
    }
}

/// A diff of any number of files.
#[derive(Debug)]
pub struct Diff {
    /// The files, in the diff's order, at most [`MAX_FILES`].
    pub files: Vec<FileDiff>,
    /// Files that were not looked at: beyond [`MAX_FILES`] or [`MAX_BYTES`].
    pub files_left_out: usize,
}

impl Diff {
    /// Added lines of all files.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.added)).sum()
    }

    /// Removed lines of all files.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.removed)).sum()
    }
}

/// What a diff says of one file.
#[derive(Debug)]
pub struct FileDiff {
    /// Its path after the change; before it, if the file was deleted.
    pub path: String,
    /// Its path before, if it was renamed or copied.
    pub was: Option<String>,
    /// How many lines were added.
    pub added: u32,
    /// How many lines were removed.
    pub removed: u32,
    /// What was added, with what the diff shows around it; or why that is not
    /// looked at.
    pub change: Result<SourceChange, Skipped>,
}

/// Reads a diff.
///
/// # Errors
/// [`Error::NoDiff`] if there is nothing of a diff in it.
pub fn read(bytes: &[u8]) -> Result<Diff, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let read = &bytes[..bytes.len().min(MAX_BYTES)];
    let mut reader = Reader::default();
    for line in lines(read) {
        reader.line(line);
    }
    reader.end_file();
    let beyond = &bytes[read.len()..];
    if !beyond.is_empty()
        && let Some(last) = reader.files.last_mut()
    {
        // The cut went through this one.
        last.change = Err(Skipped::TooLarge {
            bytes: bytes.len(),
            limit: MAX_BYTES,
        });
    }
    let more = lines(beyond).filter(|l| header::begins_file(l)).count();
    if reader.files.is_empty() && more == 0 {
        return Err(Error::NoDiff);
    }
    Ok(Diff {
        files: reader.files,
        files_left_out: reader.left_out + more,
    })
}

/// Lines with their line ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

#[derive(Default)]
struct Reader {
    files: Vec<FileDiff>,
    left_out: usize,
    /// The file that is being read.
    file: Option<Open>,
    /// A `--- ` line that waits for its `+++ `.
    old_name: Option<Vec<u8>>,
}

#[derive(Default)]
struct Open {
    header: Header,
    hunks: Vec<Hunk>,
    /// Lines that the hunk's header still promises, old and new.
    expected: Option<(u64, u64)>,
    lines: usize,
    added: u32,
    removed: u32,
    skipped: Option<Skipped>,
    /// Whether lines of a hunk were seen, or said to be binary.
    has_content: bool,
}

impl Reader {
    fn line(&mut self, line: &[u8]) {
        let text = header::trim_end(line);
        if self.in_hunk(text) {
            return;
        }
        if let Some(old) = self.old_name.take()
            && let Some(new) = text.strip_prefix(b"+++ ")
        {
            self.names(&old, new);
            return;
        }
        if let Some(header) = header::begin(text) {
            self.end_file();
            self.open(header);
        } else if let Some(old) = text.strip_prefix(b"--- ") {
            self.old_name = Some(old.to_vec());
        } else if text.starts_with(b"@@@") {
            if let Some(file) = &mut self.file {
                file.skipped = Some(Skipped::Merge);
                file.has_content = true;
            }
        } else if let Some(rest) = text.strip_prefix(b"@@") {
            self.hunk(rest);
        } else if let Some(names) = header::binary(text) {
            self.binary(names);
        } else if let Some(file) = &mut self.file {
            file.header.extend(text);
        }
    }

    /// Takes a line of a hunk; `false` if the hunk is over.
    fn in_hunk(&mut self, text: &[u8]) -> bool {
        let Some(file) = &mut self.file else {
            return false;
        };
        let Some((old, new)) = file.expected else {
            return false;
        };
        // “\ No newline at end of file” in any language.
        if text.starts_with(b"\\") {
            return true;
        }
        if old == 0 && new == 0 {
            file.expected = None;
            return false;
        }
        let (mark, rest) = match text.split_first() {
            Some((mark @ (b'+' | b'-' | b' '), rest)) => (*mark, rest),
            // Mailers cut the blank off an empty line of context.
            None => (b' ', &text[..0]),
            // Fewer lines than promised: this line belongs to what comes next.
            Some(_) => {
                file.expected = None;
                return false;
            }
        };
        match mark {
            b'+' if new > 0 => {
                file.expected = Some((old, new - 1));
                file.added = file.added.saturating_add(1);
                file.push(true, rest);
            }
            b'-' if old > 0 => {
                file.expected = Some((old - 1, new));
                file.removed = file.removed.saturating_add(1);
            }
            b' ' if old > 0 && new > 0 => {
                file.expected = Some((old - 1, new - 1));
                file.push(false, rest);
            }
            _ => {
                file.expected = None;
                return false;
            }
        }
        true
    }

    fn open(&mut self, header: Header) {
        let skipped = header.is_merge.then_some(Skipped::Merge);
        self.file = Some(Open {
            has_content: header.is_merge,
            header,
            skipped,
            ..Open::default()
        });
    }

    /// `--- old` and `+++ new`: of the file whose header was read, or the
    /// beginning of one without.
    fn names(&mut self, old: &[u8], new: &[u8]) {
        let goes_on = self.file.as_ref().is_some_and(|file| {
            !file.header.has_names && file.hunks.is_empty() && !file.header.is_plain
        });
        if !goes_on {
            self.end_file();
            self.open(Header::default());
        }
        if let Some(file) = &mut self.file {
            file.header.name(old, new);
            file.has_content = true;
        }
    }

    fn hunk(&mut self, rest: &[u8]) {
        let Some(file) = &mut self.file else { return };
        file.has_content = true;
        let Some(Range {
            old,
            new,
            first_row,
            within,
        }) = Range::read(rest)
        else {
            file.skipped.get_or_insert(Skipped::Damaged);
            return;
        };
        file.expected = Some((old, new));
        file.hunks.push(Hunk::new(first_row, within));
    }

    fn binary(&mut self, names: Option<(&[u8], &[u8])>) {
        match names {
            Some((old, new)) if self.file.as_ref().is_none_or(|f| f.has_content) => {
                self.end_file();
                let mut header = Header::default();
                header.name(old, new);
                self.open(header);
            }
            _ => {}
        }
        if let Some(file) = &mut self.file {
            file.skipped = Some(Skipped::Binary);
            file.has_content = true;
        }
    }

    fn end_file(&mut self) {
        let Some(file) = self.file.take() else { return };
        let Some((path, was)) = file.header.paths() else {
            return;
        };
        if self.files.len() == MAX_FILES {
            self.left_out += 1;
            return;
        }
        let mut hunks = file.hunks;
        // A hunk that only takes away adds nothing to look at.
        hunks.retain(Hunk::adds);
        let change = match (file.skipped, hunks.as_mut_slice()) {
            (Some(skipped), _) => Err(skipped),
            (None, [all]) if file.header.is_new() => {
                Ok(SourceChange::new_file(path.clone(), all.take_text()))
            }
            (None, _) => Ok(SourceChange::hunks(path.clone(), hunks)),
        };
        let change = change.and_then(|change| change.skipped().map_or(Ok(change), Err));
        self.files.push(FileDiff {
            path,
            was,
            added: file.added,
            removed: file.removed,
            change,
        });
    }
}

impl Open {
    fn push(&mut self, added: bool, line: &[u8]) {
        self.lines += 1;
        if self.skipped.is_some() {
            return;
        }
        if self.lines > MAX_LINES {
            self.pass_over(Skipped::TooManyLines {
                lines: self.lines,
                limit: MAX_LINES,
            });
            return;
        }
        if line.contains(&0) {
            self.pass_over(Skipped::Binary);
            return;
        }
        match (std::str::from_utf8(line), self.hunks.last_mut()) {
            (Ok(line), Some(hunk)) => hunk.push(added, line),
            (Err(_), _) => self.pass_over(Skipped::NotText),
            (Ok(_), None) => {}
        }
    }

    fn pass_over(&mut self, skipped: Skipped) {
        self.skipped = Some(skipped);
        self.hunks = vec![Hunk::new(0, None)];
    }
}
