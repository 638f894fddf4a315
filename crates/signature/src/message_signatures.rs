//! HTTP Message Signatures (RFC 9421) over a webhook's request, with Content-Digest (RFC 9530).

use super::compare::same;
use super::key::{Key, Mac};
use super::other_urls::{SWAPPED, other_scheme};
use super::seen::{Problem, first};
use super::spec::SignatureSpec;
use super::template::{Context, path_of};
use super::verdict::Reason;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};
use std::borrow::Cow;

/// The label that smoke signs under.
const LABEL: &str = "sig1";

/// Longer header values are not read, in bytes.
const MAX_HEADER: usize = 8192;

/// More signatures in one request are not read.
const MAX_MEMBERS: usize = 64;

/// One signature of a request.
#[derive(Debug)]
struct Candidate<'h> {
    label: &'h str,
    components: Vec<&'h str>,
    /// The value of `@signature-params`.
    params: &'h str,
    created: Option<i64>,
    expires: Option<i64>,
    /// The algorithm that it says it is of.
    alg: Option<&'h str>,
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
    let input = listed(context.headers, "Signature-Input").ok_or_else(|| missing("Signature-Input"))?;
    let tags = listed(context.headers, "Signature").ok_or_else(|| missing("Signature"))?;
    if input.len() > MAX_HEADER || tags.len() > MAX_HEADER {
        return Err(Problem::malformed(format!("a signature header is longer than {MAX_HEADER} bytes")));
    }
    let candidates = candidates(&input, &tags);
    if candidates.is_empty() {
        return Err(Problem::malformed(
            "Signature-Input and Signature hold no signature under one label (sig1=(\"@method\" …);created=…, sig1=:…:)",
        ));
    }
    let mut problem = None;
    for candidate in &candidates {
        if let Err(unfit) = fits(candidate, spec) {
            problem = Some(unfit);
            continue;
        }
        let base = base(candidate, context)?;
        let right = |key: &&&Key| is_right(key, &base, &candidate.tag);
        // No early end: which of several keys fits must not show in the time.
        let right = keys.iter().fold(None, |found, key| found.or(Some(key).filter(right)));
        let Some(key) = right else { continue };
        if let Some(own) = candidate.alg.and_then(|alg| other_algorithm(key, alg)) {
            problem = Some(Problem::malformed(format!(
                "the signature is right, but its `alg` is not the key's ({own}), so it must be refused (RFC 9421, section 3.2)"
            )));
            continue;
        }
        content_digest(candidate, context)?;
        let ms = |seconds: Option<i64>| seconds.and_then(|s| s.checked_mul(1000));
        return Ok(Signed { created_ms: ms(candidate.created), expires_ms: ms(candidate.expires) });
    }
    Err(problem.unwrap_or(Problem { reason: Reason::Mismatch, says: None }))
}

/// What is wrong with a signature that is right but for that: made for the URL with the other scheme, or in DER.
pub(super) fn diagnose(spec: &SignatureSpec, key: &Key, context: &Context<'_>) -> Option<String> {
    let input = listed(context.headers, "Signature-Input").filter(|input| input.len() <= MAX_HEADER)?;
    let tags = listed(context.headers, "Signature").filter(|tags| tags.len() <= MAX_HEADER)?;
    let other_url = other_scheme(context.url);
    let found = candidates(&input, &tags).into_iter().filter(|one| fits(one, spec).is_ok()).find_map(|one| {
        let swapped = || base(&one, &context.under(other_url.as_deref()?)).ok();
        if swapped().is_some_and(|base| is_right(key, &base, &one.tag)) {
            return Some(SWAPPED);
        }
        let base = base(&one, context).ok()?;
        let is_der = match key {
            Key::Private(key) => key.public().verifies_der(base.as_bytes(), &one.tag),
            Key::Public(key) => key.verifies_der(base.as_bytes(), &one.tag),
            _ => false,
        };
        is_der.then_some("the signature is DER instead of the 64 bytes of r and s (RFC 9421, section 3.3.4)")
    });
    found.map(str::to_owned)
}

