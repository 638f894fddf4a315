//! Throughput of the PII engine: `cargo bench --bench pii` (payloads of 1 KB, bytes of whole lines per second).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pii::{Engine, Policy};
use pii::{Identity, IdentityKind};
use std::hint::black_box;

/// The lines of the labelled sample without their answers, padded to payloads of 1 KB.
fn lines() -> Vec<String> {
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_sample.jsonl"))
        .lines()
        .filter_map(padded)
        .collect()
}

fn padded(line: &str) -> Option<String> {
    const FILL: [&str; 4] = [
        "Maps are set for Jute Jackals - Lalbagh Legion and the veto is final.",
        "https://staging.deltacrown.gg/tournaments/7751/matches/412",
        "Check-in opens 30 minutes before the match starts; late teams forfeit.",
        "2161c8bc-de83-4f80-a36a-a55e6de72087",
    ];
    let mut row: serde_json::Value = serde_json::from_str(line).ok()?;
    let row = row.as_object_mut()?;
    row.retain(|key, _| matches!(key.as_str(), "id" | "payload" | "headers" | "identities"));
    let payload = row.get_mut("payload")?;
    for (n, text) in FILL.iter().cycle().enumerate() {
        if payload.to_string().len() >= 1000 {
            break;
        }
        payload.as_object_mut()?.insert(format!("note_{n}"), (*text).into());
    }
    serde_json::to_string(row).ok()
}

fn bench(c: &mut Criterion) {
    let lines = lines();
    let bytes = lines.iter().map(|l| l.len() as u64).sum();
    let many: Vec<Identity> = (0..5000)
        .map(|i| Identity { kind: IdentityKind::Username, value: format!("test.user{i}") })
        .collect();
    let mut group = c.benchmark_group("pii");
    group.throughput(Throughput::Bytes(bytes));
    for (name, canaries) in [("lines of 1 KB payloads", &[][..]), ("the same with 5000 canaries", &many)] {
        let Ok(engine) = Engine::new(&Policy::default(), canaries, b"salt") else { return };
        group.bench_function(name, |b| {
            b.iter(|| {
                lines
                    .iter()
                    .filter_map(|l| engine.scan_line(black_box(l.as_bytes())).ok())
                    .map(|s| s.findings.len())
                    .sum::<usize>()
            });
        });
    }
    group.finish();
    c.bench_function("building an engine with 5000 canaries", |b| {
        b.iter(|| Engine::new(&Policy::default(), black_box(&many), b"salt").is_ok());
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
