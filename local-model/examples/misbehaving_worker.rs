//! A worker whose engine does what it is told, bad things above all. Only tests start it.
//!
//! At its start it does what the "model's" file says, in words; for each job, what the prefix says.
//! Named `silent…`, `foreign…` or `leaves…`, it misbehaves before it is a worker at all.

use local_model::wire::{self, FromWorker};
use local_model::worker::{Engine, run};
use local_model::{About, Continuations, Embedding, Likelihood, Loaded, Reason, Spec};
use rustix::process::{Signal, getpid, kill_process};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    if args.next().as_deref() != Some("model-worker") {
        eprintln!("only tests start this");
        return ExitCode::from(2);
    }
    let name = name.rsplit('/').next().unwrap_or_default();
    match name {
        "silent" => forever(),
        "foreign" => {
            let build = "9.9.9".to_owned();
            say(&wire::encode(&FromWorker::Hello {
                protocol: 99,
                build,
            })
            .unwrap_or_default());
            forever()
        }
        "noisy" => {
            say(&u32::MAX.to_le_bytes());
            forever()
        }
        "leaves" => {
            eprintln!("I would rather not\u{1b}[2J");
            ExitCode::from(7)
        }
        _ => run(load),
    }
}

fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

fn signal_self(signal: Signal) -> ! {
    // More than once: the standard library's handler of SIGSEGV takes itself away at the first.
    loop {
        let _ = kill_process(getpid(), signal);
    }
}

/// Raw bytes to the server.
fn say(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(size @ 1..) = rustix::io::write(rustix::stdio::stdin(), rest) {
        rest = &rest[size..];
    }
}

/// Waits until another file lies where the model was, and says how reading it went.
fn swapped(spec: &Spec) -> Reason {
    let path = spec.generator.as_ref().map(|file| file.path.clone());
    let path = path.unwrap_or_default();
    let inode = || std::fs::metadata(&path).map(|found| found.ino()).ok();
    let first = inode();
    eprintln!("waiting");
    while inode() == first {
        std::thread::yield_now();
    }
    let cause = match std::fs::read_to_string(&path) {
        Ok(text) => format!("it could be read: {text}"),
        Err(e) => e.to_string(),
    };
    let path = path.display().to_string();
    Reason::File { path, cause }
}

fn load(spec: &Spec) -> Result<Box<dyn Engine>, Reason> {
    let told = match &spec.generator {
        Some(file) => std::fs::read_to_string(&file.path).map_err(|e| Reason::File {
            path: file.path.display().to_string(),
            cause: e.to_string(),
        })?,
        None => String::new(),
    };
    match told.trim() {
        "hang" => forever(),
        "die" => signal_self(Signal::SEGV),
        "illegal" => signal_self(Signal::ILL),
        "panic" => panic!("told to at the start"),
        "wait" => return Err(swapped(spec)),
        "refuse" => {
            return Err(Reason::Engine {
                cause: "told\nto".to_owned(),
            });
        }
        _ => {}
    }
    // As engines do: a thread that was there before the sandbox was tightened.
    let (ask, asked) = std::sync::mpsc::channel::<String>();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for path in asked {
            if tell.send(File::open(path).map(drop)).is_err() {
                break;
            }
        }
    });
    let part = |name: &str| Loaded {
        name: name.to_owned(),
        ..Loaded::default()
    };
    Ok(Box::new(Told {
        about: About {
            engine: "told".to_owned(),
            generator: spec.generator.as_ref().map(|_| part("told")),
            embedder: spec.embedder.as_ref().map(|_| part("told")),
        },
        eaten: Vec::new(),
        older_thread: (ask, told),
    }))
}

type OlderThread = (
    std::sync::mpsc::Sender<String>,
    std::sync::mpsc::Receiver<Result<(), Error>>,
);

struct Told {
    about: About,
    eaten: Vec<Vec<u8>>,
    older_thread: OlderThread,
}

impl Engine for Told {
    fn score(&mut self, jobs: &[Continuations]) -> Result<Vec<Vec<Likelihood>>, String> {
        for job in jobs {
            self.act(&job.prefix)?;
        }
        let score = |text: &String| Likelihood {
            log: -(text.len() as f64),
            tokens: 1,
        };
        Ok(jobs
            .iter()
            .map(|job| job.continuations.iter().map(score).collect())
            .collect())
    }

    fn embed(&mut self, texts: &[String]) -> Result<Vec<Embedding>, String> {
        Ok(texts.iter().map(|_| vec![0.6, 0.8]).collect())
    }

    fn about(&self) -> About {
        self.about.clone()
    }
}

