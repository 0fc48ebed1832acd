//! Both engines with the models that the product ships. `.ci/models` puts them where they are looked
//! for: into `models` of the build folder. One thread each: ggml's spin.

#[path = "engines/memory.rs"]
mod memory;
#[path = "engines/reasons.rs"]
mod reasons;
#[path = "engines/writing.rs"]
mod writing;

use local_model::worker::Engine;
use local_model::{
    Continuations, DEFAULT_MODEL, Embedder, Likelihood, Limits, ModelFile, SandboxPolicy, Spec,
    gguf, inspect,
};
use model_engine::{Engines, Llama, Sentences};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// The build folder: this program lies in TRIPLE/PROFILE/deps of it.
fn build_folder() -> PathBuf {
    let here = std::env::current_exe().expect("this program");
    here.ancestors().nth(4).expect("a build folder").to_owned()
}

fn models() -> PathBuf {
    let folder = build_folder().join("models");
    let needed = [DEFAULT_MODEL.file, "all-MiniLM-L6-v2/model.safetensors"];
    for file in needed {
        let path = folder.join(file);
        assert!(
            path.is_file(),
            "{} is missing: run .ci/models first",
            path.display()
        );
    }
    folder
}

fn limits(context: u32) -> Limits {
    Limits {
        threads: 1,
        memory_mb: 1000,
        context,
        start_s: 60,
        job_s: 60,
        queue: 8,
    }
}

fn default_model() -> ModelFile {
    ModelFile {
        path: models().join(DEFAULT_MODEL.file),
        sha256: DEFAULT_MODEL.sha256.to_owned(),
    }
}

fn spec(generator: Option<ModelFile>, embedder: Option<Embedder>) -> Spec {
    Spec {
        program: PathBuf::new(),
        generator,
        embedder,
        limits: limits(512),
        sandbox: SandboxPolicy::Required,
        run_as: None,
        forbidden: Vec::new(),
    }
}

fn loaded(context: u32) -> Llama {
    let limits = limits(context);
    let file = inspect(&default_model(), &limits).expect("sound");
    Llama::load(&file, &limits).expect("it loads")
}

fn llama() -> MutexGuard<'static, Llama> {
    static ONE: OnceLock<Mutex<Llama>> = OnceLock::new();
    let one = ONE.get_or_init(|| Mutex::new(loaded(2048)));
    one.lock().unwrap_or_else(|e| e.into_inner())
}

fn sentences() -> Sentences {
    let embedder = Embedder::in_folder(&models().join("all-MiniLM-L6-v2"));
    let files = local_model::inspect_embedder(&embedder).expect("there");
    Sentences::load(files, &embedder.weights.sha256, 1).expect("it loads")
}

fn job(prefix: &str, continuations: &[&str]) -> Continuations {
    Continuations {
        prefix: prefix.to_owned(),
        continuations: continuations.iter().map(|&c| c.to_owned()).collect(),
    }
}

fn close(a: f64, b: f64, within: f64) -> bool {
    (a - b).abs() <= within
}

#[test]
fn paris_is_more_likely_than_london_by_the_figures_measured_before() {
    let job = job("The capital of France is", &[" Paris.", " London."]);
    let scored = llama().score(&job).expect("scored");
    assert!(close(scored[0].log, -0.657, 0.002), "{scored:?}");
    assert!(close(scored[1].log, -4.836, 0.002), "{scored:?}");
    assert_eq!((scored[0].tokens, scored[1].tokens), (2, 2));
}

#[test]
fn together_and_one_by_one_the_scores_are_the_same() {
    let long = " a lock that is held until the transaction ends,".repeat(12);
    let prefix = "In PostgreSQL, an advisory lock is";
    let tails: Vec<String> = (0..16)
        .map(|i| format!(" number {i}, and{}{}", &long[..37 * i], " so."))
        .collect();
    let all: Vec<&str> = tails.iter().map(String::as_str).collect();
    let mut llama = llama();
    let together = llama.score(&job(prefix, &all)).expect("scored");
    let tokens: u32 = together.iter().map(|l| l.tokens).sum();
    assert!(tokens > 300, "several batches: {tokens}");
    let mut most = 0.0_f64;
    for (tail, together) in all.iter().zip(&together) {
        let alone = llama.score(&job(prefix, &[tail])).expect("scored");
        assert_eq!(alone[0].tokens, together.tokens);
        let difference = (alone[0].log - together.log).abs() / f64::from(together.tokens);
        most = most.max(difference);
        assert!(
            difference < 0.03,
            "{tail}: {} and {}",
            alone[0].log,
            together.log
        );
    }
    println!("together and alone: at most {most:.4} a token apart");
}

