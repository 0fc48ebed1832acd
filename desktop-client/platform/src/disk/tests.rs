//! Trees of `/proc` and `/sys` as real machines have them, and what is to be found in them.

use super::linux::{Asked, encryption_under};
use super::mounts;
use super::others::{bitlocker_property, fdesetup, manage_bde};
use super::{Finding, Verdict};
use std::fs::{create_dir_all, write};
use std::os::unix::fs::symlink;
use std::path::Path;

/// A machine that is put together piece by piece.
struct Machine {
    root: tempfile::TempDir,
    mounts: String,
    next: u32,
    zfs: Option<(&'static str, &'static str)>,
    fscrypt: Option<bool>,
}

impl Asked for Machine {
    fn zfs(&self, _dataset: &str) -> Option<(String, String)> {
        self.zfs.map(|(how, key)| (how.to_owned(), key.to_owned()))
    }
    fn fscrypt(&self, _path: &Path) -> Option<bool> {
        self.fscrypt
    }
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            "proc/self",
            "sys/dev/block",
            "sys/class/block",
            "sys/devices",
            "sys/fs/btrfs",
        ] {
            create_dir_all(root.path().join(folder)).unwrap();
        }
        Self {
            root,
            mounts: String::new(),
            next: 0,
            zfs: None,
            fscrypt: None,
        }
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        create_dir_all(path.parent().unwrap()).unwrap();
        write(path, text).unwrap();
    }

    /// A block device at `sys/devices/<path>`; its numbers.
    fn device(&mut self, path: &str) -> (u32, u32) {
        self.next += 1;
        let device = (8, self.next);
        let folder = self.root.path().join("sys/devices").join(path);
        create_dir_all(folder.join("slaves")).unwrap();
        let name = path.rsplit('/').next().unwrap();
        symlink(&folder, self.root.path().join("sys/class/block").join(name)).unwrap();
        let numbers = format!("sys/dev/block/{}:{}", device.0, device.1);
        symlink(&folder, self.root.path().join(numbers)).unwrap();
        device
    }

    fn partition(&mut self, path: &str) -> (u32, u32) {
        let device = self.device(path);
        self.file(&format!("sys/devices/{path}/partition"), "1\n");
        device
    }

    /// A device-mapper target `name` over other devices.
    fn mapped(&mut self, name: &str, uuid: &str, over: &[&str]) -> (u32, u32) {
        let device = self.over(name, over);
        self.file(&format!("sys/devices/{name}/dm/uuid"), &format!("{uuid}\n"));
        self.file(
            &format!("sys/devices/{name}/dm/name"),
            &format!("{name}-mapped\n"),
        );
        device
    }

    fn over(&mut self, name: &str, over: &[&str]) -> (u32, u32) {
        let device = self.device(name);
        for slave in over {
            let last = slave.rsplit('/').next().unwrap();
            let link = self
                .root
                .path()
                .join(format!("sys/devices/{name}/slaves/{last}"));
            symlink(self.root.path().join("sys/devices").join(slave), link).unwrap();
        }
        device
    }

    fn mount(&mut self, device: (u32, u32), point: &str, rest: &str) {
        let id = 20 + self.mounts.lines().count();
        let (major, minor) = device;
        self.mounts.push_str(&format!(
            "{id} 1 {major}:{minor} / {point} rw,relatime shared:1 - {rest}\n"
        ));
    }

    fn of(&self, path: &str) -> Finding {
        self.with_device(path, None)
    }

    fn with_device(&self, path: &str, device: Option<(u32, u32)>) -> Finding {
        self.file("proc/self/mountinfo", &self.mounts);
        encryption_under(self.root.path(), Path::new(path), device, self)
    }

    fn swaps(&self, lines: &str) {
        let head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        self.file("proc/swaps", &format!("{head}{lines}"));
    }
}

fn verdict(finding: &Finding) -> Verdict {
    assert!(!finding.found.is_empty());
    for sentence in &finding.found {
        assert!(
            sentence.trim_end().ends_with('.'),
            "no sentence: {sentence:?}"
        );
    }
    finding.verdict
}

