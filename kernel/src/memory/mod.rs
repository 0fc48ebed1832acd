//! The memory model: FSRS-6 on passes and fails, through the crate `fsrs` with its own default
//! parameters, replayed from counted answers. Nothing of it is stored or synced.
//!
//! FSRS predicts passes; what an engineer *knows* is that chance with guessing taken out, so a
//! pass has the chance `g + (1 − g)·R`, where `g` is the form's ([`AnswerKind::guess`]).

use crate::delta::{AnswerKind, Outcome, State};
use crate::evidence::{Counted, Pair};
use crate::ids::{DAY, Hour};
use fsrs::{FSRS, FSRS6_DEFAULT_DECAY, FSRSItem, FSRSReview, MemoryState};
use std::sync::LazyLock;

/// Chance, from 0.0 to 1.0, that somebody who never answered knows a concept that they meet.
const UNMET: f64 = 0.35;
/// Days in the promise that is measured: still known a month after.
pub const HORIZON_DAYS: f64 = 30.0;
/// Chance that a counted pass makes the next ask a probe.
pub const PROBE_CHANCE: f64 = 0.1;
/// First and last day, after the pass, that a probe is drawn from.
pub const PROBE_DAYS: (u32, u32) = (24, 40);

static MODEL: LazyLock<Option<FSRS>> = LazyLock::new(|| FSRS::new(&[]).ok());

/// Where one memory stands after its last counted answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    state: MemoryState,
    last: Hour,
}

impl Memory {
    /// Replays counted answers, oldest first; `None` without any.
    #[must_use]
    pub fn after(answers: &[Counted]) -> Option<Self> {
        let last = answers.last()?.at;
        let mut before = answers.first()?.at;
        let reviews = answers.iter().map(|counted| {
            let rating = if counted.answer.outcome == Outcome::Pass {
                3
            } else {
                1
            };
            let days = (counted.at.unix() - before.unix() + DAY / 2) / DAY;
            before = counted.at;
            FSRSReview {
                rating,
                delta_t: u32::try_from(days).unwrap_or(0),
            }
        });
        let item = FSRSItem {
            reviews: reviews.collect(),
        };
        let state = MODEL.as_ref()?.memory_state(item, None).ok()?;
        Some(Self { state, last })
    }

    /// Days until the chance falls to 0.9.
    #[must_use]
    pub fn stability_days(&self) -> f64 {
        f64::from(self.state.stability)
    }

    /// Chance, from 0.0 to 1.0, that it is still known at `at` (seconds). An `at` before the last
    /// counted answer counts as no time passed.
    #[must_use]
    pub fn retrievability(&self, at: i64) -> f64 {
        self.after_days(days(at - self.last.unix()))
    }

    /// The same, so many days after the last counted answer.
    #[must_use]
    pub fn after_days(&self, elapsed: f64) -> f64 {
        // The model's own single precision is enough for a chance.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "days fit a single-precision float"
        )]
        let elapsed = elapsed.max(0.0) as f32;
        f64::from(fsrs::current_retrievability(
            self.state,
            elapsed,
            FSRS6_DEFAULT_DECAY,
        ))
    }

    /// Memory after one more answer at `at`, seconds.
    #[must_use]
    fn answered(&self, at: i64, outcome: Outcome) -> Self {
        let elapsed = days(at - self.last.unix()).round().max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole days, not negative"
        )]
        let next = MODEL.as_ref().and_then(|model| {
            model
                .next_states(Some(self.state), 0.9, elapsed as u32)
                .ok()
        });
        let state = next.map_or(self.state, |next| match outcome {
            Outcome::Pass => next.good.memory,
            Outcome::Fail => next.again.memory,
        });
        Self {
            state,
            last: Hour::floor(at),
        }
    }

    /// Memory after a very first answer at `at`, seconds.
    fn first(at: i64, outcome: Outcome) -> Option<Self> {
        let next = MODEL.as_ref()?.next_states(None, 0.9, 0).ok()?;
        let state = match outcome {
            Outcome::Pass => next.good.memory,
            Outcome::Fail => next.again.memory,
        };
        Some(Self {
            state,
            last: Hour::floor(at),
        })
    }

    /// When the chance will have fallen to `chance`, in seconds; never before the next whole day.
    #[must_use]
    pub fn due(&self, chance: f64) -> i64 {
        let mut low = 1.0;
        let mut high = 3650.0;
        while high - low > 0.5 {
            let middle = f64::midpoint(low, high);
            if self.after_days(middle) > chance {
                low = middle;
            } else {
                high = middle;
            }
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most ten years of seconds"
        )]
        let seconds = (high * 86_400.0) as i64;
        self.last.unix() + seconds
    }
}

fn days(seconds: i64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of a few centuries fit exactly"
    )]
    let seconds = seconds as f64;
    seconds / 86_400.0
}

/// What asking now would bring, for the choice by expected gain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Chance of a pass now, guessing included.
    pub p: f64,
    /// Chance to know it in 30 days after a pass now.
    pub r30_pass: f64,
    /// The same after a fail now (and the explanation that follows).
    pub r30_fail: f64,
    /// The same if nothing is asked.
    pub r30_none: f64,
}

/// What asking this pair at `now` (seconds) in a form of this kind would bring.
#[must_use]
pub fn outlook(pair: Option<&Pair>, kind: AnswerKind, now: i64) -> Outlook {
    let guess = kind.guess();
    let chance = |known: f64| guess + (1.0 - guess) * known;
    let then = now + 30 * DAY;
    let first = |outcome| Memory::first(now, outcome).map_or(0.0, |m| m.retrievability(then));
    match pair.and_then(|pair| Memory::after(&pair.answers)) {
        None => Outlook {
            p: chance(UNMET),
            r30_pass: first(Outcome::Pass),
            r30_fail: first(Outcome::Fail),
            r30_none: 0.0,
        },
        Some(memory) => Outlook {
            p: chance(memory.retrievability(now)),
            r30_pass: memory.answered(now, Outcome::Pass).retrievability(then),
            r30_fail: memory.answered(now, Outcome::Fail).retrievability(then),
            r30_none: memory.retrievability(then),
        },
    }
}

/// Whether the next ask after this counted pass is a probe, and how many days after it.
///
/// `random` is 64 random bits. Drawn at the pass, not among asks, since a scheduler shows stable
/// pairs more often (`protocol.md`, "retention_30d").
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

    fn answers(days: &[(i64, Outcome)]) -> Vec<Counted> {
        let counted = |&(day, outcome)| Counted {
            at: Hour::floor(day * DAY),
            answer: Answer {
                outcome,
                kind: AnswerKind::Choice4,
                probe: false,
            },
            state: State::Learning,
        };
        days.iter().map(counted).collect()
    }

    #[test]
    fn stability_is_when_nine_in_ten_still_know() {
        let memory = Memory::after(&answers(&[(0, Outcome::Pass)])).unwrap();
        let at_stability = memory.after_days(memory.stability_days());
        assert!((at_stability - 0.9).abs() < 0.001, "{at_stability}");
        assert!(
            (memory.stability_days() - 2.3065).abs() < 0.001,
            "FSRS-6's own first stability"
        );
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
        let outlook = outlook(Some(&pair), AnswerKind::Choice4, 7 * DAY);
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
