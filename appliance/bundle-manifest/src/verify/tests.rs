//! Small bundles, signed here, and what happens to them on the way.

use super::*;
use crate::{Kind, PRODUCT};
use minisign::KeyPair;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use tempfile::TempDir;

struct Made {
    dir: TempDir,
    pair: KeyPair,
}

const FILES: [(&str, &str, &[u8]); 4] = [
    ("aiworklab", "client", b"client"),
    (PRODUCT, "program", b"program"),
    ("models/LICENSE", "licence", b"licence"),
    ("models/m.gguf", "model", b"weights"),
];

fn manifest() -> Value {
    let files = FILES.map(|(path, kind, bytes)| {
        let mode = if kind == "client" || kind == "program" {
            "0755"
        } else {
            "0644"
        };
        json!({"path": path, "bytes": bytes.len(), "sha256": hex::encode(Sha256::digest(bytes)),
               "kind": kind, "mode": mode})
    });
    json!({
        "format": 1, "product": PRODUCT, "version": "1.2.0", "target": crate::TARGET,
        "commit": "0123abcd", "created": "2026-11-24",
        "requires": {"kernel": "5.13", "cpu": [], "cpu_for_model": [], "memory_mb": 1,
                     "memory_for_model_mb": 1},
        "models": [], "files": files,
    })
}

impl Made {
    fn new() -> Self {
        let made = Self {
            dir: tempfile::tempdir().unwrap(),
            pair: KeyPair::generate_unencrypted_keypair().unwrap(),
        };
        fs::create_dir(made.path("models")).unwrap();
        for (path, kind, bytes) in FILES {
            fs::write(made.path(path), bytes).unwrap();
            let run = kind == "client" || kind == "program";
            made.chmod(path, if run { 0o755 } else { 0o644 });
        }
        made.sign(
            &manifest().to_string(),
            "aiworklab-appliance 1.2.0 x86_64-linux",
        );
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn sign(&self, text: &str, comment: &str) {
        fs::write(self.path(MANIFEST), text).unwrap();
        let made = minisign::sign(None, &self.pair.sk, text.as_bytes(), Some(comment), None);
        fs::write(self.path(SIGNATURE), made.unwrap().to_string()).unwrap();
    }

    fn key(&self) -> ReleaseKey {
        ReleaseKey::parse(&self.pair.pk.to_base64()).unwrap()
    }

    fn verify(&self) -> Result<Verified, Error> {
        Verified::open(self.dir.path(), &self.key())
    }

    /// The code of the refusal, and whether its text names this part.
    fn refused(&self, part: &str) -> &'static str {
        let error = self.verify().expect_err(part);
        assert!(error.to_string().contains(part), "{error}");
        assert!(!error.fix().is_empty());
        error.code()
    }
}

#[test]
fn an_untouched_bundle_is_verified_and_its_files_can_be_copied() {
    let made = Made::new();
    let verified = made.verify().unwrap();
    let program = verified.manifest().of(Kind::Program).next().unwrap();
    assert_eq!(verified.read(program).unwrap(), b"program");
    let mut seen = 0;
    let signed = Signed::open(made.dir.path(), &made.key()).unwrap();
    signed.check_files(|_| seen += 1).unwrap();
    assert_eq!(seen, FILES.len());
}

#[test]
fn a_part_that_is_missing_extra_cut_off_longer_or_swapped_is_named() {
    let made = Made::new();
    fs::remove_file(made.path("aiworklab")).unwrap();
    assert_eq!(made.refused("aiworklab: it is missing"), "B002");

    let made = Made::new();
    fs::write(made.path("models/extra"), "x").unwrap();
    assert_eq!(made.refused("models/extra"), "B003");
    let made = Made::new();
    fs::create_dir(made.path("empty")).unwrap();
    assert_eq!(made.refused("empty"), "B003");

    let made = Made::new();
    fs::write(made.path("models/m.gguf"), "weight").unwrap();
    assert_eq!(
        made.refused("models/m.gguf: it is cut off: 6 of 7 bytes"),
        "B005"
    );
    fs::write(made.path("models/m.gguf"), "weights and more").unwrap();
    assert_eq!(made.refused("models/m.gguf"), "B006");
    fs::write(made.path("models/m.gguf"), "heights").unwrap();
    assert_eq!(made.refused("models/m.gguf"), "B007");
}

