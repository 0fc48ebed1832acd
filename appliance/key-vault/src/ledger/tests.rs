//! The ledger on a disk that is watched, that fills up, that fails, and that crashes.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use proptest::prelude::*;

use super::*;

const STORE: [u8; 16] = [3; 16];
/// 2026-11-24 13:14:15 UTC.
const NOW: i64 = 1_795_526_055;

fn signer() -> LedgerSigner {
    LedgerSigner::from_seed(&Secret::new(vec![7; 32])).unwrap()
}

fn revoke(device: u8) -> Entry {
    let sealed = HexBytes(vec![device; 284]);
    Entry::Revoke { sealed }
}

fn entries() -> Vec<Entry> {
    let sealed = HexBytes(vec![9; 120]);
    vec![
        Entry::Enrol { sealed },
        revoke(1),
        Entry::Leaver {
            sealed: HexBytes(vec![2; 44]),
        },
        Entry::Exclude {
            subject: [4; 16],
            out: true,
        },
        Entry::Erase { subject: [4; 16] },
        Entry::TokenRotation { token: [5; 16] },
        Entry::CrlNumber {
            issuer: CrlIssuer::Issuing,
            number: 4,
        },
        Entry::Generation { generation: 2 },
    ]
}

/// A ledger in a folder, with all kinds of entries.
fn filled(dir: &Path) -> PathBuf {
    let path = dir.join("ledger.jsonl");
    let mut ledger = Ledger::create(&path, STORE, signer(), NOW).unwrap();
    for entry in entries() {
        ledger.append(entry, NOW).unwrap();
    }
    path
}

fn open(path: &Path) -> Result<Opened, Error> {
    Ledger::open(path, STORE, signer())
}

#[test]
fn what_was_appended_is_read_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let mut opened = open(&path).unwrap();
    let read: Vec<_> = opened
        .records
        .iter()
        .skip(1)
        .map(|it| it.entry().clone())
        .collect();
    assert_eq!(read, entries());
    assert_eq!(opened.cut, None);
    assert_eq!(opened.ledger.generation(), 2);
    assert_eq!(opened.ledger.crl_number(CrlIssuer::Issuing), 4);
    assert_eq!(opened.ledger.crl_number(CrlIssuer::Root), 0);
    assert_eq!(opened.ledger.replay().unwrap(), opened.records);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (records, cut) = read_ledger(&path, STORE, &signer().verifier()).unwrap();
    assert_eq!((records, cut), (opened.records, None));
}

#[test]
fn a_line_tells_the_day_and_what_came_to_one_person_only_the_month() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(&filled(dir.path())).unwrap();
    let dates: Vec<_> = opened
        .records
        .iter()
        .map(|it| it.on().to_string())
        .collect();
    let (day, month) = ("2026-11-24", "2026-11-01");
    assert_eq!(dates[..5], [day, month, month, month, day]);
    let text = fs::read_to_string(dir.path().join("ledger.jsonl")).unwrap();
    assert!(!text.contains("13:14") && !text.contains(&NOW.to_string()));
}

#[test]
fn a_revocation_is_as_long_whatever_its_serial_number_and_no_longer_than_a_line_takes() {
    let ended = |serials: &[usize]| Revocation {
        device: [1; 16],
        serials: serials.iter().map(|it| HexBytes(vec![7; *it])).collect(),
        reason: Reason::Lost,
    };
    let (short, long) = (ended(&[1]), ended(&[20]));
    let (plain, other) = (short.to_plain().unwrap(), long.to_plain().unwrap());
    assert_eq!(plain.len(), other.len());
    assert_eq!(Revocation::from_plain(&plain).unwrap(), short);
    let most = ended(&[20; 64]);
    let plain = most.to_plain().unwrap();
    let sealed = HexBytes(vec![0; plain.len() + 64]);
    assert!(Entry::Revoke { sealed }.is_in_bounds());
    for wrong in [ended(&[21]), ended(&[0]), ended(&[1; 65])] {
        assert!(matches!(wrong.to_plain(), Err(Error::Entry)));
        let plain = serde_json::to_vec(&wrong).unwrap();
        assert!(matches!(Revocation::from_plain(&plain), Err(Error::Entry)));
    }
    assert!(matches!(Revocation::from_plain(b"{}"), Err(Error::Entry)));
}

