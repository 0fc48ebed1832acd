//! The image: built from the tested binary, and run as a careful operator runs it, without a
//! network, without privileges, with nothing to write on but its volume.
//!
//! A container's network has no way to the host's, so it is looked at from inside: `nsenter` puts
//! the host's curl into the container's network and nothing else of it.

use harness::{Output, Program, models, program, repository, run, until};
use local_model::DEFAULT_MODEL;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The image's user; a number, since the image has no list of users.
const USER: u32 = 65_532;
/// What every container of these tests is run with.
const CAREFUL: [&str; 14] = [
    "--network",
    "none",
    "--read-only",
    "--read-only-tmpfs=false",
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
    "--ulimit",
    "nofile=4096:4096",
    "--ulimit",
    "nproc=4096:4096",
    "--pull",
    "never",
];

/// A container storage of the test's own, with the image in it.
struct Storage {
    folder: TempDir,
    built: String,
}

impl Storage {
    /// Builds the image from the program beside this test, as `make image` does.
    fn build() -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let mut build = Command::new(repository().join(".ci/image"));
        build
            .env("BINARY", program(Program::Appliance))
            .env("STORAGE", folder.path())
            .env("NAME", "tested:1")
            .env("ARCHIVE", folder.path().join("image.tar"));
        let built = run(&mut build, b"").ok().stdout;
        Self { folder, built }
    }

    fn podman(&self, args: &[&str]) -> Output {
        let (graph, state) = (self.path("graph"), self.path("run"));
        let mut podman = Command::new("podman");
        podman
            .arg("--root")
            .arg(graph)
            .arg("--runroot")
            .arg(state)
            .args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"])
            .args(["--events-backend", "none", "--runtime", "runc"])
            .args(args);
        run(&mut podman, b"")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the image to its end.
    fn once(&self, options: &[&str], command: &[&str]) -> Output {
        let args: [&[&str]; 5] = [&["run", "--rm"], &CAREFUL, options, &["tested:1"], command];
        self.podman(&args.concat())
    }

    /// The image's configuration and the paths of its layers, out of what `docker load` would read.
    fn unpacked(&self) -> (Value, Vec<PathBuf>) {
        let into = self.path("unpacked");
        fs::create_dir(&into).expect("a folder can be made");
        let mut untar = Command::new("tar");
        untar.arg("-C").arg(&into).arg("-xf");
        let _ = run(untar.arg(self.path("image.tar")), b"").ok();
        let json = |name: &str| -> Value {
            let bytes = fs::read(into.join(name)).expect("a part of an image");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let manifest = json("manifest.json");
        let layers = manifest[0]["Layers"].as_array().expect("layers");
        let names = layers.iter().map(|layer| layer.as_str().expect("a name"));
        let config = json(manifest[0]["Config"].as_str().expect("a name"));
        (config, names.map(|name| into.join(name)).collect())
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let _ = self.podman(&["rm", "--all", "--force", "--volumes", "--time", "0"]);
        // What is still mounted below would be emptied with the folder: rather leave it.
        let here = self.folder.path().display().to_string();
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        if mounts.contains(&here) {
            self.folder.disable_cleanup(true);
        }
    }
}

/// A running container.
struct Container<'a> {
    storage: &'a Storage,
    name: &'static str,
    pid: u32,
}

impl<'a> Container<'a> {
    /// Starts it detached; the image's own command is `serve`.
    fn serve(storage: &'a Storage, name: &'static str, options: &[&str]) -> Self {
        let args: [&[&str]; 5] = [
            &["run", "--detach", "--name", name],
            &CAREFUL,
            options,
            &["tested:1"],
            &[],
        ];
        let _ = storage.podman(&args.concat()).ok();
        let pid = storage.podman(&["inspect", "--format", "{{.State.Pid}}", name]);
        let pid = pid.ok().stdout.trim().parse().expect("a pid");
        Self { storage, name, pid }
    }

    /// Runs the binary in it.
    fn exec(&self, command: &[&str]) -> Output {
        let args: [&[&str]; 2] = [&["exec", self.name, "/aiworklab-appliance"], command];
        self.storage.podman(&args.concat())
    }

    /// Runs the image's health check as the runtime does.
    fn healthy(&self) -> bool {
        let check = self.storage.podman(&["healthcheck", "run", self.name]);
        check.status == 0
    }

