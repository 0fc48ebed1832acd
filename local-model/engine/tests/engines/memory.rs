//! What models take, beside what is said before they are loaded. A limit that is too low kills the
//! worker at its work; one that is far too high refuses models that would run.

use super::{default_model, job, limits, sentences};
use local_model::inspect;
use model_engine::Llama;

/// A figure of this process, in bytes.
pub(crate) fn figure(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix(name))
        .expect("a figure");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<u64>().expect("a number") * 1024
}

#[test]
#[ignore = "run in a process of its own by the test below"]
fn alone_what_a_model_takes() {
    let limits = limits(2048);
    let file = inspect(&default_model(), &limits).expect("sound");
    let needed = file.description.needed_mb;
    let before = figure("VmSize:");
    let mut llama = Llama::load(&file, &limits).expect("it loads");
    let tails: Vec<String> = (0..16)
        .map(|i| format!(" {i}{}", " and".repeat(100)))
        .collect();
    let tails: Vec<&str> = tails.iter().map(String::as_str).collect();
    llama
        .score(&job(&"one ".repeat(250), &tails[..4]))
        .expect("scored");
    let question = super::writing::asks(&"one ".repeat(300), "root ::= [a-z ]+", 20);
    llama.write(&question).expect("written");
    let taken = (figure("VmPeak:") - before - file.description.bytes) / 1_000_000;
    let before = figure("VmSize:");
    let sentences = sentences();
    let texts: Vec<String> = (0..16)
        .map(|i| format!("{i} {}", "lock ".repeat(200)))
        .collect();
    sentences.embed(&texts).expect("embedded");
    let more = figure("VmPeak:").saturating_sub(before) / 1_000_000;
    println!("measured: {needed} {taken} {more}");
}

#[test]
fn models_take_no_more_memory_than_is_said_before() {
    let here = std::env::current_exe().expect("this program");
    let out = std::process::Command::new(here)
        .args([
            "--ignored",
            "--exact",
            "--nocapture",
            "--test-threads=1",
            "memory::alone_what_a_model_takes",
        ])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let measured = said
        .split("measured: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let mb: Vec<u64> = (measured.unwrap_or_else(|| panic!("{said}")).split(' '))
        .map(|n| n.parse().expect("a number"))
        .collect();
    println!("default model: said {} MB, taken {} MB", mb[0], mb[1]);
    println!(
        "sentence model: said {} MB, taken {} MB",
        local_model::SENTENCES_NEED_MB,
        mb[2]
    );
    assert!(mb[1] <= mb[0], "said and taken: {said}");
    assert!(mb[1] * 4 >= mb[0], "far too much is said: {said}");
    assert!(mb[2] <= local_model::SENTENCES_NEED_MB, "sentences: {said}");
}
