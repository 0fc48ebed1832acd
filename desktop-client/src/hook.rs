//! `aiworklab hook HARNESS`: takes what the harness says on stdin, and leaves.
//!
//! The harness waits for this program at every tool call, so it does as little as can be done:
//! no argument parser, no runtime, no database, no parsing of the payload. One read, one append.
//!
//! Invariant: it prints nothing and exits 0 whatever happens. Another exit code would show an
//! error in the engineer's session, or (2) stop the tool.

use crate::edges::Machine;
use crate::home::Home;
use crate::spool::{self, MAX_PAYLOAD_BYTES};
use crate::world::World;
use kernel::event::Harness;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;

/// A harness that says nothing for this long is let go.
const PATIENCE: Timespec = Timespec {
    tv_sec: 2,
    tv_nsec: 0,
};

/// The whole life of the hook.
pub fn run(harness: Option<OsString>) {
    std::panic::set_hook(Box::new(|_| {}));
    let _ = std::panic::catch_unwind(|| {
        let _ = take(&Machine, harness, io::stdin());
    });
}

fn take<R: Read + IsTerminal + AsFd>(
    world: &dyn World,
    harness: Option<OsString>,
    input: R,
) -> io::Result<()> {
    let known = harness
        .as_ref()
        .and_then(|name| name.to_str())
        .and_then(Harness::named);
    let (Some(harness), false) = (known, input.is_terminal()) else {
        return Ok(());
    };
    let mut input = Patient(input);
    let mut payload = Vec::with_capacity(64 * 1024);
    let read = (&mut input)
        .take(MAX_PAYLOAD_BYTES as u64 + 1)
        .read_to_end(&mut payload);
    let longer = payload.len() > MAX_PAYLOAD_BYTES;
    payload.truncate(MAX_PAYLOAD_BYTES);
    if !payload.is_empty() {
        let cut = longer || read.is_err();
        // Nobody is to be told: `status` counts what was not kept.
        let _ = Home::find(world)
            .map_err(io::Error::other)
            .and_then(|home| spool::append(&home.spool(), harness, world.now(), &payload, cut));
    }
    if longer {
        // The rest is read and dropped: a closed pipe would be an error of the harness's write.
        io::copy(&mut input, &mut io::sink())?;
    }
    Ok(())
}

/// An input that is not waited for without end: the tool would wait with us.
struct Patient<R>(R);

impl<R: Read + AsFd> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ready = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut ready, Some(&PATIENCE)) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => self.0.read(buffer),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool;
    use crate::world::still::Still;
    use std::fs::File;

    fn world(folder: &tempfile::TempDir) -> Still {
        let mut world = Still::at(7);
        world
            .env
            .insert("AIWORKLAB_HOME", folder.path().join("home").into());
        world
    }

    fn said(folder: &tempfile::TempDir, payload: &[u8]) -> File {
        let path = folder.path().join("payload");
        std::fs::write(&path, payload).unwrap();
        File::open(path).unwrap()
    }

    fn kept(folder: &tempfile::TempDir) -> Vec<spool::Record> {
        let mut batches = spool::take(&folder.path().join("home/spool"), 1, 1).unwrap();
        let mut records = Vec::new();
        for batch in &mut batches {
            records.extend(std::iter::from_fn(|| batch.read_next().unwrap()));
        }
        records
    }

    #[test]
    fn a_payload_is_kept_as_it_was_said() {
        let folder = tempfile::tempdir().unwrap();
        take(
            &world(&folder),
            Some("claude-code".into()),
            said(&folder, b"{}"),
        )
        .unwrap();
        let records = kept(&folder);
        assert_eq!(records.len(), 1);
        assert_eq!(
            (records[0].payload.as_slice(), records[0].cut, records[0].at),
            (&b"{}"[..], false, 7)
        );
    }

    #[test]
    fn of_a_huge_payload_a_mebibyte_is_kept_and_marked_and_all_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut input = said(&folder, &vec![b'x'; 3 * MAX_PAYLOAD_BYTES]);
        take(
            &world(&folder),
            Some("claude-code".into()),
            input.try_clone().unwrap(),
        )
        .unwrap();
        assert_eq!(
            input.read(&mut [0; 1]).unwrap(),
            0,
            "nothing is left in the pipe"
        );
        let records = kept(&folder);
        assert_eq!(
            (records[0].payload.len(), records[0].cut),
            (MAX_PAYLOAD_BYTES, true)
        );
        std::fs::remove_dir_all(folder.path().join("home")).unwrap();
        let exact = said(&folder, &vec![b'x'; MAX_PAYLOAD_BYTES]);
        take(&world(&folder), Some("claude-code".into()), exact).unwrap();
        assert!(!kept(&folder)[0].cut);
    }

    #[test]
    fn another_word_than_a_harness_and_silence_keep_nothing() {
        let folder = tempfile::tempdir().unwrap();
        take(&world(&folder), Some("emacs".into()), said(&folder, b"{}")).unwrap();
        take(&world(&folder), None, said(&folder, b"{}")).unwrap();
        take(
            &world(&folder),
            Some("claude-code".into()),
            said(&folder, b""),
        )
        .unwrap();
        take(
            &Still::at(7),
            Some("claude-code".into()),
            said(&folder, b"{}"),
        )
        .unwrap();
        assert!(!folder.path().join("home").exists());
    }
}