impl Told {
    /// `Ok` if it could be done, the system's answer if not.
    fn act(&mut self, told: &str) -> Result<(), String> {
        let (act, what) = told.split_once(' ').unwrap_or((told, ""));
        let done = match act {
            "hang" => forever(),
            "die" => signal_self(Signal::SEGV),
            "illegal" => signal_self(Signal::ILL),
            "abort" => std::process::abort(),
            "panic" => panic!("told to"),
            "eat" => loop {
                self.eaten.push(vec![1; 16 << 20]);
            },
            "huge-frame" => {
                say(&u32::MAX.to_le_bytes());
                forever()
            }
            "garbage" => {
                say(b"\x05\0\0\0what?");
                forever()
            }
            "half-frame" => {
                say(b"\xff\0\0\0{\"done\"");
                signal_self(Signal::KILL)
            }
            "other-answer" => {
                let answer = wire::Answer::Embed(vec![]);
                let other = FromWorker::Done { id: 77, answer };
                say(&wire::encode(&other).unwrap_or_default());
                forever()
            }
            "answer-and-go-on" => {
                // The first job of a process has the number 1.
                let answer = wire::Answer::Score(vec![vec![Likelihood {
                    log: -1.0,
                    tokens: 1,
                }]]);
                let done = FromWorker::Done { id: 1, answer };
                let mut bytes = wire::encode(&done).unwrap_or_default();
                bytes.extend(b"and another thing");
                say(&bytes);
                forever()
            }
            "chatter" => {
                for n in 0..5_000 {
                    eprintln!("chatter {n} {}", "x".repeat(200));
                }
                Ok(())
            }
            _ => forbidden(act, what, &self.older_thread),
        };
        done.map_err(|e: Error| format!("{act}: {e}"))
    }
}

fn forbidden(act: &str, what: &str, older: &OlderThread) -> Result<(), Error> {
    use rustix::net::{AddressFamily, SocketType};
    let socket = |family| rustix::net::socket(family, SocketType::STREAM, None).map(drop);
    let none = || Error::other("no such act");
    match act {
        "socket-inet" => Ok(socket(AddressFamily::INET)?),
        "socket-inet6" => Ok(socket(AddressFamily::INET6)?),
        "socket-unix" => Ok(socket(AddressFamily::UNIX)?),
        "socket-netlink" => Ok(socket(AddressFamily::NETLINK)?),
        "socket-packet" => Ok(socket(AddressFamily::PACKET)?),
        "socket-vsock" => Ok(socket(AddressFamily::VSOCK)?),
        "connect" => std::net::TcpStream::connect("127.0.0.1:9").map(drop),
        "read" => File::open(what).map(drop),
        "read-on-an-older-thread" => {
            older.0.send(what.to_owned()).map_err(|_| none())?;
            older.1.recv().map_err(|_| none())?
        }
        "list" => std::fs::read_dir(what).map(drop),
        "look" => std::fs::metadata(what).map(drop),
        "write" => OpenOptions::new().append(true).open(what).map(drop),
        "create" => File::create(what).map(drop),
        "folder" => std::fs::create_dir(what),
        "remove" => std::fs::remove_file(what),
        "move" => std::fs::rename(what, format!("{what}.moved")),
        "mode" => std::fs::set_permissions(what, Permissions::from_mode(0o777)),
        "link" => std::os::unix::fs::symlink("/", what),
        "cut" => OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(what)
            .map(drop),
        "fork" => Command::new("/bin/true").spawn().map(drop),
        "exec" => {
            let program = c"/bin/true";
            nix::unistd::execv(program, &[program])?;
            Ok(())
        }
        "signal" => {
            let parent = rustix::process::getppid().ok_or_else(none)?;
            Ok(rustix::process::test_kill_process(parent)?)
        }
        "pidfd" => {
            let parent = rustix::process::getppid().ok_or_else(none)?;
            let flags = rustix::process::PidfdFlags::empty();
            Ok(rustix::process::pidfd_open(parent, flags).map(drop)?)
        }
        "namespace" => Ok(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER)?),
        "executable-memory" => {
            let made = memmap2::MmapMut::map_anon(4096)?;
            made.make_exec().map(drop)
        }
        "memory-file" => {
            let flags = rustix::fs::MemfdFlags::empty();
            Ok(rustix::fs::memfd_create(c"x", flags).map(drop)?)
        }
        "more-memory" => {
            let limit = rustix::process::Rlimit {
                current: None,
                maximum: None,
            };
            Ok(rustix::process::setrlimit(
                rustix::process::Resource::Data,
                limit,
            )?)
        }
        "dumpable" => {
            let on = rustix::process::DumpableBehavior::Dumpable;
            Ok(rustix::process::set_dumpable_behavior(on)?)
        }
        "folder-change" => std::env::set_current_dir("/tmp"),
        // Allowed, or no engine would run.
        "thread" => {
            let worked = std::thread::spawn(|| 1).join();
            worked.map(drop).map_err(|_| none())
        }
        "speak" => std::io::stderr().write_all(b"I speak\n"),
        "" | "fine" => Ok(()),
        _ => Err(none()),
    }
}
