//! HTTP Message Signatures (RFC 9421) over a webhook's request, with Content-Digest (RFC 9530).

use super::key::Key;
use super::seen::{Problem, first, same};
use super::spec::SignatureSpec;
use super::template::{Context, path_of};
use super::verdict::Reason;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

/// The label that smoke signs under.
const LABEL: &str = "sig1";

/// Longer header values are not read, in bytes.
const MAX_HEADER: usize = 8192;

/// One signature of a request.
#[derive(Debug)]
struct Candidate<'h> {
    label: &'h str,
    components: Vec<&'h str>,
    /// The value of `@signature-params`.
    params: &'h str,
    created: Option<i64>,
    expires: Option<i64>,
    tag: Vec<u8>,
}

/// What was found valid.
#[derive(Debug)]
pub(super) struct Signed {
    /// When it was signed, Unix milliseconds.
    pub(super) created_ms: Option<i64>,
    /// Until when it holds, Unix milliseconds.
    pub(super) expires_ms: Option<i64>,
}

/// Checks the signatures of a request: one that covers what the profile demands must be right.
pub(super) fn verify(spec: &SignatureSpec, keys: &[&Key], context: &Context<'_>) -> Result<Signed, Problem> {
    let missing = |name: &str| Problem::new(Reason::Missing, format!("no {name} header"));
    let input = first(context.headers, "Signature-Input").ok_or_else(|| missing("Signature-Input"))?;
    let tags = first(context.headers, "Signature").ok_or_else(|| missing("Signature"))?;
    if input.len() > MAX_HEADER || tags.len() > MAX_HEADER {
        return Err(Problem::malformed(format!("a signature header is longer than {MAX_HEADER} bytes")));
    }
    let candidates = candidates(input, tags);
    if candidates.is_empty() {
        return Err(Problem::malformed(
            "Signature-Input and Signature hold no signature under one label (sig1=(\"@method\" …);created=…, sig1=:…:)",
        ));
    }
    let mut problem = Problem { reason: Reason::Mismatch, says: None };
    for candidate in &candidates {
        let lacks = spec.components.iter().find(|c| !candidate.components.contains(&c.as_str()));
        if let Some(lacks) = lacks {
            problem = Problem::malformed(format!(
                "the signature does not cover `{lacks}`, which the profile demands"
            ));
            continue;
        }
        let base = base(candidate, context)?;
        let right = keys.iter().fold(false, |found, key| found | is_right(key, &base, &candidate.tag));
        if right {
            content_digest(candidate, context)?;
            let ms = |seconds: Option<i64>| seconds.and_then(|s| s.checked_mul(1000));
            return Ok(Signed { created_ms: ms(candidate.created), expires_ms: ms(candidate.expires) });
        }
    }
    Err(problem)
}

fn is_right(key: &Key, base: &str, tag: &[u8]) -> bool {
    match key {
        Key::Mac(mac) => same(mac.over(&[base.as_bytes()]).bytes(), tag),
        Key::Private(key) => key.public().verifies(base.as_bytes(), tag),
        Key::Public(key) => key.verifies(base.as_bytes(), tag),
        Key::Token(_) | Key::Nothing => false,
    }
}

/// The headers of a signature over what the profile demands.
pub(super) fn sign(
    spec: &SignatureSpec,
    key: Option<&Key>,
    context: &Context<'_>,
) -> Vec<(&'static str, String)> {
    let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(context.body)));
    let mut headers = context.headers.to_vec();
    headers.push(("Content-Digest".to_owned(), digest.clone()));
    let listed: Vec<String> = spec.components.iter().map(|c| format!("\"{c}\"")).collect();
    let params = format!("({});created={}", listed.join(" "), context.timestamp);
    let candidate = Candidate {
        label: LABEL,
        components: spec.components.iter().map(String::as_str).collect(),
        params: &params,
        created: None,
        expires: None,
        tag: Vec::new(),
    };
    let whole =
        Context::new(context.timestamp, context.id, &headers, context.body).to(context.method, context.url);
    let tag = base(&candidate, &whole).ok().zip(key).and_then(|(base, key)| match key {
        Key::Mac(mac) => Some(mac.over(&[base.as_bytes()]).bytes().to_vec()),
        Key::Private(key) => key.sign_fixed(base.as_bytes()).ok(),
        Key::Public(_) | Key::Token(_) | Key::Nothing => None,
    });
    let signature = tag.map(|tag| format!("{LABEL}=:{}:", STANDARD.encode(tag))).unwrap_or_default();
    vec![
        ("Content-Digest", digest),
        ("Signature-Input", format!("{LABEL}={params}")),
        ("Signature", signature),
    ]
}

