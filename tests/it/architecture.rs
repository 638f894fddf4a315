//! What the compiler does not hold about the architecture (docs/design.md): which rooms of `src/` may name which others, that only
//! the command line prints, parses arguments and knows the evidence wing, and that the pure crates have no runtime and no sockets.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemUse, Macro, UseTree};

/// A path in the code, such as `crate::drive::Client`.
type CodePath = Vec<String>;

/// Collects every path that a file names outside its tests: in `use` items, types, expressions, attributes and macros.
#[derive(Default)]
struct Paths {
    all: Vec<CodePath>,
    macros: BTreeSet<String>,
}

impl Paths {
    fn of(code: &str) -> Self {
        let mut paths = Self::default();
        paths.visit_file(&syn::parse_file(code).expect("Rust"));
        paths
    }

    fn take_use(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<CodePath>();
        match tree {
            UseTree::Path(path) => self.take_use(&path.tree, &with(path.ident.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_use(tree, before)),
            UseTree::Name(name) => self.all.push(with(name.ident.to_string())),
            UseTree::Rename(rename) => self.all.push(with(rename.ident.to_string())),
            UseTree::Glob(_) => self.all.push(with("*".to_owned())),
        }
    }

    /// Paths in tokens that the parser does not look into.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (CodePath::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 && !path.is_empty() {
                        self.all.push(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(punct) => {
                    if punct.as_char() == '!' && path.len() == 1 {
                        self.macros.insert(path[0].clone());
                    }
                    self.all.push(std::mem::take(&mut path));
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.all.push(std::mem::take(&mut path));
                    self.take_tokens(group.stream());
                    colons = 0;
                }
                TokenTree::Literal(_) => {}
            }
        }
        self.all.push(path);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.to_token_stream().to_string().contains("test"))
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_test(&item.attrs) {
            self.take_use(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.all.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        let name = called.path.segments.last().map(|segment| segment.ident.to_string());
        self.macros.extend(name);
        self.take_tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.take_tokens(attribute.meta.to_token_stream());
    }
}

/// The room that a file of `src/` belongs to, how deep in it the file's module is, and what the file names.
struct Source {
    file: PathBuf,
    room: String,
    depth: usize,
    paths: Paths,
}

impl Source {
    /// The rooms that it names, its own aside.
    fn rooms(&self, rooms: &BTreeSet<String>) -> BTreeSet<String> {
        let named = self.paths.all.iter().filter_map(|path| {
            let supers = path.iter().take_while(|segment| *segment == "super").count();
            match path.first()?.as_str() {
                "crate" => path.get(1).cloned(),
                "super" if supers >= self.depth => path.get(supers).cloned(),
                _ => None,
            }
        });
        named.filter(|room| *room != self.room && rooms.contains(room)).collect()
    }

    fn names_crate(&self, name: &str) -> bool {
        self.paths.all.iter().any(|path| path.first().is_some_and(|first| first == name))
    }
}

fn sources() -> Vec<Source> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    let read = |file: PathBuf| {
        let inside = file.strip_prefix(&src).expect("below src").with_extension("");
        let modules: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let depth = modules.len() - usize::from(modules.last().is_some_and(|last| last == "mod"));
        let paths = Paths::of(&std::fs::read_to_string(&file).expect("text"));
        Source { file, room: modules[0].clone(), depth, paths }
    };
    let is_code = |file: &PathBuf| {
        let stem = file.file_stem().expect("a name").to_string_lossy();
        stem != "tests" && !stem.ends_with("_tests")
    };
    let mut sources: Vec<Source> = files.into_iter().filter(is_code).map(read).collect();
    sources.sort_by(|a, b| a.file.cmp(&b.file));
    assert!(sources.len() > 50, "the sources are there");
    sources
}

/// What each room names.
fn rooms(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let all: BTreeSet<String> = sources.iter().map(|source| source.room.clone()).collect();
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources {
        named.entry(source.room.clone()).or_default().extend(source.rooms(&all));
    }
    named
}

/// A way from a room back to itself.
fn cycle(rooms: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn walk(way: &mut Vec<String>, rooms: &BTreeMap<String, BTreeSet<String>>) -> bool {
        let here = way.last().cloned().unwrap_or_default();
        for next in rooms.get(&here).into_iter().flatten() {
            let back = way.contains(next);
            way.push(next.clone());
            if back || walk(way, rooms) {
                return true;
            }
            way.pop();
        }
        false
    }
    rooms.keys().find_map(|room| {
        let mut way = vec![room.clone()];
        walk(&mut way, rooms).then_some(way)
    })
}

#[test]
fn no_two_rooms_name_each_other_and_none_names_the_ones_above_it() {
    let named = rooms(&sources());
    assert_eq!(cycle(&named), None);
    const LOWER: [&str; 10] = [
        "drive",
        "inbox",
        "fault",
        "load",
        "probe",
        "receive",
        "journal",
        "record_source",
        "redact",
        "telemetry",
    ];
    for lower in LOWER {
        for upper in ["executor", "observe", "cli"] {
            assert!(!named[lower].contains(upper), "src/{lower} names {upper}");
        }
    }
    assert!(!named["executor"].contains("observe") && !named["observe"].contains("executor"), "{named:?}");
    assert!(
        named["cli"].contains("executor") && named["executor"].contains("drive"),
        "what is named is seen"
    );
}

