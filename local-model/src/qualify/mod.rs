//! Qualification: what a model earns by being measured on the machine that it runs on.
//!
//! A model is not believed: it is asked about texts of which people said how they are ([`LabelledSet`]),
//! and gets [`Tier::Ranker`] only if it beats a random draw at one role at least, and is then used for
//! that role alone. Of several ways to score, the best is chosen on one half of the groups (tuning) and
//! measured on the other (held out): the figure that decides never chose anything.
//!
//! Invariant: a role is earned if and only if its held-out area is ≥ [`EARNED_AUC`] with a 95 % interval
//! above 0.5, in all and within each source of labels; so a model at chance, a constant one, and one that
//! knows the length of a text alone, earn nothing.
//! Elsewhere: the scorings are [`crate::rank`]'s; what an earned role is used for is [`crate::make`]'s.

mod auc;
mod labels;
mod likeness;
#[cfg(test)]
pub(crate) mod tests;

use kernel::catalogue::Catalogue;
use kernel::items::{ModelPart, Tier};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use auc::Area;
pub use labels::LabelledSet;
pub use likeness::{LikenessResult, NEAR_DUPLICATE};

use crate::Model;
use crate::rank::{Book, RankError, Role, Scoring, reading, tempting};
use auc::{Scored, Tally};
use labels::{Source, held_out};

/// Least area on the held-out half that earns a role; 0.5 is a random draw.
pub const EARNED_AUC: f64 = 0.6;

/// Rises with every change of how models are measured, so that old results are measured again.
const METHOD: u16 = 1;

/// Share of the work that the tuning half is, in percent: it is asked in every way.
const TUNING_SHARE: usize = 70;

/// Which model was measured, and against what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The language model's name, as [`ModelPart`] carries it.
    pub name: String,
    /// SHA-256 of its file, 64 lower-case hex digits.
    pub sha256: String,
    /// SHA-256 of the sentence model's weights, if there is one.
    pub sentences: Option<String>,
    /// The catalogue's version.
    pub catalogue: u32,
}

impl Identity {
    /// Of this model and catalogue.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        sha256: impl Into<String>,
        sentences: Option<String>,
        catalogue: &Catalogue,
    ) -> Self {
        Self {
            name: name.into(),
            sha256: sha256.into(),
            sentences,
            catalogue: catalogue.version(),
        }
    }

    /// Name of all that a result depends on: both digests, the catalogue, the labelled set, the method.
    /// The machine is not part of it; 64 hex digits.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = Sha256::new();
        let sentences = self.sentences.as_deref().unwrap_or("none");
        let written = labels::written_digest();
        let (method, catalogue) = (METHOD.to_string(), self.catalogue.to_string());
        for part in [&method, &self.sha256, sentences, &catalogue, &written] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// An area within one source of labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceArea {
    /// `catalogue` (pulls) or `written` (for qualification).
    pub source: String,
    /// On its held-out groups.
    pub held_out: Area,
}

/// How a model did at one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleResult {
    /// Which.
    pub role: Role,
    /// The way to score that did best on the tuning half.
    pub scoring: Scoring,
    /// Its area there: chosen as the best, so it flatters.
    pub tuning: Area,
    /// Its area on the half that was held out: this one decides.
    pub held_out: Area,
    /// The same by source of labels.
    pub sources: Vec<SourceArea>,
    /// Whether the role is earned.
    pub earned: bool,
    /// Why, or why not.
    pub reason: String,
}

/// What a model earned. Kept as JSON, and measured again where [`Qualified::is_for`] says no.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Qualified {
    /// [`Identity::key`] at that time.
    pub key: String,
    /// Which model.
    pub identity: Identity,
    /// When it was measured, in seconds since 1970 UTC, by the caller's clock.
    pub at: i64,
    /// [`Tier::Ranker`] if a role was earned, else [`Tier::None`].
    pub tier: Tier,
    /// Each role's result.
    pub roles: Vec<RoleResult>,
    /// What the sentence model knows of likeness; `None` where there is no sentence model.
    pub likeness: Option<LikenessResult>,
}

impl Qualified {
    /// Whether this result still counts for that model, catalogue and labelled set.
    #[must_use]
    pub fn is_for(&self, identity: &Identity) -> bool {
        self.key == identity.key()
    }

