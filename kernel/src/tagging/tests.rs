use super::language::Language;
use super::*;
use crate::catalogue::{Catalogue, Seek};
use crate::event::{Act, Event, Harness, Origin, Ran};

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

/// One entry that needs a module, and one that is switched off by data.
fn conditions() -> Catalogue {
    let entry = |slug: &str, detector: &str| {
        format!(
            "slug = \"{slug}\"\ndepth = \"listed\"\ntitle = \"{slug}\"\nsummary = \"s\"\nrisk = 1\nrisk_reason = \"r\"\n[[detector]]\n{detector}\n"
        )
    };
    let needs = entry(
        "db-cursors",
        "id = \"execute\"\nkind = \"code\"\nlanguage = \"python\"\nstrength = \"strong\"\nrule = { pattern = \"$C.execute($$$)\" }\nneeds_import = [\"psycopg\", \"sqlite3\"]\nunless_import = [\"concurrent.futures\"]",
    );
    let off = entry(
        "sh-loops",
        "id = \"seq\"\nkind = \"shell\"\ncommand = \"seq\"\nstrength = \"strong\"",
    );
    let run = entry(
        "git-fetches",
        "id = \"fetch\"\nkind = \"shell\"\ncommand = \"git fetch\"\nin_strings = true\nstrength = \"strong\"",
    );
    let locks = entry(
        "pg-row-locks",
        "id = \"for-update\"\nkind = \"sql\"\nmatches = '(?i)(^|\\s)for\\s+update\\b'\nstrength = \"strong\"",
    );
    let verdicts = "[[concept]]\nslug = \"sh-loops\"\njudged = 14\nright = 10\n[[concept]]\nslug = \"db-cursors\"\njudged = 20\nright = 20\n";
    Catalogue::load([
        ("db-cursors.toml", needs.as_str()),
        ("sh-loops.toml", off.as_str()),
        ("git-fetches.toml", run.as_str()),
        ("pg-row-locks.toml", locks.as_str()),
        ("precision.toml", verdicts),
    ])
    .expect("the entries read")
}

#[test]
fn an_import_that_is_asked_for_decides_where_imports_are_seen() {
    let tagger = Tagger::new(&conditions()).expect("the rules compile");
    let sure = |change: SourceChange| {
        let tagged = tagger.tag(&change);
        tagged.mentions.first().map(|m| m.confidence.get())
    };
    let whole =
        |imports: &str| SourceChange::new_file("a.py", format!("{imports}cur.execute(q)\n"));
    assert_eq!(sure(whole("import psycopg\n")), Some(96));
    assert_eq!(sure(whole("from sqlite3 import connect\n")), Some(96));
    assert_eq!(sure(whole("import os\n")), None);
    // No import at all tells nothing.
    assert_eq!(sure(whole("")), Some(92));
    assert_eq!(
        sure(SourceChange::fragment("a.py", "cur.execute(q)\n")),
        Some(92)
    );
    assert_eq!(
        sure(whole("import psycopg\nimport concurrent.futures\n")),
        None
    );
}

#[test]
fn a_concept_that_readers_found_imprecise_rests_with_the_reason() {
    let catalogue = conditions();
    let tagger = Tagger::new(&catalogue).expect("the rules compile");
    assert_eq!(tagger.tag_command("seq 1 5").mentions, []);
    let [resting] = tagger.resting() else {
        panic!("{:?}", tagger.resting());
    };
    assert_eq!(
        (resting.concept.as_str(), resting.detector.as_str()),
        ("sh-loops", "seq")
    );
    assert_eq!(
        resting.why.to_string(),
        "measured precision 0.71 of 14 judged tags"
    );
    let all = Tagger::unjudged(&catalogue).expect("the rules compile");
    assert_eq!(all.tag_command("seq 1 5").mentions.len(), 1);
    let unknown = Catalogue::load([(
        "precision.toml",
        "[[concept]]\nslug = \"gone\"\njudged = 1\nright = 1\n",
    )]);
    assert_eq!(unknown.expect_err("no such entry")[0].code(), "K104");
}

#[test]
fn commands_that_code_hands_to_a_runner_count_where_a_detector_asks() {
    let tagger = Tagger::new(&conditions()).expect("the rules compile");
    let found = |file: &str, code: &str| {
        let tagged = tagger.tag(&SourceChange::new_file(file, code));
        tagged
            .mentions
            .iter()
            .any(|m| m.concept.as_str() == "git-fetches")
    };
    assert!(found(
        "a.py",
        "subprocess.run([\"git\", \"fetch\", name], check=True)\n"
    ));
    assert!(found("a.py", "os.system('git fetch origin')\n"));
    assert!(found("a.js", "execSync(`git fetch`);\n"));
    assert!(found(
        "a.go",
        "package a\nfunc f() { exec.Command(\"git\", \"fetch\").Run() }\n"
    ));
    assert!(!found("a.py", "log('git fetch origin')\n"));
    assert!(!found(
        "a.py",
        "subprocess.run([\"echo\", \"git fetch\"])\n"
    ));
}

