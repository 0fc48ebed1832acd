//! The last words of a process, and what its end means.

use crate::wire::tidy;
use crate::{Limits, Reason};
use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;

/// Lines kept for the reason that is shown.
const KEPT: usize = 3;
/// Bytes of a line; the rest of it is left out.
const LINE_BYTES: usize = 1024;
/// Lines of one process that are logged; the rest is read and dropped.
const LOGGED: usize = 1000;
/// Characters of the words that are shown.
const SHOWN: usize = 300;

/// What a process writes to its standard error.
pub(super) struct Words {
    last: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
}

impl Words {
    /// Reads to the end, whatever comes: a full pipe would stop the process.
    pub fn of(mut stderr: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let kept = Arc::clone(&last);
        let reader = tokio::spawn(async move {
            let (mut piece, mut line, mut lines) = ([0; 1024], Vec::new(), 0_usize);
            while let Ok(size @ 1..) = stderr.read(&mut piece).await {
                for byte in &piece[..size] {
                    if *byte == b'\n' {
                        said(&line, &mut lines, &kept);
                        line.clear();
                    } else if line.len() < LINE_BYTES {
                        line.push(*byte);
                    }
                }
            }
            said(&line, &mut lines, &kept);
        });
        Self { last, reader }
    }

    /// Once the process has ended.
    pub async fn last(mut self) -> String {
        let patience = std::time::Duration::from_secs(1);
        if tokio::time::timeout(patience, &mut self.reader)
            .await
            .is_err()
        {
            self.reader.abort();
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<&str> = last.iter().map(String::as_str).collect();
        tidy(&lines.join(" / "), SHOWN)
    }
}

fn said(line: &[u8], lines: &mut usize, kept: &Mutex<VecDeque<String>>) {
    let line = tidy(String::from_utf8_lossy(line).trim(), LINE_BYTES);
    if line.is_empty() || line.starts_with("note: run with") {
        return;
    }
    *lines += 1;
    if *lines <= LOGGED {
        tracing::debug!(target: "local_model::worker", "{line}");
    }
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push_back(line);
    if kept.len() > KEPT {
        kept.pop_front();
    }
}

/// What an end means. An illegal instruction stays illegal; all else may pass.
pub(super) fn meaning(status: ExitStatus, words: &str, limits: &Limits) -> Reason {
    const SIGILL: i32 = 4;
    if status.signal() == Some(SIGILL) {
        return Reason::Instructions {
            missing: "an instruction that the engine used (its process ended with SIGILL)"
                .to_owned(),
        };
    }
    let mut how = match (status.code(), status.signal()) {
        (Some(0), _) => "it left by itself".to_owned(),
        (Some(101), _) => "it panicked (exit status 101)".to_owned(),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => signal_words(signal),
        (None, None) => "in an unknown way".to_owned(),
    };
    if words.contains("memory allocation of") || words.contains("bad_alloc") {
        let limit = limits.memory_mb;
        how = format!(
            "{how}: it wanted more memory than it may have (model.memory_mb = {limit}, and the files' size)"
        );
    }
    if !words.is_empty() {
        how = format!("{how}; it said: {words}");
    }
    Reason::Died { how }
}

fn signal_words(signal: i32) -> String {
    let name = match signal {
        6 => "SIGABRT: it gave up",
        7 => "SIGBUS: a file of it was cut while it was read",
        8 => "SIGFPE: a wrong calculation",
        9 => "SIGKILL: somebody ended it, or the system for want of memory",
        11 => "SIGSEGV: it used memory that is not its own",
        15 => "SIGTERM: somebody ended it",
        31 => "SIGSYS: it called what no sandbox allows",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal}, {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        threads: 1,
        memory_mb: 500,
        context: 512,
        start_s: 1,
        job_s: 1,
        queue: 1,
    };

    #[test]
    fn an_illegal_instruction_is_not_tried_again() {
        let reason = meaning(ExitStatus::from_raw(4), "", &LIMITS);
        assert_eq!(reason.code(), "L007");
        assert!(!reason.may_pass());
    }

    #[test]
    fn an_end_is_told_in_words_with_what_it_said() {
        let aborted = ExitStatus::from_raw(6);
        let reason = meaning(aborted, "memory allocation of 99 bytes failed", &LIMITS);
        let words = reason.to_string();
        assert!(words.contains("SIGABRT") && words.contains("model.memory_mb = 500"));
        assert!(words.contains("99 bytes"));
        let panicked = meaning(ExitStatus::from_raw(101 << 8), "oh", &LIMITS).to_string();
        assert!(panicked.contains("panicked") && panicked.ends_with("it said: oh"));
    }

    #[tokio::test]
    async fn of_endless_words_the_last_are_kept_and_cut() {
        let mut text = b"x".repeat(50_000);
        for n in 0..5_000 {
            text.extend(format!("\nline {n} \u{1b}[31m").into_bytes());
        }
        text.extend(b"\nnote: run with `RUST_BACKTRACE=1`\n\xff\xfe");
        let words = Words::of(std::io::Cursor::new(text)).last().await;
        assert!(words.starts_with("line 4998"), "{words}");
        assert!(!words.chars().any(char::is_control));
    }
}
