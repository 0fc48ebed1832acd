//! The worker is killed again and again while everything else is in use: only what asked the model
//! may notice.

use super::{default_model, model, serve, standing, worker};
use harness::{Appliance, Browser, Laptop, models, until};
use kernel::ids::HOUR;
use local_model::DEFAULT_MODEL;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often it is killed at each run of the tests; fifty times by `make prove model`.
const KILLS: u64 = 8;
/// Engineers that sync meanwhile.
const LAPTOPS: usize = 2;
const PULL: &str = r#"{"have":{},"limit":1}"#;

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), signal).expect("a signal can be sent to our own");
}

fn push(stream: usize, base: u64, hour: i64) -> String {
    let delta = json!({
        "i": base, "c": "pg-advisory-locks", "k": "seen", "f": "unknown", "t": "seen", "at": hour,
    });
    let body = json!({
        "v": 1, "stream": format!("{stream:032x}"), "base": base, "catalogue": 1, "deltas": [delta],
    });
    body.to_string()
}

/// What was answered, by request: how often with which status.
#[derive(Default)]
struct Answers(std::sync::Mutex<BTreeMap<(&'static str, u16), u64>>);

impl Answers {
    fn note(&self, request: &'static str, status: u16) {
        let mut answers = self.0.lock().expect("nobody panicked with it");
        *answers.entry((request, status)).or_default() += 1;
    }

    fn all(&self) -> BTreeMap<(&'static str, u16), u64> {
        self.0.lock().expect("nobody panicked with it").clone()
    }
}

/// Between two rounds of one who asks: a load that leaves the machine room to answer.
const PAUSE: Duration = Duration::from_millis(20);

/// Syncs, fetches items and looks at pages until told to stop.
fn load(appliance: &Appliance, laptops: &[Laptop], answers: &Answers, stop: &AtomicBool) {
    let rounds = |mut round: Box<dyn FnMut()>| {
        while !stop.load(Ordering::Relaxed) {
            round();
            harness::wait(async { tokio::time::sleep(PAUSE).await });
        }
    };
    std::thread::scope(|scope| {
        for (stream, laptop) in laptops.iter().enumerate() {
            scope.spawn(move || {
                // One connection for all of it: it has to outlive every worker.
                let mut wire = laptop.wire(appliance).expect("a connection");
                let mut ask = move |request, method: &str, path: &str, body: &str| {
                    let (status, body) = wire.json(method, path, body).expect("an answer");
                    answers.note(request, status);
                    (status, body)
                };
                let (_, now) = ask("pull", "POST", "/v1/sync/pull", PULL);
                let now: Value = serde_json::from_str(&now).expect("JSON");
                let hour = now["now"].as_i64().expect("a time").div_euclid(HOUR) * HOUR;
                let mut base = 1;
                rounds(Box::new(move || {
                    let body = push(stream + 1, base, hour);
                    let (status, _) = ask("push", "POST", "/v1/sync/push", &body);
                    base += u64::from(status == 200);
                    let _ = ask("pull", "POST", "/v1/sync/pull", PULL);
                    let _ = ask("items", "GET", "/v1/items", "");
                }));
            });
        }
        scope.spawn(|| {
            let mut admin = appliance.signed_in(None);
            rounds(Box::new(move || {
                for page in ["/", "/me", "/admin", "/readyz"] {
                    answers.note(page, admin.get(page).status.as_u16());
                }
            }));
        });
    });
}

/// Whether the worker has done something of its measurement, which begins anew with each worker.
fn is_at_work(admin: &mut Browser) -> bool {
    let page = admin.get("/admin").expect(200).text();
    let measured = page.split_once("It is being measured: ");
    let done = measured.and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
    done.is_some_and(|done| done > 0)
}

/// Kills the worker so often, each time at its work, while everything else is in use.
fn killed_under_load(kills: u64) {
    // Without the sentence model, which takes a second to load: fifty times.
    let file = models().join(DEFAULT_MODEL.file);
    let appliance = serve(model(&file, DEFAULT_MODEL.sha256));
    let first = worker(&appliance);
    let laptops: Vec<_> = (0..LAPTOPS).map(|_| Laptop::new()).collect();
    let mut admin = appliance.signed_in(None);
    for (n, laptop) in laptops.iter().enumerate() {
        laptop.enrol(&appliance, &mut admin, &format!("laptop-{n}"));
    }
    // Items are there from here on, whatever becomes of the model.
    let device = laptops[0].device(&appliance);
    until("a first pack of items", || {
        let answer = device.send("GET", "/v1/items", &[], "").status.as_u16();
        assert!(matches!(answer, 200 | 503), "{answer}");
        (answer == 200).then_some(())
    });

    let (answers, stop) = (Answers::default(), AtomicBool::new(false));
    let killed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| load(&appliance, &laptops, &answers, &stop));
        // Whatever fails in here, the load has to end.
        let killing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut pid = first;
            let mut watcher = appliance.signed_in(None);
            for n in 1..=kills {
                // In the middle of its work. One that never did any would wait longer each time.
                until("a worker at work", || {
                    is_at_work(&mut watcher).then_some(())
                });
                signal(pid, Signal::KILL);
                killed.store(n, Ordering::Relaxed);
                pid = until("a worker after the killed one", || {
                    let standing = standing(&appliance);
                    let next = standing["pid"]
                        .as_u64()
                        .and_then(|it| u32::try_from(it).ok());
                    next.filter(|next| *next != pid && standing["state"] == "ready")
                });
            }
        }));
        stop.store(true, Ordering::Relaxed);
        killing.unwrap_or_else(|cause| {
            eprintln!(
                "{} kills; {}",
                killed.load(Ordering::Relaxed),
                appliance.log()
            );
            std::panic::resume_unwind(cause)
        });
    });

    let answers = answers.all();
    let failed: Vec<_> = answers
        .keys()
        .filter(|(_, status)| *status != 200)
        .collect();
    assert_eq!(
        failed,
        Vec::<&(&str, u16)>::new(),
        "{answers:?}\n{}",
        appliance.log()
    );
    let of = |request: &str| -> u64 {
        let all = answers.iter().filter(|((name, _), _)| *name == request);
        all.map(|(_, often)| often).sum()
    };
    for request in ["push", "pull", "items", "/", "/me", "/admin", "/readyz"] {
        assert!(
            of(request) > kills / 2,
            "{request} was asked for all along: {answers:?}"
        );
    }
    let counted = until("the count of restarts", || {
        let standing = standing(&appliance);
        (standing["counts"]["restarts"].as_u64() >= Some(kills)).then_some(standing)
    });
    assert_eq!(counted["counts"]["restarts"], kills, "{counted}");
    assert_eq!(counted["counts"]["starts"], kills + 1, "{counted}");
    let page = admin.get("/admin").expect(200);
    assert!(
        page.says(&kills.to_string()),
        "the page tells them: {}",
        page.text()
    );
    // What was pushed meanwhile is all there.
    let pulled = device
        .json("POST", "/v1/sync/pull", r#"{"have":{},"limit":1}"#)
        .expect(200);
    let pulled: Value = serde_json::from_str(&pulled.body).expect("JSON");
    assert!(
        pulled["streams"]
            .as_object()
            .is_some_and(|it| !it.is_empty()),
        "{pulled}"
    );
    assert!(!appliance.log().contains("panicked"), "{}", appliance.log());
    println!(
        "killed {kills} times; answered 200 meanwhile: {}",
        told(&answers)
    );
}

/// "push 812, pull 814 …"
fn told(answers: &BTreeMap<(&'static str, u16), u64>) -> String {
    let one = |((request, _), often): (&(&str, u16), &u64)| format!("{request} {often}");
    answers.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_worker_killed_under_load_loses_no_request_but_its_own_and_each_restart_is_counted() {
    killed_under_load(KILLS);
}

#[test]
#[ignore = "takes minutes: make prove model"]
fn a_worker_killed_fifty_times_under_load_loses_no_request_but_its_own() {
    killed_under_load(50);
}

#[test]
fn a_server_that_ends_takes_its_worker_with_it_however_it_ends() {
    let mut appliance = serve(default_model());
    let gone = |pid: u32| {
        until("a worker that is gone", || {
            (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
        });
    };
    let pid = worker(&appliance);
    appliance.stop();
    gone(pid);
    appliance.serve();
    let pid = worker(&appliance);
    appliance.kill();
    gone(pid);
}
