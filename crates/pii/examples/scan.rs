//! Reads JSON lines like `{"id": 1, "payload": {…}, "headers": {…}}` from the standard input and prints what leaks, a line for each:
//!
//! ```text
//! echo '{"id": 1, "payload": {"body": "mail rahim@gmail.com"}}' | cargo run -p smoke-pii --example scan
//! ```

use pii::{Engine, Policy};
use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::new(&Policy::default(), &[], b"a salt of this run")?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut input = std::io::BufReader::with_capacity(256 << 10, std::io::stdin().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if !line.trim_ascii().is_empty() {
            serde_json::to_writer(&mut out, &engine.scan_line(&line)?)?;
            writeln!(out)?;
        }
        line.clear();
    }
    Ok(())
}
