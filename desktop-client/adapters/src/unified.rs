//! One file's unified diff, as two harnesses give it: with the engineer's whole path in its head, or
//! with no head at all.
//!
//! The head is put back with the file's name alone, so that no path gets into an event; the rest is
//! the kernel's to read.

use super::file_name;
use kernel::diff;
use kernel::tagging::SourceChange;

/// The change that a diff of `path` tells; `None` if it adds nothing, is skipped, or is none.
pub fn change(path: &str, diff: &str) -> Option<SourceChange> {
    let body = if diff.starts_with("@@ ") {
        diff
    } else {
        let from = diff.find("\n@@ ")?;
        &diff[from + 1..]
    };
    let name = file_name(path).replace(['\n', '\t'], " ");
    let whole = format!("--- a/{name}\n+++ b/{name}\n{body}");
    let read = diff::read(whole.as_bytes()).ok()?;
    read.files.into_iter().next()?.change.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_with_or_without_a_head_is_read_and_no_path_is_kept() {
        let hunk = "@@ -1,2 +1,3 @@ class A:\n kept\n-gone\n+one\n+two\n";
        let headed = format!(
            "Index: /home/dev/x/a.py\n======\n--- /home/dev/x/a.py\n+++ /home/dev/x/a.py\n{hunk}"
        );
        for diff in [hunk, &headed] {
            let change = change("/home/dev/x/a.py", diff).unwrap();
            assert_eq!(change.file_name(), "a.py");
            assert_eq!(change.added_lines().collect::<Vec<_>>(), ["one", "two"]);
        }
    }

    #[test]
    fn what_is_no_diff_is_no_change() {
        for diff in [
            "",
            "@@",
            "@@ -1 +1 @@",
            "a text\n@@ nonsense\n+a",
            "--- a\n+++ b\n",
        ] {
            assert!(change("a.py", diff).is_none_or(|c| c.added_lines().count() <= 1));
        }
    }
}
