//! Files made to harm: each is refused, in words, without a panic, and without much memory.

use super::*;
use proptest::prelude::*;
use std::io::Cursor;

const U32: u32 = 4;
const F32: u32 = 6;
const TEXT: u32 = 8;
const LIST: u32 = 9;

/// Writes what a writer would, and what none would.
#[derive(Clone, Debug)]
struct Maker {
    magic: [u8; 4],
    version: u32,
    /// Instead of the true counts of tensors and entries.
    counts: [Option<u64>; 2],
    entries: Vec<(Vec<u8>, u32, Vec<u8>)>,
    tensors: Vec<(Vec<u8>, Vec<u64>, u32, u64)>,
    alignment: u64,
    data: u64,
}

fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

fn list(of: u32, len: u64, elements: &[u8]) -> Vec<u8> {
    [&of.to_le_bytes()[..], &len.to_le_bytes(), elements].concat()
}

impl Maker {
    /// A sound llama of one layer and four tokens.
    fn sound() -> Self {
        let mut maker = Self {
            magic: *b"GGUF",
            version: 3,
            counts: [None, None],
            entries: Vec::new(),
            tensors: Vec::new(),
            alignment: 32,
            data: 0,
        };
        maker.put("general.architecture", TEXT, text(b"llama"));
        maker.put("general.name", TEXT, text(b"A small one"));
        maker.put("general.file_type", U32, 3_u32.to_le_bytes());
        for (key, value) in [
            ("block_count", 1_u32),
            ("context_length", 64),
            ("embedding_length", 32),
            ("feed_forward_length", 64),
            ("attention.head_count", 4),
            ("attention.head_count_kv", 2),
        ] {
            maker.put(&format!("llama.{key}"), U32, value.to_le_bytes());
        }
        let epsilon = "llama.attention.layer_norm_rms_epsilon";
        maker.put(epsilon, F32, 1e-5_f32.to_le_bytes());
        maker.put("tokenizer.ggml.model", TEXT, text(b"gpt2"));
        let tokens: Vec<u8> = [&b"a"[..], b"b", b"\xc3", b"ab"]
            .into_iter()
            .flat_map(text)
            .collect();
        maker.put("tokenizer.ggml.tokens", LIST, list(TEXT, 4, &tokens));
        maker.put("tokenizer.ggml.token_type", LIST, list(5, 4, &[1; 16]));
        maker.put("tokenizer.ggml.merges", LIST, list(TEXT, 1, &text(b"a b")));
        maker.put("tokenizer.ggml.eos_token_id", U32, 3_u32.to_le_bytes());
        // Q8_0: 4 rows of one block of 34 bytes; then F32.
        maker
            .tensors
            .push((b"token_embd.weight".to_vec(), vec![32, 4], 8, 0));
        maker
            .tensors
            .push((b"output_norm.weight".to_vec(), vec![32], 0, 160));
        maker.data = 160 + 128;
        maker
    }

    fn put(&mut self, key: &str, kind: u32, value: impl AsRef<[u8]>) {
        self.entries.retain(|(k, ..)| k != key.as_bytes());
        self.add(key, kind, value);
    }

    fn add(&mut self, key: impl AsRef<[u8]>, kind: u32, value: impl AsRef<[u8]>) {
        self.entries
            .push((key.as_ref().to_vec(), kind, value.as_ref().to_vec()));
    }

    fn without(&mut self, key: &str) {
        self.entries.retain(|(k, ..)| k != key.as_bytes());
    }

