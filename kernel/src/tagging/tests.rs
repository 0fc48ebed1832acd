use super::*;
use crate::catalogue::Seek;

/// A few entries, so that what others find in the same texts plays no part.
static SAMPLE: LazyLock<Tagger> = LazyLock::new(|| {
    let files = [
        (
            "git-rebase.toml",
            include_str!("../../catalogue/git/git-rebase.toml"),
        ),
        (
            "go-context-cancellation.toml",
            include_str!("../../catalogue/go/go-context-cancellation.toml"),
        ),
        (
            "http-idempotency.toml",
            include_str!("../../catalogue/http/http-idempotency.toml"),
        ),
        (
            "js-promise-concurrency.toml",
            include_str!("../../catalogue/js/js-promise-concurrency.toml"),
        ),
        (
            "pg-advisory-locks.toml",
            include_str!("../../catalogue/pg/pg-advisory-locks.toml"),
        ),
        (
            "py-context-managers.toml",
            include_str!("../../catalogue/py/py-context-managers.toml"),
        ),
    ];
    let catalogue = Catalogue::load(files).expect("the entries read");
    Tagger::new(&catalogue).expect("the rules compile")
});

fn tag(change: &SourceChange) -> Tagged {
    SAMPLE.tag(change)
}

fn tag_command(command: &str) -> Tagged {
    SAMPLE.tag_command(command)
}

fn concepts(tagged: &Tagged) -> Vec<&str> {
    let mut found: Vec<&str> = tagged.mentions.iter().map(|m| m.concept.as_str()).collect();
    found.dedup();
    found
}

#[test]
fn every_detector_finds_its_positive_and_no_negative_examples() {
    let tagger = Tagger::builtin();
    let mut tried = 0;
    for concept in Catalogue::builtin().iter() {
        for detector in &concept.detectors {
            let wrong = tagger.misses(&concept.slug, detector);
            assert_eq!(
                wrong,
                Vec::<String>::new(),
                "{} {}",
                concept.slug,
                detector.id
            );
            tried += detector.positive.len() + detector.negative.len();
        }
    }
    assert!(tried > 150, "only {tried} examples were tried");
}

#[test]
fn a_detector_rests_only_for_want_of_its_grammar() {
    for (slug, id) in Tagger::builtin().resting() {
        let concept = Catalogue::builtin()
            .get(slug)
            .expect("a concept of the catalogue");
        let detector = concept
            .detectors
            .iter()
            .find(|d| d.id == *id)
            .expect("its detector");
        assert!(matches!(&detector.seek, Seek::Code { language, .. } if language == "ruby"));
    }
}

#[test]
fn only_added_lines_count() {
    let whole =
        "import contextlib\n\n@contextlib.contextmanager\ndef tx(db):\n    yield db\n\nx = 1\n";
    let untouched = SourceChange::in_file("db.py", whole, &[7]);
    assert_eq!(tag(&untouched).mentions, []);
    let decorated = SourceChange::in_file("db.py", whole, &[3, 7]);
    let tagged = tag(&decorated);
    assert_eq!(concepts(&tagged), ["py-context-managers"]);
    assert_eq!(tagged.mentions[0].line, 1);
    assert_eq!(decorated.added_line(1), Some("@contextlib.contextmanager"));
    assert_eq!(decorated.added_line(2), Some("x = 1"));
    assert_eq!(decorated.added_line(3), None);
    assert_eq!(decorated.added_line(0), None);
}

#[test]
fn an_added_line_inside_an_older_construct_counts_only_if_it_makes_the_match() {
    let call =
        "r = Retry(\n    total=3,\n    allowed_methods=None,\n    raise_on_status=True,\n)\n";
    let makes = SourceChange::in_file("a.py", call, &[3]);
    assert_eq!(concepts(&tag(&makes)), ["http-idempotency"]);
    let beside = SourceChange::in_file("a.py", call, &[4]);
    assert_eq!(tag(&beside).mentions, []);
}

#[test]
fn a_weak_mention_needs_a_second_one_in_the_file() {
    let alone = SourceChange::new_file("a.py", "import contextlib\n");
    assert_eq!(tag(&alone).mentions, []);
    let both = "import contextlib\n@contextlib.contextmanager\ndef f():\n    yield 1\n";
    let tagged = tag(&SourceChange::new_file("a.py", both));
    assert_eq!(
        tagged.mentions.iter().map(|m| m.line).collect::<Vec<_>>(),
        [1, 2]
    );
    assert_eq!(tagged.mentions[0].strength, Strength::Weak);
    let weak_beside_older = SourceChange::in_file("a.py", both, &[1]);
    assert_eq!(tag(&weak_beside_older).mentions.len(), 1);
}

#[test]
fn a_typescript_file_is_read_by_rules_written_for_javascript() {
    let text = "const r: Row[] = await Promise.all(ids.map((i: number) => load(i)));\n";
    for name in ["a.ts", "a.tsx", "a.mjs", "src/deep/a.cts"] {
        let tagged = tag(&SourceChange::new_file(name, text));
        assert!(
            concepts(&tagged).contains(&"js-promise-concurrency"),
            "{name}"
        );
    }
}

