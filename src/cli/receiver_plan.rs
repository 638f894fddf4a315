//! Where a run receives its webhooks: here, or at a `smoke receive` that the sender can reach.

use super::run_args::FlowArgs;
use super::{Failure, receive_files};
use crate::executor::{Listen, Receiver, RemoteInbox};
use record::faults::FaultPlan;
use scenario::Env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use url::Url;

/// Where webhooks are posted to unless told otherwise (the staging guide).
const DEFAULT_PATH: &str = "/webhooks/inbound";
/// The receiver's port beside a staging system.
const DEFAULT_PORT: u16 = 8787;

/// Resolves it: `--inbox`, else an address to listen on.
///
/// # Errors
/// Usage: a URL, path or token that is none, or faults for a receiver that is not ours to break.
pub(super) fn receiver(
    args: &FlowArgs,
    env: &Env,
    embedded: bool,
    faults: &FaultPlan,
) -> Result<Receiver, Failure> {
    let (Some(url), Some(token)) = (&args.inbox, &args.token_file) else {
        return listen(args, env, embedded).map(Receiver::Here);
    };
    if !faults.specs().is_empty() {
        return Err(Failure::usage(
            "--inbox: faults are injected by the process that receives; start that `smoke receive` with --inject, or run \
             without faults",
        ));
    }
    let token = receive_files::token(token)?;
    Ok(Receiver::Remote(RemoteInbox { url: url.clone(), token, public_url: args.public_url.clone() }))
}

fn listen(args: &FlowArgs, env: &Env, embedded: bool) -> Result<Listen, Failure> {
    if embedded {
        let address = args.listen.unwrap_or_else(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0));
        let path = args.path.clone().unwrap_or_else(|| DEFAULT_PATH.to_owned());
        return Ok(Listen { address, path: checked_path(path)?, public_url: None });
    }
    let (flag, url) = match &args.public_url {
        Some(url) => ("--public-url", Some(url.clone())),
        None => ("WEBHOOK_ENDPOINT", env("WEBHOOK_ENDPOINT").filter(|v| !v.is_empty())),
    };
    let parsed =
        url.as_ref().map(|url| Url::parse(url).map_err(|e| Failure::usage(format!("{flag} {url}: {e}"))));
    let parsed = parsed.transpose()?;
    let own_path = parsed.as_ref().map(|u| u.path().to_owned()).filter(|p| p.len() > 1);
    let path = args.path.clone().or(own_path).unwrap_or_else(|| DEFAULT_PATH.to_owned());
    let address = args.listen.or_else(|| parsed.as_ref().and_then(local_address));
    let address = address.unwrap_or_else(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DEFAULT_PORT));
    Ok(Listen { address, path: checked_path(path)?, public_url: url })
}

pub(super) fn checked_path(path: String) -> Result<String, Failure> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#');
    if !path.starts_with('/') || path.contains(odd) {
        return Err(Failure::usage(format!("--path {path}: a path begins with / and has no blanks, ? or #")));
    }
    let own = ["/healthz", "/healthz/", "/metrics", "/_smoke"];
    if own.contains(&path.as_str()) || path.starts_with("/_smoke/") {
        return Err(Failure::usage(format!(
            "--path {path}: smoke receive answers there itself; take another one, such as {DEFAULT_PATH}"
        )));
    }
    Ok(path)
}

/// The address to listen on when the sender reaches the receiver on this machine.
fn local_address(url: &Url) -> Option<SocketAddr> {
    let ip = match url.host_str()? {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.trim_matches(['[', ']']).parse().ok()?,
    };
    ip.is_loopback().then_some(SocketAddr::new(ip, url.port_or_known_default()?))
}
