//! The newest pack of items: made ahead, signed once, served from memory.
//!
//! It lies in `items.pack` of the data directory too, whole or not at all, so that a start serves at
//! once what was made before. What was read is served only if its digest and its signature are
//! right and its signer is still ours: otherwise a new one is made, which is always right.
//!
//! Invariant: what [`Shelf::newest`] gives was verified or signed by this process.

use crate::data_dir;
use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::items::{ModelPart, PACK_MAX_BYTES, Pack};
use kernel::wire::v1::{SIGNED_PACK, SignedPack};
use pki::PackSigner;
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Notify;

/// The shape of the file; another is made anew.
const FORMAT: u16 = 1;
/// Between 1 and 22: smaller than 3 by a fifth, and made once a week.
const LEVEL: i32 = 12;

/// Why a pack cannot be put on the shelf.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Longer than a client takes.
    #[error("the pack has {0} bytes, more than the {PACK_MAX_BYTES} that a device takes")]
    TooLarge(usize),
    /// It could not be compressed.
    #[error("the pack could not be compressed")]
    Compress(#[source] std::io::Error),
    /// It could not be signed.
    #[error("the pack could not be signed")]
    Sign(#[from] pki::Error),
    /// It could not be written down.
    #[error("the pack could not be kept")]
    Keep(#[from] data_dir::Error),
    /// It could not be put into JSON.
    #[error("the pack could not be put into JSON")]
    Json(#[from] serde_json::Error),
}

impl Error {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "L041",
            Self::Compress(_) => "L042",
            Self::Sign(error) => error.code(),
            Self::Keep(error) => error.code(),
            Self::Json(_) => "L043",
        }
    }
}

/// What a pack was made of. A pack that was made of the same is the same, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The release that made it.
    pub program: String,
    /// The catalogue.
    pub catalogue: u32,
    /// The Monday that its draw belongs to: the day's number since 1970.
    pub monday: i64,
    /// What the model's measurement was for (`Qualified::key`); `None`: made without a model.
    pub measured: Option<String>,
    /// Fingerprint of the certificate that it is signed by.
    pub signer: String,
}

/// What is known of a pack without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it was made of.
    pub made: Made,
    /// When, unix seconds.
    pub at: i64,
    /// The model's part in it.
    pub model: Option<ModelPart>,
    /// Items.
    pub items: usize,
    /// Items that the model chose.
    pub chosen: usize,
    /// Concepts that they are about.
    pub concepts: usize,
    /// Inflated, in bytes.
    pub bytes: usize,
}

impl About {
    /// Counts.
    #[must_use]
    pub fn of(pack: &Pack, made: Made, at: i64, bytes: usize) -> Self {
        let concepts: BTreeSet<_> = pack.items.iter().map(|item| &item.concept).collect();
        let chosen = |item: &&kernel::items::Item| {
            let model = item.provenance.model.as_ref();
            model.is_some_and(|part| part.place.is_some())
        };
        Self {
            made,
            at,
            model: pack.model.clone(),
            items: pack.items.len(),
            chosen: pack.items.iter().filter(chosen).count(),
            concepts: concepts.len(),
            bytes,
        }
    }
}

/// A signed pack, ready to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What is known of it.
    pub about: About,
    /// Its version.
    pub version: String,
    /// The reply, as JSON.
    pub body: Bytes,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct File {
    format: u16,
    about: About,
    signed: SignedPack,
}

/// Compresses and signs a pack.
///
/// # Errors
/// Whatever failed.
pub fn sign(
    pack: &Pack,
    signer: &PackSigner,
    issuing: &CertificateDer<'_>,
) -> Result<(SignedPack, usize), Error> {
    let bytes = pack.to_bytes();
    if bytes.len() > PACK_MAX_BYTES {
        return Err(Error::TooLarge(bytes.len()));
    }
    let signature = signer.sign(&signed_bytes(&bytes))?;
    let packed = zstd::bulk::compress(&bytes, LEVEL).map_err(Error::Compress)?;
    let signed = SignedPack {
        version: Pack::version_of(&bytes),
        pack: STANDARD.encode(packed),
        signature: STANDARD.encode(signature),
        certificates: chain(signer, issuing),
    };
    Ok((signed, bytes.len()))
}

fn signed_bytes(pack: &[u8]) -> Vec<u8> {
    [SIGNED_PACK, pack].concat()
}

fn chain(signer: &PackSigner, issuing: &CertificateDer<'_>) -> Vec<String> {
    [signer.certificate(), issuing]
        .map(|certificate| STANDARD.encode(certificate))
        .to_vec()
}

/// Signs a pack and writes it down, whole or not at all.
///
/// # Errors
/// Whatever failed; what lay there before lies there still.
pub fn keep(
    dir: &Path,
    pack: &Pack,
    (made, at): (Made, i64),
    signer: &PackSigner,
    issuing: &CertificateDer<'_>,
) -> Result<Kept, Error> {
    let (signed, bytes) = sign(pack, signer, issuing)?;
    let about = About::of(pack, made, at, bytes);
    let file = File {
        format: FORMAT,
        about,
        signed,
    };
    data_dir::write_private(&dir.join(data_dir::ITEMS), &serde_json::to_vec(&file)?)?;
    Ok(kept(file)?)
}

fn kept(file: File) -> Result<Kept, serde_json::Error> {
    Ok(Kept {
        body: serde_json::to_vec(&file.signed)?.into(),
        version: file.signed.version,
        about: file.about,
    })
}

