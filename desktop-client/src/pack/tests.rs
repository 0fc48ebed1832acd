//! Packs: which are taken, what stays when one is not, and what is asked from them.

use super::signed::verified;
use super::*;
use crate::quiz;
use crate::world::still::Still;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::items::{Form, ModelPart, PACK_FORMAT, PACK_MAX_BYTES, Wish, forms, variants};
use kernel::wire::v1::SIGNED_PACK;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};

/// 2026-11-24T10:00:00Z.
const NOW: i64 = 1_795_514_400;
const CONCEPT: &str = "pg-advisory-locks";

/// An appliance's root and issuing CA, as far as packs need them.
struct Ca {
    root: CertificateDer<'static>,
    issuing: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// Somebody who signs packs.
struct Signer {
    certificate: CertificateDer<'static>,
    key: EcdsaKeyPair,
}

impl Ca {
    fn new() -> Self {
        use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap().der().clone();
        let over = Issuer::new(params, key);
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "issuing");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.extended_key_usages = vec![ServerAuth, ClientAuth];
        let key = KeyPair::generate().unwrap();
        let issuing = params.signed_by(&key, &over).unwrap().der().clone();
        Self {
            root,
            issuing,
            issuer: Issuer::new(params, key),
        }
    }

    fn signer(&self, usages: &[ExtendedKeyUsagePurpose]) -> Signer {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "leaf");
        params.extended_key_usages = usages.to_vec();
        params.not_before = rcgen::date_time_ymd(2026, 11, 1);
        params.not_after = rcgen::date_time_ymd(2026, 12, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.serialize_der());
        Signer {
            certificate,
            key: key.unwrap(),
        }
    }

    fn pack_signer(&self) -> Signer {
        self.signer(&[ExtendedKeyUsagePurpose::CodeSigning])
    }

    fn signed(&self, signer: &Signer, bytes: &[u8]) -> SignedPack {
        let message = [SIGNED_PACK, bytes].concat();
        let signature = signer.key.sign(&SystemRandom::new(), &message).unwrap();
        SignedPack {
            version: Pack::version_of(bytes),
            pack: STANDARD.encode(zstd::encode_all(bytes, 3).unwrap()),
            signature: STANDARD.encode(signature.as_ref()),
            certificates: [&signer.certificate, &self.issuing]
                .map(|certificate| STANDARD.encode(certificate))
                .to_vec(),
        }
    }
}

fn slug(text: &str) -> Slug {
    Slug::new(text).unwrap()
}

fn part(tier: Tier, place: Option<(u32, u32)>) -> ModelPart {
    ModelPart {
        name: "SmolLM2-135M-Instruct Q4_1".to_owned(),
        sha256: "0f".repeat(32),
        tier,
        place,
    }
}

/// Items of one concept, in every form, with this part of a model.
fn made(model: Option<ModelPart>) -> Vec<Item> {
    let catalogue = Catalogue::builtin();
    let mut items = Vec::new();
    for aspect in &catalogue.find(CONCEPT).unwrap().aspects {
        for form in forms(catalogue, &slug(CONCEPT), &aspect.id).unwrap() {
            let wish = Wish {
                aspect: &aspect.id,
                form,
                seed: 3,
                most: 2,
            };
            items.extend(variants(catalogue, &slug(CONCEPT), &wish).unwrap());
        }
    }
    for item in &mut items {
        item.provenance.model = model.clone();
    }
    items
}

fn kept(items: &[Item]) -> Kept {
    Kept {
        version: "ab".repeat(16),
        catalogue: 1,
        model: Some(part(Tier::Ranker, None)),
        at: NOW,
        items: items.len() as u64,
        concepts: 1,
        left_out: 0,
        reader: reader(),
    }
}

fn bytes() -> Vec<u8> {
    let pack = Pack {
        format: PACK_FORMAT,
        catalogue: 1,
        model: None,
        items: made(None),
    };
    pack.to_bytes()
}

#[test]
fn a_pack_of_the_appliances_own_signer_is_taken() {
    let ca = Ca::new();
    let signed = ca.signed(&ca.pack_signer(), &bytes());
    assert_eq!(verified(&signed, &ca.root, NOW).unwrap(), bytes());
}

