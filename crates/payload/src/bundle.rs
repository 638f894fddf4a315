//! From the references of a profile to one value with every schema in it: `{"events": {EVENT: N}, "schemas": {N: {…}},
//! "dialect": …}`. References between schemas become `#/$defs/N`.

use super::contract::{Contract, ContractError};
use super::document::{Dialect, Documents, Target, name};
use super::openapi::{Step, modern, step};
use super::says::{checks, escaped, is_circular, is_of_the_api, places};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The most schemas that are taken out of the files.
const MAX_SCHEMAS: usize = 20_000;
/// The most steps from a place in a document to its schema.
const MAX_STEPS: usize = 16;
/// How deep a schema may be nested.
const MAX_DEPTH: usize = 200;

/// Why a contract cannot be made of what a profile names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("{file}: cannot be read as a schema: {why}")]
    Unreadable { file: String, why: String },
    /// A host, or another scheme.
    #[error(
        "`{reference}` points to another host, and smoke fetches nothing: save the file next to the profile and name it"
    )]
    Elsewhere { reference: String },
    /// A path out of the folder.
    #[error("`{reference}` points outside the profile's folder: move the file into it")]
    Outside { reference: String },
    /// No JSON pointer behind the `#`.
    #[error("`{reference}`: the # must be followed by a JSON pointer, such as #/components/schemas/Order")]
    Anchor { reference: String },
    /// A pointer without a file.
    #[error("`{reference}` names no file: write for example openapi.yaml{reference}")]
    NoFile { reference: String },
    /// Nothing there.
    #[error("`{reference}`: {file} has nothing at {pointer}")]
    Nothing { reference: String, file: String, pointer: String },
    /// More than one.
    #[error("`{reference}` contains several: name one of {names}")]
    Several { reference: String, names: String },
    /// What smoke does not follow.
    #[error("`{keyword}` in {file} is not followed: write the reference as $ref with a JSON pointer")]
    Dynamic { keyword: String, file: String },
    /// Bounds.
    #[error("the schemas are too large: {what}")]
    TooMuch { what: String },
    #[error("`{reference}` is not a JSON Schema: {why}")]
    NoSchema { reference: String, why: String },
    /// The API itself, or a part of it that is no webhook; `places`: what to do.
    #[error("`{reference}` is not a webhook of that document, so any body would pass: {places}")]
    NoWebhook { reference: String, places: String },
    /// No word in it checks anything.
    #[error("`{reference}` has no keyword that checks anything, so any body would pass: {places}")]
    SaysNothing { reference: String, places: String },
    /// It stands for itself.
    #[error("`{reference}` only refers to itself, so any body would pass")]
    Circular { reference: String },
}

/// Takes the schemas of a profile (event to `FILE` or `FILE#/pointer`) out of the files below `folder`.
///
/// # Errors
/// For each event that has none, why.
pub fn bundle(
    payload: &BTreeMap<String, String>,
    folder: &Path,
) -> Result<Value, Vec<(String, BundleError)>> {
    let mut errors = Vec::new();
    let mut bundler = match Documents::of(folder) {
        Ok(documents) => {
            Bundler { documents, numbers: BTreeMap::new(), schemas: Map::new(), waiting: Vec::new() }
        }
        Err(error) => return Err(payload.keys().map(|event| (event.clone(), error.clone())).collect()),
    };
    let mut events = Map::new();
    let mut dialect = None;
    for (event, reference) in payload {
        match bundler.event(reference, &mut dialect) {
            Ok(number) => {
                events.insert(event.clone(), Value::from(number));
            }
            Err(error) => errors.push((event.clone(), error)),
        }
    }
    let dialect = dialect.unwrap_or_else(|| "https://json-schema.org/draft/2020-12/schema".to_owned());
    let mut whole = json!({ "dialect": dialect, "events": events, "schemas": bundler.schemas });
    // Each that is no schema is told, beside those that were not found: without it the next one shows.
    loop {
        match Contract::of(&whole) {
            Ok(_) => break,
            Err(ContractError::Schema { event, why }) => {
                let known = whole.get_mut("events").and_then(Value::as_object_mut);
                let gone = known.is_some_and(|events| events.remove(&event).is_some());
                let reference = payload.get(&event).cloned().unwrap_or_default();
                errors.push((event, BundleError::NoSchema { reference, why }));
                if !gone {
                    break;
                }
            }
            Err(error) => {
                let too_much = BundleError::TooMuch { what: error.to_string() };
                errors.extend(payload.keys().map(|event| (event.clone(), too_much.clone())));
                break;
            }
        }
    }
    if errors.is_empty() { Ok(whole) } else { Err(errors) }
}

