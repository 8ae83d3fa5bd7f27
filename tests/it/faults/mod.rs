//! Faults: a node, or what the nodes stand on, fails while everybody writes and reads. Nothing acknowledged is lost,
//! nothing is there twice, all see one order; people see of it what the table in `docs/operations.md` says; and when it is
//! over, all go on by themselves.
//!
//! The gate has the worst of each kind (`scenario.rs` says which), `cargo xtask test --full` all of them.
//! `GUILDHALL_TEST_FAULT=RedisHangs,NodeKilled` runs only these.

mod happen;
mod play;
mod scenario;
mod scene;
mod table;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use guildhall_tests::deployment::{Kind, Services};

use scene::Scene;
use table::Table;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_repeated_whatever_fails() {
    let (kind, services) = (Kind::tested(), Services::that_may_die());
    let mut table = Table::new(kind);
    let mut stage = None;
    for fault in scenario::chosen(kind, services.is_some()) {
        let scene = match stage.take() {
            Some(scene) => scene,
            None => Scene::start(kind, services.clone()).await,
        };
        // One that fails is told with the others at the end, and what it has left behind is not used again.
        match AssertUnwindSafe(scene.endure(fault)).catch_unwind().await {
            Ok((scene, row)) => {
                table.add(fault, &row);
                stage = Some(scene);
            }
            Err(why) => table.fail(fault, why),
        }
    }
    table.finish();
}
