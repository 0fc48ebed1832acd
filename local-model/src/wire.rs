//! Frames between the server and its worker: a length in four bytes (little-endian), then JSON.
//!
//! Neither end trusts the other. A length is looked at before anything is allocated, and memory grows
//! only with bytes that came. Strings of a worker's greeting and of its excuses are cut, and lose their
//! control characters, before anybody is shown them: a process that reads hostile files wrote them.
//!
//! Invariant: a frame is at most [`MAX_FRAME`] bytes; the greeting carries [`PROTOCOL`], so that a
//! program of another version is noticed before it is asked anything.

use crate::{About, Continuations, Embedding, Likelihood, Reason, SandboxReport, Spec, Writing};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Raised with every change of a frame's shape.
pub const PROTOCOL: u32 = 2;
/// The most bytes of one frame.
pub const MAX_FRAME: usize = 8 << 20;
/// The most bytes of a frame before the worker is ready.
pub const MAX_GREETING: usize = 256 << 10;
/// The most characters kept of a text that a worker wrote.
pub const MAX_WORDS: usize = 400;

/// Why a frame could not be sent or received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Its length is over the limit.
    #[error("a frame of {size} bytes, limit {limit}")]
    TooLarge {
        /// What it says, or what it would be.
        size: u64,
        /// What may be.
        limit: usize,
    },
    /// The other end closed in the middle of one.
    #[error("a frame ended after {had} of {wanted} bytes")]
    Truncated {
        /// Bytes that came, the length's own included.
        had: usize,
        /// Bytes that were to come.
        wanted: usize,
    },
    /// The other end is gone.
    #[error("the other end closed")]
    Closed,
    /// Not the JSON of a known message.
    #[error("a frame that is no message of protocol {PROTOCOL}")]
    Unreadable {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// The socket failed.
    #[error("the socket failed")]
    Io {
        /// What the system said.
        source: std::io::Error,
    },
}

impl WireError {
    /// Code printed in the manual. Never reused.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "L019"
    }

    /// With its cause, in one line.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Unreadable { source } => tidy(&format!("{self}: {source}"), MAX_WORDS),
            Self::Io { source } => tidy(&format!("{self}: {source}"), MAX_WORDS),
            _ => self.to_string(),
        }
    }
}

/// What the server says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ToWorker {
    /// The first and only one of its kind.
    Start {
        /// [`PROTOCOL`] of the server.
        protocol: u32,
        /// Everything about the worker.
        spec: Box<Spec>,
    },
    /// One at a time.
    Job {
        /// Comes back with the answer.
        id: u64,
        /// What is asked.
        ask: Ask,
    },
}

/// One question to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// How well continuations follow.
    Score(Vec<Continuations>),
    /// The directions of texts.
    Embed(Vec<String>),
    /// What a model writes when it is asked this.
    Write(Writing),
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// In the order asked.
    Score(Vec<Vec<Likelihood>>),
    /// In the order asked.
    Embed(Vec<Embedding>),
    /// What it wrote.
    Written(String),
}

/// What the worker says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is said once a process"
)]
pub enum FromWorker {
    /// First of all.
    Hello {
        /// [`PROTOCOL`] of the worker.
        protocol: u32,
        /// Version of its crate.
        build: String,
    },
    /// It loaded, its sandbox holds, it takes jobs.
    Ready {
        /// What it loaded.
        about: About,
        /// How it is held.
        sandbox: SandboxReport,
    },
    /// It does not start. The last frame.
    Failed {
        /// Why.
        reason: Reason,
    },
    /// A job's answer.
    Done {
        /// The job's.
        id: u64,
        /// The answer.
        answer: Answer,
    },
    /// The engine would not do this job; it takes the next.
    Refused {
        /// The job's.
        id: u64,
        /// What it said.
        cause: String,
    },
}

