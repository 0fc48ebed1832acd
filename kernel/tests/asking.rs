//! When to ask, over weeks: drawn traces and recorded sessions under a referee, faults that it has to
//! find, and a robot that clicks at random for a year.
//!
//! `PROPTEST_CASES` sets how many traces are played and, with it, how many robots click.

#[path = "asking/captures.rs"]
mod captures;
#[path = "asking/faults.rs"]
mod faults;
#[path = "asking/referee.rs"]
mod referee;
#[path = "asking/robot.rs"]
mod robot;
#[path = "asking/traces.rs"]
mod traces;
#[path = "asking/world.rs"]
mod world;

use kernel::catalogue::Catalogue;
use kernel::items::{self, SeenOutcome};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use robot::{Pace, Share, WithoutDoubt, Year, catalogue_of, share, year};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use traces::{Tally, play, trace};
use world::{Own, Policy};

/// Ops of one trace, at most: two to six weeks.
const OPS: usize = 240;

#[test]
fn never_outside_an_allowed_moment_never_over_budget_and_never_silent_without_a_reason() {
    let tally = RefCell::new((0u64, Tally::default()));
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        max_shrink_iters: 5_000,
        ..Config::default()
    });
    let played = runner.run(&trace(OPS), |trace| {
        let one = play(&trace, &Own).map_err(|foul| TestCaseError::fail(foul.0))?;
        let mut all = tally.borrow_mut();
        all.0 += 1;
        all.1.add(&one);
        Ok(())
    });
    if let Err(foul) = played {
        panic!("{foul}");
    }
    let (traces, tally) = tally.into_inner();
    println!();
    println!(
        "traces: {traces}, decisions: {}, asks: {}",
        tally.total(),
        tally.asks()
    );
    for (name, n) in &tally.decisions {
        println!("trace| {name} | {n} |");
    }
    assert!(tally.asks() > traces, "hardly anything was asked");
}

#[test]
fn the_referee_finds_every_rule_that_was_taken_out_on_purpose() {
    let most = 20_000;
    println!();
    for fault in faults::all() {
        let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(Config::default(), seed);
        let caught = (1..=most).find_map(|n| {
            let drawn = trace(OPS).new_tree(&mut runner).expect("a trace").current();
            play(&drawn, &fault).err().map(|foul| (n, foul.0))
        });
        match caught {
            Some((n, foul)) => println!("fault| {} | {n} | {foul} |", fault.rule),
            None => panic!("not found in {most} traces: {}", fault.rule),
        }
    }
}

/// How many of a thing are played for each hundred traces.
fn played(per_hundred: u32) -> u64 {
    u64::from((Config::default().cases * per_hundred / 100).max(2))
}

#[test]
fn weeks_of_recorded_sessions_hold_every_rule_and_interrupt_seldom() {
    let recorded = captures::sessions();
    assert!(recorded.len() >= 10, "{} sessions", recorded.len());
    let (engineers, weeks) = (played(1), 8);
    let mut tally = Tally::default();
    let (mut asks, mut sessions, mut most) = (Vec::new(), 0, 0);
    let mut names = BTreeSet::new();
    let mut moments = BTreeMap::<_, u64>::new();
    for seed in 0..engineers {
        let played = captures::weeks(&recorded, weeks, seed)
            .unwrap_or_else(|foul| panic!("engineer {seed}: {}", foul.0));
        if seed == 0 {
            println!();
            let mut heard = BTreeSet::new();
            for (n, said) in played.said.iter().enumerate() {
                // All that was asked, and each kind of silence once.
                let kind = said.split(": ").nth(2).unwrap_or_default();
                let kind: String = kind.chars().take(16).collect();
                if said.contains(": asked ") || heard.insert(kind) {
                    println!("said| {n} | {said} |");
                }
            }
        }
        assert_eq!(played.asks.first(), Some(&0), "the first week is silent");
        tally.add(&played.tally);
        sessions += played.sessions;
        names.extend(played.names);
        for (moment, n) in played.moments {
            *moments.entry(moment).or_default() += n;
        }
        most = most.max(played.asks.iter().copied().max().unwrap_or(0));
        asks.extend(played.asks.into_iter().skip(1));
    }
    let total: u32 = asks.iter().sum();
    let mean = f64::from(total) / asks.len() as f64;
    println!("recorded sessions: {}", recorded.len());
    println!(
        "engineers: {engineers}, weeks each: {weeks}, sessions played: {sessions}, decisions: {}",
        tally.total()
    );
    println!("asks an engineer and week after the first: mean {mean:.1}, most {most}");
    println!(
        "asks a session: {:.2}; of all decisions {:.2} % ask",
        f64::from(total) / sessions as f64,
        100.0 * tally.asks() as f64 / tally.total() as f64
    );
    for (moment, n) in &moments {
        println!("moment| {moment:?} | {n} |");
    }
    for (name, n) in &tally.decisions {
        println!("week| {name} | {n} |");
    }
    assert!(most <= 8 && total > 0);
}