/// The signature base (RFC 9421, section 2.5).
fn base(candidate: &Candidate<'_>, context: &Context<'_>) -> Result<String, Problem> {
    let mut lines = String::new();
    for component in &candidate.components {
        let value = component_value(component, context).ok_or_else(|| {
            let why = if component.starts_with('@') {
                "it needs the URL that the sender posts to"
            } else {
                "there is no such header"
            };
            Problem::malformed(format!("the signature covers `{component}`, and {why}"))
        })?;
        lines.push_str(&format!("\"{component}\": {value}\n"));
    }
    lines.push_str(&format!("\"@signature-params\": {}", candidate.params));
    Ok(lines)
}

fn component_value(component: &str, context: &Context<'_>) -> Option<String> {
    let host = || {
        let rest = context.url.split_once("://").map(|(_, rest)| rest);
        let host = rest.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
        let host = host.or_else(|| first(context.headers, "Host"))?.to_ascii_lowercase();
        let usual = if context.url.starts_with("http://") { ":80" } else { ":443" };
        Some(host.strip_suffix(usual).unwrap_or(&host).to_owned())
    };
    let target = (!context.url.is_empty()).then(|| path_of(context.url));
    let (path, query) = target.map_or((None, None), |target| match target.split_once('?') {
        Some((path, query)) => (Some(path), Some(query)),
        None => (Some(target), None),
    });
    match component {
        "@method" => Some(context.method.to_owned()),
        "@authority" => host(),
        "@scheme" => context.url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase()),
        "@target-uri" => (!context.url.is_empty()).then(|| context.url.to_owned()),
        "@request-target" => target.map(str::to_owned),
        "@path" => path.map(str::to_owned),
        "@query" => path.map(|_| format!("?{}", query.unwrap_or_default())),
        other if other.starts_with('@') => None,
        header => {
            let named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(header);
            let values: Vec<&str> =
                context.headers.iter().filter(named).map(|(_, v)| v.trim_matches([' ', '\t'])).collect();
            (!values.is_empty()).then(|| values.join(", "))
        }
    }
}

/// That the Content-Digest, where it is covered, is the one of the body.
fn content_digest(candidate: &Candidate<'_>, context: &Context<'_>) -> Result<(), Problem> {
    if !candidate.components.contains(&"content-digest") {
        return Ok(());
    }
    let value = first(context.headers, "Content-Digest").unwrap_or_default();
    let mut known = false;
    for entry in value.split(',') {
        let Some((name, coded)) = entry.trim().split_once('=') else { continue };
        let digest = match name {
            "sha-256" => Sha256::digest(context.body).to_vec(),
            "sha-512" => Sha512::digest(context.body).to_vec(),
            _ => continue,
        };
        known = true;
        let bytes =
            coded.strip_prefix(':').and_then(|c| c.strip_suffix(':')).and_then(|c| STANDARD.decode(c).ok());
        if !bytes.is_some_and(|bytes| same(&bytes, &digest)) {
            return Err(Problem::new(
                Reason::Mismatch,
                "the signature is right, and its Content-Digest is not the one of this body",
            ));
        }
    }
    if known { Ok(()) } else { Err(Problem::malformed("Content-Digest holds neither sha-256 nor sha-512")) }
}

/// The signatures of the two headers, paired by label.
fn candidates<'h>(input: &'h str, tags: &'h str) -> Vec<Candidate<'h>> {
    let tags: Vec<(&str, &str)> = members(tags);
    let of = |(label, params): (&'h str, &'h str)| {
        let coded = tags.iter().find(|(l, _)| *l == label)?.1;
        let coded = coded.strip_prefix(':')?.strip_suffix(':')?;
        let (list, rest) = params.strip_prefix('(')?.split_once(')')?;
        let number = |name: &str| {
            rest.split(';').find_map(|p| p.strip_prefix(name)?.strip_prefix('=')?.parse::<i64>().ok())
        };
        let component = |text: &'h str| text.strip_prefix('"')?.strip_suffix('"');
        let components: Option<Vec<&str>> = list.split_ascii_whitespace().map(component).collect();
        Some(Candidate {
            label,
            components: components?,
            params,
            created: number("created"),
            expires: number("expires"),
            tag: STANDARD.decode(coded).ok()?,
        })
    };
    members(input).into_iter().filter_map(of).filter(|c| !c.label.is_empty()).take(8).collect()
}

/// The members of a dictionary (RFC 8941): label and the text of the value.
fn members(text: &str) -> Vec<(&str, &str)> {
    let (mut found, mut from, mut quoted, mut depth) = (Vec::new(), 0, false, 0u32);
    let ends = text.char_indices().filter(|(_, c)| {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        *c == ',' && !quoted && depth == 0
    });
    let ends: Vec<usize> = ends.map(|(at, _)| at).chain([text.len()]).collect();
    for end in ends {
        if let Some((label, value)) = text.get(from..end).and_then(|member| member.split_once('=')) {
            found.push((label.trim(), value.trim()));
        }
        from = end + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_parted_outside_quotes_and_lists() {
        let text = r#"sig1=("@method" "x");keyid="a,b", sig2=("@path")"#;
        assert_eq!(members(text), [("sig1", r#"("@method" "x");keyid="a,b""#), ("sig2", r#"("@path")"#)]);
    }
}
