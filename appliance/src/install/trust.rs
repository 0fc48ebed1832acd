//! Which key may vouch for a bundle. It never comes from the bundle.
//!
//! In this order: the key that was compiled into this program for a release; the key that an
//! earlier install kept in `/etc/aiworklab/release.pub`; the one that the administrator gives. Who
//! gives one where another is trusted already is refused, so that a forged instruction to "use this
//! key" does not work on an upgrade.

use super::Error;
use super::error::Doing as _;
use super::layout::Layout;
use bundle_manifest::ReleaseKey;
use std::fs;
use std::io;
use std::path::Path;

/// The key that this program was built to trust.
const BUILT_IN: Option<&str> = option_env!("AIWORKLAB_RELEASE_KEY");
/// No file with a key is larger, in bytes.
const MAX_KEY_BYTES: u64 = 4096;

/// A key, and why it is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The key.
    pub key: ReleaseKey,
    /// Why, as the end of a sentence.
    pub by: &'static str,
}

/// The key to check `bundle` with. `given` is a key or the path of a file with one.
///
/// # Errors
/// [`Error::NoKey`], [`Error::KeyInBundle`], [`Error::KeyDiffers`]; [`Error::Bundle`] for a text
/// that is no key, [`Error::Io`] for a file that cannot be read.
pub fn key_for(bundle: &Path, given: Option<&str>, layout: &Layout) -> Result<Trusted, Error> {
    choose(BUILT_IN, bundle, given, layout)
}

fn choose(
    built_in: Option<&str>,
    bundle: &Path,
    given: Option<&str>,
    layout: &Layout,
) -> Result<Trusted, Error> {
    let trusted = match built_in {
        Some(text) => Some(Trusted {
            key: ReleaseKey::parse(text)?,
            by: "it is built into this program",
        }),
        None => kept(layout)?.map(|key| Trusted {
            key,
            by: "an earlier install kept it in /etc/aiworklab/release.pub",
        }),
    };
    let given = given.map(|text| read_given(text, bundle)).transpose()?;
    match (trusted, given) {
        (None, None) => Err(Error::NoKey),
        (Some(trusted), None) => Ok(trusted),
        (None, Some(key)) => Ok(Trusted {
            key,
            by: "you gave it with --release-key",
        }),
        (Some(trusted), Some(key)) if trusted.key == key => Ok(trusted),
        (Some(trusted), Some(key)) => Err(Error::KeyDiffers {
            offered: key.id().to_string(),
            trusted: trusted.key.id().to_string(),
            by: trusted.by,
        }),
    }
}

/// The key that an earlier install kept.
fn kept(layout: &Layout) -> Result<Option<ReleaseKey>, Error> {
    let path = layout.key();
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing("look at", &path),
        Ok(_) => read_file(&path).map(Some),
    }
}

fn read_file(path: &Path) -> Result<ReleaseKey, Error> {
    use std::io::Read as _;
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_KEY_BYTES).read_to_string(&mut text))
        .doing("read the key", path)?;
    Ok(ReleaseKey::parse(&text)?)
}

fn read_given(text: &str, bundle: &Path) -> Result<ReleaseKey, Error> {
    if let Ok(key) = ReleaseKey::parse(text) {
        return Ok(key);
    }
    let path = Path::new(text);
    if !path.exists() {
        // Neither a key nor a file: as a key it was meant, most likely.
        return Err(bundle_manifest::Error::Key.into());
    }
    // Both with links followed: a link out of the bundle, or into it, deceives nobody.
    let real = fs::canonicalize(path).doing("find", path)?;
    let inside = fs::canonicalize(bundle).doing("find", bundle)?;
    if real.starts_with(&inside) {
        return Err(Error::KeyInBundle { path: real });
    }
    read_file(&real)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "RWSpMw/baWcsdMTuDKvgmyeMF1XsMHIavenXtDY57iQyGb//TweO6sSz";

    /// Another key: the same with another number.
    fn b() -> String {
        A.replacen("RWSp", "RWSq", 1)
    }

    fn scratch() -> (tempfile::TempDir, Layout, std::path::PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        let bundle = root.path().join("bundle");
        fs::create_dir_all(layout.etc()).unwrap();
        fs::create_dir(&bundle).unwrap();
        (root, layout, bundle)
    }

    #[test]
    fn a_key_is_built_in_kept_or_given_in_this_order() {
        let (_root, layout, bundle) = scratch();
        let by =
            |built_in, given: Option<&str>| choose(built_in, &bundle, given, &layout).unwrap().by;
        assert!(by(None, Some(A)).contains("--release-key"));
        fs::write(layout.key(), A).unwrap();
        assert!(by(None, None).contains("release.pub"));
        assert!(by(None, Some(A)).contains("release.pub"));
        assert!(by(Some(A), None).contains("built into"));
    }

    #[test]
    fn another_key_than_the_trusted_one_is_refused() {
        let (_root, layout, bundle) = scratch();
        fs::write(layout.key(), A).unwrap();
        for built_in in [None, Some(A)] {
            let error = choose(built_in, &bundle, Some(&b()), &layout).unwrap_err();
            assert_eq!(error.code(), "B032");
        }
    }

    #[test]
    fn without_a_key_or_with_one_out_of_the_bundle_nothing_is_checked() {
        let (root, layout, bundle) = scratch();
        let code = |given| choose(None, &bundle, given, &layout).unwrap_err().code();
        assert_eq!(code(None), "B030");
        assert_eq!(code(Some("RWnonsense")), "B022");
        let inside = bundle.join("release.pub");
        fs::write(&inside, A).unwrap();
        assert_eq!(code(inside.to_str()), "B031");
        let link = root.path().join("link.pub");
        std::os::unix::fs::symlink(&inside, &link).unwrap();
        assert_eq!(code(link.to_str()), "B031");
        let outside = root.path().join("vendor.pub");
        fs::write(&outside, format!("untrusted comment: x\n{A}\n")).unwrap();
        assert!(choose(None, &bundle, outside.to_str(), &layout).is_ok());
    }
}
