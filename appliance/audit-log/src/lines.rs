//! An export: JSON lines, each in its one spelling, a header first.
//!
//! ```text
//! {"audit":{"store":"…","v":1}}
//! {"row":{"entry":{…},"hash":"…","seq":1}}
//! {"checkpoint":{"body":{…},"signature":"…"}}
//! ```
//!
//! The keys of the auditor never come from the file.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use crate::row::canonical;
use crate::verify::broken;
use crate::{Broken, ChainedRow, Checkpoint, Error, Place, Report, Trust, Why, verify};

/// Version of the export's format.
pub const HEADER_VERSION: u32 = 1;

/// No line of an honest export comes near this many bytes.
const MAX_LINE: u64 = 64 * 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(with = "hex::serde")]
    store: [u8; 16],
    v: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Record {
    Audit(Header),
    Row(ChainedRow),
    Checkpoint(Checkpoint),
}

/// The first line of an export of `store`, without its line end.
///
/// # Errors
/// [`Error::Parse`] if it cannot be written.
pub fn header_line(store: &[u8; 16]) -> Result<String, Error> {
    canonical(
        "a header",
        &Record::Audit(Header {
            store: *store,
            v: HEADER_VERSION,
        }),
    )
}

/// Checks an export as [`verify`] does.
///
/// # Errors
/// The first [`Broken`] place; a line that cannot be read is one.
pub fn verify_lines(mut from: impl BufRead, trust: &Trust) -> Result<Report, Broken> {
    let (mut rows, mut points) = (Vec::new(), Vec::new());
    let mut number = 0;
    while let Some(text) = read_line(&mut from, number + 1)? {
        number += 1;
        let at = Place::Line(number);
        match record(&text).map_err(|what| broken(at, Why::Line { what }))? {
            Record::Audit(header) if number == 1 => {
                if header.v != HEADER_VERSION {
                    let what = format!("its version is {}, known is {HEADER_VERSION}", header.v);
                    return Err(broken(at, Why::Line { what }));
                }
                if header.store != trust.store {
                    return Err(broken(at, Why::Store));
                }
            }
            _ if number == 1 => return Err(bad_line(at, "the header is missing")),
            Record::Audit(_) => return Err(bad_line(at, "a second header")),
            Record::Row(row) => rows.push(row),
            Record::Checkpoint(point) => points.push(point),
        }
    }
    if number == 0 {
        return Err(bad_line(Place::Line(1), "the header is missing"));
    }
    verify(&rows, &points, trust)
}

fn bad_line(at: Place, what: &str) -> Broken {
    broken(
        at,
        Why::Line {
            what: what.to_owned(),
        },
    )
}

fn read_line(from: &mut impl BufRead, number: u64) -> Result<Option<String>, Broken> {
    let at = Place::Line(number);
    let mut bytes = Vec::new();
    let mut limited = std::io::Read::take(from, MAX_LINE);
    limited.read_until(b'\n', &mut bytes).map_err(|error| {
        broken(
            at,
            Why::Line {
                what: error.to_string(),
            },
        )
    })?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(bad_line(at, "it is not UTF-8")),
        },
        Some(_) => Err(bad_line(at, "it has no end, or is longer than any record")),
    }
}

fn record(text: &str) -> Result<Record, String> {
    let read: Record = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let again = canonical("a record", &read).map_err(|error| error.to_string())?;
    if again == text {
        Ok(read)
    } else {
        Err("it is not in canonical form (RFC 8785)".to_owned())
    }
}
