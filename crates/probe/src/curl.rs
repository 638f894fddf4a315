//! A request as a curl command: the signature is in it, the secret is not.

use crate::shot::{Content, Framing, Shot};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

/// A command for a POSIX shell with `base64` and curl; `url` is the receiver's.
#[must_use]
pub fn curl(url: &str, shot: &Shot) -> String {
    let mut command = format!("curl -sS -i -X {} {}", shot.method, quoted(url));
    // curl would send these by itself.
    for name in ["Expect", "Content-Type"] {
        if shot.header(name).is_none() {
            command.push_str(&format!(" -H '{name}:'"));
        }
    }
    for (name, value) in &shot.headers {
        let line = if value.is_empty() {
            format!("{name};").into_bytes()
        } else {
            [name.as_bytes(), b": ", value.as_slice()].concat()
        };
        command.push_str(&format!(" -H {}", quoted_bytes(&line)));
    }
    if matches!(shot.framing, Framing::Chunked(_)) {
        command.push_str(" -H 'Transfer-Encoding: chunked'");
    }
    match (&shot.body, shot.framing) {
        (_, Framing::None) => command,
        (Content::Filler(n), _) => {
            format!("head -c {n} /dev/zero | tr '\\0' . | {command} --data-binary @-")
        }
        (Content::Bytes(bytes), _) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => format!("{command} --data-raw {}", quoted(text)),
            _ => format!("printf %s {} | base64 -d | {command} --data-binary @-", BASE64.encode(bytes)),
        },
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Bytes that are no text are octal, which `printf` of every shell reads.
fn quoted_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => quoted(text),
        Err(_) => {
            let escaped: String = bytes.iter().map(|b| format!("\\{b:03o}")).collect();
            format!("\"$(printf '{escaped}')\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Case, Forge};
    use signature::{Scheme, Secret};

    #[test]
    fn the_command_holds_the_signature_and_not_the_secret() {
        let secret = Secret::new("hunter2hunter2hunter2hunter2hunter2");
        let forge = Forge::new(Scheme::Github, &secret, "push", None, "it's").unwrap();
        for case in Case::all() {
            for shot in case.shots(&forge, 1_764_115_200_000, 0).unwrap_or_default() {
                let command = curl("http://127.0.0.1:1/x", &shot);
                assert!(command.contains("curl -sS -i -X ") && !command.contains("hunter2"), "{command}");
            }
        }
        let shots = Case::of("valid").unwrap().shots(&forge, 0, 0).unwrap();
        let command = curl("http://127.0.0.1:1/x", &shots[0]);
        assert!(
            command.contains("-H 'X-Hub-Signature-256: sha256=") && command.contains(r"it'\''s"),
            "{command}"
        );
    }
}
