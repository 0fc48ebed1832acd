//! The edges of the program: clock, randomness and environment.
//!
//! Everything else takes time, random bytes and settings as arguments, so a test can hold the
//! clock, repeat a draw and leave the machine's environment alone. This file is the only one of
//! the crate that may call what `clippy.toml` forbids.
//!
//! Invariant: two clocks exist. [`Clock::now`] is the machine's and decides over certificates,
//! sessions and audit rows; a *shifted* one, in a sample store alone, decides over the `now` of
//! sync replies and the Monday of a snapshot, and over nothing else.

#![expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the clock, random bytes and the environment"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Unix seconds, UTC.
    fn now(&self) -> i64;
    /// Time since some fixed moment, never going back: for measuring how long a thing took.
    fn ticks(&self) -> Duration;
}

/// The machine's clock.
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// The machine's clock; ticks count from here.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
        }
    }

    fn ticks(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Another clock, moved by so many seconds.
pub struct ShiftedClock {
    of: Arc<dyn Clock>,
    seconds: i64,
}

impl ShiftedClock {
    /// `of`, moved by `seconds`.
    #[must_use]
    pub fn new(of: Arc<dyn Clock>, seconds: i64) -> Self {
        Self { of, seconds }
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> i64 {
        self.of.now().saturating_add(self.seconds)
    }

    fn ticks(&self) -> Duration {
        self.of.ticks()
    }
}

/// Where random bytes come from.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`NoEntropy`] if the machine has none to give; nothing secret may be made then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The machine gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the machine gave no random bytes")]
pub struct NoEntropy;

/// The machine's random bytes, through AWS-LC's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// `N` random bytes.
///
/// # Errors
/// [`NoEntropy`], as [`Entropy::fill`].
pub fn random<const N: usize>(from: &dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    from.fill(&mut bytes)?;
    Ok(bytes)
}

/// The environment, as it was at the start: the variables of ours alone, and few of the system's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    vars: BTreeMap<String, OsString>,
}

/// What every variable of ours begins with.
pub const PREFIX: &str = "AIWORKLAB_";
/// Variables of the system that are read: systemd's credential folder and its socket for the word
/// that we serve, and the way to say "no colour".
const SYSTEM: [&str; 3] = ["CREDENTIALS_DIRECTORY", "NO_COLOR", "NOTIFY_SOCKET"];

impl Environment {
    /// Reads it, once.
    #[must_use]
    pub fn read() -> Self {
        let vars = std::env::vars_os()
            .filter_map(|(name, value)| name.into_string().ok().map(|name| (name, value)))
            .filter(|(name, _)| name.starts_with(PREFIX) || SYSTEM.contains(&name.as_str()))
            .collect();
        Self { vars }
    }

    /// An environment of these variables, for tests.
    #[must_use]
    pub fn of<'a>(vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            vars: vars
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v.into()))
                .collect(),
        }
    }

    /// One variable; `None` also if it is set to nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&OsString> {
        self.vars.get(name).filter(|value| !value.is_empty())
    }

    /// The variables of ours, by name.
    pub fn ours(&self) -> impl Iterator<Item = (&str, &OsString)> {
        self.vars
            .iter()
            .filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty())
            .map(|(name, value)| (name.as_str(), value))
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}

/// The running program, to be started again as a child: its path, or the kernel's own name for it
/// where another file lies at that path by now (an upgrade beside a server that still runs).
#[must_use]
pub fn program() -> PathBuf {
    use std::os::unix::fs::MetadataExt;
    let own = PathBuf::from("/proc/self/exe");
    let same = |path: &Path| {
        let (a, b) = (std::fs::metadata(path).ok()?, std::fs::metadata(&own).ok()?);
        Some((a.dev(), a.ino()) == (b.dev(), b.ino()))
    };
    match std::env::current_exe() {
        Ok(path) if same(&path) == Some(true) => path,
        _ => own,
    }
}

/// Cores that this process may use.
#[must_use]
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
}

/// The edges, as the rest of the program gets them.
#[derive(Clone)]
pub struct Edges {
    /// The machine's time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Variables at the start.
    pub environment: Arc<Environment>,
}

impl Edges {
    /// The machine's own.
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            environment: Arc::new(Environment::read()),
        }
    }
}

/// A clock that stands until it is told to move, for tests.
#[cfg(test)]
pub struct TestClock(std::sync::atomic::AtomicI64);

#[cfg(test)]
impl TestClock {
    /// Stands at these unix seconds.
    pub fn at(now: i64) -> Arc<Self> {
        Arc::new(Self(now.into()))
    }

    /// Moves on.
    pub fn pass(&self, seconds: i64) {
        self.0
            .fetch_add(seconds, std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(test)]
impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    fn ticks(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.now()).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_clock_follows_its_clock() {
        let clock = TestClock::at(1_000);
        let shifted = ShiftedClock::new(clock.clone(), -400);
        assert_eq!(shifted.now(), 600);
        clock.pass(50);
        assert_eq!(shifted.now(), 650);
    }

    #[test]
    fn an_environment_keeps_only_what_has_a_value() {
        let env = Environment::of([
            ("AIWORKLAB_LOG_LEVEL", "debug"),
            ("AIWORKLAB_LOG_FORMAT", ""),
        ]);
        assert_eq!(
            env.ours().map(|(name, _)| name).collect::<Vec<_>>(),
            ["AIWORKLAB_LOG_LEVEL"]
        );
        assert_eq!(env.get("AIWORKLAB_LOG_FORMAT"), None);
    }

    #[test]
    fn an_environment_never_prints_a_value() {
        let env = Environment::of([("AIWORKLAB_SECRET", "hunter2")]);
        assert!(!format!("{env:?}").contains("hunter2"));
    }

    #[test]
    fn two_draws_differ() {
        let [a, b]: [[u8; 16]; 2] = [
            random(&SystemEntropy).unwrap(),
            random(&SystemEntropy).unwrap(),
        ];
        assert_ne!(a, b);
    }
}
