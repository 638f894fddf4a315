//! `smoke init`: a scenario to begin with, which `smoke check` takes.

use super::{Exit, Failure, out, sender_option};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

/// Largest OpenAPI document that is read, in bytes.
const MAX_OPENAPI: u64 = 8 * 1024 * 1024;

/// The command line of `smoke init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the scenario: NAME.yaml and NAME.csv are written
    name: String,
    /// Who sends the webhooks: a built-in profile (`smoke senders` lists them), or the file of one
    #[arg(hide_possible_values = true, value_parser = super::listed::senders(), long, value_name = "NAME|FILE", default_value = "standard-webhooks")]
    sender: String,
    /// An OpenAPI document (JSON or YAML): its first POST with a JSON answer becomes the step, its first webhook the event
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,
    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// What is known of an API.
#[derive(Default)]
struct Api {
    path: Option<String>,
    status: Option<u16>,
    event: Option<String>,
}

impl Api {
    /// The path of the step; of a scenario `tickets` it is `/tickets` until somebody writes another.
    fn path_for(&self, name: &str) -> String {
        self.path.clone().unwrap_or_else(|| format!("/{name}"))
    }

    /// The line of the event that the step waits for: `ticket.created`.
    fn event_line(&self, name: &str) -> String {
        let one = name.strip_suffix('s').filter(|one| !one.is_empty() && !one.ends_with('s'));
        let event = self.event.clone().unwrap_or_else(|| format!("{}.created", one.unwrap_or(name)));
        // In double quotes, JSON is YAML: what a document calls its events may be anything.
        format!("event: {}\n        ", quoted(&event))
    }

    /// The remark about what is made up.
    fn remark(&self, names_events: bool) -> String {
        let made_up = match (self.path.is_none(), names_events && self.event.is_none()) {
            (true, true) => "The path and the event are",
            (true, false) => "The path is",
            (false, true) => "The event is",
            (false, false) => return String::new(),
        };
        format!("# {made_up} made up from the name: replace what your API and its sender call otherwise.\n")
    }
}

/// Writes the two files; an existing one is never overwritten.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if args.name.is_empty() || args.name.len() > 64 || !args.name.chars().all(is_name) {
        return Err(Failure::usage(
            "NAME: 1 to 64 letters, digits, `_` and `-`; it becomes part of file names",
        ));
    }
    let sender = sender_option::named(&args.sender)?;
    let api = match &args.openapi {
        Some(file) => from_openapi(file)?,
        None => Api::default(),
    };
    let name = &args.name;
    let names_events = !sender.event.is_nowhere();
    let text = format!(
        "# What one flow does against the API, and which webhook it must cause. docs: scenarios/README.md, docs/senders.md\n\
         name: {name}\n\
         description: Sends one row of {name}.csv and waits for its webhook.\n\
         \n\
         subject: {{ kind: flow, id: \"{{{{ reference }}}}\" }}\n\
         sender: {sender}\n\
         flows: 1\n\
         \n\
         # One row per flow; add a column for everything else your API takes.\n\
         data:\n  columns: [reference]\n  file: {name}.csv\n\
         \n\
         # What ties a webhook to its flow: a value that is both in its body and in the row.\n\
         webhooks:\n  ours: {{ /data/reference: \"{{{{ reference }}}}\" }}\n\
         \n\
         {remark}steps:\n  - name: create\n    request:\n      method: POST\n      path: {path}\n      json: {{ reference: \"{{{{ reference }}}}\" }}\n\
         \x20   expect: {{ status: {status} }}\n    webhooks:\n      - {event}match: {{ /data/reference: \"{{{{ reference }}}}\" }}\n        within: 30s\n",
        sender = quoted(&sender_from(&args.sender, &args.dir)),
        path = quoted(&api.path_for(name)),
        status = api.status.unwrap_or(201),
        event = if names_events { api.event_line(name) } else { String::new() },
        remark = api.remark(names_events),
    );
    let csv = "reference\nfirst-1\nfirst-2\n";
    let (scenario, data) = (args.dir.join(format!("{name}.yaml")), args.dir.join(format!("{name}.csv")));
    if let Some(there) = [&scenario, &data].into_iter().find(|file| file.exists()) {
        return Err(Failure::usage(format!("{} already exists and was not overwritten", there.display())));
    }
    // The scenario is only right beside its data.
    write(&data, csv)?;
    if let Err(error) = scenario::load_bytes(text.as_bytes(), &format!("{name}.yaml"), &args.dir) {
        let _ = std::fs::remove_file(&data);
        return Err(Failure::Usage(error.into()));
    }
    write(&scenario, &text)?;
    out::line(format!("{} and {}: edit them, then", scenario.display(), data.display()));
    out::line(format!("  smoke check {} --staging URL", scenario.display()));
    for line in &sender.setup {
        out::chat(format!("at the sender: {}", line.replace("{endpoint}", "URL of the receiver")));
    }
    Ok(Exit::Pass)
}

