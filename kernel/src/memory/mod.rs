//! The memory model: FSRS-6 on passes and fails, through the crate `fsrs` with its own default
//! parameters, replayed from counted answers. Nothing of it is stored or synced.
//!
//! FSRS was fitted to people who said themselves whether they knew. A choice of four is passed
//! without knowing in a quarter of the cases: a pass has the chance `g + (1 − g)·R`, where `g` is
//! the form's ([`AnswerKind::guess`]), and what a pass says is weighed by it ([`Memory`]).
//!
//! Still the model was fitted to flash cards. How far it is off in an organisation is measured by probes ([`probe_after`]) and taken out of the figures by
//! [`crate::aggregate::Calibration`]; the choice of the next check only needs its order.
//!
//! Units: chances from 0.0 to 1.0, stability in days, instants in seconds since 1970 UTC.
//! Source: FSRS-6 as the crate `fsrs` 6.6.2 computes it; `protocol.md`, "`retention_30d`".

mod candidate;

pub use candidate::{Known, candidate, candidate_of};

use crate::delta::{AnswerKind, Outcome, State};
use crate::evidence::{Counted, Pair};
use crate::ids::{DAY, Hour};
use fsrs::{FSRS, FSRS6_DEFAULT_DECAY, MemoryState};
use std::sync::LazyLock;

/// Chance, from 0.0 to 1.0, that somebody who never answered knows a concept that they meet. A
/// guess of ours; how far the model is off with it, probes tell.
const UNMET: f64 = 0.35;
/// Days in the promise that is measured: still known a month after.
pub const HORIZON_DAYS: f64 = 30.0;
/// Chance, from 0.0 to 1.0, that a counted pass makes the next ask a probe.
pub const PROBE_CHANCE: f64 = 0.1;
/// First and last day after the pass, both included, that a probe is drawn from, in days.
pub const PROBE_DAYS: (u32, u32) = (24, 40);

/// [`HORIZON_DAYS`] in seconds.
const MONTH_S: i64 = 30 * DAY;

static MODEL: LazyLock<Option<FSRS>> = LazyLock::new(|| FSRS::new(&[]).ok());

/// Where one memory stands after its last counted answer.
///
/// A pass was known, or it was luck; a fail was not known. What was not known is explained after
/// the answer, which FSRS calls "again". So a memory is two of FSRS's states, how likely each is,
/// and a later answer speaks for the one that foresaw it. Were every pass taken for knowledge, one
/// lucky click after a long pause would look like a memory of months.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    known: Likely,
    luck: Likely,
    last: Hour,
}

/// A state, and the chance that it is the right one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Likely {
    chance: f64,
    state: MemoryState,
}

impl Memory {
    /// Replays counted answers, oldest first; `None` without any.
    #[must_use]
    pub fn after(answers: &[Counted]) -> Option<Self> {
        let (first, rest) = answers.split_first()?;
        let (pass, fail) = Self::first(first.answer.kind, first.at)?;
        let either = |pass, fail, counted: &Counted| match counted.answer.outcome {
            Outcome::Pass => pass,
            Outcome::Fail => fail,
        };
        let begun = either(pass, fail, first);
        Some(rest.iter().fold(begun, |memory, counted| {
            let (pass, fail) = memory.answered(counted.answer.kind, counted.at);
            either(pass, fail, counted)
        }))
    }

    /// Days until the chance falls to 0.9; 0 if it is lower from the start.
    #[must_use]
    pub fn stability_days(&self) -> f64 {
        self.days_until(0.9, 0.0)
    }

    /// Chance, from 0.0 to 1.0, that it is still known at `at` (seconds since 1970 UTC). An `at`
    /// before the last counted answer counts as no time passed.
    #[must_use]
    pub fn retrievability(&self, at: i64) -> f64 {
        self.after_days(days(at - self.last.unix()))
    }

    /// The same, so many days after the last counted answer.
    #[must_use]
    pub fn after_days(&self, elapsed: f64) -> f64 {
        self.both()
            .map(|it| it.chance * retained(it.state, elapsed))
            .iter()
            .sum()
    }

    const fn both(&self) -> [Likely; 2] {
        [self.known, self.luck]
    }

