//! Tests: whatever one does to an exported log, the verifier finds it.

use proptest::prelude::*;

use crate::{
    Actor, AuditRow, Broken, ChainedRow, Checkpoint, Head, NodeRow, Outcome, Place, Report, Signer,
    TargetId, Trust, Value, Why, Word, chain, genesis, header_line, verify, verify_lines,
};

const STORE: [u8; 16] = [3; 16];

fn signer() -> Signer {
    Signer::from_seed(&[7; 32]).unwrap()
}

fn trust() -> Trust {
    Trust {
        store: STORE,
        keys: vec![signer().verify_key()],
        seen: None,
    }
}

fn row(i: u64) -> AuditRow {
    let at = 1_700_000_000 + i as i64;
    match i % 3 {
        0 => AuditRow::new(at, Actor::Id([i as u8; 16]), "device.revoke").on("device", [9; 16]),
        1 => AuditRow::new(at, Actor::Sealed(vec![i as u8; 60]), "graph.view")
            .target("subject", TargetId::Sealed(vec![1; 40])),
        _ => AuditRow::new(at, Actor::System, "snapshot.run")
            .outcome(Outcome::Failed)
            .with("cells", i as i64),
    }
}

/// A log of `count` rows by two nodes, signed at every one of `points`.
fn log(count: u64, points: &[u64]) -> (Vec<ChainedRow>, Vec<Checkpoint>, Head) {
    let mut head = genesis(&STORE);
    let (mut rows, mut signed) = (Vec::new(), Vec::new());
    let mut numbers = [0, 0];
    for i in 0..count {
        let node = usize::from(i % 4 == 3);
        numbers[node] += 1;
        let entry = NodeRow {
            node: node as u16,
            n: numbers[node],
            row: row(i),
        };
        rows.append(&mut chain(&mut head, [entry]).unwrap());
        if points.contains(&head.seq) {
            signed.push(signer().checkpoint(&STORE, &head, 2_000_000_000).unwrap());
        }
    }
    (rows, signed, head)
}

/// Chains the same rows anew: what somebody does who may write the database but not sign.
fn rechain(rows: &[ChainedRow]) -> Vec<ChainedRow> {
    let mut head = genesis(&STORE);
    let mut numbers = std::collections::BTreeMap::<u16, u64>::new();
    let entries = rows.iter().map(|row| {
        let n = numbers.entry(row.entry.node).or_default();
        *n += 1;
        NodeRow {
            n: *n,
            ..row.entry.clone()
        }
    });
    let entries: Vec<_> = entries.collect();
    chain(&mut head, entries).unwrap()
}

fn export(rows: &[ChainedRow], points: &[Checkpoint]) -> String {
    let mut text = header_line(&STORE).unwrap() + "\n";
    for row in rows {
        text += &(row.line().unwrap() + "\n");
    }
    for point in points {
        text += &(point.line().unwrap() + "\n");
    }
    text
}

#[test]
fn an_honest_log_holds_and_the_report_says_how_far_it_is_signed() {
    let (rows, points, head) = log(10, &[4, 8]);
    let report = verify(&rows, &points, &trust()).unwrap();
    let expected = Report {
        first: 1,
        last: 10,
        hash: head.hash,
        checkpoints: 2,
        signed_through: 8,
        signed_at: Some(2_000_000_000),
    };
    assert_eq!(report, expected);
    assert_eq!(report.unsigned(), 2);
    assert_eq!(
        verify_lines(export(&rows, &points).as_bytes(), &trust()).unwrap(),
        expected
    );
    let empty = verify(&[], &[], &trust()).unwrap();
    assert_eq!(
        (empty.first, empty.last, empty.hash),
        (0, 0, genesis(&STORE).hash)
    );
}

#[test]
fn a_log_whose_hashes_were_all_made_anew_fails_at_the_next_checkpoint() {
    let (mut rows, points, _) = log(10, &[8]);
    rows[4].entry.row = AuditRow::new(1, Actor::System, "nothing.happened");
    let found = verify(&rechain(&rows), &points, &trust()).unwrap_err();
    assert_eq!(
        found,
        Broken {
            at: Place::Checkpoint(8),
            why: Why::Mismatch
        }
    );
    rows.remove(4);
    let found = verify(&rechain(&rows), &points, &trust()).unwrap_err();
    assert_eq!(
        found,
        Broken {
            at: Place::Checkpoint(8),
            why: Why::Mismatch
        }
    );
}

