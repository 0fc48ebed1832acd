//! The log on standard error, for people or as JSON.

use crate::config::{Config, LogFormat};
use crate::edges::Environment;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts it. A second start, in a test, is ignored.
pub(super) fn start(config: &Config, environment: &Environment) {
    let filter = EnvFilter::new(directives(&config.log_level));
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = match config.log_format {
        LogFormat::Json => base
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .try_init(),
        LogFormat::Text => {
            let colour = std::io::stderr().is_terminal() && environment.get("NO_COLOR").is_none();
            base.with_ansi(colour).with_target(false).try_init()
        }
    };
}

/// Ours at the level that was asked for; the network's crates never finer than warnings, since
/// below that they print addresses and header values.
fn directives(level: &str) -> String {
    let others = if level == "error" { "error" } else { "warn" };
    let mut text = level.to_owned();
    for name in [
        "hyper",
        "hyper_util",
        "h2",
        "rustls",
        "reqwest",
        "tower",
        "tokio_rustls",
    ] {
        text.push_str(&format!(",{name}={others}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_of_the_network_stay_quiet() {
        assert!(directives("debug").starts_with("debug,hyper=warn"));
        assert!(directives("error").ends_with("tokio_rustls=error"));
    }
}
