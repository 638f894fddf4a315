//! HTTP requests as a scenario writes them.

use super::entries::Entries;
use super::model::Json;
use crate::JsonSchema;
use record::period::Period;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An HTTP request. Every text in it may contain templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.
    pub method: Method,
    /// Path and query, appended to the target's URL; an absolute `http(s)://` URL is used as is. Template values
    /// are percent-encoded, except for a template at the very beginning. Sent as written, including `//`; what no client
    /// sends as written (`..`, `#`, `\`) is refused.
    pub path: String,
    /// Extra headers.
    #[serde(default)]
    pub headers: Entries<String>,
    /// A JSON body. Give at most one of `json`, `form`, `multipart` and `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Json>,
    /// An `application/x-www-form-urlencoded` body. Nested values get keys in brackets (`items[0][price]`), and a list under a
    /// key that ends in `[]` repeats it; `null` is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Entries<Json>>,
    /// A `multipart/form-data` body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<Entries<Part>>,
    /// A plain text body; set its content type in `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Time limit of the whole exchange; `60s` by default, since the real API answers only after all webhook retries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
}

/// One part of a multipart body: text for a field, or a file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Part {
    /// A text field.
    Text(String),
    /// A file.
    File(FilePart),
}

/// A file in a multipart body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilePart {
    /// Path of the file, relative to the scenario, otherwise to the current directory; at most 16 MiB. May be a template.
    pub file: String,
    /// Its media type; guessed from the name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

// Not derived: an untagged enum would say "did not match any variant" and lose the place of the mistake.
impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrFile;

        impl<'de> Visitor<'de> for TextOrFile {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("text in quotes, or a mapping with `file`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Part, E> {
                Ok(Part::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part, A::Error> {
                FilePart::deserialize(MapAccessDeserializer::new(map)).map(Part::File)
            }
        }

        deserializer.deserialize_any(TextOrFile)
    }
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are the methods of RFC 9110")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
}

impl Method {
    /// The method as it stands in a request line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }
}
