use super::*;
use crate::ids::Slug;

/// Noon of a Wednesday, UTC.
pub(super) const NOON: i64 = 1_750_248_000;
pub(super) const MINUTE: i64 = 60;

pub(super) fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

pub(super) fn settings() -> Settings {
    Settings::new(NOON - 100 * DAY)
}

pub(super) fn at(now: i64) -> Situation {
    Situation::read(&[Event::Edit, Event::Commit], now, 0)
}

pub(super) fn candidate(concept: &str) -> Candidate {
    Candidate {
        concept: slug(concept),
        p: 0.5,
        r30_pass: 0.9,
        r30_fail: 0.7,
        r30_none: 0.5,
        risk: 1,
        touched_today: false,
        open_prerequisite: false,
        new: false,
        not_before: None,
        probe: false,
        standing: Standing::default(),
    }
}

pub(super) fn ask(at: i64, outcome: AskOutcome) -> PastAsk {
    PastAsk {
        at,
        concept: slug("old-one"),
        outcome,
        new: false,
        requested: false,
    }
}

fn decided(situation: &Situation, settings: &Settings, history: &[PastAsk]) -> Decision {
    decide(situation, settings, history, &[candidate("git-rebase")])
}

#[track_caller]
pub(super) fn waits(decision: &Decision, why: &str) {
    match decision {
        Decision::Wait(wait) => assert_eq!(wait.name(), why, "{}", decision.sentence()),
        Decision::Ask(_) => panic!("it asks: {}", decision.sentence()),
    }
}

#[track_caller]
pub(super) fn asks(decision: &Decision) -> Choice {
    match decision {
        Decision::Ask(choice) => choice.clone(),
        Decision::Wait(_) => panic!("it waits: {}", decision.sentence()),
    }
}

#[test]
fn it_asks_after_a_commit() {
    let choice = asks(&decided(&at(NOON), &settings(), &[]));
    assert_eq!(
        (choice.concept.as_str(), choice.probe),
        ("git-rebase", false)
    );
}

#[test]
fn it_asks_after_a_turn_only_if_its_tests_passed() {
    let turn = |events: &[Event]| {
        let mut all = vec![Event::TurnBegan, Event::Edit];
        all.extend(events);
        all.push(Event::TurnEnded);
        decided(&Situation::read(&all, NOON, 0), &settings(), &[])
    };
    asks(&turn(&[Event::TestRun { passed: true }]));
    waits(&turn(&[]), "no_breakpoint");
    waits(&turn(&[Event::TestRun { passed: false }]), "no_breakpoint");
    let mended = [
        Event::TestRun { passed: false },
        Event::TestRun { passed: true },
    ];
    asks(&turn(&mended));
    // Tests of the turn before say nothing of this one.
    let stale = [
        Event::TestRun { passed: true },
        Event::TurnEnded,
        Event::TurnBegan,
        Event::Edit,
        Event::TurnEnded,
    ];
    waits(
        &decided(&Situation::read(&stale, NOON, 0), &settings(), &[]),
        "no_breakpoint",
    );
    let broken_off = [
        Event::TurnBegan,
        Event::TestRun { passed: true },
        Event::TurnInterrupted,
    ];
    waits(
        &decided(&Situation::read(&broken_off, NOON, 0), &settings(), &[]),
        "no_breakpoint",
    );
}

#[test]
fn a_commit_within_a_turn_is_a_breakpoint_when_the_turn_ends() {
    let read = |events: &[Event]| Situation::read(events, NOON, 0).breakpoint;
    let turn = [
        Event::TurnBegan,
        Event::Edit,
        Event::Commit,
        Event::TurnEnded,
    ];
    assert_eq!(read(&turn), Some(Breakpoint::Commit));
    let edited = [
        Event::TurnBegan,
        Event::Commit,
        Event::Edit,
        Event::TurnEnded,
    ];
    assert_eq!(read(&edited), None);
    let older = [Event::Commit, Event::TurnBegan, Event::TurnEnded];
    assert_eq!(read(&older), None);
}

