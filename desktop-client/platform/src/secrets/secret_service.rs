//! Linux: whoever serves `org.freedesktop.secrets` on the session bus (GNOME Keyring, KWallet, KeePassXC).
//!
//! The secret goes over the bus encrypted to a key of the session, by the `keyring` project's store. What
//! that store cannot say without prompting, whether something is locked, is asked first.

use super::{Error, Standing, Wanted};
use keyring_core::api::CredentialStoreApi;
use secret_service::EncryptionType;
use secret_service::Error as Service;
use secret_service::blocking::SecretService;
use std::collections::HashMap;
use zbus_secret_service_keyring_store::Store;
use zeroize::Zeroizing;

/// What a look without a prompt tells of one secret.
enum Look {
    Open,
    Locked,
    Missing,
}

fn connect() -> Result<SecretService<'static>, Error> {
    // No secret goes over this connection, so that it needs no key of its own.
    SecretService::connect(EncryptionType::Plain).map_err(of_service)
}

fn default_is_locked(service: &SecretService<'_>) -> Result<bool, Error> {
    let default = match service.get_default_collection() {
        Ok(default) => default,
        Err(Service::NoResult) => {
            return Err(Error::Absent {
                why: "the keyring service has no default keyring yet".to_owned(),
            });
        }
        Err(error) => return Err(of_service(error)),
    };
    default.is_locked().map_err(of_service)
}

pub(super) fn standing() -> Result<Standing, Error> {
    let service = connect()?;
    let locked = default_is_locked(&service)?;
    let label = service
        .get_default_collection()
        .and_then(|default| default.get_label());
    let label = format!("Secret Service, keyring {:?}", label.map_err(of_service)?);
    Ok(if locked {
        Standing::Locked(label)
    } else {
        Standing::Open(label)
    })
}

fn look(wanted: &Wanted) -> Result<Look, Error> {
    let service = connect()?;
    let attributes = HashMap::from([
        ("service", wanted.service.as_str()),
        ("username", wanted.account.as_str()),
    ]);
    let found = service.search_items(attributes).map_err(of_service)?;
    match (found.unlocked.len(), found.locked.len()) {
        (0, 0) if default_is_locked(&service)? => Ok(Look::Locked),
        (0, 0) => Ok(Look::Missing),
        (_, 0) => Ok(Look::Open),
        _ => Ok(Look::Locked),
    }
}

/// An entry that may be used now; `None` if there is none to be used and `make` does not want one.
fn entry(wanted: &Wanted, make: bool) -> Result<Option<keyring_core::Entry>, Error> {
    match look(wanted)? {
        Look::Locked if !wanted.may_ask => return Err(Error::Locked),
        Look::Missing if !make => return Ok(None),
        Look::Open | Look::Locked | Look::Missing => {}
    }
    let store = Store::new().map_err(of_keyring)?;
    let label = format!("aiworklab: {}", wanted.account);
    let modifiers = HashMap::from([("label", label.as_str())]);
    let entry = store.build(&wanted.service, &wanted.account, Some(&modifiers));
    entry.map(Some).map_err(of_keyring)
}

pub(super) fn get(wanted: &Wanted) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let Some(entry) = entry(wanted, false)? else {
        return Ok(None);
    };
    match entry.get_secret() {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(error) => Err(several(wanted, error)),
    }
}

pub(super) fn set(wanted: &Wanted, secret: &[u8]) -> Result<(), Error> {
    let Some(entry) = entry(wanted, true)? else {
        return Err(Error::Locked);
    };
    entry
        .set_secret(secret)
        .map_err(|error| several(wanted, error))
}

pub(super) fn delete(wanted: &Wanted) -> Result<(), Error> {
    let Some(entry) = entry(wanted, false)? else {
        return Ok(());
    };
    match entry.delete_credential() {
        Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
        Err(error) => Err(several(wanted, error)),
    }
}

fn several(wanted: &Wanted, error: keyring_core::Error) -> Error {
    match error {
        keyring_core::Error::Ambiguous(entries) => Error::Several {
            account: wanted.account.clone(),
            n: entries.len(),
        },
        error => of_keyring(error),
    }
}

/// What the store says; below it lies the service's own error.
fn of_keyring(error: keyring_core::Error) -> Error {
    use keyring_core::Error::{NoStorageAccess, PlatformFailure};
    match error {
        PlatformFailure(source) | NoStorageAccess(source) => match source.downcast::<Service>() {
            Ok(service) => of_service(*service),
            Err(source) => Error::Failed { source },
        },
        error => Error::failed(error),
    }
}

fn of_service(error: Service) -> Error {
    let text = error.to_string();
    let named = |names: &[&str]| names.iter().any(|name| text.contains(name));
    match error {
        Service::Locked => Error::Locked,
        Service::Prompt => Error::Denied {
            why: "its question for the password was dismissed, or nobody could show it".to_owned(),
        },
        Service::PromptDisconnected => Error::Denied {
            why: "it went away while it asked for the password".to_owned(),
        },
        Service::Unavailable => Error::Absent {
            why: "there is no session bus".to_owned(),
        },
        _ if named(&[
            "DBus.Error.ServiceUnknown",
            "DBus.Error.NameHasNoOwner",
            "DBus.Error.Spawn.",
            "Failed to connect to address",
        ]) =>
        {
            Error::Absent {
                why: "no program on the session bus keeps secrets".to_owned(),
            }
        }
        _ if named(&["DBus.Error.AccessDenied", "DBus.Error.AuthFailed"]) => {
            Error::Denied { why: text }
        }
        _ if named(&["Secret.Error.IsLocked"]) => Error::Locked,
        Service::Zbus(source) => Error::failed(source),
        error => Error::failed(error),
    }
}