    /// The roles that were earned, with the way to score of each.
    #[must_use]
    pub fn earned(&self) -> Vec<(Role, Scoring)> {
        let roles = self.roles.iter();
        match self.tier {
            Tier::None => Vec::new(),
            _ => roles
                .filter(|r| r.earned)
                .map(|r| (r.role, r.scoring))
                .collect(),
        }
    }

    /// The model's part in items; the place is an item's own.
    #[must_use]
    pub fn part(&self) -> ModelPart {
        ModelPart {
            name: self.identity.name.clone(),
            sha256: self.identity.sha256.clone(),
            tier: self.tier,
            place: None,
        }
    }

    /// Whether near-duplicates are told by the sentence model.
    #[must_use]
    pub fn tells_likeness(&self) -> bool {
        self.likeness.as_ref().is_some_and(|l| l.holds)
    }

    /// One sentence for a page or a log.
    #[must_use]
    pub fn summary(&self) -> String {
        let name = &self.identity.name;
        let earned: Vec<&str> = self.earned().iter().map(|(r, _)| r.as_str()).collect();
        if earned.is_empty() {
            let best = self
                .roles
                .iter()
                .map(|r| r.held_out.auc)
                .fold(0.0, f64::max);
            return format!(
                "{name} does not beat a random draw here (best area {best:.2}, {EARNED_AUC} and sure is \
                 needed): tier none, items are drawn at random."
            );
        }
        format!(
            "{name} beats a random draw at this: {}. Tier ranker.",
            earned.join("; ")
        )
    }

    /// All figures, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.summary()];
        for role in &self.roles {
            let word = if role.earned { "earned" } else { "not earned" };
            lines.push(format!("{}: {word}, {}", role.role.as_str(), role.reason));
            lines.push(format!(
                "  scoring {}, chosen on the tuning half: area {}",
                role.scoring.as_str(),
                role.tuning
            ));
            lines.push(format!("  held-out half: area {}", role.held_out));
            for part in &role.sources {
                lines.push(format!(
                    "    {} labels: area {}",
                    part.source, part.held_out
                ));
            }
        }
        lines.push(match &self.likeness {
            Some(likeness) => likeness.to_string(),
            None => "likeness: not measured, there is no sentence model".to_owned(),
        });
        lines
    }
}

/// Measures a model. `now` is kept as the date; `progress` hears how much is done, and of how much.
///
/// # Errors
/// [`RankError::Down`] if the model stops, [`RankError::Answer`] if it answers nonsense. Neither says
/// anything about its tier: measure again.
pub async fn qualify<M: Model + Sync>(
    model: &M,
    set: &LabelledSet,
    identity: Identity,
    now: i64,
    mut progress: impl FnMut(usize, usize) + Send,
) -> Result<Qualified, RankError> {
    let mut book = Book::default();
    let doing = "measuring the language model";
    // What is needed is noted in the first round, and read in the second.
    let every = |role: Role| role.scorings().to_vec();
    tallied(&mut book, set, false, &every);
    let told = |done, of| progress(TUNING_SHARE * done / of, 100);
    book.fetch(model, doing, told).await?;
    let tuning = tallied(&mut book, set, false, &every);
    let chosen = Role::ALL.map(|role| (role, choose(role, &tuning)));
    let one = |role: Role| {
        let chosen = chosen.iter().filter(|(r, _)| *r == role);
        chosen.map(|(_, scoring)| *scoring).collect()
    };
    tallied(&mut book, set, true, &one);
    let told = |done, of| progress(TUNING_SHARE + (100 - TUNING_SHARE) * done / of, 100);
    book.fetch(model, doing, told).await?;
    let held_out = tallied(&mut book, set, true, &one);
    let judged = chosen.map(|(role, scoring)| judge(role, scoring, &tuning, &held_out));
    let roles: Vec<RoleResult> = judged.into();
    let likeness = match identity.sentences {
        Some(_) => Some(likeness::measure(model, set).await?),
        None => None,
    };
    let earned = roles.iter().any(|r| r.earned);
    Ok(Qualified {
        key: identity.key(),
        identity,
        at: now,
        tier: if earned { Tier::Ranker } else { Tier::None },
        roles,
        likeness,
    })
}

