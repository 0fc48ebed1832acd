//! People, sessions, links and enrolments.

use super::*;
use link_token::{LinkState, Purpose};

async fn issue(site: &Site, hash: [u8; 32], purpose: Purpose) {
    let act = Act::new(Actor::Console, Action::IssueLink, MONDAY);
    site.store
        .write(act, move |txn| link_token::put(txn, &hash, purpose, MONDAY))
        .await
        .unwrap();
}

async fn spend(site: &Site, hash: [u8; 32], at: i64) -> LinkState {
    site.store
        .chore(Chore::Expire, move |txn| link_token::spend(txn, &hash, at))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_link_is_good_once() {
    let site = Site::new();
    issue(&site, [1; 32], Purpose::FirstAdmin).await;
    let good = LinkState::Good {
        purpose: Purpose::FirstAdmin,
        expires: MONDAY + 1_800,
    };
    assert_eq!(spend(&site, [1; 32], MONDAY + 5).await, good);
    assert_eq!(spend(&site, [1; 32], MONDAY + 6).await, LinkState::Used);
    assert_eq!(spend(&site, [2; 32], MONDAY).await, LinkState::Unknown);
}

#[tokio::test]
async fn of_two_who_open_a_link_at_the_same_time_one_gets_in() {
    let site = Site::new();
    issue(&site, [1; 32], Purpose::FirstAdmin).await;
    let (a, b) = tokio::join!(spend(&site, [1; 32], MONDAY), spend(&site, [1; 32], MONDAY));
    let good = |state: &LinkState| matches!(state, LinkState::Good { .. });
    assert_eq!([a, b].iter().filter(|state| good(state)).count(), 1);
}

#[tokio::test]
async fn a_link_ends_after_half_an_hour() {
    let site = Site::new();
    issue(&site, [1; 32], Purpose::FirstAdmin).await;
    assert_eq!(
        spend(&site, [1; 32], MONDAY + 1_800).await,
        LinkState::Expired
    );
    assert!(matches!(
        spend(&site, [1; 32], MONDAY + 1_799).await,
        LinkState::Good { .. }
    ));
}

#[tokio::test]
async fn a_link_that_signs_nobody_in_is_not_used_up() {
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    let other = site.sign_in("grace", Role::Member, MONDAY).await.person;
    issue(&site, [1; 32], Purpose::SignIn(other)).await;
    let act = Act::new(confirmed(admin, MONDAY), Action::DisablePerson, MONDAY);
    site.store
        .write(act, move |txn| person::set_active(txn, other, false))
        .await
        .unwrap();
    let fresh = person::Fresh {
        person: PersonId::from_bytes(site.draw()),
        actor: site.draw(),
    };
    let act = Act::new(Actor::Nobody, Action::SignIn, MONDAY);
    let open = site.store.write(act, move |txn| {
        link_token::spend(txn, &[1; 32], MONDAY)?;
        let as_ = person::LocalAs::Person(other);
        person::sign_in_local(
            txn,
            &person::LocalSignIn {
                as_,
                name: String::new(),
                fresh,
            },
        )
    });
    assert!(matches!(open.await, Err(Error::Disabled)));
    assert!(matches!(
        spend(&site, [1; 32], MONDAY).await,
        LinkState::Good { .. }
    ));
}

#[tokio::test]
async fn the_first_admin_is_made_once() {
    let mut site = Site::new();
    let mut made = Vec::new();
    for _ in 0..2 {
        let fresh = person::Fresh {
            person: PersonId::from_bytes(site.draw()),
            actor: site.draw(),
        };
        let as_ = person::LocalAs::FirstAdmin;
        let who = person::LocalSignIn {
            as_,
            name: "Administrator".to_owned(),
            fresh,
        };
        let act = Act::new(Actor::Nobody, Action::SignIn, MONDAY);
        made.push(
            site.store
                .write(act, move |txn| person::sign_in_local(txn, &who))
                .await
                .unwrap(),
        );
    }
    assert_eq!(made[0].person, made[1].person);
    assert_eq!(made[0].role, Role::Admin);
    assert_eq!(site.store.counts(MONDAY).await.unwrap().people, 1);
}

#[tokio::test]
async fn somebody_who_comes_back_is_the_same_with_what_the_provider_says_now() {
    let mut site = Site::new();
    let first = site.sign_in("ada", Role::Member, MONDAY).await;
    let again = site.sign_in("ada", Role::Admin, MONDAY + DAY).await;
    assert_eq!((first.person, first.actor), (again.person, again.actor));
    assert_eq!(again.role, Role::Admin);
    let found = site
        .store
        .read(|txn| person::by_email(txn, "ADA@example.org"))
        .await
        .unwrap();
    let found = found.unwrap();
    assert_eq!(found.last_sign_in, Some(MONDAY / DAY + 1));
    let name = site
        .store
        .read(move |txn| person::actor_name(txn, found.actor))
        .await
        .unwrap();
    assert_eq!(name.as_deref(), Some("ada"));
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    let act = |action| Act::new(Actor::Console, action, MONDAY);
    let demote = site.store.write(act(Action::SetRole), move |txn| {
        person::set_role(txn, admin, Role::Member)
    });
    assert!(matches!(demote.await, Err(Error::LastAdmin)));
    let disable = site.store.write(act(Action::DisablePerson), move |txn| {
        person::set_active(txn, admin, false)
    });
    assert!(matches!(disable.await, Err(Error::LastAdmin)));
    let erase = site.store.write(act(Action::ErasePerson), move |txn| {
        person::erase(txn, admin)
    });
    assert!(matches!(erase.await, Err(Error::LastAdmin)));
}

fn session_of(person: PersonId, hash: u8) -> session::NewSession {
    session::NewSession {
        hash: [hash; 32],
        person,
        csrf: [5; 32],
        through: "a test".to_owned(),
        confirmed_at: None,
        created: MONDAY,
        expires: MONDAY + 8 * HOUR,
    }
}

#[tokio::test]
async fn a_session_ends_by_time_by_sign_out_and_with_its_account() {
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    let person = site.sign_in("grace", Role::Member, MONDAY).await.person;
    for hash in [1, 2] {
        let new = session_of(person, hash);
        site.store
            .chore(Chore::Expire, move |txn| session::create(txn, &new))
            .await
            .unwrap();
    }
    let store = site.store.clone();
    let find = move |hash: u8, now| {
        let store = store.clone();
        async move {
            store
                .read(move |txn| session::find(txn, &[hash; 32], now))
                .await
                .unwrap()
        }
    };
    assert_eq!(find(1, MONDAY).await.unwrap().name, "grace");
    assert!(find(1, MONDAY + 8 * HOUR).await.is_none());
    assert!(find(3, MONDAY).await.is_none());

    let act = Act::new(by(person), Action::SignOut, MONDAY);
    assert!(
        site.store
            .write(act, |txn| session::delete(txn, &[1; 32]))
            .await
            .unwrap()
    );
    assert!(find(1, MONDAY).await.is_none());

    let act = Act::new(confirmed(admin, MONDAY), Action::DisablePerson, MONDAY);
    site.store
        .write(act, move |txn| person::set_active(txn, person, false))
        .await
        .unwrap();
    assert!(find(2, MONDAY).await.is_none());
}

#[tokio::test]
async fn a_step_up_gives_the_session_another_secret_and_is_the_owners_alone() {
    let mut site = Site::new();
    let person = site.sign_in("ada", Role::Member, MONDAY).await.person;
    let mallory = site.sign_in("mallory", Role::Member, MONDAY).await.person;
    let new = session_of(person, 1);
    site.store
        .chore(Chore::Expire, move |txn| session::create(txn, &new))
        .await
        .unwrap();
    let confirm = |who, new: u8| {
        let act = Act::new(by(who), Action::Confirm, MONDAY + 60);
        site.store.write(act, move |txn| {
            session::confirm(txn, &[1; 32], &[new; 32], MONDAY + 60, "a passkey")
        })
    };
    assert!(matches!(
        confirm(mallory, 9).await,
        Err(Error::NotFound { .. })
    ));
    confirm(person, 2).await.unwrap();
    let found = site.store.read(|txn| {
        Ok((
            session::find(txn, &[1; 32], MONDAY)?,
            session::find(txn, &[2; 32], MONDAY)?,
        ))
    });
    let (old, new) = found.await.unwrap();
    assert!(old.is_none());
    assert_eq!(new.unwrap().confirmed_at, Some(MONDAY + 60));
}

#[tokio::test]
async fn a_sign_in_that_began_is_taken_once() {
    let site = Site::new();
    let put = |txn: &mut WriteTxn<'_>| pending_login::put(txn, &[1; 32], "{}", MONDAY + 600);
    site.store.chore(Chore::StartLogin, put).await.unwrap();
    let take = |at| {
        site.store.chore(Chore::StartLogin, move |txn| {
            pending_login::take(txn, &[1; 32], at)
        })
    };
    assert_eq!(take(MONDAY).await.unwrap().as_deref(), Some("{}"));
    assert_eq!(take(MONDAY).await.unwrap(), None);
    site.store.chore(Chore::StartLogin, put).await.unwrap();
    assert_eq!(take(MONDAY + 600).await.unwrap(), None, "over");
}

fn asks(code: u8, at: i64) -> enrolment::NewEnrolment {
    enrolment::NewEnrolment {
        poll_hash: [code ^ 0xff; 32],
        code_hash: [code; 32],
        name: "build-box".to_owned(),
        platform: Some("Linux".to_owned()),
        csr: "request".to_owned(),
        address: "192.0.2.7".to_owned(),
        now: at,
        expires: at + 600,
    }
}

#[tokio::test]
async fn an_enrolment_is_decided_once_and_heard_by_its_machine() {
    let mut site = Site::new();
    let person = site.sign_in("ada", Role::Member, MONDAY).await.person;
    for code in [1, 2, 3] {
        let new = asks(code, MONDAY);
        site.store
            .chore(Chore::StartEnrolment, move |txn| {
                enrolment::start(txn, &new)
            })
            .await
            .unwrap();
    }
    let store = site.store.clone();
    let poll = move |code: u8, at| {
        let store = store.clone();
        async move {
            store
                .read(move |txn| enrolment::poll(txn, &[code ^ 0xff; 32], at))
                .await
                .unwrap()
        }
    };
    assert_eq!(poll(1, MONDAY).await, enrolment::Poll::Pending);
    assert_eq!(poll(9, MONDAY).await, enrolment::Poll::Unknown);
    let yes = |code: u8, device: u8| enrolment::Approval {
        code_hash: [code; 32],
        device: DeviceId::from_bytes([device; 16]),
        serial: vec![device; 16],
        not_after: MONDAY + 30 * DAY,
        fresh_subject: SubjectId::from_bytes([0x44; 16]),
        reply: r#"{"status":"approved"}"#.to_owned(),
        collect_until: MONDAY + 900,
    };
    let approve = |approval: enrolment::Approval, at| {
        let act = Act::new(by(person), Action::ApproveDevice, at);
        site.store
            .write(act, move |txn| enrolment::approve(txn, &approval))
    };
    let approved = approve(yes(1, 0x51), MONDAY + 5).await.unwrap();
    assert_eq!(
        (approved.person, approved.name.as_str()),
        (person, "build-box")
    );
    assert!(matches!(
        approve(yes(1, 0x52), MONDAY + 6).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        approve(yes(2, 0x53), MONDAY + 600).await,
        Err(Error::NotFound { .. })
    ));
    assert!(matches!(
        poll(1, MONDAY + 6).await,
        enrolment::Poll::Approved(_)
    ));
    assert!(
        matches!(poll(1, MONDAY + 7).await, enrolment::Poll::Approved(_)),
        "asked again"
    );
    assert_eq!(poll(1, MONDAY + 900).await, enrolment::Poll::Expired);

    let act = Act::new(by(person), Action::RefuseDevice, MONDAY + 5);
    site.store
        .write(act, |txn| enrolment::refuse(txn, &[3; 32]))
        .await
        .unwrap();
    assert_eq!(poll(3, MONDAY + 6).await, enrolment::Poll::Refused);
    assert_eq!(poll(2, MONDAY + 601).await, enrolment::Poll::Expired);

    let devices = site
        .store
        .read(move |txn| device::of_person(txn, person))
        .await
        .unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].enrolled_month, 20_454, "1 January 2026");
    assert_eq!(devices[0].not_after, MONDAY / DAY + 30);
    let (text, _) = site.dump();
    assert!(
        !text.contains("enrolment|aeae") && !text.contains("192.0.2.7|1767571200|1767571800|{")
    );
}

