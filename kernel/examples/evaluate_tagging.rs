//! Measures the tagger: against labelled snippets, and on real changes that readers judged.
//!
//! `.ci/prove tagging` runs it from end to end; who writes rules runs `snippets` and `diffs`. How each
//! command is called stands in [`USAGE`], what the figures mean in the modules below.

#[path = "../evaluation/draw.rs"]
mod draw;
#[path = "../evaluation/judged.rs"]
mod judged;
#[path = "../evaluation/releases.rs"]
mod releases;
#[path = "../evaluation/snippets.rs"]
mod snippets;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use draw::{Drawn, draw, plain};
use judged::{Judgement, Tally};
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use kernel::tagging::Tagger;
use releases::Tag;
use snippets::Snippet;

const USAGE: &str = "\
evaluate_tagging snippets FILE.jsonl [--errors] [--concept SLUG]
    precision, recall and F1 on labelled snippets; --errors lists what was found wrongly or missed,
    --concept only that of one concept. Of a file whose name has `held-out` errors are never told.
evaluate_tagging diffs FOLDER --tags OUT.jsonl
    tags every step of FOLDER/steps.jsonl; how many tags there are, and how dense they are
evaluate_tagging draw TAGS.jsonl [--plain] --n 360 --seed 2 --out DRAWN.jsonl --cards DIR --wide FOLDER [--judged JUDGED.jsonl]
    draws tags by concept (--plain: by lot among all) and writes a card of each that is not judged yet for a reader
evaluate_tagging judge DRAWN.jsonl VERDICTS.jsonl JUDGED.jsonl
    adds a reader's verdicts, {\"id\", \"right\", \"why\"} a line, to the judgements
evaluate_tagging score TAGS.jsonl DRAWN.jsonl PLAIN.jsonl JUDGED.jsonl [--bless]
    precision of the judged tags that still stand; --bless writes it for the kernel to carry";

/// Where the kernel carries what was measured.
const PRECISION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue/precision.toml");

/// So many judged tags have to stand.
const JUDGED_AT_LEAST: u32 = 300;
/// So precise have they to be, over the concepts that are on.
const PRECISION_AT_LEAST: f64 = 0.95;
/// So many changed lines a tag may stand for, at the densest tenth of the steps.
const LINES_PER_TAG: f64 = 40.0;

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("evaluate_tagging: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Outcome {
    let args = Args::read(args)?;
    let names: Vec<&Path> = args.names.iter().map(Path::new).collect();
    match (args.command.as_str(), names.as_slice()) {
        ("snippets", [file]) => tell_snippets(file, &args),
        ("diffs", [folder]) => tell_diffs(folder, &args.path("--tags")?),
        ("draw", [tags]) => tell_draw(tags, &args),
        ("judge", [drawn, verdicts, judged]) => add_verdicts(drawn, verdicts, judged),
        ("score", [tags, by_concept, plain, judged]) => {
            tell_score(tags, [by_concept, plain], judged, args.has("--bless"))
        }
        _ => Err(format!("not understood\n{USAGE}")),
    }
}

/// What was asked for.
struct Args {
    command: String,
    names: Vec<String>,
    values: BTreeMap<String, String>,
    flags: Vec<String>,
}

impl Args {
    const FLAGS: [&str; 3] = ["--errors", "--bless", "--plain"];

    fn read(args: &[String]) -> Result<Self, String> {
        let mut args = args.iter().cloned();
        let mut read = Self {
            command: args.next().ok_or(USAGE)?,
            names: Vec::new(),
            values: BTreeMap::new(),
            flags: Vec::new(),
        };
        while let Some(arg) = args.next() {
            if Self::FLAGS.contains(&arg.as_str()) {
                read.flags.push(arg);
            } else if arg.starts_with("--") {
                let value = args.next().ok_or(format!("{arg} needs a value"))?;
                read.values.insert(arg, value);
            } else {
                read.names.push(arg);
            }
        }
        Ok(read)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f == flag)
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        let value = self.values.get(name).ok_or(format!("{name} is missing"))?;
        Ok(value)
    }

    fn path(&self, name: &str) -> Result<PathBuf, String> {
        Ok(PathBuf::from(self.value(name)?))
    }
}

