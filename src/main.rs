//! The `smoke` binary.

/// Reading a journal, sending and receiving are many small allocations, which it is faster at than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    smoke::cli::main()
}