#[test]
fn a_clicking_robot_is_hardly_ever_shown_as_having_demonstrated_something() {
    let robots = played(2);
    println!();
    let play = |catalogue: &Catalogue, policy: &dyn Policy, pace: Pace, robots: u64| -> Vec<Year> {
        (0..robots)
            .map(|seed| year(catalogue, policy, pace, 0.0, seed))
            .collect()
    };
    let say = |what: &str, years: &[Year]| -> (Share, Share) {
        let all = share(years, |y| y.shown, |y| y.asked);
        let thrice = share(years, |y| y.shown_thrice, |y| y.asked_thrice);
        let any = share(years, |y| y.shown_weeks, |y| y.asked_weeks);
        let mean = |of: fn(&Year) -> u32| {
            years.iter().map(|y| f64::from(of(y))).sum::<f64>() / years.len() as f64
        };
        println!(
            "robot| {what} | {} | {:.0} | {:.1} | {all} | {:.1} | {thrice} | {any} |",
            years.len(),
            mean(|y| y.checks),
            mean(|y| y.asked),
            mean(|y| y.asked_thrice),
        );
        (all, thrice)
    };
    let own = Catalogue::builtin();
    let small = own.askable().count();
    for (n, catalogue) in [(small, own.clone()), (150, catalogue_of(150))] {
        let robots = if n > 100 { robots.div_ceil(4) } else { robots };
        let years = play(&catalogue, &Own, Pace::TwiceAWeek, robots);
        let (all, thrice) = say(&format!("{n} concepts, twice a week"), &years);
        // Small samples are given the room of two standard errors.
        assert!(all.value - 2.0 * all.error <= 0.05, "{all}");
        assert!(thrice.value - 2.0 * thrice.error <= 0.08, "{thrice}");
        let years = play(&catalogue, &WithoutDoubt, Pace::TwiceAWeek, robots);
        say(
            &format!("{n} concepts, twice a week, without the rule for luck"),
            &years,
        );
        let years = play(&catalogue, &Own, Pace::All, robots.div_ceil(4));
        say(&format!("{n} concepts, all that is offered"), &years);
    }
}

#[test]
fn those_who_know_something_are_hardly_asked_again_because_of_a_doubt() {
    let people = played(1).max(20);
    println!();
    let own = Catalogue::builtin();
    let doubts = |knows: f64| {
        let years: Vec<Year> = (0..people)
            .map(|seed| year(own, &Own, Pace::TwiceAWeek, knows, seed))
            .collect();
        let doubts = share(&years, |y| y.doubts, |y| y.checks);
        let luck = share(&years, |y| y.luck, |y| y.asked);
        println!("people| {:.0} % | {doubts} | {luck} |", knows * 100.0);
        doubts.value
    };
    let [_, _, _, some, many] = [0.0, 0.1, 0.2, 0.4, 0.6].map(doubts);
    assert!(some < 0.02 && many < 0.005, "{some} {many}");
}

#[test]
fn nothing_takes_longer_than_a_minute_and_prediction_and_debugging_come_first() {
    let catalogue = Catalogue::builtin();
    for concept in catalogue.askable() {
        let mut seen = Vec::new();
        for step in 0..12i64 {
            let now = traces::START + step * 3 * kernel::ids::DAY;
            let seed = u64::try_from(step).unwrap_or(0);
            let Ok(item) = items::next_item(catalogue, &concept.slug, &seen, now, seed) else {
                break;
            };
            assert!(item.seconds <= 60, "{}: {} s", item.address, item.seconds);
            if step == 0 {
                let first = item.task;
                assert!(
                    matches!(first, Some(items::ItemKind::Predict | items::ItemKind::Bug)),
                    "{}: {first:?}",
                    item.address
                );
            }
            seen.push(items::Seen {
                address: item.address,
                at: now,
                outcome: SeenOutcome::Right,
            });
        }
    }
}

#[test]
fn who_claims_to_know_it_is_given_the_hardest_that_is_left() {
    let catalogue = Catalogue::builtin();
    for concept in catalogue.askable() {
        let now = traces::START;
        let hardest = |seen: &[items::Seen], now: i64| {
            items::hardest_from(&[], catalogue, &concept.slug, seen, now, 7)
                .expect("an item")
                .item
        };
        let first = hardest(&[], now);
        assert_eq!(
            first,
            hardest(&[], now),
            "the same arguments, the same item"
        );
        let live = concept.aspects.iter().filter(|a| !a.retired);
        let most = live.map(|a| a.difficulty).max().unwrap_or(0);
        assert!(
            first.difficulty >= most,
            "{}: {} < {most}",
            first.address,
            first.difficulty
        );
        let seen = [items::Seen {
            address: first.address.clone(),
            at: now,
            outcome: SeenOutcome::Right,
        }];
        let second = hardest(&seen, now + kernel::ids::DAY);
        assert_ne!(second.aspect, first.aspect);
        assert!(second.difficulty <= first.difficulty && second.seconds <= 60);
        // An ordinary item is not harder, and an item that was made ahead is taken if it is.
        let made = [second.clone()];
        let picked =
            items::hardest_from(&made, catalogue, &concept.slug, &seen, now, 7).expect("an item");
        assert!(picked.item.difficulty >= second.difficulty);
    }
}
