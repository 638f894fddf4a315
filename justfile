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
    cargo clippy --workspace --all-targets -- -D warnings

# The documentation of all crates, without warnings
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The two smokes on the embedded stand-in
smoke:
    cargo run --release -- payments
    cargo run --release -- matches

# What is shipped and measured: fat LTO, one codegen unit
dist:
    deploy/dist/build.sh

# Tarball, .deb, SBOM and sums of the binary that was shipped (cargo install cargo-deb cargo-cyclonedx)
package OUT="target/out":
    deploy/dist/package.sh "$(deploy/dist/build.sh)" {{OUT}}

# Traces and metrics at a real collector (python3 with venv)
try-collector:
    cargo build
    deploy/telemetry/try-collector.sh target/debug/smoke

# JSON Schemas that are committed, made again from the types
schemas:
    cargo run -p smoke-schemas

# Golden files, made again; look at the difference before you commit it
bless:
    SMOKE_BLESS=1 cargo test --test it report::

# Advisories, licences, sources, doubled crates (cargo install cargo-deny)
deny:
    cargo deny check

# A fuzz target: http, chunked, journal, pii, log_lines, scenario, sender, artifact, envelope (cargo install cargo-fuzz; rustup toolchain install nightly)
fuzz TARGET *ARGS:
    cargo +nightly fuzz run {{TARGET}} fuzz/corpus/{{TARGET}} {{ARGS}}

# How long the crates take to build, as a page in target/cargo-timings/
timings:
    cargo build --release --timings

# Processor time and throughput of a load against wrk and hey (apt-get install wrk hey)
bench-load *ARGS:
    cargo build --release --bin smoke --bin bare_receiver
    benches/load_vs_peers.sh {{ARGS}}

# The Slurm array and its merge on a real one-machine Slurm (apt-get install slurm-wlm munge)
try-slurm:
    cargo build --release --bin smoke --bin bare_receiver
    deploy/slurm/try-one-machine.sh