#[tokio::test]
async fn strangers_who_ask_to_enrol_cannot_fill_the_disk() {
    let site = Site::new();
    let start = |number: u16, at: i64| {
        let mut new = asks(1, at);
        new.poll_hash[..2].copy_from_slice(&number.to_be_bytes());
        new.code_hash[..2].copy_from_slice(&number.to_be_bytes());
        site.store.chore(Chore::StartEnrolment, move |txn| {
            enrolment::start(txn, &new)
        })
    };
    for number in 0..200 {
        start(number, MONDAY).await.unwrap();
    }
    assert!(matches!(
        start(200, MONDAY).await,
        Err(Error::TooMany { .. })
    ));
    start(201, MONDAY + 601).await.unwrap();
    let mut named = asks(7, MONDAY + 601);
    named.name = "two\nlines".to_owned();
    let bad = site.store.chore(Chore::StartEnrolment, move |txn| {
        enrolment::start(txn, &named)
    });
    assert!(matches!(bad.await, Err(Error::Text { .. })));
}

#[tokio::test]
async fn a_person_revokes_their_own_device_and_an_administrator_any() {
    let mut site = Site::new();
    let admin = site.sign_in("root", Role::Admin, MONDAY).await.person;
    let ada = site.engineer("ada", MONDAY).await;
    let grace = site.engineer("grace", MONDAY).await;
    let own = Act::new(by(ada.person), Action::RevokeOwnDevice, MONDAY);
    let others = site
        .store
        .write(own, move |txn| device::revoke(txn, grace.device))
        .await;
    assert!(
        matches!(others, Err(Error::NotFound { .. })),
        "not even that it is there"
    );
    assert!(
        site.store
            .write(own, move |txn| device::revoke(txn, ada.device))
            .await
            .unwrap()
    );
    let any = Act::new(confirmed(admin, MONDAY), Action::RevokeDevice, MONDAY);
    assert!(
        site.store
            .write(any, move |txn| device::revoke(txn, grace.device))
            .await
            .unwrap()
    );
    assert!(
        !site
            .store
            .write(any, move |txn| device::revoke(txn, grace.device))
            .await
            .unwrap()
    );
    let serials = site
        .store
        .read(|txn| device::revoked_serials(txn))
        .await
        .unwrap();
    assert_eq!(serials.len(), 2);
    for (_, month) in serials {
        assert_eq!(month, MONDAY / DAY - 4, "1 January: a list has no day");
    }
    let found = site
        .store
        .read(move |txn| device::get(txn, grace.device))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.revoked, Some(MONDAY / DAY), "who holds k_link");
}

