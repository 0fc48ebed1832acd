//! The store's disk is full: a disk of the server's own, small, that the test fills and frees.

use super::{Enrolled, enrolled, head, json_of, push, seen, text};
use harness::{Appliance, Laptop, own_mounts, run, until};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Free space on the disk of a process's own, filled and freed through the process's eyes.
struct SmallDisk {
    balloon: PathBuf,
}

impl SmallDisk {
    fn of(appliance: &Appliance) -> Self {
        let seen = format!(
            "/proc/{}/root{}",
            appliance.pid(),
            appliance.data().display()
        );
        Self {
            balloon: Path::new(&seen).join("balloon"),
        }
    }

    /// Until nothing fits any more.
    fn fill(&self) {
        let mut file = fs::File::create(&self.balloon).expect("it can be begun");
        let mut piece = 1 << 20;
        while piece > 0 {
            if file.write_all(&vec![1; piece]).is_err() {
                piece /= 2;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(&self.balloon).expect("it can be freed");
    }
}

#[test]
fn a_full_disk_is_answered_507_with_nothing_half_written_and_passes() {
    let Enrolled {
        mut appliance,
        laptop,
        hour,
        ..
    } = enrolled();
    let mut admin = appliance.signed_in(None);
    // The data directory again, on a disk of 24 MiB that only the server sees.
    let data = appliance.data();
    let copy = appliance.scratch().join("copy");
    appliance.stop();
    let copied = run(Command::new("cp").arg("-a").arg(&data).arg(&copy), b"");
    assert_eq!(copied.status, 0, "{copied:?}");
    let script = format!(
        "mount -t tmpfs -o size=24m,mode=700 tmpfs '{data}' && cp -a '{copy}/.' '{data}/' && exec \"$@\"",
        data = data.display(),
        copy = copy.display()
    );
    let mut under = own_mounts()
        .expect("this test needs a machine that lets a program have mounts of its own (unshare)");
    under.extend(["bash", "-c", &script, "bash"]);
    appliance.restart_under(&under);
    let disk = SmallDisk::of(&appliance);
    let device = laptop.device(&appliance);

    let one = push(1, &[seen(1, "pg-advisory-locks", hour)]).to_string();
    let _ = device.json("POST", "/v1/sync/push", one).expect(200);
    disk.fill();
    let concepts: Vec<&str> = vec![
        "http-idempotency",
        "http-retries",
        "py-clocks",
        "web-sql-injection",
    ];
    let deltas: Vec<Value> = (2..=400)
        .map(|i| {
            seen(
                i,
                concepts[i as usize % concepts.len()],
                hour - 3600 * i as i64,
            )
        })
        .collect();
    let body = push(2, &deltas).to_string();
    // The log may have room left from before; a few hundred deltas have none.
    let page = until("a disk that is full", || {
        let page = device.json("POST", "/v1/sync/push", body.clone());
        (page.status != 200).then_some(page)
    });
    assert!(
        [503, 507].contains(&page.status.as_u16()),
        "{} {}",
        page.status,
        page.body
    );
    let said = json_of(&page);
    let detail = text(&said["detail"]);
    assert!(
        detail.contains("disk is full") && detail.contains("Free space"),
        "{said}"
    );
    assert!(
        page.headers.get("retry-after").is_some(),
        "{:?}",
        page.headers
    );
    assert_eq!(head(&device), 1, "all or nothing");
    let told = laptop.run(&["sync"]);
    assert_eq!(told.status, 0, "a pull needs no disk: {told:?}");
    assert!(
        appliance.log().contains("disk"),
        "the administrator reads it in the log"
    );

    // People are told too, where something would have to be written, and may read the rest.
    let page = admin.get("/me").expect(507);
    assert!(
        page.says("disk is full") && page.says("Free space"),
        "{}",
        page.text()
    );
    let _ = admin.get("/concepts").expect(200);
    let _ = admin.get("/healthz").expect(200);
    let asking = Laptop::new().run(&[
        "enrol",
        &appliance.people(),
        "--ca-fingerprint",
        &appliance.fingerprint(),
    ]);
    let told = asking.refused();
    assert!(
        told.contains("507") && told.contains("disk is full"),
        "{told}"
    );

    disk.free();
    let page = device.json("POST", "/v1/sync/push", body).expect(200);
    let results = json_of(&page)["results"].clone();
    let ok = results
        .as_array()
        .map(|all| all.iter().filter(|one| one["r"] == "ok").count());
    assert_eq!(ok, Some(deltas.len()), "{results}");
    assert_eq!(head(&device), 400);
    appliance.stop();
}
