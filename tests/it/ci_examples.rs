//! What users are given for their CI: the shell parts of each example are run against the stand-in, as the runner would run them.

use super::reserved::Reserved;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

const SECRET: &str = "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210";

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

#[derive(Deserialize)]
struct Steps {
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Workflow {
    jobs: BTreeMap<String, Steps>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Step {
    name: String,
    id: String,
    uses: String,
    run: String,
    r#if: String,
    env: BTreeMap<String, String>,
    with: BTreeMap<String, String>,
}

/// The job of a GitLab pipeline.
#[derive(Deserialize)]
struct Job {
    script: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn yaml<T: DeserializeOwned>(file: &str) -> T {
    serde_saphyr::from_str(&text(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// A staging system that is the stand-in, a working copy with one commit, and a runner's folders.
struct World {
    dir: TempDir,
    stand_in: Child,
    url: String,
    receiver: Reserved,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.stand_in.kill();
        let _ = self.stand_in.wait();
    }
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let receiver = Reserved::new();
        for folder in ["work", "temp", "bin"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        std::fs::write(dir.path().join("secret"), SECRET).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_smoke"), dir.path().join("bin/smoke")).unwrap();
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
        let world = Self { dir, stand_in, url, receiver };
        let commit =
            "git init -q . && git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m one";
        let made = world.bash(commit, &[]);
        assert!(made.status.success(), "{}", told(&made));
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Staff's name and password, as the stand-in writes them.
    fn staff(&self, name: &str) -> String {
        let env = self.text_of("data/staff.env");
        let found = env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).expect("there");
        found.trim_matches(['"', '\'']).to_owned()
    }

    /// What all systems hand to a job here.
    fn variables(&self) -> Vec<(String, String)> {
        let listen = self.receiver.address.to_string();
        let given = [
            ("STAGING_URL", self.url.clone()),
            ("WEBHOOK_ENDPOINT", format!("http://{listen}/webhooks/inbound")),
            ("SMOKE_LISTEN", listen),
            ("SMOKE_SCENARIO", "payments".to_owned()),
            ("SCENARIO", "payments".to_owned()),
            ("WEBHOOK_SECRET_FILE", self.path("secret").display().to_string()),
            ("STAGING_DATA_FILE", self.path("data/payments.csv").display().to_string()),
            ("SMOKE_ENV_FILE", self.path("data/staff.env").display().to_string()),
            ("CI_COMMIT_TIMESTAMP", "2026-01-01T00:00:00Z".to_owned()),
        ];
        given.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Runs a shell text as runners do.
    fn bash(&self, script: &str, env: &[(String, String)]) -> Output {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script])
            .current_dir(self.path("work"));
        command.env_clear().env("PATH", path).env("HOME", self.path("temp")).stdin(Stdio::null());
        command.envs(env.iter().map(|(n, v)| (n, v))).output().unwrap()
    }
}

fn told(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// A GitHub runner, as far as these files need one.
struct Runner<'w> {
    world: &'w World,
    /// `inputs.x`, `steps.a.outputs.b`, `secrets.y`, …
    values: BTreeMap<String, String>,
    log: String,
}

impl<'w> Runner<'w> {
    fn new(world: &'w World, values: &[(&str, String)]) -> Self {
        let mut values: BTreeMap<String, String> =
            values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
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

    /// Runs steps; those after a failure only where they say `always()`. Gives the first exit code that was not 0.
    fn run(&mut self, steps: &[Step]) -> i32 {
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
        env.push(("GITHUB_ACTIONS".to_owned(), "true".to_owned()));
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
        let mut inner = Runner::new(self.world, &[]);
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
fn uses(with: &[(&str, &str)]) -> Step {
    let with = with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Step {
        id: "smoke".to_owned(),
        uses: "OWNER/smoke/deploy/github@v0.1.0".to_owned(),
        with,
        ..Step::default()
    }
}

#[test]
fn the_action_gives_verdict_and_evidence_and_fails_when_it_is_told_to() {
    let world = World::new();
    let verdict = |with: &[(&str, &str)]| {
        let mut runner = Runner::new(&world, &[]);
        let code = runner.run(&[uses(with)]);
        let of = |name: &str| {
            runner.values.get(&format!("steps.smoke.outputs.{name}")).cloned().unwrap_or_default()
        };
        (code, of("verdict"), of("exit-code"), of("artifact"), runner.log.clone())
    };
    let binary = ("binary", env!("CARGO_BIN_EXE_smoke"));
    let (code, said, exit, artifact, log) = verdict(&[binary, ("scenario", "payments"), ("flows", "12")]);
    assert_eq!((code, said.as_str(), exit.as_str()), (0, "pass", "0"), "{log}");
    assert!(log.contains("commit: "), "the log says which build it was: {log}");
    assert!(world.path("work").join(artifact).exists(), "the artifact is where the output says");
    assert!(world.text_of("temp/summary").contains("payments"), "the job has a summary");

    let wrong = [
        binary,
        ("scenario", "payments"),
        ("flows", "3"),
        ("options", "--misbehave body-only-signature --quiet"),
    ];
    let (code, said, exit, _, log) = verdict(&wrong);
    assert_eq!((code, said.as_str(), exit.as_str()), (1, "fail", "1"), "{log}");
    assert!(log.contains("::error"), "a gate that failed is an annotation: {log}");
    assert_eq!(verdict(&[&wrong[..], &[("fail-on", "never")]].concat()).0, 0);
    let few = [binary, ("scenario", "payments"), ("options", "--confidence 95"), ("fail-on", "fail")];
    assert_eq!((verdict(&few).0, verdict(&few[..3]).0), (0, 3));
    assert_eq!(
        verdict(&[binary, ("scenario", "none.yaml"), ("fail-on", "never")]).0,
        2,
        "no verdict is never fine"
    );
    assert_eq!(verdict(&[binary]).0, 0, "it may only install");
    assert_eq!(verdict(&[binary, ("scenario", "payments"), ("fail-on", "sometimes")]).0, 2);
}

#[test]
fn the_workflow_runs_from_drive_to_gate() {
    let world = World::new();
    let key = world.bash("smoke key --out key.pem", &[]);
    assert!(key.status.success(), "{}", told(&key));
    let public = String::from_utf8(key.stdout).unwrap();
    let private = world.text_of("work/key.pem");
    let workflow: Workflow = yaml("deploy/github/staging-webhooks.yml");
    let mut values: Vec<(&str, String)> = vec![
        ("inputs.scenario", "payments".to_owned()),
        ("secrets.WEBHOOK_SECRET", SECRET.to_owned()),
        ("secrets.STAFF_PASSWORD", world.staff("STAFF_PASSWORD")),
        ("secrets.STAGING_DATA", world.text_of("data/payments.csv")),
        ("secrets.SMOKE_SIGNING_KEY", private),
        ("vars.STAFF_USERNAME", world.staff("STAFF_USERNAME")),
        ("vars.SMOKE_PUBLIC_KEY", public.trim().to_owned()),
    ];
    let variables = world.variables();
    for name in ["STAGING_URL", "WEBHOOK_ENDPOINT", "SMOKE_LISTEN"] {
        let value = variables.iter().find(|(n, _)| n == name).unwrap().1.clone();
        values.push(match name {
            "STAGING_URL" => ("vars.STAGING_URL", value),
            "WEBHOOK_ENDPOINT" => ("vars.WEBHOOK_ENDPOINT", value),
            _ => ("vars.SMOKE_LISTEN", value),
        });
    }
    let mut runner = Runner::new(&world, &values);
    let code = runner.run(&workflow.jobs["smoke"].steps);
    assert_eq!(code, 0, "{}", runner.log);
    assert_eq!(runner.values["steps.smoke.outputs.verdict"], "pass", "{}", runner.log);
    assert!(!runner.log.contains(SECRET) && !runner.log.contains(&world.staff("STAFF_PASSWORD")));
    assert!(
        !world.path("temp/signing.key").exists() && !world.path("temp/data.csv").exists(),
        "key and data are gone"
    );
    // The evidence is whole, signed and newer than the commit. It is about the stand-in, so the gate does not let it pass.
    let mut gate = Runner::new(&world, &values);
    let code = gate.run(&workflow.jobs["gate"].steps);
    assert!(matches!(code, 1 | 3), "{code}: {}", gate.log);
    assert!(gate.log.contains("not evidence about staging"), "{}", gate.log);
    assert!(!gate.log.contains("MATCH_ID") && !gate.log.contains("signature is missing"), "{}", gate.log);
}

#[test]
fn the_gitlab_jobs_run() {
    let world = World::new();
    let file = text("deploy/gitlab/smoke.gitlab-ci.yml");
    let jobs: BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(&file).unwrap();
    let script = |name: &str| -> String {
        let job: Job = serde_json::from_value(jobs[name].clone()).unwrap();
        job.script.join("\n")
    };
    let ran = world.bash(&script("staging-webhooks"), &world.variables());
    assert!(ran.status.success(), "{}", told(&ran));
    assert!(world.path("work/artifacts/staging_payments_junit.xml").exists(), "GitLab's report is there");
    let gate = world.bash(&script("approval-gate"), &world.variables());
    assert!(told(&gate).contains("not evidence about staging") && !gate.status.success(), "{}", told(&gate));
}

#[test]
fn the_jenkins_stages_run() {
    let world = World::new();
    let file = text("deploy/jenkins/Jenkinsfile");
    let scripts: Vec<&str> = file.split("'''").skip(1).step_by(2).collect();
    assert_eq!(scripts.len(), 2, "drive and gate");
    assert_eq!(file.matches('{').count(), file.matches('}').count());
    let ran = world.bash(scripts[0], &world.variables());
    assert!(ran.status.success(), "{}", told(&ran));
    assert!(world.path("work/artifacts/staging_payments_junit.xml").exists(), "Jenkins' report is there");
    let gate = world.bash(scripts[1], &world.variables());
    assert!(told(&gate).contains("not evidence about staging") && !gate.status.success(), "{}", told(&gate));
}

/// No secret on a command line: not of smoke, and not of a tool that is told one.
#[test]
fn no_example_hands_a_secret_over_on_a_command_line() {
    let files = [
        "deploy/github/action.yml",
        "deploy/github/staging-webhooks.yml",
        "deploy/gitlab/smoke.gitlab-ci.yml",
        "deploy/jenkins/Jenkinsfile",
        "deploy/docker/compose.yaml",
        ".github/workflows/release.yml",
    ];
    for file in files {
        for line in text(file).lines().filter(|line| !line.trim_start().starts_with(['#', '/'])) {
            let run = line.contains("smoke ") || line.contains("run:");
            assert!(!(run && line.contains("secrets.")), "{file}: a secret on a command line: {line}");
            assert!(!line.contains("--secret ") && !line.contains("--password "), "{file}: {line}");
        }
    }
}

#[test]
fn actionlint_accepts_the_workflows() {
    let files = [
        "deploy/github/staging-webhooks.yml",
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        ".github/workflows/reproducible.yml",
    ];
    match Command::new("actionlint").args(files).current_dir(root()).output() {
        Ok(linted) => assert!(linted.status.success(), "{}", told(&linted)),
        Err(error) => eprintln!("skipped: actionlint is not installed here ({error})"),
    }
}