#[test]
fn a_plain_partition_is_plain_and_its_disk_is_named() {
    let mut machine = Machine::new();
    machine.device("nvme0n1");
    let device = machine.partition("nvme0n1/nvme0n1p2");
    machine.mount(device, "/", "ext4 /dev/nvme0n1p2 rw");
    let found = machine.with_device("/home/ada/.local", Some(device));
    assert_eq!(verdict(&found), Verdict::Plain);
    assert_eq!(
        found.found[..2],
        [
            "/home/ada/.local lies on / (ext4).".to_owned(),
            "nvme0n1p2 is a partition of nvme0n1.".to_owned()
        ]
    );
    assert!(
        found.found[2].starts_with("nvme0n1 is a disk, with no encryption"),
        "{found:?}"
    );
}

#[test]
fn luks_under_lvm_and_lvm_under_luks_are_encrypted() {
    let mut machine = Machine::new();
    machine.device("sda");
    machine.partition("sda/sda3");
    machine.mapped("dm-0", "CRYPT-LUKS2-1f2e-luks-1f2e", &["sda/sda3"]);
    let root = machine.mapped("dm-1", "LVM-abc", &["dm-0"]);
    machine.mount(root, "/", "xfs /dev/mapper/vg-root rw");
    let found = machine.of("/home/ada");
    assert_eq!(verdict(&found), Verdict::Encrypted);
    assert!(
        found
            .text()
            .contains("dm-1 (dm-1-mapped) is a logical volume on dm-0."),
        "{found:?}"
    );
    assert!(
        found.text().contains("is encrypted with LUKS2"),
        "{found:?}"
    );

    machine.mapped("dm-2", "LVM-def", &["sda/sda3"]);
    let home = machine.mapped("dm-3", "CRYPT-PLAIN-home", &["dm-2"]);
    machine.mount(home, "/home", "ext4 /dev/mapper/home rw");
    assert_eq!(verdict(&machine.of("/home/ada")), Verdict::Encrypted);
}

#[test]
fn of_several_disks_all_must_be_encrypted() {
    let mut machine = Machine::new();
    for disk in ["sda", "sdb"] {
        machine.device(disk);
    }
    machine.mapped("dm-0", "CRYPT-LUKS1-a-a", &["sda"]);
    machine.mapped("dm-1", "CRYPT-LUKS1-b-b", &["sdb"]);
    let both = machine.over("md0", &["dm-0", "dm-1"]);
    machine.file("sys/devices/md0/md/level", "raid1\n");
    machine.mount(both, "/", "ext4 /dev/md0 rw");
    assert_eq!(verdict(&machine.of("/x")), Verdict::Encrypted);
    // A volume that reaches over to a disk that is not, and a cache on one.
    let one = machine.mapped("dm-2", "LVM-c", &["dm-0", "sdb"]);
    machine.mount(one, "/data", "ext4 /dev/mapper/data rw");
    let found = machine.of("/data/x");
    assert_eq!(verdict(&found), Verdict::Plain);
    assert!(found.text().contains("sdb is a disk"), "{found:?}");
    let cached = machine.over("bcache0", &["dm-0", "sdb"]);
    machine.file("sys/devices/bcache0/bcache/state", "clean\n");
    machine.mount(cached, "/cached", "ext4 /dev/bcache0 rw");
    assert_eq!(verdict(&machine.of("/cached/x")), Verdict::Plain);
}

#[test]
fn what_only_checks_is_no_encryption() {
    let mut machine = Machine::new();
    machine.device("sda");
    for (name, uuid) in [
        ("dm-0", "CRYPT-VERITY-root"),
        ("dm-1", "CRYPT-INTEGRITY-home"),
    ] {
        let device = machine.mapped(name, uuid, &["sda"]);
        machine.mount(device, &format!("/{name}"), "ext4 /dev/x rw");
        assert_eq!(verdict(&machine.of(&format!("/{name}/x"))), Verdict::Plain);
    }
}

