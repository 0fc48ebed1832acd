//! A system whose keychain this program does not know.

use super::{Error, Standing, Wanted};
use zeroize::Zeroizing;

fn absent() -> Error {
    Error::Absent {
        why: "this program knows none of this system".to_owned(),
    }
}

pub(super) fn standing() -> Result<Standing, Error> {
    Err(absent())
}

pub(super) fn get(_wanted: &Wanted) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    Err(absent())
}

pub(super) fn set(_wanted: &Wanted, _secret: &[u8]) -> Result<(), Error> {
    Err(absent())
}

pub(super) fn delete(_wanted: &Wanted) -> Result<(), Error> {
    Err(absent())
}
