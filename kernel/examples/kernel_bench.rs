//! `make bench kernel`: what the tagger and the fold cost, each beside a reference that does the
//! same reading and nothing else, by turns in one run.
//!
//! ```text
//! kernel_bench [--json] [--rules N] [--only tagging|fold] FOLDER …
//! ```
//!
//! - Tagging a file against parsing it with bare tree-sitter: same grammar, same text, a parser
//!   kept from file to file. Text is taken from the folders: sources as people wrote them.
//! - Diffs of 400 and of 10,000 changed lines made of the same files, read and tagged.
//! - The fold of many subjects' rows against sorting the same keys.
//! - Five million stored deltas decoded and folded, with the peak of the process's memory.
//!
//! `--rules N` multiplies the catalogue's concepts, to see what a larger one will cost.

#![expect(
    clippy::disallowed_methods,
    reason = "it measures: the clock is what it is for"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use ast_grep_core::tree_sitter::LanguageExt as _;
use ast_grep_language::SupportLang;
use kernel::catalogue::Catalogue;
use kernel::delta::Delta;
use kernel::evidence;
use kernel::ids::StreamId;
use kernel::sync::Row;
use kernel::tagging::{SourceChange, Tagger};
use kernel::{diff, ids};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Most files of one language, and the smallest and largest that are taken, in bytes.
const FILES: usize = 150;
const SIZES: std::ops::Range<u64> = 1_000..200_000;
const ROUNDS: usize = 5;
const SUBJECTS: u32 = 1_000;
const ROWS_EACH: u64 = 500;
const REBUILT: u64 = 5_000_000;
const REBUILT_EACH: u64 = 2_000;

fn main() -> ExitCode {
    match Options::read(std::env::args().skip(1)).and_then(|options| measured(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            eprintln!("kernel_bench: {said}");
            ExitCode::from(2)
        }
    }
}

struct Options {
    json: bool,
    rules: usize,
    only: Option<String>,
    folders: Vec<PathBuf>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            json: false,
            rules: 1,
            only: None,
            folders: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--json" => options.json = true,
                "--rules" => {
                    let number = arguments.next().and_then(|n| n.parse().ok());
                    options.rules = number.ok_or("--rules takes a number")?;
                }
                "--only" => options.only = arguments.next(),
                folder => options.folders.push(folder.into()),
            }
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

fn measured(options: &Options) -> Result<(), String> {
    let mut report = Report::default();
    if options.wants("fold") {
        fold(&mut report);
        rebuild(&mut report);
    }
    if options.wants("tagging") {
        let catalogue = catalogue(options.rules)?;
        let tagger = Tagger::new(&catalogue).map_err(|error| error.to_string())?;
        let detectors: usize = catalogue.iter().map(|c| c.detectors.len()).sum();
        report.note("concepts", catalogue.len());
        report.note("detectors", detectors);
        let sources = sources(&options.folders);
        tagging(&tagger, &sources, &mut report);
        diffs(&tagger, &sources, &mut report);
    }
    report.print(options.json);
    Ok(())
}

/// Rows of the table, and the same as JSON.
#[derive(Default)]
struct Report {
    text: String,
    json: serde_json::Map<String, Value>,
}

impl Report {
    fn note(&mut self, what: &str, number: usize) {
        let _ = writeln!(self.text, "{what}: {number}");
        self.json.insert(what.into(), number.into());
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn print(self, json: bool) {
        if json {
            println!("{}", Value::Object(self.json));
        } else {
            print!("{}", self.text);
        }
    }
}

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

/// In milliseconds; of three, as another program's turn on the processor is no latency of ours.
fn median_of_three(work: impl Fn()) -> f64 {
    let mut times = [0; 3].map(|_| 1e3 * seconds(&work));
    at_rank(&mut times, 0.5)
}

fn at_rank(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let rank = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len());
    times[rank - 1]
}

/// The built-in catalogue, its concepts this many times over under other slugs.
fn catalogue(times: usize) -> Result<Catalogue, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let mut files: Vec<(String, String)> = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|e| e.to_string())?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "toml") {
                let text = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
                let slug = path.file_stem().unwrap_or_default().to_string_lossy();
                for n in 0..times.max(1) {
                    if n == 0 {
                        files.push((format!("{slug}.toml"), text.clone()));
                    } else if slug != "precision" {
                        let other = format!("{slug}-{n}");
                        let from = format!("slug = \"{slug}\"");
                        let text = text.replacen(&from, &format!("slug = \"{other}\""), 1);
                        files.push((format!("{other}.toml"), text));
                    }
                }
            }
        }
    }
    Catalogue::load(files.iter().map(|(p, t)| (p.as_str(), t.as_str()))).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        all.join("; ")
    })
}