#[tokio::test]
async fn an_erased_person_is_gone_and_the_audit_log_still_verifies() {
    let mut site = Site::new();
    site.sign_in("root", Role::Admin, MONDAY).await;
    let ada = site.engineer("ada-canary", MONDAY).await;
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![seen(1, "erased-canary-concept", MONDAY)]),
    )
    .await;
    let act = Act::new(Actor::Console, Action::ErasePerson, MONDAY);
    let erased = site
        .store
        .write(act, move |txn| person::erase(txn, ada.person))
        .await
        .unwrap();
    assert_eq!(erased.devices, [ada.device]);
    assert!(erased.subject.is_some());
    let rows = site.audit().await;
    let trust = audit_log::Trust {
        store: [9; 16],
        keys: Vec::new(),
        seen: None,
    };
    audit_log::verify(&rows, &[], &trust).unwrap();
    site.store.compact().await.unwrap();
    let (text, raw) = site.dump();
    for canary in ["ada-canary", "erased-canary-concept"] {
        assert!(!text.contains(canary));
        assert!(
            !holds(&raw, canary.as_bytes()),
            "{canary} is left in a page"
        );
    }
}

#[tokio::test]
async fn an_export_of_an_account_holds_what_stands_on_this_side_and_no_subject() {
    let mut site = Site::new();
    let ada = site.engineer("ada", MONDAY).await;
    site.push(
        ada.device,
        MONDAY,
        push(1, vec![seen(1, "pg-advisory-locks", MONDAY)]),
    )
    .await;
    let export = site
        .store
        .read(move |txn| person::export(txn, ada.person))
        .await
        .unwrap();
    assert_eq!(export["email"], "ada@example.org");
    assert_eq!(export["devices"][0]["name"], "laptop");
    assert_eq!(export["last_sign_in_day"], MONDAY / DAY);
    assert!(!export.to_string().contains("pg-advisory-locks"));
}

