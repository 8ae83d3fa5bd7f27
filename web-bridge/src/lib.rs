//! gRPC-web for Guildhall: what a browser needs in front of a gRPC service, and nothing of what the service does.
//!
//! `bridge` puts three ways side by side on one port: native gRPC, gRPC-web with CORS, and plain HTTP routes. `proxy`
//! is the same bridge in front of a remote gRPC server, without generated code. No message is decoded in here.

mod bridge;
mod cors;
mod proxy;

pub use bridge::{Bridge, bridge};
pub use cors::{Origin, OriginError, cors};
pub use proxy::{Proxy, ProxyError};
