//! Reads records into one transaction: acts become moments and concepts met.

use super::happened::{Counted, Happened, Tag};
use super::{Ears, Report};
use crate::error::Result;
use crate::graph::{self, Pairs};
use crate::likeness::Plans;
use crate::policy::Policy;
use crate::spool::Record;
use crate::store::{NewMention, RuleOf, Txn, fresh_stream};
use crate::words;
use crate::world::World;
use adapters::Read;
use aws_lc_rs::hmac;
use kernel::asking::Muted;
use kernel::catalogue::Catalogue;
use kernel::delta::{Delta, Evidence, Observation, Retract, State};
use kernel::event::{Act, Event};
use kernel::ids::{DAY, Hour, Slug};
use kernel::sync::{Rows, client};
use kernel::tagging::{self, Mention, Part, Place, SourceChange, Strength, Tagged, Tagger, plan};
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What is counted where an event is not read, whatever it says.
const NOT_ALLOWED: &str = "not read: the policy leaves the harness out";
/// Where a concept was met that a plan told.
const A_PLAN: &str = "a plan";
/// Longest line of the engineer's that is kept, in characters.
const LINE_CHARS: usize = 240;
/// Most different names of unknown shapes that are counted apart.
const NAMES: usize = 100;
/// Most turns that are remembered.
const TURNS: usize = 64;
/// Most added lines of one file that are hashed.
const HASHED_LINES: usize = 10_000;

/// Reads records into one transaction.
pub(super) struct Reader<'w> {
    world: &'w dyn World,
    key: hmac::Key,
    now: i64,
    pairs: Pairs,
    retracts: Vec<Retract>,
    resting: BTreeSet<RuleOf>,
    muted: Muted,
    /// Sessions in which the harness waits for an approval.
    waiting: BTreeSet<Vec<u8>>,
    adapters: &'w mut adapters::Reader,
    plans: &'w mut Plans,
    turns: &'w mut VecDeque<(String, Vec<u8>)>,
    watch: &'w mut dyn FnMut(Happened),
    pub(super) report: Report,
}

impl<'w> Reader<'w> {
    pub(super) fn new(
        world: &'w dyn World,
        txn: &mut Txn<'_>,
        now: i64,
        Ears {
            adapters,
            plans,
            turns,
            transcripts: _,
        }: &'w mut Ears,
        watch: &'w mut dyn FnMut(Happened),
    ) -> Result<Self> {
        txn.began(now)?;
        txn.keep_time(now)?;
        Ok(Self {
            world,
            key: hmac::Key::new(hmac::HMAC_SHA256, &txn.hash_key(world)?),
            now,
            pairs: graph::pairs(txn)?,
            retracts: txn.retracts()?,
            resting: txn.resting()?.into_keys().collect(),
            muted: txn.muted()?,
            waiting: txn.approvals_asked(now - DAY)?,
            adapters,
            plans,
            turns,
            watch,
            report: Report::default(),
        })
    }

    fn hash(&self, what: &str, parts: &[&[u8]]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(what.as_bytes());
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign()
    }

    /// Takes one record.
    pub(super) fn take(
        &mut self,
        txn: &mut Txn<'_>,
        record: &Record,
        policy: &Policy,
    ) -> Result<()> {
        if let Some(id) = record.id
            && !txn.is_first(&id, self.now)?
        {
            // A hook that heard no answer kept it, and the agent had taken it.
            return Ok(());
        }
        self.report.read += 1;
        if !policy.harness_allowed(record.harness) {
            return txn.count(NOT_ALLOWED, 1);
        }
        let read = self
            .adapters
            .read(record.harness, &record.payload, record.cut);
        let event = match read {
            Read::Event(event) => event,
            Read::Ignored => return Ok(()),
            Read::Unknown(name) => {
                self.report.not_understood += 1;
                let known = txn.tallies()?;
                let name = format!("{}: unknown {name}", record.harness.name());
                let room = known.len() < NAMES || known.contains_key(&name);
                return txn.count(if room { &name } else { "unknown, others" }, 1);
            }
            Read::Unreadable => {
                self.report.not_understood += 1;
                return txn.count(&format!("{}: no JSON", record.harness.name()), 1);
            }
        };
        // T3 Code tells what another harness did.
        if !policy.harness_allowed(event.origin.harness) {
            return txn.count(NOT_ALLOWED, 1);
        }
        if event.cut {
            txn.count("longer than what is kept of a payload, read in part", 1)?;
        }
        let left_out = u64::try_from(event.files_left_out).unwrap_or(u64::MAX);
        txn.count("files beyond the limit of one change", left_out)?;
        self.happened(txn, record, &event)
    }