#[test]
fn a_signer_of_another_root_or_for_another_use_or_time_is_refused() {
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, CodeSigning, ServerAuth};
    let (ca, other) = (Ca::new(), Ca::new());
    let refused = |signed: &SignedPack, at: i64| {
        let error = verified(signed, &ca.root, at).unwrap_err();
        assert_eq!(error.code(), "C029", "{}", error.told());
    };
    refused(&other.signed(&other.pack_signer(), &bytes()), NOW);
    for usages in [
        &[][..],
        &[ServerAuth],
        &[ClientAuth],
        &[Any],
        &[CodeSigning, ClientAuth],
    ] {
        refused(&ca.signed(&ca.signer(usages), &bytes()), NOW);
    }
    let signed = ca.signed(&ca.pack_signer(), &bytes());
    refused(&signed, NOW + 30 * kernel::ids::DAY);
    refused(&signed, NOW - 30 * kernel::ids::DAY);
    let mut alone = signed.clone();
    alone.certificates.truncate(1);
    refused(&alone, NOW);
    // The issuing CA itself is no signer either, and neither are certificates that are none.
    let mut swapped = signed.clone();
    swapped.certificates.reverse();
    refused(&swapped, NOW);
    let mut none = signed.clone();
    none.certificates = vec![STANDARD.encode("no certificate")];
    refused(&none, NOW);
    none.certificates.clear();
    assert_eq!(verified(&none, &ca.root, NOW).unwrap_err().code(), "C027");
}

#[test]
fn what_was_changed_after_it_was_signed_is_refused() {
    let ca = Ca::new();
    let signer = ca.pack_signer();
    let signed = ca.signed(&signer, &bytes());
    let code = |signed: &SignedPack| verified(signed, &ca.root, NOW).unwrap_err().code();
    let mut other = bytes();
    let at = other.len() / 2;
    other[at] ^= 1;
    let tampered = SignedPack {
        pack: STANDARD.encode(zstd::encode_all(other.as_slice(), 3).unwrap()),
        version: Pack::version_of(&other),
        ..signed.clone()
    };
    assert_eq!(code(&tampered), "C030");
    let swapped = SignedPack {
        signature: ca.signed(&signer, &other).signature,
        ..signed.clone()
    };
    assert_eq!(code(&swapped), "C030");
    let of_another = SignedPack {
        certificates: ca.signed(&ca.pack_signer(), b"").certificates,
        ..signed.clone()
    };
    assert_eq!(code(&of_another), "C030");
    // The signature of the bare bytes, as another protocol may have made it, is none of a pack.
    let bare = signer.key.sign(&SystemRandom::new(), &bytes()).unwrap();
    let bare = SignedPack {
        signature: STANDARD.encode(bare.as_ref()),
        ..signed.clone()
    };
    assert_eq!(code(&bare), "C030");
    let renamed = SignedPack {
        version: "00".repeat(16),
        ..signed.clone()
    };
    assert_eq!(code(&renamed), "C027");
    for broken in ["", "%", &signed.pack[..signed.pack.len() / 2 / 4 * 4]] {
        let cut = SignedPack {
            pack: broken.to_owned(),
            ..signed.clone()
        };
        assert!(matches!(code(&cut), "C027" | "C030"), "{}", broken.len());
    }
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let ca = Ca::new();
    let signer = ca.pack_signer();
    let mut bomb = ca.signed(&signer, b"");
    let zeros = vec![0; PACK_MAX_BYTES + 1];
    bomb.pack = STANDARD.encode(zstd::encode_all(zeros.as_slice(), 3).unwrap());
    assert!(bomb.pack.len() < 16 * 1024, "{} bytes", bomb.pack.len());
    assert_eq!(verified(&bomb, &ca.root, NOW).unwrap_err().code(), "C028");
    // A window that would take more memory than the largest pack.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.include_contentsize(false).unwrap();
    std::io::Write::write_all(&mut encoder, b"{}").unwrap();
    bomb.pack = STANDARD.encode(encoder.finish().unwrap());
    let error = verified(&bomb, &ca.root, NOW).unwrap_err();
    assert_eq!(error.code(), "C027", "{}", error.told());
}

#[test]
fn the_request_says_which_pack_is_here_and_nothing_else() {
    let items = made(None);
    let mut here = kept(&items);
    assert_eq!(request(None), "/v1/items");
    let asked = request(Some(&here));
    assert_eq!(asked, format!("/v1/items?have={}", "ab".repeat(16)));
    // Another program may take more of it, so it has it sent again.
    here.reader = "0.0.1 with catalogue 0".to_owned();
    assert_eq!(request(Some(&here)), "/v1/items");
}

