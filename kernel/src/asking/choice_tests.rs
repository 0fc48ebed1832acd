//! Which concept is chosen, once asking is allowed at all.

use super::tests::{MINUTE, NOON, ask, asks, at, candidate, settings, slug, waits};
use super::*;

#[test]
fn a_new_concept_comes_at_most_once_per_two_asks() {
    let fresh = Candidate {
        new: true,
        risk: 3,
        ..candidate("new-one")
    };
    let known = candidate("known-one");
    let all = [fresh.clone(), known];
    let first = asks(&decide(&at(NOON), &settings(), &[], &all));
    assert!(first.new);
    let after = [PastAsk {
        new: true,
        ..ask(NOON - DAY, AskOutcome::Answered)
    }];
    let second = asks(&decide(&at(NOON), &settings(), &after, &all));
    assert_eq!(second.concept, slug("known-one"));
    waits(
        &decide(&at(NOON), &settings(), &after, std::slice::from_ref(&fresh)),
        "nothing_to_gain",
    );
    let between = [
        after[0].clone(),
        ask(NOON - DAY + HOUR, AskOutcome::Answered),
    ];
    assert!(asks(&decide(&at(NOON), &settings(), &between, &all)).new);
    // Whoever requests a check gets one, new or not.
    assert!(choose_requested(NOON, &after, &[fresh]).is_some());
}

#[test]
fn a_new_concept_that_was_put_off_or_not_sure_does_not_silence_the_rest() {
    let all = ["new-one", "other-one"].map(|name| Candidate {
        new: true,
        ..candidate(name)
    });
    let past = |outcome| PastAsk {
        concept: slug("new-one"),
        new: true,
        ..ask(NOON - DAY, outcome)
    };
    for put_off in [AskOutcome::Snoozed, AskOutcome::Dismissed] {
        let choice = asks(&decide(&at(NOON), &settings(), &[past(put_off)], &all));
        assert!(choice.new, "{put_off:?}");
    }
    // “Not sure” brings no counted answer: the concept itself can be asked again, another new one not yet.
    let unsure = [past(AskOutcome::Answered)];
    let again = asks(&decide(&at(NOON), &settings(), &unsure, &all));
    assert_eq!(again.concept, slug("new-one"));
    let twice = [unsure[0].clone(), past(AskOutcome::Answered)];
    let others = &all[1..];
    assert!(asks(&decide(&at(NOON), &settings(), &twice, others)).new);
}

#[test]
fn the_greatest_gain_times_relevance_is_chosen_not_the_lowest_recall() {
    let chosen = |all: &[Candidate]| asks(&decide(&at(NOON), &settings(), &[], all)).concept;
    let gains = candidate("gains");
    // Nearly forgotten, but a check would not change that.
    let lost = Candidate {
        p: 0.1,
        r30_pass: 0.3,
        r30_fail: 0.1,
        r30_none: 0.05,
        ..candidate("lost")
    };
    assert_eq!(chosen(&[lost.clone(), gains.clone()]), slug("gains"));
    let touched = Candidate {
        touched_today: true,
        ..candidate("touched")
    };
    assert_eq!(chosen(&[gains.clone(), touched.clone()]), slug("touched"));
    let risky = Candidate {
        risk: 3,
        ..candidate("risky")
    };
    assert_eq!(chosen(&[touched.clone(), risky.clone()]), slug("risky"));
    let basis = Candidate {
        open_prerequisite: true,
        risk: 2,
        ..touched
    };
    assert_eq!(chosen(&[risky, basis.clone()]), basis.concept);
    // Equal scores: the slug decides, whatever the order.
    let (a, b) = (candidate("aaa"), candidate("bbb"));
    assert_eq!(chosen(&[a.clone(), b.clone()]), chosen(&[b, a]));
}

