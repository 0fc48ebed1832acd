//! What the sample organisation did: 40 invented engineers over half a year, drawn from a seed.
//!
//! Not copied from anybody: each engineer has a craft, a skill, a pace and laptops; each concept an
//! ease. What somebody knows is learnt from explanations and forgotten with time, and answers follow
//! from it, guesses included. So the figures that come out have what real ones have: thin spots,
//! concepts that few have shown, and people who joined late.
//!
//! Invariant: the same seed and end give the same deltas, and each delta's transition is the one
//! that the fold makes.

use kernel::catalogue::{Catalogue, Concept};
use kernel::delta::{Answer, AnswerKind, Delta, Evidence, Observation, Outcome, State};
use kernel::evidence::{Counted, Pair};
use kernel::ids::{DAY, HOUR, Hour, Slug};
use kernel::memory::probe_after;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Half a year, in days.
pub const DAYS: i64 = 182;
/// How many engineers there are.
pub const ENGINEERS: usize = 40;

/// Where the invented organisation's addresses lie (RFC 2606: no such domain exists).
pub const DOMAIN: &str = "larkfield.example";
/// The engineer whom a visitor can be: nothing is drawn for them.
pub const VISITOR: &str = "Robin Sample";

const NAMES: [&str; ENGINEERS] = [
    "Amara Obi",
    "Anselm Brandt",
    "Ayla Demir",
    "Bruno Farkas",
    "Carys Pugh",
    "Chiara Vento",
    "Dario Lupu",
    "Edda Holm",
    "Elif Sönmez",
    "Emre Kaya",
    "Femke Visser",
    "Gareth Pryce",
    "Hana Kobayashi",
    "Henrik Dahl",
    "Ida Nyberg",
    "Ines Duarte",
    "Ivo Marin",
    "Jana Krüger",
    "Jonas Weiler",
    "Kaja Zupan",
    "Keir Munro",
    "Lena Hofer",
    "Liam Doyle",
    "Lucia Ferro",
    "Maelle Caron",
    "Marek Sykora",
    "Mina Park",
    "Nils Aalto",
    "Noor Haddad",
    "Olga Petrova",
    "Paulo Reis",
    "Priya Nair",
    "Quentin Leroy",
    "Ravi Menon",
    "Rosa Iglesias",
    "Sanna Virta",
    "Tomas Urban",
    "Uma Shah",
    "Viktor Lind",
    "Yusuf Aydin",
];

/// What somebody works with, by the beginnings of slugs, and how many do.
const CRAFTS: [(usize, &[&str]); 5] = [
    (13, &["py-", "pg-", "db-", "sql-", "http-", "web-", "git-"]),
    (8, &["rust-", "http-", "git-", "sh-"]),
    (7, &["go-", "http-", "pg-", "git-"]),
    (8, &["js-", "web-", "http-", "git-"]),
    (4, &["git-", "sh-", "pg-", "py-", "go-"]),
];

/// One invented engineer.
#[derive(Debug, Clone, PartialEq)]
pub struct Engineer {
    /// "Amara Obi".
    pub name: String,
    /// "amara.obi@larkfield.example".
    pub email: String,
    /// The day of their first sync, in days since 1970.
    pub first_day: i64,
    /// What each laptop recorded, in order.
    pub laptops: Vec<Vec<Delta>>,
}

/// The address of a name.
#[must_use]
pub fn email(name: &str) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| match c {
            'ö' => 'o',
            'ü' => 'u',
            ' ' => '.',
            c => c,
        })
        .collect();
    format!("{plain}@{DOMAIN}")
}