#[test]
fn only_the_command_line_prints_exits_parses_arguments_and_knows_the_evidence() {
    const PRINTS: [&str; 5] = ["println", "print", "eprintln", "eprint", "dbg"];
    let outside = |source: &&Source| !["cli", "main", "lib"].contains(&source.room.as_str());
    let sources = sources();
    for source in sources.iter().filter(outside) {
        let file = source.file.display();
        assert!(!source.names_crate("evidence"), "{file} names the evidence wing");
        assert!(!source.names_crate("clap"), "{file} parses arguments");
        let printed = PRINTS.iter().find(|print| source.paths.macros.contains(**print));
        assert_eq!(printed, None, "{file} prints");
        let streams = source.paths.all.iter().find(|path| {
            let last = path.last().map(String::as_str);
            let process = path.iter().any(|segment| segment == "process");
            matches!(last, Some("stdout" | "stderr")) && path.iter().any(|segment| segment == "io")
                || last == Some("exit") && process
        });
        assert_eq!(streams, None, "{file} prints or exits");
    }
    let of_cli = |name: &str| sources.iter().any(|source| source.room == "cli" && source.names_crate(name));
    assert!(of_cli("evidence") && of_cli("clap"), "what is named is seen");
}

/// Calls of methods that show a text on the terminal without `cli::out`: the bars of indicatif.
#[derive(Default)]
struct Shown(Vec<String>);

impl Visit<'_> for Shown {
    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        if ["println", "set_message", "set_prefix"].contains(&call.method.to_string().as_str()) {
            self.0.push(call.args.to_token_stream().to_string());
        }
        visit::visit_expr_method_call(self, call);
    }
}

#[test]
fn whatever_is_printed_goes_through_one_function() {
    const PRINTS: [&str; 5] = ["println", "print", "eprintln", "eprint", "dbg"];
    let streams = ["stdout", "stderr"].map(str::to_owned);
    let mut bars = 0;
    for source in sources().iter().filter(|source| source.room == "cli") {
        let file = source.file.display().to_string();
        if file.ends_with("cli/out.rs") {
            continue;
        }
        let printed = PRINTS.iter().find(|print| source.paths.macros.contains(**print));
        assert_eq!(printed, None, "{file} prints");
        let code = std::fs::read_to_string(&source.file).expect("a file");
        // Whether it is a terminal may be asked, and a bar may be told where to draw.
        let asked =
            code.matches("stdout().is_terminal()").count() + code.matches("stderr().is_terminal()").count();
        let drawn = code.matches("ProgressDrawTarget::stderr()").count();
        let named =
            source.paths.all.iter().filter(|path| path.last().is_some_and(|last| streams.contains(last)));
        assert_eq!(named.count(), asked + drawn, "{file} writes to the terminal itself");
        let mut shown = Shown::default();
        shown.visit_file(&syn::parse_file(&code).expect("Rust"));
        bars += shown.0.len();
        let unsafe_ones: Vec<&String> = shown.0.iter().filter(|args| !args.contains("out :: safe")).collect();
        assert!(unsafe_ones.is_empty(), "{file} shows {unsafe_ones:?} without out::safe");
    }
    assert!(bars > 4, "what is shown is seen");
}

#[test]
fn every_spelling_of_a_path_is_seen() {
    let code = "use crate::{drive::Client, load as l};\n\
                #[derive(clap::Args)]\n\
                struct A(super::executor::Plan);\n\
                #[cfg(test)] mod tests { use crate::hidden::X; }\n\
                fn f() { tokio::select! { _ = crate::observe::look() => println!() } ; evidence::gate::judge(); }";
    let source = Source { file: PathBuf::new(), room: "fault".to_owned(), depth: 1, paths: Paths::of(code) };
    let all = ["drive", "load", "executor", "observe", "hidden", "fault"].map(str::to_owned).into();
    let named: Vec<String> = source.rooms(&all).into_iter().collect();
    assert_eq!(named, ["drive", "executor", "load", "observe"]);
    assert!(source.names_crate("clap") && source.names_crate("evidence"));
    assert!(source.paths.macros.contains("println") && source.paths.macros.contains("select"));
    let ring = [("a", "b"), ("b", "c"), ("c", "a")];
    let ring = ring.map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])));
    assert!(cycle(&ring.into()).is_some());
}

/// The normal dependencies of a package, as cargo resolves them for it alone.
fn dependencies(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_pure_crates_have_no_runtime_and_no_sockets() {
    const LIVE: [&str; 14] = [
        "tokio",
        "mio",
        "socket2",
        "async-std",
        "smol",
        "hyper",
        "hyper-util",
        "h2",
        "reqwest",
        "axum",
        "wiremock",
        "rustls",
        "tokio-rustls",
        "tower",
    ];
    let pure =
        ["telemetry", "correlate", "evidence", "probe", "record", "scenario", "signature", "pii", "http1"];
    for package in pure.map(|name| format!("smoke-{name}")) {
        let all = dependencies(&package);
        assert!(all.contains(&package), "{all:?}");
        let live: Vec<&&str> = LIVE.iter().filter(|live| all.contains(**live)).collect();
        assert!(live.is_empty(), "{package} depends on {live:?}");
    }
    assert!(dependencies("smoke").contains("tokio"), "what there is is seen");
}
