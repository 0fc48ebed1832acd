//! The Unix socket between the hook and the agent: what goes over it, and the hook's end of it.
//!
//! `agent.sock` in the client's folder, or the one that `AIWORKLAB_SOCKET` names (forwarded into a dev
//! container, or over SSH). One side sends records as they lie in the spool, the other answers each with a
//! few bytes: taken or not, and what the harness is to be given to show, if anything.
//!
//! Invariant: nobody waits here for longer than they said, and nothing is sent to a socket that
//! belongs to somebody else.

use crate::edges::Stopwatch;
use crate::home::Home;
use crate::world::World;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest path of a socket that Linux takes, in bytes.
pub const MAX_PATH_BYTES: usize = 107;
/// Most bytes of an answer's text.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// What stands before an answer's text: magic, what became of it, the text's length.
pub const ANSWER_HEADER_BYTES: usize = 8;
/// Asks the agent how it is, in place of a record.
pub const HOW_ARE_YOU: [u8; 4] = [0xff, b'A', b'W', b'?'];

const ANSWER_MAGIC: [u8; 3] = [0xfe, b'A', b'W'];
const TAKEN: u8 = 0;
const NOT_TAKEN: u8 = 1;

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the record stands in the agent's spool.
    pub taken: bool,
    /// What the harness is to be given, byte by byte; or the agent's state, if that was asked for.
    pub text: Vec<u8>,
}

impl Answer {
    /// As it goes over the socket; a text beyond the limit is left out.
    pub fn bytes(&self) -> Vec<u8> {
        let text: &[u8] = if self.text.len() > MAX_TEXT_BYTES {
            &[]
        } else {
            &self.text
        };
        let length = u32::try_from(text.len()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(ANSWER_HEADER_BYTES + text.len());
        bytes.extend_from_slice(&ANSWER_MAGIC);
        bytes.push(if self.taken { TAKEN } else { NOT_TAKEN });
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(text);
        bytes
    }

    /// Whether it is taken and how long the text is.
    fn header(head: [u8; ANSWER_HEADER_BYTES]) -> Option<(bool, usize)> {
        let [a, b, c, what, length @ ..] = head;
        let length = u32::from_le_bytes(length) as usize;
        let ours = [a, b, c] == ANSWER_MAGIC && length <= MAX_TEXT_BYTES;
        match (ours, what) {
            (true, TAKEN) => Some((true, length)),
            (true, NOT_TAKEN) => Some((false, length)),
            _ => None,
        }
    }
}

/// The agent's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is.
    pub path: PathBuf,
    /// Whether the environment named it: then it may lead to another machine.
    pub named: bool,
}

impl Place {
    /// The one that the environment names, else the one in the client's folder.
    pub fn find(world: &dyn World, home: Option<&Home>) -> Option<Self> {
        let named = world.env("AIWORKLAB_SOCKET").map(PathBuf::from);
        if let Some(path) = named.filter(|path| path.is_absolute()) {
            let own = home.is_some_and(|home| home.socket() == path);
            return Some(Self { path, named: !own });
        }
        home.map(|home| Self {
            path: home.socket(),
            named: false,
        })
    }
}