/// Draws them all. `end` is the first moment that nothing lies after, in unix seconds.
#[must_use]
pub fn draw(catalogue: &Catalogue, seed: u64, end: i64) -> Vec<Engineer> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let ease: BTreeMap<Slug, f64> = catalogue
        .askable()
        .map(|concept| (concept.slug.clone(), ease(concept, &mut dice)))
        .collect();
    let crafts = CRAFTS
        .iter()
        .flat_map(|(count, craft)| std::iter::repeat_n(*craft, *count));
    let mut all: Vec<Engineer> = NAMES
        .into_iter()
        .zip(crafts)
        .map(|(name, craft)| {
            let mut life = Life::begin(catalogue, craft, &ease, end, dice.random());
            life.live();
            Engineer {
                name: name.to_owned(),
                email: email(name),
                first_day: life.first_day,
                laptops: life.laptops,
            }
        })
        .collect();
    // Whose place in the list says nothing of their craft.
    for at in (1..all.len()).rev() {
        all.swap(at, dice.random_range(0..=at));
    }
    all
}

/// What this organisation never learnt: agents write it, and nobody was ever asked.
const BLIND_SPOTS: [&str; 3] = [
    "pg-advisory-locks",
    "web-command-injection",
    "py-asyncio-blocking",
];

/// How easy a concept is, from about -4 to 1.5: partly a matter of luck, but what risks most is
/// known least.
fn ease(concept: &Concept, dice: &mut ChaCha8Rng) -> f64 {
    let luck: f64 = dice.random_range(-1.0..1.0);
    let risk = f64::from(concept.risk);
    let blind = if BLIND_SPOTS.contains(&concept.slug.as_str()) {
        2.4
    } else {
        0.0
    };
    luck + 0.6 - 0.8 * (risk - 1.0) - blind
}

/// What one engineer knows of one concept, and when to ask again.
#[derive(Debug, Default)]
struct Mind {
    pair: Pair,
    knows: bool,
    /// Days that it lasts, about.
    lasts: f64,
    /// The day from which a check may be asked.
    due: i64,
    /// The day of a probe, if one was drawn.
    probe: Option<i64>,
    last_answer: i64,
    /// How easy it is for them.
    ease: f64,
}

impl Mind {
    /// An explanation was read: what is easy sticks more often.
    fn learns(&mut self, chance: f64, dice: &mut ChaCha8Rng) {
        self.knows = dice.random_bool((chance + 0.22 * self.ease).clamp(0.04, 0.9));
    }
}

struct Life<'a> {
    concepts: Vec<&'a Concept>,
    minds: BTreeMap<Slug, Mind>,
    ease: &'a BTreeMap<Slug, f64>,
    skill: f64,
    pace: f64,
    first_day: i64,
    last_day: i64,
    laptops: Vec<Vec<Delta>>,
    dice: ChaCha8Rng,
}

