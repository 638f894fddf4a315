//! Masks a value so that a reader recognises its kind, and nobody can rebuild it.

use super::category::Category;

/// What stands for the hidden part.
const STARS: &str = "***";

/// The masked excerpt of `value`. At most 3 letters, or the last 2 to 4 digits, are kept, never more than a quarter.
#[must_use]
pub fn mask(category: Category, value: &str) -> String {
    let value = value.trim();
    match category {
        Category::Email => email(value),
        Category::Phone => tail(value, 2),
        Category::Card => tail(value, 4),
        Category::IpAddress => {
            if value.contains(':') {
                "***:***:***".into()
            } else {
                "*.*.*.*".into()
            }
        }
        Category::Name => value.split_whitespace().take(4).map(initial).collect::<Vec<_>>().join(" "),
        Category::Username | Category::AccountId => initial(value),
        Category::Token => format!("{STARS} ({} characters)", value.chars().count()),
        Category::Iban | Category::GovId => STARS.into(),
    }
}

/// `r***@g***.com`
fn email(value: &str) -> String {
    let Some((local, domain)) = value.rsplit_once('@') else { return STARS.into() };
    let host = domain.chars().next().filter(|c| c.is_alphanumeric()).map_or(String::new(), String::from);
    match domain.rsplit_once('.') {
        Some((_, top)) if top.chars().all(char::is_alphanumeric) => {
            format!("{}@{host}{STARS}.{top}", initial(local))
        }
        _ => format!("{}@{host}{STARS}", initial(local)),
    }
}

/// The first letter and stars; short values show nothing.
fn initial(value: &str) -> String {
    match value.chars().next() {
        Some(c) if c.is_alphanumeric() && value.chars().nth(3).is_some() => format!("{c}{STARS}"),
        _ => STARS.into(),
    }
}

/// Stars and the last digits, as many as `keep` and a quarter of all digits allow.
fn tail(value: &str, keep: usize) -> String {
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
