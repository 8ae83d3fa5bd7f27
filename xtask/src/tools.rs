//! Programs of others that the checks need, installed under `target/tools` in fixed versions. What is there already is
//! left alone, so only the first run waits.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::{cargo, command, read, run, tools};

const CARGO_DENY: &str = "0.20.2";
const BUF: &[&str] = &["@bufbuild/buf@1.75.0"];
/// What a client in the browser is made of.
const JAVASCRIPT: &[&str] = &[
    "@connectrpc/connect@2.2.0",
    "@connectrpc/connect-web@2.2.0",
    "@bufbuild/protobuf@2.13.0",
    "@bufbuild/protoc-gen-es@2.13.0",
];
/// What a client in Python is made of.
const PYTHON: &[&str] = &["grpcio==1.85.1", "grpcio-tools==1.85.1"];
/// Texts that people wrote, in several languages, for tests and benchmarks.
const DEBIAN: &[&str] = &["fortune-mod", "fortunes", "fortunes-de", "fortunes-zh"];

/// `buf`, ready to run.
pub(crate) fn buf() -> Result<PathBuf> {
    let dir = npm("buf", BUF)?;
    Ok(dir.join("node_modules/.bin/buf"))
}

/// `cargo-deny`, ready to run.
pub(crate) fn cargo_deny() -> Result<PathBuf> {
    let binary = tools().join("bin/cargo-deny");
    let found = read(command(&binary).arg("--version")).unwrap_or_default();
    if !found.contains(CARGO_DENY) {
        let mut install = cargo();
        install.args(["install", "--locked", "cargo-deny", "--version", CARGO_DENY, "--root"]);
        run(install.arg(tools()))?;
    }
    Ok(binary)
}

/// Packages for clients in JavaScript: `target/tools/js/node_modules`.
pub(crate) fn javascript() -> Result<()> {
    npm("js", JAVASCRIPT).map(drop)
}

/// An interpreter with packages for clients in Python: `target/tools/py/bin/python`.
pub(crate) fn python() -> Result<()> {
    let dir = tools().join("py");
    installed(&dir, PYTHON, || {
        // Debian splits these off; elsewhere they come with Python.
        if read(command("python3").args(["-c", "import ensurepip, venv"])).is_err() {
            apt_install(&["python3-venv"])?;
        }
        run(command("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
        let mut install = command(dir.join("bin/python"));
        run(install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PYTHON))
    })
}

/// Packages of the system that tests read.
pub(crate) fn debian() -> Result<()> {
    debian_packages(DEBIAN)
}

/// Packages of the system.
pub(crate) fn debian_packages(packages: &[&str]) -> Result<()> {
    let missing: Vec<_> = packages.iter().copied().filter(|package| !has_package(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    apt_install(&missing)
}

fn has_package(package: &str) -> bool {
    let status = read(command("dpkg-query").args(["--show", "--showformat=${Status}", package]));
    status.is_ok_and(|status| status == "install ok installed")
}

fn apt_install(packages: &[&str]) -> Result<()> {
    // A fresh machine has no package lists; an old list is good enough otherwise.
    if run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages)).is_ok() {
        return Ok(());
    }
    run(apt().arg("update"))?;
    run(apt().args(["install", "-y", "--no-install-recommends"]).args(packages))
}

/// Whether this user may do everything.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn apt() -> std::process::Command {
    let mut apt = if is_root() { command("apt-get") } else { command("sudo") };
    if !is_root() {
        apt.args(["-n", "apt-get"]);
    }
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

fn npm(name: &str, packages: &'static [&str]) -> Result<PathBuf> {
    let dir = tools().join(name);
    installed(&dir, packages, || {
        fs::create_dir_all(&dir)?;
        // Without a manifest here npm would look for one further up.
        fs::write(dir.join("package.json"), "{ \"private\": true }\n")?;
        let mut install = command("npm");
        install.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--prefix"]);
        run(install.arg(&dir).args(packages))
    })?;
    Ok(dir)
}

/// Installs unless exactly these packages are there.
fn installed(dir: &Path, packages: &[&str], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = dir.join("installed.txt");
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install().with_context(|| format!("cannot install {}", packages.join(", ")))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}
