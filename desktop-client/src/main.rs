//! `aiworklab`: the engineer's side. Hears what coding agents do, finds the concepts in it, asks now
//! and then, and gives the organisation's appliance concept-level evidence and nothing else.
//!
//! Evidence flows one way and gets thinner at every step:
//!
//! | module | step |
//! |---|---|
//! | [`hook`], [`socket`], [`spool`] | a harness's event is taken, and handed to the agent or kept until it comes |
//! | [`adapters`] | each harness's payloads become the same few acts |
//! | [`agent`] | acts are tagged; a concept met becomes a delta, the line stays here |
//! | [`tag`], [`why`], [`replay`] | the same, explained: of a change, of what was decided, of recorded sessions |
//! | [`wishes`] | the engineer's own word: wrong, muted, known |
//! | [`likeness`] | plans are read with the sentence model, where there is one |
//! | [`quiz`] | a check; an answer becomes a delta, the question stays here |
//! | [`show`], [`pause`], [`recap`] | where a check appears, when nothing does, and what happened lately |
//! | [`store`] | the personal store, and the only SQL |
//! | [`own_model`] | the engineer's own model: sentences about their own lines, gated |
//! | [`keys`] | every secret, in the keychain or, by choice, in files |
//! | [`net`], [`enrol`], [`sync`] | the appliance |
//! | [`pack`] | items that the appliance made ahead, for all concepts at once |
//! | [`setup`] | hooks into a harness's settings, and out again |
//! | [`edges`] | clock, randomness, environment |

mod agent;
mod cli;
mod doctor;
mod edges;
mod enrol;
mod error;
mod forget;
mod graph;
mod home;
mod hook;
mod keys;
mod likeness;
mod net;
mod own_model;
mod pack;
mod pause;
mod policy;
mod protect;
mod quiz;
mod recap;
mod renew;
mod replay;
mod report;
mod settings;
mod setup;
mod show;
mod socket;
mod spool;
mod store;
mod sync;
mod tag;
mod why;
mod wishes;
mod words;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // Before anything else is touched: a harness waits for this.
    if arguments.next().is_some_and(|first| first == "hook") {
        hook::run(arguments);
        return ExitCode::SUCCESS;
    }
    cli::run()
}
