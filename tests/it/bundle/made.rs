//! Bundles, made by the same program that `make bundle` runs, from the programs under test.

use harness::{Output, Program, program, repository};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Runs a program that reads nothing.
pub(super) fn run(command: &mut Command) -> Output {
    harness::run(command, b"")
}

/// A bundle, unpacked.
pub(super) struct Bundle {
    /// What the builder said.
    pub(super) said: Value,
    /// The unpacked folder.
    pub(super) folder: PathBuf,
}

impl Bundle {
    /// The public key that its signer has.
    pub(super) fn key(&self) -> &str {
        self.said["key"].as_str().expect("a bundle has a key")
    }

    /// Verifies a folder, which may be a copy of this bundle, with this bundle's key.
    pub(super) fn verify(&self, folder: &Path) -> Output {
        let mut command = Command::new(program(Program::Appliance));
        command
            .args(["bundle", "verify", "--json", "--release-key", self.key()])
            .arg(folder);
        run(&mut command)
    }
}

/// Where bundles are made: a scratch folder with a key of its own, on the disk of the programs, so
/// that what is unpacked can be linked to instead of copied.
pub(super) struct Workshop {
    dir: TempDir,
}

impl Workshop {
    pub(super) fn open() -> Self {
        let built = program(Program::Appliance);
        let beside = built.parent().expect("a program lies in a folder");
        let dir = tempfile::Builder::new()
            .prefix("bundle-test-")
            .tempdir_in(beside)
            .expect("a scratch folder can be made");
        let pair = minisign::KeyPair::generate_unencrypted_keypair().expect("a key can be made");
        let secret = pair.sk.to_box(None).expect("a key can be written");
        fs::write(dir.path().join("release.key"), secret.to_bytes()).expect("a key is written");
        Self { dir }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Small files in the place of models: the builder does not judge them.
    pub(super) fn stand_in_models(&self) -> PathBuf {
        let folder = self.path("stand-in");
        fs::create_dir_all(folder.join("all-MiniLM-L6-v2")).expect("a folder can be made");
        for name in [
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "SmolLM2-LICENSE",
            "all-MiniLM-L6-v2/model.safetensors",
            "all-MiniLM-L6-v2/tokenizer.json",
            "all-MiniLM-L6-v2/LICENSE",
        ] {
            fs::write(folder.join(name), format!("in the place of {name}")).expect("it is written");
        }
        folder
    }

    /// Makes a bundle of the programs under test. `options` go to the builder.
    pub(super) fn make(&self, out: &str, options: &[&str]) -> Value {
        let built = program(Program::Appliance);
        let beside = built.parent().expect("a program lies in a folder");
        self.make_of(beside, out, options)
    }

    /// The same of other programs.
    pub(super) fn make_of(&self, programs: &Path, out: &str, options: &[&str]) -> Value {
        let built = program(Program::Appliance);
        let beside = built.parent().expect("a program lies in a folder");
        let mut command = Command::new(beside.join("bundle"));
        command
            .args(["--json", "--tree"])
            .arg(repository())
            .arg("--programs")
            .arg(programs)
            .arg("--cache")
            .arg(self.path("cache"))
            .arg("--signing-key")
            .arg(self.path("release.key"))
            .arg("--out")
            .arg(self.path(out))
            .args(options);
        let output = run(&mut command);
        assert_eq!(output.status, 0, "{}", output.stderr);
        serde_json::from_str(&output.stdout).expect("the builder prints JSON")
    }

    /// Unpacks it with the system's tar, as an administrator does.
    pub(super) fn unpack(&self, said: Value, into: &str) -> Bundle {
        let into = self.path(into);
        fs::create_dir_all(&into).expect("a folder can be made");
        let file = said["file"].as_str().expect("a bundle is a file");
        let mut command = Command::new("tar");
        command.arg("-xpf").arg(file).arg("-C").arg(&into);
        let output = run(&mut command);
        assert_eq!(output.status, 0, "{}", output.stderr);
        let folder = into.join(said["folder"].as_str().expect("a bundle has a folder"));
        Bundle { said, folder }
    }
}
