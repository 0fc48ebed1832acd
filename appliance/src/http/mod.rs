//! Two listeners, one list of routes, and who may use which.

pub mod api;
pub mod auth;
pub mod error;
pub mod extract;
pub mod layers;
pub mod pages;
pub mod rest;
pub mod router;
pub mod tls;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
