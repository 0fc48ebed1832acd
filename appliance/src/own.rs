//! What a person does with their own evidence, from the browser or through their device.

use crate::app::App;
use crate::http::error::ApiError;
use kernel::wire::v1::AggregateChoice;
use key_vault::{Entry, Reason};
use org_store::{Act, Action, Actor, device, person, subject};

/// In or out of the organisation's figures. Returns whether that is new.
///
/// # Errors
/// The store's, and the ledger's: what a restore would forget is not settled.
pub async fn set_aggregate(
    app: &App,
    actor: Actor,
    choice: AggregateChoice,
    now: i64,
) -> Result<bool, ApiError> {
    let act = Act::new(actor, Action::SetAggregate, now);
    let (subject, changed) = app
        .store()
        .write(act, move |txn| {
            let subject = txn.subject()?;
            Ok((subject, subject::set_aggregate(txn, subject, choice)?))
        })
        .await?;
    if changed {
        let out = choice == AggregateChoice::Out;
        app.enrolling()
            .note(
                app,
                Entry::Exclude {
                    subject: *subject.as_bytes(),
                    out,
                },
                now,
            )
            .await?;
    }
    Ok(changed)
}

/// Everything that is held: in a person's own session their account too, and that alone before
/// their first device.
///
/// # Errors
/// The store's.
pub async fn export(app: &App, actor: Actor, now: i64) -> Result<serde_json::Value, ApiError> {
    let act = Act::new(actor, Action::ExportOwn, now);
    let in_session = matches!(actor, Actor::Person { .. });
    let exported = app.store().write(act, move |txn| {
        let mut all = match txn.subject() {
            Ok(subject) => subject::export(txn, subject)?,
            Err(org_store::Error::NotFound { .. }) if in_session => serde_json::json!({}),
            Err(error) => return Err(error),
        };
        if in_session {
            let person = txn.person()?;
            all["account"] = person::export(txn, person)?;
        }
        Ok(all)
    });
    Ok(exported.await?)
}

/// Evidence, link and devices, for good. Returns how many devices ended.
///
/// The ledger gets the subject first, and alone: the devices' lines beside it would join the two.
/// They need none, since whoever returns with one is told that it was erased.
///
/// # Errors
/// The store's, and the ledger's.
pub async fn erase(app: &App, actor: Actor, now: i64) -> Result<usize, ApiError> {
    let act = Act::new(actor, Action::EraseOwn, now);
    let erased = app
        .store()
        .write(act, |txn| {
            let subject = txn.subject()?;
            let erased = subject::erase(txn)?;
            Ok((subject, erased))
        })
        .await?;
    let (subject, erased) = erased;
    app.enrolling()
        .note(
            app,
            Entry::Erase {
                subject: *subject.as_bytes(),
            },
            now,
        )
        .await?;
    Ok(erased.devices.len())
}

/// The account of somebody who never let a device in, for good; nothing else of theirs is held.
///
/// # Errors
/// The store's: the last administrator stays.
pub async fn erase_account(app: &App, actor: Actor, now: i64) -> Result<(), ApiError> {
    let act = Act::new(actor, Action::EraseOwn, now);
    let erased = app
        .store()
        .write(act, |txn| {
            let person = txn.person()?;
            person::erase(txn, person)
        })
        .await?;
    // A device that was let in since the page was opened.
    if let Some(subject) = erased.subject {
        let entry = Entry::Erase {
            subject: *subject.as_bytes(),
        };
        app.enrolling().note(app, entry, now).await?;
    }
    Ok(())
}

/// Ends one of the person's own devices.
///
/// # Errors
/// The store's, and the ledger's.
pub async fn revoke(
    app: &App,
    actor: Actor,
    device: kernel::ids::DeviceId,
    now: i64,
) -> Result<String, ApiError> {
    let found = app
        .store()
        .read(move |txn| device::get(txn, device))
        .await?;
    let act = Act::new(actor, Action::RevokeOwnDevice, now);
    app.enrolling()
        .revoke(app, act, device, Reason::Retired)
        .await?;
    Ok(found.map_or_else(|| "The device".to_owned(), |found| found.name))
}
