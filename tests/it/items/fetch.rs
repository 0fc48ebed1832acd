//! The client fetches items ahead, takes none that are not the appliance's, and asks from them with
//! nobody's help.

use super::raw::Raw;
use super::rules::faults;
use super::stand_in::{Answer, StandIn, about_now};
use appliance::authority::Authority;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Appliance, Laptop, Serve, capture, until};
use kernel::catalogue::Catalogue;
use kernel::ids::Slug;
use kernel::items::{ItemAddress, ModelPart, PACK_MAX_BYTES, Pack, Tier, assemble, parts, rebuilt};
use kernel::wire::v1::{MAX_PACK_BODY_BYTES, SIGNED_PACK, SignedPack};
use key_vault::Vault;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

const CONCEPT: &str = "pg-advisory-locks";

/// Whoever signs.
enum Signer {
    /// The appliance's own.
    Own(pki::PackSigner),
    /// Somebody with a root of their own.
    Other(Box<rustls_pki_types::CertificateDer<'static>>, EcdsaKeyPair),
}

/// An appliance, a laptop, and what stands between.
struct Desk {
    appliance: Appliance,
    laptop: Laptop,
    between: StandIn,
    signer: Signer,
    issuing: Vec<u8>,
}

impl Desk {
    fn new() -> Self {
        let mut between = StandIn::bind();
        let appliance = Appliance::start_with(Serve {
            settings: vec![("devices_url", format!("{:?}", between.url()))],
            ..Serve::default()
        });
        let data = appliance.data();
        between.start(&data);
        let laptop = Laptop::new();
        laptop.enrol(&appliance, &mut appliance.signed_in(None), "a laptop");
        between.pass_as(laptop.device(&appliance));
        let mut vault = Vault::open(&data).expect("the vault opens");
        let authority = Authority::open(&data, &vault).expect("the authority opens");
        let signer = authority
            .pack_signer(&data, &mut vault, about_now(&data))
            .expect("a signer");
        Self {
            appliance,
            laptop,
            between,
            signer: Signer::Own(signer),
            issuing: authority.issuing().to_vec(),
        }
    }

    fn signed(&self, bytes: &[u8]) -> SignedPack {
        signed(&self.signer, &self.issuing, bytes)
    }

    /// Syncs against this answer; what was said.
    fn sync(&self, answer: Answer) -> String {
        self.between.answer(answer);
        let said = self.laptop.run(&["sync"]).ok().stdout;
        assert!(said.starts_with("In step: "), "{said}");
        said
    }

    fn status(&self) -> Value {
        self.laptop.json(&["status"])
    }
}

fn signed(signer: &Signer, issuing: &[u8], bytes: &[u8]) -> SignedPack {
    let message = [SIGNED_PACK, bytes].concat();
    let (signature, leaf) = match signer {
        Signer::Own(own) => (
            own.sign(&message).expect("signed"),
            own.certificate().to_vec(),
        ),
        Signer::Other(leaf, key) => {
            let signature = key.sign(&SystemRandom::new(), &message).expect("signed");
            (signature.as_ref().to_vec(), leaf.to_vec())
        }
    };
    SignedPack {
        version: Pack::version_of(bytes),
        pack: STANDARD.encode(zstd::encode_all(bytes, 3).expect("zstd")),
        signature: STANDARD.encode(signature),
        certificates: [leaf, issuing.to_vec()]
            .map(|der| STANDARD.encode(der))
            .to_vec(),
    }
}

fn reply(signed: &SignedPack) -> Answer {
    Answer::Reply(200, serde_json::to_vec(signed).expect("JSON"))
}

/// A root of somebody else's, with an issuing CA and a signer under it.
fn other_ca() -> (Signer, Vec<u8>) {
    let ca = |name: &str| {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params, KeyPair::generate().expect("a key"))
    };
    let (root, key) = ca("another root");
    let root = Issuer::new(root, key);
    let (params, key) = ca("another issuing CA");
    let issuing = params
        .signed_by(&key, &root)
        .expect("signed")
        .der()
        .to_vec();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::default();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
    let key = KeyPair::generate().expect("a key");
    let leaf = params
        .signed_by(&key, &issuer)
        .expect("signed")
        .der()
        .clone();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der());
    (Signer::Other(Box::new(leaf), key.expect("a key")), issuing)
}