#[test]
fn gain_and_relevance_are_those_of_the_protocol() {
    let c = Candidate {
        p: 0.6,
        r30_pass: 0.9,
        r30_fail: 0.5,
        r30_none: 0.7,
        risk: 3,
        touched_today: true,
        open_prerequisite: true,
        ..candidate("git-rebase")
    };
    assert!((c.gain() - 0.04).abs() < 1e-12);
    assert!((c.relevance() - 1.2 * 1.3 * 1.15).abs() < 1e-12);
    assert!((c.score() - 0.04 * c.relevance()).abs() < 1e-12);
    let odd = Candidate { p: f64::NAN, ..c };
    assert!(odd.score().abs() < f64::EPSILON);
}

#[test]
fn nothing_is_asked_that_gains_nothing() {
    let idle = Candidate {
        r30_pass: 0.5,
        r30_fail: 0.4,
        ..candidate("idle")
    };
    waits(
        &decide(&at(NOON), &settings(), &[], std::slice::from_ref(&idle)),
        "nothing_to_gain",
    );
    waits(&decide(&at(NOON), &settings(), &[], &[]), "nothing_to_gain");
    assert!(choose_requested(NOON, &[], &[idle]).is_some());
}

#[test]
fn a_probe_waits_for_its_day_and_then_goes_first() {
    let probe = Candidate {
        probe: true,
        not_before: Some(NOON),
        r30_pass: 0.5,
        r30_fail: 0.4,
        ..candidate("probed")
    };
    let all = [
        Candidate {
            risk: 3,
            ..candidate("other")
        },
        probe,
    ];
    let before = asks(&decide(&at(NOON - MINUTE), &settings(), &[], &all));
    assert_eq!(before.concept, slug("other"));
    let due = asks(&decide(&at(NOON), &settings(), &[], &all));
    assert_eq!((due.concept, due.reason), (slug("probed"), Reason::Probe));
    assert!(due.probe);
}

#[test]
fn a_concept_is_not_asked_again_before_its_answer_would_count() {
    let all = [candidate("old-one")];
    let past = [ask(NOON - 19 * HOUR, AskOutcome::Answered)];
    waits(
        &decide(&at(NOON), &settings(), &past, &all),
        "nothing_to_gain",
    );
    assert_eq!(choose_requested(NOON, &past, &all), None);
    asks(&decide(&at(NOON + HOUR), &settings(), &past, &all));
}

#[test]
fn the_choice_says_why() {
    let reason = |c: Candidate| asks(&decide(&at(NOON), &settings(), &[], &[c])).reason;
    assert_eq!(reason(candidate("one")), Reason::Fading);
    assert_eq!(
        reason(Candidate {
            touched_today: true,
            ..candidate("one")
        }),
        Reason::MetToday
    );
    let basis = Candidate {
        open_prerequisite: true,
        ..candidate("one")
    };
    assert_eq!(reason(basis), Reason::Prerequisite);
}

proptest::proptest! {
    #[test]
    fn whatever_the_engineer_sets_three_a_day_and_one_an_hour_hold(
        steps in proptest::collection::vec((1i64..200, 0u8..4), 1..80),
        per_day in 0u32..30,
        per_week in 0u32..300,
    ) {
        let settings = Settings { per_day, per_week, quiet: Vec::new(), ..settings() };
        let mut past: Vec<PastAsk> = Vec::new();
        let mut now = NOON;
        for (n, (minutes, outcome)) in steps.into_iter().enumerate() {
            now += minutes * MINUTE;
            let all = [candidate(&format!("concept-{n}"))];
            if let Decision::Ask(choice) = decide(&at(now), &settings, &past, &all) {
                let outcomes =
                    [AskOutcome::Answered, AskOutcome::Answered, AskOutcome::Dismissed, AskOutcome::Snoozed];
                let outcome = outcomes[usize::from(outcome)];
                past.push(PastAsk { at: now, concept: choice.concept, outcome, new: false, requested: false });
            }
        }
        for pair in past.windows(2) {
            proptest::prop_assert!(pair[1].at - pair[0].at >= HOUR);
        }
        for ask in &past {
            let same = past.iter().filter(|a| a.at.div_euclid(DAY) == ask.at.div_euclid(DAY));
            proptest::prop_assert!(same.count() as u32 <= HARD_CAP_PER_DAY.min(per_day));
        }
    }
}
