//! What the entries say has to fit together: native code divides by some, and indexes with others.
//!
//! An architecture that is not in the list is no flaw: `files` names it as such.

use super::{ARCHITECTURES, Flaw, Header, Kind, Value, What};

/// Layers that llama.cpp has room for (`LLAMA_MAX_LAYERS`).
const MOST_LAYERS: u64 = 512;

/// Whole numbers of an architecture: name, least, most, whether it has to be there.
const NUMBERS: [(&str, u64, u64, bool); 10] = [
    ("block_count", 1, MOST_LAYERS, true),
    ("context_length", 1, 1 << 26, true),
    ("embedding_length", 1, 1 << 16, true),
    ("feed_forward_length", 1, 1 << 20, true),
    ("attention.head_count", 1, 1024, true),
    ("attention.head_count_kv", 1, 1024, false),
    ("attention.key_length", 1, 8192, false),
    ("attention.value_length", 1, 8192, false),
    ("attention.sliding_window", 0, 1 << 26, false),
    ("rope.dimension_count", 1, 8192, false),
];

/// Fractions that have to be above zero and finite.
const FRACTIONS: [&str; 4] = [
    "attention.layer_norm_rms_epsilon",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scaling.factor",
];

/// Tokenizers that the listed architectures use: byte pairs, and SentencePiece.
const TOKENIZERS: [&str; 2] = ["gpt2", "llama"];

fn wrong<T>(
    header: &Header,
    key: &str,
    is: impl ToString,
    wanted: impl Into<String>,
) -> Result<T, Flaw> {
    Err(Flaw {
        at: header.said_at(key),
        what: What::Sense {
            key: key.to_owned(),
            is: is.to_string(),
            wanted: wanted.into(),
        },
    })
}

fn missing<T>(header: &Header, key: &str) -> Result<T, Flaw> {
    Err(Flaw {
        at: header.said_at(key),
        what: What::Missing(key.to_owned()),
    })
}

/// How a value is named in a message.
fn shown(value: &Value) -> String {
    match value {
        Value::Whole { value, .. } => value.to_string(),
        Value::Fraction { value, .. } => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Text(text) => super::Shown::new(text.as_bytes()).to_string(),
        Value::Long { bytes } => format!("a text of {bytes} bytes"),
        Value::List { of, len } => format!("a list of {len} {of:?}"),
    }
}

pub(super) fn check(header: &Header) -> Result<(), Flaw> {
    match header.entries.get("general.architecture") {
        Some(Value::Text(text)) if !text.is_empty() && text.len() <= 40 => {}
        Some(other) => return wrong(header, "general.architecture", shown(other), "a short text"),
        None => return missing(header, "general.architecture"),
    }
    // One of several files: llama.cpp would go and open the others.
    if let Some(key) = header.entries.keys().find(|key| key.starts_with("split.")) {
        return wrong(header, key, "there", "missing: the model in one file");
    }
    if !ARCHITECTURES.contains(&header.architecture()) {
        return Ok(());
    }
    numbers(header)?;
    fractions(header)?;
    vocabulary(header)?;
    embeddings(header)
}

fn numbers(header: &Header) -> Result<(), Flaw> {
    let architecture = header.architecture();
    for (name, least, most, needed) in NUMBERS {
        let key = format!("{architecture}.{name}");
        match header.entries.get(&key) {
            None if needed => return missing(header, &key),
            None => {}
            Some(Value::Whole {
                kind: Kind::U32,
                value,
            }) if (i128::from(least)..=i128::from(most)).contains(value) => {}
            Some(other) => {
                return wrong(
                    header,
                    &key,
                    shown(other),
                    format!("from {least} to {most}, 32 bits"),
                );
            }
        }
    }
    // Experts are chosen by the file's own numbers; none of the tested files has any.
    for name in ["expert_count", "expert_used_count"] {
        let key = format!("{architecture}.{name}");
        match header.entries.get(&key) {
            None | Some(Value::Whole { value: 0, .. }) => {}
            Some(other) => return wrong(header, &key, shown(other), "0: no mixture of experts"),
        }
    }
    let heads = header.own("attention.head_count").unwrap_or(1);
    let groups = header.own("attention.head_count_kv").unwrap_or(heads);
    if !heads.is_multiple_of(groups) {
        return wrong(
            header,
            &format!("{architecture}.attention.head_count_kv"),
            groups,
            format!("a divisor of the {heads} heads"),
        );
    }
    let width = header.own("embedding_length").unwrap_or(1);
    if header.own("attention.key_length").is_none() && !width.is_multiple_of(heads) {
        return wrong(
            header,
            &format!("{architecture}.embedding_length"),
            width,
            format!("a multiple of the {heads} heads"),
        );
    }
    Ok(())
}

fn fractions(header: &Header) -> Result<(), Flaw> {
    for name in FRACTIONS {
        let key = format!("{}.{name}", header.architecture());
        match header.entries.get(&key) {
            None => {}
            Some(Value::Fraction {
                kind: Kind::F32,
                value,
            }) if value.is_finite() && *value > 0.0 => {}
            Some(other) => return wrong(header, &key, shown(other), "above 0, 32 bits"),
        }
    }
    Ok(())
}

fn vocabulary(header: &Header) -> Result<(), Flaw> {
    let key = "tokenizer.ggml.model";
    match header.text(key) {
        Some(model) if TOKENIZERS.contains(&model) => {}
        Some(model) => {
            return wrong(
                header,
                key,
                model,
                format!("one of {}", TOKENIZERS.join(", ")),
            );
        }
        None => return missing(header, key),
    }
    let key = "tokenizer.ggml.tokens";
    let tokens = match header.entries.get(key) {
        Some(Value::List {
            of: Kind::Text,
            len,
        }) if *len > 0 => *len,
        Some(other) => return wrong(header, key, shown(other), "a list of texts"),
        None => return missing(header, key),
    };
    for (key, kinds) in [
        ("tokenizer.ggml.scores", [Kind::F32, Kind::I32]),
        ("tokenizer.ggml.token_type", [Kind::I32, Kind::I32]),
    ] {
        match header.entries.get(key) {
            None => {}
            Some(Value::List { of, len }) if kinds.contains(of) && *len == tokens => {}
            Some(other) => {
                return wrong(
                    header,
                    key,
                    shown(other),
                    format!("a list of {tokens} numbers"),
                );
            }
        }
    }
    match header.entries.get("tokenizer.ggml.merges") {
        None | Some(Value::List { of: Kind::Text, .. }) => {}
        Some(other) => {
            return wrong(
                header,
                "tokenizer.ggml.merges",
                shown(other),
                "a list of texts",
            );
        }
    }
    for (key, value) in &header.entries {
        if !(key.starts_with("tokenizer.ggml.") && key.ends_with("_token_id")) {
            continue;
        }
        match value {
            Value::Whole {
                kind: Kind::U32,
                value,
            } if (0..i128::from(tokens)).contains(value) => {}
            other => {
                return wrong(
                    header,
                    key,
                    shown(other),
                    format!("below the {tokens} tokens, 32 bits"),
                );
            }
        }
    }
    Ok(())
}

fn embeddings(header: &Header) -> Result<(), Flaw> {
    let key = "token_embd.weight";
    let Some(found) = header.tensors.iter().find(|t| t.name == key) else {
        return missing(header, key);
    };
    let wanted = [header.own("embedding_length").unwrap_or(0), header.tokens()];
    if found.shape != wanted {
        return wrong(
            header,
            key,
            format!("{:?}", found.shape),
            format!("{wanted:?}"),
        );
    }
    Ok(())
}