    fn happened(&mut self, txn: &mut Txn<'_>, record: &Record, event: &Event) -> Result<()> {
        // A clock that was set back must not make something happen tomorrow.
        let at = record.at.min(self.now);
        let session = self.session(event);
        let session = &session.as_ref()[..16];
        let mut told = Happened::new(at, record.harness, session, event);
        if !self.is_first(txn, record, event, at)? {
            told.again = true;
            (self.watch)(told);
            return Ok(());
        }
        if !matches!(event.act, Act::ApprovalAsked) && self.waiting.remove(session) {
            txn.add_moment(at, session, "approval-answered")?;
        }
        self.follow(txn, at, session, event)?;
        self.moments(txn, at, session, event)?;
        self.tag(txn, at, event, &mut told)?;
        (self.watch)(told);
        Ok(())
    }

    /// Takes an act that a transcript told. What it brings up counts as any; it is no moment to ask
    /// in, nor does it stand in the way of one: it is over.
    pub(super) fn recall(&mut self, txn: &mut Txn<'_>, at: i64, event: &Event) -> Result<()> {
        let harness = event.origin.harness;
        let record = Record {
            harness,
            at: at.min(self.now),
            cut: false,
            id: None,
            payload: Vec::new(),
        };
        if adapters::identity(event).is_none() || !self.is_first(txn, &record, event, record.at)? {
            return Ok(());
        }
        self.report.recalled += u64::from(!matches!(event.act, Act::Planned(_)));
        let session = self.session(event);
        let mut told = Happened::new(record.at, harness, &session.as_ref()[..16], event);
        self.tag(txn, record.at, event, &mut told)?;
        (self.watch)(told);
        Ok(())
    }

    /// Which session of which harness an event is of: its first 16 bytes are what is kept.
    fn session(&self, event: &Event) -> hmac::Tag {
        let harness = event.origin.harness.name().as_bytes();
        self.hash("session", &[harness, event.origin.session.as_bytes()])
    }

    /// Whether nobody told this act before.
    fn is_first(&self, txn: &Txn<'_>, record: &Record, event: &Event, at: i64) -> Result<bool> {
        let id = match adapters::identity(event) {
            Some(parts) => {
                let parts = parts.each_ref().map(|part| part.as_bytes());
                self.hash("act", &parts)
            }
            None if matches!(event.act, Act::Changed(_) | Act::Ran(_) | Act::Stopped) => {
                let harness = event.origin.harness.name().as_bytes();
                let session = event.origin.session.as_bytes();
                self.hash("act", &[harness, session, &record.payload])
            }
            None => return Ok(true),
        };
        txn.is_first(id.as_ref(), at)
    }

    /// Follows a turn to the session that it turns out to be of: T3 Code tells that a turn of Codex began
    /// before it tells which session of Codex that is. The first one would wait for its end for ever.
    fn follow(&mut self, txn: &Txn<'_>, at: i64, session: &[u8], event: &Event) -> Result<()> {
        let Some(turn) = &event.origin.turn else {
            return Ok(());
        };
        if matches!(event.act, Act::TurnBegan) {
            self.turns.push_back((turn.clone(), session.to_vec()));
            if self.turns.len() > TURNS {
                self.turns.pop_front();
            }
            return Ok(());
        }
        let begun = self.turns.iter_mut().rev().find(|(begun, _)| begun == turn);
        if let Some((_, told)) = begun
            && told != session
        {
            txn.add_moment(at, told, "session-ended")?;
            txn.add_moment(at, session, "turn-began")?;
            *told = session.to_vec();
        }
        Ok(())
    }

