//! One engineer's days: what is met, what the policy asks, and what the mind answers.

use super::Dice;
use super::laws::{Law, Mind, Talent};
use fsrs::{FSRS, FSRSItem, FSRSReview};
use kernel::asking::{
    self, AskOutcome, Candidate, Clicks, Decision, Event, PROBE_LATE_S, PastAsk, Settings,
    Situation, Wait,
};
use kernel::delta::{Answer, AnswerKind, Evidence, Observation, Outcome, State};
use kernel::evidence::{Counted, Pair};
use kernel::ids::{DAY, HOUR, Hour, Slug};
use kernel::memory::{self, HORIZON_DAYS, Known, Memory};
use std::collections::{BTreeMap, BTreeSet};

/// A Monday, in days since 1970.
pub const START: i64 = 20_003;
/// The form of every item that the product makes today.
pub const KIND: AnswerKind = AnswerKind::Choice4;
/// Concepts met on a working day.
const MET_A_DAY: usize = 4;
/// Hours of a working day at which a commit is made.
const COMMITS: [i64; 3] = [10, 13, 16];

/// A concept of the simulated catalogue.
pub struct Concept {
    pub slug: Slug,
    risk: u8,
    needs: Option<usize>,
    ease: f64,
    popularity: f64,
}

/// What there is to know in one organisation.
pub struct World {
    pub law: Law,
    pub concepts: Vec<Concept>,
}

impl World {
    /// Draws so many concepts: every third builds on another, risk is 1 to 3, and how often they
    /// are met falls off like one through their rank.
    pub fn draw(law: Law, concepts: usize, dice: &mut Dice) -> Self {
        let concept = |at: usize| Concept {
            slug: Slug::new(format!("concept-{at:03}")).expect("a slug"),
            risk: 1 + u8::try_from(dice.below(3)).expect("below 3"),
            needs: (at % 3 == 2).then(|| dice.below(at)),
            ease: dice.normal(),
            popularity: 1.0 / (at as f64 + 4.0),
        };
        Self {
            law,
            concepts: (0..concepts).map(concept).collect(),
        }
    }
}

/// How the next concept is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// The product's: `asking::decide`, probes and all.
    Gain,
    /// Any one that may be asked, at the same moments and within the same budget.
    Random,
    /// The one that the model thinks least of, likewise.
    Lowest,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gain, Self::Random, Self::Lowest];
}

/// An engineer: what the laptop holds, and what nobody can see.
pub struct Engineer<'a> {
    world: &'a World,
    policy: Policy,
    settings: Settings,
    /// What is met when, and who somebody is: the same under every policy.
    life: Dice,
    /// Answers and draws.
    dice: Dice,
    talent: f64,
    /// How often each concept is met, the pair's own talent, and a seed of its mind.
    bents: Vec<(f64, f64, u64)>,
    /// What the product knows.
    pub pairs: BTreeMap<Slug, Pair>,
    probes: BTreeMap<Slug, i64>,
    /// What the product's model makes of the answers, kept until the next one.
    memories: Vec<Option<Memory>>,
    history: Vec<PastAsk>,
    /// What is so.
    minds: Vec<Option<Mind>>,
}

impl<'a> Engineer<'a> {
    /// Somebody who installs the product on a day.
    pub fn new(
        world: &'a World,
        policy: Policy,
        per_week: u32,
        day: i64,
        (run, number): (u64, u64),
    ) -> Self {
        let mut life = Dice::new(run, 2 * number + 1);
        let mut settings = Settings::new(day * DAY);
        settings.per_week = per_week;
        let talent = life.normal();
        let bent = |concept: &Concept| {
            let often = concept.popularity * (0.7 * life.normal()).exp();
            (often, life.normal(), life.bits())
        };
        let bents = world.concepts.iter().map(bent).collect();
        Self {
            world,
            policy,
            settings,
            talent,
            bents,
            life,
            dice: Dice::new(run, 2 * number + 2),
            pairs: BTreeMap::new(),
            probes: BTreeMap::new(),
            memories: vec![None; world.concepts.len()],
            history: Vec::new(),
            minds: world.concepts.iter().map(|_| None).collect(),
        }
    }

