//! The `smoke` binary.

fn main() -> std::process::ExitCode {
    smoke::cli::main()
}
