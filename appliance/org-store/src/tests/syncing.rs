//! Sync: pushes and pulls of devices, and what is forgotten.

use super::*;

const HAVE_NOTHING: fn() -> v1::Pull = || v1::Pull {
    have: Default::default(),
    limit: 1000,
};

#[tokio::test]
async fn two_laptops_of_one_person_hold_the_same() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let second = site.enrol(ada.person, MONDAY).await;
    let stranger = site.engineer("grace", MONDAY).await;
    let body = push(
        1,
        vec![
            seen(1, "pg-advisory-locks", MONDAY),
            passed(2, "pg-advisory-locks", MONDAY),
        ],
    );
    let reply = site.push(ada.device, MONDAY, body.clone()).await;
    assert_eq!(reply.head, 2);
    assert_eq!(reply.generation, 1);
    let again = site.push(ada.device, MONDAY, body).await;
    assert!(
        again.results.iter().all(|line| line.r == v1::Verdict::Dup),
        "twice is harmless"
    );
    assert_eq!(again.sum, reply.sum);

    let pulled = site
        .store
        .pull(call(second, MONDAY), HAVE_NOTHING())
        .await
        .unwrap();
    assert_eq!(pulled.deltas.len(), 2);
    assert_eq!(pulled.streams.values().next().unwrap().sum, reply.sum);
    let nothing = site
        .store
        .pull(call(stranger.device, MONDAY), HAVE_NOTHING())
        .await
        .unwrap();
    assert!(nothing.streams.is_empty());
}

#[tokio::test]
async fn what_the_client_must_mend_is_told_and_nothing_is_stored() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let gap = push(1, vec![seen(2, "pg-advisory-locks", MONDAY)]);
    let refused = site
        .store
        .push(call(ada.device, MONDAY), gap)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!((refused.why, refused.head), (v1::Refusal::Gap, 0));
    let late = push(1, vec![seen(1, "pg-advisory-locks", MONDAY + DAY)]);
    let refused = site
        .store
        .push(call(ada.device, MONDAY), late)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(refused.why, v1::Refusal::Clock);
    let mut bad = push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]);
    bad.v = 9;
    let bad = site.store.push(call(ada.device, MONDAY), bad).await;
    assert_eq!(bad.unwrap_err().code(), "S003");
    let counts = site.store.counts(MONDAY).await.unwrap();
    assert_eq!((counts.subjects, counts.streams, counts.deltas), (0, 0, 0));
}

#[tokio::test]
async fn a_revoked_device_and_one_whose_person_is_disabled_sync_no_more() {
    let mut site = Site::new();
    let admin = site.sign_in("root", Role::Admin, MONDAY).await.person;
    let ada = site.engineer("ada", MONDAY).await;
    let grace = site.engineer("grace", MONDAY).await;
    let revoke = Act::new(confirmed(admin, MONDAY), Action::RevokeDevice, MONDAY);
    site.store
        .write(revoke, move |txn| device::revoke(txn, ada.device))
        .await
        .unwrap();
    let disable = Act::new(confirmed(admin, MONDAY), Action::DisablePerson, MONDAY);
    site.store
        .write(disable, move |txn| {
            person::set_active(txn, grace.person, false)
        })
        .await
        .unwrap();
    for device in [ada.device, grace.device] {
        let body = push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]);
        let pushed = site.store.push(call(device, MONDAY), body).await;
        assert!(matches!(pushed, Err(Error::Revoked)));
        let pulled = site.store.pull(call(device, MONDAY), HAVE_NOTHING()).await;
        assert!(matches!(pulled, Err(Error::Revoked)));
        let standing = site
            .store
            .read(move |txn| device::standing(txn, device))
            .await
            .unwrap();
        assert_eq!(standing, device::Standing::Revoked);
    }
    let unknown = call(DeviceId::from_bytes([0xee; 16]), MONDAY);
    let pulled = site.store.pull(unknown, HAVE_NOTHING()).await;
    assert!(matches!(
        pulled,
        Err(Error::NotFound {
            kind: Kind::Device,
            ..
        })
    ));
}