/// Reads what [`keep`] wrote. `None` whenever it is not there, not whole, or not ours.
#[must_use]
pub fn read(dir: &Path, signer: &PackSigner, issuing: &CertificateDer<'_>) -> Option<Kept> {
    let file: File =
        serde_json::from_slice(&std::fs::read(dir.join(data_dir::ITEMS)).ok()?).ok()?;
    if file.format != FORMAT || file.signed.certificates != chain(signer, issuing) {
        return None;
    }
    let packed = STANDARD.decode(&file.signed.pack).ok()?;
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(packed.as_slice())
        .ok()?
        .take(PACK_MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    let signature = STANDARD.decode(&file.signed.signature).ok()?;
    let good = bytes.len() <= PACK_MAX_BYTES
        && Pack::version_of(&bytes) == file.signed.version
        && signer.verifies(&signed_bytes(&bytes), &signature);
    good.then(|| kept(file).ok()).flatten()
}

/// What is known of the pack that lies in this directory, whoever signed it: for commands that run
/// beside a server, or without one.
#[must_use]
pub fn about(dir: &Path) -> Option<(String, About)> {
    let file: File =
        serde_json::from_slice(&std::fs::read(dir.join(data_dir::ITEMS)).ok()?).ok()?;
    (file.format == FORMAT).then_some((file.signed.version, file.about))
}

/// Where the newest pack is found.
#[derive(Default)]
pub struct Shelf {
    newest: RwLock<Option<Arc<Kept>>>,
    asked: Notify,
}

impl Shelf {
    /// The newest pack.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Kept>> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        newest.clone()
    }

    /// Puts a newer one there.
    pub fn put(&self, kept: Kept) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(Arc::new(kept));
    }

    /// Somebody asked and there was none: the maker need not wait any longer.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Until somebody asked in vain.
    pub async fn asked(&self) {
        self.asked.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::catalogue::Catalogue;

    fn authority() -> (pki::IssuingCa, PackSigner) {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let now = crate::testing::NOW;
        let root = pki::RootCa::create(now, &random).unwrap();
        let issuing = root.ca.create_issuing(now, &random).unwrap().ca;
        let signer = signer(&issuing);
        (issuing, signer)
    }

    fn signer(issuing: &pki::IssuingCa) -> PackSigner {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let made = issuing.pack_signer(crate::testing::NOW, &random).unwrap();
        PackSigner::load(made.issued.certificate, &made.key).unwrap()
    }

    fn pack() -> Pack {
        let catalogue = Catalogue::builtin();
        let concepts = catalogue.iter().filter(|it| it.is_askable()).take(3);
        let items = concepts.map(|it| kernel::items::assemble(catalogue, &it.slug, 1).unwrap());
        Pack {
            format: kernel::items::PACK_FORMAT,
            catalogue: catalogue.version(),
            model: None,
            items: items.collect(),
        }
    }

    fn made() -> Made {
        Made {
            program: "1".to_owned(),
            catalogue: 1,
            monday: 4,
            measured: None,
            signer: String::new(),
        }
    }

    #[test]
    fn what_was_kept_is_read_and_is_what_a_device_can_verify() {
        let (dir, (issuing, signer)) = (tempfile::tempdir().unwrap(), authority());
        let pack = pack();
        let kept = keep(
            dir.path(),
            &pack,
            (made(), 7),
            &signer,
            issuing.certificate(),
        )
        .unwrap();
        assert_eq!(
            (kept.about.items, kept.about.concepts, kept.about.chosen),
            (3, 3, 0)
        );
        let read_again = read(dir.path(), &signer, issuing.certificate()).unwrap();
        assert_eq!(read_again, kept);
        assert_eq!(
            about(dir.path()),
            Some((kept.version.clone(), kept.about.clone()))
        );

        let reply: SignedPack = serde_json::from_slice(&kept.body).unwrap();
        let packed = STANDARD.decode(&reply.pack).unwrap();
        let bytes = zstd::bulk::decompress(&packed, PACK_MAX_BYTES).unwrap();
        assert_eq!(Pack::from_bytes(&bytes).unwrap(), pack);
        assert_eq!(reply.version, Pack::version_of(&bytes));
        let signature = STANDARD.decode(&reply.signature).unwrap();
        assert!(signer.verifies(&signed_bytes(&bytes), &signature));
        assert!(
            !signer.verifies(&bytes, &signature),
            "the context is signed too"
        );
        assert_eq!(reply.certificates[0], STANDARD.encode(signer.certificate()));
        assert_eq!(reply.certificates.len(), 2);
    }

    #[test]
    fn what_was_changed_on_the_disk_or_signed_by_another_is_not_served() {
        let (dir, (issuing, own)) = (tempfile::tempdir().unwrap(), authority());
        let path = dir.path().join(data_dir::ITEMS);
        let certificate = issuing.certificate();
        assert!(
            read(dir.path(), &own, certificate).is_none(),
            "nothing is there"
        );
        keep(dir.path(), &pack(), (made(), 7), &own, certificate).unwrap();
        let renewed = signer(&issuing);
        assert!(read(dir.path(), &renewed, certificate).is_none());
        let whole = std::fs::read_to_string(&path).unwrap();
        let file: serde_json::Value = serde_json::from_str(&whole).unwrap();
        let (mut cut, mut other) = (file.clone(), file.clone());
        let text = file["signed"]["pack"].as_str().unwrap();
        cut["signed"]["pack"] = text[..text.len() / 2].into();
        other["signed"]["version"] = "0".repeat(32).into();
        for changed in [cut.to_string(), other.to_string(), whole[1..].to_owned()] {
            std::fs::write(&path, changed).unwrap();
            assert!(read(dir.path(), &own, certificate).is_none());
        }
        std::fs::write(&path, whole).unwrap();
        assert!(read(dir.path(), &own, certificate).is_some());
    }
}
