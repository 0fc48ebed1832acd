//! What was recorded while this machine's clock ran ahead, dated so that it holds nothing back.
//!
//! A clock that stood a year ahead leaves evidence, checks and dates of a year to come. Taken as they
//! are, no answer on those concepts would count for a year, and nothing of them would be asked. A sync
//! mends the evidence (`protocol.md`, "One time"); until then, and for good where there is no
//! appliance, whoever decides reads each at the last date before it that can be true.
//!
//! Invariant: nothing is changed in the store. A clock that is set right again, forwards, finds all as
//! it was; and the graph that is shown and synced is folded from what is stored, by no clock at all.

use crate::store::Ask;
use kernel::asking::{CLAIM_QUIET_S, Claim};
use kernel::delta::Delta;
use kernel::ids::{DAY, Hour, StreamId};
use kernel::memory::PROBE_DAYS;
use kernel::sync::Row;
use std::collections::BTreeMap;

/// Further ahead than this, in seconds, nothing can be that was dated by a right clock: a corrected
/// offset to the appliance, or a time zone taken for another one, are less.
const AHEAD_S: i64 = DAY;

const fn is_ahead(at: i64, now: i64) -> bool {
    at > now.saturating_add(AHEAD_S)
}

/// Dates evidence that lies ahead of `now` (shared time, in seconds) at the last hour before it in its
/// stream that does not; where there is none, at the stroke of `began`, when this graph began.
pub(super) fn rows(mut rows: Vec<Row>, now: i64, began: i64) -> Vec<Row> {
    if !rows.iter().any(|row| lies_ahead(row, now)) {
        return rows;
    }
    rows.sort_by_key(|row| (row.stream, row.index));
    let floor = Hour::floor(began.min(now));
    let mut sure = BTreeMap::<StreamId, Hour>::new();
    for row in &mut rows {
        let ahead = lies_ahead(row, now);
        let Delta::Evidence(evidence) = &mut row.delta else {
            continue;
        };
        if ahead {
            evidence.at = sure.get(&row.stream).copied().unwrap_or(floor);
        } else {
            sure.insert(row.stream, evidence.at);
        }
    }
    rows
}

fn lies_ahead(row: &Row, now: i64) -> bool {
    matches!(&row.delta, Delta::Evidence(evidence) if is_ahead(evidence.at.unix(), now))
}

/// The same for checks, the oldest first; where none lies before, at `floor`.
pub(super) fn asks(asks: &mut [Ask], now: i64, floor: i64) {
    let mut sure = floor;
    for ask in asks {
        if is_ahead(ask.at, now) {
            ask.at = sure;
        } else {
            sure = ask.at;
        }
        let at = ask.at;
        ask.answered = ask
            .answered
            .map(|end| if is_ahead(end, now) { at } else { end });
    }
}

/// Whether a probe's day can have been drawn by now.
pub(super) const fn is_probe(due: i64, now: i64) -> bool {
    !is_ahead(due - PROBE_DAYS.1 as i64 * DAY, now)
}