#[tokio::test]
async fn a_retract_removes_what_it_covers_from_every_page() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let deltas =
        (1..=200).map(|i| seen(i, "forgotten-canary", MONDAY + i as i64 * HOUR - 300 * HOUR));
    site.push(ada.device, MONDAY, push(1, deltas.collect()))
        .await;
    site.push(
        ada.device,
        MONDAY,
        push(2, vec![passed(1, "kept-canary", MONDAY)]),
    )
    .await;
    site.store.fold(1, Arc::new(|slug| slug)).await.unwrap();
    let (text, raw) = site.dump();
    assert!(text.contains("forgotten-canary") && holds(&raw, b"forgotten-canary"));
    assert!(text.contains("pair|"));

    let body = push(1, vec![retract(201, "*", MONDAY - DAY)]);
    let reply = site.push(ada.device, MONDAY, body).await;
    assert_eq!(reply.results[0].r, v1::Verdict::Ok);
    // Answered first, wiped then, by the same thread: one more turn of it has wiped.
    site.store.chore(Chore::Expire, |_| Ok(())).await.unwrap();
    let (text, raw) = site.dump();
    assert!(!text.contains("forgotten-canary"), "in a table");
    assert!(
        !holds(&raw, b"forgotten-canary"),
        "in a page of the file or its log"
    );
    assert!(text.contains("kept-canary") && holds(&raw, b"kept-canary"));

    let pulled = site
        .store
        .pull(call(ada.device, MONDAY), HAVE_NOTHING())
        .await
        .unwrap();
    assert_eq!(
        pulled.deltas.len(),
        2,
        "the retract and what it did not cover"
    );
    let late = push(3, vec![seen(1, "forgotten-canary", MONDAY - 2 * DAY)]);
    let reply = site.push(ada.device, MONDAY, late).await;
    assert_eq!(
        reply.results[0].r,
        v1::Verdict::Forgotten,
        "and it does not come back"
    );
}

#[tokio::test]
async fn an_erased_engineer_leaves_nothing_and_may_enrol_anew() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let second = site.enrol(ada.person, MONDAY).await;
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![seen(1, "erased-canary", MONDAY)]),
    )
    .await;
    let act = Act::new(confirmed(ada.person, MONDAY), Action::EraseOwn, MONDAY);
    let mut erased = site.store.write(act, subject::erase).await.unwrap();
    erased.devices.sort();
    let mut expected = [ada.device, second];
    expected.sort();
    assert_eq!(erased.devices, expected);
    site.store.chore(Chore::Expire, |_| Ok(())).await.unwrap();
    let (text, raw) = site.dump();
    assert!(!text.contains("erased-canary") && !holds(&raw, b"erased-canary"));
    assert!(
        !text
            .lines()
            .any(|line| line.starts_with("link|") || line.starts_with("device|"))
    );

    for device in [ada.device, second] {
        let pulled = site.store.pull(call(device, MONDAY), HAVE_NOTHING()).await;
        assert!(matches!(pulled, Err(Error::Erased)));
        let standing = site
            .store
            .read(move |txn| device::standing(txn, device))
            .await
            .unwrap();
        assert_eq!(standing, device::Standing::Erased);
    }
    let anew = site.enrol(ada.person, MONDAY).await;
    let reply = site
        .push(
            anew,
            MONDAY,
            push(4, vec![seen(1, "pg-advisory-locks", MONDAY)]),
        )
        .await;
    assert_eq!(reply.head, 1);
}

#[tokio::test]
async fn a_device_erases_and_chooses_for_its_person_and_for_nobody_else() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let grace = site.engineer("grace", MONDAY).await;
    for who in [ada, grace] {
        site.push(
            who.device,
            MONDAY,
            push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]),
        )
        .await;
    }
    let act = Act::new(Actor::Device(ada.device), Action::EraseOwn, MONDAY);
    site.store.write(act, subject::erase).await.unwrap();
    assert_eq!(site.store.counts(MONDAY).await.unwrap().subjects, 1);
    let act = Act::new(Actor::Device(grace.device), Action::SetRole, MONDAY);
    let grab = site.store.write(act, move |txn| {
        person::set_role(txn, grace.person, Role::Admin)
    });
    assert!(matches!(grab.await, Err(Error::Forbidden { .. })));
}

