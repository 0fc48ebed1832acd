//! Why a command failed: what, why, and the fix, each in a sentence.

use std::io;
use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of one module: its message says what and why, in `source` lies the cause.
///
/// A module with more than two ways to fail has an enum of its own, which becomes an [`Error`] by `?`.
pub trait Told: std::error::Error {
    /// The code that stands in the manual.
    fn code(&self) -> &'static str;

    /// What the engineer can do about it.
    fn fix(&self) -> String;
}

/// The error of a module, whichever it is.
#[derive(Debug)]
pub struct Area(Box<dyn Told + Send + Sync>);

impl std::fmt::Display for Area {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Area {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl<T: Told + Send + Sync + 'static> From<T> for Error {
    fn from(error: T) -> Self {
        Self::Area(Area(Box::new(error)))
    }
}

/// Why a command failed. A message tells its own layer's part; the cause stays in `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What a module of its own says; it brings its code and its fix.
    #[error(transparent)]
    Area(Area),
    /// No folder to keep things in.
    #[error("there is no folder to keep your graph in")]
    NoHome,
    /// The client's folder.
    #[error("the folder {} cannot be used", path.display())]
    Folder { path: PathBuf, source: io::Error },
    /// A file.
    #[error("could not {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The personal store.
    #[error("could not {doing}")]
    Store {
        doing: &'static str,
        source: rusqlite::Error,
    },
    /// The personal store was written by a newer program.
    #[error("the personal store is of version {found}; this program knows up to {known}")]
    StoreTooNew { found: i64, known: i64 },
    /// A row of the personal store is not what was written.
    #[error("the personal store holds a {what} that cannot be read")]
    StoreDamaged { what: &'static str },
    /// The system gave no random bytes.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// Settings of a harness are not what we can edit.
    #[error("{} is left as it is: {why}", path.display())]
    Settings { path: PathBuf, why: String },
    /// No fingerprint.
    #[error("{text:?} is no fingerprint")]
    Fingerprint { text: String },
    /// No address.
    #[error("{text:?} is no address of an appliance")]
    Address { text: String },
    /// The server is not the one that was named.
    #[error("the appliance at {host} shows another root certificate than the one that you named")]
    OtherRoot {
        host: String,
        expected: String,
        found: String,
    },
    /// The certificate chain does not hold.
    #[error("the certificate of {host} does not hold under its own root")]
    Chain { host: String, source: rustls::Error },
    /// No connection.
    #[error("{url} cannot be reached")]
    Connect {
        url: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The appliance answered what is no answer.
    #[error("{url} answered what this program does not understand: {why}")]
    Reply { url: String, why: String },
    /// The appliance refused.
    #[error("the appliance refused ({status}): {detail}")]
    Refused {
        status: u16,
        code: String,
        detail: String,
        retry_after_s: Option<u64>,
    },
    /// Something that needs an enrolment.
    #[error("this machine is not enrolled at an appliance")]
    NotEnrolled,
    /// Enrolled at another store.
    #[error("this graph is enrolled at {people} already")]
    EnrolledElsewhere { people: String },
    /// The enrolment did not come to an end.
    #[error("the enrolment was not completed: {why}")]
    Enrolment { why: &'static str },
    /// The device certificate is over.
    #[error("this device's certificate ended on {day}")]
    CertificateOver { day: String },
    /// A certificate, key or request could not be made or read.
    #[error("could not {doing}")]
    Certificate {
        doing: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The protocol did not come to rest.
    #[error("the two sides still differ after many rounds")]
    GaveUp,
    /// No such concept.
    #[error("{text:?} is no concept of the catalogue")]
    Concept { text: String, near: Vec<String> },
    /// Nothing can be asked.
    #[error("there is no check to give: {why}")]
    NothingToAsk { why: String },
    /// An answer that is none.
    #[error("{text:?} is no answer")]
    Answer { text: String },
    /// The terminal.
    #[error("the terminal cannot be used")]
    Terminal { source: io::Error },
    /// Output could not be written.
    #[error("the output could not be written")]
    Output { source: io::Error },
    /// A pack that is not what it says.
    #[error("the appliance's items are damaged: {why}")]
    PackBroken { why: String },
    /// A pack beyond every limit.
    #[error("the appliance's items take more than {limit} bytes")]
    PackTooLarge { limit: usize },
    /// A pack that somebody else signed.
    #[error("the appliance's items are signed by nobody whom its root lets sign items")]
    PackSigner { source: webpki::Error },
    /// A pack that was changed after it was signed.
    #[error("the signature of the appliance's items does not fit them")]
    PackSignature { source: webpki::Error },
    /// A pack of another release.
    #[error(
        "the appliance's items are of format {found}; this program reads {}",
        kernel::items::PACK_FORMAT
    )]
    PackFormat { found: u16 },
    /// A pack of which nothing can be asked.
    #[error(
        "none of the appliance's {items} items, of catalogue {catalogue}, is one that this program can vouch for"
    )]
    PackForeign { items: u64, catalogue: u32 },
    /// Nothing to tag has this name.
    #[error("there is no diff {text:?}: {why}")]
    NoSuchDiff { text: String, why: String },
    /// Git is not there.
    #[error("the program git could not be started")]
    NoGit { source: io::Error },
    /// Git did not print the diff.
    #[error("git could not show the change: {said}")]
    GitFailed { said: String },
    /// A diff beyond every limit.
    #[error("{name} is longer than {} MiB", limit / 1_048_576)]
    DiffTooLarge { name: String, limit: u64 },
    /// Bytes that are no text.
    #[error("{name} is a binary file, no diff")]
    NoText { name: String },
    /// Text that is no diff.
    #[error("{name} is no unified diff")]
    NoDiff {
        name: String,
        source: kernel::diff::Error,
    },
    /// A rule that the concept does not have.
    #[error("{concept} has no rule {rule:?}")]
    NoRule {
        concept: String,
        rule: String,
        known: Vec<String>,
    },
    /// A concept that was not tagged.
    #[error("{concept} was not tagged on this machine, as far as is known")]
    NotTagged { concept: String, known: Vec<String> },
    /// Neither a concept nor a domain.
    #[error("{text:?} is neither a concept nor a domain of the catalogue")]
    NothingToMute { text: String, near: Vec<String> },
    /// A recorded session that cannot be read.
    #[error("{} is no recorded session: line {line}: {why}", path.display())]
    Session {
        path: PathBuf,
        line: u64,
        why: String,
    },
    /// A recorded session whose harness is not known.
    #[error("whose session {} is cannot be told", path.display())]
    WhoseSession { path: PathBuf },
    /// No date.
    #[error("{text:?} is no date")]
    Date { text: String },
}

