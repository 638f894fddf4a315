//! Form fields from nested values, with the keys that Rails, PHP and Stripe read: `items[0][price]`.

use super::template::as_text;
use serde_json::Value;

/// The fields of a value under a key. `null` is no field. A key that ends in `[]` repeats itself for each item of a list.
pub(super) fn fields(key: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Array(items) if key.ends_with("[]") => {
            items.iter().for_each(|item| fields(key, item, out));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                fields(&format!("{key}[{index}]"), item, out);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                fields(&format!("{key}[{name}]"), member, out);
            }
        }
        plain => out.push((key.to_owned(), as_text(plain))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_values_become_keys_in_brackets() {
        let mut out = Vec::new();
        let value = json!({"price": "p_1", "tiers": [{"up_to": 1.50}, true], "none": null});
        fields("items", &value, &mut out);
        fields("expand[]", &json!(["a", "b"]), &mut out);
        let shown: Vec<String> = out.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            shown,
            [
                "items[price]=p_1",
                "items[tiers][0][up_to]=1.5",
                "items[tiers][1]=true",
                "expand[]=a",
                "expand[]=b"
            ]
        );
    }
}
