//! Weeks at a desk, drawn at random: several windows, turns that end well or not at all, commits,
//! failing tests, approvals, nights, clocks that jump, time zones, answers, dismissals, wishes.

use super::referee::{self, Foul};
use super::world::{End, Policy, World};
use kernel::asking::{Decision, Event, QuietHours, Settings, Wait};
use kernel::catalogue::Catalogue;
use kernel::ids::{DAY, HOUR, Slug};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// 2025-06-18, a Wednesday, 8:00 UTC.
pub const START: i64 = 1_750_233_600;

#[derive(Clone, Debug)]
pub enum Op {
    /// Events of one window, so many seconds apart.
    Tell {
        session: u64,
        events: Vec<Event>,
        apart: i64,
    },
    /// Time goes by, in minutes.
    Wait(i64),
    /// The next morning, so many minutes after 7:00 of the local day.
    Morning(i64),
    /// A holiday, in days.
    Away(i64),
    /// The machine's clock is set, in seconds.
    Jump(i64),
    /// Another time zone, in hours.
    Zone(i32),
    /// A concept turns up.
    Meet(usize),
    /// The open check ends.
    End(End),
    /// A check is asked for, on any concept or on one.
    Request(Option<usize>),
    Mute(usize, bool),
    Claim(usize),
    /// All that was done with a concept is to be forgotten.
    Forget(usize),
    /// Asking is switched off or on.
    Switch(bool),
}

/// Some event by itself.
fn event() -> impl Strategy<Value = Event> {
    prop::sample::select(vec![
        Event::TurnBegan,
        Event::Edit,
        Event::Edit,
        Event::TestRun { passed: true },
        Event::TestRun { passed: false },
        Event::TestRun { passed: false },
        Event::ApprovalAsked,
        Event::ApprovalAsked,
        Event::ApprovalAnswered,
        Event::Commit,
        Event::TurnEnded,
        Event::TurnInterrupted,
        Event::Stopped,
        Event::SessionEnded,
        Event::DayStart,
    ])
}

/// A turn as they mostly go.
fn turn() -> impl Strategy<Value = Vec<Event>> {
    let approval = prop_oneof![
        6 => Just(vec![]),
        2 => Just(vec![Event::ApprovalAsked, Event::ApprovalAnswered]),
        1 => Just(vec![Event::ApprovalAsked]),
        1 => Just(vec![Event::ApprovalAsked, Event::Stopped]),
    ];
    let tests = prop_oneof![
        4 => Just(vec![Event::TestRun { passed: true }]),
        2 => Just(vec![]),
        1 => Just(vec![Event::TestRun { passed: false }]),
        1 => Just(vec![Event::TestRun { passed: false }, Event::Edit, Event::TestRun { passed: false }]),
        1 => Just(vec![Event::TestRun { passed: false }, Event::Edit, Event::TestRun { passed: true }]),
    ];
    let commit = prop_oneof![2 => Just(vec![]), 1 => Just(vec![Event::Commit])];
    let end = prop_oneof![
        8 => Just(vec![Event::TurnEnded]),
        1 => Just(vec![Event::TurnInterrupted]),
        1 => Just(vec![Event::TurnInterrupted, Event::TurnEnded]),
        1 => Just(vec![Event::TurnEnded, Event::SessionEnded]),
        1 => Just(vec![]),
    ];
    (approval, tests, commit, end).prop_map(|(approval, tests, commit, end)| {
        [
            vec![Event::TurnBegan, Event::Edit],
            approval,
            tests,
            commit,
            end,
        ]
        .concat()
    })
}

fn op() -> impl Strategy<Value = Op> {
    let session = prop::sample::select(vec![1u64, 1, 1, 2, 3]);
    let apart = prop::sample::select(vec![5i64, 20, 60, 400]);
    let tell = |events: BoxedStrategy<Vec<Event>>| {
        (session.clone(), events, apart.clone()).prop_map(|(session, events, apart)| Op::Tell {
            session,
            events,
            apart,
        })
    };
    let ends = vec![
        End::Right,
        End::Right,
        End::Wrong,
        End::Unsure,
        End::Later,
        End::Dismiss,
        End::Dismiss,
    ];
    let jumps = vec![
        -2 * HOUR,
        -HOUR / 2,
        3 * HOUR,
        -3 * DAY,
        2 * DAY,
        -40 * DAY,
        40 * DAY,
    ];
    prop_oneof![
        30 => tell(turn().boxed()),
        12 => tell(Just(vec![Event::Edit, Event::Commit]).boxed()),
        10 => tell(prop::collection::vec(event(), 1..4).boxed()),
        24 => (1i64..100).prop_map(Op::Wait),
        16 => (0i64..300).prop_map(Op::Morning),
        16 => (0usize..14).prop_map(Op::Meet),
        30 => prop::sample::select(ends).prop_map(Op::End),
        2 => (5i64..30).prop_map(Op::Away),
        1 => prop::sample::select(jumps).prop_map(Op::Jump),
        1 => (-11i32..13).prop_map(Op::Zone),
        2 => proptest::option::of(0usize..14).prop_map(Op::Request),
        2 => (0usize..MUTES.len(), any::<bool>()).prop_map(|(n, on)| Op::Mute(n, on)),
        2 => (0usize..14).prop_map(Op::Claim),
        3 => (0usize..14).prop_map(Op::Forget),
        1 => prop::sample::select(vec![true, true, false]).prop_map(Op::Switch),
    ]
}

