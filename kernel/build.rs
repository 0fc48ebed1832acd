//! Rebuilds the crate when a catalogue file is added: `include_dir!` notices
//! changed files by itself, but not new ones.

fn main() {
    println!("cargo:rerun-if-changed=catalogue");
}
