//! One record as bytes: how it lies in the spool, and how a hook hands it to the agent.
//!
//! Magic (three bytes that UTF-8 cannot hold together, then the layout's number), flags, harness,
//! length, time, id, sum, payload; numbers are little-endian. Layout 1, of earlier builds, has no id.
//!
//! Invariant: bytes whose sum does not fit are no record.

use super::Record;
use kernel::event::Harness;
use sha2::{Digest, Sha256};

/// Most bytes of one payload that are kept.
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024;
/// The longest header, in bytes.
pub const HEADER_BYTES: usize = 42;
/// What each record begins with, whatever its layout.
pub const MAGIC: [u8; 3] = [0xff, b'A', b'W'];

const LAYOUT_WITHOUT_ID: u8 = 1;
const LAYOUT: u8 = 2;
const HEADER_WITHOUT_ID_BYTES: usize = 26;
const CUT: u8 = 1;

/// What sets one record apart from all others, whoever hands it over how often.
pub type Id = [u8; 16];
/// The id of a record that has none.
pub const NO_ID: Id = [0; 16];

/// The byte that stands for a harness in a frame; never reused.
const fn byte(harness: Harness) -> u8 {
    match harness {
        Harness::ClaudeCode => 1,
        Harness::Codex => 2,
        Harness::OpenCode => 3,
        Harness::T3Code => 4,
    }
}

fn of_byte(wanted: u8) -> Option<Harness> {
    Harness::ALL
        .into_iter()
        .find(|harness| byte(*harness) == wanted)
}

/// A record as bytes.
pub fn frame(harness: Harness, at: i64, payload: &[u8], cut: bool, id: Id) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(&MAGIC);
    frame.push(LAYOUT);
    frame.push(if cut { CUT } else { 0 });
    frame.push(byte(harness));
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&at.to_le_bytes());
    frame.extend_from_slice(&id);
    let sum = sum(&frame[4..], payload);
    frame.extend_from_slice(&sum);
    frame.extend_from_slice(payload);
    frame
}

fn sum(head: &[u8], payload: &[u8]) -> [u8; 8] {
    let digest = Sha256::new()
        .chain_update(head)
        .chain_update(payload)
        .finalize();
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest[..8]);
    sum
}

/// What stands before a payload.
#[derive(Debug)]
pub struct Header {
    harness: Harness,
    at: i64,
    cut: bool,
    id: Option<Id>,
    sum: [u8; 8],
    /// How many bytes it takes itself.
    pub bytes: usize,
    /// How many bytes of payload follow.
    pub payload_bytes: usize,
}

impl Header {
    /// Reads a header at the beginning of `bytes`; `None` if there is none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let size = match *rest.first()? {
            LAYOUT_WITHOUT_ID => HEADER_WITHOUT_ID_BYTES,
            LAYOUT => HEADER_BYTES,
            _ => return None,
        };
        let head = bytes.get(..size)?;
        let length = u32::from_le_bytes(head[6..10].try_into().ok()?) as usize;
        let id = match size {
            HEADER_BYTES => Id::try_from(&head[18..34]).ok()?,
            _ => NO_ID,
        };
        (length <= MAX_PAYLOAD_BYTES).then_some(())?;
        Some(Self {
            harness: of_byte(head[5])?,
            at: i64::from_le_bytes(head[10..18].try_into().ok()?),
            cut: head[4] & CUT != 0,
            id: (id != NO_ID).then_some(id),
            sum: head[size - 8..].try_into().ok()?,
            bytes: size,
            payload_bytes: length,
        })
    }

    /// The record, if this payload is the one that the sum was taken of; `head` are the header's bytes.
    pub fn record(self, head: &[u8], payload: Vec<u8>) -> Option<Record> {
        let summed = head.get(4..self.bytes - 8)?;
        (payload.len() == self.payload_bytes && sum(summed, &payload) == self.sum).then_some(
            Record {
                harness: self.harness,
                at: self.at,
                cut: self.cut,
                id: self.id,
                payload,
            },
        )
    }
}
