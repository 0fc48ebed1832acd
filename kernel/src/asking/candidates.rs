//! What could be asked: from what is known of the engineer to candidates.
//!
//! Here and not in the client, so that what is simulated is what runs.
//!
//! Probes measure whether answers last a month, so a probe is asked on its day
//! or not at all: one that is more than [`PROBE_LATE_S`] late (a holiday, a
//! mute that was taken back) is asked as an ordinary check. Lateness hangs on
//! when the engineer works, not on what the engineer remembers, so leaving
//! late probes out does not bend the figure. A mute and the quiet after “I know
//! this” do drop probes for a reason that may have to do with knowing: the
//! engineer's word goes before the figure. What that does to it is on the safe
//! side for claims (those who know best are left out).
//!
//! Elsewhere: chances are [`crate::memory`]'s, the choice is
//! [`super::decide`]'s.

use std::collections::{BTreeMap, BTreeSet};

use super::doubt::Clicks;
use super::{Candidate, Claim, Muted, Standing};
use crate::catalogue::{Catalogue, Concept};
use crate::delta::{AnswerKind, Retract, State};
use crate::evidence::Pair;
use crate::ids::{DAY, HOUR, Hour, Slug};
use crate::memory::{self, Known};

/// A probe that is later than this, in seconds, is an ordinary check.
pub const PROBE_LATE_S: i64 = 7 * DAY;

/// All that is known of one engineer.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The folded evidence.
    pub pairs: &'a BTreeMap<Slug, Pair>,
    /// What there is to ask.
    pub catalogue: &'a Catalogue,
    /// Concepts met today; those whose evidence is of this UTC day are added.
    pub touched: &'a BTreeSet<Slug>,
    /// The days to which probes are held back, in seconds since 1970 UTC.
    pub probes: &'a BTreeMap<Slug, i64>,
    /// What the engineer had forgotten lately.
    pub retracts: &'a [Retract],
    /// What the engineer does not want to be asked about.
    pub muted: &'a Muted,
    /// What the engineer claims to know.
    pub claims: &'a BTreeMap<Slug, Claim>,
    /// Seconds since 1970 UTC, by the clock that evidence is dated by.
    pub now: i64,
}

/// How far the choice reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// What was met, what that builds on, and what the engineer claims to know: for all that is
    /// asked unasked.
    Met,
    /// Everything that is not muted or quiet: for a check that is requested
    /// when nothing of the former is left.
    All,
    /// This concept, muted or not, before its day or not: for a check on it.
    Named(&'a Slug),
}

/// The concepts that could be asked, with what asking them would bring, by
/// slug.
pub fn candidates(desk: &Desk<'_>, reach: Reach<'_>) -> Vec<Candidate> {
    let touched = desk.touched_today();
    let basis = desk.open_basis(&touched);
    let clicks = Clicks::of(desk.pairs.values());
    let wanted = |slug: &Slug| match reach {
        Reach::Named(named) => slug == named,
        Reach::All => !desk.is_left_alone(slug),
        Reach::Met => {
            let claimed = desk.claims.get(slug).is_some_and(|c| c.is_open(desk.now));
            (claimed || desk.pairs.contains_key(slug) || basis.contains_key(slug))
                && !desk.is_left_alone(slug)
        }
    };
    desk.catalogue
        .askable()
        .filter(|concept| wanted(&concept.slug) && !desk.was_just_forgotten(&concept.slug))
        .map(|concept| {
            let mut candidate = desk.candidate(concept, &touched, &basis, clicks);
            if matches!(reach, Reach::Named(_)) {
                // Asked for by name: held back by nothing but the items themselves.
                let is_due = candidate.not_before.is_none_or(|at| desk.now >= at);
                candidate.probe &= is_due;
                candidate.not_before = None;
            }
            candidate
        })
        .collect()
}

impl Desk<'_> {
    /// What was met today; what is muted does not make anything else matter.
    fn touched_today(&self) -> BTreeSet<&Slug> {
        let today = Hour::floor(self.now).day();
        let of_today = |pair: &Pair| pair.last.is_some_and(|last| last.day() == today);
        let folded = self.pairs.iter().filter(|(_, pair)| of_today(pair));
        self.touched
            .iter()
            .chain(folded.map(|(slug, _)| slug))
            .filter(|slug| !self.muted.covers(self.catalogue, slug))
            .collect()
    }

    /// Prerequisites of what was met today that are not demonstrated, each
    /// with the first that builds on it.
    fn open_basis(&self, touched: &BTreeSet<&Slug>) -> BTreeMap<&Slug, Slug> {
        let known = |slug: &Slug| {
            let state = self.pairs.get(slug).map(|pair| pair.state);
            matches!(state, Some(State::Demonstrated | State::Retained))
        };
        let mut basis = BTreeMap::new();
        for met in touched {
            for below in self.catalogue.prerequisites(met) {
                if !known(&below.slug) {
                    basis.entry(&below.slug).or_insert_with(|| (*met).clone());
                }
            }
        }
        basis
    }

    /// Muted, or quiet after “I know this”.
    fn is_left_alone(&self, slug: &Slug) -> bool {
        let quiet = self.claims.get(slug).is_some_and(|c| c.is_quiet(self.now));
        quiet || self.muted.covers(self.catalogue, slug)
    }

    /// What was just forgotten would be forgotten again: until its hour is
    /// over nothing is asked.
    fn was_just_forgotten(&self, slug: &Slug) -> bool {
        let covers = |r: &Retract| r.scope.names(slug) && self.now < r.at.unix() + HOUR;
        self.retracts.iter().any(covers)
    }

    fn candidate(
        &self,
        concept: &Concept,
        touched: &BTreeSet<&Slug>,
        basis: &BTreeMap<&Slug, Slug>,
        clicks: Clicks,
    ) -> Candidate {
        let slug = &concept.slug;
        let pair = self.pairs.get(slug);
        let in_time = |due: &i64| self.now <= due.saturating_add(PROBE_LATE_S);
        let known = Known {
            concept: slug,
            risk: concept.risk,
            pair,
            touched_today: touched.contains(slug),
            open_prerequisite: basis.contains_key(slug),
            probe_due: self.probes.get(slug).copied().filter(in_time),
        };
        let mut candidate = memory::candidate(&known, AnswerKind::Choice4, self.now);
        // The probe's day was drawn before: it wins, and the claim waits.
        let claim = self
            .claims
            .get(slug)
            .filter(|claim| claim.is_open(self.now) && !candidate.probe);
        candidate.not_before = candidate
            .not_before
            .max(claim.and_then(|claim| claim.due_at()));
        candidate.standing = Standing {
            answered_at: pair.and_then(Pair::last_answer).map(|last| last.at.unix()),
            basis_of: basis.get(slug).cloned(),
            claim: claim.map(Claim::passed),
            doubt: pair.map_or(0.0, |pair| clicks.doubt(pair)),
        };
        candidate
    }
}
