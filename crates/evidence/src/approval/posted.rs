//! Where webhooks say that they were posted to, against the endpoint in the header.

use record::{Attempt, Header, RunKind};

/// Headers that name the host which a sender asked for; proxies write the last two.
const HOSTS: [&str; 3] = ["host", "x-forwarded-host", "forwarded"];

/// Where the webhooks of a run came to.
#[derive(Debug, Default)]
pub(super) struct Posted {
    endpoint: Option<Place>,
    /// Of the sender's own webhooks, those that name a host.
    named: u64,
    /// Of those, the ones that name the endpoint's.
    there: u64,
    /// Whether one came to the endpoint's path, or to its end, where a proxy cuts off the beginning.
    is_on_path: bool,
    /// What the first one said that did not name it.
    other: Option<String>,
}

/// Host with port, and path, of a URL.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    /// `None` where nobody could ask for it: the address of all interfaces.
    host: Option<String>,
    path: String,
}

impl Posted {
    /// Only a run is posted to for its own sake; whoever only receives may be reached by many names.
    pub(super) fn new(header: &Header) -> Self {
        let endpoint = (header.kind == RunKind::Run).then(|| Place::of(&header.webhook.endpoint)).flatten();
        Self { endpoint, ..Self::default() }
    }

    /// Takes in a webhook that may be the sender's.
    pub(super) fn take(&mut self, attempt: &Attempt) {
        let Some(endpoint) = &self.endpoint else { return };
        let named = HOSTS.iter().filter_map(|name| attempt.header(name));
        let mut hosts = named.flat_map(|text| text.split([',', ';'])).map(host_of).peekable();
        let Some(first) = hosts.peek().cloned() else { return };
        self.named += 1;
        if endpoint.host.as_ref().is_none_or(|own| hosts.any(|host| host == *own)) {
            self.there += 1;
        } else {
            self.other.get_or_insert(first);
        }
        let path = attempt.target.split(['?', '#']).next().unwrap_or_default();
        self.is_on_path |= endpoint.path.ends_with(path.trim_end_matches('/'));
    }

    /// Why the endpoint in the header is not where they came to, if it is not.
    pub(super) fn differs(&self) -> Option<String> {
        let endpoint = self.endpoint.as_ref().filter(|_| self.named > 0)?;
        if self.there == 0 {
            let other = self.other.clone().unwrap_or_default();
            let own = endpoint.host.clone().unwrap_or_default();
            return Some(format!(
                "no webhook names {own} as its host, the first names {other}: a proxy in front of the receiver writes its own name, or \
                 the endpoint in the header was changed"
            ));
        }
        (!self.is_on_path).then(|| format!("no webhook arrived at the path {}", endpoint.path))
    }

    /// Whether it was compared at all.
    pub(super) const fn is_compared(&self) -> bool {
        self.named > 0
    }
}

impl Place {
    /// `None` where it is no URL.
    fn of(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = host_of(authority);
        let usual = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
        let host = host.strip_suffix(usual).unwrap_or(&host).to_owned();
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        let is_any = ["0.0.0.0", "[::]", ""].contains(&name);
        let path = path.split(['?', '#']).next().unwrap_or_default().to_owned();
        Some(Self { host: (!is_any).then_some(host), path })
    }
}

/// A host as it is compared: `Host: A.example:443` and `Forwarded: host="a.example"` are one. The port stays, but for the usual ones
/// of the two schemes.
fn host_of(text: &str) -> String {
    let text = text.trim();
    let value = text
        .split_once('=')
        .map_or(text, |(name, value)| if name.trim().eq_ignore_ascii_case("host") { value } else { "" });
    let host = value.trim().trim_matches('"').trim_end_matches('.').to_ascii_lowercase();
    [":443", ":80"].iter().find_map(|usual| host.strip_suffix(usual)).map_or(host.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_in_each_of_its_spellings() {
        let of = |url| Place::of(url).map(|place| (place.host, place.path));
        let hook = Some((Some("hooks.example".to_owned()), "/in".to_owned()));
        assert_eq!(of("https://Hooks.example:443/in?token=[hidden]"), hook);
        assert_eq!(of("https://[hidden]@hooks.example/in"), hook);
        assert_eq!(of("http://0.0.0.0:9000/in"), Some((None, "/in".to_owned())));
        assert_eq!(of(""), None);
        assert_eq!(of("http://127.0.0.1:8787/in").unwrap().0.unwrap(), "127.0.0.1:8787");
        for text in
            ["HOOKS.example:443", " hooks.example.", "host=\"hooks.example\"", "Host=hooks.example:80"]
        {
            assert_eq!(host_of(text), "hooks.example", "{text}");
        }
        assert_eq!(host_of("proto=https"), "");
    }
}
