//! Reads request bodies: JSON, and multipart forms with files.

use super::answer::Answer;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Largest body in bytes.
const MAX_BODY: usize = 5 * 1024 * 1024;

/// Which bodies a resource takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Json,
    JsonOrMultipart,
}

/// What an uploaded file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upload {
    Image,
    Empty,
    Other,
}

#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) fields: Value,
    pub(super) files: BTreeMap<String, Upload>,
}

impl From<Value> for Parsed {
    fn from(fields: Value) -> Self {
        Self { fields, files: BTreeMap::new() }
    }
}

/// Reads and parses a body; an empty one is `{}` whatever its type.
pub(super) async fn parse(parts: &Parts, body: Body, takes: Takes) -> Result<Parsed, Answer> {
    let bytes = axum::body::to_bytes(body, MAX_BODY)
        .await
        .map_err(|_| Answer::page(413, "Request Entity Too Large", "Request Entity Too Large", ""))?;
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()).into());
    }
    let declared = parts.headers.get(header::CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let declared = declared.as_deref().unwrap_or_default();
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match (media_type.as_str(), takes) {
        ("application/json", _) => json(&bytes).map(Parsed::from),
        ("multipart/form-data", Takes::JsonOrMultipart) => multipart(parts, bytes).await,
        _ => Err(Answer::detail(415, &format!("Unsupported media type \"{declared}\" in request."))),
    }
}

fn json(bytes: &[u8]) -> Result<Value, Answer> {
    serde_json::from_slice(bytes).map_err(|e| {
        let (line, column) = (e.line(), e.column().max(1));
        let before: usize =
            bytes.split_inclusive(|b| *b == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
        let at = before + column - 1;
        Answer::detail(
            400,
            &format!("JSON parse error - Expecting value: line {line} column {column} (char {at})"),
        )
    })
}

async fn multipart(parts: &Parts, bytes: Bytes) -> Result<Parsed, Answer> {
    let bad =
        |why: &dyn std::fmt::Display| Answer::detail(400, &format!("Multipart form parse error - {why}"));
    let mut request = Request::new(Body::from(bytes));
    *request.headers_mut() = parts.headers.clone();
    let mut form = Multipart::from_request(request, &()).await.map_err(|e| bad(&e))?;
    let (mut fields, mut files) = (Map::new(), BTreeMap::new());
    while let Some(field) = form.next_field().await.map_err(|e| bad(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let is_file = field.file_name().is_some();
        let content = field.bytes().await.map_err(|e| bad(&e))?;
        if is_file {
            files.insert(name, kind_of(&content));
        } else {
            fields.insert(name, Value::String(String::from_utf8_lossy(&content).into_owned()));
        }
    }
    // A JSON field comes as text in a form.
    if let Some(Value::String(text)) = fields.get("notes") {
        match serde_json::from_str(text) {
            Ok(notes) => fields.insert("notes".to_owned(), notes),
            Err(_) => {
                return Err(Answer::json(400, &serde_json::json!({"notes": ["Value must be valid JSON."]})));
            }
        };
    }
    Ok(Parsed { fields: Value::Object(fields), files })
}

fn kind_of(content: &[u8]) -> Upload {
    const MAGIC: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF"];
    if content.is_empty() {
        Upload::Empty
    } else if MAGIC.iter().any(|magic| content.starts_with(magic)) {
        Upload::Image
    } else {
        Upload::Other
    }
}
