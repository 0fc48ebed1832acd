//! Installs on a pretended machine, with a failure at every step.

use super::*;
use crate::install::machine::pretend::Pretend;
use crate::install::plan::Plan;
use crate::install::preflight::{Report, Row};
use crate::install::trust;
use bundle_manifest::{Kind, MANIFEST, PRODUCT, SIGNATURE, TARGET, trusted_comment};
use minisign::KeyPair;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

struct Scene {
    root: tempfile::TempDir,
    layout: Layout,
    machine: Pretend,
    pair: KeyPair,
}

const PARTS: [(&str, &str, Kind); 4] = [
    (PRODUCT, "program", Kind::Program),
    ("models/m.gguf", "weights", Kind::Model),
    ("systemd/aiworklab-appliance.service", "unit", Kind::Unit),
    ("systemd/aiworklab.sysusers", "user", Kind::Unit),
];

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path().join("machine"));
        for folder in [
            "machine/etc",
            "machine/opt",
            "machine/var/lib",
            "machine/run",
            "bundles",
        ] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let machine = Pretend::default();
        *machine.current.borrow_mut() = Some(layout.current());
        Self {
            layout,
            machine,
            pair: KeyPair::generate_unencrypted_keypair().unwrap(),
            root,
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.root.path().join("machine/var/lib/aiworklab")
    }

    /// A signed bundle of this version, unpacked.
    fn bundle(&self, version: &str) -> PathBuf {
        let dir = self.root.path().join("bundles").join(version);
        let mut files = Vec::new();
        for (path, text, kind) in PARTS {
            let text = format!("{text} {version}");
            let to = dir.join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(&to, &text).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(kind.mode().bits())).unwrap();
            files.push(serde_json::json!({
                "path": path, "bytes": text.len(), "sha256": hex::encode(Sha256::digest(&text)),
                "kind": kind, "mode": kind.mode(),
            }));
        }
        let manifest = serde_json::json!({
            "format": 1, "product": PRODUCT, "version": version, "target": TARGET, "commit": "c",
            "created": "2026-11-24",
            "requires": {"kernel": "5.13", "cpu": [], "cpu_for_model": [], "memory_mb": 1,
                         "memory_for_model_mb": 1},
            "models": [], "files": files,
        })
        .to_string();
        let comment = trusted_comment(&Version::parse(version).unwrap());
        let signature = minisign::sign(
            None,
            &self.pair.sk,
            manifest.as_bytes(),
            Some(&comment),
            None,
        )
        .unwrap();
        fs::write(dir.join(MANIFEST), manifest).unwrap();
        fs::write(dir.join(SIGNATURE), signature.to_string()).unwrap();
        dir
    }

    fn options(&self, version: &str) -> Options {
        Options {
            bundle: self.bundle(version),
            release_key: Some(self.pair.pk.to_base64()),
            hosts: vec!["skills.example".to_owned()],
            people: ([0, 0, 0, 0], 8443).into(),
            devices: ([0, 0, 0, 0], 8444).into(),
            organisation: Some("Larkfield".to_owned()),
            data_dir: self.data_dir(),
            networks: Vec::new(),
            without_model: false,
            allow_older: None,
            repair: false,
        }
    }

    /// A plan as [`Plan::make`] makes it, for a machine that is ready.
    fn plan(&self, options: &Options) -> Plan {
        let trusted = trust::key_for(
            &options.bundle,
            options.release_key.as_deref(),
            &self.layout,
        );
        let trusted = trusted.unwrap();
        let bundle = Verified::open(&options.bundle, &trusted.key).unwrap();
        let record = Record::read(&self.layout).unwrap();
        let way = match &record {
            None => Way::New {
                keeps_data: self.data_dir().join("config.toml").exists(),
            },
            Some(record) if record.version == bundle.manifest().version => Way::Repair,
            Some(record) => Way::Over {
                from: record.version.clone(),
            },
        };
        Plan {
            bundle,
            trusted,
            way,
            report: Report::of(Vec::new()),
            record,
            data_dir: self.data_dir(),
            undo_first: false,
        }
    }

    fn install(&self, version: &str) -> Result<Done, Error> {
        let options = self.options(version);
        let plan = self.plan(&options);
        let held = hold(&self.layout).unwrap();
        let installer = Installer {
            options: &options,
            layout: &self.layout,
            machine: &self.machine,
        };
        installer.carry_out(&plan, &held)
    }

    /// Everything on the pretended machine: path and content, or where a link leads.
    fn everything(&self) -> BTreeMap<String, String> {
        fn walk(dir: &Path, top: &Path, into: &mut BTreeMap<String, String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(top).unwrap().display().to_string();
                if path.is_symlink() {
                    into.insert(name, fs::read_link(&path).unwrap().display().to_string());
                } else if path.is_dir() {
                    into.insert(format!("{name}/"), String::new());
                    walk(&path, top, into);
                } else {
                    into.insert(name, fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut all = BTreeMap::new();
        let top = self.root.path().join("machine");
        walk(&top, &top, &mut all);
        all.remove("run/aiworklab-install.lock");
        // A signature differs each time it is made.
        all.retain(|name, _| !name.ends_with(SIGNATURE));
        all
    }
}

#[test]
fn a_new_install_is_whole_and_says_how_to_begin() {
    let scene = Scene::new();
    let done = scene.install("1.0.0").unwrap();
    assert_eq!(done.link.as_deref(), Some("https://localhost:8443/link/x"));
    let all = scene.everything();
    assert_eq!(all["opt/aiworklab/current"], "1.0.0");
    assert_eq!(all["opt/aiworklab/1.0.0/models/m.gguf"], "weights 1.0.0");
    assert_eq!(
        all["usr/local/lib/systemd/system/aiworklab-appliance.service"],
        "unit 1.0.0"
    );
    assert!(all["etc/aiworklab/release.pub"].contains(&scene.pair.pk.to_base64()));
    assert!(all.contains_key("var/lib/aiworklab/config.toml"));
    assert!(
        !all.keys()
            .any(|name| name.contains(".journal") || name.contains(".staging")),
        "{all:?}"
    );
    assert!(scene.machine.is_running() && scene.machine.user_is_there());
    let calls = scene.machine.calls();
    let init = calls.iter().find(|call| call.starts_with("init")).unwrap();
    assert!(
        init.contains("--host skills.example") && init.contains("--people 0.0.0.0:8443"),
        "{init}"
    );
    let release = scene.layout.release(&Version::new(1, 0, 0));
    let mode = fs::metadata(release.join(PRODUCT))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o755);
    // An installed release is a bundle, too: it can be verified at any time.
    let key = bundle_manifest::ReleaseKey::parse(&scene.pair.pk.to_base64()).unwrap();
    assert!(Verified::open(&release, &key).is_ok());
}

#[test]
fn a_new_install_that_fails_anywhere_leaves_the_machine_as_it_was() {
    for failing in [
        "make user",
        "init",
        "systemctl daemon-reload",
        "systemctl enable",
        "systemctl restart",
        "healthcheck",
    ] {
        let scene = Scene::new();
        let before = scene.everything();
        // An undoing needs these itself; what fails while going on may work while going back.
        scene.machine.fail(failing);
        let error = scene.install("1.0.0").unwrap_err();
        let undoes = failing == "systemctl daemon-reload";
        assert_eq!(
            error.code(),
            if undoes { "B036" } else { "B035" },
            "{failing}: {error}"
        );
        let mut after = scene.everything();
        if undoes {
            // It is told what is left, and the journal is kept for the next run.
            assert!(error.to_string().contains("units anew"), "{error}");
            after.retain(|name, _| !name.starts_with("opt/a"));
            after.retain(|name, _| before.contains_key(name));
        }
        assert_eq!(after, before, "{failing}");
        assert!(
            !scene.machine.user_is_there() && !scene.machine.is_running(),
            "{failing}"
        );
    }
}

#[test]
fn what_could_not_be_undone_is_undone_by_the_next_run() {
    let scene = Scene::new();
    let before = scene.everything();
    scene.machine.fail("systemctl daemon-reload");
    assert_eq!(scene.install("1.0.0").unwrap_err().code(), "B036");
    scene.machine.mend();
    let options = scene.options("1.0.0");
    let installer = Installer {
        options: &options,
        layout: &scene.layout,
        machine: &scene.machine,
    };
    let held = hold(&scene.layout).unwrap();
    assert!(installer.undo_left(&held).unwrap());
    assert_eq!(scene.everything(), before);
    drop(held);
    assert!(scene.install("1.0.0").is_ok());
}

#[test]
fn data_of_an_earlier_install_are_kept_even_if_this_one_fails() {
    let scene = Scene::new();
    fs::create_dir(scene.data_dir()).unwrap();
    fs::write(scene.data_dir().join("config.toml"), "").unwrap();
    fs::write(scene.data_dir().join("store.db"), "years").unwrap();
    let before = scene.everything();
    scene.machine.fail("healthcheck");
    assert_eq!(scene.install("1.0.0").unwrap_err().code(), "B035");
    assert_eq!(scene.everything(), before);
    scene.machine.mend();
    scene.install("1.0.0").unwrap();
    assert_eq!(scene.everything()["var/lib/aiworklab/store.db"], "years");
    assert!(
        !scene
            .machine
            .calls()
            .iter()
            .any(|call| call.starts_with("init"))
    );
}

#[test]
fn an_upgrade_keeps_data_and_the_release_before_and_no_more() {
    let scene = Scene::new();
    scene.install("1.0.0").unwrap();
    fs::write(scene.data_dir().join("store.db"), "half a year").unwrap();
    for version in ["1.1.0", "1.2.0"] {
        let done = scene.install(version).unwrap();
        assert_eq!(
            done.link, None,
            "nobody is made administrator by an upgrade"
        );
    }
    let all = scene.everything();
    assert_eq!(all["opt/aiworklab/current"], "1.2.0");
    assert!(all.contains_key("opt/aiworklab/1.1.0/") && !all.contains_key("opt/aiworklab/1.0.0/"));
    assert_eq!(all["var/lib/aiworklab/store.db"], "half a year");
    assert!(
        !all.keys().any(|name| name.contains(".before-upgrade")),
        "{all:?}"
    );
    assert_eq!(
        all["usr/local/lib/systemd/system/aiworklab-appliance.service"],
        "unit 1.2.0"
    );
    let record = Record::read(&scene.layout).unwrap().unwrap();
    assert_eq!(record.previous, Some(Version::new(1, 1, 0)));
    assert!(record.made_user, "the user is still ours to remove");
}

#[test]
fn an_upgrade_that_does_not_serve_goes_back_and_the_old_one_serves() {
    let scene = Scene::new();
    scene.install("1.0.0").unwrap();
    fs::write(scene.data_dir().join("store.db"), "half a year").unwrap();
    let before = scene.everything();
    *scene.machine.broken.borrow_mut() = Some("1.1.0".to_owned());
    let error = scene.install("1.1.0").unwrap_err();
    assert_eq!(error.code(), "B037", "{error}");
    assert!(
        error
            .to_string()
            .contains("1.0.0 serves again, with all data"),
        "{error}"
    );
    assert_eq!(scene.everything(), before);
    assert!(scene.machine.is_running());
}

#[test]
fn what_fails_before_the_old_service_is_stopped_does_not_disturb_it() {
    let scene = Scene::new();
    scene.install("1.0.0").unwrap();
    let before = scene.everything();
    scene.machine.forget();
    let options = scene.options("1.1.0");
    let plan = scene.plan(&options);
    // Swapped between verifying and copying.
    fs::write(options.bundle.join("models/m.gguf"), "weightz 1.1.0").unwrap();
    let installer = Installer {
        options: &options,
        layout: &scene.layout,
        machine: &scene.machine,
    };
    let held = hold(&scene.layout).unwrap();
    let error = installer.carry_out(&plan, &held).unwrap_err();
    let cause = crate::http::error::chain(&error);
    assert!(cause.contains("models/m.gguf"), "{cause}");
    assert_eq!(scene.everything(), before);
    assert!(
        !scene
            .machine
            .calls()
            .iter()
            .any(|call| call == "systemctl stop aiworklab-appliance.service")
    );
}

#[test]
fn data_that_the_old_release_cannot_open_any_more_are_put_back() {
    let scene = Scene::new();
    let dir = scene.data_dir();
    fs::create_dir_all(dir.join("keys")).unwrap();
    fs::write(dir.join("store.db"), "old schema").unwrap();
    fs::write(dir.join("keys/kek"), "key").unwrap();
    let copy = Layout::copy_of(&dir);
    files::copy_tree(&dir, &copy, NOT_COPIED).unwrap();
    // The new release changed the database, left a log of writes, and lost a key.
    fs::write(dir.join("store.db"), "new schema").unwrap();
    fs::write(dir.join("store.db-wal"), "writes").unwrap();
    fs::remove_file(dir.join("keys/kek")).unwrap();
    fs::create_dir(dir.join("models")).unwrap();
    // Cut off and done again.
    put_back(&copy, &dir).unwrap();
    put_back(&copy, &dir).unwrap();
    assert_eq!(
        fs::read_to_string(dir.join("store.db")).unwrap(),
        "old schema"
    );
    assert_eq!(fs::read_to_string(dir.join("keys/kek")).unwrap(), "key");
    assert!(!dir.join("store.db-wal").exists() && dir.join("models").exists());
}

#[test]
fn a_repair_puts_every_file_in_its_place_and_one_that_fails_changes_nothing() {
    let scene = Scene::new();
    scene.install("1.0.0").unwrap();
    let whole = scene.everything();
    let program = scene.layout.release(&Version::new(1, 0, 0)).join(PRODUCT);
    fs::write(&program, "damaged").unwrap();
    let damaged = scene.everything();
    scene.machine.fail("systemctl restart");
    // The one before serves as well as it did.
    assert_eq!(scene.install("1.0.0").unwrap_err().code(), "B037");
    assert_eq!(scene.everything(), damaged);
    scene.machine.mend();
    scene.install("1.0.0").unwrap();
    assert_eq!(scene.everything(), whole);
}

#[test]
fn a_machine_that_is_not_ready_is_not_touched() {
    let scene = Scene::new();
    let before = scene.everything();
    let options = scene.options("1.0.0");
    let plan = Plan {
        report: Report::of(vec![Row::stop("disk", "full", "free some")]),
        ..scene.plan(&options)
    };
    let installer = Installer {
        options: &options,
        layout: &scene.layout,
        machine: &scene.machine,
    };
    let held = hold(&scene.layout).unwrap();
    assert_eq!(
        installer.carry_out(&plan, &held).unwrap_err().code(),
        "B033"
    );
    assert_eq!(scene.everything(), before);
}

#[test]
fn two_installers_do_not_work_at_once() {
    let scene = Scene::new();
    let _held = hold(&scene.layout).unwrap();
    assert_eq!(
        hold(&scene.layout).err().map(|error| error.code()),
        Some("B043")
    );
}

#[test]
fn options_that_are_not_usual_go_into_a_file_of_their_own() {
    let scene = Scene::new();
    let mut options = scene.options("1.0.0");
    options.data_dir = PathBuf::from("/var/lib/aiworklab");
    assert_eq!(unit_addition(&options), None);
    options.data_dir = PathBuf::from("/srv/skills");
    options.people = ([0, 0, 0, 0], 443).into();
    options.networks = vec![crate::install::network::Network::parse("203.0.113.0/24").unwrap()];
    let text = unit_addition(&options).unwrap();
    for line in [
        "Environment=AIWORKLAB_DATA_DIR=/srv/skills",
        "ReadWritePaths=/srv/skills",
        "IPAddressAllow=203.0.113.0/24",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    ] {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}

#[test]
fn an_uninstall_takes_all_but_the_data_and_a_purge_needs_the_stores_name() {
    use crate::install::removal;
    let scene = Scene::new();
    let before = scene.everything();
    scene.install("1.0.0").unwrap();
    let dir = scene.data_dir();
    let store = "0190a3b4c5d6e7f80123456789abcdef";
    let identity = serde_json::json!({"store": store, "sample": false});
    fs::write(dir.join(crate::data_dir::IDENTITY), identity.to_string()).unwrap();
    let found = crate::data_dir::identity(&dir).unwrap().store.to_string();

    let mut options = removal::Options {
        remove_user: true,
        purge: Some("another".to_owned()),
    };
    let refused = removal::Plan::make(&options, &scene.layout, &dir).unwrap_err();
    assert_eq!(refused.code(), "B042");

    options.purge = None;
    let plan = removal::Plan::make(&options, &scene.layout, &dir).unwrap();
    assert!(plan.stays[0].contains(&found), "{plan:?}");
    let held = hold(&scene.layout).unwrap();
    plan.carry_out(&scene.layout, &scene.machine, &held)
        .unwrap();
    let left = scene.everything();
    assert!(
        left.contains_key("var/lib/aiworklab/config.toml"),
        "{left:?}"
    );
    assert!(
        !left
            .keys()
            .any(|name| name.contains("opt/aiworklab") || name.contains("service")),
        "{left:?}"
    );
    assert!(!scene.machine.user_is_there());
    drop(held);

    scene.install("1.0.0").unwrap();
    options.purge = Some(found);
    let plan = removal::Plan::make(&options, &scene.layout, &dir).unwrap();
    let held = hold(&scene.layout).unwrap();
    plan.carry_out(&scene.layout, &scene.machine, &held)
        .unwrap();
    let mut after = scene.everything();
    // Folders of the system that were not there at first.
    after.retain(|name, _| !name.ends_with('/') || before.contains_key(name));
    assert_eq!(after, before);
    let again = removal::Plan::make(&options, &scene.layout, &dir).unwrap_err();
    assert_eq!(again.code(), "B039");
}
