//! A page that is added to the manual is a new file, which the compiler cannot know of: it sees only
//! those that it read the last time.

fn main() {
    println!("cargo::rerun-if-changed=../airgap-docs/src");
    println!("cargo::rerun-if-changed=build.rs");
}
