//! What somebody finds who has the database and its key, and not `k_link`.

use super::*;
use std::collections::BTreeSet;

const EVIDENCE: [&str; 5] = ["subject|", "stream|", "delta|", "pair|", "route|"];

/// Runs of 32 hexadecimal digits and more, on lines of these tables, or of all others.
fn ids(text: &str, of_evidence: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if EVIDENCE.iter().any(|table| line.starts_with(table)) == of_evidence {
            let runs = line.split(|c: char| !matches!(c, '0'..='9' | 'a'..='f'));
            found.extend(runs.filter(|run| run.len() >= 32).map(str::to_owned));
        }
    }
    found
}

async fn organisation(site: &mut Site) -> Vec<Engineer> {
    let mut people = Vec::new();
    for (number, name) in ["ada", "grace", "edsger", "barbara", "tony"]
        .into_iter()
        .enumerate()
    {
        let at = MONDAY + number as i64 * 9 * DAY;
        let who = site.engineer(name, at).await;
        for day in 0..5 {
            let at = at + day * DAY;
            let body = push(
                number as u8 + 1,
                vec![seen(day as u64 + 1, "pg-advisory-locks", at)],
            );
            site.push(who.device, at, body).await;
        }
        people.push(who);
    }
    site.store.fold(1, Arc::new(|slug| slug)).await.unwrap();
    site.store.flush_tally(MONDAY + 60 * DAY).await.unwrap();
    site.store
        .chain_audit(None, MONDAY + 60 * DAY)
        .await
        .unwrap();
    people
}

#[tokio::test]
async fn no_id_stands_on_both_sides() {
    let mut site = Site::new();
    organisation(&mut site).await;
    let (text, _) = site.dump();
    let (evidence, people) = (ids(&text, true), ids(&text, false));
    assert!(evidence.len() > 10 && people.len() > 10);
    assert_eq!(
        evidence.intersection(&people).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

#[tokio::test]
async fn accounts_and_devices_have_no_date_that_can_be_read() {
    let mut site = Site::new();
    let people = organisation(&mut site).await;
    site.store.expire(MONDAY + 60 * DAY).await.unwrap();
    let (text, _) = site.dump();
    let days = MONDAY / DAY..MONDAY / DAY + 400;
    for line in text
        .lines()
        .filter(|l| l.starts_with("person|") || l.starts_with("device|"))
    {
        for value in line
            .split('|')
            .filter_map(|value| value.parse::<i64>().ok())
        {
            assert!(
                !days.contains(&value) && !days.contains(&(value / DAY)),
                "{line}"
            );
        }
    }
    assert!(!text.lines().any(|line| line.starts_with("enrolment|")));
    // Who holds k_link reads them.
    let device = people[1].device;
    let found = site
        .store
        .read(move |txn| device::get(txn, device))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.last_seen, Some(MONDAY / DAY + 9 + 4));
    assert_eq!(found.enrolled_month, 20_454);
}

#[tokio::test]
async fn a_sealed_length_says_nothing() {
    let mut site = Site::new();
    organisation(&mut site).await;
    site.engineer("never-synced", MONDAY).await;
    let (text, _) = site.dump();
    for (table, column) in [("device|", 6), ("person|", 7), ("link|", 2)] {
        let lengths: BTreeSet<_> = text
            .lines()
            .filter(|line| line.starts_with(table))
            .map(|line| line.split('|').nth(column).unwrap().len())
            .collect();
        assert_eq!(lengths.len(), 1, "{table}");
    }
}

#[tokio::test]
async fn acts_on_ones_own_graph_and_devices_hide_who_and_when() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    for action in [
        Action::ViewOwnGraph,
        Action::ExportOwn,
        Action::SetAggregate,
    ] {
        let act = Act::new(by(ada.person), action, MONDAY + 4_321);
        site.store
            .write(act, |txn| txn.subject().map(drop))
            .await
            .unwrap();
    }
    let found = site
        .store
        .read(move |txn| person::get(txn, ada.person))
        .await
        .unwrap()
        .unwrap();
    let rows = site.audit().await;
    let own: Vec<_> = rows.iter().filter(|row| row.seq > 1).collect();
    assert_eq!(own.len(), 5, "sign-in, approval and three more");
    for row in own {
        assert!(matches!(row.entry.row.actor(), audit_log::Actor::Sealed(_)));
        assert_eq!(row.entry.row.at() % HOUR, 0);
        let body = row.entry.canonical().unwrap();
        for id in [
            found.actor,
            *found.person.as_bytes(),
            *ada.device.as_bytes(),
        ] {
            assert!(!body.contains(&hex::encode(id)), "{body}");
        }
    }
}

