//! GGUF files, judged in Rust before native code opens them.
//!
//! llama.cpp reads a model file with C++ that trusts much of it, and ends the process where it does
//! not. So the header is read here first, in one pass, with bounded memory: what is not understood
//! is refused, and so is what only one of two readers would understand ([`second`]: candle's).
//!
//! Invariants: nothing behind the header is read; at most [`READER_BYTES`] are held at once; a flaw
//! names the byte at which it was seen. A file that passes has its tensors one after the other,
//! aligned, inside the file, with nothing between them.
//! Elsewhere: the digest and the need of memory are `files`; the format is ggml's `docs/gguf.md`.

mod read;
mod second;
mod sense;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek};

/// Architectures that are run by our tests, each with a real file.
pub const ARCHITECTURES: [&str; 2] = ["llama", "gemma3"];

/// Most entries of metadata. Real files have 20 to 60.
pub const MOST_ENTRIES: u64 = 1024;
/// Most tensors. A model of 512 layers with 30 tensors each has fewer.
pub const MOST_TENSORS: u64 = 16_384;
/// Most bytes of an entry's key.
pub const KEY_BYTES: u64 = 128;
/// Most bytes of a tensor's name; ggml holds 64 with the closing zero.
pub const NAME_BYTES: u64 = 63;
/// Most bytes of one text. Chat templates are a few thousand.
pub const TEXT_BYTES: u64 = 1 << 20;
/// Texts up to this size are kept, longer ones only measured.
pub const KEPT_BYTES: u64 = 4096;
/// Most elements of all lists together: the largest vocabularies have 262,144 tokens, with a score,
/// a kind and two merges each.
pub const LIST_ELEMENTS: u64 = 2 << 20;
/// Most bytes of the header.
pub const HEADER_BYTES: u64 = 64 << 20;
/// Largest alignment of tensors.
pub const MOST_ALIGNMENT: u64 = 4096;
/// What this reader may hold at once, beside the 64 KiB that it reads ahead: keys, kept texts, names
/// and shapes of tensors, a fingerprint a token. Reached only by a file at all limits at once.
pub const READER_BYTES: u64 = 64 << 20;

/// Kinds of values in the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 8 bits, unsigned.
    U8,
    /// 8 bits, signed.
    I8,
    /// 16 bits, unsigned.
    U16,
    /// 16 bits, signed.
    I16,
    /// 32 bits, unsigned.
    U32,
    /// 32 bits, signed.
    I32,
    /// 32 bits, IEEE 754.
    F32,
    /// One byte, 0 or 1.
    Bool,
    /// Bytes, meant to be UTF-8.
    Text,
    /// A list of one kind.
    List,
    /// 64 bits, unsigned.
    U64,
    /// 64 bits, signed.
    I64,
    /// 64 bits, IEEE 754.
    F64,
}

impl Kind {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Bool,
            8 => Self::Text,
            9 => Self::List,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            _ => return None,
        })
    }

    /// Bytes of one value; texts and lists have no fixed size.
    fn bytes(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Text | Self::List => None,
        }
    }
}

/// A value of the metadata. Lists are measured, not kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole {
        /// How it is written.
        kind: Kind,
        /// What it is.
        value: i128,
    },
    /// A number with a fraction.
    Fraction {
        /// How it is written.
        kind: Kind,
        /// What it is; single precision is widened without loss.
        value: f64,
    },
    /// Yes or no.
    Bool(bool),
    /// A text of at most [`KEPT_BYTES`].
    Text(String),
    /// A longer text.
    Long {
        /// Its bytes.
        bytes: u64,
    },
    /// A list.
    List {
        /// Kind of each element.
        of: Kind,
        /// How many.
        len: u64,
    },
}

/// How a tensor's numbers are stored: those that ggml and candle both read from files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "names of ggml's own formats")]
pub enum Quant {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

impl Quant {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Numbers in a block, and bytes of a block. Source: ggml's `ggml-common.h`.
    #[must_use]
    pub fn block(self) -> (u64, u64) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q2K => (256, 84),
            Self::Q3K => (256, 110),
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
        }
    }

    /// As ggml writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q8_0 => "Q8_0",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
        }
    }
}

/// A tensor's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Its shape, the fastest dimension first; at most 4, none zero.
    pub shape: Vec<u64>,
    /// How it is stored.
    pub quant: Quant,
    /// Bytes from the beginning of the data.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Tensor {
    /// How many numbers it has. The reader has seen that this does not overflow.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.shape.iter().product()
    }
}

/// What a sound file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Of the format: 2 or 3.
    pub version: u32,
    /// The metadata.
    pub entries: BTreeMap<String, Value>,
    /// The tensors, in the order in which they lie.
    pub tensors: Vec<Tensor>,
    /// Where the data begin, in bytes from the beginning of the file.
    pub data_at: u64,
    /// Where each entry and each tensor is said, for messages.
    said_at: BTreeMap<String, u64>,
}

impl Header {
    /// Where an entry or a tensor is said; where entries begin, for one that is not there.
    fn said_at(&self, name: &str) -> u64 {
        self.said_at.get(name).copied().unwrap_or(24)
    }

    /// A text of the metadata, if it is one and was kept.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.entries.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number of the metadata that is not negative.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.entries.get(key) {
            Some(Value::Whole { value, .. }) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// A whole number of the architecture: `own("block_count")` is `llama.block_count`.
    #[must_use]
    pub fn own(&self, key: &str) -> Option<u64> {
        self.number(&format!("{}.{key}", self.architecture()))
    }

