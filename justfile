# The habits. `just` alone lists them.

default:
    @just --list

# What CI runs
ci:
    bash .ci/run

# Tests; with a name only those
test *NAME:
    cargo test {{NAME}}

# Formatting and lints
lint:
    cargo fmt
    cargo clippy --all-targets -- -D warnings

# The two smokes on the embedded stand-in
smoke:
    cargo run --release -- payments
    cargo run --release -- matches

# JSON Schemas that are committed, made again from the types
schemas:
    cargo run --quiet -- schema scenario > scenarios/schema/scenario.schema.json

# Processor time and throughput of a load against wrk and hey (apt-get install wrk hey)
bench-load *ARGS:
    cargo build --release --bin smoke --bin bare_receiver
    benches/load_vs_peers.sh {{ARGS}}

# The Slurm array and its merge on a real one-machine Slurm (apt-get install slurm-wlm munge)
try-slurm:
    cargo build --release --bin smoke --bin bare_receiver
    deploy/slurm/try-one-machine.sh
