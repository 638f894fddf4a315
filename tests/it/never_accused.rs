//! Whatever an honest run meets, the gate finds no contradiction in it: random scenarios, faults, misbehaviours of the stand-in,
//! ways to end and approvers. `SMOKE_SEED=N` plays other cases, `SMOKE_CASES=N` so many of them.

use crate::harness::Smoke;
use crate::receiver::{Receiver, SECRET, TOKEN};
use evidence::approval::{Checkout, Demand, Judgement, KnownScenario, Request, judge, run_of};
use evidence::gate::{Gates, Verdict};
use record::seal::PublicKey;
use record::text_sha256_hex;
use signature::Secret;
use stand_in::Kind;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Short pauses, so that many runs are had in little time.
const GATES: &str = "retry_contract: { backoff_ms: [0, 100, 200], late_ms: 400, \
                     breaker: { failures: 5, window_ms: 400, open_ms: 400 } }\n";
const FAULTS: [&str; 16] = [
    "503x1",
    "503x2",
    "503x*",
    "400",
    "404",
    "429",
    "302",
    "307",
    "reset",
    "reset-after-head",
    "close",
    "truncate",
    "garbage",
    "delay=20ms",
    "answer=202",
    "503:retry-after=1",
];
const SCENARIOS: [&str; 5] =
    ["payments", "matches", "payments_lifecycle", "payments_proof", "matches_dispute"];
/// No case begins after this; those under way end within a few seconds.
const AT_MOST: Duration = Duration::from_secs(35);

/// `SplitMix64`: the same cases from the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    ByItself,
    Interrupted(Duration),
    Killed(Duration),
}

/// A case: what is run, and who looks at it.
#[derive(Debug)]
struct Case {
    seed: u64,
    args: Vec<String>,
    end: End,
    secret: Option<&'static str>,
    stale_pages: bool,
}

impl Case {
    fn new(seed: u64, inbox: &str) -> Self {
        let mut random = Random(seed);
        let flows = 1 + random.below(4);
        let mut args: Vec<String> = match random.below(8) {
            0 => ["load", "payments", "--rate", "10/s", "--duration", "1s"].map(str::to_owned).into(),
            1 => ["observe", "--drive", "payments=60/m", "--duration", "2s"].map(str::to_owned).into(),
            _ => {
                let scenario = *random.of(&SCENARIOS);
                let mut args =
                    vec!["run".to_owned(), scenario.to_owned(), "--flows".to_owned(), flows.to_string()];
                args.extend(["--concurrency".to_owned(), (1 + random.below(flows)).to_string()]);
                args.extend(["--report".to_owned(), "html,junit,markdown".to_owned()]);
                args
            }
        };
        if random.one_in(10) {
            args = ["observe", "--inbox", inbox, "--token-file", "token", "--duration", "2s"]
                .map(str::to_owned)
                .into();
        }
        let is_run = args[0] == "run";
        let is_driven = args[1] != "--inbox";
        args.extend(["--gates", "gates.yaml", "--quiet"].map(str::to_owned));
        if args[0] != "observe" {
            args.extend(["--within".to_owned(), format!("{}ms", 300 + random.below(900))]);
        }
        let is_remote = is_run && random.one_in(4);
        if is_remote {
            args.extend(["--inbox", inbox, "--token-file", "token"].map(str::to_owned));
        }
        for _ in 0..(if is_driven { random.below(3) } else { 0 }) {
            let place = ["", "@1", "@2", "@50%"][usize::try_from(random.below(4)).unwrap()];
            args.extend(["--misbehave".to_owned(), format!("{}{place}", random.of(Kind::ALL).name())]);
        }
        if is_run && !is_remote && random.one_in(2) {
            let place = ["", "@1", "@50%"][usize::try_from(random.below(3)).unwrap()];
            args.extend(["--inject".to_owned(), format!("{}{place}", random.of(&FAULTS))]);
        }
        if is_run && random.one_in(4) {
            args.extend(["--as", "deltacrown"].map(str::to_owned));
        }
        if is_run && !is_remote && random.one_in(5) {
            args.push("--blind".to_owned());
        }
        let end = match random.below(8) {
            0 => End::Interrupted(Duration::from_millis(100 + random.below(900))),
            1 => End::Killed(Duration::from_millis(100 + random.below(900))),
            _ => End::ByItself,
        };
        let secret =
            *random.of(&[Some(SECRET), Some(SECRET), Some(SECRET), Some("another-secret-0123456789"), None]);
        Self { seed, args, end, secret, stale_pages: random.one_in(4) }
    }

    /// Runs it; gives its folder.
    fn run(&self) -> tempfile::TempDir {
        let smoke = Smoke::new(&self.args[0]).file("gates.yaml", GATES).file("token", TOKEN);
        let smoke = smoke.file("secret", SECRET).args(&["--secret-file", "secret"]);
        let args: Vec<&str> = self.args[1..].iter().map(String::as_str).collect();
        let (mut child, dir) = smoke.args(&args).spawn();
        let (End::Interrupted(after) | End::Killed(after)) = self.end else {
            child.wait_with_output().unwrap();
            return dir;
        };
        let began = Instant::now();
        while began.elapsed() < after && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if matches!(self.end, End::Killed(_)) {
            let _ = child.kill();
        } else {
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        }
        child.wait_with_output().unwrap();
        dir
    }
}

