//! The release key's secret half, and what it signs.
//!
//! A release is signed with a key that lies outside the tree. Without one, a *developer key* is made
//! once in the cache folder: good for trying things out, and said to be that wherever it is used.

use crate::Error;
use crate::error::Doing;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// File of the developer key.
const DEVELOPER: &str = "developer.key";
/// File of its public half.
const DEVELOPER_PUBLIC: &str = "developer.pub";
/// The key that the programs trust, if they were built for a release.
const BUILT_IN: Option<&str> = option_env!("AIWORKLAB_RELEASE_KEY");

/// A key that signs.
pub struct Signer {
    secret: SecretKey,
    public: PublicKey,
    file: PathBuf,
    developer: bool,
}

impl Signer {
    /// Reads a key that `minisign -G` made; `password` is a file whose first line opens it.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Io`].
    pub fn open(file: &Path, password: Option<&Path>) -> Result<Self, Error> {
        let text = fs::read_to_string(file).doing("read", file)?;
        let refused = |why: String| Error::Key {
            path: file.to_owned(),
            why,
        };
        let sealed =
            SecretKeyBox::from_string(&text).map_err(|error| refused(error.to_string()))?;
        let secret = match password {
            Some(path) => {
                let text = fs::read_to_string(path).doing("read", path)?;
                let word = text.lines().next().unwrap_or_default().to_owned();
                sealed.into_secret_key(Some(word))
            }
            None => sealed.into_unencrypted_secret_key(),
        };
        let secret = secret.map_err(|error| {
            let hint = match password {
                Some(_) => "is the password right?",
                None => "a key with a password needs AIWORKLAB_SIGNING_PASSWORD_FILE",
            };
            refused(format!("{error}; {hint}"))
        })?;
        let public =
            PublicKey::from_secret_key(&secret).map_err(|error| refused(error.to_string()))?;
        Ok(Self {
            secret,
            public,
            file: file.to_owned(),
            developer: false,
        })
    }

    /// The developer key of this folder; made, readable for its owner alone, if it is not there.
    ///
    /// # Errors
    /// [`Error::Key`], [`Error::Io`].
    pub fn developer(folder: &Path) -> Result<Self, Error> {
        let file = folder.join(DEVELOPER);
        if !file.exists() {
            make_developer_key(folder, &file)?;
        }
        Ok(Self {
            developer: true,
            ..Self::open(&file, None)?
        })
    }

    /// Whether it is a developer's.
    #[must_use]
    pub fn is_developer(&self) -> bool {
        self.developer
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The public half, as one line.
    #[must_use]
    pub fn public(&self) -> String {
        self.public.to_base64()
    }

    /// Whether the programs trust a key of their own; an error if that is another.
    ///
    /// # Errors
    /// [`Error::OtherKey`].
    pub fn is_built_in(&self) -> Result<bool, Error> {
        match BUILT_IN {
            None => Ok(false),
            Some(built_in) if built_in.trim() == self.public() => Ok(true),
            Some(built_in) => Err(Error::OtherKey {
                built_in: built_in.trim().to_owned(),
                signing: self.public(),
            }),
        }
    }

    /// A signature in minisign's format, over the bytes and a comment.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn sign(&self, bytes: &[u8], trusted_comment: &str) -> Result<String, Error> {
        let untrusted = match self.developer {
            true => "signature from a developer key: not a release",
            false => "signature from the aiworklab release key",
        };
        let signature = minisign::sign(
            Some(&self.public),
            &self.secret,
            bytes,
            Some(trusted_comment),
            Some(untrusted),
        );
        signature
            .map(|made| made.to_string())
            .map_err(|error| Error::Key {
                path: self.file.clone(),
                why: error.to_string(),
            })
    }
}

fn make_developer_key(folder: &Path, file: &Path) -> Result<(), Error> {
    let refused = |error: minisign::PError| Error::Key {
        path: file.to_owned(),
        why: error.to_string(),
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).doing("make the folder", folder)?;
    let pair = KeyPair::generate_unencrypted_keypair().map_err(refused)?;
    let secret = pair
        .sk
        .to_box(Some("aiworklab developer key: signs no release"));
    let public = pair.pk.to_box().map_err(refused)?;
    let public_file = folder.join(DEVELOPER_PUBLIC);
    fs::write(&public_file, public.to_bytes()).doing("write", &public_file)?;
    let bytes = secret.map_err(refused)?.to_bytes();
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| out.write_all(&bytes).and_then(|()| out.sync_all()))
        .doing("write", file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_developer_key_is_made_once_and_kept_private() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("signing");
        let first = Signer::developer(&folder).unwrap();
        let again = Signer::developer(&folder).unwrap();
        assert_eq!(first.public(), again.public());
        assert!(first.is_developer());
        let mode = fs::metadata(first.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let key = bundle_manifest::ReleaseKey::parse(&first.public()).unwrap();
        let file = fs::read_to_string(folder.join(DEVELOPER_PUBLIC)).unwrap();
        assert_eq!(bundle_manifest::ReleaseKey::parse(&file).unwrap(), key);
    }

    #[test]
    fn a_key_with_a_password_opens_with_its_password_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let pair = KeyPair::generate_encrypted_keypair(Some("sesame".to_owned())).unwrap();
        let [key, right, wrong] = ["key", "right", "wrong"].map(|n| scratch.path().join(n));
        fs::write(&key, pair.sk.to_box(None).unwrap().to_bytes()).unwrap();
        fs::write(&right, "sesame\n").unwrap();
        fs::write(&wrong, "open\n").unwrap();
        assert_eq!(
            Signer::open(&key, Some(&right)).unwrap().public(),
            pair.pk.to_base64()
        );
        for password in [None, Some(wrong.as_path())] {
            assert!(matches!(
                Signer::open(&key, password),
                Err(Error::Key { .. })
            ));
        }
    }
}