#[test]
fn a_device_of_which_nothing_is_described_is_unsure() {
    let mut machine = Machine::new();
    machine.mount((9, 99), "/", "ext4 /dev/gone rw");
    assert_eq!(verdict(&machine.of("/x")), Verdict::Unsure);
    let bare = machine.mapped("dm-0", "LVM-x", &[]);
    machine.mount(bare, "/", "ext4 /dev/mapper/x rw");
    assert_eq!(
        verdict(&machine.of("/x")),
        Verdict::Unsure,
        "a volume on nothing"
    );
    for name in ["nbd0", "rbd0"] {
        let device = machine.device(name);
        machine.mount(device, "/", "ext4 /dev/x rw");
        assert_eq!(verdict(&machine.of("/x")), Verdict::Unsure);
    }
    // A circle ends.
    let circle = machine.over("dm-8", &["dm-9"]);
    machine.over("dm-9", &["dm-8"]);
    machine.mount(circle, "/", "ext4 /dev/dm-8 rw");
    assert_eq!(verdict(&machine.of("/x")), Verdict::Unsure);
    assert_eq!(
        verdict(&Machine::new().of("/x")),
        Verdict::Unsure,
        "no mount at all"
    );
}

#[test]
fn btrfs_is_as_good_as_the_worst_of_its_devices() {
    let mut machine = Machine::new();
    machine.device("sda");
    machine.device("sdb");
    machine.mapped("dm-0", "CRYPT-LUKS2-a-a", &["sda"]);
    machine.mount((0, 38), "/", "btrfs /dev/mapper/dm-0-mapped rw,subvol=/@");
    assert_eq!(
        verdict(&machine.of("/x")),
        Verdict::Unsure,
        "its devices are not described"
    );
    machine.file("sys/fs/btrfs/1c3d/devices/dm-0", "");
    let found = machine.with_device("/x", Some((0, 40)));
    assert_eq!(verdict(&found), Verdict::Encrypted, "{found:?}");
    machine.file("sys/fs/btrfs/1c3d/devices/sdb", "");
    machine.file("sys/fs/btrfs/9999/devices/sda", "");
    let found = machine.of("/x");
    assert_eq!(verdict(&found), Verdict::Plain);
    assert!(
        found.text().contains("btrfs keeps it on dm-0, sdb."),
        "{found:?}"
    );
}

#[test]
fn zfs_fscrypt_and_ecryptfs_say_it_by_themselves() {
    let mut machine = Machine::new();
    machine.device("sda");
    machine.mount((0, 30), "/", "zfs rpool/home rw");
    for (said, expected) in [
        (Some(("aes-256-gcm", "available")), Verdict::Encrypted),
        (Some(("off", "-")), Verdict::Plain),
        (Some(("aes-256-gcm", "unavailable")), Verdict::Unsure),
        (Some(("-", "-")), Verdict::Unsure),
        (None, Verdict::Unsure),
    ] {
        machine.zfs = said;
        assert_eq!(verdict(&machine.of("/home/ada")), expected, "{said:?}");
    }
    let plain = machine.device("sdc");
    machine.mount(plain, "/home", "ext4 /dev/sdc rw");
    assert_eq!(verdict(&machine.of("/home/ada")), Verdict::Plain);
    machine.fscrypt = Some(true);
    assert_eq!(verdict(&machine.of("/home/ada")), Verdict::Encrypted);
    machine.fscrypt = None;
    machine.mount(
        (0, 41),
        "/home/ada",
        "ecryptfs /home/.ecryptfs/ada/.Private rw",
    );
    assert_eq!(verdict(&machine.of("/home/ada/x")), Verdict::Encrypted);
}

#[test]
fn other_machines_and_other_programs_are_unsure() {
    let mut machine = Machine::new();
    for kind in [
        "nfs4 filer:/home",
        "cifs //filer/home",
        "9p host",
        "virtiofs host",
        "fuse.sshfs ada@x:",
        "squashx x",
    ] {
        machine.mount((0, 50), "/home", &format!("{kind} rw"));
        assert_eq!(verdict(&machine.of("/home/ada")), Verdict::Unsure, "{kind}");
    }
}

