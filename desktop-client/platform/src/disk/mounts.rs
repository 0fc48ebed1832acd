//! `/proc/self/mountinfo` and `/proc/swaps`, as proc(5) describes them.

use std::path::{Path, PathBuf};

/// One line of `mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) id: u64,
    /// Major and minor number of the device; major 0 stands for no block device.
    pub(super) device: (u32, u32),
    pub(super) point: PathBuf,
    pub(super) kind: String,
    pub(super) source: String,
    /// Options of the file system itself.
    pub(super) options: String,
}

/// All lines that are as they should be.
pub(super) fn mounts(text: &str) -> Vec<Mount> {
    text.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ');
    let id = before.next()?.parse().ok()?;
    let device = numbers(before.nth(1)?)?;
    let point = unescaped(before.nth(1)?).into();
    let mut after = after.split(' ');
    Some(Mount {
        id,
        device,
        point,
        kind: after.next()?.to_owned(),
        source: unescaped(after.next()?),
        options: after.next().unwrap_or_default().to_owned(),
    })
}

pub(super) fn numbers(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Space, tab, newline and backslash are written in octal.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let octal = (byte == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(code) => {
                out.push(code);
                rest = &after[3..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The mount that `path` lies on: the deepest, and of several at one point the last, which hides the others.
pub(super) fn of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let over = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    over.max_by_key(|mount| mount.point.components().count())
}

/// An option's value; a backslash stands before a comma or colon that belongs to it.
pub(super) fn option(options: &str, name: &str) -> Option<String> {
    let mut parts = vec![String::new()];
    // Written twice over: by the file system for itself, then by the kernel for the line.
    let options = unescaped(options);
    let mut letters = options.chars();
    while let Some(letter) = letters.next() {
        let last = parts.last_mut()?;
        match letter {
            ',' => parts.push(String::new()),
            '\\' => match letters.clone().next() {
                Some(next @ (',' | ':' | '\\')) => {
                    last.push(next);
                    letters.next();
                }
                _ => last.push('\\'),
            },
            letter => last.push(letter),
        }
    }
    parts
        .iter()
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        .map(str::to_owned)
}

/// Where memory is swapped to: each file or device of `/proc/swaps`, and whether it is a file.
pub(super) fn swaps(text: &str) -> Vec<(PathBuf, bool)> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let path = unescaped(words.next()?);
            Some((path.into(), words.next()? == "file"))
        })
        .collect()
}