#[test]
fn sql_reads_as_one_statement_however_its_string_is_put_together() {
    let tagger = Tagger::new(&conditions()).expect("the rules compile");
    let rows = |file: &str, code: &str| -> Vec<u32> {
        let tagged = tagger.tag(&SourceChange::new_file(file, code));
        tagged.mentions.iter().map(|m| m.line).collect()
    };
    assert_eq!(
        rows(
            "a.py",
            "q = (\"SELECT a \"\n     \"FROM t \"\n     \"FOR UPDATE\")\n"
        ),
        [3]
    );
    assert_eq!(
        rows("a.py", "q = 'SELECT a FROM ' + t + '\\n FOR UPDATE'\n"),
        [1]
    );
    assert_eq!(
        rows(
            "a.py",
            "q = f\"\"\"\n  SELECT a\n  FROM {t('x')}\n  FOR UPDATE\n\"\"\"\n"
        ),
        [4]
    );
    assert_eq!(
        rows(
            "a.ts",
            "const q = `SELECT a FROM ${t}\n  WHERE b FOR UPDATE`;\n"
        ),
        [2]
    );
    assert_eq!(
        rows(
            "a.go",
            "package a\nvar q = \"SELECT a \" +\n\t\"FOR UPDATE\"\n"
        ),
        [3]
    );
    assert_eq!(rows("a.sh", "psql -c 'SELECT a FROM t FOR UPDATE'\n"), [1]);
    assert_eq!(
        rows("a.sql", "SELECT 1;\nSELECT a FROM t\nFOR UPDATE;\n"),
        [3]
    );
    assert_eq!(
        rows("a.py", "q = 'waiting FOR UPDATE'\n"),
        Vec::<u32>::new()
    );
    assert_eq!(
        rows("a.py", "q = \"SELECT 'FOR UPDATE'\"\n"),
        Vec::<u32>::new()
    );
}

#[test]
fn code_inside_of_commands_and_pipelines_counts_where_it_stands() {
    let lines = |tagged: &Tagged, concept: &str| -> Vec<u32> {
        let of = |m: &&Mention| m.concept.as_str() == concept;
        tagged.mentions.iter().filter(of).map(|m| m.line).collect()
    };
    let written = "mkdir x && cat > x/a.py <<'EOF'\nimport shutil\nwith open(a) as f, open(b) as g:\n    copy(f, g)\nEOF\n";
    assert_eq!(lines(&tag_command(written), "py-context-managers"), [3]);
    let handed = "python3 -c \"with open('a') as f, open('b') as g: copy(f, g)\"";
    assert_eq!(lines(&tag_command(handed), "py-context-managers"), [1]);
    let sql = "psql shop <<SQL\nBEGIN;\nSELECT pg_advisory_xact_lock(42);\nSQL\n";
    assert_eq!(lines(&tag_command(sql), "pg-advisory-locks"), [3]);
    assert_eq!(
        tag_command("cat > a.txt <<EOF\ngit rebase main\nEOF\n").mentions,
        []
    );
    let workflow = "jobs:\n  a:\n    steps:\n      - run: |\n          git fetch\n          git rebase origin/main\n      - run: git rebase main\n";
    let tagged = tag(&SourceChange::new_file(".github/workflows/a.yml", workflow));
    assert_eq!(lines(&tagged, "git-rebase"), [6, 7]);
}

#[test]
fn documentation_is_no_code_wherever_a_piece_begins() {
    let tagged = |file: &str, lines: &[&str]| {
        let mut hunk = Hunk::new(9, None);
        lines.iter().for_each(|line| hunk.push(true, line));
        concepts(&tag(&SourceChange::hunks(file, vec![hunk]))).len()
    };
    let code = "with open(a) as f, open(b) as g:";
    assert_eq!(
        tagged("a.py", &[code, "    copy(f, g)", "\"\"\"", "x = 1"]),
        0
    );
    assert_eq!(
        tagged(
            "a.py",
            &[
                "    Use it so::",
                "",
                code,
                "        copy(f, g)",
                "    \"\"\"",
                "    x = 1"
            ]
        ),
        0
    );
    assert_eq!(
        tagged(
            "a.py",
            &[
                "def f():",
                "    \"\"\"",
                "    text",
                "    \"\"\"",
                code,
                "    copy(f, g)"
            ]
        ),
        1
    );
    assert_eq!(
        tagged(
            "a.ts",
            &[
                " * await Promise.all(ids.map(load));",
                " */",
                "export const x = 1;"
            ]
        ),
        0
    );
    assert_eq!(
        tagged(
            "a.ts",
            &[
                "await Promise.all(ids.map(load));",
                "*/",
                "export const x = 1;"
            ]
        ),
        0
    );
    let docstring = "def f():\n    \"\"\"SELECT pg_advisory_lock(1)\"\"\"\n";
    assert_eq!(tag(&SourceChange::new_file("a.py", docstring)).mentions, []);
}

