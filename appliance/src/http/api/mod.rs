//! What programs ask for: JSON in, JSON out.

pub mod about;
pub mod devices;
pub mod enrol;
pub mod items;
pub mod me;
pub mod sync;
