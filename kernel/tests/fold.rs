//! The fold over what really arrives: streams of several devices, in any interleaving, some of it
//! twice, with retracts that come before or after what they cover.
//!
//! Two replicas get the same rows in different orders through the rules of every write
//! ([`Book`]); both have to fold to the same bytes, and to what a referee makes of the plain set.
//! `PROPTEST_CASES` sets how many histories are run.

use kernel::delta::{
    Answer, AnswerKind, Delta, Evidence, Observation, Outcome, Place, Retract, Scope, State,
};
use kernel::evidence::{fold, lines};
use kernel::ids::{DAY, HOUR, Hour, Index, Slug, StreamId};
use kernel::sync::memory::Memory;
use kernel::sync::{Book, Row, Rows};
use proptest::prelude::*;
use std::collections::BTreeMap;

const CONCEPTS: [&str; 4] = ["git-rebase", "go-select", "pg-transactions", "py-clocks"];
/// Midnight of a day in 2026, UTC.
const BEGAN: i64 = 20_500 * DAY;

/// One device's history: hours since [`BEGAN`], never going back, and what was recorded.
type Stream = Vec<(u16, What)>;

#[derive(Clone, Copy, Debug)]
enum What {
    Seen(u8),
    Answer(u8, Answer),
    Retract(Option<u8>),
}

fn what() -> impl Strategy<Value = What> {
    let answer =
        (any::<bool>(), 0..4_usize, any::<bool>()).prop_map(|(pass, kind, probe)| Answer {
            outcome: if pass { Outcome::Pass } else { Outcome::Fail },
            kind: [
                AnswerKind::Choice4,
                AnswerKind::Multi,
                AnswerKind::Order,
                AnswerKind::Typed,
            ][kind],
            probe,
        });
    let concept = 0..CONCEPTS.len() as u8;
    prop_oneof![
        3 => concept.clone().prop_map(What::Seen),
        8 => (concept.clone(), answer).prop_map(|(concept, answer)| What::Answer(concept, answer)),
        1 => proptest::option::of(concept).prop_map(What::Retract),
    ]
}

fn streams() -> impl Strategy<Value = Vec<Stream>> {
    let stream = proptest::collection::vec((0..90_u16, what()), 0..25).prop_map(|steps| {
        let mut hour = 0;
        let later = |(step, what)| {
            hour += step;
            (hour, what)
        };
        steps.into_iter().map(later).collect::<Stream>()
    });
    proptest::collection::vec(stream, 1..4)
}

fn slug(at: u8) -> Slug {
    Slug::new(CONCEPTS[usize::from(at)]).expect("a slug")
}

fn rows(streams: &[Stream]) -> Vec<Vec<Row>> {
    let row = |device: usize, at: usize, (hour, what): &(u16, What)| {
        let mut id = [0; 16];
        id[0] = u8::try_from(device + 1).expect("a few devices");
        let at_hour = Hour::floor(BEGAN + i64::from(*hour) * HOUR);
        let evidence = |concept, observed| {
            Delta::Evidence(Evidence {
                concept: slug(concept),
                observed,
                // What the client saw is never folded.
                from: State::Unknown,
                to: State::Seen,
                at: at_hour,
            })
        };
        let delta = match *what {
            What::Seen(concept) => evidence(concept, Observation::Seen),
            What::Answer(concept, answer) => evidence(concept, Observation::Answer(answer)),
            What::Retract(concept) => Delta::Retract(Retract {
                scope: concept.map_or(Scope::All, |concept| Scope::Concept(slug(concept))),
                at: at_hour,
            }),
        };
        Row {
            stream: StreamId::from_bytes(id),
            index: at as Index + 1,
            delta,
        }
    };
    let device = |(device, stream): (usize, &Stream)| {
        let rows = stream.iter().enumerate();
        rows.map(|(at, step)| row(device, at, step)).collect()
    };
    streams.iter().enumerate().map(device).collect()
}

/// Delivers every row to a new replica: each stream in its own order, which stream comes next by
/// `turns`, and every row whose bit is set a second time.
fn replica(streams: &[Vec<Row>], turns: &[u8], twice: u64) -> Memory {
    let mut memory = Memory::default();
    let mut next = vec![0; streams.len()];
    let mut turns = turns.iter().cycle();
    while next
        .iter()
        .zip(streams)
        .any(|(next, rows)| *next < rows.len())
    {
        let open: Vec<usize> = (0..streams.len())
            .filter(|s| next[*s] < streams[*s].len())
            .collect();
        let stream = open[usize::from(*turns.next().expect("a cycle")) % open.len()];
        let row = &streams[stream][next[stream]];
        next[stream] += 1;
        let times = 1 + (twice >> (row.index % 64) & 1);
        for _ in 0..times {
            let mut book = Book::open(&mut memory).expect("memory does not fail");
            book.put(row.stream, row.index, &Place::Held(row.delta.clone()))
                .expect("memory does not fail");
            book.settle().expect("memory does not fail");
        }
    }
    memory
}

