//! The shapes in which a text may hide, and a search for many of them at once.
//!
//! Every form is at least eight bytes, so that a chance hit is out of the question, and short
//! enough that a cut one is still found. What is searched is looked at twice: as it is, and with
//! its letters lowered, for hexadecimal and spellings that a program changed.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::collections::{BTreeSet, HashMap};

/// A hit: which text, in which form.
pub type Hit = (String, String);

/// Many forms of many texts.
#[derive(Default)]
pub struct Search {
    needles: Vec<(String, String, Vec<u8>)>,
    by_start: HashMap<[u8; 8], Vec<usize>>,
}

impl Search {
    /// Looks for a text as it is and in every encoding, and for its hashes. `text` is in small
    /// letters, at least 12 of them.
    pub fn text(&mut self, name: &str, text: &str) {
        assert!(
            text.len() >= 12 && !text.bytes().any(|b| b.is_ascii_uppercase()),
            "{text}"
        );
        for (form, bytes) in encoded(text) {
            self.add(name, form, bytes);
        }
        let (head, tail) = (&text[..text.len() * 2 / 3], &text[text.len() / 3..]);
        for (form, part) in [("its first part", head), ("its last part", tail)] {
            self.add(name, form, part.as_bytes().to_vec());
        }
        self.hashes(name, text);
    }

    /// Looks for the hashes of a text, raw and spelled, whole or cut to eight bytes.
    pub fn hashes(&mut self, name: &str, text: &str) {
        for line in [text.to_owned(), format!("{text}\n")] {
            for (form, hash) in hashed(line.as_bytes()) {
                let cut = &hash[..8];
                self.add(name, &format!("{form}, raw"), cut.to_vec());
                self.add(name, &format!("{form}, hex"), hex::encode(cut).into_bytes());
                for (alphabet, engine) in [("base64", STANDARD), ("base64url", URL_SAFE)] {
                    let spelled = engine.encode(&hash).as_bytes()[..10].to_vec();
                    self.add(name, &format!("{form}, {alphabet}"), spelled);
                }
            }
        }
    }

    fn add(&mut self, name: &str, form: &str, bytes: Vec<u8>) {
        let start = bytes[..8].try_into().expect("a form has eight bytes");
        self.by_start
            .entry(start)
            .or_default()
            .push(self.needles.len());
        self.needles.push((name.to_owned(), form.to_owned(), bytes));
    }

    /// Whatever of it stands in these bytes.
    pub fn find(&self, bytes: &[u8]) -> BTreeSet<Hit> {
        let mut found = BTreeSet::new();
        self.scan(bytes, &mut found);
        self.scan(&bytes.to_ascii_lowercase(), &mut found);
        found
    }

    fn scan(&self, bytes: &[u8], found: &mut BTreeSet<Hit>) {
        for at in 0..bytes.len().saturating_sub(7) {
            let start: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
            for needle in self.by_start.get(&start).into_iter().flatten() {
                let (name, form, needle) = &self.needles[*needle];
                if bytes[at..].starts_with(needle) {
                    found.insert((name.clone(), form.clone()));
                }
            }
        }
    }
}

