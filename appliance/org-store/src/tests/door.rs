//! The write door: policy, change, audit row and commit together, or not at all.

use super::*;
use audit_log::{Outcome as Ended, Value};

#[tokio::test]
async fn an_act_and_its_audit_row_are_one() {
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await;
    let other = site.sign_in("grace", Role::Member, MONDAY).await.person;
    let act = Act::new(
        confirmed(admin.person, MONDAY),
        Action::SetRole,
        MONDAY + 10,
    );
    assert!(
        site.store
            .write(act, move |txn| person::set_role(txn, other, Role::Lead))
            .await
            .unwrap()
    );

    let rows = site.audit().await;
    let row = &rows.last().unwrap().entry.row;
    assert_eq!(row.action().as_str(), "person.role");
    assert_eq!(row.actor(), &audit_log::Actor::Id(admin.actor));
    assert_eq!(row.at(), MONDAY + 10);
    assert_eq!(row.detail().values().next(), Some(&Value::from("lead")));
    let trust = audit_log::Trust {
        store: [9; 16],
        keys: Vec::new(),
        seen: None,
    };
    audit_log::verify(&rows, &[], &trust).unwrap();
}

#[tokio::test]
async fn if_the_audit_row_cannot_be_written_the_change_does_not_happen() {
    const NAMES: [&str; 17] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
    ];
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    let other = site.sign_in("grace", Role::Member, MONDAY).await.person;
    let act = Act::new(confirmed(admin, MONDAY), Action::SetRole, MONDAY);
    let refused = site.store.write(act, move |txn| {
        person::set_role(txn, other, Role::Admin)?;
        for name in NAMES {
            txn.audit_with(name, 1_i64);
        }
        Ok(())
    });
    assert_eq!(refused.await.unwrap_err().code(), "S016");
    let found = site
        .store
        .read(move |txn| person::get(txn, other))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.role, Role::Member);
    assert_eq!(
        site.audit()
            .await
            .last()
            .unwrap()
            .entry
            .row
            .action()
            .as_str(),
        "session.begin"
    );
}

#[tokio::test]
async fn who_is_not_allowed_changes_nothing_and_leaves_a_row() {
    let mut site = Site::new();
    let member = site.sign_in("mallory", Role::Member, MONDAY).await;
    let act = Act::new(confirmed(member.person, MONDAY), Action::SetRole, MONDAY);
    let refused = site.store.write(act, move |txn| {
        person::set_role(txn, member.person, Role::Admin)
    });
    assert!(matches!(refused.await, Err(Error::Forbidden { .. })));
    let rows = site.audit().await;
    let row = &rows.last().unwrap().entry.row;
    assert_eq!(
        (row.action().as_str(), row.ended()),
        ("person.role", Ended::Denied)
    );
    assert_eq!(row.actor(), &audit_log::Actor::Id(member.actor));
    let found = site
        .store
        .read(move |txn| person::get(txn, member.person))
        .await
        .unwrap();
    assert_eq!(found.unwrap().role, Role::Member);
}

#[tokio::test]
async fn the_role_is_the_databases_and_not_the_callers() {
    let mut site = Site::new();
    let first = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    let second = site.sign_in("grace", Role::Admin, MONDAY).await.person;
    let demote = Act::new(confirmed(first, MONDAY), Action::SetRole, MONDAY);
    site.store
        .write(demote, move |txn| person::set_role(txn, second, Role::Lead))
        .await
        .unwrap();
    let act = Act::new(confirmed(second, MONDAY), Action::SetRole, MONDAY);
    let late = site
        .store
        .write(act, move |txn| person::set_role(txn, first, Role::Lead))
        .await;
    assert!(matches!(late, Err(Error::Forbidden { .. })));

    let disable = Act::new(confirmed(first, MONDAY), Action::DisablePerson, MONDAY);
    site.store
        .write(disable, move |txn| person::set_active(txn, second, false))
        .await
        .unwrap();
    let act = Act::new(by(second), Action::SignOut, MONDAY);
    assert!(matches!(
        site.store.write(act, |_| Ok(())).await,
        Err(Error::Disabled)
    ));
}

#[tokio::test]
async fn a_confirmation_is_good_for_five_minutes_and_never_from_the_future() {
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    for (confirmed_at, good) in [
        (Some(MONDAY), true),
        (Some(MONDAY - 300), true),
        (Some(MONDAY - 301), false),
        (Some(MONDAY + 1), false),
        (None, false),
    ] {
        let actor = Actor::Person {
            person: admin,
            confirmed_at,
        };
        let act = Act::new(actor, Action::ExportAudit, MONDAY);
        let done = site.store.write(act, |_| Ok(())).await;
        match done {
            Ok(()) => assert!(good, "{confirmed_at:?}"),
            Err(Error::StepUp { .. }) => assert!(!good, "{confirmed_at:?}"),
            Err(other) => panic!("{other}"),
        }
    }
    let console = Act::new(Actor::Console, Action::ExportAudit, MONDAY);
    site.store.write(console, |_| Ok(())).await.unwrap();
}

/// Lets the writer wait until all of `writes` stand in line, so that they share a commit.
async fn together<T: Send + 'static>(
    site: &Site,
    writes: Vec<std::pin::Pin<Box<dyn Future<Output = T> + Send>>>,
) -> Vec<T> {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (began, begun) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let store = site.store.clone();
    let first = tokio::spawn(async move {
        let stop = move |_: &mut WriteTxn<'_>| {
            began.send(()).unwrap();
            assert!(wait.lock().unwrap().recv().is_err());
            Ok(())
        };
        store.chore(Chore::Expire, stop).await
    });
    // Its own group is closed once it runs.
    while begun.try_recv().is_err() {
        tokio::task::yield_now().await;
    }
    let running: Vec<_> = writes.into_iter().map(tokio::spawn).collect();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(go);
    first.await.unwrap().unwrap();
    let mut done = Vec::new();
    for task in running {
        done.push(task.await.unwrap());
    }
    done
}