fn tell_snippets(file: &Path, args: &Args) -> Outcome {
    let held_out = file
        .file_name()
        .is_some_and(|name| name.to_string_lossy().contains("held-out"));
    if held_out && args.has("--errors") {
        return Err(
            "the errors of what is held out are never told: rules would follow them".into(),
        );
    }
    let catalogue = Catalogue::builtin();
    let marked = snippets::mark(snippets::read(file, catalogue)?, Tagger::builtin())?;
    if args.has("--errors") {
        let only = args.values.get("--concept");
        let wanted = |concept: &Slug| only.is_none_or(|slug| concept.to_string() == *slug);
        for one in &marked {
            let Snippet { id, file, .. } = &one.snippet;
            for (concept, found) in one.wrong(catalogue) {
                if wanted(concept) {
                    let snippets::Found {
                        detector,
                        line,
                        text,
                    } = found;
                    println!("WRONG  {id}  {concept}  by {detector}, {file}:+{line}: {text}");
                }
            }
            for concept in one.missed() {
                if wanted(concept) {
                    println!("MISSED {id}  {concept}  {file}");
                }
            }
        }
    }
    let score = snippets::score(&marked, catalogue);
    print!("{}", snippets_text(&score, !held_out));
    Ok(())
}

fn snippets_text(score: &snippets::Score, table: bool) -> String {
    let mut text = String::new();
    if table {
        let _ = writeln!(
            text,
            "{:<30} right wrong missed  precision  recall    F1",
            "concept"
        );
        for (concept, counts) in &score.by_concept {
            let _ = writeln!(text, "{:<30} {}", concept.to_string(), counts_text(*counts));
        }
    }
    for (form, (snippets, counts)) in &score.by_form {
        let name = format!("{} of form {}", snippets, form.name());
        let _ = writeln!(text, "{name:<30} {}", counts_text(*counts));
    }
    let (low, high) = score.f1_interval;
    let name = format!("all {} snippets", score.snippets);
    let _ = writeln!(
        text,
        "{name:<30} {}  (95 %: {low:.3} to {high:.3})",
        counts_text(score.all)
    );
    text
}

fn counts_text(c: snippets::Counts) -> String {
    format!(
        "{:>5} {:>5} {:>6}  {:>9.3}  {:>6.3} {:>5.3}",
        c.right,
        c.wrong,
        c.missed,
        c.precision(),
        c.recall(),
        c.f1()
    )
}

fn tell_diffs(folder: &Path, out: &Path) -> Outcome {
    let tagger = all_on()?;
    let off = switched_off()?;
    let (mut tags, mut skipped) = (String::new(), BTreeMap::<String, usize>::new());
    let (mut steps, mut made, mut files, mut changed) = (0, 0, 0, 0);
    let (mut per_changed, mut per_code) = (Vec::new(), Vec::new());
    for step in releases::steps(folder)? {
        let told = releases::tell(folder, &step, &tagger)?;
        steps += 1;
        files += told.files;
        changed += told.changed;
        for (reason, count) in told.skipped {
            *skipped.entry(reason).or_default() += count;
        }
        for tag in &told.tags {
            tags.push_str(&line(tag)?);
        }
        let on = told
            .tags
            .iter()
            .filter(|tag| !off.contains_key(&tag.key.concept));
        let on = on.count();
        made += on;
        let density = |lines: u64| (lines >= 40).then(|| 40.0 * on as f64 / lines as f64);
        per_changed.extend(density(told.changed));
        per_code.extend(density(told.changed_code));
    }
    write(out, &tags)?;
    println!(
        "{steps} steps from release to release, {files} files, {changed} changed lines looked at, {made} tags"
    );
    let told = |name: &str, densities: &mut Vec<f64>| {
        densities.sort_by(f64::total_cmp);
        println!(
            "tags per 40 changed lines {name}: median {:.2}, p90 {:.2}, most {:.2} ({} steps)",
            percentile(densities, 0.5),
            percentile(densities, 0.9),
            percentile(densities, 1.0),
            densities.len()
        );
        percentile(densities, 0.9)
    };
    let p90 = told("of what was looked at", &mut per_changed);
    told("of code alone", &mut per_code);
    let reasons: Vec<String> = skipped
        .iter()
        .map(|(why, n)| format!("{why} {n}"))
        .collect();
    println!("files passed over: {}", reasons.join(", "));
    if p90 > 1.0 {
        return Err(format!(
            "more than a tag for {LINES_PER_TAG} changed lines at p90: {p90:.2}"
        ));
    }
    Ok(())
}

