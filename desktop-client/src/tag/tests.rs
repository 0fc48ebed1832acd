//! `tag` on what it is given: diffs, commits, and everything that is neither.

use super::source::find;
use super::*;
use std::process::Command;

const DIFF: &str = "\
diff --git a/app/locking.py b/app/locking.py
--- a/app/locking.py
+++ b/app/locking.py
@@ -1,3 +1,6 @@
 import psycopg

+def claim(cur, key):
+    cur.execute(\"SELECT pg_try_advisory_lock(%s)\", (key,))
+    return cur.fetchone()[0]

";

fn of(bytes: &[u8]) -> Result<Told> {
    let source = Source {
        name: "given".to_owned(),
        also_revision: false,
        bytes: bytes.to_vec(),
    };
    tag(&source, &Wishes::default())
}

#[test]
fn a_mention_says_concept_rule_place_and_line() {
    let told = of(DIFF.as_bytes()).unwrap();
    let text = told.text();
    for part in [
        "pg-advisory-locks",
        "app/locking.py:4",
        "rule ",
        "% sure",
        "pg_try_advisory_lock",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let json = told.json();
    let mentions = json["files"][0]["mentions"].as_array().unwrap();
    let lock = |mention: &&Value| mention["concept"] == "pg-advisory-locks";
    let mention = mentions.iter().find(lock).unwrap();
    assert_eq!(
        (&mention["row"], &mention["added_line"]),
        (&json!(4), &json!(2))
    );
    assert_eq!(json["added_lines"], 3);
}

#[test]
fn what_was_called_wrong_or_muted_is_shown_and_marked() {
    let mut wishes = Wishes::default();
    wishes
        .muted
        .insert(kernel::asking::Mute::named("pg", Catalogue::builtin()).unwrap());
    let source = Source {
        name: "given".to_owned(),
        also_revision: false,
        bytes: DIFF.as_bytes().to_vec(),
    };
    let text = tag(&source, &wishes).unwrap().text();
    assert!(text.contains("does not count it: you muted"), "{text}");
    let rule = of(DIFF.as_bytes()).unwrap().files[0].mentions[0].0.clone();
    let wishes = Wishes {
        resting: BTreeSet::from([(rule.concept, rule.detector)]),
        muted: Muted::default(),
    };
    let text = tag(&source, &wishes).unwrap().text();
    assert!(text.contains("you called this rule wrong"), "{text}");
}

#[test]
fn an_empty_diff_is_nothing_and_no_error() {
    for empty in ["", "\n\n"] {
        let text = of(empty.as_bytes()).unwrap().text();
        assert!(text.contains("nothing to tag"), "{text}");
    }
}

#[test]
fn what_is_no_diff_is_named_for_what_it_is() {
    assert!(matches!(
        of(b"\x7fELF\0\0\0\x01"),
        Err(Error::NoText { .. })
    ));
    assert!(matches!(of(b"dear diary\n"), Err(Error::NoDiff { .. })));
}

#[test]
fn a_hostile_diff_ends_in_words_and_never_in_a_panic() {
    let mut latin = DIFF.replace("claim", "cl\u{1}im").into_bytes();
    latin.extend_from_slice(b"+caf\xe9 = 1\n\xff\xfe\n");
    let long = format!("{DIFF}+{}\n", "x".repeat(3_000_000));
    let escapes = DIFF.replace("app/locking.py", "app/\u{1b}[2Jlocking.py");
    let numbers = DIFF.replace(
        "@@ -1,3 +1,6 @@",
        "@@ -4294967295,9 +99999999999999999999,4294967295 @@",
    );
    let many: String = (0..2_000)
        .map(|n| DIFF.replace("locking", &format!("f{n}")))
        .collect();
    for bytes in [
        latin,
        long.into_bytes(),
        escapes.into_bytes(),
        numbers.into_bytes(),
        many.into_bytes(),
    ] {
        if let Ok(told) = of(&bytes) {
            let text = told.text();
            assert!(!text.contains('\u{1b}'), "no escape reaches a terminal");
            assert!(serde_json::to_string(&told.json()).is_ok());
        }
    }
}

struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@corp.example"])
            .args([
                "-c",
                "init.defaultBranch=main",
                "-c",
                "commit.gpgSign=false",
            ])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Repository {
    fn new() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        repository.git(&["init", "-q"]);
        repository
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    fn commit(&self) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn find(&self, text: &str) -> Result<Source> {
        super::source::find_in(self.folder.path(), text, &mut std::io::empty())
    }

    fn concepts(&self, text: &str) -> Vec<String> {
        let told = tag(&self.find(text).unwrap(), &Wishes::default()).unwrap();
        let mentions = told.files.iter().flat_map(|file| &file.mentions);
        mentions
            .map(|(mention, ..)| mention.concept.to_string())
            .collect()
    }
}

const LOCK: &str = "import psycopg\n\n\ndef claim(cur, key):\n    \
    cur.execute(\"SELECT pg_try_advisory_lock(%s)\", (key,))\n    return cur.fetchone()[0]\n";

#[test]
fn a_commit_a_first_commit_and_a_range_are_found_by_name() {
    let repository = Repository::new();
    repository.write("a.py", b"x = 1\n");
    let first = repository.commit();
    repository.write("locking.py", LOCK.as_bytes());
    let second = repository.commit();
    repository.git(&["tag", "v1"]);
    for name in [
        second.as_str(),
        "HEAD",
        "v1",
        "HEAD~0",
        &format!("{first}..{second}"),
        "HEAD^..",
    ] {
        let concepts = repository.concepts(name);
        assert!(
            concepts.contains(&"pg-advisory-locks".to_owned()),
            "{name}: {concepts:?}"
        );
    }
    let name = repository.find("HEAD").unwrap().name;
    assert_eq!(name, format!("commit {}", &second[..12]));
    // The very first commit has no parent, and all of it is new.
    assert!(
        String::from_utf8(repository.find(&first).unwrap().bytes)
            .unwrap()
            .contains("+x = 1")
    );
    // A merge brings what it brought to the branch.
    repository.git(&["checkout", "-q", "-b", "side", &first]);
    repository.write("b.py", b"y = 2\n");
    repository.commit();
    repository.git(&["merge", "-q", "--no-ff", "-m", "m", "v1"]);
    assert!(
        repository
            .concepts("HEAD")
            .contains(&"pg-advisory-locks".to_owned())
    );
    assert!(repository.find("side...v1").is_ok());
}

#[test]
fn a_revision_that_is_an_option_never_reaches_git() {
    let repository = Repository::new();
    repository.write("a.py", b"x = 1\n");
    repository.commit();
    for text in [
        "--upload-pack=touch",
        "-O/etc/passwd",
        "--output=stolen",
        "HEAD..--output=stolen",
        "--all",
    ] {
        let error = repository.find(text).unwrap_err();
        assert!(matches!(error, Error::NoSuchDiff { .. }), "{text}: {error}");
        assert!(!repository.folder.path().join("stolen").exists());
    }
}

#[test]
fn nothing_of_the_repositorys_choosing_runs() {
    let repository = Repository::new();
    repository.write(".gitattributes", b"*.py diff=evil\n");
    repository.write("a.py", b"x = 1\n");
    repository.commit();
    repository.write("a.py", b"x = 2\n");
    repository.commit();
    let touch = format!("touch {}/ran; cat", repository.folder.path().display());
    for (key, value) in [
        ("diff.evil.command", touch.as_str()),
        ("diff.evil.textconv", &touch),
        ("diff.external", &touch),
        ("core.pager", &touch),
        ("core.fsmonitor", &touch),
        ("diff.noprefix", "true"),
        ("color.ui", "always"),
    ] {
        repository.git(&["config", key, value]);
    }
    let text = String::from_utf8(repository.find("HEAD").unwrap().bytes).unwrap();
    assert!(
        text.contains("+++ b/a.py") && text.contains("+x = 2"),
        "{text}"
    );
    assert!(!repository.folder.path().join("ran").exists());
}

#[test]
fn a_file_wins_over_a_commit_of_the_same_name_and_both_are_named() {
    let repository = Repository::new();
    repository.write("v1", DIFF.as_bytes());
    repository.commit();
    repository.git(&["tag", "v1"]);
    let source = repository.find("v1").unwrap();
    assert!(source.also_revision);
    let text = tag(&source, &Wishes::default()).unwrap().text();
    assert!(text.contains("A commit has this name, too"), "{text}");
}

#[test]
fn what_is_not_there_is_said_with_where_it_was_looked_for() {
    let repository = Repository::new();
    repository.write("a.py", b"x = 1\n");
    repository.commit();
    let told = repository.find("no-such-branch").unwrap_err().told();
    assert!(told.contains("no commit of this repository"), "{told}");
    let outside = tempfile::tempdir().unwrap();
    let error = super::source::find_in(outside.path(), "HEAD", &mut std::io::empty()).unwrap_err();
    assert!(
        error.told().contains("no git repository"),
        "{}",
        error.told()
    );
    // A commit that changes nothing is nothing to tag.
    repository.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    let text = tag(&repository.find("HEAD").unwrap(), &Wishes::default())
        .unwrap()
        .text();
    assert!(text.contains("nothing to tag"), "{text}");
    // A binary file in a commit is passed over, and said so.
    repository.write("logo.png", b"\x89PNG\0\0\0");
    repository.commit();
    let text = tag(&repository.find("HEAD").unwrap(), &Wishes::default())
        .unwrap()
        .text();
    assert!(text.contains("logo.png"), "{text}");
}

#[test]
fn a_file_that_is_a_folder_or_is_not_there_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let told = find(path, &mut std::io::empty()).unwrap_err().told();
    assert!(told.contains("C033") && told.contains("a folder"), "{told}");
    let told = find("no/such/change.diff", &mut std::io::empty())
        .unwrap_err()
        .told();
    assert!(told.contains("C033"), "{told}");
}

#[test]
fn a_diff_on_standard_input_or_in_a_file_is_read() {
    let read = find("-", &mut DIFF.as_bytes()).unwrap();
    assert_eq!(read.bytes, DIFF.as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("change.diff");
    std::fs::write(&path, DIFF).unwrap();
    let read = find(path.to_str().unwrap(), &mut std::io::empty()).unwrap();
    assert_eq!(
        (read.bytes.as_slice(), read.also_revision),
        (DIFF.as_bytes(), false)
    );
}
