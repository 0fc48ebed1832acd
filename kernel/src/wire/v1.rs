//! Version 1 of the sync protocol (`airgap-docs`, "What leaves the machine").
//!
//! Requests deny unknown fields, so that nothing unforeseen can travel to the server; replies do
//! not, so that an old client understands a new server.

use crate::delta::{Fields, Reject};
use crate::ids::{Index, InstanceId, StoreId, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// This version.
pub const VERSION: u16 = 1;
/// Most deltas in one push.
pub const MAX_DELTAS: usize = 500;
/// Largest body, in bytes, as sent.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Largest body, in bytes, after inflating.
pub const MAX_INFLATED_BYTES: usize = 1024 * 1024;
/// Most deltas in one reply to a pull.
pub const MAX_PULL: u32 = 1000;
/// Largest body of a [`SignedPack`], in bytes, as sent.
pub const MAX_PACK_BODY_BYTES: usize = 32 * 1024 * 1024;

/// One delta of a push: its index, then what [`Fields`] has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// Place in the stream; contiguous from the push's `base`.
    pub i: Index,
    /// Concept, or `*` for a retract of everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<String>,
    /// Kind.
    pub k: crate::delta::Kind,
    /// Outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub o: Option<crate::delta::Outcome>,
    /// Answer kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<crate::delta::AnswerKind>,
    /// State before, as the client saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f: Option<crate::delta::State>,
    /// State after, as the client saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<crate::delta::State>,
    /// Seconds, a multiple of 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<i64>,
}

impl Delta {
    /// These fields at this index.
    #[must_use]
    pub fn new(i: Index, fields: Fields) -> Self {
        let Fields {
            c,
            k,
            o,
            m,
            f,
            t,
            at,
        } = fields;
        Self {
            i,
            c,
            k,
            o,
            m,
            f,
            t,
            at,
        }
    }

    /// The fields without the index.
    #[must_use]
    pub fn fields(&self) -> Fields {
        let Self {
            c,
            k,
            o,
            m,
            f,
            t,
            at,
            ..
        } = self.clone();
        Fields {
            c,
            k,
            o,
            m,
            f,
            t,
            at,
        }
    }
}

/// `POST /v1/sync/push`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// [`VERSION`].
    pub v: u16,
    /// The stream.
    pub stream: StreamId,
    /// Index of the first delta.
    pub base: Index,
    /// Catalogue version that the client used.
    pub catalogue: u32,
    /// 1 to [`MAX_DELTAS`].
    pub deltas: Vec<Delta>,
}

/// What became of one delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Stored.
    Ok,
    /// The same delta stands there.
    Dup,
    /// Covered by a retract: drop it.
    Forgotten,
    /// The slug is newer than the server's catalogue: keep it aside, give it again later.
    Defer,
    /// Permanent: keep it aside, out of the fold.
    Reject,
    /// Something that a newer server says.
    #[serde(other)]
    Other,
}

/// One line of a push's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushResult {
    /// Which delta.
    pub i: Index,
    /// What became of it.
    pub r: Verdict,
    /// Why, for a reject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Reject>,
}

/// 200 to a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushReply {
    /// The server's store.
    pub store: StoreId,
    /// Rises at each restore.
    pub generation: u64,
    /// The server's catalogue version.
    pub catalogue: u32,
    /// Highest index of the stream.
    pub head: Index,
    /// The stream's sum, 16 hexadecimal digits.
    pub sum: Sum,
    /// One a delta, in order.
    pub results: Vec<PushResult>,
    /// The server's time, in seconds.
    pub now: i64,
    /// When to come again, in seconds.
    pub poll_s: u32,
}

/// `POST /v1/sync/pull`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pull {
    /// How far the caller holds each stream.
    pub have: BTreeMap<StreamId, Index>,
    /// Most deltas to be sent; up to [`MAX_PULL`].
    pub limit: u32,
}

/// A stream, as a reply to a pull tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStatus {
    /// Highest index.
    pub head: Index,
    /// Sum over its present deltas.
    pub sum: Sum,
    /// How far the caller holds it with this reply.
    pub through: Index,
}

/// One delta of a reply to a pull; what it says is left as JSON, since it may be of a later version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledDelta {
    /// Its stream.
    pub stream: StreamId,
    /// Its index.
    pub i: Index,
    /// The delta.
    #[serde(flatten)]
    pub delta: Map<String, Value>,
}

/// 200 to a pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullReply {
    /// The server's store.
    pub store: StoreId,
    /// Rises at each restore.
    pub generation: u64,
    /// The server's time, in seconds.
    pub now: i64,
    /// The server's catalogue version.
    pub catalogue: u32,
    /// When to come again, in seconds.
    pub poll_s: u32,
    /// Every stream of the subject.
    pub streams: BTreeMap<StreamId, StreamStatus>,
    /// What the caller lacks, up to its limit.
    pub deltas: Vec<PulledDelta>,
    /// Whether there is more.
    pub more: bool,
}

/// Why a whole request was refused, and nothing of it stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// 409: another delta stands at one of the indexes.
    Fork,
    /// 409: `base` is beyond the head.
    Gap,
    /// 409: a delta lies more than an hour in the server's future.
    Clock,
    /// 403: the device was revoked, or its person left.
    Revoked,
    /// 410: the subject was erased.
    Erased,
    /// 401: the device's certificate is over; it may be renewed.
    Expired,
    /// Anything else; `detail` of the error says it.
    #[serde(other)]
    Other,
}

