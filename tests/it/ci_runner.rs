//! What runs the CI examples here: a staging system, and a GitHub runner as far as the files need one.

use super::reserved::Reserved;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const SECRET: &str = "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210";
/// What the orders API signs with.
const ORDERS_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";
/// What the orders API takes.
const TOKEN: &str = "tok-orders-1";
/// The commit that every job is about, and its repository.
const COMMIT: &str = "0123456789012345678901234567890123456789";
const REPOSITORY: &str = "https://git.example/shop/api";

#[derive(Deserialize)]
struct Action {
    inputs: BTreeMap<String, Input>,
    outputs: BTreeMap<String, OutputOf>,
    runs: Steps,
}

#[derive(Deserialize)]
struct Input {
    default: String,
}

#[derive(Deserialize)]
struct OutputOf {
    value: String,
}

/// The steps of a job, with the variables that all of them see.
#[derive(Deserialize)]
pub struct Steps {
    #[serde(default)]
    env: BTreeMap<String, String>,
    pub steps: Vec<Step>,
}

#[derive(Deserialize)]
pub struct Workflow {
    pub jobs: BTreeMap<String, Steps>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Step {
    name: String,
    id: String,
    uses: String,
    pub run: String,
    r#if: String,
    env: BTreeMap<String, String>,
    with: BTreeMap<String, String>,
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

pub fn yaml<T: DeserializeOwned>(file: &str) -> T {
    serde_saphyr::from_str(&text(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// A staging system, a working copy with one commit, a pair of keys, and a runner's folders.
pub struct World {
    dir: TempDir,
    staging: Child,
    url: String,
    receiver: Reserved,
    scenario: &'static str,
    /// Where webhooks are posted.
    hooks: &'static str,
    public_key: String,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.staging.kill();
        let _ = self.staging.wait();
    }
}

/// Folders and files that there are whatever staging is.
fn folders(secret: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["work", "temp", "bin", "data"] {
        std::fs::create_dir(dir.path().join(folder)).unwrap();
    }
    std::fs::write(dir.path().join("secret"), secret).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_smoke"), dir.path().join("bin/smoke")).unwrap();
    dir
}

impl World {
    /// Staging is the stand-in, about which no gate lets evidence pass.
    pub fn new() -> Self {
        let (dir, receiver) = (folders(SECRET), Reserved::new());
        let hook = format!("http://{}/webhooks/inbound", receiver.address);
        let mut stand_in = Command::new(env!("CARGO_BIN_EXE_smoke"))
            .args(["staging", "--listen", "127.0.0.1:0", "--secret-file", "secret", "--write-data", "data"])
            .args(["--webhook-url", &hook])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(stand_in.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("stand-in listening on ").expect("an address").to_owned();
        let (staging, public_key) = (stand_in, String::new());
        let hooks = "/webhooks/inbound";
        Self { dir, staging, url, receiver, scenario: "payments", hooks, public_key }.set_up()
    }

    /// Staging is the orders API of `examples/`, with its scenario in the working copy; none without Python.
    pub fn of_orders() -> Option<Self> {
        let (dir, receiver, api) = (folders(ORDERS_SECRET), Reserved::new(), Reserved::new());
        let (example, hook) = (root().join("examples/orders"), format!("http://{}/hooks", receiver.address));
        let started = Command::new("python3")
            .arg(example.join("orders_api.py"))
            .arg(api.address.port().to_string())
            .envs([("API_TOKEN", TOKEN), ("WEBHOOK_SECRET", ORDERS_SECRET), ("WEBHOOK_ENDPOINT", &hook)])
            .stderr(Stdio::null())
            .spawn();
        let Ok(staging) = started else {
            eprintln!("skipped: python3 is not there");
            return None;
        };
        let scenarios = dir.path().join("work/scenarios");
        std::fs::create_dir(&scenarios).unwrap();
        for file in ["orders.yaml", "orders.csv"] {
            std::fs::copy(example.join(file), scenarios.join(file)).unwrap();
        }
        std::fs::copy(example.join("orders.csv"), dir.path().join("data/orders.csv")).unwrap();
        std::fs::write(dir.path().join("data/staff.env"), format!("API_TOKEN={TOKEN}\n")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(api.address).is_err() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let (url, public_key) = (format!("http://{}", api.address), String::new());
        Some(Self { dir, staging, url, receiver, scenario: "orders", hooks: "/hooks", public_key }.set_up())
    }

    /// One commit, and a pair of keys.
    fn set_up(mut self) -> Self {
        let commit =
            "git init -q . && git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m one";
        let made = self.bash(&format!("{commit} && smoke key --out ../signing.key | tee ../public.key"), &[]);
        assert!(made.status.success(), "{}", told(&made));
        self.public_key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn text_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Staff's name and password, as the stand-in writes them.
    pub fn staff(&self, name: &str) -> String {
        let env = self.text_of("data/staff.env");
        let found = env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).expect("there");
        found.trim_matches(['"', '\'']).to_owned()
    }

    /// What all systems hand to a job here.
    pub fn variables(&self) -> Vec<(String, String)> {
        let listen = self.receiver.address.to_string();
        let given = [
            ("STAGING_URL", self.url.clone()),
            ("WEBHOOK_ENDPOINT", format!("http://{listen}{}", self.hooks)),
            ("SMOKE_LISTEN", listen),
            ("SMOKE_SCENARIO", self.scenario.to_owned()),
            ("SCENARIO", self.scenario.to_owned()),
            ("WEBHOOK_SECRET_FILE", self.path("secret").display().to_string()),
            ("STAGING_DATA_FILE", self.path("data").join(self.rows()).display().to_string()),
            ("SMOKE_ENV_FILE", self.path("data/staff.env").display().to_string()),
            ("SMOKE_SIGNING_KEY_FILE", self.path("signing.key").display().to_string()),
            ("SMOKE_PUBLIC_KEY_FILE", self.path("public.key").display().to_string()),
            ("SMOKE_PUBLIC_KEY", self.public_key.clone()),
            ("CI_COMMIT_TIMESTAMP", "2026-01-01T00:00:00Z".to_owned()),
            ("CI_PROJECT_URL", REPOSITORY.to_owned()),
            ("CI_COMMIT_SHA", COMMIT.to_owned()),
            ("GIT_URL", REPOSITORY.to_owned()),
            ("GIT_COMMIT", COMMIT.to_owned()),
        ];
        given.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The file of data rows.
    fn rows(&self) -> String {
        format!("{}.csv", self.scenario)
    }

    /// What GitHub hands to a workflow here: `secrets.x`, `vars.y`, `inputs.z`, and variables of the runner's own, `env.w`.
    pub fn github(&self) -> Vec<(String, String)> {
        let mut values: Vec<(String, String)> =
            self.variables().into_iter().map(|(name, value)| (format!("vars.{name}"), value)).collect();
        let given = [
            ("inputs.scenario", self.scenario.to_owned()),
            ("secrets.WEBHOOK_SECRET", self.text_of("secret")),
            ("secrets.STAGING_DATA", self.text_of(&format!("data/{}", self.rows()))),
            ("secrets.SMOKE_SIGNING_KEY", self.text_of("signing.key")),
        ];
        values.extend(given.map(|(name, value)| (name.to_owned(), value)));
        match self.scenario {
            "orders" => values.push(("env.API_TOKEN".to_owned(), TOKEN.to_owned())),
            _ => {
                values.push(("vars.STAFF_USERNAME".to_owned(), self.staff("STAFF_USERNAME")));
                values.push(("secrets.STAFF_PASSWORD".to_owned(), self.staff("STAFF_PASSWORD")));
            }
        }
        values
    }

    /// Runs a shell text as runners do.
    pub fn bash(&self, script: &str, env: &[(String, String)]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.path("work"));
        command.env_clear().env("PATH", path).env("HOME", self.path("temp")).stdin(Stdio::null());
        command.envs(env.iter().map(|(n, v)| (n, v))).output().unwrap()
    }
}

pub fn told(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// A GitHub runner, as far as these files need one.
pub struct Runner<'w> {
    world: &'w World,
    /// `inputs.x`, `steps.a.outputs.b`, `secrets.y`, …
    pub values: BTreeMap<String, String>,
    pub log: String,
}

impl<'w> Runner<'w> {
    pub fn new(world: &'w World, values: Vec<(String, String)>) -> Self {
        let mut values: BTreeMap<String, String> = values.into_iter().collect();
        values.insert("runner.temp".to_owned(), world.path("temp").display().to_string());
        Self { world, values, log: String::new() }
    }

    /// A text with its expressions replaced; one that nobody set is empty, as there.
    fn expand(&self, text: &str) -> String {
        let (mut expanded, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${{") {
            let (name, behind) = after.split_once("}}").expect("closed");
            expanded.push_str(before);
            expanded.push_str(self.values.get(name.trim()).map_or("", String::as_str));
            rest = behind;
        }
        expanded + rest
    }

    /// A condition made of `always()`, `x != ''` and `&&`.
    fn holds(&self, condition: &str) -> bool {
        condition.split("&&").map(str::trim).filter(|part| !part.is_empty() && *part != "always()").all(
            |part| {
                let name = part
                    .strip_suffix("!= ''")
                    .unwrap_or_else(|| panic!("{part} is not understood here"))
                    .trim();
                self.values.get(name).is_some_and(|value| !value.is_empty())
            },
        )
    }

    /// Runs a job, whose steps all see its variables.
    pub fn job(&mut self, job: &Steps) -> i32 {
        for (name, value) in &job.env {
            self.values.insert(format!("env.{name}"), self.expand(value));
        }
        self.run(&job.steps)
    }

    /// Runs steps; those after a failure only where they say `always()`. Gives the first exit code that was not 0.
    pub fn run(&mut self, steps: &[Step]) -> i32 {
        let mut failed = 0;
        for step in steps {
            if failed != 0 && !step.r#if.contains("always()") || !self.holds(&step.r#if) {
                continue;
            }
            let code = if step.uses.contains("smoke/deploy/github") {
                self.action(step)
            } else if step.run.is_empty() {
                0
            } else {
                self.step(step)
            };
            failed = if failed == 0 { code } else { failed };
        }
        failed
    }

    fn step(&mut self, step: &Step) -> i32 {
        let temp = self.world.path("temp");
        let (output, paths) = (temp.join("output"), temp.join("path"));
        std::fs::write(&output, "").unwrap();
        let mut env: Vec<(String, String)> =
            step.env.iter().map(|(n, v)| (n.clone(), self.expand(v))).collect();
        env.extend(
            self.values.iter().filter_map(|(n, v)| Some((n.strip_prefix("env.")?.to_owned(), v.clone()))),
        );
        for (name, file) in [
            ("GITHUB_OUTPUT", &output),
            ("GITHUB_PATH", &paths),
            ("GITHUB_STEP_SUMMARY", &temp.join("summary")),
        ] {
            env.push((name.to_owned(), file.display().to_string()));
        }
        env.push(("RUNNER_TEMP".to_owned(), temp.display().to_string()));
        let job = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://git.example"),
            ("GITHUB_REPOSITORY", "shop/api"),
            ("GITHUB_SHA", COMMIT),
        ];
        env.extend(job.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let found = std::fs::read_to_string(&paths).unwrap_or_default().trim().replace('\n', ":");
        let script = format!("PATH='{found}':$PATH\n{}", self.expand(&step.run));
        let ran = self.world.bash(&script, &env);
        self.log.push_str(&format!("== {}\n{}", step.name, told(&ran)));
        for line in std::fs::read_to_string(&output).unwrap().lines() {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            self.values.insert(format!("steps.{}.outputs.{name}", step.id), value.to_owned());
        }
        ran.status.code().unwrap_or(255)
    }

    /// Runs the action with what a step hands to it, and gives its outputs to the steps after it.
    fn action(&mut self, step: &Step) -> i32 {
        let action: Action = yaml("deploy/github/action.yml");
        let of_job = self.values.iter().filter(|(name, _)| name.starts_with("env."));
        let mut inner =
            Runner::new(self.world, of_job.map(|(name, value)| (name.clone(), value.clone())).collect());
        for (name, input) in &action.inputs {
            inner.values.insert(format!("inputs.{name}"), input.default.clone());
        }
        for (name, value) in &step.with {
            assert!(action.inputs.contains_key(name), "the action has no input {name}");
            inner.values.insert(format!("inputs.{name}"), self.expand(value));
        }
        for (name, value) in &step.env {
            inner.values.insert(format!("env.{name}"), self.expand(value));
        }
        let code = inner.run(&action.runs.steps);
        for (name, output) in &action.outputs {
            self.values.insert(format!("steps.{}.outputs.{name}", step.id), inner.expand(&output.value));
        }
        self.log.push_str(&inner.log);
        code
    }
}

/// A step that uses the action.
pub fn uses(with: &[(&str, &str)]) -> Step {
    let with = with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Step {
        id: "smoke".to_owned(),
        uses: "OWNER/smoke/deploy/github@v0.1.0".to_owned(),
        with,
        ..Step::default()
    }
}
