//! How much of a certificate's life is used: the dot is today on its way.

use askama::Template;

use crate::words;

/// The bar of one certificate.
#[derive(Template)]
#[template(path = "svg/life.html")]
pub(crate) struct Life {
    used: u8,
    /// Where the bar begins: 1, or 0 for a life that has not begun.
    from: u8,
}

impl Life {
    /// From when, until when, and now: unix seconds.
    pub(crate) fn new(not_before: i64, not_after: i64, now: i64) -> Self {
        let whole = (not_after as f64 - not_before as f64).max(1.0);
        let gone = now as f64 - not_before as f64;
        let used = words::percent(gone / whole);
        Self {
            used,
            from: used.min(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_never_more_than_used_up_or_less_than_begun() {
        assert_eq!(Life::new(0, 100, 94).used, 94);
        assert_eq!(Life::new(0, 100, 900).used, 100);
        assert_eq!(Life::new(50, 100, 10).used, 0);
        assert_eq!(Life::new(i64::MIN, i64::MAX, 0).used, 50);
        assert_eq!(Life::new(5, 5, 5).used, 0);
    }
}
