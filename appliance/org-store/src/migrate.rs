//! Migrations: numbered files, run once each, all in one transaction.
//!
//! `schema.sql` is their replayed sum, for people; a test keeps it true. There is no way back: a
//! newer file is refused by an older build (`open`), and a restore goes through a backup.

use crate::engine::{Access, Connection, Error};

/// Every migration, in order; its version is its place, from 1.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_initial.sql"),
    include_str!("../migrations/0002_machines.sql"),
];

/// The version that this build knows.
pub(crate) const KNOWN: u32 = MIGRATIONS.len() as u32;

/// Runs what the database lacks.
pub(crate) fn bring_up(connection: &mut dyn Connection) -> Result<(), Error> {
    if connection.version()? >= KNOWN {
        return Ok(());
    }
    connection.begin(Access::Write)?;
    let done = missing(connection).and_then(|()| connection.commit());
    if done.is_err() {
        connection.roll_back();
    }
    done
}

/// Inside the transaction, the version is read again: another process may have been faster.
fn missing(connection: &mut dyn Connection) -> Result<(), Error> {
    let found = connection.version()?;
    for (version, text) in (1_u32..)
        .zip(MIGRATIONS)
        .filter(|(version, _)| *version > found)
    {
        connection.migrate(text)?;
        let note = crate::sql!("note_migration");
        connection.execute(note, crate::params![version])?;
    }
    Ok(())
}