/// The bodies of the audit rows that these actions left.
async fn bodies(site: &Site, actions: &[&str]) -> Vec<audit_log::NodeRow> {
    let rows = site.audit().await.into_iter().map(|row| row.entry);
    rows.filter(|entry| actions.contains(&entry.row.action().as_str()))
        .collect()
}

#[tokio::test]
async fn what_an_administrator_did_to_somebody_tells_when_and_not_to_whom() {
    let mut site = Site::new();
    let admin = site.sign_in("root", Role::Admin, MONDAY).await;
    let ada = site.engineer("ada", MONDAY).await;
    let at = MONDAY + 4_321;
    let act = |action| Act::new(confirmed(admin.person, at), action, at);
    site.store
        .write(act(Action::RevokeDevice), move |txn| {
            device::revoke(txn, ada.device)
        })
        .await
        .unwrap();
    for (action, active) in [(Action::DisablePerson, false), (Action::EnablePerson, true)] {
        site.store
            .write(act(action), move |txn| {
                person::set_active(txn, ada.person, active)
            })
            .await
            .unwrap();
    }
    let rows = bodies(&site, &["device.revoke", "person.disable", "person.enable"]).await;
    assert_eq!(rows.len(), 3);
    for (row, (kind, id)) in rows.into_iter().zip([
        ("device", *ada.device.as_bytes()),
        ("person", *ada.person.as_bytes()),
        ("person", *ada.person.as_bytes()),
    ]) {
        assert_eq!(row.row.actor(), &audit_log::Actor::Id(admin.actor));
        assert_eq!(row.row.at(), at);
        let body = row.canonical().unwrap();
        assert!(!body.contains(&hex::encode(id)), "{body}");
        // Who holds k_link reads it.
        let opened = site
            .store
            .read(move |txn| audit::target(txn, &row.row))
            .await
            .unwrap();
        assert_eq!(opened, Some((audit_log::Word::fixed(kind), id)));
    }
}

#[tokio::test]
async fn what_a_person_did_with_their_own_is_opened_for_no_reader_of_the_log() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let act = Act::new(by(ada.person), Action::RevokeOwnDevice, MONDAY);
    site.store
        .write(act, move |txn| device::revoke(txn, ada.device))
        .await
        .unwrap();
    for row in bodies(&site, &["device.approve", "device.revoke-own"]).await {
        assert!(row.row.acted_on().is_some());
        let opened = site
            .store
            .read(move |txn| audit::target(txn, &row.row))
            .await;
        assert_eq!(opened.unwrap(), None);
    }
}

#[tokio::test]
async fn nothing_but_k_link_tells_that_a_device_or_an_account_ended_and_no_row_moves() {
    let mut site = Site::new();
    let people = organisation(&mut site).await;
    site.store.compact().await.unwrap();
    let places = |raw: &[u8]| {
        let devices = people.iter().map(|who| *who.device.as_bytes());
        let persons = people.iter().map(|who| *who.person.as_bytes());
        let at = |key: [u8; 16]| raw.windows(16).position(|window| window == key);
        devices.chain(persons).map(at).collect::<Vec<_>>()
    };
    // Rows without what is sealed, which is another each time, and the seals' lengths.
    let rows = |text: &str| {
        let mut rows = Vec::new();
        for line in text
            .lines()
            .filter(|l| l.starts_with("device|") || l.starts_with("person|"))
        {
            let sealed = if line.starts_with("device|") { 2 } else { 1 };
            let mut parts = line.rsplitn(sealed + 1, '|');
            let lengths: Vec<_> = parts.by_ref().take(sealed).map(str::len).collect();
            rows.push((parts.next().unwrap().to_owned(), lengths));
        }
        rows
    };
    let before = (places(&raw(&site.path())), rows(&site.dump().0));
    assert!(before.0.iter().all(Option::is_some) && before.1.len() == 2 * people.len());
    let second = people[1].device;
    let act = Act::new(Actor::Console, Action::RevokeDevice, MONDAY + 50 * DAY);
    site.store
        .write(act, move |txn| device::revoke(txn, second))
        .await
        .unwrap();
    let third = people[2];
    let act = Act::new(Actor::Console, Action::DisablePerson, MONDAY + 50 * DAY);
    site.store
        .write(act, move |txn| person::set_active(txn, third.person, false))
        .await
        .unwrap();
    site.store.chore(Chore::Expire, |_| Ok(())).await.unwrap();
    let log = std::fs::metadata(site.path().with_extension("db-wal")).unwrap();
    assert_eq!(log.len(), 0, "their commits are not left in the log");
    let after = (places(&raw(&site.path())), rows(&site.dump().0));
    assert_eq!(after, before);
    let counts = site.store.counts(MONDAY).await.unwrap();
    assert_eq!((counts.devices, counts.revoked_devices), (4, 1));
    for device in [second, third.device] {
        let standing = site.store.read(move |txn| device::standing(txn, device));
        assert_eq!(standing.await.unwrap(), device::Standing::Revoked);
    }
}

