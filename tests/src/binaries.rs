//! Where the programs under test lie, and building them when they are missing or older than their sources.
//!
//! `cargo test` builds the programs of the tested package only, so the first test that needs one sees to the rest.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// The server.
pub const SERVER: &str = "guildhall-server";
/// The command line.
pub const CLI: &str = "guildhall";
/// The echo bot of the SDK's examples.
pub const ECHO_BOT: &str = "examples/echo_bot";
/// The bridge for browsers as a program of its own.
pub const WEB_BRIDGE: &str = "guildhall-web-bridge";

/// Programs in this directory are tested instead of those of the workspace.
const ELSEWHERE: &str = "GUILDHALL_TEST_BINARIES";
const SOURCES: [&str; 6] = ["Cargo.lock", "proto", "server", "sdk-rust", "cli", "web-bridge"];

/// The path of a program.
///
/// # Panics
/// If it cannot be built.
pub fn binary(name: &str) -> PathBuf {
    static READY: OnceLock<PathBuf> = OnceLock::new();
    READY.get_or_init(ready).join(name)
}

fn ready() -> PathBuf {
    if let Some(dir) = std::env::var_os(ELSEWHERE) {
        return PathBuf::from(dir);
    }
    let dir = profile_dir();
    let newest = SOURCES.iter().filter_map(|source| newest(&workspace().join(source))).max();
    let is_fresh = |name: &&str| modified(&dir.join(name)) >= newest;
    if ![SERVER, CLI, ECHO_BOT, WEB_BRIDGE].iter().all(is_fresh) {
        build(&dir);
    }
    dir
}

/// `target/debug` or the like: this very program lies in its `deps`.
fn profile_dir() -> PathBuf {
    let here = std::env::current_exe().expect("a program knows its path");
    let dir = here.parent().expect("a program lies in a directory");
    match dir.ends_with("deps") {
        true => dir.parent().expect("`deps` lies in a directory").to_owned(),
        false => dir.to_owned(),
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cargo itself keeps two builds at a time apart, by a lock on the directory.
fn build(dir: &Path) {
    let profile = match dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = dir.parent().expect("a profile's directory lies in the target directory");
    let status = Command::new(cargo)
        .current_dir(workspace())
        .args(["build", "--quiet", "--bins", "--examples", "--profile", profile])
        .args(["--package", "guildhall-server", "--package", "guildhall-cli", "--package", "guildhall"])
        .args(["--package", "guildhall-web-bridge"])
        .arg("--target-dir")
        .arg(target)
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the programs under test cannot be built");
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}

/// When a file, or any file of a directory, was last changed.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = path.read_dir() else { return modified(path) };
    let skip = |path: &Path| ["target", "node_modules", "tests"].iter().any(|name| path.ends_with(name));
    entries.flatten().map(|entry| entry.path()).filter(|path| !skip(path)).filter_map(|path| newest(&path)).max()
}
