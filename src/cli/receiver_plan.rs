//! Where a run receives its webhooks: here, or at a `smoke receive` that the sender can reach.

use super::run_args::FlowArgs;
use super::{Failure, environment, receive_files};
use crate::executor::{Listen, Receiver, RemoteInbox};
use crate::inbox::{Door, Tls};
use crate::outbound::{http_url, shown_url};
use record::faults::FaultPlan;
use scenario::{Env, Listening, Loaded, TlsFiles};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use url::Url;

/// Where webhooks are posted to unless told otherwise (the staging guide).
const DEFAULT_PATH: &str = "/webhooks/inbound";
/// The receiver's port beside a staging system.
const DEFAULT_PORT: u16 = 8787;

/// Resolves it: `--inbox`, else an address to listen on. A `--public-url` is held to be a URL for the stand-in too, which is never
/// told it.
///
/// # Errors
/// Usage: a URL, path or token that is none, or faults for a receiver that is not ours to break.
pub(super) fn receiver(
    args: &FlowArgs,
    env: &Env,
    embedded: bool,
    faults: &FaultPlan,
    own: Option<&Listening>,
) -> Result<Receiver, Failure> {
    args.public_url.as_deref().map_or(Ok(()), |url| public_url("--public-url", url).map(drop))?;
    let (Some(url), Some(token)) = (&args.inbox, &args.token_file) else {
        return listen(args, env, embedded, own).map(Receiver::Here);
    };
    if !faults.specs().is_empty() {
        return Err(Failure::usage(
            "--inbox: faults are injected by the receiving process; start that `smoke receive` with --inject, or run \
             without faults",
        ));
    }
    let token = receive_files::token(token)?;
    Ok(Receiver::Remote(RemoteInbox { url: url.clone(), token, public_url: args.public_url.clone() }))
}

/// Certificate and key of the receiver here, as the scenario names them.
///
/// # Errors
/// Usage: a file that is no certificate, or no key.
pub(super) fn tls(loaded: &Loaded) -> Result<Tls, Failure> {
    let files = loaded.scenario.listen.as_ref().and_then(|listen| listen.tls.as_ref());
    let of = |file: &str| loaded.dir.join(file);
    let Some(TlsFiles { certificate, key }) = files else { return Ok(None) };
    receive_files::tls_of(("listen.tls.certificate", &of(certificate)), ("listen.tls.key", &of(key)))
}

/// Paths and methods: those of the scenario, with `path` in the place of the first where one is given.
fn door(path: Option<String>, own: Option<&Listening>) -> Result<Door, Failure> {
    let mut paths = own.map(|own| own.paths.clone()).unwrap_or_default().into_iter();
    let first = paths.next();
    let path = checked_path(path.or(first).unwrap_or_else(|| DEFAULT_PATH.to_owned()))?;
    let more_paths = paths.map(checked_path).collect::<Result<Vec<_>, _>>()?;
    let methods: Vec<String> =
        own.iter().flat_map(|own| &own.methods).map(|method| method.as_str().to_owned()).collect();
    let usual = Door::posted(path);
    Ok(Door { more_paths, methods: if methods.is_empty() { usual.methods } else { methods }, ..usual })
}

fn listen(args: &FlowArgs, env: &Env, embedded: bool, own: Option<&Listening>) -> Result<Listen, Failure> {
    let tls = own.is_some_and(|own| own.tls.is_some());
    if embedded {
        if tls {
            return Err(Failure::usage(
                "listen.tls: the embedded stand-in only posts over http; give --staging, or leave out tls",
            ));
        }
        let address = args.listen.unwrap_or_else(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0));
        return Ok(Listen { address, door: door(args.path.clone(), own)?, tls, public_url: None });
    }
    let (flag, url) = match &args.public_url {
        Some(url) => ("--public-url", Some(url.clone())),
        None => ("WEBHOOK_ENDPOINT", environment::setting(env.as_ref(), "WEBHOOK_ENDPOINT")?),
    };
    let public = url.map(|url| public_url(flag, &url)).transpose()?;
    let door = door(args.path.clone().or_else(|| public.as_ref().and_then(|url| url.path.clone())), own)?;
    let public = public.map(|public| public.url);
    let address = args.listen.or_else(|| public.as_ref().and_then(local_address));
    let address = address.unwrap_or_else(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DEFAULT_PORT));
    let public_url = public.map(|url| with_path(url, &door.path).to_string());
    Ok(Listen { address, door, tls, public_url })
}