    /// Memory after a pass and after a fail, one more answer in a form of this kind.
    fn answered(&self, kind: AnswerKind, at: Hour) -> (Self, Self) {
        let elapsed = days(at.unix() - self.last.unix()).round().max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole days, not negative"
        )]
        let whole = elapsed as u32;
        let (mut known, mut not) = (Blend::default(), Blend::default());
        for before in self.both() {
            let chance = retained(before.state, elapsed);
            // The chance that is asked for only sets intervals, which are not used.
            let next = MODEL
                .as_ref()
                .and_then(|model| model.next_states(Some(before.state), 0.9, whole).ok());
            let (good, again) = next.map_or((before.state, before.state), |next| {
                (next.good.memory, next.again.memory)
            });
            known.add(before.chance * chance, good);
            not.add(before.chance * (1.0 - chance), again);
        }
        Self::of(kind, known, not, at)
    }

    /// Memory after a very first answer in a form of this kind: passed, and failed.
    fn first(kind: AnswerKind, at: Hour) -> Option<(Self, Self)> {
        let next = MODEL.as_ref()?.next_states(None, 0.9, 0).ok()?;
        let (mut known, mut not) = (Blend::default(), Blend::default());
        known.add(UNMET, next.good.memory);
        not.add(1.0 - UNMET, next.again.memory);
        Some(Self::of(kind, known, not, at))
    }

    /// After a pass and after a fail of somebody who knew it or not, as likely as they weigh.
    fn of(kind: AnswerKind, known: Blend, not: Blend, last: Hour) -> (Self, Self) {
        let lucky = kind.guess() * not.weight;
        let luck = lucky / (lucky + known.weight).max(f64::MIN_POSITIVE);
        let (good, again) = (known.state(), not.state());
        let memory = |luck: f64| Self {
            known: Likely {
                chance: 1.0 - luck,
                state: good,
            },
            luck: Likely {
                chance: luck,
                state: again,
            },
            last,
        };
        (memory(luck), memory(1.0))
    }

    /// What asking at `now` (seconds since 1970 UTC) in a form of this kind would bring.
    #[must_use]
    pub fn outlook(&self, kind: AnswerKind, now: i64) -> Outlook {
        let then = now + MONTH_S;
        let (pass, fail) = self.answered(kind, Hour::floor(now));
        Outlook {
            p: pass_chance(kind, self.retrievability(now)),
            r30_pass: pass.retrievability(then),
            r30_fail: fail.retrievability(then),
            r30_none: self.retrievability(then),
        }
    }

    /// When the chance will have fallen to `chance` (0.0 to 1.0), in seconds since 1970 UTC; never
    /// before the next whole day, never later than ten years.
    #[must_use]
    pub fn due(&self, chance: f64) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most ten years of seconds"
        )]
        let seconds = (self.days_until(chance, 1.0) * 86_400.0) as i64;
        self.last.unix() + seconds
    }

    /// Days until the chance falls to `chance`, to half a day, from `least` to ten years.
    fn days_until(&self, chance: f64, least: f64) -> f64 {
        let (mut low, mut high) = (least, 3650.0);
        if self.after_days(low) <= chance {
            return low;
        }
        while high - low > 0.005 {
            let middle = f64::midpoint(low, high);
            if self.after_days(middle) > chance {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}

/// States that are weighed into one: difficulty evenly, stability in its logarithm.
#[derive(Clone, Copy, Debug, Default)]
struct Blend {
    weight: f64,
    log_stability: f64,
    difficulty: f64,
}

impl Blend {
    fn add(&mut self, weight: f64, state: MemoryState) {
        // A chance of exactly none leaves something to divide by.
        let weight = weight.max(1e-12);
        self.weight += weight;
        self.log_stability += weight * f64::from(state.stability).ln();
        self.difficulty += weight * f64::from(state.difficulty);
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the model's own single precision"
    )]
    fn state(&self) -> MemoryState {
        MemoryState {
            stability: (self.log_stability / self.weight).exp() as f32,
            difficulty: (self.difficulty / self.weight) as f32,
        }
    }
}

/// Chance, from 0.0 to 1.0, that a state is still retained after so many days.
fn retained(state: MemoryState, elapsed: f64) -> f64 {
    // The model's own single precision is enough for a chance.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "days fit a single-precision float"
    )]
    let elapsed = elapsed.max(0.0) as f32;
    f64::from(fsrs::current_retrievability(
        state,
        elapsed,
        FSRS6_DEFAULT_DECAY,
    ))
}

fn days(seconds: i64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of a few centuries fit exactly"
    )]
    let seconds = seconds as f64;
    seconds / 86_400.0
}

/// Chance of a pass, from 0.0 to 1.0, of somebody who knows it with chance `known`, in a form of
/// this kind: `g + (1 − g)·R`. Source: the three-parameter logistic's lower asymptote, with the
/// guess known from the form (Birnbaum 1968); `protocol.md`, "`retention_30d`".
#[must_use]
pub fn pass_chance(kind: AnswerKind, known: f64) -> f64 {
    let guess = kind.guess();
    guess + (1.0 - guess) * known
}

