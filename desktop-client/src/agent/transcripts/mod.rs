//! Catching up from transcripts: acts that no hook told, out of the file that the harness itself writes.
//!
//! Hooks name the file (`transcript_path`). It is read when its session's turn or the session ends, and
//! when the agent that runs by itself starts, after all that the spool holds; an act that a hook told
//! counts once, for it has the same identity there ([`adapters::Transcript`]). Which files, and how far each
//! was read, stands in `transcripts.json`, mode 0600: a session goes from there with its end, or a day after it
//! was heard of last, and all of them with `forget all`. Nothing of it is in the store.
//!
//! The file is another program's. It is opened to be read, a bounded piece at a time, and only if it is a
//! plain file of this account and no link. Acts older than a day are left alone.
//!
//! Invariant: whatever the file is or becomes, nothing here is fatal, no line is read in part, and nothing
//! of it is kept beyond what an event keeps.

#[cfg(test)]
mod tests;

use super::reader::Reader;
use super::{Ears, Happened, Report};
use crate::error::Result;
use crate::home::{self, Home};
use crate::policy::Policy;
use crate::spool::Record;
use crate::store::Store;
use crate::world::World;
use adapters::Transcript;
use kernel::event::{Act, Event, Harness};
use kernel::ids::{DAY, HOUR};
use rustix::fs::{Mode, OFlags, open};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Most bytes that are read of all transcripts in one pass.
const PASS_BYTES: usize = 16 * 1024 * 1024;
/// Longest line that is read. One with a picture in it may be longer, and is passed over.
const LINE_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes that are read for one transaction, but for a single longer line.
const PIECE_BYTES: usize = 2 * 1024 * 1024;
/// Most acts of one transaction.
const PIECE_ACTS: usize = 128;
/// How long a session is remembered after it was heard of last, and how old an act may be, in seconds.
const REMEMBERED_S: i64 = DAY;
/// Most sessions that are remembered; the one not heard of for longest goes.
const SESSIONS: usize = 64;
/// Longest path that is taken, in bytes (Linux takes no longer one).
const PATH_BYTES: usize = 4096;
/// Longest id of a session that is taken, in bytes.
const SESSION_BYTES: usize = 128;
/// Most bytes that are read again after a restart for a call whose result had not come.
const AGAIN_BYTES: u64 = 4 * 1024 * 1024;

/// What is counted, as `status` shows it.
const ANEW: &str = "a transcript that was cut or replaced, read anew";
const REFUSED: &str = "a transcript that is no plain file of yours";
const TOO_LONG: &str = "a transcript's line beyond what is read of one";
const NO_JSON: &str = "a transcript's line that is not understood";

/// The file's name in the client's folder.
const NAME: &str = "transcripts.json";

/// One session's transcript, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    harness: String,
    session: String,
    path: PathBuf,
    /// When the session was heard of last, in seconds; to the hour.
    heard: i64,
    /// Whether something is to be read.
    wanted: bool,
    /// Whether the session ended.
    ended: bool,
    /// Whether it is left alone: its acts could not be told from those of its hooks.
    left: bool,
    dev: u64,
    ino: u64,
    position: u64,
    /// Whether the position is within a line that is passed over.
    within: bool,
}

/// What goes on from one pass to the next: with it, no line is read twice.
#[derive(Debug)]
struct Live {
    position: u64,
    reader: Transcript,
}

/// What is read of a hook's payload: where the transcript is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    hook_event_name: Cow<'a, str>,
    session_id: Cow<'a, str>,
    transcript_path: Option<PathBuf>,
    tool_use_id: Option<serde::de::IgnoredAny>,
}

/// The transcripts of the sessions that were heard of lately.
#[derive(Debug)]
pub(super) struct Transcripts {
    file: PathBuf,
    /// Whether transcripts are read here, or only noted for who does.
    reads: bool,
    began: bool,
    sessions: Vec<Kept>,
    /// As the file has it.
    written: Vec<Kept>,
    live: BTreeMap<(String, String), Live>,
}

/// A piece of a transcript.
#[derive(Debug, Default)]
struct Piece {
    acts: Vec<(i64, Event)>,
    counted: BTreeMap<&'static str, u64>,
    /// Whether the file was read to its end.
    end: bool,
}

impl Piece {
    fn count(&mut self, name: &'static str) {
        *self.counted.entry(name).or_default() += 1;
    }
}