#[tokio::test]
async fn the_first_sync_is_kept_as_the_monday_on_or_after_it() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY + DAY).await;
    let body = push(1, vec![seen(1, "pg-advisory-locks", MONDAY + DAY)]);
    site.push(ada.device, MONDAY + DAY, body).await;
    let view = |action| {
        let act = Act::new(by(ada.person), action, MONDAY + 2 * DAY);
        site.store.write(act, |txn| {
            let subject = txn.subject()?;
            subject::state(txn, subject)
        })
    };
    let state = view(Action::ViewOwnGraph).await.unwrap();
    assert_eq!(state.first_sync, Some(MONDAY / DAY + 7));
    assert_eq!(state.evidence_days, [MONDAY / DAY + 1]);
    assert_eq!((state.streams, state.deltas), (1, 1));
    let elsewhere = view(Action::SignOut).await;
    assert!(
        matches!(elsewhere, Err(Error::NotFound { .. })),
        "no link without its action"
    );
}

#[tokio::test]
async fn who_left_the_figures_still_syncs() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let set = |choice| {
        let act = Act::new(by(ada.person), Action::SetAggregate, MONDAY);
        site.store.write(act, move |txn| {
            let subject = txn.subject()?;
            subject::set_aggregate(txn, subject, choice)
        })
    };
    assert!(
        set(v1::AggregateChoice::Out).await.unwrap(),
        "before the first push, too"
    );
    assert!(!set(v1::AggregateChoice::Out).await.unwrap());
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]),
    )
    .await;
    assert_eq!(site.store.counts(MONDAY).await.unwrap().excluded, 1);
    assert!(set(v1::AggregateChoice::In).await.unwrap());
}

#[tokio::test]
async fn an_export_holds_every_row_of_the_subject() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    let deltas = vec![
        seen(1, "pg-advisory-locks", MONDAY),
        passed(2, "pg-advisory-locks", MONDAY),
    ];
    site.push(ada.device, MONDAY, push(1, deltas)).await;
    site.store.fold(1, Arc::new(|slug| slug)).await.unwrap();
    let act = Act::new(by(ada.person), Action::ExportOwn, MONDAY);
    let export = site.store.write(act, |txn| {
        let subject = txn.subject()?;
        subject::export(txn, subject)
    });
    let export = export.await.unwrap();
    assert_eq!(export["deltas"].as_array().unwrap().len(), 2);
    assert_eq!(export["deltas"][1]["o"], "pass");
    assert_eq!(export["streams"][0]["head"], 2);
    assert_eq!(export["pairs"][0]["state"], "demonstrated");
    assert_eq!(export["aggregate"], "in");
    let bytes = site.store.write(act, |txn| {
        let subject = txn.subject()?;
        Ok(serde_json::to_string(&subject::export(txn, subject)?).unwrap())
    });
    assert!(!bytes.await.unwrap().contains(&ada.device.to_string()));
}

#[tokio::test]
async fn pairs_are_folded_once_and_again_after_a_change() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]),
    )
    .await;
    let fold = |catalogue| site.store.fold(catalogue, Arc::new(|slug| slug));
    assert_eq!(fold(1).await.unwrap(), 1);
    assert_eq!(fold(1).await.unwrap(), 0);
    assert_eq!(fold(2).await.unwrap(), 1, "another catalogue folds anew");
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![passed(2, "pg-advisory-locks", MONDAY)]),
    )
    .await;
    assert_eq!(fold(2).await.unwrap(), 1);
    let mismatches = site.store.read(|txn| pair::mismatches(txn)).await.unwrap();
    assert_eq!(
        mismatches, 1,
        "the second delta said that nothing was known before"
    );
}

#[tokio::test]
async fn a_restored_store_has_another_generation_for_good() {
    let site = Site::new();
    let act = Act::new(Actor::Console, Action::RaiseGeneration, MONDAY);
    assert!(site.store.raise_generation(act, 3).await.unwrap());
    assert!(!site.store.raise_generation(act, 2).await.unwrap());
    assert_eq!(site.store.meta().generation, 3);
    let noted = site.store.chore(Chore::Ledger, |txn| {
        meta::set_ledger(txn, 9, &[1; 32])?;
        meta::set_ledger(txn, 8, &[2; 32])?;
        meta::ledger(txn)
    });
    assert_eq!(noted.await.unwrap(), Some((9, [1; 32])));
}