    fn until_healthy(&self) {
        until("a container that is healthy", || {
            self.healthy().then_some(())
        });
    }

    fn log(&self) -> String {
        let said = self.storage.podman(&["logs", self.name]);
        said.stdout + &said.stderr
    }

    /// A file of its `/proc`.
    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.pid);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A line of its `/proc/PID/status`.
    fn status(&self, field: &str) -> String {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.expect("a field").trim().to_owned()
    }

    /// Its root certificate, as its administrator copies it out.
    fn root(&self) -> PathBuf {
        let copy = self.storage.path("root.pem");
        let from = format!("/proc/{}/root/data/root.pem", self.pid);
        fs::copy(from, &copy).expect("the root is in the volume");
        copy
    }

    /// Asks it over TLS, in its own network, by the name in its certificate.
    fn curl(&self, root: &Path, args: &[&str]) -> Output {
        let jar = self.storage.path("cookies");
        let mut curl = Command::new("nsenter");
        curl.arg(format!("--net=/proc/{}/ns/net", self.pid))
            .args(["curl", "--silent", "--show-error", "--max-time", "20"])
            .args(["--resolve", "skills.example:8443:127.0.0.1"])
            .args(["--header", "Origin: https://skills.example:8443"])
            .arg("--cacert")
            .arg(root)
            .arg("--cookie")
            .arg(&jar)
            .arg("--cookie-jar")
            .arg(&jar)
            .args(args);
        run(&mut curl, b"")
    }
}

fn sha256(path: &Path) -> String {
    hex::encode(Sha256::digest(fs::read(path).expect("a file")))
}

/// A refused command's error as `--json` gives it, among what the runtime says of its own.
fn failure(output: Output) -> Value {
    let said = output.refused();
    let line = said.lines().rev().find(|line| line.starts_with('{'));
    let line = line.unwrap_or_else(|| panic!("no error in {said}"));
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn the_image_is_the_tested_binary_its_notices_and_an_empty_folder_and_nothing_else() {
    let storage = Storage::build();
    let (image, layers) = storage.unpacked();
    assert_eq!(layers.len(), 1, "{layers:?}");
    let mut list = Command::new("tar");
    list.args(["--numeric-owner", "-tvf"]).arg(&layers[0]);
    let listed = run(&mut list, b"").ok().stdout;
    // "-r-xr-xr-x 0/0 34649488 2026-11-24 09:46 aiworklab-appliance": mode, owner, …, name
    let entry = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        format!("{} {} {}", words[0], words[1], words[words.len() - 1])
    };
    let mut entries: Vec<_> = listed.lines().map(entry).collect();
    entries.sort();
    let own = format!("drwx------ {USER}/{USER} data/");
    assert_eq!(
        entries,
        [
            "-r--r--r-- 0/0 NOTICES",
            "-r-xr-xr-x 0/0 aiworklab-appliance",
            &own
        ]
    );

    let mut untar = Command::new("tar");
    untar.arg("-C").arg(storage.folder.path()).arg("-xf");
    let _ = run(untar.arg(&layers[0]), b"").ok();
    let (inside, stripped) = (
        storage.path("aiworklab-appliance"),
        storage.path("stripped"),
    );
    let mut strip = Command::new("strip");
    let _ = run(
        strip
            .arg("-o")
            .arg(&stripped)
            .arg(program(Program::Appliance)),
        b"",
    )
    .ok();
    assert_eq!(sha256(&inside), sha256(&stripped), "it is the tested one");
    // Static: it asks for no loader (PT_INTERP), for there is none in the image.
    let headers = run(Command::new("readelf").arg("-lW").arg(&inside), b"").ok();
    assert!(!headers.stdout.contains("INTERP"), "{}", headers.stdout);
    let notices = fs::read_to_string(storage.path("NOTICES")).expect("notices");
    for native in ["sqlcipher", "openssl", "aws-lc", "llama.cpp"] {
        assert!(notices.contains(native), "{native} has its licence there");
    }

    let config = &image["config"];
    assert_eq!(config["User"], format!("{USER}:{USER}"), "{config}");
    assert_eq!(
        config["Entrypoint"],
        serde_json::json!(["/aiworklab-appliance"])
    );
    assert_eq!(config["Cmd"], serde_json::json!(["serve"]));
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(
        config["Healthcheck"]["Test"],
        serde_json::json!(["CMD", "/aiworklab-appliance", "healthcheck"]),
        "Docker's format keeps it: {image}"
    );
    let labels = &config["Labels"];
    assert_eq!(
        labels["org.opencontainers.image.version"],
        env!("CARGO_PKG_VERSION")
    );
    let commit = labels["org.opencontainers.image.revision"].as_str();
    let commit = commit
        .expect("the commit is told")
        .trim_end_matches("-modified");
    assert!(commit.len() == 40 || commit == "unknown", "{labels}");
    assert!(
        storage.built.contains("digest  sha256:"),
        "{}",
        storage.built
    );
}

