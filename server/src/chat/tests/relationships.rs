//! Blocks: how many there may be, who is hidden from whom, and what others may ask.

use guildhall_proto::{ids::UserId, v1};

use super::{Bench, assert_error};
use crate::{
    chat::{Error, Relation},
    store::{BlockRow, Write},
};

fn block(user: UserId) -> v1::BlockUserRequest {
    v1::BlockUserRequest { user_id: user.get() }
}

#[tokio::test]
async fn a_block_is_in_force_when_its_call_is_answered() {
    let bench = Bench::open().await;
    let (ann, bob) = (bench.person("ann").await, bench.person("bob").await);
    let relation = async |one, other| bench.chat.relation(one, other).await.expect("read");
    let of_ann = bench.chat.hidden_from(ann.user).await.expect("read");
    let of_bob = bench.chat.hidden_from(bob.user).await.expect("read");
    let mut changes = of_bob.watch();
    assert!(!of_ann.has(bob.user) && !of_bob.has(ann.user));
    assert_eq!(relation(ann.user, bob.user).await, Relation::default());

    bench.chat.block_user(&ann, block(bob.user)).await.expect("blocked");
    assert!(of_ann.has(bob.user) && of_bob.has(ann.user));
    assert!(changes.has_changed().expect("held"));
    changes.mark_unchanged();
    assert_eq!(relation(ann.user, bob.user).await, Relation { blocks: true, is_blocked: false });
    assert_eq!(relation(bob.user, ann.user).await, Relation { blocks: false, is_blocked: true });
    // Whoever comes later finds the same.
    drop(of_bob);
    assert!(bench.chat.hidden_from(bob.user).await.expect("read").has(ann.user));

    bench.chat.block_user(&bob, block(ann.user)).await.expect("blocked");
    bench.chat.unblock_user(&ann, v1::UnblockUserRequest { user_id: bob.user.get() }).await.expect("unblocked");
    // The other's block goes on.
    assert!(of_ann.has(bob.user));
    assert_eq!(relation(ann.user, bob.user).await, Relation { blocks: false, is_blocked: true });
}

#[tokio::test]
async fn so_many_may_be_blocked_and_not_more() {
    let bench = Bench::open().await;
    let (ann, bob, carl) = (bench.person("ann").await, bench.person("bob").await, bench.person("carl").await);
    let others = (1..1_000).map(|id| BlockRow { user: ann.user, blocked: UserId(id), create_ms: id });
    let writes = others.map(Write::InsertBlock).collect();
    bench.chat.metadata().commit(None, writes, Vec::new()).await.expect("written");
    bench.chat.block_user(&ann, block(bob.user)).await.expect("the thousandth");
    let refused = bench.chat.block_user(&ann, block(carl.user)).await;
    assert_error!(refused, Error::Limit { subject: "user.blocks", max: 1_000 });
    // One that is there is no more than it was.
    bench.chat.block_user(&ann, block(bob.user)).await.expect("nothing new");
    bench.chat.unblock_user(&ann, v1::UnblockUserRequest { user_id: bob.user.get() }).await.expect("unblocked");
    bench.chat.block_user(&ann, block(carl.user)).await.expect("there is room again");
}