fn model(tier: Tier, place: Option<(u32, u32)>) -> ModelPart {
    ModelPart {
        name: "SmolLM2-135M-Instruct Q4_1".to_owned(),
        sha256: "0f".repeat(32),
        tier,
        place,
    }
}

/// A pack of a few items of each concept.
fn pack(seed: u64, part: Option<ModelPart>) -> Pack {
    let catalogue = Catalogue::builtin();
    let mut items = Vec::new();
    for concept in catalogue.askable() {
        for n in 0..4 {
            let mut item = assemble(catalogue, &concept.slug, seed + n).expect("an item");
            item.provenance.model = part.clone();
            items.push(item);
        }
    }
    Pack {
        format: kernel::items::PACK_FORMAT,
        catalogue: catalogue.version(),
        model: part,
        items,
    }
}

#[test]
fn items_are_fetched_ahead_and_asked_with_the_appliance_away() {
    let mut appliance = Appliance::start();
    let laptop = Laptop::new();
    laptop.enrol(&appliance, &mut appliance.signed_in(None), "a laptop");
    assert_eq!(laptop.json(&["status"])["pack"], Value::Null);
    // None was made in the first seconds: the sync succeeds all the same.
    until("a pack was made and taken", || {
        let _ = laptop.run(&["sync"]).ok();
        laptop.json(&["status"])["pack"].is_object().then_some(())
    });
    let pack = laptop.json(&["status"])["pack"].clone();
    assert_eq!(pack["left_out"], 0, "{pack}");
    let raw = Raw::read();
    assert_eq!(pack["concepts"], raw.concepts().len(), "{pack}");
    let status = laptop.run(&["status"]).ok().stdout;
    let version = pack["version"].as_str().expect("a version");
    assert!(
        status.contains(version) && status.contains("without a model"),
        "{status}"
    );
    let said = laptop.run(&["sync", "--explain"]).ok().stdout;
    assert!(
        said.contains(&format!("items  GET /v1/items?have={version}")),
        "{said}"
    );
    assert!(said.contains("the newest are here"), "{said}");

    appliance.stop();
    for concept in raw.concepts() {
        let shown = laptop.json(&["quiz", "--show", "--concept", concept]);
        assert_eq!(shown["pack"], *version, "{shown}");
        let address: ItemAddress = shown["address"]
            .as_str()
            .expect("text")
            .parse()
            .expect("one");
        let key = parts(Catalogue::builtin(), &address).expect("parts");
        let key = key.key().expect("a key").option.clone();
        let options = shown["options"].as_array().expect("options");
        let at = options
            .iter()
            .position(|o| *o == *key)
            .expect("the key is shown");
        let number = (at + 1).to_string();
        let settled = laptop.json(&["quiz", "--answer", &number, "--concept", concept]);
        assert_eq!(settled["right"], true, "{settled}");
        let said = settled["provenance"].as_str().expect("a sentence");
        let drawn = "Drawn at random by the appliance; no model took part.";
        assert!(said.ends_with(drawn), "{said}");
    }
}