#[test]
fn with_a_read_only_root_no_network_and_no_privileges_it_serves_a_page_over_tls() {
    let storage = Storage::build();
    let _ = storage.podman(&["volume", "create", "skills"]).ok();
    let volume = ["--volume", "skills:/data"];

    // Nothing is there yet: it says so, and how to make it.
    let refused = storage.once(&volume, &["serve"]).refused();
    assert!(
        refused.contains("D002") && refused.contains("init"),
        "{refused}"
    );
    let init = [
        "init",
        "--organisation",
        "Larkfield",
        "--host",
        "skills.example",
    ];
    let made = storage.once(&volume, &init).ok().stdout;
    assert!(
        made.contains("Made an appliance for Larkfield in /data"),
        "{made}"
    );
    let again = storage.once(&volume, &init).refused();
    assert!(again.contains("D001"), "{again}");

    let served = Container::serve(&storage, "served", &volume);
    served.until_healthy();

    // Who it is, and what it may.
    let user = [USER; 4].map(|id| id.to_string()).join("\t");
    assert_eq!(served.status("Uid:"), user);
    assert_eq!(served.status("Gid:"), user);
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(served.status(set), "0000000000000000", "{set}");
    }
    assert_eq!(served.status("NoNewPrivs:"), "1");
    // Nothing to write on but the volume, the devices' and the kernel's own.
    let mounts = served.proc("mounts");
    let mounts: Vec<Vec<_>> = mounts
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    let options = |at: &str| {
        let mount = mounts.iter().rev().find(|mount| mount[1] == at);
        mount.unwrap_or_else(|| panic!("{at} is mounted"))[3].split(',')
    };
    assert!(options("/").any(|option| option == "ro"));
    let writable = mounts.iter().filter(|mount| {
        mount[3].split(',').any(|option| option == "rw") && !mount[1].starts_with("/proc")
    });
    let writable: Vec<_> = writable
        .map(|mount| mount[1])
        .filter(|at| !at.starts_with("/dev") && *at != "/sys/fs/cgroup")
        .collect();
    assert_eq!(writable, ["/data"]);
    // Its network is a loopback.
    let network = served.proc("net/dev");
    let interfaces: Vec<_> = network
        .lines()
        .filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()))
        .collect();
    assert_eq!(interfaces, ["lo"]);
    // No shell, and no other program that could be run in it.
    for program in ["/bin/sh", "/bin/bash", "/bin/busybox", "/usr/bin/env", "ls"] {
        let tried = storage.podman(&["exec", "served", program]);
        assert!(matches!(tried.status, 126 | 127), "{program}: {tried:?}");
    }
    let elsewhere = served.exec(&["init", "--data-dir", "/elsewhere"]).refused();
    assert!(
        elsewhere.contains("D004") && elsewhere.contains("ead-only"),
        "{elsewhere}"
    );

    // A page, over TLS that verifies under its own root, and an administrator's by a one-time link.
    let root = served.root();
    let page = served.curl(
        &root,
        &["--fail", "--location", "https://skills.example:8443/"],
    );
    let page = page.ok().stdout;
    assert!(
        page.contains("<html") && page.contains("Larkfield"),
        "{page}"
    );
    let link = served.exec(&["admin", "link", "--json"]).json();
    let link = link["url"].as_str().expect("a link");
    let _ = served.curl(&root, &["--fail", link]).ok();
    let _ = served
        .curl(&root, &["--fail", "--data", "csrf=", link])
        .ok();
    let health = served.curl(&root, &["--fail", "https://skills.example:8443/admin"]);
    let health = health.ok().stdout;
    assert!(
        health.contains("Larkfield") && health.contains("<html"),
        "{health}"
    );
    let unknown = served.curl(
        Path::new("/etc/ssl/certs/ca-certificates.crt"),
        &["https://skills.example:8443/"],
    );
    assert_eq!(
        unknown.status, 60,
        "nobody else's authority vouches for it: {unknown:?}"
    );

    // SIGTERM to the first process, as every runtime stops a container.
    let stopped = storage.podman(&["stop", "--time", "20", "served"]);
    let _ = stopped.ok();
    let code = storage.podman(&["inspect", "--format", "{{.State.ExitCode}}", "served"]);
    assert_eq!(code.ok().stdout.trim(), "0", "{}", served.log());
    assert!(served.log().contains("stopped"), "{}", served.log());
    assert!(!served.healthy(), "what is stopped is not healthy");
}

