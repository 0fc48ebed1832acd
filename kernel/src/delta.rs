//! Deltas as the domain knows them: evidence and retracts, each a closed type without free text.
//!
//! A delta stands at a *place* `(stream, index)`. The place outlives it: when a delta is removed
//! its place is *gone*, so that streams have no holes. Shapes on the wire are `wire::v1`; what
//! a set of deltas means is `evidence`.

use crate::ids::{Hour, Slug};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an engineer is known to know of a concept.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No evidence at all.
    #[default]
    Unknown,
    /// Met in code, never asked.
    Seen,
    /// Asked; not demonstrated yet.
    Learning,
    /// Answered so that guessing is an unlikely explanation.
    Demonstrated,
    /// Demonstrated, and again three weeks or more later.
    Retained,
    /// Demonstrated once, and then failed.
    Lapsed,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The key was chosen or produced.
    Pass,
    /// Something else was.
    Fail,
}

/// What kind of answer was asked for; decides how likely a guess passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    /// One of four options.
    Choice4,
    /// Every true one of several.
    Multi,
    /// Steps put in order.
    Order,
    /// Text typed, compared with a program's output.
    Typed,
}

impl AnswerKind {
    /// Chance, from 0.0 to 1.0, that a guess passes (`protocol.md`, "Push").
    #[must_use]
    pub const fn guess(self) -> f64 {
        match self {
            Self::Choice4 => 0.25,
            Self::Multi => 0.07,
            Self::Order => 0.04,
            Self::Typed => 0.02,
        }
    }
}

/// A counted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Answer {
    /// How it came out.
    pub outcome: Outcome,
    /// What was asked for.
    pub kind: AnswerKind,
    /// Whether the date was drawn to measure retention, not chosen by the scheduler.
    pub probe: bool,
}

/// What was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observation {
    /// The concept was met in code.
    Seen,
    /// A check was answered.
    Answer(Answer),
}

/// One piece of evidence about one concept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence {
    /// The concept.
    pub concept: Slug,
    /// What was observed.
    pub observed: Observation,
    /// State before, as the client that recorded it saw it. Never folded.
    pub from: State,
    /// State after, as the client that recorded it saw it. Never folded.
    pub to: State,
    /// When.
    pub at: Hour,
}

/// Which concepts a retract names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `*`: all of them.
    All,
    /// One.
    Concept(Slug),
}

impl Scope {
    /// Whether the scope names `concept`.
    #[must_use]
    pub fn names(&self, concept: &Slug) -> bool {
        match self {
            Self::All => true,
            Self::Concept(one) => one == concept,
        }
    }
}

/// The engineer's "forget what I did with this, up to and with this hour", in every stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retract {
    /// What to forget.
    pub scope: Scope,
    /// Up to and with this hour.
    pub at: Hour,
}

/// A delta of a kind that this build does not know: kept verbatim, out of the fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(Map<String, Value>);

/// A delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta {
    /// Something observed.
    Evidence(Evidence),
    /// Something to forget.
    Retract(Retract),
    /// From a newer client, by way of a newer server.
    Unknown(Unknown),
}

impl Delta {
    /// The delta that a JSON object (without `stream` and `i`) says; a kind that is not known,
    /// or a known one with fields that are not, is kept as it is.
    #[must_use]
    pub fn from_object(object: Map<String, Value>) -> Self {
        let known = serde_json::from_value::<Fields>(Value::Object(object.clone()));
        match known.ok().and_then(|fields| fields.delta().ok()) {
            Some(delta) => delta,
            None => Self::Unknown(Unknown(object)),
        }
    }

    /// The delta as a JSON object, without `stream` and `i`.
    #[must_use]
    pub fn to_object(&self) -> Map<String, Value> {
        match self {
            Self::Unknown(Unknown(object)) => object.clone(),
            known => match serde_json::to_value(Fields::of(known)) {
                Ok(Value::Object(object)) => object,
                _ => Map::new(),
            },
        }
    }

