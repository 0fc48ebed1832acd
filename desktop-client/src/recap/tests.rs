//! What is said of a week and of a day, and what is not.

use super::lately::Lately;
use super::week::Week;
use super::*;
use crate::quiz;
use crate::store::{Decided, NewMention, Store, fresh_stream};
use crate::world::still::Still;
use kernel::delta::{Answer, AnswerKind, Observation, Outcome};
use kernel::ids::{DAY, HOUR};
use kernel::sync::client;

/// Tuesday, 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;

struct Desk {
    store: Store,
    world: Still,
}

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

impl Desk {
    fn new() -> Self {
        Self {
            store: Store::in_memory(),
            world: Still::at(NOW),
        }
    }

    fn observe(&mut self, concept: &str, at: i64, observed: Observation) {
        let world = &self.world;
        self.store
            .write(|txn| {
                let fresh = fresh_stream(world)?;
                let states = (State::Unknown, State::Seen);
                client::record(txn, at, || fresh, (slug(concept), observed), states).map(drop)
            })
            .unwrap();
    }

    fn answered(&mut self, concept: &str, days_ago: i64, outcome: Outcome) {
        let answer = Answer {
            outcome,
            kind: AnswerKind::Choice4,
            probe: false,
        };
        self.observe(concept, NOW - days_ago * DAY, Observation::Answer(answer));
    }

    fn week(&mut self) -> Week {
        let world = &self.world;
        self.store.write(|txn| week(world, txn)).unwrap()
    }

    fn lately(&mut self, span: &Span) -> Lately {
        let world = &self.world;
        self.store.write(|txn| lately(world, txn, span)).unwrap()
    }
}

#[test]
fn a_week_in_which_nothing_moved_is_silent() {
    let mut desk = Desk::new();
    assert!(desk.week().is_silent());
    // In the order of time: a stream's hours never go back.
    desk.answered("py-clocks", 10, Outcome::Pass);
    desk.observe("git-rebase", NOW - DAY, Observation::Seen);
    let week = desk.week();
    assert!(week.is_silent(), "{week:?}");
    assert_eq!(week.line(), None);
    assert_eq!(week.text(), "Nothing moved in the last seven days.\n");
}

#[test]
fn a_week_tells_what_moved_up_was_kept_was_missed_and_comes_next() {
    let mut desk = Desk::new();
    for (concept, days) in [
        ("py-clocks", 60),
        ("py-clocks", 50),
        ("http-retries", 40),
        ("http-retries", 38),
        ("py-clocks", 3),
        ("git-rebase", 2),
    ] {
        desk.answered(concept, days, Outcome::Pass);
    }
    desk.answered("http-retries", 1, Outcome::Fail);
    let week = desk.week();
    let names = |moved: &[week::Moved]| -> Vec<String> {
        moved.iter().map(|m| m.concept.to_string()).collect()
    };
    assert_eq!(names(&week.up), ["git-rebase"]);
    assert_eq!(week.kept, [(slug("py-clocks"), 47)]);
    assert_eq!(names(&week.missed), ["http-retries"]);
    assert_eq!(week.next.len(), 3);
    let line = week.line().unwrap();
    assert_eq!(
        line,
        "what you now know, this week: 1 moved up, 1 kept after a month and 1 missed"
    );
    let text = week.text();
    assert!(text.contains("known again after 47 days"), "{text}");
    assert!(text.contains("Only you see this."), "{text}");
    for word in ["streak", "rank", "score", "colleague", "well done", "!"] {
        assert!(!text.to_lowercase().contains(word), "{word}: {text}");
    }
    desk.store.write(|txn| txn.mute("py", NOW)).unwrap();
    assert!(desk.week().kept.is_empty(), "a muted one is not spoken of");
}

#[test]
fn what_was_known_and_is_likely_gone_soon_is_said_once() {
    let mut desk = Desk::new();
    for days in [30, 29] {
        desk.answered("git-rebase", days, Outcome::Pass);
    }
    let mut told = Vec::new();
    for week in 0..40 {
        desk.world.now.set(NOW + week * 7 * DAY);
        told.extend(desk.week().fading.first().map(|_| week));
    }
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_session_is_told_in_concepts_with_what_held_checks_back() {
    let mut desk = Desk::new();
    let began = NOW - 20 * 60;
    desk.store
        .write(|txn| {
            txn.add_moment(NOW - 5 * HOUR, b"other", "turn-began")?;
            txn.add_moment(began, b"mine", "turn-began")?;
            txn.add_moment(NOW - 60, b"mine", "turn-ended")?;
            for (at, concept) in [
                (NOW - 4 * HOUR, "git-rebase"),
                (NOW - 600, "pg-advisory-locks"),
            ] {
                txn.add_mention(&NewMention {
                    at,
                    concept: &slug(concept),
                    detector: "d",
                    strong: true,
                    diff: &[0; 32],
                    file: "locking.py",
                    line: "secret = 1",
                    row: None,
                    confidence: 90,
                    within: None,
                })?;
            }
            for at in [NOW - 4 * HOUR, NOW - 60, NOW - 30] {
                txn.add_decision(&Decided {
                    at,
                    session: b"mine".to_vec(),
                    breakpoint: "turn-ended".into(),
                    what: "first_week".into(),
                    sentence: "not now: the first week is silent, 3 days to go".into(),
                })?;
            }
            Ok(())
        })
        .unwrap();
    let world = &desk.world;
    desk.store
        .write(|txn| {
            let check = quiz::check(world, txn, Some("pg-advisory-locks"))?;
            quiz::settle(world, txn, &check.ask, quiz::Answer::Unsure)
        })
        .unwrap();
    let session = desk.lately(&Span::Session);
    assert_eq!(session.met.len(), 1);
    assert_eq!(session.held.first().map(|held| held.1), Some(2));
    let text = session.text();
    assert!(
        text.contains("Advisory locks: ") || text.contains("dvisory"),
        "{text}"
    );
    assert!(text.contains("you were not sure, at your wish"), "{text}");
    assert!(
        text.contains("2 times not now: the first week is silent"),
        "{text}"
    );
    assert!(!text.contains("secret") && !session.json().to_string().contains("secret"));
    let today = desk.lately(&Span::Today);
    assert_eq!((today.met.len(), today.held[0].1), (2, 3));
    let since = desk.lately(&Span::Since("2026-11-24".into()));
    assert_eq!(since.met.len(), 2);
    assert!(
        desk.lately(&Span::Since("2026-11-25".into()))
            .met
            .is_empty()
    );
    let world = &desk.world;
    let bad = desk
        .store
        .write(|txn| lately(world, txn, &Span::Since("yesterday".into())));
    assert_eq!(bad.unwrap_err().code(), "C044");
}

#[test]
fn without_a_session_the_day_is_told() {
    let mut desk = Desk::new();
    let text = desk.lately(&Span::Session).text();
    assert!(text.contains("no session was told of"), "{text}");
    assert!(text.contains("No concept was met.") && text.contains("Nothing was asked."));
}