    fn moments(&mut self, txn: &Txn<'_>, at: i64, session: &[u8], event: &Event) -> Result<()> {
        match &event.act {
            Act::SessionBegan => {
                // The day's first session is a moment to ask in.
                if !txn.any_moment(self.world.midnight(at))? {
                    txn.add_moment(at, session, "day-start")?;
                }
            }
            Act::SessionEnded => txn.add_moment(at, session, "session-ended")?,
            Act::TurnBegan => txn.add_moment(at, session, "turn-began")?,
            Act::TurnEnded => txn.add_moment(at, session, "turn-ended")?,
            Act::TurnInterrupted => txn.add_moment(at, session, "turn-interrupted")?,
            Act::Stopped => txn.add_moment(at, session, "stopped")?,
            // Any act answers an approval, and was noted before.
            Act::ApprovalAnswered | Act::Planned(_) => {}
            Act::ApprovalAsked => {
                self.waiting.insert(session.to_vec());
                txn.add_moment(at, session, "approval-asked")?;
            }
            Act::Changed(_) => txn.add_moment(at, session, "edit")?,
            Act::Ran(ran) => {
                if let Some(passed) = ran.tests() {
                    let what = if passed {
                        "tests-passed"
                    } else {
                        "tests-failed"
                    };
                    txn.add_moment(at, session, what)?;
                }
                if ran.commits() {
                    txn.add_moment(at, session, "commit")?;
                }
            }
        }
        Ok(())
    }

    fn tag(
        &mut self,
        txn: &mut Txn<'_>,
        at: i64,
        event: &Event,
        told: &mut Happened,
    ) -> Result<()> {
        if let Act::Changed(changes) = &event.act {
            let lines = changes
                .iter()
                .map(|change| change.added_lines().count() as u64);
            told.added_lines = lines.sum();
        }
        let fresh = self.fresh_steps(txn, at, event, told)?;
        let plans = &mut *self.plans;
        // A text on which the tagger fails must not keep the rest waiting.
        let parts = catch_unwind(AssertUnwindSafe(|| match &event.act {
            Act::Planned(steps) => plans.parts(steps, &fresh),
            _ => (tagging::tag_event(event), None),
        }));
        // What the tagger makes of code without the rules that were called wrong; plans lean on none.
        let rules_rest = !self.resting.is_empty() && !matches!(event.act, Act::Planned(_));
        let left = rules_rest.then(|| {
            let without = || Tagger::builtin().tag_event_without(event, &self.resting);
            catch_unwind(AssertUnwindSafe(without)).unwrap_or_default()
        });
        let Ok((parts, counted)) = parts else {
            told.passed_over
                .push((told.act.clone(), "the tagger failed on it".to_owned()));
            return txn.count("a text that the tagger failed on", 1);
        };
        if let Some(name) = counted {
            txn.count(name, 1)?;
        }
        for part in parts {
            let Part {
                place,
                name,
                tagged,
            } = part;
            let without = left.iter().flatten().find(|part| part.place == place);
            let without = without.map(|part| &part.tagged);
            let (place, change, text) = match (&event.act, place) {
                (Act::Changed(changes), Place::File(n)) => {
                    let Some(change) = changes.get(n) else {
                        continue;
                    };
                    (change.short_name(), Some(change), "")
                }
                (Act::Ran(ran), Place::Command) => ("a command", None, ran.command.as_str()),
                (Act::Planned(steps), Place::Step(n)) => {
                    let Some(step) = steps.get(n) else { continue };
                    (A_PLAN, None, step.as_str())
                }
                _ => continue,
            };
            if let Some(skipped) = &tagged.skipped {
                txn.count(&format!("passed over: {}", skipped.name()), 1)?;
                told.passed_over.push((words::plain(name), skipped.text()));
            }
            let found = Found {
                at,
                place,
                change,
                text,
            };
            self.met(txn, &found, (&tagged, without), told)?;
        }
        Ok(())
    }

    /// A plan is told again and again; each of its steps counts once.
    fn fresh_steps(
        &self,
        txn: &Txn<'_>,
        at: i64,
        event: &Event,
        told: &Happened,
    ) -> Result<Vec<usize>> {
        let Act::Planned(steps) = &event.act else {
            return Ok(Vec::new());
        };
        let mut fresh = Vec::new();
        for (n, step) in steps.iter().enumerate().take(plan::MAX_STEPS) {
            let id = self.hash("step", &[&told.session.to_be_bytes(), step.as_bytes()]);
            if txn.is_first(id.as_ref(), at)? {
                fresh.push(n);
            }
        }
        Ok(fresh)
    }

