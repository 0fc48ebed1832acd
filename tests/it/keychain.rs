//! Secrets in a real keychain: the client against GNOME Keyring under a session bus of its own.
//!
//! The keyring is unlocked with a password on its standard input, as a login does it; locked, absent and
//! full of an unfinished move, as engineers have it.

use harness::{Program, program};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A home, a keyring and a bus, which end with one script.
struct Desk {
    folder: TempDir,
}

/// What a script needs at its beginning: a daemon that is unlocked, and the client.
const UNLOCKED: &str =
    "printf pw | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n";
/// A daemon that nobody unlocked; the keyring of before is there.
const LOCKED: &str = "gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1\n";

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        Self { folder }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("aiworklab")
    }

    /// Runs a script under a bus of its own; its status and all that it printed.
    fn script(&self, text: &str) -> (bool, String) {
        let run = self.folder.path().join("run");
        std::fs::create_dir_all(&run).expect("a folder can be made");
        let text =
            format!("exec 2>&1\nset -eu\ntrap 'pkill -P $$ gnome-keyring || true' EXIT\n{text}");
        let output = Command::new("dbus-run-session")
            .args(["--", "bash", "-c", &text])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", &run)
            .env("AIWORKLAB_HOME", self.home())
            .env("client", program(Program::Client))
            .stdin(Stdio::null())
            .output()
            .expect("dbus-run-session is there: .ci/deps test");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    }

    fn good(&self, text: &str) -> String {
        let (ok, said) = self.script(text);
        assert!(ok, "{text}\n{said}");
        said
    }
}

/// A secret of an earlier version, which the first use moves in.
fn old_key(home: &Path) {
    std::fs::create_dir_all(home).expect("a folder can be made");
    let keys = home.join("keys");
    std::fs::create_dir_all(&keys).expect("a folder can be made");
    for (path, mode) in [(home, 0o700), (&keys, 0o700)] {
        set_mode(path, mode);
    }
    for name in ["device-key", "hash-key"] {
        std::fs::write(keys.join(name), [b'7'; 32]).expect("a file can be written");
        set_mode(&keys.join(name), 0o600);
    }
    std::fs::write(
        home.join("keys.toml"),
        "home = \"0011223344556677\"\nplace = \"file\"\n",
    )
    .expect("a file can be written");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn secrets_move_into_a_real_keyring_and_back_and_none_is_lost() {
    let desk = Desk::new();
    old_key(&desk.home());
    let planned = desk.good(&format!("{UNLOCKED}$client keys keychain --dry-run"));
    assert!(planned.contains("2 secrets would be moved"), "{planned}");
    assert!(desk.home().join("keys/device-key").exists());
    let moved = desk.good(&format!(
        "{UNLOCKED}$client keys keychain\n$client keys status"
    ));
    assert!(moved.contains("2 secrets moved to the keychain"), "{moved}");
    assert!(moved.contains("in the keychain (keys.toml)"), "{moved}");
    assert!(!desk.home().join("keys").exists(), "no copy is left");
    // Another daemon, as after a login: what it holds was kept.
    let back = desk.good(&format!(
        "{UNLOCKED}$client keys file --json\n$client keys status"
    ));
    assert!(back.contains("\"device-key\""), "{back}");
    assert!(back.contains("warning: Secrets lie in files"), "{back}");
    for name in ["device-key", "hash-key"] {
        let kept = std::fs::read(desk.home().join("keys").join(name)).expect("it is there");
        assert_eq!(kept, [b'7'; 32], "{name}");
    }
    let left = desk.good(&format!(
        "{UNLOCKED}! gdbus call --session -d org.freedesktop.secrets -o /org/freedesktop/secrets \
         -m org.freedesktop.Secret.Service.SearchItems \"{{'service': 'aiworklab'}}\" | grep -q collection\necho gone"
    ));
    assert!(left.contains("gone"), "{left}");
}

#[test]
fn a_locked_keyring_an_absent_one_and_no_bus_are_told_apart_and_hold_nobody_up() {
    let desk = Desk::new();
    old_key(&desk.home());
    desk.good(&format!("{UNLOCKED}$client keys keychain"));
    let (ok, said) = desk.script(&format!("{LOCKED}$client keys file"));
    assert!(!ok && said.contains("C081"), "{said}");
    let status = desk.good(&format!("{LOCKED}$client keys status"));
    assert!(status.contains("keychain   locked"), "{status}");
    let (ok, said) = desk.script("unset DBUS_SESSION_BUS_ADDRESS\n$client keys file");
    assert!(
        !ok && said.contains("C080") && said.contains("log in to your desktop"),
        "{said}"
    );
    // Nothing was lost by any of it.
    desk.good(&format!("{UNLOCKED}$client keys file"));
    assert!(desk.home().join("keys/device-key").exists());
    // Where nobody ever chose, files are offered and not taken.
    let fresh = Desk::new();
    let (ok, said) = fresh.script("unset DBUS_SESSION_BUS_ADDRESS\n$client keys keychain");
    assert!(
        !ok && said.contains("C080") && said.contains("aiworklab keys file"),
        "{said}"
    );
    assert!(!fresh.home().join("keys.toml").exists());
}

#[test]
fn a_move_that_is_killed_anywhere_loses_no_secret() {
    let desk = Desk::new();
    old_key(&desk.home());
    // Some kills come before the first write, some in the middle, some after the end.
    let kills: String = (0..12)
        .map(|n| {
            let to = if n % 2 == 0 { "keychain" } else { "file" };
            format!("timeout -s KILL 0.0{n:02} $client keys {to} >/dev/null || true\n")
        })
        .collect();
    let said = desk.good(&format!(
        "{UNLOCKED}{kills}{kills}$client keys keychain\n$client keys file\n$client keys status"
    ));
    assert!(!said.contains("cut short"), "{said}");
    for name in ["device-key", "hash-key"] {
        let kept = std::fs::read(desk.home().join("keys").join(name)).expect("it is there");
        assert_eq!(kept, [b'7'; 32], "{name}");
    }
}
