//! macOS and Windows: the stores of the `keyring` project, as they are.

use super::{Error, Standing, Wanted};
#[cfg(target_os = "macos")]
use apple_native_keyring_store::keychain::Store;
use keyring_core::api::CredentialStoreApi;
#[cfg(windows)]
use windows_native_keyring_store::Store;
use zeroize::Zeroizing;

/// How this system calls it.
const NAME: &str = if cfg!(windows) {
    "Credential Manager"
} else {
    "Keychain"
};

pub(super) fn standing() -> Result<Standing, Error> {
    Store::new().map_err(of_keyring)?;
    Ok(Standing::Open(NAME.to_owned()))
}

fn entry(wanted: &Wanted) -> Result<keyring_core::Entry, Error> {
    let store = Store::new().map_err(of_keyring)?;
    store
        .build(&wanted.service, &wanted.account, None)
        .map_err(of_keyring)
}

pub(super) fn get(wanted: &Wanted) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    match entry(wanted)?.get_secret() {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(error) => Err(of_keyring(error)),
    }
}

pub(super) fn set(wanted: &Wanted, secret: &[u8]) -> Result<(), Error> {
    entry(wanted)?.set_secret(secret).map_err(of_keyring)
}

pub(super) fn delete(wanted: &Wanted) -> Result<(), Error> {
    match entry(wanted)?.delete_credential() {
        Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
        Err(error) => Err(of_keyring(error)),
    }
}

fn of_keyring(error: keyring_core::Error) -> Error {
    use keyring_core::Error::NoStorageAccess;
    match error {
        // The person pressed "Deny", or the session may not show the question.
        NoStorageAccess(source) => Error::Denied {
            why: source.to_string(),
        },
        error => Error::failed(error),
    }
}
