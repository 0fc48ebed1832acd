//! One value: read from TOML or from text, and checked against its key's kind.

use super::keys::Kind;
use kernel::ids::is_hex;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use toml::Spanned;
use toml::de::DeValue;
use url::Url;

/// A checked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, an address, a path or a word.
    Text(String),
    /// A number.
    Integer(i64),
    /// A list.
    List(Vec<String>),
}

impl fmt::Display for Value {
    /// As TOML writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &String| toml::Value::String(text.clone()).to_string();
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Integer(number) => write!(f, "{number}"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(quoted).collect();
                write!(f, "[{}]", items.join(", "))
            }
        }
    }
}

/// A value of the file.
///
/// # Errors
/// What the value has to be.
pub(super) fn from_toml(kind: Kind, value: &Spanned<DeValue<'_>>) -> Result<Value, String> {
    let wrong = || Err(format!("this has to be {}", kind.wants()));
    match (kind, value.get_ref()) {
        (Kind::Integer(..), DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix());
            number.map_or_else(|_| wrong(), |number| check(kind, Value::Integer(number)))
        }
        (Kind::Hosts | Kind::Words, DeValue::Array(items)) => {
            let mut list = Vec::new();
            for item in items.iter() {
                let DeValue::String(item) = item.get_ref() else {
                    return wrong();
                };
                list.push(item.to_string());
            }
            check(kind, Value::List(list))
        }
        (Kind::Integer(..) | Kind::Hosts | Kind::Words, _) => wrong(),
        (_, DeValue::String(text)) => check(kind, Value::Text(text.to_string())),
        _ => wrong(),
    }
}

/// A value as an environment variable spells it: lists are separated by commas.
///
/// # Errors
/// What the value has to be.
pub fn from_text(kind: Kind, text: &str) -> Result<Value, String> {
    let text = text.trim();
    match kind {
        Kind::Integer(..) => match text.parse() {
            Ok(number) => check(kind, Value::Integer(number)),
            Err(_) => Err(format!("this has to be {}", kind.wants())),
        },
        Kind::Hosts | Kind::Words => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            check(kind, Value::List(items.map(str::to_owned).collect()))
        }
        _ => check(kind, Value::Text(text.to_owned())),
    }
}

fn check(kind: Kind, value: Value) -> Result<Value, String> {
    let good = match (kind, &value) {
        (Kind::Integer(min, max), Value::Integer(number)) => (min..=max).contains(number),
        (Kind::Text(max), Value::Text(text)) => {
            (1..=max).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        }
        (Kind::File | Kind::Folder, Value::Text(text)) => !text.is_empty() && !text.contains('\0'),
        (Kind::Digest, Value::Text(text)) => is_hex(text, 64),
        (Kind::Listen, Value::Text(text)) => text.parse::<SocketAddr>().is_ok(),
        (Kind::Choice(words), Value::Text(text)) => words.contains(&text.as_str()),
        (Kind::Url, Value::Text(text)) => https(text).is_some(),
        (Kind::Origin, Value::Text(text)) => https(text).is_some_and(|url| {
            url.path() == "/" && url.query().is_none() && url.fragment().is_none()
        }),
        (Kind::Hosts, Value::List(items)) => items.iter().all(|item| is_host(item)),
        (Kind::Words, Value::List(items)) => items.iter().all(|item| {
            !item.is_empty() && item.len() <= 255 && !item.chars().any(|c| c.is_control())
        }),
        _ => false,
    };
    if good {
        Ok(value)
    } else {
        Err(format!(
            "{value} is not valid; this has to be {}",
            kind.wants()
        ))
    }
}

fn https(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (url.scheme() == "https" && url.host().is_some() && plain).then_some(url)
}

/// A DNS name (RFC 1123: labels of letters, digits and hyphens) or an IP address.
#[must_use]
pub fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || (text.len() <= 253
            && text.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for good in ["localhost", "skills.example", "10.0.0.1", "::1", "a-b.c"] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "",
            "a b",
            "-a",
            "a..b",
            "https://x",
            "host:8443",
            "ä.example",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