impl<'a> Life<'a> {
    fn begin(
        catalogue: &'a Catalogue,
        craft: &[&str],
        ease: &'a BTreeMap<Slug, f64>,
        end: i64,
        seed: u64,
    ) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let concepts: Vec<&Concept> = catalogue
            .askable()
            .filter(|concept| {
                let theirs = craft
                    .iter()
                    .any(|begin| concept.slug.as_str().starts_with(begin));
                // Everybody strays a little.
                theirs || dice.random_bool(0.06)
            })
            .collect();
        let last_day = end.div_euclid(DAY) - 1;
        // Three of four are there from the first week on, the rest join later, some of them too late
        // to be counted yet.
        let late = if dice.random_bool(0.75) {
            dice.random_range(0..5)
        } else {
            dice.random_range(14..175)
        };
        let laptops = if dice.random_bool(0.3) { 2 } else { 1 };
        Self {
            concepts,
            minds: BTreeMap::new(),
            ease,
            skill: dice.random_range(-1.0..1.0),
            pace: dice.random_range(0.45..1.0),
            first_day: last_day - DAYS + 1 + late,
            last_day,
            laptops: vec![Vec::new(); laptops],
            dice,
        }
    }

    fn live(&mut self) {
        let mut week = (0, 0);
        for day in self.first_day..=self.last_day {
            // Day 0, 1 January 1970, was a Thursday: 2 and 3 are a weekend.
            let weekday = (day + 3).rem_euclid(7);
            if weekday >= 5 || !self.dice.random_bool(0.55 + 0.4 * self.pace) {
                continue;
            }
            let number = (day + 3).div_euclid(7);
            if week.0 != number {
                week = (number, 0);
            }
            let laptop = if self.laptops.len() > 1 && self.dice.random_bool(0.3) {
                1
            } else {
                0
            };
            let start = self.dice.random_range(7..10);
            self.meet(day, start, laptop);
            if day - self.first_day >= 7 {
                for asked in 0..2 {
                    let hour = start + 2 + 3 * asked;
                    if week.1 < 8 && self.dice.random_bool(0.35 + 0.3 * self.pace) {
                        week.1 += u32::from(self.ask(day, hour, laptop));
                    }
                }
            }
        }
    }

    /// What the day's code had in it: each concept at most once a day.
    fn meet(&mut self, day: i64, hour: i64, laptop: usize) {
        for at in 0..self.concepts.len() {
            let concept = self.concepts[at];
            if !self.dice.random_bool(0.05 * self.pace) {
                continue;
            }
            let ease = self.ease.get(&concept.slug).copied().unwrap_or(0.0);
            let strange: f64 = self.dice.random_range(-0.7..0.7);
            let chance = 1.0 / (1.0 + (-1.7 * (self.skill + ease + strange)).exp());
            let knows = self.dice.random_bool(chance);
            let mind = self
                .minds
                .entry(concept.slug.clone())
                .or_insert_with(|| Mind {
                    knows,
                    lasts: 60.0,
                    ease: ease + 0.5 * self.skill,
                    due: day,
                    last_answer: day,
                    ..Mind::default()
                });
            let delta = record(&mut mind.pair, &concept.slug, Observation::Seen, day, hour);
            self.laptops[laptop].push(delta);
        }
    }

    /// Asks something that is due; whether anything was recorded.
    fn ask(&mut self, day: i64, hour: i64, laptop: usize) -> bool {
        let at = Hour::floor(day * DAY + hour * HOUR);
        let due: Vec<Slug> = self
            .minds
            .iter()
            .filter(|(_, mind)| {
                mind.pair.counts(at) && mind.probe.map_or(mind.due, |probe| probe) <= day
            })
            .map(|(slug, _)| slug.clone())
            .collect();
        let Some(slug) = due.choose(&mut self.dice) else {
            return false;
        };
        let Some(mind) = self.minds.get_mut(slug) else {
            return false;
        };
        let passed = match answer(mind, day, &mut self.dice) {
            Some(passed) => passed,
            // "Not sure" stays on the laptop, and its explanation is read.
            None => {
                mind.due = day + 2;
                mind.last_answer = day;
                mind.learns(0.45, &mut self.dice);
                return false;
            }
        };
        let probe = mind.probe.take().is_some();
        let outcome = if passed { Outcome::Pass } else { Outcome::Fail };
        let kind = AnswerKind::Choice4;
        let observed = Observation::Answer(Answer {
            outcome,
            kind,
            probe,
        });
        let delta = record(&mut mind.pair, slug, observed, day, hour);
        self.laptops[laptop].push(delta);
        mind.last_answer = day;
        if passed {
            mind.lasts *= 1.7;
            let interval = [2, 7, 21, 40];
            let passes = mind
                .pair
                .answers
                .iter()
                .rev()
                .take_while(|a| is_pass(a))
                .count();
            mind.due = day + interval[passes.clamp(1, interval.len()) - 1];
            let drawn = probe_after(mind.pair.state, self.dice.random());
            mind.probe = drawn.map(|days| day + i64::from(days));
        } else {
            mind.learns(0.5, &mut self.dice);
            mind.lasts = 20.0;
            mind.due = day + 4;
        }
        true
    }
}

