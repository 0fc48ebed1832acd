//! System calls made by the worker itself, at our word: the sandbox as native code in it would meet it.
//!
//! The worker's own report says what its self-test was refused. This asks again, and without its
//! help: the running process is stopped (`ptrace`), its registers are set to a call, one instruction
//! is stepped, and what the kernel answered is read. Then it goes on as if nothing had been. Only
//! root may do that, for the worker lets nobody of its own user look into it.

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;

/// The instruction `syscall`.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// What a call answers that a signal cut short, which the kernel begins anew: ERESTARTSYS and its kin.
const CUT_SHORT: std::ops::RangeInclusive<i64> = -516..=-512;
/// Kept free below the stack's top: the red zone of the x86-64 ABI, and room for it.
const BELOW_THE_STACK: u64 = 4096;

/// An argument of a call.
pub enum Arg<'a> {
    /// A number.
    Number(i64),
    /// The address of this text, with a zero behind it.
    Text(&'a str),
    /// The address of these bytes.
    Bytes(&'a [u8]),
}

/// A worker that is stopped. It goes on when this is dropped.
pub struct Inside {
    pid: Pid,
    saved: libc::user_regs_struct,
    instruction: u64,
}

impl Inside {
    /// Stops it.
    pub fn of(pid: u32) -> Self {
        let pid = Pid::from_raw(pid.try_into().expect("a pid"));
        ptrace::attach(pid).expect("root may stop and look into any process");
        let stopped = waitpid(pid, None).expect("it stops");
        assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
        Self {
            pid,
            saved: ptrace::getregs(pid).expect("its registers"),
            instruction: instruction_of(pid),
        }
    }

    /// Makes one call; what the kernel answered.
    pub fn call(&self, number: i64, args: &[Arg<'_>]) -> Result<i64, Errno> {
        let mut values = [0_u64; 6];
        let mut room = (self.saved.rsp - BELOW_THE_STACK) & !0xf;
        for (value, arg) in values.iter_mut().zip(args) {
            *value = match arg {
                Arg::Number(number) => number.cast_unsigned(),
                Arg::Text(text) => self.put(&mut room, &[text.as_bytes(), &[0]].concat()),
                Arg::Bytes(bytes) => self.put(&mut room, bytes),
            };
        }
        let regs = libc::user_regs_struct {
            rip: self.instruction,
            rax: number.cast_unsigned(),
            // Else the kernel would take it for the call that we cut short.
            orig_rax: u64::MAX,
            rdi: values[0],
            rsi: values[1],
            rdx: values[2],
            r10: values[3],
            r8: values[4],
            r9: values[5],
            rsp: room & !0xf,
            ..self.saved
        };
        ptrace::setregs(self.pid, regs).expect("registers can be set");
        ptrace::step(self.pid, None).expect("it can be stepped");
        let stepped = waitpid(self.pid, None).expect("it steps");
        assert!(
            matches!(stepped, WaitStatus::Stopped(..)),
            "call {number} ended it: {stepped:?}"
        );
        let answer = ptrace::getregs(self.pid).expect("its registers").rax;
        match answer.cast_signed() {
            error @ -4095..0 => Err(Errno::from_raw(i32::try_from(-error).unwrap_or(0))),
            value => Ok(value),
        }
    }

    /// Puts bytes below its stack; where they lie.
    fn put(&self, room: &mut u64, bytes: &[u8]) -> u64 {
        let words = bytes.chunks(8).map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            i64::from_ne_bytes(word)
        });
        *room -= (bytes.len() as u64).next_multiple_of(16);
        for (i, word) in words.enumerate() {
            let at = *room + 8 * i as u64;
            ptrace::write(self.pid, at as ptrace::AddressType, word)
                .expect("its stack is writable");
        }
        *room
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut regs = self.saved;
        // The kernel would have begun the call anew that our stop cut short; now we do.
        if regs.orig_rax.cast_signed() >= 0 && CUT_SHORT.contains(&regs.rax.cast_signed()) {
            regs.rax = regs.orig_rax;
            regs.rip -= 2;
        }
        regs.orig_rax = u64::MAX;
        let _ = ptrace::setregs(self.pid, regs);
        let _ = ptrace::detach(self.pid, None);
    }
}

/// Where in its own program a `syscall` stands. The program is read from its file, at the offsets at
/// which the process has it mapped.
fn instruction_of(pid: Pid) -> u64 {
    let program = fs::read(format!("/proc/{pid}/exe")).expect("root may read its program");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("root may read its maps");
    let hex = |text: &str| u64::from_str_radix(text, 16).expect("hexadecimal");
    for line in maps.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if !words[1].contains('x') || words.len() < 6 || !words[5].ends_with("aiworklab-appliance")
        {
            continue;
        }
        let (from, to) = words[0].split_once('-').expect("two addresses");
        let (from, offset) = (hex(from), hex(words[2]));
        let length = hex(to) - from;
        let mapped = usize::try_from(offset).expect("an offset")
            ..usize::try_from(offset + length)
                .expect("an end")
                .min(program.len());
        let found = program[mapped].windows(2).position(|two| two == SYSCALL);
        if let Some(at) = found {
            return from + at as u64;
        }
    }
    panic!("no system call in its program:\n{maps}")
}
