//! The check: what it shows, which key does what, what an answer changes.

use super::*;
use crate::store::NewMention;
use crate::store::Store;
use crate::world::still::Still;
use kernel::delta::Delta;
use kernel::sync::Rows;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;
const CONCEPT: &str = "pg-advisory-locks";

struct Desk {
    store: Store,
    world: Still,
}

impl Desk {
    fn new() -> Self {
        let mut store = Store::in_memory();
        let concept = Slug::new(CONCEPT).unwrap();
        store
            .write(|txn| {
                txn.add_mention(&NewMention {
                    at: NOW,
                    concept: &concept,
                    detector: "d",
                    strong: true,
                    diff: &[0; 32],
                    file: "locking.py",
                    line: "cur.execute(\"SELECT pg_try_advisory_lock(%s)\", (key,))",
                    row: Some(7),
                    confidence: 95,
                    within: Some("def claim"),
                })
            })
            .unwrap();
        Self {
            store,
            world: Still::at(NOW),
        }
    }

    fn check(&mut self) -> Check {
        let world = &self.world;
        self.store
            .write(|txn| check(world, txn, Some(CONCEPT)))
            .unwrap()
    }

    fn answer(&mut self, check: &Check, answer: Answer) -> Settled {
        let world = &self.world;
        self.store
            .write(|txn| settle(world, txn, &check.ask, answer))
            .unwrap()
    }

    fn right(&mut self) -> Settled {
        let check = self.check();
        let key = check.ask.item.key().unwrap();
        self.answer(&check, Answer::Option(key))
    }

    fn deltas(&mut self) -> Vec<Delta> {
        let mut rows = self.store.read(|txn| txn.all()).unwrap();
        rows.sort_by_key(|row| row.index);
        rows.into_iter().map(|row| row.delta).collect()
    }
}

fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| {
            tui::draw(frame, screen, tui::Look { colour: true });
        })
        .unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol())
            .collect::<String>()
    };
    (0..height)
        .map(|y| row(y).trim_end().to_owned() + "\n")
        .collect()
}

#[test]
fn the_screen_shows_the_line_the_question_and_the_keys() {
    let mut desk = Desk::new();
    let mut screen = Screen::new(desk.check());
    let before = drawn(&screen, 100, 60);
    for part in [
        "Your line in locking.py:7, in def claim, 24 November 2026. Rule d",
        "pg_try_advisory_lock(%s)",
        "Only you see this",
        "n not sure",
    ] {
        assert!(before.contains(part), "{part} in\n{before}");
    }
    for option in &screen.check.ask.item.options {
        let first: String = option.text.chars().take(30).collect();
        assert!(before.contains(first.trim()), "{first} in\n{before}");
    }
    assert_eq!(screen.press(Key::Char('2')), Step::Stay);
    assert!(drawn(&screen, 100, 60).contains("\u{203a} 2  "));
}

#[test]
fn after_the_answer_every_option_is_explained() {
    let mut desk = Desk::new();
    let check = desk.check();
    let key = check.ask.item.key().unwrap();
    let wrong = (key + 1) % 4;
    let settled = desk.answer(&check, Answer::Option(wrong));
    let mut screen = Screen::new(check);
    screen.settled(settled);
    let after = drawn(&screen, 100, 80);
    for part in [
        "Not this time.",
        "[right]",
        "[your answer]",
        "unknown becomes learning",
        "Source",
        "Next",
    ] {
        assert!(after.contains(part), "{part} in\n{after}");
    }
    assert_eq!(screen.press(Key::Enter), Step::Close);
}

#[test]
fn keys_lead_where_the_foot_says() {
    let mut desk = Desk::new();
    let mut screen = Screen::new(desk.check());
    assert_eq!(
        screen.press(Key::Enter),
        Step::Stay,
        "nothing is chosen yet"
    );
    assert_eq!(screen.press(Key::Char('5')), Step::Stay);
    assert_eq!(screen.cursor, None);
    screen.press(Key::Up);
    assert_eq!(screen.cursor, Some(3));
    screen.press(Key::Down);
    assert_eq!(screen.press(Key::Enter), Step::Answer(Answer::Option(0)));
    assert_eq!(screen.press(Key::Char('n')), Step::Answer(Answer::Unsure));
    assert_eq!(screen.press(Key::Char('l')), Step::Answer(Answer::Later));
    assert_eq!(screen.press(Key::Leave), Step::Close);
}

