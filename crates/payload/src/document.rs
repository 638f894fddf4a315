//! The files of a contract, each read once, and none from outside its folder.

use super::bundle::BundleError;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The largest file, in bytes: the OpenAPI document of a large provider has 7 MB.
const MAX_FILE: u64 = 16 * 1024 * 1024;
/// The most files.
const MAX_FILES: usize = 64;

/// What a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// JSON Schema, and what is compatible with it: OpenAPI 3.1, AsyncAPI.
    JsonSchema,
    /// OpenAPI 3.0, whose schemas have `nullable` and other words of their own.
    OpenApi30,
}

/// A file.
#[derive(Debug)]
pub(super) struct Document {
    pub root: Value,
    /// The folder that its references are relative to.
    pub dir: PathBuf,
    pub dialect: Dialect,
    /// Whether schemas are parts of it, in places of its own.
    pub describes_an_api: bool,
}

/// The files of a contract.
#[derive(Debug)]
pub(super) struct Documents {
    /// The folder that none leads out of.
    folder: PathBuf,
    read: BTreeMap<PathBuf, Document>,
}

/// A reference: the file and the JSON pointer in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub file: PathBuf,
    pub pointer: String,
}

impl Documents {
    /// Files of this folder.
    pub(super) fn of(folder: &Path) -> Result<Self, BundleError> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let cannot = |e| BundleError::Unreadable { file: folder.display().to_string(), why: format!("{e}") };
        Ok(Self { folder: folder.canonicalize().map_err(cannot)?, read: BTreeMap::new() })
    }

    /// Where a reference leads that stands in a file of `dir`; `this` is the file itself.
    pub(super) fn target(&self, text: &str, dir: &Path, this: Option<&Path>) -> Result<Target, BundleError> {
        let (file, pointer) = text.split_once('#').unwrap_or((text, ""));
        let pointer = percent_decode_str(pointer).decode_utf8_lossy().into_owned();
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(BundleError::Anchor { reference: text.to_owned() });
        }
        if file.is_empty() {
            let file = this
                .map(Path::to_path_buf)
                .ok_or_else(|| BundleError::NoFile { reference: text.to_owned() })?;
            return Ok(Target { file, pointer });
        }
        // `http://…`, `urn:…`, `file:…`, `//host/…`; a letter alone before the colon would be a drive.
        let scheme = file.split_once(':').is_some_and(|(scheme, _)| {
            scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        });
        if scheme || file.starts_with("//") {
            return Err(BundleError::Elsewhere { reference: text.to_owned() });
        }
        let file = percent_decode_str(file).decode_utf8_lossy().into_owned();
        let path = dir.join(&file);
        let cannot = |e: std::io::Error| BundleError::Unreadable { file: file.clone(), why: e.to_string() };
        // Before it is looked for: what stands outside is nobody's business, not even whether it is there.
        if !lexically_within(&self.folder, &path) {
            return Err(BundleError::Outside { reference: text.to_owned() });
        }
        let real = path.canonicalize().map_err(cannot)?;
        if !real.starts_with(&self.folder) {
            return Err(BundleError::Outside { reference: text.to_owned() });
        }
        Ok(Target { file: real, pointer })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file, read when it is first asked for.
    pub(super) fn document(&mut self, file: &Path) -> Result<&Document, BundleError> {
        if !self.read.contains_key(file) {
            if self.read.len() >= MAX_FILES {
                return Err(BundleError::TooMuch { what: format!("over {MAX_FILES} files") });
            }
            let document = read(file)?;
            self.read.insert(file.to_owned(), document);
        }
        let gone = || BundleError::Unreadable { file: name(file), why: "it was not read".to_owned() };
        self.read.get(file).ok_or_else(gone)
    }
}

/// Whether a path stays in a folder by its names alone.
fn lexically_within(folder: &Path, path: &Path) -> bool {
    use std::path::Component;
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain.starts_with(folder)
}

/// A file's name, as errors say it.
pub(super) fn name(file: &Path) -> String {
    file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn read(file: &Path) -> Result<Document, BundleError> {
    let cannot = |why: String| BundleError::Unreadable { file: name(file), why };
    let size = std::fs::metadata(file).map_err(|e| cannot(e.to_string()))?;
    if !size.is_file() {
        return Err(cannot("it is not a regular file".to_owned()));
    }
    if size.len() > MAX_FILE {
        return Err(cannot(format!("it is over {} MiB", MAX_FILE / (1024 * 1024))));
    }
    let text = std::fs::read_to_string(file).map_err(|e| cannot(e.to_string()))?;
    let is_json = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let root: Value = if is_json {
        serde_json::from_str(&text).map_err(|e| cannot(format!("it is not JSON: {e}")))?
    } else {
        // `n`, `no` and `on` are names here, as in YAML 1.2.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(&text, options)
            .map_err(|e| cannot(format!("it is not YAML: {}", e.without_snippet())))?
    };
    let version = root.get("openapi").and_then(Value::as_str);
    let old = version.is_some_and(|version| version.starts_with("3.0"));
    if root.get("swagger").is_some() {
        return Err(cannot("it is OpenAPI 2, which has no webhooks".to_owned()));
    }
    let describes_an_api = version.is_some() || root.get("asyncapi").is_some();
    let dialect = if old { Dialect::OpenApi30 } else { Dialect::JsonSchema };
    let dir = file.parent().unwrap_or(file).to_owned();
    Ok(Document { root, dir, dialect, describes_an_api })
}
