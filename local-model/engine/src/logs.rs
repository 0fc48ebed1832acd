//! llama.cpp's own words: errors go to standard error, where the server reads them, and the last one
//! into the reason why a model did not load. Everything below an error is dropped.

use std::io::Write;
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;

/// Bytes that are kept of them.
const KEPT: usize = 300;

static LAST: Mutex<String> = Mutex::new(String::new());

/// Keeps the last line and passes it on.
struct Keeper;

impl Write for Keeper {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if let Ok(mut last) = LAST.lock() {
            let text = String::from_utf8_lossy(line);
            last.clear();
            last.extend(text.trim().chars().filter(|c| !c.is_control()).take(KEPT));
        }
        std::io::stderr().write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Once, in the worker: errors are written.
pub(crate) fn to_stderr() {
    let lines = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::ERROR)
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(|| Keeper)
        .try_init();
    // A second call finds the first one's.
    drop(lines);
}

/// The last error that llama.cpp wrote, if this process listens.
pub(crate) fn last() -> Option<String> {
    LAST.lock()
        .ok()
        .filter(|last| !last.is_empty())
        .map(|last| last.clone())
}