struct Bundler {
    documents: Documents,
    /// The number of each schema by where it stands.
    numbers: BTreeMap<Target, usize>,
    schemas: Map<String, Value>,
    /// Schemas that have a number and were not looked at yet.
    waiting: Vec<(Target, usize)>,
}

impl Bundler {
    /// The number of an event's schema; all that it refers to is taken in.
    fn event(&mut self, reference: &str, dialect: &mut Option<String>) -> Result<usize, BundleError> {
        let folder = self.documents.folder().to_owned();
        let target = self.documents.target(reference, &folder, None)?;
        let target = self.schema_at(reference, target)?;
        let said = self.documents.document(&target.file)?.root.get("$schema");
        if let Some(said) = said.and_then(Value::as_str) {
            dialect.get_or_insert_with(|| said.to_owned());
        }
        let number = self.number(target)?;
        while let Some((target, number)) = self.waiting.pop() {
            let schema = self.taken(&target)?;
            self.schemas.insert(number.to_string(), schema);
        }
        if is_circular(&self.schemas, number) {
            return Err(BundleError::Circular { reference: reference.to_owned() });
        }
        Ok(number)
    }

    /// From a place in a document of an API to the schema of what is sent there.
    fn schema_at(&mut self, reference: &str, mut target: Target) -> Result<Target, BundleError> {
        for steps in 0..MAX_STEPS {
            let node = self.node(reference, &target)?;
            let api = self.documents.document(&target.file)?;
            // Where a webhook's body is described, its schema may say as little as it likes.
            let is_named = steps == 0;
            if is_named && !api.describes_an_api && !checks(&node) {
                let (reference, places) = (reference.to_owned(), places(&name(&target.file), &api.root));
                return Err(BundleError::SaysNothing { reference, places });
            }
            let leads = step(&node);
            let is_none = match leads {
                Step::Schema => !checks(&node),
                _ => is_of_the_api(&target.pointer),
            };
            if is_named && api.describes_an_api && is_none {
                let (reference, places) = (reference.to_owned(), places(&name(&target.file), &api.root));
                return Err(BundleError::NoWebhook { reference, places });
            }
            if let Some(Value::String(further)) = node.get("$ref").filter(|_| api.describes_an_api) {
                let (dir, file) = (api.dir.clone(), target.file.clone());
                target = self.documents.target(further, &dir, Some(&file))?;
                continue;
            }
            if !api.describes_an_api {
                return Ok(target);
            }
            match leads {
                Step::Schema => return Ok(target),
                Step::Below(names) => {
                    for name in names {
                        target.pointer.push('/');
                        target.pointer.push_str(&escaped(&name));
                    }
                }
                Step::Several(names) => {
                    return Err(BundleError::Several {
                        reference: reference.to_owned(),
                        names: names.join(", "),
                    });
                }
            }
        }
        Err(BundleError::TooMuch { what: format!("`{reference}` is a chain of references without end") })
    }

    fn node(&mut self, reference: &str, target: &Target) -> Result<Value, BundleError> {
        let document = self.documents.document(&target.file)?;
        let node = document.root.pointer(&target.pointer).cloned();
        node.ok_or_else(|| BundleError::Nothing {
            reference: reference.to_owned(),
            file: name(&target.file),
            pointer: target.pointer.clone(),
        })
    }

    fn number(&mut self, target: Target) -> Result<usize, BundleError> {
        if let Some(number) = self.numbers.get(&target) {
            return Ok(*number);
        }
        let number = self.numbers.len();
        if number >= MAX_SCHEMAS {
            return Err(BundleError::TooMuch { what: format!("over {MAX_SCHEMAS} schemas") });
        }
        self.numbers.insert(target.clone(), number);
        self.waiting.push((target, number));
        Ok(number)
    }

    /// A schema with its references written anew.
    fn taken(&mut self, target: &Target) -> Result<Value, BundleError> {
        let mut schema = self.node(&target.pointer.clone(), target)?;
        self.rewrite(&mut schema, target, 0)?;
        Ok(schema)
    }

