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

/// What [`Entry::Revoke`] seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The device.
    #[serde(with = "hex::serde")]
    pub device: [u8; 16],
    /// Serial numbers of its certificates that have not ended: at most 64, of 1 to 20 bytes each
    /// (RFC 5280 §4.1.2.2).
    pub serials: Vec<HexBytes>,
    /// Why.
    pub reason: Reason,
}

impl Revocation {
    /// To be sealed: JSON (RFC 8259), filled up with spaces to a multiple of 256 bytes, so that
    /// the length of a line is not the length of a device's serial number.
    ///
    /// # Errors
    /// [`Error::Entry`] for too many or too long serial numbers.
    pub fn to_plain(&self) -> Result<Vec<u8>, Error> {
        if !self.is_in_bounds() {
            return Err(Error::Entry);
        }
        let mut plain = serde_json::to_vec(self).map_err(|_| Error::Entry)?;
        plain.resize(plain.len().next_multiple_of(256), b' ');
        Ok(plain)
    }

    /// What [`Revocation::to_plain`] made.
    ///
    /// # Errors
    /// [`Error::Entry`] for anything else.
    pub fn from_plain(plain: &[u8]) -> Result<Self, Error> {
        let read: Self = serde_json::from_slice(plain).map_err(|_| Error::Entry)?;
        if read.is_in_bounds() {
            Ok(read)
        } else {
            Err(Error::Entry)
        }
    }

    fn is_in_bounds(&self) -> bool {
        self.serials.len() <= 64 && self.serials.iter().all(|it| (1..=20).contains(&it.0.len()))
    }
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
    /// A device's certificates hold no more. Kept to the month, and sealed as a whole under
    /// `k_link`: a day beside a device could be laid beside the end of a subject's stream.
    Revoke {
        /// A [`Revocation`].
        sealed: HexBytes,
    },
    /// A person left the organisation. Kept to the month, and sealed as a whole under `k_link`: a
    /// day beside a person could be laid beside the end of a subject's evidence.
    Leaver {
        /// The person's id.
        sealed: HexBytes,
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
    /// What is kept of the time: the day, of what came to one person the first of its month.
    pub(super) fn date(&self, now: i64) -> Result<Date, Error> {
        let at = jiff::Timestamp::from_second(now).map_err(|_| Error::Entry)?;
        let day = jiff::tz::Offset::UTC.to_datetime(at).date();
        Ok(match self {
            Self::Enrol { .. } | Self::Revoke { .. } | Self::Leaver { .. } => day.first_of_month(),
            _ => day,
        })
    }

    /// Whether numbers are exact in JSON and blobs no longer than they need be.
    pub(super) fn is_in_bounds(&self) -> bool {
        match self {
            Self::Generation { generation: number } | Self::CrlNumber { number, .. } => {
                *number <= EXACT
            }
            Self::Revoke { sealed } => sealed.0.len() <= 4096,
            Self::Enrol { sealed } | Self::Leaver { sealed } => sealed.0.len() <= 1024,
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
    /// When, as `YYYY-MM-DD` in UTC: the day, of what came to one person the first of its month.
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
