//! The internal CA: a root, an issuing CA under it, and the certificates of servers,
//! devices and the signer of packs (X.509 v3 and CRL v2, RFC 5280).
//!
//! The root signs the issuing CA and its own list of revocations, nothing else, so that
//! its key may lie elsewhere later. Devices bring a signing request, of which the public
//! key is taken and nothing else: who a device is, the appliance says.
//!
//! Invariant: a device's certificate names a random id and two dates; no person, no name
//! of a machine, no time of day.
//!
//! Elsewhere: where keys lie is `key-vault`'s; who may ask for a certificate, and which
//! are revoked, is the appliance's. Times are arguments, in seconds UTC; randomness is
//! an argument too.

mod ca;
mod crl;
mod device;
mod error;
mod key;
mod names;
mod signer;
mod text;
mod validity;

pub use ca::{Issued, IssuingCa, NewCa, RootCa, ServerCertificate};
pub use crl::{CRL_LIFE_SECONDS, Reason, Revoked};
pub use device::{DeviceRequest, MAX_REQUEST_BYTES, Presented, device_uri, presented};
pub use error::Error;
pub use key::{PrivateKey, Serial};
pub use names::ServerNames;
pub use signer::{NewPackSigner, PackSigner};
pub use text::{fingerprint, from_pem, to_pem};
pub use validity::{Validity, renewal_due};

#[cfg(test)]
mod tests;