#[test]
fn a_link_a_folder_a_pipe_and_another_mode_are_named() {
    let made = Made::new();
    let elsewhere = made.path("models/LICENSE");
    fs::remove_file(made.path("models/m.gguf")).unwrap();
    symlink(&elsewhere, made.path("models/m.gguf")).unwrap();
    assert_eq!(made.refused("models/m.gguf: it is a link"), "B004");

    let made = Made::new();
    fs::remove_file(made.path("aiworklab")).unwrap();
    fs::create_dir(made.path("aiworklab")).unwrap();
    assert_eq!(made.refused("aiworklab: it is a folder"), "B004");

    let made = Made::new();
    fs::remove_file(made.path("aiworklab")).unwrap();
    rustix::fs::mknodat(CWD, made.path("aiworklab"), FileType::Fifo, Bits::RUSR, 0).unwrap();
    assert_eq!(made.refused("aiworklab: it is a pipe"), "B004");

    // A folder of the bundle that is a link to one with the very same files.
    let made = Made::new();
    let other = tempfile::tempdir().unwrap();
    let moved = other.path().join("models");
    fs::rename(made.path("models"), &moved).unwrap();
    symlink(&moved, made.path("models")).unwrap();
    assert_eq!(made.refused("models/m.gguf"), "B004");

    let made = Made::new();
    for mode in [0o777, 0o4755, 0o644, 0o700] {
        made.chmod(PRODUCT, mode);
        assert_eq!(made.refused(PRODUCT), "B008", "{mode:o}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let made = Made::new();
    fs::remove_file(made.path("aiworklab")).unwrap();
    fs::write(made.path("models/m.gguf"), "heights").unwrap();
    fs::write(made.path("extra"), "").unwrap();
    let text = made.verify().unwrap_err().to_string();
    assert!(text.starts_with("3 parts"), "{text}");
    assert!(
        ["B002 aiworklab", "B007 models/m.gguf", "B003 extra"]
            .iter()
            .all(|part| text.contains(part)),
        "{text}"
    );
}

#[test]
fn a_signature_of_another_key_or_of_another_manifest_is_refused() {
    let made = Made::new();
    let other = Made::new();
    let error = Verified::open(made.dir.path(), &other.key()).unwrap_err();
    assert_eq!(error.code(), "B012");
    assert!(error.to_string().contains(&other.key().id().to_string()));

    let signature = fs::read(made.path(SIGNATURE)).unwrap();
    let mut newer = manifest();
    newer["commit"] = json!("ffff");
    made.sign(&newer.to_string(), "aiworklab-appliance 1.2.0 x86_64-linux");
    fs::write(made.path(SIGNATURE), signature).unwrap();
    assert_eq!(made.refused("manifest.json"), "B013");
}

#[test]
fn a_comment_that_was_changed_or_names_another_release_is_refused() {
    let made = Made::new();
    let text = fs::read_to_string(made.path(SIGNATURE)).unwrap();
    fs::write(made.path(SIGNATURE), text.replace("1.2.0", "9.9.9")).unwrap();
    assert_eq!(made.refused("manifest.json"), "B013");

    made.sign(
        &manifest().to_string(),
        "aiworklab-appliance 1.1.0 x86_64-linux",
    );
    assert_eq!(made.refused("1.1.0"), "B014");
}

#[test]
fn what_is_no_signature_is_refused() {
    let made = Made::new();
    let whole = fs::read_to_string(made.path(SIGNATURE)).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    for text in [
        String::new(),
        lines[..2].join("\n"),
        format!("{whole}hidden\n"),
        whole.replace("trusted comment: ", "comment: "),
    ] {
        fs::write(made.path(SIGNATURE), &text).unwrap();
        assert_eq!(made.refused("manifest.json.minisig"), "B011", "{text}");
    }
    fs::write(made.path(SIGNATURE), [0xff; 10]).unwrap();
    assert_eq!(made.refused("manifest.json.minisig"), "B011");
    fs::write(made.path(SIGNATURE), "x".repeat(5000)).unwrap();
    assert_eq!(made.refused("manifest.json.minisig"), "B010");
    fs::remove_file(made.path(SIGNATURE)).unwrap();
    assert_eq!(made.refused("manifest.json.minisig"), "B002");
    symlink(made.path(MANIFEST), made.path(SIGNATURE)).unwrap();
    assert_eq!(made.refused("manifest.json.minisig"), "B004");
}

#[test]
fn a_manifest_without_end_is_refused_before_it_is_read() {
    let made = Made::new();
    let file = fs::File::create(made.path(MANIFEST)).unwrap();
    file.set_len(1 << 40).unwrap();
    assert_eq!(made.refused("manifest.json"), "B010");
}

#[test]
fn a_file_that_changes_after_it_was_verified_is_not_copied() {
    let made = Made::new();
    let verified = made.verify().unwrap();
    fs::write(made.path(PRODUCT), b"pr0gram").unwrap();
    let program = verified.manifest().of(Kind::Program).next().unwrap();
    assert_eq!(verified.read(program).unwrap_err().code(), "B007");
}

#[test]
fn a_disk_that_is_full_is_not_taken_for_a_bad_file() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let made = Made::new();
    let verified = made.verify().unwrap();
    let program = verified.manifest().of(Kind::Program).next().unwrap();
    let error = verified.copy(program, &mut Full).unwrap_err();
    assert!(
        matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
        "{error:?}"
    );
}

#[test]
fn an_older_release_goes_over_a_newer_one_only_by_name() {
    let [old, new, newer] = ["1.1.9", "1.2.0-rc.1", "1.2.0"].map(|v| Version::parse(v).unwrap());
    assert!(allow_over(&new, None, None).is_ok());
    assert!(allow_over(&new, Some(&old), None).is_ok());
    assert!(allow_over(&new, Some(&new), None).is_ok());
    for (offered, installed) in [(&old, &new), (&new, &newer)] {
        let error = allow_over(offered, Some(installed), None).unwrap_err();
        assert_eq!(error.code(), "B021");
        assert!(error.to_string().contains(&offered.to_string()), "{error}");
        assert!(allow_over(offered, Some(installed), Some(installed)).is_err());
        assert!(allow_over(offered, Some(installed), Some(offered)).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn one_bit_anywhere_in_what_is_signed_is_noticed(part in 0..5_usize, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let made = Made::new();
        let name = [FILES[0].0, FILES[1].0, FILES[2].0, FILES[3].0, MANIFEST][part];
        let mut bytes = fs::read(made.path(name)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(made.path(name), bytes).unwrap();
        let error = made.verify().unwrap_err();
        prop_assert!(error.to_string().contains(name), "{}", error);
    }

    #[test]
    fn a_signature_with_other_bytes_never_vouches_for_another_comment(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let made = Made::new();
        let mut bytes = fs::read(made.path(SIGNATURE)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(made.path(SIGNATURE), bytes).unwrap();
        // The first line is not signed; whatever is accepted vouches for the same release.
        if let Ok(verified) = made.verify() {
            prop_assert_eq!(verified.manifest().version.to_string(), "1.2.0");
        }
    }
}
