//! Plans read with the sentence model, where one lies on this machine.
//!
//! Where none does, plans are read by names alone. The model is looked for in `models/` of the
//! client's folder, then where an administrator puts it for all accounts; it is read only if its
//! digests are those of the one that we know, only when a plan has come, on one thread, and it is
//! let go when the agent is done, or has had nothing to do for a minute. What it makes of the catalogue's examples is
//! kept in a file, so that the next run embeds the new steps alone.
//!
//! Invariant: the model is never needed. One that is missing, damaged, swapped or failing changes
//! what is found, is counted, and stops nothing. The kept file holds nothing of the engineer's.

use crate::error::{Error, Result};
use crate::home::{self, Home};
use crate::words::{count, plain};
use crate::world::World;
use kernel::catalogue::Catalogue;
use kernel::tagging::plan::{Examples, Meant, Model, PlanRead};
use kernel::tagging::{Part, Place, Tagged, Tagger};
use local_model::{Embedder, SENTENCE_TOKENIZER, SENTENCE_WEIGHTS, digest_of, inspect_embedder};
use sentences::Sentences;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The model's folder within one of ours.
const MODEL: &str = "models/all-MiniLM-L6-v2";
/// Our folder for all accounts of a machine.
const SHARED: &str = "/usr/local/share/aiworklab";
/// Threads that it computes on: the engineer is at work.
const THREADS: u32 = 1;
/// First bytes of the kept file; another layout gets another number.
const MAGIC: &[u8; 8] = b"AWLPLAN1";
/// Largest kept file that is read, in bytes.
const MOST_KEPT_BYTES: u64 = 8 * 1024 * 1024;

/// How the plans of one run are read.
pub struct Plans {
    folders: [PathBuf; 2],
    kept: PathBuf,
    /// `None`: no plan has come yet.
    model: Option<Result<Loaded, Without>>,
    /// Whether the files' digests are not looked at.
    glance: bool,
}

struct Loaded {
    sentences: Sentences,
    examples: Examples,
}

/// Why plans are read by names alone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Without {
    /// There is no model.
    Absent,
    /// There is one, and it is not taken; why.
    Refused(String),
}

impl Plans {
    /// Looks at nothing yet.
    pub fn new(home: &Home) -> Self {
        Self::at(home, Path::new(SHARED))
    }

    /// The same, for a word on how plans are read: the files' digests, over 90 MB, are left to
    /// `doctor` and to whoever loads the model.
    pub fn at_a_glance(home: &Home) -> Self {
        Self {
            glance: true,
            ..Self::new(home)
        }
    }

    fn at(home: &Home, shared: &Path) -> Self {
        Self {
            folders: [home.path().join(MODEL), shared.join(MODEL)],
            kept: home.plan_examples(),
            model: None,
            glance: false,
        }
    }

    /// The first of both folders that has one of the model's files: a damaged model of the
    /// engineer's own is said to be damaged, and not passed over.
    fn folder(&self) -> Result<&Path, Without> {
        let has = |folder: &&PathBuf| {
            let files = [SENTENCE_WEIGHTS.file, SENTENCE_TOKENIZER.file];
            files.iter().any(|file| folder.join(file).exists())
        };
        let folder = self.folders.iter().find(has).ok_or(Without::Absent)?;
        Ok(folder)
    }

    fn load(&self) -> Result<Loaded, Without> {
        let refused = |why: &dyn std::fmt::Display| Without::Refused(why.to_string());
        let embedder = Embedder::in_folder(self.folder()?);
        let files = inspect_embedder(&embedder).map_err(|e| refused(&e))?;
        let sentences = Sentences::load(files, &embedder.weights.sha256, THREADS);
        let sentences = sentences.map_err(|e| refused(&e))?;
        let catalogue = Catalogue::builtin();
        let texts = Examples::texts(catalogue);
        let key = key(&texts);
        let kept = read_kept(&self.kept, &key);
        let examples = match kept.and_then(|kept| Examples::new(catalogue, kept)) {
            Some(examples) => examples,
            None => {
                let examples = Examples::embed(catalogue, &sentences);
                let examples = examples.ok_or_else(|| refused(&"it fails at its work"))?;
                // Without it the next run embeds the examples again, and that is all.
                let _ = home::write_whole(&self.kept, 0o600, &kept_bytes(&key, &examples));
                examples
            }
        };
        Ok(Loaded {
            sentences,
            examples,
        })
    }

