//! A desktop notification: shown by the system's own service, and given up on after a moment.
//!
//! Linux and Windows go through `notify-rust`; on macOS that would bring Objective-C to be compiled, so
//! the text is handed to `osascript` as arguments of a fixed script.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// What is shown. Plain text: what looks like markup is shown as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub title: String,
    /// A few lines.
    pub body: String,
}

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No desktop, or none that shows notifications.
    #[error("nobody shows notifications here: {why}")]
    Nobody {
        /// What is missing.
        why: String,
    },
    /// It did not answer in time; it may show it later.
    #[error("the desktop did not take the notification within {} ms", after.as_millis())]
    Slow {
        /// How long it was waited for.
        after: Duration,
    },
}

/// Shows a message, and waits at most `wait` until the desktop took it.
///
/// # Errors
/// [`Error`] if it was not taken. That is no failure of the caller's: the check waits elsewhere, too.
pub fn show(message: &Message, wait: Duration) -> Result<(), Error> {
    let message = message.clone();
    let (tell, told) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("notification".to_owned())
        .spawn(move || {
            // Nobody listens any more if this took too long.
            let _ = tell.send(shown(&message, wait));
        })
        .map_err(|error| Error::Nobody {
            why: error.to_string(),
        })?;
    match told.recv_timeout(wait) {
        Ok(result) => result.map_err(|why| Error::Nobody { why }),
        Err(RecvTimeoutError::Timeout) => Err(Error::Slow { after: wait }),
        Err(RecvTimeoutError::Disconnected) => Err(Error::Nobody {
            why: "its library gave up".to_owned(),
        }),
    }
}

#[cfg(not(target_os = "macos"))]
fn shown(message: &Message, _wait: Duration) -> Result<(), String> {
    let mut notification = notify_rust::Notification::new();
    notification
        .appname("aiworklab")
        .summary(&message.title)
        // The body of freedesktop's notifications is markup (Desktop Notifications Specification 1.2).
        .body(&if cfg!(windows) {
            message.body.clone()
        } else {
            plain(&message.body)
        });
    #[cfg(not(windows))]
    notification.hint(notify_rust::Hint::Urgency(notify_rust::Urgency::Low));
    notification
        .show()
        .map(|_| ())
        .map_err(|error| error.to_string())
}

#[cfg(target_os = "macos")]
fn shown(message: &Message, wait: Duration) -> Result<(), String> {
    const SCRIPT: &str =
        "on run argv\ndisplay notification (item 1 of argv) with title (item 2 of argv)\nend run";
    let args = ["-e", SCRIPT, "--", &message.body, &message.title];
    match crate::run::output("/usr/bin/osascript", &args, wait) {
        Ok(said) if said.ok => Ok(()),
        Ok(said) => Err(said.why()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(any(test, not(any(target_os = "macos", windows))))]
fn plain(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(all(windows, not(test)))]
fn plain(text: &str) -> String {
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_markup_is_shown_as_it_is() {
        assert_eq!(plain("Vec<T> & <b>"), "Vec&lt;T&gt; &amp; &lt;b&gt;");
    }
}
