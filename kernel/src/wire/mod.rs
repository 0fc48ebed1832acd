//! Shapes on the wire, a module a version. The server speaks every version of the last 24 months.

pub mod v1;
