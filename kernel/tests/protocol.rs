//! The sync protocol as a pure model: laptops and a server of the very functions that the product
//! runs, through crashes, duplicates, late deliveries, clones, restores, broken clocks, deletions,
//! and catalogues that differ.
//!
//! After each schedule everybody syncs in peace. Then nothing may be lost, nothing counted twice,
//! and every replica folds to the same bytes. `PROPTEST_CASES` sets how many schedules are run.

use kernel::delta::{Answer, AnswerKind, Delta, Observation, Outcome, Scope, State};
use kernel::evidence::{fold, lines};
use kernel::ids::{DAY, HOUR, Slug, StoreId, StreamId};
use kernel::sync::memory::Memory;
use kernel::sync::server::{self, Contact};
use kernel::sync::{Rows, client, hash};
use kernel::wire::v1::{Push, PushReply, Sum};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Op {
    Record {
        laptop: usize,
        what: u8,
        concept: u8,
    },
    Retract {
        laptop: usize,
        concept: u8,
    },
    Sync {
        laptop: usize,
        dies_after: Option<u8>,
    },
    Redeliver {
        push: usize,
    },
    CloneLaptop {
        laptop: usize,
    },
    BackUpLaptop {
        laptop: usize,
    },
    RestoreLaptop {
        laptop: usize,
        backup: usize,
    },
    BackUpServer,
    RestoreServer {
        backup: usize,
    },
    Skew {
        laptop: usize,
        seconds: i64,
    },
    UpgradeServer,
    UpgradeLaptop {
        laptop: usize,
    },
    Wait {
        seconds: i64,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let l = 0..8usize;
    let skews = vec![0, 2 * HOUR, -2 * HOUR, 30 * DAY, 400 * DAY, -400 * DAY];
    let waits = vec![HOUR / 2, 5 * HOUR, DAY, 9 * DAY];
    prop_oneof![
        14 => (l.clone(), 0..4u8, 0..6u8)
            .prop_map(|(laptop, what, concept)| Op::Record { laptop, what, concept }),
        1 => (l.clone(), 0..6u8).prop_map(|(laptop, concept)| Op::Retract { laptop, concept }),
        10 => (l.clone(), proptest::option::weighted(0.6, 0..9u8))
            .prop_map(|(laptop, dies_after)| Op::Sync { laptop, dies_after }),
        2 => (0..1000usize).prop_map(|push| Op::Redeliver { push }),
        3 => l.clone().prop_map(|laptop| Op::CloneLaptop { laptop }),
        2 => l.clone().prop_map(|laptop| Op::BackUpLaptop { laptop }),
        1 => (l.clone(), 0..9usize)
            .prop_map(|(laptop, backup)| Op::RestoreLaptop { laptop, backup }),
        2 => Just(Op::BackUpServer),
        2 => (0..9usize).prop_map(|backup| Op::RestoreServer { backup }),
        1 => (l.clone(), prop::sample::select(skews))
            .prop_map(|(laptop, seconds)| Op::Skew { laptop, seconds }),
        1 => Just(Op::UpgradeServer),
        1 => l.prop_map(|laptop| Op::UpgradeLaptop { laptop }),
        6 => prop::sample::select(waits).prop_map(|seconds| Op::Wait { seconds }),
    ]
}

#[derive(Clone)]
struct Laptop {
    rows: Memory,
    skew: i64,
    catalogue: u32,
}

struct World {
    now: i64,
    server: Memory,
    generation: u64,
    catalogue: u32,
    laptops: Vec<Laptop>,
    laptop_backups: Vec<Laptop>,
    server_backups: Vec<Memory>,
    sent: Vec<Push>,
    drawn: u64,
    recorded: u32,
    /// The true time at which each concept was last recorded.
    recorded_at: BTreeMap<Slug, i64>,
    /// Scope and hour of every retract, as it was recorded.
    retracts: Vec<(Scope, i64)>,
}

/// `e-<number>-v<catalogue>` is in catalogues from that version on; `bad-…` is in none.
fn knows(catalogue: u32, slug: &Slug) -> bool {
    slug.as_str()
        .rsplit_once("-v")
        .is_some_and(|(name, version)| {
            !name.starts_with("bad")
                && version
                    .parse::<u32>()
                    .is_ok_and(|version| version <= catalogue)
        })
}

fn fresh(drawn: &mut u64) -> StreamId {
    *drawn += 1;
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..].copy_from_slice(&drawn.to_be_bytes());
    StreamId::new(bytes)
}

impl World {
    fn new() -> Self {
        let laptop = Laptop {
            rows: Memory::default(),
            skew: 0,
            catalogue: 1,
        };
        Self {
            now: 1_000_000_000,
            server: Memory::default(),
            generation: 1,
            catalogue: 1,
            laptops: vec![laptop],
            laptop_backups: Vec::new(),
            server_backups: Vec::new(),
            sent: Vec::new(),
            drawn: 0,
            recorded: 0,
            recorded_at: BTreeMap::new(),
            retracts: Vec::new(),
        }
    }