#[test]
fn a_torn_last_line_is_cut_and_reported_wherever_it_was_torn() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let whole = fs::read(&path).unwrap();
    let before = whole[..whole.len() - 1]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .unwrap()
        + 1;
    for end in before + 1..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        let opened = open(&path).unwrap();
        assert_eq!(
            opened.cut,
            Some(Cut {
                line: 9,
                bytes: (end - before) as u64
            })
        );
        assert_eq!(opened.records.len(), 8);
        assert_eq!(fs::read(&path).unwrap(), &whole[..before]);
    }
    // Blocks that were promised and never written read as zeros.
    for zeros in [0..20, 30..whole.len() - before, 30..60] {
        let mut torn = whole.clone();
        torn[before..][zeros].fill(0);
        fs::write(&path, &torn).unwrap();
        assert_eq!(open(&path).unwrap().cut.map(|cut| cut.line), Some(9));
    }
    let mut ledger = open(&path).unwrap().ledger;
    ledger.append(revoke(8), NOW).unwrap();
    assert_eq!(open(&path).unwrap().records.len(), 9);
}

#[test]
fn a_reader_of_a_copy_reports_a_torn_line_and_leaves_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let (records, cut) = read_ledger(&path, STORE, &signer().verifier()).unwrap();
    assert_eq!((records.len(), cut.map(|cut| cut.line)), (8, Some(9)));
    assert_eq!(fs::read(&path).unwrap(), &whole[..whole.len() - 3]);
}

#[test]
fn a_line_that_is_missing_doubled_swapped_or_changed_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = whole.lines().map(|line| format!("{line}\n")).collect();
    let refused = |lines: &[String], at: u64| {
        fs::write(&path, lines.concat()).unwrap();
        let error = open(&path).unwrap_err();
        assert!(
            matches!(error, Error::LedgerLine { line, .. } if line == at),
            "{error}"
        );
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            lines.concat(),
            "nothing was cut"
        );
    };
    let mut missing = lines.clone();
    missing.remove(2);
    refused(&missing, 3);
    let mut doubled = lines.clone();
    doubled.insert(2, lines[2].clone());
    refused(&doubled, 4);
    let mut swapped = lines.clone();
    swapped.swap(2, 3);
    refused(&swapped, 3);
    let mut changed = lines.clone();
    changed[2] = lines[2].replace("\"sealed\":\"01", "\"sealed\":\"02");
    refused(&changed, 3);
    let mut last = lines.clone();
    last[8] = lines[8].replace("\"generation\":2", "\"generation\":3");
    refused(&last, 9);
    let mut spaced = lines.clone();
    spaced[2] = lines[2].replace("\"n\":3", "\"n\": 3");
    refused(&spaced, 3);
    refused(&lines[1..], 1);
    refused(&[], 1);
}

#[test]
fn a_ledger_of_another_store_or_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let other_store = Ledger::open(&path, [4; 16], signer()).unwrap_err();
    assert!(matches!(other_store, Error::LedgerLine { line: 1, .. }));
    let other_key = LedgerSigner::from_seed(&Secret::new(vec![8; 32])).unwrap();
    let other_key = Ledger::open(&path, STORE, other_key).unwrap_err();
    assert!(matches!(other_key, Error::LedgerLine { line: 1, .. }));
    assert!(matches!(
        open(&dir.path().join("none")),
        Err(Error::NotThere { .. })
    ));
    let again = Ledger::create(&path, STORE, signer(), NOW).unwrap_err();
    assert!(matches!(again, Error::Exists { .. }));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(
        open(&path),
        Err(Error::TooOpen { mode: 0o644, .. })
    ));
}

