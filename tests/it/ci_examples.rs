//! What users are given for their CI: the shell parts of each example are run as the runner would run them, against the stand-in, and
//! against an API that is none, where the gate has to pass.

use super::ci_runner::{Runner, SECRET, Workflow, World, root, text, told, uses, yaml};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::Command;

/// The one thing that a gate of these tests is told besides: that staging is on this machine.
const ON_THIS_MACHINE: &str = " --allow target=loopback";

/// The job of a GitLab pipeline.
#[derive(Deserialize)]
struct Job {
    script: Vec<String>,
}

#[test]
fn the_action_gives_verdict_and_evidence_and_fails_when_it_is_told_to() {
    let world = World::new();
    let verdict = |with: &[(&str, &str)]| {
        let mut runner = Runner::new(&world, Vec::new());
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

/// The outputs of a step that uses the action.
fn outputs(world: &World, with: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut runner = Runner::new(world, Vec::new());
    runner.run(&[uses(&[&[("binary", env!("CARGO_BIN_EXE_smoke"))], with].concat())]);
    let of_step = |name: &str| name.strip_prefix("steps.smoke.outputs.").map(str::to_owned);
    runner.values.iter().filter_map(|(name, value)| Some((of_step(name)?, value.clone()))).collect()
}

#[test]
fn the_action_takes_every_line_of_its_options() {
    let world = World::new();
    let lines = "--within 1s\n\n  --misbehave drop-webhook\n--quiet";
    let said = outputs(&world, &[("scenario", "payments"), ("flows", "3"), ("options", lines)]);
    assert_eq!(said["verdict"], "fail", "the second line counts");
    assert_eq!(outputs(&world, &[("scenario", "payments"), ("options", "--none")])["exit-code"], "2");
}

/// Files are called as the scenario is: not as its file, and not as those of an earlier run in the folder.
#[test]
fn the_action_names_the_files_of_its_run() {
    let world = World::new();
    let copied = std::fs::copy(root().join("scenarios/matches.yaml"), world.path("work/my-matches.yaml"));
    copied.unwrap();
    outputs(&world, &[("scenario", "payments"), ("flows", "1")]);
    let said = outputs(&world, &[("scenario", "my-matches.yaml"), ("flows", "1")]);
    for (name, file) in [("artifact", "output.json"), ("journal", "journal.jsonl"), ("report", "report.html")]
    {
        assert_eq!(said[name], format!("artifacts/staging_matches_{file}"));
        assert!(world.path("work").join(&said[name]).exists(), "{}", said[name]);
    }
    let none = outputs(&world, &[("scenario", "none.yaml")]);
    assert_eq!((none["verdict"].as_str(), none["artifact"].as_str()), ("error", ""));
}

#[test]
fn the_workflow_runs_from_drive_to_gate() {
    let world = World::new();
    let workflow: Workflow = yaml("deploy/github/staging-webhooks.yml");
    let mut runner = Runner::new(&world, world.github());
    let code = runner.job(&workflow.jobs["smoke"]);
    assert_eq!(code, 0, "{}", runner.log);
    assert_eq!(runner.values["steps.smoke.outputs.verdict"], "pass", "{}", runner.log);
    assert!(!runner.log.contains(SECRET) && !runner.log.contains(&world.staff("STAFF_PASSWORD")));
    assert!(
        !world.path("temp/signing.key").exists() && !world.path("temp/data.csv").exists(),
        "key and data are gone"
    );
    // The evidence is whole, signed and newer than the commit. It is about the stand-in, so the gate does not let it pass.
    let mut gate = Runner::new(&world, world.github());
    let code = gate.job(&workflow.jobs["gate"]);
    assert!(matches!(code, 1 | 3), "{code}: {}", gate.log);
    assert!(gate.log.contains("not evidence about staging"), "{}", gate.log);
    assert!(!gate.log.contains("MATCH_ID") && !gate.log.contains("signature is missing"), "{}", gate.log);
}

/// Runs a workflow's job, and the gate of it, which lets the evidence pass.
fn passes_on_github(world: &World, mut workflow: Workflow) {
    let mut runner = Runner::new(world, world.github());
    let code = runner.job(&workflow.jobs["smoke"]);
    assert_eq!(code, 0, "{}", runner.log);
    let gate = workflow.jobs.get_mut("gate").unwrap();
    // What the attestation says is GitHub's business.
    gate.steps.retain(|step| !step.run.contains("gh attestation"));
    gate.steps.last_mut().unwrap().run.push_str(ON_THIS_MACHINE);
    let mut runner = Runner::new(world, world.github());
    let code = runner.job(gate);
    assert_eq!(code, 0, "{}", runner.log);
}

#[test]
fn the_gates_of_the_workflows_pass_what_is_no_stand_in() {
    let Some(world) = World::of_orders() else { return };
    passes_on_github(&world, yaml("deploy/github/staging-webhooks.yml"));
    std::fs::remove_dir_all(world.path("work/artifacts")).unwrap();
    let keyless = text("deploy/github/keyless.yml").replace("smoke payments", "smoke run orders");
    passes_on_github(&world, serde_saphyr::from_str(&keyless.replace("payments", "orders")).unwrap());
}

#[test]
fn the_keyless_workflow_drives_payments_blind() {
    let world = World::new();
    let workflow: Workflow = yaml("deploy/github/keyless.yml");
    let mut runner = Runner::new(&world, world.github());
    let code = runner.job(&workflow.jobs["smoke"]);
    assert_eq!(code, 0, "{}", runner.log);
    assert!(world.path("work/artifacts/staging_payments_journal.jsonl").exists(), "{}", runner.log);
    let predicate: serde_json::Value = serde_json::from_str(&world.text_of("temp/predicate.json")).unwrap();
    assert!(predicate["result"].is_string(), "{predicate}");
    assert!(!world.path("temp/run.key").exists() && !world.path("temp/data.csv").exists());
}

/// The two scripts of GitLab's pipeline: drive and gate.
fn gitlab() -> [String; 2] {
    let file = text("deploy/gitlab/smoke.gitlab-ci.yml");
    let jobs: BTreeMap<String, serde_json::Value> = serde_saphyr::from_str(&file).unwrap();
    ["staging-webhooks", "approval-gate"].map(|name| {
        let job: Job = serde_json::from_value(jobs[name].clone()).unwrap();
        job.script.join("\n")
    })
}

/// The two scripts of Jenkins' pipeline: drive and gate.
fn jenkins() -> [String; 2] {
    let file = text("deploy/jenkins/Jenkinsfile");
    assert_eq!(file.matches('{').count(), file.matches('}').count());
    let scripts: Vec<String> = file.split("'''").skip(1).step_by(2).map(str::to_owned).collect();
    scripts.try_into().expect("drive and gate")
}

/// Runs both against the stand-in, about which the gate passes nothing, and against the orders API, where it does.
fn runs_and_passes([drive, gate]: [String; 2]) {
    let world = World::new();
    let ran = world.bash(&drive, &world.variables());
    assert!(ran.status.success(), "{}", told(&ran));
    assert!(world.path("work/artifacts/staging_payments_junit.xml").exists(), "the report is there");
    let refused = world.bash(&gate, &world.variables());
    let said = told(&refused);
    assert!(said.contains("not evidence about staging") && !refused.status.success(), "{said}");

    let Some(world) = World::of_orders() else { return };
    let ran = world.bash(&drive, &world.variables());
    assert!(ran.status.success(), "{}", told(&ran));
    let gate = format!("{}{ON_THIS_MACHINE}", gate.trim_end());
    let passed = world.bash(&gate, &world.variables());
    assert!(passed.status.success(), "{}", told(&passed));
}

#[test]
fn the_gitlab_jobs_run() {
    runs_and_passes(gitlab());
}

#[test]
fn the_jenkins_stages_run() {
    runs_and_passes(jenkins());
}

/// No secret on a command line: not of smoke, and not of a tool that is told one.
#[test]
fn no_example_hands_a_secret_over_on_a_command_line() {
    let files = [
        "deploy/github/action.yml",
        "deploy/github/staging-webhooks.yml",
        "deploy/github/keyless.yml",
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
        "deploy/github/keyless.yml",
        ".github/workflows/ci.yml",
        ".github/workflows/release.yml",
        ".github/workflows/reproducible.yml",
    ];
    match Command::new("actionlint").args(files).current_dir(root()).output() {
        Ok(linted) => assert!(linted.status.success(), "{}", told(&linted)),
        Err(error) => eprintln!("skipped: actionlint is not installed here ({error})"),
    }
}