struct Source {
    path: String,
    text: String,
    language: SupportLang,
}

/// Files of the folders, by language: the largest number, evenly picked.
fn sources(folders: &[PathBuf]) -> Vec<Source> {
    let mut all: BTreeMap<&str, Vec<(PathBuf, SupportLang)>> = BTreeMap::new();
    let mut open: Vec<PathBuf> = folders.to_vec();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(kind) = entry.metadata() else { continue };
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if kind.is_dir() && !hidden && !path.ends_with("target") {
                open.push(path);
            } else if let Some((name, language)) = language(&path)
                && SIZES.contains(&kind.len())
            {
                all.entry(name).or_default().push((path, language));
            }
        }
    }
    let mut sources = Vec::new();
    for files in all.values_mut() {
        files.sort_by(|a, b| a.0.cmp(&b.0));
        let step = files.len().div_ceil(FILES);
        for (path, language) in files.iter().step_by(step) {
            // The name alone, so that no folder makes the file somebody else's.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Ok(text) = std::fs::read_to_string(path)
                && SourceChange::new_file(name.clone(), text.clone())
                    .skipped()
                    .is_none()
            {
                sources.push(Source {
                    path: name.into_owned(),
                    text,
                    language: *language,
                });
            }
        }
    }
    sources
}

fn language(path: &Path) -> Option<(&'static str, SupportLang)> {
    Some(match path.extension()?.to_str()? {
        "py" => ("Python", SupportLang::Python),
        "rs" => ("Rust", SupportLang::Rust),
        "js" | "mjs" | "cjs" => ("JavaScript", SupportLang::JavaScript),
        "ts" => ("TypeScript", SupportLang::TypeScript),
        "tsx" => ("TSX", SupportLang::Tsx),
        "go" => ("Go", SupportLang::Go),
        "sh" | "bash" => ("Bash", SupportLang::Bash),
        "yml" | "yaml" => ("YAML", SupportLang::Yaml),
        "rb" => ("Ruby", SupportLang::Ruby),
        "php" => ("PHP", SupportLang::Php),
        "java" => ("Java", SupportLang::Java),
        "cs" => ("C#", SupportLang::CSharp),
        _ => return None,
    })
}

fn tagging(tagger: &Tagger, sources: &[Source], report: &mut Report) {
    let mut rows = Vec::new();
    report.line(
        "tagging whole files against parsing them with bare tree-sitter (median of 5 rounds)",
    );
    report.line("language      files   lines      kB  parse ms    tag ms  ratio  mentions");
    let mut names: Vec<SupportLang> = sources.iter().map(|s| s.language).collect();
    names.dedup();
    let mut sums = (0, 0, 0, 0.0, 0.0, 0);
    for name in names {
        let files: Vec<&Source> = sources.iter().filter(|s| s.language == name).collect();
        let mut parser = tree_sitter::Parser::new();
        if parser.set_language(&name.get_ts_language()).is_err() {
            continue;
        }
        let changes: Vec<SourceChange> = files
            .iter()
            .map(|s| SourceChange::new_file(s.path.clone(), s.text.clone()))
            .collect();
        let (mut parse, mut tag, mut mentions) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            parse.push(seconds(|| {
                for file in &files {
                    std::hint::black_box(parser.parse(&file.text, None));
                }
            }));
            mentions = 0;
            tag.push(seconds(|| {
                for change in &changes {
                    mentions += std::hint::black_box(tagger.tag(change)).mentions.len();
                }
            }));
        }
        let (parse, tag) = (at_rank(&mut parse, 0.5) * 1e3, at_rank(&mut tag, 0.5) * 1e3);
        let lines: usize = files.iter().map(|s| s.text.lines().count()).sum();
        let bytes: usize = files.iter().map(|s| s.text.len()).sum();
        let row = (files.len(), lines, bytes / 1000, parse, tag, mentions);
        report.line(&shown(&format!("{name:?}"), row));
        sums.0 += row.0;
        sums.1 += row.1;
        sums.2 += row.2;
        sums.3 += row.3;
        sums.4 += row.4;
        sums.5 += row.5;
        rows.push(
            json!({"language": format!("{name:?}"), "files": row.0, "lines": row.1,
            "parse_ms": row.3, "tag_ms": row.4, "ratio": row.4 / row.3, "mentions": row.5}),
        );
    }
    report.line(&shown("all", sums));
    report.json.insert(
        "tagging".into(),
        json!({"languages": rows, "lines": sums.1, "parse_ms": sums.3,
        "tag_ms": sums.4, "ratio": sums.4 / sums.3}),
    );
}

