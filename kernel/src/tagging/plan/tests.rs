use super::*;
use std::cell::Cell;

fn meant(step: &str) -> Vec<(String, String)> {
    let read = Tagger::builtin().read_plan(&[step], None);
    let told = read.meant.iter();
    told.map(|m| (m.concept.to_string(), m.because.to_string()))
        .collect()
}

fn concepts(step: &str) -> Vec<String> {
    meant(step)
        .into_iter()
        .map(|(concept, _)| concept)
        .collect()
}

#[test]
fn a_step_means_what_it_names_and_the_reason_says_the_name() {
    assert_eq!(
        meant("Take an advisory lock keyed on the tenant before the job runs"),
        [(
            "pg-advisory-locks".to_owned(),
            "by the words “advisory lock”".to_owned()
        )]
    );
    assert_eq!(
        meant("Rebase onto main"),
        [("git-rebase".to_owned(), "by the word “rebase”".to_owned())]
    );
}

#[test]
fn endings_case_and_the_way_of_joining_words_do_not_matter() {
    for step in [
        "Use ADVISORY LOCKS for the scheduler",
        "advisory locking for the scheduler",
        "call pg_advisory_lock(42) first",
        "use `with_advisory_lock` in the job",
        "advisory-lock the nightly run",
    ] {
        assert_eq!(concepts(step), ["pg-advisory-locks"], "{step}");
    }
    assert_eq!(
        concepts("Close all shards by an ExitStack"),
        ["py-context-managers"]
    );
    assert_eq!(concepts("Merging the release branch"), ["git-merge"]);
}

#[test]
fn everyday_words_count_only_in_a_context_that_decides() {
    for step in [
        "Merge the duplicated customer cards into one view",
        "Select a shorter label for the export button",
        "Select the default currency from the country",
        "Show a lock icon next to private notes",
        "Add a retry button to the upload dialog",
        "Move the transaction-fee table into the pricing page",
        "Add a context menu with copy and delete",
        "Promise all customers a delivery within three days",
        "Set timeout for the session to 30 minutes",
        "Let the admin transfer ownership of a project",
        "Look the booking up by reference number",
        "Print the crop yield of each field",
        "Rename locks.py to doors.py",
        "Create a table of contents for the handbook",
        "Add the injection-moulding category",
    ] {
        assert_eq!(concepts(step), [""; 0], "{step}");
    }
    for step in NOTHING.lines() {
        assert_eq!(concepts(step), [""; 0], "{step}");
    }
}

const NOTHING: &str = include_str!("nothing.txt");

#[test]
fn what_goes_or_is_not_there_is_not_meant_and_what_comes_in_its_place_is() {
    for step in [
        "Do it without an advisory lock",
        "Use a queue instead of an advisory lock",
        "Rely on the constraint rather than an advisory lock",
        "Remove the advisory lock",
        "Drop the old advisory lock, it is not needed",
        "There is no advisory lock any more",
    ] {
        assert_eq!(concepts(step), [""; 0], "{step}");
    }
    assert_eq!(
        concepts("Replace the running flag by an advisory lock"),
        ["pg-advisory-locks"]
    );
    assert_eq!(
        concepts("Instead of polling, take an advisory lock"),
        ["pg-advisory-locks"]
    );
}

#[test]
fn a_fault_is_meant_also_where_it_is_removed() {
    assert_eq!(
        concepts("Remove the SQL injection in search"),
        ["web-sql-injection"]
    );
    assert_eq!(
        concepts("Avoid blocking the event loop while the file is read"),
        ["py-asyncio-blocking"]
    );
}

#[test]
fn talk_about_a_thing_is_not_the_thing() {
    for step in [
        "Write a changelog entry on advisory locks",
        "Document the connection pool in the README",
        "Ask the user whether an advisory lock is wanted",
        "Fix a typo in the section on advisory locks",
    ] {
        assert_eq!(concepts(step), [""; 0], "{step}");
    }
    assert_eq!(
        concepts("Promise.all for the three lists"),
        ["js-promise-concurrency"]
    );
}

