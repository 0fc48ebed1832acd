//! Which machines use a device's certificate: one, or two where somebody copied a laptop.
//!
//! Each copy of a client's folder draws an id of its own, tells it once a sync, and the latest four
//! are kept with the day on which each was heard last. A copy that takes another's place is a new
//! machine after the old one; two are alive only if one that was superseded is heard again.
//! Nobody is locked out by that: their person is told, and decides.
//!
//! Invariant: all of it lies inside one seal, as long as ever, and no row of it changes in a
//! sync's transaction (see `tally`).

use crate::days::{Day, day_of};
use crate::engine::{Queries, Statements};
use crate::error::{Doing, Error, Kind, Result};
use crate::link_key::{LinkKey, Sealing};
use crate::txn::{Reader, WriteTxn};
use crate::{params, sql};
use kernel::ids::{DeviceId, InstanceId};

/// How many copies are remembered.
const KEPT: usize = 4;
/// For how many days a copy counts as alive.
const ALIVE_DAYS: i64 = 30;
/// Bytes of one copy: id, day, whether its person knows.
const ENTRY: usize = 16 + 8 + 1;
const SEALED: usize = 8 + KEPT * ENTRY;

/// One copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Machine {
    instance: InstanceId,
    last: Day,
    known: bool,
}

/// The copies that use a certificate, the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Machines {
    /// Since when two are known to be alive, until their person decides.
    shared: Option<Day>,
    seen: Vec<Machine>,
}

/// Two machines use one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The day on which it was noticed.
    pub since: Day,
    /// The days on which each machine was heard last, the latest first.
    pub last: Vec<Day>,
}

impl Machines {
    /// A copy was heard on this day.
    fn heard(&mut self, instance: InstanceId, day: Day) {
        match self.seen.iter().position(|one| one.instance == instance) {
            Some(at) => {
                let mut one = self.seen.remove(at);
                let strange = self
                    .seen
                    .first()
                    .is_some_and(|latest| !(latest.known && one.known));
                if at > 0 && strange {
                    self.shared.get_or_insert(day);
                }
                one.last = one.last.max(day);
                self.seen.insert(0, one);
            }
            None => {
                let one = Machine {
                    instance,
                    last: day,
                    known: false,
                };
                self.seen.insert(0, one);
                self.seen.truncate(KEPT);
            }
        }
    }

    /// What their person is to be told on this day, if anything.
    fn told(&self, today: Day) -> Option<Shared> {
        let alive = |one: &&Machine| today - one.last <= ALIVE_DAYS;
        let last: Vec<_> = self.seen.iter().filter(alive).map(|one| one.last).collect();
        let since = self.shared.filter(|_| last.len() > 1)?;
        Some(Shared { since, last })
    }

    fn seal(&self, key: &dyn LinkKey, device: DeviceId) -> Result<Vec<u8>> {
        let mut plain = Vec::with_capacity(SEALED);
        plain.extend(self.shared.unwrap_or(Day::MIN).to_be_bytes());
        for one in self.seen.iter().take(KEPT) {
            plain.extend(one.instance.as_bytes());
            plain.extend(one.last.to_be_bytes());
            plain.push(u8::from(one.known));
        }
        // Always as long: how many there are is nobody's business.
        plain.resize(SEALED, 0);
        let sealed = key.seal(Sealing::DeviceMachines, device.as_bytes(), &plain);
        sealed.doing("seal a device's machines")
    }

    fn open(key: &dyn LinkKey, device: DeviceId, sealed: Option<&[u8]>) -> Result<Self> {
        let Some(sealed) = sealed else {
            return Ok(Self::default());
        };
        let malformed = || Error::Malformed {
            what: "device's machines",
        };
        let plain = key.open(Sealing::DeviceMachines, device.as_bytes(), sealed);
        let plain = plain.doing("open a device's machines")?;
        let (since, entries) = plain.split_first_chunk::<8>().ok_or_else(malformed)?;
        let since = Day::from_be_bytes(*since);
        let mut seen = Vec::new();
        for entry in entries.chunks_exact(ENTRY) {
            let (id, rest) = entry.split_first_chunk::<16>().ok_or_else(malformed)?;
            let (last, known) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
            if *id != [0; 16] {
                seen.push(Machine {
                    instance: InstanceId::from_bytes(*id),
                    last: Day::from_be_bytes(*last),
                    known: known == [1],
                });
            }
        }
        Ok(Self {
            shared: (since != Day::MIN).then_some(since),
            seen,
        })
    }
}

/// Nothing was heard yet, sealed.
pub(super) fn none(key: &dyn LinkKey, device: DeviceId) -> Result<Vec<u8>> {
    Machines::default().seal(key, device)
}