/// The URL under which the sender reaches the receiver.
struct PublicUrl {
    /// Its query and credentials are the sender's business, and stay.
    url: Url,
    /// The path that it names: `https://host/` names the root, `https://host` none.
    path: Option<String>,
}

fn public_url(flag: &str, text: &str) -> Result<PublicUrl, Failure> {
    let wrong = |why: &str| {
        let shown = shown_url(text);
        Failure::usage(format!(
            "{flag} {shown}: {why}; give a URL such as https://hooks.example.com/webhooks/inbound"
        ))
    };
    let url = http_url(text).map_err(|why| wrong(&why))?;
    if url.fragment().is_some() {
        return Err(wrong("anything after a # is never sent"));
    }
    // The parser makes a bare host's path a slash.
    let bare = url.path() == "/"
        && !text.split(['?', '#']).next().is_some_and(|text| text.trim_end().ends_with('/'));
    let path = (!bare).then(|| url.path().to_owned());
    Ok(PublicUrl { url, path })
}

/// The URL with the receiver's path at its end; one that has it stays as it is, slash and query included.
fn with_path(mut url: Url, path: &str) -> Url {
    let own = url.path().to_owned();
    if !own.ends_with(path) {
        url.set_path(&format!("{}{path}", own.trim_end_matches('/')));
    }
    url
}

pub(super) fn checked_path(path: String) -> Result<String, Failure> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#');
    if !path.starts_with('/') || path.contains(odd) {
        return Err(Failure::usage(format!("--path {path}: a path begins with / and has no spaces, ? or #")));
    }
    // A sender requests what a URL makes of it, and nothing else comes.
    if let Some(requested) = as_requested(&path).filter(|requested| *requested != path) {
        return Err(Failure::usage(format!("--path {path}: write it as it is requested: {requested}")));
    }
    let own = ["/healthz", "/healthz/", "/metrics", "/_smoke"];
    if own.contains(&path.as_str()) || path.starts_with("/_smoke/") {
        return Err(Failure::usage(format!(
            "--path {path}: smoke receive answers there itself; take another one, such as {DEFAULT_PATH}"
        )));
    }
    Ok(path)
}

/// The path that is requested of a URL that has this one.
fn as_requested(path: &str) -> Option<String> {
    let mut url = Url::parse("http://localhost/").ok()?;
    url.set_path(path);
    Some(url.path().to_owned())
}

/// The address to listen on when the sender reaches the receiver on this machine.
fn local_address(url: &Url) -> Option<SocketAddr> {
    let ip = match url.host_str()? {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.trim_matches(['[', ']']).parse().ok()?,
    };
    ip.is_loopback().then_some(SocketAddr::new(ip, url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_told_back_as_it_was_given() {
        let of = |text: &str, path: &str| {
            with_path(public_url("--public-url", text).unwrap().url, path).to_string()
        };
        for text in [
            "https://h.example/",
            "https://h.example/?token=abc",
            "https://h.example/webhooks/inbound/",
            "https://h.example/webhooks/inbound?token=abc",
            "https://user:pw@h.example/webhooks/inbound",
        ] {
            let path = public_url("--public-url", text).unwrap().path.unwrap();
            assert_eq!(of(text, &path), text);
        }
        for bare in ["https://h.example", "https://h.example?token=a/"] {
            assert_eq!(public_url("--public-url", bare).unwrap().path, None, "{bare}");
        }
        assert_eq!(of("https://h.example", "/in"), "https://h.example/in");
        assert_eq!(of("https://h.example/base/", "/in"), "https://h.example/base/in");
    }

    #[test]
    fn what_is_no_public_url_is_refused_without_its_secrets() {
        for text in
            ["ftp://u:hunter2@h/x?t=hunter2", "https://u:hunter2@h.example/x#y", "u:hunter2@h.example"]
        {
            let Err(error) = public_url("WEBHOOK_ENDPOINT", text) else { panic!("{text}") };
            let error = error.to_string();
            assert!(error.contains("WEBHOOK_ENDPOINT") && !error.contains("hunter2"), "{error}");
        }
    }
}
