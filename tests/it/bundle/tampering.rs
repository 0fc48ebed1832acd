//! A bundle is changed in every way that a courier, a mirror or a bad disk could change it, and is
//! refused each time, with the name of what is wrong; untouched it is accepted, before and after.

use super::made::{Bundle, Workshop, run};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// One way: its name, what it does to a copy, the code and the words of the refusal.
type Way = (&'static str, fn(&Scene, &Path), &'static str, &'static str);

struct Scene {
    workshop: Workshop,
    bundle: Bundle,
    /// Another release from the same signer.
    older: Bundle,
    /// The same files, signed by somebody else.
    strangers: Bundle,
}

/// Replaces a file of the copy, whose bytes it shares with the bundle, by one of its own.
fn change(copy: &Path, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
    let path = copy.join(name);
    let mode = fs::metadata(&path).expect("it is there").permissions();
    let mut bytes = fs::read(&path).expect("it can be read");
    edit(&mut bytes);
    fs::remove_file(&path).expect("it can be removed");
    fs::write(&path, bytes).expect("it can be written");
    fs::set_permissions(&path, mode).expect("its mode can be set");
}

fn flip(copy: &Path, name: &str) {
    change(copy, name, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

/// Changes the manifest and signs it again with the right key: what only a signer could do wrong.
fn sign_again(scene: &Scene, copy: &Path, edit: impl FnOnce(&mut Value)) {
    let secret = fs::read_to_string(scene.workshop.path("release.key")).expect("the key is there");
    let secret = minisign::SecretKeyBox::from_string(&secret)
        .and_then(minisign::SecretKeyBox::into_unencrypted_secret_key)
        .expect("the key can be read");
    change(copy, "manifest.json", |bytes| {
        let mut manifest = serde_json::from_slice(bytes).expect("a manifest is JSON");
        edit(&mut manifest);
        *bytes = manifest.to_string().into_bytes();
    });
    let text = fs::read(copy.join("manifest.json")).expect("it can be read");
    let comment = Some("aiworklab-appliance 0.1.0 x86_64-linux");
    let made = minisign::sign(None, &secret, text.as_slice(), comment, None).expect("it signs");
    change(copy, "manifest.json.minisig", |bytes| {
        *bytes = made.to_string().into_bytes();
    });
}

fn take(from: &Bundle, copy: &Path, name: &str) {
    let theirs = fs::read(from.folder.join(name)).expect("it can be read");
    change(copy, name, |bytes| *bytes = theirs);
}

fn file_entry(manifest: &mut Value, at: usize) -> &mut Value {
    &mut manifest["files"][at]
}

const WAYS: &[Way] = &[
    (
        "the program is swapped",
        |_, copy| {
            change(copy, "aiworklab-appliance", |bytes| {
                let size = bytes.len();
                *bytes = fs::read("/proc/self/exe").expect("a program can be read");
                bytes.resize(size, 0);
            })
        },
        "B007",
        "aiworklab-appliance: its content is not what was signed",
    ),
    (
        "a bit of the client is flipped",
        |_, copy| flip(copy, "aiworklab"),
        "B007",
        "aiworklab:",
    ),
    (
        "a bit of a model is flipped",
        |_, copy| flip(copy, "models/SmolLM2-135M-Instruct.Q4_1.gguf"),
        "B007",
        "models/SmolLM2-135M-Instruct.Q4_1.gguf",
    ),
    (
        "a bit of a licence is flipped",
        |_, copy| flip(copy, "models/SmolLM2-LICENSE"),
        "B007",
        "models/SmolLM2-LICENSE",
    ),
    (
        "a bit of the unit is flipped",
        |_, copy| flip(copy, "systemd/aiworklab-appliance.service"),
        "B007",
        "systemd/aiworklab-appliance.service",
    ),
    (
        "a bit of the manual is flipped",
        |_, copy| flip(copy, "manual/install.md"),
        "B007",
        "manual/install.md",
    ),
    (
        "a bit of the list of parts is flipped",
        |_, copy| flip(copy, "sbom.cdx.json"),
        "B007",
        "sbom.cdx.json",
    ),
    (
        "a line is added to a script",
        |_, copy| change(copy, "install", |bytes| bytes.extend(b"true\n")),
        "B006",
        "install: it is too long",
    ),
    (
        "a part is missing",
        |_, copy| {
            fs::remove_file(copy.join("models/all-MiniLM-L6-v2/tokenizer.json")).expect("it goes")
        },
        "B002",
        "models/all-MiniLM-L6-v2/tokenizer.json: it is missing",
    ),
    (
        "a part is cut off",
        |_, copy| change(copy, "aiworklab", |bytes| bytes.truncate(1000)),
        "B005",
        "aiworklab: it is cut off: 1000 of",
    ),
    (
        "a part is empty",
        |_, copy| change(copy, "manual/install.md", Vec::clear),
        "B005",
        "manual/install.md: it is cut off: 0 of",
    ),
    (
        "a file is added",
        |_, copy| fs::write(copy.join("systemd/evil.service"), "x").expect("it is written"),
        "B003",
        "systemd/evil.service: it does not belong to the bundle",
    ),
    (
        "a folder is added",
        |_, copy| fs::create_dir(copy.join("hooks")).expect("it is made"),
        "B003",
        "hooks",
    ),
    (
        "a part is a link",
        |_, copy| {
            fs::remove_file(copy.join("aiworklab")).expect("it goes");
            symlink("/bin/true", copy.join("aiworklab")).expect("a link is made");
        },
        "B004",
        "aiworklab: it is a link",
    ),
    (
        "a folder of parts is a link",
        |scene, copy| {
            fs::remove_dir_all(copy.join("systemd")).expect("it goes");
            symlink(scene.bundle.folder.join("systemd"), copy.join("systemd"))
                .expect("a link is made");
        },
        "B004",
        "systemd/aiworklab-appliance.service",
    ),
    (
        "the program is setuid",
        |_, copy| {
            change(copy, "aiworklab-appliance", |_| ());
            let mode = fs::Permissions::from_mode(0o4755);
            fs::set_permissions(copy.join("aiworklab-appliance"), mode).expect("a mode is set");
        },
        "B008",
        "aiworklab-appliance: its mode is 4755 instead of 0755",
    ),
    (
        "everybody may write the unit",
        |_, copy| {
            change(copy, "systemd/aiworklab-appliance.service", |_| ());
            let mode = fs::Permissions::from_mode(0o666);
            fs::set_permissions(copy.join("systemd/aiworklab-appliance.service"), mode)
                .expect("a mode is set");
        },
        "B008",
        "systemd/aiworklab-appliance.service: its mode",
    ),
    (
        "the manifest is edited",
        |_, copy| {
            change(copy, "manifest.json", |bytes| {
                let text = String::from_utf8(bytes.clone())
                    .expect("it is text")
                    .replace("0.1.0", "9.9.9");
                *bytes = text.into_bytes();
            })
        },
        "B013",
        "manifest.json",
    ),
    (
        "one bit of the manifest is flipped",
        |_, copy| flip(copy, "manifest.json"),
        "B013",
        "manifest.json",
    ),
    (
        "manifest and signature are another signer's",
        |scene, copy| {
            take(&scene.strangers, copy, "manifest.json");
            take(&scene.strangers, copy, "manifest.json.minisig");
        },
        "B012",
        "is signed with the key",
    ),
    (
        "the signature is another release's",
        |scene, copy| take(&scene.older, copy, "manifest.json.minisig"),
        "B013",
        "manifest.json",
    ),
    (
        "manifest and signature are an older release's",
        |scene, copy| {
            take(&scene.older, copy, "manifest.json");
            take(&scene.older, copy, "manifest.json.minisig");
        },
        "B007",
        "sbom.cdx.json",
    ),
    (
        "the trusted comment is changed",
        |_, copy| {
            change(copy, "manifest.json.minisig", |bytes| {
                let text = String::from_utf8(bytes.clone())
                    .expect("it is text")
                    .replace("0.1.0", "9.9.9");
                *bytes = text.into_bytes();
            })
        },
        "B013",
        "comment was changed",
    ),
    (
        "the signature is missing",
        |_, copy| fs::remove_file(copy.join("manifest.json.minisig")).expect("it goes"),
        "B002",
        "manifest.json.minisig: it is missing",
    ),
    (
        "the signature is cut off",
        |_, copy| change(copy, "manifest.json.minisig", |bytes| bytes.truncate(100)),
        "B011",
        "manifest.json.minisig",
    ),
    (
        "the manifest is missing",
        |_, copy| fs::remove_file(copy.join("manifest.json")).expect("it goes"),
        "B002",
        "manifest.json: it is missing",
    ),
    (
        "a signed path leads out of the bundle",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                file_entry(manifest, 0)["path"] = json!("../../etc/cron.d/evil");
            })
        },
        "B018",
        "../../etc/cron.d/evil",
    ),
    (
        "a signed path is absolute",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                file_entry(manifest, 0)["path"] = json!("/etc/passwd");
            })
        },
        "B018",
        "/etc/passwd",
    ),
    (
        "a signed path stands twice",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                let first = manifest["files"][0].clone();
                manifest["files"]
                    .as_array_mut()
                    .expect("it has files")
                    .insert(0, first);
            })
        },
        "B019",
        "twice",
    ),
    (
        "it is signed for another machine",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                manifest["target"] = json!("aarch64-linux");
            })
        },
        "B017",
        "aarch64-linux",
    ),
    (
        "it is signed for another product",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                manifest["product"] = json!("something-else");
            })
        },
        "B017",
        "something-else",
    ),
    (
        "its signature names another version",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                manifest["version"] = json!("0.0.9");
            })
        },
        "B014",
        "0.0.9",
    ),
    (
        "it is of a newer format",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                manifest["format"] = json!(2);
            })
        },
        "B016",
        "format 2",
    ),
    (
        "a signed program is setuid",
        |scene, copy| {
            sign_again(scene, copy, |manifest| {
                file_entry(manifest, 1)["mode"] = json!("4755");
            })
        },
        "B020",
        "4755",
    ),
];