/// The body of every error reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// What a program branches on.
    pub error: Refusal,
    /// Code of the manual, such as `H004`.
    pub code: String,
    /// What a person reads: what is wrong, and the fix.
    pub detail: String,
    /// The stream's head, with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Index>,
    /// The server's time in seconds, with 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<i64>,
}

/// In or out of the organisation's aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregateChoice {
    /// Counted.
    In,
    /// Not counted.
    Out,
}

/// `PUT /v1/me/aggregate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// The choice.
    pub choice: AggregateChoice,
}

/// `/.well-known/aiworklab`, on both ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WellKnown {
    /// Wire versions spoken.
    pub wire: Vec<u16>,
    /// Base URL for people.
    pub people: String,
    /// Base URL for devices.
    pub devices: String,
    /// The store.
    pub store: StoreId,
    /// The catalogue's version.
    pub catalogue: u32,
}

/// `POST /v1/enrol/start`, on the people port. Nothing happens before a person approves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolStart {
    /// [`VERSION`].
    pub v: u16,
    /// The machine's name, 1 to 64 characters: shown to the person who approves, and the only free
    /// text of the protocol.
    pub name: String,
    /// Certificate request, PEM. The CA takes nothing from it but the public key.
    pub csr: String,
}

/// 200 to an [`EnrolStart`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolStarted {
    /// What the person compares, such as `KXWM-2PQT`.
    pub code: String,
    /// What the machine polls with, 64 hexadecimal digits.
    pub poll: String,
    /// How long the code lives, in seconds.
    pub expires_s: u32,
    /// How often to poll, in seconds.
    pub interval_s: u32,
    /// Where the person approves.
    pub verify_url: String,
}

/// `POST /v1/enrol/poll`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolPoll {
    /// [`VERSION`].
    pub v: u16,
    /// From [`EnrolStarted`].
    pub poll: String,
}

/// 200 to an [`EnrolPoll`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum EnrolState {
    /// Nobody has decided yet.
    Pending,
    /// Approved; may be fetched again until the code expires.
    Approved {
        /// PEM: the leaf, then the issuing CA.
        certificate: String,
        /// PEM: the root.
        ca: String,
        /// Base URL for devices.
        devices: String,
        /// End of the certificate, in seconds.
        not_after: i64,
    },
    /// The person said no.
    Refused,
    /// Too late.
    Expired,
}

/// `POST /v1/devices/renew`, on the devices port, with the certificate that is to be followed by
/// another. One that ended may do this and nothing else, for [`RENEWABLE_DAYS`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    /// [`VERSION`].
    pub v: u16,
    /// Certificate request, PEM. The CA takes nothing from it but the public key.
    pub csr: String,
}

/// 200 to a [`Renew`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// PEM: the leaf, then the issuing CA. It names the same device.
    pub certificate: String,
    /// End of the certificate, in seconds.
    pub not_after: i64,
}

/// For how many days after its end a certificate may be renewed.
pub const RENEWABLE_DAYS: i64 = 400;

/// `POST /v1/devices/here`, on the devices port, once a sync: which copy of the folder this is, so
/// that its person hears of it where two machines use one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Here {
    /// [`VERSION`].
    pub v: u16,
    /// The copy.
    pub instance: InstanceId,
}

/// 200 to a [`Here`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Whether another copy uses this certificate too, as far as is known, and its person has not
    /// said that this is right.
    pub shared: bool,
}

/// Reply to `GET /v1/items?have=VERSION`: every item that the appliance has made, for all concepts.
/// 204 without a body where `have` is the newest; 503 with `Retry-After` while none was made yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPack {
    /// [`crate::items::Pack::version_of`] of the inflated bytes.
    pub version: String,
    /// Base64 of the zstd-compressed [`crate::items::Pack::to_bytes`].
    pub pack: String,
    /// Base64 of an ECDSA P-256 signature (SHA-256, ASN.1 DER) over [`SIGNED_PACK`] and the
    /// inflated bytes, by the key of the first certificate.
    pub signature: String,
    /// Base64 of DER certificates: the pack signer's leaf (extended key usage codeSigning), then
    /// the issuing CA. They chain to the root that the client holds.
    pub certificates: Vec<String>,
}

/// What stands before a pack's bytes where they are signed.
pub const SIGNED_PACK: &[u8] = b"aiworklab items 1\0";

/// A stream's sum: 64 bits, as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sum(pub u64);

impl Serialize for Sum {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.len() != 16 {
            return Err(serde::de::Error::custom("a sum is 16 hexadecimal digits"));
        }
        u64::from_str_radix(&text, 16)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_with_an_unknown_field_is_refused_and_named() {
        let body = r#"{"v":1,"stream":"00112233445566778899aabbccddeeff","base":1,"catalogue":1,
            "deltas":[{"i":1,"k":"gone","note":"secret"}]}"#;
        let error = serde_json::from_str::<Push>(body).unwrap_err().to_string();
        assert!(error.contains("unknown field `note`"), "{error}");
    }

    #[test]
    fn a_reply_with_an_unknown_field_is_understood() {
        let body = r#"{"i":7,"r":"postponed","why":"new"}"#;
        let line: PushResult = serde_json::from_str(body).unwrap();
        assert_eq!(
            line,
            PushResult {
                i: 7,
                r: Verdict::Other,
                code: None
            }
        );
    }
}
