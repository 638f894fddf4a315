//! Runs the built binary in a directory of its own.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A command line under test; its artifacts go to a directory that goes away with it.
pub struct Smoke {
    command: Command,
    dir: TempDir,
}

/// What a command did.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    dir: TempDir,
}

impl Smoke {
    /// `smoke SUBCOMMAND` with no variables of the guide set, in an empty directory.
    pub fn new(subcommand: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
        command.arg(subcommand).current_dir(dir.path()).stdin(Stdio::null());
        for name in [
            "STAGING_URL",
            "WEBHOOK_SECRET",
            "WEBHOOK_ENDPOINT",
            "WEBHOOK_TIMEOUT",
            "WEBHOOK_MAX_RETRIES",
            "NO_COLOR",
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_TRACES_EXPORTER",
            "OTEL_METRICS_EXPORTER",
        ] {
            command.env_remove(name);
        }
        Self { command, dir }
    }

    pub fn arg(mut self, arg: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Puts a file into the directory.
    pub fn file(self, name: &str, content: &str) -> Self {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("written");
        self
    }

    /// A load that is judged by what its target does, on a machine that keeps the generator waiting.
    pub fn on_a_busy_machine(self) -> Self {
        self.file("patient.yaml", "load: { lag_p99_below_ms: 60000 }\n").args(&["--gates", "patient.yaml"])
    }

    pub fn run(mut self) -> Ran {
        let output = self.command.output().expect("smoke runs");
        Ran::new(&output, self.dir)
    }

    /// Starts it with pipes; the caller waits for it.
    pub fn spawn(mut self) -> (Child, TempDir) {
        let child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("smoke starts");
        (child, self.dir)
    }
}

/// A text on one line, however wide the screen was that it was written for.
pub fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Ran {
    pub fn new(output: &Output, dir: TempDir) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr), dir }
    }

    /// Holds the exit code against `code`, and shows the output when it is another.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Holds stderr against a part of it.
    pub fn says(self, part: &str) -> Self {
        assert!(self.stderr.contains(part), "stderr has no `{part}`:\n{}", self.stderr);
        self
    }

    /// What was printed, on one line: however wide the screen is.
    pub fn shown(&self) -> String {
        unwrapped(&self.stdout)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("artifacts").join(name)
    }

    /// The artifact of a scenario.
    pub fn artifact(&self, scenario: &str) -> Value {
        let path = self.file(&format!("staging_{scenario}_output.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).expect("JSON")
    }

    /// The verdict of one gate in the artifact of a scenario.
    pub fn gate(&self, scenario: &str, id: &str) -> String {
        let artifact = self.artifact(scenario);
        let checks = artifact["acceptance_gates"]["checks"].as_array().expect("checks");
        let check = checks.iter().find(|c| c["id"] == id).unwrap_or_else(|| panic!("no gate {id}"));
        check["verdict"].as_str().expect("a verdict").to_owned()
    }
}

/// The time as DeltaCrown's log has it.
pub fn log_time() -> String {
    let dhaka = chrono::FixedOffset::east_opt(6 * 3600).expect("an offset");
    chrono::Utc::now().with_timezone(&dhaka).format("%Y-%m-%d %H:%M:%S,%3f").to_string()
}
