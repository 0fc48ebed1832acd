//! One audit row: who did what to which thing, when, and how it ended.
//!
//! The canonical text (RFC 8785) of a [`NodeRow`] is what is stored, hashed and
//! exported: one spelling, so a stored row and its export compare byte for byte.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Word};

/// How many details a row may hold.
pub const MAX_DETAILS: usize = 16;

/// The largest integer that every JSON reader takes exactly (RFC 8785, RFC 7493).
const EXACT: i64 = 9_007_199_254_740_991;

/// Seconds of an hour.
const HOUR: i64 = 3600;

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A random actor id; the name behind it is in an erasable table.
    Id(#[serde(with = "hex::serde")] [u8; 16]),
    /// A person acting on their own graph: the actor id, sealed under `k_link`.
    Sealed(#[serde(with = "hex::serde")] Vec<u8>),
    /// The appliance itself: a job, a renewal.
    System,
    /// A person on the machine's own console.
    Console,
}

/// How the act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Ok,
    /// Policy said no.
    Denied,
    /// Allowed, but it could not be done.
    Failed,
}

/// Which thing was acted upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetId {
    /// A random id.
    Id(#[serde(with = "hex::serde")] [u8; 16]),
    /// An id sealed under `k_link`, where the plain one beside the actor would join
    /// a person to a subject.
    Sealed(#[serde(with = "hex::serde")] Vec<u8>),
    /// There is one of this kind only: the configuration, the snapshot.
    Only,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    kind: Word,
    of: TargetId,
}

/// A value of a detail. No variant holds free text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A count, a size, a version.
    Int(i64),
    /// A name of the program's own.
    Word(Word),
    /// A random id.
    Id([u8; 16]),
    /// A SHA-256, such as that of a configuration or a certificate.
    Sha256([u8; 32]),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}
impl From<&'static str> for Value {
    /// As [`Word::fixed`].
    fn from(value: &'static str) -> Self {
        Self::Word(Word::fixed(value))
    }
}
impl From<[u8; 16]> for Value {
    fn from(value: [u8; 16]) -> Self {
        Self::Id(value)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Int(value) => to.serialize_i64(*value),
            Self::Word(word) => word.serialize(to),
            Self::Id(id) => to.serialize_str(&hex::encode(id)),
            Self::Sha256(hash) => to.serialize_str(&format!("sha256:{}", hex::encode(hash))),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(from)? {
            serde_json::Value::Bool(value) => Ok(Self::Bool(value)),
            serde_json::Value::Number(number) => number
                .as_i64()
                .map(Self::Int)
                .ok_or_else(|| D::Error::custom("a detail's number is not an integer")),
            serde_json::Value::String(text) => value_of_text(&text).map_err(D::Error::custom),
            _ => Err(D::Error::custom(
                "a detail is a number, a word, an id or a hash",
            )),
        }
    }
}

fn value_of_text(text: &str) -> Result<Value, Error> {
    let unreadable = Error::Word { what: "a detail" };
    if let Some(digits) = text.strip_prefix("sha256:") {
        let mut hash = [0; 32];
        return match hex::decode_to_slice(digits, &mut hash) {
            Ok(()) => Ok(Value::Sha256(hash)),
            Err(_) => Err(unreadable),
        };
    }
    let mut id = [0; 16];
    if hex::decode_to_slice(text, &mut id).is_ok() {
        return Ok(Value::Id(id));
    }
    Word::stored(text).map(Value::Word)
}

/// Details of a row, by name.
pub type Detail = BTreeMap<Word, Value>;

/// One act. Made by [`AuditRow::new`] and the methods that follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRow {
    at: i64,
    actor: Actor,
    action: Word,
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<Target>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    detail: Detail,
}

impl AuditRow {
    /// A row of an act that succeeded, at `at` (seconds, UTC). Where the actor is
    /// sealed the time is floored to its hour: a second would join what the seal
    /// keeps apart.
    pub fn new(at: i64, actor: Actor, action: impl Into<Word>) -> Self {
        let at = match actor {
            Actor::Sealed(_) => at.div_euclid(HOUR) * HOUR,
            _ => at,
        };
        Self {
            at,
            actor,
            action: action.into(),
            outcome: Outcome::Ok,
            target: None,
            detail: Detail::new(),
        }
    }

    /// Sets how the act ended.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Sets what was acted upon.
    #[must_use]
    pub fn target(mut self, kind: impl Into<Word>, id: TargetId) -> Self {
        self.target = Some(Target {
            kind: kind.into(),
            of: id,
        });
        self
    }

    /// Sets what was acted upon, by its random id.
    #[must_use]
    pub fn on(self, kind: impl Into<Word>, id: [u8; 16]) -> Self {
        self.target(kind, TargetId::Id(id))
    }

    /// Adds a detail; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, name: impl Into<Word>, value: impl Into<Value>) -> Self {
        self.detail.insert(name.into(), value.into());
        self
    }

    /// When, in seconds UTC (a whole hour where the actor is sealed).
    pub fn at(&self) -> i64 {
        self.at
    }
    /// Who.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
    /// What.
    pub fn action(&self) -> &Word {
        &self.action
    }
    /// How it ended.
    pub fn ended(&self) -> Outcome {
        self.outcome
    }
    /// What was acted upon: its kind and id.
    pub fn acted_on(&self) -> Option<(&Word, &TargetId)> {
        self.target
            .as_ref()
            .map(|target| (&target.kind, &target.of))
    }
    /// The details.
    pub fn detail(&self) -> &Detail {
        &self.detail
    }

    /// Checks what the types cannot: ranges, number of details, the hour of a sealed row.
    ///
    /// # Errors
    /// [`Error::Number`], [`Error::TooManyDetails`], [`Error::TooFine`].
    pub fn check(&self) -> Result<(), Error> {
        if self.at.unsigned_abs() > EXACT.unsigned_abs() {
            return Err(Error::Number { what: "at" });
        }
        if self.detail.len() > MAX_DETAILS {
            return Err(Error::TooManyDetails { max: MAX_DETAILS });
        }
        for value in self.detail.values() {
            if let Value::Int(number) = value
                && number.unsigned_abs() > EXACT.unsigned_abs()
            {
                return Err(Error::Number { what: "a detail" });
            }
        }
        if matches!(self.actor, Actor::Sealed(_)) && self.at.rem_euclid(HOUR) != 0 {
            return Err(Error::TooFine);
        }
        Ok(())
    }
}