fn percentile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * part).ceil() as usize;
    sorted.get(at).copied().unwrap_or_default()
}

fn tell_draw(tags: &Path, args: &Args) -> Outcome {
    let catalogue = Catalogue::builtin();
    let tags: Vec<Tag> = judged::read_lines(tags)?;
    let number = args
        .value("--n")?
        .parse()
        .map_err(|e| format!("--n: {e}"))?;
    let seed = args.value("--seed")?;
    let drawn = if args.has("--plain") {
        plain(&tags, number, seed)
    } else {
        draw(&tags, number, seed)
    };
    let known = match args.values.get("--judged").map(Path::new) {
        Some(path) if path.exists() => judged::read(path)?,
        _ => BTreeMap::new(),
    };
    let (cards, wide) = (args.path("--cards")?, args.path("--wide")?);
    std::fs::create_dir_all(&cards).map_err(|e| format!("{}: {e}", cards.display()))?;
    let mut text = String::new();
    let mut by_diff: BTreeMap<&str, Vec<&Tag>> = BTreeMap::new();
    for tag in &drawn {
        text.push_str(&line(&Drawn::of(tag))?);
        if !known.contains_key(&tag.key) {
            by_diff.entry(&tag.diff).or_default().push(tag);
        }
    }
    write(&args.path("--out")?, &text)?;
    let mut written = 0;
    for (diff, tags) in by_diff {
        let path = wide.join(diff);
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let pieces = releases::pieces(&bytes);
        for tag in tags {
            let concept = catalogue.get(&tag.key.concept).ok_or("no such concept")?;
            let card = releases::card(tag, &pieces, &concept.title, &concept.summary)?;
            write(&cards.join(format!("{}.txt", tag.id())), &card)?;
            written += 1;
        }
    }
    let concepts: std::collections::BTreeSet<_> = drawn.iter().map(|t| &t.key.concept).collect();
    println!(
        "{} tags drawn of {} concepts; {written} of them not judged yet, a card each in {}",
        drawn.len(),
        concepts.len(),
        cards.display()
    );
    Ok(())
}

/// What a reader says of a card.
#[derive(serde::Deserialize)]
struct Verdict {
    id: String,
    right: bool,
    why: String,
}

fn add_verdicts(drawn: &Path, verdicts: &Path, path: &Path) -> Outcome {
    let drawn: BTreeMap<String, Drawn> = judged::read_lines::<Drawn>(drawn)?
        .into_iter()
        .map(|drawn| (drawn.id.clone(), drawn))
        .collect();
    let mut known = if path.exists() {
        judged::read(path)?
    } else {
        BTreeMap::new()
    };
    let before = known.len();
    for verdict in judged::read_lines::<Verdict>(verdicts)? {
        let Some(drawn) = drawn.get(&verdict.id) else {
            return Err(format!("{} was not drawn", verdict.id));
        };
        let judgement = Judgement {
            key: drawn.key.clone(),
            row: drawn.row,
            right: verdict.right,
            why: verdict.why,
        };
        known.insert(drawn.key.clone(), judgement);
    }
    let text: Result<Vec<String>, String> = known.values().map(line).collect();
    write(path, &text?.concat())?;
    println!(
        "{} judgements, {} of them new",
        known.len(),
        known.len() - before
    );
    Ok(())
}

