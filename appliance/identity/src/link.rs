//! One-time sign-in links: for the first administrator, and while there is no identity provider.
//!
//! The link holds 256 random bits, the store their hash. It is opened by a
//! `POST` alone (mail scanners and previews only `GET`), works once, for one
//! purpose, for half an hour.
//!
//! Invariant: [`LinkRecord::check`] is asked inside the transaction that then
//! sets `used_at`; two browsers with one link cannot both win.

use crate::secret::{SecretToken, TokenKind, same_secret};

/// Seconds that a link can be used for.
pub const LINK_LIFE_S: i64 = 30 * 60;

/// What a link does. Stored as [`as_str`](Self::as_str).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Makes the person who opens it the first administrator of a new store.
    FirstAdmin,
    /// Signs in the person that it was made for.
    SignIn,
}

impl LinkPurpose {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstAdmin => "first-admin",
            Self::SignIn => "sign-in",
        }
    }

    /// Reads the stored spelling.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::FirstAdmin, Self::SignIn]
            .into_iter()
            .find(|p| p.as_str() == text)
    }
}

/// What is stored of a link. Times are unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// Hash of the secret ([`TokenKind::Link`]); the row's key.
    pub hash: [u8; 32],
    /// What it does.
    pub purpose: LinkPurpose,
    /// When it was made.
    pub created: i64,
    /// When it stops working.
    pub expires: i64,
    /// When it was used, if it was.
    pub used_at: Option<i64>,
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Not a link of ours, or cut off when it was copied.
    #[error("this sign-in link is not known here")]
    Unknown,
    /// Its half hour is over.
    #[error("this sign-in link has expired; links work for 30 minutes")]
    Expired,
    /// It was used.
    #[error("this sign-in link was used already; links work once")]
    Used,
    /// A link for something else.
    #[error("this link is for something else")]
    WrongPurpose,
}

impl LinkError {
    /// Code printed in the manual. Never reused.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "I030",
            Self::Expired => "I031",
            Self::Used => "I032",
            Self::WrongPurpose => "I033",
        }
    }

    /// What helps.
    pub const fn fix(self) -> &'static str {
        match self {
            Self::Unknown => {
                "copy the whole link, or ask an administrator for a new one (`aiworklab-appliance admin link`)"
            }
            Self::Expired | Self::Used | Self::WrongPurpose => {
                "ask an administrator for a new one (`aiworklab-appliance admin link`)"
            }
        }
    }
}

/// A new link's secret, for its address, and the record to store.
pub fn new_link(purpose: LinkPurpose, now: i64, random: [u8; 32]) -> (String, LinkRecord) {
    let secret = SecretToken::from_bytes(random);
    let record = LinkRecord {
        hash: secret.hash(TokenKind::Link),
        purpose,
        created: now,
        expires: now.saturating_add(LINK_LIFE_S),
        used_at: None,
    };
    (secret.to_text(), record)
}

/// The key under which a presented link would be stored.
///
/// # Errors
/// [`LinkError::Unknown`] if the text cannot be a link of ours.
pub fn link_hash(presented: &str) -> Result<[u8; 32], LinkError> {
    let secret = SecretToken::parse(presented).ok_or(LinkError::Unknown)?;
    Ok(secret.hash(TokenKind::Link))
}

impl LinkRecord {
    /// Whether the presented secret opens this link at `now`.
    ///
    /// # Errors
    /// A [`LinkError`]; the secret is compared first, so that nobody learns of a link that they do not hold.
    pub fn check(&self, presented: &str, purpose: LinkPurpose, now: i64) -> Result<(), LinkError> {
        if !same_secret(&link_hash(presented)?, &self.hash) {
            return Err(LinkError::Unknown);
        }
        if self.purpose != purpose {
            return Err(LinkError::WrongPurpose);
        }
        if self.used_at.is_some() {
            return Err(LinkError::Used);
        }
        if now >= self.expires || now < self.created.saturating_sub(crate::session::LEEWAY_S) {
            return Err(LinkError::Expired);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_once_for_its_purpose_within_half_an_hour() {
        let (text, mut record) = new_link(LinkPurpose::FirstAdmin, 1_000, [3; 32]);
        assert_eq!(record.check(&text, LinkPurpose::FirstAdmin, 1_000), Ok(()));
        assert_eq!(record.check(&text, LinkPurpose::FirstAdmin, 2_799), Ok(()));
        assert_eq!(
            record.check(&text, LinkPurpose::FirstAdmin, 2_800),
            Err(LinkError::Expired)
        );
        assert_eq!(
            record.check(&text, LinkPurpose::SignIn, 1_000),
            Err(LinkError::WrongPurpose)
        );
        record.used_at = Some(1_001);
        assert_eq!(
            record.check(&text, LinkPurpose::FirstAdmin, 1_002),
            Err(LinkError::Used)
        );
    }

    #[test]
    fn another_secret_learns_nothing_of_a_link() {
        let (_, mut record) = new_link(LinkPurpose::FirstAdmin, 1_000, [3; 32]);
        record.used_at = Some(1_001);
        let (other, _) = new_link(LinkPurpose::FirstAdmin, 1_000, [4; 32]);
        for text in [other.as_str(), "", "short"] {
            assert_eq!(
                record.check(text, LinkPurpose::SignIn, 9_999),
                Err(LinkError::Unknown)
            );
        }
    }

    #[test]
    fn the_record_does_not_hold_the_secret() {
        let (text, record) = new_link(LinkPurpose::SignIn, 0, [9; 32]);
        assert_ne!(record.hash, [9; 32]);
        assert!(!format!("{record:?}").contains(&text));
        assert_eq!(link_hash(&text), Ok(record.hash));
    }

    #[test]
    fn purposes_are_read_back() {
        for purpose in [LinkPurpose::FirstAdmin, LinkPurpose::SignIn] {
            assert_eq!(LinkPurpose::parse(purpose.as_str()), Some(purpose));
        }
        assert_eq!(LinkPurpose::parse("admin"), None);
    }
}