fn bytes(rows: impl IntoIterator<Item = Row>) -> String {
    serde_json::to_string(&lines(&fold(rows, |slug| slug))).expect("lines are JSON")
}

/// The graph as `protocol.md`, "States", tells it in words, over the plain set of rows.
fn referee(all: &[Row]) -> BTreeMap<Slug, (State, u32, u32)> {
    let forgotten = |evidence: &Evidence| {
        all.iter().any(|row| match &row.delta {
            Delta::Retract(Retract {
                scope: Scope::All,
                at,
            }) => evidence.at <= *at,
            Delta::Retract(Retract {
                scope: Scope::Concept(one),
                at,
            }) => evidence.concept == *one && evidence.at <= *at,
            _ => false,
        })
    };
    let mut kept: Vec<(&Row, &Evidence)> = all
        .iter()
        .filter_map(|row| match &row.delta {
            Delta::Evidence(evidence) => Some((row, evidence)),
            _ => None,
        })
        .filter(|(_, evidence)| !forgotten(evidence))
        .collect();
    kept.sort_by_key(|(row, evidence)| (evidence.at, row.stream, row.index));
    let mut graph = BTreeMap::<Slug, (State, u32, u32)>::new();
    let mut counted = BTreeMap::<Slug, Vec<(i64, bool)>>::new();
    let mut since = BTreeMap::<Slug, i64>::new();
    for (_, evidence) in kept {
        let (state, seen, answers) = graph.entry(evidence.concept.clone()).or_default();
        let Observation::Answer(answer) = evidence.observed else {
            *seen += 1;
            if *state == State::Unknown {
                *state = State::Seen;
            }
            continue;
        };
        let before = counted.entry(evidence.concept.clone()).or_default();
        let at = evidence.at.unix();
        if before.last().is_some_and(|(last, _)| at - last < 20 * HOUR) {
            continue;
        }
        let passed = answer.outcome == Outcome::Pass;
        let passed_before = before.last().is_some_and(|(_, passed)| *passed);
        let sure = answer.kind != AnswerKind::Choice4;
        let was = *state;
        *state = match (passed, was) {
            (false, State::Unknown | State::Seen | State::Learning) => State::Learning,
            (false, _) => State::Lapsed,
            (true, State::Retained) => State::Retained,
            (true, State::Demonstrated) if at - since[&evidence.concept] >= 21 * DAY => {
                State::Retained
            }
            (true, State::Demonstrated) => State::Demonstrated,
            (true, State::Learning) if passed_before || sure => State::Demonstrated,
            (true, _) if sure => State::Demonstrated,
            (true, _) => State::Learning,
        };
        let shown = |state| matches!(state, State::Demonstrated | State::Retained);
        if shown(*state) && !shown(was) {
            since.insert(evidence.concept.clone(), at);
        }
        before.push((at, passed));
        *answers += 1;
    }
    graph
}

proptest! {
    #[test]
    fn however_rows_arrive_every_replica_folds_to_the_same_bytes(
        streams in streams(),
        here in proptest::collection::vec(any::<u8>(), 1..40),
        there in proptest::collection::vec(any::<u8>(), 1..40),
        twice in any::<u64>(),
    ) {
        let streams = rows(&streams);
        let mut one = replica(&streams, &here, 0);
        let mut other = replica(&streams, &there, twice);
        let (held, others) = (one.all().expect("memory"), other.all().expect("memory"));
        prop_assert_eq!(&one.heads, &other.heads, "heads and sums");
        let folded = bytes(held.iter().cloned());
        prop_assert_eq!(&folded, &bytes(others.into_iter().rev()), "in the opposite order");
        prop_assert_eq!(&folded, &bytes(held.iter().chain(&held).cloned()), "each row twice");

        let all: Vec<Row> = streams.concat();
        let wanted: Vec<_> = referee(&all).into_iter().collect();
        let found: Vec<_> = lines(&fold(held, |slug| slug))
            .into_iter()
            .map(|line| (line.concept, (line.state, line.seen, line.answers)))
            .collect();
        prop_assert_eq!(found, wanted, "as the table of states has it");
    }
}
