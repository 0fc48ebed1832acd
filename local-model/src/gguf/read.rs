//! One pass over the header: shapes, sizes, places. Knows nothing of what the entries mean, but for
//! the alignment, and for the tokens, which have to differ.

use super::{
    Flaw, HEADER_BYTES, Header, KEPT_BYTES, KEY_BYTES, Kind, LIST_ELEMENTS, MOST_ALIGNMENT,
    MOST_ENTRIES, MOST_TENSORS, NAME_BYTES, Quant, Shown, TEXT_BYTES, Tensor, Value, What,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

/// The file, where we are in it, and how much there is.
struct Source<'a, R> {
    file: &'a mut BufReader<R>,
    at: u64,
    size: u64,
}

impl<R: Read + Seek> Source<'_, R> {
    fn flaw<T>(&self, what: What) -> Result<T, Flaw> {
        Err(Flaw { at: self.at, what })
    }

    fn left(&self) -> u64 {
        self.size.saturating_sub(self.at)
    }

    /// That so many bytes are there, and belong to the header.
    fn room(&self, what: &'static str, bytes: u64) -> Result<(), Flaw> {
        if bytes > self.left() {
            return self.flaw(What::Beyond {
                what,
                is: bytes,
                left: self.left(),
            });
        }
        let is = self.at.saturating_add(bytes);
        if is > HEADER_BYTES {
            return self.flaw(What::TooMany {
                what: "the header's size in bytes",
                is,
                limit: HEADER_BYTES,
            });
        }
        Ok(())
    }

    fn fill(&mut self, what: &'static str, into: &mut [u8]) -> Result<(), Flaw> {
        match self.file.read_exact(into) {
            Ok(()) => {
                self.at += into.len() as u64;
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => self.flaw(What::Truncated(what)),
            Err(e) => self.flaw(What::Unreadable(e.to_string())),
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Flaw> {
        let mut bytes = [0; N];
        self.fill(what, &mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, Flaw> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, Flaw> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn skip(&mut self, what: &'static str, bytes: u64) -> Result<(), Flaw> {
        self.room(what, bytes)?;
        // `room` has seen that it is below HEADER_BYTES.
        let step = i64::try_from(bytes).unwrap_or(i64::MAX);
        match self.file.seek_relative(step) {
            Ok(()) => {
                self.at += bytes;
                Ok(())
            }
            Err(e) => self.flaw(What::Unreadable(e.to_string())),
        }
    }

    /// A count, refused where it is over the limit.
    fn count(&mut self, what: &'static str, limit: u64) -> Result<u64, Flaw> {
        let at = self.at;
        let is = self.u64(what)?;
        if is > limit {
            return Err(Flaw {
                at,
                what: What::TooMany { what, is, limit },
            });
        }
        Ok(is)
    }

    /// Bytes with their length before them, at most `limit`.
    fn bytes(&mut self, what: &'static str, limit: u64) -> Result<Vec<u8>, Flaw> {
        let len = self.count(what, limit)?;
        self.room(what, len)?;
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        self.fill(what, &mut bytes)?;
        Ok(bytes)
    }
}

/// Reads the header of a file from its beginning.
pub(super) fn header<R: Read + Seek>(file: &mut BufReader<R>) -> Result<Header, Flaw> {
    let size = file
        .seek(SeekFrom::End(0))
        .and_then(|size| file.rewind().map(|()| size))
        .map_err(|e| Flaw {
            at: 0,
            what: What::Unreadable(e.to_string()),
        })?;
    let mut source = Source { file, at: 0, size };

    if &source.array::<4>("its first four bytes")? != b"GGUF" {
        return Err(Flaw {
            at: 0,
            what: What::Magic,
        });
    }
    let version = source.u32("the version")?;
    if version != 2 && version != 3 {
        let what = if matches!(version.swap_bytes(), 2 | 3) {
            What::OtherEndian
        } else {
            What::Version(version)
        };
        return Err(Flaw { at: 4, what });
    }
    let tensors = source.count("the number of tensors", MOST_TENSORS)?;
    let entries = source.count("the number of entries", MOST_ENTRIES)?;

    let mut said_at = BTreeMap::new();
    let entries = metadata(&mut source, entries, &mut said_at)?;
    let alignment = alignment(&entries, &said_at)?;
    let tensors = tensor_infos(&mut source, tensors, &mut said_at)?;
    let data_at = source.at.next_multiple_of(alignment);
    placed(&tensors, &said_at, data_at, alignment, size)?;
    Ok(Header {
        version,
        entries,
        tensors,
        data_at,
        said_at,
    })
}

fn metadata<R: Read + Seek>(
    source: &mut Source<'_, R>,
    count: u64,
    said_at: &mut BTreeMap<String, u64>,
) -> Result<BTreeMap<String, Value>, Flaw> {
    let mut entries = BTreeMap::new();
    let mut elements = 0_u64;
    for _ in 0..count {
        let at = source.at;
        let key = source.bytes("a key's length", KEY_BYTES)?;
        if key.is_empty() {
            return Err(Flaw {
                at,
                what: What::EmptyKey,
            });
        }
        let shown = Shown::new(&key);
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b);
        let key = match String::from_utf8(key) {
            Ok(key) if key.as_bytes().iter().all(plain) => key,
            _ => {
                return Err(Flaw {
                    at,
                    what: What::Key(shown),
                });
            }
        };
        if entries.contains_key(&key) {
            return Err(Flaw {
                at,
                what: What::KeyTwice(shown),
            });
        }
        said_at.insert(key.clone(), at);
        let kind = kind(source, &shown)?;
        let value = value(source, &key, &shown, kind, &mut elements)?;
        entries.insert(key, value);
    }
    Ok(entries)
}

fn kind<R: Read + Seek>(source: &mut Source<'_, R>, key: &Shown) -> Result<Kind, Flaw> {
    let at = source.at;
    let number = source.u32("a value's kind")?;
    Kind::of(number).ok_or_else(|| Flaw {
        at,
        what: What::Kind {
            key: key.clone(),
            kind: number,
        },
    })
}

fn value<R: Read + Seek>(
    source: &mut Source<'_, R>,
    key: &str,
    shown: &Shown,
    kind: Kind,
    elements: &mut u64,
) -> Result<Value, Flaw> {
    const WHAT: &str = "a value";
    let whole = |value: i128| Value::Whole { kind, value };
    Ok(match kind {
        Kind::U8 => whole(source.array::<1>(WHAT).map(u8::from_le_bytes)?.into()),
        Kind::I8 => whole(source.array(WHAT).map(i8::from_le_bytes)?.into()),
        Kind::U16 => whole(source.array(WHAT).map(u16::from_le_bytes)?.into()),
        Kind::I16 => whole(source.array(WHAT).map(i16::from_le_bytes)?.into()),
        Kind::U32 => whole(source.u32(WHAT)?.into()),
        Kind::I32 => whole(source.array(WHAT).map(i32::from_le_bytes)?.into()),
        Kind::U64 => whole(source.u64(WHAT)?.into()),
        Kind::I64 => whole(source.array(WHAT).map(i64::from_le_bytes)?.into()),
        Kind::F32 => Value::Fraction {
            kind,
            value: source.array(WHAT).map(f32::from_le_bytes)?.into(),
        },
        Kind::F64 => Value::Fraction {
            kind,
            value: source.array(WHAT).map(f64::from_le_bytes)?,
        },
        Kind::Bool => Value::Bool(boolean(source, shown)?),
        Kind::Text => text(source, key, shown)?,
        Kind::List => list(source, key, shown, elements)?,
    })
}

fn boolean<R: Read + Seek>(source: &mut Source<'_, R>, key: &Shown) -> Result<bool, Flaw> {
    let at = source.at;
    match source.array::<1>("a value")? {
        [0] => Ok(false),
        [1] => Ok(true),
        [is] => Err(Flaw {
            at,
            what: What::Bool {
                key: key.clone(),
                is,
            },
        }),
    }
}

fn text<R: Read + Seek>(
    source: &mut Source<'_, R>,
    key: &str,
    shown: &Shown,
) -> Result<Value, Flaw> {
    const WHAT: &str = "a text's length";
    let at = source.at;
    let bytes = source.count(WHAT, TEXT_BYTES)?;
    if bytes > KEPT_BYTES {
        source.skip("a text", bytes)?;
        return Ok(Value::Long { bytes });
    }
    source.room("a text", bytes)?;
    let mut kept = vec![0; usize::try_from(bytes).unwrap_or(0)];
    source.fill("a text", &mut kept)?;
    // Templates have line ends; what is shown to people, or compared, has none.
    let template = key.starts_with("tokenizer.chat_template");
    let bad = |c: char| c.is_control() && !(matches!(c, '\n' | '\r' | '\t') && template);
    match String::from_utf8(kept) {
        Ok(text) if !text.contains(bad) || !strict(key) && !text.contains('\0') => {
            Ok(Value::Text(text))
        }
        _ => Err(Flaw {
            at,
            what: What::Text(shown.clone()),
        }),
    }
}

/// Whether an entry is one that names something; descriptions may have line ends.
fn strict(key: &str) -> bool {
    matches!(
        key,
        "general.architecture" | "general.name" | "general.type"
    ) || key.starts_with("tokenizer.ggml.")
}

fn list<R: Read + Seek>(
    source: &mut Source<'_, R>,
    key: &str,
    shown: &Shown,
    elements: &mut u64,
) -> Result<Value, Flaw> {
    const WHAT: &str = "the number of elements of all lists";
    let at = source.at;
    let of = kind(source, shown)?;
    if of == Kind::List {
        return Err(Flaw {
            at,
            what: What::ListOfLists(shown.clone()),
        });
    }
    let at = source.at;
    let len = source.u64("a list's length")?;
    *elements = elements.saturating_add(len);
    if *elements > LIST_ELEMENTS {
        return Err(Flaw {
            at,
            what: What::TooMany {
                what: WHAT,
                is: *elements,
                limit: LIST_ELEMENTS,
            },
        });
    }
    match (of, of.bytes()) {
        (Kind::Bool, _) => {
            source.room("a list", len)?;
            for _ in 0..len {
                boolean(source, shown)?;
            }
        }
        (_, Some(each)) => source.skip("a list", len * each)?,
        (_, None) => {
            // Each has its length before it.
            source.room("a list", len * 8)?;
            if key == "tokenizer.ggml.tokens" {
                tokens(source, len)?;
            } else {
                for _ in 0..len {
                    let bytes = source.count("a text's length", TEXT_BYTES)?;
                    source.skip("a text", bytes)?;
                }
            }
        }
    }
    Ok(Value::List { of, len })
}

/// The vocabulary. llama.cpp ends the process over a token that is there twice.
fn tokens<R: Read + Seek>(source: &mut Source<'_, R>, len: u64) -> Result<(), Flaw> {
    // Keyed at random: nobody can prepare two texts with one fingerprint.
    let keys = RandomState::new();
    let mut seen = HashSet::with_capacity(usize::try_from(len.min(LIST_ELEMENTS)).unwrap_or(0));
    for number in 0..len {
        let at = source.at;
        let token = source.bytes("a token's length", KEPT_BYTES)?;
        // What llama.cpp calls an empty one.
        let token = if token.is_empty() {
            format!("[EMPTY_{number}]").into_bytes()
        } else {
            token
        };
        if !seen.insert(keys.hash_one(token)) {
            return Err(Flaw {
                at,
                what: What::TokenTwice(number),
            });
        }
    }
    Ok(())
}

fn alignment(
    entries: &BTreeMap<String, Value>,
    said_at: &BTreeMap<String, u64>,
) -> Result<u64, Flaw> {
    let at = said_at.get("general.alignment").copied().unwrap_or(24);
    let refuse = |is: String| {
        Err(Flaw {
            at,
            what: What::Alignment(is),
        })
    };
    match entries.get("general.alignment") {
        None => Ok(32),
        Some(Value::Whole {
            kind: Kind::U32,
            value,
        }) => match u64::try_from(*value) {
            Ok(is) if is.is_power_of_two() && (8..=MOST_ALIGNMENT).contains(&is) => Ok(is),
            _ => refuse(value.to_string()),
        },
        Some(other) => refuse(format!("{other:?}")),
    }
}

fn tensor_infos<R: Read + Seek>(
    source: &mut Source<'_, R>,
    count: u64,
    said_at: &mut BTreeMap<String, u64>,
) -> Result<Vec<Tensor>, Flaw> {
    let mut tensors = Vec::new();
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let at = source.at;
        let bytes = source.bytes("the length of a tensor's name", NAME_BYTES)?;
        let shown = Shown::new(&bytes);
        let name = match String::from_utf8(bytes) {
            Ok(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) => name,
            _ => {
                return Err(Flaw {
                    at,
                    what: What::TensorName(shown),
                });
            }
        };
        if !names.insert(name.clone()) {
            return Err(Flaw {
                at,
                what: What::TensorTwice(shown),
            });
        }
        said_at.insert(name.clone(), at);
        tensors.push(tensor_info(source, name, &shown)?);
    }
    Ok(tensors)
}

fn tensor_info<R: Read + Seek>(
    source: &mut Source<'_, R>,
    name: String,
    shown: &Shown,
) -> Result<Tensor, Flaw> {
    const WHAT: &str = "a tensor's description";
    let at = source.at;
    let flaw = |at: u64, what: What| Err(Flaw { at, what });
    let dimensions = source.u32(WHAT)?;
    if !(1..=4).contains(&dimensions) {
        return flaw(
            at,
            What::Dimensions {
                name: shown.clone(),
                is: dimensions,
            },
        );
    }
    let mut shape = Vec::with_capacity(4);
    let mut elements = 1_u64;
    for _ in 0..dimensions {
        let at = source.at;
        let dimension = source.u64(WHAT)?;
        if dimension == 0 {
            return flaw(at, What::ZeroDimension(shown.clone()));
        }
        elements = match elements.checked_mul(dimension) {
            // ggml counts in i64.
            Some(product) if i64::try_from(product).is_ok() => product,
            _ => return flaw(at, What::Overflow(shown.clone())),
        };
        shape.push(dimension);
    }
    let at = source.at;
    let number = source.u32(WHAT)?;
    let Some(quant) = Quant::of(number) else {
        return flaw(
            at,
            What::Quant {
                name: shown.clone(),
                kind: number,
            },
        );
    };
    let (block, block_bytes) = quant.block();
    let row = shape.first().copied().unwrap_or(0);
    if row % block != 0 {
        return flaw(
            at,
            What::Block {
                name: shown.clone(),
                row,
                block,
            },
        );
    }
    let bytes = match (elements / block).checked_mul(block_bytes) {
        Some(bytes) if i64::try_from(bytes).is_ok() => bytes,
        _ => return flaw(at, What::Overflow(shown.clone())),
    };
    let offset = source.u64(WHAT)?;
    Ok(Tensor {
        name,
        shape,
        quant,
        offset,
        bytes,
    })
}

/// That the tensors lie one behind the other, and fill the file to its end.
fn placed(
    tensors: &[Tensor],
    said_at: &BTreeMap<String, u64>,
    data_at: u64,
    alignment: u64,
    size: u64,
) -> Result<(), Flaw> {
    let mut end = 0_u64;
    for tensor in tensors {
        let name = || Shown::new(tensor.name.as_bytes());
        let at = said_at.get(&tensor.name).copied().unwrap_or(24);
        let flaw = |what: What| Err(Flaw { at, what });
        let offset = tensor.offset;
        if offset % alignment != 0 {
            return flaw(What::Misaligned {
                name: name(),
                offset,
                alignment,
            });
        }
        if offset < end {
            return flaw(What::Overlap {
                name: name(),
                offset,
                end,
            });
        }
        let begin = end.next_multiple_of(alignment);
        if offset > begin {
            return flaw(What::Gap {
                name: name(),
                bytes: offset - begin,
            });
        }
        end = match offset.checked_add(tensor.bytes) {
            Some(end) if end <= size => end,
            _ => {
                return flaw(What::Outside {
                    name: name(),
                    end: data_at.saturating_add(offset).saturating_add(tensor.bytes),
                    size,
                });
            }
        };
        let absolute = data_at.saturating_add(end);
        if absolute > size {
            return flaw(What::Outside {
                name: name(),
                end: absolute,
                size,
            });
        }
    }
    // Writers pad the last tensor, or do not.
    let behind = size.saturating_sub(data_at.saturating_add(end));
    if behind >= alignment {
        return Err(Flaw {
            at: data_at.saturating_add(end),
            what: What::Behind { bytes: behind },
        });
    }
    Ok(())
}
