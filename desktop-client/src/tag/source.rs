//! Where the diff that is to be tagged comes from: a file, standard input, or `git`.
//!
//! `git` runs in the folder that one stands in, and runs nothing of that folder's choosing: no
//! pager, no external diff, no text conversion, no file watcher, and no fetch of what a partial
//! clone lacks. What it prints is read up to a limit and no further.
//!
//! Invariant: a revision reaches `git` only after it was refused as an option and resolved to an
//! object's id.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Most bytes of a diff that are read.
pub const MAX_DIFF_BYTES: u64 = 64 * 1024 * 1024;
/// Most bytes of a commit's diff for which whole files are asked for as context.
const MAX_WHOLE_BYTES: u64 = 8 * 1024 * 1024;
/// Most bytes of what `git` complains that are shown.
const MAX_SAID: u64 = 2048;

/// A diff, and where it comes from.
#[derive(Debug)]
pub struct Source {
    /// What it is, for people.
    pub name: String,
    /// Whether what was named is a revision, too, and the file was taken.
    pub also_revision: bool,
    /// The diff.
    pub bytes: Vec<u8>,
}

/// Finds what was named: `-` is standard input, a file wins over a revision.
///
/// # Errors
/// [`Error::NoSuchDiff`] and its neighbours, with what was looked for.
pub fn find(text: &str, stdin: &mut dyn Read) -> Result<Source> {
    find_in(Path::new(""), text, stdin)
}