#[test]
fn a_statement_in_sql_has_the_row_at_which_its_text_begins() {
    let tagger = Tagger::new(&conditions()).expect("the rules compile");
    let text = "SELECT 1;\n\n-- a\n\\set x 1\nSELECT a\n  FOR UPDATE;\nfor update;\n";
    let tagged = tagger.tag(&SourceChange::new_file("a.sql", text));
    let rows: Vec<_> = tagged.mentions.iter().map(|m| m.row).collect();
    assert_eq!(rows, [Some(6), Some(7)]);
}

#[test]
fn a_method_cut_out_of_its_class_parses() {
    let mut hunk = Hunk::new(9, None);
    for line in [
        "  async load(ids: string[]): Promise<Row[]> {",
        "    return await Promise.all(ids.map((id) => this.one(id)));",
        "  }",
    ] {
        hunk.push(true, line);
    }
    let tagged = tag(&SourceChange::hunks("rows.ts", vec![hunk]));
    let mention = &tagged.mentions[0];
    assert_eq!(mention.concept.as_str(), "js-promise-concurrency");
    assert_eq!((mention.line, mention.row), (2, Some(10)));
    assert_eq!(mention.within.as_deref(), Some("load"));
    assert_eq!(mention.confidence.get(), 80, "nothing of it is broken");
}

#[test]
fn what_an_engineer_called_wrong_rests_inside_the_tagger() {
    let both = "import contextlib\n@contextlib.contextmanager\ndef f():\n    yield 1\n";
    let change = SourceChange::new_file("a.py", both);
    let all = tag(&change);
    assert_eq!(all.mentions.len(), 2);
    let strong = &all.mentions[1];
    let silenced = Silenced::from([(strong.concept.clone(), strong.detector.clone())]);
    // The weak one does not lean on the one that rests.
    assert_eq!(SAMPLE.tag_without(&change, &silenced).mentions, []);
}

#[test]
fn each_part_of_an_event_is_tagged_by_itself() {
    let origin = Origin {
        harness: Harness::ClaudeCode,
        session: "s".into(),
        turn: None,
        call: None,
    };
    let changes = vec![
        SourceChange::fragment(
            "x/copy.py",
            "with open(a) as f, open(b) as g:\n    copy(f, g)\n",
        ),
        SourceChange::fragment("Cargo.lock", "x\n"),
    ];
    let event = Event::new(origin.clone(), Act::Changed(changes));
    let parts = SAMPLE.tag_event(&event);
    assert_eq!(parts.len(), 2);
    assert_eq!(
        (parts[0].place, parts[0].name),
        (Place::File(0), "x/copy.py")
    );
    assert_eq!(parts[0].tagged.mentions[0].row, None);
    assert_eq!(parts[1].tagged.skipped, Some(Skipped::Generated));
    let ran = Ran {
        command: "git rebase main".into(),
        passed: None,
    };
    let event = Event::new(origin.clone(), Act::Ran(ran));
    let parts = SAMPLE.tag_event(&event);
    assert_eq!(parts[0].place, Place::Command);
    assert_eq!(concepts(&parts[0].tagged), ["git-rebase"]);
    let title = Catalogue::builtin()
        .find("pg-advisory-locks")
        .expect("there")
        .title
        .clone();
    let event = Event::new(
        origin.clone(),
        Act::Planned(vec!["look".into(), format!("Use {title} here")]),
    );
    let parts = SAMPLE.tag_event(&event);
    assert_eq!(parts[0].tagged.mentions, []);
    assert_eq!(concepts(&parts[1].tagged), ["pg-advisory-locks"]);
    assert!(
        SAMPLE
            .tag_event(&Event::new(origin, Act::SessionBegan))
            .is_empty()
    );
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
            let own: Vec<_> = own
                .root()
                .dfs()
                .filter_map(|n| rule.core.match_node(n))
                .map(|m| m.range())
                .collect();
            let flat: Vec<_> = flat
                .root()
                .dfs()
                .filter_map(|n| rule.core.match_node(n))
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