    fn apply(&mut self, op: &Op) {
        let count = self.laptops.len();
        match *op {
            Op::Record {
                laptop,
                what,
                concept,
            } => self.record(laptop % count, what, concept),
            Op::Retract { laptop, concept } => self.retract(laptop % count, concept),
            Op::Sync { laptop, dies_after } => {
                self.sync(laptop % count, dies_after);
            }
            Op::Redeliver { push } if !self.sent.is_empty() => {
                let push = self.sent[push % self.sent.len()].clone();
                let _late = self.serve_push(&push);
            }
            Op::CloneLaptop { laptop } if count < 6 => {
                let copy = self.laptops[laptop % count].clone();
                self.laptops.push(copy);
            }
            Op::BackUpLaptop { laptop } => {
                let copy = self.laptops[laptop % count].clone();
                self.laptop_backups.push(copy);
            }
            Op::RestoreLaptop { laptop, backup } if !self.laptop_backups.is_empty() => {
                let backup = backup % self.laptop_backups.len();
                self.laptops[laptop % count] = self.laptop_backups[backup].clone();
            }
            Op::BackUpServer => self.server_backups.push(self.server.clone()),
            Op::RestoreServer { backup } if !self.server_backups.is_empty() => {
                self.server = self.server_backups[backup % self.server_backups.len()].clone();
                self.generation += 1;
            }
            Op::Skew { laptop, seconds } => self.laptops[laptop % count].skew = seconds,
            Op::UpgradeServer => self.catalogue = (self.catalogue + 1).min(4),
            Op::UpgradeLaptop { laptop } => {
                let laptop = &mut self.laptops[laptop % count];
                laptop.catalogue = (laptop.catalogue + 1).min(4);
            }
            Op::Wait { seconds } => self.now += seconds,
            _ => {}
        }
    }

    fn record(&mut self, at: usize, what: u8, concept: u8) {
        self.recorded += 1;
        let (number, laptop) = (self.recorded, &mut self.laptops[at]);
        // Most concepts are one of a kind, so that each piece of evidence can be told apart; some
        // are shared, so that folds have something to do.
        let slug = match concept {
            0 => "shared-v1".to_owned(),
            1 => format!("bad-{number}-v1"),
            2 => format!("e-{number}-v{}", laptop.catalogue),
            _ => format!("e-{number}-v1"),
        };
        let outcome = if what == 1 {
            Outcome::Fail
        } else {
            Outcome::Pass
        };
        let kind = if what == 2 {
            AnswerKind::Typed
        } else {
            AnswerKind::Choice4
        };
        let observed = match what {
            0 => Observation::Seen,
            _ => Observation::Answer(Answer {
                outcome,
                kind,
                probe: what == 3,
            }),
        };
        let (clock, drawn) = (self.now + laptop.skew, &mut self.drawn);
        let what = (Slug::new(slug).unwrap(), observed);
        self.recorded_at.insert(what.0.clone(), self.now);
        let states = (State::Unknown, State::Seen);
        let Ok(()) = client::record(&mut laptop.rows, clock, || fresh(drawn), what, states);
    }

    fn retract(&mut self, at: usize, concept: u8) {
        let laptop = &mut self.laptops[at];
        let scope = match concept {
            0 => Scope::All,
            1 => Scope::Concept(Slug::new("shared-v1").unwrap()),
            _ => {
                let known: BTreeSet<_> = laptop
                    .rows
                    .deltas
                    .values()
                    .filter_map(Delta::concept)
                    .collect();
                let Some(slug) = known.iter().nth(usize::from(concept)) else {
                    return;
                };
                Scope::Concept(slug.clone())
            }
        };
        let (clock, drawn) = (self.now + laptop.skew, &mut self.drawn);
        let Ok(()) = client::retract(&mut laptop.rows, clock, || fresh(drawn), scope.clone());
        let latest = laptop.rows.deltas.values().filter_map(Delta::at).max();
        let hour = latest.map_or(0, |hour| hour.unix());
        self.retracts
            .push((scope, hour.max(clock + laptop.rows.offset)));
    }

