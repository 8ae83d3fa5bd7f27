//! From `.proto` files to descriptors, without protoc.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorSet;
use protox::Compiler;

/// The compiled protos in the three shapes that the generators want.
pub(crate) struct Compiled {
    /// With comments, which become documentation.
    pub(crate) set: FileDescriptorSet,
    /// With the options of `buf.validate`, which a plain descriptor set loses.
    pub(crate) pool: DescriptorPool,
    /// Encoded, without comments, with everything that is imported: for reflection.
    pub(crate) bytes: Vec<u8>,
}

/// Compiles all protos of a package of ours; the first of `includes` is their root.
pub(crate) fn compile(includes: &[PathBuf], package: &str) -> Result<Compiled> {
    let files = own_files(&includes[0], package)?;
    let documented = compiler(includes, &files, true)?;
    let bare = compiler(includes, &files, false)?;
    Ok(Compiled {
        set: documented.file_descriptor_set(),
        pool: documented.descriptor_pool(),
        bytes: bare.encode_file_descriptor_set(),
    })
}

fn compiler(includes: &[PathBuf], files: &[PathBuf], comments: bool) -> Result<Compiler> {
    let mut compiler = Compiler::new(includes)?;
    compiler.include_imports(true).include_source_info(comments);
    for file in files {
        // The error's Debug form is the one that shows line and column.
        compiler.open_file(file).map_err(|error| anyhow::anyhow!("{}: {error:?}", file.display()))?;
    }
    Ok(compiler)
}

/// The protos of a package, relative to their root, in an order that does not depend on the file system.
pub(crate) fn own_files(root: &Path, package: &str) -> Result<Vec<PathBuf>> {
    let package = PathBuf::from(package.replace('.', "/"));
    let dir = root.join(&package);
    let mut files = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let name = PathBuf::from(entry?.file_name());
        if name.extension().is_some_and(|extension| extension == "proto") {
            files.push(package.join(name));
        }
    }
    ensure!(!files.is_empty(), "no proto files in {}", dir.display());
    files.sort();
    Ok(files)
}