#[test]
fn what_is_not_the_appliances_own_is_not_taken_and_the_pack_before_stays() {
    let desk = Desk::new();
    let first = pack(1, None).to_bytes();
    let said = desk.sync(reply(&desk.signed(&first)));
    assert!(
        said.contains("Items: 56 items for 14 concepts, drawn at random"),
        "{said}"
    );
    let before = desk.status()["pack"].clone();
    assert_eq!(before["version"], Pack::version_of(&first));

    let newer = pack(100, None).to_bytes();
    let good = desk.signed(&newer);
    let with = |change: &dyn Fn(&mut SignedPack)| {
        let mut changed = good.clone();
        change(&mut changed);
        reply(&changed)
    };
    let mut tampered = newer.clone();
    let at = tampered.len() / 3;
    tampered[at] = if tampered[at] == b'x' { b'y' } else { b'x' };
    let zeros = vec![0; PACK_MAX_BYTES + 1];
    let (other, other_issuing) = other_ca();
    let mut format = pack(100, None);
    format.format = 2;
    let mut foreign = pack(100, None);
    for item in &mut foreign.items {
        item.source = "elsewhere".to_owned();
    }
    let device = laptop_leaf(&desk.laptop);
    let cases = [
        (
            "tampered",
            "C030",
            with(&|s| {
                s.pack = STANDARD.encode(zstd::encode_all(tampered.as_slice(), 3).expect("zstd"));
                s.version = Pack::version_of(&tampered);
            }),
        ),
        (
            "another's signature",
            "C030",
            with(&|s| {
                s.signature = desk.signed(&first).signature;
            }),
        ),
        (
            "another root",
            "C029",
            reply(&signed(&other, &other_issuing, &newer)),
        ),
        (
            "another root, our issuing CA",
            "C029",
            reply(&signed(&other, &desk.issuing, &newer)),
        ),
        (
            "a device as the signer",
            "C029",
            with(&|s| {
                s.certificates[0] = STANDARD.encode(&device);
            }),
        ),
        (
            "a later format",
            "C031",
            reply(&desk.signed(&format.to_bytes())),
        ),
        (
            "items of nobody's catalogue",
            "C032",
            reply(&desk.signed(&foreign.to_bytes())),
        ),
        (
            "a bomb",
            "C028",
            with(&|s| {
                s.pack = STANDARD.encode(zstd::encode_all(zeros.as_slice(), 3).expect("zstd"));
            }),
        ),
        (
            "a body without end",
            "C028",
            Answer::Reply(200, vec![b' '; MAX_PACK_BODY_BYTES + 1]),
        ),
        (
            "half of a pack",
            "C027",
            with(&|s| {
                let half = s.pack.len() / 8 * 4;
                s.pack.truncate(half);
            }),
        ),
        (
            "another name",
            "C027",
            with(&|s| s.version = "0".repeat(32)),
        ),
        (
            "no JSON of a pack",
            "C027",
            reply(&desk.signed(b"{\"format\":1}")),
        ),
        (
            "no reply of ours",
            "C014",
            Answer::Reply(200, b"<html>".to_vec()),
        ),
        (
            "cut off on the way",
            "C013",
            Answer::CutOff(serde_json::to_vec(&good).expect("JSON")),
        ),
        ("refused", "C015", Answer::Reply(500, Vec::new())),
    ];
    for (what, code, answer) in cases {
        let said = desk.sync(answer);
        assert!(said.contains(&format!("error {code}: ")), "{what}: {said}");
        assert!(
            said.contains("Items: not taken. Those of "),
            "{what}: {said}"
        );
        let status = desk.status();
        assert_eq!(status["pack_trouble"]["code"], code, "{what}: {status}");
        assert_eq!(status["pack"], before, "{what}");
        let told = desk.laptop.run(&["status"]).ok().stdout;
        assert!(
            told.contains(&format!("error {code} on ")),
            "{what}: {told}"
        );
    }
    // Nothing new, none yet, and an appliance of before: no trouble at all.
    for status in [204, 503, 429, 404] {
        let said = desk.sync(Answer::Reply(status, Vec::new()));
        assert!(!said.contains("Items"), "{status}: {said}");
        assert_eq!(desk.status()["pack_trouble"], Value::Null, "{status}");
        assert_eq!(desk.status()["pack"], before, "{status}");
    }
    // The old one is still asked from; the new one is taken as soon as it is whole.
    let shown = desk.laptop.json(&["quiz", "--show", "--concept", CONCEPT]);
    assert_eq!(shown["pack"], before["version"]);
    let _ = desk.sync(reply(&good));
    assert_eq!(desk.status()["pack"]["version"], good.version);
}

fn laptop_leaf(laptop: &Laptop) -> Vec<u8> {
    use rustls_pki_types::pem::PemObject;
    let path = laptop.home().join("device.pem");
    let leaf = rustls_pki_types::CertificateDer::from_pem_file(path);
    leaf.expect("an enrolled device").to_vec()
}

