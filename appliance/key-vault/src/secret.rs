//! A byte string that wipes itself and shows nothing.

use std::fmt;

use aws_lc_rs::rand::SecureRandom;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Error;

/// Key bytes. Overwritten when dropped; `Debug` tells the length only; no `Clone`, no
/// `Display`, no serialisation.
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes the bytes over. The vector's own memory becomes the secret's (a vector with
    /// spare room is copied, and the old one wiped).
    pub fn new(bytes: Vec<u8>) -> Self {
        if bytes.capacity() == bytes.len() {
            return Self(bytes.into_boxed_slice());
        }
        let bytes = Zeroizing::new(bytes);
        Self(bytes.as_slice().into())
    }

    /// `len` random bytes.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn random(random: &dyn SecureRandom, len: usize) -> Result<Self, Error> {
        let mut secret = Self(vec![0; len].into_boxed_slice());
        random.fill(&mut secret.0).map_err(|_| Error::Random)?;
        Ok(secret)
    }

    /// The bytes. Every use of this name is a place to look at in a review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
impl ZeroizeOnDrop for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_the_length_and_nothing_else() {
        let secret = Secret::new(b"swordfish".to_vec());
        assert_eq!(format!("{secret:?}"), "Secret(9 bytes)");
        assert_eq!(secret.expose(), b"swordfish");
        let roomy = {
            let mut bytes = Vec::with_capacity(100);
            bytes.extend_from_slice(b"swordfish");
            Secret::new(bytes)
        };
        assert_eq!(roomy.expose(), b"swordfish");
    }

    #[test]
    fn two_random_secrets_differ() {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let one = Secret::random(&random, 32).unwrap();
        let two = Secret::random(&random, 32).unwrap();
        assert_eq!(one.expose().len(), 32);
        assert_ne!(one.expose(), two.expose());
    }
}
