//! The spool, with hooks and agents that die.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn all(batches: Vec<Batch>) -> Vec<Record> {
    let mut records = Vec::new();
    for mut batch in batches {
        while let Some(record) = batch.read_next().unwrap() {
            records.push(record);
        }
        batch.delete().unwrap();
    }
    records
}

fn say(folder: &Path, text: &str) {
    append(folder, Harness::ClaudeCode, 7, text.as_bytes(), false).unwrap();
}

#[test]
fn what_is_appended_is_taken_in_order_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    say(&spool, "one");
    append(&spool, Harness::ClaudeCode, 9, b"tw", true).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&spool), mode(&spool.join(QUEUE))), (0o700, 0o600));
    let records = all(take(&spool, 10, 1).unwrap());
    assert_eq!(records.len(), 2);
    assert_eq!(
        (records[0].payload.as_slice(), records[0].cut),
        (&b"one"[..], false)
    );
    assert_eq!(
        (records[1].payload.as_slice(), records[1].cut, records[1].at),
        (&b"tw"[..], true, 9)
    );
    assert!(take(&spool, 10, 2).unwrap().is_empty());
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 0);
}

#[test]
fn hooks_that_run_at_the_same_time_and_an_agent_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let hooks: Vec<_> = (0..8)
        .map(|hook| {
            let spool = spool.clone();
            std::thread::spawn(move || {
                for n in 0..50 {
                    say(&spool, &format!("{hook}-{n}-{}", "x".repeat(5000)));
                }
            })
        })
        .collect();
    let mut got = Vec::new();
    let mut unique = 0;
    while hooks.iter().any(|hook| !hook.is_finished()) {
        unique += 1;
        got.extend(all(take(&spool, 1, unique).unwrap()));
    }
    for hook in hooks {
        hook.join().unwrap();
    }
    got.extend(all(take(&spool, 1, unique + 1).unwrap()));
    let mut texts: Vec<_> = got.into_iter().map(|record| record.payload).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 400);
}

#[test]
fn a_torn_record_costs_that_record_alone() {
    let folder = tempfile::tempdir().unwrap();
    say(folder.path(), "first");
    let torn = frame(Harness::ClaudeCode, 1, &[b'y'; 500], false, NO_ID);
    let mut queue = fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join(QUEUE))
        .unwrap();
    queue.write_all(&torn[..100]).unwrap();
    say(folder.path(), "second");
    queue.write_all(&torn[..10]).unwrap();
    drop(queue);
    let mut batches = take(folder.path(), 1, 1).unwrap();
    let batch = &mut batches[0];
    let mut texts = Vec::new();
    while let Some(record) = batch.read_next().unwrap() {
        texts.push(record.payload);
    }
    assert_eq!(texts, [b"first".to_vec(), b"second".to_vec()]);
    assert_eq!(batch.torn(), 2);
}

#[test]
fn what_a_dead_agent_left_is_read_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    say(folder.path(), "before");
    drop(take(folder.path(), 1, 1).unwrap());
    say(folder.path(), "after");
    let records = all(take(folder.path(), 2, 2).unwrap());
    let texts: Vec<_> = records
        .iter()
        .map(|record| record.payload.as_slice())
        .collect();
    assert_eq!(texts, [&b"before"[..], b"after"]);
}

#[test]
fn a_full_spool_takes_nothing_more_and_counts() {
    let folder = tempfile::tempdir().unwrap();
    say(folder.path(), "x");
    File::options()
        .write(true)
        .open(folder.path().join(QUEUE))
        .unwrap()
        .set_len(MAX_SPOOL_BYTES)
        .unwrap();
    let refused = append(folder.path(), Harness::ClaudeCode, 1, b"y", false).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    assert_eq!(
        waiting(folder.path()),
        Waiting {
            bytes: MAX_SPOOL_BYTES,
            dropped: 1
        }
    );
    assert_eq!(take_dropped(folder.path()).unwrap(), 1);
    assert_eq!(take_dropped(folder.path()).unwrap(), 0);
}

#[test]
fn an_id_comes_back_and_records_of_earlier_builds_are_read_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let id = [9; 16];
    append_frame(folder.path(), &frame(Harness::Codex, 3, b"new", true, id)).unwrap();
    // Layout 1: magic, flags, harness, length, time, sum over what stands between magic and sum.
    let mut old = vec![0xff, b'A', b'W', 1, 0, 1];
    old.extend_from_slice(&3_u32.to_le_bytes());
    old.extend_from_slice(&7_i64.to_le_bytes());
    let sum = <sha2::Sha256 as sha2::Digest>::digest([&old[4..], b"old"].concat());
    old.extend_from_slice(&sum[..8]);
    old.extend_from_slice(b"old");
    append_frame(folder.path(), &old).unwrap();
    say(folder.path(), "none");
    let records = all(take(folder.path(), 1, 1).unwrap());
    let told: Vec<_> = records
        .iter()
        .map(|record| (record.payload.as_slice(), record.id, record.at))
        .collect();
    assert_eq!(
        told,
        [
            (&b"new"[..], Some(id), 3),
            (b"old", None, 7),
            (b"none", None, 7)
        ]
    );
    assert_eq!(records[0].framed([1; 16])[18..34], id);
    assert_eq!(records[1].framed([1; 16])[18..34], [1; 16]);
}