#[test]
fn whole_lines_cut_off_the_end_are_seen_by_what_the_database_remembers() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let (n, hash) = open(&path).unwrap().ledger.head();
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = whole.split_inclusive('\n').collect();
    fs::write(&path, lines[..7].concat()).unwrap();
    let mut cut = open(&path).unwrap().ledger;
    assert!(matches!(
        cut.require(n, &hash),
        Err(Error::LedgerShort { n: 9 })
    ));
    let (seven, hash_of_seven) = cut.head();
    cut.append(revoke(6), NOW).unwrap();
    cut.append(revoke(7), NOW).unwrap();
    assert!(
        matches!(cut.require(n, &hash), Err(Error::LedgerShort { n: 9 })),
        "other lines"
    );
    cut.require(seven, &hash_of_seven).unwrap();
}

#[test]
fn a_number_that_does_not_rise_is_refused_and_leaves_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let before = fs::read(&path).unwrap();
    let mut ledger = open(&path).unwrap().ledger;
    let twice = Entry::CrlNumber {
        issuer: CrlIssuer::Issuing,
        number: 4,
    };
    assert!(matches!(
        ledger.append(twice, NOW),
        Err(Error::NotRising {
            last: 4,
            given: 4,
            ..
        })
    ));
    let back = Entry::Generation { generation: 1 };
    assert!(matches!(
        ledger.append(back, NOW),
        Err(Error::NotRising { .. })
    ));
    let sealed = HexBytes(vec![1; 4097]);
    let long = Entry::Revoke { sealed };
    assert!(matches!(ledger.append(long, NOW), Err(Error::Entry)));
    assert!(matches!(
        ledger.append(revoke(1), i64::MAX),
        Err(Error::Entry)
    ));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn two_processes_append_to_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let path = filled(dir.path());
    let (mut one, mut two) = (open(&path).unwrap().ledger, open(&path).unwrap().ledger);
    one.append(revoke(1), NOW).unwrap();
    two.append(revoke(2), NOW).unwrap();
    two.append(Entry::Generation { generation: 3 }, NOW)
        .unwrap();
    assert!(matches!(
        one.append(Entry::Generation { generation: 3 }, NOW),
        Err(Error::NotRising { last: 3, .. })
    ));
    one.append(revoke(3), NOW).unwrap();
    assert_eq!(open(&path).unwrap().records.len(), 13);
    // One that crashed in the middle of an append is mended by the next writer.
    let mut whole = fs::read(&path).unwrap();
    whole.extend_from_slice(b"{\"body\":");
    fs::write(&path, &whole).unwrap();
    two.append(revoke(4), NOW).unwrap();
    assert_eq!(two.take_cut(), Some(Cut { line: 14, bytes: 8 }));
    assert_eq!(open(&path).unwrap().records.len(), 14);
}

// ---- A disk that is watched -------------------------------------------------------

#[derive(Debug, Clone, PartialEq)]
enum Op {
    Lock,
    Unlock,
    Write(usize),
    Sync,
    Truncate(u64),
}

#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    /// What a power cut leaves.
    synced: Vec<u8>,
    ops: Vec<Op>,
    room: Option<usize>,
    sync_fails: VecDeque<bool>,
    truncate_fails: bool,
}

#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Disk>>);

impl Watched {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    fn with_first_line() -> Self {
        let (_, line) = Chain::start(STORE)
            .next(Entry::Generation { generation: 1 }, NOW, &signer())
            .unwrap();
        let watched = Self::default();
        watched.disk().bytes = line.clone().into_bytes();
        watched.disk().synced = line.into_bytes();
        watched
    }

    fn open(&self) -> Result<Opened, Error> {
        Ledger::open_on(
            Box::new(self.clone()),
            Path::new("watched"),
            STORE,
            signer(),
        )
    }
}