/// That a signature covers what the profile demands, and nothing twice.
fn fits(candidate: &Candidate<'_>, spec: &SignatureSpec) -> Result<(), Problem> {
    let covered = &candidate.components;
    if let Some(lacks) = spec.components.iter().find(|c| !covered.contains(&c.as_str())) {
        return Err(Problem::malformed(format!(
            "the signature does not cover `{lacks}`, which the profile requires"
        )));
    }
    let twice = covered.iter().enumerate().any(|(i, c)| covered.iter().take(i).any(|before| before == c));
    if twice {
        return Err(Problem::malformed(
            "the signature covers a component twice, which is an error (RFC 9421, section 2.5)",
        ));
    }
    Ok(())
}

/// The name of a key's own algorithm where a signature says another one; of a key whose algorithm has no name in the registry
/// of RFC 9421 every name is another one.
fn other_algorithm(key: &Key, alg: &str) -> Option<&'static str> {
    let own = match key {
        Key::Mac(Mac::Sha256(_)) => "hmac-sha256",
        Key::Mac(Mac::Sha1(_)) => "HMAC-SHA1, which has no name there",
        Key::Mac(Mac::Sha512(_)) => "HMAC-SHA512, which has no name there",
        Key::Private(key) => key.public().registered(),
        Key::Public(key) => key.registered(),
        Key::Token(_) | Key::Nothing => "none",
    };
    (own != alg).then_some(own)
}

fn is_right(key: &Key, base: &str, tag: &[u8]) -> bool {
    match key {
        Key::Mac(mac) => same(mac.over(&[base.as_bytes()]).bytes(), tag),
        Key::Private(key) => key.public().verifies_fixed(base.as_bytes(), tag),
        Key::Public(key) => key.verifies_fixed(base.as_bytes(), tag),
        Key::Token(_) | Key::Nothing => false,
    }
}

/// The value of a header that holds a list: its lines are one (RFC 9651, section 4.2).
fn listed<'h>(headers: &'h [(String, String)], name: &str) -> Option<Cow<'h, str>> {
    let named = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
    let mut lines = headers.iter().filter(named).map(|(_, value)| value.trim_matches([' ', '\t']));
    let first = lines.next()?;
    let rest: Vec<&str> = lines.collect();
    Some(if rest.is_empty() {
        Cow::Borrowed(first)
    } else {
        Cow::Owned(format!("{first}, {}", rest.join(", ")))
    })
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
        alg: None,
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
    let value = listed(context.headers, "Content-Digest").unwrap_or_default();
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
                "the signature is right, but its Content-Digest is not this body's",
            ));
        }
    }
    if known { Ok(()) } else { Err(Problem::malformed("Content-Digest holds neither sha-256 nor sha-512")) }
}

/// The signatures of the two headers, paired by label.
fn candidates<'h>(input: &'h str, tags: &'h str) -> Vec<Candidate<'h>> {
    let tags: Vec<(&str, &str)> = members(tags);
    let of = |(label, params): (&'h str, &'h str)| {
        let (_, coded) = tags.iter().find(|(l, _)| *l == label)?;
        let coded = coded.strip_prefix(':')?.strip_suffix(':')?;
        let (list, rest) = params.strip_prefix('(')?.split_once(')')?;
        let number = |name: &str| param(rest, name)?.parse::<i64>().ok();
        let alg = param(rest, "alg");
        let component = |text: &'h str| text.strip_prefix('"')?.strip_suffix('"');
        let components: Option<Vec<&str>> = list.split_ascii_whitespace().map(component).collect();
        Some(Candidate {
            label,
            components: components?,
            params,
            created: number("created"),
            expires: number("expires"),
            // A token in place of a string is no name of an algorithm either.
            alg: alg.map(|alg| alg.strip_prefix('"').and_then(|a| a.strip_suffix('"')).unwrap_or("")),
            tag: STANDARD.decode(coded).ok()?,
        })
    };
    members(input).into_iter().filter_map(of).filter(|c| !c.label.is_empty()).take(8).collect()
}

/// The value of a parameter; of one that appears twice the last counts (RFC 9651, section 4.2.3.2).
fn param<'h>(text: &'h str, name: &str) -> Option<&'h str> {
    let value = |part: &'h str| part.trim_start().strip_prefix(name)?.strip_prefix('=');
    parts(text, ';').into_iter().filter_map(value).next_back()
}

