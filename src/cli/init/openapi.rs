//! What an OpenAPI document says of an API.

use super::api::{Api, Column, Field, Kind};
use crate::cli::Failure;
use scenario::TEMPLATE_NAMES;
use serde_json::{Map, Value};
use std::path::Path;

/// Largest document that is read, in bytes.
const MAX_DOCUMENT: u64 = 8 * 1024 * 1024;
/// How many references are followed from one schema to the next; more go in a circle.
const MAX_REFERENCES: usize = 16;
/// How deep the payload of a webhook is looked through for what it has in common with a row.
const MAX_DEPTH: usize = 4;

/// The first POST of the document, best one without a parameter in its path, and its first webhook.
///
/// # Errors
///
/// Usage, where the file cannot be read or is no OpenAPI document with a POST or a webhook.
pub(super) fn read(file: &Path) -> Result<Api, Failure> {
    let shown = file.display();
    let wrong = |what: String| Failure::usage(format!("--openapi {shown}: {what}"));
    let bytes = record::read_input(file, MAX_DOCUMENT).map_err(|e| wrong(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".to_owned()))?;
    let json: Value = serde_saphyr::from_str(&text).map_err(|e| {
        let first = e.to_string();
        wrong(format!("neither JSON nor YAML: {}", first.lines().next().unwrap_or_default()))
    })?;
    let document = Document(&json);
    let webhook = document.map("webhooks").and_then(|all| all.iter().next());
    let event = webhook.map(|(event, _)| event.clone());
    // OpenAPI 3.1 has documents of webhooks alone; the step is to be written by hand then.
    if document.map("paths").is_none_or(Map::is_empty) && event.is_some() {
        return Ok(Api { event, ..Api::default() });
    }
    let paths = document.map("paths").ok_or_else(|| {
        wrong("it has neither `paths` nor `webhooks`, so it is not an OpenAPI document".to_owned())
    })?;
    let posts = paths.iter().filter_map(|(path, item)| Some((path, item, item.get("post")?)));
    let post = posts.filter(|(path, ..)| path.starts_with('/')).min_by_key(|(path, ..)| path.contains('{'));
    let (path, item, post) = post.ok_or_else(|| wrong("none of its paths has a POST".to_owned()))?;
    let answers = post.get("responses").and_then(Value::as_object);
    let status =
        answers.and_then(|all| all.keys().find_map(|s| s.parse::<u16>().ok().filter(|s| s / 100 == 2)));
    let (path, path_columns) = document.path(path, &[item, post]);
    let mut api = Api { path: Some(path), status: Some(status.unwrap_or(200)), event, ..Api::default() };
    api.path_columns = path_columns;
    api.fields = document.body_of(post).and_then(|schema| document.fields(schema));
    let payload = webhook.and_then(|(_, item)| document.body_of(item.get("post")?));
    api.tie = payload.and_then(|payload| document.tie(payload, &api));
    Ok(api)
}

/// A document, in which schemas may stand elsewhere than where they are used.
struct Document<'a>(&'a Value);

impl<'a> Document<'a> {
    fn map(&self, key: &str) -> Option<&'a Map<String, Value>> {
        self.0.get(key).and_then(Value::as_object)
    }

    /// What stands where a `$ref` of this document leads.
    fn resolve(&self, mut value: &'a Value) -> &'a Value {
        for _ in 0..MAX_REFERENCES {
            let reference = value.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix('#'));
            let Some(there) = reference.and_then(|pointer| self.0.pointer(pointer)) else { break };
            value = there;
        }
        value
    }

    /// The schema of the JSON body that an operation takes.
    fn body_of(&self, operation: &'a Value) -> Option<&'a Value> {
        let body = self.resolve(operation.get("requestBody")?);
        let schema = body.get("content")?.get("application/json")?.get("schema")?;
        Some(self.resolve(schema))
    }

    /// A path with a template for each parameter, and the columns that those take.
    fn path(&self, path: &str, described_in: &[&'a Value]) -> (String, Vec<Column>) {
        let parameters = described_in.iter().filter_map(|item| item.get("parameters")?.as_array()).flatten();
        let parameters: Vec<&Value> = parameters.map(|parameter| self.resolve(parameter)).collect();
        let kind = |name: &str| {
            let named = |p: &&&Value| p["in"] == "path" && p["name"] == name;
            let schema = parameters.iter().find(named).and_then(|p| p.get("schema"));
            schema.and_then(|schema| kind_of(self.resolve(schema))).unwrap_or(Kind::Text)
        };
        let (mut template, mut columns) = (String::new(), Vec::new());
        for part in path.split_inclusive('}') {
            match part.split_once('{').and_then(|(before, name)| Some((before, name.strip_suffix('}')?))) {
                Some((before, name)) => {
                    let column = Column { name: column_name(name), kind: kind(name) };
                    template.push_str(&format!("{before}{{{{ {} }}}}", column.name));
                    columns.push(column);
                }
                None => template.push_str(&part.replace(['{', '}'], "")),
            }
        }
        (template, columns)
    }

    /// What a body must have; `None` where its schema does not say which members there are.
    fn fields(&self, schema: &'a Value) -> Option<Vec<Field>> {
        let properties = schema.get("properties")?.as_object()?;
        let required = schema.get("required").and_then(Value::as_array);
        let required = required.into_iter().flatten().filter_map(Value::as_str);
        let field = |name: &str| {
            let property = properties.get(name).map(|property| self.resolve(property));
            let kind = property.map_or(Some(Kind::Text), kind_of);
            let is_list = property.is_some_and(|p| p.get("type").is_some_and(|t| t == "array"));
            let column = kind.map(|kind| Column { name: column_name(name), kind });
            Field { name: name.to_owned(), column, empty: if is_list { "[]" } else { "{}" } }
        };
        Some(required.map(field).collect())
    }

    /// Where a webhook has the value of a column.
    fn tie(&self, payload: &'a Value, api: &Api) -> Option<(String, String)> {
        let of_body = api.fields.iter().flatten().filter_map(|field| field.column.as_ref());
        // The row of which a path tells is what the flow is about.
        let mut columns = api.path_columns.iter().rev().chain(of_body);
        columns.find_map(|column| Some((self.place(payload, &column.name, MAX_DEPTH)?, column.name.clone())))
    }

    /// The JSON pointer of a member of that name in what a schema describes.
    fn place(&self, schema: &'a Value, column: &str, depth: usize) -> Option<String> {
        let properties = self.resolve(schema).get("properties")?.as_object()?;
        let pointer = |name: &str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let is_it = |name: &&String| column_name(name) == column;
        if let Some(name) =
            properties.iter().filter(|(_, p)| kind_of(self.resolve(p)).is_some()).map(|(n, _)| n).find(is_it)
        {
            return Some(pointer(name));
        }
        let deeper = depth.checked_sub(1)?;
        properties
            .iter()
            .find_map(|(name, property)| Some(pointer(name) + &self.place(property, column, deeper)?))
    }
}

/// What values a schema allows; `None` for objects and lists.
fn kind_of(schema: &Value) -> Option<Kind> {
    let types = match &schema["type"] {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    match types.into_iter().find(|one| *one != "null") {
        Some("object" | "array") => None,
        Some("integer") => Some(Kind::Whole),
        Some("number" | "boolean") => Some(Kind::Cell),
        None if schema.get("properties").is_some() || schema.get("items").is_some() => None,
        _ => Some(Kind::Text),
    }
}

/// A name as columns and templates have it.
fn column_name(name: &str) -> String {
    let mut column = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "_");
    if TEMPLATE_NAMES.contains(&column.as_str())
        || !column.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    {
        column.insert_str(0, "the_");
    }
    column
}
