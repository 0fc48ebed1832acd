//! The system's own place for secrets: Secret Service on Linux, Keychain on macOS, Credential Manager on
//! Windows, through the stores of the `keyring` project.
//!
//! Every call ends: it runs in a thread of its own, and whoever asked goes on after `wait`. A keyring that
//! is locked, or waits for a password that nobody types, can so hold up nobody. On Linux it is looked first,
//! without a prompt, whether the item or its keyring is locked.

#[cfg(any(target_os = "macos", windows))]
use self::native as system;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use self::nothing as system;
#[cfg(target_os = "linux")]
use self::secret_service as system;

#[cfg(any(target_os = "macos", windows))]
mod native;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod nothing;
#[cfg(target_os = "linux")]
mod secret_service;

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the keychain gave nothing. None of them says that there is no such secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody serves secrets here: no session bus, or no keyring on it.
    #[error("this system has no keychain that answers: {why}")]
    Absent {
        /// What is missing.
        why: String,
    },
    /// It is there and locked, and nobody was asked for the password.
    #[error("the keychain is locked")]
    Locked,
    /// The person, or a rule of the system, said no.
    #[error("the keychain did not let this program in: {why}")]
    Denied {
        /// What was said.
        why: String,
    },
    /// It did not answer in time.
    #[error("the keychain did not answer within {} s", after.as_secs())]
    Slow {
        /// How long it was waited for.
        after: Duration,
    },
    /// It holds several secrets under one name.
    #[error("the keychain holds {n} secrets under the one name {account:?}")]
    Several {
        /// The name.
        account: String,
        /// How many.
        n: usize,
    },
    /// Anything else.
    #[error("the keychain failed")]
    Failed {
        /// What it says.
        source: Cause,
    },
}

impl Error {
    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    fn failed(source: impl Into<Cause>) -> Self {
        Self::Failed {
            source: source.into(),
        }
    }
}

/// How the keychain stands, found without a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It answers and is open. What it calls itself.
    Open(String),
    /// It answers and is locked.
    Locked(String),
}

/// Secrets of one service, each under the name of an account.
#[derive(Debug, Clone)]
pub struct Keychain {
    service: String,
    wait: Duration,
    may_ask: bool,
}

/// What is needed to find one secret; owned, since it goes to another thread.
#[derive(Debug, Clone)]
struct Wanted {
    service: String,
    account: String,
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "the other systems' stores ask by themselves")
    )]
    may_ask: bool,
}

impl Keychain {
    /// The secrets that are kept for `service`; touches nothing. A call takes at most `wait`. With
    /// `may_ask` a locked keychain may ask the person for its password, which they need time to type.
    #[must_use]
    pub fn new(service: &str, wait: Duration, may_ask: bool) -> Self {
        Self {
            service: service.to_owned(),
            wait,
            may_ask,
        }
    }

    /// Whether a locked keychain may ask the person for its password.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        self.may_ask
    }

    fn wanted(&self, account: &str) -> Wanted {
        Wanted {
            service: self.service.clone(),
            account: account.to_owned(),
            may_ask: self.may_ask,
        }
    }

    /// The secret of this account, `None` if there is none.
    ///
    /// # Errors
    /// [`Error`] if that cannot be said.
    pub fn get(&self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let wanted = self.wanted(account);
        bounded(self.wait, move || system::get(&wanted))
    }

    /// Sets the secret of this account, in place of another.
    ///
    /// # Errors
    /// [`Error`]; the one that was there is then there still.
    pub fn set(&self, account: &str, secret: &[u8]) -> Result<(), Error> {
        let (wanted, secret) = (self.wanted(account), Zeroizing::new(secret.to_vec()));
        bounded(self.wait, move || system::set(&wanted, &secret))
    }

    /// Deletes the secret of this account; none is no error.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete(&self, account: &str) -> Result<(), Error> {
        let wanted = self.wanted(account);
        bounded(self.wait, move || system::delete(&wanted))
    }

    /// How the keychain stands. Never prompts.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, [`Error::Slow`] if it does not answer.
    pub fn standing(&self) -> Result<Standing, Error> {
        bounded(self.wait, system::standing)
    }
}

/// Runs `work` in a thread of its own for at most `wait`. One that takes longer is left to end by itself:
/// nobody can take a call back from the bus.
fn bounded<T: Send + 'static>(
    wait: Duration,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (tell, told) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("keychain".to_owned())
        .spawn(move || {
            // Nobody listens any more if this took too long.
            let _ = tell.send(work());
        })
        .map_err(|source| Error::Failed {
            source: source.into(),
        })?;
    match told.recv_timeout(wait) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(Error::Slow { after: wait }),
        Err(RecvTimeoutError::Disconnected) => Err(Error::Failed {
            source: "its library gave up".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keychain_that_never_answers_holds_nobody_up() {
        let (hold, held) = mpsc::channel::<()>();
        let slow = bounded(Duration::from_millis(20), move || {
            let _ = held.recv();
            Ok(())
        });
        assert!(matches!(slow, Err(Error::Slow { .. })), "{slow:?}");
        drop(hold);
        let broken: Result<(), _> = bounded(Duration::from_secs(30), || panic!("as a library may"));
        assert!(matches!(broken, Err(Error::Failed { .. })), "{broken:?}");
    }
}
