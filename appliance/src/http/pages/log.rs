//! Entries of the audit log, as lines of a page.

use crate::app::App;
use crate::http::error::ApiError;
use dashboard_web::pages::admin::{Act as ActLine, Outcome};
use kernel::ids::{DeviceId, PersonId};
use org_store::{Action, audit, device, person};
use std::collections::BTreeMap;

/// Acts on the first page.
pub const LATEST: u64 = 10;

/// Entries before `before` (all, if `None`), newest first.
///
/// # Errors
/// The store's.
pub async fn acts(app: &App, before: Option<u64>, limit: u64) -> Result<Vec<ActLine>, ApiError> {
    let (rows, names, upon) = app
        .store()
        .read(move |txn| {
            let rows = audit::list(txn, before, limit)?;
            let mut names = BTreeMap::new();
            let mut upon = BTreeMap::new();
            for row in &rows {
                if let Some(name) = acted_on(txn, &row.entry.row)? {
                    upon.insert(row.seq, name);
                }
                if let audit_log::Actor::Id(id) = row.entry.row.actor()
                    && !names.contains_key(id)
                {
                    names.insert(*id, person::actor_name(txn, *id)?);
                }
            }
            Ok((rows, names, upon))
        })
        .await?;
    let line = |row| act_line(row, &names, &upon);
    Ok(rows.iter().map(line).collect())
}

/// Whose account, or which device: the reader of the log may know, also where the row hides it
/// from whoever has the rows alone. `None` for what is gone, and for a person's own.
fn acted_on(
    txn: &mut org_store::ReadTxn<'_>,
    row: &audit_log::AuditRow,
) -> org_store::Result<Option<String>> {
    let Some((kind, id)) = audit::target(txn, row)? else {
        return Ok(None);
    };
    Ok(match kind.as_str() {
        "person" => person::get(txn, PersonId::from_bytes(id))?.map(|found| found.name),
        "device" => device::get(txn, DeviceId::from_bytes(id))?
            .map(|found| format!("{}, of {}", found.name, found.owner)),
        _ => None,
    })
}

fn act_line(
    row: &audit_log::ChainedRow,
    names: &BTreeMap<[u8; 16], Option<String>>,
    upon: &BTreeMap<u64, String>,
) -> ActLine {
    let entry = &row.entry.row;
    let action = entry.action().to_string();
    let (actor, by) = match entry.actor() {
        audit_log::Actor::Id(id) => {
            let name = names.get(id).cloned().flatten();
            (name.unwrap_or_else(|| hex::encode(id)), "their session")
        }
        audit_log::Actor::Sealed(_) => ("somebody, for themselves".to_owned(), "their session"),
        audit_log::Actor::System => ("the appliance".to_owned(), "itself"),
        audit_log::Actor::Console => ("the command line".to_owned(), "the command line"),
    };
    let through = entry
        .detail()
        .iter()
        .find(|(name, _)| name.as_str() == "through");
    let confirmed_by = match through.map(|(_, value)| value) {
        Some(audit_log::Value::Word(word)) if word.as_str() == "link" => "a one-time link",
        Some(audit_log::Value::Word(_)) => "the identity provider",
        _ => by,
    };
    ActLine {
        entry: row.seq,
        at: entry.at(),
        hour_only: matches!(entry.actor(), audit_log::Actor::Sealed(_)),
        actor,
        text: match upon.get(&row.seq) {
            Some(name) => format!("{}: {name}", crate::acts::told(&action)),
            None => crate::acts::told(&action),
        },
        action,
        confirmed_by: confirmed_by.to_owned(),
        outcome: match entry.ended() {
            audit_log::Outcome::Ok => Outcome::Done,
            audit_log::Outcome::Denied => Outcome::Refused,
            audit_log::Outcome::Failed => Outcome::Failed,
        },
    }
}

/// The entry that an act of this moment left, if it is in the chain by now. The act is done: that
/// its number cannot be said is no reason to fail.
pub async fn entry_of(app: &App, action: Action, at: i64) -> Option<u64> {
    let store = app.store();
    let chained = store.chain_audit(Some(app.audit_signer()), app.now());
    chained.await.ok()?;
    let rows = store.read(|txn| audit::list(txn, None, LATEST)).await;
    let is_it = |row: &&audit_log::ChainedRow| {
        let row = &row.entry.row;
        row.at() == at && row.action().as_str() == action.as_str()
    };
    rows.ok()?.iter().find(is_it).map(|row| row.seq)
}