#[test]
fn it_asks_at_the_start_of_a_day() {
    asks(&decided(
        &Situation::read(&[Event::DayStart], NOON, 0),
        &settings(),
        &[],
    ));
    waits(
        &decided(&Situation::read(&[], NOON, 0), &settings(), &[]),
        "no_breakpoint",
    );
}

#[test]
fn it_never_asks_in_the_middle_of_an_edit() {
    let events = [Event::Commit, Event::Edit];
    waits(
        &decided(&Situation::read(&events, NOON, 0), &settings(), &[]),
        "mid_edit",
    );
    let turn = [Event::DayStart, Event::TurnBegan];
    waits(
        &decided(&Situation::read(&turn, NOON, 0), &settings(), &[]),
        "mid_edit",
    );
}

#[test]
fn it_never_asks_while_an_approval_is_pending() {
    let asked = [Event::ApprovalAsked, Event::Commit];
    waits(
        &decided(&Situation::read(&asked, NOON, 0), &settings(), &[]),
        "approval_pending",
    );
    let answered = [Event::ApprovalAsked, Event::ApprovalAnswered, Event::Commit];
    asks(&decided(
        &Situation::read(&answered, NOON, 0),
        &settings(),
        &[],
    ));
}

#[test]
fn it_never_asks_in_a_failing_debug_loop() {
    let failed = Event::TestRun { passed: false };
    let looping = [Event::Edit, failed, Event::Edit, failed, Event::Commit];
    waits(
        &decided(&Situation::read(&looping, NOON, 0), &settings(), &[]),
        "failing_loop",
    );
    let mended = [
        failed,
        failed,
        Event::TestRun { passed: true },
        Event::Commit,
    ];
    asks(&decided(
        &Situation::read(&mended, NOON, 0),
        &settings(),
        &[],
    ));
}

#[test]
fn it_is_silent_in_quiet_hours_of_the_local_day() {
    let evening = NOON + 8 * HOUR;
    waits(&decided(&at(evening), &settings(), &[]), "quiet_hours");
    waits(
        &decided(&at(NOON - 5 * HOUR), &settings(), &[]),
        "quiet_hours",
    );
    // The same moment is midday elsewhere.
    let mut elsewhere = at(evening);
    elsewhere.utc_offset_s = -8 * 3600;
    asks(&decided(&elsewhere, &settings(), &[]));
    let lunch = QuietHours {
        from_minute: 12 * 60,
        to_minute: 13 * 60,
    };
    assert!(lunch.contains(720) && !lunch.contains(780) && !lunch.contains(719));
    let none = Settings {
        quiet: Vec::new(),
        ..settings()
    };
    asks(&decided(&at(evening), &none, &[]));
}

#[test]
fn nothing_is_asked_on_a_day_off_of_the_local_week() {
    let off = Settings {
        days_off: vec![Weekday::Wednesday],
        ..settings()
    };
    waits(&decided(&at(NOON), &off, &[]), "day_off");
    asks(&decided(&at(NOON + 24 * HOUR), &off, &[]));
    // Where it is tomorrow already, it is no day off.
    let mut elsewhere = at(NOON);
    elsewhere.utc_offset_s = 13 * 3600;
    let awake = Settings {
        quiet: Vec::new(),
        ..off
    };
    asks(&decided(&elsewhere, &awake, &[]));
}

#[test]
fn two_a_day_are_the_default_and_three_the_cap() {
    let past = [
        ask(NOON - 3 * HOUR, AskOutcome::Answered),
        ask(NOON - HOUR, AskOutcome::Answered),
    ];
    waits(&decided(&at(NOON), &settings(), &past), "day_is_full");
    asks(&decided(&at(NOON + 24 * HOUR), &settings(), &past));
    let eager = Settings {
        per_day: 20,
        per_week: 200,
        ..settings()
    };
    asks(&decided(&at(NOON), &eager, &past));
    let three = [
        past[0].clone(),
        past[1].clone(),
        ask(NOON - 2 * HOUR, AskOutcome::Answered),
    ];
    waits(&decided(&at(NOON), &eager, &three), "day_is_full");
    let none = Settings {
        per_day: 0,
        ..settings()
    };
    waits(&decided(&at(NOON), &none, &[]), "day_is_full");
}