#[test]
fn an_overlay_is_what_its_upper_layer_is_and_unsure_inside_a_container() {
    let mut machine = Machine::new();
    machine.device("sda");
    let disk = machine.mapped("dm-0", "CRYPT-LUKS2-a-a", &["sda"]);
    machine.mount(disk, "/", "ext4 /dev/mapper/dm-0-mapped rw");
    machine.mount(
        (0, 60),
        "/merged",
        "overlay overlay rw,lowerdir=/l,upperdir=/var/up\\134,per,workdir=/w",
    );
    let found = machine.of("/merged/x");
    assert_eq!(verdict(&found), Verdict::Encrypted);
    assert!(found.text().contains("/var/up,per"), "{found:?}");
    let mut inside = Machine::new();
    inside.mount(
        (0, 60),
        "/",
        "overlay overlay rw,lowerdir=/l,upperdir=/var/lib/docker/x/diff,workdir=/w",
    );
    assert_eq!(verdict(&inside.of("/x")), Verdict::Unsure);
}

#[test]
fn a_loop_device_is_what_its_file_lies_on() {
    let mut machine = Machine::new();
    machine.device("sda");
    let disk = machine.mapped("dm-0", "CRYPT-LUKS2-a-a", &["sda"]);
    machine.mount(disk, "/", "ext4 /dev/mapper/dm-0-mapped rw");
    let looped = machine.device("loop0");
    machine.file(
        "sys/devices/loop0/loop/backing_file",
        "/home/ada/disk.img\n",
    );
    machine.mount(looped, "/mnt", "ext4 /dev/loop0 rw");
    assert_eq!(verdict(&machine.of("/mnt/x")), Verdict::Encrypted);
    machine.file(
        "sys/devices/loop0/loop/backing_file",
        "/mnt/disk.img (deleted)\n",
    );
    assert_eq!(verdict(&machine.of("/mnt/x")), Verdict::Unsure);
}

#[test]
fn memory_is_as_good_as_where_it_is_swapped_to() {
    let mut machine = Machine::new();
    machine.device("sda");
    machine.partition("sda/sda2");
    machine.device("zram0");
    machine.file("sys/devices/zram0/backing_dev", "none\n");
    machine.mapped("dm-0", "CRYPT-PLAIN-swap", &["sda/sda2"]);
    machine.mount((0, 25), "/run/user/1000", "tmpfs tmpfs rw");
    let plain = machine.device("sdb");
    machine.mount(plain, "/", "ext4 /dev/sdb rw");
    let swap = |lines: &str| {
        machine.swaps(lines);
        machine.of("/run/user/1000/aiworklab")
    };
    assert_eq!(verdict(&swap("")), Verdict::Encrypted);
    assert_eq!(
        verdict(&swap(
            "/dev/dm-0 partition 8 0 -2\n/dev/zram0 partition 8 0 5\n"
        )),
        Verdict::Encrypted
    );
    assert_eq!(
        verdict(&swap("/dev/sda2 partition 8 0 -2\n")),
        Verdict::Unsure
    );
    assert_eq!(
        verdict(&swap("/swap\\040file file 8 0 -2\n")),
        Verdict::Unsure
    );
    // Of a file on a disk the verdict stays; what memory does is said.
    let mut machine = Machine::new();
    machine.device("sda");
    machine.partition("sda/sda2");
    let disk = machine.mapped("dm-0", "CRYPT-LUKS2-a-a", &["sda"]);
    machine.mount(disk, "/", "ext4 /dev/mapper/dm-0-mapped rw");
    machine.swaps("/dev/sda2 partition 8 0 -2\n");
    let found = machine.of("/home/ada");
    assert_eq!(verdict(&found), Verdict::Encrypted);
    assert!(found.text().contains("Swap is not encrypted"), "{found:?}");
}

