//! What is shown, once, and when nothing is.

use super::*;
use crate::quiz::{self, Answer};
use crate::store::{NewAsk, NewMention, Pause};
use crate::world::still::Still;
use kernel::delta::{self, AnswerKind, Observation};
use kernel::ids::{DAY, HOUR, Slug};
use kernel::sync::client;

/// Tuesday, 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;
const CONCEPT: &str = "pg-advisory-locks";
const LINE: &str = "cur.execute(\"SELECT pg_try_advisory_lock(%s)\", (key,))";
const ALL: Ways = Ways {
    line: true,
    notification: true,
    page: true,
    week: true,
    quiet: false,
};

struct Desk {
    store: Store,
    world: Still,
    notified: Vec<String>,
    takes: bool,
}

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

impl Desk {
    fn new() -> Self {
        let mut store = Store::in_memory();
        store.write(|txn| txn.began(NOW - 30 * DAY)).unwrap();
        Self {
            store,
            world: Still::at(NOW),
            notified: Vec::new(),
            takes: true,
        }
    }

    /// A check that nobody asked for waits; its number.
    fn waits(&mut self) -> i64 {
        let world = &self.world;
        self.store
            .write(|txn| {
                txn.add_mention(&NewMention {
                    at: NOW,
                    concept: &slug(CONCEPT),
                    detector: "d",
                    strong: true,
                    diff: &[0; 32],
                    file: "locking.py",
                    line: LINE,
                    row: Some(7),
                    confidence: 95,
                    within: None,
                })?;
                let wished = quiz::check(world, txn, Some(CONCEPT))?;
                quiz::settle(world, txn, &wished.ask, Answer::Later)?;
                txn.add_ask(&NewAsk {
                    at: NOW,
                    item: &wished.ask.item,
                    pack: None,
                    reason: "you met it today",
                    sentence: "asked after a commit: you met it today",
                    new: true,
                    probe: false,
                    requested: false,
                    harder: false,
                })
            })
            .unwrap()
    }

    fn offer(&mut self, ways: Ways) -> Option<Line> {
        let (notified, takes) = (&mut self.notified, self.takes);
        offer_by(&self.world, &mut self.store, ways, None, &mut |_, body| {
            notified.push(body.to_owned());
            takes
        })
        .unwrap()
        .line
    }

    /// A pass of a concept, so many days ago.
    fn passed(&mut self, concept: &str, days_ago: i64) {
        let at = NOW - days_ago * DAY;
        let observed = Observation::Answer(delta::Answer {
            outcome: delta::Outcome::Pass,
            kind: AnswerKind::Choice4,
            probe: false,
        });
        let states = (delta::State::Unknown, delta::State::Learning);
        self.store
            .write(|txn| {
                let fresh = crate::store::fresh_stream(&self.world)?;
                client::record(txn, at, || fresh, (slug(concept), observed), states).map(drop)
            })
            .unwrap();
    }
}

#[test]
fn a_check_is_put_before_the_engineer_once_by_each_way() {
    let mut desk = Desk::new();
    assert_eq!(desk.offer(ALL), None, "nothing waits");
    let ask = desk.waits();
    let line = desk.offer(ALL).unwrap();
    assert_eq!(line.about, About::Check(ask));
    assert!(line.text.contains("aiworklab quiz"), "{}", line.text);
    // Until a harness has shown it, it is offered again; the notification is not.
    assert_eq!(desk.offer(ALL), Some(line.clone()));
    assert_eq!(desk.notified.len(), 1);
    line_said(&mut desk.store, line.about, NOW).unwrap();
    assert_eq!(desk.offer(ALL), None);
    assert_eq!(desk.notified.len(), 1);
}

#[test]
fn neither_the_line_nor_the_notification_holds_a_line_of_code() {
    let mut desk = Desk::new();
    desk.waits();
    let text = desk.offer(ALL).unwrap().text;
    for said in [&text, &desk.notified[0]] {
        for secret in ["cur.execute", "locking.py", "%s"] {
            assert!(!said.contains(secret), "{said}");
        }
        assert!(said.to_lowercase().contains("advisory lock"), "{said}");
    }
}

#[test]
fn a_desktop_that_takes_none_is_not_asked_again_and_again() {
    let mut desk = Desk::new();
    desk.takes = false;
    desk.waits();
    assert!(desk.offer(ALL).is_some() && desk.offer(ALL).is_some());
    assert_eq!(desk.notified.len(), 1);
    let tallies = desk.store.read(|txn| txn.tallies()).unwrap();
    assert_eq!(tallies.get(NOT_TAKEN), Some(&1));
}

#[test]
fn a_way_that_is_switched_off_is_not_gone() {
    let mut desk = Desk::new();
    desk.waits();
    let ways = Ways {
        line: false,
        notification: false,
        ..ALL
    };
    assert_eq!(desk.offer(ways), None);
    assert!(desk.notified.is_empty());
    assert!(desk.offer(ALL).is_some(), "switched on, it is shown");
}

