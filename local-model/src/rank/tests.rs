//! Models that are not: deterministic answers, so that what they earn and choose is known.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use kernel::catalogue::Catalogue;
use kernel::items::{self, Form, Wish};
use sha2::{Digest, Sha256};

use super::*;
use crate::{Continuations, Down, Embedding, Likelihood, Model, Reason};

/// Answers by a function of prefix and continuation: the mean logarithm a token. Tokens are words.
pub(crate) struct Fake<F> {
    mean: F,
    calls: AtomicUsize,
    dies_at: usize,
}

impl<F: Fn(&str, &str) -> f64 + Sync> Fake<F> {
    pub fn new(mean: F) -> Self {
        Self {
            mean,
            calls: AtomicUsize::new(0),
            dies_at: usize::MAX,
        }
    }

    /// Its process ends at that call.
    pub fn dying_at(mean: F, call: usize) -> Self {
        Self {
            dies_at: call,
            ..Self::new(mean)
        }
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    fn called(&self) -> Result<(), Down> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call >= self.dies_at {
            let how = "signal 9".to_owned();
            return Err(Down::Died(Reason::Died { how }));
        }
        Ok(())
    }
}

impl<F: Fn(&str, &str) -> f64 + Sync> Model for Fake<F> {
    async fn score(&self, jobs: Vec<Continuations>) -> Result<Vec<Vec<Likelihood>>, Down> {
        self.called()?;
        let of = |job: &Continuations| {
            let all = job.continuations.iter();
            all.map(|continuation| {
                let tokens = continuation.split_whitespace().count() as u32;
                let mean = (self.mean)(&job.prefix, continuation);
                let log = mean * f64::from(tokens);
                Likelihood { log, tokens }
            })
            .collect()
        };
        Ok(jobs.iter().map(of).collect())
    }

    /// Words that two texts share make them alike.
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Embedding>, Down> {
        self.called()?;
        Ok(texts.iter().map(|text| words(text)).collect())
    }
}

fn words(text: &str) -> Embedding {
    let mut direction = vec![0.0_f32; 512];
    let lower = text.to_lowercase();
    for word in lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
    {
        let digest = Sha256::digest(word.as_bytes());
        let at = usize::from(digest[0]) * 2 + usize::from(digest[1] % 2);
        direction[at] += 1.0;
    }
    direction[0] += 0.01;
    let length = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
    direction.iter().map(|x| x / length).collect()
}

/// A number from 0 to 1 that depends on all of these.
pub(crate) fn noise(seed: u64, texts: &[&str]) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let digest = hash.finalize();
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    f64::from(number) / f64::from(u32::MAX)
}

/// Answers at random, the same for the same seed.
pub(crate) fn random(seed: u64) -> Fake<impl Fn(&str, &str) -> f64 + Sync> {
    Fake::new(move |prefix: &str, text: &str| -1.0 - 4.0 * noise(seed, &[prefix, text]))
}

fn git_rebase() -> &'static kernel::catalogue::Concept {
    Catalogue::builtin().find("git-rebase").expect("a concept")
}

#[tokio::test]
async fn each_pair_is_asked_once_and_batches_are_small() {
    let model = Fake::new(|_: &str, text: &str| -(text.len() as f64));
    let mut book = Book::default();
    for at in 0..40 {
        for _ in 0..2 {
            book.look("one prefix", &format!(" continuation {at}"));
        }
    }
    for at in 0..5 {
        book.look(&format!("prefix {at}"), " x");
    }
    let mut heard = Vec::new();
    let progress = |done, of| heard.push((done, of));
    book.fetch(&model, "testing", progress)
        .await
        .expect("answers");
    // Forty continuations are three jobs; with five more these are two calls of four jobs.
    assert_eq!((model.calls(), heard), (2, vec![(4, 8), (8, 8)]));
    assert_eq!(book.look("prefix 3", " x").per_token(), -2.0);
    book.fetch(&model, "testing", |_, _| ())
        .await
        .expect("answers");
    assert_eq!(model.calls(), 2, "nothing is asked twice");
}

#[tokio::test]
async fn an_answer_that_is_none_is_refused() {
    for nonsense in [f64::NAN, f64::NEG_INFINITY, 1.0] {
        let model = Fake::new(move |_: &str, _: &str| nonsense);
        let mut book = Book::default();
        book.look("a", " b");
        let error = book.fetch(&model, "testing", |_, _| ()).await;
        assert_eq!(error.expect_err("nonsense").code(), "L021");
    }
    let error = embed(&NoModel, &["a".to_owned()], "testing").await;
    assert_eq!(error.expect_err("absent").code(), "L020");
}

