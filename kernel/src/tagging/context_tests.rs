//! What stands around a line decides: imports, documentation, strings put together, code inside of
//! code; and what was called wrong or found imprecise rests.

use super::tests::{SAMPLE, concepts, tag, tag_command};
use super::*;
use crate::event::{Act, Event, Harness, Origin, Ran};

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
