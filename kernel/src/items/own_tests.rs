//! Items about the engineer's own lines: what a model may write, and what it may not.

use super::*;
use crate::catalogue::Catalogue;
use proptest::prelude::*;

const NOW: i64 = 1_750_000_000;
const CONCEPT: &str = "pg-advisory-locks";
const LINES: &str = "cur.execute(\"SELECT pg_advisory_lock(%s)\", (job_id,))\nrun_job(job_id)";
const GOOD: &str =
    "The call of pg_advisory_lock takes key job_id, and run_job works on the connection.";

fn code(text: &str) -> Code {
    Code {
        lang: "python".to_owned(),
        text: text.to_owned(),
    }
}

fn own() -> OwnPart {
    OwnPart {
        model: "claude-x".to_owned(),
        at: "api.anthropic.com".to_owned(),
    }
}

fn bases(seed: u64) -> Vec<Item> {
    let slug: Slug = CONCEPT.parse().expect("a slug");
    open_sentences(Catalogue::builtin(), &slug, &[], NOW, seed).expect("it is asked")
}

fn base() -> Item {
    let mut all = bases(3).into_iter();
    all.find(|item| item.aspect == "rollback").expect("open")
}

fn set(said: &str) -> Result<Item, Vec<OwnFlaw>> {
    set_in(Catalogue::builtin(), &base(), said, code(LINES), own())
}

fn kinds(said: &str) -> Vec<&'static str> {
    let flaws = set(said).expect_err(said);
    flaws.iter().map(OwnFlaw::kind).collect()
}

#[test]
fn each_open_aspect_offers_one_sound_sentence() {
    let all = bases(9);
    assert!(all.len() >= 5, "{}", all.len());
    for item in &all {
        assert_eq!(check(Catalogue::builtin(), item), Ok(()));
        assert_eq!(item.form, Form::Complete);
    }
    let seen = [Seen {
        address: all[0].address.clone(),
        at: NOW,
        outcome: SeenOutcome::Right,
    }];
    assert!(!is_open(Catalogue::builtin(), &all[0], &seen, NOW + 1));
    assert!(is_open(Catalogue::builtin(), &all[1], &seen, NOW + 1));
}

#[test]
fn what_is_scored_is_the_catalogues_word_for_word() {
    let item = set(GOOD).expect("a good sentence");
    let plain = plain(Catalogue::builtin(), &item).expect("of the catalogue");
    assert_eq!(plain, base());
    assert_eq!(item.options, plain.options);
    assert_eq!(item.quote, plain.quote);
    assert_eq!(item.address, plain.address);
    assert!(item.stem.starts_with(GOOD) && item.stem.ends_with(&plain.stem));
    let told = item.provenance_sentence(Catalogue::builtin(), Maker::Here);
    assert!(told.contains("claude-x at api.anthropic.com, on your order"));
    assert!(told.contains("fact pg-advisory-locks/rollback/r0"));
}

#[test]
fn a_touched_key_ending_order_or_explanation_is_found() {
    let good = set(GOOD).expect("a good sentence");
    type Change = fn(&mut Item);
    let changes: [Change; 8] = [
        |i| i.options.iter_mut().for_each(|o| o.key = !o.key),
        |i| i.options.swap(0, 1),
        |i| i.options[2].text.push('x'),
        |i| i.options[0].why.clear(),
        |i| i.quote = Some("Anything …".to_owned()),
        |i| i.explanation.clear(),
        |i| i.provenance.seed += 1,
        |i| i.seconds = 1,
    ];
    for change in changes {
        let mut item = good.clone();
        change(&mut item);
        let flaws = check_own(Catalogue::builtin(), &item).expect_err("touched");
        assert!(flaws.contains(&OwnFlaw::NotTheCatalogues), "{flaws:?}");
    }
    assert_eq!(check_own(Catalogue::builtin(), &good), Ok(()));
}

#[test]
fn a_pack_that_claims_to_be_the_engineers_own_is_refused() {
    let good = set(GOOD).expect("a good sentence");
    assert!(check(Catalogue::builtin(), &good).is_err());
    let mut claims = base();
    claims.provenance.own = Some(own());
    assert_eq!(
        check(Catalogue::builtin(), &claims),
        Err(vec![Flaw::Differs("who wrote it")])
    );
}

#[test]
fn each_way_of_saying_too_much_is_named() {
    for (said, kind) in [
        ("It locks job_id.", "too short or too long"),
        (
            "Here the call of pg_advisory_lock takes key job_id and is released by rollback.",
            "hints at an answer",
        ),
        (
            "The call of pg_advisory_lock with job_id stays with the session.",
            "hints at an answer",
        ),
        (
            "The call of pg_advisory_lock does not touch rows of job_id.",
            "denies, or makes absolute or doubtful",
        ),
        (
            "The call of pg_advisory_lock with job_id always comes first.",
            "denies, or makes absolute or doubtful",
        ),
        (
            "The call of pg_advisory_lock guards save_order and job_id.",
            "names what is not in your lines",
        ),
        (
            "The call of pg_advisory_lock takes key 99 for job_id.",
            "names what is not in your lines",
        ),
        (
            "Somewhere in this change a worker takes hold of a key.",
            "names nothing of your lines",
        ),
        (
            "What does pg_advisory_lock do with job_id in this change?",
            "not one or two plain sentences",
        ),
        (
            "See https://example.org for the call of pg_advisory_lock with job_id.",
            "not one or two plain sentences",
        ),
        (
            "The call of pg_advisory_lock\u{1b}[2J takes key job_id here.",
            "not one or two plain sentences",
        ),
    ] {
        assert!(kinds(said).contains(&kind), "{said}: {:?}", kinds(said));
    }
}

#[test]
fn lines_beyond_what_is_shown_are_refused() {
    let of = |text: &str| set_in(Catalogue::builtin(), &base(), GOOD, code(text), own());
    let nine = format!("{LINES}\n{}", "x = 1\n".repeat(7));
    let wide = format!("{LINES} # {}", "w".repeat(OWN_COLUMNS));
    for text in [nine.as_str(), wide.as_str(), ""] {
        let flaws = of(text).expect_err("cannot be shown");
        assert!(flaws.contains(&OwnFlaw::Lines), "{flaws:?}");
    }
}

proptest! {
    #[test]
    fn whatever_a_model_writes_the_key_stays_the_catalogues(said in ".{0,300}", seed: u64) {
        for base in bases(seed).into_iter().take(2) {
            if let Ok(item) = set_in(Catalogue::builtin(), &base, &said, code(LINES), own()) {
                prop_assert_eq!(&item.options, &base.options);
                prop_assert_eq!(&item.quote, &base.quote);
                prop_assert_eq!(check(Catalogue::builtin(), &base), Ok(()));
            }
        }
    }
}