#[test]
fn a_day_is_the_local_one() {
    let past = [
        ask(NOON - 3 * HOUR, AskOutcome::Answered),
        ask(NOON - 2 * HOUR, AskOutcome::Answered),
    ];
    let quiet = Settings {
        quiet: Vec::new(),
        ..settings()
    };
    let mut elsewhere = at(NOON);
    // Ten hours behind, midnight lies between; eleven and a half, one hour ago.
    elsewhere.utc_offset_s = -(10 * 3600 + 1800);
    asks(&decided(&elsewhere, &quiet, &past));
}

#[test]
fn eight_a_week_are_the_default() {
    let past: Vec<PastAsk> = (1..=8)
        .map(|n| ask(NOON - n * 20 * HOUR, AskOutcome::Answered))
        .collect();
    waits(&decided(&at(NOON), &settings(), &past), "week_is_full");
    asks(&decided(&at(NOON), &settings(), &past[..7]));
    let shifted: Vec<PastAsk> = (0..8)
        .map(|n| ask(NOON - 7 * DAY - n * 20 * HOUR, AskOutcome::Answered))
        .collect();
    asks(&decided(&at(NOON), &settings(), &shifted));
}

#[test]
fn two_asks_are_at_least_an_hour_apart() {
    let last = |minutes| [ask(NOON - minutes * MINUTE, AskOutcome::Answered)];
    waits(&decided(&at(NOON), &settings(), &last(59)), "too_soon");
    asks(&decided(&at(NOON), &settings(), &last(60)));
}

#[test]
fn an_open_check_is_not_joined_by_another() {
    let open = [
        ask(NOON - 5 * HOUR, AskOutcome::Pending),
        PastAsk {
            requested: true,
            ..ask(NOON - 2 * HOUR, AskOutcome::Answered)
        },
    ];
    waits(&decided(&at(NOON), &settings(), &open[..1]), "one_is_open");
    // Another one, asked for by name and answered, does not close it.
    waits(&decided(&at(NOON), &settings(), &open), "one_is_open");
    // Nobody came: it is not held against the engineer, and holds nothing up.
    asks(&decided(&at(NOON + 20 * HOUR), &settings(), &open));
    let unanswered: Vec<PastAsk> = (3..9)
        .map(|day| ask(NOON - day * 3 * DAY, AskOutcome::Pending))
        .rev()
        .collect();
    let load = Load::of(NOON, 0, &settings(), &unanswered);
    assert!(!load.open && !load.halved && !load.dismissed_off);
}

#[test]
fn a_requested_check_counts_like_the_rest() {
    let mut past = [
        ask(NOON - 3 * HOUR, AskOutcome::Answered),
        ask(NOON - 2 * HOUR, AskOutcome::Answered),
    ];
    past[1].requested = true;
    waits(&decided(&at(NOON), &settings(), &past), "day_is_full");
    assert!(choose_requested(NOON, &past, &[candidate("git-rebase")]).is_some());
}

#[test]
fn two_dismissals_in_a_row_halve_the_budget_for_a_week() {
    let dismissed = |n: i64| {
        (0..n)
            .map(|k| ask(NOON - DAY - (n - k) * HOUR, AskOutcome::Dismissed))
            .collect::<Vec<_>>()
    };
    let load = |now, past: &[PastAsk]| Load::of(now, 0, &settings(), past);
    assert!(!load(NOON, &dismissed(1)).halved);
    let two = load(NOON, &dismissed(2));
    assert!(two.halved);
    assert_eq!((two.day_budget, two.week_budget), (1, 4));
    let mut past = dismissed(2);
    past.push(ask(NOON - 2 * HOUR, AskOutcome::Snoozed));
    waits(&decided(&at(NOON), &settings(), &past), "day_is_full");
    assert!(!load(NOON + 6 * DAY, &dismissed(2)).halved);
    // An answer between them: not in a row.
    let mut apart = dismissed(2);
    apart.insert(1, ask(NOON - DAY - HOUR - MINUTE, AskOutcome::Answered));
    assert!(!load(NOON, &apart).halved);
}

