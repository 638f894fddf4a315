//! Reads an HTTP request from standard input and says whether its webhook signature holds, and if not, why.
//!
//! `WEBHOOK_SECRET=… cargo run -p smoke-signature --example verify -- stripe < request.txt`
#![expect(clippy::print_stdout, reason = "an example prints")]

use smoke_signature::{Scheme, Secret, Verifier};
use std::error::Error;
use std::io::Read;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Largest request that is read.
const MAX: u64 = 1 << 20;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let scheme: Scheme = std::env::args().nth(1).ok_or("usage: verify SCHEME < request.txt")?.parse()?;
    let secret = Secret::new(std::env::var("WEBHOOK_SECRET")?);
    let mut request = Vec::new();
    std::io::stdin().take(MAX).read_to_end(&mut request)?;
    let (headers, body) = split(&request).ok_or("no empty line between headers and body")?;
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;

    let verdict = Verifier::new(scheme, &secret)?.verify(&headers, body, now_ms);
    match verdict.diagnosis {
        Some(diagnosis) => println!("{}: {diagnosis}", verdict.reason),
        None => println!("{}", verdict.reason),
    }
    Ok(ExitCode::from(u8::from(!verdict.valid)))
}

/// Headers and body.
type Split<'r> = (Vec<(String, String)>, &'r [u8]);

/// The header lines, and the bytes behind the empty line as they are.
fn split(request: &[u8]) -> Option<Split<'_>> {
    const END: &[u8] = b"\r\n\r\n";
    let end = request.windows(END.len()).position(|window| window == END)?;
    let (head, body) = (request.get(..end)?, request.get(end + END.len()..)?);
    let head = String::from_utf8_lossy(head);
    let header = |line: &str| line.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned()));
    Some((head.lines().filter_map(header).collect(), body))
}