/// The same, as if one stood in `folder`.
pub(super) fn find_in(folder: &Path, text: &str, stdin: &mut dyn Read) -> Result<Source> {
    let git = Git { folder };
    if text == "-" {
        let bytes = bounded(stdin, MAX_DIFF_BYTES).map_err(|source| Error::File {
            doing: "read",
            path: "(standard input)".into(),
            source,
        })?;
        return whole("standard input", bytes);
    }
    let path = &folder.join(text);
    let failed = |source| Error::File {
        doing: "read",
        path: path.clone(),
        source,
    };
    match File::open(path) {
        Ok(mut file) => {
            let data = file.metadata().map_err(failed)?;
            if data.is_dir() {
                return Err(Error::NoSuchDiff {
                    text: text.to_owned(),
                    why: "it is a folder".to_owned(),
                });
            }
            if data.len() > MAX_DIFF_BYTES {
                return Err(Error::DiffTooLarge {
                    name: text.to_owned(),
                    limit: MAX_DIFF_BYTES,
                });
            }
            let bytes = bounded(&mut file, MAX_DIFF_BYTES).map_err(failed)?;
            let mut source = whole(text, bytes)?;
            source.also_revision = git.commit(text).is_ok();
            Ok(source)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => git.find(text),
        Err(error) => Err(failed(error)),
    }
}

fn whole(name: &str, bytes: Option<Vec<u8>>) -> Result<Source> {
    let name = name.to_owned();
    match bytes {
        Some(bytes) => Ok(Source {
            name,
            also_revision: false,
            bytes,
        }),
        None => Err(Error::DiffTooLarge {
            name,
            limit: MAX_DIFF_BYTES,
        }),
    }
}

/// All of it; `None` if there are more than `limit` bytes.
fn bounded(input: &mut dyn Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    input.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// The program `git`, in a folder.
struct Git<'a> {
    folder: &'a Path,
}

impl Git<'_> {
    /// What a commit changed against its first parent, or what lies between two.
    fn find(&self, text: &str) -> Result<Source> {
        let missing = |why: &str| Error::NoSuchDiff {
            text: text.to_owned(),
            why: why.to_owned(),
        };
        let inside = self.ask(&["rev-parse", "--git-dir"])?;
        if !inside.ok {
            let why = match inside.said.lines().next() {
                Some(said) if said.contains("dubious ownership") => {
                    "no file has this name, and git does not trust the owner of this repository"
                }
                _ => "no file has this name, and this folder is in no git repository",
            };
            return Err(missing(why));
        }
        let here = "no file has this name, and no commit of this repository either";
        let at = |name: &str| {
            self.commit(name)
                .map_err(|error| error.unwrap_or_else(|| missing(here)))
        };
        let (from, to) = match text.split_once("...").or_else(|| text.split_once("..")) {
            Some((from, to)) => {
                let head = |name: &str| at(if name.is_empty() { "HEAD" } else { name });
                let (from, to) = (head(from)?, head(to)?);
                if text.contains("...") {
                    let base = self.ask(&["merge-base", &from, &to])?;
                    let base = base.object().ok_or_else(|| {
                        missing("the two have no commit in common; name them as A..B instead")
                    })?;
                    (Some(base), to)
                } else {
                    (Some(from), to)
                }
            }
            None => {
                let to = at(text)?;
                let parent = self.ask(&["rev-parse", "--verify", "--quiet", &format!("{to}^1")])?;
                (parent.object(), to)
            }
        };
        let name = match &from {
            Some(_) if text.contains("..") => text.to_owned(),
            _ => format!("commit {}", to.get(..12).unwrap_or(&to)),
        };
        let ends: Vec<&str> = match &from {
            Some(from) => vec![from, &to],
            None => vec!["--root", &to],
        };
        // With whole files around the change the tagger sees imports and enclosing constructs.
        for (context, limit) in [("-U1000000", MAX_WHOLE_BYTES), ("-U3", MAX_DIFF_BYTES)] {
            if let Some(bytes) = self.diff(context, &ends, limit)? {
                return Ok(Source {
                    name,
                    also_revision: false,
                    bytes,
                });
            }
        }
        Err(Error::DiffTooLarge {
            name,
            limit: MAX_DIFF_BYTES,
        })
    }

    /// The id of the commit of this name; `Err(None)` if there is none.
    fn commit(&self, name: &str) -> Result<String, Option<Error>> {
        // No revision begins so; an option does.
        if name.starts_with('-') || name.contains('\0') {
            return Err(None);
        }
        let said = self
            .ask(&[
                "rev-parse",
                "--verify",
                "--quiet",
                &format!("{name}^{{commit}}"),
            ])
            .map_err(Some)?;
        said.object().ok_or(None)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(self.folder);
        }
        command
            .args(["--no-pager", "-c", "core.fsmonitor=false"])
            .args(["-c", "core.quotePath=true", "-c", "color.ui=false"])
            .args(args)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("LC_ALL", "C")
            .stdin(Stdio::null());
        for name in ["GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_TRACE"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs `git` for a short answer.
    fn ask(&self, args: &[&str]) -> Result<Said> {
        let output = self
            .command(args)
            .output()
            .map_err(|source| Error::NoGit { source })?;
        Ok(Said {
            ok: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// The diff of two trees; `None` if it is longer than `limit`.
    fn diff(&self, context: &str, ends: &[&str], limit: u64) -> Result<Option<Vec<u8>>> {
        let flags = [
            "diff-tree",
            "-p",
            "-r",
            "-M",
            "--no-commit-id",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--src-prefix=a/",
            "--dst-prefix=b/",
            context,
        ];
        let mut child = started(self.command(&flags).args(ends).arg("--"))?;
        let failed = |source| Error::File {
            doing: "read what git prints of",
            path: ends.join(" ").into(),
            source,
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        // Read beside the other, or a full pipe would hold both programs.
        let complaint = std::thread::spawn(move || {
            let mut said = String::new();
            if let Some(mut err) = err {
                let _ = (&mut err).take(MAX_SAID).read_to_string(&mut said);
                let _ = io::copy(&mut err, &mut io::sink());
            }
            said
        });
        let read = out.map_or(Ok(None), |mut out| bounded(&mut out, limit));
        if !matches!(read, Ok(Some(_))) {
            // It would write on for nobody; that it ended already is as good.
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        let said = complaint.join().unwrap_or_default();
        let bytes = read.map_err(failed)?;
        if bytes.is_some() && !status.success() {
            return Err(Error::GitFailed {
                said: said.lines().next().unwrap_or("it said nothing").to_owned(),
            });
        }
        Ok(bytes)
    }
}

fn started(command: &mut Command) -> Result<Child> {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::NoGit { source })
}

struct Said {
    ok: bool,
    out: String,
    said: String,
}

impl Said {
    /// What was printed, if it is an object's id.
    fn object(&self) -> Option<String> {
        let id = self.out.trim();
        let hex = id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
        (self.ok && hex).then(|| id.to_owned())
    }
}