    /// One day of work, in days since 1970; on Saturdays and Sundays nothing happens.
    pub fn works(&mut self, day: i64) {
        if (day - START).rem_euclid(7) >= 5 {
            return;
        }
        let today: BTreeSet<usize> = (0..MET_A_DAY).map(|_| self.draw_concept()).collect();
        for &at in &today {
            self.observe(at, Observation::Seen, Hour::floor(day * DAY + 9 * HOUR));
        }
        for hour in COMMITS {
            let now = day * DAY + hour * HOUR;
            if let Some((at, probe)) = self.choose(&today, now) {
                self.answers(at, probe, now);
            }
        }
    }

    fn draw_concept(&mut self) -> usize {
        let total: f64 = self.bents.iter().map(|(often, ..)| often).sum();
        let mut left = self.life.even() * total;
        for (at, (often, ..)) in self.bents.iter().enumerate() {
            left -= often;
            if left < 0.0 {
                return at;
            }
        }
        0
    }

    fn observe(&mut self, at: usize, observed: Observation, hour: Hour) {
        let concept = &self.world.concepts[at];
        let day = hour.unix() as f64 / DAY as f64;
        if self.minds[at].is_none() {
            let (_, pair, seed) = self.bents[at];
            let talent = Talent {
                person: self.talent,
                concept: concept.ease,
                pair,
            };
            let mut own = Dice::new(seed, 0);
            self.minds[at] = Some(Mind::meets(self.world.law, talent, day, &mut own));
        }
        let pair = self.pairs.entry(concept.slug.clone()).or_default();
        pair.observe(&Evidence {
            concept: concept.slug.clone(),
            observed,
            from: pair.state,
            to: pair.state,
            at: hour,
        });
    }

    /// What is asked now, if anything: the concept, and whether it is a probe.
    fn choose(&mut self, today: &BTreeSet<usize>, now: i64) -> Option<(usize, bool)> {
        let situation = Situation::read(&[Event::Commit], now, 0);
        let decide = |history: &[PastAsk], candidates: &[Candidate]| {
            asking::decide(&situation, &self.settings, history, candidates)
        };
        // Without candidates the policy says whether it would ask at all.
        if !matches!(
            decide(&self.history, &[]),
            Decision::Wait(Wait::NothingToGain { .. })
        ) {
            return None;
        }
        let candidates = self.candidates(today, now);
        let free: Vec<_> = candidates
            .iter()
            .filter(|candidate| candidate.not_before.is_none_or(|at| now >= at))
            .collect();
        let (slug, probe) = match self.policy {
            Policy::Gain => match decide(&self.history, &candidates) {
                Decision::Ask(choice) => (choice.concept, choice.probe),
                Decision::Wait(_) => return None,
            },
            Policy::Random if free.is_empty() => return None,
            Policy::Random => {
                let at = self.dice.below(free.len());
                (free[at].concept.clone(), false)
            }
            Policy::Lowest => {
                let lowest = free.iter().min_by(|a, b| a.p.total_cmp(&b.p))?;
                (lowest.concept.clone(), false)
            }
        };
        let at = self.world.concepts.iter().position(|c| c.slug == slug)?;
        Some((at, probe))
    }

    /// As `asking::candidates` makes them, but of simulated concepts and with memories kept: what was
    /// met, and the open prerequisites of what was met today.
    fn candidates(&self, today: &BTreeSet<usize>, now: i64) -> Vec<Candidate> {
        let demonstrated = |at: usize| {
            let pair = self.pairs.get(&self.world.concepts[at].slug);
            pair.is_some_and(|pair| is_demonstrated(pair.state))
        };
        let open: BTreeSet<usize> = today
            .iter()
            .filter_map(|at| self.world.concepts[*at].needs)
            .filter(|at| !demonstrated(*at))
            .collect();
        let clicks = Clicks::of(self.pairs.values());
        let in_time = |due: &i64| now <= due + PROBE_LATE_S;
        let mut candidates = Vec::new();
        for (at, concept) in self.world.concepts.iter().enumerate() {
            let pair = self.pairs.get(&concept.slug);
            if pair.is_none() && !open.contains(&at) {
                continue;
            }
            let known = Known {
                concept: &concept.slug,
                risk: concept.risk,
                pair,
                touched_today: today.contains(&at),
                open_prerequisite: open.contains(&at),
                probe_due: self.probes.get(&concept.slug).copied().filter(in_time),
            };
            let memory = self.memories[at].as_ref();
            let mut candidate = memory::candidate_of(&known, memory, KIND, now);
            candidate.standing.doubt = pair.map_or(0.0, |pair| clicks.doubt(pair));
            candidates.push(candidate);
        }
        candidates
    }

