//! What joins a person to a subject: the key that this crate never holds.
//!
//! Person, device, session and audit rows on one side, subject, stream and delta rows on the
//! other, have no column in common. What joins them is sealed under `k_link`, and so is every
//! date on the person's side that would join them by time: a person's first sign-in, a device's
//! enrolment and last sync fall on days that the subject's rows show, too. Even a month is too
//! much beside forty subjects, so the dates that architecture.md allows are kept inside a seal.
//!
//! Invariant: a sealed blob is bound to its row by `owner`, differs at each sealing, and has a
//! length that says nothing.

use kernel::ids::DeviceId;

/// What is sealed; keeps one kind of blob from passing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sealing {
    /// A person's subject. Opened, each time audited, for the acts that `policy` names.
    Link,
    /// Who acted on their own graph, in an audit row; on whom or what an administrator acted.
    Actor,
    /// Month of enrolment, days of the last sync and of the revocation, if any, and end of the
    /// certificate of a device.
    DeviceDates,
    /// Which copies of a client's folder used a device's certificate last, and on which days.
    DeviceMachines,
    /// Day of a person's last sign-in, and whether their account is switched on.
    PersonDates,
    /// A device's subject. Opened at every sync, in memory, and not audited row by row.
    Route,
}

impl Sealing {
    /// A label for the additional data of the cipher.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Actor => "actor",
            Self::DeviceDates => "device-dates",
            Self::DeviceMachines => "device-machines",
            Self::PersonDates => "person-dates",
            Self::Route => "route",
        }
    }
}

/// Why a blob could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("the link key refused")]
pub struct LinkKeyError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl LinkKeyError {
    /// With this cause.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// The holder of `k_link`: the appliance, over its key vault.
pub trait LinkKey: Send + Sync {
    /// Seals `plain` for the row of `owner`; the result is another one each time.
    ///
    /// # Errors
    /// The holder's own.
    fn seal(&self, what: Sealing, owner: &[u8; 16], plain: &[u8]) -> Result<Vec<u8>, LinkKeyError>;

    /// Opens what [`LinkKey::seal`] made for the same kind and owner.
    ///
    /// # Errors
    /// The holder's own, also for a blob of another row.
    fn open(&self, what: Sealing, owner: &[u8; 16], sealed: &[u8])
    -> Result<Vec<u8>, LinkKeyError>;

    /// The name under which a device's subject is found: HMAC(k_link, device).
    ///
    /// # Errors
    /// The holder's own.
    fn route(&self, device: DeviceId) -> Result<[u8; 32], LinkKeyError>;
}

/// A seal without secrecy, for tests of what lies around it.
#[cfg(test)]
pub(crate) mod fake {
    use super::{LinkKey, LinkKeyError, Sealing};
    use kernel::ids::DeviceId;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Scrambles by XOR with a fixed key and a counter.
    #[derive(Debug, Default)]
    pub(crate) struct Fake(AtomicU64);

    impl LinkKey for Fake {
        fn seal(
            &self,
            what: Sealing,
            owner: &[u8; 16],
            plain: &[u8],
        ) -> Result<Vec<u8>, LinkKeyError> {
            let nonce = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            let mut made = nonce.to_vec();
            made.push(what.label().len() as u8 ^ owner[0]);
            made.extend(plain.iter().map(|byte| byte ^ 0xa5 ^ nonce[7]));
            Ok(made)
        }

        fn open(
            &self,
            what: Sealing,
            owner: &[u8; 16],
            sealed: &[u8],
        ) -> Result<Vec<u8>, LinkKeyError> {
            match sealed {
                [_, _, _, _, _, _, _, last, check, rest @ ..]
                    if *check == what.label().len() as u8 ^ owner[0] =>
                {
                    Ok(rest.iter().map(|byte| byte ^ 0xa5 ^ last).collect())
                }
                _ => Err(LinkKeyError::new("not sealed here")),
            }
        }

        fn route(&self, device: DeviceId) -> Result<[u8; 32], LinkKeyError> {
            let mut made = [0x5a; 32];
            for (to, from) in made.iter_mut().zip(device.as_bytes()) {
                *to ^= from;
            }
            Ok(made)
        }
    }
}
