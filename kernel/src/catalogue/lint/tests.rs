use super::*;
use crate::catalogue::Error;

const REBASE: &str = include_str!("../fixture/sample-rebase.toml");
const OUTPUTS: &str = include_str!("../fixture/sample-rebase.json");
const HISTORY: &str = include_str!("../fixture/sample-history.toml");
const COMMITS: &str = include_str!("../fixture/sample-commits.toml");
const MERGE: &str = include_str!("../fixture/sample-merge.toml");

fn load(rebase: &str, outputs: &str, history: &str) -> Result<Catalogue, Vec<Error>> {
    Catalogue::load([
        ("sample/sample-rebase.toml", rebase),
        ("sample/sample-history.toml", history),
        ("sample/sample-commits.toml", COMMITS),
        ("sample/sample-merge.toml", MERGE),
        ("expected/sample-rebase.json", outputs),
    ])
}

/// The rules that a change of the sample entry breaks.
fn seeded(old: &str, new: &str) -> Vec<(Rule, String)> {
    assert!(REBASE.contains(old), "the sample entry lacks {old:?}");
    let catalogue = load(&REBASE.replacen(old, new, 1), OUTPUTS, HISTORY).expect("it reads");
    lint(&catalogue)
        .into_iter()
        .map(|f| (f.rule, f.text))
        .collect()
}

#[track_caller]
fn breaks(rule: Rule, old: &str, new: &str) {
    let found = seeded(old, new);
    assert!(
        found.iter().any(|(r, _)| *r == rule),
        "{rule:?} is not among {found:?}"
    );
}