    fn header(&self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        out.extend(self.version.to_le_bytes());
        let [tensors, entries] = self.counts;
        out.extend(tensors.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        out.extend(entries.unwrap_or(self.entries.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.entries {
            out.extend(text(key));
            out.extend(kind.to_le_bytes());
            out.extend(value);
        }
        for (name, shape, kind, offset) in &self.tensors {
            out.extend(text(name));
            out.extend(u32::try_from(shape.len()).expect("few").to_le_bytes());
            shape.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        let begin = (out.len() as u64).next_multiple_of(self.alignment.max(1));
        out.resize(usize::try_from(begin + self.data).expect("small"), 0);
        out
    }
}

fn made(change: impl FnOnce(&mut Maker)) -> Vec<u8> {
    let mut maker = Maker::sound();
    change(&mut maker);
    maker.bytes()
}

fn judged(bytes: &[u8]) -> Result<Header, Flaw> {
    read(Cursor::new(bytes))
}

#[test]
fn a_sound_file_is_read_and_says_what_it_is() {
    for version in [2, 3] {
        let header = judged(&made(|m| m.version = version)).expect("sound");
        assert_eq!(header.version, version);
        assert_eq!(header.architecture(), "llama");
        assert_eq!(header.quantisation(), "Q4_1");
        assert_eq!(header.parameters(), 32 * 4 + 32);
        assert_eq!(header.tokens(), 4);
        assert_eq!(header.own("block_count"), Some(1));
        assert_eq!(header.data_at % 32, 0);
    }
    let aligned = made(|m| {
        m.put("general.alignment", U32, 64_u32.to_le_bytes());
        m.alignment = 64;
        m.tensors[1].3 = 192;
        m.data = 192 + 128;
    });
    assert_eq!(judged(&aligned).expect("sound").data_at % 64, 0);
    let unknown = made(|m| m.put("general.architecture", TEXT, text(b"mamba")));
    assert_eq!(
        judged(&unknown)
            .expect("sound, though not for us")
            .architecture(),
        "mamba"
    );
}

/// What is wrong, and a part of the words that have to say so. One a line.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "a list")]
fn corpus() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let u32s = |v: u32| v.to_le_bytes();
    let long = |n: usize| text(&vec![b'x'; n]);
    let mut cut = Maker::sound().bytes();
    cut.truncate(cut.len() - 33);
    let mut in_header = Maker::sound().bytes();
    in_header.truncate(100);
    vec![
        ("nothing", vec![], "ends inside its first four bytes"),
        ("three bytes", b"GGU".to_vec(), "ends inside its first four bytes"),
        ("another format", b"PK\x03\x04aaaaaaaaaaaaaaaaaaaaaaa".to_vec(), "at byte 0: it does not begin with GGUF"),
        ("magic alone", b"GGUF".to_vec(), "ends inside the version"),
        ("big-endian magic", made(|m| m.magic = *b"FUGG"), "does not begin with GGUF"),
        ("big-endian", made(|m| m.version = 3_u32.swap_bytes()), "the other byte order"),
        ("version 0", made(|m| m.version = 0), "version 0"),
        ("version 1", made(|m| m.version = 1), "at byte 4: version 1"),
        ("version 99", made(|m| m.version = 99), "version 99"),
        ("cut in the header", in_header, "at byte 93: it ends inside a text's length"),
        ("cut in the data", cut, "ends at byte"),
        ("2^63 tensors", made(|m| m.counts[0] = Some(1 << 63)), "the number of tensors is 9223372036854775808, limit"),
        ("2^64-1 entries", made(|m| m.counts[1] = Some(u64::MAX)), "the number of entries is"),
        ("more entries than there are", made(|m| m.counts[1] = Some(1000)), "at byte"),
        ("more tensors than there are", made(|m| m.counts[0] = Some(1000)), "at byte"),
        ("fewer entries than there are", made(|m| m.counts[1] = Some(14)), "at byte"),
        ("an endless key", made(|m| m.add(vec![b'k'; 1 << 16], U32, u32s(1))), "a key's length is 65536, limit 128"),
        ("a key without end", made(|m| m.counts[1] = None).into_iter().take(24).chain([0xff; 40]).collect(), "a key's length"),
        ("an empty key", made(|m| m.add("", U32, u32s(1))), "a key is empty"),
        ("a key with a zero in it", made(|m| m.add("general.name\0x", U32, u32s(1))), "is not lower-case letters"),
        ("a key that writes on terminals", made(|m| m.add("\x1b[2J", U32, u32s(1))), "\"?[2J\" is not lower-case"),
        ("a key twice", made(|m| m.add("general.name", TEXT, text(b"other"))), "\"general.name\" is there twice"),
        ("an unknown kind", made(|m| m.add("x.y", 13, u32s(1))), "unknown kind 13"),
        ("an unknown kind in a list", made(|m| m.add("x.y", LIST, list(77, 1, &[0; 8]))), "unknown kind 77"),
        ("an endless text", made(|m| m.add("x.y", TEXT, u64::MAX.to_le_bytes())), "a text's length is 18446744073709551615"),
        ("a text beyond the end", made(|m| m.add("x.y", TEXT, (1_u64 << 19).to_le_bytes())), "goes beyond the end"),
        ("a text of 2 MiB", made(|m| m.add("x.y", TEXT, long(2 << 20))), "limit 1048576"),
        ("a zero in a text", made(|m| m.put("general.license", TEXT, text(b"mit\0gpl"))), "not UTF-8 text, or has control"),
        ("a name with a line end", made(|m| m.put("general.name", TEXT, text(b"a\nb"))), "control characters"),
        ("a name that is no UTF-8", made(|m| m.put("general.name", TEXT, text(b"\xff\xfe"))), "not UTF-8"),
        ("a long text that is no UTF-8", made(|m| m.add("x.y", TEXT, text(&[0xff; 5000]))), "a second reader understands it differently"),
        ("a long text with zeros behind", made(|m| m.add("x.y", TEXT, text(&[0; 5000]))), "a second reader understands it differently"),
        ("a yes that is 2", made(|m| m.add("x.y", 7, [2])), "is 2, which is neither 0 nor 1"),
        ("a yes that is 7 in a list", made(|m| m.add("x.y", LIST, list(7, 3, &[0, 1, 7]))), "is 7, which is neither"),
        ("a list of lists", made(|m| m.add("x.y", LIST, list(LIST, 1, &list(LIST, 1, &[0; 32])))), "a list of lists"),
        ("a list of 2^62", made(|m| m.add("x.y", LIST, list(U32, 1 << 62, &[]))), "elements of all lists"),
        ("a list of 2^61 texts", made(|m| m.add("x.y", LIST, list(TEXT, 1 << 61, &[]))), "elements of all lists"),
        ("a list beyond the end", made(|m| m.add("x.y", LIST, list(10, 1 << 20, &[]))), "a list of 8388608 bytes goes beyond"),
        ("texts beyond the end", made(|m| m.add("x.y", LIST, list(TEXT, 1 << 20, &[]))), "goes beyond the end"),
        ("tokens beyond the end", made(|m| m.put("tokenizer.ggml.tokens", LIST, list(TEXT, 2 << 20, &[]))), "limit 2097152"),
        ("an alignment of 0", made(|m| m.put("general.alignment", U32, u32s(0))), "general.alignment is 0"),
        ("an alignment of 33", made(|m| m.put("general.alignment", U32, u32s(33))), "general.alignment is 33"),
        ("an alignment of 2^31", made(|m| m.put("general.alignment", U32, u32s(1 << 31))), "general.alignment is 2147483648"),
        ("an alignment of 64 bits", made(|m| m.put("general.alignment", 10, 32_u64.to_le_bytes())), "or not 32 bits wide"),
        ("a tensor twice", made(|m| m.tensors[1].0 = b"token_embd.weight".to_vec()), "two tensors \"token_embd.weight\""),
        ("a tensor without a name", made(|m| m.tensors[1].0.clear()), "name is empty"),
        ("a tensor's long name", made(|m| m.tensors[1].0 = vec![b'n'; 64]), "the length of a tensor's name is 64, limit 63"),
        ("a tensor's name with a zero", made(|m| m.tensors[1].0 = b"output\0x".to_vec()), "not of printable ASCII"),
        ("no dimensions", made(|m| m.tensors[1].1.clear()), "has 0 dimensions"),
        ("five dimensions", made(|m| m.tensors[1].1 = vec![1; 5]), "has 5 dimensions"),
        ("a zero dimension", made(|m| m.tensors[1].1 = vec![32, 0]), "is zero"),
        ("a product over 64 bits", made(|m| m.tensors[1].1 = vec![1 << 40, 1 << 40]), "no number of 63 bits"),
        ("a product of 2^63", made(|m| m.tensors[1].1 = vec![1 << 32, 1 << 31]), "no number of 63 bits"),
        ("bytes over 63 bits", made(|m| m.tensors[1].1 = vec![1 << 62]), "no number of 63 bits"),
        ("a kind of tensor for no file", made(|m| m.tensors[1].2 = 9), "kind 9, which is unknown"),
        ("a kind of tensor that was removed", made(|m| m.tensors[1].2 = 4), "kind 4, which is unknown"),
        ("a kind of tensor that is none", made(|m| m.tensors[1].2 = u32::MAX), "kind 4294967295"),
        ("half a block", made(|m| m.tensors[0].1 = vec![33, 4]), "not a multiple of 32"),
        ("misaligned", made(|m| m.tensors[1].3 = 161), "which is no multiple of 32"),
        ("overlapping", made(|m| m.tensors[1].3 = 128), "begins at 128 inside the one before, which ends at 136"),
        ("on the same place", made(|m| m.tensors[1].3 = 0), "inside the one before"),
        ("a gap", made(|m| { m.tensors[1].3 = 320; m.data += 160; }), "160 bytes that belong to none"),
        ("the first not at the beginning", made(|m| { m.tensors[0].3 = 32; m.tensors[1].3 = 192; m.data += 32; }), "32 bytes that belong to none"),
        ("an offset of 2^64-32", made(|m| m.tensors[1].3 = u64::MAX - 31), "bytes that belong to none"),
        ("outside", made(|m| m.tensors[1].1 = vec![1 << 40]), "of a file of"),
        ("more behind", made(|m| m.data += 4096), "4096 bytes stand behind the last tensor"),
        ("no architecture", made(|m| m.without("general.architecture")), "general.architecture is missing"),
        ("an architecture that is a number", made(|m| m.put("general.architecture", U32, u32s(1))), "it has to be a short text"),
        ("one of several files", made(|m| m.put("split.count", 2, 3_u16.to_le_bytes())), "the model in one file"),
        ("no layers said", made(|m| m.without("llama.block_count")), "llama.block_count is missing"),
        ("no layers", made(|m| m.put("llama.block_count", U32, u32s(0))), "from 1 to 512"),
        ("a billion layers", made(|m| m.put("llama.block_count", U32, u32s(1 << 30))), "from 1 to 512"),
        ("layers as a text", made(|m| m.put("llama.block_count", TEXT, text(b"1"))), "from 1 to 512"),
        ("heads a layer", made(|m| m.put("llama.attention.head_count", LIST, list(U32, 1, &u32s(4)))), "from 1 to 1024"),
        ("no heads", made(|m| m.put("llama.attention.head_count", U32, u32s(0))), "from 1 to 1024"),
        ("heads that do not divide", made(|m| m.put("llama.attention.head_count_kv", U32, u32s(3))), "a divisor of the 4 heads"),
        ("a width that heads do not divide", made(|m| { m.put("llama.attention.head_count", U32, u32s(6)); }), "a multiple of the 6 heads"),
        ("an epsilon that is not a number", made(|m| m.put("llama.attention.layer_norm_rms_epsilon", F32, f32::NAN.to_le_bytes())), "above 0"),
        ("a rotation of zero", made(|m| m.put("llama.rope.freq_base", F32, 0_f32.to_le_bytes())), "above 0"),
        ("experts", made(|m| m.put("llama.expert_count", U32, u32s(8))), "no mixture of experts"),
        ("another tokenizer", made(|m| m.put("tokenizer.ggml.model", TEXT, text(b"t5"))), "one of gpt2, llama"),
        ("no tokens", made(|m| m.without("tokenizer.ggml.tokens")), "tokenizer.ggml.tokens is missing"),
        ("an empty vocabulary", made(|m| m.put("tokenizer.ggml.tokens", LIST, list(TEXT, 0, &[]))), "a list of texts"),
        ("a token twice", made(|m| { let t: Vec<u8> = [&b"a"[..], b"b", b"a", b"c"].into_iter().flat_map(text).collect(); m.put("tokenizer.ggml.tokens", LIST, list(TEXT, 4, &t)); }), "number 2 is there before"),
        ("an empty token's other name", made(|m| { let t: Vec<u8> = [&b""[..], b"[EMPTY_0]", b"a", b"c"].into_iter().flat_map(text).collect(); m.put("tokenizer.ggml.tokens", LIST, list(TEXT, 4, &t)); }), "number 1 is there before"),
        ("fewer kinds than tokens", made(|m| m.put("tokenizer.ggml.token_type", LIST, list(5, 3, &[1; 12]))), "a list of 4 numbers"),
        ("kinds that are bytes", made(|m| m.put("tokenizer.ggml.token_type", LIST, list(0, 4, &[1; 4]))), "a list of 4 numbers"),
        ("fewer scores than tokens", made(|m| m.put("tokenizer.ggml.scores", LIST, list(F32, 1, &[0; 4]))), "a list of 4 numbers"),
        ("merges that are numbers", made(|m| m.put("tokenizer.ggml.merges", LIST, list(U32, 1, &[0; 4]))), "a list of texts"),
        ("an end that is no token", made(|m| m.put("tokenizer.ggml.eos_token_id", U32, u32s(4))), "below the 4 tokens"),
        ("a beginning below zero", made(|m| m.put("tokenizer.ggml.bos_token_id", 5, (-1_i32).to_le_bytes())), "below the 4 tokens"),
        ("no embeddings", made(|m| m.tensors[0].0 = b"other.weight".to_vec()), "token_embd.weight is missing"),
        ("embeddings for fewer tokens", made(|m| { m.tensors[0].1 = vec![32, 3]; m.tensors[1].3 = 128; m.data = 256; }), "[32, 4]"),
    ]
}

#[test]
fn each_hostile_file_is_refused_in_words_that_say_what_and_where() {
    let mut wrong = Vec::new();
    let corpus = corpus();
    println!("hostile files refused: {}", corpus.len());
    for (name, bytes, words) in corpus {
        let flaw = match judged(&bytes) {
            Ok(_) => {
                wrong.push(format!("{name}: accepted"));
                continue;
            }
            Err(flaw) => flaw,
        };
        let said = flaw.to_string();
        let well_said = said.contains(words)
            && said.starts_with("at byte ")
            && flaw.at <= bytes.len() as u64
            && said.len() < 400
            && !said.contains(char::is_control);
        if !well_said {
            wrong.push(format!("{name}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let whole = Maker::sound().bytes();
    for len in 0..whole.len() {
        assert!(judged(&whole[..len]).is_err(), "cut at {len}");
    }
}

/// A file of any size whose bytes behind the header are not there to be read.
struct Claims {
    header: Cursor<Vec<u8>>,
    size: u64,
    at: u64,
    read: std::rc::Rc<std::cell::Cell<u64>>,
}

impl Read for Claims {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.header.set_position(self.at);
        let n = self.header.read(into)?;
        self.at += n as u64;
        self.read.set(self.read.get() + n as u64);
        Ok(n)
    }
}

impl Seek for Claims {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            std::io::SeekFrom::Start(at) => at,
            std::io::SeekFrom::End(d) => self.size.saturating_add_signed(d),
            std::io::SeekFrom::Current(d) => self.at.saturating_add_signed(d),
        };
        Ok(self.at)
    }
}

#[test]
fn of_a_file_of_eight_gigabytes_only_the_header_is_read() {
    let mut maker = Maker::sound();
    let big = 1_u64 << 31;
    maker
        .tensors
        .push((b"big.weight".to_vec(), vec![big], 0, 288));
    let header = maker.header();
    let (len, read_so_far) = (header.len() as u64, std::rc::Rc::default());
    let claims = Claims {
        size: len.next_multiple_of(32) + 288 + 4 * big,
        header: Cursor::new(header),
        at: 0,
        read: std::rc::Rc::clone(&read_so_far),
    };
    let found = read(claims).expect("sound");
    assert_eq!(found.tensors.len(), 3);
    // Two readers, once each.
    assert!(
        read_so_far.get() <= 2 * len,
        "{} of {len}",
        read_so_far.get()
    );
}

/// Peak memory of this process, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<u64>()
        .expect("a number")
        * 1024
}

/// Run by the test below in a process of its own.
#[test]
#[ignore = "run in a process of its own by the test below"]
fn alone_the_whole_corpus_and_the_largest_lists() {
    let before = peak();
    for (_, bytes, _) in corpus() {
        drop(judged(&bytes));
    }
    let small = peak() - before;
    // Everything at its limit: 2 Mi elements that a second reader turns into 32 bytes each.
    let bytes = vec![1; 2 << 20];
    let largest = made(|m| {
        m.add("x.y", LIST, list(0, (2 << 20) - 9, &bytes[9..]));
    });
    drop(bytes);
    let before = peak();
    assert!(judged(&largest).is_ok(), "{:?}", judged(&largest));
    println!("measured: {} {}", small >> 20, (peak() - before) >> 20);
}

#[test]
fn no_hostile_file_makes_the_reader_take_more_memory_than_it_states() {
    let here = std::env::current_exe().expect("this program");
    let out = std::process::Command::new(here)
        .args(["--ignored", "--exact", "--nocapture", "--test-threads=1"])
        .arg("gguf::tests::alone_the_whole_corpus_and_the_largest_lists")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{said}");
    let measured = said
        .split("measured: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let mib: Vec<u64> = measured
        .unwrap_or_else(|| panic!("{said}"))
        .split(' ')
        .map(|n| n.parse().expect("a number"))
        .collect();
    // The corpus itself holds some MiB; the second reader doubles what it grows.
    assert!(mib[0] < 64, "corpus: {said}");
    assert!(mib[1] < 192, "largest lists: {said}");
}

/// Numbers that readers stumble over.
fn stumbling() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(1 << 63),
        Just((1 << 63) - 1),
        Just(1 << 32),
        Just(u64::from(u32::MAX)),
        Just(1 << 31),
        any::<u64>(),
        0..600_u64,
    ]
}

proptest! {
    #[test]
    fn whatever_bytes_come_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        drop(judged(&bytes));
        let with_magic = [b"GGUF\x03\0\0\0", &bytes[..]].concat();
        drop(judged(&with_magic));
    }

    #[test]
    fn a_changed_file_is_refused_or_still_all_inside_itself(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), stumbling(), 1..=8_usize), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = Maker::sound().bytes();
        for (at, value, width) in changes {
            let at = at.index(bytes.len());
            for (byte, new) in bytes[at..].iter_mut().zip(&value.to_le_bytes()[..width]) {
                *byte = *new;
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(header) = judged(&bytes) {
            let mut end = 0;
            for tensor in &header.tensors {
                prop_assert!(tensor.offset >= end);
                end = tensor.offset + tensor.bytes;
                prop_assert!(header.data_at + end <= bytes.len() as u64);
            }
            prop_assert!(header.entries.len() as u64 <= MOST_ENTRIES);
            prop_assert!(header.parameters() < 1 << 20);
        }
    }
}
