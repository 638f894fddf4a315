//! Fields of a request body, validated in the REST framework's words.

use serde_json::{Map, Value, json};

/// A body's fields and what is wrong with them.
#[derive(Debug, Default)]
pub(super) struct Form {
    fields: Map<String, Value>,
    errors: Map<String, Value>,
}

/// Whether a field must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

impl Form {
    /// From a parsed body, which must be an object.
    pub(super) fn new(body: Value) -> Result<Self, Value> {
        match body {
            Value::Object(fields) => Ok(Self { fields, errors: Map::new() }),
            other => {
                let found = python_type(&other);
                let text = format!("Invalid data. Expected a dictionary, but got {found}.");
                Err(json!({"non_field_errors": [text]}))
            }
        }
    }

    /// A text of 1 to `max` characters; blanks around it are cut.
    pub(super) fn text(&mut self, name: &str, max: usize, need: Need) -> Option<String> {
        let text = match self.value(name, need)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return self.wrong(name, "Not a valid string."),
        };
        let text = text.trim();
        if text.is_empty() {
            return self.wrong(name, "This field may not be blank.");
        }
        if text.chars().count() > max {
            return self.wrong(name, &format!("Ensure this field has no more than {max} characters."));
        }
        Some(text.to_owned())
    }

    /// A whole number of at least `min`; text that holds one will do.
    pub(super) fn integer(&mut self, name: &str, min: i64, need: Need) -> Option<i64> {
        let text = match self.value(name, need)? {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return self.wrong(name, "A valid integer is required."),
        };
        if text.len() > 1000 {
            return self.wrong(name, "String value too large.");
        }
        match whole(text.trim()) {
            None => self.wrong(name, "A valid integer is required."),
            Some(n) if n < min => {
                self.wrong(name, &format!("Ensure this value is greater than or equal to {min}."))
            }
            Some(n) => Some(n),
        }
    }

    /// One of a list of texts.
    pub(super) fn choice(
        &mut self,
        name: &str,
        choices: &[&'static str],
        need: Need,
    ) -> Option<&'static str> {
        let value = self.value(name, need)?;
        let text = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match choices.iter().find(|choice| **choice == text) {
            Some(choice) => Some(choice),
            None => self.wrong(name, &format!("\"{text}\" is not a valid choice.")),
        }
    }

    /// An `http` or `https` URL.
    pub(super) fn url(&mut self, name: &str) -> Option<String> {
        let text = self.text(name, 500, Need::Optional)?;
        match url::Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https" | "ftp") && url.has_host() => Some(text),
            _ => self.wrong(name, "Enter a valid URL."),
        }
    }

    /// Any JSON; null counts as absent.
    pub(super) fn json(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// Says that a field is wrong.
    pub(super) fn wrong<T>(&mut self, name: &str, text: &str) -> Option<T> {
        self.errors.insert(name.to_owned(), json!([text]));
        None
    }

    /// The field errors, if there are any.
    pub(super) fn finish(self) -> Result<(), Value> {
        if self.errors.is_empty() { Ok(()) } else { Err(Value::Object(self.errors)) }
    }

    fn value(&mut self, name: &str, need: Need) -> Option<Value> {
        match (self.fields.remove(name), need) {
            (None, Need::Optional) => None,
            (None, Need::Required) => self.wrong(name, "This field is required."),
            (Some(Value::Null), _) => self.wrong(name, "This field may not be null."),
            (Some(value), _) => Some(value),
        }
    }
}

/// Reads `5`, `+5` and `5.00` as Django does.
fn whole(text: &str) -> Option<i64> {
    let text = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|b| b == b'0') => whole,
        _ => text,
    };
    text.parse().ok()
}

/// What Python calls a parsed value.
fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(n) if n.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(body: Value) -> Form {
        Form::new(body).unwrap()
    }

    #[test]
    fn errors_are_in_the_frameworks_words() {
        let mut form = form(
            json!({"a": "", "b": "12345", "c": true, "d": 0, "e": "x", "f": null, "g": "lower", "h": "x"}),
        );
        assert_eq!(form.text("a", 4, Need::Optional), None);
        assert_eq!(form.text("b", 4, Need::Optional), None);
        assert_eq!(form.text("c", 4, Need::Optional), None);
        assert_eq!(form.integer("d", 1, Need::Required), None);
        assert_eq!(form.integer("e", 1, Need::Required), None);
        assert_eq!(form.integer("f", 1, Need::Required), None);
        assert_eq!(form.choice("g", &["UPPER"], Need::Required), None);
        assert_eq!(form.url("h"), None);
        assert_eq!(form.integer("missing", 1, Need::Required), None);
        assert_eq!(
            form.finish().unwrap_err().to_string(),
            r#"{"a":["This field may not be blank."],"b":["Ensure this field has no more than 4 characters."],"c":["Not a valid string."],"d":["Ensure this value is greater than or equal to 1."],"e":["A valid integer is required."],"f":["This field may not be null."],"g":["\"lower\" is not a valid choice."],"h":["Enter a valid URL."],"missing":["This field is required."]}"#
        );
        assert_eq!(
            Form::new(json!([])).unwrap_err().to_string(),
            r#"{"non_field_errors":["Invalid data. Expected a dictionary, but got list."]}"#
        );
    }

    #[test]
    fn good_values_come_through() {
        let mut form =
            form(json!({"a": " x ", "b": "7", "c": 8.0, "d": 42, "e": "https://x.test/a", "n": null}));
        assert_eq!(form.text("a", 4, Need::Required).as_deref(), Some("x"));
        assert_eq!(form.integer("b", 1, Need::Required), Some(7));
        assert_eq!(form.integer("c", 1, Need::Required), Some(8));
        assert_eq!(form.text("d", 4, Need::Required).as_deref(), Some("42"));
        assert_eq!(form.url("e").as_deref(), Some("https://x.test/a"));
        assert_eq!(form.json("n"), None);
        assert_eq!(form.text("absent", 4, Need::Optional), None);
        assert!(form.finish().is_ok());
    }
}
