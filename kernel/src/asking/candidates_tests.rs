//! Candidates: what is met, what is left alone, what a probe and a claim hold back.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::catalogue::Catalogue;
use crate::delta::{Answer, AnswerKind, Evidence, Observation, Outcome, Retract, Scope, State};
use crate::evidence::Pair;
use crate::ids::{Hour, Slug};
use crate::items::SeenOutcome;

const NOON: i64 = 1_750_248_000;

fn slug(text: &str) -> Slug {
    Slug::new(text).expect("a slug")
}

/// An engineer whose state a test writes down.
#[derive(Default)]
struct Engineer {
    pairs: BTreeMap<Slug, Pair>,
    touched: BTreeSet<Slug>,
    probes: BTreeMap<Slug, i64>,
    retracts: Vec<Retract>,
    muted: Muted,
    claims: BTreeMap<Slug, Claim>,
}

impl Engineer {
    fn observe(&mut self, concept: &str, days_ago: i64, observed: Observation) {
        self.pairs
            .entry(slug(concept))
            .or_default()
            .observe(&Evidence {
                concept: slug(concept),
                observed,
                from: State::Unknown,
                to: State::Unknown,
                at: Hour::floor(NOON - days_ago * DAY),
            });
    }

    fn meet(&mut self, concept: &str, days_ago: i64) {
        self.observe(concept, days_ago, Observation::Seen);
    }

    fn answer(&mut self, concept: &str, days_ago: i64, outcome: Outcome) {
        let answer = Answer {
            outcome,
            kind: AnswerKind::Choice4,
            probe: false,
        };
        self.observe(concept, days_ago, Observation::Answer(answer));
    }

    fn mute(&mut self, name: &str) {
        let mute = Mute::named(name, Catalogue::builtin()).expect("a name");
        self.muted.insert(mute);
    }

    fn candidates(&self, reach: Reach<'_>) -> Vec<Candidate> {
        let desk = Desk {
            pairs: &self.pairs,
            catalogue: Catalogue::builtin(),
            touched: &self.touched,
            probes: &self.probes,
            retracts: &self.retracts,
            muted: &self.muted,
            claims: &self.claims,
            now: NOON,
        };
        candidates(&desk, reach)
    }

    fn met(&self) -> Vec<String> {
        let all = self.candidates(Reach::Met);
        all.iter().map(|c| c.concept.to_string()).collect()
    }

    fn only(&self, concept: &str) -> Candidate {
        let all = self.candidates(Reach::Met);
        all.into_iter()
            .find(|c| c.concept == slug(concept))
            .expect("it is a candidate")
    }
}

#[test]
fn what_was_met_can_be_asked_and_so_can_what_it_builds_on() {
    let mut engineer = Engineer::default();
    engineer.meet("git-rebase", 9);
    assert_eq!(engineer.met(), ["git-rebase"]);
    assert!(!engineer.only("git-rebase").touched_today);
    engineer.touched.insert(slug("git-rebase"));
    assert!(engineer.only("git-rebase").touched_today);
    // Something met today whose prerequisite is asked, too.
    let catalogue = Catalogue::builtin();
    let (above, below) = catalogue
        .askable()
        .find_map(|c| {
            let below = catalogue.prerequisites(&c.slug);
            let asked = below.into_iter().find(|p| p.is_askable())?;
            Some((c.slug.clone(), asked.slug.clone()))
        })
        .expect("the catalogue has one");
    let mut engineer = Engineer::default();
    engineer.meet(above.as_str(), 0);
    let basis = engineer.only(below.as_str());
    assert!(basis.open_prerequisite && basis.new);
    assert_eq!(basis.standing.basis_of, Some(above.clone()));
    // Demonstrated, it is open no more; muted above, it matters no more.
    engineer.answer(below.as_str(), 3, Outcome::Pass);
    engineer.answer(below.as_str(), 2, Outcome::Pass);
    assert!(!engineer.only(below.as_str()).open_prerequisite);
    let mut muted = Engineer::default();
    muted.meet(above.as_str(), 0);
    muted.mute(above.as_str());
    assert!(muted.met().is_empty(), "{:?}", muted.met());
}

#[test]
fn everything_can_be_asked_for_but_what_is_never_asked() {
    let engineer = Engineer::default();
    assert!(engineer.met().is_empty());
    let all = engineer.candidates(Reach::All).len();
    assert_eq!(all, Catalogue::builtin().askable().count());
    assert!(
        engineer
            .candidates(Reach::Named(&slug("db-relational")))
            .is_empty()
    );
}

#[test]
fn what_is_muted_is_no_candidate_but_on_an_explicit_wish() {
    let mut engineer = Engineer::default();
    for concept in [
        "pg-advisory-locks",
        "pg-transaction-isolation",
        "git-rebase",
    ] {
        engineer.meet(concept, 0);
    }
    engineer.probes.insert(slug("pg-advisory-locks"), NOON);
    engineer.mute("pg");
    assert_eq!(engineer.met(), ["git-rebase"]);
    let all = engineer.candidates(Reach::All);
    assert!(all.iter().all(|c| !c.concept.as_str().starts_with("pg-")));
    let named = slug("pg-advisory-locks");
    assert_eq!(engineer.candidates(Reach::Named(&named)).len(), 1);
}

