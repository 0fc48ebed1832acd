//! What is fuzzed, over the corpus and everything that was found before: a find stays found.

#[path = "../fuzz/targets.rs"]
mod targets;

use harness::repository;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Runs a target over its files; the names of those at which it broke.
fn replay(target: &str, run: fn(&[u8])) -> (usize, Vec<PathBuf>) {
    let folders =
        ["corpus", "finds"].map(|kind| repository().join("tests/fuzz").join(kind).join(target));
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let mut tried = 0;
    let mut broken = Vec::new();
    for file in files {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).expect("its bytes");
        tried += 1;
        // Cut anywhere, it is an input like another.
        let cuts = [bytes.len(), bytes.len() / 2, bytes.len() / 3];
        if cuts
            .iter()
            .any(|cut| catch_unwind(AssertUnwindSafe(|| run(&bytes[..*cut]))).is_err())
        {
            broken.push(path);
        }
    }
    (tried, broken)
}

#[test]
fn no_file_of_the_corpus_and_no_past_find_breaks_what_reads_it() {
    type Target = fn(&[u8]);
    let targets: [Target; 3] = [targets::event, targets::diff, targets::wire];
    for (target, run) in ["event", "diff", "wire"].into_iter().zip(targets) {
        let (tried, broken) = replay(target, run);
        assert!(tried >= 8, "only {tried} files for {target}");
        assert_eq!(broken, Vec::<PathBuf>::new(), "{target}");
    }
}
