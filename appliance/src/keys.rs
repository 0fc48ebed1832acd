//! The keys in use: what the vault gives, and what it is given for.
//!
//! [`LinkKeys`] is how the store seals without knowing cryptography: `k_link` joins a person to
//! their subject, lies in memory while the server runs, and in the vault at rest.

use aws_lc_rs::rand::SystemRandom;
use kernel::ids::DeviceId;
use key_vault::{Revocation, Secret, Vault, name};
use org_store::{LinkKey, LinkKeyError, Sealing};
use std::sync::Arc;

/// `k_link`, behind the store's trait.
pub struct LinkKeys {
    key: Secret,
    random: SystemRandom,
}

impl LinkKeys {
    /// From the vault.
    ///
    /// # Errors
    /// Those of the vault: there is no such key, or it does not open.
    pub fn open(vault: &Vault) -> Result<Arc<Self>, key_vault::Error> {
        Self::of(vault.key(name::LINK)?)
    }

    /// From a key of 32 bytes.
    ///
    /// # Errors
    /// [`key_vault::Error::Length`] for any other.
    pub fn of(key: Secret) -> Result<Arc<Self>, key_vault::Error> {
        // Tried once here, so that a key of a wrong length is told at the start.
        key_vault::route_hmac(&key, &[0; 16])?;
        Ok(Arc::new(Self {
            key,
            random: SystemRandom::new(),
        }))
    }

    /// Seals an enrolment's line of the ledger: who enrolled what, and in which order, is nobody's
    /// to read beside the store.
    ///
    /// # Errors
    /// Those of sealing.
    pub fn seal_enrolment(&self, plain: &[u8]) -> Result<Vec<u8>, key_vault::Error> {
        key_vault::seal(&self.key, b"ledger enrol", plain, &self.random)
    }

    /// Seals a revocation's line of the ledger: whose device ended when is nobody's to read beside
    /// the evidence that ended then.
    ///
    /// # Errors
    /// Those of sealing; [`key_vault::Error::Entry`] for serial numbers that are none.
    pub fn seal_revocation(&self, ended: &Revocation) -> Result<Vec<u8>, key_vault::Error> {
        let plain = ended.to_plain()?;
        key_vault::seal(&self.key, b"ledger revoke", &plain, &self.random)
    }

    /// Opens what [`LinkKeys::seal_revocation`] made.
    ///
    /// # Errors
    /// Those of opening; [`key_vault::Error::Entry`] if no revocation is inside.
    pub fn open_revocation(&self, sealed: &[u8]) -> Result<Revocation, key_vault::Error> {
        let plain = key_vault::open(&self.key, b"ledger revoke", sealed)?;
        Revocation::from_plain(plain.expose())
    }
}

/// What a sealed value is bound to: its kind and its row.
fn context(what: Sealing, owner: &[u8; 16]) -> Vec<u8> {
    let mut context = what.label().as_bytes().to_vec();
    context.push(0);
    context.extend_from_slice(owner);
    context
}

impl LinkKey for LinkKeys {
    fn seal(&self, what: Sealing, owner: &[u8; 16], plain: &[u8]) -> Result<Vec<u8>, LinkKeyError> {
        key_vault::seal(&self.key, &context(what, owner), plain, &self.random)
            .map_err(LinkKeyError::new)
    }

    fn open(
        &self,
        what: Sealing,
        owner: &[u8; 16],
        sealed: &[u8],
    ) -> Result<Vec<u8>, LinkKeyError> {
        key_vault::open(&self.key, &context(what, owner), sealed)
            .map(|plain| plain.expose().to_vec())
            .map_err(LinkKeyError::new)
    }

    fn route(&self, device: DeviceId) -> Result<[u8; 32], LinkKeyError> {
        key_vault::route_hmac(&self.key, device.as_bytes()).map_err(LinkKeyError::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Arc<LinkKeys> {
        LinkKeys::of(Secret::new(vec![7; 32])).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_in_its_own_row_alone() {
        let keys = keys();
        let sealed = keys.seal(Sealing::Link, &[1; 16], b"subject").unwrap();
        assert_eq!(
            keys.open(Sealing::Link, &[1; 16], &sealed).unwrap(),
            b"subject"
        );
        assert!(keys.open(Sealing::Link, &[2; 16], &sealed).is_err());
        assert!(keys.open(Sealing::Actor, &[1; 16], &sealed).is_err());
    }

    #[test]
    fn a_revocation_opens_as_it_was_and_not_as_an_enrolment() {
        let keys = keys();
        let ended = |serial: usize| Revocation {
            device: [4; 16],
            serials: vec![key_vault::HexBytes(vec![5; serial])],
            reason: key_vault::Reason::Lost,
        };
        let sealed = keys.seal_revocation(&ended(20)).unwrap();
        assert_eq!(keys.open_revocation(&sealed).unwrap(), ended(20));
        assert_eq!(
            sealed.len(),
            keys.seal_revocation(&ended(16)).unwrap().len(),
            "a length says nothing of the serial number"
        );
        let enrolment = keys.seal_enrolment(&ended(20).to_plain().unwrap()).unwrap();
        assert!(keys.open_revocation(&enrolment).is_err());
    }

    #[test]
    fn a_key_of_another_length_is_refused_before_it_is_used() {
        assert!(LinkKeys::of(Secret::new(vec![7; 31])).is_err());
    }
}
