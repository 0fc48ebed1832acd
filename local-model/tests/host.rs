//! The supervisor against workers that die, hang, eat, babble and lie.

use crate::common::{Place, in_time, pid, tell, until};
use local_model::{Continuations, Down, Host, Likelihood, Model, Reason, State};

fn is_again(state: &State) -> bool {
    matches!(state, State::Ready { restarts: 1, .. })
}

/// After an act that ends the worker: how it ended, once another one is ready.
async fn ended_by(place: &Place, act: &str) -> String {
    let host = place.ready().await;
    let first = pid(&host);
    let told = tell(&host, act).await;
    let Err(Down::Died(Reason::Died { how })) = told else {
        panic!("{act}: {told:?}");
    };
    until(&host, is_again).await;
    assert_ne!(pid(&host), first);
    assert!(tell(&host, "fine").await.is_ok());
    let counts = host.counts();
    assert_eq!((counts.died, counts.restarts, counts.done), (1, 1, 1));
    host.stop().await;
    how
}

#[tokio::test]
async fn answers_come_in_the_order_asked() {
    let place = Place::new("");
    let host = place.ready().await;
    let job = |texts: &[&str]| Continuations {
        prefix: String::new(),
        continuations: texts.iter().map(|text| (*text).to_owned()).collect(),
    };
    let scores = host.score(vec![job(&["a", "bbb"]), job(&["cc"])]).await;
    let of = |log: f64| Likelihood { log, tokens: 1 };
    assert_eq!(scores, Ok(vec![vec![of(-1.0), of(-3.0)], vec![of(-2.0)]]));
    let directions = host.background().embed(vec!["x".to_owned(); 3]).await;
    assert_eq!(directions, Ok(vec![vec![0.6, 0.8]; 3]));
    assert_eq!(host.counts().done, 2);
    host.stop().await;
}

