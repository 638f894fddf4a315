//! `cargo bench --bench report_million -- 1000000`: writes a journal of that many attempts, reads it with
//! signatures verified again and personal data looked for, and says how fast and in how much memory.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why and stops")]

#[path = "../tests/it/sample.rs"]
mod sample;

use evidence::analysis::Recheck;
use evidence::report::{Evidence, artifact, to_bytes};
use record::Reader;
use signature::Secret;
use std::time::Instant;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[expect(clippy::print_stdout, reason = "a benchmark prints")]
fn main() {
    let attempts = std::env::args().filter_map(|a| a.parse::<u32>().ok()).next().unwrap_or(100_000);
    let dir = std::env::temp_dir().join(format!("smoke-million-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let path = std::env::var_os("SMOKE_JOURNAL")
        .map_or_else(|| dir.join("staging_payments_journal.jsonl"), Into::into);
    // One flow in 20 has two attempts more.
    let flows = u32::try_from(u64::from(attempts) * 10 / 11).expect("fits");
    let written =
        sample::write(&path, &sample::Sample { flows, injected_every: 20, ..sample::Sample::default() });
    let bytes = std::fs::metadata(&path).expect("written").len();
    println!("{written} attempts, {} MB", bytes / 1_000_000);
    let (before, cpu) = (Instant::now(), cpu_seconds());
    let (_, mut reader) = Reader::open(&path).expect("a journal");
    while reader.next_record().expect("a record").is_some() {}
    println!("reading alone: {:.2} s of CPU", cpu_seconds() - cpu);
    let (read, cpu) = (before.elapsed(), cpu_seconds());
    let (header, reader) = Reader::open(&path).expect("a journal");
    let mut recheck = Recheck::new(&header, &Secret::new(sample::SECRET)).expect("a secret");
    let evidence = Evidence::read(header, reader, |record| recheck.take(record)).expect("evidence");
    let artifact = to_bytes(&artifact(&evidence));
    let (took, cpu) = (before.elapsed() - read, cpu_seconds() - cpu);
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = written as f64 / cpu;
    println!(
        "{:.2} s, {cpu:.2} s of CPU: {rate:.0} attempts a second of processor time, {} valid, artifact of {} bytes",
        took.as_secs_f64(),
        recheck.valid,
        artifact.len()
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("no VmHWM here"));
    std::fs::remove_dir_all(&dir).expect("removed");
}

/// Processor time of this process so far, in user and kernel mode, in hundredths of a second (proc(5), fields 14 and 15 of
/// stat; the name before them may hold anything but `)`); on a busy machine the wall clock says little.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
