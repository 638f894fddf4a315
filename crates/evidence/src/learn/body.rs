//! What the bodies of recorded traffic are.

use super::{Certainty, IDS, Learner, Learnt, Seen, header};
use crate::usual::EVENTS;
use correlate::Reader;
use serde_json::Value;
use signature::{Algorithm, BodyFormat, BodySpec, RequestSpec, Scheme, SignatureSpec};

/// Fields of forms in which senders put JSON, most usual first.
const FIELDS: [&str; 4] = ["payload", "data", "json", "body"];

impl Learner {
    /// What the bodies are, and reads them so: the sender's own, where it is known, else what most of them can be read as.
    pub(super) fn body(&mut self, scheme: Option<Scheme>, found: &mut Vec<Learnt>) {
        let is_form = self.attempts.iter().any(|seen| {
            header(seen, "Content-Type").is_some_and(|kind| kind.contains("x-www-form-urlencoded"))
        });
        let forms = FIELDS.into_iter().map(Some).chain([None]).filter(|_| is_form);
        let json = |batch: Option<&str>| BodySpec { batch: batch.map(str::to_owned), ..BodySpec::default() };
        let form = |field: Option<&str>| BodySpec {
            format: BodyFormat::Form,
            field: field.map(str::to_owned),
            ..BodySpec::default()
        };
        let own = scheme.map(|scheme| BodySpec { media_type: None, ..scheme.spec().body.clone() });
        let inside = if own.is_none() { self.batch() } else { None };
        let specs: Vec<BodySpec> = own
            .into_iter()
            .chain(inside.iter().map(|pointer| json(Some(pointer))))
            .chain([json(None), json(Some("/*"))])
            .chain(forms.map(form))
            .collect();
        let mut best: Option<(BodySpec, usize, Vec<Option<Value>>)> = None;
        for spec in specs {
            let read = self.read_as(&spec);
            let good = read.iter().filter(|body| body.as_ref().is_some_and(Value::is_object)).count();
            if good > best.as_ref().map_or(0, |(_, most, _)| *most) {
                best = Some((spec, good, read));
            }
        }
        let n = self.attempts.len();
        let opaque = || (BodySpec { format: BodyFormat::Opaque, ..BodySpec::default() }, 0, Vec::new());
        let (spec, good, read) = best.unwrap_or_else(opaque);
        for (seen, body) in self.attempts.iter_mut().zip(read) {
            seen.json = body;
        }
        if spec == BodySpec::default() {
            return;
        }
        let evidence = match good {
            0 => "no body is JSON or a form".to_owned(),
            good => format!("{good} of {n} bodies can be read so"),
        };
        // A list of things that a webhook is about looks the same.
        let certainty = match good {
            0 => Certainty::Likely,
            _ if inside.is_some() => Certainty::Likely,
            good => Certainty::of(good, n),
        };
        found.push(Learnt { key: "body", value: written(&spec), evidence, certainty });
    }

    /// Where each body has its webhooks, when it is a batch: in the one list of objects of each body, where what stands around it
    /// names no event and no id of its own.
    fn batch(&self) -> Option<String> {
        let bodies = self.read_as(&BodySpec::default());
        let mut key: Option<&str> = None;
        for body in &bodies {
            let whole = body.as_ref()?;
            let own =
                EVENTS.iter().chain(&IDS).any(|place| whole.pointer(place).is_some_and(|v| !v.is_object()));
            let is_list = |value: &Value| {
                value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_object))
            };
            let mut lists = whole.as_object()?.iter().filter(|(_, value)| is_list(value)).map(|(key, _)| key);
            let (list, more) = (lists.next()?, lists.next());
            if own || more.is_some() || key.is_some_and(|key| key != list) {
                return None;
            }
            key = Some(list);
        }
        let key = key.filter(|key| !key.contains(['/', '~', '*', '\'']))?;
        Some(format!("/{key}/*"))
    }

    /// Each body as a sender with such bodies would have it read.
    fn read_as(&self, body: &BodySpec) -> Vec<Option<Value>> {
        let signature = SignatureSpec { algorithm: Algorithm::None, ..SignatureSpec::default() };
        let spec = RequestSpec { signature, body: body.clone(), ..RequestSpec::default() };
        let Ok(scheme) = Scheme::of("learnt", spec) else { return Vec::new() };
        let mut reader = Reader::new(scheme);
        reader.add("");
        let first = |seen: &Seen| Some(reader.read(&seen.headers, &seen.body)?.first()?.own().clone());
        self.attempts.iter().map(first).collect()
    }
}