/// `None` if there is no such device.
fn get(txn: &mut impl Reader, device: DeviceId) -> Result<Option<Machines>> {
    const DOING: &str = "find a device's machines";
    let rows = txn.query(sql!("machines"), params![device]).doing(DOING)?;
    let Some(mut row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let sealed: Option<Vec<u8>> = row.next().doing(DOING)?;
    Machines::open(txn.link_key(), device, sealed.as_deref()).map(Some)
}

fn put(txn: &mut WriteTxn<'_>, device: DeviceId, machines: &Machines) -> Result<()> {
    let sealed = machines.seal(txn.link_key(), device)?;
    txn.execute(sql!("set_machines"), params![device, sealed])
        .doing("note a device's machines")
        .map(drop)
}

/// Whether two machines use this device's certificate, as far as is known on this day, and their
/// person has not said that this is right.
///
/// # Errors
/// The engine's, the link key's.
pub fn shared(txn: &mut impl Reader, device: DeviceId, today: Day) -> Result<Option<Shared>> {
    Ok(get(txn, device)?.and_then(|machines| machines.told(today)))
}

/// How many copies are remembered, and on which days each was heard last: for its person's export.
pub(crate) fn days(txn: &mut impl Reader, device: DeviceId) -> Result<Vec<Day>> {
    let machines = get(txn, device)?.unwrap_or_default();
    Ok(machines.seen.iter().map(|one| one.last).collect())
}

/// Notes the copies that were heard, in their order.
pub(crate) fn heard(
    txn: &mut WriteTxn<'_>,
    device: DeviceId,
    heard: &[(InstanceId, Day)],
) -> Result<()> {
    let Some(before) = get(txn, device)? else {
        return Ok(());
    };
    let mut now = before.clone();
    for (instance, day) in heard {
        now.heard(*instance, *day);
    }
    if now == before {
        return Ok(());
    }
    put(txn, device, &now)
}

/// Gives every device that was enrolled before there were machines an empty seal.
pub(crate) fn fill(txn: &mut WriteTxn<'_>) -> Result<bool> {
    const DOING: &str = "note devices' machines";
    let rows = txn
        .query(sql!("without_machines"), params![])
        .doing(DOING)?;
    let filled = !rows.is_empty();
    for mut row in rows {
        let device = row.next().doing(DOING)?;
        put(txn, device, &Machines::default())?;
    }
    Ok(filled)
}

/// The acting person says that the machines that share this device of theirs rightly do so; `false`
/// if there was nothing to say. An [`Action::KeepShared`](crate::Action::KeepShared).
///
/// # Errors
/// [`Error::NotFound`] if there is none, or it is somebody else's.
pub fn keep_shared(txn: &mut WriteTxn<'_>, device: DeviceId) -> Result<bool> {
    let missing = || Error::not_found(Kind::Device, device);
    let found = super::get(txn, device)?.ok_or_else(missing)?;
    if txn.person()? != found.person {
        return Err(missing());
    }
    txn.audit_on_sealed("device", *device.as_bytes());
    let mut machines = get(txn, device)?.unwrap_or_default();
    let told = machines
        .told(day_of(txn.at().unwrap_or_default()))
        .is_some();
    machines.shared = None;
    for one in &mut machines.seen {
        one.known = true;
    }
    put(txn, device, &machines)?;
    // The commit's pages show the device beside the act's time, until the log is emptied.
    txn.wipes = true;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link_key::fake::Fake;

    const TODAY: Day = 20_000;

    fn of(instances: &str) -> Machines {
        let mut machines = Machines::default();
        for (day, letter) in (TODAY..).zip(instances.bytes()) {
            machines.heard(InstanceId::from_bytes([letter; 16]), day);
        }
        machines
    }

    fn is_shared(instances: &str) -> bool {
        of(instances).told(TODAY + 10).is_some()
    }

    #[test]
    fn a_machine_that_follows_another_is_no_second_one() {
        assert!(!is_shared("aaaa"));
        assert!(!is_shared("aabb"), "a new laptop after the old one");
        assert!(!is_shared("abcd"), "restored three times");
    }

    #[test]
    fn one_that_was_followed_and_is_heard_again_is_alive_beside_the_other() {
        assert!(is_shared("aba"));
        assert!(is_shared("abcabc"), "three copies take turns");
        let told = of("aab" /* then */).told(TODAY + 10);
        assert_eq!(told, None);
        let told = of("aaba").told(TODAY + 10).unwrap();
        assert_eq!(
            (told.since, told.last),
            (TODAY + 3, vec![TODAY + 3, TODAY + 2])
        );
    }

    #[test]
    fn who_fell_silent_is_told_of_no_more() {
        let machines = of("aba");
        assert!(machines.told(TODAY + 31).is_some());
        assert_eq!(machines.told(TODAY + 32), None);
    }

    #[test]
    fn what_their_person_knows_is_not_told_again_but_a_third_machine_is() {
        let mut machines = of("aba");
        machines.shared = None;
        machines.seen.iter_mut().for_each(|one| one.known = true);
        for letter in *b"abab" {
            machines.heard(InstanceId::from_bytes([letter; 16]), TODAY + 4);
        }
        assert_eq!(machines.told(TODAY + 5), None);
        for letter in *b"ca" {
            machines.heard(InstanceId::from_bytes([letter; 16]), TODAY + 5);
        }
        assert!(machines.told(TODAY + 5).is_some());
    }

    #[test]
    fn a_seal_is_as_long_for_none_as_for_four_and_gives_back_what_went_in() {
        let (key, device) = (Fake::default(), DeviceId::from_bytes([7; 16]));
        let empty = none(&key, device).unwrap();
        let full = of("abcda");
        let sealed = full.seal(&key, device).unwrap();
        assert_eq!(empty.len(), sealed.len());
        assert_eq!(Machines::open(&key, device, Some(&sealed)).unwrap(), full);
        assert_eq!(
            Machines::open(&key, device, Some(&empty)).unwrap(),
            Machines::default()
        );
        assert_eq!(
            Machines::open(&key, device, None).unwrap(),
            Machines::default()
        );
    }
}
