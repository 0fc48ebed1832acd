//! Lists of revocations (RFC 5280, 5).

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, RevocationReason, RevokedCertParams,
    SerialNumber,
};
use rustls_pki_types::CertificateRevocationListDer;

use crate::key::SignKey;
use crate::validity::{DAY, date};
use crate::{Error, Serial};

/// How long a list holds, in seconds. Renew it well before: whoever enforces it refuses
/// everybody once it has ended.
pub const CRL_LIFE_SECONDS: i64 = 7 * DAY;

/// Why a certificate holds no more (RFC 5280, 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No reason is told.
    Unspecified,
    /// The key may be known to others: a lost laptop.
    KeyCompromise,
    /// Its person left, or changed.
    AffiliationChanged,
    /// A newer certificate took its place.
    Superseded,
    /// It is out of use.
    CessationOfOperation,
}

impl Reason {
    fn code(self) -> Option<RevocationReason> {
        match self {
            // "SHOULD be absent instead of using the unspecified (0) reasonCode value"
            Self::Unspecified => None,
            Self::KeyCompromise => Some(RevocationReason::KeyCompromise),
            Self::AffiliationChanged => Some(RevocationReason::AffiliationChanged),
            Self::Superseded => Some(RevocationReason::Superseded),
            Self::CessationOfOperation => Some(RevocationReason::CessationOfOperation),
        }
    }
}

/// A certificate that holds no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number.
    pub serial: Serial,
    /// Since when, in seconds UTC; the list tells the day.
    pub at: i64,
    /// Why.
    pub reason: Reason,
}

/// Writes and signs a list. `number` must rise with each list of an issuer.
pub(crate) fn list(
    issuer: &Issuer<'_, SignKey>,
    number: u64,
    now: i64,
    revoked: &[Revoked],
) -> Result<CertificateRevocationListDer<'static>, Error> {
    let revoked_certs = revoked
        .iter()
        .map(|one| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(one.serial.as_bytes()),
                revocation_time: date(one.at.div_euclid(DAY) * DAY)?,
                reason_code: one.reason.code(),
                invalidity_date: None,
            })
        })
        .collect::<Result<_, Error>>()?;
    // An hour back: whoever reads it may have a clock that runs late.
    let this_update = now.saturating_sub(3600);
    let list = CertificateRevocationListParams {
        this_update: date(this_update)?,
        next_update: date(now.saturating_add(CRL_LIFE_SECONDS))?,
        crl_number: SerialNumber::from(number),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let signed = list.signed_by(issuer).map_err(|source| Error::Sign {
        doing: "sign a list of revocations",
        source,
    })?;
    Ok(signed.into())
}
