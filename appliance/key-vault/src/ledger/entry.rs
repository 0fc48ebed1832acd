//! Entries: the closed set of what a ledger may say.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::sha256;
use crate::Error;

/// The largest integer that every JSON reader takes exactly (RFC 8785, RFC 7493).
const EXACT: u64 = 9_007_199_254_740_991;

/// Bytes, written in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HexBytes(#[serde(with = "hex::serde")] pub Vec<u8>);

/// Which CA a list of revocations is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrlIssuer {
    /// The root, which lists the issuing CA.
    Root,
    /// The issuing CA, which lists devices and servers.
    Issuing,
}

/// Why a device was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its owner or an admin took it out of use.
    Retired,
    /// It is lost, or its key may be known to others.
    Lost,
    /// Its person left.
    Left,
    /// Its person had their data erased.
    Erased,
    /// A newer enrolment of the same device took its place.
    Replaced,
}

/// What happened. Random ids, numbers and sealed blobs; nothing else fits in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// The store was made (1) or restored (higher).
    Generation {
        /// Rises with each restore.
        generation: u64,
    },
    /// A device was enrolled. Kept to the month, and sealed as a whole under `k_link`: ids in
    /// the order of enrolment could be laid beside the order of subjects' first hours.
    Enrol {
        /// Device, person, and the sealed link to the subject.
        sealed: HexBytes,
    },
    /// A device's certificates hold no more.
    Revoke {
        /// The device.
        #[serde(with = "hex::serde")]
        device: [u8; 16],
        /// Serial numbers of its certificates that have not ended.
        serials: Vec<HexBytes>,
        /// Why.
        reason: Reason,
    },
    /// A person left the organisation.
    Leaver {
        /// Who.
        #[serde(with = "hex::serde")]
        person: [u8; 16],
    },
    /// A subject's evidence was erased. The person is not named: an older backup beside
    /// this line would join the two.
    Erase {
        /// Which subject.
        #[serde(with = "hex::serde")]
        subject: [u8; 16],
    },
    /// A subject went out of, or back into, the aggregates.
    Exclude {
        /// Which subject.
        #[serde(with = "hex::serde")]
        subject: [u8; 16],
        /// Out (`true`) or in again.
        out: bool,
    },
    /// A token (SCIM, API) was exchanged: the old one is void in any backup.
    TokenRotation {
        /// Its random id.
        #[serde(with = "hex::serde")]
        token: [u8; 16],
    },
    /// A list of revocations was published.
    CrlNumber {
        /// By whom.
        issuer: CrlIssuer,
        /// Its number, which rises.
        number: u64,
    },
}

impl Entry {
    /// What is kept of the time: the day, of an enrolment the first of its month.
    pub(super) fn date(&self, now: i64) -> Result<Date, Error> {
        let at = jiff::Timestamp::from_second(now).map_err(|_| Error::Entry)?;
        let day = jiff::tz::Offset::UTC.to_datetime(at).date();
        Ok(if matches!(self, Self::Enrol { .. }) {
            day.first_of_month()
        } else {
            day
        })
    }

    /// Whether numbers are exact in JSON and lists and blobs no longer than they need be.
    pub(super) fn is_in_bounds(&self) -> bool {
        match self {
            Self::Generation { generation: number } | Self::CrlNumber { number, .. } => {
                *number <= EXACT
            }
            Self::Revoke { serials, .. } => {
                serials.len() <= 64 && serials.iter().all(|it| (1..=20).contains(&it.0.len()))
            }
            Self::Enrol { sealed } => sealed.0.len() <= 1024,
            _ => true,
        }
    }
}

/// A line of the ledger without its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    pub(super) entry: Entry,
    pub(super) n: u64,
    pub(super) on: Date,
    #[serde(with = "hex::serde")]
    pub(super) prev: [u8; 32],
}

/// An entry with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    pub(super) body: Body,
    pub(super) signature: HexBytes,
}

impl Record {
    /// Its number: 1, 2, 3 …
    pub fn n(&self) -> u64 {
        self.body.n
    }
    /// When, as `YYYY-MM-DD` in UTC: the day, of an enrolment the first of its month.
    pub fn on(&self) -> Date {
        self.body.on
    }
    /// What happened.
    pub fn entry(&self) -> &Entry {
        &self.body.entry
    }
    /// The hash that the next line names.
    ///
    /// # Errors
    /// [`Error::LedgerLine`] if it cannot be written.
    pub fn hash(&self) -> Result<[u8; 32], Error> {
        Ok(sha256(&[self.line()?.as_bytes()]))
    }

    /// The one spelling of this line (RFC 8785), without its end.
    pub(super) fn line(&self) -> Result<String, Error> {
        canonical(self, self.body.n)
    }
}

pub(super) fn canonical<T: Serialize>(value: &T, line: u64) -> Result<String, Error> {
    serde_json_canonicalizer::to_string(value).map_err(|_| Error::LedgerLine {
        line,
        why: "it cannot be written",
    })
}
