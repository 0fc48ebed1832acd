//! Two listeners, one list of routes, and who may use which.

pub mod error;
pub mod extract;
pub mod tls;