#[test]
fn an_end_cut_off_is_found_by_whoever_noted_a_later_row() {
    let (rows, points, head) = log(10, &[4, 8]);
    let cut = verify(&rows[..6], &points, &trust()).unwrap_err();
    assert_eq!(
        cut,
        Broken {
            at: Place::Checkpoint(8),
            why: Why::Short { last: 6 }
        }
    );
    // With the checkpoint gone too the file alone cannot tell; a noted hash can.
    assert!(verify(&rows[..6], &points[..1], &trust()).is_ok());
    let noted = Trust {
        seen: Some((10, head.hash)),
        ..trust()
    };
    let cut = verify(&rows[..6], &points[..1], &noted).unwrap_err();
    assert_eq!(
        cut,
        Broken {
            at: Place::End,
            why: Why::Short { last: 6 }
        }
    );
    let other = Trust {
        seen: Some((10, [0; 32])),
        ..trust()
    };
    let found = verify(&rows, &points, &other).unwrap_err();
    assert_eq!(
        found,
        Broken {
            at: Place::Row(10),
            why: Why::Mismatch
        }
    );
}

#[test]
fn a_checkpoint_of_another_key_or_store_is_refused() {
    let (rows, points, head) = log(3, &[3]);
    let forger = Signer::from_seed(&[8; 32]).unwrap();
    let forged = forger.checkpoint(&STORE, &head, 1).unwrap();
    let found = verify(&rows, &[forged], &trust()).unwrap_err();
    assert_eq!(
        found,
        Broken {
            at: Place::Checkpoint(3),
            why: Why::Signature
        }
    );
    let foreign = signer().checkpoint(&[4; 16], &head, 1).unwrap();
    let found = verify(&rows, &[foreign], &trust()).unwrap_err();
    assert_eq!(
        found,
        Broken {
            at: Place::Checkpoint(3),
            why: Why::Store
        }
    );
    let elsewhere = Trust {
        store: [4; 16],
        ..trust()
    };
    assert!(verify(&rows, &[], &elsewhere).is_err());
    assert!(verify_lines(export(&rows, &points).as_bytes(), &elsewhere).is_err());
}

#[test]
fn after_a_change_of_key_both_keys_are_needed() {
    let (rows, mut points, head) = log(6, &[3]);
    let new = Signer::from_seed(&[9; 32]).unwrap();
    points.push(new.checkpoint(&STORE, &head, 2).unwrap());
    assert!(verify(&rows, &points, &trust()).is_err());
    let both = Trust {
        keys: vec![signer().verify_key(), new.verify_key()],
        ..trust()
    };
    assert_eq!(verify(&rows, &points, &both).unwrap().signed_through, 6);
}

#[test]
fn a_pruned_log_needs_a_checkpoint_exactly_before_its_first_row() {
    let (rows, points, _) = log(10, &[4, 8]);
    let report = verify(&rows[4..], &points, &trust()).unwrap();
    assert_eq!((report.first, report.last), (5, 10));
    let found = verify(&rows[5..], &points, &trust()).unwrap_err();
    assert_eq!(
        found,
        Broken {
            at: Place::Row(6),
            why: Why::NoStart
        }
    );
    let found = verify(&rows[8..], &points, &trust()).unwrap_err();
    assert_eq!(
        found,
        Broken {
            at: Place::Checkpoint(4),
            why: Why::NoStart
        }
    );
}

#[test]
fn an_export_that_is_cut_in_a_line_or_has_none_is_named_by_its_line() {
    let (rows, points, _) = log(3, &[3]);
    let text = export(&rows, &points);
    let found = verify_lines(&text.as_bytes()[..text.len() - 1], &trust()).unwrap_err();
    assert_eq!(found.at, Place::Line(5));
    assert_eq!(
        verify_lines(&b""[..], &trust()).unwrap_err().at,
        Place::Line(1)
    );
    let headless = text.split_once('\n').unwrap().1;
    assert_eq!(
        verify_lines(headless.as_bytes(), &trust()).unwrap_err().at,
        Place::Line(1)
    );
    let endless = "x".repeat(100_000);
    assert_eq!(
        verify_lines(endless.as_bytes(), &trust()).unwrap_err().at,
        Place::Line(1)
    );
    let twice = format!("{text}{}\n", header_line(&STORE).unwrap());
    assert_eq!(
        verify_lines(twice.as_bytes(), &trust()).unwrap_err().at,
        Place::Line(6)
    );
}