#[test]
fn a_claim_is_asked_harder_then_left_alone_for_six_months() {
    let mut engineer = Engineer::default();
    engineer.meet("git-rebase", 1);
    let claim = Claim::new(NOON - HOUR);
    // Also before it was ever met.
    engineer.claims.insert(slug("py-clocks"), claim);
    assert_eq!(engineer.met(), ["git-rebase", "py-clocks"]);
    engineer.claims.clear();
    engineer.claims.insert(slug("git-rebase"), claim);
    let open = engineer.only("git-rebase");
    assert_eq!(open.standing.claim, Some(0));
    let once = claim.answered(NOON - HOUR, SeenOutcome::Right, true);
    engineer.claims.insert(slug("git-rebase"), once);
    let second = engineer.only("git-rebase");
    assert_eq!(second.standing.claim, Some(1));
    assert_eq!(second.not_before, Some(NOON + 19 * HOUR));
    let past = NOON - 90 * DAY;
    let held = Claim::new(past)
        .answered(past, SeenOutcome::Right, true)
        .answered(past + DAY, SeenOutcome::Right, true);
    engineer.claims.insert(slug("git-rebase"), held);
    assert!(engineer.met().is_empty());
    let named = slug("git-rebase");
    assert_eq!(engineer.candidates(Reach::Named(&named)).len(), 1);
    // It did not hold: as any other.
    let over = Claim::new(past).answered(past, SeenOutcome::Wrong, true);
    engineer.claims.insert(slug("git-rebase"), over);
    assert_eq!(engineer.only("git-rebase").standing.claim, None);
}

#[test]
fn a_probe_drawn_before_the_claim_keeps_its_day_and_comes_first() {
    let mut engineer = Engineer::default();
    engineer.answer("git-rebase", 3, Outcome::Pass);
    engineer.answer("git-rebase", 2, Outcome::Pass);
    engineer.probes.insert(slug("git-rebase"), NOON + 20 * DAY);
    engineer.claims.insert(slug("git-rebase"), Claim::new(NOON));
    let held = engineer.only("git-rebase");
    assert!(held.probe && held.standing.claim.is_none());
    assert_eq!(held.not_before, Some(NOON + 20 * DAY));
}

#[test]
fn a_probe_that_is_a_week_late_is_an_ordinary_check() {
    let mut engineer = Engineer::default();
    engineer.answer("git-rebase", 60, Outcome::Pass);
    engineer.answer("git-rebase", 50, Outcome::Pass);
    for (late, is_probe) in [(0, true), (7, true), (8, false)] {
        engineer
            .probes
            .insert(slug("git-rebase"), NOON - late * DAY);
        assert_eq!(
            engineer.only("git-rebase").probe,
            is_probe,
            "{late} days late"
        );
    }
}

#[test]
fn a_wish_is_held_back_neither_by_a_probes_day_nor_by_twenty_hours() {
    let mut engineer = Engineer::default();
    engineer.answer("git-rebase", 0, Outcome::Pass);
    engineer.probes.insert(slug("git-rebase"), NOON + 20 * DAY);
    let named = slug("git-rebase");
    let found = engineer.candidates(Reach::Named(&named));
    assert_eq!((found[0].not_before, found[0].probe), (None, false));
    engineer.probes.insert(slug("git-rebase"), NOON);
    let mut due = Engineer::default();
    due.answer("git-rebase", 30, Outcome::Pass);
    due.probes.insert(slug("git-rebase"), NOON - DAY);
    assert!(due.candidates(Reach::Named(&named))[0].probe);
}

#[test]
fn what_was_just_forgotten_rests_until_its_hour_is_over() {
    let mut engineer = Engineer::default();
    engineer.touched.insert(slug("git-rebase"));
    engineer.meet("git-rebase", 0);
    engineer.retracts.push(Retract {
        scope: Scope::Concept(slug("git-rebase")),
        at: Hour::floor(NOON),
    });
    assert!(engineer.met().is_empty());
    assert!(
        engineer
            .candidates(Reach::Named(&slug("git-rebase")))
            .is_empty()
    );
    engineer.retracts[0].at = Hour::floor(NOON - HOUR);
    assert_eq!(engineer.met(), ["git-rebase"]);
}

#[test]
fn claims_and_doubtful_records_go_before_gain_and_due_probes_before_both() {
    let mut engineer = Engineer::default();
    for n in 0..12 {
        // One right in four over all: this record is that of a guesser.
        let outcome = if n % 4 == 3 {
            Outcome::Pass
        } else {
            Outcome::Fail
        };
        engineer.answer("py-clocks", 40 - n, outcome);
        engineer.answer("http-retries", 40 - n, outcome);
    }
    engineer.answer("git-rebase", 4, Outcome::Pass);
    engineer.answer("git-rebase", 2, Outcome::Pass);
    engineer.meet("web-sql-injection", 0);
    let situation = Situation::read(&[Event::Commit], NOON, 0);
    let settings = Settings::new(NOON - 100 * DAY);
    let decided = |engineer: &Engineer| match decide(
        &situation,
        &settings,
        &[],
        &engineer.candidates(Reach::Met),
    ) {
        Decision::Ask(choice) => (choice.concept.to_string(), choice.reason, choice.harder),
        Decision::Wait(wait) => panic!("it waits: {}", wait.because()),
    };
    assert_eq!(
        decided(&engineer),
        ("git-rebase".into(), Reason::Doubt, false)
    );
    engineer
        .claims
        .insert(slug("py-clocks"), Claim::new(NOON - DAY));
    assert_eq!(
        decided(&engineer),
        ("py-clocks".into(), Reason::Claim, true)
    );
    engineer.probes.insert(slug("http-retries"), NOON - HOUR);
    assert_eq!(
        decided(&engineer),
        ("http-retries".into(), Reason::Probe, false)
    );
}