#[test]
fn four_dismissals_in_a_row_switch_asking_off_until_it_is_turned_on() {
    let past: Vec<PastAsk> = (0..4)
        .map(|n| ask(NOON - 40 * DAY + n * DAY, AskOutcome::Dismissed))
        .collect();
    waits(&decided(&at(NOON), &settings(), &past), "dismissed_off");
    asks(&decided(&at(NOON), &settings(), &past[..3]));
    let on = Settings {
        turned_on_at: Some(NOON - DAY),
        ..settings()
    };
    asks(&decided(&at(NOON), &on, &past));
    // Turned on before them, it is off again.
    let before = Settings {
        turned_on_at: Some(NOON - 50 * DAY),
        ..settings()
    };
    waits(&decided(&at(NOON), &before, &past), "dismissed_off");
    // Off stays off: an answer to a requested check does not turn it on.
    let mut answered = past.clone();
    answered.push(PastAsk {
        requested: true,
        ..ask(NOON - DAY, AskOutcome::Answered)
    });
    waits(&decided(&at(NOON), &settings(), &answered), "dismissed_off");
}

#[test]
fn a_requested_check_that_was_left_is_no_dismissal() {
    let past: Vec<PastAsk> = (0..4)
        .map(|n| PastAsk {
            requested: true,
            ..ask(NOON - 9 * DAY + n * DAY, AskOutcome::Dismissed)
        })
        .collect();
    let load = Load::of(NOON, 0, &settings(), &past);
    assert!(!load.halved && !load.dismissed_off);
}

#[test]
fn what_was_waved_away_rests_for_a_week_unless_it_is_wished_for() {
    let all = [candidate("old-one")];
    let offered = |now: i64, past: &[PastAsk]| decide(&at(now), &settings(), past, &all);
    let away = [ask(NOON - 6 * DAY, AskOutcome::Dismissed)];
    waits(&offered(NOON, &away), "nothing_to_gain");
    asks(&offered(NOON + DAY, &away));
    assert!(choose_requested(NOON, &away, &all).is_some());
    // Put off is not waved away.
    asks(&offered(NOON, &[ask(NOON - DAY, AskOutcome::Snoozed)]));
}

#[test]
fn asking_can_be_paused_until_an_hour_and_a_wish_goes_before_it() {
    let paused = Settings {
        paused_until: Some(NOON + 2 * HOUR),
        ..settings()
    };
    waits(&decided(&at(NOON), &paused, &[]), "paused");
    asks(&decided(&at(NOON + 2 * HOUR), &paused, &[]));
    assert!(choose_requested(NOON, &[], &[candidate("git-rebase")]).is_some());
    // The clock on the wall is told: it is 23:00 there, and the pause ends tomorrow.
    let mut east = at(NOON);
    east.utc_offset_s = 11 * 3600;
    let sentence = decide(&east, &paused, &[], &[]).sentence();
    assert_eq!(sentence, "not now: you paused checks until 1:00 tomorrow");
}

#[test]
fn asking_can_be_switched_off() {
    let off = Settings {
        enabled: false,
        ..settings()
    };
    waits(&decided(&at(NOON), &off, &[]), "switched_off");
    assert!(choose_requested(NOON, &[], &[candidate("git-rebase")]).is_some());
}

#[test]
fn the_first_week_is_silent() {
    let new = Settings::new(NOON - 7 * DAY + 1);
    waits(&decided(&at(NOON), &new, &[]), "first_week");
    asks(&decided(&at(NOON + 1), &new, &[]));
}