/// A message as a frame.
///
/// # Errors
/// [`WireError::TooLarge`], or [`WireError::Unreadable`] for what JSON cannot hold (a path that is not
/// UTF-8).
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)
        .map_err(|source| WireError::Unreadable { source })?;
    let size = frame.len() - 4;
    if size > MAX_FRAME {
        return Err(WireError::TooLarge {
            size: size as u64,
            limit: MAX_FRAME,
        });
    }
    let length = u32::try_from(size).unwrap_or(u32::MAX);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// A frame's body as a message.
///
/// # Errors
/// [`WireError::Unreadable`].
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    serde_json::from_slice(body).map_err(|source| WireError::Unreadable { source })
}

/// The same, with every text in it tidied: for what is going to be shown.
///
/// # Errors
/// [`WireError::Unreadable`].
pub fn decode_tidied<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    let mut value: Value = decode(body)?;
    tidy_all(&mut value);
    serde_json::from_value(value).map_err(|source| WireError::Unreadable { source })
}

fn tidy_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = tidy(text, MAX_WORDS),
        Value::Array(values) => values.iter_mut().for_each(tidy_all),
        Value::Object(fields) => fields.values_mut().for_each(tidy_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Code, message and causes of an error, each by its first line, on one line: what goes over the
/// socket.
#[must_use]
pub fn words(code: &str, error: &dyn std::error::Error) -> String {
    let mut words = format!("{code} {error}");
    let mut cause = error.source();
    while let Some(e) = cause {
        words.push_str(": ");
        words.push_str(e.to_string().lines().next().unwrap_or_default());
        cause = e.source();
    }
    words
}

/// A text on one line, without control characters, at most so many characters.
#[must_use]
pub fn tidy(text: &str, most: usize) -> String {
    let mut kept: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(most + 1)
        .collect();
    if kept.chars().count() > most {
        kept = kept.chars().take(most.saturating_sub(1)).collect();
        kept.push('…');
    }
    kept
}

fn length_of(head: [u8; 4], limit: usize) -> Result<usize, WireError> {
    let size = u32::from_le_bytes(head);
    match usize::try_from(size) {
        Ok(size) if size <= limit => Ok(size),
        _ => Err(WireError::TooLarge {
            size: u64::from(size),
            limit,
        }),
    }
}

/// Reads one frame's body; blocks.
///
/// # Errors
/// [`WireError::Closed`] if the other end closed between two frames, else what was wrong.
pub fn read(from: &mut impl Read, limit: usize) -> Result<Vec<u8>, WireError> {
    let mut head = [0; 4];
    let mut had = 0;
    while had < head.len() {
        match from.read(&mut head[had..]) {
            Ok(0) if had == 0 => return Err(WireError::Closed),
            Ok(0) => return Err(WireError::Truncated { had, wanted: 4 }),
            Ok(more) => had += more,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(WireError::Io { source }),
        }
    }
    let size = length_of(head, limit)?;
    let mut body = Vec::new();
    from.take(size as u64)
        .read_to_end(&mut body)
        .map_err(|source| WireError::Io { source })?;
    whole(body, size)
}

/// Reads one frame's body, on a runtime.
///
/// # Errors
/// As [`read`].
pub async fn receive(
    from: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<Vec<u8>, WireError> {
    let mut head = [0; 4];
    let mut had = 0;
    while had < head.len() {
        match from.read(&mut head[had..]).await {
            Ok(0) if had == 0 => return Err(WireError::Closed),
            Ok(0) => return Err(WireError::Truncated { had, wanted: 4 }),
            Ok(more) => had += more,
            Err(source) => return Err(WireError::Io { source }),
        }
    }
    let size = length_of(head, limit)?;
    let mut body = Vec::new();
    from.take(size as u64)
        .read_to_end(&mut body)
        .await
        .map_err(|source| WireError::Io { source })?;
    whole(body, size)
}

fn whole(body: Vec<u8>, size: usize) -> Result<Vec<u8>, WireError> {
    if body.len() < size {
        return Err(WireError::Truncated {
            had: body.len() + 4,
            wanted: size + 4,
        });
    }
    Ok(body)
}

/// Writes one message; blocks.
///
/// # Errors
/// As [`encode`], and [`WireError::Io`].
pub fn write(to: &mut impl Write, message: &impl Serialize) -> Result<(), WireError> {
    let frame = encode(message)?;
    to.write_all(&frame)
        .and_then(|()| to.flush())
        .map_err(|source| WireError::Io { source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asks() -> impl Strategy<Value = Ask> {
        let continuations = (".{0,40}", prop::collection::vec(".{1,20}", 1..5)).prop_map(
            |(prefix, continuations)| Continuations {
                prefix,
                continuations,
            },
        );
        prop_oneof![
            prop::collection::vec(continuations, 0..5).prop_map(Ask::Score),
            prop::collection::vec(".{0,60}", 0..5).prop_map(Ask::Embed),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut_into_pieces(
            id: u64, ask in asks(), second in asks(), piece in 1_usize..9,
        ) {
            let mut bytes = encode(&ToWorker::Job { id, ask: ask.clone() }).expect("small");
            bytes.extend(encode(&ToWorker::Job { id, ask: second.clone() }).expect("small"));
            let mut pieces = Pieces { bytes: &bytes, piece };
            for wanted in [&ask, &second] {
                let body = read(&mut pieces, MAX_FRAME).expect("a frame");
                let ToWorker::Job { id: found, ask } = decode(&body).expect("a job") else {
                    panic!("another message");
                };
                prop_assert_eq!(found, id);
                prop_assert_eq!(&ask, wanted);
            }
            prop_assert!(matches!(read(&mut pieces, MAX_FRAME), Err(WireError::Closed)));
        }

        #[test]
        fn a_frame_cut_off_anywhere_is_named(ask in asks(), cut: prop::sample::Index) {
            let bytes = encode(&ToWorker::Job { id: 1, ask }).expect("small");
            let cut = 1 + cut.index(bytes.len() - 1);
            let read = read(&mut &bytes[..cut], MAX_FRAME);
            prop_assert!(matches!(read, Err(WireError::Truncated { .. })), "{read:?}");
        }

        #[test]
        fn noise_is_an_error_and_no_more(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let body = read(&mut bytes.as_slice(), MAX_FRAME);
            if let Ok(body) = body {
                let _ = decode::<ToWorker>(&body);
                let _ = decode_tidied::<FromWorker>(&body);
            }
        }

        #[test]
        fn a_tidied_text_has_one_line_and_a_limit(text in any::<String>(), most in 1_usize..80) {
            let tidied = tidy(&text, most);
            prop_assert!(tidied.chars().count() <= most);
            prop_assert!(!tidied.chars().any(char::is_control));
        }
    }

    struct Pieces<'a> {
        bytes: &'a [u8],
        piece: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let size = self.piece.min(buffer.len()).min(self.bytes.len());
            let (now, later) = self.bytes.split_at(size);
            buffer[..size].copy_from_slice(now);
            self.bytes = later;
            Ok(size)
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_a_byte_of_it_is_awaited() {
        let huge = u32::MAX.to_le_bytes();
        let refused = read(&mut huge.as_slice(), MAX_FRAME);
        assert!(
            matches!(refused, Err(WireError::TooLarge { size, .. }) if size == u64::from(u32::MAX))
        );
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let body = br#"{"job":{"id":1,"ask":{"embed":[]},"more":1}}"#;
        assert!(matches!(
            decode::<ToWorker>(body),
            Err(WireError::Unreadable { .. })
        ));
    }

    #[test]
    fn what_a_worker_says_loses_its_escape_sequences() {
        let body = encode(&FromWorker::Failed {
            reason: Reason::Engine {
                cause: format!("\u{1b}[2Jgone\n{}", "x".repeat(9_999)),
            },
        })
        .expect("small");
        let FromWorker::Failed {
            reason: Reason::Engine { cause },
        } = decode_tidied(&body[4..]).expect("a message")
        else {
            panic!("another message");
        };
        assert!(cause.starts_with(" [2Jgone x"));
        assert_eq!(cause.chars().count(), MAX_WORDS);
    }
}
