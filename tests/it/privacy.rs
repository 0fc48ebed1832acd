//! What leaves an engineer's machine, and what the appliance's data tell of whom.
//!
//! Canaries (unique words) are put into everything that a session has: diffs, paths, prompts, tool
//! output, and the person's name. Then every byte that left the machine, the decrypted store with
//! its free pages, audit rows, ledger, logs, certificates and what the client left behind are
//! searched for them, in every spelling and as hashes. A control canary, which may be found,
//! shows that the search sees.

mod assign;
pub mod clock;
mod fields;
mod forms;
mod guess;
mod linkage;
mod order;
mod organisation;
mod pages;
pub mod proxy;

use appliance::app::database_key;
use appliance::keys::LinkKeys;
use forms::{Hit, Search};
use harness::{Appliance, Laptop, Serve, capture};
use kernel::ids::PersonId;
use key_vault::Vault;
use org_store::{Act, Action, Actor, Check, Options, Role, Store, person};
use pages::Loot;
use proxy::Proxy;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const DIFF: &str = "qzdf7kvxw2npl9hm";
const PATH: &str = "qzph4rtmy8bcx3sj";
const PROMPT: &str = "qzpr9wnkd5gvh2xt";
const OUTPUT: &str = "qzto3mhcz6yfk8bq";
/// In the device's name, where it may stand.
const CONTROL: &str = "qzcn5vmxk2wjg7rp";
/// The person's, which may stand where people are kept and nowhere else.
const NAME: &str = "Qzafrid Wexblomyst";
const EMAIL: &str = "qzafrid.wexblomyst@larkfield.example";

/// Unix seconds, about: when the data directory was made.
fn about_now(data: &Path) -> i64 {
    let made = std::fs::metadata(data.join("root.pem")).and_then(|file| file.modified());
    let since = made
        .expect("a data directory has a root")
        .duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("it is after 1970").as_secs()).expect("seconds")
}

/// Everything that was planted.
struct Planted {
    events: Vec<String>,
    /// What may be found nowhere.
    secret: Search,
    /// The person's name and address.
    person: Search,
    /// What has to be found.
    control: Search,
}

fn planted() -> Planted {
    let recorded = std::fs::read_to_string(capture("claude-code-payments").join("hooks.jsonl"));
    let recorded = recorded.expect("the recording is there");
    let mut whole = BTreeSet::new();
    let mut events = Vec::new();
    for line in recorded.lines() {
        let mut event: Value = serde_json::from_str(line).expect("an event is JSON");
        plant("", &mut event, &mut whole);
        events.push(event.to_string());
    }
    let all = events.join("\n");
    let mut secret = Search::default();
    let canaries = [
        ("diff", DIFF),
        ("path", PATH),
        ("prompt", PROMPT),
        ("tool output", OUTPUT),
    ];
    for (name, canary) in canaries {
        assert!(
            all.matches(canary).count() >= 5,
            "the {name} canary is planted"
        );
        secret.text(name, canary);
    }
    // Whole texts and their lines cannot be told from a hash, so each is hashed and looked for.
    for text in &whole {
        secret.hashes("a whole text", text);
        for line in text.lines().filter(|line| line.trim().len() >= 6) {
            secret.hashes("a line", line);
            secret.hashes("a line", line.trim());
        }
    }
    let mut person = Search::default();
    person.text("name", &NAME.to_lowercase());
    person.text("address", EMAIL);
    person.hashes("name", NAME);
    person.hashes("address", EMAIL);
    let mut control = Search::default();
    control.text("control", CONTROL);
    Planted {
        events,
        secret,
        person,
        control,
    }
}

