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
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            serde_json::to_writer(&mut out, &engine.scan_line(line.as_bytes())?)?;
            writeln!(out)?;
        }
    }
    Ok(())
}
