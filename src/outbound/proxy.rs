//! Which proxy a request goes through: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower or upper case.
//!
//! The rules are those of curl and Go's `net/http`: the variable in lower case goes before the one in upper case, and
//! `HTTP_PROXY` in upper case is not read in a CGI program, where a client can set it. This machine itself is never
//! reached through a proxy.

use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// The proxies of the environment.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Named,
    https: Named,
    direct: Vec<Direct>,
}

/// What the variable for a scheme names: a proxy, nothing, or what is none.
type Named = Option<Result<Via, ProxyError>>;

/// A proxy, and the variable that names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Via {
    pub url: Url,
    pub variable: &'static str,
}

// The URL of a proxy often holds a password.
impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or_default();
        write!(f, "{}://{host}:{port} ({})", self.url.scheme(), self.variable)
    }
}

/// A proxy variable that is none. The value stays out of the message: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable {variable} is not a proxy smoke can use: give a URL such as http://proxy.example.com:3128"
)]
pub struct ProxyError {
    variable: &'static str,
}

/// What `NO_PROXY` excepts.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    Everything,
    /// A domain and all below it; with a port only that one.
    Domain(String, Option<u16>),
    Address(IpAddr, Option<u16>),
    /// The addresses with the same first bits.
    Network(IpAddr, u8),
}

impl Proxies {
    /// The proxies of this process's environment.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(&|name| std::env::var(name).ok())
    }

    fn new(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let cgi = env("REQUEST_METHOD").is_some();
        let of = |names: &[&'static str]| -> Named {
            let set = |name: &&'static str| Some((*name, env(name).filter(|v| !v.trim().is_empty())?));
            let found = names.iter().filter(|name| !(cgi && **name == "HTTP_PROXY")).find_map(set);
            found.map(|(variable, text)| parse(variable, text.trim()))
        };
        let all = of(&["all_proxy", "ALL_PROXY"]);
        let listed = env("no_proxy").or_else(|| env("NO_PROXY")).unwrap_or_default();
        Self {
            http: of(&["http_proxy", "HTTP_PROXY"]).or_else(|| all.clone()),
            https: of(&["https_proxy", "HTTPS_PROXY"]).or(all),
            direct: listed.split([',', ' ']).filter_map(Direct::parse).collect(),
        }
    }

    /// Whether everything is reached directly.
    #[must_use]
    pub const fn are_none(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The proxy for a URL; `None` when it is reached directly.
    ///
    /// # Errors
    /// When the URL is to be reached through one, and the variable holds no URL of an http or https proxy.
    pub fn of(&self, url: &Url) -> Result<Option<&Via>, ProxyError> {
        let named = if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() };
        let named = named.filter(|_| !is_loopback(url) && !self.direct.iter().any(|d| d.holds(url)));
        named.map(Result::as_ref).transpose().map_err(Clone::clone)
    }
}

/// Whether a URL leads to this machine: `localhost`, names below it (RFC 6761), 127.0.0.0/8 and ::1.
#[must_use]
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => ip.to_canonical().is_loopback() || ip.is_unspecified(),
        None => false,
    }
}

fn parse(variable: &'static str, text: &str) -> Result<Via, ProxyError> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
    url.map(|url| Via { url, variable }).ok_or(ProxyError { variable })
}

impl Direct {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        match text.as_str() {
            "" => return None,
            "*" => return Some(Self::Everything),
            _ => {}
        }
        if let Some((address, bits)) = text.split_once('/') {
            return Some(Self::Network(address.parse().ok()?, bits.parse().ok()?));
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse() {
            return Some(Self::Address(address, None));
        }
        let (host, port) = match text.rsplit_once(':').and_then(|(h, p)| Some((h, p.parse().ok()?))) {
            Some((host, port)) => (host, Some(port)),
            None => (text.as_str(), None),
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Some(Self::Address(address, port));
        }
        let domain = host.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.');
        (!domain.is_empty()).then(|| Self::Domain(domain.to_owned(), port))
    }