/// The sender as a scenario in `dir` names it: the path of its file from there.
fn sender_from(typed: &str, dir: &Path) -> String {
    let Some(file) = scenario::sender_path(typed, Path::new(".")) else { return typed.to_owned() };
    let is_down = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if file.is_absolute() || !dir.components().all(is_down) {
        let absolute = std::path::absolute(&file).unwrap_or(file);
        return absolute.to_string_lossy().into_owned();
    }
    let deep = dir.components().filter(|part| matches!(part, Component::Normal(_))).count();
    let up = if deep == 0 { "./".to_owned() } else { "../".repeat(deep) };
    let file = file.strip_prefix(".").unwrap_or(&file);
    format!("{up}{}", file.display())
}

/// A text as YAML: bare where it is a plain word or path.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let is_word = (begins || text.starts_with("./") || text.starts_with("../")) && text.chars().all(plain);
    let is_value = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if is_word && !is_value { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::environment(format!("cannot write {}: {e}", file.display()));
    let mut new = OpenOptions::new().write(true).create_new(true).open(file).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)
}

/// The first POST of the document without a parameter in its path, and its first webhook.
fn from_openapi(file: &Path) -> Result<Api, Failure> {
    let shown = file.display();
    let wrong = |what: String| Failure::usage(format!("--openapi {shown}: {what}"));
    let bytes = record::read_input(file, MAX_OPENAPI).map_err(|e| wrong(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".to_owned()))?;
    let json: serde_json::Value = serde_saphyr::from_str(&text).map_err(|e| {
        let first = e.to_string();
        wrong(format!("neither JSON nor YAML: {}", first.lines().next().unwrap_or_default()))
    })?;
    let map = |key: &str| json.get(key).and_then(serde_json::Value::as_object);
    let event = map("webhooks").and_then(|all| all.keys().next().cloned());
    // OpenAPI 3.1 has documents of webhooks alone; the step is to be written by hand then.
    if map("paths").is_none_or(serde_json::Map::is_empty) && event.is_some() {
        return Ok(Api { event, ..Api::default() });
    }
    let paths = map("paths").ok_or_else(|| {
        wrong("it has neither `paths` nor `webhooks`, so it is not an OpenAPI document".to_owned())
    })?;
    let posts = paths.iter().filter_map(|(path, item)| Some((path, item.get("post")?)));
    let post = posts.filter(|(path, _)| path.starts_with('/')).min_by_key(|(path, _)| path.contains('{'));
    let (path, post) = post.ok_or_else(|| wrong("none of its paths has a POST".to_owned()))?;
    let answers = post.get("responses").and_then(serde_json::Value::as_object);
    let status =
        answers.and_then(|all| all.keys().find_map(|s| s.parse::<u16>().ok().filter(|s| s / 100 == 2)));
    // A path with parameters has to be filled in by hand; until then it is one that a scenario can have.
    let path = path.replace(['{', '}'], "");
    Ok(Api { path: Some(path), status: Some(status.unwrap_or(200)), event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_named_as_from_beside_the_scenario() {
        for (typed, dir, named) in [
            ("stripe", "sub", "stripe"),
            ("./mine.yaml", ".", "./mine.yaml"),
            ("mine.yaml", "sub", "../mine.yaml"),
            ("./own/mine.yaml", "./a/b", "../../own/mine.yaml"),
            ("/etc/mine.yaml", "sub", "/etc/mine.yaml"),
        ] {
            assert_eq!(sender_from(typed, Path::new(dir)), named, "{typed} from {dir}");
        }
        let outside = sender_from("mine.yaml", Path::new("../sub"));
        assert!(Path::new(&outside).is_absolute() && outside.ends_with("/mine.yaml"), "{outside}");
    }
}
