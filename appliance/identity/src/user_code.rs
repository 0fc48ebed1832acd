//! The code that a person copies from a terminal to a browser when a laptop is enrolled.
//!
//! Eight consonants in two groups: no vowels (so no words), no digits, nothing
//! that looks like something else. 20⁸ = 34.5 bits, which is why a code lives
//! ten minutes, a session may try five wrong ones, and it is stored under a key.
//! Source: RFC 8628 §6.1.

use std::fmt;

use aws_lc_rs::hmac;

use crate::secret::Random;

/// Letters of a code. RFC 8628 §6.1 recommends these.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LABEL: &[u8] = b"aiworklab user code v1\0";
/// Seconds that a code lives.
pub const USER_CODE_LIFE_S: i64 = 600;
/// Wrong codes that one session may enter before it has to sign in again.
pub const MAX_WRONG_CODES: u32 = 5;

/// An enrolment's code, normalised: eight upper-case letters. Shown as `BCDF-GHJK`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UserCode([u8; 8]);

/// What was typed cannot be a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is not an enrolment code: it has eight letters, like BCDF-GHJK")]
pub struct UserCodeError;

impl UserCodeError {
    /// Code printed in the manual. Never reused.
    pub const fn code(self) -> &'static str {
        "I050"
    }
}

impl UserCode {
    /// A new code; every code is equally likely.
    pub fn from_random(random: &dyn Random) -> Self {
        let mut code = [0; 8];
        let mut filled = 0;
        while filled < code.len() {
            let mut bytes = [0; 16];
            random.fill(&mut bytes);
            // 240 = 12 × 20: bytes above it would make the first letters likelier.
            for byte in bytes.into_iter().filter(|b| *b < 240) {
                if filled < code.len() {
                    code[filled] = LETTERS[usize::from(byte % 20)];
                    filled += 1;
                }
            }
        }
        Self(code)
    }

    /// Reads what a person typed: lower case, spaces and dashes do not matter.
    ///
    /// # Errors
    /// [`UserCodeError`] for anything that cannot be a code.
    pub fn parse(typed: &str) -> Result<Self, UserCodeError> {
        if typed.len() > 64 {
            return Err(UserCodeError);
        }
        let letters: Vec<u8> = typed
            .chars()
            .filter(|c| {
                !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}' | '_' | '.')
            })
            .map(|c| u8::try_from(c.to_ascii_uppercase()).unwrap_or(0))
            .collect();
        let code: [u8; 8] = letters.try_into().map_err(|_| UserCodeError)?;
        if code.iter().all(|l| LETTERS.contains(l)) {
            Ok(Self(code))
        } else {
            Err(UserCodeError)
        }
    }

    /// What is stored and looked up: HMAC-SHA-256 under a key that is not in the database.
    pub fn hash(&self, key: &[u8; 32]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let mut context = hmac::Context::with_key(&key);
        context.update(LABEL);
        context.update(&self.0);
        let mut hash = [0; 32];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, letter) in self.0.iter().enumerate() {
            if i == 4 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

/// Codes open enrolments: they do not belong in logs.
impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = UserCode::parse("BCDF-GHJK").expect("code");
        for typed in [
            "bcdfghjk",
            " bcdf ghjk ",
            "B C D F - G H J K",
            "bcdf–ghjk",
            "bcdf_ghjk",
        ] {
            assert_eq!(UserCode::parse(typed), Ok(code), "{typed}");
        }
        assert_eq!(code.to_string(), "BCDF-GHJK");
    }

    #[test]
    fn what_cannot_be_a_code_is_refused() {
        for typed in [
            "",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "ACDF-GHJK",
            "BCD0-GHJK",
            "ÉCDF-GHJK",
            "<script>",
            &"B".repeat(10_000),
        ] {
            assert_eq!(UserCode::parse(typed), Err(UserCodeError), "{typed}");
        }
    }

    #[test]
    fn every_letter_is_as_likely_as_another() {
        let next = Mutex::new(0_u32);
        let counter = |into: &mut [u8]| {
            for byte in into {
                let mut n = next.lock().expect("lock");
                *byte = (*n % 256) as u8;
                *n += 1;
            }
        };
        let mut seen: HashMap<char, u32> = HashMap::new();
        // 16 fills pass over all 256 byte values once; 240 of them make 30 codes' worth of letters.
        for _ in 0..1_000 {
            for c in UserCode::from_random(&counter)
                .to_string()
                .chars()
                .filter(|c| *c != '-')
            {
                *seen.entry(c).or_default() += 1;
            }
        }
        assert_eq!(seen.len(), 20);
        let (least, most) = (seen.values().min().copied(), seen.values().max().copied());
        assert!(most.unwrap_or(0) - least.unwrap_or(0) < 80, "{seen:?}");
    }

    #[test]
    fn bytes_that_would_favour_a_letter_are_dropped() {
        let calls = Mutex::new(0_u8);
        let random = |into: &mut [u8]| {
            let mut n = calls.lock().expect("lock");
            into.fill(if *n == 0 { 255 } else { 19 });
            *n += 1;
        };
        assert_eq!(UserCode::from_random(&random).to_string(), "ZZZZ-ZZZZ");
    }

    #[test]
    fn the_stored_hash_depends_on_the_key() {
        let code = UserCode::parse("BCDF-GHJK").expect("code");
        assert_eq!(code.hash(&[1; 32]), code.hash(&[1; 32]));
        assert_ne!(code.hash(&[1; 32]), code.hash(&[2; 32]));
    }
}
