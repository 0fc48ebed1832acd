//! The key that releases are signed with, its public half.

use crate::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The number that minisign prints beside a key, as it prints it: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// From the eight bytes behind the algorithm in a key or a signature (little-endian).
    fn after_algorithm(bytes: &[u8]) -> Option<Self> {
        let mut id: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
        id.reverse();
        Some(Self(id))
    }

    /// Of the second line of a signature's text.
    pub(crate) fn of_signature(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.lines().nth(1)?).ok()?;
        Self::after_algorithm(&bytes)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A public key in minisign's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseKey {
    key: minisign_verify::PublicKey,
    id: KeyId,
    text: String,
}

impl ReleaseKey {
    /// Reads a key: the line that begins with `RW`, or the two lines of a `.pub` file.
    ///
    /// # Errors
    /// [`Error::Key`] if it is neither.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let (first, second, more) = (lines.next(), lines.next(), lines.next());
        let line = match (first, second, more) {
            (Some(line), None, None) => line,
            (Some(comment), Some(line), None) if comment.starts_with("untrusted comment:") => line,
            _ => return Err(Error::Key),
        };
        let key = minisign_verify::PublicKey::from_base64(line).map_err(|_| Error::Key)?;
        let bytes = STANDARD.decode(line).map_err(|_| Error::Key)?;
        let id = KeyId::after_algorithm(&bytes).ok_or(Error::Key)?;
        Ok(Self {
            key,
            id,
            text: line.to_owned(),
        })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// As one line, for `minisign -P`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As the text of a `.pub` file.
    #[must_use]
    pub fn to_file(&self) -> String {
        format!(
            "untrusted comment: minisign public key {}\n{}\n",
            self.id, self.text
        )
    }

    /// Whether this key made the signature over these bytes. Old, unhashed signatures are refused.
    pub(crate) fn verify(
        &self,
        bytes: &[u8],
        signature: &minisign_verify::Signature,
    ) -> Result<(), minisign_verify::Error> {
        self.key.verify(bytes, signature, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Debian's `minisign -G`.
    const FILE: &str = "untrusted comment: minisign public key 742C6769DB0F33A9\n\
                        RWSpMw/baWcsdMTuDKvgmyeMF1XsMHIavenXtDY57iQyGb//TweO6sSz\n";

    #[test]
    fn a_key_is_read_from_its_line_and_from_its_file() {
        let file = ReleaseKey::parse(FILE).unwrap();
        let line = ReleaseKey::parse(FILE.lines().nth(1).unwrap()).unwrap();
        assert_eq!(file, line);
        assert_eq!(ReleaseKey::parse(&file.to_file()).unwrap(), file);
        assert_eq!(file.id().to_string(), "742C6769DB0F33A9");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let line = FILE.lines().nth(1).unwrap();
        let three = format!("{FILE}{line}\n");
        for text in ["", "RWQ", "hello", &line[1..], three.as_str()] {
            assert!(matches!(ReleaseKey::parse(text), Err(Error::Key)), "{text}");
        }
    }
}
