//! The store by itself: versions, rights, and the protocol's promises over SQLite.

use super::*;
use crate::world::still::Still;
use kernel::delta::{Delta, Evidence, Observation, State};
use kernel::ids::{DAY, HOUR, Hour, Slug, StreamId};
use kernel::sync::client::{self, Local};
use kernel::sync::memory::Memory;
use kernel::sync::{Rows, hash};
use std::os::unix::fs::PermissionsExt;

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

fn stream(n: u8) -> StreamId {
    StreamId::new([n; 16])
}

/// A folder whose store can be read by other programs.
fn plain(folder: &tempfile::TempDir) -> Home {
    let home = Home::at(folder.path().join("home"));
    protect::set(&home, protect::Mode::Off).unwrap();
    home
}

fn see<L: Local>(rows: &mut L, at: i64, concept: &str) -> Result<(), L::Error> {
    let what = (slug(concept), Observation::Seen);
    client::record(rows, at, || stream(7), what, (State::Unknown, State::Seen))
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let home = plain(&folder);
    drop(Store::open(&Still::at(0), &home).unwrap());
    let raw = Connection::open(home.database()).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    let before = std::fs::read(home.database()).unwrap();
    let error = Store::open(&Still::at(0), &home).unwrap_err();
    let known = Store::version();
    assert!(matches!(error, Error::StoreTooNew { found: 99, known: k } if k == known));
    assert_eq!(std::fs::read(home.database()).unwrap(), before);
}

#[test]
fn a_store_of_the_first_version_is_brought_up_to_date_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let home = plain(&folder);
    let item = kernel::items::assemble(
        kernel::catalogue::Catalogue::builtin(),
        &slug("git-rebase"),
        1,
    );
    let item = item.unwrap();
    let raw = Connection::open(home.database()).unwrap();
    raw.execute_batch(MIGRATIONS[0]).unwrap();
    raw.pragma_update(None, "user_version", 1).unwrap();
    raw.execute(
        "INSERT INTO ask (at, concept, address, seed, catalogue, item, reason, new, probe, requested)
         VALUES (1, 'git-rebase', ?1, 1, 1, ?2, 'you met it today', 1, 0, 0)",
        [item.address.as_str(), &serde_json::to_string(&item).unwrap()],
    )
    .unwrap();
    drop(raw);
    let mut store = Store::open(&Still::at(0), &home).unwrap();
    let waiting = store.read(|txn| txn.waiting()).unwrap().unwrap();
    assert_eq!((waiting.item, waiting.pack), (item, None));
    assert_eq!(store.read(|txn| txn.pack()).unwrap(), None);
}