#[test]
fn a_piece_cut_out_of_a_block_reads_as_if_it_stood_at_the_top() {
    let piece = "        with open(a) as f, open(b) as g:\n            copy(f, g)\n";
    let tagged = tag(&SourceChange::fragment("copy.py", piece));
    assert_eq!(concepts(&tagged), ["py-context-managers"]);
    let go = "\tctx, cancel := context.WithTimeout(r.Context(), time.Second)\n\tdefer cancel()\n";
    let tagged = tag(&SourceChange::fragment("h.go", go));
    assert!(concepts(&tagged).contains(&"go-context-cancellation"));
}

#[test]
fn words_in_comments_and_strings_are_no_mentions() {
    let text = "# use Promise.all and pg_advisory_lock(1), git rebase\nx = 'RefCell::new(1)'\n";
    assert_eq!(tag(&SourceChange::new_file("a.py", text)).mentions, []);
    assert_eq!(
        tag_command("echo 'git rebase main' # git rebase").mentions,
        []
    );
}

#[test]
fn commands_are_tagged_by_their_words() {
    let tagged = tag_command("cd repo && GIT_EDITOR=true git -C . rebase --onto main old feature");
    assert_eq!(concepts(&tagged), ["git-rebase"]);
    assert_eq!(tag_command("git commit -m 'git rebase'").mentions, []);
    assert_eq!(
        tag_command("git push -f; git rebase main").concepts().len(),
        1
    );
}

#[test]
fn sql_is_found_in_sql_files_and_in_statements_inside_strings() {
    let file = "-- lock\nSELECT 1;\nSELECT pg_advisory_xact_lock(42);\n";
    let tagged = tag(&SourceChange::in_file("m/0001.sql", file, &[3]));
    assert_eq!(concepts(&tagged), ["pg-advisory-locks"]);
    let code = "q = \"\"\"\n  SELECT id,\n    pg_try_advisory_lock(id)\n  FROM t\"\"\"\n";
    let tagged = tag(&SourceChange::new_file("a.py", code));
    assert_eq!(tagged.mentions[0].line, 3);
}

#[test]
fn a_configuration_file_is_known_by_the_end_of_its_path() {
    let text = "[pull]\n\trebase = true\n[alias]\n\tr = rebase\n";
    // The key is a weak sign and stands alone in this file.
    assert_eq!(
        tag(&SourceChange::new_file("/home/ada/.gitconfig", text)).mentions,
        []
    );
    let tagger = &SAMPLE;
    let hits = tagger
        .hits(None, "/home/ada/.gitconfig", text)
        .expect("small");
    assert_eq!(hits.len(), 1);
    assert_eq!(
        tagger.hits(None, "/home/ada/setup.cfg", text),
        Ok(Vec::new())
    );
}

#[test]
fn a_large_text_is_passed_over_and_the_result_says_so() {
    let large = "x = 1\n".repeat(MAX_BYTES / 6 + 1);
    let tagged = tag(&SourceChange::new_file("a.py", large.clone()));
    assert_eq!(tagged.mentions, []);
    let bytes = large.len();
    assert_eq!(
        tagged.skipped,
        Some(Skipped::TooLarge {
            bytes,
            limit: MAX_BYTES
        })
    );
}

#[test]
fn a_deeply_nested_text_is_passed_over_and_the_result_says_so() {
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    for name in ["a.py", "a.js", "a.rs", "a.ts"] {
        let tagged = tag(&SourceChange::new_file(name, deep.clone()));
        assert_eq!(
            tagged.skipped,
            Some(Skipped::TooDeep { limit: MAX_DEPTH }),
            "{name}"
        );
    }
}

#[test]
fn broken_syntax_gives_a_result() {
    let scraps = [
        "",
        "\0",
        "\u{feff}",
        "def f(:\n  with a(",
        "}}}}))))",
        "fn f( { let x = \"",
        "`${`${`${",
        "git rebase 'unfinished",
        "cat <<EOF\ngit rebase\n",
        "[pull\nrebase",
        "{\"a\":",
        "é😀\r\nx",
        "SELECT pg_advisory_lock('",
        "f'''{x!r:>{w}}",
        "package\nfunc (",
        "<<<<<<< HEAD\n=======\n>>>>>>>",
    ];
    let names = [
        "a.py",
        "a.rs",
        "a.js",
        "a.ts",
        "a.tsx",
        "a.go",
        "a.sh",
        "a.json",
        "a.sql",
        ".gitconfig",
        "Cargo.toml",
        "package.json",
        "unknown",
        "",
    ];
    for name in names {
        for scrap in scraps {
            assert_eq!(
                super::tag(&SourceChange::new_file(name, scrap)).skipped,
                None
            );
            let _ = super::tag(&SourceChange::fragment(name, scrap));
            let _ = super::tag(&SourceChange::in_file(name, scrap, &[0, 1, 2, u32::MAX]));
        }
    }
}

#[test]
fn the_debug_form_shows_neither_text_nor_name() {
    let shown = format!("{:?}", SourceChange::new_file("secret.py", "password = 1"));
    assert!(
        !shown.contains("secret") && !shown.contains("password"),
        "{shown}"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_tagger_panic(text in "\\PC{0,200}", lines in proptest::collection::vec(0u32..9, 0..4)) {
        for name in ["a.py", "a.ts", "a.go", "a.sh", "a.sql", "a.rs", "package.json", ".gitconfig"] {
            let _ = super::tag(&SourceChange::in_file(name, text.clone(), &lines));
            let _ = super::tag(&SourceChange::fragment(name, &text));
        }
        let _ = super::tag_command(&text);
    }
}
