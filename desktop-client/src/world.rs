//! What the program may ask of the machine around it, as a value.

use kernel::ids::DAY;
use std::ffi::OsString;

/// Clock, randomness, environment.
pub trait World {
    /// Seconds since 1970-01-01 UTC, by this machine's clock.
    fn now(&self) -> i64;

    /// How far local time is ahead of UTC at `at`, in seconds.
    fn utc_offset_s(&self, at: i64) -> i32;

    /// When the local day began that `at` lies in, in seconds since 1970-01-01 UTC.
    fn midnight(&self, at: i64) -> i64 {
        let offset = i64::from(self.utc_offset_s(at));
        (at + offset).div_euclid(DAY) * DAY - offset
    }

    /// Fills `bytes` from the system's generator; `false` if it has none to give.
    #[must_use]
    fn fill(&self, bytes: &mut [u8]) -> bool;

    /// An environment variable; an empty one is none.
    fn env(&self, name: &str) -> Option<OsString>;

    /// What this machine calls itself.
    fn host_name(&self) -> Option<String>;
}

/// A world that a test holds still.
#[cfg(test)]
pub mod still {
    use super::World;
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    /// Time stands where it is put; the bytes count up.
    #[derive(Debug, Default)]
    pub struct Still {
        pub now: Cell<i64>,
        pub next: Cell<u8>,
        pub env: BTreeMap<&'static str, OsString>,
    }

    impl Still {
        pub fn at(now: i64) -> Self {
            Self {
                now: Cell::new(now),
                ..Self::default()
            }
        }
    }

    impl World for Still {
        fn now(&self) -> i64 {
            self.now.get()
        }
        fn utc_offset_s(&self, _at: i64) -> i32 {
            0
        }
        fn fill(&self, bytes: &mut [u8]) -> bool {
            for byte in bytes {
                self.next.set(self.next.get().wrapping_add(1));
                *byte = self.next.get();
            }
            true
        }
        fn env(&self, name: &str) -> Option<OsString> {
            match self.env.get(name) {
                // A test touches the keychain of whoever runs it by its own wish alone.
                None if name == "AIWORKLAB_KEYS" => Some("file".into()),
                value => value.filter(|value| !value.is_empty()).cloned(),
            }
        }
        fn host_name(&self) -> Option<String> {
            Some("laptop".to_owned())
        }
    }
}
