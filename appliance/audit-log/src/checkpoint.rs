//! Checkpoints: a signature over where the chain stands.
//!
//! Hashes alone show nothing to whoever can rewrite all of them; a signature made
//! with a key that the database does not hold does. A checkpoint that was copied
//! out of the machine also shows that the end was cut off.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::row::canonical;
use crate::{Error, Hash, Head};

/// Parts these signatures from every other use of the key.
const DOMAIN: &[u8] = b"aiworklab audit checkpoint v1\0";

/// Signs checkpoints. Its `Debug` tells the public key only.
pub struct Signer {
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("public", &self.verify_key())
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// From the 32 bytes of an Ed25519 seed (RFC 8032).
    ///
    /// # Errors
    /// [`Error::Key`] if `seed` is of another length.
    pub fn from_seed(seed: &[u8]) -> Result<Self, Error> {
        if seed.len() != 32 {
            return Err(Error::Key);
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::Key)?;
        Ok(Self { pair })
    }

    /// The key that auditors hold.
    pub fn verify_key(&self) -> VerifyKey {
        let mut public = [0; 32];
        public.copy_from_slice(self.pair.public_key().as_ref());
        VerifyKey(public)
    }

    /// Signs where the chain of `store` stands at `at` (seconds, UTC).
    ///
    /// # Errors
    /// [`Error::Number`] if a number cannot be written exactly.
    pub fn checkpoint(&self, store: &[u8; 16], head: &Head, at: i64) -> Result<Checkpoint, Error> {
        let body = Body {
            at,
            hash: head.hash,
            key: self.verify_key().id(),
            seq: head.seq,
            store: *store,
        };
        let signature = self.pair.sign(&body.signed()?);
        Ok(Checkpoint {
            body,
            signature: signature.as_ref().to_vec(),
        })
    }
}

/// An Ed25519 public key that checkpoints are checked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyKey(#[serde(with = "hex::serde")] pub [u8; 32]);

impl VerifyKey {
    /// Short name of the key in a checkpoint: the first 8 bytes of its SHA-256.
    pub fn id(&self) -> [u8; 8] {
        let mut id = [0; 8];
        id.copy_from_slice(&digest::digest(&digest::SHA256, &self.0).as_ref()[..8]);
        id
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    at: i64,
    #[serde(with = "hex::serde")]
    hash: Hash,
    #[serde(with = "hex::serde")]
    key: [u8; 8],
    seq: u64,
    #[serde(with = "hex::serde")]
    store: [u8; 16],
}

impl Body {
    fn signed(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = DOMAIN.to_vec();
        bytes.extend_from_slice(canonical("a checkpoint", self)?.as_bytes());
        Ok(bytes)
    }
}

/// A signed statement: row `seq` of `store`'s chain has this hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    body: Body,
    #[serde(with = "hex::serde")]
    signature: Vec<u8>,
}

impl Checkpoint {
    /// The row that it speaks of (0: the empty chain).
    pub fn seq(&self) -> u64 {
        self.body.seq
    }
    /// The chain's hash up to and with that row.
    pub fn hash(&self) -> &Hash {
        &self.body.hash
    }
    /// When it was signed, in seconds UTC.
    pub fn at(&self) -> i64 {
        self.body.at
    }
    /// The store it speaks of.
    pub fn store(&self) -> &[u8; 16] {
        &self.body.store
    }
    /// Short name of the key that signed it.
    pub fn key_id(&self) -> &[u8; 8] {
        &self.body.key
    }

    /// The one spelling of this checkpoint (RFC 8785): what is stored.
    ///
    /// # Errors
    /// [`Error::Parse`] if it cannot be written.
    pub fn canonical(&self) -> Result<String, Error> {
        canonical("a checkpoint", self)
    }

    /// Reads a stored checkpoint back. This checks no signature.
    ///
    /// # Errors
    /// [`Error::Parse`], [`Error::NotCanonical`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let read: Self = serde_json::from_str(text).map_err(|source| Error::Parse {
            what: "a checkpoint",
            source,
        })?;
        if read.canonical()? != text {
            return Err(Error::NotCanonical {
                what: "a checkpoint",
            });
        }
        Ok(read)
    }

    /// This checkpoint as a line of an export, without its line end.
    ///
    /// # Errors
    /// [`Error::Parse`] if it cannot be written.
    pub fn line(&self) -> Result<String, Error> {
        canonical("a checkpoint", &Line { checkpoint: self })
    }

    /// Whether the holder of `key` signed this.
    pub fn is_signed_by(&self, key: &VerifyKey) -> bool {
        let Ok(message) = self.body.signed() else {
            return false;
        };
        self.body.key == key.id()
            && UnparsedPublicKey::new(&ED25519, &key.0)
                .verify(&message, &self.signature)
                .is_ok()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    checkpoint: &'a Checkpoint,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genesis;

    #[test]
    fn a_checkpoint_holds_for_its_signer_and_its_words_alone() {
        let signer = Signer::from_seed(&[7; 32]).unwrap();
        let other = Signer::from_seed(&[8; 32]).unwrap();
        let point = signer.checkpoint(&[1; 16], &genesis(&[1; 16]), 50).unwrap();
        assert!(point.is_signed_by(&signer.verify_key()));
        assert!(!point.is_signed_by(&other.verify_key()));
        let text = point.canonical().unwrap();
        let later = Checkpoint::parse(&text.replace("\"at\":50", "\"at\":51")).unwrap();
        assert!(!later.is_signed_by(&signer.verify_key()));
        assert!(
            Checkpoint::parse(&text)
                .unwrap()
                .is_signed_by(&signer.verify_key())
        );
    }

    #[test]
    fn the_signer_shows_no_secret_and_takes_no_other_length() {
        let shown = format!("{:?}", Signer::from_seed(&[7; 32]).unwrap());
        assert!(!shown.contains("0707"), "{shown}");
        assert!(!shown.contains("7, 7, 7"), "{shown}");
        assert!(matches!(Signer::from_seed(&[7; 33]), Err(Error::Key)));
    }
}
