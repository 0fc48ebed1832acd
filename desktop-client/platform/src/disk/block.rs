//! The walk over sysfs, from a block device down to the disks that it is made of.

use super::linux::Under;
use super::{Finding, Verdict};
use std::fs;
use std::path::{Path, PathBuf};

/// Which targets of device-mapper encrypt; `verity` and `integrity` carry the same prefix and do not.
const ENCRYPTS: [(&str, &str); 8] = [
    ("CRYPT-LUKS1-", "LUKS1"),
    ("CRYPT-LUKS2-", "LUKS2"),
    ("CRYPT-PLAIN-", "plain dm-crypt"),
    ("CRYPT-TCRYPT-", "TrueCrypt or VeraCrypt"),
    ("CRYPT-BITLK-", "BitLocker"),
    ("CRYPT-FVAULT2-", "FileVault 2"),
    ("CRYPT-LOOPAES-", "loop-AES"),
    ("CRYPT-LUKS-", "LUKS"),
];
/// Names of devices that lie on another machine.
const REMOTE: [&str; 3] = ["nbd", "rbd", "drbd"];

fn text(path: PathBuf) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What is known of the block device with these numbers.
pub(super) fn numbered(under: &Under<'_>, device: (u32, u32), depth: u8) -> Finding {
    let (major, minor) = device;
    let link = under.root.join(format!("sys/dev/block/{major}:{minor}"));
    match link.canonicalize() {
        Ok(folder) => walk(under, &folder, depth),
        Err(_) => Finding::unsure(format!(
            "Block device {major}:{minor} is not described under /sys/dev/block."
        )),
    }
}

/// What is known of the block device with this name, such as `dm-0` or `sda2`.
pub(super) fn named(under: &Under<'_>, name: &str, depth: u8) -> Finding {
    match under.root.join("sys/class/block").join(name).canonicalize() {
        Ok(folder) => walk(under, &folder, depth),
        Err(_) => Finding::unsure(format!("{name} is not described under /sys/class/block.")),
    }
}

/// What is known of the block device that sysfs describes in `folder`.
fn walk(under: &Under<'_>, folder: &Path, depth: u8) -> Finding {
    let name = folder.file_name().map_or_else(
        || "a device".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let Some(depth) = depth.checked_sub(1) else {
        return Finding::unsure(format!("{name} lies on too many layers to follow."));
    };
    let uuid = text(folder.join("dm/uuid"));
    let mapped = text(folder.join("dm/name"));
    let called = mapped.map_or_else(|| name.clone(), |mapped| format!("{name} ({mapped})"));
    if let Some((_, how)) = uuid
        .as_deref()
        .and_then(|uuid| ENCRYPTS.iter().find(|(prefix, _)| uuid.starts_with(prefix)))
    {
        return Finding::of(
            Verdict::Encrypted,
            format!("{called} is encrypted with {how}, by its device-mapper uuid."),
        );
    }
    if let Some(below) = slaves(folder) {
        let what = match uuid.as_deref() {
            Some(uuid) if uuid.starts_with("LVM-") => "is a logical volume",
            Some(uuid) if uuid.contains("mpath-") => "is reached by several paths",
            Some(uuid) if uuid.starts_with("CRYPT-VERITY-") => {
                "is checked by dm-verity, not encrypted,"
            }
            Some(uuid) if uuid.starts_with("CRYPT-INTEGRITY-") => {
                "is checked by dm-integrity, not encrypted,"
            }
            Some(_) => "is a device-mapper target",
            None if folder.join("md").exists() => "is a RAID array",
            None if folder.join("bcache").exists() => "is a cached device",
            None => "is a device",
        };
        let names: Vec<_> = below.iter().map(|(name, _)| name.as_str()).collect();
        let says = format!("{called} {what} on {}.", names.join(", "));
        return Finding::under(
            says,
            all(below.iter().map(|(_, folder)| walk(under, folder, depth))),
        );
    }
    if folder.join("partition").exists() {
        return match folder.parent() {
            Some(disk) => {
                let on = disk.file_name().unwrap_or_default().to_string_lossy();
                Finding::under(
                    format!("{called} is a partition of {on}."),
                    walk(under, disk, depth),
                )
            }
            None => Finding::unsure(format!("The disk of {called} is not described.")),
        };
    }
    if let Some(file) = text(folder.join("loop/backing_file")) {
        if file.ends_with(" (deleted)") {
            return Finding::unsure(format!("{called} is a file that was deleted: {file}."));
        }
        let file = PathBuf::from(file);
        let says = format!("{called} is the file {}.", file.display());
        return Finding::under(says, under.path(&file, None, depth));
    }
    if name.starts_with("zram") {
        return match text(folder.join("backing_dev")).filter(|device| device != "none") {
            None => Finding::of(
                Verdict::Encrypted,
                format!("{called} is memory and reaches no disk."),
            ),
            Some(device) => Finding::unsure(format!(
                "{called} is memory that is written back to {device}."
            )),
        };
    }
    if REMOTE.iter().any(|remote| name.starts_with(remote)) {
        return Finding::unsure(format!("{called} lies on another machine."));
    }
    if uuid.is_some() {
        return Finding::unsure(format!(
            "{called} does not say which devices it is made of."
        ));
    }
    let kind = if name.starts_with("vd") || name.starts_with("xvd") {
        "the disk of a virtual machine, with no encryption of this system above it; whether its host encrypts \
         it cannot be seen from here"
    } else {
        "a disk, with no encryption of this system above it; whether the drive encrypts by itself cannot be \
         relied on"
    };
    Finding::of(Verdict::Plain, format!("{called} is {kind}."))
}

/// The devices that this one is made of, by name; `None` if it is made of none.
fn slaves(folder: &Path) -> Option<Vec<(String, PathBuf)>> {
    let mut found: Vec<_> = fs::read_dir(folder.join("slaves"))
        .ok()?
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            // One whose link leads nowhere is kept: it is then a disk of which nothing is known.
            let path = entry.path();
            (name, path.canonicalize().unwrap_or(path))
        })
        .collect();
    found.sort();
    (!found.is_empty()).then_some(found)
}

/// Of several devices that one thing lies on, all must be encrypted: the worst decides.
pub(super) fn all(each: impl Iterator<Item = Finding>) -> Finding {
    let mut worst = Verdict::Encrypted;
    let mut found = Vec::new();
    for finding in each {
        worst = worst.max(finding.verdict);
        found.extend(finding.found.into_iter().filter(|says| !says.is_empty()));
    }
    found.dedup();
    if found.is_empty() {
        return Finding::unsure("It is made of no device.");
    }
    Finding {
        verdict: worst,
        found,
    }
}
