//! A bare Debian without a network is booted, and the bundle is installed in it, used, upgraded,
//! broken and taken away again, as an administrator would; `guest.sh` is what runs inside.
//!
//! It needs root, `systemd-nspawn` and, the first time, `mmdebstrap`. Where they lack the test says
//! so and fails; who has to do without sets `AIWORKLAB_WITHOUT_NSPAWN=1`, and is told each time.

use super::made::{Bundle, Workshop, run};
use harness::{Output, Program, capture, models, program, repository};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Longest that the guest may take, in seconds.
const LONGEST_S: u32 = 300;
/// The highest exposure that `systemd-analyze security` may find.
const EXPOSURE: f64 = 1.5;

/// Files that the guest wrote, one set a step.
struct Results(PathBuf);

impl Results {
    fn text(&self, name: &str) -> String {
        let path = self.0.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn step(&self, name: &str) -> Output {
        Output {
            status: self
                .text(&format!("{name}.rc"))
                .trim()
                .parse()
                .unwrap_or(-1),
            stdout: self.text(&format!("{name}.out")),
            stderr: self.text(&format!("{name}.err")),
        }
    }

    /// A step that has to succeed.
    fn good(&self, name: &str) -> Output {
        let output = self.step(name);
        assert_eq!(
            output.status, 0,
            "{name}: {}{}",
            output.stdout, output.stderr
        );
        output
    }

    fn json(&self, name: &str) -> Value {
        let output = self.good(name);
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A step that has to be refused with this code and exit status.
    fn refused(&self, name: &str, status: i32, code: &str, words: &str) {
        let output = self.step(name);
        let told = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.status, status, "{name}: {told}");
        assert!(
            output.stderr.contains(&format!("error {code}:")),
            "{name}: {told}"
        );
        assert!(output.stderr.contains(words), "{name}: {told}");
    }
}

/// The booted guest; it ends with this value.
struct Guest(Child);

impl Guest {
    /// Waits for its end; `false` if it took too long.
    fn wait(&mut self) -> bool {
        for _ in 0..LONGEST_S * 5 {
            match self.0.try_wait() {
                Ok(Some(_)) => return true,
                _ => std::thread::sleep(Duration::from_millis(200)),
            }
        }
        false
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A scratch root. It is removed only if nothing is mounted in it.
struct Root(Option<TempDir>);

impl Root {
    fn path(&self) -> &Path {
        self.0
            .as_ref()
            .map_or(Path::new("/nonexistent"), TempDir::path)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let path = self.path().display().to_string();
        let mounted = mounts.is_empty() || mounts.split(' ').any(|field| field.starts_with(&path));
        if let (true, Some(dir)) = (mounted, self.0.take()) {
            let kept = dir.keep();
            let _ = writeln!(
                std::io::stderr(),
                "kept, something is mounted in it: {}",
                kept.display()
            );
        }
    }
}

/// Why the guest cannot be booted here.
fn lacking() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("it is not run as root".to_owned());
    }
    ["systemd-nspawn", "mmdebstrap"].iter().find_map(|tool| {
        let found = run(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
        (found.status != 0).then(|| format!("{tool} is not installed"))
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of this test, read from its environment"
)]
fn may_be_left_out() -> bool {
    std::env::var_os("AIWORKLAB_WITHOUT_NSPAWN").is_some_and(|value| value == "1")
}

fn bare_root(workshop: &Workshop) -> Root {
    let script = repository().join(".ci/bare-root");
    let output = run(&mut Command::new(script));
    assert_eq!(output.status, 0, "{}", output.stderr);
    let beside = workshop.path("");
    let dir = tempfile::Builder::new()
        .prefix("root-")
        .tempdir_in(beside)
        .expect("a scratch folder can be made");
    let mut command = Command::new("tar");
    command
        .args(["-xpf", output.stdout.trim(), "-C"])
        .arg(dir.path());
    let output = run(&mut command);
    assert_eq!(output.status, 0, "{}", output.stderr);
    let root = Root(Some(dir));
    let write = |path: &str, text: &str| {
        fs::write(root.path().join(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
    };
    write(
        "etc/hosts",
        "127.0.0.1 localhost skills.test\n::1 localhost\n",
    );
    write("etc/hostname", "bare\n");
    write(
        "etc/systemd/system/guest.service",
        "[Unit]\nDescription=The test\nAfter=basic.target\nSuccessAction=poweroff-force\n\
         FailureAction=poweroff-force\n[Service]\nType=oneshot\nTimeoutStartSec=280\n\
         ExecStart=/bin/sh /results/guest.sh\n",
    );
    let wants = root
        .path()
        .join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).expect("a folder can be made");
    std::os::unix::fs::symlink("../guest.service", wants.join("guest.service"))
        .expect("a link is made");
    root
}

/// A program that starts and never serves, in the place of ours.
fn broken_programs(workshop: &Workshop) -> PathBuf {
    let folder = workshop.path("broken-programs");
    fs::create_dir_all(&folder).expect("a folder can be made");
    fs::copy("/bin/false", folder.join("aiworklab-appliance")).expect("it can be copied");
    for which in [Program::Client, Program::ClientModel] {
        let from = program(which);
        let name = from.file_name().expect("a program has a name");
        fs::copy(&from, folder.join(name)).expect("it can be copied");
    }
    folder
}

fn link(from: &Bundle, to: &Path) {
    fs::rename(&from.folder, to).expect("a folder can be moved");
}

#[test]
fn a_bare_machine_without_a_network_installs_upgrades_and_forgets_it() {
    if let Some(why) = lacking() {
        let told = format!("NOT RUN: the install on a bare machine, since {why}");
        assert!(
            may_be_left_out(),
            "{told}. It needs root, systemd-container and mmdebstrap (.ci/deps test installs them); to do \
             without, set AIWORKLAB_WITHOUT_NSPAWN=1"
        );
        // Not through the test's own output, which is not shown when it passes.
        let _ = writeln!(std::io::stderr(), "\n*** {told} ***\n");
        return;
    }
    let workshop = Workshop::open();
    let bundles = workshop.path("bundles");
    fs::create_dir_all(&bundles).expect("a folder can be made");
    let models = models();
    let models = models.to_str().expect("a path is text");
    let said = workshop.make("out", &["--models", models]);
    let current = workshop.unpack(said, "current");
    let said = workshop.make("out-next", &["--models", models, "--version-is", "9.0.0"]);
    let next = workshop.unpack(said, "next");
    let broken = broken_programs(&workshop);
    let said = workshop.make_of(&broken, "out-broken", &["--version-is", "9.1.0"]);
    let broken = workshop.unpack(said, "broken");
    for (bundle, name) in [(&current, "current"), (&next, "next"), (&broken, "broken")] {
        link(bundle, &bundles.join(name));
    }
    let write =
        |name: &str, bytes: &[u8]| fs::write(bundles.join(name), bytes).expect("it is written");
    write("key", current.key().as_bytes());
    write(
        "version",
        current.said["version"]
            .as_str()
            .unwrap_or_default()
            .as_bytes(),
    );
    let hooks =
        fs::read(capture("claude-code-payments/hooks.jsonl")).expect("a capture can be read");
    write("hooks.jsonl", &hooks);

    let results = workshop.path("results");
    fs::create_dir_all(&results).expect("a folder can be made");
    fs::write(results.join("guest.sh"), include_str!("guest.sh")).expect("it is written");
    let root = bare_root(&workshop);
    let console = fs::File::create(results.join("console")).expect("a file can be made");
    let mut command = Command::new("systemd-nspawn");
    command
        .args([
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--boot",
            "--private-network",
        ])
        .args(["--link-journal=no", "--console=pipe"])
        // The filter of nspawn 252 does not know Landlock yet; the machine that it plays would.
        .arg(
            "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
        )
        .arg(format!("--machine=bundle-{}", std::process::id()))
        .arg(format!("--bind-ro={}:/bundles", bundles.display()))
        .arg(format!("--bind={}:/results", results.display()))
        .arg("--directory")
        .arg(root.path())
        .stdin(Stdio::null())
        .stdout(console.try_clone().expect("a file can be shared"))
        .stderr(console);
    let mut guest = Guest(command.spawn().expect("systemd-nspawn starts"));
    let ended = guest.wait();
    drop(guest);
    let results = Results(results);
    let progress = fs::read_to_string(results.0.join("progress")).unwrap_or_default();
    let console = || fs::read_to_string(results.0.join("console")).unwrap_or_default();
    assert!(
        ended && progress.ends_with("done\n"),
        "{progress}\n{}",
        console()
    );
    judge(&results, &current);
}

fn judge(results: &Results, current: &Bundle) {
    let version = current.said["version"]
        .as_str()
        .expect("a bundle has a version");
    assert_eq!(
        results.good("interfaces").stdout.trim(),
        "lo",
        "there is a network"
    );

    // Looking.
    results.refused("no-key", 5, "B030", "--release-key");
    let dry = results.good("dry-run");
    assert!(
        dry.stdout.contains("pass  bundle") && dry.stdout.contains("enable and start"),
        "{}",
        dry.stdout
    );
    results.refused("not-confirmed", 5, "B034", "--yes");
    let preflight = results.json("preflight");
    assert_ne!(preflight["verdict"], "stop", "{preflight}");
    results.refused("tampered", 5, "B006", "systemd/aiworklab-appliance.service");
    let before = results.text("traces-before.out");
    assert_eq!(
        results.text("traces-looked.out"),
        before,
        "looking left something"
    );

    // Disks.
    results.refused("small-disk", 5, "B033", "program");
    results.refused("full-disk", 1, "B035", "undone");
    assert!(
        results.step("full-disk").stderr.contains("No space left"),
        "{}",
        results.step("full-disk").stderr
    );
    assert_eq!(results.good("full-disk-left").stdout, "");
    assert_eq!(
        results.text("traces-undone.out"),
        before,
        "a failed install left something"
    );

    // Cut off in the middle, and undone by the next.
    let cut = results.good("cut-off").stdout;
    assert!(
        cut.contains("/.staging-") && cut.contains("/.journal"),
        "{cut}"
    );
    assert!(
        results
            .good("cut-off-look")
            .stdout
            .contains("an earlier install was cut off")
    );
    assert!(!results.text("traces-installed.out").contains(".staging"));

    // Installed.
    let install = results.good("install");
    assert!(
        install.stdout.contains("https://skills.test:8443/link/"),
        "{}",
        install.stdout
    );
    let exposure = exposure(&results.good("security").stdout);
    assert!(exposure <= EXPOSURE, "{exposure}");
    println!("exposure of the unit, by systemd-analyze security: {exposure}");
    let unit = results.good("unit").stdout;
    for line in [
        "ActiveState=active",
        "User=aiworklab",
        "NoNewPrivileges=yes",
        "LimitCORE=0",
        "Type=notify",
        "UnitFileState=enabled",
    ] {
        assert!(
            unit.lines().any(|found| found == line),
            "{line} is not in {unit}"
        );
    }
    let process = results.good("process").stdout;
    assert!(
        process.contains("Seccomp:\t2") && process.contains("NoNewPrivs:\t1"),
        "{process}"
    );
    assert!(process.contains("CapEff:\t0000000000000000"), "{process}");
    let modes = results.good("data-modes").stdout;
    assert!(
        modes.contains("700 aiworklab /var/lib/aiworklab\n"),
        "{modes}"
    );
    assert!(
        modes.contains("755 root /opt/aiworklab/current/aiworklab-appliance"),
        "{modes}"
    );
    assert_eq!(results.json("verify-installed")["verified"], true);

    // The model, in the hardened service.
    let model = results.json("model");
    assert_eq!(model["state"], "ready", "{model}");
    let worker = results.good("worker").stdout;
    assert!(
        worker.contains("Seccomp:\t2") && worker.contains("CapEff:\t0000000000000000"),
        "{worker}"
    );

    // Used.
    results.good("enrol");
    results.good("sync");
    let status = results.json("status");
    assert_eq!(status["counts"]["devices"], 1, "{status}");
    assert!(
        status["counts"]["deltas"].as_u64().is_some_and(|n| n > 0),
        "{status}"
    );
    assert_eq!(status["organisation"], "Larkfield");
    assert_eq!(
        results.good("foreign-files").stdout,
        "",
        "a command of root's left a file of root's"
    );

    // Again, damaged, repaired.
    assert!(results.good("again").stdout.contains("nothing was done"));
    results.refused("damaged", 5, "B041", "--repair");
    results.good("repair");

    // Upgraded, broken, older.
    assert!(results.good("upgrade").stdout.contains("9.0.0 serves"));
    let upgraded = results.json("upgraded");
    assert_eq!(upgraded["store"], status["store"]);
    assert_eq!(upgraded["counts"]["deltas"], status["counts"]["deltas"]);
    results.good("sync-upgraded");
    results.refused("broken", 1, "B037", "9.0.0 serves again, with all data");
    assert_eq!(results.json("broken-status")["running"], true);
    results.refused(
        "older",
        5,
        "B021",
        &format!("this bundle is the older {version}"),
    );
    results.refused("other-key", 5, "B032", "release.pub");
    assert!(
        results
            .good("allowed-older")
            .stdout
            .contains(&format!("{version} serves"))
    );
    results.good("healthcheck");

    // Gone, with and without its data.
    assert!(results.good("uninstall-dry").stdout.contains("What stays"));
    assert!(
        results
            .good("uninstall")
            .stdout
            .contains("/var/lib/aiworklab: data and keys")
    );
    let kept = results.text("traces-kept.out");
    assert!(
        kept.contains("d /var/lib/aiworklab\n") && !kept.contains("/opt/"),
        "{kept}"
    );
    results.good("reinstall");
    results.good("sync-reinstalled");
    results.refused("purge-wrong", 5, "B042", "/var/lib/aiworklab");
    results.good("purge");
    assert_eq!(
        results.text("traces-after.out"),
        before,
        "something is left"
    );
}

/// The figure in the last line of `systemd-analyze security`.
fn exposure(text: &str) -> f64 {
    let line = text
        .lines()
        .find(|line| line.contains("Overall exposure level"));
    let word = line.and_then(|line| line.split(": ").nth(1)?.split(' ').next());
    word.and_then(|word| word.parse().ok())
        .unwrap_or_else(|| panic!("no figure in {text}"))
}