#[test]
fn the_builtin_catalogue_has_no_finding() {
    let findings: Vec<String> = lint(Catalogue::builtin())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

#[test]
fn the_sample_entry_has_no_finding() {
    let catalogue = load(REBASE, OUTPUTS, HISTORY).expect("it reads");
    assert_eq!(lint(&catalogue), []);
}

#[test]
fn an_unknown_parent_or_prerequisite_is_found() {
    breaks(
        Rule::Graph,
        r#"parent = "sample-history""#,
        r#"parent = "sample-past""#,
    );
    breaks(
        Rule::Graph,
        r#"slug = "sample-commits""#,
        r#"slug = "sample-refs""#,
    );
}

#[test]
fn a_cycle_of_parents_or_prerequisites_is_found() {
    let history = HISTORY.replacen("risk = 1", "parent = \"sample-rebase\"\nrisk = 1", 1);
    let cycle = lint(&load(REBASE, OUTPUTS, &history).expect("it reads"));
    assert!(
        cycle
            .iter()
            .any(|f| f.rule == Rule::Graph && f.text.contains("ancestor")),
        "{cycle:?}"
    );
    let wants =
        "prerequisites = [{ slug = \"sample-rebase\", why = \"Because it does.\" }]\nrisk = 1";
    let history = HISTORY.replacen("risk = 1", wants, 1);
    let back = REBASE.replacen(
        r#"slug = "sample-commits""#,
        r#"slug = "sample-history""#,
        1,
    );
    let cycle = lint(&load(&back, OUTPUTS, &history).expect("it reads"));
    assert!(
        cycle.iter().any(|f| f.text.contains("own prerequisite")),
        "{cycle:?}"
    );
}

#[test]
fn a_prerequisite_that_another_one_implies_is_found() {
    let wants =
        "prerequisites = [{ slug = \"sample-merge\", why = \"Because it does.\" }]\nrisk = 1";
    let history = HISTORY.replacen("risk = 1", wants, 1);
    let both = REBASE.replacen(
        r#"slug = "sample-commits""#,
        r#"slug = "sample-history""#,
        1,
    );
    let found = lint(&load(&both, OUTPUTS, &history).expect("it reads"));
    assert!(
        found.iter().any(|f| f.text.contains("implied through")),
        "{found:?}"
    );
}

#[test]
fn an_ancestor_cycle_does_not_hang_the_catalogue() {
    let history = HISTORY.replacen("risk = 1", "parent = \"sample-rebase\"\nrisk = 1", 1);
    let catalogue = load(REBASE, OUTPUTS, &history).expect("it reads");
    let slug = "sample-rebase".parse().expect("a slug");
    assert!(catalogue.ancestors(&slug).len() <= catalogue.len());
}

#[test]
fn too_long_texts_are_found() {
    let answer = "are new ones with new ids, made on top of main";
    let long = format!(
        "{answer} by a tool that nobody on the team has ever looked into so far, not once in years"
    );
    breaks(Rule::Prose, answer, &long);
    breaks(Rule::Length, answer, &long);
    breaks(Rule::Code, "pick   one\n", &"pick   one\n".repeat(15));
    breaks(
        Rule::Code,
        "pick   one\n",
        &format!("pick   one {}\n", "x".repeat(80)),
    );
    let scene = "On feature, “git rebase main” stops at a conflict, and";
    let many = format!("{scene} {}", "then waits ".repeat(20));
    breaks(Rule::Prose, scene, &many);
    let stem = "This todo list of “git rebase -i main” is saved";
    let slow = format!("{}{stem}", "Read it well. ".repeat(60));
    breaks(Rule::Time, stem, &slow);
}

#[test]
fn absolutes_and_hedges_on_one_side_are_found() {
    breaks(
        Rule::Words,
        "are one new merge commit",
        "are always one new merge commit",
    );
    breaks(
        Rule::Words,
        "are new ones with new ids, made",
        "are usually new ones with new ids, made",
    );
    let named = REBASE
        .replacen(
            "are one new merge commit",
            "are always one new merge commit",
            1,
        )
        .replacen("risk = 2", "terms = [\"always\"]\nrisk = 2", 1);
    assert_eq!(lint(&load(&named, OUTPUTS, HISTORY).expect("it reads")), []);
}

#[test]
fn lengths_that_give_the_key_away_are_found() {
    breaks(
        Rule::Length,
        "are new ones with new ids, made on top of main",
        "are new ones",
    );
    breaks(
        Rule::Length,
        "are new ones with new ids, made on top of main",
        "are new ones with new ids of their own, each made on top of main",
    );
}

#[test]
fn a_wording_that_gives_the_key_away_is_found() {
    let denies = "are no longer on main, and none has the same ids";
    breaks(
        Rule::Giveaway,
        "are new ones with new ids, made on top of main",
        denies,
    );
    let odd = "have new ids, each of them made on top of main";
    breaks(
        Rule::Giveaway,
        "are new ones with new ids, made on top of main",
        odd,
    );
}

#[test]
fn a_missing_or_vague_source_is_found() {
    let source = "git-rebase manual page, “Description”; Pro Git, 3.6 “Rebasing”";
    breaks(Rule::Source, source, "the manual");
    let listed = COMMITS.replacen("source = ", "# source = ", 1);
    let catalogue = Catalogue::load([
        ("sample-commits.toml", listed.as_str()),
        ("sample-history.toml", HISTORY),
    ]);
    let found = lint(&catalogue.expect("it reads"));
    assert!(found.iter().any(|f| f.rule == Rule::Source), "{found:?}");
}

#[test]
fn duplicate_and_malformed_ids_are_found() {
    breaks(Rule::Id, r#"id = "ours-theirs""#, r#"id = "new-commits""#);
    breaks(Rule::Id, r#"id = "ours-theirs""#, r#"id = "ours/theirs""#);
    breaks(
        Rule::Id,
        r#"aspect = "new-commits""#,
        r#"aspect = "no-such""#,
    );
    breaks(
        Rule::Id,
        r#"id = "pull-rebase""#,
        r#"id = "rebase-command""#,
    );
    let same = "are the same ones with main as their new parent";
    breaks(
        Rule::Id,
        "are one new merge commit that has main as parent",
        same,
    );
}

#[test]
fn a_negated_or_missing_question_is_found() {
    let question = "Which version of FILE does it take?";
    breaks(
        Rule::Stem,
        question,
        "Which version of FILE does it not take?",
    );
    breaks(Rule::Stem, question, "It takes a version of FILE.");
    breaks(
        Rule::Prose,
        "the version of whichever side is newer",
        "all of the above",
    );
}

#[test]
fn a_popular_false_answer_with_nothing_against_it_is_found() {
    let probe = "probe = { run = \"sh\", expect = \"from-main\"";
    let start = REBASE.find(probe).expect("the sample has this probe");
    let end = start + REBASE[start..].find("\"\"\" }").expect("its end") + 5;
    breaks(Rule::Condition, &REBASE[start..end], "");
}

#[test]
fn too_few_parts_for_the_depth_are_found() {
    breaks(Rule::Numbers, r#"depth = "standard""#, r#"depth = "full""#);
    let one = "id = \"rebase-or-merge\"";
    breaks(Rule::Numbers, one, &format!("{one}\nretired = true"));
    breaks(
        Rule::Numbers,
        "key = true, why = \"A merge adds",
        "why = \"A merge adds",
    );
    breaks(Rule::Numbers, "  \"set -e\\ngit pull -r\\n\",\n", "");
}

#[test]
fn a_detector_that_errs_on_its_examples_is_found() {
    breaks(
        Rule::Detector,
        r#"command = "git rebase""#,
        r#"command = "git merge""#,
    );
    breaks(
        Rule::Detector,
        "value = \"^(true|merges|interactive)$\"",
        "value = \"(\"",
    );
}

#[test]
fn stored_outputs_that_contradict_the_template_are_found() {
    let spoilt = OUTPUTS.replacen("\"key\": \"f2 f1\"", "\"key\": \"f9\"", 1);
    let found = lint(&load(REBASE, &spoilt, HISTORY).expect("it reads"));
    assert!(found.iter().any(|f| f.rule == Rule::Template), "{found:?}");
    let none = lint(&load(REBASE, "{}", HISTORY).expect("it reads"));
    assert!(none.iter().any(|f| f.rule == Rule::Numbers), "{none:?}");
    breaks(
        Rule::Template,
        r#"onto = ["main", "old~1", "old"]"#,
        r#"onto = ["main", "old"]"#,
    );
}

#[test]
fn a_broken_file_is_named_with_its_key() {
    let says = |text: &str| -> String {
        let errors = load(text, OUTPUTS, HISTORY).expect_err("it is broken");
        errors
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let unknown = says(&REBASE.replacen("summary =", "sumary =", 1));
    assert!(
        unknown.contains("sample/sample-rebase.toml") && unknown.contains("sumary"),
        "{unknown}"
    );
    let deep = says(&REBASE.replacen("pull = 3,", "pul = 3,", 1));
    assert!(deep.contains("pul"), "{deep}");
    let kind = says(&REBASE.replacen("command = \"git rebase\"", "modules = [\"x\"]", 1));
    assert!(
        kind.contains("rebase-command") && kind.contains("command"),
        "{kind}"
    );
    let name = says(&REBASE.replacen("sample-rebase", "sample-other", 1));
    assert!(name.contains("differs from the file's name"), "{name}");
    assert!(says("slug =").contains("sample-rebase.toml"));
}

#[test]
fn outputs_without_their_template_are_refused() {
    let orphan = OUTPUTS.replacen("replayed-range", "other-range", 1);
    let errors = load(REBASE, &orphan, HISTORY).expect_err("an orphan");
    assert!(matches!(&errors[..], [Error::Orphan { .. }]), "{errors:?}");
    assert_eq!(errors[0].code(), "K104");
}

#[test]
fn a_slug_defined_twice_is_refused() {
    let errors = Catalogue::load([
        ("a/sample-merge.toml", MERGE),
        ("b/sample-merge.toml", MERGE),
    ])
    .expect_err("two of one slug");
    assert!(matches!(&errors[..], [Error::Twice { .. }]), "{errors:?}");
}
