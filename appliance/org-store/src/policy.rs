//! Who may do what: one table, and the two doors that writes go through.
//!
//! [`Action`]s are what somebody does: each is checked, and leaves an audit row, in the
//! transaction of the change. [`Chore`]s are the closed list of writes that leave none.
//!
//! Invariant: roles come from the database, read in the same transaction; no caller says what it
//! may do.

use kernel::ids::{DeviceId, PersonId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a person may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Their own pages and the organisation's figures.
    Member,
    /// The same; teams and reports come with their issue.
    Lead,
    /// Administration, too. Never another person's graph.
    Admin,
}

impl Role {
    /// The role's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Lead => "lead",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is `member`, `lead` or `admin`")]
pub struct NoRole;

impl FromStr for Role {
    type Err = NoRole;
    fn from_str(text: &str) -> Result<Self, NoRole> {
        match text {
            "member" => Ok(Self::Member),
            "lead" => Ok(Self::Lead),
            "admin" => Ok(Self::Admin),
            _ => Err(NoRole),
        }
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who is about to sign in.
    Nobody,
    /// A signed-in person.
    Person {
        /// Who.
        person: PersonId,
        /// When they last proved it, unix seconds UTC.
        confirmed_at: Option<i64>,
    },
    /// A device, by its certificate: its person's own graph only.
    Device(DeviceId),
    /// A command on the machine itself.
    Console,
    /// The appliance: a job, its start.
    System,
}

/// An act: who, what and when.
#[derive(Clone, Copy, Debug)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// When, unix seconds UTC.
    pub at: i64,
}

impl Act {
    /// An act.
    #[must_use]
    pub const fn new(actor: Actor, action: Action, at: i64) -> Self {
        Self { actor, action, at }
    }
}

/// Who asks, as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Nobody who is known.
    Nobody,
    /// A person of this role.
    Person(Role),
    /// A device.
    Device,
    /// The machine's console.
    Console,
    /// The appliance.
    System,
}

impl Caller {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Nobody,
        Self::Person(Role::Member),
        Self::Person(Role::Lead),
        Self::Person(Role::Admin),
        Self::Device,
        Self::Console,
        Self::System,
    ];
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "somebody who is not signed in",
            Self::Person(role) => role.as_str(),
            Self::Device => "a device",
            Self::Console => "the console",
            Self::System => "the appliance",
        })
    }
}

/// How long a confirmation is good for what asks for one, in seconds.
pub const STEP_UP_S: i64 = 300;

/// Which callers an action is for.
#[derive(Clone, Copy)]
enum For {
    Nobody,
    /// Whoever is signed in.
    People,
    /// Whoever is signed in, and their device.
    Own,
    /// Administrators, and the console.
    AdminConsole,
    Console,
    ConsoleSystem,
    Device,
    System,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $for:ident $(, $flag:ident)*;)*) => {
        /// What can be done. Each leaves an audit row of this name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word of its audit row.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            const fn is_for(self) -> For {
                match self { $(Self::$name => For::$for,)* }
            }

            const fn has(self, flag: Flag) -> bool {
                match self { $(Self::$name => contains(&[$(Flag::$flag),*], flag),)* }
            }
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    /// Asks for a confirmation not older than [`STEP_UP_S`].
    StepUp,
    /// May open the caller's own link.
    Link,
    /// The audit row carries its actor sealed, and its hour only.
    Sealed,
    /// The same, unless an administrator acts.
    SealedBelowAdmin,
}

const fn contains(flags: &[Flag], wanted: Flag) -> bool {
    let mut at = 0;
    while at < flags.len() {
        if flags[at] as u8 == wanted as u8 {
            return true;
        }
        at += 1;
    }
    false
}

