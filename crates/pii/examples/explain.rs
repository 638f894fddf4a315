//! Says why a value at a place is a finding, or is none: `cargo run -p smoke-pii --example explain /player/address '12 Main St, Leeds'`

use pii::{Engine, Policy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write as _;
    let mut args = std::env::args().skip(1);
    let (Some(place), Some(value)) = (args.next(), args.next()) else {
        return Err("usage: explain PLACE VALUE".into());
    };
    let engine = Engine::new(&Policy::default(), &[], b"a salt of this run")?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &engine.explain(&place, &value))?;
    Ok(writeln!(out)?)
}