/// Puts canaries into every text of an event, so that it stays what it is: the name of a variable
/// in code, of a folder in paths, a word in prose, a line of output.
fn plant(key: &str, value: &mut Value, whole: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            *text = text.replace("merchant", &format!("merchant_{DIFF}"));
            *text = text.replace("/home/dev", &format!("/home/dev-{PATH}"));
            *text = text.replace("-home-dev-", &format!("-home-dev-{PATH}-"));
            *text = text.replace("importer.py", &format!("importer_{PATH}.py"));
            *text = text.replace("Settle open", &format!("Settle {PROMPT} open"));
            match key {
                "prompt"
                | "delta"
                | "last_assistant_message"
                | "task_subject"
                | "task_description"
                | "description"
                | "subject"
                | "activeForm" => {
                    text.push_str(&format!(" {PROMPT}"));
                }
                "stdout" | "stderr" | "error" => text.push_str(&format!("\nTrace: {OUTPUT}")),
                _ => {}
            }
            if text.len() >= 8 && key != "hook_event_name" && key != "tool_name" {
                whole.insert(text.clone());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| plant(key, item, whole)),
        Value::Object(fields) => fields
            .iter_mut()
            .for_each(|(key, item)| plant(key, item, whole)),
        _ => {}
    }
}

/// An account as an identity provider's answer makes it.
fn known_person(data: &Path) {
    let vault = Vault::open(data).expect("the vault opens");
    let keys = LinkKeys::open(&vault).expect("it has a link key");
    let options = Options {
        check: Check::Skip,
        readers: 1,
        ..Options::default()
    };
    let key = database_key(&vault).expect("it has a database key");
    let store = Store::open(&data.join("store.db"), key, options, keys).expect("the store opens");
    let who = person::SignIn {
        issuer: "https://id.larkfield.example".to_owned(),
        sub: "4711".to_owned(),
        name: NAME.to_owned(),
        email: Some(EMAIL.to_owned()),
        role: Role::Member,
        fresh: person::Fresh {
            person: PersonId::from_bytes([0x71; 16]),
            actor: [0x72; 16],
        },
    };
    let act = Act::new(Actor::Nobody, Action::SignIn, about_now(data));
    let signed = store.write_blocking(act, move |txn| person::sign_in(txn, &who).map(drop));
    signed.expect("the account is made");
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found
}

/// Nothing of the session and nobody's name.
#[track_caller]
fn clean(planted: &Planted, place: &str, bytes: &[u8]) {
    let found: BTreeSet<Hit> = &planted.secret.find(bytes) | &planted.person.find(bytes);
    assert!(found.is_empty(), "{place} holds {found:?}");
}

