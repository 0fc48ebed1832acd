//! A world whose clock is moved by hand and whose random numbers come from a seed.

use crate::world::World;
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::ffi::OsString;

/// The world that a replay runs in. The zone is the machine's own; everything else is not.
pub struct Simulated<'w> {
    machine: &'w dyn World,
    seed: u64,
    now: Cell<i64>,
    drawn: Cell<u64>,
}

impl<'w> Simulated<'w> {
    /// A world at the beginning of time.
    pub fn new(machine: &'w dyn World, seed: u64) -> Self {
        Self {
            machine,
            seed,
            now: Cell::new(0),
            drawn: Cell::new(0),
        }
    }

    /// Moves the clock.
    pub fn set(&self, now: i64) {
        self.now.set(now);
    }

    /// A coin.
    pub fn coin(&self) -> bool {
        let mut byte = [0];
        self.fill(&mut byte) && byte[0] & 1 == 1
    }
}

impl World for Simulated<'_> {
    fn now(&self) -> i64 {
        self.now.get()
    }

    fn utc_offset_s(&self, at: i64) -> i32 {
        self.machine.utc_offset_s(at)
    }

    fn fill(&self, bytes: &mut [u8]) -> bool {
        for chunk in bytes.chunks_mut(32) {
            let n = self.drawn.get();
            self.drawn.set(n.wrapping_add(1));
            let block = Sha256::new()
                .chain_update(b"aiworklab replay")
                .chain_update(self.seed.to_le_bytes())
                .chain_update(n.to_le_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        true
    }

    fn env(&self, _name: &str) -> Option<OsString> {
        None
    }

    fn host_name(&self) -> Option<String> {
        None
    }
}