impl Medium for Watched {
    fn lock(&mut self) -> io::Result<()> {
        self.disk().ops.push(Op::Lock);
        Ok(())
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.disk().ops.push(Op::Unlock);
        Ok(())
    }
    fn read_from(&mut self, offset: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.disk().bytes.get(offset as usize..).map(<[u8]>::to_vec))
    }
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        let fits = disk
            .room
            .map_or(bytes.len(), |room| bytes.len().min(room - disk.bytes.len()));
        disk.ops.push(Op::Write(fits));
        disk.bytes.extend_from_slice(&bytes[..fits]);
        if fits == bytes.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk();
        disk.ops.push(Op::Sync);
        if disk.sync_fails.pop_front().unwrap_or(false) {
            return Err(io::Error::other("the disk is gone"));
        }
        disk.synced = disk.bytes.clone();
        Ok(())
    }
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.ops.push(Op::Truncate(len));
        if disk.truncate_fails {
            return Err(io::Error::other("the disk is gone"));
        }
        disk.bytes.truncate(len as usize);
        Ok(())
    }
}

#[test]
fn an_append_is_one_write_and_then_a_flush_before_it_returns() {
    let watched = Watched::with_first_line();
    let mut ledger = watched.open().unwrap().ledger;
    watched.disk().ops.clear();
    let record = ledger.append(revoke(1), NOW).unwrap();
    let len = record.line().unwrap().len() + 1;
    assert_eq!(
        watched.disk().ops,
        [Op::Lock, Op::Write(len), Op::Sync, Op::Unlock]
    );
    let disk = watched.disk();
    assert_eq!(
        disk.synced, disk.bytes,
        "what was acknowledged outlives a power cut"
    );
}

#[test]
fn a_full_disk_says_so_and_leaves_the_ledger_as_it_was() {
    let watched = Watched::with_first_line();
    let mut ledger = watched.open().unwrap().ledger;
    let before = watched.disk().bytes.clone();
    watched.disk().room = Some(before.len() + 100);
    let error = ledger.append(revoke(1), NOW).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert_eq!(watched.disk().bytes, before);
    assert_eq!(watched.disk().synced, before);
    watched.disk().room = None;
    assert_eq!(ledger.append(revoke(1), NOW).unwrap().n(), 2);
    assert_eq!(watched.open().unwrap().records.len(), 2);
}

#[test]
fn after_a_failed_flush_nothing_more_is_taken_until_the_file_is_read_anew() {
    let watched = Watched::with_first_line();
    let mut ledger = watched.open().unwrap().ledger;
    watched.disk().sync_fails = VecDeque::from([true]);
    assert!(matches!(
        ledger.append(revoke(1), NOW),
        Err(Error::Io { .. })
    ));
    assert!(matches!(ledger.append(revoke(2), NOW), Err(Error::Unsure)));
    assert!(matches!(ledger.replay(), Err(Error::Unsure)));
    let mut again = watched.open().unwrap().ledger;
    again.append(revoke(2), NOW).unwrap();
}

