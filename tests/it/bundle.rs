//! The bundle: made, tampered with, and installed on a bare machine without a network.

mod guest;
mod made;
mod same;
mod tampering;
