//! A clock that the test moves, and a log by it.

use appliance::edges::Clock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// A clock that stands until it is moved.
pub struct Stands(AtomicI64);

impl Stands {
    /// At this moment, unix seconds.
    pub fn at(now: i64) -> Arc<Self> {
        Arc::new(Self(now.into()))
    }

    /// Not before this moment.
    pub fn to(&self, now: i64) {
        self.0.fetch_max(now, Ordering::SeqCst);
    }

    /// So many seconds later.
    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Stands {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    fn ticks(&self) -> Duration {
        Duration::from_secs(self.now().unsigned_abs())
    }
}

/// A log in memory, by the moved clock.
#[derive(Clone)]
pub struct Log {
    /// Its clock.
    pub clock: Arc<Stands>,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    /// An empty one.
    pub fn new(clock: Arc<Stands>) -> Self {
        Self {
            clock,
            text: Arc::default(),
        }
    }

    /// What was logged.
    pub fn text(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(text.clone()).expect("a log is text")
    }
}

impl FormatTime for Log {
    fn format_time(&self, to: &mut Writer<'_>) -> std::fmt::Result {
        write!(to, "{}", self.clock.now())
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
