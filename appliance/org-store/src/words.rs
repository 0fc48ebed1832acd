//! The words of closed vocabularies as they are stored: the spelling that the wire has, too.

use crate::error::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The word of a value whose JSON is a text.
pub(crate) fn word(value: &impl Serialize, what: &'static str) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        _ => Err(Error::Malformed { what }),
    }
}

/// The value of a stored word.
pub(crate) fn read_word<T: DeserializeOwned>(word: String, what: &'static str) -> Result<T> {
    serde_json::from_value(Value::String(word)).map_err(|_| Error::Malformed { what })
}

/// A value as stored JSON.
pub(crate) fn json(value: &impl Serialize, what: &'static str) -> Result<String> {
    serde_json::to_string(value).map_err(|_| Error::Malformed { what })
}

/// The value of stored JSON.
pub(crate) fn read_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| Error::Malformed { what })
}

/// A text of a person's: 1 to `max` characters, none of them a control character.
pub(crate) fn check_text(text: &str, what: &'static str, max: usize) -> Result<()> {
    let length = text.chars().count();
    if length == 0 || length > max || text.chars().any(char::is_control) {
        return Err(Error::Text { what, max });
    }
    Ok(())
}