#[test]
fn scores_are_means_and_gains_differences() {
    let mut look = |prefix: &str, text: &str| {
        let log = match prefix {
            "Answer:" => -4.0,
            "The lock" => -1.0,
            "Question:" => -5.0,
            _ => -2.0,
        };
        let tokens = text.split_whitespace().count() as u32;
        let log = log * f64::from(tokens);
        Likelihood { log, tokens }
    };
    let mut asked = Asked {
        stems: vec!["One?".to_owned(), "Two?".to_owned()],
        lead: Some("The lock".to_owned()),
    };
    let mut score =
        |asked: &Asked, scoring| tempting(asked, "stays held for ever", scoring, &mut look);
    assert_eq!(score(&asked, Scoring::Asked), -2.0);
    assert_eq!(score(&asked, Scoring::AskedGain), 2.0);
    assert_eq!(score(&asked, Scoring::Led), -1.0);
    assert_eq!(score(&asked, Scoring::LedGain), 3.0);
    // An aspect without a lead is scored by its question.
    asked.lead = None;
    assert_eq!(score(&asked, Scoring::Led), -2.0);
    assert_eq!(score(&asked, Scoring::LedGain), 2.0);
    let stem = "A session ends. What happens?";
    let mut reads = |scoring| reading(stem, scoring, &mut look);
    assert_eq!(reads(Scoring::PerToken), -5.0);
    assert_eq!(reads(Scoring::PerCharacter), -5.0 * 5.0 / stem.len() as f64);
    assert_eq!(reads(Scoring::Follows), -2.0);
}

#[tokio::test]
async fn variants_are_sorted_by_their_parts_and_ties_by_address() {
    let catalogue = Catalogue::builtin();
    let concept = git_rebase();
    let aspect = &concept.aspects[0];
    // The third false answer tempts most, the second scene reads best.
    let favourite = aspect.wrong[2].text.clone();
    let scene = aspect.scenes[1].clone();
    let model = Fake::new(move |_: &str, text: &str| {
        let liked = text.contains(&favourite) || text.contains(&scene);
        if liked { -1.0 } else { -3.0 }
    });
    let earned = [
        (Role::Tempting, Scoring::Asked),
        (Role::Stem, Scoring::PerToken),
    ];
    let scores = Scores::of(&model, concept, &[aspect], &earned)
        .await
        .expect("scores");
    assert_eq!(scores.len(), aspect.wrong.len() + aspect.scenes.len());
    let wish = Wish {
        aspect: &aspect.id,
        form: Form::Ask,
        seed: 1,
        most: 96,
    };
    let mut variants = items::variants(catalogue, &concept.slug, &wish).expect("variants");
    let all: BTreeMap<_, _> = variants
        .iter()
        .map(|i| (i.address.clone(), i.clone()))
        .collect();
    assert!(order(catalogue, &mut variants, &scores).expect("an order"));
    assert_eq!(variants.len(), all.len(), "nothing is lost or made");
    for item in &variants {
        assert_eq!(Some(item), all.get(&item.address), "nothing is changed");
    }
    let best = &variants[0];
    assert!(best.stem.starts_with(&aspect.scenes[1]));
    let shown = |item: &items::Item| item.options.iter().any(|o| o.text == aspect.wrong[2].text);
    if variants.iter().any(shown) {
        assert!(shown(best));
    }
    let mut reversed: Vec<_> = all.into_values().rev().collect();
    order(catalogue, &mut reversed, &scores).expect("an order");
    assert_eq!(variants, reversed, "the order of asking decides nothing");
    // Scores that are all equal leave the draw's order as it is.
    let constant = Fake::new(|_: &str, _: &str| -2.0);
    let scores = Scores::of(&constant, concept, &[aspect], &earned)
        .await
        .expect("scores");
    let before = reversed.clone();
    assert!(!order(catalogue, &mut reversed, &scores).expect("an order"));
    assert_eq!(before, reversed);
}

#[test]
fn draws_are_even_and_the_same_for_ever() {
    let mut chance = Chance::new("test", 7);
    let drawn: Vec<usize> = (0..6).map(|_| chance.below(100)).collect();
    let mut again = Chance::new("test", 7);
    assert_eq!(drawn, (0..6).map(|_| again.below(100)).collect::<Vec<_>>());
    assert!(chance.seed() < 1 << 53);
    let mut first = [0; 3];
    for _ in 0..4_000 {
        let order = chance.sample(vec![(1, 0), (0, 1), (3, 2)], 3);
        assert_eq!(order.len(), 2, "a weight of 0 is never drawn");
        first[order[0]] += 1;
    }
    assert!((900..1_100).contains(&first[0]), "{first:?}");
}
