//! Evidence of a run as an approver gets it, and how it is judged, by the command and by the function.

use crate::harness::unwrapped;
use crate::sample::{self, SECRET, Sample};
use evidence::approval::{Checkout, Demand, Judgement, KnownScenario, MinFlows, Request, Trust, judge};
use evidence::gate::Gates;
use record::sha256_hex;
use signature::Secret;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A directory with journal and artifact of a run that ended ten minutes ago.
pub struct Run {
    pub dir: TempDir,
}

impl Run {
    pub fn new(sample: &Sample) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let run = Self { dir };
        sample::write(&run.journal(), sample);
        run.recompute();
        std::fs::write(run.file("secret"), SECRET).expect("written");
        run
    }

    pub fn recompute(&self) {
        let bytes = evidence::report::from_journal(&self.journal()).expect("evidence").1;
        std::fs::write(self.artifact(), bytes).expect("written");
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn artifact(&self) -> PathBuf {
        self.file("staging_payments_output.json")
    }

    pub fn journal(&self) -> PathBuf {
        self.file("staging_payments_journal.jsonl")
    }

    /// The exit code and what was printed.
    pub fn gate(&self, args: &[&str]) -> (i32, String) {
        smoke("gate", self.dir.path(), &[args, &["--trust", "runner"]].concat())
    }
}

pub fn smoke(command: &str, subject: &Path, args: &[&str]) -> (i32, String) {
    let (code, text) = printed(command, subject, args);
    (code, unwrapped(&text))
}

pub fn printed(command: &str, subject: &Path, args: &[&str]) -> (i32, String) {
    let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
    smoke.arg(command).arg(subject).args(args).env_remove("WEBHOOK_SECRET").env_remove("GITHUB_ACTIONS");
    let out = smoke.output().expect("smoke runs");
    let text = [out.stdout, out.stderr].concat();
    (out.status.code().expect("a code"), String::from_utf8(text).expect("UTF-8"))
}

pub fn recent() -> Sample {
    let started = chrono::Utc::now() - chrono::TimeDelta::minutes(10);
    Sample { started_us: started.timestamp_micros(), ..Sample::default() }
}

fn checkout() -> Checkout {
    let gates = include_str!("../../scenarios/gates.yaml");
    let payments = scenario::load_built_in("payments").expect("a scenario");
    let payments = KnownScenario {
        source: "payments.yaml".into(),
        others: Vec::new(),
        sha256: payments.sha256,
        scenario: Some(Box::new(payments.scenario)),
        sender: None,
    };
    Checkout {
        gates_name: "gates.yaml".into(),
        gates_sha256: sha256_hex(gates.as_bytes()),
        gates: Gates::parse(gates).expect("gates"),
        scenarios: [("payments".to_owned(), payments)].into(),
    }
}

pub fn judged(path: &Path) -> Judgement {
    judged_under(path, SECRET)
}

/// The same by an approver who holds this secret.
pub fn judged_under(path: &Path, secret: &str) -> Judgement {
    let (secret, checkout) = (Secret::new(secret), checkout());
    let mut min_flows = MinFlows::default();
    min_flows.add("2").expect("a number");
    let demand = Demand { trust: Some(Trust::Runner), min_flows, ..Demand::default() };
    let request = Request {
        now: chrono::Utc::now(),
        journals: &evidence::approval::Journals::default(),
        environment: "staging",
        max_age: chrono::TimeDelta::hours(24),
        not_before: None,
        secret: Some(&secret),
        staging_secret: None,
        public_key: None,
        witness: None,
        shown: &std::collections::BTreeSet::new(),
        checkout: &checkout,
        demand: &demand,
        stand_in_rows: None,
        by_hour: false,
    };
    judge(path, &request)
}