    /// Reads the model in, if there is one: that takes a while, and is not done while others wait.
    pub fn prepare(&mut self) {
        if self.model.is_none() {
            let load = catch_unwind(AssertUnwindSafe(|| self.load()));
            let failed = |_| Err(Without::Refused("it fails at its work".to_owned()));
            self.model = Some(load.unwrap_or_else(failed));
        }
    }

    /// Lets the model go; the next plan looks for one anew.
    pub fn rest(&mut self) {
        self.model = None;
    }

    /// Reads steps of a plan. What has to be counted stands beside it, if anything has.
    pub fn read(&mut self, steps: &[impl AsRef<str>]) -> (PlanRead, Option<&'static str>) {
        self.prepare();
        let tagger = Tagger::builtin();
        match &self.model {
            Some(Ok(loaded)) => {
                let model = Model {
                    likeness: &loaded.sentences,
                    examples: &loaded.examples,
                };
                let read = tagger.read_plan(steps, Some(model));
                let failed = read.model_failed;
                (
                    read,
                    failed.then_some("plans read by names alone: the sentence model failed"),
                )
            }
            Some(Err(Without::Refused(_))) => (
                tagger.read_plan(steps, None),
                Some("plans read by names alone: the sentence model is damaged or another one"),
            ),
            Some(Err(Without::Absent)) | None => (
                tagger.read_plan(steps, None),
                Some("plans read by names alone: no sentence model"),
            ),
        }
    }

    /// The same as the tagger tells it of code: those steps of a plan that `wanted` names.
    pub fn parts(
        &mut self,
        steps: &[String],
        wanted: &[usize],
    ) -> (Vec<Part<'static>>, Option<&'static str>) {
        let wanted: Vec<(usize, &str)> = wanted
            .iter()
            .filter_map(|at| Some((*at, steps.get(*at)?.as_str())))
            .collect();
        let texts: Vec<&str> = wanted.iter().map(|(_, text)| *text).collect();
        if texts.is_empty() {
            return (Vec::new(), None);
        }
        let (read, counted) = self.read(&texts);
        let part = |(nth, (at, _)): (usize, &(usize, &str))| {
            let own = read.meant.iter().filter(|meant| meant.step == nth);
            Part {
                place: Place::Step(*at),
                name: "a plan",
                tagged: Tagged {
                    mentions: own.map(Meant::mention).collect(),
                    skipped: None,
                },
            }
        };
        (wanted.iter().enumerate().map(part).collect(), counted)
    }

    /// How plans are read here, in a sentence; looks at the files' digests.
    pub fn sentence(&self) -> String {
        match self.check() {
            Ok(folder) => format!("by the sentence model in {}", shown(&folder)),
            Err(Without::Refused(why)) => format!("by names alone: {}", plain(&why)),
            Err(Without::Absent) => {
                let [own, shared] = &self.folders;
                let (own, shared) = (shown(own), shown(shared));
                format!("by names alone: there is no sentence model in {own} or {shared}")
            }
        }
    }

    /// The same as JSON.
    pub fn json(&self) -> Value {
        let (by, folder, why) = match self.check() {
            Ok(folder) => ("sentence model", Some(folder), None),
            Err(Without::Refused(why)) => ("names", None, Some(why)),
            Err(Without::Absent) => ("names", None, Some("no sentence model".to_owned())),
        };
        json!({ "by": by, "folder": folder, "why": why, "looked_in": self.folders })
    }