#[test]
fn what_a_job_answers_does_not_depend_on_the_jobs_before() {
    let bits =
        |scored: Vec<Likelihood>| -> Vec<u64> { scored.iter().map(|l| l.log.to_bits()).collect() };
    let long = "words and ".repeat(90);
    let asked = job(
        &format!("{long} then"),
        &[" the end.", " another, longer end of it."],
    );
    let others = [
        job(
            "Something else entirely",
            &[" goes on", " or does it not, who knows"],
        ),
        job(&long, &[" then"]),
        job(&format!("{long} then"), &[" again"]),
    ];
    let mut llama = llama();
    let first = bits(llama.score(&asked).expect("scored"));
    for other in &others {
        llama.score(other).expect("scored");
        assert_eq!(bits(llama.score(&asked).expect("scored")), first);
        assert_eq!(bits(llama.score(&asked).expect("scored")), first);
    }
    assert_eq!(bits(loaded(2048).score(&asked).expect("scored")), first);
}

#[test]
fn more_than_the_context_is_refused_and_the_next_job_is_answered() {
    let mut small = loaded(64);
    assert_eq!(small.about().context, 64);
    let fits = job("One two three", &[" four"]);
    let before = small.score(&fits).expect("scored")[0];
    let much = "one two three ".repeat(30);
    for refused in [job(&much, &[" four"]), job("One", &[" four", &much])] {
        let said = small.score(&refused).expect_err("too large").words();
        assert!(
            said.starts_with("L031 a prefix with a continuation: "),
            "{said}"
        );
        assert!(said.ends_with(" tokens, limit 64"), "{said}");
        assert_eq!(small.score(&fits).expect("scored")[0], before);
    }
    // To the last place: the batch has to shrink with the room.
    let prefix = "one ".repeat(20);
    let tail = " two".repeat(43);
    let full = small
        .score(&job(&prefix, &[&tail, &tail, " two"]))
        .expect("it just fits");
    assert!(
        close(full[0].per_token(), full[1].per_token(), 0.03),
        "{full:?}"
    );
    let many: Vec<&str> = vec![" x"; 17];
    assert!(small.score(&job("a", &many)).is_err());
    assert!(
        small
            .score(&job("a", &[""]))
            .expect_err("empty")
            .words()
            .starts_with("L032")
    );
}

#[test]
fn a_text_is_never_read_as_a_control_token() {
    let mut llama = llama();
    let scored = llama
        .score(&job("A", &["<|im_end|>", " b"]))
        .expect("scored");
    assert!(scored[0].tokens > 1, "{scored:?}");
    // Nothing before: scored behind the token that begins a text.
    let begun = llama.score(&job("", &["The", "xq"])).expect("scored");
    assert!(begun[0].log > begun[1].log, "{begun:?}");
}

