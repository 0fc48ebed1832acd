//! Model files that are not what they should be: each gets its reason, before native code sees a byte
//! of it, from the command and on the page; and the appliance serves.

use super::{default_model, model, serve, standing};
use harness::{Appliance, models, run, until};
use local_model::DEFAULT_MODEL;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Types of a GGUF value (ggml-org/ggml, docs/gguf.md).
const UINT32: u32 = 4;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// A GGUF file, written by hand, so that anything in it can be wrong.
#[derive(Default)]
struct Gguf(Vec<u8>);

impl Gguf {
    /// A header with these counts.
    fn with(tensors: u64, values: u64) -> Self {
        Self::default()
            .raw(b"GGUF")
            .raw(&3_u32.to_le_bytes())
            .raw(&tensors.to_le_bytes())
            .raw(&values.to_le_bytes())
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn word(self, word: u32) -> Self {
        self.raw(&word.to_le_bytes())
    }

    fn long(self, long: u64) -> Self {
        self.raw(&long.to_le_bytes())
    }

    fn text(self, text: &str) -> Self {
        self.long(text.len() as u64).raw(text.as_bytes())
    }

    fn value(self, key: &str, text: &str) -> Self {
        self.text(key).word(STRING).text(text)
    }

    fn number(self, key: &str, number: u32) -> Self {
        self.text(key).word(UINT32).word(number)
    }

    fn tensor(self, name: &str, shape: &[u64], offset: u64) -> Self {
        let dimensions = u32::try_from(shape.len()).expect("few");
        let named = self.text(name).word(dimensions);
        let shaped = shape.iter().fold(named, |it, length| it.long(*length));
        // F32.
        shaped.word(0).long(offset)
    }

    /// Filled with zeros to this many bytes.
    fn filled(mut self, bytes: usize) -> Vec<u8> {
        self.0.resize(bytes.max(self.0.len()), 0);
        self.0
    }
}

/// What is hostile in a header, and a file of it.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let llama =
        |tensors, values| Gguf::with(tensors, values).value("general.architecture", "llama");
    let nested = (0..64).fold(Gguf::with(0, 1).text("x").word(ARRAY), |it, _| {
        it.word(ARRAY).long(1)
    });
    vec![
        ("nothing", Vec::new()),
        ("a text", b"This is no model.\n".to_vec()),
        ("four bytes", b"GGUF".to_vec()),
        (
            "another version",
            Gguf::default().raw(b"GGUF").word(99).filled(4096),
        ),
        ("another byte order", b"FUGG\0\0\0\x03".repeat(512)),
        (
            "endlessly many values",
            Gguf::with(0, u64::MAX).filled(4096),
        ),
        (
            "endlessly many tensors",
            Gguf::with(u64::MAX, 0).filled(4096),
        ),
        ("more tensors than bytes", llama(1 << 40, 1).filled(4096)),
        (
            "an endless key",
            Gguf::with(0, 1).long(u64::MAX).filled(4096),
        ),
        (
            "an endless text",
            Gguf::with(0, 1)
                .text("x")
                .word(STRING)
                .long(1 << 62)
                .filled(4096),
        ),
        (
            "an endless list",
            Gguf::with(0, 1)
                .text("x")
                .word(ARRAY)
                .word(UINT32)
                .long(1 << 61)
                .filled(4096),
        ),
        (
            "a list whose size wraps",
            Gguf::with(0, 1)
                .text("x")
                .word(ARRAY)
                .word(UINT32)
                .long((1 << 62) + 1)
                .filled(4096),
        ),
        ("lists in lists in lists", nested.filled(4096)),
        (
            "an unknown type",
            Gguf::with(0, 1).text("x").word(77).filled(4096),
        ),
        ("no architecture", Gguf::with(0, 0).filled(4096)),
        (
            "one key twice",
            llama(0, 2)
                .value("general.architecture", "llama")
                .filled(4096),
        ),
        (
            "an alignment of nothing",
            llama(0, 2).number("general.alignment", 0).filled(4096),
        ),
        (
            "an odd alignment",
            llama(0, 2).number("general.alignment", 3).filled(4096),
        ),
        (
            "overlapping tensors",
            llama(2, 1)
                .tensor("a", &[64], 0)
                .tensor("b", &[64], 128)
                .filled(8192),
        ),
        (
            "a tensor behind the end",
            llama(1, 1).tensor("a", &[64], 1 << 40).filled(8192),
        ),
        (
            "a tensor that wraps",
            llama(1, 1).tensor("a", &[64], u64::MAX - 31).filled(8192),
        ),
        (
            "a shape that wraps",
            llama(1, 1).tensor("a", &[1 << 33, 1 << 33], 0).filled(8192),
        ),
        (
            "a shape of nothing",
            llama(1, 1).tensor("a", &[0], 0).filled(8192),
        ),
        (
            "too many dimensions",
            llama(1, 1).text("a").word(u32::MAX).filled(8192),
        ),
        (
            "one tensor twice",
            llama(2, 1)
                .tensor("a", &[8], 0)
                .tensor("a", &[8], 32)
                .filled(8192),
        ),
        (
            "an offset between two",
            llama(1, 1).tensor("a", &[8], 7).filled(8192),
        ),
        (
            "a tensor cut off",
            llama(1, 1).tensor("a", &[4096], 0).filled(1024),
        ),
    ]
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A file in the appliance's scratch folder.
fn placed(appliance: &Appliance, name: &str, bytes: &[u8]) -> PathBuf {
    let path = appliance.scratch().join(name);
    fs::write(&path, bytes).expect("a file can be written");
    path
}

/// Says in the configuration that this is the model.
fn configure(appliance: &Appliance, path: &Path, sha256: &str) {
    let file = appliance.data().join("config.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let mut values = model(path, sha256);
    let lines = text.lines().map(|line| {
        let key = line
            .trim_start_matches('#')
            .split(' ')
            .next()
            .unwrap_or_default();
        match values.iter().position(|(name, _)| *name == key) {
            Some(at) if line.contains(" = ") => {
                let (key, value) = values.swap_remove(at);
                format!("{key} = {value}\n")
            }
            _ => format!("{line}\n"),
        }
    });
    let text: String = lines.collect();
    assert!(values.is_empty(), "{values:?} could not be said");
    fs::write(&file, text).expect("it can be changed");
}

/// What `model doctor` finds: its codes, and all of it.
fn diagnosed(appliance: &Appliance) -> (Vec<String>, String) {
    let output = appliance.command(&["model", "doctor", "--json"]);
    let all = format!("{}\n{}", output.stdout, output.stderr);
    assert!(!all.contains("panicked"), "{all}");
    let found: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {all}"));
    let mut codes = Vec::new();
    collect(&found, &mut codes);
    assert_eq!(output.status == 0, codes.is_empty(), "{all}");
    (codes, all)
}

/// Every `code` in it.
fn collect(value: &Value, codes: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let code = fields.get("code").and_then(Value::as_str);
            codes.extend(code.map(str::to_owned));
            fields.values().for_each(|value| collect(value, codes));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, codes)),
        _ => {}
    }
}