impl Error {
    /// Code printed in the manual. Never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Area(Area(error)) => error.code(),
            Self::NoHome => "C001",
            Self::Folder { .. } => "C002",
            Self::File { .. } => "C003",
            Self::Store { .. } => "C004",
            Self::StoreTooNew { .. } => "C005",
            Self::StoreDamaged { .. } => "C006",
            Self::NoRandomness => "C007",
            Self::Settings { .. } => "C008",
            Self::Fingerprint { .. } => "C009",
            Self::Address { .. } => "C010",
            Self::OtherRoot { .. } => "C011",
            Self::Chain { .. } => "C012",
            Self::Connect { .. } => "C013",
            Self::Reply { .. } => "C014",
            Self::Refused { .. } => "C015",
            Self::NotEnrolled => "C016",
            Self::EnrolledElsewhere { .. } => "C017",
            Self::Enrolment { .. } => "C018",
            Self::CertificateOver { .. } => "C019",
            Self::Certificate { .. } => "C020",
            Self::GaveUp => "C021",
            Self::Concept { .. } => "C022",
            Self::NothingToAsk { .. } => "C023",
            Self::Answer { .. } => "C024",
            Self::Terminal { .. } => "C025",
            Self::Output { .. } => "C026",
            Self::PackBroken { .. } => "C027",
            Self::PackTooLarge { .. } => "C028",
            Self::PackSigner { .. } => "C029",
            Self::PackSignature { .. } => "C030",
            Self::PackFormat { .. } => "C031",
            Self::PackForeign { .. } => "C032",
            Self::NoSuchDiff { .. } => "C033",
            Self::NoGit { .. } => "C034",
            Self::GitFailed { .. } => "C035",
            Self::DiffTooLarge { .. } => "C036",
            Self::NoText { .. } => "C037",
            Self::NoDiff { .. } => "C038",
            Self::NoRule { .. } => "C039",
            Self::NotTagged { .. } => "C040",
            Self::NothingToMute { .. } => "C041",
            Self::Session { .. } => "C042",
            Self::WhoseSession { .. } => "C043",
            Self::Date { .. } => "C044",
        }
    }

    /// What the engineer can do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Area(Area(error)) => error.fix(),
            Self::NoHome => "Set HOME, or AIWORKLAB_HOME to an absolute path.".into(),
            Self::Folder { path, .. } => {
                format!("Make {} yours and writable, or set AIWORKLAB_HOME to another.", path.display())
            }
            Self::File { .. } => "Look at the cause above; nothing was half-written.".into(),
            Self::Store { source, .. } => store_fix(source),
            Self::StoreTooNew { .. } => {
                "Use the newer program again; nothing was changed by this one.".into()
            }
            Self::StoreDamaged { .. } => {
                "Move graph.db away, enrol anew and run `aiworklab sync`: the appliance gives back what it holds."
                    .into()
            }
            Self::NoRandomness => "Look at the system's log; nothing was changed.".into(),
            Self::Settings { .. } => "Mend the file by hand, then run this again.".into(),
            Self::Fingerprint { .. } => {
                "Give it as sha256: and 64 hexadecimal digits, as `aiworklab-appliance status` prints it."
                    .into()
            }
            Self::Address { .. } => "Give the people's address, as in https://host:8443.".into(),
            Self::OtherRoot { expected, found, .. } => format!(
                "You named  {expected}\n       it shows   {found}\n       Ask whoever runs the appliance which one is right, by another way than this network. \
                 Nothing was sent."
            ),
            Self::Chain { .. } => {
                "Check the host in the address against the names in the certificate, and this machine's clock. \
                 Nothing was sent."
                    .into()
            }
            Self::Connect { .. } => {
                "Check the address and the network. What is recorded stays here and goes with the next sync."
                    .into()
            }
            Self::Reply { .. } => {
                "Check that the address is an appliance's, and that both programs are of this year.".into()
            }
            Self::Refused { status, retry_after_s, .. } => refused_fix(*status, *retry_after_s),
            Self::NotEnrolled => {
                "Run `aiworklab enrol https://HOST:PORT --ca-fingerprint sha256:…`; everything else works without."
                    .into()
            }
            Self::EnrolledElsewhere { .. } => {
                "One graph belongs to one store. If the appliance before is no more and this one takes its place, \
                 enrol with --take-graph-along: this one then gets all that you recorded. If both are there, set \
                 AIWORKLAB_HOME to another folder for the other one."
                    .into()
            }
            Self::Enrolment { .. } => "Run the same line again for a new code.".into(),
            Self::CertificateOver { .. } => {
                "Run `aiworklab enrol` again with the same address; nothing that you recorded is lost.".into()
            }
            Self::Certificate { .. } => "Run `aiworklab enrol` again.".into(),
            Self::GaveUp => "Nothing is lost. Sync again later; if it stays so, tell your administrator.".into(),
            Self::Concept { near, .. } => {
                meant(near, "`aiworklab graph` lists the concepts that you have met.")
            }
            Self::NothingToAsk { .. } => "Come back later: an item is not asked twice within 60 days.".into(),
            Self::Answer { .. } => "Answer with 1, 2, 3 or 4, n for \"not sure\", l for \"later\", or d for \"not interested\".".into(),
            Self::Terminal { .. } => "Use `aiworklab quiz --plain`.".into(),
            Self::Output { .. } => "Check where the output goes.".into(),
            Self::PackBroken { .. } | Self::PackTooLarge { .. } => {
                "Sync again. If it stays so, tell your administrator; checks go on without these items.".into()
            }
            Self::PackSigner { .. } | Self::PackSignature { .. } => {
                "Tell your administrator: somebody may stand between you and the appliance, or its keys were \
                 changed. None of it was taken; checks go on without these items."
                    .into()
            }
            Self::PackFormat { .. } | Self::PackForeign { .. } => {
                "Update the older of the two programs; until then checks go on without these items.".into()
            }
            Self::NoSuchDiff { .. } => {
                "Name a file with a diff, a commit of the repository that you stand in, A..B for what lies between \
                 two, or - for standard input."
                    .into()
            }
            Self::NoGit { .. } => {
                "Install git, or give the diff as a file: git is needed for commits alone.".into()
            }
            Self::GitFailed { .. } => "Look at what git says; `git show` of the same name says more.".into(),
            Self::DiffTooLarge { .. } => "Tag it in parts, such as one folder at a time: git diff -- FOLDER.".into(),
            Self::NoText { .. } | Self::NoDiff { .. } => {
                "Make one with `git diff`, `hg diff` or `diff -ru OLD NEW`.".into()
            }
            Self::NoRule { known, .. } => listed("Its rules are", known),
            Self::NotTagged { known, .. } => format!(
                "Name the rule with --rule. {}",
                listed("Its rules are", known)
            ),
            Self::NothingToMute { near, .. } => {
                meant(near, "`aiworklab graph` lists concepts; a domain is the first word of one, such as pg.")
            }
            Self::Session { .. } => {
                "A recorded session is a file of JSON objects, one a line: what a hook is given, or \
                 {\"after_s\": seconds, \"payload\": …}."
                    .into()
            }
            Self::WhoseSession { .. } => {
                "Say it: --harness claude-code, codex, opencode or t3code.".into()
            }
            Self::Date { .. } => "Give it as YEAR-MONTH-DAY, such as 2026-03-02.".into(),
        }
    }

    /// What lies behind it, from the nearest cause to the last.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        causes.dedup();
        causes
    }

    /// The same as [`Error::told`], for programs.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "error": {
            "code": self.code(), "what": self.to_string(), "why": self.causes(), "fix": self.fix(),
        } })
    }

    /// Everything a person needs, over several lines.
    pub fn told(&self) -> String {
        let mut text = format!("error {}: {self}\n", self.code());
        for cause in self.causes() {
            text.push_str(&format!("  why: {cause}\n"));
        }
        text.push_str(&format!("  fix: {}\n", self.fix()));
        text
    }
}