    fn holds(&self, url: &Url) -> bool {
        let port_fits =
            |port: &Option<u16>| port.is_none_or(|port| url.port_or_known_default() == Some(port));
        let address = || match url.host()? {
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(ip.to_canonical()),
            Host::Domain(_) => None,
        };
        match self {
            Self::Everything => true,
            Self::Address(ip, port) => address() == Some(ip.to_canonical()) && port_fits(port),
            Self::Network(ip, bits) => address().is_some_and(|a| same_network(a, *ip, *bits)),
            Self::Domain(domain, port) => {
                let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
                let below =
                    host.strip_suffix(domain.as_str()).is_some_and(|h| h.is_empty() || h.ends_with('.'));
                below && port_fits(port)
            }
        }
    }
}

fn same_network(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    let bits = u32::from(bits);
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(32u32.saturating_sub(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (a.to_bits() ^ b.to_bits()).checked_shr(128u32.saturating_sub(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(vars: &[(&str, &str)], url: &str) -> Option<String> {
        let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let proxies = Proxies::new(&env);
        proxies.of(&Url::parse(url).unwrap()).unwrap().map(ToString::to_string)
    }

    #[test]
    fn the_usual_variables_are_read_in_both_cases() {
        let at = |name: &str| Some(format!("http://p.example:3128 ({name})"));
        let one = |name: &'static str, url: &str| through(&[(name, "http://u:pw@p.example:3128")], url);
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            assert_eq!(one(name, "http://staging.example/"), at(name));
        }
        for name in ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            assert_eq!(one(name, "https://staging.example/"), at(name));
        }
        assert_eq!(one("HTTP_PROXY", "https://staging.example/"), None);
        assert_eq!(through(&[("HTTP_PROXY", "p.example:3128")], "http://s.example/"), at("HTTP_PROXY"));
        assert_eq!(through(&[("HTTP_PROXY", " ")], "http://s.example/"), None);
        let cgi = [("HTTP_PROXY", "http://p.example:3128"), ("REQUEST_METHOD", "GET")];
        assert_eq!(through(&cgi, "http://s.example/"), None);
    }

    #[test]
    fn this_machine_is_never_reached_through_a_proxy() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "api.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ] {
            let url = format!("http://{host}:8000/");
            assert_eq!(
                through(&[("HTTP_PROXY", "http://p:1"), ("ALL_PROXY", "http://p:1")], &url),
                None,
                "{host}"
            );
        }
        assert!(through(&[("HTTP_PROXY", "http://p:1")], "http://localhost.example/").is_some());
    }

    #[test]
    fn no_proxy_excepts_names_addresses_and_networks() {
        let direct = |list: &str, url: &str| {
            through(&[("HTTP_PROXY", "http://p:1"), ("NO_PROXY", list)], url).is_none()
        };
        for (list, url) in [
            ("*", "http://a.example/"),
            ("a.example", "http://a.example/"),
            ("example", "http://a.example/"),
            (".a.example,b", "http://x.A.example/"),
            ("b, a.example:8000", "http://a.example:8000/"),
            ("10.1.2.3", "http://10.1.2.3/"),
            ("10.0.0.0/8", "http://10.1.2.3/"),
            ("fd00::/8", "http://[fd00::1]/"),
            ("0.0.0.0/0", "http://10.1.2.3/"),
        ] {
            assert!(direct(list, url), "{list} {url}");
        }
        for (list, url) in [
            ("", "http://a.example/"),
            ("ample", "http://a.example/"),
            ("a.example:80", "http://a.example:8000/"),
            ("10.0.0.0/16", "http://10.1.2.3/"),
            ("fd00::/8", "http://10.1.2.3/"),
        ] {
            assert!(!direct(list, url), "{list} {url}");
        }
    }

    #[test]
    fn a_variable_that_is_no_proxy_is_named_and_not_quoted() {
        for bad in ["socks5://u:hunter2@p:1", "http://", "http://u:hunter2@p:99999"] {
            let proxies = Proxies::new(&|n| match n {
                "ALL_PROXY" => Some(bad.to_owned()),
                "NO_PROXY" => Some("inside.example".to_owned()),
                _ => None,
            });
            let of = |url: &str| proxies.of(&Url::parse(url).unwrap());
            let error = of("https://staging.example/").unwrap_err().to_string();
            assert!(error.contains("ALL_PROXY") && !error.contains("hunter2"), "{error}");
            // Who needs none does not mind it.
            assert_eq!((of("http://127.0.0.1:8000/"), of("http://inside.example/")), (Ok(None), Ok(None)));
        }
    }
}