/// A group's tally under one way to score.
struct Tallied {
    role: Role,
    scoring: Scoring,
    source: Source,
    tally: Tally,
}

/// The groups of one half, under the wanted ways to score.
fn tallied(
    book: &mut Book,
    set: &LabelledSet,
    held: bool,
    wanted: &impl Fn(Role) -> Vec<Scoring>,
) -> Vec<Tallied> {
    let mut look = |prefix: &str, continuation: &str| book.look(prefix, continuation);
    let mut all = Vec::new();
    for source in [Source::Catalogue, Source::Written] {
        let groups: Vec<_> = set.answers.iter().filter(|g| g.source == source).collect();
        let halves = held_out(groups.iter().map(|g| g.id.as_str()));
        let half = groups.iter().zip(halves).filter(|(_, h)| *h == held);
        for (group, _) in half {
            for scoring in wanted(Role::Tempting) {
                let scored = group.answers.iter().map(|(text, positive)| Scored {
                    positive: *positive,
                    length: text.chars().count(),
                    score: tempting(&group.asked, text, scoring, &mut look),
                });
                all.push(Tallied {
                    role: Role::Tempting,
                    scoring,
                    source,
                    tally: Tally::of(&scored.collect::<Vec<_>>()),
                });
            }
        }
    }
    let halves = held_out(set.wordings.iter().map(|g| g.id.as_str()));
    let half = set.wordings.iter().zip(halves).filter(|(_, h)| *h == held);
    for (group, _) in half {
        for scoring in wanted(Role::Stem) {
            let scored = [(&group.clear, true), (&group.clumsy, false)];
            let scored = scored.map(|(text, positive)| Scored {
                positive,
                length: text.chars().count(),
                score: reading(text, scoring, &mut look),
            });
            all.push(Tallied {
                role: Role::Stem,
                scoring,
                source: Source::Written,
                tally: Tally::of(&scored),
            });
        }
    }
    all
}

/// Tallies of one role and scoring, of one source of labels or of all.
fn of(all: &[Tallied], role: Role, scoring: Scoring, source: Option<Source>) -> Vec<Tally> {
    let some = all
        .iter()
        .filter(|t| t.role == role && t.scoring == scoring && source.is_none_or(|s| s == t.source));
    some.map(|t| t.tally).collect()
}

/// The way to score that did best on the tuning half; of equals the first.
fn choose(role: Role, tuning: &[Tallied]) -> Scoring {
    let scorings = role.scorings();
    let mut best = (scorings[0], f64::MIN);
    for scoring in scorings {
        let auc = Area::point(&of(tuning, role, *scoring, None));
        if auc > best.1 {
            best = (*scoring, auc);
        }
    }
    best.0
}

/// Measures the chosen way to score on the half that was held out.
fn judge(role: Role, scoring: Scoring, tuning: &[Tallied], held_out: &[Tallied]) -> RoleResult {
    let area = |half: &[Tallied], source: Option<Source>| {
        Area::of(&of(half, role, scoring, source), role.as_str())
    };
    let tuning = area(tuning, None);
    let in_source = |source| area(held_out, Some(source));
    let all = area(held_out, None);
    let sources: Vec<SourceArea> = [
        (Source::Catalogue, "catalogue"),
        (Source::Written, "written"),
    ]
    .into_iter()
    .map(|(source, name)| SourceArea {
        source: name.to_owned(),
        held_out: in_source(source),
    })
    .filter(|s| s.held_out.pairs > 0)
    .collect();
    let unsure = sources.iter().find(|s| s.held_out.low <= 0.5);
    let (earned, reason) = match unsure {
        _ if all.auc < EARNED_AUC => {
            let auc = all.auc;
            (false, format!("its area {auc:.3} is below {EARNED_AUC}"))
        }
        _ if all.low <= 0.5 => {
            let low = all.low;
            (
                false,
                format!("its interval begins at {low:.3}, not above 0.5"),
            )
        }
        Some(part) => {
            let (source, low) = (&part.source, part.held_out.low);
            let reason = format!("within the {source} labels its interval begins at {low:.3}");
            (false, reason)
        }
        None => (true, format!("its area is {:.3}", all.auc)),
    };
    RoleResult {
        role,
        scoring,
        tuning,
        held_out: all,
        sources,
        earned,
        reason,
    }
}