#[test]
fn a_pack_is_replaced_whole_or_not_at_all() {
    let mut store = Store::in_memory();
    let items = made(None);
    store
        .write(|txn| txn.set_pack(&kept(&items), &items))
        .unwrap();
    let held = |store: &mut Store| {
        store
            .read(|txn| Ok((txn.pack()?, txn.pack_items(&slug(CONCEPT))?)))
            .unwrap()
    };
    assert_eq!(held(&mut store), (Some(kept(&items)), items.clone()));
    let newer = Kept {
        version: "cd".repeat(16),
        ..kept(&items[..1])
    };
    let failed = store.write(|txn| {
        txn.set_pack(&newer, &items[..1])?;
        Err::<(), _>(Error::NoRandomness)
    });
    assert!(failed.is_err());
    assert_eq!(held(&mut store).1.len(), items.len());
    let trouble = Trouble {
        at: NOW,
        code: "C030".to_owned(),
        text: "the signature does not fit".to_owned(),
    };
    store
        .write(|txn| txn.set_pack_trouble(Some(&trouble)))
        .unwrap();
    assert_eq!(held(&mut store).0, Some(kept(&items)));
    store
        .write(|txn| txn.set_pack(&newer, &items[..1]))
        .unwrap();
    assert_eq!(held(&mut store), (Some(newer), items[..1].to_vec()));
    assert_eq!(store.read(|txn| txn.pack_trouble()).unwrap(), None);
}

/// A check from a store that holds these items, and what is said of where it comes from.
fn asked(items: &[Item]) -> (quiz::Check, String) {
    let mut store = Store::in_memory();
    store
        .write(|txn| txn.set_pack(&kept(items), items))
        .unwrap();
    let world = Still::at(NOW);
    let check = store
        .write(|txn| quiz::check(&world, txn, Some(CONCEPT)))
        .unwrap();
    let said = provenance(&check.ask.item, check.ask.pack.as_deref());
    (check, said)
}

#[test]
fn a_check_is_taken_from_the_pack_and_says_so() {
    let items = made(Some(part(Tier::Ranker, Some((2, 24)))));
    let (check, said) = asked(&items);
    assert_eq!(check.ask.pack, Some("ab".repeat(16)));
    assert!(items.contains(&check.ask.item));
    assert_eq!(check.ask.seed, check.ask.item.provenance.seed);
    let chosen = "Chosen by SmolLM2-135M-Instruct Q4_1 (ranker: place 2 of 24).";
    assert!(said.ends_with(chosen), "{said}");

    let (_, said) = asked(&made(Some(part(Tier::None, None))));
    let chance = "SmolLM2-135M-Instruct Q4_1 is at chance here (tier none): drawn at random.";
    assert!(said.ends_with(chance), "{said}");

    let (_, said) = asked(&made(None));
    assert!(
        said.ends_with("Drawn at random by the appliance; no model took part."),
        "{said}"
    );

    let (check, said) = asked(&[]);
    assert_eq!(check.ask.pack, None);
    assert!(
        said.ends_with("Drawn on this machine; no model took part."),
        "{said}"
    );
}

#[test]
fn what_this_programs_catalogue_does_not_vouch_for_is_not_asked() {
    let mut items = made(None);
    for item in &mut items {
        item.explanation = "Trust me.".to_owned();
    }
    let (check, _) = asked(&items);
    assert_eq!(check.ask.pack, None, "drawn here instead");
    let only = |form: Form| {
        let items: Vec<_> = made(None).into_iter().filter(|i| i.form == form).collect();
        asked(&items).0.ask.item.form
    };
    assert_eq!(
        (only(Form::Spot), only(Form::Complete)),
        (Form::Spot, Form::Complete)
    );
}

#[test]
fn status_and_what_leaves_tell_of_the_pack() {
    let items = made(None);
    let mut store = Store::in_memory();
    store
        .write(|txn| txn.set_pack(&kept(&items), &items))
        .unwrap();
    let told = told(&kept(&items));
    let chosen = "for 1 concept, chosen by SmolLM2-135M-Instruct Q4_1 (tier ranker)";
    assert!(told.ends_with(chosen), "{told}");
    let leaves = store.read(crate::report::leaves_text).unwrap();
    assert!(!leaves.contains("/v1/items"), "not enrolled: {leaves}");
}