#[test]
fn a_store_of_the_second_version_keeps_every_row_and_learns_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let home = plain(&folder);
    let catalogue = kernel::catalogue::Catalogue::builtin();
    let item = kernel::items::assemble(catalogue, &slug("git-rebase"), 1).unwrap();
    let raw = Connection::open(home.database()).unwrap();
    raw.execute_batch(MIGRATIONS[0]).unwrap();
    raw.execute_batch(MIGRATIONS[1]).unwrap();
    raw.pragma_update(None, "user_version", 2).unwrap();
    for (id, outcome) in [(1, "right"), (2, "later"), (3, "waiting")] {
        raw.execute(
            "INSERT INTO ask (id, at, concept, address, seed, catalogue, item, reason, new, probe, requested,
                              outcome, answered, pack)
             VALUES (?1, ?1, 'git-rebase', ?2, -7, 1, ?3, 'you met it today', 1, 0, 1, ?4, 9, 'v1')",
            rusqlite::params![id, item.address.as_str(), serde_json::to_string(&item).unwrap(), outcome],
        )
        .unwrap();
    }
    raw.execute(
        "INSERT INTO mention (at, concept, detector, strong, diff, file, line)
         VALUES (5, 'git-rebase', 'd', 1, x'00', 'a.sh', 'git rebase')",
        [],
    )
    .unwrap();
    raw.execute(
        "INSERT INTO moment (at, session, what) VALUES (5, x'01', 'commit')",
        [],
    )
    .unwrap();
    raw.execute("INSERT INTO act (id, at) VALUES (x'02', 5)", [])
        .unwrap();
    raw.execute(
        "INSERT INTO probe (concept, due) VALUES ('git-rebase', 8)",
        [],
    )
    .unwrap();
    raw.execute("INSERT INTO fact (name, value) VALUES ('began', 3)", [])
        .unwrap();
    raw.execute("INSERT INTO tally (name, n) VALUES ('x', 4)", [])
        .unwrap();
    drop(raw);
    let mut store = Store::open(&Still::at(0), &home).unwrap();
    store
        .write(|txn| {
            let asks = txn.asks(0)?;
            let kept: Vec<_> = asks.iter().map(|ask| (ask.id, ask.outcome)).collect();
            assert_eq!(
                kept,
                [
                    (1, Outcome::Right),
                    (2, Outcome::Later),
                    (3, Outcome::Waiting)
                ]
            );
            for ask in &asks {
                assert_eq!((&ask.item, ask.seed), (&item, (-7_i64).cast_unsigned()));
                assert_eq!((ask.answered, ask.pack.as_deref()), (Some(9), Some("v1")));
                assert_eq!(
                    (&ask.sentence, ask.harder, ask.requested),
                    (&None, false, true)
                );
            }
            let met = txn.met(&slug("git-rebase"))?.unwrap();
            assert_eq!(
                (met.rule.as_str(), met.row, met.confidence),
                ("d", None, None)
            );
            assert_eq!(txn.moments(0)?[0].what, "commit");
            assert!(
                !txn.is_first(&[2], 5)?,
                "an act that counted does not count again"
            );
            assert_eq!(txn.probes()?.get(&slug("git-rebase")), Some(&8));
            assert_eq!(txn.began(100)?, 3);
            assert_eq!(txn.tallies()?.get("x"), Some(&4));
            // What the older tables could not hold.
            assert!(txn.settle(3, Outcome::Dismissed, 10)?);
            assert!(
                txn.resting()?.is_empty() && txn.mutes()?.is_empty() && txn.claims()?.is_empty()
            );
            Ok(())
        })
        .unwrap();
    // And the next check's number follows the last one's.
    let left = folder.path().join("home/graph.db");
    let raw = Connection::open(left).unwrap();
    let tables: i64 = raw
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('ask_before', 'ask_outcome')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(tables, 1, "the index is back, the old table is gone");
}

#[test]
fn what_was_decided_is_forgotten_with_the_lines_that_it_speaks_of() {
    let mut store = Store::in_memory();
    let decided = Decided {
        at: 100 * DAY,
        session: vec![1; 16],
        breakpoint: "commit".to_owned(),
        what: "too_soon".to_owned(),
        sentence: "not now: the last check is less than an hour ago".to_owned(),
    };
    store.write(|txn| txn.add_decision(&decided)).unwrap();
    store.write(|txn| txn.forget_old(107 * DAY)).unwrap();
    assert_eq!(
        store.read(|txn| txn.decisions(0)).unwrap(),
        std::slice::from_ref(&decided)
    );
    store.write(|txn| txn.forget_old(107 * DAY + 1)).unwrap();
    assert!(store.read(|txn| txn.decisions(0)).unwrap().is_empty());
}

#[test]
fn a_clock_that_was_ahead_at_the_beginning_does_not_make_the_first_week_last() {
    let mut store = Store::in_memory();
    assert_eq!(store.write(|txn| txn.began(400 * DAY)).unwrap(), 400 * DAY);
    assert_eq!(store.write(|txn| txn.began(5 * DAY)).unwrap(), 5 * DAY);
    assert_eq!(store.write(|txn| txn.began(9 * DAY)).unwrap(), 5 * DAY);
}

