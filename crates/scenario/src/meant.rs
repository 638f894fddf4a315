//! Texts in which a template was meant and none is: its braces were forgotten, or half of them. Taken as they stand they are equal
//! to nothing that is ever sent, so that what they are to find is never found.

use super::check::Checker;
use super::names::{Names, at};
use super::template::{self, Filter, Piece, Term};
use super::tree::Seg;
use serde_json::Value;

impl Checker<'_> {
    /// The name of a value in one pair of braces (`{ sub }`, `${sub}`).
    pub(super) fn half_template(&mut self, path: &[Seg], text: &str, names: &Names) {
        let pieces = template::parse(text).unwrap_or_default();
        let texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(*text),
            Piece::Expr { .. } => None,
        });
        let known = |name: &&str| names.refuse(name).is_none();
        if let Some(name) = texts.flat_map(in_single_braces).find(known) {
            self.wrong(path, format!("a template has two pairs of braces: write {{{{ {name} }}}}"));
        }
    }

    /// A text by which the flows' webhooks are told from others'. Without a template it is the same for every flow, and may be meant so.
    pub(super) fn of_each_flow(&mut self, path: &[Seg], text: &str, names: &Names) {
        if is_template(text) || in_single_braces(text).any(|name| names.refuse(name).is_none()) {
            return;
        }
        if text.trim().is_empty() {
            return self.wrong(path, "nothing is written here: give the value of a flow, as in {{ run_id }}");
        }
        let name = text.trim().trim_matches(['$', '{', '}', ' ']);
        let is_name = names.refuse(name).is_none();
        if is_name || is_in_braces(text) {
            let (meant, quoted) = (if is_name { name } else { "run_id" }, Value::from(text));
            let same = "no template, so the same for every flow";
            let told =
                format!("{same}: write {{{{ {meant} }}}}, or {{{{ {quoted} }}}} if that text is meant");
            self.wrong(path, told);
        }
    }

    /// The canaries: one that is never looked for finds nothing.
    pub(super) fn identities(&mut self) {
        let (scenario, names) = (self.scenario, Names::of_flow(self.scenario));
        for (index, identity) in scenario.identities.iter().enumerate() {
            let path = at(&["identities".into()], [index.into(), "value".into()]);
            let text = identity.value.trim();
            self.half_template(&path, text, &names);
            if is_template(text) || in_single_braces(text).any(|name| names.refuse(name).is_none()) {
                continue;
            }
            if scenario.is_declared(text) {
                let quoted = Value::from(text);
                let message = format!(
                    "`{text}` is the name of a value: write {{{{ {text} }}}}, or {{{{ {quoted} }}}} if that text is meant"
                );
                self.wrong(&path, message);
            } else if let Some(problem) = identity.kind.misfit(text) {
                self.wrong(&path, format!("{problem}, so that this is never found"));
            }
        }
    }
}

/// Whether the whole of a text stands in braces.
pub(super) fn is_in_braces(text: &str) -> bool {
    text.trim().trim_start_matches('$').starts_with('{') && text.trim().ends_with('}')
}

/// Whether there is a template in a text.
fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// Whether a text says that it may be nothing: its last default is.
pub(super) fn may_be_nothing(text: &str) -> bool {
    let pieces = template::parse(text).unwrap_or_default();
    let [Piece::Expr { expr, .. }] = pieces.as_slice() else { return false };
    let mut defaults = expr.filters.iter().filter_map(|filter| match filter {
        Filter::Default(Term::Literal(value)) => Some(value.is_null() || value == ""),
        Filter::Default(Term::Name(_)) => Some(false),
        _ => None,
    });
    defaults.next_back() == Some(true)
}

/// The names in one pair of braces.
fn in_single_braces(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let within = text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.trim());
    within.filter(move |name| !name.is_empty() && name.chars().all(is_word))
}

#[cfg(test)]
mod tests {
    use crate::tests::{GOOD, try_load};

    fn with(lines: &str) -> Result<(), String> {
        try_load(&GOOD.replacen("steps:", &format!("{lines}\nsteps:"), 1)).map(|_| ())
    }

    #[test]
    fn a_template_that_lacks_its_braces_is_told() {
        for (value, told) in [
            (
                "made",
                "s.yaml:11:26: no template, so the same for every flow: write {{ made }}, or {{ \"made\" }} if",
            ),
            ("\"{ made }\"", "s.yaml:11:26: a template has two pairs of braces: write {{ made }}"),
            ("\"${made}\"", "s.yaml:11:26: a template has two pairs of braces: write {{ made }}"),
            ("\"{{ run_id }}-{flow}\"", "s.yaml:11:26: a template has two pairs of braces: write {{ flow }}"),
            ("\"${mad}\"", "s.yaml:11:26: no template"),
            ("\"\"", "s.yaml:11:26: nothing is written here"),
        ] {
            let error = with(&format!("webhooks: {{ ours: {{ /id: {value} }} }}")).unwrap_err();
            assert!(error.starts_with(told) && error.lines().count() == 1, "{value}: {error}");
        }
        for value in ["fixed", "{{ made }}", "{{ 'fixed' }}", "{{ run_id }}-{x}", "{{ who }}"] {
            assert_eq!(with(&format!("webhooks: {{ ours: {{ /id: \"{value}\" }} }}")), Ok(()), "{value}");
        }
    }

    #[test]
    fn a_canary_that_is_never_found_is_told() {
        for (kind, value, told) in [
            ("username", "who", "`who` is the name of a value: write {{ who }}"),
            ("username", "\"{ who }\"", "a template has two pairs of braces: write {{ who }}"),
            ("username", "\"\"", "fewer than two characters are not looked for"),
            ("email", "nick", "an e-mail address has an @"),
            ("phone", "\"12\"", "a phone number has 7 digits or more"),
            ("ip", "nick", "this is no IP address"),
        ] {
            let error = with(&format!("identities: [{{ kind: {kind}, value: {value} }}]")).unwrap_err();
            assert!(error.starts_with("s.yaml:11:") && error.contains(told), "{kind} {value}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        for (kind, value) in [
            ("username", "smoke_bot"),
            ("email", "bot@example.com"),
            ("phone", "+880 1712-345678"),
            ("ip", "[2001:db8::1]"),
            ("display_name", "{{ thing | default('') }}"),
        ] {
            assert_eq!(
                with(&format!("identities: [{{ kind: {kind}, value: \"{value}\" }}]")),
                Ok(()),
                "{value}"
            );
        }
    }
}