#[test]
fn nothing_is_shown_in_quiet_paused_switched_off_muted_or_answered() {
    let quiet = Ways { quiet: true, ..ALL };
    let mut desk = Desk::new();
    let ask = desk.waits();
    assert_eq!(desk.offer(quiet), None);
    let pause = Pause {
        at: NOW,
        until: NOW + HOUR,
    };
    desk.store.write(|txn| txn.set_pause(Some(pause))).unwrap();
    assert_eq!(desk.offer(ALL), None);
    desk.store.write(|txn| txn.set_pause(None)).unwrap();
    desk.store.write(|txn| txn.set_asking(false, NOW)).unwrap();
    assert_eq!(desk.offer(ALL), None);
    desk.store.write(|txn| txn.set_asking(true, NOW)).unwrap();
    desk.store.write(|txn| txn.mute("pg", NOW)).unwrap();
    assert_eq!(desk.offer(ALL), None);
    desk.store.write(|txn| txn.unmute("pg")).unwrap();
    assert!(desk.notified.is_empty(), "{:?}", desk.notified);
    desk.world.now.set(NOW + DAY);
    assert_eq!(desk.offer(ALL), None, "it waited for a day");
    desk.world.now.set(NOW);
    assert!(desk.offer(ALL).is_some());
    let world = &desk.world;
    desk.store
        .write(|txn| {
            let ask = txn.ask(ask)?.unwrap();
            quiz::settle(world, txn, &ask, Answer::Unsure)
        })
        .unwrap();
    assert_eq!(desk.offer(ALL), None, "answered in a terminal");
}

#[test]
fn what_was_asked_for_is_not_announced() {
    let mut desk = Desk::new();
    let world = &desk.world;
    desk.store
        .write(|txn| quiz::check(world, txn, Some(CONCEPT)))
        .unwrap();
    assert_eq!(desk.offer(ALL), None);
    assert!(desk.notified.is_empty());
}

#[test]
fn the_line_leads_to_the_page_where_one_is_served() {
    let mut desk = Desk::new();
    let ask = desk.waits();
    let door = Door::new();
    let mut text = |ways| {
        offer_by(
            &desk.world,
            &mut desk.store,
            ways,
            Some(&door),
            &mut |_, _| true,
        )
        .unwrap()
        .line
        .unwrap()
        .text
    };
    assert!(!text(ALL).contains("http"), "it is not served yet");
    door.open_at(4711);
    assert!(text(ALL).contains("http://127.0.0.1:4711/#"));
    assert!(!text(Ways { page: false, ..ALL }).contains("http"));
    assert!(door.link(&desk.world, ask).is_some());
}

#[test]
fn the_week_is_told_at_its_first_session_once_and_only_if_something_moved() {
    let mut desk = Desk::new();
    let moment = |desk: &mut Desk| {
        let at = desk.world.now();
        desk.store
            .write(|txn| txn.add_moment(at, b"s", "day-start"))
            .unwrap();
    };
    moment(&mut desk);
    assert_eq!(desk.offer(ALL), None, "nothing moved, nothing is said");
    desk.passed("git-rebase", 3);
    let line = desk.offer(ALL).unwrap();
    assert!(line.text.contains("1 moved up"), "{}", line.text);
    assert!(line.text.contains("recap --week"), "{}", line.text);
    assert_eq!(desk.notified.len(), 1);
    assert_eq!(desk.offer(Ways { week: false, ..ALL }), None);
    line_said(&mut desk.store, line.about, NOW).unwrap();
    assert_eq!(desk.offer(ALL), None);
    assert_eq!(desk.notified.len(), 1);
    // Next week, but not before a session has begun in it.
    desk.world.now.set(NOW + 6 * DAY);
    desk.passed("py-clocks", -5);
    assert_eq!(desk.offer(ALL), None);
    moment(&mut desk);
    assert!(desk.offer(ALL).is_some());
}

#[test]
fn the_first_week_is_silent_about_the_week_too() {
    let mut desk = Desk::new();
    desk.store = Store::in_memory();
    desk.store.write(|txn| txn.began(NOW - DAY)).unwrap();
    desk.store
        .write(|txn| txn.add_moment(NOW, b"s", "day-start"))
        .unwrap();
    desk.passed("git-rebase", 0);
    assert_eq!(desk.offer(ALL), None);
}

#[test]
fn what_is_forgotten_is_forgotten_as_shown_too() {
    let mut desk = Desk::new();
    let ask = desk.waits();
    line_said(&mut desk.store, About::Check(ask), NOW).unwrap();
    let retract = delta::Retract {
        scope: delta::Scope::All,
        at: kernel::ids::Hour::floor(NOW),
    };
    desk.store.write(|txn| txn.obey(&retract)).unwrap();
    assert!(
        !desk
            .store
            .read(|txn| txn.was_shown(ask, Way::Line))
            .unwrap()
    );
    // It is gone: noting it again notes nothing, and fails nothing.
    line_said(&mut desk.store, About::Check(ask), NOW).unwrap();
    assert!(
        !desk
            .store
            .read(|txn| txn.was_shown(ask, Way::Line))
            .unwrap()
    );
}