#[test]
fn the_folder_and_every_file_in_it_are_the_engineers_alone() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    let mut store = Store::open(&Still::at(0), &home).unwrap();
    store.write(|txn| txn.count("x", 1)).unwrap();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path()), 0o700);
    let files: Vec<_> = std::fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(files.len() >= 4, "store, lock, mark, keys: {files:?}");
    for file in files {
        let expected = if file.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&file), expected, "{}", file.display());
    }
}

#[test]
fn what_is_no_database_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path());
    std::fs::write(home.database(), vec![b'x'; 5000]).unwrap();
    let told = Store::open(&Still::at(0), &home).unwrap_err().told();
    assert!(told.contains("Move graph.db away"), "{told}");
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let mut store = Store::in_memory();
    let failed: Result<()> = store.write(|txn| {
        see(txn, 5 * DAY, "abc")?;
        Err(Error::NotEnrolled)
    });
    assert!(failed.is_err());
    assert!(store.read(|txn| txn.all()).unwrap().is_empty());
    assert!(store.read(|txn| txn.current()).unwrap().is_none());
}

#[test]
fn sqlite_and_memory_are_one_store_to_the_protocol() {
    let mut store = Store::in_memory();
    let mut memory = Memory::default();
    // A small fixed walk: observations, retracts of one and of all, a clock that goes back.
    let steps: [(i64, Option<&str>, bool); 9] = [
        (10 * DAY, Some("abc"), false),
        (10 * DAY + HOUR, Some("def"), false),
        (9 * DAY, Some("abc"), false),
        (11 * DAY, Some("abc"), true),
        (11 * DAY, Some("abc"), false),
        (12 * DAY, Some("abc"), false),
        (12 * DAY, Some("def"), false),
        (13 * DAY, None, true),
        (14 * DAY, Some("ghi"), false),
    ];
    for (at, concept, retract) in steps {
        let scope = || {
            concept.map_or(kernel::delta::Scope::All, |c| {
                kernel::delta::Scope::Concept(slug(c))
            })
        };
        if retract {
            client::retract(&mut memory, at, || stream(7), scope()).unwrap();
            store
                .write(|txn| client::retract(txn, at, || stream(7), scope()))
                .unwrap();
        } else {
            see(&mut memory, at, concept.unwrap()).unwrap();
            store.write(|txn| see(txn, at, concept.unwrap())).unwrap();
        }
        let (heads, mut rows) = store.read(|txn| Ok((txn.streams()?, txn.all()?))).unwrap();
        assert_eq!(heads, memory.heads);
        let mut expected = memory.all().unwrap();
        rows.sort_by_key(|row| (row.stream, row.index));
        expected.sort_by_key(|row| (row.stream, row.index));
        assert_eq!(rows, expected);
        let sum = rows.iter().fold(0_u64, |sum, row| {
            sum.wrapping_add(hash(row.stream, row.index, &row.delta))
        });
        assert_eq!(heads[&stream(7)].sum.0, sum);
    }
    let last = store.read(|txn| txn.last_hour(stream(7))).unwrap();
    assert_eq!(last, Some(Hour::floor(14 * DAY)));
    // Physically gone: not even the row is there.
    assert_eq!(store.read(|txn| txn.all()).unwrap().len(), 3);
}

#[test]
fn what_is_set_aside_keeps_its_reason() {
    use kernel::delta::Reject;
    use kernel::sync::client::{Aside, Why};
    let mut store = Store::in_memory();
    let evidence = Evidence {
        concept: slug("abc"),
        observed: Observation::Seen,
        from: State::Unknown,
        to: State::Seen,
        at: Hour::floor(DAY),
    };
    for (index, why) in [
        (1, Why::Deferred { catalogue: 7 }),
        (2, Why::Rejected(Some(Reject::Slug))),
        (3, Why::Rejected(None)),
    ] {
        let aside = Aside {
            stream: stream(1),
            index,
            delta: Delta::Evidence(evidence.clone()),
            why,
        };
        store
            .write(|txn| txn.set_aside(&aside).and_then(|()| txn.set_aside(&aside)))
            .unwrap();
        assert_eq!(
            store.read(|txn| txn.aside()).unwrap(),
            std::slice::from_ref(&aside)
        );
        store.write(|txn| txn.take_back(&aside)).unwrap();
    }
    assert!(store.read(|txn| txn.aside()).unwrap().is_empty());
}