/// Every spelling of a text that is not a hash.
pub fn encoded(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let each = |spell: fn(u8) -> String| {
        bytes
            .iter()
            .map(|b| spell(*b))
            .collect::<String>()
            .into_bytes()
    };
    let form: String = url::form_urlencoded::byte_serialize(bytes).collect();
    let json = serde_json::to_string(text).expect("text is JSON");
    let mut forms = vec![
        ("plain", bytes.to_vec()),
        (
            "UTF-16, little end first",
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "UTF-16, big end first",
            text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
        ("hex", hex::encode(bytes).into_bytes()),
        ("URL form", form.to_ascii_lowercase().into_bytes()),
        ("URL, every byte", each(|b| format!("%{b:02x}"))),
        ("JSON", json.trim_matches('"').as_bytes().to_vec()),
        ("JSON, every character", each(|b| format!("\\u{b:04x}"))),
        ("HTML, every character", each(|b| format!("&#{b};"))),
        (
            "HTML hex, every character",
            each(|b| format!("&#x{b:02x};")),
        ),
        ("backwards", bytes.iter().rev().copied().collect()),
    ];
    for (name, engine) in [("base64", STANDARD), ("base64url", URL_SAFE)] {
        for shift in 0..3 {
            // What stands before and after decides over the characters at the ends.
            let mut shifted = vec![0; shift];
            shifted.extend_from_slice(bytes);
            let spelled = engine.encode(&shifted);
            let from = (shift * 8).div_ceil(6);
            let to = shifted.len() * 8 / 6;
            forms.push((name, spelled.as_bytes()[from..to].to_vec()));
        }
    }
    forms
}

fn hashed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let of = |algorithm| digest::digest(algorithm, bytes).as_ref().to_vec();
    vec![
        ("MD5", md5(bytes).to_vec()),
        ("SHA-1", of(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
        ("SHA-256", of(&digest::SHA256)),
        ("SHA-384", of(&digest::SHA384)),
        ("SHA-512", of(&digest::SHA512)),
    ]
}

/// RFC 1321. No library of ours still has it, which does not mean that nobody would use it.
fn md5(bytes: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [
        [7, 12, 17, 22],
        [5, 9, 14, 20],
        [4, 11, 16, 23],
        [6, 10, 15, 21],
    ];
    let mut padded = bytes.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if (bytes.len() + 1) % 64 > 56 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    padded[end..].copy_from_slice(&(bytes.len() as u64 * 8).to_le_bytes());
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded.chunks_exact(64) {
        let word =
            |i: usize| u32::from_le_bytes(block[i * 4..i * 4 + 4].try_into().expect("four bytes"));
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64_usize {
            let (mixed, which) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "the constants of RFC 1321 are defined so"
            )]
            let constant = (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a
                .wrapping_add(mixed)
                .wrapping_add(constant)
                .wrapping_add(word(which));
            (a, d, c) = (d, c, b);
            b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut made = [0; 16];
    for (to, part) in made.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&part.to_le_bytes());
    }
    made
}

#[test]
fn md5_is_md5() {
    for (text, hash) in [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
        (
            "0123456789012345678901234567890123456789012345678901234",
            "6e7a4fc92eb1c3f6e652425bcc8d44b5",
        ),
        (
            "012345678901234567890123456789012345678901234567890123456789",
            "1ced811af47ead374872fcca9d73dd71",
        ),
    ] {
        assert_eq!(hex::encode(md5(text.as_bytes())), hash, "{text}");
    }
}

#[test]
fn every_form_is_found_wherever_it_stands() {
    const TEXT: &str = "qzdf7kvxw2npl9hm";
    let mut search = Search::default();
    search.text("it", TEXT);
    for before in ["", "a", "ab", "abc"] {
        let around = format!("{before}{TEXT}and more");
        let spelled = [
            around.clone().into_bytes(),
            around.to_uppercase().into_bytes(),
            STANDARD.encode(&around).into_bytes(),
            URL_SAFE.encode(&around).into_bytes(),
            hex::encode(&around).into_bytes(),
            hex::encode_upper(&around).into_bytes(),
            around.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            format!("{before}{}", &TEXT[..11]).into_bytes(),
        ];
        for bytes in spelled {
            assert!(
                !search.find(&bytes).is_empty(),
                "{}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
    for (form, hash) in hashed(TEXT.as_bytes()) {
        let spelled = [
            hash.clone(),
            hash[..8].to_vec(),
            hex::encode_upper(&hash).into_bytes(),
            STANDARD.encode(&hash).into_bytes(),
        ];
        for bytes in spelled {
            assert!(!search.find(&bytes).is_empty(), "{form}");
        }
    }
    assert!(
        search
            .find(b"nothing of the kind stands in here, 0123456789")
            .is_empty()
    );
}