fn some_row() -> impl Strategy<Value = AuditRow> {
    let actor = prop_oneof![
        any::<[u8; 16]>().prop_map(Actor::Id),
        proptest::collection::vec(any::<u8>(), 1..80).prop_map(Actor::Sealed),
        Just(Actor::System),
        Just(Actor::Console),
    ];
    let action = prop_oneof![
        Just("device.revoke"),
        Just("config.set"),
        Just("graph.view")
    ];
    let value = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::Int),
        Just(Value::Word(Word::fixed("lost"))),
        any::<[u8; 16]>().prop_map(Value::Id),
        any::<[u8; 32]>().prop_map(Value::Sha256),
    ];
    (
        0..4_000_000_000_i64,
        actor,
        action,
        any::<[u8; 16]>(),
        value,
    )
        .prop_map(|(at, actor, action, id, value)| {
            AuditRow::new(at, actor, action)
                .on("device", id)
                .with("value", value)
        })
}

/// What an intruder may do to the list of rows.
#[derive(Debug, Clone)]
enum Act {
    Change(usize, AuditRow),
    Remove(usize),
    Swap(usize, usize),
    Insert(usize, AuditRow),
    Double(usize),
}

fn some_act() -> impl Strategy<Value = Act> {
    let place = 0_usize..12;
    prop_oneof![
        (place.clone(), some_row()).prop_map(|(at, row)| Act::Change(at, row)),
        place.clone().prop_map(Act::Remove),
        (place.clone(), place.clone()).prop_map(|(one, two)| Act::Swap(one, two)),
        (place.clone(), some_row()).prop_map(|(at, row)| Act::Insert(at, row)),
        place.prop_map(Act::Double),
    ]
}

fn tamper(rows: &mut Vec<ChainedRow>, act: Act) {
    match act {
        Act::Change(at, row) => rows[at].entry.row = row,
        Act::Remove(at) => drop(rows.remove(at)),
        Act::Swap(one, two) => rows.swap(one, two),
        Act::Insert(at, row) => {
            let mut new = rows[at].clone();
            new.entry.row = row;
            rows.insert(at, new);
        }
        Act::Double(at) => rows.insert(at, rows[at].clone()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_row_reads_back_from_its_one_spelling(row in some_row(), node: u16, n in 1_u64..1 << 50) {
        let entry = NodeRow { node, n, row };
        let text = entry.canonical().unwrap();
        prop_assert_eq!(NodeRow::parse(&text).unwrap(), entry);
    }

    #[test]
    fn any_changed_removed_swapped_or_inserted_row_is_found(act in some_act(), rehash: bool) {
        let (honest, points, _) = log(12, &[5, 12]);
        let mut rows = honest.clone();
        tamper(&mut rows, act);
        let content = |rows: &[ChainedRow]| {
            rows.iter().map(|row| row.entry.row.clone()).collect::<Vec<_>>()
        };
        let same = content(&rows) == content(&honest);
        let rows = if rehash { rechain(&rows) } else { rows };
        // Two like rows swapped is no change. A row forged behind the last signature is
        // shown as unsigned. Anything else must be found.
        let found = |verdict: Result<Report, Broken>| verdict.map_or(true, |it| it.unsigned() > 0);
        prop_assert!(same || found(verify(&rows, &points, &trust())));
        prop_assert!(same || found(verify_lines(export(&rows, &points).as_bytes(), &trust())));
    }

    #[test]
    fn any_flipped_byte_of_an_export_is_found(at in 0_usize..4000, bit in 0_u8..8) {
        let (rows, points, _) = log(6, &[3, 6]);
        let mut bytes = export(&rows, &points).into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(verify_lines(bytes.as_slice(), &trust()).is_err());
    }
}