#[test]
fn a_write_that_can_not_even_be_undone_stops_the_ledger_and_is_cut_at_the_next_start() {
    let watched = Watched::with_first_line();
    let mut ledger = watched.open().unwrap().ledger;
    let before = watched.disk().bytes.clone();
    watched.disk().room = Some(before.len() + 100);
    watched.disk().truncate_fails = true;
    assert!(ledger.append(revoke(1), NOW).is_err());
    watched.disk().truncate_fails = false;
    watched.disk().room = None;
    assert!(matches!(ledger.append(revoke(1), NOW), Err(Error::Unsure)));
    let opened = watched.open().unwrap();
    assert_eq!(
        opened.cut,
        Some(Cut {
            line: 2,
            bytes: 100
        })
    );
    assert_eq!(watched.disk().bytes, before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_power_cut_at_any_byte_loses_no_acknowledged_entry(count in 0_u8..6, extra in 0_usize..600) {
        let watched = Watched::with_first_line();
        let mut ledger = watched.open().unwrap().ledger;
        for device in 0..count {
            ledger.append(revoke(device), NOW).unwrap();
        }
        let acknowledged = watched.disk().synced.clone();
        // One more is under way: any beginning of it may have reached the disk.
        let (_, line) = ledger.chain.next(revoke(99), NOW, &signer()).unwrap();
        let reached = extra.min(line.len());
        let after = Watched::default();
        after.disk().bytes = [&acknowledged[..], &line.as_bytes()[..reached]].concat();
        let opened = after.open().unwrap();
        let whole = usize::from(reached == line.len());
        prop_assert_eq!(opened.records.len(), 1 + usize::from(count) + whole);
        prop_assert_eq!(opened.cut.is_some(), reached > 0 && whole == 0);
    }

    #[test]
    fn any_flipped_bit_is_found(at in 0_usize..5000, bit in 0_u8..8) {
        let dir = tempfile::tempdir().unwrap();
        let path = filled(dir.path());
        let mut bytes = fs::read(&path).unwrap();
        let at = at % (bytes.len() - 1);
        bytes[at] ^= 1 << bit;
        let last = bytes[..bytes.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap();
        fs::write(&path, &bytes).unwrap();
        match open(&path) {
            Err(Error::LedgerLine { .. }) => {}
            // A zero in the last line reads as a block never written: cut, and reported.
            Ok(opened) => prop_assert!(opened.cut.is_some() && at > last && bytes[at] == 0),
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}

// ---- A real full disk -------------------------------------------------------------

/// Runs one of this binary's own ignored tests in `dir`, where no file may grow beyond
/// `blocks` × 512 bytes.
fn with_small_files(dir: &Path, blocks: u32, test: &str) {
    let out = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --ignored --exact {test}"
        ))
        .arg(std::env::current_exe().unwrap())
        .current_dir(dir)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn a_ledger_and_a_vault_survive_a_real_limit_on_file_size() {
    let dir = tempfile::tempdir().unwrap();
    let random = aws_lc_rs::rand::SystemRandom::new();
    let mut vault = crate::Vault::create(dir.path(), &random).unwrap();
    vault.ensure_key(crate::name::DB, &random).unwrap();
    let path = dir.path().join("ledger.jsonl");
    Ledger::create(&path, STORE, signer(), NOW).unwrap();
    let ledger_before = fs::read(&path).unwrap();
    let vault_before = fs::read(dir.path().join("keys/wrapped.json")).unwrap();
    with_small_files(
        dir.path(),
        1,
        "ledger::tests::child_that_finds_the_disk_full",
    );
    assert_eq!(fs::read(&path).unwrap(), ledger_before);
    assert_eq!(
        fs::read(dir.path().join("keys/wrapped.json")).unwrap(),
        vault_before
    );
    assert_eq!(
        fs::read_dir(dir.path().join("keys")).unwrap().count(),
        2,
        "no left-over"
    );
    open(&path).unwrap().ledger.append(revoke(1), NOW).unwrap();
    crate::Vault::open(dir.path())
        .unwrap()
        .key(crate::name::DB)
        .unwrap();
}

#[test]
#[ignore = "run by a_ledger_and_a_vault_survive_a_real_limit_on_file_size"]
fn child_that_finds_the_disk_full() {
    let here = Path::new(".");
    let random = aws_lc_rs::rand::SystemRandom::new();
    let mut ledger = open(&here.join("ledger.jsonl")).unwrap().ledger;
    let full = ledger.append(revoke(1), NOW).unwrap_err();
    assert!(matches!(full, Error::DiskFull { .. }), "{full:?}");
    let mut vault = crate::Vault::open(here).unwrap();
    let full = vault
        .put_secret(crate::name::CA_ROOT, &[1; 400], &random)
        .unwrap_err();
    assert!(matches!(full, Error::DiskFull { .. }), "{full:?}");
    assert!(
        vault.key(crate::name::CA_ROOT).is_err(),
        "what was not stored is not given"
    );
    vault.key(crate::name::DB).unwrap();
}