    fn check(&self) -> Result<PathBuf, Without> {
        let folder = self.folder()?;
        if matches!(self.model, Some(Ok(_))) {
            // It was compared when it was loaded.
            return Ok(folder.to_owned());
        }
        let embedder = Embedder::in_folder(folder);
        for file in [&embedder.weights, &embedder.tokenizer] {
            if self.glance {
                std::fs::metadata(&file.path).map_err(|e| Without::Refused(e.to_string()))?;
                continue;
            }
            let (found, _) = digest_of(&file.path).map_err(|e| Without::Refused(e.to_string()))?;
            if found != file.sha256 {
                let why = format!("{} is not the file that it should be", file.path.display());
                return Err(Without::Refused(why));
            }
        }
        Ok(folder.to_owned())
    }
}

fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

/// What the kept directions hold for: this model and these texts.
fn key(texts: &[String]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(SENTENCE_WEIGHTS.sha256);
    hasher.update(SENTENCE_TOKENIZER.sha256);
    hasher.update(Catalogue::builtin().version().to_le_bytes());
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    hasher.finalize().into()
}

/// Magic, key, width, numbers; then the digest of all that.
fn kept_bytes(key: &[u8; 32], examples: &Examples) -> Vec<u8> {
    let directions = examples.directions();
    let width = directions.first().map_or(0, Vec::len);
    let mut bytes = Vec::with_capacity(80 + directions.len() * width * 4);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&(width as u64).to_le_bytes());
    for number in directions.iter().flatten() {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    bytes
}

/// The kept directions; `None` if there are none, or they are of something else, or damaged.
fn read_kept(path: &Path, key: &[u8; 32]) -> Option<Vec<Vec<f32>>> {
    let file = File::open(path).ok()?;
    let kind = file.metadata().ok()?;
    if !kind.is_file() || kind.len() > MOST_KEPT_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST_KEPT_BYTES).read_to_end(&mut bytes).ok()?;
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if Sha256::digest(body).as_slice() != digest {
        return None;
    }
    let body = body.strip_prefix(MAGIC)?.strip_prefix(key.as_slice())?;
    let (width, numbers) = body.split_first_chunk::<8>()?;
    let width = usize::try_from(u64::from_le_bytes(*width)).ok()?;
    let row = width.checked_mul(4).filter(|row| *row > 0)?;
    if numbers.len() % row != 0 {
        return None;
    }
    let number = |four: &[u8]| Some(f32::from_le_bytes(four.try_into().ok()?));
    let direction = |row: &[u8]| row.chunks_exact(4).map(number).collect();
    numbers.chunks_exact(row).map(direction).collect()
}

/// `aiworklab tag --plan`: what each line of a text means as a step of a plan, and why.
pub struct Explained {
    steps: Vec<String>,
    read: PlanRead,
    way: String,
}

/// Most characters of a step that are shown.
const STEP_CHARS: usize = 160;

