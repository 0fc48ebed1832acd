//! Secrets that a browser or a laptop carries: made of given bytes, compared in constant time, hashed at rest.
//!
//! Whoever reads the database sees hashes of 256 random bits, which cannot be
//! turned around or used. A hash says what kind of secret it is of, so that a
//! session's row can never be found with a link's secret.
//! Elsewhere: randomness comes from the program's `edges.rs`, as an argument.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Where random bytes come from. Closures are one.
pub trait Random: Sync {
    /// Fills all of `into` with unpredictable bytes.
    fn fill(&self, into: &mut [u8]);
}

impl<F: Fn(&mut [u8]) + Sync> Random for F {
    fn fill(&self, into: &mut [u8]) {
        self(into);
    }
}

/// What a [`SecretToken`] opens. Part of its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A signed-in browser's session.
    Session,
    /// A one-time sign-in link.
    Link,
    /// A laptop that asks whether its enrolment was approved.
    Poll,
    /// A browser that was sent to an identity provider and has not come back yet.
    Browser,
}

impl TokenKind {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"aiworklab session v1\0",
            Self::Link => b"aiworklab link v1\0",
            Self::Poll => b"aiworklab poll v1\0",
            Self::Browser => b"aiworklab browser v1\0",
        }
    }
}

/// 256 random bits that somebody outside carries. Only its hash is stored.
#[derive(Clone)]
pub struct SecretToken([u8; 32]);

impl SecretToken {
    /// A new secret.
    pub fn from_random(random: &dyn Random) -> Self {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// A secret of these bytes, which must be random.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads what [`to_text`](Self::to_text) or [`to_hex`](Self::to_hex) wrote; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = match text.len() {
            43 => URL_SAFE_NO_PAD.decode(text).ok()?,
            64 => hex::decode(text).ok()?,
            _ => return None,
        };
        Some(Self(bytes.try_into().ok()?))
    }

    /// 43 characters that need no escaping in a cookie or an address.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// What is stored and looked up: SHA-256 of the kind and the secret.
    pub fn hash(&self, kind: TokenKind) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(kind.label());
        hash.update(self.0);
        hash.finalize().into()
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Never shows the secret.
impl std::fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretToken(…)")
    }
}

/// Whether both are the same, in a time that depends on their lengths only.
pub fn same_secret(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_from_both_of_its_spellings() {
        let secret = SecretToken::from_random(&|b: &mut [u8]| b.fill(0xa5));
        for text in [secret.to_text(), secret.to_hex()] {
            let back = SecretToken::parse(&text).expect("own spelling");
            assert_eq!(back.as_bytes(), secret.as_bytes());
        }
        assert_eq!(secret.to_text().len(), 43);
    }

    #[test]
    fn what_is_not_a_secret_is_not_read() {
        for text in [
            "",
            "x",
            &"z".repeat(43)[..42],
            &"g".repeat(64),
            &"+".repeat(43),
            &"é".repeat(32),
        ] {
            assert!(SecretToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_hash_of_one_kind_opens_nothing_of_another() {
        let secret = SecretToken::from_bytes([7; 32]);
        let kinds = [
            TokenKind::Session,
            TokenKind::Link,
            TokenKind::Poll,
            TokenKind::Browser,
        ];
        for (i, a) in kinds.iter().enumerate() {
            for b in &kinds[i + 1..] {
                assert_ne!(secret.hash(*a), secret.hash(*b));
            }
        }
    }

    #[test]
    fn debug_output_hides_the_secret() {
        let secret = SecretToken::from_bytes([0x41; 32]);
        assert_eq!(format!("{secret:?}"), "SecretToken(…)");
    }
}
