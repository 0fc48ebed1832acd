//! The door of the page: where it stands, and which keys open which check.
//!
//! A key is 32 random bytes, stands in the fragment of an address and opens one check: until that is
//! answered, and twelve hours at most. Keys are in memory alone and end with the program.

use crate::world::World;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::ids::HOUR;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// How long a key opens its check, in seconds.
pub const KEY_LASTS_S: i64 = 12 * HOUR;
/// So many checks can be open at once; the oldest key goes first.
const KEYS: usize = 8;
const KEY_BYTES: usize = 32;

/// The door, shared by whoever hands out addresses and whoever serves the page.
#[derive(Clone, Debug)]
pub struct Door {
    inside: Arc<Mutex<Inside>>,
    answered: watch::Sender<Option<i64>>,
    port: watch::Sender<Option<u16>>,
}

#[derive(Debug, Default)]
struct Inside {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    text: Zeroizing<String>,
    ask: i64,
    until: i64,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            inside: Arc::default(),
            answered: watch::Sender::new(None),
            port: watch::Sender::new(None),
        }
    }
}

impl Door {
    /// A door that is not open yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The address that opens this check; `None` while no page is served, or without random numbers.
    pub fn link(&self, world: &dyn World, ask: i64) -> Option<String> {
        let port = (*self.port.borrow())?;
        let now = world.now();
        let mut inside = self.inside();
        inside.drop_over(now);
        let known = inside.keys.iter().position(|key| key.ask == ask);
        let at = match known {
            Some(at) => at,
            None => {
                let mut bytes = Zeroizing::new([0; KEY_BYTES]);
                if !world.fill(&mut *bytes) {
                    return None;
                }
                if inside.keys.len() >= KEYS {
                    inside.keys.remove(0);
                }
                inside.keys.push(Key {
                    text: Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)),
                    ask,
                    until: now.saturating_add(KEY_LASTS_S),
                });
                inside.keys.len() - 1
            }
        };
        let key = inside.keys.get(at)?;
        Some(format!("http://127.0.0.1:{port}/#{}", *key.text))
    }

    /// The check that this key opens at `now`, in seconds by this machine's clock.
    pub(super) fn opens(&self, key: &[u8], now: i64) -> Option<i64> {
        let mut inside = self.inside();
        inside.drop_over(now);
        let mut found = None;
        // Every key is compared, each in constant time: how long it takes tells nothing.
        for known in &inside.keys {
            if verify_slices_are_equal(known.text.as_bytes(), key).is_ok() {
                found = Some(known.ask);
            }
        }
        found
    }

    /// Takes away the keys of a check that is answered.
    pub(super) fn answered(&self, ask: i64) {
        self.inside().keys.retain(|key| key.ask != ask);
        self.answered.send_replace(Some(ask));
    }

    /// Open, as far as those who give out addresses can see.
    #[cfg(test)]
    pub fn open_at(&self, port: u16) {
        self.stands_at(Some(port));
    }

    pub(super) fn stands_at(&self, port: Option<u16>) {
        self.port.send_replace(port);
    }

    /// Resolves when a page is served; the port.
    pub(super) async fn opened(&self) -> Option<u16> {
        let mut port = self.port.subscribe();
        port.wait_for(Option::is_some).await.ok().and_then(|p| *p)
    }

    /// Resolves when this check was answered on the page.
    pub(super) async fn settled(&self, ask: i64) {
        let mut answered = self.answered.subscribe();
        // The sender lives as long as this door: there is always a next value to wait for.
        let _ = answered.wait_for(|settled| *settled == Some(ask)).await;
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        // What a panic left is a list of keys, whole in any case.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn drop_over(&mut self, now: i64) {
        // A clock that was set back does not make a key last longer than it may.
        self.keys
            .retain(|key| now < key.until && key.until - now <= KEY_LASTS_S);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::still::Still;

    fn key(link: &str) -> Vec<u8> {
        link.split_once('#').unwrap().1.as_bytes().to_vec()
    }

    #[test]
    fn a_key_opens_its_check_alone_until_it_is_answered_or_twelve_hours_are_over() {
        let world = Still::at(1000);
        let door = Door::new();
        assert_eq!(door.link(&world, 1), None, "nothing is served yet");
        door.stands_at(Some(4321));
        let one = door.link(&world, 1).unwrap();
        let two = door.link(&world, 2).unwrap();
        assert!(one.starts_with("http://127.0.0.1:4321/#"), "{one}");
        assert_eq!(
            door.link(&world, 1),
            Some(one.clone()),
            "the same while it lasts"
        );
        assert_eq!(key(&one).len(), 43, "32 bytes");
        assert_eq!(door.opens(&key(&one), 1000), Some(1));
        assert_eq!(door.opens(&key(&two), 1000), Some(2));
        assert_eq!(door.opens(b"", 1000), None);
        assert_eq!(door.opens(&key(&one)[..42], 1000), None);
        door.answered(1);
        assert_eq!(door.opens(&key(&one), 1000), None);
        assert_eq!(door.opens(&key(&two), 1000 + KEY_LASTS_S), None);
        assert_ne!(door.link(&world, 2), Some(two), "a new key");
    }

    #[test]
    fn a_clock_set_back_ends_a_key() {
        let world = Still::at(1000 + 400 * 86_400);
        let door = Door::new();
        door.stands_at(Some(1));
        let link = door.link(&world, 1).unwrap();
        assert_eq!(door.opens(&key(&link), 1000), None);
    }

    #[test]
    fn no_more_than_eight_checks_are_open_at_once() {
        let world = Still::at(0);
        let door = Door::new();
        door.stands_at(Some(1));
        let links: Vec<_> = (0..9)
            .map(|ask| {
                // The test's numbers begin anew after 256 bytes, which eight keys are.
                assert!(world.fill(&mut [0]));
                door.link(&world, ask).unwrap()
            })
            .collect();
        assert_eq!(door.opens(&key(&links[0]), 0), None);
        assert_eq!(door.opens(&key(&links[8]), 0), Some(8));
    }
}