    fn rewrite(&mut self, schema: &mut Value, at: &Target, depth: usize) -> Result<(), BundleError> {
        if depth > MAX_DEPTH {
            return Err(BundleError::TooMuch {
                what: format!("{} is nested over {MAX_DEPTH} deep", name(&at.file)),
            });
        }
        let object = match schema {
            Value::Object(object) => object,
            Value::Array(list) => {
                return list.iter_mut().try_for_each(|one| self.rewrite(one, at, depth + 1));
            }
            _ => return Ok(()),
        };
        // A base of its own would give every reference another meaning; they are resolved here.
        for word in ["$id", "id", "$anchor", "$schema"] {
            if object.get(word).is_some_and(Value::is_string) {
                object.remove(word);
            }
        }
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if object.get(keyword).is_some_and(Value::is_string) {
                return Err(BundleError::Dynamic { keyword: keyword.to_owned(), file: name(&at.file) });
            }
        }
        if let Some(Value::String(reference)) = object.get("$ref").cloned() {
            let dir = self.documents.document(&at.file)?.dir.clone();
            let target = self.documents.target(&reference, &dir, Some(&at.file))?;
            self.node(&reference, &target)?;
            let number = self.number(target)?;
            object.insert("$ref".to_owned(), Value::from(format!("#/$defs/{number}")));
        }
        if self.documents.document(&at.file)?.dialect == Dialect::OpenApi30 {
            modern(object);
        }
        for (word, below) in object.iter_mut() {
            // Values, not schemas: a `$ref` in them is a text.
            if matches!(word.as_str(), "const" | "enum" | "default" | "examples" | "example") {
                continue;
            }
            // Here the names are anybody's: a property may be called `const`, `id` or `nullable`.
            if matches!(
                word.as_str(),
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
            ) {
                for one in below.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
                    self.rewrite(one, at, depth + 1)?;
                }
                continue;
            }
            self.rewrite(below, at, depth + 1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundled(files: &[(&str, &str)], reference: &str) -> Result<Value, BundleError> {
        let dir = tempfile::TempDir::new().unwrap();
        for (name, text) in files {
            let path = dir.path().join("in").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(dir.path().join("secret.json"), "{}").unwrap();
        let payload = [("paid".to_owned(), reference.to_owned())].into();
        bundle(&payload, &dir.path().join("in")).map_err(|mut all| all.remove(0).1)
    }

    fn violations(files: &[(&str, &str)], reference: &str, body: &Value) -> Vec<String> {
        let contract = Contract::of(&bundled(files, reference).unwrap()).unwrap();
        let found = contract.check("paid", body).unwrap();
        found.into_iter().map(|one| format!("{}: {}", one.pointer, one.reason)).collect()
    }

    const SCHEMA: &str = r##"{"$id":"https://example.com/s","type":"object","required":["id"],
        "properties":{"id":{"$ref":"parts/id.json#/definitions/id"},"self":{"$ref":"#"},"const":{"type":"string"}}}"##;
    const ID: &str = r#"{"definitions":{"id":{"type":"integer","minimum":1}}}"#;

    #[test]
    fn a_schema_of_several_files_needs_none_of_them_any_more() {
        let files = [("s.json", SCHEMA), ("parts/id.json", ID)];
        assert!(violations(&files, "s.json", &json!({"id": 7, "self": {"id": 8}})).is_empty());
        let found = violations(&files, "s.json", &json!({"id": 7, "self": {"id": 0}, "const": 1}));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|one| one.starts_with("/self/id: ")), "{found:?}");
    }

    #[test]
    fn webhooks_callbacks_and_messages_are_found_in_their_documents() {
        let new = "openapi: 3.1.0\nwebhooks:\n  paid:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema: { $ref: '#/components/schemas/Paid' }\ncomponents:\n  schemas:\n    Paid: { type: object, required: [id] }\n";
        assert_eq!(violations(&[("o.yaml", new)], "o.yaml#/webhooks/paid", &json!({})).len(), 1);
        let old = "openapi: 3.0.3\npaths:\n  /subscribe:\n    post:\n      callbacks:\n        onPaid:\n          '{$request.body#/url}':\n            post:\n              requestBody:\n                content:\n                  application/json:\n                    schema:\n                      type: object\n                      properties:\n                        note: { type: string, nullable: true }\n                        n: { type: number, minimum: 0, exclusiveMinimum: true }\n";
        let at = "o.yaml#/paths/~1subscribe/post/callbacks/onPaid";
        assert!(violations(&[("o.yaml", old)], at, &json!({"note": null, "n": 1})).is_empty());
        assert_eq!(violations(&[("o.yaml", old)], at, &json!({"note": 1, "n": 0})).len(), 2);
        let messages = "asyncapi: 3.0.0\nchannels:\n  pay:\n    messages:\n      paid:\n        payload: { type: object, required: [id] }\n";
        assert_eq!(violations(&[("a.yaml", messages)], "a.yaml#/channels/pay", &json!({})).len(), 1);
    }

    #[test]
    fn a_place_that_is_no_webhook_is_told_with_those_that_are() {
        let new = "openapi: 3.1.0\ninfo: { title: t }\nwebhooks:\n  paid:\n    post:\n      requestBody:\n        content:\n          application/json:\n            schema: { description: anything }\n";
        let old = "openapi: 3.0.3\npaths:\n  /orders:\n    post:\n      requestBody: { content: { application/json: { schema: { type: object } } } }\n      callbacks:\n        onPaid: { '{$request.body#/url}': { post: { requestBody: { content: { application/json: { schema: { type: object } } } } } } }\n";
        let wanted_old = "write one of o.yaml#/paths/~1orders/post/callbacks/onPaid";
        for (text, reference, wanted) in [
            (new, "o.yaml", "write one of o.yaml#/webhooks/paid"),
            (new, "o.yaml#/info", "write one of o.yaml#/webhooks/paid"),
            (old, "o.yaml", wanted_old),
            (old, "o.yaml#/paths", wanted_old),
            (old, "o.yaml#/paths/~1orders", wanted_old),
            (old, "o.yaml#/paths/~1orders/post", wanted_old),
            ("openapi: 3.1.0\npaths: {}\n", "o.yaml", "o.yaml has none"),
            (
                "asyncapi: 3.0.0\nchannels: { pay: { messages: { paid: { payload: { type: object } } } } }\n",
                "o.yaml",
                "write one of o.yaml#/channels/pay",
            ),
        ] {
            let told = bundled(&[("o.yaml", text)], reference).unwrap_err().to_string();
            assert!(told.contains("is not a webhook") && told.ends_with(wanted), "{reference}: {told}");
        }
        // Where the document says where the schema of a webhook is, or the profile names a schema, that counts.
        for (text, reference) in [
            (new, "o.yaml#/webhooks/paid"),
            (old, "o.yaml#/paths/~1orders/post/requestBody/content/application~1json/schema"),
        ] {
            assert!(bundled(&[("o.yaml", text)], reference).is_ok(), "{reference}");
        }
    }

    #[test]
    fn what_is_no_schema_or_stands_elsewhere_is_named() {
        let says =
            |text: &str, reference: &str| bundled(&[("s.json", text)], reference).unwrap_err().to_string();
        for (text, reference, words) in [
            (r#"{"$ref":"https://example.com/s.json"}"#, "s.json", "points to another host"),
            (r#"{"$ref":"//example.com/s.json"}"#, "s.json", "points to another host"),
            (r#"{"$ref":"file:///etc/passwd"}"#, "s.json", "points to another host"),
            (r#"{"$ref":"../secret.json"}"#, "s.json", "points outside the profile's folder"),
            ("{}", "/etc/passwd", "points outside the profile's folder"),
            ("{}", "https://example.com/s.json", "points to another host"),
            (r#"{"type":"strng"}"#, "s.json", "is not a JSON Schema"),
            (r#"{"type":"#, "s.json", "is not JSON"),
            ("[1]", "s.json", "is not a JSON Schema"),
            (r##"{"$ref":"#/nowhere"}"##, "s.json", "has nothing at /nowhere"),
            ("{}", "gone.json", "cannot be read"),
            (r##"{"$ref":"#"}"##, "s.json", "refers to itself"),
            (
                r##"{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#"}}}"##,
                "s.json",
                "refers to itself",
            ),
            (r#"{"id":"evt_1","amount":7}"#, "s.json", "has no keyword that checks anything"),
            (
                r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","$defs":{"paid":{"type":"object"}}}"#,
                "s.json",
                "write one of s.json#/$defs/paid",
            ),
            (r#"{"pattern":"(a"}"#, "s.json", "is not a JSON Schema"),
        ] {
            let told = says(text, reference);
            assert!(told.contains(words), "{told} lacks {words}");
        }
    }

    #[test]
    fn what_is_no_schema_is_told_beside_what_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("five.json"), r#"{"type":5}"#).unwrap();
        std::fs::write(dir.path().join("word.json"), r#"{"type":"strng"}"#).unwrap();
        std::fs::write(dir.path().join("good.json"), r#"{"type":"object"}"#).unwrap();
        let payload = [("a", "five.json"), ("b", "gone.json"), ("c", "word.json"), ("0", "good.json")];
        let payload = payload.map(|(event, file)| (event.to_owned(), file.to_owned())).into();
        let mut told: Vec<String> =
            bundle(&payload, dir.path()).unwrap_err().into_iter().map(|(event, _)| event).collect();
        told.sort();
        assert_eq!(told, ["a", "b", "c"]);
    }
}