/// A body's description as YAML.
pub(super) fn written(spec: &BodySpec) -> String {
    let format = match spec.format {
        BodyFormat::Json => "json",
        BodyFormat::Form => "form",
        BodyFormat::Opaque => "opaque",
    };
    let more = [("field", &spec.field), ("batch", &spec.batch)];
    let more: String =
        more.iter().filter_map(|(key, value)| value.as_ref().map(|v| format!(", {key}: '{v}'"))).collect();
    format!("{{ format: {format}{more} }}")
}

#[cfg(test)]
mod tests {

    use super::*;
    use record::Tick;
    use std::io::Write;

    fn learnt(kind: &str, packed: bool, bodies: &[&str]) -> Vec<Learnt> {
        let mut learner = Learner::default();
        for (number, text) in bodies.iter().enumerate() {
            let mut headers = vec![("Content-Type".to_owned(), kind.to_owned())];
            let mut body = text.as_bytes().to_vec();
            if packed {
                headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                gzip.write_all(&body).unwrap();
                body = gzip.finish().unwrap();
            }
            learner.attempts.push(Seen::plain(headers, body, Tick(number as u64 * 1_000_000)));
        }
        learner.learn(None, "", None)
    }

    fn says(learnt: &[Learnt], key: &str) -> String {
        learnt.iter().find(|one| one.key == key).map_or_else(String::new, |one| one.value.clone())
    }

    #[test]
    fn bodies_of_every_kind_are_looked_into() {
        let texts = ["1", "2", "3", "4"].map(|n| format!(r#"{{"type":"paid","id":"e{n}"}}"#));
        let json: Vec<&str> = texts.iter().map(String::as_str).collect();
        let forms = texts.clone().map(|text| format!("payload={}", text.replace('"', "%22")));
        let lists = texts.clone().map(|text| format!("[{text}]"));
        let fields = ["1", "2", "3", "4"].map(|n| format!("type=paid&id=e{n}"));
        let form = "application/x-www-form-urlencoded";
        let cases: [(&str, bool, Vec<&str>, &str); 5] = [
            ("application/json", false, json.clone(), ""),
            ("application/json", true, json, ""),
            (form, false, forms.iter().map(String::as_str).collect(), "{ format: form, field: 'payload' }"),
            (form, false, fields.iter().map(String::as_str).collect(), "{ format: form }"),
            (
                "application/json",
                false,
                lists.iter().map(String::as_str).collect(),
                "{ format: json, batch: '/*' }",
            ),
        ];
        for (kind, packed, bodies, body) in cases {
            let learnt = learnt(kind, packed, &bodies);
            assert_eq!(says(&learnt, "body"), body, "{learnt:?}");
            assert_eq!(says(&learnt, "event"), "{ json: /type }", "{learnt:?}");
            assert_eq!(says(&learnt, "id"), "{ json: /id }", "{learnt:?}");
        }
        let batches = ["1", "2"].map(|n| format!(r#"{{"events":[{{"action":"push","id":"e{n}"}}]}}"#));
        let batches: Vec<&str> = batches.iter().map(String::as_str).collect();
        let found = learnt("application/json", false, &batches);
        assert_eq!(says(&found, "body"), "{ format: json, batch: '/events/*' }", "{found:?}");
        assert_eq!(
            (says(&found, "event"), says(&found, "id")),
            ("{ json: /action }".into(), "{ json: /id }".into())
        );
        let deep = ["1", "2"]
            .map(|n| format!(r#"{{"meta":{{"kind":"paid","id":"e{n}"}},"order":{{"id":"o{n}"}}}}"#));
        let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
        let found = learnt("application/json", false, &deep);
        assert_eq!(
            (says(&found, "event"), says(&found, "id")),
            ("{ json: /meta/kind }".into(), "{ json: /meta/id }".into())
        );
        // What an order holds is no batch: it is named around it.
        let order =
            learnt("application/json", false, &[r#"{"type":"paid","id":"e1","lines":[{"sku":"1"}]}"#]);
        assert_eq!(says(&order, "body"), "");
        let xml = learnt("text/xml", false, &["<a/>", "<b/>"]);
        assert_eq!(says(&xml, "body"), "{ format: opaque }");
    }
}
