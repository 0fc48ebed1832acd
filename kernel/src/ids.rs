//! Identifiers, slugs and hours: the few values that everything else is made of.
//!
//! Ids are 128 random bits that are *given* to this crate; nothing here draws one. A [`StreamId`]
//! may also be derived from a delta's old place (see [`StreamId::derived`]).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// Why a text is not the id, slug or hour that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not 32 lower-case hexadecimal digits.
    #[error("an id is 32 lower-case hexadecimal digits")]
    Id,
    /// Not a concept's slug.
    #[error("a concept is 3 to 64 of a-z, 0-9 and '-', with no '-' at either end")]
    Slug,
    /// Not a whole hour.
    #[error("a time is a multiple of 3600 seconds, from 1970 to 9999")]
    Hour,
}

/// Whether a text is so many lower-case hexadecimal digits: the one spelling that ids, digests and
/// versions have.
#[must_use]
pub fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id's 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                if !is_hex(text, 32) {
                    return Err(Error::Id);
                }
                let mut bytes = [0; 16];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| Error::Id)?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id! {
    /// One person's evidence, under a name that says nothing of the person.
    SubjectId
}
id! {
    /// One run of deltas, as one local store wrote them.
    StreamId
}
id! {
    /// One enrolled machine; stands in its certificate.
    DeviceId
}
id! {
    /// One copy of a client's folder: drawn anew wherever the folder was copied to.
    InstanceId
}
id! {
    /// One organisation's store, from `init` on.
    StoreId
}
id! {
    /// One person who can sign in.
    PersonId
}

impl SubjectId {
    /// The first ten bits: which of the 1,024 snapshot jobs counts this subject.
    #[must_use]
    pub const fn bucket(&self) -> u16 {
        ((self.0[0] as u16) << 2) | ((self.0[1] as u16) >> 6)
    }
}

impl StreamId {
    const DERIVED: u8 = 0x80;

    /// A new stream's id from 16 random bytes. The first bit is cleared: it marks derived streams.
    #[must_use]
    pub const fn new(mut random: [u8; 16]) -> Self {
        random[0] &= !Self::DERIVED;
        Self(random)
    }

    /// Where the delta at `(stream, index)` moves to when that place is not its own.
    ///
    /// SHA-256 over the stream's 16 bytes, the index as eight bytes big-endian and the delta's
    /// canonical JSON (RFC 8785, without `i`), cut to 16 bytes, with the first bit set. So every
    /// replica that holds the delta moves it to the same place, and every replica that sees the
    /// place knows that it holds exactly one moved delta.
    #[must_use]
    pub fn derived(stream: Self, index: Index, canonical: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(stream.0)
            .chain_update(index.to_be_bytes())
            .chain_update(canonical)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        id[0] |= Self::DERIVED;
        Self(id)
    }

    /// Whether this stream was derived from a moved delta; it then has one place.
    #[must_use]
    pub const fn is_derived(&self) -> bool {
        self.0[0] & Self::DERIVED != 0
    }
}

/// A place in a stream: 1, 2, 3 …
pub type Index = u64;

/// Largest index: what JSON numbers carry exactly (RFC 8259 section 6, I-JSON).
pub const MAX_INDEX: Index = (1 << 53) - 1;

/// A concept's name in the catalogue, or the organisation's own (`x-…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Slug(String);

impl Slug {
    /// Checks `^[a-z0-9][a-z0-9-]{1,62}[a-z0-9]$`.
    ///
    /// # Errors
    /// [`Error::Slug`] for anything else.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = text.as_bytes();
        let inside = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        if !(3..=64).contains(&bytes.len())
            || !ends(bytes.first())
            || !ends(bytes.last())
            || !bytes.iter().all(inside)
        {
            return Err(Error::Slug);
        }
        Ok(Self(text))
    }

    /// The slug as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the concept belongs to the organisation, not to the catalogue.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.0.starts_with("x-")
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Slug {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl AsRef<str> for Slug {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// A time that is a whole hour, in seconds since 1970-01-01 UTC. Nothing finer stands beside a delta.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Hour(i64);

/// Seconds in an hour.
pub const HOUR: i64 = 3600;
/// Seconds in a day.
pub const DAY: i64 = 24 * HOUR;

impl Hour {
    const LAST: i64 = 253_402_297_200; // 9999-12-31T23:00:00Z

    /// The whole hour at these seconds.
    ///
    /// # Errors
    /// [`Error::Hour`] if `seconds` is not a multiple of 3600, negative, or beyond the year 9999.
    pub const fn new(seconds: i64) -> Result<Self, Error> {
        if seconds % HOUR != 0 || seconds < 0 || seconds > Self::LAST {
            return Err(Error::Hour);
        }
        Ok(Self(seconds))
    }

    /// The hour that `seconds` lies in; the first or last one there is for what lies outside.
    #[must_use]
    pub const fn floor(seconds: i64) -> Self {
        let seconds = seconds - seconds.rem_euclid(HOUR);
        if seconds < 0 {
            Self(0)
        } else if seconds > Self::LAST {
            Self(Self::LAST)
        } else {
            Self(seconds)
        }
    }

    /// Seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// Days since 1970-01-01 UTC.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_what_the_protocol_says() {
        for good in ["pg-advisory-locks", "abc", "x-ours", "9p0", &"a".repeat(64)] {
            assert_eq!(Slug::new(good).map(|s| s.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "ab",
            "-ab",
            "ab-",
            "Abc",
            "a b",
            "a_b",
            "*",
            "ä-b",
            &"a".repeat(65),
        ] {
            assert_eq!(Slug::new(bad), Err(Error::Slug), "{bad}");
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        let id: StreamId = "00112233445566778899aabbccddeeff".parse().unwrap();
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        for bad in [
            "00112233445566778899AABBCCDDEEFF",
            "0011",
            "g0112233445566778899aabbccddeeff",
        ] {
            assert_eq!(bad.parse::<StreamId>(), Err(Error::Id));
        }
    }

    #[test]
    fn an_hour_is_never_finer() {
        assert_eq!(Hour::new(3601), Err(Error::Hour));
        assert_eq!(Hour::floor(7199).unix(), 3600);
        assert_eq!(Hour::floor(-1).unix(), 0);
    }

    #[test]
    fn the_bucket_is_the_first_ten_bits() {
        let mut bytes = [0xff; 16];
        assert_eq!(SubjectId::from_bytes(bytes).bucket(), 1023);
        bytes[..2].copy_from_slice(&[0b0000_0001, 0b0111_1111]);
        assert_eq!(SubjectId::from_bytes(bytes).bucket(), 0b01_01);
    }

    #[test]
    fn derived_and_drawn_streams_are_told_apart() {
        let drawn = StreamId::new([0xff; 16]);
        assert!(!drawn.is_derived());
        assert!(StreamId::derived(drawn, 1, b"{}").is_derived());
    }
}
