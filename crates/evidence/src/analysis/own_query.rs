//! The query of the address that the sender was given: it is the receiver's own, and no data that the sender put there.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The parameters of the endpoint's query, with the value that the run's own webhooks have there. A journal's header hides the values.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnQuery(BTreeMap<String, Option<String>>);

impl OwnQuery {
    pub(super) fn of(endpoint: &str) -> Self {
        let query = endpoint.split_once('?').map_or("", |(_, query)| query);
        Self(query.split('&').filter_map(|part| Some((part.split_once('=')?.0.to_owned(), None))).collect())
    }

    /// The same parameters, no value seen yet.
    pub(super) fn unseen(&self) -> Self {
        Self(self.0.keys().map(|name| (name.clone(), None)).collect())
    }

    /// A target without them. What has another value than in the first webhook stays: an address is the same each time.
    pub(super) fn without<'t>(&mut self, target: &'t str) -> Cow<'t, str> {
        let Some((path, query)) = target.split_once('?').filter(|_| !self.0.is_empty()) else {
            return target.into();
        };
        let rest: Vec<&str> = query.split('&').filter(|part| !self.holds(part)).collect();
        if rest.is_empty() { path.into() } else { format!("{path}?{}", rest.join("&")).into() }
    }

    fn holds(&mut self, part: &str) -> bool {
        let Some((name, value)) = part.split_once('=') else { return false };
        self.0.get_mut(name).is_some_and(|own| own.get_or_insert_with(|| value.to_owned()) == value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sender_was_given_is_taken_away_and_nothing_else() {
        let mut own = OwnQuery::of("https://hooks.example/h?token=[hidden]&v=[hidden]");
        assert_eq!(own.without("/h?token=abc&email=a@b.c&v=1"), "/h?email=a@b.c");
        assert_eq!(own.without("/h?token=abc&v=1"), "/h");
        assert_eq!(own.without("/h?token=john@example.com&v=1"), "/h?token=john@example.com");
        assert_eq!(own.unseen().without("/h?token=other"), "/h");
        assert_eq!(OwnQuery::of("https://hooks.example/h").without("/h?token=abc"), "/h?token=abc");
    }
}