    fn answers(&mut self, at: usize, probe: bool, now: i64) {
        let slug = &self.world.concepts[at].slug;
        let new = self
            .pairs
            .get(slug)
            .is_none_or(|pair| pair.answers.is_empty());
        let day = now as f64 / DAY as f64;
        if self.minds[at].is_none() {
            self.observe(at, Observation::Seen, Hour::floor(now));
        }
        let mind = self.minds[at].as_mut().expect("met just now");
        let knew = self.dice.chance(mind.chance(day));
        let passed = knew || self.dice.chance(KIND.guess());
        mind.checked(day, knew);
        let answer = Answer {
            outcome: if passed { Outcome::Pass } else { Outcome::Fail },
            kind: KIND,
            probe,
        };
        self.observe(at, Observation::Answer(answer), Hour::floor(now));
        self.memories[at] = Memory::after(&self.pairs[slug].answers);
        let state = self.pairs[slug].state;
        let random = self.dice.bits();
        let drawn =
            memory::probe_after(state, random).filter(|_| passed && self.policy == Policy::Gain);
        match drawn {
            Some(days) => self
                .probes
                .insert(slug.clone(), now + i64::from(days) * DAY),
            None => self.probes.remove(slug),
        };
        // Older asks decide nothing where none is dismissed.
        self.history.retain(|past| now - past.at <= 8 * DAY);
        self.history.push(PastAsk {
            at: now,
            concept: slug.clone(),
            outcome: AskOutcome::Answered,
            new,
            requested: false,
        });
    }

    /// For each concept that counts as demonstrated now: the chance that it is known 30 days after
    /// the last counted pass with no check in between; what the model says of it; and what FSRS
    /// would say that takes every pass for knowledge.
    pub fn truths(&self) -> impl Iterator<Item = (&Slug, [f64; 3])> {
        let minds = self.minds.iter().zip(&self.memories);
        self.world
            .concepts
            .iter()
            .zip(minds)
            .filter_map(|(concept, (mind, memory))| {
                let pair = self.pairs.get(&concept.slug)?;
                if !is_demonstrated(pair.state) {
                    return None;
                }
                let pass = pair.last_pass()?;
                // Nothing happened to the mind since: a fail would have ended the state.
                let then = pass.at.unix() as f64 / DAY as f64 + HORIZON_DAYS;
                let truth = mind.as_ref()?.chance(then);
                let model = memory.as_ref()?.after_days(HORIZON_DAYS);
                let alone = credulous(&pair.answers)?;
                Some((&concept.slug, [truth, model, alone]))
            })
    }

    /// Mean chance to know, on a day, what was met.
    pub fn recall(&self, day: i64) -> f64 {
        let chances: Vec<_> = self
            .minds
            .iter()
            .flatten()
            .map(|mind| mind.chance(day as f64))
            .collect();
        chances.iter().sum::<f64>() / chances.len() as f64
    }
}

/// FSRS-6's chance to know it 30 days on, with every pass taken for knowledge.
fn credulous(answers: &[Counted]) -> Option<f64> {
    let mut before = answers.first()?.at;
    let review = |counted: &Counted| {
        let days = (counted.at.unix() - before.unix() + DAY / 2) / DAY;
        before = counted.at;
        let passed = counted.answer.outcome == Outcome::Pass;
        FSRSReview {
            rating: if passed { 3 } else { 1 },
            delta_t: u32::try_from(days).unwrap_or(0),
        }
    };
    let reviews = answers.iter().map(review).collect();
    let state = FSRS::default()
        .memory_state(FSRSItem { reviews }, None)
        .ok()?;
    let known = fsrs::current_retrievability(state, HORIZON_DAYS as f32, fsrs::FSRS6_DEFAULT_DECAY);
    Some(f64::from(known))
}

const fn is_demonstrated(state: State) -> bool {
    matches!(state, State::Demonstrated | State::Retained)
}