#[test]
fn a_hostile_file_is_named_unsound_whatever_its_header_says() {
    let appliance = serve(Vec::new());
    let mut other = Vec::new();
    println!("bad model files refused: {}", hostile().len());
    for (what, bytes) in hostile() {
        let path = placed(&appliance, "hostile.gguf", &bytes);
        configure(&appliance, &path, &sha256(&bytes));
        let (codes, all) = diagnosed(&appliance);
        if codes.first().map(String::as_str) != Some("L004") {
            other.push(format!("{what}: {all}"));
        }
    }
    assert_eq!(other, Vec::<String>::new());
}

#[test]
fn what_is_no_file_or_not_the_one_that_was_named_has_its_reason_and_nothing_hangs() {
    let appliance = serve(Vec::new());
    let good = models().join(DEFAULT_MODEL.file);
    let bytes = fs::read(&good).expect("the model");
    let at = |name: &str| appliance.scratch().join(name);
    let zeros = "0".repeat(64);

    let _ = run(Command::new("mkfifo").arg(at("fifo")), b"").ok();
    fs::create_dir(at("folder")).expect("a folder can be made");
    std::os::unix::fs::symlink("loop", at("loop")).expect("a link can be made");
    let socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("a socket");
    let cut = placed(&appliance, "cut.gguf", &bytes[..bytes.len() / 2]);
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    let changed = placed(&appliance, "changed.gguf", &changed);
    let mut another = bytes.clone();
    let name = b"general.architecture\x08\0\0\0\x05\0\0\0\0\0\0\0llama";
    let found = another
        .windows(name.len())
        .position(|window| window == name);
    let end = found.expect("it says its architecture") + name.len();
    another[end - 5..end].copy_from_slice(b"bloom");
    let of_another = sha256(&another);
    let another = placed(&appliance, "another.gguf", &another);

    let cases: [(&str, PathBuf, &str, &str); 10] = [
        ("a file that is not there", at("missing"), &zeros, "L002"),
        ("a folder", at("folder"), &zeros, "L002"),
        ("a pipe that nobody writes", at("fifo"), &zeros, "L002"),
        ("a socket", at("socket"), &zeros, "L002"),
        ("a link to itself", at("loop"), &zeros, "L002"),
        (
            "a device without an end",
            "/dev/zero".into(),
            &zeros,
            "L002",
        ),
        (
            "half of the model",
            cut.clone(),
            DEFAULT_MODEL.sha256,
            "L003",
        ),
        (
            "one bit of it changed",
            changed,
            DEFAULT_MODEL.sha256,
            "L003",
        ),
        (
            "half of it, and its digest",
            cut,
            &sha256(&bytes[..bytes.len() / 2]),
            "L004",
        ),
        ("another architecture", another, &of_another, "L005"),
    ];
    println!("bad model files refused: {}", cases.len());
    for (what, path, digest, code) in &cases {
        configure(&appliance, path, digest);
        let (codes, all) = diagnosed(&appliance);
        assert_eq!(
            codes.first().map(String::as_str),
            Some(*code),
            "{what}: {all}"
        );
        let shown = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        assert!(all.contains(shown), "{what}: {all}");
    }
    drop(socket);

    // The same from the server: it starts, says so on its page, and serves.
    for (what, path, digest, code) in cases {
        if !matches!(
            what,
            "a pipe that nobody writes" | "half of the model" | "another architecture"
        ) {
            continue;
        }
        let mut served = serve(model(&path, digest));
        let known = until("a model that was refused", || {
            let standing = standing(&served);
            (standing["state"] != "starting").then_some(standing)
        });
        assert_eq!(known["reason"]["code"], code, "{what}: {known}");
        assert!(
            known["reason"]["fix"]
                .as_str()
                .is_some_and(|fix| fix.len() > 20),
            "{known}"
        );
        let mut admin = served.signed_in(None);
        let page = admin.get("/admin").expect(200);
        assert!(page.says(code), "{what}: {}", page.text());
        let _ = admin.get("/").expect(200);
        let _ = served.command(&["healthcheck"]).ok();
        served.stop();
    }
}