#[tokio::test]
async fn who_gets_a_link_is_in_the_audit_log_only_if_they_administer() {
    let mut site = Site::new();
    let admin = site.sign_in("ada", Role::Admin, MONDAY).await.person;
    let member = site.sign_in("grace", Role::Member, MONDAY).await.person;
    issue(&site, [1; 32], Purpose::SignIn(admin)).await;
    issue(&site, [2; 32], Purpose::SignIn(member)).await;
    let rows = site.audit().await;
    let bodies: Vec<_> = rows
        .iter()
        .rev()
        .take(2)
        .map(|row| row.entry.canonical().unwrap())
        .collect();
    assert!(bodies[1].contains(&admin.to_string()));
    assert!(!bodies[0].contains(&member.to_string()) && bodies[0].contains("sealed"));
}

#[tokio::test]
async fn what_is_to_be_sent_waits_with_its_change_and_goes_once() {
    let site = Site::new();
    let put = |fails: bool| {
        let act = Act::new(Actor::Console, Action::IssueLink, MONDAY);
        site.store.write(act, move |txn| {
            outbox::put(txn, [1; 16], "mail", "{}", MONDAY)?;
            if fails { Err(Error::NotSample) } else { Ok(()) }
        })
    };
    put(true).await.unwrap_err();
    let due = |now| site.store.read(move |txn| outbox::due(txn, now, 10));
    assert!(due(MONDAY).await.unwrap().is_empty());
    put(false).await.unwrap();
    assert_eq!(due(MONDAY).await.unwrap().len(), 1);
    site.store
        .chore(Chore::Outbox, |txn| {
            outbox::later(txn, [1; 16], MONDAY + 60)
        })
        .await
        .unwrap();
    assert!(due(MONDAY).await.unwrap().is_empty());
    assert_eq!(due(MONDAY + 60).await.unwrap()[0].tries, 1);
    site.store
        .chore(Chore::Outbox, |txn| outbox::done(txn, [1; 16]))
        .await
        .unwrap();
    assert!(due(MONDAY + 60).await.unwrap().is_empty());
}
