//! What a sentence model knows of likeness, and from which likeness on two questions are one.

use serde::{Deserialize, Serialize};

use super::labels::{LabelledSet, Source};
use crate::Model;
use crate::rank::{RankError, cosine, embed};

/// Likeness (cosine) from which on a question is refused beside another of its form and concept.
///
/// Chosen by what all-MiniLM-L6-v2 says: of 24 rewordings it refuses 9, of 24 neighbours (other questions
/// with the same words) one, and of 43,349 pairs of questions on different aspects of one concept 1 in
/// 1,000. From 0.85 on it would be 19 rewordings, but also 3 neighbours: a sentence model does not see a
/// “not”, so it may refuse too little, but not what differs.
pub const NEAR_DUPLICATE: f32 = 0.90;

/// Least area between rewordings and neighbours for the sentence model to be used.
const LEAST_AUC: f64 = 0.75;
/// Greatest share of neighbours that may be refused.
const MOST_WRONG: f64 = 0.05;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikenessResult {
    /// [`NEAR_DUPLICATE`] at that time.
    pub threshold: f32,
    /// Chance that a question in other words is found liker than another question of the same topic.
    pub auc: f64,
    /// Share of the rewordings that the threshold refuses.
    pub caught: f64,
    /// Share of other questions of the same topic that it refuses, which it should not.
    pub wrong: f64,
    /// Pairs of each kind.
    pub pairs: usize,
    /// Share of pairs of different aspects of one concept that it refuses, which it should not.
    pub aspects_wrong: f64,
    /// Such pairs.
    pub aspect_pairs: usize,
    /// Whether near-duplicates are told by it.
    pub holds: bool,
}

impl std::fmt::Display for LikenessResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.holds { "holds" } else { "does not hold" };
        write!(
            f,
            "likeness: {word}; area {:.3}; from {:.2} on it refuses {:.0} % of {} rewordings, {:.0} % of \
             as many neighbours, and {:.1} % of {} pairs of different aspects",
            self.auc,
            self.threshold,
            self.caught * 100.0,
            self.pairs,
            self.wrong * 100.0,
            self.aspects_wrong * 100.0,
            self.aspect_pairs
        )
    }
}

/// Measures the sentence model.
pub(super) async fn measure<M: Model + Sync>(
    model: &M,
    set: &LabelledSet,
) -> Result<LikenessResult, RankError> {
    let doing = "measuring the sentence model";
    let likes = set.likes.iter();
    let texts: Vec<String> = likes
        .flat_map(|l| [l.text.clone(), l.same.clone(), l.other.clone()])
        .collect();
    let directions = embed(model, &texts, doing).await?;
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for three in directions.chunks_exact(3) {
        same.push(cosine(&three[0], &three[1]));
        other.push(cosine(&three[0], &three[2]));
    }
    let mut won = 0.0;
    for a in &same {
        for b in &other {
            won += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    let pairs = same.len();
    let auc = won / (pairs * pairs).max(1) as f64;
    let share = |list: &[f32]| {
        let over = list.iter().filter(|c| **c >= NEAR_DUPLICATE).count();
        over as f64 / list.len().max(1) as f64
    };
    let aspects = aspects(model, set, doing).await?;
    let (caught, wrong, aspects_wrong) = (share(&same), share(&other), share(&aspects));
    Ok(LikenessResult {
        threshold: NEAR_DUPLICATE,
        auc,
        caught,
        wrong,
        pairs,
        aspects_wrong,
        aspect_pairs: aspects.len(),
        holds: auc >= LEAST_AUC && wrong <= MOST_WRONG && aspects_wrong <= MOST_WRONG,
    })
}

/// Likeness of every two aspects of one concept, by their first question.
async fn aspects<M: Model + Sync>(
    model: &M,
    set: &LabelledSet,
    doing: &str,
) -> Result<Vec<f32>, RankError> {
    let groups = set.answers.iter();
    let asked: Vec<(&str, String)> = groups
        .filter(|group| group.source == Source::Catalogue)
        .filter_map(|group| {
            let (concept, _) = group.id.split_once('/')?;
            Some((concept, group.asked.stems.first()?.clone()))
        })
        .collect();
    let texts: Vec<String> = asked.iter().map(|(_, stem)| stem.clone()).collect();
    let directions = embed(model, &texts, doing).await?;
    let mut found = Vec::new();
    for (at, (concept, _)) in asked.iter().enumerate() {
        let later = asked.iter().enumerate().skip(at + 1);
        for (other, _) in later.filter(|(_, (c, _))| c == concept) {
            found.push(cosine(&directions[at], &directions[other]));
        }
    }
    Ok(found)
}