/// The gates of these runs, and every scenario that is built in.
fn checkout() -> Checkout {
    let scenarios = scenario::built_in_names().filter_map(|name| {
        let loaded = scenario::load_built_in(name).ok()?;
        let known = KnownScenario {
            source: name.to_owned(),
            others: Vec::new(),
            sha256: loaded.sha256,
            scenario: Some(Box::new(loaded.scenario)),
            sender: None,
        };
        Some((name.to_owned(), known))
    });
    Checkout {
        gates_name: "gates.yaml".to_owned(),
        gates_sha256: text_sha256_hex(GATES.as_bytes()),
        gates: Gates::parse(GATES).unwrap(),
        scenarios: scenarios.collect(),
    }
}

/// The artifacts in a folder and below it.
fn artifacts(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(artifacts(&path));
        } else if path.to_string_lossy().ends_with("_output.json") {
            found.push(path);
        }
    }
    found
}

fn judged(path: &Path, case: &Case, checkout: &Checkout, witness: &PublicKey) -> Judgement {
    let secret = case.secret.map(Secret::new);
    let journals = evidence::approval::Journals::default();
    let (demand, journal) = (Demand::default(), journals.of(path));
    let shown = journal.as_deref().and_then(run_of).into_iter().collect();
    let request = Request {
        now: chrono::Utc::now(),
        journals: &journals,
        environment: "embedded",
        max_age: chrono::TimeDelta::hours(24),
        not_before: None,
        secret: secret.as_ref(),
        staging_secret: None,
        public_key: None,
        witness: Some(witness),
        shown: &shown,
        checkout,
        demand: &demand,
        stand_in_rows: Some(|seed, flows, subject| stand_in::people_of(seed, flows, subject).ok().flatten()),
        by_hour: false,
    };
    judge(path, &request)
}

/// What is said against an honest run: contradictions, and evidence that is said to be no evidence.
fn accusations(judgement: &Judgement) -> Vec<String> {
    // A signature that a misbehaving sender made wrong is not valid, which is what these say.
    let says_so = |id: &str| matches!(id, "signatures_again" | "retry_contract");
    let found =
        judgement.contradictions.iter().map(|finding| format!("{}: {}", finding.kind, finding.sentence));
    let failed = judgement.items.iter().filter(|item| {
        item.verdict == Verdict::Fail
            && item.group == evidence::approval::Group::Evidence
            && !says_so(&item.id)
    });
    found.chain(failed.map(|item| format!("{} failed: {}", item.title, item.figure))).collect()
}

/// Pages of another run in the place of a run's own.
fn exchange_pages(run: &Path, other: &Path) {
    let page = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        ["memo.md", "report.html", "junit.xml"].into_iter().find(|end| name.ends_with(end))
    };
    let pages = |dir: &Path| -> Vec<PathBuf> {
        let all = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
        all.filter(|path| page(path).is_some()).collect()
    };
    for own in pages(run) {
        for theirs in pages(other).iter().filter(|theirs| page(theirs) == page(&own)) {
            std::fs::copy(theirs, &own).unwrap();
        }
    }
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn no_honest_run_is_ever_accused() {
    let dir = tempfile::tempdir().unwrap();
    let key = Smoke::new("key").arg("--out").arg(dir.path().join("key")).run().exits(0);
    let witness: PublicKey = key.stdout.trim().parse().unwrap();
    let receiver = Receiver::start(dir.path(), "", &["--witness-key", "key"]);
    let inbox = format!("http://{}", receiver.address);
    let (seed, cases) = (setting("SMOKE_SEED", 1), setting("SMOKE_CASES", 60));
    let (next, checkout, began) = (AtomicU64::new(0), checkout(), Instant::now());
    let (accused, last) = (Mutex::new(Vec::new()), Mutex::new(None::<tempfile::TempDir>));
    let is_bounded = std::env::var_os("SMOKE_CASES").is_none();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= cases || is_bounded && began.elapsed() > AT_MOST {
                        return;
                    }
                    let case = Case::new(seed.wrapping_mul(1_000_003).wrapping_add(n), &inbox);
                    let run = case.run();
                    if let Some(other) = last.lock().unwrap().as_ref().filter(|_| case.stale_pages) {
                        exchange_pages(&run.path().join("artifacts"), &other.path().join("artifacts"));
                    }
                    for path in artifacts(run.path()) {
                        let said = accusations(&judged(&path, &case, &checkout, &witness));
                        if !said.is_empty() {
                            let kept = run.path().display().to_string();
                            accused.lock().unwrap().push(format!(
                                "case {}, {case:?}, in {kept}:\n  {}",
                                case.seed,
                                said.join("\n  ")
                            ));
                        }
                    }
                    *last.lock().unwrap() = Some(run);
                }
            });
        }
    });
    let accused = accused.into_inner().unwrap();
    eprintln!("SMOKE_SEED={seed}: {} cases", next.into_inner().min(cases));
    assert!(accused.is_empty(), "SMOKE_SEED={seed}, honest runs are accused:\n{}", accused.join("\n"));
}
