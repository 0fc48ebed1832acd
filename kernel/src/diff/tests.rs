use super::*;

fn one(diff: &str) -> FileDiff {
    let mut diff = read(diff.as_bytes()).expect("a diff");
    assert_eq!(diff.files.len(), 1, "{:?}", diff.files);
    diff.files.remove(0)
}

fn added(file: &FileDiff) -> Vec<String> {
    let change = file.change.as_ref().expect("looked at");
    change.added_lines().map(str::to_owned).collect()
}

const TWO_HUNKS: &str = "\
From 0123456789 Mon Sep 17 00:00:00 2001
Subject: [PATCH] Two hunks
---
 a.py | 3 +-

diff --git a/src/a.py b/src/a.py
index 1111111..2222222 100644
--- a/src/a.py
+++ b/src/a.py
@@ -1,3 +1,4 @@ def f():
 x = 1
-y = 2
+y = 3
+--- z
 w = 4
@@ -90,2 +91,2 @@
-++ old
+new
 end
--
2.39.5
";

#[test]
fn hunks_of_a_patch_in_a_mail_are_read_with_their_rows() {
    let file = one(TWO_HUNKS);
    assert_eq!(
        (file.path.as_str(), file.was.as_deref()),
        ("src/a.py", None)
    );
    assert_eq!((file.added, file.removed), (3, 2));
    assert_eq!(added(&file), ["y = 3", "--- z", "new"]);
}

#[test]
fn renames_copies_new_deleted_and_empty_files_have_their_paths() {
    let diff = "\
diff --git a/old name.py b/new name.py
similarity index 90%
rename from old name.py
rename to new name.py
index 1..2 100644
--- a/old name.py
+++ b/new name.py
@@ -1 +1 @@
-a
+b
diff --git a/moved.py b/dir/moved.py
similarity index 100%
rename from moved.py
rename to dir/moved.py
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1,2 +0,0 @@
-a
-b
diff --git a/fresh.py b/fresh.py
new file mode 100644
--- /dev/null
+++ b/fresh.py
@@ -0,0 +1,2 @@
+import os
+x = 1
\\ No newline at end of file
diff --git a/empty file b/empty file
new file mode 100644
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
";
    let read = read(diff.as_bytes()).expect("a diff");
    let shown: Vec<_> = read
        .files
        .iter()
        .map(|f| (f.path.as_str(), f.was.as_deref(), f.added, f.removed))
        .collect();
    assert_eq!(
        shown,
        [
            ("new name.py", Some("old name.py"), 1, 1),
            ("dir/moved.py", Some("moved.py"), 0, 0),
            ("gone.py", None, 0, 2),
            ("fresh.py", None, 2, 0),
            ("empty file", None, 0, 0),
            ("run.sh", None, 0, 0),
        ]
    );
    assert_eq!(read.files_left_out, 0);
    assert_eq!((read.added(), read.removed()), (3, 3));
    assert_eq!(added(&read.files[3]), ["import os", "x = 1"]);
}

#[test]
fn quoted_names_are_read_as_git_escapes_them() {
    let file = one(
        "diff --git \"a/caf\\303\\251 \\\"x\\\".py\" \"b/caf\\303\\251 \\\"x\\\".py\"\n--- \"a/caf\\303\\251 \\\"x\\\".py\"\n+++ \"b/caf\\303\\251 \\\"x\\\".py\"\n@@ -1 +1 @@\n-a\n+b\n",
    );
    assert_eq!(file.path, "café \"x\".py");
    let turned = one(
        "diff --git \"a/x\\342\\200\\256yp.exe\" \"b/x\\342\\200\\256yp.exe\"\nnew file mode 100644\n",
    );
    assert_eq!(turned.path, "x\u{fffd}yp.exe");
}

