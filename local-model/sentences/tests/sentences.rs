//! Plans read with the sentence model that the product ships. `.ci/models` puts it where it is looked
//! for: into `models` of the build folder. One thread, and the examples are embedded once: a test here
//! is several in a row.

use kernel::catalogue::Catalogue;
use kernel::tagging::Tagger;
use kernel::tagging::plan::{BY_LIKENESS, BY_NAME, Because, Examples, Model, PlanRead};
use local_model::{Embedder, Reason, inspect_embedder};
use sentences::Sentences;
use std::path::PathBuf;

/// The build folder is the fourth above this program: TRIPLE/PROFILE/deps.
fn folder() -> PathBuf {
    let here = std::env::current_exe().expect("this program");
    let build = here.ancestors().nth(4).expect("a build folder");
    let folder = build.join("models/all-MiniLM-L6-v2");
    assert!(
        folder.join("model.safetensors").is_file(),
        "{} is missing: run .ci/models first",
        folder.display()
    );
    folder
}

#[test]
fn plans_are_read_by_likeness_with_new_and_kept_examples_and_hostile_steps_are_read_like_others() {
    let embedder = Embedder::in_folder(&folder());
    let files = inspect_embedder(&embedder).expect("there");
    let sentences = Sentences::load(files, &embedder.weights.sha256, 1).expect("it loads");
    let catalogue = Catalogue::builtin();
    let examples = Examples::embed(catalogue, &sentences).expect("embedded");
    let read = |examples: &Examples, steps: &[&str]| {
        let model = Model {
            likeness: &sentences,
            examples,
        };
        Tagger::builtin().read_plan(steps, Some(model))
    };

    let steps = [
        "Hand the requests a database connection out of a few that stay open",
        "Change both accounts or neither, even when one update fails",
        "Make the title of the chart a little larger",
        "Take an advisory lock before the job runs",
        "Tidy up the folder with the pictures",
    ];
    let found = read(&examples, &steps);
    assert!(!found.model_failed);
    for meant in &found.meant {
        println!("{}: {}, {}", meant.step, meant.concept, meant.because);
    }
    let told = |read: &PlanRead| -> Vec<(usize, String, String)> {
        let meant = read.meant.iter();
        meant
            .map(|m| (m.step, m.concept.to_string(), m.mention().detector))
            .collect()
    };
    let wanted = [
        (0, "pg-connection-pooling", BY_LIKENESS),
        (1, "pg-transactions", BY_LIKENESS),
        (3, "pg-advisory-locks", BY_NAME),
    ];
    let wanted = wanted.map(|(step, slug, by)| (step, slug.to_owned(), by.to_owned()));
    assert_eq!(told(&found), wanted);
    let Because::Like { example, likeness } = &found.meant[0].because else {
        panic!("by likeness");
    };
    assert!(!example.is_empty() && (0.3..1.0).contains(likeness));

    let kept = Examples::new(catalogue, examples.directions().to_vec()).expect("sound");
    assert_eq!(read(&kept, &steps), found);

    let long = "lock ".repeat(200_000);
    let hostile = read(&examples, &[&long, "\u{1b}[2J\0\u{202e}", ""]);
    assert!(!hostile.model_failed);
    assert_eq!((hostile.cut, hostile.left_out), (1, 0));
}

#[test]
fn a_file_that_was_swapped_is_refused_before_it_is_loaded() {
    let mut embedder = Embedder::in_folder(&folder());
    std::mem::swap(&mut embedder.weights.path, &mut embedder.tokenizer.path);
    let refused = inspect_embedder(&embedder).expect_err("swapped");
    assert!(matches!(refused, Reason::Digest { .. }), "{refused}");
}
