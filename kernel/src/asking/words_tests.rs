//! The sentences: each decision says why, with its own numbers.

use super::*;
use crate::ids::Slug;

fn choice(reason: Reason) -> Choice {
    Choice {
        concept: Slug::new("pg-advisory-locks").expect("a slug"),
        reason,
        moment: Some(Breakpoint::Commit),
        new: false,
        probe: reason == Reason::Probe,
        harder: reason == Reason::Claim,
        score: 0.1,
        r30_without: 0.31,
        r30_with: 0.58,
        days_since: Some(12),
        standing: Standing::default(),
    }
}

#[test]
fn waiting_says_why_with_its_numbers() {
    let said = [
        (
            Wait::FailingLoop { runs: 3 },
            "tests are failing, 3 runs in a row",
        ),
        (
            Wait::DayIsFull {
                of: 2,
                halved: false,
            },
            "today's two checks are used up",
        ),
        (
            Wait::DayIsFull {
                of: 1,
                halved: true,
            },
            "today's one check is used up, half the usual number after two dismissals in a row",
        ),
        (
            Wait::WeekIsFull {
                of: 12,
                halved: false,
            },
            "this week's 12 checks are used up",
        ),
        (
            Wait::DayIsFull {
                of: 0,
                halved: false,
            },
            "no checks a day are set",
        ),
        (
            Wait::Paused {
                days: 0,
                until_minute: 870,
            },
            "you paused checks until 14:30",
        ),
        (
            Wait::Paused {
                days: 3,
                until_minute: 0,
            },
            "you paused checks until 0:00, in 3 days",
        ),
        (
            Wait::TooSoon { minutes: 1 },
            "the last check is less than an hour ago, 1 minute to go",
        ),
        (
            Wait::FirstWeek { days: 3 },
            "the first week is silent, 3 days to go",
        ),
        (
            Wait::QuietHours {
                from_minute: 1140,
                until_minute: 485,
            },
            "quiet hours are 19:00 to 8:05",
        ),
        (
            Wait::QuietHours {
                from_minute: 60,
                until_minute: 60,
            },
            "quiet hours are the whole day",
        ),
        (
            Wait::DayOff {
                day: Weekday::Saturday,
            },
            "Saturday is a day off",
        ),
        (
            Wait::NothingToGain { met: 0, held: 0 },
            "nothing that you met can be asked about",
        ),
        (
            Wait::NothingToGain { met: 3, held: 3 },
            "what there is to ask about (3 concepts) was asked lately",
        ),
        (
            Wait::NothingToGain { met: 3, held: 2 },
            "a check on what you met (3 concepts) would bring nothing now",
        ),
    ];
    for (wait, text) in said {
        let sentence = Decision::Wait(wait).sentence();
        assert_eq!(sentence, format!("not now: {text}"));
    }
}

#[test]
fn asking_says_when_and_why_with_its_numbers() {
    let mut met = choice(Reason::MetToday);
    assert_eq!(
        Decision::Ask(met.clone()).sentence(),
        "asked after a commit: you met “PostgreSQL advisory locks” today and would likely have lost it \
         in a month (chance to know it then 31 %, with a check 58 %)"
    );
    for (chance, said) in [
        (0.45, "may well have lost it in a month"),
        (0.6, "might have lost it in a month"),
        (0.85, "will likely still know it in a month"),
    ] {
        met.r30_without = chance;
        assert!(met.because().contains(said), "{}", met.because());
    }
    met.new = true;
    met.moment = Some(Breakpoint::DayStart);
    assert_eq!(
        met.sentence(),
        "asked at the start of the day: you met “PostgreSQL advisory locks” today and have answered \
         no check on it yet"
    );
    let mut basis = choice(Reason::Prerequisite);
    basis.new = true;
    basis.standing.basis_of = Slug::new("web-sql-injection").ok();
    assert_eq!(
        basis.because(),
        "“SQL injection”, which you met today, builds on “PostgreSQL advisory locks”, and you have \
         answered no check on it yet"
    );
    assert_eq!(
        choice(Reason::Probe).because(),
        "it is 12 days since you answered on “PostgreSQL advisory locks”, and this measures whether it \
         lasted"
    );
    let mut claim = choice(Reason::Claim);
    claim.standing.claim = Some(0);
    assert_eq!(
        claim.because(),
        "you said that you know “PostgreSQL advisory locks”: the first of two harder checks, then it is \
         quiet for six months"
    );
    let mut doubt = choice(Reason::Doubt);
    doubt.standing.doubt = 0.57;
    assert_eq!(
        doubt.because(),
        "your right answers on “PostgreSQL advisory locks” may have been luck (57 %), so it comes once \
         more"
    );
    let mut fading = choice(Reason::Fading);
    fading.concept = Slug::new("x-ledger-close").expect("a slug");
    assert!(
        fading
            .because()
            .starts_with("you last answered on “x-ledger-close” 12 days ago and would")
    );
}

#[test]
fn a_decision_that_was_stored_says_the_same() {
    for decision in [
        Decision::Ask(choice(Reason::MetToday)),
        Decision::Wait(Wait::TooSoon { minutes: 25 }),
        Decision::Wait(Wait::MidEdit),
    ] {
        let text = serde_json::to_string(&decision).expect("json");
        let read: Decision = serde_json::from_str(&text).expect("a decision");
        assert_eq!(read.sentence(), decision.sentence());
    }
}

#[test]
fn the_numbers_are_those_of_the_decision() {
    const NOON: i64 = 1_750_248_000;
    let settings = Settings::new(NOON - 100 * DAY);
    let situation = Situation::read(&[Event::Commit], NOON, 0);
    let past = |ago: i64| PastAsk {
        at: NOON - ago,
        concept: Slug::new("git-rebase").expect("a slug"),
        outcome: AskOutcome::Answered,
        new: false,
        requested: false,
    };
    let said = |settings: &Settings, history: &[PastAsk]| {
        decide(&situation, settings, history, &[]).sentence()
    };
    assert_eq!(
        said(&settings, &[past(35 * 60)]),
        "not now: the last check is less than an hour ago, 25 minutes to go"
    );
    assert_eq!(
        said(&settings, &[past(3 * HOUR), past(2 * HOUR)]),
        "not now: today's two checks are used up"
    );
    let begun = Settings::new(NOON - 4 * DAY - HOUR);
    assert_eq!(
        said(&begun, &[]),
        "not now: the first week is silent, 3 days to go"
    );
    let night = Situation::read(&[Event::Commit], NOON + 9 * HOUR, 0);
    assert_eq!(
        decide(&night, &settings, &[], &[]).sentence(),
        "not now: quiet hours are 19:00 to 8:00"
    );
    let failed = Event::TestRun { passed: false };
    let looping = Situation::read(&[failed, failed, failed], NOON, 0);
    assert_eq!(
        decide(&looping, &settings, &[], &[]).sentence(),
        "not now: tests are failing, 3 runs in a row"
    );
}