/// How many commits the log holds: frames that name the size of the database.
async fn commits(site: &Site) -> usize {
    // The log may be about to be emptied; a turn of the writer later it was.
    site.store.chore(Chore::Expire, |_| Ok(())).await.unwrap();
    let log = std::fs::read(site.path().with_extension("db-wal")).unwrap();
    let frames = log.get(32..).unwrap_or_default().chunks_exact(24 + 4096);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn pushes_that_wait_share_one_commit_and_each_is_answered_after_it() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let grace = site.engineer("grace", MONDAY).await;
    let before = commits(&site).await;
    let mut writes: Vec<std::pin::Pin<Box<dyn Future<Output = _> + Send>>> = Vec::new();
    for (stream, who) in [(1, ada), (2, grace), (3, ada)] {
        let store = site.store.clone();
        writes.push(Box::pin(async move {
            let body = push(stream, vec![seen(1, "rust-borrow-checker", MONDAY)]);
            let reply = store
                .push(call(who.device, MONDAY), body)
                .await
                .unwrap()
                .unwrap();
            // Seen by another connection as soon as it is answered.
            let counts = store.counts(MONDAY).await.unwrap();
            (reply.head, counts.deltas)
        }));
    }
    let replies = together(&site, writes).await;
    assert!(replies.iter().all(|reply| *reply == (1, 3)), "{replies:?}");
    assert_eq!(commits(&site).await - before, 1);
}

#[tokio::test]
async fn one_that_fails_or_panics_does_not_undo_its_neighbours() {
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    let mut people = Vec::new();
    for name in ["b", "c", "d", "e"] {
        people.push(site.sign_in(name, Role::Member, MONDAY).await.person);
    }
    let before = commits(&site).await;
    let mut writes: Vec<std::pin::Pin<Box<dyn Future<Output = _> + Send>>> = Vec::new();
    for (at, person) in people.iter().copied().enumerate() {
        let store = site.store.clone();
        writes.push(Box::pin(async move {
            let act = Act::new(confirmed(admin, MONDAY), Action::SetRole, MONDAY);
            let change = move |txn: &mut WriteTxn<'_>| {
                person::set_role(txn, person, Role::Lead)?;
                match at {
                    1 => Err(Error::NotSample),
                    2 => panic!("a test panics"),
                    _ => Ok(()),
                }
            };
            store.write(act, change).await.map_err(|error| error.code())
        }));
    }
    let done = together(&site, writes).await;
    assert_eq!(done, [Ok(()), Err("S011"), Err("S020"), Ok(())]);
    let mut roles = Vec::new();
    for person in people {
        let found = site
            .store
            .read(move |txn| person::get(txn, person))
            .await
            .unwrap();
        roles.push(found.unwrap().role);
    }
    assert_eq!(roles, [Role::Lead, Role::Member, Role::Member, Role::Lead]);
    assert_eq!(commits(&site).await - before, 1);
    let numbers: Vec<_> = site.audit().await.iter().map(|row| row.entry.n).collect();
    assert_eq!(
        numbers,
        (1..=numbers.len() as u64).collect::<Vec<_>>(),
        "no hole"
    );
}

#[tokio::test]
async fn a_sign_in_that_does_not_say_who_leaves_nothing() {
    let site = Site::new();
    let act = Act::new(Actor::Nobody, Action::SignIn, MONDAY);
    let done = site.store.write(act, |_| Ok(())).await;
    assert_eq!(done.unwrap_err().code(), "S018");
}

#[test]
fn the_blocking_twins_do_the_same() {
    let site = Site::new();
    let act = Act::new(Actor::Console, Action::IssueLink, MONDAY);
    let put = |txn: &mut WriteTxn<'_>| {
        link_token::put(txn, &[1; 32], link_token::Purpose::FirstAdmin, MONDAY)
    };
    site.store.write_blocking(act, put).unwrap();
    site.store
        .chore_blocking(Chore::Expire, |_| Ok(()))
        .unwrap();
    let state = site
        .store
        .read_blocking(|txn| link_token::peek(txn, &[1; 32], MONDAY))
        .unwrap();
    assert!(matches!(state, link_token::LinkState::Good { .. }));
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_changed() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]),
    )
    .await;
    // No page more than there are: what a full disk is to SQLite.
    static NO_ROOM: engine::Statement =
        engine::Statement::common("no_room", "PRAGMA max_page_count = 1");
    static ROOM: engine::Statement =
        engine::Statement::common("room", "PRAGMA max_page_count = 1000000");
    let limit = |statement: &'static engine::Statement| {
        site.store.chore(Chore::Expire, move |txn| {
            one::<i64>(txn, statement, params![], "set a limit").map(drop)
        })
    };
    limit(&NO_ROOM).await.unwrap();
    let many = (2..=400)
        .map(|i| seen(i, "pg-advisory-locks", MONDAY))
        .collect();
    let full = site
        .store
        .push(call(ada.device, MONDAY), push(1, many))
        .await;
    assert!(matches!(full, Err(Error::DiskFull { .. })), "{full:?}");
    assert_eq!(site.store.counts(MONDAY).await.unwrap().deltas, 1);
    limit(&ROOM).await.unwrap();
    let again = push(1, vec![seen(2, "pg-advisory-locks", MONDAY)]);
    assert_eq!(site.push(ada.device, MONDAY, again).await.head, 2);
}
