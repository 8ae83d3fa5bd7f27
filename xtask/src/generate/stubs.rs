//! Messages, client stubs and server stubs, made by prost and tonic.

use std::fs;

use anyhow::{Context, Result};
use tonic_prost_build::Builder;

use super::descriptors::Compiled;
use super::redact::Redacted;
use super::{INTERNAL, PACKAGE};
use crate::workspace;

/// Where the server's own twins of messages stand. They are the same on the wire and carry parts that were encoded
/// once for all receivers.
const TWINS: [(&str, &str); 2] = [
    (".guildhall.v1.SessionResponse", "crate::session::frame::SessionResponse"),
    (".guildhall.v1.ListenResponse", "crate::session::frame::ListenResponse"),
];

/// The server's codec: its buffers are small, because idle sessions are many.
const SERVER_CODEC: &str = "crate::rpc::codec::Codec";

/// Messages and client stubs.
pub(crate) fn client(compiled: &Compiled, redacted: &Redacted) -> Result<String> {
    let builder = builder().build_client(true).build_server(false).skip_debug(redacted.paths());
    generate(builder, compiled, PACKAGE, "client")
}

/// Server stubs over the messages of the proto crate.
pub(crate) fn server(compiled: &Compiled) -> Result<String> {
    let mut builder = builder()
        .build_client(false)
        .build_server(true)
        .codec_path(SERVER_CODEC)
        .extern_path(format!(".{PACKAGE}"), "::guildhall_proto::v1");
    for (message, twin) in TWINS {
        builder = builder.extern_path(message, twin);
    }
    generate(builder, compiled, PACKAGE, "server")
}

/// Those of the messages between nodes that carry texts or digests of tokens, which belong into no log: no `Debug`.
const UNSHOWN: [&str; 4] = ["CommitRequest", "NewMessage", "PushRequest", "PushResponse"];

/// What nodes say to each other: messages and both sides of the calls.
pub(crate) fn internal(compiled: &Compiled) -> Result<String> {
    let unshown = UNSHOWN.map(|name| format!(".{INTERNAL}.{name}"));
    let builder = builder().extern_path(format!(".{PACKAGE}"), "::guildhall_proto::v1").skip_debug(unshown);
    generate(builder, compiled, INTERNAL, "internal")
}

fn builder() -> Builder {
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .extern_path(".google.rpc", "::tonic_types::pb")
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        // Its options are read by the generator; no message carries one.
        .extern_path(".buf.validate", "::buf_validate")
}

fn generate(builder: Builder, compiled: &Compiled, package: &str, side: &str) -> Result<String> {
    let dir = workspace::target().join("xtask-gen").join(side);
    fs::create_dir_all(&dir)?;
    builder
        .out_dir(&dir)
        .compile_fds(compiled.set.clone())
        .with_context(|| format!("cannot generate the {side} stubs"))?;
    let file = dir.join(format!("{package}.rs"));
    fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}
