//! What packages are made of: the version and its build, manual pages, completions.

use super::harness::Smoke;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Whether this is a commit of the working copy; true where there is none to ask. What is built may be older than what is checked out by
/// now.
fn is_commit(id: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let asked =
        Command::new("git").args(["cat-file", "-e", &format!("{id}^{{commit}}")]).current_dir(root).output();
    !root.join(".git").exists() || asked.is_ok_and(|asked| asked.status.success())
}

#[test]
fn the_version_is_one_line_and_verbose_names_the_build() {
    let short = Smoke::new("--version").run().exits(0);
    assert_eq!(short.stdout, format!("smoke {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(Smoke::new("-V").run().exits(0).stdout, short.stdout);
    let long = Smoke::new("--version").arg("--verbose").run().exits(0).stdout;
    assert_eq!(Smoke::new("--verbose").arg("--version").run().exits(0).stdout, long);
    for name in ["commit: ", "profile: ", "features: ", "target: ", "journal format: 2"] {
        assert!(long.lines().any(|line| line.starts_with(name)), "no `{name}` in\n{long}");
    }
    let commit = long.lines().find_map(|line| line.strip_prefix("commit: ")).expect("a commit");
    assert!(is_commit(commit.split(' ').next().unwrap()), "{commit}");
    Smoke::new("--verbose").run().exits(2).says("--version");
}

#[test]
fn a_journal_and_its_artifact_name_the_build() {
    let ran = Smoke::new("payments").args(&["--flows", "1", "--quiet"]).run().exits(0);
    let journal = std::fs::read_to_string(ran.file("staging_payments_journal.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let build = first.pointer("/record/header/build").expect("the build");
    let version = Smoke::new("--version").arg("--verbose").run().exits(0).stdout;
    assert!(version.contains(&format!("profile: {}\n", build["profile"].as_str().unwrap())), "{version}");
    assert_eq!(ran.artifact("payments").pointer("/provenance/build"), Some(build));
    assert!(is_commit(build["commit"].as_str().unwrap_or("HEAD")), "{build}");
}

#[test]
fn each_command_has_a_manual_page_and_completions() {
    let ran = Smoke::new("man").arg("pages").run().exits(0);
    let page = |name: &str| std::fs::read_to_string(ran.dir().join("pages").join(name)).unwrap();
    for (name, part) in [
        ("smoke.1", "release gate for webhooks"),
        ("smoke-payments.1", "staging"),
        // What `--help` leaves out, with its words, and examples.
        ("smoke-payments.1", "Do not pause or hold back answers"),
        ("smoke-gate.1", "smoke gate artifacts"),
        ("smoke-receive.1", "journal"),
        ("smoke-load-webhooks.1", "retry"),
    ] {
        assert!(page(name).starts_with(".ie") && page(name).contains(part), "{name}");
    }
    Smoke::new("man").arg("/proc/none").run().exits(4).says("cannot write /proc/none");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Smoke::new("completions").arg(shell).run().exits(0).stdout;
        assert!(script.contains("payments") && script.contains("receive"), "{shell}");
    }
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn a_receiver_that_is_deployed_is_given_flags_that_there_are() {
    let help = Smoke::new("help").arg("receive").run().exits(0).stdout;
    for name in [
        "deploy/systemd/smoke-receive.service",
        "deploy/systemd/receive.env",
        "deploy/docker/compose.yaml",
        "deploy/kubernetes/receive.yaml",
    ] {
        let text = file(name);
        let of_smoke = |line: &&str| !line.contains("--config.file") && !line.contains("--storage.");
        let commands = text.lines().filter(|line| !line.trim_start().starts_with('#')).filter(of_smoke);
        let flags: Vec<&str> = commands
            .flat_map(|line| line.split([' ', '=', '"', '\'']))
            .filter(|word| word.starts_with("--") && *word != "---" && word.len() > 2)
            .collect();
        assert!(!flags.is_empty(), "{name} has flags");
        for flag in flags {
            assert!(
                help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")),
                "{name}: {flag}"
            );
        }
        assert!(!text.contains("WEBHOOK_SECRET="), "{name}: a secret comes as a file");
    }
}

const UNIT: &str = "deploy/systemd/smoke-receive.service";
/// Where the secret of the service is.
const SERVICE_SECRET: &str = "/etc/smoke/webhook-secret";

/// What the unit sets, lines that go on put together.
fn unit(key: &str) -> Vec<String> {
    let text = file(UNIT).replace("\\\n", " ");
    let set = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    set.map(str::to_owned).collect()
}

/// What the .deb installs: source, and place on the machine.
fn installed() -> Vec<(String, String)> {
    let manifest = file("Cargo.toml");
    let (_, assets) = manifest.split_once("\nassets = [\n").unwrap();
    let (assets, _) = assets.split_once("\n]").unwrap();
    let place = |line: &str| {
        let mut quoted = line.split('"').skip(1).step_by(2).map(str::to_owned);
        let (source, to) = (quoted.next().unwrap(), quoted.next().unwrap());
        let name = if to.ends_with('/') { source.rsplit('/').next().unwrap() } else { "" };
        let place = format!("/{to}{name}");
        (source, place)
    };
    assets.lines().map(place).collect()
}

/// The command line of the service, with the settings that the .deb installs and these places in place of the machine's.
fn service_command(credentials: &str, state: &str) -> Vec<String> {
    let settings = file("deploy/systemd/receive.env");
    let set = |name: &str| {
        let line = settings.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("receive.env sets no {name}")).to_owned()
    };
    let command = unit("ExecStart")[0]
        .replace("${CREDENTIALS_DIRECTORY}", credentials)
        .replace("${SMOKE_RECEIVE_LISTEN}", &set("SMOKE_RECEIVE_LISTEN"))
        .replace("$SMOKE_RECEIVE_OPTIONS", &set("SMOKE_RECEIVE_OPTIONS"))
        .replace("/var/lib/smoke", state);
    assert!(!command.contains('$'), "all of it is set: {command}");
    command.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_service_is_made_of_what_the_package_installs() {
    let places: Vec<String> = installed().into_iter().map(|(_, place)| place).collect();
    let program = service_command("", "").remove(0);
    for needed in [&program].into_iter().chain(&unit("EnvironmentFile")) {
        assert!(places.contains(needed), "{needed} is not among {places:?}");
    }
    assert_eq!(unit("LoadCredential"), [format!("webhook-secret:{SERVICE_SECRET}")]);
    assert_eq!(unit("AssertPathExists"), [SERVICE_SECRET]);
    for named in ["docs/install.md", "deploy/systemd/receive.env", "deploy/deb/postrm"] {
        assert!(file(named).contains(SERVICE_SECRET), "{named} has another secret than the unit");
    }
    let user = format!("u {} ", unit("User")[0]);
    assert!(file("deploy/systemd/smoke.sysusers").lines().any(|line| line.starts_with(&user)), "{user}");
}

#[test]
fn the_service_receives_with_the_settings_that_are_installed() {
    let command = service_command(".", "state");
    let arguments: Vec<String> =
        command.into_iter().skip(2).map(|word| word.replace(":8787", ":0").replace(":8788", ":0")).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let secret = Smoke::new("secret").run().exits(0).stdout;
    let (mut child, _dir) = Smoke::new("receive").args(&arguments).file("webhook-secret", &secret).spawn();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("receiving on http://127.0.0.1:"), "{line}");
}

#[test]
fn systemd_takes_the_unit() {
    let root = tempfile::tempdir().unwrap();
    let put = |place: &str, text: &str| {
        let path = root.path().join(place.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (source, place) in installed().iter().filter(|(source, _)| !source.contains('*')) {
        let built = source.starts_with("target/");
        put(place, &if built { "#!/bin/sh\n".to_owned() } else { file(source) });
    }
    put("/bin/kill", "#!/bin/sh\n");
    for target in ["sysinit", "basic", "shutdown", "network-online", "time-sync", "multi-user"] {
        put(&format!("/usr/lib/systemd/system/{target}.target"), "[Unit]\nDescription=x\n");
    }
    let root = format!("--root={}", root.path().display());
    let verified =
        Command::new("systemd-analyze").args([&root, "--man=no", "verify", "smoke-receive.service"]).output();
    match verified {
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            assert!(verified.status.success() && !said.contains("smoke-receive"), "{said}");
        }
        Err(error) => eprintln!("skipped: systemd-analyze is not installed here ({error})"),
    }
}

#[test]
fn every_script_of_deploy_is_a_script() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let (mut folders, mut seen) = (vec![root], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            if let Some(line) =
                text.lines().next().filter(|line| line.starts_with("#!") && line.ends_with("sh"))
            {
                let shell = if line.ends_with("bash") { "bash" } else { "sh" };
                let checked = Command::new(shell).arg("-n").arg(&path).output().unwrap();
                assert!(
                    checked.status.success(),
                    "{}: {}",
                    path.display(),
                    String::from_utf8_lossy(&checked.stderr)
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen} scripts");
}
