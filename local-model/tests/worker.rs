//! The worker and its supervisor, as processes: what they do with each other, and with hostile peers.

mod common;
mod host;
mod protocol;
mod restarts;
mod sandbox;
