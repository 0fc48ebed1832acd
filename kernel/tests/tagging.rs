//! The tagger against people's labels and judgements: is it right, and is what is not right off?
//!
//! Snippets and judgements are data of this repository; nothing is fetched here. `.ci/prove tagging`
//! runs the rest: real changes of public packages, drawn, judged and counted.

#[path = "../evaluation/judged.rs"]
mod judged;
#[path = "../evaluation/snippets.rs"]
mod snippets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use judged::Tally;
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use kernel::tagging::{Rest, Tagger};

/// F1 that is promised, on what the rules were tuned with and on what nobody looked at.
const F1_AT_LEAST: f64 = 0.9;
/// Labelled snippets, all together and in the third that is held out.
const SNIPPETS_AT_LEAST: (usize, usize) = (300, 100);
/// Judged tags that still stand, and their precision over the concepts that are on.
const JUDGED_AT_LEAST: u32 = 300;
const PRECISION_AT_LEAST: f64 = 0.95;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn marked(name: &str) -> Vec<snippets::Marked> {
    let catalogue = Catalogue::builtin();
    let snippets = snippets::read(&file(name), catalogue).expect("labelled snippets");
    snippets::mark(snippets, Tagger::builtin()).expect("every snippet can be tagged")
}

fn told(name: &str, score: &snippets::Score) -> String {
    let (low, high) = score.f1_interval;
    let all = score.all;
    let mut text = format!(
        "{name}: {} snippets, precision {:.3}, recall {:.3}, F1 {:.3} (95 %: {low:.3} to {high:.3})",
        score.snippets,
        all.precision(),
        all.recall(),
        all.f1()
    );
    for (form, (count, counts)) in &score.by_form {
        text += &format!("\n  {count} of form {}: F1 {:.3}", form.name(), counts.f1());
    }
    text
}

#[test]
fn the_snippets_that_the_rules_were_tuned_with_are_tagged_as_labelled() {
    let catalogue = Catalogue::builtin();
    let marked = marked("evaluation/tune.jsonl");
    let score = snippets::score(&marked, catalogue);
    println!("{}", told("tuned with", &score));
    let mut errors = String::new();
    for one in &marked {
        let (id, name) = (&one.snippet.id, &one.snippet.file);
        for (concept, found) in one.wrong(catalogue) {
            let snippets::Found {
                detector,
                line,
                text,
            } = found;
            errors += &format!("\n{id} {name}: wrong {concept} by {detector}, line {line}: {text}");
        }
        for concept in one.missed() {
            errors += &format!("\n{id} {name}: missed {concept}");
        }
    }
    assert!(
        score.all.f1() >= F1_AT_LEAST,
        "F1 {:.3}{errors}",
        score.all.f1()
    );
    let labelled: BTreeSet<&Slug> = score.by_concept.keys().collect();
    let never: Vec<&Slug> = catalogue
        .iter()
        .map(|concept| &concept.slug)
        .filter(|slug| !labelled.contains(slug))
        .collect();
    assert!(never.is_empty(), "no snippet is about {never:?}");
}

#[test]
fn the_third_that_nobody_looked_at_is_tagged_as_labelled() {
    let catalogue = Catalogue::builtin();
    let (all, held_out) = SNIPPETS_AT_LEAST;
    let marked = marked("evaluation/held-out.jsonl");
    let score = snippets::score(&marked, catalogue);
    println!("{}", told("held out", &score));
    // Figures alone: an error that is told is an error that rules are written for.
    assert!(score.all.f1() >= F1_AT_LEAST, "F1 {:.3}", score.all.f1());
    assert!(
        score.snippets >= held_out,
        "only {} snippets",
        score.snippets
    );

    let tuned = snippets::read(&file("evaluation/tune.jsonl"), catalogue).expect("snippets");
    assert!(
        tuned.len() + score.snippets >= all,
        "fewer than {all} snippets in all"
    );
    let ids: BTreeSet<&str> = tuned.iter().map(|snippet| snippet.id.as_str()).collect();
    let both = marked
        .iter()
        .find(|one| ids.contains(one.snippet.id.as_str()));
    assert!(both.is_none(), "a snippet is in both files");
}

fn precision() -> BTreeMap<Slug, Tally> {
    judged::read_precision(&file("catalogue/precision.toml")).expect("a table of precision")
}

#[test]
fn the_table_of_precision_says_no_more_than_was_judged() {
    let judgements = judged::read(&file("evaluation/judged.jsonl")).expect("judgements");
    let mut made: BTreeMap<&Slug, Tally> = BTreeMap::new();
    for judgement in judgements.values() {
        let concept = &judgement.key.concept;
        assert!(judgement.row > 0, "{judgement:?}");
        assert!(!judgement.why.trim().is_empty(), "no reason: {judgement:?}");
        made.entry(concept).or_default().count(judgement.right);
    }
    let measured = precision();
    let mut on = Tally::default();
    for (slug, tally) in &measured {
        let made = made.get(slug).copied().unwrap_or_default();
        let wrong = |t: Tally| t.judged - t.right;
        assert!(tally.right <= tally.judged, "{slug}: {tally:?}");
        // A judgement whose tag is no longer made is not counted.
        let within = tally.right <= made.right && wrong(*tally) <= wrong(made);
        assert!(within, "{slug}: {tally:?} of {made:?}");
        if !tally.is_switched_off() {
            on.judged += tally.judged;
            on.right += tally.right;
        }
    }
    let (low, high) = on.interval();
    println!(
        "{} of {} judged tags are right: {:.3} (95 %: {low:.3} to {high:.3})",
        on.right,
        on.judged,
        on.precision()
    );
    assert!(
        on.judged >= JUDGED_AT_LEAST,
        "only {} judged tags stand",
        on.judged
    );
    assert!(
        on.precision() >= PRECISION_AT_LEAST,
        "{:.3}",
        on.precision()
    );
    let text = std::fs::read_to_string(file("catalogue/precision.toml")).expect("the table");
    assert_eq!(
        text,
        judged::precision_text(&measured),
        "written by the proof alone"
    );
}

#[test]
fn a_concept_is_off_where_its_measured_precision_is_too_low_and_nowhere_else() {
    let off: BTreeSet<Slug> = precision()
        .into_iter()
        .filter(|(_, tally)| tally.is_switched_off())
        .map(|(slug, _)| slug)
        .collect();
    let resting = Tagger::builtin().resting();
    let imprecise = |r: &kernel::tagging::Resting| matches!(r.why, Rest::Imprecise { .. });
    let rests: BTreeSet<Slug> = resting
        .iter()
        .filter(|r| imprecise(r))
        .map(|r| r.concept.clone())
        .collect();
    assert_eq!(rests, off);
    for slug in &off {
        let concept = Catalogue::builtin().get(slug).expect("a concept");
        let all = concept.detectors.iter().filter(|d| !d.retired).count();
        let rest = resting.iter().filter(|r| r.concept == *slug).count();
        assert_eq!(rest, all, "{slug} is on in part");
    }
    let all_on = Tagger::unjudged(Catalogue::builtin()).expect("the built-in rules compile");
    assert!(
        !all_on.resting().iter().any(imprecise),
        "what measures has all of them on"
    );
}
