//! Real changes: the diffs between two releases of well-known packages, and what is tagged in them.
//!
//! A tag is one concept in one file of one change. The tagger that measures has every concept on: what
//! was switched off stays measured, and comes back once its rules are right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kernel::diff;
use kernel::ids::Slug;
use kernel::tagging::{SourceChange, Tagged, Tagger};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::judged::{Key, read_lines};

/// One step from a release to the next: a line of `steps.jsonl` beside the diffs.
#[derive(Deserialize)]
pub struct Step {
    /// The diff's file name.
    pub diff: String,
    package: String,
    from: String,
    to: String,
}

/// One concept in one file of one step.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tag {
    /// What tells it from all others.
    #[serde(flatten)]
    pub key: Key,
    /// The diff that it was found in.
    pub diff: String,
    /// The detector that found it.
    pub detector: String,
    /// How sure it is, in percent.
    pub confidence: u8,
    /// Where the line stands in the file after the change, from 1.
    pub row: u32,
}

impl Tag {
    /// A short name of the tag, the same in every draw.
    pub fn id(&self) -> String {
        self.digest("")[..10].to_owned()
    }

    /// A number that orders tags by chance, and always the same way for one seed.
    pub fn lot(&self, seed: &str) -> String {
        self.digest(seed)
    }

    fn digest(&self, seed: &str) -> String {
        let k = &self.key;
        let concept = k.concept.to_string();
        let parts = [
            seed,
            &k.package,
            &k.from,
            &k.to,
            &k.file,
            &concept,
            &k.line_sha256,
        ];
        hex::encode(Sha256::digest(parts.join("\0")))
    }
}

/// What came of one step.
#[derive(Default)]
pub struct Told {
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Lines added and removed in files that were looked at: not in what was passed over.
    pub changed: u64,
    /// The same, only in files of a language that has code rules.
    pub changed_code: u64,
    /// Files.
    pub files: usize,
    /// Files passed over, by reason.
    pub skipped: BTreeMap<String, usize>,
}

/// Reads `steps.jsonl` and holds it against the folder: a diff that no step names is an error.
pub fn steps(folder: &Path) -> Result<Vec<Step>, String> {
    let steps: Vec<Step> = read_lines(&folder.join("steps.jsonl"))?;
    let named: BTreeSet<&str> = steps.iter().map(|step| step.diff.as_str()).collect();
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let name = entry.map_err(|e| e.to_string())?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".diff") && !named.contains(name.as_ref()) {
            return Err(format!(
                "{name} stands in the folder, and not in steps.jsonl"
            ));
        }
    }
    Ok(steps)
}

/// Tags one step.
pub fn tell(folder: &Path, step: &Step, tagger: &Tagger) -> Result<Told, String> {
    let path = folder.join(&step.diff);
    let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let read = diff::read(&bytes).map_err(|e| format!("{}: {e}", step.diff))?;
    let lines = pieces(&bytes);
    let mut told = Told::default();
    if read.files_left_out > 0 {
        *told
            .skipped
            .entry("beyond the limit of files".to_owned())
            .or_default() += read.files_left_out;
    }
    for file in read.files {
        told.files += 1;
        let changed = u64::from(file.added) + u64::from(file.removed);
        let mut skip = |name: &str| *told.skipped.entry(name.to_owned()).or_default() += 1;
        match file.change {
            Err(reason) => skip(reason.name()),
            Ok(change) => {
                let tagged = tagger.tag(&change);
                match tagged.skipped {
                    Some(reason) => skip(reason.name()),
                    None => {
                        told.changed += changed;
                        told.changed_code += if is_code(&file.path) { changed } else { 0 };
                    }
                }
                let lines = lines.get(&file.path).map_or(&[][..], Vec::as_slice);
                let tags = tags_of(step, &file.path, &change, &tagged, lines);
                told.tags.extend(tags);
            }
        }
    }
    Ok(told)
}

fn is_code(path: &str) -> bool {
    const READ: &str =
        "sh bash bats go js mjs cjs jsx py pyi pyw rs sql tsx ts mts cts rb php java cs";
    path.rsplit_once('.')
        .is_some_and(|(_, extension)| READ.split(' ').any(|e| e == extension))
}

/// The surest mention of each concept; of equals the first.
fn tags_of(
    step: &Step,
    path: &str,
    change: &SourceChange,
    tagged: &Tagged,
    lines: &[Line],
) -> Vec<Tag> {
    let mut best: BTreeMap<&Slug, &kernel::tagging::Mention> = BTreeMap::new();
    for mention in &tagged.mentions {
        let kept = best.entry(&mention.concept).or_insert(mention);
        if mention.confidence.get() > kept.confidence.get() {
            *kept = mention;
        }
    }
    best.into_values()
        .map(|mention| {
            let text = change.added_line(mention.line).unwrap_or_default();
            Tag {
                key: Key {
                    package: step.package.clone(),
                    from: step.from.clone(),
                    to: step.to.clone(),
                    file: path.to_owned(),
                    concept: mention.concept.clone(),
                    line_sha256: hex::encode(Sha256::digest(text.trim())),
                },
                diff: step.diff.clone(),
                detector: mention.detector.clone(),
                confidence: mention.confidence.get(),
                row: row_of(lines, mention.line),
            }
        })
        .collect()
}

/// A line of a file's part of a diff.
pub struct Line {
    /// `+`, `-` or a blank.
    pub sign: char,
    /// Its text.
    pub text: String,
    /// Its number in the file after the change, from 1; for a removed line that of the next one.
    pub row: u32,
    /// Number of its hunk.
    pub hunk: usize,
}