fn tell_score(tags: &Path, draws: [&Path; 2], path: &Path, bless: bool) -> Outcome {
    let known = judged::read(path)?;
    let mut tallies: BTreeMap<Slug, (u32, Tally)> = BTreeMap::new();
    for tag in judged::read_lines::<Tag>(tags)? {
        let (made, tally) = tallies.entry(tag.key.concept.clone()).or_default();
        *made += 1;
        if let Some(judgement) = known.get(&tag.key) {
            tally.count(judgement.right);
        }
    }
    println!(
        "{:<30}  tags judged right precision  95 % interval",
        "concept"
    );
    for (slug, (made, tally)) in &tallies {
        let (low, high) = tally.interval();
        let off = if tally.is_switched_off() {
            "  switched off"
        } else {
            ""
        };
        println!(
            "{:<30} {made:>5} {:>6} {:>5} {:>9.2}  {low:.2} to {high:.2}{off}",
            slug.to_string(),
            tally.judged,
            tally.right,
            tally.precision()
        );
    }
    // Over the tags of the concepts that are on: what an engineer sees.
    let of_draw = |path: &Path, name: &str| -> Result<Tally, String> {
        let drawn: Vec<Drawn> = judged::read_lines(path)?;
        let mut tally = Tally::default();
        for judgement in drawn.iter().filter_map(|d| known.get(&d.key)) {
            let concept = tallies.get(&judgement.key.concept);
            if concept.is_none_or(|(_, tally)| !tally.is_switched_off()) {
                tally.count(judgement.right);
            }
        }
        let (low, high) = tally.interval();
        println!(
            "{} of {} tags drawn {name} are right: precision {:.3} (95 %: {low:.3} to {high:.3}); of {} drawn today {} are not judged or of a concept that is off",
            tally.right,
            tally.judged,
            tally.precision(),
            drawn.len(),
            drawn.len() - tally.judged as usize
        );
        Ok(tally)
    };
    of_draw(
        draws[0],
        "for their concept, as many of a rare one as of a common one,",
    )?;
    let on = of_draw(draws[1], "by lot among all")?;
    let measured: BTreeMap<Slug, Tally> = tallies
        .into_iter()
        .filter(|(_, (_, tally))| tally.judged > 0)
        .map(|(slug, (_, tally))| (slug, tally))
        .collect();
    if bless {
        write(Path::new(PRECISION), &judged::precision_text(&measured))?;
    } else if judged::read_precision(Path::new(PRECISION))? != measured {
        return Err(format!(
            "{PRECISION} says something else; --bless writes it"
        ));
    }
    if on.judged < JUDGED_AT_LEAST {
        return Err(format!(
            "only {} judged tags stand, not {JUDGED_AT_LEAST}",
            on.judged
        ));
    }
    if on.precision() < PRECISION_AT_LEAST {
        return Err(format!("the precision is below {PRECISION_AT_LEAST}"));
    }
    Ok(())
}

/// The tagger with every concept on: what measures must not depend on what was measured.
fn all_on() -> Result<Tagger, String> {
    Tagger::unjudged(Catalogue::builtin()).map_err(|e| e.to_string())
}

fn switched_off() -> Result<BTreeMap<Slug, Tally>, String> {
    let path = Path::new(PRECISION);
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    let mut measured = judged::read_precision(path)?;
    measured.retain(|_, tally| tally.is_switched_off());
    Ok(measured)
}

fn line<T: serde::Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string(value)
        .map(|text| text + "\n")
        .map_err(|e| e.to_string())
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}