/// Whether a claim can have come to where it stands by now.
pub(super) fn is_claim(claim: &Claim, now: i64) -> bool {
    let of = |until: Option<i64>, lasts: i64| until.is_none_or(|at| !is_ahead(at - lasts, now));
    !is_ahead(claim.at(), now) && of(claim.due_at(), DAY) && of(claim.quiet_until(), CLAIM_QUIET_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Now, Table};
    use crate::quiz::{self, Answer};
    use crate::store::Store;
    use crate::world::World;
    use crate::world::still::Still;
    use kernel::asking::Reach;
    use kernel::delta::{Evidence, Observation, State};
    use kernel::evidence::Pair;
    use kernel::ids::{HOUR, Slug};

    /// 2026-11-24T10:00:00Z.
    const NOW: i64 = 1_795_514_400;
    const YEAR: i64 = 365 * DAY;
    const CONCEPT: &str = "pg-advisory-locks";

    fn row(stream: u8, index: u64, at: i64) -> Row {
        Row {
            stream: StreamId::new([stream; 16]),
            index,
            delta: Delta::Evidence(Evidence {
                concept: Slug::new(CONCEPT).unwrap(),
                observed: Observation::Seen,
                from: State::Unknown,
                to: State::Seen,
                at: Hour::floor(at),
            }),
        }
    }

    #[test]
    fn evidence_ahead_is_read_at_the_last_hour_before_it_that_can_be_true() {
        let given = vec![
            row(2, 1, NOW + YEAR),
            row(1, 3, NOW + YEAR + HOUR),
            row(1, 2, NOW + YEAR),
            row(1, 1, NOW - 9 * DAY),
            row(3, 1, NOW + HOUR),
        ];
        let read = rows(given.clone(), NOW, NOW - 20 * DAY);
        let before = NOW - 9 * DAY;
        assert_eq!(
            read,
            [
                row(1, 1, before),
                row(1, 2, before),
                row(1, 3, before),
                row(2, 1, NOW - 20 * DAY),
                row(3, 1, NOW + HOUR),
            ]
        );
        // By a clock that is right again all of it is as it was.
        assert_eq!(rows(given.clone(), NOW + YEAR, NOW), given);
    }

    fn answered(store: &mut Store, world: &Still) -> quiz::Settled {
        store
            .write(|txn| {
                let check = quiz::check(world, txn, Some(CONCEPT))?;
                let key = check.ask.item.key().unwrap();
                quiz::settle(world, txn, &check.ask, Answer::Option(key))
            })
            .unwrap()
    }

    #[test]
    fn a_clock_that_stood_a_year_ahead_holds_no_concept_back_for_a_year() {
        let mut store = Store::in_memory();
        let world = Still::at(NOW);
        store.write(|txn| txn.began(NOW)).unwrap();
        assert!(answered(&mut store, &world).counts);
        world.now.set(NOW + YEAR);
        assert!(answered(&mut store, &world).counts);
        let concept = Slug::new(CONCEPT).unwrap();
        store
            .write(|txn| {
                txn.set_probe(&concept, Some(NOW + YEAR + 30 * DAY))?;
                let claim = Claim::new(NOW + YEAR);
                txn.set_claim(&concept, claim.at(), &claim)
            })
            .unwrap();
        // And back, two days on.
        world.now.set(NOW + 2 * DAY);
        let table = |store: &mut Store| {
            store
                .write(|txn| {
                    let now = Now::at(txn, world.now())?;
                    Table::read(&world, txn, now)
                })
                .unwrap()
        };
        let desk = table(&mut store);
        let found = desk.candidates(Reach::Met);
        let found = found.iter().find(|found| found.concept == concept);
        let not_before = found.expect("it is one of those that were met").not_before;
        assert!(
            not_before.is_none_or(|at| at < NOW + 60 * DAY),
            "{not_before:?}"
        );
        assert!(desk.claims.is_empty());
        let settled = answered(&mut store, &world);
        assert!(
            settled.counts && settled.next < NOW + 200 * DAY,
            "{settled:?}"
        );
        // It is dated by the clock of now, in a stream that does not lie ahead.
        let last = |store: &mut Store| {
            let rows = store.read(|txn| kernel::sync::Rows::all(txn)).unwrap();
            let at = |row: &Row| row.delta.at().map(Hour::unix);
            let right: Vec<_> = rows
                .iter()
                .filter_map(at)
                .filter(|at| *at < NOW + YEAR)
                .collect();
            (rows.len(), right.into_iter().max())
        };
        assert_eq!(last(&mut store), (3, Some(NOW + 2 * DAY)));
        // A day later the next one counts too: nothing slides along with the clock.
        world.now.set(NOW + 3 * DAY);
        assert!(answered(&mut store, &world).counts);
        let desk = table(&mut store);
        let last = desk
            .pairs
            .get(&concept)
            .and_then(Pair::last_answer)
            .unwrap();
        assert_eq!(last.at.unix(), NOW + 3 * DAY);
    }
}