/// What asking now would bring, for the choice by expected gain. All four are chances, 0.0 to 1.0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Of a pass now, guessing included.
    pub p: f64,
    /// To know it in 30 days after a pass now.
    pub r30_pass: f64,
    /// The same after a fail now (and the explanation that follows).
    pub r30_fail: f64,
    /// The same if nothing is asked.
    pub r30_none: f64,
}

/// What asking this pair at `now` (seconds) in a form of this kind would bring.
#[must_use]
pub fn outlook(pair: Option<&Pair>, kind: AnswerKind, now: i64) -> Outlook {
    outlook_of(
        pair.and_then(|pair| Memory::after(&pair.answers)).as_ref(),
        kind,
        now,
    )
}

/// The same, of a memory that was replayed already; `None` is a concept that was never answered.
fn outlook_of(memory: Option<&Memory>, kind: AnswerKind, now: i64) -> Outlook {
    if let Some(memory) = memory {
        return memory.outlook(kind, now);
    }
    let first = Memory::first(kind, Hour::floor(now));
    let then = |memory: Memory| memory.retrievability(now + MONTH_S);
    Outlook {
        p: pass_chance(kind, UNMET),
        r30_pass: first.map_or(0.0, |(pass, _)| then(pass)),
        r30_fail: first.map_or(0.0, |(_, fail)| then(fail)),
        r30_none: UNMET,
    }
}

