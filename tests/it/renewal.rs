//! What becomes of a device's certificate: renewed in time, renewed after a leave, used by two
//! machines; and of a laptop whose appliance is another one, or an older state of itself.

mod moved;

use harness::{Appliance, Laptop, capture};
use kernel::ids::DAY;
use moved::{Moved, real_now};
use org_store::{Act, Action, device};
use std::path::Path;

/// What was done with an agent before anything is synced.
fn works(laptop: &Laptop) -> u64 {
    assert!(laptop.replay(&capture("claude-code")) > 0);
    let graph = laptop.json(&["graph"]);
    let concepts = graph["concepts"].as_array().or_else(|| graph.as_array());
    let known = concepts.map_or(0, Vec::len);
    assert!(known > 0, "{graph}");
    u64::try_from(known).expect("few")
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    let mode = std::fs::metadata(from).expect("a folder").permissions();
    std::fs::set_permissions(to, mode).expect("a folder of ours");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().expect("a kind") {
            kind if kind.is_dir() => copied(&path, &name),
            kind if kind.is_file() => drop(std::fs::copy(&path, &name).expect("copied")),
            _ => {}
        }
    }
}

#[test]
fn who_comes_back_after_a_certificate_ended_syncs_and_it_is_renewed_in_the_same_go() {
    let appliance = Moved::days_ago(300);
    let laptop = Laptop::new();
    let known = works(&laptop);
    let _ = appliance.enrol(&laptop, &[]);
    assert_eq!(appliance.deltas(), 0);
    appliance.come_back();
    let before = std::fs::read(laptop.home().join("device.pem")).expect("a certificate");
    let said = laptop.run(&["sync", "--explain"]).ok().stdout;
    assert!(said.contains("certificate ended on"), "{said}");
    assert!(
        said.contains("renewed, until") && said.contains("In step"),
        "{said}"
    );
    assert!(appliance.deltas() >= known, "{said}");
    let after = std::fs::read(laptop.home().join("device.pem")).expect("a certificate");
    assert_ne!(before, after);
    assert!(
        appliance
            .audit()
            .iter()
            .any(|action| action == "device.renew")
    );
    // And then there is nothing to renew.
    let again = laptop.run(&["sync", "--explain"]).ok().stdout;
    assert!(again.contains("renewed from"), "{again}");
    assert!(!again.contains("renew  POST"), "{again}");
}

#[test]
fn two_thirds_through_its_life_a_certificate_is_renewed_and_not_before() {
    for (days, renewed) in [(55, false), (65, true)] {
        let appliance = Moved::days_ago(days);
        let laptop = Laptop::new();
        let _ = appliance.enrol(&laptop, &[]);
        appliance.come_back();
        let said = laptop.run(&["sync"]).ok().stdout;
        assert_eq!(
            said.contains("certificate was renewed"),
            renewed,
            "{days}: {said}"
        );
        let count = appliance
            .audit()
            .iter()
            .filter(|a| *a == "device.renew")
            .count();
        assert_eq!(count, usize::from(renewed), "{days}");
    }
}

#[test]
fn a_clock_that_runs_late_on_the_laptop_keeps_nobody_from_renewing() {
    // By the laptop's clock the certificate holds; by the appliance's it is over.
    let appliance = Moved::days_ago(1);
    let laptop = Laptop::new();
    let _ = works(&laptop);
    let _ = appliance.enrol(&laptop, &[]);
    appliance.clock.to(real_now() + 95 * DAY);
    let said = laptop.run(&["sync", "--explain"]).ok().stdout;
    assert!(
        said.contains("renewed, until") && said.contains("In step"),
        "{said}"
    );
}

#[test]
fn after_400_days_more_it_is_enrolled_anew_and_nothing_is_lost() {
    let appliance = Moved::days_ago(600);
    let laptop = Laptop::new();
    let known = works(&laptop);
    let _ = appliance.enrol(&laptop, &[]);
    appliance.come_back();
    let told = laptop.run(&["sync"]).refused();
    assert!(told.contains("more than 400 days ago"), "{told}");
    assert!(
        told.contains("aiworklab enrol") && told.contains("fix:"),
        "{told}"
    );
    assert_eq!(appliance.deltas(), 0);
    let _ = appliance.enrol(&laptop, &[]);
    let _ = laptop.run(&["sync"]).ok();
    assert!(appliance.deltas() >= known);
}