#[test]
fn the_engineers_lines_are_gone_after_seven_days() {
    let mut store = Store::in_memory();
    let concept = slug("abc");
    let mention = NewMention {
        at: 100 * DAY,
        concept: &concept,
        detector: "d",
        strong: true,
        diff: &[1; 32],
        file: "a.py",
        line: "with a:",
        row: None,
        confidence: 80,
        within: None,
    };
    store.write(|txn| txn.add_mention(&mention)).unwrap();
    store.write(|txn| txn.forget_old(107 * DAY)).unwrap();
    assert!(store.read(|txn| txn.met(&concept)).unwrap().is_some());
    store.write(|txn| txn.forget_old(107 * DAY + 1)).unwrap();
    assert!(store.read(|txn| txn.met(&concept)).unwrap().is_none());
}

#[test]
fn lines_live_for_seven_days_whatever_the_clock_does() {
    let concept = slug("abc");
    let day = |n: i64| 1000 * DAY + n * DAY;
    let mention = |at, line| NewMention {
        at,
        concept: &concept,
        detector: "d",
        strong: true,
        diff: &[1; 32],
        file: "a.py",
        line,
        row: None,
        confidence: 80,
        within: None,
    };
    let lines = |store: &mut Store| {
        let met = store.read(|txn| txn.met_all(&concept)).unwrap();
        met.into_iter().map(|met| met.line).collect::<Vec<_>>()
    };
    let pass = |store: &mut Store, now| store.write(|txn| txn.forget_old(now)).unwrap();
    // A year back, and right again: what was written keeps its age meanwhile, and no line outlives its week.
    let mut store = Store::in_memory();
    store
        .write(|txn| txn.add_mention(&mention(day(0), "before")))
        .unwrap();
    pass(&mut store, day(3));
    let wrong = day(3) - 365 * DAY;
    pass(&mut store, wrong);
    store
        .write(|txn| txn.add_mention(&mention(wrong, "meanwhile")))
        .unwrap();
    pass(&mut store, wrong + 3 * DAY);
    assert_eq!(lines(&mut store), ["meanwhile", "before"]);
    pass(&mut store, wrong + 4 * DAY + 1);
    assert_eq!(
        lines(&mut store),
        ["meanwhile"],
        "seven days by the clocks that there were"
    );
    pass(&mut store, day(8));
    assert!(lines(&mut store).is_empty());
    // A year ahead, and right again: a line of the wrong year does not stay for a year.
    let mut store = Store::in_memory();
    pass(&mut store, day(0));
    let wrong = day(0) + 365 * DAY;
    pass(&mut store, wrong);
    store
        .write(|txn| txn.add_mention(&mention(wrong, "ahead")))
        .unwrap();
    store
        .write(|txn| txn.add_moment(wrong, &[1], "commit"))
        .unwrap();
    pass(&mut store, wrong + 3600);
    pass(&mut store, day(1));
    assert_eq!(lines(&mut store), ["ahead"]);
    let moments = store.read(|txn| txn.moments(0)).unwrap();
    assert_eq!(moments[0].at, day(1) - 3600, "as old as it is");
    pass(&mut store, day(8));
    assert!(lines(&mut store).is_empty());
    // What is dated ahead of a clock that never stood there, by whatever mistake, begins its week now.
    store
        .write(|txn| txn.add_mention(&mention(day(5000), "from nowhere")))
        .unwrap();
    pass(&mut store, day(9));
    pass(&mut store, day(16) + 1);
    assert!(lines(&mut store).is_empty());
}