fn shown(name: &str, row: (usize, usize, usize, f64, f64, usize)) -> String {
    let (files, lines, kilobytes, parse, tag, mentions) = row;
    let ratio = tag / parse;
    format!(
        "{name:12} {files:6} {lines:7} {kilobytes:7} {parse:9.1} {tag:9.1}  {ratio:5.2}  {mentions:8}"
    )
}

/// A diff of this many added lines, out of files one after the other: every fourth file is new,
/// the others have hunks of 1 to 60 added lines with three lines of context on each side.
fn diff_of(added: usize, sources: &[Source], chance: &mut ChaCha8Rng) -> String {
    let mut diff = String::new();
    let mut count = 0;
    while count < added && !sources.is_empty() {
        let source = &sources[chance.random_range(0..sources.len())];
        let lines: Vec<&str> = source.text.lines().collect();
        let path = &source.path;
        if chance.random_bool(0.25) {
            let take = lines.len().min(added - count);
            let _ = write!(
                diff,
                "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{take} @@\n"
            );
            for line in &lines[..take] {
                let _ = writeln!(diff, "+{line}");
            }
            count += take;
            continue;
        }
        let _ = write!(
            diff,
            "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        );
        let mut start = 0;
        while count < added {
            // Few hunks are long.
            let size = 60_usize
                .div_ceil(chance.random_range(1..=60))
                .min(added - count);
            if start + size + 6 > lines.len() {
                break;
            }
            let _ = writeln!(diff, "@@ -{0},6 +{0},{1} @@", start + 1, size + 6);
            for (n, line) in lines[start..start + size + 6].iter().enumerate() {
                let mark = if (3..size + 3).contains(&n) { '+' } else { ' ' };
                let _ = writeln!(diff, "{mark}{line}");
            }
            count += size;
            start += size + 6 + chance.random_range(1..80);
        }
    }
    diff
}

fn diffs(tagger: &Tagger, sources: &[Source], report: &mut Report) {
    let mut chance = ChaCha8Rng::seed_from_u64(14);
    report.line("");
    report.line("reading and tagging a diff (each the median of three)");
    report.line("added lines  diffs  median ms  p99 ms  worst ms  bound ms");
    let mut found = Vec::new();
    for (added, count, bound) in [(400, 500, 20.0), (10_000, 60, 200.0)] {
        let all: Vec<String> = (0..count)
            .map(|_| diff_of(added, sources, &mut chance))
            .collect();
        let mut times: Vec<f64> = all
            .iter()
            .map(|text| {
                median_of_three(|| {
                    for file in diff::read(text.as_bytes())
                        .into_iter()
                        .flat_map(|d| d.files)
                    {
                        if let Ok(change) = &file.change {
                            std::hint::black_box(tagger.tag(change));
                        }
                    }
                })
            })
            .collect();
        let ranks = [0.5, 0.99, 1.0].map(|share| at_rank(&mut times, share));
        let [median, p99, worst] = ranks;
        report.line(&format!(
            "{added:11} {count:6} {median:10.2} {p99:7.2} {worst:9.2} {bound:9.0}"
        ));
        found.push(
            json!({"form": "hunks", "added": added, "diffs": count, "median_ms": median,
            "p99_ms": p99, "worst_ms": worst, "bound_ms": bound}),
        );
    }
    // Whole files of which every second line is new: what stood there before is parsed, too.
    let mut times: Vec<f64> = sources
        .iter()
        .filter(|s| (700..900).contains(&s.text.lines().count()))
        .map(|source| {
            let rows: Vec<u32> = (1..=800).step_by(2).collect();
            let change = SourceChange::in_file(source.path.clone(), source.text.clone(), &rows);
            median_of_three(|| drop(std::hint::black_box(tagger.tag(&change))))
        })
        .collect();
    if !times.is_empty() {
        let count = times.len();
        let [median, p99, worst] = [0.5, 0.99, 1.0].map(|share| at_rank(&mut times, share));
        report.line(&format!(
            "{:>11} {count:6} {median:10.2} {p99:7.2} {worst:9.2} {:9.0}  (400 lines spread over whole files of 800)",
            400, 20.0
        ));
        found.push(
            json!({"form": "whole files", "added": 400, "diffs": count, "median_ms": median,
            "p99_ms": p99, "worst_ms": worst, "bound_ms": 20.0}),
        );
    }
    report.json.insert("diffs".into(), Value::Array(found));
}

/// One subject's rows as a store keeps them: stream, index and the delta's JSON.
fn stored(
    subject: u32,
    rows: u64,
    slugs: &[String],
    chance: &mut ChaCha8Rng,
) -> Vec<(StreamId, u64, String)> {
    const BEGAN: i64 = 1_700_000_000 / ids::HOUR;
    let streams: Vec<StreamId> = (0..3_u8)
        .map(|n| {
            let mut bytes = [n; 16];
            bytes[..4].copy_from_slice(&subject.to_be_bytes());
            StreamId::new(bytes)
        })
        .collect();
    let mut out: Vec<(StreamId, u64, String)> = (0..rows)
        .map(|n| {
            let c = &slugs[chance.random_range(0..slugs.len())];
            let at = (BEGAN + (n * 17_520 / rows) as i64) * ids::HOUR;
            let body = if chance.random_bool(0.7) {
                json!({"c": c, "k": "seen", "f": "seen", "t": "seen", "at": at})
            } else {
                let o = if chance.random_bool(0.7) { "pass" } else { "fail" };
                json!({"c": c, "k": "check", "o": o, "m": "choice4", "f": "seen", "t": "learning", "at": at})
            };
            (streams[(n % 3) as usize], n / 3 + 1, body.to_string())
        })
        .collect();
    // A store gives them by stream, not by time.
    out.sort_by_key(|(stream, index, _)| (*stream, *index));
    out
}

fn decoded(rows: &[(StreamId, u64, String)]) -> Vec<Row> {
    rows.iter()
        .filter_map(|(stream, index, body)| {
            Some(Row {
                stream: *stream,
                index: *index,
                delta: Delta::from_object(serde_json::from_str(body).ok()?),
            })
        })
        .collect()
}

fn slugs() -> Vec<String> {
    (0..300).map(|n| format!("aa-concept-{n:03}")).collect()
}

fn fold(report: &mut Report) {
    let mut chance = ChaCha8Rng::seed_from_u64(14);
    let slugs = slugs();
    let subjects: Vec<Vec<Row>> = (0..SUBJECTS)
        .map(|n| decoded(&stored(n, ROWS_EACH, &slugs, &mut chance)))
        .collect();
    let (mut folded, mut sorted) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let copy = subjects.clone();
        folded.push(seconds(|| {
            for rows in copy {
                std::hint::black_box(evidence::fold(rows, |slug| slug));
            }
        }));
        let copy = subjects.clone();
        sorted.push(seconds(|| {
            for mut rows in copy {
                rows.sort_by_key(|row| (row.delta.at(), row.stream, row.index));
                std::hint::black_box(rows);
            }
        }));
    }
    let [fold, sort] = [&mut folded, &mut sorted].map(|times| at_rank(times, 0.5) * 1e3);
    let rows = u64::from(SUBJECTS) * ROWS_EACH;
    let ratio = fold / sort;
    report.line(&format!(
        "fold of {rows} rows of {SUBJECTS} subjects: {fold:.0} ms; a plain sort of the same rows: {sort:.0} ms; ratio of medians {ratio:.2}"
    ));
    report.json.insert("fold".into(), json!({"rows": rows, "subjects": SUBJECTS, "fold_ms": fold, "sort_ms": sort, "ratio": ratio}));
}

fn rebuild(report: &mut Report) {
    let mut chance = ChaCha8Rng::seed_from_u64(15);
    let slugs = slugs();
    let (mut took, mut pairs, mut done) = (0.0, 0, 0);
    let mut subject = 0;
    while done < REBUILT {
        let rows = stored(subject, REBUILT_EACH, &slugs, &mut chance);
        took += seconds(|| pairs += evidence::fold(decoded(&rows), |slug| slug).len());
        done += REBUILT_EACH;
        subject += 1;
    }
    let peak = peak_mib();
    report.line(&format!(
        "rebuild of {done} stored deltas of {subject} subjects, decoded and folded: {took:.1} s, {pairs} pairs; peak memory {peak} MiB (bound 60 s)"
    ));
    report.line("");
    report.json.insert("rebuild".into(), json!({"deltas": done, "subjects": subject, "seconds": took, "pairs": pairs, "peak_mib": peak}));
}

/// The most memory that the process ever had in use, in MiB; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}