#[test]
fn plain_and_mercurial_diffs_are_read() {
    let plain = "\
diff -ru old/a.c new/a.c
--- old/a.c\t2026-01-02 03:04:05.000000000 +0000
+++ new/a.c\t2026-01-02 03:04:06.000000000 +0000
@@ -1,2 +1,2 @@ int main(void)
-a
+b
 c
Only in new: b.c
Binary files old/x.png and new/x.png differ
diff -ru old/z.c new/z.c
--- old/z.c\t2026-01-02 03:04:05.000000000 +0000
+++ new/z.c\t2026-01-02 03:04:06.000000000 +0000
@@ -1 +1,2 @@
 a
+d
";
    let plain = read(plain.as_bytes()).expect("a diff");
    let paths: Vec<&str> = plain.files.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(paths, ["new/a.c", "new/x.png", "new/z.c"]);
    assert_eq!(plain.files[1].change.as_ref().err(), Some(&Skipped::Binary));
    assert_eq!(added(&plain.files[2]), ["d"]);
    let hg = one("\
diff -r 0123456789ab -r ba9876543210 pkg/a.py
--- a/pkg/a.py\tThu Jan 01 00:00:00 2026 +0000
+++ b/pkg/a.py\tThu Jan 01 00:00:01 2026 +0000
@@ -1,1 +1,2 @@
 a
+b
");
    assert_eq!(
        (hg.path.as_str(), added(&hg)),
        ("pkg/a.py", vec!["b".to_owned()])
    );
    let hg = one("diff -r 0123456789ab logo.png\nBinary file logo.png has changed\n");
    assert_eq!(hg.path, "logo.png");
    assert_eq!(hg.change.err(), Some(Skipped::Binary));
}

#[test]
fn what_is_not_looked_at_is_named_with_its_reason() {
    let reason = |diff: &[u8]| {
        let mut read = read(diff).expect("a diff");
        (read.files.remove(0).change.err(), read.files.len())
    };
    let binary =
        b"diff --git a/x.bin b/x.bin\nindex 1..2 100644\nBinary files a/x.bin and b/x.bin differ\n";
    assert_eq!(reason(binary), (Some(Skipped::Binary), 0));
    let patch = b"diff --git a/x b/x\nindex 1..2\nGIT binary patch\nliteral 3\nKcmZQz\n\n";
    assert_eq!(reason(patch), (Some(Skipped::Binary), 0));
    let merge =
        b"diff --cc a.py\nindex 1,2..3\n--- a/a.py\n+++ b/a.py\n@@@ -1,1 -1,1 +1,2 @@@\n  x\n++y\n";
    assert_eq!(reason(merge), (Some(Skipped::Merge), 0));
    let latin = b"--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+\xe9\ndiff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n";
    assert_eq!(reason(latin), (Some(Skipped::NotText), 1));
    let nul = b"--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+\0\n";
    assert_eq!(reason(nul), (Some(Skipped::Binary), 0));
    let lock = b"--- a/Cargo.lock\n+++ b/Cargo.lock\n@@ -1 +1 @@\n-a\n+b\n";
    assert_eq!(reason(lock), (Some(Skipped::Generated), 0));
    let ranges = b"--- a/x\n+++ b/x\n@@ -1,99999999999999999999999 +1 @@\n-a\n+b\n";
    assert_eq!(reason(ranges), (Some(Skipped::Damaged), 0));
}

#[test]
fn hostile_counts_cost_nothing_and_lose_nothing_behind_them() {
    let diff = "--- a/x\n+++ b/x\n@@ -1,18446744073709551615 +1,18446744073709551615 @@\n+a\ndiff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -0,0 +1 @@\n+b\n";
    let read = read(diff.as_bytes()).expect("a diff");
    assert_eq!(read.files.len(), 2);
    assert_eq!(added(&read.files[1]), ["b"]);
}

#[test]
fn carriage_returns_and_cut_blanks_are_taken_as_meant() {
    let file = one("--- a/x.py\r\n+++ b/x.py\r\n@@ -1,3 +1,3 @@\r\n a\r\n\r\n-b\r\n+c\r\n");
    assert_eq!(added(&file), ["c"]);
    assert_eq!(file.path, "x.py");
}

#[test]
fn what_is_no_diff_is_refused_with_its_code() {
    for text in ["", "hello\n", "+++\n---\n", "\0\0", "@@ -1 +1 @@\n+a\n"] {
        let error = read(text.as_bytes()).expect_err("no diff");
        assert_eq!(error.code(), "K130", "{text:?}");
    }
}

#[test]
fn a_diff_beyond_the_limits_is_cut_and_the_rest_counted() {
    let mut large = String::new();
    for n in 0..MAX_FILES + 7 {
        large.push_str(&format!(
            "diff --git a/f{n}.txt b/f{n}.txt\n--- a/f{n}.txt\n+++ b/f{n}.txt\n@@ -0,0 +1 @@\n+x\n"
        ));
    }
    let few = read(large.as_bytes()).expect("a diff");
    assert_eq!((few.files.len(), few.files_left_out), (MAX_FILES, 7));

    let mut large = "--- a/x.txt\n+++ b/x.txt\n@@ -0,0 +1,9999999 @@\n".to_owned();
    large.push_str(&"+0123456789abcdef\n".repeat(MAX_BYTES / 18));
    large.push_str("diff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -0,0 +1 @@\n+b\n");
    let cut = read(large.as_bytes()).expect("a diff");
    assert_eq!(cut.files.len(), 1);
    assert!(matches!(cut.files[0].change, Err(Skipped::TooLarge { .. })));
    assert!(cut.files_left_out > 0);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_order_of_a_diffs_lines_makes_it_panic(
        lines in proptest::collection::vec(proptest::sample::select(vec![
            "diff --git a/x.py b/x.py", "diff --cc x.py", "diff -r 0123456789ab x.py", "--- a/x.py", "+++ b/x.py",
            "--- /dev/null", "+++ /dev/null", "@@ -1,2 +1,3 @@ def f():", "@@ -1 +1 @@", "@@@ -1 -1 +1 @@@", "@@",
            "+with open(a) as f:", "+    await asyncio.gather(b)", "-x", " y", "", "\\ No newline", "rename from a",
            "rename to b", "Binary files a/x and b/x differ", "GIT binary patch", "new file mode 100644", "\"", "diff --git \"a b",
        ]), 0..40)
    ) {
        if let Ok(diff) = read(lines.join("\n").as_bytes()) {
            for file in &diff.files {
                if let Ok(change) = &file.change {
                    let tagged = crate::tagging::tag(change);
                    let lines: Vec<&str> = change.added_lines().collect();
                    proptest::prop_assert_eq!(lines.len() as u32, file.added);
                    for mention in &tagged.mentions {
                        proptest::prop_assert!(mention.line >= 1 && mention.line as usize <= lines.len());
                    }
                }
            }
        }
    }
}