    /// The bytes that hashes are taken over: RFC 8785 of the delta without `i`.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(&self.to_object()).unwrap_or_default()
    }

    /// When; an unknown delta may have no hour.
    #[must_use]
    pub fn at(&self) -> Option<Hour> {
        match self {
            Self::Evidence(evidence) => Some(evidence.at),
            Self::Retract(retract) => Some(retract.at),
            Self::Unknown(Unknown(object)) => object
                .get("at")
                .and_then(Value::as_i64)
                .and_then(|at| Hour::new(at).ok()),
        }
    }

    /// The same delta at another hour.
    #[must_use]
    pub fn moved_to(mut self, hour: Hour) -> Self {
        match &mut self {
            Self::Evidence(evidence) => evidence.at = hour,
            Self::Retract(retract) => retract.at = hour,
            Self::Unknown(Unknown(object)) => {
                object.insert("at".into(), hour.unix().into());
            }
        }
        self
    }

    /// The concept that the delta is about, and that a retract can make it forget.
    #[must_use]
    pub fn concept(&self) -> Option<Slug> {
        match self {
            Self::Evidence(evidence) => Some(evidence.concept.clone()),
            Self::Retract(_) => None,
            Self::Unknown(Unknown(object)) => object
                .get("c")
                .and_then(Value::as_str)
                .and_then(|c| Slug::new(c).ok()),
        }
    }

    /// Whether `retract` makes this delta forgotten. Retracts are never forgotten.
    #[must_use]
    pub fn is_covered_by(&self, retract: &Retract) -> bool {
        match (self.concept(), self.at()) {
            (Some(concept), Some(at)) => at <= retract.at && retract.scope.names(&concept),
            _ => false,
        }
    }
}

/// What stands at a place of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Emptied: retracted, moved, deferred or rejected.
    Gone,
    /// A delta.
    Held(Delta),
}

/// Kinds on the wire (`protocol.md`, "Push"; `applied` is reserved and never accepted in v1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Met in code.
    Seen,
    /// Reserved.
    Applied,
    /// A check answered.
    Check,
    /// A check on a drawn date.
    Probe,
    /// Forget.
    Retract,
    /// An emptied place.
    Gone,
}

/// Every field a delta can have, as they stand in JSON; which ones it must have, [`Fields::delta`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// Concept, or `*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<String>,
    /// Kind.
    pub k: Kind,
    /// Outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub o: Option<Outcome>,
    /// Answer kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<AnswerKind>,
    /// State before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f: Option<State>,
    /// State after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<State>,
    /// Seconds, a multiple of 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

/// Why a delta's fields are not a delta; each is a permanent reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reject {
    /// The concept is malformed, or in no catalogue.
    Slug,
    /// The time is missing or no whole hour.
    At,
    /// A field is missing, or one too many for this kind.
    State,
    /// The stream has no room at this index.
    Size,
}

impl Fields {
    /// The fields of an emptied place.
    #[must_use]
    pub const fn gone() -> Self {
        Self {
            c: None,
            k: Kind::Gone,
            o: None,
            m: None,
            f: None,
            t: None,
            at: None,
        }
    }

    fn of(delta: &Delta) -> Self {
        match delta {
            Delta::Evidence(e) => {
                let (k, o, m) = match e.observed {
                    Observation::Seen => (Kind::Seen, None, None),
                    Observation::Answer(a) => (
                        if a.probe { Kind::Probe } else { Kind::Check },
                        Some(a.outcome),
                        Some(a.kind),
                    ),
                };
                Self {
                    c: Some(e.concept.to_string()),
                    k,
                    o,
                    m,
                    f: Some(e.from),
                    t: Some(e.to),
                    at: Some(e.at.unix()),
                }
            }
            Delta::Retract(r) => Self {
                c: Some(match &r.scope {
                    Scope::All => "*".to_owned(),
                    Scope::Concept(slug) => slug.to_string(),
                }),
                at: Some(r.at.unix()),
                k: Kind::Retract,
                ..Self::gone()
            },
            Delta::Unknown(_) => Self::gone(),
        }
    }

    /// The fields of what stands at a place. Unknown deltas are never sent.
    #[must_use]
    pub fn of_place(place: &Place) -> Self {
        match place {
            Place::Gone => Self::gone(),
            Place::Held(delta) => Self::of(delta),
        }
    }

