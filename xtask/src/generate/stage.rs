//! The protos of others that ours import. They lie in the sources of crates that the workspace depends on anyway;
//! cargo tells where. They are staged under `target/`, so that nothing is copied into the repository.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

/// (crate, file in its sources, import path)
const DEPENDENCIES: [(&str, &str, &str); 3] = [
    ("prost-protovalidate-types", "proto/buf/validate/validate.proto", "buf/validate/validate.proto"),
    ("tonic-types", "proto/status.proto", "google/rpc/status.proto"),
    ("tonic-types", "proto/error_details.proto", "google/rpc/error_details.proto"),
];

/// Stages the dependencies' protos and returns the directory they are imported from.
pub(crate) fn stage_dependencies() -> Result<PathBuf> {
    let dir = workspace::target().join("proto-deps");
    copy_dependencies(&dir)?;
    Ok(dir)
}

/// Writes our protos and those they import into one tree, for compilers that do not know where crates lie.
/// `google/protobuf/*` is left out: every compiler brings its own.
pub(crate) fn export(dir: &Path) -> Result<()> {
    copy_dependencies(dir)?;
    let root = workspace::root().join("proto");
    for file in super::descriptors::own_files(&root, super::PACKAGE)? {
        copy(&root.join(&file), &dir.join(&file))?;
    }
    println!("exported to {}", dir.display());
    Ok(())
}

fn copy_dependencies(dir: &Path) -> Result<()> {
    let sources = crate_sources()?;
    for (package, file, import) in DEPENDENCIES {
        let source = sources.get(package).with_context(|| format!("cargo does not know the crate {package}"))?;
        copy(&source.join(file), &dir.join(import))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(to, content).with_context(|| format!("cannot write {}", to.display()))
}

/// Directories of the sources of all crates that the workspace uses.
fn crate_sources() -> Result<HashMap<String, PathBuf>> {
    let text = workspace::read(workspace::cargo().args(["metadata", "--format-version=1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let entries = packages.iter().filter_map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        Some((package["name"].as_str()?.to_owned(), manifest.parent()?.to_owned()))
    });
    Ok(entries.collect())
}
