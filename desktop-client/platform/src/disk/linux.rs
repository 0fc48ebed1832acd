//! Linux: from a path to its mount, by the kind of file system to its devices, and over sysfs to the disks.

use super::block::{all, named, numbered};
use super::mounts::{self, Mount};
use super::{Finding, Verdict};
use std::path::{Path, PathBuf};

/// More layers than this are followed by nobody: a loop, or a riddle.
const DEPTH: u8 = 16;
const NETWORK: [&str; 14] = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "ceph", "afs", "lustre", "gfs2",
    "ocfs2", "vboxsf", "prl_fs",
];

/// What has to be asked of a program or of the kernel; a test answers by itself.
pub trait Asked {
    /// `encryption` and `keystatus` of a ZFS dataset.
    fn zfs(&self, dataset: &str) -> Option<(String, String)>;

    /// Whether the kernel says that this file or folder is under an fscrypt policy.
    fn fscrypt(&self, path: &Path) -> Option<bool>;
}

/// Where `/proc` and `/sys` are read, and who is asked.
pub(super) struct Under<'a> {
    pub(super) root: &'a Path,
    asked: &'a dyn Asked,
    mounts: Vec<Mount>,
}

/// The finding on a Linux system whose `/proc` and `/sys` lie under `root`. `device` is what `stat` says
/// of the path, major and minor, where that is known: a mount that hides another is then not mistaken for it.
#[must_use]
pub fn encryption_under(
    root: &Path,
    path: &Path,
    device: Option<(u32, u32)>,
    asked: &dyn Asked,
) -> Finding {
    let Ok(text) = std::fs::read_to_string(root.join("proc/self/mountinfo")) else {
        return Finding::unsure(
            "/proc/self/mountinfo cannot be read, so it is not known what lies where.",
        );
    };
    let under = Under {
        root,
        asked,
        mounts: mounts::mounts(&text),
    };
    let mut finding = under.path(path, device, DEPTH);
    if finding.verdict != Verdict::Encrypted && asked.fscrypt(path) == Some(true) {
        finding = Finding::of(
            Verdict::Encrypted,
            format!(
                "{} is encrypted with fscrypt: the kernel marks it so.",
                path.display()
            ),
        );
    }
    // What is written to a file is not swapped; what this program holds in memory is, either way.
    if let Some(swap) = under
        .swap(DEPTH)
        .filter(|swap| swap.verdict != Verdict::Encrypted)
    {
        let how = if swap.verdict == Verdict::Plain {
            "is not encrypted"
        } else {
            "is perhaps not encrypted"
        };
        finding.found.push(format!(
            "Swap {how}, so memory of programs may reach the disk as it is: {}",
            swap.text()
        ));
    }
    finding
}

