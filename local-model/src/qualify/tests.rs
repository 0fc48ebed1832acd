use std::collections::BTreeSet;

use super::labels::Answers;
use super::*;
use crate::rank::NoModel;
use crate::rank::tests::{Fake, noise, random};

const NOW: i64 = 1_790_000_000;

pub(crate) fn identity() -> Identity {
    Identity::new(
        "A model",
        "5".repeat(64),
        Some("6".repeat(64)),
        Catalogue::builtin(),
    )
}

fn set() -> LabelledSet {
    LabelledSet::builtin(Catalogue::builtin()).expect("the labelled set reads")
}

async fn measured<F: Fn(&str, &str) -> f64 + Sync>(model: &Fake<F>) -> Qualified {
    let mut identity = identity();
    identity.sentences = None;
    let result = qualify(model, &set(), identity, NOW, |_, _| ()).await;
    result.expect("a result")
}

/// Knows the labels of the texts that `knows` says, and answers at random otherwise.
fn oracle(knows: impl Fn(Source, Role) -> bool) -> Fake<impl Fn(&str, &str) -> f64 + Sync> {
    let set = set();
    let mut good = BTreeSet::new();
    let mut bad = BTreeSet::new();
    for group in &set.answers {
        if knows(group.source, Role::Tempting) {
            for (text, positive) in &group.answers {
                let side = if *positive { &mut good } else { &mut bad };
                side.insert(format!(" {text}"));
            }
        }
    }
    if knows(Source::Written, Role::Stem) {
        good.extend(set.wordings.iter().map(|g| format!(" {}", g.clear)));
        bad.extend(set.wordings.iter().map(|g| format!(" {}", g.clumsy)));
    }
    Fake::new(move |prefix: &str, text: &str| {
        if prefix == "Answer:" {
            -3.0
        } else if good.contains(text) {
            -1.0 - noise(1, &[text])
        } else if bad.contains(text) {
            -2.5 - noise(1, &[text])
        } else {
            -1.0 - 3.0 * noise(1, &[prefix, text])
        }
    })
}

/// An oracle's result with likeness measured: for tests of what a ranker does.
pub(crate) async fn ranker() -> Qualified {
    let result = qualify(&oracle(|_, _| true), &set(), identity(), NOW, |_, _| ()).await;
    result.expect("a result")
}

#[test]
fn the_labelled_set_is_large_balanced_and_its_own() {
    let set = set();
    let written: Vec<&Answers> = set
        .answers
        .iter()
        .filter(|g| g.source == Source::Written)
        .collect();
    let answers: usize = written.iter().map(|g| g.answers.len()).sum();
    assert!(answers >= 80 && set.wordings.len() * 2 >= 80 && set.likes.len() >= 20);
    let pulls: usize = set
        .answers
        .iter()
        .filter(|g| g.source == Source::Catalogue)
        .count();
    assert!(pulls >= 90, "{pulls} aspects");
    // Length alone says next to nothing, even before it is controlled for.
    let share = |pairs: Vec<(usize, usize)>| {
        let longer = pairs.iter().filter(|(good, bad)| good > bad).count() as f64;
        let unequal = pairs.iter().filter(|(good, bad)| good != bad).count() as f64;
        longer / unequal
    };
    let mut of_answers = Vec::new();
    for group in &written {
        let lengths = |positive: bool| {
            let side = group.answers.iter().filter(move |(_, p)| *p == positive);
            side.map(|(text, _)| text.chars().count())
                .collect::<Vec<_>>()
        };
        for good in lengths(true) {
            of_answers.extend(lengths(false).into_iter().map(|bad| (good, bad)));
        }
    }
    let of_stems = set.wordings.iter();
    let of_stems = of_stems.map(|g| (g.clear.chars().count(), g.clumsy.chars().count()));
    let (answers, stems) = (share(of_answers), share(of_stems.collect()));
    assert!((0.35..=0.65).contains(&answers), "{answers}");
    assert!((0.45..=0.55).contains(&stems), "{stems}");
    // No sentence twice, none of the catalogue's.
    let catalogue: BTreeSet<&String> = set
        .answers
        .iter()
        .filter(|g| g.source == Source::Catalogue)
        .flat_map(|g| g.answers.iter().map(|(text, _)| text))
        .collect();
    let mut all = BTreeSet::new();
    let texts = written
        .iter()
        .flat_map(|g| g.answers.iter().map(|(text, _)| text));
    let texts = texts.chain(set.wordings.iter().flat_map(|g| [&g.clear, &g.clumsy]));
    for text in texts.chain(set.likes.iter().flat_map(|l| [&l.text, &l.same, &l.other])) {
        assert!(all.insert(text), "twice: {text}");
        assert!(!catalogue.contains(text), "of the catalogue: {text}");
    }
}

