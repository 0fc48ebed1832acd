//! Transactions, as the store's functions see them.
//!
//! A [`ReadTxn`] sees one state of the data and cannot change it. A [`WriteTxn`] belongs to one
//! act or chore; it collects what the act's audit row will say.
//!
//! Invariant: a person's link opens only in an action of the policy's that opens links, only for
//! the caller, and never without the audit row of that action in the same commit.

use crate::engine::{Connection, Error as EngineError, Queries, Row, Statement, Statements, Value};
use crate::error::{Doing, Error, Kind, Result};
use crate::link_key::{LinkKey, Sealing};
use crate::policy::{Action, Caller, Role};
use crate::{device, link};
use audit_log::{TargetId, Word};
use kernel::ids::{DeviceId, PersonId, SubjectId};

/// What reads: rows, and the seals of the person's side.
pub trait Reader: Queries {
    /// The holder of `k_link`.
    fn link_key(&self) -> &dyn LinkKey;
}

/// A transaction that reads.
pub struct ReadTxn<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) link_key: &'a dyn LinkKey,
}

impl Queries for ReadTxn<'_> {
    fn query(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
    ) -> std::result::Result<Vec<Row>, EngineError> {
        self.connection.query(statement, params)
    }
}

impl Reader for ReadTxn<'_> {
    fn link_key(&self) -> &dyn LinkKey {
        self.link_key
    }
}

/// Who acts, as the database knows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party {
    pub(crate) caller: Caller,
    /// The person, or the device's person.
    pub(crate) person: Option<PersonId>,
    /// Their random id in the audit log.
    pub(crate) actor: Option<[u8; 16]>,
    /// Their role.
    pub(crate) role: Option<Role>,
    pub(crate) device: Option<DeviceId>,
}

impl Party {
    pub(crate) const fn of(caller: Caller) -> Self {
        Self {
            caller,
            person: None,
            actor: None,
            role: None,
            device: None,
        }
    }
}

/// The act of a transaction, and what its audit row will say.
pub(crate) struct Acting {
    pub(crate) action: Action,
    pub(crate) at: i64,
    pub(crate) party: Party,
    pub(crate) target: Option<Target>,
    pub(crate) details: Vec<(Word, audit_log::Value)>,
}

/// Upon what an act acts.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    kind: &'static str,
    id: [u8; 16],
    /// Sealed, whoever acts.
    sealed: bool,
}

/// A transaction that writes.
pub struct WriteTxn<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) link_key: &'a dyn LinkKey,
    pub(crate) acting: Option<Acting>,
    /// Rows were removed that nobody may find again.
    pub(crate) wipes: bool,
}

impl Queries for WriteTxn<'_> {
    fn query(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
    ) -> std::result::Result<Vec<Row>, EngineError> {
        self.connection.query(statement, params)
    }
}

impl Statements for WriteTxn<'_> {
    fn execute(
        &mut self,
        statement: &'static Statement,
        params: &[Value],
    ) -> std::result::Result<u64, EngineError> {
        self.connection.execute(statement, params)
    }
}

impl Reader for WriteTxn<'_> {
    fn link_key(&self) -> &dyn LinkKey {
        self.link_key
    }
}

impl<'a> WriteTxn<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, link_key: &'a dyn LinkKey) -> Self {
        Self {
            connection,
            link_key,
            acting: None,
            wipes: false,
        }
    }

    /// The act's time; `None` in a chore.
    #[must_use]
    pub fn at(&self) -> Option<i64> {
        self.acting.as_ref().map(|acting| acting.at)
    }

    /// The action; `None` in a chore.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.acting.as_ref().map(|acting| acting.action)
    }

    /// The acting person: themselves, or whose device it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no person acts.
    pub fn person(&self) -> Result<PersonId> {
        let person = self.acting.as_ref().and_then(|acting| acting.party.person);
        person.ok_or_else(|| Error::not_found(Kind::Person, "of this act"))
    }

    /// The caller's own subject. A person's link is opened, a device's route is followed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person never enrolled a device, or the action opens no link;
    /// [`Error::Erased`] if the device's subject was erased.
    pub fn subject(&mut self) -> Result<SubjectId> {
        let missing = || Error::not_found(Kind::Subject, "of this act");
        let party = match &self.acting {
            Some(acting) if acting.action.opens_link() => acting.party,
            _ => return Err(missing()),
        };
        match (party.device, party.person) {
            (Some(device), _) => device::subject(self, device),
            (None, Some(person)) => link::open(self, person)?.ok_or_else(missing),
            (None, None) => Err(missing()),
        }
    }

    /// Says in the audit row upon what the act acts.
    pub fn audit_on(&mut self, kind: &'static str, id: [u8; 16]) {
        if let Some(acting) = &mut self.acting {
            acting.target = Some(Target {
                kind,
                id,
                sealed: false,
            });
        }
    }

    /// The same, sealed: where the act's time beside the id would tell when somebody first came,
    /// or when they or their device went. [`crate::audit::target`] opens it.
    pub fn audit_on_sealed(&mut self, kind: &'static str, id: [u8; 16]) {
        if let Some(acting) = &mut self.acting {
            acting.target = Some(Target {
                kind,
                id,
                sealed: true,
            });
        }
    }

    /// Adds a detail to the audit row: a word of the program, a number, an id.
    pub fn audit_with(&mut self, name: &'static str, value: impl Into<audit_log::Value>) {
        if let Some(acting) = &mut self.acting {
            acting.details.push((Word::fixed(name), value.into()));
        }
    }

    /// Says who signs in, where the caller could not know it before.
    pub(crate) fn act_as(&mut self, person: PersonId, actor: [u8; 16], role: Role) {
        if let Some(acting) = &mut self.acting {
            acting.party = Party {
                person: Some(person),
                actor: Some(actor),
                role: Some(role),
                ..acting.party
            };
        }
    }

    /// The row of the act, sealed where the policy says so.
    pub(crate) fn audit_row(&mut self, outcome: audit_log::Outcome) -> Result<audit_log::AuditRow> {
        let Some(acting) = &self.acting else {
            return Err(Error::Malformed {
                what: "act: a chore has no audit row",
            });
        };
        let party = acting.party;
        let sealed = acting.action.is_sealed(party.role.unwrap_or(Role::Member));
        let seal = |plain: &[u8]| {
            // Bound to the log, not to a row's number, which is not known before the commit.
            self.link_key
                .seal(Sealing::Actor, &[0; 16], plain)
                .doing("seal an audit row's actor")
        };
        let actor = match (party.caller, party.actor) {
            (Caller::Console, _) => audit_log::Actor::Console,
            (_, Some(actor)) if sealed => audit_log::Actor::Sealed(seal(&actor)?),
            (_, Some(actor)) => audit_log::Actor::Id(actor),
            (Caller::System, None) => audit_log::Actor::System,
            _ => {
                return Err(Error::Malformed {
                    what: "act: nobody was said to act",
                });
            }
        };
        let is_sealed = matches!(actor, audit_log::Actor::Sealed(_));
        let mut row =
            audit_log::AuditRow::new(acting.at, actor, acting.action.as_str()).outcome(outcome);
        if let Some(Target { kind, id, sealed }) = acting.target {
            let id = if is_sealed || sealed {
                TargetId::Sealed(seal(&id)?)
            } else {
                TargetId::Id(id)
            };
            row = row.target(kind, id);
        }
        for (name, value) in &acting.details {
            row = row.with(name.clone(), value.clone());
        }
        Ok(row)
    }
}
