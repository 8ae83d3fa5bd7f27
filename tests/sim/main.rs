//! Models of the protocols between nodes, run by seed: no clock, no threads, no order that a hash decides. What is written
//! down here holds for every interleaving that the seeds reach, and a seed that fails is one that can be looked at again:
//! `GUILDHALL_SIM_SEED=n cargo test -p guildhall-tests --test sim`. 500 seeds by default, 20,000 with
//! `GUILDHALL_TEST_FULL=1`.

// A test says what it expects; that a helper of it fails loudly is the point.
#![allow(clippy::unwrap_used)]

mod chance;
mod delivery;
mod queue;
mod revocation;
mod seeds;