/// Forgets which transcripts there are. Whoever calls it holds [`super::lock`].
///
/// # Errors
/// The disk's.
pub fn forget(home: &Home) -> io::Result<()> {
    match fs::remove_file(home.path().join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Transcripts {
    pub(super) fn new(home: &Home, reads: bool) -> Self {
        Self {
            file: home.path().join(NAME),
            reads,
            began: false,
            sessions: Vec::new(),
            written: Vec::new(),
            live: BTreeMap::new(),
        }
    }

    /// Begins a pass: takes what another command noted since, and drops what is old.
    pub(super) fn begin(&mut self, now: i64) {
        // A file of another version is as good as none.
        self.written = fs::read(&self.file)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        self.sessions.clone_from(&self.written);
        // A clock that was set back makes nothing last longer.
        let recent = |kept: &Kept| (now - REMEMBERED_S..=now + HOUR).contains(&kept.heard);
        self.sessions.retain(recent);
        if self.reads && !self.began {
            self.began = true;
            for kept in &mut self.sessions {
                kept.wanted = true;
            }
        }
        let known: Vec<_> = self.sessions.iter().map(Kept::key).collect();
        self.live.retain(|key, _| known.contains(key));
    }

    /// Notes which transcript a hook's event names.
    pub(super) fn hear(&mut self, record: &Record, policy: &Policy, now: i64) {
        if record.cut
            || !policy.harness_allowed(record.harness)
            || !matches!(record.harness, Harness::ClaudeCode | Harness::Codex)
        {
            return;
        }
        // Another shape is told by whoever reads the event itself.
        let Ok(head) = serde_json::from_slice::<Head<'_>>(&record.payload) else {
            return;
        };
        let Some(path) = head.transcript_path.filter(|path| {
            path.is_absolute()
                && path.as_os_str().len() <= PATH_BYTES
                && path.extension().is_some_and(|it| it == "jsonl")
        }) else {
            return;
        };
        let session = head.session_id;
        if session.is_empty() || session.len() > SESSION_BYTES {
            return;
        }
        let harness = record.harness.name();
        let heard = now - now.rem_euclid(HOUR);
        let of = |kept: &Kept| kept.harness == harness && kept.session == session;
        let at = self.sessions.iter().position(of).unwrap_or_else(|| {
            if self.sessions.len() >= SESSIONS {
                let oldest = self
                    .sessions
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, it)| it.heard);
                if let Some((oldest, _)) = oldest {
                    self.sessions.remove(oldest);
                }
            }
            self.sessions.push(Kept {
                harness: harness.to_owned(),
                session: session.clone().into_owned(),
                path: path.clone(),
                heard,
                wanted: false,
                ended: false,
                left: false,
                dev: 0,
                ino: 0,
                position: 0,
                within: false,
            });
            self.sessions.len() - 1
        });
        let kept = &mut self.sessions[at];
        kept.heard = heard;
        if kept.path != path {
            // Another device and inode will tell that it is another file.
            kept.path = path;
        }
        let name = head.hook_event_name.as_ref();
        kept.ended = name == "SessionEnd";
        kept.wanted |= matches!(name, "Stop" | "SessionEnd");
        // An act without a call is known by its payload, which a transcript has not.
        kept.left |=
            matches!(name, "PostToolUse" | "PostToolUseFailure") && head.tool_use_id.is_none();
    }

    /// Ends a pass: writes down what changed. A disk that is full costs reading again, not more.
    pub(super) fn keep(&mut self) {
        let over = |kept: &Kept| kept.ended && (!kept.wanted || kept.left);
        self.sessions.retain(|kept| !over(kept));
        if self.sessions == self.written {
            return;
        }
        let done = match self.sessions.is_empty() {
            true => fs::remove_file(&self.file),
            false => serde_json::to_vec(&self.sessions)
                .map_err(io::Error::other)
                .and_then(|bytes| home::write_whole(&self.file, 0o600, &bytes)),
        };
        if done.is_ok() {
            self.written.clone_from(&self.sessions);
        }
    }

    /// The next piece of a transcript, no longer than `budget`.
    fn piece(&mut self, n: usize, budget: &mut usize, now: i64) -> Piece {
        let mut piece = Piece::default();
        let kept = &mut self.sessions[n];
        let read = Self::read(kept, &mut self.live, &mut piece, budget, now);
        match read {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => piece.end = true,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                piece.count(REFUSED);
                kept.left = true;
                piece.end = true;
            }
            // A disk that fails: at the next end of a turn it may not.
            Err(_) => piece.end = true,
        }
        if piece.end {
            kept.wanted = false;
        }
        piece
    }

    fn read(
        kept: &mut Kept,
        live: &mut BTreeMap<(String, String), Live>,
        piece: &mut Piece,
        budget: &mut usize,
        now: i64,
    ) -> io::Result<()> {
        let harness = Harness::named(&kept.harness);
        let fresh = || harness.and_then(|harness| Transcript::new(harness, &kept.session));
        let file = opened(&kept.path)?;
        let data = file.metadata()?;
        let known = live
            .get(&kept.key())
            .map_or(kept.position, |it| it.position);
        let same = (kept.dev, kept.ino) == (data.dev(), data.ino());
        if !same || data.len() < known || !(kept.within || line_begins(&file, known)?) {
            if kept.ino != 0 {
                piece.count(ANEW);
            }
            live.remove(&kept.key());
            (kept.dev, kept.ino) = (data.dev(), data.ino());
            (kept.position, kept.within) = (0, false);
        }
        let mut going = match live.remove(&kept.key()) {
            Some(going) => going,
            None => Live {
                position: kept.position,
                reader: fresh().ok_or(io::ErrorKind::InvalidInput)?,
            },
        };
        let mut lines = BufReader::with_capacity(64 * 1024, &file);
        lines.seek(SeekFrom::Start(going.position))?;
        let (mut line, mut read) = (Vec::new(), 0);
        loop {
            if piece.acts.len() >= PIECE_ACTS || read >= PIECE_BYTES || *budget <= LINE_BYTES {
                break;
            }
            line.clear();
            let limit = LINE_BYTES as u64;
            let bytes = (&mut lines).take(limit).read_until(b'\n', &mut line)?;
            let whole = line.ends_with(b"\n");
            if bytes == 0 || !whole && bytes < LINE_BYTES {
                // The rest of the last line is not written yet.
                piece.end = true;
                break;
            }
            let from = going.position;
            going.position += bytes as u64;
            read += bytes;
            *budget -= bytes;
            if kept.within || !whole {
                if !kept.within {
                    piece.count(TOO_LONG);
                }
                kept.within = !whole;
                continue;
            }
            let reader = &mut going.reader;
            let told = catch_unwind(AssertUnwindSafe(|| reader.line(&line, from)));
            match told.ok().flatten() {
                Some(told) => piece.acts.extend(told.into_iter().filter_map(|told| {
                    let at: jiff::Timestamp = told.at.parse().ok()?;
                    let recent = at.as_second() >= now - REMEMBERED_S;
                    recent.then_some((at.as_second(), told.event))
                })),
                None => piece.count(NO_JSON),
            }
        }
        if going.reader.is_of_another() {
            kept.left = true;
            piece.end = true;
            piece.acts.clear();
            return Ok(());
        }
        let open = going.reader.open_from();
        let near = |from: &u64| going.position - from <= AGAIN_BYTES && !kept.within;
        kept.position = open.filter(near).unwrap_or(going.position);
        live.insert(kept.key(), going);
        Ok(())
    }
}

