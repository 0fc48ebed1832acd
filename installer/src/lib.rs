//! The bundle builder: from a checkout and its built programs to one signed file.
//!
//! | module | holds |
//! |---|---|
//! | [`parts`] | which files a bundle has, and where in the tree they come from |
//! | [`crates`], [`sbom`] | what the programs are made of, as a CycloneDX list |
//! | [`signing`] | the key, and the signature over the manifest |
//! | [`archive`] | the one file |
//!
//! Invariant: the same tree and the same programs give the same bytes: files are sorted, dates are
//! the commit's, owners and modes are fixed. The signature is the one thing that may differ.
//!
//! Elsewhere: what a manifest says and how a bundle is verified is `bundle_manifest`; the installer
//! that customers run is part of the appliance (`appliance::install`), the units and the two
//! scripts that start it lie beside this source.

pub mod archive;
pub mod build;
pub mod crates;
mod error;
pub mod parts;
pub mod sbom;
pub mod signing;
mod tool;

pub use error::Error;
