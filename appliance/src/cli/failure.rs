//! How a command fails: what, where, why and the fix, in one paragraph, and an exit code.

use crate::http::error::chain;
use serde::Serialize;
use std::error::Error as StdError;
use std::path::Path;
use std::process::ExitCode;

/// Exit codes, as the manual lists them. 2 is also what the argument parser uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was tried and failed: disk, database, network.
    Failed = 1,
    /// The command line is not valid.
    Usage = 2,
    /// The configuration is not valid.
    Config = 3,
    /// There is no appliance in the data directory, or it cannot be read.
    NoAppliance = 4,
    /// A rule says no: it exists already, is not a sample, is in use.
    Refused = 5,
    /// An address cannot be listened on.
    Address = 6,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    code: String,
    what: String,
    place: Option<String>,
    cause: Option<String>,
    fix: String,
}

/// A failure as JSON.
#[derive(Serialize)]
struct Line<'a> {
    error: &'a str,
    code: &'a str,
    r#where: Option<&'a str>,
    cause: Option<&'a str>,
    fix: &'a str,
    exit: u8,
}

impl Failure {
    /// A failure with its fix. `what` and `fix` are sentences.
    #[must_use]
    pub fn new(
        exit: Exit,
        code: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            code: code.into(),
            what: what.into(),
            place: None,
            cause: None,
            fix: fix.into(),
        }
    }

    /// With the file it is about.
    #[must_use]
    pub fn at(mut self, path: &Path) -> Self {
        self.place = Some(path.display().to_string());
        self
    }

    /// With the place it is about.
    #[must_use]
    pub fn place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// With an error and its sources.
    #[must_use]
    pub fn because(mut self, cause: &dyn StdError) -> Self {
        self.cause = Some(chain(cause));
        self
    }

    /// With a cause that was put into words already.
    #[must_use]
    pub fn cause(mut self, cause: String) -> Self {
        self.cause = Some(cause);
        self
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    /// As one paragraph.
    #[must_use]
    pub fn paragraph(&self) -> String {
        let mut text = format!("error {}: {}", self.code, sentence(&self.what));
        // After a list the rest begins a line of its own.
        let gap = if self.what.contains('\n') { "\n" } else { " " };
        if let Some(place) = &self.place {
            text.push_str(&format!("{gap}Where: {place}."));
        }
        if let Some(cause) = &self.cause {
            text.push_str(&format!("{gap}Cause: {}", sentence(cause)));
        }
        if !self.fix.is_empty() {
            text.push_str(&format!("{gap}Fix: {}", sentence(&self.fix)));
        }
        text
    }

    /// As one line of JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let line = Line {
            error: &self.what,
            code: &self.code,
            r#where: self.place.as_deref(),
            cause: self.cause.as_deref(),
            fix: &self.fix,
            exit: self.exit as u8,
        };
        serde_json::to_string(&line).unwrap_or_else(|_| self.paragraph())
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.ends_with(['.', '?', '!']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

impl From<crate::config::Error> for Failure {
    fn from(error: crate::config::Error) -> Self {
        let fix = match &error {
            crate::config::Error::Read { .. } => {
                "make the file readable for the user that runs this command"
            }
            crate::config::Error::Refused { .. } => {
                "mend what is listed; `config check` says when all is well"
            }
        };
        let failure = Self::new(Exit::Config, error.code(), error.to_string(), fix);
        match StdError::source(&error) {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

impl From<crate::http::tls::Error> for Failure {
    fn from(error: crate::http::tls::Error) -> Self {
        use crate::http::tls::Error;
        let (exit, fix) = match &error {
            Error::Bind { address, source } => (Exit::Address, bind_fix(*address, source)),
            Error::Read { .. } => (
                Exit::NoAppliance,
                "make it readable for the user that runs this command".into(),
            ),
            _ => (
                Exit::Failed,
                "stop the appliance, move server.pem away and start it: it issues a new \
                 certificate by itself"
                    .into(),
            ),
        };
        let failure = Self::new(exit, error.code(), error.to_string(), fix);
        match StdError::source(&error) {
            Some(source) => failure.because(source),
            None => failure,
        }
    }
}

fn bind_fix(address: std::net::SocketAddr, error: &std::io::Error) -> String {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let port = address.port();
    match error.kind() {
        AddrInUse => format!(
            "another program holds it, perhaps an appliance that already runs: `ss -ltnp 'sport = \
             :{port}'` names it. Stop it, or choose another address with --people and --devices \
             or in [listen]"
        ),
        PermissionDenied => format!(
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose one above, or let \
             the service manager grant it for port {port}"
        ),
        AddrNotAvailable => format!(
            "{} is not an address of this machine: `ip -brief address` lists those that are",
            address.ip()
        ),
        _ => "choose another address with --people and --devices or in [listen]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_paragraph_with_what_where_cause_and_fix() {
        let failure = Failure::new(Exit::Refused, "A001", "it exists already", "choose another")
            .at(Path::new("/d"))
            .because(&std::io::Error::other("cause"));
        assert_eq!(
            failure.paragraph(),
            "error A001: it exists already. Where: /d. Cause: cause. Fix: choose another."
        );
        assert!(failure.json().contains(r#""exit":5"#));
    }

    #[test]
    fn a_taken_address_is_named_with_the_command_that_finds_its_holder() {
        let error = crate::http::tls::Error::Bind {
            address: ([127, 0, 0, 1], 8443).into(),
            source: std::io::ErrorKind::AddrInUse.into(),
        };
        let text = Failure::from(error).paragraph();
        assert!(
            text.contains("127.0.0.1:8443") && text.contains("ss -ltnp"),
            "{text}"
        );
    }
}
