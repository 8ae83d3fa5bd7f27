//! What black-box tests stand on: a deployment to test, its users, raw frames, the CLI, texts, recorded histories and
//! their checker. No test lives in here, save those of the checker.

pub mod binaries;
pub mod checker;
pub mod cli;
pub mod corpus;
pub mod deployment;
pub mod eventually;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod recorder;
pub mod wire;

pub use deployment::{Deployment, Guild, User};
pub use eventually::eventually;