#[test]
fn a_container_whose_server_died_is_unhealthy_and_serves_again_from_its_volume() {
    let storage = Storage::build();
    let _ = storage.podman(&["volume", "create", "skills"]).ok();
    let volume = ["--volume", "skills:/data"];
    let init = ["init", "--host", "skills.example"];
    let made = storage
        .once(&volume, &[&init[..], &["--json"]].concat())
        .json();
    let first = Container::serve(&storage, "first", &volume);
    first.until_healthy();
    let another = storage.once(&volume, &["serve"]).refused();
    assert!(another.contains("D003"), "one serves a volume: {another}");
    // Asked in a container beside it, which sees the same data and another network.
    let beside = storage.once(&volume, &["healthcheck", "--json"]);
    let beside = failure(beside);
    assert_eq!(
        (&beside["code"], &beside["exit"]),
        (&"D031".into(), &1.into()),
        "{beside}"
    );

    let pid = i32::try_from(first.pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), Signal::KILL).expect("it can be killed");
    until("a container that has ended", || {
        let state = storage.podman(&["inspect", "--format", "{{.State.Status}}", "first"]);
        (state.ok().stdout.trim() == "exited").then_some(())
    });
    let dead = storage.once(&volume, &["healthcheck", "--json"]);
    let dead = failure(dead);
    assert_eq!(
        (&dead["code"], &dead["exit"]),
        (&"D030".into(), &1.into()),
        "{dead}"
    );

    let second = Container::serve(&storage, "second", &volume);
    second.until_healthy();
    let status = second.exec(&["status", "--json"]).json();
    assert_eq!(status["running"], true, "{status}");
    assert_eq!(status["store"], made["store"], "{status}");
    assert_eq!(status["ca_fingerprint"], made["ca_fingerprint"], "{status}");
}

#[test]
fn a_model_that_is_mounted_runs_in_the_container_in_its_whole_sandbox() {
    let storage = Storage::build();
    let _ = storage.podman(&["volume", "create", "skills"]).ok();
    let mounted = format!("{}:/models:ro", models().display());
    let file = format!("AIWORKLAB_MODEL_FILE=/models/{}", DEFAULT_MODEL.file);
    let digest = format!("AIWORKLAB_MODEL_SHA256={}", DEFAULT_MODEL.sha256);
    let sentences = "AIWORKLAB_MODEL_SENTENCES=/models/all-MiniLM-L6-v2";
    let options = [
        "--volume",
        "skills:/data",
        "--volume",
        &mounted,
        "--env",
        &file,
        "--env",
        &digest,
        "--env",
        sentences,
    ];
    let _ = storage.once(&options, &["init"]).ok();
    let doctor = storage.once(&options, &["model", "doctor", "--json"]);
    let doctor: Value = serde_json::from_str(&doctor.ok().stdout).expect("JSON");
    assert_eq!(doctor["runs"], true, "{doctor}");
    assert_eq!(doctor["degraded"], false, "{doctor}");

    let served = Container::serve(&storage, "served", &options);
    served.until_healthy();
    let ready = until("a model that is ready", || {
        let status = served.exec(&["model", "status", "--json"]).json();
        (status["state"] == "ready").then_some(status)
    });
    assert_eq!(ready["sandbox"]["degraded"], false, "{ready}");
}