#[test]
fn who_was_revoked_on_leave_is_told_so_and_not_to_renew() {
    let appliance = Moved::days_ago(300);
    let laptop = Laptop::new();
    let _ = appliance.enrol(&laptop, &[]);
    appliance.come_back();
    let person = appliance.person;
    let devices = appliance
        .app
        .store()
        .read(move |txn| device::of_person(txn, person));
    let id = appliance.wait(devices).expect("devices")[0].device;
    let act = Act::new(
        appliance.actor(),
        Action::RevokeOwnDevice,
        appliance.app.now(),
    );
    let revoked = appliance.app.enrolling().revoke(
        &appliance.app,
        act,
        id,
        appliance::enrolling::Ended::Retired,
    );
    assert!(appliance.wait(revoked).expect("it is theirs"));
    let told = laptop.run(&["sync"]).refused();
    assert!(
        told.contains("enrolment has ended") && told.contains("stays on this machine"),
        "{told}"
    );
    assert!(
        !appliance
            .audit()
            .iter()
            .any(|action| action == "device.renew")
    );
}

#[test]
fn two_machines_with_one_certificate_both_go_on_until_their_person_decides() {
    let appliance = Moved::days_ago(1);
    let (first, second) = (Laptop::new(), Laptop::new());
    let _ = works(&first);
    let _ = appliance.enrol(&first, &[]);
    appliance.come_back();
    let sync = |laptop: &Laptop| laptop.run(&["sync"]).ok().stdout;
    let noted = || {
        let now = appliance.app.now();
        appliance
            .wait(appliance.app.store().flush_tally(now))
            .expect("it is written");
        let person = appliance.person;
        let found = appliance.app.store().read(move |txn| {
            let id = device::of_person(txn, person)?[0].device;
            Ok((id, device::shared(txn, id, now.div_euclid(DAY))?))
        });
        appliance.wait(found).expect("it is read")
    };
    let _ = sync(&first);
    copied(&first.home(), &second.home());
    let _ = sync(&second);
    assert_eq!(
        noted().1,
        None,
        "a new laptop after the old one is no second one"
    );
    let _ = sync(&first);
    let (id, shared) = noted();
    assert_eq!(shared.expect("both are alive").last.len(), 2);
    for laptop in [&second, &first] {
        assert!(works(laptop) > 0);
        let said = sync(laptop);
        assert!(
            said.contains("Another machine uses this device's certificate"),
            "{said}"
        );
    }
    let act = Act::new(appliance.actor(), Action::KeepShared, appliance.app.now());
    let store = appliance.app.store();
    let kept = store.write(act, move |txn| device::keep_shared(txn, id));
    assert!(appliance.wait(kept).expect("it is theirs"));
    for laptop in [&second, &first, &second] {
        assert!(!sync(laptop).contains("Another machine"));
        assert_eq!(noted().1, None);
    }
}

#[test]
fn another_appliance_at_the_same_address_gets_nothing_until_the_engineer_says_so() {
    let old = Moved::days_ago(2);
    let laptop = Laptop::new();
    let known = works(&laptop);
    let _ = old.enrol(&laptop, &[]);
    let _ = laptop.run(&["sync"]).ok();
    let new = Moved::in_place_of(old, 2);
    let told = laptop.run(&["sync"]).refused();
    assert!(
        told.contains("C120") && told.contains("Nothing was sent"),
        "{told}"
    );
    assert!(told.contains("--take-graph-along"), "{told}");
    // The old fingerprint does not fit, and the new one alone is not enough.
    let fingerprint = new.fingerprint();
    let url = new.url();
    let zeros = format!("sha256:{}", "0".repeat(64));
    let told = laptop
        .run(&["enrol", &url, "--ca-fingerprint", &zeros])
        .refused();
    assert!(told.contains("C011"), "{told}");
    let told = laptop
        .run(&["enrol", &url, "--ca-fingerprint", &fingerprint])
        .refused();
    assert!(
        told.contains("C017") && told.contains("--take-graph-along"),
        "{told}"
    );
    assert_eq!(new.deltas(), 0);
    let _ = new.enrol(&laptop, &["--take-graph-along"]);
    let _ = laptop.run(&["sync"]).ok();
    assert!(new.deltas() >= known);
    assert!(new.data().is_dir());
}

#[test]
fn an_appliance_that_was_put_back_gets_again_what_it_lost() {
    let mut appliance = Appliance::start();
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut appliance.signed_in(None), "laptop");
    appliance.stop();
    let kept = appliance.scratch().join("kept");
    copied(&appliance.data(), &kept);
    appliance.serve();
    let _ = works(&laptop);
    let _ = laptop.run(&["sync"]).ok();
    let held = appliance.json(&["status"])["counts"]["deltas"].clone();
    assert_ne!(held, 0);
    appliance.stop();
    std::fs::remove_dir_all(appliance.data()).expect("gone");
    copied(&kept, &appliance.data());
    appliance.serve();
    let _ = laptop.run(&["sync"]).ok();
    assert_eq!(appliance.json(&["status"])["counts"]["deltas"], held);
}