/// Whether the next ask after this counted pass is a probe, and how many days after it.
///
/// `state` is the pair's after the pass; `random` is 64 random bits. Drawn at the pass, not among
/// asks, since a scheduler shows stable pairs more often (`protocol.md`, "`retention_30d`").
#[must_use]
pub const fn probe_after(state: State, random: u64) -> Option<u32> {
    if !matches!(state, State::Demonstrated | State::Retained) || random % 1000 >= 100 {
        return None;
    }
    let (first, last) = PROBE_DAYS;
    #[expect(clippy::cast_possible_truncation, reason = "a remainder below 17")]
    let day = ((random / 1000) % (last - first + 1) as u64) as u32;
    Some(first + day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delta::Answer;

    /// Typed answers, which can hardly be guessed.
    fn answers(days: &[(i64, Outcome)]) -> Vec<Counted> {
        answered(AnswerKind::Typed, days)
    }

    fn answered(kind: AnswerKind, days: &[(i64, Outcome)]) -> Vec<Counted> {
        let counted = |&(day, outcome)| Counted {
            at: Hour::floor(day * DAY),
            answer: Answer {
                outcome,
                kind,
                probe: false,
            },
            state: State::Learning,
        };
        days.iter().map(counted).collect()
    }

    #[test]
    fn without_guessing_it_is_fsrs_to_the_letter() {
        let reviews = [(3, 0), (3, 7), (1, 20), (3, 3), (3, 30)];
        let item = fsrs::FSRSItem {
            reviews: reviews
                .map(|(rating, delta_t)| fsrs::FSRSReview { rating, delta_t })
                .into(),
        };
        let state = FSRS::default().memory_state(item, None).unwrap();
        // The same by hand, with the state that stands for knowing.
        let mut memory = Memory {
            known: Likely {
                chance: 1.0,
                state: FSRS::default()
                    .next_states(None, 0.9, 0)
                    .unwrap()
                    .good
                    .memory,
            },
            luck: Likely {
                chance: 0.0,
                state: MemoryState {
                    stability: 0.2,
                    difficulty: 5.0,
                },
            },
            last: Hour::floor(0),
        };
        let mut day = 0;
        for (rating, elapsed) in &reviews[1..] {
            day += i64::from(*elapsed);
            let (pass, fail) = memory.answered(AnswerKind::Typed, Hour::floor(day * DAY));
            memory = if *rating == 3 { pass } else { fail };
            // Nobody guesses here.
            let certain = if *rating == 3 {
                memory.known
            } else {
                memory.luck
            };
            memory.known = Likely {
                chance: 1.0,
                ..certain
            };
            memory.luck.chance = 0.0;
        }
        for days in [1.0, 30.0, 200.0] {
            assert!((memory.after_days(days) - retained(state, days)).abs() < 1e-3);
        }
    }

    #[test]
    fn stability_is_when_nine_in_ten_still_know() {
        let known = [(0, Outcome::Pass), (7, Outcome::Pass), (30, Outcome::Pass)];
        let memory = Memory::after(&answers(&known)).unwrap();
        let at_stability = memory.after_days(memory.stability_days());
        assert!((at_stability - 0.9).abs() < 0.001, "{at_stability}");
    }

    #[test]
    fn one_click_among_four_is_little_evidence_and_a_typed_answer_is_much() {
        let pass = [(0, Outcome::Pass)];
        let clicked = Memory::after(&answered(AnswerKind::Choice4, &pass)).unwrap();
        let typed = Memory::after(&answered(AnswerKind::Typed, &pass)).unwrap();
        // 0.35 know it; of the other 0.65 a quarter, or one in fifty, guesses right.
        assert!((clicked.luck.chance - 0.1625 / 0.5125).abs() < 1e-9);
        assert!((typed.luck.chance - 0.013 / 0.363).abs() < 1e-9);
        assert!(typed.after_days(7.0) > clicked.after_days(7.0) + 0.05);
    }

    #[test]
    fn a_lucky_click_after_half_a_year_is_no_memory_of_months() {
        let history = [(0, Outcome::Fail), (180, Outcome::Pass)];
        let clicked = Memory::after(&answered(AnswerKind::Choice4, &history)).unwrap();
        let typed = Memory::after(&answered(AnswerKind::Typed, &history)).unwrap();
        assert!(clicked.luck.chance > 3.0 * typed.luck.chance);
        assert!(clicked.after_days(HORIZON_DAYS) < typed.after_days(HORIZON_DAYS));
    }

    #[test]
    fn chances_stay_chances_and_fall_with_time() {
        let long: Vec<_> = (0..200)
            .map(|n| {
                (
                    n,
                    if n % 7 == 3 {
                        Outcome::Fail
                    } else {
                        Outcome::Pass
                    },
                )
            })
            .collect();
        let same_day = [(0, Outcome::Pass), (0, Outcome::Pass), (0, Outcome::Fail)];
        for history in [&long[..], &same_day[..]] {
            for kind in [AnswerKind::Choice4, AnswerKind::Typed] {
                let memory = Memory::after(&answered(kind, history)).unwrap();
                let mut before = 1.0;
                for days in [0.0, 1.0, 10.0, 100.0, 10_000.0] {
                    let chance = memory.after_days(days);
                    assert!((0.0..=before).contains(&chance), "{chance} after {days}");
                    before = chance;
                }
            }
        }
        assert_eq!(Memory::after(&[]), None);
    }

    #[test]
    fn a_concept_that_was_never_answered_may_be_known_all_the_same() {
        let outlook = outlook(None, AnswerKind::Choice4, 0);
        assert!((outlook.p - (0.25 + 0.75 * UNMET)).abs() < 1e-9);
        assert!(
            (outlook.r30_none - UNMET).abs() < 1e-9,
            "whoever knows it keeps it"
        );
        assert!(outlook.r30_pass > outlook.r30_fail && outlook.r30_fail > outlook.r30_none);
    }

    #[test]
    fn repeated_passes_last_longer_and_a_fail_sets_back() {
        let once = Memory::after(&answers(&[(0, Outcome::Pass)])).unwrap();
        let twice = Memory::after(&answers(&[(0, Outcome::Pass), (7, Outcome::Pass)])).unwrap();
        let failed = Memory::after(&answers(&[(0, Outcome::Pass), (7, Outcome::Fail)])).unwrap();
        assert!(twice.stability_days() > 3.0 * once.stability_days());
        assert!(failed.stability_days() < once.stability_days());
        assert!(twice.due(0.9) > once.due(0.9));
    }

    #[test]
    fn replay_and_the_outlook_agree() {
        let pair = Pair {
            answers: answers(&[(0, Outcome::Pass)]),
            ..Pair::default()
        };
        let outlook = outlook(Some(&pair), AnswerKind::Typed, 7 * DAY);
        let replayed = Memory::after(&answers(&[(0, Outcome::Pass), (7, Outcome::Pass)])).unwrap();
        assert!((outlook.r30_pass - replayed.after_days(30.0)).abs() < 1e-6);
        assert!(outlook.r30_pass > outlook.r30_none && outlook.p > 0.25);
    }

    #[test]
    fn a_probe_is_drawn_for_a_tenth_of_the_passes_on_each_day_alike() {
        let mut days = std::collections::BTreeMap::<u32, u32>::new();
        for random in 0..17_000u64 {
            if let Some(day) = probe_after(State::Retained, random) {
                *days.entry(day).or_default() += 1;
            }
        }
        assert_eq!(
            days.keys().copied().collect::<Vec<_>>(),
            (24..=40).collect::<Vec<_>>()
        );
        assert!(days.values().all(|count| *count == 100));
        assert_eq!(probe_after(State::Learning, 0), None);
    }
}
