//! An engineer's desk over weeks: sessions, clocks, answers, wishes; the policy is asked after
//! everything that happens, as the client asks it.
//!
//! Invariant: whatever is decided goes before the [referee](super::referee), which sees the log of
//! what happened and nothing that the policy computed.

use kernel::asking::{
    self, AskOutcome, Candidate, Choice, Claim, Decision, Desk, Event, Moment, Mute, Muted,
    PastAsk, Reach, Settings, Situation, Wait,
};
use kernel::catalogue::Catalogue;
use kernel::delta::{Answer, AnswerKind, Evidence, Observation, Outcome, Retract, Scope, State};
use kernel::evidence::Pair;
use kernel::ids::{DAY, Hour, Slug};
use kernel::items::SeenOutcome;
use kernel::memory;
use std::collections::{BTreeMap, BTreeSet};

/// Something that a harness told.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// By the machine's clock.
    pub shown: i64,
    pub session: u64,
    pub event: Event,
}

/// A check that was given.
#[derive(Clone, Debug)]
pub struct Given {
    /// By the machine's clock, and by the true one.
    pub shown: i64,
    pub real: i64,
    pub concept: Slug,
    pub new: bool,
    pub requested: bool,
    pub outcome: AskOutcome,
}

/// What the policy is given; a test breaks the policy by changing it on the way.
#[derive(Clone, Debug)]
pub struct Sight {
    pub moments: Vec<Moment>,
    pub now: i64,
    pub utc_offset_s: i32,
    pub settings: Settings,
    pub history: Vec<PastAsk>,
    pub muted: Muted,
    pub claims: BTreeMap<Slug, Claim>,
    pub probes: BTreeMap<Slug, i64>,
    pub retracts: Vec<Retract>,
}

/// A policy: the product's own, or one that was broken on purpose.
pub trait Policy {
    /// Changes what the policy sees.
    fn see(&self, _sight: &mut Sight) {}
    /// Changes what it reads out of the sessions.
    fn read(&self, _situation: &mut Situation) {}
    /// Changes what could be asked.
    fn weigh(&self, _candidates: &mut Vec<Candidate>) {}
}

/// The product's own.
pub struct Own;
impl Policy for Own {}

/// How the engineer ends a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Right,
    Wrong,
    Unsure,
    Later,
    Dismiss,
}

#[derive(Clone, Debug)]
pub struct World {
    pub shown: i64,
    pub real: i64,
    pub utc_offset_s: i32,
    pub settings: Settings,
    pub log: Vec<Told>,
    pub given: Vec<Given>,
    pub pairs: BTreeMap<Slug, Pair>,
    pub probes: BTreeMap<Slug, i64>,
    pub muted: Muted,
    pub claims: BTreeMap<Slug, Claim>,
    pub met: Vec<(i64, Slug)>,
    pub retracts: Vec<Retract>,
    /// When the clock was last put forward, in true time.
    pub jumped: Option<i64>,
    /// 64 bits for each draw of a probe.
    pub random: u64,
    /// Every second pass that may draw a probe does, so that short weeks have some.
    pub many_probes: bool,
    /// The choice of the check that is open.
    pub open: Option<Choice>,
}

impl World {
    pub fn new(start: i64, settings: Settings) -> Self {
        Self {
            shown: start,
            real: start,
            utc_offset_s: 0,
            settings,
            log: Vec::new(),
            given: Vec::new(),
            pairs: BTreeMap::new(),
            probes: BTreeMap::new(),
            muted: Muted::default(),
            claims: BTreeMap::new(),
            met: Vec::new(),
            retracts: Vec::new(),
            jumped: None,
            random: 0x9e37_79b9_7f4a_7c15,
            many_probes: false,
            open: None,
        }
    }

    pub fn pass(&mut self, seconds: i64) {
        self.shown += seconds;
        self.real += seconds;
    }

    /// Sets the machine's clock.
    pub fn jump(&mut self, seconds: i64) {
        self.shown += seconds;
        if seconds > 0 {
            self.jumped = Some(self.real);
        }
    }

    pub fn tell(&mut self, session: u64, event: Event) {
        self.log.push(Told {
            shown: self.shown,
            session,
            event,
        });
    }

    pub fn meet(&mut self, concept: &Slug) {
        self.met.push((self.shown, concept.clone()));
        self.observe(concept, Observation::Seen);
    }

    fn observe(&mut self, concept: &Slug, observed: Observation) {
        let pair = self.pairs.entry(concept.clone()).or_default();
        // Evidence is never dated before its predecessor (`protocol.md`, rule 1).
        let hour = Hour::floor(self.shown).max(pair.last.unwrap_or(Hour::floor(self.shown)));
        pair.observe(&Evidence {
            concept: concept.clone(),
            observed,
            from: pair.state,
            to: pair.state,
            at: hour,
        });
    }

    pub fn mute(&mut self, name: &str, on: bool) {
        if let Some(mute) = Mute::named(name, Catalogue::builtin()) {
            if on {
                self.muted.insert(mute);
            } else {
                self.muted.remove(&mute);
            }
        }
    }

    pub fn claim(&mut self, concept: &Slug) {
        self.claims.insert(concept.clone(), Claim::new(self.shown));
    }

    /// `aiworklab forget`: what was asked goes, that and when something was asked stays.
    pub fn forget(&mut self, concept: &Slug) {
        self.pairs.remove(concept);
        self.probes.remove(concept);
        self.claims.remove(concept);
        self.met.retain(|(_, met)| met != concept);
        self.open = self.open.take().filter(|choice| choice.concept != *concept);
        for given in self.given.iter_mut().filter(|g| g.concept == *concept) {
            given.concept = Slug::new("forgotten").expect("a slug");
        }
        self.retracts.push(Retract {
            scope: Scope::Concept(concept.clone()),
            at: Hour::floor(self.shown),
        });
    }