/// A row with its place in its node's own log. `n` is 1, 2, 3 … without holes for
/// each node, given in the transaction that the row belongs to, so that a row
/// lost before it was chained leaves a gap that a verifier sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeRow {
    /// The node that wrote it; 0 where there is one.
    pub node: u16,
    /// Its number in that node's log.
    pub n: u64,
    /// The act.
    pub row: AuditRow,
}

impl NodeRow {
    /// The one spelling of this row (RFC 8785): what is stored and hashed.
    ///
    /// # Errors
    /// Those of [`AuditRow::check`].
    pub fn canonical(&self) -> Result<String, Error> {
        self.row.check()?;
        if self.n > EXACT.unsigned_abs() {
            return Err(Error::Number { what: "n" });
        }
        canonical("an audit row", self)
    }

    /// Reads a stored row back.
    ///
    /// # Errors
    /// [`Error::Parse`] if it is no row, [`Error::NotCanonical`] if it is one in another
    /// spelling (which two readers might read differently), and those of
    /// [`AuditRow::check`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let row: Self = serde_json::from_str(text).map_err(|source| Error::Parse {
            what: "an audit row",
            source,
        })?;
        if row.canonical()? != text {
            return Err(Error::NotCanonical {
                what: "an audit row",
            });
        }
        Ok(row)
    }
}

/// RFC 8785 text of a value.
pub(crate) fn canonical<T: Serialize>(what: &'static str, value: &T) -> Result<String, Error> {
    serde_json_canonicalizer::to_string(value).map_err(|source| Error::Parse { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> NodeRow {
        NodeRow {
            node: 0,
            n: 7,
            row: AuditRow::new(1_700_000_123, Actor::Id([1; 16]), "device.revoke")
                .on("device", [2; 16])
                .with("reason", "lost")
                .with("sessions", 3_i64)
                .with("notified", true)
                .with("certificate", Value::Sha256([9; 32])),
        }
    }

    #[test]
    fn a_row_has_one_spelling_and_reads_back() {
        let text = row().canonical().unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"n":7,"node":0,"row":{"action":"device.revoke","actor":{"id":"01010101010101010101010101010101"},"#,
                r#""at":1700000123,"detail":{"certificate":"sha256:0909090909090909090909090909090909090909090909090909090909090909","#,
                r#""notified":true,"reason":"lost","sessions":3},"outcome":"ok","#,
                r#""target":{"kind":"device","of":{"id":"02020202020202020202020202020202"}}}}"#
            )
        );
        assert_eq!(NodeRow::parse(&text).unwrap(), row());
    }

    #[test]
    fn another_spelling_of_the_same_row_is_refused() {
        let text = row().canonical().unwrap();
        let spaced = text.replace("\"n\":7", "\"n\": 7");
        assert!(matches!(
            NodeRow::parse(&spaced),
            Err(Error::NotCanonical { .. })
        ));
        let twice = text.replace("\"sessions\":3", "\"sessions\":4,\"sessions\":3");
        assert!(NodeRow::parse(&twice).is_err());
        let upper = text
            .replace("0202020202", "0A02020202")
            .replace("09090909", "0B090909");
        assert!(NodeRow::parse(&upper).is_err());
    }

    #[test]
    fn an_unknown_field_and_free_text_are_refused() {
        let text = row().canonical().unwrap();
        for (from, to) in [
            ("\"n\":7", "\"n\":7,\"note\":\"x\""),
            ("\"lost\"", "\"Ada Lovelace\""),
            ("\"lost\"", "\"ada@example.org\""),
            ("\"lost\"", "null"),
            ("\"lost\"", "[1]"),
            ("\"sessions\":3", "\"sessions\":3.5"),
            ("\"sessions\":3", "\"sessions\":9007199254740993"),
        ] {
            assert!(NodeRow::parse(&text.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn a_sealed_actor_is_only_ever_dated_to_the_hour() {
        let sealed = AuditRow::new(7_325, Actor::Sealed(vec![1, 2, 3]), "graph.view");
        assert_eq!(sealed.at(), 7_200);
        let before_1970 = AuditRow::new(-1, Actor::Sealed(vec![1]), "graph.view");
        assert_eq!(before_1970.at(), -3_600);
        let text = NodeRow {
            node: 0,
            n: 1,
            row: sealed,
        }
        .canonical()
        .unwrap();
        let finer = text.replace("7200", "7201");
        assert!(matches!(NodeRow::parse(&finer), Err(Error::TooFine)));
    }

    #[test]
    fn a_row_takes_no_more_than_its_few_details() {
        const NAMES: [&str; 17] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
        ];
        let mut row = AuditRow::new(0, Actor::System, "job.run");
        for name in NAMES {
            row = row.with(name, 1_i64);
        }
        assert!(matches!(
            row.check(),
            Err(Error::TooManyDetails { max: 16 })
        ));
    }
}