#[test]
fn a_name_does_not_go_on_behind_a_comma_or_a_line() {
    assert_eq!(concepts("Take the advisory, lock the door"), [""; 0]);
    let read = Tagger::builtin().read_plan(
        &["Clean up\nTake an advisory\nlock, an advisory lock"],
        None,
    );
    assert_eq!(read.meant.len(), 1);
    assert_eq!(read.meant[0].line, 3);
}

#[test]
fn of_a_concept_and_what_it_is_part_of_the_concept_is_meant() {
    let step = "Use asyncio and move the call off the event loop with asyncio.to_thread";
    assert_eq!(concepts(step), ["py-asyncio-blocking"]);
}

#[test]
fn every_concept_has_names_and_examples_and_no_name_is_two_concepts() {
    let mut seen: BTreeMap<&str, &Slug> = BTreeMap::new();
    let mut texts: BTreeSet<&str> = NOTHING.lines().collect();
    for concept in Catalogue::builtin().iter() {
        let slug = &concept.slug;
        assert!((3..=8).contains(&concept.aliases.len()), "{slug}: aliases");
        assert!(
            (3..=8).contains(&concept.plan_examples.len()),
            "{slug}: examples"
        );
        for alias in &concept.aliases {
            let words = alias.trim_start_matches('!');
            assert_eq!(seen.insert(words, slug), None, "{slug}: {alias}");
        }
        for example in &concept.plan_examples {
            assert!(texts.insert(example), "{slug}: twice: {example}");
            assert!(example.len() < 160, "{slug}: {example}");
        }
    }
}

/// Puts a text in the direction of the concept whose slug it names, of two at
/// once in between; of none, in a direction of its own.
struct Fake {
    asked: Cell<usize>,
}

const FAKE: [&str; 4] = [
    "pg-advisory-locks",
    "pg-concurrency",
    "go-select",
    "js-async",
];

fn fake(text: &str) -> Vec<f32> {
    let mut direction: Vec<f32> = FAKE
        .iter()
        .map(|slug| f32::from(u8::from(text.contains(slug))))
        .collect();
    let none = direction.iter().all(|part| *part == 0.0);
    direction.push(f32::from(u8::from(none)));
    let length = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
    direction.iter().map(|x| x / length).collect()
}

impl Likeness for Fake {
    fn embed(&self, texts: &[String]) -> Option<Vec<Vec<f32>>> {
        self.asked.set(self.asked.get() + texts.len());
        Some(texts.iter().map(|text| fake(text)).collect())
    }
}

fn faked() -> Examples {
    let catalogue = Catalogue::builtin();
    let directions = likeness::examples(catalogue)
        .map(|(_, slug)| fake(slug.as_ref().map_or("none", Slug::as_str)))
        .collect();
    Examples::new(catalogue, directions).expect("sound")
}

fn liked(step: &str) -> Vec<Meant> {
    let (model, examples) = (
        Fake {
            asked: Cell::new(0),
        },
        faked(),
    );
    let model = Model {
        likeness: &model,
        examples: &examples,
    };
    Tagger::builtin().read_plan(&[step], Some(model)).meant
}

#[test]
fn a_step_without_a_name_means_what_it_is_like() {
    let meant = liked("go-select");
    assert_eq!(meant.len(), 1);
    assert_eq!(meant[0].concept.as_str(), "go-select");
    assert_eq!(meant[0].mention().detector, BY_LIKENESS);
    let told = meant[0].because.to_string();
    assert!(
        told.starts_with("like “") && told.ends_with("”, 1.00"),
        "{told}"
    );
}

#[test]
fn what_is_like_two_concepts_means_neither_but_of_a_child_and_its_umbrella_the_child() {
    assert_eq!(liked("go-select js-async"), []);
    assert_eq!(liked("something else"), []);
    let meant = liked("pg-advisory-locks pg-concurrency");
    assert_eq!(meant.len(), 1);
    assert_eq!(meant[0].concept.as_str(), "pg-advisory-locks");
}

