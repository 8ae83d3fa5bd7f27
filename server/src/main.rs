//! The `guildhall-server` binary: all of it is in the library, where tests reach it.

use std::process::ExitCode;

use guildhall_server::app::command;

/// glibc's allocator keeps what many short-lived sessions leave behind; this one gives it back and is faster.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main]
async fn main() -> ExitCode {
    command::run(std::env::args_os()).await
}
