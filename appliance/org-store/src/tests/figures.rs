//! Snapshots: who counts, what stays, and what is left out.

use super::*;
use crate::job::{self, Job};
use kernel::aggregate::{Published, Rules};
use kernel::ids::Slug;
use snapshot::Figures;

const WEEK: i64 = 7 * DAY;

fn figures() -> Figures {
    Figures {
        resolve: Arc::new(|slug| slug),
        parent: Arc::new(|slug| Slug::new(slug.as_str().rsplit_once('-')?.0).ok()),
        risk: Arc::new(|_| 2),
        rules: Rules::default(),
    }
}

/// Engineers who met a concept on seven days from Monday on; six of the twelve have shown it.
async fn organisation(site: &mut Site, number: u8) -> Vec<Engineer> {
    let mut people = Vec::new();
    for n in 0..number {
        let who = site.engineer(&format!("engineer-{n}"), MONDAY).await;
        for day in 0..7 {
            let at = MONDAY + day * DAY;
            let delta = if day == 6 && n < 6 { passed } else { seen };
            let body = push(n + 1, vec![delta(day as u64 + 1, "pg-advisory-locks", at)]);
            site.push(who.device, at, body).await;
        }
        people.push(who);
    }
    people
}

async fn make(site: &Site, at: i64) -> Result<kernel::aggregate::Snapshot> {
    let act = Act::new(Actor::System, Action::MakeSnapshot, at);
    site.store.make_snapshot(act, at / DAY, figures()).await
}

#[tokio::test]
async fn twelve_engineers_see_figures_on_the_third_monday() {
    let mut site = Site::new();
    organisation(&mut site, 12).await;
    let first = site
        .store
        .read(|txn| snapshot::first_figures(txn))
        .await
        .unwrap();
    assert_eq!(first, Some((MONDAY + 2 * WEEK) / DAY));
    assert_eq!(make(&site, MONDAY + WEEK).await.unwrap().counted, 0);
    let made = make(&site, MONDAY + 2 * WEEK).await.unwrap();
    assert_eq!(made.counted, 12);
    assert_eq!(made.rows.len(), 1);
    assert_eq!(made.rows[0].exposed, 12);
    assert!(matches!(
        made.rows[0].says,
        Published::Figures {
            n_demonstrated: 6,
            ..
        }
    ));
    let newest = site
        .store
        .read(|txn| snapshot::newest(txn, 5))
        .await
        .unwrap();
    assert_eq!(newest.len(), 2);
    assert_eq!(newest[0], made);
    let rows = site.audit().await;
    assert_eq!(
        rows.last().unwrap().entry.row.action().as_str(),
        "snapshot.make"
    );
}

#[tokio::test]
async fn a_snapshot_is_made_once_and_on_mondays_in_order() {
    let mut site = Site::new();
    organisation(&mut site, 1).await;
    make(&site, MONDAY + 2 * WEEK).await.unwrap();
    assert_eq!(
        make(&site, MONDAY + 2 * WEEK).await.unwrap_err().code(),
        "S015"
    );
    assert_eq!(make(&site, MONDAY + WEEK).await.unwrap_err().code(), "S024");
    assert_eq!(
        make(&site, MONDAY + 2 * WEEK + DAY)
            .await
            .unwrap_err()
            .code(),
        "S024"
    );
    make(&site, MONDAY + 3 * WEEK).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_may_not_be_made_can_be_made_by_who_may() {
    let mut site = Site::new();
    let member = site.sign_in("ada", Role::Member, MONDAY).await.person;
    let act = Act::new(by(member), Action::MakeSnapshot, MONDAY);
    let refused = site.store.make_snapshot(act, MONDAY / DAY, figures()).await;
    assert!(matches!(refused, Err(Error::Forbidden { .. })));
    make(&site, MONDAY).await.unwrap();
}

#[tokio::test]
async fn who_leaves_the_figures_is_in_no_later_snapshot() {
    let mut site = Site::new();
    let people = organisation(&mut site, 12).await;
    make(&site, MONDAY + 2 * WEEK).await.unwrap();
    for who in &people[..2] {
        let act = Act::new(by(who.person), Action::SetAggregate, MONDAY + 2 * WEEK);
        let out = |txn: &mut WriteTxn<'_>| {
            let subject = txn.subject()?;
            subject::set_aggregate(txn, subject, v1::AggregateChoice::Out)
        };
        site.store.write(act, out).await.unwrap();
    }
    let next = make(&site, MONDAY + 3 * WEEK).await.unwrap();
    assert_eq!(next.counted, 10);
    assert!(
        matches!(next.rows[0].says, Published::Between { .. }),
        "a band hides who left"
    );
}

