//! The binary `aiworklab-appliance`. Everything is in the library, so that tests can reach it.
//!
//! The same binary is the model's worker: then nothing of the server runs in it, and no thread is
//! started before its sandbox stands.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == "model-worker")
    {
        return model_engine::worker_main();
    }
    appliance::cli::main()
}