actions! {
    /// Sign in. The closure says who it is.
    SignIn = "session.begin", Nobody, SealedBelowAdmin;
    /// End one's session.
    SignOut = "session.end", People, SealedBelowAdmin;
    /// Confirm who one is, again.
    Confirm = "session.confirm", People, SealedBelowAdmin;
    /// Make a one-time link.
    IssueLink = "link.issue", ConsoleSystem;
    /// Let a device of one's own in.
    ApproveDevice = "device.approve", People, Link, Sealed;
    /// Say no to a device that asks.
    RefuseDevice = "device.refuse", People, Sealed;
    /// Take a device of one's own out.
    RevokeOwnDevice = "device.revoke-own", Own, Sealed;
    /// Take any device out.
    RevokeDevice = "device.revoke", AdminConsole, StepUp;
    /// A device's next certificate.
    RenewDevice = "device.renew", Device, Sealed;
    /// Say that two machines of one's own rightly share a certificate.
    KeepShared = "device.keep-shared", People, Sealed;
    /// Look at one's own graph.
    ViewOwnGraph = "graph.view", Own, Link, Sealed;
    /// Count in the figures, or do not.
    SetAggregate = "graph.aggregate", Own, Link, Sealed;
    /// Take all of it along.
    ExportOwn = "graph.export", Own, Link, Sealed;
    /// Have all of it erased.
    EraseOwn = "graph.erase", Own, Link, Sealed, StepUp;
    /// Give a person another role.
    SetRole = "person.role", AdminConsole, StepUp;
    /// Switch an account off.
    DisablePerson = "person.disable", AdminConsole, StepUp;
    /// Switch an account on.
    EnablePerson = "person.enable", AdminConsole, StepUp;
    /// Remove a person's name and address.
    ErasePerson = "person.erase", AdminConsole, StepUp;
    /// Change the configuration.
    ChangeConfig = "config.change", AdminConsole, StepUp;
    /// Take the audit log along.
    ExportAudit = "audit.export", AdminConsole, StepUp;
    /// Make a snapshot.
    MakeSnapshot = "snapshot.make", ConsoleSystem;
    /// Put invented people in, with dates in the past.
    LoadSample = "sample.load", Console;
    /// Make the store.
    InitStore = "store.init", Console;
    /// Begin a new generation, after a restore.
    RaiseGeneration = "store.generation", Console;
    /// Start serving.
    StartServer = "server.start", System;
    /// Stop serving.
    StopServer = "server.stop", System;
    /// Note how many syncs a day had, for the whole site.
    CountSyncs = "sync.count", System;
}

impl Action {
    /// Whether the policy lets this caller do it.
    #[must_use]
    pub const fn allowed_to(self, caller: Caller) -> bool {
        match self.is_for() {
            For::Nobody => matches!(caller, Caller::Nobody),
            For::People => matches!(caller, Caller::Person(_)),
            For::Own => matches!(caller, Caller::Person(_) | Caller::Device),
            For::AdminConsole => matches!(caller, Caller::Person(Role::Admin) | Caller::Console),
            For::Console => matches!(caller, Caller::Console),
            For::ConsoleSystem => matches!(caller, Caller::Console | Caller::System),
            For::Device => matches!(caller, Caller::Device),
            For::System => matches!(caller, Caller::System),
        }
    }

    /// Whether a person must have confirmed who they are within [`STEP_UP_S`].
    #[must_use]
    pub const fn needs_step_up(self) -> bool {
        self.has(Flag::StepUp)
    }

    /// Whether the closure may open the caller's own link.
    #[must_use]
    pub const fn opens_link(self) -> bool {
        self.has(Flag::Link)
    }