#[tokio::test]
async fn jobs_wait_for_the_first_start() {
    let place = Place::new("");
    let host = place.start();
    assert!(tell(&host, "fine").await.is_ok());
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_dies_costs_its_job_and_no_more() {
    let place = Place::new("");
    assert!(ended_by(&place, "die").await.contains("SIGSEGV"));
    assert!(ended_by(&place, "abort").await.contains("SIGABRT"));
    let panicked = ended_by(&place, "panic").await;
    assert!(
        panicked.contains("panicked") && panicked.contains("told to"),
        "{panicked}"
    );
}

#[tokio::test]
async fn a_worker_that_eats_memory_is_stopped_by_its_limit() {
    let how = ended_by(&Place::new(""), "eat").await;
    assert!(how.contains("model.memory_mb = 200"), "{how}");
}

#[tokio::test]
async fn a_worker_that_lies_is_ended() {
    let place = Place::new("");
    for (act, words) in [
        ("huge-frame", "4294967295 bytes"),
        ("garbage", "no message of protocol"),
        ("other-answer", "does not fit"),
        ("half-frame", "SIGKILL"),
    ] {
        let how = ended_by(&place, act).await;
        assert!(how.contains(words), "{act}: {how}");
    }
}

#[tokio::test]
async fn a_worker_that_speaks_unasked_is_ended() {
    let place = Place::new("");
    let host = place.ready().await;
    assert!(tell(&host, "answer-and-go-on").await.is_ok());
    until(&host, is_again).await;
    assert_eq!(host.counts().died_idle, 1);
    host.stop().await;
}

#[tokio::test]
async fn a_worker_killed_while_it_has_nothing_to_do_is_started_anew() {
    let place = Place::new("");
    let host = place.ready().await;
    let first = rustix::process::Pid::from_raw(pid(&host).cast_signed()).expect("a process");
    rustix::process::kill_process(first, rustix::process::Signal::KILL).expect("killed");
    until(&host, is_again).await;
    assert!(tell(&host, "fine").await.is_ok());
    assert_eq!(host.counts().restarts, 1);
    host.stop().await;
}

#[tokio::test]
async fn a_job_that_takes_too_long_is_told_so_and_its_worker_ended() {
    let place = Place::new("").with(|spec| spec.limits.job_s = 1);
    let host = place.ready().await;
    let first = pid(&host);
    assert_eq!(tell(&host, "hang").await, Err(Down::Late(1)));
    until(&host, is_again).await;
    assert!(!std::path::Path::new(&format!("/proc/{first}")).exists());
    assert!(tell(&host, "fine").await.is_ok());
    let counts = host.counts();
    assert_eq!((counts.late, counts.restarts), (1, 1));
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_was_halted_is_noticed_at_the_next_job() {
    let place = Place::new("").with(|spec| spec.limits.job_s = 1);
    let host = place.ready().await;
    let halted = rustix::process::Pid::from_raw(pid(&host).cast_signed()).expect("a process");
    rustix::process::kill_process(halted, rustix::process::Signal::STOP).expect("halted");
    assert_eq!(tell(&host, "fine").await, Err(Down::Late(1)));
    until(&host, is_again).await;
    assert!(tell(&host, "fine").await.is_ok());
    host.stop().await;
}

#[tokio::test]
async fn a_refusal_costs_nothing_else() {
    let place = Place::new("");
    let host = place.ready().await;
    let first = pid(&host);
    let told = tell(&host, "no-such-act").await;
    assert_eq!(
        told,
        Err(Down::Refused("no-such-act: no such act".to_owned()))
    );
    assert_eq!(pid(&host), first);
    let counts = host.counts();
    assert_eq!((counts.refused, counts.restarts), (1, 0));
    host.stop().await;
}

#[tokio::test]
async fn words_without_end_do_not_stop_it() {
    let place = Place::new("");
    let host = place.ready().await;
    assert!(tell(&host, "chatter").await.is_ok());
    host.stop().await;
}

#[tokio::test]
async fn what_cannot_pass_is_not_tried_again() {
    for (at_start, code) in [("refuse", "L010"), ("illegal", "L007")] {
        let place = Place::new(at_start);
        let host = place.start();
        let reason = in_time(host.ready()).await.expect_err("told to fail");
        assert_eq!(reason.code(), code, "{reason}");
        assert_eq!(
            host.state(),
            State::Off {
                reason: reason.clone()
            }
        );
        assert_eq!(host.counts().starts, 1);
        assert_eq!(tell(&host, "fine").await, Err(Down::Worker(reason)));
        host.stop().await;
    }
}

#[tokio::test]
async fn an_illegal_instruction_at_a_job_turns_it_off() {
    let place = Place::new("");
    let host = place.ready().await;
    let told = tell(&host, "illegal").await;
    assert!(
        matches!(told, Err(Down::Died(Reason::Instructions { .. }))),
        "{told:?}"
    );
    until(&host, |state| state.word() == "off").await;
    host.stop().await;
}

#[tokio::test]
async fn what_fails_at_each_start_is_tried_again_and_jobs_are_told_at_once() {
    for (at_start, words) in [("die", "SIGSEGV"), ("panic", "told to at the start")] {
        let place = Place::new(at_start);
        let host = place.start();
        let reason = in_time(host.ready()).await.expect_err("told to fail");
        assert!(reason.to_string().contains(words), "{reason}");
        let mut states = host.subscribe();
        in_time(states.wait_for(|s| matches!(s, State::Starting { restarts: 3.. })))
            .await
            .expect("it goes on");
        let told = tell(&host, "fine").await;
        assert!(matches!(told, Err(Down::Worker(_))), "{told:?}");
        host.stop().await;
        assert_eq!(
            host.state(),
            State::Off {
                reason: Reason::Stopped
            }
        );
    }
}

#[tokio::test]
async fn a_start_has_a_deadline() {
    for place in [Place::new("hang"), Place::new("").named("silent")] {
        let place = place.with(|spec| spec.limits.start_s = 1);
        let host = place.start();
        let told = tell(&host, "fine").await;
        let late = Reason::Deadline { seconds: 1 };
        assert_eq!(told, Err(Down::Worker(late)));
        host.stop().await;
    }
}

#[tokio::test]
async fn another_program_is_noticed() {
    for (name, words) in [
        ("foreign", "it speaks protocol 99 (version 9.9.9)"),
        ("noisy", "4294967295 bytes"),
        ("leaves", "exit status 7; it said: I would rather not [2J"),
    ] {
        let place = Place::new("").named(name);
        let host = place.start();
        let reason = in_time(host.ready()).await.expect_err("no worker");
        assert!(reason.to_string().contains(words), "{name}: {reason}");
        host.stop().await;
    }
    let place = Place::new("").with(|spec| spec.program = "/no/such/program".into());
    let host = place.start();
    let reason = in_time(host.ready()).await.expect_err("no program");
    assert!(matches!(reason, Reason::Spawn { .. }), "{reason}");
    host.stop().await;
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named_before_anything_runs() {
    let place = Place::new("");
    std::fs::remove_file(place.path("model")).expect("removed");
    let host = place.start();
    let reason = in_time(host.ready()).await.expect_err("no file");
    assert_eq!(reason.code(), "L002");
    assert!(
        reason.to_string().contains("model cannot be read"),
        "{reason}"
    );
    host.stop().await;
}

#[tokio::test]
async fn what_is_not_configured_is_absent() {
    let place = Place::new("").with(|spec| spec.generator = None);
    let host = place.ready().await;
    assert_eq!(
        tell(&host, "fine").await,
        Err(Down::Absent("language model"))
    );
    host.stop().await;
    let off = Host::off(Reason::NotConfigured);
    let down = Down::Worker(Reason::NotConfigured);
    assert_eq!(tell(&off, "fine").await, Err(down));
    assert_eq!(in_time(off.ready()).await, Err(Reason::NotConfigured));
    in_time(off.stop()).await;
}

#[tokio::test]
async fn too_large_a_job_is_never_sent() {
    let place = Place::new("");
    let host = place.ready().await;
    let told = tell(&host, &"x".repeat(9_000)).await;
    assert!(matches!(told, Err(Down::TooLarge { .. })), "{told:?}");
    assert_eq!(host.counts().done, 0);
    host.stop().await;
}

#[tokio::test]
async fn a_full_queue_says_so_and_stopping_tells_all_who_wait() {
    let place = Place::new("").with(|spec| spec.limits.queue = 1);
    let host = place.ready().await;
    let ask = || {
        let host = host.clone();
        tokio::spawn(async move { tell(&host, "hang").await })
    };
    // One in work, then one that waits.
    let working = ask();
    in_time(async {
        while host.counts().working < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let waiting = ask();
    in_time(async {
        while host.counts().waiting < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(tell(&host, "fine").await, Err(Down::Busy(1)));
    in_time(host.stop()).await;
    let stopped = Err(Down::Worker(Reason::Stopped));
    assert_eq!(in_time(working).await.expect("no panic"), stopped);
    assert_eq!(in_time(waiting).await.expect("no panic"), stopped);
}

#[tokio::test]
async fn with_its_last_handle_the_process_goes() {
    let place = Place::new("");
    let host = place.ready().await;
    let path = format!("/proc/{}", pid(&host));
    let background = host.background();
    drop(host);
    assert!(tell(&background, "fine").await.is_ok());
    let mut states = background.subscribe();
    drop(background);
    in_time(states.wait_for(|state| state.word() == "off"))
        .await
        .expect("told");
    assert!(!std::path::Path::new(&path).exists());
}