#[test]
fn a_streams_hour_never_goes_back_and_follows_the_learnt_offset() {
    let mut store = Store::in_memory();
    store.write(|txn| see(txn, 10 * DAY, "abc")).unwrap();
    assert_eq!(
        store.read(|txn| txn.hour_at(9 * DAY)).unwrap(),
        Hour::floor(10 * DAY)
    );
    store.write(|txn| txn.set_offset(2 * DAY)).unwrap();
    assert_eq!(
        store.read(|txn| txn.hour_at(9 * DAY)).unwrap(),
        Hour::floor(11 * DAY)
    );
    assert!(store.read(|txn| txn.is_seen_on(&slug("abc"), 10)).unwrap());
    assert!(!store.read(|txn| txn.is_seen_on(&slug("abc"), 11)).unwrap());
}

#[test]
fn a_retract_is_obeyed_by_the_engineers_lines_too() {
    use kernel::delta::{Retract, Scope};
    let mut store = Store::in_memory();
    let (abc, def) = (slug("abc"), slug("def"));
    let mention = |at, concept| NewMention {
        at,
        concept,
        detector: "d",
        strong: true,
        diff: &[1; 32],
        file: "a.py",
        line: "with a:",
        row: None,
        confidence: 80,
        within: None,
    };
    store
        .write(|txn| {
            txn.add_mention(&mention(10 * DAY + HOUR - 1, &abc))?;
            txn.add_mention(&mention(10 * DAY, &def))?;
            txn.obey(&Retract {
                scope: Scope::Concept(abc.clone()),
                at: Hour::floor(10 * DAY),
            })
        })
        .unwrap();
    assert!(store.read(|txn| txn.met(&abc)).unwrap().is_none());
    assert!(store.read(|txn| txn.met(&def)).unwrap().is_some());
    let later = mention(10 * DAY + HOUR, &abc);
    let all = Retract {
        scope: Scope::All,
        at: Hour::floor(10 * DAY),
    };
    store
        .write(|txn| txn.add_mention(&later).and_then(|()| txn.obey(&all)))
        .unwrap();
    assert!(
        store.read(|txn| txn.met(&abc)).unwrap().is_some(),
        "met after the hour"
    );
    assert!(store.read(|txn| txn.met(&def)).unwrap().is_none());
}

#[test]
fn an_export_holds_every_row_of_every_table_and_no_key() {
    let mut store = Store::in_memory();
    let concept = slug("abc");
    store
        .write(|txn| {
            see(txn, DAY, "abc")?;
            txn.set_fact(HASH_KEY, vec![0xa7_u8; 32])?;
            txn.count("torn", 2)?;
            txn.add_mention(&NewMention {
                at: DAY,
                concept: &concept,
                detector: "d",
                strong: true,
                diff: &[1; 32],
                file: "a.py",
                line: "the engineer's own line",
                row: None,
                confidence: 80,
                within: None,
            })
        })
        .unwrap();
    let (tables, counts) = store
        .read(|txn| Ok((txn.export()?, txn.row_counts()?)))
        .unwrap();
    for (table, n) in &counts {
        let left_out = LEFT_OUT.iter().any(|(name, _)| name == table);
        // The one fact that is left out is the key.
        let held = tables.get(table).map(|rows| rows.len() as u64);
        let key = u64::from(table == "fact");
        assert_eq!(held, (!left_out).then(|| n - key), "{table}");
    }
    assert!(counts.len() >= 17, "{counts:?}");
    assert!(tables["delta"][0]["body"].is_object(), "JSON as JSON");
    assert_eq!(tables["mention"][0]["line"], "the engineer's own line");
    let text = serde_json::to_string(&tables).unwrap();
    assert!(!text.contains("a7a7a7a7"), "no secret");
    let page = include_str!("../../../airgap-docs/src/export.md");
    for table in counts.keys() {
        assert!(
            page.contains(&format!("| `{table}` |")),
            "export.md says nothing of {table}"
        );
    }
}
