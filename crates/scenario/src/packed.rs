//! Rows that are held until they are needed.

use super::scope::Row;

/// A row that is not needed yet, as JSON: a fifth of what it takes once it is read.
pub(super) struct Packed(Box<[u8]>);

impl Packed {
    pub(super) fn new(row: &Row) -> Option<Self> {
        // What came out of a file or a template goes into JSON.
        serde_json::to_vec(row).ok().map(|json| Self(json.into()))
    }

    pub(super) fn row(&self) -> Option<Row> {
        serde_json::from_slice(&self.0).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_same_when_it_is_needed() {
        let text = r#"{"amount":1.50,"big":123456789012345678901234567890,"name":"A \"b\" ü","none":null,"tags":[1,{"x":true}]}"#;
        let row: Row = serde_json::from_str(text).unwrap();
        let packed = Packed::new(&row).unwrap();
        assert_eq!(packed.row(), Some(row), "every digit");
        assert_eq!(&*packed.0, text.as_bytes());
    }
}
