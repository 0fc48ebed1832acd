//! What becomes of what the model wrote: gates, budget, the check, its end, and what the appliance sees.

use super::*;
use crate::quiz::{self, Answer};
use crate::sync;
use kernel::catalogue::Catalogue;
use kernel::ids::DAY;
use kernel::items;
use kernel::sync::Rows;

fn words(choice: usize, said: &str) -> Reply {
    let words = json!({ "choice": choice, "said": said });
    Reply::json(200, &around(Provider::Ollama, &words))
}

fn made(desk: &mut Desk) -> Box<items::Item> {
    let server = Double::new(vec![good(Provider::Ollama)]);
    match desk.one(&config(Provider::Ollama, &server.url)).unwrap() {
        Made::Item(item) => item,
        other => panic!("{other:?}"),
    }
}

fn check(desk: &mut Desk) -> quiz::Check {
    let world = &desk.world;
    desk.store
        .write(|txn| quiz::check(world, txn, Some(CONCEPT)))
        .unwrap()
}

#[test]
fn what_the_gates_refuse_is_counted_and_the_catalogue_stands_in() {
    for (reply, why) in [
        (words(0, GOOD), "the model finds that nothing fits"),
        (words(99, GOOD), "a sentence that was not offered"),
        (words(1, "It locks."), "too short or too long"),
        (
            words(
                1,
                "The call of pg_advisory_lock with job_id never ends by itself.",
            ),
            "denies, or makes absolute or doubtful",
        ),
        (
            words(
                1,
                "Here save_order calls pg_advisory_lock with job_id for that.",
            ),
            "names what is not in your lines",
        ),
        (
            words(
                1,
                "The job_id of pg_advisory_lock is password = 'hunter2hunter2' for it.",
            ),
            "its words look like a secret",
        ),
    ] {
        let mut desk = Desk::new();
        let server = Double::new(vec![reply]);
        let made = desk.one(&config(Provider::Ollama, &server.url)).unwrap();
        assert_eq!(made, Made::Refused(why.to_owned()));
        let counts = desk.store.read(|txn| txn.own_counts(NOW)).unwrap();
        assert_eq!(counts.get(&format!("{REFUSED}{why}")), Some(&1));
        assert_eq!(counts.get(CALLS), Some(&1));
        let check = check(&mut desk);
        assert!(check.ask.item.provenance.own.is_none());
        assert_eq!(items::check(Catalogue::builtin(), &check.ask.item), Ok(()));
    }
}

#[test]
fn a_line_is_asked_about_once_and_a_day_has_its_budget() {
    let mut desk = Desk::new();
    let server = Double::new((0..9).map(|_| words(0, GOOD)).collect());
    let mut set = config(Provider::Ollama, &server.url);
    set.calls_a_day = 2;
    // Two lines can be sent; the third looks like a secret.
    assert!(matches!(desk.one(&set).unwrap(), Made::Refused(_)));
    assert!(matches!(desk.one(&set).unwrap(), Made::Refused(_)));
    let spent = Made::Nothing("the day's budget of calls is spent");
    assert_eq!(desk.one(&set).unwrap(), spent);
    assert_eq!(server.sent().len(), 2);
    desk.world.now.set(NOW + DAY);
    assert_eq!(desk.one(&set).unwrap_err().code(), "C109");
    assert_eq!(server.sent().len(), 2);
}

#[test]
fn an_item_becomes_the_check_with_the_engineers_lines_and_says_whose_it_is() {
    let mut desk = Desk::new();
    let item = made(&mut desk);
    let check = check(&mut desk);
    assert_eq!(check.ask.item, *item);
    let code = check.ask.item.code.as_ref().unwrap();
    assert_eq!(
        (code.lang.as_str(), code.text.as_str()),
        ("python", &*format!("{LINE}\nrun_job(job_id)"))
    );
    assert!(check.ask.item.stem.starts_with(GOOD));
    let told = crate::pack::provenance(&check.ask.item, None);
    assert!(told.contains("written by claude-x at 127.0.0.1:"), "{told}");
    assert_eq!(desk.store.read(|txn| txn.own_items_held()).unwrap(), (0, 1));
}