/// The lines of each file of a diff of git's, by path after the change. Read without the kernel: a
/// card shows what is there.
pub fn pieces(diff: &[u8]) -> BTreeMap<String, Vec<Line>> {
    let text = String::from_utf8_lossy(diff);
    let mut files: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    let mut path = String::new();
    let (mut old_left, mut new_left) = (0u32, 0u32);
    let (mut row, mut hunk) = (0, 0);
    for line in text.lines() {
        if old_left == 0 && new_left == 0 {
            if let Some(name) = line.strip_prefix("+++ ") {
                let name = name.trim_end().trim_matches('"');
                path = name.strip_prefix("b/").unwrap_or(name).to_owned();
            } else if let Some((old, start, new)) = hunk_head(line) {
                (old_left, new_left, row) = (old, new, start);
                hunk += 1;
            }
            continue;
        }
        let sign = line.chars().next().unwrap_or(' ');
        match sign {
            '+' => new_left = new_left.saturating_sub(1),
            '-' => old_left = old_left.saturating_sub(1),
            '\\' => continue,
            _ => {
                old_left = old_left.saturating_sub(1);
                new_left = new_left.saturating_sub(1);
            }
        }
        let text = line.get(1..).unwrap_or_default().to_owned();
        let line = Line {
            sign,
            text,
            row,
            hunk,
        };
        files.entry(path.clone()).or_default().push(line);
        if sign != '-' {
            row += 1;
        }
    }
    files
}

/// `@@ -a,b +c,d @@` → (b, c, d).
fn hunk_head(line: &str) -> Option<(u32, u32, u32)> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse().ok(),
        None => Some(1),
    };
    let start = new.split(',').next()?.parse().ok()?;
    Some((count(old)?, start, count(new)?))
}

fn row_of(lines: &[Line], nth: u32) -> u32 {
    let mut added = lines.iter().filter(|line| line.sign == '+');
    let nth = (nth as usize).saturating_sub(1);
    added.nth(nth).map_or(0, |line| line.row)
}

/// Lines shown on each side of the one that is judged.
const AROUND: u32 = 12;

/// What a reader is shown: the piece of the diff around the line, and the concept. No rule, no slug.
pub fn card(
    tag: &Tag,
    wide: &BTreeMap<String, Vec<Line>>,
    title: &str,
    summary: &str,
) -> Result<String, String> {
    let lines = wide.get(&tag.key.file).map_or(&[][..], Vec::as_slice);
    let is_it = |line: &&Line| {
        line.sign == '+'
            && line.row == tag.row
            && hex::encode(Sha256::digest(line.text.trim())) == tag.key.line_sha256
    };
    let Some(judged) = lines.iter().find(is_it) else {
        return Err(format!(
            "{}: line {} of {} was not found",
            tag.diff, tag.row, tag.key.file
        ));
    };
    let near = |line: &&Line| line.hunk == judged.hunk && line.row.abs_diff(judged.row) <= AROUND;
    let mut text = format!(
        "id: {}\nconcept: {title}\nmeaning: {summary}\nfile: {}\nthe tag is at line {}\n\n",
        tag.id(),
        tag.key.file,
        tag.row
    );
    for line in lines.iter().filter(near) {
        let number = match line.sign {
            '-' => String::new(),
            _ => line.row.to_string(),
        };
        let shown: String = line.text.chars().take(300).collect();
        text.push_str(&format!("{number:>6} {} {shown}\n", line.sign));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,4 @@ def f():\n \
one\n-two\n+2\n+++ x\n three\n@@ -40 +41,2 @@\n-old\n+new\n+newer\n\\ No newline at end of file\n\
diff --git a/y.py b/y.py\n--- /dev/null\n+++ b/y.py\n@@ -0,0 +1 @@\n+import y\n";

    #[test]
    fn the_lines_of_a_diff_stand_where_they_stand_in_the_file() {
        let pieces = pieces(DIFF.as_bytes());
        let added = |path: &str| -> Vec<(u32, String)> {
            let lines = pieces[path].iter().filter(|line| line.sign == '+');
            lines.map(|line| (line.row, line.text.clone())).collect()
        };
        let x = [(2, "2"), (3, "++ x"), (41, "new"), (42, "newer")];
        assert_eq!(added("x.py"), x.map(|(row, text)| (row, text.to_owned())));
        assert_eq!(added("y.py"), [(1, "import y".to_owned())]);
        assert_eq!(row_of(&pieces["x.py"], 3), 41);
    }

    #[test]
    fn a_card_shows_the_line_and_neither_the_rule_nor_the_slug() {
        let tag = Tag {
            key: Key {
                package: "x".to_owned(),
                from: "1".to_owned(),
                to: "2".to_owned(),
                file: "x.py".to_owned(),
                concept: "py-clocks".parse().expect("a slug"),
                line_sha256: hex::encode(Sha256::digest("new")),
            },
            diff: "x-1-2.diff".to_owned(),
            detector: "monotonic".to_owned(),
            confidence: 90,
            row: 41,
        };
        let pieces = pieces(DIFF.as_bytes());
        let shown = card(&tag, &pieces, "Clocks", "Which clock.").expect("the line is there");
        assert!(shown.contains("the tag is at line 41\n"), "{shown}");
        assert!(shown.contains("    41 + new\n"), "{shown}");
        assert!(!shown.contains("three"), "another hunk: {shown}");
        assert!(
            !shown.contains("monotonic") && !shown.contains("py-clocks"),
            "{shown}"
        );
        let elsewhere = Tag { row: 2, ..tag };
        assert!(card(&elsewhere, &pieces, "Clocks", "Which clock.").is_err());
    }
}
