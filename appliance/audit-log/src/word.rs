//! Words: the only text in an audit row.
//!
//! A word is made from a `'static` string of the program's own source, so no
//! value of a request can become one. Words read back from a stored row are
//! owned, and only this crate can make those.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// A name such as `device.revoke`: 1 to 64 of `a-z 0-9`, in segments parted by
/// single `.`, `_` or `-`, beginning with a letter. 32 hexadecimal digits are not a
/// word, since they would read as an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Cow<'static, str>);

impl Word {
    /// A word of the program. In a `const` a wrong spelling fails the build.
    ///
    /// # Panics
    /// If `text` is not a word. It is a constant of the source, so a test that
    /// touches it finds that.
    pub const fn fixed(text: &'static str) -> Self {
        assert!(is_word(text), "not a word of an audit row");
        Self(Cow::Borrowed(text))
    }

    /// A word read back from a stored row.
    pub(crate) fn stored(text: &str) -> Result<Self, Error> {
        if is_word(text) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(Error::Word {
                what: "a stored name",
            })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&'static str> for Word {
    /// As [`Word::fixed`].
    fn from(text: &'static str) -> Self {
        Self::fixed(text)
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Self::stored(&text).map_err(serde::de::Error::custom)
    }
}

const fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 64 || !bytes[0].is_ascii_lowercase() {
        return false;
    }
    let mut at = 0;
    let mut parted = false;
    let mut only_hex = true;
    while at < bytes.len() {
        let byte = bytes[at];
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => parted = false,
            b'.' | b'_' | b'-' => {
                if parted {
                    return false;
                }
                parted = true;
            }
            _ => return false,
        }
        if !matches!(byte, b'0'..=b'9' | b'a'..=b'f') {
            only_hex = false;
        }
        at += 1;
    }
    let reads_as_id = only_hex && bytes.len() == 32;
    !(parted || reads_as_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_name_and_never_a_sentence_or_an_id() {
        for good in ["a", "device.revoke", "oidc_login", "x-1", "sign.in.link"] {
            assert!(is_word(good), "{good}");
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "Ada",
            "ada lovelace",
            "ada@example.org",
            ".a",
            "a.",
            "a..b",
            "1a",
            "é",
            "a/b",
            "abcdefabcdefabcdefabcdefabcdef12",
            long.as_str(),
        ] {
            assert!(!is_word(bad), "{bad}");
        }
    }
}