#[test]
fn halves_are_even_and_depend_on_names_alone() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let held = held_out(names.into_iter());
    assert_eq!(held.iter().filter(|h| **h).count(), 3);
    let back = held_out(names.into_iter().rev());
    assert_eq!(held, back.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_model_at_random_earns_nothing() {
    let mut earned = Vec::new();
    for seed in 0..100 {
        let result = measured(&random(seed)).await;
        assert_eq!(result.tier == Tier::Ranker, !result.earned().is_empty());
        if result.tier != Tier::None {
            earned.push(seed);
        }
    }
    assert!(
        earned.len() <= 5,
        "{} of 100 earned a role: {earned:?}",
        earned.len()
    );
}

#[tokio::test]
async fn a_constant_model_and_ones_that_know_the_length_earn_nothing() {
    let chars = |text: &str| text.chars().count() as f64;
    let words = |text: &str| text.split_whitespace().count() as f64;
    let results = [
        measured(&Fake::new(|_: &str, _: &str| -2.0)).await,
        measured(&Fake::new(move |_: &str, text: &str| -chars(text))).await,
        measured(&Fake::new(move |_: &str, text: &str| -100.0 / chars(text))).await,
        measured(&Fake::new(move |_: &str, text: &str| -words(text))).await,
        measured(&Fake::new(move |_: &str, text: &str| -100.0 / words(text))).await,
        measured(&Fake::new(move |_: &str, text: &str| -1.0 / words(text))).await,
        measured(&Fake::new(move |_: &str, text: &str| {
            -chars(text) / words(text)
        }))
        .await,
    ];
    for (at, result) in results.iter().enumerate() {
        assert_eq!(result.tier, Tier::None, "model {at}: {:#?}", result.lines());
        assert!(result.earned().is_empty());
        assert!(
            result.summary().contains("tier none"),
            "{}",
            result.summary()
        );
    }
}

#[tokio::test]
async fn whoever_knows_the_labels_earns_both_roles() {
    let result = ranker().await;
    assert_eq!(result.tier, Tier::Ranker);
    let roles: Vec<Role> = result.earned().iter().map(|(role, _)| *role).collect();
    assert_eq!(roles, Role::ALL);
    for role in &result.roles {
        assert!(
            role.held_out.auc > 0.9 && role.held_out.low > 0.5,
            "{role:#?}"
        );
    }
    assert_eq!(result.part().tier, Tier::Ranker);
}

#[tokio::test]
async fn a_role_is_earned_alone_and_only_by_all_sources_of_labels() {
    let stem = measured(&oracle(|_, role| role == Role::Stem)).await;
    let roles: Vec<Role> = stem.earned().iter().map(|(role, _)| *role).collect();
    assert_eq!((stem.tier, roles), (Tier::Ranker, vec![Role::Stem]));
    // Whoever only sees through silly answers has no say among the catalogue's.
    let jokes = measured(&oracle(|source, role| {
        source == Source::Written && role == Role::Tempting
    }))
    .await;
    assert_eq!(jokes.tier, Tier::None, "{:#?}", jokes.lines());
}

#[tokio::test]
async fn a_result_is_kept_as_json_and_counts_for_the_same_model_alone() {
    let result = ranker().await;
    let text = serde_json::to_string(&result).expect("JSON");
    let back: Qualified = serde_json::from_str(&text).expect("the same");
    assert_eq!(back, result);
    assert_eq!(back.at, NOW);
    assert!(back.is_for(&identity()));
    let mut renamed = identity();
    renamed.name = "Another name of the same file".to_owned();
    assert!(back.is_for(&renamed));
    let change: [fn(&mut Identity); 3] = [
        |i| i.sha256 = "7".repeat(64),
        |i| i.sentences = None,
        |i| i.catalogue += 1,
    ];
    for change in change {
        let mut other = identity();
        change(&mut other);
        assert!(!back.is_for(&other), "{other:?}");
    }
}

#[tokio::test]
async fn a_model_that_stops_says_nothing_about_its_tier() {
    let dying = Fake::dying_at(|_: &str, _: &str| -1.0, 5);
    let error = qualify(&dying, &set(), identity(), NOW, |_, _| ()).await;
    let error = error.expect_err("it died");
    assert_eq!(error.code(), "L020");
    assert!(std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("signal 9")));
    let absent = qualify(&NoModel, &set(), identity(), NOW, |_, _| ()).await;
    assert_eq!(absent.expect_err("absent").code(), "L020");
}

#[tokio::test]
async fn progress_is_heard_to_the_end() {
    let mut heard = Vec::new();
    let mut identity = identity();
    identity.sentences = None;
    let progress = |done, of| heard.push((done, of));
    qualify(&random(1), &set(), identity, NOW, progress)
        .await
        .expect("a result");
    assert!(heard.len() > 10 && heard.windows(2).all(|w| w[0].0 <= w[1].0));
    assert_eq!(heard.last().map(|(done, of)| done == of), Some(true));
}

#[tokio::test]
async fn a_sentence_model_without_sense_does_not_tell_likeness() {
    struct Senseless;
    impl Model for Senseless {
        async fn score(
            &self,
            jobs: Vec<crate::Continuations>,
        ) -> Result<Vec<Vec<crate::Likelihood>>, crate::Down> {
            random(3).score(jobs).await
        }
        async fn embed(&self, texts: Vec<String>) -> Result<Vec<crate::Embedding>, crate::Down> {
            let angle = |text: &str| noise(9, &[text]) as f32 * std::f32::consts::TAU;
            Ok(texts
                .iter()
                .map(|t| vec![angle(t).cos(), angle(t).sin()])
                .collect())
        }
    }
    let result = qualify(&Senseless, &set(), identity(), NOW, |_, _| ())
        .await
        .expect("a result");
    let likeness = result.likeness.as_ref().expect("it was measured");
    assert!(!likeness.holds && !result.tells_likeness(), "{likeness}");
}