    /// What the fields say: a place with a delta, or an emptied one.
    ///
    /// # Errors
    /// The code of a permanent [`Reject`].
    pub fn place(&self) -> Result<Place, Reject> {
        if self.k == Kind::Gone {
            let bare = *self == Self::gone();
            return if bare {
                Ok(Place::Gone)
            } else {
                Err(Reject::State)
            };
        }
        self.delta().map(Place::Held)
    }

    fn delta(&self) -> Result<Delta, Reject> {
        let at = Hour::new(self.at.ok_or(Reject::At)?).map_err(|_| Reject::At)?;
        let c = self.c.as_deref().ok_or(Reject::Slug)?;
        let concept = || Slug::new(c).map_err(|_| Reject::Slug);
        let evidence = |observed| {
            let (Some(from), Some(to)) = (self.f, self.t) else {
                return Err(Reject::State);
            };
            Ok(Delta::Evidence(Evidence {
                concept: concept()?,
                observed,
                from,
                to,
                at,
            }))
        };
        match (self.k, self.o, self.m) {
            (Kind::Seen, None, None) => evidence(Observation::Seen),
            (Kind::Check | Kind::Probe, Some(outcome), Some(kind)) => {
                let probe = self.k == Kind::Probe;
                evidence(Observation::Answer(Answer {
                    outcome,
                    kind,
                    probe,
                }))
            }
            (Kind::Retract, None, None) if self.f.is_none() && self.t.is_none() => {
                let scope = if c == "*" {
                    Scope::All
                } else {
                    Scope::Concept(concept()?)
                };
                Ok(Delta::Retract(Retract { scope, at }))
            }
            _ => Err(Reject::State),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn what_is_known_goes_through_json_and_back() {
        let check = json!({"c": "pg-advisory-locks", "k": "check", "o": "pass", "m": "choice4",
            "f": "seen", "t": "learning", "at": 7200});
        let delta = Delta::from_object(object(check.clone()));
        assert!(matches!(delta, Delta::Evidence(_)));
        assert_eq!(Value::Object(delta.to_object()), check);
        assert_eq!(
            String::from_utf8(delta.canonical()).unwrap(),
            r#"{"at":7200,"c":"pg-advisory-locks","f":"seen","k":"check","m":"choice4","o":"pass","t":"learning"}"#
        );
    }

    #[test]
    fn an_unknown_kind_is_kept_verbatim() {
        let later = json!({"k": "dreamt", "c": "pg-advisory-locks", "at": 7200, "z": [1, 2]});
        let delta = Delta::from_object(object(later.clone()));
        assert!(matches!(delta, Delta::Unknown(_)));
        assert_eq!(Value::Object(delta.to_object()), later);
        let retract = Retract {
            scope: Scope::All,
            at: Hour::floor(7200),
        };
        assert!(delta.is_covered_by(&retract));
    }

    #[test]
    fn each_kind_has_its_fields_and_no_others() {
        let reject = |value: Value| {
            serde_json::from_value::<Fields>(value)
                .unwrap()
                .place()
                .unwrap_err()
        };
        assert_eq!(
            reject(json!({"k": "seen", "c": "*", "f": "seen", "t": "seen", "at": 0})),
            Reject::Slug
        );
        assert_eq!(
            reject(json!({"k": "seen", "c": "abc", "f": "seen", "t": "seen", "at": 1})),
            Reject::At
        );
        assert_eq!(
            reject(json!({"k": "seen", "c": "abc", "f": "seen", "t": "seen"})),
            Reject::At
        );
        assert_eq!(
            reject(json!({"k": "seen", "c": "abc", "t": "seen", "at": 0})),
            Reject::State
        );
        assert_eq!(
            reject(
                json!({"k": "seen", "c": "abc", "o": "pass", "f": "seen", "t": "seen", "at": 0})
            ),
            Reject::State
        );
        assert_eq!(
            reject(json!({"k": "applied", "c": "abc", "f": "seen", "t": "seen", "at": 0})),
            Reject::State
        );
        assert_eq!(reject(json!({"k": "gone", "c": "abc"})), Reject::State);
        assert_eq!(
            reject(json!({"k": "retract", "c": "abc", "at": 0, "f": "seen"})),
            Reject::State
        );
    }
}