/// A copy that shares its files with the bundle: nothing of the size of a model is written.
fn copy_of(bundle: &Bundle, to: &Path) {
    fn link_all(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a folder can be made");
        for entry in fs::read_dir(from).expect("a folder can be read") {
            let path = entry.expect("an entry can be read").path();
            let target = to.join(path.file_name().expect("it has a name"));
            if path.is_dir() {
                link_all(&path, &target);
            } else {
                fs::hard_link(&path, &target).expect("a file can be linked");
            }
        }
    }
    link_all(&bundle.folder, to);
}

impl Scene {
    fn new() -> Self {
        let workshop = Workshop::open();
        let models = workshop.stand_in_models();
        let models = models.to_str().expect("a path is text");
        let said = workshop.make("out", &["--models", models]);
        let bundle = workshop.unpack(said, "unpacked");
        let said = workshop.make("older", &["--models", models, "--version-is", "0.0.9"]);
        let older = workshop.unpack(said, "older-unpacked");
        let others = Workshop::open();
        let said = others.make("out", &["--models", models]);
        let strangers = others.unpack(said, "unpacked");
        // Only its manifest and its signature are used further on.
        let kept = workshop.path("strangers");
        fs::create_dir_all(&kept).expect("a folder can be made");
        for name in ["manifest.json", "manifest.json.minisig"] {
            fs::copy(strangers.folder.join(name), kept.join(name)).expect("it can be copied");
        }
        let strangers = Bundle {
            said: strangers.said,
            folder: kept,
        };
        Self {
            workshop,
            bundle,
            older,
            strangers,
        }
    }
}