#[test]
fn nothing_of_a_session_leaves_the_machine_but_concepts() {
    let planted = planted();
    let (mut people, mut devices) = (Proxy::bind(), Proxy::bind());
    let mut appliance = Appliance::start_with(Serve {
        settings: vec![("devices_url", format!("{:?}", devices.url()))],
        ..Serve::default()
    });
    let data = appliance.data();
    known_person(&data);
    people.before_people(&data, &appliance.people());

    // The person's whole way: a link, a laptop, a session, a check, a sync, a look.
    let mut browser = appliance.signed_in(Some(EMAIL));
    let laptop = Laptop::new();
    let name = format!("laptop-{CONTROL}");
    laptop.enrol_at(&people.url(), &appliance, &mut browser, &name);
    devices.before_devices(&data, &appliance.devices(), &laptop.home());
    planted
        .events
        .iter()
        .for_each(|event| laptop.hook(event.as_bytes()));
    let said = laptop.run(&["agent", "--once"]).ok().stdout;
    assert!(
        said.contains("pg-advisory-locks"),
        "the session's concepts are met: {said}"
    );
    let check = laptop.run(&["quiz", "--answer", "1"]).ok().stdout;
    assert!(!check.is_empty());
    let _ = laptop.run(&["sync"]).ok();
    let _ = laptop.run(&["sync"]).ok();
    let me = browser.get("/me").expect(200);
    assert!(
        me.body.contains("pg-advisory-locks"),
        "the evidence came: {}",
        me.text()
    );

    // On the way.
    let (enrolling, syncing) = (people.requests(), devices.requests());
    let pushes: Vec<_> = syncing
        .iter()
        .filter(|request| request.head.starts_with("POST /v1/sync/push"))
        .collect();
    assert!(
        enrolling.len() >= 3 && !pushes.is_empty(),
        "the recorder stood in between"
    );
    let pushed = String::from_utf8_lossy(&pushes[0].body).into_owned();
    assert!(
        pushed.contains("pg-advisory-locks") && pushed.contains("check"),
        "{pushed}"
    );
    for request in enrolling.iter().chain(&syncing) {
        clean(&planted, &request.head, request.head.as_bytes());
        clean(&planted, &request.head, &request.body);
    }
    for (proxy, place) in [
        (&people, "the people's port"),
        (&devices, "the devices' port"),
    ] {
        clean(&planted, place, &proxy.asked());
        clean(&planted, place, &proxy.answered());
    }
    let started = enrolling
        .iter()
        .find(|request| request.head.contains("/v1/enrol/start"));
    let started = &started.expect("an enrolment starts").body;
    assert!(
        !planted.control.find(started).is_empty(),
        "the control is seen on the way"
    );

    // In the store, while it is being served and after it was closed; in every file beside it.
    for state in ["served", "closed"] {
        searched_store(&planted, state, &data);
        clean(&planted, "the log", appliance.log().as_bytes());
        for path in files(&data) {
            let place = path.display().to_string();
            clean(
                &planted,
                &place,
                &std::fs::read(&path).expect("a file can be read"),
            );
        }
        appliance.stop();
    }

    // In certificates, as DER.
    for pem in [
        data.join("root.pem"),
        data.join("issuing.pem"),
        data.join("server.pem"),
        laptop.home().join("device.pem"),
    ] {
        for certificate in CertificateDer::pem_file_iter(&pem).expect("certificates") {
            let certificate = certificate.expect("a certificate");
            clean(&planted, &pem.display().to_string(), &certificate);
            assert!(
                planted.control.find(&certificate).is_empty(),
                "a certificate names no device"
            );
        }
    }
    left_behind(&planted, &laptop);
}

fn searched_store(planted: &Planted, state: &str, data: &Path) {
    let loot = Loot::of(data);
    let raw = loot.raw();
    assert_eq!(
        planted.secret.find(&raw),
        BTreeSet::new(),
        "pages of the {state} store"
    );
    assert!(
        !planted.control.find(&raw).is_empty(),
        "the control is seen in the {state} store"
    );
    assert!(
        !planted.person.find(&raw).is_empty(),
        "the name is seen in the {state} store"
    );
    for table in loot.tables.keys() {
        let dump = loot.dump(table);
        assert_eq!(
            planted.secret.find(&dump),
            BTreeSet::new(),
            "table {table}, {state}"
        );
        let names = planted.person.find(&dump);
        assert_eq!(
            names.is_empty(),
            table != "person",
            "table {table}, {state}: {names:?}"
        );
        if table == "device" {
            assert!(
                !planted.control.find(&dump).is_empty(),
                "the control is seen in {table}"
            );
        }
    }
}

/// The client's own folder: the line that met a concept and its file, for seven days, in its own
/// store; no prompt, no output, nothing in the spool.
fn left_behind(planted: &Planted, laptop: &Laptop) {
    let spool = laptop.home().join("spool");
    let left = if spool.exists() {
        files(&spool)
    } else {
        Vec::new()
    };
    let sizes = left
        .iter()
        .map(|path| std::fs::metadata(path).expect("a file").len());
    assert_eq!(sizes.sum::<u64>(), 0, "the spool is empty: {left:?}");
    for path in files(laptop.folder()) {
        let place = path.display().to_string();
        let bytes = std::fs::read(&path).expect("a file can be read");
        if !place.contains("graph.db") {
            clean(planted, &place, &bytes);
            continue;
        }
        for (form, canary) in [("prompt", PROMPT), ("tool output", OUTPUT)] {
            let mut search = Search::default();
            search.text(form, canary);
            assert_eq!(search.find(&bytes), BTreeSet::new(), "{place}");
        }
    }
}
