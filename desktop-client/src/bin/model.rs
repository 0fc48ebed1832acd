//! `aiworklab-model`: runs an engineer's local model in a sandbox, for `aiworklab` alone.
//!
//! It is started by `aiworklab` with a socket and nothing else; by hand it does nothing. It is a program
//! of its own so that the engine is no part of `aiworklab`, whose hook has to start within milliseconds.

use std::process::ExitCode;

fn main() -> ExitCode {
    model_engine::worker_main()
}