/// Reads each line of a text as a step; list signs are left out.
pub fn explain(plans: &mut Plans, text: &str) -> Explained {
    let sign = |c: char| c.is_ascii_digit() || "-*+.)[] \t".contains(c);
    let steps: Vec<String> = text
        .lines()
        .map(|line| line.trim_start_matches(sign).trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    let (read, _) = plans.read(&steps);
    let way = plans.sentence();
    Explained { steps, read, way }
}

impl Explained {
    fn step(&self, at: usize) -> String {
        let step = self.steps.get(at).map_or("", String::as_str);
        plain(step).chars().take(STEP_CHARS).collect()
    }

    fn read_steps(&self) -> usize {
        self.steps.len() - self.read.left_out
    }

    /// In words.
    pub fn text(&self) -> String {
        let steps = count(self.steps.len() as u64, "step");
        let mentions = count(self.read.meant.len() as u64, "mention");
        let mut out = format!("{steps}, read {}; {mentions}.\n", self.way);
        for at in 0..self.read_steps() {
            let _ = writeln!(out, "\n{}. {}", at + 1, self.step(at));
            let mut own = self.read.meant.iter().filter(|m| m.step == at).peekable();
            if own.peek().is_none() {
                out.push_str("   no concept\n");
            }
            for meant in own {
                let _ = writeln!(
                    out,
                    "   {}  {} ({}, {})",
                    meant.concept,
                    meant.because,
                    meant.because.detector(),
                    meant.confidence
                );
            }
        }
        if self.read.cut > 0 {
            let cut = count(self.read.cut as u64, "step");
            let _ = writeln!(out, "\nRead in part, for their length: {cut}");
        }
        if self.read.left_out > 0 {
            let left_out = count(self.read.left_out as u64, "step");
            let _ = writeln!(out, "\nBeyond the limit of one plan, not read: {left_out}");
        }
        out
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let meant = |at: usize| -> Vec<Value> {
            let own = self.read.meant.iter().filter(|meant| meant.step == at);
            own.map(|meant| {
                json!({
                    "concept": meant.concept,
                    "rule": meant.because.detector(),
                    "because": meant.because.to_string(),
                    "confidence_percent": meant.confidence.get(),
                })
            })
            .collect()
        };
        let steps: Vec<_> = (0..self.read_steps())
            .map(|at| json!({ "step": self.step(at), "mentions": meant(at) }))
            .collect();
        json!({
            "read": self.way,
            "steps": steps,
            "steps_cut": self.read.cut,
            "steps_left_out": self.read.left_out,
        })
    }
}

/// `aiworklab tag --plan`, in words or as JSON.
///
/// # Errors
/// [`Error::NoHome`](crate::error::Error::NoHome), and what reading standard input said.
pub fn told(world: &dyn World, given: &str, json: bool) -> Result<String> {
    let text = plan_text(given, &mut io::stdin().lock()).map_err(|source| Error::File {
        doing: "read",
        path: "(standard input)".into(),
        source,
    })?;
    let told = explain(&mut Plans::new(&Home::find(world)?), &text);
    Ok(if json {
        format!("{:#}\n", told.json())
    } else {
        told.text()
    })
}

/// What `tag --plan` was given: the text itself, or `-` for standard input. Of more than a plan may
/// hold, the beginning is read.
///
/// # Errors
/// What reading said.
pub fn plan_text(given: &str, stdin: &mut dyn Read) -> io::Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut bytes = Vec::new();
    stdin
        .take(4 * kernel::event::MAX_PLAN_BYTES as u64)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    struct Desk {
        folder: tempfile::TempDir,
        home: Home,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let home = Home::at(folder.path().join("home"));
            home.ensure().unwrap();
            Self { folder, home }
        }

        fn plans(&self) -> Plans {
            Plans::at(&self.home, &self.folder.path().join("shared"))
        }

        fn own(&self) -> PathBuf {
            let own = self.home.path().join(MODEL);
            fs::create_dir_all(&own).unwrap();
            own
        }
    }

    /// The model of the build folder, which is the fourth above this program.
    fn model() -> PathBuf {
        let here = std::env::current_exe().unwrap();
        let model = here.ancestors().nth(4).unwrap().join(MODEL);
        assert!(
            model.is_dir(),
            "{} is missing: run .ci/models first",
            model.display()
        );
        model
    }

    const NAMED: &str = "Take an advisory lock before the job runs";
    const ALIKE: &str = "Hand the requests a database connection out of a few that stay open";

    #[test]
    fn without_a_model_names_decide_and_it_is_said() {
        let desk = Desk::new();
        let mut plans = desk.plans();
        let (read, counted) = plans.read(&[NAMED, ALIKE]);
        assert_eq!(read.meant.len(), 1);
        assert_eq!(
            counted,
            Some("plans read by names alone: no sentence model")
        );
        let said = plans.sentence();
        assert!(said.starts_with("by names alone: there is no sentence model in "));
        assert_eq!(plans.json()["by"], "names");
        assert!(!desk.home.plan_examples().exists());
    }

    #[test]
    fn a_damaged_or_swapped_model_is_not_taken_and_it_is_said() {
        let desk = Desk::new();
        let own = desk.own();
        fs::write(own.join(SENTENCE_WEIGHTS.file), b"no model").unwrap();
        let mut plans = desk.plans();
        let (read, counted) = plans.read(&[NAMED]);
        assert_eq!(read.meant.len(), 1);
        assert!(counted.unwrap().ends_with("damaged or another one"));
        assert!(
            plans
                .sentence()
                .contains("is not the file that it should be")
        );
        // Half of it is no model either.
        fs::remove_file(own.join(SENTENCE_WEIGHTS.file)).unwrap();
        fs::write(own.join(SENTENCE_TOKENIZER.file), b"{}").unwrap();
        assert!(desk.plans().sentence().contains("cannot be read"));
        assert_eq!(desk.plans().json()["by"], "names");
    }

    #[test]
    fn with_the_model_steps_without_a_name_are_understood_and_the_examples_are_kept() {
        let desk = Desk::new();
        let shared = desk.folder.path().join("shared/models");
        fs::create_dir_all(&shared).unwrap();
        std::os::unix::fs::symlink(model(), shared.join("all-MiniLM-L6-v2")).unwrap();
        let kept = desk.home.plan_examples();
        fs::write(&kept, b"damaged").unwrap();
        let mut plans = desk.plans();
        assert!(plans.sentence().starts_with("by the sentence model in "));
        let told = explain(
            &mut plans,
            &format!("1. {NAMED}\n- [ ] {ALIKE}\n\n- Tidy up"),
        );
        let text = told.text();
        assert!(text.contains("pg-connection-pooling  like “"), "{text}");
        assert!(text.contains("by the words “advisory lock”"), "{text}");
        assert!(text.contains("3. Tidy up\n   no concept\n"), "{text}");
        assert_eq!(told.json()["steps"][0]["mentions"][0]["rule"], "plan-name");

        // The damaged file was made anew.
        let bytes = fs::read(&kept).unwrap();
        assert_eq!(
            fs::metadata(&kept).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let key = key(&Examples::texts(Catalogue::builtin()));
        assert!(read_kept(&kept, &key).is_some());
        assert!(read_kept(&kept, &[0; 32]).is_none(), "of another catalogue");
        for damaged in [&bytes[..9], &bytes[..bytes.len() - 4], &[7; 100], b""] {
            let spoilt = desk.folder.path().join("spoilt");
            fs::write(&spoilt, damaged).unwrap();
            assert!(read_kept(&spoilt, &key).is_none());
        }
        // The next run takes the kept ones, and says the same.
        let (read, counted) = desk.plans().read(&[ALIKE]);
        assert_eq!((read.meant.len(), counted), (1, None));
        assert_eq!(fs::read(&kept).unwrap(), bytes);
    }

    #[test]
    fn only_the_wanted_steps_of_a_plan_are_read() {
        let desk = Desk::new();
        let steps = [NAMED.to_owned(), "Rebase onto main".to_owned()];
        let (parts, _) = desk.plans().parts(&steps, &[1, 7]);
        let told: Vec<_> = parts.iter().map(|part| part.place).collect();
        assert_eq!(told, [Place::Step(1)]);
        assert_eq!(parts[0].tagged.mentions[0].concept.as_str(), "git-rebase");
        assert_eq!(desk.plans().parts(&steps, &[]), (Vec::new(), None));
    }

    #[test]
    fn a_text_for_tag_is_taken_as_it_is_or_from_standard_input() {
        let mut none: &[u8] = b"";
        assert_eq!(plan_text("Rebase", &mut none).unwrap(), "Rebase");
        let mut endless = io::repeat(b'a');
        let text = plan_text("-", &mut endless).unwrap();
        assert_eq!(text.len(), 4 * kernel::event::MAX_PLAN_BYTES);
        let desk = Desk::new();
        let told = explain(&mut desk.plans(), &text);
        assert!(told.text().contains("Read in part"));
    }
}