    /// The architecture; the reader has seen that there is one.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.text("general.architecture").unwrap_or_default()
    }

    /// Tokens of the vocabulary.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        match self.entries.get("tokenizer.ggml.tokens") {
            Some(Value::List { len, .. }) => *len,
            _ => 0,
        }
    }

    /// Numbers in all tensors.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.tensors
            .iter()
            .fold(0, |sum, t| sum.saturating_add(t.elements()))
    }

    /// How it is quantised, in ggml's names: what the file says (`general.file_type`), else how most
    /// of its bytes are stored.
    #[must_use]
    pub fn quantisation(&self) -> &'static str {
        // Source: `enum llama_ftype` of llama.h.
        match self.number("general.file_type") {
            Some(0) => return "F32",
            Some(1) => return "F16",
            Some(2) => return "Q4_0",
            Some(3) => return "Q4_1",
            Some(7) => return "Q8_0",
            Some(8) => return "Q5_0",
            Some(9) => return "Q5_1",
            Some(10) => return "Q2_K",
            Some(11) => return "Q3_K_S",
            Some(12) => return "Q3_K_M",
            Some(13) => return "Q3_K_L",
            Some(14) => return "Q4_K_S",
            Some(15) => return "Q4_K_M",
            Some(16) => return "Q5_K_S",
            Some(17) => return "Q5_K_M",
            Some(18) => return "Q6_K",
            Some(32) => return "BF16",
            _ => {}
        }
        let mut bytes: BTreeMap<Quant, u64> = BTreeMap::new();
        for tensor in &self.tensors {
            *bytes.entry(tensor.quant).or_default() += tensor.bytes;
        }
        let most = bytes.into_iter().max_by_key(|(_, bytes)| *bytes);
        most.map_or("F32", |(quant, _)| quant.name())
    }
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at}: {what}")]
pub struct Flaw {
    /// Bytes from the beginning of the file.
    pub at: u64,
    /// What.
    pub what: What,
}

/// A name out of the file, shortened and made printable: a hostile one writes nothing on a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut shown: String = text
            .chars()
            .take(40)
            .map(|c| if c.is_ascii_graphic() { c } else { '?' })
            .collect();
        if text.chars().nth(40).is_some() {
            shown.push('…');
        }
        Self(shown)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Kinds of flaws.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message beside each says it")]
pub enum What {
    #[error("it does not begin with GGUF")]
    Magic,
    #[error("it is written for machines of the other byte order")]
    OtherEndian,
    #[error("version {0} of the format is not known; there are 2 and 3")]
    Version(u32),
    #[error("it ends inside {0}")]
    Truncated(&'static str),
    #[error("it could not be read: {0}")]
    Unreadable(String),
    #[error("{what} is {is}, limit {limit}")]
    TooMany {
        what: &'static str,
        is: u64,
        limit: u64,
    },
    #[error("{what} of {is} bytes goes beyond the end of the file, {left} bytes on")]
    Beyond {
        what: &'static str,
        is: u64,
        left: u64,
    },
    #[error("a key is empty")]
    EmptyKey,
    #[error("the key {0} is not lower-case letters, digits, '.', '_' and '-'")]
    Key(Shown),
    #[error("the key {0} is there twice")]
    KeyTwice(Shown),
    #[error("{key} is of the unknown kind {kind}")]
    Kind { key: Shown, kind: u32 },
    #[error("{0} is a list of lists")]
    ListOfLists(Shown),
    #[error("{key} is {is}, which is neither 0 nor 1")]
    Bool { key: Shown, is: u8 },
    #[error("{0} is not UTF-8 text, or has control characters in it")]
    Text(Shown),
    #[error(
        "general.alignment is {0}: not a power of two from 8 to {MOST_ALIGNMENT}, or not 32 bits wide"
    )]
    Alignment(String),
    #[error("a tensor's name is empty, or not of printable ASCII characters: {0}")]
    TensorName(Shown),
    #[error("there are two tensors {0}")]
    TensorTwice(Shown),
    #[error("tensor {name} has {is} dimensions; there are 1 to 4")]
    Dimensions { name: Shown, is: u32 },
    #[error("a dimension of tensor {0} is zero")]
    ZeroDimension(Shown),
    #[error("the size of tensor {0} is no number of 63 bits")]
    Overflow(Shown),
    #[error("tensor {name} is of the kind {kind}, which is unknown or not for files")]
    Quant { name: Shown, kind: u32 },
    #[error("rows of tensor {name} have {row} numbers, not a multiple of {block}")]
    Block { name: Shown, row: u64, block: u64 },
    #[error("tensor {name} begins at {offset}, which is no multiple of {alignment}")]
    Misaligned {
        name: Shown,
        offset: u64,
        alignment: u64,
    },
    #[error("tensor {name} begins at {offset} inside the one before, which ends at {end}")]
    Overlap { name: Shown, offset: u64, end: u64 },
    #[error("before tensor {name} there are {bytes} bytes that belong to none")]
    Gap { name: Shown, bytes: u64 },
    #[error("tensor {name} ends at byte {end} of a file of {size}")]
    Outside { name: Shown, end: u64, size: u64 },
    #[error("{bytes} bytes stand behind the last tensor")]
    Behind { bytes: u64 },
    #[error("{0} is missing")]
    Missing(String),
    #[error("{key} is {is}; it has to be {wanted}")]
    Sense {
        key: String,
        is: String,
        wanted: String,
    },
    #[error("two tokens of the vocabulary are the same (number {0} is there before)")]
    TokenTwice(u64),
    #[error("a second reader understands it differently: {0}")]
    Second(String),
}

/// Reads and judges the header.
///
/// # Errors
/// The first [`Flaw`], with where it was seen.
pub fn read(file: impl Read + Seek) -> Result<Header, Flaw> {
    let mut file = std::io::BufReader::with_capacity(64 * 1024, file);
    let header = read::header(&mut file)?;
    sense::check(&header)?;
    second::agrees(&mut file, &header)?;
    Ok(header)
}