    fn sight(&self) -> Sight {
        // The client keeps two days and gives one.
        let recent = self
            .log
            .iter()
            .filter(|told| told.shown >= self.shown - DAY);
        Sight {
            moments: recent
                .map(|told| Moment {
                    at: told.shown,
                    session: told.session,
                    event: told.event,
                })
                .collect(),
            now: self.shown,
            utc_offset_s: self.utc_offset_s,
            settings: self.settings.clone(),
            history: self
                .given
                .iter()
                .map(|given| PastAsk {
                    at: given.shown,
                    concept: given.concept.clone(),
                    outcome: given.outcome,
                    new: given.new,
                    requested: given.requested,
                })
                .collect(),
            muted: self.muted.clone(),
            claims: self.claims.clone(),
            probes: self.probes.clone(),
            retracts: self.retracts.clone(),
        }
    }

    fn candidates(&self, sight: &Sight, catalogue: &Catalogue, reach: Reach<'_>) -> Vec<Candidate> {
        let touched: BTreeSet<Slug> = self
            .met
            .iter()
            .filter(|(at, _)| *at >= sight.now - DAY)
            .map(|(_, concept)| concept.clone())
            .collect();
        asking::candidates(
            &Desk {
                pairs: &self.pairs,
                catalogue,
                touched: &touched,
                probes: &sight.probes,
                retracts: &sight.retracts,
                muted: &sight.muted,
                claims: &sight.claims,
                now: sight.now,
            },
            reach,
        )
    }

    /// What the policy says now. An ask is given and stands open.
    pub fn decide(&mut self, policy: &dyn Policy, catalogue: &Catalogue) -> Decision {
        let mut sight = self.sight();
        policy.see(&mut sight);
        let mut situation = Situation::of(&sight.moments, sight.now, sight.utc_offset_s);
        policy.read(&mut situation);
        let decide = |candidates: &[Candidate]| {
            asking::decide(&situation, &sight.settings, &sight.history, candidates)
        };
        // Candidates cost more than all the rest: only where the moment is one.
        let mut decision = decide(&[]);
        if matches!(decision, Decision::Wait(Wait::NothingToGain { .. })) {
            let mut candidates = self.candidates(&sight, catalogue, Reach::Met);
            policy.weigh(&mut candidates);
            decision = decide(&candidates);
        }
        if let Decision::Ask(choice) = &decision {
            self.give(choice, false);
        }
        decision
    }

    /// `aiworklab quiz`, on a concept or on any.
    pub fn request(&mut self, catalogue: &Catalogue, named: Option<&Slug>) -> Option<Choice> {
        let sight = self.sight();
        let reach = named.map_or(Reach::Met, Reach::Named);
        let mut candidates = self.candidates(&sight, catalogue, reach);
        if candidates.is_empty() {
            candidates = self.candidates(&sight, catalogue, Reach::All);
        }
        let history = if named.is_some() {
            &[][..]
        } else {
            &sight.history[..]
        };
        let choice = asking::choose_requested(sight.now, history, &candidates)?;
        self.give(&choice, true);
        Some(choice)
    }

    fn give(&mut self, choice: &Choice, requested: bool) {
        self.given.push(Given {
            shown: self.shown,
            real: self.real,
            concept: choice.concept.clone(),
            new: choice.new,
            requested,
            outcome: AskOutcome::Pending,
        });
        self.open = Some(choice.clone());
    }

    /// Ends the check that was given last, if it is open; whether it was.
    pub fn end(&mut self, end: End) -> bool {
        let Some(choice) = self.open.take() else {
            return false;
        };
        let Some(given) = self.given.last_mut() else {
            return false;
        };
        given.outcome = match end {
            End::Right | End::Wrong | End::Unsure => AskOutcome::Answered,
            End::Later => AskOutcome::Snoozed,
            End::Dismiss => AskOutcome::Dismissed,
        };
        let concept = choice.concept;
        let counts = self
            .pairs
            .get(&concept)
            .is_none_or(|pair| pair.counts(Hour::floor(self.shown)));
        let said = match end {
            End::Right => SeenOutcome::Right,
            End::Wrong => SeenOutcome::Wrong,
            End::Unsure => SeenOutcome::Unsure,
            End::Later | End::Dismiss => SeenOutcome::Skipped,
        };
        if let Some(claim) = self.claims.get_mut(&concept) {
            *claim = claim.answered(self.shown, said, choice.harder && counts);
        }
        if !matches!(end, End::Right | End::Wrong) {
            return true;
        }
        let outcome = if end == End::Right {
            Outcome::Pass
        } else {
            Outcome::Fail
        };
        self.observe(
            &concept,
            Observation::Answer(Answer {
                outcome,
                kind: AnswerKind::Choice4,
                probe: choice.probe,
            }),
        );
        if counts {
            self.probes.remove(&concept);
            let claimed = self
                .claims
                .get(&concept)
                .is_some_and(|claim| claim.is_open(self.shown) || claim.is_quiet(self.shown));
            let state = self
                .pairs
                .get(&concept)
                .map_or(State::Unknown, |pair| pair.state);
            self.random = self
                .random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mut drawn = self.random >> 11;
            if self.many_probes && drawn.is_multiple_of(2) {
                drawn -= drawn % 1000;
            }
            if outcome == Outcome::Pass
                && !claimed
                && let Some(days) = memory::probe_after(state, drawn)
            {
                self.probes
                    .insert(concept, self.shown + i64::from(days) * DAY);
            }
        }
        true
    }
}