#[tokio::test]
async fn evidence_from_after_a_monday_is_not_in_its_snapshot() {
    let mut site = Site::new();
    let people = organisation(&mut site, 12).await;
    let late = MONDAY + 2 * WEEK + HOUR;
    for (n, who) in people.iter().enumerate() {
        let body = push(n as u8 + 1, vec![passed(8, "rust-borrow-checker", late)]);
        site.push(who.device, late, body).await;
    }
    let act = Act::new(Actor::System, Action::MakeSnapshot, late + HOUR);
    let made = site
        .store
        .make_snapshot(act, (MONDAY + 2 * WEEK) / DAY, figures())
        .await
        .unwrap();
    assert_eq!(made.rows.len(), 1);
    let next = make(&site, MONDAY + 3 * WEEK).await.unwrap();
    assert_eq!(next.rows.len(), 2);
}

#[tokio::test]
async fn puppets_that_push_a_year_at_once_do_not_count() {
    let mut site = Site::new();
    let now = MONDAY + 2 * WEEK;
    for n in 0..12 {
        let who = site.engineer(&format!("puppet-{n}"), now).await;
        let deltas = (1..=14).map(|i| seen(i, "pg-advisory-locks", MONDAY + i as i64 * DAY - DAY));
        site.push(who.device, now, push(n + 1, deltas.collect()))
            .await;
    }
    assert_eq!(make(&site, MONDAY + 5 * WEEK).await.unwrap().counted, 0);
}

#[tokio::test]
async fn only_a_sample_may_set_a_first_sync_in_the_past() {
    for (mut site, expected) in [(Site::new(), Err("S011")), (Site::sample(), Ok(()))] {
        let who = site.engineer("ada", MONDAY).await;
        site.push(
            who.device,
            MONDAY,
            push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]),
        )
        .await;
        let act = Act::new(Actor::Console, Action::LoadSample, MONDAY);
        let set = site.store.write(act, move |txn| {
            let subject = subject::of_device(txn, who.device)?;
            subject::set_first_sync(txn, subject, MONDAY / DAY - 180)
        });
        assert_eq!(set.await.map_err(|error| error.code()), expected);
    }
    let mut site = Site::sample();
    let fresh = person::Fresh {
        person: PersonId::from_bytes(site.draw()),
        actor: site.draw(),
    };
    let act = Act::new(Actor::System, Action::StartServer, MONDAY);
    let made = site.store.write(act, move |txn| {
        person::create_local(txn, "Invented", None, Role::Member, fresh)
    });
    assert!(
        matches!(made.await, Err(Error::NotSample)),
        "in the sample's own action alone"
    );
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_and_its_late_owner_told() {
    let site = Site::new();
    const JOB: Job = Job {
        job: "test",
        bucket: 3,
        as_of: 20_458,
    };
    let claim = |now| {
        site.store
            .chore(Chore::Snapshot, move |txn| job::claim(txn, JOB, now, 60))
    };
    let finish = |fence| {
        site.store
            .chore(Chore::Snapshot, move |txn| job::finish(txn, JOB, fence))
    };
    assert_eq!(claim(100).await.unwrap(), Some(1));
    assert_eq!(claim(159).await.unwrap(), None);
    assert_eq!(claim(160).await.unwrap(), Some(2));
    assert!(!finish(1).await.unwrap());
    assert!(finish(2).await.unwrap());
    assert_eq!(claim(1_000).await.unwrap(), None, "done is done");
}
