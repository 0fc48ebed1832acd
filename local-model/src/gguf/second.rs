//! A second reader, written by others (candle's), has to understand the same: what two readers read
//! differently is a place where a third, the native one, may be led astray.
//!
//! It runs after the first, which has bounded what it will hold: at most 2 Mi list elements of 32
//! bytes, and 64 MiB of texts.

use super::{Flaw, Header, Kind, Value, What};
use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::{Content, Value as Theirs};
use std::io::{Read, Seek};

pub(super) fn agrees<R: Read + Seek>(file: &mut R, header: &Header) -> Result<(), Flaw> {
    let differs = |at: u64, how: String| {
        Err(Flaw {
            at,
            what: What::Second(how),
        })
    };
    if let Err(e) = file.rewind() {
        return differs(0, e.to_string());
    }
    let theirs = match Content::read(file) {
        Ok(content) => content,
        Err(e) => {
            // Their message may carry texts of the file.
            let said = super::Shown::new(e.to_string().as_bytes());
            return differs(0, format!("it refuses it, saying {said}"));
        }
    };
    if theirs.tensor_data_offset != header.data_at {
        return differs(
            header.data_at,
            format!("the data begin at {}", theirs.tensor_data_offset),
        );
    }
    if theirs.metadata.len() != header.entries.len() {
        return differs(24, format!("{} entries", theirs.metadata.len()));
    }
    for (key, value) in &header.entries {
        if !theirs.metadata.get(key).is_some_and(|t| same(value, t)) {
            return differs(header.said_at(key), format!("the value of {key}"));
        }
    }
    if theirs.tensor_infos.len() != header.tensors.len() {
        return differs(8, format!("{} tensors", theirs.tensor_infos.len()));
    }
    for tensor in &header.tensors {
        // The slowest dimension first, in theirs.
        let shape = tensor.shape.iter().rev().map(|d| usize::try_from(*d).ok());
        let same = theirs.tensor_infos.get(&tensor.name).is_some_and(|t| {
            t.offset == tensor.offset
                && (t.shape.dims().iter().map(|d| Some(*d))).eq(shape)
                && dtype_name(t.ggml_dtype) == tensor.quant.name()
                && (
                    t.ggml_dtype.block_size() as u64,
                    t.ggml_dtype.type_size() as u64,
                ) == tensor.quant.block()
        });
        if !same {
            return differs(
                header.said_at(&tensor.name),
                format!("tensor {}", tensor.name),
            );
        }
    }
    Ok(())
}

fn dtype_name(dtype: GgmlDType) -> &'static str {
    match dtype {
        GgmlDType::F32 => "F32",
        GgmlDType::F16 => "F16",
        GgmlDType::BF16 => "BF16",
        GgmlDType::Q4_0 => "Q4_0",
        GgmlDType::Q4_1 => "Q4_1",
        GgmlDType::Q5_0 => "Q5_0",
        GgmlDType::Q5_1 => "Q5_1",
        GgmlDType::Q8_0 => "Q8_0",
        GgmlDType::Q2K => "Q2_K",
        GgmlDType::Q3K => "Q3_K",
        GgmlDType::Q4K => "Q4_K",
        GgmlDType::Q5K => "Q5_K",
        GgmlDType::Q6K => "Q6_K",
        GgmlDType::Q8_1 | GgmlDType::Q8K => "not for files",
    }
}

fn kind_of(value: &Theirs) -> Kind {
    match value {
        Theirs::U8(_) => Kind::U8,
        Theirs::I8(_) => Kind::I8,
        Theirs::U16(_) => Kind::U16,
        Theirs::I16(_) => Kind::I16,
        Theirs::U32(_) => Kind::U32,
        Theirs::I32(_) => Kind::I32,
        Theirs::U64(_) => Kind::U64,
        Theirs::I64(_) => Kind::I64,
        Theirs::F32(_) => Kind::F32,
        Theirs::F64(_) => Kind::F64,
        Theirs::Bool(_) => Kind::Bool,
        Theirs::String(_) => Kind::Text,
        Theirs::Array(_) => Kind::List,
    }
}

fn whole(value: &Theirs) -> Option<i128> {
    Some(match value {
        Theirs::U8(v) => (*v).into(),
        Theirs::I8(v) => (*v).into(),
        Theirs::U16(v) => (*v).into(),
        Theirs::I16(v) => (*v).into(),
        Theirs::U32(v) => (*v).into(),
        Theirs::I32(v) => (*v).into(),
        Theirs::U64(v) => (*v).into(),
        Theirs::I64(v) => (*v).into(),
        _ => return None,
    })
}

fn same(ours: &Value, theirs: &Theirs) -> bool {
    match (ours, theirs) {
        (Value::Whole { kind, value }, _) => {
            *kind == kind_of(theirs) && whole(theirs) == Some(*value)
        }
        (
            Value::Fraction {
                kind: Kind::F32,
                value,
            },
            Theirs::F32(v),
        ) => f64::from(*v).to_bits() == value.to_bits(),
        (
            Value::Fraction {
                kind: Kind::F64,
                value,
            },
            Theirs::F64(v),
        ) => v.to_bits() == value.to_bits(),
        (Value::Bool(a), Theirs::Bool(b)) => a == b,
        (Value::Text(a), Theirs::String(b)) => a == b,
        // Theirs drops closing zeros and replaces what is not UTF-8.
        (Value::Long { bytes }, Theirs::String(b)) => b.len() as u64 == *bytes,
        (Value::List { of, len }, Theirs::Array(list)) => {
            list.len() as u64 == *len && list.iter().all(|v| kind_of(v) == *of)
        }
        _ => false,
    }
}
