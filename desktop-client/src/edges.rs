//! The edge of the program: the clock, randomness and the environment.
//!
//! Everything else takes what it needs of these through [`World`], so that a test can be a whole
//! year in a millisecond. The appliance has a twin of this file; no other file may read them.

#![expect(
    clippy::disallowed_methods,
    reason = "this file is the one edge where they are allowed"
)]

use crate::world::World;
use std::ffi::OsString;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where this program lies.
///
/// # Errors
/// Whatever the system says.
pub fn program() -> std::io::Result<std::path::PathBuf> {
    std::env::current_exe()
}

/// Sixteen bytes of the system's own generator, or none: at once, where [`World::fill`] first gathers
/// chance for a generator of its own, some 40 ms long. To tell things apart; keys are made by `fill`.
pub fn sixteen_bytes() -> Option<[u8; 16]> {
    use std::io::Read;
    let mut bytes = [0; 16];
    let mut generator = std::fs::File::open("/dev/urandom").ok()?;
    generator.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Tells how long something took, whatever happens to the clock meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins to count.
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// How long it has counted.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

/// This machine, now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl World for Machine {
    fn now(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
        }
    }

    fn utc_offset_s(&self, at: i64) -> i32 {
        let Ok(at) = jiff::Timestamp::from_second(at) else {
            return 0;
        };
        jiff::tz::TimeZone::system().to_offset(at).seconds()
    }

    fn fill(&self, bytes: &mut [u8]) -> bool {
        use aws_lc_rs::rand::{SecureRandom, SystemRandom};
        SystemRandom::new().fill(bytes).is_ok()
    }

    fn env(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn host_name(&self) -> Option<String> {
        let text = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::fs::read_to_string("/etc/hostname"))
            .ok()?;
        let name = text.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }
}
