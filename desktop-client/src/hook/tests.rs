//! The hook, whatever it is given.

use super::*;
use crate::spool;
use crate::world::still::Still;
use std::fs::File;

const ID: Id = [3; 16];

fn world(folder: &tempfile::TempDir) -> Still {
    let mut world = Still::at(7);
    world
        .env
        .insert("AIWORKLAB_HOME", folder.path().join("home").into());
    world
}

fn said(folder: &tempfile::TempDir, payload: &[u8]) -> File {
    let path = folder.path().join("payload");
    std::fs::write(&path, payload).unwrap();
    File::open(path).unwrap()
}

fn kept(folder: &tempfile::TempDir) -> Vec<spool::Record> {
    let mut batches = spool::take(&folder.path().join("home/spool"), 1, 1).unwrap();
    let mut records = Vec::new();
    for batch in &mut batches {
        records.extend(std::iter::from_fn(|| batch.read_next().unwrap()));
    }
    records
}

#[test]
fn a_payload_is_kept_as_it_was_said() {
    let folder = tempfile::tempdir().unwrap();
    take(
        &world(&folder),
        ID,
        Some("claude-code".into()),
        said(&folder, b"{}"),
        &mut io::sink(),
    )
    .unwrap();
    let records = kept(&folder);
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].payload.as_slice(), records[0].cut, records[0].at),
        (&b"{}"[..], false, 7)
    );
}

#[test]
fn of_a_huge_payload_a_mebibyte_is_kept_and_marked_and_all_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut input = said(&folder, &vec![b'x'; 3 * MAX_PAYLOAD_BYTES]);
    take(
        &world(&folder),
        ID,
        Some("claude-code".into()),
        input.try_clone().unwrap(),
        &mut io::sink(),
    )
    .unwrap();
    assert_eq!(
        input.read(&mut [0; 1]).unwrap(),
        0,
        "nothing is left in the pipe"
    );
    let records = kept(&folder);
    assert_eq!(
        (records[0].payload.len(), records[0].cut),
        (MAX_PAYLOAD_BYTES, true)
    );
    std::fs::remove_dir_all(folder.path().join("home")).unwrap();
    let exact = said(&folder, &vec![b'x'; MAX_PAYLOAD_BYTES]);
    take(
        &world(&folder),
        ID,
        Some("claude-code".into()),
        exact,
        &mut io::sink(),
    )
    .unwrap();
    assert!(!kept(&folder)[0].cut);
}

#[test]
fn another_word_than_a_harness_and_silence_keep_nothing() {
    let folder = tempfile::tempdir().unwrap();
    take(
        &world(&folder),
        ID,
        Some("emacs".into()),
        said(&folder, b"{}"),
        &mut io::sink(),
    )
    .unwrap();
    take(
        &world(&folder),
        ID,
        None,
        said(&folder, b"{}"),
        &mut io::sink(),
    )
    .unwrap();
    take(
        &world(&folder),
        ID,
        Some("claude-code".into()),
        said(&folder, b""),
        &mut io::sink(),
    )
    .unwrap();
    take(
        &Still::at(7),
        ID,
        Some("claude-code".into()),
        said(&folder, b"{}"),
        &mut io::sink(),
    )
    .unwrap();
    assert!(!folder.path().join("home").exists());
}

/// An agent that answers one record with `answer`, or drops the line if there is none.
fn agent(
    folder: &tempfile::TempDir,
    answer: Option<crate::socket::Answer>,
) -> std::thread::JoinHandle<spool::Record> {
    std::fs::create_dir_all(folder.path().join("home")).unwrap();
    let path = folder.path().join("home/agent.sock");
    let _ = std::fs::remove_file(&path);
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; spool::HEADER_BYTES];
        stream.read_exact(&mut head).unwrap();
        let header = spool::Header::read(&head).unwrap();
        let mut payload = vec![0; header.payload_bytes];
        stream.read_exact(&mut payload).unwrap();
        if let Some(answer) = answer {
            stream.write_all(&answer.bytes()).unwrap();
        }
        header.record(&head, payload).unwrap()
    })
}

#[test]
fn an_agent_that_takes_it_is_given_it_and_what_it_has_to_show_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let answer = crate::socket::Answer {
        taken: true,
        text: b"{\"systemMessage\":\"a check waits\"}\n".to_vec(),
    };
    let agent = agent(&folder, Some(answer.clone()));
    let mut out = Vec::new();
    let input = said(&folder, b"{\"a\":1}");
    take(&world(&folder), ID, Some("codex".into()), input, &mut out).unwrap();
    let taken = agent.join().unwrap();
    // Where the machine was too slow to answer in time, the record lies in the spool, and nothing else is lost.
    let kept = kept(&folder);
    assert_eq!((taken.harness, taken.at), (Harness::Codex, 7));
    assert_eq!(taken.payload, b"{\"a\":1}");
    assert_eq!(taken.id, Some(ID));
    match kept.as_slice() {
        [] => assert_eq!(out, answer.text),
        [again] => assert_eq!((again, out.as_slice()), (&taken, &b""[..])),
        more => panic!("{} records", more.len()),
    }
}

#[test]
fn what_an_agent_refuses_or_does_not_answer_is_kept_under_the_same_id() {
    let refusal = crate::socket::Answer {
        taken: false,
        text: b"not to be printed".to_vec(),
    };
    for answer in [Some(refusal), None] {
        let folder = tempfile::tempdir().unwrap();
        let agent = agent(&folder, answer);
        let mut out = Vec::new();
        let input = said(&folder, b"{}");
        take(
            &world(&folder),
            ID,
            Some("claude-code".into()),
            input,
            &mut out,
        )
        .unwrap();
        assert_eq!(kept(&folder), [agent.join().unwrap()]);
        assert_eq!(out, b"");
    }
}