/// The members of a dictionary (RFC 9651): label and the text of the value; of a label that appears twice the last counts.
fn members(text: &str) -> Vec<(&str, &str)> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for member in parts(text, ',').into_iter().take(MAX_MEMBERS) {
        let Some((label, value)) = member.split_once('=') else { continue };
        let label = label.trim();
        found.retain(|(known, _)| *known != label);
        found.push((label, value.trim()));
    }
    found
}

/// What stands between separators outside quotes and inner lists.
fn parts(text: &str, separator: char) -> Vec<&str> {
    let (mut found, mut from, mut quoted, mut escaped, mut depth) = (Vec::new(), 0, false, false, 0u32);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            _ if c == separator && !quoted && depth == 0 => {
                found.extend(text.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    found.extend(text.get(from..));
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

    const URL: &str = "https://shop.example/in";
    const BODY: &[u8] = br#"{"type":"paid"}"#;
    const COVERED: [&str; 3] = ["@method", "@target-uri", "content-digest"];

    fn secret() -> crate::Secret {
        crate::Secret::new("a-shared-secret-of-thirty-two-ch")
    }

    fn digest() -> String {
        format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(BODY)))
    }

    /// The two headers of a signature over these components, with these parameters.
    fn signed(label: &str, covered: &[&str], params: &str, secret: &crate::Secret) -> [(String, String); 2] {
        let listed: Vec<String> = covered.iter().map(|c| format!("\"{c}\"")).collect();
        let input = format!("({}){params}", listed.join(" "));
        let value = |component: &str| match component {
            "@method" => "POST".to_owned(),
            "@target-uri" => URL.to_owned(),
            _ => digest(),
        };
        let lines: String = covered.iter().map(|c| format!("\"{c}\": {}\n", value(c))).collect();
        let mac = Mac::new(crate::Algorithm::HmacSha256, secret.expose().as_bytes()).unwrap();
        let tag = STANDARD.encode(mac.over(&[format!("{lines}\"@signature-params\": {input}")]).bytes());
        [
            ("Signature-Input".to_owned(), format!("{label}={input}")),
            ("Signature".to_owned(), format!("{label}=:{tag}:")),
        ]
    }

    fn verdict(headers: impl IntoIterator<Item = (String, String)>, body: &[u8]) -> crate::Verdict {
        let mut headers: Vec<(String, String)> = headers.into_iter().collect();
        headers.push(("Content-Digest".to_owned(), digest()));
        let verifier = crate::Verifier::new(crate::Scheme::Rfc9421, &secret()).unwrap();
        let request = crate::Received { method: "POST", url: URL, headers: &headers, body };
        verifier.verify_request(&request, 1_795_438_932_000, &[])
    }

    #[test]
    fn an_algorithm_that_is_not_the_keys_and_a_component_covered_twice_are_refused() {
        let of = |covered: &[&str], params: &str| verdict(signed("sig1", covered, params, &secret()), BODY);
        for params in ["", ";alg=\"hmac-sha256\"", ";nonce=\"a;alg=b\"", ";keyid=\"k\""] {
            assert!(of(&COVERED, &format!(";created=1795438932{params}")).valid, "{params}");
        }
        for alg in ["\"ed25519\"", "\"hmac-md5\"", "\"HMAC-SHA256\"", "hmac-sha256", "\"\""] {
            let verdict = of(&COVERED, &format!(";created=1795438932;alg={alg}"));
            let says = verdict.diagnosis.unwrap_or_default();
            assert!(!verdict.valid && says.contains("`alg` is not the key's (hmac-sha256)"), "{alg}: {says}");
        }
        let twice =
            of(&["@method", "@target-uri", "content-digest", "content-digest"], ";created=1795438932");
        assert!(!twice.valid && twice.diagnosis.unwrap().contains("covers a component twice"));
        assert!(!verdict(signed("sig1", &COVERED, ";created=1795438932", &secret()), b"{}").valid);
    }

    #[test]
    fn a_url_with_the_other_scheme_and_der_are_named() {
        use super::super::public_key::new_p256;
        let at = |url: &str, tag: fn(&Key, &[u8]) -> Vec<u8>, secret: &crate::Secret| {
            let (version, key) = Key::new(crate::Scheme::Rfc9421.compiled(), secret, true).unwrap();
            assert_eq!(version.encoding, crate::Encoding::Base64);
            let mut headers = crate::Signer::new(crate::Scheme::Rfc9421, secret)
                .unwrap()
                .to("POST", url)
                .sign(&crate::Outgoing { event: "", id: "", timestamp_ms: 1_795_438_932_000, body: BODY })
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Vec<_>>();
            let params = headers.iter().find(|(name, _)| name == "Signature-Input").unwrap().1.clone();
            let params = params.strip_prefix("sig1=").unwrap();
            let base = format!(
                "\"@method\": POST\n\"@target-uri\": {url}\n\"content-digest\": {}\n\"@signature-params\": {params}",
                digest()
            );
            let signature = headers.iter_mut().find(|(name, _)| name == "Signature").unwrap();
            signature.1 = format!("sig1=:{}:", STANDARD.encode(tag(&key, base.as_bytes())));
            let verifier = crate::Verifier::new(crate::Scheme::Rfc9421, secret).unwrap();
            let request = crate::Received { method: "POST", url: URL, headers: &headers, body: BODY };
            verifier.verify_request(&request, 1_795_438_932_000, &[])
        };
        let fixed: fn(&Key, &[u8]) -> Vec<u8> = |key, base| match key {
            Key::Private(key) => key.sign_fixed(base).unwrap(),
            Key::Mac(mac) => mac.over(&[base]).bytes().to_vec(),
            _ => Vec::new(),
        };
        let der: fn(&Key, &[u8]) -> Vec<u8> = |key, base| match key {
            Key::Private(key) => key.sign(base).unwrap(),
            _ => Vec::new(),
        };
        let pair = crate::Secret::new(format!("ecdsa_{}", STANDARD.encode(new_p256().unwrap())));
        let http = URL.replace("https", "http");
        for secret in [&secret(), &pair] {
            assert!(at(URL, fixed, secret).valid);
            let swapped = at(&http, fixed, secret);
            assert_eq!((swapped.reason, swapped.diagnosis.as_deref()), (Reason::Mismatch, Some(SWAPPED)));
            assert_eq!(at("https://shop.example/other", fixed, secret).diagnosis, None);
        }
        let says = at(URL, der, &pair).diagnosis.unwrap_or_default();
        assert!(says.starts_with("the signature is DER instead of the 64 bytes of r and s"), "{says}");
    }

    #[test]
    fn the_lines_of_a_header_are_one_list() {
        let other = crate::Secret::new("another-secret-of-thirty-two-chars");
        let both = [
            signed("a", &COVERED, ";created=1795438932", &other),
            signed("b", &COVERED, ";created=1795438932", &secret()),
        ];
        assert!(verdict(both.concat(), BODY).valid);
        let [a, b] = both;
        let joined = [0, 1].map(|i| (a[i].0.clone(), format!("{}, {}", a[i].1, b[i].1)));
        assert!(verdict(joined, BODY).valid);
        assert!(!verdict(a, BODY).valid);
    }

    #[test]
    fn a_profile_must_cover_the_body_by_components_that_there_are() {
        let problems = |components: &[&str]| {
            let mut spec = crate::Scheme::Rfc9421.spec().clone();
            spec.signature.components = components.iter().map(|c| (*c).to_owned()).collect();
            spec.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(problems(&["@method", "@query", "content-digest", "x-id"]), "");
        for (components, says) in [
            (&["@method"][..], "signature.components: `content-digest` is missing"),
            (&[], "`content-digest` is missing"),
            (
                &["@foo", "content-digest"],
                "signature.components.0: `@foo` is not a component of a request; known: @method",
            ),
            (&["Content-Digest", "content-digest"], "lower-case"),
            (&["content-digest", "content-digest"], "components.1: `content-digest` is here twice"),
        ] {
            assert!(problems(components).contains(says), "{components:?}: {}", problems(components));
        }
    }
}