#[test]
fn likeness_adds_to_names_and_agreement_makes_surer() {
    let both = liked("Rebase, and go-select");
    let slugs: Vec<_> = both.iter().map(|m| m.concept.as_str()).collect();
    assert_eq!(slugs, ["git-rebase", "go-select"]);
    assert!(both[0].confidence > both[1].confidence);
    let step = "select over the go-select channels";
    let names = &Tagger::builtin().read_plan(&[step], None).meant[0];
    let agreed = &liked(step)[0];
    assert_eq!(names.concept, agreed.concept);
    assert!(agreed.confidence > names.confidence);
    assert!(matches!(agreed.because, Because::Name(_)));
}

struct Broken(Option<Vec<Vec<f32>>>);

impl Likeness for Broken {
    fn embed(&self, _: &[String]) -> Option<Vec<Vec<f32>>> {
        self.0.clone()
    }
}

#[test]
fn a_model_that_fails_or_answers_nonsense_leaves_the_names() {
    let examples = faked();
    let nonsense = [
        (None, true),
        (Some(vec![]), true),
        (Some(vec![vec![0.0; 3]]), false),
        (Some(vec![vec![f32::NAN; 5]]), false),
        (Some(vec![vec![f32::INFINITY; 5]]), false),
        (Some(vec![vec![]]), false),
    ];
    for (answer, failed) in nonsense {
        let broken = Broken(answer.clone());
        let model = Model {
            likeness: &broken,
            examples: &examples,
        };
        let read = Tagger::builtin().read_plan(&["Take an advisory lock"], Some(model));
        assert_eq!(read.meant.len(), 1, "{answer:?}");
        assert_eq!(read.model_failed, failed, "{answer:?}");
    }
}

#[test]
fn a_damaged_set_of_directions_is_not_taken() {
    let catalogue = Catalogue::builtin();
    let sound = faked().directions().to_vec();
    assert!(Examples::new(catalogue, sound.clone()).is_some());
    let spoilt = |spoil: &dyn Fn(&mut Vec<Vec<f32>>)| {
        let mut directions = sound.clone();
        spoil(&mut directions);
        Examples::new(catalogue, directions).is_none()
    };
    assert!(spoilt(&|d| d.clear()));
    assert!(spoilt(&|d| drop(d.pop())));
    assert!(spoilt(&|d| d[7][0] = f32::NAN));
    assert!(spoilt(&|d| d[7] = vec![0.0; 5]));
    assert!(spoilt(&|d| {
        d[7].pop();
    }));
}

#[test]
fn hostile_plans_are_bounded_and_said_to_be() {
    let tagger = Tagger::builtin();
    let long = "advisory lock ".repeat(80_000);
    let read = tagger.read_plan(&[&long], None);
    assert_eq!((read.meant.len(), read.cut, read.left_out), (1, 1, 0));

    let many = vec!["take an advisory lock"; 10_000];
    let model = Fake {
        asked: Cell::new(0),
    };
    let examples = faked();
    let read = tagger.read_plan(
        &many,
        Some(Model {
            likeness: &model,
            examples: &examples,
        }),
    );
    assert_eq!(
        (read.meant.len(), read.left_out),
        (MAX_STEPS, 10_000 - MAX_STEPS)
    );
    assert_eq!(model.asked.get(), MAX_STEPS);

    let wide = vec!["é".repeat(MAX_STEP_BYTES); 100];
    let read = tagger.read_plan(&wide, None);
    assert_eq!(read.left_out, 100 - MAX_PLAN_BYTES / MAX_STEP_BYTES);
    assert_eq!(read.cut, MAX_PLAN_BYTES / MAX_STEP_BYTES);

    let odd = [
        "",
        " ",
        "\0\u{1b}[2J\u{202e}",
        "\u{1b}[31madvisory\u{1b}[0m lock",
        "İ ẞ ſ ﬁ",
        "…",
        "!",
    ];
    for step in odd {
        let read = tagger.read_plan(&[step], None);
        assert!(
            read.meant
                .iter()
                .all(|m| !m.because.to_string().contains('\u{1b}'))
        );
    }
    assert_eq!(tagger.read_plan(&[""; 0], None), PlanRead::default());
}

#[test]
fn an_alias_without_words_is_refused() {
    for alias in ["", "!", "…", "lock …", "--"] {
        assert!(Name::read(alias).is_none(), "{alias}");
    }
    assert!(Name::read("!sql … injection").is_some_and(|name| name.fault && name.gap));
}