impl Kept {
    fn key(&self) -> (String, String) {
        (self.harness.clone(), self.session.clone())
    }
}

/// Opens a plain file of this account.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if it is anything else; the disk's.
fn opened(path: &Path) -> io::Result<File> {
    // A pipe without a writer would be waited for, and a link leads wherever its maker wished.
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = match open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Err(error) => return Err(error.into()),
    };
    let data = file.metadata()?;
    let ours = data.is_file() && data.uid() == rustix::process::geteuid().as_raw();
    ours.then_some(file)
        .ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Whether a line begins at this byte.
fn line_begins(mut file: &File, at: u64) -> io::Result<bool> {
    let Some(before) = at.checked_sub(1) else {
        return Ok(true);
    };
    file.seek(SeekFrom::Start(before))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte == *b"\n")
}

/// Reads what transcripts have to tell that is wanted, up to the pass's limit.
///
/// # Errors
/// The store's.
pub(super) fn catch_up(
    world: &dyn World,
    store: &mut Store,
    ears: &mut Ears,
    watch: &mut dyn FnMut(Happened),
    (policy, now): (&Policy, i64),
    stop: &dyn Fn() -> bool,
) -> Result<Report> {
    let mut report = Report::default();
    if !ears.transcripts.reads {
        return Ok(report);
    }
    let mut budget = PASS_BYTES;
    for n in 0..ears.transcripts.sessions.len() {
        loop {
            let kept = &ears.transcripts.sessions[n];
            let allowed =
                Harness::named(&kept.harness).is_some_and(|it| policy.harness_allowed(it));
            if !kept.wanted || kept.left || !allowed {
                break;
            }
            if budget <= LINE_BYTES || stop() {
                report.more = true;
                return Ok(report);
            }
            let before = kept.clone();
            let piece = ears.transcripts.piece(n, &mut budget, now);
            let plans = |(_, event): &(i64, Event)| matches!(event.act, Act::Planned(_));
            if piece.acts.iter().any(plans) {
                ears.plans.prepare();
            }
            let told = store.write(|txn| {
                let mut reader = Reader::new(world, txn, now, ears, watch)?;
                for (at, event) in &piece.acts {
                    reader.recall(txn, *at, event)?;
                }
                for (name, n) in &piece.counted {
                    txn.count(name, *n)?;
                }
                Ok(reader.report)
            });
            if told.is_err() {
                // What was read of it is read again.
                ears.transcripts.live.remove(&before.key());
                ears.transcripts.sessions[n] = before;
            }
            let told = told?;
            report.recalled += told.recalled;
            report.met.extend(told.met);
        }
    }
    Ok(report)
}