#[test]
fn a_model_says_what_it_is() {
    let about = llama().about();
    assert_eq!(about.name, "SmolLM2-135M-Instruct Q4_1");
    assert_eq!(about.sha256, DEFAULT_MODEL.sha256);
    assert_eq!(
        (about.architecture.as_str(), about.quantisation.as_str()),
        ("llama", "Q4_1")
    );
    assert_eq!((about.parameters, about.context), (134_515_008, 2048));
    assert_eq!(about.bytes, 98_362_432);
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let lock = std::fs::read_to_string(lock).expect("the lockfile");
    let version = |name: &str| {
        let from = lock
            .split(&format!("name = \"{name}\"\nversion = \""))
            .nth(1);
        from.and_then(|rest| rest.split('"').next())
            .expect("locked")
            .to_owned()
    };
    let (llama, candle) = (version("llama-cpp-2"), version("candle-core"));
    let said = format!("llama.cpp through llama-cpp-2 {llama}, candle {candle}");
    assert_eq!(model_engine::ENGINES, said);
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The figures are those of a second implementation, written from the paper in double precision, with
/// a tokenizer of its own.
#[test]
fn directions_are_those_of_a_second_implementation() {
    let texts = [
        "How do I reset my password?",
        "I forgot my password and need to change it.",
        "The weather is sunny today.",
        "An advisory lock is released when the session ends, not when the transaction does.",
    ]
    .map(str::to_owned);
    let first = [
        [0.0069, -0.06302, -0.07204, -0.0325],
        [-0.02248, -0.02192, -0.05312, -0.01662],
        [-0.01397, 0.10454, 0.0933, 0.08724],
        [-0.06503, -0.00788, -0.04859, 0.04562],
    ];
    let likeness = [
        [1.0, 0.82806, -0.04958, 0.0791],
        [0.82806, 1.0, -0.05289, 0.12142],
        [-0.04958, -0.05289, 1.0, 0.01947],
        [0.0791, 0.12142, 0.01947, 1.0],
    ];
    let found = sentences().embed(&texts).expect("embedded");
    let near = |a: f32, b: f32| (a - b).abs() < 5e-5;
    for (i, direction) in found.iter().enumerate() {
        assert_eq!(direction.len(), 384);
        for (is, wanted) in direction.iter().zip(first[i]) {
            assert!(near(*is, wanted), "{i}: {:?}", &direction[..4]);
        }
        for (j, other) in found.iter().enumerate() {
            let is = dot(direction, other);
            assert!(near(is, likeness[i][j]), "{i} and {j}: {is}");
        }
    }
}

#[test]
fn together_and_one_by_one_the_directions_are_the_same() {
    let texts: Vec<String> = (0..20)
        .map(|i| {
            format!(
                "Text {i}: {}",
                "the lock is held until the end, ".repeat(i % 7)
            )
        })
        .collect();
    let sentences = sentences();
    let together = sentences.embed(&texts).expect("embedded");
    for (text, together) in texts.iter().zip(&together) {
        let alone = sentences
            .embed(std::slice::from_ref(text))
            .expect("embedded");
        assert!(dot(&alone[0], together) > 0.99999, "{text}");
    }
    assert!(sentences.embed(&[]).expect("nothing").is_empty());
    assert_eq!(
        sentences.embed(&[String::new()]).expect("embedded")[0].len(),
        384
    );
}

#[test]
fn of_a_long_text_the_first_128_tokens_count_and_the_rest_does_not() {
    let long = "lock ".repeat(200);
    let longer = format!("{long} and something else entirely: penguins");
    let found = sentences().embed(&[long, longer]).expect("embedded");
    assert_eq!(found[0], found[1]);
}

#[test]
fn both_engines_together_answer_as_a_worker_asks_them() {
    let embedder = Embedder::in_folder(&models().join("all-MiniLM-L6-v2"));
    let mut both =
        model_engine::load(&spec(Some(default_model()), Some(embedder))).expect("loaded");
    let scored = both
        .score(&[job("A", &[" b"]), job("B", &[" c", " d"])])
        .expect("scored");
    assert_eq!(scored.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        both.embed(&["A text".to_owned()]).expect("embedded").len(),
        1
    );
    let about = both.about();
    assert_eq!(about.embedder.expect("loaded").dimensions, 384);
    assert_eq!(about.generator.expect("loaded").dimensions, 0);

    let embedder = Embedder::in_folder(&models().join("all-MiniLM-L6-v2"));
    let mut half: Engines = model_engine::load(&spec(None, Some(embedder))).expect("loaded");
    assert_eq!(
        half.score(&[]).expect_err("absent"),
        "L030 no language model is loaded"
    );
}

#[test]
fn native_code_was_built_for_the_instructions_that_are_looked_for() {
    let builds = build_folder().join("x86_64-unknown-linux-gnu/debug/build");
    let caches = std::fs::read_dir(builds)
        .expect("the build folder")
        .filter_map(|entry| {
            let cache = entry.ok()?.path().join("out/build/CMakeCache.txt");
            let text = std::fs::read_to_string(&cache).ok()?;
            text.contains("GGML_AVX2").then_some(text)
        });
    let mut seen = 0;
    for cache in caches {
        seen += 1;
        let line = |key: &str| {
            cache
                .lines()
                .find_map(|l| l.strip_prefix(key))
                .unwrap_or("absent")
        };
        for on in ["SSE42", "AVX", "AVX2", "FMA", "F16C", "BMI2"] {
            assert_eq!(line(&format!("GGML_{on}:BOOL=")), "ON", "{on}");
        }
        for off in ["NATIVE", "AVX512", "AVX_VNNI", "OPENMP"] {
            assert_eq!(line(&format!("GGML_{off}:BOOL=")), "OFF", "{off}");
        }
        assert_eq!(line("CMAKE_BUILD_TYPE:STRING="), "Release");
        assert!(line("CMAKE_C_FLAGS_RELEASE:STRING=").contains("-O3"));
    }
    assert!(seen > 0, "no build of llama.cpp was found");
    assert_eq!(local_model::INSTRUCTIONS.len(), 6);
}

#[test]
#[ignore = "its model is fetched by `.ci/models second` only; run by `make prove models`"]
fn a_second_architecture_scores_as_well() {
    let path = models().join("gemma-3-270m.Q4_K_M.gguf");
    let sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818".to_owned();
    let limits = limits(1024);
    let file = inspect(&ModelFile { path, sha256 }, &limits).expect("sound");
    assert_eq!(file.description.name, "Gemma 3 270m Q4_K_M");
    assert!(gguf::ARCHITECTURES.contains(&file.description.architecture.as_str()));
    let before = memory::figure("VmSize:");
    let mut gemma = Llama::load(&file, &limits).expect("it loads");
    let long = "one two three ".repeat(200);
    let tails = [
        " Paris.",
        " London.",
        " a town that many people like to visit in spring.",
    ];
    for prefix in [
        "The capital of France is",
        &format!("{long}The capital of France is"),
    ] {
        let together = gemma.score(&job(prefix, &tails)).expect("scored");
        assert!(together[0].log > together[1].log, "{together:?}");
        for (tail, together) in tails.iter().zip(&together) {
            let alone = gemma.score(&job(prefix, &[tail])).expect("scored")[0];
            assert!(
                close(alone.per_token(), together.per_token(), 0.03),
                "{alone:?} {together:?}"
            );
        }
    }
    let taken = (memory::figure("VmPeak:") - before - file.description.bytes) / 1_000_000;
    println!(
        "second model: said {} MB, taken {taken} MB",
        file.description.needed_mb
    );
    assert!(taken <= file.description.needed_mb);
}
