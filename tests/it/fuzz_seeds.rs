//! The entry points of the fuzz targets on the stable toolchain: the committed corpus, and mutations of it from a fixed
//! seed. A byte string that a fuzzer finds becomes a file of the corpus.

#[path = "../../fuzz/entry.rs"]
mod entry;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const MUTATIONS: usize = 150;
/// What one input may take on a busy machine; the inputs are under 100 KiB.
const WITHIN: Duration = Duration::from_secs(20);

/// Files of the repository that are good seeds as they stand, beside `fuzz/corpus/NAME`.
fn more_seeds(name: &str) -> &'static [&'static str] {
    match name {
        "journal" => &["tests/data/golden/staging_payments_journal.jsonl"],
        "artifact" => &[
            "tests/data/golden/staging_payments_output.json",
            "tests/data/approval/consistent_output.json",
            "tests/data/approval/fuller_matches_output.json",
        ],
        "sender" => &[
            "scenarios/senders/rfc9421.yaml",
            "scenarios/senders/slack.yaml",
            "scenarios/senders/stripe.yaml",
            "scenarios/senders/twilio.yaml",
        ],
        "scenario" => &["scenarios/payments.yaml", "scenarios/sender_contract.yaml"],
        _ => &[],
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(root.join("fuzz/corpus").join(name))
        .unwrap()
        .map(|file| file.unwrap().path())
        .chain(more_seeds(name).iter().map(|file| root.join(file)))
        .collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same mutations on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// Pieces that parsers trip over.
const TOKENS: [&[u8]; 16] = [
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"{{",
    b"}}",
    b"[[[[[[[[[[[[[[[[",
    b"\"",
    b"%2525",
    b"\\u0000",
    b"-1",
    b"99999999999999999999",
    b"1e999",
    b"&#x110000;",
    b": &a [*a, *a]",
];

fn mutated(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(64)).min(bytes.len());
        match random.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.truncate(at),
            3 => drop(bytes.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            4 => drop(bytes.splice(at..end, bytes[at..end].repeat(3))),
            _ => {
                let from = random.below(other.len() + 1);
                let to = (from + random.below(200)).min(other.len());
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
        }
    }
    bytes
}

fn survives(name: &str) {
    let (_, run) = entry::ENTRIES.into_iter().find(|(entry, _)| *entry == name).unwrap();
    let seeds = seeds(name);
    let mut random = Random(0x5EED);
    let timed = |bytes: &[u8], what: &str| {
        let begun = Instant::now();
        run(bytes);
        let took = begun.elapsed();
        assert!(took < WITHIN, "{name}: {what} took {took:?}: {:?}", String::from_utf8_lossy(bytes));
    };
    for seed in &seeds {
        timed(seed, "a seed");
    }
    for round in 0..MUTATIONS {
        let (seed, other) = (&seeds[round % seeds.len()], &seeds[random.below(seeds.len())]);
        timed(&mutated(seed, other, &mut random), &format!("mutation {round}"));
    }
}

#[test]
fn http() {
    survives("http");
}

#[test]
fn chunked() {
    survives("chunked");
}

#[test]
fn journal() {
    survives("journal");
}

#[test]
fn pii() {
    survives("pii");
}

#[test]
fn log_lines() {
    survives("log_lines");
}

#[test]
fn scenario() {
    survives("scenario");
}

#[test]
fn sender() {
    survives("sender");
}

#[test]
fn envelope() {
    survives("envelope");
}

#[test]
fn artifact() {
    survives("artifact");
}

/// Mutations of a seed that is refused at its first byte would prove nothing.
#[test]
fn seeds_get_past_the_first_check() {
    let golden = seeds("journal");
    let read = |bytes: &[u8]| {
        record::Reader::new(std::io::Cursor::new(bytes.to_vec()))
            .map(|(_, mut reader)| std::iter::from_fn(|| reader.next_record().ok().flatten()).count())
    };
    assert!(golden.iter().any(|bytes| read(bytes).is_ok_and(|records| records > 10)));
    let scenarios = seeds("scenario");
    let loads = |bytes: &[u8]| scenario::load_bytes(bytes, "seed.yaml", Path::new(".")).is_ok();
    assert!(scenarios.iter().any(|bytes| loads(bytes)));
    let profiles = seeds("sender");
    let loaded = profiles.iter().filter(|bytes| scenario::sender_text(bytes, "seed.yaml").is_ok());
    assert_eq!(loaded.count(), profiles.len() - 1, "all but one are right");
}
