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

/// A bus that starts nobody by itself: a keyring is there only where a script started one.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#;

/// What each script begins with. Its keyring ends with it, by its own process id.
const BEGIN: &str = "exec 2>&1
set -eu
keyring=
ends() { [ -z \"$keyring\" ] || { kill -CONT $keyring; kill $keyring; }; }
trap ends EXIT
starts() { gnome-keyring-daemon --components=secrets \"$@\" >/dev/null 2>&1
    gdbus wait --session --timeout 30 org.freedesktop.secrets
    keyring=$(gdbus call --session -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.GetConnectionUnixProcessID \\
        org.freedesktop.secrets | sed 's/.*uint32 //; s/,.*//'); }
";
/// A daemon that is unlocked, as by a login.
const UNLOCKED: &str = "printf pw >pw; starts --unlock <pw\n";
/// A daemon that nobody unlocked; the keyring of before is there.
const LOCKED: &str = "starts --start\n";

impl Desk {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        std::fs::write(folder.path().join("bus.xml"), BUS).expect("a file can be written");
        Self { folder }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("aiworklab")
    }

    /// Runs a script under a bus of its own; its status and all that it printed.
    fn script(&self, text: &str) -> (bool, String) {
        let run = self.folder.path().join("run");
        std::fs::create_dir_all(&run).expect("a folder can be made");
        let text = format!("{BEGIN}{text}");
        let output = Command::new("dbus-run-session")
            .args(["--config-file", "bus.xml", "--", "bash", "-c", &text])
            .current_dir(self.folder.path())
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
    let (ok, said) = desk.script("$client keys file");
    assert!(
        !ok && said.contains("C080") && said.contains("log in to your desktop"),
        "a bus, and nobody on it who keeps secrets: {said}"
    );
    // One that is there and never answers: given up on, after the 5 s that a call may take.
    let (ok, said) = desk.script(&format!("{UNLOCKED}kill -STOP $keyring\n$client keys file"));
    assert!(!ok && said.contains("C083"), "{said}");
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
fn a_keyring_that_is_locked_is_refused_before_anything_is_written() {
    let desk = Desk::new();
    old_key(&desk.home());
    let state = desk.home().join("keys.toml");
    let read = || std::fs::read_to_string(&state).expect("it is there");
    let before = read();
    // A keyring has to be there before it can be locked.
    desk.good(UNLOCKED);
    let (ok, said) = desk.script(&format!("{LOCKED}$client keys keychain"));
    assert!(!ok && said.contains("C081"), "{said}");
    assert!(said.contains("aiworklab keys file"), "{said}");
    assert_eq!(read(), before);
    desk.good(&format!("{UNLOCKED}$client keys keychain"));
    let before = read();
    let (ok, said) = desk.script(&format!("{LOCKED}$client keys file"));
    assert!(!ok && said.contains("C081"), "{said}");
    assert_eq!(read(), before);
    assert!(!desk.home().join("keys").exists());
}

/// Kills a move before each of its steps in turn: before the n-th rename, deletion or flush of a file, and
/// before the n-th call of the keychain, which is a thread of its own. After each kill both secrets are
/// where `keys.toml` says, and a move the other way ends whole. `strace` follows the first thread alone.
const KILLS: &str = r#"
# The daemon of Debian 12 now and then ends by a trap of its own when a program that it speaks with was killed: a
# person's session starts it again, and what was asked is asked once more. Whatever else fails, fails.
ended=0
asks() { "$@" && return
    gdbus call --session -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.NameHasOwner org.freedesktop.secrets |
        grep -q false || return 1
    keyring= ended=$((ended + 1)); starts --unlock <pw; "$@"; }
holds() { $client keys status --json >status && grep -q '"device-key": true' status && grep -q '"hash-key": true' status; }
same() { for name in device-key hash-key; do cmp "$AIWORKLAB_HOME/keys/$name" "before/$name"; done; }
cp -r "$AIWORKLAB_HOME/keys" before
for to in keychain file; do for step in rename unlink rmdir fsync clone3; do
    n=1
    while :; do
        asks $client keys $([ $to = file ] && echo keychain || echo file) >/dev/null
        if strace -o /dev/null -e trace=$step -e inject=$step:signal=KILL:when=$n $client keys $to >/dev/null 2>&1
        then break; fi
        asks holds
        asks $client keys file >/dev/null; same
        n=$((n + 1))
    done
    echo "$to $step $((n - 1)) kills"
done; done
asks $client keys file >/dev/null; same
asks $client keys status
echo "the keyring's daemon ended $ended times"
"#;

#[test]
fn a_move_that_is_killed_before_any_of_its_steps_loses_no_secret() {
    let desk = Desk::new();
    old_key(&desk.home());
    let said = desk.good(&format!("{UNLOCKED}{KILLS}"));
    println!("{}", said.lines().last().unwrap_or_default());
    assert!(!said.contains("cut short"), "{said}");
    let kills = |what: &str| {
        let line = said.lines().find(|line| line.starts_with(what));
        let n = line.and_then(|line| line.split(' ').nth(2)?.parse::<u32>().ok());
        n.unwrap_or_else(|| panic!("no {what} in {said}"))
    };
    // `keys.toml` three times; two secrets deleted or written; a call a secret at the least.
    assert!(kills("keychain rename") >= 3, "{said}");
    assert!(kills("keychain unlink") >= 2, "{said}");
    assert!(kills("keychain clone3") >= 4, "{said}");
    assert!(kills("file rename") >= 5, "{said}");
    assert!(kills("file clone3") >= 4, "{said}");
}