const MUTES: [&str; 5] = ["pg", "git-rebase", "py", "http", "web-sql-injection"];

/// One engineer's weeks.
#[derive(Clone, Debug)]
pub struct Trace {
    pub settings: Settings,
    /// Three of four right answers are wrong ones: somebody who guesses.
    pub guesses: bool,
    pub ops: Vec<Op>,
}

pub fn trace(ops: usize) -> impl Strategy<Value = Trace> {
    let quiet = prop_oneof![
        3 => Just(Settings::new(0).quiet),
        1 => Just(vec![]),
        1 => (0u16..1440, 0u16..1440).prop_map(|(from_minute, to_minute)| vec![
            QuietHours { from_minute: 720, to_minute: 780 },
            QuietHours { from_minute, to_minute },
        ]),
    ];
    let budget = prop_oneof![
        4 => Just((2, 8)),
        1 => (0u32..6, 0u32..30),
    ];
    let began = prop_oneof![2 => Just(-100 * DAY), 1 => Just(0), 1 => Just(-5 * DAY)];
    let guesses = prop::bool::weighted(0.25);
    let ops = prop::collection::vec(op(), ops / 2..ops);
    (quiet, budget, began, guesses, ops).prop_map(
        |(quiet, (per_day, per_week), began, guesses, ops)| Trace {
            settings: Settings {
                quiet,
                per_day,
                per_week,
                ..Settings::new(START + began)
            },
            guesses,
            ops,
        },
    )
}

/// What was decided, counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// By name: `ask: met_today`, `wait: mid_edit`.
    pub decisions: BTreeMap<String, u64>,
}

impl Tally {
    pub fn count(&mut self, decision: &Decision) {
        let name = match decision {
            Decision::Ask(choice) => {
                let reason = serde_json::to_string(&choice.reason).unwrap_or_default();
                format!("ask: {}", reason.trim_matches('"'))
            }
            Decision::Wait(wait) => format!("wait: {}", wait.name()),
        };
        *self.decisions.entry(name).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (name, n) in &other.decisions {
            *self.decisions.entry(name.clone()).or_default() += n;
        }
    }

    pub fn total(&self) -> u64 {
        self.decisions.values().sum()
    }

    pub fn asks(&self) -> u64 {
        let asks = self
            .decisions
            .iter()
            .filter(|(name, _)| name.starts_with("ask"));
        asks.map(|(_, n)| n).sum()
    }
}

/// Plays a trace under a policy; every decision goes before the referee.
pub fn play(trace: &Trace, policy: &dyn Policy) -> Result<Tally, Foul> {
    let catalogue = Catalogue::builtin();
    let concepts: Vec<Slug> = catalogue.askable().map(|c| c.slug.clone()).collect();
    let concept = |n: usize| &concepts[n % concepts.len()];
    let mut world = World::new(START, trace.settings.clone());
    world.many_probes = true;
    let mut tally = Tally::default();
    let mut rights = 0;
    for op in &trace.ops {
        match op {
            Op::Tell {
                session,
                events,
                apart,
            } => {
                for event in events {
                    world.pass(*apart);
                    world.tell(*session, *event);
                    decide(&mut world, policy, &mut tally)?;
                }
                continue;
            }
            Op::Wait(minutes) => world.pass(minutes * 60),
            Op::Away(days) => world.pass(days * DAY),
            Op::Morning(minutes) => {
                let offset = i64::from(world.utc_offset_s);
                let midnight = (world.shown + offset).div_euclid(DAY) * DAY - offset + DAY;
                let morning = midnight + 7 * HOUR + minutes * 60;
                world.pass(morning - world.shown);
                world.tell(1, Event::DayStart);
            }
            Op::Jump(seconds) => world.jump(*seconds),
            Op::Zone(hours) => world.utc_offset_s = hours * 3600,
            Op::Meet(n) => world.meet(concept(*n)),
            Op::End(end) => {
                rights += u32::from(*end == End::Right);
                let missed = trace.guesses && *end == End::Right && !rights.is_multiple_of(4);
                world.end(if missed { End::Wrong } else { *end });
            }
            Op::Request(n) => {
                world.request(catalogue, n.map(concept));
            }
            Op::Mute(n, on) => world.mute(MUTES[*n], *on),
            Op::Claim(n) => world.claim(concept(*n)),
            Op::Forget(n) => world.forget(concept(*n)),
            Op::Switch(on) => {
                world.settings.enabled = *on;
                if *on {
                    world.settings.turned_on_at = Some(world.shown);
                }
            }
        }
        decide(&mut world, policy, &mut tally)?;
    }
    Ok(tally)
}

fn decide(world: &mut World, policy: &dyn Policy, tally: &mut Tally) -> Result<(), Foul> {
    let decision = world.decide(policy, Catalogue::builtin());
    referee::judge(world, &decision)?;
    tally.count(&decision);
    match &decision {
        Decision::Ask(choice) if choice.sentence().is_empty() => Err(Foul("no sentence".into())),
        Decision::Wait(Wait::NoBreakpoint) | Decision::Ask(_) => Ok(()),
        Decision::Wait(wait) if wait.because().is_empty() => Err(Foul("no sentence".into())),
        Decision::Wait(_) => Ok(()),
    }
}
