//! Sealing: AES-256-GCM with a random nonce, and the keyed hash of `route`.
//!
//! A sealed value is `1 ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. The cipher's key is
//! HMAC-SHA-256 of the given key over a fixed label, so one data key serves for
//! sealing and for `route` without one use telling of the other. Random nonces are
//! sound up to 2³² values under a key (NIST SP 800-38D, 8.3).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::SecureRandom;
use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use crate::{Error, Secret};

const VERSION: u8 = 1;
const TAG_LEN: usize = 16;
const SEAL_LABEL: &[u8] = b"aiworklab seal v1\0";
const ROUTE_LABEL: &[u8] = b"aiworklab route v1\0";

/// Seals `plain` under `key`. `aad` is the context (table, column, row), which must be
/// the same at [`open`]: a sealed value moved elsewhere does not open.
///
/// # Errors
/// [`Error::Length`] for a key that is not 32 bytes, [`Error::Random`].
pub fn seal(
    key: &Secret,
    aad: &[u8],
    plain: &[u8],
    random: &dyn SecureRandom,
) -> Result<Vec<u8>, Error> {
    let cipher = cipher(key)?;
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce).map_err(|_| Error::Random)?;
    let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_LEN));
    body.extend_from_slice(plain);
    cipher
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad),
            &mut *body,
        )
        .map_err(|_| Error::Sealed)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + body.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

/// Opens what [`seal`] made with the same key and context.
///
/// # Errors
/// [`Error::Sealed`] for another key, another context or changed bytes;
/// [`Error::Length`] for a key that is not 32 bytes.
pub fn open(key: &Secret, aad: &[u8], sealed: &[u8]) -> Result<Secret, Error> {
    let cipher = cipher(key)?;
    let Some((&VERSION, rest)) = sealed.split_first() else {
        return Err(Error::Sealed);
    };
    let Some((nonce, body)) = rest.split_at_checked(NONCE_LEN) else {
        return Err(Error::Sealed);
    };
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Error::Sealed)?;
    let mut body = Zeroizing::new(body.to_vec());
    let plain = cipher
        .open_in_place(nonce, Aad::from(aad), &mut body)
        .map_err(|_| Error::Sealed)?;
    Ok(Secret::new(plain.to_vec()))
}

/// The key of a `route` row: HMAC-SHA-256(k_link, label ‖ device). Without `k_link` a
/// route row names no device.
///
/// # Errors
/// [`Error::Length`] for a key that is not 32 bytes.
pub fn route_hmac(k_link: &Secret, device: &[u8; 16]) -> Result<[u8; 32], Error> {
    let mut hash = [0; 32];
    hash.copy_from_slice(keyed(k_link, &[ROUTE_LABEL, device])?.as_ref());
    Ok(hash)
}

/// First 8 bytes of SHA-256 over a label and the key: names a key, tells nothing of it.
pub fn fingerprint(key: &Secret) -> [u8; 8] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"aiworklab key name v1\0");
    context.update(key.expose());
    let mut name = [0; 8];
    name.copy_from_slice(&context.finish().as_ref()[..8]);
    name
}

fn keyed(key: &Secret, parts: &[&[u8]]) -> Result<hmac::Tag, Error> {
    let found = key.expose().len();
    if found != 32 {
        return Err(Error::Length {
            what: "a data key",
            found,
        });
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(part);
    }
    Ok(context.sign())
}

fn cipher(key: &Secret) -> Result<LessSafeKey, Error> {
    let bytes = Zeroizing::new(keyed(key, &[SEAL_LABEL])?.as_ref().to_vec());
    let key = UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| Error::Length {
        what: "a sealing key",
        found: bytes.len(),
    })?;
    Ok(LessSafeKey::new(key))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;

    use super::*;

    fn key(byte: u8) -> Secret {
        Secret::new(vec![byte; 32])
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_and_context_alone() {
        let random = SystemRandom::new();
        let sealed = seal(&key(1), b"link", b"subject", &random).unwrap();
        assert_eq!(
            open(&key(1), b"link", &sealed).unwrap().expose(),
            b"subject"
        );
        assert!(matches!(
            open(&key(2), b"link", &sealed),
            Err(Error::Sealed)
        ));
        assert!(matches!(
            open(&key(1), b"audit", &sealed),
            Err(Error::Sealed)
        ));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key(1), b"link", &changed).is_err(), "byte {at}");
            assert!(
                open(&key(1), b"link", &sealed[..at]).is_err(),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn sealing_the_same_twice_looks_different() {
        let random = SystemRandom::new();
        let one = seal(&key(1), b"", b"subject", &random).unwrap();
        assert_ne!(one, seal(&key(1), b"", b"subject", &random).unwrap());
        assert_eq!(one.len(), 1 + 12 + 7 + 16);
    }

    #[test]
    fn a_value_sealed_by_another_implementation_opens() {
        // Python: hmac + cryptography.hazmat AESGCM; key 01×32, nonce 02×12, aad "link".
        let sealed = hex::decode(SEALED_ELSEWHERE).unwrap();
        assert_eq!(
            open(&key(1), b"link", &sealed).unwrap().expose(),
            b"subject"
        );
    }

    #[test]
    fn a_route_is_the_plain_hmac_that_anyone_with_the_key_can_recompute() {
        let route = route_hmac(&key(1), &[2; 16]).unwrap();
        assert_eq!(hex::encode(route), ROUTE_ELSEWHERE);
        assert_ne!(route, route_hmac(&key(2), &[2; 16]).unwrap());
        assert_ne!(route, route_hmac(&key(1), &[3; 16]).unwrap());
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let short = Secret::new(vec![1; 31]);
        assert!(matches!(
            route_hmac(&short, &[0; 16]),
            Err(Error::Length { found: 31, .. })
        ));
        assert!(open(&short, b"", &[1; 40]).is_err());
    }

    const SEALED_ELSEWHERE: &str =
        "01020202020202020202020202434aa054cce6a3e967425f7140e7892dfaeb9cdb1b770d";
    const ROUTE_ELSEWHERE: &str =
        "70c5dcd85ab9b97187d38a8c381435e6d54507015b8d3a5f8eedc3b77204d2f8";
}