    /// Whether the audit row hides who acted. What a person does with their own graph or device
    /// is near in time to what their subject's rows show.
    #[must_use]
    pub const fn is_sealed(self, role: Role) -> bool {
        self.has(Flag::Sealed) || (self.has(Flag::SealedBelowAdmin) && !matches!(role, Role::Admin))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Writes without an audit row. There are no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chore {
    /// A device's push: evidence, counted once a day for the whole site.
    Sync,
    /// A stranger's wish to enrol; what comes of it is audited.
    StartEnrolment,
    /// A sign-in that began; what comes of it is audited.
    StartLogin,
    /// A session was used.
    TouchSession,
    /// Rows whose time is over.
    Expire,
    /// Audit rows are put into the chain.
    Chain,
    /// The work of a snapshot; that it was made is audited.
    Snapshot,
    /// Pairs folded from deltas.
    Fold,
    /// When devices were last seen, and how many syncs there were.
    Tally,
    /// Mail that was sent.
    Outbox,
    /// Where the ledger stands.
    Ledger,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const N: Caller = Caller::Nobody;
    const M: Caller = Caller::Person(Role::Member);
    const L: Caller = Caller::Person(Role::Lead);
    const A: Caller = Caller::Person(Role::Admin);
    const D: Caller = Caller::Device;
    const C: Caller = Caller::Console;
    const S: Caller = Caller::System;

    /// The table, by hand: who is allowed, whether a step-up is asked for, whether the link opens.
    const TABLE: &[(Action, &[Caller], bool, bool)] = &[
        (Action::SignIn, &[N], false, false),
        (Action::SignOut, &[M, L, A], false, false),
        (Action::Confirm, &[M, L, A], false, false),
        (Action::IssueLink, &[C, S], false, false),
        (Action::ApproveDevice, &[M, L, A], false, true),
        (Action::RefuseDevice, &[M, L, A], false, false),
        (Action::RevokeOwnDevice, &[M, L, A, D], false, false),
        (Action::RevokeDevice, &[A, C], true, false),
        (Action::RenewDevice, &[D], false, false),
        (Action::KeepShared, &[M, L, A], false, false),
        (Action::ViewOwnGraph, &[M, L, A, D], false, true),
        (Action::SetAggregate, &[M, L, A, D], false, true),
        (Action::ExportOwn, &[M, L, A, D], false, true),
        (Action::EraseOwn, &[M, L, A, D], true, true),
        (Action::SetRole, &[A, C], true, false),
        (Action::DisablePerson, &[A, C], true, false),
        (Action::EnablePerson, &[A, C], true, false),
        (Action::ErasePerson, &[A, C], true, false),
        (Action::ChangeConfig, &[A, C], true, false),
        (Action::ExportAudit, &[A, C], true, false),
        (Action::MakeSnapshot, &[C, S], false, false),
        (Action::LoadSample, &[C], false, false),
        (Action::InitStore, &[C], false, false),
        (Action::RaiseGeneration, &[C], false, false),
        (Action::StartServer, &[S], false, false),
        (Action::StopServer, &[S], false, false),
        (Action::CountSyncs, &[S], false, false),
    ];

    #[test]
    fn every_action_and_caller_is_as_the_table_says() {
        assert_eq!(
            TABLE.len(),
            Action::ALL.len(),
            "an action is missing in the table"
        );
        for (action, allowed, step_up, link) in TABLE {
            for caller in Caller::ALL {
                let is = action.allowed_to(caller);
                assert_eq!(is, allowed.contains(&caller), "{action} for {caller}");
            }
            assert_eq!(action.needs_step_up(), *step_up, "{action}");
            assert_eq!(action.opens_link(), *link, "{action}");
        }
    }

    #[test]
    fn whatever_opens_a_link_hides_who_did_it() {
        for action in Action::ALL.iter().filter(|action| action.opens_link()) {
            for role in [Role::Member, Role::Lead, Role::Admin] {
                assert!(action.is_sealed(role), "{action}");
            }
        }
        assert!(Action::SignIn.is_sealed(Role::Member));
        assert!(
            !Action::SignIn.is_sealed(Role::Admin),
            "who administers is seen"
        );
        assert!(!Action::RevokeDevice.is_sealed(Role::Admin));
    }

    #[test]
    fn every_action_has_a_word_of_its_own_that_the_audit_log_takes() {
        let words: BTreeSet<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(words.len(), Action::ALL.len());
        for word in words {
            assert_eq!(audit_log::Word::from(word).as_str(), word);
        }
    }

    #[test]
    fn no_action_lets_an_administrator_into_another_graph() {
        for action in Action::ALL.iter().filter(|action| action.opens_link()) {
            let nobody_else = [Caller::Console, Caller::System, Caller::Nobody];
            assert!(
                nobody_else.iter().all(|caller| !action.allowed_to(*caller)),
                "{action}"
            );
        }
    }
}
