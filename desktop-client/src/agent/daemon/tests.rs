//! The agent that runs by itself, its parts one by one; as a process it is tried by the end-to-end suite.

use super::desk::{Desk, Woken};
use super::*;
use crate::error::Error;
use crate::show::{About, Line};
use crate::spool::Record;
use kernel::event::Harness;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

fn record(harness: Harness, payload: &str) -> Record {
    Record {
        harness,
        at: 1,
        cut: false,
        id: None,
        payload: payload.as_bytes().to_vec(),
    }
}

fn home(folder: &tempfile::TempDir) -> Home {
    let home = Home::at(folder.path().join("home"));
    home.ensure().unwrap();
    home
}

#[test]
fn a_second_agent_is_refused_by_the_firsts_process_and_a_dead_ones_file_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder);
    assert_eq!(alone::running(&home), None);
    let first = Alone::take(&home, 5).unwrap();
    let running = alone::running(&home).unwrap();
    assert_eq!((running.pid, running.since), (std::process::id(), 5));
    let refused = Alone::take(&home, 6).unwrap_err();
    let pid = std::process::id().to_string();
    assert_eq!(refused.code(), "C050");
    assert!(refused.told().contains(&pid), "{}", refused.told());
    drop(first);
    assert_eq!(alone::running(&home), None);
    std::fs::write(home.path().join("agent.pid"), r#"{"pid":1,"since":1}"#).unwrap();
    assert_eq!(alone::running(&home), None, "what a killed agent wrote");
    Alone::take(&home, 7).unwrap();
}

#[test]
fn a_dead_agents_socket_is_replaced_and_what_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder);
    drop(UnixListener::bind(home.socket()).unwrap());
    let bound = Bound::new(&home).unwrap();
    let mode = std::fs::metadata(home.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    crate::socket::Line::open(&home.socket()).unwrap();
    drop(bound);
    assert!(!home.socket().exists(), "taken away with the agent");
    std::fs::write(home.socket(), b"a file of somebody's").unwrap();
    let refused = Bound::new(&home).unwrap_err();
    assert_eq!(refused.code(), "C052");
    assert!(home.socket().exists());
}

#[test]
fn a_socket_in_a_folder_with_a_long_path_is_listened_on_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("long".repeat(40)));
    home.ensure().unwrap();
    let _bound = Bound::new(&home).unwrap();
    crate::socket::Line::open(&home.socket()).unwrap();
}

#[test]
fn a_line_is_given_once_and_only_to_an_event_that_can_show_it() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(&Machine, home(&folder));
    let line = Line {
        about: About::Check(7),
        text: "a check waits".to_owned(),
    };
    let stop = record(Harness::ClaudeCode, r#"{"hook_event_name":"Stop"}"#);
    assert_eq!(desk.line_for(&stop), None);
    desk.put_line(Some(line.clone()));
    let quiet = [
        record(Harness::ClaudeCode, r#"{"hook_event_name":"SessionEnd"}"#),
        record(Harness::T3Code, r#"{"hook_event_name":"Stop"}"#),
        record(Harness::ClaudeCode, "no JSON"),
    ];
    for record in &quiet {
        assert_eq!(desk.line_for(record), None);
    }
    let (said, given) = desk.line_for(&stop).unwrap();
    assert!(said.contains("a check waits") && given == line, "{said}");
    assert_eq!(desk.line_for(&stop), None);
    // It was offered anew before it was noted that it was said.
    desk.put_line(Some(line.clone()));
    assert!(!desk.has_line());
    // The hook was gone: the next one has it.
    desk.give_back(line);
    assert!(desk.line_for(&stop).is_some());
    let said = desk.take_said();
    assert!(
        matches!(said.as_slice(), [(About::Check(7), _)]),
        "{said:?}"
    );
    assert_eq!(desk.take_said(), []);
}

#[test]
fn the_reading_thread_wakes_for_a_record_and_for_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::new(&Machine, home(&folder));
    assert_eq!(desk.wait(Duration::ZERO), Woken::Time);
    desk.poke(true);
    desk.poke(false);
    assert_eq!(desk.wait(TICK), Woken::Poked);
    desk.settle(Duration::ZERO, 3);
    assert_eq!(desk.wait(Duration::ZERO), Woken::Time);
    let figures = desk.figures();
    assert_eq!((figures.handed_over, figures.not_taken), (2, 1));
    desk.stop();
    assert_eq!(desk.wait(TICK), Woken::Stop);
}

#[test]
fn the_log_stays_small_and_keeps_the_part_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.log");
    let log = Log::File(path.clone());
    for n in 0..40 {
        log.say(n, &"x".repeat(8 * 1024));
    }
    let length = |path: &std::path::Path| std::fs::metadata(path).unwrap().len();
    assert!(length(&path) < 200 * 1024);
    assert!(length(&folder.path().join("agent.log.1")) < 200 * 1024);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_record_that_comes_twice_counts_once_and_the_same_words_said_twice_count_twice() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder);
    let world = crate::world::still::Still::at(1_795_514_400);
    let mut store = Store::open(&world, &home).unwrap();
    // Neither session nor call: nothing in it tells one from another.
    let payload = br#"{"hook_event_name":"SessionStart","session_id":"s"}"#;
    let append = |id: u8| {
        let frame = spool::frame(Harness::ClaudeCode, world.now(), payload, false, [id; 16]);
        spool::append_frame(&home.spool(), &frame).unwrap();
    };
    append(1);
    append(2);
    append(1);
    let mut seen = Vec::new();
    let mut ears = Ears::new(&home);
    let report = super::super::watched(&world, &home, &mut store, &mut ears, &mut |act| {
        seen.push(act.act);
    })
    .unwrap();
    assert_eq!((report.read, seen.len()), (2, 2));
    append(2);
    append(3);
    let report = super::super::run(&world, &home, &mut store).unwrap();
    assert_eq!(report.read, 1, "remembered over runs");
}

#[test]
fn a_spool_of_many_transactions_is_read_to_its_end_and_left_between_two_if_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder);
    let world = crate::world::still::Still::at(1_795_514_400);
    let mut store = Store::open(&world, &home).unwrap();
    for n in 0..300 {
        let payload = format!(r#"{{"hook_event_name":"Notification","n":{n}}}"#);
        spool::append(
            &home.spool(),
            Harness::ClaudeCode,
            1,
            payload.as_bytes(),
            false,
        )
        .unwrap();
    }
    let mut ears = Ears::new(&home);
    let report =
        super::super::until(&world, &home, &mut store, &mut ears, &mut |_| {}, &|| true).unwrap();
    assert!(report.left && report.read < 300, "{report:?}");
    let rest = super::super::run(&world, &home, &mut store).unwrap();
    assert_eq!(report.read + rest.read, 300);
    assert_eq!(spool::waiting(&home.spool()).bytes, 0);
}

#[test]
fn words_of_refusals_say_what_to_do() {
    for refused in [
        Refused::Running { pid: 7 },
        Refused::NotRunning,
        Refused::NotUp,
        Refused::TooLong { path: "/x".into() },
    ] {
        let told = Error::from(refused).told();
        assert!(
            told.contains("aiworklab") || told.contains("AIWORKLAB"),
            "{told}"
        );
    }
}
