//! macOS and Windows: what their own programs print, read on any system so that a test can.

use super::{Finding, Verdict};
#[cfg(any(target_os = "macos", windows))]
use std::{path::Path, time::Duration};

#[cfg(any(target_os = "macos", windows))]
const WAIT: Duration = Duration::from_secs(5);

/// What `fdesetup status` says, on standard output.
#[must_use]
pub fn fdesetup(text: &str) -> Finding {
    let first = text.lines().next().unwrap_or_default().trim();
    if text.contains("in progress") {
        return Finding::unsure(format!(
            "FileVault is not done with the disk: {}.",
            text.trim()
        ));
    }
    match first {
        "FileVault is On." => Finding::of(
            Verdict::Encrypted,
            "FileVault is on, says `fdesetup status`.",
        ),
        "FileVault is Off." => {
            Finding::of(Verdict::Plain, "FileVault is off, says `fdesetup status`.")
        }
        _ => Finding::unsure("`fdesetup status` gave no answer that this program knows."),
    }
}

/// What the Windows shell says of a drive: its property `System.Volume.BitLockerProtection`, a number.
/// Unlike `manage-bde` it needs no administrator and is in no language.
#[must_use]
pub fn bitlocker_property(text: &str) -> Option<Finding> {
    let (verdict, what) = match text.trim().parse::<u8>().ok()? {
        1 => (Verdict::Encrypted, "BitLocker is on"),
        2 => (Verdict::Plain, "BitLocker is off"),
        3 => (Verdict::Unsure, "BitLocker is still encrypting the drive"),
        4 => (Verdict::Unsure, "BitLocker is decrypting the drive"),
        5 => (
            Verdict::Unsure,
            "BitLocker is suspended: the key lies on the drive in the open",
        ),
        6 => (
            Verdict::Encrypted,
            "BitLocker is on and the drive is locked",
        ),
        8 => (
            Verdict::Unsure,
            "BitLocker waits to be activated: the key lies on the drive in the open",
        ),
        _ => return None,
    };
    Some(Finding::of(
        verdict,
        format!("{what}, says the Windows shell."),
    ))
}

/// What `manage-bde -status C:` says, in English; needs an administrator.
#[must_use]
pub fn manage_bde(text: &str) -> Finding {
    let value = |name: &str| {
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let (Some(conversion), Some(protection)) =
        (value("Conversion Status"), value("Protection Status"))
    else {
        return Finding::unsure("`manage-bde -status` gave no answer that this program knows.");
    };
    let says = format!("BitLocker: {conversion}, {protection}, says `manage-bde -status`.");
    // "Used Space Only" leaves what was written before unencrypted; what is written now is encrypted.
    let verdict = match (conversion.as_str(), protection.as_str()) {
        ("Fully Encrypted" | "Used Space Only Encrypted", "Protection On") => Verdict::Encrypted,
        ("Fully Decrypted", _) => Verdict::Plain,
        _ => Verdict::Unsure,
    };
    Finding::of(verdict, says)
}

#[cfg(target_os = "macos")]
pub(super) fn macos(path: &Path) -> Finding {
    let says = format!("{} lies on the system's volume.", path.display());
    // `fdesetup` speaks of the volume that the system starts from.
    if path.starts_with("/Volumes") || path.starts_with("/Network") {
        return Finding::unsure(format!(
            "{} lies on a volume of its own, and whether that one is encrypted is not known.",
            path.display()
        ));
    }
    match crate::run::output("/usr/bin/fdesetup", &["status"], WAIT) {
        Ok(said) => Finding::under(says, fdesetup(&said.out)),
        Err(error) => Finding::under(
            says,
            Finding::unsure(format!("`fdesetup` could not be asked: {error}.")),
        ),
    }
}

#[cfg(windows)]
pub(super) fn windows(path: &Path) -> Finding {
    use std::path::{Component, Prefix};
    let letter = match path.components().next() {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) if letter.is_ascii_alphabetic() => {
                char::from(letter)
            }
            _ => return Finding::unsure(format!("{} lies on another machine.", path.display())),
        },
        _ => return Finding::unsure(format!("The drive of {} is not known.", path.display())),
    };
    let says = format!("{} lies on drive {letter}:.", path.display());
    let property = format!(
        "(New-Object -ComObject Shell.Application).NameSpace('{letter}:').Self.ExtendedProperty(\
         'System.Volume.BitLockerProtection')"
    );
    let shell = [
        "-NoProfile",
        "-NonInteractive",
        "-Command",
        property.as_str(),
    ];
    let asked = crate::run::output("powershell.exe", &shell, WAIT).ok();
    if let Some(finding) = asked.and_then(|said| bitlocker_property(&said.out)) {
        return Finding::under(says, finding);
    }
    let drive = format!("{letter}:");
    match crate::run::output("manage-bde.exe", &["-status", &drive], WAIT) {
        Ok(said) => Finding::under(says, manage_bde(&said.out)),
        Err(error) => Finding::under(
            says,
            Finding::unsure(format!("`manage-bde` could not be asked: {error}.")),
        ),
    }
}
