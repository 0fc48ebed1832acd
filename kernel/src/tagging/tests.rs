use super::language::Language;
use super::*;
use crate::catalogue::{Catalogue, Seek};

/// A few entries, so that what others find in the same texts plays no part.
pub(super) static SAMPLE: LazyLock<Tagger> = LazyLock::new(|| {
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

pub(super) fn tag(change: &SourceChange) -> Tagged {
    SAMPLE.tag(change)
}

pub(super) fn tag_command(command: &str) -> Tagged {
    SAMPLE.tag_command(command)
}

pub(super) fn concepts(tagged: &Tagged) -> Vec<&str> {
    let mut found: Vec<&str> = tagged.mentions.iter().map(|m| m.concept.as_str()).collect();
    found.dedup();
    found
}

#[test]
fn every_detector_finds_its_positive_and_no_negative_examples() {
    let catalogue = Catalogue::builtin();
    let tagger = Tagger::unjudged(catalogue).expect("the rules compile");
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
fn a_detector_rests_for_want_of_its_grammar_or_of_precision() {
    for resting in Tagger::builtin().resting() {
        let concept = Catalogue::builtin()
            .get(&resting.concept)
            .expect("a concept of the catalogue");
        let detector = concept
            .detectors
            .iter()
            .find(|d| d.id == resting.detector)
            .expect("its detector");
        match &resting.why {
            Rest::NoGrammar { language } => {
                assert!(matches!(&detector.seek, Seek::Code { language: l, .. } if l == language));
            }
            Rest::Imprecise(verdicts) => assert!(verdicts.is_off()),
        }
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
    let tagger = &SAMPLE;
    let hits = |file| {
        let asked = scan::Asked::whole(None, file, text, &[]);
        tagger.find(&asked).expect("small").hits.len()
    };
    assert_eq!(hits("/home/ada/.gitconfig"), 1);
    assert_eq!(hits("/home/ada/setup.cfg"), 0);
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
    // A word that some detector needs, so that the text is parsed at all.
    let open = "(\n".repeat(9_000);
    let deep = format!(
        "{open}asyncio.gather, Promise.all, RefCell{}",
        ")\n".repeat(9_000)
    );
    for name in ["a.py", "a.js", "a.rs", "a.ts"] {
        let tagged = super::tag(&SourceChange::new_file(name, deep.clone()));
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
            let binary = scrap.contains('\0').then_some(Skipped::Binary);
            assert_eq!(
                super::tag(&SourceChange::new_file(name, scrap)).skipped,
                binary
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

#[test]
fn a_mention_tells_its_row_its_function_and_how_sure_it_is() {
    let mut hunk = Hunk::new(40, Some("class Copier:".to_owned()));
    for (added, line) in [
        (false, "    def run(self):"),
        (true, "        with open(a) as f, open(b) as g:"),
        (true, "            copy(f, g)"),
    ] {
        hunk.push(added, line);
    }
    let tagged = tag(&SourceChange::hunks("copy.py", vec![hunk]));
    let mention = &tagged.mentions[0];
    assert_eq!((mention.line, mention.row), (1, Some(41)));
    assert_eq!(mention.within.as_deref(), Some("run"));
    assert_eq!(mention.confidence.get(), 80);
    let mut hunk = Hunk::new(7, Some("class Copier:".to_owned()));
    hunk.push(true, "        with open(a) as f, open(b) as g:");
    hunk.push(true, "            copy(f, g)");
    let tagged = tag(&SourceChange::hunks("copy.py", vec![hunk]));
    assert_eq!(tagged.mentions[0].within.as_deref(), Some("class Copier:"));
}

/// Texts built to make rules look far: each ends, with a result or a reason.
#[test]
fn a_text_built_to_be_slow_is_bounded_by_steps() {
    let wide = format!("x = [{}]\n", "asyncio.gather(a),\n".repeat(20_000));
    let nested = format!(
        "{}pass\n",
        (0..300)
            .map(|n| format!("{}with a() as b:\n", " ".repeat(n)))
            .collect::<String>()
    );
    let chain = format!(
        "Promise.all(x){}\n",
        ".then(\nawait Promise.all(y))".repeat(8_000)
    );
    let plus = format!(
        "q = 'SELECT '\n{}",
        "+ 'pg_advisory_lock(1)'\\\n".repeat(15_000)
    );
    let commas = "SELECT pg_advisory_lock(1),\n".repeat(15_000);
    let list = format!("a:\n{}", "- {b: [c, {d: e}]}\n".repeat(15_000));
    for (name, text) in [
        ("a.py", &wide),
        ("a.py", &nested),
        ("a.ts", &chain),
        ("a.py", &plus),
        ("a.js", &plus),
        ("a.sql", &commas),
        ("docker-compose.yml", &list),
        ("package.json", &"[".repeat(9_000)),
    ] {
        let _ = super::tag(&SourceChange::new_file(name, text.clone()));
        let rows: Vec<u32> = (1..20_000).step_by(2).collect();
        let _ = super::tag(&SourceChange::in_file(name, text.clone(), &rows));
    }
}

#[test]
fn rules_match_in_the_flat_tree_as_in_the_parsers_own() {
    use ast_grep_core::matcher::MatcherExt as _;
    let catalogue = Catalogue::builtin();
    let tagger = Tagger::unjudged(catalogue).expect("the rules compile");
    let mut compared = 0;
    let examples = catalogue
        .iter()
        .flat_map(|c| &c.detectors)
        .flat_map(|d| d.positive.iter().chain(&d.negative));
    for example in examples {
        let Some(Ok(Some(language))) = example.language.as_deref().map(Language::named) else {
            continue;
        };
        let (Some(grammar), Some(parser)) = (tagger.grammars.get(&language), language.grammar())
        else {
            continue;
        };
        let own = ast_grep_core::AstGrep::new(&example.code, parser);
        let flat =
            ast_grep_core::AstGrep::doc(syntax::Syntax::of(&example.code, parser).expect("small"));
        for rule in &grammar.rules {
            let core = rule.matcher.core(&tagger.compiled).expect("it compiles");
            let own: Vec<_> = own
                .root()
                .dfs()
                .filter_map(|n| core.match_node(n))
                .map(|m| m.range())
                .collect();
            let flat: Vec<_> = flat
                .root()
                .dfs()
                .filter_map(|n| core.match_node(n))
                .map(|m| m.range())
                .collect();
            assert_eq!(own, flat, "{}", example.code);
            compared += own.len();
        }
    }
    assert!(compared > 200, "only {compared} matches were compared");
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

    /// A comment line before, between and after changes no concept; files do
    /// not touch each other; nothing is mentioned that is not there.
    #[test]
    fn a_comment_line_changes_no_mention(
        picks in proptest::collection::vec(proptest::sample::select(PIECES), 1..6),
        at in 0_usize..40,
    ) {
        let lines: Vec<&str> = picks.iter().flat_map(|p| p.lines()).collect();
        let whole = |lines: &[&str]| super::tag(&SourceChange::new_file("a.py", lines.join("\n")));
        let plain = whole(&lines);
        for mention in &plain.mentions {
            proptest::prop_assert!(mention.line >= 1 && mention.line as usize <= lines.len());
        }
        // Between two statements, as a comment inside of a string is none.
        let starts: Vec<usize> = (0..=lines.len()).filter(|n| lines.get(*n).is_none_or(|l| !l.starts_with([' ', ')']))).collect();
        let at = starts[at % starts.len()];
        let mut more = lines.clone();
        more.insert(at, "# asyncio.gather, pg_advisory_lock(1), git rebase");
        let moved = |line: u32| if line as usize > at { line + 1 } else { line };
        let expected: Vec<_> = plain.mentions.iter().map(|m| (m.concept.clone(), m.detector.clone(), moved(m.line))).collect();
        let found: Vec<_> = whole(&more).mentions.into_iter().map(|m| (m.concept, m.detector, m.line)).collect();
        proptest::prop_assert_eq!(expected, found);
    }

    #[test]
    fn what_a_diff_takes_away_or_shows_around_is_never_mentioned(
        picks in proptest::collection::vec((0_u8..3, proptest::sample::select(PIECES)), 1..8),
    ) {
        let mut hunk = String::new();
        let (mut old, mut new, mut added) = (0, 0, Vec::new());
        for (mark, piece) in &picks {
            for line in piece.lines() {
                let (sign, o, n) = [('-', 1, 0), (' ', 1, 1), ('+', 0, 1)][usize::from(*mark)];
                hunk.push_str(&format!("{sign}{line}\n"));
                old += o;
                new += n;
                if sign == '+' {
                    added.push(line);
                }
            }
        }
        let file = |name: &str| format!("diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1,{old} +1,{new} @@\n{hunk}");
        let tags = |text: &str| -> Vec<(String, Tagged)> {
            let diff = crate::diff::read(text.as_bytes()).expect("a diff");
            let mut all: Vec<_> = diff.files.iter().map(|f| (f.path.clone(), super::tag(f.change.as_ref().expect("text")))).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        let (a, b, other) = (file("a.py"), file("b.py"), "diff --git a/o.py b/o.py\n--- a/o.py\n+++ b/o.py\n@@ -0,0 +1 @@\n+import contextlib\n");
        let forward = tags(&format!("{a}{other}{b}"));
        proptest::prop_assert_eq!(&forward, &tags(&format!("{b}{other}{a}")));
        proptest::prop_assert_eq!(&forward[0].1, &forward[1].1);
        for mention in &forward[0].1.mentions {
            proptest::prop_assert!(mention.line as usize <= added.len());
        }
        if added.is_empty() {
            proptest::prop_assert_eq!(&forward[0].1.mentions, &Vec::new());
        }
    }
}

/// Pieces of code that stand by themselves.
const PIECES: &[&str] = &[
    "import asyncio",
    "import contextlib",
    "import psycopg",
    "@contextlib.contextmanager\ndef f():\n    yield 1",
    "with open(a) as f, open(b) as g:\n    copy(f, g)",
    "async def g():\n    await asyncio.gather(a, b)\n    time.sleep(1)",
    "def h(x=[]):\n    return x",
    "q = (\n    \"SELECT pg_advisory_lock(1) \"\n    \"FROM t\"\n)",
    "x = 1",
    "class A:\n    def __enter__(self):\n        return self\n    def __exit__(self, *e):\n        pass",
];