#[test]
fn the_words_and_the_lines_go_with_the_line_and_the_check_stays() {
    let mut desk = Desk::new();
    made(&mut desk);
    let before = check(&mut desk);
    desk.store
        .write(|txn| txn.forget_old(NOW + 7 * DAY))
        .unwrap();
    assert_eq!(desk.store.read(|txn| txn.own_items_held()).unwrap(), (0, 1));
    desk.store
        .write(|txn| txn.forget_old(NOW + 7 * DAY + 1))
        .unwrap();
    assert_eq!(desk.store.read(|txn| txn.own_items_held()).unwrap(), (0, 0));
    let after = check(&mut desk).ask;
    assert_eq!(after.id, before.ask.id);
    assert_eq!(
        after.item,
        items::plain(Catalogue::builtin(), &before.ask.item).unwrap()
    );
    assert_eq!(items::check(Catalogue::builtin(), &after.item), Ok(()));
}

#[test]
fn turning_it_off_takes_away_all_that_it_made() {
    let mut desk = Desk::new();
    made(&mut desk);
    let own = check(&mut desk).ask.item;
    desk.store.write(|txn| txn.drop_own()).unwrap();
    let after = check(&mut desk).ask.item;
    assert_ne!(after, own);
    assert_eq!(items::check(Catalogue::builtin(), &after), Ok(()));
    assert_eq!(desk.store.read(|txn| txn.own_items_held()).unwrap(), (0, 0));
}

#[test]
fn probes_and_the_harder_checks_are_never_the_models() {
    let mut desk = Desk::new();
    made(&mut desk);
    let concept = Slug::new(CONCEPT).unwrap();
    let world = &desk.world;
    desk.store
        .write(|txn| {
            let now = crate::graph::Now::at(txn, NOW)?;
            let table = crate::graph::Table::read(world, txn, now)?;
            let candidates = table.candidates(kernel::asking::Reach::Named(&concept));
            let choice = kernel::asking::choose_requested(NOW, &[], &candidates).unwrap();
            assert!(ready(txn, &choice, &[], NOW)?.is_some());
            let probe = kernel::asking::Choice {
                probe: true,
                ..choice.clone()
            };
            assert!(ready(txn, &probe, &[], NOW)?.is_none());
            let harder = kernel::asking::Choice {
                harder: true,
                ..choice
            };
            assert!(ready(txn, &harder, &[], NOW)?.is_none());
            Ok(())
        })
        .unwrap();
}

/// Deltas and the bytes of the push, its random stream taken out; and what the pack's request is.
fn what_leaves(with: bool) -> (Vec<String>, String, String) {
    let mut desk = Desk::new();
    if with {
        made(&mut desk);
    }
    let check = check(&mut desk);
    assert_eq!(check.ask.item.provenance.own.is_some(), with);
    let key = check.ask.item.key().unwrap();
    let world = &desk.world;
    desk.store
        .write(|txn| quiz::settle(world, txn, &check.ask, Answer::Option(key)))
        .unwrap();
    let rows = desk.store.read(|txn| txn.all()).unwrap();
    let stream = rows[0].stream.to_string();
    let deltas = rows.iter().map(|row| format!("{:?}", row.delta)).collect();
    let bytes = desk.store.read(sync::next_push).unwrap().unwrap();
    let push = String::from_utf8(bytes).unwrap().replace(&stream, "STREAM");
    let kept = desk.store.read(|txn| txn.pack()).unwrap();
    (deltas, push, crate::pack::request(kept.as_ref()))
}

#[test]
fn the_appliance_is_sent_the_same_bytes_with_and_without_it() {
    let (with, without) = (what_leaves(true), what_leaves(false));
    assert_eq!(with, without);
    assert!(
        with.1.contains("choice4") && with.1.contains(CONCEPT),
        "{}",
        with.1
    );
    for not in ["claude", "pg_advisory_lock", "job_id", "\"own\"", "model"] {
        assert!(!with.1.contains(not), "{not}");
    }
}

#[test]
fn a_line_that_is_gone_meanwhile_takes_its_item_along() {
    let mut desk = Desk::new();
    let question = desk.question(&config(Provider::Ollama, "http://127.0.0.1:1"));
    let (item, plain) = judged(
        &config(Provider::Ollama, "http://127.0.0.1:1"),
        &question,
        &serde_json::from_value(json!({ "choice": 1, "said": GOOD })).unwrap(),
    )
    .unwrap();
    desk.store
        .write(|txn| txn.forget_old(NOW + 8 * DAY))
        .unwrap();
    let kept = desk
        .store
        .write(|txn| txn.add_own(question.mention, NOW, &item, &plain));
    assert!(!kept.unwrap());
}