#[test]
fn a_file_that_the_worker_may_not_read_is_named() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT CHECKED, for want of root: a file of another user");
        return;
    }
    let mut appliance = serve(default_model());
    appliance.stop();
    // The server is root and may read anything; its worker has no such privilege.
    let path = appliance.scratch().join("theirs.gguf");
    fs::copy(models().join(DEFAULT_MODEL.file), &path).expect("it can be copied");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("and closed");
    chown(&path, Some(1), Some(1)).expect("and given away");
    configure(&appliance, &path, DEFAULT_MODEL.sha256);
    appliance.serve();
    let known = until("a model that was refused", || {
        let standing = standing(&appliance);
        (standing["state"] != "starting").then_some(standing)
    });
    assert_eq!(known["reason"]["code"], "L002", "{known}");
}

#[test]
fn a_file_that_is_changed_under_a_running_worker_disturbs_nothing_and_is_noticed_at_the_next_start()
{
    let mut appliance = serve(Vec::new());
    appliance.stop();
    let path = appliance.scratch().join("own.gguf");
    fs::copy(models().join(DEFAULT_MODEL.file), &path).expect("it can be copied");
    configure(&appliance, &path, DEFAULT_MODEL.sha256);
    appliance.serve();
    let pid = super::worker(&appliance);
    // Another file in its place, as a careless update does it.
    let new = placed(&appliance, "new.gguf", b"GGUF and nothing else");
    fs::rename(&new, &path).expect("it can be replaced");
    assert_eq!(
        super::worker(&appliance),
        pid,
        "the running one has what it opened"
    );
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid"),
        rustix::process::Signal::KILL,
    )
    .expect("it can be killed");
    let known = until("a model that was refused", || {
        let standing = standing(&appliance);
        (standing["reason"]["code"] == "L003").then_some(standing)
    });
    assert!(known["pid"].is_null(), "{known}");
    // A full model put back, and the appliance started anew: well again.
    let mut file = fs::File::create(&path).expect("it can be written");
    let bytes = fs::read(models().join(DEFAULT_MODEL.file)).expect("the model");
    file.write_all(&bytes).expect("it can be written");
    appliance.stop();
    appliance.serve();
    let _ = super::worker(&appliance);
}