#[test]
fn the_deepest_mount_counts_and_one_that_hides_another_is_noticed() {
    let mut machine = Machine::new();
    machine.device("sda");
    let plain = machine.device("sdb");
    let luks = machine.mapped("dm-0", "CRYPT-LUKS2-a-a", &["sda"]);
    machine.mount(plain, "/", "ext4 /dev/sdb rw");
    machine.mount(luks, "/home", "ext4 /dev/mapper/dm-0-mapped rw");
    assert_eq!(verdict(&machine.of("/home/ada")), Verdict::Encrypted);
    assert_eq!(
        verdict(&machine.of("/homes/ada")),
        Verdict::Plain,
        "names, not letters"
    );
    machine.mount(plain, "/home", "ext4 /dev/sdb rw");
    assert_eq!(
        verdict(&machine.of("/home/ada")),
        Verdict::Plain,
        "the last one hides the others"
    );
    assert_eq!(
        verdict(&machine.with_device("/home/ada", Some(luks))),
        Verdict::Unsure
    );
}

#[test]
fn lines_that_are_none_are_passed_over() {
    assert_eq!(
        mounts::mounts("\nnonsense\n1 2 3 - \n20 1 x:y / / rw - ext4 a rw\n"),
        []
    );
    let one = mounts::mounts("20 1 8:1 / /my\\040disk\\134n rw - ext4 /dev/sda1 rw\n");
    assert_eq!(one[0].point, Path::new("/my disk\\n"));
    assert_eq!(mounts::unescaped("a\\9b\\"), "a\\9b\\");
}

#[test]
fn filevault_and_bitlocker_are_read_from_what_their_programs_print() {
    assert_eq!(verdict(&fdesetup("FileVault is On.\n")), Verdict::Encrypted);
    assert_eq!(verdict(&fdesetup("FileVault is Off.\n")), Verdict::Plain);
    let busy = "FileVault is On.\nDecryption in progress: Percent completed = 12\n";
    assert_eq!(verdict(&fdesetup(busy)), Verdict::Unsure);
    assert_eq!(
        verdict(&fdesetup(
            "FileVault is Off, but will be enabled after the next restart.\n"
        )),
        Verdict::Unsure
    );
    assert_eq!(verdict(&fdesetup("")), Verdict::Unsure);

    for (text, expected) in [
        ("1\r\n", Some(Verdict::Encrypted)),
        ("2\r\n", Some(Verdict::Plain)),
        ("3", Some(Verdict::Unsure)),
        ("5", Some(Verdict::Unsure)),
        ("", None),
        ("0", None),
        ("on", None),
    ] {
        assert_eq!(
            bitlocker_property(text).map(|found| verdict(&found)),
            expected,
            "{text:?}"
        );
    }
    let bde = |conversion: &str, protection: &str| {
        manage_bde(&format!(
            "BitLocker Drive Encryption: Configuration Tool version 10.0.22621\r\n\r\nVolume C: [Windows]\r\n\
             [OS Volume]\r\n\r\n    Size:                 475.69 GB\r\n    BitLocker Version:    2.0\r\n    \
             Conversion Status:    {conversion}\r\n    Percentage Encrypted: 100.0%\r\n    Encryption Method:    \
             XTS-AES 128\r\n    Protection Status:    {protection}\r\n    Lock Status:          Unlocked\r\n"
        ))
    };
    assert_eq!(
        verdict(&bde("Fully Encrypted", "Protection On")),
        Verdict::Encrypted
    );
    assert_eq!(
        verdict(&bde("Used Space Only Encrypted", "Protection On")),
        Verdict::Encrypted
    );
    assert_eq!(
        verdict(&bde("Fully Encrypted", "Protection Off")),
        Verdict::Unsure
    );
    assert_eq!(
        verdict(&bde("Encryption in Progress", "Protection Off")),
        Verdict::Unsure
    );
    assert_eq!(
        verdict(&bde("Fully Decrypted", "Protection Off")),
        Verdict::Plain
    );
    assert_eq!(
        verdict(&manage_bde(
            "ERROR: An attempt to access a required resource was denied."
        )),
        Verdict::Unsure
    );
}

#[test]
fn this_machine_gives_an_answer() {
    let found = super::encryption(Path::new("/no/such/folder/yet"));
    assert!(!found.found.is_empty());
    assert_eq!(found.encrypted(), found.verdict == Verdict::Encrypted);
}