impl Under<'_> {
    /// What is known of the file system that `path` lies on.
    pub(super) fn path(&self, path: &Path, device: Option<(u32, u32)>, depth: u8) -> Finding {
        let shown = path.display();
        let Some(depth) = depth.checked_sub(1) else {
            return Finding::unsure(format!("{shown} lies on too many layers to follow."));
        };
        let Some(mount) = mounts::of(&self.mounts, path) else {
            return Finding::unsure(format!("{shown} lies on no mount that is known."));
        };
        let says = format!(
            "{shown} lies on {} ({}).",
            mount.point.display(),
            mount.kind
        );
        let hidden = device.is_some_and(|device| mount.device.0 != 0 && device != mount.device);
        if hidden {
            return Finding::under(
                says,
                Finding::unsure("Another mount hides it, and which one is not known."),
            );
        }
        Finding::under(says, self.mount(mount, depth))
    }

    fn mount(&self, mount: &Mount, depth: u8) -> Finding {
        let kind = mount.kind.as_str();
        match kind {
            "tmpfs" | "ramfs" => self.memory(kind, depth),
            "overlay" => self.overlay(mount, depth),
            "btrfs" => self.btrfs(mount, depth),
            "zfs" => self.zfs(&mount.source),
            "ecryptfs" => Finding::of(Verdict::Encrypted, "eCryptfs encrypts every file there."),
            _ if NETWORK.contains(&kind) => Finding::unsure(format!(
                "It is on another machine, {}, and how that one keeps it is not known.",
                mount.source
            )),
            _ if kind.starts_with("fuse") => Finding::unsure(format!(
                "A program provides it ({}), and how that one keeps it is not known.",
                mount.source
            )),
            _ if mount.device.0 != 0 => numbered(self, mount.device, depth),
            _ => Finding::unsure(format!(
                "The file system {kind} names no block device, and this program does not know how it keeps things."
            )),
        }
    }

    fn memory(&self, kind: &str, depth: u8) -> Finding {
        let memory = Finding::of(Verdict::Encrypted, "It is memory and reaches no disk.");
        match self.swap(depth).filter(|_| kind == "tmpfs") {
            None => memory,
            Some(swap) if swap.verdict == Verdict::Encrypted => Finding::under(
                "It is memory, which is swapped to an encrypted place.",
                swap,
            ),
            Some(swap) => Finding {
                verdict: Verdict::Unsure,
                found: Finding::under("It is memory, and memory may be swapped.", swap).found,
            },
        }
    }

    fn overlay(&self, mount: &Mount, depth: u8) -> Finding {
        let Some(upper) = mounts::option(&mount.options, "upperdir").map(PathBuf::from) else {
            return Finding::unsure("An overlay without an upper layer takes no writes.");
        };
        // Inside a container the option names a folder of the host, which is not to be seen from here.
        let seen = mounts::of(&self.mounts, &upper);
        if seen.is_none_or(|seen| seen.id == mount.id || seen.device == mount.device) {
            return Finding::unsure(
                "It is an overlay, as in a container, whose upper layer lies outside of what can be seen from here.",
            );
        }
        Finding::under(
            format!("It is an overlay that is written to {}.", upper.display()),
            self.path(&upper, None, depth),
        )
    }

    fn btrfs(&self, mount: &Mount, depth: u8) -> Finding {
        let Some(source) = self.device_name(&mount.source) else {
            return Finding::unsure(format!(
                "The device {} of btrfs is not known.",
                mount.source
            ));
        };
        let every = std::fs::read_dir(self.root.join("sys/fs/btrfs"))
            .into_iter()
            .flatten()
            .flatten();
        let mut devices: Vec<_> = every
            .map(|each| each.path().join("devices"))
            .filter(|devices| devices.join(&source).symlink_metadata().is_ok())
            .filter_map(|devices| std::fs::read_dir(devices).ok())
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        devices.sort();
        if devices.is_empty() {
            return Finding::unsure(format!(
                "Which devices btrfs uses beside {source} is not described under /sys/fs/btrfs."
            ));
        }
        Finding::under(
            format!("btrfs keeps it on {}.", devices.join(", ")),
            all(devices.iter().map(|name| named(self, name, depth))),
        )
    }

    /// The kernel's name of a device such as `/dev/mapper/home`: `dm-0`.
    fn device_name(&self, source: &str) -> Option<String> {
        let source = Path::new(source.strip_prefix("/dev/")?);
        let last = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
        if let Ok(mapped) = source.strip_prefix("mapper") {
            let mapped = mapped.to_string_lossy();
            let every = std::fs::read_dir(self.root.join("sys/class/block")).ok()?;
            return every.flatten().find_map(|entry| {
                let name = std::fs::read_to_string(entry.path().join("dm/name")).ok()?;
                (name.trim() == mapped).then(|| entry.file_name().to_string_lossy().into_owned())
            });
        }
        last(
            &self
                .root
                .join("dev")
                .join(source)
                .canonicalize()
                .unwrap_or_else(|_| source.to_owned()),
        )
    }

    fn zfs(&self, dataset: &str) -> Finding {
        let says = format!("It is the ZFS dataset {dataset}.");
        let finding = match self.asked.zfs(dataset) {
            None => Finding::unsure("`zfs get encryption` gave no answer."),
            Some((how, _)) if how == "off" => {
                Finding::of(Verdict::Plain, "Its property `encryption` is off.")
            }
            Some((how, key)) if key == "available" && how != "-" => Finding::of(
                Verdict::Encrypted,
                format!("Its property `encryption` is {how}, and its key is loaded."),
            ),
            Some((how, key)) => Finding::unsure(format!(
                "Its property `encryption` is {how}, and `keystatus` is {key}."
            )),
        };
        Finding::under(says, finding)
    }

    /// What is known of where memory is swapped to; `None` if nowhere.
    fn swap(&self, depth: u8) -> Option<Finding> {
        let text = std::fs::read_to_string(self.root.join("proc/swaps")).ok()?;
        let swaps = mounts::swaps(&text);
        if swaps.is_empty() {
            return None;
        }
        Some(all(swaps.iter().map(|(path, file)| {
            if *file {
                return self.path(path, None, depth);
            }
            match self.device_name(&path.to_string_lossy()) {
                Some(name) => named(self, &name, depth),
                None => {
                    Finding::unsure(format!("The swap device {} is not known.", path.display()))
                }
            }
        })))
    }
}

/// This machine.
#[cfg(target_os = "linux")]
pub(super) fn here(path: &Path) -> Finding {
    use std::os::unix::fs::MetadataExt;
    let device = std::fs::metadata(path).ok().map(|metadata| {
        let device = metadata.dev();
        (rustix::fs::major(device), rustix::fs::minor(device))
    });
    encryption_under(Path::new("/"), path, device, &Kernel)
}

#[cfg(target_os = "linux")]
struct Kernel;

#[cfg(target_os = "linux")]
impl Asked for Kernel {
    fn zfs(&self, dataset: &str) -> Option<(String, String)> {
        // A dataset's name begins with no dash; one that does is no argument of ours.
        if dataset.starts_with('-') {
            return None;
        }
        let args = ["get", "-H", "-o", "value", "encryption,keystatus", dataset];
        let said = crate::run::output("zfs", &args, std::time::Duration::from_secs(5)).ok()?;
        let mut lines = said.out.lines().map(str::trim);
        let both = (lines.next()?.to_owned(), lines.next()?.to_owned());
        said.ok.then_some(both)
    }

    fn fscrypt(&self, path: &Path) -> Option<bool> {
        /// `FS_ENCRYPT_FL` of <linux/fs.h>: what `lsattr` shows as E.
        const ENCRYPTED: u32 = 0x0800;
        let file = std::fs::File::open(path).ok()?;
        let flags = rustix::fs::ioctl_getflags(&file).ok()?;
        Some(flags.bits() & ENCRYPTED != 0)
    }
}
