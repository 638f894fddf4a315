//! Masks a value so that a reader recognises its kind, and nobody can rebuild it.

use super::category::Category;

/// What stands for the hidden part.
const STARS: &str = "***";

/// The masked excerpt of `value`. At most 3 letters, or the last 2 to 4 digits, are kept, never more than a quarter.
#[must_use]
pub(crate) fn mask(category: Category, value: &str) -> String {
    (category.kind().mask)(value.trim())
}

/// The first letter and stars; short values show nothing.
pub(crate) fn initial(value: &str) -> String {
    match value.chars().next() {
        Some(c) if c.is_alphanumeric() && value.chars().nth(3).is_some() => format!("{c}{STARS}"),
        _ => STARS.into(),
    }
}

/// Stars and the last digits, as many as `keep` and a quarter of all digits allow.
pub(crate) fn tail(value: &str, keep: usize) -> String {
    let digits: Vec<char> = value.chars().filter(char::is_ascii_digit).collect();
    let keep = keep.min(digits.len() / 4);
    let shown: String = digits.iter().skip(digits.len() - keep).collect();
    format!("{STARS} {shown}").trim_end().to_owned()
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_the_kind_only() {
        assert_eq!(mask(Category::Email, "rahim.uddin@gmail.com"), "r***@g***.com");
        assert_eq!(mask(Category::Phone, "+8801712345678"), "*** 78");
        assert_eq!(mask(Category::Card, "4111 1111 1111 1111"), "*** 1111");
        assert_eq!(mask(Category::IpAddress, "203.0.113.9"), "*.*.*.*");
        assert_eq!(mask(Category::Name, "Rahim Uddin"), "R*** U***");
        assert_eq!(mask(Category::Username, "abc"), "***");
        assert_eq!(mask(Category::Token, "hunter2"), "*** (7 characters)");
        assert_eq!(mask(Category::Iban, "DE76283163927294734727"), "***");
    }
}
