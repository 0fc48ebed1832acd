//! A model's files: opened once, hashed through that handle, judged, and handed on.
//!
//! Whoever can change a file between a check and its use defeats the check. So there is one handle:
//! its bytes are hashed, its header is read, and llama.cpp, which wants a path, is given
//! `/proc/self/fd/N` ([`Inspected::load_path`]), which leads to this very inode even if another file
//! has taken its name. What a path cannot stop is a change *inside* the inode while it is loaded:
//! [`Inspected::unchanged`] looks at size and times again afterwards, and a file that only root may
//! write leaves nobody to do it.
//!
//! No native code is called here: `model doctor` says from it why a model will not run.

use crate::gguf::{ARCHITECTURES, Header, Kind, Quant, Value};
use crate::{Embedder, Limits, ModelFile, Reason, Spec, gguf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A file that we ship and have measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Its name in a folder.
    pub file: &'static str,
    /// SHA-256, lower-case hex.
    pub sha256: &'static str,
    /// The model's name, as shown.
    pub name: &'static str,
}

/// The default language model (Apache-2.0).
pub const DEFAULT_MODEL: KnownFile = KnownFile {
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    name: "SmolLM2-135M-Instruct Q4_1",
};

/// The weights of the sentence model (Apache-2.0).
pub const SENTENCE_WEIGHTS: KnownFile = KnownFile {
    file: "model.safetensors",
    sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    name: "all-MiniLM-L6-v2",
};

/// The tokenizer of the sentence model.
pub const SENTENCE_TOKENIZER: KnownFile = KnownFile {
    file: "tokenizer.json",
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    name: "all-MiniLM-L6-v2",
};

/// Tokens that the engine computes at once; decides, with the vocabulary, how much memory it takes.
pub const TOKENS_AT_ONCE: u32 = 128;

/// What the sentence model takes at its peak, in MB of 1,000,000 bytes: its file, the tensors made
/// of it, and a batch. Measured by a test of the engine.
pub const SENTENCES_NEED_MB: u64 = 320;

/// Largest file of a sentence model that is read into memory, in bytes.
const MOST_SENTENCE_BYTES: u64 = 1 << 30;
/// Characters of a name that is shown.
const NAME_CHARS: usize = 80;

impl Embedder {
    /// The known sentence model in a folder.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let known = |known: KnownFile| ModelFile {
            path: folder.join(known.file),
            sha256: known.sha256.to_owned(),
        };
        Self {
            weights: known(SENTENCE_WEIGHTS),
            tokenizer: known(SENTENCE_TOKENIZER),
        }
    }
}

/// What a language model's file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// At most 80 characters, none of them a control character.
    pub name: String,
    /// One of [`gguf::ARCHITECTURES`].
    pub architecture: String,
    /// How most of it is stored, in ggml's names.
    pub quantisation: String,
    /// Numbers in its tensors.
    pub parameters: u64,
    /// Tokens that it was trained to see at once.
    pub context: u32,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Size of the file.
    pub bytes: u64,
    /// What it needs beside the mapped file, in MB of 1,000,000 bytes; an estimate from above.
    pub needed_mb: u64,
}

/// A language model's file that may be loaded.
#[derive(Debug)]
pub struct Inspected {
    /// What it says of itself.
    pub description: Description,
    file: File,
    path: PathBuf,
    seen: Seen,
}

/// What tells that a file is as it was. The time of the last change of the inode cannot be set back;
/// it also moves when the file gets or loses a name, which is refused as well.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    inode: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Seen {
    fn of(file: &File) -> io::Result<Self> {
        let m = file.metadata()?;
        Ok(Self {
            inode: (m.dev(), m.ino()),
            bytes: m.size(),
            modified: (m.mtime(), m.mtime_nsec()),
            changed: (m.ctime(), m.ctime_nsec()),
        })
    }
}

impl Inspected {
    /// This handle as a path, where the system has `/proc`.
    fn own_path(&self) -> Option<PathBuf> {
        let own = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        self.is_at(&own).then_some(own)
    }

    fn is_at(&self, path: &Path) -> bool {
        let there = std::fs::metadata(path);
        there.is_ok_and(|m| (m.dev(), m.ino()) == self.seen.inode)
    }

    /// What native code opens: this handle, where the system has `/proc`, else the path.
    #[must_use]
    pub fn load_path(&self) -> PathBuf {
        self.own_path().unwrap_or_else(|| self.path.clone())
    }

