//! The relying party against a provider that nobody here wrote, and against one that lies.

mod faults;
mod real_provider;
mod support;