#[test]
fn whatever_is_changed_in_a_bundle_it_is_refused_by_name() {
    let scene = Scene::new();
    let accepted = |folder: &Path| {
        let output = scene.bundle.verify(folder);
        assert_eq!(output.status, 0, "{}", output.stderr);
    };
    accepted(&scene.bundle.folder);
    assert!(WAYS.len() >= 20);
    for (number, (way, tamper, code, words)) in WAYS.iter().enumerate() {
        let copy: PathBuf = scene.workshop.path(&format!("copy-{number}"));
        copy_of(&scene.bundle, &copy);
        begins_whole(&copy);
        tamper(&scene, &copy);
        let output = scene.bundle.verify(&copy);
        assert_eq!(
            output.status, 5,
            "{way}: {}{}",
            output.stdout, output.stderr
        );
        let error: Value = serde_json::from_str(&output.stderr).expect("an error is JSON");
        assert_eq!(error["code"], *code, "{way}: {error}");
        let text = error["error"].as_str().unwrap_or_default();
        assert!(text.contains(words), "{way}: {text}");
        fs::remove_dir_all(&copy).expect("the copy can be removed");
        println!("refused {code}  {way}");
    }
    accepted(&scene.bundle.folder);
    println!("{} ways of tampering, each refused by name", WAYS.len());
}

/// A copy begins with every file of the bundle: a test of the test.
fn begins_whole(copy: &Path) {
    assert!(copy.join("manifest.json.minisig").exists() && copy.join("aiworklab").exists());
}

#[test]
fn a_key_that_comes_with_the_bundle_or_is_left_out_checks_nothing() {
    let workshop = Workshop::open();
    let said = workshop.make("out", &[]);
    let bundle = workshop.unpack(said, "unpacked");
    let verify = |key: Option<&str>| {
        let mut command = std::process::Command::new(harness::program(harness::Program::Appliance));
        command
            .args(["bundle", "verify", "--json"])
            .arg(&bundle.folder);
        command.args(key.into_iter().flat_map(|key| ["--release-key", key]));
        let output = run(&mut command);
        let error: Value = serde_json::from_str(&output.stderr).unwrap_or_default();
        (
            output.status,
            error["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(verify(None), (5, "B030".to_owned()));
    let inside = bundle.folder.join("release.pub");
    fs::write(&inside, bundle.key()).expect("a key is written");
    assert_eq!(verify(inside.to_str()), (5, "B031".to_owned()));
    fs::remove_file(&inside).expect("it goes");
    let outside = workshop.path("vendor.pub");
    fs::write(&outside, bundle.key()).expect("a key is written");
    assert_eq!(verify(outside.to_str()).0, 0);
    assert_eq!(verify(Some("RWnonsense")), (5, "B022".to_owned()));
}