    fn with_contact<T>(&mut self, f: impl FnOnce(&mut Memory, &Contact<'_>) -> T) -> T {
        let catalogue = self.catalogue;
        let contact = Contact {
            store: StoreId::from_bytes([7; 16]),
            generation: self.generation,
            now: self.now,
            catalogue,
            poll_s: 3600,
            knows: &|slug| knows(catalogue, slug),
        };
        f(&mut self.server, &contact)
    }

    fn serve_push(&mut self, push: &Push) -> Result<PushReply, server::Refused> {
        // Through JSON, as on the wire.
        let push: Push = serde_json::from_str(&serde_json::to_string(push).unwrap()).unwrap();
        server::check(&push).unwrap();
        let before = self.server.clone();
        let Ok(reply) = self.with_contact(|rows, contact| server::push(rows, contact, &push));
        if reply.is_err() {
            assert_eq!(
                before.deltas, self.server.deltas,
                "a refused push wrote something"
            );
            assert_eq!(
                before.heads, self.server.heads,
                "a refused push wrote something"
            );
        }
        reply
    }

    /// `dies_after` so many half steps (a request leaves, a reply arrives); whether it got to its end.
    fn sync(&mut self, at: usize, dies_after: Option<u8>) -> bool {
        let mut left = dies_after.map_or(u32::MAX, u32::from);
        let mut dies = || {
            left = left.saturating_sub(1);
            left == 0
        };
        let mut laptop = self.laptops[at].clone();
        let mut session = client::Session::new(laptop.catalogue);
        let done = loop {
            let Ok(step) = session.next(&mut laptop.rows);
            if dies() {
                break false;
            }
            match step {
                client::Step::Pull(mut pull) => {
                    pull.limit = 3;
                    let Ok(reply) =
                        self.with_contact(|rows, contact| server::pull(rows, contact, &pull));
                    if dies() {
                        break false;
                    }
                    let reply =
                        serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap();
                    let Ok(()) = session.pulled(&mut laptop.rows, self.now + laptop.skew, reply);
                }
                client::Step::Push(push) => {
                    self.sent.push(push.clone());
                    let reply = self.serve_push(&push);
                    if dies() {
                        break false;
                    }
                    match reply {
                        Ok(reply) => {
                            let Ok(()) = session.pushed(&mut laptop.rows, &push, &reply);
                        }
                        Err(refused) => session.refused(&push, refused.why),
                    }
                }
                client::Step::Done => break true,
                client::Step::GaveUp => break false,
            }
        };
        self.laptops[at] = laptop;
        done
    }
}

fn folded(rows: &mut Memory) -> String {
    let Ok(all) = rows.all();
    serde_json::to_string(&lines(&fold(all, |slug| slug))).unwrap()
}

fn run(ops: &[Op]) {
    let mut world = World::new();
    for op in ops {
        world.apply(op);
    }

    // What the living still hold at the end of the troubles must be there at the end of peace.
    let mut wanted = BTreeMap::<Slug, i64>::new();
    let replicas = world
        .laptops
        .iter()
        .map(|laptop| &laptop.rows)
        .chain([&world.server]);
    for rows in replicas {
        let aside = rows.aside.iter().map(|aside| &aside.delta);
        for delta in rows.deltas.values().chain(aside) {
            if let (Some(slug), Some(at)) = (delta.concept(), delta.at()) {
                // What a wrong clock put into the future is mended to an hour since it was recorded.
                let at = world
                    .recorded_at
                    .get(&slug)
                    .map_or(at.unix(), |then| at.unix().min(*then));
                let earliest = wanted.entry(slug).or_insert(at);
                *earliest = at.min(*earliest);
            }
        }
    }

    world.catalogue = 4;
    for round in 0..4 {
        for at in 0..world.laptops.len() {
            assert!(world.sync(at, None), "laptop {at} gave up in round {round}");
        }
    }

    let server_fold = folded(&mut world.server);
    for (at, laptop) in world.laptops.iter_mut().enumerate() {
        assert_eq!(
            laptop.rows.deltas, world.server.deltas,
            "laptop {at} holds other rows"
        );
        assert_eq!(
            laptop.rows.heads, world.server.heads,
            "laptop {at} has other heads"
        );
        assert_eq!(
            folded(&mut laptop.rows),
            server_fold,
            "laptop {at} folds to other bytes"
        );
    }
    for (stream, head) in &world.server.heads {
        let rows = world
            .server
            .deltas
            .range((*stream, 0)..=(*stream, u64::MAX));
        let sum = rows.fold(0u64, |sum, ((_, i), d)| {
            sum.wrapping_add(hash(*stream, *i, d))
        });
        assert_eq!(head.sum, Sum(sum), "sum of {stream}");
    }

    let mut counts = BTreeMap::<Slug, usize>::new();
    for slug in world.server.deltas.values().filter_map(Delta::concept) {
        *counts.entry(slug).or_default() += 1;
    }
    for (slug, earliest) in wanted
        .iter()
        .filter(|(s, _)| !s.as_str().starts_with("shared"))
    {
        let found = counts.get(slug).copied().unwrap_or(0);
        if slug.as_str().starts_with("bad") {
            assert_eq!(found, 0, "{slug} is in no catalogue");
            continue;
        }
        assert!(found <= 1, "{slug} is counted {found} times");
        let forgotten = world
            .retracts
            .iter()
            .any(|(scope, at)| scope.names(slug) && at + HOUR > *earliest);
        assert!(found == 1 || forgotten, "{slug} is lost");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_or_counted_twice_and_all_fold_alike(
        ops in prop::collection::vec(op(), 10..140),
    ) {
        run(&ops);
    }
}