    fn met(
        &mut self,
        txn: &mut Txn<'_>,
        found: &Found<'_>,
        (tagged, without): (&Tagged, Option<&Tagged>),
        told: &mut Happened,
    ) -> Result<()> {
        if tagged.mentions.is_empty() {
            return Ok(());
        }
        let diff = found.hash(self);
        let file = short(found.place);
        let hour = txn.hour_at(found.at)?;
        for mention in &tagged.mentions {
            let concept = graph::resolved(mention.concept.clone());
            let counted = self.counts(txn, (found.at, hour), without, &concept, mention)?;
            let line = short(found.line(mention.line));
            let within = mention.within.as_deref().map(short);
            if counted == Counted::Yes {
                txn.add_met_by(&concept, hour, &mention.detector)?;
                txn.add_mention(&NewMention {
                    at: found.at,
                    concept: &concept,
                    detector: &mention.detector,
                    strong: mention.strength == Strength::Strong,
                    diff: diff.as_ref(),
                    file: &file,
                    // A plan's words may be the engineer's own: of it, no text is kept.
                    line: if matches!(found.place, A_PLAN) {
                        ""
                    } else {
                        &line
                    },
                    row: mention.row,
                    confidence: mention.confidence.get(),
                    within: within.as_deref(),
                })?;
                self.report.met.insert(concept.clone());
            }
            told.tags.push(Tag {
                concept,
                rule: mention.detector.clone(),
                place: file.clone(),
                row: mention.row,
                confidence: mention.confidence.get(),
                strength: mention.strength,
                line,
                within,
                counted,
            });
        }
        Ok(())
    }

    /// Whether a mention rests: its rule was called wrong, or the tagger does not make it `without`
    /// the rules that were.
    fn rests(&self, without: Option<&Tagged>, concept: &Slug, mention: &Mention) -> bool {
        self.resting
            .contains(&(concept.clone(), mention.detector.clone()))
            || without.is_some_and(|left| !left.holds(mention))
    }

    /// Whether a mention counts; where it does, it is noted once a day that the concept was met.
    fn counts(
        &mut self,
        txn: &mut Txn<'_>,
        (at, hour): (i64, Hour),
        without: Option<&Tagged>,
        concept: &Slug,
        mention: &Mention,
    ) -> Result<Counted> {
        if self.rests(without, concept, mention) {
            return Ok(Counted::Resting);
        }
        if self.muted.covers(Catalogue::builtin(), concept) {
            return Ok(Counted::Muted);
        }
        let pair = self.pairs.entry(concept.clone()).or_default();
        let from = pair.state;
        let to = if from == State::Unknown {
            State::Seen
        } else {
            from
        };
        let evidence = Evidence {
            concept: concept.clone(),
            observed: Observation::Seen,
            from,
            to,
            at: hour,
        };
        let delta = Delta::Evidence(evidence.clone());
        // An hour never falls within a stream: an act that is told late has a later one than its own.
        let own = Hour::floor(at.saturating_add(client::Local::offset(txn)?)).min(hour);
        let then = Delta::Evidence(Evidence {
            at: own,
            ..evidence.clone()
        });
        if self
            .retracts
            .iter()
            .any(|retract| delta.is_covered_by(retract) || then.is_covered_by(retract))
        {
            return Ok(Counted::Forgotten);
        }
        if !txn.is_seen_on(concept, hour.day())? {
            let fresh = fresh_stream(self.world)?;
            let what = (concept.clone(), Observation::Seen);
            client::record(txn, at, || fresh, what, (from, to))?;
            pair.observe(&evidence);
        }
        Ok(Counted::Yes)
    }
}

/// Where mentions were found.
struct Found<'a> {
    at: i64,
    place: &'a str,
    change: Option<&'a SourceChange>,
    /// The command or the plan's step.
    text: &'a str,
}

impl Found<'_> {
    fn line(&self, n: u32) -> &str {
        let nth = (n as usize).saturating_sub(1);
        match self.change {
            Some(change) => change.added_line(n),
            None => self.text.lines().nth(nth),
        }
        .unwrap_or_default()
    }

    /// A hash of the added lines, which nobody without this device's key can guess back.
    fn hash(&self, reader: &Reader<'_>) -> hmac::Tag {
        match self.change {
            None => reader.hash("diff", &[self.text.as_bytes()]),
            Some(change) => {
                let lines = change.added_lines().take(HASHED_LINES);
                let lines: Vec<&[u8]> = lines.map(str::as_bytes).collect();
                reader.hash("diff", &lines)
            }
        }
    }
}

fn short(text: &str) -> String {
    words::plain(text.trim()).chars().take(LINE_CHARS).collect()
}
