//! Reads artifacts leniently: old files name the same thing in different ways and places.

use record::RunKind;
use serde::Deserialize;
use serde_json::Value;
use std::collections::VecDeque;

/// Most values that are looked at in one artifact.
const MAX_NODES: usize = 1_000_000;
/// Most bytes of pointers to them: long keys around many values are no artifact's.
const MAX_POINTERS: usize = 256 * 1024 * 1024;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    /// JSON pointer.
    pub pointer: String,
    /// Its key in lower case; empty for an element of an array.
    pub key: String,
    pub value: &'a Value,
}

/// An artifact as a list of all its values, outer ones first.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub root: &'a Value,
    pub nodes: Vec<Node<'a>>,
    /// Not everything in it could be looked at.
    pub cut: bool,
    /// By how much its latencies may have been rounded beyond the digits they are written with, ms.
    pub rounding_ms: f64,
}

impl<'a> Document<'a> {
    pub fn new(root: &'a Value) -> Self {
        let mut nodes = Vec::new();
        let mut queue = VecDeque::from([Node { pointer: String::new(), key: String::new(), value: root }]);
        let (mut pointers, mut cut) = (0, false);
        while let Some(node) = queue.pop_front() {
            pointers += node.pointer.len() * children(node.value);
            if nodes.len() + queue.len() > MAX_NODES || pointers > MAX_POINTERS {
                cut = true;
                break;
            }
            match node.value {
                Value::Object(map) => queue.extend(map.iter().map(|(key, value)| Node {
                    pointer: format!("{}/{}", node.pointer, pii::pointer_step(key)),
                    key: key.to_lowercase(),
                    value,
                })),
                Value::Array(items) => queue.extend(items.iter().enumerate().map(|(i, value)| Node {
                    pointer: format!("{}/{i}", node.pointer),
                    key: String::new(),
                    value,
                })),
                _ => {}
            }
            nodes.push(node);
        }
        Self { root, nodes, cut, rounding_ms: 0.0 }
    }

    /// The artifact is one of smoke's own shape.
    pub fn is_own(&self) -> bool {
        self.root.get("schema_version").is_some() && self.root.get("provenance").is_some()
    }

    /// The kind of run that one of smoke's own artifacts says it is of.
    pub fn kind(&self) -> Option<RunKind> {
        RunKind::deserialize(self.root.pointer("/provenance/kind")?).ok().filter(|_| self.is_own())
    }

    /// The outermost value under one of these keys; an earlier key is preferred.
    pub fn key(&self, names: &[&str]) -> Option<&Node<'a>> {
        names.iter().find_map(|name| self.nodes.iter().find(|n| n.key == *name))
    }

    /// The outermost figure under one of these keys.
    pub fn number(&self, names: &[&str]) -> Option<f64> {
        let found = |name: &&str| self.nodes.iter().filter(|n| n.key == **name).find_map(|n| number(n.value));
        names.iter().find_map(found)
    }

    /// The outermost whole number, 0 or more, under one of these keys.
    pub fn count(&self, names: &[&str]) -> Option<u64> {
        let found =
            |name: &&str| self.nodes.iter().filter(|n| n.key == **name).find_map(|n| n.value.as_u64());
        names.iter().find_map(found)
    }

    /// The outermost text under one of these keys.
    pub fn text(&self, names: &[&str]) -> Option<&'a str> {
        names
            .iter()
            .find_map(|name| self.nodes.iter().filter(|n| n.key == *name).find_map(|n| n.value.as_str()))
    }

    /// The whole number at a JSON pointer.
    pub fn at(&self, pointer: &str) -> Option<u64> {
        self.root.pointer(pointer)?.as_u64()
    }

    /// Whether one of smoke's own artifacts says that every retry was as it had to be. Breaches that are stated are no contradiction, but a
    /// reason to fail, and attempts that cannot be told from those of another webhook one not to pass.
    pub fn vouches_for_retries(&self) -> bool {
        self.at("/retry/breaches") == Some(0) && self.at("/retry/unproven").unwrap_or(0) == 0
    }
}

/// How many values stand directly in this one.
fn children(value: &Value) -> usize {
    match value {
        Value::Object(map) => map.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    }
}

/// A figure: a number, or a text that begins with one, such as `95.2 %` or `1200ms`.
pub(super) fn number(value: &Value) -> Option<f64> {
    let parsed = match value {
        Value::Number(n) => n.as_f64(),
        Value::String(text) if text.len() <= 32 => {
            let text = text.trim();
            let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
            let figure = text.strip_suffix(unit)?;
            let factor = match unit.trim() {
                "" | "%" | "ms" | "percent" => 1.0,
                "s" => 1000.0,
                _ => return None,
            };
            figure.parse::<f64>().ok().map(|x| x * factor)
        }
        _ => None,
    };
    parsed.filter(|x| x.is_finite())
}

/// Half a unit of the last digit that is written: what rounding may have moved a figure.
pub(super) fn rounding(value: &Value) -> f64 {
    let text = value.to_string();
    let decimals =
        text.split_once('.').map_or(0, |(_, d)| d.chars().take_while(char::is_ascii_digit).count());
    0.5 * 10f64.powi(-i32::try_from(decimals.min(12)).unwrap_or(12)) + 1e-9
}

/// A figure without needless zeros.
pub(super) fn shown(x: f64) -> String {
    // An empty sum is minus zero.
    format!("{}", (x * 1000.0).round() / 1000.0 + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn outer_values_come_first_and_earlier_names_win() {
        let root = json!({"a": {"b": {"sent": 1}}, "c": {"sent": 2, "total": 3}});
        let document = Document::new(&root);
        assert_eq!(document.number(&["sent"]), Some(2.0));
        assert_eq!(document.number(&["total", "sent"]), Some(3.0));
        assert_eq!(document.key(&["sent"]).unwrap().pointer, "/c/sent");
    }

    #[test]
    fn figures_in_text_are_read() {
        let of = |text: &str| number(&json!(text));
        assert_eq!((of("95.2 %"), of("1200ms"), of("1.2 s")), (Some(95.2), Some(1200.0), Some(1200.0)));
        assert_eq!((of("fast"), of(""), of("NaN"), of("-")), (None, None, None, None));
    }

    #[test]
    fn rounding_follows_the_digits_written() {
        assert!((rounding(&json!(95)) - 0.5).abs() < 1e-6);
        assert!((rounding(&json!(95.24)) - 0.005).abs() < 1e-6);
        assert!((rounding(&json!("95.2%")) - 0.05).abs() < 1e-6);
    }
}