fn is_pass(counted: &Counted) -> bool {
    counted.answer.outcome == Outcome::Pass
}

/// What is answered: what was forgotten meanwhile is not known; who does not know guesses, or says
/// so.
fn answer(mind: &mut Mind, day: i64, dice: &mut ChaCha8Rng) -> Option<bool> {
    #[expect(clippy::cast_precision_loss, reason = "days of half a year")]
    let gone = (day - mind.last_answer) as f64;
    if mind.knows && dice.random_bool(1.0 - (-gone / mind.lasts).exp()) {
        mind.knows = false;
    }
    if mind.knows {
        return Some(dice.random_bool(0.96));
    }
    match dice.random_bool(0.55) {
        true => None,
        false => Some(dice.random_bool(AnswerKind::Choice4.guess())),
    }
}

fn record(pair: &mut Pair, concept: &Slug, observed: Observation, day: i64, hour: i64) -> Delta {
    let at = Hour::floor(day * DAY + hour * HOUR);
    let from = pair.state;
    let mut evidence = Evidence {
        concept: concept.clone(),
        observed,
        from,
        to: State::Unknown,
        at,
    };
    let mut after = pair.clone();
    after.observe(&evidence);
    evidence.to = after.state;
    pair.observe(&evidence);
    Delta::Evidence(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::evidence::fold;
    use kernel::ids::StreamId;
    use kernel::sync::Row;

    const END: i64 = 1_795_392_000;

    fn organisation() -> Vec<Engineer> {
        draw(Catalogue::builtin(), 1, END)
    }

    fn pairs(engineer: &Engineer) -> BTreeMap<Slug, Pair> {
        let rows = engineer
            .laptops
            .iter()
            .zip(1..)
            .flat_map(|(laptop, number)| {
                laptop.iter().zip(1..).map(move |(delta, index)| Row {
                    stream: StreamId::new([number; 16]),
                    index,
                    delta: delta.clone(),
                })
            });
        fold(rows, |slug| slug)
    }

    #[test]
    fn the_same_seed_draws_the_same_organisation() {
        assert_eq!(organisation(), organisation());
        assert_ne!(organisation(), draw(Catalogue::builtin(), 2, END));
    }

    #[test]
    fn every_transition_is_the_one_that_the_fold_makes() {
        for engineer in organisation() {
            for (slug, pair) in pairs(&engineer) {
                assert_eq!(pair.mismatches, 0, "{} {slug}", engineer.name);
            }
        }
    }

    #[test]
    fn nothing_lies_in_the_future_and_streams_never_go_back() {
        for engineer in organisation() {
            for laptop in &engineer.laptops {
                let hours: Vec<_> = laptop.iter().filter_map(Delta::at).collect();
                assert!(hours.is_sorted());
                assert!(hours.iter().all(|hour| hour.unix() < END));
            }
        }
    }

    #[test]
    fn some_concepts_are_known_by_many_and_some_by_few() {
        let mut known = BTreeMap::<Slug, (u32, u32)>::new();
        for engineer in organisation() {
            for (slug, pair) in pairs(&engineer) {
                let (exposed, shown) = known.entry(slug).or_default();
                *exposed += 1;
                *shown += u32::from(matches!(pair.state, State::Demonstrated | State::Retained));
            }
        }
        assert!(
            known
                .values()
                .any(|(exposed, shown)| *exposed >= 10 && *shown * 2 >= *exposed)
        );
        assert!(
            known
                .values()
                .any(|(exposed, shown)| *exposed >= 8 && *shown * 3 <= *exposed)
        );
    }

    #[test]
    fn addresses_are_plain_and_nobody_shares_one() {
        let mut all: Vec<String> = NAMES.iter().map(|name| email(name)).collect();
        all.push(email(VISITOR));
        assert!(all.iter().all(|email| email.is_ascii()));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), ENGINEERS + 1);
    }
}
