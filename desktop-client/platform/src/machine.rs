//! What tells this installation from a copy of it.
//!
//! A home folder that is restored on another laptop, or an image that was cloned, must not go on writing
//! the stream of the first: two machines would then number different evidence alike. What is read here
//! stays the same over updates and reboots and differs between machines. It is returned as opaque bytes
//! for an HMAC under a key of the person's, and is never stored or sent as it is: `machine-id(5)` asks for
//! the same.

use std::path::Path;
#[cfg(not(target_os = "linux"))]
use std::time::Duration;

/// What identifies this installation, if anything could be read. Compare its HMAC, nothing else.
pub fn identity() -> Option<Vec<u8>> {
    #[cfg(target_os = "linux")]
    return identity_under(Path::new("/"));
    #[cfg(target_os = "macos")]
    return crate::run::output(
        "ioreg",
        &["-rd1", "-c", "IOPlatformExpertDevice"],
        Duration::from_secs(5),
    )
    .ok()
    .and_then(|said| platform_uuid(&said.out))
    .map(|id| marked("macos", &id));
    #[cfg(windows)]
    return crate::run::output(
        "reg",
        &[
            "query",
            r"HKLM\SOFTWARE\Microsoft\Cryptography",
            "/v",
            "MachineGuid",
            "/reg:64",
        ],
        Duration::from_secs(5),
    )
    .ok()
    .and_then(|said| machine_guid(&said.out))
    .map(|id| marked("windows", &id));
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    None
}

/// The same of a Linux system whose root folder is `root`: its machine id, which is made anew by whoever
/// clones an image with care, and the serial numbers of board and disk, which no copy takes along.
///
/// Only what every user may read is taken: else root and the person would find different machines.
pub fn identity_under(root: &Path) -> Option<Vec<u8>> {
    let read = |path: &str| {
        let text = std::fs::read_to_string(root.join(path)).ok()?;
        let text = text.trim();
        (!text.is_empty() && text != "uninitialized").then(|| text.to_owned())
    };
    let id = read("etc/machine-id").or_else(|| read("var/lib/dbus/machine-id"));
    let mut bytes = marked("linux", &id?);
    // The product's own numbers are root's to read; vendor, product and board are everyone's. A virtual
    // machine has its host's words here, so that a move to another kind of host counts as another machine.
    for name in ["sys_vendor", "product_name", "board_name"] {
        bytes.extend(marked(
            name,
            &read(&format!("sys/class/dmi/id/{name}")).unwrap_or_default(),
        ));
    }
    bytes.extend(marked("disk", &root_disk(root).unwrap_or_default()));
    Some(bytes)
}

/// The serial number, or world wide name, of the disk that `/` lies on.
fn root_disk(root: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    let line = mounts
        .lines()
        .rev()
        .find(|line| line.split(' ').nth(4) == Some("/"))?;
    let mut device = root
        .join("sys/dev/block")
        .join(line.split(' ').nth(2)?)
        .canonicalize()
        .ok()?;
    // Through what lies between file system and disk; of several disks the first by name stands for all.
    for _ in 0..16 {
        let slaves = std::fs::read_dir(device.join("slaves")).ok();
        let below = slaves.and_then(|all| all.flatten().map(|entry| entry.path()).min());
        match below.and_then(|path| path.canonicalize().ok()) {
            Some(below) => device = below,
            None if device.join("partition").exists() => device = device.parent()?.to_owned(),
            None => break,
        }
    }
    [
        "wwid",
        "device/wwid",
        "device/serial",
        "serial",
        "device/cid",
    ]
    .iter()
    .filter_map(|name| std::fs::read_to_string(device.join(name)).ok())
    .map(|text| text.trim().to_owned())
    .find(|text| !text.is_empty())
}

fn marked(name: &str, value: &str) -> Vec<u8> {
    // A length before each part: no two different machines give the same bytes.
    let mut bytes = Vec::new();
    for part in [name, value] {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part.as_bytes());
    }
    bytes
}

/// Out of `ioreg -rd1 -c IOPlatformExpertDevice`.
#[cfg(any(target_os = "macos", test))]
fn platform_uuid(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.contains("\"IOPlatformUUID\""))?;
    let value = line.split('"').nth(3)?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// Out of `reg query … /v MachineGuid`.
#[cfg(any(windows, test))]
fn machine_guid(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with("MachineGuid"))?;
    line.split_whitespace().nth(2).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    fn linux(id: &str, serial: &str) -> tempfile::TempDir {
        use std::fs::{create_dir_all, write};
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in [
            "etc",
            "proc/self",
            "sys/devices/nvme0/nvme0n1/nvme0n1p2",
            "sys/dev/block",
        ] {
            create_dir_all(at(folder)).unwrap();
        }
        write(at("etc/machine-id"), id).unwrap();
        write(
            at("proc/self/mountinfo"),
            "29 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n",
        )
        .unwrap();
        write(at("sys/devices/nvme0/nvme0n1/wwid"), serial).unwrap();
        write(at("sys/devices/nvme0/nvme0n1/nvme0n1p2/partition"), "2").unwrap();
        std::os::unix::fs::symlink(
            "../../devices/nvme0/nvme0n1/nvme0n1p2",
            at("sys/dev/block/259:2"),
        )
        .unwrap();
        root
    }

    #[cfg(unix)]
    #[test]
    fn a_restored_home_and_a_cloned_image_are_other_machines() {
        let of = |id, serial| identity_under(linux(id, serial).path());
        let here = of("0af1\n", "eui.1\n");
        assert!(here.is_some());
        assert_eq!(here, of("0af1\n", "eui.1\n"), "the same after a reboot");
        assert_ne!(here, of("0af2\n", "eui.1\n"), "another installation");
        assert_ne!(
            here,
            of("0af1\n", "eui.2\n"),
            "an image cloned with its machine-id"
        );
        assert_eq!(of("uninitialized\n", "eui.1"), None);
        assert_eq!(identity_under(Path::new("/no/such/root")), None);
    }

    #[test]
    fn the_ids_of_macos_and_windows_are_read_from_what_their_programs_print() {
        let ioreg = "+-o J314sAP  <class IOPlatformExpertDevice, id 0x100000227>\n    {\n      \
                     \"IOPlatformUUID\" = \"1B4C2E3F-0000-5D6E-8F90-A1B2C3D4E5F6\"\n    }\n";
        let uuid = platform_uuid(ioreg);
        assert_eq!(
            uuid.as_deref(),
            Some("1B4C2E3F-0000-5D6E-8F90-A1B2C3D4E5F6")
        );
        let reg = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\r\n    MachineGuid    REG_SZ    \
                   6f9619ff-8b86-d011-b42d-00c04fc964ff\r\n\r\n";
        let guid = machine_guid(reg);
        assert_eq!(
            guid.as_deref(),
            Some("6f9619ff-8b86-d011-b42d-00c04fc964ff")
        );
        assert_eq!(platform_uuid("ioreg: error"), None);
        assert_eq!(machine_guid("ERROR: The system was unable to find"), None);
    }
}