#[tokio::test]
async fn two_sealed_rows_of_one_person_look_unlike() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    for _ in 0..2 {
        let act = Act::new(by(ada.person), Action::ViewOwnGraph, MONDAY);
        site.store.write(act, |_| Ok(())).await.unwrap();
    }
    let rows = site.audit().await;
    let actors: Vec<_> = rows
        .iter()
        .rev()
        .take(2)
        .map(|row| row.entry.row.actor())
        .collect();
    assert_ne!(actors[0], actors[1]);
}

#[tokio::test]
async fn a_push_changes_no_row_on_the_persons_side() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let others = |text: &str| {
        let kept = text
            .lines()
            .filter(|line| !EVIDENCE.iter().any(|t| line.starts_with(t)));
        kept.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = others(&site.dump().0);
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]),
    )
    .await;
    assert_eq!(others(&site.dump().0), before);

    site.store.flush_tally(MONDAY + 100).await.unwrap();
    let device = ada.device;
    let found = site
        .store
        .read(move |txn| device::get(txn, device))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.last_seen, Some(MONDAY / DAY));
    assert_eq!(site.store.counts(MONDAY).await.unwrap().syncs_today, 1);
}

#[tokio::test]
async fn a_day_of_syncs_is_one_audit_row_for_the_whole_site() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let grace = site.engineer("grace", MONDAY).await;
    for (index, who) in [(1, ada), (2, ada), (1, grace)] {
        let stream = if who.device == ada.device { 1 } else { 2 };
        let body = push(stream, vec![seen(index, "pg-advisory-locks", MONDAY)]);
        site.push(who.device, MONDAY, body).await;
    }
    let before = site.audit().await.len();
    site.store.flush_tally(MONDAY + 100).await.unwrap();
    assert_eq!(site.audit().await.len(), before, "the day is not over");
    for _ in 0..2 {
        site.store.flush_tally(MONDAY + DAY + 100).await.unwrap();
    }
    let rows = site.audit().await;
    assert_eq!(rows.len(), before + 1);
    let row = &rows.last().unwrap().entry.row;
    assert_eq!(
        (row.action().as_str(), row.actor()),
        ("sync.count", &audit_log::Actor::System)
    );
    let syncs = &row.detail()[&audit_log::Word::fixed("syncs")];
    assert_eq!(syncs, &audit_log::Value::Int(3));
}

#[tokio::test]
async fn an_approval_leaves_no_log_that_shows_device_and_route_side_by_side() {
    let mut site = Site::new();
    site.engineer("ada", MONDAY).await;
    // Answered first, wiped then, by the same thread: one more turn of it has wiped.
    site.store.chore(Chore::Expire, |_| Ok(())).await.unwrap();
    let log = std::fs::metadata(site.path().with_extension("db-wal")).unwrap();
    assert_eq!(log.len(), 0);
}

#[tokio::test]
async fn after_a_compaction_rows_lie_in_the_order_of_their_keys() {
    let mut site = Site::new();
    organisation(&mut site).await;
    site.store.compact().await.unwrap();
    let raw = raw(&site.path());
    let (text, _) = site.dump();
    for table in ["person|", "subject|"] {
        let key = |line: &str| hex::decode(line.split('|').nth(1).unwrap()).unwrap();
        let mut keys: Vec<_> = text
            .lines()
            .filter(|l| l.starts_with(table))
            .map(key)
            .collect();
        keys.sort();
        // A page is filled from its end, so the smallest key lies last.
        let at = |key: &Vec<u8>| raw.windows(key.len()).position(|window| window == &key[..]);
        let places: Vec<_> = keys.iter().map(at).collect();
        assert!(
            places.windows(2).all(|two| two[0] > two[1]),
            "{table} {places:?}"
        );
    }
}
