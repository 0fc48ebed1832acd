//! Copies, restored backups and other machines: a new stream, and nothing counted twice or lost.

use super::*;
use crate::protect::{self, Mode};
use crate::world::still::Still;
use kernel::delta::{Observation, State};
use kernel::ids::{DAY, Slug, StreamId};
use kernel::sync::Rows;
use kernel::sync::client::{self, Local};
use std::fs;

const NOW: i64 = 100 * DAY;

fn open(home: &Home, machine: &str) -> Store {
    // The bytes that a world gives are to differ from one opening to the next.
    let world = Still::at(NOW);
    let turn = fs::read(home.path().join("turn")).map_or(0, |bytes| bytes[0]);
    world.next.set(turn);
    let store = Store::open_on(&world, home, Some(machine.as_bytes().to_vec())).unwrap();
    fs::write(home.path().join("turn"), [world.next.get().wrapping_add(7)]).unwrap();
    store
}

fn see(store: &mut Store, concept: &str, fresh: u8) {
    let what = (Slug::new(concept).unwrap(), Observation::Seen);
    store
        .write(|txn| {
            client::record(
                txn,
                NOW,
                || StreamId::new([fresh; 16]),
                what,
                (State::Unknown, State::Seen),
            )
        })
        .unwrap();
}

fn current(store: &mut Store) -> Option<StreamId> {
    store.read(|txn| txn.current()).unwrap()
}

fn copy(from: &Home, to: &Home) {
    fs::create_dir_all(to.path()).unwrap();
    for entry in fs::read_dir(from.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
    }
}

fn home(folder: &tempfile::TempDir, name: &str) -> Home {
    let home = Home::at(folder.path().join(name));
    home.ensure().unwrap();
    protect::set(&home, Mode::Off).unwrap();
    home
}

#[test]
fn a_store_that_stays_where_it_is_keeps_its_stream() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder, "home");
    let mut store = open(&home, "a");
    see(&mut store, "abc", 1);
    for n in 0..5 {
        drop(store);
        store = open(&home, "a");
        see(&mut store, &format!("abc{n}"), 2);
    }
    assert_eq!(current(&mut store), Some(StreamId::new([1; 16])));
    assert_eq!(store.read(|txn| txn.streams()).unwrap().len(), 1);
    assert!(store.read(|txn| txn.tallies()).unwrap().is_empty());
}

#[test]
fn the_copy_of_a_folder_goes_on_in_a_stream_of_its_own_and_the_first_in_its_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (home(&folder, "here"), home(&folder, "there"));
    let mut first = open(&here, "a");
    see(&mut first, "abc", 1);
    copy(&here, &there);
    // On another machine, and on the same one.
    let mut second = open(&there, "b");
    assert_eq!(current(&mut second), None);
    see(&mut second, "def", 2);
    see(&mut first, "def", 9);
    assert_eq!(current(&mut first), Some(StreamId::new([1; 16])));
    assert_eq!(current(&mut second), Some(StreamId::new([2; 16])));
    // And it stays so.
    drop((first, second));
    let mut second = open(&there, "b");
    assert_eq!(current(&mut second), Some(StreamId::new([2; 16])));
    assert_eq!(current(&mut open(&here, "a")), Some(StreamId::new([1; 16])));
    assert_eq!(second.read(|txn| txn.all()).unwrap().len(), 2);
    let told = second.read(|txn| txn.tallies()).unwrap();
    assert_eq!(told.values().sum::<u64>(), 1, "{told:?}");
}

#[test]
fn another_machine_costs_a_new_stream_and_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder, "home");
    let mut store = open(&home, "before the upgrade");
    see(&mut store, "abc", 1);
    drop(store);
    let mut store = open(&home, "after the upgrade");
    assert_eq!(current(&mut store), None);
    see(&mut store, "def", 2);
    assert_eq!(store.read(|txn| txn.all()).unwrap().len(), 2);
    drop(store);
    assert_eq!(
        current(&mut open(&home, "after the upgrade")),
        Some(StreamId::new([2; 16]))
    );
    // A machine that cannot be told says nothing.
    let mut store = Store::open_on(&Still::at(NOW), &home, None).unwrap();
    assert_eq!(current(&mut store), Some(StreamId::new([2; 16])));
}

#[test]
fn an_older_store_put_back_into_its_folder_is_noticed_by_the_mark() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder, "home");
    let mut store = open(&home, "a");
    see(&mut store, "abc", 1);
    drop(store);
    let backup = fs::read(home.database()).unwrap();
    let mut store = open(&home, "a");
    see(&mut store, "def", 1);
    drop(store);
    // Written into the same file: neither inode nor machine tell it.
    fs::write(home.database(), &backup).unwrap();
    let mut store = open(&home, "a");
    assert_eq!(current(&mut store), None);
    see(&mut store, "ghi", 2);
    let heads = store.read(|txn| txn.streams()).unwrap();
    assert_eq!(heads[&StreamId::new([1; 16])].head, 1);
    assert_eq!(heads[&StreamId::new([2; 16])].head, 1);
    // The same backup once more: now another stream is missing from it.
    drop(store);
    fs::write(home.database(), &backup).unwrap();
    assert_eq!(current(&mut open(&home, "a")), None);
}

#[test]
fn an_older_store_put_back_under_a_running_program_is_noticed_too() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder, "home");
    let mut agent = open(&home, "a");
    see(&mut agent, "abc", 1);
    let backup = fs::read(home.database()).unwrap();
    see(&mut agent, "def", 1);
    let beside = home.path().join("restored");
    fs::write(&beside, &backup).unwrap();
    fs::rename(&beside, home.database()).unwrap();
    see(&mut agent, "ghi", 2);
    assert_eq!(current(&mut agent), Some(StreamId::new([2; 16])));
    let rows = agent.read(|txn| txn.all()).unwrap();
    assert_eq!(
        rows.len(),
        2,
        "what the older store held, and what came since"
    );
}

#[test]
fn a_store_begun_anew_in_its_folder_and_one_of_an_older_program_take_their_seat() {
    let folder = tempfile::tempdir().unwrap();
    let home = home(&folder, "home");
    let mut store = open(&home, "a");
    see(&mut store, "abc", 1);
    let first = seat::instance(&home).unwrap();
    // As if a program of before the seat had written it: nothing is known, and nothing is left.
    store
        .write(|txn| {
            txn.inner.execute("DELETE FROM seat", []).unwrap();
            Ok(())
        })
        .unwrap();
    drop(store);
    fs::remove_file(home.path().join("instance")).unwrap();
    let mut store = open(&home, "a");
    assert_eq!(current(&mut store), Some(StreamId::new([1; 16])));
    assert_ne!(seat::instance(&home).unwrap(), first);
    drop(store);
    fs::remove_file(home.database()).unwrap();
    let mut store = open(&home, "a");
    see(&mut store, "def", 5);
    drop(store);
    assert_eq!(current(&mut open(&home, "a")), Some(StreamId::new([5; 16])));
}
