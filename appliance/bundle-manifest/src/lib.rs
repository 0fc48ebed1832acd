//! A release bundle: what its signed manifest says, and whether a folder is exactly that.
//!
//! A bundle is a folder with a `manifest.json` that names every file by path, size, digest, kind and
//! mode, and a `manifest.json.minisig`, a signature in minisign's format over the manifest's exact
//! bytes. Anybody can check it with a tool that is not ours: `minisign -Vm manifest.json -P KEY`.
//!
//! The order is the point: bytes are read up to a limit, the signature is checked, and only then is
//! JSON parsed. [`Signed`] is a manifest that somebody with the key vouches for; [`Verified`] is a
//! folder in which every file is the one that it names and nothing else lies. Only the latter hands
//! out files, and it looks at their digest again while it does, so that what changes between
//! checking and copying is seen.
//!
//! Invariant: there is no way to a [`Verified`] without a key, and the key never comes from the
//! bundle: [`ReleaseKey`] is an argument.
//!
//! Elsewhere: which key is trusted, and what is done with the files, is `appliance::install`; who
//! makes bundles is the crate `installer`.

mod error;
mod key;
mod manifest;
mod path;
mod verify;

pub use error::{Error, Fault, Problem};
pub use key::{KeyId, ReleaseKey};
pub use manifest::{File, KernelVersion, Kind, Manifest, Mode, Model, ModelRole, Requires};
pub use path::{BundlePath, PathFlaw};
pub use semver::Version;
pub use verify::{Signed, Verified, allow_over};

/// The manifest format that this build writes and reads.
pub const FORMAT: u32 = 1;
/// The manifest's file name.
pub const MANIFEST: &str = "manifest.json";
/// The signature's file name.
pub const SIGNATURE: &str = "manifest.json.minisig";
/// Whose bundles these are.
pub const PRODUCT: &str = "aiworklab-appliance";
/// The only machine that there is a bundle for.
pub const TARGET: &str = "x86_64-linux";
/// A manifest is a list of files, not a document: at most so many bytes.
pub const MAX_MANIFEST_BYTES: u64 = 1024 * 1024;
/// Four lines of text.
pub const MAX_SIGNATURE_BYTES: u64 = 4096;
/// At most so many files.
pub const MAX_FILES: usize = 2000;
/// At most so many bytes in one file: 16 GiB, far above any model for a CPU.
pub const MAX_FILE_BYTES: u64 = 16 << 30;

/// The trusted comment of a bundle's signature: product, version and target, so that a signature
/// says by itself what it is for.
#[must_use]
pub fn trusted_comment(version: &Version) -> String {
    format!("{PRODUCT} {version} {TARGET}")
}
