//! Codex's patch text (`apply_patch`), read into changes.
//!
//! ```text
//! *** Begin Patch
//! *** Add File: a.py          every line begins with +
//! *** Update File: b.py       chunks: "@@ line of the file", then " kept", "-gone", "+new"
//! *** Move to: c.py           right after the file it moves
//! *** Delete File: d.py
//! *** End Patch
//! ```
//!
//! There are no line numbers: a chunk is found by what stands in it. So a change is known as hunks,
//! each with the lines around it, and not as a whole file. The format is Codex's own and no crate
//! reads it.
//!
//! Invariant: any text gives some changes; one pass, and nothing is read twice.

use super::file_name;
use kernel::tagging::{Hunk, SourceChange};

const BEGIN: &str = "*** Begin Patch";

/// What a patch does to one file.
struct File<'a> {
    path: &'a str,
    /// Whether the whole file is new.
    fresh: bool,
    /// The pieces of the file after the change.
    chunks: Vec<Chunk<'a>>,
    /// Whether the last piece has more than the lines that it stands below.
    begun: bool,
}

/// A piece of a file after the change.
#[derive(Default)]
struct Chunk<'a> {
    /// The innermost line that the piece stands below.
    within: Option<&'a str>,
    /// Its lines, and whether each is new.
    lines: Vec<(bool, &'a str)>,
}

impl Chunk<'_> {
    fn adds(&self) -> bool {
        self.lines.iter().any(|(new, _)| *new)
    }
}

impl<'a> File<'a> {
    /// A line of the last piece.
    fn line(&mut self, new: bool, line: &'a str) {
        self.begun = true;
        if self.chunks.is_empty() {
            self.chunks.push(Chunk::default());
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.lines.push((new, line));
        }
    }

    /// A `@@` line: the line of the file that a piece stands below, if any is named. Several may
    /// follow each other, from the outside to the inside.
    fn place(&mut self, place: &'a str) {
        if self.begun || self.chunks.is_empty() {
            self.chunks.push(Chunk::default());
            self.begun = false;
        }
        if let Some(place) = place.strip_prefix(' ').filter(|place| !place.is_empty())
            && let Some(chunk) = self.chunks.last_mut()
        {
            chunk.lines.push((false, place));
            chunk.within = Some(place.trim());
        }
    }
}

/// Whether a text holds a patch.
pub fn is_patch(text: &str) -> bool {
    text.lines().any(|line| line.trim() == BEGIN)
}

/// The changes of a patch; files of which only lines were taken away say nothing.
pub fn changes(text: &str) -> Vec<SourceChange> {
    let mut files: Vec<File<'_>> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("*** ") {
            open = match file(head, &mut files) {
                Some(open) => open,
                // "End of File" and whatever else there may be.
                None => open,
            };
            continue;
        }
        let Some(file) = files.last_mut().filter(|_| open) else {
            continue;
        };
        if let Some(place) = line.strip_prefix("@@") {
            file.place(place);
            continue;
        }
        match line.as_bytes().first() {
            Some(b'+') => file.line(true, &line[1..]),
            Some(b' ') => file.line(false, &line[1..]),
            // An empty line of the file, whose space was lost.
            None => file.line(false, ""),
            Some(_) => {}
        }
    }
    files.into_iter().filter_map(change).collect()
}

/// Reads a `*** ` line; whether lines of a file follow, `None` if it is none that begins or ends one.
fn file<'a>(head: &'a str, files: &mut Vec<File<'a>>) -> Option<bool> {
    let (what, path) = head.split_once(": ").unwrap_or((head, ""));
    let path = path.trim();
    match what.trim() {
        "Add File" | "Update File" => {
            files.push(File {
                path,
                fresh: what == "Add File",
                chunks: Vec::new(),
                begun: false,
            });
            Some(true)
        }
        "Move to" => {
            files.last_mut()?.path = path;
            Some(true)
        }
        "Delete File" | "Begin Patch" | "End Patch" => Some(false),
        _ => None,
    }
}

fn change(file: File<'_>) -> Option<SourceChange> {
    let name = file_name(file.path);
    if !file.chunks.iter().any(Chunk::adds) {
        return None;
    }
    if file.fresh {
        let mut text = String::new();
        for (_, line) in file.chunks.iter().flat_map(|chunk| &chunk.lines) {
            text.push_str(line);
            text.push('\n');
        }
        return Some(SourceChange::new_file(name, text));
    }
    let hunks = file
        .chunks
        .iter()
        .filter(|chunk| chunk.adds())
        .map(|chunk| {
            // A patch has no line numbers.
            let mut hunk = Hunk::new(0, chunk.within.map(str::to_owned));
            for (new, line) in &chunk.lines {
                hunk.push(*new, line);
            }
            hunk
        });
    Some(SourceChange::hunks(name, hunks.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn added(change: &SourceChange) -> Vec<&str> {
        change.added_lines().collect()
    }

    #[test]
    fn each_kind_of_file_is_read() {
        let changes = changes(
            "*** Begin Patch\n*** Add File: src/new.py\n+import os\n+\n+print(os.name)\n\
             *** Update File: old/name.py\n*** Move to: new/name.py\n@@ class A:\n@@     def f(self):\n \
             \x20   kept = 1\n-        gone = 2\n+        fresh = 3\n*** End of File\n\
             *** Delete File: away.py\n*** Update File: C:\\work\\x.ts\n-only gone\n*** End Patch\nnot +a line\n+nor this\n",
        );
        let names: Vec<_> = changes.iter().map(SourceChange::file_name).collect();
        assert_eq!(names, ["new.py", "name.py"]);
        assert_eq!(added(&changes[0]), ["import os", "", "print(os.name)"]);
        assert_eq!(added(&changes[1]), ["        fresh = 3"]);
    }

    #[test]
    fn lines_outside_of_a_file_are_nobodys() {
        assert!(changes("+a\n@@ b\n*** Begin Patch\n+c\n").is_empty());
        assert!(changes("").is_empty());
        assert!(is_patch("apply_patch <<'EOF'\n*** Begin Patch\n"));
        assert!(!is_patch("echo '*** Begin Patch'"));
    }

    #[test]
    fn a_patch_cut_anywhere_keeps_what_came_before() {
        let whole = "*** Begin Patch\n*** Add File: a.py\n+äöü = 1\n*** Update File: b.py\n@@\n x\n+y = 2\n";
        for (cut, _) in whole.char_indices() {
            assert!(changes(&whole[..cut]).len() <= 2);
        }
        assert_eq!(changes(whole).len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(\\PC|\\*\\*\\* (Add|Update|Delete) File: |\\*\\*\\* Move to: |@@|\n[+ -])*") {
            let _ = changes(&text);
        }
    }
}
