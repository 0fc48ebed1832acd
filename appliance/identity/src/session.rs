//! Sessions: how long a sign-in lasts, and when it is fresh enough for an administrator's act.
//!
//! Pure rules over times that the caller stored. A session is server-side; the
//! browser's cookie holds a [`SecretToken`](crate::SecretToken) and the store
//! its hash. Rotate the secret at sign-in and whenever a level changes.
//!
//! Invariant: a time that lies in the future never makes a session younger.

/// Seconds that the clocks of two machines may differ.
pub const LEEWAY_S: i64 = 120;

/// How long sessions live. All in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRules {
    /// Without a request for this long it ends.
    pub idle_s: i64,
    /// After this long it ends, whatever happens in it.
    pub absolute_s: i64,
    /// An authentication not older than this counts as fresh (step-up).
    pub fresh_s: i64,
}

impl Default for SessionRules {
    /// One hour idle, twelve hours in all, five minutes fresh.
    fn default() -> Self {
        Self {
            idle_s: 3_600,
            absolute_s: 12 * 3_600,
            fresh_s: 300,
        }
    }
}

/// When a session began and was last used. Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimes {
    /// When it began.
    pub created: i64,
    /// Its latest request that was noted.
    pub last_seen: i64,
}

/// What a session is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// It may be used.
    Live,
    /// Unused for too long: sign in again.
    Idle,
    /// Too old: sign in again.
    Old,
    /// It begins in the future: the clock was set back. Sign in again.
    NotYet,
}

/// Only every so many seconds is `last_seen` worth a write.
const TOUCH_EVERY_S: i64 = 60;

impl SessionRules {
    /// Whether a session with these times may be used at `now`.
    pub const fn judge(&self, times: &SessionTimes, now: i64) -> SessionState {
        if times.created > now.saturating_add(LEEWAY_S) {
            SessionState::NotYet
        } else if now.saturating_sub(times.created) >= self.absolute_s {
            SessionState::Old
        } else if now.saturating_sub(times.last_seen) >= self.idle_s {
            SessionState::Idle
        } else {
            SessionState::Live
        }
    }

    /// Whether the latest authentication is fresh enough for an administrator's act.
    ///
    /// `authenticated_at` is the provider's `auth_time` or the use of a sign-in
    /// link; `None` (the provider did not say) is never fresh.
    pub const fn is_fresh(&self, authenticated_at: Option<i64>, now: i64) -> bool {
        match authenticated_at {
            Some(at) => {
                let age = now.saturating_sub(at);
                age <= self.fresh_s && age >= -LEEWAY_S
            }
            None => false,
        }
    }

    /// Whether `last_seen` should be written anew: at most once a minute.
    pub const fn should_touch(&self, last_seen: i64, now: i64) -> bool {
        now.saturating_sub(last_seen) >= TOUCH_EVERY_S
    }
}

/// The moment to store for a login: the provider's `auth_time`, but never ahead of our own clock.
///
/// A provider whose clock is ahead would otherwise keep a session fresh longer.
pub fn authenticated_at(auth_time: Option<i64>, now: i64) -> Option<i64> {
    auth_time.map(|at| at.min(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: SessionRules = SessionRules {
        idle_s: 600,
        absolute_s: 3_600,
        fresh_s: 300,
    };

    #[test]
    fn a_session_ends_when_idle_and_when_old() {
        let at = |created, last_seen, now| RULES.judge(&SessionTimes { created, last_seen }, now);
        assert_eq!(at(0, 0, 599), SessionState::Live);
        assert_eq!(at(0, 0, 600), SessionState::Idle);
        assert_eq!(at(0, 3_599, 3_599), SessionState::Live);
        assert_eq!(at(0, 3_600, 3_600), SessionState::Old);
    }

    #[test]
    fn a_session_from_the_future_is_not_used() {
        let times = SessionTimes {
            created: 1_000,
            last_seen: 1_000,
        };
        assert_eq!(RULES.judge(&times, 1_000 - LEEWAY_S), SessionState::Live);
        assert_eq!(
            RULES.judge(&times, 1_000 - LEEWAY_S - 1),
            SessionState::NotYet
        );
    }

    #[test]
    fn only_a_known_and_recent_authentication_is_fresh() {
        assert!(RULES.is_fresh(Some(1_000), 1_300));
        assert!(!RULES.is_fresh(Some(1_000), 1_301));
        assert!(!RULES.is_fresh(None, 1_000));
        assert!(!RULES.is_fresh(Some(2_000), 1_000), "from the future");
        assert!(!RULES.is_fresh(Some(i64::MAX), i64::MIN));
    }

    #[test]
    fn a_provider_whose_clock_is_ahead_gains_no_time() {
        assert_eq!(authenticated_at(Some(1_060), 1_000), Some(1_000));
        assert_eq!(authenticated_at(Some(900), 1_000), Some(900));
        assert_eq!(authenticated_at(None, 1_000), None);
    }

    #[test]
    fn last_seen_is_written_at_most_once_a_minute() {
        assert!(!RULES.should_touch(100, 159));
        assert!(RULES.should_touch(100, 160));
    }
}
