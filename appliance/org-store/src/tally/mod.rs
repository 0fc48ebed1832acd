//! The tally: when devices were last seen, and how many syncs a day had for the whole site.
//!
//! Kept in memory and written now and then, never with a push: the pages of such a commit would
//! hold a device beside a subject, and a count per device, laid beside the days with evidence,
//! would name the subject. A crash loses an hour of it, which nobody is owed.
//!
//! Invariant: what is written names a device without a time (its dates are sealed), or a day
//! without a device.

use crate::days::{Day, day_of};
use crate::engine::{Queries, Statements};
use crate::error::{Doing, Result};
use crate::policy::{Act, Action, Actor, Chore};
use crate::store::{Store, lock};
use crate::{device, params, sql};
use kernel::ids::{DeviceId, InstanceId};
use std::collections::BTreeMap;

/// What was not written yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    seen: BTreeMap<DeviceId, Day>,
    syncs: BTreeMap<Day, u64>,
    /// Which copies of a device's folder were heard, in their order.
    heard: BTreeMap<DeviceId, Vec<(InstanceId, Day)>>,
}

/// Most changes of copies that are noted for a device between two writings.
const HEARD: usize = 32;

impl Tally {
    pub(crate) fn seen(&mut self, device: DeviceId, day: Day) {
        let last = self.seen.entry(device).or_insert(day);
        *last = (*last).max(day);
    }

    pub(crate) fn synced(&mut self, device: DeviceId, day: Day) {
        self.seen(device, day);
        *self.syncs.entry(day).or_default() += 1;
    }

    fn heard(&mut self, device: DeviceId, instance: InstanceId, day: Day) {
        let heard = self.heard.entry(device).or_default();
        if let Some((_, on)) = heard.last_mut().filter(|(last, _)| *last == instance) {
            *on = (*on).max(day);
        } else if heard.len() < HEARD {
            // Who changes more often is known to be several by then.
            heard.push((instance, day));
        }
    }

    /// Takes back what could not be written.
    fn put_back(&mut self, other: Self) {
        for (device, mut earlier) in other.heard {
            let heard = self.heard.entry(device).or_default();
            earlier.append(heard);
            earlier.truncate(HEARD);
            *heard = earlier;
        }
        for (device, day) in other.seen {
            self.seen(device, day);
        }
        for (day, syncs) in other.syncs {
            *self.syncs.entry(day).or_default() += syncs;
        }
    }
}

impl Store {
    /// A copy of this device's folder was heard at `now` (unix seconds). Written with the tally.
    ///
    /// Returns whether two machines use its certificate, as far as is written, and their person has
    /// not said that this is right.
    ///
    /// # Errors
    /// The engine's, the link key's.
    pub async fn heard(&self, device: DeviceId, instance: InstanceId, now: i64) -> Result<bool> {
        let today = day_of(now);
        let shared = self
            .read(move |txn| device::shared(txn, device, today))
            .await?;
        lock(&self.inner.tally).heard(device, instance, today);
        Ok(shared.is_some())
    }

    /// Writes the tally; and, for each day that is over by `now` (unix seconds), the site's one
    /// audit row of its syncs. Hourly, and before the end.
    ///
    /// # Errors
    /// The engine's; the tally is kept then.
    pub async fn flush_tally(&self, now: i64) -> Result<()> {
        let taken = std::mem::take(&mut *lock(&self.inner.tally));
        let tally = taken.clone();
        let written = self.chore(Chore::Tally, move |txn| {
            for (device, day) in &tally.seen {
                device::seen(txn, *device, *day)?;
            }
            for (device, heard) in &tally.heard {
                device::heard(txn, *device, heard)?;
            }
            let filled = device::fill_machines(txn)?;
            // Which rows changed, beside the pushes of the hour before, until the log is emptied.
            txn.wipes |= filled || !tally.seen.is_empty() || !tally.heard.is_empty();
            for (day, syncs) in &tally.syncs {
                txn.execute(sql!("add"), params![*day, *syncs])
                    .doing("count syncs")?;
            }
            Ok(())
        });
        if let Err(error) = written.await {
            lock(&self.inner.tally).put_back(taken);
            return Err(error);
        }
        for (day, syncs) in self.untold(day_of(now)).await? {
            let act = Act::new(Actor::System, Action::CountSyncs, now);
            self.write(act, move |txn| {
                txn.audit_with("day", day);
                txn.audit_with("syncs", syncs);
                txn.execute(sql!("told"), params![day])
                    .doing("count syncs")
                    .map(drop)
            })
            .await?;
        }
        Ok(())
    }

    async fn untold(&self, today: Day) -> Result<Vec<(Day, i64)>> {
        const DOING: &str = "count syncs";
        self.read(move |txn| {
            let rows = txn.query(sql!("untold"), params![today]).doing(DOING)?;
            let read = |mut row: crate::engine::Row| {
                Ok((row.next().doing(DOING)?, row.next().doing(DOING)?))
            };
            rows.into_iter().map(read).collect()
        })
        .await
    }
}