    /// Looks again, after loading: at the handle, and at the path where that was what was opened.
    ///
    /// # Errors
    /// [`Reason::File`] if it is not what was hashed any more.
    pub fn unchanged(&self) -> Result<(), Reason> {
        let again = Seen::of(&self.file).map_err(|e| unreadable(&self.path, &e))?;
        if again == self.seen && (self.own_path().is_some() || self.is_at(&self.path)) {
            return Ok(());
        }
        Err(Reason::File {
            path: shown(&self.path),
            cause: "it was changed while it was being loaded".to_owned(),
        })
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn unreadable(path: &Path, e: &io::Error) -> Reason {
    Reason::File {
        path: shown(path),
        cause: e.to_string(),
    }
}

/// Opens a regular file, and nothing that would wait or act when opened.
fn open(path: &Path) -> Result<File, Reason> {
    let file = File::options()
        .read(true)
        .custom_flags(
            (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY)
                .bits()
                .cast_signed(),
        )
        .open(path)
        .map_err(|e| unreadable(path, &e))?;
    let kind = file.metadata().map_err(|e| unreadable(path, &e))?;
    if !kind.is_file() {
        return Err(Reason::File {
            path: shown(path),
            cause: "it is not a regular file".to_owned(),
        });
    }
    Ok(file)
}

/// SHA-256 of what a handle reads to its end.
fn hash(mut file: &File, mut each: impl FnMut(&[u8])) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    let mut bytes = 0;
    file.rewind()?;
    loop {
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(n) => {
                let read = block.get(..n).unwrap_or_default();
                hasher.update(read);
                each(read);
                bytes += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok((hex::encode(hasher.finalize()), bytes))
}

/// Digest and size of a file.
///
/// # Errors
/// [`Reason::File`].
pub fn digest_of(path: &Path) -> Result<(String, u64), Reason> {
    hash(&open(path)?, |_| {}).map_err(|e| unreadable(path, &e))
}

fn expect_digest(file: &ModelFile, found: String) -> Result<(), Reason> {
    if found == file.sha256 {
        return Ok(());
    }
    Err(Reason::Digest {
        path: shown(&file.path),
        found,
        wanted: file.sha256.clone(),
    })
}

/// Everything that can be said of a language model's file without loading it: what `model doctor`
/// and the worker both ask.
///
/// # Errors
/// [`Reason::File`], [`Reason::Digest`], [`Reason::Unsound`], [`Reason::Architecture`] or
/// [`Reason::Memory`], the first that holds.
pub fn inspect(model: &ModelFile, limits: &Limits) -> Result<Inspected, Reason> {
    let path = &model.path;
    let file = open(path)?;
    let seen = Seen::of(&file).map_err(|e| unreadable(path, &e))?;
    let (sha256, bytes) = hash(&file, |_| {}).map_err(|e| unreadable(path, &e))?;
    expect_digest(model, sha256.clone())?;

    (&file).rewind().map_err(|e| unreadable(path, &e))?;
    let header = gguf::read(&file).map_err(|flaw| Reason::Unsound {
        path: shown(path),
        flaw: flaw.to_string(),
    })?;
    let architecture = header.architecture().to_owned();
    if !ARCHITECTURES.contains(&architecture.as_str()) {
        return Err(Reason::Architecture {
            found: printable(&architecture),
            known: ARCHITECTURES.join(", "),
        });
    }
    let needed_mb = needed_mb(&header, limits);
    if needed_mb > limits.memory_mb {
        return Err(Reason::Memory {
            needed_mb,
            limit_mb: limits.memory_mb,
        });
    }
    let inspected = Inspected {
        description: Description {
            name: name(&header, &sha256),
            quantisation: header.quantisation().to_owned(),
            parameters: header.parameters(),
            context: u32::try_from(header.own("context_length").unwrap_or(0)).unwrap_or(u32::MAX),
            architecture,
            sha256,
            bytes,
            needed_mb,
        },
        file,
        path: path.clone(),
        seen,
    };
    inspected.unchanged()?;
    Ok(inspected)
}

/// The known name, else the file's own with its quantisation.
fn name(header: &Header, sha256: &str) -> String {
    if sha256 == DEFAULT_MODEL.sha256 {
        return DEFAULT_MODEL.name.to_owned();
    }
    let own = printable(header.text("general.name").unwrap_or_default());
    let own = if own.is_empty() {
        header.architecture()
    } else {
        &own
    };
    let quantisation = header.quantisation();
    let room = NAME_CHARS - 1 - quantisation.len();
    let own: String = own.chars().take(room).collect();
    format!("{} {quantisation}", own.trim_end())
}

/// A text of the file on one line, without what a terminal or a page would act on.
fn printable(text: &str) -> String {
    let plain =
        |c: char| !c.is_control() && !('\u{200b}'..='\u{206f}').contains(&c) && c != '\u{feff}';
    let kept: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| plain(*c))
        .take(NAME_CHARS)
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Memory beside the mapped file, in MB of 1,000,000 bytes, from above. A test of the engine compares
/// it with what is really taken. The reader has bounded each number, not their product.
fn needed_mb(header: &Header, limits: &Limits) -> u64 {
    let own = |key: &str| u128::from(header.own(key).unwrap_or(0));
    let heads = own("attention.head_count").max(1);
    let or = |key: &str, other: u128| header.own(key).map_or(other, u128::from);
    let groups = or("attention.head_count_kv", heads);
    let head = own("embedding_length") / heads;
    let key = or("attention.key_length", head);
    let value = or("attention.value_length", head);
    let context = u128::from(limits.context);
    let at_once = u128::from(TOKENS_AT_ONCE.min(limits.context));
    let tokens = u128::from(header.tokens());

    // Keys and values of all layers, in half precision.
    let cache = own("block_count") * context * groups * (key + value) * 2;
    // The widest step: what the feed-forward and the attention hold at once, and the scores of all
    // tokens, in single precision; twice, because inputs and outputs live together.
    let widest =
        3 * own("feed_forward_length") + 4 * own("embedding_length") + heads * (key + value);
    let compute = 2 * 4 * at_once * (widest + context);
    let scores = 2 * 4 * at_once * tokens;
    // ggml rearranges these kinds for AVX2, into memory of its own.
    let rearranged: u128 = (header.tensors.iter())
        .filter(|t| matches!(t.quant, Quant::Q4_0 | Quant::Q4K | Quant::Q2K))
        .map(|t| u128::from(t.bytes))
        .sum();
    // Texts, maps and merges of the vocabulary.
    let texts = header.entries.values().map(|value| match value {
        Value::List {
            of: Kind::Text,
            len,
        } => u128::from(*len),
        _ => 0,
    });
    let vocabulary = texts.sum::<u128>() * 300 + 2 * u128::from(header.data_at);
    // The program, its heap, and a stack for each thread.
    let fixed = 64_000_000 + 8_400_000 * u128::from(limits.threads);
    let bytes = cache + compute + scores + rearranged + vocabulary + fixed;
    u64::try_from(bytes.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The files of a sentence model, read and compared.
#[derive(Debug)]
pub struct InspectedEmbedder {
    /// Content of the weights.
    pub weights: Vec<u8>,
    /// Content of the tokenizer.
    pub tokenizer: Vec<u8>,
}

/// Reads a sentence model: each file once, and what was hashed is what is used.
///
/// # Errors
/// [`Reason::File`] or [`Reason::Digest`].
pub fn inspect_embedder(embedder: &Embedder) -> Result<InspectedEmbedder, Reason> {
    let whole = |file: &ModelFile| {
        let handle = open(&file.path)?;
        let bytes = handle
            .metadata()
            .map_err(|e| unreadable(&file.path, &e))?
            .len();
        if bytes > MOST_SENTENCE_BYTES {
            return Err(Reason::File {
                path: shown(&file.path),
                cause: format!("it has {bytes} bytes, limit {MOST_SENTENCE_BYTES}"),
            });
        }
        // Growing beyond its size at the beginning makes it another file: the digest will differ.
        let room = usize::try_from(bytes).unwrap_or(0);
        let mut content = Vec::with_capacity(room);
        let (found, _) = hash(&handle, |read| {
            if content.len() + read.len() <= room {
                content.extend_from_slice(read);
            }
        })
        .map_err(|e| unreadable(&file.path, &e))?;
        expect_digest(file, found)?;
        Ok(content)
    };
    Ok(InspectedEmbedder {
        weights: whole(&embedder.weights)?,
        tokenizer: whole(&embedder.tokenizer)?,
    })
}

/// Everything of a specification's files, and what both models need together.
///
/// # Errors
/// As [`inspect`] and [`inspect_embedder`]; [`Reason::NotConfigured`] if there is neither.
pub fn inspect_files(
    spec: &Spec,
) -> Result<(Option<Inspected>, Option<InspectedEmbedder>), Reason> {
    let sentences = spec.embedder.as_ref().map_or(0, |_| SENTENCES_NEED_MB);
    let limit_mb = spec.limits.memory_mb;
    let generator = match &spec.generator {
        Some(file) => Some(inspect(file, &spec.limits)?),
        None if spec.embedder.is_none() => return Err(Reason::NotConfigured),
        None => None,
    };
    let language = generator.as_ref().map_or(0, |i| i.description.needed_mb);
    let needed_mb = language.saturating_add(sentences);
    if needed_mb > limit_mb {
        return Err(Reason::Memory {
            needed_mb,
            limit_mb,
        });
    }
    let embedder = spec.embedder.as_ref().map(inspect_embedder).transpose()?;
    Ok((generator, embedder))
}
