//! The worker against a server that is not one: it ends, with a reason, and never hangs.

use crate::common::{Place, program};
use local_model::wire::{self, FromWorker, MAX_FRAME, PROTOCOL, ToWorker};
use local_model::{Continuations, Reason};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A worker whose server is this test.
fn worker() -> (UnixStream, Child) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let limit = Some(Duration::from_secs(60));
    ours.set_read_timeout(limit).expect("set");
    let child = Command::new(program())
        .arg("model-worker")
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    (ours, child)
}

fn hear(socket: &mut UnixStream) -> FromWorker {
    let body = wire::read(socket, MAX_FRAME).expect("a frame");
    wire::decode(&body).expect("a message")
}

fn start(place: &Place) -> ToWorker {
    ToWorker::Start {
        protocol: PROTOCOL,
        spec: Box::new(place.spec.clone()),
    }
}

fn ready(place: &Place) -> (UnixStream, Child) {
    let (mut socket, child) = worker();
    assert!(matches!(hear(&mut socket), FromWorker::Hello { .. }));
    wire::write(&mut socket, &start(place)).expect("sent");
    let said = hear(&mut socket);
    assert!(matches!(said, FromWorker::Ready { .. }), "{said:?}");
    (socket, child)
}

fn hang() -> ToWorker {
    let job = Continuations {
        prefix: "hang".to_owned(),
        continuations: vec!["x".to_owned()],
    };
    ToWorker::Job {
        id: 1,
        ask: wire::Ask::Score(vec![job]),
    }
}

/// What it says to these bytes, then that it ends with an error.
fn refusal(mut socket: UnixStream, mut child: Child, bytes: &[u8]) -> String {
    socket.write_all(bytes).expect("sent");
    socket.shutdown(Shutdown::Write).expect("closed");
    let said = hear(&mut socket);
    let FromWorker::Failed {
        reason: Reason::Spawn { cause },
    } = said
    else {
        panic!("it said {said:?}");
    };
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).expect("the end");
    assert!(rest.is_empty());
    let status = child.wait().expect("it ends");
    assert!(status.code().is_some_and(|code| code > 0), "{status}");
    cause
}

#[test]
fn before_its_start_a_hostile_frame_ends_it_with_a_reason() {
    let place = Place::new("");
    let mut other = start(&place);
    if let ToWorker::Start { protocol, .. } = &mut other {
        *protocol = 99;
    }
    let whole = wire::encode(&start(&place)).expect("small");
    for (bytes, words) in [
        (u32::MAX.to_le_bytes().to_vec(), "4294967295 bytes, limit"),
        (b"\x07\0\0\0garbage".to_vec(), "no message of protocol"),
        (whole[..20].to_vec(), "ended after 20 of"),
        (whole[..3].to_vec(), "ended after 3 of 4"),
        (wire::encode(&other).expect("small"), "speaks protocol 99"),
        (
            wire::encode(&hang()).expect("small"),
            "a job before the start",
        ),
    ] {
        let (mut socket, child) = worker();
        let hello = hear(&mut socket);
        assert!(matches!(hello, FromWorker::Hello { protocol, .. } if protocol == PROTOCOL));
        let cause = refusal(socket, child, &bytes);
        assert!(cause.contains(words), "{cause}");
    }
}

#[test]
fn after_its_start_too() {
    let place = Place::new("");
    for (bytes, words) in [
        (u32::MAX.to_le_bytes().to_vec(), "4294967295 bytes, limit"),
        (b"\x02\0\0\0[]".to_vec(), "no message of protocol"),
        (
            wire::encode(&start(&place)).expect("small"),
            "a second start",
        ),
    ] {
        let (mut socket, child) = ready(&place);
        socket.write_all(&bytes).expect("sent");
        // The end of the server would end it silently: it stays open until it has answered.
        let said = hear(&mut socket);
        let FromWorker::Failed {
            reason: Reason::Spawn { cause },
        } = said
        else {
            panic!("it said {said:?}");
        };
        assert!(cause.contains(words), "{cause}");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.code().is_some_and(|code| code > 0));
    }
}

#[test]
fn a_file_moved_into_the_model_s_place_is_not_read() {
    let place = Place::new("wait");
    let (mut socket, mut child) = worker();
    assert!(matches!(hear(&mut socket), FromWorker::Hello { .. }));
    wire::write(&mut socket, &start(&place)).expect("sent");
    let mut words = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    words.read_line(&mut line).expect("it is in its loader");
    assert_eq!(line, "waiting\n");
    std::fs::write(place.path("other"), "other").expect("written");
    std::fs::rename(place.path("other"), place.path("model")).expect("moved");
    let said = hear(&mut socket);
    let FromWorker::Failed {
        reason: Reason::File { cause, .. },
    } = said
    else {
        panic!("it said {said:?}");
    };
    assert!(cause.contains("Permission denied"), "{cause}");
    child.wait().expect("it ends");
}

#[test]
fn it_ends_with_its_server_even_in_the_middle_of_a_job() {
    let place = Place::new("");
    let (mut socket, mut child) = ready(&place);
    wire::write(&mut socket, &hang()).expect("sent");
    drop(socket);
    let status = child.wait().expect("it ends");
    assert_eq!(status.signal(), Some(9));
    let (socket, mut child) = worker();
    drop(socket);
    assert!(child.wait().is_ok());
}
