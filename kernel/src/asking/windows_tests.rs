//! Several sessions at once, sessions without an end, clocks that are wrong.

use super::*;

const NOON: i64 = 1_750_248_000;
const MINUTE: i64 = 60;
const FAILED: Event = Event::TestRun { passed: false };
const PASSED: Event = Event::TestRun { passed: true };

/// Events as (minutes before noon, session, what), in the order of telling.
fn at_noon(told: &[(i64, u64, Event)]) -> Situation {
    let moments: Vec<Moment> = told
        .iter()
        .map(|&(minutes, session, event)| Moment {
            at: NOON - minutes * MINUTE,
            session,
            event,
        })
        .collect();
    Situation::of(&moments, NOON, 0)
}

fn breakpoint(told: &[(i64, u64, Event)]) -> Option<Breakpoint> {
    at_noon(told).breakpoint
}

#[test]
fn a_moment_lasts_a_quarter_of_an_hour() {
    assert_eq!(
        breakpoint(&[(15, 1, Event::Commit)]),
        Some(Breakpoint::Commit)
    );
    assert_eq!(breakpoint(&[(16, 1, Event::Commit)]), None);
}

#[test]
fn what_goes_on_in_another_window_counts() {
    let commit = (1, 1, Event::Commit);
    assert!(at_noon(&[(5, 2, Event::ApprovalAsked), commit]).approval_pending);
    assert!(at_noon(&[(5, 2, Event::Edit), commit]).mid_edit);
    assert!(at_noon(&[(5, 2, Event::TurnBegan), commit]).mid_edit);
    assert!(at_noon(&[(9, 2, FAILED), (5, 2, FAILED), commit]).failing_loop);
    // One failure in each of two windows is no loop, and passing tests of one
    // window say nothing of the other.
    assert!(!at_noon(&[(9, 2, FAILED), (5, 1, FAILED), commit]).failing_loop);
    assert!(at_noon(&[(9, 2, FAILED), (5, 2, FAILED), (4, 1, PASSED), commit]).failing_loop);
    let done = [
        (9, 2, Event::TurnBegan),
        (8, 2, Event::ApprovalAsked),
        (7, 2, Event::ApprovalAnswered),
        (6, 2, Event::TurnEnded),
        commit,
    ];
    let read = at_noon(&done);
    assert!(!read.mid_edit && !read.approval_pending);
    assert_eq!(read.breakpoint, Some(Breakpoint::Commit));
    // The turn that ended last is the moment, whatever its number.
    let two = [
        (3, 1, Event::Commit),
        (2, 9, Event::TurnBegan),
        (2, 9, PASSED),
        (1, 9, Event::TurnEnded),
    ];
    assert_eq!(breakpoint(&two), Some(Breakpoint::TurnAccepted));
}

#[test]
fn a_window_that_was_left_holds_nobody_up() {
    let commit = (1, 1, Event::Commit);
    for left in [Event::ApprovalAsked, Event::TurnBegan, Event::Edit] {
        let is_busy = |read: Situation| read.mid_edit || read.approval_pending;
        assert!(is_busy(at_noon(&[(30, 2, left), commit])), "{left:?}");
        assert!(!is_busy(at_noon(&[(31, 2, left), commit])), "{left:?}");
        let closed = [(5, 2, left), (4, 2, Event::SessionEnded), commit];
        assert!(!is_busy(at_noon(&closed)), "{left:?}");
    }
    // A debug loop is the engineer's, not the window's: closing it ends nothing.
    let closed = [(9, 2, FAILED), (8, 2, FAILED), (7, 2, Event::SessionEnded)];
    assert!(at_noon(&closed).failing_loop);
    assert!(at_noon(&[(125, 2, FAILED), (120, 2, FAILED), commit]).failing_loop);
    assert!(!at_noon(&[(125, 2, FAILED), (121, 2, FAILED), commit]).failing_loop);
}

#[test]
fn a_commit_within_a_turn_waits_for_the_turns_end() {
    let turn = [(9, 1, Event::TurnBegan), (5, 1, Event::Commit)];
    let read = at_noon(&turn);
    assert!(read.mid_edit && read.breakpoint.is_none());
    let ended = [turn[0], turn[1], (1, 1, Event::TurnEnded)];
    assert_eq!(breakpoint(&ended), Some(Breakpoint::Commit));
}

#[test]
fn a_turn_that_was_broken_off_is_not_accepted_even_if_its_end_is_told() {
    let told = [
        (9, 1, Event::TurnBegan),
        (8, 1, PASSED),
        (7, 1, Event::Commit),
        (5, 1, Event::TurnInterrupted),
        (4, 1, Event::TurnEnded),
        (4, 1, Event::TurnEnded),
    ];
    assert_eq!(breakpoint(&told), None);
    // A tool that failed is no interruption.
    let failed = [
        (9, 1, Event::TurnBegan),
        (8, 1, PASSED),
        (7, 1, Event::Stopped),
        (4, 1, Event::TurnEnded),
        (4, 1, Event::TurnEnded),
    ];
    assert_eq!(breakpoint(&failed), Some(Breakpoint::TurnAccepted));
}

#[test]
fn closing_the_window_does_not_undo_what_came_to_an_end() {
    let told = [(2, 1, Event::Commit), (1, 1, Event::SessionEnded)];
    assert_eq!(breakpoint(&told), Some(Breakpoint::Commit));
    let running = [(2, 1, Event::TurnBegan), (1, 1, Event::SessionEnded)];
    assert_eq!(breakpoint(&running), None);
}

#[test]
fn a_clock_that_was_set_back_makes_no_moment_and_no_endless_silence() {
    // Dated an hour ahead: what is under way counts, what came to an end does not.
    assert_eq!(breakpoint(&[(-60, 1, Event::Commit)]), None);
    assert!(at_noon(&[(-60, 1, Event::Edit)]).mid_edit);
    // Dated a year ahead: it says nothing.
    assert!(!at_noon(&[(-365 * 24 * 60, 1, Event::Edit)]).mid_edit);
    // An ask that lies ahead is one of today, and the next comes an hour after it.
    let settings = Settings::new(NOON - 100 * DAY);
    let ahead = |s: i64| PastAsk {
        at: NOON + s,
        concept: crate::ids::Slug::new("git-rebase").expect("a slug"),
        outcome: AskOutcome::Answered,
        new: false,
        requested: false,
    };
    let load = Load::of(NOON, 0, &settings, &[ahead(2 * DAY)]);
    assert_eq!((load.today, load.week), (1, 1));
    assert_eq!(load.last_at, Some(NOON + 2 * DAY));
    // A year ahead it would be silence for a year.
    let load = Load::of(NOON, 0, &settings, &[ahead(365 * DAY)]);
    assert_eq!((load.today, load.week, load.last_at), (0, 0, None));
}