#[test]
fn a_narrow_and_low_terminal_can_be_scrolled() {
    let mut desk = Desk::new();
    let mut screen = Screen::new(desk.check());
    for (width, height) in [(1, 1), (12, 4), (40, 10)] {
        drawn(&screen, width, height);
    }
    screen.press(Key::PageDown);
    assert!(drawn(&screen, 60, 12).contains("PgUp/PgDn"));
}

#[test]
fn right_and_wrong_become_deltas_and_the_rest_stays_here() {
    let mut desk = Desk::new();
    let check = desk.check();
    desk.answer(&check, Answer::Unsure);
    let check = desk.check();
    desk.answer(&check, Answer::Later);
    assert!(desk.deltas().is_empty());
    let settled = desk.right();
    assert_eq!(settled.states, (State::Unknown, State::Learning));
    desk.world.now.set(NOW + DAY);
    let settled = desk.right();
    assert_eq!(settled.states, (State::Learning, State::Demonstrated));
    let deltas = desk.deltas();
    assert_eq!(deltas.len(), 2);
    let Delta::Evidence(last) = &deltas[1] else {
        panic!("no evidence")
    };
    assert_eq!((last.from, last.to), (State::Learning, State::Demonstrated));
}

#[test]
fn an_answer_within_twenty_hours_does_not_count_and_says_so() {
    let mut desk = Desk::new();
    assert!(desk.right().counts);
    desk.world.now.set(NOW + 19 * 3600);
    let check = desk.check();
    let key = check.ask.item.key().unwrap();
    let settled = desk.answer(&check, Answer::Option(key));
    assert!(!settled.counts);
    assert!(plain::answered(&check, &settled).contains("20 hours"));
}

#[test]
fn a_check_that_was_left_waits_as_it_was() {
    let mut desk = Desk::new();
    let first = desk.check();
    let second = desk.check();
    assert_eq!(first.ask.id, second.ask.id);
    assert_eq!(first.ask.item, second.ask.item);
    let settled = desk.answer(&first, Answer::Option(0));
    assert!(settled.counts);
    let late = desk.answer(&second, Answer::Option(1));
    assert!(!late.counts, "answered in another window already");
    assert_eq!(desk.deltas().len(), 1);
}

#[test]
fn no_item_comes_twice_within_sixty_days_and_then_it_is_said() {
    let mut desk = Desk::new();
    let mut addresses = Vec::new();
    let error = loop {
        let world = &desk.world;
        match desk.store.write(|txn| check(world, txn, Some(CONCEPT))) {
            Ok(check) => {
                addresses.push(check.ask.item.address.to_string());
                desk.right();
            }
            Err(error) => break error,
        }
        desk.world.now.set(desk.world.now.get() + DAY);
    };
    let mut different = addresses.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), addresses.len());
    assert!(addresses.len() >= 4, "{addresses:?}");
    assert!(error.told().contains("free on"), "{}", error.told());
}

#[test]
fn a_check_is_given_even_to_who_has_met_nothing() {
    let mut store = Store::in_memory();
    let world = Still::at(NOW);
    let check = store.write(|txn| check(&world, txn, None)).unwrap();
    assert!(check.met.is_none());
    assert!(!plain::asked(&check).is_empty());
}

#[test]
fn what_is_typed_as_an_answer_is_understood_or_refused() {
    assert_eq!(plain::answer(" 2\n", 4).unwrap(), Answer::Option(1));
    assert_eq!(plain::answer("n", 4).unwrap(), Answer::Unsure);
    assert_eq!(plain::answer("L", 4).unwrap(), Answer::Later);
    for bad in ["", "0", "5", "yes", "1 2"] {
        assert!(plain::answer(bad, 4).is_err(), "{bad}");
    }
    assert_eq!(plain::read_answer(&mut std::io::empty(), 4).unwrap(), None);
}

#[test]
fn what_was_forgotten_is_not_asked_in_the_same_hour() {
    let mut desk = Desk::new();
    let fresh = fresh_stream(&desk.world).unwrap();
    let scope = kernel::delta::Scope::All;
    desk.store
        .write(|txn| client::retract(txn, NOW, || fresh, scope))
        .unwrap();
    let world = &desk.world;
    for wanted in [Some(CONCEPT), None] {
        let error = desk
            .store
            .write(|txn| check(world, txn, wanted))
            .unwrap_err();
        assert!(matches!(error, Error::NothingToAsk { .. }));
    }
    desk.world.now.set(NOW + 3600);
    desk.check();
}
