//! Paths inside a bundle: relative, plain, and never out of it.
//!
//! Invariant: a [`BundlePath`] joined to a folder lies below that folder, whatever it says.

use serde::{Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// So many characters at most.
const MAX_LENGTH: usize = 200;
/// So many folders deep at most.
const MAX_DEPTH: usize = 6;

/// A file's path inside a bundle: parts of `A-Z a-z 0-9 . _ + -`, with `/` between them; none is
/// empty or begins with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundlePath(String);

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathFlaw {
    /// Nothing, or a part of it is.
    #[error("a part of it is empty")]
    Empty,
    /// It begins at the root.
    #[error("it is absolute")]
    Absolute,
    /// `.`, `..`, or a hidden name.
    #[error("a part of it begins with a dot")]
    Dot,
    /// A character that no name of ours has.
    #[error("it has a character other than letters, digits, `.`, `_`, `+` and `-`")]
    Character,
    /// Too long or too deep.
    #[error("it is longer than {MAX_LENGTH} characters or deeper than {MAX_DEPTH} folders")]
    Long,
    /// It is the manifest's own name or its signature's.
    #[error("it is the manifest or its signature")]
    Manifest,
}

impl BundlePath {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PathFlaw> {
        if text.len() > MAX_LENGTH || text.split('/').count() > MAX_DEPTH {
            return Err(PathFlaw::Long);
        }
        if text.starts_with('/') {
            return Err(PathFlaw::Absolute);
        }
        for part in text.split('/') {
            if part.is_empty() {
                return Err(PathFlaw::Empty);
            }
            if part.starts_with('.') {
                return Err(PathFlaw::Dot);
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
            if !part.chars().all(plain) {
                return Err(PathFlaw::Character);
            }
        }
        if text == crate::MANIFEST || text == crate::SIGNATURE {
            return Err(PathFlaw::Manifest);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, folders first.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The folders above it, outermost first: `a/b` for `a/b/c` comes after `a`.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| &self.0[..at])
    }

    /// Below a folder.
    #[must_use]
    pub fn under(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }
}

impl fmt::Display for BundlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for BundlePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    #[test]
    fn what_leaves_the_bundle_is_refused_with_its_reason() {
        for (text, flaw) in [
            ("", PathFlaw::Empty),
            ("a//b", PathFlaw::Empty),
            ("a/", PathFlaw::Empty),
            ("/etc/passwd", PathFlaw::Absolute),
            ("..", PathFlaw::Dot),
            ("models/../../etc/passwd", PathFlaw::Dot),
            (".hidden", PathFlaw::Dot),
            ("a b", PathFlaw::Character),
            ("a\\b", PathFlaw::Character),
            ("a\0", PathFlaw::Character),
            ("ä", PathFlaw::Character),
            ("a/b/c/d/e/f/g", PathFlaw::Long),
            ("manifest.json", PathFlaw::Manifest),
        ] {
            assert_eq!(BundlePath::parse(text), Err(flaw), "{text:?}");
        }
        assert_eq!(
            BundlePath::parse(&"a".repeat(MAX_LENGTH + 1)),
            Err(PathFlaw::Long)
        );
    }

    #[test]
    fn folders_are_named_outermost_first() {
        let path = BundlePath::parse("a/b/c.txt").unwrap();
        assert_eq!(path.folders().collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(path.parts().collect::<Vec<_>>(), ["a", "b", "c.txt"]);
    }

    proptest! {
        #[test]
        fn no_path_that_is_accepted_leaves_its_folder(text in "[a./_\\-\0 \\\\]{0,24}|\\PC{0,40}") {
            if let Ok(path) = BundlePath::parse(&text) {
                let below = path.under(Path::new("/bundle"));
                prop_assert!(below.starts_with("/bundle") && below != Path::new("/bundle"));
                let plain = below.components().skip(1).all(|part| matches!(part, Component::Normal(_)));
                prop_assert!(plain, "{below:?}");
            }
        }
    }
}
