//! `cargo xtask gen`: everything that is derived from the `.proto` files, checked in so that nobody who builds
//! Guildhall needs a protocol compiler. What is written where is decided here; how, in the files beside.

mod checks;
mod descriptors;
mod numbers;
mod options;
mod redact;
mod regexes;
mod rules;
mod snapshot;
mod stage;
mod strings;
mod stubs;
#[cfg(test)]
mod tests;
mod texts;
mod write;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::workspace;

pub(crate) use stage::stage_dependencies;

/// The package that the generated code is for.
const PACKAGE: &str = "guildhall.v1";
/// What nodes say to each other. It is no part of the contract: not in the descriptors, the SDKs, or reflection.
const INTERNAL: &str = "guildhall.internal.v1";

/// What `gen` is to do.
#[derive(Args, Debug, Default)]
pub(crate) struct Gen {
    /// Write nothing; fail if anything checked in differs from what the protos say
    #[arg(long, conflicts_with = "export")]
    check: bool,
    /// Write the proto tree with all its dependencies here, for other languages' compilers
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

impl Gen {
    /// Only compares: what the gate does.
    pub(crate) fn checking() -> Self {
        Self { check: true, export: None }
    }

    /// Generates, compares or exports.
    pub(crate) fn run(&self) -> Result<()> {
        if let Some(dir) = &self.export {
            return stage::export(dir);
        }
        let outputs = outputs()?;
        if self.check { write::compare(&outputs) } else { write::write(&outputs) }
    }
}

/// A file that belongs into the repository.
struct Output {
    /// Relative to the workspace.
    path: &'static str,
    content: Vec<u8>,
}

/// Everything that is generated, in memory.
fn outputs() -> Result<Vec<Output>> {
    let includes = [workspace::root().join("proto"), stage_dependencies()?];
    let compiled = descriptors::compile(&includes, PACKAGE)?;
    let [public, staged] = &includes;
    let inside = [workspace::root().join("server/proto"), public.clone(), staged.clone()];
    let inside = descriptors::compile(&inside, INTERNAL)?;
    let model = rules::Model::read(&compiled.pool)?;
    let redacted = redact::Redacted::find(&compiled.pool)?;
    let rust =
        |path, source: String| -> Result<Output> { Ok(Output { path, content: write::finish_rust(path, &source)? }) };
    Ok(vec![
        rust("proto/src/generated/guildhall.v1.rs", stubs::client(&compiled, &redacted)?)?,
        rust("proto/src/generated/validate.rs", checks::emit(&model)?)?,
        rust("proto/src/generated/redact.rs", redacted.emit())?,
        rust("server/src/rpc/generated/guildhall.v1.rs", stubs::server(&compiled)?)?,
        rust("server/src/nodes/generated/guildhall.internal.v1.rs", stubs::internal(&inside)?)?,
        Output { path: "proto/src/generated/descriptor.bin", content: compiled.bytes },
        Output { path: "proto/rules.txt", content: snapshot::emit(&model).into_bytes() },
    ])
}
