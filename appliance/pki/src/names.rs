//! The names that a server answers to.

use std::net::IpAddr;

use rcgen::SanType;
use rustls_pki_types::ServerName;

use crate::Error;

/// Host names and addresses for a server's certificate: checked, in small letters, each
/// once, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames {
    names: Vec<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Host(String),
    Address(IpAddr),
}

impl ServerNames {
    /// Reads names such as `localhost`, `aiworklab.corp.example`, `127.0.0.1`, `::1`.
    ///
    /// # Errors
    /// [`Error::Name`] for one that is neither, [`Error::NoName`] for none at all.
    pub fn parse<'a>(given: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut names = Vec::new();
        for text in given {
            let name = read(text).ok_or_else(|| Error::Name { name: shown(text) })?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            Err(Error::NoName)
        } else {
            Ok(Self { names })
        }
    }

    /// The names, as text.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|name| match name {
            Name::Host(host) => host.clone(),
            Name::Address(address) => address.to_string(),
        })
    }

    pub(crate) fn alternative(&self) -> Result<Vec<SanType>, Error> {
        self.names
            .iter()
            .map(|name| match name {
                Name::Host(host) => match host.as_str().try_into() {
                    Ok(text) => Ok(SanType::DnsName(text)),
                    Err(_) => Err(Error::Name { name: host.clone() }),
                },
                Name::Address(address) => Ok(SanType::IpAddress(*address)),
            })
            .collect()
    }

    /// The first name that fits into a common name (64 characters, RFC 5280, A.1).
    pub(crate) fn common_name(&self) -> String {
        self.iter()
            .find(|name| name.len() <= 64)
            .unwrap_or_else(|| "aiworklab".to_owned())
    }
}

fn read(text: &str) -> Option<Name> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Name::Address(address));
    }
    // A trailing dot is the same host, but no certificate may hold it.
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    match ServerName::try_from(text.as_str()) {
        // Digits and dots alone were to be an address.
        Ok(ServerName::DnsName(_)) if text.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
            Some(Name::Host(text))
        }
        _ => None,
    }
}

/// Enough of a wrong name to know it by.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_lowered_and_taken_once() {
        let names = ServerNames::parse([
            "Host.Corp.Example",
            "host.corp.example.",
            "127.0.0.1",
            "::1",
        ]);
        let names: Vec<_> = names.unwrap().iter().collect();
        assert_eq!(names, ["host.corp.example", "127.0.0.1", "::1"]);
        for wrong in [
            "",
            "a b",
            "*.corp.example",
            "http://x",
            "x:8443",
            "-x",
            "1.2.3",
            "é.de",
        ] {
            assert!(
                matches!(ServerNames::parse([wrong]), Err(Error::Name { .. })),
                "{wrong}"
            );
        }
        assert!(matches!(ServerNames::parse([]), Err(Error::NoName)));
    }
}
