//! `smoke init`: a scenario to begin with, which `smoke check` takes.

mod api;
mod openapi;

use super::{Exit, Failure, out, sender_option};
use api::Api;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

/// The command line of `smoke init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the scenario: NAME.yaml and NAME.csv are written
    name: String,
    /// Who sends the webhooks: a built-in profile (`smoke senders` lists them), or the file of one
    #[arg(hide_possible_values = true, value_parser = super::listed::senders(), long, value_name = "NAME|FILE", default_value = "standard-webhooks")]
    sender: String,
    /// An OpenAPI document (JSON or YAML): its first POST becomes the step, its first webhook the event
    ///
    /// What its path and its JSON body must have become columns of the data file.
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,
    /// Directory to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
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
        Some(file) => openapi::read(file)?,
        None => Api::default(),
    };
    let name = &args.name;
    let sender_line = quoted(&sender_from(&args.sender, &args.dir));
    let text = scenario_text(name, &sender_line, &api, !sender.event.is_nowhere());
    let csv = api.rows();
    let (scenario, data) = (args.dir.join(format!("{name}.yaml")), args.dir.join(format!("{name}.csv")));
    if let Some(there) = [&scenario, &data].into_iter().find(|file| file.exists()) {
        return Err(Failure::usage(format!("{} already exists and was not overwritten", there.display())));
    }
    // The scenario is only right beside its data.
    write(&data, &csv)?;
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

/// The scenario, with what is known of the API.
fn scenario_text(name: &str, sender: &str, api: &Api, names_events: bool) -> String {
    let tie = api.tie();
    format!(
        "# What one flow does against the API, and which webhook it must cause. docs: scenarios/README.md, docs/senders.md\n\
         name: {name}\n\
         description: Sends one row of {name}.csv and waits for its webhook.\n\
         \n\
         subject: {{ kind: flow, id: \"{{{{ {column} }}}}\" }}\n\
         sender: {sender}\n\
         flows: 1\n\
         \n\
         # One row per flow; add a column for everything else your API takes.\n\
         data:\n  columns: [{columns}]\n  file: {name}.csv\n\
         \n\
         # What ties a webhook to its flow: a value that is both in its body and in the row.\n\
         webhooks:\n  ours: {tie}\n\
         \n\
         {remark}steps:\n  - name: create\n    request:\n      method: POST\n      path: {path}\n{body}\
         \x20   expect: {{ status: {status} }}\n    webhooks:\n      - {event}match: {tie}\n        within: 30s\n",
        column = api.subject(),
        columns = api.columns().join(", "),
        path = quoted(&api.path_for(name)),
        body = api.body(),
        status = api.status.unwrap_or(201),
        event = if names_events { api.event_line(name) } else { String::new() },
        remark = api.remark(names_events),
    )
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
