//! From when to when, in whole days.

use time::OffsetDateTime;

use crate::Error;

pub(crate) const DAY: i64 = 86_400;

/// From and to, in seconds UTC; both belong to it (RFC 5280, 4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First second.
    pub not_before: i64,
    /// Last second.
    pub not_after: i64,
}

impl Validity {
    /// `days` days, from the midnight before `now`, to the last second before a midnight.
    pub(crate) fn days(now: i64, days: i64) -> Self {
        let not_before = now.div_euclid(DAY) * DAY;
        Self {
            not_before,
            not_after: not_before.saturating_add(days * DAY - 1),
        }
    }

    /// One day earlier, ending as before: for who checks by a clock that runs late.
    pub(crate) fn starting_a_day_earlier(self) -> Self {
        Self {
            not_before: self.not_before - DAY,
            ..self
        }
    }

    /// No longer than the issuer's, of which `now` must be a part.
    pub(crate) fn within(self, issuer: Self, now: i64) -> Result<Self, Error> {
        if !issuer.contains(now) {
            return Err(Error::IssuerTime);
        }
        Ok(Self {
            not_before: self.not_before.max(issuer.not_before),
            not_after: self.not_after.min(issuer.not_after),
        })
    }

    /// Whether `at` is a part.
    pub fn contains(&self, at: i64) -> bool {
        (self.not_before..=self.not_after).contains(&at)
    }

    /// When to renew: once two thirds are over.
    pub fn renew_at(&self) -> i64 {
        let third = self.not_after.saturating_sub(self.not_before) / 3;
        self.not_after - third
    }
}

/// Whether a certificate should be renewed at `now`: two thirds of its time are over.
pub fn renewal_due(validity: &Validity, now: i64) -> bool {
    now >= validity.renew_at()
}

/// A time in the shape that `rcgen` asks for.
pub(crate) fn date(at: i64) -> Result<OffsetDateTime, Error> {
    // Years before 1950 and after 9999 have no form in a certificate.
    if !(-631_152_000..253_402_300_800).contains(&at) {
        return Err(Error::Time { at });
    }
    OffsetDateTime::from_unix_timestamp(at).map_err(|_| Error::Time { at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validity_is_of_whole_days_and_renewed_at_two_thirds() {
        let validity = Validity::days(10 * DAY + 4_711, 90);
        assert_eq!(
            validity,
            Validity {
                not_before: 10 * DAY,
                not_after: 100 * DAY - 1
            }
        );
        assert!(validity.contains(10 * DAY) && validity.contains(100 * DAY - 1));
        assert!(!validity.contains(100 * DAY) && !validity.contains(10 * DAY - 1));
        assert!(!renewal_due(&validity, 70 * DAY - 1));
        assert!(renewal_due(&validity, 70 * DAY));
        assert!(renewal_due(&validity, 1_000 * DAY));
    }

    #[test]
    fn a_time_that_no_certificate_can_hold_is_an_error() {
        assert!(matches!(date(i64::MAX), Err(Error::Time { .. })));
        assert!(matches!(date(253_402_300_800), Err(Error::Time { .. })));
        assert!(date(253_402_300_799).is_ok());
    }
}
