//! A program of the system, asked with a limit in time.

use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The most that is kept of what a program prints, in bytes; the rest is read and dropped.
const MOST: u64 = 1 << 20;

/// What a program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// Whether it ended with status 0.
    pub(crate) ok: bool,
    /// Its standard output.
    pub(crate) out: String,
    /// Its standard error.
    pub(crate) err: String,
}

impl Said {
    /// The last line of what it complained, or else printed: the one that says why.
    pub(crate) fn why(&self) -> String {
        let last = |text: &str| {
            let mut lines = text.lines().rev().map(str::trim);
            lines.find(|line| !line.is_empty()).map(str::to_owned)
        };
        last(&self.err)
            .or_else(|| last(&self.out))
            .unwrap_or_else(|| "it gave no reason".to_owned())
    }
}

/// Runs `program` with nothing on its standard input, in the language C, for at most `wait`.
///
/// # Errors
/// `NotFound` if there is no such program; `TimedOut` if it did not end; it is ended then.
pub(crate) fn output(program: &str, args: &[&str], wait: Duration) -> io::Result<Said> {
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (tell, told) = mpsc::channel();
    let readers: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|pipe| Box::new(pipe) as _),
        child.stderr.take().map(|pipe| Box::new(pipe) as _),
    ];
    for (which, pipe) in readers.into_iter().enumerate() {
        let tell = tell.clone();
        thread::spawn(move || {
            let mut kept = Vec::new();
            if let Some(mut pipe) = pipe {
                // What was read before a pipe broke is what there is.
                let _ = pipe.by_ref().take(MOST).read_to_end(&mut kept);
                let _ = io::copy(&mut pipe, &mut io::sink());
            }
            let _ = tell.send((which, kept));
        });
    }
    drop(tell);
    let mut texts = [String::new(), String::new()];
    for _ in 0..2 {
        match told.recv_timeout(wait) {
            Ok((which, bytes)) => texts[which] = String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => {
                // Gone already, or ended by this: either way it is collected.
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
    let ok = child.wait()?.success();
    let [out, err] = texts;
    Ok(Said { ok, out, err })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_program_is_heard_with_its_status_and_both_voices() {
        let said = output("sh", &["-c", "echo out; echo why >&2; exit 3"], LONG).unwrap();
        assert_eq!((said.ok, said.out.as_str()), (false, "out\n"));
        assert_eq!(said.why(), "why");
    }

    #[test]
    fn a_program_that_is_not_there_and_one_that_does_not_end_are_told_apart() {
        let absent = output("aiworklab-no-such-program", &[], LONG).unwrap_err();
        assert_eq!(absent.kind(), io::ErrorKind::NotFound);
        let slow = output("sleep", &["600"], Duration::from_millis(20)).unwrap_err();
        assert_eq!(slow.kind(), io::ErrorKind::TimedOut);
    }
}
