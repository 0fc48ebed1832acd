//! Our engine's half of `make bench model`: one line of JSON a measurement, for the script that sets
//! it beside llama.cpp's own programs.
//!
//! `engine_bench FILE THREADS MODE …`, with the modes `prompt` (512 tokens read at once), `write`
//! (64 tokens, one at a time), `rank` (16 continuations of a prefix; tokens are the continuations')
//! and `sentences:FOLDER` (64 texts of about 12 tokens; for `tokens` read texts).

use local_model::{
    Continuations, Embedder, Limits, ModelFile, Reason, digest_of, inspect, inspect_embedder,
};
use model_engine::{Llama, Sentences};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, threads, modes @ ..] = arguments.as_slice() else {
        eprintln!("engine_bench FILE THREADS MODE …");
        return ExitCode::from(2);
    };
    match measured(file, threads.parse().unwrap_or(1), modes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            eprintln!("engine_bench: {said}");
            ExitCode::FAILURE
        }
    }
}

fn measured(file: &str, threads: u32, modes: &[String]) -> Result<(), String> {
    let words = |reason: Reason| reason.to_string();
    let (sha256, _) = digest_of(file.as_ref()).map_err(words)?;
    let limits = Limits {
        threads,
        memory_mb: 100_000,
        context: 2048,
        start_s: 60,
        job_s: 60,
        queue: 1,
    };
    let file = inspect(
        &ModelFile {
            path: file.into(),
            sha256,
        },
        &limits,
    )
    .map_err(words)?;
    let mut llama = Llama::load(&file, &limits).map_err(words)?;
    for mode in modes {
        let (tokens, (seconds, processor)) = match mode.as_str() {
            "prompt" => prompt(&mut llama),
            "write" => write(&mut llama),
            "rank" => rank(&mut llama),
            folder if folder.starts_with("sentences:") => {
                sentences(&folder["sentences:".len()..], threads)?
            }
            other => return Err(format!("unknown mode {other}")),
        }
        .map_err(|e| e.words())?;
        println!(
            "{{\"mode\":\"{mode}\",\"tokens\":{tokens},\"seconds\":{seconds:.6},\
             \"processor\":{processor:.2}}}"
        );
    }
    Ok(())
}

type Measured = Result<(u32, Seconds), model_engine::EngineError>;

/// Seconds by the clock, and seconds of processor, to 10 ms: what other load does not change.
type Seconds = (f64, f64);

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed<T>(act: impl FnOnce() -> T) -> (T, Seconds) {
    let (began, used) = (Instant::now(), processor());
    let done = act();
    (done, (began.elapsed().as_secs_f64(), processor() - used))
}

/// Processor time of this process so far: fields 14 and 15 of its `stat`, in hundredths.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn job(prefix: String, continuations: Vec<String>) -> Continuations {
    Continuations {
        prefix,
        continuations,
    }
}

fn prompt(llama: &mut Llama) -> Measured {
    // A word is a token; another prefix before, so that nothing is kept.
    let text = |word: &str| word.repeat(512);
    llama.score(&job(text(" two"), vec![" end".into()]))?;
    let asked = job(text(" one"), vec![" end".into()]);
    let (scored, seconds) = timed(|| llama.score(&asked));
    scored?;
    let counted = llama.score(&job(String::new(), vec![text(" one")]))?;
    Ok((counted.first().map_or(0, |l| l.tokens), seconds))
}

fn write(llama: &mut Llama) -> Measured {
    llama.goes_on("Once", 4)?;
    let (written, seconds) = timed(|| llama.goes_on("Once", 64));
    let tokens = u32::try_from(written?.len()).unwrap_or(u32::MAX);
    Ok((tokens, seconds))
}

fn rank(llama: &mut Llama) -> Measured {
    let prefix = "Question: what does a lock protect while a transaction waits for another one?\n\
                  A colleague answers:";
    let tails: Vec<String> = (0..16)
        .map(|i| {
            format!(" {i} times it is held until all have ended, and then it is given to the next.")
        })
        .collect();
    llama.score(&job("Something else".into(), vec![" first".into()]))?;
    let asked = job(prefix.into(), tails);
    let (scored, seconds) = timed(|| llama.score(&asked));
    Ok((scored?.iter().map(|l| l.tokens).sum(), seconds))
}

fn sentences(folder: &str, threads: u32) -> Result<Measured, String> {
    let words = |reason: Reason| reason.to_string();
    let embedder = Embedder::in_folder(folder.as_ref());
    let files = inspect_embedder(&embedder).map_err(words)?;
    let loaded = Sentences::load(files, &embedder.weights.sha256, threads).map_err(words)?;
    let texts: Vec<String> = (0..64)
        .map(|i| format!("Lock {i} is held until the session ends, not longer."))
        .collect();
    let (found, seconds) = timed(|| loaded.embed(&texts));
    let texts = found.map_err(|e| e.words())?.len();
    Ok(Ok((u32::try_from(texts).unwrap_or(u32::MAX), seconds)))
}
