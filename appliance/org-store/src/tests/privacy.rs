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
    for (table, column) in [("device|", 6), ("person|", 8), ("link|", 2)] {
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