#[test]
fn the_request_is_the_same_whatever_the_person_does() {
    let desk = Desk::new();
    desk.between.answer(Answer::Reply(
        200,
        serde_json::to_vec(&desk.signed(&pack(1, None).to_bytes())).expect("JSON"),
    ));
    let idle = &desk.laptop;
    let busy = Laptop::new();
    let mut browser = desk.appliance.signed_in(None);
    busy.enrol(&desk.appliance, &mut browser, "another laptop");

    desk.between.pass_as(idle.device(&desk.appliance));
    let leaves = idle.run(&["what-leaves"]).ok().stdout;
    for _ in 0..2 {
        let _ = idle.run(&["sync"]).ok();
    }
    let asked = desk.between.taken();

    desk.between.pass_as(busy.device(&desk.appliance));
    assert!(busy.replay(&capture("claude-code-payments")) > 0);
    let _ = busy.run(&["sync"]).ok();
    for concept in ["git-rebase", CONCEPT, "py-clocks"] {
        let _ = busy.json(&["quiz", "--answer", "2", "--concept", concept]);
    }
    let _ = busy.run(&["sync"]).ok();
    assert_eq!(desk.between.taken(), asked, "byte for byte");

    let version = Pack::version_of(&pack(1, None).to_bytes());
    let lines: Vec<_> = asked
        .iter()
        .map(|head| head.lines().next().unwrap_or(""))
        .collect();
    let then = format!("GET /v1/items?have={version} HTTP/1.1");
    assert_eq!(lines, ["GET /v1/items HTTP/1.1", then.as_str()]);
    let names: Vec<_> = asked[0]
        .lines()
        .skip(1)
        .filter_map(|l| l.split_once(':'))
        .collect();
    assert!(
        names
            .iter()
            .all(|(name, _)| matches!(*name, "accept" | "host")),
        "{names:?}"
    );
    // `what-leaves` shows it before it goes.
    let url = format!("GET {}/v1/items\n", desk.between.url());
    assert!(leaves.contains(&url), "{leaves}");
}

#[test]
fn a_pack_of_a_newer_catalogue_is_asked_as_far_as_it_is_understood() {
    let desk = Desk::new();
    let part = model(Tier::Ranker, Some((2, 24)));
    let mut newer: Value = serde_json::to_value(pack(1, Some(part))).expect("JSON");
    newer["catalogue"] = json!(7);
    newer["notes"] = json!("a field of later");
    let items = newer["items"].as_array_mut().expect("items");
    let mut unknown = items[0].clone();
    unknown["concept"] = json!("pg-vacuum-freezing");
    unknown["address"] = json!("pg-vacuum-freezing/wraparound/ask/s0/r0/w0.1.2");
    items.push(unknown);
    let mut form = items[0].clone();
    form["form"] = json!("dialogue");
    items.push(form);
    let bytes = serde_json::to_vec(&newer).expect("JSON");
    let said = desk.sync(reply(&desk.signed(&bytes)));
    let told =
        "56 items for 14 concepts, chosen by SmolLM2-135M-Instruct Q4_1 (tier ranker); 2 left out";
    assert!(said.contains(told), "{said}");
    let kept = desk.status()["pack"].clone();
    assert_eq!(
        (&kept["catalogue"], &kept["left_out"]),
        (&json!(7), &json!(2))
    );

    let shown = desk
        .laptop
        .run(&["quiz", "--plain", "--answer", "1", "--concept", CONCEPT])
        .ok();
    let words: Vec<_> = shown.stdout.split_whitespace().collect();
    let chosen = "Chosen by SmolLM2-135M-Instruct Q4_1 (ranker: place 2 of 24).";
    assert!(words.join(" ").contains(chosen), "{}", shown.stdout);
}

#[test]
fn a_model_at_chance_is_told_of_as_one() {
    let desk = Desk::new();
    let bytes = pack(1, Some(model(Tier::None, None))).to_bytes();
    let said = desk.sync(reply(&desk.signed(&bytes)));
    assert!(
        said.contains("drawn at random (SmolLM2-135M-Instruct Q4_1 has tier none)"),
        "{said}"
    );
    let settled = desk
        .laptop
        .json(&["quiz", "--answer", "1", "--concept", CONCEPT]);
    let said = settled["provenance"].as_str().expect("a sentence");
    let chance = "SmolLM2-135M-Instruct Q4_1 is at chance here (tier none): drawn at random.";
    assert!(said.ends_with(chance), "{said}");
    // What was asked can be made again from its address, and passes the validator.
    let shown = &settled["check"];
    let address: ItemAddress = shown["address"]
        .as_str()
        .expect("text")
        .parse()
        .expect("one");
    let again = rebuilt(Catalogue::builtin(), &address, 1).expect("an item");
    let again = serde_json::to_value(&again).expect("JSON");
    assert_eq!(faults(&Raw::read(), &again), []);
    assert_eq!(again["stem"], shown["stem"]);
    let slug = Slug::new(CONCEPT).expect("a slug");
    assert_eq!(address.concept(), &slug);
}