/// A path to a socket as the system takes it. One that is too long is reached by its open folder, which
/// has to stay open as long as the path is used.
///
/// # Errors
/// Whatever the system says of the folder; [`io::ErrorKind::InvalidFilename`] where the system has no such way.
pub fn short(path: &Path) -> io::Result<(PathBuf, Option<OwnedFd>)> {
    if path.as_os_str().len() <= MAX_PATH_BYTES {
        return Ok((path.to_owned(), None));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    let folder = rustix::fs::open(
        folder,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let short = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    if short.as_os_str().len() > MAX_PATH_BYTES || !Path::new("/proc/self/fd").exists() {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    Ok((short, Some(folder)))
}

/// An open way to the agent.
#[derive(Debug)]
pub struct Line {
    socket: OwnedFd,
    watch: Stopwatch,
    patience: Duration,
}

impl Line {
    /// Opens it, if somebody listens there who is us, or root; waits for nothing.
    ///
    /// # Errors
    /// Whatever the system says: mostly that nobody is there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let watch = Stopwatch::start();
        let (short, _folder) = short(path)?;
        let address = SocketAddrUnix::new(&short)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&socket, &address)?;
        let own = rustix::process::geteuid();
        let peer = sockopt::socket_peercred(&socket)?.uid;
        if peer != own && !peer.is_root() && !own.is_root() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self {
            socket,
            watch,
            patience: Duration::ZERO,
        })
    }

    /// Hands over one record (or a question) and waits for the answer, in all as long as `patience` from
    /// when the line was opened, or from the last exchange on.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`], or whatever the system says. The record may have been taken all the same.
    pub fn exchange(&mut self, frame: &[u8], patience: Duration) -> io::Result<Answer> {
        self.patience = patience;
        let mut sent = 0;
        while sent < frame.len() {
            match rustix::net::send(&self.socket, &frame[sent..], SendFlags::NOSIGNAL) {
                Ok(n) => sent += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.ready(PollFlags::OUT)?,
                Err(error) => return Err(error.into()),
            }
        }
        let mut head = [0; ANSWER_HEADER_BYTES];
        self.fill(&mut head)?;
        let (taken, length) = Answer::header(head).ok_or(io::ErrorKind::InvalidData)?;
        let mut text = vec![0; length];
        self.fill(&mut text)?;
        self.watch = Stopwatch::start();
        Ok(Answer { taken, text })
    }

    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        let mut got = 0;
        while got < buffer.len() {
            match rustix::net::recv(&self.socket, &mut buffer[got..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((n, _)) => got += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.ready(PollFlags::IN)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until something can be sent or read, or until the patience is over.
    fn ready(&self, what: PollFlags) -> io::Result<()> {
        let left = self.patience.saturating_sub(self.watch.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&self.socket, what)], Some(&left)) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::still::Still;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    const AGES: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_comes_back_as_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let answer = Answer {
            taken: true,
            text: b"{\"a\":1}".to_vec(),
        };
        let bytes = answer.bytes();
        let agent = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = [0; 5];
            stream.read_exact(&mut heard).unwrap();
            // In two pieces.
            stream.write_all(&bytes[..3]).unwrap();
            stream.write_all(&bytes[3..]).unwrap();
            heard
        });
        let mut line = Line::open(&path).unwrap();
        assert_eq!(line.exchange(b"hello", AGES).unwrap(), answer);
        assert_eq!(&agent.join().unwrap(), b"hello");
    }

    #[test]
    fn nobody_is_waited_for_who_is_silent_gone_or_speaks_another_language() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        assert!(Line::open(&path).is_err(), "nobody there");
        let listener = UnixListener::bind(&path).unwrap();
        let mut line = Line::open(&path).unwrap();
        let silent = line.exchange(b"x", Duration::from_millis(1)).unwrap_err();
        assert_eq!(silent.kind(), io::ErrorKind::TimedOut);
        // A socket that never reads takes no more than its buffer, and holds nobody up.
        let mut line = Line::open(&path).unwrap();
        let much = vec![0; 16 * 1024 * 1024];
        let full = line.exchange(&much, Duration::from_millis(1)).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::TimedOut);
        for said in [
            &b"HTTP/1.1 400"[..],
            b"\xfeAW\x00\xff\xff\xff\xff",
            b"\xfeAW\x07\0\0\0\0",
        ] {
            let mut line = Line::open(&path).unwrap();
            let heard = std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..3 {
                        let (mut stream, _) = listener.accept().unwrap();
                        let mut byte = [0; 1];
                        if stream.read(&mut byte).unwrap_or(0) == 1 && byte == *b"?" {
                            stream.write_all(said).unwrap();
                            return;
                        }
                    }
                });
                line.exchange(b"?", AGES).unwrap_err()
            });
            assert_eq!(heard.kind(), io::ErrorKind::InvalidData, "{said:?}");
        }
        drop(listener);
        assert!(Line::open(&path).is_err(), "a dead agent's socket");
    }

    #[test]
    fn a_path_that_is_too_long_is_reached_by_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("agent.sock");
        let (near, _open) = short(&path).unwrap();
        let listener = UnixListener::bind(&near).unwrap();
        assert!(path.exists());
        let _line = Line::open(&path).unwrap();
        listener.accept().unwrap();
        let long = folder.path().join("n".repeat(150));
        assert_eq!(
            short(&long).unwrap_err().kind(),
            io::ErrorKind::InvalidFilename
        );
    }

    #[test]
    fn the_environment_names_the_socket_before_the_folder_does() {
        let home = Home::at("/home/ada/.aiworklab");
        let mut world = Still::at(1);
        let place = |world: &Still| Place::find(world, Some(&home));
        assert_eq!(place(&world).unwrap().path, home.socket());
        assert_eq!(Place::find(&world, None), None);
        world.env.insert("AIWORKLAB_SOCKET", "not/absolute".into());
        assert!(!place(&world).unwrap().named);
        world
            .env
            .insert("AIWORKLAB_SOCKET", "/run/host.sock".into());
        assert_eq!(
            Place::find(&world, None),
            Some(Place {
                path: "/run/host.sock".into(),
                named: true
            })
        );
        world.env.insert("AIWORKLAB_SOCKET", home.socket().into());
        assert!(!place(&world).unwrap().named);
    }
}