fn store_fix(source: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode::{
        DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
    };
    match source.sqlite_error_code() {
        Some(DiskFull) => "Free some space and run this again; nothing was half-written.".into(),
        Some(DatabaseBusy | DatabaseLocked) => {
            "Another aiworklab is at work on it; run this again.".into()
        }
        Some(DatabaseCorrupt | NotADatabase) => {
            "Move graph.db away, enrol anew and run `aiworklab sync`: the appliance gives back what it holds."
                .into()
        }
        _ => "Check the rights of the folder; nothing was half-written.".into(),
    }
}

/// What somebody may have meant, before `else_fix`.
fn meant(near: &[String], else_fix: &str) -> String {
    if near.is_empty() {
        else_fix.to_owned()
    } else {
        format!("Did you mean {}? {else_fix}", near.join(", "))
    }
}

fn listed(head: &str, names: &[String]) -> String {
    if names.is_empty() {
        "No rule of this release finds it.".to_owned()
    } else {
        format!("{head} {}.", names.join(", "))
    }
}

fn refused_fix(status: u16, retry_after_s: Option<u64>) -> String {
    match status {
        401 => "Run `aiworklab enrol` again with the same address and fingerprint; nothing that you recorded is lost.".into(),
        403 => "This device was revoked, or your account has ended. Your graph stays on this machine; \
                ask your administrator, or enrol anew."
            .into(),
        410 => "Your data at the appliance was erased. Your graph stays on this machine; \
                enrol anew if you want to share again."
            .into(),
        413 => "This program sends more than the appliance takes; update it.".into(),
        426 => "The two programs speak no common version; update the older one.".into(),
        429 | 503 => retry_after_s.map_or_else(
            || "The appliance is busy; sync again in a few minutes.".into(),
            |s| format!("The appliance is busy; sync again in {s} s."),
        ),
        _ => "Nothing is lost; sync again later. If it stays so, give the code to your administrator.".into(),
    }
}

/// Turns an engine's error into [`Error::Store`].
pub trait Doing<T> {
    /// Says what was being done.
    fn doing(self, doing: &'static str) -> Result<T>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T> {
        self.map_err(|source| Error::Store { doing, source })
    }
}
